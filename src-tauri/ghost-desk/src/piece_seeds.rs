//! Seeds for existing pieces: several candidates are generated, and the base without an adapter
//! chooses the one that says most about the piece (pointwise mutual information).
//!
//! The search is bounded: a number of minutes, an opening of each piece, a handful of candidates.
//! Chosen seeds are stored; the remaining pieces follow next time, test pieces first, so that all
//! of the test split is chosen alike. Small bases summarise badly, so they only choose among seeds
//! extracted from the piece; larger bases propose seeds as well. The writer's own seed always wins.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ghost_core::chunk;
use ghost_core::id::PieceId;
use ghost_core::seed::neutral::{self, Leak};
use ghost_core::seed::{Seed, TfIdf};
use ghost_core::split::Split;
use ghost_engine::chat::Message;
use ghost_engine::eval;
use ghost_engine::generate::sampler::Sampling;
use ghost_engine::generate::{GenerateRequest, PrefixCache, generate};
use ghost_engine::model::Model;
use ghost_engine::prompt;

use crate::archive::Archive;
use crate::authors::Authors;
use crate::bases::Bases;
use crate::event::{Event, OnEvent};
use crate::failure::{Code, Failure, Result};
use crate::seed_form::{form_of, seed_of};
use crate::store::piece_seeds::{self, Maker, StoredSeed};
use crate::store::pieces::{self, StoredPiece};
use crate::wire::{ChooseSeeds, PieceRef, PieceSeed, SaveSeed, SeedsReport};

/// Bytes of a piece that seeds are scored on: enough to tell them apart.
const OPENING: usize = 1_200;
/// Default time limit in minutes.
const MINUTES: f64 = 10.0;
/// Minimum parameters of a base that proposes seeds, and how many it proposes.
const PROPOSES_FROM: u64 = 900_000_000;
const PROPOSALS: u64 = 4;
/// Maximum tokens of a proposal.
const PROPOSAL_TOKENS: usize = 120;

impl Archive {
    /// The seed of one piece: chosen, the writer's, or extracted from its words.
    pub(crate) fn piece_seed(&self, ask: &PieceRef) -> Result<PieceSeed> {
        let id = PieceId(ask.piece);
        let piece = pieces::one(self.workspace.store().db(), id)?;
        if let Some(kept) = piece_seeds::of(self.workspace.store().db(), id)? {
            return Ok(shown(&piece, &kept));
        }
        let seed = self.own_words(&piece)?;
        Ok(shown(&piece, &StoredSeed { seed, maker: Maker::Extracted, saves: None }))
    }

    /// Stores the writer's seed in place of any other; without one, forgets the stored seed.
    pub(crate) fn save_piece_seed(&self, ask: SaveSeed) -> Result<PieceSeed> {
        let id = PieceId(ask.piece);
        pieces::one(self.workspace.store().db(), id)?;
        match &ask.seed {
            Some(form) => {
                let seed = seed_of(form)?;
                let kept = StoredSeed { seed, maker: Maker::Writer, saves: None };
                piece_seeds::keep(self.workspace.store().db(), id, &kept, &self.workspace.now())?;
            }
            None => piece_seeds::forget(self.workspace.store().db(), id)?,
        }
        self.rebuild_training_rows()?;
        self.piece_seed(&PieceRef { piece: ask.piece })
    }

    /// Lets the base choose seeds until the time limit.
    pub(crate) fn choose_seeds(
        &self,
        bases: &Bases,
        ask: &ChooseSeeds,
        on_event: &mut OnEvent<'_>,
    ) -> Result<SeedsReport> {
        let minutes = ask.minutes.unwrap_or(MINUTES);
        if !(minutes > 0.0 && minutes.is_finite() && minutes < 1e4) {
            return Err(Failure::new(Code::BadInput, "Minutes must be a number above zero."));
        }
        let began = Instant::now();
        let most = Duration::from_secs_f64(minutes * 60.0);
        let mut kept = self.own_pieces()?;
        let chosen = piece_seeds::all(self.workspace.store().db())?;
        let phrases = TfIdf::of(kept.iter().map(|kept| kept.piece.text.as_str()));
        kept.retain(|kept| !chosen.contains_key(&kept.id));
        kept.sort_by_key(|kept| match kept.side {
            Split::Test => 0,
            Split::Validation => 1,
            Split::Train => 2,
        });
        let ghost = bases.load_in_use(None)?;
        let (mut done, mut saved) = (0usize, 0.0);
        for piece in &kept {
            if began.elapsed() >= most {
                break;
            }
            on_event(Event::ImportProgressed {
                done: done as u32,
                of: kept.len() as u32,
                pieces: done as u32,
                warnings: 0,
                path: piece.piece.title.clone(),
            });
            let best = choose(&ghost.base, piece, &phrases)?;
            saved += best.saves.unwrap_or(0.0);
            piece_seeds::keep(self.workspace.store().db(), piece.id, &best, &self.workspace.now())?;
            done += 1;
        }
        if done > 0 {
            self.rebuild_training_rows()?;
        }
        let seconds = began.elapsed().as_secs_f64();
        log::info!("seeds: {done} chosen in {seconds:.1} s, {} left", kept.len() - done);
        Ok(SeedsReport {
            chosen: done as u32,
            left: (kept.len() - done) as u32,
            saves: (done > 0).then_some(saved / done as f64),
            seconds,
            sentence: sentence(done, kept.len() - done, minutes, seconds),
        })
    }

