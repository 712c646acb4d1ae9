//! What the fuzz targets share. Of the archive's: reading a file that a fuzzer wrote, and what must
//! hold of whatever comes of it; it knows no format. Of the engine's: tiny files that are right but
//! for what a fuzzer wrote into them (`tiny`).

pub mod tiny;

use std::io::{Cursor, Write as _};

use ghost_core::archive::{self, Piece};
use zip::write::{SimpleFileOptions, ZipWriter};

/// Reads bytes as a file of that name.
///
/// # Panics
/// Where a piece that came of it is not whole.
pub fn read(name: &str, bytes: &[u8]) {
    let (pieces, warnings) = archive::read(name, bytes);
    pieces.iter().for_each(check);
    assert!(warnings.iter().all(|warning| !warning.reason.is_empty()));
}

/// Reads a zip of these parts, so that a fuzzer need not learn to pack.
///
/// # Panics
/// As [`read`].
pub fn read_packed(name: &str, parts: &[(&str, &[u8])]) {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (part, bytes) in parts {
        zip.start_file(*part, SimpleFileOptions::default()).expect("the name is ours");
        zip.write_all(bytes).expect("memory takes it");
    }
    let packed = zip.finish().expect("memory takes it").into_inner();
    read(name, &packed);
}

/// The parts that a fuzzer wrote one after the other, a NUL between them.
pub fn divided<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut parts = data.splitn(N, |&byte| byte == 0);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

fn check(piece: &Piece) {
    let mut at = 0;
    for span in &piece.non_prose_spans {
        assert!(at <= span.from && span.from <= span.to, "spans out of order");
        assert!(piece.text.get(span.from..span.to).is_some(), "a span cuts a character");
        at = span.to;
    }
    assert!(!piece.text.trim().is_empty() && !piece.title.trim().is_empty());
    assert!(!piece.text.contains('\r'));
}
