//! The style profile of a writer in figures a person can read, and where a draft deviates from it:
//! rhythm of sentences, openers, punctuation, and how certain the writer sounds.
//!
//! A figure of a draft is compared with the writer's pieces one by one, so "unusual" means further away
//! than the writer's own pieces are from each other. The profile is for reading, not for decisions; the
//! voice measure is [`crate::voice`]. Code and quotations are left out.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::archive::{Span, non_prose_spans};
use crate::words::{count, sentences, words};

/// Words a text needs for a profile.
pub const MIN_WORDS: usize = 50;
/// Pieces a profile needs.
const MIN_PIECES: usize = 3;
/// Standard deviations from which a figure is unusual.
const UNUSUAL: f64 = 2.0;
/// Words up to which a sentence is short.
const SHORT: usize = 6;
/// Words from which a sentence is long.
const LONG: usize = 30;
/// Number of openers listed.
const MAX_OPENERS: usize = 5;

/// The theme of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Lengths of sentences and paragraphs.
    Rhythm,
    /// Beginnings of sentences.
    Openers,
    /// Punctuation marks.
    Punctuation,
    /// Hedges, boosters and person.
    Certainty,
}

/// A feature that is counted, with its name and unit.
#[derive(Debug, Clone, Copy)]
struct Trait {
    theme: Theme,
    name: &'static str,
    unit: &'static str,
    /// Smallest standard deviation assumed, however consistent the writer is.
    grain: f64,
}

const fn one(theme: Theme, name: &'static str, unit: &'static str) -> Trait {
    // Two words, five percent, or one mark in two hundred words.
    let grain = match unit.as_bytes() {
        b"words" => 2.0,
        b"%" => 5.0,
        _ => 0.5,
    };
    Trait { theme, name, unit, grain }
}

const PER: &str = "in 100 words";

/// All features, in the order of [`figures`].
const TRAITS: [Trait; 24] = [
    one(Theme::Rhythm, "a sentence", "words"),
    one(Theme::Rhythm, "variation of sentence length", "words"),
    one(Theme::Rhythm, "short sentences (6 words or fewer)", "%"),
    one(Theme::Rhythm, "long sentences (30 words or more)", "%"),
    one(Theme::Rhythm, "a paragraph", "words"),
    one(Theme::Rhythm, "paragraphs of one sentence", "%"),
    one(Theme::Openers, "sentences that open with And, But or So", "%"),
    one(Theme::Openers, "sentences that open with I", "%"),
    one(Theme::Openers, "sentences that open with The", "%"),
    one(Theme::Openers, "questions", "%"),
    one(Theme::Punctuation, "commas", PER),
    one(Theme::Punctuation, "semicolons", PER),
    one(Theme::Punctuation, "colons", PER),
    one(Theme::Punctuation, "dashes", PER),
    one(Theme::Punctuation, "brackets", PER),
    one(Theme::Punctuation, "exclamation marks", PER),
    one(Theme::Punctuation, "ellipses", PER),
    one(Theme::Punctuation, "quotation marks", PER),
    one(Theme::Certainty, "hedges (perhaps, I think)", PER),
    one(Theme::Certainty, "boosters (certainly, of course)", PER),
    one(Theme::Certainty, "I, me, my", PER),
    one(Theme::Certainty, "we, us, our", PER),
    one(Theme::Certainty, "you, your", PER),
    one(Theme::Certainty, "contractions (don't, it's)", PER),
];

/// One figure of the writer, and of the draft if there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The theme.
    pub theme: Theme,
    /// The name of the feature.
    pub name: String,
    /// "words", "%" or "in 100 words".
    pub unit: String,
    /// Mean over the writer's pieces.
    pub writer: f64,
    /// Standard deviation over the writer's pieces.
    pub spread: f64,
    /// The draft's figure.
    pub draft: Option<f64>,
    /// Standard deviations by which the draft is above the writer; negative if below.
    pub off: Option<f64>,
    /// True if that is outside the writer's usual range.
    pub unusual: bool,
}

/// A word that opens sentences, with the share of sentences in percent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opener {
    /// The word in lower case.
    pub word: String,
    /// The writer's share.
    pub writer: f64,
    /// The draft's share.
    pub draft: Option<f64>,
}

/// The profile of a writer, compared with a draft if there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Number of pieces read.
    pub pieces: usize,
    /// Words of the draft that were read; `None` without a draft or if it is too short.
    pub draft_words: Option<usize>,
    /// All figures.
    pub figures: Vec<Figure>,
    /// The writer's most frequent openers.
    pub openers: Vec<Opener>,
    /// The unusual figures as sentences, the most unusual first.
    pub sentences: Vec<String>,
}

