//! How likely a stretch of words and marks is for one writer and for others: the first member of a
//! voice (LambdaG, VOICE 5.2).
//!
//! An interpolated Witten-Bell model of order four over skeletons. Counts can be taken away again,
//! so that a piece is judged by the rest of its archive without reading the rest anew.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::skeleton::{Skeleton, Symbol, grammar, grammar_alphabet};

/// Symbols a probability looks at, its own included.
const ORDER: usize = 4;
/// Bits of one symbol in a key.
const BITS: u32 = 10;

/// Keys are small whole numbers of ours: one multiplication scatters them.
#[derive(Default, Clone)]
pub(super) struct Scatter(u64);

impl Hasher for Scatter {
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

type Map<V> = HashMap<u64, V, BuildHasherDefault<Scatter>>;

/// Of a context: how often it occurs, and with how many different symbols after it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Context {
    times: u32,
    kinds: u32,
}

/// How often every run of up to four symbols occurs.
#[derive(Debug, Clone, Default)]
pub(super) struct Grammar {
    runs: Map<u32>,
    contexts: Map<Context>,
}

impl Grammar {
    pub(super) fn of<'a>(skeletons: impl IntoIterator<Item = &'a Skeleton>) -> Grammar {
        let mut found = Grammar::default();
        for skeleton in skeletons {
            for keys in keys(skeleton) {
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

    /// The same without what was counted in `skeletons`, which must have been counted here.
    pub(super) fn without<'a>(&self, skeletons: impl IntoIterator<Item = &'a Skeleton>) -> Grammar {
        let mut left = self.clone();
        for skeleton in skeletons {
            for keys in keys(skeleton) {
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

    /// Bits of a symbol's surprise, given as its keys from the shortest context to the longest.
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

    /// Bits a symbol that `self` saves on `other` for this text.
    pub(super) fn saves_on(&self, other: &Grammar, text: &Skeleton) -> f64 {
        let (mut saved, mut n) = (0.0, 0usize);
        for keys in keys(text) {
            saved += other.bits(&keys) - self.bits(&keys);
            n += 1;
        }
        saved / n.max(1) as f64
    }
}

/// For each symbol its contexts and runs, from the shortest to the longest. A text begins as a
/// paragraph does.
fn keys(skeleton: &Skeleton) -> impl Iterator<Item = [(u64, u64); ORDER]> {
    let mut before: [Symbol; ORDER - 1] = [super::skeleton::PARAGRAPH; ORDER - 1];
    skeleton.symbols().iter().map(move |&symbol| {
        let symbol = grammar(symbol);
        let mut keys = [(0, 0); ORDER];
        let mut context = 1u64; // a leading one: runs of different lengths have different keys
        for (length, key) in keys.iter_mut().enumerate() {
            if length > 0 {
                let further = u64::from(before[ORDER - 1 - length]);
                // Built from the symbol backwards: further back stands higher.
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

    fn of(text: &str) -> Skeleton {
        Skeleton::of(text)
    }

    #[test]
    fn one_saves_on_the_other_what_it_has_seen() {
        let own = [of("I think it is so, and so it is."), of("I think that it was so.")];
        let others = [of("Behold: there are they who were not of those.")];
        let (own, other) = (Grammar::of(&own), Grammar::of(&others));
        assert!(own.saves_on(&other, &of("I think it was so.")) > 0.3);
        assert!(own.saves_on(&other, &of("Behold: there are they.")) < -0.3);
        assert_eq!(own.saves_on(&own, &of("Anything, whatever it is.")), 0.0);
        assert_eq!(own.saves_on(&other, &of("")), 0.0);
    }

    #[test]
    fn what_is_taken_away_was_never_there() {
        let texts = [of("I am here, and you are there."), of("I am not here."), of("We are.")];
        let left = Grammar::of(&texts).without(&texts[1..2]);
        let never = Grammar::of([&texts[0], &texts[2]]);
        for text in ["I am not here.", "We are here, and I am not.", "Who?"] {
            assert_eq!(left.saves_on(&never, &of(text)), 0.0, "{text}");
        }
    }

    #[test]
    fn probabilities_of_all_symbols_add_up_to_one() {
        let grammar = Grammar::of(&[of("It is, and it is not, and that is it.")]);
        let text = of("it is and");
        let keys = keys(&text).last().unwrap();
        let all: f64 = (0..grammar_alphabet() as u64)
            .map(|symbol| {
                let keys = keys.map(|(context, _)| (context, (context << BITS) | symbol | 1 << 63));
                (-grammar.bits(&keys)).exp2()
            })
            .sum();
        assert!((all - 1.0).abs() < 1e-9, "{all}");
    }
}
