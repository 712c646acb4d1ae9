//! Markdown as sites keep it: the furniture comes off, the writer's marks stay.
//!
//! Works by cutting stretches out of the text, never by writing it anew, so that whatever is not
//! cut is the writer's own, byte for byte. What is inside code is never touched.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use super::wrap::Wrap;
use super::{Apart, Span, html};

/// Stretches to replace, and by what.
type Cuts = Vec<(Range<usize>, String)>;

/// Signs and line ends, each of which may be a mark. The parser keeps two hundred bytes for each of
/// them; a novel has a tenth as many.
const MOST_SIGNS: usize = 1 << 19;

/// Whether a text is so full of signs that it is not to be parsed.
pub(super) fn is_all_signs(text: &str) -> bool {
    has_more_signs(text, MOST_SIGNS)
}

pub(super) fn has_more_signs(text: &str, most: usize) -> bool {
    let sign = |byte: &u8| byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != b' ';
    text.len() > most && text.bytes().filter(sign).count() > most
}

/// Takes the furniture off a Markdown text.
pub(super) fn tidied(text: &str) -> String {
    if is_all_signs(text) {
        return text.to_owned();
    }
    let text = fenced(text);
    let text = without_templates(&text);
    let text = without_html(&text);
    squeezed(&without_furniture(&text))
}

fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
}

/// Makes the cuts; of two that overlap, the first stands.
fn cut(text: &str, mut cuts: Cuts) -> String {
    cuts.sort_by_key(|(range, _)| (range.start, range.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (range, instead) in cuts {
        if range.start >= at {
            out.push_str(&text[at..range.start]);
            out.push_str(&instead);
            at = range.end;
        }
    }
    out.push_str(&text[at..]);
    out
}

/// Where code stands, in order.
fn code(text: &str) -> Vec<Range<usize>> {
    let events = Parser::new_ext(text, options()).into_offset_iter();
    let code = events.filter_map(|(event, range)| {
        matches!(event, Event::Start(Tag::CodeBlock(_)) | Event::Code(_)).then_some(range)
    });
    code.collect()
}

fn inside(ranges: &[Range<usize>], at: usize) -> Option<usize> {
    let next = ranges.partition_point(|range| range.end <= at);
    ranges.get(next).filter(|range| range.start <= at).map(|range| range.end)
}

/// Code and quotes that are wrapped in template tags, as Markdown writes them. In a page of HTML
/// the fence is a `pre` instead (see [`preformatted`]).
fn fenced(text: &str) -> String {
    if !text.contains("{%") && !text.contains("{{") {
        return text.to_owned();
    }
    let code = code(text);
    let mut cuts = Cuts::new();
    for block in blocks(text, &["highlight", "quote", "blockquote"]) {
        if inside(&code, block.whole.start).is_some_and(|end| {
            end < block.whole.end || block.name == "highlight" && end > block.whole.end
        }) {
            continue;
        }
        let body = text[block.body.clone()].trim_matches('\n');
        let instead = if block.name == "highlight" {
            let fence = "`".repeat(html::longest_run(body).max(2) + 1);
            format!("{fence}{}\n{}\n{fence}", block.argument, body.trim_end())
        } else {
            body.trim().lines().map(|line| format!("> {line}\n")).collect()
        };
        let begins_line = text[..block.whole.start].ends_with('\n') || block.whole.start == 0;
        cuts.push((block.whole, format!("{}{instead}\n", if begins_line { "" } else { "\n\n" })));
    }
    cut(text, cuts)
}

/// Code in Liquid tags as a `pre`, for a text that is HTML; other template tags cut.
pub(super) fn preformatted(text: &str) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    let mut cuts = Cuts::new();
    for block in blocks(text, &["highlight"]) {
        let body =
            quick_xml::escape::escape(text[block.body.clone()].trim_matches('\n')).into_owned();
        cuts.push((block.whole, format!("<pre lang=\"{}\">{body}</pre>", block.argument)));
    }
    let held: Vec<Range<usize>> = cuts
        .iter()
        .map(|(range, _)| range.clone())
        .chain(spans(text, "<pre", "</pre>"))
        .chain(spans(text, "<code", "</code>"))
        .collect();
    let mut held = held;
    held.sort_by_key(|range| range.start);
    cuts.extend(templates(text, &merged(held)));
    cut(text, cuts)
}

fn merged(ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

fn spans<'a>(
    text: &'a str,
    open: &'a str,
    close: &'a str,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(open)?;
        let end = start + text[start..].find(close)? + close.len();
        at = end;
        Some(start..end)
    })
}

