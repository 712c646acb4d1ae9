//! The statistics of a verdict: means, a permutation test, bootstrap intervals.

use super::evidence::DraftScores;
use crate::rng::Rng;

/// Random sign flips and resamples drawn where not all can be enumerated.
const DRAWS: u32 = 10_000;
/// Pieces up to which all sign flips are enumerated.
const MAX_EXACT: usize = 14;

pub(super) fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / all.len().max(1) as f64
}

/// The 90 % bootstrap interval of a mean.
pub(super) fn mean_interval(all: &[f64], rng: &mut Rng) -> [f64; 2] {
    let n = all.len();
    let mut means: Vec<f64> =
        (0..DRAWS).map(|_| (0..n).map(|_| all[rng.below(n)]).sum::<f64>() / n as f64).collect();
    if n == 0 { [0.0; 2] } else { quantiles(&mut means, [0.05, 0.95]) }
}

/// 90 % bootstrap intervals of the candidate's mean score, the prompt's, and their difference. Seeds
/// are resampled first, and then the drafts of each seed.
pub(super) fn nested_intervals(seeds: &[DraftScores], rng: &mut Rng) -> [[f64; 2]; 3] {
    let n = seeds.len();
    let mut drawn: [Vec<f64>; 3] = Default::default();
    for _ in 0..DRAWS {
        let mut sums = [0.0; 2];
        for _ in 0..n {
            let one = &seeds[rng.below(n)];
            for (sum, drafts) in sums.iter_mut().zip([&one.adapter, &one.prompt]) {
                let k = drafts.len();
                let drawn = (0..k).map(|_| drafts[rng.below(k)]);
                *sum += drawn.sum::<f64>() / (k * n) as f64;
            }
        }
        for (all, mean) in drawn.iter_mut().zip([sums[0], sums[1], sums[0] - sums[1]]) {
            all.push(mean);
        }
    }
    drawn.map(|mut all| quantiles(&mut all, [0.05, 0.95]))
}

/// The share of the baseline's bits that the candidate saves, over (baseline, candidate) pairs.
pub(super) fn gain(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (other, own) = pairs.fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0, sums.1 + pair.1));
    if other > 0.0 { (other - own) / other } else { 0.0 }
}

/// The 95 % bootstrap interval of [`gain`].
pub(super) fn gain_interval(pairs: &[(f64, f64)], rng: &mut Rng) -> [f64; 2] {
    if pairs.is_empty() {
        return [0.0; 2];
    }
    let n = pairs.len();
    let mut gains: Vec<f64> =
        (0..DRAWS).map(|_| gain((0..n).map(|_| pairs[rng.below(n)]))).collect();
    quantiles(&mut gains, [0.025, 0.975])
}

fn quantiles(all: &mut [f64], shares: [f64; 2]) -> [f64; 2] {
    all.sort_by(f64::total_cmp);
    shares.map(|share| all[(share * f64::from(DRAWS - 1)).round() as usize])
}

/// One-sided sign-flip permutation test: the share of sign flips of `saved` whose sum is at least the
/// observed sum. All flips up to [`MAX_EXACT`] values, otherwise `DRAWS` of them plus the observed
/// one.
pub(super) fn permutation_p_value(saved: &[f64], rng: &mut Rng) -> f64 {
    let observed: f64 = saved.iter().sum();
    // Sums of the same numbers in another order differ in their last bits.
    let slack = saved.iter().map(|saved| saved.abs()).sum::<f64>() * 1e-12;
    let is_as_large = |signs: u64| {
        let signed = saved.iter().enumerate();
        let sum: f64 =
            signed.map(|(i, saved)| if signs >> (i % 64) & 1 == 1 { -saved } else { *saved }).sum();
        u32::from(sum >= observed - slack)
    };
    if saved.len() <= MAX_EXACT {
        let flips = 1u64 << saved.len();
        return f64::from((0..flips).map(is_as_large).sum::<u32>()) / flips as f64;
    }
    let mut as_large = 1;
    for _ in 0..DRAWS {
        let mut sum = 0.0;
        for stretch in saved.chunks(64) {
            let signs = rng.next_u64();
            for (i, saved) in stretch.iter().enumerate() {
                sum += if signs >> i & 1 == 1 { -saved } else { *saved };
            }
        }
        as_large += u32::from(sum >= observed - slack);
    }
    f64::from(as_large) / f64::from(DRAWS + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampled_flips_agree_with_enumerated_ones() {
        let mut rng = Rng::new(9);
        let few: Vec<f64> = (0..14).map(|_| rng.next_f64() - 0.35).collect();
        let exact = permutation_p_value(&few, &mut rng);
        let mut padded = few.clone();
        padded.push(0.0);
        assert!((permutation_p_value(&padded, &mut rng) - exact).abs() < 0.02);
    }

    #[test]
    fn without_values_there_is_no_gain() {
        let mut rng = Rng::new(9);
        assert_eq!(gain_interval(&[], &mut rng), [0.0; 2]);
        assert_eq!(mean_interval(&[], &mut rng), [0.0; 2]);
        assert_eq!(permutation_p_value(&[], &mut rng), 1.0);
    }
}
