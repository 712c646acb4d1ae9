//! How positions turn queries and keys, and how a base made for short texts is stretched to long
//! ones.
//!
//! The formulas are those of Hugging Face transformers (`modeling_rope_utils.py`), worked out once
//! when a base is opened: what remains is one divisor a pair, and two numbers.

use crate::error::{Error, Result};

/// Which two values of a head turn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// 2i and 2i + 1 (GGUF's llama files, whose q and k rows are permuted for it).
    Interleaved,
    /// i and i + dims/2.
    Halves,
}

/// How positions turn queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// The base of the wavelengths.
    pub theta: f32,
    /// Which values turn together.
    pub pairs: Pairs,
    /// How many values of a head turn; even, at most `head_dim`.
    pub dims: usize,
    /// What each frequency is divided by, one a pair: Llama 3's long-context
    /// factors, YaRN's, or a linear scale.
    pub factors: Option<Vec<f32>>,
    /// What turned queries and keys are multiplied by besides: YaRN's, mostly 1.
    pub scale: f32,
    /// Ministral 3's (and Llama 4's): queries grow with their position.
    pub growth: Option<Growth>,
}

/// A query at position `p` is multiplied by `1 + beta · ln(1 + ⌊p / every⌋)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// How fast.
    pub beta: f32,
    /// Positions to a step.
    pub every: usize,
}

impl Rope {
    /// One that nothing stretches.
    pub fn plain(theta: f32, pairs: Pairs, dims: usize) -> Self {
        Self { theta, pairs, dims, factors: None, scale: 1.0, growth: None }
    }

    /// Radians a position turns each pair by; `dims / 2` of them.
    pub fn frequencies(&self) -> Vec<f32> {
        (0..self.dims / 2)
            .map(|i| {
                let factor = self.factors.as_ref().map_or(1.0, |f| f64::from(f[i]));
                (self.frequency(i) / factor) as f32
            })
            .collect()
    }

    /// What a query at a position is multiplied by, beside `scale`.
    pub fn growth_at(&self, position: usize) -> f32 {
        self.growth.map_or(1.0, |growth| {
            1.0 + growth.beta * ((position / growth.every.max(1)) as f32).ln_1p()
        })
    }

    fn frequency(&self, pair: usize) -> f64 {
        f64::from(self.theta).powf(-2.0 * pair as f64 / self.dims as f64)
    }

    /// The same, made to reach further.
    ///
    /// # Errors
    /// `Malformed` where that gives no numbers.
    pub(crate) fn stretched(mut self, stretch: Stretch) -> Result<Self> {
        let divisor = |i: usize| match stretch {
            Stretch::Linear { factor } => factor,
            Stretch::Llama3 { factor, low, high, original } => {
                let turns = original * self.frequency(i) / std::f64::consts::TAU;
                // How much of the frequency stays: all of a fast one, nothing of a slow one.
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                1.0 / ((1.0 - kept) / factor + kept)
            }
            Stretch::Yarn { factor, original, fast, slow, truncate, .. } => {
                let pair_of = |turns: f64| {
                    let wave = (original / (turns * std::f64::consts::TAU)).ln();
                    self.dims as f64 * wave / (2.0 * f64::from(self.theta).ln())
                };
                let (low, high) = match truncate {
                    true => (pair_of(fast).floor(), pair_of(slow).ceil()),
                    false => (pair_of(fast), pair_of(slow)),
                };
                let (low, high) = (low.max(0.0), high.min(self.dims as f64 - 1.0));
                let wide = if low == high { 0.001 } else { high - low };
                let kept = 1.0 - ((i as f64 - low) / wide).clamp(0.0, 1.0);
                1.0 / ((1.0 - kept) / factor + kept)
            }
        };
        let factors: Vec<f32> = (0..self.dims / 2).map(|i| divisor(i) as f32).collect();
        if let Stretch::Yarn { scale, .. } = stretch {
            self.scale = scale as f32;
        }
        let sound = |n: &f32| n.is_finite() && *n > 0.0;
        if !factors.iter().all(sound) || !sound(&self.scale) {
            return Err(Error::malformed("its rotary factors are impossible"));
        }
        self.factors = Some(factors);
        Ok(self)
    }
}

/// A way to make positions reach further than a base was first made for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stretch {
    /// Every position counts for less.
    Linear {
        /// By how much.
        factor: f64,
    },
    /// Slow pairs turn slower still, fast ones as they were (Llama 3.1).
    Llama3 {
        /// By how much.
        factor: f64,
        /// A pair that turns less often than this over the original context is slow.
        low: f64,
        /// One that turns more often is fast.
        high: f64,
        /// Positions it was first made for.
        original: f64,
    },
    /// The same with a ramp between slow and fast pairs (YaRN).
    Yarn {
        /// By how much.
        factor: f64,
        /// Positions it was first made for.
        original: f64,
        /// A pair that turns more often than this over the original context is fast.
        fast: f64,
        /// One that turns less often is slow.
        slow: f64,
        /// Whether the ramp begins and ends at whole pairs.
        truncate: bool,
        /// What queries and keys are multiplied by.
        scale: f64,
    },
}

/// YaRN's own scale for a factor: `1 + 0.1 · weight · ln factor`.
pub(crate) fn yarn_scale(factor: f64, weight: f64) -> f64 {
    if factor <= 1.0 { 1.0 } else { 0.1 * weight * factor.ln() + 1.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_rope_is_turned_slower_by_its_factors() {
        let mut rope = Rope::plain(10_000.0, Pairs::Halves, 16);
        let plain = rope.frequencies();
        rope.factors = Some(vec![4.0; plain.len()]);
        assert_eq!(plain[0], 1.0);
        assert_eq!(rope.frequencies()[3], plain[3] / 4.0);
    }

    #[test]
    fn llama_3_slows_the_slow_pairs_alone() {
        let stretch = Stretch::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 64.0 };
        let rope = Rope::plain(10_000.0, Pairs::Halves, 16).stretched(stretch).unwrap();
        let factors = rope.factors.unwrap();
        assert_eq!((factors[0], factors[7]), (1.0, 8.0));
        assert!(factors.is_sorted());
    }

    #[test]
    fn queries_grow_a_step_at_a_time() {
        let growth = Some(Growth { beta: 0.1, every: 16 });
        let rope = Rope { growth, ..Rope::plain(10_000.0, Pairs::Halves, 16) };
        assert_eq!(rope.growth_at(15), 1.0);
        assert_eq!(rope.growth_at(16), 1.0 + 0.1 * 2f32.ln());
    }

    #[test]
    fn a_stretch_that_gives_no_numbers_is_refused() {
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let rope = Rope::plain(10_000.0, Pairs::Halves, 16);
            assert!(rope.stretched(Stretch::Linear { factor }).is_err(), "{factor}");
        }
    }
}