/// A paired template tag with what stands between.
struct Block<'a> {
    name: &'a str,
    argument: String,
    body: Range<usize>,
    whole: Range<usize>,
}

/// A template tag: `{% name … %}`, `{{< name … >}}`, `{{% name … %}}` and their closing forms.
struct Template<'a> {
    name: &'a str,
    rest: &'a str,
    closing: bool,
    alone: bool,
    range: Range<usize>,
}

/// The longest a tag may be, so that an opening brace in prose takes nothing with it, and the
/// farthest that anything looks along a line.
const LONGEST_TAG: usize = 4000;

/// The line that ends at `at`, as far as anything looks.
fn line_before(text: &str, at: usize) -> &str {
    let from = text.ceil_char_boundary(at.saturating_sub(LONGEST_TAG));
    text[from..at].rsplit('\n').next().unwrap_or_default()
}

/// The line from `at` on, as far as anything looks.
fn line_after(text: &str, at: usize) -> &str {
    let to = text.floor_char_boundary((at + LONGEST_TAG).min(text.len()));
    text[at..to].split('\n').next().unwrap_or_default()
}

fn template(text: &str, at: usize) -> Option<Template<'_>> {
    let rest = &text[at..];
    let (open, close) = [("{{<", ">}}"), ("{{%", "%}}"), ("{%", "%}")]
        .into_iter()
        .find(|(open, _)| rest.starts_with(open))?;
    let window = &rest.as_bytes()[..rest.len().min(LONGEST_TAG)];
    // A tag that meets the beginning of another before its end is not one.
    let ends =
        |at: &usize| [open, close].iter().any(|mark| window[*at..].starts_with(mark.as_bytes()));
    let end = (open.len()..window.len())
        .find(ends)
        .filter(|&at| window[at..].starts_with(close.as_bytes()))?;
    let inner = rest[open.len()..end].trim_matches(['-', ' ', '\n', '\t']);
    let alone = inner.ends_with('/') && inner.len() > 1;
    let name = inner.trim_start_matches(['/', ' ', '*']);
    let (name, rest) = name.split_at(
        name.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.')))
            .unwrap_or(name.len()),
    );
    let (name, ended) = match name.strip_prefix("end") {
        Some(bare) if open == "{%" && !bare.is_empty() => (bare, true),
        _ => (name, false),
    };
    Some(Template {
        name,
        rest,
        closing: ended || inner.starts_with('/'),
        alone,
        range: at..at + end + close.len(),
    })
}

fn all_templates(text: &str) -> Vec<Template<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find('{') {
        at += next;
        match template(text, at) {
            Some(tag) => {
                at = tag.range.end;
                found.push(tag);
            }
            None => at += 1,
        }
    }
    found
}

fn blocks<'a>(text: &'a str, names: &[&str]) -> Vec<Block<'a>> {
    let mut found = Vec::new();
    let mut open: Option<Template> = None;
    for tag in all_templates(text).into_iter().filter(|tag| names.contains(&tag.name)) {
        match (&open, tag.closing) {
            (None, false) if !tag.alone => open = Some(tag),
            (Some(first), true) if first.name == tag.name => {
                let argument = first.rest.split_whitespace().next().unwrap_or_default();
                let argument = argument
                    .chars()
                    .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '+' | '#' | '_'))
                    .take(20)
                    .collect();
                found.push(Block {
                    name: first.name,
                    argument,
                    body: first.range.end..tag.range.start,
                    whole: first.range.start..tag.range.end,
                });
                open = None;
            }
            _ => {}
        }
    }
    found
}

fn without_templates(text: &str) -> String {
    if !text.contains(['{', '[']) {
        return text.to_owned();
    }
    cut(text, templates(text, &code(text)))
}

