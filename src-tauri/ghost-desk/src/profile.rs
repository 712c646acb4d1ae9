//! Style profile: the writer's style in figures, optionally with a draft for comparison. Computed by
//! the core ([`ghost_core::profile`]).

use ghost_core::id::DraftId;
use ghost_core::profile::{self, Profile, Theme};

use crate::authors::Authors;
use crate::failure::{Code, Failure, Result};
use crate::store::{drafts, pieces};
use crate::wire::{FigureView, OpenerView, ProfileRequest, ProfileView};
use crate::workspace::Workspace;

/// The writer's style profile, optionally compared with a draft.
///
/// # Errors
/// `too_little`, `not_found`, or the store's.
pub(crate) fn view(workspace: &Workspace, ask: &ProfileRequest) -> Result<ProfileView> {
    let store = workspace.store();
    let authors = Authors::read(store.db())?;
    let mut kept = pieces::all(store.db())?;
    kept.retain(|kept| authors.is_own(kept.piece.author.as_deref()));
    let draft = ask.draft.map(|id| drafts::one(store.db(), DraftId(id))).transpose()?;
    drop(store);
    let text = draft.map(|draft| {
        let text = draft.shipped.or(draft.working).filter(|_| !ask.as_drafted);
        text.unwrap_or(draft.text)
    });
    let own =
        kept.iter().map(|kept| (kept.piece.text.as_str(), kept.piece.non_prose_spans.as_slice()));
    let found = profile::profile(own, text.as_deref()).ok_or_else(|| {
        Failure::new(Code::TooLittle, "A profile needs at least three pieces of 50 words or more.")
    })?;
    Ok(shown(found))
}

fn shown(found: Profile) -> ProfileView {
    ProfileView {
        pieces: found.pieces as u32,
        draft_words: found.draft_words.map(|words| words as u32),
        figures: found
            .figures
            .into_iter()
            .map(|figure| FigureView {
                theme: match figure.theme {
                    Theme::Rhythm => "rhythm",
                    Theme::Openers => "openers",
                    Theme::Punctuation => "punctuation",
                    Theme::Certainty => "certainty",
                }
                .into(),
                name: figure.name,
                unit: figure.unit,
                writer: figure.writer,
                spread: figure.spread,
                draft: figure.draft,
                off: figure.off,
                unusual: figure.unusual,
            })
            .collect(),
        openers: found
            .openers
            .into_iter()
            .map(|opener| OpenerView {
                word: opener.word,
                writer: opener.writer,
                draft: opener.draft,
            })
            .collect(),
        sentences: found.sentences,
    }
}
