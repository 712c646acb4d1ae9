//! Evaluation of a text: negative log-likelihood, bits per byte, and memorised tokens.
//!
//! A text is scored after its prompt; the two are tokenised separately, and the end token is left out.
//! A text longer than the context is read in overlapping windows, each token after at least half a
//! window of what came before.

use std::f32::consts::LN_2;
use std::ops::Range;

use crate::adapter::Adapter;
use crate::lora::Lora;
use crate::model::Model;

/// The maximum window in tokens, whatever the base was made for.
const MAX_WINDOW: usize = 4096;
/// A run of this many tokens, each predicted with p > 0.5, counts as memorised.
const MEMORISED_RUN: usize = 16;

/// Natural logarithm of each token's probability, with the bytes of `text` that the token covers.
pub fn token_log_probs(
    model: &Model,
    adapter: Option<&Adapter>,
    prompt: &[u32],
    text: &str,
) -> Vec<(Range<usize>, f32)> {
    log_probs(model, adapter.map(|adapter| &adapter.lora), prompt, text)
}

/// Bits that the base needs for each byte of a text after its prompt; 0 for an empty text.
pub fn bits_per_byte(model: &Model, adapter: Option<&Adapter>, prompt: &[u32], text: &str) -> f64 {
    let nll = nll(model, adapter.map(|adapter| &adapter.lora), prompt, text);
    if text.is_empty() { 0.0 } else { nll / std::f64::consts::LN_2 / text.len() as f64 }
}

/// Negative log-likelihood of a text in nats, its memorised tokens and all of its tokens.
pub(crate) fn nll_and_memorised(
    model: &Model,
    lora: Option<&Lora>,
    prompt: &[u32],
    text: &str,
) -> (f64, [usize; 2]) {
    let of_tokens: Vec<f32> =
        log_probs(model, lora, prompt, text).into_iter().map(|(_, p)| -p).collect();
    let nll = of_tokens.iter().map(|nll| f64::from(*nll)).sum();
    (nll, [memorised_tokens(&of_tokens), of_tokens.len()])
}

fn memorised_tokens(nll: &[f32]) -> usize {
    let runs = nll.chunk_by(|a, b| (*a < LN_2) == (*b < LN_2));
    runs.filter(|run| run[0] < LN_2).map(<[f32]>::len).filter(|len| *len >= MEMORISED_RUN).sum()
}

/// Negative log-likelihood of a whole text, in nats.
pub(crate) fn nll(model: &Model, lora: Option<&Lora>, prompt: &[u32], text: &str) -> f64 {
    nll_and_memorised(model, lora, prompt, text).0
}

fn log_probs(
    model: &Model,
    lora: Option<&Lora>,
    prompt: &[u32],
    text: &str,
) -> Vec<(Range<usize>, f32)> {
    let tokens = model.tokenizer.encode_with_offsets(text);
    let ids: Vec<u32> = tokens.iter().map(|(id, _)| *id).collect();
    let window = model.config.context.clamp(16, MAX_WINDOW);
    // At most half the window goes to the prompt; its end matters most.
    let prompt = if ids.len() + prompt.len() <= window {
        prompt
    } else {
        &prompt[prompt.len().saturating_sub(window / 2)..]
    };
    // Without a prompt the first token needs something before it: the end of another text.
    let no_prompt = [model.tokenizer.special("<|endoftext|>").unwrap_or(0)];
    let prompt = if prompt.is_empty() { &no_prompt[..] } else { prompt };

    let capacity = window.saturating_sub(prompt.len()).max(2);
    let (mut from, mut nll) = (0, Vec::with_capacity(ids.len()));
    while from < ids.len() {
        let read_from = from.saturating_sub(capacity / 2);
        let to = (read_from + capacity).min(ids.len());
        let sequence = [prompt, &ids[read_from..to]].concat();
        nll.extend(model.token_nll(lora, &sequence, prompt.len() + from - read_from));
        from = to;
    }
    tokens.into_iter().zip(nll).map(|((_, bytes), nll)| (bytes, -nll)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{prompt, tiny};
    use ghost_core::seed::Seed;

    #[test]
    fn a_long_run_of_predicted_tokens_is_memorised() {
        let run = |n: usize| vec![0.1f32; n];
        assert_eq!(memorised_tokens(&[]), 0);
        assert_eq!(memorised_tokens(&run(MEMORISED_RUN - 1)), 0);
        assert_eq!(memorised_tokens(&run(MEMORISED_RUN)), MEMORISED_RUN);
        let twice = [run(20), vec![0.7], run(15), vec![3.0], run(16)].concat();
        assert_eq!(memorised_tokens(&twice), 36);
    }

    fn seed(topic: &str) -> Seed {
        Seed { topic: topic.to_owned(), ..Seed::default() }
    }

    #[test]
    fn every_byte_is_accounted_for() {
        let model = tiny::model(1);
        let text = "It rained on the hill.";
        let prompt = prompt::for_seed(&model, &seed("rain")).unwrap();
        let scored = token_log_probs(&model, None, &prompt, text);
        assert_eq!(scored.first().unwrap().0.start, 0);
        assert_eq!(scored.last().unwrap().0.end, text.len());
        assert!(scored.windows(2).all(|two| two[0].0.end == two[1].0.start));
        assert!(scored.iter().all(|(_, p)| *p < 0.0));
        let bits: f64 = scored.iter().map(|(_, p)| -f64::from(*p) / std::f64::consts::LN_2).sum();
        assert!(
            (bits_per_byte(&model, None, &prompt, text) - bits / text.len() as f64).abs() < 1e-9
        );
        assert_eq!(bits_per_byte(&model, None, &prompt, ""), 0.0);
    }

    #[test]
    fn a_score_is_the_softmax_of_the_logits() {
        let model = tiny::model(1);
        let prompt = prompt::for_seed(&model, &seed("rain")).unwrap();
        let text = model.tokenizer.encode("It");
        let logits = model.forward(None, &prompt, &mut model.new_kv_cache());
        let sum: f32 = logits.iter().map(|l| l.exp()).sum();
        let wanted = logits[text[0] as usize] - sum.ln();
        assert!((token_log_probs(&model, None, &prompt, "It")[0].1 - wanted).abs() < 1e-4);
    }

    #[test]
    fn a_text_longer_than_the_context_is_scored_whole() {
        let mut base = tiny::base(1);
        let model = tiny::on_cpu(base.clone());
        let text = "It rained on the hill and in the town. ".repeat(30);
        let whole = token_log_probs(&model, None, &[], &text);
        base.config.context = 64;
        let model = tiny::on_cpu(base);
        let windowed = token_log_probs(&model, None, &[], &text);
        assert_eq!(windowed.len(), whole.len());
        assert!(windowed.iter().all(|(_, p)| p.is_finite()));
        assert_eq!(windowed[..8], whole[..8], "the first window is the same");
    }
}
