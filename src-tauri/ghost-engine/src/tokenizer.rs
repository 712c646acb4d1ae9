//! Text to tokens and back, built from what a GGUF file (`listed`) or a `tokenizer.json` (`json`)
//! says of its vocabulary.
//!
//! Byte-level byte-pair encoding (`gpt2` in GGUF) and SentencePiece (`llama`). A file's own
//! specials are kept apart and are never found in a writer's text. Text is taken as it is: no
//! Unicode normalisation, since a draft must come back letter for letter. Knows nothing of chat or
//! of how tokens are used.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};

mod bpe;
mod gguf_vocab;
mod json;
mod pre_tokenizer;

use bpe::Merger;
use pre_tokenizer::PreTokenizer;

/// Specials that end an answer, whatever the file calls them.
const END_NAMES: [&str; 7] = [
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<end_of_turn>",
    "</s>",
];
/// SentencePiece's character for a space.
const SPACE: char = '\u{2581}';

/// A base's vocabulary and how it divides text.
#[derive(Clone)]
pub struct Tokenizer(Arc<Vocabulary>);

struct Vocabulary {
    /// The bytes of each token; empty for specials.
    bytes: Vec<Vec<u8>>,
    specials: HashMap<String, u32>,
    /// The specials by their first byte, longest first.
    beginnings: HashMap<u8, Vec<(String, u32)>>,
    ends: Vec<u32>,
    /// The token of each byte, where there is one.
    of_byte: [Option<u32>; 256],
    method: Method,
}

/// Two tokens to the rank of their merge and what they become.
type Merges = HashMap<(u32, u32), (u32, u32)>;

enum Method {
    BytePairs {
        pre_tokenizer: PreTokenizer,
        merges: Merges,
        /// Tokens by their bytes; empty unless the pre-tokenizer takes whole words.
        words: HashMap<Vec<u8>, u32>,
    },
    SentencePiece {
        /// Tokens by their bytes, each with its rank.
        tokens: HashMap<Vec<u8>, (u32, u32)>,
        /// Merges, where a file lists them; otherwise any two pieces that form a token.
        merges: Option<Merges>,
        /// Runs of spaces and line ends that are tokens before anything is merged, by their first
        /// byte, longest first.
        runs: HashMap<u8, Vec<(Vec<u8>, u32)>>,
        /// True where a space is added before a text.
        space_first: bool,
    },
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer of {}", self.vocab_size())
    }
}

impl Tokenizer {
    /// The tokens of a text. Never finds specials in it: a writer's "<|im_end|>" stays text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        self.0.encode(text, |id, _| ids.push(id));
        ids
    }

    /// The tokens of a text, each with the bytes of the text it stands for, which need not be
    /// whole characters. Bytes without a token are skipped.
    pub fn encode_with_offsets(&self, text: &str) -> Vec<(u32, Range<usize>)> {
        let mut tokens = Vec::new();
        self.0.encode(text, |id, at| tokens.push((id, at)));
        tokens
    }

    /// Turns tokens back to text, whole characters only.
    pub fn decode_stream(&self) -> Stream<'_> {
        Stream { tokenizer: self, held: Vec::new() }
    }

    /// The token of a special by its name, as `<|im_end|>`.
    pub fn special(&self, name: &str) -> Option<u32> {
        self.0.specials.get(name).copied()
    }

    /// The first special in a text: its token and position. At one position the longer name
    /// is meant.
    pub(crate) fn find_special(&self, text: &str) -> Option<(u32, Range<usize>)> {
        text.bytes().enumerate().find_map(|(at, byte)| {
            let names = self.0.beginnings.get(&byte)?;
            let rest = &text.as_bytes()[at..];
            let (name, id) = names.iter().find(|(name, _)| rest.starts_with(name.as_bytes()))?;
            Some((*id, at..at + name.len()))
        })
    }

    /// True where the token ends an answer.
    pub fn is_end(&self, id: u32) -> bool {
        self.0.ends.contains(&id)
    }

    /// The number of tokens.
    pub fn vocab_size(&self) -> usize {
        self.0.bytes.len()
    }

    /// The bytes of a token; none for a special or an unknown one.
    pub fn bytes_of(&self, id: u32) -> &[u8] {
        self.0.bytes.get(id as usize).map_or(&[], |bytes| bytes)
    }
}

