//! Style features counted on masked text: rates of common words, rhythm of sentences, shares of
//! punctuation. The third to fifth members of a voice compare them.

use super::masked_text::{
    self, COMMA, EXCLAIM, HEADING, ITEM, MaskedText, PARAGRAPH, QUESTION, STOP, content_length,
    ends_sentence, grammar, grammar_alphabet, is_word, kept_word,
};
use std::collections::HashSet;
use std::sync::LazyLock;

/// Marks whose shares are compared: the first of [`masked_text::MARKS`] except paragraphs.
const MARKS: [usize; 14] = [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];

/// The features of one text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StyleFeatures {
    /// Share of each symbol, regardless of word lengths.
    pub(super) rates: Vec<f64>,
    /// See [`rhythm`].
    pub(super) rhythm: Vec<f64>,
    /// The count of each of [`MARKS`] plus one half.
    pub(super) marks: Vec<f64>,
}

impl StyleFeatures {
    pub(super) fn of(text: &MaskedText) -> StyleFeatures {
        let mut rates = vec![0.0; grammar_alphabet()];
        let each = 1.0 / text.symbols().len().max(1) as f64;
        for &symbol in text.symbols() {
            rates[usize::from(grammar(symbol))] += each;
        }
        let mut marks = vec![0.5; MARKS.len()];
        for &symbol in text.symbols() {
            if let Some(mark) = MARKS.iter().position(|&mark| mark == usize::from(symbol)) {
                marks[mark] += 1.0;
            }
        }
        StyleFeatures { rates, rhythm: rhythm(text), marks }
    }

    /// The mean of several texts; `None` without any.
    pub(super) fn mean<'a>(
        all: impl IntoIterator<Item = &'a StyleFeatures>,
    ) -> Option<StyleFeatures> {
        let mut all = all.into_iter();
        let mut sum = all.next()?.clone();
        let mut n = 1.0;
        for one in all {
            n += 1.0;
            for (sum, one) in [
                (&mut sum.rates, &one.rates),
                (&mut sum.rhythm, &one.rhythm),
                (&mut sum.marks, &one.marks),
            ] {
                sum.iter_mut().zip(one).for_each(|(sum, one)| *sum += one);
            }
        }
        for part in [&mut sum.rates, &mut sum.rhythm, &mut sum.marks] {
            part.iter_mut().for_each(|sum| *sum /= n);
        }
        Some(sum)
    }
}

/// Standardisation by mean and standard deviation of each feature among other authors.
#[derive(Debug, Clone)]
pub(super) struct ZScore {
    mean: StyleFeatures,
    spread: StyleFeatures,
}

impl ZScore {
    pub(super) fn of(all: &[StyleFeatures]) -> Option<ZScore> {
        let mean = StyleFeatures::mean(all)?;
        let squares = all.iter().map(|one| {
            let square = |part: &[f64], mean: &[f64]| {
                part.iter().zip(mean).map(|(one, mean)| (one - mean).powi(2)).collect()
            };
            StyleFeatures {
                rates: square(&one.rates, &mean.rates),
                rhythm: square(&one.rhythm, &mean.rhythm),
                marks: square(&one.marks, &mean.marks),
            }
        });
        let mut spread = StyleFeatures::mean(&squares.collect::<Vec<_>>())?;
        for part in [&mut spread.rates, &mut spread.rhythm, &mut spread.marks] {
            part.iter_mut().for_each(|square| *square = square.sqrt());
        }
        Some(ZScore { mean, spread })
    }

    /// A standardisation under which nothing differs.
    pub(super) fn flat() -> ZScore {
        let zero = StyleFeatures::of(&MaskedText::default());
        ZScore { mean: zero.clone(), spread: zero }
    }

