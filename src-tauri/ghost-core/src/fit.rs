//! Should this writer fine-tune at all? Computed, not asked.
//!
//! Two axes make four quadrants: how ripe the material is (pieces, words, edit pairs, what can be
//! held out), and how far a prompt gets without any learning (the last verdict knows).
//!
//! ```text
//!                     a prompt falls short    a prompt does it, or was never measured
//! ripe material       Fine-tune               Compile first
//! thin material       Fix upstream            Skip
//! ```
//!
//! Where there is material enough and most of it is no use, or the writer corrects facts rather
//! than manner, no learning helps: that is to be fixed upstream, whatever the prompt does. Each
//! reason for and against stands beside the figure it rests on. Knows neither models nor prices
//! (those are [`cost`]'s), and advises only: nothing is forbidden to who wants to try.

pub mod cost;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::archive::Piece;
use crate::edit::{Edit, Segment};
use crate::measure::{Shingles, authored_share, edit_distance};
use crate::row::Side;
use crate::verdict::{Decision, Verdict};
use crate::voice::is_function_word;
use crate::words::{count, words};

/// Pieces, words and held-out pieces from which material counts as ripe in full (half of each is
/// where an axis turns): archives of 25 to 100 short texts are known to suffice, and eight held-out
/// pieces are the least a verdict can be reached on.
const RIPE: (f64, f64, f64) = (24.0, 10_000.0, 8.0);
/// Where the first axis turns.
const RIPE_ENOUGH: f64 = 0.5;
/// Where the second does: this much of the way from a stranger to the writer is near enough.
const PROMPT_ENOUGH: f64 = 0.8;
/// Held-out pieces a verdict needs.
const LEAST_HOLDOUT: usize = 8;
/// Share of the words that must be of use.
const LEAST_USABLE: f64 = 0.6;
/// What the writer's own held-out pieces must sound like, for the archive to be one voice.
const LEAST_OWN: f64 = 0.65;
/// Share of the changed words that may be facts.
const MOST_FACTS: f64 = 0.5;
/// Pairs that say something about how the writer edits.
const LEAST_PAIRS: usize = 10;
/// Edit distance from which there is something to learn in a draft.
const LEAST_CHANGED: f64 = 0.15;
/// What a pair counts beside a piece: most of its words were let stand, not written.
const PAIR: f64 = 0.3;
/// Drafts a month from which an adapter is used often enough to be worth its upkeep.
const LEAST_DRAFTS: f64 = 4.0;
/// Words below which a piece has no voice of its own.
const LEAST_WORDS: usize = 50;
/// Share of a piece's runs of words that stood in earlier ones, above which it says them again.
const SAID_BEFORE: f64 = 0.5;

/// What the archive holds, and what of it is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Material {
    /// All pieces.
    pub pieces: usize,
    /// All words, code and quotations too.
    pub words: usize,
    /// Pieces that can be learned from.
    pub usable_pieces: usize,
    /// The writer's own words in them.
    pub usable_words: usize,
    /// Pieces that say again what others said.
    pub duplicates: usize,
    /// Pieces their writer has not finished.
    pub unfinished: usize,
    /// Pieces too short to have a voice.
    pub short: usize,
    /// Pieces by somebody else.
    pub by_others: usize,
    /// Pieces held out for the verdict.
    pub holdout: usize,
}

impl Material {
    /// Counts an archive; `is_own` tells whether a piece by an author is the writer's.
    pub fn of<'a>(
        pieces: impl IntoIterator<Item = (&'a Piece, Side)>,
        is_own: &dyn Fn(Option<&str>) -> bool,
    ) -> Material {
        let mut found = Material::default();
        let mut said: HashSet<u64> = HashSet::new();
        for (piece, side) in pieces {
            let shingles = Shingles::of(&piece.text);
            let again = shingles.iter().filter(|shingle| said.contains(shingle)).count();
            let is_again = again as f64 > SAID_BEFORE * shingles.len().max(1) as f64;
            said.extend(shingles.iter());
            let is_other = !is_own(piece.author.as_deref());
            let is_short = piece.words < LEAST_WORDS;
            found.pieces += 1;
            found.words += count(&piece.text).max(piece.words);
            found.duplicates += usize::from(is_again);
            found.unfinished += usize::from(piece.unfinished);
            found.short += usize::from(is_short);
            found.by_others += usize::from(is_other);
            found.holdout += usize::from(side == Side::Holdout);
            if !(is_again || is_other || is_short || piece.unfinished) {
                found.usable_pieces += 1;
                found.usable_words += piece.words;
            }
        }
        found
    }

