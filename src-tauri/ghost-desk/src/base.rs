//! The base in use and the ghost that stands on it: found, checked, loaded once, used again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ghost_core::id::{AdapterId, BaseId};
use ghost_engine::adapter::{Adapter, fingerprint};
use ghost_engine::base::Base;
use ghost_engine::generate::PrefixCache;
use ghost_engine::load::gguf_split;
use ghost_engine::load::hf;
use ghost_engine::model::Model;
use ghost_engine::smoke_test;

use crate::failure::{Code, Failure, Result};
use crate::store::bases::{self, StoredBase};
use crate::store::{adapters, settings};
use crate::wire::{BaseList, BaseView};
use crate::{Desk, lock, view};

/// The starter base, as set-up and the bundle name it.
const STARTER: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// Setting: the bases that passed their trial, by path, each with its stamp at that time.
const TRIED: &str = "tried_bases";
/// Setting: the stamp of a starter base that was refused, so that it is not tried at every start.
const REFUSED_STARTER: &str = "refused_starter";

/// What was loaded last.
#[derive(Clone)]
pub(crate) struct Loaded {
    id: BaseId,
    modified: String,
    base: Arc<Model>,
    adapter: Option<(AdapterId, Arc<Adapter>)>,
    reading: Arc<Mutex<PrefixCache>>,
}

impl Loaded {
    fn new(id: BaseId, modified: String, base: Model) -> Self {
        let reading = Arc::new(Mutex::new(PrefixCache::new(&base)));
        Self { id, modified, base: Arc::new(base), adapter: None, reading }
    }
}

/// A base and perhaps an adapter, ready to write.
#[derive(Clone)]
pub(crate) struct Ghost {
    /// The base's id.
    pub(crate) base_id: BaseId,
    /// The base.
    pub(crate) base: Arc<Model>,
    /// The adapter, with its id.
    pub(crate) adapter: Option<(AdapterId, Arc<Adapter>)>,
    /// What these two read last.
    pub(crate) reading: Arc<Mutex<PrefixCache>>,
}

impl Ghost {
    pub(crate) fn adapter(&self) -> Option<&Adapter> {
        self.adapter.as_ref().map(|(_, adapter)| &**adapter)
    }

    pub(crate) fn adapter_id(&self) -> Option<AdapterId> {
        self.adapter.as_ref().map(|(id, _)| *id)
    }
}

impl Desk {
    pub(crate) fn bases(&self) -> Result<BaseList> {
        let store = self.store();
        let in_use = bases::in_use(store.on())?.map(|base| base.id);
        let bases = bases::all(store.on())?;
        Ok(BaseList { bases: bases.iter().map(|b| view::base(b, Some(b.id) == in_use)).collect() })
    }

    pub(crate) fn use_base(&self, file: &str) -> Result<BaseView> {
        let known = bases::all(self.store().on())?.into_iter().find(|base| base.card.name == file);
        let path = match &known {
            Some(base) => PathBuf::from(&base.path),
            None => {
                // A file of a checkpoint stands for its folder.
                let path = Path::new(file);
                let whole = hf::folder_of(path).filter(|_| path.exists()).unwrap_or(path);
                fs::canonicalize(whole).map_err(|_| {
                    Failure::new(Code::NotFound, format!("There is no file or base called {file}."))
                })?
            }
        };
        let stored = self.keep_base(&path)?;
        let store = self.store();
        bases::set_in_use(store.on(), stored.id)?;
        // An adapter belongs to its base; on another one nobody has learned yet.
        let (writing, _) = adapters::reigns(store.on())?;
        if let Some(adapter) = writing
            && adapters::one(store.on(), adapter)?.base != stored.id
        {
            adapters::crown(store.on(), None, &self.now())?;
        }
        Ok(view::base(&stored, true))
    }

    /// Opens a file and tries it, and keeps what it says of itself.
    fn keep_base(&self, path: &Path) -> Result<StoredBase> {
        let base = Model::new(open(path)?, self.device());
        let modified = modified(path)?;
        self.try_base(&base, path, &modified)?;
        let store = self.store();
        let id = bases::keep(
            store.on(),
            &path.display().to_string(),
            &fingerprint(&base),
            &base.card,
            &self.now(),
        )?;
        let stored = bases::one(store.on(), id)?;
        drop(store);
        *lock(&self.0.loaded) = Some(Loaded::new(id, modified, base));
        Ok(stored)
    }

    /// Tries a base, once for each state of its files and version of this program.
    fn try_base(&self, base: &Model, path: &Path, modified: &str) -> Result<()> {
        let (name, stamp) = (path.display().to_string(), stamp(modified));
        let mut tried: BTreeMap<String, String> =
            settings::get(self.store().on(), TRIED)?.unwrap_or_default();
        if tried.get(&name) == Some(&stamp) {
            return Ok(());
        }
        smoke_test::run(base, path)?;
        tried.insert(name, stamp);
        settings::set(self.store().on(), TRIED, &tried)
    }

