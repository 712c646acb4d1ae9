//! From logits to the next token.
//!
//! A guard against loops, a floor under the unlikely, then temperature and
//! top-p by candle's own sampler, on the few tokens that are still in play.
//! The same seed draws the same draft. Knows nothing of what tokens say: the
//! caller tells which of them a repeat may not reach across ([`crate::said`]).

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use candle_transformers::generation::LogitsProcessor;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::said::{IN_CIRCLES, Place, Words};

/// How a draft is drawn (VOICE 7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 always takes the likeliest token; 1 is the base's own odds.
    pub temperature: f32,
    /// The likeliest tokens that together have this much; 1 is all.
    pub top_p: f32,
    /// Tokens less likely than this share of the likeliest are out; 0 is none.
    pub min_p: f32,
    /// How hard a repeat of more than four tokens is held back; 0 is not at all.
    pub repeat_guard: f32,
    /// What of a text is written.
    #[serde(default)]
    pub part: Part,
    /// Most tokens of a draft.
    pub max_tokens: usize,
    /// The number that makes a draft repeatable.
    pub random_seed: u64,
}

/// What of a text is written. An adapter that has learned plans would write their lines in any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All of it: no line of it, and no heading, has a number in a bracket, as the lines of a plan do.
    #[default]
    Whole,
    /// Its plan.
    Plan,
    /// The body of a section: no line of it is a heading or begins with a bracket. A base that was shown
    /// the plan goes on with it otherwise.
    Body,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.85,
            top_p: 1.0,
            min_p: 0.05,
            repeat_guard: 0.8,
            part: Part::Whole,
            max_tokens: 2048,
            random_seed: 0,
        }
    }
}

/// A repeat up to this long is a writer's own: stock phrases, anaphora.
const ALLOWED: usize = 4;
/// A repeat up to this long may reach across lines: a refrain, a heading said again. Beyond it, a
/// few short lines are going round in circles.
const ALLOWED_ACROSS: usize = 10;
/// As good as forbidden, unless there is nothing else to say.
const FORBIDDEN: f32 = 30.0;
/// What each further token of a repeat multiplies its cost by.
const GROWTH: f32 = 1.75;
/// Repeats are measured no further than this.
const LONGEST: usize = 50;
/// Tokens e⁻¹⁶ as likely as the likeliest are not even sorted.
const IN_PLAY: f32 = 16.0;

/// Draws one draft's tokens.
pub struct Sampler {
    how: Sampling,
    processor: LogitsProcessor,
    said: Vec<(u32, Place)>,
    words: Words,
}

impl Sampler {
    /// Nothing said yet.
    pub fn new(how: &Sampling) -> Self {
        let top_p = (how.top_p > 0.0 && how.top_p < 1.0).then(|| f64::from(how.top_p));
        let temperature = f64::from(how.temperature.max(0.0));
        let processor = LogitsProcessor::new(how.random_seed, Some(temperature), top_p);
        Self { how: how.clone(), processor, said: Vec::new(), words: Words::default() }
    }

    /// Notes a token as said.
    pub fn say(&mut self, token: u32, place: Place) {
        self.words.say(token, place);
        self.said.push((token, place));
    }

    /// What was said before the token at `next` that was said last of all as well.
    fn alike(&self, next: usize) -> &[(u32, Place)] {
        let back = self.said[..next].iter().rev().zip(self.said.iter().rev()).take(LONGEST);
        &self.said[next - back.take_while(|(a, b)| a.0 == b.0).count()..next]
    }

    /// The next token. A logit of −∞ forbids its token; at least one must be left.
    pub fn next(&mut self, logits: &mut [f32]) -> Result<u32> {
        self.hold_back_repeats(logits);
        let best =
            logits.iter().copied().filter(|l| l.is_finite()).fold(f32::NEG_INFINITY, f32::max);
        if !best.is_finite() {
            return Err(Error::Bug("the base answered with no usable number".to_owned()));
        }
        let floor = match self.how.min_p {
            p if p > 0.0 => best + p.min(1.0).ln(),
            _ => best - IN_PLAY * self.how.temperature.max(1.0),
        };
        let in_play = |l: &f32| l.is_finite() && *l >= floor;
        let (tokens, left): (Vec<u32>, Vec<f32>) =
            (0..).zip(logits.iter().copied()).filter(|(_, l)| in_play(l)).unzip();
        let bug = |e: candle_core::Error| Error::Bug(e.to_string());
        let left = Tensor::new(left, &Device::Cpu).map_err(bug)?;
        let drawn = self.processor.sample(&left).map_err(bug)?;
        Ok(tokens[drawn as usize])
    }

