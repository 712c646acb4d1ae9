//! The figures of a verdict and the sentences that report them.

use serde::{Deserialize, Serialize};

use super::evidence::{
    DraftScores, GuardrailCheck, HeldOut, Preference, RemoteEvidence, VoiceScores,
};
use super::statistics::{
    gain, gain_interval, mean, mean_interval, nested_intervals, permutation_p_value,
};
use super::wording::{compared, percent, range};
use crate::guardrails::{Finding, Guardrail};
use crate::rng::Rng;

/// The baseline that the candidate has to beat: the better of the two on these pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// The base model without a prompt.
    Base,
    /// The base model with the best prompt.
    #[default]
    Prompt,
}

/// The figures of a verdict: means over pieces, in bits per byte. Without pieces all are 0 (the
/// p-value 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// The number of test pieces.
    pub n: usize,
    /// The base model without a prompt.
    pub base: f64,
    /// The base model with the best prompt.
    pub prompt: f64,
    /// The candidate.
    pub adapter: f64,
    /// The adapter in use.
    pub incumbent: Option<f64>,
    /// The better of base and prompt.
    #[serde(rename = "rival")]
    pub baseline: Baseline,
    /// The bits per byte of the baseline.
    #[serde(rename = "floor")]
    pub baseline_bits: f64,
    /// The share of `baseline_bits` that the candidate saves; negative if it needs more.
    pub gain_over_prompt: f64,
    /// The probability of such a saving by chance (one-sided sign-flip permutation test).
    pub p_value: f64,
    /// The number of pieces on which the candidate needs fewer bits.
    pub wins: usize,
    /// 95 % interval of `gain_over_prompt` (percentile bootstrap over pieces).
    pub interval: [f64; 2],
    /// Voice figures, if measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<VoiceMeasures>,
    /// Bits per byte of function words and punctuation alone: the prompt's and the candidate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<[f64; 2]>,
    /// Preferences on the writer's edits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preference: Option<Preference>,
    /// Results of the guardrails, blocking ones first.
    #[serde(rename = "guards", default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<GuardrailResult>,
    /// Permutation check before shipping: how often the evidence would have passed with shuffled
    /// labels, and the number of shuffles.
    #[serde(rename = "shuffled", default, skip_serializing_if = "Option::is_none")]
    pub label_shuffles: Option<[usize; 2]>,
    /// The comparison with a remote model.
    #[serde(rename = "beside", default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteComparison>,
}

/// The result of one guardrail over the candidate's drafts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardrailResult {
    /// The guardrail.
    pub guard: Guardrail,
    /// The number of drafts that failed it; 1 or 0 for all drafts together.
    pub touched: usize,
    /// The number of drafts it could check; 1 for all drafts together.
    pub of: usize,
    /// The worst finding, in a sentence.
    pub sentence: String,
}

/// A remote model compared with the candidate; in each pair the remote figure comes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoteComparison {
    /// Its name, as the writer entered it.
    pub name: String,
    /// The number of seeds both drafted from.
    pub n: usize,
    /// Mean voice score.
    pub voice: [f64; 2],
    /// 95th percentile of the seconds per draft, if measured.
    pub seconds: [Option<f64>; 2],
    /// Mean cost of a draft, if known.
    pub cost: [Option<f64>; 2],
}

impl RemoteComparison {
    pub(super) fn of(remote: &RemoteEvidence) -> Option<RemoteComparison> {
        let sound = |v: &[f64; 2]| v.iter().all(|v| v.is_finite());
        let n = remote.voice.len();
        if n == 0 || !remote.voice.iter().all(sound) {
            return None;
        }
        let voice = [0, 1].map(|at| remote.voice.iter().map(|v| v[at]).sum::<f64>() / n as f64);
        let known = |all: &Vec<f64>| !all.is_empty() && all.iter().all(|one| one.is_finite());
        let p95 = |all: &Vec<f64>| {
            let mut all = all.clone();
            all.sort_by(f64::total_cmp);
            all[((all.len() as f64 * 0.95).ceil() as usize).clamp(1, all.len()) - 1]
        };
        let seconds = remote.seconds.each_ref().map(|all| known(all).then(|| p95(all)));
        let cost = remote.cost.each_ref().map(|all| known(all).then(|| mean(all)));
        Some(RemoteComparison { name: remote.name.clone(), n, voice, seconds, cost })
    }

    /// True if the remote model is at least as good in voice, time and cost.
    pub(super) fn remote_is_as_good(&self) -> bool {
        let no_less = |[remote, local]: [Option<f64>; 2]| {
            remote.zip(local).is_some_and(|(remote, local)| local >= remote)
        };
        self.voice[1] <= self.voice[0] && no_less(self.seconds) && no_less(self.cost)
    }

