//! Long drafts: planned first, then written section by section.
//!
//! Small bases only write texts of the length they were trained on, and sections have that length.
//! The plan is generated; if that fails, it is borrowed from one of the writer's pieces of the same
//! kind and a similar length, without its headings. Later sections compensate for earlier ones that
//! were too long or too short, so that the whole has the requested length.

use std::ops::ControlFlow;
use std::sync::Mutex;

use ghost_core::chunk::tail;
use ghost_core::guardrails::{GuardrailInput, Guardrails};
use ghost_core::outline::{Outline, RequestScope};
use ghost_core::rng::Rng;
use ghost_core::row::{CONTEXT_BYTES, Row};
use ghost_core::seed::Seed;
use ghost_core::split::Split;
use ghost_core::words;
use ghost_engine::adapter::Adapter;
use ghost_engine::eval;
use ghost_engine::generate::sampler::{ConstraintMode, Sampling};
use ghost_engine::generate::{FinishReason, GenerateRequest, Generation, PrefixCache, generate};
use ghost_engine::model::Model;
use ghost_engine::prompt::{SEPARATOR, strip_after_separator};

use crate::failure::Result;
use crate::prompt::opening;
use crate::sync::lock;

/// Words from which a draft is planned first. Drafts of an evaluation are shorter.
pub(crate) const LONG: u32 = 500;
/// Minimum words that are worth another section.
const MIN_LEFT: u32 = 20;
/// Maximum tokens of a plan, and of a section per word.
const PLAN_TOKENS: usize = 320;
const TOKENS_PER_WORD: usize = 8;
/// Number of the writer's outlines of similar length to choose from.
const NEAR: usize = 5;
/// Bytes of the writer's own text that a section is scored after.
const SAMPLE_BYTES: usize = 2_000;

/// Writes one long draft.
pub(crate) struct Composer<'a> {
    /// The base.
    pub(crate) base: &'a Model,
    /// The adapter, if any.
    pub(crate) adapter: Option<&'a Adapter>,
    /// The prefix cache: the drafts of one section share a prompt.
    pub(crate) reading: &'a Mutex<PrefixCache>,
    /// All rows.
    pub(crate) rows: &'a [Row],
    /// The seed.
    pub(crate) seed: &'a Seed,
    /// The prompt tokens for the text, its outline or a section.
    pub(crate) ask: &'a dyn Fn(&RequestScope) -> Result<Vec<u32>>,
    /// Sampling settings.
    pub(crate) how: Sampling,
    /// Drafts per section, of which the best is kept.
    pub(crate) best_of: usize,
}

/// Receives text as it grows, and may ask to stop; called with empty text during planning.
type OnText<'a> = dyn FnMut(&str) -> ControlFlow<()> + 'a;

