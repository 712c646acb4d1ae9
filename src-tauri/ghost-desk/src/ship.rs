//! Shipping: a draft becomes an edit, and the edit becomes a training row.

use ghost_core::edit::{Edit, Segment};
use ghost_core::id::DraftId;
use ghost_core::row::Row;
use ghost_core::split::Split;
use ghost_core::{measure, words};

use crate::archive::ROWS_STALE;
use crate::drafts::Drafts;
use crate::failure::{Code, Failure, Result};
use crate::store::drafts::{self, StoredDraft};
use crate::store::{edits, rows, settings};
use crate::stored_text;
use crate::wire::{EditView, SegmentView, ShipDraft};

impl Drafts {
    /// Ships a text: the edit is measured and becomes a training row.
    pub(crate) fn ship(&self, ask: ShipDraft) -> Result<EditView> {
        let id = DraftId(ask.draft);
        let mut draft = self.recover_stale_draft(id)?;
        if draft.ended.is_none() {
            return Err(Failure::new(
                Code::Busy,
                "This draft is still being written. Stop it first.",
            ));
        }
        let text = text_of(&draft, ask.text);
        draft.text = stored_text::of(draft.text);
        if words::count(&text) == 0 {
            return Err(Failure::new(Code::BadInput, "There is no text to ship yet."));
        }
        let measured = Edit::between(&draft.text, &text);
        let mut shown = edit_view(&draft, &text, &measured);
        let apart = ghost_core::archive::non_prose_spans(&text);
        let (edit, row) = self.workspace.store().transaction(|t| {
            drafts::ship(t, id, &text, &self.workspace.now())?;
            let edit =
                edits::keep(t, id, &measured.to_string(), shown.kept_ratio, shown.edit_distance)?;
            let side = Split::of_edit(edit);
            let row = Row::of_edit(edit, draft.seed.clone(), &draft.text, &text, &apart, side);
            // The text may have been published before it was shipped here.
            settings::set(t, ROWS_STALE, &true)?;
            Ok((edit, rows::keep(t, &row)?))
        })?;
        (shown.edit, shown.row) = (Some(edit.0), Some(row.0));
        log::info!("shipped draft {id}: kept {:.2}", shown.kept_ratio);
        Ok(shown)
    }

    /// The edit of a draft: as shipped, or as the given or current text would make it.
    pub(crate) fn edit(&self, ask: ShipDraft) -> Result<EditView> {
        let store = self.workspace.store();
        let mut draft = drafts::one(store.db(), DraftId(ask.draft))?;
        let kept = edits::of_draft(store.db(), draft.id)?;
        drop(store);
        let text = match (&draft.shipped, ask.text) {
            (Some(shipped), None) => shipped.clone(),
            (_, text) => text_of(&draft, text),
        };
        draft.text = stored_text::of(draft.text);
        let mut shown = edit_view(&draft, &text, &Edit::between(&draft.text, &text));
        if let Some((edit, row)) = kept {
            (shown.edit, shown.row) = (Some(edit.0), row);
        }
        Ok(shown)
    }
}

/// The given text, or the writer's text so far, or the draft's own, normalised.
fn text_of(draft: &StoredDraft, given: Option<String>) -> String {
    stored_text::of(given.or_else(|| draft.working.clone()).unwrap_or_else(|| draft.text.clone()))
}

/// The view of an edit: figures from the minimal edit, segments for readability.
fn edit_view(draft: &StoredDraft, text: &str, measured: &Edit) -> EditView {
    let shown = Edit::presentable(&draft.text, text);
    EditView {
        draft: draft.id.0,
        edit: None,
        row: None,
        kept_ratio: measure::kept_ratio(measured),
        edit_distance: measure::edit_distance(&draft.text, text),
        draft_words: words::count(&draft.text) as u32,
        shipped_words: words::count(text) as u32,
        notation: shown.to_string(),
        segments: shown
            .segments()
            .iter()
            .cloned()
            .map(|segment| match segment {
                Segment::Same(same) => SegmentView { same: Some(same), cut: None, added: None },
                Segment::Changed { cut, added } => {
                    SegmentView { same: None, cut: Some(cut), added: Some(added) }
                }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::desk::{Desk, Host};

    const DRAFT: &str = "The rain barrel — it’s full. I wouldn’t drink from it.\n\nThe cat did.\n";

    /// Ships `text` for a draft and returns the edit's notation.
    fn shipped(draft: &str, text: &str) -> (String, EditView) {
        let home = tempfile::tempdir().unwrap();
        let desk = Desk::open(home.path(), Host::CommandLine).unwrap();
        {
            let store = desk.workspace().store();
            store
                .db()
                .execute_batch("INSERT INTO bases VALUES (1, 'f', 'p', '{}', 'then')")
                .unwrap();
            let seed = ghost_core::seed::Seed { topic: "rain".into(), ..Default::default() };
            let base = ghost_core::id::BaseId(1);
            let id = drafts::begin(store.db(), &seed, base, None, 7, "then").unwrap();
            drafts::grow(store.db(), id, draft, 9, 1.0, Some("\"finished\"")).unwrap();
        }
        let edit = desk.drafts().ship(ShipDraft { draft: 1, text: Some(text.to_owned()) }).unwrap();
        let again = desk.drafts().edit(ShipDraft { draft: 1, text: None }).unwrap();
        assert_eq!(again.notation, edit.notation);
        (edit.notation.clone(), edit)
    }

    #[test]
    fn formatting_changes_of_an_editor_do_not_count_as_an_edit() {
        let said = DRAFT.replace("full", "empty");
        let changed =
            "The rain barrel — it’s [full/empty]. I wouldn’t drink from it.\n\nThe cat did.";
        let saved = [
            said.clone(),
            said.trim_end().to_owned(),
            format!("{said}\n\n"),
            said.replace('\n', "\r\n"),
            said.replace('\n', "\r"),
            format!("\u{feff}{said}"),
        ];
        let mut files: Vec<Vec<u8>> = saved.into_iter().map(String::into_bytes).collect();
        files.push(
            said.replace('—', "\u{97}").replace('’', "\u{92}").chars().map(|c| c as u8).collect(),
        );
        files.push(
            said.replace('—', "\u{d1}").replace('’', "\u{d5}").chars().map(|c| c as u8).collect(),
        );
        for file in files {
            let text = ghost_core::archive::decode_text(&file).unwrap();
            let (notation, edit) = shipped(DRAFT, &text);
            assert_eq!(notation, changed);
            assert!(edit.kept_ratio > 0.9, "{}", edit.kept_ratio);
        }
    }

    #[test]
    fn unicode_normalisation_does_not_count_as_an_edit() {
        let (notation, edit) =
            shipped("Le café noir, Unter\u{ad}nehmen.", "Le cafe\u{301} noir, Unternehmen.");
        assert_eq!(notation, "Le café noir, Unternehmen.");
        assert_eq!((edit.kept_ratio, edit.edit_distance), (1.0, 0.0));
    }
}
