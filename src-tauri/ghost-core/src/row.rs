//! One lesson: a seed, the text that answers it, and how much each stretch of the text counts.
//!
//! Weights are VOICE 4.1's. They are relative: the loss divides by their sum over what is learned
//! from together, so logs count less *beside posts*, and an archive of logs alone teaches in full.
//! A row of a piece or an edit is whole; a run learns from it whole, section by section, and its
//! outline (VOICE 4.4, [`Row::taught`]). Knows nothing of tokens: weights and parts are in bytes.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::archive::{self, Kind, Piece, Span};
use crate::chance::Chance;
use crate::cut::{parts, tail};
use crate::edit::Edit;
use crate::id::{EditId, PieceId};
use crate::measure::edit_distance;
use crate::near::{Near, together};
use crate::outline::{Ask, Outline, openings};
use crate::seed::Seed;
use crate::words::{count, hash};

/// Where a row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from", content = "id")]
pub enum Origin {
    /// A piece the writer wrote alone.
    Archive(PieceId),
    /// The writer's own edit of a draft.
    Edit(EditId),
}

/// What a row is for. A row never changes side within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Learned from.
    Train,
    /// Watched while learning, to know when to stop.
    Dev,
    /// Never looked at before the verdict.
    Holdout,
}

/// A stretch of a row's text, in bytes, and how much each of its tokens counts in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Weight {
    /// First byte.
    pub from: usize,
    /// One past the last byte.
    pub to: usize,
    /// 1.0 is the writer's unassisted word; 0.0 is not learned from; below, it is not to be said.
    pub weight: f32,
}

/// One lesson.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What would have been asked.
    pub seed: Seed,
    /// What of it: all, its outline, or one section.
    #[serde(default, skip_serializing_if = "Ask::is_whole")]
    pub ask: Ask,
    /// What the writer wrote. A section's begins with the end of what stands before it.
    pub text: String,
    /// Stretches whose tokens count otherwise than 1.0, in order, not overlapping.
    pub weights: Vec<Weight>,
    /// Where it comes from.
    pub origin: Origin,
    /// What it is for.
    pub side: Side,
}

/// Code, quotations and addresses: there, but not the writer's own words.
const APART: f32 = 0.2;
/// A log beside posts: the same writer, another register.
const LOG: f32 = 0.3;
/// How much more the first words of a section or a paragraph count: its opening is the hardest.
const OPENING: f32 = 1.5;
/// Bytes of what came before that a section is shown after; near 200 tokens.
pub const BEFORE: usize = 850;
/// What the writer put in.
const INSERTED: f32 = 2.0;
/// What the writer let stand: agreed with, not written.
const KEPT: f32 = 0.3;
/// What the writer took out: not to be said again.
const CUT: f32 = -0.2;
/// An edit that changes less teaches nothing; one that changes more is another text.
pub(crate) const LEAST_CHANGED: f64 = 0.03;
pub(crate) const MOST_CHANGED: f64 = 0.8;

impl Row {
    /// The lesson of a piece the writer wrote alone; none, where no word of it is the writer's own.
    pub fn of_piece(id: PieceId, piece: &Piece, seed: Seed, side: Side) -> Option<Row> {
        if piece.words == 0 {
            return None;
        }
        // Escapes are Markdown's, not the writer's.
        let (text, apart) = archive::unescape(&piece.text, &piece.non_prose_spans);
        let whole = if piece.kind == Kind::Log { LOG } else { 1.0 };
        let mut stretches = Vec::new();
        let mut at = 0;
        for opening in openings(&text) {
            stretches.extend([(at..opening.start, whole), (opening.clone(), whole * OPENING)]);
            at = opening.end;
        }
        stretches.push((at..text.len(), whole));
        Some(Row {
            seed,
            ask: Ask::Whole,
            weights: weighed(stretches, &apart, whole * APART),
            text,
            origin: Origin::Archive(id),
            side,
        })
    }

