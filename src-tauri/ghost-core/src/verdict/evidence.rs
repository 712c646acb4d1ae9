//! The measurements that a verdict is based on.

use serde::{Deserialize, Serialize};

use crate::guardrails::Finding;
use crate::id::PieceId;
use crate::rng::Rng;

/// One held-out piece, and the bits per byte that each way of writing needs for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// The piece.
    pub piece: PieceId,
    /// Its length in bytes.
    pub bytes: usize,
    /// The base model without a prompt.
    pub base: f64,
    /// The base model with the best prompt.
    pub prompt: f64,
    /// The new adapter.
    pub adapter: f64,
    /// The adapter in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incumbent: Option<f64>,
}

/// Voice scores ([`crate::voice`]) of the drafts for one held-out seed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DraftScores {
    /// The candidate's drafts.
    pub adapter: Vec<f64>,
    /// The best prompt's.
    pub prompt: Vec<f64>,
    /// The drafts of the adapter in use; empty if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incumbent: Vec<f64>,
}

/// Voice scores of drafts and pieces.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VoiceScores {
    /// The drafts, one entry for each held-out seed.
    #[serde(rename = "drafted")]
    pub drafts: Vec<DraftScores>,
    /// The writer's held-out pieces.
    pub own: Vec<f64>,
    /// Drafts of the base model, from seeds that the calibration did not use.
    pub base: Vec<f64>,
    /// Other authors that the voice was not trained on.
    #[serde(rename = "strangers")]
    pub reference_authors: Vec<f64>,
    /// Mean scores with only the base model's drafts at 0: the candidate's and the prompt's.
    #[serde(rename = "bot", default, skip_serializing_if = "Option::is_none")]
    pub against_base: Option<[f64; 2]>,
    /// Mean scores with only other authors at 0: the candidate's and the prompt's.
    #[serde(rename = "human", default, skip_serializing_if = "Option::is_none")]
    pub against_people: Option<[f64; 2]>,
    /// Names of the authors whose mean score is 0.
    #[serde(rename = "floor", default, skip_serializing_if = "Vec::is_empty")]
    pub baseline_authors: Vec<String>,
}

impl VoiceScores {
    fn joined(parts: Vec<VoiceScores>, has_incumbent: bool) -> VoiceScores {
        let mut joined = VoiceScores::default();
        let (mut base, mut people) = (PooledMeans::default(), PooledMeans::default());
        for part in parts {
            base.add(part.against_base, part.drafts.len());
            people.add(part.against_people, part.drafts.len());
            joined.drafts.extend(part.drafts.into_iter().map(|scores| DraftScores {
                incumbent: if has_incumbent { scores.incumbent } else { Vec::new() },
                ..scores
            }));
            joined.own.extend(part.own);
            joined.base.extend(part.base);
            joined.reference_authors.extend(part.reference_authors);
            joined.baseline_authors.extend(part.baseline_authors);
        }
        joined.baseline_authors.sort();
        joined.baseline_authors.dedup();
        (joined.against_base, joined.against_people) = (base.mean(), people.mean());
        joined
    }
}

/// Two means over several parts, weighted by their sizes; no mean if a part has none.
#[derive(Default)]
struct PooledMeans {
    sum: [f64; 2],
    n: usize,
    is_incomplete: bool,
}

impl PooledMeans {
    fn add(&mut self, mean: Option<[f64; 2]>, n: usize) {
        self.n += n;
        self.is_incomplete |= mean.is_none();
        for (sum, mean) in self.sum.iter_mut().zip(mean.unwrap_or_default()) {
            *sum += mean * n as f64;
        }
    }

    fn mean(&self) -> Option<[f64; 2]> {
        (self.n > 0 && !self.is_incomplete).then(|| self.sum.map(|sum| sum / self.n as f64))
    }
}

/// Findings of the guardrails ([`crate::guardrails`]).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GuardrailCheck {
    /// Findings on each of the candidate's drafts.
    pub drafts: Vec<Vec<Finding>>,
    /// Findings on all drafts together.
    pub together: Vec<Finding>,
}

