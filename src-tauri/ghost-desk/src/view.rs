//! From what is kept to what is shown.

use std::path::Path;

use ghost_core::id::AdapterId;
use ghost_core::run::{RunState, Step};
use ghost_core::seed::Seed;
use ghost_core::split::Split;
use ghost_core::verdict::{Decision, GuardrailResult, Verdict, VoiceMeasures};
use ghost_core::words;

use crate::Desk;
use crate::authors::Authors;
use crate::failure::Result;
use crate::store::adapters::StoredAdapter;
use crate::store::bases::StoredBase;
use crate::store::drafts::StoredDraft;
use crate::store::pieces::StoredPiece;
use crate::store::runs::StoredRun;
use crate::store::{adapters, bases, drafts, pieces, settings};
use crate::wire::{
    AdapterStanding, AdapterView, BaseView, DeskView, DraftEnd, DraftSummary, DraftView, GuardView,
    LevelView, MeasuresView, PieceView, PreferenceView, RunStateName, RunView, SeedForm, SideName,
    StepView, VerdictView, VoiceView,
};

impl Desk {
    pub(crate) fn view(&self) -> Result<DeskView> {
        let ghost = self.ghost_in_words()?;
        let newest = self.newest_run()?;
        let unfinished = newest
            .filter(|run| !matches!(run.state, RunState::Done | RunState::Failed))
            .map(|run| self.run(run.id.0))
            .transpose()?;
        let store = self.store();
        let kinds = pieces::kinds(store.on())?;
        Ok(DeskView {
            version: env!("CARGO_PKG_VERSION").into(),
            home: self.folder().root().display().to_string(),
            base: bases::in_use(store.on())?.map(|b| base(&b, true)),
            ghost,
            adapter: adapters::reigns(store.on())?.0.map(|id| id.0),
            n_pieces: kinds.iter().map(|(_, n)| n).sum(),
            n_shipped: drafts::n_shipped(store.on())?,
            kinds: kinds.into_iter().map(|(kind, _)| kind).collect(),
            open_draft: settings::get(store.on(), "open_draft")?,
            form: settings::get(store.on(), "form")?,
            run: unfinished,
        })
    }
}

pub(crate) fn side(side: Split) -> SideName {
    match side {
        Split::Train => SideName::Train,
        Split::Validation => SideName::Dev,
        Split::Test => SideName::Holdout,
    }
}

pub(crate) fn piece(stored: &StoredPiece, authors: &Authors) -> PieceView {
    let piece = &stored.piece;
    PieceView {
        piece: stored.id.0,
        kind: piece.kind.to_string(),
        title: piece.title.clone(),
        date: piece.date.map(|date| date.to_string()),
        words: piece.words as u32,
        side: side(stored.side),
        source: piece.source.clone(),
        unfinished: piece.unfinished,
        own: authors.is_own(piece.author.as_deref()),
        author: piece.author.clone(),
    }
}

