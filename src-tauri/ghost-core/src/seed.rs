//! A seed: the writer's request, from a terse chat line to a full brief.
//!
//! Also the seed a piece *would have been* requested with, so that the archive can be trained on: its
//! title, its length, and its keyphrases in alphabetical order, so that none of the writer's phrasing
//! leaks into the request.

pub mod neutral;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::archive::{Kind, Piece};
use crate::sketch::{BloomFilter, CountMinSketch};
use crate::words::{self, Class, tokens};

/// A request for one text. Only `topic` is needed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seed {
    /// The topic.
    pub topic: String,
    /// The angle: what to say about the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub angle: Option<String>,
    /// The length in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<u32>,
    /// The kind of text: post, log or a kind of the writer's own.
    #[serde(default)]
    pub kind: Kind,
    /// Points to cover, in no particular order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<String>,
}

/// Why a seed is invalid, in a sentence for the writer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    /// There is no topic.
    #[error("Enter a topic.")]
    NoTopic,
    /// The number of words is out of range.
    #[error("The length must be between 1 and 20,000 words, not {0}.")]
    Words(u32),
    /// A field is too long.
    #[error("The {field} is longer than {max} characters. Shorten it.")]
    TooLong {
        /// The field.
        field: &'static str,
        /// The maximum number of characters.
        max: usize,
    },
    /// There are too many points.
    #[error("There are more than {MAX_POINTS} points. Remove some.")]
    TooManyPoints,
}

/// Maximum words of a request.
const MAX_WORDS: u32 = 20_000;
/// Maximum number of points.
const MAX_POINTS: usize = 50;

impl Seed {
    /// The text that the base sees as the writer's message, both in training and in drafting. A change
    /// of wording makes existing adapters worse.
    pub fn request(&self) -> String {
        let kind = self.kind.to_string();
        let a = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        let mut request = format!("Write {a} {kind}");
        if let Some(words) = self.words {
            request += &format!(" of about {words} words");
        }
        if !self.topic.trim().is_empty() {
            request += &format!(" about {}", one_line(&self.topic));
        }
        request += ".";
        if let Some(angle) = &self.angle {
            request += &format!("\nAngle: {}", one_line(angle));
        }
        if !self.points.is_empty() {
            request += "\nCover:";
        }
        for point in &self.points {
            request += &format!("\n- {}", one_line(point));
        }
        request
    }

    /// Parses a chat line leniently: "post about rain in the city, ~600 words". Further lines are points
    /// if they begin with "- " or "* ", otherwise the angle. Everything that is not recognised is the
    /// topic.
    pub fn from_line(text: &str) -> Seed {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let (words, line) = take_words(lines.next().unwrap_or(""));
        let (kind, topic) = take_kind(&line);
        let (mut points, mut angle) = (Vec::new(), Vec::new());
        for line in lines {
            match line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
                Some(point) => points.push(point.trim().to_owned()),
                None => angle.push(line),
            }
        }
        Seed { topic, angle: (!angle.is_empty()).then(|| angle.join(" ")), words, kind, points }
    }

    /// The seed `piece` would have been requested with. `phrases` are its keyphrases
    /// ([`TfIdf::keyphrases`]); without a title they are its topic as well.
    pub fn of_piece(piece: &Piece, phrases: &[String]) -> Seed {
        let title = neutral(&piece.title);
        let topic = if title.is_empty() {
            phrases.iter().take(3).cloned().collect::<Vec<_>>().join(", ")
        } else {
            title
        };
        Seed {
            topic,
            angle: None,
            words: rounded(piece.words),
            kind: piece.kind.clone(),
            points: phrases.to_vec(),
        }
    }

    /// The seed without extra spaces and empty points.
    ///
    /// # Errors
    /// If it has no topic or a field is out of range.
    pub fn checked(self) -> Result<Seed, SeedError> {
        let seed = Seed {
            topic: one_line(&self.topic),
            angle: self.angle.map(|angle| one_line(&angle)).filter(|angle| !angle.is_empty()),
            points: self
                .points
                .iter()
                .map(|point| one_line(point))
                .filter(|point| !point.is_empty())
                .collect(),
            ..self
        };
        if seed.topic.is_empty() {
            return Err(SeedError::NoTopic);
        }
        if let Some(words) = seed.words.filter(|words| !(1..=MAX_WORDS).contains(words)) {
            return Err(SeedError::Words(words));
        }
        if seed.points.len() > MAX_POINTS {
            return Err(SeedError::TooManyPoints);
        }
        let angle = seed.angle.as_deref().unwrap_or("");
        let fields = [
            ("kind", 60, vec![seed.kind.to_string()]),
            ("topic", 500, vec![seed.topic.clone()]),
            ("angle", 2_000, vec![angle.to_owned()]),
            ("longest point", 500, seed.points.clone()),
        ];
        for (field, max, texts) in fields {
            if texts.iter().any(|text| text.chars().count() > max) {
                return Err(SeedError::TooLong { field, max });
            }
        }
        Ok(seed)
    }
}

