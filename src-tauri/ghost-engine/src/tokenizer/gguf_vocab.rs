//! The tokenizer of a GGUF file.

use super::{MergeRule, PreTokenizer, TokenKind, Tokenizer, VocabToken, Vocabulary};
use super::{byte_pairs, missing, sentence_piece};
use crate::error::{Error, Result};
use crate::load::gguf::{Gguf, Value};
use std::sync::Arc;

/// Keys of the tokens that end an answer.
const END_KEYS: [&str; 3] =
    ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"];

impl Tokenizer {
    /// Builds the tokenizer a file describes.
    ///
    /// # Errors
    /// `Unsupported` for another kind of tokenizer, `Malformed` where the lists do not fit together.
    pub fn from_gguf(file: &Gguf) -> Result<Self> {
        let texts = file.texts("tokenizer.ggml.tokens").ok_or_else(|| missing("tokens"))?;
        if u32::try_from(texts.len()).is_err() {
            return Err(Error::malformed("it has too many tokens"));
        }
        let kinds = file.counts("tokenizer.ggml.token_type").unwrap_or_default();
        let kind = |id: usize| match kinds.get(id) {
            Some(3) => TokenKind::Control,
            Some(4) => TokenKind::UserDefined,
            Some(6) => TokenKind::Byte,
            _ => TokenKind::Normal,
        };
        let tokens: Vec<VocabToken> = texts
            .into_iter()
            .enumerate()
            .map(|(id, text)| VocabToken { text, kind: kind(id) })
            .collect();
        let ends: Vec<u32> =
            END_KEYS.iter().filter_map(|key| u32::try_from(file.count(key)?).ok()).collect();
        let vocabulary = match file.text("tokenizer.ggml.model") {
            Some("gpt2") => {
                let pre_tokenizer =
                    PreTokenizer::named(file.text("tokenizer.ggml.pre").unwrap_or("default"))?;
                let merges =
                    file.texts("tokenizer.ggml.merges").ok_or_else(|| missing("merges"))?;
                byte_pairs(
                    &tokens,
                    &ends,
                    pre_tokenizer,
                    merges.into_iter().map(MergeRule::Joined),
                )?
            }
            Some("llama") => scored(file, &tokens, &ends)?,
            Some(other) => return Err(Error::unsupported(format!("the tokenizer `{other}`"))),
            None => return Err(Error::malformed("its tokenizer is missing")),
        };
        Ok(Self(Arc::new(vocabulary)))
    }
}

fn scored(file: &Gguf, tokens: &[VocabToken], ends: &[u32]) -> Result<Vocabulary> {
    let scores = file.numbers("tokenizer.ggml.scores").ok_or_else(|| missing("scores"))?;
    if scores.len() != tokens.len() {
        return Err(Error::malformed("its tokenizer has scores for other tokens"));
    }
    let mut best = scores.clone();
    best.sort_by(|a, b| b.total_cmp(a));
    best.dedup();
    // The token with the highest score has rank 0; those with the same score share a rank.
    let rank = |id: u32| best.partition_point(|other| *other > scores[id as usize]) as u32;
    let space_first =
        !matches!(file.get("tokenizer.ggml.add_space_prefix"), Some(Value::Unsigned(0)));
    sentence_piece(tokens, ends, rank, None, space_first)
}