    /// On the first start, uses the base that came with the program.
    pub(crate) fn find_starter(&self) -> Result<()> {
        if bases::in_use(self.store().on())?.is_some() {
            return Ok(());
        }
        let Some(path) = starter(&self.folder().bases()) else { return Ok(()) };
        let now =
            modified(&path).map(|modified| format!("{} {}", path.display(), stamp(&modified)));
        let refused: Option<String> = settings::get(self.store().on(), REFUSED_STARTER)?;
        if refused.is_some() && refused == now.as_ref().ok().cloned() {
            return Ok(());
        }
        // A starter that cannot be used is no reason not to open: the desk says that no base is
        // here, and the writer may choose one.
        if let Err(failure) = self.use_base(&path.display().to_string()) {
            log::warn!("starter base: {:?}", failure.code);
            if let (Code::NotABase, Ok(now)) = (failure.code, now) {
                settings::set(self.store().on(), REFUSED_STARTER, &now)?;
            }
        }
        Ok(())
    }

    /// The base in use, and the adapter `which` on it, loaded.
    ///
    /// # Errors
    /// `base_missing`, `not_a_base`, `not_found`, or the engine's.
    pub(crate) fn ghost(&self, which: Option<AdapterId>) -> Result<Ghost> {
        let stored = bases::in_use(self.store().on())?.ok_or_else(no_base)?;
        self.ghost_on(&stored, which)
    }

    /// A base of the list, and the adapter `which` on it, loaded.
    pub(crate) fn ghost_on(&self, stored: &StoredBase, which: Option<AdapterId>) -> Result<Ghost> {
        let path = Path::new(&stored.path);
        if !path.exists() {
            return Err(Failure::new(
                Code::BaseMissing,
                format!("The base {} is no longer at {}.", stored.card.name, stored.path),
            ));
        }
        let now = modified(path)?;
        let kept = lock(&self.0.loaded).clone();
        let mut loaded = match kept {
            Some(loaded) if loaded.id == stored.id && loaded.modified == now => loaded,
            _ => {
                let mut base = Model::new(open(path)?, self.device());
                base.copy_to_huge_pages();
                Loaded::new(stored.id, now, base)
            }
        };
        if loaded.adapter.as_ref().map(|(id, _)| *id) != which {
            loaded.reading = Arc::new(Mutex::new(PrefixCache::new(&loaded.base)));
        }
        loaded.adapter = match (which, loaded.adapter.take()) {
            (None, _) => None,
            (Some(id), Some((kept, adapter))) if kept == id => Some((id, adapter)),
            (Some(id), _) => {
                adapters::one(self.store().on(), id)?;
                let adapter = Adapter::load(&loaded.base, &self.folder().adapter(id))?;
                Some((id, Arc::new(adapter)))
            }
        };
        *lock(&self.0.loaded) = Some(loaded.clone());
        let Loaded { base, adapter, reading, .. } = loaded;
        Ok(Ghost { base_id: stored.id, base, adapter, reading })
    }
}

/// Opens a base under the name of its file or folder: that is how people know it, and what files
/// call themselves inside is often odd.
pub(crate) fn open(path: &Path) -> Result<Base> {
    let mut base = Base::open(path)?;
    let name = match path.is_dir() {
        true => path.file_name().and_then(|name| name.to_str()),
        false => gguf_split::model_name(path),
    };
    if let Some(name) = name {
        base.card.name = name.to_owned();
    }
    Ok(base)
}

pub(crate) fn no_base() -> Failure {
    Failure::new(
        Code::BaseMissing,
        "There is no base on this computer yet. Choose a GGUF file or the folder of a safetensors \
         checkpoint, or run set-up to get the starter base.",
    )
}

/// What a trial holds for: the files as they are, and this version of the program.
fn stamp(modified: &str) -> String {
    format!("{} {modified}", env!("CARGO_PKG_VERSION"))
}

/// Length and time of change of its files: enough to see that a base is another than it was.
fn modified(path: &Path) -> Result<String> {
    let files = match path.is_dir() {
        true => hf::files(path)?,
        false => gguf_split::parts(path).into_iter().filter(|part| part.exists()).collect(),
    };
    let of = |path: &PathBuf| -> Result<String> {
        let facts = fs::metadata(path).map_err(|e| Failure::io("read", path, &e))?;
        let since = facts
            .modified()
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .unwrap_or_default();
        Ok(format!("{}:{}", facts.len(), since.as_nanos()))
    };
    Ok(files.iter().map(of).collect::<Result<Vec<_>>>()?.join(" "))
}

/// Where the starter base may lie: named outright, in the data folder, beside the program (as it
/// is bundled), or where set-up puts it in a checkout that the program was built in.
pub(crate) fn starter(bases: &Path) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("GHOST_BASE") {
        return Some(named.into());
    }
    let program = std::env::current_exe().ok();
    let above = program.iter().flat_map(|program| program.ancestors().skip(1).take(4));
    let beside = above.flat_map(|folder| {
        [folder.join(STARTER), folder.join(".base").join(STARTER), folder.join("lib").join(STARTER)]
    });
    [bases.join(STARTER)].into_iter().chain(beside).find(|path| path.is_file())
}
