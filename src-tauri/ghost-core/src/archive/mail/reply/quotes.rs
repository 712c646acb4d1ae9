//! Finds quotes and the start of somebody else's words in a mail.

use super::lines::{DASHES, Line, LineKind, MailLines, has_open_bracket, is_rule};
use super::{FORWARDED, QUOTED};
use crate::archive::mail::attribution::{self, NormalizedLine, has_address, has_date};
use crate::archive::mail::languages::{self, Label};

impl MailLines<'_> {
    /// Marks quotes and somebody else's words.
    pub(super) fn mark_quotes(&mut self) {
        let (mut at, mut fenced, mut quotes) = (0, false, QUOTED);
        while at < self.lines.len() {
            let line = self.lines[at];
            let text = line.text.trim();
            fenced ^= line.depth == 0 && text.starts_with("```");
            if line.depth > 0 {
                let part =
                    if quotes == FORWARDED { LineKind::Other(FORWARDED) } else { LineKind::Quote };
                self.kinds[at] = part;
                if self.is_torn(at + 1) {
                    self.kinds[at + 1] = part;
                    at += 1;
                }
                at += 1;
                continue;
            }
            if fenced || text.is_empty() {
                at += 1;
                continue;
            }
            if let Some((from, to, what)) = self.header_block(at) {
                self.mark(from..to, LineKind::Machine);
                let Some(what) = what else {
                    at = to;
                    continue;
                };
                return self.mark(to..self.lines.len(), LineKind::Other(what));
            }
            if let Some((to, what)) = self.announcement(at) {
                if let Some(next) = self.next(to).filter(|&next| self.header_block(next).is_some())
                {
                    at = next;
                    continue;
                }
                self.mark(at..to, LineKind::Machine);
                match self.next(to) {
                    // A forwarded message with `>` has an end.
                    Some(next) if self.lines[next].depth > 0 => quotes = what,
                    _ => {
                        self.mark(to..self.lines.len(), LineKind::Other(what));
                        return;
                    }
                }
                at = to;
                continue;
            }
            if let Some(quoted) = self.attribution(at) {
                self.is_reply = true;
                if !quoted {
                    self.mark(at + 1..self.lines.len(), LineKind::Other(QUOTED));
                    return;
                }
            }
            at += 1;
        }
    }

    /// Marks the attribution that ends with this line; returns true if a marked quote follows.
    fn attribution(&mut self, at: usize) -> Option<bool> {
        let quoted = self.next(at + 1).is_some_and(|next| self.lines[next].depth > 0);
        let first = (at.saturating_sub(8)..at)
            .rev()
            .take_while(|&line| self.lines[line].depth == 0 && !self.lines[line].is_blank())
            .last()
            .unwrap_or(at);
        let lines: Vec<&str> = self.lines[first..=at].iter().map(|line| line.text).collect();
        let found = attribution::find(&lines, quoted, self.is_reply)?;
        let begin = at + 1 - found.lines;
        self.mark(begin..at + 1, LineKind::Machine);
        if found.from > 0 {
            self.cuts.push((begin, found.from));
        }
        Some(quoted)
    }

    /// Returns true if a line lost its `>` when the line before it was wrapped.
    fn is_torn(&self, at: usize) -> bool {
        const LONG: usize = 60;
        let (Some(before), Some(line), Some(after)) = (
            at.checked_sub(1).and_then(|before| self.lines.get(before)),
            self.lines.get(at),
            self.lines.get(at + 1),
        ) else {
            return false;
        };
        // An address in brackets may be on a line of its own.
        let bare = line.text.trim().trim_end_matches(['>', ' ']);
        if line.depth == 0
            && after.depth > 0
            && bare.starts_with(['(', '<'])
            && bare.contains("://")
            && !bare.contains(' ')
        {
            return true;
        }
        line.depth == 0
            && after.depth > 0
            && !line.is_blank()
            && !before.is_blank()
            && (before.text.chars().count() >= LONG || has_open_bracket(before.text))
            && line.text.chars().count() < LONG
            && !before.text.trim_end().ends_with(['.', '!', '?', ':'])
    }

    /// The header block that begins at this line: its start including the announcement, its end, and
    /// the kind of text that follows unless that is the writer's.
    fn header_block(&self, at: usize) -> Option<(usize, usize, Option<&'static str>)> {
        const MAX_LINES: usize = 24;
        self.label(at)?;
        let (mut seen, mut to, mut proof, mut is_own) = (Vec::new(), at, false, false);
        let (mut line, mut loose) = (at, 0);
        while line < self.lines.len().min(at + MAX_LINES) {
            match self.label(line) {
                Some((label, value)) => {
                    if label == Label::From {
                        is_own |= self.sender.is_some_and(|sender| value.contains(sender));
                    }
                    seen.push(label);
                    // One line may hold several.
                    seen.extend(value.match_indices(':').filter_map(|(colon, _)| {
                        languages::label(value[..colon].rsplit(' ').next()?)
                    }));
                    proof |= has_address(&value) || has_date(&value);
                    (to, loose) = (line + 1, 0);
                }
                None if self.lines[line].depth > 0 => break,
                // In HTML each label may be a paragraph of its own.
                None if self.lines[line].is_blank() => {
                    if self
                        .next(line)
                        .is_none_or(|next| next > line + 1 || self.label(next).is_none())
                    {
                        break;
                    }
                }
                // A list of addresses continues on the next line.
                None => {
                    loose += 1;
                    let more = self.lines.get(line + 1).is_some_and(|next| !next.is_blank());
                    if loose > 4 || !more {
                        break;
                    }
                }
            }
            line += 1;
        }
        let has = |label| seen.contains(&label);
        let enough = [Label::From, Label::Date, Label::To, Label::Subject]
            .into_iter()
            .filter(|&l| has(l))
            .count();
        let who = has(Label::From) || (has(Label::To) && has(Label::Date));
        let title = self.announcement_above(at);
        let announced = title.is_some();
        let first = title.map_or(at, |(from, _)| from);
        let bare = self.lines[..first].iter().all(Line::is_blank);
        if enough < 2 || !who || !(proof || announced) || (bare && !announced && !self.is_reply) {
            return None;
        }
        let what = title.and_then(|(_, what)| what).unwrap_or(QUOTED);
        // The headers of this mail, copied into its text.
        let what = if bare && is_own && !announced { None } else { Some(what) };
        Some((first, to, what))
    }

    /// The rule or announcement directly above a header block, and the kind of text it announces.
    fn announcement_above(&self, block: usize) -> Option<(usize, Option<&'static str>)> {
        let mut found = None;
        let mut at = block;
        while let Some(before) = at.checked_sub(1) {
            let line = &self.lines[before];
            if line.is_blank() {
                at = before;
                continue;
            }
            if line.depth > 0 || self.kinds[before] != LineKind::Own {
                break;
            }
            if is_rule(line.text, 3) {
                found = found.or(Some((before, None))).map(|(_, what)| (before, what));
            } else if let Some((_, what)) = self.announcement(before) {
                found = Some((before, Some(what)));
            } else if found.is_none() && is_dashed(line.text) {
                found = Some((before, None));
            } else {
                break;
            }
            at = before;
        }
        found
    }

    /// The label and value of a header line.
    fn label(&self, at: usize) -> Option<(Label, String)> {
        let line = self.lines.get(at).filter(|line| line.depth == 0)?;
        let head: String = line.text.trim_start().chars().take(60).collect();
        let bare =
            NormalizedLine::of(if head.contains([':', '：']) { line.text } else { return None })
                .text;
        let (name, value) = bare.split_once(':')?;
        let name = name.trim_matches([' ', '|', '_', '-']);
        Some((languages::label(name)?, value.trim().to_owned()))
    }

    /// A line that announces another message: its end, and the kind of text that follows.
    fn announcement(&self, at: usize) -> Option<(usize, &'static str)> {
        let line = &self.lines[at];
        let text = line.text.trim();
        let shaped = text.starts_with(DASHES)
            || text.starts_with(['*', '\\'])
            || text.ends_with([':', '：', '*']);
        if line.depth > 0 || !shaped || text.chars().count() > 120 {
            return None;
        }
        let bare = NormalizedLine::of(line.text).text;
        let inner = bare.trim_matches(|c: char| c == ' ' || DASHES.contains(&c));
        let dashed = inner.len() + 4 <= bare.len() && bare.starts_with(DASHES);
        let named = inner.trim_end_matches([':', ' ']);
        let colon = named.len() < inner.len();
        if !dashed && !colon {
            return None;
        }
        let what = match (languages::announces_original(named), languages::announces_forward(named))
        {
            (_, true) => FORWARDED,
            (true, _) => QUOTED,
            _ => return None,
        };
        // Without dashes it is prose, unless a message follows.
        let follows = self
            .next(at + 1)
            .is_some_and(|next| self.lines[next].depth > 0 || self.label(next).is_some());
        (dashed || follows).then_some((at + 1, what))
    }
}

/// Returns true for words between rules: `----- 原始邮件 -----`.
fn is_dashed(line: &str) -> bool {
    let line = line.trim();
    let inner = line.trim_matches(DASHES);
    line.starts_with(DASHES)
        && line.ends_with(DASHES)
        && line.len() >= inner.len() + 6
        && inner.chars().count() < 60
        && inner.contains(char::is_alphabetic)
}
