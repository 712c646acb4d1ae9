//! Markdown as note-taking programs keep it: Obsidian, Logseq, Notion, Bear, and pages of MDX.
//!
//! Their own signs go, the words inside them stay. What follows is common Markdown.

use std::borrow::Cow;

use super::date;
use super::metadata::Metadata;
use super::omissions::Omissions;
use super::outline::{self, Point};
use super::{markdown, path};
use crate::words;

/// The common Markdown of a note; what it says of itself in its own way goes to `metadata`, and the words of
/// what is only the program's are counted in `omissions`.
pub(super) fn read<'a>(
    name: &str,
    text: &'a str,
    metadata: &mut Metadata,
    omissions: &mut Omissions,
) -> Cow<'a, str> {
    let text = comment_ahead(text);
    if is_outline(name, text) {
        return Cow::Owned(outlined(text, omissions));
    }
    let text = notion(text, metadata, omissions);
    let text = if path::extension(name) == "mdx" {
        Cow::Owned(markdown::without_jsx(text, omissions))
    } else {
        Cow::Borrowed(text)
    };
    const SIGNS: [&str; 5] = ["[[", "%%", "[!", "::", " ^"];
    if !SIGNS.iter().any(|sign| text.contains(sign)) && !text.lines().any(is_tags) {
        return text;
    }
    Cow::Owned(obsidian(&text, omissions))
}

/// The common Markdown of an outline.
pub(super) fn outlined(text: &str, omissions: &mut Omissions) -> String {
    outline::markdown(&points(text, omissions), omissions)
}

/// A remark of the program that wrote the file, before all else.
fn comment_ahead(text: &str) -> &str {
    match text.trim_start().strip_prefix("<!-- buttondown-") {
        Some(rest) => rest.split_once("-->").map_or(text, |(_, rest)| rest),
        None => text,
    }
}

/// A page of Logseq: in its folders, and a point from the first line on.
fn is_outline(name: &str, text: &str) -> bool {
    let folder =
        |wanted: &str| name.split('/').rev().nth(1).is_some_and(|part| part.starts_with(wanted));
    let mut lines =
        text.lines().filter(|line| !line.trim().is_empty()).skip_while(|line| line.contains(":: "));
    let pointed = lines.next().is_some_and(|line| line.starts_with("- ") || line == "-");
    let stays = lines.all(|line| line.starts_with(['-', ' ', '\t']));
    let shelf = ["journals", "logseq", "pages"].iter().any(|wanted| folder(wanted));
    pointed && stays && (shelf || text.contains("\n\t- "))
}

/// The points of a page, by their indent.
fn points(text: &str, omissions: &mut Omissions) -> Vec<Point> {
    const MAX_DEPTH: usize = 32;
    // The open points, each in the one before, with its indent.
    let mut open: Vec<(usize, Point)> = Vec::new();
    let mut top = Vec::new();
    fn shut(open: &mut Vec<(usize, Point)>, top: &mut Vec<Point>) {
        if let Some((_, point)) = open.pop() {
            match open.last_mut() {
                Some((_, parent)) => parent.below.push(point),
                None => top.push(point),
            }
        }
    }
    for line in text.lines() {
        let bare = line.trim_start_matches([' ', '\t']);
        let indent: usize =
            line[..line.len() - bare.len()].chars().map(|c| if c == '\t' { 2 } else { 1 }).sum();
        let point = bare.strip_prefix("- ").or((bare.trim_end() == "-").then_some(""));
        match (point, open.last_mut()) {
            (Some(said), _) => {
                while open.last().is_some_and(|(at, _)| *at >= indent) || open.len() >= MAX_DEPTH {
                    shut(&mut open, &mut top);
                }
                open.push((indent, Point { text: said.to_owned(), below: Vec::new() }));
            }
            (None, Some((_, point))) => {
                point.text.push('\n');
                point
                    .text
                    .push_str(line.trim_start_matches('\t').strip_prefix("  ").unwrap_or(bare));
            }
            // Before the first point stands what is said of the page.
            (None, None) => add_property(line, omissions),
        }
    }
    while !open.is_empty() {
        shut(&mut open, &mut top);
    }
    top
}

