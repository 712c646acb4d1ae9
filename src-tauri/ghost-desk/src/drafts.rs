//! Drafts: from a seed to a draft that streams and is saved as it grows.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use ghost_core::id::{AdapterId, DraftId};
use ghost_core::outline::RequestScope;
use ghost_core::row::Row;
use ghost_core::words;
use ghost_engine::generate::sampler::Sampling;
use ghost_engine::generate::{FinishReason, GenerateRequest, generate};
use ghost_engine::prompt;

use crate::bases::Bases;
use crate::compose::{self, Composer};
use crate::event::{Event, OnEvent};
use crate::failure::{Code, Failure, Result};
use crate::prompt::Prompts;
use crate::seed_form::{form_of, seed_of};
use crate::store::drafts::StoredDraft;
use crate::store::{adapters, drafts, programs, rows, settings};
use crate::sync::lock;
use crate::wire::{
    DraftEnd, DraftList, DraftSummary, DraftView, Nothing, SaveDraft, Saved, SeedForm, WriteDraft,
};
use crate::workspace::Workspace;
use crate::{folder, stored_text};

/// Maximum number of drafts per section to choose from.
const MAX_DRAFTS: usize = 8;
/// How often a growing draft is saved; a crash loses no more than this.
const SAVE_INTERVAL: Duration = Duration::from_millis(700);

/// Reports a GPU failure. The GPU fails at most once in the life of a process, so once is enough.
fn report_gpu_failure(workspace: &Workspace, on_event: &mut OnEvent<'_>) {
    static REPORTED: AtomicBool = AtomicBool::new(false);
    if let Some(sentence) = workspace.device().gpu_failure()
        && !REPORTED.swap(true, Ordering::SeqCst)
    {
        log::warn!("{sentence}");
        on_event(Event::GpuFailed { sentence });
    }
}

/// The drafts owner.
pub(crate) struct Drafts {
    pub(crate) workspace: Arc<Workspace>,
    bases: Arc<Bases>,
    /// Held while a draft is written: one draft at a time.
    writing: Mutex<()>,
    stop: AtomicBool,
}

impl Drafts {
    /// The drafts of a workspace.
    pub(crate) fn new(workspace: Arc<Workspace>, bases: Arc<Bases>) -> Self {
        Drafts { workspace, bases, writing: Mutex::default(), stop: AtomicBool::default() }
    }

    /// Closes drafts whose process died.
    pub(crate) fn close_stale_drafts(&self) -> Result<()> {
        if !folder::is_locked(&self.workspace.folder().writing_lock()) {
            drafts::close_interrupted(
                self.workspace.store().db(),
                &end_name(DraftEnd::Interrupted),
            )?;
        }
        Ok(())
    }

    /// Writes a draft, and reports its text and its end.
    pub(crate) fn write(&self, ask: WriteDraft, on_event: &mut OnEvent<'_>) -> Result<DraftView> {
        let written = self.write_draft(ask, on_event);
        report_gpu_failure(&self.workspace, on_event);
        match &written {
            Ok(draft) => on_event(Event::DraftWritten { draft: draft.clone() }),
            Err(failure) => on_event(Event::DraftFailed { failure: failure.clone() }),
        }
        written
    }

