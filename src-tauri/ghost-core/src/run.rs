//! One training run: its hyperparameters, the points of its curve and its states.

use serde::{Deserialize, Serialize};

/// Bytes of a token, roughly: English prose has 4.3.
pub const BYTES_PER_TOKEN: usize = 4;

/// The hyperparameters of a run: everything needed to repeat it apart from the base model and the
/// rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// `quick` or `nightly`.
    pub name: String,
    /// Rank of the adapter.
    pub rank: usize,
    /// LoRA alpha: the adapter's product is scaled by `alpha / rank`.
    pub alpha: f32,
    /// Dropout on the adapter's input, as a share.
    pub dropout: f32,
    /// Peak learning rate of AdamW.
    pub learning_rate: f32,
    /// Steps over which the learning rate rises from zero; then it falls along a cosine to a tenth.
    pub warmup_steps: usize,
    /// Gradient norm above which gradients are scaled down.
    pub clip: f32,
    /// Longest training example, in tokens.
    pub context: usize,
    /// True if a piece that fits the context as a whole is trained on by section as well.
    #[serde(default)]
    pub sections: bool,
    /// Tokens in one step; a step has at least one example.
    pub batch_tokens: usize,
    /// Maximum number of passes over the rows.
    pub epochs: usize,
    /// Number of steps, if it is not to follow from `epochs`.
    pub steps: Option<usize>,
    /// Steps between two evaluations on the validation set; 0 means never.
    #[serde(rename = "dev_every", alias = "validate_every")]
    pub validate_every: usize,
    /// Evaluations without an improvement after which the run stops early.
    pub patience: usize,
    /// Training perplexity below which the run stops early, because it has begun to memorise. 0 turns
    /// this off.
    #[serde(rename = "least_perplexity", alias = "min_perplexity", default)]
    pub min_perplexity: f32,
    /// Maximum gap between the memorised shares of training and validation text; above it the run
    /// stops early ([`Step::memorised_gap`]). 0 turns this off.
    #[serde(rename = "most_by_heart", alias = "max_memorised_gap", default)]
    pub max_memorised_gap: f64,
    /// Seed of all randomness in the run.
    pub random_seed: u64,
}

/// Hyperparameters that depend on the size of the base model.
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

/// Rows below which a run uses smaller steps and more dropout.
const FEW_ROWS: usize = 30;
/// Minimum number of warm-up steps, and their minimum share of the run.
const WARMUP: (usize, f64) = (10, 0.05);
/// Steps over which the loss is averaged to detect memorisation; a single step may be an easy one.
const MEMORISATION_WINDOW: usize = 5;
/// Equal to the share of a draft that may be copied: memorised text will be copied.
const MAX_MEMORISED_GAP: f64 = 0.02;
/// The learning rate ends at this share of its peak.
const LAST_RATE: f32 = 0.1;

impl Recipe {
    /// A short run: half the rank, shorter examples, three passes, and smaller steps at a higher
    /// learning rate, because runs of fewer than a hundred steps need one at least half as high again
    /// (Schulman et al. 2025, *LoRA Without Regret*).
    ///
    /// `parameters` is the size of the base model, `n_rows` the number of training rows.
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

