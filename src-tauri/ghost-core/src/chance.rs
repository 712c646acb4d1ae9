//! Chance as an argument: the same number in, the same draws out, on every computer.
//!
//! SplitMix64 (Steele, Lea and Flood 2014): small, fast, and good enough to shuffle and resample.
//! It is no secret-keeper, and it never asks the system for randomness.

/// A source of draws that can be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// The draws that belong to `seed`.
    pub fn new(seed: u64) -> Self {
        Chance(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number from 0 up to and without `end`; 0 where `end` is 0. (Multiply and shift: its
    /// bias is below `end / 2^64`.)
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// A number from 0 up to and without 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        // The first draws of SplitMix64 from 0, as published with it.
        let mut chance = Chance::new(0);
        assert_eq!(chance.bits(), 0xE220_A839_7B1D_CDAF);
        assert_eq!(chance.bits(), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn draws_stay_within_bounds_and_fill_them() {
        let mut chance = Chance::new(7);
        let mut seen = [0; 6];
        for _ in 0..6_000 {
            seen[chance.below(6) as usize] += 1;
            assert!((0.0..1.0).contains(&chance.unit()));
        }
        assert!(seen.iter().all(|&n| (800..1200).contains(&n)), "{seen:?}");
        assert_eq!(chance.below(0), 0);
    }
}
