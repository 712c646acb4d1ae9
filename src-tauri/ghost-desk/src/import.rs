//! Import: walks the disk, passes names and bytes to the core, and stores the result. Content that
//! is already stored is not stored twice.
//!
//! Each file is stored whole or not at all: an import that ends early leaves whole pieces, and
//! never holds more than a few files in memory.

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use ghost_core::archive::{
    self, ImportResult, ImportWarning, MAX_FILE_BYTES, Piece, Revision, SidecarIndex,
};
use sha2::{Digest as _, Sha256};
use walkdir::{DirEntry, WalkDir};

use crate::archive::{Archive, ROWS_STALE};
use crate::event::{Event, OnEvent};
use crate::failure::{Code, Failure, Result};
use crate::history::{self, Repository};
use crate::store::files::{self, Tally};
use crate::store::pieces::{self, ImportOutcome, PieceKeys};
use crate::store::{pairs, settings};
use crate::sync::lock;
use crate::wire::{Import, ImportPreview, ImportReport, KindCount, NameCount, Nothing};
use crate::{hex, import_notes};

/// Maximum bytes of a sidecar file (one that describes other files).
const MAX_LIST_BYTES: u64 = 16 << 20;
/// How often progress is reported.
const TELL_EVERY: Duration = Duration::from_millis(50);
/// Bytes and files per commit: a commit per file would take most of the time.
const BATCH: (u64, usize) = (8 << 20, 256);
/// A file written this recently may be written again without a new modification time.
const FRESH: Duration = Duration::from_secs(2);
/// Version of the readers. Raise it when they read differently: then every file is read again.
const READERS: u32 = 3;

/// A file to read: its path, and its name relative to the imported folder.
struct SourceFile {
    path: PathBuf,
    name: String,
    /// The path that completes `name` to a whole path.
    above: PathBuf,
    bytes: u64,
    /// A git repository, whose history is read.
    is_history: bool,
    /// Changes when the file changes; `None` if that cannot be detected.
    stamp: Option<String>,
    /// Modification time.
    written: Option<SystemTime>,
}

/// What was read from a file.
struct ReadFile {
    file: SourceFile,
    result: ImportResult,
    /// One per piece, in the same order.
    keys: Vec<PieceKeys>,
    complaints: Vec<ImportWarning>,
}

/// Files that were read and are to be stored together.
#[derive(Default)]
struct Batch {
    files: Vec<ReadFile>,
    bytes: u64,
}

/// The reader's position, for progress reports.
struct Position {
    done: AtomicUsize,
    name: Mutex<String>,
}

/// The running totals of an import.
#[derive(Default)]
struct Totals {
    tally: Tally,
    kept: [u32; 3],
    pairs_added: u32,
    complaints: Vec<ImportWarning>,
    /// On a dry run: the pieces that would be imported, and their content hashes.
    found: Vec<ImportPreview>,
    seen: HashSet<i64>,
}

impl Archive {
    /// Imports files and folders, and rebuilds the training rows.
    pub(crate) fn import(&self, ask: Import, on_event: &mut OnEvent<'_>) -> Result<ImportReport> {
        let dry_run = ask.dry_run;
        let report = self.import_files(ask, on_event)?;
        if !dry_run {
            self.rebuild_stale_rows()?;
        }
        Ok(report)
    }

