//! The difference between a draft and what the writer shipped, word by word, and its notation:
//!
//! ```text
//! one [two/twi] three     [cut/]     [/added]     a \[bracket], an [either\/or/choice]
//! ```
//!
//! One line of it says both texts and what happened in between, so it is how edits are tested and
//! printed. Knows nothing of how an edit is stored or coloured.
//!
//! There are two differences, after CodeMirror: one to **measure** ([`Edit::between`]), which keeps
//! as many words as can be kept, and one to **show** ([`Edit::presentable`]), which keeps what a
//! reader would say was kept. Neither looks at a clock: a number we judge by must not depend on
//! how fast the computer is.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation;

use crate::align;
use crate::words::{Class, Token, is_east_asian, straight, tokens};

/// A stretch of an edit. On the wire `{"same": "…"}` or `{"cut": "…", "added": "…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Segment {
    /// In both texts.
    #[serde(rename = "same")]
    Same(String),
    /// In the draft `cut`, in the shipped text `added`; not both are empty.
    #[serde(untagged)]
    Changed {
        /// What the writer took out.
        cut: String,
        /// What the writer put in.
        added: String,
    },
}

/// What turns a draft into what was shipped: no segment is empty, and no two of one sort follow
/// each other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Edit {
    #[serde(deserialize_with = "tidied")]
    segments: Vec<Segment>,
}

/// The text an edit was applied to is not the draft it was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This edit belongs to another draft: the two part at byte {at}.")]
pub struct Mismatch {
    /// The first byte that differs.
    pub at: usize,
}

/// A line that is not the notation of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This is not an edit: {why} at byte {at}.")]
pub struct NotAnEdit {
    /// Where in the line.
    pub at: usize,
    /// What is wrong there.
    pub why: &'static str,
}

impl Edit {
    /// The difference that keeps as many words as can be kept: what is measured and learned from.
    ///
    /// Exact (a longest common subsequence of words) up to 100,000 words on both sides; beyond
    /// that, what lies between the common opening and the common end counts as rewritten.
    pub fn between(draft: &str, shipped: &str) -> Edit {
        let sides = Sides::of(draft, shipped);
        let pairs = align::pairs(&sides.draft.numbers, &sides.shipped.numbers);
        sides.edit(&sides.changes(&pairs))
    }

    /// The difference a person would see: it holds on to words that occur once, gives each
    /// paragraph its own change, says one long change rather than confetti, and puts whole
    /// sentences in or out where it can.
    pub fn presentable(draft: &str, shipped: &str) -> Edit {
        let sides = Sides::of(draft, shipped);
        let pairs = patient_pairs(&sides.draft.numbers, &sides.shipped.numbers);
        let changes = sides.by_paragraph(sides.changes(&pairs));
        let mut changes = sides.without_islands(changes);
        sides.slide(&mut changes);
        sides.edit(&changes)
    }

    /// Its stretches, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether the draft was shipped as it was.
    pub fn is_empty(&self) -> bool {
        !self.segments.iter().any(|segment| matches!(segment, Segment::Changed { .. }))
    }

    /// The text before.
    pub fn draft(&self) -> String {
        self.segments.iter().map(|s| s.sides().0).collect()
    }

    /// The text after.
    pub fn shipped(&self) -> String {
        self.segments.iter().map(|s| s.sides().1).collect()
    }

    /// What is in both texts: bytes of the draft, and bytes of the shipped text.
    pub fn kept(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        let (mut before, mut after) = (0, 0);
        self.segments.iter().filter_map(move |segment| {
            let (cut, added) = segment.sides();
            let kept = (before..before + cut.len(), after..after + added.len());
            (before, after) = (kept.0.end, kept.1.end);
            matches!(segment, Segment::Same(_)).then_some(kept)
        })
    }

    /// The shipped text, if `text` is the draft.
    pub fn apply(&self, text: &str) -> Result<String, Mismatch> {
        let draft = self.draft();
        if draft == text {
            return Ok(self.shipped());
        }
        let same = draft.bytes().zip(text.bytes());
        Err(Mismatch { at: same.take_while(|(a, b)| a == b).count() })
    }