impl Vocabulary {
    /// The part that every kind of vocabulary has. `spell` gives the bytes of an ordinary token, `ends` the
    /// tokens that the file says end an answer.
    fn new(
        tokens: &[VocabToken],
        ends: &[u32],
        spell: impl Fn(&VocabToken) -> Vec<u8>,
        method: Method,
    ) -> Self {
        let mut bytes = Vec::with_capacity(tokens.len());
        let mut specials = HashMap::new();
        let mut beginnings: HashMap<u8, Vec<(String, u32)>> = HashMap::new();
        for (id, token) in (0u32..).zip(tokens) {
            bytes.push(match token.kind {
                TokenKind::Control => Vec::new(),
                // Added as plain text, in no alphabet of bytes.
                TokenKind::UserDefined => token.text.replace(SPACE, " ").into_bytes(),
                TokenKind::Normal | TokenKind::Byte => spell(token),
            });
            if matches!(token.kind, TokenKind::Control | TokenKind::UserDefined)
                && let Some(first) = token.text.bytes().next()
            {
                specials.insert(token.text.to_owned(), id);
                beginnings.entry(first).or_default().push((token.text.to_owned(), id));
            }
        }
        for names in beginnings.values_mut() {
            names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        }
        let named = END_NAMES.iter().filter_map(|name| specials.get(*name));
        let mut ends: Vec<u32> = named.chain(ends).copied().collect();
        ends.sort_unstable();
        ends.dedup();
        Self { bytes, specials, beginnings, ends, of_byte: [None; 256], method }
    }

    fn encode(&self, text: &str, mut on_token: impl FnMut(u32, Range<usize>)) {
        match &self.method {
            Method::BytePairs { pre_tokenizer, merges, words } => {
                let mut merger = Merger::default();
                pre_tokenizer.each(text, |stretch| {
                    let letters = &text.as_bytes()[stretch.clone()];
                    if let Some(id) = words.get(letters) {
                        return on_token(*id, stretch);
                    }
                    for (at, byte) in stretch.zip(letters) {
                        if let Some(id) = self.of_byte[usize::from(*byte)] {
                            merger.push(at..at + 1, Some(id));
                        }
                    }
                    merger.finish(
                        |l, r| merges.get(&(l.id?, r.id?)).copied(),
                        |piece| {
                            piece.id.into_iter().for_each(|id| on_token(id, piece.from..piece.to))
                        },
                    );
                });
            }
            Method::SentencePiece { tokens, merges, runs, space_first } => {
                // The space that was added has no bytes in the text.
                let lead = usize::from(*space_first && !text.is_empty());
                let led = format!("{}{text}", &" "[..lead]);
                let letters = led.as_bytes();
                let mut on_token = |id, at: Range<usize>| {
                    on_token(id, at.start.saturating_sub(lead)..at.end.saturating_sub(lead));
                };
                let mut merger = Merger::default();
                let mut finish = |merger: &mut Merger, run: Option<(u32, Range<usize>)>| {
                    merger.finish(
                        |l, r| match merges {
                            Some(merges) => merges.get(&(l.id?, r.id?)).copied(),
                            None => tokens.get(&letters[l.from..r.to]).copied(),
                        },
                        |piece| match piece.id {
                            Some(id) => on_token(id, piece.from..piece.to),
                            // A character without a token is encoded byte by byte.
                            None => (piece.from..piece.to)
                                .filter_map(|at| {
                                    Some((self.of_byte[usize::from(letters[at])]?, at))
                                })
                                .for_each(|(id, at)| on_token(id, at..at + 1)),
                        },
                    );
                    run.into_iter().for_each(|(id, at)| on_token(id, at));
                };
                let mut from = 0;
                while let Some(c) = led[from..].chars().next() {
                    let rest = &letters[from..];
                    let run = runs.get(&rest[0]).into_iter().flatten();
                    if let Some((run, id)) = run.into_iter().find(|(run, _)| rest.starts_with(run))
                    {
                        finish(&mut merger, Some((*id, from..from + run.len())));
                        from += run.len();
                        continue;
                    }
                    let at = from..from + c.len_utf8();
                    merger.push(at.clone(), tokens.get(&letters[at.clone()]).map(|(_, id)| *id));
                    from = at.end;
                }
                finish(&mut merger, None);
            }
        }
    }
}

