//! The lines of a mail and the origin of each.

use std::ops::Range;

use super::super::attribution::MailContext;

/// Characters that form a line.
pub(super) const DASHES: [char; 6] = ['-', '_', '=', '—', '–', '─'];

/// The origin of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    Own,
    /// Marked with `>`.
    Quote,
    /// Written by a program: an attribution, a header block, a rule.
    Machine,
    /// Not kept; completes "12 words …".
    Other(&'static str),
}

/// A line of a mail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// The number of `>` it begins with.
    pub(super) depth: usize,
    /// The text after them.
    pub(super) text: &'a str,
}

impl<'a> Line<'a> {
    pub(super) fn of(line: &'a str) -> Line<'a> {
        // `>>> here <<<` is not a quote.
        if line.trim_end().ends_with("<<") {
            return Line { depth: 0, text: line };
        }
        let (mut depth, mut rest) = (0, line);
        loop {
            let bare = rest.trim_start_matches(' ');
            match bare.strip_prefix('>') {
                Some(after) if rest.len() - bare.len() < 4 => (depth, rest) = (depth + 1, after),
                _ => break,
            }
        }
        if depth == 0 {
            return Line { depth, text: line };
        }
        Line { depth, text: rest.strip_prefix(' ').unwrap_or(rest) }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

pub(super) struct MailLines<'a> {
    pub(super) lines: Vec<Line<'a>>,
    pub(super) kinds: Vec<LineKind>,
    pub(super) is_reply: bool,
    pub(super) sender: Option<&'a str>,
    /// Lines of which only the beginning is the writer's: the line and the number of bytes.
    pub(super) cuts: Vec<(usize, usize)>,
}

impl<'a> MailLines<'a> {
    pub(super) fn of(text: &'a str, context: &'a MailContext) -> MailLines<'a> {
        let mut lines: Vec<Line> = Vec::new();
        for line in text.lines() {
            let read = Line::of(line);
            // An address wrapped before its bracket is not a quote.
            let broken = read.depth == 1
                && lines
                    .last()
                    .is_some_and(|before| before.depth == 0 && has_open_bracket(before.text));
            lines.push(if broken { Line { depth: 0, text: line } } else { read });
        }
        let kinds = vec![LineKind::Own; lines.len()];
        MailLines {
            lines,
            kinds,
            is_reply: context.is_reply,
            sender: context.sender.as_deref(),
            cuts: Vec::new(),
        }
    }

    /// The next line that is not blank.
    pub(super) fn next(&self, from: usize) -> Option<usize> {
        (from..self.lines.len()).find(|&at| !self.lines[at].is_blank())
    }

    pub(super) fn mark(&mut self, lines: Range<usize>, part: LineKind) {
        self.kinds[lines].fill(part);
    }
}

/// Returns true for a line of at least `least` rule characters: `____`, `-----`, `* * *`.
pub(super) fn is_rule(line: &str, least: usize) -> bool {
    let signs = line.chars().filter(|c| !c.is_whitespace() && *c != '\\');
    let (mut count, mut all) = (0, true);
    for c in signs {
        count += 1;
        all &= matches!(c, '-' | '_' | '=' | '*' | '—' | '–' | '─' | '~');
    }
    all && count >= least
}

/// Returns true if the line has an unclosed bracket or address.
pub(super) fn has_open_bracket(line: &str) -> bool {
    line.rfind(['(', '<']).is_some_and(|at| !line[at..].contains([')', '>']))
}
