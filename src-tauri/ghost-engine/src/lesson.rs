//! A row as tokens, with how much each counts; and rows of them in batches.
//!
//! One function says how a seed is asked of a base, and drafting, scoring and
//! learning all use it. A row too long for the context becomes several
//! lessons, cut between paragraphs; nothing of it is dropped, and only the
//! last part teaches to end.

use ghost_core::row::Row;
use ghost_core::seed::Seed;

use crate::base::Base;
use crate::chance::Chance;
use crate::chat::Message;
use crate::error::Result;

/// The fewest tokens a lesson's text may have, whatever is left by a long request.
const LEAST: usize = 64;
/// How many tokens of what came before a later part is shown.
const TAIL: usize = 200;

/// One sequence to learn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// Prompt, text, end.
    pub tokens: Vec<u32>,
    /// How much each token counts; 0 for the prompt, below 0 for what is not to be said.
    pub weights: Vec<f32>,
}

/// The tokens that ask a base for a seed's text, up to where the answer begins.
pub fn prompt_for(base: &Base, seed: &Seed) -> Result<Vec<u32>> {
    prompt_of(base, seed.request())
}

/// The same for any request of the writer's: an outline's, or a section's.
pub fn prompt_of(base: &Base, request: String) -> Result<Vec<u32>> {
    let message = Message { role: "user".to_owned(), content: request };
    base.chat.tokens(&base.tokenizer, &[message], true)
}

/// The token that ends an answer: the one the base's own template puts there.
pub fn end_token(base: &Base) -> Result<Option<u32>> {
    let say = |role: &str| Message { role: role.to_owned(), content: "a".to_owned() };
    let turn = base.chat.tokens(&base.tokenizer, &[say("user"), say("assistant")], false)?;
    let in_template = turn.into_iter().rev().find(|id| base.tokenizer.is_end(*id));
    let any = || (0..base.tokenizer.vocab_size() as u32).find(|id| base.tokenizer.is_end(*id));
    Ok(in_template.or_else(any))
}

/// The lessons of a row, each at most `context` tokens where the request leaves room for it.
/// A row without text, or none of whose tokens count, has none.
pub fn lessons(base: &Base, row: &Row, context: usize) -> Result<Vec<Lesson>> {
    let answer = base.tokenizer.encode_with_offsets(&row.text);
    if answer.is_empty() {
        return Ok(Vec::new());
    }
    let prompt = prompt_of(base, row.request())?;
    let end = end_token(base)?;
    let starts: Vec<usize> = answer.iter().map(|(_, bytes)| bytes.start).collect();
    let room = context.saturating_sub(prompt.len() + 1).max(LEAST);
    let mut lessons = Vec::new();
    for part in parts(&row.text, &starts, room) {
        let (mut tokens, mut weights) = (prompt.clone(), vec![0.0; prompt.len()]);
        for (i, (id, bytes)) in answer.iter().enumerate().take(part.to).skip(part.shown_from) {
            tokens.push(*id);
            weights.push(if i < part.from { 0.0 } else { weight_of(row, bytes.start, bytes.end) });
        }
        if let Some(end) = end.filter(|_| part.to == answer.len()) {
            tokens.push(end);
            // What only teaches what not to say has no end of the writer's.
            weights.push(if row.weights.iter().any(|one| one.weight < 0.0) { 0.0 } else { 1.0 });
        }
        if weights.iter().any(|weight| *weight != 0.0) {
            lessons.push(Lesson { tokens, weights });
        }
    }
    Ok(lessons)
}

