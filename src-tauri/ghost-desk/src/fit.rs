//! Whether to fine-tune at all, from what the store knows; the answer is the core's
//! ([`ghost_core::readiness`]). Here figures are gathered: pieces, edits, the last verdict, and how long
//! learning and writing took on this computer.

use std::fs;
use std::io::ErrorKind;

use ghost_core::readiness::cost::{self, Prices, Usage};
use ghost_core::readiness::{
    self, EditStats, Material, PromptCeiling, Quadrant, Readiness, Reason,
};
use ghost_core::run::RunState;

use crate::Desk;
use crate::authors::Authors;
use crate::failure::{Code, Failure, Result};
use crate::store::drafts::StoredDraft;
use crate::store::{adapters, drafts, pieces, rows, runs};
use crate::wire::{CostsView, FitView, MaterialView, QuadrantName, ReasonView, RungView};

/// The writer's own table of prices, in the data folder.
const TABLE: &str = "prices.toml";
/// Drafts of so many days say how much is written.
const RECENT_DAYS: i64 = 30;
/// Tokens a word costs, where none were counted.
const TOKENS_A_WORD: f64 = 1.35;
/// Passes over the archive, where none were counted.
const PASSES: f64 = 3.0;
/// Tokens of a prompt with examples, and of a draft, where none were written yet.
const PROMPT_TOKENS: f64 = 1_500.0;
const DRAFT_TOKENS: f64 = 800.0;

impl Desk {
    pub(crate) fn fit(&self) -> Result<FitView> {
        let pieces = pieces::all(self.store().on())?;
        let authors = Authors::read(self.store().on())?;
        let is_own = |author: Option<&str>| authors.is_own(author);
        let mut material =
            Material::of(pieces.iter().map(|kept| (&kept.piece, kept.side)), &is_own);
        let kept = rows::all(self.store().on())?;
        if let Some(folds) = self.folds(&kept)? {
            material.test_pieces = folds.pieces();
        }
        let drafts = drafts::all(self.store().on())?;
        let pairs = drafts.iter().rev();
        let taught = EditStats::of(
            pairs.filter_map(|draft| Some((draft.text.as_str(), draft.shipped.as_deref()?))),
        );
        let recent = self.recent(&drafts);
        let found =
            readiness::assess(&material, &taught, self.ceiling()?.as_ref(), recent.len() as f64);
        let work = Usage { drafts: recent.len() as f64, ..self.work_of(&material, &recent)? };
        Ok(shown(&found, &material, &taught, self.costs(&work)?))
    }

    /// What the newest verdict with figures knows of the best prompt.
    fn ceiling(&self) -> Result<Option<PromptCeiling>> {
        let store = self.store();
        for adapter in adapters::all(store.on())? {
            let verdict = adapters::verdict(store.on(), adapter.id)?;
            if let Some(ceiling) = verdict.as_ref().and_then(PromptCeiling::of) {
                return Ok(Some(ceiling));
            }
        }
        Ok(None)
    }

    fn recent<'a>(&self, drafts: &'a [StoredDraft]) -> Vec<&'a StoredDraft> {
        let since = (self.0.clock)().as_second() - RECENT_DAYS * 24 * 3_600;
        let at = |draft: &StoredDraft| draft.written_at.parse::<jiff::Timestamp>();
        drafts.iter().filter(|d| at(d).is_ok_and(|at| at.as_second() >= since)).collect()
    }

    /// Hours and tokens as they were measured here, and what is usual where nothing was.
    fn work_of(&self, material: &Material, recent: &[&StoredDraft]) -> Result<Usage> {
        let store = self.store();
        let done = runs::all(store.on())?.into_iter().find(|run| run.state == RunState::Done);
        let steps = done.map(|run| runs::steps(store.on(), run.id, 0)).transpose()?;
        let steps = steps.unwrap_or_default();
        let seconds: f64 = steps
            .iter()
            .filter(|step| step.tokens_per_second > 0.0)
            .map(|step| step.tokens as f64 / f64::from(step.tokens_per_second))
            .sum();
        let tokens: usize = steps.iter().map(|step| step.tokens).sum();
        let guessed = material.usable_words as f64 * TOKENS_A_WORD * PASSES;
        let mean = |of: &dyn Fn(&StoredDraft) -> f64| {
            let n = recent.len() as f64;
            (n > 0.0).then(|| recent.iter().map(|draft| of(draft)).sum::<f64>() / n)
        };
        Ok(Usage {
            hours: (seconds > 0.0).then_some(seconds / 3_600.0),
            training_tokens: if tokens > 0 { tokens as f64 } else { guessed },
            drafts: 0.0,
            prompt_tokens: PROMPT_TOKENS,
            generated_tokens: mean(&|draft| f64::from(draft.tokens)).unwrap_or(DRAFT_TOKENS),
            seconds: mean(&|draft| draft.seconds),
        })
    }

    fn costs(&self, work: &Usage) -> Result<CostsView> {
        let table = self.folder().root().join(TABLE);
        let (prices, own_table) = prices(self)?;
        let rungs = cost::estimates(&prices, work).into_iter().map(|rung| RungView {
            place: rung.place,
            one_run: rung.per_run,
            a_month: rung.per_month,
            hours: rung.hours,
            energy: rung.energy,
            sentence: rung.sentence,
        });
        Ok(CostsView {
            rungs: rungs.collect(),
            as_of: prices.as_of,
            currency: prices.currency,
            runs_a_month: prices.runs_per_month,
            table: table.display().to_string(),
            own_table,
        })
    }
}

/// The table of prices in use, and whether it is the writer's own.
pub(crate) fn prices(desk: &Desk) -> Result<(Prices, bool)> {
    let table = desk.folder().root().join(TABLE);
    match fs::read_to_string(&table) {
        Ok(text) => Prices::read(&text).map(|prices| (prices, true)).map_err(|trouble| {
            Failure::new(Code::BadInput, format!("{}: {trouble}", table.display()))
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((Prices::bundled(), false)),
        Err(error) => Err(Failure::io("read", &table, &error)),
    }
}

fn shown(found: &Readiness, material: &Material, taught: &EditStats, costs: CostsView) -> FitView {
    let reasons = |all: &[Reason]| {
        let one = |reason: &Reason| ReasonView {
            what: reason.what.clone(),
            holds: reason.holds,
            figure: reason.figure.clone(),
        };
        all.iter().map(one).collect()
    };
    FitView {
        quadrant: match found.quadrant {
            Quadrant::Skip => QuadrantName::Skip,
            Quadrant::FixUpstream => QuadrantName::FixUpstream,
            Quadrant::CompileFirst => QuadrantName::CompileFirst,
            Quadrant::FineTune => QuadrantName::FineTune,
        },
        sentence: found.sentence.clone(),
        maturity: found.maturity,
        ceiling: found.ceiling,
        material: MaterialView {
            pieces: material.pieces as u32,
            words: material.words as u32,
            usable_pieces: material.usable_pieces as u32,
            usable_words: material.usable_words as u32,
            pairs: taught.pairs as u32,
            holdout: material.test_pieces as u32,
        },
        skip: reasons(&found.skip),
        go: reasons(&found.go),
        costs,
    }
}
