//! Exports of the publishing platform Ghost, all versions: HTML, Lexical, Mobiledoc, Markdown.
//!
//! Reads posts and their authors' names; never settings, keys or members.

use std::collections::HashMap;

use quick_xml::escape::escape;
use serde_json::Value;

use crate::archive::entry::{Entry, ExportContents};
use crate::archive::json::{date_at, flag_at, id_at, text_at};
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;
use crate::archive::text::non_empty;
use crate::archive::{html, markdown};

const BODIES: [&str; 5] = ["html", "lexical", "mobiledoc", "markdown", "plaintext"];

/// Returns true if a broken file begins like an export.
pub(super) fn sniff(head: &str) -> bool {
    head.contains("\"posts\"")
}

/// Reads an export; `None` if it is something else.
pub(super) fn read(value: &Value) -> Option<ExportContents> {
    let value = value.get("result").unwrap_or(value);
    let value = value.get("db").and_then(|db| db.get(0)).unwrap_or(value);
    let data = value.get("data").unwrap_or(value);
    let posts = data.get("posts")?.as_array()?;
    let posts: Vec<&Value> = posts.iter().map(|post| post.get("data").unwrap_or(post)).collect();
    let has = |post: &&Value| BODIES.iter().any(|body| post.get(body).is_some());
    if !posts.is_empty() && !posts.iter().any(has) {
        return None;
    }
    let authors = authors(data);
    let entries = posts.into_iter().filter_map(|post| entry(post, &authors)).collect();
    Some(ExportContents { entries, ..ExportContents::default() })
}

/// The authors' names by the id of the post, and by their own id as in the oldest exports.
fn authors(data: &Value) -> HashMap<String, String> {
    let rows = |name: &str| data.get(name).and_then(Value::as_array).into_iter().flatten();
    let users: HashMap<String, &str> = rows("users")
        .filter_map(|user| Some((id_at(user, &["id"]), text_at(user, &["name"])?)))
        .collect();
    let mut authors: HashMap<String, String> =
        users.iter().map(|(id, name)| (format!("user {id}"), (*name).to_owned())).collect();
    for link in rows("posts_authors") {
        if let Some(name) = users.get(&id_at(link, &["author_id"])) {
            authors.entry(id_at(link, &["post_id"])).or_insert_with(|| (*name).to_owned());
        }
    }
    authors
}

fn author(post: &Value, authors: &HashMap<String, String>) -> Option<String> {
    let first = post.get("authors").and_then(|authors| authors.get(0));
    let inline = [post.get("primary_author"), first, post.get("author")];
    let named = inline
        .into_iter()
        .flatten()
        .find_map(|author| text_at(author.get("data").unwrap_or(author), &["name"]));
    let known = || {
        let by_post = authors.get(&id_at(post, &["id"]));
        by_post.or_else(|| authors.get(&format!("user {}", id_at(post, &["author_id"]))))
    };
    named.map(str::to_owned).or_else(|| known().cloned())
}

fn entry(post: &Value, authors: &HashMap<String, String>) -> Option<Entry> {
    let status = text_at(post, &["status"]).unwrap_or("published");
    let page = text_at(post, &["type"]) == Some("page") || flag_at(post, "page");
    let mut omissions = Omissions::default();
    Some(Entry {
        key: id_at(post, &["slug", "id"]),
        metadata: Metadata {
            title: text_at(post, &["title"])
                .and_then(non_empty)
                .filter(|title| title != "(Untitled)"),
            author: author(post, authors),
            date: date_at(post, &["published_at", "created_at"]),
            kind: Some(if page { "page" } else { "post" }.to_owned()),
            hints: Vec::new(),
            unfinished: matches!(status, "draft" | "scheduled"),
        },
        text: body(post, &mut omissions)?,
        omissions,
    })
}

fn body(post: &Value, omissions: &mut Omissions) -> Option<String> {
    let json = |key: &str| -> Option<Value> {
        match post.get(key)? {
            Value::String(text) => serde_json::from_str(text).ok(),
            whole @ Value::Object(_) => Some(whole.clone()),
            _ => None,
        }
    };
    if let Some(page) = text_at(post, &["html"]) {
        return Some(html::fragment_with(page, omissions));
    }
    if let Some(root) = json("lexical").and_then(|doc| doc.get("root").cloned()) {
        return Some(lexical(&root, omissions));
    }
    if let Some(doc) = json("mobiledoc") {
        return Some(mobiledoc(&doc, omissions));
    }
    text_at(post, &["markdown", "plaintext"]).map(|text| markdown::clean(text, omissions))
}

