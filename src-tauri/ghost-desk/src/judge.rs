//! Does the candidate write more like its writer than the best that can be had without it?
//!
//! The evidence is gathered by [`crate::evidence`] and decided on by the core
//! ([`ghost_core::verdict`]); here is who is judged, against whom, and what is kept.

mod files;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;

use ghost_core::cross_validation::{FOLDS, Folds};
use ghost_core::guardrails::{Finding, GuardrailInput, check_all};
use ghost_core::id::{AdapterId, RunId};
use ghost_core::program::OptimizedPrompts;
use ghost_core::split::Split;
use ghost_core::verdict::{self, Evidence, Verdict};

pub(crate) use self::files::Files;
use self::files::{Case, Named, Place};
use crate::commands::Hear;
use crate::elsewhere::Far;
use crate::event::Event;
use crate::evidence::{Count, Court, Drafts, Effort, Halt};
use crate::failure::{Code, Failure, Result};
use crate::store::{adapters, bases, programs};
use crate::time_budget::Load;
use crate::wire::{CompilePrompt, CompiledView, JudgeAdapter, Judged, Nothing, TriedView};
use crate::{Desk, view};

/// What drafts, permutation tests and intervals draw from, unless a number is given.
const CHANCE: u64 = 1;

/// What a verdict is asked for with.
#[derive(Debug, Clone)]
pub(crate) struct Hearing {
    /// The recipe whose sample is measured.
    pub(crate) recipe: String,
    /// What is drawn from.
    pub(crate) random_seed: u64,
}

impl Hearing {
    /// As a run's own verdict is reached.
    pub(crate) fn of(recipe: &str) -> Hearing {
        Hearing { recipe: recipe.to_owned(), random_seed: CHANCE }
    }

    fn check(&self) -> Result<()> {
        if ["quick", "nightly"].contains(&self.recipe.as_str()) {
            return Ok(());
        }
        let why =
            format!("There is no recipe called \u{201c}{}\u{201d}: quick or nightly.", self.recipe);
        Err(Failure::new(Code::BadInput, why))
    }
}

/// Hears how much is measured; `true` asks to stop.
pub(crate) type Watcher<'a> = dyn FnMut(u32, u32) -> bool + 'a;

impl Desk {
    pub(crate) fn judge(&self, ask: JudgeAdapter, hear: &mut Hear<'_>) -> Result<Judged> {
        let id = match ask.adapter {
            Some(id) => AdapterId(id),
            None => adapters::all(self.store().on())?
                .first()
                .map(|adapter| adapter.id)
                .ok_or_else(|| {
                    Failure::new(Code::NotFound, "There is no adapter to judge yet; learn first.")
                })?,
        };
        let stored = adapters::one(self.store().on(), id)?;
        let hearing = Hearing {
            recipe: ask.recipe.unwrap_or(stored.recipe),
            random_seed: ask.random_seed.unwrap_or(CHANCE),
        };
        hearing.check()?;
        self.0.stop_judging.store(false, Ordering::SeqCst);
        let mut watch = |done, of| {
            hear(Event::JudgeProgressed { adapter: id.0, done, of });
            self.0.stop_judging.load(Ordering::SeqCst)
        };
        let verdict = self.verdict_on(id, &hearing, &mut watch)?.ok_or_else(stopped)?;
        adapters::keep_verdict(self.store().on(), id, &verdict, &self.now())?;
        let shown = view::verdict(&verdict);
        hear(Event::VerdictReached { adapter: id.0, verdict: shown.clone() });
        Ok(Judged { adapter: id.0, verdict: shown })
    }

