//! The writer's past work: bytes of a file in, pieces and complaints out.
//!
//! Knows formats, not folders: whoever walks the disk hands over a path *as a name* and the bytes.
//! Reading never fails; what cannot be read is complained about, and the rest is kept.

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