/// The template tags, kramdown attributes and tables of contents outside of `held`.
fn templates(text: &str, held: &[Range<usize>]) -> Cuts {
    let mut cuts = Cuts::new();
    let mut at = 0;
    // Paired tags whose content is no prose; where one is open, and since when.
    let mut dropping: Option<(&str, usize)> = None;
    // Up to where an end was looked for in vain, so that nothing is looked through twice.
    let mut endless = 0;
    while let Some(next) = text[at..].find(['{', '[']) {
        at += next;
        if let Some(end) = inside(held, at) {
            at = end;
            continue;
        }
        if let Some(tag) = template(text, at) {
            at = tag.range.end;
            match dropping {
                Some((name, start)) if tag.closing && tag.name == name => {
                    cuts.push((start..tag.range.end, String::new()));
                    dropping = None;
                }
                Some(_) => {}
                None if !tag.closing
                    && !tag.alone
                    && is_dropped(tag.name)
                    && closes_later(text, &tag) =>
                {
                    dropping = Some((tag.name, tag.range.start));
                }
                None => {
                    // "**{{< figure >}}**" leaves no empty emphasis behind.
                    let Range { start, end } = tag.range;
                    let bold = text[..start].ends_with("**") && text[end..].starts_with("**");
                    let sign = if bold && !held_twice(text, start) { 2 } else { 0 };
                    cuts.push((start - sign..end + sign, String::new()));
                    at = end + sign;
                }
            }
            continue;
        }
        let line = line_after(text, at);
        let end = furniture(text, at, line, &mut endless);
        if let (Some(end), None) = (end, dropping) {
            cuts.push((at..at + end, String::new()));
        }
        at += end.unwrap_or(1);
    }
    cuts
}

/// Whether the two stars before `at` close an emphasis rather than open one.
fn held_twice(text: &str, at: usize) -> bool {
    text[..at - 2].ends_with(|c: char| !c.is_whitespace() && c != '|')
}

fn closes_later(text: &str, open: &Template) -> bool {
    let mut rest = &text[open.range.end..];
    let mut from = open.range.end;
    for _ in 0..64 {
        let Some(next) = rest.find('{').map(|at| from + at) else { return false };
        match template(text, next) {
            Some(tag) if tag.name == open.name => return tag.closing,
            Some(tag) => from = tag.range.end,
            None => from = next + 1,
        }
        rest = &text[from..];
    }
    false
}

/// Shortcodes and tags whose content is a picture, a caption or a remark to the site.
fn is_dropped(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "gallery", "figure", "img", "image", "video", "audio", "youtube", "vimeo", "comment",
        "carousel", "slider", "mermaid", "chart", "raw-html",
    ];
    NAMES.contains(&name)
}

/// How long the furniture is that begins at `at` and ends on its line.
fn furniture(text: &str, at: usize, line: &str, endless: &mut usize) -> Option<usize> {
    let alone = || line_before(text, at).trim().is_empty();
    let begins = |marks: &[&str]| {
        marks.iter().any(|mark| {
            line.len() >= mark.len()
                && line.is_char_boundary(mark.len())
                && line[..mark.len()].eq_ignore_ascii_case(mark)
        })
    };
    if line.starts_with("{{") {
        let from = endless.saturating_sub(at + 1);
        let end = line.as_bytes()[from..].windows(2).position(|two| two == b"}}");
        let Some(end) = end.map(|end| from + end + 2) else {
            *endless = at + line.len();
            return None;
        };
        return Some(end + line[end..].bytes().take_while(|&byte| byte == b'}').count());
    }
    if let Some(rest) = line.strip_prefix("{:") {
        let marks = |c: char| c.is_alphabetic() || matches!(c, '.' | '#' | ':' | '/');
        return line.find('}').filter(|_| rest.trim_start().starts_with(marks)).map(|end| end + 1);
    }
    if let Some(rest) = line.strip_prefix("{#")
        && let Some(end) = rest.find("#}")
    {
        return Some(end + 4);
    }
    if line.starts_with("{#") || line.starts_with("{.") {
        let heading = line_before(text, at).starts_with('#');
        return (heading && line.trim_end().ends_with('}')).then_some(line.trim_end().len());
    }
    (begins(&["[toc]", "[[toc]]", "[[_toc_]]"]) && alone()).then_some(line.len())
}

