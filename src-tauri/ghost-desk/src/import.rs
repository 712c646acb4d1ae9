//! Files and folders into the archive: walks the disk, hands names and bytes to the core, keeps
//! what comes back. What is here already, by content, is not kept twice.
//!
//! File by file, each whole or not at all: whatever ends an import in the middle leaves whole
//! pieces, and never more than a few files of them in memory.

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

use crate::commands::Hear;
use crate::event::Event;
use crate::failure::{Code, Failure, Result};
use crate::history::{self, Repository};
use crate::store::files::{self, Tally};
use crate::store::pieces::{self, Kept, Marks};
use crate::store::{pairs, settings};
use crate::wire::{FoundView, Import, ImportReport, KindCount, NameCount, Nothing};
use crate::{Desk, lock, notes};

/// Largest file that says something of others.
const LARGEST_LIST: u64 = 16 << 20;
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(50);
/// Bytes, and files, that are kept in one go: a commit each would take most of the time.
const BATCH: (u64, usize) = (8 << 20, 256);
/// A file that was written just before it is read may be written again without its time telling.
const FRESH: Duration = Duration::from_secs(2);
/// To be raised when the readers read differently: then every file is read again.
const READERS: u32 = 3;

/// A file to read: where it is, and its name as seen from the folder that was dropped.
struct Found {
    path: PathBuf,
    name: String,
    /// What to put before `name` to have the whole path again.
    above: PathBuf,
    bytes: u64,
    /// A repository, of which the history is read.
    is_history: bool,
    /// What tells whether it has changed; none where that cannot be told.
    stamp: Option<String>,
    /// When it was last written.
    written: Option<SystemTime>,
}

/// What a file gave.
struct Given {
    file: Found,
    result: ImportResult,
    /// Of each piece, in their order.
    marks: Vec<Marks>,
    complaints: Vec<ImportWarning>,
}

/// What was read and waits to be kept together.
#[derive(Default)]
struct Batch {
    files: Vec<Given>,
    bytes: u64,
}

/// Where whoever reads is, for whoever tells.
struct At {
    done: AtomicUsize,
    name: Mutex<String>,
}

/// The account of an import so far.
#[derive(Default)]
struct Account {
    tally: Tally,
    kept: [u32; 3],
    pairs_added: u32,
    complaints: Vec<ImportWarning>,
    /// On a dry run: what would come in, and its gists.
    found: Vec<FoundView>,
    seen: HashSet<i64>,
}

impl Desk {
    /// Reads files and folders in, and lays out the rows anew.
    pub(crate) fn import(&self, ask: Import, hear: &mut Hear<'_>) -> Result<ImportReport> {
        let dry_run = ask.dry_run;
        let report = self.bring_in(ask, hear)?;
        if !dry_run {
            self.lay_out_stale_rows()?;
        }
        Ok(report)
    }

    /// Reads files and folders in; the rows wait for [`Desk::lay_out_stale_rows`].
    pub(crate) fn bring_in(&self, ask: Import, hear: &mut Hear<'_>) -> Result<ImportReport> {
        // One after the other, so that a stop means the one at work.
        let _one = lock(&self.0.importing);
        self.0.stop_import.store(false, Ordering::Relaxed);
        let started = Instant::now();
        let (found, complaints) = find(&ask.paths)?;
        let (sidecars, mark) = sidecars(&found);
        let mut account = Account { complaints, ..Account::default() };
        let (n, mut done, mut told) = (found.len(), 0, None::<Instant>);
        let mut unread = Vec::new();
        for mut file in found {
            file.stamp = file.stamp.map(|stamp| format!("{stamp} {mark}"));
            match !ask.dry_run && self.has(&file, &mut account)? {
                true => done += 1,
                false => unread.push(file),
            }
        }
        // Reading is work for one processor and keeping for another.
        let at = At { done: AtomicUsize::new(done), name: Mutex::default() };
        std::thread::scope(|scope| -> Result<()> {
            let (pass, passed) = sync_channel(0);
            let (sidecars, stop, at) = (&sidecars, &self.0.stop_import, &at);
            scope.spawn(move || read_all(unread, sidecars, stop, at, &pass));
            loop {
                match passed.recv_timeout(TELL_EVERY) {
                    Ok(batch) => self.keep(batch, ask.dry_run, &mut account)?,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
                if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                    told = Some(Instant::now());
                    let done = at.done.load(Ordering::Relaxed);
                    hear(account.progress(done, n, &lock(&at.name)));
                }
            }
        })?;
        let cancelled = at.done.load(Ordering::Relaxed) < n;
        if !cancelled {
            hear(account.progress(n, n, ""));
        }
        if account.tally == Tally::default() && account.complaints.is_empty() && !cancelled {
            account.complaints.extend(ask.paths.iter().map(|path| ImportWarning {
                path: path.clone(),
                reason: "There is nothing here that can be read as writing.".into(),
                words: 0,
            }));
        }
        if !ask.dry_run {
            self.store().whole(|t| settings::set_complaints(t, &account.complaints))?;
        }
        let report = account.report(cancelled, started.elapsed());
        log::info!(
            "import: {n} files, {} pieces, {} added, {} changed, {} pairs, {} complaints, {:.2} s{}",
            report.pieces,
            report.added,
            report.changed,
            report.pairs,
            report.complaints.len() + report.notes.len(),
            report.seconds,
            if cancelled { ", cancelled" } else { "" }
        );
        Ok(report)
    }

