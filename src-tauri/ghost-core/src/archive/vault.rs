//! Markdown as note-taking programs keep it: Obsidian, Logseq, Notion, Bear, and pages of MDX.
//!
//! Their own signs go, the words inside them stay. What follows is common Markdown.

use std::borrow::Cow;

use super::date;
use super::front::Facts;
use super::outline::{self, Point};
use super::place;

/// The common Markdown of a note; what it says of itself in its own way goes to `facts`.
pub(super) fn read<'a>(name: &str, text: &'a str, facts: &mut Facts) -> Cow<'a, str> {
    let text = comment_ahead(text);
    if is_outline(name, text) {
        return Cow::Owned(outlined(text));
    }
    let text = notion(text, facts);
    let text = if place::ending(name) == "mdx" {
        Cow::Owned(without_imports(text))
    } else {
        Cow::Borrowed(text)
    };
    const SIGNS: [&str; 4] = ["[[", "%%", "[!", "::"];
    if !SIGNS.iter().any(|sign| text.contains(sign)) && !text.lines().any(is_tags) {
        return text;
    }
    Cow::Owned(obsidian(&text))
}

/// The common Markdown of an outline.
pub(super) fn outlined(text: &str) -> String {
    outline::markdown(&points(text))
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
fn points(text: &str) -> Vec<Point> {
    const DEEPEST: usize = 32;
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
                while open.last().is_some_and(|(at, _)| *at >= indent) || open.len() >= DEEPEST {
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
            (None, None) => {}
        }
    }
    while !open.is_empty() {
        shut(&mut open, &mut top);
    }
    top
}

/// A page of Notion has its properties below its title, a line each.
fn notion<'a>(text: &'a str, facts: &mut Facts) -> &'a str {
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
    let found = Facts {
        title: Some(title.trim().to_owned()),
        author: says(&["author", "created by"]).map(str::to_owned),
        date: says(&["publish date", "published", "date", "created", "created time"])
            .and_then(date::spelled),
        unfinished: says(&["status"]).is_some_and(|status| {
            matches!(
                status.to_lowercase().as_str(),
                "draft" | "in progress" | "not started" | "idea"
            )
        }),
        ..Facts::default()
    };
    *facts = std::mem::take(facts).or(found);
    body
}

/// MDX: a page begins with what it imports and exports.
fn without_imports(text: &str) -> String {
    let is_code = |line: &str| {
        (line.starts_with("import ") && (line.contains(" from ") || line.contains(['"', '\''])))
            || (line.starts_with("export ") && line.contains(['=', '{', '(']))
    };
    let mut fence = false;
    let kept = text.lines().filter(|line| {
        fence ^= line.trim_start().starts_with("```");
        fence || !is_code(line)
    });
    kept.collect::<Vec<&str>>().join("\n")
}

/// Remarks, callouts, properties and links of Obsidian; code is left as it is.
fn obsidian(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut fence, mut remark) = (false, false);
    // In a box that is not somebody else's words, whose lines begin as a quote's do.
    let mut boxed = false;
    for line in text.lines() {
        boxed &= line.trim_start().starts_with('>');
        let line = match boxed && !line.contains("[!") {
            true => line.trim_start().trim_start_matches('>').trim_start_matches(' '),
            false => line,
        };
        let bare = line.trim_start();
        if bare.starts_with("```") || bare.starts_with("~~~") {
            fence = !fence;
        }
        let indented = line.starts_with("    ") || line.starts_with('\t');
        let item =
            bare.starts_with(['-', '*', '+']) || bare.starts_with(|c: char| c.is_ascii_digit());
        let code =
            fence || bare.starts_with("```") || bare.starts_with("~~~") || (indented && !item);
        if code {
            out.push_str(line);
        } else {
            let line = without_remarks(line, &mut remark);
            let bare = line.trim_start_matches(['>', ' ']);
            if bare.starts_with("[!") && line.trim_start().starts_with('>') {
                // "> [!note] Title": the box is the writer's own, and its title with it.
                let lower = bare.to_lowercase();
                boxed = !["[!quote", "[!cite"].iter().any(|sort| lower.starts_with(sort));
                let title = bare
                    .split_once(']')
                    .map_or("", |(_, rest)| rest.trim_start_matches(['-', '+']).trim());
                out.push_str(&outline::without_links(title));
                out.push('\n');
            } else if !is_property(bare) && !is_tags(bare) {
                out.push_str(&outline::without_links(&line));
            }
        }
        out.push('\n');
    }
    out
}

/// `%%` begins a remark and ends it.
fn without_remarks<'a>(line: &'a str, remark: &mut bool) -> Cow<'a, str> {
    if !line.contains("%%") {
        return if *remark { Cow::Borrowed("") } else { Cow::Borrowed(line) };
    }
    let mut out = String::new();
    for (at, part) in line.split("%%").enumerate() {
        *remark ^= at > 0;
        if !*remark {
            out.push_str(part);
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
        assert_eq!(read(name, text, &mut Facts::default()).trim(), expected, "{text}");
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
        let mut facts = Facts::default();
        let text = read(
            "a/b.md",
            "# A walk\n\nCreated: March 5, 2024 10:00 AM\nTags: hill, rain\n\nUp.",
            &mut facts,
        );
        assert_eq!((facts.title.as_deref(), text.as_ref()), (Some("A walk"), "Up."));
        assert_eq!(facts.date.unwrap().to_string(), "2024-03-05");
        says(
            "a/b.md",
            "# A walk\n\nThis: it was cold.\n\nUp.",
            "# A walk\n\nThis: it was cold.\n\nUp.",
        );
    }

    #[test]
    fn a_page_of_mdx() {
        says("a/b.mdx", "import X from './x'\nexport const a = 1\n\nUp.", "Up.");
    }
}
