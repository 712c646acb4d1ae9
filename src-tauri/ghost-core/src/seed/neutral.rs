//! Neutral seeds for existing pieces: candidates, and the check that they leak none of the writer's
//! style.
//!
//! A seed with the writer's own phrases shows a prompted base model how the writer sounds, and the
//! prompt then looks better than it is. So a seed shares no five consecutive words with its piece, is
//! short, and has no marks or words that show style. Which of several neutral seeds is best only a
//! model can tell (it makes the piece likeliest); here they are made and checked. The writer's favourite
//! content words are not checked, because that would need other authors' content words.

use super::{Seed, TfIdf, neutral, one_line, rounded};
use crate::archive::Piece;
use crate::measure::{grams, hashes};
use crate::words::{count, words};

/// Consecutive words of a piece that count as leaked.
const LEAKED_RUN: usize = 5;
/// Maximum words of a neutral seed.
const MAX_WORDS: usize = 45;
/// Maximum words of a topic.
const MAX_TOPIC: usize = 12;
/// Maximum words of an angle.
const MAX_ANGLE: usize = 25;
/// Maximum words of a point.
const MAX_POINT: usize = 10;
/// Maximum number of points.
const MAX_POINTS: usize = 6;

/// A leak of the writer's style into a seed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Leak {
    /// Consecutive words of the piece.
    #[error("It contains five consecutive words of the piece: \u{201c}{0}\u{201d}.")]
    Run(String),
    /// The first person.
    #[error("It is written in the first person: \u{201c}{0}\u{201d}.")]
    Voice(String),
    /// A mark that shows style.
    #[error("It contains a mark that shows style: {0}")]
    Mark(char),
    /// Too many words.
    #[error("It is longer than {MAX_WORDS} words.")]
    Long,
}

/// The leak of a seed for the piece `text`; `None` if the seed is neutral.
pub fn leak(seed: &Seed, text: &str) -> Option<Leak> {
    let fields = || {
        let angle = seed.angle.iter().map(String::as_str);
        std::iter::once(seed.topic.as_str())
            .chain(angle)
            .chain(seed.points.iter().map(String::as_str))
    };
    let own: std::collections::HashSet<u64> = grams(&hashes(text), LEAKED_RUN).collect();
    for field in fields() {
        if let Some(at) = grams(&hashes(field), LEAKED_RUN).position(|run| own.contains(&run)) {
            let run: Vec<&str> = words(field).skip(at).take(LEAKED_RUN).map(|(_, w)| w).collect();
            return Some(Leak::Run(run.join(" ")));
        }
        let voice = words(field).find(|(_, word)| {
            matches!(
                word.to_lowercase().split(['\'', '’']).next(),
                Some("i" | "me" | "my" | "mine" | "we" | "us" | "our")
            )
        });
        if let Some((_, word)) = voice {
            return Some(Leak::Voice(word.to_owned()));
        }
        let marks = ['!', '?', '"', '“', '”', '«', '»', '—', '–'];
        if let Some(mark) = field.chars().find(|c| marks.contains(c)) {
            return Some(Leak::Mark(mark));
        }
    }
    (fields().map(count).sum::<usize>() > MAX_WORDS).then_some(Leak::Long)
}

/// Neutral seeds from a piece's title and keyphrases, the fullest first. There is always at least one:
/// single words in alphabetical order.
pub fn candidates(piece: &Piece, phrases: &TfIdf) -> Vec<Seed> {
    let topics = phrases.keyphrases(&piece.text);
    let full = Seed::of_piece(piece, &topics);
    let from_topics = Seed {
        topic: topics.iter().take(3).cloned().collect::<Vec<_>>().join(", "),
        ..full.clone()
    };
    let half = Seed { points: every_other(&topics), ..full.clone() };
    let bare = Seed { points: Vec::new(), ..full.clone() };
    let mut seeds: Vec<Seed> = Vec::new();
    for seed in [full, from_topics, half, bare] {
        let usable = !seed.topic.is_empty() && leak(&seed, &piece.text).is_none();
        if usable && !seeds.contains(&seed) {
            seeds.push(seed);
        }
    }
    if seeds.is_empty() {
        seeds.push(single_words(piece, &topics));
    }
    seeds
}

fn every_other(topics: &[String]) -> Vec<String> {
    topics.iter().step_by(2).cloned().collect()
}

/// A seed of single keywords.
fn single_words(piece: &Piece, topics: &[String]) -> Seed {
    let mut all: Vec<&str> = topics.iter().flat_map(|topic| topic.split(' ')).collect();
    all.sort_unstable();
    all.dedup();
    all.truncate(6);
    let topic = if all.is_empty() { "something".to_owned() } else { all.join(", ") };
    Seed {
        topic,
        angle: None,
        words: rounded(piece.words),
        kind: piece.kind.clone(),
        points: Vec::new(),
    }
}

