//! A page as tokens, with the end and the text length of each element.

use std::collections::BTreeMap;

use super::elements::{is_block, is_void};
use super::tokens::{Tag, Token, tokens};

/// Tokens that are read of one page.
pub(super) const MAX_TOKENS: usize = 1_500_000;
/// Open elements that an end tag may close implicitly.
const MAX_IMPLIED: usize = 64;
/// The end of an element that is not closed.
const OPEN: u32 = u32::MAX;

/// A tokenised page.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    /// For each opening tag, the token that ends the element.
    ends: Vec<u32>,
    /// The sums before each token, and at the end.
    before: Vec<PrefixSums>,
}

/// Sums over the tokens before a place.
#[derive(Debug, Clone, Copy, Default)]
struct PrefixSums {
    /// Bytes of text; white space at the ends of each text is not counted.
    text: u32,
    /// Bytes of text in links.
    linked: u32,
    /// The number of links.
    links: u32,
}

impl<'a> Document<'a> {
    pub(super) fn new(html: &'a str) -> Document<'a> {
        let tokens: Vec<Token> = tokens(html).take(MAX_TOKENS).collect();
        let ends = ends(&tokens);
        let before = before(&tokens);
        Document { tokens, ends, before }
    }

    /// Returns true if the page has more tokens than are read.
    pub(super) fn is_cut(&self) -> bool {
        self.tokens.len() == MAX_TOKENS
    }

    /// The token that ends the element opened at `at`: its end tag, or the tag that implies its end.
    pub(super) fn end(&self, at: usize) -> Option<usize> {
        self.ends.get(at).filter(|&&end| end != OPEN).map(|&end| end as usize)
    }

    /// Bytes of text between two tokens; white space at the ends of each text is not counted.
    pub(super) fn length(&self, from: usize, to: usize) -> usize {
        (self.before[to].text - self.before[from].text) as usize
    }

    /// Like [`Document::length`], of the text in links.
    pub(super) fn linked(&self, from: usize, to: usize) -> usize {
        (self.before[to].linked - self.before[from].linked) as usize
    }

    /// The number of links between two tokens.
    pub(super) fn links(&self, from: usize, to: usize) -> usize {
        (self.before[to].links - self.before[from].links) as usize
    }

    /// The opening tags with their positions.
    pub(super) fn tags(&self) -> impl Iterator<Item = (usize, &Tag<'a>)> {
        self.tokens.iter().enumerate().filter_map(|(at, token)| match token {
            Token::Open(tag) => Some((at, tag)),
            _ => None,
        })
    }

    /// The words between two tokens, including descriptions of pictures, without dates.
    pub(super) fn text(&self, from: usize, to: usize) -> String {
        let mut out = String::new();
        let mut dated = false;
        for token in &self.tokens[from..to] {
            // A date is read separately.
            let date = std::mem::take(&mut dated);
            match token {
                Token::Text(_) if date => {}
                Token::Text(text) => out.push_str(text),
                Token::Open(tag) => {
                    dated = is_date(tag);
                    if let Some(alt) = tag.attribute("alt") {
                        out.extend([" ", alt, " "]);
                    }
                    if separates_words(&tag.name) {
                        out.push(' ');
                    }
                }
                Token::Close(name) if separates_words(name) => out.push(' '),
                Token::Raw { name: "noscript" | "textarea" | "noframes", text } => {
                    out.push(' ');
                    out.push_str(&words_of(text));
                }
                _ => {}
            }
        }
        out
    }
}

/// Returns true if an element holds the date of the page, as in Apple's Journal and Tumblr.
pub(super) fn is_date(tag: &Tag) -> bool {
    tag.name == "time" || tag.has_class(&["pageHeader"]) || tag.is("id", "timestamp")
}

/// Returns true if an element separates the words around it.
fn separates_words(name: &str) -> bool {
    is_block(name) || matches!(name, "br" | "button" | "option" | "label")
}

/// The text of a stretch of HTML without its tags.
pub(super) fn words_of(html: &str) -> String {
    let mut out = String::new();
    for token in tokens(html).take(MAX_TOKENS) {
        match token {
            Token::Text(text) => out.push_str(&text),
            _ => out.push(' '),
        }
    }
    out
}

/// Computes the sums before each token and at the end.
fn before(tokens: &[Token]) -> Vec<PrefixSums> {
    let mut out = Vec::with_capacity(tokens.len() + 1);
    let mut sums = PrefixSums::default();
    let mut in_link = false;
    for token in tokens {
        out.push(sums);
        match token {
            Token::Text(text) => {
                let length = u32::try_from(text.trim().len()).unwrap_or(u32::MAX);
                sums.text = sums.text.saturating_add(length);
                if in_link {
                    sums.linked = sums.linked.saturating_add(length);
                }
            }
            Token::Open(tag) if tag.name == "a" && tag.attribute("href").is_some() => {
                sums.links += 1;
                in_link = !tag.is_closed;
            }
            Token::Close(name) if name == "a" => in_link = false,
            _ => {}
        }
    }
    out.push(sums);
    out
}

/// Finds the end of each element. Blocks close the elements inside them, and paragraphs, items and
/// cells end where the next one begins; inline elements are matched by name alone, because they are
/// often nested badly.
fn ends(tokens: &[Token]) -> Vec<u32> {
    let mut ends = vec![OPEN; tokens.len()];
    let mut blocks: Vec<(&str, usize)> = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut inline: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, token) in tokens.iter().enumerate() {
        let here = u32::try_from(at).unwrap_or(OPEN);
        match token {
            Token::Open(tag) if tag.is_closed || is_void(&tag.name) => ends[at] = here,
            Token::Open(tag) if is_block(&tag.name) => {
                while let Some(&(open, from)) = blocks.last()
                    && is_ended_by(open, &tag.name)
                {
                    ends[from] = here;
                    *counts.entry(open).or_default() -= 1;
                    blocks.pop();
                }
                blocks.push((&tag.name, at));
                *counts.entry(&tag.name).or_default() += 1;
            }
            Token::Open(tag) => inline.entry(&tag.name).or_default().push(at),
            Token::Close(name) if is_block(name) => {
                let name = name.as_ref();
                if counts.get(name).is_none_or(|&count| count == 0) {
                    continue;
                }
                let outer = blocks.iter().rev().take(MAX_IMPLIED);
                let mut outer = outer.take_while(|(open, _)| *open == name || !holds(open, name));
                if let Some(above) = outer.position(|(open, _)| *open == name) {
                    for (open, from) in blocks.drain(blocks.len() - above - 1..) {
                        ends[from] = here;
                        *counts.entry(open).or_default() -= 1;
                    }
                }
            }
            Token::Close(name) => {
                if let Some(from) = inline.get_mut(name.as_ref()).and_then(Vec::pop) {
                    ends[from] = here;
                }
            }
            _ => {}
        }
    }
    ends
}