    /// The z-scores of features; 0 for features that are the same for all other authors.
    fn z_scores<'a>(
        part: &'a [f64],
        mean: &'a [f64],
        spread: &'a [f64],
    ) -> impl Iterator<Item = f64> + 'a {
        part.iter().zip(mean).zip(spread).map(|((one, mean), spread)| {
            if *spread > 1e-9 { ((one - mean) / spread).clamp(-6.0, 6.0) } else { 0.0 }
        })
    }

    /// Cosine Delta (Evert et al. 2017): whether common words deviate in the same direction.
    pub(super) fn delta(&self, text: &StyleFeatures, archive: &StyleFeatures) -> f64 {
        let z_scores = |of: &StyleFeatures| -> Vec<f64> {
            Self::z_scores(&of.rates, &self.mean.rates, &self.spread.rates).collect()
        };
        let (a, b) = (z_scores(text), z_scores(archive));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let length = (dot(&a, &a) * dot(&b, &b)).sqrt();
        if length > 0.0 { dot(&a, &b) / length } else { 0.0 }
    }

    /// Similarity of two rhythms: 0 is the same, negative is different.
    pub(super) fn rhythm(&self, text: &StyleFeatures, archive: &StyleFeatures) -> f64 {
        let z_scores = |of: &StyleFeatures| -> Vec<f64> {
            Self::z_scores(&of.rhythm, &self.mean.rhythm, &self.spread.rhythm).collect()
        };
        let (a, b) = (z_scores(text), z_scores(archive));
        -a.iter().zip(&b).map(|(a, b)| (a - b).abs().min(4.0)).sum::<f64>() / a.len().max(1) as f64
    }
}

/// Similarity of the punctuation of two texts: 0 is the same, -1 nothing in common (negative
/// Jensen-Shannon divergence).
pub(super) fn punctuation(text: &StyleFeatures, archive: &StyleFeatures) -> f64 {
    let share = |of: &[f64]| -> Vec<f64> {
        let all: f64 = of.iter().sum();
        of.iter().map(|one| one / all).collect()
    };
    let (p, q) = (share(&text.marks), share(&archive.marks));
    let part = |a: f64, b: f64| if a > 0.0 { a * (2.0 * a / (a + b)).log2() } else { 0.0 };
    -0.5 * p.iter().zip(&q).map(|(&p, &q)| part(p, q) + part(q, p)).sum::<f64>()
}

/// The rhythm features: words per sentence (mean, spread, median, shares of short and long,
/// autocorrelation, mean step, burstiness), words per paragraph (mean, spread, share of one sentence),
/// headings and list items, sentences that open with And, But or So, hedges, boosters, first and
/// second person, contractions, letters per word, and every mark, relative to words or sentences.
fn rhythm(text: &MaskedText) -> Vec<f64> {
    let words = text.words().max(1) as f64;
    let (sentences, openers) = sentences(text);
    let n = sentences.len().max(1) as f64;
    let (mean, spread) = mean_and_spread(&sentences);
    let mut ordered = sentences.clone();
    ordered.sort_by(f64::total_cmp);
    let median = ordered.get(ordered.len() / 2).copied().unwrap_or(0.0);
    let share = |long: &dyn Fn(f64) -> bool| {
        sentences.iter().filter(|&&words| long(words)).count() as f64 / n
    };
    let steps = sentences.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    let together: f64 =
        sentences.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum::<f64>();
    let per_word = |is: &dyn Fn(u16) -> bool| {
        100.0 * text.symbols().iter().filter(|&&symbol| is(symbol)).count() as f64 / words
    };
    let kept = |list: &'static HashSet<&str>| {
        per_word(&|symbol| kept_word(symbol).is_some_and(|word| list.contains(word)))
    };
    let rate_of = |which: &[&str]| {
        per_word(&|symbol| kept_word(symbol).is_some_and(|word| which.contains(&word)))
    };
    let (paragraphs, alone) = paragraphs(text);
    let (paragraph, paragraph_spread) = mean_and_spread(&paragraphs);
    let letters = text
        .symbols()
        .iter()
        .filter_map(|&symbol| content_length(symbol).or_else(|| kept_word(symbol).map(str::len)));
    let mut found = vec![
        (1.0 + mean).ln(),
        (1.0 + spread).ln(),
        (1.0 + median).ln(),
        share(&|words| words <= 6.0),
        share(&|words| words >= 30.0),
        together / (spread * spread * n).max(1.0),
        (1.0 + steps.sum::<f64>() / n).ln(),
        (spread - mean) / (spread + mean).max(1.0),
        (1.0 + paragraph).ln(),
        (1.0 + paragraph_spread).ln(),
        alone,
        per_word(&|symbol| symbol == HEADING).sqrt(),
        per_word(&|symbol| symbol == ITEM).sqrt(),
        openers / n,
        kept(&HEDGES).sqrt(),
        kept(&BOOSTERS).sqrt(),
        rate_of(&["i", "i'm", "i'd", "i've", "i'll", "me", "my"]).sqrt(),
        rate_of(&["we", "we're", "we'd", "we've", "we'll", "us", "our"]).sqrt(),
        rate_of(&["you", "you're", "you'd", "you've", "you'll", "your"]).sqrt(),
        per_word(&|symbol| kept_word(symbol).is_some_and(|word| word.contains('\''))).sqrt(),
        letters.sum::<usize>() as f64 / words,
    ];
    found.extend((0..masked_text::MARKS.len() as u16).filter(|&mark| mark != PARAGRAPH).map(
        |mark| {
            let rate = per_word(&|symbol| symbol == mark);
            if matches!(mark, COMMA | STOP) { rate } else { rate.sqrt() }
        },
    ));
    found.push((100.0 * per_word(&|symbol| matches!(symbol, QUESTION | EXCLAIM)) / n).sqrt());
    found
}

