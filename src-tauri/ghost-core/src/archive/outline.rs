//! Notes that are kept as an outline: every paragraph is a point with points below it.
//!
//! Knows the signs that Roam and Logseq share; what stands at the top becomes paragraphs, what
//! stands below becomes lists.

/// A point and what is below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) text: String,
    pub(super) below: Vec<Point>,
}

/// Deeper points are drawn at this depth.
const DEEPEST: usize = 8;

/// The Markdown of an outline.
pub(super) fn markdown(points: &[Point]) -> String {
    let mut out = String::new();
    for point in points {
        let text = plain(&point.text);
        if !text.is_empty() {
            out.push_str(&text);
            out.push_str("\n\n");
        }
        if !point.below.is_empty() {
            list(&point.below, 0, &mut out);
            out.push('\n');
        }
    }
    out.trim().to_owned()
}

fn list(points: &[Point], depth: usize, out: &mut String) {
    for point in points {
        let text = plain(&point.text);
        let indent = "  ".repeat(depth);
        if !text.is_empty() {
            let text = text.replace('\n', &format!("\n{indent}  "));
            out.push_str(&format!("{indent}- {text}\n"));
        }
        list(&point.below, (depth + usize::from(!text.is_empty())).min(DEEPEST), out);
    }
}

/// The words of a point without the program's own signs.
fn plain(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    // A fence of code, and Logseq's drawers, which are between `:LOGBOOK:` and `:END:`.
    let (mut code, mut drawer) = (false, false);
    for line in text.lines() {
        let bare = line.trim();
        if bare.starts_with("```") {
            code = !code;
        }
        if !code {
            match bare {
                ":LOGBOOK:" | ":PROPERTIES:" => drawer = true,
                ":END:" => {
                    drawer = false;
                    continue;
                }
                _ => {}
            }
            if drawer || is_property(bare) || is_stamp(bare) {
                continue;
            }
        }
        kept.push(line);
    }
    let text = kept.join("\n");
    if text.contains("```") { text.trim().to_owned() } else { without_signs(task(text.trim())) }
}

/// `key:: value`, which says something of the note.
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

/// The text behind a task's state.
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

/// Links to pages keep their words; references, embeds and queries go.
fn without_signs(text: &str) -> String {
    without(text, true).trim().to_owned()
}

/// Links to pages keep their words, embeds go, and all else stays.
pub(super) fn without_links(text: &str) -> String {
    if text.contains("[[") { without(text, false) } else { text.to_owned() }
}

fn without(text: &str, all: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Whether code in the line is open: nothing in it is a sign.
    let mut code = false;
    while let Some(at) = rest.find(['[', '{', '(', '^', '#', '!', '`']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        code ^= rest.starts_with('`');
        if code || rest.starts_with('`') {
            let first = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..first]);
            rest = &rest[first..];
            continue;
        }
        let window = &rest[..rest.floor_char_boundary(2000)];
        let between = |open: &str, close: &str| {
            let inner = window.strip_prefix(open)?;
            let end = inner.find(close)?;
            (!inner[..end].contains('\n')).then(|| (&inner[..end], open.len() + end + close.len()))
        };
        if let Some((_, end)) =
            between("![[", "]]").or_else(|| all.then(|| between("{{", "}}")).flatten())
        {
            let more = rest[end..].bytes().take_while(|&byte| byte == b'}').count();
            rest = rest[end + more..]
                .strip_prefix(' ')
                .filter(|_| out.is_empty() || out.ends_with(' '))
                .unwrap_or(&rest[end + more..]);
        } else if let Some((inner, end)) = between("#[[", "]]").or_else(|| between("[[", "]]")) {
            let said = inner.rsplit_once('|').map_or(inner, |(_, alias)| alias);
            out.push_str(said.trim_start_matches('['));
            rest = &rest[end..];
        } else if let Some((inner, end)) = between("((", "))")
            && all
            && inner.len() >= 9
            && inner.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        {
            rest = &rest[end..];
            rest = rest.strip_prefix(' ').filter(|_| out.ends_with(' ')).unwrap_or(rest);
        } else if let Some((inner, end)) = between("^^", "^^").filter(|_| all) {
            out.push_str(inner);
            rest = &rest[end..];
        } else {
            let first = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..first]);
            rest = &rest[first..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str, expected: &str) {
        assert_eq!(plain(text), expected, "{text}");
    }

    #[test]
    fn signs_go_and_words_stay() {
        says("TODO [#A] read [[On Hills|it]] and #[[walks far]]", "read it and walks far");
        says("id:: 6034\ndone:: 1613\nUp the hill", "Up the hill");
        says("{{[[TODO]]}} rest ((abcdefghi)) well", "rest well");
        says("^^marked^^ and (kept (so)) [a](b) #tag", "marked and (kept (so)) [a](b) #tag");
        says("NOW walk\n:LOGBOOK:\nCLOCK: [2021]\n:END:", "walk");
        says("{{query (todo now)}}", "");
        says("```c\na:: b\n```", "```c\na:: b\n```");
        says("Note:: this", "");
    }

    #[test]
    fn the_top_is_prose_and_what_is_below_is_a_list() {
        let point = |text: &str, below: Vec<Point>| Point { text: text.to_owned(), below };
        let outline = [
            point("One.", vec![point("two", vec![point("three", vec![])]), point("a:: b", vec![])]),
            point("Four.", vec![]),
        ];
        assert_eq!(markdown(&outline), "One.\n\n- two\n  - three\n\nFour.");
    }
}
