//! The prompt search: by likelihood on the validation pieces, and the finalists by their drafts.
//!
//! The test split is never read. The search is repeatable, and stored under a key that changes with
//! the archive, the base and the size of the search.

use ghost_core::program::{OptimizedPrompts, Program, rules, style_card};
use ghost_core::rng::Rng;
use ghost_core::row::{Origin, Row};
use ghost_core::split::Split;
use ghost_engine::generate::PrefixCache;

use super::context::{Candidate, EvalContext, EvalResult, Progress, evenly};
use crate::prompt::{opening, training_pieces};

/// Maximum bytes of a piece that prompts are scored on.
const TRIED_BYTES: usize = 1500;
/// The same in tokens, approximately.
pub(super) const TRIED_TOKENS: f64 = TRIED_BYTES as f64 / 4.0;
/// Maximum number of pieces for the style card.
const CARD_PIECES: usize = 40;
/// Maximum words of the drafts that finalists are compared by.
const DRAFT_WORDS: u32 = 200;

/// The size of a prompt search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SearchBudget {
    /// Candidate prompts.
    pub(crate) programs: usize,
    /// Pieces that all candidates are scored on.
    pub(crate) first: usize,
    /// Candidates scored on more pieces, and the number of pieces.
    pub(crate) then: (usize, usize),
    /// Finalists compared by drafts, and the number of seeds.
    pub(crate) last: (usize, usize),
}

impl SearchBudget {
    /// The search budget of a recipe.
    pub(crate) fn of(recipe: &str) -> SearchBudget {
        match recipe {
            "nightly" => SearchBudget { programs: 12, first: 3, then: (4, 8), last: (3, 3) },
            _ => SearchBudget { programs: 4, first: 3, then: (1, 3), last: (1, 0) },
        }
    }

    /// The approximate number of measured items, with `floor` calibration drafts.
    pub(crate) fn items(&self, floor: usize) -> u32 {
        let drafts = if self.last.1 > 0 { self.last.0 * self.last.1 + floor } else { 0 };
        ((self.programs + 1) * self.first + self.then.0 * self.then.1 + drafts) as u32
    }
}

impl EvalContext<'_> {
    /// Searches for the best prompts.
    pub(crate) fn compile(
        &self,
        budget: SearchBudget,
        progress: &mut Progress<'_, '_>,
    ) -> EvalResult<OptimizedPrompts> {
        let of_piece = |row: &&Row| matches!(row.origin, Origin::Archive(_));
        let watched: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| row.split == Split::Validation)
            .filter(of_piece)
            .collect();
        let learned = training_pieces(self.rows);
        let texts: Vec<&str> =
            evenly(&learned, CARD_PIECES).into_iter().map(|row| row.text.as_str()).collect();
        let rules = rules(self.edits.iter().map(|pair| (&*pair.draft, &*pair.shipped)));
        let mut rng = Rng::new(self.random_seed);
        let programs = Program::candidates(&style_card(&texts), &rules, budget.programs, &mut rng);

        let first = evenly(&watched, budget.first);
        let mut tried: Vec<(f64, Program)> = Vec::new();
        for program in programs {
            tried.push((self.costs(Some(&program), &first, progress)?, program));
        }
        let bare = self.costs(None, &first, progress)?;
        tried.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all = evenly(&watched, budget.then.1);
        for (bits, program) in tried.iter_mut().take(budget.then.0) {
            *bits = self.costs(Some(program), &all, progress)?;
        }
        let finalists = budget.then.0.min(tried.len());
        tried[..finalists].sort_by(|a, b| a.0.total_cmp(&b.0));
        let (by_voice, heard) = self.by_voice(&tried, budget, &watched, progress)?;
        Ok(OptimizedPrompts {
            by_bits: tried[0].1.clone(),
            by_voice,
            tried: tried.iter().map(|(bits, program)| (program.description(), *bits)).collect(),
            bare,
            voice_scores: heard,
        })
    }

    /// Bits per byte of some pieces under a prompt, or without one; 0 without pieces.
    fn costs(
        &self,
        program: Option<&Program>,
        rows: &[&Row],
        progress: &mut Progress<'_, '_>,
    ) -> EvalResult<f64> {
        let (mut bits, mut bytes) = (0.0, 0);
        for row in rows {
            let text = opening(&row.text, TRIED_BYTES);
            let participant = Candidate { program, ..Candidate::BARE };
            bits += self.bits(participant, &row.seed, text)?.all * text.len() as f64;
            bytes += text.len();
            progress.one()?;
        }
        Ok(bits / bytes.max(1) as f64)
    }

    /// Of the finalists, the prompt whose drafts score closest to the writer's voice.
    fn by_voice(
        &self,
        tried: &[(f64, Program)],
        budget: SearchBudget,
        watched: &[&Row],
        progress: &mut Progress<'_, '_>,
    ) -> EvalResult<(Program, Vec<(String, f64)>)> {
        let seeds = evenly(watched, budget.last.1);
        let best = tried[0].1.clone();
        if seeds.is_empty() || budget.last.0 < 2 {
            return Ok((best, Vec::new()));
        }
        let Some(voice) = self.voice(progress)?.voice else { return Ok((best, Vec::new())) };
        let mut heard = Vec::new();
        for (_, program) in tried.iter().take(budget.last.0) {
            let (mut sum, mut reading) = (0.0, PrefixCache::new(self.base));
            for (n, row) in seeds.iter().enumerate() {
                let mut seed = self.asked(row);
                seed.words = seed.words.map(|words| words.min(DRAFT_WORDS));
                let participant = Candidate { program: Some(program), ..Candidate::BARE };
                let text =
                    self.draft(participant, &mut reading, &seed, 2_000 + n as u64, progress)?;
                sum += voice.score(&text).map_or(0.0, |score| score.v);
                progress.one()?;
            }
            heard.push((sum / seeds.len() as f64, program));
        }
        let nearest = heard.iter().max_by(|a, b| a.0.total_cmp(&b.0));
        let winner = nearest.map_or(best, |(_, program)| (*program).clone());
        Ok((winner, heard.iter().map(|(v, program)| (program.description(), *v)).collect()))
    }
}
