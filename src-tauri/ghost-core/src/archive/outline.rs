//! Outlines of note-taking apps: every paragraph is a point with points below it.
//!
//! Knows the syntax that Roam and Logseq share; top-level points become paragraphs, nested ones lists.

use super::omissions::Omissions;
use crate::words;

/// A point and the points below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) text: String,
    pub(super) below: Vec<Point>,
}

/// Deeper points are written at this depth.
const MAX_DEPTH: usize = 8;

/// Converts an outline to Markdown; words that only the app uses are counted.
pub(super) fn markdown(points: &[Point], omissions: &mut Omissions) -> String {
    let mut out = String::new();
    for point in points {
        let text = point_text(&point.text, omissions);
        if !text.is_empty() {
            out.push_str(&text);
            out.push_str("\n\n");
        }
        if !point.below.is_empty() {
            list(&point.below, 0, &mut out, omissions);
            out.push('\n');
        }
    }
    out.trim().to_owned()
}

fn list(points: &[Point], depth: usize, out: &mut String, omissions: &mut Omissions) {
    for point in points {
        let text = point_text(&point.text, omissions);
        let indent = "  ".repeat(depth);
        if !text.is_empty() {
            let text = text.replace('\n', &format!("\n{indent}  "));
            out.push_str(&format!("{indent}- {text}\n"));
        }
        list(&point.below, (depth + usize::from(!text.is_empty())).min(MAX_DEPTH), out, omissions);
    }
}

/// Lines of one block in a point.
const MAX_BLOCK_LINES: usize = 1000;
/// Shorter values of properties are names or facts.
const SENTENCE: usize = 4;

/// The text of a point without the app's syntax.
fn point_text(text: &str, omissions: &mut Omissions) -> String {
    let mut kept: Vec<String> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let bare = line.trim();
        if bare.starts_with("```") {
            kept.push(line.to_owned());
            for line in lines.by_ref() {
                kept.push(line.to_owned());
                if line.trim().starts_with("```") {
                    break;
                }
            }
            continue;
        }
        // An unclosed block has no effect.
        let until = |end: &str| {
            lines
                .clone()
                .take(MAX_BLOCK_LINES)
                .position(|line| line.trim().eq_ignore_ascii_case(end))
        };
        if let Some(sort) = block(bare) {
            if let Some(end) = until(&format!("#+end_{sort}")) {
                let body: Vec<&str> = lines.by_ref().take(end).collect();
                lines.next();
                put_block(&sort, &body, &mut kept, omissions);
            }
        } else if let (":LOGBOOK:" | ":PROPERTIES:", Some(end)) = (bare, until(":END:")) {
            lines.nth(end);
        } else if is_property(bare) {
            let value = bare.split_once("::").map_or("", |(_, value)| value);
            if words::count(value) >= SENTENCE {
                omissions.add("in properties", value);
            }
        } else if !is_stamp(bare) {
            kept.push(line.to_owned());
        }
    }
    let text = kept.join("\n");
    let text = text.trim();
    match text {
        // A rule between points has no meaning in a list.
        "---" | "***" => String::new(),
        _ if text.contains("```") => text.to_owned(),
        _ => strip_all_syntax(task(text)),
    }
}

/// The type of block that a line begins: `#+BEGIN_QUOTE`.
fn block(line: &str) -> Option<String> {
    let head = line.get(.."#+BEGIN_".len())?;
    let sort = line[head.len()..].split_whitespace().next()?;
    head.eq_ignore_ascii_case("#+BEGIN_").then(|| sort.to_lowercase())
}

/// Converts a block of a point.
fn put_block(sort: &str, body: &[&str], kept: &mut Vec<String>, omissions: &mut Omissions) {
    let lines = body.iter().map(|line| (*line).to_owned());
    match sort {
        "quote" => {
            kept.extend(lines.map(|line| format!("> {}", line.trim())));
            // The text after the quote is not in it.
            kept.push(String::new());
        }
        "src" | "example" => {
            kept.push("```".to_owned());
            kept.extend(lines);
            kept.push("```".to_owned());
        }
        "comment" => omissions.add("in hidden comments", &body.join("\n")),
        _ => kept.extend(lines),
    }
}

/// Returns true for `key:: value`, a property of the note.
fn is_property(line: &str) -> bool {
    line.split_once("::").is_some_and(|(key, value)| {
        let named = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '[' | ']');
        !key.is_empty()
            && key.len() <= 40
            && key.chars().all(named)
            && (value.is_empty() || value.starts_with(' '))
    })
}

fn is_stamp(line: &str) -> bool {
    ["SCHEDULED: <", "DEADLINE: <", "CLOCK: ["].iter().any(|mark| line.starts_with(mark))
}

/// The text after a task's state.
fn task(text: &str) -> &str {
    const STATES: [&str; 9] = [
        "TODO",
        "DONE",
        "LATER",
        "NOW",
        "DOING",
        "WAITING",
        "CANCELED",
        "CANCELLED",
        "IN-PROGRESS",
    ];
    let (head, rest) = text.split_once(' ').unwrap_or((text, ""));
    let text = if STATES.contains(&head) { rest.trim_start() } else { text };
    match text.strip_prefix("[#") {
        Some(rest) if rest.get(1..2) == Some("]") => rest[2..].trim_start(),
        _ => text,
    }
}

/// Removes references, embeds and queries; links to pages become their words.
fn strip_all_syntax(text: &str) -> String {
    strip_syntax(text, true).trim().to_owned()
}

/// Removes embeds; links to pages become their words, and the rest stays.
pub(super) fn strip_page_links(text: &str) -> String {
    if text.contains("[[") { strip_syntax(text, false) } else { text.to_owned() }
}

