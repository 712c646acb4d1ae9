//! Training: rows in, an adapter out. The loop is on one screen.
//!
//! The same base, rows and recipe give the same adapter bit for bit, however often the run is stopped
//! and resumed: the order of the rows and what is dropped follow from the seed and the step. The clock
//! is read to report the speed and to save every minute, and never changes the result.

mod checkpoint;
pub mod dataset;
pub mod dpo;
mod memory_planner;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use ghost_core::row::Row;
use ghost_core::run::{Recipe, Step};
use ghost_core::split::Split;
use sha2::{Digest, Sha256};

use self::checkpoint::TrainState;
use self::dataset::TrainingExample;
use self::memory_planner::MemoryPlanner;
use crate::adapter::{self, Adapter, Card};
use crate::backend::{ActivationCheckpointing, Dropout, LossInput, NegativeWeights};
use crate::base::Base;
use crate::error::{Error, Result};
use crate::lora::Lora;
use crate::model::{Model, SavedActivations};
use crate::{eval, memory, prompt};
use ghost_core::rng::Rng;

/// The maximum time between two checkpoints.
const SAVE_EVERY: Duration = Duration::from_secs(50);
/// A rank above this is a typing mistake: it would outgrow the base's own matrices.
const MAX_RANK: usize = 512;
/// Free memory in bytes where the system does not say.
const MEMORY_GUESS: u64 = 4 << 30;

/// Progress of a run. Answering `Break` ends it after the current step.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The run resumes after this many steps.
    Resumed(usize),
    /// A checkpoint is damaged; the one before it, or the beginning, is used.
    CheckpointDamaged,
    /// A gradient reached each of this many tensors.
    GradientsChecked(usize),
    /// Memory is short: sequences are shorter than in the recipe.
    ContextShortened {
        /// Tokens of a sequence from now on.
        to: usize,
        /// Tokens of a sequence in the recipe.
        from: usize,
    },
    /// Memory is shorter than before: activations of some layers are recomputed. The result is the
    /// same, and takes longer.
    Recomputing {
        /// Layers recomputed.
        layers: usize,
        /// All layers.
        of: usize,
    },
    /// A step is done.
    Step(Step),
    /// The validation rows were evaluated after step `n`.
    Validated {
        /// The step.
        n: usize,
        /// Bits per byte of the validation rows.
        bits_per_byte: f64,
        /// Whether no earlier validation was better.
        best: bool,
    },
    /// The run has this many steps from now on.
    Replanned(usize),
    /// All of it up to step `n` is on disk.
    Saved(usize),
    /// The GPU failed and training continues on the CPU: the reason, in a sentence.
    GpuFailed(String),
}

/// The reason a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// All steps are done.
    Finished,
    /// The validation rows got no better.
    Patience,
    /// It began to memorise.
    Overfitting,
    /// The caller stopped it; it can be resumed.
    Stopped,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The best by the validation rows; the last where there are none.
    pub adapter: Adapter,
    /// The curve, with the steps before an interruption.
    pub steps: Vec<Step>,
    /// Bits per byte of the validation rows at the best validation.
    pub best_dev: Option<f64>,
    /// The reason it is over.
    pub stop_reason: StopReason,
}

/// The number of steps a run has, asked before its first step and after each, given the steps done,
/// those planned so far, and those in its recipe.
pub type Replan<'a> = dyn FnMut(usize, usize, usize) -> usize + 'a;

