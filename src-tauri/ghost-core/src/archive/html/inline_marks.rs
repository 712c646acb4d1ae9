//! Places Markdown's inline marks: emphasis, code and links.
//!
//! Programs that write HTML split emphasis anywhere, even within a word, where Markdown would not
//! recognise it. So a mark begins and ends between words: it includes a word that it covers mostly, and
//! excludes any other.

use std::cmp::Reverse;

use crate::words;

/// Bytes around the end of a mark in which the word there is searched.
const MAX_WORD: usize = 64;

/// The type of an inline mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MarkKind {
    Around(&'static str),
    Code,
    Link(String),
    Nothing,
}

/// A mark of an inline element.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    /// The element's name.
    pub(super) name: String,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) kind: MarkKind,
}

/// The line with its marks written out.
pub(super) fn write_marks(line: &str, marks: Vec<Mark>) -> String {
    let marks = marks.into_iter().filter_map(|mark| trim_to_words(line, mark));
    let mut marks = merge_adjacent(marks.collect());
    if marks.is_empty() {
        return line.to_owned();
    }
    marks.sort_by_key(|mark| (mark.from, Reverse(mark.to)));
    let mut out = String::with_capacity(line.len() + 8 * marks.len());
    let mut at = 0;
    // For each open mark: its end, its closing sign, and whether it is code.
    let mut open: Vec<(usize, String, bool)> = Vec::new();
    let close =
        |to: usize, at: &mut usize, open: &mut Vec<(usize, String, bool)>, out: &mut String| {
            while let Some((end, sign, _)) = open.pop_if(|(end, ..)| *end <= to) {
                out.push_str(&line[*at..end]);
                out.push_str(&sign);
                *at = end;
            }
        };
    for mark in marks {
        close(mark.from, &mut at, &mut open, &mut out);
        // Crossing marks end together; code contains no marks.
        let outer = open.last();
        let to = outer.map_or(mark.to, |(end, ..)| mark.to.min(*end));
        if mark.from < at || outer.is_some_and(|(.., code)| *code) {
            continue;
        }
        out.push_str(&line[at..mark.from]);
        at = mark.from;
        let inner = &line[mark.from..to];
        let (before, after) = delimiters(inner, &mark.kind);
        if after.is_empty() && before.is_empty() {
            // A symbol that only serves as a link.
            at = to;
            continue;
        }
        out.push_str(&before);
        open.push((to, after, mark.kind == MarkKind::Code));
    }
    close(line.len(), &mut at, &mut open, &mut out);
    out.push_str(&line[at..]);
    out
}

/// The signs before and after; none if the words themselves are removed.
fn delimiters(inner: &str, kind: &MarkKind) -> (String, String) {
    match kind {
        MarkKind::Nothing => Default::default(),
        MarkKind::Around(sign) => ((*sign).to_owned(), (*sign).to_owned()),
        MarkKind::Code => {
            let fence = "`".repeat(longest_run(inner) + 1);
            let padded = inner.starts_with('`') || inner.ends_with('`');
            let pad = if padded { " " } else { "" };
            (format!("{fence}{pad}"), format!("{pad}{fence}"))
        }
        MarkKind::Link(_) if inner.chars().all(is_anchor) => Default::default(),
        MarkKind::Link(href) => {
            let href = href
                .replace(|c: char| c.is_whitespace(), "%20")
                .replace('(', "%28")
                .replace(')', "%29");
            ("[".to_owned(), format!("]({href})"))
        }
    }
}

/// Returns true for a symbol that a theme adds as a link to a heading or note.
fn is_anchor(c: char) -> bool {
    matches!(c, '#' | '¶' | '↩' | '^' | '\u{fe0e}' | '§' | '🔗')
}

/// The mark from its first word to its last; `None` if it is empty.
fn trim_to_words(line: &str, mark: Mark) -> Option<Mark> {
    let trimmed = |from: usize, to: usize| {
        let inner = line.get(from..to)?;
        let from = from + inner.len() - inner.trim_start().len();
        Some((from, from + inner.trim().len())).filter(|(from, to)| from < to)
    };
    let (mut from, mut to) = trimmed(mark.from.min(line.len()), mark.to.min(line.len()))?;
    if matches!(mark.kind, MarkKind::Code | MarkKind::Nothing) {
        return (mark.kind == MarkKind::Code).then_some(Mark { from, to, ..mark });
    }
    // A link includes the whole word, however much of it is covered.
    let takes =
        |inside: usize, word: usize| matches!(mark.kind, MarkKind::Link(_)) || 2 * inside >= word;
    let (begin, end) = (from, to);
    if let Some((first, last)) = word_across(line, begin) {
        from = if takes(end.min(last) - begin, last - first) { first } else { last };
    }
    if let Some((first, last)) = word_across(line, end) {
        to = if takes(end - begin.max(first), last - first) { last } else { first };
    }
    let (from, to) = trimmed(from, to.max(from))?;
    Some(Mark { from, to, ..mark })
}

/// The word that spans a position.
fn word_across(line: &str, at: usize) -> Option<(usize, usize)> {
    let before = line[..at].chars().next_back()?;
    let after = line[at..].chars().next()?;
    let inner = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '’' | '-');
    if !inner(before) || !inner(after) || !(before.is_alphanumeric() || after.is_alphanumeric()) {
        return None;
    }
    let least = line.floor_char_boundary(at.saturating_sub(MAX_WORD));
    let most = line.floor_char_boundary((at + MAX_WORD).min(line.len()));
    let from = line[least..at].rfind(char::is_whitespace).map_or(least, |blank| least + blank);
    let to = line[at..most].find(char::is_whitespace).map_or(most, |blank| at + blank);
    words::words(&line[from..to])
        .map(|(first, word)| (from + first, from + first + word.len()))
        .find(|&(first, last)| first < at && at < last)
}

/// Merges adjacent marks of the same kind.
fn merge_adjacent(mut marks: Vec<Mark>) -> Vec<Mark> {
    // Inner marks were closed first; now they come last.
    marks.reverse();
    marks.sort_by_key(|mark| mark.from);
    let mut out: Vec<Mark> = Vec::with_capacity(marks.len());
    let mut last: [Option<usize>; 4] = [None; 4];
    for mark in marks {
        let kind = match mark.kind {
            MarkKind::Around("*") => 0,
            MarkKind::Around("**") => 1,
            MarkKind::Around(_) => 2,
            _ => 3,
        };
        let before = last[kind].and_then(|at| out.get_mut(at));
        match before.filter(|before| before.kind == mark.kind && before.kind != MarkKind::Code) {
            Some(before) if before.to >= mark.from => before.to = before.to.max(mark.to),
            _ => {
                last[kind] = Some(out.len());
                out.push(mark);
            }
        }
    }
    out
}

/// The longest run of backticks in `text`.
pub(in crate::archive) fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
