//! The body of a run's own process: rows → training → adapter → verdict → perhaps a new ghost.
//!
//! Everything it does is in the store and in its folder before the next thing begins, so that a
//! kill at any moment costs at most the steps since the last checkpoint, and the run goes on to
//! the same end, bit for bit. It tells what happens as one JSON event a line on standard output;
//! whether anybody reads them makes no difference to it.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use ghost_core::cross_validation::{FOLDS, Folds};
use ghost_core::id::{AdapterId, RowId, RunId};
use ghost_core::outline::RequestScope;
use ghost_core::preference::{DpoConfig, PreferencePair};
use ghost_core::program::{OptimizedPrompts, Program};
use ghost_core::row::{Origin, Row};
use ghost_core::run::{Recipe, RunState};
use ghost_core::seed::Seed;
use ghost_core::split::Split;
use ghost_core::verdict::{Decision, Verdict};
use ghost_engine::adapter::{Adapter, Card};
use ghost_engine::eval;
use ghost_engine::generate::sampler::Sampling;
use ghost_engine::generate::{GenerateRequest, PrefixCache, generate};
use ghost_engine::lora::Lora;
use ghost_engine::prompt;
use ghost_engine::train::dpo;
use ghost_engine::train::{self, Outcome, StopReason};

use crate::event::Event;
use crate::evidence::{Court, Party, SCORED_BYTES, Sample, evenly, opening};
use crate::failure::{Code, Failure, Result};
use crate::judge::Hearing;
use crate::learn::Choices;
use crate::run_progress::Reporter;
use crate::store::runs::{self, StoredRun};
use crate::store::{adapters, bases};
use crate::time_budget::{Pace, Speeds, Steps, TimeBudget};
use crate::wire::{RunStage, RunView};
use crate::{Desk, Host, base, folder, learn, priority, view};

/// In the folder of a run: where it can be gone on with from.
const CHECKPOINTS: &str = "checkpoints";
/// In the folder of a run: that its recipe was fitted to the minutes given.
const FITTED_FILE: &str = "fitted.json";
/// In the folder of a run: how fast this computer was when it began.
const SPEEDS_FILE: &str = "speeds.json";
/// Tokens of the lessons, and of a draft, by which that is found out.
const MEASURED_LESSON: usize = 128;
const MEASURED_DRAFT: usize = 16;
/// Share of the time given that is spent on what there is to beat.
const MAX_TO_BEAT: f64 = 0.03;
/// Share of the time given beyond which a verdict is put off, although it has begun.
const MAX_OVERRUN: f64 = 1.1;
/// Pieces watched that are read before a run begins, to have something to hold its curve against.
const HEARD_BEFORE: usize = 16;
/// Does a run in this process, from wherever it stands. Answers with an exit status.
pub fn work(home: &Path, run: RunId) -> i32 {
    // Before any thread is started, so that all have it.
    priority::lower();
    let done = Desk::open(home, Host::CommandLine).and_then(|desk| desk.carry_out(run));
    match done {
        Ok(()) => 0,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{failure}");
            1
        }
    }
}

impl Desk {
    fn carry_out(&self, run: RunId) -> Result<()> {
        let _lock = folder::take_lock(&self.folder().run_lock())?
            .ok_or_else(|| Failure::new(Code::Busy, "A run is at work already."))?;
        let done = self.learn_and_judge(run);
        if let Err(failure) = &done {
            runs::note(self.store().on(), run, &failure.message)?;
            // What may have passed by tomorrow must not cost the steps that are done.
            let passes = matches!(
                failure.code,
                Code::BaseMissing | Code::Busy | Code::DiskFull | Code::Io | Code::OutOfMemory
            );
            self.set_state(run, if passes { RunState::Interrupted } else { RunState::Failed })?;
        }
        done
    }