/// Trains an adapter on rows. Checkpoints go to `folder`, and a run that finds its own there resumes
/// from it. `folder` may be removed once the adapter is saved.
///
/// # Errors
/// `Recipe` where the run makes no sense, `Io`, or `Bug` where a gradient is missing or not finite.
pub fn train(
    model: &Model,
    rows: &[Row],
    dev: &[Row],
    recipe: &Recipe,
    folder: &Path,
    on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome> {
    train_replanned(model, rows, dev, recipe, folder, &mut |_, planned, _| planned, on_event)
}

/// [`train`] with a callback for the number of steps there is time for. The answer is kept in the
/// checkpoint, so that a run that resumes gives the same result.
///
/// # Errors
/// As [`train`].
pub fn train_replanned(
    model: &Model,
    rows: &[Row],
    dev: &[Row],
    recipe: &Recipe,
    folder: &Path,
    replan: &mut Replan<'_>,
    on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome> {
    let free = || memory::available().unwrap_or(MEMORY_GUESS);
    train_within(&free, model, rows, dev, recipe, folder, replan, on_event)
}

/// [`train_replanned`] with a callback for the free memory in bytes.
///
/// # Errors
/// As [`train`].
#[allow(clippy::too_many_arguments)]
pub fn train_within(
    free: &dyn Fn() -> u64,
    model: &Model,
    rows: &[Row],
    dev: &[Row],
    recipe: &Recipe,
    folder: &Path,
    replan: &mut Replan<'_>,
    on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome> {
    let mut events = Events { on_event, stop: false };
    let wanted = recipe.context.min(model.config.context);
    let mut memory = MemoryPlanner { base: model, rank: recipe.rank, free, recomputed: 0 };
    let context = memory.context(wanted, folder)?;
    if context < wanted {
        events.send(Event::ContextShortened { to: context, from: recipe.context });
    }
    let mut plan = TrainingPlan::new(model, rows, dev, recipe, context)?;
    let full = plan.of;
    let mut state = events.resume(folder, &plan);
    plan.of = state.of.unwrap_or(full);
    if state.steps.is_empty() {
        state.replan(&mut plan, full, replan);
    }
    let mut saved = SavedActivations::default();
    let mut gradients = state.lora.zeros_like();
    let mut clock = Clock::new(state.steps.len());
    let mut gpu_failure = model.device().gpu_failure();

    while state.steps.len() < plan.of && state.stops_early(recipe).is_none() && !events.stop {
        let n = state.steps.len() + 1;
        clock.begin();
        gradients.tensors_mut().for_each(|tensor| tensor.fill(0.0));
        let batch = plan.batch(n);
        let (checkpointing, more) = memory.checkpointing(batch.longest(), saved.bytes());
        if let Some(layers) = more {
            events.send(Event::Recomputing { layers, of: model.config.layers });
        }
        let loss = batch.accumulate(model, &state.lora, checkpointing, &mut saved, &mut gradients);
        if let (None, Some(sentence)) = (&gpu_failure, model.device().gpu_failure()) {
            events.send(Event::GpuFailed(sentence.clone()));
            gpu_failure = Some(sentence);
        }
        check_gradient_flow(&gradients, n)?;
        let learning_rate = recipe.learning_rate_at(n, plan.of);
        let norm = state.adam.step(&mut state.lora, &gradients, learning_rate, recipe.clip);
        if !norm.is_finite() {
            return Err(Error::Bug(format!("the gradient of step {n} is not finite")));
        }
        if n == 2 {
            events.send(Event::GradientsChecked(gradients.tensors().count()));
        }
        let (seconds, seconds_left) = clock.end(n, plan.of);
        let validation = plan.validates_at(n).then(|| state.validate(model, &plan, n, &mut events));
        let (validation_bits_per_byte, memorised_gap) =
            validation.map_or((None, None), |(bits, memorised)| (Some(bits), memorised));
        state.steps.push(Step {
            n,
            of: plan.of,
            loss,
            validation_bits_per_byte,
            memorised_gap,
            learning_rate,
            gradient_norm: norm,
            tokens: batch.tokens(),
            tokens_per_second: batch.tokens() as f32 / seconds,
            seconds_left,
            peak_bytes: crate::memory::peak(),
        });
        events.send(Event::Step(state.steps[n - 1].clone()));
        // Not once the run is over: the last validation belongs to the last step.
        let replanned = n < plan.of && state.replan(&mut plan, full, replan);
        if replanned {
            events.send(Event::Replanned(plan.of));
        }
        let over = state.steps.len() == plan.of || state.stops_early(recipe).is_some();
        if events.stop || over || replanned || clock.is_time_to_save() {
            state.save(folder, &plan.run)?;
            events.send(Event::Saved(n));
        }
    }

    let stop_reason = match state.stops_early(recipe) {
        _ if state.steps.len() >= plan.of => StopReason::Finished,
        Some(reason) => reason,
        None => StopReason::Stopped,
    };
    Ok(state.outcome(model, recipe, plan.run, stop_reason))
}

/// Checks that a gradient reaches every tensor. `B` starts at zero and stops every gradient on its way
/// to `A`, so at the first step each `B` must have one, and at the second each `A`.
fn check_gradient_flow(gradients: &Lora, n: usize) -> Result<()> {
    let wanted = match n {
        1 => "lora_B",
        2 => "lora_A",
        _ => return Ok(()),
    };
    let mut tensors = gradients.names().zip(gradients.tensors());
    let untouched = |(name, tensor): &(String, &Vec<f32>)| {
        name.contains(wanted) && tensor.iter().all(|value| *value == 0.0)
    };
    match tensors.find(untouched) {
        Some((name, _)) => Err(Error::Bug(format!("no gradient reached {name}"))),
        None => Ok(()),
    }
}

/// The examples of every step. They follow from base, rows and recipe alone.
struct TrainingPlan<'a> {
    recipe: &'a Recipe,
    fresh: Lora,
    examples: Vec<TrainingExample>,
    /// Prompts and texts of the validation rows.
    dev: Vec<(Vec<u32>, &'a str)>,
    /// The same of some training rows, about as much text.
    known: Vec<(Vec<u32>, &'a str)>,
    /// Steps in total.
    of: usize,
    /// A hash of everything that decides the result.
    run: String,
}

impl<'a> TrainingPlan<'a> {
    fn new(
        base: &Base,
        rows: &'a [Row],
        dev: &'a [Row],
        recipe: &'a Recipe,
        context: usize,
    ) -> Result<Self> {
        if rows.iter().chain(dev).any(|row| row.split == Split::Test) {
            return Err(Error::Recipe("a held-out row was passed as training data".to_owned()));
        }
        if recipe.rank > MAX_RANK {
            return Err(Error::Recipe(format!("its rank is above {MAX_RANK}")));
        }
        if recipe.rank == 0 || recipe.learning_rate.is_nan() || recipe.learning_rate <= 0.0 {
            return Err(Error::Recipe("its rank and learning rate must be above zero".to_owned()));
        }
        let mut examples = Vec::new();
        for row in rows {
            examples.extend(dataset::examples(base, row, context)?);
        }
        if examples.is_empty() {
            return Err(Error::Recipe("there is no training data".to_owned()));
        }
        let dev = dev.iter().filter(|row| !row.text.is_empty());
        let prompted = |row: &'a Row| Ok((prompt::for_seed(base, &row.seed)?, row.text.as_str()));
        let dev: Vec<_> = dev.map(prompted).collect::<Result<_>>()?;
        let bytes: usize = dev.iter().map(|(_, text)| text.len()).sum();
        let known = some_of(rows, bytes).into_iter().map(prompted).collect::<Result<_>>()?;
        let Recipe { rank, alpha, dropout, random_seed, .. } = *recipe;
        let fresh = Lora::fresh(base, rank, alpha, dropout, random_seed);
        let of = recipe.steps.unwrap_or_else(|| {
            let steps =
                |epoch| dataset::epoch(&examples, recipe.batch_tokens, random_seed, epoch).len();
            (0..recipe.epochs.max(1) as u64).map(steps).sum()
        });
        let run = hash(base, &examples, &dev, recipe);
        Ok(Self { recipe, fresh, examples, dev, known, of, run })
    }

    /// The examples of step `n`, counted from 1.
    fn batch(&self, n: usize) -> Batch<'_> {
        let (mut epoch, mut left) = (0, n - 1);
        loop {
            let Recipe { batch_tokens, random_seed, .. } = *self.recipe;
            let mut batches = dataset::epoch(&self.examples, batch_tokens, random_seed, epoch);
            if left < batches.len() {
                let examples = batches.swap_remove(left).into_iter().map(|i| &self.examples[i]);
                return Batch { plan: self, n, examples: examples.collect() };
            }
            left -= batches.len();
            epoch += 1;
        }
    }

    fn validates_at(&self, n: usize) -> bool {
        let every = self.recipe.validate_every;
        !self.dev.is_empty() && every > 0 && (n.is_multiple_of(every) || n == self.of)
    }
}

/// The examples of one step.
struct Batch<'a> {
    plan: &'a TrainingPlan<'a>,
    n: usize,
    examples: Vec<&'a TrainingExample>,
}

impl Batch<'_> {
    fn tokens(&self) -> usize {
        self.examples.iter().map(|example| example.tokens.len()).sum()
    }

    fn longest(&self) -> usize {
        self.examples.iter().map(|example| example.tokens.len()).max().unwrap_or(0)
    }

    /// Adds the batch's gradients; its mean loss. Weights are summed over the whole batch first, so that
    /// a batch of several examples is exactly one loss.
    fn accumulate(
        &self,
        model: &Model,
        lora: &Lora,
        checkpointing: ActivationCheckpointing,
        saved: &mut SavedActivations,
        gradients: &mut Lora,
    ) -> f32 {
        // Tokens of unlikelihood count as one each, so that a batch of nothing else has no larger
        // gradient for it.
        let counts = |w: &f32| if *w < 0.0 { 1.0 } else { f64::from(*w) };
        let weights = |example: &TrainingExample| example.weights.iter().map(counts).sum::<f64>();
        let normalizer: f64 = self.examples.iter().map(|example| weights(example)).sum();
        let mut loss = 0.0;
        for (i, example) in self.examples.iter().enumerate() {
            let Recipe { random_seed, dropout: rate, .. } = *self.plan.recipe;
            let seed = Rng::stream(random_seed, &[0xD0, self.n as u64, i as u64]).next_u64();
            let input = LossInput {
                tokens: &example.tokens,
                weights: &example.weights,
                normalizer,
                negative: NegativeWeights::Unlikelihood,
                dropout: (rate > 0.0).then_some(Dropout { rate, seed }),
                checkpointing,
            };
            loss += model.accumulate_gradients(lora, &input, saved, gradients);
        }
        (loss / normalizer) as f32
    }
}

impl TrainState {
    /// Evaluates the validation rows, and keeps the adapter if it is the best so far. Their bits per byte,
    /// and how much larger the memorised share of the training rows is, where the recipe limits it.
    fn validate(
        &mut self,
        model: &Model,
        plan: &TrainingPlan,
        n: usize,
        events: &mut Events,
    ) -> (f64, Option<f64>) {
        let evaluate = |texts: &[(Vec<u32>, &str)]| {
            let (mut nll, mut memorised, mut tokens) = (0.0, 0, 0);
            for (prompt, text) in texts {
                let (more, [of_text, all]) =
                    eval::nll_and_memorised(model, Some(&self.lora), prompt, text);
                (nll, memorised, tokens) = (nll + more, memorised + of_text, tokens + all);
            }
            (nll, memorised as f64 / tokens.max(1) as f64)
        };
        let (nll, of_dev) = evaluate(&plan.dev);
        let memorised_gap =
            (plan.recipe.max_memorised_gap > 0.0).then(|| evaluate(&plan.known).1 - of_dev);
        let bits_per_byte = nll
            / std::f64::consts::LN_2
            / plan.dev.iter().map(|(_, text)| text.len()).sum::<usize>() as f64;
        let best = self.best.as_ref().is_none_or(|(min, _)| bits_per_byte < *min);
        if best {
            self.best = Some((bits_per_byte, self.lora.clone()));
            self.validations_since_best = 0;
        } else {
            self.validations_since_best += 1;
        }
        events.send(Event::Validated { n, bits_per_byte, best });
        (bits_per_byte, memorised_gap)
    }

    /// Asks for the number of steps, at least one more than are done; whether it changed.
    fn replan(&mut self, plan: &mut TrainingPlan, full: usize, replan: &mut Replan<'_>) -> bool {
        let (done, planned) = (self.steps.len(), plan.of);
        plan.of = replan(done, planned, full).clamp((done + 1).min(full), full);
        if plan.of != planned {
            self.of = Some(plan.of);
        }
        plan.of != planned
    }

    /// The reason to stop before the last step, if there is one.
    fn stops_early(&self, recipe: &Recipe) -> Option<StopReason> {
        if recipe.patience > 0 && self.validations_since_best >= recipe.patience {
            return Some(StopReason::Patience);
        }
        recipe.has_memorised(&self.steps).then_some(StopReason::Overfitting)
    }

    fn outcome(
        self,
        base: &Base,
        recipe: &Recipe,
        rows_hash: String,
        stop_reason: StopReason,
    ) -> Outcome {
        let best_dev = self.best.as_ref().map(|(bits, _)| *bits);
        let card = Card::new(base, recipe, rows_hash, self.steps.clone());
        let lora = self.best.map_or(self.lora, |(_, lora)| lora);
        Outcome { adapter: Adapter { lora, card }, steps: self.steps, best_dev, stop_reason }
    }
}

/// Passes events on, and remembers a request to stop.
struct Events<'a> {
    on_event: &'a mut dyn FnMut(Event) -> ControlFlow<()>,
    stop: bool,
}