    /// A full run, for example overnight: the fewer rows, the more passes over them.
    ///
    /// The number of steps in a pass is not known before the rows are tokenised, so `warmup_steps`
    /// and `validate_every` are estimates until [`Recipe::fit_to_time`].
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
            validate_every: 10,
            patience: 2,
            min_perplexity: 2.0,
            max_memorised_gap: MAX_MEMORISED_GAP,
            random_seed,
        }
    }

    /// As much of this recipe as fits into `minutes`, and sentences on what is left out. The warm-up
    /// is set to 5 % of the remaining steps, and the evaluations to twice per pass.
    pub fn fit_to_time(
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
        // The conversion saturates, so an infinite speed allows everything.
        let can = if can.is_nan() { 0 } else { can as u64 };
        if can < pass {
            recipe.epochs = 1;
            recipe.steps = Some((can / batch).max(1) as usize);
            left_out.push(format!(
                "The time allows about {} % of the rows to be read once.",
                can.saturating_mul(100) / pass
            ));
        } else if can < wanted {
            let passes = (can / pass) as usize;
            left_out.push(format!(
                "The time allows {passes} of {} passes over the rows.",
                recipe.epochs
            ));
            recipe.epochs = passes;
        }
        let all = pass.div_ceil(batch).saturating_mul(recipe.epochs as u64);
        let steps = recipe.steps.map_or(all as usize, |steps| steps.min(all as usize));
        recipe.warmup_steps = WARMUP.0.max((steps as f64 * WARMUP.1) as usize);
        recipe.validate_every = (pass.div_ceil(batch) / 2).max(1) as usize;
        (recipe, left_out)
    }

    /// Bytes of text that fit the context together with their seed, roughly: English prose has 4.3
    /// bytes per token under the tokenizers of small models. The engine cuts what is still too long.
    pub fn max_bytes(&self) -> usize {
        const SEED_TOKENS: usize = 120;
        self.context.saturating_sub(SEED_TOKENS) * BYTES_PER_TOKEN
    }

    /// True if these steps show that the run has begun to memorise: the mean loss of the last five is
    /// below the minimum perplexity, or the last evaluation found too large a memorised gap.
    pub fn has_memorised(&self, steps: &[Step]) -> bool {
        let last = steps.last_chunk::<MEMORISATION_WINDOW>();
        let mean = |last: &[Step; MEMORISATION_WINDOW]| {
            last.iter().map(|step| step.loss).sum::<f32>() / MEMORISATION_WINDOW as f32
        };
        let is_too_certain = self.min_perplexity > 0.0
            && last.is_some_and(|last| mean(last) < self.min_perplexity.ln());
        let gap = steps.iter().rev().find_map(|step| step.memorised_gap);
        let is_too_large =
            self.max_memorised_gap > 0.0 && gap.is_some_and(|gap| gap > self.max_memorised_gap);
        is_too_certain || is_too_large
    }

    /// The learning rate at step `step` of `of`, counted from 1: a linear warm-up (at most half the
    /// run), then a cosine down to a tenth at the last step.
    pub fn learning_rate_at(&self, step: usize, of: usize) -> f32 {
        let warmup = self.warmup_steps.min(of / 2);
        if step <= warmup {
            return self.learning_rate * step as f32 / warmup.max(1) as f32;
        }
        let along = (step - warmup) as f32 / of.saturating_sub(warmup).max(1) as f32;
        let cosine = (1.0 + (std::f32::consts::PI * along.min(1.0)).cos()) / 2.0;
        self.learning_rate * (LAST_RATE + (1.0 - LAST_RATE) * cosine)
    }
}

/// One step of a run, a point on its curve.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Step {
    /// Counted from 1.
    pub n: usize,
    /// The total number of steps.
    pub of: usize,
    /// Weighted mean negative log-likelihood per token of the answers, in nats.
    pub loss: f32,
    /// Bits per byte on the validation set, if this step evaluated it.
    #[serde(rename = "dev_bits_per_byte", alias = "validation_bits_per_byte")]
    pub validation_bits_per_byte: Option<f64>,
    /// The memorised share of training tokens minus that of validation tokens, if this step evaluated
    /// them: memorisation begins before the validation loss shows it (Slack and Al Moubayed 2025).
    #[serde(
        rename = "by_heart",
        alias = "memorised_gap",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub memorised_gap: Option<f64>,
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f32,
    /// Tokens read in this step, prompts included.
    pub tokens: usize,
    /// Tokens read per second in this step.
    pub tokens_per_second: f32,
    /// Seconds to the end of the run at the current speed.
    pub seconds_left: f32,
    /// Peak memory of the process in bytes; 0 if the system does not report it.
    pub peak_bytes: u64,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Requested, not started.
    Waiting,
    /// Training in its own process.
    #[serde(rename = "learning", alias = "training")]
    Training,
    /// Trained; the adapter is being evaluated.
    #[serde(rename = "judging", alias = "evaluating")]
    Evaluating,
    /// Stopped by the writer; resumable.
    Stopped,
    /// Its process ended unexpectedly; resumable.
    Interrupted,
    /// Failed; the reason is stored.
    Failed,
    /// Finished with a verdict.
    Done,
}

impl RunState {
    /// True if the run can be resumed where it stopped.
    pub fn is_resumable(self) -> bool {
        matches!(self, RunState::Waiting | RunState::Stopped | RunState::Interrupted)
    }

