//! Generates a draft: a prompt in, text out as it comes.
//!
//! Models track length poorly, so `stopping` decides where a draft ends.

mod banned_tokens;
mod prefix_cache;
pub mod repetition;
pub mod sampler;
mod stall;
mod stopping;

use std::ops::ControlFlow;
use std::time::Instant;

use ghost_core::words::GrowingCount;

use self::banned_tokens::{BannedTokens, mask_logits};
pub use self::prefix_cache::PrefixCache;
use crate::adapter::Adapter;
use crate::backend::KvCache;
use crate::error::Result;
use crate::generate::repetition::TokenBoundary;
use crate::generate::sampler::{Sampler, Sampling};
use crate::generate::stall::StallDetector;
use crate::generate::stopping::LengthConstraint;
use crate::model::Model;

/// A request to generate a draft.
#[derive(Clone, Copy, Debug)]
pub struct GenerateRequest<'a> {
    /// The adapter to generate with.
    pub adapter: Option<&'a Adapter>,
    /// The prompt.
    pub prompt: &'a [u32],
    /// Tokens of the same draft that are written already. They are not repeated; how much of them the
    /// prompt ends with is up to the caller.
    pub written: &'a [u32],
    /// The length of what is generated, in words; without one the model ends where it likes.
    pub words: Option<u32>,
    /// The sampling parameters.
    pub sampling: &'a Sampling,
}

/// A finished draft.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// The text.
    pub text: String,
    /// Tokens generated.
    pub tokens: usize,
    /// From the request to the last word.
    pub seconds: f32,
    /// Tokens generated in a second, without the time to read the prompt.
    pub tokens_per_second: f32,
    /// The reason it ends where it does.
    pub finish_reason: FinishReason,
}

/// The reason a draft ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it.
    EndToken,
    /// It has the requested length, or the maximum length.
    Length,
    /// The caller cancelled it.
    Cancelled,
    /// It brought no words for too long: white space, markup, or one line repeated.
    NoWords,
}

