//! Character 4-grams of masked text, weighted by TF-IDF, and a ridge classifier over them: the second
//! member of a voice.
//!
//! Content words are masked by as many asterisks as they have letters. Kernel ridge regression takes
//! the place of logistic regression: it is solved exactly in one step from the similarities between
//! texts, and those are computed once for all folds.

use super::masked_text::{MARKS, MaskedText, content_length, is_word, kept_word};

/// Size of the table that n-grams are hashed into; two in a thousand collide.
const TABLE: usize = 1 << 14;
/// Regularisation strength.
const RIDGE: f64 = 0.1;

/// The TF-IDF vector of a text: n-grams in order with their weights, of unit length.
#[derive(Debug, Clone, Default)]
pub(super) struct CharNgrams(Vec<(u16, f32)>);

impl CharNgrams {
    /// The vector of a text; `idf` comes from the other authors' texts.
    pub(super) fn of(text: &MaskedText, idf: &[f32]) -> CharNgrams {
        let mut runs = count_ngrams(text);
        let mut all: f32 = 0.0;
        for (run, weight) in &mut runs {
            *weight = (1.0 + weight.ln()) * idf[usize::from(*run)];
            all += *weight * *weight;
        }
        let length = all.sqrt().max(f32::MIN_POSITIVE);
        runs.iter_mut().for_each(|(_, weight)| *weight /= length);
        CharNgrams(runs)
    }

    fn dot(&self, other: &CharNgrams) -> f64 {
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

/// The inverse document frequency of each n-gram among these texts.
pub(super) fn idf<'a>(texts: impl IntoIterator<Item = &'a MaskedText>) -> Vec<f32> {
    let mut found_in = vec![0u32; TABLE];
    let mut n = 0u32;
    for text in texts {
        n += 1;
        count_ngrams(text).iter().for_each(|(run, _)| found_in[usize::from(*run)] += 1);
    }
    let idf = |&found: &u32| (f64::from(1 + n) / f64::from(1 + found)).ln() + 1.0;
    found_in.iter().map(|found| idf(found) as f32).collect()
}

/// The number of occurrences of each n-gram, by its hash.
fn count_ngrams(text: &MaskedText) -> Vec<(u16, f32)> {
    let mut found: Vec<u16> = Vec::with_capacity(text.symbols().len() * 5);
    let mut last = 0u32;
    let mut push = |letter: u8| {
        last = last << 8 | u32::from(letter);
        found.push((last.wrapping_mul(0x9E37_79B1) >> (32 - TABLE.trailing_zeros())) as u16);
    };
    for &symbol in text.symbols() {
        if is_word(symbol) {
            push(b' ');
        }
        match (kept_word(symbol), content_length(symbol)) {
            (Some(word), _) => word.bytes().for_each(&mut push),
            (None, Some(length)) => (0..length).for_each(|_| push(b'*')),
            // One byte each, however long the mark is.
            (None, None) => push(MARKS[usize::from(symbol)].as_bytes()[0] ^ symbol as u8),
        }
    }
    found.sort_unstable();
    found.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as f32)).collect()
}

/// The similarities between all pairs of texts.
#[derive(Debug)]
pub(super) struct GramMatrix {
    texts: Vec<CharNgrams>,
    values: Vec<f64>,
}

impl GramMatrix {
    pub(super) fn of(texts: Vec<CharNgrams>) -> GramMatrix {
        let n = texts.len();
        let mut values = vec![0.0; n * n];
        for a in 0..n {
            for b in 0..=a {
                let value = texts[a].dot(&texts[b]);
                (values[a * n + b], values[b * n + a]) = (value, value);
            }
        }
        GramMatrix { texts, values }
    }

    /// Trains a classifier on some of the texts: `label` is whether a text is the writer's, or `None`
    /// to leave it out.
    pub(super) fn train(&self, label: impl Fn(usize) -> Option<bool>) -> RidgeClassifier {
        let n = self.texts.len();
        let chosen: Vec<(usize, bool)> =
            (0..n).filter_map(|at| label(at).map(|own| (at, own))).collect();
        let own = chosen.iter().filter(|(_, own)| *own).count();
        // The writer and the others weigh the same, however many texts each has.
        let share = |side: bool| if side { own } else { chosen.len() - own }.max(1) as f64;
        let m = chosen.len();
        let mut matrix = vec![0.0; m * m];
        let mut answers: Vec<f64> = Vec::with_capacity(m);
        for (row, &(a, side)) in chosen.iter().enumerate() {
            for (column, &(b, _)) in chosen.iter().enumerate().take(row + 1) {
                matrix[row * m + column] = self.values[a * n + b] + 1.0;
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
        RidgeClassifier { weights, bias: answers.iter().sum() }
    }
}

/// Solves `matrix * x = answers` in place by Cholesky decomposition. The matrix is symmetric and
/// positive definite; only its lower half is read.
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

/// A linear classifier: above 0 for the writer's texts, below 0 for others'.
#[derive(Debug, Clone)]
pub(super) struct RidgeClassifier {
    weights: Vec<f32>,
    bias: f64,
}

impl RidgeClassifier {
    pub(super) fn score(&self, text: &CharNgrams) -> f64 {
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
        // The symmetric matrix is 4 2 1 / 2 5 3 / 1 3 6, times (1, 2, 3).
        let mut answers = [11.0, 21.0, 25.0];
        solve(&mut matrix, &mut answers);
        for (found, wanted) in answers.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - wanted).abs() < 1e-12);
        }
    }

    #[test]
    fn the_classifier_separates_the_writer_from_another_author() {
        let own = ["I think that it was so, and I was there.", "I think I was not there, so."];
        let other = ["They are, however, of the others; which is why.", "Which of these; however?"];
        let texts: Vec<_> = own.iter().chain(&other).map(|text| MaskedText::of(text)).collect();
        let idf = idf(&texts);
        let vectors: Vec<_> = texts.iter().map(|text| CharNgrams::of(text, &idf)).collect();
        let classifier = GramMatrix::of(vectors).train(|at| Some(at < 2));
        let score = |text: &str| classifier.score(&CharNgrams::of(&MaskedText::of(text), &idf));
        assert!(score("I was there, I think.") > 0.0);
        assert!(score("Which, however, are these?") < 0.0);
        assert!(score("").is_finite());
    }
}
