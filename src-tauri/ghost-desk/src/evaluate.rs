//! Evaluation: does the candidate write more like its writer than the best alternative without it?
//!
//! The evidence is collected by [`crate::evidence`] and decided on by the core
//! ([`ghost_core::verdict`]); this module chooses who is compared and what is stored.

mod data;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ghost_core::cross_validation::{FOLDS, Folds};
use ghost_core::guardrails::{Finding, GuardrailInput, check_all};
use ghost_core::id::{AdapterId, RunId};
use ghost_core::program::OptimizedPrompts;
use ghost_core::split::Split;
use ghost_core::verdict::{self, Evidence, Verdict};

use self::data::{AdapterFolder, DEFAULT_SEED, EvalFold, HashedAdapter};
pub(crate) use self::data::{EvalConfig, EvalData};
use crate::bases::{Bases, LoadedModel, no_base};
use crate::event::{Event, OnEvent};
use crate::evidence::{EvalContext, EvalDrafts, Interrupted, Progress, SearchBudget};
use crate::failure::{Code, Failure, Result};
use crate::remote_model::RemoteWriter;
use crate::store::{adapters, bases, programs};
use crate::time_budget::Workload;
use crate::wire::{
    EvaluateAdapter, Evaluation, Nothing, OptimizePrompt, OptimizedPrompt, PromptTrial,
};
use crate::workspace::Workspace;
use crate::{remote_model, verdict_view};

/// Receives how many items are measured, of how many; returns `true` to stop.
pub(crate) type OnProgress<'a> = dyn FnMut(u32, u32) -> bool + 'a;

/// The evaluation owner: verdicts and prompt searches.
pub(crate) struct Evaluator {
    workspace: Arc<Workspace>,
    bases: Arc<Bases>,
    stop: AtomicBool,
}

impl Evaluator {
    /// The evaluations of a workspace.
    pub(crate) fn new(workspace: Arc<Workspace>, bases: Arc<Bases>) -> Self {
        Evaluator { workspace, bases, stop: AtomicBool::default() }
    }

    /// Evaluates an adapter and stores the verdict.
    pub(crate) fn evaluate_adapter(
        &self,
        ask: EvaluateAdapter,
        on_event: &mut OnEvent<'_>,
    ) -> Result<Evaluation> {
        let id = match ask.adapter {
            Some(id) => AdapterId(id),
            None => adapters::all(self.workspace.store().db())?
                .first()
                .map(|adapter| adapter.id)
                .ok_or_else(|| {
                Failure::new(
                    Code::NotFound,
                    "There is no adapter to evaluate yet. Train one first.",
                )
            })?,
        };
        let stored = adapters::one(self.workspace.store().db(), id)?;
        let config = EvalConfig {
            recipe: ask.recipe.unwrap_or(stored.recipe),
            random_seed: ask.random_seed.unwrap_or(DEFAULT_SEED),
        };
        config.check()?;
        self.stop.store(false, Ordering::SeqCst);
        let mut on_progress = |done, of| {
            on_event(Event::EvaluationProgressed { adapter: id.0, done, of });
            self.stop.load(Ordering::SeqCst)
        };
        let verdict = self.verdict_on(id, &config, &mut on_progress)?.ok_or_else(stopped)?;
        adapters::keep_verdict(self.workspace.store().db(), id, &verdict, &self.workspace.now())?;
        let shown = verdict_view::verdict(&verdict);
        on_event(Event::VerdictReached { adapter: id.0, verdict: shown.clone() });
        Ok(Evaluation { adapter: id.0, verdict: shown })
    }