/// HTML inside Markdown: blocks become Markdown, tags in a line go and leave their text.
fn without_html(text: &str) -> String {
    if !text.contains(['<', '&']) {
        return text.to_owned();
    }
    let mut cuts = Cuts::new();
    // An element that was left open over the end of its block, and where that block begins.
    let mut open: Option<(String, Range<usize>)> = None;
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::HtmlBlock) => {
                let block = &text[range.clone()];
                match open.take() {
                    Some((name, first)) if html::closes_one(block, &name) => match name.as_str() {
                        "blockquote" => {
                            drop_from(&mut cuts, first.start);
                            let between = cut_short(text, first.end, range.start);
                            let inner = without_html(between.trim());
                            let body: String =
                                inner.lines().map(|line| format!("> {line}\n")).collect();
                            cuts.push((first.start..range.end, format!("\n{body}\n")));
                        }
                        _ => {
                            drop_from(&mut cuts, first.start);
                            cuts.push((first.start..range.end, "\n".to_owned()));
                        }
                    },
                    still => {
                        open = still
                            .or_else(|| html::left_open(block).map(|name| (name, range.clone())));
                        cuts.push((range.clone(), format!("\n{}\n\n", html::fragment(block))));
                    }
                }
            }
            Event::InlineHtml(tag) => cuts.push((range, inline(&tag).to_owned())),
            // "&mdash;" is a dash to its writer; only what Markdown itself would read stays as is.
            Event::Text(said)
                if text[range.clone()].starts_with('&')
                    && !text[range.clone()].starts_with(&*said)
                    && !said.contains(['<', '>', '&', '*', '_', '`', '[', ']', '\\', '#']) =>
            {
                cuts.push((range, said.replace('\u{a0}', " ")));
            }
            _ => {}
        }
    }
    cut(text, cuts)
}

/// Takes back the cuts at and after `at`; they were made in order.
fn drop_from(cuts: &mut Cuts, at: usize) {
    while cuts.pop_if(|(range, _)| range.start >= at).is_some() {}
}

fn cut_short(text: &str, from: usize, to: usize) -> &str {
    if from < to { &text[from..to] } else { "" }
}

/// What a tag inside a line leaves.
fn inline(tag: &str) -> &'static str {
    let name: String = tag
        .trim_start_matches(['<', '/'])
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    match name.to_ascii_lowercase().as_str() {
        "br" => "\n",
        "code" | "kbd" | "tt" | "samp" => "`",
        _ => "",
    }
}

/// Pictures on lines of their own, footnote anchors, and lines that were broken at a column.
fn without_furniture(text: &str) -> String {
    let mut cuts = Cuts::new();
    let mut breaks = Vec::new();
    let mut links: Vec<(usize, bool)> = Vec::new();
    let mut tables = 0;
    let mut breaking: Option<usize> = None;
    let mut contents = Contents::default();
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        if let Some(at) = breaking.take() {
            breaks.push(at..range.start.max(at + 1));
        }
        if let Some(range) = contents.hear(&event, &range) {
            cuts.push((range, String::new()));
        }
        match event {
            Event::Start(Tag::Link { .. }) => links.push((range.start, false)),
            Event::Start(Tag::Image { .. }) => {
                if let Some(link) = links.last_mut() {
                    link.1 = true;
                }
            }
            Event::End(TagEnd::Image) if links.is_empty() => picture(text, &range, &mut cuts),
            Event::End(TagEnd::Link) => {
                let pictured = links.pop().is_some_and(|(_, picture)| picture);
                if pictured && text[range.clone()].starts_with("[![") {
                    picture(text, &range, &mut cuts);
                }
            }
            Event::Start(Tag::Table(_)) => tables += 1,
            Event::FootnoteReference(_) => cuts.push((range, String::new())),
            Event::Start(Tag::FootnoteDefinition(_)) => definition(text, &range, &mut cuts),
            Event::SoftBreak if tables == 0 => breaking = Some(range.start),
            Event::End(TagEnd::Table) => tables -= 1,
            _ => {}
        }
    }
    join(text, breaks, &mut cuts);
    cut(text, cuts)
}