    /// The lesson of an edit: what was shipped, and in it above all what the writer put in.
    /// `apart` is of the shipped text, as [`Piece::apart`] is of a piece.
    pub fn of_edit(
        id: EditId,
        seed: Seed,
        draft: &str,
        shipped: &str,
        apart: &[Span],
        side: Side,
    ) -> Row {
        let edit = Edit::between(draft, shipped);
        let mut stretches = Vec::new();
        let mut at = 0;
        for (_, kept) in edit.kept() {
            stretches.extend([(at..kept.start, INSERTED), (kept.clone(), KEPT)]);
            at = kept.end;
        }
        stretches.push((at..shipped.len(), INSERTED));
        Row {
            seed,
            ask: Ask::Whole,
            weights: weighed(stretches, apart, APART),
            text: shipped.to_owned(),
            origin: Origin::Edit(id),
            side,
        }
    }

    /// The lesson of what the writer took out: the draft again, in which nothing counts but the
    /// words cut, and they below 0 (VOICE 4.1). Nothing where the edit teaches nothing, or is a new
    /// text rather than an edit (VOICE 3.1); numbers and what stands `apart` in the draft are facts,
    /// not manner.
    pub fn of_cuts(
        id: EditId,
        seed: Seed,
        draft: &str,
        shipped: &str,
        apart: &[Span],
        side: Side,
    ) -> Option<Row> {
        let distance = edit_distance(draft, shipped);
        if !(LEAST_CHANGED..=MOST_CHANGED).contains(&distance) {
            return None;
        }
        let edit = Edit::between(draft, shipped);
        let mut stretches = Vec::new();
        let mut at = 0;
        for (kept, _) in edit.kept() {
            stretches.extend(cut(draft, at..kept.start));
            stretches.push((kept.clone(), 0.0));
            at = kept.end;
        }
        stretches.extend(cut(draft, at..draft.len()));
        let weights = weighed(stretches, apart, 0.0);
        weights.iter().any(|one| one.weight < 0.0).then(|| Row {
            seed,
            ask: Ask::Whole,
            weights,
            text: draft.to_owned(),
            origin: Origin::Edit(id),
            side,
        })
    }

    /// The one text the base sees as the writer's message.
    pub fn request(&self) -> String {
        self.ask.request(&self.seed)
    }

    /// What a run learns in a whole row's place (VOICE 4.4): the row itself where it is short
    /// enough, never a beginning of it; its sections where it is too long, and everywhere where
    /// `sections` says so; and the outline of a piece, where it has more than one section.
    ///
    /// A section is asked for with the outline and after the last [`BEFORE`] bytes of what stands
    /// before it. These, and what heads it, are given and not learned from.
    pub fn taught(&self, most_bytes: usize, sections: bool) -> Vec<Row> {
        let fits = self.text.len() <= most_bytes;
        let (outline, ranges) = match self.ask {
            Ask::Whole if !fits || sections || matches!(self.origin, Origin::Archive(_)) => {
                Outline::of(&self.text)
            }
            _ => return vec![self.clone()],
        };
        if outline.sections.len() < 2 {
            return vec![self.clone()];
        }
        let mut rows = Vec::new();
        rows.extend(fits.then(|| self.clone()));
        if !fits || sections {
            let each = ranges.iter().enumerate();
            rows.extend(each.filter_map(|(at, range)| self.section(&outline, at, range)));
        }
        if matches!(self.origin, Origin::Archive(_)) {
            let text = outline.in_words();
            let whole = if self.seed.kind == Kind::Log { LOG } else { 1.0 };
            rows.push(Row {
                weights: weighed([(0..text.len(), whole)], &[], whole),
                ask: Ask::Outline,
                text,
                ..self.clone()
            });
        }
        rows
    }

    /// One section, after the end of what stands before it; nothing where it says nothing.
    fn section(&self, outline: &Outline, at: usize, range: &Range<usize>) -> Option<Row> {
        let heading = outline.sections[at].heading.len();
        let body = self.text[range.clone()].get(heading..)?;
        let from = range.end - body.trim_start().len();
        let to = range.start + self.text[range.clone()].trim_end().len();
        if count(self.text.get(from..to)?) == 0 {
            return None;
        }
        let shown = range.start - tail(&self.text[..range.start], BEFORE).len();
        let mut weights: Vec<Weight> = Vec::new();
        weights.extend((shown < from).then(|| Weight { from: 0, to: from - shown, weight: 0.0 }));
        let learned = self.weights.iter().filter_map(|weight| weight.within(&(from..to)));
        weights.extend(learned.map(|one| Weight {
            from: one.from + from - shown,
            to: one.to + from - shown,
            ..one
        }));
        Some(Row {
            seed: self.seed.clone(),
            ask: Ask::Section { outline: outline.clone(), at },
            text: self.text[shown..to].to_owned(),
            weights,
            origin: self.origin,
            side: self.side,
        })
    }