    /// Searches for the best prompts for the archive.
    pub(crate) fn optimize_prompt(
        &self,
        ask: OptimizePrompt,
        on_event: &mut OnEvent<'_>,
    ) -> Result<OptimizedPrompt> {
        let config = EvalConfig::of(ask.recipe.as_deref().unwrap_or("nightly"));
        config.check()?;
        let base = bases::in_use(self.workspace.store().db())?.ok_or_else(no_base)?;
        let ghost = self.bases.load(&base, None)?;
        let data = EvalData::read(&self.workspace, &ghost.base)?;
        if !data.rows.iter().any(|row| row.split == Split::Validation) {
            let why =
                "There are too few dated pieces to compare prompts on. At least five are needed.";
            return Err(Failure::new(Code::TooLittle, why));
        }
        self.stop.store(false, Ordering::SeqCst);
        let mut on_progress = |done, of| {
            on_event(Event::EvaluationProgressed { adapter: 0, done, of });
            self.stop.load(Ordering::SeqCst)
        };
        let found = self.compiled(&base, &data, &config, &mut on_progress)?.ok_or_else(stopped)?;
        let tried = |all: &[(String, f64)]| {
            let one = |(program, figure): &(String, f64)| PromptTrial {
                program: program.clone(),
                figure: *figure,
            };
            all.iter().map(one).collect()
        };
        Ok(OptimizedPrompt {
            by_bits: found.by_bits.description(),
            by_voice: found.by_voice.description(),
            tried: tried(&found.tried),
            bare: found.bare,
            heard: tried(&found.voice_scores),
        })
    }

    /// Stops the evaluation or prompt search in progress.
    pub(crate) fn stop(&self) -> Result<Nothing> {
        self.stop.store(true, Ordering::SeqCst);
        Ok(Nothing {})
    }

    /// The verdict on an adapter; `None` when `on_progress` asked to stop.
    pub(crate) fn verdict_on(
        &self,
        id: AdapterId,
        config: &EvalConfig,
        on_progress: &mut OnProgress<'_>,
    ) -> Result<Option<Verdict>> {
        let stored = adapters::one(self.workspace.store().db(), id)?;
        let base = bases::one(self.workspace.store().db(), stored.base)?;
        let incumbent = self.incumbent(id, &stored)?;
        let place = |id: AdapterId, run: Option<RunId>| AdapterFolder {
            own: self.workspace.folder().adapter(id),
            run: run.map(|run| self.workspace.folder().run(run)),
        };
        let incumbent = match incumbent {
            Some(other) => {
                Some(place(other, adapters::one(self.workspace.store().db(), other)?.run))
            }
            None => None,
        };
        self.evaluate(&base, &place(id, stored.run), incumbent.as_ref(), config, on_progress)
    }

    /// The verdict on an adapter in any folder, on the base in use and this archive. Only the
    /// measurements are stored.
    ///
    /// # Errors
    /// `base_missing`, `bad_input` if the folder holds no adapter of this base, or the store's.
    pub(crate) fn evaluate_folder(
        &self,
        candidate: &Path,
        recipe: &str,
        random_seed: u64,
        on_progress: &mut dyn FnMut(u32, u32) -> bool,
    ) -> Result<Option<Verdict>> {
        let base = bases::in_use(self.workspace.store().db())?.ok_or_else(no_base)?;
        let config = EvalConfig { recipe: recipe.to_owned(), random_seed };
        let place = AdapterFolder { own: candidate.to_owned(), run: None };
        self.evaluate(&base, &place, None, &config, on_progress)
    }

    /// The approximate work of a verdict on the adapter of a run.
    pub(crate) fn verdict_workload(
        &self,
        stored: &bases::StoredBase,
        ghost: &LoadedModel,
        folds: Option<&Folds>,
        config: &EvalConfig,
    ) -> Result<Workload> {
        let data = EvalData::read(&self.workspace, &ghost.base)?;
        let none = OptimizedPrompts::default();
        let context = data.context(&*self.workspace, &none, config, stored.card.parameters);
        // A prompt search on this archive measured the opponents as well.
        let is_known = programs::of(self.workspace.store().db(), &data.name(config))?.is_some();
        let mut load = if is_known {
            Workload::default()
        } else {
            context.search_workload(SearchBudget::of(&config.recipe))
        };
        let mut add = |more: Workload| {
            load.read += more.read;
            load.written += more.written;
        };
        match folds {
            None => add(context.workload(is_known)),
            Some(folds) => (0..FOLDS).for_each(|fold| {
                let rows = folds.with_splits(fold, &data.rows);
                add(EvalContext { rows: &rows, pairs: &[], ..context }.workload(is_known));
            }),
        }
        Ok(load)
    }