fn strip_syntax(text: &str, all: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // True in inline code, where nothing is syntax.
    let mut code = false;
    while let Some(at) = rest.find(['[', '{', '(', '^', '#', '!', '`']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        code ^= rest.starts_with('`');
        let sign = if code || rest.starts_with('`') { None } else { parse_syntax(rest, all) };
        match sign {
            Some((label, end)) => {
                match label {
                    Some(label) if label.contains("[[") => out.push_str(&strip_syntax(label, all)),
                    Some(label) => out.push_str(label),
                    None => {}
                }
                rest = &rest[end..];
                // Avoids two blanks where syntax was removed between them.
                let bare = label.is_none() && (out.is_empty() || out.ends_with(' '));
                rest = rest.strip_prefix(' ').filter(|_| bare).unwrap_or(rest);
            }
            None => {
                let first = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&rest[..first]);
                rest = &rest[first..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The text of the syntax at the start of `text`, and its length.
fn parse_syntax(text: &str, all: bool) -> Option<(Option<&str>, usize)> {
    let window = &text[..text.floor_char_boundary(2000)];
    let window = window.split('\n').next().unwrap_or_default();
    let between = |open: &str, close: &str| {
        let inner = window.strip_prefix(open)?;
        let end = inner.find(close)?;
        Some((&inner[..end], open.len() + end + close.len()))
    };
    if let Some((_, end)) = between("![[", "]]") {
        return Some((None, end));
    }
    if let Some((inner, end)) = between("{{", "}}").filter(|_| all) {
        let more = text[end..].bytes().take_while(|&byte| byte == b'}').count();
        return Some((inner.strip_prefix("cloze "), end + more));
    }
    if (window.starts_with("[[") || window.starts_with("#[[")) && window.contains("]]") {
        let open = window.find("[[")?;
        let end = open + closing(&window[open..])?;
        let inner = &window[open + 2..end - 2];
        let nested = inner.contains("[[");
        let label =
            if nested { inner } else { inner.rsplit_once('|').map_or(inner, |(_, alias)| alias) };
        return Some((Some(label), end));
    }
    if !all {
        return None;
    }
    if let Some((_, end)) = between("((", "))").filter(|(inner, _)| is_reference(inner)) {
        return Some((None, end));
    }
    if let Some((inner, end)) = between("^^", "^^") {
        return Some((Some(inner), end));
    }
    // A name for a page or a point, without an address.
    let (label, end) = between("[", "](")?;
    let rest = &window[end..];
    let target = rest.strip_prefix("((").and_then(|rest| rest.find(")))").map(|at| at + 5));
    let page = || rest.strip_prefix("[[").and_then(|rest| rest.find("]])").map(|at| at + 5));
    target.or_else(page).map(|more| (Some(label), end + more))
}

/// The end of the double bracket at the start of `text`, with others nested in it.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(next) = text[at..].find(['[', ']']) {
        at += next;
        let rest = &text[at..];
        match (rest.starts_with("[["), rest.starts_with("]]")) {
            (true, _) => depth += 1,
            (_, true) => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Returns true for the id of a point.
pub(super) fn is_reference(name: &str) -> bool {
    name.len() >= 9 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(point_text(text, &mut Omissions::default()), expected, "{text}");
    }

    #[test]
    fn syntax_is_removed_and_words_stay() {
        check("TODO [#A] read [[On Hills|it]] and #[[walks far]]", "read it and walks far");
        check("id:: 6034\ndone:: 1613\nUp the hill", "Up the hill");
        check("{{[[TODO]]}} rest ((abcdefghi)) well", "rest well");
        check("^^marked^^ and (kept (so)) [a](b) #tag", "marked and (kept (so)) [a](b) #tag");
        check("NOW walk\n:LOGBOOK:\nCLOCK: [2021]\n:END:", "walk");
        check("{{query (todo now)}}", "");
        check("```c\na:: b\n```", "```c\na:: b\n```");
        check("Note:: this", "");
        check("[alias](((abcdefghi))) and [page]([[Some Page]])", "alias and page");
        check("[[nested [[page]] title]] and [[a|b]]", "nested page title and b");
        check("{{cloze the answer}} is", "the answer is");
        check("---", "");
        check("[[open", "[[open");
    }

    #[test]
    fn blocks_keep_their_words_and_quotes_are_marked() {
        check("#+BEGIN_CENTER\nMine.\n#+END_CENTER", "Mine.");
        check("#+BEGIN_QUOTE\nTheirs.\nToo.\n#+END_QUOTE\nMine.", "> Theirs.\n> Too.\n\nMine.");
        check("#+begin_src c\nint a;\n#+end_src", "```\nint a;\n```");
        check("#+BEGIN_QUOTE\nnever closed", "never closed");
    }

    #[test]
    fn words_of_the_app_are_counted() {
        let mut omissions = Omissions::default();
        let text =
            "#+BEGIN_COMMENT\nNot for you.\n#+END_COMMENT\nabout:: a walk up the hill\nid:: 6034";
        assert_eq!(point_text(text, &mut omissions), "");
        assert_eq!(omissions.words(), 3 + 5);
    }

    #[test]
    fn top_points_are_paragraphs_and_nested_points_are_lists() {
        let point = |text: &str, below: Vec<Point>| Point { text: text.to_owned(), below };
        let outline = [
            point("One.", vec![point("two", vec![point("three", vec![])]), point("a:: b", vec![])]),
            point("Four.", vec![]),
        ];
        assert_eq!(
            markdown(&outline, &mut Omissions::default()),
            "One.\n\n- two\n  - three\n\nFour."
        );
    }
}