    fn write_draft(&self, ask: WriteDraft, on_event: &mut OnEvent<'_>) -> Result<DraftView> {
        let _turn = match self.writing.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(already_writing()),
        };
        self.stop.store(false, Ordering::SeqCst);
        let seed = seed_of(&ask.seed)?;
        let writer = self.which(ask.ghost.as_deref())?;
        let ghost = self.bases.load_in_use(writer.adapter())?;
        let best_of = ask.best_of.unwrap_or(1) as usize;
        if !(1..=MAX_DRAFTS).contains(&best_of) {
            let why = format!("\u{201c}best of\u{201d} must be between 1 and {MAX_DRAFTS}.");
            return Err(Failure::new(Code::BadInput, why));
        }
        let long = seed.words.filter(|words| *words >= compose::LONG);
        let is_prompt = matches!(writer, Writer::Prompt);
        // The newest optimized prompt, or the default one if none was searched for.
        let (program_id, compiled) = if is_prompt {
            programs::newest(self.workspace.store().db(), ghost.base_id)?.unwrap_or_default()
        } else {
            Default::default()
        };
        let rows: Vec<Row> = if is_prompt || long.is_some() {
            rows::all(self.workspace.store().db())?.into_iter().map(|(_, row)| row).collect()
        } else {
            Vec::new()
        };
        let prompts = Prompts { base: &ghost.base, rows: &rows, search: &*self.workspace };
        let program = is_prompt.then_some(&compiled.by_voice);
        let prompt = prompts.tokens(program, &seed, &RequestScope::Whole)?;
        let random_seed = ask.random_seed.unwrap_or_else(|| self.workspace.random_seed());
        // Visible to other processes: a run pauses between two steps, another window does not write.
        let _writing = folder::take_lock(&self.workspace.folder().writing_lock())?
            .ok_or_else(already_writing)?;
        let id = self.workspace.store().transaction(|t| {
            let now = self.workspace.now();
            // With the lock held, the process of any other open draft is gone.
            drafts::close_interrupted(t, &end_name(DraftEnd::Interrupted))?;
            let id = drafts::begin(t, &seed, ghost.base_id, ghost.adapter_id(), random_seed, &now)?;
            if is_prompt {
                drafts::set_program(t, id, program_id)?;
            }
            settings::set(t, "open_draft", &id.0)?;
            Ok(id)
        })?;
        on_event(Event::DraftStarted { draft: id.0 });
        if long.is_some() {
            on_event(Event::DraftPlanning { draft: id.0 });
        }

        let started = Instant::now();
        let mut saved_at = started;
        let mut text = String::new();
        let mut full = None;
        let mut on_text = |piece: &str| {
            text.push_str(piece);
            if !piece.is_empty() {
                on_event(Event::DraftGrew { draft: id.0, text: piece.to_owned() });
            }
            if saved_at.elapsed() > SAVE_INTERVAL {
                saved_at = Instant::now();
                let seconds = started.elapsed().as_secs_f64();
                if let Err(failure) =
                    drafts::grow(self.workspace.store().db(), id, &text, 0, seconds, None)
                {
                    full = Some(failure);
                    return ControlFlow::Break(());
                }
            }
            if self.stop.load(Ordering::SeqCst) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let sampling = Sampling { random_seed, ..Sampling::default() };
        let (base, adapter) = (&ghost.base, ghost.adapter());
        let ask = |ask: &RequestScope| prompts.tokens(program, &seed, ask);
        let written = match long {
            Some(words) => {
                let (how, rows, seed) = (sampling, &rows[..], &seed);
                let (reading, ask) = (&*ghost.reading, &ask);
                Composer { base, adapter, reading, rows, seed, ask, how, best_of }
                    .write(words, &mut on_text)
            }
            None => {
                let (words, reading) = (seed.words, &mut lock(&ghost.reading));
                generate(
                    base,
                    reading,
                    &GenerateRequest {
                        adapter,
                        prompt: &prompt,
                        written: &[],
                        words,
                        sampling: &sampling,
                    },
                    &mut on_text,
                )
                .map_err(Failure::from)
            }
        };
        let (tokens, ended, failure) = match written {
            Ok(written) => {
                // A prompt document may continue with another text.
                text = stored_text::of(if is_prompt {
                    prompt::strip_after_separator(&written.text).to_owned()
                } else {
                    written.text
                });
                let ended = match written.finish_reason {
                    FinishReason::EndToken => DraftEnd::Finished,
                    FinishReason::Length => DraftEnd::Length,
                    FinishReason::Cancelled => DraftEnd::Stopped,
                    FinishReason::NoWords => DraftEnd::NoWords,
                };
                let no_words = (ended == DraftEnd::NoWords).then(|| no_words(&base.card.name));
                (written.tokens as u32, ended, full.or(no_words))
            }
            Err(failure) => (0, DraftEnd::Interrupted, Some(failure)),
        };
        let seconds = started.elapsed().as_secs_f64();
        let name = end_name(ended);
        drafts::grow(self.workspace.store().db(), id, &text, tokens, seconds, Some(&name))?;
        log::info!("draft {id}: {tokens} tokens in {seconds:.2} s, {name}");
        match failure {
            Some(failure) => Err(failure),
            None => self.draft(id.0),
        }
    }

