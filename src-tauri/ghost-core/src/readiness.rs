//! Readiness: whether fine-tuning is worth it for this writer, computed from figures.
//!
//! Two axes make four quadrants: the amount of material (pieces, words, edits, test pieces), and how
//! far a prompt gets without training (from the last verdict).
//!
//! ```text
//!                     a prompt falls short    a prompt is enough, or was never measured
//! enough material     Fine-tune               Optimize the prompt first
//! little material     Fix the source          Skip
//! ```
//!
//! If there is enough material but most of it is unusable, or if the writer corrects facts rather than
//! style, training does not help: the source has to be fixed first, whatever the prompt does. Each
//! reason comes with its figure. The result is advice and forbids nothing. Prices are in [`cost`].

pub mod cost;
mod material;

use serde::{Deserialize, Serialize};

use self::material::MIN_PAIRS;
pub use self::material::{EditStats, Material};
use crate::verdict::{Decision, Verdict};

/// Pieces, words and test pieces that count as full material; half of each is enough. Archives of 25
/// to 100 short texts are known to suffice, and a verdict needs eight test pieces.
const FULL: (f64, f64, f64) = (24.0, 10_000.0, 8.0);
/// Maturity at which there is enough material.
const MIN_MATURITY: f64 = 0.5;
/// Score from which a prompt is enough, where 0 is someone else and 1 the writer.
const PROMPT_ENOUGH: f64 = 0.8;
/// Test pieces needed for a verdict.
const MIN_TEST_PIECES: usize = 8;
/// Share of the words that must be usable.
const MIN_USABLE: f64 = 0.6;
/// Score of the writer's own held-out pieces below which the archive is more than one voice.
const MIN_OWN: f64 = 0.65;
/// Share of the changed words that may be facts.
const MAX_FACTS: f64 = 0.5;
/// Edit distance from which an edit has something to teach.
const MIN_CHANGED: f64 = 0.15;
/// Weight of an edit compared with a piece: most of its words were kept, not written.
const EDIT_WEIGHT: f64 = 0.3;
/// Drafts per month from which an adapter is worth its upkeep.
const MIN_DRAFTS: f64 = 4.0;

/// The quality the best prompt reaches without an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PromptCeiling {
    /// The prompt's voice score, where 0 is someone else and 1 the writer. If voices were not
    /// measured, its share of the bits that an adapter or the prompt saves over the base model.
    pub prompt: f64,
    /// The score of the writer's own held-out pieces, if voices were measured.
    pub own: Option<f64>,
    /// The candidate's result on the same scale.
    pub adapter: f64,
    /// Held-out pieces it was measured on.
    pub pieces: usize,
    /// True if the last candidate was put in use.
    pub shipped: bool,
}

impl PromptCeiling {
    /// The ceiling from a verdict; `None` if it had no pieces.
    pub fn of(verdict: &Verdict) -> Option<PromptCeiling> {
        let measures = &verdict.measures;
        let shipped = verdict.decision == Decision::Ship;
        if let Some(voice) = measures.voice.as_ref().filter(|voice| voice.n > 0) {
            // Relative to the writer's own pieces, which rarely score exactly 1.
            let of_own = |v: f64| (v / voice.own.max(MIN_OWN)).clamp(0.0, 1.0);
            return Some(PromptCeiling {
                prompt: of_own(voice.prompt),
                own: Some(voice.own),
                adapter: of_own(voice.adapter),
                pieces: voice.n,
                shipped,
            });
        }
        let least = measures.prompt.min(measures.adapter);
        let saved = |bits: f64| {
            let all = measures.base - least;
            if all > 0.0 { ((measures.base - bits) / all).clamp(0.0, 1.0) } else { 1.0 }
        };
        (measures.n > 0).then(|| PromptCeiling {
            prompt: saved(measures.prompt),
            own: None,
            adapter: saved(measures.adapter),
            pieces: measures.n,
            shipped,
        })
    }