    /// Imports files and folders; the rows wait for [`Archive::rebuild_stale_rows`].
    pub(crate) fn import_files(
        &self,
        ask: Import,
        on_event: &mut OnEvent<'_>,
    ) -> Result<ImportReport> {
        // One import at a time, so that "stop" is unambiguous.
        let _one = lock(&self.importing);
        self.stop_import.store(false, Ordering::Relaxed);
        let started = Instant::now();
        let (found, complaints) = find(&ask.paths)?;
        let (sidecars, mark) = sidecars(&found);
        let mut totals = Totals { complaints, ..Totals::default() };
        let (n, mut done, mut told) = (found.len(), 0, None::<Instant>);
        let mut unread = Vec::new();
        for mut file in found {
            file.stamp = file.stamp.map(|stamp| format!("{stamp} {mark}"));
            match !ask.dry_run && self.has(&file, &mut totals)? {
                true => done += 1,
                false => unread.push(file),
            }
        }
        // Reading occupies one processor and storing another.
        let at = Position { done: AtomicUsize::new(done), name: Mutex::default() };
        std::thread::scope(|scope| -> Result<()> {
            let (send, batches) = sync_channel(0);
            let (sidecars, stop, at) = (&sidecars, &self.stop_import, &at);
            scope.spawn(move || read_all(unread, sidecars, stop, at, &send));
            loop {
                match batches.recv_timeout(TELL_EVERY) {
                    Ok(batch) => self.keep(batch, ask.dry_run, &mut totals)?,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
                if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                    told = Some(Instant::now());
                    let done = at.done.load(Ordering::Relaxed);
                    on_event(totals.progress(done, n, &lock(&at.name)));
                }
            }
        })?;
        let cancelled = at.done.load(Ordering::Relaxed) < n;
        if !cancelled {
            on_event(totals.progress(n, n, ""));
        }
        if totals.tally == Tally::default() && totals.complaints.is_empty() && !cancelled {
            totals.complaints.extend(ask.paths.iter().map(|path| ImportWarning {
                path: path.clone(),
                reason: "Nothing here can be read as prose.".into(),
                words: 0,
            }));
        }
        if !ask.dry_run {
            self.workspace
                .store()
                .transaction(|t| settings::set_complaints(t, &totals.complaints))?;
        }
        let report = totals.report(cancelled, started.elapsed());
        log::info!(
            "import: {n} files, {} pieces, {} added, {} changed, {} pairs, {} complaints, {:.2} s{}",
            report.pieces,
            report.added,
            report.changed,
            report.pairs,
            report.warnings.len() + report.notes.len(),
            report.seconds,
            if cancelled { ", cancelled" } else { "" }
        );
        Ok(report)
    }

    /// Stops the import in progress after the current file.
    pub(crate) fn stop_import(&self) -> Result<Nothing> {
        self.stop_import.store(true, Ordering::Relaxed);
        Ok(Nothing {})
    }

    /// Whether a file is unchanged since it was last read; if so, counts what it contained.
    fn has(&self, file: &SourceFile, totals: &mut Totals) -> Result<bool> {
        let Some(stamp) = &file.stamp else { return Ok(false) };
        let tally = files::unchanged(self.workspace.store().db(), &file.whole(&file.name), stamp)?;
        if let Some(tally) = &tally {
            totals.tally.add(tally);
            totals.kept[ImportOutcome::Duplicate as usize] += tally.pieces;
            totals.complaints.extend(tally.notes.iter().cloned());
        }
        Ok(tally.is_some())
    }

    /// Stores what was read from some files: all of it or nothing.
    fn keep(&self, batch: Batch, dry_run: bool, totals: &mut Totals) -> Result<()> {
        let now = self.workspace.now();
        let mut store = self.workspace.store();
        if dry_run {
            for read in batch.files {
                totals.preview(store.db(), &read)?;
                totals.complaints.extend(read.complaints);
            }
            return Ok(());
        }
        store.transaction(|t| {
            let before = (totals.kept, totals.pairs_added);
            for ReadFile { file, result, keys, complaints } in &batch.files {
                for (piece, keys) in result.pieces.iter().zip(keys) {
                    totals.kept[pieces::keep(t, piece, keys, &now)? as usize] += 1;
                }
                for pair in &result.revisions {
                    totals.pairs_added += u32::from(pairs::keep(t, pair, &pair_hash(pair), &now)?);
                }
                let tally = Tally { notes: complaints.clone(), ..tally(result) };
                // A file that could not be read is read again: the cause may be gone.
                let was_read = complaints.iter().all(import_notes::is_note);
                if let Some(stamp) = file.stamp.as_ref().filter(|_| was_read) {
                    files::keep(t, &file.whole(&file.name), stamp, &tally)?;
                }
                totals.tally.add(&tally);
            }
            let duplicate = ImportOutcome::Duplicate as usize;
            let mut after = (totals.kept, totals.pairs_added);
            after.0[duplicate] = before.0[duplicate];
            if before != after {
                settings::set(t, ROWS_STALE, &true)?;
            }
            Ok(())
        })?;
        totals.complaints.extend(batch.files.into_iter().flat_map(|read| read.complaints));
        Ok(())
    }
}

