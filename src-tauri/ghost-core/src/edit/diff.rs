//! The word diffs between a draft and the shipped text, one for measuring and one for display.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation;

use super::segments::Edit;
use crate::lcs;
use crate::words::{Class, Token, is_east_asian, straight, tokens};

impl Edit {
    /// The edit that keeps as many words as possible, used for measuring and training.
    ///
    /// It is exact (a longest common subsequence of words) up to 100,000 words on both sides; beyond
    /// that, everything between the common prefix and the common suffix counts as rewritten.
    pub fn between(draft: &str, shipped: &str) -> Edit {
        let sides = Sides::of(draft, shipped);
        let pairs = lcs::pairs(&sides.draft.numbers, &sides.shipped.numbers);
        sides.edit(&sides.changes(&pairs))
    }

    /// The edit as a person would describe it: it anchors on words that occur once, gives each
    /// paragraph its own change, merges scattered small changes into one, and adds or cuts whole
    /// sentences where possible.
    pub fn presentable(draft: &str, shipped: &str) -> Edit {
        let sides = Sides::of(draft, shipped);
        let pairs = patient_pairs(&sides.draft.numbers, &sides.shipped.numbers);
        let changes = sides.by_paragraph(sides.changes(&pairs));
        let mut changes = sides.without_islands(changes);
        sides.slide(&mut changes);
        sides.edit(&changes)
    }
}

/// A draft and the shipped text as tokens.
struct Sides<'a> {
    draft: Side<'a>,
    shipped: Side<'a>,
}

/// One of the two texts.
struct Side<'a> {
    whole: &'a str,
    tokens: Vec<Token<'a>>,
    /// Positions of its words among its tokens.
    words: Vec<usize>,
    /// Its words as numbers, equal for equal words on both sides.
    numbers: Vec<u32>,
}

/// A range of tokens of the draft replaced by one of the shipped text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    cut: Range<usize>,
    added: Range<usize>,
}

impl<'a> Sides<'a> {
    fn of(draft: &'a str, shipped: &'a str) -> Self {
        let (mut draft, mut shipped) = (Side::of(draft), Side::of(shipped));
        (draft.numbers, shipped.numbers) = lcs::intern(draft.texts(), shipped.texts());
        Sides { draft, shipped }
    }

    /// The changes between the words in `pairs`, which stay.
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

    /// The change between two ranges without their common prefix and suffix.
    fn trimmed(&self, cut: Range<usize>, added: Range<usize>) -> Option<Change> {
        let before = self.draft.tokens[cut.clone()].iter().map(|token| token.text.as_bytes());
        let after = self.shipped.tokens[added.clone()].iter().map(|token| token.text.as_bytes());
        let prefix = common_parts(before.clone(), after.clone(), |text, n| text.split_at(n));
        let suffix =
            common_parts(before.skip(prefix.0).rev(), after.skip(prefix.1).rev(), |text, n| {
                let (rest, end) = text.split_at(text.len() - n);
                (end, rest)
            });
        let change = Change {
            cut: cut.start + prefix.0..cut.end - suffix.0,
            added: added.start + prefix.1..added.end - suffix.1,
        };
        (!change.cut.is_empty() || !change.added.is_empty()).then_some(change)
    }

    /// Divides a change with equally many paragraphs on both sides into one per paragraph.
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

    /// Merges changes that are separated by only a few kept words, which were kept by accident.
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

    /// True if the kept text between two changes is small: at most three words on one line, and at most
    /// half as many as either change cut and added.
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

