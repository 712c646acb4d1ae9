//! Hard-wrapped lines: detects a text that was wrapped at a fixed column.

/// Columns that a writer may leave free.
const NEAR: usize = 2;

/// The column at which a text is wrapped. Lines are given as pairs: the line's length and that of the
/// next line's first word, in characters.
pub(super) struct HardWrap {
    /// `None` if line ends are the writer's own.
    column: Option<usize>,
}

impl HardWrap {
    /// Detects the column from the pairs of a whole text.
    pub(super) fn of(pairs: &[(usize, usize)]) -> HardWrap {
        let mut lengths: Vec<usize> = pairs.iter().map(|pair| pair.0).collect();
        lengths.sort_unstable();
        let column = lengths
            .get(lengths.len() * 9 / 10)
            .copied()
            .filter(|column| (45..=120).contains(column));
        let full = |column: usize| {
            pairs.iter().filter(|(length, word)| length + 1 + word + NEAR >= column).count()
        };
        HardWrap { column: column.filter(|&column| full(column) * 10 >= pairs.len() * 6) }
    }

    /// Returns true if a paragraph is wrapped: most of its lines have no space left for the next line's
    /// first word. Those of a poem have.
    pub(super) fn broke(&self, pairs: &[(usize, usize)]) -> bool {
        let Some(column) = self.column else { return false };
        let full = pairs.iter().filter(|(length, word)| length + 1 + word + NEAR >= column).count();
        full > 0 && full * 2 >= pairs.len()
    }

    /// Returns true if a line of this length ends because of the wrapping.
    pub(super) fn joins(&self, length: usize) -> bool {
        self.column.is_some_and(|column| length * 2 > column)
    }
}
