//! Writes Markdown from tags and texts: blocks, lists, quotes, tables, and inline marks.

use super::elements::{heading, is_block};
use super::inline_marks::{Mark, MarkKind, longest_run, write_marks};
use super::tokens::Tag;
use crate::archive::omissions::Omissions;

/// Deeper nesting of quotes, lists and emphasis is flattened.
const MAX_DEPTH: usize = 8;

/// Classes of poems and other text with the writer's own line breaks.
const VERSE: [&str; 6] =
    ["wp-block-verse", "verse", "poem", "poetry", "lyrics", "wp-block-preformatted"];

/// An open container.
#[derive(Debug)]
enum Frame {
    Quote,
    /// The next number of an ordered list.
    List(Option<usize>),
    /// The marker until it is written, and its width.
    Item {
        marker: Option<String>,
        width: usize,
    },
}

/// Writes Markdown, element by element.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) out: String,
    /// Words of links that are calls to action.
    pub(super) omissions: Omissions,
    frames: Vec<Frame>,
    /// The current block, on one line except for `<br>`.
    line: String,
    /// The marks of open elements.
    marks: Vec<Mark>,
    /// The closed marks in `line`.
    closed: Vec<Mark>,
    heading: usize,
    /// Preformatted text, and the language of code.
    pre: Option<(String, String)>,
    /// The preformatted text is marked as code.
    is_code: bool,
    /// Line ends are the writer's own, as in a poem.
    keeps_lines: bool,
    row: Option<Vec<String>>,
    in_cell: bool,
    rows: usize,
    /// The block before was an item of the same list.
    tight: bool,
}

impl Writer {
    pub(super) fn text(&mut self, text: &str) {
        if let Some((code, _)) = &mut self.pre {
            code.push_str(text);
            return;
        }
        let in_code = self.marks.iter().any(|mark| matches!(mark.kind, MarkKind::Code));
        let mut rest = text;
        loop {
            // Most of a text is letters and symbols that need no escape.
            let plain = rest.bytes().take_while(|byte| is_plain(*byte)).count();
            self.line.push_str(&rest[..plain]);
            let mut chars = rest[plain..].chars();
            let Some(char) = chars.next() else { break };
            rest = chars.as_str();
            let next = chars.next();
            if char == '\n' && self.keeps_lines {
                self.end_line();
                continue;
            }
            if char.is_ascii_whitespace() || matches!(char, '\u{85}' | '\u{2028}' | '\u{2029}') {
                if !self.line.is_empty() && !self.line.ends_with([' ', '\n']) {
                    self.line.push(' ');
                }
                continue;
            }
            // Invisible characters: soft hyphens, zero-width spaces, control characters.
            if char.is_control() || matches!(char, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}')
            {
                continue;
            }
            let tag_like = char == '<'
                && next.is_some_and(|next| {
                    next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?')
                });
            let spaced = self.line.is_empty() || self.line.ends_with([' ', '\n']);
            let star = char == '*' && !(spaced && next.is_none_or(char::is_whitespace));
            if !in_code && (tag_like || star || char == '`') {
                self.line.push('\\');
            }
            self.line.push(char);
        }
    }

    /// Ends a line inside a block; a blank line ends the block.
    fn end_line(&mut self) {
        let end = self.line.trim_end_matches(' ').len();
        self.line.truncate(end);
        match self.line.ends_with('\n') {
            true if self.keeps_lines => self.end_block(),
            _ if self.line.is_empty() => {}
            _ => self.line.push('\n'),
        }
    }