/// A text of HTML and Markdown parts, in order.
#[derive(Debug, Default)]
struct Mixed {
    done: Vec<String>,
    html: String,
    omissions: Omissions,
}

impl Mixed {
    fn markdown(&mut self, text: &str) {
        let html = std::mem::take(&mut self.html);
        self.done.push(html::fragment_with(&html, &mut self.omissions));
        self.done.push(markdown::clean(text, &mut self.omissions));
    }

    fn end(mut self, omissions: &mut Omissions) -> String {
        self.done.push(html::fragment_with(&self.html, &mut self.omissions));
        omissions.merge(&self.omissions);
        self.done.retain(|part| !part.trim().is_empty());
        self.done.join("\n\n")
    }
}

/// Writes a card that has text of its own: Markdown, HTML, code, a callout. `at` is its payload.
fn card(sort: &str, at: &Value, out: &mut Mixed) {
    match sort {
        "markdown" | "card-markdown" => {
            out.markdown(text_at(at, &["markdown"]).unwrap_or_default())
        }
        "html" => out.html.push_str(text_at(at, &["html"]).unwrap_or_default()),
        "code" | "codeblock" => out.html.push_str(&format!(
            "<pre lang=\"{}\">{}</pre>",
            escape(text_at(at, &["language"]).unwrap_or_default()),
            escape(text_at(at, &["code"]).unwrap_or_default())
        )),
        "callout" | "toggle" => {
            for part in ["heading", "calloutText", "content"] {
                if let Some(text) = text_at(at, &[part]) {
                    out.html.push_str(&format!("<p>{text}</p>"));
                }
            }
        }
        "header" | "product" | "email" => {
            for part in [
                "heading",
                "header",
                "subheading",
                "subheader",
                "productTitle",
                "productDescription",
                "html",
            ] {
                if let Some(text) = text_at(at, &[part]) {
                    out.html.push_str(&format!("<p>{text}</p>"));
                }
            }
        }
        "hr" | "horizontalrule" => out.html.push_str("<hr>"),
        // Pictures, buttons and embeds of other sites: their words are counted, not kept.
        _ => {
            for part in ["caption", "title", "description", "html", "label"] {
                if let Some(text) = text_at(at, &[part]) {
                    out.html.push_str(&format!("<figcaption>{text}</figcaption>"));
                }
            }
            if let Some(text) = text_at(at, &["buttonText"]) {
                out.html.push_str(&format!("<button>{}</button>", escape(text)));
            }
            if let Some(alt) = text_at(at, &["alt"]) {
                out.html.push_str(&format!("<img alt=\"{}\">", escape(alt)));
            }
        }
    }
}

fn lexical(root: &Value, omissions: &mut Omissions) -> String {
    let mut out = Mixed::default();
    nodes(root, &mut out);
    out.end(omissions)
}

fn nodes(parent: &Value, out: &mut Mixed) {
    for node in parent.get("children").and_then(Value::as_array).into_iter().flatten() {
        let sort = text_at(node, &["type"]).unwrap_or_default();
        let bare = sort.strip_prefix("extended-").unwrap_or(sort);
        let tag = match bare {
            "text" => {
                text(node, out);
                continue;
            }
            "linebreak" => {
                out.html.push_str("<br>");
                continue;
            }
            "heading" => text_at(node, &["tag"])
                .filter(|tag| matches!(*tag, "h1" | "h2" | "h3" | "h4" | "h5" | "h6"))
                .unwrap_or("h2"),
            "quote" | "aside" => "blockquote",
            "list" if text_at(node, &["listType"]) == Some("number") => "ol",
            "list" => "ul",
            "listitem" => "li",
            "paragraph" => "p",
            "link" | "autolink" => "a",
            _ if node.get("children").is_some() => "div",
            _ => {
                card(bare, node, out);
                continue;
            }
        };
        match (tag, text_at(node, &["url"])) {
            ("a", Some(url)) => out.html.push_str(&format!("<a href=\"{}\">", escape(url))),
            _ => out.html.push_str(&format!("<{tag}>")),
        }
        nodes(node, out);
        out.html.push_str(&format!("</{tag}>"));
    }
}

