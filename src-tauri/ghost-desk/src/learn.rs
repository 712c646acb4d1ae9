//! Runs, seen from the desk: begun, gone on with, followed, stopped. The work itself is done by
//! another process ([`crate::work`]), so that nothing that happens to it can lose a draft.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ghost_core::cross_validation::Folds;
use ghost_core::id::{EditId, RowId, RunId};
use ghost_core::preference::{MIN_EDITS, PreferencePair};
use ghost_core::row::{Origin, Row};
use ghost_core::run::{Recipe, RunState};
use ghost_core::split::Split;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

use crate::commands::Hear;
use crate::event::Event;
use crate::failure::{Code, Failure, Result};
use crate::store::runs::{self, StoredRun};
use crate::store::{adapters, bases, drafts, pieces, rows};
use crate::wire::{RunList, RunView, StartRun};
use crate::{Desk, base, folder, priority, private, run_progress, view};

/// How often the store is looked at for the steps of a run in another process.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// The same for a window.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

impl Desk {
    pub(crate) fn learn(&self, ask: StartRun) -> Result<RunView> {
        if folder::is_locked(&self.folder().run_lock()) {
            let at_work = self.newest_run()?.filter(|_| !ask.new);
            return match at_work {
                Some(run) => self.run(run.id.0),
                None => Err(Failure::new(
                    Code::Busy,
                    "A run is at work already; stop it before you begin a new one.",
                )),
            };
        }
        let run = match self.newest_run()? {
            Some(run) if run.state.is_resumable() && !ask.new => run.id,
            _ => self.begin(&ask)?,
        };
        if let Err(failure) = self.start(run) {
            self.settle(run)?;
            return Err(failure);
        }
        self.run(run.0)
    }

    /// Fixes what a run learns from and with, on disk.
    fn begin(&self, ask: &StartRun) -> Result<RunId> {
        let base = bases::in_use(self.store().on())?.ok_or_else(base::no_base)?;
        self.lay_out_stale_rows()?;
        let mut rows = rows::all(self.store().on())?;
        let folds = self.folds(&rows)?;
        if let Some(folds) = &folds {
            folds.train_on_all(&mut rows);
        }
        rows.extend(self.cuts(&rows)?);
        let choices = self.choices(&rows)?;
        let n_rows = rows.iter().filter(|(_, row)| row.split == Split::Train).count();
        if n_rows == 0 {
            return Err(Failure::new(
                Code::TooLittle,
                "There is nothing to learn from yet: drop some of your writing on the Archive, or \
                 ship a draft.",
            ));
        }
        let random_seed = ask.random_seed.unwrap_or_else(|| self.chance());
        let parameters = base.card.parameters;
        let mut recipe = match ask.recipe.as_deref().unwrap_or("quick") {
            "quick" => Recipe::quick(parameters, n_rows, random_seed),
            "nightly" => Recipe::nightly(parameters, n_rows, random_seed),
            other => {
                return Err(Failure::new(
                    Code::BadInput,
                    format!("There is no recipe called \u{201c}{other}\u{201d}: quick or nightly."),
                ));
            }
        };
        if ask.minutes.is_some_and(|minutes| !(minutes > 0.0 && minutes.is_finite())) {
            return Err(Failure::new(Code::BadInput, "Minutes are a number above zero."));
        }
        if ask.steps == Some(0) {
            return Err(Failure::new(Code::BadInput, "A run has at least one step."));
        }
        recipe.steps = ask.steps.map(|steps| steps as usize);
        let rows = taught(rows, &recipe);
        self.store().whole(|t| {
            let run = runs::begin(t, &recipe, ask.minutes, base.id, n_rows, &[], &self.now())?;
            let room = self.folder().run(run);
            private::make_folder(&room).map_err(|e| Failure::io("make", &room, &e))?;
            keep(&room.join(ROWS_FILE), &rows)?;
            if let Some(folds) = &folds {
                keep(&room.join(FOLDS_FILE), folds)?;
            }
            if let Some(choices) = &choices {
                keep(&room.join(CHOICES_FILE), choices)?;
            }
            Ok(run)
        })
    }

