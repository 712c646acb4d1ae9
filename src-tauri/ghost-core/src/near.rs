//! Which texts of an archive are near each other, whatever they are called.

use std::collections::{BTreeMap, HashSet};

use crate::measure::Shingles;
use crate::seen::Seen;

/// Finds which texts of an archive are near each other, without holding the texts: each is handed
/// over twice, in the same order ([`Near::meet`], then [`Near::meet_again`]).
///
/// Only what two texts have need be compared, and of millions of five-word runs few are in a second
/// text; the first round finds out which. Where texts have very much in common, a sample of it is
/// compared, so that memory does not grow with them.
#[derive(Debug, Default)]
pub struct Near {
    met: Seen,
    met_twice: Seen,
    /// Of each text: how many runs it has, and those that another has, or nearly always has.
    texts: Vec<(usize, Vec<u64>)>,
    /// How many runs `texts` holds.
    held: usize,
    /// Of so many runs one is held, as a power of two; which, their numbers say, so that it is the
    /// same in all texts.
    one_of: u32,
}

/// Texts that share more of their five-word runs than this are near each other.
pub const MOST_SHARED: f64 = 0.1;
/// Runs that are held of all texts together.
const MOST_HELD: usize = 1 << 20;

/// Texts that others may be near to.
#[derive(Debug, Default)]
pub struct Known {
    texts: Vec<Shingles>,
    /// Of all of them: most of what is asked about shares nothing, and is told by these alone.
    shingles: HashSet<u64>,
}

impl Known {
    /// These texts.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Known {
        let texts: Vec<Shingles> = texts.into_iter().map(Shingles::of).collect();
        let shingles = texts.iter().flat_map(Shingles::iter).collect();
        Known { texts, shingles }
    }

    /// How much of a text stands in the one it is likest ([`Shingles::likeness`]).
    pub fn likeness(&self, text: &str) -> f64 {
        if self.texts.is_empty() {
            return 0.0;
        }
        let own = Shingles::of(text);
        let shared = own.iter().filter(|shingle| self.shingles.contains(shingle)).count();
        if shared as f64 <= MOST_SHARED * own.len() as f64 {
            // No likeness is above the share of its own that is known at all.
            return shared as f64 / own.len().max(1) as f64;
        }
        self.texts.iter().map(|text| text.likeness(&own)).fold(0.0, f64::max)
    }
}

impl Near {
    /// Both rounds, over texts that are in memory.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Near {
        let mut near = Near::default();
        texts.clone().for_each(|text| near.meet(text));
        texts.for_each(|text| near.meet_again(text));
        near
    }

    /// The first round.
    pub fn meet(&mut self, text: &str) {
        for shingle in Shingles::of(text).iter() {
            if self.met.meet(shingle) {
                self.met_twice.meet(shingle);
            }
        }
    }

    /// The second round.
    pub fn meet_again(&mut self, text: &str) {
        let own = Shingles::of(text);
        let shared = own.iter().filter(|&run| self.met_twice.has(run) && is_held(run, self.one_of));
        let shared: Vec<u64> = shared.collect();
        self.held += shared.len();
        self.texts.push((own.len(), shared));
        while self.held > MOST_HELD {
            self.one_of += 1;
            for (_, runs) in &mut self.texts {
                runs.retain(|&run| is_held(run, self.one_of));
                runs.shrink_to_fit();
            }
            self.held = self.texts.iter().map(|(_, runs)| runs.len()).sum();
        }
    }

    /// The pairs that are near, by their positions.
    pub(crate) fn pairs(&self) -> Vec<(usize, usize)> {
        let texts = self.texts.iter().zip(0u32..);
        let mut found_in: Vec<(u64, u32)> =
            texts.flat_map(|((_, runs), n)| runs.iter().map(move |&run| (run, n))).collect();
        found_in.sort_unstable();
        let mut near = Vec::new();
        let mut shared = vec![0usize; self.texts.len()];
        // Which of `shared` are not 0.
        let mut touched: Vec<usize> = Vec::new();
        for (n, (len, own)) in self.texts.iter().enumerate() {
            for run in own {
                let first = found_in.partition_point(|(other, _)| other < run);
                let others = found_in[first..].iter().map(|&(_, other)| other as usize);
                // In order, so that those before this text come first, and then itself.
                for other in others.take_while(|&other| other < n) {
                    if shared[other] == 0 {
                        touched.push(other);
                    }
                    shared[other] += 1;
                }
            }
            touched.sort_unstable();
            for other in touched.drain(..) {
                let both = std::mem::take(&mut shared[other]) << self.one_of;
                // A sample may promise more than there is.
                let either = (len + self.texts[other].0).saturating_sub(both);
                if both as f64 > MOST_SHARED * either as f64 {
                    near.push((other, n));
                }
            }
        }
        near
    }
}

/// Whether a run is of the sample that holds one of `2^one_of`.
fn is_held(run: u64, one_of: u32) -> bool {
    run.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40 & ((1 << one_of) - 1) == 0
}

/// Numbers below `n` in families, of which these pairs are in the same.
pub(crate) fn together(n: usize, pairs: impl Iterator<Item = (usize, usize)>) -> Vec<Vec<usize>> {
    let mut roots: Vec<usize> = (0..n).collect();
    for (a, b) in pairs {
        let (a, b) = (root(&mut roots, a), root(&mut roots, b));
        roots[a.max(b)] = a.min(b);
    }
    let mut families: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for n in 0..n {
        families.entry(root(&mut roots, n)).or_default().push(n);
    }
    families.into_values().collect()
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
    use crate::chance::Chance;

    #[test]
    fn of_very_many_shared_runs_a_sample_tells_who_is_near() {
        let mut chance = Chance::new(4);
        let mut words = |n| (0..n).map(|_| format!("{} ", chance.bits() % 90_000)).collect();
        // By twos half their words in common.
        let texts: Vec<String> = (0..700)
            .flat_map(|_| {
                let [shared, one, other]: [String; 3] = [words(800), words(800), words(800)];
                [shared.clone() + &one, shared + &other]
            })
            .collect();
        let near = Near::of(texts.iter().map(String::as_str));
        assert_eq!((near.one_of, near.held <= MOST_HELD), (1, true));
        let twos: Vec<_> = (0..700).map(|n| (2 * n, 2 * n + 1)).collect();
        assert_eq!(near.pairs(), twos);
    }
}
