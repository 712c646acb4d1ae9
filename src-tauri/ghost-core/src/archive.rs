//! The writer's past work: bytes of a file in, pieces and complaints out.
//!
//! Knows formats, not folders: whoever walks the disk hands over a path *as a name* and the bytes.
//! Reading never fails; what cannot be read is complained about, and the rest is kept.

mod date;
mod dayone;
mod decode;
mod document;
mod docx;
mod dos;
mod dropped;
mod enex;
mod entry;
mod epub;
mod feed;
mod front;
mod ghost;
pub mod history;
mod html;
mod json;
mod keep;
mod ledger;
mod mail;
mod markdown;
mod movable;
mod odt;
mod org;
mod outline;
mod place;
mod plain;
mod plausible;
mod roam;
mod rtf;
mod sniff;
mod standard;
mod symbol;
mod table;
mod tags;
mod vault;
mod wrap;
mod wxr;
mod xml;
mod zipped;

use std::fmt;
use std::io::{Cursor, Read, Seek};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{normalize, words};

use dropped::Dropped;
use ledger::Leaf;
pub use ledger::Ledger;
use sniff::Format;

/// What sort of writing a piece is. `post` and `log` are words of this program; any other kind is
/// the writer's own section, in the singular and as they named it ("note", "book report").
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Kind {
    /// A finished text for readers.
    #[default]
    Post,
    /// A daily, weekly or monthly record, where the voice is rawest.
    Log,
    /// A section of the writer's own.
    Other(String),
}

impl From<String> for Kind {
    fn from(name: String) -> Self {
        match name.trim().to_lowercase().as_str() {
            "" | "post" | "posts" => Kind::Post,
            "log" | "logs" => Kind::Log,
            other => Kind::Other(other.to_owned()),
        }
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.to_string()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Post => f.write_str("post"),
            Kind::Log => f.write_str("log"),
            Kind::Other(name) => f.write_str(name),
        }
    }
}

/// Why a stretch of a piece is not the writer's own prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Apart {
    /// A code block or code span.
    Code,
    /// Somebody else's words.
    Quote,
    /// The address of a link or picture.
    Link,
}

/// A stretch of `Piece::text`, in bytes, on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub from: usize,
    /// One past the last byte.
    pub to: usize,
    /// Why it stands apart.
    pub why: Apart,
}

/// One text of the archive, as Markdown, with the page's furniture (front matter, shortcodes,
/// template tags, navigation) taken off.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Piece {
    /// Where it came from, as named by whoever read it; members of a zip are `a.zip/b.md`.
    pub source: String,
    /// Post, log or a section of the writer's own.
    pub kind: Kind,
    /// The title, without which a piece is named after its file.
    pub title: String,
    /// Who wrote it, where the file says so: an export may hold the texts of several.
    #[serde(default)]
    pub author: Option<String>,
    /// The day it was written, where the file says so.
    pub date: Option<Date>,
    /// Marked by its writer as not published yet.
    pub unfinished: bool,
    /// The text as [`crate::normalize`] stores it, no blank lines at either end; its punctuation is the
    /// writer's own.
    pub text: String,
    /// Stretches of `text` that are not the writer's own prose, in order, not overlapping.
    pub apart: Vec<Span>,
    /// How many words of `text` are the writer's own (see [`crate::words::count`]).
    pub words: usize,
}

impl Piece {
    /// What the text is whatever road it came by: the same post, exported, in a feed and as it was
    /// written, has one gist, however its marks, addresses and code are spelled. Long texts are known by
    /// their words alone, since titles are often lost; short ones are alike too often for that.
    pub fn gist(&self) -> u64 {
        const LONG: usize = 40;
        let mut gist = 0u64;
        let mut add = |hash: u64| gist = (gist.rotate_left(5) ^ hash).wrapping_mul(MIXER);
        let (mut at, mut count) = (0, 0);
        let foreign = self.apart.iter().filter(|span| span.why != Apart::Quote);
        for (from, to) in foreign.map(|span| (span.from, span.to)).chain([(self.text.len(), 0)]) {
            for (_, word) in words::words(&self.text[at..from]) {
                add(words::hash(word));
                count += 1;
            }
            at = to;
        }
        if count < LONG {
            words::words(&self.title).for_each(|(_, word)| add(words::hash(word)));
            self.date.iter().for_each(|date| add(words::hash(&date.to_string())));
        }
        gist
    }
}

/// An odd number that spreads bits well (Knuth's, of 64 bits).
const MIXER: u64 = 0x9E37_79B9_7F4A_7C15;

/// What an import could not read or did not keep, and why, in a sentence for the writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// The file, or the member of a zip.
    pub path: String,
    /// One sentence.
    pub reason: String,
    /// How many words were not kept, where they could be counted; `reason` names the figure.
    #[serde(default)]
    pub words: usize,
}

/// Two states of one text, as the writer left them: a tracked change taken and not taken, a
/// snapshot and what it became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Where it came from, as in [`Piece::source`].
    pub source: String,
    /// The title of the text.
    pub title: String,
    /// Who made the change, where it is known.
    #[serde(default)]
    pub author: Option<String>,
    /// The day of the earlier state, where the file says so.
    pub date: Option<Date>,
    /// The earlier state, Markdown.
    pub before: String,
    /// The later state, Markdown.
    pub after: String,
}

/// All that was found in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Haul {
    /// The texts.
    pub pieces: Vec<Piece>,
    /// How the writer changed texts, where the file remembers it.
    pub pairs: Vec<Pair>,
    /// What could not be read.
    pub complaints: Vec<Complaint>,
}

/// Zips one in the other: a zip in a zip is an export's habit, a zip in that is a trap.
const DEEPEST: usize = 2;
/// Bytes of one text; the longest novels have half of it.
const LARGEST_TEXT: usize = 8 << 20;
/// Bytes of one export file that holds many texts.
const LARGEST_EXPORT: usize = 64 << 20;
/// Bytes of a file that is read at once, whatever is in it; of a zip, only its parts are.
pub const LARGEST_FILE: usize = LARGEST_EXPORT;

const NO_TEXT: &str = "It has no text.";
const ALL_SIGNS: &str = "It is made of signs rather than of words, so it was skipped.";

/// The stretches of a Markdown text that are not its writer's own prose, in order.
pub fn apart(text: &str) -> Vec<Span> {
    markdown::apart(text)
}

/// The text in a file that is nothing but text, whatever its encoding and line ends, as pieces are
/// stored; none where it is no text.
pub fn text(bytes: &[u8]) -> Option<String> {
    decode::text(bytes)
}

/// A text without the escapes of Markdown, as a reader sees it, and its stretches `apart` in it.
pub fn unescaped(text: &str, apart: &[Span]) -> (String, Vec<Span>) {
    markdown::unescaped(text, apart)
}

/// Reads one file: its name, a `/`-separated path that begins with what was dropped, and its
/// bytes. Whatever is no writing (pictures, layouts, licences) is passed over without a word.
pub fn read(name: &str, bytes: &[u8]) -> (Vec<Piece>, Vec<Complaint>) {
    let haul = read_with(name, bytes, &Ledger::default());
    (haul.pieces, haul.complaints)
}

