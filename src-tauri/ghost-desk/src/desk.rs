//! The desk: opens a data folder and wires the owners of its parts together.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ghost_core::id::RunId;
use ghost_core::run::RunState;
use ghost_core::verdict::Verdict;

use crate::adapters::Adapters;
use crate::archive::Archive;
use crate::backups;
use crate::bases::{Bases, wire_base};
use crate::drafts::Drafts;
use crate::evaluate::Evaluator;
use crate::event::{Event, OnEvent};
use crate::failure::{Code, Failure, Result};
use crate::folder::{self, Folder};
use crate::runs::Runs;
use crate::store::{adapters, bases, drafts, pieces, settings};
use crate::watch::WatchedFolders;
use crate::wire::{DeskView, RunView};
use crate::workspace::{Clock, Workspace};

/// The host of a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A window; a folder can be open in one only.
    Window,
    /// A command line, which may run next to a window.
    CommandLine,
}

/// The app without its window. Clones share one desk.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    workspace: Arc<Workspace>,
    bases: Arc<Bases>,
    archive: Arc<Archive>,
    watched: WatchedFolders,
    drafts: Drafts,
    adapters: Adapters,
    runs: Arc<Runs>,
    evaluator: Evaluator,
    /// Prevents a second window on this folder.
    _window: Option<File>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Desk").field(&self.0.workspace.root()).finish()
    }
}

impl Desk {
    /// Opens a data folder, and creates it if it is missing.
    ///
    /// # Errors
    /// `folder_in_use` if another window has it open, `store_too_new`, `disk_full`, `io`.
    pub fn open(home: &Path, host: Host) -> Result<Self> {
        Desk::open_at(home, host, Arc::new(jiff::Timestamp::now))
    }

    /// The same, with the caller's clock.
    ///
    /// # Errors
    /// As [`Desk::open`].
    pub fn open_at(home: &Path, host: Host, clock: Clock) -> Result<Self> {
        let folder = Folder::open(home)?;
        let window = match host {
            Host::CommandLine => None,
            Host::Window => Some(folder::try_lock(&folder.window_lock())?.ok_or_else(|| {
                Failure::new(
                    Code::FolderInUse,
                    "The Ghost is already open on this folder. Use its window, or close it first.",
                )
            })?),
        };
        let workspace = Arc::new(Workspace::open(folder, clock)?);
        let bases = Arc::new(Bases::new(Arc::clone(&workspace)));
        let archive = Arc::new(Archive::new(Arc::clone(&workspace)));
        let runs = Runs::new(Arc::clone(&workspace), Arc::clone(&archive))?;
        let desk = Desk(Arc::new(Inner {
            drafts: Drafts::new(Arc::clone(&workspace), Arc::clone(&bases)),
            adapters: Adapters::new(Arc::clone(&workspace)),
            evaluator: Evaluator::new(Arc::clone(&workspace), Arc::clone(&bases)),
            watched: WatchedFolders::new(Arc::clone(&archive)),
            runs: Arc::new(runs),
            workspace,
            bases,
            archive,
            _window: window,
        }));
        desk.bases().find_starter()?;
        desk.drafts().close_stale_drafts()?;
        if host == Host::Window {
            desk.runs().recover_unstarted_runs()?;
            backups::copy_in_background(desk.workspace().folder(), &desk.workspace().now());
            desk.watched().start();
            desk.runs().follow_in_background()?;
        }
        Ok(desk)
    }

    /// Sends all further events to `listener`, from the thread they occur on.
    pub fn listen(&self, listener: impl Fn(Event) + Send + Sync + 'static) {
        self.0.workspace.listen(listener);
    }

    /// Waits until a run ends and reports its steps as they reach the store; works for a run of
    /// any process.
    ///
    /// # Errors
    /// `not_found`, or the store's.
    pub fn follow(&self, run: RunId, on_event: &mut OnEvent<'_>) -> Result<RunView> {
        self.0.runs.follow(run, on_event)
    }

