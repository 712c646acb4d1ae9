//! Does the candidate write more like its writer than the best that can be had without it?
//!
//! The gate of VOICE 8.3, whose default is to deny: on pieces nobody has learned from, fewer bits a
//! byte of the writer's own text (G1) *and* drafts that sound more like the writer (G2), with no
//! guardrail touched (G3), nothing lost on the ghost that writes now (G4), and the writer's edits
//! understood no worse (G5). What was not measured is not asked for, and the reasons say so.
//!
//! Knows neither bases nor adapters, only their numbers, and draws no chance of its own, so that
//! the same evidence has the same verdict for ever.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::guard::{Finding, Guard};
use crate::id::PieceId;

/// Fewer pieces prove nothing.
pub(crate) const LEAST_PIECES: usize = 8;
/// What the candidate must save, as a share of what the best without it needs.
const LEAST_GAIN: f64 = 0.02;
/// Chance that luck alone does as well, above which nothing is shipped.
const MOST_LUCK: f64 = 0.05;
/// The same where another adapter already writes: nights of trying must not add up to luck.
const MOST_LUCK_AGAIN: f64 = 0.01;
/// How much better the incumbent may be, in bits.
const MOST_LOSS: f64 = 0.005;
/// How much nearer to the writer the drafts must sound: a tenth of the way from a stranger.
const LEAST_NEARER: f64 = 0.10;
/// How much nearer the incumbent's drafts may sound.
const MOST_FARTHER: f64 = 0.03;
/// What the writer's own held-out pieces must sound like, for the measure to be believed.
const OWN: [f64; 2] = [0.65, 1.15];
/// What strangers may sound like, either way of 0, and what the base's drafts at most.
const STRANGE: f64 = 0.25;
/// How often one of the writer's pieces must sound nearer than one of the base's drafts.
const LEAST_TOLD_APART: f64 = 0.90;
/// Pairs of a draft and what became of it that say something.
const LEAST_PAIRS: usize = 10;
/// Share of drafts that may touch a guardrail the writer's own pieces touch now and then.
const MOST_TOUCHED: f64 = 0.10;
/// Sign flips and resamples where not all can be looked at.
const DRAWS: u32 = 10_000;
/// How often labels are drawn at random before something is shipped.
const SHUFFLES: usize = 40;
/// Up to this many pieces every flip of signs is looked at.
const MOST_EXACT: usize = 14;

/// What is done with a candidate (VOICE 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Decision {
    /// It writes from now on.
    Ship,
    /// The present ghost goes on writing.
    Keep,
    /// Too little to judge by.
    Unproven,
    /// A guardrail stands in the way.
    Blocked,
    /// Worse than the prompt: it is put away.
    Retire,
}

/// One held-out piece, and the bits a byte of it costs each way of writing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Which piece.
    pub piece: PieceId,
    /// Its length.
    pub bytes: usize,
    /// The bare base.
    pub base: f64,
    /// The base with the best prompt.
    pub prompt: f64,
    /// The new adapter.
    pub adapter: f64,
    /// The adapter that writes now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incumbent: Option<f64>,
}

/// How much the drafts for one held-out seed sound like the writer ([`crate::voice`]).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Drafted {
    /// The candidate's drafts.
    pub adapter: Vec<f64>,
    /// The best prompt's.
    pub prompt: Vec<f64>,
    /// Those of the adapter that writes now; none where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incumbent: Vec<f64>,
}

/// How everybody sounds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Heard {
    /// One for each held-out seed.
    pub drafted: Vec<Drafted>,
    /// The writer's held-out pieces.
    pub own: Vec<f64>,
    /// The untouched base's drafts, on seeds its calibration did not use.
    pub base: Vec<f64>,
    /// Strangers the voice has never met.
    pub strangers: Vec<f64>,
    /// Means against the base's drafts alone (V_bot): the candidate's, and the prompt's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<[f64; 2]>,
    /// Means against people alone (V_human): the candidate's, and the prompt's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human: Option<[f64; 2]>,
    /// The strangers that are at 0, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub floor: Vec<String>,
}

impl Heard {
    fn joined(parts: Vec<Heard>, has_incumbent: bool) -> Heard {
        let mut joined = Heard::default();
        let (mut bot, mut human) = (Pooled::default(), Pooled::default());
        for part in parts {
            bot.add(part.bot, part.drafted.len());
            human.add(part.human, part.drafted.len());
            joined.drafted.extend(part.drafted.into_iter().map(|drafted| Drafted {
                incumbent: if has_incumbent { drafted.incumbent } else { Vec::new() },
                ..drafted
            }));
            joined.own.extend(part.own);
            joined.base.extend(part.base);
            joined.strangers.extend(part.strangers);
            joined.floor.extend(part.floor);
        }
        joined.floor.sort();
        joined.floor.dedup();
        (joined.bot, joined.human) = (bot.mean(), human.mean());
        joined
    }
}

/// Two means of several parts, each counted by how many are in it; nothing where one part has none.
#[derive(Default)]
struct Pooled {
    sum: [f64; 2],
    n: usize,
    lacking: bool,
}

impl Pooled {
    fn add(&mut self, mean: Option<[f64; 2]>, n: usize) {
        self.n += n;
        self.lacking |= mean.is_none();
        for (sum, mean) in self.sum.iter_mut().zip(mean.unwrap_or_default()) {
            *sum += mean * n as f64;
        }
    }

    fn mean(&self) -> Option<[f64; 2]> {
        (self.n > 0 && !self.lacking).then(|| self.sum.map(|sum| sum / self.n as f64))
    }
}

/// What the guardrails found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Watch {
    /// Of each of the candidate's drafts.
    pub drafts: Vec<Vec<Finding>>,
    /// Of all of them together.
    pub together: Vec<Finding>,
}

impl Watch {
    /// What each guard found, those that were touched first.
    fn by_guard(&self) -> Vec<Guarded> {
        let mut found: Vec<Guarded> = Vec::new();
        let mut guards: Vec<Guard> =
            self.drafts.iter().flatten().map(|finding| finding.guard).collect();
        guards.sort();
        guards.dedup();
        for guard in guards {
            let all: Vec<&Finding> =
                self.drafts.iter().flatten().filter(|finding| finding.guard == guard).collect();
            let touched = all.iter().filter(|finding| finding.blocked).count();
            // Sense and topic have a least; there the smallest is the worst.
            let further = |one: &&&Finding| {
                let off = (one.figure - one.limit).abs();
                if one.blocked { off } else { -off }
            };
            let worst = all.iter().max_by(|a, b| further(a).total_cmp(&further(b)));
            let sentence = worst.map_or(String::new(), |worst| worst.sentence.clone());
            found.push(Guarded { guard, touched, of: all.len(), sentence });
        }
        found.extend(self.together.iter().map(|finding| Guarded {
            guard: finding.guard,
            touched: usize::from(finding.blocked),
            of: 1,
            sentence: finding.sentence.clone(),
        }));
        found.sort_by_key(|one| (one.touched == 0, one.guard));
        found
    }
}

