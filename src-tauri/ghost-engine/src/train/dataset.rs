//! Rows as training examples: tokens with a weight for each, in batches.
//!
//! A row that is too long for the context becomes several examples, divided between paragraphs; nothing
//! of it is dropped, and only the last one has the end token.

use ghost_core::row::Row;

use crate::base::Base;
use crate::error::Result;
use crate::prompt;
use ghost_core::rng::Rng;

/// The minimum length of an example's text in tokens, even after a long request.
const MIN_TEXT: usize = 64;
/// Tokens of the preceding text that a later part is shown.
const OVERLAP: usize = 200;

/// One training sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingExample {
    /// Prompt, text, end.
    pub tokens: Vec<u32>,
    /// The weight of each token: 0 for the prompt, below 0 for what should not be written.
    pub weights: Vec<f32>,
}

/// The examples of a row, each at most `context` tokens where the request leaves that many. A row
/// without text, or none of whose tokens count, has none.
///
/// # Errors
/// `Template` where the base's chat template fails.
pub fn examples(base: &Base, row: &Row, context: usize) -> Result<Vec<TrainingExample>> {
    let answer = base.tokenizer.encode_with_offsets(&row.text);
    if answer.is_empty() {
        return Ok(Vec::new());
    }
    let prompt = prompt::for_request(base, row.request())?;
    let end = prompt::end_token(base)?;
    let starts: Vec<usize> = answer.iter().map(|(_, bytes)| bytes.start).collect();
    let capacity = context.saturating_sub(prompt.len() + 1).max(MIN_TEXT);
    let mut examples = Vec::new();
    for part in parts(&row.text, &starts, capacity) {
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
            examples.push(TrainingExample { tokens, weights });
        }
    }
    Ok(examples)
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

/// Tokens of a text that make one example.
#[derive(Debug, PartialEq)]
struct Part {
    /// The first token shown; tokens before `from` have no weight.
    shown_from: usize,
    from: usize,
    to: usize,
}

/// Divides a text so that each part, with what is shown before it, has at most `capacity` tokens.
fn parts(text: &str, starts: &[usize], capacity: usize) -> Vec<Part> {
    let (mut from, mut parts) = (0, Vec::new());
    while from < starts.len() {
        let shown_from = from - OVERLAP.min(capacity / 4).min(from);
        let reach = shown_from + capacity;
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

/// One pass over the examples: batches of indices, in the order of this epoch. A batch is full at
/// `batch_tokens`, has at least one example, and the last may be small.
pub fn epoch(
    examples: &[TrainingExample],
    batch_tokens: usize,
    random_seed: u64,
    epoch: u64,
) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..examples.len()).collect();
    Rng::stream(random_seed, &[0x0E, epoch]).shuffle(&mut order);
    let (mut batches, mut tokens) = (Vec::<Vec<usize>>::new(), usize::MAX);
    for i in order {
        if tokens.saturating_add(examples[i].tokens.len()) > batch_tokens.max(1) {
            batches.push(Vec::new());
            tokens = 0;
        }
        tokens = tokens.saturating_add(examples[i].tokens.len());
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
    use ghost_core::seed::Seed;
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
    fn an_example_is_prompt_text_and_end_token() {
        let base = tiny::base(1);
        let lesson = &examples(&base, &row("It rained.", &[]), 512).unwrap()[0];
        let prompt = prompt::for_seed(&base, &row("", &[]).seed).unwrap();
        let text = base.tokenizer.encode("It rained.");
        assert!(lesson.tokens.starts_with(&prompt));
        assert_eq!(lesson.tokens[prompt.len()..prompt.len() + text.len()], text);
        assert!(base.tokenizer.is_end(*lesson.tokens.last().unwrap()));
        assert!(lesson.weights[..prompt.len()].iter().all(|w| *w == 0.0));
        assert!(lesson.weights[prompt.len()..].iter().all(|w| *w == 1.0));
    }

    #[test]
    fn a_token_has_the_weight_of_most_of_its_bytes() {
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
    fn a_row_without_weights_has_no_example() {
        let base = tiny::base(1);
        assert_eq!(examples(&base, &row("", &[]), 512).unwrap(), []);
    }

    #[test]
    fn a_long_row_is_divided_between_paragraphs_and_complete() {
        let paragraph = "It rained on the hill and it rained in the town, all day. ".repeat(3);
        let text = vec![paragraph; 12].join("\n\n");
        let base = tiny::base(1);
        let row = row(&text, &[]);
        let lessons = examples(&base, &row, 400).unwrap();
        let prompt = prompt::for_seed(&base, &row.seed).unwrap().len();
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
    fn parts_end_at_the_best_boundary() {
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
    fn an_epoch_has_every_example_once() {
        let lessons: Vec<TrainingExample> = (0..17)
            .map(|i| TrainingExample { tokens: vec![0; 10 + i], weights: vec![1.0; 10 + i] })
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