impl Totals {
    fn progress(&self, done: usize, of: usize, path: &str) -> Event {
        Event::ImportProgressed {
            done: done as u32,
            of: of as u32,
            path: path.to_owned(),
            pieces: self.tally.pieces,
            warnings: self.complaints.len() as u32,
        }
    }

    /// Counts what a file would add, without storing anything.
    fn preview(&mut self, db: &rusqlite::Connection, read: &ReadFile) -> Result<()> {
        self.tally.add(&tally(&read.result));
        for (piece, keys) in read.result.pieces.iter().zip(&read.keys) {
            let outcome = match self.seen.insert(keys.content_hash) {
                true => pieces::outcome(db, piece, keys)?,
                false => ImportOutcome::Duplicate,
            };
            self.kept[outcome as usize] += 1;
            self.found.push(ImportPreview {
                title: piece.title.clone(),
                kind: piece.kind.to_string(),
                date: piece.date.map(|date| date.to_string()),
                author: piece.author.clone(),
                words: piece.words as u32,
                source: piece.source.clone(),
                known: outcome == ImportOutcome::Duplicate,
            });
        }
        Ok(())
    }

    fn report(self, cancelled: bool, took: Duration) -> ImportReport {
        let mut kinds: Vec<KindCount> =
            self.tally.kinds.into_iter().map(|(kind, pieces)| KindCount { kind, pieces }).collect();
        kinds.sort_by_key(|count| std::cmp::Reverse(count.pieces));
        let authors = self.tally.authors.into_iter();
        let mut authors: Vec<NameCount> =
            authors.map(|(name, pieces)| NameCount { name, pieces }).collect();
        authors.sort_by_key(|count| std::cmp::Reverse(count.pieces));
        let (warnings, notes) = import_notes::views(&self.complaints);
        ImportReport {
            kinds,
            authors,
            pieces: self.tally.pieces,
            added: self.kept[ImportOutcome::Added as usize],
            changed: self.kept[ImportOutcome::Changed as usize],
            duplicates: self.kept[ImportOutcome::Duplicate as usize],
            pairs: self.tally.pairs,
            cancelled,
            found: self.found,
            warnings,
            notes,
            seconds: took.as_secs_f64(),
        }
    }
}

impl SourceFile {
    fn new(path: PathBuf, above: &Path, facts: Option<&Metadata>) -> SourceFile {
        let name = name_of(&path, above);
        let bytes = facts.map_or(0, Metadata::len);
        let written = facts.and_then(|facts| facts.modified().ok());
        let stamp = written.and_then(|written| stamp(bytes, written));
        SourceFile { path, name, above: above.to_owned(), bytes, is_history: false, stamp, written }
    }

    /// The history of the repository in `folder`.
    fn history(folder: &Path, above: &Path) -> SourceFile {
        let path = folder.join(".git");
        let stamp = history::commit(&path).map(|head| format!("{head} {READERS}"));
        let name = name_of(&path, above);
        let above = above.to_owned();
        SourceFile { path, name, above, bytes: 0, is_history: true, stamp, written: None }
    }

    /// Whether it was written so recently that a further write may keep the modification time.
    fn is_fresh(&self) -> bool {
        self.written.is_some_and(|at| at.elapsed().ok().is_none_or(|age| age <= FRESH))
    }