    /// The row in consecutive parts of at most so many bytes (see [`parts`]), each with its share
    /// of the weights; the row itself where it is short enough. Every part has the whole seed.
    pub fn parts(&self, most_bytes: usize) -> Vec<Row> {
        let part = |range: Range<usize>| Row {
            seed: self.seed.clone(),
            ask: self.ask.clone(),
            text: self.text[range.clone()].to_owned(),
            weights: self.weights.iter().filter_map(|weight| weight.within(&range)).collect(),
            origin: self.origin,
            side: self.side,
        };
        parts(&self.text, most_bytes).into_iter().map(part).collect()
    }
}

impl Weight {
    /// What of it lies in a part of the text, counted from the part's beginning.
    fn within(&self, part: &Range<usize>) -> Option<Weight> {
        let (from, to) = (self.from.max(part.start), self.to.min(part.end));
        (from < to).then(|| Weight { from: from - part.start, to: to - part.start, ..*self })
    }
}

/// A stretch of a draft that was cut; nothing where it says only a number.
fn cut(draft: &str, range: Range<usize>) -> Option<(Range<usize>, f32)> {
    let text = &draft[range.clone()];
    let manner = text.chars().any(|c| !c.is_whitespace() && !c.is_ascii_digit());
    let weight = if manner { CUT } else { 0.0 };
    (!range.is_empty()).then_some((range, weight))
}

/// The weights of consecutive stretches, in which what stands apart (in order) has a weight of its
/// own. Stretches of 1.0 need none.
fn weighed(
    stretches: impl IntoIterator<Item = (Range<usize>, f32)>,
    apart: &[Span],
    of_apart: f32,
) -> Vec<Weight> {
    let mut weights: Vec<Weight> = Vec::new();
    let mut put = |from: usize, to: usize, weight: f32| match weights.last_mut() {
        _ if from >= to || weight == 1.0 => {}
        Some(last) if last.to == from && last.weight == weight => last.to = to,
        _ => weights.push(Weight { from, to, weight }),
    };
    let mut apart = apart.iter().peekable();
    for (stretch, weight) in stretches {
        let mut at = stretch.start;
        while let Some(span) = apart.peek().filter(|span| span.from < stretch.end) {
            let (from, to) = (span.from.clamp(at, stretch.end), span.to.clamp(at, stretch.end));
            put(at, from, weight);
            put(from, to, of_apart);
            at = to;
            if span.to > stretch.end {
                break;
            }
            apart.next();
        }
        put(at, stretch.end, weight);
    }
    weights
}

impl Side {
    /// What an edit is for: every eighth is watched, the others are learned from (VOICE 3.1 has 10
    /// to 15 %). It goes by the id, so that an edit never changes side.
    pub fn of_edit(id: EditId) -> Side {
        if id.0.rem_euclid(8) == 0 { Side::Dev } else { Side::Train }
    }
}

/// Where fewer pieces are dated, the undated are judged on as well.
const ENOUGH_DATED: usize = 20;

/// What each piece is for (VOICE 8.1): the most recent 15 % are held out (at least 8, at most 40),
/// the next 10 % are watched (at least 4, at most 40), the rest is learned from.
///
/// - Small archives hold out less: never more than two of five, and watch no more than one of five,
///   so below 20 pieces both shrink, and one or two pieces are all learned from.
/// - Unfinished pieces are learned from, and so are undated ones, for nothing says they are recent;
///   but where fewer than 20 pieces are dated the undated count as the oldest, in an order drawn by
///   lot: a folder of texts without a date can be judged on too.
/// - Posts, logs and each section are held out in the proportion they have in the archive, so that
///   daily logs do not crowd out the posts.
/// - Pieces that share more than a tenth of their five-word runs stay together, as do the parts of
///   a series, on the older one's side: nothing near a piece that is learned from is held out.
pub fn split(pieces: &[(PieceId, &Piece)]) -> BTreeMap<PieceId, Side> {
    split_by(pieces, &Near::of(pieces.iter().map(|(_, piece)| piece.text.as_str())))
}

