//! What a verdict is reached from.

use serde::{Deserialize, Serialize};

use super::measures::Guarded;
use crate::chance::Chance;
use crate::guard::{Finding, Guard};
use crate::id::PieceId;

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
    pub(super) fn by_guard(&self) -> Vec<Guarded> {
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
    /// Another adapter writes, and could not be asked: it has learned what is held out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incumbent_unasked: bool,
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
    pub(super) fn shuffled(&self, chance: &mut Chance) -> Evidence {
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
