//! What no draft may do, however much it sounds like its writer: copy, repeat itself, make no sense,
//! miss its length or its topic, or give itself away as a machine's (VOICE 5.6).
//!
//! Limits are the writer's own where the archive can say: what its pieces do to one another. Knows
//! no model; what only a model can tell, how surprising a text is to the untouched base, is passed
//! in. A finding is a figure beside its limit and a sentence; blocking is for the verdict.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::archive::{SpanKind, non_prose_spans};
use crate::measure::{Shingles, grams, hashes, repetition_of_words};
use crate::seed::Seed;
use crate::voice::is_function_word;
use crate::words::{count, hash, words};

/// Words copied in a row.
const MOST_COPIED: usize = 12;
/// Words of the runs that copying is counted by.
const RUN: usize = 8;
/// A run in so many pieces is a phrase of the writer's.
const STOCK: u32 = 3;
/// The least share of copied runs that is too much.
const LEAST_SHARE: f64 = 0.02;
/// Likeness to one piece, or of one draft to another.
const MOST_LIKE: f64 = 0.10;
/// The least share of repeated runs of four words that is too much.
const LEAST_REPETITION: f64 = 0.03;
/// How often a run of six words may stand in one text, and not more.
const MOST_SAID: u32 = 2;
/// Distance from the length asked for, as a logarithm.
const MOST_OFF: f64 = 0.20;
/// Share of the drafts that may miss their length.
const MOST_MISSED: f64 = 0.20;
/// How much less of its seed a draft may take up than the prompt's.
const MOST_ASTRAY: f64 = 0.05;
/// Words that limits are learned at.
const LENGTHS: [usize; 4] = [100, 200, 400, 800];

/// What is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// A long run of words out of one of the writer's pieces.
    CopiedRun,
    /// Many short ones.
    CopiedShare,
    /// A piece, or another draft, over again.
    NearDuplicate,
    /// The same words again and again.
    Repetition,
    /// Words that do not belong together.
    Sense,
    /// Not as long as asked for.
    Length,
    /// Not about what was asked for.
    Topic,
    /// Nothing, a refusal, or a template.
    BotTell,
}

/// One figure beside its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What was watched for.
    pub guard: Guard,
    /// What was found.
    pub figure: f64,
    /// The most that is let through; for sense and topic the least.
    pub limit: f64,
    /// Whether it is too much.
    pub blocked: bool,
    /// For the writer.
    pub sentence: String,
}

/// What the untouched base makes of texts, in bits a token given their seeds; a text of sense lies
/// among the writer's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Surprise {
    /// The draft's.
    pub draft: f64,
    /// Those of the writer's own pieces.
    pub own: Vec<f64>,
    /// Those of the base's own drafts, drawn as this one was. Whatever is drawn so surprises less
    /// than what a person writes; only what surprises less than these too says nothing.
    #[serde(default)]
    pub drawn: Vec<f64>,
}

/// A draft to look at.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// Its text.
    pub text: &'a str,
    /// What was asked for.
    pub seed: &'a Seed,
    /// What the base makes of it, where it was asked.
    pub surprise: Option<&'a Surprise>,
}

/// The guards of one writer, who know their archive.
#[derive(Debug, Clone)]
pub struct Guards {
    /// In how many pieces each run of [`RUN`] words stands.
    runs: HashMap<u64, u32>,
    /// In how many each pair with a word of content in it stands.
    pairs: HashMap<u64, u32>,
    shingles: Vec<Shingles>,
    most_share: f64,
    /// At each length: the most repetition, and the least share of known pairs.
    limits: Vec<(usize, f64, f64)>,
}

impl Guards {
    /// Reads the pieces a ghost has learned from. A second for 500 posts at most.
    pub fn of(pieces: &[&str]) -> Guards {
        let (mut runs, mut pairs) = (HashMap::new(), HashMap::new());
        let pieces: Vec<Prose> = pieces.iter().map(|piece| Prose::of(piece)).collect();
        for piece in &pieces {
            tally(&mut runs, grams(&piece.words, RUN).collect());
            tally(&mut pairs, piece.pairs());
        }
        let mut guards = Guards {
            runs,
            pairs,
            shingles: pieces.iter().map(|piece| Shingles::of_words(&piece.words)).collect(),
            most_share: LEAST_SHARE,
            limits: Vec::new(),
        };
        let none = Seed::default();
        let shares = pieces.iter().map(|piece| guards.copied(piece, &none, 1).1).collect();
        guards.most_share = quantile(shares, 0.95).unwrap_or(0.0).max(LEAST_SHARE);
        for length in LENGTHS {
            let openings: Vec<Prose> = pieces.iter().filter_map(|p| p.opening(length)).collect();
            let said = openings.iter().map(|text| repetition_of_words(&text.words)).collect();
            let known: Vec<f64> =
                openings.iter().filter_map(|text| guards.known(text, 1)).collect();
            // Below ten pieces the least of them says little.
            let least = if known.len() < 10 { None } else { quantile(known, 0.01) };
            guards.limits.push((
                length,
                quantile(said, 0.99).unwrap_or(0.0).max(LEAST_REPETITION),
                least.map_or(0.0, |least| least * 0.9),
            ));
        }
        guards
    }

