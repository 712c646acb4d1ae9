//! A run: rows in, an adapter out, and everything that happens to it on one screen.
//!
//! The same base, rows and recipe give the same adapter bit for bit, however
//! often the run is stopped and gone on with in between: the order of rows and
//! what is dropped follow from the seed and the step. The clock is read to tell
//! how fast it goes and to save every minute, and never changes the result.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use ghost_core::row::Row;
use ghost_core::run::{Recipe, Step};
use ghost_core::split::Split;
use sha2::{Digest, Sha256};

use crate::adapter::{self, Adapter, Card};
use crate::base::Base;
use crate::chance::Chance;
use crate::checkpoint::{self, Standing};
use crate::device;
use crate::error::{Error, Result};
use crate::lesson::{self, Lesson};
use crate::lora::Lora;
use crate::memory;
use crate::model::{Dropout, Keep, Learner, Model, Told};
use crate::private;
use crate::score;

/// Longest time between two checkpoints.
const SAVE_EVERY: Duration = Duration::from_secs(50);
/// Share of the free memory a step may fill: other programs have a claim too.
const MEMORY_SHARE: f64 = 0.5;
/// No stretch of a text is made shorter than this for want of memory.
const SHORTEST: usize = 256;
/// What the loss takes besides: logits of some rows, and room to turn round.
const LOSS_BYTES: u64 = 160 << 20;
/// A rank above this is a slip of the finger: it would outgrow the base's own matrices.
const MOST_RANK: usize = 512;
/// Free memory where the system doesn't say.
const MEMORY_GUESS: u64 = 4 << 30;

/// What happens while a run is under way. Answering `Break` ends it after the step at hand.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Goes on after so many steps done before.
    Resumed(usize),
    /// A checkpoint couldn't be read, and one before it, or the beginning, serves.
    CheckpointDamaged,
    /// A gradient reached each of so many tensors.
    ProvedGradients(usize),
    /// Memory is short: texts are learned in stretches of so many tokens instead of the recipe's.
    Shortened {
        /// Tokens of a stretch from now on.
        to: usize,
        /// As the recipe has it.
        from: usize,
    },
    /// Memory is shorter than before: so many of the blocks are computed again on the way back.
    /// The result is the same, and later.
    SteppedDown {
        /// Computed again.
        again: usize,
        /// Blocks there are.
        of: usize,
    },
    /// A step was done.
    Stepped(Step),
    /// The dev rows were looked at after step `n`.
    Looked {
        /// The step.
        n: usize,
        /// Bits per byte of the dev rows.
        bits_per_byte: f64,
        /// Whether no look was better.
        best: bool,
    },
    /// The run has so many steps from now on.
    Replanned(usize),
    /// All of it up to step `n` is on disk.
    Saved(usize),
    /// The graphics card failed, and the processor goes on: why, in a sentence.
    CardLost(String),
}

/// Why a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// All steps are done.
    Finished,
    /// The dev rows got no better.
    Patience,
    /// It began to learn by heart.
    ByHeart,
    /// Someone asked to stop; it can be gone on with.
    Stopped,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The best by the dev rows; the last where none were looked at.
    pub adapter: Adapter,
    /// The curve, steps before an interruption included.
    pub steps: Vec<Step>,
    /// Bits per byte of the dev rows at the best look.
    pub best_dev: Option<f64>,
    /// Why it is over.
    pub ended: Why,
}

/// How many steps a run has, asked before its first step and after each: of the steps done, of those
/// planned so far, and of those its recipe has.
pub type Replan<'a> = dyn FnMut(usize, usize, usize) -> usize + 'a;

