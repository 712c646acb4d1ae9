//! How much a text sounds like its writer: 0 a stranger or a bot, 1 the writer (VOICE 5.2).
//!
//! Five members, none of which can see what a text is about, each calibrated between strangers it
//! did not learn from and the writer's own pieces it did not learn from, at the length of the text
//! scored. A voice is deaf to sense, by design; that is for the guardrails.
//!
//! Knows no model: drafts of the base are texts like any other. Draws no chance: one archive has
//! one voice.

mod grammar;
mod letters;
mod manner;
mod skeleton;
mod strangers;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use grammar::Grammar;
use letters::{Classifier, Letters, Likenesses};
use manner::{Manner, Scale};
pub use skeleton::Skeleton;
pub use strangers::{SAMPLE_WORDS, Stranger, Strangers, StrangersTrouble};

/// Lengths a voice is calibrated at; between them is interpolated, beyond them nothing is.
const LENGTHS: [usize; 5] = [100, 200, 400, 600, 800];
/// Fewer words have no voice.
const LEAST_WORDS: usize = 50;
/// Fewer pieces than this are no archive.
const LEAST_PIECES: usize = 4;
/// Times the archive is held back, a part each time, to hear what its own pieces score.
const FOLDS: usize = 10;
/// Pieces and drafts looked at for one anchor.
const MOST_TEXTS: usize = 80;
/// Words of the stretches that the members learn from.
const STRETCH: usize = 400;
/// Stretches of the writer the classifier learns from: its cost is their number cubed.
const MOST_STRETCHES: usize = 200;
/// Words of the archive that are read; more change nothing.
const MOST_ARCHIVE: usize = 400_000;
/// What one member can say at most, below and above.
const BOUNDS: (f64, f64) = (-1.0, 1.25);
/// How much of a score below 0 is said: who is further off than a stranger is a stranger.
const BELOW: f64 = 0.25;
/// The most one member weighs (its d').
const MOST_WEIGHT: f64 = 5.0;

/// The members of a voice, in the order of all their figures.
pub const MEMBERS: [&str; 5] = ["grammar", "letters", "common words", "rhythm", "punctuation"];

/// Why a voice cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLittle {
    /// The archive is too small.
    #[error(
        "{pieces} pieces of 100 words or more are too few to know a voice by; {LEAST_PIECES} are the least."
    )]
    Archive {
        /// Pieces that are long enough.
        pieces: usize,
    },
    /// There is nobody to tell it from.
    #[error("{samples} samples of strangers are too few to tell a voice from; 8 are the least.")]
    Strangers {
        /// Samples there are.
        samples: usize,
    },
}

/// What a set of texts scores: a mean, its spread, and how many they were.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Level {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub spread: f64,
    /// How many texts.
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
    fn doubt(&self) -> f64 {
        self.spread.powi(2) / self.n.max(1) as f64
    }
}

/// What one member gives to the writer, to people and to the base, at one length.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Anchor {
    own: Level,
    people: Level,
    bots: Option<Level>,
}

/// Which floor a score stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Floor {
    Both,
    People,
    Bots,
}

impl Anchor {
    fn floor(&self, floor: Floor) -> Level {
        match (floor, &self.bots) {
            (Floor::Both, Some(bots)) => Level::between(&self.people, bots, 0.5),
            (Floor::Bots, Some(bots)) => *bots,
            _ => self.people,
        }
    }

    fn between(a: &Anchor, b: &Anchor, share: f64) -> Anchor {
        Anchor {
            own: Level::between(&a.own, &b.own, share),
            people: Level::between(&a.people, &b.people, share),
            bots: a.bots.zip(b.bots).map(|(a, b)| Level::between(&a, &b, share)),
        }
    }

    /// How much the member tells, in spreads of the floor; 0 where that might be luck.
    fn weight(&self, floor: Floor) -> f64 {
        let floor = self.floor(floor);
        let span = self.own.mean - floor.mean;
        let told = span > 2.0 * (self.own.doubt() + floor.doubt()).sqrt();
        if told { (span / floor.spread.max(1e-9)).clamp(0.0, MOST_WEIGHT) } else { 0.0 }
    }