    fn evaluate(
        &self,
        stored: &bases::StoredBase,
        candidate: &AdapterFolder,
        incumbent: Option<&AdapterFolder>,
        config: &EvalConfig,
        on_progress: &mut OnProgress<'_>,
    ) -> Result<Option<Verdict>> {
        let ghost = self.bases.load(stored, None)?;
        let data = EvalData::read(&self.workspace, &ghost.base)?;
        let folds = data.eval_folds(candidate, incumbent)?;
        let compiled = match self.compiled(stored, &data, config, on_progress)? {
            Some(compiled) => compiled,
            None => return Ok(None),
        };
        let remote = remote_model::configured(&self.workspace)?;
        let remote = remote.as_ref().map(|remote| remote as &dyn RemoteWriter);
        let contexts = folds.iter().enumerate().map(|(at, fold)| EvalContext {
            rows: &fold.rows,
            // The edits are the same in every fold: once is enough.
            pairs: if at == 0 { &data.pairs } else { &[] },
            remote: remote.filter(|_| folds.len() == 1),
            ..data.context(&*self.workspace, &compiled, config, stored.card.parameters)
        });
        let contexts: Vec<EvalContext<'_>> = contexts.collect();
        let items = |(context, fold): (&EvalContext<'_>, &EvalFold)| {
            context.items(fold.incumbent.is_some())
        };
        let all: u32 = contexts.iter().zip(&folds).map(items).sum();
        let mut before = 0;
        let (mut found, mut drafts) = (Vec::new(), EvalDrafts::default());
        for (context, fold) in contexts.iter().zip(&folds) {
            let mut relay = |done, _| match on_progress(before + done, all) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
            let incumbent = fold.incumbent.as_ref().map(HashedAdapter::participant);
            match context.measured(fold.candidate.participant(), incumbent, &mut relay) {
                Ok((evidence, written)) => {
                    found.push(evidence);
                    drafts.iter_mut().zip(written).for_each(|(all, more)| all.extend(more));
                }
                Err(Interrupted::Stopped) => return Ok(None),
                Err(Interrupted::Failed(failure)) => return Err(failure),
            }
            before += items((context, fold));
        }
        let evidence = match found.len() {
            1 => found.remove(0),
            _ => Evidence::joined(found, joint_findings(&drafts)),
        };
        let incumbent_contaminated = folds.iter().any(|fold| fold.incumbent_contaminated);
        let evidence = Evidence { incumbent_contaminated, ..evidence };
        Ok(Some(verdict::decide(&evidence, config.random_seed)))
    }

