//! Splits a page into the tokens of the HTML standard: tags and texts, in order.
//!
//! html5gum tokenises, so comments, quotes, raw text and entities end where they do in a browser. The
//! difference concerns files that are cut short: an element of raw text, a comment or a tag that never
//! ends does not hide the words after it.

use std::borrow::Cow;
use std::collections::HashSet;

use html5gum::emitters::callback::{Callback, CallbackEmitter, CallbackEvent};
use html5gum::{Span, State, StringReader, Tokenizer};

/// Unfinished tags after which reading resumes.
const MAX_RESTARTS: usize = 16;

/// The attributes that are read.
const ATTRIBUTES: [&str; 18] = [
    "alt",
    "aria-hidden",
    "class",
    "content",
    "datetime",
    "epub:type",
    "hidden",
    "href",
    "id",
    "itemprop",
    "lang",
    "name",
    "open",
    "property",
    "rel",
    "role",
    "start",
    "style",
];

/// A tag's name in lower case, and those of its attributes that are read.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    pub(super) name: Cow<'a, str>,
    attributes: Vec<(&'static str, Cow<'a, str>)>,
    /// The element is empty, which only XHTML can say.
    pub(super) is_closed: bool,
}

impl Tag<'_> {
    /// The value of an attribute, entities decoded; of duplicates, the first.
    pub(super) fn attribute(&self, wanted: &str) -> Option<&str> {
        debug_assert!(ATTRIBUTES.contains(&wanted), "{wanted} is not read");
        self.attributes.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.as_ref())
    }

    pub(super) fn is(&self, key: &str, value: &str) -> bool {
        self.attribute(key) == Some(value)
    }

    pub(super) fn has_class(&self, classes: &[&str]) -> bool {
        self.classes().any(|class| classes.contains(&class))
    }

    pub(super) fn classes(&self) -> impl Iterator<Item = &str> {
        self.attribute("class").unwrap_or_default().split_ascii_whitespace()
    }
}

#[derive(Debug)]
pub(super) enum Token<'a> {
    Open(Tag<'a>),
    Close(Cow<'a, str>),
    /// Entities decoded.
    Text(Cow<'a, str>),
    /// An element whose content is not HTML or not shown: script, style, title.
    Raw {
        name: &'static str,
        text: Cow<'a, str>,
    },
    Comment(Cow<'a, str>),
}

/// The tokens of a page or a fragment.
pub(super) fn tokens(html: &str) -> Tokens<'_> {
    Tokens {
        html,
        begin: 0,
        at: 0,
        inner: tokenizer(html),
        raw: None,
        endless: HashSet::new(),
        restarts: 0,
        is_over: false,
    }
}

/// Text with its entities decoded.
pub(in crate::archive) fn decode_entities(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut tokenizer = tokenizer(text);
    // RCDATA: no end tag matches, because no tag was opened.
    tokenizer.set_state(State::RcData);
    let mut out = String::with_capacity(text.len());
    for Ok((token, _)) in tokenizer {
        if let Token::Text(text) = token {
            out.push_str(&text);
        }
    }
    Cow::Owned(out)
}

type Inner<'a> =
    Tokenizer<StringReader<'a>, CallbackEmitter<Gatherer<'a>, (Token<'a>, Span), usize>>;

fn tokenizer(html: &str) -> Inner<'_> {
    let gatherer = Gatherer { html, tag: None, key: None };
    Tokenizer::new_with_emitter(html, CallbackEmitter::new(gatherer))
}

/// Converts the tokenizer's events to tokens with their spans.
#[derive(Debug)]
struct Gatherer<'a> {
    html: &'a str,
    tag: Option<Tag<'a>>,
    /// The attribute whose value comes next, if it is read.
    key: Option<&'static str>,
}

impl<'a> Gatherer<'a> {
    /// A value of the tokenizer, borrowed from the page where it is unchanged.
    fn text(&self, value: &[u8], from: usize) -> Cow<'a, str> {
        let to = from + value.len();
        match self.html.get(from..to) {
            Some(text) if text.as_bytes() == value => Cow::Borrowed(text),
            _ => Cow::Owned(String::from_utf8_lossy(value).into_owned()),
        }
    }
}

