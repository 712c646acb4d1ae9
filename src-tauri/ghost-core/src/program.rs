//! Prompt programs: the best a writer can have without an adapter, and the baseline for one.
//!
//! A program prompts the base model with pieces of the writer's as examples, an instruction, a style
//! card and rules learned from edits. It is chosen by the bits it saves on the validation set, so there
//! are only as many candidates as can be tried. The engine turns a program into a model's prompt
//! format.

use serde::{Deserialize, Serialize};

use crate::edit::Edit;
use crate::rng::Rng;
use crate::seed::Seed;
use crate::voice::is_function_word;
use crate::words::{count, sentences, words};

/// The format of the examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Turns of a conversation: request, answer, request.
    Turns,
    /// One continuous document: a request, its text, the next request.
    Document,
}

/// The selection of pieces that serve as examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// Pieces of the same kind and closest in length.
    Near,
    /// Pieces on the most similar topics.
    Like,
    /// The newest pieces.
    Newest,
    /// Half by topic, half by length.
    Mixed,
}

/// One prompt program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The format of the examples.
    pub form: Form,
    /// The selection of the examples.
    pub pick: Pick,
    /// The number of examples; 0 is the request alone.
    pub shots: usize,
    /// The instruction that comes first; may be empty.
    pub instruction: String,
    /// A description of the writer's style in sentences; may be empty.
    pub card: String,
    /// Rules learned from the writer's edits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}

/// The best programs found, and the results of all that were tried.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OptimizedPrompts {
    /// The program that needs the fewest bits.
    pub by_bits: Program,
    /// The program whose drafts score highest on the voice measure: a ghost without an adapter.
    pub by_voice: Program,
    /// Every program tried: its description, and its bits per byte on the validation set.
    pub tried: Vec<(String, f64)>,
    /// Bits per byte of the request alone.
    pub bare: f64,
    /// Voice scores of the finalists' drafts, in the order of `tried`; empty if none were made.
    #[serde(rename = "heard", default)]
    pub voice_scores: Vec<(String, f64)>,
}

/// A piece that can serve as an example.
#[derive(Debug, Clone, Copy)]
pub struct Example<'a> {
    /// The request that the text answers.
    pub seed: &'a Seed,
    /// The text.
    pub text: &'a str,
}

/// Instructions to choose from; the first is empty.
const INSTRUCTIONS: [&str; 4] = [
    "",
    "You write as one particular person, whose texts you are shown. Take up their rhythm, their \
     punctuation and their way of opening and closing; never their sentences.",
    "Write the next text exactly as its author would: as plain, as long-winded, as doubtful or as \
     sure as they are. No introductions, no summaries, no lists they would not make.",
    "Below are texts by one author and what each was written for. The last one is still missing. \
     Write it as they would have.",
];

impl Default for Program {
    fn default() -> Self {
        Program {
            form: Form::Turns,
            pick: Pick::Near,
            shots: 8,
            instruction: String::new(),
            card: String::new(),
            rules: Vec::new(),
        }
    }
}

impl Program {
    /// At most `most` different programs: the simplest first, the rest at random.
    pub fn candidates(card: &str, rules: &[String], most: usize, rng: &mut Rng) -> Vec<Self> {
        let plain = Program::default();
        let document = Program { form: Form::Document, ..plain.clone() };
        let mut all = vec![
            plain.clone(),
            document.clone(),
            Program { pick: Pick::Like, ..plain.clone() },
            Program { pick: Pick::Like, ..document },
            Program { instruction: INSTRUCTIONS[1].to_owned(), card: card.to_owned(), ..plain },
        ];
        fn one<T: Clone>(of: &[T], rng: &mut Rng) -> T {
            of[rng.below(of.len())].clone()
        }
        for _ in 0..most * 8 {
            if all.len() >= most {
                break;
            }
            let drawn = Program {
                form: one(&[Form::Turns, Form::Document], rng),
                pick: one(&[Pick::Near, Pick::Like, Pick::Newest, Pick::Mixed], rng),
                shots: one(&[1, 2, 4, 8], rng),
                instruction: one(&INSTRUCTIONS, rng).to_owned(),
                card: one(&["", card], rng).to_owned(),
                rules: if one(&[true, false], rng) { rules.to_vec() } else { Vec::new() },
            };
            if !all.contains(&drawn) {
                all.push(drawn);
            }
        }
        all.truncate(most);
        all
    }

