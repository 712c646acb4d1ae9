//! Chance that repeats: the same number in, the same dice out, on any machine.
//!
//! SplitMix64. A run draws afresh from (its seed, what for, how far it is), so
//! that resuming needs no state but the step it is at. Not for secrets.

/// A stream of dice.
#[derive(Clone, Debug)]
pub struct Chance(u64);

/// One well-mixed number from another: SplitMix64's finaliser.
#[inline(always)]
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;

impl Chance {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream for one purpose of `seed`: `path` names it.
    pub fn of(seed: u64, path: &[u64]) -> Self {
        let state = path.iter().fold(seed, |state, step| {
            mix(state.wrapping_add(STRIDE) ^ mix(step.wrapping_mul(STRIDE)))
        });
        Self(state)
    }

    /// 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STRIDE);
        mix(self.0)
    }

    /// From 0 up to, not including, 1.
    pub fn uniform(&mut self) -> f32 {
        (self.draw() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Below `n`; 0 where `n` is 0. The bias is below 2⁻³², which no shuffle of rows can show.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.draw()) * n as u128) >> 64) as usize
    }

    /// Any order, each as likely as another.
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
    fn the_same_seed_draws_the_same() {
        let draws = |seed| {
            (0..5)
                .map({
                    let mut c = Chance::new(seed);
                    move |_| c.draw()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
        // The reference values of SplitMix64 for seed 0.
        assert_eq!(draws(0)[0], 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn purposes_do_not_share_dice() {
        assert_ne!(Chance::of(1, &[0, 1]).draw(), Chance::of(1, &[1, 0]).draw());
        assert_ne!(Chance::of(1, &[2]).draw(), Chance::of(2, &[1]).draw());
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<_> = (0..50).collect();
        Chance::new(3).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn uniform_stays_below_one() {
        let mut chance = Chance::new(9);
        assert!((0..10_000).map(|_| chance.uniform()).all(|u| (0.0..1.0).contains(&u)));
    }
}
