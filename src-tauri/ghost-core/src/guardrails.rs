//! Guardrails: what no draft may do, however much it sounds like its writer. It may not copy, repeat
//! itself, make no sense, miss its length or topic, or contain phrases typical of a language model.
//!
//! Where possible the limits come from the archive: from what the writer's pieces do to one another.
//! Guardrails know no model; the perplexity of a text under the base model is passed in. A finding is a
//! figure with its limit and a sentence. The verdict decides what blocks.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::archive::{SpanKind, non_prose_spans};
use crate::measure::{Shingles, grams, hashes, repetition_of_words};
use crate::seed::Seed;
use crate::voice::is_function_word;
use crate::words::{count, hash, words};

/// Longest run of copied words that is allowed.
const MAX_COPIED: usize = 12;
/// Length, in words, of the runs by which copying is counted.
const RUN: usize = 8;
/// Pieces in which a run must occur to count as a phrase of the writer's.
const STOCK: u32 = 3;
/// Share of copied runs that is always allowed.
const MIN_COPIED_SHARE: f64 = 0.02;
/// Highest likeness to a piece, or of one draft to another.
const MAX_LIKENESS: f64 = 0.10;
/// Share of repeated runs of four words that is always allowed.
const MIN_REPETITION: f64 = 0.03;
/// Maximum number of times a run of six words may occur in one text.
const MAX_REPEATS: u32 = 2;
/// Largest deviation from the requested length, as a logarithm.
const MAX_LENGTH_ERROR: f64 = 0.20;
/// Share of drafts that may miss their length.
const MAX_MISSED: f64 = 0.20;
/// Maximum loss of topic coverage compared with the prompt's drafts.
const MAX_TOPIC_LOSS: f64 = 0.05;
/// Text lengths, in words, for which limits are learned.
const LENGTHS: [usize; 4] = [100, 200, 400, 800];

/// A guardrail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guardrail {
    /// A long run of words from one of the writer's pieces.
    CopiedRun,
    /// Many short runs from the writer's pieces.
    CopiedShare,
    /// A near duplicate of a piece or of another draft.
    NearDuplicate,
    /// Repetition within the text.
    Repetition,
    /// Words that do not make sense together, or a text that says nothing.
    #[serde(rename = "sense")]
    Coherence,
    /// A length other than the one requested.
    Length,
    /// A topic other than the one requested.
    Topic,
    /// An empty text, a refusal, a template or a phrase typical of a language model.
    #[serde(rename = "bot_tell")]
    MachineText,
}

/// One figure with its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The guardrail.
    pub guard: Guardrail,
    /// The figure.
    pub figure: f64,
    /// The highest figure allowed; for coherence and topic the lowest.
    pub limit: f64,
    /// True if the limit is crossed.
    pub blocked: bool,
    /// The finding in a sentence for the writer.
    pub sentence: String,
}

/// Perplexities under the base model, in bits per token given the seed. A sensible text lies in the
/// range of the writer's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Perplexity {
    /// The draft's.
    pub draft: f64,
    /// Those of the writer's own pieces.
    pub own: Vec<f64>,
    /// Those of the base model's drafts, sampled in the same way. Sampled text is more predictable
    /// than what a person writes; only text more predictable than these as well says nothing.
    #[serde(rename = "drawn", default)]
    pub base_drafts: Vec<f64>,
}

/// A draft to check.
#[derive(Debug, Clone, Copy)]
pub struct GuardrailInput<'a> {
    /// Its text.
    pub text: &'a str,
    /// The request.
    pub seed: &'a Seed,
    /// Its perplexity under the base model, if measured.
    pub perplexity: Option<&'a Perplexity>,
}

/// The guardrails of one writer, with limits from their archive.
#[derive(Debug, Clone)]
pub struct Guardrails {
    /// The number of pieces that contain each run of [`RUN`] words.
    runs: HashMap<u64, u32>,
    /// The number of pieces that contain each pair of words with a content word in it.
    pairs: HashMap<u64, u32>,
    shingles: Vec<Shingles>,
    max_copied_share: f64,
    /// For each length: the highest repetition and the lowest share of known pairs.
    limits: Vec<(usize, f64, f64)>,
}

