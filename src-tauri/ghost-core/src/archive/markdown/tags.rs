//! HTML inside Markdown: blocks are converted; inline tags are removed and their text stays.

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::edits::{Replacements, line_before, options};
use crate::archive::html;
use crate::archive::omissions::Omissions;

const HIDDEN: &str = "in hidden comments";

/// The text with its HTML converted to Markdown.
pub(super) fn without_html(text: &str, omissions: &mut Omissions) -> String {
    if !text.contains(['<', '&']) {
        return text.to_owned();
    }
    let mut replacements = Replacements::default();
    // An element left open at the end of its block, and the range of that block.
    let mut open: Option<(String, Range<usize>)> = None;
    let mut block = String::new();
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::HtmlBlock) => block.clear(),
            Event::Html(line) => block.push_str(&line),
            Event::End(TagEnd::HtmlBlock) => match open.take() {
                Some((name, first)) if html::closes_one(&block, &name) => {
                    replacements.truncate_from(first.start);
                    let between =
                        if first.end < range.start { &text[first.end..range.start] } else { "" };
                    if name == "blockquote" {
                        let inner = without_html(between.trim(), omissions);
                        replacements.replace(
                            first.start..range.end,
                            format!("\n{}\n", quoted(&inner, "> ")),
                        );
                    } else {
                        // The content belongs to the page and is not text.
                        let words = crate::words::count(between) + visible(&text[first.clone()]);
                        let lost = words + visible(&block);
                        replacements.replace_counting(
                            first.start..range.end,
                            "\n",
                            "of navigation",
                            lost,
                        );
                    }
                }
                still => {
                    open =
                        still.or_else(|| html::left_open(&block).map(|name| (name, range.clone())));
                    put_block(text, &block, range, &mut replacements);
                }
            },
            Event::InlineHtml(tag) => {
                replacements.replace_counting(range, inline(&tag), HIDDEN, hidden(&tag));
            }
            // "&mdash;" is a dash to its writer; a character that would be a mark is escaped.
            Event::Text(decoded)
                if text[range.clone()].starts_with('&') && text[range.clone()] != *decoded =>
            {
                replacements.replace(range, spelled(&decoded));
            }
            _ => {}
        }
    }
    replacements.apply(text, omissions)
}

/// The characters of an entity, escaped.
fn spelled(decoded: &str) -> String {
    let mut out = String::with_capacity(decoded.len());
    for c in decoded.chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(if c.is_whitespace() { ' ' } else { c });
    }
    out
}

/// Replaces a block by Markdown, inside its containers.
fn put_block(text: &str, block: &str, range: Range<usize>, replacements: &mut Replacements) {
    let mut found = html::fragment(block);
    let lost = (visible(block) + hidden(block)).saturating_sub(crate::words::count(&found));
    let what = if lost <= hidden(block) { HIDDEN } else { "of HTML that is not shown" };
    // Every line of a quote is marked.
    let before = line_before(text, range.start);
    let is_quoted = before.contains('>') && before.chars().all(|c| matches!(c, '>' | ' '));
    if is_quoted {
        found = quoted(&found, before).trim_start_matches(['>', ' ']).to_owned();
        return replacements.replace_counting(range, format!("{found}\n"), what, lost);
    }
    replacements.replace_counting(range, format!("\n{found}\n\n"), what, lost);
}

fn quoted(text: &str, mark: &str) -> String {
    text.lines().map(|line| format!("{mark}{line}\n")).collect()
}

/// The number of words between tags, without scripts and styles.
fn visible(html: &str) -> usize {
    let (mut words, mut rest, mut shown) = (0, html, true);
    while let Some(at) = rest.find('<') {
        if shown {
            words += crate::words::count(&html::decode_entities(&rest[..at]));
        }
        rest = &rest[at..];
        let comment = rest.starts_with("<!--");
        let end = rest.find(if comment { "-->" } else { ">" }).unwrap_or(rest.len() - 1);
        let tag = rest.get(1..end).unwrap_or_default().to_ascii_lowercase();
        if tag.starts_with("script") || tag.starts_with("style") {
            shown = false;
        } else if tag.starts_with('/') {
            shown = true;
        }
        rest = &rest[(end + if comment { 3 } else { 1 }).min(rest.len())..];
    }
    words + if shown { crate::words::count(&html::decode_entities(rest)) } else { 0 }
}

/// The number of words in comments. A single word is a mark for the site: `<!--more-->`.
fn hidden(html: &str) -> usize {
    let comments = html.split("<!--").skip(1).map(|rest| rest.split("-->").next().unwrap_or(rest));
    comments.map(crate::words::count).filter(|words| *words > 1).sum()
}

/// The Markdown for an inline tag.
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