    fn usable(&self) -> f64 {
        if self.words == 0 { 1.0 } else { self.usable_words as f64 / self.words as f64 }
    }
}

/// What the writer's edits of drafts have to teach.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Taught {
    /// Drafts that were shipped.
    pub pairs: usize,
    /// Words in them that the writer put in.
    pub authored_words: usize,
    /// Median edit distance of the first ten and of the last ten; none below ten.
    pub changed: Option<[f64; 2]>,
    /// Share of the changed words in changes of facts alone: numbers, names, addresses. None where
    /// nothing was changed.
    pub facts: Option<f64>,
}

impl Taught {
    /// Reads pairs of a draft and what was shipped, the oldest first.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Taught {
        let mut found = Taught::default();
        let mut distances = Vec::new();
        let (mut changed, mut facts) = (0, 0);
        for (draft, shipped) in pairs {
            let edit = Edit::between(draft, shipped);
            found.pairs += 1;
            found.authored_words +=
                (authored_share(&edit) * count(shipped) as f64).round() as usize;
            distances.push(edit_distance(draft, shipped));
            let mut opens = true;
            for segment in edit.segments() {
                match segment {
                    Segment::Same(text) => opens = ends_sentence(text),
                    Segment::Changed { cut, added } => {
                        let n = count(cut) + count(added);
                        changed += n;
                        facts += if is_factual(cut, added, opens) { n } else { 0 };
                    }
                }
            }
        }
        found.facts = (changed > 0).then(|| facts as f64 / changed as f64);
        found.changed = (distances.len() >= LEAST_PAIRS).then(|| {
            [median(&distances[..LEAST_PAIRS]), median(&distances[distances.len() - LEAST_PAIRS..])]
        });
        found
    }
}

fn median(all: &[f64]) -> f64 {
    let mut all = all.to_vec();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

fn ends_sentence(text: &str) -> bool {
    text.trim_end().ends_with(['.', '!', '?', ':', '”', '"']) || text.ends_with('\n')
}

/// Whether a change is of numbers, names and addresses, with no other word of content in it.
fn is_factual(cut: &str, added: &str, opens: bool) -> bool {
    let mut any = false;
    for side in [cut, added] {
        let mut opens = opens;
        let mut end = 0;
        for (at, word) in words(side) {
            opens = opens && end == 0 || ends_sentence(&side[end..at]);
            end = at + word.len();
            let small = word.to_lowercase();
            let named = word.chars().any(|c| c.is_ascii_digit())
                || small.contains("www.")
                || !opens && word.starts_with(char::is_uppercase) && small != "i";
            if named {
                any = true;
            } else if !is_function_word(&small) {
                return false;
            }
        }
    }
    any
}

/// How far the best prompt gets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// 0 a stranger, 1 the writer; where voices were not heard, how much of what an adapter saves
    /// on the bare base the prompt saves already.
    pub prompt: f64,
    /// What the writer's own held-out pieces sound like, where voices were heard.
    pub own: Option<f64>,
    /// What the candidate reached on the same scale.
    pub adapter: f64,
    /// Held-out pieces it was measured on.
    pub pieces: usize,
    /// Whether the last candidate was let write.
    pub shipped: bool,
}

