//! The body of a run's own process: rows → training → adapter → verdict → perhaps a new active
//! adapter.
//!
//! Each result is in the store and in the run's folder before the next stage starts, so that a
//! crash costs at most the steps since the last checkpoint, and a resumed run gives the same
//! adapter, bit for bit. Events are printed as one JSON object a line on standard output; the run
//! does not depend on anyone reading them.

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
use ghost_core::run::{BYTES_PER_TOKEN, Recipe, RunState};
use ghost_core::seed::Seed;
use ghost_core::split::Split;
use ghost_engine::adapter::{Adapter, Card};
use ghost_engine::eval;
use ghost_engine::generate::sampler::Sampling;
use ghost_engine::generate::{GenerateRequest, PrefixCache, generate};
use ghost_engine::lora::Lora;
use ghost_engine::prompt;
use ghost_engine::train::dpo;
use ghost_engine::train::{self, Outcome, StopReason};

use crate::adapters::Adapters;
use crate::bases::{Bases, LoadedModel};
use crate::desk::{Desk, Host};
use crate::evaluate::{EvalConfig, Evaluator};
use crate::event::Event;
use crate::evidence::{Candidate, EvalContext, SCORED_BYTES, Sample, evenly};
use crate::failure::{Code, Failure, Result};
use crate::prompt::opening;
use crate::run_progress::Reporter;
use crate::runs::{
    LEARNING_RATE_FILE, Runs, choices_in, fold_in, folds_in, plan_in, step_view, stop_file,
};
use crate::store::runs::{self, StoredRun};
use crate::store::{adapters, bases};
use crate::time_budget::{Pace, Speeds, Steps, TimeBudget};
use crate::training_rows::PreferencePairs;
use crate::wire::{RunStage, RunView};
use crate::workspace::Workspace;
use crate::{folder, priority, verdict_view};

/// In the folder of a run: its checkpoints.
const CHECKPOINTS: &str = "checkpoints";
/// In the folder of a run: marks that its recipe was fitted to the minutes given.
const FITTED_FILE: &str = "fitted.json";
/// In the folder of a run: the speeds measured when it started.
const SPEEDS_FILE: &str = "speeds.json";
/// Tokens of the training step and of the draft by which speeds are measured.
const SPEED_TEST_TOKENS: usize = 128;
const SPEED_TEST_DRAFT: usize = 16;
/// Maximum share of the time given that measuring the baseline may take.
const MAX_BASELINE_SHARE: f64 = 0.03;
/// Share of the time given at which a verdict in progress is postponed.
const MAX_OVERRUN: f64 = 1.1;
/// Validation pieces scored before training, as a baseline for the curve.
const BASELINE_PIECES: usize = 16;

/// Runs or resumes a run in this process. Returns an exit status.
pub fn run_worker(home: &Path, run: RunId) -> i32 {
    // Before any thread starts, so that all threads inherit it.
    priority::lower();
    let done = Desk::open(home, Host::CommandLine)
        .and_then(|desk| TrainWorker::of(&desk).run_to_completion(run));
    match done {
        Ok(()) => 0,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{failure}");
            1
        }
    }
}

/// Carries out a run.
struct TrainWorker<'a> {
    workspace: &'a Workspace,
    bases: &'a Bases,
    adapters: &'a Adapters,
    evaluator: &'a Evaluator,
    runs: &'a Runs,
}

impl<'a> TrainWorker<'a> {
    fn of(desk: &'a Desk) -> Self {
        TrainWorker {
            workspace: desk.workspace(),
            bases: desk.bases(),
            adapters: desk.adapters(),
            evaluator: desk.evaluator(),
            runs: desk.runs(),
        }
    }

    fn run_to_completion(&self, run: RunId) -> Result<()> {
        let _lock = folder::take_lock(&self.workspace.folder().run_lock())?
            .ok_or_else(|| Failure::new(Code::Busy, "A run is already in progress."))?;
        let done = self.train_and_evaluate(run);
        if let Err(failure) = &done {
            runs::note(self.workspace.store().db(), run, &failure.message)?;
            // A failure that may be temporary must not cost the finished steps.
            let passes = matches!(
                failure.code,
                Code::BaseMissing | Code::Busy | Code::DiskFull | Code::Io | Code::OutOfMemory
            );
            self.set_state(run, if passes { RunState::Interrupted } else { RunState::Failed })?;
        }
        done
    }