    /// The edit that undoes this one.
    pub fn invert(&self) -> Edit {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Same(text) => Segment::Same(text.clone()),
            Segment::Changed { cut, added } => {
                Segment::Changed { cut: added.clone(), added: cut.clone() }
            }
        });
        Edit { segments: segments.collect() }
    }

    fn same(&mut self, text: &str) {
        match self.segments.last_mut() {
            _ if text.is_empty() => {}
            Some(Segment::Same(last)) => last.push_str(text),
            _ => self.segments.push(Segment::Same(text.to_owned())),
        }
    }

    fn changed(&mut self, cut: &str, added: &str) {
        match self.segments.last_mut() {
            _ if cut.is_empty() && added.is_empty() => {}
            Some(Segment::Changed { cut: last_cut, added: last_added }) => {
                last_cut.push_str(cut);
                last_added.push_str(added);
            }
            _ => self
                .segments
                .push(Segment::Changed { cut: cut.to_owned(), added: added.to_owned() }),
        }
    }

    /// Adds two texts of which only the quotes differ.
    fn quotes(&mut self, cut: &str, added: &str) {
        let (mut one, mut other) = ([0; 4], [0; 4]);
        for (a, b) in cut.chars().zip(added.chars()) {
            match a == b {
                true => self.same(a.encode_utf8(&mut one)),
                false => self.changed(a.encode_utf8(&mut one), b.encode_utf8(&mut other)),
            }
        }
    }
}

impl Segment {
    /// Its text in the draft and in what was shipped.
    pub fn sides(&self) -> (&str, &str) {
        match self {
            Segment::Same(text) => (text, text),
            Segment::Changed { cut, added } => (cut, added),
        }
    }
}

impl FromIterator<Segment> for Edit {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        let mut edit = Edit::default();
        for segment in segments {
            match segment {
                Segment::Same(text) => edit.same(&text),
                Segment::Changed { cut, added } => edit.changed(&cut, &added),
            }
        }
        edit
    }
}

fn tidied<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Segment>, D::Error> {
    let segments = Vec::<Segment>::deserialize(from)?;
    Ok(segments.into_iter().collect::<Edit>().segments)
}

/// The notation; `{:#}` keeps it on one line, with line ends as `\n` and `\r`.
impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Same(text) => escaped(f, text, &['[', '\\'])?,
                Segment::Changed { cut, added } => {
                    f.write_str("[")?;
                    escaped(f, cut, &['[', ']', '/', '\\'])?;
                    f.write_str("/")?;
                    escaped(f, added, &['[', ']', '/', '\\'])?;
                    f.write_str("]")?;
                }
            }
        }
        Ok(())
    }
}

fn escaped(f: &mut fmt::Formatter<'_>, text: &str, marks: &[char]) -> fmt::Result {
    for c in text.chars() {
        match c {
            '\n' if f.alternate() => f.write_str("\\n")?,
            '\r' if f.alternate() => f.write_str("\\r")?,
            c if marks.contains(&c) => write!(f, "\\{c}")?,
            c => fmt::Write::write_char(f, c)?,
        }
    }
    Ok(())
}

impl FromStr for Edit {
    type Err = NotAnEdit;

    fn from_str(line: &str) -> Result<Edit, NotAnEdit> {
        let mut edit = Edit::default();
        let mut rest = Notation { line, at: 0 };
        loop {
            let (text, end) = rest.until(&['['])?;
            edit.same(&text);
            if end.is_none() {
                return Ok(edit);
            }
            let cut = rest.part('/', "a change without its “/”")?;
            let added = rest.part(']', "a change without its “]”")?;
            edit.changed(&cut, &added);
        }
    }
}

/// A line being read.
struct Notation<'a> {
    line: &'a str,
    at: usize,
}

