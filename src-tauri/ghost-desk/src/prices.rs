//! The price table: the writer's own, or built-in example prices.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use ghost_core::readiness::cost::Prices;

use crate::failure::{Code, Failure, Result};
use crate::folder::Folder;

/// File name of the writer's own price table, in the data folder.
const TABLE: &str = "prices.toml";

/// Path of the writer's own price table.
pub(crate) fn table(folder: &Folder) -> PathBuf {
    folder.root().join(TABLE)
}

/// The price table in use, and whether it is the writer's own.
///
/// # Errors
/// `bad_input` if the table is invalid, `io`.
pub(crate) fn prices(folder: &Folder) -> Result<(Prices, bool)> {
    let table = table(folder);
    match fs::read_to_string(&table) {
        Ok(text) => Prices::read(&text).map(|prices| (prices, true)).map_err(|trouble| {
            Failure::new(Code::BadInput, format!("{}: {trouble}", table.display()))
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((Prices::bundled(), false)),
        Err(error) => Err(Failure::io("read", &table, &error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::workspace::temporary;

    #[test]
    fn the_writers_own_table_replaces_the_examples() {
        let (_dir, workspace) = temporary();
        let folder = workspace.folder();
        assert!(!prices(folder).unwrap().1);
        fs::write(table(folder), "not a table").unwrap();
        let failure = prices(folder).unwrap_err();
        assert_eq!(failure.code, Code::BadInput);
        assert!(failure.message.contains("prices.toml"), "{failure}");
    }
}