/// The share of edits of which each way of writing finds the shipped text likelier than the draft.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Preference {
    /// The number of held-out edits.
    pub pairs: usize,
    /// The candidate.
    pub adapter: f64,
    /// The best prompt.
    pub prompt: f64,
    /// The adapter in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incumbent: Option<f64>,
}

/// Results of a remote model on the same seeds, with the best prompt.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RemoteEvidence {
    /// Its name, as the writer entered it.
    pub name: String,
    /// Voice scores for each seed: of its draft and of the candidate's.
    pub voice: Vec<[f64; 2]>,
    /// Seconds for each draft: remote and local.
    pub seconds: [Vec<f64>; 2],
    /// Cost of each draft: remote and local.
    pub cost: [Vec<f64>; 2],
    /// The error that ended the comparison early.
    #[serde(rename = "trouble", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Everything that a verdict is based on; `None` means not measured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// Bits per byte on each held-out piece.
    pub held_out: Vec<HeldOut>,
    /// Mean bits per byte of function words and punctuation alone: the prompt's and the candidate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<[f64; 2]>,
    /// Voice scores.
    #[serde(rename = "heard", default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<VoiceScores>,
    /// Guardrail findings.
    #[serde(rename = "watch", default, skip_serializing_if = "Option::is_none")]
    pub guardrails: Option<GuardrailCheck>,
    /// Preferences on the writer's edits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preference: Option<Preference>,
    /// Results of the remote model, if the writer entered one.
    #[serde(rename = "elsewhere", default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteEvidence>,
    /// The number of adapters that were cross-validated ([`crate::cross_validation`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// True if the adapter in use was trained on held-out pieces and so could not be compared.
    #[serde(rename = "incumbent_unasked", default, skip_serializing_if = "std::ops::Not::not")]
    pub incumbent_contaminated: bool,
}

impl Evidence {
    /// Joins the evidence on several adapters of one recipe, each tested on its own pieces. `together`
    /// are the findings on all their drafts. What was not measured for every adapter is left out.
    pub fn joined(parts: Vec<Evidence>, together: Vec<Finding>) -> Evidence {
        let mut joined = Evidence { folds: Some(parts.len()), ..Evidence::default() };
        let has_incumbent =
            parts.iter().flat_map(|part| &part.held_out).all(|held| held.incumbent.is_some());
        let (mut style, mut voice, mut findings) = (PooledMeans::default(), Vec::new(), Vec::new());
        let (mut checked, n) = (0, parts.len());
        for part in parts {
            style.add(part.style, part.held_out.len());
            joined.held_out.extend(part.held_out.into_iter().map(|held| HeldOut {
                incumbent: held.incumbent.filter(|_| has_incumbent),
                ..held
            }));
            voice.extend(part.voice);
            if let Some(part) = part.guardrails {
                checked += 1;
                findings.extend(part.drafts);
            }
            joined.preference = joined.preference.or(part.preference);
            joined.remote = joined.remote.or(part.remote);
        }
        joined.style = style.mean();
        joined.voice = (voice.len() == n).then(|| VoiceScores::joined(voice, has_incumbent));
        joined.guardrails = (checked == n).then_some(GuardrailCheck { drafts: findings, together });
        joined
    }

    /// The same evidence with shuffled labels: for each piece and each seed, the candidate's and the
    /// prompt's figures are swapped at random. Guardrail findings stay.
    pub(super) fn shuffled(&self, rng: &mut Rng) -> Evidence {
        let mut shuffled = self.clone();
        let mut swaps = || rng.below(2) == 1;
        for held in &mut shuffled.held_out {
            if swaps() {
                std::mem::swap(&mut held.adapter, &mut held.prompt);
            }
        }
        let pairs = [&mut shuffled.style];
        pairs.into_iter().flatten().filter(|_| swaps()).for_each(|pair| pair.reverse());
        if let Some(voice) = &mut shuffled.voice {
            for scores in &mut voice.drafts {
                if swaps() {
                    std::mem::swap(&mut scores.adapter, &mut scores.prompt);
                }
            }
            let pairs = [&mut voice.against_base, &mut voice.against_people];
            pairs.into_iter().flatten().filter(|_| swaps()).for_each(|pair| pair.reverse());
        }
        shuffled
    }
}
