//! Adapters and who writes: promote, retire, roll back, copy out.

use std::fs;
use std::path::Path;

use ghost_core::id::AdapterId;

use crate::event::Event;
use crate::failure::{Code, Failure, Result};
use crate::store::{adapters, bases};
use crate::wire::{AdapterView, ExportAdapter, Exported, Ghosts};
use crate::{Desk, view};

impl Desk {
    pub(crate) fn ghosts(&self) -> Result<Ghosts> {
        let ghost = self.ghost_in_words()?;
        let before = self.way_back()?;
        let store = self.store();
        let (writing, _) = adapters::reigns(store.on())?;
        let adapters = adapters::all(store.on())?
            .into_iter()
            .map(|adapter| {
                let base = bases::one(store.on(), adapter.base)?;
                let verdict = adapters::verdict(store.on(), adapter.id)?;
                let path = self.folder().adapter(adapter.id);
                Ok(view::adapter(&adapter, &base, verdict.as_ref(), writing, &path))
            })
            .collect::<Result<Vec<AdapterView>>>()?;
        Ok(Ghosts {
            ghost,
            writing: writing.map(|id| id.0),
            before: before.map(|before| before.map_or(0, |id| id.0)),
            adapters,
        })
    }

    /// "SmolLM2 135M Instruct, adapter 3".
    pub(crate) fn ghost_in_words(&self) -> Result<String> {
        let store = self.store();
        let (writing, _) = adapters::reigns(store.on())?;
        Ok(match (bases::in_use(store.on())?, writing) {
            (None, _) => "nobody yet".into(),
            (Some(base), None) => format!("{}, untaught", base.card.name),
            (Some(base), Some(id)) => format!("{}, adapter {id}", base.card.name),
        })
    }

    pub(crate) fn promote(&self, id: i64) -> Result<Ghosts> {
        let chosen = (id != 0).then_some(AdapterId(id));
        if let Some(id) = chosen {
            let store = self.store();
            let adapter = adapters::one(store.on(), id)?;
            if bases::in_use(store.on())?.map(|base| base.id) != Some(adapter.base) {
                return Err(Failure::new(
                    Code::BadInput,
                    format!(
                        "Adapter {id} was taught on {}; use that base first.",
                        bases::one(store.on(), adapter.base)?.card.name
                    ),
                ));
            }
            adapters::set_retired(store.on(), id, false)?;
        }
        self.crown(chosen)?;
        self.ghosts()
    }

    pub(crate) fn retire(&self, id: i64) -> Result<Ghosts> {
        let id = AdapterId(id);
        adapters::one(self.store().on(), id)?;
        adapters::set_retired(self.store().on(), id, true)?;
        let (writing, before) = adapters::reigns(self.store().on())?;
        if writing == Some(id) {
            self.crown(self.usable(before.flatten())?)?;
        }
        self.ghosts()
    }

    pub(crate) fn roll_back(&self) -> Result<Ghosts> {
        let before = self.way_back()?.ok_or_else(|| {
            Failure::new(Code::NotFound, "Nobody else has written before; there is no way back.")
        })?;
        self.crown(before)?;
        self.ghosts()
    }

    /// Who would write after a way back: whoever wrote before, or the bare base where they cannot any
    /// more. `None` where that would change nothing.
    fn way_back(&self) -> Result<Option<Option<AdapterId>>> {
        let (writing, before) = adapters::reigns(self.store().on())?;
        let Some(before) = before else { return Ok(None) };
        let before = self.usable(before)?;
        Ok((before != writing).then_some(before))
    }

    /// An adapter that can write on the base in use, or the bare base.
    pub(crate) fn usable(&self, adapter: Option<AdapterId>) -> Result<Option<AdapterId>> {
        let store = self.store();
        let Some(id) = adapter else { return Ok(None) };
        let adapter = adapters::one(store.on(), id)?;
        let fits = bases::in_use(store.on())?.map(|base| base.id) == Some(adapter.base);
        Ok((fits && !adapter.retired).then_some(id))
    }

    /// Lets `adapter` write from now on and says so.
    pub(crate) fn crown(&self, adapter: Option<AdapterId>) -> Result<()> {
        adapters::crown(self.store().on(), adapter, &self.now())?;
        let ghost = self.ghost_in_words()?;
        self.tell(&Event::GhostChanged { ghost, adapter: adapter.map(|id| id.0) });
        Ok(())
    }

    pub(crate) fn export(&self, ask: ExportAdapter) -> Result<Exported> {
        if ask.format != "peft" {
            return Err(Failure::new(
                Code::BadInput,
                format!("\u{201c}{}\u{201d} is no format we write; there is: peft.", ask.format),
            ));
        }
        let id = AdapterId(ask.adapter);
        adapters::one(self.store().on(), id)?;
        let out = Path::new(&ask.out);
        let io = |e: std::io::Error| Failure::io("write", out, &e);
        if fs::read_dir(out).is_ok_and(|mut inside| inside.next().is_some()) || out.is_file() {
            return Err(Failure::new(
                Code::BadInput,
                format!("{} is there already and not empty; name a new folder.", out.display()),
            ));
        }
        fs::create_dir_all(out).map_err(io)?;
        let mut files = Vec::new();
        for file in ["adapter_model.safetensors", "adapter_config.json", "card.json"] {
            let from = self.folder().adapter(id).join(file);
            let bytes = fs::read(&from).map_err(|e| Failure::io("read", &from, &e))?;
            crate::folder::write_whole(&out.join(file), &bytes).map_err(io)?;
            files.push(file.to_owned());
        }
        let path = fs::canonicalize(out).map_err(io)?;
        Ok(Exported { path: path.display().to_string(), files })
    }
}
