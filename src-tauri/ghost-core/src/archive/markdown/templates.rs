//! Template languages in Markdown: Liquid, Hugo's shortcodes, kramdown's attributes.
//!
//! Tags are removed and the text between them stays; code in tags becomes a fence. The words removed
//! with a tag are counted.

use std::ops::Range;

use super::edits::{MAX_TAG_BYTES, Replacements, code, inside, line_after, line_before};
use crate::archive::html;
use crate::archive::omissions::Omissions;

/// Converts code and quotes in template tags to Markdown. In HTML, code becomes a `pre` instead (see
/// [`preformatted`]).
pub(super) fn fenced(text: &str) -> String {
    if !text.contains("{%") && !text.contains("{{") {
        return text.to_owned();
    }
    let code = code(text);
    let mut replacements = Replacements::default();
    for block in blocks(text, &[CODE.as_slice(), &["quote", "blockquote"]].concat()) {
        let is_code = CODE.contains(&block.name);
        if inside(&code, block.whole.start)
            .is_some_and(|end| end < block.whole.end || is_code && end > block.whole.end)
        {
            continue;
        }
        let body = text[block.body.clone()].trim_matches('\n');
        let instead = if is_code {
            let fence = "`".repeat(html::longest_run(body).max(2) + 1);
            format!("{fence}{}\n{}\n{fence}", block.argument, body.trim_end())
        } else {
            body.trim().lines().map(|line| format!("> {line}\n")).collect()
        };
        let begins_line = text[..block.whole.start].ends_with('\n') || block.whole.start == 0;
        replacements
            .replace(block.whole, format!("{}{instead}\n", if begins_line { "" } else { "\n\n" }));
    }
    replacements.apply(text, &mut Omissions::default())
}

/// Converts code in Liquid tags to `pre` in a text that is HTML, and removes other template tags.
pub(in crate::archive) fn preformatted(text: &str, omissions: &mut Omissions) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    let mut replacements = Replacements::default();
    for block in blocks(text, &CODE) {
        let body =
            quick_xml::escape::escape(text[block.body.clone()].trim_matches('\n')).into_owned();
        replacements.replace(block.whole, format!("<pre lang=\"{}\">{body}</pre>", block.argument));
    }
    let held: Vec<Range<usize>> = replacements
        .ranges()
        .chain(spans(text, "<pre", "</pre>"))
        .chain(spans(text, "<code", "</code>"))
        .collect();
    let mut held = held;
    held.sort_by_key(|range| range.start);
    replacements.extend(templates(text, &merged(held)));
    replacements.apply(text, omissions)
}

/// Template tags that contain code.
const CODE: [&str; 4] = ["highlight", "codeblock", "code", "prism"];

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

/// A paired template tag with its content.
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

fn template(text: &str, at: usize) -> Option<Template<'_>> {
    let rest = &text[at..];
    let (open, close) = [("{{<", ">}}"), ("{{%", "%}}"), ("{%", "%}")]
        .into_iter()
        .find(|(open, _)| rest.starts_with(open))?;
    let window = &rest.as_bytes()[..rest.len().min(MAX_TAG_BYTES)];
    // A tag that contains the start of another one is not a tag.
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

/// All tags except those between `{% raw %}` and its end.
fn all_templates(text: &str) -> Vec<Template<'_>> {
    let mut found = Vec::new();
    let (mut at, mut raw_blocks) = (0, RawBlocks::default());
    while let Some(next) = text[at..].find('{') {
        at += next;
        match template(text, at) {
            Some(tag) => {
                at = raw_blocks.end(text, &tag).unwrap_or(tag.range.end);
                found.push(tag);
            }
            None => at += 1,
        }
    }
    found
}

/// Searches the ends of raw blocks, which a template engine does not interpret.
#[derive(Default)]
struct RawBlocks {
    /// No end follows, so it is not searched again.
    endless: bool,
}

impl RawBlocks {
    /// The start of the tag that ends the raw block of `open`.
    fn end(&mut self, text: &str, open: &Template) -> Option<usize> {
        if self.endless || open.closing || !matches!(open.name, "raw" | "verbatim") {
            return None;
        }
        let mut at = open.range.end;
        while let Some(next) = text[at..].find("{%") {
            at += next;
            match template(text, at) {
                Some(tag) if tag.closing && tag.name == open.name => return Some(at),
                _ => at += 2,
            }
        }
        self.endless = true;
        None
    }
}

