//! What a verdict is reached from: bits, drafts, guardrails and edits, measured for a candidate and
//! for everybody it is held against.
//!
//! The same base, rows, candidate and random seed have the same evidence on every day, and so the
//! same verdict: how much is measured follows from the recipe and the size of the base, never from
//! the clock. What was measured once is kept in a [`Memory`], so that a verdict that was stopped
//! goes on where it was, and prompts and bases are not measured anew each night. Knows no table.

mod bits;
mod compile;
mod voice;

use std::ops::ControlFlow;

use ghost_core::chunk;
use ghost_core::outline::RequestScope;
use ghost_core::program::{Example, OptimizedPrompts, Program};
use ghost_core::row::{Origin, Row};
use ghost_core::seed::Seed;
use ghost_core::split::Split;
use ghost_core::verdict::{Evidence, HeldOut, Preference};
use ghost_core::words;
use ghost_engine::adapter::{Adapter, fingerprint};
use ghost_engine::model::Model;
use ghost_engine::prompt;
use sha2::{Digest as _, Sha256};

use crate::elsewhere::Far;
use crate::failure::{Failure, Result};
use crate::import;
use crate::time_budget::Load;

pub(crate) use compile::Effort;

/// Most bytes of a piece that are scored; enough for a cadence, and every night fits in a night.
pub(crate) const SCORED_BYTES: usize = 4000;
/// Most bytes of a piece that serves as an example, so that several fit.
const EXAMPLE_BYTES: usize = 2200;
/// Most tokens of a prompt with examples.
const EXAMPLE_TOKENS: usize = 1400;
/// Pieces on like matter that a program may choose from.
const LIKE: usize = 8;
/// Most pairs of a draft and what became of it that are asked about.
const MOST_PAIRS: usize = 40;

/// What a request takes with its template, in tokens.
const REQUEST_TOKENS: f64 = 60.0;
/// English prose under the tokenizers of small bases.
const BYTES_A_TOKEN: f64 = 4.0;
const TOKENS_A_WORD: f64 = 1.4;

/// Where measurements are kept, and what the archive says of itself.
pub(crate) trait Memory {
    /// A figure measured before.
    fn figure(&self, what: &str) -> Result<Option<f64>>;
    /// Keeps a figure.
    fn keep_figure(&self, what: &str, figure: f64) -> Result<()>;
    /// A draft written before.
    fn draft(&self, what: &str) -> Result<Option<String>>;
    /// Keeps a draft.
    fn keep_draft(&self, what: &str, text: &str) -> Result<()>;
    /// Pieces on the matter of a seed, the nearest first, as ids.
    fn like(&self, seed: &Seed, most: usize) -> Result<Vec<i64>>;
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Held-out seeds drafted from.
    pub(crate) seeds: usize,
    /// Drafts for each of them.
    pub(crate) drafts: usize,
    /// Most words of a draft.
    pub(crate) words: u32,
    /// Drafts of the bare base on seeds of the archive, which the voice is calibrated with.
    pub(crate) floor: usize,
}

impl Sample {
    /// Of a recipe's verdict on a base of so many weights. A word costs a large base more: there
    /// fewer and shorter drafts are listened to.
    pub(crate) fn of(recipe: &str, parameters: u64) -> Sample {
        match (recipe, parameters) {
            ("nightly", 0..700_000_000) => Sample { seeds: 12, drafts: 2, words: 400, floor: 12 },
            ("nightly", _) => Sample { seeds: 10, drafts: 1, words: 400, floor: 10 },
            (_, 0..700_000_000) => Sample { seeds: 8, drafts: 1, words: 200, floor: 10 },
            _ => Sample { seeds: 8, drafts: 1, words: 200, floor: 8 },
        }
    }
}

/// Who is measured.
#[derive(Clone, Copy)]
pub(crate) struct Party<'a> {
    /// Names its weights and nothing else; empty is the bare base.
    pub(crate) name: &'a str,
    /// What it has learned.
    pub(crate) adapter: Option<&'a Adapter>,
    /// How it is asked, where that is by a program.
    pub(crate) program: Option<&'a Program>,
}

