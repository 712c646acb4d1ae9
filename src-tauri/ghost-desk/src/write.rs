//! Seed to draft: the ghost writes, the draft streams and is kept as it grows.

use std::ops::ControlFlow;
use std::sync::TryLockError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ghost_core::archive::Kind;
use ghost_core::id::{AdapterId, DraftId};
use ghost_core::outline::RequestScope;
use ghost_core::seed::Seed;
use ghost_engine::generate::sampler::Sampling;
use ghost_engine::generate::{FinishReason, GenerateRequest, generate};
use ghost_engine::prompt;

use crate::commands::Hear;
use crate::compose::{self, Composer};
use crate::event::Event;
use crate::evidence::Party;
use crate::failure::{Code, Failure, Result};
use crate::judge::{Files, Hearing};
use crate::store::drafts::StoredDraft;
use crate::store::{adapters, drafts, programs, settings};
use crate::wire::{
    DraftEnd, DraftList, DraftView, Nothing, SaveDraft, Saved, SeedForm, WriteDraft,
};
use crate::{Desk, folder, lock, ship, view};

/// Most drafts of a section of which the best is kept.
const MOST_DRAFTS: usize = 8;
/// How often a growing draft is kept. A kill loses no more of it than this.
const KEEP_EVERY: Duration = Duration::from_millis(700);

/// A card is lost once in the life of a process, and that is when it is told of.
fn tell_of_a_lost_card(desk: &Desk, hear: &mut Hear<'_>) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if let Some(sentence) = desk.device().gpu_failure()
        && !TOLD.swap(true, Ordering::SeqCst)
    {
        log::warn!("{sentence}");
        hear(Event::CardLost { sentence });
    }
}

impl Desk {
    pub(crate) fn write(&self, ask: WriteDraft, hear: &mut Hear<'_>) -> Result<DraftView> {
        let written = self.write_draft(ask, hear);
        tell_of_a_lost_card(self, hear);
        match &written {
            Ok(draft) => hear(Event::DraftWritten { draft: draft.clone() }),
            Err(failure) => hear(Event::DraftFailed { failure: failure.clone() }),
        }
        written
    }

    fn write_draft(&self, ask: WriteDraft, hear: &mut Hear<'_>) -> Result<DraftView> {
        let _turn = match self.0.writing.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(at_work()),
        };
        self.0.stop_writing.store(false, Ordering::SeqCst);
        let seed = seed_of(&ask.seed)?;
        let writer = self.which(ask.ghost.as_deref())?;
        let ghost = self.ghost(writer.adapter())?;
        let best_of = ask.best_of.unwrap_or(1) as usize;
        if !(1..=MOST_DRAFTS).contains(&best_of) {
            let why = format!("The best of 1 to {MOST_DRAFTS} drafts of a section can be kept.");
            return Err(Failure::new(Code::BadInput, why));
        }
        let long = seed.words.filter(|words| *words >= compose::LONG);
        let is_prompt = matches!(writer, Writer::Prompt);
        // The one found last, or the plainest where none was searched for.
        let (program, compiled) = if is_prompt {
            programs::newest(self.store().on(), ghost.base_id)?.unwrap_or_default()
        } else {
            Default::default()
        };
        let files = if is_prompt || long.is_some() {
            Files::read(self, &ghost.base)?
        } else {
            Files::none(&ghost.base)
        };
        let parameters = ghost.base.card.parameters;
        let court = files.court(self, &compiled, &Hearing::of("quick"), parameters);
        let party = Party { program: is_prompt.then_some(&compiled.by_voice), ..Party::BARE };
        let prompt = court.prompt(party, &seed)?;
        let random_seed = ask.random_seed.unwrap_or_else(|| self.chance());
        // Told to other processes: a run waits between two steps, another window does not write.
        let _writing = folder::take_lock(&self.folder().writing_lock())?.ok_or_else(at_work)?;
        let id = self.store().whole(|t| {
            let now = self.now();
            // With the lock at hand: whoever else began a draft is gone.
            drafts::close_interrupted(t, &view::end_name(DraftEnd::Interrupted))?;
            let id = drafts::begin(t, &seed, ghost.base_id, ghost.adapter_id(), random_seed, &now)?;
            if is_prompt {
                drafts::set_program(t, id, program)?;
            }
            settings::set(t, "open_draft", &id.0)?;
            Ok(id)
        })?;
        hear(Event::DraftStarted { draft: id.0 });
        if long.is_some() {
            hear(Event::DraftPlanning { draft: id.0 });
        }

