//! Training runs, as the app sees them: start, resume, follow, stop. Training itself happens in
//! another process ([`crate::train_worker`]), so that a crash there cannot lose a draft.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ghost_core::cross_validation::Folds;
use ghost_core::id::{RowId, RunId};
use ghost_core::row::Row;
use ghost_core::run::{Recipe, RunState, Step};
use ghost_core::split::Split;
use ghost_core::verdict::Verdict;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

use crate::archive::Archive;
use crate::bases::no_base;
use crate::event::{Event, OnEvent};
use crate::failure::{Code, Failure, Result};
use crate::folder::Folder;
use crate::store::runs::{self, StoredRun};
use crate::store::{adapters, bases, rows};
use crate::training_rows::PreferencePairs;
use crate::wire::{RunList, RunStateName, RunView, StartRun, StepView};
use crate::workspace::Workspace;
use crate::{folder, priority, private, run_progress, training_rows, verdict_view};

/// How often the store is polled for the steps of a run in another process.
const POLL_INTERVAL: Duration = Duration::from_millis(150);
/// The same for a window.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(500);

/// The runs owner.
pub(crate) struct Runs {
    workspace: Arc<Workspace>,
    archive: Arc<Archive>,
    runtime: tokio::runtime::Runtime,
}

impl Runs {
    /// The runs of a workspace.
    ///
    /// # Errors
    /// `bug` if no thread can be started.
    pub(crate) fn new(workspace: Arc<Workspace>, archive: Arc<Archive>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("desk")
            .enable_all()
            .build()
            .map_err(|e| Failure::new(Code::Bug, format!("Could not start a thread: {e}.")))?;
        Ok(Runs { workspace, archive, runtime })
    }

    /// Starts a run, or resumes an unfinished one.
    pub(crate) fn start_or_resume(self: &Arc<Self>, ask: StartRun) -> Result<RunView> {
        if folder::is_locked(&self.workspace.folder().run_lock()) {
            let active = self.newest_run()?.filter(|_| !ask.new && ask.repeat.is_none());
            return match active {
                Some(run) => self.run(run.id.0),
                None => Err(Failure::new(
                    Code::Busy,
                    "A run is already in progress. Stop it before you start a new one.",
                )),
            };
        }
        let run = match (ask.repeat, self.newest_run()?) {
            (Some(finished), _) => self.create_repeat(RunId(finished))?,
            (None, Some(run)) if run.state.is_resumable() && !ask.new => run.id,
            (None, _) => self.create(&ask)?,
        };
        if let Err(failure) = self.start(run) {
            self.recover_unstarted(run)?;
            return Err(failure);
        }
        self.run(run.0)
    }

    /// Fixes what a run trains on, on disk.
    fn create(&self, ask: &StartRun) -> Result<RunId> {
        let base = bases::in_use(self.workspace.store().db())?.ok_or_else(no_base)?;
        self.archive.rebuild_stale_rows()?;
        let mut rows = rows::all(self.workspace.store().db())?;
        let folds = training_rows::folds(self.workspace.store().db(), &rows)?;
        if let Some(folds) = &folds {
            folds.train_on_all(&mut rows);
        }
        let cuts = training_rows::cuts(self.workspace.store().db(), &rows)?;
        rows.extend(cuts);
        let choices = training_rows::choices(self.workspace.store().db(), &rows)?;
        let n_rows = rows.iter().filter(|(_, row)| row.split == Split::Train).count();
        if n_rows == 0 {
            return Err(Failure::new(
                Code::TooLittle,
                "There is nothing to learn from yet. Import some of your writing into the archive, \
                 or ship a draft.",
            ));
        }
        let random_seed = ask.random_seed.unwrap_or_else(|| self.workspace.random_seed());
        let parameters = base.card.parameters;
        let mut recipe = match ask.recipe.as_deref().unwrap_or("quick") {
            "quick" => Recipe::quick(parameters, n_rows, random_seed),
            "nightly" => Recipe::nightly(parameters, n_rows, random_seed),
            other => {
                return Err(Failure::new(
                    Code::BadInput,
                    format!("Unknown recipe \u{201c}{other}\u{201d}. Use quick or nightly."),
                ));
            }
        };
        if ask.minutes.is_some_and(|minutes| !(minutes > 0.0 && minutes.is_finite())) {
            return Err(Failure::new(Code::BadInput, "Minutes must be a number above zero."));
        }
        if ask.steps == Some(0) {
            return Err(Failure::new(Code::BadInput, "A run needs at least one step."));
        }
        recipe.steps = ask.steps.map(|steps| steps as usize);
        let rows = training_rows::expand_rows(rows, &recipe);
        self.workspace.store().transaction(|t| {
            let run =
                runs::begin(t, &recipe, ask.minutes, base.id, n_rows, &[], &self.workspace.now())?;
            let folder = self.workspace.folder().run(run);
            private::make_folder(&folder).map_err(|e| Failure::io("make", &folder, &e))?;
            write_json(&folder.join(ROWS_FILE), &rows)?;
            if let Some(folds) = &folds {
                write_json(&folder.join(FOLDS_FILE), folds)?;
            }
            if let Some(choices) = &choices {
                write_json(&folder.join(CHOICES_FILE), choices)?;
            }
            Ok(run)
        })
    }