/// A table of contents: a list of nothing but links into the same page, with its heading.
#[derive(Debug, Default)]
struct Contents {
    /// Where the heading that says so begins, until something else follows it.
    heading: Option<usize>,
    in_heading: Option<(usize, String)>,
    lists: usize,
    from: usize,
    in_link: bool,
    links: usize,
    other: bool,
}

impl Contents {
    /// The stretch of a table of contents, once its end is heard.
    fn hear(&mut self, event: &Event, range: &Range<usize>) -> Option<Range<usize>> {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                self.in_heading = Some((range.start, String::new()));
                self.heading = None;
            }
            Event::End(TagEnd::Heading(_)) => {
                let (from, title) = self.in_heading.take()?;
                let said = title.trim().to_lowercase();
                self.heading =
                    ["table of contents", "contents", "toc", "in this post", "on this page"]
                        .contains(&said.as_str())
                        .then_some(from);
            }
            Event::Text(text) if self.in_heading.is_some() => {
                if let Some((_, title)) = &mut self.in_heading {
                    title.push_str(text);
                }
            }
            Event::Start(Tag::List(_)) => {
                if self.lists == 0 {
                    (self.from, self.links, self.other) = (range.start, 0, false);
                }
                self.lists += 1;
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                self.in_link = true;
                self.links += 1;
                self.other |= !dest_url.starts_with('#');
            }
            Event::End(TagEnd::Link) => self.in_link = false,
            Event::End(TagEnd::List(_)) => {
                self.lists = self.lists.saturating_sub(1);
                if self.lists == 0 {
                    let heading = self.heading.take();
                    let found = !self.other && self.links >= 2;
                    return found.then(|| heading.unwrap_or(self.from)..range.end);
                }
            }
            Event::Text(text) | Event::Code(text) if !self.in_link && !text.trim().is_empty() => {
                self.other = true;
                self.heading = self.heading.filter(|_| self.lists > 0);
            }
            _ => {}
        }
        None
    }
}

/// Drops a picture that has its line to itself.
fn picture(text: &str, range: &Range<usize>, cuts: &mut Cuts) {
    let (before, after) = (line_before(text, range.start), line_after(text, range.end));
    let lonely = |side: &str| {
        side.trim_matches(|c: char| c.is_whitespace() || matches!(c, '>' | '*' | '-')).is_empty()
            || side.trim_start().starts_with("![")
    };
    if lonely(before) && lonely(after) {
        cuts.push((range.clone(), String::new()));
    }
}

/// Takes `[^1]:` off a footnote and leaves its text as paragraphs.
fn definition(text: &str, range: &Range<usize>, cuts: &mut Cuts) {
    let body = &text[range.clone()];
    let Some(mark) = body.find("]:") else { return };
    let space = body[mark + 2..].bytes().take_while(|&byte| byte == b' ').count();
    cuts.push((range.start..range.start + mark + 2 + space, String::new()));
    let mut at = range.start;
    for line in body.split_inclusive('\n') {
        let indent = line.bytes().take_while(|&byte| byte == b' ').count().min(4);
        if at > range.start && indent > 0 {
            cuts.push((at..at + indent, String::new()));
        }
        at += line.len();
    }
}

/// Joins the lines that a column broke, where the whole text is broken so.
fn join(text: &str, breaks: Vec<Range<usize>>, cuts: &mut Cuts) {
    let line = |at: usize| text[..at].rsplit('\n').next().map_or(0, |line| line.chars().count());
    let word =
        |at: usize| text[at..].split_whitespace().next().map_or(0, |word| word.chars().count());
    let pairs: Vec<(usize, usize)> =
        breaks.iter().map(|gap| (line(gap.start), word(gap.end))).collect();
    let wrap = Wrap::of(&pairs);
    for (gap, (length, _)) in breaks.into_iter().zip(pairs) {
        if wrap.joins(length) {
            cuts.push((gap, " ".to_owned()));
        }
    }
}