fn text(node: &Value, out: &mut Mixed) {
    const SIGNS: [(u64, &str); 4] = [(1, "b"), (2, "i"), (4, "s"), (16, "code")];
    let format = node.get("format").and_then(Value::as_u64).unwrap_or(0);
    let words = node.get("text").and_then(Value::as_str).unwrap_or_default();
    let signs = || SIGNS.iter().filter(|(bit, _)| format & bit != 0);
    signs().for_each(|(_, sign)| out.html.push_str(&format!("<{sign}>")));
    out.html.push_str(&escape(words));
    signs().rev().for_each(|(_, sign)| out.html.push_str(&format!("</{sign}>")));
}

fn mobiledoc(doc: &Value, omissions: &mut Omissions) -> String {
    let mut out = Mixed::default();
    let list = |key: &str| doc.get(key).and_then(Value::as_array);
    for section in list("sections").into_iter().flatten() {
        let at = |index: usize| section.get(index);
        match at(0).and_then(Value::as_u64) {
            Some(1) => {
                let tag = at(1).and_then(Value::as_str).unwrap_or("p");
                let tag = if tag == "aside" { "blockquote" } else { tag };
                out.html.push_str(&format!("<{}>", escape(tag)));
                markers(at(2), doc, &mut out.html);
                out.html.push_str(&format!("</{}>", escape(tag)));
            }
            Some(3) => {
                let tag = at(1).and_then(Value::as_str).filter(|tag| *tag == "ol").unwrap_or("ul");
                out.html.push_str(&format!("<{tag}>"));
                for item in at(2).and_then(Value::as_array).into_iter().flatten() {
                    out.html.push_str("<li>");
                    markers(Some(item), doc, &mut out.html);
                    out.html.push_str("</li>");
                }
                out.html.push_str(&format!("</{tag}>"));
            }
            Some(10) => {
                let index = at(1).and_then(Value::as_u64).unwrap_or(u64::MAX) as usize;
                let found = list("cards").and_then(|cards| cards.get(index));
                if let Some((sort, payload)) =
                    found.and_then(|card| Some((card.get(0)?.as_str()?, card.get(1)?)))
                {
                    card(sort, payload, &mut out);
                }
            }
            _ => {}
        }
    }
    out.end(omissions)
}

