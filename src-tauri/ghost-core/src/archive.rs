//! The writer's past work: reads the bytes of a file and returns pieces, revisions and warnings.
//!
//! Knows formats, not folders: the caller walks the disk and passes each file's path, as a name, with
//! its bytes. Reading never fails; what cannot be read becomes a warning and the rest is kept.
//!
//! Where to look: `import` reads a file from end to end, `sniff` detects its format. `export` has one
//! table with a reader for every product that exports many texts to a file (WordPress, Ghost, Evernote
//! and others); `document` reads Word, OpenDocument and RTF; `mail`, `epub`, `html`, `markdown`, `org` and
//! `plain_text` what their names say. `sidecar` reads the files that describe others: the lists of
//! Substack, the binder of Scrivener.

mod csv_rows;
mod date;
mod decode;
mod document;
mod entry;
mod epub;
mod export;
mod front_matter;
mod hard_wrap;
pub mod history;
mod html;
mod html_tags;
mod import;
mod json;
mod limits;
mod mail;
mod markdown;
mod metadata;
mod note_apps;
mod omissions;
mod org;
mod outline;
mod path;
mod piece;
mod plain_text;
mod sidecar;
mod sniff;
mod text;
mod xml;
mod zip_reader;

pub use decode::decode_text;
pub use import::{is_zip, read, read_with, read_zip};
pub use limits::MAX_FILE_BYTES;
pub use markdown::{non_prose_spans, unescape};
pub use piece::{ImportResult, ImportWarning, Kind, Piece, Revision, Span, SpanKind};
pub use sidecar::SidecarIndex;
