//! Seeds for pieces that were written before anybody asked for them: what is proposed, and what
//! must not be in it (VOICE 2.3).
//!
//! A seed that holds the writer's own phrases tells a prompted base how the writer sounds, and the
//! prompt then looks better than it is. So a seed shares no five words in a row with its piece, is
//! short, and has none of the marks and words that manner shows in. Which of several neutral seeds
//! is the best only a base can tell (it makes the piece likeliest); here they are made and checked.
//! Missing on purpose: the writer's favourite content words, for which strangers' content words
//! would have to be shipped.

use super::{Phrases, Seed, neutral, one_line, rounded};
use crate::archive::Piece;
use crate::measure::{grams, hashes};
use crate::words::{count, words};

/// Words in a row that are the writer's.
const LEAKED_RUN: usize = 5;
/// A seed of more words tells more than what a text is about.
const MOST_WORDS: usize = 45;
/// Words of a topic, of an angle and of a point.
const MOST_TOPIC: usize = 12;
const MOST_ANGLE: usize = 25;
const MOST_POINT: usize = 10;
/// Points a model may make.
const MOST_POINTS: usize = 6;

/// What a seed gives away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Leak {
    /// A run of the piece's own words.
    #[error("It says five words in a row as the piece does: \u{201c}{0}\u{201d}.")]
    Run(String),
    /// Words that only the writer would say of the piece.
    #[error("It speaks as the writer does: \u{201c}{0}\u{201d}.")]
    Voice(String),
    /// Marks that show manner.
    #[error("It has a mark in it that shows manner: {0}")]
    Mark(char),
    /// More than a seed needs.
    #[error("It is longer than {MOST_WORDS} words.")]
    Long,
}

/// What of the piece `text` a seed gives away; nothing where it is neutral.
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
    (fields().map(count).sum::<usize>() > MOST_WORDS).then_some(Leak::Long)
}

/// The neutral seeds that a piece's own title and telling words make, the fullest first. The last
/// is always there: single words in no order of the writer's.
pub fn extracted(piece: &Piece, phrases: &Phrases) -> Vec<Seed> {
    let topics = phrases.topics(&piece.text);
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
        seeds.push(words_alone(piece, &topics));
    }
    seeds
}

fn every_other(topics: &[String]) -> Vec<String> {
    topics.iter().step_by(2).cloned().collect()
}

/// Nothing but single words, none of which the writer says of themselves.
fn words_alone(piece: &Piece, topics: &[String]) -> Seed {
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

/// What a base is asked, to propose a seed for a piece.
pub fn question(text: &str) -> String {
    format!(
        "Here is a text.\n\n{}\n\nSay what it is about, not how it is written, in neutral words \
         that are not the author's. Answer with three lines:\nTopic: at most ten words\nAngle: \
         what it argues, in the third person\nPoints: three to five things it covers, with \
         semicolons between them",
        text.trim()
    )
}

/// Reads a base's answer to [`question`]; nothing where it has no topic or gives something away.
pub fn answered(answer: &str, piece: &Piece) -> Option<Seed> {
    let field = |name: &str| {
        answer.lines().find_map(|line| {
            let (head, rest) = line.split_once(':')?;
            let head = head.trim_matches(|c: char| !c.is_alphanumeric());
            head.eq_ignore_ascii_case(name).then(|| neutral(rest))
        })
    };
    let short = |text: &String, most: usize| !text.is_empty() && count(text) <= most;
    let topic = field("topic").filter(|topic| short(topic, MOST_TOPIC))?;
    let points = field("points").unwrap_or_default();
    let points = points.split(';').map(one_line).filter(|point| short(point, MOST_POINT));
    let seed = Seed {
        topic,
        angle: field("angle").filter(|angle| short(angle, MOST_ANGLE)),
        words: rounded(piece.words),
        kind: piece.kind.clone(),
        points: points.take(MOST_POINTS).collect(),
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

    fn phrases() -> Phrases {
        Phrases::of([TEXT, "The weather was fine all week and nothing happened."])
    }

    #[test]
    fn a_neutral_seed_gives_nothing_away() {
        assert_eq!(leak(&seed("repairing a gutter with copper"), TEXT), None);
    }

    #[test]
    fn what_gives_a_writer_away() {
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
    fn the_points_are_looked_at_as_well() {
        let told = Seed { points: vec!["the patch held until the frost".to_owned()], ..seed("x") };
        assert!(matches!(leak(&told, TEXT), Some(Leak::Run(_))));
    }

    #[test]
    fn a_title_and_its_words_are_proposed() {
        let seeds = extracted(&piece("Gutters"), &phrases());
        assert_eq!(seeds[0].topic, "Gutters");
        assert!(seeds[0].points.contains(&"gutter".to_owned()), "{seeds:?}");
        assert!(seeds.len() >= 3);
        assert!(seeds.iter().all(|seed| leak(seed, TEXT).is_none()));
    }

    #[test]
    fn a_title_that_is_a_sentence_of_the_piece_is_not_used() {
        let seeds = extracted(&piece("I patched the gutter in March"), &phrases());
        assert!(seeds.iter().all(|seed| !seed.topic.contains("patched the")), "{seeds:?}");
        assert!(!seeds.is_empty());
    }

    #[test]
    fn a_piece_without_words_has_a_seed_all_the_same() {
        let empty = Piece { text: String::new(), words: 0, ..piece("") };
        let seeds = extracted(&empty, &Phrases::default());
        assert_eq!(seeds[0].topic, "something");
    }

    #[test]
    fn an_answer_is_read_leniently() {
        let answer = "Sure!\n**Topic:** Mending a gutter\n- Angle: argues that copper lasts.\n\
            Points: frost; patches; price of metal";
        let seed = answered(answer, &piece("")).unwrap();
        assert_eq!(seed.topic, "Mending a gutter");
        assert_eq!(seed.angle.as_deref(), Some("argues that copper lasts"));
        assert_eq!(seed.points, ["frost", "patches", "price of metal"]);
    }

    #[test]
    fn an_answer_in_the_writers_words_or_none_at_all_is_refused() {
        for answer in [
            "Topic: I patched the gutter in March",
            "Topic: my gutter",
            "It is about gutters.",
            "",
            "Topic:",
        ] {
            assert_eq!(answered(answer, &piece("")), None, "{answer}");
        }
    }
}
