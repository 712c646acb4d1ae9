//! The best prompt, searched for: by likelihood on the pieces watched, the last few by their drafts.
//!
//! The held-out pieces are never seen. A search of another archive, base or size is another search;
//! the same one has the same result.

use ghost_core::program::{OptimizedPrompts, Program, rules, style_card};
use ghost_core::rng::Rng;
use ghost_core::row::{Origin, Row};
use ghost_core::split::Split;
use ghost_engine::generate::PrefixCache;

use super::{Count, Court, Party, Step, evenly, opening};

/// Most bytes of a piece that programs are tried on.
const TRIED_BYTES: usize = 1500;
/// The same in tokens, roughly.
pub(super) const TRIED_TOKENS: f64 = TRIED_BYTES as f64 / 4.0;
/// Most pieces the style card is made of.
const CARD_PIECES: usize = 40;
/// Most words of a draft by which the last programs are told apart.
const DRAFT_WORDS: u32 = 200;

/// How long is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Effort {
    /// Programs to begin with.
    pub(crate) programs: usize,
    /// Pieces they are all tried on.
    pub(crate) first: usize,
    /// Programs tried on the rest, and pieces in all.
    pub(crate) then: (usize, usize),
    /// Programs told apart by drafts, and seeds drafted from.
    pub(crate) last: (usize, usize),
}

impl Effort {
    /// What a recipe's verdict searches with.
    pub(crate) fn of(recipe: &str) -> Effort {
        match recipe {
            "nightly" => Effort { programs: 12, first: 3, then: (4, 8), last: (3, 3) },
            _ => Effort { programs: 4, first: 3, then: (1, 3), last: (1, 0) },
        }
    }

    /// About so many things are measured, with a floor of so many drafts.
    pub(crate) fn things(&self, floor: usize) -> u32 {
        let drafts = if self.last.1 > 0 { self.last.0 * self.last.1 + floor } else { 0 };
        ((self.programs + 1) * self.first + self.then.0 * self.then.1 + drafts) as u32
    }
}

impl Court<'_> {
    /// Searches for the best prompts.
    pub(crate) fn compile(
        &self,
        effort: Effort,
        count: &mut Count<'_, '_>,
    ) -> Step<OptimizedPrompts> {
        let of_piece = |row: &&Row| matches!(row.origin, Origin::Archive(_));
        let watched: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| row.split == Split::Validation)
            .filter(of_piece)
            .collect();
        let learned = self.learned();
        let texts: Vec<&str> =
            evenly(&learned, CARD_PIECES).into_iter().map(|row| row.text.as_str()).collect();
        let rules = rules(self.edits.iter().map(|pair| (&*pair.draft, &*pair.shipped)));
        let mut rng = Rng::new(self.random_seed);
        let programs = Program::candidates(&style_card(&texts), &rules, effort.programs, &mut rng);

        let first = evenly(&watched, effort.first);
        let mut tried: Vec<(f64, Program)> = Vec::new();
        for program in programs {
            tried.push((self.costs(Some(&program), &first, count)?, program));
        }
        let bare = self.costs(None, &first, count)?;
        tried.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all = evenly(&watched, effort.then.1);
        for (bits, program) in tried.iter_mut().take(effort.then.0) {
            *bits = self.costs(Some(program), &all, count)?;
        }
        let finalists = effort.then.0.min(tried.len());
        tried[..finalists].sort_by(|a, b| a.0.total_cmp(&b.0));
        let (by_voice, heard) = self.by_voice(&tried, effort, &watched, count)?;
        Ok(OptimizedPrompts {
            by_bits: tried[0].1.clone(),
            by_voice,
            tried: tried.iter().map(|(bits, program)| (program.description(), *bits)).collect(),
            bare,
            voice_scores: heard,
        })
    }

    /// Bits a byte of some pieces under a program, or asked barely; 0 for no pieces.
    fn costs(
        &self,
        program: Option<&Program>,
        rows: &[&Row],
        count: &mut Count<'_, '_>,
    ) -> Step<f64> {
        let (mut bits, mut bytes) = (0.0, 0);
        for row in rows {
            let text = opening(&row.text, TRIED_BYTES);
            let party = Party { program, ..Party::BARE };
            bits += self.bits(party, &row.seed, text)?.all * text.len() as f64;
            bytes += text.len();
            count.one()?;
        }
        Ok(bits / bytes.max(1) as f64)
    }

    /// Of the programs that need the fewest bits the one whose drafts sound most like the writer.
    fn by_voice(
        &self,
        tried: &[(f64, Program)],
        effort: Effort,
        watched: &[&Row],
        count: &mut Count<'_, '_>,
    ) -> Step<(Program, Vec<(String, f64)>)> {
        let seeds = evenly(watched, effort.last.1);
        let best = tried[0].1.clone();
        if seeds.is_empty() || effort.last.0 < 2 {
            return Ok((best, Vec::new()));
        }
        let Some(voice) = self.voice(count)?.voice else { return Ok((best, Vec::new())) };
        let mut heard = Vec::new();
        for (_, program) in tried.iter().take(effort.last.0) {
            let (mut sum, mut reading) = (0.0, PrefixCache::new(self.base));
            for (n, row) in seeds.iter().enumerate() {
                let mut seed = self.asked(row);
                seed.words = seed.words.map(|words| words.min(DRAFT_WORDS));
                let party = Party { program: Some(program), ..Party::BARE };
                let text = self.draft(party, &mut reading, &seed, 2_000 + n as u64, count)?;
                sum += voice.score(&text).map_or(0.0, |score| score.v);
                count.one()?;
            }
            heard.push((sum / seeds.len() as f64, program));
        }
        let nearest = heard.iter().max_by(|a, b| a.0.total_cmp(&b.0));
        let winner = nearest.map_or(best, |(_, program)| (*program).clone());
        Ok((winner, heard.iter().map(|(v, program)| (program.description(), *v)).collect()))
    }
}