/// No white space at line ends, no two blank lines together, but in fenced code.
fn squeezed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    let mut blank = true;
    for line in text.lines() {
        let trimmed = line.trim_start_matches([' ', '>', '\t']);
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => {
                fence =
                    Some(&trimmed[..trimmed.len() - trimmed.trim_start_matches(&mark[..1]).len()])
            }
            (Some(open), Some(_))
                if trimmed.starts_with(open)
                    && trimmed.trim_end().trim_start_matches(&open[..1]).is_empty() =>
            {
                fence = None
            }
            (Some(_), _) => {
                out.push_str(line);
                out.push('\n');
                blank = false;
                continue;
            }
            _ => {}
        }
        // The arrow at the end of a footnote leads back to its anchor.
        let line = line.trim_end().trim_end_matches(['↩', '\u{fe0e}']).trim_end();
        let bare_mark = matches!(line.trim(), "-" | "*");
        let again = line.is_empty() && blank;
        if !again && !bare_mark {
            out.push_str(line);
            out.push('\n');
        }
        blank = line.is_empty();
    }
    out.trim_end().to_owned()
}

/// The heading that names the text: its first block, or its only heading of the first level. With
/// the stretch it takes.
pub(super) fn heading(text: &str) -> Option<(String, Range<usize>)> {
    let mut found: Option<(HeadingLevel, String, Range<usize>)> = None;
    let mut first_block = true;
    let (mut depth, mut gathering) = (0, false);
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) if depth == 0 => {
                match &found {
                    Some((known, ..)) if *known == level => return None,
                    Some(_) => {}
                    None if first_block || level == HeadingLevel::H1 => {
                        found = Some((level, String::new(), range));
                        gathering = true;
                    }
                    None => {}
                }
                first_block = false;
                depth += 1;
            }
            Event::Start(_) => {
                first_block = false;
                depth += 1;
            }
            Event::End(TagEnd::Heading(_)) => {
                gathering = false;
                depth -= 1;
            }
            Event::End(_) => depth -= 1,
            Event::Text(text) | Event::Code(text) if gathering => {
                if let Some((_, title, _)) = &mut found {
                    title.push_str(&text);
                }
            }
            _ => {}
        }
    }
    found
        .map(|(_, title, range)| (title.trim().to_owned(), range))
        .filter(|(title, _)| !title.is_empty())
}

/// The words of one line without its marks and addresses.
pub(super) fn unmarked(line: &str) -> String {
    let line = &line[..line.floor_char_boundary(2000)];
    let said = Parser::new_ext(line.trim(), options()).filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(text.into_string()),
        Event::SoftBreak | Event::HardBreak => Some(" ".to_owned()),
        _ => None,
    });
    said.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The stretches that are not the writer's own prose: code, quotes, addresses.
pub(super) fn apart(text: &str) -> Vec<Span> {
    if is_all_signs(text) {
        return vec![Span { from: 0, to: text.len(), why: Apart::Code }];
    }
    let parser = Parser::new_ext(text, options()).into_offset_iter();
    let mut spans: Vec<Span> = Vec::new();
    let mut add = |range: Range<usize>, why| {
        let trimmed = text[range.clone()].trim_end();
        let to = range.start + trimmed.len();
        if to > range.start {
            spans.push(Span { from: range.start, to, why });
        }
    };
    for (_, link) in parser.reference_definitions().iter() {
        add(link.span.clone(), Apart::Link);
    }
    // Where the text of each open link ends so far.
    let mut links: Vec<usize> = Vec::new();
    let mut held = 0usize;
    for (event, range) in parser {
        match event {
            Event::Start(Tag::BlockQuote(_)) => add(range, Apart::Quote),
            Event::Start(Tag::CodeBlock(kind)) => {
                held += 1;
                let indented = matches!(kind, CodeBlockKind::Indented);
                let lead = if indented {
                    0
                } else {
                    text[range.clone()].len() - text[range.clone()].trim_start().len()
                };
                add(range.start + lead..range.end, Apart::Code);
            }
            Event::End(TagEnd::CodeBlock) => held -= 1,
            Event::Code(_) => {
                links.iter_mut().for_each(|end| *end = range.end);
                add(range, Apart::Code);
            }
            Event::Start(Tag::Link { link_type: LinkType::Autolink | LinkType::Email, .. }) => {
                add(range.clone(), Apart::Link);
                links.push(range.end);
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => links.push(range.start),
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if let Some(end) = links.pop()
                    && let Some(at) =
                        text[end..range.end].find("](").or_else(|| text[end..range.end].find("]["))
                {
                    add(end + at + 2..range.end - 1, Apart::Link);
                }
                links.iter_mut().for_each(|end| *end = range.end);
            }
            Event::Text(_) if held == 0 => {
                links.iter_mut().for_each(|end| *end = range.end);
                addresses(text, range, &mut add);
            }
            _ => {}
        }
    }
    spans.sort_by_key(|span| (span.from, std::cmp::Reverse(span.to)));
    let mut last = 0;
    spans.retain(|span| {
        let keep = span.from >= last;
        last = if keep { span.to } else { last };
        keep
    });
    spans
}