/// Writes the text of a section: markers of `[type, markups that open, number that close, text]`.
fn markers(markers: Option<&Value>, doc: &Value, html: &mut String) {
    let markup = |index: &Value| doc.get("markups")?.get(index.as_u64()? as usize);
    let mut open: Vec<&str> = Vec::new();
    for marker in markers.and_then(Value::as_array).into_iter().flatten() {
        for found in marker.get(1).and_then(Value::as_array).into_iter().flatten() {
            let Some(found) = markup(found) else { continue };
            let tag = found.get(0).and_then(Value::as_str).unwrap_or_default();
            let href = found.get(1).and_then(|pairs| pairs.get(1)).and_then(Value::as_str);
            match (tag, href) {
                ("a", Some(href)) => html.push_str(&format!("<a href=\"{}\">", escape(href))),
                _ => html.push_str(&format!("<{}>", escape(tag))),
            }
            open.push(tag);
        }
        match (marker.get(0).and_then(Value::as_u64), marker.get(3)) {
            (Some(0), Some(Value::String(text))) => html.push_str(&escape(text.as_str())),
            _ => html.push_str("<br>"),
        }
        for _ in 0..marker.get(2).and_then(Value::as_u64).unwrap_or(0).min(open.len() as u64) {
            html.push_str(&format!("</{}>", escape(open.pop().unwrap_or_default())));
        }
    }
    while let Some(tag) = open.pop() {
        html.push_str(&format!("</{}>", escape(tag)));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn one(post: Value) -> Entry {
        let contents = read(&json!({"db": [{"meta": {}, "data": {
            "posts": [post],
            "users": [{"id": "7", "name": "Jo Hill", "email": "jo@example.org"}],
            "posts_authors": [{"post_id": "3", "author_id": "7"}],
            "settings": [{"key": "api_key", "value": "secret"}],
        }}]}));
        contents.unwrap().entries.remove(0)
    }

    #[test]
    fn a_post_with_metadata() {
        let entry =
            one(json!({"id": "3", "slug": "a-walk", "title": "A walk", "html": "<p>Up.</p>",
            "type": "page", "status": "draft", "created_at": 1_283_780_649_000_i64}));
        assert_eq!((entry.key.as_str(), entry.text.as_str()), ("a-walk", "Up."));
        assert_eq!(entry.metadata.author.as_deref(), Some("Jo Hill"));
        assert_eq!(entry.metadata.date.unwrap().to_string(), "2010-09-06");
        assert!(entry.metadata.unfinished && entry.metadata.kind.as_deref() == Some("page"));
    }

    #[test]
    fn a_lexical_draft() {
        let text = |text: &str, format: u64| json!({"type": "extended-text", "text": text, "format": format});
        let doc = json!({"root": {"children": [
            {"type": "extended-heading", "tag": "h2", "children": [text("Up", 0)]},
            {"type": "paragraph", "children": [text("I ", 0), text("went", 3), {"type": "linebreak"},
                {"type": "link", "url": "http://a.b", "children": [text("there", 0)]}]},
            {"type": "list", "listType": "number", "children": [{"type": "listitem", "children": [text("one", 0)]}]},
            {"type": "codeblock", "language": "c", "code": "a < b"},
            {"type": "markdown", "markdown": "*So* it is."},
            {"type": "image", "src": "x", "caption": "A hill"},
            {"type": "quote", "children": [text("Theirs.", 0)]},
        ]}});
        assert_eq!(
            one(json!({"html": null, "lexical": doc.to_string()})).text,
            "## Up\n\nI ***went***\n[there](http://a.b)\n\n1. one\n\n```c\na < b\n```\n\n*So* it is.\n\n> Theirs."
        );
    }

    #[test]
    fn a_mobiledoc_draft() {
        let doc = json!({"version": "0.3.1", "atoms": [["soft-return", "", {}]],
        "cards": [["markdown", {"markdown": "*So* it is."}]],
        "markups": [["em"], ["a", ["href", "http://a.b"]]],
        "sections": [
            [1, "p", [[0, [], 0, "I "], [0, [0], 1, "went "], [0, [1], 1, "there"], [1, [], 0, 0], [0, [], 0, "up"]]],
            [3, "ul", [[[0, [], 0, "one"]]]],
            [10, 0], [10, 99],
        ]});
        assert_eq!(
            one(json!({"mobiledoc": doc.to_string()})).text,
            "I *went* [there](http://a.b)\nup\n\n- one\n\n*So* it is."
        );
    }

    #[test]
    fn the_oldest_and_the_flat_export() {
        assert_eq!(one(json!({"markdown": "A *walk*."})).text, "A *walk*.");
        let flat = json!({"posts": [{"url": "x", "data": {"title": "A walk", "html": "<p>Up.</p>",
            "author": {"data": {"name": "Jo"}}}}]});
        let contents = read(&flat).unwrap();
        assert_eq!(contents.entries[0].metadata.author.as_deref(), Some("Jo"));
        assert!(read(&json!({"posts": [{"a": 1}]})).is_none());
    }

    #[test]
    fn cards_keep_the_writers_words_and_count_the_rest() {
        let doc = json!({"root": {"children": [
            {"type": "header", "heading": "A word first", "subheader": "Or two"},
            {"type": "image", "src": "a.jpg", "caption": "A wet hill", "alt": "hill"},
            {"type": "button", "buttonText": "Read on"},
        ]}});
        let entry = one(json!({"lexical": doc.to_string()}));
        assert_eq!(entry.text, "A word first\n\nOr two");
        assert_eq!(
            entry.omissions.sentence().as_deref(),
            Some(
                "Left out 6 words: 3 in captions of pictures, 2 in buttons, 1 in descriptions of pictures."
            )
        );
    }
}