impl Notation<'_> {
    /// One side of a change, up to and with `end`.
    fn part(&mut self, end: char, why: &'static str) -> Result<String, NotAnEdit> {
        let (text, found) = self.until(&['[', '/', ']'])?;
        if found == Some(end) {
            return Ok(text);
        }
        let at = self.at - found.map_or(0, char::len_utf8);
        Err(NotAnEdit { at, why })
    }

    /// The text up to one of `ends`, unescaped, and the one that ended it.
    fn until(&mut self, ends: &[char]) -> Result<(String, Option<char>), NotAnEdit> {
        let mut text = String::new();
        let mut chars = self.line[self.at..].chars();
        while let Some(c) = chars.next() {
            let start = self.at;
            self.at += c.len_utf8();
            if ends.contains(&c) {
                return Ok((text, Some(c)));
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let c = chars.next();
            text.push(match c {
                Some('n') => '\n',
                Some('r') => '\r',
                Some(c @ ('[' | ']' | '/' | '\\')) => c,
                _ => {
                    let why = "a “\\” before nothing that needs one";
                    return Err(NotAnEdit { at: start, why });
                }
            });
            self.at += c.map_or(0, char::len_utf8);
        }
        Ok((text, None))
    }
}

/// A draft and what was shipped, as tokens.
struct Sides<'a> {
    draft: Side<'a>,
    shipped: Side<'a>,
}

/// One of the two texts.
struct Side<'a> {
    whole: &'a str,
    tokens: Vec<Token<'a>>,
    /// Where its words stand among its tokens.
    words: Vec<usize>,
    /// Its words as numbers; equal words have equal numbers on both sides.
    numbers: Vec<u32>,
}

/// A stretch of tokens of the draft replaced by one of the shipped text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    cut: Range<usize>,
    added: Range<usize>,
}

impl<'a> Sides<'a> {
    fn of(draft: &'a str, shipped: &'a str) -> Self {
        let (mut draft, mut shipped) = (Side::of(draft), Side::of(shipped));
        (draft.numbers, shipped.numbers) = align::numbered(draft.texts(), shipped.texts());
        Sides { draft, shipped }
    }

    /// What differs around the words in `pairs`, which stay.
    fn changes(&self, pairs: &[(usize, usize)]) -> Vec<Change> {
        let kept = pairs.iter().map(|&(i, j)| (self.draft.words[i], self.shipped.words[j]));
        let ends = (self.draft.tokens.len(), self.shipped.tokens.len());
        let mut from = (0, 0);
        let mut changes = Vec::new();
        for (i, j) in kept.chain([ends]) {
            changes.extend(self.trimmed(from.0..i, from.1..j));
            from = (i + 1, j + 1);
        }
        changes
    }

    /// The change between two stretches, without what they begin and end with alike.
    fn trimmed(&self, cut: Range<usize>, added: Range<usize>) -> Option<Change> {
        let before = self.draft.tokens[cut.clone()].iter().map(|token| token.text.as_bytes());
        let after = self.shipped.tokens[added.clone()].iter().map(|token| token.text.as_bytes());
        let opening = alike(before.clone(), after.clone(), |text, n| text.split_at(n));
        let end = alike(before.skip(opening.0).rev(), after.skip(opening.1).rev(), |text, n| {
            let (rest, end) = text.split_at(text.len() - n);
            (end, rest)
        });
        let change = Change {
            cut: cut.start + opening.0..cut.end - end.0,
            added: added.start + opening.1..added.end - end.1,
        };
        (!change.cut.is_empty() || !change.added.is_empty()).then_some(change)
    }

    /// A change over as many paragraphs on both sides becomes a change in each.
    fn by_paragraph(&self, changes: Vec<Change>) -> Vec<Change> {
        let divide = |change: Change| {
            let before = self.draft.paragraphs(&change.cut);
            let after = self.shipped.paragraphs(&change.added);
            if before.len() != after.len() {
                return vec![change];
            }
            let both = before.into_iter().zip(after);
            both.filter_map(|(cut, added)| self.trimmed(cut, added)).collect()
        };
        changes.into_iter().flat_map(divide).collect()
    }

    /// A few words that stayed between two rewritten stretches only stayed by accident.
    fn without_islands(&self, changes: Vec<Change>) -> Vec<Change> {
        let mut done: Vec<Change> = Vec::new();
        for mut change in changes {
            while let Some(before) = done.pop_if(|before| self.is_island(before, &change)) {
                change.cut.start = before.cut.start;
                change.added.start = before.added.start;
            }
            done.push(change);
        }
        done
    }

