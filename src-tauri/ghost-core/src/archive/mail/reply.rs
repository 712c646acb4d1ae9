//! What a mail's writer wrote, of all that the mail says: without the mail it answers or passes on, the
//! lines that programs write around that, and the signature.
//!
//! The text is read line by line, as plain text or as Markdown: quotes have `>`. Where others' words have
//! no mark at all, they begin with a header block ("From:", "Sent:") or an attribution, and have no end.

use std::ops::Range;

use super::super::dropped::Dropped;
use super::super::markdown;
use super::attribution::{self, About, Bare, has_address, has_date};
use super::languages::{self, Label};
use crate::archive::Apart;
use crate::words;

const QUOTED: &str = "in quoted replies";
const FORWARDED: &str = "in a forwarded message";
const SIGNATURE: &str = "in a signature";
const FOOTER: &str = "in the footer of a mailing list";

/// Signs that a line is drawn with.
const DASHES: [char; 6] = ['-', '_', '=', '—', '–', '─'];

/// What a stretch of lines is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Own,
    /// Marked with `>`.
    Quote,
    /// Written by a program: an attribution, a header block, a rule.
    Machine,
    /// Not kept; the words say what it was.
    Other(&'static str),
}

/// The words of a mail's writer, each paragraph as it stands, and the quotes that they answer. What else
/// the text holds is counted.
pub(super) fn own(text: &str, about: &About, dropped: &mut Dropped) -> String {
    let mut reading = Reading::of(text, about);
    reading.divide();
    reading.sign();
    reading.drop_what_trails();
    reading.told(dropped)
}

/// Counts the words of `text`, which is not kept, without addresses.
pub(super) fn count(dropped: &mut Dropped, what: &'static str, text: &str) {
    let links = markdown::apart(text).into_iter().filter(|span| span.why == Apart::Link);
    let links: usize = links.map(|span| words::count(&text[span.from..span.to])).sum();
    dropped.add_words(what, words::count(text).saturating_sub(links));
}

/// Counts the words of `text`, which holds a mail of somebody else's, without the lines that programs
/// write around one.
pub(super) fn count_other(dropped: &mut Dropped, what: &'static str, text: &str) {
    let mut reading = Reading::of(text, &About { is_reply: true, sender: None });
    reading.divide();
    let said = reading.lines.iter().zip(&reading.parts).filter(|(_, part)| **part != Part::Machine);
    let said: Vec<&str> = said.map(|(line, _)| line.text).collect();
    count(dropped, what, &said.join("\n"));
}

/// A line of a mail.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    /// How many `>` it begins with.
    depth: usize,
    /// What comes after these.
    text: &'a str,
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Line<'a> {
        // `>>> here <<<` is no quote.
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

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

struct Reading<'a> {
    lines: Vec<Line<'a>>,
    parts: Vec<Part>,
    is_reply: bool,
    sender: Option<&'a str>,
    /// Lines of which only the beginning is the writer's: the line, and how many bytes.
    cuts: Vec<(usize, usize)>,
}

