//! Readiness: is fine-tuning worthwhile? The answer is computed by the core ([`ghost_core::readiness`]);
//! this module collects the figures: pieces, edits, the last verdict, and the measured speeds of
//! training and writing.

use ghost_core::readiness::cost::{self, Usage};
use ghost_core::readiness::{
    self, EditStats, Material, PromptCeiling, Quadrant, Readiness as Assessment, Reason,
};
use ghost_core::run::RunState;

use crate::authors::Authors;
use crate::failure::Result;
use crate::prices;
use crate::store::drafts::StoredDraft;
use crate::store::{adapters, drafts, pieces, rows, runs};
use crate::training_rows;
use crate::wire::{CostsView, MaterialView, ReadinessView, ReasonView, Recommendation, RungView};
use crate::workspace::Workspace;

/// Days of drafts that the volume of writing is estimated from.
const RECENT_DAYS: i64 = 30;
/// Default tokens per word.
const TOKENS_PER_WORD: f64 = 1.35;
/// Default passes over the archive.
const PASSES: f64 = 3.0;
/// Default tokens of a prompt with examples, and of a draft.
const PROMPT_TOKENS: f64 = 1_500.0;
const DRAFT_TOKENS: f64 = 800.0;

/// Computes whether fine-tuning is worthwhile, from a workspace.
pub(crate) struct Readiness<'a> {
    pub(crate) workspace: &'a Workspace,
}

impl Readiness<'_> {
    /// The recommendation, its reasons and the costs.
    ///
    /// # Errors
    /// The store's, or `bad_input` for an invalid price table.
    pub(crate) fn view(&self) -> Result<ReadinessView> {
        let pieces = pieces::all(self.workspace.store().db())?;
        let authors = Authors::read(self.workspace.store().db())?;
        let is_own = |author: Option<&str>| authors.is_own(author);
        let mut material =
            Material::of(pieces.iter().map(|kept| (&kept.piece, kept.side)), &is_own);
        let kept = rows::all(self.workspace.store().db())?;
        if let Some(folds) = training_rows::folds(self.workspace.store().db(), &kept)? {
            material.test_pieces = folds.pieces();
        }
        let drafts = drafts::all(self.workspace.store().db())?;
        let pairs = drafts.iter().rev();
        let edits = EditStats::of(
            pairs.filter_map(|draft| Some((draft.text.as_str(), draft.shipped.as_deref()?))),
        );
        let recent = self.recent(&drafts);
        let found =
            readiness::assess(&material, &edits, self.ceiling()?.as_ref(), recent.len() as f64);
        let work = Usage { drafts: recent.len() as f64, ..self.work_of(&material, &recent)? };
        Ok(shown(&found, &material, &edits, self.costs(&work)?))
    }

    /// The ceiling of the optimized prompt, from the newest verdict with figures.
    fn ceiling(&self) -> Result<Option<PromptCeiling>> {
        let store = self.workspace.store();
        for adapter in adapters::all(store.db())? {
            let verdict = adapters::verdict(store.db(), adapter.id)?;
            if let Some(ceiling) = verdict.as_ref().and_then(PromptCeiling::of) {
                return Ok(Some(ceiling));
            }
        }
        Ok(None)
    }

    fn recent<'a>(&self, drafts: &'a [StoredDraft]) -> Vec<&'a StoredDraft> {
        let since = self.workspace.seconds() - RECENT_DAYS * 24 * 3_600;
        let at = |draft: &StoredDraft| draft.written_at.parse::<jiff::Timestamp>();
        drafts.iter().filter(|d| at(d).is_ok_and(|at| at.as_second() >= since)).collect()
    }

    /// Hours and tokens as measured on this computer, with defaults for what was not.
    fn work_of(&self, material: &Material, recent: &[&StoredDraft]) -> Result<Usage> {
        let store = self.workspace.store();
        let done = runs::all(store.db())?.into_iter().find(|run| run.state == RunState::Done);
        let steps = done.map(|run| runs::steps(store.db(), run.id, 0)).transpose()?;
        let steps = steps.unwrap_or_default();
        let seconds: f64 = steps
            .iter()
            .filter(|step| step.tokens_per_second > 0.0)
            .map(|step| step.tokens as f64 / f64::from(step.tokens_per_second))
            .sum();
        let tokens: usize = steps.iter().map(|step| step.tokens).sum();
        let guessed = material.usable_words as f64 * TOKENS_PER_WORD * PASSES;
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
        let table = prices::table(self.workspace.folder());
        let (prices, own_table) = prices::prices(self.workspace.folder())?;
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

fn shown(
    found: &Assessment,
    material: &Material,
    edits: &EditStats,
    costs: CostsView,
) -> ReadinessView {
    let reasons = |all: &[Reason]| {
        let one = |reason: &Reason| ReasonView {
            what: reason.what.clone(),
            holds: reason.holds,
            figure: reason.figure.clone(),
        };
        all.iter().map(one).collect()
    };
    ReadinessView {
        recommendation: match found.quadrant {
            Quadrant::Skip => Recommendation::Skip,
            Quadrant::FixUpstream => Recommendation::FixUpstream,
            Quadrant::CompileFirst => Recommendation::OptimizePrompt,
            Quadrant::FineTune => Recommendation::FineTune,
        },
        sentence: found.sentence.clone(),
        maturity: found.maturity,
        ceiling: found.ceiling,
        material: MaterialView {
            pieces: material.pieces as u32,
            words: material.words as u32,
            usable_pieces: material.usable_pieces as u32,
            usable_words: material.usable_words as u32,
            pairs: edits.pairs as u32,
            test: material.test_pieces as u32,
        },
        skip: reasons(&found.skip),
        go: reasons(&found.go),
        costs,
    }
}
