//! Finds the signature of a mail and the footer of a mailing list.

use std::ops::Range;

use super::lines::{Line, LineKind, MailLines, is_rule};
use super::{FOOTER, SIGNATURE};
use crate::archive::mail::attribution::{NormalizedLine, has_address};
use crate::archive::mail::languages;

impl MailLines<'_> {
    /// Marks signatures and footers of mailing lists in the writer's words.
    pub(super) fn mark_signatures(&mut self) {
        let mut from = 0;
        while from < self.lines.len() {
            if self.kinds[from] != LineKind::Own {
                from += 1;
                continue;
            }
            let to = (from..self.lines.len())
                .find(|&at| self.kinds[at] != LineKind::Own)
                .unwrap_or(self.lines.len());
            self.mark_signature(from, to);
            from = to;
        }
    }

    fn mark_signature(&mut self, from: usize, to: usize) {
        const MAX_LINES: usize = 12;
        const MAX_LENGTH: usize = 100;
        let lines = &self.lines;
        // Signatures and footers are short.
        let near = from.max(to.saturating_sub(3 * MAX_LINES));
        let short = |below: Range<usize>| {
            let nonblank = lines[below].iter().filter(|line| !line.is_blank());
            let longest = nonblank.clone().map(|line| line.text.len()).max();
            (1..=MAX_LINES).contains(&nonblank.count())
                && longest.is_some_and(|longest| longest < 3 * MAX_LENGTH)
        };
        let mut end = to;
        let rule = (near..to).rev().find(|&at| {
            let listed = |line: &Line| is_list_address(line.text);
            is_rule(lines[at].text, 2) && short(at + 1..to) && lines[at..to].iter().any(listed)
        });
        if let Some(rule) = rule {
            self.mark(rule..to, LineKind::Other(FOOTER));
            end = rule;
        }
        let lines = &self.lines;
        // Two dashes and a space begin a signature; two dashes alone may divide a text.
        let exact = (from..end).find(|&at| lines[at].text == "-- ");
        let loose = || {
            // A rule begins a signature if an address or a phone number follows.
            let dashes = |at: &usize| {
                let text = lines[*at].text.trim();
                matches!(text, "--" | "\\--" | "—")
                    || (is_rule(text, 3)
                        && lines[at + 1..end].iter().any(|line| is_contact(line.text)))
            };
            let near = near.min(end);
            (near..end).find(|at| {
                let below = at + 1..end;
                dashes(at)
                    && lines[below.clone()].iter().all(|line| line.text.len() < MAX_LENGTH)
                    && (1..=MAX_LINES)
                        .contains(&lines[below].iter().filter(|line| !line.is_blank()).count())
            })
        };
        if let Some(mark) = exact.or_else(loose) {
            self.mark(mark..end, LineKind::Other(SIGNATURE));
            end = mark;
        }
        let last = |end: usize| (from..end).rev().find(|&at| !self.lines[at].is_blank());
        let mut begin = end;
        while let Some(last) = last(begin).filter(|&last| is_device(self.lines[last].text)) {
            begin = last;
        }
        self.mark(begin..end, LineKind::Other(SIGNATURE));
    }
}

/// Returns true for a line with an address of a mailing list's footer.
fn is_list_address(line: &str) -> bool {
    const MARKS: [&str; 9] = [
        "unsubscribe",
        "mailman",
        "listinfo",
        "mailing list",
        "mailing-list",
        "@lists.",
        "groups.google.com",
        "googlegroups",
        "yahoogroups",
    ];
    let line = line.to_lowercase();
    MARKS.iter().any(|mark| line.contains(mark))
}

/// Returns true for a line with little else than an address or a phone number.
fn is_contact(line: &str) -> bool {
    const MIN_DIGITS: usize = 7;
    let digits = line.chars().filter(char::is_ascii_digit).count();
    let letters = line.chars().filter(|c| c.is_alphabetic()).count();
    line.split_whitespace().count() <= 5
        && (has_address(line) || (digits >= MIN_DIGITS && letters < digits))
}

/// Returns true for the signature of a phone or a mail program: short, not a sentence.
fn is_device(line: &str) -> bool {
    const MAX_WORDS: usize = 10;
    let line = line.trim().trim_matches(['*', '_']);
    let unlinked = line.split("](").next().unwrap_or(line).replace(['[', ']', '<'], " ");
    let sentence =
        unlinked.trim_end().ends_with(['.', '!', '?', ',', ';', '。']) || unlinked.contains(", ");
    let brand = unlinked.chars().skip(1).any(char::is_uppercase) || !unlinked.is_ascii();
    let bare = NormalizedLine::of(&unlinked).text;
    let possessive = bare.starts_with("sent from my ");
    bare.split(' ').count() <= MAX_WORDS
        && !sentence
        && (brand || possessive)
        && languages::is_device_signature(bare.trim())
}
