//! Files and folders into the archive: walks the disk, hands names and bytes to the core, keeps
//! what comes back. What is here already, by content, is not kept twice.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ghost_core::archive::{self, Piece};
use sha2::{Digest as _, Sha256};
use walkdir::{DirEntry, WalkDir};

use crate::Desk;
use crate::commands::Hear;
use crate::event::Event;
use crate::failure::{Code, Failure, Result};
use crate::store::pieces::{self, Kept};
use crate::store::settings;
use crate::wire::{ComplaintView, Import, ImportReport, KindCount};

/// Largest file that is read. Exports with pictures are zips and may be large; words are not.
const MOST_BYTES: u64 = 512 << 20;
/// Files between two words of progress.
const PROGRESS_EVERY: usize = 20;

/// A file to read: where it is, and its name as seen from the folder that was dropped.
struct Found {
    path: PathBuf,
    name: String,
    /// What to put before `name` to have the whole path again.
    above: PathBuf,
}

impl Desk {
    pub(crate) fn import(&self, ask: Import, hear: &mut Hear<'_>) -> Result<ImportReport> {
        let started = Instant::now();
        let (found, mut complaints) = find(&ask.paths)?;
        let mut read = Vec::new();
        for (n, file) in found.iter().enumerate() {
            if n % PROGRESS_EVERY == 0 {
                hear(Event::ImportProgressed {
                    done: n as u32,
                    of: found.len() as u32,
                    path: file.name.clone(),
                });
            }
            let (pieces, trouble) = read_file(file);
            read.extend(pieces);
            complaints.extend(trouble);
        }
        if read.is_empty() && complaints.is_empty() {
            complaints.extend(ask.paths.iter().map(|path| ComplaintView {
                path: path.clone(),
                reason: "There is nothing here that can be read as writing.".into(),
            }));
        }
        let mut report = self.keep(&read, &complaints, ask.dry_run)?;
        report.complaints = complaints;
        report.seconds = started.elapsed().as_secs_f64();
        log::info!(
            "import: {} files, {} pieces, {} added, {} changed, {} complaints, {:.2} s",
            found.len(),
            report.pieces,
            report.added,
            report.changed,
            report.complaints.len(),
            report.seconds
        );
        Ok(report)
    }

    fn keep(
        &self,
        read: &[Piece],
        complaints: &[ComplaintView],
        dry_run: bool,
    ) -> Result<ImportReport> {
        let now = self.now();
        let mut store = self.store();
        let tally = |on: &rusqlite::Connection| -> Result<[u32; 3]> {
            let mut kept = [0; 3];
            for piece in read {
                kept[pieces::keep(on, piece, &hash(piece), &now)? as usize] += 1;
            }
            Ok(kept)
        };
        // A dry run does it all and undoes it, and so counts exactly as the real one would.
        let kept = if dry_run {
            store.undone(|t| tally(t))?
        } else {
            store.whole(|t| {
                settings::set_complaints(t, complaints)?;
                tally(t)
            })?
        };
        drop(store);
        if !dry_run && kept[Kept::Added as usize] + kept[Kept::Changed as usize] > 0 {
            self.lay_out_rows()?;
        }
        let mut kinds: Vec<KindCount> = Vec::new();
        for piece in read {
            let kind = piece.kind.to_string();
            match kinds.iter_mut().find(|count| count.kind == kind) {
                Some(count) => count.pieces += 1,
                None => kinds.push(KindCount { kind, pieces: 1 }),
            }
        }
        kinds.sort_by(|a, b| b.pieces.cmp(&a.pieces).then_with(|| a.kind.cmp(&b.kind)));
        Ok(ImportReport {
            kinds,
            pieces: read.len() as u32,
            added: kept[Kept::Added as usize],
            changed: kept[Kept::Changed as usize],
            duplicates: kept[Kept::Duplicate as usize],
            complaints: Vec::new(),
            seconds: 0.0,
        })
    }
}

/// A piece is known by its title and words: not by where it lies, nor by how its lines are broken.
pub(crate) fn hash(piece: &Piece) -> String {
    let mut hasher = Sha256::new();
    hasher.update(piece.title.trim());
    for word in piece.text.split_whitespace() {
        hasher.update(" ");
        hasher.update(word);
    }
    hex(&hasher.finalize())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn find(paths: &[String]) -> Result<(Vec<Found>, Vec<ComplaintView>)> {
    let mut found = Vec::new();
    let mut complaints = Vec::new();
    let mut missing = 0;
    for path in paths {
        let Ok(root) = fs::canonicalize(path) else {
            missing += 1;
            complaints.push(ComplaintView {
                path: path.clone(),
                reason: "There is no such file or folder.".into(),
            });
            continue;
        };
        let above = root.parent().unwrap_or(Path::new("/")).to_owned();
        for entry in WalkDir::new(&root).sort_by_file_name().into_iter().filter_entry(is_writing) {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    let name = name_of(entry.path(), &above);
                    found.push(Found { path: entry.into_path(), name, above: above.clone() });
                }
                Ok(_) => {}
                Err(error) => complaints.push(ComplaintView {
                    path: error.path().map_or(path.clone(), |path| path.display().to_string()),
                    reason: "This folder could not be opened.".into(),
                }),
            }
        }
    }
    if missing > 0 && missing == paths.len() {
        return Err(Failure::new(
            Code::NotFound,
            format!("There is no such file or folder: {}.", paths.join(", ")),
        ));
    }
    Ok((found, complaints))
}

/// Leaves out folders that hold machinery: hidden ones, and what builds leave behind. Whatever was
/// named by the writer is looked into all the same.
fn is_writing(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    entry.depth() == 0 || !(name.starts_with('.') || name == "node_modules")
}

/// The path below `above`, with `/` whatever the system's own separator.
fn name_of(path: &Path, above: &Path) -> String {
    let below = path.strip_prefix(above).unwrap_or(path);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn read_file(file: &Found) -> (Vec<Piece>, Vec<ComplaintView>) {
    let whole = |name: &str| file.above.join(name).display().to_string();
    let trouble =
        |reason: String| (Vec::new(), vec![ComplaintView { path: whole(&file.name), reason }]);
    match fs::metadata(&file.path) {
        Ok(facts) if facts.len() > MOST_BYTES => {
            return trouble("This file is too large to be writing; it was passed over.".into());
        }
        _ => {}
    }
    let bytes = match fs::read(&file.path) {
        Ok(bytes) => bytes,
        Err(error) => return trouble(Failure::io("read", &file.path, &error).message),
    };
    let (mut pieces, complaints) = archive::read(&file.name, &bytes);
    for piece in &mut pieces {
        piece.source = whole(&piece.source);
    }
    let complaints = complaints
        .into_iter()
        .map(|complaint| ComplaintView { path: whole(&complaint.path), reason: complaint.reason })
        .collect();
    (pieces, complaints)
}
