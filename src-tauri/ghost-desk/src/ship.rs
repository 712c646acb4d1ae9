//! Draft to edit to row: what the writer made of a draft is measured, shown and learned from.

use ghost_core::edit::{Edit, Segment};
use ghost_core::id::DraftId;
use ghost_core::measure;
use ghost_core::row::{Row, Side};
use ghost_core::words;

use crate::Desk;
use crate::failure::{Code, Failure, Result};
use crate::store::drafts::{self, StoredDraft};
use crate::store::{edits, rows, settings};
use crate::wire::{EditView, SegmentView, ShipDraft};

impl Desk {
    pub(crate) fn ship(&self, ask: ShipDraft) -> Result<EditView> {
        let id = DraftId(ask.draft);
        let draft = self.settled_draft(id)?;
        if draft.ended.is_none() {
            return Err(Failure::new(
                Code::Busy,
                "This draft is still being written; stop it first.",
            ));
        }
        let text = text_of(&draft, ask.text);
        if words::count(&text) == 0 {
            return Err(Failure::new(Code::BadInput, "There is nothing to ship yet."));
        }
        let mut shown = edit_view(&draft, &text);
        let measured = Edit::between(&draft.text, &text);
        let apart = ghost_core::archive::apart(&text);
        let (edit, row) = self.store().whole(|t| {
            drafts::ship(t, id, &text, &self.now())?;
            let edit =
                edits::keep(t, id, &measured.to_string(), shown.kept_ratio, shown.edit_distance)?;
            let side = Side::of_edit(edit);
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
        let draft = drafts::one(store.on(), DraftId(ask.draft))?;
        let kept = edits::of_draft(store.on(), draft.id)?;
        drop(store);
        let text = match (&draft.shipped, ask.text) {
            (Some(shipped), None) => shipped.clone(),
            (_, text) => text_of(&draft, text),
        };
        let mut shown = edit_view(&draft, &text);
        if let Some((edit, row)) = kept {
            (shown.edit, shown.row) = (Some(edit.0), row);
        }
        Ok(shown)
    }
}

/// The text given, or the writer's so far, or the draft's own.
fn text_of(draft: &StoredDraft, given: Option<String>) -> String {
    given.or_else(|| draft.working.clone()).unwrap_or_else(|| draft.text.clone())
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
