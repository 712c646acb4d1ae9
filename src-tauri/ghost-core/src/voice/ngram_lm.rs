//! An n-gram language model over masked text, and the likelihood ratio of two of them: the first member
//! of a voice (LambdaG, Nini et al. 2025).
//!
//! The model is an interpolated Witten-Bell model of order four. Counts can be subtracted again, so
//! that a piece is scored by the rest of its archive without reading the rest once more.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::masked_text::{MaskedText, Symbol, grammar, grammar_alphabet};

/// Order of the model: symbols in an n-gram.
const ORDER: usize = 4;
/// Bits per symbol in a key.
const BITS: u32 = 10;

/// A hasher for keys that are small whole numbers: one multiplication spreads them.
#[derive(Default, Clone)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

type Map<V> = HashMap<u64, V, BuildHasherDefault<KeyHasher>>;

/// A context: its count, and the number of different symbols after it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Context {
    times: u32,
    kinds: u32,
}

/// Counts of all n-grams up to order four.
#[derive(Debug, Clone, Default)]
pub(super) struct NgramModel {
    runs: Map<u32>,
    contexts: Map<Context>,
}

impl NgramModel {
    pub(super) fn of<'a>(texts: impl IntoIterator<Item = &'a MaskedText>) -> NgramModel {
        let mut found = NgramModel::default();
        for text in texts {
            for keys in keys(text) {
                for (context, run) in keys {
                    let times = found.runs.entry(run).or_default();
                    *times += 1;
                    let new = *times == 1;
                    let context = found.contexts.entry(context).or_default();
                    context.times += 1;
                    context.kinds += u32::from(new);
                }
            }
        }
        found
    }

    /// The model without the counts of `texts`, which must have been counted in it.
    pub(super) fn without<'a>(
        &self,
        texts: impl IntoIterator<Item = &'a MaskedText>,
    ) -> NgramModel {
        let mut left = self.clone();
        for text in texts {
            for keys in keys(text) {
                for (context, run) in keys {
                    let Some(times) = left.runs.get_mut(&run).filter(|times| **times > 0) else {
                        continue;
                    };
                    *times -= 1;
                    let gone = *times == 0;
                    if let Some(context) = left.contexts.get_mut(&context) {
                        context.times -= 1;
                        context.kinds -= u32::from(gone);
                    }
                }
            }
        }
        left
    }

    /// The bits of a symbol (negative log2 probability), given its keys from the shortest context to
    /// the longest.
    fn bits(&self, keys: &[(u64, u64); ORDER]) -> f64 {
        let mut p = 1.0 / grammar_alphabet() as f64;
        for (context, run) in keys {
            let seen = self.contexts.get(context).copied().unwrap_or_default();
            if seen.times == 0 {
                break;
            }
            let (times, kinds) = (f64::from(seen.times), f64::from(seen.kinds));
            let own = f64::from(self.runs.get(run).copied().unwrap_or(0));
            p = (own + kinds * p) / (times + kinds);
        }
        -p.log2()
    }

    /// The bits per symbol that `self` saves over `other` on this text.
    pub(super) fn bits_saved_over(&self, other: &NgramModel, text: &MaskedText) -> f64 {
        let (mut saved, mut n) = (0.0, 0usize);
        for keys in keys(text) {
            saved += other.bits(&keys) - self.bits(&keys);
            n += 1;
        }
        saved / n.max(1) as f64
    }
}

/// Contexts and n-grams of each symbol, from the shortest to the longest. A text begins like a
/// paragraph.
fn keys(text: &MaskedText) -> impl Iterator<Item = [(u64, u64); ORDER]> {
    let mut before: [Symbol; ORDER - 1] = [super::masked_text::PARAGRAPH; ORDER - 1];
    text.symbols().iter().map(move |&symbol| {
        let symbol = grammar(symbol);
        let mut keys = [(0, 0); ORDER];
        let mut context = 1u64; // a leading one: runs of different lengths have different keys
        for (length, key) in keys.iter_mut().enumerate() {
            if length > 0 {
                let further = u64::from(before[ORDER - 1 - length]);
                // Built backwards from the symbol: earlier symbols are in higher bits.
                let shift = BITS * (length as u32 - 1);
                context = (context ^ (1 << shift)) | (further << shift) | (1 << (shift + BITS));
            }
            *key = (context, (context << BITS) | u64::from(symbol) | 1 << 63);
        }
        before.rotate_left(1);
        before[ORDER - 2] = symbol;
        keys
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(text: &str) -> MaskedText {
        MaskedText::of(text)
    }

    #[test]
    fn a_model_saves_bits_on_what_it_has_seen() {
        let own = [of("I think it is so, and so it is."), of("I think that it was so.")];
        let others = [of("Behold: there are they who were not of those.")];
        let (own, other) = (NgramModel::of(&own), NgramModel::of(&others));
        assert!(own.bits_saved_over(&other, &of("I think it was so.")) > 0.3);
        assert!(own.bits_saved_over(&other, &of("Behold: there are they.")) < -0.3);
        assert_eq!(own.bits_saved_over(&own, &of("Anything, whatever it is.")), 0.0);
        assert_eq!(own.bits_saved_over(&other, &of("")), 0.0);
    }

    #[test]
    fn subtracted_counts_leave_no_trace() {
        let texts = [of("I am here, and you are there."), of("I am not here."), of("We are.")];
        let left = NgramModel::of(&texts).without(&texts[1..2]);
        let never = NgramModel::of([&texts[0], &texts[2]]);
        for text in ["I am not here.", "We are here, and I am not.", "Who?"] {
            assert_eq!(left.bits_saved_over(&never, &of(text)), 0.0, "{text}");
        }
    }

    #[test]
    fn probabilities_sum_to_one() {
        let model = NgramModel::of(&[of("It is, and it is not, and that is it.")]);
        let text = of("it is and");
        let keys = keys(&text).last().unwrap();
        let all: f64 = (0..grammar_alphabet() as u64)
            .map(|symbol| {
                let keys = keys.map(|(context, _)| (context, (context << BITS) | symbol | 1 << 63));
                (-model.bits(&keys)).exp2()
            })
            .sum();
        assert!((all - 1.0).abs() < 1e-9, "{all}");
    }
}
