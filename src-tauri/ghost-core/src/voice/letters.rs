//! Runs of four letters that set a writer's masked text apart from strangers': the second member of
//! a voice (VOICE 5.2).
//!
//! Words of content are only as many stars as they have letters. A ridge classifier takes the place
//! of logistic regression: it is solved exactly, in one go, from how alike the texts are, and the
//! likenesses are counted once for all the times a part of the archive is held back.

use super::skeleton::{MARKS, Skeleton, content_length, is_word, kept_word};

/// Runs are told apart by their number in a table this long; two in a thousand share one.
const TABLE: usize = 1 << 14;
/// How strongly weights are held back.
const RIDGE: f64 = 0.1;

/// The weight of each run in a text, in order of their numbers; of length one.
#[derive(Debug, Clone, Default)]
pub(super) struct Letters(Vec<(u16, f32)>);

impl Letters {
    /// Counts the runs of a text; `rarity` is [`rarity`] of the strangers.
    pub(super) fn of(text: &Skeleton, rarity: &[f32]) -> Letters {
        let mut runs = runs(text);
        let mut all: f32 = 0.0;
        for (run, weight) in &mut runs {
            *weight = (1.0 + weight.ln()) * rarity[usize::from(*run)];
            all += *weight * *weight;
        }
        let length = all.sqrt().max(f32::MIN_POSITIVE);
        runs.iter_mut().for_each(|(_, weight)| *weight /= length);
        Letters(runs)
    }

    fn likeness(&self, other: &Letters) -> f64 {
        let (mut a, mut b, mut sum) = (0, 0, 0.0);
        while let (Some(x), Some(y)) = (self.0.get(a), other.0.get(b)) {
            if x.0 == y.0 {
                sum += f64::from(x.1) * f64::from(y.1);
            }
            a += usize::from(x.0 <= y.0);
            b += usize::from(y.0 <= x.0);
        }
        sum
    }
}

/// How rare each run is among these texts.
pub(super) fn rarity<'a>(texts: impl IntoIterator<Item = &'a Skeleton>) -> Vec<f32> {
    let mut found_in = vec![0u32; TABLE];
    let mut n = 0u32;
    for text in texts {
        n += 1;
        runs(text).iter().for_each(|(run, _)| found_in[usize::from(*run)] += 1);
    }
    let rarity = |&found: &u32| (f64::from(1 + n) / f64::from(1 + found)).ln() + 1.0;
    found_in.iter().map(|found| rarity(found) as f32).collect()
}

/// How often each run of four letters occurs, by its number.
fn runs(text: &Skeleton) -> Vec<(u16, f32)> {
    let mut found: Vec<u16> = Vec::with_capacity(text.symbols().len() * 5);
    let mut last = 0u32;
    let mut hear = |letter: u8| {
        last = last << 8 | u32::from(letter);
        found.push((last.wrapping_mul(0x9E37_79B1) >> (32 - TABLE.trailing_zeros())) as u16);
    };
    for &symbol in text.symbols() {
        if is_word(symbol) {
            hear(b' ');
        }
        match (kept_word(symbol), content_length(symbol)) {
            (Some(word), _) => word.bytes().for_each(&mut hear),
            (None, Some(length)) => (0..length).for_each(|_| hear(b'*')),
            // One letter each, whatever they are spelled with.
            (None, None) => hear(MARKS[usize::from(symbol)].as_bytes()[0] ^ symbol as u8),
        }
    }
    found.sort_unstable();
    found.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as f32)).collect()
}

/// How alike texts are to one another, and which of them are the writer's.
#[derive(Debug)]
pub(super) struct Likenesses {
    texts: Vec<Letters>,
    alike: Vec<f64>,
}

impl Likenesses {
    pub(super) fn of(texts: Vec<Letters>) -> Likenesses {
        let n = texts.len();
        let mut alike = vec![0.0; n * n];
        for a in 0..n {
            for b in 0..=a {
                let likeness = texts[a].likeness(&texts[b]);
                (alike[a * n + b], alike[b * n + a]) = (likeness, likeness);
            }
        }
        Likenesses { texts, alike }
    }

