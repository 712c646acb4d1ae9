//! Makes the file of reference authors that a voice is distinguished from: reads a folder with one folder
//! per author and writes `assets/lexicons/reference-authors.json`. Only masked text is written
//! ([`ghost_core::voice`]).
//!
//! ```text
//! cargo run --release -p ghost-core --example reference_authors -- FOLDER > assets/lexicons/reference-authors.json
//! ```
//!
//! A folder named in `--apart` holds one piece each of many authors, and each piece becomes an author.
//! The first line of a folder's SOURCES.md that names a GitHub repository is kept as its source.

use std::path::{Path, PathBuf};
use std::{env, fs};

use ghost_core::archive;
use ghost_core::voice::{ReferenceAuthor, ReferenceAuthors};

fn main() {
    let mut names: Vec<String> = env::args().skip(1).collect();
    let mut apart = Vec::new();
    while let Some(at) = names.iter().position(|name| name == "--apart") {
        apart.extend(names.drain(at..(at + 2).min(names.len())).nth(1));
    }
    let mut writers = Vec::new();
    for folder in names.iter().flat_map(|name| folders(Path::new(name))) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let pieces = pieces(&folder);
        let source = source(&folder);
        let own = |name: &str, texts: &[String]| ReferenceAuthor {
            source: source.clone(),
            ..ReferenceAuthor::of(name, texts.iter().map(String::as_str))
        };
        if apart.contains(&name) {
            let each = pieces.iter().enumerate();
            writers.extend(
                each.map(|(n, text)| own(&format!("{name} {}", n + 1), std::slice::from_ref(text))),
            );
        } else {
            writers.push(own(&name, &pieces));
        }
    }
    writers.retain(|writer| !writer.samples.is_empty());
    let authors = ReferenceAuthors { writers };
    #[allow(clippy::print_stdout)]
    {
        print!("{}", authors.to_json());
    }
}

/// The folders in a folder; the folder itself if it has none.
fn folders(root: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = entries(root).into_iter().filter(|path| path.is_dir()).collect();
    found.sort();
    if found.is_empty() { vec![root.to_owned()] } else { found }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// The texts of a folder, as the app reads them, sorted by date.
fn pieces(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(entries(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy();
            found.extend(archive::read(&name, &bytes).0);
        }
    }
    found.sort_by(|a, b| (a.date, &a.source).cmp(&(b.date, &b.source)));
    found.into_iter().map(|piece| piece.text).collect()
}

fn source(folder: &Path) -> String {
    let about = fs::read_to_string(folder.join("SOURCES.md")).unwrap_or_default();
    let line = about.lines().find(|line| line.contains("github.com/")).unwrap_or_default();
    line.chars().take(400).collect()
}
