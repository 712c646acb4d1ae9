//! A prompt program as the tokens its base sees: what a base can do with good examples alone.
//!
//! Examples fill a budget of tokens in the order they are given, and each is shown whole or not at
//! all. Which they are is the program's business ([`ghost_core::program`]).

use ghost_core::program::{Example, Form, Program};
use ghost_core::seed::Seed;

use crate::base::Base;
use crate::chat::Message;
use crate::error::Result;

/// Stands between the texts of a document; a draft that writes it has gone on to the next text.
pub const DIVIDER: &str = "\n\n* * *\n\n";

/// The tokens that ask for a seed's text under a program, with as many of the examples as fit in
/// `budget` tokens. Without examples or preamble this is [`crate::lesson::prompt_for`].
pub fn prompt_for(
    base: &Base,
    program: &Program,
    examples: &[Example<'_>],
    seed: &Seed,
    budget: usize,
) -> Result<Vec<u32>> {
    prompt_of(base, program, examples, &seed.request(), budget)
}

/// The same for any request of the writer's: an outline's, or a section's.
pub fn prompt_of(
    base: &Base,
    program: &Program,
    examples: &[Example<'_>],
    request: &str,
    budget: usize,
) -> Result<Vec<u32>> {
    let mut shown: Vec<Example<'_>> = Vec::new();
    let mut prompt = asked(base, program, &shown, request)?;
    for example in examples {
        shown.push(*example);
        let longer = asked(base, program, &shown, request)?;
        if longer.len() <= budget {
            prompt = longer;
        } else {
            shown.pop();
        }
    }
    Ok(prompt)
}

fn asked(
    base: &Base,
    program: &Program,
    examples: &[Example<'_>],
    request: &str,
) -> Result<Vec<u32>> {
    // A document without a text to go on from is no document.
    if program.form == Form::Document && !examples.is_empty() {
        let preamble = program.preamble().map(|said| said + DIVIDER).unwrap_or_default();
        let texts = examples
            .iter()
            .map(|one| format!("{}\n\n{}{DIVIDER}", one.seed.request(), one.text.trim()));
        let document = preamble + &texts.collect::<String>() + request + "\n\n";
        return Ok(base.tokenizer.encode(&document));
    }
    let say = |role: &str, content: String| Message { role: role.to_owned(), content };
    let mut messages: Vec<Message> =
        program.preamble().map(|said| say("system", said)).into_iter().collect();
    for one in examples {
        messages.push(say("user", one.seed.request()));
        messages.push(say("assistant", one.text.to_owned()));
    }
    messages.push(say("user", request.to_owned()));
    base.chat.tokens(&base.tokenizer, &messages, true)
}

/// A draft without what it wrote after its own end: the next text of a document.
pub fn own_part(draft: &str) -> &str {
    let end = draft.find(DIVIDER.trim_end()).unwrap_or(draft.len());
    draft[..end].trim_end()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{lesson, tiny};

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
            let of = |budget| prompt_for(&base, &program, &examples, &seed("sun"), budget).unwrap();
            let (bare, all) = (of(0), of(usize::MAX));
            assert_eq!(bare, lesson::prompt_for(&base, &seed("sun")).unwrap());
            let some = of(all.len() / 2);
            assert!(bare.len() < some.len() && some.len() <= all.len() / 2);
        }
    }

    #[test]
    fn a_preamble_comes_first() {
        let base = tiny::base(1);
        let program = Program { card: "Short sentences.".to_owned(), ..Program::default() };
        let bare = lesson::prompt_for(&base, &seed("sun")).unwrap();
        let with = prompt_for(&base, &program, &[], &seed("sun"), 0).unwrap();
        assert!(with.len() > bare.len() && with.ends_with(&bare[bare.len() - 4..]));
    }

    #[test]
    fn a_draft_ends_where_the_next_text_begins() {
        assert_eq!(own_part("It rained.\n\n* * *\n\nWrite a post"), "It rained.");
        assert_eq!(own_part("It rained.\n\n* * *"), "It rained.");
        assert_eq!(own_part("It rained. "), "It rained.");
    }
}
