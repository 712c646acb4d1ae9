//! Does the candidate write more like its writer than the best that can be had without it?
//!
//! For now by likelihood alone: bits per byte of pieces no run has seen, under the bare base, the
//! same base with pieces of the archive in its prompt, the candidate, and whoever wrote until now.
//! The decision is the core's ([`ghost_core::verdict`]); here the evidence is measured, and kept,
//! since neither base nor prompt change from night to night.

use ghost_core::id::{AdapterId, PieceId};
use ghost_core::row::{self, Origin, Row, Side};
use ghost_core::seed::Seed;
use ghost_core::verdict::{self, Evidence, HeldOut, Verdict};
use ghost_engine::adapter::{Adapter, fingerprint};
use ghost_engine::base::Base;
use ghost_engine::{lesson, score};
use sha2::{Digest as _, Sha256};

use crate::commands::Hear;
use crate::event::Event;
use crate::failure::{Code, Failure, Result};
use crate::store::{adapters, bases, rows};
use crate::wire::{JudgeAdapter, Judged};
use crate::{Desk, import, view};

/// Most bytes of a piece that are scored; enough for a cadence, and every night fits in a night.
const SCORED_BYTES: usize = 4000;
/// Most bytes of a piece that serves as an example, so that several fit.
const EXAMPLE_BYTES: usize = 2200;
/// Most tokens of the few-shot prompt.
const EXAMPLE_TOKENS: usize = 1400;
/// What the permutation test and the intervals draw from, the same for every verdict.
const CHANCE: u64 = 1;

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
        let verdict = self
            .verdict_on(id, &|| false)?
            .ok_or_else(|| Failure::new(Code::Bug, "A verdict was stopped by nobody."))?;
        adapters::keep_verdict(self.store().on(), id, &verdict, &self.now())?;
        let shown = view::verdict(&verdict);
        hear(Event::VerdictReached { adapter: id.0, verdict: shown.clone() });
        Ok(Judged { adapter: id.0, verdict: shown })
    }

    /// The verdict on an adapter; `None` when `stop` said so in between.
    pub(crate) fn verdict_on(
        &self,
        id: AdapterId,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Verdict>> {
        let stored = adapters::one(self.store().on(), id)?;
        let base = bases::one(self.store().on(), stored.base)?;
        let incumbent = self.incumbent(id, &stored)?;
        let ghost = self.ghost_on(&base, Some(id))?;
        let before = match incumbent {
            Some(id) => Some((id, Adapter::load(&ghost.base, &self.folder().adapter(id))?)),
            None => None,
        };
        let rows: Vec<Row> =
            rows::all(self.store().on())?.into_iter().map(|(_, row)| row).collect();
        let mut held_out = Vec::new();
        for row in rows.iter().filter(|row| row.side == Side::Holdout) {
            let Origin::Archive(piece) = row.origin else { continue };
            if stop() {
                return Ok(None);
            }
            let mut measured = self.measure(&ghost.base, &rows, row, piece)?;
            measured.adapter = self.bits(
                &ghost.base,
                ghost.adapter().map(|adapter| (id, adapter)),
                &lesson::prompt_for(&ghost.base, &row.seed)?,
                excerpt(row),
            )?;
            if let Some((id, adapter)) = &before {
                measured.incumbent = Some(self.bits(
                    &ghost.base,
                    Some((*id, adapter)),
                    &lesson::prompt_for(&ghost.base, &row.seed)?,
                    excerpt(row),
                )?);
            }
            held_out.push(measured);
        }
        Ok(Some(verdict::judge(&Evidence { held_out, ..Evidence::default() }, CHANCE)))
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

    /// What can be had without an adapter.
    fn measure(&self, base: &Base, rows: &[Row], row: &Row, piece: PieceId) -> Result<HeldOut> {
        let text = excerpt(row);
        let (bare, prompted) = self.without_adapter(base, rows, row, text)?;
        Ok(HeldOut {
            piece,
            bytes: text.len(),
            base: bare,
            prompt: prompted,
            adapter: f64::NAN,
            incumbent: None,
        })
    }

    /// Bits a byte of a row's text costs under the bare base, and after a few-shot prompt.
    pub(crate) fn without_adapter(
        &self,
        base: &Base,
        rows: &[Row],
        row: &Row,
        text: &str,
    ) -> Result<(f64, f64)> {
        let bare = self.bits(base, None, &lesson::prompt_for(base, &row.seed)?, text)?;
        let examples = examples(rows, &row.seed);
        let prompt = score::few_shot_prompt(base, &examples, &row.seed, EXAMPLE_TOKENS)?;
        Ok((bare, self.bits(base, None, &prompt, text)?))
    }

    /// Bits a byte of a text costs after a prompt, measured once and kept.
    fn bits(
        &self,
        base: &Base,
        adapter: Option<(AdapterId, &Adapter)>,
        prompt: &[u32],
        text: &str,
    ) -> Result<f64> {
        let mut hasher = Sha256::new();
        hasher.update(fingerprint(base));
        hasher.update(format!("/{:?}/", adapter.map(|(id, _)| id)));
        hasher.update(prompt.iter().flat_map(|token| token.to_le_bytes()).collect::<Vec<_>>());
        hasher.update(text);
        let what = import::hex(&hasher.finalize());
        if let Some(bits) = adapters::score(self.store().on(), &what)? {
            return Ok(bits);
        }
        let adapter = adapter.map(|(_, adapter)| adapter);
        let bits = score::bits_per_byte(base, adapter, prompt, text);
        adapters::keep_score(self.store().on(), &what, bits)?;
        Ok(bits)
    }
}

/// The beginning of a row's text, cut between paragraphs.
fn excerpt(row: &Row) -> &str {
    opening(&row.text, SCORED_BYTES)
}

/// At most so many bytes of a text, cut between paragraphs.
fn opening(text: &str, most_bytes: usize) -> &str {
    row::parts(text, most_bytes).into_iter().next().map_or("", |range| &text[range])
}

/// Pieces for the prompt: of the same kind first, then of the nearest length, then the newest;
/// only such as a run may learn from.
fn examples(rows: &[Row], seed: &Seed) -> Vec<(Seed, String)> {
    let mut usable: Vec<(usize, &Row)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.side == Side::Train && matches!(row.origin, Origin::Archive(_)))
        .collect();
    let words = seed.words.unwrap_or(400);
    usable.sort_by_key(|(n, row)| {
        let other_kind = row.seed.kind != seed.kind;
        let off = row.seed.words.unwrap_or(0).abs_diff(words);
        (other_kind, off, std::cmp::Reverse(*n))
    });
    let shown = usable.iter().take(8);
    shown.map(|(_, row)| (row.seed.clone(), opening(&row.text, EXAMPLE_BYTES).into())).collect()
}