    pub(crate) fn compile(&self, ask: CompilePrompt, hear: &mut Hear<'_>) -> Result<CompiledView> {
        let hearing = Hearing::of(ask.recipe.as_deref().unwrap_or("nightly"));
        hearing.check()?;
        let base = bases::in_use(self.store().on())?.ok_or_else(crate::base::no_base)?;
        let ghost = self.ghost_on(&base, None)?;
        let files = Files::read(self, &ghost.base)?;
        if !files.rows.iter().any(|row| row.split == Split::Validation) {
            let why = "There are too few dated pieces to try prompts on: five are the least.";
            return Err(Failure::new(Code::TooLittle, why));
        }
        self.0.stop_judging.store(false, Ordering::SeqCst);
        let mut watch = |done, of| {
            hear(Event::JudgeProgressed { adapter: 0, done, of });
            self.0.stop_judging.load(Ordering::SeqCst)
        };
        let found = self.compiled(&base, &files, &hearing, &mut watch)?.ok_or_else(stopped)?;
        let tried = |all: &[(String, f64)]| {
            let one = |(program, figure): &(String, f64)| TriedView {
                program: program.clone(),
                figure: *figure,
            };
            all.iter().map(one).collect()
        };
        Ok(CompiledView {
            by_bits: found.by_bits.description(),
            by_voice: found.by_voice.description(),
            tried: tried(&found.tried),
            bare: found.bare,
            heard: tried(&found.voice_scores),
        })
    }

    pub(crate) fn stop_judging(&self) -> Result<Nothing> {
        self.0.stop_judging.store(true, Ordering::SeqCst);
        Ok(Nothing {})
    }

    /// The verdict on an adapter; `None` when `watch` asked to stop in between.
    pub(crate) fn verdict_on(
        &self,
        id: AdapterId,
        hearing: &Hearing,
        watch: &mut Watcher<'_>,
    ) -> Result<Option<Verdict>> {
        let stored = adapters::one(self.store().on(), id)?;
        let base = bases::one(self.store().on(), stored.base)?;
        let incumbent = self.incumbent(id, &stored)?;
        let place = |id: AdapterId, run: Option<RunId>| Place {
            own: self.folder().adapter(id),
            run: run.map(|run| self.folder().run(run)),
        };
        let incumbent = match incumbent {
            Some(other) => Some(place(other, adapters::one(self.store().on(), other)?.run)),
            None => None,
        };
        self.reach(&base, &place(id, stored.run), incumbent.as_ref(), hearing, watch)
    }

    /// The verdict on an adapter that lies in any folder, on the base in use and this archive.
    /// Nothing of it is kept but what was measured.
    ///
    /// # Errors
    /// `base_missing`, `bad_input` where the folder holds no adapter of this base, or the store's.
    pub fn judge_folder(
        &self,
        candidate: &Path,
        recipe: &str,
        random_seed: u64,
        watch: &mut dyn FnMut(u32, u32) -> bool,
    ) -> Result<Option<Verdict>> {
        let base = bases::in_use(self.store().on())?.ok_or_else(crate::base::no_base)?;
        let hearing = Hearing { recipe: recipe.to_owned(), random_seed };
        let place = Place { own: candidate.to_owned(), run: None };
        self.reach(&base, &place, None, &hearing, watch)
    }

    /// About how much is read and written to reach a verdict on the adapter of a run.
    pub(crate) fn verdict_load(
        &self,
        stored: &bases::StoredBase,
        ghost: &crate::base::Ghost,
        folds: Option<&Folds>,
        hearing: &Hearing,
    ) -> Result<Load> {
        let files = Files::read(self, &ghost.base)?;
        let none = OptimizedPrompts::default();
        let court = files.court(self, &none, hearing, stored.card.parameters);
        // Whoever was searched for on this archive was measured as well.
        let is_known = programs::of(self.store().on(), &files.name(hearing))?.is_some();
        let mut load =
            if is_known { Load::default() } else { court.search_load(Effort::of(&hearing.recipe)) };
        let mut add = |more: Load| {
            load.read += more.read;
            load.written += more.written;
        };
        match folds {
            None => add(court.load(is_known)),
            Some(folds) => (0..FOLDS).for_each(|fold| {
                let rows = folds.with_splits(fold, &files.rows);
                add(Court { rows: &rows, pairs: &[], ..court }.load(is_known));
            }),
        }
        Ok(load)
    }

