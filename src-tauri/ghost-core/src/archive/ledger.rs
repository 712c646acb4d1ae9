//! What some files of a folder say of the others: Substack's `posts.csv` has the titles and days
//! of the pages beside it.
//!
//! Knows which files are such lists, and no more of a folder than their bytes and names.

use std::collections::HashMap;

use super::front::Facts;

/// What is known of files before they are read, by their names.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    leaves: HashMap<String, Leaf>,
}

/// What is known of one file.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaf {
    pub(super) facts: Facts,
    /// Not the writer's writing: research, rubbish.
    pub(super) passed_over: bool,
}

impl Ledger {
    /// Whether a file of this name may say something of others.
    pub fn wants(name: &str) -> bool {
        let _ = name;
        false
    }

    /// Takes in what a file says of others; whatever cannot be read says nothing.
    pub fn take(&mut self, name: &str, bytes: &[u8]) {
        let _ = (name, bytes);
    }

    pub(super) fn says(&self, name: &str) -> Option<&Leaf> {
        self.leaves.get(name)
    }
}
