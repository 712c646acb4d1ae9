//! One training: the numbers it is done with, the points on its curve, the states it can be in.

use serde::{Deserialize, Serialize};

/// The numbers of a run (VOICE 4.3). Everything needed to repeat it, apart from base and rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// `quick` or `nightly`.
    pub name: String,
    /// Rank of the adapter.
    pub rank: usize,
    /// The adapter's product is scaled by `alpha / rank`.
    pub alpha: f32,
    /// Share of the adapter's input dropped at each step.
    pub dropout: f32,
    /// Peak learning rate of AdamW.
    pub learning_rate: f32,
    /// Steps over which the learning rate rises from zero; it then falls along a cosine to a tenth.
    pub warmup_steps: usize,
    /// Gradient norm above which gradients are scaled down.
    pub clip: f32,
    /// Longest lesson, in tokens.
    pub context: usize,
    /// Whether a piece that is short enough to be learned whole is learned by section as well.
    #[serde(default)]
    pub sections: bool,
    /// Tokens a step learns from, at least one lesson.
    pub batch_tokens: usize,
    /// Most passes over the rows.
    pub epochs: usize,
    /// Steps to do, where given; otherwise `epochs` decides.
    pub steps: Option<usize>,
    /// Steps between two looks at the dev rows; 0 is never.
    pub dev_every: usize,
    /// Looks at dev without a better one after which the run ends.
    pub patience: usize,
    /// Perplexity of what is learned from below which the run ends: from there on it learns by
    /// heart (VOICE 4.3 has 2 to 3). 0 is never.
    #[serde(default)]
    pub least_perplexity: f32,
    /// How much more of what is learned from than of the pieces watched may be said by heart, as a
    /// share of its tokens; above it the run ends ([`Step::by_heart`]). 0 is never.
    #[serde(default)]
    pub most_by_heart: f64,
    /// The number that makes the run repeatable.
    pub random_seed: u64,
}

/// Bases by size: what is learned well with, and how much of it, differs (VOICE 4.3).
struct BySize {
    rank: usize,
    dropout: f32,
    learning_rate: f32,
}

impl BySize {
    fn of(parameters: u64) -> BySize {
        let (rank, dropout, learning_rate) = match parameters {
            0..700_000_000 => (32, 0.10, 4e-4),
            700_000_000..2_200_000_000 => (16, 0.05, 2e-4),
            _ => (16, 0.05, 1e-4),
        };
        BySize { rank, dropout, learning_rate }
    }
}

/// Rows below which a run learns in smaller steps and drops more.
const FEW_ROWS: usize = 30;
/// Least steps of warm-up, and its least share of the run.
const WARMUP: (usize, f64) = (10, 0.05);
/// Steps whose mean loss says whether a run learns by heart: one step may be an easy one.
const STEPS_OF_HEART: usize = 5;
/// What may be copied of a draft is the same (VOICE 5.6): a text said by heart will be copied.
const MOST_BY_HEART: f64 = 0.02;
/// The learning rate ends at this share of its peak.
const LAST_RATE: f32 = 0.1;

impl Recipe {
    /// A run for now: half the rank, shorter lessons, three passes; smaller steps at a higher
    /// rate, since a run of few steps otherwise ends before it has begun (LoRA Without Regret:
    /// runs of under a hundred steps want the rate half as high again, and more).
    ///
    /// `parameters` is the size of the base, `n_rows` the number of rows to learn from.
    pub fn quick(parameters: u64, n_rows: usize, random_seed: u64) -> Recipe {
        let nightly = Recipe::nightly(parameters, n_rows, random_seed);
        let rank = nightly.rank / 2;
        Recipe {
            name: "quick".to_owned(),
            rank,
            alpha: 2.0 * rank as f32,
            context: 1024,
            sections: false,
            batch_tokens: 1024,
            epochs: 3,
            learning_rate: 2.5 * nightly.learning_rate,
            ..nightly
        }
    }

