//! The voice measure: how much a text sounds like its writer, from 0 (someone else or a bot) to 1 (the
//! writer).
//!
//! It is an ensemble of five members. None of them can see what a text is about, and each is
//! calibrated, at the length of the text scored, between other authors and the writer's own pieces,
//! neither of which it was trained on. It does not judge whether a text makes sense; the guardrails do.
//!
//! It knows no model: drafts of the base model are texts like any other. It uses no randomness: one
//! archive has one voice.

mod char_ngrams;
mod masked_text;
mod ngram_lm;
mod reference_authors;
mod style_features;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use char_ngrams::{CharNgrams, GramMatrix, RidgeClassifier};
pub use masked_text::MaskedText;
use ngram_lm::NgramModel;
pub use reference_authors::{
    ReferenceAuthor, ReferenceAuthors, ReferenceAuthorsError, SAMPLE_WORDS,
};
use style_features::{StyleFeatures, ZScore};

/// Lengths, in words, at which a voice is calibrated. Between them it is interpolated.
const LENGTHS: [usize; 5] = [100, 200, 400, 600, 800];
/// Words needed for a score.
const MIN_WORDS: usize = 50;
/// Pieces needed to learn a voice.
const MIN_PIECES: usize = 4;
/// Folds of the cross-validation that scores the writer's own pieces.
const FOLDS: usize = 10;
/// Texts scored for one calibration point.
const MAX_TEXTS: usize = 80;
/// Words in one training sample.
const SAMPLE: usize = 400;
/// Samples of the writer that the classifier is trained on; its cost grows with their cube.
const MAX_SAMPLES: usize = 200;
/// Words of the archive that are read; more would change nothing.
const MAX_ARCHIVE: usize = 400_000;
/// Lowest and highest score of one member.
const BOUNDS: (f64, f64) = (-1.0, 1.25);
/// Factor for scores below 0: further away than another author is still another author.
const BELOW: f64 = 0.25;
/// Highest weight of one member (its d').
const MAX_WEIGHT: f64 = 5.0;

/// Names of the members, in the order of all their figures.
pub const MEMBERS: [&str; 5] = ["grammar", "letters", "common words", "rhythm", "punctuation"];

/// Why a voice cannot be learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoiceError {
    /// The archive is too small.
    #[error(
        "Only {pieces} pieces have 100 words or more; at least {MIN_PIECES} are needed to learn a voice."
    )]
    Archive {
        /// Pieces that are long enough.
        pieces: usize,
    },
    /// There are too few other authors to compare with.
    #[error("Only {samples} samples of other authors; at least 8 are needed to learn a voice.")]
    ReferenceAuthors {
        /// Number of samples.
        samples: usize,
    },
}

/// The scores of a set of texts: mean, standard deviation and number.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Level {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub spread: f64,
    /// The number of texts.
    pub n: usize,
}

impl Level {
    fn of(all: &[f64]) -> Level {
        let n = all.len();
        let mean = all.iter().sum::<f64>() / n.max(1) as f64;
        let squares = all.iter().map(|one| (one - mean).powi(2)).sum::<f64>();
        Level { mean, spread: (squares / n.saturating_sub(1).max(1) as f64).sqrt(), n }
    }

    fn between(a: &Level, b: &Level, share: f64) -> Level {
        let mix = |a: f64, b: f64| a + (b - a) * share;
        Level { mean: mix(a.mean, b.mean), spread: mix(a.spread, b.spread), n: a.n.min(b.n) }
    }

    /// The variance of the mean.
    fn variance_of_mean(&self) -> f64 {
        self.spread.powi(2) / self.n.max(1) as f64
    }
}

/// The scores one member gives to the writer, to other authors and to the base model, at one length.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Calibration {
    own: Level,
    people: Level,
    bots: Option<Level>,
}

/// The texts whose mean score is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReferenceGroup {
    Both,
    People,
    Bots,
}

impl Calibration {
    fn baseline(&self, group: ReferenceGroup) -> Level {
        match (group, &self.bots) {
            (ReferenceGroup::Both, Some(bots)) => Level::between(&self.people, bots, 0.5),
            (ReferenceGroup::Bots, Some(bots)) => *bots,
            _ => self.people,
        }
    }