    /// True if a process is working on it.
    pub fn is_active(self) -> bool {
        matches!(self, RunState::Training | RunState::Evaluating)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SMALL: u64 = 135_000_000;

    #[test]
    fn a_small_base_trains_with_a_higher_rank_and_learning_rate() {
        let small = Recipe::nightly(SMALL, 100, 1);
        let large = Recipe::nightly(3_000_000_000, 100, 1);
        assert_eq!((small.rank, small.alpha, small.learning_rate), (32, 64.0, 4e-4));
        assert_eq!((large.rank, large.alpha, large.learning_rate), (16, 32.0, 1e-4));
        assert_eq!((small.context, small.batch_tokens, small.epochs), (2048, 8192, 5));
    }

    #[test]
    fn few_rows_get_more_passes_and_smaller_steps() {
        let few = Recipe::nightly(3_000_000_000, 12, 1);
        assert_eq!((few.epochs, few.batch_tokens, few.dropout), (8, 4096, 0.10));
        assert_eq!(Recipe::nightly(SMALL, 500, 1).epochs, 3);
    }

    #[test]
    fn a_quick_run_has_half_the_rank_and_three_passes() {
        let quick = Recipe::quick(SMALL, 12, 7);
        assert_eq!((quick.rank, quick.alpha, quick.epochs), (16, 32.0, 3));
        assert_eq!((quick.context, quick.batch_tokens, quick.random_seed), (1024, 1024, 7));
    }

    #[test]
    fn with_enough_time_nothing_is_left_out() {
        let (recipe, left_out) = Recipe::nightly(SMALL, 100, 1).fit_to_time(60.0, 1_000.0, 100_000);
        assert_eq!((recipe.epochs, recipe.steps), (5, None));
        assert_eq!((recipe.warmup_steps, recipe.validate_every), (10, 6));
        assert!(left_out.is_empty());
    }

    #[test]
    fn with_less_time_passes_are_left_out() {
        let (recipe, left_out) = Recipe::nightly(SMALL, 100, 1).fit_to_time(5.0, 1_000.0, 100_000);
        assert_eq!((recipe.epochs, recipe.steps), (3, None));
        assert_eq!(left_out, ["The time allows 3 of 5 passes over the rows."]);
    }

    #[test]
    fn with_little_time_rows_are_left_out() {
        let (recipe, left_out) = Recipe::quick(SMALL, 100, 1).fit_to_time(1.0, 500.0, 100_000);
        assert_eq!((recipe.epochs, recipe.steps), (1, Some(29)));
        assert_eq!(left_out, ["The time allows about 30 % of the rows to be read once."]);
    }

    #[test]
    fn without_speed_or_time_one_step_remains() {
        for (minutes, speed) in [(0.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (-1.0, 1.0)] {
            let (recipe, left_out) = Recipe::quick(SMALL, 1, 1).fit_to_time(minutes, speed, 5_000);
            assert_eq!((recipe.steps, left_out.len()), (Some(1), 1));
        }
        let (recipe, _) = Recipe::quick(SMALL, 1, 1).fit_to_time(f64::INFINITY, 1.0, 0);
        assert_eq!((recipe.epochs, recipe.validate_every), (3, 1));
    }

    #[test]
    fn memorisation_is_detected_from_the_last_steps() {
        let recipe = Recipe::quick(SMALL, 100, 1);
        let step = |&loss: &f32| Step { loss, ..Step::default() };
        let steps = |losses: &[f32]| losses.iter().map(step).collect::<Vec<_>>();
        let memorised = |losses: &[f32]| recipe.has_memorised(&steps(losses));
        assert!(memorised(&[3.0, 0.7, 0.6, 0.6, 0.7, 0.7]), "a perplexity of 1.9");
        assert!(!memorised(&[0.1, 0.1, 0.1, 0.1]), "too few steps");
        assert!(!memorised(&[0.1, 0.1, 0.7, 0.7, 2.0, 0.7]));
        let never = Recipe { min_perplexity: 0.0, ..recipe.clone() };
        assert!(!never.has_memorised(&steps(&[0.0; 9])));
        let gap = |memorised_gap| [Step { memorised_gap, ..step(&3.0) }, step(&3.0)];
        assert!(recipe.has_memorised(&gap(Some(0.03))) && !recipe.has_memorised(&gap(Some(0.02))));
        let never = Recipe { max_memorised_gap: 0.0, ..recipe.clone() };
        assert!(!never.has_memorised(&gap(Some(0.9))));
    }

    #[test]
    fn the_learning_rate_rises_linearly_and_falls_along_a_cosine_to_a_tenth() {
        let recipe = Recipe::nightly(SMALL, 100, 1);
        let near = |step, want: f32| (recipe.learning_rate_at(step, 110) - want).abs() < 1e-9;
        assert!(near(1, 4e-5) && near(5, 2e-4) && near(10, 4e-4));
        assert!(near(60, 2.2e-4) && near(110, 4e-5) && near(500, 4e-5));
    }

    #[test]
    fn the_shortest_runs_have_a_positive_learning_rate() {
        let recipe = Recipe::nightly(SMALL, 100, 1);
        for of in 0..6 {
            assert!((1..=of).all(|step| recipe.learning_rate_at(step, of) > 0.0));
            assert!(recipe.learning_rate_at(of + 1, of).is_finite());
        }
    }

    #[test]
    fn recipes_steps_and_states_are_stored_under_their_first_names() {
        let json = serde_json::to_string(&Recipe::quick(SMALL, 100, 1)).unwrap();
        for name in ["dev_every", "least_perplexity", "most_by_heart"] {
            assert!(json.contains(&format!("\"{name}\"")), "{json}");
        }
        assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), Recipe::quick(SMALL, 100, 1));
        let step = Step { memorised_gap: Some(0.5), ..Step::default() };
        let json = serde_json::to_string(&step).unwrap();
        assert!(json.contains("\"dev_bits_per_byte\"") && json.contains("\"by_heart\""), "{json}");
        assert_eq!(serde_json::to_string(&RunState::Training).unwrap(), "\"learning\"");
        assert_eq!(serde_json::to_string(&RunState::Evaluating).unwrap(), "\"judging\"");
    }
}
