//! How a writer writes, in figures a person can read, and where a draft does otherwise: the rhythm
//! of sentences, how they open, punctuation, and how sure they sound (VOICE 5.2).
//!
//! Each figure of a draft is held against the writer's pieces one by one, so that "unusual" means
//! further off than the writer's own pieces are from each other. To be read, not to judge by: a
//! voice is told by [`crate::voice`], and these figures alone tell it badly (VOICE 5.1). Code and
//! quotations are left out. Knows no model.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::archive::{Span, non_prose_spans};
use crate::words::{count, sentences, words};

/// Fewer words say nothing about how somebody writes.
pub const LEAST_WORDS: usize = 50;
/// Fewer pieces have no spread.
const LEAST_PIECES: usize = 3;
/// So many spreads away is unusual.
const UNUSUAL: f64 = 2.0;
/// Short and long sentences, in words.
const SHORT: usize = 6;
const LONG: usize = 30;
/// Openers that are named.
const MOST_OPENERS: usize = 5;

/// What a figure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Lengths of sentences and paragraphs.
    Rhythm,
    /// How sentences begin.
    Openers,
    /// Marks.
    Punctuation,
    /// Hedges, boosters and what goes with them.
    Certainty,
}

/// One thing that is counted: its name, and what it is counted in.
#[derive(Debug, Clone, Copy)]
struct Trait {
    theme: Theme,
    name: &'static str,
    unit: &'static str,
    /// Differences below this are none, however steady the writer.
    grain: f64,
}

const fn one(theme: Theme, name: &'static str, unit: &'static str) -> Trait {
    // In words, words; in percent, five of them; in marks, one in two hundred words.
    let grain = match unit.as_bytes() {
        b"words" => 2.0,
        b"%" => 5.0,
        _ => 0.5,
    };
    Trait { theme, name, unit, grain }
}

const PER: &str = "in 100 words";

/// All that is counted, in the order of [`figures`].
const TRAITS: [Trait; 24] = [
    one(Theme::Rhythm, "a sentence", "words"),
    one(Theme::Rhythm, "how much sentences differ", "words"),
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

/// One figure of the writer, and of a draft where there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is about.
    pub theme: Theme,
    /// What is counted.
    pub name: String,
    /// "words", "%" or "in 100 words".
    pub unit: String,
    /// Mean over the writer's pieces.
    pub writer: f64,
    /// Two thirds of the pieces lie this near to it.
    pub spread: f64,
    /// The draft's.
    pub draft: Option<f64>,
    /// How many spreads the draft lies above (below 0: under) the writer.
    pub off: Option<f64>,
    /// Whether that is further than the writer goes.
    pub unusual: bool,
}

/// A word that sentences open with, and how many do, in percent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opener {
    /// The word, in small letters.
    pub word: String,
    /// The writer's share.
    pub writer: f64,
    /// The draft's.
    pub draft: Option<f64>,
}

/// How a writer writes, and a draft beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Pieces of the writer that were read.
    pub pieces: usize,
    /// Words of the draft that were read; none where there is no draft or it is too short.
    pub draft_words: Option<usize>,
    /// All figures.
    pub figures: Vec<Figure>,
    /// The writer's most frequent openers.
    pub openers: Vec<Opener>,
    /// What is unusual, in sentences, the most unusual first.
    pub sentences: Vec<String>,
}

/// What is counted of one text.
struct Counted {
    figures: [f64; TRAITS.len()],
    openers: BTreeMap<String, usize>,
    sentences: usize,
    words: usize,
}

