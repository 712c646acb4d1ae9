//! HTML to Markdown: pages, fragments and the bits of HTML inside Markdown.
//!
//! Built without a tree, on purpose: what a page says is a run of blocks, and a run can be read in
//! one pass, so that neither depth nor size nor bad nesting can make it slow.

mod tokens;

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;

use super::date;
use super::dropped::Dropped;
pub(super) use tokens::decoded;
use tokens::{Tag, Token, tokens};

/// Deeper nesting of quotes, lists and emphasis is a mistake or a trap.
const DEEPEST: usize = 8;

/// Tags and texts that are read of one page.
const MOST_TOKENS: usize = 1_500_000;

/// What a page says.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) title: Option<String>,
    pub(super) author: Option<String>,
    pub(super) date: Option<Date>,
    /// What the exporter's marks say it is: an entry of a journal, an answer to somebody else.
    pub(super) kind: Option<&'static str>,
    /// It has more tags and texts than are read: what comes after them is not here.
    pub(super) is_cut: bool,
    /// Markdown.
    pub(super) text: String,
    /// The words of the page that are not in `text`.
    pub(super) dropped: Dropped,
}

/// Reads a page or a fragment.
pub(super) fn page(html: &str) -> Page {
    let tokens: Vec<Token> = tokens(html).take(MOST_TOKENS).collect();
    let closes = closes(&tokens);
    let (from, to) = article(&tokens, &closes);
    let mut title = None;
    let mut name = None;
    let mut date = None;
    let mut author = None;
    let (mut journal, mut medium, mut named) = (false, false, false);
    // Headings looked into; nested ones could make this slow.
    let mut tries = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Raw { name: "title", text } if name.is_none() => name = Some(inline(text)),
            Token::Open(tag) if is_title(tag) && title.is_none() && tries < 4 => {
                tries += 1;
                title = closes
                    .get(&at)
                    .map(|&end| inline(&markdown(&tokens[at + 1..end])))
                    .filter(|title| !title.is_empty());
            }
            Token::Open(tag) => {
                journal |= tag.has_class(&["bodyText"]);
                medium |= tag.has_class(&["p-canonical"]);
                named |= tag.has_class(&["graf--title"]);
                let next = tokens.get(at + 1);
                if let (true, Some(Token::Text(name))) = (tag.has_class(&["p-author"]), next) {
                    author = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
                }
                date = date.or_else(|| day(tag, next));
            }
            _ => {}
        }
    }
    let whole = tokens.iter().any(
        |token| matches!(token, Token::Open(tag) if matches!(tag.name.as_ref(), "html" | "body")),
    );
    let title = if whole { title.or(name) } else { name }.filter(|title| !title.is_empty());
    let text = markdown(&tokens[from..to]);
    // Medium gives an answer the name of its own first words.
    let first = || inline(super::unruled(&text).lines().next().unwrap_or_default());
    let answer = medium
        && !named
        && title.as_deref().is_some_and(|title| first().starts_with(title.trim_end_matches('…')));
    let kind = if journal { Some("log") } else { answer.then_some("comment") };
    let title = title.filter(|_| !answer);
    let is_cut = tokens.len() == MOST_TOKENS;
    Page { title, author, date, kind, is_cut, text, dropped: Dropped::default() }
}

/// The heading of a page; Apple's journal marks it by a class.
fn is_title(tag: &Tag) -> bool {
    tag.name == "h1" || (tag.name == "div" && tag.is("class", "title"))
}

/// The Markdown of a stretch of HTML, without asking which part of it is the article.
pub(super) fn fragment(html: &str) -> String {
    let tokens: Vec<Token> = tokens(html).take(MOST_TOKENS).collect();
    markdown(&tokens)
}

/// The words of a short stretch of HTML on one line, without any mark: a title.
pub(super) fn plain(html: &str) -> String {
    inline(&fragment(html))
}

/// The element that `html` opens and leaves open whose content is furniture or a quote.
pub(super) fn left_open(html: &str) -> Option<String> {
    let tokens: Vec<Token> = tokens(html).collect();
    let closes = closes(&tokens);
    tokens.iter().enumerate().find_map(|(at, token)| match token {
        Token::Open(tag)
            if (tag.name == "blockquote" || is_furniture(tag)) && !closes.contains_key(&at) =>
        {
            Some(tag.name.clone().into_owned())
        }
        _ => None,
    })
}

