//! Random numbers that repeat: the same seed gives the same stream on any machine.
//!
//! SplitMix64. A run takes a new stream for each purpose and step, so that resuming needs no state but
//! the step. Not for secrets.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

/// SplitMix64's finaliser: one well-mixed number from another.
#[inline(always)]
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;

impl Rng {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream of `seed` for one purpose, which `path` names.
    pub fn stream(seed: u64, path: &[u64]) -> Self {
        let state = path.iter().fold(seed, |state, step| {
            mix(state.wrapping_add(STRIDE) ^ mix(step.wrapping_mul(STRIDE)))
        });
        Self(state)
    }

    /// 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STRIDE);
        mix(self.0)
    }

    /// From 0 up to, not including, 1.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Below `n`; 0 where `n` is 0. The bias is below 2⁻³², which no shuffle of rows can show.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// Puts items in a random order; each order is as likely as another.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let draws = |seed| {
            (0..5)
                .map({
                    let mut c = Rng::new(seed);
                    move |_| c.next_u64()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
        // The reference values of SplitMix64 for seed 0.
        assert_eq!(draws(0)[0], 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn purposes_have_streams_of_their_own() {
        assert_ne!(Rng::stream(1, &[0, 1]).next_u64(), Rng::stream(1, &[1, 0]).next_u64());
        assert_ne!(Rng::stream(1, &[2]).next_u64(), Rng::stream(2, &[1]).next_u64());
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<_> = (0..50).collect();
        Rng::new(3).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn uniform_stays_below_one() {
        let mut rng = Rng::new(9);
        assert!((0..10_000).map(|_| rng.uniform()).all(|u| (0.0..1.0).contains(&u)));
    }
}