/// Reads one file of a folder, knowing what the folder's other files say of it.
pub fn read_with(name: &str, bytes: &[u8], ledger: &Ledger) -> Haul {
    let mut walk = Walk { haul: Haul::default(), ledger, room: zipped::LARGEST_TOTAL };
    walk.take(name, name, bytes, 0);
    walk.haul
}

/// Whether a file that begins so is a zip, which need not be read into memory.
pub fn is_zip(head: &[u8]) -> bool {
    zipped::looks_zipped(head)
}

/// Reads one zip of any size, a part at a time; otherwise as [`read_with`].
pub fn read_zip(name: &str, zip: impl Read + Seek, ledger: &Ledger) -> Haul {
    let mut walk = Walk { haul: Haul::default(), ledger, room: zipped::LARGEST_TOTAL };
    if !place::is_machinery(name) && !sniff::is_office(name) {
        walk.take_zip(name, name, zip, 0);
    }
    walk.haul
}

/// Why a text is no piece, and how many words it has.
struct Refusal {
    reason: &'static str,
    words: usize,
}

/// A document of a word processor that is a zip.
enum Document {
    Word,
    /// OpenDocument.
    Text,
    Pages,
}

/// The reading of one dropped file.
struct Walk<'a> {
    haul: Haul,
    ledger: &'a Ledger,
    /// Bytes that may still be unpacked.
    room: u64,
}