/// A page of Notion has its properties below its title, a line each.
fn notion<'a>(text: &'a str, metadata: &mut Metadata, omissions: &mut Omissions) -> &'a str {
    const KNOWN: [&str; 24] = [
        "created",
        "created time",
        "created by",
        "last edited",
        "last edited time",
        "last edited by",
        "tags",
        "status",
        "date",
        "url",
        "author",
        "type",
        "published",
        "publish date",
        "category",
        "priority",
        "property",
        "assign",
        "due",
        "files",
        "slug",
        "topics",
        "description",
        "language",
    ];
    let Some((title, rest)) = text.trim_start().split_once("\n\n") else { return text };
    let Some(title) = title.strip_prefix("# ").filter(|title| !title.contains('\n')) else {
        return text;
    };
    let (block, body) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let pairs: Vec<(String, &str)> = block
        .lines()
        .filter_map(|line| {
            let (key, value) =
                line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?;
            (key.len() <= 30 && !key.contains(['.', '*', '[', '`']))
                .then(|| (key.trim().to_lowercase(), value.trim()))
        })
        .collect();
    let all = !pairs.is_empty() && pairs.len() == block.lines().count();
    if !all || !pairs.iter().any(|(key, _)| KNOWN.contains(&key.as_str())) {
        return text;
    }
    let says = |wanted: &[&str]| {
        pairs
            .iter()
            .find(|(key, value)| wanted.contains(&key.as_str()) && !value.is_empty())
            .map(|(_, value)| *value)
    };
    let found = Metadata {
        title: Some(title.trim().to_owned()),
        author: says(&["author", "created by"]).map(str::to_owned),
        date: says(&["publish date", "published", "date", "created", "created time"])
            .and_then(date::parse),
        unfinished: says(&["status"]).is_some_and(|status| {
            matches!(
                status.to_lowercase().as_str(),
                "draft" | "in progress" | "not started" | "idea"
            )
        }),
        ..Metadata::default()
    };
    *metadata = std::mem::take(metadata).or(found);
    block.lines().for_each(|line| add_property(line, omissions));
    body
}

/// Counts what a property says, where it is a sentence rather than a fact.
fn add_property(line: &str, omissions: &mut Omissions) {
    const SENTENCE: usize = 5;
    let value = line.split_once(':').map_or(line, |(_, value)| value);
    let lists = line.to_lowercase().starts_with("tags");
    let is_fact = lists || value.contains("://") || date::parse(value).is_some();
    if words::count(value) >= SENTENCE && !is_fact {
        omissions.add("in properties", value);
    }
}

/// Remarks, callouts, properties and links of Obsidian; code is left as it is.
fn obsidian(text: &str, omissions: &mut Omissions) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut fence, mut remark) = (false, false);
    // A sign without another is none.
    let mut signs = remarks(text) / 2 * 2;
    // Of the open boxes and quotes, one in the other, whether each is the writer's own.
    let mut boxes: Vec<bool> = Vec::new();
    let mut was_quoted = false;
    for line in text.lines() {
        let (marks, said) = quoted(line);
        // A line without a sign belongs to the paragraph above.
        let begins =
            said.trim().is_empty() || said.trim_start().starts_with(['#', '-', '*', '+', '`']);
        if marks > 0 || begins {
            boxes.truncate(marks);
            boxes.resize(marks, false);
        }
        let kind = said.get(..2).filter(|sign| marks > 0 && !fence && *sign == "[!");
        if kind.is_some()
            && let Some(innermost) = boxes.last_mut()
        {
            let lower = said.to_lowercase();
            *innermost = !["[!quote", "[!cite"].iter().any(|sort| lower.starts_with(sort));
        }
        // A quote in a box keeps its own signs.
        let theirs = boxes.iter().filter(|own| !**own).count();
        let line = match boxes.contains(&true) {
            true => Cow::Owned(format!("{}{said}", "> ".repeat(theirs))),
            false => Cow::Borrowed(line),
        };
        let bare = line.trim_start();
        if was_quoted && theirs == 0 && !bare.is_empty() && !boxes.is_empty() {
            out.push('\n');
        }
        was_quoted = theirs > 0;
        let fenced = said.starts_with("```") || said.starts_with("~~~");
        fence ^= fenced;
        let indented = line.starts_with("    ") || line.starts_with('\t');
        let item =
            bare.starts_with(['-', '*', '+']) || bare.starts_with(|c: char| c.is_ascii_digit());
        if fence || fenced || (indented && !item) {
            out.push_str(&line);
            out.push('\n');
            continue;
        }
        let line = without_remarks(&line, &mut remark, &mut signs, omissions);
        let bare = line.trim_start_matches(['>', ' ']);
        if bare.starts_with("[!") && kind.is_some() {
            // "> [!note] Title": the box is the writer's own, and its title with it.
            let title = bare
                .split_once(']')
                .map_or("", |(_, rest)| rest.trim_start_matches(['-', '+']).trim());
            out.push_str(&outline::without_links(title));
            out.push('\n');
        } else if is_property(bare) {
            add_property(bare, omissions);
        } else if !is_tags(bare) {
            out.push_str(&outline::without_links(without_name(&line)));
        }
        out.push('\n');
    }
    out
}

