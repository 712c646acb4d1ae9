//! Failures: a code to act on and a sentence to read.
//!
//! The page and scripts branch on the code; people read the sentence. Every code is one that some
//! caller branches on. Logs contain the code, never the writer's text.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A reason that a caller may act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export, export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The command does not exist.
    UnknownCommand,
    /// The request does not match the command.
    BadInput,
    /// The requested thing does not exist.
    NotFound,
    /// No base is installed.
    BaseMissing,
    /// The file is not a usable base.
    NotABase,
    /// The draft was stopped because the base produced no words.
    NoWords,
    /// There is too little to learn from or evaluate on.
    TooLittle,
    /// Something else must finish first.
    Busy,
    /// Stopped on request; finished work is kept.
    Stopped,
    /// The disk is full; nothing was lost.
    DiskFull,
    /// The store was written by a newer version of this program.
    StoreTooNew,
    /// Another window has this folder open.
    FolderInUse,
    /// The remote model failed.
    RemoteModel,
    /// There is not enough memory.
    OutOfMemory,
    /// A file could not be read or written.
    Io,
    /// An error in the program.
    Bug,
}

/// A failure of a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export, export_to = "wire.ts"))]
#[error("{message}")]
pub struct Failure {
    /// The code to act on.
    pub code: Code,
    /// One sentence for the writer.
    pub message: String,
}

/// A result or a failure.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure with its sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Failure { code, message: message.into() }
    }

    /// A file operation failed; `verb` names it ("read", "write", "create").
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
            "The disk is full, so this was not saved. Nothing is lost: free some space and try \
             again.",
        )
    }

    /// The requested thing does not exist.
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Failure::new(Code::NotFound, format!("No {what} has the id {id}."))
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
