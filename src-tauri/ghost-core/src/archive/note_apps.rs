//! Markdown of note-taking apps: Obsidian, Logseq, Notion, Bear; and pages of MDX.
//!
//! Their own syntax is removed and the words in it stay. The result is common Markdown.

use std::borrow::Cow;

use super::date;
use super::metadata::Metadata;
use super::omissions::Omissions;
use super::outline::{self, Point};
use super::{markdown, path};
use crate::words;

/// Converts a note to common Markdown; its properties go to `metadata`, and the words of app syntax are
/// counted in `omissions`.
pub(super) fn read<'a>(
    name: &str,
    text: &'a str,
    metadata: &mut Metadata,
    omissions: &mut Omissions,
) -> Cow<'a, str> {
    let text = skip_leading_comment(text);
    if is_outline(name, text) {
        return Cow::Owned(outline_to_markdown(text, omissions));
    }
    let text = read_notion_properties(text, metadata, omissions);
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

/// Converts an outline to common Markdown.
pub(super) fn outline_to_markdown(text: &str, omissions: &mut Omissions) -> String {
    outline::markdown(&points(text, omissions), omissions)
}

/// Skips the comment of the exporting program at the start.
fn skip_leading_comment(text: &str) -> &str {
    match text.trim_start().strip_prefix("<!-- buttondown-") {
        Some(rest) => rest.split_once("-->").map_or(text, |(_, rest)| rest),
        None => text,
    }
}

/// Returns true for a page of Logseq: in one of its folders, and made of points from the first line on.
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

/// The points of a page, by indent.
fn points(text: &str, omissions: &mut Omissions) -> Vec<Point> {
    const MAX_DEPTH: usize = 32;
    // The open points, each inside the one before, with their indents.
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
            (Some(content), _) => {
                while open.last().is_some_and(|(at, _)| *at >= indent) || open.len() >= MAX_DEPTH {
                    shut(&mut open, &mut top);
                }
                open.push((indent, Point { text: content.to_owned(), below: Vec::new() }));
            }
            (None, Some((_, point))) => {
                point.text.push('\n');
                point
                    .text
                    .push_str(line.trim_start_matches('\t').strip_prefix("  ").unwrap_or(bare));
            }
            // Properties of the page come before the first point.
            (None, None) => add_property(line, omissions),
        }
    }
    while !open.is_empty() {
        shut(&mut open, &mut top);
    }
    top
}