impl Guardrails {
    /// Reads the pieces that an adapter was trained on. Takes at most a second for 500 posts.
    pub fn of(pieces: &[&str]) -> Guardrails {
        let (mut runs, mut pairs) = (HashMap::new(), HashMap::new());
        let pieces: Vec<Prose> = pieces.iter().map(|piece| Prose::of(piece)).collect();
        for piece in &pieces {
            tally(&mut runs, grams(&piece.words, RUN).collect());
            tally(&mut pairs, piece.pairs());
        }
        let mut guardrails = Guardrails {
            runs,
            pairs,
            shingles: pieces.iter().map(|piece| Shingles::of_words(&piece.words)).collect(),
            max_copied_share: MIN_COPIED_SHARE,
            limits: Vec::new(),
        };
        let none = Seed::default();
        let shares = pieces.iter().map(|piece| guardrails.copied(piece, &none, 1).1).collect();
        guardrails.max_copied_share = quantile(shares, 0.95).unwrap_or(0.0).max(MIN_COPIED_SHARE);
        for length in LENGTHS {
            let openings: Vec<Prose> = pieces.iter().filter_map(|p| p.opening(length)).collect();
            let repetitions =
                openings.iter().map(|text| repetition_of_words(&text.words)).collect();
            let known: Vec<f64> =
                openings.iter().filter_map(|text| guardrails.known(text, 1)).collect();
            // With fewer than ten pieces their minimum says little.
            let least = if known.len() < 10 { None } else { quantile(known, 0.01) };
            guardrails.limits.push((
                length,
                quantile(repetitions, 0.99).unwrap_or(0.0).max(MIN_REPETITION),
                least.map_or(0.0, |least| least * 0.9),
            ));
        }
        guardrails
    }

    /// Checks one draft; every guardrail that applies has one finding.
    pub fn check(&self, draft: &GuardrailInput<'_>) -> Vec<Finding> {
        let own = without_quotes(draft.text);
        let mut found = vec![check_machine_text(&own)];
        if found[0].blocked {
            return found;
        }
        let prose = Prose::of_plain(&own);
        let (run, share) = self.copied(&prose, draft.seed, 0);
        found.push(Finding {
            guard: Guardrail::CopiedRun,
            figure: run as f64,
            limit: MAX_COPIED as f64,
            blocked: run > MAX_COPIED,
            sentence: if run < RUN {
                "Nothing is copied from your pieces.".to_owned()
            } else {
                format!(
                    "{run} words in a row are copied from one of your pieces (limit {MAX_COPIED})."
                )
            },
        });
        found.push(Finding::above(
            Guardrail::CopiedShare,
            share,
            self.max_copied_share,
            |share, limit| {
                format!(
                    "{share} of its eight-word phrases are copied from your pieces (limit {limit})."
                )
            },
        ));
        let shingles = Shingles::of_words(&prose.words);
        let like = self.shingles.iter().map(|piece| piece.likeness(&shingles)).fold(0.0, f64::max);
        found.push(Finding::above(Guardrail::NearDuplicate, like, MAX_LIKENESS, |like, limit| {
            format!("It shares {like} of its phrases with one of your pieces (limit {limit}).")
        }));
        found.push(self.repeated(&own, &prose));
        found.extend(self.coherence(&prose, draft.perplexity));
        found
    }

    /// The longest run of words copied from a piece, and the share of runs of [`RUN`] words that are
    /// copied. Words of the seed, quotations and the writer's stock phrases do not count. `itself` is 1
    /// if the text is one of the pieces, otherwise 0.
    fn copied(&self, text: &Prose, seed: &Seed, itself: u32) -> (usize, f64) {
        let asked: HashSet<u64> = grams(&hashes(&seed.request()), RUN).collect();
        let (mut all, mut copied, mut row, mut longest) = (0usize, 0usize, 0usize, 0usize);
        for run in grams(&text.words, RUN) {
            let pieces = self.runs.get(&run).map_or(0, |n| n.saturating_sub(itself));
            let taken = (1..STOCK).contains(&pieces) && !asked.contains(&run);
            all += 1;
            copied += usize::from(taken);
            row = if taken { row + 1 } else { 0 };
            longest = longest.max(if row > 0 { row + RUN - 1 } else { 0 });
        }
        (longest, copied as f64 / all.max(1) as f64)
    }