    fn train_and_evaluate(&self, run: RunId) -> Result<()> {
        let stored = runs::one(self.workspace.store().db(), run)?;
        let folder = self.workspace.folder().run(run);
        let reporter = Reporter::start(run, &folder, emit);
        let given = stored.minutes.map(|minutes| 60.0 * minutes);
        let left = given.map(|given| (given - reporter.spent()).max(0.0));
        reporter.set(|progress| progress.seconds_left = left);
        self.set_state(run, RunState::Training)?;
        let base = bases::one(self.workspace.store().db(), stored.base)?;
        let ghost = self.bases.load(&base, None)?;
        let mut rows = self.runs.rows_of(run)?;
        let folds = folds_in(&folder)?;
        let choices = choices_in(&folder)?.unwrap_or_default();
        if self.check_stop(run).is_break() {
            return self.set_state(run, RunState::Stopped);
        }
        let config = EvalConfig::of(&stored.recipe.name);
        let speeds = self.speeds(&stored, &ghost, &rows)?;
        let validation = side(&rows, Split::Validation);
        let budget = TimeBudget {
            given,
            verdict: self
                .evaluator
                .verdict_workload(&base, &ghost, folds.as_ref(), &config)?
                .seconds(&speeds),
            // The same number of training pieces is scored as well.
            last_validation: 2.0 * tokens(&validation) as f64 / speeds.reading.max(1.0),
            preference_share: if choices.train.is_empty() { 0.0 } else { PREFERENCE_SHARE },
        };
        let plan = RunPlan { budget, speeds, reporter: &reporter, in_folds: folds.is_some() };
        let fitted = self.fit_recipe(&stored, &rows, &plan)?;
        if !fitted.sections {
            rows = without_sections(rows);
        }
        plan.report_estimate(&fitted, &rows);
        if self.note_baseline(run, &ghost, &rows, &plan)?.is_break() {
            return self.set_state(run, RunState::Stopped);
        }
        let Some(recipe) = self.choose_learning_rate(run, &ghost, &rows, fitted, &plan)? else {
            return self.set_state(run, RunState::Stopped);
        };
        plan.report_estimate(&recipe, &rows);
        if let Some(folds) = &folds
            && !self.train_folds(&stored, &ghost, &rows, &recipe, folds, &choices, &plan)?
        {
            return self.set_state(run, RunState::Stopped);
        }
        let mut outcome = self.train(run, &ghost, &rows, &recipe, &plan)?;
        match outcome.stop_reason {
            StopReason::Stopped => return self.set_state(run, RunState::Stopped),
            StopReason::Overfitting => {
                runs::note(self.workspace.store().db(), run, "Stopped early to avoid overfitting.")?
            }
            StopReason::Patience => runs::note(
                self.workspace.store().db(),
                run,
                "Stopped early: the validation pieces no longer improved.",
            )?,
            StopReason::Finished => {}
        }
        reporter.set(|progress| {
            progress.stage = RunStage::Preference;
            progress.seconds_left = Some(plan.budget.seconds_left(0.0));
        });
        match self.train_preferences(run, &ghost, &rows, &choices, &outcome)? {
            PreferenceOutcome::Stopped => return self.set_state(run, RunState::Stopped),
            PreferenceOutcome::Skipped => {}
            PreferenceOutcome::Discarded => runs::note(
                self.workspace.store().db(),
                run,
                "Preference training on your edits was tried and discarded: it did not improve \
                 the validation edits.",
            )?,
            PreferenceOutcome::Kept { adapter, right: [before, after] } => {
                outcome.adapter = *adapter;
                let sentence = format!(
                    "Preference training on your edits was kept: on the validation edits your text \
                     is now the more likely one in {:.0} % of changes, before in {:.0} %.",
                    100.0 * after,
                    100.0 * before
                );
                runs::note(self.workspace.store().db(), run, &sentence)?;
            }
        }
        let adapter = self.save_adapter(&stored, &ghost, &recipe, &rows, &outcome)?;

        if !plan.budget.has_verdict() {
            return self.postpone_verdict(run, plan.budget.verdict);
        }
        self.set_state(run, RunState::Evaluating)?;
        let began = reporter.spent();
        let mut is_late = false;
        let mut watch = |done, of| {
            emit(&Event::EvaluationProgressed { adapter: adapter.0, done, of });
            let spent = reporter.spent();
            // By the pace so far, once enough is measured to tell.
            let measured = (spent - began) / f64::from(done.max(1)) * f64::from(of - done.min(of));
            let left =
                if done > of / 10 { measured } else { plan.budget.verdict - (spent - began) };
            reporter.set(|progress| {
                progress.stage = RunStage::Evaluating;
                (progress.done, progress.of) = (done, of);
                progress.seconds_left = Some(left.max(0.0));
            });
            is_late = plan.budget.is_over(spent / MAX_OVERRUN);
            is_late || self.check_stop(run).is_break()
        };
        let verdict = self.evaluator.verdict_on(adapter, &config, &mut watch)?;
        let Some(verdict) = verdict else {
            return match is_late {
                true => self.postpone_verdict(run, plan.budget.verdict),
                false => self.set_state(run, RunState::Stopped),
            };
        };
        self.adapters.apply_verdict(adapter, &verdict, &emit)?;
        emit(&Event::VerdictReached {
            adapter: adapter.0,
            verdict: verdict_view::verdict(&verdict),
        });
        self.set_state(run, RunState::Done)?;
        // The adapter is saved, so the checkpoints are no longer needed.
        let _ = std::fs::remove_dir_all(folder.join(CHECKPOINTS));
        Ok(())
    }