    fn learn_and_judge(&self, run: RunId) -> Result<()> {
        let stored = runs::one(self.store().on(), run)?;
        let room = self.folder().run(run);
        let reporter = Reporter::start(run, &room, line);
        let given = stored.minutes.map(|minutes| 60.0 * minutes);
        let left = given.map(|given| (given - reporter.spent()).max(0.0));
        reporter.set(|progress| progress.seconds_left = left);
        self.set_state(run, RunState::Training)?;
        let base = bases::one(self.store().on(), stored.base)?;
        let ghost = self.ghost_on(&base, None)?;
        let mut rows = self.rows_of(run)?;
        let folds = learn::folds_in(&room)?;
        let choices = learn::choices_in(&room)?.unwrap_or_default();
        if self.goes_on(run).is_break() {
            return self.set_state(run, RunState::Stopped);
        }
        let hearing = Hearing::of(&stored.recipe.name);
        let speeds = self.speeds(&stored, &ghost, &rows)?;
        let watched = side(&rows, Split::Validation);
        let budget = TimeBudget {
            given,
            verdict: self.verdict_load(&base, &ghost, folds.as_ref(), &hearing)?.seconds(&speeds),
            // As much again is read of what is learned from.
            last_look: 2.0 * tokens(&watched) as f64 / speeds.reading.max(1.0),
            preferring: if choices.learned.is_empty() { 0.0 } else { CHOOSING },
        };
        let plan = Plan { budget, speeds, reporter: &reporter, in_folds: folds.is_some() };
        let fitted = self.fitted(&stored, &rows, &plan)?;
        if !fitted.sections {
            rows = without_sections(rows);
        }
        plan.foresee(&fitted, &rows);
        if self.note_what_is_to_beat(run, &ghost, &rows, &plan)?.is_break() {
            return self.set_state(run, RunState::Stopped);
        }
        let Some(recipe) = self.with_best_rate(run, &ghost, &rows, fitted, &plan)? else {
            return self.set_state(run, RunState::Stopped);
        };
        plan.foresee(&recipe, &rows);
        if let Some(folds) = &folds
            && !self.learn_in_folds(&stored, &ghost, &rows, &recipe, folds, &choices, &plan)?
        {
            return self.set_state(run, RunState::Stopped);
        }
        let mut outcome = self.train(run, &ghost, &rows, &recipe, &plan)?;
        match outcome.stop_reason {
            StopReason::Stopped => return self.set_state(run, RunState::Stopped),
            StopReason::Overfitting => runs::note(
                self.store().on(),
                run,
                "Stopped early, to avoid overfitting: from there on it would have memorised your pieces.",
            )?,
            StopReason::Patience => runs::note(
                self.store().on(),
                run,
                "Stopped early: the pieces watched got no better.",
            )?,
            StopReason::Finished => {}
        }
        reporter.set(|progress| {
            progress.stage = RunStage::Preferring;
            progress.seconds_left = Some(plan.budget.seconds_left(0.0));
        });
        match self.preferred(run, &ghost, &rows, &choices, &outcome)? {
            Chosen::Stopped => return self.set_state(run, RunState::Stopped),
            Chosen::Nothing => {}
            Chosen::GivenUp => runs::note(
                self.store().on(),
                run,
                "What you put in the place of what was drafted was learned as well, and given up: \
                 on the edits watched nothing was won by it.",
            )?,
            Chosen::Kept { adapter, right: [before, after] } => {
                outcome.adapter = *adapter;
                let sentence = format!(
                    "What you put in the place of what was drafted was learned as well: of the \
                     changes watched it finds yours the likelier in {:.0} % instead of {:.0} %.",
                    100.0 * after,
                    100.0 * before
                );
                runs::note(self.store().on(), run, &sentence)?;
            }
        }
        let adapter = self.keep_adapter(&stored, &ghost, &recipe, &rows, &outcome)?;

        if !plan.budget.has_verdict() {
            return self.put_off_verdict(run, plan.budget.verdict);
        }
        self.set_state(run, RunState::Evaluating)?;
        let began = reporter.spent();
        let mut is_late = false;
        let mut watch = |done, of| {
            line(&Event::JudgeProgressed { adapter: adapter.0, done, of });
            let spent = reporter.spent();
            // By what was measured so far, once that says something.
            let measured = (spent - began) / f64::from(done.max(1)) * f64::from(of - done.min(of));
            let left =
                if done > of / 10 { measured } else { plan.budget.verdict - (spent - began) };
            reporter.set(|progress| {
                progress.stage = RunStage::Judging;
                (progress.done, progress.of) = (done, of);
                progress.seconds_left = Some(left.max(0.0));
            });
            is_late = plan.budget.is_over(spent / MAX_OVERRUN);
            is_late || self.goes_on(run).is_break()
        };
        let verdict = self.verdict_on(adapter, &hearing, &mut watch)?;
        let Some(verdict) = verdict else {
            return match is_late {
                true => self.put_off_verdict(run, plan.budget.verdict),
                false => self.set_state(run, RunState::Stopped),
            };
        };
        self.decide(adapter, &verdict)?;
        line(&Event::VerdictReached { adapter: adapter.0, verdict: view::verdict(&verdict) });
        self.set_state(run, RunState::Done)?;
        // The adapter is kept: what its run could have gone on from is of no more use.
        let _ = std::fs::remove_dir_all(room.join(CHECKPOINTS));
        Ok(())
    }

    /// Ends a run whose minutes are over before its verdict, which can be asked for at any time.
    fn put_off_verdict(&self, run: RunId, seconds: f64) -> Result<()> {
        let sentence = format!(
            "There was no time for the verdict, which takes about {:.0} min here. Judge the adapter \
             when there is; until then it does not write. What was measured is kept.",
            (seconds / 60.0).max(1.0)
        );
        runs::note(self.store().on(), run, &sentence)?;
        self.set_state(run, RunState::Done)?;
        let _ = std::fs::remove_dir_all(self.folder().run(run).join(CHECKPOINTS));
        Ok(())
    }

