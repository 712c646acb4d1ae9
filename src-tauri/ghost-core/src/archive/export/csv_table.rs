//! Tables of texts (CSV): newsletters from beehiiv, Buttondown and Wix, notes with one row each.
//!
//! Columns are recognised by name. A table of people is never read.

use quick_xml::escape::escape;
use serde_json::Value;

use crate::archive::csv_rows::{MAX_ROWS, rows};
use crate::archive::entry::{Entry, ExportContents, TRUNCATED};
use crate::archive::json::text_at;
use crate::archive::limits::MAX_TEXT_BYTES;
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;
use crate::archive::text::non_empty;
use crate::archive::{date, html, markdown};

/// Reads a table; `None` if it has no texts.
pub(super) fn read(text: &str) -> Option<ExportContents> {
    const BODIES: [&str; 14] = [
        "contenthtml",
        "bodyhtml",
        "html",
        "richcontent",
        "content",
        "body",
        "bodymarkdown",
        "markdown",
        "plaincontent",
        "plaintext",
        "text",
        "entry",
        "note",
        "message",
    ];
    const TITLES: [&str; 8] = [
        "title",
        "webtitle",
        "posttitle",
        "subject",
        "emailsubjectline",
        "subjectline",
        "name",
        "headline",
    ];
    const DAYS: [&str; 12] = [
        "publisheddate",
        "publishdate",
        "publishedat",
        "postdate",
        "date",
        "datepublished",
        "sentat",
        "senddate",
        "createdat",
        "created",
        "createddate",
        "day",
    ];
    let (columns, rows) = rows(text)?;
    if columns.lists_people() {
        let warnings = vec!["Skipped: a list of people, not of texts.".to_owned()];
        return Some(ExportContents { warnings, ..ExportContents::default() });
    }
    let bodies: Vec<&str> = BODIES.into_iter().filter(|name| columns.has(name)).collect();
    if bodies.is_empty() {
        return None;
    }
    let entries = rows.map(|row| {
        let status = columns.cell(&row, &["status", "state"]).unwrap_or_default().to_lowercase();
        let published = columns.cell(&row, &["ispublished", "published"]).map(str::to_lowercase);
        let date = DAYS.iter().find_map(|name| date::parse(columns.cell(&row, &[name])?));
        let dateless =
            columns.has("publisheddate") && columns.cell(&row, &["publisheddate"]).is_none();
        let mut omissions = Omissions::default();
        for name in ["subtitle", "description", "summary", "excerpt", "previewtext", "preheader"] {
            columns
                .cell(&row, &[name])
                .iter()
                .for_each(|value| omissions.add("in a summary", value));
        }
        Entry {
            key: columns
                .cell(&row, &["slug", "id", "postid", "internalid"])
                .unwrap_or_default()
                .to_owned(),
            metadata: Metadata {
                title: columns
                    .cell(&row, &TITLES)
                    .and_then(|title| non_empty(&html::decode_entities(title))),
                author: columns.cell(&row, &["author", "authors", "creator"]).and_then(non_empty),
                date,
                kind: columns.cell(&row, &["kind", "posttype"]).and_then(non_empty),
                hints: Vec::new(),
                unfinished: status.contains("draft")
                    || matches!(published.as_deref(), Some("false" | "no" | "0"))
                    || dateless,
            },
            text: bodies
                .iter()
                .filter_map(|name| Some((*name, columns.cell(&row, &[name])?)))
                .filter(|(_, cell)| cell.len() <= MAX_TEXT_BYTES)
                // A rich text that is not JSON is broken; another column has it as plain text.
                .filter(|(name, cell)| *name != "richcontent" || cell.starts_with('{'))
                .map(|(_, cell)| body(cell))
                .find(|(text, _)| !text.is_empty())
                .map(|(text, lost)| {
                    omissions.merge(&lost);
                    text
                })
                .unwrap_or_default(),
            omissions,
        }
    });
    let entries: Vec<Entry> = entries.collect();
    let warnings = if entries.len() < MAX_ROWS { Vec::new() } else { vec![TRUNCATED.to_owned()] };
    Some(ExportContents { entries, warnings, ..ExportContents::default() })
}

/// The Markdown of a cell of HTML, rich text in JSON or Markdown; and the words left out.
fn body(cell: &str) -> (String, Omissions) {
    let mut omissions = Omissions::default();
    if cell.starts_with('{') && cell.contains("\"nodes\"") {
        let Ok(doc) = serde_json::from_str::<Value>(cell) else {
            return (String::new(), omissions);
        };
        let mut page = String::new();
        nodes(&doc, &mut page);
        return (html::fragment_with(&page, &mut omissions), omissions);
    }
    if cell.contains("</") || cell.contains("<p>") || cell.contains("<br") {
        let page = html::page(cell);
        return (page.text, page.omissions);
    }
    let text = markdown::clean(&cell.replace("\r\n", "\n"), &mut omissions);
    (text, omissions)
}