    /// A run for the night, as VOICE 4.3 has it: the fewer rows, the more passes over them.
    ///
    /// How many steps a pass has is not known before the rows are tokens, so `warmup_steps` and
    /// `dev_every` are good guesses until [`Recipe::fit`].
    pub fn nightly(parameters: u64, n_rows: usize, random_seed: u64) -> Recipe {
        let size = BySize::of(parameters);
        let few = n_rows < FEW_ROWS;
        Recipe {
            name: "nightly".to_owned(),
            rank: size.rank,
            alpha: 2.0 * size.rank as f32,
            dropout: if few { 0.10 } else { size.dropout },
            learning_rate: size.learning_rate,
            warmup_steps: WARMUP.0,
            clip: 1.0,
            context: 2048,
            sections: true,
            batch_tokens: if few { 4096 } else { 8192 },
            epochs: match n_rows {
                0..50 => 8,
                50..=200 => 5,
                _ => 3,
            },
            steps: None,
            dev_every: 10,
            patience: 2,
            least_perplexity: 2.0,
            most_by_heart: MOST_BY_HEART,
            random_seed,
        }
    }

    /// The most of this recipe that can be done in so many minutes, and sentences on what it
    /// leaves out. Warm-up and looks at dev are set to the steps that remain: 5 % of them, and
    /// each half pass.
    pub fn fit(
        self,
        minutes: f64,
        tokens_per_second: f32,
        tokens_per_epoch: usize,
    ) -> (Recipe, Vec<String>) {
        let mut recipe = self;
        let mut left_out = Vec::new();
        let batch = recipe.batch_tokens.max(1) as u64;
        let pass = tokens_per_epoch.max(1) as u64;
        let wanted = pass.saturating_mul(recipe.epochs.max(1) as u64);
        let can = minutes * 60.0 * f64::from(tokens_per_second);
        // Conversions saturate, so a speed beyond all measure allows everything.
        let can = if can.is_nan() { 0 } else { can as u64 };
        if can < pass {
            recipe.epochs = 1;
            recipe.steps = Some((can / batch).max(1) as usize);
            left_out.push(format!(
                "There is time to read about {} % of the rows once.",
                can.saturating_mul(100) / pass
            ));
        } else if can < wanted {
            let passes = (can / pass) as usize;
            left_out.push(format!(
                "There is time for {passes} of {} passes over the rows.",
                recipe.epochs
            ));
            recipe.epochs = passes;
        }
        let all = pass.div_ceil(batch).saturating_mul(recipe.epochs as u64);
        let steps = recipe.steps.map_or(all as usize, |steps| steps.min(all as usize));
        recipe.warmup_steps = WARMUP.0.max((steps as f64 * WARMUP.1) as usize);
        recipe.dev_every = (pass.div_ceil(batch) / 2).max(1) as usize;
        (recipe, left_out)
    }

    /// Bytes of a text that fit a lesson with their seed, roughly: English prose has 4.3 bytes a
    /// token under the tokenizers of small bases. What is longer after all is cut by the engine.
    pub fn most_bytes(&self) -> usize {
        const BYTES_A_TOKEN: usize = 4;
        const SEED_TOKENS: usize = 120;
        self.context.saturating_sub(SEED_TOKENS) * BYTES_A_TOKEN
    }

    /// Whether these steps show that the run learns by heart: the mean loss of the last
    /// [`STEPS_OF_HEART`] is below the least perplexity, or the last look found too much said.
    pub fn is_by_heart(&self, steps: &[Step]) -> bool {
        let last = steps.last_chunk::<STEPS_OF_HEART>();
        let mean = |last: &[Step; STEPS_OF_HEART]| {
            last.iter().map(|step| step.loss).sum::<f32>() / STEPS_OF_HEART as f32
        };
        let surprises_nobody = self.least_perplexity > 0.0
            && last.is_some_and(|last| mean(last) < self.least_perplexity.ln());
        let said = steps.iter().rev().find_map(|step| step.by_heart);
        let is_said =
            self.most_by_heart > 0.0 && said.is_some_and(|said| said > self.most_by_heart);
        surprises_nobody || is_said
    }

