//! One row of training data: a seed, the text that answers it, and the loss weight of each stretch of
//! the text.
//!
//! Weights are relative: the loss is divided by their sum over a batch. So logs count less than posts
//! in the same archive, and an archive of logs alone still trains in full. A row holds a whole piece
//! or edit; a run trains on it whole, section by section, and on its outline ([`Row::expand`]). Rows
//! know nothing of tokens: weights and chunks are in bytes.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::archive::{self, Kind, Piece, Span};
use crate::chunk::{chunks, tail};
use crate::edit::Edit;
use crate::id::{EditId, PieceId};
use crate::measure::edit_distance;
use crate::outline::{Outline, RequestScope, openings};
use crate::seed::Seed;
use crate::split::Split;
use crate::words::count;

/// The source of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from", content = "id")]
pub enum Origin {
    /// A piece the writer wrote alone.
    Archive(PieceId),
    /// The writer's own edit of a draft.
    Edit(EditId),
}

/// A stretch of a row's text, in bytes, and the loss weight of each of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Weight {
    /// First byte.
    pub from: usize,
    /// One past the last byte.
    pub to: usize,
    /// 1.0 for the writer's own words, 0.0 for context without loss, negative for words to avoid
    /// (unlikelihood training).
    pub weight: f32,
}

/// One row of training data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The request that the text answers.
    pub seed: Seed,
    /// The part that is requested: the whole text, its outline, or one section.
    #[serde(rename = "ask", default, skip_serializing_if = "RequestScope::is_whole")]
    pub scope: RequestScope,
    /// The writer's text. A section is preceded by the end of the section before it.
    pub text: String,
    /// Stretches with a weight other than 1.0, in order, without overlaps.
    pub weights: Vec<Weight>,
    /// The piece or edit it comes from.
    pub origin: Origin,
    /// The set it belongs to.
    #[serde(rename = "side")]
    pub split: Split,
}

/// Weight of code, quotations and addresses, which are not the writer's own words.
const NON_PROSE: f32 = 0.2;
/// Weight of a log in an archive with posts: the same writer in another register.
const LOG: f32 = 0.3;
/// Factor for the first words of a section or paragraph, which are the hardest to get right.
const OPENING: f32 = 1.5;
/// Bytes of preceding text that a section is shown after; about 200 tokens.
pub const CONTEXT_BYTES: usize = 850;
/// Weight of words that the writer put into a draft.
const INSERTED: f32 = 2.0;
/// Weight of words that the writer kept from a draft: accepted, not written.
const KEPT: f32 = 0.3;
/// Weight of words that the writer cut from a draft, to make them less likely.
const CUT: f32 = -0.2;
/// Edit distance below which an edit teaches nothing.
pub(crate) const MIN_CHANGED: f64 = 0.03;
/// Edit distance above which an edit is a new text.
pub(crate) const MAX_CHANGED: f64 = 0.8;