/// How often each way of writing finds what the writer made of a draft more likely than the draft.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Preference {
    /// Held-out pairs.
    pub pairs: usize,
    /// The candidate.
    pub adapter: f64,
    /// The best prompt.
    pub prompt: f64,
    /// The adapter that writes now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incumbent: Option<f64>,
}

/// How a model somewhere else does on the same seeds, asked as the best prompt asks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Elsewhere {
    /// What the writer calls it by.
    pub name: String,
    /// How its draft of each seed sounds, and the candidate's.
    pub voice: Vec<[f64; 2]>,
    /// Seconds of each draft: there, and here.
    pub seconds: [Vec<f64>; 2],
    /// What each cost: there, and here.
    pub cost: [Vec<f64>; 2],
    /// Why it was not heard out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// A model elsewhere beside the candidate: there first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// What the writer calls it by.
    pub name: String,
    /// Seeds both drafted from.
    pub n: usize,
    /// Mean V.
    pub voice: [f64; 2],
    /// Seconds that 95 of 100 drafts are done in; none where they were not taken.
    pub seconds: [Option<f64>; 2],
    /// Mean cost of a draft; none where it is not known.
    pub cost: [Option<f64>; 2],
}

impl Beside {
    fn of(elsewhere: &Elsewhere) -> Option<Beside> {
        let sound = |v: &[f64; 2]| v.iter().all(|v| v.is_finite());
        let n = elsewhere.voice.len();
        if n == 0 || !elsewhere.voice.iter().all(sound) {
            return None;
        }
        let voice = [0, 1].map(|at| elsewhere.voice.iter().map(|v| v[at]).sum::<f64>() / n as f64);
        let known = |all: &Vec<f64>| !all.is_empty() && all.iter().all(|one| one.is_finite());
        let p95 = |all: &Vec<f64>| {
            let mut all = all.clone();
            all.sort_by(f64::total_cmp);
            all[((all.len() as f64 * 0.95).ceil() as usize).clamp(1, all.len()) - 1]
        };
        let seconds = elsewhere.seconds.each_ref().map(|all| known(all).then(|| p95(all)));
        let cost = elsewhere.cost.each_ref().map(|all| known(all).then(|| mean(all)));
        Some(Beside { name: elsewhere.name.clone(), n, voice, seconds, cost })
    }

    /// Whether the candidate is the worse, or no better, in all three.
    fn wins_nothing(&self) -> bool {
        let no_less = |[there, here]: [Option<f64>; 2]| {
            there.zip(here).is_some_and(|(there, here)| here >= there)
        };
        self.voice[1] <= self.voice[0] && no_less(self.seconds) && no_less(self.cost)
    }

    fn sentence(&self) -> String {
        let [there, here] = self.voice;
        let pair = |of: [Option<f64>; 2], digits: usize| {
            let one = |x: Option<f64>| x.map_or("?".to_owned(), |x| format!("{x:.digits$}"));
            format!("{} against {}", one(of[1]), one(of[0]))
        };
        format!(
            "Beside {} on {} seeds: its drafts come {} of the way to you, {}'s {}; 95 of 100 drafts \
             take {} seconds; a draft costs {}.",
            self.name,
            self.n,
            percent(here),
            self.name,
            percent(there),
            pair(self.seconds, 1),
            pair(self.cost, 4)
        )
    }
}

/// Everything a verdict is reached from; what is `None` was not measured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// One for each held-out piece.
    pub held_out: Vec<HeldOut>,
    /// Mean bits a byte of function words and punctuation alone: the prompt's, and the candidate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<[f64; 2]>,
    /// How the drafts sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Heard>,
    /// What the guardrails say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watch>,
    /// What the writer's edits say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preference: Option<Preference>,
    /// How a model elsewhere does, where the writer entered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Elsewhere>,
    /// Adapters that were each judged on what they had not seen, where there were several
    /// ([`crate::fold`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
}

impl Evidence {
    /// The evidence on several adapters of one recipe, each judged on pieces of its own; `together`
    /// is what all their drafts say together. Of what was not measured everywhere nothing is said.
    pub fn joined(parts: Vec<Evidence>, together: Vec<Finding>) -> Evidence {
        let mut joined = Evidence { folds: Some(parts.len()), ..Evidence::default() };
        let has_incumbent =
            parts.iter().flat_map(|part| &part.held_out).all(|held| held.incumbent.is_some());
        let (mut style, mut heard, mut watch) = (Pooled::default(), Vec::new(), Vec::new());
        let (mut watched, n) = (0, parts.len());
        for part in parts {
            style.add(part.style, part.held_out.len());
            joined.held_out.extend(part.held_out.into_iter().map(|held| HeldOut {
                incumbent: held.incumbent.filter(|_| has_incumbent),
                ..held
            }));
            heard.extend(part.heard);
            if let Some(part) = part.watch {
                watched += 1;
                watch.extend(part.drafts);
            }
            joined.preference = joined.preference.or(part.preference);
            joined.elsewhere = joined.elsewhere.or(part.elsewhere);
        }
        joined.style = style.mean();
        joined.heard = (heard.len() == n).then(|| Heard::joined(heard, has_incumbent));
        joined.watch = (watched == n).then_some(Watch { drafts: watch, together });
        joined
    }

    /// The same figures, each piece's and each seed's under a label drawn at random: the
    /// candidate's or the prompt's. Guardrails see what they saw.
    fn shuffled(&self, chance: &mut Chance) -> Evidence {
        let mut drawn = self.clone();
        let mut swaps = || chance.below(2) == 1;
        for held in &mut drawn.held_out {
            if swaps() {
                std::mem::swap(&mut held.adapter, &mut held.prompt);
            }
        }
        let pairs = [&mut drawn.style];
        pairs.into_iter().flatten().filter(|_| swaps()).for_each(|pair| pair.reverse());
        if let Some(heard) = &mut drawn.heard {
            for drafted in &mut heard.drafted {
                if swaps() {
                    std::mem::swap(&mut drafted.adapter, &mut drafted.prompt);
                }
            }
            let pairs = [&mut heard.bot, &mut heard.human];
            pairs.into_iter().flatten().filter(|_| swaps()).for_each(|pair| pair.reverse());
        }
        drawn
    }
}

/// What the candidate is held against: the better of the two on these pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rival {
    /// The bare base.
    Base,
    /// The base with the best prompt.
    #[default]
    Prompt,
}

