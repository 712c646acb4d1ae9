//! What the store says of an archive, and who is judged on which of it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use ghost_core::cross_validation::FOLDS;
use ghost_core::id::RowId;
use ghost_core::program::OptimizedPrompts;
use ghost_core::row::{Origin, Row};
use ghost_core::seed::Seed;
use ghost_core::split::Split;
use ghost_engine::adapter::{Adapter, fingerprint};
use ghost_engine::model::Model;
use sha2::{Digest as _, Sha256};

use super::Hearing;
use crate::evidence::{Court, Memory, Pair, Party, Sample};
use crate::failure::{Failure, Result};
use crate::store::{adapters, drafts, programs, rows};
use crate::{Desk, folder, import, learn};

/// An adapter, and a name that changes with its weights.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) adapter: Adapter,
}

impl Named {
    pub(super) fn load(base: &Model, folder: &Path) -> Result<Named> {
        let adapter = Adapter::load(base, folder)?;
        let path = folder.join("adapter_model.safetensors");
        let bytes = fs::read(&path).map_err(|e| Failure::io("read", &path, &e))?;
        Ok(Named { name: import::hex(&Sha256::digest(bytes)), adapter })
    }

    pub(super) fn party(&self) -> Party<'_> {
        Party { name: &self.name, adapter: Some(&self.adapter), program: None }
    }
}

/// Where an adapter lies, and the run that made it, beside which those of its folds lie.
pub(super) struct Place {
    pub(super) own: PathBuf,
    pub(super) run: Option<PathBuf>,
}

/// An adapter before the court, with the rows it is judged on held out.
pub(super) struct Case {
    pub(super) rows: Vec<Row>,
    pub(super) candidate: Named,
    pub(super) incumbent: Option<Named>,
    /// There is one, and it has learned what is held out.
    pub(super) incumbent_contaminated: bool,
}

/// What the store says of an archive, read once for a verdict.
pub(crate) struct Files<'a> {
    base: &'a Model,
    ids: Vec<RowId>,
    /// Of a row, those of what its piece said before it was changed.
    earlier: HashMap<RowId, Vec<RowId>>,
    pub(super) rows: Vec<Row>,
    pub(super) pairs: Vec<Pair>,
    edits: Vec<Pair>,
}