    /// The share of its word pairs that occur in a piece; `None` if it has too few.
    fn known(&self, text: &Prose, itself: u32) -> Option<f64> {
        let pairs = text.pairs();
        let known = pairs.iter().filter(|pair| self.pairs.get(pair).is_some_and(|n| *n > itself));
        (pairs.len() >= 40).then(|| known.count() as f64 / pairs.len() as f64)
    }

    fn limit_at(&self, words: usize) -> (f64, f64) {
        let nearest = self.limits.iter().min_by_key(|(length, ..)| length.abs_diff(words));
        nearest.map_or((MIN_REPETITION, 0.0), |(_, most, least)| (*most, *least))
    }

    fn repeated(&self, text: &str, prose: &Prose) -> Finding {
        let limit = self.limit_at(prose.words.len()).0;
        let repetition = repetition_of_words(&prose.words);
        if let Some(repeated) = find_loop(text) {
            let sentence = format!("It repeats itself: “{repeated}”.");
            return Finding {
                guard: Guardrail::Repetition,
                figure: repetition,
                limit,
                blocked: true,
                sentence,
            };
        }
        Finding::above(Guardrail::Repetition, repetition, limit, |repetition, limit| {
            format!("{repetition} of its four-word phrases are repetitions (your pieces: {limit}).")
        })
    }

    /// Checks coherence by perplexity if it was measured, otherwise by known word pairs.
    fn coherence(&self, text: &Prose, perplexity: Option<&Perplexity>) -> Option<Finding> {
        if let Some(measured) = perplexity.filter(|one| one.own.len() >= 4) {
            let (least, most) = range(&measured.own);
            let plainest = range(&measured.base_drafts).0;
            let least = if plainest.is_finite() { least.min(plainest) } else { least };
            let bits = measured.draft;
            let (limit, why) = match bits {
                bits if bits < least => {
                    (least, "is more predictable than even the base model's own drafts")
                }
                _ => (most, "has words that do not make sense together"),
            };
            let blocked = !(least..=most).contains(&bits);
            let sentence = if blocked {
                format!("It {why}: {bits:.2} bits per token (yours: {least:.2} to {most:.2}).")
            } else {
                format!("It is coherent: {bits:.2} bits per token, as in your pieces.")
            };
            return Some(Finding {
                guard: Guardrail::Coherence,
                figure: bits,
                limit,
                blocked,
                sentence,
            });
        }
        let least = self.limit_at(text.words.len()).1;
        let known = self.known(text, 0).filter(|_| least > 0.0)?;
        Some(Finding::below(Guardrail::Coherence, known, least, |known, limit| {
            format!(
                "{known} of its word pairs occur in your pieces (at least {limit} is expected)."
            )
        }))
    }
}

impl Finding {
    fn above(
        guard: Guardrail,
        figure: f64,
        limit: f64,
        say: impl Fn(String, String) -> String,
    ) -> Finding {
        let sentence = say(percent(figure), percent(limit));
        Finding { guard, figure, limit, blocked: figure > limit, sentence }
    }

    fn below(
        guard: Guardrail,
        figure: f64,
        limit: f64,
        say: impl Fn(String, String) -> String,
    ) -> Finding {
        let sentence = say(percent(figure), percent(limit));
        Finding { guard, figure, limit, blocked: figure < limit, sentence }
    }
}