/// Learns from rows. Checkpoints go to `folder`, and a run that finds its own there goes on from
/// it. `folder` may be removed once the adapter is saved.
pub fn train(
    base: &Base,
    rows: &[Row],
    dev: &[Row],
    recipe: &Recipe,
    folder: &Path,
    hear: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome> {
    train_replanned(base, rows, dev, recipe, folder, &mut |_, planned, _| planned, hear)
}

/// [`train`], with someone to ask how many steps there is time for. What was answered is kept with
/// the checkpoint, so that a run goes on to the same result.
pub fn train_replanned(
    base: &Base,
    rows: &[Row],
    dev: &[Row],
    recipe: &Recipe,
    folder: &Path,
    replan: &mut Replan<'_>,
    hear: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome> {
    let free = || memory::available().unwrap_or(MEMORY_GUESS);
    train_within(&free, base, rows, dev, recipe, folder, replan, hear)
}

/// [`train_replanned`], with someone to ask how many bytes are free.
#[allow(clippy::too_many_arguments)]
pub fn train_within(
    free: &dyn Fn() -> u64,
    base: &Base,
    rows: &[Row],
    dev: &[Row],
    recipe: &Recipe,
    folder: &Path,
    replan: &mut Replan<'_>,
    hear: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome> {
    let mut listener = Listener { hear, stop: false };
    let mut thrift = Thrift { base, rank: recipe.rank, free, again: 0 };
    let context = thrift.context(recipe.context.min(base.shape.context), folder)?;
    if context < recipe.context.min(base.shape.context) {
        listener.say(Event::Shortened { to: context, from: recipe.context });
    }
    let mut plan = Plan::new(base, rows, dev, recipe, context)?;
    let full = plan.of;
    let mut now = listener.resume(folder, &plan, recipe);
    plan.of = now.of.unwrap_or(full);
    if now.steps.is_empty() {
        now.replan(&mut plan, full, replan);
    }
    let mut learner = Learner::default();
    let mut gradients = now.lora.zeros_like();
    let mut clock = Clock::new(now.steps.len());
    let mut lost = device::lost_card();

    while now.steps.len() < plan.of && now.ends_early(recipe).is_none() && !listener.stop {
        let n = now.steps.len() + 1;
        clock.begin();
        gradients.tensors_mut().for_each(|tensor| tensor.fill(0.0));
        let batch = plan.batch(n);
        let keep = thrift.keep(batch.longest(), &learner, &mut listener);
        let loss = batch.learn(base, &now.lora, &mut learner, &mut gradients, keep);
        if let (None, Some(sentence)) = (&lost, device::lost_card()) {
            listener.say(Event::CardLost(sentence.clone()));
            lost = Some(sentence);
        }
        felt(&gradients, n)?;
        let learning_rate = recipe.learning_rate_at(n, plan.of);
        let norm = now.adam.step(&mut now.lora, &gradients, learning_rate, recipe.clip);
        if !norm.is_finite() {
            return Err(Error::Bug(format!("the gradient of step {n} is not a number")));
        }
        if n == 2 {
            listener.say(Event::ProvedGradients(gradients.tensors().count()));
        }
        let (seconds, seconds_left) = clock.end(n, plan.of);
        let looked = plan.looks_at(n).then(|| now.look(base, &plan, n, &mut listener));
        let (validation_bits_per_byte, by_heart) =
            looked.map_or((None, None), |(bits, said)| (Some(bits), said));
        now.steps.push(Step {
            n,
            of: plan.of,
            loss,
            validation_bits_per_byte,
            memorised_gap: by_heart,
            learning_rate,
            gradient_norm: norm,
            tokens: batch.tokens(),
            tokens_per_second: batch.tokens() as f32 / seconds,
            seconds_left,
            peak_bytes: memory::peak(),
        });
        listener.say(Event::Stepped(now.steps[n - 1].clone()));
        // Not once it is over: the look at the dev rows belongs to the last step.
        let replanned = n < plan.of && now.replan(&mut plan, full, replan);
        if replanned {
            listener.say(Event::Replanned(plan.of));
        }
        let over = now.steps.len() == plan.of || now.ends_early(recipe).is_some();
        if listener.stop || over || replanned || clock.is_time_to_save() {
            now.save(folder, &plan.run)?;
            listener.say(Event::Saved(n));
        }
    }

    let ended = match now.ends_early(recipe) {
        _ if now.steps.len() >= plan.of => Why::Finished,
        Some(why) => why,
        None => Why::Stopped,
    };
    Ok(now.outcome(base, recipe, plan.run, ended))
}

/// A gradient is proven, not assumed. `B` begins at zero and stops every gradient on its way to
/// `A`, so at the first step each `B` must have felt one, and at the second each `A`.
fn felt(gradients: &Lora, n: usize) -> Result<()> {
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

/// What will be learned, when. Follows from base, rows and recipe alone.
struct Plan<'a> {
    recipe: &'a Recipe,
    fresh: Lora,
    lessons: Vec<Lesson>,
    /// Prompts and texts of the dev rows.
    dev: Vec<(Vec<u32>, &'a str)>,
    /// The same of some rows that are learned from, about as much.
    known: Vec<(Vec<u32>, &'a str)>,
    /// Steps there will be.
    of: usize,
    /// Hash of all that decides the result.
    run: String,
}

impl<'a> Plan<'a> {
    fn new(
        base: &Base,
        rows: &'a [Row],
        dev: &'a [Row],
        recipe: &'a Recipe,
        context: usize,
    ) -> Result<Self> {
        if rows.iter().chain(dev).any(|row| row.split == Split::Test) {
            return Err(Error::Recipe("a row that is held out was given to learn from".to_owned()));
        }
        if recipe.rank > MOST_RANK {
            return Err(Error::Recipe(format!("its rank is above {MOST_RANK}")));
        }
        if recipe.rank == 0 || recipe.learning_rate.is_nan() || recipe.learning_rate <= 0.0 {
            return Err(Error::Recipe("its rank and learning rate must be above zero".to_owned()));
        }
        let mut lessons = Vec::new();
        for row in rows {
            lessons.extend(lesson::lessons(base, row, context)?);
        }
        if lessons.is_empty() {
            return Err(Error::Recipe("there is nothing to learn from".to_owned()));
        }
        let dev = dev.iter().filter(|row| !row.text.is_empty());
        let asked = |row: &'a Row| Ok((lesson::prompt_for(base, &row.seed)?, row.text.as_str()));
        let dev: Vec<_> = dev.map(asked).collect::<Result<_>>()?;
        let bytes: usize = dev.iter().map(|(_, text)| text.len()).sum();
        let known = some_of(rows, bytes).into_iter().map(asked).collect::<Result<_>>()?;
        let Recipe { rank, alpha, dropout, random_seed, .. } = *recipe;
        let fresh = Lora::fresh(base, rank, alpha, dropout, random_seed);
        let of = recipe.steps.unwrap_or_else(|| {
            let steps =
                |epoch| lesson::epoch(&lessons, recipe.batch_tokens, random_seed, epoch).len();
            (0..recipe.epochs.max(1) as u64).map(steps).sum()
        });
        let run = hash(base, &lessons, &dev, recipe);
        Ok(Self { recipe, fresh, lessons, dev, known, of, run })
    }

    /// The lessons of step `n`, counted from 1.
    fn batch(&self, n: usize) -> Batch<'_> {
        let (mut epoch, mut left) = (0, n - 1);
        loop {
            let Recipe { batch_tokens, random_seed, .. } = *self.recipe;
            let mut batches = lesson::epoch(&self.lessons, batch_tokens, random_seed, epoch);
            if left < batches.len() {
                let lessons = batches.swap_remove(left).into_iter().map(|i| &self.lessons[i]);
                return Batch { plan: self, n, lessons: lessons.collect() };
            }
            left -= batches.len();
            epoch += 1;
        }
    }

    fn looks_at(&self, n: usize) -> bool {
        let every = self.recipe.validate_every;
        !self.dev.is_empty() && every > 0 && (n.is_multiple_of(every) || n == self.of)
    }
}

/// What one step learns from.
struct Batch<'a> {
    plan: &'a Plan<'a>,
    n: usize,
    lessons: Vec<&'a Lesson>,
}

impl Batch<'_> {
    fn tokens(&self) -> usize {
        self.lessons.iter().map(|lesson| lesson.tokens.len()).sum()
    }

    fn longest(&self) -> usize {
        self.lessons.iter().map(|lesson| lesson.tokens.len()).max().unwrap_or(0)
    }

    /// Adds the batch's gradients; its loss. Weights are summed over the whole batch first, so
    /// that a batch of several lessons is exactly one loss.
    fn learn(
        &self,
        base: &Base,
        lora: &Lora,
        learner: &mut Learner,
        gradients: &mut Lora,
        keep: Keep,
    ) -> f32 {
        // What is not to be said is divided by how much of it there is, so that a batch of nothing
        // else is no stronger for it.
        let counts = |w: &f32| if *w < 0.0 { 1.0 } else { f64::from(*w) };
        let weights = |lesson: &Lesson| lesson.weights.iter().map(counts).sum::<f64>();
        let over: f64 = self.lessons.iter().map(|lesson| weights(lesson)).sum();
        let (mut nats, model) = (0.0, Model::new(base, Some(lora)));
        for (i, lesson) in self.lessons.iter().enumerate() {
            let Recipe { random_seed, dropout: share, .. } = *self.plan.recipe;
            let seed = Chance::of(random_seed, &[0xD0, self.n as u64, i as u64]).draw();
            let told = Told {
                tokens: &lesson.tokens,
                weights: &lesson.weights,
                over,
                straight: false,
                dropout: (share > 0.0).then_some(Dropout { share, seed }),
                keep,
            };
            nats += learner.learn(&model, told, gradients);
        }
        (nats / over) as f32
    }
}

impl Standing {
    /// Looks at the dev rows, and keeps the adapter if it was never better. Answers their bits a
    /// byte, and how much more of what is learned from is said by heart, where that is asked for.
    fn look(
        &mut self,
        base: &Base,
        plan: &Plan,
        n: usize,
        listener: &mut Listener,
    ) -> (f64, Option<f64>) {
        let heard = |texts: &[(Vec<u32>, &str)]| {
            let (mut nats, mut by_heart, mut tokens) = (0.0, 0, 0);
            for (prompt, text) in texts {
                let (more, [said, of]) = score::heard(base, Some(&self.lora), prompt, text);
                (nats, by_heart, tokens) = (nats + more, by_heart + said, tokens + of);
            }
            (nats, by_heart as f64 / tokens.max(1) as f64)
        };
        let (nats, of_dev) = heard(&plan.dev);
        let by_heart = (plan.recipe.max_memorised_gap > 0.0).then(|| heard(&plan.known).1 - of_dev);
        let bits_per_byte = nats
            / std::f64::consts::LN_2
            / plan.dev.iter().map(|(_, text)| text.len()).sum::<usize>() as f64;
        let best = self.best.as_ref().is_none_or(|(least, _)| bits_per_byte < *least);
        if best {
            self.best = Some((bits_per_byte, self.lora.clone()));
            self.looks_since = 0;
        } else {
            self.looks_since += 1;
        }
        listener.say(Event::Looked { n, bits_per_byte, best });
        (bits_per_byte, by_heart)
    }

    /// Asks how many steps there are to be, at least one more than are done; whether that is news.
    fn replan(&mut self, plan: &mut Plan, full: usize, replan: &mut Replan<'_>) -> bool {
        let (done, planned) = (self.steps.len(), plan.of);
        plan.of = replan(done, planned, full).clamp((done + 1).min(full), full);
        if plan.of != planned {
            self.of = Some(plan.of);
        }
        plan.of != planned
    }

    /// Why it is over before its time, where it is.
    fn ends_early(&self, recipe: &Recipe) -> Option<Why> {
        if recipe.patience > 0 && self.looks_since >= recipe.patience {
            return Some(Why::Patience);
        }
        recipe.has_memorised(&self.steps).then_some(Why::ByHeart)
    }

    fn outcome(self, base: &Base, recipe: &Recipe, rows_hash: String, ended: Why) -> Outcome {
        let best_dev = self.best.as_ref().map(|(bits, _)| *bits);
        let card = Card::new(base, recipe, rows_hash, self.steps.clone());
        let lora = self.best.map_or(self.lora, |(_, lora)| lora);
        Outcome { adapter: Adapter { lora, card }, steps: self.steps, best_dev, ended }
    }
}

/// Passes events on, and remembers that someone asked to stop.
struct Listener<'a> {
    hear: &'a mut dyn FnMut(Event) -> ControlFlow<()>,
    stop: bool,
}

impl Listener<'_> {
    fn say(&mut self, event: Event) {
        self.stop |= (self.hear)(event).is_break();
    }

    /// Where the run stands by what is in its folder; at the beginning where nothing is.
    fn resume(&mut self, folder: &Path, plan: &Plan, _: &Recipe) -> Standing {
        let (found, damaged) = Standing::find(folder, &plan.run, &plan.fresh);
        damaged.iter().for_each(|_| self.say(Event::CheckpointDamaged));
        let standing = found.unwrap_or_else(|| Standing::begin(plan.fresh.clone()));
        if !standing.steps.is_empty() {
            self.say(Event::Resumed(standing.steps.len()));
        }
        standing
    }
}