/// Rounds to 50 words below 400 and to 100 above; `None` without words.
fn rounded(words: usize) -> Option<u32> {
    let step = if words < 400 { 50 } else { 100 };
    let rounded = ((words + step / 2) / step * step).max(step);
    (words > 0).then(|| rounded.try_into().unwrap_or(u32::MAX))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A title without marks of style: emphasis, quotation marks, exclamation marks, dashes.
fn neutral(title: &str) -> String {
    let plain: String = title
        .chars()
        .filter(|c| !matches!(c, '*' | '_' | '`' | '#' | '"' | '“' | '”' | '!' | '?' | '…'))
        .map(|c| if matches!(c, '—' | '–') { ',' } else { c })
        .collect();
    let line = one_line(&plain).replace(" ,", ",");
    line.trim_matches(|c: char| c == ',' || c == '.' || c == ':' || c.is_whitespace()).to_owned()
}

/// Removes "~600 words", "of about 1,200 words" or "600-word" from a line.
fn take_words(line: &str) -> (Option<u32>, String) {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let bare = |part: &str| part.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let found = parts.iter().enumerate().find_map(|(n, part)| {
        let part = bare(part);
        if matches!(part.as_str(), "word" | "words") {
            return Some((n.checked_sub(1)?, n, number(&bare(parts[n - 1]))?));
        }
        let count = part.strip_suffix("-word").or_else(|| part.strip_suffix("words"))?;
        Some((n, n, number(count)?))
    });
    let Some((mut first, last, words)) = found else {
        return (None, one_line(line));
    };
    let filler = |part: &str| {
        matches!(
            bare(part).as_str(),
            "" | "about"
                | "around"
                | "roughly"
                | "approximately"
                | "approx"
                | "ca"
                | "circa"
                | "in"
                | "of"
        )
    };
    while first > 0 && filler(parts[first - 1]) {
        first -= 1;
    }
    let rest = [&parts[..first], &parts[last + 1..]].concat().join(" ");
    (Some(words), rest)
}

/// Parses "600", "1,200", "2k" and the larger number of "500-600".
fn number(text: &str) -> Option<u32> {
    let text = text.rsplit(['-', '–']).next()?.replace([',', '\'', '’'], "");
    match text.strip_suffix('k') {
        Some(thousands) => thousands.parse::<u32>().ok()?.checked_mul(1_000),
        None => text.parse().ok(),
    }
}

/// Removes "a post about" from the front. Posts and logs are recognised by name, other kinds by an
/// article ("an essay about").
fn take_kind(line: &str) -> (Kind, String) {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let bare = |n: usize| {
        parts
            .get(n)
            .map_or(String::new(), |part| part.trim_end_matches([':', ',', '.']).to_lowercase())
    };
    let mut at = 0;
    at += usize::from(matches!(bare(at).as_str(), "write" | "draft"));
    at += usize::from(at > 0 && bare(at) == "me");
    let article = matches!(bare(at).as_str(), "a" | "an" | "another" | "the");
    at += usize::from(article);
    at += usize::from(bare(at) == "blog" && matches!(bare(at + 1).as_str(), "post" | "log"));
    let name = bare(at);
    let ends = parts.get(at).is_some_and(|part| part.ends_with(':'));
    let about = matches!(bare(at + 1).as_str(), "about" | "on");
    let known = matches!(name.as_str(), "post" | "posts" | "log" | "logs");
    let whole = at + 1 == parts.len();
    let trimmed = |line: &str| {
        line.trim_matches(|c: char| {
            c.is_whitespace() || matches!(c, ',' | ';' | ':' | '.' | '—' | '–' | '-')
        })
        .to_owned()
    };
    if (known && (ends || about || whole)) || (article && about) {
        let skip = at + 1 + usize::from(about);
        return (Kind::from(name), trimmed(&parts[skip.min(parts.len())..].join(" ")));
    }
    let about = at + usize::from(at > 0 && bare(at) == "about");
    let from = if article { 0 } else { about };
    (Kind::Post, trimmed(&parts[from..].join(" ")))
}

/// Document frequencies of words and word pairs in an archive, for TF-IDF keyphrases.
#[derive(Debug, Clone, Default)]
pub struct TfIdf {
    texts: usize,
    seen: BloomFilter,
    /// The number of further texts that contain each term, by its hash. Ten thousand texts have
    /// millions of terms, most of them in one text only.
    seen_again: CountMinSketch,
}

impl TfIdf {
    /// Reads all texts of an archive.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> TfIdf {
        let mut frequencies = TfIdf::default();
        texts.into_iter().for_each(|text| frequencies.add(text));
        frequencies
    }

    /// Reads one more text of the archive.
    pub fn add(&mut self, text: &str) {
        self.texts += 1;
        for Term { hash, .. } in terms(text) {
            if self.seen.insert(hash) {
                self.seen_again.add(hash);
            }
        }
    }

    /// The eight words or word pairs with the highest TF-IDF in `text`, in alphabetical order. No word
    /// order of the text survives except within a pair, and a pair must occur twice.
    pub fn keyphrases(&self, text: &str) -> Vec<String> {
        const MAX: usize = 8;
        let idf = |hash: u64| {
            let found_in = 1.0 + f64::from(self.seen_again.estimate(hash));
            // Smoothed, so that an archive of one text has keyphrases too.
            ((2.0 + self.texts as f64) / (1.0 + found_in)).ln()
        };
        let mut ranked: Vec<(f64, Range<usize>)> = terms(text)
            .into_iter()
            .filter(|term| term.times >= 2 || !term.is_pair)
            .map(|term| (f64::from(term.times) * idf(term.hash), term.at))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut chosen: Vec<String> = Vec::new();
        // Only candidates for the result are spelled out.
        for alike in ranked.chunk_by(|a, b| a.0 == b.0) {
            if chosen.len() == MAX {
                break;
            }
            let mut alike: Vec<String> =
                alike.iter().map(|(_, at)| spelled(&text[at.clone()])).collect();
            alike.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
            for term in alike {
                let has = |outer: &str, inner: &str| {
                    outer.split(' ').any(|word| inner.split(' ').any(|w| w == word))
                };
                if chosen.len() < MAX && !chosen.iter().any(|other| has(other, &term)) {
                    chosen.push(term);
                }
            }
        }
        chosen.sort();
        chosen
    }
}

