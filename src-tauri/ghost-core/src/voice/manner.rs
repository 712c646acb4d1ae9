//! What can be counted on a skeleton: the rates of common words, the rhythm of sentences, and the
//! shares of punctuation. The third to fifth members of a voice (VOICE 5.2) compare them.

use super::skeleton::{
    self, COMMA, EXCLAIM, HEADING, ITEM, PARAGRAPH, QUESTION, STOP, Skeleton, content_length,
    ends_sentence, grammar, grammar_alphabet, is_word, kept_word,
};
use std::collections::HashSet;
use std::sync::LazyLock;

/// Marks whose shares are compared: the first of [`skeleton::MARKS`], without paragraphs.
const MARKS: [usize; 14] = [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];

/// Counts of one text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manner {
    /// Share of each symbol, word lengths aside.
    pub(super) rates: Vec<f64>,
    /// See [`rhythm`].
    pub(super) rhythm: Vec<f64>,
    /// How often each of [`MARKS`] occurs, and half.
    pub(super) marks: Vec<f64>,
}

impl Manner {
    pub(super) fn of(text: &Skeleton) -> Manner {
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
        Manner { rates, rhythm: rhythm(text), marks }
    }

    /// The mean of several.
    pub(super) fn mean<'a>(all: impl IntoIterator<Item = &'a Manner>) -> Option<Manner> {
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

/// Mean and spread of every count among strangers: what a difference is measured in.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    mean: Manner,
    spread: Manner,
}

impl Scale {
    pub(super) fn of(all: &[Manner]) -> Option<Scale> {
        let mean = Manner::mean(all)?;
        let squares = all.iter().map(|one| {
            let square = |part: &[f64], mean: &[f64]| {
                part.iter().zip(mean).map(|(one, mean)| (one - mean).powi(2)).collect()
            };
            Manner {
                rates: square(&one.rates, &mean.rates),
                rhythm: square(&one.rhythm, &mean.rhythm),
                marks: square(&one.marks, &mean.marks),
            }
        });
        let mut spread = Manner::mean(&squares.collect::<Vec<_>>())?;
        for part in [&mut spread.rates, &mut spread.rhythm, &mut spread.marks] {
            part.iter_mut().for_each(|square| *square = square.sqrt());
        }
        Some(Scale { mean, spread })
    }

    /// A scale nothing differs on.
    pub(super) fn none() -> Scale {
        let none = Manner::of(&Skeleton::default());
        Scale { mean: none.clone(), spread: none }
    }

    /// How far above or below strangers, in spreads; what no stranger differs in counts as none.
    fn deviations<'a>(
        part: &'a [f64],
        mean: &'a [f64],
        spread: &'a [f64],
    ) -> impl Iterator<Item = f64> + 'a {
        part.iter().zip(mean).zip(spread).map(|((one, mean), spread)| {
            if *spread > 1e-9 { ((one - mean) / spread).clamp(-6.0, 6.0) } else { 0.0 }
        })
    }

    /// Cosine Delta: whether common words deviate the same way.
    pub(super) fn delta(&self, text: &Manner, archive: &Manner) -> f64 {
        let deviations = |of: &Manner| -> Vec<f64> {
            Self::deviations(&of.rates, &self.mean.rates, &self.spread.rates).collect()
        };
        let (a, b) = (deviations(text), deviations(archive));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let length = (dot(&a, &a) * dot(&b, &b)).sqrt();
        if length > 0.0 { dot(&a, &b) / length } else { 0.0 }
    }

    /// How near two rhythms are: 0 the same, below 0 apart.
    pub(super) fn rhythm(&self, text: &Manner, archive: &Manner) -> f64 {
        let deviations = |of: &Manner| -> Vec<f64> {
            Self::deviations(&of.rhythm, &self.mean.rhythm, &self.spread.rhythm).collect()
        };
        let (a, b) = (deviations(text), deviations(archive));
        -a.iter().zip(&b).map(|(a, b)| (a - b).abs().min(4.0)).sum::<f64>() / a.len().max(1) as f64
    }
}

