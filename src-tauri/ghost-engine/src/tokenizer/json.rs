//! A tokenizer as `tokenizer.json` describes it (huggingface/tokenizers).
//!
//! That file can describe nearly anything; what is read here are the two kinds our families have.
//! Anything else is refused by name: with other tokens a base reads gibberish.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::pre_tokenizer::GPT2;
use super::{MergeRule, PreTokenizer, SPACE, TokenKind, Tokenizer, VocabToken};
use super::{byte_named, byte_pairs, merges, sentence_piece};
use crate::error::{Error, Result};

#[derive(Deserialize)]
struct File {
    model: Model,
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
}

#[derive(Deserialize)]
struct Model {
    /// Older files leave it out where it is BPE.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    /// Another kind of model keeps it otherwise, and is refused by its name first.
    #[serde(default)]
    vocab: Value,
    #[serde(default)]
    merges: Vec<Merge>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Joined(String),
    Apart([String; 2]),
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
}

impl Tokenizer {
    /// Builds the tokenizer that a file describes, for a base with weights for `vocab` tokens;
    /// `ends` are those that end an answer, whatever they are called.
    ///
    /// # Errors
    /// `Unsupported` for another kind of tokenizer, `Malformed` where the lists do not fit together.
    pub fn from_json(file: &[u8], vocab: usize, ends: &[u32]) -> Result<Self> {
        let File { model, added_tokens, normalizer, pre_tokenizer } = serde_json::from_slice(file)
            .map_err(|e| Error::malformed(format!("its tokenizer.json is damaged ({e})")))?;
        if let Some(other) = model.kind.as_deref().filter(|kind| *kind != "BPE") {
            return Err(Error::unsupported(format!("the tokenizer `{}`", other.escape_default())));
        }
        let words: HashMap<String, u32> = serde_json::from_value(model.vocab)
            .map_err(|e| Error::malformed(format!("its tokenizer.json is damaged ({e})")))?;
        let tokens = tokens(&words, &added_tokens, vocab, model.byte_fallback)?;
        let listed = model.merges.iter().map(|merge| match merge {
            Merge::Joined(merge) => MergeRule::Joined(merge),
            Merge::Apart([left, right]) => MergeRule::Apart(left, right),
        });
        let normal = steps(&normalizer, "normalizers")?;
        let dividing = steps(&pre_tokenizer, "pretokenizers")?;
        let vocabulary = match model.byte_fallback {
            true => {
                let space_first = spaces(&normal, &dividing)?;
                let merges = merges(&tokens, listed)?;
                sentence_piece(&tokens, ends, |id| id, Some(merges), space_first)?
            }
            false => {
                let whole = model.ignore_merges.unwrap_or(false);
                let pre_tokenizer = build_pre_tokenizer(&normal, &dividing, whole)?;
                byte_pairs(&tokens, ends, pre_tokenizer, listed)?
            }
        };
        Ok(Self(Arc::new(vocabulary)))
    }
}

/// The tokens by their ids, with gaps where the weights have rows that no token uses.
fn tokens<'a>(
    words: &'a HashMap<String, u32>,
    added: &'a [Added],
    vocab: usize,
    named_bytes: bool,
) -> Result<Vec<VocabToken<'a>>> {
    let mut tokens = vec![VocabToken { text: "", kind: TokenKind::Normal }; vocab];
    let words = words.iter().map(|(text, id)| {
        let byte = named_bytes && byte_named(text).is_some();
        (*id, VocabToken { text, kind: if byte { TokenKind::Byte } else { TokenKind::Normal } })
    });
    let added = added.iter().map(|added| {
        let kind = if added.special { TokenKind::Control } else { TokenKind::UserDefined };
        (added.id, VocabToken { text: &added.content, kind })
    });
    for (id, token) in words.chain(added) {
        let place = tokens.get_mut(id as usize).ok_or_else(|| {
            Error::malformed(format!("it has a token {id} and weights for {vocab}"))
        })?;
        *place = token;
    }
    Ok(tokens)
}

/// One step after another: a step, a sequence of them, or none.
fn steps<'a>(step: &'a Value, within: &str) -> Result<Vec<&'a Value>> {
    match step["type"].as_str() {
        None if step.is_null() => Ok(Vec::new()),
        None => Err(Error::malformed("its tokenizer.json has a step without a name")),
        Some("Sequence") => match step[within].as_array() {
            Some(steps) => Ok(steps.iter().collect()),
            None => Err(Error::malformed("its tokenizer.json has a sequence of nothing")),
        },
        Some(_) => Ok(vec![step]),
    }
}

fn name(step: &Value) -> &str {
    step["type"].as_str().unwrap_or_default()
}

fn refused(step: &Value) -> Error {
    Error::unsupported(format!("a tokenizer with `{}`", name(step).escape_default()))
}

/// The pre-tokenizer of byte pairs.
fn build_pre_tokenizer(
    normal: &[&Value],
    dividing: &[&Value],
    whole_words: bool,
) -> Result<PreTokenizer> {
    // Text is not normalised: a draft must come back letter for letter.
    if let Some(step) = normal.iter().find(|step| name(step) != "NFC") {
        return Err(refused(step));
    }
    let (mut pattern, mut digits, mut bytes) = (None, false, false);
    for step in dividing {
        match name(step) {
            "Digits" if step["individual_digits"] == true => digits = true,
            "Split" if step["behavior"] == "Isolated" && step["invert"] != true => {
                if pattern.replace(step["pattern"]["Regex"].as_str()).is_some() {
                    return Err(refused(step));
                }
            }
            "ByteLevel" if step["add_prefix_space"] != true => {
                bytes = true;
                if step["use_regex"] != false {
                    // Its own pattern, which is GPT-2's.
                    pattern.get_or_insert(Some(GPT2));
                }
            }
            _ => return Err(refused(step)),
        }
    }
    match pattern.flatten() {
        Some(pattern) if bytes => PreTokenizer::of(pattern, digits, whole_words),
        _ => Err(Error::unsupported("a tokenizer that divides text in another way")),
    }
}

/// True where a space is added before a text.
fn spaces(normal: &[&Value], dividing: &[&Value]) -> Result<bool> {
    let space = SPACE.to_string();
    let (mut first, mut replaced) = (false, false);
    for step in normal {
        match name(step) {
            "Prepend" if step["prepend"] == *space => first = true,
            "Replace" if step["pattern"]["String"] == " " && step["content"] == *space => {
                replaced = true;
            }
            _ => return Err(refused(step)),
        }
    }
    for step in dividing {
        match name(step) {
            // Where spaces have become something else, there are none to split at.
            "Split" if replaced && step["pattern"]["String"] == " " => {}
            "Metaspace" if step["split"] == false => {
                replaced = true;
                first = step["prepend_scheme"] != "never" && step["add_prefix_space"] != false;
            }
            _ => return Err(refused(step)),
        }
    }
    match replaced {
        true => Ok(first),
        false => Err(Error::unsupported("a tokenizer that divides text in another way")),
    }
}