    /// The optimized prompts for this archive, searched for once and stored; `None` when stopped.
    pub(crate) fn compiled(
        &self,
        stored: &bases::StoredBase,
        data: &EvalData<'_>,
        config: &EvalConfig,
        on_progress: &mut OnProgress<'_>,
    ) -> Result<Option<OptimizedPrompts>> {
        let what = data.name(config);
        if let Some(found) = programs::of(self.workspace.store().db(), &what)? {
            return Ok(Some(found));
        }
        let none = OptimizedPrompts::default();
        let context = data.context(&*self.workspace, &none, config, stored.card.parameters);
        let mut relay = |done, of| {
            if on_progress(done, of) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let budget = SearchBudget::of(&config.recipe);
        let mut count =
            Progress { done: 0, of: budget.items(context.sample.floor), on_progress: &mut relay };
        match context.compile(budget, &mut count) {
            Ok(found) => {
                programs::keep(
                    self.workspace.store().db(),
                    &what,
                    stored.id,
                    &found,
                    &self.workspace.now(),
                )?;
                Ok(Some(found))
            }
            Err(Interrupted::Stopped) => Ok(None),
            Err(Interrupted::Failed(failure)) => Err(failure),
        }
    }

    /// The active adapter, if it is another adapter of the same base.
    fn incumbent(
        &self,
        id: AdapterId,
        stored: &adapters::StoredAdapter,
    ) -> Result<Option<AdapterId>> {
        let (writing, _) = adapters::active_and_previous(self.workspace.store().db())?;
        let Some(other) = writing.filter(|writing| *writing != id) else { return Ok(None) };
        Ok((adapters::one(self.workspace.store().db(), other)?.base == stored.base)
            .then_some(other))
    }
}

fn stopped() -> Failure {
    Failure::new(Code::Stopped, "Stopped. All measurements are saved for the next time.")
}

/// The findings on the drafts of several folds together.
fn joint_findings([own, prompts, _]: &EvalDrafts) -> Vec<Finding> {
    let [own, prompts] = [own, prompts].map(|drafts| {
        let watched =
            drafts.iter().map(|(seed, text)| GuardrailInput { text, seed, perplexity: None });
        watched.collect::<Vec<_>>()
    });
    if own.is_empty() { Vec::new() } else { check_all(&own, &prompts) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::{HashMap, HashSet};
    use std::path::PathBuf;
    use std::sync::Mutex;

    use ghost_core::guardrails::Guardrail;
    use ghost_core::row::Row;
    use ghost_core::seed::Seed;
    use ghost_core::verdict::Decision;
    use ghost_engine::adapter::{Adapter, Card};
    use ghost_engine::lora::Lora;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::commands;
    use crate::desk::{Desk, Host};
    use crate::evidence::EvalCache;
    use crate::prompt::PieceSearch;
    use crate::remote_model::Answer;

    /// A desk on the tiny base with the sample archive.
    fn desk() -> (TempDir, Desk) {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("base.gguf");
        ghost_engine::tiny::write_gguf(&base, 1).unwrap();
        let desk = Desk::open(&dir.path().join("home"), Host::CommandLine).unwrap();
        let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../assets/archive");
        let call = |name, request| commands::call(&desk, name, request, &mut |_| {}).unwrap();
        call("base_use", json!({ "file": base }));
        call("archive_import", json!({ "paths": [sample] }));
        (dir, desk)
    }

    /// An untrained adapter with noise of this amplitude.
    fn null(dir: &TempDir, desk: &Desk, loud: f32) -> PathBuf {
        let base = desk.bases().load_in_use(None).unwrap().base;
        let mut lora = Lora::fresh(&base, 4, 8.0, 0.0, 1);
        let noise = lora.tensors().map(|tensor| tensor.len()).collect::<Vec<_>>();
        let mut rng = ghost_core::rng::Rng::new(3);
        for (tensor, n) in lora.tensors_mut().zip(noise) {
            (0..n).for_each(|at| tensor[at] += loud * (rng.next_f64() as f32 - 0.5));
        }
        let recipe = ghost_core::run::Recipe::quick(1, 1, 1);
        let card = Card::new(&base, &recipe, String::new(), Vec::new());
        let folder = dir.path().join(format!("null {loud}"));
        Adapter { lora, card }.save(&base, &folder).unwrap();
        folder
    }

    fn verdict(desk: &Desk, folder: &Path, random_seed: u64) -> Verdict {
        desk.evaluate_folder(folder, "quick", random_seed, &mut |_, _| false).unwrap().unwrap()
    }

    #[test]
    fn verdicts_are_repeatable_byte_for_byte() {
        let report = || {
            let (dir, desk) = desk();
            let folder = null(&dir, &desk, 0.1);
            serde_json::to_string(&verdict(&desk, &folder, 5)).unwrap()
        };
        assert_eq!(report(), report());
    }

    #[test]
    fn an_untrained_adapter_is_not_shipped() {
        let (dir, desk) = desk();
        for loud in [0.0, 0.02, 0.5] {
            let found = verdict(&desk, &null(&dir, &desk, loud), 1);
            assert_ne!(found.decision, Decision::Ship, "{:?}", found.reasons);
        }
    }

    #[test]
    fn a_stopped_evaluation_resumes() {
        let (dir, desk) = desk();
        let folder = null(&dir, &desk, 0.1);
        let mut seen = 0;
        let mut stop_soon = |_, _| {
            seen += 1;
            seen == 30
        };
        assert_eq!(desk.evaluate_folder(&folder, "quick", 5, &mut stop_soon).unwrap(), None);
        let kept: u32 = {
            let store = desk.workspace().store();
            store.db().query_row("SELECT count(*) FROM scores", [], |row| row.get(0)).unwrap()
        };
        assert!(kept > 0);
        let (other_dir, other) = self::desk();
        let whole = verdict(&other, &null(&other_dir, &other, 0.1), 5);
        assert_eq!(verdict(&desk, &folder, 5), whole);
    }

    /// A cache with prepared drafts.
    #[derive(Default)]
    struct Planted(Mutex<HashMap<String, String>>);

    impl PieceSearch for Planted {
        fn similar_pieces(&self, _: &Seed, _: usize) -> Result<Vec<i64>> {
            Ok(Vec::new())
        }
    }

    impl EvalCache for Planted {
        fn score(&self, _: &str) -> Result<Option<f64>> {
            Ok(Some(1.0))
        }
        fn store_score(&self, _: &str, _: f64) -> Result<()> {
            Ok(())
        }
        fn draft(&self, what: &str) -> Result<Option<String>> {
            Ok(self.0.lock().unwrap().get(what).cloned())
        }
        fn store_draft(&self, _: &str, _: &str) -> Result<()> {
            Ok(())
        }
    }

    /// The verdict on an adapter that writes `draft` for the test row of that number.
    fn said_of(draft: impl Fn(&EvalData<'_>, &Row, usize) -> String) -> Verdict {
        let (dir, desk) = desk();
        let folder = null(&dir, &desk, 0.1);
        let base = desk.bases().load_in_use(None).unwrap().base;
        let candidate = HashedAdapter::load(&base, &folder).unwrap();
        let data = EvalData::read(desk.workspace(), &base).unwrap();
        let (cache, compiled) = (Planted::default(), OptimizedPrompts::default());
        let context = data.context(&cache, &compiled, &EvalConfig::of("quick"), 1);
        for (n, row, name) in context.planned_for(candidate.participant()).unwrap() {
            cache.0.lock().unwrap().insert(name, draft(&data, row, n));
        }
        let mut on_event = |_, _| ControlFlow::Continue(());
        let Ok(evidence) = context.evidence(candidate.participant(), None, &mut on_event) else {
            panic!()
        };
        verdict::decide(&evidence, 1)
    }

    #[track_caller]
    fn blocked_for(verdict: &Verdict, guard: Guardrail) {
        assert_eq!(verdict.decision, Decision::Blocked, "{:?}", verdict.reasons);
        let touched =
            |one: &&ghost_core::verdict::GuardrailResult| one.guard == guard && one.touched > 0;
        assert!(verdict.measures.guardrails.iter().any(|one| touched(&one)), "{verdict:?}");
    }

    #[test]
    fn an_adapter_that_copies_is_blocked() {
        let learned = |data: &EvalData<'_>, n: usize| {
            let rows: Vec<&Row> =
                data.rows.iter().filter(|row| row.split == Split::Train).collect();
            rows[n].text.clone()
        };
        blocked_for(&said_of(|data, _, n| learned(data, n)), Guardrail::CopiedRun);
    }

    #[test]
    fn an_adapter_that_repeats_itself_is_blocked() {
        let circle = "It rained on the hill and it rained in the town, all day. ".repeat(20);
        blocked_for(&said_of(|_, _, _| circle.clone()), Guardrail::Repetition);
    }

    #[test]
    fn the_writers_own_pieces_pass_the_guardrails() {
        let own = said_of(|_, row, _| {
            let end = row.seed.words.unwrap_or(200).min(200) as usize;
            let last = ghost_core::words::words(&row.text).nth(end - 1);
            last.map_or(&row.text[..], |(at, word)| &row.text[..at + word.len()]).to_owned()
        });
        assert_ne!(own.decision, Decision::Blocked, "{:?}", own.reasons);
        let voice = own.measures.voice.unwrap();
        assert_eq!(voice.adapter, voice.own);
    }

    #[test]
    fn search_syntax_in_a_seed_is_not_interpreted() {
        let (_dir, desk) = desk();
        let like = |topic: &str| {
            desk.workspace()
                .similar_pieces(&Seed { topic: topic.to_owned(), ..Seed::default() }, 5)
                .unwrap()
        };
        assert!(!like("rain and the barrel").is_empty());
        for odd in ["", "\"", "NEAR( AND", "title:", "* OR *", "rain' --"] {
            like(odd);
        }
        let piece = like("rain")[0];
        let text: String = {
            let store = desk.workspace().store();
            let found = "SELECT text || title FROM pieces WHERE id = ?1";
            store.db().query_row(found, [piece], |row| row.get(0)).unwrap()
        };
        assert!(text.to_lowercase().contains("rain"));
    }

    /// A remote model that repeats the first example.
    struct Parrot(std::cell::Cell<usize>);

    impl RemoteWriter for Parrot {
        fn name(&self) -> String {
            "parrot".into()
        }
        fn ask(&self, messages: &[(&str, String)], _: usize) -> Result<Answer> {
            self.0.set(self.0.get() + 1);
            if self.0.get() > 100 {
                return Err(Failure::new(Code::RemoteModel, "parrot was not reached."));
            }
            Ok(Answer { text: messages[1].1.clone(), seconds: 2.5, cost: 0.01 })
        }
        fn here(&self, seconds: f64) -> f64 {
            seconds * 1e-6
        }
    }

    #[test]
    fn a_remote_model_is_asked_once_and_compared_with_the_candidate() {
        let (dir, desk) = desk();
        let base = desk.bases().load_in_use(None).unwrap().base;
        let candidate = HashedAdapter::load(&base, &null(&dir, &desk, 0.1)).unwrap();
        let data = EvalData::read(desk.workspace(), &base).unwrap();
        let (compiled, remote) = (OptimizedPrompts::default(), Parrot(Default::default()));
        // The reported totals, and the highest count.
        let (totals, most) = (std::cell::RefCell::new(HashSet::new()), std::cell::Cell::new(0));
        let evidence = |remote: &Parrot| {
            let context = EvalContext {
                remote: Some(remote),
                ..data.context(desk.workspace(), &compiled, &EvalConfig::of("quick"), 1)
            };
            let mut relay = |done: u32, of: u32| {
                totals.borrow_mut().insert(of);
                most.set(most.get().max(done));
                ControlFlow::Continue(())
            };
            let Ok(evidence) = context.evidence(candidate.participant(), None, &mut relay) else {
                panic!()
            };
            evidence
        };
        let first = evidence(&remote);
        let total = most.get();
        assert_eq!(*totals.borrow(), HashSet::from([total]), "one total, and it is reached");
        let told = first.remote.clone().unwrap();
        assert_eq!((told.name.as_str(), told.voice.len(), remote.0.get()), ("parrot", 8, 8));
        assert_eq!((told.seconds[0].len(), told.seconds[1].len()), (8, 8));
        assert!(told.voice.iter().all(|[there, here]| there > here), "it repeats the writer");
        assert_eq!(evidence(&remote), first, "answers are cached");
        assert_eq!(remote.0.get(), 8);
        let verdict = verdict::decide(&first, 1);
        assert!(verdict.reasons.iter().any(|r| r.contains("parrot")), "{:?}", verdict.reasons);
        let lost = evidence(&Parrot(std::cell::Cell::new(100)));
        assert_eq!(lost.remote.as_ref().unwrap().voice.len(), 8, "cached answers are used");
    }

    #[test]
    fn the_optimized_prompt_is_found_once_and_writes_drafts() {
        let (_dir, desk) = desk();
        let mut stop = |_: Event| {};
        let ask = || OptimizePrompt { recipe: Some("quick".into()) };
        let found = desk.evaluator().optimize_prompt(ask(), &mut stop).unwrap();
        assert_eq!(found.tried.len(), 4);
        assert!(found.tried[0].figure <= found.tried[3].figure && found.bare > 0.0);
        assert_eq!(desk.evaluator().optimize_prompt(ask(), &mut stop).unwrap(), found);
        let wanted = json!({ "seed": { "topic": "rain", "words": 20 }, "ghost": "prompt", "random_seed": 1 });
        let draft = commands::call(&desk, "draft_write", wanted, &mut |_| {}).unwrap();
        assert_eq!(draft["written_by"], "prompt");
    }
}
