//! Authors of the archive. An export may hold texts of several people, and the model learns from
//! one; the writer chooses which names are theirs.
//!
//! Until then the most frequent author is taken to be the writer: a text that was left out can be
//! added later, but training on another author's text cannot be undone.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::failure::Result;
use crate::store::{pairs, pieces, settings};
use crate::wire::AuthorView;

/// Setting: the writer's own names.
pub(crate) const OWN: &str = "own_names";

/// The authors of the archive, and which of them are the writer.
pub(crate) struct Authors {
    /// Pieces and pairs per author, the most frequent first.
    counts: [Vec<(String, u32)>; 2],
    said: Option<Vec<String>>,
}

impl Authors {
    /// Reads the authors from the store.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn read(db: &Connection) -> Result<Self> {
        let counts = [pieces::authors(db)?, pairs::authors(db)?];
        Ok(Authors { counts, said: settings::get(db, OWN)? })
    }

    /// Whether a text is the writer's. A text without an author is.
    pub(crate) fn is_own(&self, author: Option<&str>) -> bool {
        let Some(author) = author else { return true };
        let most = || self.counts.iter().filter_map(|counts| counts.first());
        match &self.said {
            Some(own) => own.iter().any(|name| same(name, author)),
            None => most().any(|(name, _)| same(name, author)),
        }
    }

    /// Every author with counts, for display.
    pub(crate) fn view(&self) -> Vec<AuthorView> {
        let mut sums: BTreeMap<&str, [u32; 2]> = BTreeMap::new();
        for (of, counts) in self.counts.iter().enumerate() {
            counts.iter().for_each(|(name, n)| sums.entry(name).or_default()[of] += n);
        }
        let mut views: Vec<_> = sums
            .into_iter()
            .map(|(name, [pieces, pairs])| AuthorView {
                name: name.to_owned(),
                pieces,
                pairs,
                own: self.is_own(Some(name)),
            })
            .collect();
        views.sort_by_key(|view| std::cmp::Reverse((view.pieces, view.pairs)));
        views
    }

    /// Whether the writer should be asked which names are theirs.
    pub(crate) fn is_open(&self) -> bool {
        self.said.is_none() && self.view().iter().any(|author| !author.own)
    }
}

/// Compares two names, ignoring case and surrounding white space.
fn same(one: &str, two: &str) -> bool {
    one.trim().to_lowercase() == two.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::testing::{keep_piece, store};

    #[test]
    fn the_most_frequent_author_is_the_writer_until_one_is_chosen() {
        let (_folder, store) = store();
        let db = store.db();
        for (n, author) in ["Jo", "Jo", "Kim"].into_iter().enumerate() {
            let text =
                format!("---\nauthor: {author}\n---\nNumber {n} rained all day, as it does here.");
            keep_piece(db, &format!("{n}.md"), &text);
        }
        let authors = Authors::read(db).unwrap();
        assert!(
            authors.is_own(Some("jo ")) && authors.is_own(None) && !authors.is_own(Some("Kim"))
        );
        assert!(authors.is_open());
        settings::set(db, OWN, &["kim"]).unwrap();
        let authors = Authors::read(db).unwrap();
        assert!(!authors.is_own(Some("Jo")) && authors.is_own(Some("Kim")));
        assert!(!authors.is_open());
        let view = authors.view();
        assert_eq!(
            view.iter().map(|a| (a.name.as_str(), a.pieces, a.own)).collect::<Vec<_>>(),
            [("Jo", 2, false), ("Kim", 1, true)]
        );
    }
}