    /// Creates a run that trains again on the rows, recipe and random seed of a finished one, for
    /// the same number of steps. It gives the same adapter, bit for bit.
    fn create_repeat(&self, finished: RunId) -> Result<RunId> {
        let stored = runs::one(self.workspace.store().db(), finished)?;
        if stored.state != RunState::Done {
            let why = format!("Run {finished} has not finished, so it cannot be repeated.");
            return Err(Failure::new(Code::BadInput, why));
        }
        let plan: Vec<usize> = runs::steps(self.workspace.store().db(), finished, 0)?
            .iter()
            .map(|step| step.of)
            .collect();
        let original = self.workspace.folder().run(finished);
        self.workspace.store().transaction(|t| {
            let (n_rows, now) = (stored.n_rows as usize, self.workspace.now());
            let notes = [format!("Repeats run {finished}.")];
            let run = runs::begin(t, &stored.recipe, None, stored.base, n_rows, &notes, &now)?;
            let folder = self.workspace.folder().run(run);
            private::make_folder(&folder).map_err(|e| Failure::io("make", &folder, &e))?;
            for (file, is_optional) in [
                (ROWS_FILE, false),
                (FOLDS_FILE, true),
                (CHOICES_FILE, true),
                (LEARNING_RATE_FILE, true),
            ] {
                let from = original.join(file);
                match fs::read(&from) {
                    Ok(bytes) => folder::write_whole(&folder.join(file), &bytes)
                        .map_err(|e| Failure::io("write", &folder, &e))?,
                    Err(e) if is_optional && e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return Err(Failure::io("read", &from, &e)),
                }
            }
            write_json(&folder.join(PLAN_FILE), &plan)?;
            Ok(run)
        })
    }

    /// The rows that a run started with.
    pub(crate) fn rows_of(&self, run: RunId) -> Result<Vec<(RowId, Row)>> {
        let path = self.workspace.folder().run(run).join(ROWS_FILE);
        read_json(&path)?.ok_or_else(|| Failure::io("read", &path, &io::ErrorKind::NotFound.into()))
    }

    /// Starts the process of a run and waits until it reports or exits.
    fn start(self: &Arc<Self>, run: RunId) -> Result<()> {
        let folder = self.workspace.folder().run(run);
        let _ = fs::remove_file(stop_file(self.workspace.folder(), run));
        let program = std::env::var_os("GHOST_EXE")
            .map_or_else(|| std::env::current_exe().map(Into::into), Ok)
            .map_err(|e| Failure::new(Code::Bug, format!("Could not locate this program: {e}.")))?;
        let path = folder.join("log.txt");
        let log = private::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|e| Failure::io("write", &path, &e))?;
        let mut command = Command::from(priority::command(&program));
        command
            .arg("work")
            .arg(run.to_string())
            .arg("--home")
            .arg(self.workspace.folder().root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        // A process group of its own: closing the window or Ctrl-C does not end the run.
        #[cfg(unix)]
        command.process_group(0);
        self.runtime.block_on(async {
            let mut child =
                command.spawn().map_err(|e| Failure::io("start", Path::new(&program), &e))?;
            let mut lines = child.stdout.take().map(|out| BufReader::new(out).lines());
            if let Some(lines) = &mut lines
                && !relay_line(&self.workspace, lines).await
            {
                // It exited without a report.
                let _ = child.wait().await;
                return self.recover_unstarted(run);
            }
            let runs = Arc::clone(self);
            tokio::spawn(async move {
                if let Some(lines) = &mut lines {
                    while relay_line(&runs.workspace, lines).await {}
                }
                // Reaped, so that no zombie process is left.
                let _ = child.wait().await;
                let _ = runs.recover_unstarted(run);
                runs.notify_run(run);
            });
            Ok(())
        })
    }