impl Row {
    /// The row of a piece that the writer wrote alone; `None` if no word of it is the writer's own.
    pub fn of_piece(id: PieceId, piece: &Piece, seed: Seed, split: Split) -> Option<Row> {
        if piece.words == 0 {
            return None;
        }
        // Escapes are Markdown's, not the writer's.
        let (text, non_prose) = archive::unescape(&piece.text, &piece.non_prose_spans);
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
            scope: RequestScope::Whole,
            weights: weights_of(stretches, &non_prose, whole * NON_PROSE),
            text,
            origin: Origin::Archive(id),
            split,
        })
    }

    /// The row of an edit: the shipped text, in which the writer's insertions weigh most. `non_prose`
    /// belongs to the shipped text, as [`Piece::non_prose_spans`] does to a piece.
    pub fn of_edit(
        id: EditId,
        seed: Seed,
        draft: &str,
        shipped: &str,
        non_prose: &[Span],
        split: Split,
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
            scope: RequestScope::Whole,
            weights: weights_of(stretches, non_prose, NON_PROSE),
            text: shipped.to_owned(),
            origin: Origin::Edit(id),
            split,
        }
    }

    /// The row of what the writer cut: the draft, in which the words cut have a negative weight and
    /// all others 0. `None` if the edit changes too little, or so much that it is a new text.
    /// Numbers and the stretches `non_prose` of the draft are facts, not style, and weigh 0.
    pub fn of_cuts(
        id: EditId,
        seed: Seed,
        draft: &str,
        shipped: &str,
        non_prose: &[Span],
        split: Split,
    ) -> Option<Row> {
        let distance = edit_distance(draft, shipped);
        if !(MIN_CHANGED..=MAX_CHANGED).contains(&distance) {
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
        let weights = weights_of(stretches, non_prose, 0.0);
        weights.iter().any(|one| one.weight < 0.0).then(|| Row {
            seed,
            scope: RequestScope::Whole,
            weights,
            text: draft.to_owned(),
            origin: Origin::Edit(id),
            split,
        })
    }

    /// The text that the base sees as the writer's message.
    pub fn request(&self) -> String {
        self.scope.request(&self.seed)
    }

    /// The rows a run trains on in place of a whole one: the row itself if it has at most
    /// `max_bytes` (it is never truncated); its sections if it is longer or if `sections` is set; and
    /// the outline of a piece with more than one section.
    ///
    /// The request for a section includes the outline. Its text starts with the last
    /// [`CONTEXT_BYTES`] bytes before the section and with its heading, both at weight 0.
    pub fn expand(&self, max_bytes: usize, sections: bool) -> Vec<Row> {
        let fits = self.text.len() <= max_bytes;
        let (outline, ranges) = match self.scope {
            RequestScope::Whole
                if !fits || sections || matches!(self.origin, Origin::Archive(_)) =>
            {
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
            let text = outline.to_text();
            let whole = if self.seed.kind == Kind::Log { LOG } else { 1.0 };
            rows.push(Row {
                weights: weights_of([(0..text.len(), whole)], &[], whole),
                scope: RequestScope::Outline,
                text,
                ..self.clone()
            });
        }
        rows
    }

    /// One section, preceded by the end of the text before it; `None` if it has no words.
    fn section(&self, outline: &Outline, at: usize, range: &Range<usize>) -> Option<Row> {
        let heading = outline.sections[at].heading.len();
        let body = self.text[range.clone()].get(heading..)?;
        let from = range.end - body.trim_start().len();
        let to = range.start + self.text[range.clone()].trim_end().len();
        if count(self.text.get(from..to)?) == 0 {
            return None;
        }
        let shown = range.start - tail(&self.text[..range.start], CONTEXT_BYTES).len();
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
            scope: RequestScope::Section { outline: outline.clone(), at },
            text: self.text[shown..to].to_owned(),
            weights,
            origin: self.origin,
            split: self.split,
        })
    }

    /// The row in consecutive chunks of at most `max_bytes` (see [`chunks`]), each with its share of
    /// the weights and the whole seed.
    pub fn chunks(&self, max_bytes: usize) -> Vec<Row> {
        let chunk = |range: Range<usize>| Row {
            seed: self.seed.clone(),
            scope: self.scope.clone(),
            text: self.text[range.clone()].to_owned(),
            weights: self.weights.iter().filter_map(|weight| weight.within(&range)).collect(),
            origin: self.origin,
            split: self.split,
        };
        chunks(&self.text, max_bytes).into_iter().map(chunk).collect()
    }
}

impl Weight {
    /// The part of it within a range of the text, relative to the start of the range.
    fn within(&self, part: &Range<usize>) -> Option<Weight> {
        let (from, to) = (self.from.max(part.start), self.to.min(part.end));
        (from < to).then(|| Weight { from: from - part.start, to: to - part.start, ..*self })
    }
}

