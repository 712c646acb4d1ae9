//! EvalDrafts from test seeds, their voice scores, and the guardrails.
//!
//! All participants draft from the same seeds, with the same length and the same random numbers.

use std::ops::ControlFlow;

use ghost_core::guardrails::{GuardrailInput, Guardrails, Perplexity, check_all, find_loop};
use ghost_core::rng::Rng;
use ghost_core::row::Row;
use ghost_core::seed::Seed;
use ghost_core::split::Split;
use ghost_core::verdict::{DraftScores, GuardrailCheck, RemoteEvidence, VoiceScores};
use ghost_core::voice::{MaskedText, ReferenceAuthors, Score, Voice};
use ghost_core::words;
use ghost_engine::generate::sampler::Sampling;
use ghost_engine::generate::{FinishReason, GenerateRequest, PrefixCache, generate};
use ghost_engine::prompt::strip_after_separator;

use crate::failure::Result;
use crate::prompt::training_pieces;
use crate::remote_model::RemoteWriter;

use super::context::{
    Candidate, EvalContext, EvalDrafts, EvalResult, Progress, evenly, first_words,
};

/// Minimum words of a piece whose voice is scored.
const MIN_WORDS: usize = 100;
/// The writer's own pieces whose perplexity drafts are compared with.
const PERPLEXITY_PIECES: usize = 16;
/// Version of the sampling. Raise it when the engine samples differently, so that cached drafts expire.
const SAMPLING_VERSION: u32 = 7;
/// Maximum tokens of a draft per word requested.
const TOKENS_PER_WORD: usize = 3;

/// A calibrated voice, and the reference authors it was not calibrated on.
pub(super) struct CalibratedVoice {
    pub(super) voice: Option<Voice>,
    pub(super) unseen: Vec<MaskedText>,
}