impl<'a> Files<'a> {
    pub(crate) fn read(desk: &Desk, base: &'a Model) -> Result<Files<'a>> {
        let (ids, rows): (Vec<RowId>, Vec<Row>) = rows::all(desk.store().on())?.into_iter().unzip();
        let (mut pairs, mut edits) = (Vec::new(), Vec::new());
        for (edit, seed, draft, shipped) in drafts::pairs(desk.store().on())? {
            let pair = Pair { seed, draft, shipped };
            match rows.iter().find(|row| row.origin == Origin::Edit(edit)).map(|row| row.split) {
                Some(Split::Train) => edits.push(pair),
                Some(_) => pairs.push(pair),
                // The writer excluded it.
                None => {}
            }
        }
        let earlier = rows::earlier(desk.store().on())?;
        Ok(Files { base, ids, earlier, rows, pairs, edits })
    }

    /// An archive that nobody asks about.
    pub(crate) fn none(base: &'a Model) -> Files<'a> {
        let (ids, earlier, rows) = (Vec::new(), HashMap::new(), Vec::new());
        Files { base, ids, earlier, rows, pairs: Vec::new(), edits: Vec::new() }
    }

    /// What is judged on which rows: the adapter itself on what is held out or, where that is too
    /// little, the adapters of its folds, each on its own. Nobody is judged on what they learned
    /// from, and an incumbent that has is not asked.
    pub(super) fn cases(&self, candidate: &Place, incumbent: Option<&Place>) -> Result<Vec<Case>> {
        let folds = match &candidate.run {
            Some(room) => learn::folds_in(room)?.map(|folds| (folds, room)),
            None => None,
        };
        let load = |place: &Place, fold: usize| {
            let in_fold = place.run.as_ref().map(|room| learn::fold_in(room, fold));
            let in_fold = in_fold.filter(|folder| folder.exists());
            Named::load(self.base, in_fold.as_ref().unwrap_or(&place.own))
        };
        let mut cases = Vec::new();
        match folds {
            None => cases.push(Case {
                rows: self.rows.clone(),
                candidate: Named::load(self.base, &candidate.own)?,
                incumbent: incumbent.map(|other| Named::load(self.base, &other.own)).transpose()?,
                incumbent_contaminated: false,
            }),
            Some((folds, room)) => {
                for fold in 0..FOLDS {
                    cases.push(Case {
                        rows: folds.with_splits(fold, &self.rows),
                        candidate: Named::load(self.base, &learn::fold_in(room, fold))?,
                        incumbent: incumbent.map(|other| load(other, fold)).transpose()?,
                        incumbent_contaminated: false,
                    });
                }
            }
        }
        for case in &mut cases {
            let learned = self.learned_by(&case.candidate);
            for (row, learned) in case.rows.iter_mut().zip(learned) {
                if learned && row.split == Split::Test {
                    row.split = Split::Validation;
                }
            }
        }
        let knows = |case: &Case| {
            case.incumbent.as_ref().is_some_and(|other| {
                let learned = self.learned_by(other);
                case.rows.iter().zip(learned).any(|(row, l)| l && row.split == Split::Test)
            })
        };
        if cases.iter().any(knows) {
            for case in &mut cases {
                (case.incumbent, case.incumbent_contaminated) = (None, true);
            }
        }
        Ok(cases)
    }

    /// Of each row, whether an adapter learned from it, or from what it was before it was changed.
    fn learned_by(&self, who: &Named) -> Vec<bool> {
        let learned: HashSet<RowId> = who.adapter.card.rows.iter().copied().collect();
        let before = |id: &RowId| self.earlier.get(id).into_iter().flatten();
        let knows = |id: &RowId| learned.contains(id) || before(id).any(|id| learned.contains(id));
        self.ids.iter().map(knows).collect()
    }

    /// All rows there are.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn court(
        &'a self,
        memory: &'a dyn Memory,
        compiled: &'a OptimizedPrompts,
        hearing: &Hearing,
        parameters: u64,
    ) -> Court<'a> {
        Court {
            base: self.base,
            rows: &self.rows,
            pairs: &self.pairs,
            edits: &self.edits,
            compiled,
            sample: Sample::of(&hearing.recipe, parameters),
            random_seed: hearing.random_seed,
            memory,
            far: None,
        }
    }

    /// A name for a search, that changes with all it depends on.
    pub(super) fn name(&self, hearing: &Hearing) -> String {
        let mut hasher = Sha256::new();
        hasher.update(fingerprint(self.base));
        hasher.update(format!("/{}/{}/", hearing.recipe, hearing.random_seed));
        for row in &self.rows {
            if row.split != Split::Test {
                hasher.update(format!("{}{}", cache_name(row.split), row.seed.request()));
                hasher.update(&row.text);
            }
        }
        for pair in &self.edits {
            hasher.update(&pair.draft);
        }
        import::hex(&hasher.finalize())
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

impl Memory for Desk {
    fn figure(&self, what: &str) -> Result<Option<f64>> {
        adapters::score(self.store().on(), what)
    }

    fn keep_figure(&self, what: &str, figure: f64) -> Result<()> {
        adapters::keep_score(self.store().on(), what, figure)
    }

    fn draft(&self, what: &str) -> Result<Option<String>> {
        programs::heard(self.store().on(), what)
    }

    fn keep_draft(&self, what: &str, text: &str) -> Result<()> {
        // A writer's own draft comes first: it is waited for.
        folder::wait_until_free(&self.folder().writing_lock());
        programs::keep_heard(self.store().on(), what, text)
    }

    fn like(&self, seed: &Seed, most: usize) -> Result<Vec<i64>> {
        programs::like(self.store().on(), seed, most)
    }
}