    /// Whether what stayed between two changes is small beside them: at most three words, on one
    /// line, and at most half as many as either change took out and put in.
    fn is_island(&self, before: &Change, after: &Change) -> bool {
        let island = before.cut.end..after.cut.start;
        let breaks = |token: &Token<'_>| token.class == Class::Break;
        if self.draft.tokens[island.clone()].iter().any(breaks) {
            return false;
        }
        let words = self.draft.count(&island);
        words <= 3 && 2 * words <= self.weight(before).min(self.weight(after))
    }

    fn weight(&self, change: &Change) -> usize {
        let cut = self.draft.count(&change.cut);
        cut.min(self.shipped.count(&change.added))
    }

    /// Moves what was only put in, or only taken out, to where it reads best: of "It rained. It
    /// [/snowed. It ]poured." and "It rained. [/It snowed. ]It poured." the latter.
    fn slide(&self, changes: &mut [Change]) {
        let ends = (self.draft.tokens.len(), self.shipped.tokens.len());
        for n in 0..changes.len() {
            let (done, rest) = changes.split_at_mut(n);
            let Some((change, later)) = rest.split_first_mut() else {
                return;
            };
            let floor = done.last().map_or(0, |last| last.cut.end);
            let ceiling = later.first().map_or(ends.0, |next| next.cut.start);
            let (side, stretch) = match (change.cut.is_empty(), change.added.is_empty()) {
                (true, false) => (&self.shipped, change.added.clone()),
                (false, true) => (&self.draft, change.cut.clone()),
                _ => continue,
            };
            let room = (change.cut.start - floor, ceiling - change.cut.end);
            let by = side.best_slide(&stretch, room);
            for end in [
                &mut change.cut.start,
                &mut change.cut.end,
                &mut change.added.start,
                &mut change.added.end,
            ] {
                *end = end.saturating_add_signed(by);
            }
        }
    }

    fn edit(&self, changes: &[Change]) -> Edit {
        let mut edit = Edit::default();
        let mut at = 0;
        for change in changes {
            edit.same(self.draft.text(at..change.cut.start));
            let cut = self.draft.text(change.cut.clone());
            let added = self.shipped.text(change.added.clone());
            at = change.cut.end;
            if differs_in_quotes(cut, added) {
                edit.quotes(cut, added);
                continue;
            }
            let (opening, end) = shared_characters(cut, added);
            edit.same(&cut[..opening]);
            edit.changed(&cut[opening..cut.len() - end], &added[opening..added.len() - end]);
            edit.same(&cut[cut.len() - end..]);
        }
        edit.same(self.draft.text(at..self.draft.tokens.len()));
        edit
    }
}

impl<'a> Side<'a> {
    fn of(whole: &'a str) -> Self {
        let tokens: Vec<_> = tokens(whole).collect();
        let words = (0..tokens.len()).filter(|&n| tokens[n].class == Class::Word).collect();
        Side { whole, tokens, words, numbers: Vec::new() }
    }

    fn texts(&self) -> impl Iterator<Item = &'a str> {
        self.words.iter().map(|&n| self.tokens[n].text)
    }

    fn text(&self, stretch: Range<usize>) -> &'a str {
        let at = |n: usize| self.tokens.get(n).map_or(self.whole.len(), |token| token.at);
        &self.whole[at(stretch.start)..at(stretch.end)]
    }

    /// How many words a stretch of tokens has.
    fn count(&self, stretch: &Range<usize>) -> usize {
        let before = |end: usize| self.words.partition_point(|&n| n < end);
        before(stretch.end) - before(stretch.start)
    }

    /// A stretch as paragraph, blank line, paragraph, and so on; the first and last may be empty.
    fn paragraphs(&self, stretch: &Range<usize>) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let (mut start, mut at) = (stretch.start, stretch.start);
        while at < stretch.end {
            let white = self.tokens[at..stretch.end]
                .iter()
                .take_while(|token| matches!(token.class, Class::Space | Class::Break));
            let (mut len, mut breaks) = (0, 0);
            for token in white {
                len += 1;
                breaks += usize::from(token.class == Class::Break);
            }
            if breaks >= 2 {
                found.extend([start..at, at..at + len]);
                start = at + len;
            }
            at += len.max(1);
        }
        found.push(start..stretch.end);
        found
    }

    /// How far to move a stretch put in here, so that what is put in says the same and begins
    /// best; `room` is how far it may go either way.
    fn best_slide(&self, stretch: &Range<usize>, room: (usize, usize)) -> isize {
        let tokens = &self.tokens;
        let Range { start, end } = *stretch;
        let left = (0..room.0.min(start))
            .take_while(|i| tokens[start - 1 - i].text == tokens[end - 1 - i].text)
            .count() as isize;
        let right = (0..room.1.min(tokens.len() - end))
            .take_while(|i| tokens[start + i].text == tokens[end + i].text)
            .count() as isize;
        (-left..=right)
            .max_by_key(|by| (self.beginning(start.saturating_add_signed(*by)), -by.abs()))
            .unwrap_or(0)
    }

    /// How good a place the `n`th token is to begin at.
    fn beginning(&self, n: usize) -> u8 {
        let before = |back: usize| n.checked_sub(back).and_then(|n| self.tokens.get(n));
        let class = |back| before(back).map(|token| token.class);
        match (class(1), class(2)) {
            (None, _) | (Some(Class::Break), Some(Class::Break)) => 5,
            (Some(Class::Break), _) => 4,
            (Some(Class::Space), _) => match before(2).map_or("", |token| token.text) {
                "." | "!" | "?" | "…" | "\"" | "”" | "’" | ")" => 3,
                "," | ";" | ":" | "—" | "–" => 2,
                _ => 1,
            },
            _ => 0,
        }
    }
}

