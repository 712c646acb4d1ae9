//! Writes a draft: a seed in, words out as they come.
//!
//! Where it ends is for [`crate::length`]: models track length poorly (VOICE 7).

use std::ops::ControlFlow;
use std::time::Instant;

use ghost_core::seed::Seed;
use ghost_core::words::GrowingCount;

use crate::adapter::Adapter;
use crate::base::Base;
use crate::error::Result;
use crate::length::Length;
use crate::lesson;
use crate::model::{Cache, Model, STRETCH, stretch};
use crate::said::Place;
use crate::sample::{Part, Sampler, Sampling};
use crate::wordless::WordlessRun;

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
    /// It had brought no words for too long: white space, markup, or one line repeated.
    NoWords,
}

/// Writes a draft for a seed, handing each stretch of whole characters to `hear`, and nothing now and
/// then while the request is read.
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
    write_on(&mut Reading::new(base), base, adapter, prompt, words, how, hear)
}

/// The prompt a ghost read last. One that begins the same, and a second draft for it, are read
/// from where the two part; what comes of them is the same bit for bit.
///
/// It is of one base and one adapter: with another of either, begin a new one.
pub struct Reading {
    tokens: Vec<u32>,
    cache: Cache,
}

impl Reading {
    /// Nothing read yet.
    pub fn new(base: &Base) -> Self {
        Self { tokens: Vec::new(), cache: Cache::new(base) }
    }

