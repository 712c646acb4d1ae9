//! From logits to the next token.
//!
//! The DRY penalty against repeats, min-p, then temperature and top-p by candle's own sampler, on the
//! few tokens that are left. The same seed gives the same draft.
//!
//! DRY is p-e-w's *don't repeat yourself* sampler, which llama.cpp has as `--dry-multiplier`,
//! `--dry-allowed-length` and `--dry-base`. Here repeats are also counted in words, across the whole
//! document ([`crate::generate::repetition`]).

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use candle_transformers::generation::LogitsProcessor;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::generate::repetition::{REPEATED_NGRAM, RepetitionTracker, TokenBoundary};

/// The parameters of sampling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 always takes the likeliest token; 1 keeps the base's own probabilities.
    pub temperature: f32,
    /// The likeliest tokens that together have this much; 1 is all.
    pub top_p: f32,
    /// Tokens less likely than this share of the likeliest are out; 0 is none.
    pub min_p: f32,
    /// DRY's multiplier: the cost of the first token that lengthens a repeat beyond what is allowed; 0
    /// is no penalty.
    #[serde(rename = "repeat_guard")]
    pub dry_multiplier: f32,
    /// The part of a text that is written, which decides the tokens that are banned.
    #[serde(default, rename = "part")]
    pub constraint: ConstraintMode,
    /// The maximum length of a draft in tokens.
    pub max_tokens: usize,
    /// The seed of the random numbers: the same seed gives the same draft.
    pub random_seed: u64,
}

/// The part of a text that is written. An adapter that has learned plans would write their lines in
/// any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintMode {
    /// All of it: no line of it, and no heading, has a number in a bracket, as the lines of a plan do.
    #[default]
    Whole,
    /// Its plan.
    Plan,
    /// The body of a section: no line of it is a heading or begins with a bracket. Otherwise a base that
    /// was shown the plan would continue the plan.
    Body,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.85,
            top_p: 1.0,
            min_p: 0.05,
            dry_multiplier: 0.8,
            constraint: ConstraintMode::Whole,
            max_tokens: 2048,
            random_seed: 0,
        }
    }
}

/// DRY's allowed length, in tokens: stock phrases and anaphora are a writer's own.
const DRY_ALLOWED_LENGTH: usize = 4;
/// The same for a repeat across lines: a refrain, a repeated heading. Longer ones are a loop of short
/// lines.
const DRY_ALLOWED_LENGTH_ACROSS_LINES: usize = 10;
/// The cost of a token that is banned unless no other is left.
const FORBIDDEN: f32 = 30.0;
/// DRY's base: the factor of the cost for each further token of a repeat.
const DRY_BASE: f32 = 1.75;
/// The maximum length of a repeat that is measured, in tokens.
const MAX_REPEAT: usize = 50;
/// Tokens less likely than e⁻¹⁶ times the likeliest are not candidates.
const PENALTY_LOGIT_WINDOW: f32 = 16.0;

/// Draws the tokens of one draft.
pub struct Sampler {
    sampling: Sampling,
    processor: LogitsProcessor,
    history: Vec<(u32, TokenBoundary)>,
    tracker: RepetitionTracker,
}

impl Sampler {
    /// With an empty draft.
    pub fn new(sampling: &Sampling) -> Self {
        let top_p =
            (sampling.top_p > 0.0 && sampling.top_p < 1.0).then(|| f64::from(sampling.top_p));
        let temperature = f64::from(sampling.temperature.max(0.0));
        let processor = LogitsProcessor::new(sampling.random_seed, Some(temperature), top_p);
        Self {
            sampling: sampling.clone(),
            processor,
            history: Vec::new(),
            tracker: RepetitionTracker::default(),
        }
    }

    /// Appends a token to the draft.
    pub fn push(&mut self, token: u32, boundary: TokenBoundary) {
        self.tracker.push(token, boundary);
        self.history.push((token, boundary));
    }

    /// The longest run before the token at `next` that equals the end of the draft.
    fn alike(&self, next: usize) -> &[(u32, TokenBoundary)] {
        let back =
            self.history[..next].iter().rev().zip(self.history.iter().rev()).take(MAX_REPEAT);
        &self.history[next - back.take_while(|(a, b)| a.0 == b.0).count()..next]
    }

    /// The next token. A logit of −∞ forbids its token; at least one must be left.
    pub fn next(&mut self, logits: &mut [f32]) -> Result<u32> {
        self.apply_dry_penalty(logits);
        let best =
            logits.iter().copied().filter(|l| l.is_finite()).fold(f32::NEG_INFINITY, f32::max);
        if !best.is_finite() {
            return Err(Error::Bug("the base answered with no usable number".to_owned()));
        }
        let floor = match self.sampling.min_p {
            p if p > 0.0 => best + p.min(1.0).ln(),
            _ => best - PENALTY_LOGIT_WINDOW * self.sampling.temperature.max(1.0),
        };
        let is_candidate = |l: &f32| l.is_finite() && *l >= floor;
        let (tokens, left): (Vec<u32>, Vec<f32>) =
            (0..).zip(logits.iter().copied()).filter(|(_, l)| is_candidate(l)).unzip();
        let bug = |e: candle_core::Error| Error::Bug(e.to_string());
        let left = Tensor::new(left, &Device::Cpu).map_err(bug)?;
        let drawn = self.processor.sample(&left).map_err(bug)?;
        Ok(tokens[drawn as usize])
    }