    /// Whether a run goes on, once the draft that a writer is waiting for is written.
    fn goes_on(&self, run: RunId) -> ControlFlow<()> {
        folder::wait_until_free(&self.folder().writing_lock());
        match learn::stop_file(self, run).exists() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn set_state(&self, run: RunId, state: RunState) -> Result<()> {
        let ended =
            (!matches!(state, RunState::Training | RunState::Evaluating)).then(|| self.now());
        runs::set_state(self.store().on(), run, state, ended.as_deref())?;
        // Two statements: the store is locked to the end of the first, and looked at again.
        let kept = runs::one(self.store().on(), run)?;
        let shown = self.run_view(&kept)?;
        log::info!("run {run}: {state:?}");
        line(&Event::RunChanged { run: RunView { steps: Vec::new(), ..shown } });
        Ok(())
    }

    /// How fast this computer learns, reads and writes with this base: measured once for a run, in
    /// a few seconds.
    fn speeds(
        &self,
        stored: &StoredRun,
        ghost: &base::Ghost,
        rows: &[(RowId, Row)],
    ) -> Result<Speeds> {
        let room = self.folder().run(stored.id);
        let file = room.join(SPEEDS_FILE);
        if let Ok(text) = std::fs::read_to_string(&file)
            && let Ok(speeds) = crate::store::from_json(&text)
        {
            return Ok(speeds);
        }
        let base = &*ghost.base;
        let learned = side(rows, Split::Train);
        let row = learned.iter().max_by_key(|row| row.text.len());
        let text = row.map_or("", |row| opening(&row.text, SCORED_BYTES / 4));
        let prompt = prompt::for_seed(base, &row.map_or_else(Seed::default, |r| r.seed.clone()))?;
        let n_read = prompt.len() + base.tokenizer.encode(text).len();
        let begun = Instant::now();
        eval::token_log_probs(base, None, &prompt, text);
        let reading = n_read as f64 / begun.elapsed().as_secs_f64().max(1e-6);

        let Recipe { rank, alpha, random_seed, .. } = stored.recipe;
        let adapter = Adapter {
            lora: Lora::fresh(base, rank, alpha, 0.0, random_seed),
            card: Card::new(base, &stored.recipe, String::new(), Vec::new()),
        };
        let how = Sampling { max_tokens: MEASURED_DRAFT, ..Sampling::default() };
        let mut go_on = |_: &str| ControlFlow::Continue(());
        let written = generate(
            base,
            &mut PrefixCache::new(base),
            &GenerateRequest {
                adapter: Some(&adapter),
                prompt: &prompt,
                written: &[],
                words: Some(100),
                sampling: &how,
            },
            &mut go_on,
        )?;

        let away = tempfile::tempdir_in(&room).map_err(|e| Failure::io("write", &room, &e))?;
        let trial = Recipe {
            steps: Some(2),
            validate_every: 0,
            context: MEASURED_LESSON,
            batch_tokens: MEASURED_LESSON,
            ..stored.recipe.clone()
        };
        let mut learning = 0.0;
        train::train(base, &learned, &[], &trial, away.path(), &mut |event| {
            if let train::Event::Step(step) = event {
                learning = f64::from(step.tokens_per_second);
            }
            ControlFlow::Continue(())
        })?;
        let speeds = Speeds { learning, reading, writing: f64::from(written.tokens_per_second) };
        folder::write_whole(&file, crate::store::to_json(&speeds)?.as_bytes())
            .map_err(|e| Failure::io("write", &file, &e))?;
        Ok(speeds)
    }

    /// The recipe, fitted to the time there is: what does not follow from the number of steps, which
    /// is decided while it learns.
    fn fitted(&self, stored: &StoredRun, rows: &[(RowId, Row)], plan: &Plan<'_>) -> Result<Recipe> {
        let file = self.folder().run(stored.id).join(FITTED_FILE);
        let left = plan.budget.for_learning(plan.reporter.spent());
        let Some(left) = left.filter(|_| !file.exists()) else {
            return Ok(stored.recipe.clone());
        };
        let for_learning = left / plan.trainings();
        let can = for_learning * plan.speeds.learning;
        let mut recipe = stored.recipe.clone();
        let (mut an_epoch, mut left_out) = (tokens(&side(rows, Split::Train)), Vec::new());
        if recipe.sections && can < an_epoch as f64 {
            // Each piece once, whole, before any of them in two ways.
            recipe.sections = false;
            an_epoch = tokens(&side(&without_sections(rows.to_vec()), Split::Train));
            left_out.push("There is no time to learn by section as well.".to_owned());
        }
        let speed = plan.speeds.learning as f32;
        let (fit, _) = recipe.clone().fit_to_time(for_learning / 60.0, speed, an_epoch);
        (recipe.warmup_steps, recipe.validate_every) = (fit.warmup_steps, fit.validate_every);
        if plan.budget.has_verdict() {
            let minutes = plan.budget.verdict / 60.0;
            left_out.push(format!("About {minutes:.1} minutes are kept for the verdict."));
        }
        // First: a run that says it is fitted must know this of itself when it is gone on with.
        folder::write_whole(&file, b"true").map_err(|e| Failure::io("write", &file, &e))?;
        runs::fit(self.store().on(), stored.id, &recipe)?;
        for sentence in left_out {
            runs::note(self.store().on(), stored.id, &sentence)?;
        }
        Ok(recipe)
    }

    /// The recipe with the best of three learning rates, where the night has time to try them: each
    /// learns for a few steps from the beginning, and what the pieces watched then cost decides.
    /// `None` when stopped in between; what was tried is tried no more.
    fn with_best_rate(
        &self,
        run: RunId,
        ghost: &base::Ghost,
        rows: &[(RowId, Row)],
        recipe: Recipe,
        plan: &Plan<'_>,
    ) -> Result<Option<Recipe>> {
        let (learned, watched) = (side(rows, Split::Train), side(rows, Split::Validation));
        if recipe.name != "nightly" || watched.iter().all(|row| row.text.is_empty()) {
            return Ok(Some(recipe));
        }
        let kept = self.folder().run(run).join("rate.json");
        if let Ok(rate) = std::fs::read_to_string(&kept) {
            return Ok(Some(Recipe { learning_rate: crate::store::from_json(&rate)?, ..recipe }));
        }
        let mut best = (f64::INFINITY, recipe.learning_rate);
        let a_step = recipe.batch_tokens as f64 / plan.speeds.learning.max(1.0);
        let a_trial = RATE_STEPS as f64 * a_step + plan.budget.last_look;
        let trials = RATES.len() as f64 * a_trial;
        let learning = plan.seconds_for_all(&recipe, &learned);
        if plan.budget.has_time_for(trials, learning, plan.reporter.spent()) {
            let mut said = Vec::new();
            let of = (RATES.len() * RATE_STEPS) as u32;
            let begun = plan.reporter.spent();
            plan.reporter.set(|progress| {
                progress.stage = RunStage::TryingRates;
                (progress.done, progress.of) = (0, of);
                progress.seconds_left = Some(trials + plan.budget.seconds_left(learning));
            });
            let mut done = 0_u32;
            for times in RATES {
                let rate = recipe.learning_rate * times;
                let trial = Recipe {
                    learning_rate: rate,
                    steps: Some(RATE_STEPS),
                    validate_every: RATE_STEPS,
                    warmup_steps: RATE_STEPS / 4,
                    ..recipe.clone()
                };
                let room = self.folder().run(run).join(format!("rate {times}"));
                let mut hear = |event| {
                    if let train::Event::Step(step) = event {
                        done += 1;
                        let a_step = (plan.reporter.spent() - begun) / f64::from(done);
                        plan.reporter.set(|progress| {
                            (progress.done, progress.of) = (done, of);
                            progress.tokens_per_second = Some(f64::from(step.tokens_per_second));
                            let left = a_step * f64::from(of - done.min(of));
                            progress.seconds_left = Some(left + plan.budget.seconds_left(learning));
                        });
                    }
                    self.goes_on(run)
                };
                let tried =
                    train::train(&ghost.base, &learned, &watched, &trial, &room, &mut hear)?;
                if tried.stop_reason == StopReason::Stopped {
                    return Ok(None);
                }
                let bits = tried.best_dev.unwrap_or(f64::INFINITY);
                said.push(format!("{bits:.4} at {rate:.0e}"));
                if bits < best.0 {
                    best = (bits, rate);
                }
                let _ = std::fs::remove_dir_all(&room);
            }
            let sentence = format!(
                "Of three learning rates {:.0e} is the best: after {RATE_STEPS} steps the pieces \
                 watched cost {} bits a byte.",
                best.1,
                said.join(", ")
            );
            runs::note(self.store().on(), run, &sentence)?;
        } else {
            let sentence = "There is no time to try other learning rates.";
            runs::note(self.store().on(), run, sentence)?;
        }
        folder::write_whole(&kept, crate::store::to_json(&best.1)?.as_bytes())
            .map_err(|e| Failure::io("write", &kept, &e))?;
        Ok(Some(Recipe { learning_rate: best.1, ..recipe }))
    }

    /// Says what some of the pieces watched while learning cost without an adapter, so that the curve
    /// has something to be held against. Asks before each whether the run goes on.
    fn note_what_is_to_beat(
        &self,
        run: RunId,
        ghost: &base::Ghost,
        rows: &[(RowId, Row)],
        plan: &Plan<'_>,
    ) -> Result<ControlFlow<()>> {
        let begun = plan.reporter.spent();
        let whole = rows.iter().filter(|(_, row)| row.scope.is_whole());
        let all: Vec<Row> = whole.map(|(_, row)| row.clone()).collect();
        let watched =
            all.iter().filter(|row| row.split == Split::Validation && !row.text.is_empty());
        let watched = evenly(&watched.collect::<Vec<_>>(), HEARD_BEFORE);
        let (mut bare, mut prompted, mut bytes) = (0.0, 0.0, 0.0);
        let (none, plain) = (OptimizedPrompts::default(), Program::default());
        let court = Court {
            base: &ghost.base,
            rows: &all,
            pairs: &[],
            edits: &[],
            compiled: &none,
            sample: Sample::of("quick", ghost.base.card.parameters),
            random_seed: 0,
            memory: self,
            far: None,
        };
        for row in watched {
            if self.goes_on(run).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            // It is to learn and to be judged that the minutes were given.
            let read_for = plan.reporter.spent() - begun;
            if bytes > 0.0 && plan.budget.given.is_some_and(|given| read_for > MAX_TO_BEAT * given)
            {
                break;
            }
            let text = opening(&row.text, SCORED_BYTES);
            let len = text.len() as f64;
            let prompt = Party { program: Some(&plain), ..Party::BARE };
            bare += court.bits(Party::BARE, &row.seed, text)?.all * len;
            prompted += court.bits(prompt, &row.seed, text)?.all * len;
            bytes += len;
        }
        if bytes == 0.0 {
            return Ok(ControlFlow::Continue(()));
        }
        let sentence = format!(
            "To beat on the pieces watched: {:.4} bits a byte for the bare base, {:.4} with a prompt.",
            bare / bytes,
            prompted / bytes
        );
        runs::note(self.store().on(), run, &sentence)?;
        Ok(ControlFlow::Continue(()))
    }

    fn train(
        &self,
        run: RunId,
        ghost: &base::Ghost,
        rows: &[(RowId, Row)],
        recipe: &Recipe,
        plan: &Plan<'_>,
    ) -> Result<Outcome> {
        let (learned, watched) = (side(rows, Split::Train), side(rows, Split::Validation));
        let checkpoints = self.folder().run(run).join(CHECKPOINTS);
        let mut trouble = None;
        let training = Training::new(plan, recipe, 1.0);
        let outcome = train::train_replanned(
            &ghost.base,
            &learned,
            &watched,
            recipe,
            &checkpoints,
            &mut |done, planned, full| training.steps(done, planned, full),
            &mut |event| {
                training.heard(&event);
                let kept = match event {
                    train::Event::Step(step) => {
                        line(&Event::RunStepped { run: run.0, step: view::step(&step) });
                        runs::keep_step(self.store().on(), run, &step)
                    }
                    train::Event::Resumed(n) => {
                        runs::note(self.store().on(), run, &format!("Went on after step {n}."))
                    }
                    train::Event::CheckpointDamaged => runs::note(
                        self.store().on(),
                        run,
                        "A checkpoint was damaged; an older one, or the beginning, served.",
                    ),
                    train::Event::GradientsChecked(n) => runs::note(
                        self.store().on(),
                        run,
                        &format!("A gradient reached each of {n} tensors."),
                    ),
                    train::Event::GpuFailed(sentence) => {
                        runs::note(self.store().on(), run, &sentence)
                    }
                    train::Event::ContextShortened { to, from } => runs::note(
                        self.store().on(),
                        run,
                        &format!(
                            "Memory is short: texts are learned in stretches of {to} tokens \
                             instead of {from}."
                        ),
                    ),
                    train::Event::Recomputing { layers, of } => runs::note(
                        self.store().on(),
                        run,
                        &format!(
                            "Memory is short: {layers} of {of} layers are computed twice from here \
                             on. The adapter will be the same, and later."
                        ),
                    ),
                    _ => Ok(()),
                };
                if let Err(failure) = kept {
                    trouble = Some(failure);
                    return ControlFlow::Break(());
                }
                self.goes_on(run)
            },
        )?;
        if let Some(failure) = trouble {
            return Err(failure);
        }
        if let (StopReason::Finished, Some(left_out)) =
            (outcome.stop_reason, training.left_out(&outcome))
        {
            runs::note(self.store().on(), run, &left_out)?;
        }
        Ok(outcome)
    }

    #[allow(clippy::too_many_arguments)]
    /// Learns by the recipe without each fold in turn, and leaves the adapters in the run's folder;
    /// `false` when stopped in between. What is there already is not learned again.
    fn learn_in_folds(
        &self,
        stored: &StoredRun,
        ghost: &base::Ghost,
        rows: &[(RowId, Row)],
        recipe: &Recipe,
        folds: &Folds,
        choices: &Choices,
        plan: &Plan<'_>,
    ) -> Result<bool> {
        let room = self.folder().run(stored.id);
        for fold in 0..FOLDS {
            let kept = learn::fold_in(&room, fold);
            if kept.exists() {
                continue;
            }
            let rows = folds.training_rows(fold, rows);
            let (learned, watched) = (side(&rows, Split::Train), side(&rows, Split::Validation));
            let checkpoints = room.join(format!("checkpoints without fold {}", fold + 1));
            let training = Training::new(plan, recipe, share_of_fold(fold));
            let mut watch = |event| {
                training.heard(&event);
                self.goes_on(stored.id)
            };
            let outcome = train::train_replanned(
                &ghost.base,
                &learned,
                &watched,
                recipe,
                &checkpoints,
                &mut |done, planned, full| training.steps(done, planned, full),
                &mut watch,
            )?;
            if outcome.stop_reason == StopReason::Stopped {
                return Ok(false);
            }
            let mut adapter = match self.preferred(stored.id, ghost, &rows, choices, &outcome)? {
                Chosen::Stopped => return Ok(false),
                Chosen::Nothing | Chosen::GivenUp => outcome.adapter,
                Chosen::Kept { adapter, .. } => *adapter,
            };
            carry_card(&mut adapter, &rows);
            adapter.save(&ghost.base, &kept)?;
            let _ = std::fs::remove_dir_all(&checkpoints);
            let sentence = format!("{} of {FOLDS} parts were held out in turn.", fold + 1);
            runs::note(self.store().on(), stored.id, &sentence)?;
        }
        Ok(true)
    }

    /// The stage after learning, in which the writer's own changes are preferred, for as long as is
    /// kept for it, the newest first. It is short and leaves nothing on disk: a run that was stopped in
    /// it begins it again.
    fn preferred(
        &self,
        run: RunId,
        ghost: &base::Ghost,
        rows: &[(RowId, Row)],
        choices: &Choices,
        outcome: &Outcome,
    ) -> Result<Chosen> {
        let edits: Vec<Row> = rows
            .iter()
            .filter(|(_, row)| row.split == Split::Train && row.scope.is_whole())
            .filter(|(_, row)| matches!(row.origin, Origin::Edit(_)))
            .filter(|(_, row)| row.weights.iter().all(|one| one.weight >= 0.0))
            .map(|(_, row)| row.clone())
            .collect();
        let learned: HashSet<Origin> = edits.iter().map(|row| row.origin).collect();
        let mut left =
            (CHOOSING * outcome.steps.iter().map(|step| step.tokens as f64).sum::<f64>()) as usize;
        let mut to_learn = Vec::new();
        for (edit, choice) in choices.learned.iter().rev() {
            let tokens = dpo::tokens(std::slice::from_ref(choice));
            if learned.contains(&Origin::Edit(*edit)) && tokens <= left {
                left -= tokens;
                to_learn.push(choice.clone());
            }
        }
        let to_watch: Vec<PreferencePair> =
            choices.watched.iter().map(|(_, one)| one.clone()).collect();
        if to_learn.is_empty() || to_watch.is_empty() {
            return Ok(Chosen::Nothing);
        }
        let watched: Vec<Row> = side(rows, Split::Validation)
            .into_iter()
            .filter(|row| matches!(row.origin, Origin::Archive(_)))
            .collect();
        let weigh = |adapter: &Adapter| {
            dpo::evaluate_preferences(&ghost.base, adapter, &to_watch, &watched)
        };
        let how = DpoConfig::after(&outcome.adapter.card.recipe);
        let mut hear = |_, _| self.goes_on(run);
        let begun = &outcome.adapter;
        let after = dpo::train_preferences(&ghost.base, begun, &to_learn, &edits, &how, &mut hear)?;
        let Some(adapter) = after else { return Ok(Chosen::Stopped) };
        let (before, after) = (weigh(begun)?, weigh(&adapter)?);
        Ok(match after.is_better_than(&before) {
            true => Chosen::Kept {
                adapter: Box::new(adapter),
                right: [before.accuracy, after.accuracy],
            },
            false => Chosen::GivenUp,
        })
    }

    fn keep_adapter(
        &self,
        stored: &StoredRun,
        ghost: &base::Ghost,
        recipe: &Recipe,
        rows: &[(RowId, Row)],
        outcome: &Outcome,
    ) -> Result<AdapterId> {
        let now = self.now();
        let id = adapters::of_run(
            self.store().on(),
            stored.id,
            stored.base,
            &recipe.name,
            stored.n_rows,
            &now,
        )?;
        let mut adapter = outcome.adapter.clone();
        carry_card(&mut adapter, rows);
        adapter.save(&ghost.base, &self.folder().adapter(id))?;
        Ok(id)
    }

    /// Keeps a verdict and does what it says.
    pub(crate) fn decide(&self, adapter: AdapterId, verdict: &Verdict) -> Result<()> {
        adapters::keep_verdict(self.store().on(), adapter, verdict, &self.now())?;
        let folder = self.folder().adapter(adapter);
        let mut card = Card::read(&folder)?;
        card.verdict =
            serde_json::to_value(verdict).map_err(|e| Failure::new(Code::Bug, e.to_string()))?;
        card.write(&folder)?;
        match verdict.decision {
            Decision::Ship => {
                let stored = adapters::one(self.store().on(), adapter)?;
                if self.usable(Some(adapter))?.is_some() {
                    self.crown(Some(adapter))?;
                    let ghost = self.ghost_in_words()?;
                    line(&Event::GhostChanged { ghost, adapter: Some(adapter.0) });
                } else if let Some(run) = stored.run {
                    let base = bases::one(self.store().on(), stored.base)?.card.name;
                    let sentence =
                        format!("It writes once {base} is in use again, on which it was taught.");
                    runs::note(self.store().on(), run, &sentence)?;
                }
            }
            Decision::Retire | Decision::Blocked => {
                adapters::set_retired(self.store().on(), adapter, true)?;
            }
            Decision::Keep | Decision::Unproven => {}
        }
        Ok(())
    }
}

/// What the engine does not know of an adapter: which of these rows it learned from, and whose it is.
fn carry_card(adapter: &mut Adapter, rows: &[(RowId, Row)]) {
    let learned = rows.iter().filter(|(_, row)| row.split == Split::Train);
    adapter.card.rows = learned.map(|(id, _)| *id).collect();
    // A row may be several lessons: its sections, or what an edit put in and what it took out.
    adapter.card.rows.sort();
    adapter.card.rows.dedup();
    adapter.card.app_version = env!("CARGO_PKG_VERSION").into();
}

/// What a run must keep to, and where it says how it keeps to it.
struct Plan<'a> {
    budget: TimeBudget,
    speeds: Speeds,
    reporter: &'a Reporter,
    /// Everything is learned without each fold as well.
    in_folds: bool,
}