impl Events<'_> {
    fn send(&mut self, event: Event) {
        self.stop |= (self.on_event)(event).is_break();
    }

    /// The state of the run by the checkpoint in its folder; the beginning where there is none.
    fn resume(&mut self, folder: &Path, plan: &TrainingPlan) -> TrainState {
        let (found, damaged) = TrainState::find(folder, &plan.run, &plan.fresh);
        damaged.iter().for_each(|_| self.send(Event::CheckpointDamaged));
        let state = found.unwrap_or_else(|| TrainState::new(plan.fresh.clone()));
        if !state.steps.is_empty() {
            self.send(Event::Resumed(state.steps.len()));
        }
        state
    }
}

/// The speed of a run, and the time to save.
struct Clock {
    done_before: usize,
    began: Instant,
    step: Instant,
    saved: Instant,
}

impl Clock {
    fn new(done_before: usize) -> Self {
        let now = Instant::now();
        Self { done_before, began: now, step: now, saved: now }
    }

    fn begin(&mut self) {
        self.step = Instant::now();
    }

    /// Seconds of this step, and seconds to the end at the mean speed so far, validation included.
    fn end(&self, n: usize, of: usize) -> (f32, f32) {
        let a_step = self.began.elapsed().as_secs_f32() / (n - self.done_before) as f32;
        (self.step.elapsed().as_secs_f32().max(1e-6), a_step * (of - n) as f32)
    }