/// The kind of a token, as its file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenKind {
    /// Part of ordinary text.
    Normal,
    /// A mark of the base's own, never in a text.
    Control,
    /// Added to a finished vocabulary, as plain text.
    UserDefined,
    /// A byte, named as `<0x0A>`.
    Byte,
}

/// A token as its file has it.
#[derive(Clone, Copy, Debug)]
struct VocabToken<'a> {
    /// Empty where the file has a gap.
    text: &'a str,
    kind: TokenKind,
}

fn missing(what: &str) -> Error {
    Error::malformed(format!("its tokenizer has no {what}"))
}

/// A byte-level vocabulary, with what merges, best first.
fn byte_pairs<'a>(
    tokens: &[VocabToken],
    ends: &[u32],
    pre_tokenizer: PreTokenizer,
    listed: impl Iterator<Item = MergeRule<'a>>,
) -> Result<Vocabulary> {
    let merges = merges(tokens, listed)?;
    let alphabet = byte_alphabet();
    let spell = |token: &VocabToken| {
        let bytes = token.text.chars().map(|c| alphabet.get(&c).copied());
        bytes.collect::<Option<_>>().unwrap_or_default()
    };
    let ids = ids(tokens);
    let mut of_byte = [None; 256];
    for (c, byte) in &alphabet {
        of_byte[usize::from(*byte)] = ids.get(c.to_string().as_str()).copied();
    }
    // SmolLM lacks bytes that prose never has (control characters, unused planes), and its own
    // tokenizer passes over them. A file that lacks a letter is damaged.
    if (b' '..=b'~').chain([b'\n']).any(|byte| of_byte[usize::from(byte)].is_none()) {
        return Err(Error::malformed("its tokenizer lacks some letters"));
    }
    let mut words = HashMap::new();
    if pre_tokenizer.takes_whole_words {
        let plain = (0u32..).zip(tokens).filter(|(_, token)| token.kind == TokenKind::Normal);
        words = plain.map(|(id, token)| (spell(token), id)).collect();
    }
    let method = Method::BytePairs { pre_tokenizer, merges, words };
    Ok(Vocabulary { of_byte, ..Vocabulary::new(tokens, ends, spell, method) })
}

/// Two tokens that become one: apart, or with a space between them.
#[derive(Clone, Copy, Debug)]
enum MergeRule<'a> {
    Apart(&'a str, &'a str),
    Joined(&'a str),
}

fn ids<'a>(tokens: &[VocabToken<'a>]) -> HashMap<&'a str, u32> {
    tokens.iter().map(|token| token.text).zip(0..).filter(|(text, _)| !text.is_empty()).collect()
}