/// Checks all drafts together: whether any two are near duplicates, whether they have the requested
/// lengths, and whether they cover their seeds as well as the prompt's drafts do.
pub fn check_all(drafts: &[GuardrailInput<'_>], prompts: &[GuardrailInput<'_>]) -> Vec<Finding> {
    let mut found = Vec::new();
    let shingles: Vec<Shingles> = drafts.iter().map(|draft| Shingles::of(draft.text)).collect();
    // Drafts from one seed may be similar, but not the same.
    let likeness = |a: usize, b: usize| {
        let limit = if drafts[a].seed == drafts[b].seed { 3.0 } else { 1.0 };
        shingles[a].likeness(&shingles[b]) / limit
    };
    let pairs = (0..drafts.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let like = pairs.map(|(a, b)| likeness(a, b)).fold(0.0, f64::max);
    found.push(Finding::above(Guardrail::NearDuplicate, like, MAX_LIKENESS, |like, limit| {
        format!("Two drafts share {like} of their phrases (limit {limit}).")
    }));
    let off: Vec<f64> =
        drafts.iter().filter_map(|draft| length_error(draft.text, draft.seed)).collect();
    if !off.is_empty() {
        let missed = off.iter().filter(|off| **off > MAX_LENGTH_ERROR).count();
        let share = missed as f64 / off.len() as f64;
        found.push(Finding {
            guard: Guardrail::Length,
            figure: share,
            limit: MAX_MISSED,
            blocked: share > MAX_MISSED,
            sentence: format!("{missed} of {} drafts miss the requested length.", off.len()),
        });
    }
    let adherence = |drafts: &[GuardrailInput<'_>]| {
        let all: Vec<f64> =
            drafts.iter().filter_map(|draft| adherence(draft.text, draft.seed)).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    };
    if let (Some(own), Some(prompt)) = (adherence(drafts), adherence(prompts)) {
        found.push(Finding::below(Guardrail::Topic, own, prompt - MAX_TOPIC_LOSS, |own, _| {
            format!(
                "The drafts cover {own} of the requested topics; the prompt's drafts cover {}.",
                percent(prompt)
            )
        }));
    }
    found
}

/// The deviation from the requested length: |ln(words / requested)|. `None` if none was requested.
pub fn length_error(text: &str, seed: &Seed) -> Option<f64> {
    let asked = seed.words.filter(|&words| words > 0)?;
    Some((count(text).max(1) as f64 / f64::from(asked)).ln().abs())
}

/// The share of the content words in topic and points that a text contains, whatever their endings.
/// `None` if the seed has none.
pub fn adherence(text: &str, seed: &Seed) -> Option<f64> {
    let stems = |text: &str| -> HashSet<String> {
        let lower = words(text).map(|(_, word)| word.to_lowercase().replace('’', "'"));
        lower.filter(|word| !is_function_word(word)).map(|word| stem(&word).to_owned()).collect()
    };
    let asked = stems(&format!("{}\n{}", seed.topic, seed.points.join("\n")));
    let taken = stems(text);
    let both = asked.iter().filter(|stem| taken.contains(*stem)).count();
    (!asked.is_empty()).then(|| both as f64 / asked.len() as f64)
}

fn stem(word: &str) -> &str {
    let endings = ["'s", "ings", "ing", "edly", "ed", "ies", "es", "ly", "s", "e", "y"];
    let found = endings
        .iter()
        .find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.chars().count() >= 3));
    found.unwrap_or(word)
}

/// Checks for an empty text and for phrases typical of a language model.
fn check_machine_text(text: &str) -> Finding {
    const ANYWHERE: [&str; 14] = [
        "as an ai",
        "as a language model",
        "language model, i",
        "<|",
        "|>",
        "[insert",
        "[your ",
        "{{",
        "lorem ipsum",
        "i hope this helps",
        "let me know if you",
        "word count:",
        "### instruction",
        "### response",
    ];
    const AT_FIRST: [&str; 10] = [
        "i'm sorry, but",
        "i am sorry, but",
        "i cannot",
        "i can't help",
        "i can’t help",
        "i'm unable",
        "sure, here",
        "sure! here",
        "certainly! here",
        "here is a draft",
    ];
    let lower = text.to_lowercase();
    let first: String = lower.trim_start().chars().take(60).collect();
    let tell = ANYWHERE
        .iter()
        .find(|tell| lower.contains(*tell))
        .or_else(|| AT_FIRST.iter().find(|tell| first.starts_with(*tell)));
    let (blocked, sentence) = match tell {
        _ if words(text).nth(9).is_none() => (true, "It is almost empty.".to_owned()),
        Some(tell) => {
            (true, format!("It contains a phrase typical of a language model: “{}”.", tell.trim()))
        }
        None => (false, "It has no phrase typical of a language model.".to_owned()),
    };
    let figure = f64::from(u8::from(blocked));
    Finding { guard: Guardrail::MachineText, figure, limit: 0.0, blocked, sentence }
}