    fn place(&self, score: f64, floor: Floor) -> f64 {
        let floor = self.floor(floor).mean;
        let span = (self.own.mean - floor).max(1e-9);
        ((score - floor) / span).clamp(BOUNDS.0, BOUNDS.1)
    }
}

type Anchors = [Anchor; MEMBERS.len()];

/// What a text scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 0 a stranger or a bot, 1 the writer.
    pub v: f64,
    /// The same with people alone at 0.
    pub v_human: f64,
    /// The same with the base's drafts alone at 0, where there were any.
    pub v_bot: Option<f64>,
    /// Where single texts of the writer lie around their mean, nine of ten: `v` plus and minus.
    pub give: f64,
    /// What each of [`MEMBERS`] says of `v`, and what it weighs; 0 where it was left out.
    pub members: [(f64, f64); MEMBERS.len()],
    /// The words scored.
    pub words: usize,
}

/// The voice of one writer.
#[derive(Debug, Clone)]
pub struct Voice {
    members: Members,
    /// One for each of the lengths there were texts of.
    anchors: Vec<(usize, Anchors)>,
    /// What the writer's own pieces scored, unseen, at each length.
    own: Vec<(usize, Level)>,
    /// The strangers that are at 0.
    floor: Vec<String>,
}

/// What the five members have learned.
#[derive(Debug, Clone)]
struct Members {
    own: Grammar,
    others: Grammar,
    letters: Classifier,
    rarity: Vec<f32>,
    scale: Scale,
    manner: Manner,
}

impl Members {
    fn score(&self, text: &Skeleton) -> [f64; MEMBERS.len()] {
        let manner = Manner::of(text);
        [
            self.own.saves_on(&self.others, text),
            self.letters.score(&Letters::of(text, &self.rarity)),
            self.scale.delta(&manner, &self.manner),
            self.scale.rhythm(&manner, &self.manner),
            manner::marks(&manner, &self.manner),
        ]
    }
}

impl Voice {
    /// Learns a voice from the writer's pieces, strangers, and drafts of the untouched base (none,
    /// where there are none yet). Takes about a second for 500 posts.
    pub fn learn(
        pieces: &[&str],
        strangers: &Strangers,
        drafts: &[&str],
    ) -> Result<Voice, TooLittle> {
        let own = archive(pieces);
        if own.len() < LEAST_PIECES {
            return Err(TooLittle::Archive { pieces: own.len() });
        }
        let samples: usize = strangers.writers.iter().map(|one| one.samples.len()).sum();
        if samples < 8 {
            return Err(TooLittle::Strangers { samples });
        }
        let drafts: Vec<Skeleton> = drafts.iter().map(|text| Skeleton::of(text)).collect();
        let school = School::of(&own, strangers);
        let folds = own.len().min(FOLDS);
        let mut heard = Heard::default();
        for fold in 0..folds {
            let members = school.teach(Some((fold, folds)));
            heard.listen(&members, &school, &drafts, fold, folds);
        }
        let anchors = heard.anchors();
        if anchors.is_empty() {
            return Err(TooLittle::Archive { pieces: own.len() });
        }
        let mut voice = Voice {
            members: school.teach(None),
            anchors,
            own: Vec::new(),
            floor: school.floor_names.clone(),
        };
        voice.own = heard
            .own
            .iter()
            .filter(|(_, scores)| !scores.is_empty())
            .map(|(words, scores)| {
                let v: Vec<f64> =
                    scores.iter().map(|&score| voice.weigh(*words, score, Floor::Both).0).collect();
                (*words, Level::of(&v))
            })
            .collect();
        Ok(voice)
    }

    /// Scores a text; nothing where it has fewer than 50 words.
    pub fn score(&self, text: &str) -> Option<Score> {
        self.score_skeleton(&Skeleton::of(text))
    }