/// The figures of a verdict: means over pieces, in bits a byte. All 0 (luck 1) without pieces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Pieces judged on.
    pub n: usize,
    /// The bare base.
    pub base: f64,
    /// The base with the best prompt.
    pub prompt: f64,
    /// The candidate.
    pub adapter: f64,
    /// The adapter that writes now.
    pub incumbent: Option<f64>,
    /// Which of base and prompt is the better.
    pub rival: Rival,
    /// What the candidate has to beat: the better of base and prompt.
    pub floor: f64,
    /// Share of `floor` the candidate saves; below 0 it costs more.
    pub gain_over_prompt: f64,
    /// Chance that luck alone does as well (one-sided sign-flip permutation).
    pub p_value: f64,
    /// Pieces on which the candidate needs fewer bits.
    pub wins: usize,
    /// 95 % interval of `gain_over_prompt` (percentile bootstrap over pieces).
    pub interval: [f64; 2],
    /// How the drafts sound, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<VoiceMeasures>,
    /// Bits a byte of function words and punctuation alone: the prompt's, and the candidate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<[f64; 2]>,
    /// What the writer's edits say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preference: Option<Preference>,
    /// What the guardrails found, those that block first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<Guarded>,
    /// How often the same figures with their labels drawn at random would be shipped, of how many;
    /// tried before something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shuffled: Option<[usize; 2]>,
    /// A model elsewhere beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
}

/// What one guardrail found in the candidate's drafts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guarded {
    /// Which.
    pub guard: Guard,
    /// Drafts that touched it; of drafts looked at together, 1 or 0.
    pub touched: usize,
    /// Drafts it could look at; 1 for drafts looked at together.
    pub of: usize,
    /// The worst it found, in a sentence.
    pub sentence: String,
}

/// Means of V: 0 a stranger or a bot, 1 the writer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceMeasures {
    /// Seeds drafted from.
    pub n: usize,
    /// The candidate's drafts.
    pub adapter: f64,
    /// 90 % interval of it (bootstrap over seeds, then over drafts).
    pub adapter_interval: [f64; 2],
    /// The best prompt's drafts.
    pub prompt: f64,
    /// 90 % interval of it.
    pub prompt_interval: [f64; 2],
    /// Those of the adapter that writes now.
    pub incumbent: Option<f64>,
    /// The untouched base's drafts.
    pub base: f64,
    /// 90 % interval of it (bootstrap over drafts).
    #[serde(default)]
    pub base_interval: [f64; 2],
    /// The writer's own held-out pieces.
    pub own: f64,
    /// 90 % interval of it (bootstrap over pieces).
    #[serde(default)]
    pub own_interval: [f64; 2],
    /// Strangers.
    pub strangers: f64,
    /// The strangers that are at 0, by name.
    #[serde(default)]
    pub floor: Vec<String>,
    /// Means against people alone (V_human): the candidate's, and the prompt's.
    #[serde(default)]
    pub human: Option<[f64; 2]>,
    /// Means against the base's drafts alone (V_bot): the candidate's, and the prompt's.
    #[serde(default)]
    pub bot: Option<[f64; 2]>,
    /// How often one of the writer's pieces sounds nearer than one of the base's drafts.
    pub told_apart: f64,
    /// `adapter` less `prompt`.
    pub gain: f64,
    /// 90 % interval of it.
    pub interval: [f64; 2],
    /// Chance that luck alone does as well.
    pub p_value: f64,
    /// Seeds whose drafts sound nearer than the prompt's.
    pub wins: usize,
}

/// A decision, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What is done.
    pub decision: Decision,
    /// Sentences for the writer, with the writer's own figures; after the decisive one only says
    /// what was not measured.
    pub reasons: Vec<String>,
    /// The figures.
    pub measures: Measures,
}

/// Reaches a verdict; the number makes its flips and resamples repeatable.
///
/// Before something is shipped for its voice the harness itself is tried: the same figures with
/// their labels drawn at random, over and over, must not be shipped more often than luck is let
/// through.
pub fn judge(evidence: &Evidence, random_seed: u64) -> Verdict {
    let mut verdict = reach(evidence, random_seed);
    if verdict.decision != Decision::Ship || verdict.measures.voice.is_none() {
        return verdict;
    }
    let mut chance = Chance::new(random_seed ^ 0x5AFE);
    let ships = |shuffled: &Evidence| reach(shuffled, random_seed).decision == Decision::Ship;
    let shipped = (0..SHUFFLES).filter(|_| ships(&evidence.shuffled(&mut chance))).count();
    verdict.measures.shuffled = Some([shipped, SHUFFLES]);
    let of = format!("{shipped} of {SHUFFLES}");
    let why = verdict.reasons.pop().unwrap_or_default();
    verdict.reasons.push(format!("With its labels drawn at random {of} would be shipped."));
    verdict.reasons.push(why);
    if shipped as f64 > MOST_LUCK * SHUFFLES as f64 {
        verdict.decision = Decision::Unproven;
        verdict.reasons.pop();
        verdict.reasons.push(format!(
            "What ships {of} times by chance proves nothing, so nothing is decided."
        ));
    }
    verdict
}

fn reach(evidence: &Evidence, random_seed: u64) -> Verdict {
    let held_out = usable(evidence);
    let unusable = evidence.held_out.len() - held_out.len();
    let mut measures = Measures::of(&held_out, random_seed);
    measures.voice =
        evidence.heard.as_ref().and_then(|heard| VoiceMeasures::of(heard, random_seed));
    measures.style = evidence.style;
    measures.preference = evidence.preference;
    measures.guards = evidence.watch.as_ref().map(Watch::by_guard).unwrap_or_default();
    measures.beside = evidence.elsewhere.as_ref().and_then(Beside::of);
    let mut reasons = measures.sentences();
    if let Some(folds) = evidence.folds {
        reasons.push(format!(
            "So few pieces were held out in turn: {folds} adapters learned as this one did, each \
             without some of them, and it is they that were measured."
        ));
    }
    reasons.extend(measures.beside.as_ref().map(Beside::sentence));
    reasons.extend(evidence.elsewhere.as_ref().and_then(|far| far.trouble.clone()));
    let (decision, why) = decide(&measures, unusable, evidence);
    reasons.push(why);
    if evidence.heard.is_none() {
        reasons.push("How much its drafts sound like you is not measured yet.".to_owned());
    }
    Verdict { decision, reasons, measures }
}

/// The pieces with figures to count on, each once; where one has an incumbent, all must.
fn usable(evidence: &Evidence) -> Vec<&HeldOut> {
    // Above eight bits a byte stands worse than chance; a thousand is no measurement.
    let figure = |bits: f64| (0.0..1_000.0).contains(&bits);
    let mut seen = HashSet::new();
    let has_incumbent = evidence.held_out.iter().any(|held| held.incumbent.is_some());
    let usable = evidence.held_out.iter().filter(|held| {
        held.bytes > 0
            && [held.base, held.prompt].iter().all(|&bits| figure(bits) && bits > 0.0)
            && figure(held.adapter)
            && (!has_incumbent || held.incumbent.is_some_and(figure))
            && seen.insert(held.piece)
    });
    usable.collect()
}