    /// Ends the import at work after the file at hand.
    pub(crate) fn stop_import(&self) -> Result<Nothing> {
        self.0.stop_import.store(true, Ordering::Relaxed);
        Ok(Nothing {})
    }

    /// Whether a file was read as it is now; then it gives what it gave.
    fn has(&self, file: &Found, account: &mut Account) -> Result<bool> {
        let Some(stamp) = &file.stamp else { return Ok(false) };
        let tally = files::unchanged(self.store().on(), &file.whole(&file.name), stamp)?;
        if let Some(tally) = &tally {
            account.tally.add(tally);
            account.kept[Kept::Duplicate as usize] += tally.pieces;
            account.complaints.extend(tally.notes.iter().cloned());
        }
        Ok(tally.is_some())
    }

    /// Keeps what some files gave: all of it or nothing.
    fn keep(&self, batch: Batch, dry_run: bool, account: &mut Account) -> Result<()> {
        let now = self.now();
        let mut store = self.store();
        if dry_run {
            for given in batch.files {
                account.foresee(store.on(), &given)?;
                account.complaints.extend(given.complaints);
            }
            return Ok(());
        }
        store.whole(|t| {
            let before = (account.kept, account.pairs_added);
            for Given { file, result, marks, complaints } in &batch.files {
                for (piece, marks) in result.pieces.iter().zip(marks) {
                    account.kept[pieces::keep(t, piece, marks, &now)? as usize] += 1;
                }
                for pair in &result.revisions {
                    account.pairs_added += u32::from(pairs::keep(t, pair, &pair_hash(pair), &now)?);
                }
                let tally = Tally { notes: complaints.clone(), ..tally(result) };
                // What could not be read is read again: the reason may be gone.
                let was_read = complaints.iter().all(notes::is_note);
                if let Some(stamp) = file.stamp.as_ref().filter(|_| was_read) {
                    files::keep(t, &file.whole(&file.name), stamp, &tally)?;
                }
                account.tally.add(&tally);
            }
            let duplicate = Kept::Duplicate as usize;
            let mut after = (account.kept, account.pairs_added);
            after.0[duplicate] = before.0[duplicate];
            if before != after {
                settings::set(t, crate::archive::STALE, &true)?;
            }
            Ok(())
        })?;
        account.complaints.extend(batch.files.into_iter().flat_map(|given| given.complaints));
        Ok(())
    }
}

impl Account {
    fn progress(&self, done: usize, of: usize, path: &str) -> Event {
        Event::ImportProgressed {
            done: done as u32,
            of: of as u32,
            path: path.to_owned(),
            pieces: self.tally.pieces,
            complaints: self.complaints.len() as u32,
        }
    }