    /// Scores what is left of a text.
    pub fn score_skeleton(&self, whole: &Skeleton) -> Option<Score> {
        let words = whole.words();
        if words < LEAST_WORDS {
            return None;
        }
        let longest = self.anchors.last().map_or(0, |(words, _)| *words);
        let stretches =
            if words > longest * 3 / 2 { whole.cut(longest) } else { vec![whole.clone()] };
        let mut sum = Score {
            v: 0.0,
            v_human: 0.0,
            v_bot: self.knows_bots().then_some(0.0),
            give: 1.645 * self.own_level(words).spread,
            members: [(0.0, 0.0); MEMBERS.len()],
            words,
        };
        let share = 1.0 / stretches.len() as f64;
        for stretch in &stretches {
            let (n, scores) = (stretch.words(), self.members.score(stretch));
            let (v, members) = self.weigh(n, scores, Floor::Both);
            sum.v += v * share;
            sum.v_human += self.weigh(n, scores, Floor::People).0 * share;
            if let Some(v_bot) = &mut sum.v_bot {
                *v_bot += self.weigh(n, scores, Floor::Bots).0 * share;
            }
            for (sum, (v, weight)) in sum.members.iter_mut().zip(members) {
                sum.0 += v * share;
                sum.1 += weight * share;
            }
        }
        Some(sum)
    }

    /// What the writer's own pieces score at this length when they are not learned from: what a
    /// draft is held against.
    pub fn own_level(&self, words: usize) -> Level {
        let nearest = self.own.iter().min_by_key(|(length, _)| length.abs_diff(words));
        nearest.map_or(Level::default(), |(_, level)| *level)
    }

    /// The lengths it is calibrated at, and what the writer's own unseen pieces score there.
    pub fn levels(&self) -> &[(usize, Level)] {
        &self.own
    }

    /// The strangers that are at 0: the nearest to the writer, and none the members learned from.
    pub fn floor(&self) -> &[String] {
        &self.floor
    }

    /// Whether drafts of the base stand at 0 as well, at least at the lengths they had.
    pub fn knows_bots(&self) -> bool {
        self.anchors.iter().any(|(_, anchors)| anchors[0].bots.is_some())
    }

    /// The members that tell nothing about this writer, at the middle length, and so are left out.
    pub fn left_out(&self) -> Vec<&'static str> {
        let at = self.anchors_at(STRETCH);
        let dull = |member: &usize| at[*member].weight(Floor::Both) == 0.0;
        (0..MEMBERS.len()).filter(dull).map(|member| MEMBERS[member]).collect()
    }

    fn anchors_at(&self, words: usize) -> Anchors {
        let above = self.anchors.partition_point(|(length, _)| *length < words);
        let at = |n: usize| &self.anchors[n.min(self.anchors.len() - 1)];
        let (low, high) = (at(above.saturating_sub(1)), at(above));
        if low.0 == high.0 {
            return low.1;
        }
        let log = |words: usize| (words as f64).ln();
        let share = ((log(words) - log(low.0)) / (log(high.0) - log(low.0))).clamp(0.0, 1.0);
        std::array::from_fn(|n| Anchor::between(&low.1[n], &high.1[n], share))
    }

    /// V of a text of so many words, and what each member says and weighs.
    fn weigh(
        &self,
        words: usize,
        scores: [f64; MEMBERS.len()],
        floor: Floor,
    ) -> (f64, [(f64, f64); MEMBERS.len()]) {
        let anchors = self.anchors_at(words);
        let members: [(f64, f64); MEMBERS.len()] =
            std::array::from_fn(|n| (anchors[n].place(scores[n], floor), anchors[n].weight(floor)));
        let weights: f64 = members.iter().map(|(_, weight)| weight).sum();
        let v = members.iter().map(|(v, weight)| v * weight).sum::<f64>();
        let v = if weights > 0.0 { v / weights } else { 0.0 };
        (if v < 0.0 { v * BELOW } else { v }, members)
    }
}

/// Whether a word, in small letters, is one that no topic is made of.
pub fn is_function_word(word: &str) -> bool {
    skeleton::symbol(word).is_some()
}

