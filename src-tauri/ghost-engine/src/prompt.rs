//! Prompts as tokens: one function turns a request into tokens, and drafting, evaluation and
//! training all use it.
//!
//! A few-shot prompt adds a prompt program's preamble and examples. Examples fill a budget of tokens
//! in the order they are given, and each is shown whole or not at all. The program decides which
//! examples there are ([`ghost_core::program`]).

use ghost_core::program::{Example, Form, Program};
use ghost_core::seed::Seed;

use crate::base::Base;
use crate::chat::Message;
use crate::error::Result;

/// Separates the texts of a document. A draft that writes it has started the next text.
pub const SEPARATOR: &str = "\n\n* * *\n\n";

/// Tokens that ask a base for a seed's text, up to where the answer begins.
///
/// # Errors
/// `Template` where the base's chat template fails.
pub fn for_seed(base: &Base, seed: &Seed) -> Result<Vec<u32>> {
    for_request(base, seed.request())
}

/// Tokens of any request of the writer's: for a text, an outline or a section.
///
/// # Errors
/// As [`for_seed`].
pub fn for_request(base: &Base, request: String) -> Result<Vec<u32>> {
    let message = Message { role: "user".to_owned(), content: request };
    base.chat.tokens(&base.tokenizer, &[message], true)
}

/// The token that ends an answer: the one that the base's own template puts there.
///
/// # Errors
/// As [`for_seed`].
pub fn end_token(base: &Base) -> Result<Option<u32>> {
    let message = |role: &str| Message { role: role.to_owned(), content: "a".to_owned() };
    let turn =
        base.chat.tokens(&base.tokenizer, &[message("user"), message("assistant")], false)?;
    let in_template = turn.into_iter().rev().find(|id| base.tokenizer.is_end(*id));
    let any = || (0..base.tokenizer.vocab_size() as u32).find(|id| base.tokenizer.is_end(*id));
    Ok(in_template.or_else(any))
}

/// A few-shot prompt for a seed: a program's preamble, and as many of the examples as fit in
/// `budget` tokens. Without either it is [`for_seed`].
///
/// # Errors
/// As [`for_seed`].
pub fn few_shot_for_seed(
    base: &Base,
    program: &Program,
    examples: &[Example<'_>],
    seed: &Seed,
    budget: usize,
) -> Result<Vec<u32>> {
    few_shot(base, program, examples, &seed.request(), budget)
}

/// The same for any request of the writer's: for a text, an outline or a section.
///
/// # Errors
/// As [`for_seed`].
pub fn few_shot(
    base: &Base,
    program: &Program,
    examples: &[Example<'_>],
    request: &str,
    budget: usize,
) -> Result<Vec<u32>> {
    let mut shown: Vec<Example<'_>> = Vec::new();
    let mut prompt = render(base, program, &shown, request)?;
    for example in examples {
        shown.push(*example);
        let longer = render(base, program, &shown, request)?;
        if longer.len() <= budget {
            prompt = longer;
        } else {
            shown.pop();
        }
    }
    Ok(prompt)
}

fn render(
    base: &Base,
    program: &Program,
    examples: &[Example<'_>],
    request: &str,
) -> Result<Vec<u32>> {
    // A document needs at least one text to continue from.
    if program.form == Form::Document && !examples.is_empty() {
        let preamble = program.preamble().map(|preamble| preamble + SEPARATOR).unwrap_or_default();
        let texts = examples
            .iter()
            .map(|one| format!("{}\n\n{}{SEPARATOR}", one.seed.request(), one.text.trim()));
        let document = preamble + &texts.collect::<String>() + request + "\n\n";
        return Ok(base.tokenizer.encode(&document));
    }
    let message = |role: &str, content: String| Message { role: role.to_owned(), content };
    let mut messages: Vec<Message> =
        program.preamble().map(|preamble| message("system", preamble)).into_iter().collect();
    for one in examples {
        messages.push(message("user", one.seed.request()));
        messages.push(message("assistant", one.text.to_owned()));
    }
    messages.push(message("user", request.to_owned()));
    base.chat.tokens(&base.tokenizer, &messages, true)
}

/// The draft up to the first separator: what comes after is the next text of a document.
pub fn strip_after_separator(draft: &str) -> &str {
    let end = draft.find(SEPARATOR.trim_end()).unwrap_or(draft.len());
    draft[..end].trim_end()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tiny;

    fn seed(topic: &str) -> Seed {
        Seed { topic: topic.to_owned(), ..Seed::default() }
    }

    #[test]
    fn examples_fill_the_budget_and_no_more() {
        let base = tiny::base(1);
        let rain = seed("rain");
        let texts: Vec<String> = (0..6).map(|i| format!("It rained {i}. ").repeat(4)).collect();
        let examples: Vec<Example<'_>> =
            texts.iter().map(|text| Example { seed: &rain, text }).collect();
        for form in [Form::Turns, Form::Document] {
            let program = Program { form, ..Program::default() };
            let of = |budget| {
                few_shot_for_seed(&base, &program, &examples, &seed("sun"), budget).unwrap()
            };
            let (bare, all) = (of(0), of(usize::MAX));
            assert_eq!(bare, for_seed(&base, &seed("sun")).unwrap());
            let some = of(all.len() / 2);
            assert!(bare.len() < some.len() && some.len() <= all.len() / 2);
        }
    }

    #[test]
    fn a_preamble_comes_first() {
        let base = tiny::base(1);
        let program = Program { card: "Short sentences.".to_owned(), ..Program::default() };
        let bare = for_seed(&base, &seed("sun")).unwrap();
        let with = few_shot_for_seed(&base, &program, &[], &seed("sun"), 0).unwrap();
        assert!(with.len() > bare.len() && with.ends_with(&bare[bare.len() - 4..]));
    }

    #[test]
    fn a_draft_ends_where_the_next_text_begins() {
        assert_eq!(strip_after_separator("It rained.\n\n* * *\n\nWrite a post"), "It rained.");
        assert_eq!(strip_after_separator("It rained.\n\n* * *"), "It rained.");
        assert_eq!(strip_after_separator("It rained. "), "It rained.");
    }
}
