//! The figures of a verdict: means, the chance of luck, intervals.

use serde::{Deserialize, Serialize};

use super::evidence::{Drafted, Elsewhere, Heard, HeldOut, Preference};
use super::percent;
use crate::chance::Chance;
use crate::guard::Guard;

/// Sign flips and resamples where not all can be looked at.
const DRAWS: u32 = 10_000;
/// Up to this many pieces every flip of signs is looked at.
const MOST_EXACT: usize = 14;

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
    pub(super) fn of(elsewhere: &Elsewhere) -> Option<Beside> {
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
    pub(super) fn wins_nothing(&self) -> bool {
        let no_less = |[there, here]: [Option<f64>; 2]| {
            there.zip(here).is_some_and(|(there, here)| here >= there)
        };
        self.voice[1] <= self.voice[0] && no_less(self.seconds) && no_less(self.cost)
    }

    pub(super) fn sentence(&self) -> String {
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

impl VoiceMeasures {
    /// Nothing where there is a figure that is none, or nobody to compare with.
    pub(super) fn of(heard: &Heard, random_seed: u64) -> Option<VoiceMeasures> {
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

    pub(super) fn sentence(&self) -> String {
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

impl Measures {
    pub(super) fn of(held_out: &[&HeldOut], random_seed: u64) -> Measures {
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

    pub(super) fn sentences(&self) -> Vec<String> {
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

pub(super) fn mean(all: &[f64]) -> f64 {
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

/// What is saved of what the rivals need, over (rival, candidate) pairs.
fn gain(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (rival, own) = pairs.fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0, sums.1 + pair.1));
    if rival > 0.0 { (rival - own) / rival } else { 0.0 }
}

/// The share of sign flips of `saved` whose sum is as large as the sum seen: all of them up to
/// `MOST_EXACT` pieces, then `DRAWS` of them, the one seen included.
pub(super) fn luck(saved: &[f64], chance: &mut Chance) -> f64 {
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
