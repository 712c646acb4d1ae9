//! The softmax of a row of attention scores, and its backward pass.

use std::ops::Range;

use super::multiversion::multiversion;
use super::vector::{exp, exp_row, max_plain};

multiversion! {
    /// Softmax over the visible part, zero outside it; the logarithm of the sum.
    pub(super) fn softmax<'a>(row: &'a mut [f32], visible: Range<usize>) -> f32 {
        row[..visible.start].fill(0.0);
        row[visible.end..].fill(0.0);
        let row = &mut row[visible];
        let max = max_plain(row);
        let sum = exp_row(row, max);
        let inverse = 1.0 / sum;
        for value in row.iter_mut() {
            *value *= inverse;
        }
        max + sum.ln()
    }

    /// Scores to probabilities in `p`, and gradients of probabilities to those of scores in `dp`.
    pub(super) fn softmax_backward<'a>(p: &'a mut [f32], dp: &'a mut [f32], visible: Range<usize>, lse: f32, sum: f32, scale: f32) -> () {
        for row in [&mut *p, &mut *dp] {
            row[..visible.start].fill(0.0);
            row[visible.end..].fill(0.0);
        }
        for (p, dp) in p[visible.clone()].iter_mut().zip(&mut dp[visible]) {
            *p = exp(*p - lse);
            *dp = *p * (*dp - sum) * scale;
        }
    }
}
