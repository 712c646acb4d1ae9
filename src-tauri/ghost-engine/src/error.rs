//! Errors of the engine, each a sentence that a writer can read.
//!
//! A variant exists where a caller acts on it; the facts ride along. Knows
//! nothing of the codes the door gives them.

use std::path::PathBuf;

/// The engine's own result.
pub type Result<T> = std::result::Result<T, Error>;

/// An error. `Display` is a whole sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not a base, or it is damaged.
    #[error("{} can't be used as a base: {reason}.", path.display())]
    NotABase {
        /// The file that was opened.
        path: PathBuf,
        /// The reason, without a full stop.
        reason: String,
    },
    /// Damaged bytes, before it is known which file they are from.
    #[error("The file is damaged: {0}.")]
    Malformed(String),
    /// A well-formed base that needs a feature the engine does not have.
    #[error("This base needs {what}, which is not supported yet.")]
    Unsupported {
        /// A noun phrase: "the architecture `mamba`".
        what: String,
    },
    /// The file ends early: an unfinished download, most often.
    #[error("The file ends early: {what} needs {wanted} bytes and {have} are left.")]
    Truncated {
        /// The part that was being read.
        what: String,
        /// Bytes that part needs.
        wanted: u64,
        /// Bytes that are there.
        have: u64,
    },
    /// The base's own chat template can't be used: what it does, as "is too long".
    #[error("The base's chat template {0}.")]
    Template(String),
    /// An adapter that was trained on another base.
    #[error("This adapter doesn't fit the base: {what}.")]
    AdapterMismatch {
        /// The difference, without a full stop.
        what: String,
    },
    /// The file is not an adapter, or it is damaged.
    #[error("{} can't be used as an adapter: {reason}.", path.display())]
    NotAnAdapter {
        /// The file that was opened.
        path: PathBuf,
        /// The reason, without a full stop.
        reason: String,
    },
    /// A run that can't be done as requested.
    #[error("This run can't be done: {0}.")]
    Recipe(String),
    /// The work would not fit in memory.
    #[error("There isn't enough memory for {what}.")]
    OutOfMemory {
        /// A noun phrase: "a sequence of 4096 tokens".
        what: String,
    },
    /// The disk or the system refused.
    #[error("{} couldn't be read or written: {source}.", path.display())]
    Io {
        /// The file in question.
        path: PathBuf,
        /// The system's own reason.
        source: std::io::Error,
    },
    /// The caller asked to stop.
    #[error("Stopped.")]
    Stopped,
    /// A defect of this program.
    #[error("Internal error: {0}.")]
    Bug(String),
}

impl Error {
    /// An error about bytes.
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }

    /// An error about a feature we lack.
    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }

    /// Names the file that damaged bytes came from.
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        match self {
            Self::Malformed(reason) => Self::NotABase { path: path.to_owned(), reason },
            other => other,
        }
    }
}