    fn between(a: &Calibration, b: &Calibration, share: f64) -> Calibration {
        Calibration {
            own: Level::between(&a.own, &b.own, share),
            people: Level::between(&a.people, &b.people, share),
            bots: a.bots.zip(b.bots).map(|(a, b)| Level::between(&a, &b, share)),
        }
    }

    /// The member's separation in standard deviations of the baseline (d'); 0 if the difference may be
    /// chance.
    fn weight(&self, group: ReferenceGroup) -> f64 {
        let baseline = self.baseline(group);
        let span = self.own.mean - baseline.mean;
        let is_significant =
            span > 2.0 * (self.own.variance_of_mean() + baseline.variance_of_mean()).sqrt();
        if is_significant { (span / baseline.spread.max(1e-9)).clamp(0.0, MAX_WEIGHT) } else { 0.0 }
    }

    /// The score on the scale from the baseline (0) to the writer (1).
    fn rescale(&self, score: f64, group: ReferenceGroup) -> f64 {
        let baseline = self.baseline(group).mean;
        let span = (self.own.mean - baseline).max(1e-9);
        ((score - baseline) / span).clamp(BOUNDS.0, BOUNDS.1)
    }
}

type Calibrations = [Calibration; MEMBERS.len()];

/// The score of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 0 is someone else or a bot, 1 the writer.
    pub v: f64,
    /// The same with only other authors at 0.
    pub v_human: f64,
    /// The same with only the base model's drafts at 0, if there were any.
    pub v_bot: Option<f64>,
    /// Half the width of the 90 % interval of single texts by the writer.
    #[serde(rename = "give")]
    pub margin: f64,
    /// Score and weight of each of [`MEMBERS`]; the weight is 0 if it is not used.
    pub members: [(f64, f64); MEMBERS.len()],
    /// The number of words scored.
    pub words: usize,
}

/// The voice of one writer.
#[derive(Debug, Clone)]
pub struct Voice {
    members: Members,
    /// Calibrations for each length with enough texts.
    calibrations: Vec<(usize, Calibrations)>,
    /// Scores of the writer's own held-out pieces at each length.
    own: Vec<(usize, Level)>,
    /// Names of the authors whose mean score is 0.
    baseline_authors: Vec<String>,
}

/// The five trained members.
#[derive(Debug, Clone)]
struct Members {
    own: NgramModel,
    others: NgramModel,
    classifier: RidgeClassifier,
    idf: Vec<f32>,
    z_score: ZScore,
    style: StyleFeatures,
}

impl Members {
    fn score(&self, text: &MaskedText) -> [f64; MEMBERS.len()] {
        let style = StyleFeatures::of(text);
        [
            self.own.bits_saved_over(&self.others, text),
            self.classifier.score(&CharNgrams::of(text, &self.idf)),
            self.z_score.delta(&style, &self.style),
            self.z_score.rhythm(&style, &self.style),
            style_features::punctuation(&style, &self.style),
        ]
    }
}

impl Voice {
    /// Learns a voice from the writer's pieces, other authors, and drafts of the base model (may be
    /// empty). Takes about a second for 500 posts.
    pub fn learn(
        pieces: &[&str],
        others: &ReferenceAuthors,
        drafts: &[&str],
    ) -> Result<Voice, VoiceError> {
        let own = archive(pieces);
        if own.len() < MIN_PIECES {
            return Err(VoiceError::Archive { pieces: own.len() });
        }
        let samples: usize = others.writers.iter().map(|one| one.samples.len()).sum();
        if samples < 8 {
            return Err(VoiceError::ReferenceAuthors { samples });
        }
        let drafts: Vec<MaskedText> = drafts.iter().map(|text| MaskedText::of(text)).collect();
        let texts = TrainingTexts::of(&own, others);
        let folds = own.len().min(FOLDS);
        let mut scores = CalibrationScores::default();
        for fold in 0..folds {
            let members = texts.train(Some((fold, folds)));
            scores.add_fold(&members, &texts, &drafts, fold, folds);
        }
        let calibrations = scores.calibrations();
        if calibrations.is_empty() {
            return Err(VoiceError::Archive { pieces: own.len() });
        }
        let mut voice = Voice {
            members: texts.train(None),
            calibrations,
            own: Vec::new(),
            baseline_authors: texts.baseline_names.clone(),
        };
        voice.own = scores
            .own
            .iter()
            .filter(|(_, scores)| !scores.is_empty())
            .map(|(words, scores)| {
                let v: Vec<f64> = scores
                    .iter()
                    .map(|&score| voice.combine(*words, score, ReferenceGroup::Both).0)
                    .collect();
                (*words, Level::of(&v))
            })
            .collect();
        Ok(voice)
    }