    /// The DRY penalty: a token that would lengthen a repeat costs more the longer the repeat is.
    /// Besides, six words are not repeated a third time, a whole line of five words is not repeated, and
    /// where many four-word runs were repeated already, no more are.
    fn apply_dry_penalty(&self, logits: &mut [f32]) {
        if self.sampling.dry_multiplier <= 0.0 {
            return;
        }
        // By how many tokens more than it may each token would lengthen a repeat.
        let mut longest = BTreeMap::<u32, usize>::new();
        let mut too_often = self.tracker.repeated_too_often();
        for next in 1..self.history.len() {
            let alike = self.alike(next);
            let across = alike.len();
            let within = alike.iter().rev().take_while(|(_, boundary)| !boundary.stops).count();
            let too_long = within
                .checked_sub(DRY_ALLOWED_LENGTH)
                .max(across.checked_sub(DRY_ALLOWED_LENGTH_ACROSS_LINES));
            let (token, boundary) = self.history[next];
            if let Some(too_long) = too_long {
                let most = longest.entry(token).or_default();
                *most = too_long.max(*most);
            }
            if boundary.ends_line && self.is_line(alike, next == across) {
                too_often.insert(token);
            }
        }
        let mut cost = |token: u32, cost: f32| {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit -= cost;
            }
        };
        for (token, too_long) in longest {
            cost(token, self.sampling.dry_multiplier * DRY_BASE.powi(too_long as i32));
        }
        too_often.into_iter().for_each(|token| cost(token, FORBIDDEN));
    }

    /// True where a repeat ends with a line of [`REPEATED_NGRAM`] words that is whole both times:
    /// `from_beginning` where the first of the two begins the draft.
    fn is_line(&self, alike: &[(u32, TokenBoundary)], from_beginning: bool) -> bool {
        let before = alike.iter().rposition(|(_, boundary)| boundary.ends_line);
        let line = match before {
            Some(before) => &alike[before + 1..],
            None if from_beginning => {
                let whole = self.history.len().checked_sub(alike.len() + 1);
                match whole.is_some_and(|before| self.history[before].1.ends_line) {
                    true => alike,
                    false => return false,
                }
            }
            None => return false,
        };
        words(line) >= REPEATED_NGRAM
    }
}