    /// The folds of an archive that is too small to hold out enough of it at once.
    pub(crate) fn folds(&self, rows: &[(RowId, Row)]) -> Result<Option<Folds>> {
        let stored = pieces::all_but_texts(self.store().on())?;
        let pieces = stored.iter().map(|stored| (stored.id, &stored.piece)).collect();
        Ok(Folds::of(rows.iter().map(|(_, row)| row), &pieces))
    }

    /// What the writer took out of drafts, of each edit that is learned from.
    pub(crate) fn cuts(&self, rows: &[(RowId, Row)]) -> Result<Vec<(RowId, Row)>> {
        let mut cuts = Vec::new();
        for (edit, seed, draft, shipped) in drafts::pairs(self.store().on())? {
            let taught = rows.iter().find(|(_, row)| row.origin == Origin::Edit(edit));
            let Some((id, row)) = taught.filter(|(_, row)| row.split == Split::Train) else {
                continue;
            };
            let apart = ghost_core::archive::non_prose_spans(&draft);
            let cut = Row::of_cuts(edit, seed, &draft, &shipped, &apart, row.split);
            cuts.extend(cut.map(|cut| (*id, cut)));
        }
        Ok(cuts)
    }

    /// What the writer preferred to what they were given, where they have shipped enough.
    fn choices(&self, rows: &[(RowId, Row)]) -> Result<Option<Choices>> {
        let mut choices = Choices::default();
        let mut edits = 0;
        for (edit, seed, draft, shipped) in drafts::pairs(self.store().on())? {
            let row = rows.iter().find(|(_, row)| row.origin == Origin::Edit(edit));
            let Some((_, row)) = row else { continue };
            let found =
                PreferencePair::of(&seed, &draft, &shipped).into_iter().map(|one| (edit, one));
            edits += usize::from(found.len() > 0);
            match row.split {
                Split::Train => choices.learned.extend(found),
                Split::Validation => choices.watched.extend(found),
                Split::Test => {}
            }
        }
        Ok((edits >= MIN_EDITS).then_some(choices))
    }

    /// The rows a run was begun with.
    pub(crate) fn rows_of(&self, run: RunId) -> Result<Vec<(RowId, Row)>> {
        let path = self.folder().run(run).join(ROWS_FILE);
        kept(&path)?.ok_or_else(|| Failure::io("read", &path, &io::ErrorKind::NotFound.into()))
    }