fn decide(measures: &Measures, unusable: usize, evidence: &Evidence) -> (Decision, String) {
    let said = |decision, why: &str| (decision, why.to_owned());
    if unusable > 0 {
        let why = format!("{} could not be measured, so nothing is decided.", pieces(unusable));
        return (Decision::Unproven, why);
    }
    if let Some(why) = evidence.watch.as_ref().and_then(touched) {
        return (Decision::Blocked, why);
    }
    let n = measures.n;
    if n < LEAST_PIECES {
        let why = format!(
            "{} held out: {LEAST_PIECES} are needed to tell skill from luck, which an archive of a \
             dozen pieces has.",
            if n == 1 { "1 piece is".to_owned() } else { format!("{} are", pieces(n)) }
        );
        return (Decision::Unproven, why);
    }
    let nearer = measures.voice.as_ref().is_some_and(|voice| voice.gain > 0.0);
    if measures.gain_over_prompt <= 0.0 && !nearer {
        let why = "It is no better than what you have without it, so it is put away.";
        return said(Decision::Retire, why);
    }
    if let Some(incumbent) = measures.incumbent
        && measures.adapter > incumbent * (1.0 + MOST_LOSS)
    {
        let why = "The ghost you have writes more like you, so it goes on writing.";
        return said(Decision::Keep, why);
    }
    if measures.gain_over_prompt < LEAST_GAIN {
        let why = format!(
            "It saves {}; {} is the least worth a change.",
            percent(measures.gain_over_prompt),
            percent(LEAST_GAIN)
        );
        return (Decision::Keep, why);
    }
    let most_luck = if measures.incumbent.is_some() { MOST_LUCK_AGAIN } else { MOST_LUCK };
    if measures.p_value > most_luck {
        let why = "It is better, but luck could have done as well; nothing changes.";
        return said(Decision::Keep, why);
    }
    if let Some([prompt, adapter]) = evidence.style
        && (adapter >= prompt || adapter.is_nan() || prompt.is_nan())
    {
        let why = "It has learned your topics, not your manner: small words and punctuation \
                   surprise it as much as they do your best prompt.";
        return said(Decision::Keep, why);
    }
    if let Some(heard) = &evidence.heard
        && let Some(found) = unheard(measures, heard, most_luck)
    {
        return found;
    }
    if let Some(preference) = evidence.preference.filter(|one| one.pairs >= LEAST_PAIRS) {
        let rival = preference.incumbent.unwrap_or(preference.prompt).max(preference.prompt);
        if preference.adapter.is_nan() || preference.adapter < rival {
            let why = format!(
                "It prefers what you made of {} to what you were given {} of the time; {} without \
                 it. Your edits are better understood by what you have.",
                if preference.pairs == 1 { "a draft" } else { "your drafts" },
                percent(preference.adapter),
                percent(rival)
            );
            return (Decision::Keep, why);
        }
    }
    if let Some(beside) = measures.beside.as_ref().filter(|beside| beside.wins_nothing()) {
        let why = format!(
            "{} sounds more like you, answers sooner and costs no more, so this one is put away.",
            beside.name
        );
        return (Decision::Retire, why);
    }
    said(
        Decision::Ship,
        "It writes more like you than anything you have, so it writes from now on.",
    )
}

/// The guardrail that stands in the way, in a sentence. One draft that copies, or gives itself
/// away, is one too many; what the writer's own pieces do now and then may be done that often.
fn touched(watch: &Watch) -> Option<String> {
    if let Some(finding) = watch.together.iter().find(|finding| finding.blocked) {
        return Some(format!("It is held back. {}", finding.sentence));
    }
    let guards = [
        (Guard::CopiedRun, true),
        (Guard::NearDuplicate, true),
        (Guard::BotTell, true),
        (Guard::CopiedShare, false),
        (Guard::Repetition, false),
        (Guard::Sense, false),
        (Guard::Length, false),
        (Guard::Topic, false),
    ];
    let n = watch.drafts.len();
    guards.into_iter().find_map(|(guard, at_once)| {
        let blocks = |finding: &&Finding| finding.guard == guard && finding.blocked;
        let found: Vec<&Finding> =
            watch.drafts.iter().filter_map(|draft| draft.iter().find(blocks)).collect();
        let most = if at_once { 0.0 } else { MOST_TOUCHED * n as f64 };
        let first = found.first().filter(|_| found.len() as f64 > most)?;
        let drafts =
            if found.len() == 1 { "1 draft".to_owned() } else { format!("{} drafts", found.len()) };
        Some(format!("It is held back for {drafts} of {n}. {}", first.sentence))
    })
}

/// What stands in the way of shipping in how the drafts sound; nothing if they sound well.
fn unheard(measures: &Measures, heard: &Heard, most_luck: f64) -> Option<(Decision, String)> {
    let Some(voice) = measures.voice.as_ref().filter(|voice| voice.n >= LEAST_PIECES) else {
        let why = format!("Drafts from {LEAST_PIECES} seeds are needed to hear how it sounds.");
        return Some((Decision::Unproven, why));
    };
    let unproven = |why: String| Some((Decision::Unproven, why));
    if !(OWN[0]..=OWN[1]).contains(&voice.own) {
        return unproven(format!(
            "Your own pieces sound only {} like you, so the measure cannot be trusted yet.",
            percent(voice.own)
        ));
    }
    if voice.strangers.abs() > STRANGE {
        return unproven(format!(
            "Strangers sound {} like you, so the measure cannot be trusted yet.",
            percent(voice.strangers)
        ));
    }
    if voice.base > STRANGE || voice.told_apart < LEAST_TOLD_APART {
        return unproven(format!(
            "The untouched base cannot be told from you surely enough (it sounds {} like you, and \
             is told apart {} of the time), so nothing is proven.",
            percent(voice.base),
            percent(voice.told_apart)
        ));
    }
    let keep = |why: &str| Some((Decision::Keep, why.to_owned()));
    if let Some(incumbent) = voice.incumbent {
        if voice.adapter < incumbent - MOST_FARTHER {
            return keep("The ghost you have sounds more like you, so it goes on writing.");
        }
        let better = measures.incumbent.is_some_and(|bits| measures.adapter < bits);
        if !better && voice.adapter <= incumbent {
            return keep("It is no better than the ghost you have, which goes on writing.");
        }
    }
    if voice.gain < LEAST_NEARER {
        return keep("Its drafts sound hardly more like you than your best prompt's.");
    }
    // A prompt can harm; what it harms must be beaten too.
    if voice.adapter < voice.base + LEAST_NEARER {
        return keep("Its drafts sound hardly more like you than the untouched base's.");
    }
    if voice.p_value > most_luck || voice.interval[0] <= 0.0 {
        return keep("Its drafts sound more like you, but luck could have done as well.");
    }
    if heard.bot.is_some_and(|[adapter, prompt]| adapter.is_nan() || adapter < prompt) {
        return keep("Its drafts sound more like a machine's than your best prompt's do.");
    }
    None
}