    /// The learning rate of the `step`th of `of` steps, counted from 1: a straight rise over the
    /// warm-up (at most half the run), then a cosine down to a tenth at the last step.
    pub fn rate_at(&self, step: usize, of: usize) -> f32 {
        let warmup = self.warmup_steps.min(of / 2);
        if step <= warmup {
            return self.learning_rate * step as f32 / warmup.max(1) as f32;
        }
        let along = (step - warmup) as f32 / of.saturating_sub(warmup).max(1) as f32;
        let cosine = (1.0 + (std::f32::consts::PI * along.min(1.0)).cos()) / 2.0;
        self.learning_rate * (LAST_RATE + (1.0 - LAST_RATE) * cosine)
    }
}

/// One point on the curve of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Step {
    /// Counted from 1.
    pub n: usize,
    /// How many there will be.
    pub of: usize,
    /// Weighted mean negative log-likelihood per answer token, in nats.
    pub loss: f32,
    /// Bits per byte on the dev rows, where this step looked.
    pub dev_bits_per_byte: Option<f64>,
    /// How much more of what is learned from than of the dev rows was said by heart, as a share of its
    /// tokens, where this step looked: memorising begins before dev says so (Slack and Al Moubayed
    /// 2025).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_heart: Option<f64>,
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f32,
    /// Tokens read in this step, prompts included.
    pub tokens: usize,
    /// Tokens read per second in this step.
    pub tokens_per_second: f32,
    /// Seconds to the end of the run at the present speed.
    pub seconds_left: f32,
    /// Most memory the process has held, in bytes; 0 where the system does not say.
    pub peak_bytes: u64,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Asked for, not begun.
    Waiting,
    /// Its process is at work.
    Learning,
    /// Learned; the verdict is being reached.
    Judging,
    /// Ended by the writer; can be gone on with.
    Stopped,
    /// Its process ended without a word; can be gone on with.
    Interrupted,
    /// Could not be done; the reason is kept.
    Failed,
    /// Done, with a verdict.
    Done,
}

impl State {
    /// Whether the run can be gone on with where it was.
    pub fn is_unfinished(self) -> bool {
        matches!(self, State::Waiting | State::Stopped | State::Interrupted)
    }