    /// Ends a run whose time is up before its verdict, which can be reached later.
    fn postpone_verdict(&self, run: RunId, seconds: f64) -> Result<()> {
        let sentence = format!(
            "There was no time left for the verdict, which takes about {:.0} min on this computer. \
             Evaluate the adapter later; until then it stays inactive. All measurements are saved.",
            (seconds / 60.0).max(1.0)
        );
        runs::note(self.workspace.store().db(), run, &sentence)?;
        self.set_state(run, RunState::Done)?;
        let _ = std::fs::remove_dir_all(self.workspace.folder().run(run).join(CHECKPOINTS));
        Ok(())
    }

    /// Whether the run should continue; waits first for a draft that is being written.
    fn check_stop(&self, run: RunId) -> ControlFlow<()> {
        folder::wait_until_free(&self.workspace.folder().writing_lock());
        match stop_file(self.workspace.folder(), run).exists() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn set_state(&self, run: RunId, state: RunState) -> Result<()> {
        let ended = (!matches!(state, RunState::Training | RunState::Evaluating))
            .then(|| self.workspace.now());
        runs::set_state(self.workspace.store().db(), run, state, ended.as_deref())?;
        // Two statements: the first holds the store's lock to its end.
        let kept = runs::one(self.workspace.store().db(), run)?;
        let shown = self.runs.run_view(&kept)?;
        log::info!("run {run}: {state:?}");
        emit(&Event::RunChanged { run: RunView { steps: Vec::new(), ..shown } });
        Ok(())
    }

    /// The speeds of this computer with this base, in training, reading and writing: measured once
    /// per run, in a few seconds.
    fn speeds(
        &self,
        stored: &StoredRun,
        ghost: &LoadedModel,
        rows: &[(RowId, Row)],
    ) -> Result<Speeds> {
        let folder = self.workspace.folder().run(stored.id);
        let file = folder.join(SPEEDS_FILE);
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
        let sampling = Sampling { max_tokens: SPEED_TEST_DRAFT, ..Sampling::default() };
        let mut go_on = |_: &str| ControlFlow::Continue(());
        let written = generate(
            base,
            &mut PrefixCache::new(base),
            &GenerateRequest {
                adapter: Some(&adapter),
                prompt: &prompt,
                written: &[],
                words: Some(100),
                sampling: &sampling,
            },
            &mut go_on,
        )?;

        let away = tempfile::tempdir_in(&folder).map_err(|e| Failure::io("write", &folder, &e))?;
        let trial = Recipe {
            steps: Some(2),
            validate_every: 0,
            context: SPEED_TEST_TOKENS,
            batch_tokens: SPEED_TEST_TOKENS,
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

    /// The recipe fitted to the time given, except for the number of steps, which is decided during
    /// training.
    fn fit_recipe(
        &self,
        stored: &StoredRun,
        rows: &[(RowId, Row)],
        plan: &RunPlan<'_>,
    ) -> Result<Recipe> {
        let file = self.workspace.folder().run(stored.id).join(FITTED_FILE);
        let left = plan.budget.for_learning(plan.reporter.spent());
        let Some(left) = left.filter(|_| !file.exists()) else {
            return Ok(stored.recipe.clone());
        };
        let for_learning = left / plan.trainings();
        let can = for_learning * plan.speeds.learning;
        let mut recipe = stored.recipe.clone();
        let (mut an_epoch, mut left_out) = (tokens(&side(rows, Split::Train)), Vec::new());
        if recipe.sections && can < an_epoch as f64 {
            // Each piece once, whole, before any piece a second time by section.
            recipe.sections = false;
            an_epoch = tokens(&side(&without_sections(rows.to_vec()), Split::Train));
            left_out.push("There is no time to train on sections as well.".to_owned());
        }
        let speed = plan.speeds.learning as f32;
        let (fit, _) = recipe.clone().fit_to_time(for_learning / 60.0, speed, an_epoch);
        (recipe.warmup_steps, recipe.validate_every) = (fit.warmup_steps, fit.validate_every);
        if plan.budget.has_verdict() {
            let minutes = plan.budget.verdict / 60.0;
            left_out.push(format!("About {minutes:.1} minutes are reserved for the verdict."));
        }
        // First: a fitted run must know that it is fitted when it resumes.
        folder::write_whole(&file, b"true").map_err(|e| Failure::io("write", &file, &e))?;
        runs::fit(self.workspace.store().db(), stored.id, &recipe)?;
        for sentence in left_out {
            runs::note(self.workspace.store().db(), stored.id, &sentence)?;
        }
        Ok(recipe)
    }

    /// The recipe with the best of three learning rates, if there is time to try them: each trains
    /// for a few steps from the start, and the validation loss decides. `None` when stopped; a
    /// finished trial is not repeated.
    fn choose_learning_rate(
        &self,
        run: RunId,
        ghost: &LoadedModel,
        rows: &[(RowId, Row)],
        recipe: Recipe,
        plan: &RunPlan<'_>,
    ) -> Result<Option<Recipe>> {
        let (learned, validation) = (side(rows, Split::Train), side(rows, Split::Validation));
        if recipe.name != "nightly" || validation.iter().all(|row| row.text.is_empty()) {
            return Ok(Some(recipe));
        }
        let kept = self.workspace.folder().run(run).join(LEARNING_RATE_FILE);
        if let Ok(rate) = std::fs::read_to_string(&kept) {
            return Ok(Some(Recipe { learning_rate: crate::store::from_json(&rate)?, ..recipe }));
        }
        let mut best = (f64::INFINITY, recipe.learning_rate);
        let a_step = recipe.batch_tokens as f64 / plan.speeds.learning.max(1.0);
        let a_trial = RATE_STEPS as f64 * a_step + plan.budget.last_validation;
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
                let folder = self.workspace.folder().run(run).join(format!("rate {times}"));
                let mut on_event = |event| {
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
                    self.check_stop(run)
                };
                let tried = train::train(
                    &ghost.base,
                    &learned,
                    &validation,
                    &trial,
                    &folder,
                    &mut on_event,
                )?;
                if tried.stop_reason == StopReason::Stopped {
                    return Ok(None);
                }
                let bits = tried.best_dev.unwrap_or(f64::INFINITY);
                said.push(format!("{bits:.4} at {rate:.0e}"));
                if bits < best.0 {
                    best = (bits, rate);
                }
                let _ = std::fs::remove_dir_all(&folder);
            }
            let sentence = format!(
                "Of three learning rates {:.0e} is the best. Validation bits per byte after \
                 {RATE_STEPS} steps: {}.",
                best.1,
                said.join(", ")
            );
            runs::note(self.workspace.store().db(), run, &sentence)?;
        } else {
            let sentence = "There is no time to try other learning rates.";
            runs::note(self.workspace.store().db(), run, sentence)?;
        }
        folder::write_whole(&kept, crate::store::to_json(&best.1)?.as_bytes())
            .map_err(|e| Failure::io("write", &kept, &e))?;
        Ok(Some(Recipe { learning_rate: best.1, ..recipe }))
    }

    /// Notes what some validation pieces cost without an adapter, as a baseline for the curve.
    /// Checks before each piece whether the run should continue.
    fn note_baseline(
        &self,
        run: RunId,
        ghost: &LoadedModel,
        rows: &[(RowId, Row)],
        plan: &RunPlan<'_>,
    ) -> Result<ControlFlow<()>> {
        let begun = plan.reporter.spent();
        let whole = rows.iter().filter(|(_, row)| row.scope.is_whole());
        let all: Vec<Row> = whole.map(|(_, row)| row.clone()).collect();
        let validation =
            all.iter().filter(|row| row.split == Split::Validation && !row.text.is_empty());
        let validation = evenly(&validation.collect::<Vec<_>>(), BASELINE_PIECES);
        let (mut bare, mut prompted, mut bytes) = (0.0, 0.0, 0.0);
        let (none, plain) = (OptimizedPrompts::default(), Program::default());
        let context = EvalContext {
            base: &ghost.base,
            rows: &all,
            pairs: &[],
            edits: &[],
            compiled: &none,
            sample: Sample::of("quick", ghost.base.card.parameters),
            random_seed: 0,
            cache: self.workspace,
            remote: None,
        };
        for row in validation {
            if self.check_stop(run).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            // The time was given for training and evaluation.
            let read_for = plan.reporter.spent() - begun;
            if bytes > 0.0
                && plan.budget.given.is_some_and(|given| read_for > MAX_BASELINE_SHARE * given)
            {
                break;
            }
            let text = opening(&row.text, SCORED_BYTES);
            let len = text.len() as f64;
            let prompt = Candidate { program: Some(&plain), ..Candidate::BARE };
            bare += context.bits(Candidate::BARE, &row.seed, text)?.all * len;
            prompted += context.bits(prompt, &row.seed, text)?.all * len;
            bytes += len;
        }
        if bytes == 0.0 {
            return Ok(ControlFlow::Continue(()));
        }
        let sentence = format!(
            "Baseline on the validation pieces: {:.4} bits per byte for the base, {:.4} with a prompt.",
            bare / bytes,
            prompted / bytes
        );
        runs::note(self.workspace.store().db(), run, &sentence)?;
        Ok(ControlFlow::Continue(()))
    }

    fn train(
        &self,
        run: RunId,
        ghost: &LoadedModel,
        rows: &[(RowId, Row)],
        recipe: &Recipe,
        plan: &RunPlan<'_>,
    ) -> Result<Outcome> {
        let (learned, validation) = (side(rows, Split::Train), side(rows, Split::Validation));
        let checkpoints = self.workspace.folder().run(run).join(CHECKPOINTS);
        let replay = plan_in(&self.workspace.folder().run(run))?;
        let mut trouble = None;
        let training = Training::new(plan, recipe, 1.0);
        let outcome = train::train_replanned(
            &ghost.base,
            &learned,
            &validation,
            recipe,
            &checkpoints,
            &mut |done, planned, full| {
                let steps = training.steps(done, planned, full);
                // A repeated run follows the plan of the original, which may have had less time.
                let original = replay.as_ref().and_then(|plan| plan.get(done).or(plan.last()));
                original.copied().unwrap_or(steps)
            },
            &mut |event| {
                training.on_event(&event);
                let kept = match event {
                    train::Event::Step(step) => {
                        emit(&Event::RunStepped { run: run.0, step: step_view(&step) });
                        runs::keep_step(self.workspace.store().db(), run, &step)
                    }
                    train::Event::Resumed(n) => runs::note(
                        self.workspace.store().db(),
                        run,
                        &format!("Resumed after step {n}."),
                    ),
                    train::Event::CheckpointDamaged => runs::note(
                        self.workspace.store().db(),
                        run,
                        "A checkpoint was damaged; training resumed from an older one or from the start.",
                    ),
                    train::Event::GradientsChecked(n) => runs::note(
                        self.workspace.store().db(),
                        run,
                        &format!("All {n} tensors receive a gradient."),
                    ),
                    train::Event::GpuFailed(sentence) => {
                        runs::note(self.workspace.store().db(), run, &sentence)
                    }
                    train::Event::ContextShortened { to, from } => runs::note(
                        self.workspace.store().db(),
                        run,
                        &format!(
                            "Not enough memory for the full context: texts are split into {to} tokens \
                             instead of {from}."
                        ),
                    ),
                    train::Event::Recomputing { layers, of } => runs::note(
                        self.workspace.store().db(),
                        run,
                        &format!(
                            "Not enough memory for all activations: {layers} of {of} layers are recomputed from \
                             now on. The adapter will be the same; training takes longer."
                        ),
                    ),
                    _ => Ok(()),
                };
                if let Err(failure) = kept {
                    trouble = Some(failure);
                    return ControlFlow::Break(());
                }
                self.check_stop(run)
            },
        )?;
        if let Some(failure) = trouble {
            return Err(failure);
        }
        if let (StopReason::Finished, Some(left_out)) =
            (outcome.stop_reason, training.left_out(&outcome))
        {
            runs::note(self.workspace.store().db(), run, &left_out)?;
        }
        Ok(outcome)
    }

    #[allow(clippy::too_many_arguments)]
    /// Trains one adapter per fold, each without that fold, and saves them in the run's folder;
    /// `false` when stopped in between. A fold that is already trained is skipped.
    fn train_folds(
        &self,
        stored: &StoredRun,
        ghost: &LoadedModel,
        rows: &[(RowId, Row)],
        recipe: &Recipe,
        folds: &Folds,
        choices: &PreferencePairs,
        plan: &RunPlan<'_>,
    ) -> Result<bool> {
        let folder = self.workspace.folder().run(stored.id);
        for fold in 0..FOLDS {
            let kept = fold_in(&folder, fold);
            if kept.exists() {
                continue;
            }
            let rows = folds.training_rows(fold, rows);
            let (learned, validation) = (side(&rows, Split::Train), side(&rows, Split::Validation));
            let checkpoints = folder.join(format!("checkpoints without fold {}", fold + 1));
            let training = Training::new(plan, recipe, share_of_fold(fold));
            let mut watch = |event| {
                training.on_event(&event);
                self.check_stop(stored.id)
            };
            let outcome = train::train_replanned(
                &ghost.base,
                &learned,
                &validation,
                recipe,
                &checkpoints,
                &mut |done, planned, full| training.steps(done, planned, full),
                &mut watch,
            )?;
            if outcome.stop_reason == StopReason::Stopped {
                return Ok(false);
            }
            let mut adapter =
                match self.train_preferences(stored.id, ghost, &rows, choices, &outcome)? {
                    PreferenceOutcome::Stopped => return Ok(false),
                    PreferenceOutcome::Skipped | PreferenceOutcome::Discarded => outcome.adapter,
                    PreferenceOutcome::Kept { adapter, .. } => *adapter,
                };
            complete_card(&mut adapter, &rows);
            adapter.save(&ghost.base, &kept)?;
            let _ = std::fs::remove_dir_all(&checkpoints);
            let sentence = format!("Fold {} of {FOLDS} is trained.", fold + 1);
            runs::note(self.workspace.store().db(), stored.id, &sentence)?;
        }
        Ok(true)
    }

    /// Preference training on the writer's edits, within its share of the time, the newest edits
    /// first. It is short and saves nothing on the way: a run that was stopped in it starts it
    /// again.
    fn train_preferences(
        &self,
        run: RunId,
        ghost: &LoadedModel,
        rows: &[(RowId, Row)],
        choices: &PreferencePairs,
        outcome: &Outcome,
    ) -> Result<PreferenceOutcome> {
        let edits: Vec<Row> = rows
            .iter()
            .filter(|(_, row)| row.split == Split::Train && row.scope.is_whole())
            .filter(|(_, row)| matches!(row.origin, Origin::Edit(_)))
            .filter(|(_, row)| row.weights.iter().all(|one| one.weight >= 0.0))
            .map(|(_, row)| row.clone())
            .collect();
        let learned: HashSet<Origin> = edits.iter().map(|row| row.origin).collect();
        let mut left = (PREFERENCE_SHARE
            * outcome.steps.iter().map(|step| step.tokens as f64).sum::<f64>())
            as usize;
        let mut to_learn = Vec::new();
        for (edit, choice) in choices.train.iter().rev() {
            let tokens = dpo::tokens(std::slice::from_ref(choice));
            if learned.contains(&Origin::Edit(*edit)) && tokens <= left {
                left -= tokens;
                to_learn.push(choice.clone());
            }
        }
        let to_watch: Vec<PreferencePair> =
            choices.validation.iter().map(|(_, one)| one.clone()).collect();
        if to_learn.is_empty() || to_watch.is_empty() {
            return Ok(PreferenceOutcome::Skipped);
        }
        let validation: Vec<Row> = side(rows, Split::Validation)
            .into_iter()
            .filter(|row| matches!(row.origin, Origin::Archive(_)))
            .collect();
        let weigh = |adapter: &Adapter| {
            dpo::evaluate_preferences(&ghost.base, adapter, &to_watch, &validation)
        };
        let how = DpoConfig::after(&outcome.adapter.card.recipe);
        let mut on_event = |_, _| self.check_stop(run);
        let begun = &outcome.adapter;
        let after =
            dpo::train_preferences(&ghost.base, begun, &to_learn, &edits, &how, &mut on_event)?;
        let Some(adapter) = after else { return Ok(PreferenceOutcome::Stopped) };
        let (before, after) = (weigh(begun)?, weigh(&adapter)?);
        Ok(match after.is_better_than(&before) {
            true => PreferenceOutcome::Kept {
                adapter: Box::new(adapter),
                right: [before.accuracy, after.accuracy],
            },
            false => PreferenceOutcome::Discarded,
        })
    }

    fn save_adapter(
        &self,
        stored: &StoredRun,
        ghost: &LoadedModel,
        recipe: &Recipe,
        rows: &[(RowId, Row)],
        outcome: &Outcome,
    ) -> Result<AdapterId> {
        let now = self.workspace.now();
        let id = adapters::of_run(
            self.workspace.store().db(),
            stored.id,
            stored.base,
            &recipe.name,
            stored.n_rows,
            &now,
        )?;
        let mut adapter = outcome.adapter.clone();
        complete_card(&mut adapter, rows);
        adapter.save(&ghost.base, &self.workspace.folder().adapter(id))?;
        Ok(id)
    }
}

/// Fills in the part of an adapter's card that the engine does not know: its rows and the app version.
fn complete_card(adapter: &mut Adapter, rows: &[(RowId, Row)]) {
    let learned = rows.iter().filter(|(_, row)| row.split == Split::Train);
    adapter.card.rows = learned.map(|(id, _)| *id).collect();
    // A row may be trained on several times: its sections, or the added and the cut text of an edit.
    adapter.card.rows.sort();
    adapter.card.rows.dedup();
    adapter.card.app_version = env!("CARGO_PKG_VERSION").into();
}

/// The constraints of a run, and where it reports its progress.
struct RunPlan<'a> {
    budget: TimeBudget,
    speeds: Speeds,
    reporter: &'a Reporter,
    /// One adapter per fold is trained as well.
    in_folds: bool,
}