impl Ceiling {
    /// What a verdict knows of it; nothing where it had no pieces.
    pub fn of(verdict: &Verdict) -> Option<Ceiling> {
        let measures = &verdict.measures;
        let shipped = verdict.decision == Decision::Ship;
        if let Some(voice) = measures.voice.as_ref().filter(|voice| voice.n > 0) {
            // Beside the writer's own pieces, which rarely score exactly 1.
            let of_own = |v: f64| (v / voice.own.max(LEAST_OWN)).clamp(0.0, 1.0);
            return Some(Ceiling {
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
        (measures.n > 0).then(|| Ceiling {
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
                "your best prompt comes {so_far} of the way from a stranger to you on {pieces} \
                 held-out seeds; the last adapter came {:.0} %",
                self.adapter * 100.0
            ),
            None => format!(
                "your best prompt saves {so_far} of the bits that an adapter or the prompt saves \
                 at best, on {pieces} held-out pieces"
            ),
        }
    }
}

/// The four answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quadrant {
    /// Not now: too little to learn from.
    Skip,
    /// What goes in is the trouble, not what learns from it.
    FixUpstream,
    /// A good prompt first; it may be enough.
    CompileFirst,
    /// Learn.
    FineTune,
}

/// One reason, and the writer's own figure beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// "Too little of you".
    pub what: String,
    /// Whether it holds here; none where it was not measured.
    pub holds: Option<bool>,
    /// The figure, in words.
    pub figure: String,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Which of the four.
    pub quadrant: Quadrant,
    /// Why, in a sentence.
    pub sentence: String,
    /// How ripe the material is, 0 to 1: the weakest of pieces, words and held-out pieces.
    pub maturity: f64,
    /// How far a prompt gets, 0 to 1; none where it was never measured.
    pub ceiling: Option<f64>,
    /// The five reasons to leave it.
    pub skip: Vec<Reason>,
    /// The four reasons to go.
    pub go: Vec<Reason>,
}

/// Answers from what is known of a writer. `drafts` are those of the last thirty days.
pub fn fit(material: &Material, taught: &Taught, ceiling: Option<&Ceiling>, drafts: f64) -> Fit {
    let known = Known { material, taught, ceiling, drafts };
    let quadrant = known.quadrant();
    Fit {
        quadrant,
        sentence: known.sentence(quadrant),
        maturity: known.maturity(),
        ceiling: ceiling.map(|ceiling| ceiling.prompt),
        skip: known.skip(),
        go: known.go(),
    }
}

/// All figures together, and what each says.
struct Known<'a> {
    material: &'a Material,
    taught: &'a Taught,
    ceiling: Option<&'a Ceiling>,
    drafts: f64,
}