impl VoiceMeasures {
    /// Nothing where there is a figure that is none, or nobody to compare with.
    fn of(heard: &Heard, random_seed: u64) -> Option<VoiceMeasures> {
        let has_incumbent = heard.drafted.iter().any(|drafted| !drafted.incumbent.is_empty());
        let sound = |all: &[f64]| !all.is_empty() && all.iter().all(|v| v.abs() <= 10.0);
        let whole = heard.drafted.iter().all(|drafted| {
            sound(&drafted.adapter)
                && sound(&drafted.prompt)
                && (!has_incumbent || sound(&drafted.incumbent))
        });
        let others = [&heard.own, &heard.base, &heard.strangers];
        if heard.drafted.is_empty() || !whole || !others.iter().all(|all| sound(all)) {
            return None;
        }
        let n = heard.drafted.len();
        let means =
            |of: &dyn Fn(&Drafted) -> f64| heard.drafted.iter().map(of).sum::<f64>() / n as f64;
        let nearer: Vec<f64> =
            heard.drafted.iter().map(|d| mean(&d.adapter) - mean(&d.prompt)).collect();
        let mut chance = Chance::new(random_seed);
        let [adapter_interval, prompt_interval, interval] = nested(&heard.drafted, &mut chance);
        let pairs = heard.own.iter().flat_map(|own| heard.base.iter().map(move |base| (own, base)));
        let apart: f64 =
            pairs.map(|(own, base)| f64::from(own.total_cmp(base) as i8 + 1) / 2.0).sum();
        Some(VoiceMeasures {
            n,
            adapter: means(&|drafted| mean(&drafted.adapter)),
            adapter_interval,
            prompt: means(&|drafted| mean(&drafted.prompt)),
            prompt_interval,
            incumbent: has_incumbent.then(|| means(&|drafted| mean(&drafted.incumbent))),
            base: mean(&heard.base),
            base_interval: bootstrap(&heard.base, &mut chance),
            own: mean(&heard.own),
            own_interval: bootstrap(&heard.own, &mut chance),
            strangers: mean(&heard.strangers),
            floor: heard.floor.clone(),
            human: heard.human,
            bot: heard.bot,
            told_apart: apart / (heard.own.len() * heard.base.len()) as f64,
            gain: mean(&nearer),
            interval,
            p_value: luck(&nearer, &mut chance),
            wins: nearer.iter().filter(|&&nearer| nearer > 0.0).count(),
        })
    }

    fn sentence(&self) -> String {
        let between = |[low, high]: [f64; 2]| format!("{} to {}", percent(low), percent(high));
        format!(
            "Its drafts come {} of the way from a stranger to you ({}); your best prompt reached \
             {} ({}), the untouched base {} ({}), and your own pieces {} ({}). It sounds nearer on \
             {} of {} seeds (chance of this by luck {}).",
            percent(self.adapter),
            between(self.adapter_interval),
            percent(self.prompt),
            between(self.prompt_interval),
            percent(self.base),
            between(self.base_interval),
            percent(self.own),
            between(self.own_interval),
            self.wins,
            self.n,
            percent(self.p_value),
        )
    }
}

fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / all.len().max(1) as f64
}

/// The 90 % interval of a mean.
fn bootstrap(all: &[f64], chance: &mut Chance) -> [f64; 2] {
    let n = all.len();
    let mut means: Vec<f64> = (0..DRAWS)
        .map(|_| (0..n).map(|_| all[chance.below(n as u64) as usize]).sum::<f64>() / n as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[(share * f64::from(DRAWS - 1)).round() as usize];
    if n == 0 { [0.0; 2] } else { [at(0.05), at(0.95)] }
}

/// 90 % intervals of the candidate's mean, the prompt's, and their difference: seeds are drawn
/// anew, and of each seed its drafts.
fn nested(drafted: &[Drafted], chance: &mut Chance) -> [[f64; 2]; 3] {
    let n = drafted.len();
    let mut drawn: [Vec<f64>; 3] = Default::default();
    for _ in 0..DRAWS {
        let mut sums = [0.0; 2];
        for _ in 0..n {
            let one = &drafted[chance.below(n as u64) as usize];
            for (sum, drafts) in sums.iter_mut().zip([&one.adapter, &one.prompt]) {
                let k = drafts.len();
                let drawn = (0..k).map(|_| drafts[chance.below(k as u64) as usize]);
                *sum += drawn.sum::<f64>() / (k * n) as f64;
            }
        }
        for (all, mean) in drawn.iter_mut().zip([sums[0], sums[1], sums[0] - sums[1]]) {
            all.push(mean);
        }
    }
    drawn.map(|mut all| {
        all.sort_by(f64::total_cmp);
        let at = |share: f64| all[(share * f64::from(DRAWS - 1)).round() as usize];
        [at(0.05), at(0.95)]
    })
}

impl Measures {
    fn of(held_out: &[&HeldOut], random_seed: u64) -> Measures {
        let n = held_out.len();
        let mean = |of: &dyn Fn(&HeldOut) -> f64| {
            held_out.iter().map(|held| of(held)).sum::<f64>() / n.max(1) as f64
        };
        let (base, prompt) = (mean(&|t| t.base), mean(&|t| t.prompt));
        let (rival, floor) =
            if base < prompt { (Rival::Base, base) } else { (Rival::Prompt, prompt) };
        let pairs: Vec<(f64, f64)> = held_out
            .iter()
            .map(|held| match rival {
                Rival::Base => (held.base, held.adapter),
                Rival::Prompt => (held.prompt, held.adapter),
            })
            .collect();
        let mut chance = Chance::new(random_seed);
        let saved: Vec<f64> = pairs.iter().map(|(rival, own)| rival - own).collect();
        Measures {
            n,
            base,
            prompt,
            adapter: mean(&|t| t.adapter),
            incumbent: held_out
                .iter()
                .any(|held| held.incumbent.is_some())
                .then(|| mean(&|t| t.incumbent.unwrap_or(0.0))),
            rival,
            floor,
            gain_over_prompt: gain(pairs.iter().copied()),
            p_value: luck(&saved, &mut chance),
            wins: saved.iter().filter(|&&saved| saved > 0.0).count(),
            interval: interval(&pairs, &mut chance),
            voice: None,
            style: None,
            preference: None,
            guards: Vec::new(),
            shuffled: None,
            beside: None,
        }
    }

    fn sentences(&self) -> Vec<String> {
        if self.n == 0 {
            return Vec::new();
        }
        let rival = match self.rival {
            Rival::Base => "the base without a prompt",
            Rival::Prompt => "your best prompt",
        };
        let mut said = vec![
            format!(
                "On {} the new ghost needs {:.2} bits a byte; {rival} needs {:.2} ({}). It is \
                 better on {} of {} (chance of this by luck {}).",
                if self.n == 1 {
                    "1 held-out piece".to_owned()
                } else {
                    format!("{} held-out pieces", self.n)
                },
                self.adapter,
                self.floor,
                compared(self.floor, self.adapter),
                self.wins,
                self.n,
                percent(self.p_value),
            ),
            format!(
                "It likely saves between {} and {} (95 times of 100).",
                percent(self.interval[0]),
                percent(self.interval[1])
            ),
        ];
        if let Some(incumbent) = self.incumbent {
            said.push(format!(
                "The ghost you have needs {incumbent:.2} ({}).",
                compared(incumbent, self.adapter)
            ));
        }
        said.extend(self.voice.as_ref().map(VoiceMeasures::sentence));
        said
    }
}

/// What is saved of what the rivals need, over (rival, candidate) pairs.
fn gain(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (rival, own) = pairs.fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0, sums.1 + pair.1));
    if rival > 0.0 { (rival - own) / rival } else { 0.0 }
}

