//! Writes a draft: a seed in, words out as they come.
//!
//! Where it ends is for [`crate::length`]: models track length poorly (VOICE 7).

use std::ops::ControlFlow;
use std::time::Instant;

use ghost_core::seed::Seed;
use ghost_core::words;

use crate::adapter::Adapter;
use crate::base::Base;
use crate::error::Result;
use crate::length::Length;
use crate::lesson;
use crate::model::{Cache, Model};
use crate::sample::{Reach, Sampler, Sampling};

/// A finished draft.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// What came.
    pub text: String,
    /// Tokens drawn.
    pub tokens: usize,
    /// From the request to the last word.
    pub seconds: f32,
    /// Tokens drawn in a second, reading the request left out.
    pub tokens_per_second: f32,
    /// Why it ends there.
    pub ended: Ended,
}

/// Why a draft ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The ghost ended it.
    Finished,
    /// It was long enough, or as long as may be.
    Length,
    /// Someone asked to stop.
    Stopped,
}

/// Writes a draft for a seed, handing each stretch of whole characters to `hear`.
pub fn write(
    base: &Base,
    adapter: Option<&Adapter>,
    seed: &Seed,
    how: &Sampling,
    hear: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Written> {
    let prompt = lesson::prompt_for(base, seed)?;
    write_after(base, adapter, &prompt, seed.words, how, hear)
}

/// Writes after any prompt: the prompted baseline's drafts come from here.
pub fn write_after(
    base: &Base,
    adapter: Option<&Adapter>,
    prompt: &[u32],
    words: Option<u32>,
    how: &Sampling,
    hear: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Written> {
    let begun = Instant::now();
    let model = Model::new(base, adapter.map(|adapter| &adapter.lora));
    let ends: Vec<u32> =
        (0..base.tokenizer.vocab_size() as u32).filter(|id| base.tokenizer.is_end(*id)).collect();
    let length = Length { words };
    let mut sampler = Sampler::new(how);
    let mut characters = base.tokenizer.decode_stream();
    let mut cache = Cache::new(base);
    let (mut text, mut tokens, mut n_words) = (String::new(), 0, 0);
    let mut logits = model.forward(prompt, &mut cache);
    let drawing = Instant::now();
    let ended = loop {
        if length.too_short(n_words) {
            forbid(&mut logits, &ends);
        }
        if tokens >= how.max_tokens || cache.len() >= base.shape.context || logits.is_empty() {
            break Ended::Length;
        }
        let token = sampler.next(&mut logits)?;
        if base.tokenizer.is_end(token) {
            break Ended::Finished;
        }
        tokens += 1;
        sampler.say(token, reach(base.tokenizer.bytes_of(token)));
        if let Some(grown) = characters.push(token) {
            text.push_str(&grown);
            if hear(&grown).is_break() {
                break Ended::Stopped;
            }
            n_words = words::count(&text);
            if length.ends(n_words, &text) {
                break Ended::Length;
            }
        }
        logits = model.forward(&[token], &mut cache);
    };
    let tokens_per_second = tokens as f32 / drawing.elapsed().as_secs_f32().max(1e-6);
    let seconds = begun.elapsed().as_secs_f32();
    Ok(Written { text, tokens, seconds, tokens_per_second, ended })
}

/// Forbids the end, unless there is nothing else to say.
fn forbid(logits: &mut [f32], ends: &[u32]) {
    for end in ends {
        if let Some(logit) = logits.get_mut(*end as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

/// What a repeat does not reach across.
fn reach(bytes: &[u8]) -> Reach {
    let stops = bytes.is_empty() || bytes.iter().any(|byte| b"\n:\"*".contains(byte));
    if stops { Reach::Stops } else { Reach::Through }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tiny;

    fn seed(words: Option<u32>) -> Seed {
        Seed { topic: "rain".to_owned(), words, ..Seed::default() }
    }

    fn go_on(_: &str) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn the_same_seed_writes_the_same_draft() {
        let base = tiny::base(1);
        let how = Sampling { max_tokens: 40, ..Sampling::default() };
        let draft = |random_seed| {
            let how = Sampling { random_seed, ..how.clone() };
            write(&base, None, &seed(None), &how, &mut go_on).unwrap().text
        };
        assert_eq!(draft(1), draft(1));
        assert_ne!(draft(1), draft(2));
    }

    #[test]
    fn what_is_heard_is_what_is_written() {
        let base = tiny::base(1);
        let how = Sampling { max_tokens: 60, ..Sampling::default() };
        let mut heard = String::new();
        let written = write(&base, None, &seed(None), &how, &mut |grown| {
            heard.push_str(grown);
            ControlFlow::Continue(())
        });
        let written = written.unwrap();
        assert_eq!(written.text, heard);
        assert!(written.tokens <= 60);
    }

    #[test]
    fn a_draft_can_be_stopped() {
        let base = tiny::base(1);
        let how = Sampling { max_tokens: 500, ..Sampling::default() };
        let mut grown = 0;
        let written = write(&base, None, &seed(None), &how, &mut |_| {
            grown += 1;
            if grown == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((written.unwrap().ended, grown), (Ended::Stopped, 3));
    }
}
