//! Adapters: the active one, promotion, retirement, rollback and export.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ghost_core::id::AdapterId;
use ghost_core::verdict::{Decision, Verdict};
use ghost_engine::adapter::Card;

use crate::event::Event;
use crate::failure::{Code, Failure, Result};
use crate::store::adapters::StoredAdapter;
use crate::store::bases::StoredBase;
use crate::store::{adapters, bases, runs};
use crate::verdict_view;
use crate::wire::{AdapterList, AdapterStatus, AdapterView, ExportAdapter, Exported};
use crate::workspace::Workspace;

/// The adapters owner.
pub(crate) struct Adapters {
    workspace: Arc<Workspace>,
}

impl Adapters {
    /// The adapters of a workspace.
    pub(crate) fn new(workspace: Arc<Workspace>) -> Self {
        Adapters { workspace }
    }

    /// All adapters, newest first, and the active one.
    pub(crate) fn list(&self) -> Result<AdapterList> {
        let ghost = self.active_writer()?;
        let before = self.rollback_target()?;
        let store = self.workspace.store();
        let (writing, _) = adapters::active_and_previous(store.db())?;
        let adapters = adapters::all(store.db())?
            .into_iter()
            .map(|adapter| {
                let base = bases::one(store.db(), adapter.base)?;
                let verdict = adapters::verdict(store.db(), adapter.id)?;
                let path = self.workspace.folder().adapter(adapter.id);
                Ok(wire_adapter(&adapter, &base, verdict.as_ref(), writing, &path))
            })
            .collect::<Result<Vec<AdapterView>>>()?;
        Ok(AdapterList {
            ghost,
            active: writing.map(|id| id.0),
            previous: before.map(|before| before.map_or(0, |id| id.0)),
            adapters,
        })
    }

    /// "SmolLM2 135M Instruct, adapter 3".
    pub(crate) fn active_writer(&self) -> Result<String> {
        let store = self.workspace.store();
        let (writing, _) = adapters::active_and_previous(store.db())?;
        Ok(match (bases::in_use(store.db())?, writing) {
            (None, _) => "No model yet".into(),
            (Some(base), None) => format!("{} (no adapter)", base.card.name),
            (Some(base), Some(id)) => format!("{}, adapter {id}", base.card.name),
        })
    }

    /// Makes an adapter the active one; 0 is the base alone.
    pub(crate) fn promote(&self, id: i64) -> Result<AdapterList> {
        let chosen = (id != 0).then_some(AdapterId(id));
        if let Some(id) = chosen {
            let store = self.workspace.store();
            let adapter = adapters::one(store.db(), id)?;
            if bases::in_use(store.db())?.map(|base| base.id) != Some(adapter.base) {
                return Err(Failure::new(
                    Code::BadInput,
                    format!(
                        "Adapter {id} was trained on {}. Use that base first.",
                        bases::one(store.db(), adapter.base)?.card.name
                    ),
                ));
            }
            adapters::set_retired(store.db(), id, false)?;
        }
        self.set_active_adapter(chosen)?;
        self.list()
    }

    /// Retires an adapter; if it was active, the previous one becomes active.
    pub(crate) fn retire(&self, id: i64) -> Result<AdapterList> {
        let id = AdapterId(id);
        adapters::one(self.workspace.store().db(), id)?;
        adapters::set_retired(self.workspace.store().db(), id, true)?;
        let (writing, before) = adapters::active_and_previous(self.workspace.store().db())?;
        if writing == Some(id) {
            self.set_active_adapter(self.usable(before.flatten())?)?;
        }
        self.list()
    }

    /// Makes the previously active adapter active again.
    pub(crate) fn roll_back(&self) -> Result<AdapterList> {
        let before = self.rollback_target()?.ok_or_else(|| {
            Failure::new(Code::NotFound, "There is no earlier adapter to roll back to.")
        })?;
        self.set_active_adapter(before)?;
        self.list()
    }

    /// What a rollback would activate: the previous adapter, or the base if that adapter is no
    /// longer usable. `None` if a rollback would change nothing.
    fn rollback_target(&self) -> Result<Option<Option<AdapterId>>> {
        let (writing, before) = adapters::active_and_previous(self.workspace.store().db())?;
        let Some(before) = before else { return Ok(None) };
        let before = self.usable(before)?;
        Ok((before != writing).then_some(before))
    }

