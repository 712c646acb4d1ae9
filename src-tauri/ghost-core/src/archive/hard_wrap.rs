//! Hard-wrapped lines: whether a text was broken at a fixed column, by its lines alone.

/// Columns that a writer may leave free.
const NEAR: usize = 2;

/// Lines that follow each other without a blank one, as (length, length of the next one's first
/// word), both in characters.
pub(super) struct HardWrap {
    /// The column the text is broken at; `None` where line ends are the writer's own.
    column: Option<usize>,
}

impl HardWrap {
    /// Learns from the pairs of a whole text.
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

    /// Whether the lines of a paragraph were broken by the column: most of them had no room for the
    /// next one's first word. Those of a poem had.
    pub(super) fn broke(&self, pairs: &[(usize, usize)]) -> bool {
        let Some(column) = self.column else { return false };
        let full = pairs.iter().filter(|(length, word)| length + 1 + word + NEAR >= column).count();
        full > 0 && full * 2 >= pairs.len()
    }

    /// Whether a line of this length was broken by the column and not by the writer.
    pub(super) fn joins(&self, length: usize) -> bool {
        self.column.is_some_and(|column| length * 2 > column)
    }
}