/// The passage a text repeats: six words that occur three times within 800 words, or a line of five
/// words or more that occurs twice. `None` if there is no such repetition.
pub fn find_loop(text: &str) -> Option<String> {
    const WITHIN: usize = 800;
    let places: Vec<(usize, &str)> = words(text).collect();
    let runs: Vec<u64> = grams(&hashes(text), 6).collect();
    let mut occurrences: HashMap<u64, (u32, usize)> = HashMap::new();
    for (at, run) in runs.iter().enumerate() {
        let (times, since) = occurrences.entry(*run).or_insert((0, at));
        if at - *since > WITHIN {
            (*times, *since) = (0, at);
        }
        *times += 1;
        if *times > MAX_REPEATS {
            let end = places[at + 5].0 + places[at + 5].1.len();
            return Some(text[places[at].0..end].to_owned());
        }
    }
    let mut lines = HashSet::new();
    let long = |line: &&str| words(line).nth(4).is_some() && !line.trim_start().starts_with('|');
    let line = text.lines().map(str::trim).filter(long).find(|line| !lines.insert(*line))?;
    Some(line.chars().take(60).collect())
}

/// The text without quotations and code, which are copied by nature.
fn without_quotes(text: &str) -> String {
    let mut own = String::with_capacity(text.len());
    let mut at = 0;
    for span in non_prose_spans(text).iter().filter(|span| span.kind != SpanKind::Link) {
        own.push_str(&text[at..span.from]);
        // A separator that keeps runs of words from crossing the gap.
        own.push_str(" ¶ ");
        at = span.to;
    }
    own + &text[at..]
}

/// The words of a text as numbers, without quotations and code.
struct Prose {
    words: Vec<u64>,
    /// For each word, true if it is a function word.
    function: Vec<bool>,
}

impl Prose {
    fn of(text: &str) -> Prose {
        Prose::of_plain(&without_quotes(text))
    }

    fn of_plain(text: &str) -> Prose {
        let is_function = |word: &str| is_function_word(&word.to_lowercase().replace('’', "'"));
        let (words, function) =
            words(text).map(|(_, word)| (hash(word), is_function(word))).unzip();
        Prose { words, function }
    }

    /// Its first `length` words; `None` if it has fewer.
    fn opening(&self, length: usize) -> Option<Prose> {
        let words = self.words.get(..length)?.to_vec();
        Some(Prose { words, function: self.function[..length].to_vec() })
    }

    /// Pairs of adjacent words of which at least one is a content word, each once.
    fn pairs(&self) -> HashSet<u64> {
        let telling = self.function.windows(2).map(|pair| !(pair[0] && pair[1]));
        let pairs = grams(&self.words, 2).zip(telling);
        pairs.filter(|(_, telling)| *telling).map(|(pair, _)| pair).collect()
    }
}

fn tally(found: &mut HashMap<u64, u32>, runs: HashSet<u64>) {
    runs.into_iter().for_each(|run| *found.entry(run).or_default() += 1);
}

fn quantile(mut all: Vec<f64>, share: f64) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    all.get((share * all.len().saturating_sub(1) as f64).round() as usize).copied()
}