impl Composer<'_> {
    /// Writes a draft of `words` words.
    pub(crate) fn write(&self, words: u32, on_text: &mut OnText<'_>) -> Result<Generation> {
        let mut written = Generation {
            text: String::new(),
            tokens: 0,
            seconds: 0.0,
            tokens_per_second: 0.0,
            finish_reason: FinishReason::EndToken,
        };
        let mut outline = self.plan(words, &mut written, on_text)?;
        let mut at = 0;
        while at < outline.sections.len() && written.finish_reason == FinishReason::EndToken {
            let left = words.saturating_sub(words::count(&written.text) as u32);
            if at > 0 && left < MIN_LEFT {
                break;
            }
            // The surplus or deficit so far is distributed over the remaining sections.
            let rest = Outline { sections: outline.sections.split_off(at) }.fitted(left);
            outline.sections.extend(rest.sections);
            self.section(&outline, at, &mut written, on_text)?;
            at += 1;
        }
        let end = written.text.trim_end().len();
        written.text.truncate(end);
        Ok(written)
    }

    /// Generates or borrows a plan of `words` words.
    fn plan(
        &self,
        words: u32,
        written: &mut Generation,
        on_text: &mut OnText<'_>,
    ) -> Result<Outline> {
        let prompt = (self.ask)(&RequestScope::Outline)?;
        let how = Sampling {
            max_tokens: PLAN_TOKENS,
            constraint: ConstraintMode::Plan,
            ..self.how.clone()
        };
        let mut said = String::new();
        let mut stopped = false;
        let mut on_text = |grown: &str| {
            said.push_str(grown);
            stopped = on_text("").is_break();
            // A line that is not an outline line ends the plan.
            let whole = said.rfind('\n').map_or("", |end| &said[..end]);
            let astray = !whole.trim().is_empty() && Outline::parse(whole).is_none();
            if stopped || astray { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let reading = &mut lock(self.reading);
        let plan = generate(
            self.base,
            reading,
            &GenerateRequest {
                adapter: self.adapter,
                prompt: &prompt,
                written: &[],
                words: None,
                sampling: &how,
            },
            &mut on_text,
        )?;
        written.tokens += plan.tokens;
        if stopped {
            written.finish_reason = FinishReason::Cancelled;
        }
        let own = Outline::parse(strip_after_separator(&plan.text)).map(|plan| plan.fitted(words));
        Ok(own
            .filter(|plan| plan.sections.len() > 1)
            .unwrap_or_else(|| borrowed(self.rows, self.seed, words, self.how.random_seed)))
    }

    /// Writes one section after the text so far.
    fn section(
        &self,
        outline: &Outline,
        at: usize,
        written: &mut Generation,
        on_text: &mut OnText<'_>,
    ) -> Result<()> {
        let mut given = String::new();
        if !written.text.is_empty() {
            let ends = written.text.len() - written.text.trim_end_matches('\n').len();
            given.push_str(&"\n\n"[ends.min(2)..]);
        }
        let heading = &outline.sections[at].heading;
        given.push_str(heading);
        // A heading of marks alone is completed by the model.
        if !heading.trim_matches('#').trim().is_empty() {
            given.push_str("\n\n");
        }
        if !given.is_empty() {
            written.text.push_str(&given);
            if on_text(&given).is_break() {
                written.finish_reason = FinishReason::Cancelled;
                return Ok(());
            }
        }
        let tokens = |text: &str| self.base.tokenizer.encode(text);
        let words = outline.sections[at].words;
        let most = words as usize * TOKENS_PER_WORD + 16;
        let mut prompt = (self.ask)(&RequestScope::Section { outline: outline.clone(), at })?;
        // With a short context the model sees less of the text before, but still writes.
        let context = self.base.config.context;
        let room = context.saturating_sub(prompt.len() + most.min(context / 2));
        let mut before = CONTEXT_BYTES.max(given.len());
        while before > given.len() && tokens(tail(&written.text, before)).len() > room {
            before = (before / 2).max(given.len());
        }
        prompt.extend(tokens(tail(&written.text, before)));
        let said = tokens(&written.text);
        let mut draw = |n: usize, on_text: &mut OnText<'_>| -> Result<Generation> {
            let draw = ((at as u64) << 8) | n as u64;
            let how = Sampling {
                random_seed: Rng::new(self.how.random_seed ^ (draw << 20)).next_u64(),
                max_tokens: most,
                constraint: ConstraintMode::Body,
                ..self.how.clone()
            };
            let (base, adapter, reading) = (self.base, self.adapter, &mut lock(self.reading));
            let mut one = generate(
                base,
                reading,
                &GenerateRequest {
                    adapter,
                    prompt: &prompt,
                    written: &said,
                    words: Some(words),
                    sampling: &how,
                },
                on_text,
            )?;
            written.tokens += one.tokens;
            one.text.truncate(strip_after_separator(&one.text).len());
            Ok(one)
        };
        let one = if self.best_of < 2 {
            draw(0, on_text)?
        } else {
            let mut all = Vec::new();
            for n in 0..self.best_of {
                let one = draw(n, &mut |_| on_text(""))?;
                let stopped = one.finish_reason == FinishReason::Cancelled;
                all.push(one);
                if stopped {
                    break;
                }
            }
            if all.iter().any(|one| one.finish_reason != FinishReason::NoWords) {
                all.retain(|one| one.finish_reason != FinishReason::NoWords);
            }
            let stopped =
                all.last().is_some_and(|one| one.finish_reason == FinishReason::Cancelled);
            let texts: Vec<&str> = all.iter().map(|one| one.text.as_str()).collect();
            let at = best(self.base, self.rows, self.seed, &texts)?;
            let mut best = all.swap_remove(at);
            if stopped || on_text(&best.text).is_break() {
                best.finish_reason = FinishReason::Cancelled;
            }
            best
        };
        written.text.push_str(&one.text);
        if matches!(one.finish_reason, FinishReason::Cancelled | FinishReason::NoWords) {
            written.finish_reason = one.finish_reason;
        }
        Ok(())
    }
}

