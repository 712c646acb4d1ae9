//! Recognises what is not the writer's prose in a page: navigation, forms, hidden text, words of
//! others.

use super::document::Document;
use super::tokens::{Tag, Token};

/// The surroundings of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Inside a text by the writer: an article, a post of an export, a mail.
    Article,
    /// In a whole page, outside the article.
    Site,
    /// In a page that marks no article: anything may belong to the site.
    Unmarked,
}

/// Classes that exporters and themes give to boilerplate, by its kind.
const CLASSES: [(&str, &[&str]); 12] = [
    (
        "of navigation",
        &[
            "toc",
            "table-of-contents",
            "nav",
            "navbar",
            "navigation",
            "breadcrumb",
            "breadcrumbs",
            "pagination",
            "post-navigation",
            "nav-links",
            "skip-link",
        ],
    ),
    ("in sidebars", &["sidebar"]),
    (
        "in comments by others",
        &["comments", "comments-area", "comment-list", "commentlist", "comment-respond"],
    ),
    (
        "in sharing links",
        &[
            "share",
            "sharing",
            "share-buttons",
            "sharedaddy",
            "social-share",
            "addtoany_share_save_container",
        ],
    ),
    (
        "in lists of related texts",
        &["jp-relatedposts", "related", "related-posts", "yarpp-related"],
    ),
    (
        "in sign-up boxes",
        &["subscription-widget", "subscription-widget-wrap", "kg-signup-card", "kg-cta-card"],
    ),
    (
        "in buttons",
        &["button-wrapper", "wp-block-button", "wp-block-buttons", "kg-button-card", "kg-btn"],
    ),
    (
        "in marks of notes",
        &[
            "footnote-anchor",
            "footnote-ref",
            "footnote-backref",
            "footnote-back",
            "reversefootnote",
            "footnote-number",
            "mw-cite-backlink",
            "mw-editsection",
        ],
    ),
    ("in hidden text", &["sr-only", "screen-reader-text", "visually-hidden", "visuallyhidden"]),
    ("in bylines", &["post-meta", "entry-meta", "byline"]),
    ("in captions of pictures", &["captioned-image-container", "image-caption", "wp-caption-text"]),
    (
        "in embedded cards",
        &[
            "kg-audio-card",
            "kg-bookmark-card",
            "kg-embed-card",
            "kg-file-card",
            "kg-nft-card",
            "kg-product-card",
            "kg-video-card",
        ],
    ),
];

/// Ids of boilerplate, by its kind.
const IDS: [(&str, &[&str]); 4] = [
    ("of navigation", &["toc", "TOC", "table-of-contents", "nav", "menu", "navigation"]),
    ("in comments by others", &["comments", "disqus_thread", "respond"]),
    ("in sidebars", &["sidebar"]),
    ("in footers", &["footer"]),
];

/// Parts of classes and ids of boilerplate in the frame of a site; in a writer's text they may be
/// ordinary words.
const PARTS: [(&str, &[&str]); 7] = [
    (
        "of navigation",
        &[
            "nav",
            "navbar",
            "navigation",
            "breadcrumb",
            "breadcrumbs",
            "menu",
            "pagination",
            "pager",
            "skip",
            "toolbar",
            "masthead",
            "tags",
            "toc",
        ],
    ),
    ("in sidebars", &["sidebar", "rail"]),
    ("in comments by others", &["comments", "comment", "disqus", "respond", "livefyre"]),
    ("in sharing links", &["share", "sharing", "social", "sharebar", "addthis", "shareaholic"]),
    (
        "in lists of related texts",
        &[
            "related",
            "recommended",
            "recommendations",
            "recirc",
            "outbrain",
            "taboola",
            "popular",
            "trending",
            "readmore",
        ],
    ),
    (
        "in notices of the site",
        &[
            "newsletter",
            "subscribe",
            "subscription",
            "signup",
            "promo",
            "promotion",
            "advert",
            "advertisement",
            "ad",
            "ads",
            "sponsor",
            "sponsored",
            "donate",
            "paywall",
            "cookie",
            "consent",
            "gdpr",
            "popup",
            "modal",
            "popover",
            "login",
        ],
    ),
    ("in footers", &["footer", "colophon"]),
];

