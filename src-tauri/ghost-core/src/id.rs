//! Ids: the only things that may point back along the line.

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
    /// What the ghost wrote.
    DraftId;
    /// The difference between a draft and what was shipped.
    EditId;
    /// One lesson.
    RowId;
    /// One training.
    RunId;
    /// A base on this computer.
    BaseId;
    /// What a base has learned of this writer.
    AdapterId;
}