/// The counts of one text.
struct Counted {
    figures: [f64; TRAITS.len()],
    openers: BTreeMap<String, usize>,
    sentences: usize,
    words: usize,
}

/// The profile of the writer's pieces (text and its spans of code and quotations), compared with a
/// draft. `None` if fewer than three pieces are long enough.
pub fn profile<'a>(
    pieces: impl IntoIterator<Item = (&'a str, &'a [Span])>,
    draft: Option<&str>,
) -> Option<Profile> {
    let own: Vec<Counted> =
        pieces.into_iter().filter_map(|(text, spans)| counted(text, spans)).collect();
    if own.len() < MIN_PIECES {
        return None;
    }
    let draft = draft.and_then(|text| counted(text, &non_prose_spans(text)));
    let figures: Vec<Figure> = (0..TRAITS.len())
        .map(|n| {
            let all: Vec<f64> = own.iter().map(|one| one.figures[n]).collect();
            figure(&TRAITS[n], &all, draft.as_ref().map(|draft| draft.figures[n]))
        })
        .collect();
    Some(Profile {
        pieces: own.len(),
        draft_words: draft.as_ref().map(|draft| draft.words),
        sentences: unusual(&figures),
        figures,
        openers: openers(&own, draft.as_ref()),
    })
}

fn figure(counted: &Trait, all: &[f64], draft: Option<f64>) -> Figure {
    let n = all.len() as f64;
    let mean = all.iter().sum::<f64>() / n;
    let squares = all.iter().map(|one| (one - mean).powi(2)).sum::<f64>();
    let spread = (squares / (n - 1.0).max(1.0)).sqrt();
    let off = draft.map(|draft| (draft - mean) / spread.max(counted.grain));
    Figure {
        theme: counted.theme,
        name: counted.name.to_owned(),
        unit: counted.unit.to_owned(),
        writer: mean,
        spread,
        draft,
        off,
        unusual: off.is_some_and(|off| off.abs() >= UNUSUAL),
    }
}

fn openers(own: &[Counted], draft: Option<&Counted>) -> Vec<Opener> {
    let mut all: BTreeMap<&str, usize> = BTreeMap::new();
    let mut sentences = 0;
    for one in own {
        sentences += one.sentences;
        for (word, n) in &one.openers {
            *all.entry(word).or_default() += n;
        }
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let percent = |n: usize, of: usize| 100.0 * n as f64 / of.max(1) as f64;
    all.into_iter()
        .take(MAX_OPENERS)
        .map(|(word, n)| Opener {
            word: word.to_owned(),
            writer: percent(n, sentences),
            draft: draft.map(|draft| {
                percent(draft.openers.get(word).copied().unwrap_or(0), draft.sentences)
            }),
        })
        .collect()
}

/// Sentences on the unusual figures: "Commas: more than in your pieces: 9.1 in 100 words (you: 5.2)."
fn unusual(figures: &[Figure]) -> Vec<String> {
    let mut unusual: Vec<_> = figures.iter().filter(|figure| figure.unusual).collect();
    unusual.sort_by(|a, b| {
        let off = |figure: &Figure| figure.off.unwrap_or(0.0).abs();
        off(b).total_cmp(&off(a))
    });
    let sentence = |figure: &Figure| {
        let (draft, off) = (figure.draft?, figure.off?);
        let (more, what) = match (figure.name.as_str(), off > 0.0) {
            ("a sentence" | "a paragraph", true) => ("longer than yours", figure.name.as_str()),
            ("a sentence" | "a paragraph", false) => ("shorter than yours", figure.name.as_str()),
            (name, true) => ("more than in your pieces", name),
            (name, false) => ("less than in your pieces", name),
        };
        let mut what = what.to_owned();
        if let Some(first) = what.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Some(format!("{what}: {more}, {draft:.1} {} (you: {:.1}).", figure.unit, figure.writer))
    };
    unusual.into_iter().filter_map(sentence).collect()
}

/// Counts a text; `None` if too little of it is the writer's own prose.
fn counted(text: &str, spans: &[Span]) -> Option<Counted> {
    let prose = prose(text, spans);
    let n_words = count(&prose);
    (n_words >= MIN_WORDS).then(|| {
        let lengths: Vec<usize> = sentences(&prose).map(|(_, sentence)| count(sentence)).collect();
        Counted {
            figures: figures(&prose, n_words, &lengths),
            openers: opening_words(&prose),
            sentences: lengths.len(),
            words: n_words,
        }
    })
}

/// The text without code, quotations and addresses; the words of links stay.
fn prose(text: &str, spans: &[Span]) -> String {
    let mut prose = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        if let Some(before) = text.get(at..span.from) {
            prose.push_str(before);
        }
        at = at.max(span.to);
    }
    prose.push_str(text.get(at..).unwrap_or(""));
    prose
}