    pub(super) fn sentence(&self) -> String {
        let [remote, local] = self.voice;
        let pair = |of: [Option<f64>; 2], digits: usize| {
            of.map(|x| x.map_or("unknown".to_owned(), |x| format!("{x:.digits$}")))
        };
        let (name, [seconds, cost]) = (&self.name, [pair(self.seconds, 1), pair(self.cost, 4)]);
        format!(
            "Compared with {name} on {} seeds: voice {} ({name}: {}), 95th percentile of the time \
             per draft {} s ({name}: {} s), mean cost per draft {} ({name}: {}).",
            self.n,
            percent(local),
            percent(remote),
            seconds[1],
            seconds[0],
            cost[1],
            cost[0],
        )
    }
}

/// Mean voice scores: 0 is someone else or a bot, 1 the writer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceMeasures {
    /// The number of seeds drafted from.
    pub n: usize,
    /// The candidate's drafts.
    pub adapter: f64,
    /// 90 % interval of it (bootstrap over seeds, then over drafts).
    pub adapter_interval: [f64; 2],
    /// The best prompt's drafts.
    pub prompt: f64,
    /// 90 % interval of it.
    pub prompt_interval: [f64; 2],
    /// The drafts of the adapter in use.
    pub incumbent: Option<f64>,
    /// The base model's drafts.
    pub base: f64,
    /// 90 % interval of it (bootstrap over drafts).
    #[serde(default)]
    pub base_interval: [f64; 2],
    /// The writer's own held-out pieces.
    pub own: f64,
    /// 90 % interval of it (bootstrap over pieces).
    #[serde(default)]
    pub own_interval: [f64; 2],
    /// Other authors that the voice was not trained on.
    #[serde(rename = "strangers")]
    pub reference_authors: f64,
    /// Names of the authors whose mean score is 0.
    #[serde(rename = "floor", default)]
    pub baseline_authors: Vec<String>,
    /// Mean scores with only other authors at 0: the candidate's and the prompt's.
    #[serde(rename = "human", default)]
    pub against_people: Option<[f64; 2]>,
    /// Mean scores with only the base model's drafts at 0: the candidate's and the prompt's.
    #[serde(rename = "bot", default)]
    pub against_base: Option<[f64; 2]>,
    /// Area under the ROC curve between the writer's pieces and the base model's drafts: the share of
    /// pairs in which the piece scores higher.
    #[serde(rename = "told_apart")]
    pub auc_against_base: f64,
    /// `adapter` minus `prompt`.
    pub gain: f64,
    /// 90 % interval of it.
    pub interval: [f64; 2],
    /// The probability of such a gain by chance.
    pub p_value: f64,
    /// The number of seeds on which the candidate's drafts score higher than the prompt's.
    pub wins: usize,
}

impl VoiceMeasures {
    /// `None` if a score is missing or not a number, or if there is nothing to compare with.
    pub(super) fn of(scores: &VoiceScores, random_seed: u64) -> Option<VoiceMeasures> {
        let has_incumbent = scores.drafts.iter().any(|seed| !seed.incumbent.is_empty());
        let sound = |all: &[f64]| !all.is_empty() && all.iter().all(|v| v.abs() <= 10.0);
        let whole = scores.drafts.iter().all(|seed| {
            sound(&seed.adapter)
                && sound(&seed.prompt)
                && (!has_incumbent || sound(&seed.incumbent))
        });
        let others = [&scores.own, &scores.base, &scores.reference_authors];
        if scores.drafts.is_empty() || !whole || !others.iter().all(|all| sound(all)) {
            return None;
        }
        let n = scores.drafts.len();
        let means =
            |of: &dyn Fn(&DraftScores) -> f64| scores.drafts.iter().map(of).sum::<f64>() / n as f64;
        let gains: Vec<f64> =
            scores.drafts.iter().map(|d| mean(&d.adapter) - mean(&d.prompt)).collect();
        let mut rng = Rng::new(random_seed);
        let [adapter_interval, prompt_interval, interval] =
            nested_intervals(&scores.drafts, &mut rng);
        let pairs =
            scores.own.iter().flat_map(|own| scores.base.iter().map(move |base| (own, base)));
        let apart: f64 =
            pairs.map(|(own, base)| f64::from(own.total_cmp(base) as i8 + 1) / 2.0).sum();
        Some(VoiceMeasures {
            n,
            adapter: means(&|seed| mean(&seed.adapter)),
            adapter_interval,
            prompt: means(&|seed| mean(&seed.prompt)),
            prompt_interval,
            incumbent: has_incumbent.then(|| means(&|seed| mean(&seed.incumbent))),
            base: mean(&scores.base),
            base_interval: mean_interval(&scores.base, &mut rng),
            own: mean(&scores.own),
            own_interval: mean_interval(&scores.own, &mut rng),
            reference_authors: mean(&scores.reference_authors),
            baseline_authors: scores.baseline_authors.clone(),
            against_people: scores.against_people,
            against_base: scores.against_base,
            auc_against_base: apart / (scores.own.len() * scores.base.len()) as f64,
            gain: mean(&gains),
            interval,
            p_value: permutation_p_value(&gains, &mut rng),
            wins: gains.iter().filter(|&&gain| gain > 0.0).count(),
        })
    }

