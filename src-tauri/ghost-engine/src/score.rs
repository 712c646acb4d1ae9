//! How surprised a base is by a text.
//!
//! A text is scored after its prompt, the two tokenised apart and the end left
//! out (VOICE 5.3). One longer than the context is read in overlapping
//! windows, each token after at least half a window of what came before.

use std::ops::Range;

use crate::adapter::Adapter;
use crate::base::Base;
use crate::lora::Lora;
use crate::model::{Cache, Model};

/// No window is longer, whatever the base was made for.
const WINDOW: usize = 4096;

/// Natural logarithm of each token's probability, with the bytes of `text` it stands for.
pub fn token_log_probs(
    base: &Base,
    adapter: Option<&Adapter>,
    prompt: &[u32],
    text: &str,
) -> Vec<(Range<usize>, f32)> {
    log_probs(base, adapter.map(|adapter| &adapter.lora), prompt, text)
}

/// Bits the base needs for each byte of a text after its prompt; 0 for no text.
pub fn bits_per_byte(base: &Base, adapter: Option<&Adapter>, prompt: &[u32], text: &str) -> f64 {
    let nats = nats(base, adapter.map(|adapter| &adapter.lora), prompt, text);
    if text.is_empty() { 0.0 } else { nats / std::f64::consts::LN_2 / text.len() as f64 }
}

/// Surprise at a whole text, in nats.
pub(crate) fn nats(base: &Base, lora: Option<&Lora>, prompt: &[u32], text: &str) -> f64 {
    -log_probs(base, lora, prompt, text).iter().map(|(_, p)| f64::from(*p)).sum::<f64>()
}

fn log_probs(
    base: &Base,
    lora: Option<&Lora>,
    prompt: &[u32],
    text: &str,
) -> Vec<(Range<usize>, f32)> {
    let tokens = base.tokenizer.encode_with_offsets(text);
    let ids: Vec<u32> = tokens.iter().map(|(id, _)| *id).collect();
    let window = base.shape.context.clamp(16, WINDOW);
    // At most half the window goes to the prompt; its end is what matters.
    let prompt = if ids.len() + prompt.len() <= window {
        prompt
    } else {
        &prompt[prompt.len().saturating_sub(window / 2)..]
    };
    // Without a prompt the first token needs something before it: the end of another text.
    let nothing = [base.tokenizer.special("<|endoftext|>").unwrap_or(0)];
    let prompt = if prompt.is_empty() { &nothing[..] } else { prompt };

    let model = Model::new(base, lora);
    let room = window.saturating_sub(prompt.len()).max(2);
    let (mut from, mut nll) = (0, Vec::with_capacity(ids.len()));
    while from < ids.len() {
        let seen_from = from.saturating_sub(room / 2);
        let to = (seen_from + room).min(ids.len());
        let sequence = [prompt, &ids[seen_from..to]].concat();
        let first = prompt.len() + from - seen_from;
        nll.extend(model.surprise(&sequence, first, &mut Cache::new(base)));
        from = to;
    }
    tokens.into_iter().zip(nll).map(|((_, bytes), nll)| (bytes, -nll)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{lesson, tiny};
    use ghost_core::seed::Seed;

    fn seed(topic: &str) -> Seed {
        Seed { topic: topic.to_owned(), ..Seed::default() }
    }

    #[test]
    fn every_byte_is_accounted_for() {
        let base = tiny::base(1);
        let text = "It rained on the hill.";
        let prompt = lesson::prompt_for(&base, &seed("rain")).unwrap();
        let scored = token_log_probs(&base, None, &prompt, text);
        assert_eq!(scored.first().unwrap().0.start, 0);
        assert_eq!(scored.last().unwrap().0.end, text.len());
        assert!(scored.windows(2).all(|two| two[0].0.end == two[1].0.start));
        assert!(scored.iter().all(|(_, p)| *p < 0.0));
        let bits: f64 = scored.iter().map(|(_, p)| -f64::from(*p) / std::f64::consts::LN_2).sum();
        assert!(
            (bits_per_byte(&base, None, &prompt, text) - bits / text.len() as f64).abs() < 1e-9
        );
        assert_eq!(bits_per_byte(&base, None, &prompt, ""), 0.0);
    }

    #[test]
    fn a_score_is_the_softmax_of_the_logits() {
        let base = tiny::base(1);
        let prompt = lesson::prompt_for(&base, &seed("rain")).unwrap();
        let text = base.tokenizer.encode("It");
        let logits = Model::new(&base, None).forward(&prompt, &mut Cache::new(&base));
        let sum: f32 = logits.iter().map(|l| l.exp()).sum();
        let wanted = logits[text[0] as usize] - sum.ln();
        assert!((token_log_probs(&base, None, &prompt, "It")[0].1 - wanted).abs() < 1e-4);
    }

    #[test]
    fn a_text_longer_than_the_context_is_scored_whole() {
        let mut base = tiny::base(1);
        let text = "It rained on the hill and in the town. ".repeat(30);
        let whole = token_log_probs(&base, None, &[], &text);
        base.shape.context = 64;
        let windowed = token_log_probs(&base, None, &[], &text);
        assert_eq!(windowed.len(), whole.len());
        assert!(windowed.iter().all(|(_, p)| p.is_finite()));
        assert_eq!(windowed[..8], whole[..8], "the first window is the same");
    }
}
