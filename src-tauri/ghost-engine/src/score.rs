//! How surprised a base is by a text.
//!
//! A text is scored after its prompt, the two tokenised apart and the end left
//! out (VOICE 5.3). One longer than the context is read in overlapping
//! windows, each token after at least half a window of what came before.

use std::f32::consts::LN_2;
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

/// So many tokens on end, each foretold with more than one half, are said by heart; it is what may be
/// copied in words (VOICE 5.6), and a word is more than a token.
const BY_HEART: usize = 16;

/// Surprise at a text in nats, and how many of its how many tokens are said by heart.
pub(crate) fn heard(
    base: &Base,
    lora: Option<&Lora>,
    prompt: &[u32],
    text: &str,
) -> (f64, [usize; 2]) {
    let nll: Vec<f32> = log_probs(base, lora, prompt, text).into_iter().map(|(_, p)| -p).collect();
    let nats = nll.iter().map(|nll| f64::from(*nll)).sum();
    (nats, [said_by_heart(&nll), nll.len()])
}

fn said_by_heart(nll: &[f32]) -> usize {
    let runs = nll.chunk_by(|a, b| (*a < LN_2) == (*b < LN_2));
    runs.filter(|run| run[0] < LN_2).map(<[f32]>::len).filter(|len| *len >= BY_HEART).sum()
}

/// Surprise at a whole text, in nats.
pub(crate) fn nats(base: &Base, lora: Option<&Lora>, prompt: &[u32], text: &str) -> f64 {
    heard(base, lora, prompt, text).0
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

    #[test]
    fn a_long_run_of_foretold_tokens_is_said_by_heart() {
        let run = |n: usize| vec![0.1f32; n];
        assert_eq!(said_by_heart(&[]), 0);
        assert_eq!(said_by_heart(&run(BY_HEART - 1)), 0);
        assert_eq!(said_by_heart(&run(BY_HEART)), BY_HEART);
        let twice = [run(20), vec![0.7], run(15), vec![3.0], run(16)].concat();
        assert_eq!(said_by_heart(&twice), 36);
    }

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