    /// Counts what would come of a file, and keeps nothing of it.
    fn foresee(&mut self, on: &rusqlite::Connection, given: &Given) -> Result<()> {
        self.tally.add(&tally(&given.result));
        for (piece, marks) in given.result.pieces.iter().zip(&given.marks) {
            let fate = match self.seen.insert(marks.gist) {
                true => pieces::fate(on, piece, marks)?,
                false => Kept::Duplicate,
            };
            self.kept[fate as usize] += 1;
            self.found.push(FoundView {
                title: piece.title.clone(),
                kind: piece.kind.to_string(),
                date: piece.date.map(|date| date.to_string()),
                author: piece.author.clone(),
                words: piece.words as u32,
                source: piece.source.clone(),
                known: fate == Kept::Duplicate,
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
        let (complaints, notes) = notes::told(&self.complaints);
        ImportReport {
            kinds,
            authors,
            pieces: self.tally.pieces,
            added: self.kept[Kept::Added as usize],
            changed: self.kept[Kept::Changed as usize],
            duplicates: self.kept[Kept::Duplicate as usize],
            pairs: self.tally.pairs,
            cancelled,
            found: self.found,
            complaints,
            notes,
            seconds: took.as_secs_f64(),
        }
    }
}

impl Found {
    fn new(path: PathBuf, above: &Path, facts: Option<&Metadata>) -> Found {
        let name = name_of(&path, above);
        let bytes = facts.map_or(0, Metadata::len);
        let written = facts.and_then(|facts| facts.modified().ok());
        let stamp = written.and_then(|written| stamp(bytes, written));
        Found { path, name, above: above.to_owned(), bytes, is_history: false, stamp, written }
    }

    /// The history of the repository in `folder`.
    fn history(folder: &Path, above: &Path) -> Found {
        let path = folder.join(".git");
        let stamp = history::commit(&path).map(|head| format!("{head} {READERS}"));
        let name = name_of(&path, above);
        let above = above.to_owned();
        Found { path, name, above, bytes: 0, is_history: true, stamp, written: None }
    }

    /// Whether it was written so lately that its time will not tell whether it is written again.
    fn is_fresh(&self) -> bool {
        self.written.is_some_and(|at| at.elapsed().ok().is_none_or(|age| age <= FRESH))
    }

    /// The whole path of a name that begins where this file's does.
    fn whole(&self, name: &str) -> String {
        self.above.join(name).display().to_string()
    }
}

/// Size and time.
fn stamp(bytes: u64, written: SystemTime) -> Option<String> {
    let since = written.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(format!("{bytes} {} {READERS}", since.as_nanos()))
}

/// What some files say of the others, and a mark that changes whenever they do.
fn sidecars(found: &[Found]) -> (SidecarIndex, String) {
    let mut sidecars = SidecarIndex::default();
    let mut hasher = Sha256::new();
    for file in
        found.iter().filter(|f| SidecarIndex::is_sidecar(&f.name) && f.bytes <= LARGEST_LIST)
    {
        // What cannot be read is complained about when its turn comes.
        let Ok(bytes) = fs::read(&file.path) else { continue };
        hasher.update(&file.name);
        hasher.update(&bytes);
        sidecars.add(&file.name, &bytes);
    }
    (sidecars, hex(&hasher.finalize()[..8]))
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

/// A piece is known by its title and words: not by where it lies, nor by how its lines are broken.
/// That another road brought the same text is told by its gist.
pub(crate) fn marks(piece: &Piece) -> Marks {
    let mut hasher = Sha256::new();
    hasher.update(piece.title.trim());
    hash_words(&mut hasher, &piece.text);
    Marks { hash: hex(&hasher.finalize()), gist: piece.content_hash() as i64 }
}

/// A pair is known by the words of its two states.
fn pair_hash(pair: &Revision) -> String {
    let mut hasher = Sha256::new();
    hash_words(&mut hasher, &pair.before);
    hasher.update("\0");
    hash_words(&mut hasher, &pair.after);
    hex(&hasher.finalize())
}

fn hash_words(hasher: &mut Sha256, text: &str) {
    for word in text.split_whitespace() {
        hasher.update(" ");
        hasher.update(word);
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn find(paths: &[String]) -> Result<(Vec<Found>, Vec<ImportWarning>)> {
    let mut found = Vec::new();
    let mut complaints = Vec::new();
    let mut missing = 0;
    for path in paths {
        let Ok(root) = fs::canonicalize(path) else {
            missing += 1;
            complaints.push(ImportWarning {
                path: path.clone(),
                reason: "There is no such file or folder.".into(),
                words: 0,
            });
            continue;
        };
        let above = root.parent().unwrap_or(Path::new("/")).to_owned();
        for entry in WalkDir::new(&root).sort_by_file_name().into_iter().filter_entry(is_writing) {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    let facts = entry.metadata().ok();
                    found.push(Found::new(entry.into_path(), &above, facts.as_ref()));
                }
                Ok(entry) if entry.path().join(".git").is_dir() => {
                    found.push(Found::history(entry.path(), &above));
                }
                Ok(_) => {}
                Err(error) => complaints.push(ImportWarning {
                    path: error.path().map_or(path.clone(), |path| path.display().to_string()),
                    reason: "This folder could not be opened.".into(),
                    words: 0,
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

/// Reads files in their order, each whole or not at all, until the import is stopped or whoever
/// keeps has left. While a batch is kept the next is read, and no more than that.
fn read_all(
    files: Vec<Found>,
    sidecars: &SidecarIndex,
    stop: &AtomicBool,
    at: &At,
    pass: &SyncSender<Batch>,
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
        // A history that was stopped was read in part only.
        if file.is_history && stopped() {
            break;
        }
        at.done.fetch_add(1, Ordering::Relaxed);
        // A zip holds more than its own size says.
        let texts: usize = result.pieces.iter().map(|piece| piece.text.len()).sum();
        let states = result.revisions.iter().map(|pair| pair.before.len() + pair.after.len());
        batch.bytes += file.bytes.max((texts + states.sum::<usize>()) as u64);
        let marks = result.pieces.iter().map(marks).collect();
        batch.files.push(Given { file, result, marks, complaints });
        let full = batch.bytes >= BATCH.0 || batch.files.len() >= BATCH.1;
        if full && pass.send(std::mem::take(&mut batch)).is_err() {
            return;
        }
    }
    // Where nobody listens any more, the import has failed and says so itself.
    let _ = pass.send(batch);
}

fn read_file(file: &Found, sidecars: &SidecarIndex) -> (ImportResult, Vec<ImportWarning>) {
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
                "It is too large to be read at once, so it was left alone; a blog can often \
                 export it in parts."
                    .into(),
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

/// What the writer changed from one commit to the next.
fn read_history(file: &Found, stop: &AtomicBool) -> (ImportResult, Vec<ImportWarning>) {
    let folder = file.path.parent().unwrap_or(&file.path);
    let name = |path: &str| name_of(&folder.join(path), &file.above);
    let read = || -> std::result::Result<Vec<Revision>, history::Trouble> {
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