impl Walk<'_> {
    fn complain(&mut self, path: &str, reason: impl Into<String>) {
        self.complain_of(path, reason, 0);
    }

    /// Complains of a text of so many words that was not kept.
    fn complain_of(&mut self, path: &str, reason: impl Into<String>, words: usize) {
        let mut reason = reason.into();
        if words > 0 {
            reason = format!(
                "{reason} Left out: {words} {}.",
                if words == 1 { "word" } else { "words" }
            );
        }
        self.haul.complaints.push(Complaint { path: path.to_owned(), reason, words });
    }

    /// Says what was left out of a file whose other words were kept.
    fn name_dropped(&mut self, path: &str, dropped: &Dropped) {
        if let Some(reason) = dropped.sentence() {
            let words = dropped.words();
            self.haul.complaints.push(Complaint { path: path.to_owned(), reason, words });
        }
    }

    /// Takes one file. `shelf` is its name as far as it says what sort of writing it is: without
    /// the zips it came in.
    fn take(&mut self, name: &str, shelf: &str, bytes: &[u8], depth: usize) {
        if place::is_machinery(shelf) {
            return;
        }
        // What nobody packed beside it is there because the writer put it there.
        let alone = depth == 0 && !name.contains('/');
        let too_large = |most: usize| bytes.len() > most;
        match sniff::format(name, bytes) {
            Format::Other => {}
            _ if bytes.is_empty() => self.complain(name, "It is empty."),
            Format::Unread(sentences) => self.complain(name, sentences),
            Format::Zip => self.take_zip(name, shelf, Cursor::new(bytes), depth),
            Format::Xml if too_large(LARGEST_EXPORT) => self.complain(name, "It is too large to be read at once, so it was skipped; a blog can export it in parts."),
            Format::Xml => self.take_export(name, bytes, depth == 0, xml::read),
            Format::Mail if too_large(LARGEST_EXPORT) => self.complain(name, "It is too large to be read at once, so it was skipped."),
            Format::Mail => self.keep_all(name, mail::read(bytes)),
            Format::Json | Format::Table | Format::Movable if too_large(LARGEST_EXPORT) => self.complain(name, "It is too large to be read at once, so it was skipped."),
            Format::Json => self.take_export(name, bytes, alone, json::read),
            Format::Movable => self.take_export(name, bytes, alone, movable::read),
            Format::Table => self.take_export(name, bytes, alone && !Ledger::wants(name), table::read),
            Format::Rich if too_large(4 * LARGEST_TEXT) => self.complain(name, "It is too large to be a text, so it was skipped."),
            Format::Rich if !rtf::looks_rich(bytes) => self.complain(name, "It is called rich text, but it is broken."),
            Format::Rich => self.keep_document(name, shelf, rtf::read(bytes)),
            Format::FlatText if too_large(4 * LARGEST_TEXT) => self.complain(name, "It is too large to be a text, so it was skipped."),
            Format::FlatText => match decode::text(bytes) {
                Some(text) => self.keep_document(name, shelf, odt::read_flat(&text)),
                None => self.complain(name, "It does not look like text."),
            },
            _ if too_large(LARGEST_TEXT) => self.complain(name, "It is too large to be a text, so it was skipped."),
            format => self.take_text(name, shelf, bytes, format),
        }
    }

    /// Takes a file that holds many texts. Where it is of no kind that is known, that is said only
    /// if it is `wanted`.
    fn take_export(
        &mut self,
        name: &str,
        bytes: &[u8],
        wanted: bool,
        read: impl Fn(&str) -> Option<entry::Reading>,
    ) {
        let Some(text) = decode::whole(bytes) else {
            return self.complain(name, "It does not look like text.");
        };
        let Some(reading) = read(&text) else {
            if wanted {
                self.complain(name, "It is no export and no feed that is known here.");
            }
            return;
        };
        self.keep_all(name, reading);
    }

    /// Makes pieces of all the texts of an export.
    fn keep_all(&mut self, name: &str, reading: entry::Reading) {
        let (mut empty, mut kept) = (0, 0);
        let mut dropped = reading.dropped;
        let mut keys = std::collections::HashMap::<String, usize>::new();
        for entry in reading.entries {
            let key = entry::key(&entry);
            let again = keys.entry(key.clone()).or_default();
            *again += 1;
            let source = match *again {
                1 => format!("{name}/{key}"),
                again => format!("{name}/{key} ({again})"),
            };
            let place = place::bare(entry::name(&entry, &key));
            dropped.merge(&entry.dropped);
            match self.make(&source, place, entry.facts, None, entry.text) {
                Ok(()) => kept += 1,
                Err(Refusal { reason: NO_TEXT, .. }) => empty += 1,
                Err(Refusal { reason, words }) => self.complain_of(&source, reason, words),
            }
        }
        self.name_dropped(name, &dropped);
        for pair in reading.pairs {
            self.keep_pair(Pair { source: format!("{name}/{}", pair.source), ..pair });
        }
        for complaint in &reading.complaints {
            self.complain(name, complaint.clone());
        }
        match (empty, kept) {
            (0, 0) if reading.complaints.is_empty() && dropped.words() == 0 => {
                self.complain(name, "There are no texts in it.")
            }
            (0, _) => {}
            (1, _) => self.complain(name, "One of the texts in it is empty."),
            _ => self.complain(name, format!("{empty} of the texts in it are empty.")),
        }
    }

    /// The bytes of a part of a zip, as far as there is room for it.
    fn part(&mut self, zip: &mut zipped::Zip<impl Read + Seek>, name: &str) -> Option<Vec<u8>> {
        let bytes = zip.part(name, self.room)?;
        self.room -= bytes.len() as u64;
        Some(bytes)
    }

    /// Which word processor's document a zip is, by what is in it.
    fn document_kind(
        &mut self,
        zip: &mut zipped::Zip<impl Read + Seek>,
        is_called_document: bool,
    ) -> Option<Document> {
        let says = |bytes: Option<Vec<u8>>, is: fn(&[u8]) -> bool| bytes.is_some_and(|b| is(&b));
        if says(self.part(zip, "mimetype"), odt::is_text) {
            return Some(Document::Text);
        }
        if zip.has("Index/Document.iwa") {
            return Some(Document::Pages);
        }
        if zip.has("word/document.xml")
            || says(self.part(zip, "[Content_Types].xml"), docx::is_word)
        {
            return Some(Document::Word);
        }
        match is_called_document {
            true if zip.has("content.xml") => Some(Document::Text),
            true => Some(Document::Word),
            false => None,
        }
    }

    /// Keeps a document that has to have text.
    fn keep_office(&mut self, name: &str, shelf: &str, words: Option<document::Words>) {
        match words {
            Some(words) => self.keep_document(name, shelf, words),
            None => self.complain(
                name,
                "It is called a document, but there is no text in it that can be read.",
            ),
        }
    }

    /// Makes a piece of a word processor's document, and a pair of its tracked changes.
    fn keep_document(&mut self, name: &str, shelf: &str, words: document::Words) {
        let document::Words { facts, text, before, dropped, complaints } = words;
        let title = facts.title.clone().unwrap_or_else(|| place::of(shelf).title);
        complaints.into_iter().for_each(|complaint| self.complain(name, complaint));
        let after = before.as_ref().map(|_| text.clone()).unwrap_or_default();
        self.keep(name, shelf, facts, None, text, dropped);
        if let Some(document::Before { text: before, date, author }) = before {
            let source = name.to_owned();
            self.keep_pair(Pair { source, title, author, date, before, after });
        }
    }

    fn take_zip(&mut self, name: &str, shelf: &str, zip: impl Read + Seek, depth: usize) {
        let ending = place::ending(name);
        let is_called_document = sniff::is_document(&ending);
        let Some(mut zip) = zipped::Zip::open(zip) else {
            let called = if is_called_document { "a document" } else { "a zip" };
            return self
                .complain(name, format!("It is called {called}, but it is broken or cut short."));
        };
        match self.document_kind(&mut zip, is_called_document) {
            Some(Document::Word) => {
                let words = docx::read(|part| self.part(&mut zip, part));
                return self.keep_office(name, shelf, words);
            }
            Some(Document::Text) => {
                let manifest = self.part(&mut zip, "META-INF/manifest.xml");
                if manifest.is_some_and(|manifest| odt::is_locked(&manifest)) {
                    return self.complain(name, sniff::PROTECTED_TEXT);
                }
                let words = odt::read(|part| self.part(&mut zip, part));
                return self.keep_office(name, shelf, words);
            }
            Some(Document::Pages) => return self.complain(name, sniff::PAGES),
            None => {}
        }
        if zip.has("META-INF/container.xml") {
            let room = &mut self.room;
            let book = epub::read(|part| {
                let bytes = zip.part(part, *room)?;
                *room -= bytes.len() as u64;
                Some(bytes)
            });
            return match book {
                Some(book) => self.keep_all(name, book),
                None => self.complain(name, "It is called a book, but it is broken."),
            };
        }
        if depth >= DEEPEST {
            return self
                .complain(name, "It is a zip inside a zip inside a zip, so it was skipped.");
        }
        // Where a zip holds one folder, that is what was zipped, and its name is no section.
        let within = if zip.is_one_folder() { "" } else { "zip/" };
        let before = (self.haul.pieces.len(), self.haul.complaints.len());
        let (count, more) = zip.count();
        let ledger = self.ledger_of(name, &mut zip, count);
        let mut walk =
            Walk { haul: std::mem::take(&mut self.haul), ledger: &ledger, room: self.room };
        walk.take_members(name, within, &mut zip, count, depth);
        (self.haul, self.room) = (walk.haul, walk.room);
        if more {
            self.complain(name, "It has more files in it than can be read at once; what was left over was not read.");
        }
        if before == (self.haul.pieces.len(), self.haul.complaints.len()) {
            self.complain(name, "There is nothing in it that can be read as a text.");
        }
    }

    /// What some members of a zip say of the others.
    fn ledger_of(
        &mut self,
        name: &str,
        zip: &mut zipped::Zip<impl Read + Seek>,
        count: usize,
    ) -> Ledger {
        let mut ledger = Ledger::default();
        for index in 0..count {
            if let zipped::Member::File { name: member, bytes } =
                zip.member(index, self.room, Ledger::wants)
            {
                self.room = self.room.saturating_sub(bytes.len() as u64);
                ledger.take(&format!("{name}/{member}"), &bytes);
            }
        }
        ledger
    }

    fn take_members(
        &mut self,
        name: &str,
        within: &str,
        zip: &mut zipped::Zip<impl Read + Seek>,
        count: usize,
        depth: usize,
    ) {
        for index in 0..count {
            // Pictures need not be unpacked to be passed over.
            let wanted = |member: &str| {
                !place::is_machinery(&format!("{within}{member}"))
                    && (place::ending(member).is_empty() || sniff::is_writing_by_name(member))
            };
            match zip.member(index, self.room, wanted) {
                zipped::Member::Nothing => {}
                zipped::Member::Left { name: member, reason } => {
                    // Only of what might have been writing.
                    let path = format!("{name}/{member}");
                    if reason.contains("outside") || sniff::is_writing_by_name(&member) {
                        self.complain(&path, reason);
                    }
                }
                zipped::Member::File { name: member, bytes } => {
                    self.room = self.room.saturating_sub(bytes.len() as u64);
                    let shelf = format!("{within}{member}");
                    self.take(&format!("{name}/{member}"), &shelf, &bytes, depth + 1);
                }
            }
            if self.room == 0 {
                return self.complain(
                    name,
                    "It unpacks to more than can be read at once; what was left over was not read.",
                );
            }
        }
    }

    fn take_text(&mut self, name: &str, shelf: &str, bytes: &[u8], format: Format) {
        let Some(text) = decode::text(bytes) else {
            return self.complain(name, "It does not look like text.");
        };
        let front = match format {
            Format::Plain => front::split_plain(&text),
            _ => front::split(&text),
        };
        if let Some(complaint) = front.complaint {
            self.complain(name, complaint);
        }
        // A page without a single tag is Markdown under a wrong name.
        let tagged = || ["</", "/>", "<p>"].iter().any(|tag| front.body.contains(tag));
        let is_page = format == Format::Html && tagged();
        if !is_page && markdown::is_all_signs(front.body) {
            return self.complain_of(name, ALL_SIGNS, words::count(front.body));
        }
        let mut facts = front.facts;
        let mut dropped = front.dropped;
        let mut heading = None;
        let text = match format {
            Format::Html if is_page => {
                let page = html::page(&markdown::preformatted(front.body, &mut dropped));
                if page.is_cut {
                    self.complain(name, "It is too long a page; only its beginning came in.");
                }
                facts.date = facts.date.or(page.date);
                facts.author = facts.author.or(page.author);
                facts.kind = facts.kind.or(page.kind.map(str::to_owned));
                heading = page.title;
                dropped.merge(&page.dropped);
                page.text
            }
            Format::Plain => {
                let (title, body) = match plain::title(front.body) {
                    Some((title, body)) => (Some(title), body),
                    None => (None, front.body),
                };
                heading = title;
                plain::joined(body)
            }
            Format::Org if org::is_outline(front.body) => {
                let (found, points) = org::outline(front.body);
                facts = facts.or(found);
                vault::outlined(&points, &mut dropped)
            }
            Format::Org => {
                let (found, text) = org::read(front.body, &mut dropped);
                facts = facts.or(found);
                text
            }
            Format::Djot if djot_is_slow(front.body) => {
                return self.complain_of(name, ALL_SIGNS, words::count(front.body));
            }
            Format::Djot => {
                for comment in front.body.split("{%").skip(1) {
                    let comment = comment.split("%}").next().unwrap_or_default();
                    dropped.add("in hidden comments", comment);
                }
                html::fragment(&jotdown::html::render_to_string(jotdown::Parser::new(front.body)))
            }
            _ => {
                let common = vault::read(shelf, front.body, &mut facts, &mut dropped);
                markdown::tidied(&common, &mut dropped)
            }
        };
        self.keep(name, shelf, facts, heading, text, dropped);
    }

    /// Makes a piece of the text of a file. `heading` is the title outside the text, if there is one;
    /// `dropped` counts the words of the file that are not in the text.
    fn keep(
        &mut self,
        name: &str,
        shelf: &str,
        mut facts: front::Facts,
        heading: Option<String>,
        text: String,
        mut dropped: Dropped,
    ) {
        match self.ledger.says(name) {
            Some(Leaf { skipped: Some(why), .. }) => {
                let words = words::count(&text) + dropped.words();
                return self.complain_of(name, *why, words);
            }
            Some(known) => {
                dropped.merge(&known.dropped);
                facts = known.facts.clone().or(facts);
            }
            None => {}
        }
        self.name_dropped(name, &dropped);
        if let Err(refusal) = self.make(name, place::of(shelf), facts, heading, text) {
            // What it has in place of a text was named.
            if refusal.reason == NO_TEXT && dropped.words() > 0 {
                return;
            }
            return self.complain_of(name, refusal.reason, refusal.words);
        }
        if let Some(known) = self.ledger.says(name) {
            self.pair_up(&known.earlier);
        }
    }

    /// Makes pairs of the earlier states of the piece that was kept last, each with the next.
    fn pair_up(&mut self, earlier: &std::collections::BTreeMap<String, String>) {
        let Some(piece) = self.haul.pieces.last() else { return };
        let states: Vec<(&str, &str)> = earlier
            .iter()
            .map(|(moment, text)| (moment.as_str(), text.as_str()))
            .chain([("", piece.text.as_str())])
            .collect();
        let changed = states.windows(2).filter(|two| two[0].1 != two[1].1 && !two[0].1.is_empty());
        let pairs: Vec<Pair> = changed
            .map(|two| Pair {
                source: format!("{}/{}", piece.source, two[0].0),
                title: piece.title.clone(),
                author: piece.author.clone(),
                date: date::spelled(two[0].0),
                before: two[0].1.to_owned(),
                after: two[1].1.to_owned(),
            })
            .collect();
        pairs.into_iter().for_each(|pair| self.keep_pair(pair));
    }

    /// Keeps a pair as it is stored; one that differs only in how it is stored is none.
    fn keep_pair(&mut self, pair: Pair) {
        let [before, after] = [pair.before, pair.after].map(normalize::owned);
        if before != after {
            self.haul.pairs.push(Pair { title: one_line(pair.title), before, after, ..pair });
        }
    }

    /// Makes a piece of a text, or says why there is none.
    fn make(
        &mut self,
        name: &str,
        place: place::Place,
        mut facts: front::Facts,
        heading: Option<String>,
        text: String,
    ) -> Result<(), Refusal> {
        let text = normalize::owned(text);
        let heading = heading.map(one_line);
        facts.title = facts.title.map(one_line);
        facts.author = facts.author.map(one_line);
        if markdown::is_all_signs(&text) {
            return Err(Refusal { reason: ALL_SIGNS, words: words::count(&text) });
        }
        let (found, text) = untitled(facts.title.as_deref().or(heading.as_deref()), text);
        if words::count(&text) == 0 {
            let words = found.as_deref().map_or(0, words::count);
            return Err(Refusal { reason: NO_TEXT, words });
        }
        // A file that is only numbered is called by its day or its first words.
        let fallback = match facts.date.or(place.date) {
            _ if place.title.contains(char::is_alphabetic) => place.title.clone(),
            Some(date) => date.to_string(),
            None => entry::first_words(&text),
        };
        let apart = markdown::apart(&text);
        self.haul.pieces.push(Piece {
            source: name.to_owned(),
            kind: kind(&facts, &place),
            title: facts.title.or(heading).or(found).unwrap_or(fallback),
            // Of an address, only the name: whose it is matters, not where they are reached.
            author: facts.author.map(|name| name.split('@').next().unwrap_or_default().to_owned()),
            date: facts.date.or(place.date),
            unfinished: facts.unfinished || place.unfinished,
            words: markdown::own_words(&text, &apart),
            text,
            apart,
        });
        Ok(())
    }
}