impl<'a> Callback<(Token<'a>, Span), usize> for Gatherer<'a> {
    fn handle_event(
        &mut self,
        event: CallbackEvent<'_>,
        span: Span<usize>,
    ) -> Option<(Token<'a>, Span)> {
        let token = match event {
            CallbackEvent::OpenStartTag { name } => {
                let name = self.text(name, span.start + 1);
                self.tag = Some(Tag { name, attributes: Vec::new(), is_closed: false });
                return None;
            }
            CallbackEvent::AttributeName { name } => {
                let key = ATTRIBUTES.iter().find(|key| key.as_bytes() == name).copied();
                self.key = key;
                if let (Some(key), Some(tag)) = (key, &mut self.tag) {
                    match tag.attributes.iter().any(|(known, _)| *known == key) {
                        true => self.key = None,
                        false => tag.attributes.push((key, Cow::Borrowed(""))),
                    }
                }
                return None;
            }
            CallbackEvent::AttributeValue { value } => {
                let value = self.key.take().map(|_| self.text(value, span.start));
                let last = self.tag.as_mut().and_then(|tag| tag.attributes.last_mut());
                if let (Some(value), Some((_, last))) = (value, last) {
                    *last = value;
                }
                return None;
            }
            CallbackEvent::CloseStartTag { self_closing } => {
                let tag = self.tag.take()?;
                Token::Open(Tag { is_closed: self_closing, ..tag })
            }
            CallbackEvent::EndTag { name } => Token::Close(self.text(name, span.start + 2)),
            CallbackEvent::String { value } => Token::Text(self.text(value, span.start)),
            CallbackEvent::Comment { value } => Token::Comment(self.text(value, span.start + 4)),
            CallbackEvent::Doctype { .. } | CallbackEvent::Error(_) => return None,
        };
        Some((token, span))
    }
}

/// The iterator that [`tokens`] returns.
pub(super) struct Tokens<'a> {
    html: &'a str,
    /// The position at which `inner` started.
    begin: usize,
    /// The end of the last token.
    at: usize,
    inner: Inner<'a>,
    /// The open element of raw text.
    raw: Option<&'static str>,
    /// Ends that are not in the rest of the page, so they are not searched twice.
    endless: HashSet<&'static str>,
    restarts: usize,
    is_over: bool,
}

impl<'a> Tokens<'a> {
    /// Resumes at a position of the page.
    fn restart(&mut self, at: usize) {
        let at = self.html.ceil_char_boundary(at);
        (self.begin, self.at) = (at, at);
        self.inner = tokenizer(&self.html[at..]);
    }

    /// The next position of `end`, ignoring case.
    fn find(&mut self, from: usize, end: &'static str) -> Option<usize> {
        if self.endless.contains(end) {
            return None;
        }
        let (hay, first) = (self.html.as_bytes(), end.as_bytes()[0]);
        let found = (from..hay.len().saturating_sub(end.len() - 1)).find(|&at| {
            hay[at] == first && hay[at..at + end.len()].eq_ignore_ascii_case(end.as_bytes())
        });
        if found.is_none() {
            self.endless.insert(end);
        }
        found
    }

    /// Reads the element as raw text, if it holds that and has an end.
    fn enter(&mut self, tag: &Tag) {
        const RAW: [(&str, &str, State); 8] = [
            ("script", "</script", State::ScriptData),
            ("style", "</style", State::RawText),
            ("title", "</title", State::RcData),
            ("textarea", "</textarea", State::RcData),
            ("noscript", "</noscript", State::RawText),
            ("iframe", "</iframe", State::RawText),
            ("noembed", "</noembed", State::RawText),
            ("noframes", "</noframes", State::RawText),
        ];
        // XHTML may close such an element at once.
        if tag.is_closed {
            return;
        }
        if let Some((name, end, state)) = RAW.into_iter().find(|(name, ..)| *name == tag.name)
            && (self.find(self.at, end).is_some() || matches!(name, "script" | "style"))
        {
            self.inner.set_state(state);
            self.raw = Some(name);
        }
    }