    pub(super) fn open(&mut self, tag: &Tag) {
        if let Some((code, _)) = &mut self.pre {
            match tag.name.as_ref() {
                "br" | "p" | "div" => code.push('\n'),
                "code" if code.trim().is_empty() => {
                    self.is_code = true;
                    let language = language(tag);
                    if let (false, Some((_, known))) = (language.is_empty(), &mut self.pre) {
                        *known = language;
                    }
                }
                _ => {}
            }
            return;
        }
        match tag.name.as_ref() {
            "br" => self.end_line(),
            "pre" if tag.has_class(&VERSE) => {
                self.end_block();
                self.keeps_lines = true;
            }
            "pre" | "listing" | "xmp" => {
                self.end_block();
                self.is_code = tag
                    .classes()
                    .any(|class| class.contains("code") || class.contains("highlight"));
                self.pre = Some((String::new(), language(tag)));
            }
            "hr" => {
                self.end_block();
                self.line.push_str("---");
                self.put_block();
            }
            "blockquote" => {
                self.end_block();
                self.push(Frame::Quote);
            }
            "ul" | "ol" | "dir" | "menu" => {
                self.end_block();
                // A list directly inside an item replaces the item.
                if let Some(Frame::Item { marker, .. }) = self.frames.last_mut() {
                    *marker = None;
                }
                self.tight = matches!(self.frames.last(), Some(Frame::Item { .. }));
                let ordered = tag.name == "ol";
                let first = tag
                    .attribute("start")
                    .filter(|_| ordered)
                    .and_then(|start| start.parse().ok())
                    .unwrap_or(1);
                self.push(Frame::List(ordered.then_some(first)));
            }
            "li" => {
                self.end_block();
                if matches!(self.frames.last(), Some(Frame::Item { .. })) {
                    self.frames.pop();
                    self.tight = true;
                }
                let marker = match self.frames.last_mut() {
                    Some(Frame::List(Some(number))) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                };
                self.push(Frame::Item { width: marker.len(), marker: Some(marker) });
            }
            "table" => {
                self.end_row();
                self.end_block();
                self.rows = 0;
            }
            "tr" => {
                self.end_row();
                self.end_block();
                self.row = Some(Vec::new());
            }
            "td" | "th" => {
                self.end_cell();
                self.in_cell = true;
            }
            "em" | "i" | "cite" | "var" | "dfn" => self.mark(tag, MarkKind::Around("*")),
            "strong" | "b" => self.mark(tag, MarkKind::Around("**")),
            "del" | "s" | "strike" => self.mark(tag, MarkKind::Around("~~")),
            "code" | "tt" | "kbd" | "samp" => self.mark(tag, MarkKind::Code),
            "a" => {
                let href =
                    tag.attribute("href").map(|href| href.trim().to_owned()).unwrap_or_default();
                let inside =
                    href.is_empty() || href.starts_with('#') || href.starts_with("javascript:");
                self.mark(tag, if inside { MarkKind::Nothing } else { MarkKind::Link(href) });
            }
            "q" => self.text("“"),
            name => match heading(name) {
                Some(level) => {
                    self.end_block();
                    self.heading = level;
                }
                None if is_block(name) => self.end_block(),
                None => {}
            },
        }
    }

    pub(super) fn close(&mut self, name: &str) {
        if self.keeps_lines && name == "pre" {
            self.end_block();
            self.keeps_lines = false;
        }
        if self.pre.is_some() {
            if matches!(name, "pre" | "listing" | "xmp") {
                self.end_pre();
            }
            return;
        }
        match name {
            "blockquote" => self.pop(|frame| matches!(frame, Frame::Quote)),
            "ul" | "ol" | "dir" | "menu" => {
                self.pop(|frame| matches!(frame, Frame::List(_)));
                self.tight = matches!(self.frames.last(), Some(Frame::Item { .. }));
            }
            "li" => {
                self.end_block();
                if matches!(self.frames.last(), Some(Frame::Item { .. })) {
                    self.frames.pop();
                }
                self.tight = true;
            }
            "td" | "th" => self.end_cell(),
            "tr" | "table" => {
                self.end_row();
                self.end_block();
            }
            "q" => self.text("”"),
            _ if heading(name).is_some() || is_block(name) => self.end_block(),
            _ => {
                if let Some(at) = self.marks.iter().rposition(|mark| mark.name == name) {
                    let to = self.line.len();
                    let closed = self.marks.drain(at..).rev().map(|mark| Mark { to, ..mark });
                    self.closed.extend(closed);
                }
            }
        }
    }

    fn push(&mut self, frame: Frame) {
        // Frames beyond the maximum depth are tracked so that they can be closed, but not drawn.
        if self.frames.len() < 256 {
            self.frames.push(frame);
        }
    }

    fn pop(&mut self, wanted: fn(&Frame) -> bool) {
        self.end_block();
        if let Some(at) = self.frames.iter().rposition(wanted) {
            self.frames.truncate(at);
        }
    }

