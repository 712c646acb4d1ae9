//! Reads hints from a file's path: section, date, title, and whether it is writing or a file of an app
//! or site.
//!
//! Knows the conventions of Jekyll, Hugo and note-taking folders; never opens a file.

use jiff::civil::Date;

use super::date;
use super::piece::Kind;

/// Hints from the path of a file about its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathHints {
    pub(super) kind: Kind,
    /// The path names a section; `kind` is not the default.
    pub(super) sectioned: bool,
    pub(super) date: Option<Date>,
    /// A readable form of the file name, or of the folder name for a bundle.
    pub(super) title: String,
    pub(super) unfinished: bool,
}

const LOG_WORDS: [&str; 24] = [
    "log",
    "logs",
    "journal",
    "journals",
    "journaling",
    "daily",
    "dailies",
    "diary",
    "diaries",
    "weekly",
    "weeklies",
    "weeknote",
    "weeknotes",
    "monthly",
    "retrospective",
    "retrospectives",
    "retro",
    "retros",
    "worklog",
    "worklogs",
    "devlog",
    "devlogs",
    "logbook",
    "standup",
];
/// Words next to a log word that do not change its meaning.
const LOG_QUALIFIERS: [&str; 22] = [
    "my", "the", "work", "dev", "lab", "research", "project", "note", "notes", "entry", "entries",
    "review", "reviews", "report", "reports", "page", "pages", "week", "month", "day", "personal",
    "update",
];
const POST_WORDS: [&str; 10] = [
    "post",
    "posts",
    "blog",
    "blogs",
    "article",
    "articles",
    "blogpost",
    "blogposts",
    "published",
    "weblog",
];
/// Folders that hold text of any kind.
const CONTAINER_FOLDERS: [&str; 20] = [
    "content", "contents", "src", "source", "sources", "site", "docs", "data", "pages", "text",
    "texts", "writing", "writings", "archive", "export", "html", "md", "markdown", "draft",
    "drafts",
];
const APP_FOLDERS: [&str; 20] = [
    "__macosx",
    "layouts",
    "includes",
    "partials",
    "shortcodes",
    "templates",
    "template",
    "archetypes",
    "themes",
    "theme",
    "node_modules",
    "sass",
    "_data",
    "plugins",
    "assets",
    "static",
    "vendor",
    "_site",
    "i18n",
    "bower_components",
];
const REPOSITORY_FILES: [&str; 31] = [
    "readme",
    "license",
    "licence",
    "unlicense",
    "copying",
    "copyright",
    "changelog",
    "changes",
    "contributing",
    "contributors",
    "code_of_conduct",
    "code-of-conduct",
    "security",
    "authors",
    "notice",
    "maintainers",
    "robots",
    "humans",
    "requirements",
    "ads",
    "cmakelists",
    "llms",
    "llms-full",
    "cname",
    "404",
    "sitemap",
    "pull_request_template",
    "issue_template",
    "_index",
    "manifest",
    "sources",
];

/// The last segment of a path with `/`.
pub(super) fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The extension in lower case, without the dot.
pub(super) fn extension(name: &str) -> String {
    let file = file_name(name);
    file.rsplit_once('.')
        .filter(|(stem, _)| !stem.is_empty())
        .map(|(_, end)| end.to_lowercase())
        .unwrap_or_default()
}

fn stem(name: &str) -> &str {
    let file = file_name(name);
    file.rsplit_once('.').map_or(file, |(stem, _)| if stem.is_empty() { file } else { stem })
}

/// Returns true for files of a site, a repository or a system.
pub(super) fn is_app_file(name: &str) -> bool {
    let (file, stem) = (file_name(name), stem(name).to_lowercase());
    let dated = date::parse_prefix(&stem).is_some();
    if file.starts_with('.')
        || file.starts_with("~$")
        || (!dated && REPOSITORY_FILES.contains(&stem.as_str()))
    {
        return true;
    }
    // In a Scrivener project only the texts themselves are writing.
    if name.split('/').rev().skip(1).any(|part| part.to_lowercase().ends_with(".scriv")) {
        let text =
            file == "content.rtf" || (name.contains("/Files/Docs/") && extension(name) == "rtf");
        return !text;
    }
    // Google exports every note twice, and a list of labels.
    if name.contains("Takeout/") && name.contains("/Keep/") && extension(name) != "json" {
        return true;
    }
    // Medium's export also contains pages about the account.
    const ACCOUNT: [&str; 7] =
        ["profile", "claps", "ips", "sessions", "bookmarks", "users-following", "pubs-following"];
    let parts: Vec<&str> = name.split('/').collect();
    if parts.len() > 2 && extension(name) == "html" && ACCOUNT.contains(&parts[parts.len() - 2]) {
        return true;
    }
    parts[..parts.len() - 1].iter().enumerate().any(|(at, part)| {
        let part = part.to_lowercase();
        let bare = part.trim_start_matches('_');
        (part.starts_with('.') && part.len() > 2)
            || part == "__macosx"
            || (at > 0 && (APP_FOLDERS.contains(&part.as_str()) || APP_FOLDERS.contains(&bare)))
    })
}

