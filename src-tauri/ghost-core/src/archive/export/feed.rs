//! Feeds: RSS, Atom, JSON Feed; and Blogger's Atom export, which is a whole blog.

use quick_xml::escape::escape;
use serde_json::Value;

use crate::archive::entry::{Entry, ExportContents};
use crate::archive::json::{date_at, id_at, text_at};
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;
use crate::archive::text::non_empty;
use crate::archive::xml::{Node, read_records};
use crate::archive::{date, html, markdown};

/// The warning about every feed that has entries.
const ONLY_NEWEST: &str =
    "A feed has only the newest texts, often shortened. An export has them all.";

/// Returns true if an XML file has an element of RSS or Atom.
pub(super) fn sniff_xml(head: &str) -> bool {
    const TAGS: [&str; 6] = ["<rss", "<feed", "<rdf:rdf", "<channel", "<entry", "<item"];
    let lower = head.to_ascii_lowercase();
    TAGS.iter().any(|tag| lower.contains(tag))
}

/// Returns true if a broken file begins like a JSON Feed.
pub(super) fn sniff_json(head: &str) -> bool {
    head.contains("jsonfeed.org")
}

/// Reads RSS or Atom.
pub(super) fn read_xml(xml: &str) -> ExportContents {
    let mut contents = ExportContents::default();
    let mut blog = false;
    // Entries without an author are by the author of the feed.
    let mut feed_author = None;
    let ended = read_records(xml, &["item", "entry", "author"], |node| {
        if node.name == "author" {
            feed_author =
                feed_author.take().or_else(|| node.child_text("name").and_then(non_empty));
            return;
        }
        let sort = sort(&node);
        blog |= sort.is_some();
        match sort.as_deref() {
            None | Some("post" | "page") => contents.entries.push(entry(&node, sort)),
            Some("comment") => {
                let text =
                    node.child("content").map(|content| body(content, &mut contents.omissions));
                contents.omissions.add("in comments by others", &text.unwrap_or_default());
            }
            _ => {}
        }
    });
    for entry in &mut contents.entries {
        entry.metadata.author = entry.metadata.author.take().or_else(|| feed_author.clone());
    }
    contents.warnings.extend(ended.err());
    if !blog && !contents.entries.is_empty() {
        contents.warnings.push(ONLY_NEWEST.to_owned());
    }
    contents
}

/// Blogger's type of an entry: post, page, comment, settings, template.
fn sort(entry: &Node) -> Option<String> {
    if let Some(sort) = entry.child_text("blogger:type") {
        return Some(sort.to_lowercase());
    }
    let kind = entry.children_named("category").find(|category| {
        category.attribute("scheme").is_some_and(|scheme| scheme.ends_with("#kind"))
    })?;
    let term = kind.attribute("term")?;
    Some(term.rsplit('#').next().unwrap_or(term).to_lowercase())
}

fn entry(node: &Node, sort: Option<String>) -> Entry {
    const BODIES: [&str; 5] =
        ["content:encoded", "content", "description", "summary", "itunes:summary"];
    const DAYS: [&str; 7] =
        ["published", "pubdate", "dc:date", "issued", "created", "updated", "dcterms:created"];
    let author = node.child("author");
    let author = author
        .and_then(|author| author.child_text("name").or_else(|| Some(author.text.trim())))
        .or_else(|| node.child_text("dc:creator"));
    let control = node.child("app:control").and_then(|control| control.child_text("app:draft"));
    let bodies = BODIES.iter().filter_map(|name| node.child(name)).map(|node| {
        let mut omissions = Omissions::default();
        (body(node, &mut omissions), omissions)
    });
    let mut bodies: Vec<(String, Omissions)> = bodies.collect();
    // Of a summary and a text, the longer one is the text.
    bodies.sort_by_key(|(text, _)| text.len());
    let (text, mut omissions) = bodies.pop().unwrap_or_default();
    for (summary, _) in &bodies {
        name_summary(summary, &text, &mut omissions);
    }
    Entry {
        key: node
            .child_text("blogger:filename")
            .or_else(|| node.child_text("guid"))
            .or_else(|| node.child_text("id"))
            .map(short)
            .unwrap_or_default()
            .to_owned(),
        metadata: Metadata {
            title: node.child("title").and_then(title),
            author: author.and_then(non_empty),
            date: DAYS.iter().find_map(|name| date::parse(node.child_text(name)?)),
            kind: Some(sort.unwrap_or_else(|| "post".to_owned())),
            hints: Vec::new(),
            unfinished: control == Some("yes")
                || node.child_text("blogger:status") == Some("DRAFT"),
        },
        text,
        omissions,
    }
}

