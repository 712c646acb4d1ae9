//! Text to tokens and back, built from what a GGUF file says of its vocabulary.
//!
//! Byte-level byte-pair encoding, by the `tokenizers` crate; the division of text into stretches
//! that merges never cross follows the file's `pre`. The file's own specials are kept apart and
//! are never found in a writer's text. Knows nothing of chat or of how tokens are used.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use ahash::AHashMap;
use tokenizers::SplitDelimiterBehavior;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};

use crate::error::{Error, Result};
use crate::gguf::Gguf;

/// How Llama 3, Qwen and those after them divide text (llama.cpp, `llama-vocab.cpp`): contractions,
/// words with at most one mark before them, numbers up to `{1,3}` digits, marks, spaces.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same with every digit on its own.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// GGUF's word for a special token, and for one a file's maker added.
const CONTROL: [u64; 2] = [3, 4];
/// Names under which files keep tokens that end an answer.
const END_KEYS: [&str; 2] = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"];
/// Specials that end an answer, whatever the file calls them.
const END_NAMES: [&str; 5] =
    ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "</s>"];

/// A base's vocabulary and how it divides text.
#[derive(Clone)]
pub struct Tokenizer {
    encoder: Arc<tokenizers::Tokenizer>,
    /// What each token stands for; empty for specials.
    bytes: Arc<Vec<Vec<u8>>>,
    specials: Arc<HashMap<String, u32>>,
    ends: Vec<u32>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer of {}", self.bytes.len())
    }
}

impl Tokenizer {
    /// Builds the tokenizer a file describes.
    ///
    /// # Errors
    /// `Unsupported` for another kind of tokenizer, `Malformed` where the lists do not fit together.
    pub fn from_gguf(file: &Gguf) -> Result<Self> {
        match file.text("tokenizer.ggml.model") {
            Some("gpt2") => {}
            Some(other) => return Err(Error::unsupported(format!("the tokenizer `{other}`"))),
            None => return Err(Error::malformed("it says nothing of its tokenizer")),
        }
        let missing = |what: &str| Error::malformed(format!("its tokenizer has no {what}"));
        let tokens = file.texts("tokenizer.ggml.tokens").ok_or_else(|| missing("tokens"))?;
        let merges = file.texts("tokenizer.ggml.merges").ok_or_else(|| missing("merges"))?;
        let types = file.counts("tokenizer.ggml.token_type").unwrap_or_default();
        let byte_of = byte_alphabet();
        let (mut bytes, mut specials, mut vocab) = (Vec::new(), HashMap::new(), AHashMap::new());
        for (id, token) in tokens.iter().enumerate() {
            let id = u32::try_from(id).map_err(|_| Error::malformed("it has too many tokens"))?;
            let spelled: Option<Vec<u8>> =
                token.chars().map(|c| byte_of.get(&c).copied()).collect();
            let special = types.get(id as usize).is_some_and(|kind| CONTROL.contains(kind));
            if special {
                specials.insert((*token).to_owned(), id);
            }
            bytes.push(if special { Vec::new() } else { spelled.unwrap_or_default() });
            vocab.insert((*token).to_owned(), id);
        }
        // SmolLM lacks some bytes that prose never has (control characters, unused planes); text
        // is passed over there. A file that lacks a letter is damaged.
        let lacks = |byte: &u8| {
            byte_of.iter().all(|(c, b)| b != byte || !vocab.contains_key(&c.to_string()))
        };
        if (b' '..=b'~').chain([b'\n']).any(|byte| lacks(&byte)) {
            return Err(Error::malformed("its tokenizer lacks some letters"));
        }
        let merges = merges
            .iter()
            .map(|merge| {
                let (a, b) = merge.split_once(' ').unwrap_or_default();
                let known = [a.to_owned(), b.to_owned(), format!("{a}{b}")];
                if a.is_empty() || !known.iter().all(|token| vocab.contains_key(token)) {
                    return Err(Error::malformed("its tokenizer merges tokens it does not have"));
                }
                Ok((a.to_owned(), b.to_owned()))
            })
            .collect::<Result<Vec<_>>>()?;
        let ends = ends(file, &specials);
        let model = BPE::builder()
            .vocab_and_merges(vocab, merges)
            .build()
            .map_err(|e| Error::malformed(format!("its tokenizer can't be built ({e})")))?;
        let mut encoder = tokenizers::Tokenizer::new(model);
        let pre = file.text("tokenizer.ggml.pre").unwrap_or("default");
        encoder.with_pre_tokenizer(Some(divider(pre)?));
        Ok(Self {
            encoder: Arc::new(encoder),
            bytes: Arc::new(bytes),
            specials: Arc::new(specials),
            ends,
        })
    }