fn opening_words(prose: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for (_, sentence) in sentences(prose) {
        if let Some((_, word)) = words(sentence).next() {
            *found.entry(word.to_lowercase().replace('’', "'")).or_default() += 1;
        }
    }
    found
}

/// In the order of [`TRAITS`].
fn figures(prose: &str, n_words: usize, lengths: &[usize]) -> [f64; TRAITS.len()] {
    let n = lengths.len().max(1) as f64;
    let mean = lengths.iter().sum::<usize>() as f64 / n;
    let squares = lengths.iter().map(|&words| (words as f64 - mean).powi(2)).sum::<f64>();
    let of_sentences = |n_such: usize| 100.0 * n_such as f64 / n;
    let opens = opening_words(prose);
    let opened = |which: &[&str]| {
        of_sentences(which.iter().filter_map(|word| opens.get(*word)).sum::<usize>())
    };
    let paragraphs: Vec<(usize, usize)> = prose
        .split("\n\n")
        .filter(|paragraph| !paragraph.trim_start().starts_with('#'))
        .map(|paragraph| (count(paragraph), sentences(paragraph).count()))
        .filter(|(words, _)| *words > 0)
        .collect();
    let n_paragraphs = paragraphs.len().max(1) as f64;
    let alone = paragraphs.iter().filter(|(_, sentences)| *sentences <= 1).count();
    let per = |n_such: usize| 100.0 * n_such as f64 / n_words.max(1) as f64;
    let marks = |which: &[char]| per(prose.chars().filter(|c| which.contains(c)).count());
    let small: Vec<String> =
        words(prose).map(|(_, word)| word.to_lowercase().replace('’', "'")).collect();
    let rate_of = |which: &[&str]| {
        let base = |word: &str| word.split('\'').next().unwrap_or("").to_owned();
        per(small.iter().filter(|word| which.contains(&base(word).as_str())).count())
    };
    let questions = sentences(prose).filter(|(_, sentence)| {
        let closing = ['"', '”', '\'', '’', ')', '」', '』', '）'];
        sentence.trim_end_matches(closing).ends_with(['?', '？', '؟'])
    });
    [
        mean,
        (squares / n).sqrt(),
        of_sentences(lengths.iter().filter(|&&words| words <= SHORT).count()),
        of_sentences(lengths.iter().filter(|&&words| words >= LONG).count()),
        paragraphs.iter().map(|(words, _)| words).sum::<usize>() as f64 / n_paragraphs,
        100.0 * alone as f64 / n_paragraphs,
        opened(&["and", "but", "so"]),
        opened(&["i", "i'm", "i've", "i'd", "i'll"]),
        opened(&["the"]),
        of_sentences(questions.count()),
        marks(&[',', '，', '、', '،']),
        marks(&[';', '；', '؛']),
        marks(&[':', '：']),
        marks(&['—', '–']) + per(prose.matches(" -- ").count() + prose.matches(" - ").count()),
        marks(&['(', '（']),
        marks(&['!', '！']),
        marks(&['…']) + per(prose.matches("...").count()),
        marks(&['"', '“', '”', '«', '»', '「', '」', '『', '』']),
        per(phrases(&small, &HEDGES)),
        per(phrases(&small, &BOOSTERS)),
        rate_of(&["i", "me", "my", "mine"]),
        rate_of(&["we", "us", "our", "ours"]),
        rate_of(&["you", "your", "yours"]),
        per(small.iter().filter(|word| word.contains('\'') && !word.ends_with("'s")).count()
            + small.iter().filter(|word| IS.contains(&word.as_str())).count()),
    ]
}

/// Words that end in 's and are not genitives.
const IS: [&str; 9] =
    ["it's", "that's", "there's", "what's", "he's", "she's", "let's", "who's", "here's"];

static HEDGES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../../../assets/lexicons/hedges.txt").lines().collect());
static BOOSTERS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../../../assets/lexicons/boosters.txt").lines().collect());