    /// The verdict on an adapter in any folder, on the base in use and this archive. Only the
    /// measurements are stored. `on_progress` returns `true` to stop.
    ///
    /// # Errors
    /// `base_missing`, `bad_input` if the folder holds no adapter of this base, or the store's.
    pub fn evaluate_folder(
        &self,
        candidate: &Path,
        recipe: &str,
        random_seed: u64,
        on_progress: &mut dyn FnMut(u32, u32) -> bool,
    ) -> Result<Option<Verdict>> {
        self.0.evaluator.evaluate_folder(candidate, recipe, random_seed, on_progress)
    }

    /// What all owners share.
    pub(crate) fn workspace(&self) -> &Workspace {
        &self.0.workspace
    }

    pub(crate) fn bases(&self) -> &Bases {
        &self.0.bases
    }

    pub(crate) fn archive(&self) -> &Archive {
        &self.0.archive
    }

    pub(crate) fn watched(&self) -> &WatchedFolders {
        &self.0.watched
    }

    pub(crate) fn drafts(&self) -> &Drafts {
        &self.0.drafts
    }

    pub(crate) fn adapters(&self) -> &Adapters {
        &self.0.adapters
    }

    pub(crate) fn runs(&self) -> &Arc<Runs> {
        &self.0.runs
    }

    pub(crate) fn evaluator(&self) -> &Evaluator {
        &self.0.evaluator
    }