impl Known<'_> {
    fn maturity(&self) -> f64 {
        let Material { usable_pieces, usable_words, holdout, .. } = *self.material;
        self.ripeness(usable_pieces, usable_words, holdout)
    }

    /// What it would be if all of the archive were of use.
    fn promise(&self) -> f64 {
        let Material { pieces, words, .. } = *self.material;
        self.ripeness(pieces, words, LEAST_HOLDOUT)
    }

    fn ripeness(&self, pieces: usize, words: usize, holdout: usize) -> f64 {
        let pieces = pieces as f64 + PAIR * self.taught.pairs as f64;
        let words = (words + self.taught.authored_words) as f64;
        let shares = [pieces / RIPE.0, words / RIPE.1, holdout as f64 / RIPE.2];
        shares.into_iter().fold(1.0, f64::min)
    }

    fn is_ripe(&self) -> bool {
        self.maturity() >= RIPE_ENOUGH
    }

    fn is_thin_of(&self) -> Option<String> {
        let Material { usable_pieces, usable_words, .. } = *self.material;
        (!self.is_ripe())
            .then(|| format!("{} and {} words", pieces(usable_pieces), grouped(usable_words)))
    }

    fn prompt_does_it(&self) -> Option<bool> {
        self.ceiling.map(|ceiling| ceiling.prompt >= PROMPT_ENOUGH)
    }

    /// There would be enough, if it were clean.
    fn is_noisy(&self) -> bool {
        self.material.usable() < LEAST_USABLE && self.promise() >= RIPE_ENOUGH
    }

    /// The writer's own pieces do not sound like one writer.
    fn is_many_voices(&self) -> Option<bool> {
        self.ceiling.and_then(|ceiling| ceiling.own).map(|own| own < LEAST_OWN)
    }

    fn corrects_facts(&self) -> Option<bool> {
        let enough = self.taught.pairs >= LEAST_PAIRS;
        self.taught.facts.filter(|_| enough).map(|facts| facts > MOST_FACTS)
    }

    fn quadrant(&self) -> Quadrant {
        let upstream = self.is_noisy() && !self.is_ripe()
            || self.is_many_voices() == Some(true)
            || self.corrects_facts() == Some(true);
        match (self.is_ripe(), self.prompt_does_it()) {
            _ if upstream => Quadrant::FixUpstream,
            (false, Some(false)) => Quadrant::FixUpstream,
            (false, _) => Quadrant::Skip,
            (true, Some(false)) => Quadrant::FineTune,
            (true, _) => Quadrant::CompileFirst,
        }
    }

    fn sentence(&self, quadrant: Quadrant) -> String {
        let said = self.ceiling.map(Ceiling::sentence);
        let Material { usable_pieces, usable_words, .. } = *self.material;
        let usable_words = grouped(usable_words);
        match (quadrant, said) {
            (Quadrant::Skip, _) => format!(
                "Not yet: {} are too few to learn a voice from; {:.0} pieces and {:.0} words are \
                 where it begins. Write, or bring in more of what you have written.",
                self.is_thin_of().unwrap_or_default(),
                RIPE.0 * RIPE_ENOUGH,
                RIPE.1 * RIPE_ENOUGH
            ),
            (Quadrant::FixUpstream, _) if self.is_many_voices() == Some(true) => format!(
                "Your own held-out pieces sound only {:.2} like you, where 1 is you: the archive \
                 is not one voice. Take out what others wrote, or learn one kind at a time.",
                self.ceiling.and_then(|ceiling| ceiling.own).unwrap_or(0.0)
            ),
            (Quadrant::FixUpstream, _) if self.corrects_facts() == Some(true) => format!(
                "{:.0} % of the words you change in drafts are numbers, names and addresses: a \
                 voice cannot learn facts. Say them in the seed.",
                100.0 * self.taught.facts.unwrap_or(0.0)
            ),
            (Quadrant::FixUpstream, _) if self.is_noisy() => format!(
                "Only {:.0} % of the archive's {} words can be learned from ({}): clean what goes \
                 in before anything learns from it.",
                100.0 * self.material.usable(),
                grouped(self.material.words),
                self.noise()
            ),
            (Quadrant::FixUpstream, said) => format!(
                "With {}, {}: no learning makes up for what is not there. Fuller seeds and more \
                 pieces come first.",
                self.is_thin_of().unwrap_or_default(),
                said.unwrap_or_default()
            ),
            (Quadrant::CompileFirst, None) => format!(
                "There is enough to learn from ({}, {usable_words} words), but nobody has \
                 measured how far a good prompt gets; it costs nothing and may be enough.",
                pieces(usable_pieces)
            ),
            (Quadrant::CompileFirst, Some(said)) => {
                format!("A prompt does it: {said}. An adapter would have little to add.")
            }
            (Quadrant::FineTune, said) => format!(
                "Learn: there is enough of you ({}, {usable_words} words), and {}.",
                pieces(usable_pieces),
                said.unwrap_or_default()
            ),
        }
    }

    /// What is the matter with the pieces that are no use, the most frequent first.
    fn noise(&self) -> String {
        let Material { duplicates, unfinished, short, by_others, .. } = *self.material;
        let mut all = [
            (duplicates, "said before"),
            (by_others, "by others"),
            (short, "too short"),
            (unfinished, "unfinished"),
        ];
        all.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
        let all: Vec<_> =
            all.iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{n} {why}")).collect();
        if all.is_empty() { "the rest is code and quotation".to_owned() } else { all.join(", ") }
    }

    fn skip(&self) -> Vec<Reason> {
        let Material { usable_pieces, usable_words, holdout, words, .. } = *self.material;
        let (usable_words, words) = (grouped(usable_words), grouped(words));
        let noisy = self.material.usable() < LEAST_USABLE;
        let own = self.ceiling.and_then(|ceiling| ceiling.own);
        let own = own.map_or_else(String::new, |own| format!("; your own pieces sound {own:.2}"));
        vec![
            Reason {
                what: "There is too little of you".to_owned(),
                holds: Some(!self.is_ripe()),
                figure: format!(
                    "{} of use with {usable_words} words, and {} of edits",
                    pieces(usable_pieces),
                    pairs(self.taught.pairs)
                ),
            },
            Reason {
                what: "A prompt does it already".to_owned(),
                holds: self.prompt_does_it(),
                figure: self
                    .ceiling
                    .map_or_else(|| "not measured yet".to_owned(), |ceiling| ceiling.sentence()),
            },
            Reason {
                what: "What goes in is the trouble".to_owned(),
                holds: Some(noisy || self.is_many_voices() == Some(true)),
                figure: format!(
                    "{:.0} % of {words} words are of use ({}){own}",
                    100.0 * self.material.usable(),
                    self.noise()
                ),
            },
            Reason {
                what: "You correct facts, not manner".to_owned(),
                holds: self.corrects_facts(),
                figure: self.taught.facts.map_or_else(
                    || "no edits yet".to_owned(),
                    |facts| {
                        format!(
                            "{:.0} % of the words you changed in {} are numbers, names and \
                             addresses",
                            facts * 100.0,
                            pairs(self.taught.pairs)
                        )
                    },
                ),
            },
            Reason {
                what: "It could not be proven".to_owned(),
                holds: Some(holdout < LEAST_HOLDOUT),
                figure: format!("{} held out; {LEAST_HOLDOUT} are the least", pieces(holdout)),
            },
        ]
    }

    fn go(&self) -> Vec<Reason> {
        let Material { usable_pieces, usable_words, holdout, .. } = *self.material;
        let usable_words = grouped(usable_words);
        vec![
            Reason {
                what: "There is enough of you, and enough to prove it with".to_owned(),
                holds: Some(self.is_ripe() && holdout >= LEAST_HOLDOUT),
                figure: format!(
                    "{}, {usable_words} words, {holdout} held out",
                    pieces(usable_pieces)
                ),
            },
            Reason {
                what: "The best prompt falls short".to_owned(),
                holds: self.prompt_does_it().map(|does| !does),
                figure: self
                    .ceiling
                    .map_or_else(|| "not measured yet".to_owned(), |ceiling| ceiling.sentence()),
            },
            Reason {
                what: "You change the same things again and again".to_owned(),
                holds: self
                    .taught
                    .changed
                    .map(|[first, last]| last >= LEAST_CHANGED && last >= 0.8 * first),
                figure: self.taught.changed.map_or_else(
                    || format!("{}; {LEAST_PAIRS} are the least", pairs(self.taught.pairs)),
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
                holds: Some(self.drafts >= LEAST_DRAFTS),
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

fn pairs(n: usize) -> String {
    if n == 1 { "1 pair".to_owned() } else { format!("{n} pairs") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::archive::{Kind, Span};
    use crate::id::PieceId;
    use crate::row;
    use crate::verdict::{self, Evidence, HeldOut};

    /// A piece of so many words that no other piece has.
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
        let sides = row::split(&named);
        let is_own = |author: Option<&str>| author.is_none_or(|author| author == "Owner");
        Material::of(named.iter().map(|(id, piece)| (*piece, sides[id])), &is_own)
    }

    /// A verdict on ten pieces, by likelihood alone.
    fn ceiling(base: f64, prompt: f64, adapter: f64) -> Ceiling {
        let held_out = (0..10).map(|n| HeldOut {
            piece: PieceId(n),
            bytes: 3_000,
            base,
            prompt: prompt + 0.002 * (n % 3) as f64,
            adapter,
            incumbent: None,
        });
        let evidence = Evidence { held_out: held_out.collect(), ..Evidence::default() };
        Ceiling::of(&verdict::judge(&evidence, 1)).unwrap()
    }

    /// So many drafts whose manner the writer changed.
    fn taught(n: usize) -> Taught {
        let draft = "In conclusion, it is important to note that the rain was heavy that day.";
        let shipped = "So the rain was heavy that day, and I sat under it like a fool.";
        Taught::of((0..n).map(|_| (draft, shipped)))
    }

    fn reason<'a>(reasons: &'a [Reason], what: &str) -> &'a Reason {
        reasons.iter().find(|reason| reason.what.contains(what)).unwrap()
    }

    #[test]
    fn three_posts_are_left_alone() {
        let fit = fit(&material(&archive(3)), &Taught::default(), None, 0.0);
        assert_eq!(fit.quadrant, Quadrant::Skip);
        assert!(fit.sentence.starts_with("Not yet: 3 pieces and 1,500 words"), "{}", fit.sentence);
        assert_eq!(reason(&fit.skip, "too little").holds, Some(true));
        assert_eq!(reason(&fit.skip, "proven").figure, "1 piece held out; 8 are the least");
        assert_eq!(reason(&fit.skip, "prompt").holds, None);
    }

    #[test]
    fn forty_posts_and_a_prompt_that_does_it_compile_first() {
        let ceiling = ceiling(1.30, 1.10, 1.09);
        let fit = fit(&material(&archive(40)), &Taught::default(), Some(&ceiling), 2.0);
        assert_eq!(fit.quadrant, Quadrant::CompileFirst);
        assert!(fit.sentence.contains("your best prompt saves 94 %"), "{}", fit.sentence);
        assert_eq!(reason(&fit.skip, "prompt does it").holds, Some(true));
        assert_eq!(reason(&fit.skip, "too little").holds, Some(false));
        assert_eq!(reason(&fit.go, "falls short").holds, Some(false));
    }

    #[test]
    fn two_hundred_posts_with_edits_learn() {
        let ceiling = ceiling(1.30, 1.20, 1.06);
        let fit = fit(&material(&archive(200)), &taught(30), Some(&ceiling), 12.0);
        assert_eq!(fit.quadrant, Quadrant::FineTune);
        assert!(fit.sentence.contains("200 pieces, 100,000 words"), "{}", fit.sentence);
        assert!(fit.skip.iter().all(|reason| reason.holds == Some(false)), "{:?}", fit.skip);
        assert!(fit.go.iter().all(|reason| reason.holds == Some(true)), "{:?}", fit.go);
        assert_eq!(reason(&fit.go, "used").figure, "12 drafts in the last thirty days");
    }

    #[test]
    fn noise_is_fixed_upstream() {
        let mut pieces = archive(60);
        // Nine of ten say the same, are notes of a line, or are somebody else's.
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
        let fit = fit(&material(&pieces), &Taught::default(), None, 0.0);
        assert_eq!(fit.quadrant, Quadrant::FixUpstream);
        assert_eq!(reason(&fit.skip, "trouble").holds, Some(true));
        for said in ["23 said before", "18 by others", "12 too short"] {
            assert!(fit.sentence.contains(said), "{}", fit.sentence);
        }
    }

    #[test]
    fn nobody_knows_before_a_prompt_was_measured() {
        let fit = fit(&material(&archive(200)), &taught(30), None, 12.0);
        assert_eq!((fit.quadrant, fit.ceiling), (Quadrant::CompileFirst, None));
        assert!(fit.sentence.contains("nobody has measured"), "{}", fit.sentence);
    }

    #[test]
    fn little_material_and_a_poor_prompt_are_fixed_upstream() {
        let fit =
            fit(&material(&archive(8)), &Taught::default(), Some(&ceiling(1.3, 1.2, 1.0)), 1.0);
        assert_eq!(fit.quadrant, Quadrant::FixUpstream);
    }

    #[test]
    fn an_archive_that_is_not_one_voice_is_fixed_upstream() {
        let ceiling = Ceiling { own: Some(0.4), ..ceiling(1.3, 1.2, 1.0) };
        let fit = fit(&material(&archive(60)), &Taught::default(), Some(&ceiling), 1.0);
        assert_eq!(fit.quadrant, Quadrant::FixUpstream);
        assert!(fit.sentence.contains("not one voice"), "{}", fit.sentence);
    }

    #[test]
    fn corrected_facts_belong_into_the_seed() {
        let draft = "We met Anna in 1998 and went to Rome.";
        let shipped = "We met Petra in 2003 and went to Oslo.";
        let facts = Taught::of((0..12).map(|_| (draft, shipped)));
        assert_eq!(facts.facts, Some(1.0));
        let fit = fit(&material(&archive(60)), &facts, Some(&ceiling(1.3, 1.2, 1.0)), 9.0);
        assert_eq!(fit.quadrant, Quadrant::FixUpstream);
        assert!(fit.sentence.contains("Say them in the seed"), "{}", fit.sentence);
    }

    #[test]
    fn what_is_a_fact_and_what_is_manner() {
        let facts = |edit: &str| {
            let edit: Edit = edit.parse().unwrap();
            Taught::of([(edit.draft().as_str(), edit.shipped().as_str())]).facts
        };
        assert_eq!(facts("It cost [40/45] euros."), Some(1.0));
        assert_eq!(facts("I met [Anna/Petra Maier] there."), Some(1.0));
        assert_eq!(facts("It was [utilised/used] there."), Some(0.0));
        assert_eq!(facts("It rained. [Furthermore/Then] it snowed."), Some(0.0));
        assert_eq!(facts("It [was/is] so."), Some(0.0));
        assert_eq!(facts("It rained."), None);
    }

    #[test]
    fn edits_count_as_material_but_less() {
        let few = material(&archive(8));
        let bare = fit(&few, &Taught::default(), None, 0.0).maturity;
        let with = fit(&few, &taught(30), None, 0.0).maturity;
        assert!(bare < with && with <= 1.0, "{bare} {with}");
    }

    #[test]
    fn an_empty_archive_has_finite_figures() {
        let fit = fit(&Material::default(), &Taught::default(), None, 0.0);
        assert_eq!((fit.quadrant, fit.maturity), (Quadrant::Skip, 0.0));
        assert!(Ceiling::of(&verdict::judge(&Evidence::default(), 1)).is_none());
    }

    #[test]
    fn there_are_five_reasons_to_leave_it_and_four_to_go() {
        let fit = fit(&material(&archive(5)), &taught(3), None, 0.0);
        assert_eq!((fit.skip.len(), fit.go.len()), (5, 4));
    }
}
