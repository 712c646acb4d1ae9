//! Whose words are whose: an export may hold the texts of several people, and a ghost learns from
//! one. The writer says once which names are theirs.
//!
//! Until they have, whoever wrote most is taken to be the writer: what is left out for a day can
//! still be learned, what was learned from another cannot be taken back.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::Desk;
use crate::failure::Result;
use crate::store::{pairs, pieces, settings};
use crate::wire::{ArchiveView, AuthorView, SayAuthor};

/// The setting with the writer's own names.
const OWN: &str = "own_names";

/// Which names are the writer's.
pub(crate) struct Authors {
    /// Pieces and pairs by name, the most frequent first.
    counts: [Vec<(String, u32)>; 2],
    said: Option<Vec<String>>,
}

impl Authors {
    /// As the store has them.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn read(on: &Connection) -> Result<Self> {
        let counts = [pieces::authors(on)?, pairs::authors(on)?];
        Ok(Authors { counts, said: settings::get(on, OWN)? })
    }

    /// Whether a text is the writer's. One that names nobody is.
    pub(crate) fn is_own(&self, author: Option<&str>) -> bool {
        let Some(author) = author else { return true };
        let most = || self.counts.iter().filter_map(|counts| counts.first());
        match &self.said {
            Some(own) => own.iter().any(|name| same(name, author)),
            None => most().any(|(name, _)| same(name, author)),
        }
    }

    /// For the screens: every name, what it has, whether it is the writer's.
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

    /// Whether the writer should be asked.
    pub(crate) fn is_open(&self) -> bool {
        self.said.is_none() && self.view().iter().any(|author| !author.own)
    }
}

/// Names are written in many ways; capitals and blanks tell nobody apart.
fn same(one: &str, two: &str) -> bool {
    one.trim().to_lowercase() == two.trim().to_lowercase()
}

impl Desk {
    pub(crate) fn say_author(&self, ask: SayAuthor) -> Result<ArchiveView> {
        self.store().whole(|t| {
            settings::set(t, OWN, &ask.names)?;
            settings::set(t, crate::archive::STALE, &true)
        })?;
        self.lay_out_stale_rows()?;
        self.archive()
    }
}