    /// Starts the process of a run and waits until it has begun or ended.
    fn start(&self, run: RunId) -> Result<()> {
        let room = self.folder().run(run);
        let _ = fs::remove_file(stop_file(self, run));
        let program = std::env::var_os("GHOST_EXE")
            .map_or_else(|| std::env::current_exe().map(Into::into), Ok)
            .map_err(|e| Failure::new(Code::Bug, format!("Where is this program? {e}")))?;
        let path = room.join("log.txt");
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
            .arg(self.folder().root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        // Of its own group: what ends the window, or Ctrl-C in a terminal, does not end the run.
        #[cfg(unix)]
        command.process_group(0);
        self.0.runtime.block_on(async {
            let mut child =
                command.spawn().map_err(|e| Failure::io("start", Path::new(&program), &e))?;
            let mut lines = child.stdout.take().map(|out| BufReader::new(out).lines());
            if let Some(lines) = &mut lines
                && !relay_line(self, lines).await
            {
                // It ended without a word.
                let _ = child.wait().await;
                return self.settle(run);
            }
            let desk = self.clone();
            tokio::spawn(async move {
                if let Some(lines) = &mut lines {
                    while relay_line(&desk, lines).await {}
                }
                // Reaped, so that no dead process is left standing about.
                let _ = child.wait().await;
                let _ = desk.settle(run);
                desk.tell_run(run);
            });
            Ok(())
        })
    }

    fn tell_run(&self, run: RunId) {
        if let Ok(run) = self.run(run.0) {
            self.tell(&Event::RunChanged { run: RunView { steps: Vec::new(), ..run } });
        }
    }

    /// Waits until a run ends, telling its steps as they are kept in the store; works for a run of
    /// any process.
    ///
    /// # Errors
    /// `not_found`, or the store's.
    pub fn follow(&self, run: RunId, hear: &mut Hear<'_>) -> Result<RunView> {
        let mut seen = runs::last_step(self.store().on(), run)?.map_or(0, |step| step.n);
        let (mut state, mut progress) = (None, None);
        loop {
            // Looked at before the store, so that nothing kept in between is missed.
            let at_work = folder::is_locked(&self.folder().run_lock());
            let steps = runs::steps(self.store().on(), run, seen)?;
            for step in &steps {
                seen = step.n;
                hear(Event::RunStepped { run: run.0, step: view::step(step) });
            }
            let now = self.run(run.0)?;
            if let Some(news) = now.progress.clone().filter(|news| progress.as_ref() != Some(news))
            {
                progress = Some(news.clone());
                hear(Event::RunProgressed { run: run.0, progress: news });
            }
            if state != Some(now.state) {
                state = Some(now.state);
                hear(Event::RunChanged { run: RunView { steps: Vec::new(), ..now.clone() } });
            }
            if !at_work {
                return Ok(now);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// A window that opens on a run at work tells of it as if it had begun it.
    pub(crate) fn follow_in_background(&self) -> Result<()> {
        let Some(run) = self.newest_run()? else { return Ok(()) };
        if !folder::is_locked(&self.folder().run_lock()) {
            return Ok(());
        }
        let inner = std::sync::Arc::downgrade(&self.0);
        let looking = move || {
            let mut at_work = true;
            let (mut seen, mut progress) = (usize::MAX, None);
            while at_work {
                // The page is not told more often either.
                std::thread::sleep(FOLLOW_EVERY);
                // Held only for a look, so that the desk can close meanwhile.
                let Some(desk) = inner.upgrade().map(Desk) else { return };
                at_work = folder::is_locked(&desk.folder().run_lock());
                let after = if seen == usize::MAX { 0 } else { seen };
                let Ok(steps) = runs::steps(desk.store().on(), run.id, after) else { return };
                let fresh = if seen == usize::MAX { 0 } else { steps.len() };
                for step in &steps[steps.len() - fresh..] {
                    desk.tell(&Event::RunStepped { run: run.id.0, step: view::step(step) });
                }
                seen = steps.last().map_or(after, |step| step.n);
                let news = run_progress::kept_in(&desk.folder().run(run.id));
                if let Some(news) = news.filter(|news| progress.as_ref() != Some(news)) {
                    progress = Some(news.clone());
                    desk.tell(&Event::RunProgressed { run: run.id.0, progress: news });
                }
                if !at_work {
                    desk.tell_run(run.id);
                }
            }
        };
        std::thread::Builder::new()
            .name("follow".into())
            .spawn(looking)
            .map(|_| ())
            .map_err(|e| Failure::new(Code::Bug, format!("No background thread: {e}")))
    }

    pub(crate) fn stop_learning(&self) -> Result<RunView> {
        let run = self.newest_run()?.filter(|_| folder::is_locked(&self.folder().run_lock()));
        let run = run.ok_or_else(|| Failure::new(Code::NotFound, "No run is at work."))?;
        let path = stop_file(self, run.id);
        private::make_file(&path).map_err(|e| Failure::io("write", &path, &e))?;
        self.run(run.id.0)
    }

    pub(crate) fn run(&self, id: i64) -> Result<RunView> {
        // Two statements: the store is locked to the end of the first, and looked at again.
        let kept = runs::one(self.store().on(), RunId(id))?;
        let run = self.settled(kept)?;
        let steps = runs::steps(self.store().on(), run.id, 0)?;
        let mut shown = self.run_view(&run)?;
        shown.steps = steps.iter().map(view::step).collect();
        Ok(shown)
    }

    pub(crate) fn runs(&self) -> Result<RunList> {
        let stored = runs::all(self.store().on())?;
        let mut shown = Vec::with_capacity(stored.len());
        for run in stored {
            shown.push(self.run_view(&self.settled(run)?)?);
        }
        Ok(RunList { runs: shown })
    }

    pub(crate) fn run_view(&self, run: &StoredRun) -> Result<RunView> {
        let store = self.store();
        let step = runs::last_step(store.on(), run.id)?;
        let verdict = match run.adapter {
            Some(adapter) => adapters::verdict(store.on(), adapter)?,
            None => None,
        };
        let progress = run.state.is_active().then(|| self.folder().run(run.id));
        let progress = progress.and_then(|room| run_progress::kept_in(&room));
        Ok(RunView { progress, ..view::run(run, step.as_ref(), verdict.as_ref()) })
    }

    pub(crate) fn newest_run(&self) -> Result<Option<StoredRun>> {
        let newest = runs::all(self.store().on())?.into_iter().next();
        newest.map(|run| self.settled(run)).transpose()
    }

    /// A run whose process is gone was interrupted, whatever it last said of itself.
    fn settled(&self, mut run: StoredRun) -> Result<StoredRun> {
        if run.state.is_active() && !folder::is_locked(&self.folder().run_lock()) {
            // It may have ended between the two looks; only a second one tells.
            run = runs::one(self.store().on(), run.id)?;
            if run.state.is_active() {
                run.state = RunState::Interrupted;
                runs::set_state(self.store().on(), run.id, run.state, None)?;
            }
        }
        Ok(run)
    }

    /// A run whose process never came to work can be gone on with, as one that was interrupted.
    fn settle(&self, run: RunId) -> Result<()> {
        let stored = runs::one(self.store().on(), run)?;
        if stored.state == RunState::Waiting && !folder::is_locked(&self.folder().run_lock()) {
            runs::set_state(self.store().on(), run, RunState::Interrupted, None)?;
        }
        Ok(())
    }

    /// The same for all runs, where a window opens: the process that began one may be gone as well.
    pub(crate) fn settle_runs(&self) -> Result<()> {
        // Two statements: the store is locked to the end of the first, and looked at again.
        let stored = runs::all(self.store().on())?;
        stored.into_iter().try_for_each(|run| self.settle(run.id))
    }
}

/// What is learned from in each row's place: the row whole, its sections and its outline
/// ([`Row::taught`]). Rows that are not learned from, and what was cut, stay as they are.
pub(crate) fn taught(rows: Vec<(RowId, Row)>, recipe: &Recipe) -> Vec<(RowId, Row)> {
    let lessons = |(id, row): (RowId, Row)| {
        let cuts = row.weights.iter().any(|one| one.weight < 0.0);
        let rows = match row.split {
            Split::Train if !cuts => row.expand(recipe.max_bytes(), recipe.sections),
            _ => vec![row],
        };
        rows.into_iter().map(move |row| (id, row))
    };
    rows.into_iter().flat_map(lessons).collect()
}

/// In the folder of a run: what it was begun with.
const ROWS_FILE: &str = "rows.json";
const FOLDS_FILE: &str = "folds.json";
const CHOICES_FILE: &str = "choices.json";

/// What the writer preferred, and in which edit.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Choices {
    /// To be learned.
    pub(crate) learned: Vec<(EditId, PreferencePair)>,
    /// To be watched.
    pub(crate) watched: Vec<(EditId, PreferencePair)>,
}

/// The folds of a run; `None` where enough was held out at once.
pub(crate) fn folds_in(room: &Path) -> Result<Option<Folds>> {
    kept(&room.join(FOLDS_FILE))
}

/// What a run is to prefer; `None` where that was too little.
pub(crate) fn choices_in(room: &Path) -> Result<Option<Choices>> {
    kept(&room.join(CHOICES_FILE))
}

fn kept<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read_to_string(path) {
        Ok(text) => crate::store::from_json(&text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::io("read", path, &error)),
    }
}

fn keep<T: Serialize>(path: &Path, what: &T) -> Result<()> {
    folder::write_whole(path, crate::store::to_json(what)?.as_bytes())
        .map_err(|e| Failure::io("write", path, &e))
}

/// Where the adapter of a fold lies in the folder of a run.
pub(crate) fn fold_in(room: &Path, fold: usize) -> PathBuf {
    room.join(format!("fold {}", fold + 1))
}

/// Its presence asks a run to stop.
pub(crate) fn stop_file(desk: &Desk, run: RunId) -> PathBuf {
    desk.folder().run(run).join("stop")
}

/// Tells one line of a run's process; `false` when there are no more.
async fn relay_line(desk: &Desk, lines: &mut Lines<BufReader<ChildStdout>>) -> bool {
    match lines.next_line().await {
        Ok(Some(line)) => {
            if let Ok(event) = serde_json::from_str::<Event>(&line) {
                desk.tell(&event);
            }
            true
        }
        _ => false,
    }
}