    fn reach(
        &self,
        stored: &bases::StoredBase,
        candidate: &Place,
        incumbent: Option<&Place>,
        hearing: &Hearing,
        watch: &mut Watcher<'_>,
    ) -> Result<Option<Verdict>> {
        let ghost = self.ghost_on(stored, None)?;
        let files = Files::read(self, &ghost.base)?;
        let cases = files.cases(candidate, incumbent)?;
        let compiled = match self.compiled(stored, &files, hearing, watch)? {
            Some(compiled) => compiled,
            None => return Ok(None),
        };
        let far = self.far()?;
        let far = far.as_ref().map(|far| far as &dyn Far);
        let courts = cases.iter().enumerate().map(|(at, case)| Court {
            rows: &case.rows,
            // The same edits stand before everybody: once is enough.
            pairs: if at == 0 { &files.pairs } else { &[] },
            far: far.filter(|_| cases.len() == 1),
            ..files.court(self, &compiled, hearing, stored.card.parameters)
        });
        let courts: Vec<Court<'_>> = courts.collect();
        let things = |(court, case): (&Court<'_>, &Case)| court.things(case.incumbent.is_some());
        let all: u32 = courts.iter().zip(&cases).map(things).sum();
        let mut before = 0;
        let (mut found, mut drafts) = (Vec::new(), Drafts::default());
        for (court, case) in courts.iter().zip(&cases) {
            let mut hear = |done, _| match watch(before + done, all) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
            let incumbent = case.incumbent.as_ref().map(Named::party);
            match court.measured(case.candidate.party(), incumbent, &mut hear) {
                Ok((evidence, written)) => {
                    found.push(evidence);
                    drafts.iter_mut().zip(written).for_each(|(all, more)| all.extend(more));
                }
                Err(Halt::Stopped) => return Ok(None),
                Err(Halt::Failed(failure)) => return Err(failure),
            }
            before += things((court, case));
        }
        let evidence = match found.len() {
            1 => found.remove(0),
            _ => Evidence::joined(found, together(&drafts)),
        };
        let incumbent_contaminated = cases.iter().any(|case| case.incumbent_contaminated);
        let evidence = Evidence { incumbent_contaminated, ..evidence };
        Ok(Some(verdict::decide(&evidence, hearing.random_seed)))
    }

    /// The best prompts for this archive, searched for once and kept; `None` when stopped.
    pub(crate) fn compiled(
        &self,
        stored: &bases::StoredBase,
        files: &Files<'_>,
        hearing: &Hearing,
        watch: &mut Watcher<'_>,
    ) -> Result<Option<OptimizedPrompts>> {
        let what = files.name(hearing);
        if let Some(found) = programs::of(self.store().on(), &what)? {
            return Ok(Some(found));
        }
        let none = OptimizedPrompts::default();
        let court = files.court(self, &none, hearing, stored.card.parameters);
        let mut hear = |done, of| {
            if watch(done, of) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let effort = Effort::of(&hearing.recipe);
        let mut count = Count { done: 0, of: effort.things(court.sample.floor), hear: &mut hear };
        match court.compile(effort, &mut count) {
            Ok(found) => {
                programs::keep(self.store().on(), &what, stored.id, &found, &self.now())?;
                Ok(Some(found))
            }
            Err(Halt::Stopped) => Ok(None),
            Err(Halt::Failed(failure)) => Err(failure),
        }
    }

    /// Who wrote until now, where that is another adapter of the same base.
    fn incumbent(
        &self,
        id: AdapterId,
        stored: &adapters::StoredAdapter,
    ) -> Result<Option<AdapterId>> {
        let (writing, _) = adapters::reigns(self.store().on())?;
        let Some(other) = writing.filter(|writing| *writing != id) else { return Ok(None) };
        Ok((adapters::one(self.store().on(), other)?.base == stored.base).then_some(other))
    }
}

fn stopped() -> Failure {
    Failure::new(Code::Stopped, "It was stopped; what was measured is kept for the next time.")
}

/// What the drafts of several courts say together.
fn together([own, prompts, _]: &Drafts) -> Vec<Finding> {
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
    use crate::elsewhere::Answer;
    use crate::evidence::Memory;
    use crate::{Host, commands};

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

    /// An adapter that has learned nothing; `loud` is how much noise it says all the same.
    fn null(dir: &TempDir, desk: &Desk, loud: f32) -> PathBuf {
        let base = desk.ghost(None).unwrap().base;
        let mut lora = Lora::fresh(&base, 4, 8.0, 0.0, 1);
        let noise = lora.tensors().map(|tensor| tensor.len()).collect::<Vec<_>>();
        let mut chance = ghost_core::rng::Rng::new(3);
        for (tensor, n) in lora.tensors_mut().zip(noise) {
            (0..n).for_each(|at| tensor[at] += loud * (chance.next_f64() as f32 - 0.5));
        }
        let recipe = ghost_core::run::Recipe::quick(1, 1, 1);
        let card = Card::new(&base, &recipe, String::new(), Vec::new());
        let folder = dir.path().join(format!("null {loud}"));
        Adapter { lora, card }.save(&base, &folder).unwrap();
        folder
    }

    fn verdict(desk: &Desk, folder: &Path, random_seed: u64) -> Verdict {
        desk.judge_folder(folder, "quick", random_seed, &mut |_, _| false).unwrap().unwrap()
    }

    #[test]
    fn one_adapter_has_one_verdict_byte_for_byte() {
        let report = || {
            let (dir, desk) = desk();
            let folder = null(&dir, &desk, 0.1);
            serde_json::to_string(&verdict(&desk, &folder, 5)).unwrap()
        };
        assert_eq!(report(), report());
    }

    #[test]
    fn what_has_learned_nothing_is_not_shipped() {
        let (dir, desk) = desk();
        for loud in [0.0, 0.02, 0.5] {
            let found = verdict(&desk, &null(&dir, &desk, loud), 1);
            assert_ne!(found.decision, Decision::Ship, "{:?}", found.reasons);
        }
    }

    #[test]
    fn a_verdict_that_is_stopped_goes_on_where_it_was() {
        let (dir, desk) = desk();
        let folder = null(&dir, &desk, 0.1);
        let mut seen = 0;
        let mut stop_soon = |_, _| {
            seen += 1;
            seen == 30
        };
        assert_eq!(desk.judge_folder(&folder, "quick", 5, &mut stop_soon).unwrap(), None);
        let kept: u32 = {
            let store = desk.store();
            store.on().query_row("SELECT count(*) FROM scores", [], |row| row.get(0)).unwrap()
        };
        assert!(kept > 0);
        let (other_dir, other) = self::desk();
        let whole = verdict(&other, &null(&other_dir, &other, 0.1), 5);
        assert_eq!(verdict(&desk, &folder, 5), whole);
    }

    /// Drafts put into a verdict's mouth.
    #[derive(Default)]
    struct Planted(Mutex<HashMap<String, String>>);

    impl Memory for Planted {
        fn figure(&self, _: &str) -> Result<Option<f64>> {
            Ok(Some(1.0))
        }
        fn keep_figure(&self, _: &str, _: f64) -> Result<()> {
            Ok(())
        }
        fn draft(&self, what: &str) -> Result<Option<String>> {
            Ok(self.0.lock().unwrap().get(what).cloned())
        }
        fn keep_draft(&self, _: &str, _: &str) -> Result<()> {
            Ok(())
        }
        fn like(&self, _: &Seed, _: usize) -> Result<Vec<i64>> {
            Ok(Vec::new())
        }
    }

    /// What is said of an adapter that writes `draft` for the held-out row so numbered.
    fn said_of(draft: impl Fn(&Files<'_>, &Row, usize) -> String) -> Verdict {
        let (dir, desk) = desk();
        let named = null(&dir, &desk, 0.1);
        let base = desk.ghost(None).unwrap().base;
        let named = Named::load(&base, &named).unwrap();
        let files = Files::read(&desk, &base).unwrap();
        let (memory, compiled) = (Planted::default(), OptimizedPrompts::default());
        let court = files.court(&memory, &compiled, &Hearing::of("quick"), 1);
        for (n, row, name) in court.planned_for(named.party()).unwrap() {
            memory.0.lock().unwrap().insert(name, draft(&files, row, n));
        }
        let mut hear = |_, _| ControlFlow::Continue(());
        let Ok(evidence) = court.evidence(named.party(), None, &mut hear) else { panic!() };
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
    fn an_adapter_that_copies_is_held_back() {
        let learned = |files: &Files<'_>, n: usize| {
            let rows: Vec<&Row> =
                files.rows.iter().filter(|row| row.split == Split::Train).collect();
            rows[n].text.clone()
        };
        blocked_for(&said_of(|files, _, n| learned(files, n)), Guardrail::CopiedRun);
    }

    #[test]
    fn an_adapter_that_goes_round_in_circles_is_held_back() {
        let circle = "It rained on the hill and it rained in the town, all day. ".repeat(20);
        blocked_for(&said_of(|_, _, _| circle.clone()), Guardrail::Repetition);
    }

    #[test]
    fn the_writers_own_pieces_are_let_through() {
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
    fn a_writers_words_are_no_command_to_the_search() {
        let (_dir, desk) = desk();
        let like = |topic: &str| {
            desk.like(&Seed { topic: topic.to_owned(), ..Seed::default() }, 5).unwrap()
        };
        assert!(!like("rain and the barrel").is_empty());
        for odd in ["", "\"", "NEAR( AND", "title:", "* OR *", "rain' --"] {
            like(odd);
        }
        let piece = like("rain")[0];
        let text: String = {
            let store = desk.store();
            let found = "SELECT text || title FROM pieces WHERE id = ?1";
            store.on().query_row(found, [piece], |row| row.get(0)).unwrap()
        };
        assert!(text.to_lowercase().contains("rain"));
    }

    /// A model elsewhere that writes what the first example says.
    struct Parrot(std::cell::Cell<usize>);

    impl Far for Parrot {
        fn name(&self) -> String {
            "parrot".into()
        }
        fn ask(&self, messages: &[(&str, String)], _: usize) -> Result<Answer> {
            self.0.set(self.0.get() + 1);
            if self.0.get() > 100 {
                return Err(Failure::new(Code::Elsewhere, "parrot was not reached."));
            }
            Ok(Answer { text: messages[1].1.clone(), seconds: 2.5, cost: 0.01 })
        }
        fn here(&self, seconds: f64) -> f64 {
            seconds * 1e-6
        }
    }

    #[test]
    fn a_model_elsewhere_is_asked_once_and_stands_beside_the_candidate() {
        let (dir, desk) = desk();
        let base = desk.ghost(None).unwrap().base;
        let named = Named::load(&base, &null(&dir, &desk, 0.1)).unwrap();
        let files = Files::read(&desk, &base).unwrap();
        let (compiled, far) = (OptimizedPrompts::default(), Parrot(Default::default()));
        // The totals that were told, and the most that was done of them.
        let (totals, most) = (std::cell::RefCell::new(HashSet::new()), std::cell::Cell::new(0));
        let evidence = |far: &Parrot| {
            let court =
                Court { far: Some(far), ..files.court(&desk, &compiled, &Hearing::of("quick"), 1) };
            let mut hear = |done: u32, of: u32| {
                totals.borrow_mut().insert(of);
                most.set(most.get().max(done));
                ControlFlow::Continue(())
            };
            let Ok(evidence) = court.evidence(named.party(), None, &mut hear) else { panic!() };
            evidence
        };
        let first = evidence(&far);
        let total = most.get();
        assert_eq!(*totals.borrow(), HashSet::from([total]), "one total, which is reached");
        let told = first.remote.clone().unwrap();
        assert_eq!((told.name.as_str(), told.voice.len(), far.0.get()), ("parrot", 8, 8));
        assert_eq!((told.seconds[0].len(), told.seconds[1].len()), (8, 8));
        assert!(told.voice.iter().all(|[there, here]| there > here), "it repeats the writer");
        assert_eq!(evidence(&far), first, "what was answered is kept");
        assert_eq!(far.0.get(), 8);
        let verdict = verdict::decide(&first, 1);
        assert!(verdict.reasons.iter().any(|r| r.contains("parrot")), "{:?}", verdict.reasons);
        let lost = evidence(&Parrot(std::cell::Cell::new(100)));
        assert_eq!(lost.remote.as_ref().unwrap().voice.len(), 8, "kept answers serve");
    }

    #[test]
    fn the_best_prompt_is_found_once_and_writes() {
        let (_dir, desk) = desk();
        let mut stop = |_: Event| {};
        let ask = || CompilePrompt { recipe: Some("quick".into()) };
        let found = desk.compile(ask(), &mut stop).unwrap();
        assert_eq!(found.tried.len(), 4);
        assert!(found.tried[0].figure <= found.tried[3].figure && found.bare > 0.0);
        assert_eq!(desk.compile(ask(), &mut stop).unwrap(), found);
        let wanted = json!({ "seed": { "topic": "rain", "words": 20 }, "ghost": "prompt", "random_seed": 1 });
        let draft = commands::call(&desk, "draft_write", wanted, &mut |_| {}).unwrap();
        assert_eq!(draft["written_by"], "prompt");
    }
}