fn merges<'a>(
    tokens: &[VocabToken],
    listed: impl Iterator<Item = MergeRule<'a>>,
) -> Result<Merges> {
    let ids = ids(tokens);
    let known = |left: &str, right: &str| {
        let joined = format!("{left}{right}");
        Some(((*ids.get(left)?, *ids.get(right)?), *ids.get(joined.as_str())?))
    };
    let mut merges = HashMap::with_capacity(listed.size_hint().0);
    for (rank, merge) in (0u32..).zip(listed) {
        let parts = match merge {
            MergeRule::Apart(left, right) => known(left, right),
            // Llama 3 has a token of a space alone, so the space between the two is not the first.
            MergeRule::Joined(merge) => {
                let mut spaces = merge.char_indices().skip(1).filter(|(_, c)| *c == ' ');
                spaces.find_map(|(at, _)| known(&merge[..at], &merge[at + 1..]))
            }
        };
        let (pair, id) = parts
            .ok_or_else(|| Error::malformed("its tokenizer merges tokens it does not have"))?;
        merges.entry(pair).or_insert((rank, id));
    }
    Ok(merges)
}

/// A SentencePiece vocabulary. `rank` says which token is made first, the lowest; `merges` of
/// which two, where the file lists them.
fn sentence_piece(
    tokens: &[VocabToken],
    ends: &[u32],
    rank: impl Fn(u32) -> u32,
    merges: Option<Merges>,
    space_first: bool,
) -> Result<Vocabulary> {
    let spell = |token: &VocabToken| match token.kind {
        TokenKind::Byte => byte_named(token.text).into_iter().collect(),
        _ => token.text.replace(SPACE, " ").into_bytes(),
    };
    let (mut of_byte, mut known) = ([None; 256], HashMap::with_capacity(tokens.len()));
    let mut runs: HashMap<u8, Vec<(Vec<u8>, u32)>> = HashMap::new();
    for (id, token) in (0u32..).zip(tokens) {
        let (bytes, blank) = (spell(token), |c: char| c.is_whitespace() || c == SPACE);
        match (token.kind, bytes.first()) {
            (TokenKind::Byte, Some(byte)) => of_byte[usize::from(*byte)] = Some(id),
            (TokenKind::Normal, Some(_)) => {
                known.insert(bytes, (rank(id), id));
            }
            // Runs of spaces and line ends are user-defined in Gemma, and plain text all the same.
            (TokenKind::UserDefined, Some(first)) if token.text.chars().all(blank) => {
                runs.entry(*first).or_default().push((bytes, id));
            }
            _ => {}
        }
    }
    if of_byte.iter().any(Option::is_none) {
        return Err(Error::malformed("its tokenizer lacks some bytes"));
    }
    runs.values_mut().for_each(|runs| runs.sort_by_key(|(run, _)| std::cmp::Reverse(run.len())));
    let method = Method::SentencePiece { tokens: known, merges, runs, space_first };
    Ok(Vocabulary { of_byte, ..Vocabulary::new(tokens, ends, spell, method) })
}

