//! The data of an evaluation, read from the store, and the folds it is evaluated on.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use ghost_core::cross_validation::FOLDS;
use ghost_core::id::RowId;
use ghost_core::program::OptimizedPrompts;
use ghost_core::row::{Origin, Row};
use ghost_core::split::Split;
use ghost_engine::adapter::{Adapter, fingerprint};
use ghost_engine::model::Model;
use sha2::{Digest as _, Sha256};

use crate::evidence::{Candidate, EvalCache, EvalContext, Pair, Sample};
use crate::failure::{Code, Failure, Result};
use crate::runs::{fold_in, folds_in};
use crate::store::{adapters, drafts, programs, rows};
use crate::workspace::Workspace;
use crate::{folder, hex};

/// The default random seed of drafts, permutation tests and intervals.
pub(super) const DEFAULT_SEED: u64 = 1;

/// The settings of an evaluation.
#[derive(Debug, Clone)]
pub(crate) struct EvalConfig {
    /// The recipe that sets the sample size.
    pub(crate) recipe: String,
    /// Seeds all sampling.
    pub(crate) random_seed: u64,
}

impl EvalConfig {
    /// The settings of the evaluation at the end of a run.
    pub(crate) fn of(recipe: &str) -> EvalConfig {
        EvalConfig { recipe: recipe.to_owned(), random_seed: DEFAULT_SEED }
    }

    /// Checks the name of the recipe.
    pub(super) fn check(&self) -> Result<()> {
        if ["quick", "nightly"].contains(&self.recipe.as_str()) {
            return Ok(());
        }
        let why = format!("Unknown recipe \u{201c}{}\u{201d}. Use quick or nightly.", self.recipe);
        Err(Failure::new(Code::BadInput, why))
    }
}

/// An adapter, and a hash of its weights.
pub(super) struct HashedAdapter {
    pub(super) name: String,
    pub(super) adapter: Adapter,
}

impl HashedAdapter {
    pub(super) fn load(base: &Model, folder: &Path) -> Result<HashedAdapter> {
        let adapter = Adapter::load(base, folder)?;
        let path = folder.join("adapter_model.safetensors");
        let bytes = fs::read(&path).map_err(|e| Failure::io("read", &path, &e))?;
        Ok(HashedAdapter { name: hex::lower(&Sha256::digest(bytes)), adapter })
    }

    pub(super) fn participant(&self) -> Candidate<'_> {
        Candidate { name: &self.name, adapter: Some(&self.adapter), program: None }
    }
}

/// The folder of an adapter, and the folder of the run that made it, which holds its folds.
pub(super) struct AdapterFolder {
    pub(super) own: PathBuf,
    pub(super) run: Option<PathBuf>,
}

/// One fold of an evaluation: the candidate, and the rows it has not been trained on.
pub(super) struct EvalFold {
    pub(super) rows: Vec<Row>,
    pub(super) candidate: HashedAdapter,
    pub(super) incumbent: Option<HashedAdapter>,
    /// There is one, but it was trained on test rows.
    pub(super) incumbent_contaminated: bool,
}

/// The data of an evaluation, read once.
pub(crate) struct EvalData<'a> {
    base: &'a Model,
    ids: Vec<RowId>,
    /// For each row, the rows of earlier versions of its piece.
    earlier: HashMap<RowId, Vec<RowId>>,
    pub(super) rows: Vec<Row>,
    pub(super) pairs: Vec<Pair>,
    edits: Vec<Pair>,
}

