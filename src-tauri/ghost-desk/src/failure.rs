//! What went wrong: a code to act on, a sentence to read.
//!
//! The page and scripts branch on the code; the person reads the sentence. A code nobody branches
//! on is not added. Logs carry the code, never the writer's words.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What a caller may want to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export, export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No such command.
    UnknownCommand,
    /// The request does not fit the command.
    BadInput,
    /// The thing asked for is not here.
    NotFound,
    /// There is no base on this computer yet.
    BaseMissing,
    /// The file is no base that can be used.
    NotABase,
    /// The base wrote no words for so long that its draft was stopped.
    NoWords,
    /// There is too little to learn from or judge by.
    TooLittle,
    /// Something else is at work and must end first.
    Busy,
    /// It was asked to stop; what was done is kept.
    Stopped,
    /// The disk is full; nothing was lost.
    DiskFull,
    /// The store was written by a newer version of this program.
    StoreTooNew,
    /// Another window has this folder open.
    FolderInUse,
    /// A model elsewhere did not answer as it should.
    Elsewhere,
    /// There is not enough memory.
    OutOfMemory,
    /// A file could not be read or written.
    Io,
    /// A mistake of ours.
    Bug,
}

/// An error as it crosses the door.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export, export_to = "wire.ts"))]
#[error("{message}")]
pub struct Failure {
    /// To act on.
    pub code: Code,
    /// One sentence, for the writer.
    pub message: String,
}

/// An answer, or the reason there is none.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure with its sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Failure { code, message: message.into() }
    }

    /// A file could not be used; `verb` says what was tried ("read", "write", "make").
    pub fn io(verb: &str, path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::disk_full(),
            kind => Failure::new(
                Code::Io,
                format!(
                    "Could not {verb} {}: {}.",
                    path.display(),
                    kind.to_string().trim_end_matches('.')
                ),
            ),
        }
    }

    /// The disk is full.
    pub fn disk_full() -> Self {
        Failure::new(
            Code::DiskFull,
            "The disk is full, so this could not be saved. Nothing is lost: free some space and it \
             will be saved.",
        )
    }

    /// Something asked for is not here.
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Failure::new(Code::NotFound, format!("There is no {what} {id}."))
    }
}

impl From<ghost_engine::error::Error> for Failure {
    fn from(error: ghost_engine::error::Error) -> Self {
        use ghost_engine::error::Error;
        let code = match &error {
            Error::NotABase { .. }
            | Error::Malformed(_)
            | Error::Unsupported { .. }
            | Error::Truncated { .. }
            | Error::Template(_)
            | Error::AdapterMismatch { .. } => Code::NotABase,
            Error::OutOfMemory { .. } => Code::OutOfMemory,
            Error::Io { path, source } => return Failure::io("use", path, source),
            _ => Code::Bug,
        };
        Failure::new(code, error.to_string())
    }
}
