//! Plain text: paragraphs by blank lines and indents, wrapped lines joined, verse unchanged.
//!
//! The result is read as Markdown, where an indent of four means code; plain text has no code.

use std::ops::Range;

use super::hard_wrap::HardWrap;

/// Columns of an indent that are not code in Markdown.
const MAX_INDENT: usize = 3;
/// Columns to a tab.
const TAB: usize = 4;

/// A line and its indent.
struct Line<'a> {
    indent: usize,
    /// Without white space at the ends.
    text: &'a str,
}

impl Line<'_> {
    fn length(&self) -> usize {
        self.indent + self.text.chars().count()
    }

    fn first_word(&self) -> usize {
        self.text.split_whitespace().next().map_or(0, |word| word.chars().count())
    }
}

/// Joins each wrapped paragraph to one line, and removes the indents of paragraphs.
pub(super) fn join_wrapped_lines(text: &str) -> String {
    let text = text.replace('\u{c}', "\n\n");
    let lines: Vec<Line> = text.split('\n').map(line).collect();
    let blocks = blocks(&lines);
    let pair = |at: usize| (lines[at].length(), lines[at + 1].first_word());
    let gaps = |block: &Range<usize>| {
        let gaps = block.start..block.end.saturating_sub(1);
        gaps.filter(|&at| flows(&lines[at], &lines[at + 1])).map(pair).collect::<Vec<_>>()
    };
    let wrap = HardWrap::of(&blocks.iter().flat_map(&gaps).collect::<Vec<_>>());
    let first_indented = indents_first(&lines, &blocks);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for block in blocks {
        // The line end before the block, and the blank lines.
        out.extend((at..block.start + usize::from(at > 0)).map(|_| '\n'));
        at = block.end;
        match wrap.broke(&gaps(&block)) {
            true => prose(&lines[block], &wrap, first_indented, &mut out),
            false => verse(&lines[block], &mut out),
        }
    }
    out.extend((at..lines.len()).map(|_| '\n'));
    out.truncate(out.trim_end_matches('\n').len());
    out
}

fn line(text: &str) -> Line<'_> {
    let bare = text.trim_start();
    let white = text[..text.len() - bare.len()].chars();
    let indent = white.fold(0, |at, c| if c == '\t' { (at / TAB + 1) * TAB } else { at + 1 });
    Line { indent, text: bare.trim_end() }
}

/// The runs of lines between blank lines.
fn blocks(lines: &[Line]) -> Vec<Range<usize>> {
    let mut blocks: Vec<Range<usize>> = Vec::new();
    for at in (0..lines.len()).filter(|&at| !lines[at].text.is_empty()) {
        match blocks.last_mut() {
            Some(block) if block.end == at => block.end = at + 1,
            _ => blocks.push(at..at + 1),
        }
    }
    blocks
}

/// Returns true if paragraphs begin with an indent, as opposed to a hanging indent.
fn indents_first(lines: &[Line], blocks: &[Range<usize>]) -> bool {
    let (mut first, mut rest) = (0, 0);
    for block in blocks.iter().filter(|block| block.len() > 1) {
        match lines[block.start].indent.cmp(&lines[block.start + 1].indent) {
            std::cmp::Ordering::Greater => first += 1,
            std::cmp::Ordering::Less => rest += 1,
            std::cmp::Ordering::Equal => {}
        }
    }
    first > rest
}

/// Writes a wrapped block. If paragraphs begin with an indent, each becomes one.
fn prose(lines: &[Line], wrap: &HardWrap, first_indented: bool, out: &mut String) {
    let least = lines.iter().map(|line| line.indent).min().unwrap_or(0);
    for (at, line) in lines.iter().enumerate() {
        let Some(before) = at.checked_sub(1).map(|before| &lines[before]) else {
            out.push_str(line.text);
            continue;
        };
        let begins = first_indented && line.indent > least + 1 && before.indent <= least + 1;
        match flows(before, line) && wrap.joins(before.length()) {
            _ if begins => out.push_str("\n\n"),
            true => out.push(' '),
            false => out.push('\n'),
        }
        // Text in a list stays in it.
        if is_item(line.text) {
            out.extend((0..(line.indent - least).min(2 * MAX_INDENT)).map(|_| ' '));
        }
        out.push_str(line.text);
    }
}

/// Writes a block with the writer's own line breaks: relative indents stay.
fn verse(lines: &[Line], out: &mut String) {
    let least = lines.iter().map(|line| line.indent).min().unwrap_or(0);
    for (at, line) in lines.iter().enumerate() {
        let indent = line.indent - least;
        // Only the first line could be read as code.
        let indent = if at == 0 { indent.min(MAX_INDENT) } else { indent };
        if at > 0 {
            out.push('\n');
        }
        out.extend((0..indent).map(|_| ' '));
        out.push_str(line.text);
    }
}

