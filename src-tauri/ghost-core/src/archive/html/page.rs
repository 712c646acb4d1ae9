//! Reads whole pages: the article, its title, author and date.

use std::ops::Range;

use jiff::civil::Date;

use super::article::{Article, article};
use super::boilerplate::Scope;
use super::convert::markdown;
use super::document::{self, Document};
use super::tokens::{Tag, Token};
use crate::archive::date;
use crate::archive::omissions::Omissions;
use crate::archive::text::trim_rules;

/// A page that was read.
#[derive(Debug, Default)]
pub(in crate::archive) struct Page {
    pub(in crate::archive) title: Option<String>,
    pub(in crate::archive) author: Option<String>,
    pub(in crate::archive) date: Option<Date>,
    /// The kind that the exporter's marks show: a journal entry, an answer to somebody else.
    pub(in crate::archive) kind: Option<&'static str>,
    /// The page has more tokens than are read; the rest is missing.
    pub(in crate::archive) is_cut: bool,
    /// Markdown.
    pub(in crate::archive) text: String,
    /// The words of the page that are not in `text`.
    pub(in crate::archive) omissions: Omissions,
}

/// Reads a page: the article, without the boilerplate of the site.
pub(in crate::archive) fn page(html: &str) -> Page {
    let document = Document::new(html);
    let article = article(&document);
    read(&document, article)
}

/// Reads a page that is the writer's as a whole: a chapter of a book.
pub(in crate::archive) fn whole_page(html: &str) -> Page {
    let document = Document::new(html);
    let all = 0..document.tokens.len();
    read(&document, Article { parts: vec![all], scope: Scope::Article })
}

fn read(document: &Document, article: Article) -> Page {
    let tokens = &document.tokens;
    let Heading { mut title, name, at: heading } = heading(document, &article);
    let mut date = None;
    let mut author = None;
    let (mut journal, mut medium, mut named) = (false, false, false);
    for (at, tag) in document.tags() {
        let next = tokens.get(at + 1);
        journal |= tag.has_class(&["bodyText"]);
        medium |= tag.has_class(&["p-canonical"]);
        named |= tag.has_class(&["graf--title"]);
        if let (true, Some(Token::Text(name))) = (tag.has_class(&["p-author"]), next) {
            author = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
        }
        date = date.or_else(|| day(tag, next));
    }
    let has_body = document.tags().any(|(_, tag)| matches!(tag.name.as_ref(), "html" | "body"));
    if !has_body {
        title = None;
    }
    let mut omissions = Omissions::default();
    // A list of links to other pages is not a text.
    let only_links = has_body && {
        let all = document.length(0, tokens.len());
        all > 0 && document.linked(0, tokens.len()) == all
    };
    let taken = title.is_some().then_some(heading).flatten();
    let text = match only_links {
        true => {
            omissions.add("of navigation", &document.text(0, tokens.len()));
            String::new()
        }
        false => markdown(document, &article, taken, &mut omissions),
    };
    // Medium titles an answer with its own first words.
    let title = title.or(name);
    let first = || plain_line(trim_rules(&text).lines().next().unwrap_or_default());
    let answer = medium
        && !named
        && title.as_deref().is_some_and(|title| first().starts_with(title.trim_end_matches('…')));
    let kind = if journal { Some("log") } else { answer.then_some("comment") };
    let title = title.filter(|_| !answer);
    Page { title, author, date, kind, is_cut: document.is_cut(), text, omissions }
}

/// The headings of a page.
struct Heading {
    /// The heading of the text.
    title: Option<String>,
    /// The title of the window.
    name: Option<String>,
    /// The position of the heading, if it is not read with the text.
    at: Option<Range<usize>>,
}

/// The heading in the article, or else the one before it; the site's name, which is a link, does not
/// count.
fn heading(document: &Document, article: &Article) -> Heading {
    let of = |at: usize| {
        let range = at..document.end(at)?;
        Some((line(&document.text(range.start, range.end)), range))
            .filter(|(text, _)| !text.is_empty())
    };
    let in_article = |at: usize| article.parts.iter().any(|part| part.contains(&at));
    let linked = |range: &Range<usize>| {
        document.linked(range.start, range.end) == document.length(range.start, range.end)
    };
    let titled = |inside: bool| {
        let found = document.tags().filter(|(at, tag)| is_title(tag) && in_article(*at) == inside);
        found.filter_map(|(at, _)| of(at)).find(|(_, range)| inside || !linked(range))
    };
    let name = document.tokens.iter().find_map(|token| match token {
        Token::Raw { name: "title", text } => Some(line(text)).filter(|text| !text.is_empty()),
        _ => None,
    });
    let is_heading = |range: &Range<usize>| matches!(&document.tokens[range.start], Token::Open(tag) if tag.name == "h1");
    match titled(true).or_else(|| titled(false)) {
        // A heading in the text is removed when the text becomes a piece.
        Some((text, range)) => {
            let at = Some(range).filter(|range| !in_article(range.start) || !is_heading(range));
            Heading { title: Some(text), name, at }
        }
        None => Heading { title: None, name, at: None },
    }
}

/// Returns true for the heading of a page; Apple's Journal and Google Docs mark it by a class.
fn is_title(tag: &Tag) -> bool {
    tag.name == "h1" || (matches!(tag.name.as_ref(), "div" | "p") && tag.has_class(&["title"]))
}

/// Words on one line, without the symbol of a link to their heading.
pub(super) fn line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.trim_end_matches(['#', '¶', ' ']).to_owned()
}

/// A line without Markdown's marks.
fn plain_line(text: &str) -> String {
    let text = text.replace(['*', '`', '\n'], " ");
    line(text.trim_start_matches('#'))
}

/// The date of a page in its tags.
fn day(tag: &Tag, next: Option<&Token>) -> Option<Date> {
    match tag.name.as_ref() {
        "time" => tag.attribute("datetime").and_then(date::parse).or_else(|| match next {
            Some(Token::Text(text)) => date::parse(text),
            _ => None,
        }),
        // Apple's Journal and Tumblr write it in words.
        "div" | "span" if document::is_date(tag) => match next {
            Some(Token::Text(text)) => date::parse(text),
            _ => None,
        },
        "meta" => {
            let key = tag.attribute("property").or_else(|| tag.attribute("name"))?.to_lowercase();
            let dated = matches!(
                key.as_str(),
                "article:published_time" | "date" | "dc.date" | "dcterms.created" | "pubdate"
            );
            dated.then(|| date::parse(tag.attribute("content")?)).flatten()
        }
        _ => None,
    }
}