    /// Resolves who writes: "base", "prompt", an adapter's id, or the active adapter.
    fn which(&self, ghost: Option<&str>) -> Result<Writer> {
        match ghost {
            None | Some("") => Ok(adapters::active_and_previous(self.workspace.store().db())?
                .0
                .map_or(Writer::Base, Writer::Adapter)),
            Some("base" | "0") => Ok(Writer::Base),
            Some("prompt") => Ok(Writer::Prompt),
            Some(id) => id.parse().map(|id| Writer::Adapter(AdapterId(id))).map_err(|_| {
                Failure::new(Code::BadInput, format!("No adapter has the id \u{201c}{id}\u{201d}."))
            }),
        }
    }

    /// Stops the draft in progress.
    pub(crate) fn stop(&self) -> Result<Nothing> {
        self.stop.store(true, Ordering::SeqCst);
        Ok(Nothing {})
    }

    /// One draft; it becomes the open one.
    pub(crate) fn draft(&self, id: i64) -> Result<DraftView> {
        let draft = self.recover_stale_draft(DraftId(id))?;
        // For the next start. On a full disk the draft can still be read.
        if let Err(failure) = settings::set(self.workspace.store().db(), "open_draft", &id) {
            log::warn!("open_draft: {:?}", failure.code);
        }
        Ok(wire_draft(&draft))
    }

    /// A draft; one whose process is gone is marked as interrupted.
    pub(crate) fn recover_stale_draft(&self, id: DraftId) -> Result<StoredDraft> {
        let mut draft = drafts::one(self.workspace.store().db(), id)?;
        if draft.ended.is_none() && !folder::is_locked(&self.workspace.folder().writing_lock()) {
            // It may have ended between the two reads: only drafts still open are closed.
            self.close_stale_drafts()?;
            draft = drafts::one(self.workspace.store().db(), id)?;
        }
        Ok(draft)
    }

    /// All drafts, newest first.
    pub(crate) fn list(&self) -> Result<DraftList> {
        let drafts = drafts::all(self.workspace.store().db())?;
        Ok(DraftList { drafts: drafts.iter().map(draft_summary).collect() })
    }

    /// Saves the writer's text so far.
    pub(crate) fn save(&self, ask: SaveDraft) -> Result<Saved> {
        let at = self.workspace.now();
        let store = self.workspace.store();
        drafts::save_working(store.db(), DraftId(ask.draft), &ask.text, &at)?;
        Ok(Saved { at })
    }

    /// Saves the seed form.
    pub(crate) fn save_form(&self, form: SeedForm) -> Result<Saved> {
        settings::set(self.workspace.store().db(), "form", &form)?;
        Ok(Saved { at: self.workspace.now() })
    }
}

/// Who writes a draft.
#[derive(Debug, Clone, Copy)]
enum Writer {
    /// The base alone.
    Base,
    /// The base with the optimized prompt.
    Prompt,
    /// The base with an adapter.
    Adapter(AdapterId),
}

impl Writer {
    fn adapter(self) -> Option<AdapterId> {
        match self {
            Writer::Adapter(id) => Some(id),
            Writer::Base | Writer::Prompt => None,
        }
    }
}

fn already_writing() -> Failure {
    Failure::new(Code::Busy, "A draft is already being written. Stop it, or wait until it is done.")
}

/// The failure of a draft without words: what happened and what to do.
fn no_words(base: &str) -> Failure {
    let sentence = format!(
        "The draft was stopped: its last 64 tokens were only blank lines, tags or one repeated \
         line. The text before them is saved. Try again; if it happens again, {base} is probably \
         not tuned to follow instructions. Choose an instruction-tuned base, which often has \
         \u{201c}it\u{201d} or \u{201c}instruct\u{201d} in its name."
    );
    Failure::new(Code::NoWords, sentence)
}

/// The end of a draft, as the store names it.
fn end_name(end: DraftEnd) -> String {
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

/// The wire form of a draft.
fn wire_draft(stored: &StoredDraft) -> DraftView {
    DraftView {
        draft: stored.id.0,
        seed: form_of(&stored.seed),
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

/// The wire form of a draft in a list.
fn draft_summary(stored: &StoredDraft) -> DraftSummary {
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