    /// DRY: a token that would lengthen a repeat of what was said costs more the longer it gets. Six
    /// words that were said twice are not said a third time, nor is a whole line of five said again,
    /// and where much was said again already no four words are.
    fn hold_back_repeats(&self, logits: &mut [f32]) {
        if self.how.repeat_guard <= 0.0 {
            return;
        }
        // By how many tokens more than it may each token would lengthen a repeat.
        let mut longest = BTreeMap::<u32, usize>::new();
        let mut too_often = self.words.too_often();
        for next in 1..self.said.len() {
            let alike = self.alike(next);
            let across = alike.len();
            let within = alike.iter().rev().take_while(|(_, place)| !place.stops).count();
            let too_long = within.checked_sub(ALLOWED).max(across.checked_sub(ALLOWED_ACROSS));
            let (token, place) = self.said[next];
            if let Some(too_long) = too_long {
                let most = longest.entry(token).or_default();
                *most = too_long.max(*most);
            }
            if place.ends_line && self.is_line(alike, next == across) {
                too_often.insert(token);
            }
        }
        let mut cost = |token: u32, cost: f32| {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit -= cost;
            }
        };
        for (token, too_long) in longest {
            cost(token, self.how.repeat_guard * GROWTH.powi(too_long as i32));
        }
        too_often.into_iter().for_each(|token| cost(token, FORBIDDEN));
    }

    /// Whether what was said twice alike ends with a line of so many words, whole both times:
    /// `from_beginning` where the first of the two begins the draft.
    fn is_line(&self, alike: &[(u32, Place)], from_beginning: bool) -> bool {
        let before = alike.iter().rposition(|(_, place)| place.ends_line);
        let line = match before {
            Some(before) => &alike[before + 1..],
            None if from_beginning => {
                let whole = self.said.len().checked_sub(alike.len() + 1);
                match whole.is_some_and(|before| self.said[before].1.ends_line) {
                    true => alike,
                    false => return false,
                }
            }
            None => return false,
        };
        words(line) >= IN_CIRCLES
    }
}

