//! Reads folders like an import and prints the result for every file.
//!
//! ```text
//! cargo run --release -p ghost-core --example exports -- [--texts] FOLDER...
//! ```
//!
//! Each FOLDER is a row of the table. With `--texts` the texts of the pieces follow, for proofreading.

// It prints a table, as commands do.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::{env, fs};

use ghost_core::archive::{self, ImportResult, SidecarIndex, SpanKind};

fn main() {
    let (flags, folders): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let texts = flags.iter().any(|flag| flag == "--texts");
    println!("| folder | files | read | pieces | revisions | warnings | ignored |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    let mut report = String::new();
    for folder in folders.iter().map(Path::new) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let files = files(folder);
        let sidecars = sidecars(folder, &files);
        let mut sums = [0; 5];
        for path in &files {
            let bytes = fs::read(path).unwrap_or_default();
            let result = archive::read_with(&name_of(folder, path), &bytes, &sidecars);
            let nothing = result.pieces.is_empty() && result.warnings.is_empty();
            let counts = [
                usize::from(!result.pieces.is_empty()),
                result.pieces.len(),
                result.revisions.len(),
                result.warnings.len(),
                usize::from(nothing),
            ];
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            describe(&mut report, &name_of(folder, path), &result, texts);
        }
        let [read, pieces, revisions, warnings, nothing] = sums;
        let n = files.len();
        println!("| {name} | {n} | {read} | {pieces} | {revisions} | {warnings} | {nothing} |");
    }
    println!("\n{report}");
}

/// Writes the result of a file, one line for each piece and warning.
fn describe(out: &mut String, name: &str, result: &ImportResult, texts: bool) {
    out.push_str(&format!("{name}\n"));
    for piece in &result.pieces {
        let date = piece.date.map_or("-".to_owned(), |date| date.to_string());
        let author = piece.author.as_deref().unwrap_or("-");
        let draft = if piece.unfinished { ", unfinished" } else { "" };
        let theirs =
            piece.non_prose_spans.iter().filter(|span| span.kind == SpanKind::Quote).count();
        out.push_str(&format!(
            "  {} | {date} | {author} | {} words{draft}, {theirs} quotes | {}\n",
            piece.kind, piece.words, piece.title
        ));
        if texts {
            out.push_str(&format!("    | {}\n", piece.text.replace('\n', "\n    | ")));
        }
    }
    for revision in &result.revisions {
        let [before, after] = [&revision.before, &revision.after].map(|text| text.len());
        out.push_str(&format!("  revision | {} | {before} to {after} bytes\n", revision.title));
    }
    for warning in &result.warnings {
        out.push_str(&format!("  ! {}: {}\n", warning.path, warning.reason));
    }
}

/// Every file below a folder that is not hidden, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        match path.is_dir() {
            _ if hidden => {}
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

fn sidecars(folder: &Path, files: &[PathBuf]) -> SidecarIndex {
    let mut sidecars = SidecarIndex::default();
    for path in files {
        let name = name_of(folder, path);
        if SidecarIndex::is_sidecar(&name) {
            sidecars.add(&name, &fs::read(path).unwrap_or_default());
        }
    }
    sidecars
}

/// The path from the imported folder on.
fn name_of(folder: &Path, path: &Path) -> String {
    let above = folder.parent().unwrap_or(folder);
    let below = path.strip_prefix(above).unwrap_or(path);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}