impl<'a> EvalData<'a> {
    pub(crate) fn read(workspace: &Workspace, base: &'a Model) -> Result<EvalData<'a>> {
        let (ids, rows): (Vec<RowId>, Vec<Row>) =
            rows::all(workspace.store().db())?.into_iter().unzip();
        let (mut pairs, mut edits) = (Vec::new(), Vec::new());
        for (edit, seed, draft, shipped) in drafts::pairs(workspace.store().db())? {
            let pair = Pair { seed, draft, shipped };
            match rows.iter().find(|row| row.origin == Origin::Edit(edit)).map(|row| row.split) {
                Some(Split::Train) => edits.push(pair),
                Some(_) => pairs.push(pair),
                // Excluded by the writer.
                None => {}
            }
        }
        let earlier = rows::earlier(workspace.store().db())?;
        Ok(EvalData { base, ids, earlier, rows, pairs, edits })
    }

    /// The folds of an evaluation: the adapter on the test split or, if that is too small, each
    /// fold's adapter on its own fold. Nobody is evaluated on rows they were trained on; an
    /// incumbent that was trained on test rows is left out.
    pub(super) fn eval_folds(
        &self,
        candidate: &AdapterFolder,
        incumbent: Option<&AdapterFolder>,
    ) -> Result<Vec<EvalFold>> {
        let folds = match &candidate.run {
            Some(folder) => folds_in(folder)?.map(|folds| (folds, folder)),
            None => None,
        };
        let load = |place: &AdapterFolder, fold: usize| {
            let in_fold = place.run.as_ref().map(|folder| fold_in(folder, fold));
            let in_fold = in_fold.filter(|folder| folder.exists());
            HashedAdapter::load(self.base, in_fold.as_ref().unwrap_or(&place.own))
        };
        let mut eval_folds = Vec::new();
        match folds {
            None => eval_folds.push(EvalFold {
                rows: self.rows.clone(),
                candidate: HashedAdapter::load(self.base, &candidate.own)?,
                incumbent: incumbent
                    .map(|other| HashedAdapter::load(self.base, &other.own))
                    .transpose()?,
                incumbent_contaminated: false,
            }),
            Some((folds, folder)) => {
                for fold in 0..FOLDS {
                    eval_folds.push(EvalFold {
                        rows: folds.with_splits(fold, &self.rows),
                        candidate: HashedAdapter::load(self.base, &fold_in(folder, fold))?,
                        incumbent: incumbent.map(|other| load(other, fold)).transpose()?,
                        incumbent_contaminated: false,
                    });
                }
            }
        }
        for fold in &mut eval_folds {
            let learned = self.trained_rows(&fold.candidate);
            for (row, learned) in fold.rows.iter_mut().zip(learned) {
                if learned && row.split == Split::Test {
                    row.split = Split::Validation;
                }
            }
        }
        let knows = |fold: &EvalFold| {
            fold.incumbent.as_ref().is_some_and(|other| {
                let learned = self.trained_rows(other);
                fold.rows.iter().zip(learned).any(|(row, l)| l && row.split == Split::Test)
            })
        };
        if eval_folds.iter().any(knows) {
            for fold in &mut eval_folds {
                (fold.incumbent, fold.incumbent_contaminated) = (None, true);
            }
        }
        Ok(eval_folds)
    }

    /// For each row, whether an adapter was trained on it or on an earlier version of its piece.
    fn trained_rows(&self, who: &HashedAdapter) -> Vec<bool> {
        let learned: HashSet<RowId> = who.adapter.card.rows.iter().copied().collect();
        let before = |id: &RowId| self.earlier.get(id).into_iter().flatten();
        let knows = |id: &RowId| learned.contains(id) || before(id).any(|id| learned.contains(id));
        self.ids.iter().map(knows).collect()
    }

    pub(crate) fn context(
        &'a self,
        cache: &'a dyn EvalCache,
        compiled: &'a OptimizedPrompts,
        config: &EvalConfig,
        parameters: u64,
    ) -> EvalContext<'a> {
        EvalContext {
            base: self.base,
            rows: &self.rows,
            pairs: &self.pairs,
            edits: &self.edits,
            compiled,
            sample: Sample::of(&config.recipe, parameters),
            random_seed: config.random_seed,
            cache,
            remote: None,
        }
    }

    /// The key of a prompt search: a hash of everything it depends on.
    pub(super) fn name(&self, config: &EvalConfig) -> String {
        let mut hasher = Sha256::new();
        hasher.update(fingerprint(self.base));
        hasher.update(format!("/{}/{}/", config.recipe, config.random_seed));
        for row in &self.rows {
            if row.split != Split::Test {
                hasher.update(format!("{}{}", cache_name(row.split), row.seed.request()));
                hasher.update(&row.text);
            }
        }
        for pair in &self.edits {
            hasher.update(&pair.draft);
        }
        hex::lower(&hasher.finalize())
    }
}

impl EvalCache for Workspace {
    fn score(&self, what: &str) -> Result<Option<f64>> {
        adapters::score(self.store().db(), what)
    }

    fn store_score(&self, what: &str, figure: f64) -> Result<()> {
        adapters::keep_score(self.store().db(), what, figure)
    }

    fn draft(&self, what: &str) -> Result<Option<String>> {
        programs::cached_draft(self.store().db(), what)
    }

    fn store_draft(&self, what: &str, text: &str) -> Result<()> {
        // The writer's own draft comes first.
        folder::wait_until_free(&self.folder().writing_lock());
        programs::cache_draft(self.store().db(), what, text)
    }
}

/// The name of a split in the keys of cached results. It is stored and must not change.
fn cache_name(split: Split) -> &'static str {
    match split {
        Split::Train => "Train",
        Split::Validation => "Dev",
        Split::Test => "Holdout",
    }
}