/// A content word of a text, or two adjacent ones.
struct Term {
    hash: u64,
    /// The number of occurrences.
    times: u32,
    is_pair: bool,
    /// Its first occurrence.
    at: Range<usize>,
}

/// The content words of a text and the pairs of adjacent ones, each once.
fn terms(text: &str) -> Vec<Term> {
    static COMMON_NUMBERS: LazyLock<HashSet<u64>> =
        LazyLock::new(|| COMMON.split_whitespace().map(words::hash).collect());
    let common: &HashSet<u64> = &COMMON_NUMBERS;
    let mut found: Vec<Term> = Vec::new();
    let mut before: Option<(u64, usize)> = None;
    let mut spaced = false;
    for token in tokens(text) {
        match token.class {
            Class::Space => spaced = true,
            Class::Word => {
                let word = without_genitive(token.text);
                let hash = words::hash(word);
                let telling = word.chars().nth(2).is_some()
                    && word.chars().any(char::is_alphabetic)
                    && !word.contains(['\'', '’'])
                    && !common.contains(&hash);
                let mut add = |hash, at, is_pair| {
                    let at = at..token.at + token.text.len();
                    found.push(Term { hash, times: 1, is_pair, at });
                };
                if let Some((first, at)) = before.take().filter(|_| telling && spaced) {
                    add(first.rotate_left(23) ^ hash, at, true);
                }
                if telling {
                    add(hash, token.at, false);
                    before = Some((hash, token.at));
                }
                spaced = false;
            }
            Class::Break | Class::Mark => {
                before = None;
                spaced = false;
            }
        }
    }
    found.sort_by_key(|term| (term.hash, term.at.start));
    found.dedup_by(|next, first| {
        let same = next.hash == first.hash;
        first.times += u32::from(same);
        same
    });
    found
}