    /// Looks at one draft; every guard that could tell has one finding.
    pub fn watch(&self, draft: &Watched<'_>) -> Vec<Finding> {
        let own = without_quotes(draft.text);
        let mut found = vec![tells(&own)];
        if found[0].blocked {
            return found;
        }
        let prose = Prose::of_plain(&own);
        let (run, share) = self.copied(&prose, draft.seed, 0);
        found.push(Finding {
            guard: Guard::CopiedRun,
            figure: run as f64,
            limit: MOST_COPIED as f64,
            blocked: run > MOST_COPIED,
            sentence: if run < RUN {
                "Nothing in it is copied from a piece of yours.".to_owned()
            } else {
                format!("{run} words in a row stand in a piece of yours ({MOST_COPIED} may).")
            },
        });
        found.push(Finding::above(Guard::CopiedShare, share, self.most_share, |share, limit| {
            format!("{share} of its runs of eight words are out of your pieces ({limit} may be).")
        }));
        let shingles = Shingles::of_words(&prose.words);
        let like = self.shingles.iter().map(|piece| piece.likeness(&shingles)).fold(0.0, f64::max);
        found.push(Finding::above(Guard::NearDuplicate, like, MOST_LIKE, |like, limit| {
            format!("It shares {like} of its phrases with one piece of yours ({limit} may be).")
        }));
        found.push(self.repeated(&own, &prose));
        found.extend(self.sense(&prose, draft.surprise));
        found
    }

    /// The longest run of words out of a piece, and the share of runs of [`RUN`] that are; what the
    /// seed says, quotations and phrases of the writer's do not count. A text that is itself one
    /// of the pieces is told so by `itself`.
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

    /// The share of its pairs of words that stand in a piece; none where there are too few.
    fn known(&self, text: &Prose, itself: u32) -> Option<f64> {
        let pairs = text.pairs();
        let known = pairs.iter().filter(|pair| self.pairs.get(pair).is_some_and(|n| *n > itself));
        (pairs.len() >= 40).then(|| known.count() as f64 / pairs.len() as f64)
    }

    fn limit_at(&self, words: usize) -> (f64, f64) {
        let nearest = self.limits.iter().min_by_key(|(length, ..)| length.abs_diff(words));
        nearest.map_or((LEAST_REPETITION, 0.0), |(_, most, least)| (*most, *least))
    }

    fn repeated(&self, text: &str, prose: &Prose) -> Finding {
        let limit = self.limit_at(prose.words.len()).0;
        let said = repetition_of_words(&prose.words);
        if let Some(loops) = loops(text) {
            let sentence = format!("It goes round in circles: “{loops}”.");
            return Finding {
                guard: Guard::Repetition,
                figure: said,
                limit,
                blocked: true,
                sentence,
            };
        }
        Finding::above(Guard::Repetition, said, limit, |said, limit| {
            format!("{said} of its runs of four words were said before (your pieces: {limit}).")
        })
    }

    /// Surprise says more than pairs of words do, where there is any.
    fn sense(&self, text: &Prose, surprise: Option<&Surprise>) -> Option<Finding> {
        if let Some(surprise) = surprise.filter(|one| one.own.len() >= 4) {
            let (least, most) = range(&surprise.own);
            let plainest = range(&surprise.drawn).0;
            let least = if plainest.is_finite() { least.min(plainest) } else { least };
            let bits = surprise.draft;
            let (limit, why) = match bits {
                bits if bits < least => {
                    (least, "says nothing, more plainly than the bare base does")
                }
                _ => (most, "has words that do not belong together"),
            };
            let blocked = !(least..=most).contains(&bits);
            let sentence = if blocked {
                format!("It {why}: {bits:.2} bits a word-part, yours {least:.2} to {most:.2}.")
            } else {
                format!("Its words belong together: {bits:.2} bits a word-part, as in your pieces.")
            };
            return Some(Finding { guard: Guard::Sense, figure: bits, limit, blocked, sentence });
        }
        let least = self.limit_at(text.words.len()).1;
        let known = self.known(text, 0).filter(|_| least > 0.0)?;
        Some(Finding::below(Guard::Sense, known, least, |known, limit| {
            format!(
                "{known} of its pairs of words stand together anywhere in your pieces (at least \
                 {limit} do in yours)."
            )
        }))
    }
}