/// The weight of most of a token's bytes; of two that have as many, the later's. A leading space
/// thus goes with its word.
fn weight_of(row: &Row, from: usize, to: usize) -> f32 {
    let overlap = |a: usize, b: usize| b.min(to).saturating_sub(a.max(from));
    let near = row.weights.iter().filter(|stretch| overlap(stretch.from, stretch.to) > 0);
    let covered: usize = near.clone().map(|stretch| overlap(stretch.from, stretch.to)).sum();
    let plain = (1.0, to.saturating_sub(from).saturating_sub(covered));
    let each = near.map(|stretch| (stretch.weight, overlap(stretch.from, stretch.to)));
    let most = std::iter::once(plain)
        .chain(each)
        .fold((1.0, 0), |most, next| if next.1 > 0 && next.1 >= most.1 { next } else { most });
    if most.0.is_finite() { most.0 } else { 1.0 }
}

/// Tokens of a text that make one lesson.
#[derive(Debug, PartialEq)]
struct Part {
    /// First token shown; what is before `from` is not learned from again.
    shown_from: usize,
    from: usize,
    to: usize,
}

/// Divides a text so that each part, with what is shown before it, has at most `room` tokens.
fn parts(text: &str, starts: &[usize], room: usize) -> Vec<Part> {
    let (mut from, mut parts) = (0, Vec::new());
    while from < starts.len() {
        let shown_from = from - TAIL.min(room / 4).min(from);
        let reach = shown_from + room;
        let to = if reach >= starts.len() {
            starts.len()
        } else {
            ["\n\n", "\n", ". "]
                .iter()
                .find_map(|edge| last_edge(text, starts, from + 1..reach, edge))
                .unwrap_or(reach)
        };
        parts.push(Part { shown_from, from, to });
        from = to;
    }
    parts
}

/// The last token in a range that begins right after `edge`.
fn last_edge(
    text: &str,
    starts: &[usize],
    range: std::ops::Range<usize>,
    edge: &str,
) -> Option<usize> {
    let after = |i: &usize| text.as_bytes()[..starts[*i]].ends_with(edge.as_bytes());
    range.rev().find(after)
}