    /// Scores a text; `None` if it has fewer than 50 words.
    pub fn score(&self, text: &str) -> Option<Score> {
        self.score_masked(&MaskedText::of(text))
    }

    /// Scores a masked text; `None` if it has fewer than 50 words.
    pub fn score_masked(&self, whole: &MaskedText) -> Option<Score> {
        let words = whole.words();
        if words < MIN_WORDS {
            return None;
        }
        let longest = self.calibrations.last().map_or(0, |(words, _)| *words);
        let parts =
            if words > longest * 3 / 2 { whole.samples(longest) } else { vec![whole.clone()] };
        let mut sum = Score {
            v: 0.0,
            v_human: 0.0,
            v_bot: self.knows_base_drafts().then_some(0.0),
            margin: 1.645 * self.own_level(words).spread,
            members: [(0.0, 0.0); MEMBERS.len()],
            words,
        };
        let share = 1.0 / parts.len() as f64;
        for part in &parts {
            let (n, scores) = (part.words(), self.members.score(part));
            let (v, members) = self.combine(n, scores, ReferenceGroup::Both);
            sum.v += v * share;
            sum.v_human += self.combine(n, scores, ReferenceGroup::People).0 * share;
            if let Some(v_bot) = &mut sum.v_bot {
                *v_bot += self.combine(n, scores, ReferenceGroup::Bots).0 * share;
            }
            for (sum, (v, weight)) in sum.members.iter_mut().zip(members) {
                sum.0 += v * share;
                sum.1 += weight * share;
            }
        }
        Some(sum)
    }

    /// The scores of the writer's own held-out pieces at this length, for comparison with a draft.
    pub fn own_level(&self, words: usize) -> Level {
        let nearest = self.own.iter().min_by_key(|(length, _)| length.abs_diff(words));
        nearest.map_or(Level::default(), |(_, level)| *level)
    }

    /// The calibrated lengths, and the scores of the writer's own held-out pieces there.
    pub fn levels(&self) -> &[(usize, Level)] {
        &self.own
    }

    /// Names of the authors whose mean score is 0: those closest to the writer that no member was
    /// trained on.
    pub fn baseline_authors(&self) -> &[String] {
        &self.baseline_authors
    }

    /// True if drafts of the base model are at 0 as well, at least at the lengths they had.
    pub fn knows_base_drafts(&self) -> bool {
        self.calibrations.iter().any(|(_, calibrations)| calibrations[0].bots.is_some())
    }

    /// Names of the members that do not separate this writer at the middle length and are not used.
    pub fn unused_members(&self) -> Vec<&'static str> {
        let at = self.calibrations_at(SAMPLE);
        let is_unused = |member: &usize| at[*member].weight(ReferenceGroup::Both) == 0.0;
        (0..MEMBERS.len()).filter(is_unused).map(|member| MEMBERS[member]).collect()
    }

    fn calibrations_at(&self, words: usize) -> Calibrations {
        let above = self.calibrations.partition_point(|(length, _)| *length < words);
        let at = |n: usize| &self.calibrations[n.min(self.calibrations.len() - 1)];
        let (low, high) = (at(above.saturating_sub(1)), at(above));
        if low.0 == high.0 {
            return low.1;
        }
        let log = |words: usize| (words as f64).ln();
        let share = ((log(words) - log(low.0)) / (log(high.0) - log(low.0))).clamp(0.0, 1.0);
        std::array::from_fn(|n| Calibration::between(&low.1[n], &high.1[n], share))
    }

    /// The weighted mean of the members for a text of `words` words, with each member's score and
    /// weight.
    fn combine(
        &self,
        words: usize,
        scores: [f64; MEMBERS.len()],
        group: ReferenceGroup,
    ) -> (f64, [(f64, f64); MEMBERS.len()]) {
        let calibrations = self.calibrations_at(words);
        let members: [(f64, f64); MEMBERS.len()] = std::array::from_fn(|n| {
            (calibrations[n].rescale(scores[n], group), calibrations[n].weight(group))
        });
        let weights: f64 = members.iter().map(|(_, weight)| weight).sum();
        let v = members.iter().map(|(v, weight)| v * weight).sum::<f64>();
        let v = if weights > 0.0 { v / weights } else { 0.0 };
        (if v < 0.0 { v * BELOW } else { v }, members)
    }
}

