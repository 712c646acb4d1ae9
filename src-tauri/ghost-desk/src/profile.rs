//! How the writer writes, from the archive, and a draft beside it. The figures are the core's
//! ([`ghost_core::profile`]).

use ghost_core::id::DraftId;
use ghost_core::profile::{self, Profile, Theme};

use crate::Desk;
use crate::authors::Authors;
use crate::failure::{Code, Failure, Result};
use crate::store::{drafts, pieces};
use crate::wire::{FigureView, OpenerView, ProfileAsked, ProfileView};

impl Desk {
    pub(crate) fn profile(&self, ask: &ProfileAsked) -> Result<ProfileView> {
        let store = self.store();
        let authors = Authors::read(store.on())?;
        let mut kept = pieces::all(store.on())?;
        kept.retain(|kept| authors.is_own(kept.piece.author.as_deref()));
        let draft = ask.draft.map(|id| drafts::one(store.on(), DraftId(id))).transpose()?;
        drop(store);
        let text = draft.map(|draft| {
            let text = draft.shipped.or(draft.working).filter(|_| !ask.as_drafted);
            text.unwrap_or(draft.text)
        });
        let own = kept
            .iter()
            .map(|kept| (kept.piece.text.as_str(), kept.piece.non_prose_spans.as_slice()));
        let found = profile::profile(own, text.as_deref()).ok_or_else(|| {
            Failure::new(
                Code::TooLittle,
                "Three pieces of 50 words or more are the least to know how you write by.",
            )
        })?;
        Ok(shown(found))
    }
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