    fn sentence(&self) -> String {
        let so_far = format!("{:.0} %", self.prompt * 100.0);
        let pieces = self.pieces;
        match self.own {
            Some(_) => format!(
                "drafts with your best prompt score {so_far} on the voice measure on {pieces} held-out \
                 seeds, where 100 % is you; the last adapter scored {:.0} %",
                self.adapter * 100.0
            ),
            None => format!(
                "your best prompt saves {so_far} of the bits that the better of prompt and adapter \
                 saves, on {pieces} held-out pieces"
            ),
        }
    }
}

/// The four results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quadrant {
    /// Not yet: too little material.
    Skip,
    /// The source material is the problem, not the training.
    FixUpstream,
    /// Optimize the prompt first; it may be enough.
    CompileFirst,
    /// Fine-tune.
    FineTune,
}

/// One reason with the writer's own figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The reason: "Not enough of your writing yet".
    pub what: String,
    /// True if it applies; `None` if it was not measured.
    pub holds: Option<bool>,
    /// The figure, in words.
    pub figure: String,
}

/// The assessment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Readiness {
    /// The quadrant.
    pub quadrant: Quadrant,
    /// The reason in a sentence.
    pub sentence: String,
    /// The amount of material, 0 to 1: the weakest of pieces, words and test pieces.
    pub maturity: f64,
    /// The quality a prompt reaches, 0 to 1; `None` if it was never measured.
    pub ceiling: Option<f64>,
    /// The five reasons against fine-tuning.
    pub skip: Vec<Reason>,
    /// The four reasons for it.
    pub go: Vec<Reason>,
}

/// Assesses a writer's readiness. `drafts` is the number of drafts in the last thirty days.
pub fn assess(
    material: &Material,
    edits: &EditStats,
    ceiling: Option<&PromptCeiling>,
    drafts: f64,
) -> Readiness {
    let known = Figures { material, edits, ceiling, drafts };
    let quadrant = known.quadrant();
    Readiness {
        quadrant,
        sentence: known.sentence(quadrant),
        maturity: known.maturity(),
        ceiling: ceiling.map(|ceiling| ceiling.prompt),
        skip: known.skip(),
        go: known.go(),
    }
}

/// All figures, and what each of them means.
struct Figures<'a> {
    material: &'a Material,
    edits: &'a EditStats,
    ceiling: Option<&'a PromptCeiling>,
    drafts: f64,
}