    /// The adapter if it is not retired and belongs to the base in use, otherwise `None` (the base).
    pub(crate) fn usable(&self, adapter: Option<AdapterId>) -> Result<Option<AdapterId>> {
        let store = self.workspace.store();
        let Some(id) = adapter else { return Ok(None) };
        let adapter = adapters::one(store.db(), id)?;
        let fits = bases::in_use(store.db())?.map(|base| base.id) == Some(adapter.base);
        Ok((fits && !adapter.retired).then_some(id))
    }

    /// Activates `adapter` (`None`: the base alone) and notifies listeners.
    pub(crate) fn set_active_adapter(&self, adapter: Option<AdapterId>) -> Result<()> {
        adapters::set_active_adapter(self.workspace.store().db(), adapter, &self.workspace.now())?;
        let ghost = self.active_writer()?;
        self.workspace.notify(&Event::GhostChanged { ghost, adapter: adapter.map(|id| id.0) });
        Ok(())
    }

    /// Copies the files of an adapter to a new folder.
    pub(crate) fn export(&self, ask: ExportAdapter) -> Result<Exported> {
        if ask.format != "peft" {
            return Err(Failure::new(
                Code::BadInput,
                format!("Unknown export format \u{201c}{}\u{201d}. Supported: peft.", ask.format),
            ));
        }
        let id = AdapterId(ask.adapter);
        adapters::one(self.workspace.store().db(), id)?;
        let out = Path::new(&ask.out);
        let io = |e: std::io::Error| Failure::io("write", out, &e);
        if fs::read_dir(out).is_ok_and(|mut inside| inside.next().is_some()) || out.is_file() {
            return Err(Failure::new(
                Code::BadInput,
                format!("{} already exists and is not empty. Choose a new folder.", out.display()),
            ));
        }
        fs::create_dir_all(out).map_err(io)?;
        let mut files = Vec::new();
        for file in ["adapter_model.safetensors", "adapter_config.json", "card.json"] {
            let from = self.workspace.folder().adapter(id).join(file);
            let bytes = fs::read(&from).map_err(|e| Failure::io("read", &from, &e))?;
            crate::folder::write_whole(&out.join(file), &bytes).map_err(io)?;
            files.push(file.to_owned());
        }
        let path = fs::canonicalize(out).map_err(io)?;
        Ok(Exported { path: path.display().to_string(), files })
    }

    /// Stores a verdict and acts on it: activates or retires the adapter, and reports a change of the
    /// active one to `on_event` as well.
    pub(crate) fn apply_verdict(
        &self,
        adapter: AdapterId,
        verdict: &Verdict,
        on_event: &dyn Fn(&Event),
    ) -> Result<()> {
        adapters::keep_verdict(
            self.workspace.store().db(),
            adapter,
            verdict,
            &self.workspace.now(),
        )?;
        let folder = self.workspace.folder().adapter(adapter);
        let mut card = Card::read(&folder)?;
        card.verdict =
            serde_json::to_value(verdict).map_err(|e| Failure::new(Code::Bug, e.to_string()))?;
        card.write(&folder)?;
        match verdict.decision {
            Decision::Ship => {
                let stored = adapters::one(self.workspace.store().db(), adapter)?;
                if self.usable(Some(adapter))?.is_some() {
                    self.set_active_adapter(Some(adapter))?;
                    let ghost = self.active_writer()?;
                    on_event(&Event::GhostChanged { ghost, adapter: Some(adapter.0) });
                } else if let Some(run) = stored.run {
                    let base = bases::one(self.workspace.store().db(), stored.base)?.card.name;
                    let sentence = format!(
                        "It becomes active once {base}, the base it was trained on, is in use again."
                    );
                    runs::note(self.workspace.store().db(), run, &sentence)?;
                }
            }
            Decision::Retire | Decision::Blocked => {
                adapters::set_retired(self.workspace.store().db(), adapter, true)?;
            }
            Decision::Keep | Decision::Unproven => {}
        }
        Ok(())
    }
}

