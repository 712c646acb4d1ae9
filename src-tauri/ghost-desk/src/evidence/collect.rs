//! Collecting the evidence on a candidate: what is measured, and how much work that is.

use ghost_core::row::{Origin, Row};
use ghost_core::run::BYTES_PER_TOKEN;
use ghost_core::verdict::{Evidence, HeldOut, Preference};

use super::bits;
use super::context::{
    Candidate, EvalContext, EvalDrafts, EvalResult, OnProgress, Progress, SCORED_BYTES,
};
use super::prompt_search::{SearchBudget, TRIED_TOKENS};
use crate::failure::Result;
use crate::prompt::{EXAMPLE_TOKENS, opening};
use crate::time_budget::Workload;

/// Maximum number of shipped drafts that are compared.
const MAX_PAIRS: usize = 40;
/// Approximate tokens of a request with its template.
const REQUEST_TOKENS: f64 = 60.0;
const TOKENS_PER_WORD: f64 = 1.4;

impl EvalContext<'_> {
    /// All evidence on a candidate.
    #[cfg(test)]
    pub(crate) fn evidence(
        &self,
        candidate: Candidate<'_>,
        incumbent: Option<Candidate<'_>>,
        on_progress: &mut OnProgress<'_>,
    ) -> EvalResult<Evidence> {
        self.measured(candidate, incumbent, on_progress).map(|(evidence, _)| evidence)
    }

    /// All evidence on a candidate, and the drafts that were scored.
    pub(crate) fn measured(
        &self,
        candidate: Candidate<'_>,
        incumbent: Option<Candidate<'_>>,
        on_progress: &mut OnProgress<'_>,
    ) -> EvalResult<(Evidence, EvalDrafts)> {
        let held_out = self.held_out();
        let mut progress = Progress { done: 0, of: self.items(incumbent.is_some()), on_progress };

        let mut evidence = Evidence::default();
        let mut style = bits::Means::default();
        let program = Candidate { program: Some(&self.compiled.by_bits), ..Candidate::BARE };
        for row in &held_out {
            let Origin::Archive(piece) = row.origin else { continue };
            let text = excerpt(row);
            let [bare, prompted, own] = [Candidate::BARE, program, candidate]
                .map(|participant| self.bits(participant, &row.seed, text))
                .into_iter()
                .collect::<Result<Vec<_>>>()?
                .try_into()
                .unwrap_or_default();
            let incumbent =
                incumbent.map(|participant| self.bits(participant, &row.seed, text)).transpose()?;
            style.add(&[bare, prompted, own]);
            evidence.held_out.push(HeldOut {
                piece,
                bytes: text.len(),
                base: bare.all,
                prompt: prompted.all,
                adapter: own.all,
                incumbent: incumbent.map(|bits| bits.all),
            });
            progress.one()?;
        }
        evidence.style = style.style();
        let calibrated = self.voice(&mut progress)?;
        let (heard, watch, drafts) =
            self.score_drafts(&calibrated, candidate, incumbent, &mut progress)?;
        (evidence.voice, evidence.guardrails) = (Some(heard), Some(watch));
        if let Some(remote) = self.remote {
            evidence.remote =
                Some(self.ask_remote(&calibrated, remote, candidate, &mut progress)?);
        }
        evidence.preference = self.preference(candidate, incumbent, &mut progress)?;
        Ok((evidence, drafts))
    }

    /// The number of items measured for a candidate.
    pub(crate) fn items(&self, has_incumbent: bool) -> u32 {
        let participants = 3 + usize::from(has_incumbent);
        let heard = self.draft_rows().len();
        let drafts = heard * self.sample.drafts * participants + self.floor_rows().len();
        let asked = if self.remote.is_some() { heard } else { 0 };
        (self.held_out().len() + drafts + asked + self.pairs.len().min(MAX_PAIRS)) as u32
    }

    /// The approximate work for a candidate. Opponents that were measured before are read from the
    /// cache.
    pub(crate) fn workload(&self, opponents_are_known: bool) -> Workload {
        let unknown = if opponents_are_known { 0.0 } else { 1.0 };
        let examples = EXAMPLE_TOKENS.min(self.base.config.context / 2) as f64;
        let drafted = |row: &Row| f64::from(self.asked(row).words.unwrap_or(0)) * TOKENS_PER_WORD;
        let mut load = Workload::default();
        for row in self.held_out() {
            let piece = REQUEST_TOKENS + excerpt(row).len() as f64 / BYTES_PER_TOKEN as f64;
            load.read += piece + unknown * (2.0 * piece + examples);
        }
        for row in self.draft_rows() {
            let draft = drafted(row) * self.sample.drafts as f64;
            load.written += draft + unknown * 2.0 * draft;
            // The base reads each draft of the candidate and of the base again.
            load.read += draft + unknown * (draft + examples);
        }
        for row in self.floor_rows() {
            load.written += unknown * drafted(row);
            load.read += unknown * drafted(row);
        }
        for pair in self.pairs.iter().rev().take(MAX_PAIRS) {
            let texts = (pair.draft.len() + pair.shipped.len()) as f64 / BYTES_PER_TOKEN as f64;
            load.read += texts + unknown * (texts + 2.0 * examples);
        }
        load
    }

    /// The approximate work of a prompt search.
    pub(crate) fn search_workload(&self, budget: SearchBudget) -> Workload {
        let examples = EXAMPLE_TOKENS.min(self.base.config.context / 2) as f64;
        let drafts = (budget.last.0 * budget.last.1) as f64;
        let scored = f64::from(budget.items(0)) - drafts;
        Workload {
            read: scored * (examples + TRIED_TOKENS) + drafts * examples,
            written: drafts * f64::from(self.sample.words) * TOKENS_PER_WORD,
        }
    }

    /// How often each participant finds the shipped text more likely than the draft, per token;
    /// `None` without edits.
    fn preference(
        &self,
        candidate: Candidate<'_>,
        incumbent: Option<Candidate<'_>>,
        progress: &mut Progress<'_, '_>,
    ) -> EvalResult<Option<Preference>> {
        let program = Candidate { program: Some(&self.compiled.by_bits), ..Candidate::BARE };
        let (mut pairs, mut right) = (0, [0usize; 3]);
        // The newest: a writer's taste changes.
        for pair in self.pairs.iter().rev().take(MAX_PAIRS) {
            progress.one()?;
            if pair.draft.trim().is_empty() || pair.shipped.trim().is_empty() {
                continue;
            }
            pairs += 1;
            let participants = [Some(candidate), Some(program), incumbent];
            for (right, participant) in right.iter_mut().zip(participants) {
                let Some(participant) = participant else { continue };
                let of = |text: &str| {
                    self.bits(participant, &pair.seed, opening(text, SCORED_BYTES))
                        .map(|bits| bits.token)
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

/// The part of a row's text that is scored, cut between paragraphs.
fn excerpt(row: &Row) -> &str {
    opening(&row.text, SCORED_BYTES)
}