impl EvalContext<'_> {
    /// Test rows that are long enough to be scored, evenly spaced.
    pub(super) fn draft_rows(&self) -> Vec<&Row> {
        let long = |row: &&Row| words::count(&row.text) >= MIN_WORDS;
        let rows: Vec<&Row> = self.held_out().into_iter().filter(long).collect();
        evenly(&rows, self.sample.seeds)
    }

    /// The seed of a row, limited to the sample's length.
    pub(super) fn asked(&self, row: &Row) -> Seed {
        let words = row.seed.words.unwrap_or(self.sample.words).min(self.sample.words);
        Seed { words: Some(words.max(MIN_WORDS as u32)), ..row.seed.clone() }
    }

    /// Training rows whose seeds the base drafts from, to calibrate the voice score.
    pub(super) fn floor_rows(&self) -> Vec<&Row> {
        let long = |row: &&Row| words::count(&row.text) >= MIN_WORDS;
        let learned: Vec<&Row> = training_pieces(self.rows).into_iter().filter(long).collect();
        evenly(&learned, self.sample.floor)
    }

    /// The writer's voice, calibrated against reference authors and against the base's drafts on
    /// training seeds.
    pub(super) fn voice(&self, progress: &mut Progress<'_, '_>) -> EvalResult<CalibratedVoice> {
        let (mut drafts, mut reading) = (Vec::new(), PrefixCache::new(self.base));
        for (n, row) in self.floor_rows().into_iter().enumerate() {
            let (seed, draw) = (self.asked(row), 1_000 + n as u64);
            drafts.push(self.draft(Candidate::BARE, &mut reading, &seed, draw, progress)?);
            progress.one()?;
        }
        // All but the test split, which the voice is used to evaluate.
        let known = self.rows.iter().filter(|row| row.split != Split::Test);
        let pieces: Vec<&str> = known
            .filter(|row| matches!(row.origin, ghost_core::row::Origin::Archive(_)))
            .map(|row| row.text.as_str())
            .collect();
        let (strangers, unseen) = ReferenceAuthors::bundled().hold_out(&pieces);
        let drafts: Vec<&str> = drafts.iter().map(String::as_str).collect();
        // With too little text there is no voice score, and nothing is proven. Not an error.
        Ok(CalibratedVoice { voice: Voice::learn(&pieces, &strangers, &drafts).ok(), unseen })
    }

    /// Generates and scores the drafts.
    pub(super) fn score_drafts(
        &self,
        calibrated: &CalibratedVoice,
        candidate: Candidate<'_>,
        incumbent: Option<Candidate<'_>>,
        progress: &mut Progress<'_, '_>,
    ) -> EvalResult<(VoiceScores, GuardrailCheck, EvalDrafts)> {
        let rows = self.draft_rows();
        let program = Candidate { program: Some(&self.compiled.by_voice), ..Candidate::BARE };
        let (mut heard, mut watch) = (VoiceScores::default(), GuardrailCheck::default());
        let (mut bot, mut human) = ([0.0; 2], [0.0; 2]);
        let mut drafts = EvalDrafts::default();
        // Each keeps its prefix cache: several drafts of one seed read the prompt once.
        let participants = [Some(candidate), Some(program), Some(Candidate::BARE), incumbent];
        let mut readings = participants.map(|_| PrefixCache::new(self.base));
        for (n, row) in rows.iter().enumerate() {
            let seed = self.asked(row);
            let mut drafted = DraftScores::default();
            for (at, participant) in participants.into_iter().enumerate() {
                let Some(participant) = participant else { continue };
                for k in 0..self.sample.drafts {
                    let draw = (n * self.sample.drafts + k) as u64;
                    let text = self.draft(participant, &mut readings[at], &seed, draw, progress)?;
                    progress.one()?;
                    let score = voice_score(calibrated, &text, seed.words);
                    match at {
                        0 => drafted.adapter.push(v(&score)),
                        1 => drafted.prompt.push(v(&score)),
                        2 => heard.base.push(v(&score)),
                        _ => drafted.incumbent.push(v(&score)),
                    }
                    if let (Some(human), Some(score)) = (human.get_mut(at), &score) {
                        *human += score.v_human;
                        bot[at] += score.v_bot.unwrap_or(0.0);
                    }
                    if let Some(drafts) = drafts.get_mut(at) {
                        drafts.push((seed.clone(), text));
                    }
                }
            }
            heard.own.extend(voice_score(calibrated, &row.text, seed.words).map(|score| score.v));
            heard.drafts.push(drafted);
        }
        let n = drafts[0].len().max(1) as f64;
        if let Some(voice) = &calibrated.voice {
            heard.against_people = Some(human.map(|sum| sum / n));
            heard.against_base = voice.knows_base_drafts().then(|| bot.map(|sum| sum / n));
            heard.baseline_authors = voice.baseline_authors().to_vec();
            let words = self.sample.words as usize;
            heard.reference_authors = calibrated
                .unseen
                .iter()
                .filter_map(|sample| {
                    let opening = sample.opening(words).unwrap_or_else(|| sample.clone());
                    voice.score_masked(&opening).map(|score| score.v)
                })
                .collect();
        } else {
            // Without a voice there are no figures, and nothing is shipped.
            heard = VoiceScores::default();
        }
        self.apply_guardrails(&drafts, &mut watch, progress)?;
        Ok((heard, watch, drafts))
    }

    /// Asks a remote model for one draft per seed, with the optimized prompt; answers are cached. A
    /// failure is recorded, and the evaluation continues without it.
    pub(super) fn ask_remote(
        &self,
        calibrated: &CalibratedVoice,
        remote: &dyn RemoteWriter,
        candidate: Candidate<'_>,
        progress: &mut Progress<'_, '_>,
    ) -> EvalResult<RemoteEvidence> {
        let mut found = RemoteEvidence { name: remote.name(), ..RemoteEvidence::default() };
        for (n, row) in self.draft_rows().iter().enumerate() {
            let seed = self.asked(row);
            let own = self.planned(candidate, &seed, (n * self.sample.drafts) as u64)?;
            let words = seed.words.unwrap_or(self.sample.words) as usize;
            let program = &self.compiled.by_voice;
            let mut messages: Vec<(&str, String)> =
                program.preamble().map(|said| ("system", said)).into_iter().collect();
            for one in self.prompts().examples(program, &seed)? {
                messages.push(("user", one.seed.request()));
                messages.push(("assistant", one.text.to_owned()));
            }
            messages.push(("user", seed.request()));
            let what = self.name(Candidate::BARE, &[], &format!("{} {messages:?}", remote.name()));
            let [seconds, cost] = ["/seconds", "/cost"].map(|of| what.clone() + of);
            let kept = (self.cache.draft(&what)?, self.cache.score(&seconds)?);
            let (text, took, paid) = match kept {
                (Some(text), Some(took)) => (text, took, self.cache.score(&cost)?.unwrap_or(0.0)),
                _ => match remote.ask(&messages, words * TOKENS_PER_WORD) {
                    Ok(told) => {
                        self.cache.store_draft(&what, &told.text)?;
                        self.cache.store_score(&seconds, told.seconds)?;
                        self.cache.store_score(&cost, told.cost)?;
                        (told.text, told.seconds, told.cost)
                    }
                    Err(failure) => {
                        found.error = Some(failure.message);
                        break;
                    }
                },
            };
            let here = self.cache.score(&format!("{}/seconds", own.name))?;
            let own = self.cache.draft(&own.name)?.unwrap_or_default();
            let v = |text: &str| v(&voice_score(calibrated, text, seed.words));
            found.voice.push([v(&text), v(&own)]);
            found.seconds[0].push(took);
            found.cost[0].push(paid);
            if let Some(here) = here {
                found.seconds[1].push(here);
                found.cost[1].push(remote.here(here));
            }
            progress.one()?;
        }
        Ok(found)
    }

    /// Applies the guardrails to the candidate's drafts, with the prompt's and the base's as reference.
    fn apply_guardrails(
        &self,
        [own, prompts, bare]: &EvalDrafts,
        watch: &mut GuardrailCheck,
        progress: &mut Progress<'_, '_>,
    ) -> EvalResult<()> {
        let learned = training_pieces(self.rows);
        let pieces: Vec<&str> = learned.iter().map(|row| row.text.as_str()).collect();
        let guards = Guardrails::of(&pieces);
        let long = |row: &&Row| words::count(&row.text) >= MIN_WORDS;
        let learned: Vec<&Row> = learned.into_iter().filter(long).collect();
        let mut usual = Vec::new();
        for row in evenly(&learned, PERPLEXITY_PIECES) {
            let seed = self.asked(row);
            let text = first_words(&row.text, seed.words.unwrap_or(0) as usize);
            usual.push(self.bits(Candidate::BARE, &seed, text)?.token);
            progress.check()?;
        }
        let mut drawn = Vec::new();
        for (seed, text) in bare {
            // Repetitive text has a low perplexity and would distort the reference.
            if find_loop(text).is_some() {
                continue;
            }
            drawn.push(self.bits(Candidate::BARE, seed, text)?.token);
            progress.check()?;
        }
        let mut surprises = Vec::new();
        for (seed, text) in own {
            let draft = self.bits(Candidate::BARE, seed, text)?.token;
            surprises.push(Perplexity { draft, own: usual.clone(), base_drafts: drawn.clone() });
            progress.check()?;
        }
        let all = own.iter().zip(&surprises);
        let own: Vec<GuardrailInput<'_>> = all
            .map(|((seed, text), surprise)| GuardrailInput {
                text,
                seed,
                perplexity: Some(surprise),
            })
            .collect();
        let prompts: Vec<GuardrailInput<'_>> = prompts
            .iter()
            .map(|(seed, text)| GuardrailInput { text, seed, perplexity: None })
            .collect();
        watch.drafts = own.iter().map(|draft| guards.check(draft)).collect();
        watch.together = if own.is_empty() { Vec::new() } else { check_all(&own, &prompts) };
        Ok(())
    }

    /// The cache key of each draft of a participant: row number, row, key.
    #[cfg(test)]
    pub(crate) fn planned_for(
        &self,
        participant: Candidate<'_>,
    ) -> Result<Vec<(usize, &Row, String)>> {
        let rows = self.draft_rows();
        let drafts = self.sample.drafts;
        (0..rows.len() * drafts)
            .map(|at| {
                let row = rows[at / drafts];
                let planned = self.planned(participant, &self.asked(row), at as u64)?;
                Ok((at / drafts, row, planned.name))
            })
            .collect()
    }

    fn planned(&self, participant: Candidate<'_>, seed: &Seed, draw: u64) -> Result<PlannedDraft> {
        let prompt = self.prompt(participant, seed)?;
        let random_seed = Rng::new(self.random_seed ^ (draw << 20)).next_u64();
        let words = seed.words.unwrap_or(self.sample.words);
        let name = self.name(
            participant,
            &prompt,
            &format!("draft {SAMPLING_VERSION} of {words} by {random_seed}"),
        );
        Ok(PlannedDraft { prompt, random_seed, words, name })
    }

    /// A participant's draft for a seed, generated once and cached; `draw` is the same for all
    /// participants, `reading` is the participant's own.
    pub(super) fn draft(
        &self,
        participant: Candidate<'_>,
        reading: &mut PrefixCache,
        seed: &Seed,
        draw: u64,
        progress: &mut Progress<'_, '_>,
    ) -> EvalResult<String> {
        let PlannedDraft { prompt, random_seed, words, name } =
            self.planned(participant, seed, draw)?;
        if let Some(text) = self.cache.draft(&name)? {
            return Ok(text);
        }
        let max_tokens = words as usize * TOKENS_PER_WORD;
        let how = Sampling { random_seed, max_tokens, ..Sampling::default() };
        let mut halt = None;
        let mut grown = 0u32;
        let mut on_progress = |_: &str| {
            grown += 1;
            if grown.is_multiple_of(16)
                && let Err(why) = progress.check()
            {
                halt = Some(why);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let (base, adapter) = (self.base, participant.adapter);
        let written = generate(
            base,
            reading,
            &GenerateRequest {
                adapter,
                prompt: &prompt,
                written: &[],
                words: Some(words),
                sampling: &how,
            },
            &mut on_progress,
        )?;
        if let Some(halt) = halt.filter(|_| written.finish_reason == FinishReason::Cancelled) {
            return Err(halt);
        }
        let text = strip_after_separator(&written.text).to_owned();
        self.cache.store_draft(&name, &text)?;
        self.cache.store_score(&format!("{name}/seconds"), f64::from(written.seconds))?;
        Ok(text)
    }
}

/// A draft to be generated.
struct PlannedDraft {
    prompt: Vec<u32>,
    random_seed: u64,
    words: u32,
    /// Its cache key.
    name: String,
}

/// The voice score of the first words of a text; `None` if it is too short or no voice is known.
fn voice_score(calibrated: &CalibratedVoice, text: &str, words: Option<u32>) -> Option<Score> {
    let voice = calibrated.voice.as_ref()?;
    let whole = MaskedText::of(text);
    let most = words.unwrap_or(u32::MAX) as usize;
    let opening = whole.opening(most).unwrap_or(whole);
    voice.score_masked(&opening)
}

/// A draft too short to be scored counts as 0.
fn v(score: &Option<Score>) -> f64 {
    score.as_ref().map_or(0.0, |score| score.v)
}
