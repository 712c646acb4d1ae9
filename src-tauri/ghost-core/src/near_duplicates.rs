//! Finds the texts of an archive that are near duplicates of each other, whatever they are called.
//!
//! Two texts are near duplicates if they share more than a tenth of their five-word shingles
//! (Broder 1997). Only shingles that occur in a second text need to be compared, and of the millions
//! in an archive few do.

use std::collections::{BTreeMap, HashSet};

use crate::measure::Shingles;
use crate::sketch::BloomFilter;

/// A search for near duplicates that does not hold the texts. Each text is passed twice, in the same
/// order: first to [`NearDuplicates::first_pass`], then to [`NearDuplicates::second_pass`].
///
/// The first pass finds the shingles that occur in a second text; the second keeps those. Where
/// texts share very many, only a sample of them is kept, so that memory stays bounded.
#[derive(Debug, Default)]
pub struct NearDuplicates {
    in_one_text: BloomFilter,
    in_two_texts: BloomFilter,
    /// For each text: the number of its shingles, and those that (almost certainly) occur in another.
    texts: Vec<(usize, Vec<u64>)>,
    /// The number of shingles in `texts`.
    held: usize,
    /// Binary logarithm of the sampling rate: one shingle in `2^sampling` is kept. The shingle's own
    /// number decides, so the sample is the same in all texts.
    sampling: u32,
}

/// The share of common shingles above which two texts are near duplicates.
pub const MAX_SHARED: f64 = 0.1;
/// Shingles kept over all texts.
const MAX_HELD: usize = 1 << 20;

/// Texts to compare others with.
#[derive(Debug, Default)]
pub struct KnownTexts {
    texts: Vec<Shingles>,
    /// The shingles of all texts. Most queries share none of them and need no further comparison.
    shingles: HashSet<u64>,
}

impl KnownTexts {
    /// Reads the texts.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> KnownTexts {
        let texts: Vec<Shingles> = texts.into_iter().map(Shingles::of).collect();
        let shingles = texts.iter().flat_map(Shingles::iter).collect();
        KnownTexts { texts, shingles }
    }

    /// The similarity of a text to the known text most like it ([`Shingles::likeness`]).
    pub fn likeness(&self, text: &str) -> f64 {
        if self.texts.is_empty() {
            return 0.0;
        }
        let own = Shingles::of(text);
        let shared = own.iter().filter(|shingle| self.shingles.contains(shingle)).count();
        if shared as f64 <= MAX_SHARED * own.len() as f64 {
            // The share of known shingles bounds the likeness from above.
            return shared as f64 / own.len().max(1) as f64;
        }
        self.texts.iter().map(|text| text.likeness(&own)).fold(0.0, f64::max)
    }
}

impl NearDuplicates {
    /// Runs both passes over texts that are in memory.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> NearDuplicates {
        let mut near = NearDuplicates::default();
        texts.clone().for_each(|text| near.first_pass(text));
        texts.for_each(|text| near.second_pass(text));
        near
    }

    /// Takes a text in the first pass.
    pub fn first_pass(&mut self, text: &str) {
        for shingle in Shingles::of(text).iter() {
            if self.in_one_text.insert(shingle) {
                self.in_two_texts.insert(shingle);
            }
        }
    }

    /// Takes a text in the second pass.
    pub fn second_pass(&mut self, text: &str) {
        let own = Shingles::of(text);
        let is_shared =
            |&run: &u64| self.in_two_texts.contains(run) && is_sampled(run, self.sampling);
        let shared: Vec<u64> = own.iter().filter(is_shared).collect();
        self.held += shared.len();
        self.texts.push((own.len(), shared));
        while self.held > MAX_HELD {
            self.sampling += 1;
            for (_, runs) in &mut self.texts {
                runs.retain(|&run| is_sampled(run, self.sampling));
                runs.shrink_to_fit();
            }
            self.held = self.texts.iter().map(|(_, runs)| runs.len()).sum();
        }
    }

    /// Pairs of near duplicates, as positions of texts.
    pub(crate) fn pairs(&self) -> Vec<(usize, usize)> {
        let texts = self.texts.iter().zip(0u32..);
        let mut found_in: Vec<(u64, u32)> =
            texts.flat_map(|((_, runs), n)| runs.iter().map(move |&run| (run, n))).collect();
        found_in.sort_unstable();
        let mut near = Vec::new();
        let mut shared = vec![0usize; self.texts.len()];
        // Positions at which `shared` is not 0.
        let mut touched: Vec<usize> = Vec::new();
        for (n, (len, own)) in self.texts.iter().enumerate() {
            for run in own {
                let first = found_in.partition_point(|(other, _)| other < run);
                let others = found_in[first..].iter().map(|&(_, other)| other as usize);
                // Sorted, so the texts before this one come first, and then this one.
                for other in others.take_while(|&other| other < n) {
                    if shared[other] == 0 {
                        touched.push(other);
                    }
                    shared[other] += 1;
                }
            }
            touched.sort_unstable();
            for other in touched.drain(..) {
                let both = std::mem::take(&mut shared[other]) << self.sampling;
                // An estimate from a sample may exceed the true count.
                let either = (len + self.texts[other].0).saturating_sub(both);
                if both as f64 > MAX_SHARED * either as f64 {
                    near.push((other, n));
                }
            }
        }
        near
    }
}

/// True if a shingle belongs to the sample of one in `2^sampling`.
fn is_sampled(run: u64, sampling: u32) -> bool {
    run.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40 & ((1 << sampling) - 1) == 0
}

/// The connected components of the numbers below `n` under these pairs (union-find).
pub(crate) fn connected_components(
    n: usize,
    pairs: impl Iterator<Item = (usize, usize)>,
) -> Vec<Vec<usize>> {
    let mut roots: Vec<usize> = (0..n).collect();
    for (a, b) in pairs {
        let (a, b) = (root(&mut roots, a), root(&mut roots, b));
        roots[a.max(b)] = a.min(b);
    }
    let mut components: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for n in 0..n {
        components.entry(root(&mut roots, n)).or_default().push(n);
    }
    components.into_values().collect()
}

fn root(roots: &mut [usize], mut n: usize) -> usize {
    while roots[n] != n {
        roots[n] = roots[roots[n]];
        n = roots[n];
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_sample_of_the_shared_shingles_finds_the_same_pairs() {
        let mut rng = Rng::new(4);
        let mut words = |n| (0..n).map(|_| format!("{} ", rng.next_u64() % 90_000)).collect();
        // Pairs of texts that share half of their words.
        let texts: Vec<String> = (0..700)
            .flat_map(|_| {
                let [shared, one, other]: [String; 3] = [words(800), words(800), words(800)];
                [shared.clone() + &one, shared + &other]
            })
            .collect();
        let near = NearDuplicates::of(texts.iter().map(String::as_str));
        assert_eq!((near.sampling, near.held <= MAX_HELD), (1, true));
        let pairs: Vec<_> = (0..700).map(|n| (2 * n, 2 * n + 1)).collect();
        assert_eq!(near.pairs(), pairs);
    }
}