    fn notify_run(&self, run: RunId) {
        if let Ok(run) = self.run(run.0) {
            self.workspace.notify(&Event::RunChanged { run: RunView { steps: Vec::new(), ..run } });
        }
    }

    /// Waits until a run ends and reports its steps as they reach the store; works for a run of
    /// any process.
    ///
    /// # Errors
    /// `not_found`, or the store's.
    pub(crate) fn follow(&self, run: RunId, on_event: &mut OnEvent<'_>) -> Result<RunView> {
        let mut seen = runs::last_step(self.workspace.store().db(), run)?.map_or(0, |step| step.n);
        let (mut state, mut progress) = (None, None);
        loop {
            // Read before the store, so that nothing stored in between is missed.
            let active = folder::is_locked(&self.workspace.folder().run_lock());
            let steps = runs::steps(self.workspace.store().db(), run, seen)?;
            for step in &steps {
                seen = step.n;
                on_event(Event::RunStepped { run: run.0, step: step_view(step) });
            }
            let now = self.run(run.0)?;
            if let Some(news) = now.progress.clone().filter(|news| progress.as_ref() != Some(news))
            {
                progress = Some(news.clone());
                on_event(Event::RunProgressed { run: run.0, progress: news });
            }
            if state != Some(now.state) {
                state = Some(now.state);
                on_event(Event::RunChanged { run: RunView { steps: Vec::new(), ..now.clone() } });
            }
            if !active {
                return Ok(now);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Follows a run that was already in progress when the window opened.
    pub(crate) fn follow_in_background(self: &Arc<Self>) -> Result<()> {
        let Some(run) = self.newest_run()? else { return Ok(()) };
        if !folder::is_locked(&self.workspace.folder().run_lock()) {
            return Ok(());
        }
        let inner = Arc::downgrade(self);
        let looking = move || {
            let mut active = true;
            let (mut seen, mut progress) = (usize::MAX, None);
            while active {
                // The page does not update more often either.
                std::thread::sleep(FOLLOW_INTERVAL);
                // Held only for a moment, so that the desk can close meanwhile.
                let Some(owner) = inner.upgrade() else { return };
                active = folder::is_locked(&owner.workspace.folder().run_lock());
                let after = if seen == usize::MAX { 0 } else { seen };
                let Ok(steps) = runs::steps(owner.workspace.store().db(), run.id, after) else {
                    return;
                };
                let fresh = if seen == usize::MAX { 0 } else { steps.len() };
                for step in &steps[steps.len() - fresh..] {
                    owner
                        .workspace
                        .notify(&Event::RunStepped { run: run.id.0, step: step_view(step) });
                }
                seen = steps.last().map_or(after, |step| step.n);
                let news = run_progress::read_saved(&owner.workspace.folder().run(run.id));
                if let Some(news) = news.filter(|news| progress.as_ref() != Some(news)) {
                    progress = Some(news.clone());
                    owner.workspace.notify(&Event::RunProgressed { run: run.id.0, progress: news });
                }
                if !active {
                    owner.notify_run(run.id);
                }
            }
        };
        std::thread::Builder::new()
            .name("follow".into())
            .spawn(looking)
            .map(|_| ())
            .map_err(|e| Failure::new(Code::Bug, format!("Could not start a thread: {e}.")))
    }

    /// Asks the run in progress to stop.
    pub(crate) fn stop(&self) -> Result<RunView> {
        let run =
            self.newest_run()?.filter(|_| folder::is_locked(&self.workspace.folder().run_lock()));
        let run = run.ok_or_else(|| Failure::new(Code::NotFound, "No run is in progress."))?;
        let path = stop_file(self.workspace.folder(), run.id);
        private::make_file(&path).map_err(|e| Failure::io("write", &path, &e))?;
        self.run(run.id.0)
    }

    /// One run with its curve.
    pub(crate) fn run(&self, id: i64) -> Result<RunView> {
        // Two statements: the first holds the store's lock to its end.
        let kept = runs::one(self.workspace.store().db(), RunId(id))?;
        let run = self.recover_stale(kept)?;
        let steps = runs::steps(self.workspace.store().db(), run.id, 0)?;
        let mut shown = self.run_view(&run)?;
        shown.steps = steps.iter().map(step_view).collect();
        Ok(shown)
    }

    /// All runs, newest first.
    pub(crate) fn list(&self) -> Result<RunList> {
        let stored = runs::all(self.workspace.store().db())?;
        let mut shown = Vec::with_capacity(stored.len());
        for run in stored {
            shown.push(self.run_view(&self.recover_stale(run)?)?);
        }
        Ok(RunList { runs: shown })
    }

    /// The wire form of a run, without its curve.
    pub(crate) fn run_view(&self, run: &StoredRun) -> Result<RunView> {
        let store = self.workspace.store();
        let step = runs::last_step(store.db(), run.id)?;
        let verdict = match run.adapter {
            Some(adapter) => adapters::verdict(store.db(), adapter)?,
            None => None,
        };
        let progress = run.state.is_active().then(|| self.workspace.folder().run(run.id));
        let progress = progress.and_then(|folder| run_progress::read_saved(&folder));
        Ok(RunView { progress, ..wire_run(run, step.as_ref(), verdict.as_ref()) })
    }

    /// The newest run.
    pub(crate) fn newest_run(&self) -> Result<Option<StoredRun>> {
        let newest = runs::all(self.workspace.store().db())?.into_iter().next();
        newest.map(|run| self.recover_stale(run)).transpose()
    }

    /// Marks a run whose process is gone as interrupted, whatever its stored state.
    fn recover_stale(&self, mut run: StoredRun) -> Result<StoredRun> {
        if run.state.is_active() && !folder::is_locked(&self.workspace.folder().run_lock()) {
            // It may have ended between the two reads; only a second read tells.
            run = runs::one(self.workspace.store().db(), run.id)?;
            if run.state.is_active() {
                run.state = RunState::Interrupted;
                runs::set_state(self.workspace.store().db(), run.id, run.state, None)?;
            }
        }
        Ok(run)
    }

    /// Marks a run whose process never started as interrupted, so that it can be resumed.
    fn recover_unstarted(&self, run: RunId) -> Result<()> {
        let stored = runs::one(self.workspace.store().db(), run)?;
        if stored.state == RunState::Waiting
            && !folder::is_locked(&self.workspace.folder().run_lock())
        {
            runs::set_state(self.workspace.store().db(), run, RunState::Interrupted, None)?;
        }
        Ok(())
    }

    /// The same for all runs when a window opens: the process that created one may be gone too.
    pub(crate) fn recover_unstarted_runs(&self) -> Result<()> {
        // Two statements: the first holds the store's lock to its end.
        let stored = runs::all(self.workspace.store().db())?;
        stored.into_iter().try_for_each(|run| self.recover_unstarted(run.id))
    }
}

/// Files in the folder of a run: its inputs.
const ROWS_FILE: &str = "rows.json";
const FOLDS_FILE: &str = "folds.json";
const CHOICES_FILE: &str = "choices.json";
/// The learning rate that was chosen, if several were tried.
pub(crate) const LEARNING_RATE_FILE: &str = "rate.json";
/// The planned number of steps at each step of the run that is repeated.
const PLAN_FILE: &str = "plan.json";

/// The folds of a run; `None` if a fixed test split is used.
pub(crate) fn folds_in(folder: &Path) -> Result<Option<Folds>> {
    read_json(&folder.join(FOLDS_FILE))
}

/// The planned number of steps at each step, in a run that repeats another.
pub(crate) fn plan_in(folder: &Path) -> Result<Option<Vec<usize>>> {
    read_json(&folder.join(PLAN_FILE))
}

/// The preference pairs of a run; `None` if there were too few.
pub(crate) fn choices_in(folder: &Path) -> Result<Option<PreferencePairs>> {
    read_json(&folder.join(CHOICES_FILE))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read_to_string(path) {
        Ok(text) => crate::store::from_json(&text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::io("read", path, &error)),
    }
}

fn write_json<T: Serialize>(path: &Path, what: &T) -> Result<()> {
    folder::write_whole(path, crate::store::to_json(what)?.as_bytes())
        .map_err(|e| Failure::io("write", path, &e))
}

/// The adapter folder of a fold, inside the folder of a run.
pub(crate) fn fold_in(folder: &Path, fold: usize) -> PathBuf {
    folder.join(format!("fold {}", fold + 1))
}

/// The file whose presence asks a run to stop.
pub(crate) fn stop_file(folder: &Folder, run: RunId) -> PathBuf {
    folder.run(run).join("stop")
}

/// Relays one line of a run's process; `false` at the end of its output.
async fn relay_line(workspace: &Workspace, lines: &mut Lines<BufReader<ChildStdout>>) -> bool {
    match lines.next_line().await {
        Ok(Some(line)) => {
            if let Ok(event) = serde_json::from_str::<Event>(&line) {
                workspace.notify(&event);
            }
            true
        }
        _ => false,
    }
}

/// The wire form of a step.
pub(crate) fn step_view(step: &Step) -> StepView {
    StepView {
        n: step.n as u32,
        of: step.of as u32,
        loss: step.loss,
        validation_bits_per_byte: step.validation_bits_per_byte,
        learning_rate: step.learning_rate,
        tokens_per_second: step.tokens_per_second,
        seconds_left: step.seconds_left,
        peak_bytes: step.peak_bytes,
    }
}

fn wire_state(state: RunState) -> RunStateName {
    match state {
        RunState::Waiting => RunStateName::Waiting,
        RunState::Training => RunStateName::Learning,
        RunState::Evaluating => RunStateName::Evaluating,
        RunState::Stopped => RunStateName::Stopped,
        RunState::Interrupted => RunStateName::Interrupted,
        RunState::Failed => RunStateName::Failed,
        RunState::Done => RunStateName::Done,
    }
}

fn wire_run(stored: &StoredRun, last: Option<&Step>, found: Option<&Verdict>) -> RunView {
    RunView {
        run: stored.id.0,
        state: wire_state(stored.state),
        recipe: stored.recipe.name.clone(),
        notes: stored.notes.clone(),
        n_rows: stored.n_rows,
        progress: None,
        step: last.map(step_view),
        steps: Vec::new(),
        adapter: stored.adapter.map(|id| id.0),
        verdict: found.map(verdict_view::verdict),
        started_at: stored.started_at.clone(),
        ended_at: stored.ended_at.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::testing::{base, run};
    use crate::workspace::temporary;

    fn runs_of(workspace: &Arc<Workspace>) -> Arc<Runs> {
        let archive = Arc::new(Archive::new(Arc::clone(workspace)));
        Arc::new(Runs::new(Arc::clone(workspace), archive).unwrap())
    }

    #[test]
    fn a_run_whose_process_is_gone_is_interrupted() {
        let (_dir, workspace) = temporary();
        let id = {
            let store = workspace.store();
            let id = run(store.db(), base(store.db(), "f"));
            runs::set_state(store.db(), id, RunState::Training, None).unwrap();
            id
        };
        let owner = runs_of(&workspace);
        {
            let _lock = folder::try_lock(&workspace.folder().run_lock()).unwrap().unwrap();
            assert_eq!(owner.run(id.0).unwrap().state, RunStateName::Learning);
        }
        assert_eq!(owner.run(id.0).unwrap().state, RunStateName::Interrupted);
        assert_eq!(owner.list().unwrap().runs.len(), 1);
        assert_eq!(owner.stop().unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn a_run_that_never_started_can_be_resumed() {
        let (_dir, workspace) = temporary();
        let id = {
            let store = workspace.store();
            run(store.db(), base(store.db(), "f"))
        };
        runs_of(&workspace).recover_unstarted_runs().unwrap();
        let stored = runs::one(workspace.store().db(), id).unwrap();
        assert!(stored.state == RunState::Interrupted && stored.state.is_resumable());
    }

    #[test]
    fn invalid_requests_create_no_run() {
        let (_dir, workspace) = temporary();
        let owner = runs_of(&workspace);
        let code = |ask: StartRun| owner.start_or_resume(ask).unwrap_err().code;
        assert_eq!(code(StartRun::default()), Code::BaseMissing);
        {
            let store = workspace.store();
            bases::set_in_use(store.db(), base(store.db(), "f")).unwrap();
        }
        assert_eq!(code(StartRun::default()), Code::TooLittle);
        assert_eq!(code(StartRun { repeat: Some(9), ..StartRun::default() }), Code::NotFound);
        let unfinished = {
            let store = workspace.store();
            run(store.db(), base(store.db(), "f"))
        };
        let ask = StartRun { repeat: Some(unfinished.0), ..StartRun::default() };
        assert_eq!(code(ask), Code::BadInput);
        let _lock = folder::try_lock(&workspace.folder().run_lock()).unwrap().unwrap();
        assert_eq!(code(StartRun { new: true, ..StartRun::default() }), Code::Busy);
        assert_eq!(owner.list().unwrap().runs.len(), 1);
    }
}