impl Finding {
    fn above(
        guard: Guard,
        figure: f64,
        limit: f64,
        say: impl Fn(String, String) -> String,
    ) -> Finding {
        let sentence = say(percent(figure), percent(limit));
        Finding { guard, figure, limit, blocked: figure > limit, sentence }
    }

    fn below(
        guard: Guard,
        figure: f64,
        limit: f64,
        say: impl Fn(String, String) -> String,
    ) -> Finding {
        let sentence = say(percent(figure), percent(limit));
        Finding { guard, figure, limit, blocked: figure < limit, sentence }
    }
}

/// Looks at all drafts together: whether they are one draft, whether their lengths are those asked
/// for, and whether they take up their seeds as well as the prompt's drafts did.
pub fn watch_all(drafts: &[Watched<'_>], prompts: &[Watched<'_>]) -> Vec<Finding> {
    let mut found = Vec::new();
    let shingles: Vec<Shingles> = drafts.iter().map(|draft| Shingles::of(draft.text)).collect();
    // Drafts of one seed may be like one another, but not the same.
    let likeness = |a: usize, b: usize| {
        let limit = if drafts[a].seed == drafts[b].seed { 3.0 } else { 1.0 };
        shingles[a].likeness(&shingles[b]) / limit
    };
    let pairs = (0..drafts.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let like = pairs.map(|(a, b)| likeness(a, b)).fold(0.0, f64::max);
    found.push(Finding::above(Guard::NearDuplicate, like, MOST_LIKE, |like, limit| {
        format!("Two drafts share {like} of their phrases ({limit} may be).")
    }));
    let off: Vec<f64> =
        drafts.iter().filter_map(|draft| off_length(draft.text, draft.seed)).collect();
    if !off.is_empty() {
        let missed = off.iter().filter(|off| **off > MOST_OFF).count();
        let share = missed as f64 / off.len() as f64;
        found.push(Finding {
            guard: Guard::Length,
            figure: share,
            limit: MOST_MISSED,
            blocked: share > MOST_MISSED,
            sentence: format!("{missed} of {} drafts miss the length asked for.", off.len()),
        });
    }
    let adherence = |drafts: &[Watched<'_>]| {
        let all: Vec<f64> =
            drafts.iter().filter_map(|draft| adherence(draft.text, draft.seed)).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    };
    if let (Some(own), Some(prompt)) = (adherence(drafts), adherence(prompts)) {
        found.push(Finding::below(Guard::Topic, own, prompt - MOST_ASTRAY, |own, _| {
            format!("The drafts take up {own} of what was asked; the prompt's {}.", percent(prompt))
        }));
    }
    found
}

/// How far a text is from the length asked for: |ln(words / asked)|. Nothing where none was.
pub fn off_length(text: &str, seed: &Seed) -> Option<f64> {
    let asked = seed.words.filter(|&words| words > 0)?;
    Some((count(text).max(1) as f64 / f64::from(asked)).ln().abs())
}

/// The share of the words of content in topic and points that a text takes up, whatever their
/// endings. Nothing where the seed has none.
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

/// Whether a text is none, or gives itself away.
fn tells(text: &str) -> Finding {
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
        _ if words(text).nth(9).is_none() => (true, "There is next to nothing in it.".to_owned()),
        Some(tell) => (true, format!("It gives itself away: “{}”.", tell.trim())),
        None => (false, "Nothing in it gives itself away.".to_owned()),
    };
    let figure = f64::from(u8::from(blocked));
    Finding { guard: Guard::BotTell, figure, limit: 0.0, blocked, sentence }
}