/// How fast it goes, and when to save.
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

    /// Seconds of this step, and to the end at the mean speed so far, looks at dev included.
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

/// Sees to it that a run takes no more memory than there is.
struct Thrift<'a> {
    base: &'a Base,
    rank: usize,
    free: &'a dyn Fn() -> u64,
    /// Most blocks ever computed again, so that it is said once.
    again: usize,
}

/// Where a run keeps how long its stretches are: the lessons follow from it, and going on must mean
/// going on with the same, however much memory there is by then.
const CONTEXT: &str = "context";

impl Thrift<'_> {
    /// Bytes a step may take.
    fn allowed(&self, held: u64) -> u64 {
        let free = (self.free)().saturating_add(held) as f64 * MEMORY_SHARE;
        (free as u64).saturating_sub(LOSS_BYTES)
    }

    /// The longest stretch of a text that fits when no block's insides are kept, or what the run
    /// began with.
    fn context(&self, wanted: usize, folder: &Path) -> Result<usize> {
        let place = folder.join(CONTEXT);
        let begun_with = fs::read_to_string(&place).ok().and_then(|text| text.parse().ok());
        if let Some(context) = begun_with {
            return Ok(wanted.min(context));
        }
        // Runs of earlier versions noted it only where it was shortened.
        if checkpoint::is_in(folder) {
            return Ok(wanted);
        }
        let (allowed, mut context) = (self.allowed(0), wanted);
        while context > SHORTEST && Learner::needs(self.base, self.rank, context).0 > allowed {
            context = (context / 2).max(SHORTEST);
        }
        let io = |source| Error::Io { path: folder.to_owned(), source };
        private::make_folder(folder).map_err(io)?;
        adapter::write(&place, context.to_string().as_bytes())?;
        Ok(context)
    }

    /// How many blocks keep their insides while `n` tokens are learned from.
    fn keep(&mut self, n: usize, learner: &Learner, listener: &mut Listener) -> Keep {
        let layers = self.base.shape.layers;
        let (least, each) = Learner::needs(self.base, self.rank, n);
        let room = self.allowed(learner.held()).saturating_sub(least);
        let keep = room.checked_div(each).map_or(layers, |fit| layers.min(fit as usize));
        if layers - keep > self.again {
            self.again = layers - keep;
            listener.say(Event::SteppedDown { again: self.again, of: layers });
        }
        Keep(keep)
    }
}

