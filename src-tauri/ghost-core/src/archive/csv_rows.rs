//! Rows of a CSV file, with its columns by name.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord};

/// Rows that are read of one table.
pub(super) const MAX_ROWS: usize = 200_000;
/// Cells of one row; a table of texts has fewer.
const MAX_CELLS: usize = 5_000;

/// The columns of a table by name.
#[derive(Debug)]
pub(super) struct Columns {
    by_name: HashMap<String, usize>,
}

impl Columns {
    fn of(header: &StringRecord) -> Columns {
        let plain = |name: &str| -> String {
            name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        let mut by_name = HashMap::new();
        for (at, name) in header.iter().map(plain).enumerate() {
            by_name.entry(name).or_insert(at);
        }
        Columns { by_name }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The first cell with text under one of these columns.
    pub(super) fn cell<'a>(&self, row: &'a StringRecord, names: &[&str]) -> Option<&'a str> {
        names
            .iter()
            .filter_map(|name| row.get(*self.by_name.get(*name)?))
            .map(str::trim)
            .find(|value| !value.is_empty())
    }

    /// Returns true if the columns describe subscribers.
    pub(super) fn lists_people(&self) -> bool {
        ["email", "emailaddress", "subscriberemail", "subscribedat", "stripecustomerid"]
            .iter()
            .any(|name| self.has(name))
    }
}

/// The columns and rows of a table; `None` if the text is not a table.
pub(super) fn rows(text: &str) -> Option<(Columns, impl Iterator<Item = StringRecord> + '_)> {
    let first = text.lines().next()?;
    let count = |sign: char| first.matches(sign).count();
    let sign = [',', ';', '\t'].into_iter().max_by_key(|&sign| (count(sign), sign == ','))?;
    if longest_row(text, sign as u8) > MAX_CELLS {
        return None;
    }
    let mut reader =
        ReaderBuilder::new().delimiter(sign as u8).flexible(true).from_reader(text.as_bytes());
    let columns = Columns::of(reader.headers().ok()?);
    Some((columns, reader.into_records().map_while(Result::ok).take(MAX_ROWS)))
}

/// The number of cells in the longest row, counted without parsing the rows.
fn longest_row(text: &str, sign: u8) -> usize {
    let (mut longest_row, mut cells, mut quoted) = (0, 1, false);
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => cells = 1,
            _ if byte == sign && !quoted => cells += 1,
            _ => {}
        }
        longest_row = longest_row.max(cells);
    }
    longest_row
}
