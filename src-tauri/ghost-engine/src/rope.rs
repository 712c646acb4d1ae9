//! Rotary position embedding (RoPE): frequencies, scaling to longer contexts, and the cos/sin tables
//! that backends rotate queries and keys with. Pure data.
//!
//! The formulas are those of Hugging Face transformers (`modeling_rope_utils.py`), evaluated once when
//! a base is opened: what remains is one divisor a pair of dimensions, and two numbers.

use crate::error::{Error, Result};

/// The two values of a head that are rotated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RopeLayout {
    /// 2i and 2i + 1 (GGUF's llama files, whose q and k rows are permuted for it).
    GptJ,
    /// i and i + dims/2.
    NeoX,
}

/// The rotary embedding of a base.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// The base of the wavelengths.
    pub theta: f32,
    /// The two values of a head that are rotated together.
    pub layout: RopeLayout,
    /// Values of a head that are rotated; even, at most `head_dim`.
    pub dims: usize,
    /// The divisor of each frequency, one a pair: Llama 3's long-context factors, YaRN's, or a linear
    /// scale.
    pub factors: Option<Vec<f32>>,
    /// A factor of rotated queries and keys: YaRN's, mostly 1.
    pub scale: f32,
    /// Ministral 3's and Llama 4's (`attn_temperature_tuning`): a factor of queries that grows with
    /// their position.
    pub temperature: Option<AttentionTemperature>,
}

/// A query at position `p` is multiplied by `1 + beta · ln(1 + ⌊p / interval⌋)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionTemperature {
    /// The slope.
    pub beta: f32,
    /// Positions from one step to the next.
    pub interval: usize,
}

impl Rope {
    /// Without scaling.
    pub fn plain(theta: f32, layout: RopeLayout, dims: usize) -> Self {
        Self { theta, layout, dims, factors: None, scale: 1.0, temperature: None }
    }

    /// Radians that a position rotates each pair by; `dims / 2` of them.
    pub fn frequencies(&self) -> Vec<f32> {
        (0..self.dims / 2)
            .map(|i| {
                let factor = self.factors.as_ref().map_or(1.0, |f| f64::from(f[i]));
                (self.frequency(i) / factor) as f32
            })
            .collect()
    }

    /// The factor of a query at a position, besides `scale`.
    pub fn temperature_at(&self, position: usize) -> f32 {
        self.temperature.map_or(1.0, |temperature| {
            1.0 + temperature.beta * ((position / temperature.interval.max(1)) as f32).ln_1p()
        })
    }

    fn frequency(&self, pair: usize) -> f64 {
        f64::from(self.theta).powf(-2.0 * pair as f64 / self.dims as f64)
    }