        let started = Instant::now();
        let mut kept_at = started;
        let mut text = String::new();
        let mut full = None;
        let mut grow = |piece: &str| {
            text.push_str(piece);
            if !piece.is_empty() {
                hear(Event::DraftGrew { draft: id.0, text: piece.to_owned() });
            }
            if kept_at.elapsed() > KEEP_EVERY {
                kept_at = Instant::now();
                let seconds = started.elapsed().as_secs_f64();
                if let Err(failure) = drafts::grow(self.store().on(), id, &text, 0, seconds, None) {
                    full = Some(failure);
                    return ControlFlow::Break(());
                }
            }
            if self.0.stop_writing.load(Ordering::SeqCst) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let sampling = Sampling { random_seed, ..Sampling::default() };
        let (base, adapter) = (&ghost.base, ghost.adapter());
        let ask = |ask: &RequestScope| court.prompt_for(party, &seed, ask);
        let written = match long {
            Some(words) => {
                let (how, rows, seed) = (sampling, files.rows(), &seed);
                let (reading, ask) = (&*ghost.reading, &ask);
                Composer { base, adapter, reading, rows, seed, ask, how, best_of }
                    .write(words, &mut grow)
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
                    &mut grow,
                )
                .map_err(Failure::from)
            }
        };
        let (tokens, ended, failure) = match written {
            Ok(written) => {
                // What a prompt's document goes on with is another text.
                text = ship::stored(if is_prompt {
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
        let name = view::end_name(ended);
        drafts::grow(self.store().on(), id, &text, tokens, seconds, Some(&name))?;
        log::info!("draft {id}: {tokens} tokens in {seconds:.2} s, {name}");
        match failure {
            Some(failure) => Err(failure),
            None => self.draft(id.0),
        }
    }

    /// Who is to write: "base", "prompt", an adapter's id, or whoever writes now.
    fn which(&self, ghost: Option<&str>) -> Result<Writer> {
        match ghost {
            None | Some("") => {
                Ok(adapters::reigns(self.store().on())?.0.map_or(Writer::Base, Writer::Adapter))
            }
            Some("base" | "0") => Ok(Writer::Base),
            Some("prompt") => Ok(Writer::Prompt),
            Some(id) => id.parse().map(|id| Writer::Adapter(AdapterId(id))).map_err(|_| {
                Failure::new(Code::BadInput, format!("\u{201c}{id}\u{201d} names no adapter."))
            }),
        }
    }

    pub(crate) fn stop_writing(&self) -> Result<Nothing> {
        self.0.stop_writing.store(true, Ordering::SeqCst);
        Ok(Nothing {})
    }

    pub(crate) fn draft(&self, id: i64) -> Result<DraftView> {
        let draft = self.settled_draft(DraftId(id))?;
        // Kept for the next start; on a full disk the draft can be read all the same.
        if let Err(failure) = settings::set(self.store().on(), "open_draft", &id) {
            log::warn!("open_draft: {:?}", failure.code);
        }
        Ok(view::draft(&draft))
    }

    /// A draft; where its writer is gone, one that was interrupted.
    pub(crate) fn settled_draft(&self, id: DraftId) -> Result<StoredDraft> {
        let mut draft = drafts::one(self.store().on(), id)?;
        if draft.ended.is_none() && !folder::is_locked(&self.folder().writing_lock()) {
            // It may have ended between the two looks: only what is still open is closed.
            self.tidy()?;
            draft = drafts::one(self.store().on(), id)?;
        }
        Ok(draft)
    }

    pub(crate) fn drafts(&self) -> Result<DraftList> {
        let drafts = drafts::all(self.store().on())?;
        Ok(DraftList { drafts: drafts.iter().map(view::draft_summary).collect() })
    }

    pub(crate) fn save_draft(&self, ask: SaveDraft) -> Result<Saved> {
        let at = self.now();
        let store = self.store();
        drafts::save_working(store.on(), DraftId(ask.draft), &ask.text, &at)?;
        Ok(Saved { at })
    }

    pub(crate) fn save_form(&self, form: SeedForm) -> Result<Saved> {
        settings::set(self.store().on(), "form", &form)?;
        Ok(Saved { at: self.now() })
    }
}

/// Who writes a draft.
#[derive(Debug, Clone, Copy)]
enum Writer {
    /// The bare base.
    Base,
    /// The base with the best prompt.
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

fn at_work() -> Failure {
    Failure::new(Code::Busy, "The ghost is writing a draft already; stop it, or wait for its end.")
}

/// Why a draft without words was stopped, and what to do.
fn no_words(base: &str) -> Failure {
    let sentence = format!(
        "The draft was stopped: for 64 tokens it was only blank lines, tags or one line repeated. \
         What came before is kept. Try again; if it happens again, {base} was probably never tuned \
         to follow requests: choose an instruction-tuned base, which often has \u{201c}it\u{201d} \
         or \u{201c}instruct\u{201d} in its name."
    );
    Failure::new(Code::NoWords, sentence)
}

/// What the writer filled in, as a seed that can be asked for.
pub(crate) fn seed_of(form: &SeedForm) -> Result<Seed> {
    let seed = Seed {
        topic: form.topic.trim().to_owned(),
        angle: form.angle.as_deref().map(str::trim).filter(|a| !a.is_empty()).map(str::to_owned),
        words: form.words,
        kind: form.kind.clone().map(Kind::from).unwrap_or_default(),
        points: form
            .points
            .iter()
            .map(|point| point.trim().to_owned())
            .filter(|point| !point.is_empty())
            .collect(),
    };
    seed.checked().map_err(|trouble| Failure::new(Code::BadInput, trouble.to_string()))
}
