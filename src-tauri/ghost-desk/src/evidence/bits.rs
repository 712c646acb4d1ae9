//! Likelihood: bits per byte of a text, of its function words and punctuation, and bits per token.

use ghost_core::seed::Seed;
use ghost_core::voice::is_function_word;
use ghost_core::words::{Class, tokens};
use ghost_engine::eval;

use super::context::{Candidate, EvalContext};
use crate::failure::Result;

/// The cost of a text to a model, in bits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Bits {
    /// Per byte.
    pub(crate) all: f64,
    /// Per byte of function words, punctuation and line breaks.
    pub(crate) style: f64,
    /// Per token.
    pub(crate) token: f64,
}

impl EvalContext<'_> {
    /// The bits of a text for a participant after a seed, measured once and cached.
    pub(crate) fn bits(&self, participant: Candidate<'_>, seed: &Seed, text: &str) -> Result<Bits> {
        let prompt = self.prompt(participant, seed)?;
        let name = self.name(participant, &prompt, text);
        let [all, style, token] = ["", "/style", "/token"].map(|of| name.clone() + of);
        let kept = [&all, &style, &token].map(|what| self.cache.score(what));
        if let [Ok(Some(all)), Ok(Some(style)), Ok(Some(token))] = kept {
            return Ok(Bits { all, style, token });
        }
        let scored = eval::token_log_probs(self.base, participant.adapter, &prompt, text);
        let bits: Vec<(std::ops::Range<usize>, f64)> = scored
            .into_iter()
            .map(|(bytes, p)| (bytes, -f64::from(p) / std::f64::consts::LN_2))
            .collect();
        let sum: f64 = bits.iter().map(|(_, bits)| bits).sum();
        let of_style = style_bytes(text);
        let styled = bits.iter().filter(|(bytes, _)| {
            let own = of_style[bytes.clone()].iter().filter(|own| **own).count();
            2 * own > bytes.len()
        });
        let (n, in_style) =
            styled.fold((0, 0.0), |(n, sum), (bytes, bits)| (n + bytes.len(), sum + bits));
        let found = Bits {
            all: sum / text.len().max(1) as f64,
            style: in_style / n.max(1) as f64,
            token: sum / bits.len().max(1) as f64,
        };
        for (what, figure) in [(all, found.all), (style, found.style), (token, found.token)] {
            self.cache.store_score(&what, figure)?;
        }
        Ok(found)
    }
}

/// Marks the bytes of function words, punctuation, and the space before them.
fn style_bytes(text: &str) -> Vec<bool> {
    let mut own = vec![false; text.len()];
    let mut space = None;
    for token in tokens(text) {
        let end = token.at + token.text.len();
        let is_own = match token.class {
            Class::Space => {
                space = Some(token.at);
                own[token.at..end].fill(token.text.contains('\n'));
                continue;
            }
            Class::Word => is_function_word(&token.text.to_lowercase().replace('’', "'")),
            _ => true,
        };
        let from = space.take().filter(|_| is_own).unwrap_or(token.at);
        if is_own {
            own[from..end].fill(true);
        }
    }
    own
}

/// Style bits of the base, the prompt and the candidate, summed over pieces.
#[derive(Default)]
pub(crate) struct Means {
    all: [f64; 2],
    style: [f64; 3],
    n: usize,
}

impl Means {
    pub(crate) fn add(&mut self, [bare, prompted, own]: &[Bits; 3]) {
        self.n += 1;
        for (sum, bits) in self.all.iter_mut().zip([bare, prompted]) {
            *sum += bits.all;
        }
        for (sum, bits) in self.style.iter_mut().zip([bare, prompted, own]) {
            *sum += bits.style;
        }
    }

    /// The means of the rival and of the candidate; the rival has the fewer bits overall.
    pub(crate) fn style(&self) -> Option<[f64; 2]> {
        let rival = usize::from(self.all[1] <= self.all[0]);
        let mean = |sum: f64| sum / self.n as f64;
        (self.n > 0).then(|| [mean(self.style[rival]), mean(self.style[2])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_words_and_punctuation_are_style() {
        let text = "It rained, and Anna’s boat — well.\n\nIt sank.";
        let own = style_bytes(text);
        let kept: String =
            text.char_indices().filter(|(at, _)| own[*at]).map(|(_, letter)| letter).collect();
        assert_eq!(kept, "It, and —.\n\nIt.");
    }
}