impl Party<'_> {
    /// The base, asked barely.
    pub(crate) const BARE: Party<'static> = Party { name: "", adapter: None, program: None };
}

/// What the writer made of a draft.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    /// What was asked for.
    pub(crate) seed: Seed,
    /// What the ghost wrote.
    pub(crate) draft: String,
    /// What the writer stands behind.
    pub(crate) shipped: String,
}

/// What stands still while a verdict is reached.
pub(crate) struct Court<'a> {
    /// The base of everybody.
    pub(crate) base: &'a Model,
    /// All rows there are.
    pub(crate) rows: &'a [Row],
    /// Edits nobody learned from.
    pub(crate) pairs: &'a [Pair],
    /// Edits that may be learned from.
    pub(crate) edits: &'a [Pair],
    /// The best prompts.
    pub(crate) compiled: &'a OptimizedPrompts,
    /// How much is measured.
    pub(crate) sample: Sample,
    /// What drafts are drawn from.
    pub(crate) random_seed: u64,
    /// What was measured before.
    pub(crate) memory: &'a dyn Memory,
    /// A model elsewhere that is asked as well.
    pub(crate) far: Option<&'a dyn Far>,
}

/// Why there is no answer.
pub(crate) enum Halt {
    /// Somebody asked to stop.
    Stopped,
    /// Something went wrong.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Halt {
    fn from(failure: E) -> Halt {
        Halt::Failed(failure.into())
    }
}

/// An answer, unless there is none.
pub(crate) type Step<T> = std::result::Result<T, Halt>;

/// Hears how many things are measured of how many; may ask to stop.
pub(crate) type Hear<'a> = dyn FnMut(u32, u32) -> ControlFlow<()> + 'a;

/// Counts what is measured.
pub(crate) struct Count<'a, 'h> {
    pub(crate) done: u32,
    pub(crate) of: u32,
    pub(crate) hear: &'a mut Hear<'h>,
}

impl Count<'_, '_> {
    /// One more is measured.
    pub(crate) fn one(&mut self) -> Step<()> {
        self.done += 1;
        self.go_on()
    }

    /// Whether to go on; asked while one thing takes long.
    pub(crate) fn go_on(&mut self) -> Step<()> {
        if (self.hear)(self.done, self.of.max(self.done)).is_break() {
            return Err(Halt::Stopped);
        }
        Ok(())
    }
}

/// The seed and the text of each draft: the candidate's, the prompt's and the bare base's.
pub(crate) type Drafts = [Vec<(Seed, String)>; 3];