    /// The whole path of a name relative to the same folder as this file.
    fn whole(&self, name: &str) -> String {
        self.above.join(name).display().to_string()
    }
}

/// Size and modification time.
fn stamp(bytes: u64, written: SystemTime) -> Option<String> {
    let since = written.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(format!("{bytes} {} {READERS}", since.as_nanos()))
}

/// The index of all sidecar files, and a mark that changes when they do.
fn sidecars(found: &[SourceFile]) -> (SidecarIndex, String) {
    let mut sidecars = SidecarIndex::default();
    let mut hasher = Sha256::new();
    for file in
        found.iter().filter(|f| SidecarIndex::is_sidecar(&f.name) && f.bytes <= MAX_LIST_BYTES)
    {
        // An unreadable file is reported when it is read itself.
        let Ok(bytes) = fs::read(&file.path) else { continue };
        hasher.update(&file.name);
        hasher.update(&bytes);
        sidecars.add(&file.name, &bytes);
    }
    (sidecars, hex::lower(&hasher.finalize()[..8]))
}

fn tally(result: &ImportResult) -> Tally {
    let mut tally = Tally {
        pieces: result.pieces.len() as u32,
        pairs: result.revisions.len() as u32,
        ..Tally::default()
    };
    for piece in &result.pieces {
        *tally.kinds.entry(piece.kind.to_string()).or_default() += 1;
        if let Some(author) = &piece.author {
            *tally.authors.entry(author.clone()).or_default() += 1;
        }
    }
    tally
}

/// The keys of a piece. The hash covers title and words, not location or line breaks; the content hash
/// identifies the same text from different exports.
pub(crate) fn keys(piece: &Piece) -> PieceKeys {
    let mut hasher = Sha256::new();
    hasher.update(piece.title.trim());
    hash_words(&mut hasher, &piece.text);
    PieceKeys { hash: hex::lower(&hasher.finalize()), content_hash: piece.content_hash() as i64 }
}

/// A pair is identified by the words of its two versions.
fn pair_hash(pair: &Revision) -> String {
    let mut hasher = Sha256::new();
    hash_words(&mut hasher, &pair.before);
    hasher.update("\0");
    hash_words(&mut hasher, &pair.after);
    hex::lower(&hasher.finalize())
}

fn hash_words(hasher: &mut Sha256, text: &str) {
    for word in text.split_whitespace() {
        hasher.update(" ");
        hasher.update(word);
    }
}

fn find(paths: &[String]) -> Result<(Vec<SourceFile>, Vec<ImportWarning>)> {
    let mut found = Vec::new();
    let mut complaints = Vec::new();
    let mut missing = 0;
    for path in paths {
        let Ok(root) = fs::canonicalize(path) else {
            missing += 1;
            complaints.push(ImportWarning {
                path: path.clone(),
                reason: "No such file or folder.".into(),
                words: 0,
            });
            continue;
        };
        let above = root.parent().unwrap_or(Path::new("/")).to_owned();
        for entry in WalkDir::new(&root).sort_by_file_name().into_iter().filter_entry(is_not_hidden)
        {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    let facts = entry.metadata().ok();
                    found.push(SourceFile::new(entry.into_path(), &above, facts.as_ref()));
                }
                Ok(entry) if entry.path().join(".git").is_dir() => {
                    found.push(SourceFile::history(entry.path(), &above));
                }
                Ok(_) => {}
                Err(error) => complaints.push(ImportWarning {
                    path: error.path().map_or(path.clone(), |path| path.display().to_string()),
                    reason: "The folder could not be opened.".into(),
                    words: 0,
                }),
            }
        }
    }
    if missing > 0 && missing == paths.len() {
        return Err(Failure::new(
            Code::NotFound,
            format!("No such file or folder: {}.", paths.join(", ")),
        ));
    }
    Ok((found, complaints))
}

/// Skips folders of programs: hidden ones and build output. A folder that the writer named is
/// always read.
fn is_not_hidden(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    entry.depth() == 0 || !(name.starts_with('.') || name == "node_modules")
}