    /// The pieces by the writer.
    fn own_pieces(&self) -> Result<Vec<StoredPiece>> {
        let store = self.workspace.store();
        let authors = Authors::read(store.db())?;
        let mut kept = pieces::all(store.db())?;
        kept.retain(|kept| authors.is_own(kept.piece.author.as_deref()));
        Ok(kept)
    }

    /// The seed extracted from a piece's own words, relative to the rest of the archive.
    fn own_words(&self, piece: &StoredPiece) -> Result<Seed> {
        let kept = self.own_pieces()?;
        let phrases = TfIdf::of(kept.iter().map(|kept| kept.piece.text.as_str()));
        Ok(extracted(piece, &phrases))
    }
}

/// The fullest neutral seed of a piece's own words.
fn extracted(piece: &StoredPiece, phrases: &TfIdf) -> Seed {
    neutral::candidates(&piece.piece, phrases).swap_remove(0)
}

/// The candidate that makes a piece's opening most likely; if none beats an empty seed, the fullest
/// extracted seed.
fn choose(base: &Model, kept: &StoredPiece, phrases: &TfIdf) -> Result<StoredSeed> {
    let own = neutral::candidates(&kept.piece, phrases);
    let proposed =
        if base.card.parameters >= PROPOSES_FROM { proposals(base, kept)? } else { Vec::new() };
    let opening = chunk::chunks(&kept.piece.text, OPENING).into_iter().next();
    let text = opening.map_or("", |range| &kept.piece.text[range]);
    let bits = |seed: &Seed| -> Result<f64> {
        let prompt = prompt::for_seed(base, seed)?;
        Ok(eval::bits_per_byte(base, None, &prompt, text))
    };
    let Some(first) = own.first() else {
        return Err(Failure::new(Code::Bug, "A piece has no seed."));
    };
    let untold = Seed { words: first.words, kind: first.kind.clone(), ..Seed::default() };
    let without = bits(&untold)?;
    let mut best = StoredSeed { seed: first.clone(), maker: Maker::Extracted, saves: None };
    let makers = own.iter().map(|seed| (seed, Maker::Extracted));
    for (seed, maker) in makers.chain(proposed.iter().map(|seed| (seed, Maker::Base))) {
        let saves = without - bits(seed)?;
        if saves > best.saves.unwrap_or(0.0) {
            best = StoredSeed { seed: seed.clone(), maker, saves: Some(saves) };
        }
    }
    best.saves = best.saves.or(Some(0.0));
    Ok(best)
}

/// Seeds that a larger base proposes for a piece, without those that leak its wording.
fn proposals(base: &Model, kept: &StoredPiece) -> Result<Vec<Seed>> {
    let opening = chunk::chunks(&kept.piece.text, 3 * OPENING).into_iter().next();
    let text = opening.map_or("", |range| &kept.piece.text[range]);
    let ask = Message { role: "user".into(), content: neutral::prompt(text) };
    let prompt = base.chat.tokens(&base.tokenizer, &[ask], true)?;
    let mut seeds = Vec::new();
    for n in 0..PROPOSALS {
        let how = Sampling {
            temperature: 0.3,
            max_tokens: PROPOSAL_TOKENS,
            // Derived from the piece, so that proposing again gives the same seeds.
            random_seed: (kept.id.0 as u64).wrapping_mul(PROPOSALS).wrapping_add(n),
            ..Sampling::default()
        };
        let mut on_event = |_: &str| ControlFlow::Continue(());
        let answer = generate(
            base,
            &mut PrefixCache::new(base),
            &GenerateRequest {
                adapter: None,
                prompt: &prompt,
                written: &[],
                words: None,
                sampling: &how,
            },
            &mut on_event,
        )?;
        seeds.extend(neutral::parse_answer(&answer.text, &kept.piece));
    }
    seeds.dedup();
    Ok(seeds)
}

fn shown(piece: &StoredPiece, kept: &StoredSeed) -> PieceSeed {
    PieceSeed {
        piece: piece.id.0,
        seed: form_of(&kept.seed),
        request: kept.seed.request(),
        origin: kept.maker.name().into(),
        saves: kept.saves,
        leak: neutral::leak(&kept.seed, &piece.piece.text).as_ref().map(Leak::to_string),
    }
}

fn sentence(done: usize, left: usize, minutes: f64, seconds: f64) -> String {
    let each =
        if done > 0 { format!(", {:.1} s each", seconds / done as f64) } else { String::new() };
    if left == 0 {
        return format!("All pieces have a chosen seed; {done} were chosen now{each}.");
    }
    format!(
        "{done} seeds were chosen in {minutes:.0} minutes{each}. {left} pieces remain and use seeds \
         extracted from their own words; they need about {:.0} more minutes.",
        (left as f64 * seconds / done.max(1) as f64 / 60.0).ceil()
    )
}
