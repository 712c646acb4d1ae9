//! The writer's past work: bytes of a file in, pieces and complaints out.
//!
//! Knows formats, not folders: whoever walks the disk hands over a path *as a name* and the bytes.
//! Reading never fails; what cannot be read is complained about, and the rest is kept.

mod date;
mod decode;
mod docx;
mod front;
mod html;
mod markdown;
mod place;
mod plain;
mod wrap;
mod zipped;

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Where it came from, as named by whoever read it; members of a zip are `a.zip/b.md`.
    pub source: String,
    /// Post, log or a section of the writer's own.
    pub kind: Kind,
    /// The title, without which a piece is named after its file.
    pub title: String,
    /// The day it was written, where the file says so.
    pub date: Option<Date>,
    /// Marked by its writer as not published yet.
    pub unfinished: bool,
    /// The text, line ends as `\n`, no blank lines at either end; punctuation byte for byte.
    pub text: String,
    /// Stretches of `text` that are not the writer's own prose, in order, not overlapping.
    pub apart: Vec<Span>,
    /// How many words of `text` are the writer's own (see [`crate::words::count`]).
    pub words: usize,
}

/// What an import could not read, and why, in a sentence for the writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// The file, or the member of a zip.
    pub path: String,
    /// One sentence.
    pub reason: String,
}

/// A zip in a zip is an export's habit; a zip in that is a trap.
const DEEPEST: usize = 2;
/// Bytes of one text; the longest novels have a tenth of it.
const LARGEST_TEXT: usize = 32 << 20;

/// The stretches of a Markdown text that are not its writer's own prose, in order.
pub fn apart(text: &str) -> Vec<Span> {
    markdown::apart(text)
}

/// Reads one file: its name, a `/`-separated path that begins with what was dropped, and its
/// bytes. Whatever is no writing (pictures, layouts, licences) is passed over without a word.
pub fn read(name: &str, bytes: &[u8]) -> (Vec<Piece>, Vec<Complaint>) {
    let mut haul = Haul { pieces: Vec::new(), complaints: Vec::new(), room: zipped::LARGEST_TOTAL };
    haul.take(name, bytes, 0);
    (haul.pieces, haul.complaints)
}

/// What has been read so far.
struct Haul {
    pieces: Vec<Piece>,
    complaints: Vec<Complaint>,
    /// Bytes that may still be unpacked.
    room: u64,
}

/// How a file is read, by what is in it and then by what it is called.
#[derive(Debug, PartialEq, Eq)]
enum Format {
    Zip,
    Markdown,
    Html,
    Plain,
    /// Writing in a format that is not read, called so.
    Unread(&'static str),
    /// No writing.
    Other,
}

fn format(name: &str, bytes: &[u8]) -> Format {
    let ending = place::ending(name);
    let office = matches!(
        ending.as_str(),
        "xlsx" | "pptx" | "epub" | "jar" | "apk" | "xpi" | "ods" | "odp" | "key" | "numbers"
    );
    if office {
        return Format::Other;
    }
    match ending.as_str() {
        "odt" => return Format::Unread("an OpenDocument text"),
        "pages" => return Format::Unread("a Pages document"),
        "doc" | "rtf" if bytes.starts_with(b"{\\rtf") => return Format::Unread("an RTF document"),
        "doc" if bytes.starts_with(b"\xd0\xcf\x11\xe0") => {
            return Format::Unread("an old Word document");
        }
        _ => {}
    }
    if zipped::looks_zipped(bytes) || matches!(ending.as_str(), "zip" | "docx") {
        return Format::Zip;
    }
    match ending.as_str() {
        "md" | "markdown" | "mdown" | "mkd" | "mkdn" if begins_page(bytes) => Format::Html,
        "md" | "markdown" | "mdown" | "mkd" | "mkdn" => Format::Markdown,
        "html" | "htm" | "xhtml" => Format::Html,
        "txt" | "text" if begins_page(bytes) => Format::Html,
        "txt" | "text" if bytes.starts_with(b"---\n") || bytes.starts_with(b"---\r\n") => {
            Format::Markdown
        }
        "txt" | "text" => Format::Plain,
        "org" => Format::Unread("an Org file"),
        "enex" => Format::Unread("an Evernote export"),
        "mbox" => Format::Unread("a mailbox"),
        "xml" if has(bytes, b"xmlns:wp=") => Format::Unread("a WordPress export"),
        "" if begins_page(bytes) => Format::Html,
        "" if bytes.starts_with(b"---\n") || bytes.starts_with(b"+++\n") => Format::Markdown,
        _ => Format::Other,
    }
}

fn begins_page(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let begins =
        |mark: &[u8]| bytes.len() >= mark.len() && bytes[..mark.len()].eq_ignore_ascii_case(mark);
    begins(b"<!doctype html") || begins(b"<html")
}

/// Whether `mark` stands near the beginning.
fn has(bytes: &[u8], mark: &[u8]) -> bool {
    bytes[..bytes.len().min(4096)].windows(mark.len()).any(|window| window == mark)
}

impl Haul {
    fn complain(&mut self, path: &str, reason: impl Into<String>) {
        self.complaints.push(Complaint { path: path.to_owned(), reason: reason.into() });
    }

