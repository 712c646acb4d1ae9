//! The body of a run's own process: rows → training → adapter → verdict → perhaps a new ghost.
//!
//! Everything it does is in the store and in its folder before the next thing begins, so that a
//! kill at any moment costs at most the steps since the last checkpoint, and the run goes on to
//! the same end, bit for bit. It tells what happens as one JSON event a line on standard output;
//! whether anybody reads them makes no difference to it.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use ghost_core::id::{AdapterId, RowId, RunId};
use ghost_core::program::{Compiled, Program};
use ghost_core::row::{Row, Side};
use ghost_core::run::{Recipe, State};
use ghost_core::verdict::{Decision, Verdict};
use ghost_engine::adapter::Card;
use ghost_engine::train::{self, Outcome, Why};

use crate::event::Event;
use crate::evidence::{Court, Party, Sample};
use crate::failure::{Code, Failure, Result};
use crate::judge::Hearing;
use crate::store::runs::{self, StoredRun};
use crate::store::{adapters, bases};
use crate::wire::RunView;
use crate::{Desk, Host, base, folder, learn, view};

/// Share of the minutes given that is kept for the verdict and for what cannot be foreseen, at
/// least and at most.
const KEPT_FOR_VERDICT: [f64; 2] = [0.3, 0.6];
/// How many times longer a token takes to write than to learn from, with what a verdict reads.
const WRITING: f64 = 5.0;