pub(crate) fn base(stored: &StoredBase, in_use: bool) -> BaseView {
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

pub(crate) fn seed(seed: &Seed) -> SeedForm {
    SeedForm {
        topic: seed.topic.clone(),
        angle: seed.angle.clone(),
        words: seed.words,
        kind: Some(seed.kind.to_string()),
        points: seed.points.clone(),
    }
}

/// The end of a draft, as the store names it.
pub(crate) fn end_name(end: DraftEnd) -> String {
    match end {
        DraftEnd::Finished => "finished",
        DraftEnd::Length => "length",
        DraftEnd::Stopped => "stopped",
        DraftEnd::NoWords => "no_words",
        DraftEnd::Interrupted => "interrupted",
    }
    .into()
}

fn end(name: &str) -> DraftEnd {
    match name {
        "finished" => DraftEnd::Finished,
        "length" => DraftEnd::Length,
        "stopped" => DraftEnd::Stopped,
        "no_words" => DraftEnd::NoWords,
        _ => DraftEnd::Interrupted,
    }
}

fn written_by(stored: &StoredDraft) -> String {
    match stored.adapter {
        Some(id) => id.to_string(),
        None if stored.prompted => "prompt".into(),
        None => "base".into(),
    }
}

pub(crate) fn draft(stored: &StoredDraft) -> DraftView {
    DraftView {
        draft: stored.id.0,
        seed: seed(&stored.seed),
        text: stored.text.clone(),
        working_text: stored
            .shipped
            .clone()
            .or_else(|| stored.working.clone())
            .unwrap_or_else(|| stored.text.clone()),
        shipped_text: stored.shipped.clone(),
        tokens: stored.tokens,
        seconds: stored.seconds,
        tokens_per_second: if stored.seconds > 0.0 {
            f64::from(stored.tokens) / stored.seconds
        } else {
            0.0
        },
        written_by: written_by(stored),
        random_seed: stored.random_seed,
        ended: stored.ended.as_deref().map(end),
        written_at: stored.written_at.clone(),
    }
}

pub(crate) fn draft_summary(stored: &StoredDraft) -> DraftSummary {
    let text = stored.shipped.as_ref().or(stored.working.as_ref()).unwrap_or(&stored.text);
    DraftSummary {
        draft: stored.id.0,
        topic: stored.seed.topic.clone(),
        kind: stored.seed.kind.to_string(),
        words: words::count(text) as u32,
        shipped: stored.shipped.is_some(),
        written_by: written_by(stored),
        written_at: stored.written_at.clone(),
    }
}

pub(crate) fn step(step: &Step) -> StepView {
    StepView {
        n: step.n as u32,
        of: step.of as u32,
        loss: step.loss,
        dev_bits_per_byte: step.validation_bits_per_byte,
        learning_rate: step.learning_rate,
        tokens_per_second: step.tokens_per_second,
        seconds_left: step.seconds_left,
        peak_bytes: step.peak_bytes,
    }
}

fn state(state: RunState) -> RunStateName {
    match state {
        RunState::Waiting => RunStateName::Waiting,
        RunState::Training => RunStateName::Learning,
        RunState::Evaluating => RunStateName::Judging,
        RunState::Stopped => RunStateName::Stopped,
        RunState::Interrupted => RunStateName::Interrupted,
        RunState::Failed => RunStateName::Failed,
        RunState::Done => RunStateName::Done,
    }
}

pub(crate) fn run(stored: &StoredRun, last: Option<&Step>, found: Option<&Verdict>) -> RunView {
    RunView {
        run: stored.id.0,
        state: state(stored.state),
        recipe: stored.recipe.name.clone(),
        notes: stored.notes.clone(),
        n_rows: stored.n_rows,
        progress: None,
        step: last.map(step),
        steps: Vec::new(),
        adapter: stored.adapter.map(|id| id.0),
        verdict: found.map(verdict),
        started_at: stored.started_at.clone(),
        ended_at: stored.ended_at.clone(),
    }
}

pub(crate) fn verdict(verdict: &Verdict) -> VerdictView {
    let m = &verdict.measures;
    // Without pieces there are no figures, and nought would look like one.
    fn some<T>(pieces: usize, figure: T) -> Option<T> {
        (pieces > 0).then_some(figure)
    }
    VerdictView {
        decision: match verdict.decision {
            Decision::Ship => "SHIP",
            Decision::Keep => "KEEP",
            Decision::Unproven => "UNPROVEN",
            Decision::Blocked => "BLOCKED",
            Decision::Retire => "RETIRE",
        }
        .into(),
        reasons: verdict.reasons.clone(),
        measures: MeasuresView {
            pieces: m.n as u32,
            base: some(m.n, m.base),
            prompt: some(m.n, m.prompt),
            adapter: some(m.n, m.adapter),
            incumbent: m.incumbent,
            gain: some(m.n, m.gain_over_prompt),
            interval: some(m.n, m.interval.to_vec()),
            p_value: some(m.n, m.p_value),
            wins: some(m.n, m.wins as u32),
            voice: m.voice.as_ref().map(voice),
            style: m.style.map(|style| style.to_vec()),
            guards: m.guardrails.iter().map(guard).collect(),
            edits: m.preference.map(|one| PreferenceView {
                pairs: one.pairs as u32,
                adapter: one.adapter,
                prompt: one.prompt,
                incumbent: one.incumbent,
            }),
        },
    }
}

fn voice(voice: &VoiceMeasures) -> VoiceView {
    let level = |mean, [low, high]: [f64; 2]| LevelView { mean, low, high };
    VoiceView {
        seeds: voice.n as u32,
        adapter: level(voice.adapter, voice.adapter_interval),
        prompt: level(voice.prompt, voice.prompt_interval),
        base: level(voice.base, voice.base_interval),
        own: level(voice.own, voice.own_interval),
        incumbent: voice.incumbent,
        strangers: voice.reference_authors,
        told_apart: voice.auc_against_base,
        gain: level(voice.gain, voice.interval),
        p_value: voice.p_value,
        wins: voice.wins as u32,
        floor: voice.baseline_authors.clone(),
        human: voice.against_people.map(|both| both.to_vec()),
        bot: voice.against_base.map(|both| both.to_vec()),
    }
}

fn guard(found: &GuardrailResult) -> GuardView {
    let name = serde_json::to_value(found.guard).ok();
    GuardView {
        guard: name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned(),
        touched: found.touched as u32,
        of: found.of as u32,
        sentence: found.sentence.clone(),
    }
}

pub(crate) fn adapter(
    stored: &StoredAdapter,
    base: &StoredBase,
    found: Option<&Verdict>,
    writing: Option<AdapterId>,
    path: &Path,
) -> AdapterView {
    AdapterView {
        adapter: stored.id.0,
        standing: if writing == Some(stored.id) {
            AdapterStanding::Writing
        } else if stored.retired {
            AdapterStanding::Retired
        } else {
            AdapterStanding::Waiting
        },
        base: base.card.name.clone(),
        run: stored.run.map(|id| id.0),
        recipe: stored.recipe.clone(),
        n_rows: stored.n_rows,
        verdict: found.map(verdict),
        made_at: stored.made_at.clone(),
        path: path.display().to_string(),
    }
}