/// As [`split`], of pieces whose texts need not be at hand: `near` has met them, in this order.
pub fn split_by(pieces: &[(PieceId, &Piece)], near: &Near) -> BTreeMap<PieceId, Side> {
    let mut sides: BTreeMap<_, _> = pieces.iter().map(|(id, _)| (*id, Side::Train)).collect();
    // What is not the writer's own can judge nobody.
    let dated = |piece: &Piece| piece.date.is_some() && !piece.unfinished && piece.words > 0;
    let by_lot = pieces.iter().filter(|(_, piece)| dated(piece)).count() < ENOUGH_DATED;
    let judged = |piece: &Piece| dated(piece) || by_lot && !piece.unfinished && piece.words > 0;
    let kinds: Vec<&Kind> =
        pieces.iter().filter(|(_, p)| judged(p)).map(|(_, p)| &p.kind).collect();
    let (held_out, watched) = shares(kinds.len());
    let mut room = BTreeMap::from([
        (Side::Holdout, by_kind(&kinds, held_out)),
        (Side::Dev, by_kind(&kinds, watched)),
    ]);
    for family in families(pieces, near) {
        let family: Vec<_> = family.into_iter().map(|n| pieces[n]).collect();
        if !family.iter().all(|(_, piece)| judged(piece)) {
            continue;
        }
        let mut kinds: BTreeMap<&Kind, usize> = BTreeMap::new();
        family.iter().for_each(|(_, piece)| *kinds.entry(&piece.kind).or_default() += 1);
        for side in [Side::Holdout, Side::Dev] {
            let Some(room) = room.get_mut(&side) else { continue };
            let fits = |(kind, n): (&&Kind, &usize)| room.get(*kind).is_some_and(|room| room >= n);
            if !kinds.iter().all(fits) {
                continue;
            }
            for (kind, n) in kinds {
                room.entry(kind).and_modify(|room| *room -= n);
            }
            sides.extend(family.iter().map(|(id, _)| (*id, side)));
            break;
        }
    }
    sides
}

/// How many of `n` pieces are held out, and how many watched.
fn shares(n: usize) -> (usize, usize) {
    let held_out = (n * 15).div_ceil(100).clamp(8, 40).min(n * 2 / 5);
    let watched = n.div_ceil(10).clamp(4, 40).min(n / 5);
    (held_out, watched)
}

/// `places` of pieces of these kinds, shared out among the kinds by largest remainder.
fn by_kind<'a>(kinds: &[&'a Kind], places: usize) -> BTreeMap<&'a Kind, usize> {
    let n = kinds.len();
    let mut counts: BTreeMap<&Kind, usize> = BTreeMap::new();
    for kind in kinds {
        *counts.entry(kind).or_default() += 1;
    }
    let exact = |count: usize| (places * count / n.max(1), places * count % n.max(1));
    let mut left = places - counts.values().map(|&count| exact(count).0).sum::<usize>();
    let mut largest: Vec<_> = counts.iter().map(|(kind, &count)| (exact(count).1, *kind)).collect();
    largest.sort_by(|a, b| b.cmp(a));
    let mut shared: BTreeMap<_, _> =
        counts.iter().map(|(k, &count)| (*k, exact(count).0)).collect();
    for (_, kind) in largest {
        if left == 0 {
            break;
        }
        left -= 1;
        shared.entry(kind).and_modify(|places| *places += 1);
    }
    shared
}

/// Pieces that must stay together, as positions in `pieces`: the family whose oldest piece is most
/// recent first, the undated last and by lot.
pub(crate) fn families(pieces: &[(PieceId, &Piece)], near: &Near) -> Vec<Vec<usize>> {
    let mut families = together(pieces.len(), near.pairs().into_iter().chain(series(pieces)));
    let age = |family: &Vec<usize>| -> Option<(Date, PieceId)> {
        family.iter().filter_map(|&n| Some((pieces[n].1.date?, pieces[n].0))).min()
    };
    // By where it came from: a piece that is changed has a new id, and must not be drawn anew.
    let lot = |family: &Vec<usize>| {
        let named = |piece: &Piece| hash(&piece.source) ^ hash(&piece.title).rotate_left(1);
        family.first().map(|&n| Chance::new(named(pieces[n].1)).bits())
    };
    families.sort_by_cached_key(|family| std::cmp::Reverse((age(family), lot(family))));
    families
}