/// Does a run in this process, from wherever it stands. Answers with an exit status.
pub fn work(home: &Path, run: RunId) -> i32 {
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
            self.set_state(run, State::Failed)?;
        }
        done
    }

    fn learn_and_judge(&self, run: RunId) -> Result<()> {
        let stored = runs::one(self.store().on(), run)?;
        self.set_state(run, State::Learning)?;
        let base = bases::one(self.store().on(), stored.base)?;
        let ghost = self.ghost_on(&base, None)?;
        let rows = self.rows_of(run)?;
        let recipe = self.fitted(&stored, &ghost, &rows)?;

        self.note_what_is_to_beat(run, &ghost, &rows)?;
        let outcome = self.train(run, &ghost, &rows, &recipe)?;
        if outcome.ended == Why::Stopped {
            return self.set_state(run, State::Stopped);
        }
        let adapter = self.keep_adapter(&stored, &ghost, &recipe, &rows, &outcome)?;

        self.set_state(run, State::Judging)?;
        let writing = self.folder().writing_lock();
        let mut watch = |done, of| {
            line(&Event::JudgeProgressed { adapter: adapter.0, done, of });
            // A draft comes first here too.
            folder::wait_until_free(&writing);
            learn::stop_file(self, run).exists()
        };
        let hearing = Hearing::of(&stored.recipe.name);
        let Some(verdict) = self.verdict_on(adapter, &hearing, &mut watch)? else {
            return self.set_state(run, State::Stopped);
        };
        self.decide(adapter, &verdict)?;
        line(&Event::VerdictReached { adapter: adapter.0, verdict: view::verdict(&verdict) });
        self.set_state(run, State::Done)
    }

    fn set_state(&self, run: RunId, state: State) -> Result<()> {
        let ended = (!matches!(state, State::Learning | State::Judging)).then(|| self.now());
        runs::set_state(self.store().on(), run, state, ended.as_deref())?;
        // Two statements: the store is locked to the end of the first, and looked at again.
        let kept = runs::one(self.store().on(), run)?;
        let shown = self.run_view(&kept)?;
        log::info!("run {run}: {state:?}");
        line(&Event::RunChanged { run: RunView { steps: Vec::new(), ..shown } });
        Ok(())
    }

    /// The recipe, fitted to the minutes given by doing two steps that are thrown away.
    fn fitted(
        &self,
        stored: &StoredRun,
        ghost: &base::Ghost,
        rows: &[(RowId, Row)],
    ) -> Result<Recipe> {
        let Some(minutes) = stored.minutes else { return Ok(stored.recipe.clone()) };
        let away = tempfile::tempdir_in(self.folder().run(stored.id))
            .map_err(|e| Failure::io("write", self.folder().root(), &e))?;
        let trial = Recipe { steps: Some(2), dev_every: 0, ..stored.recipe.clone() };
        let learned = side(rows, Side::Train);
        let mut speed = 0.0;
        train::train(&ghost.base, &learned, &[], &trial, away.path(), &mut |event| {
            if let train::Event::Stepped(step) = event {
                speed = step.tokens_per_second;
            }
            ControlFlow::Continue(())
        })?;
        let bytes: usize = learned.iter().map(|row| row.text.len()).sum();
        let tokens_an_epoch = bytes / BYTES_A_TOKEN + learned.len() * PROMPT_TOKENS;
        let to_write = Sample::of(&stored.recipe.name, ghost.base.card.parameters).tokens();
        let judging = to_write * WRITING / f64::from(speed.max(1.0)) / 60.0;
        let [least, most] = KEPT_FOR_VERDICT;
        let for_learning = minutes - judging.clamp(minutes * least, minutes * most);
        let (recipe, left_out) = stored.recipe.clone().fit(for_learning, speed, tokens_an_epoch);
        runs::fit(self.store().on(), stored.id, &recipe)?;
        for sentence in left_out {
            runs::note(self.store().on(), stored.id, &sentence)?;
        }
        Ok(recipe)
    }

    /// Says what the pieces watched while learning cost without an adapter, so that the curve has
    /// something to be held against.
    fn note_what_is_to_beat(
        &self,
        run: RunId,
        ghost: &base::Ghost,
        rows: &[(RowId, Row)],
    ) -> Result<()> {
        let all: Vec<Row> = rows.iter().map(|(_, row)| row.clone()).collect();
        let watched = all.iter().filter(|row| row.side == Side::Dev && !row.text.is_empty());
        let (mut bare, mut prompted, mut bytes) = (0.0, 0.0, 0.0);
        let (none, plain) = (Compiled::default(), Program::default());
        let court = Court {
            base: &ghost.base,
            rows: &all,
            pairs: &[],
            edits: &[],
            compiled: &none,
            sample: Sample::of("quick", ghost.base.card.parameters),
            random_seed: 0,
            memory: self,
        };
        for row in watched {
            let len = row.text.len() as f64;
            let prompt = Party { program: Some(&plain), ..Party::BARE };
            bare += court.bits(Party::BARE, &row.seed, &row.text)?.all * len;
            prompted += court.bits(prompt, &row.seed, &row.text)?.all * len;
            bytes += len;
        }
        if bytes == 0.0 {
            return Ok(());
        }
        let sentence = format!(
            "To beat on the pieces watched: {:.4} bits a byte for the bare base, {:.4} with a prompt.",
            bare / bytes,
            prompted / bytes
        );
        runs::note(self.store().on(), run, &sentence)
    }

    fn train(
        &self,
        run: RunId,
        ghost: &base::Ghost,
        rows: &[(RowId, Row)],
        recipe: &Recipe,
    ) -> Result<Outcome> {
        let (learned, watched) = (side(rows, Side::Train), side(rows, Side::Dev));
        let checkpoints = self.folder().run(run).join("checkpoints");
        let stop = learn::stop_file(self, run);
        let writing = self.folder().writing_lock();
        let mut trouble = None;
        let outcome =
            train::train(&ghost.base, &learned, &watched, recipe, &checkpoints, &mut |event| {
                let kept = match event {
                    train::Event::Stepped(step) => {
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
                    train::Event::ProvedGradients(n) => runs::note(
                        self.store().on(),
                        run,
                        &format!("A gradient reached each of {n} tensors."),
                    ),
                    train::Event::CardLost(sentence) => {
                        runs::note(self.store().on(), run, &sentence)
                    }
                    _ => Ok(()),
                };
                if let Err(failure) = kept {
                    trouble = Some(failure);
                    return ControlFlow::Break(());
                }
                // A draft comes first: a writer is waiting for it.
                folder::wait_until_free(&writing);
                if stop.exists() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        match trouble {
            Some(failure) => Err(failure),
            None => Ok(outcome),
        }
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
        adapter.card.rows = rows.iter().map(|(id, _)| *id).collect();
        // An edit is one row, though what it put in and what it took out are two lessons.
        adapter.card.rows.sort();
        adapter.card.rows.dedup();
        adapter.card.app_version = env!("CARGO_PKG_VERSION").into();
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
                self.crown(Some(adapter))?;
                let ghost = self.ghost_in_words()?;
                line(&Event::GhostChanged { ghost, adapter: Some(adapter.0) });
            }
            Decision::Retire | Decision::Blocked => {
                adapters::set_retired(self.store().on(), adapter, true)?;
            }
            Decision::Keep | Decision::Unproven => {}
        }
        Ok(())
    }
}

/// English prose under the tokenizers of small bases, measured on the sample archive: near 4.3.
const BYTES_A_TOKEN: usize = 4;
/// What a seed and a chat template add to a row, roughly.
const PROMPT_TOKENS: usize = 80;

fn side(rows: &[(RowId, Row)], side: Side) -> Vec<Row> {
    rows.iter().filter(|(_, row)| row.side == side).map(|(_, row)| row.clone()).collect()
}

/// One event on standard output, but not from a host that has other uses for it. A reader that
/// went away is no trouble.
fn line(event: &Event) {
    if let Ok(text) = serde_json::to_string(event) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}