/// Returns true if an open block ends where a block called `next` begins.
fn is_ended_by(open: &str, next: &str) -> bool {
    match open {
        "p" => !matches!(next, "html" | "body" | "details" | "summary" | "td" | "th"),
        "li" => next == "li",
        "dt" | "dd" => matches!(next, "dt" | "dd"),
        "td" | "th" => matches!(next, "td" | "th" | "tr" | "tbody" | "thead" | "tfoot"),
        "tr" => matches!(next, "tr" | "tbody" | "thead" | "tfoot"),
        "thead" | "tbody" => matches!(next, "tbody" | "tfoot"),
        _ => false,
    }
}

/// Returns true if an open block prevents an end tag inside it from closing elements around it.
fn holds(open: &str, name: &str) -> bool {
    let of_table = matches!(name, "table" | "tr" | "td" | "th" | "tbody" | "thead" | "tfoot");
    matches!(open, "td" | "th" | "table" | "caption")
        && !(of_table && open != "table")
        && !matches!(name, "body" | "html")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of the first element of this name.
    fn inside(html: &str, name: &str) -> String {
        let document = Document::new(html);
        let at = document.tags().find(|(_, tag)| tag.name == name).map(|(at, _)| at);
        let range = at.and_then(|at| Some((at, document.end(at)?)));
        let text = range.map_or_else(|| "no end".to_owned(), |(at, end)| document.text(at, end));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn elements_end_where_browsers_end_them() {
        for (html, name, expected) in [
            ("<p>one<p>two", "p", "one"),
            ("<ul><li>one<ul><li>two</ul><li>three</ul>", "li", "one two"),
            ("<div><p>one</div>two", "p", "one"),
            ("<div>one<section>two</div>three", "section", "two"),
            (
                "<div>one<table><tr><td>two</div>three</table>four</div>five",
                "div",
                "one two three four",
            ),
            ("<aside>never closed<p>one</p>", "aside", "no end"),
            ("<b>one <i>two</b> three</i>", "i", "two three"),
            ("<div/>one</div>", "div", ""),
            ("<tr><td>one<td>two<tr><td>three", "tr", "one two"),
        ] {
            assert_eq!(inside(html, name), expected, "{html}");
        }
    }
}