/// Counts the words of a summary that is not the beginning of its text.
fn name_summary(summary: &str, text: &str, omissions: &mut Omissions) {
    const BEGINNING: usize = 40;
    let beginning: String = summary.chars().take(BEGINNING).collect();
    if !text.contains(beginning.trim()) {
        omissions.add("in summaries", summary);
    }
}

/// The last segment of an address: the rest is the same for all entries.
fn short(id: &str) -> &str {
    let id = id.trim_end_matches('/').trim_end_matches(".html");
    // Blogger's: "tag:blogger.com,1999:blog-7.post-102".
    if let Some((_, number)) = id.rsplit_once(".post-").or_else(|| id.rsplit_once(".page-")) {
        return number;
    }
    id.rsplit(['/', ':']).next().filter(|part| !part.is_empty()).unwrap_or(id)
}

fn title(node: &Node) -> Option<String> {
    let text = match node.attribute("type") {
        Some("xhtml") => node.inner,
        _ => node.text.as_str(),
    };
    let text = html::decode_entities(text).into_owned();
    let plain = if text.contains("</") { html::plain_text(&text) } else { text };
    non_empty(&plain.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn body(node: &Node, omissions: &mut Omissions) -> String {
    let text = node.text.trim();
    if node.attribute("mode") == Some("base64") {
        return String::new();
    }
    match node.attribute("type").unwrap_or_default() {
        "xhtml" | "application/xhtml+xml" => html::fragment_with(node.inner, omissions),
        // Neither plain nor marked-up text: a picture or other data.
        sort if sort.contains('/') && !(sort.starts_with("text/") || sort.contains("xml")) => {
            String::new()
        }
        // Markup as elements, not as text.
        _ if text.is_empty() && !node.children.is_empty() => {
            html::fragment_with(node.inner, omissions)
        }
        "text" | "text/plain" => {
            html::fragment_with(&escape(text).replace("\n\n", "<p>"), omissions)
        }
        // HTML that is escaped twice.
        _ if !text.contains('<') && text.contains("&lt;") => {
            html::fragment_with(&html::decode_entities(text), omissions)
        }
        _ => html::fragment_with(text, omissions),
    }
}

/// Reads a JSON Feed; `None` if it is something else.
pub(super) fn read_json(value: &Value) -> Option<ExportContents> {
    let feed = text_at(value, &["version"]).is_some_and(|version| version.contains("jsonfeed.org"));
    let items = value.get("items")?.as_array().filter(|_| feed)?;
    let first = |of: &Value| {
        of.get("authors").and_then(|all| all.get(0)).or_else(|| of.get("author")).cloned()
    };
    let feed_author = first(value);
    let entries: Vec<Entry> = items
        .iter()
        .map(|item| {
            let author = first(item).or_else(|| feed_author.clone());
            let mut omissions = Omissions::default();
            let summary = text_at(item, &["summary"]).unwrap_or_default();
            let summary = markdown::clean(summary, &mut Omissions::default());
            let text = match text_at(item, &["content_html"]) {
                Some(page) => html::fragment_with(page, &mut omissions),
                None => text_at(item, &["content_text"])
                    .map(|text| markdown::clean(text, &mut omissions))
                    .unwrap_or_default(),
            };
            let text = if text.is_empty() { summary.clone() } else { text };
            name_summary(&summary, &text, &mut omissions);
            Entry {
                key: short(&id_at(item, &["id", "url"])).to_owned(),
                metadata: Metadata {
                    title: text_at(item, &["title"]).and_then(non_empty),
                    author: author.and_then(|author| non_empty(text_at(&author, &["name"])?)),
                    date: date_at(item, &["date_published", "date_modified"]),
                    kind: Some("post".to_owned()),
                    ..Metadata::default()
                },
                text,
                omissions,
            }
        })
        .collect();
    let warnings = if entries.is_empty() { Vec::new() } else { vec![ONLY_NEWEST.to_owned()] };
    Some(ExportContents { entries, warnings, ..ExportContents::default() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn rss_gives_the_text_not_the_summary() {
        let contents = read_xml(
            "<rss><channel><title>A blog</title><item><title>Hills &amp;amp; &lt;i&gt;rain&lt;/i&gt;</title>\
             <guid>http://a.b/2014/hills/</guid><pubDate>Wed, 06 Aug 2014 10:11:12 GMT</pubDate>\
             <description>Up.</description><dc:creator>Jo</dc:creator>\
             <content:encoded><![CDATA[<p>Up the hill.</p>]]></content:encoded></item></channel></rss>",
        );
        let entry = &contents.entries[0];
        assert_eq!((entry.key.as_str(), entry.text.as_str()), ("hills", "Up the hill."));
        assert_eq!(entry.metadata.title.as_deref(), Some("Hills & rain"));
        assert_eq!(entry.metadata.author.as_deref(), Some("Jo"));
        assert_eq!(entry.metadata.date.unwrap().to_string(), "2014-08-06");
        assert_eq!(contents.warnings, [ONLY_NEWEST]);
    }

    #[test]
    fn atom_content_of_every_type() {
        let check = |content: &str, expected: &str| {
            let xml = format!(
                "<feed><entry><title>A</title><author><name>Jo</name></author>{content}</entry></feed>"
            );
            assert_eq!(read_xml(&xml).entries[0].text, expected, "{content}");
        };
        check(
            "<content type=\"html\">&lt;p&gt;Up &amp;amp; down.&lt;/p&gt;</content>",
            "Up & down.",
        );
        check(
            "<content type=\"xhtml\"><div xmlns=\"x\"><p>Up <em>so</em>.</p></div></content>",
            "Up *so*.",
        );
        check("<content type=\"text\">a &lt; b</content>", "a < b");
        check("<summary>&amp;lt;p&amp;gt;Up.&amp;lt;/p&amp;gt;</summary>", "Up.");
    }

    #[test]
    fn a_blogger_export_has_drafts_but_no_theme() {
        let entry = |term: &str, more: &str| {
            format!(
                "<entry><id>tag:blogger.com,1999:blog-1.post-{term}</id><published>2014-08-06T23:59:00-07:00</published>\
             <category scheme='http://schemas.google.com/g/2005#kind' term='http://schemas.google.com/blogger/2008/kind#{term}'/>\
             <title type='text'>A</title><content type='html'>One.&lt;br /&gt;&lt;br /&gt;Two.</content>{more}</entry>"
            )
        };
        let xml = format!(
            "<feed xmlns:app=\"a\">{}{}{}{}</feed>",
            entry("settings", ""),
            entry("post", "<app:control><app:draft>yes</app:draft></app:control>"),
            entry("comment", ""),
            entry("page", "")
        );
        let contents = read_xml(&xml);
        let seen: Vec<_> = contents
            .entries
            .iter()
            .map(|e| (e.metadata.kind.clone().unwrap(), e.metadata.unfinished))
            .collect();
        assert_eq!(seen, [("post".to_owned(), true), ("page".to_owned(), false)]);
        assert!(contents.warnings.is_empty());
        assert_eq!(contents.entries[0].metadata.date.unwrap().to_string(), "2014-08-06");
    }

    #[test]
    fn a_json_feed() {
        let feed = json!({"version": "https://jsonfeed.org/version/1.1", "items": [
            {"id": "https://a.b/up", "title": "Up", "content_html": "<p>Up.</p>", "date_published": "2024-03-05T10:00:00Z"},
            {"id": 2, "content_text": "Down."}]});
        let entries = read_json(&feed).unwrap().entries;
        assert_eq!((entries[0].key.as_str(), entries[0].text.as_str()), ("up", "Up."));
        assert_eq!(entries[1].text, "Down.");
    }

    #[test]
    fn comments_and_separate_summaries_are_counted() {
        let xml = "<feed><entry><title>A</title><summary>What this is about.</summary><content type='html'>&lt;p&gt;It rained, and it went on raining for a day.&lt;/p&gt;</content></entry>\
            <entry><category scheme='http://schemas.google.com/g/2005#kind' term='http://schemas.google.com/blogger/2008/kind#comment'/><content>I was there.</content></entry></feed>";
        let contents = read_xml(xml);
        assert_eq!(contents.entries.len(), 1);
        assert_eq!(
            contents.entries[0].omissions.sentence().as_deref(),
            Some("Left out 4 words in summaries.")
        );
        assert_eq!(
            contents.omissions.sentence().as_deref(),
            Some("Left out 3 words in comments by others.")
        );
    }
}