/// Whether `html` closes an element called `name`.
pub(super) fn closes_one(html: &str, name: &str) -> bool {
    tokens(html).any(|token| matches!(token, Token::Close(closed) if closed == name))
}

/// Where a page says when it was written.
fn day(tag: &Tag, next: Option<&Token>) -> Option<Date> {
    match tag.name.as_ref() {
        "time" => tag.attribute("datetime").and_then(date::spelled).or_else(|| match next {
            Some(Token::Text(text)) => date::spelled(text),
            _ => None,
        }),
        // Apple's journal and Tumblr say it in words.
        "div" | "span" if tag.has_class(&["pageHeader"]) || tag.is("id", "timestamp") => match next
        {
            Some(Token::Text(text)) => date::spelled(text),
            _ => None,
        },
        "meta" => {
            let key = tag.attribute("property").or_else(|| tag.attribute("name"))?.to_lowercase();
            let dated = matches!(
                key.as_str(),
                "article:published_time" | "date" | "dc.date" | "dcterms.created" | "pubdate"
            );
            dated.then(|| date::spelled(tag.attribute("content")?)).flatten()
        }
        _ => None,
    }
}

/// The stretch of tokens that is the article, by the marks that exporters and themes put on it.
fn article(tokens: &[Token], closes: &HashMap<usize, usize>) -> (usize, usize) {
    const BODIES: [&str; 11] = [
        "bodyText",
        "page-body",
        "e-content",
        "entry-content",
        "post-content",
        "article-body",
        "article-content",
        "post-body",
        "markdown-body",
        "available-content",
        "post__content",
    ];
    let tags = || {
        tokens.iter().enumerate().filter_map(|(at, token)| match token {
            Token::Open(tag) => Some((at, tag)),
            _ => None,
        })
    };
    let only = |pick: &dyn Fn(&Tag) -> bool| {
        let mut found = tags().filter(|(_, tag)| pick(tag));
        found.next().filter(|_| found.next().is_none()).map(|(at, _)| at)
    };
    let start = only(&|tag| tag.has_class(&BODIES) || tag.is("itemprop", "articleBody"))
        .or_else(|| only(&|tag| tag.name == "article"))
        .or_else(|| only(&|tag| tag.name == "main" || tag.is("role", "main")))
        .or_else(|| densest(tokens, closes))
        .or_else(|| only(&|tag| tag.name == "body"));
    match start {
        Some(at) => (at + 1, closes.get(&at).copied().unwrap_or(tokens.len())),
        None => (0, tokens.len()),
    }
}