/// Generates a draft. Each piece of whole characters goes to `on_text`, and an empty one now and then
/// while the prompt is read; `Break` cancels.
///
/// # Errors
/// `Bug` where the model gives no usable logits.
pub fn generate(
    model: &Model,
    cache: &mut PrefixCache,
    request: &GenerateRequest,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Generation> {
    let generation = generate_from(model, cache, request, on_text);
    cache.forget_generated();
    generation
}

fn generate_from(
    model: &Model,
    cache: &mut PrefixCache,
    request: &GenerateRequest,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Generation> {
    let started = Instant::now();
    let GenerateRequest { adapter, prompt, written, words, sampling } = *request;
    let (lora, tokenizer) = (adapter.map(|adapter| &adapter.lora), &model.tokenizer);
    let end_tokens: Vec<u32> =
        (0..tokenizer.vocab_size() as u32).filter(|id| tokenizer.is_end(*id)).collect();
    let banned = BannedTokens::new(model);
    // A section that begins with the marks of a heading finds its words first.
    let finds_heading =
        written.last().is_some_and(|token| tokenizer.bytes_of(*token).ends_with(b"#"));
    let length = LengthConstraint { words };
    let mut sampler = Sampler::new(sampling);
    let mut last_byte = b'\n';
    let mut push = |sampler: &mut Sampler, token: u32| {
        let bytes = tokenizer.bytes_of(token);
        sampler.push(token, TokenBoundary::of(bytes, last_byte));
        last_byte = bytes.last().copied().unwrap_or(last_byte);
    };
    written.iter().for_each(|token| push(&mut sampler, *token));
    let mut characters = tokenizer.decode_stream();
    let (mut text, mut tokens) = (String::new(), 0);
    let (mut counted, mut n_words) = (GrowingCount::default(), 0);
    let mut stall = StallDetector::default();
    // The length of the text up to its last word.
    let mut with_words = 0;
    let logits = cache.read(model, lora, prompt, on_text);
    let kv = &mut cache.kv;
    let decoding = Instant::now();
    let is_cancelled = logits.is_none();
    let mut logits = logits.unwrap_or_default();
    let finish_reason = loop {
        if is_cancelled {
            break FinishReason::Cancelled;
        }
        if length.is_too_short(n_words) {
            mask_logits(&mut logits, &end_tokens);
        }
        for tokens in banned.after(sampling.constraint, &text, finds_heading) {
            mask_logits(&mut logits, tokens);
        }
        if tokens >= sampling.max_tokens || kv.len() >= model.config.context || logits.is_empty() {
            break FinishReason::Length;
        }
        let token = sampler.next(&mut logits)?;
        if tokenizer.is_end(token) {
            break FinishReason::EndToken;
        }
        tokens += 1;
        push(&mut sampler, token);
        let piece = characters.push(token);
        let has_words = stall.push(piece.as_deref().unwrap_or_default());
        if let Some(piece) = piece {
            text.push_str(&piece);
            if has_words {
                with_words = text.len();
            }
            if on_text(&piece).is_break() {
                break FinishReason::Cancelled;
            }
            n_words = counted.of(&text);
            if length.ends(n_words, &text) {
                break FinishReason::Length;
            }
        }
        if stall.is_too_long() {
            text.truncate(with_words);
            break FinishReason::NoWords;
        }
        logits = model.forward(lora, &[token], kv);
    };
    let tokens_per_second = tokens as f32 / decoding.elapsed().as_secs_f32().max(1e-6);
    let seconds = started.elapsed().as_secs_f32();
    Ok(Generation { text, tokens, seconds, tokens_per_second, finish_reason })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::backend::PREFILL_CHUNK;
    use crate::base::Base;
    use crate::generate::sampler::ConstraintMode;
    use crate::lora::Lora;
    use crate::prompt;
    use crate::quant::ggml::GgmlType;
    use crate::tiny::{self, Changes, Tiny};
    use ghost_core::rng::Rng;
    use ghost_core::seed::Seed;

    fn seed(words: Option<u32>) -> Seed {
        Seed { topic: "rain".to_owned(), words, ..Seed::default() }
    }

    /// A request for a prompt, without an adapter.
    fn request<'a>(
        prompt: &'a [u32],
        words: Option<u32>,
        sampling: &'a Sampling,
    ) -> GenerateRequest<'a> {
        GenerateRequest { adapter: None, prompt, written: &[], words, sampling }
    }

    /// A draft for a seed, from an empty cache.
    fn draft(
        model: &Model,
        seed: &Seed,
        sampling: &Sampling,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Generation {
        let prompt = prompt::for_seed(model, seed).unwrap();
        let request = request(&prompt, seed.words, sampling);
        generate(model, &mut PrefixCache::new(model), &request, on_text).unwrap()
    }

    fn continue_(_: &str) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn a_body_does_not_begin_a_line_of_a_plan() {
        let model = tiny::model(1);
        let banned = BannedTokens::new(&model);
        let token = |text: &str| *model.tokenizer.encode(text).first().unwrap();
        for begins in ["#", "("] {
            assert!(banned.first.contains(&token(begins)), "{begins}");
        }
        for other in ["a", ".", "\n", "It"] {
            assert!(!banned.first.contains(&token(other)), "{other}");
        }
        assert!(banned.bracket.contains(&token("(")) && !banned.bracket.contains(&token("#")));
        let of_two_lines = |id: &u32| model.tokenizer.bytes_of(*id).contains(&b'\n');
        assert!(banned.anywhere.iter().all(of_two_lines));
        let prompt = prompt::for_seed(&model, &seed(None)).unwrap();
        let how = Sampling { temperature: 9.0, min_p: 0.0, max_tokens: 400, ..Sampling::default() };
        let first = |random_seed: u64| {
            let how = Sampling {
                constraint: ConstraintMode::Body,
                random_seed,
                max_tokens: 1,
                ..how.clone()
            };
            let request = request(&prompt, None, &how);
            generate(&model, &mut PrefixCache::new(&model), &request, &mut continue_).unwrap().text
        };
        assert!((0..200).all(|n| !first(n).trim_start().starts_with(['#', '('])));
    }

    #[test]
    fn only_a_plan_has_word_counts_in_brackets() {
        let model = tiny::model(1);
        let banned = BannedTokens::new(&model);
        let four = *model.tokenizer.encode("4").first().unwrap();
        let may_count = |mode: ConstraintMode, text: &str| {
            !banned.after(mode, text, false).iter().any(|tokens| tokens.contains(&four))
        };
        for line in ["(", "It rained.\n(", "## Rain ("] {
            assert!(!may_count(ConstraintMode::Whole, line), "{line}");
            assert!(may_count(ConstraintMode::Plan, line), "{line}");
        }
        for line in ["", "It rained (", "## Rain", "(I was"] {
            assert!(may_count(ConstraintMode::Whole, line), "{line}");
        }
    }

    #[test]
    fn reading_a_long_prompt_can_be_cancelled_and_resumed() {
        let model = tiny::model(1);
        let prompt: Vec<u32> = (0..1000).map(|i| (i * 37 % 90) as u32).collect();
        let mut cache = PrefixCache::new(&model);
        let mut asked = 0;
        let mut cancel_third = |_: &str| {
            asked += 1;
            if asked > 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        assert_eq!(cache.read(&model, None, &prompt, &mut cancel_third), None);
        assert_eq!(cache.tokens, prompt[..2 * PREFILL_CHUNK]);
        let whole = PrefixCache::new(&model).read(&model, None, &prompt, &mut continue_);
        assert!(whole == cache.read(&model, None, &prompt, &mut continue_));
        let how = Sampling { max_tokens: 4, ..Sampling::default() };
        let mut cancel = |_: &str| ControlFlow::Break(());
        let request = request(&prompt, None, &how);
        let cancelled = generate(&model, &mut cache, &request, &mut cancel).unwrap();
        assert_eq!((&*cancelled.text, cancelled.finish_reason), ("", FinishReason::Cancelled));
    }

    #[test]
    fn the_same_seed_gives_the_same_draft() {
        let model = tiny::model(1);
        let how = Sampling { max_tokens: 40, ..Sampling::default() };
        let draft = |random_seed| {
            let how = Sampling { random_seed, ..how.clone() };
            draft(&model, &seed(None), &how, &mut continue_).text
        };
        assert_eq!(draft(1), draft(1));
        assert_ne!(draft(1), draft(2));
    }

    #[test]
    fn the_prefix_cache_changes_no_bit_of_the_logits() {
        let tokens = |n: usize, from: usize| (from..from + n).map(|i| (i * 37 % 90) as u32);
        let same = |n: usize| tokens(n, 0).collect::<Vec<_>>();
        let parting = |at: usize, n: usize| tokens(at, 0).chain(tokens(n - at, 9)).collect();
        for block in [GgmlType::F32, GgmlType::Q8_0, GgmlType::Q4_1] {
            let model = tiny::on_cpu(Tiny { block, ..Tiny::default() }.base());
            let mut lora = Lora::fresh(&model, 4, 8.0, 0.0, 1);
            let mut rng = Rng::new(3);
            lora.tensors_mut().for_each(|tensor| tensor.fill_with(|| rng.next_f32() - 0.5));
            let lora = Some(&lora);
            let mut cache = PrefixCache::new(&model);
            for prompt in [600, 600, 258, 257, 256, 3, 1, 513, 514, 769]
                .map(same)
                .into_iter()
                .chain([parting(300, 700), parting(256, 600), parting(257, 258)])
            {
                let warm = cache.read(&model, lora, &prompt, &mut continue_);
                let cold = PrefixCache::new(&model).read(&model, lora, &prompt, &mut continue_);
                let whole = model.forward(lora, &prompt, &mut model.new_kv_cache());
                assert!(
                    cold.as_ref() == Some(&whole),
                    "{block:?}, {} tokens at once",
                    prompt.len()
                );
                assert!(warm == cold, "{block:?}, {} tokens", prompt.len());
                model.forward(lora, &[7], &mut cache.kv); // something generated
                cache.forget_generated();
            }
        }
    }

    #[test]
    fn a_second_draft_from_the_cache_is_the_same() {
        let model = tiny::model(1);
        let how = Sampling { max_tokens: 40, ..Sampling::default() };
        let prompt: Vec<u32> = (0..100).collect();
        let mut cache = PrefixCache::new(&model);
        let request = request(&prompt, None, &how);
        let mut draft = || generate(&model, &mut cache, &request, &mut continue_).unwrap().text;
        assert_eq!(draft(), draft());
    }

    #[test]
    fn the_pieces_are_the_text() {
        let model = tiny::model(1);
        let how = Sampling { max_tokens: 60, ..Sampling::default() };
        let mut pieces = String::new();
        let generation = draft(&model, &seed(None), &how, &mut |piece| {
            pieces.push_str(piece);
            ControlFlow::Continue(())
        });
        assert_eq!(generation.text, pieces);
        assert!(generation.tokens <= 60);
    }

    #[test]
    fn what_is_written_already_is_not_repeated() {
        let model = tiny::model(1);
        let prompt = prompt::for_seed(&model, &seed(None)).unwrap();
        let how = Sampling { max_tokens: 24, ..Sampling::default() };
        let after = |written: &[u32]| {
            let request = GenerateRequest { written, ..request(&prompt, None, &how) };
            generate(&model, &mut PrefixCache::new(&model), &request, &mut continue_).unwrap().text
        };
        let first = after(&[]);
        // A repeat costs from its fifth token on; otherwise the same tokens would be drawn.
        assert_ne!(after(&model.tokenizer.encode(&first)), first);
    }

    #[test]
    fn a_draft_of_white_space_ends_early() {
        let weights = Some(tiny::only_white_space as fn(&str, &mut [f32]));
        let bytes = Tiny::default().bytes_with(&Changes { weights, ..Changes::default() });
        let model = tiny::on_cpu(Base::read(bytes.into()).unwrap());
        let how = Sampling { max_tokens: 500, ..Sampling::default() };
        let blank = draft(&model, &seed(Some(100)), &how, &mut continue_);
        assert_eq!(
            (blank.finish_reason, blank.tokens, &*blank.text),
            (FinishReason::NoWords, 64, "")
        );
    }

    #[test]
    fn a_draft_can_be_cancelled() {
        let model = tiny::model(1);
        let how = Sampling { max_tokens: 500, ..Sampling::default() };
        let mut pieces = 0;
        let generation = draft(&model, &seed(None), &how, &mut |_| {
            pieces += 1;
            if pieces == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((generation.finish_reason, pieces), (FinishReason::Cancelled, 3));
    }
}