/// How many pieces of two sequences make the same text, up to the last place where a piece ends in
/// both: a text without spaces may be divided in two ways, after what is around it. `split` takes so
/// many bytes off a piece, and gives what is left second.
fn alike<'a>(
    mut before: impl Iterator<Item = &'a [u8]>,
    mut after: impl Iterator<Item = &'a [u8]>,
    split: impl Fn(&'a [u8], usize) -> (&'a [u8], &'a [u8]),
) -> (usize, usize) {
    let (mut taken, mut found) = ((0, 0), (0, 0));
    let (mut one, mut other): (&[u8], &[u8]) = (&[], &[]);
    loop {
        if one.is_empty() && other.is_empty() {
            found = taken;
        }
        if one.is_empty() {
            let Some(next) = before.next() else { return found };
            (one, taken.0) = (next, taken.0 + 1);
        }
        if other.is_empty() {
            let Some(next) = after.next() else { return found };
            (other, taken.1) = (next, taken.1 + 1);
        }
        let len = one.len().min(other.len());
        let (a, b);
        ((a, one), (b, other)) = (split(one, len), split(other, len));
        if a != b {
            return found;
        }
    }
}

/// Whether two texts are the same but for the shape of quotation marks and apostrophes, which programs
/// change as one types: then only the marks are the change.
fn differs_in_quotes(cut: &str, added: &str) -> bool {
    cut.chars().map(straight).eq(added.chars().map(straight))
}

/// How many bytes of Chinese and Japanese characters two texts begin and end with alike. Where one
/// character of a word is changed, that character is the change: most have a meaning of their own, and
/// where a word ends is the dictionary's opinion.
fn shared_characters(cut: &str, added: &str) -> (usize, usize) {
    let is_shared = |&(a, b): &(&str, &str)| a == b && a.starts_with(is_east_asian);
    let len = |(a, _): (&str, &str)| a.len();
    let both = cut.graphemes(true).zip(added.graphemes(true));
    let opening = both.take_while(is_shared).map(len).sum();
    let both = cut[opening..].graphemes(true).rev().zip(added[opening..].graphemes(true).rev());
    (opening, both.take_while(is_shared).map(len).sum())
}