/// Reads the properties of a Notion page, which follow its title, one per line.
fn read_notion_properties<'a>(
    text: &'a str,
    metadata: &mut Metadata,
    omissions: &mut Omissions,
) -> &'a str {
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
    let property = |wanted: &[&str]| {
        pairs
            .iter()
            .find(|(key, value)| wanted.contains(&key.as_str()) && !value.is_empty())
            .map(|(_, value)| *value)
    };
    let found = Metadata {
        title: Some(title.trim().to_owned()),
        author: property(&["author", "created by"]).map(str::to_owned),
        date: property(&["publish date", "published", "date", "created", "created time"])
            .and_then(date::parse),
        unfinished: property(&["status"]).is_some_and(|status| {
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

/// Counts the value of a property if it is a sentence.
fn add_property(line: &str, omissions: &mut Omissions) {
    const SENTENCE: usize = 5;
    let value = line.split_once(':').map_or(line, |(_, value)| value);
    let lists = line.to_lowercase().starts_with("tags");
    let is_fact = lists || value.contains("://") || date::parse(value).is_some();
    if words::count(value) >= SENTENCE && !is_fact {
        omissions.add("in properties", value);
    }
}

/// Converts comments, callouts, properties and links of Obsidian, except in code.
fn obsidian(text: &str, omissions: &mut Omissions) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut fence, mut in_comment) = (false, false);
    // An unpaired mark has no effect.
    let mut signs = count_comment_marks(text) / 2 * 2;
    // For each open callout or quote, from the outside in: true if it is the writer's own.
    let mut callouts: Vec<bool> = Vec::new();
    let mut was_quoted = false;
    for line in text.lines() {
        let (marks, content) = quoted(line);
        // A line without `>` continues the paragraph above.
        let begins = content.trim().is_empty()
            || content.trim_start().starts_with(['#', '-', '*', '+', '`']);
        if marks > 0 || begins {
            callouts.truncate(marks);
            callouts.resize(marks, false);
        }
        let kind = content.get(..2).filter(|sign| marks > 0 && !fence && *sign == "[!");
        if kind.is_some()
            && let Some(innermost) = callouts.last_mut()
        {
            let lower = content.to_lowercase();
            *innermost = !["[!quote", "[!cite"].iter().any(|sort| lower.starts_with(sort));
        }
        // A quote inside a callout keeps its marks.
        let theirs = callouts.iter().filter(|own| !**own).count();
        let line = match callouts.contains(&true) {
            true => Cow::Owned(format!("{}{content}", "> ".repeat(theirs))),
            false => Cow::Borrowed(line),
        };
        let bare = line.trim_start();
        if was_quoted && theirs == 0 && !bare.is_empty() && !callouts.is_empty() {
            out.push('\n');
        }
        was_quoted = theirs > 0;
        let fenced = content.starts_with("```") || content.starts_with("~~~");
        fence ^= fenced;
        let indented = line.starts_with("    ") || line.starts_with('\t');
        let item =
            bare.starts_with(['-', '*', '+']) || bare.starts_with(|c: char| c.is_ascii_digit());
        if fence || fenced || (indented && !item) {
            out.push_str(&line);
            out.push('\n');
            continue;
        }
        let line = strip_comments(&line, &mut in_comment, &mut signs, omissions);
        let bare = line.trim_start_matches(['>', ' ']);
        if bare.starts_with("[!") && kind.is_some() {
            // "> [!note] Title": the callout and its title are the writer's own.
            let title = bare
                .split_once(']')
                .map_or("", |(_, rest)| rest.trim_start_matches(['-', '+']).trim());
            out.push_str(&outline::strip_page_links(title));
            out.push('\n');
        } else if is_property(bare) {
            add_property(bare, omissions);
        } else if !is_tags(bare) {
            out.push_str(&outline::strip_page_links(strip_block_id(&line)));
        }
        out.push('\n');
    }
    out
}

/// The number of quote marks at the start of a line, and the rest.
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

/// A line without the block id at its end: ` ^name`.
fn strip_block_id(line: &str) -> &str {
    let Some((content, name)) = line.trim_end().rsplit_once('^') else { return line };
    let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_separate = content.is_empty() || content.ends_with(' ');
    if named && is_separate { content.trim_end() } else { line }
}

/// The number of `%%` in a text, except in code.
fn count_comment_marks(text: &str) -> usize {
    let mut fence = false;
    let lines = text.lines().filter(|line| {
        let bare = quoted(line).1.trim_start();
        let fenced = bare.starts_with("```") || bare.starts_with("~~~");
        fence ^= fenced;
        !(fence || fenced || line.starts_with("    ") || line.starts_with('\t'))
    });
    lines.map(|line| line.matches("%%").count()).sum()
}

/// Removes comments between `%%`; `signs` is the number of marks left.
fn strip_comments<'a>(
    line: &'a str,
    in_comment: &mut bool,
    signs: &mut usize,
    omissions: &mut Omissions,
) -> Cow<'a, str> {
    if !*in_comment && (!line.contains("%%") || *signs == 0) {
        return Cow::Borrowed(line);
    }
    let mut out = String::new();
    for (at, part) in line.split("%%").enumerate() {
        if at > 0 && *signs > 0 {
            *signs -= 1;
            *in_comment = !*in_comment;
        } else if at > 0 {
            out.push_str("%%");
        }
        match *in_comment {
            true => omissions.add("in hidden comments", part),
            false => out.push_str(part),
        }
    }
    Cow::Owned(out)
}

/// Returns true for a line of tags: `#walks #rain/heavy`. With a capital it may be a heading, as in
/// older Markdown.
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