/// Pairs of pieces that are parts of one series by their titles.
fn series(pieces: &[(PieceId, &Piece)]) -> Vec<(usize, usize)> {
    let names: Vec<_> = pieces.iter().map(|(_, piece)| series_name(&piece.title)).collect();
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (n, (name, _)) in names.iter().enumerate().filter(|(_, (_, is_part))| *is_part) {
        first.entry(name).or_insert(n);
    }
    let pair = |(n, (name, _)): (usize, &(String, bool))| Some((*first.get(name.as_str())?, n));
    names.iter().enumerate().filter_map(pair).filter(|(a, b)| a != b).collect()
}

/// A title without what numbers it in a series ("part 2", "pt. II", "2/3", "2 of 3"), and whether
/// anything does. A number alone is none: logs are numbered and yet are no series.
fn series_name(title: &str) -> (String, bool) {
    let title = title.to_lowercase();
    let words: Vec<&str> = title
        .split(|c: char| !(c.is_alphanumeric() || c == '/'))
        .filter(|word| !word.is_empty())
        .collect();
    let number = |word: &str| {
        let spelt = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
        !word.is_empty()
            && (spelt.contains(&word)
                || word.len() <= 3 && word.chars().all(|c| c.is_ascii_digit())
                || word.len() <= 5 && word.chars().all(|c| matches!(c, 'i' | 'v' | 'x')))
    };
    let share = |word: &str| word.split_once('/').is_some_and(|(n, of)| number(n) && number(of));
    let name = match words.as_slice() {
        [name @ .., "part" | "pt", n, "of", of] if number(n) && number(of) => name,
        [name @ .., n, "of", of] if number(n) && number(of) => name,
        [name @ .., "part" | "pt", n] if number(n) => name,
        [name @ .., part] if share(part) => name,
        name => return (name.join(" "), false),
    };
    (name.join(" "), !name.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::archive::SpanKind;

    fn weights(row: &Row) -> Vec<(&str, f32)> {
        row.weights.iter().map(|w| (&row.text[w.from..w.to], w.weight)).collect()
    }

    fn piece(n: usize, text: String) -> Piece {
        let day = Date::constant(2020, 1, 1).saturating_add(jiff::Span::new().days(n as i64));
        Piece {
            source: format!("{n}.md"),
            kind: Kind::Post,
            title: format!("Piece {n}"),
            author: None,
            date: Some(day),
            unfinished: false,
            words: crate::words::count(&text),
            non_prose_spans: Vec::new(),
            text,
        }
    }

    /// So many pieces, a day apart, that have nothing in common.
    fn archive(n: usize) -> Vec<Piece> {
        (0..n).map(|n| piece(n, (0..40).map(|w| format!("w{n}x{w} ")).collect())).collect()
    }

    fn sides(pieces: &[Piece]) -> Vec<Side> {
        let named: Vec<_> =
            pieces.iter().enumerate().map(|(n, p)| (PieceId(n as i64), p)).collect();
        split(&named).into_values().collect()
    }

    fn counted(pieces: &[Piece]) -> (usize, usize, usize) {
        let sides = sides(pieces);
        let n = |side| sides.iter().filter(|&&s| s == side).count();
        (n(Side::Train), n(Side::Dev), n(Side::Holdout))
    }

    #[test]
    fn what_was_cut_is_not_to_be_said() {
        let (draft, shipped) = ("It is 7 deep and I delve here.", "It is 9 deep and I dig here.");
        let cuts = |draft: &str, shipped: &str| {
            let side = Side::Train;
            Row::of_cuts(EditId(1), Seed::default(), draft, shipped, &[], side)
        };
        let row = cuts(draft, shipped).unwrap();
        let cut: Vec<&str> = row
            .weights
            .iter()
            .filter(|one| one.weight < 0.0)
            .map(|one| row.text[one.from..one.to].trim())
            .collect();
        assert_eq!((row.text.as_str(), &cut[..]), (draft, &["delve"][..]));
        let all: usize = row.weights.iter().map(|one| one.to - one.from).sum();
        assert_eq!(all, draft.len(), "nothing else counts");
        assert_eq!(cuts(draft, draft), None);
        assert_eq!(cuts("One thing.", "Quite another matter, said they."), None);
    }

    #[test]
    fn a_post_counts_but_for_what_stands_apart() {
        let mut post = piece(0, "Run `ls` now.".to_owned());
        post.non_prose_spans = vec![Span { from: 4, to: 8, kind: SpanKind::Code }];
        let row = Row::of_piece(PieceId(1), &post, Seed::default(), Side::Train).unwrap();
        assert_eq!(weights(&row), [("Run ", 1.5), ("`ls`", 0.2), (" now", 1.5)]);
        assert_eq!((row.origin, row.side), (Origin::Archive(PieceId(1)), Side::Train));
    }

    #[test]
    fn a_piece_without_a_word_of_the_writers_teaches_nothing() {
        let mut quote = piece(0, "> Theirs.".to_owned());
        quote.words = 0;
        assert_eq!(Row::of_piece(PieceId(1), &quote, Seed::default(), Side::Train), None);
    }

    #[test]
    fn escapes_of_markdown_are_no_lesson() {
        let mut post = piece(0, "1\\. It \\*rained\\* `a\\b`.".to_owned());
        post.non_prose_spans = crate::archive::non_prose_spans(&post.text);
        let row = Row::of_piece(PieceId(1), &post, Seed::default(), Side::Train).unwrap();
        assert_eq!(row.text, "1. It *rained* `a\\b`.");
        assert!(weights(&row).contains(&("`a\\b`", 0.2)), "{:?}", weights(&row));
    }

    #[test]
    fn a_log_counts_less_and_what_stands_apart_in_it_least() {
        let mut log = piece(0, "Run `ls` now.".to_owned());
        log.kind = Kind::Log;
        log.non_prose_spans = vec![Span { from: 4, to: 8, kind: SpanKind::Code }];
        let row = Row::of_piece(PieceId(1), &log, Seed::default(), Side::Train).unwrap();
        let opening = 0.3 * 1.5;
        let want = [("Run ", opening), ("`ls`", 0.3 * 0.2), (" now", opening), (".", 0.3)];
        assert_eq!(weights(&row), want);
    }

    #[test]
    fn what_the_writer_put_in_counts_most() {
        let (draft, shipped) = ("One two three.", "One twi `x` three.");
        let apart = [Span { from: 8, to: 11, kind: SpanKind::Code }];
        let row = Row::of_edit(EditId(1), Seed::default(), draft, shipped, &apart, Side::Train);
        assert_eq!(weights(&row), [("One ", 0.3), ("twi ", 2.0), ("`x`", 0.2), (" three.", 0.3)]);
    }

    #[test]
    fn a_span_over_several_stretches_or_beyond_the_text_does_no_harm() {
        let apart = [
            Span { from: 2, to: 12, kind: SpanKind::Quote },
            Span { from: 14, to: 99, kind: SpanKind::Link },
        ];
        let row = Row::of_edit(
            EditId(1),
            Seed::default(),
            "One two three.",
            "One twi three.",
            &apart,
            Side::Dev,
        );
        assert_eq!(weights(&row), [("On", 0.3), ("e twi thre", 0.2), ("e.", 0.3)]);
    }

    #[test]
    fn an_archive_of_a_hundred_is_split_by_date() {
        let sides = sides(&archive(100));
        let want = |n| match n {
            0..75 => Side::Train,
            75..85 => Side::Dev,
            _ => Side::Holdout,
        };
        assert!(sides.iter().enumerate().all(|(n, side)| *side == want(n)));
    }

    #[test]
    fn small_archives_hold_out_less_and_always_learn() {
        let want = [(0, 0, 0), (1, 0, 0), (2, 0, 0), (2, 0, 1), (3, 0, 1), (2, 1, 2)];
        for (n, want) in want.into_iter().enumerate() {
            assert_eq!(counted(&archive(n)), want);
        }
        assert_eq!(counted(&archive(12)), (6, 2, 4));
        assert_eq!(counted(&archive(20)), (8, 4, 8));
        assert_eq!(counted(&archive(400)), (320, 40, 40));
    }

    #[test]
    fn undated_and_unfinished_pieces_are_learned_from() {
        let mut pieces = archive(40);
        pieces[39].date = None;
        pieces[38].unfinished = true;
        let sides = sides(&pieces);
        assert_eq!((sides[38], sides[39], sides[37]), (Side::Train, Side::Train, Side::Holdout));
    }

    #[test]
    fn where_few_are_dated_the_undated_are_held_out_by_lot() {
        let mut pieces = archive(60);
        pieces[..50].iter_mut().for_each(|piece| piece.date = None);
        pieces[0].unfinished = true;
        let sides = sides(&pieces);
        assert_eq!((counted(&pieces), sides[0]), ((45, 6, 9), Side::Train));
        assert!(sides[51..].iter().all(|side| *side == Side::Holdout), "the dated are the recent");
        let watched = sides[..50].iter().filter(|side| **side == Side::Dev).count();
        let last = sides[44..50].iter().filter(|side| **side == Side::Dev).count();
        assert!(watched >= 5 && last < 5, "which of the undated, no order says");
    }

    #[test]
    fn logs_do_not_crowd_out_the_posts() {
        let mut pieces = archive(80);
        pieces[40..].iter_mut().for_each(|piece| piece.kind = Kind::Log);
        let sides = sides(&pieces);
        let posts = sides[..40].iter().filter(|side| **side == Side::Holdout).count();
        assert_eq!((posts, counted(&pieces).2), (6, 12));
    }

    #[test]
    fn nothing_near_a_piece_that_is_learned_from_is_held_out() {
        let mut pieces = archive(60);
        let old = pieces[3].text.clone();
        pieces[59].text.push_str(&old);
        let sides = sides(&pieces);
        assert_eq!((sides[3], sides[59]), (Side::Train, Side::Train));
        assert_eq!(counted(&pieces).2, 9);
    }

    #[test]
    fn two_near_pieces_can_be_held_out_together() {
        let mut pieces = archive(60);
        pieces[59].text = pieces[58].text.clone();
        assert_eq!(sides(&pieces)[58..], [Side::Holdout, Side::Holdout]);
    }

    #[test]
    fn the_parts_of_a_series_stay_together() {
        let mut pieces = archive(60);
        pieces[2].title = "Rain".to_owned();
        pieces[30].title = "Rain, Part Two".to_owned();
        pieces[59].title = "Rain (part III)".to_owned();
        assert_eq!(sides(&pieces)[59], Side::Train);
    }

    #[test]
    fn what_numbers_a_series() {
        let name = |title: &str| series_name(title);
        for title in
            ["Rain, part 2", "Rain pt. II", "Rain (2/3)", "Rain: 2 of 3", "Rain Part 1 of 2"]
        {
            assert_eq!(name(title), ("rain".to_owned(), true), "{title}");
        }
        for title in ["Week 12", "Rain", "The best part", "Part 2", "and/or", "2/3", "One of us"] {
            assert!(!name(title).1, "{title}");
        }
    }

    #[test]
    fn a_thousand_pieces_are_split_at_once() {
        let mut chance = Chance::new(1);
        let pieces: Vec<_> = (0..1_000)
            .map(|n| piece(n, (0..600).map(|_| format!("w{} ", chance.below(3_000))).collect()))
            .collect();
        assert_eq!(counted(&pieces), (920, 40, 40));
    }

    #[test]
    fn one_edit_in_eight_is_watched() {
        let dev = (0..80).filter(|&id| Side::of_edit(EditId(id)) == Side::Dev).count();
        assert_eq!((dev, Side::of_edit(EditId(-8))), (10, Side::Dev));
    }

    #[test]
    fn openings_of_sections_and_paragraphs_count_more() {
        let text = "It rained on the hill and in the town, all day, and all night too.\n\n\
                    Then the sun came out over all of it.";
        let row = Row::of_piece(PieceId(1), &piece(0, text.into()), Seed::default(), Side::Train)
            .unwrap();
        let section = "It rained on the hill and in the town, all day, and";
        assert_eq!(weights(&row), [(section, 1.5), ("Then the sun came out over", 1.5)]);
    }

    /// A post of four sections, one of them long.
    fn post() -> Row {
        let sentence = "It rained on the hill and it rained in the town, all day. ";
        let text = format!(
            "It rained.\n\n## Why\n\n{}\n\n{}\n\n## When\n\nAll day `long`.\n\n## End\n\nSun.\n",
            sentence.repeat(12).trim(),
            sentence.repeat(12).trim()
        );
        let at = text.find("`long`").unwrap();
        let mut post = piece(0, text);
        post.non_prose_spans = vec![Span { from: at, to: at + 6, kind: SpanKind::Code }];
        let seed = Seed { topic: "rain".into(), ..Seed::default() };
        Row::of_piece(PieceId(1), &post, seed, Side::Train).unwrap()
    }

    #[test]
    fn a_short_piece_is_learned_whole_by_section_and_in_outline() {
        let row = post();
        let rows = row.taught(4_000, true);
        assert_eq!((rows.len(), &rows[0]), (6, &row));
        assert_eq!(rows[5].ask, Ask::Outline);
        assert_eq!(
            rows[5].text,
            "(2 words)\n## Why (312 words)\n## When (3 words)\n## End (1 words)"
        );
        assert!(rows[5].request().ends_with("Outline it."), "{}", rows[5].request());
        assert_eq!(row.taught(4_000, false).len(), 2, "whole and its outline");
        let one = Row { text: "It rained.".into(), weights: Vec::new(), ..row };
        assert_eq!(one.taught(4_000, true), std::slice::from_ref(&one), "one section is the whole");
    }

    #[test]
    fn a_section_is_learned_after_what_stands_before_it() {
        let rows = post().taught(4_000, true);
        assert_eq!(weights(&rows[1]), [("It rained", 1.5)]);
        let when = &rows[3];
        assert!(when.text.ends_with("in the town, all day.\n\n## When\n\nAll day `long`."));
        assert!(when.text.starts_with("It rained on the hill"), "cut between paragraphs");
        let found = weights(when);
        assert!(found[0].1 == 0.0 && found[0].0.ends_with("## When\n\n"));
        assert_eq!(found[1..], [("All day ", 1.5), ("`long`", 0.2)]);
        let asked = when.request();
        assert!(asked.starts_with(&when.seed.request()) && asked.contains("## Why (312 words)\n"));
        assert!(asked.ends_with("Write part 3 of 4: ## When (3 words)"), "{asked}");
    }

    #[test]
    fn a_piece_beyond_the_context_is_never_learned_as_a_beginning() {
        let row = post();
        let rows = row.taught(200, false);
        assert!(rows.iter().all(|one| !one.ask.is_whole()) && rows.len() == 5);
        let learned: String = rows[..4]
            .iter()
            .map(|row| {
                let given = row.weights.first().filter(|one| one.weight == 0.0);
                format!("{}\n\n", &row.text[given.map_or(0, |one| one.to)..])
            })
            .collect();
        for paragraph in row.text.split("\n\n").filter(|one| !one.starts_with('#')) {
            assert!(learned.contains(paragraph.trim()), "{paragraph}");
        }
        let edit = EditId(1);
        let long = Row::of_edit(edit, Seed::default(), "It.", &row.text, &[], Side::Train);
        let rows = long.taught(200, false);
        assert!(rows.len() == 4 && weights(&rows[2])[1] == ("All day `long`.", 2.0));
        assert_eq!(long.taught(4_000, false), std::slice::from_ref(&long));
    }

    #[test]
    fn a_row_in_parts_keeps_its_weights() {
        let row =
            Row::of_edit(EditId(1), Seed::default(), "One.", "One.\n\nTwo.", &[], Side::Train);
        let rows = row.parts(6);
        assert_eq!(weights(&rows[0]), [("One.", 0.3), ("\n\n", 2.0)]);
        assert_eq!(weights(&rows[1]), [("Two.", 2.0)]);
    }
}