/// Its parser looks through a paragraph anew for each sign that has no end.
fn djot_is_slow(text: &str) -> bool {
    const MOST_SIGNS: usize = 10_000;
    text.split("\n\n").any(|paragraph| markdown::has_more_signs(paragraph, MOST_SIGNS))
}

/// A title or a name as it is stored.
fn one_line(name: String) -> String {
    let name = normalize::owned(name);
    if name.contains('\n') { name.split_whitespace().collect::<Vec<_>>().join(" ") } else { name }
}

/// What the text says plainly of itself goes before where it lies. A theme's `type` and `layout`
/// say "post" of everything, so that is believed only where no section is named.
fn kind(facts: &front::Facts, place: &place::Place) -> Kind {
    if let Some(word) = facts.kind.as_deref().filter(|word| word.split_whitespace().count() <= 3) {
        return place::kind_of_word(word);
    }
    const KNOWN: [&str; 8] =
        ["note", "essay", "story", "poem", "letter", "review", "book report", "newsletter"];
    facts
        .hints
        .iter()
        .map(|word| place::kind_of_word(word))
        .find(|kind| match kind {
            Kind::Log => true,
            Kind::Post => false,
            Kind::Other(name) => !place.sectioned && KNOWN.contains(&name.as_str()),
        })
        .unwrap_or_else(|| place.kind.clone())
}

/// Text without the blank lines and the rules at its ends.
fn unruled(text: &str) -> &str {
    let mut text = text.trim_matches('\n');
    while let Some(rest) = text.strip_prefix("---\n").or_else(|| text.strip_suffix("\n\n---")) {
        text = rest.trim_matches('\n');
    }
    text
}