    /// Whether a process is at work on it.
    pub fn is_at_work(self) -> bool {
        matches!(self, State::Learning | State::Judging)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SMALL: u64 = 135_000_000;

    #[test]
    fn a_small_base_learns_with_more_rank_and_faster() {
        let small = Recipe::nightly(SMALL, 100, 1);
        let large = Recipe::nightly(3_000_000_000, 100, 1);
        assert_eq!((small.rank, small.alpha, small.learning_rate), (32, 64.0, 4e-4));
        assert_eq!((large.rank, large.alpha, large.learning_rate), (16, 32.0, 1e-4));
        assert_eq!((small.context, small.batch_tokens, small.epochs), (2048, 8192, 5));
    }

    #[test]
    fn few_rows_are_passed_over_more_often_in_smaller_steps() {
        let few = Recipe::nightly(3_000_000_000, 12, 1);
        assert_eq!((few.epochs, few.batch_tokens, few.dropout), (8, 4096, 0.10));
        assert_eq!(Recipe::nightly(SMALL, 500, 1).epochs, 3);
    }

    #[test]
    fn a_quick_run_is_half_the_rank_and_three_passes() {
        let quick = Recipe::quick(SMALL, 12, 7);
        assert_eq!((quick.rank, quick.alpha, quick.epochs), (16, 32.0, 3));
        assert_eq!((quick.context, quick.batch_tokens, quick.random_seed), (1024, 1024, 7));
    }

    #[test]
    fn with_time_enough_nothing_is_left_out() {
        let (recipe, left_out) = Recipe::nightly(SMALL, 100, 1).fit(60.0, 1_000.0, 100_000);
        assert_eq!((recipe.epochs, recipe.steps), (5, None));
        assert_eq!((recipe.warmup_steps, recipe.dev_every), (10, 6));
        assert!(left_out.is_empty());
    }

    #[test]
    fn with_less_time_passes_are_left_out() {
        let (recipe, left_out) = Recipe::nightly(SMALL, 100, 1).fit(5.0, 1_000.0, 100_000);
        assert_eq!((recipe.epochs, recipe.steps), (3, None));
        assert_eq!(left_out, ["There is time for 3 of 5 passes over the rows."]);
    }

    #[test]
    fn with_little_time_rows_are_left_out() {
        let (recipe, left_out) = Recipe::quick(SMALL, 100, 1).fit(1.0, 500.0, 100_000);
        assert_eq!((recipe.epochs, recipe.steps), (1, Some(29)));
        assert_eq!(left_out, ["There is time to read about 30 % of the rows once."]);
    }

    #[test]
    fn no_speed_and_no_time_still_make_one_step() {
        for (minutes, speed) in [(0.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (-1.0, 1.0)] {
            let (recipe, left_out) = Recipe::quick(SMALL, 1, 1).fit(minutes, speed, 5_000);
            assert_eq!((recipe.steps, left_out.len()), (Some(1), 1));
        }
        let (recipe, _) = Recipe::quick(SMALL, 1, 1).fit(f64::INFINITY, 1.0, 0);
        assert_eq!((recipe.epochs, recipe.dev_every), (3, 1));
    }

    #[test]
    fn a_run_that_learns_by_heart_is_known_by_its_last_steps() {
        let recipe = Recipe::quick(SMALL, 100, 1);
        let step = |&loss: &f32| Step { loss, ..Step::default() };
        let steps = |losses: &[f32]| losses.iter().map(step).collect::<Vec<_>>();
        let by_heart = |losses: &[f32]| recipe.is_by_heart(&steps(losses));
        assert!(by_heart(&[3.0, 0.7, 0.6, 0.6, 0.7, 0.7]), "a perplexity of 1.9");
        assert!(!by_heart(&[0.1, 0.1, 0.1, 0.1]), "too few to say");
        assert!(!by_heart(&[0.1, 0.1, 0.7, 0.7, 2.0, 0.7]));
        let never = Recipe { least_perplexity: 0.0, ..recipe.clone() };
        assert!(!never.is_by_heart(&steps(&[0.0; 9])));
        let said = |by_heart| [Step { by_heart, ..step(&3.0) }, step(&3.0)];
        assert!(recipe.is_by_heart(&said(Some(0.03))) && !recipe.is_by_heart(&said(Some(0.02))));
        let never = Recipe { most_by_heart: 0.0, ..recipe.clone() };
        assert!(!never.is_by_heart(&said(Some(0.9))));
    }

    #[test]
    fn the_rate_rises_straight_and_falls_along_a_cosine_to_a_tenth() {
        let recipe = Recipe::nightly(SMALL, 100, 1);
        let near = |step, want: f32| (recipe.rate_at(step, 110) - want).abs() < 1e-9;
        assert!(near(1, 4e-5) && near(5, 2e-4) && near(10, 4e-4));
        assert!(near(60, 2.2e-4) && near(110, 4e-5) && near(500, 4e-5));
    }

    #[test]
    fn the_shortest_runs_have_a_rate_as_well() {
        let recipe = Recipe::nightly(SMALL, 100, 1);
        for of in 0..6 {
            assert!((1..=of).all(|step| recipe.rate_at(step, of) > 0.0));
            assert!(recipe.rate_at(of + 1, of).is_finite());
        }
    }
}