/// The range of the values, widened by a tenth at both ends.
fn range(own: &[f64]) -> (f64, f64) {
    let (least, most) = own
        .iter()
        .filter(|bits| bits.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &bits| (a.min(bits), b.max(bits)));
    let slack = (most - least).max(0.0) * 0.1;
    (least - slack, most + slack)
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent.abs() < 9.95 && percent != 0.0 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rng::Rng;

    /// Twelve pieces about ferries, each in its own order.
    fn archive() -> Vec<String> {
        let parts = [
            "The ferry leaves the harbour at nine.",
            "Rain came down on the deck all morning.",
            "I bought a ticket from the man in the booth.",
            "Gulls followed the boat as far as the buoy.",
            "Nobody spoke until we saw the island.",
            "The engine made a noise like an old kettle.",
            "My coat was wet through before we landed.",
            "We ate bread and cheese on the pier.",
            "A dog slept under the bench by the door.",
            "The captain waved at a friend on the shore.",
            "There was a smell of tar and of coffee.",
            "By evening the wind had gone to the north.",
        ];
        let mut rng = Rng::new(3);
        let piece = |n: usize| {
            let mut sentences: Vec<String> =
                parts.iter().map(|part| part.replace('.', &format!(" number{n}."))).collect();
            for at in (1..sentences.len()).rev() {
                sentences.swap(at, rng.below(at + 1));
            }
            sentences.join(" ")
        };
        (0..12).map(piece).collect()
    }

    fn seed() -> Seed {
        Seed { topic: "the ferry".to_owned(), words: Some(100), ..Seed::default() }
    }

    fn findings(pieces: &[String], text: &str) -> Vec<Finding> {
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let seed = seed();
        Guardrails::of(&pieces).check(&GuardrailInput { text, seed: &seed, perplexity: None })
    }

    #[track_caller]
    fn blocked(pieces: &[String], text: &str, expected: &[Guardrail]) {
        let found = findings(pieces, text);
        let blocked: Vec<Guardrail> =
            found.iter().filter(|one| one.blocked).map(|one| one.guard).collect();
        assert_eq!(blocked, expected, "{found:#?}");
    }

    const FRESH: &str = "Nothing here was ever said on a boat. A teacher once told me that chalk is \
        the bone of small animals, and for a week I would not touch the board.";
    const LONG: &str = "On the first of May the clerk of the court read out a list of forty names, \
        slowly, and none of us was on it.";

    #[test]
    fn an_original_text_passes() {
        blocked(&[LONG.to_owned()], FRESH, &[]);
    }

    #[test]
    fn thirteen_words_from_a_piece_are_copied() {
        let copied: Vec<&str> = LONG.split(' ').take(13).collect();
        let found = findings(&[LONG.to_owned()], &format!("{FRESH} {}", copied.join(" ")));
        let run = found.iter().find(|one| one.guard == Guardrail::CopiedRun).unwrap();
        assert!(run.blocked && run.figure == 13.0, "{run:?}");
        let copied: Vec<&str> = LONG.split(' ').take(12).collect();
        let found = findings(&[LONG.to_owned()], &format!("{FRESH} {}", copied.join(" ")));
        assert!(!found.iter().any(|one| one.guard == Guardrail::CopiedRun && one.blocked));
    }

    #[test]
    fn a_stock_phrase_of_the_writer_is_not_copied() {
        let pieces = [LONG.to_owned(), LONG.to_owned(), LONG.to_owned()];
        let found = findings(&pieces, &format!("{FRESH} {LONG}"));
        let run = found.iter().find(|one| one.guard == Guardrail::CopiedRun).unwrap();
        assert_eq!(run.figure, 0.0);
    }

    #[test]
    fn quotations_are_not_copied() {
        let found = findings(&[LONG.to_owned()], &format!("{FRESH}\n\n> {LONG}\n\n{FRESH}"));
        let run = found.iter().find(|one| one.guard == Guardrail::CopiedRun).unwrap();
        assert_eq!(run.figure, 0.0);
    }

    #[test]
    fn a_repeated_piece_is_a_near_duplicate() {
        blocked(
            &[LONG.to_owned()],
            LONG,
            &[Guardrail::CopiedRun, Guardrail::CopiedShare, Guardrail::NearDuplicate],
        );
    }

    #[test]
    fn loops_are_found() {
        let round = "and then we walked on to the next house, ".repeat(3);
        blocked(&[LONG.to_owned()], &format!("{FRESH} {round}"), &[Guardrail::Repetition]);
        let lines = "This line is here two times.\n\nAnd between them another thing is said.\n\n\
                     This line is here two times.\n";
        blocked(&[LONG.to_owned()], lines, &[Guardrail::Repetition]);
    }

    #[test]
    fn swapped_words_are_not_coherent() {
        let pieces = archive();
        let text = &pieces[0];
        assert!(
            !findings(&pieces[1..], text)
                .iter()
                .any(|f| f.guard == Guardrail::Coherence && f.blocked)
        );
        let content: Vec<&str> =
            words(text).map(|(_, w)| w).filter(|w| !is_function_word(&w.to_lowercase())).collect();
        let mut next = content.iter().rev().cycle();
        let swapped: Vec<&str> = words(text)
            .map(
                |(_, w)| if is_function_word(&w.to_lowercase()) { w } else { next.next().unwrap() },
            )
            .collect();
        let found = findings(&pieces[1..], &swapped.join(" "));
        assert!(found.iter().any(|f| f.guard == Guardrail::Coherence && f.blocked), "{found:#?}");
    }

    #[test]
    fn perplexity_decides_coherence_if_measured() {
        let pieces = archive();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let (guardrails, seed) = (Guardrails::of(&pieces), seed());
        let drawn = vec![1.8, 2.0, 2.3];
        let all = [
            (3.0, &[][..], false),
            (4.6, &[], true),
            (1.9, &[], true),
            (1.9, &drawn, false),
            (1.7, &drawn, true),
            (4.6, &drawn, true),
            (f64::NAN, &[], true),
        ];
        for (bits, drawn, blocks) in all {
            let own = vec![2.5, 3.0, 3.5, 4.0];
            let perplexity = Perplexity { draft: bits, own, base_drafts: drawn.to_vec() };
            let input = GuardrailInput { text: FRESH, seed: &seed, perplexity: Some(&perplexity) };
            let found = guardrails.check(&input);
            let sense = found.iter().find(|one| one.guard == Guardrail::Coherence).unwrap();
            assert_eq!(sense.blocked, blocks, "{sense:?}");
        }
    }

    #[test]
    fn phrases_of_language_models_are_blocked() {
        let pieces = [LONG.to_owned()];
        blocked(&pieces, "", &[Guardrail::MachineText]);
        blocked(&pieces, &format!("{FRESH} As an AI, I do not know."), &[Guardrail::MachineText]);
        blocked(&pieces, &format!("I cannot write this. {FRESH}"), &[Guardrail::MachineText]);
        blocked(&pieces, &format!("{FRESH} I cannot say."), &[]);
    }

    #[test]
    fn drafts_are_checked_together() {
        let (asked, other) = (seed(), Seed { topic: "a kettle".to_owned(), ..seed() });
        let watched = |text, seed| GuardrailInput { text, seed, perplexity: None };
        let found = check_all(&[watched(FRESH, &asked), watched(FRESH, &other)], &[]);
        let blocks: Vec<Guardrail> = found.iter().filter(|f| f.blocked).map(|f| f.guard).collect();
        assert_eq!(blocks, [Guardrail::NearDuplicate, Guardrail::Length]);
        let prompt = "The ferries sailed.";
        let found = check_all(&[watched(FRESH, &asked)], &[watched(prompt, &asked)]);
        assert!(found.iter().any(|one| one.guard == Guardrail::Topic && one.blocked));
    }

    #[test]
    fn topic_words_match_whatever_their_endings() {
        let seed = Seed { topic: "Ferries in the rain".to_owned(), ..Seed::default() };
        assert_eq!(adherence("It rained on a ferry.", &seed), Some(1.0));
        assert_eq!(adherence("It rained.", &seed), Some(0.5));
        assert_eq!(adherence("It rained.", &Seed::default()), None);
    }

    #[test]
    fn odd_texts_have_findings_and_no_panic() {
        let guardrails = Guardrails::of(&[]);
        let seed = Seed::default();
        for text in ["", "\u{301}", "a", &"a ".repeat(3000), "雨".repeat(500).as_str()] {
            let input = GuardrailInput { text, seed: &seed, perplexity: None };
            assert!(!guardrails.check(&input).is_empty(), "{text}");
        }
        assert!(check_all(&[], &[]).iter().all(|one| !one.blocked));
    }
}