    fn mark(&mut self, tag: &Tag, kind: MarkKind) {
        // A self-closed element is empty, as in XHTML.
        if self.marks.len() >= 2 * MAX_DEPTH || tag.is_closed {
            return;
        }
        let again = self.marks.iter().any(|mark| {
            std::mem::discriminant(&mark.kind) == std::mem::discriminant(&kind)
                && mark.name == tag.name
        });
        let kind = if again { MarkKind::Nothing } else { kind };
        let name = tag.name.clone().into_owned();
        self.marks.push(Mark { name, from: self.line.len(), to: 0, kind });
    }

    /// Ends everything that is open.
    pub(super) fn end_part(&mut self) {
        self.end_row();
        self.end_block();
        self.end_pre();
        self.frames.clear();
        self.marks.clear();
        self.keeps_lines = false;
        self.tight = false;
    }

    pub(super) fn end_block(&mut self) {
        // A mark that crosses the end of a block continues in the next one.
        let to = self.line.len();
        let open = self.marks.iter_mut().rev();
        self.closed.extend(open.map(|mark| Mark {
            to,
            from: std::mem::take(&mut mark.from),
            ..mark.clone()
        }));
        if !self.closed.is_empty() {
            self.line = write_marks(&self.line, std::mem::take(&mut self.closed));
        }
        if self.row.is_some() {
            if !self.line.is_empty() && !self.line.ends_with(' ') {
                self.line.push(' ');
            }
            for mark in &mut self.marks {
                mark.from = self.line.len();
            }
            return;
        }
        let line = self.line.trim();
        // The colon after the name of somebody who is quoted.
        if line.is_empty() || line == ":" || is_call_to_action(line) {
            self.omissions.add("in buttons", line.split("](").next().unwrap_or_default());
            self.line.clear();
            return;
        }
        let head = match self.heading {
            0 => String::new(),
            level => format!("{} ", "#".repeat(level)),
        };
        let line = match head.is_empty() {
            true => line.split('\n').map(escape_line_start).collect::<Vec<_>>().join("\n"),
            false => line.replace('\n', " "),
        };
        self.line = format!("{head}{line}");
        self.heading = 0;
        self.put_block();
    }

    fn end_pre(&mut self) {
        let Some((code, language)) = self.pre.take() else { return };
        let code = code.trim_end();
        let blank = code.len() - code.trim_start().len();
        let code = &code[code[..blank].rfind('\n').map_or(0, |at| at + 1)..];
        if code.is_empty() {
            return;
        }
        if language.is_empty() && !self.is_code && reads_as_prose(code) {
            self.keeps_lines = true;
            let prose = code.to_owned();
            self.text(&prose);
            self.end_block();
            self.keeps_lines = false;
            return;
        }
        let fence = "`".repeat(longest_run(code).max(2) + 1);
        self.line = format!("{fence}{language}\n{code}\n{fence}");
        let row = self.row.take();
        self.put_block();
        self.row = row;
    }

    fn end_cell(&mut self) {
        self.end_block();
        let cell = self.line.trim().replace('\n', " ").replace('|', "\\|");
        if let Some(row) = &mut self.row {
            if std::mem::take(&mut self.in_cell) || !cell.is_empty() {
                row.push(cell);
            }
            self.line.clear();
        }
    }

    fn end_row(&mut self) {
        self.end_cell();
        let Some(row) = self.row.take() else { return };
        self.line.clear();
        if row.iter().all(|cell| cell.is_empty()) {
            return;
        }
        // A row of one cell is page layout.
        if let [only] = row.as_slice() {
            self.line = only.replace("\\|", "|");
            self.end_block();
            return;
        }
        self.line = format!("| {} |", row.join(" | "));
        if self.rows == 0 {
            self.line.push_str(&format!("\n|{}", " --- |".repeat(row.len())));
        }
        self.tight = self.rows > 0;
        self.rows += 1;
        self.put_block();
    }