/// The kind of boilerplate that an element is, if it is any; completes "12 words …".
pub(super) fn boilerplate(document: &Document, at: usize, scope: Scope) -> Option<&'static str> {
    let Token::Open(tag) = &document.tokens[at] else { return None };
    let name = tag.name.as_ref();
    if matches!(name, "html" | "body") {
        return None;
    }
    let end = document.end(at);
    let size = end.map_or(0, |end| document.length(at, end));
    let all = document.length(0, document.tokens.len());
    if is_hidden(tag) && size * 2 <= all {
        return Some("in hidden text");
    }
    if let Some(what) = by_name(document, at, tag, scope) {
        return Some(what);
    }
    let holds_the_text = matches!(name, "main" | "article");
    if !holds_the_text && let Some(what) = by_class_or_id(tag) {
        return Some(what);
    }
    if scope != Scope::Article
        && !holds_the_text
        && !matches!(name, "p" | "span" | "em" | "a" | "b" | "i" | "strong")
        && let Some(what) = by_parts(tag)
        && size * if what == "in comments by others" { 1 } else { 4 } <= all
    {
        return Some(what);
    }
    let links = scope == Scope::Unmarked && end.is_some_and(|end| is_links(document, at, end));
    links.then_some("of navigation")
}

fn is_hidden(tag: &Tag) -> bool {
    let style = tag.attribute("style").is_some_and(|style| {
        let style: String = style.chars().filter(|c| !c.is_whitespace()).collect();
        let style = style.to_ascii_lowercase();
        style.contains("display:none")
            || style.contains("visibility:hidden")
            || style.contains("mso-hide:all")
    });
    style || tag.attribute("hidden").is_some() || tag.is("aria-hidden", "true")
}

fn by_name(document: &Document, at: usize, tag: &Tag, scope: Scope) -> Option<&'static str> {
    let end = document.end(at);
    let size = end.map_or(0, |end| document.length(at, end));
    // Sentences outside links are somebody's words.
    let speaks =
        || end.is_some_and(|end| size - document.linked(at, end) > 2 * document.linked(at, end));
    match tag.name.as_ref() {
        "nav" => Some("of navigation"),
        "footer" => Some("in footers"),
        "header" if scope != Scope::Article && (size < 120 || !speaks()) => Some("in page headers"),
        "aside" if scope != Scope::Article || !speaks() => Some("in sidebars"),
        "template" => Some("in hidden text"),
        "dialog" if tag.attribute("open").is_none() => Some("in hidden text"),
        "svg" | "canvas" | "video" | "audio" | "object" | "applet" | "embed-card" | "iframe" => {
            Some("in place of pictures and sound")
        }
        // The body of some pages is one form.
        "form" if size * 2 <= document.length(0, document.tokens.len()) => Some("in forms"),
        "select" | "option" | "datalist" | "textarea" => Some("in forms"),
        "button" => Some("in buttons"),
        "figcaption" => Some("in captions of pictures"),
        "rt" | "rp" | "rtc" => Some("in readings next to characters"),
        "annotation" | "annotation-xml" => Some("in sources of formulas"),
        "a" if tag.has_class(&["tumblr_blog"]) => Some("in names of others"),
        "a" if leads_to_note(tag)
            && end.is_some_and(|end| is_note_mark(&document.text(at, end))) =>
        {
            Some("in marks of notes")
        }
        "div" | "li" if is_comment(document, at) => Some("in comments by others"),
        _ => None,
    }
}

