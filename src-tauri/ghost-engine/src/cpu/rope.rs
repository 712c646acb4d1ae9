//! Rotary position embedding (RoPE) of queries and keys.

use rayon::prelude::*;

use crate::rope::{RopeLayout, RopeTable};

/// Rotates the heads of `x` by their positions, or back with `inverse`, which is also the backward
/// pass. `x` is `positions × heads × dim`.
pub(crate) fn rope(x: &mut [f32], dim: usize, table: &RopeTable, inverse: bool) {
    let pairs = table.dims / 2;
    let positions = table.cos.len() / pairs.max(1);
    if positions == 0 {
        return;
    }
    let sign = if inverse { -1.0 } else { 1.0 };
    let angles = table.cos.par_chunks(pairs).zip(table.sin.par_chunks(pairs));
    let width = x.len() / positions;
    x.par_chunks_mut(width).zip(angles).with_min_len(16).for_each(|(row, (cos, sin))| {
        for head in row.chunks_exact_mut(dim) {
            rotate_head(&mut head[..table.dims], table.layout, cos, sin, sign);
        }
    });
}

#[inline(always)]
fn rotate_head(head: &mut [f32], layout: RopeLayout, cos: &[f32], sin: &[f32], sign: f32) {
    let rotate = |a: f32, b: f32, i: usize| {
        let (c, s) = (cos[i], sin[i] * sign);
        (a * c - b * s, a * s + b * c)
    };
    match layout {
        RopeLayout::GptJ => {
            for (i, pair) in head.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                (pair[0], pair[1]) = rotate(pair[0], pair[1], i);
            }
        }
        RopeLayout::NeoX => {
            let (first, second) = head.split_at_mut(cos.len());
            for (i, (a, b)) in first.iter_mut().zip(second).enumerate() {
                (*a, *b) = rotate(*a, *b, i);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::test_support::{assert_close, random};

    #[test]
    fn rotating_forward_and_back_changes_nothing() {
        for layout in [RopeLayout::GptJ, RopeLayout::NeoX] {
            let angles = random(3 * 2, 18);
            let table = RopeTable {
                cos: angles.iter().map(|a| a.cos()).collect(),
                sin: angles.iter().map(|a| a.sin()).collect(),
                dims: 4,
                layout,
            };
            let x = random(3 * 2 * 6, 19);
            let mut rotated = x.clone();
            rope(&mut rotated, 6, &table, false);
            let (a, b) = if layout == RopeLayout::NeoX { (0, 2) } else { (0, 1) };
            assert_close(&[rotated[a]], &[x[a] * table.cos[0] - x[b] * table.sin[0]], 1e-6);
            assert_eq!(rotated[4..6], x[4..6], "dimensions beyond `dims` stay");
            rope(&mut rotated, 6, &table, true);
            assert_close(&rotated, &x, 1e-6);
        }
    }
}