fn words(tokens: &[(u32, TokenBoundary)]) -> usize {
    tokens.iter().filter(|(_, boundary)| boundary.begins_word).count()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::generate::repetition::RollingHash;

    fn draws(how: &Sampling, logits: &[f32], n: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(how);
        (0..n).map(|_| sampler.next(&mut logits.to_vec()).unwrap()).collect()
    }

    const LOGITS: [f32; 5] = [0.0, 1.0, 2.0, 1.5, -3.0];

    #[test]
    fn the_same_seed_draws_the_same() {
        let how = Sampling { temperature: 1.0, ..Sampling::default() };
        assert_eq!(draws(&how, &LOGITS, 50), draws(&how, &LOGITS, 50));
        assert_ne!(
            draws(&how, &LOGITS, 50),
            draws(&Sampling { random_seed: 1, ..how }, &LOGITS, 50)
        );
    }

    #[test]
    fn no_temperature_takes_the_likeliest() {
        let how = Sampling { temperature: 0.0, ..Sampling::default() };
        assert_eq!(draws(&how, &LOGITS, 3), [2, 2, 2]);
    }

    #[test]
    fn unlikely_tokens_are_not_drawn() {
        let how = Sampling { temperature: 2.0, min_p: 0.5, ..Sampling::default() };
        assert!(draws(&how, &LOGITS, 200).iter().all(|token| [2, 3].contains(token)));
        let how = Sampling { temperature: 1.0, min_p: 0.0, top_p: 0.5, ..Sampling::default() };
        assert!(draws(&how, &LOGITS, 200).iter().all(|token| [2, 3].contains(token)));
    }

    #[test]
    fn the_probabilities_are_the_bases_own() {
        let how = Sampling { temperature: 1.0, min_p: 0.0, ..Sampling::default() };
        let drawn = draws(&how, &[0.0, 2.0f32.ln()], 3000);
        let twos = drawn.iter().filter(|token| **token == 1).count();
        assert!((1900..2100).contains(&twos), "{twos}");
    }

    #[test]
    fn a_banned_token_is_never_drawn() {
        let how = Sampling { temperature: 1.0, min_p: 0.0, ..Sampling::default() };
        let logits = [f32::NEG_INFINITY, 0.0, f32::NAN];
        assert!(draws(&how, &logits, 100).iter().all(|token| *token == 1));
        assert!(Sampler::new(&how).next(&mut [f32::NAN, f32::NEG_INFINITY]).is_err());
        assert!(Sampler::new(&how).next(&mut []).is_err());
    }

    #[test]
    fn a_long_repeat_costs_and_a_short_one_does_not() {
        let cost = |tokens: &[(u32, TokenBoundary)]| {
            let mut sampler = Sampler::new(&Sampling::default());
            tokens.iter().for_each(|(token, boundary)| sampler.push(*token, *boundary));
            let mut logits = [0.0; 10];
            sampler.apply_dry_penalty(&mut logits);
            -logits[9]
        };
        let through = |tokens: &[u32]| {
            tokens.iter().map(|t| (*t, TokenBoundary::default())).collect::<Vec<_>>()
        };
        assert_eq!(cost(&through(&[1, 2, 3, 9, 0, 1, 2, 3])), 0.0);
        assert_eq!(cost(&through(&[1, 2, 3, 4, 9, 0, 1, 2, 3, 4])), 0.8);
        assert_eq!(cost(&through(&[5, 1, 2, 3, 4, 9, 5, 1, 2, 3, 4])), 0.8 * 1.75);
        let mut broken = through(&[1, 2, 3, 4, 9, 0, 1, 2, 3, 4]);
        broken[1].1.stops = true;
        assert_eq!(cost(&broken), 0.0);
        let stops = TokenBoundary { stops: true, ..TokenBoundary::default() };
        let lines: Vec<_> = [5, 6, 7, 9].repeat(4)[..15].iter().map(|t| (*t, stops)).collect();
        assert_eq!(cost(&lines), 0.8 * 1.75, "short lines that go round in circles");
        assert_eq!(cost(&lines[4..]), 0.0, "three times may be a refrain");
    }

    /// Tokens of which each begins a word but for 0, which ends a line; what `next` costs after them.
    #[track_caller]
    fn cost_after(draft: &[u32], next: u32) -> f32 {
        let mut sampler = Sampler::new(&Sampling::default());
        for token in draft {
            let (ends_line, begins_word) = (*token == 0, *token != 0);
            // A token of the tests is a word of its own.
            let letters = RollingHash::of(token.to_string().as_bytes());
            sampler
                .push(*token, TokenBoundary { stops: ends_line, begins_word, ends_line, letters });
        }
        let mut logits = [0.0; 20];
        sampler.apply_dry_penalty(&mut logits);
        -logits[next as usize]
    }

    #[test]
    fn six_words_are_not_repeated_a_third_time() {
        let twice = [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 8, 1, 2, 3, 4, 5];
        assert!(cost_after(&twice, 6) > FORBIDDEN);
        // In a longer draft a smaller share of the words are repeats.
        let longer_draft = |draft: &[u32]| [(100..600).collect(), draft.to_vec()].concat();
        assert!(cost_after(&longer_draft(&twice), 6) > FORBIDDEN);
        assert!(cost_after(&longer_draft(&twice[..12]), 6) < FORBIDDEN, "twice is allowed");
        assert!(cost_after(&longer_draft(&twice[..18]), 5) < FORBIDDEN, "five words may be");
        // Across lines as well.
        let lines = [1, 2, 3, 0, 4, 5, 6, 7, 1, 2, 3, 0, 4, 5, 6, 8, 1, 2, 3, 0, 4, 5];
        assert!(cost_after(&lines, 6) >= FORBIDDEN);
    }

    #[test]
    fn of_a_hundred_words_four_in_a_row_are_repeated_at_most_twice() {
        let once = [1, 2, 3, 4, 5, 6, 1, 2, 3];
        assert!(cost_after(&once, 4) < FORBIDDEN, "once they may be in any case");
        let again = [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 7, 1, 2, 3];
        assert!(cost_after(&again, 4) >= FORBIDDEN);
        assert!(cost_after(&again[..13], 3) < FORBIDDEN, "three words are too few");
        let after = |words: u32| [(100..100 + words).collect(), again.to_vec()].concat();
        assert!(cost_after(&after(50), 4) >= FORBIDDEN);
        assert!(cost_after(&after(100), 4) < FORBIDDEN);
    }

    #[test]
    fn a_whole_line_of_five_words_is_not_repeated() {
        let again = [9, 0, 1, 2, 3, 4, 5, 0, 8, 0, 1, 2, 3, 4, 5];
        assert!(cost_after(&again, 0) > FORBIDDEN);
        assert!(cost_after(&again[2..], 0) > FORBIDDEN, "the first line neither");
        let short = [9, 0, 1, 2, 3, 4, 0, 8, 0, 1, 2, 3, 4];
        assert!(cost_after(&short, 0) < FORBIDDEN, "a heading may come again");
        let longer = [9, 0, 7, 1, 2, 3, 4, 5, 0, 8, 0, 6, 1, 2, 3, 4, 5];
        assert!(cost_after(&longer, 0) < FORBIDDEN, "another line may end the same");
    }
}