    pub(super) fn sentence(&self) -> String {
        format!(
            "Voice, where 0 % is someone else and 100 % is you (90 % intervals in brackets): its \
             drafts score {} ({}), drafts with your best prompt {} ({}), drafts of the base model {} \
             ({}), your own pieces {} ({}). It scores higher than the prompt on {} of {} seeds \
             (probability by chance {}).",
            percent(self.adapter),
            range(self.adapter_interval),
            percent(self.prompt),
            range(self.prompt_interval),
            percent(self.base),
            range(self.base_interval),
            percent(self.own),
            range(self.own_interval),
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
        let (baseline, baseline_bits) =
            if base < prompt { (Baseline::Base, base) } else { (Baseline::Prompt, prompt) };
        let pairs: Vec<(f64, f64)> = held_out
            .iter()
            .map(|held| match baseline {
                Baseline::Base => (held.base, held.adapter),
                Baseline::Prompt => (held.prompt, held.adapter),
            })
            .collect();
        let mut rng = Rng::new(random_seed);
        let saved: Vec<f64> = pairs.iter().map(|(other, own)| other - own).collect();
        Measures {
            n,
            base,
            prompt,
            adapter: mean(&|t| t.adapter),
            incumbent: held_out
                .iter()
                .any(|held| held.incumbent.is_some())
                .then(|| mean(&|t| t.incumbent.unwrap_or(0.0))),
            baseline,
            baseline_bits,
            gain_over_prompt: gain(pairs.iter().copied()),
            p_value: permutation_p_value(&saved, &mut rng),
            wins: saved.iter().filter(|&&saved| saved > 0.0).count(),
            interval: gain_interval(&pairs, &mut rng),
            voice: None,
            style: None,
            preference: None,
            guardrails: Vec::new(),
            label_shuffles: None,
            remote: None,
        }
    }

    pub(super) fn sentences(&self) -> Vec<String> {
        if self.n == 0 {
            return Vec::new();
        }
        let baseline = match self.baseline {
            Baseline::Base => "the base model without a prompt",
            Baseline::Prompt => "your best prompt",
        };
        let mut sentences = vec![
            format!(
                "On {} the new adapter needs {:.2} bits per byte; {baseline} needs {:.2} ({}). It is \
                 better on {} of {} (probability by chance {}).",
                if self.n == 1 {
                    "1 held-out piece".to_owned()
                } else {
                    format!("{} held-out pieces", self.n)
                },
                self.adapter,
                self.baseline_bits,
                compared(self.baseline_bits, self.adapter),
                self.wins,
                self.n,
                percent(self.p_value),
            ),
            format!("95 % confidence interval of the saving: {}.", range(self.interval)),
        ];
        if let Some(incumbent) = self.incumbent {
            sentences.push(format!(
                "The adapter in use needs {incumbent:.2} bits per byte ({}).",
                compared(incumbent, self.adapter)
            ));
        }
        sentences.extend(self.voice.as_ref().map(VoiceMeasures::sentence));
        sentences
    }
}

/// The results of all guardrails, failed ones first.
pub(super) fn guardrail_results(check: &GuardrailCheck) -> Vec<GuardrailResult> {
    let findings = || check.drafts.iter().flatten();
    let mut results: Vec<GuardrailResult> = Vec::new();
    let mut guards: Vec<Guardrail> = findings().map(|finding| finding.guard).collect();
    guards.sort();
    guards.dedup();
    for guard in guards {
        let all: Vec<&Finding> = findings().filter(|finding| finding.guard == guard).collect();
        let touched = all.iter().filter(|finding| finding.blocked).count();
        // Coherence and topic have a minimum; for those the smallest figure is the worst.
        let badness = |one: &&&Finding| {
            let off = (one.figure - one.limit).abs();
            if one.blocked { off } else { -off }
        };
        let worst = all.iter().max_by(|a, b| badness(a).total_cmp(&badness(b)));
        let sentence = worst.map_or(String::new(), |worst| worst.sentence.clone());
        results.push(GuardrailResult { guard, touched, of: all.len(), sentence });
    }
    results.extend(check.together.iter().map(|finding| GuardrailResult {
        guard: finding.guard,
        touched: usize::from(finding.blocked),
        of: 1,
        sentence: finding.sentence.clone(),
    }));
    results.sort_by_key(|one| (one.touched == 0, one.guard));
    results
}