/// How many signs of a quote a line begins with, and what follows them.
fn quoted(line: &str) -> (usize, &str) {
    let (mut marks, mut rest) = (0, line);
    while let Some(more) = rest.trim_start_matches(' ').strip_prefix('>') {
        (marks, rest) = (marks + 1, more);
    }
    match marks {
        0 => (0, line),
        _ => (marks, rest.strip_prefix(' ').unwrap_or(rest)),
    }
}

/// A line without the name by which others point to it: ` ^name` at its end.
fn without_name(line: &str) -> &str {
    let Some((said, name)) = line.trim_end().rsplit_once('^') else { return line };
    let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_separate = said.is_empty() || said.ends_with(' ');
    if named && is_separate { said.trim_end() } else { line }
}

/// How often `%%` stands in a text, code apart.
fn remarks(text: &str) -> usize {
    let mut fence = false;
    let lines = text.lines().filter(|line| {
        let bare = quoted(line).1.trim_start();
        let fenced = bare.starts_with("```") || bare.starts_with("~~~");
        fence ^= fenced;
        !(fence || fenced || line.starts_with("    ") || line.starts_with('\t'))
    });
    lines.map(|line| line.matches("%%").count()).sum()
}

/// `%%` begins a remark and ends it; of `signs` that are left, each is one or the other.
fn without_remarks<'a>(
    line: &'a str,
    remark: &mut bool,
    signs: &mut usize,
    omissions: &mut Omissions,
) -> Cow<'a, str> {
    if !*remark && (!line.contains("%%") || *signs == 0) {
        return Cow::Borrowed(line);
    }
    let mut out = String::new();
    for (at, part) in line.split("%%").enumerate() {
        if at > 0 && *signs > 0 {
            *signs -= 1;
            *remark = !*remark;
        } else if at > 0 {
            out.push_str("%%");
        }
        match *remark {
            true => omissions.add("in hidden comments", part),
            false => out.push_str(part),
        }
    }
    Cow::Owned(out)
}

/// A line of tags and nothing else: `#walks #rain/heavy`. With a capital it may be a heading, as older
/// Markdown had them.
fn is_tags(line: &str) -> bool {
    let tag = |word: &str| {
        word.strip_prefix('#').is_some_and(|name| {
            name.starts_with(char::is_lowercase)
                && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '/'))
        })
    };
    let mut words = line.split_whitespace().peekable();
    words.peek().is_some() && words.all(tag)
}

