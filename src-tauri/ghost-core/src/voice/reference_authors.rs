//! Other authors that a voice is distinguished from (in stylometry, *impostors*), stored as masked text
//! without any of their words.
//!
//! Some are bundled (assets/lexicons/reference-authors.json, made by `examples/reference_authors.rs` from one
//! folder per author); more can be added.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::masked_text::{MaskedText, alphabet, kept};

/// Words in one sample: the length of the longest text that is scored in one step.
pub const SAMPLE_WORDS: usize = 800;
/// Samples kept of one author.
const MAX_SAMPLES: usize = 4;

/// One other author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceAuthor {
    /// The name for a report: "essayists of 1921".
    pub name: String,
    /// The source and licence of their pieces.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Beginnings of some of their pieces.
    pub samples: Vec<MaskedText>,
}

impl ReferenceAuthor {
    /// An author from an even sample of their pieces; pieces below 200 words are skipped.
    pub fn of<'a>(name: &str, pieces: impl IntoIterator<Item = &'a str>) -> ReferenceAuthor {
        let long = |text: &&str| crate::words::words(text).nth(199).is_some();
        let texts: Vec<&str> = pieces.into_iter().filter(long).collect();
        let n = texts.len().min(MAX_SAMPLES);
        let chosen = (0..n).map(|at| texts[at * texts.len() / n]);
        let samples = chosen
            .map(|text| {
                let whole = MaskedText::of(text);
                whole.opening(SAMPLE_WORDS).unwrap_or(whole)
            })
            .filter(|sample| sample.words() >= 150)
            .collect();
        ReferenceAuthor { name: name.to_owned(), source: String::new(), samples }
    }
}

/// A set of other authors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReferenceAuthors {
    /// The authors.
    pub writers: Vec<ReferenceAuthor>,
}

/// The file format; its symbols are valid under one alphabet only.
#[derive(Serialize, Deserialize)]
struct File {
    about: String,
    alphabet: u64,
    writers: Vec<ReferenceAuthor>,
}

/// Why a file of reference authors cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceAuthorsError {
    /// It is not a file of reference authors.
    #[error("This is not a file of reference authors: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It was made with other word lists.
    #[error("These reference authors were made with different word lists. Create the file again.")]
    OtherWordLists,
}

impl ReferenceAuthors {
    /// Holds out every fifth author, to test a voice on authors it was not trained on. An author of one
    /// of the `pieces` is the writer and is left out. Returns the authors to train on and the samples of
    /// the held-out ones.
    pub fn hold_out(self, pieces: &[&str]) -> (ReferenceAuthors, Vec<MaskedText>) {
        const EVERY: usize = 5;
        let beginnings: HashSet<u64> =
            pieces.iter().filter_map(|piece| MaskedText::of(piece).beginning()).collect();
        let is_writer = |one: &ReferenceAuthor| {
            one.samples
                .iter()
                .filter_map(MaskedText::beginning)
                .any(|begins| beginnings.contains(&begins))
        };
        let others = self.writers.into_iter().filter(|one| !is_writer(one));
        let (mut training, mut held_out) = (Vec::new(), Vec::new());
        for (n, one) in others.enumerate() {
            if n % EVERY == EVERY - 1 { held_out.extend(one.samples) } else { training.push(one) }
        }
        (ReferenceAuthors { writers: training }, held_out)
    }

    /// The authors bundled with the program.
    pub fn bundled() -> ReferenceAuthors {
        ReferenceAuthors::from_json(include_str!(
            "../../../../assets/lexicons/reference-authors.json"
        ))
        .expect("a test reads the bundled file")
    }

    /// Reads a file of reference authors.
    pub fn from_json(json: &str) -> Result<ReferenceAuthors, ReferenceAuthorsError> {
        let file: File = serde_json::from_str(json)?;
        let is_valid = file.writers.iter().flat_map(|one| &one.samples).all(MaskedText::is_valid);
        if file.alphabet != fingerprint() || !is_valid {
            return Err(ReferenceAuthorsError::OtherWordLists);
        }
        Ok(ReferenceAuthors { writers: file.writers })
    }

    /// Writes a file of these authors.
    pub fn to_json(&self) -> String {
        let file = File {
            about: "Reference authors as masked text: the sequence of function words, marks and \
                    word shapes. Made by ghost-core/examples/reference_authors.rs."
                .to_owned(),
            alphabet: fingerprint(),
            writers: self.writers.clone(),
        };
        // Numbers and strings can always be written as JSON.
        serde_json::to_string(&file).unwrap_or_default().replace("{\"name\"", "\n{\"name\"") + "\n"
    }
}

/// A hash that changes with the word lists.
fn fingerprint() -> u64 {
    let words = kept().iter().flat_map(|word| word.bytes().chain([b' ']));
    let hash = words.fold(alphabet() as u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    hash >> 12 // whole in any reader of JSON
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_bundled_authors_can_be_read() {
        let bundled = ReferenceAuthors::bundled();
        assert!(bundled.writers.len() >= 20, "twenty authors are needed");
        assert!(bundled.writers.iter().all(|one| !one.samples.is_empty()));
    }

    #[test]
    fn authors_survive_a_round_trip() {
        let text = "It was raining, and I was there; so were they. ".repeat(30);
        let authors = ReferenceAuthors {
            writers: vec![ReferenceAuthor::of("rain", [text.as_str(), "short"])],
        };
        assert_eq!(authors.writers[0].samples.len(), 1);
        let json = authors.to_json();
        assert!(!json.contains("rain,") && !json.contains("there"));
        assert_eq!(ReferenceAuthors::from_json(&json).unwrap(), authors);
    }

    #[test]
    fn held_out_authors_are_not_trained_on() {
        let text =
            |n: usize| format!("It was number {n}, and I was there; so were they. ").repeat(30);
        let texts: Vec<String> = ["a", "bc", "d, e", "f; g", "h", "i: j", "k. L", "m", "n", "o! p"]
            .iter()
            .map(|more| text(1).replace("number", more))
            .collect();
        let writers = texts.iter().map(|text| ReferenceAuthor::of("x", [text.as_str()])).collect();
        let all = ReferenceAuthors { writers };
        let (training, held_out) = all.clone().hold_out(&[]);
        assert_eq!((training.writers.len(), held_out.len()), (8, 2));
        let (training, held_out) = all.hold_out(&[&texts[2]]);
        assert!(training.writers.len() + held_out.len() < 10, "the writer is left out");
    }

    #[test]
    fn a_file_with_other_word_lists_is_refused() {
        let json = ReferenceAuthors::default().to_json().replace("\"alphabet\":", "\"alphabet\":9");
        assert!(matches!(
            ReferenceAuthors::from_json(&json),
            Err(ReferenceAuthorsError::OtherWordLists)
        ));
        assert!(matches!(
            ReferenceAuthors::from_json("{}"),
            Err(ReferenceAuthorsError::Unreadable(_))
        ));
        let wild = format!(
            "{{\"about\":\"\",\"alphabet\":{},\"writers\":[{{\"name\":\"\",\"samples\":[\"--\"]}}]}}",
            fingerprint()
        );
        assert!(matches!(
            ReferenceAuthors::from_json(&wild),
            Err(ReferenceAuthorsError::OtherWordLists)
        ));
    }
}