    fn is_time_to_save(&mut self) -> bool {
        let due = self.saved.elapsed() >= SAVE_EVERY;
        if due {
            self.saved = Instant::now();
        }
        due
    }
}

/// Whole rows without unlikelihood, evenly chosen, of about this many bytes.
fn some_of(rows: &[Row], bytes: usize) -> Vec<&Row> {
    let is_positive = |row: &&Row| row.weights.iter().all(|one| one.weight >= 0.0);
    let rows: Vec<&Row> = rows
        .iter()
        .filter(|row| row.scope.is_whole() && !row.text.is_empty())
        .filter(is_positive)
        .collect();
    let all: usize = rows.iter().map(|row| row.text.len()).sum();
    let n = (rows.len() * bytes).div_ceil(all.max(1)).min(rows.len());
    (0..n).map(|at| rows[at * rows.len() / n]).collect()
}

/// A hash of everything that decides a run's result.
fn hash(
    base: &Base,
    examples: &[TrainingExample],
    dev: &[(Vec<u32>, &str)],
    recipe: &Recipe,
) -> String {
    let mut hash = Sha256::new();
    hash.update(adapter::fingerprint(base));
    hash.update(described(recipe));
    for example in examples {
        hash.update((example.tokens.len() as u64).to_le_bytes());
        example.tokens.iter().for_each(|token| hash.update(token.to_le_bytes()));
        example.weights.iter().for_each(|weight| hash.update(weight.to_le_bytes()));
    }
    for (prompt, text) in dev {
        hash.update((prompt.len() as u64).to_le_bytes());
        prompt.iter().for_each(|token| hash.update(token.to_le_bytes()));
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    adapter::hex(&hash.finalize())
}

/// A recipe as text. Checkpoints are recognised by its hash, so the words never change, whatever the
/// fields are called today.
fn described(recipe: &Recipe) -> String {
    let Recipe { name, rank, alpha, dropout, learning_rate, warmup_steps, clip, context, .. } =
        recipe;
    let Recipe { sections, batch_tokens, epochs, steps, validate_every, patience, .. } = recipe;
    let Recipe { min_perplexity, max_memorised_gap, random_seed, .. } = recipe;
    format!(
        "Recipe {{ name: {name:?}, rank: {rank}, alpha: {alpha:?}, dropout: {dropout:?}, \
         learning_rate: {learning_rate:?}, warmup_steps: {warmup_steps}, clip: {clip:?}, \
         context: {context}, sections: {sections}, batch_tokens: {batch_tokens}, \
         epochs: {epochs}, steps: {steps:?}, dev_every: {validate_every}, patience: {patience}, \
         least_perplexity: {min_perplexity:?}, most_by_heart: {max_memorised_gap:?}, \
         random_seed: {random_seed} }}"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tiny;
    use ghost_core::id::PieceId;
    use ghost_core::outline::RequestScope;
    use ghost_core::row::Origin;
    use ghost_core::seed::Seed;

    fn row(i: i64, split: Split) -> Row {
        let text = format!("It rained on hill {i}, and then the sun came.");
        let seed = Seed { topic: format!("rain {i}"), ..Seed::default() };
        let origin = Origin::Archive(PieceId(i));
        Row { seed, scope: RequestScope::Whole, text, weights: Vec::new(), origin, split }
    }

    fn rows(n: i64) -> Vec<Row> {
        (0..n).map(|i| row(i, Split::Train)).collect()
    }

    fn dev() -> Vec<Row> {
        (90..92).map(|i| row(i, Split::Validation)).collect()
    }

    fn recipe() -> Recipe {
        Recipe {
            name: "test".to_owned(),
            rank: 4,
            alpha: 8.0,
            dropout: 0.1,
            learning_rate: 5e-3,
            warmup_steps: 2,
            clip: 1.0,
            context: 256,
            sections: false,
            batch_tokens: 300,
            epochs: 2,
            steps: None,
            validate_every: 2,
            patience: 0,
            min_perplexity: 0.0,
            max_memorised_gap: 0.0,
            random_seed: 7,
        }
    }

    fn continue_(_: Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// The adapter's file, and the losses: what must not depend on interruptions.
    fn essence(base: &Base, outcome: &Outcome) -> (Vec<u8>, Vec<f32>, Option<f64>) {
        let losses = outcome.steps.iter().map(|step| step.loss).collect();
        (outcome.adapter.weights(base).unwrap(), losses, outcome.best_dev)
    }

    #[test]
    fn a_run_short_of_memory_reports_it_and_gives_the_same_adapter() {
        let model = tiny::model(1);
        let rows: Vec<Row> = (0..3)
            .map(|i| Row { text: row(i, Split::Train).text.repeat(9), ..row(i, Split::Train) })
            .collect();
        let recipe = Recipe { steps: Some(4), ..recipe() };
        let within = |free: &dyn Fn() -> u64| {
            let (folder, mut events) = (tempfile::tempdir().unwrap(), Vec::new());
            let outcome = train_within(
                free,
                &model,
                &rows,
                &[],
                &recipe,
                folder.path(),
                &mut |_, of, _| of,
                &mut |event| {
                    events.push(event);
                    ControlFlow::Continue(())
                },
            );
            (essence(&model, &outcome.unwrap()), events)
        };
        let plenty = || 16 << 30;
        // Enough at first; after some steps another program takes most of it.
        let asked = std::cell::Cell::new(0);
        let less_and_less = || {
            asked.set(asked.get() + 1);
            if asked.get() < 3 { 16 << 30 } else { 2 * memory_planner::LOSS_BYTES + (1 << 20) }
        };
        let ((rich, quiet), (poor, events)) = (within(&plenty), within(&less_and_less));
        assert!(rich == poor, "the same adapter and losses");
        let down = |event: &&Event| matches!(event, Event::Recomputing { .. });
        assert_eq!(quiet.iter().filter(down).count(), 0);
        assert_eq!(events.iter().filter(down).count(), 1, "reported once: {events:?}");
    }

    #[test]
    fn the_words_of_a_recipe_never_change() {
        let words = "Recipe { name: \"test\", rank: 4, alpha: 8.0, dropout: 0.1, \
                     learning_rate: 0.005, warmup_steps: 2, clip: 1.0, context: 256, \
                     sections: false, batch_tokens: 300, epochs: 2, steps: None, dev_every: 2, \
                     patience: 0, least_perplexity: 0.0, most_by_heart: 0.0, random_seed: 7 }";
        assert_eq!(described(&recipe()), words);
    }

    #[test]
    fn loss_falls_on_ten_rows() {
        let model = tiny::model(1);
        let folder = tempfile::tempdir().unwrap();
        let recipe = Recipe { epochs: 12, validate_every: 0, ..recipe() };
        let mut proved = 0;
        let outcome = train(&model, &rows(10), &[], &recipe, folder.path(), &mut |event| {
            proved += usize::from(event == Event::GradientsChecked(model.config.layers * 14));
            ControlFlow::Continue(())
        });
        let outcome = outcome.unwrap();
        let (first, last) = (outcome.steps.first().unwrap(), outcome.steps.last().unwrap());
        assert!(last.loss < first.loss * 0.8, "{} to {}", first.loss, last.loss);
        assert_eq!((outcome.stop_reason, proved, last.n), (StopReason::Finished, 1, last.of));
        assert_eq!(outcome.best_dev, None);
    }

    #[test]
    fn a_run_stopped_at_any_step_resumes_to_the_same_adapter() {
        let model = tiny::model(1);
        let (rows, dev, recipe) = (rows(7), dev(), recipe());
        let folder = tempfile::tempdir().unwrap();
        let whole = train(&model, &rows, &dev, &recipe, folder.path(), &mut continue_).unwrap();
        assert!(whole.steps.len() >= 4 && whole.best_dev.is_some());
        for stop_at in 1..whole.steps.len() {
            let folder = tempfile::tempdir().unwrap();
            let stopped =
                train(&model, &rows, &dev, &recipe, folder.path(), &mut |event| match event {
                    Event::Step(step) if step.n == stop_at => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                });
            let stopped = stopped.unwrap();
            assert_eq!((stopped.stop_reason, stopped.steps.len()), (StopReason::Stopped, stop_at));
            let mut resumed = None;
            let outcome = train(&model, &rows, &dev, &recipe, folder.path(), &mut |event| {
                if let Event::Resumed(n) = event {
                    resumed = Some(n);
                }
                ControlFlow::Continue(())
            });
            let outcome = outcome.unwrap();
            assert_eq!(resumed, Some(stop_at));
            assert!(essence(&model, &outcome) == essence(&model, &whole), "stopped at {stop_at}");
        }
    }

    #[test]
    fn a_run_that_was_replanned_resumes_to_the_same_adapter() {
        let model = tiny::model(1);
        let (rows, dev, recipe) = (rows(7), dev(), Recipe { epochs: 4, ..recipe() });
        // Five steps once two are done; later answers differ.
        let train = |folder: &Path,
                     later: usize,
                     on_event: &mut dyn FnMut(Event) -> ControlFlow<()>| {
            let mut replan = |done: usize, planned: usize, full: usize| match done {
                0 => full - 1,
                2 => 5,
                _ if later > 0 => later,
                _ => planned,
            };
            train_replanned(&model, &rows, &dev, &recipe, folder, &mut replan, on_event).unwrap()
        };
        let (folder, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut events = Vec::new();
        let whole = train(folder.path(), 0, &mut |event| {
            // What a kill in the fourth step leaves.
            if matches!(&event, Event::Step(step) if step.n == 4) {
                for entry in std::fs::read_dir(folder.path()).unwrap().flatten() {
                    std::fs::copy(entry.path(), killed.path().join(entry.file_name())).unwrap();
                }
            }
            events.push(event);
            ControlFlow::Continue(())
        });
        assert_eq!(whole.steps.iter().map(|step| step.of).collect::<Vec<_>>(), [7, 7, 5, 5, 5]);
        assert!(whole.steps[4].validation_bits_per_byte.is_some(), "the last step looks");
        assert!(events.contains(&Event::Replanned(5)) && events.contains(&Event::Saved(2)));
        let mut resumed = None;
        let again = train(killed.path(), 0, &mut |event| {
            if let Event::Resumed(n) = event {
                resumed = Some(n);
            }
            ControlFlow::Continue(())
        });
        assert_eq!(resumed, Some(2));
        assert!(essence(&model, &again) == essence(&model, &whole));
        // A plan never ends before the next step, nor after the recipe's last.
        let (short, long) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(train(short.path(), 1, &mut continue_).steps.len(), 2);
        assert_eq!(train(long.path(), 99, &mut continue_).steps.len(), 8);
    }

    #[test]
    fn a_damaged_checkpoint_changes_no_result() {
        let model = tiny::model(1);
        let (rows, recipe) = (rows(7), recipe());
        let clean = tempfile::tempdir().unwrap();
        let whole = train(&model, &rows, &[], &recipe, clean.path(), &mut continue_).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let stop_after = |n: usize| {
            train(&model, &rows, &[], &recipe, folder.path(), &mut |event| match event {
                Event::Step(step) if step.n == n => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
            .unwrap();
        };
        stop_after(1);
        stop_after(2);
        let at = folder.path().join("checkpoint");
        let mut bytes = std::fs::read(&at).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&at, &bytes).unwrap();
        let mut events = Vec::new();
        let outcome = train(&model, &rows, &[], &recipe, folder.path(), &mut |event| {
            events.push(event);
            ControlFlow::Continue(())
        });
        assert_eq!(events[..2], [Event::CheckpointDamaged, Event::Resumed(1)]);
        assert!(essence(&model, &outcome.unwrap()) == essence(&model, &whole));
        for length in [0, 5, 40, 1000] {
            for name in ["checkpoint", "checkpoint.previous"] {
                std::fs::write(folder.path().join(name), &bytes[..length]).unwrap();
            }
            let outcome =
                train(&model, &rows, &[], &recipe, folder.path(), &mut continue_).unwrap();
            assert!(essence(&model, &outcome) == essence(&model, &whole), "both cut to {length}");
        }
    }

    #[test]
    fn another_run_in_the_folder_is_not_resumed() {
        let model = tiny::model(1);
        let folder = tempfile::tempdir().unwrap();
        train(&model, &rows(7), &[], &recipe(), folder.path(), &mut continue_).unwrap();
        let other = Recipe { random_seed: 8, ..recipe() };
        let mut first = None;
        train(&model, &rows(7), &[], &other, folder.path(), &mut |event| {
            first.get_or_insert(event);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(matches!(first, Some(Event::Step(step)) if step.n == 1));
    }

    #[test]
    fn the_best_validation_is_kept_and_patience_stops_the_run() {
        let model = tiny::model(1);
        let folder = tempfile::tempdir().unwrap();
        // A rate far too high: the dev rows get worse sooner or later.
        let recipe =
            Recipe { learning_rate: 0.3, epochs: 30, validate_every: 1, patience: 2, ..recipe() };
        let outcome =
            train(&model, &rows(4), &dev(), &recipe, folder.path(), &mut continue_).unwrap();
        assert_eq!(outcome.stop_reason, StopReason::Patience);
        let looks: Vec<f64> =
            outcome.steps.iter().filter_map(|step| step.validation_bits_per_byte).collect();
        assert_eq!(looks.len(), outcome.steps.len());
        assert_eq!(outcome.best_dev, looks.iter().copied().min_by(f64::total_cmp));
        let scored: f64 = dev()
            .iter()
            .map(|row| {
                let prompt = prompt::for_seed(&model, &row.seed).unwrap();
                eval::bits_per_byte(&model, Some(&outcome.adapter), &prompt, &row.text)
            })
            .sum::<f64>()
            / 2.0;
        assert!((scored - outcome.best_dev.unwrap()).abs() < 1e-6);
    }

    #[test]
    fn a_run_stops_at_the_minimum_perplexity() {
        let model = tiny::model(1);
        let folder = tempfile::tempdir().unwrap();
        // The tiny base knows nothing: its perplexity is in the hundreds, and 1e6 is above it.
        let recipe = Recipe { epochs: 40, validate_every: 0, min_perplexity: 1e6, ..recipe() };
        let learn = |recipe: &Recipe, room: &str| {
            let room = folder.path().join(room);
            train(&model, &rows(4), &[], recipe, &room, &mut continue_).unwrap()
        };
        let outcome = learn(&recipe, "a");
        assert_eq!((outcome.stop_reason, outcome.steps.len()), (StopReason::Overfitting, 5));
        let never = Recipe { steps: Some(7), min_perplexity: 0.0, ..recipe };
        assert_eq!(learn(&never, "b").stop_reason, StopReason::Finished);
    }

    #[test]
    fn a_run_stops_when_it_memorises_its_rows() {
        let model = tiny::model(1);
        let folder = tempfile::tempdir().unwrap();
        let text = "Quite other words stand here; nobody has heard them said before.".to_owned();
        let dev = [Row { text, ..row(90, Split::Validation) }];
        let recipe = Recipe {
            learning_rate: 2e-2,
            dropout: 0.0,
            steps: Some(200),
            validate_every: 1,
            max_memorised_gap: 0.02,
            ..recipe()
        };
        let outcome =
            train(&model, &rows(1), &dev, &recipe, folder.path(), &mut continue_).unwrap();
        assert_eq!(outcome.stop_reason, StopReason::Overfitting);
        let memorised: Vec<f64> =
            outcome.steps.iter().filter_map(|step| step.memorised_gap).collect();
        let (last, before) = memorised.split_last().unwrap();
        assert!(*last > 0.02 && before.iter().all(|share| *share <= 0.02));
    }

    #[test]
    fn an_impossible_recipe_is_refused_with_a_sentence() {
        let model = tiny::model(1);
        let folder = tempfile::tempdir().unwrap();
        let holdout = [row(1, Split::Test)];
        for (rows, recipe) in [
            (&[][..], recipe()),
            (&holdout[..], recipe()),
            (&rows(2)[..], Recipe { rank: 0, ..recipe() }),
            (&rows(2)[..], Recipe { rank: usize::MAX, ..recipe() }),
            (&rows(2)[..], Recipe { learning_rate: 0.0, ..recipe() }),
            (&rows(2)[..], Recipe { learning_rate: f32::NAN, ..recipe() }),
        ] {
            let error =
                train(&model, rows, &[], &recipe, folder.path(), &mut continue_).unwrap_err();
            assert!(matches!(error, Error::Recipe(_)), "{error}");
            assert!(error.to_string().ends_with('.'));
        }
    }

    #[test]
    fn a_missing_gradient_is_an_error() {
        let model = tiny::model(1);
        let mut gradients = Lora::fresh(&model, 2, 1.0, 0.0, 1);
        assert!(
            check_gradient_flow(&gradients, 1)
                .unwrap_err()
                .to_string()
                .contains("layers.0.self_attn.q_proj.lora_B")
        );
        check_gradient_flow(&gradients, 2).unwrap();
        gradients.layers[1][6].a.fill(0.0);
        assert!(
            check_gradient_flow(&gradients, 2)
                .unwrap_err()
                .to_string()
                .contains("layers.1.mlp.down_proj.lora_A")
        );
        check_gradient_flow(&gradients, 3).unwrap();
    }

    #[test]
    fn a_fixed_number_of_steps_may_repeat_the_rows() {
        let model = tiny::model(1);
        let folder = tempfile::tempdir().unwrap();
        let recipe = Recipe { steps: Some(9), epochs: 1, ..recipe() };
        let outcome = train(&model, &rows(3), &[], &recipe, folder.path(), &mut continue_).unwrap();
        assert_eq!(outcome.steps.len(), 9);
    }
}