impl<'a> Reading<'a> {
    fn of(text: &'a str, about: &'a About) -> Reading<'a> {
        let mut lines: Vec<Line> = Vec::new();
        for line in text.lines() {
            let read = Line::of(line);
            // An address that was broken before its bracket: that is no mark of a quote.
            let broken = read.depth == 1
                && lines
                    .last()
                    .is_some_and(|before| before.depth == 0 && has_open_bracket(before.text));
            lines.push(if broken { Line { depth: 0, text: line } } else { read });
        }
        let parts = vec![Part::Own; lines.len()];
        Reading {
            lines,
            parts,
            is_reply: about.is_reply,
            sender: about.sender.as_deref(),
            cuts: Vec::new(),
        }
    }

    /// The next line that is not blank.
    fn next(&self, from: usize) -> Option<usize> {
        (from..self.lines.len()).find(|&at| !self.lines[at].is_blank())
    }

    fn mark(&mut self, lines: Range<usize>, part: Part) {
        self.parts[lines].fill(part);
    }

    /// Finds what is quoted and where others' words begin.
    fn divide(&mut self) {
        let (mut at, mut fenced, mut quotes) = (0, false, QUOTED);
        while at < self.lines.len() {
            let line = self.lines[at];
            let text = line.text.trim();
            fenced ^= line.depth == 0 && text.starts_with("```");
            if line.depth > 0 {
                let part = if quotes == FORWARDED { Part::Other(FORWARDED) } else { Part::Quote };
                self.parts[at] = part;
                if self.is_torn(at + 1) {
                    self.parts[at + 1] = part;
                    at += 1;
                }
                at += 1;
                continue;
            }
            if fenced || text.is_empty() {
                at += 1;
                continue;
            }
            if let Some((from, to, what)) = self.block(at) {
                self.mark(from..to, Part::Machine);
                let Some(what) = what else {
                    at = to;
                    continue;
                };
                return self.mark(to..self.lines.len(), Part::Other(what));
            }
            if let Some((to, what)) = self.title(at) {
                if let Some(next) = self.next(to).filter(|&next| self.block(next).is_some()) {
                    at = next;
                    continue;
                }
                self.mark(at..to, Part::Machine);
                match self.next(to) {
                    // What is passed on is marked, so that it has an end.
                    Some(next) if self.lines[next].depth > 0 => quotes = what,
                    _ => {
                        self.mark(to..self.lines.len(), Part::Other(what));
                        return;
                    }
                }
                at = to;
                continue;
            }
            if let Some(quoted) = self.attribution(at) {
                self.is_reply = true;
                if !quoted {
                    self.mark(at + 1..self.lines.len(), Part::Other(QUOTED));
                    return;
                }
            }
            at += 1;
        }
    }

    /// Marks the attribution that ends with this line; whether what comes after has marks of a quote.
    fn attribution(&mut self, at: usize) -> Option<bool> {
        let quoted = self.next(at + 1).is_some_and(|next| self.lines[next].depth > 0);
        let first = (at.saturating_sub(8)..at)
            .rev()
            .take_while(|&line| self.lines[line].depth == 0 && !self.lines[line].is_blank())
            .last()
            .unwrap_or(at);
        let lines: Vec<&str> = self.lines[first..=at].iter().map(|line| line.text).collect();
        let found = attribution::ending(&lines, quoted, self.is_reply)?;
        let begin = at + 1 - found.lines;
        self.mark(begin..at + 1, Part::Machine);
        if found.from > 0 {
            self.cuts.push((begin, found.from));
        }
        Some(quoted)
    }

    /// Whether a line lost its `>` when the line before it was broken in two.
    fn is_torn(&self, at: usize) -> bool {
        const LONG: usize = 60;
        let (Some(before), Some(line), Some(after)) = (
            at.checked_sub(1).and_then(|before| self.lines.get(before)),
            self.lines.get(at),
            self.lines.get(at + 1),
        ) else {
            return false;
        };
        // An address in brackets may have been put on a line of its own.
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

    /// The header block that begins at this line: where it begins with what announces it, where it ends,
    /// and what follows that is not the writer's.
    fn block(&self, at: usize) -> Option<(usize, usize, Option<&'static str>)> {
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
                    // Several may stand on one line.
                    seen.extend(value.match_indices(':').filter_map(|(colon, _)| {
                        languages::label(value[..colon].rsplit(' ').next()?)
                    }));
                    proof |= has_address(&value) || has_date(&value);
                    (to, loose) = (line + 1, 0);
                }
                None if self.lines[line].depth > 0 => break,
                // In pages each label may be a paragraph of its own.
                None if self.lines[line].is_blank() => {
                    if self
                        .next(line)
                        .is_none_or(|next| next > line + 1 || self.label(next).is_none())
                    {
                        break;
                    }
                }
                // A list of addresses goes on in the next line.
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
        let title = self.above(at);
        let announced = title.is_some();
        let first = title.map_or(at, |(from, _)| from);
        let bare = self.lines[..first].iter().all(Line::is_blank);
        if enough < 2 || !who || !(proof || announced) || (bare && !announced && !self.is_reply) {
            return None;
        }
        let what = title.and_then(|(_, what)| what).unwrap_or(QUOTED);
        // The headers of this very mail, copied into its text.
        let what = if bare && is_own && !announced { None } else { Some(what) };
        Some((first, to, what))
    }

    /// The rule or the title directly above a header block, and what it says that follows.
    fn above(&self, block: usize) -> Option<(usize, Option<&'static str>)> {
        let mut found = None;
        let mut at = block;
        while let Some(before) = at.checked_sub(1) {
            let line = &self.lines[before];
            if line.is_blank() {
                at = before;
                continue;
            }
            if line.depth > 0 || self.parts[before] != Part::Own {
                break;
            }
            if is_rule(line.text, 3) {
                found = found.or(Some((before, None))).map(|(_, what)| (before, what));
            } else if let Some((_, what)) = self.title(before) {
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

    /// A label of a header block and its value.
    fn label(&self, at: usize) -> Option<(Label, String)> {
        let line = self.lines.get(at).filter(|line| line.depth == 0)?;
        let head: String = line.text.trim_start().chars().take(60).collect();
        let bare = Bare::of(if head.contains([':', '：']) { line.text } else { return None }).text;
        let (name, value) = bare.split_once(':')?;
        let name = name.trim_matches([' ', '|', '_', '-']);
        Some((languages::label(name)?, value.trim().to_owned()))
    }

    /// A line that names the mail which follows: where it ends, and what follows.
    fn title(&self, at: usize) -> Option<(usize, &'static str)> {
        let line = &self.lines[at];
        let text = line.text.trim();
        let shaped = text.starts_with(DASHES)
            || text.starts_with(['*', '\\'])
            || text.ends_with([':', '：', '*']);
        if line.depth > 0 || !shaped || text.chars().count() > 120 {
            return None;
        }
        let bare = Bare::of(line.text).text;
        let inner = bare.trim_matches(|c: char| c == ' ' || DASHES.contains(&c));
        let dashed = inner.len() + 4 <= bare.len() && bare.starts_with(DASHES);
        let named = inner.trim_end_matches([':', ' ']);
        let colon = named.len() < inner.len();
        if !dashed && !colon {
            return None;
        }
        let what = match (languages::is_original(named), languages::is_forwarded(named)) {
            (_, true) => FORWARDED,
            (true, _) => QUOTED,
            _ => return None,
        };
        // Without dashes it is prose, unless a mail follows.
        let follows = self
            .next(at + 1)
            .is_some_and(|next| self.lines[next].depth > 0 || self.label(next).is_some());
        (dashed || follows).then_some((at + 1, what))
    }

    /// Finds signatures, the line that a telephone signs with, and the footers of mailing lists, in what
    /// is the writer's.
    fn sign(&mut self) {
        let mut from = 0;
        while from < self.lines.len() {
            if self.parts[from] != Part::Own {
                from += 1;
                continue;
            }
            let to = (from..self.lines.len())
                .find(|&at| self.parts[at] != Part::Own)
                .unwrap_or(self.lines.len());
            self.sign_stretch(from, to);
            from = to;
        }
    }

    fn sign_stretch(&mut self, from: usize, to: usize) {
        const MAX_LINES: usize = 12;
        const MAX_LENGTH: usize = 100;
        let lines = &self.lines;
        // What stands at the end of the writer's words is short.
        let near = from.max(to.saturating_sub(3 * MAX_LINES));
        let short = |below: Range<usize>| {
            let said = lines[below].iter().filter(|line| !line.is_blank());
            let longest = said.clone().map(|line| line.text.len()).max();
            (1..=MAX_LINES).contains(&said.count())
                && longest.is_some_and(|longest| longest < 3 * MAX_LENGTH)
        };
        let mut end = to;
        let rule = (near..to).rev().find(|&at| {
            let listed = |line: &Line| is_list_address(line.text);
            is_rule(lines[at].text, 2) && short(at + 1..to) && lines[at..to].iter().any(listed)
        });
        if let Some(rule) = rule {
            self.mark(rule..to, Part::Other(FOOTER));
            end = rule;
        }
        let lines = &self.lines;
        // Two dashes and a space are the mark of a signature; two dashes alone may divide a text.
        let exact = (from..end).find(|&at| lines[at].text == "-- ");
        let loose = || {
            // A rule is one where an address or a number to call follows.
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
            self.mark(mark..end, Part::Other(SIGNATURE));
            end = mark;
        }
        let last = |end: usize| (from..end).rev().find(|&at| !self.lines[at].is_blank());
        let mut begin = end;
        while let Some(last) = last(begin).filter(|&last| is_device(self.lines[last].text)) {
            begin = last;
        }
        self.mark(begin..end, Part::Other(SIGNATURE));
    }

    /// Rules that nothing of the writer's follows go, and so do the quotes in a reply that no words of the
    /// writer's follow.
    fn drop_what_trails(&mut self) {
        let own = |at: &usize| self.parts[*at] == Part::Own && !self.lines[*at].is_blank();
        let mut last = (0..self.lines.len()).rev().find(own);
        while let Some(at) =
            last.filter(|&at| is_rule(self.lines[at].text, 3) && at + 1 < self.lines.len())
        {
            if self.parts[at + 1..].iter().all(|part| *part == Part::Own) {
                break;
            }
            self.parts[at] = Part::Machine;
            last = (0..at)
                .rev()
                .find(|at| self.parts[*at] == Part::Own && !self.lines[*at].is_blank());
        }
        if self.is_reply {
            let from = last.map_or(0, |at| at + 1);
            self.parts[from..]
                .iter_mut()
                .filter(|part| **part == Part::Quote)
                .for_each(|part| *part = Part::Other(QUOTED));
        }
    }

    /// What is kept, and the count of what is not.
    fn told(&self, dropped: &mut Dropped) -> String {
        let mut out = String::new();
        let mut others: Vec<(&'static str, String)> = Vec::new();
        let (mut before, mut removed) = (None, false);
        for (at, (line, part)) in self.lines.iter().zip(&self.parts).enumerate() {
            let shared = self
                .cuts
                .iter()
                .find(|cut| cut.0 == at)
                .map(|cut| line.text[..cut.1].trim_end_matches(['-', ' ']));
            let part = if shared.is_some() { Part::Own } else { *part };
            match part {
                Part::Machine => removed = true,
                Part::Other(what) => {
                    removed = true;
                    match others.last_mut().filter(|other| other.0 == what) {
                        Some((_, text)) => text.extend(["\n", line.text]),
                        None => others.push((what, line.text.to_owned())),
                    }
                }
                Part::Own if removed && line.is_blank() && out.ends_with("\n\n") => {}
                Part::Own | Part::Quote => {
                    // Behind a quote an own line would belong to it.
                    let apart =
                        before.is_some_and(|before| before != part) && !out.ends_with("\n\n");
                    if apart && !line.is_blank() {
                        out.push('\n');
                    }
                    if part == Part::Quote {
                        out.push_str("> ".repeat(line.depth).trim_end());
                        out.push_str(if line.is_blank() { "" } else { " " });
                    }
                    let text = shared.unwrap_or(line.text);
                    // No quote, whatever it begins with.
                    if part == Part::Own && text.trim_start().starts_with('>') {
                        out.push('\\');
                        out.push_str(text.trim_start());
                    } else {
                        out.push_str(text);
                    }
                    out.push('\n');
                    if !line.is_blank() || part == Part::Quote {
                        (before, removed) = (Some(part), false);
                    }
                }
            }
        }
        for (what, text) in &others {
            count(dropped, what, text);
        }
        out.trim_matches('\n').trim_end().to_owned()
    }
}

/// So many signs alone at least: `____`, `-----`, `* * *`.
fn is_rule(line: &str, least: usize) -> bool {
    let signs = line.chars().filter(|c| !c.is_whitespace() && *c != '\\');
    let (mut count, mut all) = (0, true);
    for c in signs {
        count += 1;
        all &= matches!(c, '-' | '_' | '=' | '*' | '—' | '–' | '─' | '~');
    }
    all && count >= least
}

/// Words between rules: `----- 原始邮件 -----`.
fn is_dashed(line: &str) -> bool {
    let line = line.trim();
    let inner = line.trim_matches(DASHES);
    line.starts_with(DASHES)
        && line.ends_with(DASHES)
        && line.len() >= inner.len() + 6
        && inner.chars().count() < 60
        && inner.contains(char::is_alphabetic)
}

/// The addresses in the footers of mailing lists.
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

/// A line with an address or a number to call, and little else.
fn is_contact(line: &str) -> bool {
    const MIN_DIGITS: usize = 7;
    let digits = line.chars().filter(char::is_ascii_digit).count();
    let letters = line.chars().filter(|c| c.is_alphabetic()).count();
    line.split_whitespace().count() <= 5
        && (has_address(line) || (digits >= MIN_DIGITS && letters < digits))
}

/// A bracket or an address that the line does not close.
fn has_open_bracket(line: &str) -> bool {
    line.rfind(['(', '<']).is_some_and(|at| !line[at..].contains([')', '>']))
}

/// The line that a telephone or a mail program signs with: short, and no sentence.
fn is_device(line: &str) -> bool {
    const MAX_WORDS: usize = 10;
    let line = line.trim().trim_matches(['*', '_']);
    let unlinked = line.split("](").next().unwrap_or(line).replace(['[', ']', '<'], " ");
    let sentence =
        unlinked.trim_end().ends_with(['.', '!', '?', ',', ';', '。']) || unlinked.contains(", ");
    let brand = unlinked.chars().skip(1).any(char::is_uppercase) || !unlinked.is_ascii();
    let bare = Bare::of(&unlinked).text;
    let possessive = bare.starts_with("sent from my ");
    bare.split(' ').count() <= MAX_WORDS
        && !sentence
        && (brand || possessive)
        && languages::is_device(bare.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEIRS: &str = "Does the ferry run on Sundays, and do you know the fare?";

    fn read(text: &str, is_reply: bool) -> (String, Option<String>) {
        let mut dropped = Dropped::default();
        let own = own(text, &About { is_reply, sender: None }, &mut dropped);
        (own, dropped.sentence())
    }

    fn kept(text: &str) -> String {
        read(text, true).0
    }

    /// One header block for each language: from, date, to, subject.
    const BLOCKS: &[[&str; 4]] = &[
        ["From", "Sent", "To", "Subject"],
        ["Von", "Gesendet", "An", "Betreff"],
        ["De", "Envoyé", "À", "Objet"],
        ["De", "Enviado el", "Para", "Asunto"],
        ["Da", "Inviato", "A", "Oggetto"],
        ["De", "Enviada em", "Para", "Assunto"],
        ["Van", "Verzonden", "Aan", "Onderwerp"],
        ["Fra", "Sendt", "Til", "Emne"],
        ["Från", "Skickat", "Till", "Ämne"],
        ["Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"],
        ["Od", "Wysłano", "Do", "Temat"],
        ["Od", "Odesláno", "Komu", "Předmět"],
        ["Od", "Odoslané", "Komu", "Predmet"],
        ["Feladó", "Elküldve", "Címzett", "Tárgy"],
        ["De la", "Trimis", "Către", "Subiect"],
        ["Από", "Στάλθηκε", "Προς", "Θέμα"],
        ["От", "Отправлено", "Кому", "Тема"],
        ["Від", "Надіслано", "Кому", "Тема"],
        ["Gönderen", "Gönderildi", "Kime", "Konu"],
        ["מאת", "נשלח", "אל", "נושא"],
        ["من", "تاريخ الإرسال", "إلى", "الموضوع"],
        ["Từ", "Đã gửi", "Đến", "Chủ đề"],
        ["发件人", "发送时间", "收件人", "主题"],
        ["寄件者", "寄件日期", "收件者", "主旨"],
        ["差出人", "送信日時", "宛先", "件名"],
        ["보낸 사람", "보낸 날짜", "받는 사람", "제목"],
        ["От", "Изпратено", "До", "Относно"],
        ["Dari", "Dikirim", "Kepada", "Subjek"],
    ];

    fn block([from, date, to, subject]: &[&str; 4]) -> String {
        format!(
            "{from}: Oda Brink <oda@example.org>\n{date}: 4. 3. 2024 10:02\n{to}: Maren Holt <maren@example.org>\n{subject}: the ferry"
        )
    }

    #[test]
    fn a_header_block_ends_a_reply_in_every_language_that_programs_speak() {
        for labels in BLOCKS {
            let block = block(labels);
            for (above, block) in [
                ("", block.clone()),
                ("________________________________\n", block.clone()),
                ("-----Some Words-----\n", block.clone()),
                (
                    "---\n\n",
                    block
                        .lines()
                        .map(|line| format!("**{}\n", line.replacen(':', ":**", 1)))
                        .collect(),
                ),
                ("", block.replace(": ", " : ")),
                ("", block.replace(": ", "：")),
                ("", block.replace('\n', "\n\n")),
            ] {
                let mail = format!("At noon, then.\n\n{above}{block}\n\n{THEIRS}\n");
                assert_eq!(
                    read(&mail, false),
                    (
                        "At noon, then.".to_owned(),
                        Some("Left out 12 words in quoted replies.".to_owned())
                    ),
                    "{mail}"
                );
            }
        }
    }

    #[test]
    fn a_rule_that_names_the_original_ends_a_reply() {
        for name in [
            "Original Message",
            "Ursprüngliche Nachricht",
            "Message d'origine",
            "Mensaje original",
            "Messaggio originale",
            "Mensagem original",
            "Oorspronkelijk bericht",
            "Oprindelig meddelelse",
            "Opprinnelig melding",
            "Ursprungligt meddelande",
            "Alkuperäinen viesti",
            "Oryginalna wiadomość",
            "Původní zpráva",
            "Pôvodná správa",
            "Eredeti üzenet",
            "Mesaj original",
            "Αρχικό μήνυμα",
            "Исходное сообщение",
            "Початкове повідомлення",
            "Orijinal İleti",
            "הודעה מקורית",
            "الرسالة الأصلية",
            "Tin nhắn gốc",
            "原始邮件",
            "元のメッセージ",
            "원본 메시지",
        ] {
            for rule in [
                format!("-----{name}-----"),
                format!("------------------ {name} ------------------"),
                format!("_____ {name} _____"),
                format!("-------- {} --------", name.to_uppercase()),
            ] {
                let mail = format!("At noon, then.\n\n{rule}\n\n{THEIRS}\n");
                assert_eq!(kept(&mail), "At noon, then.", "{rule}");
            }
        }
        assert_eq!(
            kept("At noon.\n\n----- The ferry -----\n\nIt runs."),
            "At noon.\n\n----- The ferry -----\n\nIt runs."
        );
    }

    #[test]
    fn what_is_passed_on_is_not_the_writers() {
        for name in [
            "Forwarded message",
            "Weitergeleitete Nachricht",
            "Message transféré",
            "Mensaje reenviado",
            "Messaggio inoltrato",
            "Mensagem encaminhada",
            "Doorgestuurd bericht",
            "Videresendt besked",
            "Videresendt melding",
            "Vidarebefordrat meddelande",
            "Välitetty viesti",
            "Przekazana wiadomość",
            "Přeposlaná zpráva",
            "Preposlaná správa",
            "Továbbított üzenet",
            "Mesaj redirecționat",
            "Προωθημένο μήνυμα",
            "Пересылаемое сообщение",
            "Переслане повідомлення",
            "Yönlendirilmiş mesaj",
            "הודעה שהועברה",
            "رسالة معاد توجيهها",
            "Tin nhắn được chuyển tiếp",
            "转发的邮件",
            "転送メッセージ",
            "전달된 메시지",
        ] {
            let mail = format!(
                "See below.\n\n---------- {name} ---------\nFrom: Oda <oda@example.org>\nDate: Mon, Jul 24, 2023 at 3:59 PM\nSubject: the ferry\nTo: Maren <maren@example.org>\n\n{THEIRS}\n"
            );
            let said = Some("Left out 12 words in a forwarded message.".to_owned());
            assert_eq!(read(&mail, false), ("See below.".to_owned(), said), "{name}");
        }
        let apple = format!(
            "See below.\n\nBegin forwarded message:\n\n> From: Oda <oda@example.org>\n> Subject: the ferry\n>\n> {THEIRS}\n\nMaren\n"
        );
        assert_eq!(kept(&apple), "See below.\n\nMaren");
    }

    #[test]
    fn answers_between_quotes_are_the_writers_and_the_quotes_they_answer_stay() {
        let mail = "On Mon, 4 Mar 2024 at 09:05, Oda <oda@example.org> wrote:\n> Does it run?\n\nNo.\n\n> And the fare?\nTwo crowns.\n\n> Oda\n";
        assert_eq!(kept(mail), "> Does it run?\n\nNo.\n\n> And the fare?\n\nTwo crowns.");
        assert_eq!(read(mail, true).1.as_deref(), Some("Left out 1 word in quoted replies."));
    }

    #[test]
    fn a_quote_in_a_mail_that_answers_none_is_the_writers_choice() {
        let mail = "My aunt said it best:\n\n> The sea gives nothing back.\n";
        assert_eq!(read(mail, false), (mail.trim_end().to_owned(), None));
    }

    #[test]
    fn a_letter_that_names_a_sender_and_a_day_in_prose_is_whole() {
        for mail in [
            "Bring:\n\nTo: the hill\nFrom: the sea\n\nThat is all.",
            "Invitation:\n\nDate: Wednesday 3 October 2011\nTime: 7:00\nPlace: 13 Fox Street\n\nBring a coat.",
            "On Monday my sister wrote:\n\nThe hens are well.\n\nSo they are.",
            "Date: a fruit.\nSubject: a person.\n\nWords change.",
            "# Part one\n\n----\n\nIt rained.\n\n====\n\nIt stopped.",
            "Sent from my desk, which is easier than my telephone.",
            "We wrote:\n-- a list\n-- of two\n\nAnd went.",
        ] {
            assert_eq!(read(mail, true), (mail.to_owned(), None), "{mail}");
        }
    }

    #[test]
    fn a_signature_is_left_out_and_the_words_around_it_stay() {
        for (mail, own, said) in [
            ("Up.\n\n-- \nJo Hill\n+1 555 0100", "Up.", "Left out 5 words in a signature."),
            ("Up.\n--\nJo Hill", "Up.", "Left out 2 words in a signature."),
            (
                "Up.\n\n-- \nJo\n\nOn Mon, 4 Mar 2024 at 09:05, Oda <oda@example.org> wrote:\n> No.",
                "Up.",
                "Left out 2 words: 1 in a signature, 1 in quoted replies.",
            ),
            (
                "Up.\n\n_______________\nhills mailing list\nhttps://lists.example.org/mailman/listinfo/hills",
                "Up.",
                "Left out 3 words in the footer of a mailing list.",
            ),
            ("Up.\n\n—————\nJo Hill\njo@example.org", "Up.", "Left out 5 words in a signature."),
        ] {
            let (kept, sentence) = read(mail, false);
            assert_eq!((kept.as_str(), sentence.as_deref()), (own, Some(said)), "{mail}");
        }
    }

    #[test]
    fn the_line_that_a_telephone_signs_with_is_no_prose() {
        for line in [
            "Sent from my iPhone",
            "Sent from Mail for Windows",
            "Get Outlook for iOS<https://aka.ms/o0ukef>",
            "Get [Outlook for Android](https://aka.ms/ghei36)",
            "Von meinem iPhone gesendet",
            "Gesendet von Outlook für iOS",
            "Envoyé de mon iPhone",
            "Enviado desde mi iPhone",
            "Inviato da iPhone",
            "Enviado do meu iPhone",
            "Verstuurd vanaf mijn iPhone",
            "Sendt fra min iPhone",
            "Skickat från min iPhone",
            "Lähetetty iPhonesta",
            "Wysłane z iPhone'a",
            "Odesláno z iPhonu",
            "Odoslané z iPhonu",
            "Elküldve az iPhone készülékemről",
            "Trimis de pe iPhone-ul meu",
            "Στάλθηκε από το iPhone μου",
            "Отправлено с iPhone",
            "Надіслано з iPhone",
            "iPhone'umdan gönderildi",
            "נשלח מה-iPhone שלי",
            "أرسلت من الـ iPhone",
            "Đã gửi từ iPhone của tôi",
            "发自我的iPhone",
            "從我的 iPhone 傳送",
            "iPhoneから送信",
            "나의 iPhone에서 보냄",
        ] {
            assert_eq!(kept(&format!("At noon, then.\n\n{line}\n")), "At noon, then.", "{line}");
        }
    }

    #[test]
    fn a_quote_that_a_program_broke_is_a_quote() {
        let long = "> Post an answer by writing to this address, or look at (https://example.org/a";
        let mail = format!(
            "No.\n\nOn Mon, 4 Mar 2024 at 09:05, Oda <oda@example.org> wrote:\n{long}\nb=3dd518)\n> Oda\n"
        );
        assert_eq!(kept(&mail), "No.");
        assert_eq!(kept(">>> here <<<\nOn we go."), "\\>>> here <<<\nOn we go.");
    }

    #[test]
    fn the_headers_of_the_mail_itself_at_its_beginning_are_no_prose() {
        let about = About { is_reply: true, sender: Some("maren@example.org".to_owned()) };
        let mail = "From: Maren Holt <maren@example.org>\nSent: 4 March 2024 10:02\nSubject: the ferry\n\nAt noon, then.";
        assert_eq!(own(mail, &about, &mut Dropped::default()), "At noon, then.");
    }
}
