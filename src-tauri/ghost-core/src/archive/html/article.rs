//! Finds the article of a page.

use std::ops::Range;

use super::boilerplate::{Scope, boilerplate};
use super::document::Document;
use super::tokens::{Tag, Token};

/// The parts of a page that are its article, in order, as token ranges.
#[derive(Debug)]
pub(super) struct Article {
    pub(super) parts: Vec<Range<usize>>,
    /// The scope in which boilerplate is looked for inside the parts.
    pub(super) scope: Scope,
}

/// Finds the article by the marks of exporters and themes, or else by the density of sentences.
pub(super) fn article(document: &Document) -> Article {
    const BODIES: [&str; 13] = [
        "bodyText",
        "page-body",
        "e-content",
        "entry-content",
        "post-content",
        "article-body",
        "article-content",
        "article__body",
        "post-body",
        "markdown-body",
        "available-content",
        "post__content",
        "mw-parser-output",
    ];
    let prose = Prose::of(document);
    let marks: [&dyn Fn(&Tag) -> bool; 3] = [
        &|tag| tag.has_class(&BODIES) || tag.is("itemprop", "articleBody"),
        &|tag| tag.name == "article",
        &|tag| tag.name == "main" || tag.is("role", "main"),
    ];
    let marked = marks.iter().find_map(|mark| prose.marked(document, mark));
    if let Some(mut parts) = marked {
        parts.splice(0..0, lede(document, parts.first()));
        return Article { parts, scope: Scope::Article };
    }
    let parts = prose.densest(document).unwrap_or_else(|| {
        let mut bodies = document.tags().filter(|(_, tag)| tag.name == "body");
        let body = bodies.next().filter(|_| bodies.next().is_none());
        let all = 0..document.tokens.len();
        Vec::from([body.map_or(all, |(at, _)| inside(document, at))])
    });
    Article { parts, scope: Scope::Unmarked }
}

/// The range between an element's tags.
fn inside(document: &Document, at: usize) -> Range<usize> {
    at + 1..document.end(at).unwrap_or(document.tokens.len()).max(at + 1)
}

/// The introductory paragraph before the body of an article.
fn lede(document: &Document, body: Option<&Range<usize>>) -> Option<Range<usize>> {
    const LEDES: [&str; 8] =
        ["lede", "lead", "dek", "deck", "standfirst", "subtitle", "subheading", "intro"];
    let body = body?;
    // Inside the article that contains the body.
    let from = document
        .tags()
        .take_while(|&(at, _)| at < body.start)
        .filter(|&(at, tag)| {
            matches!(tag.name.as_ref(), "article" | "main") && inside(document, at).end >= body.end
        })
        .last()?
        .0;
    let leads = |tag: &Tag| {
        let mut parts = tag.classes().flat_map(|class| class.split(['-', '_']));
        matches!(tag.name.as_ref(), "p" | "h2" | "h3" | "div" | "section")
            && parts.any(|part| LEDES.contains(&part))
    };
    let mut between = document.tags().skip_while(|&(at, _)| at <= from);
    let (at, _) = between
        .by_ref()
        .take_while(|&(at, _)| at < body.start)
        .find(|(at, tag)| leads(tag) && inside(document, *at).end < body.start)?;
    let range = inside(document, at);
    let text = document.text(range.start, range.end);
    // Some exporters repeat the first paragraph.
    let again = document.text(body.start, body.end).contains(text.trim());
    (!again && !text.trim().is_empty()).then_some(range)
}

/// The amount of prose before each token: sentences outside links and boilerplate.
struct Prose {
    before: Vec<u32>,
}