/// Reads the hints of a path.
pub(super) fn hints(name: &str) -> PathHints {
    let mut folders: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
    folders.pop();
    let mut stem = stem(name);
    let bundle = folders.last().is_some_and(|folder| folder.ends_with(".textbundle"));
    if stem.eq_ignore_ascii_case("index") || (bundle && stem == "text") {
        // A bundle is named by its folder; the index of a site's top folder is the site.
        stem = folders.pop().map_or(stem, |folder| folder.trim_end_matches(".textbundle"));
    }
    let stem = without_export_id(stem);
    let (mut date, slug) = match date::parse_prefix(stem) {
        Some((date, rest)) => (Some(date), rest),
        None => (None, stem),
    };
    let only_a_date = date.is_some() && slug.is_empty();
    date = date.or_else(|| {
        let mut trail = folders.clone();
        trail.push(stem);
        date::from_folders(&trail)
    });
    for folder in &mut folders {
        *folder = without_export_id(folder);
    }
    let section = section(&folders);
    let kind = match &section {
        Some(Kind::Other(_)) | None if only_a_date || is_log(stem) => Kind::Log,
        Some(kind) => kind.clone(),
        None => Kind::Post,
    };
    let slug = slug.strip_prefix("draft_").unwrap_or(slug);
    PathHints {
        unfinished: stem.starts_with("draft_")
            || folders
                .iter()
                .any(|part| matches!(part.to_lowercase().as_str(), "_drafts" | "drafts")),
        sectioned: section.is_some() || kind == Kind::Log,
        kind,
        date,
        title: match slug {
            // In a Scrivener project every text has this name.
            "content" if folders.iter().any(|part| part.ends_with(".scriv")) => String::new(),
            slug if slug.is_empty() || is_number(slug) => titled(stem, date),
            slug => title_from_slug(slug),
        },
    }
}

/// The hints for a text that has no file of its own, only a title in an export.
pub(super) fn without_path(title: String) -> PathHints {
    PathHints { kind: Kind::Post, sectioned: false, date: None, title, unfinished: false }
}

/// The section that the folders name. The first folder is the one that was imported; its name counts
/// only if it is a common section word.
fn section(folders: &[&str]) -> Option<Kind> {
    let all: Vec<String> = folders.iter().map(|part| part.to_lowercase()).collect();
    let inner = all.iter().skip(1);
    if all.iter().any(|part| is_log(part)) {
        return Some(Kind::Log);
    }
    if all.iter().any(|part| part == "_posts" || part == "_drafts") {
        return Some(Kind::Post);
    }
    if inner.clone().any(|part| POST_WORDS.contains(&part.trim_start_matches('_'))) {
        return Some(Kind::Post);
    }
    for part in inner {
        let part = part.trim_start_matches('_');
        if !CONTAINER_FOLDERS.contains(&part)
            && !is_number(part)
            && date::parse_prefix(part).is_none()
        {
            return Some(Kind::Other(singular(part)));
        }
    }
    let root = all.first()?.trim_start_matches('_');
    if POST_WORDS.contains(&root) {
        return Some(Kind::Post);
    }
    const SECTIONS: [&str; 10] = [
        "note", "notes", "essay", "essays", "story", "stories", "poem", "poems", "letter",
        "letters",
    ];
    SECTIONS.contains(&root).then(|| Kind::Other(singular(root)))
}

/// The kind that a word in the metadata names.
pub(super) fn kind_of_word(word: &str) -> Kind {
    let word = word.trim().to_lowercase();
    if is_log(&word) {
        Kind::Log
    } else if POST_WORDS.contains(&word.as_str()) {
        Kind::Post
    } else {
        Kind::Other(singular(&word))
    }
}

/// Returns true for a folder or file named as a log, regardless of numbers or years.
fn is_log(name: &str) -> bool {
    let name = name.to_lowercase();
    let mut found = false;
    for word in name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let bare = word.trim_matches(|c: char| c.is_ascii_digit());
        let week = bare == "w" && word.len() > 1;
        if LOG_WORDS.contains(&bare) {
            found = true;
        } else if !(bare.is_empty() || week || LOG_QUALIFIERS.contains(&bare)) {
            return false;
        }
    }
    found
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Converts `book-reports` to "book report".
pub(super) fn singular(section: &str) -> String {
    let name: String = section.trim_matches(['_', '-', ' ']).replace(['-', '_'], " ");
    let short = match name.strip_suffix('s') {
        Some(_) if name.ends_with("ss") || name.ends_with("us") || name.ends_with("is") => None,
        Some(_) if name.ends_with("news") || name.ends_with("series") => None,
        Some(stem) => match stem.strip_suffix("ie") {
            Some(root) if root.len() > 2 => Some(format!("{root}y")),
            _ if ["sse", "xe", "che", "she"].iter().any(|end| stem.ends_with(end)) => {
                Some(stem[..stem.len() - 1].to_owned())
            }
            _ => Some(stem.to_owned()),
        },
        None => None,
    };
    short.filter(|short| short.len() > 1).unwrap_or(name)
}