/// By classes, ids and roles that are made for it.
fn by_class_or_id(tag: &Tag) -> Option<&'static str> {
    let has = |names: &[&str], name: &str| names.contains(&name);
    let class =
        |class: &str| CLASSES.iter().find(|(_, names)| has(names, class)).map(|(what, _)| *what);
    let id = tag.attribute("id");
    let by_id = |id: &str| IDS.iter().find(|(_, names)| has(names, id)).map(|(what, _)| *what);
    let boilerplate = id.is_some_and(|id| matches!(id, "pg-header" | "pg-footer"))
        || tag.has_class(&["pg-boilerplate"]);
    match tag.attribute("role") {
        Some("navigation" | "menu" | "menubar" | "search" | "doc-toc") => {
            return Some("of navigation");
        }
        Some("button") => return Some("in buttons"),
        Some("doc-pagebreak") => return Some("in page numbers"),
        _ => {}
    }
    match tag.attribute("epub:type") {
        Some("pagebreak") => return Some("in page numbers"),
        Some("toc" | "landmarks" | "page-list") => return Some("of navigation"),
        _ => {}
    }
    if boilerplate {
        return Some("in the publisher's notice");
    }
    tag.classes().find_map(class).or_else(|| id.and_then(by_id))
}

fn by_parts(tag: &Tag) -> Option<&'static str> {
    let names = tag.classes().chain(tag.attribute("id"));
    let parts = names.flat_map(|name| name.split(['-', '_', ':', '.']));
    parts.filter(|part| !part.is_empty()).find_map(|part| {
        let part = part.to_ascii_lowercase();
        let found = PARTS.iter().find(|(_, parts)| parts.contains(&part.as_str()));
        found.map(|(what, _)| *what)
    })
}

/// Returns true for a link to a note, or back from it.
fn leads_to_note(tag: &Tag) -> bool {
    const NOTES: [&str; 11] = [
        "#fn", "#_fn", "#note", "#cite", "#ref", "#cmnt", "#ftnt", "#_ftn", "#_edn", "#endnote",
        "#_msocom",
    ];
    let href = tag.attribute("href").unwrap_or_default();
    href.contains('#')
        && (NOTES.iter().any(|note| href.starts_with(note))
            || tag.is("rel", "footnote")
            || matches!(tag.attribute("epub:type"), Some("noteref" | "backlink"))
            || matches!(tag.attribute("role"), Some("doc-noteref" | "doc-backlink")))
}

/// Returns true for a number or symbol of a note; words are not.
fn is_note_mark(text: &str) -> bool {
    let text = text.trim();
    text.chars().count() <= 8 && text.chars().filter(|c| c.is_alphabetic()).count() <= 1
}

/// Returns true for a comment of a document that was saved as a page: its first word is a link to the
/// place it refers to.
fn is_comment(document: &Document, at: usize) -> bool {
    let Token::Open(tag) = &document.tokens[at] else { return false };
    if tag.attribute("style").is_some_and(|style| style.contains("mso-element:comment")) {
        return true;
    }
    let first = document.tokens[at + 1..].iter().take(6).find_map(|token| match token {
        Token::Open(tag) if tag.name == "a" => Some(Some(tag)),
        Token::Open(_) => None,
        Token::Text(text) if text.trim().is_empty() => None,
        _ => Some(None),
    });
    first.flatten().is_some_and(|tag| {
        tag.attribute("id").is_some_and(|id| id.starts_with("cmnt"))
            && tag.attribute("href").is_some_and(|href| href.starts_with("#cmnt_ref"))
    })
}

/// Returns true for a block that consists of links.
fn is_links(document: &Document, at: usize, end: usize) -> bool {
    const MIN_LINKS: usize = 3;
    let size = document.length(at, end);
    let block = match &document.tokens[at] {
        Token::Open(tag) => {
            matches!(tag.name.as_ref(), "ul" | "ol" | "div" | "td" | "table" | "center" | "menu")
        }
        _ => false,
    };
    block
        && size > 0
        && document.linked(at, end) * 4 >= size * 3
        && document.links(at, end) >= MIN_LINKS
}