/// How near the punctuation of two texts is: 0 the same, -1 nothing in common (Jensen-Shannon).
pub(super) fn marks(text: &Manner, archive: &Manner) -> f64 {
    let share = |of: &[f64]| -> Vec<f64> {
        let all: f64 = of.iter().sum();
        of.iter().map(|one| one / all).collect()
    };
    let (p, q) = (share(&text.marks), share(&archive.marks));
    let part = |a: f64, b: f64| if a > 0.0 { a * (2.0 * a / (a + b)).log2() } else { 0.0 };
    -0.5 * p.iter().zip(&q).map(|(&p, &q)| part(p, q) + part(q, p)).sum::<f64>()
}

/// Sentences and paragraphs, and how often things are said that have to do with manner:
/// words a sentence (mean, spread, median, shares of short and long, likeness of neighbours, mean
/// step, burstiness), words a paragraph (mean, spread, share of one sentence), headings and items,
/// questions, cries, And/But/So at the beginning, hedges, boosters, I, we, you, contractions,
/// letters of a word, and every mark, each against words or sentences.
fn rhythm(text: &Skeleton) -> Vec<f64> {
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
    let said = |which: &[&str]| {
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
        said(&["i", "i'm", "i'd", "i've", "i'll", "me", "my"]).sqrt(),
        said(&["we", "we're", "we'd", "we've", "we'll", "us", "our"]).sqrt(),
        said(&["you", "you're", "you'd", "you've", "you'll", "your"]).sqrt(),
        per_word(&|symbol| kept_word(symbol).is_some_and(|word| word.contains('\''))).sqrt(),
        letters.sum::<usize>() as f64 / words,
    ];
    found.extend((0..skeleton::MARKS.len() as u16).filter(|&mark| mark != PARAGRAPH).map(|mark| {
        let rate = per_word(&|symbol| symbol == mark);
        if matches!(mark, COMMA | STOP) { rate } else { rate.sqrt() }
    }));
    found.push((100.0 * per_word(&|symbol| matches!(symbol, QUESTION | EXCLAIM)) / n).sqrt());
    found
}

static HEDGES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../../../../assets/lexicons/hedges.txt").lines().collect());
static BOOSTERS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../../../../assets/lexicons/boosters.txt").lines().collect());

/// The words of each sentence, and how many begin with And, But or So.
fn sentences(text: &Skeleton) -> (Vec<f64>, f64) {
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

/// The words of each paragraph, and the share that is one sentence.
fn paragraphs(text: &Skeleton) -> (Vec<f64>, f64) {
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

    fn of(text: &str) -> Manner {
        Manner::of(&Skeleton::of(text))
    }

    #[test]
    fn the_same_text_is_nearest() {
        let own = of("I went. Then, I think, it rained! So I went home; it was late.");
        let other = of("The committee (of which more below) has, in its wisdom, not met: why?");
        let scale = Scale::of(&[own.clone(), other.clone(), of("It is. It was.")]).unwrap();
        assert!((scale.delta(&own, &own) - 1.0).abs() < 1e-9);
        assert!(scale.delta(&own, &other) < 0.5);
        assert_eq!(scale.rhythm(&own, &own), 0.0);
        assert!(scale.rhythm(&own, &other) < -0.3);
        assert_eq!(marks(&own, &own), 0.0);
        assert!(marks(&own, &other) < marks(&own, &of("It was, I think; yes!")));
    }

    #[test]
    fn sentences_and_their_openers_are_counted() {
        let text = Skeleton::of("It rained all day. But we went.\n\n## On\n\nSo there?");
        assert_eq!(sentences(&text), (vec![4.0, 3.0, 1.0, 2.0], 2.0));
        assert_eq!(paragraphs(&text), (vec![7.0, 1.0, 2.0], 2.0 / 3.0));
    }

    #[test]
    fn a_text_of_nothing_has_finite_counts() {
        for text in ["", "…", "\n\n", "雨"] {
            let all = of(text);
            assert!(all.rates.iter().chain(&all.rhythm).chain(&all.marks).all(|n| n.is_finite()));
        }
    }
}