    /// The examples for a seed, as positions in `examples` (oldest first). `like` are positions too, by
    /// similarity to the seed.
    pub fn pick(&self, examples: &[Example<'_>], seed: &Seed, like: &[usize]) -> Vec<usize> {
        let words = seed.words.unwrap_or(400);
        let mut near: Vec<usize> = (0..examples.len()).collect();
        near.sort_by_key(|&n| {
            let one = examples[n].seed;
            let off = one.words.unwrap_or(0).abs_diff(words);
            (one.kind != seed.kind, off, std::cmp::Reverse(n))
        });
        let newest = (0..examples.len()).rev();
        let mut chosen: Vec<usize> = match self.pick {
            Pick::Near => near,
            Pick::Newest => newest.collect(),
            Pick::Like => like.iter().copied().chain(near).collect(),
            Pick::Mixed => {
                let half = like.iter().copied().take(self.shots.div_ceil(2));
                half.chain(near).collect()
            }
        };
        let mut seen = std::collections::HashSet::new();
        chosen.retain(|&n| n < examples.len() && seen.insert(n));
        chosen.truncate(self.shots);
        chosen
    }

    /// Instruction, style card and rules, which come before the examples; `None` if all are empty.
    pub fn preamble(&self) -> Option<String> {
        let mut parts = Vec::new();
        if !self.instruction.is_empty() {
            parts.push(self.instruction.clone());
        }
        if !self.card.is_empty() {
            parts.push(self.card.clone());
        }
        if !self.rules.is_empty() {
            parts.push(format!("Rules:\n- {}", self.rules.join("\n- ")));
        }
        (!parts.is_empty()).then(|| parts.join("\n\n"))
    }

    /// A short description for a report.
    pub fn description(&self) -> String {
        if self.shots == 0 {
            return "the request alone".to_owned();
        }
        let pieces = match self.pick {
            Pick::Near => "of your pieces closest in kind and length",
            Pick::Like => "of your pieces on similar topics",
            Pick::Newest => "of your newest pieces",
            Pick::Mixed => "of your pieces, half by topic, half by length",
        };
        let form = match self.form {
            Form::Turns => "as a conversation",
            Form::Document => "as one document",
        };
        let mut text = format!("up to {} {pieces}, {form}", self.shots);
        let instruction = INSTRUCTIONS.iter().position(|one| *one == self.instruction);
        if !self.instruction.is_empty() {
            text += &format!(", instruction {}", instruction.unwrap_or(INSTRUCTIONS.len()));
        }
        if !self.card.is_empty() {
            text += ", a style card";
        }
        if !self.rules.is_empty() {
            text += &format!(", {} rules from your edits", self.rules.len());
        }
        text
    }
}

/// A description of the writer's style in sentences that a model can follow; empty without text.
///
/// Part of prompts: a change of wording changes drafts.
pub fn style_card(pieces: &[&str]) -> String {
    let (mut lengths, mut n_words, mut short, mut first, mut questions) =
        (Vec::new(), 0usize, 0usize, 0usize, 0usize);
    for text in pieces {
        for (_, sentence) in sentences(text) {
            let n = count(sentence);
            if n > 0 {
                lengths.push(n as f64);
                questions += usize::from(sentence.trim_end().ends_with('?'));
            }
        }
        for (_, word) in words(text) {
            n_words += 1;
            short += usize::from(word.contains(['\'', '’']) && word.len() > 2);
            first += usize::from(matches!(word, "I" | "I'm" | "I've" | "my" | "me" | "My"));
        }
    }
    if lengths.is_empty() {
        return String::new();
    }
    let n = lengths.len() as f64;
    let mean = lengths.iter().sum::<f64>() / n;
    let spread = (lengths.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / n).sqrt();
    let a_hundred = |times: usize| 100.0 * times as f64 / n_words.max(1) as f64;
    let mut about =
        vec![format!("The author's sentences have {mean:.0} words, give or take {spread:.0}.")];
    about.push(match a_hundred(short) {
        often if often > 1.5 => "Contractions are common.".to_owned(),
        often if often < 0.3 => "There are no contractions.".to_owned(),
        _ => "Contractions are rare.".to_owned(),
    });
    about.push(match a_hundred(first) {
        often if often > 2.0 => "The author speaks of themselves, as I.".to_owned(),
        often if often < 0.3 => "The author hardly ever says I.".to_owned(),
        _ => "The author says I now and then.".to_owned(),
    });
    if questions as f64 / n > 0.06 {
        about.push("They like to ask questions.".to_owned());
    }
    about.join(" ")
}

/// Rules from repeated edits: words that were cut from drafts or replaced at least twice, the most
/// frequent first, at most five.
///
/// Part of prompts: a change of wording changes drafts.
pub fn rules<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    const MAX: usize = 5;
    let mut cut = std::collections::BTreeMap::<String, u32>::new();
    for (draft, shipped) in pairs {
        let edit = Edit::between(draft, shipped);
        let mut seen = std::collections::BTreeSet::new();
        let mut gone = draft.to_owned();
        let mut kept: Vec<_> = edit.kept().map(|(of_draft, _)| of_draft).collect();
        kept.reverse();
        for range in kept {
            gone.replace_range(range, " ¶ ");
        }
        for run in gone.split('¶').map(str::trim) {
            let n = count(run);
            let telling = words(run).any(|(_, word)| !is_function_word(&word.to_lowercase()));
            if (1..=4).contains(&n) && telling {
                seen.insert(run.to_lowercase());
            }
        }
        seen.into_iter().for_each(|run| *cut.entry(run).or_default() += 1);
    }
    let mut often: Vec<(u32, String)> =
        cut.into_iter().filter(|(_, times)| *times >= 2).map(|(run, times)| (times, run)).collect();
    often.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    often.truncate(MAX);
    often.into_iter().map(|(_, run)| format!("The author would not write “{run}”.")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::archive::Kind;

    #[test]
    fn candidates_differ_and_the_simplest_comes_first() {
        let draw = || Program::candidates("card", &["rule".to_owned()], 16, &mut Rng::new(3));
        let all = draw();
        assert_eq!((all.len(), &all[0]), (16, &Program::default()));
        assert!((1..16).all(|n| !all[..n].contains(&all[n])));
        assert_eq!(all, draw());
        assert_eq!(Program::candidates("", &[], 2, &mut Rng::new(3)).len(), 2);
    }

    #[test]
    fn a_program_selects_its_examples() {
        let seed = |words, kind: &str| Seed {
            words: Some(words),
            kind: Kind::from(kind.to_owned()),
            ..Seed::default()
        };
        let seeds = [seed(100, "post"), seed(400, "log"), seed(500, "post"), seed(900, "post")];
        let examples: Vec<Example<'_>> =
            seeds.iter().map(|seed| Example { seed, text: "" }).collect();
        let asked = seed(450, "post");
        let picked = |pick, shots, like: &[usize]| {
            Program { pick, shots, ..Program::default() }.pick(&examples, &asked, like)
        };
        assert_eq!(picked(Pick::Near, 8, &[]), [2, 0, 3, 1]);
        assert_eq!(picked(Pick::Newest, 2, &[]), [3, 2]);
        assert_eq!(picked(Pick::Like, 3, &[1, 9]), [1, 2, 0]);
        assert_eq!(picked(Pick::Mixed, 2, &[1, 0]), [1, 2]);
        assert_eq!(picked(Pick::Near, 0, &[]), [0usize; 0]);
    }

    #[test]
    fn a_style_card_describes_frequent_features() {
        let text = "I don't know. I can't say. Who would, I'd ask? It's late.";
        let card = style_card(&[text]);
        assert!(card.starts_with("The author's sentences have 3 words"), "{card}");
        assert!(card.contains("Contractions are common") && card.contains("as I."), "{card}");
        assert_eq!(super::style_card(&[""]), "");
    }

    #[test]
    fn words_cut_twice_become_a_rule() {
        let pairs = [
            ("We delve into rain today.", "We look into rain today."),
            ("They delve into snow there.", "They went into snow there."),
            ("He said so.", "She said so."),
        ];
        assert_eq!(rules(pairs), ["The author would not write “delve”."]);
        assert_eq!(rules([("a", "a")]), [""; 0]);
    }
}