/// Whole rows that are to be said, evenly chosen, of about so many bytes.
fn some_of(rows: &[Row], bytes: usize) -> Vec<&Row> {
    let is_said = |row: &&Row| row.weights.iter().all(|one| one.weight >= 0.0);
    let rows: Vec<&Row> = rows
        .iter()
        .filter(|row| row.scope.is_whole() && !row.text.is_empty())
        .filter(is_said)
        .collect();
    let all: usize = rows.iter().map(|row| row.text.len()).sum();
    let n = (rows.len() * bytes).div_ceil(all.max(1)).min(rows.len());
    (0..n).map(|at| rows[at * rows.len() / n]).collect()
}

/// One hash of all that decides a run's result.
fn hash(base: &Base, lessons: &[Lesson], dev: &[(Vec<u32>, &str)], recipe: &Recipe) -> String {
    let mut hash = Sha256::new();
    hash.update(adapter::fingerprint(base));
    hash.update(format!("{recipe:?}"));
    for lesson in lessons {
        hash.update((lesson.tokens.len() as u64).to_le_bytes());
        lesson.tokens.iter().for_each(|token| hash.update(token.to_le_bytes()));
        lesson.weights.iter().for_each(|weight| hash.update(weight.to_le_bytes()));
    }
    for (prompt, text) in dev {
        hash.update((prompt.len() as u64).to_le_bytes());
        prompt.iter().for_each(|token| hash.update(token.to_le_bytes()));
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    adapter::hex(&hash.finalize())
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

    fn row(i: i64, side: Split) -> Row {
        let text = format!("It rained on hill {i}, and then the sun came.");
        let seed = Seed { topic: format!("rain {i}"), ..Seed::default() };
        let origin = Origin::Archive(PieceId(i));
        Row { seed, scope: RequestScope::Whole, text, weights: Vec::new(), origin, split: side }
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

    fn go_on(_: Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// The adapter's file, and the losses: what must not depend on interruptions.
    fn essence(base: &Base, outcome: &Outcome) -> (Vec<u8>, Vec<f32>, Option<f64>) {
        let losses = outcome.steps.iter().map(|step| step.loss).collect();
        (outcome.adapter.weights(base).unwrap(), losses, outcome.best_dev)
    }

    #[test]
    fn a_run_short_of_memory_says_so_and_ends_the_same() {
        let base = tiny::base(1);
        let rows: Vec<Row> = (0..3)
            .map(|i| Row { text: row(i, Split::Train).text.repeat(9), ..row(i, Split::Train) })
            .collect();
        let recipe = Recipe { steps: Some(4), ..recipe() };
        let within = |free: &dyn Fn() -> u64| {
            let (folder, mut said) = (tempfile::tempdir().unwrap(), Vec::new());
            let outcome = train_within(
                free,
                &base,
                &rows,
                &[],
                &recipe,
                folder.path(),
                &mut |_, of, _| of,
                &mut |event| {
                    said.push(event);
                    ControlFlow::Continue(())
                },
            );
            (essence(&base, &outcome.unwrap()), said)
        };
        let plenty = || 16 << 30;
        // Enough at first; after some steps another program takes most of it.
        let asked = std::cell::Cell::new(0);
        let less_and_less = || {
            asked.set(asked.get() + 1);
            if asked.get() < 3 { 16 << 30 } else { 2 * LOSS_BYTES + (1 << 20) }
        };
        let ((rich, quiet), (poor, said)) = (within(&plenty), within(&less_and_less));
        assert!(rich == poor, "the same adapter and losses");
        let down = |event: &&Event| matches!(event, Event::SteppedDown { .. });
        assert_eq!(quiet.iter().filter(down).count(), 0);
        assert_eq!(said.iter().filter(down).count(), 1, "said once: {said:?}");
    }

    #[test]
    fn stretches_are_as_long_as_memory_allows_and_stay_so() {
        let base = tiny::base(1);
        let [scarce, plenty, older] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let context = |run: &tempfile::TempDir, free: u64| {
            let free = || free;
            let thrift = Thrift { base: &base, rank: 4, free: &free, again: 0 };
            thrift.context(512, run.path()).unwrap()
        };
        assert_eq!(context(&scarce, 1 << 20), SHORTEST);
        assert_eq!(context(&scarce, 16 << 30), SHORTEST, "a run goes on as it began");
        assert_eq!(context(&plenty, 16 << 30), 512);
        assert_eq!(context(&plenty, 1 << 20), 512, "and with less memory as well");
        std::fs::write(older.path().join("checkpoint"), "").unwrap();
        assert_eq!(context(&older, 1 << 20), 512, "nothing noted: it was not shortened");
    }

    #[test]
    fn loss_falls_on_ten_rows() {
        let base = tiny::base(1);
        let folder = tempfile::tempdir().unwrap();
        let recipe = Recipe { epochs: 12, validate_every: 0, ..recipe() };
        let mut proved = 0;
        let outcome = train(&base, &rows(10), &[], &recipe, folder.path(), &mut |event| {
            proved += usize::from(event == Event::ProvedGradients(base.shape.layers * 14));
            ControlFlow::Continue(())
        });
        let outcome = outcome.unwrap();
        let (first, last) = (outcome.steps.first().unwrap(), outcome.steps.last().unwrap());
        assert!(last.loss < first.loss * 0.8, "{} to {}", first.loss, last.loss);
        assert_eq!((outcome.ended, proved, last.n), (Why::Finished, 1, last.of));
        assert_eq!(outcome.best_dev, None);
    }

    #[test]
    fn stopped_at_any_step_and_gone_on_with_it_ends_the_same() {
        let base = tiny::base(1);
        let (rows, dev, recipe) = (rows(7), dev(), recipe());
        let folder = tempfile::tempdir().unwrap();
        let whole = train(&base, &rows, &dev, &recipe, folder.path(), &mut go_on).unwrap();
        assert!(whole.steps.len() >= 4 && whole.best_dev.is_some());
        for stop_at in 1..whole.steps.len() {
            let folder = tempfile::tempdir().unwrap();
            let stopped =
                train(&base, &rows, &dev, &recipe, folder.path(), &mut |event| match event {
                    Event::Stepped(step) if step.n == stop_at => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                });
            let stopped = stopped.unwrap();
            assert_eq!((stopped.ended, stopped.steps.len()), (Why::Stopped, stop_at));
            let mut resumed = None;
            let outcome = train(&base, &rows, &dev, &recipe, folder.path(), &mut |event| {
                if let Event::Resumed(n) = event {
                    resumed = Some(n);
                }
                ControlFlow::Continue(())
            });
            let outcome = outcome.unwrap();
            assert_eq!(resumed, Some(stop_at));
            assert!(essence(&base, &outcome) == essence(&base, &whole), "stopped at {stop_at}");
        }
    }

    #[test]
    fn a_run_whose_plan_was_revised_goes_on_by_that_plan_to_the_same_end() {
        let base = tiny::base(1);
        let (rows, dev, recipe) = (rows(7), dev(), Recipe { epochs: 4, ..recipe() });
        // Five steps once two are done; whoever asks later is told something else.
        let train =
            |folder: &Path, later: usize, hear: &mut dyn FnMut(Event) -> ControlFlow<()>| {
                let mut replan = |done: usize, planned: usize, full: usize| match done {
                    0 => full - 1,
                    2 => 5,
                    _ if later > 0 => later,
                    _ => planned,
                };
                train_replanned(&base, &rows, &dev, &recipe, folder, &mut replan, hear).unwrap()
            };
        let (folder, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut events = Vec::new();
        let whole = train(folder.path(), 0, &mut |event| {
            // What a kill in the fourth step leaves.
            if matches!(&event, Event::Stepped(step) if step.n == 4) {
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
        assert!(essence(&base, &again) == essence(&base, &whole));
        // A plan never ends before the next step, nor after the recipe's last.
        let (short, long) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(train(short.path(), 1, &mut go_on).steps.len(), 2);
        assert_eq!(train(long.path(), 99, &mut go_on).steps.len(), 8);
    }

    #[test]
    fn a_damaged_checkpoint_costs_time_and_nothing_else() {
        let base = tiny::base(1);
        let (rows, recipe) = (rows(7), recipe());
        let clean = tempfile::tempdir().unwrap();
        let whole = train(&base, &rows, &[], &recipe, clean.path(), &mut go_on).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let stop_after = |n: usize| {
            train(&base, &rows, &[], &recipe, folder.path(), &mut |event| match event {
                Event::Stepped(step) if step.n == n => ControlFlow::Break(()),
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
        let outcome = train(&base, &rows, &[], &recipe, folder.path(), &mut |event| {
            events.push(event);
            ControlFlow::Continue(())
        });
        assert_eq!(events[..2], [Event::CheckpointDamaged, Event::Resumed(1)]);
        assert!(essence(&base, &outcome.unwrap()) == essence(&base, &whole));
        for length in [0, 5, 40, 1000] {
            for name in ["checkpoint", "checkpoint.previous"] {
                std::fs::write(folder.path().join(name), &bytes[..length]).unwrap();
            }
            let outcome = train(&base, &rows, &[], &recipe, folder.path(), &mut go_on).unwrap();
            assert!(essence(&base, &outcome) == essence(&base, &whole), "both cut to {length}");
        }
    }

    #[test]
    fn another_run_in_the_folder_is_not_gone_on_with() {
        let base = tiny::base(1);
        let folder = tempfile::tempdir().unwrap();
        train(&base, &rows(7), &[], &recipe(), folder.path(), &mut go_on).unwrap();
        let other = Recipe { random_seed: 8, ..recipe() };
        let mut first = None;
        train(&base, &rows(7), &[], &other, folder.path(), &mut |event| {
            first.get_or_insert(event);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(matches!(first, Some(Event::Stepped(step)) if step.n == 1));
    }

    #[test]
    fn the_best_look_is_kept_and_patience_ends() {
        let base = tiny::base(1);
        let folder = tempfile::tempdir().unwrap();
        // A rate far too high: the dev rows get worse sooner or later.
        let recipe =
            Recipe { learning_rate: 0.3, epochs: 30, validate_every: 1, patience: 2, ..recipe() };
        let outcome = train(&base, &rows(4), &dev(), &recipe, folder.path(), &mut go_on).unwrap();
        assert_eq!(outcome.ended, Why::Patience);
        let looks: Vec<f64> =
            outcome.steps.iter().filter_map(|step| step.validation_bits_per_byte).collect();
        assert_eq!(looks.len(), outcome.steps.len());
        assert_eq!(outcome.best_dev, looks.iter().copied().min_by(f64::total_cmp));
        let scored: f64 = dev()
            .iter()
            .map(|row| {
                let prompt = lesson::prompt_for(&base, &row.seed).unwrap();
                score::bits_per_byte(&base, Some(&outcome.adapter), &prompt, &row.text)
            })
            .sum::<f64>()
            / 2.0;
        assert!((scored - outcome.best_dev.unwrap()).abs() < 1e-6);
    }

    #[test]
    fn a_run_ends_when_it_learns_by_heart() {
        let base = tiny::base(1);
        let folder = tempfile::tempdir().unwrap();
        // The tiny base knows nothing: its perplexity is in the hundreds, and 1e6 is above it.
        let recipe = Recipe { epochs: 40, validate_every: 0, min_perplexity: 1e6, ..recipe() };
        let learn = |recipe: &Recipe, room: &str| {
            let room = folder.path().join(room);
            train(&base, &rows(4), &[], recipe, &room, &mut go_on).unwrap()
        };
        let outcome = learn(&recipe, "a");
        assert_eq!((outcome.ended, outcome.steps.len()), (Why::ByHeart, 5));
        let never = Recipe { steps: Some(7), min_perplexity: 0.0, ..recipe };
        assert_eq!(learn(&never, "b").ended, Why::Finished);
    }

    #[test]
    fn a_run_ends_when_it_says_what_it_learned_and_nothing_else() {
        let base = tiny::base(1);
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
        let outcome = train(&base, &rows(1), &dev, &recipe, folder.path(), &mut go_on).unwrap();
        assert_eq!(outcome.ended, Why::ByHeart);
        let said: Vec<f64> = outcome.steps.iter().filter_map(|step| step.memorised_gap).collect();
        let (last, before) = said.split_last().unwrap();
        assert!(*last > 0.02 && before.iter().all(|said| *said <= 0.02));
    }

    #[test]
    fn a_run_that_makes_no_sense_is_refused_with_a_sentence() {
        let base = tiny::base(1);
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
            let error = train(&base, rows, &[], &recipe, folder.path(), &mut go_on).unwrap_err();
            assert!(matches!(error, Error::Recipe(_)), "{error}");
            assert!(error.to_string().ends_with('.'));
        }
    }

    #[test]
    fn an_unproven_gradient_is_an_error() {
        let base = tiny::base(1);
        let mut gradients = Lora::fresh(&base, 2, 1.0, 0.0, 1);
        assert!(
            felt(&gradients, 1)
                .unwrap_err()
                .to_string()
                .contains("layers.0.self_attn.q_proj.lora_B")
        );
        felt(&gradients, 2).unwrap();
        gradients.layers[1][6].a.fill(0.0);
        assert!(
            felt(&gradients, 2).unwrap_err().to_string().contains("layers.1.mlp.down_proj.lora_A")
        );
        felt(&gradients, 3).unwrap();
    }

    #[test]
    fn given_steps_may_pass_over_the_rows_again() {
        let base = tiny::base(1);
        let folder = tempfile::tempdir().unwrap();
        let recipe = Recipe { steps: Some(9), epochs: 1, ..recipe() };
        let outcome = train(&base, &rows(3), &[], &recipe, folder.path(), &mut go_on).unwrap();
        assert_eq!(outcome.steps.len(), 9);
    }
}