    /// The rest of a page whose last tag never ends: an unclosed quote loses its tag; a page cut inside
    /// a tag ends before the tag.
    fn unfinished(&mut self) -> Option<Token<'a>> {
        let rest = self.html.get(self.at..).filter(|rest| rest.starts_with('<'))?;
        self.restarts += 1;
        match rest.find('>') {
            Some(end) if self.restarts <= MAX_RESTARTS => {
                self.restart(self.at + end + 1);
                self.next()
            }
            _ => {
                self.is_over = true;
                (!rest.contains('=')).then(|| Token::Text(decode_entities(rest)))
            }
        }
    }

    /// A comment, or the token that a malformed one stands for.
    fn comment(&mut self, text: Cow<'a, str>, from: usize) -> Option<Token<'a>> {
        let html = self.html;
        let whole = html.get(from..).unwrap_or_default();
        if whole.starts_with("<![CDATA[") {
            let inside = from + "<![CDATA[".len();
            let end = self.find(inside, "]]>");
            self.restart(end.map_or(html.len(), |end| end + 3));
            return Some(Token::Text(Cow::Borrowed(&html[inside..end.unwrap_or(html.len())])));
        }
        let mark = if whole.starts_with("<!--") { "<!--" } else { "<!" };
        let is_endless = self.at >= html.len() && !html.ends_with('>');
        if is_endless && self.restarts < MAX_RESTARTS {
            self.restarts += 1;
            self.restart(from + mark.len());
            return self.next();
        }
        (mark == "<!--").then_some(Token::Comment(text))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        while !self.is_over {
            let Some(Ok((token, span))) = self.inner.next() else { return self.unfinished() };
            let (from, to) = (self.begin + span.start, self.begin + span.end);
            self.at = to.min(self.html.len());
            match (token, self.raw) {
                (Token::Text(text), Some(name)) => return Some(Token::Raw { name, text }),
                (Token::Close(name), Some(raw)) if name == raw => self.raw = None,
                (Token::Comment(text), _) => match self.comment(text, from) {
                    None => {}
                    token => return token,
                },
                (Token::Open(tag), _) => {
                    self.enter(&tag);
                    if self.raw.is_none() {
                        return Some(Token::Open(tag));
                    }
                }
                (token, _) => return Some(token),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens of a page as short labels.
    fn labels(html: &str) -> Vec<String> {
        let say = |token| match token {
            Token::Open(tag) => format!("<{}>", tag.name),
            Token::Close(name) => format!("</{name}>"),
            Token::Text(text) => text.into_owned(),
            Token::Raw { name, text } => format!("{name}: {text}"),
            Token::Comment(text) => format!("comment:{text}"),
        };
        tokens(html).map(say).collect()
    }

    #[test]
    fn tokens_follow_the_html_standard() {
        for (html, expected) in [
            ("<P>One &amp; two</p >", &["<p>", "One & two", "</p>"][..]),
            ("<a title='a > b'>c</a>", &["<a>", "c", "</a>"]),
            ("one<!-- two -->three", &["one", "comment: two ", "three"]),
            ("<?xml version='1.0'?><!DOCTYPE html>a", &["a"]),
            ("<script>if (a < b) '</p>'</script>c", &["script: if (a < b) '</p>'", "c"]),
            ("<title>a &lt;b&gt; c</title>d", &["title: a <b> c", "d"]),
            ("<script src='a'></script>b", &["b"]),
            ("1 < 2 and 3 > 2", &["1 < 2 and 3 > 2"]),
        ] {
            assert_eq!(labels(html), expected, "{html}");
        }
    }

    #[test]
    fn unclosed_constructs_do_not_hide_text() {
        for (html, expected) in [
            ("one <!-- two", &["one ", " two"][..]),
            ("<title>one<p>two", &["<title>", "one", "<p>", "two"]),
            ("<p>one <a href=\"two>three</a> four", &["<p>", "one ", "three", "</a>", " four"]),
            ("one <a href=\"two", &["one "]),
            ("one <two", &["one ", "<two"]),
            // Self-closing, as in XHTML.
            (
                "<title/><p>one</p><script src='a'/>two",
                &["<title>", "<p>", "one", "</p>", "<script>", "two"],
            ),
            ("<![CDATA[one > two]]>three", &["one > two", "three"]),
            ("one\r\n<!-- two", &["one\n", " two"]),
        ] {
            assert_eq!(labels(html), expected, "{html}");
        }
    }

    #[test]
    fn attributes_are_decoded_and_the_first_duplicate_counts() {
        let Some(Token::Open(tag)) =
            tokens("<A HREF=a?b&amp;c CLASS='one\n two' class=three id data-x=y hidden>").next()
        else {
            panic!("it is a tag")
        };
        assert_eq!(tag.attribute("href"), Some("a?b&c"));
        assert!(tag.has_class(&["two"]) && !tag.has_class(&["three"]));
        assert_eq!((tag.attribute("id"), tag.attribute("hidden")), (Some(""), Some("")));
        assert_eq!(tag.attribute("role"), None);
    }

    #[test]
    fn entities_in_every_spelling() {
        assert_eq!(
            decode_entities("&hellip;&#8212;&#151;&#x2014;&copy 1 &nope; & &lt;b> &"),
            "…———© 1 &nope; & <b> &"
        );
    }
}
