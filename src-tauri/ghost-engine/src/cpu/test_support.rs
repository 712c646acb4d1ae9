//! Helpers of the operations' tests: random values, a comparison, and numerical gradients.

use ghost_core::rng::Rng;

/// `n` values within ±1, drawn from a seed.
pub(super) fn random(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..n).map(|_| rng.next_f32() * 2.0 - 1.0).collect()
}

/// Fails unless two lists are equal to within a share of their size.
#[track_caller]
pub(super) fn assert_close(ours: &[f32], theirs: &[f32], within: f32) {
    assert_eq!(ours.len(), theirs.len());
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= within * (1.0 + b.abs()), "at {i}: {a}, expected {b}");
    }
}

/// The gradient of `f(x) · dout` in `x`, by central differences.
pub(super) fn numerical_gradient(
    x: &[f32],
    f: impl Fn(&[f32]) -> Vec<f32>,
    dout: &[f32],
) -> Vec<f32> {
    let along = |x: &[f32]| -> f64 {
        f(x).iter().zip(dout).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    (0..x.len())
        .map(|i| {
            let h = 1e-2;
            let mut moved = x.to_vec();
            moved[i] = x[i] + h;
            let up = along(&moved);
            moved[i] = x[i] - h;
            ((up - along(&moved)) / f64::from(2.0 * h)) as f32
        })
        .collect()
}