/// Converts a slug to a title: separators become spaces, and the first letter a capital if there is
/// none.
pub(super) fn title_from_slug(slug: &str) -> String {
    let slug = slug.trim_matches(['-', '_', ' ', '.']);
    let words =
        if slug.contains(' ') { slug.to_owned() } else { slug.replace(['-', '_', '+'], " ") };
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.contains(char::is_uppercase) {
        return words;
    }
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The date as the title of an untitled log.
fn titled(stem: &str, date: Option<Date>) -> String {
    date.map_or_else(|| title_from_slug(stem), |date| date.to_string())
}

/// Returns true if the name has an id that an export added.
pub(super) fn has_export_id(name: &str) -> bool {
    without_export_id(stem(name)) != stem(name)
}

/// Removes the id that an export added: Notion ends names in 32 hexadecimal digits, Substack begins
/// them with the post's number and a dot, Medium ends them in two dashes and twelve digits.
fn without_export_id(stem: &str) -> &str {
    if let Some((name, id)) = stem.rsplit_once([' ', '-'])
        && !name.is_empty()
        && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        && (id.len() == 32 || (id.len() == 12 && name.ends_with('-')))
    {
        return name.trim_end_matches('-');
    }
    match stem.split_once('.') {
        Some((number, name)) if number.len() > 4 && is_number(number) && !name.is_empty() => name,
        _ => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str, expected: &str) {
        assert_eq!(hints(name).kind.to_string(), expected, "{name}");
    }

    #[test]
    fn the_section_gives_the_kind() {
        kind("site/content/posts/foo/index.md", "post");
        kind("site/content/notes/foo/index.md", "note");
        kind("site/content/book-reports/foo/index.md", "book report");
        kind("site/content/retrospectives/2026/08/index.md", "log");
        kind("site/_posts/2011-04-01-x.html", "post");
        kind("site/tech/_posts/2011-04-01-x.md", "post");
        kind("site/blog/foo.md", "post");
        kind("site/stories/foo.md", "story");
        kind("site/2023/04/foo.md", "post");
        kind("jane/medium/posts/foo.html", "post");
        kind("jane/notes/drafts/foo.md", "note");
        kind("site/foo.md", "post");
        kind("foo.md", "post");
    }

    #[test]
    fn the_imported_folder_counts_only_as_a_section_word() {
        kind("jane/foo.md", "post");
        kind("notes/foo.md", "note");
        kind("journal/foo.md", "log");
        kind("logs-2014/foo.md", "log");
        kind("_posts/2011-04-01-x.md", "post");
    }

    #[test]
    fn a_log_is_recognised_by_folder_or_name() {
        kind("jane/Daily Notes/foo.md", "log");
        kind("jane/work-log/foo.md", "log");
        kind("jane/2024-03-05.md", "log");
        kind("jane/2021_02_20.md", "log");
        kind("jane/notes/2024-03-05.txt", "log");
        kind("jane/weekly-2024-w05.md", "log");
        kind("jane/devlog 12.md", "log");
        kind("jane/posts/weekly-planning-is-a-trap.md", "post");
        kind("jane/til/foo.md", "til");
    }

    #[test]
    fn titles_from_file_names() {
        let title = |name: &str| hints(name).title;
        assert_eq!(title("a/_posts/2011-04-01-hello-world.md"), "Hello world");
        assert_eq!(title("a/Rolling-Shutter-in-C.md"), "Rolling Shutter in C");
        assert_eq!(title("a/content/posts/my-slug/index.md"), "My slug");
        assert_eq!(title("a/2024-03-05.md"), "2024-03-05");
        assert_eq!(title("a/A page 0123456789abcdef0123456789abcdef.md"), "A page");
        assert_eq!(title("a/123401.plain-text.html"), "Plain text");
        assert_eq!(title("a/draft_My-thought.html"), "My thought");
    }

    #[test]
    fn dates_from_names_and_folders() {
        let day = |name: &str| hints(name).date.map(|date| date.to_string()).unwrap_or_default();
        assert_eq!(day("a/2021-9-1-x.md"), "2021-09-01");
        assert_eq!(day("a/2023/04/foo.md"), "2023-04-01");
        assert_eq!(day("a/2023/04/17/foo.md"), "2023-04-17");
        assert_eq!(day("a/log/2023/04/index.md"), "2023-04-01");
        assert_eq!(day("a/2023/foo.md"), "");
    }

    #[test]
    fn app_files_are_not_writing() {
        for name in [
            "a/README.md",
            "a/LICENSE",
            "a/_layouts/default.html",
            "a/layouts/partials/footer.html",
            "a/.git/x.md",
            "__MACOSX/a.md",
            "a/content/posts/_index.md",
            "a/.DS_Store",
            "a/node_modules/x/y.md",
            "a/templates/x.md",
        ] {
            assert!(is_app_file(name), "{name}");
        }
        for name in
            ["a/b.md", "templates/b.md", "a/_posts/2020-01-01-readme.md", "a/readme-first.md"]
        {
            assert!(!is_app_file(name), "{name}");
        }
    }
}