/// Addresses that stand in the text as they are.
fn addresses(text: &str, range: Range<usize>, add: &mut impl FnMut(Range<usize>, Apart)) {
    let mut at = range.start;
    while let Some(next) = text[at..range.end].find("://") {
        let colon = at + next;
        let scheme =
            text[range.start..colon].bytes().rev().take_while(u8::is_ascii_alphabetic).count();
        let rest = &text[colon..];
        let end = colon
            + rest
                .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | ')' | ']'))
                .unwrap_or(rest.len());
        let end = colon
            + text[colon..end]
                .trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_', '\'', '’', '”'])
                .len();
        if scheme > 0 {
            add(colon - scheme..end.max(colon + 3), Apart::Link);
        }
        at = end.max(colon + 3);
        if at >= range.end {
            return;
        }
    }
}

/// The words of `text` that are the writer's own.
pub(super) fn own_words(text: &str, apart: &[Span]) -> usize {
    let mut own = String::with_capacity(text.len());
    let mut at = 0;
    for span in apart {
        own.push_str(&text[at..span.from]);
        own.push(' ');
        at = span.to;
    }
    own.push_str(&text[at..]);
    crate::words::count(&own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidies(text: &str, expected: &str) {
        assert_eq!(tidied(text), expected, "{text}");
    }

    /// Shows what stands apart in brackets, with the first letter of why.
    fn marks(text: &str, expected: &str) {
        let mut shown = text.to_owned();
        for span in apart(text).iter().rev() {
            shown.insert(span.to, '»');
            shown.insert_str(
                span.from,
                match span.why {
                    Apart::Code => "«c:",
                    Apart::Quote => "«q:",
                    Apart::Link => "«l:",
                },
            );
        }
        assert_eq!(shown, expected);
    }

    #[test]
    fn shortcodes_go_and_the_prose_inside_stays() {
        tidies("{{<notice type=\"info\">}}\n\nMy words.\n\n{{</notice>}}", "My words.");
        tidies("One {{< img src=\"a.png\" >}} two.", "One  two.");
        tidies(
            "One.\n\n{{<gallery caption=\"c\">}}\n{{<img src=\"a\">}}\ncaption\n{{</gallery>}}\n\nTwo.",
            "One.\n\nTwo.",
        );
        tidies("{{% callout %}}Mine.{{% /callout %}}", "Mine.");
        tidies("{{< quote >}}\nTheirs.\n{{< /quote >}}\n\nMine.", "> Theirs.\n\nMine.");
        tidies("{{< figure src=\"a\" >}}\n\nStays.", "Stays.");
        tidies("An open {{ brace.", "An open {{ brace.");
        tidies("| a | **{{<delta from=1>}}** |", "| a |  |");
        tidies("**Bold**{{<x>}}**bold**", "**Bold****bold**");
        for odd in ["{%}", "{{%}}", "{{<}}", "{{<>}}", "{%%}", "{{}}", "{:}", "{% {% x %}"] {
            tidied(odd);
        }
    }

    #[test]
    fn liquid_goes_and_its_code_stays() {
        tidies(
            "{% highlight c %}\nint a; // {{ x }}\n{% endhighlight %}\n\nText {{ site.url }}.",
            "```c\nint a; // {{ x }}\n```\n\nText .",
        );
        tidies("{% include a.html %}\n{% raw %}Text{% endraw %}", "Text");
        tidies("{% comment %}hidden{% endcomment %}Text", "Text");
        tidies(
            "Say `{{ x }}`.\n\n    {% code %}\n\n```\n{{ y }}\n```",
            "Say `{{ x }}`.\n\n    {% code %}\n\n```\n{{ y }}\n```",
        );
    }

    #[test]
    fn kramdown_and_tables_of_contents() {
        tidies(
            "A paragraph.\n{:.lead}\n\n![](a.png){: .right}\n\n* TOC\n{:toc}\n\n## Head {#id}\n\n[TOC]",
            "A paragraph.\n\n* TOC\n\n## Head",
        );
    }

    #[test]
    fn a_list_of_links_into_the_page_is_a_table_of_contents() {
        tidies(
            "Mine.\n\n## Contents\n\n- [One](#one)\n  - [Two](#two)\n\n## One\n\nText.",
            "Mine.\n\n## One\n\nText.",
        );
        tidies("- [One](#one) is mine\n- [Two](#two)", "- [One](#one) is mine\n- [Two](#two)");
    }

    #[test]
    fn html_in_markdown_leaves_its_text() {
        tidies(
            "Press <kbd>Ctrl</kbd> <span class=\"x\">now</span>.<!-- no -->",
            "Press `Ctrl` now.",
        );
        tidies("<div class=\"a\">\n\n**Mine**\n\n</div>", "**Mine**");
        tidies("One.\n\n<!--more-->\n\nTwo.", "One.\n\nTwo.");
        tidies("<pre>\na < b\n</pre>", "```\na < b\n```");
        tidies("<blockquote>\n\nTheirs.\n\n</blockquote>\n\nMine.", "> Theirs.\n\nMine.");
        tidies("<nav>\n\n[Home](/)\n\n</nav>\n\nMine.", "Mine.");
        tidies("`<b>` stays", "`<b>` stays");
        tidies("a &mdash; b&nbsp;c &lt;d> `&mdash;`", "a — b c &lt;d> `&mdash;`");
    }

    #[test]
    fn pictures_and_footnotes() {
        tidies(
            "One.\n\n![alt](a.png)\n\n[![alt](a.png)](b)\n\nTwo ![x](y) three.",
            "One.\n\nTwo ![x](y) three.",
        );
        tidies("Mine.[^1]\n\n[^1]: A note.", "Mine.\n\nA note.");
        tidies("1. A note.↩\n2. Another. ↩", "1. A note.\n2. Another.");
    }

    #[test]
    fn lines_broken_at_a_column_are_joined_and_others_not() {
        let wrapped = "The winter was long and the post came twice a week at the\nmost, if the road was open and the man who drove the van was\nsober enough to drive it as far as our gate.\n\n> And said the man with the\n> hat.";
        assert!(tidied(wrapped).contains("at the most, if"));
        tidies("One line\nand another.", "One line\nand another.");
    }

    #[test]
    fn what_stands_apart() {
        marks(
            "Say `x` and [this](http://a.b) or <http://c.d>.",
            "Say «c:`x`» and [this](«l:http://a.b») or «l:<http://c.d>».",
        );
        marks("See http://a.b/c, then.", "See «l:http://a.b/c», then.");
        marks(
            "Mine.\n\n> Theirs.\n>\n> ```\n> code\n> ```\n\nMine.",
            "Mine.\n\n«q:> Theirs.\n>\n> ```\n> code\n> ```»\n\nMine.",
        );
        marks("[a][b] c\n\n[b]: http://x.y", "[a][«l:b»] c\n\n«l:[b]: http://x.y»");
        marks("[![alt](a.png)](b)", "[![alt](«l:a.png»)](«l:b»)");
        marks("```\nlet é;\n```\n\nétude", "«c:```\nlet é;\n```»\n\nétude");
    }

    #[test]
    fn own_words_are_counted_alone() {
        let text = "Two words `code here`.\n\n> Not mine.";
        assert_eq!(own_words(text, &apart(text)), 2);
    }

    #[test]
    fn the_heading_that_names_a_text() {
        let title = |text| heading(text).map(|(title, _)| title).unwrap_or_default();
        assert_eq!(title("# A *walk*\n\nText."), "A walk");
        assert_eq!(title("A walk\n======\n\nText."), "A walk");
        assert_eq!(title("Text.\n\n# A walk"), "A walk");
        assert_eq!(title("## Morning\n\nText.\n\n## Evening"), "");
        assert_eq!(title("Text.\n\n## Evening"), "");
    }
}