impl Plan<'_> {
    /// How often all there is to learn is learned: each fold is learned without, which is all of it
    /// once less than there are folds.
    fn trainings(&self) -> f64 {
        if self.in_folds { FOLDS as f64 } else { 1.0 }
    }

    /// Seconds it takes to do all that a recipe says, the training without each fold included.
    fn seconds_for_all(&self, recipe: &Recipe, learned: &[Row]) -> f64 {
        let all = match recipe.steps {
            Some(steps) => steps * recipe.batch_tokens,
            None => tokens(learned) * recipe.epochs,
        };
        self.trainings() * all as f64 / self.speeds.learning.max(1.0)
    }

    /// Says what is to come before the first step is done.
    fn foresee(&self, recipe: &Recipe, rows: &[(RowId, Row)]) {
        let all = self.seconds_for_all(recipe, &side(rows, Split::Train));
        let left = self.budget.for_learning(self.reporter.spent());
        let learning = left.map_or(all, |left| left.min(all));
        let a_step = recipe.batch_tokens as f64 / self.speeds.learning.max(1.0);
        self.reporter.set(|progress| {
            progress.done = 0;
            progress.of = (learning / self.trainings() / a_step).ceil().max(1.0) as u32;
            progress.tokens_per_second = Some(self.speeds.learning);
            progress.seconds_left = Some(self.budget.seconds_left(learning));
        });
    }
}

