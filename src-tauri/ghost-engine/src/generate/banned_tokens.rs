//! Tokens that a draft may not continue with: they begin a heading or a line of a plan.

use crate::base::Base;
use crate::generate::sampler::ConstraintMode;

/// Tokens that begin a heading or a line of a plan.
#[derive(Default)]
pub(super) struct BannedTokens {
    /// Where they are the first of a line.
    pub(super) first: Vec<u32>,
    /// With the end of the line before.
    pub(super) anywhere: Vec<u32>,
    /// Those of them that open a bracket: after a heading it holds a number of words.
    pub(super) bracket: Vec<u32>,
    /// Those that open a bracket on a number, and those that begin with one.
    number: Vec<u32>,
    digits: Vec<u32>,
}

impl BannedTokens {
    pub(super) fn new(base: &Base) -> Self {
        let begins = |bytes: &[u8]| matches!(bytes.trim_ascii_start().first(), Some(b'#' | b'('));
        let mut banned = Self::default();
        for id in 0..base.tokenizer.vocab_size() as u32 {
            let bytes = base.tokenizer.bytes_of(id);
            if begins(bytes) {
                banned.first.push(id);
            }
            if bytes.trim_ascii_start().starts_with(b"(") {
                banned.bracket.push(id);
            }
            if bytes.windows(2).any(|two| two[0] == b'(' && two[1].is_ascii_digit()) {
                banned.number.push(id);
            }
            if bytes.trim_ascii_start().first().is_some_and(u8::is_ascii_digit) {
                banned.digits.push(id);
            }
            let ends = bytes.iter().rposition(|byte| *byte == b'\n');
            if ends.is_some_and(|end| begins(&bytes[end..])) {
                banned.anywhere.push(id);
            }
        }
        banned
    }

    /// Tokens that may not follow `text`, what is written so far. `finds_heading` where it continues
    /// a line that begins with the marks of a heading.
    pub(super) fn after(
        &self,
        mode: ConstraintMode,
        text: &str,
        finds_heading: bool,
    ) -> Vec<&[u32]> {
        let line = text.rsplit('\n').next().unwrap_or_default().trim();
        match mode {
            ConstraintMode::Plan => Vec::new(),
            ConstraintMode::Whole => {
                let counts = line.is_empty() || line.starts_with('#') || line == "(";
                let open = counts && line.ends_with('(');
                let mut tokens = Vec::new();
                if counts {
                    tokens.push(&self.number[..]);
                }
                if open {
                    tokens.push(&self.digits);
                }
                tokens
            }
            ConstraintMode::Body => {
                let mut tokens = vec![&self.anywhere[..]];
                if text.is_empty() || text.ends_with('\n') {
                    tokens.push(&self.first);
                } else if finds_heading && !text.contains('\n') {
                    tokens.push(&self.bracket);
                }
                tokens
            }
        }
    }
}

/// Makes tokens impossible.
pub(super) fn mask_logits(logits: &mut [f32], tokens: &[u32]) {
    for token in tokens {
        if let Some(logit) = logits.get_mut(*token as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
}
