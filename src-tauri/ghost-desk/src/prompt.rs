//! Prompts: the tokens a base is asked with, plainly or with examples from the archive. Drafting and
//! evaluation share them.

use ghost_core::chunk;
use ghost_core::outline::RequestScope;
use ghost_core::program::{Example, Program};
use ghost_core::row::{Origin, Row};
use ghost_core::seed::Seed;
use ghost_core::split::Split;
use ghost_engine::model::Model;
use ghost_engine::prompt;

use crate::failure::Result;
use crate::store::programs;
use crate::workspace::Workspace;

/// Maximum tokens of a prompt with examples.
pub(crate) const EXAMPLE_TOKENS: usize = 1400;
/// Maximum bytes of an example piece, so that several fit.
const EXAMPLE_BYTES: usize = 2200;
/// Similar pieces that a prompt may choose from.
const MAX_SIMILAR: usize = 8;

/// The full-text search over the archive.
pub(crate) trait PieceSearch {
    /// Ids of the pieces most similar to a seed, best first.
    fn similar_pieces(&self, seed: &Seed, most: usize) -> Result<Vec<i64>>;
}

impl PieceSearch for Workspace {
    fn similar_pieces(&self, seed: &Seed, most: usize) -> Result<Vec<i64>> {
        programs::similar_pieces(self.store().db(), seed, most)
    }
}

/// Builds prompts for a base.
#[derive(Clone, Copy)]
pub(crate) struct Prompts<'a> {
    /// The base.
    pub(crate) base: &'a Model,
    /// The rows that examples are chosen from.
    pub(crate) rows: &'a [Row],
    /// Finds pieces on a similar topic.
    pub(crate) search: &'a dyn PieceSearch,
}

impl<'a> Prompts<'a> {
    /// The tokens that ask for a text, its outline or one of its sections: plainly, or by a program.
    ///
    /// # Errors
    /// The store's, or that of the base's chat template.
    pub(crate) fn tokens(
        &self,
        program: Option<&Program>,
        seed: &Seed,
        ask: &RequestScope,
    ) -> Result<Vec<u32>> {
        let request = ask.request(seed);
        let Some(program) = program else {
            return Ok(prompt::for_request(self.base, request)?);
        };
        let examples = self.examples(program, seed)?;
        let budget = EXAMPLE_TOKENS.min(self.base.config.context / 2);
        Ok(prompt::few_shot(self.base, program, &examples, &request, budget)?)
    }

    /// The example pieces of a program for a seed, in order.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn examples(&self, program: &Program, seed: &Seed) -> Result<Vec<Example<'a>>> {
        let pieces = training_pieces(self.rows);
        let texts: Vec<Example<'a>> = pieces
            .iter()
            .map(|row| Example { seed: &row.seed, text: opening(&row.text, EXAMPLE_BYTES) })
            .collect();
        let place = |id: &i64| {
            pieces.iter().position(|row| matches!(row.origin, Origin::Archive(one) if one.0 == *id))
        };
        let similar: Vec<usize> = self
            .search
            .similar_pieces(seed, 3 * MAX_SIMILAR)?
            .iter()
            .filter_map(place)
            .take(MAX_SIMILAR)
            .collect();
        Ok(program.pick(&texts, seed, &similar).into_iter().map(|n| texts[n]).collect())
    }
}

/// The pieces of the training split, oldest first.
pub(crate) fn training_pieces(rows: &[Row]) -> Vec<&Row> {
    let of_piece = |row: &&Row| matches!(row.origin, Origin::Archive(_));
    rows.iter().filter(|row| row.split == Split::Train).filter(of_piece).collect()
}

/// At most `most_bytes` of a text, cut between paragraphs.
pub(crate) fn opening(text: &str, most_bytes: usize) -> &str {
    chunk::chunks(text, most_bytes).into_iter().next().map_or("", |range| &text[range])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ghost_core::id::PieceId;
    use ghost_core::program::OptimizedPrompts;
    use ghost_engine::tiny;

    use super::*;
    use crate::store::testing::{row, seed};

    /// Finds these pieces, whatever the seed.
    struct Found(Vec<i64>);

    impl PieceSearch for Found {
        fn similar_pieces(&self, _: &Seed, most: usize) -> Result<Vec<i64>> {
            Ok(self.0.iter().copied().take(most).collect())
        }
    }

    fn rows() -> Vec<Row> {
        let text =
            |n: i64| format!("Piece {n} is about rain, a barrel and the lid that was on it.");
        let side = |n| if n == 3 { Split::Test } else { Split::Train };
        (1..=4).map(|n| row(Origin::Archive(PieceId(n)), &text(n), side(n))).collect()
    }

    #[test]
    fn a_plain_prompt_has_no_examples_and_a_program_shows_training_pieces_only() {
        let (base, rows, search) = (tiny::model(1), rows(), Found(vec![3, 2, 1]));
        let prompts = Prompts { base: &base, rows: &rows, search: &search };
        let plain = prompts.tokens(None, &seed("rain"), &RequestScope::Whole).unwrap();
        let program = OptimizedPrompts::default().by_voice;
        let examples = prompts.examples(&program, &seed("rain")).unwrap();
        assert!(examples.iter().all(|one| !one.text.contains("Piece 3")), "it is held out");
        let shown = prompts.tokens(Some(&program), &seed("rain"), &RequestScope::Whole).unwrap();
        assert_ne!(plain, shown);
        assert_eq!(plain, prompts.tokens(None, &seed("rain"), &RequestScope::Whole).unwrap());
    }

    #[test]
    fn an_opening_is_cut_between_paragraphs() {
        let text = "One two three.\n\nFour five six.\n\nSeven.";
        assert_eq!(opening(text, 1_000), text);
        let short = opening(text, 20);
        assert!(text.starts_with(short) && short.len() <= 20 && !short.is_empty(), "{short:?}");
        assert_eq!(opening("", 20), "");
    }
}