static HEDGES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../../../../assets/lexicons/hedges.txt").lines().collect());
static BOOSTERS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../../../../assets/lexicons/boosters.txt").lines().collect());

/// The number of words in each sentence, and how many sentences open with And, But or So.
fn sentences(text: &MaskedText) -> (Vec<f64>, f64) {
    let (mut all, mut openers, mut words) = (Vec::new(), 0.0, 0.0);
    for &symbol in text.symbols() {
        if is_word(symbol) {
            let opens = words == 0.0 && matches!(kept_word(symbol), Some("and" | "but" | "so"));
            openers += f64::from(u8::from(opens));
            words += 1.0;
        } else if ends_sentence(symbol) && words > 0.0 {
            all.push(words);
            words = 0.0;
        }
    }
    if words > 0.0 {
        all.push(words);
    }
    (all, openers)
}

/// The number of words in each paragraph, and the share of paragraphs with one sentence.
fn paragraphs(text: &MaskedText) -> (Vec<f64>, f64) {
    let (mut all, mut alone) = (Vec::new(), 0.0);
    for paragraph in text.symbols().split(|&symbol| symbol == PARAGRAPH) {
        let words = paragraph.iter().filter(|&&symbol| is_word(symbol)).count();
        if words > 0 {
            all.push(words as f64);
            let ends = paragraph.iter().filter(|&&symbol| ends_sentence(symbol)).count();
            alone += f64::from(u8::from(ends <= 1));
        }
    }
    let n = all.len().max(1) as f64;
    (all, alone / n)
}

fn mean_and_spread(all: &[f64]) -> (f64, f64) {
    let n = all.len().max(1) as f64;
    let mean = all.iter().sum::<f64>() / n;
    let squares = all.iter().map(|one| (one - mean).powi(2)).sum::<f64>();
    (mean, (squares / n).sqrt())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(text: &str) -> StyleFeatures {
        StyleFeatures::of(&MaskedText::of(text))
    }

    #[test]
    fn a_text_is_most_similar_to_itself() {
        let own = of("I went. Then, I think, it rained! So I went home; it was late.");
        let other = of("The committee (of which more below) has, in its wisdom, not met: why?");
        let z_score = ZScore::of(&[own.clone(), other.clone(), of("It is. It was.")]).unwrap();
        assert!((z_score.delta(&own, &own) - 1.0).abs() < 1e-9);
        assert!(z_score.delta(&own, &other) < 0.5);
        assert_eq!(z_score.rhythm(&own, &own), 0.0);
        assert!(z_score.rhythm(&own, &other) < -0.3);
        assert_eq!(punctuation(&own, &own), 0.0);
        assert!(punctuation(&own, &other) < punctuation(&own, &of("It was, I think; yes!")));
    }

    #[test]
    fn sentences_and_their_openers_are_counted() {
        let text = MaskedText::of("It rained all day. But we went.\n\n## On\n\nSo there?");
        assert_eq!(sentences(&text), (vec![4.0, 3.0, 1.0, 2.0], 2.0));
        assert_eq!(paragraphs(&text), (vec![7.0, 1.0, 2.0], 2.0 / 3.0));
    }

    #[test]
    fn an_empty_text_has_finite_features() {
        for text in ["", "…", "\n\n", "雨"] {
            let all = of(text);
            assert!(all.rates.iter().chain(&all.rhythm).chain(&all.marks).all(|n| n.is_finite()));
        }
    }
}
