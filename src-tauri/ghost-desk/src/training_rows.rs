//! What a run trains on: the rows of cuts, sections and outlines, the folds, and the preference pairs.

use ghost_core::cross_validation::Folds;
use ghost_core::id::{EditId, RowId};
use ghost_core::preference::{MIN_EDITS, PreferencePair};
use ghost_core::row::{Origin, Row};
use ghost_core::run::Recipe;
use ghost_core::split::Split;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::failure::Result;
use crate::store::{drafts, pieces};

/// Preference pairs, each with the edit it comes from.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct PreferencePairs {
    /// Trained on.
    #[serde(rename = "learned")]
    pub(crate) train: Vec<(EditId, PreferencePair)>,
    /// Validated on.
    #[serde(rename = "watched")]
    pub(crate) validation: Vec<(EditId, PreferencePair)>,
}

/// Cross-validation folds, if the archive is too small for a fixed test split.
pub(crate) fn folds(db: &Connection, rows: &[(RowId, Row)]) -> Result<Option<Folds>> {
    let stored = pieces::all_but_texts(db)?;
    let pieces = stored.iter().map(|stored| (stored.id, &stored.piece)).collect();
    Ok(Folds::of(rows.iter().map(|(_, row)| row), &pieces))
}

/// The rows of what the writer cut from drafts, for each edit in the training split.
pub(crate) fn cuts(db: &Connection, rows: &[(RowId, Row)]) -> Result<Vec<(RowId, Row)>> {
    let mut cuts = Vec::new();
    for (edit, seed, draft, shipped) in drafts::pairs(db)? {
        let row = rows.iter().find(|(_, row)| row.origin == Origin::Edit(edit));
        let Some((id, row)) = row.filter(|(_, row)| row.split == Split::Train) else {
            continue;
        };
        let apart = ghost_core::archive::non_prose_spans(&draft);
        let cut = Row::of_cuts(edit, seed, &draft, &shipped, &apart, row.split);
        cuts.extend(cut.map(|cut| (*id, cut)));
    }
    Ok(cuts)
}

/// Preference pairs from the writer's edits, if enough drafts were shipped.
pub(crate) fn choices(db: &Connection, rows: &[(RowId, Row)]) -> Result<Option<PreferencePairs>> {
    let mut choices = PreferencePairs::default();
    let mut edits = 0;
    for (edit, seed, draft, shipped) in drafts::pairs(db)? {
        let row = rows.iter().find(|(_, row)| row.origin == Origin::Edit(edit));
        let Some((_, row)) = row else { continue };
        let found = PreferencePair::of(&seed, &draft, &shipped).into_iter().map(|one| (edit, one));
        edits += usize::from(found.len() > 0);
        match row.split {
            Split::Train => choices.train.extend(found),
            Split::Validation => choices.validation.extend(found),
            Split::Test => {}
        }
    }
    Ok((edits >= MIN_EDITS).then_some(choices))
}

/// Expands each training row into what is trained on: the whole text, its sections and its outline
/// ([`Row::expand`]). Rows of other splits and rows of cuts stay as they are.
pub(crate) fn expand_rows(rows: Vec<(RowId, Row)>, recipe: &Recipe) -> Vec<(RowId, Row)> {
    let expand = |(id, row): (RowId, Row)| {
        let cuts = row.weights.iter().any(|one| one.weight < 0.0);
        let rows = match row.split {
            Split::Train if !cuts => row.expand(recipe.max_bytes(), recipe.sections),
            _ => vec![row],
        };
        rows.into_iter().map(move |row| (id, row))
    };
    rows.into_iter().flat_map(expand).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ghost_core::outline::RequestScope;

    use super::*;
    use crate::store::testing::{seed, shipped_draft, store};

    const END: &str = "and then it was evening and we went home along the shore as we do.";

    #[test]
    fn an_edit_in_the_training_split_gives_a_row_of_its_cuts() {
        let (_folder, store) = store();
        let db = store.db();
        let draft = format!("It went by a small lane to town, which nobody had swept, {END}");
        let shipped = format!("It went by the wide road to town, {END}");
        let (_, edit) = shipped_draft(db, &draft, &shipped);
        let row = |side| {
            let row = Row::of_edit(edit, seed("rain"), &draft, &shipped, &[], side);
            vec![(RowId(4), row)]
        };
        let found = cuts(db, &row(Split::Train)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, RowId(4), "it belongs to the row of the edit");
        assert!(found[0].1.weights.iter().any(|one| one.weight < 0.0));
        assert!(cuts(db, &row(Split::Validation)).unwrap().is_empty(), "not trained on");
        assert!(cuts(db, &[]).unwrap().is_empty(), "excluded");
    }

    #[test]
    fn few_edits_give_no_preference_pairs() {
        let (_folder, store) = store();
        let db = store.db();
        let mut rows = Vec::new();
        for n in 0..MIN_EDITS {
            assert!(choices(db, &rows).unwrap().is_none(), "{n} edits");
            let draft = format!("It went by a small lane to town {n}, {END}");
            let shipped = format!("It went by the wide road to town {n}, {END}");
            let (_, edit) = shipped_draft(db, &draft, &shipped);
            let row = Row::of_edit(edit, seed("rain"), &draft, &shipped, &[], Split::Train);
            rows.push((RowId(n as i64), row));
        }
        assert_eq!(choices(db, &rows).unwrap().unwrap().train.len(), MIN_EDITS);
    }

    #[test]
    fn only_whole_training_rows_are_expanded() {
        let text = format!("{END} ").repeat(60);
        let draft = "Something else altogether was written here at first.";
        let whole = |side| {
            let row = Row::of_edit(EditId(1), seed("rain"), draft, &text, &[], side);
            vec![(RowId(1), Row { scope: RequestScope::Whole, weights: Vec::new(), ..row })]
        };
        let recipe = Recipe::nightly(1, 1, 1);
        assert!(expand_rows(whole(Split::Train), &recipe).iter().all(|(id, _)| *id == RowId(1)));
        assert_eq!(expand_rows(whole(Split::Validation), &recipe).len(), 1);
    }
}