/// The wire form of an adapter.
fn wire_adapter(
    stored: &StoredAdapter,
    base: &StoredBase,
    found: Option<&Verdict>,
    active: Option<AdapterId>,
    path: &Path,
) -> AdapterView {
    AdapterView {
        adapter: stored.id.0,
        status: if active == Some(stored.id) {
            AdapterStatus::Active
        } else if stored.retired {
            AdapterStatus::Retired
        } else {
            AdapterStatus::Available
        },
        base: base.card.name.clone(),
        run: stored.run.map(|id| id.0),
        recipe: stored.recipe.clone(),
        n_rows: stored.n_rows,
        verdict: found.map(verdict_view::verdict),
        made_at: stored.made_at.clone(),
        path: path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::testing::{base, run};
    use crate::workspace::temporary;

    /// A workspace with a base in use and this many adapters on it.
    fn adapters(n: usize) -> (tempfile::TempDir, Adapters, Vec<i64>) {
        let (dir, workspace) = temporary();
        let ids = {
            let store = workspace.store();
            let db = store.db();
            let base = base(db, "f");
            bases::set_in_use(db, base).unwrap();
            (0..n)
                .map(|_| adapters::of_run(db, run(db, base), base, "quick", 5, "now").unwrap().0)
                .collect()
        };
        (dir, Adapters::new(workspace), ids)
    }

    #[test]
    fn a_rollback_returns_to_the_previous_adapter_once() {
        let (_dir, adapters, ids) = adapters(2);
        assert_eq!(adapters.roll_back().unwrap_err().code, Code::NotFound);
        adapters.promote(ids[0]).unwrap();
        let list = adapters.promote(ids[1]).unwrap();
        assert_eq!((list.active, list.previous), (Some(ids[1]), Some(ids[0])));
        assert_eq!(list.ghost, format!("tiny, adapter {}", ids[1]));
        assert_eq!(adapters.roll_back().unwrap().active, Some(ids[0]));
        assert_eq!(adapters.promote(0).unwrap().ghost, "tiny (no adapter)");
    }

    #[test]
    fn retiring_the_active_adapter_activates_the_previous_one() {
        let (_dir, adapters, ids) = adapters(2);
        adapters.promote(ids[0]).unwrap();
        adapters.promote(ids[1]).unwrap();
        let list = adapters.retire(ids[1]).unwrap();
        assert_eq!(list.active, Some(ids[0]));
        let status = |id| list.adapters.iter().find(|one| one.adapter == id).unwrap().status;
        assert_eq!(status(ids[1]), AdapterStatus::Retired);
        assert_eq!(status(ids[0]), AdapterStatus::Active);
        // With both retired, only the base is left.
        assert_eq!(adapters.retire(ids[0]).unwrap().active, None);
        assert_eq!(adapters.retire(99).unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn an_adapter_of_another_base_is_not_activated() {
        let (_dir, adapters, ids) = adapters(1);
        {
            let store = adapters.workspace.store();
            bases::set_in_use(store.db(), base(store.db(), "other")).unwrap();
        }
        assert_eq!(adapters.promote(ids[0]).unwrap_err().code, Code::BadInput);
        assert_eq!(adapters.usable(Some(AdapterId(ids[0]))).unwrap(), None);
    }

    #[test]
    fn listeners_are_notified_of_a_new_active_adapter() {
        let (_dir, adapters, ids) = adapters(1);
        let (sender, events) = std::sync::mpsc::channel();
        adapters.workspace.listen(move |event| sender.send(event).unwrap());
        adapters.promote(ids[0]).unwrap();
        let event = events.try_recv().unwrap();
        assert!(matches!(event, Event::GhostChanged { adapter: Some(id), .. } if id == ids[0]));
    }

    #[test]
    fn an_export_needs_a_known_format_and_an_empty_folder() {
        let (dir, adapters, ids) = adapters(1);
        let export = |format: &str, out: &Path| {
            let (format, out) = (format.to_owned(), out.display().to_string());
            adapters.export(ExportAdapter { format, adapter: ids[0], out })
        };
        assert_eq!(export("gguf", dir.path()).unwrap_err().code, Code::BadInput);
        assert_eq!(export("peft", dir.path()).unwrap_err().code, Code::BadInput, "not empty");
        let folder = adapters.workspace.folder().adapter(AdapterId(ids[0]));
        fs::create_dir_all(&folder).unwrap();
        for file in ["adapter_model.safetensors", "adapter_config.json", "card.json"] {
            fs::write(folder.join(file), file).unwrap();
        }
        let exported = export("peft", &dir.path().join("out")).unwrap();
        assert_eq!(exported.files.len(), 3);
        let copy = dir.path().join("out/adapter_config.json");
        assert_eq!(fs::read_to_string(copy).unwrap(), "adapter_config.json");
    }
}