/// The number of phrases of a list in a text; of those that begin at one word the longest counts.
fn phrases(text: &[String], list: &HashSet<&str>) -> usize {
    let longest = list.iter().map(|phrase| phrase.split(' ').count()).max().unwrap_or(0);
    let (mut at, mut found) = (0, 0);
    while at < text.len() {
        let most = longest.min(text.len() - at);
        let n = (1..=most).rev().find(|n| list.contains(text[at..at + n].join(" ").as_str()));
        found += usize::from(n.is_some());
        at += n.unwrap_or(1);
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Short sentences, dashes, no hedges.
    const TERSE: &str = "I went out. It rained — hard. I had no coat. The street was empty. But \
        the shop was open, and the man behind the counter knew me. He nodded. I bought bread. I \
        went home — slowly. The bread was wet. I ate it. It was good bread. I slept. In the \
        morning it rained again. I went out.";
    /// Long ones that hedge.
    const WORDY: &str = "It seems to me, in a way, that the question of bread is perhaps one that \
        most of us would, I think, rather leave to those who bake it; and yet it may well be that \
        there is, in general, something to be said for asking it again. Perhaps, I suppose, we \
        could begin with flour, which is arguably the simplest of the matters that, as it seems, \
        are apt to be overlooked by people who have never, or almost never, had to buy any.";

    fn of(pieces: &[&str], draft: Option<&str>) -> Option<Profile> {
        profile(pieces.iter().map(|text| (*text, &[][..])), draft)
    }

    fn figure<'a>(profile: &'a Profile, name: &str) -> &'a Figure {
        profile.figures.iter().find(|figure| figure.name.starts_with(name)).unwrap()
    }

    #[test]
    fn a_wordy_draft_is_unusual_for_a_terse_writer() {
        let found = of(&[TERSE; 4], Some(WORDY)).unwrap();
        assert!(figure(&found, "a sentence").unusual);
        assert!(figure(&found, "hedges").unusual);
        assert!(figure(&found, "semicolons").draft.unwrap() > 0.0);
        assert!(
            found.sentences.iter().any(|one| one.starts_with("A sentence: longer than yours")),
            "{:?}",
            found.sentences
        );
    }

    #[test]
    fn the_writers_own_piece_is_not_unusual() {
        let found = of(&[TERSE; 4], Some(TERSE)).unwrap();
        assert!(found.sentences.is_empty(), "{:?}", found.sentences);
        assert!(found.figures.iter().all(|figure| figure.off == Some(0.0)));
    }

    #[test]
    fn openers_are_listed_with_their_shares() {
        let found = of(&[TERSE; 3], Some(WORDY)).unwrap();
        assert_eq!((found.openers[0].word.as_str(), found.openers[0].draft), ("i", Some(0.0)));
        assert!(found.openers[0].writer > 30.0);
        assert_eq!(found.openers.len(), MAX_OPENERS);
    }

    #[test]
    fn too_little_text_has_no_profile() {
        assert_eq!(of(&[TERSE; 2], None), None);
        assert_eq!(of(&["It rained."; 9], None), None);
        let short = of(&[TERSE; 3], Some("It rained.")).unwrap();
        assert_eq!((short.draft_words, short.sentences.len()), (None, 0));
    }

    #[test]
    fn code_and_quotations_are_left_out() {
        let quoted = format!("{TERSE}\n\n> {WORDY}\n");
        let spans = non_prose_spans(&quoted);
        let pieces = [(quoted.as_str(), spans.as_slice()); 3];
        let found = profile(pieces, None).unwrap();
        assert!(figure(&found, "hedges").writer < 0.1, "{:?}", figure(&found, "hedges"));
    }

    #[test]
    fn phrases_count_once() {
        let count = |text: &str| {
            let small: Vec<String> = words(text).map(|(_, word)| word.to_lowercase()).collect();
            phrases(&small, &HEDGES)
        };
        assert_eq!(count("as far as I can tell it is almost so"), 2);
        assert_eq!(count("It rained."), 0);
    }

    #[test]
    fn every_figure_is_finite() {
        let odd = "雨 ".repeat(60) + &"word ".repeat(60);
        for text in [odd.as_str(), &"a\n\n".repeat(80), &"...? ! — a ".repeat(60)] {
            let found = of(&[text; 3], Some(text)).unwrap();
            assert!(found.figures.iter().all(|f| f.writer.is_finite() && f.spread.is_finite()));
        }
    }
}