    /// Writes the block with the prefixes of its containers.
    fn put_block(&mut self) {
        let block = std::mem::take(&mut self.line);
        let begins_item = matches!(self.frames.last(), Some(Frame::Item { marker: Some(_), .. }));
        let row = block.starts_with("| ");
        if !self.out.is_empty() {
            let quotes = self
                .frames
                .iter()
                .take(MAX_DEPTH)
                .filter(|frame| matches!(frame, Frame::Quote))
                .count();
            let tight = self.tight && (begins_item || row);
            if !tight && self.out.ends_with('\n') && quotes > 0 && self.was_quote() {
                self.out.push_str("> ".repeat(quotes).trim_end());
            }
            if !tight {
                self.out.push('\n');
            }
        }
        for line in block.split('\n') {
            let mut prefix = String::new();
            for frame in self.frames.iter_mut().take(2 * MAX_DEPTH) {
                match frame {
                    Frame::Quote => prefix.push_str("> "),
                    Frame::Item { marker, width } => match marker.take() {
                        Some(marker) => prefix.push_str(&marker),
                        None => prefix.extend(std::iter::repeat_n(' ', *width)),
                    },
                    Frame::List(_) => {}
                }
            }
            self.out.push_str(format!("{prefix}{line}").trim_end());
            self.out.push('\n');
        }
        self.tight = false;
        for mark in &mut self.marks {
            mark.from = 0;
        }
    }

    fn was_quote(&self) -> bool {
        self.out
            .trim_end()
            .rsplit('\n')
            .next()
            .is_some_and(|line| line.trim_start().starts_with('>'))
    }
}

/// Returns true for printable ASCII that has no meaning in Markdown.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'<' | b'*' | b'`')
}

/// Returns true for a link by itself that is a call to action, as in newsletters.
fn is_call_to_action(line: &str) -> bool {
    const CALLS: [&str; 16] = [
        "comment",
        "comments",
        "donate",
        "leave a comment",
        "read in browser",
        "read online",
        "refer a friend",
        "share",
        "share this post",
        "sign up",
        "subscribe",
        "subscribe now",
        "subscribe today",
        "unsubscribe",
        "view in browser",
        "view this email in your browser",
    ];
    let line = line.trim_matches(['*', ' ']);
    let Some((label, address)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]("))
    else {
        return false;
    };
    let alone = address.find(')') == Some(address.len().wrapping_sub(1));
    alone && CALLS.contains(&label.trim_matches(['*', ' ', '!']).to_lowercase().as_str())
}

/// Escapes the start of a paragraph that Markdown would read as a heading, a list or a quote.
fn escape_line_start(line: &str) -> String {
    let number = line.bytes().take_while(u8::is_ascii_digit).count();
    let listed = (1..=9).contains(&number)
        && line[number..].starts_with([')', '.'])
        && line[number + 1..].starts_with(' ');
    let mut escape_line_start = line.to_owned();
    if listed {
        escape_line_start.insert(number, '\\');
    } else if ["# ", "## ", "### ", "> ", "- ", "+ "].iter().any(|sign| line.starts_with(sign)) {
        escape_line_start.insert(0, '\\');
    }
    escape_line_start
}

/// Returns true if preformatted text is prose or a poem: words between blanks, and the punctuation of
/// prose.
fn reads_as_prose(text: &str) -> bool {
    const MIN_WORDS: usize = 4;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let words = text.split_whitespace().count();
    let signs = |c: char| {
        !(c.is_alphanumeric()
            || c.is_whitespace()
            || matches!(c, '.' | ',' | '!' | '?' | '\'' | '"' | '-' | ':' | '*')
            || !c.is_ascii())
    };
    let odd = text.chars().filter(|&c| signs(c)).count();
    // Lines of code end in a symbol; tables contain runs of blanks.
    let coded = lines.iter().filter(|line| {
        let line = line.trim();
        line.ends_with([';', '{', '}', '\\', '='])
            || line.contains("  ")
            || line.starts_with(['$', '#', '<', '>'])
    });
    words >= MIN_WORDS
        && words >= 2 * lines.len()
        && odd * 50 <= text.len()
        && coded.count() * 10 <= lines.len()
}

fn language(tag: &Tag) -> String {
    let class = tag.attribute("class").unwrap_or_default();
    let named = class
        .split_whitespace()
        .find_map(|class| class.strip_prefix("language-").or_else(|| class.strip_prefix("lang-")));
    let found = named
        .map(str::to_owned)
        .or_else(|| tag.attribute("lang").map(str::to_owned))
        .unwrap_or_default();
    found
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '+' | '#' | '_'))
        .take(20)
        .collect()
}