/// Reads the writer's pieces (text, and what in it stands apart), and a draft to hold against
/// them. Nothing where fewer than three pieces are long enough.
pub fn profile<'a>(
    pieces: impl IntoIterator<Item = (&'a str, &'a [Span])>,
    draft: Option<&str>,
) -> Option<Profile> {
    let own: Vec<Counted> =
        pieces.into_iter().filter_map(|(text, apart)| counted(text, apart)).collect();
    if own.len() < LEAST_PIECES {
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
        sentences: said(&figures),
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
        .take(MOST_OPENERS)
        .map(|(word, n)| Opener {
            word: word.to_owned(),
            writer: percent(n, sentences),
            draft: draft.map(|draft| {
                percent(draft.openers.get(word).copied().unwrap_or(0), draft.sentences)
            }),
        })
        .collect()
}

/// "The draft has more commas than you: 9.1 in 100 words, you 5.2."
fn said(figures: &[Figure]) -> Vec<String> {
    let mut unusual: Vec<_> = figures.iter().filter(|figure| figure.unusual).collect();
    unusual.sort_by(|a, b| {
        let off = |figure: &Figure| figure.off.unwrap_or(0.0).abs();
        off(b).total_cmp(&off(a))
    });
    let sentence = |figure: &Figure| {
        let (draft, off) = (figure.draft?, figure.off?);
        let (more, than) = match (figure.name.as_str(), off > 0.0) {
            ("a sentence" | "a paragraph", true) => ("longer than yours:", figure.name.as_str()),
            ("a sentence" | "a paragraph", false) => ("shorter than yours:", figure.name.as_str()),
            (name, true) => ("more than with you:", name),
            (name, false) => ("less than with you:", name),
        };
        let mut than = than.to_owned();
        if let Some(first) = than.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Some(format!("{than}: {more} {draft:.1} {}, you {:.1}.", figure.unit, figure.writer))
    };
    unusual.into_iter().filter_map(sentence).collect()
}

/// Counts a text; nothing where too little of it is prose of the writer's own.
fn counted(text: &str, apart: &[Span]) -> Option<Counted> {
    let prose = prose(text, apart);
    let n_words = count(&prose);
    (n_words >= LEAST_WORDS).then(|| {
        let lengths: Vec<usize> = sentences(&prose).map(|(_, sentence)| count(sentence)).collect();
        Counted {
            figures: figures(&prose, n_words, &lengths),
            openers: opening_words(&prose),
            sentences: lengths.len(),
            words: n_words,
        }
    })
}

/// A text without what stands apart in it. Addresses of links go, their words stay.
fn prose(text: &str, apart: &[Span]) -> String {
    let mut prose = String::with_capacity(text.len());
    let mut at = 0;
    for span in apart {
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
    let said = |which: &[&str]| {
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
        said(&["i", "me", "my", "mine"]),
        said(&["we", "us", "our", "ours"]),
        said(&["you", "your", "yours"]),
        per(small.iter().filter(|word| word.contains('\'') && !word.ends_with("'s")).count()
            + small.iter().filter(|word| IS.contains(&word.as_str())).count()),
    ]
}

/// What ends in 's and is no genitive.
const IS: [&str; 9] =
    ["it's", "that's", "there's", "what's", "he's", "she's", "let's", "who's", "here's"];

static HEDGES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../../../assets/lexicons/hedges.txt").lines().collect());
static BOOSTERS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../../../assets/lexicons/boosters.txt").lines().collect());

/// How many phrases of a list are said: of those that begin at one word the longest counts.
fn phrases(said: &[String], list: &HashSet<&str>) -> usize {
    let longest = list.iter().map(|phrase| phrase.split(' ').count()).max().unwrap_or(0);
    let (mut at, mut found) = (0, 0);
    while at < said.len() {
        let most = longest.min(said.len() - at);
        let n = (1..=most).rev().find(|n| list.contains(said[at..at + n].join(" ").as_str()));
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
    fn a_wordy_draft_beside_a_terse_writer() {
        let found = of(&[TERSE; 4], Some(WORDY)).unwrap();
        assert!(figure(&found, "a sentence").unusual);
        assert!(figure(&found, "hedges").unusual);
        assert!(figure(&found, "semicolons").draft.unwrap() > 0.0);
        assert!(
            found.sentences.iter().any(|said| said.starts_with("A sentence: longer than yours")),
            "{:?}",
            found.sentences
        );
    }

    #[test]
    fn the_writers_own_piece_is_nothing_unusual() {
        let found = of(&[TERSE; 4], Some(TERSE)).unwrap();
        assert!(found.sentences.is_empty(), "{:?}", found.sentences);
        assert!(found.figures.iter().all(|figure| figure.off == Some(0.0)));
    }

    #[test]
    fn openers_are_named_with_their_shares() {
        let found = of(&[TERSE; 3], Some(WORDY)).unwrap();
        assert_eq!((found.openers[0].word.as_str(), found.openers[0].draft), ("i", Some(0.0)));
        assert!(found.openers[0].writer > 30.0);
        assert_eq!(found.openers.len(), MOST_OPENERS);
    }

    #[test]
    fn too_little_has_no_profile() {
        assert_eq!(of(&[TERSE; 2], None), None);
        assert_eq!(of(&["It rained."; 9], None), None);
        let short = of(&[TERSE; 3], Some("It rained.")).unwrap();
        assert_eq!((short.draft_words, short.sentences.len()), (None, 0));
    }

    #[test]
    fn code_and_quotations_are_not_the_writers() {
        let quoted = format!("{TERSE}\n\n> {WORDY}\n");
        let spans = non_prose_spans(&quoted);
        let pieces = [(quoted.as_str(), spans.as_slice()); 3];
        let found = profile(pieces, None).unwrap();
        assert!(figure(&found, "hedges").writer < 0.1, "{:?}", figure(&found, "hedges"));
    }

    #[test]
    fn phrases_count_once() {
        let said = |text: &str| {
            let small: Vec<String> = words(text).map(|(_, word)| word.to_lowercase()).collect();
            phrases(&small, &HEDGES)
        };
        assert_eq!(said("as far as I can tell it is almost so"), 2);
        assert_eq!(said("It rained."), 0);
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