fn words(said: &[(u32, Place)]) -> usize {
    said.iter().filter(|(_, place)| place.begins_word).count()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::said::Letters;

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
    fn the_unlikely_are_out() {
        let how = Sampling { temperature: 2.0, min_p: 0.5, ..Sampling::default() };
        assert!(draws(&how, &LOGITS, 200).iter().all(|token| [2, 3].contains(token)));
        let how = Sampling { temperature: 1.0, min_p: 0.0, top_p: 0.5, ..Sampling::default() };
        assert!(draws(&how, &LOGITS, 200).iter().all(|token| [2, 3].contains(token)));
    }

    #[test]
    fn the_odds_are_the_bases_own() {
        let how = Sampling { temperature: 1.0, min_p: 0.0, ..Sampling::default() };
        let drawn = draws(&how, &[0.0, 2.0f32.ln()], 3000);
        let twos = drawn.iter().filter(|token| **token == 1).count();
        assert!((1900..2100).contains(&twos), "{twos}");
    }

    #[test]
    fn a_forbidden_token_is_never_drawn() {
        let how = Sampling { temperature: 1.0, min_p: 0.0, ..Sampling::default() };
        let logits = [f32::NEG_INFINITY, 0.0, f32::NAN];
        assert!(draws(&how, &logits, 100).iter().all(|token| *token == 1));
        assert!(Sampler::new(&how).next(&mut [f32::NAN, f32::NEG_INFINITY]).is_err());
        assert!(Sampler::new(&how).next(&mut []).is_err());
    }

    #[test]
    fn a_long_repeat_is_held_back_and_a_short_one_is_not() {
        let held_back = |said: &[(u32, Place)]| {
            let mut sampler = Sampler::new(&Sampling::default());
            said.iter().for_each(|(token, place)| sampler.say(*token, *place));
            let mut logits = [0.0; 10];
            sampler.hold_back_repeats(&mut logits);
            -logits[9]
        };
        let through =
            |tokens: &[u32]| tokens.iter().map(|t| (*t, Place::default())).collect::<Vec<_>>();
        assert_eq!(held_back(&through(&[1, 2, 3, 9, 0, 1, 2, 3])), 0.0);
        assert_eq!(held_back(&through(&[1, 2, 3, 4, 9, 0, 1, 2, 3, 4])), 0.8);
        assert_eq!(held_back(&through(&[5, 1, 2, 3, 4, 9, 5, 1, 2, 3, 4])), 0.8 * 1.75);
        let mut broken = through(&[1, 2, 3, 4, 9, 0, 1, 2, 3, 4]);
        broken[1].1.stops = true;
        assert_eq!(held_back(&broken), 0.0);
        let stops = Place { stops: true, ..Place::default() };
        let lines: Vec<_> = [5, 6, 7, 9].repeat(4)[..15].iter().map(|t| (*t, stops)).collect();
        assert_eq!(held_back(&lines), 0.8 * 1.75, "short lines that go round in circles");
        assert_eq!(held_back(&lines[4..]), 0.0, "said three times, they may be a refrain");
    }

    /// Tokens of which each begins a word but for 0, which ends a line; what `next` costs after them.
    #[track_caller]
    fn cost_after(said: &[u32], next: u32) -> f32 {
        let mut sampler = Sampler::new(&Sampling::default());
        for token in said {
            let (ends_line, begins_word) = (*token == 0, *token != 0);
            // A token of the tests is a word of its own.
            let letters = Letters::of(token.to_string().as_bytes());
            sampler.say(*token, Place { stops: ends_line, begins_word, ends_line, letters });
        }
        let mut logits = [0.0; 20];
        sampler.hold_back_repeats(&mut logits);
        -logits[next as usize]
    }

    #[test]
    fn six_words_are_not_said_a_third_time() {
        let twice = [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 8, 1, 2, 3, 4, 5];
        assert!(cost_after(&twice, 6) > FORBIDDEN);
        // Where there is room for it: of more words fewer were said again.
        let roomy = |said: &[u32]| [(100..600).collect(), said.to_vec()].concat();
        assert!(cost_after(&roomy(&twice), 6) > FORBIDDEN);
        assert!(cost_after(&roomy(&twice[..12]), 6) < FORBIDDEN, "they may be said twice");
        assert!(cost_after(&roomy(&twice[..18]), 5) < FORBIDDEN, "five words may be");
        // Across lines as well.
        let lines = [1, 2, 3, 0, 4, 5, 6, 7, 1, 2, 3, 0, 4, 5, 6, 8, 1, 2, 3, 0, 4, 5];
        assert!(cost_after(&lines, 6) >= FORBIDDEN);
    }

    #[test]
    fn of_a_hundred_words_four_in_a_row_are_said_again_twice_at_most() {
        let once = [1, 2, 3, 4, 5, 6, 1, 2, 3];
        assert!(cost_after(&once, 4) < FORBIDDEN, "once they may be in any case");
        let again = [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 7, 1, 2, 3];
        assert!(cost_after(&again, 4) >= FORBIDDEN);
        assert!(cost_after(&again[..13], 3) < FORBIDDEN, "three words are no run");
        let after = |words: u32| [(100..100 + words).collect(), again.to_vec()].concat();
        assert!(cost_after(&after(50), 4) >= FORBIDDEN);
        assert!(cost_after(&after(100), 4) < FORBIDDEN);
    }

    #[test]
    fn a_whole_line_of_five_words_is_not_said_again() {
        let again = [9, 0, 1, 2, 3, 4, 5, 0, 8, 0, 1, 2, 3, 4, 5];
        assert!(cost_after(&again, 0) > FORBIDDEN);
        assert!(cost_after(&again[2..], 0) > FORBIDDEN, "the first line neither");
        let short = [9, 0, 1, 2, 3, 4, 0, 8, 0, 1, 2, 3, 4];
        assert!(cost_after(&short, 0) < FORBIDDEN, "a heading may come again");
        let longer = [9, 0, 7, 1, 2, 3, 4, 5, 0, 8, 0, 6, 1, 2, 3, 4, 5];
        assert!(cost_after(&longer, 0) < FORBIDDEN, "another line may end the same");
    }
}