/// The share of sign flips of `saved` whose sum is as large as the sum seen: all of them up to
/// `MOST_EXACT` pieces, then `DRAWS` of them, the one seen included.
fn luck(saved: &[f64], chance: &mut Chance) -> f64 {
    let seen: f64 = saved.iter().sum();
    // Sums of the same numbers in another order differ in their last bits.
    let slack = saved.iter().map(|saved| saved.abs()).sum::<f64>() * 1e-12;
    let flipped = |signs: u64| {
        let signed = saved.iter().enumerate();
        let sum: f64 =
            signed.map(|(i, saved)| if signs >> (i % 64) & 1 == 1 { -saved } else { *saved }).sum();
        u32::from(sum >= seen - slack)
    };
    if saved.len() <= MOST_EXACT {
        let flips = 1u64 << saved.len();
        return f64::from((0..flips).map(flipped).sum::<u32>()) / flips as f64;
    }
    let mut as_large = 1;
    for _ in 0..DRAWS {
        let mut sum = 0.0;
        for stretch in saved.chunks(64) {
            let signs = chance.bits();
            for (i, saved) in stretch.iter().enumerate() {
                sum += if signs >> i & 1 == 1 { -saved } else { *saved };
            }
        }
        as_large += u32::from(sum >= seen - slack);
    }
    f64::from(as_large) / f64::from(DRAWS + 1)
}

fn interval(pairs: &[(f64, f64)], chance: &mut Chance) -> [f64; 2] {
    if pairs.is_empty() {
        return [0.0; 2];
    }
    let n = pairs.len();
    let mut gains: Vec<f64> =
        (0..DRAWS).map(|_| gain((0..n).map(|_| pairs[chance.below(n as u64) as usize]))).collect();
    gains.sort_by(f64::total_cmp);
    let at = |share: f64| gains[(share * f64::from(DRAWS - 1)).round() as usize];
    [at(0.025), at(0.975)]
}

/// "7 % more": `other` beside `own`.
fn compared(other: f64, own: f64) -> String {
    let more = if own > 0.0 { other / own - 1.0 } else { 0.0 };
    match percent(more.abs()).as_str() {
        "0 %" => "as many".to_owned(),
        amount if more < 0.0 => format!("{amount} fewer"),
        amount => format!("{amount} more"),
    }
}

/// "7 %", "0.2 %", "under 0.1 %".
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent.abs() {
        0.0 => "0 %".to_owned(),
        small if small < 0.05 => "under 0.1 %".to_owned(),
        small if small < 9.95 => format!("{} %", format!("{percent:.1}").trim_end_matches(".0")),
        _ => format!("{percent:.0} %"),
    }
}