/// True if a word, in lower case, is a function word.
pub fn is_function_word(word: &str) -> bool {
    masked_text::symbol(word).is_some()
}

/// The writer's pieces of 100 words or more; an even sample of a huge archive.
fn archive(pieces: &[&str]) -> Vec<MaskedText> {
    let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
    let every = (bytes / (MAX_ARCHIVE * 6)) + 1;
    let read = pieces.iter().step_by(every).map(|text| MaskedText::of(text));
    read.filter(|piece| piece.words() >= LENGTHS[0]).collect()
}

/// Everything the members are trained on, read once.
struct TrainingTexts<'a> {
    pieces: &'a [MaskedText],
    own: NgramModel,
    others: NgramModel,
    /// The writer's samples: the piece each is from, and its style features.
    samples: Vec<(usize, StyleFeatures)>,
    /// Similarities of the writer's samples and then the other authors'.
    similarities: GramMatrix,
    idf: Vec<f32>,
    z_score: ZScore,
    /// Texts of authors that no member is trained on.
    baseline: Vec<MaskedText>,
    baseline_names: Vec<String>,
}

impl TrainingTexts<'_> {
    fn of<'a>(pieces: &'a [MaskedText], others: &ReferenceAuthors) -> TrainingTexts<'a> {
        let samples_of = |text: &MaskedText| {
            let samples = text.samples(SAMPLE);
            if samples.is_empty() { vec![text.clone()] } else { samples }
        };
        let mut samples: Vec<(usize, MaskedText)> = Vec::new();
        for (n, piece) in pieces.iter().enumerate() {
            samples.extend(samples_of(piece).into_iter().map(|sample| (n, sample)));
        }
        let every = samples.len().div_ceil(MAX_SAMPLES).max(1);
        let samples: Vec<_> = samples.into_iter().step_by(every).collect();
        let (baseline, training) = divide(pieces, &samples, others);
        let learned: Vec<MaskedText> =
            training.iter().flat_map(|one| &one.samples).flat_map(samples_of).collect();
        let styles: Vec<StyleFeatures> = learned.iter().map(StyleFeatures::of).collect();
        let idf = char_ngrams::idf(&learned);
        let all = samples.iter().map(|(_, sample)| sample).chain(&learned);
        TrainingTexts {
            pieces,
            own: NgramModel::of(pieces),
            others: NgramModel::of(training.iter().flat_map(|one| &one.samples)),
            similarities: GramMatrix::of(all.map(|text| CharNgrams::of(text, &idf)).collect()),
            idf,
            // Never empty: at least half of the other authors are trained on.
            z_score: ZScore::of(&styles).unwrap_or_else(ZScore::flat),
            samples: samples.iter().map(|(n, text)| (*n, StyleFeatures::of(text))).collect(),
            baseline: baseline.iter().flat_map(|one| one.samples.clone()).collect(),
            baseline_names: baseline.iter().map(|one| one.name.clone()).collect(),
        }
    }

    /// Trains the members on all pieces, or on all but one fold of them.
    fn train(&self, without: Option<(usize, usize)>) -> Members {
        let left_out = |piece: usize| without.is_some_and(|(fold, folds)| piece % folds == fold);
        let label = |at: usize| match self.samples.get(at) {
            Some((piece, _)) => (!left_out(*piece)).then_some(true),
            None => Some(false),
        };
        let kept = self.samples.iter().filter(|(piece, _)| !left_out(*piece));
        let held_out = (0..self.pieces.len()).filter(|&n| left_out(n)).map(|n| &self.pieces[n]);
        Members {
            own: self.own.without(held_out),
            others: self.others.clone(),
            classifier: self.similarities.train(label),
            idf: self.idf.clone(),
            z_score: self.z_score.clone(),
            style: StyleFeatures::mean(kept.map(|(_, style)| style))
                .unwrap_or_else(|| StyleFeatures::of(&MaskedText::default())),
        }
    }
}