impl Prose {
    fn of(document: &Document) -> Prose {
        /// Bytes of a text outside paragraphs that counts as a sentence.
        const MIN_BARE: usize = 60;
        let mut before = Vec::with_capacity(document.tokens.len() + 1);
        let (mut sum, mut in_paragraph, mut in_link) = (0u32, false, false);
        let mut skipped_to = 0;
        for (at, token) in document.tokens.iter().enumerate() {
            before.push(sum);
            if at < skipped_to {
                continue;
            }
            match token {
                Token::Open(tag) => {
                    if boilerplate(document, at, Scope::Site).is_some() {
                        skipped_to = document.end(at).unwrap_or(at);
                        continue;
                    }
                    match tag.name.as_ref() {
                        "p" | "blockquote" | "pre" | "li" | "dd" => {
                            (in_paragraph, in_link) = (true, false)
                        }
                        "div" | "section" | "td" | "center" | "body" => in_paragraph = false,
                        "a" => in_link = true,
                        _ => {}
                    }
                }
                Token::Close(name) => match name.as_ref() {
                    "a" => in_link = false,
                    "p" | "blockquote" | "pre" | "li" | "dd" => in_paragraph = false,
                    _ => {}
                },
                Token::Text(text) if !in_link => {
                    let length = text.trim().len();
                    if in_paragraph || length >= MIN_BARE {
                        sum = sum.saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
                    }
                }
                _ => {}
            }
        }
        before.push(sum);
        Prose { before }
    }

    fn within(&self, range: &Range<usize>) -> usize {
        (self.before[range.end] - self.before[range.start]) as usize
    }

    fn all(&self) -> usize {
        self.before.last().copied().unwrap_or(0) as usize
    }

    /// The outermost elements with a mark, as a page may contain several articles. Those with little
    /// text next to the largest are cards that link to other pages.
    fn marked(
        &self,
        document: &Document,
        mark: &dyn Fn(&Tag) -> bool,
    ) -> Option<Vec<Range<usize>>> {
        let mut parts: Vec<Range<usize>> = Vec::new();
        let mut passed = 0;
        for (at, tag) in document.tags() {
            if at < passed {
                continue;
            }
            if boilerplate(document, at, Scope::Site).is_some() {
                passed = document.end(at).unwrap_or(at);
            } else if mark(tag) {
                let part = inside(document, at);
                passed = part.end;
                parts.push(part);
            }
        }
        if parts.len() > 1 {
            let largest = parts.iter().map(|part| self.within(part)).max()?;
            parts.retain(|part| self.within(part) * 4 >= largest);
        }
        let kept: usize = parts.iter().map(|part| self.within(part)).sum();
        (!parts.is_empty() && kept * 3 >= self.all()).then_some(parts)
    }

    /// The smallest element that contains nearly all sentences of an unmarked page, and its siblings
    /// that contain sentences.
    fn densest(&self, document: &Document) -> Option<Vec<Range<usize>>> {
        const MIN_PROSE: usize = 500;
        /// Bytes of sentences that a sibling needs.
        const MIN_SIBLING: usize = 120;
        let holds = |tag: &Tag| {
            matches!(
                tag.name.as_ref(),
                "div"
                    | "section"
                    | "td"
                    | "center"
                    | "body"
                    | "article"
                    | "main"
                    | "form"
                    | "table"
                    | "tr"
                    | "tbody"
            )
        };
        let all = self.all();
        let containers =
            document.tags().filter(|(at, tag)| holds(tag) && document.end(*at).is_some());
        let chain: Vec<(usize, Range<usize>)> = containers
            .map(|(at, _)| (at, inside(document, at)))
            .filter(|(_, range)| self.within(range) * 20 >= all * 17)
            .collect();
        let (best, range) = chain.last().filter(|_| all >= MIN_PROSE)?;
        if matches!(&document.tokens[*best], Token::Open(tag) if tag.name == "body") {
            return None;
        }
        // The siblings inside the surrounding element.
        let around =
            chain.iter().rev().nth(1).map_or(0..document.tokens.len(), |(_, range)| range.clone());
        let mut parts = vec![range.clone()];
        let mut at = around.start;
        while at < around.end {
            if at == *best {
                at = range.end;
            } else if let (Token::Open(_), Some(end)) = (&document.tokens[at], document.end(at)) {
                let sibling = inside(document, at);
                let speaks = self.within(&sibling) >= MIN_SIBLING
                    && document.linked(sibling.start, sibling.end) * 3
                        <= document.length(sibling.start, sibling.end);
                if speaks && sibling.end <= around.end && !sibling.contains(best) {
                    // Includes its own tag, which may be a paragraph or a list.
                    parts.push(at..end.min(around.end));
                    at = end;
                }
            }
            at += 1;
        }
        parts.sort_by_key(|part| part.start);
        Some(parts)
    }
}