/// The share that the training without a fold has of what is learned from there on: the folds after
/// it, each of which leaves out its part, and everything at last.
fn share_of_fold(fold: usize) -> f64 {
    let each = (FOLDS - 1) as f64 / FOLDS as f64;
    each / (each * (FOLDS - fold) as f64 + 1.0)
}

/// One training under way: how many steps there is time for, by how long they take.
struct Training<'a> {
    plan: &'a Plan<'a>,
    recipe: &'a Recipe,
    /// Of the time left for learning.
    share: f64,
    pace: RefCell<Pace>,
    /// Steps there would be with time enough.
    full: Cell<usize>,
}

impl<'a> Training<'a> {
    fn new(plan: &'a Plan<'a>, recipe: &'a Recipe, share: f64) -> Training<'a> {
        let pace = Pace::new(recipe.validate_every).into();
        Training { plan, recipe, share, pace, full: Cell::default() }
    }

    /// How many steps there are to be.
    fn steps(&self, done: usize, planned: usize, full: usize) -> usize {
        let spent = self.plan.reporter.spent();
        let mut pace = self.pace.borrow_mut();
        if done == 0 {
            pace.begin(0, spent)
        } else {
            pace.note(done, spent)
        }
        let foreseen = self.recipe.batch_tokens as f64 / self.plan.speeds.learning.max(1.0);
        let a_step = pace.a_step().unwrap_or(foreseen);
        let planned = if done == 0 { 0 } else { planned };
        let steps = Steps { done, planned, full, a_step };
        let of = self.plan.budget.steps(spent, self.share, &steps);
        self.full.set(full);
        let learning = of.saturating_sub(done) as f64 * a_step / self.share;
        self.plan.reporter.set(|progress| {
            progress.stage = RunStage::Learning;
            (progress.done, progress.of) = (done as u32, of as u32);
            progress.seconds_left = Some(self.plan.budget.seconds_left(learning));
        });
        of
    }

    fn heard(&self, event: &train::Event) {
        match event {
            train::Event::Resumed(done) => {
                self.pace.borrow_mut().begin(*done, self.plan.reporter.spent());
            }
            train::Event::Step(step) => self.plan.reporter.set(|progress| {
                progress.tokens_per_second = Some(f64::from(step.tokens_per_second));
            }),
            _ => {}
        }
    }

    /// A sentence on what there was no time for.
    fn left_out(&self, outcome: &Outcome) -> Option<String> {
        let (done, full) = (outcome.steps.len(), self.full.get());
        if self.recipe.steps.is_some() || done >= full {
            return None;
        }
        let passes = self.recipe.epochs as f64 * done as f64 / full as f64;
        Some(if passes < 1.0 {
            format!("There was time to read about {:.0} % of the rows once.", 100.0 * passes)
        } else {
            format!(
                "There was time for {passes:.1} of {} passes over the rows.",
                self.recipe.epochs
            )
        })
    }
}

/// What came of learning what the writer preferred.
enum Chosen {
    /// There was nothing to learn, or to watch it by.
    Nothing,
    Stopped,
    /// It is no better for it.
    GivenUp,
    Kept {
        adapter: Box<Adapter>,
        /// Share of the choices watched, before and after.
        right: [f64; 2],
    },
}

/// Tokens that are read for it, for each that was learned from.
const CHOOSING: f64 = 0.1;

/// What a rate is multiplied by to be tried, and the steps it is tried for.
const RATES: [f32; 3] = [0.5, 1.0, 2.0];
const RATE_STEPS: usize = 16;

/// Tokens of some rows with what asks for them, roughly: English prose has 4.3 bytes a token under
/// the tokenizers of small bases, and a chat template is 20 tokens or so.
fn tokens(rows: &[Row]) -> usize {
    const BYTES_A_TOKEN: usize = 4;
    const TEMPLATE: usize = 20;
    let of = |row: &Row| (row.text.len() + row.request().len()) / BYTES_A_TOKEN + TEMPLATE;
    rows.iter().map(of).sum()
}

/// The rows without the sections of what is there whole as well.
fn without_sections(rows: Vec<(RowId, Row)>) -> Vec<(RowId, Row)> {
    let is_section = |row: &Row| matches!(row.scope, RequestScope::Section { .. });
    let whole: HashSet<RowId> =
        rows.iter().filter(|(_, row)| row.scope.is_whole()).map(|(id, _)| *id).collect();
    rows.into_iter().filter(|(id, row)| !(is_section(row) && whole.contains(id))).collect()
}

fn side(rows: &[(RowId, Row)], side: Split) -> Vec<Row> {
    rows.iter().filter(|(_, row)| row.split == side).map(|(_, row)| row.clone()).collect()
}

/// One event on standard output, but not from a host that has other uses for it. A reader that
/// went away is no trouble.
fn line(event: &Event) {
    if let Ok(text) = serde_json::to_string(event) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use ghost_core::id::{EditId, PieceId};
    use ghost_core::run::Step;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::commands;

    const RUN: RunId = RunId(1);

    /// A desk on the tiny base, with the folder of a run.
    fn desk() -> (TempDir, Desk) {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("base.gguf");
        ghost_engine::tiny::write_gguf(&base, 1).unwrap();
        let desk = Desk::open(&dir.path().join("home"), Host::CommandLine).unwrap();
        commands::call(&desk, "base_use", json!({ "file": base }), &mut |_| {}).unwrap();
        fs::create_dir_all(desk.folder().run(RUN)).unwrap();
        (dir, desk)
    }

    /// What came of having learned from so many tokens.
    fn outcome(ghost: &base::Ghost, tokens: usize) -> Outcome {
        let recipe = Recipe { learning_rate: 0.4, ..Recipe::quick(1, 1, 1) };
        let step = Step { tokens, ..Step::default() };
        let card = Card::new(&ghost.base, &recipe, String::new(), Vec::new());
        let lora = Lora::fresh(&ghost.base, 4, 8.0, 0.0, 1);
        let (adapter, steps) = (Adapter { lora, card }, vec![step]);
        Outcome { adapter, steps, best_dev: None, stop_reason: StopReason::Finished }
    }

    /// Edits of which every eighth is watched, and the rows of the others.
    fn edits() -> (Choices, Vec<(RowId, Row)>) {
        let (mut choices, mut rows) = (Choices::default(), Vec::new());
        for n in 0..64 {
            let edit = EditId(n);
            let seed = Seed { topic: format!("rain {n}"), ..Seed::default() };
            let end = "and then it was evening and we went home along the shore as we do.";
            let draft = format!("It went by a small lane to town {n}, {end}");
            let shipped = format!("It went by the wide road to town {n}, {end}");
            let found =
                PreferencePair::of(&seed, &draft, &shipped).into_iter().map(|one| (edit, one));
            let side = Split::of_edit(edit);
            match side {
                Split::Train => choices.learned.extend(found),
                _ => choices.watched.extend(found),
            }
            rows.push((RowId(n), Row::of_edit(edit, seed, &draft, &shipped, &[], side)));
        }
        assert_eq!((choices.learned.len(), choices.watched.len()), (56, 8));
        (choices, rows)
    }

    #[test]
    fn what_the_writer_preferred_is_learned_as_well_where_something_is_won_by_it() {
        let (_dir, desk) = desk();
        let ghost = desk.ghost(None).unwrap();
        let (choices, rows) = edits();
        let begun = outcome(&ghost, 1_000_000);
        let chosen = desk.preferred(RUN, &ghost, &rows, &choices, &begun).unwrap();
        let Chosen::Kept { adapter, right: [before, after] } = chosen else { panic!("given up") };
        assert!((before, after) == (0.0, 1.0) && adapter.lora != begun.adapter.lora);
    }

    #[test]
    fn what_nothing_is_won_by_is_given_up() {
        let (_dir, desk) = desk();
        let ghost = desk.ghost(None).unwrap();
        let (mut choices, rows) = edits();
        // What is watched was chosen the other way about.
        for (_, one) in &mut choices.watched {
            std::mem::swap(&mut one.chosen, &mut one.rejected);
        }
        let begun = outcome(&ghost, 1_000_000);
        let chosen = desk.preferred(RUN, &ghost, &rows, &choices, &begun).unwrap();
        assert!(matches!(chosen, Chosen::GivenUp));
    }

    #[test]
    fn there_is_nothing_to_prefer_without_time_edits_or_something_to_watch() {
        let (_dir, desk) = desk();
        let ghost = desk.ghost(None).unwrap();
        let (choices, rows) = edits();
        let nothing = |tokens, rows: &[(RowId, Row)], choices: &Choices| {
            let found = desk.preferred(RUN, &ghost, rows, choices, &outcome(&ghost, tokens));
            assert!(matches!(found.unwrap(), Chosen::Nothing));
        };
        nothing(100, &rows, &choices);
        // As where an edit is left out because it is near what is held out in a fold.
        nothing(1_000_000, &[], &choices);
        let of_pieces: Vec<_> = rows
            .iter()
            .map(|(id, row)| (*id, Row { origin: Origin::Archive(PieceId(1)), ..row.clone() }))
            .collect();
        nothing(1_000_000, &of_pieces, &choices);
        nothing(1_000_000, &rows, &Choices { watched: Vec::new(), ..edits().0 });
    }

    #[test]
    fn a_run_that_is_stopped_while_it_prefers_says_so() {
        let (_dir, desk) = desk();
        let ghost = desk.ghost(None).unwrap();
        let (choices, rows) = edits();
        fs::write(learn::stop_file(&desk, RUN), "").unwrap();
        let found = desk.preferred(RUN, &ghost, &rows, &choices, &outcome(&ghost, 1_000_000));
        assert!(matches!(found.unwrap(), Chosen::Stopped));
    }
}
