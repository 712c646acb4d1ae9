//! Bases: found, checked, loaded once and reused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ghost_core::id::{AdapterId, BaseId};
use ghost_engine::adapter::{Adapter, fingerprint};
use ghost_engine::base::Base;
use ghost_engine::generate::PrefixCache;
use ghost_engine::load::{gguf_split, hf};
use ghost_engine::model::Model;
use ghost_engine::smoke_test;

use crate::failure::{Code, Failure, Result};
use crate::store::bases::{self, StoredBase};
use crate::store::{adapters, settings};
use crate::sync::lock;
use crate::wire::{BaseList, BaseView};
use crate::workspace::Workspace;

/// File name of the starter base, as setup and the bundle use it.
const STARTER: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// Setting: the bases that passed their test, by path, each with its stamp at that time.
const TRIED: &str = "tried_bases";
/// Setting: the stamp of a starter base that was refused, so that it is not tested at every start.
const REFUSED_STARTER: &str = "refused_starter";

/// The model that was loaded last.
#[derive(Clone)]
pub(crate) struct CachedModel {
    id: BaseId,
    modified: String,
    base: Arc<Model>,
    adapter: Option<(AdapterId, Arc<Adapter>)>,
    reading: Arc<Mutex<PrefixCache>>,
}

impl CachedModel {
    fn new(id: BaseId, modified: String, base: Model) -> Self {
        let reading = Arc::new(Mutex::new(PrefixCache::new(&base)));
        Self { id, modified, base: Arc::new(base), adapter: None, reading }
    }
}

/// A base and optionally an adapter, ready to generate.
#[derive(Clone)]
pub(crate) struct LoadedModel {
    /// The base's id.
    pub(crate) base_id: BaseId,
    /// The base.
    pub(crate) base: Arc<Model>,
    /// The adapter, with its id.
    pub(crate) adapter: Option<(AdapterId, Arc<Adapter>)>,
    /// The prefix cache of the two.
    pub(crate) reading: Arc<Mutex<PrefixCache>>,
}

impl LoadedModel {
    pub(crate) fn adapter(&self) -> Option<&Adapter> {
        self.adapter.as_ref().map(|(_, adapter)| &**adapter)
    }

    pub(crate) fn adapter_id(&self) -> Option<AdapterId> {
        self.adapter.as_ref().map(|(id, _)| *id)
    }
}

/// The bases owner: installed bases and the model that was loaded last.
pub(crate) struct Bases {
    workspace: Arc<Workspace>,
    loaded: Mutex<Option<CachedModel>>,
}

impl Bases {
    /// The bases of a workspace.
    pub(crate) fn new(workspace: Arc<Workspace>) -> Self {
        Bases { workspace, loaded: Mutex::default() }
    }

    /// All installed bases.
    pub(crate) fn list(&self) -> Result<BaseList> {
        let store = self.workspace.store();
        let in_use = bases::in_use(store.db())?.map(|base| base.id);
        let bases = bases::all(store.db())?;
        Ok(BaseList { bases: bases.iter().map(|b| wire_base(b, Some(b.id) == in_use)).collect() })
    }

    /// Checks a base and makes it the one in use.
    pub(crate) fn use_base(&self, file: &str) -> Result<BaseView> {
        let known = bases::all(self.workspace.store().db())?
            .into_iter()
            .find(|base| base.card.name == file);
        let path = match &known {
            Some(base) => PathBuf::from(&base.path),
            None => {
                // A file of a checkpoint stands for its folder.
                let path = Path::new(file);
                let whole = hf::folder_of(path).filter(|_| path.exists()).unwrap_or(path);
                fs::canonicalize(whole).map_err(|_| {
                    Failure::new(Code::NotFound, format!("No file or base is called {file}."))
                })?
            }
        };
        let stored = self.keep_base(&path)?;
        let store = self.workspace.store();
        bases::set_in_use(store.db(), stored.id)?;
        // An adapter belongs to its base; the new base starts without one.
        let (writing, _) = adapters::active_and_previous(store.db())?;
        if let Some(adapter) = writing
            && adapters::one(store.db(), adapter)?.base != stored.id
        {
            adapters::set_active_adapter(store.db(), None, &self.workspace.now())?;
        }
        Ok(wire_base(&stored, true))
    }

    /// Opens and tests a base, and stores its card.
    fn keep_base(&self, path: &Path) -> Result<StoredBase> {
        let base = Model::new(open(path)?, self.workspace.device());
        let modified = modified(path)?;
        self.try_base(&base, path, &modified)?;
        let store = self.workspace.store();
        let id = bases::keep(
            store.db(),
            &path.display().to_string(),
            &fingerprint(&base),
            &base.card,
            &self.workspace.now(),
        )?;
        let stored = bases::one(store.db(), id)?;
        drop(store);
        *lock(&self.loaded) = Some(CachedModel::new(id, modified, base));
        Ok(stored)
    }

