//! Dropout on the inputs of an adapter: which values, and the scale of the rest.

use rayon::prelude::*;

use crate::backend::Dropout;
use crate::lora::InputSite;
use ghost_core::rng::Rng;

/// Values that share a stream of random numbers.
const CHUNK: usize = 1 << 16;

/// Drops values of an adapter's input in place, and scales up the rest. Four values share a draw of
/// 64 bits, so rates are in steps of 1/65536.
pub(super) fn apply_dropout(dropout: Dropout, layer: usize, site: InputSite, x: &mut [f32]) {
    let limit = (dropout.rate.clamp(0.0, 0.99) * 65536.0) as u64;
    let scale = 65536.0 / (65536 - limit) as f32;
    x.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, x)| {
        let path = [layer as u64, site as u64, chunk as u64];
        let mut rng = Rng::stream(dropout.seed, &path);
        for four in x.chunks_mut(4) {
            let bits = rng.next_u64();
            for (i, value) in four.iter_mut().enumerate() {
                let dropped = (bits >> (16 * i)) & 0xFFFF < limit;
                *value *= if dropped { 0.0 } else { scale };
            }
        }
    });
}