    /// Moves pure insertions and deletions to where they read best: "It rained. [/It snowed. ]It
    /// poured." rather than "It rained. It [/snowed. It ]poured."
    fn slide(&self, changes: &mut [Change]) {
        let ends = (self.draft.tokens.len(), self.shipped.tokens.len());
        for n in 0..changes.len() {
            let (done, rest) = changes.split_at_mut(n);
            let Some((change, later)) = rest.split_first_mut() else {
                return;
            };
            let floor = done.last().map_or(0, |last| last.cut.end);
            let ceiling = later.first().map_or(ends.0, |next| next.cut.start);
            let (side, range) = match (change.cut.is_empty(), change.added.is_empty()) {
                (true, false) => (&self.shipped, change.added.clone()),
                (false, true) => (&self.draft, change.cut.clone()),
                _ => continue,
            };
            let limits = (change.cut.start - floor, ceiling - change.cut.end);
            let by = side.best_slide(&range, limits);
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
            edit.push_same(self.draft.text(at..change.cut.start));
            let cut = self.draft.text(change.cut.clone());
            let added = self.shipped.text(change.added.clone());
            at = change.cut.end;
            if differs_in_quotes(cut, added) {
                edit.push_quotes(cut, added);
                continue;
            }
            let (prefix, suffix) = shared_characters(cut, added);
            edit.push_same(&cut[..prefix]);
            edit.push_change(
                &cut[prefix..cut.len() - suffix],
                &added[prefix..added.len() - suffix],
            );
            edit.push_same(&cut[cut.len() - suffix..]);
        }
        edit.push_same(self.draft.text(at..self.draft.tokens.len()));
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

    /// The number of words in a range of tokens.
    fn count(&self, stretch: &Range<usize>) -> usize {
        let before = |end: usize| self.words.partition_point(|&n| n < end);
        before(stretch.end) - before(stretch.start)
    }

    /// A range as paragraph, blank line, paragraph and so on; the first and last may be empty.
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

    /// The distance to move an insertion or deletion so that it stays equivalent and begins at the best
    /// place; `limits` is how far it may move left and right.
    fn best_slide(&self, stretch: &Range<usize>, limits: (usize, usize)) -> isize {
        let tokens = &self.tokens;
        let Range { start, end } = *stretch;
        let left = (0..limits.0.min(start))
            .take_while(|i| tokens[start - 1 - i].text == tokens[end - 1 - i].text)
            .count() as isize;
        let right = (0..limits.1.min(tokens.len() - end))
            .take_while(|i| tokens[start + i].text == tokens[end + i].text)
            .count() as isize;
        (-left..=right)
            .max_by_key(|by| (self.beginning(start.saturating_add_signed(*by)), -by.abs()))
            .unwrap_or(0)
    }

    /// A rating of the `n`th token as the beginning of a change; higher is better.
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

/// The numbers of leading parts of two sequences that make the same text, up to the last point where a
/// part ends in both: unspaced text may be divided differently depending on its surroundings. `split`
/// takes a number of bytes off a part and returns them and the rest.
fn common_parts<'a>(
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

/// True if two texts differ only in the shape of quotation marks and apostrophes, which programs change
/// while one types. Then only the marks are the change.
fn differs_in_quotes(cut: &str, added: &str) -> bool {
    cut.chars().map(straight).eq(added.chars().map(straight))
}

/// The bytes of Chinese and Japanese characters that two texts have in common at the beginning and at
/// the end. If one character of a word is changed, that character is the change: most have a meaning
/// of their own, and word boundaries depend on the dictionary.
fn shared_characters(cut: &str, added: &str) -> (usize, usize) {
    let is_shared = |&(a, b): &(&str, &str)| a == b && a.starts_with(is_east_asian);
    let len = |(a, _): (&str, &str)| a.len();
    let both = cut.graphemes(true).zip(added.graphemes(true));
    let prefix = both.take_while(is_shared).map(len).sum();
    let both = cut[prefix..].graphemes(true).rev().zip(added[prefix..].graphemes(true).rev());
    (prefix, both.take_while(is_shared).map(len).sum())
}

/// The kept words, anchored on words that occur once in either text (patience diff).
fn patient_pairs(draft: &[u32], shipped: &[u32]) -> Vec<(usize, usize)> {
    // Between its anchors patience diff falls back on Myers, which is quadratic: with up to 5,000
    // words per side it takes half a second at worst.
    const MAX_CELLS: usize = 25_000_000;
    if draft.len().saturating_mul(shipped.len()) > MAX_CELLS {
        return lcs::pairs(draft, shipped);
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

    use super::super::segments::DraftMismatch;
    use super::*;
    use crate::rng::Rng;

    /// Parses a line `same [cut/added] same`, diffs its two sides, and expects the same line.
    #[track_caller]
    fn check(line: &str) {
        let edit: Edit = line.parse().unwrap();
        let shown = Edit::presentable(&edit.draft(), &edit.shipped());
        assert_eq!(format!("{shown:#}"), line);
    }

    #[test]
    fn every_line_of_the_fixture_is_reproduced() {
        let lines = include_str!("../../../../tests/fixtures/edits.txt");
        let mut failures = String::new();
        for (n, line) in lines.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let shown = match line.parse::<Edit>() {
                Ok(edit) => format!("{:#}", Edit::presentable(&edit.draft(), &edit.shipped())),
                Err(error) => error.to_string(),
            };
            if shown != line {
                failures += &format!("line {}\n  want {line}\n  got  {shown}\n", n + 1);
            }
        }
        assert!(failures.is_empty(), "tests/fixtures/edits.txt:\n{failures}");
    }

    #[test]
    fn a_replaced_word() {
        check("I [utilize/use] plain words.");
    }

    #[test]
    fn a_cut_opening() {
        check("[In today's world, rain/Rain] is wet.");
    }

    #[test]
    fn an_unchanged_text() {
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
    fn text_divided_differently_is_not_a_change() {
        let words = |parts: &[&'static str]| parts.iter().map(|part| part.as_bytes()).collect();
        let common = |a: &[&'static str], b: &[&'static str]| {
            let (a, b): (Vec<&[u8]>, Vec<&[u8]>) = (words(a), words(b));
            common_parts(a.into_iter(), b.into_iter(), |text, n| text.split_at(n))
        };
        assert_eq!(common(&["ab", "c", "d"], &["a", "bc", "e"]), (2, 2));
        assert_eq!(common(&["ab", "c"], &["a", "bd"]), (0, 0));
        assert_eq!(common(&["ab"], &["a", "b", "c"]), (1, 2));
    }

    #[test]
    fn marks_are_escaped() {
        check(r"a \[link](there) [x\/y/z\[1\]] and/or ] \\");
    }

    /// Words, marks and difficult characters.
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

    fn text(rng: &mut Rng) -> String {
        let n = rng.below(40);
        (0..n).map(|_| STOCK[rng.below(STOCK.len())]).collect()
    }

    /// Another text, or this one with a few insertions and deletions.
    fn changed(text: &str, rng: &mut Rng) -> String {
        if rng.below(4) == 0 {
            return self::text(rng);
        }
        let mut parts: Vec<&str> = tokens(text).map(|token| token.text).collect();
        for _ in 0..rng.below(6) {
            let at = rng.below(parts.len() + 1);
            if rng.below(2) == 0 && at < parts.len() {
                parts.remove(at);
            } else {
                parts.insert(at, STOCK[rng.below(STOCK.len())]);
            }
        }
        parts.concat()
    }

    #[test]
    fn an_edit_of_any_two_texts_rebuilds_both() {
        let mut rng = Rng::new(1);
        for _ in 0..3_000 {
            let a = text(&mut rng);
            let b = changed(&a, &mut rng);
            for edit in [Edit::between(&a, &b), Edit::presentable(&a, &b)] {
                assert_eq!(edit.draft(), a);
                assert_eq!(edit.apply(&a).as_deref(), Ok(&*b));
                assert_eq!(edit.invert().apply(&b).as_deref(), Ok(&*a));
                assert_eq!(edit.invert().invert(), edit);
                assert_eq!(edit.is_empty(), a == b);
                assert_eq!(edit.to_string().parse(), Ok(edit.clone()));
                assert_eq!(format!("{edit:#}").parse(), Ok(edit.clone()));
                assert!(!format!("{edit:#}").contains(['\n', '\r']));
                assert_eq!(edit.segments().iter().cloned().collect::<Edit>(), edit);
                let wire = serde_json::to_string(&edit).unwrap();
                assert_eq!(serde_json::from_str::<Edit>(&wire).unwrap(), edit);
            }
        }
    }

    #[test]
    fn any_text_parses_or_is_rejected() {
        let mut rng = Rng::new(2);
        for _ in 0..3_000 {
            if let Ok(edit) = text(&mut rng).parse::<Edit>() {
                assert_eq!(edit.to_string().parse(), Ok(edit));
            }
        }
    }

    #[test]
    fn changes_begin_and_end_at_words_or_east_asian_characters() {
        let mut rng = Rng::new(3);
        for _ in 0..1_000 {
            let a = text(&mut rng);
            let b = changed(&a, &mut rng);
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
        assert_eq!(edit.apply("It snowed."), Err(DraftMismatch { at: 3 }));
        assert_eq!(edit.apply("It rained"), Err(DraftMismatch { at: 9 }));
    }

    #[test]
    fn an_edit_as_json_names_its_segments() {
        let edit: Edit = "It [rained/poured].".parse().unwrap();
        assert_eq!(
            serde_json::to_string(&edit).unwrap(),
            r#"{"segments":[{"same":"It "},{"cut":"rained","added":"poured"},{"same":"."}]}"#
        );
    }

    #[test]
    fn a_rewrite_of_five_thousand_words_can_be_applied() {
        let mut rng = Rng::new(4);
        let mut long = || -> String {
            (0..5_000).map(|_| format!("w{} ", rng.below(40) * rng.below(40))).collect()
        };
        let (a, b) = (long(), long());
        let (measured, shown) = (Edit::between(&a, &b), Edit::presentable(&a, &b));
        assert_eq!(measured.apply(&a).as_deref(), Ok(&*b));
        assert_eq!(shown.apply(&a).as_deref(), Ok(&*b));
        assert!(shown.segments().len() <= measured.segments().len());
    }
}