/// The writer's pieces of 100 words or more; of a huge archive an even part.
fn archive(pieces: &[&str]) -> Vec<Skeleton> {
    let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
    let every = (bytes / (MOST_ARCHIVE * 6)) + 1;
    let read = pieces.iter().step_by(every).map(|text| Skeleton::of(text));
    read.filter(|piece| piece.words() >= LENGTHS[0]).collect()
}

/// Everything members learn from, read once.
struct School<'a> {
    pieces: &'a [Skeleton],
    own: Grammar,
    others: Grammar,
    /// The writer's stretches: the piece each is from, and its manner.
    stretches: Vec<(usize, Manner)>,
    /// Of the stretches, and then of strangers'.
    letters: Likenesses,
    rarity: Vec<f32>,
    scale: Scale,
    /// Strangers nobody learns from.
    floor: Vec<Skeleton>,
    floor_names: Vec<String>,
}

impl School<'_> {
    fn of<'a>(pieces: &'a [Skeleton], strangers: &Strangers) -> School<'a> {
        let cut = |skeleton: &Skeleton| {
            let cut = skeleton.cut(STRETCH);
            if cut.is_empty() { vec![skeleton.clone()] } else { cut }
        };
        let mut stretches: Vec<(usize, Skeleton)> = Vec::new();
        for (n, piece) in pieces.iter().enumerate() {
            stretches.extend(cut(piece).into_iter().map(|stretch| (n, stretch)));
        }
        let every = stretches.len().div_ceil(MOST_STRETCHES).max(1);
        let stretches: Vec<_> = stretches.into_iter().step_by(every).collect();
        let (floor, taught) = halves(pieces, &stretches, strangers);
        let learned: Vec<Skeleton> =
            taught.iter().flat_map(|one| &one.samples).flat_map(cut).collect();
        let manners: Vec<Manner> = learned.iter().map(Manner::of).collect();
        let rarity = letters::rarity(&learned);
        let letters = stretches.iter().map(|(_, stretch)| stretch).chain(&learned);
        School {
            pieces,
            own: Grammar::of(pieces),
            others: Grammar::of(taught.iter().flat_map(|one| &one.samples)),
            letters: Likenesses::of(letters.map(|text| Letters::of(text, &rarity)).collect()),
            rarity,
            // Never empty: at least half of the strangers are learned from.
            scale: Scale::of(&manners).unwrap_or_else(Scale::none),
            stretches: stretches.iter().map(|(n, text)| (*n, Manner::of(text))).collect(),
            floor: floor.iter().flat_map(|one| one.samples.clone()).collect(),
            floor_names: floor.iter().map(|one| one.name.clone()).collect(),
        }
    }

    /// Teaches members with all pieces, or all but one part of them.
    fn teach(&self, without: Option<(usize, usize)>) -> Members {
        let left_out = |piece: usize| without.is_some_and(|(fold, folds)| piece % folds == fold);
        let side = |at: usize| match self.stretches.get(at) {
            Some((piece, _)) => (!left_out(*piece)).then_some(true),
            None => Some(false),
        };
        let kept = self.stretches.iter().filter(|(piece, _)| !left_out(*piece));
        let gone = (0..self.pieces.len()).filter(|&n| left_out(n)).map(|n| &self.pieces[n]);
        Members {
            own: self.own.without(gone),
            others: self.others.clone(),
            letters: self.letters.learn(side),
            rarity: self.rarity.clone(),
            scale: self.scale.clone(),
            manner: Manner::mean(kept.map(|(_, manner)| manner))
                .unwrap_or_else(|| Manner::of(&Skeleton::default())),
        }
    }
}

