//! A small archive of every format and the expected result: `formats/` holds the files, `formats.snap/` the
//! pieces, revisions and warnings of each as text.
//!
//! The files are made for this project, like those of the programs that export them. A folder whose name ends
//! in the extension of a zip is packed first. `make formats` writes the snapshots and the table in
//! docs/formats.md; review the difference before you commit it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use ghost_core::archive::{self, ImportResult, Piece, SidecarIndex, SpanKind};
use ghost_core::words;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A file to import: its name and bytes.
type File = (String, Vec<u8>);

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The contents of a folder, in order; hidden files are ignored, as by an import.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let hidden = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with('.');
    let mut paths: Vec<PathBuf> = entries.filter(|path| !hidden(path)).collect();
    paths.sort();
    paths
}

/// The files at a path: one file, those of a folder, or a packed folder.
fn files(path: &Path, name: &str) -> Vec<File> {
    const PACKED: [&str; 5] = ["zip", "docx", "odt", "epub", "bear2bk"];
    if path.is_file() {
        return vec![(name.to_owned(), fs::read(path).unwrap())];
    }
    let within = listed(path).into_iter().flat_map(|path| {
        let below = path.file_name().unwrap().to_string_lossy().into_owned();
        files(&path, &below)
    });
    if !PACKED.iter().any(|ending| name.ends_with(&format!(".{ending}"))) {
        return within.map(|(below, bytes)| (format!("{name}/{below}"), bytes)).collect();
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (below, bytes) in within {
        zip.start_file(below, SimpleFileOptions::default()).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    vec![(name.to_owned(), zip.finish().unwrap().into_inner())]
}

/// Reads files like an import.
fn read(imported: &[File]) -> ImportResult {
    let mut sidecars = SidecarIndex::default();
    for (name, bytes) in imported.iter().filter(|(name, _)| SidecarIndex::is_sidecar(name)) {
        sidecars.add(name, bytes);
    }
    let mut all = ImportResult::default();
    for (name, bytes) in imported {
        let result = archive::read_with(name, bytes, &sidecars);
        all.pieces.extend(result.pieces);
        all.revisions.extend(result.revisions);
        all.warnings.extend(result.warnings);
    }
    all
}

/// The text with spans that are not prose in brackets, each with its kind.
fn marked(piece: &Piece) -> String {
    let mut out = String::new();
    let mut at = 0;
    for span in &piece.non_prose_spans {
        let kind = match span.kind {
            SpanKind::Code => "code",
            SpanKind::Quote => "quote",
            SpanKind::Link => "link",
        };
        let (before, inside) = (&piece.text[at..span.from], &piece.text[span.from..span.to]);
        out.push_str(&format!("{before}⟦{kind}: {inside}⟧"));
        at = span.to;
    }
    out + &piece.text[at..]
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect()
}

/// The result as text.
fn rendered(result: &ImportResult) -> String {
    let mut out = String::new();
    for piece in &result.pieces {
        let date = piece.date.map_or("no day".to_owned(), |date| date.to_string());
        let author = piece.author.as_deref().unwrap_or("nobody named");
        let state = if piece.unfinished { ", unfinished" } else { "" };
        out.push_str(&format!(
            "{}\n  {}, {date}, {author}, {} words{state}\n  {}\n{}\n",
            piece.source,
            piece.kind,
            piece.words,
            piece.title,
            indented(&marked(piece))
        ));
    }
    for revision in &result.revisions {
        let date = revision.date.map_or("no day".to_owned(), |date| date.to_string());
        out.push_str(&format!("{}\n  pair, {date}, {}\n", revision.source, revision.title));
        out.push_str(&format!(
            "{}  became\n{}\n",
            indented(&revision.before),
            indented(&revision.after)
        ));
    }
    for warning in &result.warnings {
        out.push_str(&format!("! {}: {}\n", warning.path, warning.reason));
    }
    out
}

#[test]
fn every_format_gives_its_pieces() {
    let mut wrong = Vec::new();
    for path in listed(&here().join("formats")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let found = rendered(&read(&files(&path, &name)));
        let snapshot = here().join("formats.snap").join(format!("{name}.txt"));
        if std::env::var_os("BLESS").is_some() {
            fs::create_dir_all(snapshot.parent().unwrap()).unwrap();
            fs::write(&snapshot, &found).unwrap();
        } else if fs::read_to_string(&snapshot).unwrap_or_default() != found {
            wrong.push(format!("{name} gave:\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn private_data_is_in_no_piece_and_no_warning() {
    // Everything private in the files contains the word "secret".
    for path in listed(&here().join("formats")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let imported = files(&path, &name);
        let result = read(&imported);
        let kept = format!("{result:?}");
        assert!(!kept.contains("secret"), "{name} gave away:\n{kept}");
        // The same for a zip that is read from the disk.
        for (name, bytes) in &imported {
            if archive::is_zip(bytes) {
                let result = archive::read_zip(name, Cursor::new(bytes), &SidecarIndex::default());
                assert!(!format!("{result:?}").contains("secret"), "{name}");
            }
        }
    }
}

#[test]
fn words_of_others_are_marked_or_left_out() {
    for path in listed(&here().join("formats")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for piece in read(&files(&path, &name)).pieces {
            // Comments are left out in every format.
            assert!(!piece.text.contains("stranger"), "{}: {}", piece.source, piece.text);
            assert!(!piece.text.contains("an editor"), "{}: {}", piece.source, piece.text);
        }
    }
}

/// The names of the files in `formats/` in the table.
const NAMES: &[(&str, &str)] = &[
    ("apple-journal", "Apple Journal"),
    ("astro", "Astro"),
    ("bear.bear2bk", "Bear"),
    ("beehiiv.csv", "beehiiv"),
    ("blogger.atom", "Blogger"),
    ("book.epub", "EPUB"),
    ("buttondown", "Buttondown"),
    ("dayone.zip", "Day One"),
    ("djot", "Djot"),
    ("eleventy", "Eleventy"),
    ("evernote.enex", "Evernote"),
    ("feed.json", "JSON Feed"),
    ("feed.rss", "RSS"),
    ("feed.xml", "Atom"),
    ("ferry.odt", "OpenDocument (.odt)"),
    ("ghost-2013.json", "Ghost, of 2013"),
    ("ghost.json", "Ghost"),
    ("hugo", "Hugo"),
    ("jekyll", "Jekyll"),
    ("keep.zip", "Google Keep"),
    ("koi8.html", "Saved page in KOI8-R"),
    ("lantern.rtf", "Rich text (RTF)"),
    ("latin1.txt", "Plain text in Latin-1"),
    ("letter.docx", "Word (.docx)"),
    ("letter.eml", "Mail (.eml)"),
    ("letters.mbox", "Mailbox (.mbox)"),
    ("logseq", "Logseq"),
    ("medium.zip", "Medium"),
    ("notion.zip", "Notion"),
    ("novel.scriv", "Scrivener"),
    ("obsidian", "Obsidian"),
    ("org", "Org"),
    ("roam.json", "Roam"),
    ("saved-page.html", "Saved page"),
    ("saved-page.mhtml", "Saved page (MHTML)"),
    ("squarespace.xml", "Squarespace"),
    ("substack.zip", "Substack"),
    ("tumblr.zip", "Tumblr"),
    ("utf16.txt", "Plain text in UTF-16"),
    ("wix.csv", "Wix"),
    ("wordpress.xml", "WordPress"),
    ("zola", "Zola"),
];

const TABLE_HEAD: &str = "\
# Formats

The result of importing one small archive of each format. The archives are in
`src-tauri/ghost-core/tests/formats`, and `make formats` writes this table. *Own words* are used for
training. *Other words* are kept in the text but not used for training: quotes and code. *Words left out*
are not kept; a warning gives their number and the reason. Another test generates documents with words in
every construct of each format, and checks that no word is lost without a warning.

| format | files | pieces | own words | other words | words left out |
|---|--:|--:|--:|--:|--:|
";

/// The number of words of a piece in quotes and code, without addresses.
fn other_words(piece: &Piece) -> usize {
    let spans = piece.non_prose_spans.iter().filter(|span| span.kind != SpanKind::Link);
    spans.map(|span| words::count(&piece.text[span.from..span.to])).sum()
}

#[test]
fn the_table_of_formats_is_up_to_date() {
    let mut table = TABLE_HEAD.to_owned();
    let mut rows = Vec::new();
    for path in listed(&here().join("formats")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let found = NAMES.iter().find(|(file, _)| *file == name);
        let (_, called) = found.unwrap_or_else(|| panic!("{name} has no name for the table"));
        let imported = files(&path, &name);
        let result = read(&imported);
        let own: usize = result.pieces.iter().map(|piece| piece.words).sum();
        let other: usize = result.pieces.iter().map(other_words).sum();
        let omitted: usize = result.warnings.iter().map(|warning| warning.words).sum();
        let (files, pieces) = (imported.len(), result.pieces.len());
        rows.push(format!("| {called} | {files} | {pieces} | {own} | {other} | {omitted} |\n"));
    }
    rows.sort_by_key(|row| row.to_lowercase());
    table.extend(rows);
    let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&at, &table).unwrap();
    }
    let written = fs::read_to_string(&at).unwrap_or_default();
    assert!(written == table, "docs/formats.md is out of date; `make formats` writes it");
}