/// The prompt that asks a base model to propose a seed for a piece.
pub fn prompt(text: &str) -> String {
    format!(
        "Here is a text.\n\n{}\n\nSay what it is about, not how it is written, in neutral words \
         that are not the author's. Answer with three lines:\nTopic: at most ten words\nAngle: \
         what it argues, in the third person\nPoints: three to five things it covers, with \
         semicolons between them",
        text.trim()
    )
}

/// Parses a base model's answer to [`prompt`]; `None` if it has no topic or leaks style.
pub fn parse_answer(answer: &str, piece: &Piece) -> Option<Seed> {
    let field = |name: &str| {
        answer.lines().find_map(|line| {
            let (head, rest) = line.split_once(':')?;
            let head = head.trim_matches(|c: char| !c.is_alphanumeric());
            head.eq_ignore_ascii_case(name).then(|| neutral(rest))
        })
    };
    let short = |text: &String, max: usize| !text.is_empty() && count(text) <= max;
    let topic = field("topic").filter(|topic| short(topic, MAX_TOPIC))?;
    let points = field("points").unwrap_or_default();
    let points = points.split(';').map(one_line).filter(|point| short(point, MAX_POINT));
    let seed = Seed {
        topic,
        angle: field("angle").filter(|angle| short(angle, MAX_ANGLE)),
        words: rounded(piece.words),
        kind: piece.kind.clone(),
        points: points.take(MAX_POINTS).collect(),
    };
    leak(&seed, &piece.text).is_none().then_some(seed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::archive::Kind;

    const TEXT: &str = "The gutter leaks again. I patched the gutter in March, and the patch held \
        until the frost. Copper would be better, but copper costs more than the house.";

    fn piece(title: &str) -> Piece {
        Piece {
            source: "a.md".to_owned(),
            kind: Kind::Post,
            title: title.to_owned(),
            author: None,
            date: None,
            unfinished: false,
            words: count(TEXT),
            non_prose_spans: Vec::new(),
            text: TEXT.to_owned(),
        }
    }

    fn seed(topic: &str) -> Seed {
        Seed { topic: topic.to_owned(), ..Seed::default() }
    }

    fn phrases() -> TfIdf {
        TfIdf::of([TEXT, "The weather was fine all week and nothing happened."])
    }

    #[test]
    fn a_neutral_seed_has_no_leak() {
        assert_eq!(leak(&seed("repairing a gutter with copper"), TEXT), None);
    }

    #[test]
    fn leaks_of_style_are_found() {
        let of = |topic: &str| leak(&seed(topic), TEXT);
        assert_eq!(
            of("why copper costs more than the house now"),
            Some(Leak::Run("copper costs more than the".to_owned()))
        );
        assert_eq!(of("how I mend"), Some(Leak::Voice("I".to_owned())));
        assert_eq!(of("how we’ve mended"), Some(Leak::Voice("we’ve".to_owned())));
        assert_eq!(of("gutters, again!"), Some(Leak::Mark('!')));
        assert_eq!(of(&"gutter ".repeat(46)), Some(Leak::Long));
    }

    #[test]
    fn points_are_checked_as_well() {
        let leaking =
            Seed { points: vec!["the patch held until the frost".to_owned()], ..seed("x") };
        assert!(matches!(leak(&leaking, TEXT), Some(Leak::Run(_))));
    }

    #[test]
    fn title_and_keyphrases_are_candidates() {
        let seeds = candidates(&piece("Gutters"), &phrases());
        assert_eq!(seeds[0].topic, "Gutters");
        assert!(seeds[0].points.contains(&"gutter".to_owned()), "{seeds:?}");
        assert!(seeds.len() >= 3);
        assert!(seeds.iter().all(|seed| leak(seed, TEXT).is_none()));
    }

    #[test]
    fn a_title_that_is_a_sentence_of_the_piece_is_not_used() {
        let seeds = candidates(&piece("I patched the gutter in March"), &phrases());
        assert!(seeds.iter().all(|seed| !seed.topic.contains("patched the")), "{seeds:?}");
        assert!(!seeds.is_empty());
    }

    #[test]
    fn a_piece_without_words_has_a_seed() {
        let empty = Piece { text: String::new(), words: 0, ..piece("") };
        let seeds = candidates(&empty, &TfIdf::default());
        assert_eq!(seeds[0].topic, "something");
    }

    #[test]
    fn an_answer_is_parsed_leniently() {
        let answer = "Sure!\n**Topic:** Mending a gutter\n- Angle: argues that copper lasts.\n\
            Points: frost; patches; price of metal";
        let seed = parse_answer(answer, &piece("")).unwrap();
        assert_eq!(seed.topic, "Mending a gutter");
        assert_eq!(seed.angle.as_deref(), Some("argues that copper lasts"));
        assert_eq!(seed.points, ["frost", "patches", "price of metal"]);
    }

    #[test]
    fn an_answer_in_the_writers_words_or_without_a_topic_is_rejected() {
        for answer in [
            "Topic: I patched the gutter in March",
            "Topic: my gutter",
            "It is about gutters.",
            "",
            "Topic:",
        ] {
            assert_eq!(parse_answer(answer, &piece("")), None, "{answer}");
        }
    }
}