    /// Tests a base, once per state of its files and version of this program.
    fn try_base(&self, base: &Model, path: &Path, modified: &str) -> Result<()> {
        let (name, stamp) = (path.display().to_string(), stamp(modified));
        let mut tried: BTreeMap<String, String> =
            settings::get(self.workspace.store().db(), TRIED)?.unwrap_or_default();
        if tried.get(&name) == Some(&stamp) {
            return Ok(());
        }
        smoke_test::run(base, path)?;
        tried.insert(name, stamp);
        settings::set(self.workspace.store().db(), TRIED, &tried)
    }

    /// Uses the bundled starter base on the first start.
    pub(crate) fn find_starter(&self) -> Result<()> {
        if bases::in_use(self.workspace.store().db())?.is_some() {
            return Ok(());
        }
        let Some(path) = starter(&self.workspace.folder().bases()) else { return Ok(()) };
        let now =
            modified(&path).map(|modified| format!("{} {}", path.display(), stamp(&modified)));
        let refused: Option<String> = settings::get(self.workspace.store().db(), REFUSED_STARTER)?;
        if refused.is_some() && refused == now.as_ref().ok().cloned() {
            return Ok(());
        }
        // A starter that cannot be used must not keep the app from opening: the writer can choose
        // another base.
        if let Err(failure) = self.use_base(&path.display().to_string()) {
            log::warn!("starter base: {:?}", failure.code);
            if let (Code::NotABase, Ok(now)) = (failure.code, now) {
                settings::set(self.workspace.store().db(), REFUSED_STARTER, &now)?;
            }
        }
        Ok(())
    }

    /// Loads the base in use with the adapter `which`.
    ///
    /// # Errors
    /// `base_missing`, `not_a_base`, `not_found`, or the engine's.
    pub(crate) fn load_in_use(&self, which: Option<AdapterId>) -> Result<LoadedModel> {
        let stored = bases::in_use(self.workspace.store().db())?.ok_or_else(no_base)?;
        self.load(&stored, which)
    }

    /// Loads a base with the adapter `which`.
    pub(crate) fn load(
        &self,
        stored: &StoredBase,
        which: Option<AdapterId>,
    ) -> Result<LoadedModel> {
        let path = Path::new(&stored.path);
        if !path.exists() {
            return Err(Failure::new(
                Code::BaseMissing,
                format!(
                    "The base {} is no longer at {}. Choose it again.",
                    stored.card.name, stored.path
                ),
            ));
        }
        let now = modified(path)?;
        let kept = lock(&self.loaded).clone();
        let mut loaded = match kept {
            Some(loaded) if loaded.id == stored.id && loaded.modified == now => loaded,
            _ => {
                let mut base = Model::new(open(path)?, self.workspace.device());
                base.copy_to_huge_pages();
                CachedModel::new(stored.id, now, base)
            }
        };
        if loaded.adapter.as_ref().map(|(id, _)| *id) != which {
            loaded.reading = Arc::new(Mutex::new(PrefixCache::new(&loaded.base)));
        }
        loaded.adapter = match (which, loaded.adapter.take()) {
            (None, _) => None,
            (Some(id), Some((kept, adapter))) if kept == id => Some((id, adapter)),
            (Some(id), _) => {
                adapters::one(self.workspace.store().db(), id)?;
                let adapter = Adapter::load(&loaded.base, &self.workspace.folder().adapter(id))?;
                Some((id, Arc::new(adapter)))
            }
        };
        *lock(&self.loaded) = Some(loaded.clone());
        let CachedModel { base, adapter, reading, .. } = loaded;
        Ok(LoadedModel { base_id: stored.id, base, adapter, reading })
    }
}

/// The wire form of a base.
pub(crate) fn wire_base(stored: &StoredBase, in_use: bool) -> BaseView {
    let card = &stored.card;
    BaseView {
        base: stored.id.0,
        name: card.name.clone(),
        family: card.family.clone(),
        quantisation: card.quantisation.clone(),
        parameters: card.parameters,
        bytes: card.bytes,
        context: card.context as u32,
        licence: card.licence.clone(),
        path: stored.path.clone(),
        in_use,
        warnings: card.warnings.clone(),
    }
}

/// Opens a base and names it after its file or folder: people know it by that name, and the names
/// inside the files are often arbitrary.
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

/// The failure of anything that needs a base when none is installed.
pub(crate) fn no_base() -> Failure {
    Failure::new(
        Code::BaseMissing,
        "No base is installed yet. Choose a GGUF file or the folder of a safetensors checkpoint, \
         or run setup to get the starter base.",
    )
}

/// What a test result is valid for: the state of the files and this version of the program.
fn stamp(modified: &str) -> String {
    format!("{} {modified}", env!("CARGO_PKG_VERSION"))
}

/// Size and modification time of each file of a base, to detect a change.
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

/// The starter base: named by `GHOST_BASE`, in the data folder, next to the program (as bundled),
/// or where setup puts it in the checkout that built the program.
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