fn blocks<'a>(text: &'a str, names: &[&str]) -> Vec<Block<'a>> {
    let mut found = Vec::new();
    let mut open: Option<Template> = None;
    for tag in all_templates(text).into_iter().filter(|tag| names.contains(&tag.name)) {
        match (&open, tag.closing) {
            (None, false) if !tag.alone => open = Some(tag),
            (Some(first), true) if first.name == tag.name => {
                let argument = first.rest.split_whitespace().next().unwrap_or_default();
                let argument = argument.trim_start_matches("lang:");
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

pub(super) fn without_templates(text: &str, omissions: &mut Omissions) -> String {
    if !text.contains(['{', '[']) {
        return text.to_owned();
    }
    templates(text, &code(text)).apply(text, omissions)
}

const IN_TAGS: &str = "in template tags";
const IN_COMMENTS: &str = "in hidden comments";

/// The number of words in a tag that are a sentence: quoted text with blanks.
pub(in crate::archive) fn quoted_words(tag: &str) -> usize {
    let quoted = |mark: char| {
        let parts = tag.split(mark).skip(1).step_by(2);
        let parts = parts.filter(|part| part.trim().contains(' ') && !part.contains(['"', '=']));
        parts.map(crate::words::count).sum::<usize>()
    };
    quoted('"').max(quoted('“')).max(if tag.contains('"') { 0 } else { quoted('\'') })
}

/// Removes template tags, kramdown attributes and tables of contents outside `held`.
fn templates(text: &str, held: &[Range<usize>]) -> Replacements {
    let mut replacements = Replacements::default();
    let mut at = 0;
    // The open paired tag whose content is not prose, and its start.
    let mut dropping: Option<(&str, usize)> = None;
    // The end of the current raw block.
    let (mut raw_blocks, mut raw) = (RawBlocks::default(), 0);
    // The position up to which no end exists, so it is not searched twice.
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
                    let what = if name == "comment" { IN_COMMENTS } else { IN_TAGS };
                    let content = &text[start..tag.range.end];
                    replacements.cut(start..tag.range.end, what, untagged(content));
                    dropping = None;
                }
                Some(_) => {}
                None if at <= raw => {
                    replacements.cut(
                        tag.range.clone(),
                        IN_TAGS,
                        crate::words::count(&text[tag.range]),
                    );
                }
                None if !tag.closing
                    && !tag.alone
                    && is_dropped(tag.name)
                    && closes_later(text, &tag) =>
                {
                    dropping = Some((tag.name, tag.range.start));
                }
                None => {
                    raw = raw_blocks.end(text, &tag).unwrap_or(raw);
                    // "**{{< figure >}}**" must not leave an empty emphasis.
                    let Range { start, end } = tag.range;
                    let bold = text[..start].ends_with("**") && text[end..].starts_with("**");
                    let sign = if bold && !held_twice(text, start) { 2 } else { 0 };
                    replacements.cut(
                        start - sign..end + sign,
                        IN_TAGS,
                        quoted_words(&text[start..end]),
                    );
                    at = end + sign;
                }
            }
            continue;
        }
        let line = line_after(text, at);
        let end = boilerplate(text, at, line, &mut endless);
        if let (Some(end), None) = (end, dropping) {
            let tag = &line[..end];
            let hidden = tag.starts_with("{{/*")
                || tag.starts_with("{{!")
                || (tag.starts_with("{#") && tag.ends_with("#}"));
            let (what, words) = match hidden {
                _ if at < raw => (IN_TAGS, crate::words::count(tag)),
                true => (IN_COMMENTS, crate::words::count(tag)),
                false => (IN_TAGS, quoted_words(tag)),
            };
            replacements.cut(at..at + end, what, words);
        }
        at += end.unwrap_or(1);
    }
    replacements
}

/// The number of words outside tags, and of sentences inside them.
fn untagged(text: &str) -> usize {
    let (mut words, mut at) = (0, 0);
    for tag in all_templates(text) {
        words += crate::words::count(&text[at..tag.range.start])
            + quoted_words(&text[tag.range.clone()]);
        at = tag.range.end;
    }
    words + crate::words::count(&text[at..])
}

/// Returns true if the two stars before `at` close an emphasis.
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

/// Returns true for shortcodes and tags that contain a picture, a caption or a comment.
fn is_dropped(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "gallery", "figure", "img", "image", "video", "audio", "youtube", "vimeo", "comment",
        "carousel", "slider", "mermaid", "chart", "raw-html",
    ];
    NAMES.contains(&name)
}

/// The length of the boilerplate that begins at `at` and ends on its line.
fn boilerplate(text: &str, at: usize, line: &str, endless: &mut usize) -> Option<usize> {
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
    let before = line_before(text, at);
    // Pandoc's attributes of a span, a link or code.
    if before.ends_with([']', ')', '`', '>']) {
        let end = line.starts_with('{').then(|| line.find('}')).flatten()?;
        let mut rest = line[1..end].trim();
        while !rest.is_empty() {
            let value =
                rest.find('=').filter(|at| !rest[..*at].contains(' ')).map(|at| &rest[at + 1..]);
            let named = rest.starts_with(['.', '#', '=']) || value.is_some();
            if !named {
                return None;
            }
            // A quoted value may contain blanks.
            let quoted = value.filter(|value| value.starts_with('"'));
            let after = quoted.and_then(|value| value[1..].split_once('"')).map(|(_, rest)| rest);
            rest =
                after.or_else(|| rest.split_once(' ').map(|(_, rest)| rest)).unwrap_or("").trim();
        }
        return (end > 1).then_some(end + 1);
    }
    if line.starts_with("{#") || line.starts_with("{.") {
        let heading = before.starts_with('#');
        return (heading && line.trim_end().ends_with('}')).then_some(line.trim_end().len());
    }
    (begins(&["[toc]", "[[toc]]", "[[_toc_]]"]) && alone()).then_some(line.len())
}