/// One pass over the lessons: each batch as places in the list, in the order of this epoch.
/// A batch is full at `batch_tokens`, has at least one lesson, and the last may be small.
pub fn epoch(
    lessons: &[Lesson],
    batch_tokens: usize,
    random_seed: u64,
    epoch: u64,
) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lessons.len()).collect();
    Chance::of(random_seed, &[0x0E, epoch]).shuffle(&mut order);
    let (mut batches, mut tokens) = (Vec::<Vec<usize>>::new(), usize::MAX);
    for i in order {
        if tokens.saturating_add(lessons[i].tokens.len()) > batch_tokens.max(1) {
            batches.push(Vec::new());
            tokens = 0;
        }
        tokens = tokens.saturating_add(lessons[i].tokens.len());
        if let Some(batch) = batches.last_mut() {
            batch.push(i);
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tiny;
    use ghost_core::id::PieceId;
    use ghost_core::outline::RequestScope;
    use ghost_core::row::{Origin, Weight};
    use ghost_core::split::Split;

    fn row(text: &str, weights: &[(usize, usize, f32)]) -> Row {
        let weights =
            weights.iter().map(|&(from, to, weight)| Weight { from, to, weight }).collect();
        let seed = Seed { topic: "rain".to_owned(), ..Seed::default() };
        Row {
            seed,
            scope: RequestScope::Whole,
            text: text.to_owned(),
            weights,
            origin: Origin::Archive(PieceId(1)),
            split: Split::Train,
        }
    }

    #[test]
    fn a_lesson_is_prompt_text_and_end() {
        let base = tiny::base(1);
        let lesson = &lessons(&base, &row("It rained.", &[]), 512).unwrap()[0];
        let prompt = prompt_for(&base, &row("", &[]).seed).unwrap();
        let text = base.tokenizer.encode("It rained.");
        assert!(lesson.tokens.starts_with(&prompt));
        assert_eq!(lesson.tokens[prompt.len()..prompt.len() + text.len()], text);
        assert!(base.tokenizer.is_end(*lesson.tokens.last().unwrap()));
        assert!(lesson.weights[..prompt.len()].iter().all(|w| *w == 0.0));
        assert!(lesson.weights[prompt.len()..].iter().all(|w| *w == 1.0));
    }

    #[test]
    fn a_token_counts_as_most_of_its_bytes_do() {
        let kept = row("one two three", &[(0, 3, 0.3), (3, 7, 2.0)]);
        for (from, to, weight) in [
            (0, 3, 0.3),
            (2, 4, 2.0),
            (3, 7, 2.0),
            (4, 7, 2.0),
            (7, 13, 1.0),
            (1, 4, 0.3),
            (6, 8, 2.0),
        ] {
            assert_eq!(weight_of(&kept, from, to), weight, "{from}..{to}");
        }
        assert_eq!(weight_of(&row("a", &[(0, 1, f32::NAN)]), 0, 1), 1.0);
    }

    #[test]
    fn a_row_that_teaches_nothing_has_no_lesson() {
        let base = tiny::base(1);
        assert_eq!(lessons(&base, &row("", &[]), 512).unwrap(), []);
    }

    #[test]
    fn a_long_row_is_cut_between_paragraphs_and_loses_nothing() {
        let paragraph = "It rained on the hill and it rained in the town, all day. ".repeat(3);
        let text = vec![paragraph; 12].join("\n\n");
        let base = tiny::base(1);
        let row = row(&text, &[]);
        let lessons = lessons(&base, &row, 400).unwrap();
        let prompt = prompt_for(&base, &row.seed).unwrap().len();
        assert!(lessons.len() > 2);
        assert!(lessons.iter().all(|lesson| lesson.tokens.len() <= 400));
        let learned = lessons.iter().flat_map(|lesson| {
            let counted = lesson.weights.iter().position(|w| *w > 0.0).unwrap();
            assert!(counted >= prompt);
            lesson.tokens[counted..].to_vec()
        });
        let mut learned: Vec<u32> = learned.collect();
        assert!(base.tokenizer.is_end(learned.pop().unwrap()), "only the last part ends");
        assert_eq!(learned, base.tokenizer.encode(&text));
    }

    #[test]
    fn parts_end_at_the_best_edge_there_is() {
        let by_byte = |text: &str| (0..text.len()).collect::<Vec<_>>();
        let text = format!("{}\n\n{}", "a".repeat(50), "b".repeat(60));
        assert_eq!(parts(&text, &by_byte(&text), 80)[0].to, 52);
        let text = format!("{}. {}", "a".repeat(50), "b".repeat(60));
        assert_eq!(parts(&text, &by_byte(&text), 80)[0].to, 52);
        let text = "a".repeat(200);
        let cut = parts(&text, &by_byte(&text), 80);
        assert_eq!((cut[0].to, cut[1].shown_from, cut[1].from, cut[1].to), (80, 60, 80, 140));
        assert_eq!(cut.last().unwrap().to, 200);
    }

    #[test]
    fn an_epoch_has_every_lesson_once_and_keeps_the_tail() {
        let lessons: Vec<Lesson> = (0..17)
            .map(|i| Lesson { tokens: vec![0; 10 + i], weights: vec![1.0; 10 + i] })
            .collect();
        let batches = epoch(&lessons, 50, 7, 0);
        let mut all: Vec<usize> = batches.concat();
        all.sort_unstable();
        assert_eq!(all, (0..17).collect::<Vec<_>>());
        assert!(
            batches.iter().all(|batch| batch
                .iter()
                .map(|i| lessons[*i].tokens.len())
                .sum::<usize>()
                <= 50)
        );
        assert_eq!(batches, epoch(&lessons, 50, 7, 0));
        assert_ne!(batches, epoch(&lessons, 50, 7, 1), "another order each time");
        assert_eq!(epoch(&lessons, 1, 7, 0).len(), 17, "a batch has at least one lesson");
        assert_eq!(epoch(&[], 50, 7, 0), Vec::<Vec<usize>>::new());
    }
}