/// The byte that a token like `<0x0A>` stands for.
fn byte_named(token: &str) -> Option<u8> {
    u8::from_str_radix(token.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
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
    use crate::load::gguf::Gguf;
    use crate::tiny::{self, Tiny};
    use ghost_core::rng::Rng;

    fn pieces() -> Tokenizer {
        Tiny { family: "gemma3", ..Tiny::default() }.base().tokenizer
    }

    /// `one| two`: the tokens of the text without its bars are these, in both directions.
    #[track_caller]
    fn check(tokenizer: &Tokenizer, divided: &str) {
        let text = divided.replace('|', "");
        let tokens = tokenizer.encode_with_offsets(&text);
        let ids: Vec<u32> = tokens.iter().map(|(id, _)| *id).collect();
        assert_eq!(tokenizer.encode(&text), ids);
        let parts: Vec<&[u8]> = tokens.iter().map(|(_, at)| &text.as_bytes()[at.clone()]).collect();
        let parts = String::from_utf8(parts.join(&b'|')).unwrap();
        assert_eq!(parts, divided);
    }

    #[test]
    fn words_are_encoded_in_byte_pairs() {
        let tokenizer = tiny::base(1).tokenizer;
        check(&tokenizer, "");
        check(&tokenizer, "the| |the|m| and|1|9");
        check(&tokenizer, "th|r|ou|g|h| |\n| |is|\r|\n");
    }

    #[test]
    fn words_are_encoded_in_sentence_pieces() {
        let tokenizer = pieces();
        check(&tokenizer, "");
        check(&tokenizer, "the| the|m| and|1|9");
        check(&tokenizer, "and|\n\n|\n|\u{e9}|~");
    }

    #[test]
    fn a_space_is_added_before_a_sentence_piece_text() {
        let tokenizer = pieces();
        let the = tokenizer.encode_with_offsets("the");
        assert_eq!(tokenizer.bytes_of(the[0].0), b" the");
        assert_eq!(the[0].1, 0..3);
        assert!(tokenizer.encode("").is_empty());
    }

    #[test]
    fn an_unknown_character_is_encoded_byte_by_byte() {
        let tokenizer = pieces();
        let spans = tokenizer.encode_with_offsets("the\u{1f980}");
        assert_eq!(
            spans[1..].iter().map(|(_, at)| at.clone()).collect::<Vec<_>>(),
            [3..4, 4..5, 5..6, 6..7]
        );
        let mut stream = tokenizer.decode_stream();
        let parts: Vec<_> = spans.iter().map(|(id, _)| stream.push(*id)).collect();
        assert_eq!(parts[3], None);
        assert_eq!(parts[4].as_deref(), Some("\u{1f980}"));
    }

    /// Text of everything that is divided in a way of its own.
    fn odd_text(rng: &mut Rng) -> String {
        const PARTS: [&str; 24] = [
            " ",
            "  ",
            "\n",
            "\r\n",
            "\t",
            "the",
            " and",
            "The ",
            "'s",
            "'LL",
            "1",
            "1984",
            "\u{bd}",
            "\u{e9}",
            "e\u{301}",
            "\u{a0}",
            "\u{3000}",
            "\u{5bfe}\u{8a71}",
            "\u{1f980}",
            "!",
            "--",
            "\u{201c}",
            "<|im_end|>",
            "\u{2581}",
        ];
        (0..rng.below(40)).map(|_| PARTS[rng.below(PARTS.len())]).collect()
    }

    #[test]
    fn any_text_is_decoded_again_and_every_byte_has_its_token() {
        let mut rng = Rng::new(11);
        for tokenizer in [tiny::base(1).tokenizer, pieces()] {
            for _ in 0..300 {
                let text = odd_text(&mut rng);
                let tokens = tokenizer.encode_with_offsets(&text);
                let mut stream = tokenizer.decode_stream();
                let again: String = tokens.iter().filter_map(|(id, _)| stream.push(*id)).collect();
                let lead = again.len() - text.len();
                assert_eq!(again[lead..], text);
                let mut end = 0;
                for (_, at) in tokens {
                    assert_eq!(at.start, end);
                    end = at.end;
                }
                assert_eq!(end, text.len());
            }
        }
    }

    /// Hugging Face's own tokenizer over the tiny vocabulary, put together as SmolLM's is.
    #[test]
    fn unusual_text_is_divided_as_hugging_face_does() {
        use tokenizers::models::bpe::BPE;
        use tokenizers::pre_tokenizers::{
            byte_level::ByteLevel, digits::Digits, sequence::Sequence,
        };
        let file = Gguf::read(crate::quant::weight::Bytes::from(tiny::bytes(1))).unwrap();
        let tokens = file.texts("tokenizer.ggml.tokens").unwrap();
        let merges = file.texts("tokenizer.ggml.merges").unwrap();
        let vocab: ahash::AHashMap<String, u32> =
            tokens.into_iter().map(String::from).zip(0..).collect();
        let merges = merges.iter().map(|m| m.split_once(' ').unwrap());
        let merges = merges.map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        let model = BPE::builder().vocab_and_merges(vocab, merges).build().unwrap();
        let mut theirs = tokenizers::Tokenizer::new(model);
        let pre_tokenizer =
            vec![Digits::new(true).into(), ByteLevel::new(false, false, true).into()];
        theirs.with_pre_tokenizer(Some(Sequence::new(pre_tokenizer)));
        let (ours, mut rng) = (tiny::base(1).tokenizer, Rng::new(12));
        for _ in 0..300 {
            let text = odd_text(&mut rng);
            assert_eq!(
                ours.encode(&text),
                theirs.encode_fast(&*text, false).unwrap().get_ids(),
                "{text:?}"
            );
        }
    }

    /// A `tokenizer.json` in our hands and in Hugging Face's: odd text becomes the same tokens.
    #[track_caller]
    fn same_as_hugging_face(mut file: serde_json::Value) {
        let ours = Tokenizer::from_json(file.to_string().as_bytes(), 500, &[]).unwrap();
        // Theirs finds specials in a writer's text; ours never does.
        file["added_tokens"].as_array_mut().unwrap().retain(|added| added["special"] != true);
        let theirs = tokenizers::Tokenizer::from_bytes(file.to_string().as_bytes()).unwrap();
        let mut rng = Rng::new(13);
        for _ in 0..300 {
            // To theirs a writer's "▁" is a space; ours keeps it.
            let text = odd_text(&mut rng).replace(SPACE, "~");
            let ids = theirs.encode_fast(&*text, false).unwrap().get_ids().to_vec();
            assert_eq!(ours.encode(&text), ids, "{text:?} by {}", file["pre_tokenizer"]);
        }
    }

    #[test]
    fn byte_pairs_from_json_are_hugging_faces() {
        let file = tiny::folder::tokenizer(false, 500);
        same_as_hugging_face(file.clone());
        for (pattern, whole) in [
            (pre_tokenizer::GPT2, false),
            (pre_tokenizer::LLAMA3, true),
            (pre_tokenizer::QWEN2, false),
            (pre_tokenizer::TEKKEN, true),
        ] {
            let ahead = format!(r"{}(?!\S)|\s+", pattern);
            let mut file = file.clone();
            file["normalizer"] = serde_json::Value::Null;
            file["model"]["ignore_merges"] = whole.into();
            file["pre_tokenizer"] = serde_json::json!({"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": ahead}, "behavior": "Isolated", "invert": false},
                {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                    "use_regex": false},
            ]});
            same_as_hugging_face(file);
        }
    }

    #[test]
    fn sentence_pieces_from_json_are_hugging_faces() {
        // As Llama 2's and Mistral's: a space first, and nothing added that is ordinary text.
        let mut file = tiny::folder::tokenizer(true, 500);
        let gemmas = file.clone();
        file["added_tokens"] = serde_json::json!([]);
        same_as_hugging_face(file);
        // As Gemma's: no space first, runs of line ends that are tokens before anything is merged.
        let mut file = gemmas;
        file["normalizer"] = file["normalizer"]["normalizers"][1].clone();
        file["pre_tokenizer"] = serde_json::json!({"type": "Split", "pattern": {"String": " "},
            "behavior": "MergedWithPrevious", "invert": false});
        same_as_hugging_face(file);
    }

    #[test]
    fn a_json_with_an_unknown_step_is_refused_by_name() {
        let file = tiny::folder::tokenizer(false, 500);
        let refused = |key: &str, value: serde_json::Value| {
            let mut file = file.clone();
            match key {
                "model" => file["model"]["type"] = value,
                _ => file[key] = value,
            }
            let read = Tokenizer::from_json(file.to_string().as_bytes(), 500, &[]);
            read.unwrap_err().to_string()
        };
        assert!(refused("model", "Unigram".into()).contains("`Unigram`"));
        let lower = serde_json::json!({"type": "Lowercase"});
        assert!(refused("normalizer", lower).contains("`Lowercase`"));
        let split = serde_json::json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated"},
            {"type": "ByteLevel", "use_regex": false}]});
        assert!(refused("pre_tokenizer", split).contains("another pattern"));
        assert!(
            refused("added_tokens", serde_json::json!([{"id": 500, "content": "x"}]))
                .contains("a token 500 and weights for 500")
        );
    }

    #[test]
    fn a_special_in_a_writers_text_stays_text() {
        for (tokenizer, name) in
            [(tiny::base(1).tokenizer, "<|im_end|>"), (pieces(), "<end_of_turn>")]
        {
            let end = tokenizer.special(name).unwrap();
            assert!(!tokenizer.encode(&format!("so {name} it goes")).contains(&end));
            assert!(tokenizer.is_end(end));
            assert_eq!(
                tokenizer.find_special(&format!("so{name}")),
                Some((end, 2..2 + name.len()))
            );
        }
    }

    #[test]
    fn half_a_character_waits_for_the_other() {
        let tokenizer = tiny::base(1).tokenizer;
        let mut stream = tokenizer.decode_stream();
        let parts: Vec<_> =
            tokenizer.encode("\u{e9}").into_iter().map(|id| stream.push(id)).collect();
        assert_eq!(parts, [None, Some("\u{e9}".to_owned())]);
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        let tokenizer = tiny::base(1).tokenizer;
        let halves = tokenizer.encode("\u{e9}a");
        let mut stream = tokenizer.decode_stream();
        assert_eq!(stream.push(halves[0]), None);
        assert_eq!(stream.push(halves[2]).as_deref(), Some("\u{fffd}a"));
    }

    #[test]
    fn a_long_run_takes_linear_time() {
        let tokenizer = tiny::base(1).tokenizer;
        for text in [" ".repeat(100_000), "t".repeat(100_000), " \n".repeat(50_000)] {
            assert_eq!(tokenizer.encode(&text).len(), 100_000);
        }
    }

    /// Ids by Hugging Face's tokenizer of SmolLM2-135M-Instruct; checked where that base is at
    /// hand (`GHOST_BASE`), since its vocabulary is too large to repeat here.
    #[test]
    fn the_starter_bases_ids_are_hugging_faces() {
        let Some(path) = std::env::var_os("GHOST_BASE") else { return };
        let base = crate::Base::open(std::path::Path::new(&path)).unwrap();
        if base.card.name != "Smollm2 135M 8k Lc100K Mix1 Ep2" {
            return;
        }
        let pins: [(&str, &[u32]); 6] = [
            ("Hello, world!", &[19556, 28, 905, 17]),
            ("I can't don't we'll I'VE", &[57, 416, 982, 1326, 982, 392, 3060, 339, 23, 18525]),
            (
                "user\nIn 1984, it cost $12.50!",
                &[4093, 198, 788, 216, 33, 41, 40, 36, 28, 357, 1708, 1885, 33, 34, 30, 37, 32, 17],
            ),
            (
                "She said: \u{201c}I don\u{2019}t know\u{2026}\u{201d} \u{2014} na\u{ef}ve caf\u{e9} 12345",
                &[
                    8113, 1137, 42, 619, 57, 1326, 417, 100, 699, 23361, 1841, 15486, 46494, 37366,
                    216, 33, 34, 35, 36, 37,
                ],
            ),
            (
                "  two  spaces\n\n\tTab  9  x ",
                &[216, 827, 216, 5600, 1116, 197, 30064, 256, 41, 216, 1792, 216],
            ),
            (
                "\u{17b}\u{f3}\u{142}w \u{1f980} \u{5bfe}\u{8a71}",
                &[144, 136, 7342, 25954, 103, 15107, 116, 218, 13223, 124, 139, 179, 119, 126],
            ),
        ];
        for (text, ids) in pins {
            assert_eq!(base.tokenizer.encode(text), ids, "{text}");
        }
    }
}