    /// The state that a window shows first.
    pub(crate) fn view(&self) -> Result<DeskView> {
        let ghost = self.adapters().active_writer()?;
        let newest = self.runs().newest_run()?;
        let unfinished = newest
            .filter(|run| !matches!(run.state, RunState::Done | RunState::Failed))
            .map(|run| self.runs().run(run.id.0))
            .transpose()?;
        let store = self.workspace().store();
        let base = bases::in_use(store.db())?;
        let kinds = pieces::kinds(store.db())?;
        Ok(DeskView {
            version: env!("CARGO_PKG_VERSION").into(),
            home: self.workspace().root().display().to_string(),
            base: base.map(|base| wire_base(&base, true)),
            ghost,
            adapter: adapters::active_and_previous(store.db())?.0.map(|id| id.0),
            n_pieces: kinds.iter().map(|(_, n)| n).sum(),
            n_shipped: drafts::n_shipped(store.db())?,
            kinds: kinds.into_iter().map(|(kind, _)| kind).collect(),
            open_draft: settings::get(store.db(), "open_draft")?,
            form: settings::get(store.db(), "form")?,
            run: unfinished,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::path::PathBuf;

    use ghost_core::id::{AdapterId, RowId};
    use ghost_engine::adapter::Card;
    use rusqlite::Connection;
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;
    use crate::commands;
    use crate::runs::{choices_in, folds_in};

    /// A data folder as version 0.1.0 wrote it: its store, a run and an adapter.
    fn old_folder() -> (TempDir, PathBuf) {
        let fixture =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/data-folder-v6");
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        let copy = |from: &str, to: &str| {
            let to = home.join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(fixture.join(from), to).unwrap();
        };
        copy("rows.json", "runs/1/rows.json");
        copy("progress.json", "runs/1/progress.json");
        copy("speeds.json", "runs/1/speeds.json");
        copy("card.json", "adapters/1/card.json");
        fs::write(home.join("runs/1/folds.json"), "[[1,0],[2,3]]").unwrap();
        let choices = r#"{"learned":[[1,{"seed":{"topic":"rain","words":120,"kind":"post"},
            "before":"It ","put_in":"rained","taken_out":"poured down"}]],"watched":[]}"#;
        fs::write(home.join("runs/1/choices.json"), choices).unwrap();
        let store = Connection::open(home.join("desk.db")).unwrap();
        store.execute_batch(&fs::read_to_string(fixture.join("desk.sql")).unwrap()).unwrap();
        (dir, home)
    }

    #[test]
    fn a_data_folder_of_version_0_1_0_opens_and_keeps_everything() {
        let (_dir, home) = old_folder();
        let desk = Desk::open(&home, Host::CommandLine).unwrap();
        let call = |name: &str, request: Value| -> Value {
            commands::call(&desk, name, request, &mut |_| {}).unwrap()
        };
        let state = call("desk_read", json!({}));
        assert_eq!(state["ghost"], "SmolLM2-135M-Instruct.Q4_1, adapter 1");
        assert_eq!((&state["n_pieces"], &state["n_shipped"]), (&json!(6), &json!(1)));
        assert_eq!(state["form"]["points"], json!(["the lid"]));
        assert_eq!((&state["open_draft"], &state["adapter"]), (&json!(2), &json!(1)));

        let archive = call("archive_read", json!({}));
        assert_eq!(archive["pieces"].as_array().unwrap().len(), 6);
        assert_eq!(archive["watched"], json!(["/home/jo/blog"]));
        assert_eq!(archive["warnings"].as_array().unwrap().len(), 1);
        let splits = archive["pieces"].to_string();
        assert!(["train", "validation", "test"].iter().all(|split| splits.contains(split)));
        assert_eq!(archive["ask_author"], false, "the writer's names are known");

        let seed = call("piece_seed_read", json!({ "piece": 1 }));
        assert_eq!((&seed["seed"]["topic"], &seed["origin"]), (&json!("a leak"), &json!("writer")));
        let rows = call("row_list", json!({}));
        let rows = rows["rows"].as_array().unwrap();
        assert_eq!(rows.iter().filter(|row| row["excluded"] == true).count(), 1);
        for origin in ["archive", "edit", "history"] {
            assert!(rows.iter().any(|row| row["origin"] == origin), "{origin}");
        }

        let drafts = call("draft_list", json!({}));
        assert_eq!(drafts["drafts"].as_array().unwrap().len(), 2);
        let working = call("draft_read", json!({ "draft": 2 }));
        assert_eq!(working["working_text"], "It rained in the city, and");
        let edit = call("edit_read", json!({ "draft": 1 }));
        assert!(edit["row"].is_i64() && edit["notation"].as_str().unwrap().contains("It rained"));

        let run = call("run_read", json!({ "run": 1 }));
        assert_eq!((&run["state"], &run["adapter"]), (&json!("done"), &json!(1)));
        assert_eq!(run["steps"].as_array().unwrap().len(), 3);
        assert!(!run["notes"].as_array().unwrap().is_empty());
        let adapters = call("adapter_list", json!({}));
        assert_eq!((&adapters["active"], &adapters["previous"]), (&json!(1), &json!(0)));
        assert_eq!(adapters["adapters"][0]["status"], "active");
        assert!(adapters["adapters"][0]["verdict"]["measures"]["base"].is_f64(), "{adapters}");
        let remote = call("remote_read", json!({}));
        assert_eq!((&remote["model"], &remote["has_key"]), (&json!("large-1"), &json!(false)));
        assert_eq!(
            desk.workspace()
                .store()
                .db()
                .query_row("SELECT count(*) FROM heard", [], |row| { row.get::<_, i64>(0) }),
            Ok(2)
        );
    }

    #[test]
    fn the_files_of_a_run_and_an_adapter_of_version_0_1_0_are_read() {
        let (_dir, home) = old_folder();
        let desk = Desk::open(&home, Host::CommandLine).unwrap();
        let rows = desk.runs().rows_of(RunId(1)).unwrap();
        assert_eq!(rows.iter().map(|(id, _)| *id).collect::<Vec<_>>()[0], RowId(1));
        assert_eq!(rows.len(), 3);
        let folder = home.join("runs/1");
        assert!(folds_in(&folder).unwrap().is_some());
        let choices = choices_in(&folder).unwrap().unwrap();
        assert_eq!((choices.train.len(), choices.validation.len()), (1, 0));
        assert!(crate::run_progress::read_saved(&folder).is_some());
        let card = Card::read(&home.join("adapters").join(AdapterId(1).to_string())).unwrap();
        assert_eq!(card.recipe.random_seed, 7);
        assert!(
            !card.rows.is_empty() && card.verdict["decision"].is_string(),
            "{:?}",
            card.verdict
        );
    }

    #[test]
    fn a_second_window_is_refused_and_a_command_line_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let window = Desk::open(dir.path(), Host::Window).unwrap();
        assert_eq!(Desk::open(dir.path(), Host::Window).unwrap_err().code, Code::FolderInUse);
        drop(Desk::open(dir.path(), Host::CommandLine).unwrap());
        drop(window);
        drop(Desk::open(dir.path(), Host::Window).unwrap());
    }
}