/// The weight of a stretch that was cut from a draft: 0 if it is only a number. `None` if empty.
fn cut(draft: &str, range: Range<usize>) -> Option<(Range<usize>, f32)> {
    let text = &draft[range.clone()];
    let is_style = text.chars().any(|c| !c.is_whitespace() && !c.is_ascii_digit());
    let weight = if is_style { CUT } else { 0.0 };
    (!range.is_empty()).then_some((range, weight))
}

/// The weights of consecutive stretches, in which the spans `non_prose` (in order) have the weight
/// `non_prose_weight`. Stretches at 1.0 are left out.
fn weights_of(
    stretches: impl IntoIterator<Item = (Range<usize>, f32)>,
    non_prose: &[Span],
    non_prose_weight: f32,
) -> Vec<Weight> {
    let mut weights: Vec<Weight> = Vec::new();
    let mut push = |from: usize, to: usize, weight: f32| match weights.last_mut() {
        _ if from >= to || weight == 1.0 => {}
        Some(last) if last.to == from && last.weight == weight => last.to = to,
        _ => weights.push(Weight { from, to, weight }),
    };
    let mut non_prose = non_prose.iter().peekable();
    for (stretch, weight) in stretches {
        let mut at = stretch.start;
        while let Some(span) = non_prose.peek().filter(|span| span.from < stretch.end) {
            let (from, to) = (span.from.clamp(at, stretch.end), span.to.clamp(at, stretch.end));
            push(at, from, weight);
            push(from, to, non_prose_weight);
            at = to;
            if span.to > stretch.end {
                break;
            }
            non_prose.next();
        }
        push(at, stretch.end, weight);
    }
    weights
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
        let day = jiff::civil::date(2020, 1, 1).saturating_add(jiff::Span::new().days(n as i64));
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

    #[test]
    fn words_cut_from_a_draft_have_a_negative_weight() {
        let (draft, shipped) = ("It is 7 deep and I delve here.", "It is 9 deep and I dig here.");
        let cuts = |draft: &str, shipped: &str| {
            let split = Split::Train;
            Row::of_cuts(EditId(1), Seed::default(), draft, shipped, &[], split)
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
        assert_eq!(all, draft.len(), "everything else weighs 0");
        assert_eq!(cuts(draft, draft), None);
        assert_eq!(cuts("One thing.", "Quite another matter, said they."), None);
    }

    #[test]
    fn code_in_a_post_has_a_small_weight() {
        let mut post = piece(0, "Run `ls` now.".to_owned());
        post.non_prose_spans = vec![Span { from: 4, to: 8, kind: SpanKind::Code }];
        let row = Row::of_piece(PieceId(1), &post, Seed::default(), Split::Train).unwrap();
        assert_eq!(weights(&row), [("Run ", 1.5), ("`ls`", 0.2), (" now", 1.5)]);
        assert_eq!((row.origin, row.split), (Origin::Archive(PieceId(1)), Split::Train));
    }

    #[test]
    fn a_piece_without_own_words_has_no_row() {
        let mut quote = piece(0, "> Theirs.".to_owned());
        quote.words = 0;
        assert_eq!(Row::of_piece(PieceId(1), &quote, Seed::default(), Split::Train), None);
    }

    #[test]
    fn markdown_escapes_are_removed() {
        let mut post = piece(0, "1\\. It \\*rained\\* `a\\b`.".to_owned());
        post.non_prose_spans = crate::archive::non_prose_spans(&post.text);
        let row = Row::of_piece(PieceId(1), &post, Seed::default(), Split::Train).unwrap();
        assert_eq!(row.text, "1. It *rained* `a\\b`.");
        assert!(weights(&row).contains(&("`a\\b`", 0.2)), "{:?}", weights(&row));
    }

    #[test]
    fn a_log_weighs_less_and_code_in_it_least() {
        let mut log = piece(0, "Run `ls` now.".to_owned());
        log.kind = Kind::Log;
        log.non_prose_spans = vec![Span { from: 4, to: 8, kind: SpanKind::Code }];
        let row = Row::of_piece(PieceId(1), &log, Seed::default(), Split::Train).unwrap();
        let opening = 0.3 * 1.5;
        let want = [("Run ", opening), ("`ls`", 0.3 * 0.2), (" now", opening), (".", 0.3)];
        assert_eq!(weights(&row), want);
    }

    #[test]
    fn insertions_weigh_most() {
        let (draft, shipped) = ("One two three.", "One twi `x` three.");
        let non_prose = [Span { from: 8, to: 11, kind: SpanKind::Code }];
        let row =
            Row::of_edit(EditId(1), Seed::default(), draft, shipped, &non_prose, Split::Train);
        assert_eq!(weights(&row), [("One ", 0.3), ("twi ", 2.0), ("`x`", 0.2), (" three.", 0.3)]);
    }

    #[test]
    fn spans_across_stretches_and_beyond_the_text_are_clamped() {
        let non_prose = [
            Span { from: 2, to: 12, kind: SpanKind::Quote },
            Span { from: 14, to: 99, kind: SpanKind::Link },
        ];
        let row = Row::of_edit(
            EditId(1),
            Seed::default(),
            "One two three.",
            "One twi three.",
            &non_prose,
            Split::Validation,
        );
        assert_eq!(weights(&row), [("On", 0.3), ("e twi thre", 0.2), ("e.", 0.3)]);
    }

    #[test]
    fn openings_of_sections_and_paragraphs_weigh_more() {
        let text = "It rained on the hill and in the town, all day, and all night too.\n\n\
                    Then the sun came out over all of it.";
        let row = Row::of_piece(PieceId(1), &piece(0, text.into()), Seed::default(), Split::Train)
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
        Row::of_piece(PieceId(1), &post, seed, Split::Train).unwrap()
    }

    #[test]
    fn a_short_piece_is_expanded_to_itself_its_sections_and_its_outline() {
        let row = post();
        let rows = row.expand(4_000, true);
        assert_eq!((rows.len(), &rows[0]), (6, &row));
        assert_eq!(rows[5].scope, RequestScope::Outline);
        assert_eq!(
            rows[5].text,
            "(2 words)\n## Why (312 words)\n## When (3 words)\n## End (1 words)"
        );
        assert!(rows[5].request().ends_with("Outline it."), "{}", rows[5].request());
        assert_eq!(row.expand(4_000, false).len(), 2, "whole and its outline");
        let one = Row { text: "It rained.".into(), weights: Vec::new(), ..row };
        assert_eq!(
            one.expand(4_000, true),
            std::slice::from_ref(&one),
            "a single section is the whole"
        );
    }

    #[test]
    fn a_section_follows_the_end_of_the_section_before_it() {
        let rows = post().expand(4_000, true);
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
    fn a_piece_longer_than_the_context_is_not_truncated() {
        let row = post();
        let rows = row.expand(200, false);
        assert!(rows.iter().all(|one| !one.scope.is_whole()) && rows.len() == 5);
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
        let long = Row::of_edit(edit, Seed::default(), "It.", &row.text, &[], Split::Train);
        let rows = long.expand(200, false);
        assert!(rows.len() == 4 && weights(&rows[2])[1] == ("All day `long`.", 2.0));
        assert_eq!(long.expand(4_000, false), std::slice::from_ref(&long));
    }

    #[test]
    fn chunks_of_a_row_keep_their_weights() {
        let row =
            Row::of_edit(EditId(1), Seed::default(), "One.", "One.\n\nTwo.", &[], Split::Train);
        let rows = row.chunks(6);
        assert_eq!(weights(&rows[0]), [("One.", 0.3), ("\n\n", 2.0)]);
        assert_eq!(weights(&rows[1]), [("Two.", 2.0)]);
    }
}