/// A short first line by itself that is not a sentence, as the title; and the rest.
pub(super) fn title(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches('\n');
    let (first, rest) = text.split_once('\n')?;
    let plain = first.trim();
    let alone = rest.lines().next().is_some_and(|line| line.trim().is_empty());
    let titled = alone
        && !plain.is_empty()
        && plain.chars().count() <= 70
        && !plain.ends_with(['.', ',', ';', ':', '!', '?', '-', '”', '"'])
        && !plain.starts_with(['-', '*', '#', '>', '|', '['])
        && plain.chars().any(char::is_alphabetic)
        && !rest.trim().is_empty();
    titled.then(|| (plain.to_owned(), rest))
}

/// Returns true if both are lines of prose.
fn flows(before: &Line, line: &Line) -> bool {
    // A table or a drawing has gaps in its lines.
    let is_drawing = |line: &Line| {
        line.text.is_empty() || line.text.starts_with(['>', '#', '|']) || line.text.contains("    ")
    };
    !is_item(line.text) && !is_drawing(before) && !is_drawing(line)
}

/// Returns true if a line begins a list item.
fn is_item(line: &str) -> bool {
    line.split_once(' ').is_some_and(|(head, _)| {
        matches!(head, "-" | "*" | "+" | "•")
            || (head.ends_with(['.', ')'])
                && head.len() < 5
                && head.len() > 1
                && head[..head.len() - 1].bytes().all(|b| b.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::markdown::{self, non_prose_spans};

    /// Checks the result of a plain text, all of it the writer's own.
    fn reads(text: &str, expected: &str) {
        let found = join_wrapped_lines(text);
        assert_eq!(found, expected, "{text}");
        assert!(non_prose_spans(&found).is_empty(), "{found}");
        assert_eq!(markdown::own_words(&found, &[]), crate::words::count(text));
    }

    const INDENTED: &str = "    It was a long winter, and the post came twice a week at\n\
        the most, if the road was open and the man who drove the van\n\
        was sober enough to drive it up the hill as far as our gate.";

    #[test]
    fn hard_wrapped_lines_are_joined() {
        let wrapped = "It was a long winter, and the post came twice a week at the\n\
            most, if the road was open and the man who drove the van was\n\
            sober enough to drive it up the hill as far as our own gate.\n\nWe waited for it.";
        assert_eq!(join_wrapped_lines(wrapped).lines().filter(|line| !line.is_empty()).count(), 2);
        assert!(join_wrapped_lines(wrapped).contains("at the most"));
    }

    #[test]
    fn an_indented_first_line_is_a_paragraph_not_code() {
        let one = join_wrapped_lines(INDENTED);
        assert!(one.starts_with("It was") && !one.contains('\n'), "{one}");
        reads(&format!("{INDENTED}\n\n{INDENTED}"), &format!("{one}\n\n{one}"));
        // The same without a blank line between.
        reads(&format!("{INDENTED}\n{INDENTED}"), &format!("{one}\n\n{one}"));
        reads(&INDENTED.replace("    ", "\t"), &one);
    }

    #[test]
    fn an_indented_text_is_prose() {
        let all: String = INDENTED.lines().map(|line| format!("    {}\n", line.trim())).collect();
        reads(&format!("{all}\n{all}"), &format!("{0}\n\n{0}", join_wrapped_lines(INDENTED)));
        reads("    “Well?” she said.\n    “Well,” said he.", "“Well?” she said.\n“Well,” said he.");
        reads("                * * *", "* * *");
    }

    #[test]
    fn a_hanging_indent_is_one_paragraph() {
        let hung = "Hill, J. A long winter, and how the post came up twice a week\n    \
            if the road was open and the man who drove the van was so\n    \
            sober that he drove it up the hill as far as our gate.";
        assert!(!join_wrapped_lines(hung).contains('\n'), "{}", join_wrapped_lines(hung));
    }

    #[test]
    fn a_poem_in_wrapped_text_keeps_its_lines() {
        let poem = "The kettle cold,\n   the harbour old,\nand nobody told.";
        let text = format!("{INDENTED}\n\n{poem}\n\n{INDENTED}");
        assert!(
            join_wrapped_lines(&text).contains(&format!("\n\n{poem}\n\n")),
            "{}",
            join_wrapped_lines(&text)
        );
        let deep: String = poem.lines().map(|line| format!("        {line}\n")).collect();
        reads(&format!("One.\n\n{deep}\nTwo."), &format!("One.\n\n{poem}\n\nTwo."));
        reads("       The kettle cold,\n  the harbour old", "   The kettle cold,\nthe harbour old");
    }

    #[test]
    fn the_writers_own_line_breaks_stay() {
        for text in
            ["A short line\nand another\nand a third one here", "- one\n- two\n  - three\n- four"]
        {
            reads(text, text);
        }
        assert_eq!(join_wrapped_lines("> said\n> he"), "> said\n> he");
    }

    #[test]
    fn a_first_line_by_itself_is_a_title() {
        let found = |text| title(text).map(|found| found.0).unwrap_or_default();
        assert_eq!(found("A winter walk\n\nIt was cold."), "A winter walk");
        assert_eq!(found("   A winter walk  \n \nIt was cold."), "A winter walk");
        assert_eq!(found("Dear Anna,\n\nIt was cold."), "");
        assert_eq!(found("It was\ncold."), "");
        assert_eq!(found("It was cold."), "");
    }
}