/// The strangers that stand at 0, and those that are learned from. By turns from the nearest to the
/// writer, until enough stand at 0: a voice is told from its neighbours, and nobody does both. A
/// stranger with a piece of the archive is the writer.
fn halves<'a>(
    pieces: &[Skeleton],
    stretches: &[(usize, Skeleton)],
    strangers: &'a Strangers,
) -> (Vec<&'a Stranger>, Vec<&'a Stranger>) {
    const ENOUGH: usize = 24;
    let mean = |texts: &mut dyn Iterator<Item = &Skeleton>| {
        Manner::mean(&texts.map(Manner::of).collect::<Vec<_>>())
    };
    let own = mean(&mut stretches.iter().map(|(_, text)| text));
    let begun: HashSet<u64> = pieces.iter().filter_map(Skeleton::beginning).collect();
    let is_writer = |one: &Stranger| {
        one.samples.iter().filter_map(Skeleton::beginning).any(|begins| begun.contains(&begins))
    };
    let people: Vec<(&Stranger, Manner)> = strangers
        .writers
        .iter()
        .filter(|one| !is_writer(one))
        .filter_map(|one| Some((one, mean(&mut one.samples.iter())?)))
        .collect();
    let manners: Vec<Manner> = people.iter().map(|(_, manner)| manner.clone()).collect();
    let scale = Scale::of(&manners).unwrap_or_else(Scale::none);
    let mut ranked: Vec<(f64, &Stranger)> = people
        .iter()
        .map(|(one, manner)| (own.as_ref().map_or(0.0, |own| scale.delta(manner, own)), *one))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
    let (mut floor, mut taught, mut samples) = (Vec::new(), Vec::new(), 0);
    for (n, (_, one)) in ranked.into_iter().enumerate() {
        if n % 2 == 0 && samples < ENOUGH {
            samples += one.samples.len();
            floor.push(one);
        } else {
            taught.push(one);
        }
    }
    (floor, taught)
}

/// What texts nobody had learned from scored, at each length.
#[derive(Default)]
struct Heard {
    own: Vec<(usize, Vec<[f64; MEMBERS.len()]>)>,
    people: Vec<(usize, Vec<[f64; MEMBERS.len()]>)>,
    bots: Vec<(usize, Vec<[f64; MEMBERS.len()]>)>,
}

impl Heard {
    /// Listens to the part of the texts that belongs to a fold: of the archive what was held back,
    /// and as large a part of the others, so that all are judged by as much.
    fn listen(
        &mut self,
        members: &Members,
        school: &School<'_>,
        drafts: &[Skeleton],
        fold: usize,
        folds: usize,
    ) {
        let sides = [
            (&mut self.own, school.pieces),
            (&mut self.people, &school.floor[..]),
            (&mut self.bots, drafts),
        ];
        for (heard, texts) in sides {
            heard.resize_with(LENGTHS.len(), Default::default);
            for (slot, length) in heard.iter_mut().zip(LENGTHS) {
                slot.0 = length;
                let every = texts.len().div_ceil(MOST_TEXTS).max(1);
                let part = texts.iter().enumerate().filter(|(n, _)| n % folds == fold);
                for (_, text) in part.filter(|(n, _)| (n / folds).is_multiple_of(every)) {
                    let opening = text.opening(length).or_else(|| {
                        // A text a little short will do.
                        (text.words() * 5 >= length * 4).then(|| text.clone())
                    });
                    slot.1.extend(opening.map(|text| members.score(&text)));
                }
            }
        }
    }

    /// One anchor for each length with four texts or more of the writer and of strangers.
    fn anchors(&self) -> Vec<(usize, Anchors)> {
        const LEAST: usize = 4;
        let level = |scores: &[[f64; MEMBERS.len()]], member: usize| {
            Level::of(&scores.iter().map(|score| score[member]).collect::<Vec<_>>())
        };
        let all = self.own.iter().zip(&self.people).zip(&self.bots);
        all.filter(|(((_, own), (_, people)), _)| own.len() >= LEAST && people.len() >= LEAST)
            .map(|(((length, own), (_, people)), (_, bots))| {
                let anchors = std::array::from_fn(|member| Anchor {
                    own: level(own, member),
                    people: level(people, member),
                    bots: (bots.len() >= LEAST).then(|| level(bots, member)),
                });
                (*length, anchors)
            })
            .collect()
    }
}