/// Takes the heading off that only repeats the title, or that is the title where none is known.
fn untitled(title: Option<&str>, text: String) -> (Option<String>, String) {
    let text = unruled(&text).to_owned();
    let Some((heading, range)) = markdown::heading(&text) else { return (None, text) };
    let same = |title: &str| {
        let letters = |text: &str| {
            text.chars()
                .filter(|c| c.is_alphanumeric())
                .flat_map(char::to_lowercase)
                .collect::<String>()
        };
        letters(title) == letters(&heading)
    };
    if title.is_some_and(|title| !same(title)) {
        return (None, text);
    }
    let (before, after) =
        (text[..range.start].trim_end(), text[range.end..].trim_start_matches('\n'));
    let gap = if before.is_empty() { "" } else { "\n\n" };
    (Some(heading), unruled(&format!("{before}{gap}{after}")).to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Cursor, Write};

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    const POST: &[u8] = b"---\ntitle: A walk\n---\n\nI went up the hill.";

    fn one(name: &str, bytes: &[u8]) -> Piece {
        let (mut pieces, complaints) = read(name, bytes);
        assert_eq!((pieces.len(), complaints.len()), (1, 0), "{name}: {complaints:?}");
        pieces.remove(0)
    }

    fn complaints(name: &str, bytes: &[u8]) -> Vec<String> {
        let (_, complaints) = read(name, bytes);
        complaints
            .into_iter()
            .map(|complaint| format!("{}: {}", complaint.path, complaint.reason))
            .collect()
    }

    fn zipped(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn docx(text: &str) -> Vec<u8> {
        let document = format!(
            "<w:document xmlns:w=\"w\"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
        );
        let core = "<cp:coreProperties xmlns:dc=\"d\"><dc:title>A walk</dc:title>\
            <dcterms:created>2024-03-05T10:00:00Z</dcterms:created></cp:coreProperties>";
        let members: [(&str, &[u8]); 2] =
            [("word/document.xml", document.as_bytes()), ("docProps/core.xml", core.as_bytes())];
        zipped(&members, CompressionMethod::Deflated)
    }

    #[test]
    fn a_piece_is_stored_in_one_form() {
        let piece = one(
            "a.html",
            "<h1>Cafe\u{301}</h1><p>Unter&shy;nehmen seit fu\u{308}nf\u{200b}zig Jahren.&#7;</p>"
                .as_bytes(),
        );
        assert_eq!(piece.title, "Café");
        assert_eq!(piece.text, "Unternehmen seit fünfzig Jahren.");
        assert_eq!(piece.words, 4);
    }

    #[test]
    fn lines_of_every_kind_are_lines_of_a_plain_text() {
        let piece = one("a.txt", "One\u{85}two.\u{2029}Three\u{2028}four.".as_bytes());
        assert_eq!(piece.text, "One\ntwo.\n\nThree\nfour.");
    }

    #[test]
    fn a_post_with_all_its_facts() {
        let text = "---\r\ntitle: \"A walk\"\r\ndate: 2024-3-5\r\ndraft: true\r\n---\r\n\r\nI went *up* \u{2014} `cd ..`.\r\n";
        let piece = one("site/content/posts/a-walk/index.md", text.as_bytes());
        assert_eq!(piece.title, "A walk");
        assert_eq!(piece.date.unwrap().to_string(), "2024-03-05");
        assert_eq!((piece.kind, piece.unfinished), (Kind::Post, true));
        assert_eq!(piece.text, "I went *up* \u{2014} `cd ..`.");
        assert_eq!((piece.words, piece.apart.len()), (3, 1));
    }

    #[test]
    fn the_text_goes_before_the_place_and_a_theme_does_not() {
        let kind = |name: &str, facts: &str| {
            one(name, format!("---\n{facts}\n---\nText.").as_bytes()).kind.to_string()
        };
        assert_eq!(kind("a/posts/b.md", "kind: essay"), "essay");
        assert_eq!(kind("a/b.md", "kind: log"), "log");
        assert_eq!(kind("a/_journal/b.md", "layout: post"), "log");
        assert_eq!(kind("a/b.md", "type: daily"), "log");
        assert_eq!(kind("a/b.md", "layout: default"), "post");
        assert_eq!(kind("a/notes/b.md", "type: page"), "note");
    }

    #[test]
    fn a_heading_is_the_title_and_leaves_the_text() {
        let piece = one("a/b.md", b"# A walk\n\nI went.");
        assert_eq!((piece.title.as_str(), piece.text.as_str()), ("A walk", "I went."));
        assert_eq!(one("a/b.html", b"<h1>A walk</h1><hr><p>I went.</p><hr>").text, "I went.");
        assert_eq!(one("a/b.html", b"I\n\n* went\n* up").text, "I\n\n* went\n* up");
        let piece = one("a/b.md", b"---\ntitle: A Walk\n---\n# A walk\n\nI went.");
        assert_eq!(piece.text, "I went.");
        assert_eq!(one("a/2020-01-02-up-the-hill.md", b"I went.").title, "Up the hill");
    }

    #[test]
    fn html_with_front_matter_and_code() {
        let post = b"---\ntitle: A walk\nlayout: post\n---\n<p>I ran\nit:</p>\n{% highlight c %}\nif (a < b) {{ x }}\n{% endhighlight %}\n<p>{{ site.url }}Done.</p>";
        let piece = one("a/_posts/2010-06-10-walk.html", post);
        assert_eq!(piece.text, "I ran it:\n\n```c\nif (a < b) {{ x }}\n```\n\nDone.");
        assert_eq!(piece.date.unwrap().to_string(), "2010-06-10");
    }

    #[test]
    fn content_goes_before_the_name() {
        assert_eq!(one("a/b.txt", b"<!doctype html><title>A walk</title><p>Text.").title, "A walk");
        assert_eq!(one("a/b.txt", POST).title, "A walk");
        assert_eq!(one("a/b.md", b"\xef\xbb\xbf---\ntitle: A walk\n---\nText.").title, "A walk");
        assert_eq!(one("a/b.docx.bak.zip", &docx("Text.")).text, "Text.");
    }

    #[test]
    fn a_word_document() {
        let piece = one("a/b.docx", &docx("I went up the hill."));
        assert_eq!((piece.title.as_str(), piece.text.as_str()), ("A walk", "I went up the hill."));
        assert_eq!(piece.date.unwrap().to_string(), "2024-03-05");
    }

    #[test]
    fn plain_text_from_an_old_machine() {
        let piece = one("a/b.txt", b"A caf\xe9 in winter\r\n\r\nIt was closed, na\xefvely.\r\n");
        assert_eq!(
            (piece.title.as_str(), piece.text.as_str()),
            ("A café in winter", "It was closed, naïvely.")
        );
    }

    #[test]
    fn what_is_no_writing_is_passed_over_in_silence() {
        for name in [
            "a/b.png",
            "a/style.css",
            "a/.DS_Store",
            "a/README.md",
            "a/_layouts/x.html",
            "a/posts/_index.md",
            "a/data.json",
        ] {
            assert_eq!(read(name, POST), (Vec::new(), Vec::new()), "{name}");
        }
    }

    #[test]
    fn what_should_be_writing_and_cannot_be_read() {
        let says = |name: &str, bytes: &[u8], part: &str| {
            let complaints = complaints(name, bytes);
            assert!(
                complaints.len() == 1 && complaints[0].contains(part),
                "{name}: {complaints:?}"
            );
        };
        says("a/b.md", b"", "empty");
        says("a/b.txt", &[0, 159, 146, 150, 1, 2, 3, 0, 255, 0, 7, 8], "does not look like text");
        says("a/b.md", b"---\ntitle: A walk\n---\n\n", "no text");
        says("a/b.md", b"![picture](a.png)", "1 word in descriptions of pictures");
        says("a/b.zip", b"not a zip", "broken");
        says("a/b.docx", b"not a docx", "broken");
        says("a/b.docx", &zipped(&[("x.xml", b"x")], CompressionMethod::Stored), "no text");
        says("a/b.zip", &zipped(&[("x.png", b"x")], CompressionMethod::Stored), "nothing in it");
        says("a/b.rtf", b"not rich", "broken");
        let list = complaints("a/b.md", b"---\n- a list\n---\nText.");
        assert!(list[0].contains("Line 2") && list[1].contains("Left out 2 words"), "{list:?}");
    }

    #[test]
    fn a_zip_of_a_site() {
        let zip = zipped(
            &[
                ("site/_posts/2020-01-02-a.md", POST),
                ("site/logs/b.md", POST),
                ("site/logo.png", b"x"),
                ("__MACOSX/site/._a.md", b"x"),
            ],
            CompressionMethod::Deflated,
        );
        let (pieces, complaints) = read("export.zip", &zip);
        assert!(complaints.is_empty());
        let seen: Vec<_> =
            pieces.iter().map(|piece| (piece.source.as_str(), piece.kind.to_string())).collect();
        assert_eq!(
            seen,
            [
                ("export.zip/site/_posts/2020-01-02-a.md", "post".to_owned()),
                ("export.zip/site/logs/b.md", "log".to_owned()),
            ]
        );
    }

    #[test]
    fn a_zip_in_a_zip_but_no_deeper_than_an_export_goes() {
        let mut zip = zipped(&[("a.md", POST)], CompressionMethod::Stored);
        for depth in 1..=4 {
            let (pieces, complaints) = read("export.zip", &zip);
            assert_eq!(
                (pieces.len(), complaints.len()),
                if depth <= 2 { (1, 0) } else { (0, 1) },
                "{depth}"
            );
            zip = zipped(&[("inner.zip", &zip)], CompressionMethod::Stored);
        }
    }

    #[test]
    fn names_that_climb_out_of_a_zip() {
        for name in ["../evil.md", "a/../../evil.md", "/etc/evil.md", "..\\evil.md", "C:\\evil.md"]
        {
            let zip = zipped(
                &[("good.md", POST), ("zzzzzzzzzzzzzzzzz.md", POST)],
                CompressionMethod::Stored,
            );
            // The writer of zips refuses such names, so one is put in afterwards, in both places.
            let short = &"zzzzzzzzzzzzzzzzz.md"[..name.len().min(20)];
            let mut zip = zip;
            if short.len() < 20 {
                zip = zipped(&[("good.md", POST), (short, POST)], CompressionMethod::Stored);
            }
            while let Some(at) =
                zip.windows(short.len()).position(|window| window == short.as_bytes())
            {
                zip[at..at + short.len()].copy_from_slice(name.as_bytes());
            }
            let (pieces, complaints) = read("e.zip", &zip);
            assert_eq!((pieces.len(), complaints.len()), (1, 1), "{name}");
            assert!(complaints[0].reason.contains("outside"), "{name}");
        }
    }

    #[test]
    fn a_page_of_which_only_the_beginning_is_read_says_so() {
        let page = |n| read("a.html", format!("<h1>Ash</h1>{}", "<u>a ".repeat(n)).as_bytes());
        assert!(page(1_000).1.is_empty());
        let (pieces, complaints) = page(800_000);
        assert_eq!((pieces.len(), complaints.len()), (1, 1), "{complaints:?}");
        assert!(complaints[0].reason.contains("only its beginning"));
    }

    #[test]
    fn a_zip_that_lies_about_its_sizes() {
        let long = vec![b'a'; 8 << 20];
        let bomb = zipped(&[("a.md", &long)], CompressionMethod::Deflated);
        assert!(complaints("e.zip", &bomb)[0].contains("unpacks to far more"));
        let mut liar = bomb.clone();
        let size = (8u32 << 20).to_le_bytes();
        while let Some(at) = liar.windows(4).position(|window| window == size) {
            liar[at..at + 4].copy_from_slice(&100u32.to_le_bytes());
        }
        let (pieces, complaints) = read("e.zip", &liar);
        assert_eq!((pieces.len(), complaints.len()), (0, 1));
    }

    #[test]
    fn a_member_that_is_locked() {
        let mut zip = zipped(&[("a.md", POST)], CompressionMethod::Stored);
        let central = zip.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        zip[6] |= 1;
        zip[central + 8] |= 1;
        assert!(complaints("e.zip", &zip)[0].contains("password"));
    }

    #[test]
    fn what_a_zip_of_substack_says_and_hides() {
        let list = b"post_id,post_date,is_published,type,title\n1234.up,2019-07-26T20:48:19Z,TRUE,newsletter,Up the hill\n";
        let zip = zipped(
            &[
                ("posts.csv", list),
                (
                    "posts/1234.up.html",
                    b"<p>I went.</p><p class=\"button-wrapper\"><a>Subscribe</a></p>",
                ),
                ("email_list.a.csv", b"email,name\njo@example.org,Jo\n"),
            ],
            CompressionMethod::Deflated,
        );
        let (pieces, _) = read("export.zip", &zip);
        assert_eq!(pieces.len(), 1);
        assert_eq!((pieces[0].title.as_str(), pieces[0].text.as_str()), ("Up the hill", "I went."));
        assert_eq!(pieces[0].date.unwrap().to_string(), "2019-07-26");
    }

    #[test]
    fn a_zip_of_notion_in_its_zip() {
        let id = "0123456789abcdef0123456789abcdef";
        let page = b"# A walk\n\nCreated: March 5, 2024\n\nI went.";
        let inner = zipped(
            &[
                (&format!("Notes {id}/A walk {id}.md"), page),
                (&format!("Notes {id}.csv"), b"Name,Text\nA walk,x\n"),
            ],
            CompressionMethod::Deflated,
        );
        let zip = zipped(&[("Export-1-Part-1.zip", &inner)], CompressionMethod::Stored);
        let (pieces, complaints) = read("export.zip", &zip);
        assert_eq!((pieces.len(), complaints.len()), (1, 0));
        assert_eq!(
            (pieces[0].title.as_str(), pieces[0].kind.to_string()),
            ("A walk", "note".to_owned())
        );
        assert_eq!(pieces[0].text, "I went.");
    }

    #[test]
    fn snapshots_of_scrivener_are_pairs() {
        let binder = b"<?xml version=\"1.0\"?><ScrivenerProject><Binder><BinderItem UUID=\"A-1\" Type=\"Text\"><Title>Up</Title></BinderItem></Binder></ScrivenerProject>";
        let zip = zipped(
            &[
                ("n.scriv/n.scrivx", binder),
                ("n.scriv/Files/Data/A-1/content.rtf", b"{\\rtf1 I went up.}"),
                ("n.scriv/Files/Data/A-1/notes.rtf", b"{\\rtf1 A note.}"),
                ("n.scriv/Snapshots/A-1.snapshots/2024-01-16-10-00.rtf", b"{\\rtf1 I go up.}"),
                ("n.scriv/Snapshots/A-1.snapshots/2024-01-15-10-00.rtf", b"{\\rtf1 I go.}"),
            ],
            CompressionMethod::Deflated,
        );
        let haul = read_with("n.zip", &zip, &Ledger::default());
        assert_eq!((haul.pieces.len(), haul.complaints.len()), (1, 0));
        let seen: Vec<_> = haul
            .pairs
            .iter()
            .map(|pair| (pair.title.as_str(), pair.before.as_str(), pair.after.as_str()))
            .collect();
        assert_eq!(seen, [("Up", "I go.", "I go up."), ("Up", "I go up.", "I went up.")]);
        assert_eq!(haul.pairs[0].date.unwrap().to_string(), "2024-01-15");
    }

    #[test]
    fn a_note_of_bear_and_one_in_its_bin() {
        let info = |trashed: u8| {
            format!(
                "{{\"net.shinyfrog.bear\":{{\"trashed\":{trashed},\"creationDate\":\"2024-03-05T10:00:00Z\"}}}}"
            )
        };
        let zip = zipped(
            &[
                ("b/On hills.textbundle/text.md", b"I went."),
                ("b/On hills.textbundle/info.json", info(0).as_bytes()),
                ("b/Old.textbundle/text.md", b"I went."),
                ("b/Old.textbundle/info.json", info(1).as_bytes()),
            ],
            CompressionMethod::Deflated,
        );
        let (pieces, complaints) = read("notes.bear2bk", &zip);
        assert_eq!((pieces.len(), complaints.len()), (1, 1));
        assert_eq!(
            (pieces[0].title.as_str(), pieces[0].date.unwrap().to_string()),
            ("On hills", "2024-03-05".to_owned())
        );
    }

    #[test]
    fn json_is_no_prose_whatever_its_file_is_called() {
        let notes = br#"{"items": [{"content_type": "Note", "content": {"title": "Harbour", "text": "It rained."}}]}"#;
        let piece = one("backup.txt", notes);
        assert_eq!((piece.title.as_str(), piece.text.as_str()), ("Harbour", "It rained."));
        for json in [r#"{"a": [1, 2]}"#, r#"[{"a": "some words here"}]"#] {
            let (pieces, complaints) = read("a.txt", json.as_bytes());
            assert_eq!((pieces.len(), complaints.len()), (0, 1), "{json}");
        }
        for prose in ["[Verse 1]\nIt rained.", "{ a thought } and more", "[\"So\", he said]"] {
            assert_eq!(read("a.txt", prose.as_bytes()).0.len(), 1, "{prose}");
        }
    }

    #[test]
    fn posts_of_movable_type_are_read_from_a_text_file() {
        let export = b"AUTHOR: Jo\nTITLE: Up\nDATE: 09/23/2010 04:01:17 AM\n-----\nBODY:\n<p>I went.</p>\n-----\nCOMMENT:\nAUTHOR: A stranger\nNot so.\n-----\n--------\n";
        let (pieces, complaints) = read("export.txt", export);
        assert_eq!((pieces.len(), pieces[0].title.as_str()), (1, "Up"));
        assert_eq!((pieces[0].words, complaints[0].words), (2, 2));
    }

    #[test]
    fn a_text_without_a_name_is_called_by_its_day_or_its_first_words() {
        let called = |key: &str, date: Option<&str>| {
            let date = date.map_or(String::new(), |date| format!(", \"creationDate\": \"{date}\""));
            let json = format!(
                "{{\"entries\": [{{\"uuid\": \"{key}\", \"text\": \"It rained all day.\"{date}}}, {{\"creationDate\": \"\"}}]}}"
            );
            read("a.json", json.as_bytes()).0.remove(0).title
        };
        assert_eq!(called("20200731T090000Z", None), "It rained all day.");
        assert_eq!(called("20200731T090000Z", Some("2020-07-31T09:00:00Z")), "2020-07-31");
        assert_eq!(called("on-hills", None), "On hills");
    }

    #[test]
    fn many_texts_in_one_file_have_a_name_each() {
        let json = br#"{"entries":[{"uuid":"00AA","creationDate":"2024-03-05T10:00:00Z","text":"Up."},{"uuid":"00AA","creationDate":"2024-03-06T10:00:00Z","text":"Down."},{"text":""}]}"#;
        let (pieces, complaints) = read("journal.json", json);
        let seen: Vec<_> =
            pieces.iter().map(|piece| (piece.source.as_str(), piece.title.as_str())).collect();
        assert_eq!(
            seen,
            [("journal.json/00AA", "2024-03-05"), ("journal.json/00AA (2)", "2024-03-06")]
        );
        assert_eq!(complaints.len(), 1);
    }

    #[test]
    fn traps_are_refused_with_a_word() {
        let says = |name: &str, bytes: &[u8], part: &str| {
            let (pieces, complaints) = read(name, bytes);
            assert!(
                pieces.is_empty() && complaints.iter().any(|c| c.reason.contains(part)),
                "{name}: {complaints:?}"
            );
        };
        let bomb = b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"xx\"><!ENTITY c \"&b;&b;\">]><rss><channel><item><title>&c;</title></item></channel></rss>";
        says("a.xml", bomb, "entities");
        says("a.xml", b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><rss><item><description>&b;</description></item></rss>", "entities");
        let long = vec![b'a'; 65 << 20];
        for name in
            ["a.txt", "a.md", "a.html", "a.rtf", "a.json", "a.csv", "a.xml", "a.mbox", "a.org"]
        {
            assert_eq!(read(name, &long).1.len(), 1, "{name}");
        }
        for name in [
            "a.txt", "a.md", "a.html", "a.json", "a.csv", "a.xml", "a.mbox", "a.org", "a.rtf",
            "a.enex",
        ] {
            read(name, &vec![0; 1 << 20]);
            let deep = "[".repeat(200_000);
            read(name, deep.as_bytes());
            read(
                name,
                format!("<?xml version=\"1.0\"?><rss>{}", "<item>".repeat(50_000)).as_bytes(),
            );
        }
    }

    #[test]
    fn a_text_that_is_nothing_but_signs() {
        for sign in ["<", "[", "*a", "`"] {
            let text = sign.repeat(3 << 20) + " and a word";
            let (pieces, complaints) = read("a.md", text.as_bytes());
            assert_eq!(pieces.len() + complaints.len(), 1, "{sign}");
            assert!(pieces.iter().all(|piece| piece.words == 0), "{sign}");
        }
    }

    #[test]
    fn a_feed_of_more_texts_than_any_blog_has() {
        let feed = format!("<rss>{}</rss>", "<item><a/></item>".repeat(300_000));
        let (pieces, complaints) = read("a.xml", feed.as_bytes());
        assert!(pieces.is_empty());
        assert!(complaints.iter().any(|c| c.reason.contains("more in it than can be read")));
    }

    #[test]
    fn a_link_in_a_zip_is_not_followed() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_symlink("a.md", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        let zip = zip.finish().unwrap().into_inner();
        assert!(complaints("e.zip", &zip)[0].contains("link"));
    }

    #[test]
    fn a_zip_of_too_many_files() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for n in 0..50_010 {
            zip.start_file(
                n.to_string(),
                SimpleFileOptions::default().compression_method(CompressionMethod::Stored),
            )
            .unwrap();
        }
        let zip = zip.finish().unwrap().into_inner();
        assert!(complaints("e.zip", &zip)[0].contains("more files"));
    }

    #[test]
    fn ten_zips_one_in_the_other() {
        let mut zip = zipped(&[("a.md", POST)], CompressionMethod::Stored);
        for _ in 0..10 {
            zip = zipped(&[("a.zip", &zip)], CompressionMethod::Stored);
        }
        let (pieces, complaints) = read("e.zip", &zip);
        assert_eq!((pieces.len(), complaints.len()), (0, 1), "{complaints:?}");
        assert!(complaints[0].reason.contains("zip inside a zip"));
    }

    #[test]
    fn entities_that_grow_in_every_kind_of_xml() {
        let mut bomb = "<!ENTITY a0 \"ha\">".to_owned();
        for n in 1..30 {
            bomb += &format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10));
        }
        let named = ["a.xml", "a.rss", "a.atom", "a.enex"];
        for (name, root) in named.iter().zip(["rss", "rss", "feed", "en-export"]) {
            let xml = format!("<?xml version=\"1.0\"?><!DOCTYPE a [{bomb}]><{root}>&a29;</{root}>");
            let (pieces, complaints) = read(name, xml.as_bytes());
            assert_eq!((pieces.len(), complaints.len()), (0, 1), "{name}");
            assert!(complaints[0].reason.contains("entities"), "{name}: {complaints:?}");
        }
        let xml = format!(
            "<?xml version=\"1.0\"?><!DOCTYPE a [{bomb}]><w:document><w:p>&a29;</w:p></w:document>"
        );
        let word = zipped(&[("word/document.xml", xml.as_bytes())], CompressionMethod::Deflated);
        assert!(read("a.docx", &word).0.iter().all(|piece| piece.text.len() < 1000));
    }

    #[test]
    fn a_zip_is_read_from_wherever_it_lies() {
        let zip = zipped(&[("a/b.md", POST), ("a/c.jpg", b"x")], CompressionMethod::Deflated);
        let at_once = read_with("e.zip", &zip, &Ledger::default());
        assert_eq!(read_zip("e.zip", Cursor::new(&zip), &Ledger::default()), at_once);
        assert!(is_zip(&zip[..4]) && at_once.pieces.len() == 1);
    }

    #[test]
    fn every_prefix_and_every_damage_is_survived() {
        let page = "<!doctype html><html><head><title>A</title></head><body><article><h1>Ä</h1><p>x &amp; <b>y</b><pre>z</pre>\
            <ul><li>a<table><tr><td>b</table></article></html>";
        let post = "---\ntitle: Ä\n---\n{{<x>}}é{{</x>}} {% highlight c %}\na\n{% endhighlight %}\n> `q`\n\n[a](b) ![c](d)\n\n\
            <div>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n</div>\n\n[^1]: é\n{:.x}\n&mdash;<br>ü[^1]\n";
        let zip = zipped(
            &[("a.md", post.as_bytes()), ("b.docx", &docx("x"))],
            CompressionMethod::Deflated,
        );
        let word = docx("I went up.");
        let wxr = "<rss xmlns:wp=\"w\"><channel><item><title>Ä</title><content:encoded><![CDATA[[caption a=\"b\"]x[/caption] é\n\ny]]></content:encoded>\
            <wp:post_type>post</wp:post_type></item></channel></rss>";
        let ghost = "{\"posts\":[{\"title\":\"Ä\",\"lexical\":\"{\\\"root\\\":{\\\"children\\\":[{\\\"type\\\":\\\"text\\\",\\\"text\\\":\\\"é\\\"}]}}\"}]}";
        let mail = "From a@b Sat Jan  3 01:05:34 1996\nSubject: =?utf-8?q?=C3=84?=\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nÄ\n> q\n--b--\n";
        let table = "title;content;date\nÄ;\"a\n\"\"b\"\"\";2024-03-05\n";
        let org = "#+TITLE: Ä\n* DONE a :b:\n:PROPERTIES:\n:END:\n/é/ [[a][b]]\n#+begin_src c\nx\n#+end_src\n";
        let outline = "- [[Ä]] {{x}} ((abcdefghij)) ^^é^^\n\t- TODO b\n\t  c:: d\n%%x%% > [!a] b\n";
        let rich = "{\\rtf1\\ansi{\\info{\\title A}}\\u233?\\'e9{\\b x}{\\listtext a}y\\par}";
        let files: [(&str, &[u8]); 11] = [
            ("a.xml", wxr.as_bytes()),
            ("a.json", ghost.as_bytes()),
            ("a.mbox", mail.as_bytes()),
            ("a.csv", table.as_bytes()),
            ("a.org", org.as_bytes()),
            ("g/journals/a.md", outline.as_bytes()),
            ("a.rtf", rich.as_bytes()),
            ("a/b.html", page.as_bytes()),
            ("a/b.md", post.as_bytes()),
            ("a.zip", &zip),
            ("a.docx", &word),
        ];
        for (name, bytes) in files {
            for at in 0..bytes.len() {
                read(name, &bytes[..at]);
                let mut damaged = bytes.to_vec();
                damaged[at] ^= 1 << (at % 8);
                read(name, &damaged);
                let doubled = [&bytes[..at], bytes].concat();
                read(name, &doubled);
            }
        }
    }

    #[test]
    fn documents_are_known_by_what_is_in_them() {
        const TEXT: &str = "application/vnd.oasis.opendocument.text";
        let stored = CompressionMethod::Stored;
        let content = "<office:document-content><office:body><office:text><text:p>It rained.</text:p></office:text></office:body></office:document-content>";
        let types = "<Types><Override ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>";
        let main = "<Relationships><Relationship Id=\"r\" Type=\"http://x/officeDocument\" Target=\"/w/main.xml\"/></Relationships>";
        let body =
            "<w:document><w:body><w:p><w:r><w:t>It rained.</w:t></w:r></w:p></w:body></w:document>";
        let odt: &[(&str, &[u8])] =
            &[("mimetype", TEXT.as_bytes()), ("content.xml", content.as_bytes())];
        let word: &[(&str, &[u8])] = &[
            ("[Content_Types].xml", types.as_bytes()),
            ("_rels/.rels", main.as_bytes()),
            ("w/main.xml", body.as_bytes()),
        ];
        for (name, members) in [
            ("a.odt", odt),
            ("a.ott", odt),
            ("a.docx", odt),
            ("a.zip", odt),
            ("a.docx", word),
            ("a.docm", word),
            ("a.dotx", word),
            ("a.odt", word),
            ("a", word),
        ] {
            let (pieces, complaints) = read(name, &zipped(members, stored));
            assert_eq!(pieces.len(), 1, "{name}: {complaints:?}");
            assert_eq!(pieces[0].text, "It rained.", "{name}");
        }
        let flat = content.replace("document-content", "document");
        assert_eq!(one("a.fodt", flat.as_bytes()).text, "It rained.");
        let manifest = b"<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>";
        let locked = [odt, &[("META-INF/manifest.xml", manifest)]].concat();
        for (name, bytes, part) in [
            ("a.odt", zipped(&locked, stored), "without a password"),
            ("a.zip", zipped(&[("Index/Document.iwa", b"x")], stored), "Pages"),
        ] {
            let (_, complaints) = read(name, &bytes);
            assert!(complaints[0].reason.contains(part), "{name}: {complaints:?}");
        }
    }

    #[test]
    fn what_lies_in_the_trash_is_named_with_its_words() {
        let mut ledger = Ledger::default();
        let binder = "<ScrivenerProject><Binder><BinderItem UUID=\"T\" Type=\"TrashFolder\"><Children><BinderItem UUID=\"B\" Type=\"Text\"/></Children></BinderItem></Binder></ScrivenerProject>";
        ledger.take("n.scriv/n.scrivx", binder.as_bytes());
        let haul = read_with("n.scriv/Files/Data/B/content.rtf", b"{\\rtf1 Two words.}", &ledger);
        assert_eq!((haul.pieces.len(), haul.complaints[0].words), (0, 2));
        assert_eq!(haul.complaints[0].reason, "Skipped: it is in the trash. Left out: 2 words.");
    }
}
