//! Drafts from held-out seeds by everybody, how they sound, and what the guardrails say of them.
//!
//! Everybody drafts from the same seeds with the same budget and the same draws of chance.

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

use crate::elsewhere::Far;
use crate::failure::Result;

use super::{Count, Court, Drafts, Party, Step, evenly, first_words};

/// Fewer words of a piece have no voice to be heard in a draft of that length.
const LEAST_WORDS: usize = 100;
/// The writer's own pieces whose surprise drafts are held against.
const SURPRISING: usize = 16;
/// Changes whenever the engine draws otherwise, so that no draft is taken for one drawn before.
const DRAWN: u32 = 7;
/// Tokens a draft may take for each word asked for.
const TOKENS_A_WORD: usize = 3;

/// A voice, and the strangers it has never met.
pub(super) struct Recalled {
    pub(super) voice: Option<Voice>,
    pub(super) unmet: Vec<MaskedText>,
}

impl Court<'_> {
    /// Held-out rows that are long enough to be heard, evenly chosen.
    pub(super) fn to_hear(&self) -> Vec<&Row> {
        let long = |row: &&Row| words::count(&row.text) >= LEAST_WORDS;
        let rows: Vec<&Row> = self.held_out().into_iter().filter(long).collect();
        evenly(&rows, self.sample.seeds)
    }

    /// What is asked for, for a row: its seed, no longer than the sample says.
    pub(super) fn asked(&self, row: &Row) -> Seed {
        let words = row.seed.words.unwrap_or(self.sample.words).min(self.sample.words);
        Seed { words: Some(words.max(LEAST_WORDS as u32)), ..row.seed.clone() }
    }

    /// Rows that may be learned from whose seeds the bare base drafts from, to calibrate the voice.
    pub(super) fn floor_rows(&self) -> Vec<&Row> {
        let long = |row: &&Row| words::count(&row.text) >= LEAST_WORDS;
        let learned: Vec<&Row> = self.learned().into_iter().filter(long).collect();
        evenly(&learned, self.sample.floor)
    }

    /// The writer's voice, told from strangers and from the bare base's drafts on seeds that a run
    /// may learn from.
    pub(super) fn voice(&self, count: &mut Count<'_, '_>) -> Step<Recalled> {
        let (mut drafts, mut reading) = (Vec::new(), PrefixCache::new(self.base));
        for (n, row) in self.floor_rows().into_iter().enumerate() {
            let (seed, draw) = (self.asked(row), 1_000 + n as u64);
            drafts.push(self.draft(Party::BARE, &mut reading, &seed, draw, count)?);
            count.one()?;
        }
        // All but what is held out: the voice is judged by, not on, what was watched.
        let known = self.rows.iter().filter(|row| row.split != Split::Test);
        let pieces: Vec<&str> = known
            .filter(|row| matches!(row.origin, ghost_core::row::Origin::Archive(_)))
            .map(|row| row.text.as_str())
            .collect();
        let (strangers, unmet) = ReferenceAuthors::bundled().hold_out(&pieces);
        let drafts: Vec<&str> = drafts.iter().map(String::as_str).collect();
        // Too little to know a voice by is no failure: nothing is heard then, and nothing proven.
        Ok(Recalled { voice: Voice::learn(&pieces, &strangers, &drafts).ok(), unmet })
    }

    /// Drafts and listens.
    pub(super) fn listen(
        &self,
        recalled: &Recalled,
        candidate: Party<'_>,
        incumbent: Option<Party<'_>>,
        count: &mut Count<'_, '_>,
    ) -> Step<(VoiceScores, GuardrailCheck, Drafts)> {
        let rows = self.to_hear();
        let program = Party { program: Some(&self.compiled.by_voice), ..Party::BARE };
        let (mut heard, mut watch) = (VoiceScores::default(), GuardrailCheck::default());
        let (mut bot, mut human) = ([0.0; 2], [0.0; 2]);
        let mut drafts = Drafts::default();
        // Each goes on from what it read last: its drafts of one seed read the prompt once.
        let parties = [Some(candidate), Some(program), Some(Party::BARE), incumbent];
        let mut readings = parties.map(|_| PrefixCache::new(self.base));
        for (n, row) in rows.iter().enumerate() {
            let seed = self.asked(row);
            let mut drafted = DraftScores::default();
            for (at, party) in parties.into_iter().enumerate() {
                let Some(party) = party else { continue };
                for k in 0..self.sample.drafts {
                    let draw = (n * self.sample.drafts + k) as u64;
                    let text = self.draft(party, &mut readings[at], &seed, draw, count)?;
                    count.one()?;
                    let score = heard_in(recalled, &text, seed.words);
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
            heard.own.extend(heard_in(recalled, &row.text, seed.words).map(|score| score.v));
            heard.drafts.push(drafted);
        }
        let n = drafts[0].len().max(1) as f64;
        if let Some(voice) = &recalled.voice {
            heard.against_people = Some(human.map(|sum| sum / n));
            heard.against_base = voice.knows_base_drafts().then(|| bot.map(|sum| sum / n));
            heard.baseline_authors = voice.baseline_authors().to_vec();
            let words = self.sample.words as usize;
            heard.reference_authors = recalled
                .unmet
                .iter()
                .filter_map(|sample| {
                    let opening = sample.opening(words).unwrap_or_else(|| sample.clone());
                    voice.score_masked(&opening).map(|score| score.v)
                })
                .collect();
        } else {
            // Nobody can be heard: without figures there is no voice, and nothing is shipped.
            heard = VoiceScores::default();
        }
        self.watch(&drafts, &mut watch, count)?;
        Ok((heard, watch, drafts))
    }

    /// Asks a model elsewhere for one draft of each seed, as the best prompt asks; what it answered
    /// once is kept. Where it does not answer, that is said, and the verdict goes on without it.
    pub(super) fn ask_far(
        &self,
        recalled: &Recalled,
        far: &dyn Far,
        candidate: Party<'_>,
        count: &mut Count<'_, '_>,
    ) -> Step<RemoteEvidence> {
        let mut found = RemoteEvidence { name: far.name(), ..RemoteEvidence::default() };
        for (n, row) in self.to_hear().iter().enumerate() {
            let seed = self.asked(row);
            let own = self.planned(candidate, &seed, (n * self.sample.drafts) as u64)?;
            let words = seed.words.unwrap_or(self.sample.words) as usize;
            let program = &self.compiled.by_voice;
            let mut messages: Vec<(&str, String)> =
                program.preamble().map(|said| ("system", said)).into_iter().collect();
            for one in self.shown(program, &seed)? {
                messages.push(("user", one.seed.request()));
                messages.push(("assistant", one.text.to_owned()));
            }
            messages.push(("user", seed.request()));
            let what = self.name(Party::BARE, &[], &format!("{} {messages:?}", far.name()));
            let [seconds, cost] = ["/seconds", "/cost"].map(|of| what.clone() + of);
            let kept = (self.memory.draft(&what)?, self.memory.figure(&seconds)?);
            let (text, took, paid) = match kept {
                (Some(text), Some(took)) => (text, took, self.memory.figure(&cost)?.unwrap_or(0.0)),
                _ => match far.ask(&messages, words * TOKENS_A_WORD) {
                    Ok(told) => {
                        self.memory.keep_draft(&what, &told.text)?;
                        self.memory.keep_figure(&seconds, told.seconds)?;
                        self.memory.keep_figure(&cost, told.cost)?;
                        (told.text, told.seconds, told.cost)
                    }
                    Err(failure) => {
                        found.error = Some(failure.message);
                        break;
                    }
                },
            };
            let here = self.memory.figure(&format!("{}/seconds", own.name))?;
            let own = self.memory.draft(&own.name)?.unwrap_or_default();
            let v = |text: &str| v(&heard_in(recalled, text, seed.words));
            found.voice.push([v(&text), v(&own)]);
            found.seconds[0].push(took);
            found.cost[0].push(paid);
            if let Some(here) = here {
                found.seconds[1].push(here);
                found.cost[1].push(far.here(here));
            }
            count.one()?;
        }
        Ok(found)
    }

    /// What the guardrails say of the candidate's drafts, beside the prompt's and the bare base's.
    fn watch(
        &self,
        [own, prompts, bare]: &Drafts,
        watch: &mut GuardrailCheck,
        count: &mut Count<'_, '_>,
    ) -> Step<()> {
        let learned = self.learned();
        let pieces: Vec<&str> = learned.iter().map(|row| row.text.as_str()).collect();
        let guardrails = Guardrails::of(&pieces);
        let long = |row: &&Row| words::count(&row.text) >= LEAST_WORDS;
        let learned: Vec<&Row> = learned.into_iter().filter(long).collect();
        let mut usual = Vec::new();
        for row in evenly(&learned, SURPRISING) {
            let seed = self.asked(row);
            let text = first_words(&row.text, seed.words.unwrap_or(0) as usize);
            usual.push(self.bits(Party::BARE, &seed, text)?.token);
            count.go_on()?;
        }
        let mut drawn = Vec::new();
        for (seed, text) in bare {
            // What goes round in circles surprises nobody, and is no measure of how plain is plain.
            if find_loop(text).is_some() {
                continue;
            }
            drawn.push(self.bits(Party::BARE, seed, text)?.token);
            count.go_on()?;
        }
        let mut surprises = Vec::new();
        for (seed, text) in own {
            let draft = self.bits(Party::BARE, seed, text)?.token;
            surprises.push(Perplexity { draft, own: usual.clone(), base_drafts: drawn.clone() });
            count.go_on()?;
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
        watch.drafts = own.iter().map(|draft| guardrails.check(draft)).collect();
        watch.together = if own.is_empty() { Vec::new() } else { check_all(&own, &prompts) };
        Ok(())
    }

    /// What each draft of a party will be kept under: the number of its row, the row, the name.
    #[cfg(test)]
    pub(crate) fn planned_for(&self, party: Party<'_>) -> Result<Vec<(usize, &Row, String)>> {
        let rows = self.to_hear();
        let drafts = self.sample.drafts;
        (0..rows.len() * drafts)
            .map(|at| {
                let row = rows[at / drafts];
                let planned = self.planned(party, &self.asked(row), at as u64)?;
                Ok((at / drafts, row, planned.name))
            })
            .collect()
    }

    fn planned(&self, party: Party<'_>, seed: &Seed, draw: u64) -> Result<Planned> {
        let prompt = self.prompt(party, seed)?;
        let random_seed = Rng::new(self.random_seed ^ (draw << 20)).next_u64();
        let words = seed.words.unwrap_or(self.sample.words);
        let name = self.name(party, &prompt, &format!("draft {DRAWN} of {words} by {random_seed}"));
        Ok(Planned { prompt, random_seed, words, name })
    }

    /// A party's draft for a seed, written once and kept; `draw` is shared by all parties, and
    /// `reading` is the party's own.
    pub(super) fn draft(
        &self,
        party: Party<'_>,
        reading: &mut PrefixCache,
        seed: &Seed,
        draw: u64,
        count: &mut Count<'_, '_>,
    ) -> Step<String> {
        let Planned { prompt, random_seed, words, name } = self.planned(party, seed, draw)?;
        if let Some(text) = self.memory.draft(&name)? {
            return Ok(text);
        }
        let max_tokens = words as usize * TOKENS_A_WORD;
        let how = Sampling { random_seed, max_tokens, ..Sampling::default() };
        let mut halt = None;
        let mut grown = 0u32;
        let mut hear = |_: &str| {
            grown += 1;
            if grown.is_multiple_of(16)
                && let Err(why) = count.go_on()
            {
                halt = Some(why);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let (base, adapter) = (self.base, party.adapter);
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
            &mut hear,
        )?;
        if let Some(halt) = halt.filter(|_| written.finish_reason == FinishReason::Cancelled) {
            return Err(halt);
        }
        let text = strip_after_separator(&written.text).to_owned();
        self.memory.keep_draft(&name, &text)?;
        self.memory.keep_figure(&format!("{name}/seconds"), f64::from(written.seconds))?;
        Ok(text)
    }
}

/// A draft before it is written.
struct Planned {
    prompt: Vec<u32>,
    random_seed: u64,
    words: u32,
    /// What it is kept under.
    name: String,
}

/// How the first words of a text sound; nothing where it has too few, or nobody is known.
fn heard_in(recalled: &Recalled, text: &str, words: Option<u32>) -> Option<Score> {
    let voice = recalled.voice.as_ref()?;
    let whole = MaskedText::of(text);
    let most = words.unwrap_or(u32::MAX) as usize;
    let opening = whole.opening(most).unwrap_or(whole);
    voice.score_masked(&opening)
}

/// A draft too short to be heard sounds like nobody.
fn v(score: &Option<Score>) -> f64 {
    score.as_ref().map_or(0.0, |score| score.v)
}