/// Divides the other authors into those at 0 and those that members are trained on: alternately, the
/// closest to the writer first, until enough are at 0. So a voice is distinguished from its neighbours, and
/// nobody is in both groups. An author with a piece of the archive is the writer and is left out.
fn divide<'a>(
    pieces: &[MaskedText],
    samples: &[(usize, MaskedText)],
    others: &'a ReferenceAuthors,
) -> (Vec<&'a ReferenceAuthor>, Vec<&'a ReferenceAuthor>) {
    const ENOUGH: usize = 24;
    let mean = |texts: &mut dyn Iterator<Item = &MaskedText>| {
        StyleFeatures::mean(&texts.map(StyleFeatures::of).collect::<Vec<_>>())
    };
    let own = mean(&mut samples.iter().map(|(_, text)| text));
    let beginnings: HashSet<u64> = pieces.iter().filter_map(MaskedText::beginning).collect();
    let is_writer = |one: &ReferenceAuthor| {
        one.samples
            .iter()
            .filter_map(MaskedText::beginning)
            .any(|begins| beginnings.contains(&begins))
    };
    let people: Vec<(&ReferenceAuthor, StyleFeatures)> = others
        .writers
        .iter()
        .filter(|one| !is_writer(one))
        .filter_map(|one| Some((one, mean(&mut one.samples.iter())?)))
        .collect();
    let styles: Vec<StyleFeatures> = people.iter().map(|(_, style)| style.clone()).collect();
    let z_score = ZScore::of(&styles).unwrap_or_else(ZScore::flat);
    let mut ranked: Vec<(f64, &ReferenceAuthor)> = people
        .iter()
        .map(|(one, style)| (own.as_ref().map_or(0.0, |own| z_score.delta(style, own)), *one))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
    let (mut baseline, mut training, mut n_samples) = (Vec::new(), Vec::new(), 0);
    for (n, (_, one)) in ranked.into_iter().enumerate() {
        if n % 2 == 0 && n_samples < ENOUGH {
            n_samples += one.samples.len();
            baseline.push(one);
        } else {
            training.push(one);
        }
    }
    (baseline, training)
}

/// Scores at each length of texts that the members were not trained on.
#[derive(Default)]
struct CalibrationScores {
    own: Vec<(usize, Vec<[f64; MEMBERS.len()]>)>,
    people: Vec<(usize, Vec<[f64; MEMBERS.len()]>)>,
    bots: Vec<(usize, Vec<[f64; MEMBERS.len()]>)>,
}

impl CalibrationScores {
    /// Scores the texts of a fold: the held-out part of the archive, and an equal part of the others,
    /// so that all are scored by equally trained members.
    fn add_fold(
        &mut self,
        members: &Members,
        texts: &TrainingTexts<'_>,
        drafts: &[MaskedText],
        fold: usize,
        folds: usize,
    ) {
        let groups = [
            (&mut self.own, texts.pieces),
            (&mut self.people, &texts.baseline[..]),
            (&mut self.bots, drafts),
        ];
        for (scores, texts) in groups {
            scores.resize_with(LENGTHS.len(), Default::default);
            for (slot, length) in scores.iter_mut().zip(LENGTHS) {
                slot.0 = length;
                let every = texts.len().div_ceil(MAX_TEXTS).max(1);
                let part = texts.iter().enumerate().filter(|(n, _)| n % folds == fold);
                for (_, text) in part.filter(|(n, _)| (n / folds).is_multiple_of(every)) {
                    let opening = text.opening(length).or_else(|| {
                        // A slightly shorter text is accepted.
                        (text.words() * 5 >= length * 4).then(|| text.clone())
                    });
                    slot.1.extend(opening.map(|text| members.score(&text)));
                }
            }
        }
    }

    /// Calibrations for each length with at least four texts of the writer and of other authors.
    fn calibrations(&self) -> Vec<(usize, Calibrations)> {
        const MIN: usize = 4;
        let level = |scores: &[[f64; MEMBERS.len()]], member: usize| {
            Level::of(&scores.iter().map(|score| score[member]).collect::<Vec<_>>())
        };
        let all = self.own.iter().zip(&self.people).zip(&self.bots);
        all.filter(|(((_, own), (_, people)), _)| own.len() >= MIN && people.len() >= MIN)
            .map(|(((length, own), (_, people)), (_, bots))| {
                let calibrations = std::array::from_fn(|member| Calibration {
                    own: level(own, member),
                    people: level(people, member),
                    bots: (bots.len() >= MIN).then(|| level(bots, member)),
                });
                (*length, calibrations)
            })
            .collect()
    }
}