impl Figures<'_> {
    fn maturity(&self) -> f64 {
        let Material { usable_pieces, usable_words, test_pieces, .. } = *self.material;
        self.maturity_of(usable_pieces, usable_words, test_pieces)
    }

    /// The maturity if all of the archive were usable.
    fn potential_maturity(&self) -> f64 {
        let Material { pieces, words, .. } = *self.material;
        self.maturity_of(pieces, words, MIN_TEST_PIECES)
    }

    fn maturity_of(&self, pieces: usize, words: usize, test_pieces: usize) -> f64 {
        let pieces = pieces as f64 + EDIT_WEIGHT * self.edits.pairs as f64;
        let words = (words + self.edits.authored_words) as f64;
        let shares = [pieces / FULL.0, words / FULL.1, test_pieces as f64 / FULL.2];
        shares.into_iter().fold(1.0, f64::min)
    }

    fn has_enough(&self) -> bool {
        self.maturity() >= MIN_MATURITY
    }

    fn shortage(&self) -> Option<String> {
        let Material { usable_pieces, usable_words, .. } = *self.material;
        (!self.has_enough())
            .then(|| format!("{} and {} words", pieces(usable_pieces), grouped(usable_words)))
    }

    fn prompt_is_enough(&self) -> Option<bool> {
        self.ceiling.map(|ceiling| ceiling.prompt >= PROMPT_ENOUGH)
    }

    /// True if there would be enough material if all of it were usable.
    fn is_noisy(&self) -> bool {
        self.material.usable_share() < MIN_USABLE && self.potential_maturity() >= MIN_MATURITY
    }

    /// True if the writer's own pieces do not sound like one writer.
    fn is_many_voices(&self) -> Option<bool> {
        self.ceiling.and_then(|ceiling| ceiling.own).map(|own| own < MIN_OWN)
    }

    fn corrects_facts(&self) -> Option<bool> {
        let enough = self.edits.pairs >= MIN_PAIRS;
        self.edits.facts.filter(|_| enough).map(|facts| facts > MAX_FACTS)
    }

    fn quadrant(&self) -> Quadrant {
        let fix_upstream = self.is_noisy() && !self.has_enough()
            || self.is_many_voices() == Some(true)
            || self.corrects_facts() == Some(true);
        match (self.has_enough(), self.prompt_is_enough()) {
            _ if fix_upstream => Quadrant::FixUpstream,
            (false, Some(false)) => Quadrant::FixUpstream,
            (false, _) => Quadrant::Skip,
            (true, Some(false)) => Quadrant::FineTune,
            (true, _) => Quadrant::CompileFirst,
        }
    }

    fn sentence(&self, quadrant: Quadrant) -> String {
        let ceiling = self.ceiling.map(PromptCeiling::sentence);
        let Material { usable_pieces, usable_words, .. } = *self.material;
        let usable_words = grouped(usable_words);
        match (quadrant, ceiling) {
            (Quadrant::Skip, _) => format!(
                "Not yet: {} are too few to train on. At least {:.0} pieces and {:.0} words are needed. \
                 Import more of your writing.",
                self.shortage().unwrap_or_default(),
                FULL.0 * MIN_MATURITY,
                FULL.1 * MIN_MATURITY
            ),
            (Quadrant::FixUpstream, _) if self.is_many_voices() == Some(true) => format!(
                "Your own held-out pieces score only {:.2} on the voice measure, where 1 is you: the \
                 archive is not one voice. Remove what others wrote, or train on one kind of text at a \
                 time.",
                self.ceiling.and_then(|ceiling| ceiling.own).unwrap_or(0.0)
            ),
            (Quadrant::FixUpstream, _) if self.corrects_facts() == Some(true) => format!(
                "{:.0} % of the words you change in drafts are numbers, names and addresses. Training \
                 cannot teach facts; put them in the seed.",
                100.0 * self.edits.facts.unwrap_or(0.0)
            ),
            (Quadrant::FixUpstream, _) if self.is_noisy() => format!(
                "Only {:.0} % of the archive's {} words can be used for training ({}). Clean up the \
                 source before training.",
                100.0 * self.material.usable_share(),
                grouped(self.material.words),
                self.noise()
            ),
            (Quadrant::FixUpstream, ceiling) => format!(
                "With {}, {}. Training cannot make up for missing material: write fuller seeds and \
                 import more pieces first.",
                self.shortage().unwrap_or_default(),
                ceiling.unwrap_or_default()
            ),
            (Quadrant::CompileFirst, None) => format!(
                "There is enough material ({}, {usable_words} words), but it has not been measured how \
                 far a good prompt gets. That costs nothing and may be enough.",
                pieces(usable_pieces)
            ),
            (Quadrant::CompileFirst, Some(ceiling)) => {
                format!("A prompt is enough: {ceiling}. An adapter would add little.")
            }
            (Quadrant::FineTune, ceiling) => format!(
                "Fine-tune: there is enough material ({}, {usable_words} words), and {}.",
                pieces(usable_pieces),
                ceiling.unwrap_or_default()
            ),
        }
    }

    /// Why pieces are not usable, the most frequent reason first.
    fn noise(&self) -> String {
        let Material { duplicates, unfinished, short, by_others, .. } = *self.material;
        let mut all = [
            (duplicates, "duplicates"),
            (by_others, "by others"),
            (short, "too short"),
            (unfinished, "unfinished"),
        ];
        all.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
        let all: Vec<_> =
            all.iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{n} {why}")).collect();
        if all.is_empty() { "the rest is code and quotations".to_owned() } else { all.join(", ") }
    }

    fn skip(&self) -> Vec<Reason> {
        let Material { usable_pieces, usable_words, test_pieces, words, .. } = *self.material;
        let (usable_words, words) = (grouped(usable_words), grouped(words));
        let noisy = self.material.usable_share() < MIN_USABLE;
        let own = self.ceiling.and_then(|ceiling| ceiling.own);
        let own = own.map_or_else(String::new, |own| format!("; your own pieces score {own:.2}"));
        vec![
            Reason {
                what: "Not enough of your writing yet".to_owned(),
                holds: Some(!self.has_enough()),
                figure: format!(
                    "{} usable with {usable_words} words, and {}",
                    pieces(usable_pieces),
                    edits(self.edits.pairs)
                ),
            },
            Reason {
                what: "A prompt is already enough".to_owned(),
                holds: self.prompt_is_enough(),
                figure: self
                    .ceiling
                    .map_or_else(|| "not measured yet".to_owned(), |ceiling| ceiling.sentence()),
            },
            Reason {
                what: "The source material is the problem".to_owned(),
                holds: Some(noisy || self.is_many_voices() == Some(true)),
                figure: format!(
                    "{:.0} % of {words} words are usable ({}){own}",
                    100.0 * self.material.usable_share(),
                    self.noise()
                ),
            },
            Reason {
                what: "You correct facts, not style".to_owned(),
                holds: self.corrects_facts(),
                figure: self.edits.facts.map_or_else(
                    || "no edits yet".to_owned(),
                    |facts| {
                        format!(
                            "{:.0} % of the words you changed in {} are numbers, names and \
                             addresses",
                            facts * 100.0,
                            edits(self.edits.pairs)
                        )
                    },
                ),
            },
            Reason {
                what: "An improvement could not be proven".to_owned(),
                holds: Some(test_pieces < MIN_TEST_PIECES),
                figure: format!(
                    "{} held out; at least {MIN_TEST_PIECES} needed",
                    pieces(test_pieces)
                ),
            },
        ]
    }

    fn go(&self) -> Vec<Reason> {
        let Material { usable_pieces, usable_words, test_pieces, .. } = *self.material;
        let usable_words = grouped(usable_words);
        vec![
            Reason {
                what: "There is enough of your writing, and enough to test on".to_owned(),
                holds: Some(self.has_enough() && test_pieces >= MIN_TEST_PIECES),
                figure: format!(
                    "{}, {usable_words} words, {test_pieces} held out",
                    pieces(usable_pieces)
                ),
            },
            Reason {
                what: "The best prompt falls short".to_owned(),
                holds: self.prompt_is_enough().map(|does| !does),
                figure: self
                    .ceiling
                    .map_or_else(|| "not measured yet".to_owned(), |ceiling| ceiling.sentence()),
            },
            Reason {
                what: "You keep making the same changes".to_owned(),
                holds: self
                    .edits
                    .changed
                    .map(|[first, last]| last >= MIN_CHANGED && last >= 0.8 * first),
                figure: self.edits.changed.map_or_else(
                    || format!("{}; at least {MIN_PAIRS} needed", edits(self.edits.pairs)),
                    |[first, last]| {
                        format!(
                            "you changed {:.0} % of your first ten drafts and {:.0} % of the last \
                             ten",
                            first * 100.0,
                            last * 100.0
                        )
                    },
                ),
            },
            Reason {
                what: "It would be used".to_owned(),
                holds: Some(self.drafts >= MIN_DRAFTS),
                figure: format!("{:.0} drafts in the last thirty days", self.drafts),
            },
        ]
    }
}

