//! Converts HTML tokens to Markdown.

use std::collections::HashSet;
use std::ops::Range;

use super::article::Article;
use super::boilerplate::{Scope, boilerplate};
use super::document::{self, Document};
use super::elements;
use super::tokens::Token;
use super::writer::Writer;
use crate::archive::omissions::Omissions;

/// Converts the parts of an article. The rest of the page is counted, except the title at `taken`.
pub(super) fn markdown(
    document: &Document,
    article: &Article,
    taken: Option<Range<usize>>,
    omissions: &mut Omissions,
) -> String {
    let layouts = layout_tables(&document.tokens);
    let mut writer = Writer::default();
    // For each open table: true if it is a layout.
    let mut tables: Vec<bool> = Vec::new();
    // The start of uncounted words outside the article.
    let mut around: Option<usize> = None;
    let mut parts = article.parts.iter().peekable();
    let mut at = 0;
    while let Some(token) = document.tokens.get(at) {
        let end_around = |around: &mut Option<usize>, omissions: &mut Omissions| {
            if let Some(from) = around.take() {
                omissions.add("around the article", &document.text(from, at));
            }
        };
        if parts.next_if(|part| part.end <= at).is_some() {
            writer.end_part();
            tables.clear();
            continue;
        }
        let begins = parts.peek().map(|part| part.start);
        let kept = begins.is_some_and(|begins| begins <= at);
        let scope = if kept { article.scope } else { Scope::Site };
        if taken.as_ref().is_some_and(|title| title.start == at) {
            end_around(&mut around, omissions);
            at = taken.as_ref().map_or(at, |title| title.end);
            continue;
        }
        // Elements that contain a part of the article are entered.
        let holds = |end: usize| !kept && begins.is_some_and(|begins| begins <= end);
        if let Token::Open(tag) = token
            && let Some(what) = boilerplate(document, at, scope)
            && let Some(end) = document.end(at).filter(|&end| !holds(end))
        {
            end_around(&mut around, omissions);
            // The title is read separately.
            let title = taken.clone().filter(|title| at <= title.start && title.end <= end);
            let title = title.unwrap_or(end..end);
            omissions.add(what, &document.text(at, title.start));
            omissions.add(what, &document.text(title.end, end));
            if kept && elements::is_block(&tag.name) {
                writer.end_block();
            }
            let closed = document.tokens.get(end);
            let own = matches!(closed, Some(Token::Close(name)) if *name == tag.name);
            at = (end + usize::from(own)).max(at + 1);
            continue;
        }
        if !kept {
            around.get_or_insert(at);
            at += 1;
            continue;
        }
        end_around(&mut around, omissions);
        at += 1;
        let of_table = |name: &str| matches!(name, "table" | "tr" | "td" | "th");
        match token {
            Token::Text(text) => writer.text(text),
            Token::Raw { name, text } => count_raw(name, text, omissions),
            Token::Comment(text) => count_comment(text, omissions),
            Token::Close(name) => {
                match tables.last() {
                    Some(true) if of_table(name) => writer.end_block(),
                    _ => writer.close(name),
                }
                if name == "table" {
                    tables.pop();
                }
            }
            Token::Open(tag) => {
                if let Some(alt) = tag.attribute("alt") {
                    omissions.add("in descriptions of pictures", alt);
                }
                if tag.name == "table" {
                    tables.push(layouts.contains(&(at - 1)));
                }
                match tables.last() {
                    Some(true) if of_table(&tag.name) => writer.end_block(),
                    _ => writer.open(tag),
                }
            }
        }
    }
    writer.end_part();
    omissions.merge(&writer.omissions);
    if let Some(from) = around {
        omissions.add("around the article", &document.text(from, document.tokens.len()));
    }
    writer.out.trim_matches('\n').to_owned()
}

/// Counts the words of an element that is shown only in place of something else.
fn count_raw(name: &str, text: &str, omissions: &mut Omissions) {
    match name {
        "noscript" | "noframes" => omissions.add("in hidden text", &document::words_of(text)),
        "textarea" => omissions.add("in forms", text),
        "iframe" | "noembed" => {
            omissions.add("in place of pictures and sound", &document::words_of(text));
        }
        _ => {}
    }
}

/// Counts the words of a comment in the code, unless a program wrote it.
fn count_comment(text: &str, omissions: &mut Omissions) {
    const PROGRAMS: [&str; 8] = ["wp:", "/wp:", "[if", "<![endif", "more", "kg-", "#", "/"];
    const MIN_WORDS: usize = 3;
    let text = text.trim();
    let words = document::words_of(text);
    if !PROGRAMS.iter().any(|program| text.starts_with(program))
        && !text.contains(['{', '}'])
        && words.split_whitespace().count() >= MIN_WORDS
    {
        omissions.add("in comments of the code", &words);
    }
}

/// Tables that only lay out a page, as in nearly all mail: they say so, contain tables, or have no row
/// of two cells. Their contents are blocks.
fn layout_tables(tokens: &[Token]) -> HashSet<usize> {
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