impl RunPlan<'_> {
    /// Passes over the training rows: with folds, each fold is trained without, which is all rows
    /// once for every fold but one.
    fn trainings(&self) -> f64 {
        if self.in_folds { FOLDS as f64 } else { 1.0 }
    }

    /// Seconds to carry out a whole recipe, the folds included.
    fn seconds_for_all(&self, recipe: &Recipe, learned: &[Row]) -> f64 {
        let all = match recipe.steps {
            Some(steps) => steps * recipe.batch_tokens,
            None => tokens(learned) * recipe.epochs,
        };
        self.trainings() * all as f64 / self.speeds.learning.max(1.0)
    }

    /// Reports an estimate before the first step is done.
    fn report_estimate(&self, recipe: &Recipe, rows: &[(RowId, Row)]) {
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

/// The share of a fold in the remaining training: the later folds, each without its part, and the
/// final training on everything.
fn share_of_fold(fold: usize) -> f64 {
    let each = (FOLDS - 1) as f64 / FOLDS as f64;
    each / (each * (FOLDS - fold) as f64 + 1.0)
}

/// One training in progress: how many steps there is time for, given how long they take.
struct Training<'a> {
    plan: &'a RunPlan<'a>,
    recipe: &'a Recipe,
    /// Its share of the time left for training.
    share: f64,
    pace: RefCell<Pace>,
    /// Steps of the whole recipe.
    full: Cell<usize>,
}