/// "34,065".
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
    groups.into_iter().map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(",")
}

fn pieces(n: usize) -> String {
    if n == 1 { "1 piece".to_owned() } else { format!("{n} pieces") }
}

fn edits(n: usize) -> String {
    if n == 1 { "1 edit".to_owned() } else { format!("{n} edits") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::archive::{Kind, Piece, Span};
    use crate::id::PieceId;
    use crate::split;
    use crate::verdict::{self, Evidence, HeldOut};

    /// A piece of `n_words` words that no other piece has.
    fn piece(n: usize, n_words: usize) -> Piece {
        let text: String = (0..n_words).map(|w| format!("w{n}x{w} ")).collect();
        Piece {
            source: format!("{n}.md"),
            kind: Kind::Post,
            title: format!("Piece {n}"),
            author: None,
            date: Some(
                jiff::civil::date(2020, 1, 1).saturating_add(jiff::Span::new().days(n as i64)),
            ),
            unfinished: false,
            words: n_words,
            non_prose_spans: Vec::<Span>::new(),
            text,
        }
    }

    fn archive(n: usize) -> Vec<Piece> {
        (0..n).map(|n| piece(n, 500)).collect()
    }

    fn material(pieces: &[Piece]) -> Material {
        let named: Vec<_> =
            pieces.iter().enumerate().map(|(n, piece)| (PieceId(n as i64), piece)).collect();
        let splits = split::assign(&named);
        let is_own = |author: Option<&str>| author.is_none_or(|author| author == "Owner");
        Material::of(named.iter().map(|(id, piece)| (*piece, splits[id])), &is_own)
    }

    /// A verdict on ten pieces, by likelihood alone.
    fn ceiling(base: f64, prompt: f64, adapter: f64) -> PromptCeiling {
        let held_out = (0..10).map(|n| HeldOut {
            piece: PieceId(n),
            bytes: 3_000,
            base,
            prompt: prompt + 0.002 * (n % 3) as f64,
            adapter,
            incumbent: None,
        });
        let evidence = Evidence { held_out: held_out.collect(), ..Evidence::default() };
        PromptCeiling::of(&verdict::decide(&evidence, 1)).unwrap()
    }

    /// `n` drafts whose style the writer changed.
    fn style_edits(n: usize) -> EditStats {
        let draft = "In conclusion, it is important to note that the rain was heavy that day.";
        let shipped = "So the rain was heavy that day, and I sat under it like a fool.";
        EditStats::of((0..n).map(|_| (draft, shipped)))
    }

    fn reason<'a>(reasons: &'a [Reason], what: &str) -> &'a Reason {
        reasons.iter().find(|reason| reason.what.contains(what)).unwrap()
    }

    #[test]
    fn three_posts_are_too_few() {
        let found = assess(&material(&archive(3)), &EditStats::default(), None, 0.0);
        assert_eq!(found.quadrant, Quadrant::Skip);
        assert!(
            found.sentence.starts_with("Not yet: 3 pieces and 1,500 words"),
            "{}",
            found.sentence
        );
        assert_eq!(reason(&found.skip, "Not enough").holds, Some(true));
        assert_eq!(reason(&found.skip, "proven").figure, "1 piece held out; at least 8 needed");
        assert_eq!(reason(&found.skip, "prompt").holds, None);
    }

    #[test]
    fn forty_posts_and_a_good_prompt_need_no_adapter() {
        let ceiling = ceiling(1.30, 1.10, 1.09);
        let found = assess(&material(&archive(40)), &EditStats::default(), Some(&ceiling), 2.0);
        assert_eq!(found.quadrant, Quadrant::CompileFirst);
        assert!(found.sentence.contains("your best prompt saves 94 %"), "{}", found.sentence);
        assert_eq!(reason(&found.skip, "already enough").holds, Some(true));
        assert_eq!(reason(&found.skip, "Not enough").holds, Some(false));
        assert_eq!(reason(&found.go, "falls short").holds, Some(false));
    }

    #[test]
    fn two_hundred_posts_with_edits_are_ready() {
        let ceiling = ceiling(1.30, 1.20, 1.06);
        let found = assess(&material(&archive(200)), &style_edits(30), Some(&ceiling), 12.0);
        assert_eq!(found.quadrant, Quadrant::FineTune);
        assert!(found.sentence.contains("200 pieces, 100,000 words"), "{}", found.sentence);
        assert!(found.skip.iter().all(|reason| reason.holds == Some(false)), "{:?}", found.skip);
        assert!(found.go.iter().all(|reason| reason.holds == Some(true)), "{:?}", found.go);
        assert_eq!(reason(&found.go, "used").figure, "12 drafts in the last thirty days");
    }

    #[test]
    fn an_archive_of_mostly_unusable_pieces_is_fixed_first() {
        let mut pieces = archive(60);
        // Nine of ten are duplicates, very short, or by someone else.
        for (n, one) in pieces.iter_mut().enumerate() {
            match n % 10 {
                0 => {}
                1..5 => one.text = "The weekly digest of links again. ".repeat(60),
                5..8 => *one = Piece { author: Some("Guest".to_owned()), ..piece(n, 500) },
                _ => *one = piece(n, 20),
            }
            if n % 10 < 5 || n % 10 > 7 {
                one.author = Some("Owner".to_owned());
            }
        }
        let found = assess(&material(&pieces), &EditStats::default(), None, 0.0);
        assert_eq!(found.quadrant, Quadrant::FixUpstream);
        assert_eq!(reason(&found.skip, "source material").holds, Some(true));
        for reason in ["23 duplicates", "18 by others", "12 too short"] {
            assert!(found.sentence.contains(reason), "{}", found.sentence);
        }
    }

    #[test]
    fn a_prompt_is_measured_first() {
        let found = assess(&material(&archive(200)), &style_edits(30), None, 12.0);
        assert_eq!((found.quadrant, found.ceiling), (Quadrant::CompileFirst, None));
        assert!(found.sentence.contains("has not been measured"), "{}", found.sentence);
    }

    #[test]
    fn little_material_and_a_poor_prompt_need_more_material() {
        let found = assess(
            &material(&archive(8)),
            &EditStats::default(),
            Some(&ceiling(1.3, 1.2, 1.0)),
            1.0,
        );
        assert_eq!(found.quadrant, Quadrant::FixUpstream);
    }

    #[test]
    fn an_archive_of_several_voices_is_fixed_first() {
        let ceiling = PromptCeiling { own: Some(0.4), ..ceiling(1.3, 1.2, 1.0) };
        let found = assess(&material(&archive(60)), &EditStats::default(), Some(&ceiling), 1.0);
        assert_eq!(found.quadrant, Quadrant::FixUpstream);
        assert!(found.sentence.contains("not one voice"), "{}", found.sentence);
    }

    #[test]
    fn corrected_facts_belong_in_the_seed() {
        let draft = "We met Anna in 1998 and went to Rome.";
        let shipped = "We met Petra in 2003 and went to Oslo.";
        let facts = EditStats::of((0..12).map(|_| (draft, shipped)));
        assert_eq!(facts.facts, Some(1.0));
        let found = assess(&material(&archive(60)), &facts, Some(&ceiling(1.3, 1.2, 1.0)), 9.0);
        assert_eq!(found.quadrant, Quadrant::FixUpstream);
        assert!(found.sentence.contains("put them in the seed"), "{}", found.sentence);
    }

    #[test]
    fn edits_count_as_material_with_less_weight() {
        let few = material(&archive(8));
        let bare = assess(&few, &EditStats::default(), None, 0.0).maturity;
        let with = assess(&few, &style_edits(30), None, 0.0).maturity;
        assert!(bare < with && with <= 1.0, "{bare} {with}");
    }

    #[test]
    fn an_empty_archive_has_finite_figures() {
        let found = assess(&Material::default(), &EditStats::default(), None, 0.0);
        assert_eq!((found.quadrant, found.maturity), (Quadrant::Skip, 0.0));
        assert!(PromptCeiling::of(&verdict::decide(&Evidence::default(), 1)).is_none());
    }

    #[test]
    fn there_are_five_reasons_against_and_four_for() {
        let found = assess(&material(&archive(5)), &style_edits(3), None, 0.0);
        assert_eq!((found.skip.len(), found.go.len()), (5, 4));
    }
}
