//! Other writers, against whom a voice is told: their skeletons, never their words.
//!
//! A few ship with the program (assets/lexicons/strangers.json, made by `examples/strangers.rs`
//! from a folder for each writer); the writer can add any others.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::skeleton::{Skeleton, alphabet, kept};

/// Words of one sample: as long as the longest text that is scored in one go.
pub const SAMPLE_WORDS: usize = 800;
/// Samples kept of one writer.
const MOST_SAMPLES: usize = 4;

/// One other writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranger {
    /// What to call them in a report: "essayists of 1921".
    pub name: String,
    /// Where their pieces are from, and under which licence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The beginnings of some of their pieces.
    pub samples: Vec<Skeleton>,
}

impl Stranger {
    /// A stranger from their pieces, evenly chosen; those below 200 words are passed over.
    pub fn of<'a>(name: &str, pieces: impl IntoIterator<Item = &'a str>) -> Stranger {
        let long = |text: &&str| crate::words::words(text).nth(199).is_some();
        let texts: Vec<&str> = pieces.into_iter().filter(long).collect();
        let n = texts.len().min(MOST_SAMPLES);
        let chosen = (0..n).map(|at| texts[at * texts.len() / n]);
        let samples = chosen
            .map(|text| {
                let whole = Skeleton::of(text);
                whole.opening(SAMPLE_WORDS).unwrap_or(whole)
            })
            .filter(|sample| sample.words() >= 150)
            .collect();
        Stranger { name: name.to_owned(), source: String::new(), samples }
    }
}

/// All the strangers there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Strangers {
    /// Each of them.
    pub writers: Vec<Stranger>,
}

/// As they lie in the file; numbers mean something under one alphabet only.
#[derive(Serialize, Deserialize)]
struct File {
    about: String,
    alphabet: u64,
    writers: Vec<Stranger>,
}

/// Why a file of strangers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StrangersTrouble {
    /// It is not such a file.
    #[error("This is no file of strangers: {0}")]
    NotOne(#[from] serde_json::Error),
    /// Its numbers stand for other words than ours.
    #[error("These strangers were measured with other lists of words; make the file again.")]
    OtherWords,
}

impl Strangers {
    /// Puts every fifth stranger aside, for a voice to be tried on that has never met them; whoever
    /// wrote one of the `pieces` is no stranger. Answers with those to learn from, and with samples
    /// of the others.
    pub fn apart(self, pieces: &[&str]) -> (Strangers, Vec<Skeleton>) {
        const EVERY: usize = 5;
        let begun: HashSet<u64> =
            pieces.iter().filter_map(|piece| Skeleton::of(piece).beginning()).collect();
        let is_writer = |one: &Stranger| {
            one.samples.iter().filter_map(Skeleton::beginning).any(|begins| begun.contains(&begins))
        };
        let others = self.writers.into_iter().filter(|one| !is_writer(one));
        let (mut met, mut unmet) = (Vec::new(), Vec::new());
        for (n, one) in others.enumerate() {
            if n % EVERY == EVERY - 1 { unmet.extend(one.samples) } else { met.push(one) }
        }
        (Strangers { writers: met }, unmet)
    }

    /// Those that ship with the program.
    pub fn shipped() -> Strangers {
        Strangers::from_json(include_str!("../../../../assets/lexicons/strangers.json"))
            .expect("a test reads the shipped file")
    }

    /// Reads a file of strangers.
    pub fn from_json(json: &str) -> Result<Strangers, StrangersTrouble> {
        let file: File = serde_json::from_str(json)?;
        let sound = file.writers.iter().flat_map(|one| &one.samples).all(Skeleton::is_sound);
        if file.alphabet != fingerprint() || !sound {
            return Err(StrangersTrouble::OtherWords);
        }
        Ok(Strangers { writers: file.writers })
    }

    /// The file of these strangers.
    pub fn to_json(&self) -> String {
        let file = File {
            about: "Other writers as numbers: which function word, mark or shape of a word \
                    follows which. Made by ghost-core/examples/strangers.rs; see its first lines."
                .to_owned(),
            alphabet: fingerprint(),
            writers: self.writers.clone(),
        };
        // Numbers and strings always have JSON.
        serde_json::to_string(&file).unwrap_or_default().replace("{\"name\"", "\n{\"name\"") + "\n"
    }
}

/// A number that changes when the lists of words do.
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
    fn the_shipped_strangers_can_be_read() {
        let shipped = Strangers::shipped();
        assert!(shipped.writers.len() >= 20, "VOICE 8.4 asks for twenty");
        assert!(shipped.writers.iter().all(|one| !one.samples.is_empty()));
    }

    #[test]
    fn strangers_come_back_as_they_went() {
        let text = "It was raining, and I was there; so were they. ".repeat(30);
        let strangers = Strangers { writers: vec![Stranger::of("rain", [text.as_str(), "short"])] };
        assert_eq!(strangers.writers[0].samples.len(), 1);
        let json = strangers.to_json();
        assert!(!json.contains("rain,") && !json.contains("there"));
        assert_eq!(Strangers::from_json(&json).unwrap(), strangers);
    }

    #[test]
    fn strangers_put_aside_are_not_met() {
        let text =
            |n: usize| format!("It was number {n}, and I was there; so were they. ").repeat(30);
        let texts: Vec<String> = ["a", "bc", "d, e", "f; g", "h", "i: j", "k. L", "m", "n", "o! p"]
            .iter()
            .map(|more| text(1).replace("number", more))
            .collect();
        let writers = texts.iter().map(|text| Stranger::of("x", [text.as_str()])).collect();
        let all = Strangers { writers };
        let (met, unmet) = all.clone().apart(&[]);
        assert_eq!((met.writers.len(), unmet.len()), (8, 2));
        let (met, unmet) = all.apart(&[&texts[2]]);
        assert!(met.writers.len() + unmet.len() < 10, "the writer is no stranger");
    }

    #[test]
    fn strangers_of_other_words_are_refused() {
        let json = Strangers::default().to_json().replace("\"alphabet\":", "\"alphabet\":9");
        assert!(matches!(Strangers::from_json(&json), Err(StrangersTrouble::OtherWords)));
        assert!(matches!(Strangers::from_json("{}"), Err(StrangersTrouble::NotOne(_))));
        let wild = format!(
            "{{\"about\":\"\",\"alphabet\":{},\"writers\":[{{\"name\":\"\",\"samples\":[\"--\"]}}]}}",
            fingerprint()
        );
        assert!(matches!(Strangers::from_json(&wild), Err(StrangersTrouble::OtherWords)));
    }
}