impl Court<'_> {
    /// Everything a verdict on a candidate is reached from.
    #[cfg(test)]
    pub(crate) fn evidence(
        &self,
        candidate: Party<'_>,
        incumbent: Option<Party<'_>>,
        hear: &mut Hear<'_>,
    ) -> Step<Evidence> {
        self.measured(candidate, incumbent, hear).map(|(evidence, _)| evidence)
    }

    /// Everything a verdict on a candidate is reached from, and the drafts that were listened to.
    pub(crate) fn measured(
        &self,
        candidate: Party<'_>,
        incumbent: Option<Party<'_>>,
        hear: &mut Hear<'_>,
    ) -> Step<(Evidence, Drafts)> {
        let held_out = self.held_out();
        let mut count = Count { done: 0, of: self.things(incumbent.is_some()), hear };

        let mut evidence = Evidence::default();
        let mut style = bits::Means::default();
        let program = Party { program: Some(&self.compiled.by_bits), ..Party::BARE };
        for row in &held_out {
            let Origin::Archive(piece) = row.origin else { continue };
            let text = excerpt(row);
            let [bare, prompted, own] = [Party::BARE, program, candidate]
                .map(|party| self.bits(party, &row.seed, text))
                .into_iter()
                .collect::<Result<Vec<_>>>()?
                .try_into()
                .unwrap_or_default();
            let incumbent = incumbent.map(|party| self.bits(party, &row.seed, text)).transpose()?;
            style.add(&[bare, prompted, own]);
            evidence.held_out.push(HeldOut {
                piece,
                bytes: text.len(),
                base: bare.all,
                prompt: prompted.all,
                adapter: own.all,
                incumbent: incumbent.map(|bits| bits.all),
            });
            count.one()?;
        }
        evidence.style = style.style();
        let recalled = self.voice(&mut count)?;
        let (heard, watch, drafts) = self.listen(&recalled, candidate, incumbent, &mut count)?;
        (evidence.voice, evidence.guardrails) = (Some(heard), Some(watch));
        if let Some(far) = self.far {
            evidence.remote = Some(self.ask_far(&recalled, far, candidate, &mut count)?);
        }
        evidence.preference = self.preference(candidate, incumbent, &mut count)?;
        Ok((evidence, drafts))
    }

    /// How many things are measured for a candidate.
    pub(crate) fn things(&self, has_incumbent: bool) -> u32 {
        let parties = 3 + usize::from(has_incumbent);
        let heard = self.to_hear().len();
        let drafts = heard * self.sample.drafts * parties + self.floor_rows().len();
        let asked = if self.far.is_some() { heard } else { 0 };
        (self.held_out().len() + drafts + asked + self.pairs.len().min(MOST_PAIRS)) as u32
    }

    /// About how much is read and written for a candidate; where the opponents were measured
    /// before, only the candidate is.
    pub(crate) fn load(&self, opponents_are_known: bool) -> Load {
        let unknown = if opponents_are_known { 0.0 } else { 1.0 };
        let examples = EXAMPLE_TOKENS.min(self.base.config.context / 2) as f64;
        let drafted = |row: &Row| f64::from(self.asked(row).words.unwrap_or(0)) * TOKENS_A_WORD;
        let mut load = Load::default();
        for row in self.held_out() {
            let piece = REQUEST_TOKENS + excerpt(row).len() as f64 / BYTES_A_TOKEN;
            load.read += piece + unknown * (2.0 * piece + examples);
        }
        for row in self.to_hear() {
            let draft = drafted(row) * self.sample.drafts as f64;
            load.written += draft + unknown * 2.0 * draft;
            // Each draft of the candidate and of the bare base is read again by the base.
            load.read += draft + unknown * (draft + examples);
        }
        for row in self.floor_rows() {
            load.written += unknown * drafted(row);
            load.read += unknown * drafted(row);
        }
        for pair in self.pairs.iter().rev().take(MOST_PAIRS) {
            let texts = (pair.draft.len() + pair.shipped.len()) as f64 / BYTES_A_TOKEN;
            load.read += texts + unknown * (texts + 2.0 * examples);
        }
        load
    }

    /// About how much is read and written in a search for the best prompt.
    pub(crate) fn search_load(&self, effort: Effort) -> Load {
        let examples = EXAMPLE_TOKENS.min(self.base.config.context / 2) as f64;
        let drafts = (effort.last.0 * effort.last.1) as f64;
        let scored = f64::from(effort.things(0)) - drafts;
        Load {
            read: scored * (examples + compile::TRIED_TOKENS) + drafts * examples,
            written: drafts * f64::from(self.sample.words) * TOKENS_A_WORD,
        }
    }

    /// The rows nobody learns from.
    fn held_out(&self) -> Vec<&Row> {
        let of_piece = |row: &&Row| matches!(row.origin, Origin::Archive(_));
        self.rows.iter().filter(|row| row.split == Split::Test).filter(of_piece).collect()
    }

    /// Pieces a run may learn from, that can serve as examples, the oldest first.
    fn learned(&self) -> Vec<&Row> {
        let of_piece = |row: &&Row| matches!(row.origin, Origin::Archive(_));
        self.rows.iter().filter(|row| row.split == Split::Train).filter(of_piece).collect()
    }

    /// The tokens a party is asked with.
    pub(crate) fn prompt(&self, party: Party<'_>, seed: &Seed) -> Result<Vec<u32>> {
        self.prompt_for(party, seed, &RequestScope::Whole)
    }

    /// The tokens a party is asked with for a text, its outline or one of its sections.
    pub(crate) fn prompt_for(
        &self,
        party: Party<'_>,
        seed: &Seed,
        ask: &RequestScope,
    ) -> Result<Vec<u32>> {
        let request = ask.request(seed);
        let Some(program) = party.program else {
            return Ok(prompt::for_request(self.base, request)?);
        };
        let shown = self.shown(program, seed)?;
        let budget = EXAMPLE_TOKENS.min(self.base.config.context / 2);
        Ok(prompt::few_shot(self.base, program, &shown, &request, budget)?)
    }

    /// The pieces a program shows for a seed, the first before the others.
    fn shown(&self, program: &Program, seed: &Seed) -> Result<Vec<Example<'_>>> {
        let learned = self.learned();
        let texts: Vec<Example<'_>> = learned
            .iter()
            .map(|row| Example { seed: &row.seed, text: opening(&row.text, EXAMPLE_BYTES) })
            .collect();
        let place = |id: &i64| {
            learned
                .iter()
                .position(|row| matches!(row.origin, Origin::Archive(one) if one.0 == *id))
        };
        let like: Vec<usize> =
            self.memory.like(seed, 3 * LIKE)?.iter().filter_map(place).take(LIKE).collect();
        Ok(program.pick(&texts, seed, &like).into_iter().map(|n| texts[n]).collect())
    }

    /// A name for something measured, that changes with all it depends on.
    fn name(&self, party: Party<'_>, prompt: &[u32], what: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(fingerprint(self.base));
        hasher.update(format!("/{}/", party.name));
        hasher.update(prompt.iter().flat_map(|token| token.to_le_bytes()).collect::<Vec<_>>());
        hasher.update(what);
        import::hex(&hasher.finalize())
    }

    /// How often each party finds what the writer made of a draft more likely than the draft, a
    /// token at a time; nothing where there are no pairs.
    fn preference(
        &self,
        candidate: Party<'_>,
        incumbent: Option<Party<'_>>,
        count: &mut Count<'_, '_>,
    ) -> Step<Option<Preference>> {
        let program = Party { program: Some(&self.compiled.by_bits), ..Party::BARE };
        let (mut pairs, mut right) = (0, [0usize; 3]);
        // The newest: a writer's taste moves on.
        for pair in self.pairs.iter().rev().take(MOST_PAIRS) {
            count.one()?;
            if pair.draft.trim().is_empty() || pair.shipped.trim().is_empty() {
                continue;
            }
            pairs += 1;
            let parties = [Some(candidate), Some(program), incumbent];
            for (right, party) in right.iter_mut().zip(parties) {
                let Some(party) = party else { continue };
                let of = |text: &str| {
                    self.bits(party, &pair.seed, opening(text, SCORED_BYTES)).map(|bits| bits.token)
                };
                *right += usize::from(of(&pair.shipped)? < of(&pair.draft)?);
            }
        }
        let share = |right: usize| right as f64 / pairs as f64;
        Ok((pairs > 0).then(|| Preference {
            pairs,
            adapter: share(right[0]),
            prompt: share(right[1]),
            incumbent: incumbent.map(|_| share(right[2])),
        }))
    }
}

/// The beginning of a row's text, cut between paragraphs.
fn excerpt(row: &Row) -> &str {
    opening(&row.text, SCORED_BYTES)
}

/// At most so many bytes of a text, cut between paragraphs.
pub(crate) fn opening(text: &str, most_bytes: usize) -> &str {
    chunk::chunks(text, most_bytes).into_iter().next().map_or("", |range| &text[range])
}

/// At most so many words of a text.
fn first_words(text: &str, most: usize) -> &str {
    let last = most.checked_sub(1).and_then(|n| words::words(text).nth(n));
    last.map_or(if most == 0 { "" } else { text }, |(at, word)| &text[..at + word.len()])
}

/// At most so many of a list, evenly chosen.
pub(crate) fn evenly<T: Copy>(all: &[T], most: usize) -> Vec<T> {
    let n = all.len().min(most);
    (0..n).map(|at| all[at * all.len() / n]).collect()
}
