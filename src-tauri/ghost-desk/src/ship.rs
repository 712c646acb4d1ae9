//! Draft to edit to row: what the writer made of a draft is measured, shown and learned from.

use ghost_core::edit::{Edit, Segment};
use ghost_core::id::DraftId;
use ghost_core::row::Row;
use ghost_core::split::Split;
use ghost_core::{measure, normalize, words};

use crate::Desk;
use crate::failure::{Code, Failure, Result};
use crate::store::drafts::{self, StoredDraft};
use crate::store::{edits, rows, settings};
use crate::wire::{EditView, SegmentView, ShipDraft};

impl Desk {
    pub(crate) fn ship(&self, ask: ShipDraft) -> Result<EditView> {
        let id = DraftId(ask.draft);
        let mut draft = self.settled_draft(id)?;
        if draft.ended.is_none() {
            return Err(Failure::new(
                Code::Busy,
                "This draft is still being written; stop it first.",
            ));
        }
        let text = text_of(&draft, ask.text);
        draft.text = stored(draft.text);
        if words::count(&text) == 0 {
            return Err(Failure::new(Code::BadInput, "There is nothing to ship yet."));
        }
        let mut shown = edit_view(&draft, &text);
        let measured = Edit::between(&draft.text, &text);
        let apart = ghost_core::archive::non_prose_spans(&text);
        let (edit, row) = self.store().whole(|t| {
            drafts::ship(t, id, &text, &self.now())?;
            let edit =
                edits::keep(t, id, &measured.to_string(), shown.kept_ratio, shown.edit_distance)?;
            let side = Split::of_edit(edit);
            let row = Row::of_edit(edit, draft.seed.clone(), &draft.text, &text, &apart, side);
            // It may have been published before it was shipped here.
            settings::set(t, crate::archive::STALE, &true)?;
            Ok((edit, rows::keep(t, &row)?))
        })?;
        (shown.edit, shown.row) = (Some(edit.0), Some(row.0));
        log::info!("shipped draft {id}: kept {:.2}", shown.kept_ratio);
        Ok(shown)
    }

    pub(crate) fn edit(&self, ask: ShipDraft) -> Result<EditView> {
        let store = self.store();
        let mut draft = drafts::one(store.on(), DraftId(ask.draft))?;
        let kept = edits::of_draft(store.on(), draft.id)?;
        drop(store);
        let text = match (&draft.shipped, ask.text) {
            (Some(shipped), None) => shipped.clone(),
            (_, text) => text_of(&draft, text),
        };
        draft.text = stored(draft.text);
        let mut shown = edit_view(&draft, &text);
        if let Some((edit, row)) = kept {
            (shown.edit, shown.row) = (Some(edit.0), row);
        }
        Ok(shown)
    }
}

/// The text given, or the writer's so far, or the draft's own, as it is stored.
fn text_of(draft: &StoredDraft, given: Option<String>) -> String {
    stored(given.or_else(|| draft.working.clone()).unwrap_or_else(|| draft.text.clone()))
}

/// A text as a piece is stored, without line ends at either end: what an editor does to a file when it
/// saves it is no edit of the writer's.
pub(crate) fn stored(text: String) -> String {
    let text = normalize::owned(text);
    let bare = text.trim_matches('\n');
    if bare.len() == text.len() { text } else { bare.to_owned() }
}

/// Measured on the smallest edit there is, shown as a person wants to see it.
fn edit_view(draft: &StoredDraft, text: &str) -> EditView {
    let measured = Edit::between(&draft.text, text);
    let shown = Edit::presentable(&draft.text, text);
    EditView {
        draft: draft.id.0,
        edit: None,
        row: None,
        kept_ratio: measure::kept_ratio(&measured),
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
    use crate::Host;

    const DRAFT: &str = "The rain barrel — it’s full. I wouldn’t drink from it.\n\nThe cat did.\n";

    /// What shipping `text` changes in a draft, as a line.
    fn shipped(draft: &str, text: &str) -> (String, EditView) {
        let home = tempfile::tempdir().unwrap();
        let desk = Desk::open(home.path(), Host::CommandLine).unwrap();
        {
            let store = desk.store();
            store
                .on()
                .execute_batch("INSERT INTO bases VALUES (1, 'f', 'p', '{}', 'then')")
                .unwrap();
            let seed = ghost_core::seed::Seed { topic: "rain".into(), ..Default::default() };
            let base = ghost_core::id::BaseId(1);
            let id = drafts::begin(store.on(), &seed, base, None, 7, "then").unwrap();
            drafts::grow(store.on(), id, draft, 9, 1.0, Some("\"finished\"")).unwrap();
        }
        let edit = desk.ship(ShipDraft { draft: 1, text: Some(text.to_owned()) }).unwrap();
        let again = desk.edit(ShipDraft { draft: 1, text: None }).unwrap();
        assert_eq!(again.notation, edit.notation);
        (edit.notation.clone(), edit)
    }

    #[test]
    fn what_an_editor_does_to_a_file_when_it_saves_it_is_no_edit() {
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
    fn how_a_letter_is_stored_is_no_edit() {
        let (notation, edit) =
            shipped("Le café noir, Unter\u{ad}nehmen.", "Le cafe\u{301} noir, Unternehmen.");
        assert_eq!(notation, "Le café noir, Unternehmen.");
        assert_eq!((edit.kept_ratio, edit.edit_distance), (1.0, 0.0));
    }
}