    /// Reads a prompt, asking in between whether to go on; the logits of the token to come after it, or
    /// nothing where it was broken off.
    fn read(
        &mut self,
        model: &Model,
        prompt: &[u32],
        hear: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Option<Vec<f32>> {
        let same = self.tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        // Whole stretches, and more than a single token left: then it is read as it would have been.
        let kept = same.min(prompt.len().saturating_sub(2)) / STRETCH * STRETCH;
        self.cache.truncate(kept);
        self.tokens.clear();
        self.tokens.extend_from_slice(&prompt[..kept]);
        let mut logits = Vec::new();
        while let left = &prompt[self.tokens.len()..]
            && !left.is_empty()
        {
            if hear("").is_break() {
                return None;
            }
            let next = &left[..stretch(left.len())];
            logits = model.forward(next, &mut self.cache);
            self.tokens.extend_from_slice(next);
        }
        Some(logits)
    }

    /// Forgets what was written after the prompt.
    fn end(&mut self) {
        self.cache.truncate(self.tokens.len());
        self.cache.shrink();
    }
}

/// [`write_after`], without reading again what was read last.
pub fn write_on(
    reading: &mut Reading,
    base: &Base,
    adapter: Option<&Adapter>,
    prompt: &[u32],
    words: Option<u32>,
    how: &Sampling,
    hear: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Written> {
    go_on(reading, base, adapter, prompt, &[], words, how, hear)
}

/// Goes on with a draft of which `said` is written, so that it is not said again; how much of it
/// the prompt ends with is the caller's business. `words` are of what comes.
#[allow(clippy::too_many_arguments)]
pub fn go_on(
    reading: &mut Reading,
    base: &Base,
    adapter: Option<&Adapter>,
    prompt: &[u32],
    said: &[u32],
    words: Option<u32>,
    how: &Sampling,
    hear: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Written> {
    let written = draw(reading, base, adapter, prompt, said, words, how, hear);
    reading.end();
    written
}

#[allow(clippy::too_many_arguments)]
fn draw(
    reading: &mut Reading,
    base: &Base,
    adapter: Option<&Adapter>,
    prompt: &[u32],
    said: &[u32],
    words: Option<u32>,
    how: &Sampling,
    hear: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Written> {
    let begun = Instant::now();
    let model = Model::new(base, adapter.map(|adapter| &adapter.lora));
    let ends: Vec<u32> =
        (0..base.tokenizer.vocab_size() as u32).filter(|id| base.tokenizer.is_end(*id)).collect();
    let plans = Plans::of(base);
    // A section that begins with the marks of a heading finds its words first.
    let finds_heading =
        said.last().is_some_and(|token| base.tokenizer.bytes_of(*token).ends_with(b"#"));
    let length = Length { words };
    let mut sampler = Sampler::new(how);
    let mut after = b'\n';
    let mut say = |sampler: &mut Sampler, token: u32| {
        let bytes = base.tokenizer.bytes_of(token);
        sampler.say(token, Place::of(bytes, after));
        after = bytes.last().copied().unwrap_or(after);
    };
    said.iter().for_each(|token| say(&mut sampler, *token));
    let mut characters = base.tokenizer.decode_stream();
    let (mut text, mut tokens) = (String::new(), 0);
    let (mut counted, mut n_words) = (GrowingCount::default(), 0);
    // How much of the text ends with a word.
    let (mut wordless, mut with_words) = (WordlessRun::default(), 0);
    let logits = reading.read(&model, prompt, hear);
    let cache = &mut reading.cache;
    let drawing = Instant::now();
    let stopped = logits.is_none();
    let mut logits = logits.unwrap_or_default();
    let ended = loop {
        if stopped {
            break Ended::Stopped;
        }
        if length.too_short(n_words) {
            forbid(&mut logits, &ends);
        }
        for tokens in plans.not_next(how.part, &text, finds_heading) {
            forbid(&mut logits, tokens);
        }
        if tokens >= how.max_tokens || cache.len() >= base.shape.context || logits.is_empty() {
            break Ended::Length;
        }
        let token = sampler.next(&mut logits)?;
        if base.tokenizer.is_end(token) {
            break Ended::Finished;
        }
        tokens += 1;
        say(&mut sampler, token);
        let grown = characters.push(token);
        let has_words = wordless.push(grown.as_deref().unwrap_or_default());
        if let Some(grown) = grown {
            text.push_str(&grown);
            if has_words {
                with_words = text.len();
            }
            if hear(&grown).is_break() {
                break Ended::Stopped;
            }
            n_words = counted.of(&text);
            if length.ends(n_words, &text) {
                break Ended::Length;
            }
        }
        if wordless.is_too_long() {
            text.truncate(with_words);
            break Ended::NoWords;
        }
        logits = model.forward(&[token], cache);
    };
    let tokens_per_second = tokens as f32 / drawing.elapsed().as_secs_f32().max(1e-6);
    let seconds = begun.elapsed().as_secs_f32();
    Ok(Written { text, tokens, seconds, tokens_per_second, ended })
}

/// Tokens that begin a heading or a line of a plan.
#[derive(Default)]
struct Plans {
    /// Where they are the first of a line.
    first: Vec<u32>,
    /// With the end of the line before.
    anywhere: Vec<u32>,
    /// Those of them that open a bracket: after a heading it holds a number of words.
    bracket: Vec<u32>,
    /// Those that open a bracket on a number, and those that begin with one.
    number: Vec<u32>,
    digits: Vec<u32>,
}

impl Plans {
    fn of(base: &Base) -> Plans {
        let begins = |bytes: &[u8]| matches!(bytes.trim_ascii_start().first(), Some(b'#' | b'('));
        let mut plans = Plans::default();
        for id in 0..base.tokenizer.vocab_size() as u32 {
            let bytes = base.tokenizer.bytes_of(id);
            if begins(bytes) {
                plans.first.push(id);
            }
            if bytes.trim_ascii_start().starts_with(b"(") {
                plans.bracket.push(id);
            }
            if bytes.windows(2).any(|two| two[0] == b'(' && two[1].is_ascii_digit()) {
                plans.number.push(id);
            }
            if bytes.trim_ascii_start().first().is_some_and(u8::is_ascii_digit) {
                plans.digits.push(id);
            }
            let ends = bytes.iter().rposition(|byte| *byte == b'\n');
            if ends.is_some_and(|end| begins(&bytes[end..])) {
                plans.anywhere.push(id);
            }
        }
        plans
    }

    /// What may not come after a text of which so much is written.
    fn not_next(&self, part: Part, text: &str, finds_heading: bool) -> Vec<&[u32]> {
        let line = text.rsplit('\n').next().unwrap_or_default().trim();
        match part {
            Part::Plan => Vec::new(),
            Part::Whole => {
                let counts = line.is_empty() || line.starts_with('#') || line == "(";
                let open = counts && line.ends_with('(');
                let mut tokens = Vec::new();
                if counts {
                    tokens.push(&self.number[..]);
                }
                if open {
                    tokens.push(&self.digits);
                }
                tokens
            }
            Part::Body => {
                let mut tokens = vec![&self.anywhere[..]];
                if text.is_empty() || text.ends_with('\n') {
                    tokens.push(&self.first);
                } else if finds_heading && !text.contains('\n') {
                    tokens.push(&self.bracket);
                }
                tokens
            }
        }
    }
}

/// Forbids tokens, unless there is nothing else to say.
fn forbid(logits: &mut [f32], tokens: &[u32]) {
    for token in tokens {
        if let Some(logit) = logits.get_mut(*token as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::block::BlockType;
    use crate::chance::Chance;
    use crate::lora::Lora;
    use crate::tiny::{self, Changes, Tiny};

    fn seed(words: Option<u32>) -> Seed {
        Seed { topic: "rain".to_owned(), words, ..Seed::default() }
    }

    fn go_on(_: &str) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn a_body_begins_no_line_of_a_plan() {
        let base = tiny::base(1);
        let plans = Plans::of(&base);
        let token = |text: &str| *base.tokenizer.encode(text).first().unwrap();
        for begins in ["#", "("] {
            assert!(plans.first.contains(&token(begins)), "{begins}");
        }
        for other in ["a", ".", "\n", "It"] {
            assert!(!plans.first.contains(&token(other)), "{other}");
        }
        assert!(plans.bracket.contains(&token("(")) && !plans.bracket.contains(&token("#")));
        let of_two_lines = |id: &u32| base.tokenizer.bytes_of(*id).contains(&b'\n');
        assert!(plans.anywhere.iter().all(of_two_lines));
        let prompt = lesson::prompt_for(&base, &seed(None)).unwrap();
        let how = Sampling { temperature: 9.0, min_p: 0.0, max_tokens: 400, ..Sampling::default() };
        let first = |random_seed: u64| {
            let how = Sampling { part: Part::Body, random_seed, max_tokens: 1, ..how.clone() };
            write_after(&base, None, &prompt, None, &how, &mut go_on).unwrap().text
        };
        assert!((0..200).all(|n| !first(n).trim_start().starts_with(['#', '('])));
    }

    #[test]
    fn only_a_plan_counts_its_words_in_brackets() {
        let base = tiny::base(1);
        let plans = Plans::of(&base);
        let four = *base.tokenizer.encode("4").first().unwrap();
        let may_count = |part: Part, text: &str| {
            !plans.not_next(part, text, false).iter().any(|tokens| tokens.contains(&four))
        };
        for line in ["(", "It rained.\n(", "## Rain ("] {
            assert!(!may_count(Part::Whole, line), "{line}");
            assert!(may_count(Part::Plan, line), "{line}");
        }
        for line in ["", "It rained (", "## Rain", "(I was"] {
            assert!(may_count(Part::Whole, line), "{line}");
        }
    }

    #[test]
    fn a_long_request_can_be_broken_off_and_read_on() {
        let base = tiny::base(1);
        let model = Model::new(&base, None);
        let prompt: Vec<u32> = (0..1000).map(|i| (i * 37 % 90) as u32).collect();
        let mut reading = Reading::new(&base);
        let mut asked = 0;
        let mut hear = |_: &str| {
            asked += 1;
            if asked > 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        assert_eq!(reading.read(&model, &prompt, &mut hear), None);
        assert_eq!(reading.tokens, prompt[..2 * STRETCH]);
        let whole = Reading::new(&base).read(&model, &prompt, &mut go_on);
        assert!(whole == reading.read(&model, &prompt, &mut go_on));
        let how = Sampling { max_tokens: 4, ..Sampling::default() };
        let mut stop = |_: &str| ControlFlow::Break(());
        let written = write_after(&base, None, &prompt, None, &how, &mut stop).unwrap();
        assert_eq!((written.text.as_str(), written.ended), ("", Ended::Stopped));
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
    fn what_was_read_before_changes_no_bit_of_what_comes_next() {
        let tokens = |n: usize, from: usize| (from..from + n).map(|i| (i * 37 % 90) as u32);
        let same = |n: usize| tokens(n, 0).collect::<Vec<_>>();
        let parting = |at: usize, n: usize| tokens(at, 0).chain(tokens(n - at, 9)).collect();
        for block in [BlockType::F32, BlockType::Q8_0, BlockType::Q4_1] {
            let base = Tiny { block, ..Tiny::default() }.base();
            let mut lora = Lora::fresh(&base, 4, 8.0, 0.0, 1);
            let mut chance = Chance::new(3);
            lora.tensors_mut().for_each(|tensor| tensor.fill_with(|| chance.uniform() - 0.5));
            let model = Model::new(&base, Some(&lora));
            let mut reading = Reading::new(&base);
            for prompt in [600, 600, 258, 257, 256, 3, 1, 513, 514, 769]
                .map(same)
                .into_iter()
                .chain([parting(300, 700), parting(256, 600), parting(257, 258)])
            {
                let warm = reading.read(&model, &prompt, &mut go_on);
                let cold = Reading::new(&base).read(&model, &prompt, &mut go_on);
                let whole = model.forward(&prompt, &mut Cache::new(&base));
                assert!(
                    cold.as_ref() == Some(&whole),
                    "{block:?}, {} tokens at once",
                    prompt.len()
                );
                assert!(warm == cold, "{block:?}, {} tokens", prompt.len());
                model.forward(&[7], &mut reading.cache); // something written
                reading.end();
            }
        }
    }

    #[test]
    fn a_second_draft_is_as_the_first_would_be() {
        let base = tiny::base(1);
        let how = Sampling { max_tokens: 40, ..Sampling::default() };
        let prompt: Vec<u32> = (0..100).collect();
        let mut reading = Reading::new(&base);
        let mut draft =
            || write_on(&mut reading, &base, None, &prompt, None, &how, &mut go_on).unwrap().text;
        assert_eq!(draft(), draft());
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
    fn what_was_said_is_not_said_again() {
        let base = tiny::base(1);
        let prompt = lesson::prompt_for(&base, &seed(None)).unwrap();
        let how = Sampling { max_tokens: 24, ..Sampling::default() };
        let on = |said: &[u32]| {
            super::go_on(
                &mut Reading::new(&base),
                &base,
                None,
                &prompt,
                said,
                None,
                &how,
                &mut go_on,
            )
            .unwrap()
            .text
        };
        let first = on(&[]);
        assert_eq!(first, write_after(&base, None, &prompt, None, &how, &mut go_on).unwrap().text);
        // A repeat is weighed from its fourth token on: the same draws come out otherwise.
        assert_ne!(on(&base.tokenizer.encode(&first)), first);
    }

    #[test]
    fn a_draft_of_white_space_ends_before_it_is_long() {
        let weights = Some(tiny::only_white_space as fn(&str, &mut [f32]));
        let bytes = Tiny::default().bytes_with(&Changes { weights, ..Changes::default() });
        let base = Base::read(bytes.into()).unwrap();
        let how = Sampling { max_tokens: 500, ..Sampling::default() };
        let written = write(&base, None, &seed(Some(100)), &how, &mut go_on).unwrap();
        assert_eq!((written.ended, written.tokens, &*written.text), (Ended::NoWords, 64, ""));
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