/// The element that most of a page's paragraphs stand in, for a page that marks none: what is
/// around it is the site's.
fn densest(tokens: &[Token], closes: &HashMap<usize, usize>) -> Option<usize> {
    const LEAST: usize = 500;
    let holds = |name: &str| matches!(name, "div" | "section" | "td" | "center" | "body");
    let mut open: Vec<usize> = Vec::new();
    let mut scores: HashMap<usize, usize> = HashMap::new();
    let (mut total, mut in_paragraph, mut in_link) = (0, false, false);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        while open.last().is_some_and(|from| closes.get(from).is_some_and(|&end| end <= at)) {
            open.pop();
        }
        match token {
            Token::Open(tag) if is_furniture(tag) => {
                at = closes.get(&at).copied().unwrap_or(at);
            }
            Token::Open(tag) if holds(&tag.name) && closes.contains_key(&at) => {
                open.push(at);
                in_paragraph = false;
            }
            Token::Open(tag) if tag.name == "p" => (in_paragraph, in_link) = (true, false),
            Token::Open(tag) if tag.name == "a" => in_link = true,
            Token::Close(name) if name == "a" => in_link = false,
            Token::Close(name) if name == "p" => in_paragraph = false,
            Token::Text(text) if in_paragraph && !in_link => {
                let length = text.trim().len();
                total += length;
                for (up, from) in open.iter().rev().take(2).enumerate() {
                    *scores.entry(*from).or_default() += length / (up + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    let (&best, &score) = scores.iter().max_by_key(|&(&at, &score)| (score, at))?;
    let body = matches!(&tokens[best], Token::Open(tag) if tag.name == "body");
    (total >= LEAST && score * 20 >= total * 9 && !body).then_some(best)
}

/// For each opening tag, where it is closed.
fn closes(tokens: &[Token]) -> HashMap<usize, usize> {
    let mut open: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut closes = HashMap::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Open(tag) => open.entry(&tag.name).or_default().push(at),
            Token::Close(name) => {
                if let Some(from) = open.get_mut(name.as_ref()).and_then(Vec::pop) {
                    closes.insert(from, at);
                }
            }
            _ => {}
        }
    }
    closes
}

/// A line without Markdown's marks, for a title.
fn inline(text: &str) -> String {
    let text = text.replace(['*', '`', '\n'], " ");
    text.trim_start_matches('#').split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Elements that are never the writer's prose.
fn is_furniture(tag: &Tag) -> bool {
    const NAMES: [&str; 24] = [
        "nav",
        "footer",
        "header",
        "aside",
        "noscript",
        "template",
        "iframe",
        "svg",
        "canvas",
        "video",
        "audio",
        "object",
        "form",
        "button",
        "select",
        "figcaption",
        "map",
        "head",
        "dialog",
        "math",
        "menu",
        "embed-card",
        "applet",
        "picture",
    ];
    const CLASSES: [&str; 46] = [
        "toc",
        "table-of-contents",
        "nav",
        "navbar",
        "navigation",
        "sidebar",
        "comments",
        "comment-list",
        "share",
        "sharing",
        "share-buttons",
        "sharedaddy",
        "jp-relatedposts",
        "related",
        "related-posts",
        "breadcrumb",
        "breadcrumbs",
        "pagination",
        "post-navigation",
        "subscription-widget",
        "subscription-widget-wrap",
        "button-wrapper",
        "footnote-anchor",
        "footnote-ref",
        "footnote-backref",
        "footnote-back",
        "reversefootnote",
        "sr-only",
        "screen-reader-text",
        "post-meta",
        "entry-meta",
        "captioned-image-container",
        "footnote-number",
        "image-caption",
        "wp-caption-text",
        "kg-audio-card",
        "kg-bookmark-card",
        "kg-button-card",
        "kg-cta-card",
        "kg-embed-card",
        "kg-file-card",
        "kg-header-card",
        "kg-nft-card",
        "kg-product-card",
        "kg-signup-card",
        "kg-video-card",
    ];
    NAMES.contains(&tag.name.as_ref())
        || (tag.has_class(&CLASSES)
            && !matches!(tag.name.as_ref(), "body" | "html" | "main" | "article"))
        || tag.is("role", "navigation")
        || (tag.name == "a" && tag.has_class(&["tumblr_blog"]))
        || (tag.name != "body"
            && ["toc", "TOC", "comments", "sidebar", "table-of-contents", "footer", "nav"]
                .iter()
                .any(|id| tag.is("id", id)))
        || (tag.name == "a"
            && tag
                .attribute("href")
                .is_some_and(|href| href.starts_with("#fnref") || href.starts_with("#fn")))
}

fn markdown(tokens: &[Token]) -> String {
    let closes = closes(tokens);
    let layouts = layouts(tokens);
    let mut writer = Writer::default();
    // Of each table that is open: whether it is a layout.
    let mut tables: Vec<bool> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let of_table = |name: &str| matches!(name, "table" | "tr" | "td" | "th");
        match token {
            Token::Text(text) => writer.text(text),
            Token::Raw { .. } | Token::Comment(_) => {}
            Token::Close(name) => {
                match tables.last() {
                    Some(true) if of_table(name) => writer.end_block(),
                    _ => writer.close(name),
                }
                if name == "table" {
                    tables.pop();
                }
            }
            Token::Open(tag) if is_furniture(tag) => at = closes.get(&at).copied().unwrap_or(at),
            Token::Open(tag) => {
                if tag.name == "table" {
                    tables.push(layouts.contains(&at));
                }
                match tables.last() {
                    Some(true) if of_table(&tag.name) => writer.end_block(),
                    _ => writer.open(tag),
                }
            }
        }
        at += 1;
    }
    writer.end_block();
    writer.end_pre();
    writer.out.trim_matches('\n').to_owned()
}

/// The tables that only put a page in its place, as nearly all mail is made: they say so, hold other
/// tables, or have no row of two cells. What stands in them are blocks.
fn layouts(tokens: &[Token]) -> HashSet<usize> {
    struct Table {
        at: usize,
        cells: usize,
        widest: usize,
        layout: bool,
    }
    let mut open: Vec<Table> = Vec::new();
    let mut found = HashSet::new();
    let shut = |table: Option<Table>, found: &mut HashSet<usize>| {
        let table = table.filter(|table| table.layout || table.widest <= 1);
        found.extend(table.map(|table| table.at));
    };
    for (at, token) in tokens.iter().enumerate() {
        match (token, open.last_mut()) {
            (Token::Open(tag), outer) if tag.name == "table" => {
                if let Some(outer) = outer {
                    outer.layout = true;
                }
                let layout = tag.is("role", "presentation") || tag.is("role", "none");
                open.push(Table { at, cells: 0, widest: 0, layout });
            }
            (Token::Open(tag), Some(table)) if tag.name == "tr" => table.cells = 0,
            (Token::Open(tag), Some(table)) if matches!(tag.name.as_ref(), "td" | "th") => {
                table.cells += 1;
                table.widest = table.widest.max(table.cells);
            }
            (Token::Close(name), Some(_)) if name == "table" => shut(open.pop(), &mut found),
            _ => {}
        }
    }
    while let Some(table) = open.pop() {
        shut(Some(table), &mut found);
    }
    found
}

/// Something that later text stands in.
#[derive(Debug)]
enum Frame {
    Quote,
    /// The next number, for an ordered list.
    List(Option<usize>),
    /// The marker, until it is written; its width in any case.
    Item {
        marker: Option<String>,
        width: usize,
    },
}

#[derive(Debug)]
struct Mark {
    name: String,
    from: usize,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    Around(&'static str),
    Code,
    Link(String),
    Nothing,
}

#[derive(Debug, Default)]
struct Writer {
    out: String,
    frames: Vec<Frame>,
    /// The block being gathered, on one line but for `<br>`.
    line: String,
    marks: Vec<Mark>,
    heading: usize,
    pre: Option<(String, String)>,
    row: Option<Vec<String>>,
    in_cell: bool,
    rows: usize,
    /// The block before was an item of the same list.
    tight: bool,
}

impl Writer {
    fn text(&mut self, text: &str) {
        if let Some((code, _)) = &mut self.pre {
            code.push_str(text);
            return;
        }
        let in_code = self.marks.iter().any(|mark| matches!(mark.how, How::Code));
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            if char.is_ascii_whitespace() {
                if !self.line.is_empty() && !self.line.ends_with([' ', '\n']) {
                    self.line.push(' ');
                }
                continue;
            }
            let tag_like = char == '<'
                && chars.peek().is_some_and(|next| {
                    next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?')
                });
            let spaced = self.line.is_empty() || self.line.ends_with([' ', '\n']);
            let star =
                char == '*' && !(spaced && chars.peek().is_none_or(|next| next.is_whitespace()));
            if !in_code && (tag_like || star || char == '`') {
                self.line.push('\\');
            }
            self.line.push(char);
        }
    }

    fn open(&mut self, tag: &Tag) {
        if let Some((code, _)) = &mut self.pre {
            match tag.name.as_ref() {
                "br" => code.push('\n'),
                "code" if code.trim().is_empty() => {
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
            "br" => {
                let end = self.line.trim_end_matches(' ').len();
                self.line.truncate(end);
                if !self.line.is_empty() {
                    self.line.push('\n');
                }
            }
            "pre" | "listing" | "xmp" => {
                self.end_block();
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
            "ul" | "ol" | "dir" => {
                self.end_block();
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
            "em" | "i" | "cite" | "var" | "dfn" => self.mark(tag, How::Around("*")),
            "strong" | "b" => self.mark(tag, How::Around("**")),
            "del" | "s" | "strike" => self.mark(tag, How::Around("~~")),
            "code" | "tt" | "kbd" | "samp" => self.mark(tag, How::Code),
            "a" => {
                let href =
                    tag.attribute("href").map(|href| href.trim().to_owned()).unwrap_or_default();
                let inside =
                    href.is_empty() || href.starts_with('#') || href.starts_with("javascript:");
                self.mark(tag, if inside { How::Nothing } else { How::Link(href) });
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

    fn close(&mut self, name: &str) {
        if self.pre.is_some() {
            if matches!(name, "pre" | "listing" | "xmp") {
                self.end_pre();
            }
            return;
        }
        match name {
            "blockquote" => self.pop(|frame| matches!(frame, Frame::Quote)),
            "ul" | "ol" | "dir" => {
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
                    for mark in self.marks.split_off(at).into_iter().rev() {
                        self.apply(mark.from, &mark.how);
                    }
                }
            }
        }
    }

    fn push(&mut self, frame: Frame) {
        // Past the depth a frame still has to be there to be popped; it is only not drawn.
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

    fn mark(&mut self, tag: &Tag, how: How) {
        if self.marks.len() >= 2 * DEEPEST {
            return;
        }
        let again = self.marks.iter().any(|mark| {
            std::mem::discriminant(&mark.how) == std::mem::discriminant(&how)
                && mark.name == tag.name
        });
        let how = if again { How::Nothing } else { how };
        self.marks.push(Mark { name: tag.name.clone().into_owned(), from: self.line.len(), how });
    }

    /// Puts the signs of a mark around what was gathered since `from`, spaces outside.
    fn apply(&mut self, from: usize, how: &How) {
        let from = from.min(self.line.len());
        let inner = &self.line[from..];
        let trimmed = inner.trim();
        if trimmed.is_empty() {
            return;
        }
        let start = from + inner.len() - inner.trim_start().len();
        let end = start + trimmed.len();
        match how {
            How::Nothing => {}
            How::Around(sign) => {
                self.line.insert_str(end, sign);
                self.line.insert_str(start, sign);
            }
            How::Code => {
                let fence = "`".repeat(longest_run(trimmed) + 1);
                let padded = trimmed.starts_with('`') || trimmed.ends_with('`');
                let pad = if padded { " " } else { "" };
                self.line.insert_str(end, &format!("{pad}{fence}"));
                self.line.insert_str(start, &format!("{fence}{pad}"));
            }
            How::Link(_)
                if trimmed
                    .chars()
                    .all(|c| matches!(c, '#' | '¶' | '↩' | '^' | '\u{fe0e}' | '§' | '🔗')) =>
            {
                self.line.replace_range(start..end, "");
            }
            How::Link(href) => {
                let href = href
                    .replace(|c: char| c.is_whitespace(), "%20")
                    .replace('(', "%28")
                    .replace(')', "%29");
                self.line.insert_str(end, &format!("]({href})"));
                self.line.insert(start, '[');
            }
        }
    }

    fn end_block(&mut self) {
        // A mark that runs over the end of a block goes on in the next one.
        for at in (0..self.marks.len()).rev() {
            let (from, how) = (self.marks[at].from, self.marks[at].how.clone());
            self.apply(from, &how);
            self.marks[at].from = 0;
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
        // The colon stood behind the name of somebody whose words follow.
        if line.is_empty() || line == ":" || is_call(line) {
            self.line.clear();
            return;
        }
        let head = match self.heading {
            0 => String::new(),
            level => format!("{} ", "#".repeat(level)),
        };
        let line = if head.is_empty() { guarded(line) } else { line.replace('\n', " ") };
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
        // A row of one cell is a page laid out with tables.
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

    /// Writes the gathered lines with what they stand in.
    fn put_block(&mut self) {
        let block = std::mem::take(&mut self.line);
        let begins_item = matches!(self.frames.last(), Some(Frame::Item { marker: Some(_), .. }));
        let row = block.starts_with("| ");
        if !self.out.is_empty() {
            let quotes = self
                .frames
                .iter()
                .take(DEEPEST)
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
            for frame in self.frames.iter_mut().take(2 * DEEPEST) {
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

/// A link by itself that only asks the reader to do something, as newsletters do.
fn is_call(line: &str) -> bool {
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
    let Some((said, address)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]("))
    else {
        return false;
    };
    let alone = address.find(')') == Some(address.len().wrapping_sub(1));
    alone && CALLS.contains(&said.trim_matches(['*', ' ', '!']).to_lowercase().as_str())
}

/// The start of a paragraph that Markdown would take for a heading, a list or a quote.
fn guarded(line: &str) -> String {
    let number = line.bytes().take_while(u8::is_ascii_digit).count();
    let listed = (1..=9).contains(&number)
        && line[number..].starts_with([')', '.'])
        && line[number + 1..].starts_with(' ');
    let mut guarded = line.to_owned();
    if listed {
        guarded.insert(number, '\\');
    } else if ["# ", "## ", "### ", "> ", "- ", "+ "].iter().any(|sign| line.starts_with(sign)) {
        guarded.insert(0, '\\');
    }
    guarded
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

/// The longest run of backticks in `text`.
pub(super) fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn heading(name: &str) -> Option<usize> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(usize::from(level - b'0')),
        _ => None,
    }
}

fn is_block(name: &str) -> bool {
    const BLOCKS: [&str; 24] = [
        "p", "div", "section", "article", "main", "body", "html", "dl", "dt", "dd", "figure",
        "center", "address", "details", "summary", "fieldset", "caption", "thead", "tbody",
        "tfoot", "hgroup", "legend", "nav", "col",
    ];
    BLOCKS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_page_without_marks_gives_its_article() {
        let words = "So it went on, up the hill and down again. ".repeat(5);
        let html = format!(
            "<html><head><title>T</title></head><body><div><p>Welcome to the site.</p><a href=x>Home</a></div>\
             <div><div><p>{words}</p><p>{words}</p><p>{words}</p></div><div><p>Buy now.</p></div></div></body></html>"
        );
        let text = page(&html).text;
        assert!(text.starts_with("So it went") && text.ends_with("again."), "{text}");
    }

    #[test]
    fn an_entry_of_a_journal() {
        let found = page(
            "<html><body><div class=\"pageHeader\">Sunday, 17 December 2023</div><div class=\"title\">Up</div>\
            <div class=\"bodyText\"><p><span>I went.</p></span></div></body></html>",
        );
        assert_eq!(
            (found.title.as_deref(), found.kind, found.text.as_str()),
            (Some("Up"), Some("log"), "I went.")
        );
        assert_eq!(found.date.map(|date| date.to_string()).as_deref(), Some("2023-12-17"));
    }

    #[test]
    fn a_reblog_is_somebody_elses() {
        let found = page(
            "<html><body><p><a class=\"tumblr_blog\" href=\"x\">them</a>:</p><blockquote><p>Theirs.</p></blockquote><p>Mine.</p>\
            <div id=\"footer\"><span id=\"timestamp\"> June 13th, 2019 8:43am </span><span class=\"tag\">hill</span></div></body></html>",
        );
        assert_eq!(found.text, "> Theirs.\n\nMine.");
        assert_eq!(found.date.map(|date| date.to_string()).as_deref(), Some("2019-06-13"));
    }

    #[test]
    fn an_answer_on_medium_is_no_post() {
        let html = |title: &str| {
            format!(
                "<html><body><article class=\"h-entry\"><h1 class=\"p-name\">I think so</h1><section class=\"e-content\">{title}<p>I think so, too.</p></section>\
            <footer><a class=\"p-author h-card\" href=\"x\">Jo</a><a class=\"p-canonical\" href=\"x\">y</a></footer></article></body></html>"
            )
        };
        let answer = page(&html(""));
        assert_eq!((answer.kind, answer.author.as_deref()), (Some("comment"), Some("Jo")));
        assert_eq!(page(&html("<h3 class=\"graf--title\">I think so</h3>")).kind, None);
    }

    fn reads(html: &str, expected: &str) {
        assert_eq!(page(html).text, expected, "{html}");
    }

    #[test]
    fn paragraphs_on_one_line_each() {
        reads("<p>\nOne\ntwo.\n</p>\n<p>Three.</p>", "One two.\n\nThree.");
        reads("One<br>two<br />three", "One\ntwo\nthree");
    }

    #[test]
    fn the_writers_emphasis_and_links() {
        reads("a <b>bold </b>word, <i>so</i>", "a **bold** word, *so*");
        reads(
            "<a href=\"http://a.b/(c)\">see <em>this</em></a>.",
            "[see *this*](http://a.b/%28c%29).",
        );
        reads("use <code>a`b</code> &amp; <tt>x &lt; y</tt>", "use ``a`b`` & `x < y`");
        reads("<i><p>one</p><p>two</p></i>", "*one*\n\n*two*");
        reads("<b></b>nothing<a href='x'></a>", "nothing");
    }

    #[test]
    fn quotes_lists_and_code() {
        reads("<blockquote><p>a</p><p>b</p></blockquote><p>c</p>", "> a\n>\n> b\n\nc");
        reads("<ul><li>a<li>b<ol start=3><li>c</ol></ul>d", "- a\n- b\n  3. c\n\nd");
        reads("<pre class=\"language-c\">\nint a;\n\n  b;\n</pre>", "```c\nint a;\n\n  b;\n```");
        reads("<ul><li><p>a</p><p>b</p></li></ul>", "- a\n\n  b");
        reads(
            "<table><tr><td>a</td><td></td><td>c|d</td></tr></table>",
            "| a |  | c\\|d |\n| --- | --- | --- |",
        );
        reads("<table><tr><td>laid out</td></tr></table>", "laid out");
        reads("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "| a | b |\n| --- | --- |\n| 1 | 2 |");
    }

    #[test]
    fn furniture_stays_behind() {
        reads(
            "<nav><a href=/>Home</a></nav><p>Text.</p><footer>(c)</footer><script>x < y</script>",
            "Text.",
        );
        reads("<p>Text<sup><a href=\"#fn1\">1</a></sup>.</p><!-- more -->", "Text.");
        reads("<figure><img src=a><figcaption>c</figcaption></figure><p>Text.</p>", "Text.");
        reads("<aside>never closed<p>Text.</p>", "never closed\n\nText.");
    }

    #[test]
    fn a_whole_page() {
        let page = page(
            "<html><head><title>A &ndash; site</title></head><body><header><h1>A <i>walk</i></h1></header>\
            <time datetime=\"2024-03-05T10:00\">x</time><article><p>Text.</p></article><p>Related</p></body></html>",
        );
        assert_eq!(page.title.as_deref(), Some("A walk"));
        assert_eq!(page.date.map(|date| date.to_string()).as_deref(), Some("2024-03-05"));
        assert_eq!(page.text, "Text.");
    }

    #[test]
    fn text_that_looks_like_markdown() {
        reads(
            "<p>1. not a list</p><p># nor a heading</p><p>2 * 3 * 4</p>",
            "1\\. not a list\n\n\\# nor a heading\n\n2 * 3 * 4",
        );
        reads("a &lt;b&gt; &hellip; &#8212; &#151; &nope; &", "a \\<b> … — — &nope; &");
    }

    #[test]
    fn broken_markup() {
        for html in [
            "<",
            "<p",
            "<p a=\"",
            "</",
            "<!--",
            "<!",
            "&",
            "&#",
            "&#x110000;",
            "<b><i>x</b></i>",
            "<é>",
            "<p é=1 ü>a",
            "a<é",
            "é<",
        ] {
            page(html);
        }
        reads("a < b <!-- open", "a < b open");
    }

    #[test]
    fn a_trap_of_depth_costs_no_more_than_its_length() {
        for bit in [
            "<div>",
            "<b>",
            "<blockquote>a",
            "<ul><li>a",
            "<!--",
            "<script>",
            "<a href=\"",
            "<table><tr><td>a",
            "<a b='",
        ] {
            page(&bit.repeat(20_000));
        }
    }
}