    /// The same, scaled to a longer context.
    ///
    /// # Errors
    /// `Malformed` where the factors are not positive numbers.
    pub(crate) fn scaled(mut self, scaling: RopeScaling) -> Result<Self> {
        let divisor = |i: usize| match scaling {
            RopeScaling::Linear { factor } => factor,
            RopeScaling::Llama3 { factor, low, high, original } => {
                let turns = original * self.frequency(i) / std::f64::consts::TAU;
                // How much of the frequency stays: all of a fast one, nothing of a slow one.
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                1.0 / ((1.0 - kept) / factor + kept)
            }
            RopeScaling::Yarn { factor, original, fast, slow, truncate, .. } => {
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
        if let RopeScaling::Yarn { scale, .. } = scaling {
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

/// A method to extend the context that a base was first trained for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RopeScaling {
    /// Every position is divided.
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Low frequencies are divided, high ones stay (Llama 3.1).
    Llama3 {
        /// The divisor.
        factor: f64,
        /// A pair with fewer rotations than this over the original context is low.
        low: f64,
        /// One with more rotations is high.
        high: f64,
        /// Positions of the original context.
        original: f64,
    },
    /// The same with a ramp between low and high frequencies (YaRN).
    Yarn {
        /// The divisor.
        factor: f64,
        /// Positions of the original context.
        original: f64,
        /// A pair with more rotations than this over the original context is high.
        fast: f64,
        /// One with fewer rotations is low.
        slow: f64,
        /// True where the ramp begins and ends at whole pairs.
        truncate: bool,
        /// The factor of queries and keys.
        scale: f64,
    },
}

/// Cosines and sines of a chunk of positions.
#[derive(Clone, Debug)]
pub struct RopeTable {
    /// Cosines, `positions × dims / 2`.
    pub cos: Vec<f32>,
    /// Sines, `positions × dims / 2`.
    pub sin: Vec<f32>,
    /// Values of a head that are rotated; the rest stay.
    pub dims: usize,
    /// The two values that are rotated together.
    pub layout: RopeLayout,
}

impl RopeTable {
    /// Of `n` positions after `past`; with `queries`, the attention temperature is in it.
    fn new(rope: &Rope, past: usize, n: usize, queries: bool) -> Self {
        let frequencies = rope.frequencies();
        let pairs = frequencies.len();
        let at = |i: usize| {
            let position = past + i / pairs;
            let temperature = if queries { rope.temperature_at(position) } else { 1.0 };
            (position as f32 * frequencies[i % pairs], temperature * rope.scale)
        };
        let (cos, sin) = (0..n * pairs)
            .map(at)
            .map(|(angle, size)| (angle.cos() * size, angle.sin() * size))
            .unzip();
        Self { cos, sin, dims: rope.dims, layout: rope.layout }
    }
}

/// The tables of a chunk of positions, for each kind of layer.
pub(crate) struct RopeCache {
    /// For layers without a window.
    pub(crate) full: RopeTable,
    /// For layers with a window, where theirs differ.
    pub(crate) window: Option<RopeTable>,
    /// For the queries of layers without a window, where they have a temperature.
    pub(crate) queries: Option<RopeTable>,
}

/// The tables of one layer: the same, where queries have no temperature.
#[derive(Clone, Copy)]
pub(crate) struct LayerRope<'a> {
    /// For queries.
    pub(crate) q: &'a RopeTable,
    /// For keys.
    pub(crate) k: &'a RopeTable,
}

impl RopeCache {
    /// For `n` positions after `past`.
    pub(crate) fn new(rope: &Rope, window: Option<&Rope>, past: usize, n: usize) -> Self {
        Self {
            full: RopeTable::new(rope, past, n, false),
            window: window.map(|rope| RopeTable::new(rope, past, n, false)),
            queries: rope.temperature.map(|_| RopeTable::new(rope, past, n, true)),
        }
    }

    /// The tables of a layer; `None` where positions don't rotate it.
    pub(crate) fn of_layer(&self, rotary: bool, windowed: bool) -> Option<LayerRope<'_>> {
        let windowed = self.window.as_ref().filter(|_| windowed);
        let k = windowed.unwrap_or(&self.full);
        let q = self.queries.as_ref().filter(|_| windowed.is_none()).unwrap_or(k);
        rotary.then_some(LayerRope { q, k })
    }
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
    fn factors_divide_frequencies() {
        let mut rope = Rope::plain(10_000.0, RopeLayout::NeoX, 16);
        let plain = rope.frequencies();
        rope.factors = Some(vec![4.0; plain.len()]);
        assert_eq!(plain[0], 1.0);
        assert_eq!(rope.frequencies()[3], plain[3] / 4.0);
    }

    #[test]
    fn llama_3_scales_only_low_frequencies() {
        let scaling = RopeScaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 64.0 };
        let rope = Rope::plain(10_000.0, RopeLayout::NeoX, 16).scaled(scaling).unwrap();
        let factors = rope.factors.unwrap();
        assert_eq!((factors[0], factors[7]), (1.0, 8.0));
        assert!(factors.is_sorted());
    }

    #[test]
    fn the_temperature_grows_by_steps() {
        let temperature = Some(AttentionTemperature { beta: 0.1, interval: 16 });
        let rope = Rope { temperature, ..Rope::plain(10_000.0, RopeLayout::NeoX, 16) };
        assert_eq!(rope.temperature_at(15), 1.0);
        assert_eq!(rope.temperature_at(16), 1.0 + 0.1 * 2f32.ln());
    }

    #[test]
    fn an_impossible_scaling_factor_is_refused() {
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let rope = Rope::plain(10_000.0, RopeLayout::NeoX, 16);
            assert!(rope.scaled(RopeScaling::Linear { factor }).is_err(), "{factor}");
        }
    }
}