/// The path below `above`, with `/` as separator on every system.
fn name_of(path: &Path, above: &Path) -> String {
    let below = path.strip_prefix(above).unwrap_or(path);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Reads files in order, each whole or not at all, until the import is stopped or the receiver is
/// gone. One batch is read while the previous one is stored, and no more.
fn read_all(
    files: Vec<SourceFile>,
    sidecars: &SidecarIndex,
    stop: &AtomicBool,
    at: &Position,
    send: &SyncSender<Batch>,
) {
    let stopped = || stop.load(Ordering::Relaxed);
    let mut batch = Batch::default();
    for mut file in files {
        if stopped() {
            break;
        }
        if file.is_fresh() {
            file.stamp = None;
        }
        lock(&at.name).clone_from(&file.name);
        let (result, complaints) = match file.is_history {
            true => read_history(&file, stop),
            false => read_file(&file, sidecars),
        };
        // A history that was stopped was read only in part.
        if file.is_history && stopped() {
            break;
        }
        at.done.fetch_add(1, Ordering::Relaxed);
        // The content of a zip is larger than the file.
        let texts: usize = result.pieces.iter().map(|piece| piece.text.len()).sum();
        let states = result.revisions.iter().map(|pair| pair.before.len() + pair.after.len());
        batch.bytes += file.bytes.max((texts + states.sum::<usize>()) as u64);
        let keys = result.pieces.iter().map(keys).collect();
        batch.files.push(ReadFile { file, result, keys, complaints });
        let full = batch.bytes >= BATCH.0 || batch.files.len() >= BATCH.1;
        if full && send.send(std::mem::take(&mut batch)).is_err() {
            return;
        }
    }
    // If the receiver is gone, the import has failed and reports that itself.
    let _ = send.send(batch);
}

fn read_file(file: &SourceFile, sidecars: &SidecarIndex) -> (ImportResult, Vec<ImportWarning>) {
    let trouble = |reason: String| {
        let path = file.whole(&file.name);
        (ImportResult::default(), vec![ImportWarning { path, reason, words: 0 }])
    };
    let read = || -> std::io::Result<Option<ImportResult>> {
        let mut open = File::open(&file.path)?;
        let mut head = [0; 4];
        let begun = open.read(&mut head)?;
        open.rewind()?;
        if archive::is_zip(&head[..begun]) {
            return Ok(Some(archive::read_zip(&file.name, BufReader::new(open), sidecars)));
        }
        let mut bytes = Vec::with_capacity(file.bytes.min(MAX_FILE_BYTES as u64) as usize);
        open.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        let fits = bytes.len() <= MAX_FILE_BYTES;
        Ok(fits.then(|| archive::read_with(&file.name, &bytes, sidecars)))
    };
    let mut result = match read() {
        Ok(Some(result)) => result,
        Ok(None) => {
            return trouble(
                "Skipped: too large to read at once. Many blogs can export in parts.".into(),
            );
        }
        Err(error) => return trouble(Failure::io("read", &file.path, &error).message),
    };
    for source in result
        .pieces
        .iter_mut()
        .map(|piece| &mut piece.source)
        .chain(result.revisions.iter_mut().map(|pair| &mut pair.source))
    {
        *source = file.whole(source);
    }
    let complaints = std::mem::take(&mut result.warnings)
        .into_iter()
        .map(|one| ImportWarning { path: file.whole(&one.path), ..one })
        .collect();
    (result, complaints)
}

/// The writer's changes from one commit to the next.
fn read_history(file: &SourceFile, stop: &AtomicBool) -> (ImportResult, Vec<ImportWarning>) {
    let folder = file.path.parent().unwrap_or(&file.path);
    let name = |path: &str| name_of(&folder.join(path), &file.above);
    let read = || -> std::result::Result<Vec<Revision>, history::Reason> {
        let Some(repository) = Repository::open(&file.path)? else { return Ok(Vec::new()) };
        repository.pairs(&repository.texts()?, &name, stop)
    };
    let mut result = ImportResult::default();
    let mut complaints = Vec::new();
    match read() {
        Ok(pairs) => result.revisions = pairs,
        Err(reason) => {
            complaints.push(ImportWarning { path: file.whole(&file.name), reason, words: 0 });
        }
    }
    for pair in &mut result.revisions {
        pair.source = file.whole(&pair.source);
    }
    (result, complaints)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;
    use crate::workspace::temporary;

    /// An archive, and a folder with these files, all written at the same time, long ago.
    fn archive(files: &[(&str, &str)]) -> (tempfile::TempDir, Archive, String) {
        let (dir, workspace) = temporary();
        let folder = dir.path().join("in");
        for (name, text) in files {
            write(&folder.join(name), text);
        }
        let path = folder.display().to_string();
        (dir, Archive::new(Arc::clone(&workspace)), path)
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
    }

    fn import(archive: &Archive, path: &str, dry_run: bool) -> ImportReport {
        let ask = Import { paths: vec![path.to_owned()], dry_run };
        archive.import(ask, &mut |_| {}).unwrap()
    }

    const PAN: &str =
        "# The pan\n\nIt rained all day, and I put a pan under it, and the pan filled up slowly.";

    #[test]
    fn an_unchanged_file_is_counted_without_being_read_again() {
        let (_dir, archive, path) = archive(&[("a.md", PAN)]);
        assert_eq!(import(&archive, &path, false).added, 1);
        // Same size and time: if it were read, the piece would change.
        write(&Path::new(&path).join("a.md"), &PAN.replace("rained", "snowed"));
        let again = import(&archive, &path, false);
        assert_eq!((again.pieces, again.added, again.changed, again.duplicates), (1, 0, 0, 1));
        write(&Path::new(&path).join("a.md"), &format!("{PAN} It snowed."));
        assert_eq!(import(&archive, &path, false).changed, 1);
    }

    #[test]
    fn a_dry_run_shows_the_pieces_and_stores_nothing() {
        let (_dir, archive, path) = archive(&[("a.md", PAN), ("copy/b.md", PAN)]);
        let report = import(&archive, &path, true);
        assert_eq!((report.added, report.duplicates, report.found.len()), (1, 1, 2));
        assert_eq!(report.found.iter().filter(|piece| piece.known).count(), 1);
        assert!(archive.view().unwrap().pieces.is_empty());
    }

    #[test]
    fn hidden_folders_and_build_output_are_skipped() {
        let files = [("a.md", PAN), (".hidden/b.md", "No."), ("node_modules/c.md", "No.")];
        let (_dir, archive, path) = archive(&files);
        let mut last = None;
        let ask = Import { paths: vec![path], dry_run: false };
        archive.import(ask, &mut |event| last = Some(event)).unwrap();
        let Some(Event::ImportProgressed { done, of, .. }) = last else { panic!("no progress") };
        assert_eq!((done, of), (1, 1));
    }

    #[test]
    fn a_missing_path_is_an_error_only_if_all_are_missing() {
        let (_dir, archive, path) = archive(&[("a.md", PAN)]);
        let missing = "/no/such/folder".to_owned();
        let ask =
            |paths: Vec<String>| archive.import(Import { paths, dry_run: false }, &mut |_| {});
        assert_eq!(ask(vec![missing.clone()]).unwrap_err().code, Code::NotFound);
        let report = ask(vec![path, missing.clone()]).unwrap();
        assert_eq!((report.added, report.warnings.len()), (1, 1));
        assert_eq!(report.warnings[0].path, missing);
    }

    #[test]
    fn nothing_readable_is_reported() {
        let (_dir, archive, path) = archive(&[]);
        fs::create_dir_all(&path).unwrap();
        let report = import(&archive, &path, false);
        assert_eq!((report.pieces, report.warnings.len()), (0, 1));
    }
}