impl<'a> Training<'a> {
    fn new(plan: &'a RunPlan<'a>, recipe: &'a Recipe, share: f64) -> Training<'a> {
        let pace = Pace::new(recipe.validate_every).into();
        Training { plan, recipe, share, pace, full: Cell::default() }
    }

    /// How many steps this training should have.
    fn steps(&self, done: usize, planned: usize, full: usize) -> usize {
        let spent = self.plan.reporter.spent();
        let mut pace = self.pace.borrow_mut();
        if done == 0 {
            pace.begin(0, spent)
        } else {
            pace.note(done, spent)
        }
        let estimated = self.recipe.batch_tokens as f64 / self.plan.speeds.learning.max(1.0);
        let a_step = pace.a_step().unwrap_or(estimated);
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

    fn on_event(&self, event: &train::Event) {
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

    /// A note on what there was no time for.
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

/// The result of preference training.
enum PreferenceOutcome {
    /// There was nothing to train or validate on.
    Skipped,
    Stopped,
    /// It did not improve the validation edits.
    Discarded,
    Kept {
        adapter: Box<Adapter>,
        /// Share of validation pairs ranked correctly, before and after.
        right: [f64; 2],
    },
}

/// Tokens read in preference training, per token of training before it.
const PREFERENCE_SHARE: f64 = 0.1;

/// Factors of the learning rates to try, and the steps of each trial.
const RATES: [f32; 3] = [0.5, 1.0, 2.0];
const RATE_STEPS: usize = 16;

/// Approximate tokens of some rows with their requests: English prose has 4.3 bytes per token under
/// the tokenizers of small bases, and a chat template takes about 20 tokens.
fn tokens(rows: &[Row]) -> usize {
    const TEMPLATE: usize = 20;
    let of = |row: &Row| (row.text.len() + row.request().len()) / BYTES_PER_TOKEN + TEMPLATE;
    rows.iter().map(of).sum()
}

/// The rows without sections of texts that are there whole as well.
fn without_sections(rows: Vec<(RowId, Row)>) -> Vec<(RowId, Row)> {
    let is_section = |row: &Row| matches!(row.scope, RequestScope::Section { .. });
    let whole: HashSet<RowId> =
        rows.iter().filter(|(_, row)| row.scope.is_whole()).map(|(id, _)| *id).collect();
    rows.into_iter().filter(|(id, row)| !(is_section(row) && whole.contains(id))).collect()
}

fn side(rows: &[(RowId, Row)], side: Split) -> Vec<Row> {
    rows.iter().filter(|(_, row)| row.split == side).map(|(_, row)| row.clone()).collect()
}

/// Prints one event as a line on standard output. A reader that has gone away does not matter.
fn emit(event: &Event) {
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
        fs::create_dir_all(desk.workspace().folder().run(RUN)).unwrap();
        (dir, desk)
    }

    /// The outcome of a training that read `tokens` tokens.
    fn outcome(ghost: &LoadedModel, tokens: usize) -> Outcome {
        let recipe = Recipe { learning_rate: 0.4, ..Recipe::quick(1, 1, 1) };
        let step = Step { tokens, ..Step::default() };
        let card = Card::new(&ghost.base, &recipe, String::new(), Vec::new());
        let lora = Lora::fresh(&ghost.base, 4, 8.0, 0.0, 1);
        let (adapter, steps) = (Adapter { lora, card }, vec![step]);
        Outcome { adapter, steps, best_dev: None, stop_reason: StopReason::Finished }
    }

    /// Edits, of which every eighth is validated on, and the rows of the others.
    fn edits() -> (PreferencePairs, Vec<(RowId, Row)>) {
        let (mut choices, mut rows) = (PreferencePairs::default(), Vec::new());
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
                Split::Train => choices.train.extend(found),
                _ => choices.validation.extend(found),
            }
            rows.push((RowId(n), Row::of_edit(edit, seed, &draft, &shipped, &[], side)));
        }
        assert_eq!((choices.train.len(), choices.validation.len()), (56, 8));
        (choices, rows)
    }

    #[test]
    fn preference_training_is_kept_if_it_improves_the_validation_edits() {
        let (_dir, desk) = desk();
        let ghost = desk.bases().load_in_use(None).unwrap();
        let (choices, rows) = edits();
        let begun = outcome(&ghost, 1_000_000);
        let chosen =
            TrainWorker::of(&desk).train_preferences(RUN, &ghost, &rows, &choices, &begun).unwrap();
        let PreferenceOutcome::Kept { adapter, right: [before, after] } = chosen else {
            panic!("discarded")
        };
        assert!((before, after) == (0.0, 1.0) && adapter.lora != begun.adapter.lora);
    }

    #[test]
    fn preference_training_without_improvement_is_discarded() {
        let (_dir, desk) = desk();
        let ghost = desk.bases().load_in_use(None).unwrap();
        let (mut choices, rows) = edits();
        // The validation pairs prefer the opposite.
        for (_, one) in &mut choices.validation {
            std::mem::swap(&mut one.chosen, &mut one.rejected);
        }
        let begun = outcome(&ghost, 1_000_000);
        let chosen =
            TrainWorker::of(&desk).train_preferences(RUN, &ghost, &rows, &choices, &begun).unwrap();
        assert!(matches!(chosen, PreferenceOutcome::Discarded));
    }

    #[test]
    fn preference_training_is_skipped_without_time_edits_or_validation_pairs() {
        let (_dir, desk) = desk();
        let ghost = desk.bases().load_in_use(None).unwrap();
        let (choices, rows) = edits();
        let nothing = |tokens, rows: &[(RowId, Row)], choices: &PreferencePairs| {
            let found = TrainWorker::of(&desk).train_preferences(
                RUN,
                &ghost,
                rows,
                choices,
                &outcome(&ghost, tokens),
            );
            assert!(matches!(found.unwrap(), PreferenceOutcome::Skipped));
        };
        nothing(100, &rows, &choices);
        // As when an edit is excluded because it resembles the held-out fold.
        nothing(1_000_000, &[], &choices);
        let of_pieces: Vec<_> = rows
            .iter()
            .map(|(id, row)| (*id, Row { origin: Origin::Archive(PieceId(1)), ..row.clone() }))
            .collect();
        nothing(1_000_000, &of_pieces, &choices);
        nothing(1_000_000, &rows, &PreferencePairs { validation: Vec::new(), ..edits().0 });
    }

    #[test]
    fn a_run_stopped_during_preference_training_reports_it() {
        let (_dir, desk) = desk();
        let ghost = desk.bases().load_in_use(None).unwrap();
        let (choices, rows) = edits();
        fs::write(stop_file(desk.workspace().folder(), RUN), "").unwrap();
        let found = TrainWorker::of(&desk).train_preferences(
            RUN,
            &ghost,
            &rows,
            &choices,
            &outcome(&ghost, 1_000_000),
        );
        assert!(matches!(found.unwrap(), PreferenceOutcome::Stopped));
    }
}
