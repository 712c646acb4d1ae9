//! Ids of stored things. Only ids may refer back along the chain from archive to verdict.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A piece of the archive.
    PieceId;
    /// A draft.
    DraftId;
    /// The edit between a draft and its shipped text.
    EditId;
    /// A row of training data.
    RowId;
    /// A training run.
    RunId;
    /// A base model on this computer.
    BaseId;
    /// An adapter of this writer.
    AdapterId;
}