/// The outline of one of the writer's pieces of the same kind and a similar length, without its
/// headings, which are about another topic; a plain outline if there is none.
fn borrowed(rows: &[Row], seed: &Seed, words: u32, random_seed: u64) -> Outline {
    let own = rows.iter().filter(|row| row.split == Split::Train && row.seed.kind == seed.kind);
    let mut plans: Vec<(f64, Outline)> = own
        .map(|row| Outline::of(&row.text).0)
        .filter(|plan| plan.sections.len() > 1)
        .map(|plan| ((f64::from(plan.words()) / f64::from(words.max(1))).ln().abs(), plan))
        .filter(|(off, _)| *off < std::f64::consts::LN_2)
        .collect();
    plans.sort_by(|a, b| a.0.total_cmp(&b.0));
    plans.truncate(NEAR);
    let drawn = Rng::new(random_seed).below(plans.len());
    let plan = plans.get(drawn).map(|(_, plan)| plan.without_headings().fitted(words));
    plan.filter(|plan| plan.sections.len() > 1).unwrap_or_else(|| Outline::plain(words))
}

/// The index of the best section: of those that pass the guardrails (of all, if none passes), the
/// one whose likelihood under the base rises most, per byte, after a text by the writer. This is
/// OSST with an empty text in place of another author's; it is not used in verdicts.
fn best(base: &Model, rows: &[Row], seed: &Seed, texts: &[&str]) -> Result<usize> {
    let own: Vec<&Row> = rows.iter().filter(|row| row.split == Split::Train).collect();
    let pieces: Vec<&str> = own.iter().map(|row| row.text.as_str()).collect();
    let guards = Guardrails::of(&pieces);
    let longest =
        own.iter().max_by_key(|row| (row.seed.kind == seed.kind, row.text.len().min(SAMPLE_BYTES)));
    let sample = longest.map_or("", |row| opening(&row.text, SAMPLE_BYTES));
    let before = [format!("{}{SEPARATOR}", sample.trim()), SEPARATOR.to_owned()]
        .map(|text| base.tokenizer.encode(&text));
    let mut found: Vec<(bool, f64, usize)> = Vec::new();
    for (n, &text) in texts.iter().enumerate() {
        let held = guards.check(&GuardrailInput { text, seed, perplexity: None });
        let [after_own, alone] = before.each_ref().map(|prompt| {
            let scored = eval::token_log_probs(base, None, prompt, text);
            scored.iter().map(|(_, p)| f64::from(*p)).sum::<f64>()
        });
        let gain = (after_own - alone) / text.len().max(1) as f64;
        found.push((held.iter().any(|one| one.blocked), -gain, n));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    Ok(found.first().map_or(0, |(_, _, n)| *n))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ghost_core::archive::Kind;
    use ghost_core::id::PieceId;
    use ghost_core::row::Origin;
    use ghost_engine::{prompt, tiny};

    use super::*;

    fn row(n: i64, text: &str) -> Row {
        Row {
            seed: Seed { topic: "rain".into(), ..Seed::default() },
            scope: RequestScope::Whole,
            text: text.to_owned(),
            weights: Vec::new(),
            origin: Origin::Archive(PieceId(n)),
            split: Split::Train,
        }
    }

    /// A piece with three sections and about `words` words.
    fn piece(words: usize) -> Row {
        let body = "It rained on the hill and in the town. ".repeat(words / 27);
        row(1, &format!("{body}\n\n## Why it rains\n\n{body}\n\n## How long\n\n{body}"))
    }

    fn composed(words: u32, best_of: usize, stop_at: usize) -> (Generation, String) {
        let base = tiny::model(1);
        let seed = Seed { topic: "rain".into(), words: Some(words), ..Seed::default() };
        let rows = [piece(words as usize), row(2, "Short.")];
        let ask = |ask: &RequestScope| Ok(prompt::for_request(&base, ask.request(&seed))?);
        let how = Sampling { random_seed: 1, ..Sampling::default() };
        let reading = Mutex::new(PrefixCache::new(&base));
        let composer = Composer {
            base: &base,
            adapter: None,
            reading: &reading,
            rows: &rows,
            seed: &seed,
            ask: &ask,
            how,
            best_of,
        };
        let mut heard = String::new();
        let written = composer.write(words, &mut |grown| {
            heard.push_str(grown);
            if heard.len() > stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (written.unwrap(), heard)
    }

    #[test]
    fn a_long_draft_has_its_length_and_streams() {
        let (written, heard) = composed(90, 1, usize::MAX);
        let off = (words::count(&written.text) as f64 / 90.0).ln().abs();
        assert!(off <= 0.15, "{} words", words::count(&written.text));
        assert_eq!(heard.trim_end(), written.text);
        assert_eq!(written.finish_reason, FinishReason::EndToken);
        assert_eq!(written.text.matches("\n\n##").count(), 2);
        assert_eq!(composed(90, 1, usize::MAX).0.text, written.text);
    }

    #[test]
    fn the_best_of_several_section_drafts_is_kept() {
        let (one, heard) = composed(60, 2, usize::MAX);
        assert_eq!(heard.trim_end(), one.text);
        assert!((words::count(&one.text) as f64 / 60.0).ln().abs() <= 0.15);
    }

    #[test]
    fn a_long_draft_can_be_stopped() {
        let (written, heard) = composed(90, 1, 60);
        assert_eq!(written.finish_reason, FinishReason::Cancelled);
        assert!(heard.len() < 200 && heard.starts_with(&written.text));
    }

    #[test]
    fn a_borrowed_plan_has_no_headings() {
        let seed = Seed::default();
        let plan = borrowed(&[piece(600), row(2, "Short.")], &seed, 700, 1);
        assert_eq!(plan.words(), 700);
        let headings: Vec<&str> = plan.sections.iter().map(|one| one.heading.as_str()).collect();
        assert_eq!(headings, ["", "##", "##"]);
        let far = borrowed(&[piece(600)], &seed, 3_000, 1);
        assert_eq!((far.sections.len(), far.words()), (10, 3_000), "none of that length");
        let log = Seed { kind: Kind::Log, ..seed };
        assert_eq!(borrowed(&[piece(600)], &log, 700, 1).sections.len(), 2, "none of that kind");
    }

    #[test]
    fn a_repetitive_section_is_not_the_best() {
        let base = tiny::model(1);
        let circle = "It rained and it rained and it rained and it rained. ".repeat(5);
        let fair = "The sun came out over the hill, and whoever had a boat went home in it.";
        let texts = [circle.as_str(), fair, circle.as_str()];
        assert_eq!(best(&base, &[piece(600)], &Seed::default(), &texts).unwrap(), 1);
    }
}