/// `key:: value` alone on its line.
fn is_property(line: &str) -> bool {
    line.split_once(":: ").or_else(|| Some((line.strip_suffix("::")?, ""))).is_some_and(
        |(key, _)| {
            !key.is_empty()
                && key.len() <= 30
                && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        },
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn says(name: &str, text: &str, expected: &str) {
        let found = read(name, text, &mut Metadata::default(), &mut Omissions::default());
        assert_eq!(found.trim(), expected, "{text}");
    }

    #[test]
    fn a_note_of_obsidian() {
        says(
            "v/a.md",
            "See [[On Hills|them]] and [[Rain]].\n![[hill.png]]\n%%not so\nthis%% Up.",
            "See them and Rain.\n\n\n Up.",
        );
        says("v/a.md", "mood:: good\n> [!note] Mind\n> [[Rain]] again.", "Mind\n\nRain again.");
        says("v/a.md", "> [!quote] Mind\n> [[Rain]] again.", "Mind\n\n> Rain again.");
        says(
            "v/a.md",
            "```\n[[a]] %% b\n```\n`x::y` std::fmt [[a]]",
            "```\n[[a]] %% b\n```\n`x::y` std::fmt a",
        );
    }

    #[test]
    fn a_journal_of_logseq() {
        says(
            "g/journals/2021_02_20.md",
            "title:: Feb\n\n- Up the hill.\n\t- cold\n\t  id:: 60\n\t\t- very\n- DONE Down [[again]].\n  Slowly.",
            "Up the hill.\n\n- cold\n  - very\n\nDown again.\nSlowly.",
        );
        says("g/posts/a.md", "- one\n- two", "- one\n- two");
    }

    #[test]
    fn a_page_of_notion_with_its_properties() {
        let mut metadata = Metadata::default();
        let text = read(
            "a/b.md",
            "# A walk\n\nCreated: March 5, 2024 10:00 AM\nTags: hill, rain\n\nUp.",
            &mut metadata,
            &mut Omissions::default(),
        );
        assert_eq!((metadata.title.as_deref(), text.as_ref()), (Some("A walk"), "Up."));
        assert_eq!(metadata.date.unwrap().to_string(), "2024-03-05");
        says(
            "a/b.md",
            "# A walk\n\nThis: it was cold.\n\nUp.",
            "# A walk\n\nThis: it was cold.\n\nUp.",
        );
    }

    #[test]
    fn a_page_of_mdx() {
        says("a/b.mdx", "import X from './x'\n\n<Box>\n  Up.\n</Box>", "Up.");
    }

    #[test]
    fn boxes_in_boxes_are_the_writers_own_and_quotes_in_them_are_not() {
        says("v/a.md", "> [!note] Mind\nNo sign.\n\nUp.", "Mind\n\nNo sign.\n\nUp.");
        says(
            "v/a.md",
            "> [!note] Outer\n> Mine.\n> > [!tip] Inner\n> > Too.\n> Back.",
            "Outer\n\nMine.\nInner\n\nToo.\nBack.",
        );
        says("v/a.md", "> [!note]\n> Mine.\n> > Theirs.\n> Back.", "Mine.\n> Theirs.\n\nBack.");
        says(
            "v/a.md",
            "> [!note] Outer\nNo sign.\n> > [!tip] Inner\n> > Mine.\n\n> Theirs.",
            "Outer\n\nNo sign.\nInner\n\nMine.\n\n> Theirs.",
        );
        says("v/a.md", "> Theirs [[x]].\n> > Theirs.", "> Theirs x.\n> > Theirs.");
        says("v/a.md", "> [!note]\n> ```\n> [[a]]\n> ```\n> [[b]]", "```\n[[a]]\n```\nb");
    }

    #[test]
    fn names_of_lines_go_and_powers_stay() {
        says(
            "v/a.md",
            "Up [[x]]. ^block-1\n\n- two ^b2\n\nx ^2^ and 3^4",
            "Up x.\n\n- two\n\nx ^2^ and 3^4",
        );
    }

    #[test]
    fn a_remark_ends_where_it_ends_and_one_that_does_not_is_none() {
        let mut omissions = Omissions::default();
        let text = "%%\none\n\ntwo\n%%\nUp %%three%% down.\n100 %% of it.\nAll of it.";
        let found = read("v/a.md", text, &mut Metadata::default(), &mut omissions);
        assert_eq!(found.trim(), "Up  down.\n100 %% of it.\nAll of it.");
        assert_eq!(omissions.sentence().as_deref(), Some("Left out 3 words in hidden comments."));
    }
}