    /// The tokens of a text. Never finds specials in it: a writer's "<|im_end|>" stays text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        // Without a token for the unknown, no text can fail.
        self.encoder.encode_fast(text, false).map_or_else(|_| Vec::new(), |e| e.get_ids().to_vec())
    }

    /// The tokens of a text, each with the bytes of the text it stands for, which need not be
    /// whole characters.
    pub fn encode_with_offsets(&self, text: &str) -> Vec<(u32, Range<usize>)> {
        let mut at = 0;
        self.encode(text)
            .into_iter()
            .map(|id| {
                let (from, bytes) = (at, self.bytes_of(id));
                // Bytes the vocabulary lacks were passed over; they count with what follows.
                while at < text.len() && !text.as_bytes()[at..].starts_with(bytes) {
                    at += 1;
                }
                at = (at + bytes.len()).min(text.len());
                (id, from..at)
            })
            .collect()
    }

    /// Turns tokens back to text, whole characters only.
    pub fn decode_stream(&self) -> Stream<'_> {
        Stream { tokenizer: self, held: Vec::new() }
    }

    /// The token of a special by its name, as `<|im_end|>`.
    pub fn special(&self, name: &str) -> Option<u32> {
        self.specials.get(name).copied()
    }

    /// The first special in a text: its token and where it stands.
    pub(crate) fn find_special(&self, text: &str) -> Option<(u32, Range<usize>)> {
        self.specials
            .iter()
            .filter(|(name, _)| !name.is_empty())
            .filter_map(|(name, id)| text.find(name.as_str()).map(|at| (*id, at..at + name.len())))
            // At one place the longer name is meant.
            .min_by_key(|(_, place)| (place.start, std::cmp::Reverse(place.end)))
    }

    /// Whether the token ends an answer.
    pub fn is_end(&self, id: u32) -> bool {
        self.ends.contains(&id)
    }

    /// How many tokens there are.
    pub fn vocab_size(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes a token stands for; none for a special or an unknown one.
    pub fn bytes_of(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], |bytes| bytes)
    }
}

/// Text as its tokens arrive.
pub struct Stream<'a> {
    tokenizer: &'a Tokenizer,
    held: Vec<u8>,
}

impl Stream<'_> {
    /// Takes a token; gives the characters that are now whole. Bytes that can become none are
    /// given as the replacement character.
    pub fn push(&mut self, id: u32) -> Option<String> {
        self.held.extend_from_slice(self.tokenizer.bytes_of(id));
        let mut whole = String::new();
        loop {
            match std::str::from_utf8(&self.held) {
                Ok(text) => {
                    whole.push_str(text);
                    self.held.clear();
                    break;
                }
                Err(error) => {
                    let good = error.valid_up_to();
                    whole.push_str(&String::from_utf8_lossy(&self.held[..good]));
                    let Some(bad) = error.error_len() else {
                        self.held.drain(..good);
                        break;
                    };
                    whole.push(char::REPLACEMENT_CHARACTER);
                    self.held.drain(..good + bad);
                }
            }
        }
        (!whole.is_empty()).then_some(whole)
    }
}

fn ends(file: &Gguf, specials: &HashMap<String, u32>) -> Vec<u32> {
    let named = END_NAMES.iter().filter_map(|name| specials.get(*name).copied());
    let kept = END_KEYS.iter().filter_map(|key| u32::try_from(file.count(key)?).ok());
    let mut ends: Vec<u32> = named.chain(kept).collect();
    ends.sort_unstable();
    ends.dedup();
    ends
}

