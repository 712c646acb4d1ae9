//! The random generator of all crates. Its seed is an argument: the same seed gives the same numbers on
//! every computer.
//!
//! SplitMix64 (Steele, Lea and Flood 2014) is small, fast and good enough to shuffle, resample and
//! initialise weights. It is not for cryptography, and it never asks the system for randomness.

const STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;

/// A repeatable random generator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rng(u64);

/// SplitMix64's finaliser: a well-mixed number from another.
#[inline(always)]
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// A generator that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// A generator of its own for one purpose of `seed`, which `path` names. So a resumed run needs no
    /// state except its step.
    pub fn stream(seed: u64, path: &[u64]) -> Self {
        let state = path.iter().fold(seed, |state, step| {
            mix(state.wrapping_add(STRIDE) ^ mix(step.wrapping_mul(STRIDE)))
        });
        Rng(state)
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STRIDE);
        mix(self.0)
    }

    /// A whole number from 0 up to but not including `end`; 0 if `end` is 0. (Multiply and shift:
    /// the bias is below `end / 2^64`.)
    #[inline]
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next_u64()) * end as u128) >> 64) as usize
    }

    /// A number from 0 up to but not including 1.
    #[inline]
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number from 0 up to but not including 1, in single precision.
    #[inline]
    pub fn next_f32(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Puts items in a random order; every order is equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_matches_the_published_reference() {
        // The first outputs of SplitMix64 for seed 0, as published with it.
        let mut rng = Rng::new(0);
        assert_eq!(rng.next_u64(), 0xE220_A839_7B1D_CDAF);
        assert_eq!(rng.next_u64(), 0x6E78_9E6A_A1B9_65F4);
        assert_eq!(Rng::new(7), Rng::new(7));
        assert_ne!(Rng::new(7).next_u64(), Rng::new(8).next_u64());
    }

    #[test]
    fn numbers_stay_within_their_bounds_and_spread_evenly() {
        let mut rng = Rng::new(7);
        let mut seen = [0; 6];
        for _ in 0..6_000 {
            seen[rng.below(6)] += 1;
            assert!((0.0..1.0).contains(&rng.next_f64()));
            assert!((0.0..1.0).contains(&rng.next_f32()));
        }
        assert!(seen.iter().all(|&n| (800..1200).contains(&n)), "{seen:?}");
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn each_purpose_has_a_stream_of_its_own() {
        assert_ne!(Rng::stream(1, &[0, 1]).next_u64(), Rng::stream(1, &[1, 0]).next_u64());
        assert_ne!(Rng::stream(1, &[2]).next_u64(), Rng::stream(2, &[1]).next_u64());
        assert_eq!(Rng::stream(1, &[]), Rng::new(1));
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<_> = (0..50).collect();
        Rng::new(3).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