fn pieces(n: usize) -> String {
    if n == 1 { "1 piece".to_owned() } else { format!("{n} pieces") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Nine pieces the base needs 1.3 bits a byte for, with these figures for the others.
    fn nine(prompt: f64, candidate: f64, incumbent: Option<f64>) -> Evidence {
        let wobble = |i: i64| 1.0 + 0.01 * (i % 3) as f64;
        let held_out = (0..9).map(|i| HeldOut {
            piece: PieceId(i),
            bytes: 3_000,
            base: 1.3,
            prompt: prompt * wobble(i),
            adapter: candidate * wobble(i + 1),
            incumbent,
        });
        Evidence { held_out: held_out.collect(), ..Evidence::default() }
    }

    fn decision(evidence: &Evidence) -> Decision {
        judge(evidence, 1).decision
    }

    #[test]
    fn clearly_better_than_the_prompt_ships() {
        let verdict = judge(&nine(1.14, 1.06, None), 1);
        assert_eq!(verdict.decision, Decision::Ship);
        assert_eq!(
            verdict.reasons[0],
            "On 9 held-out pieces the new ghost needs 1.07 bits a byte; your best prompt needs \
             1.15 (7.5 % more). It is better on 9 of 9 (chance of this by luck 0.2 %)."
        );
        assert_eq!(verdict.measures.p_value, 1.0 / 512.0);
    }

    #[test]
    fn worse_than_the_prompt_is_put_away() {
        assert_eq!(decision(&nine(1.06, 1.14, None)), Decision::Retire);
        assert_eq!(decision(&nine(1.1, 1.1, None)), Decision::Retire);
    }

    #[test]
    fn a_bare_base_can_be_the_better_rival() {
        let verdict = judge(&nine(1.4, 1.25, None), 1);
        assert_eq!(verdict.measures.rival, Rival::Base);
        assert!(verdict.reasons[0].contains("the base without a prompt"));
    }

    #[test]
    fn a_little_better_is_not_worth_a_change() {
        let verdict = judge(&nine(1.1, 1.085, None), 1);
        assert_eq!(verdict.decision, Decision::Keep);
        assert!(verdict.reasons.iter().any(|r| r.starts_with("It saves 1.4 %")));
    }

    #[test]
    fn a_better_incumbent_goes_on_writing() {
        assert_eq!(decision(&nine(1.2, 1.1, Some(1.0))), Decision::Keep);
        assert_eq!(decision(&nine(1.2, 1.1, Some(1.108))), Decision::Ship);
    }

    #[test]
    fn what_luck_can_do_is_not_shipped() {
        let mut evidence = nine(1.1, 1.1, None);
        evidence.held_out[0].adapter = 0.5;
        let verdict = judge(&evidence, 1);
        assert!(verdict.measures.gain_over_prompt > LEAST_GAIN);
        assert_eq!(verdict.decision, Decision::Keep);
    }

    #[test]
    fn seven_pieces_prove_nothing_but_are_told_of() {
        let mut evidence = nine(1.15, 1.0, None);
        evidence.held_out.truncate(7);
        let verdict = judge(&evidence, 1);
        assert_eq!(verdict.decision, Decision::Unproven);
        assert!(verdict.reasons[0].contains("7 of 7"));
    }

    #[test]
    fn no_pieces_have_no_figures() {
        let mut evidence = nine(1.15, 1.0, None);
        evidence.held_out.clear();
        let verdict = judge(&evidence, 1);
        assert_eq!(verdict.decision, Decision::Unproven);
        assert_eq!((verdict.measures.n, verdict.measures.p_value), (0, 1.0));
    }

    #[test]
    fn figures_that_are_none_decide_nothing() {
        let spoil: [fn(&mut HeldOut); 7] = [
            |t| t.bytes = 0,
            |t| t.adapter = f64::NAN,
            |t| t.prompt = f64::INFINITY,
            |t| t.base = -1.0,
            |t| t.prompt = 0.0,
            |t| t.incumbent = Some(f64::NAN),
            |t| t.piece = PieceId(3),
        ];
        for spoil in spoil {
            for all in [false, true] {
                let mut evidence = nine(1.15, 1.0, Some(1.1));
                let end = if all { 9 } else { 1 };
                evidence.held_out[..end].iter_mut().for_each(spoil);
                let verdict = judge(&evidence, 1);
                assert_eq!(verdict.decision, Decision::Unproven);
                let wire = serde_json::to_string(&verdict).unwrap();
                // What is not a number would come back as null, and be refused.
                let back: Verdict = serde_json::from_str(&wire).unwrap();
                assert_eq!(back.reasons, verdict.reasons);
            }
        }
    }

    #[test]
    fn an_incumbent_measured_on_some_pieces_only_decides_nothing() {
        let mut evidence = nine(1.15, 1.0, Some(1.1));
        evidence.held_out[2].incumbent = None;
        assert_eq!(decision(&evidence), Decision::Unproven);
    }

    #[test]
    fn the_same_evidence_has_the_same_verdict() {
        let evidence = nine(1.15, 1.1, None);
        assert_eq!(judge(&evidence, 1), judge(&evidence, 1));
    }

    #[test]
    fn flips_drawn_agree_with_flips_counted() {
        let mut chance = Chance::new(9);
        let few: Vec<f64> = (0..14).map(|_| chance.unit() - 0.35).collect();
        let exact = luck(&few, &mut chance);
        let mut padded = few.clone();
        padded.push(0.0);
        assert!((luck(&padded, &mut chance) - exact).abs() < 0.02);
    }

    /// The same nine with drafts: two for each seed, of these mean scores.
    fn heard(adapter: f64, prompt: f64) -> Evidence {
        let wobble = |mean: f64, i: usize| vec![mean + 0.02 * (i % 3) as f64, mean - 0.02];
        let drafted = (0..9).map(|i| Drafted {
            adapter: wobble(adapter, i),
            prompt: wobble(prompt, i + 1),
            incumbent: Vec::new(),
        });
        let heard = Heard {
            drafted: drafted.collect(),
            own: vec![0.8, 0.9, 1.0, 1.1],
            base: vec![-0.1, 0.0, 0.1],
            strangers: vec![-0.2, 0.1, 0.2],
            ..Heard::default()
        };
        Evidence { heard: Some(heard), ..nine(1.14, 1.06, None) }
    }

    fn changed(evidence: Evidence, change: impl Fn(&mut Heard)) -> Evidence {
        let mut evidence = evidence;
        change(evidence.heard.as_mut().unwrap());
        evidence
    }

    fn finding(guard: Guard, blocked: bool) -> Finding {
        let sentence = "It copies.".to_owned();
        Finding { guard, figure: 1.0, limit: 0.5, blocked, sentence }
    }

    #[test]
    fn nearer_drafts_ship_and_the_way_is_told() {
        let verdict = judge(&heard(0.61, 0.38), 1);
        assert_eq!(verdict.decision, Decision::Ship);
        assert!(
            verdict.reasons[2]
                .starts_with("Its drafts come 61 % of the way from a stranger to you"),
            "{:?}",
            verdict.reasons
        );
        assert!(verdict.reasons[2].contains("your best prompt reached 38 %"));
        assert!(verdict.reasons.last().unwrap().starts_with("It writes more like you"));
    }

    #[test]
    fn what_ships_is_tried_with_its_labels_drawn_at_random() {
        let evidence = heard(0.61, 0.38);
        let verdict = judge(&evidence, 1);
        // With one or two of nine pieces exchanged it ships still; that comes up now and then.
        assert!(verdict.measures.shuffled.is_some_and(|[shipped, of]| shipped <= 2 && of == 40));
        assert!(verdict.reasons.iter().any(|r| r.contains("of 40 would be shipped")));
        let mut chance = Chance::new(1);
        let drawn = evidence.shuffled(&mut chance);
        let swapped = drawn.held_out.iter().filter(|held| held.adapter > held.prompt).count();
        assert!((1..9).contains(&swapped), "{swapped} of 9");
        let apart = |drawn: &Evidence| {
            let mean = |drafted: &Drafted| mean(&drafted.adapter) - mean(&drafted.prompt);
            drawn.heard.as_ref().unwrap().drafted.iter().filter(|one| mean(one) < 0.0).count()
        };
        assert_eq!((apart(&evidence), (1..9).contains(&apart(&drawn))), (0, true));
        assert_eq!(judge(&heard(0.45, 0.38), 1).measures.shuffled, None, "nothing to ship");
    }

    #[test]
    fn drafts_that_sound_no_nearer_do_not_ship() {
        assert_eq!(decision(&heard(0.45, 0.38)), Decision::Keep);
        assert_eq!(decision(&heard(0.20, 0.38)), Decision::Keep);
        let worse = Evidence { held_out: nine(1.06, 1.14, None).held_out, ..heard(0.2, 0.38) };
        assert_eq!(decision(&worse), Decision::Retire);
    }

    #[test]
    fn one_good_seed_is_luck() {
        let lucky = changed(heard(0.38, 0.38), |heard| heard.drafted[0].adapter = vec![2.0]);
        assert_eq!(decision(&lucky), Decision::Keep);
    }

    #[test]
    fn a_measure_that_cannot_tell_proves_nothing() {
        let spoil: [fn(&mut Heard); 6] = [
            |heard| heard.own = vec![0.5; 4],
            |heard| heard.strangers = vec![0.4; 4],
            |heard| heard.base = vec![0.3; 4],
            |heard| heard.base = vec![-0.9, -0.9, 1.0, 1.05],
            |heard| heard.base.clear(),
            |heard| heard.drafted[3].prompt = vec![f64::NAN],
        ];
        for spoil in spoil {
            assert_eq!(decision(&changed(heard(0.61, 0.38), spoil)), Decision::Unproven);
        }
        let few = changed(heard(0.61, 0.38), |heard| heard.drafted.truncate(7));
        assert_eq!(decision(&few), Decision::Unproven);
    }

    #[test]
    fn a_guardrail_stands_in_the_way_of_anything() {
        let watched = |drafts: Vec<Vec<Finding>>, together| Evidence {
            watch: Some(Watch { drafts, together }),
            ..heard(0.61, 0.38)
        };
        let clean = vec![finding(Guard::CopiedRun, false)];
        let mut drafts = vec![clean.clone(); 20];
        assert_eq!(decision(&watched(drafts.clone(), Vec::new())), Decision::Ship);
        drafts[4] = vec![finding(Guard::Repetition, true)];
        assert_eq!(decision(&watched(drafts.clone(), Vec::new())), Decision::Ship);
        drafts[5..7].fill(vec![finding(Guard::Repetition, true)]);
        assert_eq!(decision(&watched(drafts.clone(), Vec::new())), Decision::Blocked);
        let mut drafts = vec![clean; 20];
        drafts[9] = vec![finding(Guard::CopiedRun, true)];
        let verdict = judge(&watched(drafts.clone(), Vec::new()), 1);
        assert_eq!(verdict.decision, Decision::Blocked);
        assert_eq!(
            verdict.reasons.last().unwrap(),
            "It is held back for 1 draft of 20. It copies."
        );
        let together = vec![finding(Guard::Length, true)];
        assert_eq!(decision(&watched(Vec::new(), together)), Decision::Blocked);
    }

    #[test]
    fn topics_learned_are_no_manner_learned() {
        let mut evidence = heard(0.61, 0.38);
        evidence.style = Some([0.5, 0.5]);
        assert_eq!(decision(&evidence), Decision::Keep);
        evidence.style = Some([0.5, 0.48]);
        assert_eq!(decision(&evidence), Decision::Ship);
    }

    #[test]
    fn edits_have_their_say_from_ten_pairs() {
        let mut evidence = heard(0.61, 0.38);
        let preference = Preference { pairs: 9, adapter: 0.4, prompt: 0.6, incumbent: None };
        evidence.preference = Some(preference);
        assert_eq!(decision(&evidence), Decision::Ship);
        evidence.preference = Some(Preference { pairs: 10, ..preference });
        assert_eq!(decision(&evidence), Decision::Keep);
    }

    #[test]
    fn a_machine_like_adapter_does_not_ship() {
        let bots = |adapter, prompt| {
            decision(&changed(heard(0.61, 0.38), |heard| heard.bot = Some([adapter, prompt])))
        };
        assert_eq!((bots(0.5, 0.4), bots(0.3, 0.4)), (Decision::Ship, Decision::Keep));
    }

    #[test]
    fn an_adapter_that_wins_nothing_beside_a_model_elsewhere_is_put_away() {
        let beside = |voice: f64, seconds: f64, cost: f64| Evidence {
            elsewhere: Some(Elsewhere {
                name: "large-1".into(),
                voice: vec![[voice, 0.6]; 9],
                seconds: [vec![seconds; 9], vec![4.0; 9]],
                cost: [vec![cost; 9], vec![0.001; 9]],
                trouble: None,
            }),
            ..heard(0.61, 0.38)
        };
        let all = judge(&beside(0.7, 2.0, 0.0), 1);
        assert_eq!(all.decision, Decision::Retire);
        let sentence = "Beside large-1 on 9 seeds: its drafts come 60 % of the way to you, \
                        large-1's 70 %; 95 of 100 drafts take 4.0 against 2.0 seconds; a draft \
                        costs 0.0010 against 0.0000.";
        assert!(all.reasons.iter().any(|r| r == sentence), "{:?}", all.reasons);
        for (voice, seconds, cost) in [(0.5, 2.0, 0.0), (0.7, 9.0, 0.0), (0.7, 2.0, 0.01)] {
            assert_eq!(decision(&beside(voice, seconds, cost)), Decision::Ship);
        }
        let mut lost = beside(0.7, 2.0, 0.0);
        let far = lost.elsewhere.as_mut().unwrap();
        (far.seconds[1], far.trouble) = (Vec::new(), Some("It was not reached.".into()));
        let verdict = judge(&lost, 1);
        assert_eq!(verdict.decision, Decision::Ship, "what was not taken is not lost");
        assert!(verdict.reasons.iter().any(|r| r == "It was not reached."));
    }

    #[test]
    fn an_incumbent_that_sounds_nearer_goes_on_writing() {
        let beside = |incumbent: f64, bits: f64| {
            let mut evidence = changed(heard(0.61, 0.38), |h| {
                h.drafted.iter_mut().for_each(|d| d.incumbent = vec![incumbent])
            });
            evidence.held_out.iter_mut().for_each(|held| held.incumbent = Some(bits));
            decision(&evidence)
        };
        assert_eq!(beside(0.70, 1.2), Decision::Keep);
        assert_eq!(beside(0.63, 1.2), Decision::Ship);
        assert_eq!(beside(0.63, 1.0695), Decision::Keep, "neither better");
    }

    #[test]
    fn drafts_of_chance_hardly_ever_ship() {
        let mut chance = Chance::new(21);
        let mut shipped = 0;
        for _ in 0..100 {
            let mut v = || (0..2).map(|_| 0.4 + 0.6 * (chance.unit() - 0.5)).collect::<Vec<_>>();
            let drafted: Vec<Drafted> = (0..9)
                .map(|_| Drafted { adapter: v(), prompt: v(), incumbent: Vec::new() })
                .collect();
            let evidence = changed(heard(0.0, 0.0), |heard| heard.drafted = drafted.clone());
            shipped += u32::from(decision(&evidence) == Decision::Ship);
        }
        assert!(shipped <= 5, "{shipped}");
    }

    /// Pieces of their own difficulty; the candidate differs from the prompt by `effect` and noise.
    fn drawn(n: i64, effect: f64, chance: &mut Chance) -> Evidence {
        let mut bell = || (0..12).map(|_| chance.unit()).sum::<f64>() - 6.0;
        let held_out = (0..n).map(|i| {
            let prompt = 1.1 + 0.1 * bell();
            HeldOut {
                piece: PieceId(i),
                bytes: 3_000,
                base: 2.0,
                prompt,
                adapter: prompt - effect - 0.05 * bell(),
                incumbent: None,
            }
        });
        Evidence { held_out: held_out.collect(), ..Evidence::default() }
    }

    fn shipped(trials: u32, n: i64, effect: f64, chance: &mut Chance) -> f64 {
        let shipped = (0..trials).filter(|_| decision(&drawn(n, effect, chance)) == Decision::Ship);
        shipped.count() as f64 / f64::from(trials)
    }

    #[test]
    fn shuffled_labels_hardly_ever_ship() {
        let mut chance = Chance::new(11);
        assert!(shipped(200, 10, 0.0, &mut chance) <= 0.05);
        assert!(shipped(60, 16, 0.0, &mut chance) <= 0.05);
    }

    #[test]
    fn a_real_difference_mostly_ships() {
        // An effect as large as its noise: VOICE 8.2 has .89 at ten pieces.
        let mut chance = Chance::new(12);
        let power = shipped(100, 10, 0.05, &mut chance);
        assert!((0.75..=1.0).contains(&power), "{power}");
    }
}