    fn take(&mut self, name: &str, bytes: &[u8], depth: usize) {
        if place::is_machinery(name) {
            return;
        }
        let format = format(name, bytes);
        match format {
            Format::Other => {}
            _ if bytes.is_empty() => self.complain(name, "It is empty."),
            Format::Unread(called) => self.complain(name, format!("It is {called}, which cannot be read here; save it as .docx, HTML or plain text.")),
            Format::Zip if depth > DEEPEST => self.complain(name, "It is a zip inside a zip inside a zip, so it was left alone."),
            Format::Zip => self.take_zip(name, bytes, depth),
            _ if bytes.len() > LARGEST_TEXT => self.complain(name, "It is too large to be a text, so it was left alone."),
            _ => self.take_text(name, bytes, format),
        }
    }

    fn take_zip(&mut self, name: &str, bytes: &[u8], depth: usize) {
        let word = place::ending(name) == "docx";
        let Some(mut zip) = zipped::Zip::open(bytes) else {
            let called = if word { "a Word document" } else { "a zip" };
            return self
                .complain(name, format!("It is called {called}, but it is broken or cut short."));
        };
        if word || zip.has("word/document.xml") {
            return match docx::read(|part| zip.part(part)) {
                Some((facts, text)) => self.keep(name, facts, None, text),
                None => self.complain(
                    name,
                    "It is called a Word document, but there is no text in it that can be read.",
                ),
            };
        }
        let before = (self.pieces.len(), self.complaints.len());
        let (count, more) = zip.count();
        for index in 0..count {
            let wanted = |member: &str| !place::is_machinery(&format!("{name}/{member}"));
            match zip.member(index, self.room, wanted) {
                zipped::Member::Nothing => {}
                zipped::Member::Left { name: member, reason } => {
                    // Only of what might have been writing.
                    let path = format!("{name}/{member}");
                    if reason.contains("outside") || format_by_name(&member) {
                        self.complain(&path, reason);
                    }
                }
                zipped::Member::File { name: member, bytes } => {
                    self.room = self.room.saturating_sub(bytes.len() as u64);
                    self.take(&format!("{name}/{member}"), &bytes, depth + 1);
                }
            }
            if self.room == 0 {
                return self.complain(
                    name,
                    "It unpacks to more than can be read at once; what was left over was not read.",
                );
            }
        }
        if more {
            self.complain(name, "It has more files in it than can be read at once; what was left over was not read.");
        }
        if before == (self.pieces.len(), self.complaints.len()) {
            self.complain(name, "There is nothing in it that can be read as a text.");
        }
    }

    fn take_text(&mut self, name: &str, bytes: &[u8], format: Format) {
        let Some(text) = decode::text(bytes) else {
            return self.complain(name, "It does not look like text.");
        };
        let front = match format {
            Format::Plain => {
                front::Split { facts: front::Facts::default(), body: &text, complaint: None }
            }
            _ => front::split(&text),
        };
        if let Some(complaint) = front.complaint {
            self.complain(name, complaint);
        }
        let mut facts = front.facts;
        let mut heading = None;
        let text = match format {
            Format::Html => {
                let page = html::page(&markdown::preformatted(front.body));
                facts.date = facts.date.or(page.date);
                heading = page.title;
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
            _ => markdown::tidied(front.body),
        };
        self.keep(name, facts, heading, text);
    }

    /// Makes a piece of a text. `heading` is the title that stood beside the text, if one did.
    fn keep(&mut self, name: &str, facts: front::Facts, heading: Option<String>, text: String) {
        let place = place::of(name);
        let (found, text) = untitled(facts.title.as_deref().or(heading.as_deref()), text);
        if crate::words::count(&text) == 0 {
            return self.complain(name, "It has no text.");
        }
        let apart = markdown::apart(&text);
        self.pieces.push(Piece {
            source: name.to_owned(),
            kind: kind(&facts, &place),
            title: facts.title.or(heading).or(found).unwrap_or(place.title),
            date: facts.date.or(place.date),
            unfinished: facts.unfinished || place.unfinished,
            words: markdown::own_words(&text, &apart),
            text,
            apart,
        });
    }
}

/// Whether a name alone says that there is writing in it.
fn format_by_name(name: &str) -> bool {
    !matches!(format(name, b"-"), Format::Other)
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

/// Takes the heading off that only repeats the title, or that is the title where none is known.
fn untitled(title: Option<&str>, text: String) -> (Option<String>, String) {
    let text = text.trim_matches('\n').to_owned();
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
    let rest = format!("{before}{gap}{after}").trim_matches('\n').to_owned();
    (Some(heading), rest)
}