/// What a text goes round in circles with: six words said three times within 800, or a line of five
/// words or more said twice.
pub fn loops(text: &str) -> Option<String> {
    const WITHIN: usize = 800;
    let places: Vec<(usize, &str)> = words(text).collect();
    let runs: Vec<u64> = grams(&hashes(text), 6).collect();
    let mut said: HashMap<u64, (u32, usize)> = HashMap::new();
    for (at, run) in runs.iter().enumerate() {
        let (times, since) = said.entry(*run).or_insert((0, at));
        if at - *since > WITHIN {
            (*times, *since) = (0, at);
        }
        *times += 1;
        if *times > MOST_SAID {
            let end = places[at + 5].0 + places[at + 5].1.len();
            return Some(text[places[at].0..end].to_owned());
        }
    }
    let mut lines = HashSet::new();
    let long = |line: &&str| words(line).nth(4).is_some() && !line.trim_start().starts_with('|');
    let line = text.lines().map(str::trim).filter(long).find(|line| !lines.insert(*line))?;
    Some(line.chars().take(60).collect())
}

/// The text without quotations and code, which nobody writes anew.
fn without_quotes(text: &str) -> String {
    let mut own = String::with_capacity(text.len());
    let mut at = 0;
    for span in non_prose_spans(text).iter().filter(|span| span.kind != SpanKind::Link) {
        own.push_str(&text[at..span.from]);
        // A mark that no run of words has, so that none goes on across it.
        own.push_str(" ¶ ");
        at = span.to;
    }
    own + &text[at..]
}

/// The words of a text as numbers, without quotations and code.
struct Prose {
    words: Vec<u64>,
    /// Which of them are function words.
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

    /// Its first words; nothing where it has fewer.
    fn opening(&self, length: usize) -> Option<Prose> {
        let words = self.words.get(..length)?.to_vec();
        Some(Prose { words, function: self.function[..length].to_vec() })
    }