/// A word without a genitive ending.
fn without_genitive(word: &str) -> &str {
    ["'s", "’s", "'S", "’S"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word)
}

/// A term in lower case and without genitive endings.
fn spelled(term: &str) -> String {
    let word = |(_, word)| without_genitive(word).to_lowercase();
    words::words(term).map(word).collect::<Vec<String>>().join(" ")
}

/// Common words that say nothing about a topic.
const COMMON: &str = "\
    able about above across actually after afterwards again against ago all almost alone along \
    already also although always among and another any anybody anyone anything anyway anywhere are \
    around ask asked away back became because become been before began behind being below better \
    between big both bring but call called came can cannot come comes could did does doing done down \
    during each either else end enough especially even ever every everybody everyone everything \
    everywhere far feel felt few find first for found from full gave get gets getting give given \
    goes going gone good got great had half has have having her here hers herself him himself his \
    how however http https idea into its itself just keep kept kind knew know known last later least \
    left less let like likely little long look looked looking lot made make makes making many may \
    maybe mean means might more most mostly much must myself near nearly need never next nobody none \
    nor not nothing now nowhere off often old once one only onto other others ought our ours \
    ourselves out over own part people perhaps place possible probably put quite rather really right \
    said same saw say saying says see seem seemed seems seen several shall she should since small \
    some somebody someone something sometimes somewhere soon sort still such sure take taken takes \
    tell than that the their theirs them themselves then there therefore these they thing things \
    think this those though thought three through thus time times today together told too took \
    toward towards tried try trying turn turned two under until upon use used using usually very \
    want wanted wants was way ways well went were what whatever when whenever where whether which \
    while who whole whom whose why will with within without word words work would www year years yes \
    yet you your yours yourself com org";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn line(text: &str) -> (String, Option<u32>, String) {
        let seed = Seed::from_line(text);
        (seed.kind.to_string(), seed.words, seed.topic)
    }

    fn parsed(kind: &str, words: Option<u32>, topic: &str) -> (String, Option<u32>, String) {
        (kind.to_owned(), words, topic.to_owned())
    }

    fn piece(title: &str, words: usize) -> Piece {
        Piece {
            source: "a.md".to_owned(),
            kind: Kind::Post,
            title: title.to_owned(),
            author: None,
            date: None,
            unfinished: false,
            text: String::new(),
            non_prose_spans: Vec::new(),
            words,
        }
    }

    #[test]
    fn a_terse_seed_makes_a_terse_request() {
        let seed = Seed { topic: "rain".to_owned(), ..Seed::default() };
        assert_eq!(seed.request(), "Write a post about rain.");
        assert_eq!(Seed::default().request(), "Write a post.");
    }

    #[test]
    fn a_full_seed_makes_a_full_request() {
        let seed = Seed {
            topic: " rain\nin the city".to_owned(),
            angle: Some("it is a neighbour".to_owned()),
            words: Some(600),
            kind: Kind::Other("essay".to_owned()),
            points: vec!["gutters".to_owned(), "umbrellas".to_owned()],
        };
        assert_eq!(
            seed.request(),
            "Write an essay of about 600 words about rain in the city.\nAngle: it is a \
             neighbour\nCover:\n- gutters\n- umbrellas"
        );
    }

    #[test]
    fn a_chat_line_has_kind_length_and_topic() {
        assert_eq!(
            line("post about rain in the city, ~600 words"),
            parsed("post", Some(600), "rain in the city")
        );
        assert_eq!(
            line("Write me a blog post of about 1,200 words on rain."),
            parsed("post", Some(1200), "rain")
        );
        assert_eq!(line("an essay about rain"), parsed("essay", None, "rain"));
        assert_eq!(line("log: a wet Monday"), parsed("log", None, "a wet Monday"));
        assert_eq!(line("a 300-word post about rain"), parsed("post", Some(300), "rain"));
        assert_eq!(line("2k words on rain").1, Some(2000));
        assert_eq!(line("rain, 500-600 words"), parsed("post", Some(600), "rain"));
    }

    #[test]
    fn unrecognised_text_is_the_topic() {
        assert_eq!(line("rain in the city"), parsed("post", None, "rain in the city"));
        assert_eq!(line("thinking about rain"), parsed("post", None, "thinking about rain"));
        assert_eq!(line("The dog and the words"), parsed("post", None, "The dog and the words"));
        assert_eq!(line("post office closures"), parsed("post", None, "post office closures"));
        assert_eq!(line("words"), parsed("post", None, "words"));
        assert_eq!(line(""), parsed("post", None, ""));
        assert_eq!(line("write"), parsed("post", None, ""));
        assert_eq!(line("99999999999999 words").1, None);
    }

    #[test]
    fn further_lines_are_points_and_angle() {
        let seed = Seed::from_line("rain\nit is a neighbour\n- gutters\n* umbrellas");
        assert_eq!(seed.angle.as_deref(), Some("it is a neighbour"));
        assert_eq!(seed.points, ["gutters", "umbrellas"]);
    }

    #[test]
    fn a_seed_is_cleaned_and_checked() {
        let of = |topic: &str| Seed { topic: topic.to_owned(), ..Seed::default() };
        assert_eq!(of("  rain \n city ").checked().unwrap().topic, "rain city");
        assert_eq!(of(" \n").checked(), Err(SeedError::NoTopic));
        for words in [0, 20_001] {
            let seed = Seed { words: Some(words), ..of("rain") };
            assert_eq!(seed.checked(), Err(SeedError::Words(words)));
        }
        let empty = Seed { angle: Some(" ".to_owned()), points: vec![String::new()], ..of("rain") };
        assert_eq!(empty.checked().unwrap(), of("rain"));
    }

    #[test]
    fn oversized_fields_are_rejected() {
        let long = Seed { topic: "r".repeat(501), ..Seed::default() };
        assert_eq!(
            long.checked().unwrap_err().to_string(),
            "The topic is longer than 500 characters. Shorten it."
        );
        let many =
            Seed { topic: "r".to_owned(), points: vec!["p".to_owned(); 51], ..Seed::default() };
        assert_eq!(
            many.checked().unwrap_err().to_string(),
            "There are more than 50 points. Remove some."
        );
    }

    #[test]
    fn the_seed_of_a_piece_has_a_neutral_title_and_rounded_words() {
        let seed = Seed::of_piece(&piece("Rain — *again*?!", 612), &["gutters".to_owned()]);
        assert_eq!((seed.topic.as_str(), seed.words), ("Rain, again", Some(600)));
        assert_eq!(seed.points, ["gutters"]);
        for (words, want) in
            [(0, None), (3, Some(50)), (374, Some(350)), (375, Some(400)), (451, Some(500))]
        {
            assert_eq!(Seed::of_piece(&piece("Rain", words), &[]).words, want);
        }
    }

    #[test]
    fn the_topic_of_a_piece_without_a_title_is_its_keyphrases() {
        let phrases = ["a", "b", "c", "d"].map(str::to_owned);
        assert_eq!(Seed::of_piece(&piece("“”", 10), &phrases).topic, "a, b, c");
    }

    const RAIN: &str = "The storm drain took the rain. A storm drain is a modest thing. I never \
                        saw the gutters of this town so full, and the gutters talked.";

    #[test]
    fn keyphrases_are_distinctive_and_in_alphabetical_order() {
        let phrases = TfIdf::of([RAIN, "I never saw such a modest town.", "This town is full."]);
        let topics = phrases.keyphrases(RAIN);
        assert!(topics.is_sorted() && topics.len() <= 8);
        assert!(topics.contains(&"gutters".to_owned()), "{topics:?}");
        assert!(topics.contains(&"storm drain".to_owned()), "{topics:?}");
        assert!(!topics.iter().any(|t| t == "storm" || t == "never" || t == "the"));
    }

    #[test]
    fn no_phrase_of_the_writer_leaks_into_the_points() {
        let phrases = TfIdf::of([RAIN]);
        assert!(phrases.keyphrases(RAIN).iter().all(|topic| topic.split(' ').count() <= 2));
        assert!(phrases.keyphrases("").is_empty());
        assert!(!TfIdf::default().keyphrases(RAIN).is_empty());
    }
}
