//! Reductions and the exponential over rows of `f32`, written so that LLVM vectorises them for the
//! caller's instructions. The order of every sum is fixed.

/// Partial sums, so that a loop over them is one vector instruction. They fix the order of adding.
const LANES: usize = 32;

#[inline(always)]
pub(super) fn sum_lanes(lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    let mut lanes = lanes;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}

#[inline(always)]
pub(super) fn dot_plain(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    for (x, y) in xs.iter().zip(ys) {
        for i in 0..LANES {
            lanes[i] += x[i] * y[i];
        }
    }
    let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
    sum_lanes(lanes) + rest
}

#[inline(always)]
pub(super) fn dot_three(x: &[f32], y: &[f32], z: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let (zs, z_rest) = z.as_chunks::<LANES>();
    for ((x, y), z) in xs.iter().zip(ys).zip(zs) {
        for i in 0..LANES {
            lanes[i] += x[i] * y[i] * z[i];
        }
    }
    let rest: f32 = x_rest.iter().zip(y_rest).zip(z_rest).map(|((x, y), z)| x * y * z).sum();
    sum_lanes(lanes) + rest
}

/// The exponential to about 1e-7, without a branch. Inputs are clamped where `f32` ends.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // 1.5 · 2²³: what is added to it loses its fraction, and its low bits are the integer part.
    const MAGIC: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let whole = x * std::f32::consts::LOG2_E + MAGIC;
    let n = whole - MAGIC;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4; // ln 2, in two parts
    let high = 4.166_666_8e-2 + r * (8.333_334e-3 + r * 1.388_889e-3);
    let p = 1.0 + r * (1.0 + r * (0.5 + r * (1.666_666_7e-1 + r * high)));
    p * f32::from_bits(whole.to_bits().wrapping_add(127) << 23)
}

#[inline(always)]
pub(super) fn max_plain(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = if chunk[i] > lanes[i] { chunk[i] } else { lanes[i] };
        }
    }
    lanes.into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, f32::max)
}

/// Replaces each value by exp(value − max); returns the sum.
#[inline(always)]
pub(super) fn exp_row(row: &mut [f32], max: f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            chunk[i] = exp(chunk[i] - max);
            lanes[i] += chunk[i];
        }
    }
    let mut sum = 0.0;
    for value in rest {
        *value = exp(*value - max);
        sum += *value;
    }
    sum_lanes(lanes) + sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_where_it_matters() {
        for x in [-100.0, -87.0, -20.5, -1.0, -1e-4, 0.0, 1e-4, 0.7, 10.0, 80.0f32] {
            let exact = f64::from(x.max(-87.0)).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7, "exp({x})");
        }
    }
}