    /// Neighbouring words of which one or both are content, each pair once.
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

/// Where nearly all of the writer's own lie: between the ends, and a tenth of their distance beyond.
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
    use crate::chance::Chance;

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
        let mut chance = Chance::new(3);
        let piece = |n: usize| {
            let mut said: Vec<String> =
                parts.iter().map(|part| part.replace('.', &format!(" number{n}."))).collect();
            for at in (1..said.len()).rev() {
                said.swap(at, chance.below(at as u64 + 1) as usize);
            }
            said.join(" ")
        };
        (0..12).map(piece).collect()
    }

    fn seed() -> Seed {
        Seed { topic: "the ferry".to_owned(), words: Some(100), ..Seed::default() }
    }

    fn findings(pieces: &[String], text: &str) -> Vec<Finding> {
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let seed = seed();
        Guards::of(&pieces).watch(&Watched { text, seed: &seed, surprise: None })
    }

    #[track_caller]
    fn blocked(pieces: &[String], text: &str, guards: &[Guard]) {
        let found = findings(pieces, text);
        let blocked: Vec<Guard> =
            found.iter().filter(|one| one.blocked).map(|one| one.guard).collect();
        assert_eq!(blocked, guards, "{found:#?}");
    }

    const FRESH: &str = "Nothing here was ever said on a boat. A teacher once told me that chalk is \
        the bone of small animals, and for a week I would not touch the board.";
    const LONG: &str = "On the first of May the clerk of the court read out a list of forty names, \
        slowly, and none of us was on it.";

    #[test]
    fn a_text_of_its_own_passes() {
        blocked(&[LONG.to_owned()], FRESH, &[]);
    }

    #[test]
    fn thirteen_words_out_of_a_piece_are_copied() {
        let copied: Vec<&str> = LONG.split(' ').take(13).collect();
        let found = findings(&[LONG.to_owned()], &format!("{FRESH} {}", copied.join(" ")));
        let run = found.iter().find(|one| one.guard == Guard::CopiedRun).unwrap();
        assert!(run.blocked && run.figure == 13.0, "{run:?}");
        let copied: Vec<&str> = LONG.split(' ').take(12).collect();
        let found = findings(&[LONG.to_owned()], &format!("{FRESH} {}", copied.join(" ")));
        assert!(!found.iter().any(|one| one.guard == Guard::CopiedRun && one.blocked));
    }

    #[test]
    fn what_the_writer_says_often_is_theirs() {
        let pieces = [LONG.to_owned(), LONG.to_owned(), LONG.to_owned()];
        let found = findings(&pieces, &format!("{FRESH} {LONG}"));
        let run = found.iter().find(|one| one.guard == Guard::CopiedRun).unwrap();
        assert_eq!(run.figure, 0.0);
    }

    #[test]
    fn quotations_are_not_copied() {
        let found = findings(&[LONG.to_owned()], &format!("{FRESH}\n\n> {LONG}\n\n{FRESH}"));
        let run = found.iter().find(|one| one.guard == Guard::CopiedRun).unwrap();
        assert_eq!(run.figure, 0.0);
    }

    #[test]
    fn a_piece_over_again_is_a_duplicate() {
        blocked(
            &[LONG.to_owned()],
            LONG,
            &[Guard::CopiedRun, Guard::CopiedShare, Guard::NearDuplicate],
        );
    }

    #[test]
    fn circles_are_seen() {
        let round = "and then we walked on to the next house, ".repeat(3);
        blocked(&[LONG.to_owned()], &format!("{FRESH} {round}"), &[Guard::Repetition]);
        let lines = "This line is here two times.\n\nAnd between them another thing is said.\n\n\
                     This line is here two times.\n";
        blocked(&[LONG.to_owned()], lines, &[Guard::Repetition]);
    }

    #[test]
    fn swapped_words_make_no_sense() {
        let pieces = archive();
        let text = &pieces[0];
        assert!(!findings(&pieces[1..], text).iter().any(|f| f.guard == Guard::Sense && f.blocked));
        let content: Vec<&str> =
            words(text).map(|(_, w)| w).filter(|w| !is_function_word(&w.to_lowercase())).collect();
        let mut next = content.iter().rev().cycle();
        let swapped: Vec<&str> = words(text)
            .map(
                |(_, w)| if is_function_word(&w.to_lowercase()) { w } else { next.next().unwrap() },
            )
            .collect();
        let found = findings(&pieces[1..], &swapped.join(" "));
        assert!(found.iter().any(|f| f.guard == Guard::Sense && f.blocked), "{found:#?}");
    }

    #[test]
    fn the_base_says_what_makes_sense_where_it_is_asked() {
        let pieces = archive();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let (guards, seed) = (Guards::of(&pieces), seed());
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
            let surprise = Surprise { draft: bits, own, drawn: drawn.to_vec() };
            let watched = Watched { text: FRESH, seed: &seed, surprise: Some(&surprise) };
            let found = guards.watch(&watched);
            let sense = found.iter().find(|one| one.guard == Guard::Sense).unwrap();
            assert_eq!(sense.blocked, blocks, "{sense:?}");
        }
    }

    #[test]
    fn machines_give_themselves_away() {
        let pieces = [LONG.to_owned()];
        blocked(&pieces, "", &[Guard::BotTell]);
        blocked(&pieces, &format!("{FRESH} As an AI, I do not know."), &[Guard::BotTell]);
        blocked(&pieces, &format!("I cannot write this. {FRESH}"), &[Guard::BotTell]);
        blocked(&pieces, &format!("{FRESH} I cannot say."), &[]);
    }

    #[test]
    fn drafts_are_looked_at_together() {
        let (asked, other) = (seed(), Seed { topic: "a kettle".to_owned(), ..seed() });
        let watched = |text, seed| Watched { text, seed, surprise: None };
        let found = watch_all(&[watched(FRESH, &asked), watched(FRESH, &other)], &[]);
        let blocks: Vec<Guard> = found.iter().filter(|f| f.blocked).map(|f| f.guard).collect();
        assert_eq!(blocks, [Guard::NearDuplicate, Guard::Length]);
        let prompt = "The ferries sailed.";
        let found = watch_all(&[watched(FRESH, &asked)], &[watched(prompt, &asked)]);
        assert!(found.iter().any(|one| one.guard == Guard::Topic && one.blocked));
    }

    #[test]
    fn topics_are_taken_up_whatever_their_endings() {
        let seed = Seed { topic: "Ferries in the rain".to_owned(), ..Seed::default() };
        assert_eq!(adherence("It rained on a ferry.", &seed), Some(1.0));
        assert_eq!(adherence("It rained.", &seed), Some(0.5));
        assert_eq!(adherence("It rained.", &Seed::default()), None);
    }

    #[test]
    fn nothing_panics_on_nothing() {
        let guards = Guards::of(&[]);
        let seed = Seed::default();
        for text in ["", "\u{301}", "a", &"a ".repeat(3000), "雨".repeat(500).as_str()] {
            guards.watch(&Watched { text, seed: &seed, surprise: None });
        }
        assert!(watch_all(&[], &[]).iter().all(|one| !one.blocked));
    }
}