/// Returns true for `key:: value` alone on its line.
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

    fn check(name: &str, text: &str, expected: &str) {
        let found = read(name, text, &mut Metadata::default(), &mut Omissions::default());
        assert_eq!(found.trim(), expected, "{text}");
    }

    #[test]
    fn an_obsidian_note() {
        check(
            "v/a.md",
            "See [[On Hills|them]] and [[Rain]].\n![[hill.png]]\n%%not so\nthis%% Up.",
            "See them and Rain.\n\n\n Up.",
        );
        check("v/a.md", "mood:: good\n> [!note] Mind\n> [[Rain]] again.", "Mind\n\nRain again.");
        check("v/a.md", "> [!quote] Mind\n> [[Rain]] again.", "Mind\n\n> Rain again.");
        check(
            "v/a.md",
            "```\n[[a]] %% b\n```\n`x::y` std::fmt [[a]]",
            "```\n[[a]] %% b\n```\n`x::y` std::fmt a",
        );
    }

    #[test]
    fn a_logseq_journal() {
        check(
            "g/journals/2021_02_20.md",
            "title:: Feb\n\n- Up the hill.\n\t- cold\n\t  id:: 60\n\t\t- very\n- DONE Down [[again]].\n  Slowly.",
            "Up the hill.\n\n- cold\n  - very\n\nDown again.\nSlowly.",
        );
        check("g/posts/a.md", "- one\n- two", "- one\n- two");
    }

    #[test]
    fn a_notion_page_with_properties() {
        let mut metadata = Metadata::default();
        let text = read(
            "a/b.md",
            "# A walk\n\nCreated: March 5, 2024 10:00 AM\nTags: hill, rain\n\nUp.",
            &mut metadata,
            &mut Omissions::default(),
        );
        assert_eq!((metadata.title.as_deref(), text.as_ref()), (Some("A walk"), "Up."));
        assert_eq!(metadata.date.unwrap().to_string(), "2024-03-05");
        check(
            "a/b.md",
            "# A walk\n\nThis: it was cold.\n\nUp.",
            "# A walk\n\nThis: it was cold.\n\nUp.",
        );
    }

    #[test]
    fn an_mdx_page() {
        check("a/b.mdx", "import X from './x'\n\n<Box>\n  Up.\n</Box>", "Up.");
    }

    #[test]
    fn nested_callouts_are_own_text_and_quotes_in_them_are_not() {
        check("v/a.md", "> [!note] Mind\nNo sign.\n\nUp.", "Mind\n\nNo sign.\n\nUp.");
        check(
            "v/a.md",
            "> [!note] Outer\n> Mine.\n> > [!tip] Inner\n> > Too.\n> Back.",
            "Outer\n\nMine.\nInner\n\nToo.\nBack.",
        );
        check("v/a.md", "> [!note]\n> Mine.\n> > Theirs.\n> Back.", "Mine.\n> Theirs.\n\nBack.");
        check(
            "v/a.md",
            "> [!note] Outer\nNo sign.\n> > [!tip] Inner\n> > Mine.\n\n> Theirs.",
            "Outer\n\nNo sign.\nInner\n\nMine.\n\n> Theirs.",
        );
        check("v/a.md", "> Theirs [[x]].\n> > Theirs.", "> Theirs x.\n> > Theirs.");
        check("v/a.md", "> [!note]\n> ```\n> [[a]]\n> ```\n> [[b]]", "```\n[[a]]\n```\nb");
    }

    #[test]
    fn block_ids_are_removed_and_exponents_stay() {
        check(
            "v/a.md",
            "Up [[x]]. ^block-1\n\n- two ^b2\n\nx ^2^ and 3^4",
            "Up x.\n\n- two\n\nx ^2^ and 3^4",
        );
    }

    #[test]
    fn comments_need_an_end() {
        let mut omissions = Omissions::default();
        let text = "%%\none\n\ntwo\n%%\nUp %%three%% down.\n100 %% of it.\nAll of it.";
        let found = read("v/a.md", text, &mut Metadata::default(), &mut omissions);
        assert_eq!(found.trim(), "Up  down.\n100 %% of it.\nAll of it.");
        assert_eq!(omissions.sentence().as_deref(), Some("Left out 3 words in hidden comments."));
    }
}