/// How text is divided before merging, by the file's word for it.
fn divider(pre: &str) -> Result<PreTokenizerWrapper> {
    let bytes = |own_regex| ByteLevel::new(false, false, own_regex).into();
    let by = |regex: &str| -> Result<PreTokenizerWrapper> {
        let pattern = SplitPattern::Regex(regex.to_owned());
        Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
            .map(Into::into)
            .map_err(|e| Error::Bug(format!("a pattern of ours: {e}")))
    };
    Ok(match pre {
        "smollm" => Sequence::new(vec![Digits::new(true).into(), bytes(true)]).into(),
        "llama-bpe" | "llama3" | "llama-v3" => {
            Sequence::new(vec![by(LLAMA3)?, bytes(false)]).into()
        }
        "qwen2" | "qwen3" => Sequence::new(vec![by(QWEN2)?, bytes(false)]).into(),
        "default" | "gpt-2" | "gpt2" => bytes(true),
        other => return Err(Error::unsupported(format!("the tokenizer `{other}`"))),
    })
}

/// GPT-2's alphabet: a printable character for each byte (openai/gpt-2, `bytes_to_unicode`).
pub(crate) fn byte_alphabet() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut next = 256u32;
    (0..=255u8)
        .map(|byte| {
            if printable(byte) {
                return (char::from(byte), byte);
            }
            next += 1;
            (char::from_u32(next - 1).unwrap_or(char::REPLACEMENT_CHARACTER), byte)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tiny;

    #[track_caller]
    fn round(text: &str) {
        let tokenizer = tiny::base(1).tokenizer;
        let mut stream = tokenizer.decode_stream();
        let again: String =
            tokenizer.encode(text).into_iter().filter_map(|id| stream.push(id)).collect();
        assert_eq!(again, text);
        let spans = tokenizer.encode_with_offsets(text);
        assert_eq!(spans.last().map_or(0, |(_, bytes)| bytes.end), text.len());
    }

    #[test]
    fn plain_words() {
        round("The rain and the wind, 1984.");
    }

    #[test]
    fn no_words() {
        round("");
    }

    #[test]
    fn letters_of_other_alphabets() {
        round("Żółw \u{1f980} \u{5bfe}\u{8a71} na\u{ef}ve \u{2014} \u{201c}so\u{201d}");
    }

    #[test]
    fn spaces_and_line_ends() {
        round("  two\n\n\tthree \r\n ");
    }

    #[test]
    fn a_special_in_a_writers_text_stays_text() {
        let tokenizer = tiny::base(1).tokenizer;
        let end = tokenizer.special("<|im_end|>").unwrap();
        assert!(!tokenizer.encode("so <|im_end|> it goes").contains(&end));
        assert!(tokenizer.is_end(end));
    }

    #[test]
    fn half_a_character_waits_for_the_other() {
        let tokenizer = tiny::base(1).tokenizer;
        let mut stream = tokenizer.decode_stream();
        let parts: Vec<_> =
            tokenizer.encode("\u{e9}").into_iter().map(|id| stream.push(id)).collect();
        assert_eq!(parts, [None, Some("\u{e9}".to_owned())]);
    }

    /// Ids by Hugging Face's own tokenizer of SmolLM2-135M-Instruct; run where that base is at
    /// hand (`GHOST_BASE`), since its vocabulary is too large to repeat here.
    #[test]
    fn the_starter_bases_ids_are_hugging_faces() {
        let Some(path) = std::env::var_os("GHOST_BASE") else { return };
        let base = crate::Base::open(std::path::Path::new(&path)).unwrap();
        if base.card.name != "Smollm2 135M 8k Lc100K Mix1 Ep2" {
            return;
        }
        for (text, ids) in [
            ("Hello, world!", &[19556, 28, 905, 17][..]),
            ("I can't don't we'll", &[57, 416, 982, 1326, 982, 392, 3060][..]),
        ] {
            assert_eq!(base.tokenizer.encode(text), ids, "{text}");
        }
    }
}
