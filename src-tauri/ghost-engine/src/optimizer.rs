//! AdamW over an adapter, with its gradient clipped by the norm of the whole.
//!
//! candle's AdamW does not expose its moments, and a run must resume bit for bit, so this one is our own.
//! There is no weight decay: the recipes set it to zero.

use rayon::prelude::*;

use crate::lora::Lora;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPS: f32 = 1e-8;

/// The optimiser's state: all that a checkpoint saves of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    /// Running means of the gradient.
    pub mean: Lora,
    /// Running means of its square.
    pub square: Lora,
    /// Steps done.
    pub steps: u64,
}

impl AdamW {
    /// No steps done, for an adapter of this shape.
    pub fn new(lora: &Lora) -> Self {
        Self { mean: lora.zeros_like(), square: lora.zeros_like(), steps: 0 }
    }

    /// Moves the adapter against the gradient, scaled down where its norm is above `clip` (0 never
    /// clips); the norm before. A gradient that is not finite moves nothing.
    pub fn step(&mut self, lora: &mut Lora, gradients: &Lora, rate: f32, clip: f32) -> f32 {
        let norm = norm(gradients);
        if !norm.is_finite() {
            return norm;
        }
        self.steps += 1;
        let share = if clip > 0.0 && norm > clip { clip / norm } else { 1.0 };
        let correct = |beta: f32| (1.0 - f64::from(beta).powf(self.steps as f64)) as f32;
        let (correct_1, correct_2) = (correct(BETA_1), correct(BETA_2));
        let moments = self.mean.tensors_mut().zip(self.square.tensors_mut());
        let tensors: Vec<_> = lora.tensors_mut().zip(gradients.tensors()).zip(moments).collect();
        tensors.into_par_iter().for_each(|((values, gradients), (mean, square))| {
            for i in 0..values.len() {
                let g = gradients[i] * share;
                mean[i] = BETA_1 * mean[i] + (1.0 - BETA_1) * g;
                square[i] = BETA_2 * square[i] + (1.0 - BETA_2) * g * g;
                let (m, s) = (mean[i] / correct_1, square[i] / correct_2);
                values[i] -= rate * m / (s.sqrt() + EPS);
            }
        });
        norm
    }
}

/// Root of the sum of all squares: within each tensor, then over tensors, always in one order.
fn norm(gradients: &Lora) -> f32 {
    let squares = |tensor: &Vec<f32>| tensor.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
    let tensors: Vec<&Vec<f32>> = gradients.tensors().collect();
    let sums: Vec<f64> = tensors.into_par_iter().map(squares).collect();
    sums.into_iter().sum::<f64>().sqrt() as f32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::lora::LoraPair;

    fn numbers(a: [f32; 2]) -> Lora {
        let none = || LoraPair { a: vec![], b: vec![] };
        let mut pairs = std::array::from_fn(|_| none());
        pairs[0].a = a.to_vec();
        Lora { rank: 1, alpha: 1.0, dropout: 0.0, layers: vec![pairs] }
    }

    #[test]
    fn three_steps_as_torch_makes_them() {
        // p = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        // opt = torch.optim.AdamW([p], lr=0.1, weight_decay=0.0)
        // for g in [[0.5, -1.0], [0.1, 0.2], [-3.0, 0.0]]: p.grad = torch.tensor(g); opt.step()
        // The same by hand in 64 bits:
        let (mut p, mut m, mut v) = ([1.0f64, -2.0], [0.0f64; 2], [0.0f64; 2]);
        let mut lora = numbers([1.0, -2.0]);
        let mut adam = AdamW::new(&lora);
        for (t, g) in [[0.5f32, -1.0], [0.1, 0.2], [-3.0, 0.0]].into_iter().enumerate() {
            for i in 0..2 {
                m[i] = 0.9 * m[i] + 0.1 * f64::from(g[i]);
                v[i] = 0.999 * v[i] + 0.001 * f64::from(g[i]).powi(2);
                let t = t as i32 + 1;
                p[i] -= 0.1 * (m[i] / (1.0 - 0.9f64.powi(t)))
                    / ((v[i] / (1.0 - 0.999f64.powi(t))).sqrt() + 1e-8);
            }
            adam.step(&mut lora, &numbers(g), 0.1, 0.0);
        }
        for (ours, theirs) in lora.layers[0][0].a.iter().zip(p) {
            assert!((f64::from(*ours) - theirs).abs() < 1e-5, "{ours} against {theirs}");
        }
    }

    #[test]
    fn a_gradient_is_clipped_to_its_norm() {
        let (mut cut, mut long) = (numbers([0.0, 0.0]), numbers([0.0, 0.0]));
        let (mut a, mut b) = (AdamW::new(&cut), AdamW::new(&long));
        assert_eq!(a.step(&mut cut, &numbers([3.0, 4.0]), 0.1, 1.0), 5.0);
        b.step(&mut long, &numbers([0.6, 0.8]), 0.1, 1.0);
        assert_eq!(a.mean, b.mean);
    }

    #[test]
    fn a_gradient_that_is_not_finite_moves_nothing() {
        let mut lora = numbers([1.0, 2.0]);
        let mut adam = AdamW::new(&lora);
        assert!(adam.step(&mut lora, &numbers([f32::NAN, 0.0]), 0.1, 1.0).is_nan());
        assert_eq!((lora, adam.steps), (numbers([1.0, 2.0]), 0));
    }
}