/// Words that stay, chosen to hold on to those that occur once in either text (patience diff).
fn patient_pairs(draft: &[u32], shipped: &[u32]) -> Vec<(usize, usize)> {
    // Patience falls back on Myers between its anchors, which takes the square of their distance:
    // up to 5,000 words a side that is half a second at worst.
    const MOST_CELLS: usize = 25_000_000;
    if draft.len().saturating_mul(shipped.len()) > MOST_CELLS {
        return align::pairs(draft, shipped);
    }
    let mut pairs = Vec::new();
    for op in capture_diff_slices(Algorithm::Patience, draft, shipped) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            pairs.extend((old_index..old_index + len).zip(new_index..));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use super::*;
    use crate::chance::Chance;

    /// `same [cut/added] same`: parses both sides, diffs them, prints the edit, expects the line.
    #[track_caller]
    fn check(line: &str) {
        let edit: Edit = line.parse().unwrap();
        let shown = Edit::presentable(&edit.draft(), &edit.shipped());
        assert_eq!(format!("{shown:#}"), line);
    }

    #[test]
    fn every_line_of_the_fixture() {
        let lines = include_str!("../../../tests/fixtures/edits.txt");
        let mut failures = String::new();
        for (n, line) in lines.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let said = match line.parse::<Edit>() {
                Ok(edit) => format!("{:#}", Edit::presentable(&edit.draft(), &edit.shipped())),
                Err(trouble) => trouble.to_string(),
            };
            if said != line {
                failures += &format!("line {}\n  want {line}\n  got  {said}\n", n + 1);
            }
        }
        assert!(failures.is_empty(), "tests/fixtures/edits.txt:\n{failures}");
    }

    #[test]
    fn a_swapped_word() {
        check("I [utilize/use] plain words.");
    }

    #[test]
    fn a_cut_opening() {
        check("[In today's world, rain/Rain] is wet.");
    }

    #[test]
    fn nothing_changed() {
        check("It rained.");
        check("");
    }

    #[test]
    fn a_word_of_a_script_without_spaces() {
        check("ฉันรัก[แมว/หมา]มาก");
        check("人々は[東京/大阪]に住んでいる");
        check("昨天晚上我們在河邊[/的小屋裡]");
    }

    #[test]
    fn quotes_that_a_program_made_curly() {
        check("[\"/“]Don['/’]t,[\"/”] he said.");
        check("[he don't/she doesn’t] know");
    }

    #[test]
    fn a_character_of_an_east_asian_word() {
        check("中文[測/不]試");
        check("雨が[降/止]る。");
    }

    #[test]
    fn what_is_divided_in_two_ways_is_no_change() {
        let words = |parts: &[&'static str]| parts.iter().map(|part| part.as_bytes()).collect();
        let alike = |a: &[&'static str], b: &[&'static str]| {
            let (a, b): (Vec<&[u8]>, Vec<&[u8]>) = (words(a), words(b));
            alike(a.into_iter(), b.into_iter(), |text, n| text.split_at(n))
        };
        assert_eq!(alike(&["ab", "c", "d"], &["a", "bc", "e"]), (2, 2));
        assert_eq!(alike(&["ab", "c"], &["a", "bd"]), (0, 0));
        assert_eq!(alike(&["ab"], &["a", "b", "c"]), (1, 2));
    }

    #[test]
    fn marks_are_escaped() {
        check(r"a \[link](there) [x\/y/z\[1\]] and/or ] \\");
    }

    /// Words, marks and trouble.
    const STOCK: &[&str] = &[
        "rain",
        "Rain",
        "the",
        "the",
        "the",
        "a",
        "don't",
        "well-known",
        "3.5",
        "1.",
        "12)",
        " ",
        " ",
        " ",
        " ",
        " ",
        " ",
        "  ",
        "\t",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        ".",
        ",",
        "—",
        "[",
        "]",
        "/",
        "\\",
        "\\n",
        "'",
        "-",
        "“",
        "”",
        "☔️",
        "👩‍👩‍👧",
        "🇩🇪",
        "e\u{301}",
        "\u{301}",
        "\u{200d}",
        "雨",
        "中文",
        "測試",
        "がく",
        "ตากลม",
        "แมว",
        "𝒳",
        "\u{0}",
        "\u{feff}",
        "#",
        "> ",
        "**",
        "न्",
        "क",
    ];

    fn text(chance: &mut Chance) -> String {
        let n = chance.below(40);
        (0..n).map(|_| STOCK[chance.below(STOCK.len() as u64) as usize]).collect()
    }

    /// Another text, or this one with a few things put in and taken out.
    fn changed(text: &str, chance: &mut Chance) -> String {
        if chance.below(4) == 0 {
            return self::text(chance);
        }
        let mut parts: Vec<&str> = tokens(text).map(|token| token.text).collect();
        for _ in 0..chance.below(6) {
            let at = chance.below(parts.len() as u64 + 1) as usize;
            if chance.below(2) == 0 && at < parts.len() {
                parts.remove(at);
            } else {
                parts.insert(at, STOCK[chance.below(STOCK.len() as u64) as usize]);
            }
        }
        parts.concat()
    }

    #[test]
    fn an_edit_of_any_two_texts_rebuilds_both() {
        let mut chance = Chance::new(1);
        for _ in 0..3_000 {
            let a = text(&mut chance);
            let b = changed(&a, &mut chance);
            for edit in [Edit::between(&a, &b), Edit::presentable(&a, &b)] {
                assert_eq!(edit.draft(), a);
                assert_eq!(edit.apply(&a).as_deref(), Ok(&*b));
                assert_eq!(edit.invert().apply(&b).as_deref(), Ok(&*a));
                assert_eq!(edit.invert().invert(), edit);
                assert_eq!(edit.is_empty(), a == b);
                assert_eq!(edit.to_string().parse(), Ok(edit.clone()));
                assert_eq!(format!("{edit:#}").parse(), Ok(edit.clone()));
                assert!(!format!("{edit:#}").contains(['\n', '\r']));
                assert_eq!(edit.segments.iter().cloned().collect::<Edit>(), edit);
                let wire = serde_json::to_string(&edit).unwrap();
                assert_eq!(serde_json::from_str::<Edit>(&wire).unwrap(), edit);
            }
        }
    }

    #[test]
    fn any_bytes_are_an_edit_or_a_complaint() {
        let mut chance = Chance::new(2);
        for _ in 0..3_000 {
            if let Ok(edit) = text(&mut chance).parse::<Edit>() {
                assert_eq!(edit.to_string().parse(), Ok(edit));
            }
        }
    }

    #[test]
    fn changes_stand_at_the_edges_of_words_or_of_east_asian_characters() {
        let mut chance = Chance::new(3);
        for _ in 0..1_000 {
            let a = text(&mut chance);
            let b = changed(&a, &mut chance);
            let characters = a.char_indices().filter(|(_, c)| is_east_asian(*c));
            let edges = characters.flat_map(|(at, c)| [at, at + c.len_utf8()]);
            let words = tokens(&a).map(|token| token.at);
            let ends: HashSet<usize> = words.chain([a.len()]).chain(edges).collect();
            let edit = Edit::presentable(&a, &b);
            assert!(
                edit.kept().all(|(kept, _)| ends.contains(&kept.start) && ends.contains(&kept.end))
            );
        }
    }

    #[test]
    fn an_edit_is_not_applied_to_another_draft() {
        let edit = Edit::between("It rained.", "It poured.");
        assert_eq!(edit.apply("It snowed."), Err(Mismatch { at: 3 }));
        assert_eq!(edit.apply("It rained"), Err(Mismatch { at: 9 }));
    }

    #[test]
    fn a_broken_line_is_complained_about_where_it_breaks() {
        let said = |line: &str| line.parse::<Edit>().unwrap_err().to_string();
        assert_eq!(said("a [b"), "This is not an edit: a change without its “/” at byte 4.");
        assert_eq!(said("a [b/c/d]"), "This is not an edit: a change without its “]” at byte 6.");
        assert_eq!(
            said(r"rain\x"),
            "This is not an edit: a “\\” before nothing that needs one at byte 4."
        );
    }

    #[test]
    fn on_the_wire_it_says_what_it_is() {
        let edit: Edit = "It [rained/poured].".parse().unwrap();
        assert_eq!(
            serde_json::to_string(&edit).unwrap(),
            r#"{"segments":[{"same":"It "},{"cut":"rained","added":"poured"},{"same":"."}]}"#
        );
    }

    #[test]
    fn a_rewrite_of_five_thousand_words_keeps_what_can_be_kept() {
        let mut chance = Chance::new(4);
        let mut long = || -> String {
            (0..5_000).map(|_| format!("w{} ", chance.below(40) * chance.below(40))).collect()
        };
        let (a, b) = (long(), long());
        let (measured, shown) = (Edit::between(&a, &b), Edit::presentable(&a, &b));
        assert_eq!(measured.apply(&a).as_deref(), Ok(&*b));
        assert_eq!(shown.apply(&a).as_deref(), Ok(&*b));
        assert!(shown.segments().len() <= measured.segments().len());
    }
}