    /// What sets the writer apart, learned from some of the texts: `side` says of each whether it
    /// is the writer's, or nothing where it is left out.
    pub(super) fn learn(&self, side: impl Fn(usize) -> Option<bool>) -> Classifier {
        let n = self.texts.len();
        let chosen: Vec<(usize, bool)> =
            (0..n).filter_map(|at| side(at).map(|own| (at, own))).collect();
        let own = chosen.iter().filter(|(_, own)| *own).count();
        // Writer and strangers count the same, however many texts there are of each.
        let share = |side: bool| if side { own } else { chosen.len() - own }.max(1) as f64;
        let m = chosen.len();
        let mut matrix = vec![0.0; m * m];
        let mut answers: Vec<f64> = Vec::with_capacity(m);
        for (row, &(a, side)) in chosen.iter().enumerate() {
            for (column, &(b, _)) in chosen.iter().enumerate().take(row + 1) {
                matrix[row * m + column] = self.alike[a * n + b] + 1.0;
            }
            matrix[row * m + row] += RIDGE * share(side) * 2.0 / m as f64;
            answers.push(if side { 1.0 } else { -1.0 });
        }
        solve(&mut matrix, &mut answers);
        let mut weights = vec![0.0f32; TABLE];
        for (&(at, _), &answer) in chosen.iter().zip(&answers) {
            for &(run, weight) in &self.texts[at].0 {
                weights[usize::from(run)] += answer as f32 * weight;
            }
        }
        Classifier { weights, bias: answers.iter().sum() }
    }
}

/// Solves `matrix * x = answers` in place, by Cholesky; of the matrix, symmetric and positive
/// definite, only the lower half is looked at.
fn solve(matrix: &mut [f64], answers: &mut [f64]) {
    let n = answers.len();
    for row in 0..n {
        let (above, below) = matrix.split_at_mut(row * n);
        let own = &mut below[..n];
        for column in 0..=row {
            let other = if column == row { None } else { Some(&above[column * n..][..=column]) };
            let dot: f64 = match other {
                Some(other) => own[..column].iter().zip(other).map(|(a, b)| a * b).sum(),
                None => own[..column].iter().map(|a| a * a).sum(),
            };
            own[column] = match other {
                Some(other) => (own[column] - dot) / other[column],
                None => (own[column] - dot).max(1e-12).sqrt(),
            };
        }
    }
    for row in 0..n {
        let dot: f64 = (0..row).map(|column| matrix[row * n + column] * answers[column]).sum();
        answers[row] = (answers[row] - dot) / matrix[row * n + row];
    }
    for row in (0..n).rev() {
        let dot: f64 = (row + 1..n).map(|below| matrix[below * n + row] * answers[below]).sum();
        answers[row] = (answers[row] - dot) / matrix[row * n + row];
    }
}

/// Tells the writer's texts (above 0) from strangers' (below).
#[derive(Debug, Clone)]
pub(super) struct Classifier {
    weights: Vec<f32>,
    bias: f64,
}

impl Classifier {
    pub(super) fn score(&self, text: &Letters) -> f64 {
        let weighed = text.0.iter().map(|&(run, w)| f64::from(w * self.weights[usize::from(run)]));
        self.bias + weighed.sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_system_of_equations_is_solved() {
        let mut matrix = [4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 1.0, 3.0, 6.0];
        // The upper half is that of the lower: 4 2 1 / 2 5 3 / 1 3 6, times (1, 2, 3).
        let mut answers = [11.0, 21.0, 25.0];
        solve(&mut matrix, &mut answers);
        for (found, wanted) in answers.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - wanted).abs() < 1e-12);
        }
    }

    #[test]
    fn a_writer_is_told_from_a_stranger_by_their_letters() {
        let own = ["I think that it was so, and I was there.", "I think I was not there, so."];
        let other = ["They are, however, of the others; which is why.", "Which of these; however?"];
        let skeletons: Vec<_> = own.iter().chain(&other).map(|text| Skeleton::of(text)).collect();
        let rarity = rarity(&skeletons);
        let letters: Vec<_> = skeletons.iter().map(|text| Letters::of(text, &rarity)).collect();
        let classifier = Likenesses::of(letters).learn(|at| Some(at < 2));
        let score = |text: &str| classifier.score(&Letters::of(&Skeleton::of(text), &rarity));
        assert!(score("I was there, I think.") > 0.0);
        assert!(score("Which, however, are these?") < 0.0);
        assert!(score("").is_finite());
    }
}