/// Converts Wix's rich text to HTML.
fn nodes(parent: &Value, out: &mut String) {
    for node in parent.get("nodes").and_then(Value::as_array).into_iter().flatten() {
        let level = || {
            let level = node.get("headingData")?.get("level")?.as_u64()?;
            Some(format!("h{}", level.clamp(1, 6)))
        };
        let tag = match text_at(node, &["type"]).unwrap_or_default() {
            "TEXT" => {
                words(node, out);
                continue;
            }
            "PARAGRAPH" => "p".to_owned(),
            "HEADING" => level().unwrap_or_else(|| "h2".to_owned()),
            "BULLETED_LIST" => "ul".to_owned(),
            "ORDERED_LIST" => "ol".to_owned(),
            "LIST_ITEM" => "li".to_owned(),
            "BLOCKQUOTE" => "blockquote".to_owned(),
            "CODE_BLOCK" => "pre".to_owned(),
            "DIVIDER" => {
                out.push_str("<hr>");
                continue;
            }
            "COLLAPSIBLE_LIST"
            | "COLLAPSIBLE_ITEM"
            | "COLLAPSIBLE_ITEM_TITLE"
            | "COLLAPSIBLE_ITEM_BODY" => "div".to_owned(),
            _ => continue,
        };
        out.push_str(&format!("<{tag}>"));
        nodes(node, out);
        out.push_str(&format!("</{tag}>"));
    }
}

fn words(node: &Value, out: &mut String) {
    let Some(data) = node.get("textData") else { return };
    let text = data.get("text").and_then(Value::as_str).unwrap_or_default();
    let mut ends = Vec::new();
    for sort in data.get("decorations").and_then(Value::as_array).into_iter().flatten() {
        let link = sort.pointer("/linkData/link/url").and_then(Value::as_str);
        let (open, close) = match (text_at(sort, &["type"]).unwrap_or_default(), link) {
            ("BOLD", _) => ("<b>".to_owned(), "</b>"),
            ("ITALIC", _) => ("<i>".to_owned(), "</i>"),
            ("LINK", Some(url)) => (format!("<a href=\"{}\">", escape(url)), "</a>"),
            _ => continue,
        };
        out.push_str(&open);
        ends.push(close);
    }
    out.push_str(&escape(text).replace('\n', "<br>"));
    ends.iter().rev().for_each(|end| out.push_str(end));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn newsletter_posts_and_pages() {
        let table = "\u{feff}id,web_title,status,content_html,created_at\n1,\"Up, up\",confirmed,\"<p>One\n\"\"so\"\".</p>\",2023-01-18 21:25:27\n2,B,draft,<p>Two.</p>,\n";
        let entries = read(table.trim_start_matches('\u{feff}')).unwrap().entries;
        assert_eq!(
            (entries[0].metadata.title.as_deref(), entries[0].text.as_str()),
            (Some("Up, up"), "One \"so\".")
        );
        assert_eq!(entries[0].metadata.date.unwrap().to_string(), "2023-01-18");
        assert!(entries[1].metadata.unfinished && !entries[0].metadata.unfinished);
    }

    #[test]
    fn rich_text_and_its_plain_fallback() {
        let rich = r#"{"nodes":[{"type":"HEADING","headingData":{"level":2},"nodes":[{"type":"TEXT","textData":{"text":"Up"}}]},{"type":"PARAGRAPH","nodes":[{"type":"TEXT","textData":{"text":"so","decorations":[{"type":"BOLD"}]}}]}]}"#;
        let table = format!(
            "Title;Rich Content;Plain Content\nA;\"{}\";x\nB;\"{{\"\"nodes\"\"\";Plain.\n",
            rich.replace('"', "\"\"")
        );
        let entries = read(&table).unwrap().entries;
        assert_eq!(entries[0].text, "## Up\n\n**so**");
        assert_eq!(entries[1].text, "Plain.");
    }

    #[test]
    fn a_table_of_people_is_refused() {
        let contents = read("email,name,note\njo@example.org,Jo,secret\n").unwrap();
        assert!(contents.entries.is_empty() && contents.warnings.len() == 1);
        assert!(read("a,b\n1,2\n").is_none());
        assert!(read("").is_none());
    }
}
