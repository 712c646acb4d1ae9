//! Tables of texts (CSV): newsletters of beehiiv, Buttondown and Wix, notes with a row each.
//!
//! The columns are known by their names. A table of people is never read.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord};
use quick_xml::escape::escape;
use serde_json::Value;

use super::dropped::Dropped;
use super::entry::{Entry, Reading, TOO_MUCH, said};
use super::front::Facts;
use super::json::says;
use super::{LARGEST_TEXT, date, html, markdown};

/// Rows of one table.
const MOST: usize = 200_000;
/// Cells of one row; what has more is no table of texts.
const WIDEST: usize = 5_000;

/// Where the columns are that a text is made of.
#[derive(Debug)]
pub(super) struct Columns {
    by_name: HashMap<String, usize>,
}

impl Columns {
    fn of(header: &StringRecord) -> Columns {
        let plain = |name: &str| -> String {
            name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        let mut by_name = HashMap::new();
        for (at, name) in header.iter().map(plain).enumerate() {
            by_name.entry(name).or_insert(at);
        }
        Columns { by_name }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// What a row says in the first of these columns that says anything.
    pub(super) fn says<'a>(&self, row: &'a StringRecord, names: &[&str]) -> Option<&'a str> {
        names
            .iter()
            .filter_map(|name| row.get(*self.by_name.get(*name)?))
            .map(str::trim)
            .find(|value| !value.is_empty())
    }

    fn people(&self) -> bool {
        ["email", "emailaddress", "subscriberemail", "subscribedat", "stripecustomerid"]
            .iter()
            .any(|name| self.has(name))
    }
}

/// The rows of a table with its columns; `None` where there is no table.
pub(super) fn rows(text: &str) -> Option<(Columns, impl Iterator<Item = StringRecord> + '_)> {
    let first = text.lines().next()?;
    let count = |sign: char| first.matches(sign).count();
    let sign = [',', ';', '\t'].into_iter().max_by_key(|&sign| (count(sign), sign == ','))?;
    if widest(text, sign as u8) > WIDEST {
        return None;
    }
    let mut reader =
        ReaderBuilder::new().delimiter(sign as u8).flexible(true).from_reader(text.as_bytes());
    let columns = Columns::of(reader.headers().ok()?);
    Some((columns, reader.into_records().map_while(Result::ok).take(MOST)))
}

/// How many cells the longest row has, as far as that can be told without reading them.
fn widest(text: &str, sign: u8) -> usize {
    let (mut widest, mut cells, mut quoted) = (0, 1, false);
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => cells = 1,
            _ if byte == sign && !quoted => cells += 1,
            _ => {}
        }
        widest = widest.max(cells);
    }
    widest
}

/// Reads a table; `None` where it holds no texts.
pub(super) fn read(text: &str) -> Option<Reading> {
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
    if columns.people() {
        let complaints =
            vec!["It is a list of people and not of texts, so it was not read.".to_owned()];
        return Some(Reading { complaints, ..Reading::default() });
    }
    let bodies: Vec<&str> = BODIES.into_iter().filter(|name| columns.has(name)).collect();
    if bodies.is_empty() {
        return None;
    }
    let entries = rows.map(|row| {
        let status = columns.says(&row, &["status", "state"]).unwrap_or_default().to_lowercase();
        let published = columns.says(&row, &["ispublished", "published"]).map(str::to_lowercase);
        let date = DAYS.iter().find_map(|name| date::spelled(columns.says(&row, &[name])?));
        let dateless =
            columns.has("publisheddate") && columns.says(&row, &["publisheddate"]).is_none();
        let mut dropped = Dropped::default();
        for name in ["subtitle", "description", "summary", "excerpt", "previewtext", "preheader"] {
            columns.says(&row, &[name]).iter().for_each(|said| dropped.add("in a summary", said));
        }
        Entry {
            key: columns
                .says(&row, &["slug", "id", "postid", "internalid"])
                .unwrap_or_default()
                .to_owned(),
            facts: Facts {
                title: columns.says(&row, &TITLES).and_then(|title| said(&html::decoded(title))),
                author: columns.says(&row, &["author", "authors", "creator"]).and_then(said),
                date,
                kind: columns.says(&row, &["kind", "posttype"]).and_then(said),
                hints: Vec::new(),
                unfinished: status.contains("draft")
                    || matches!(published.as_deref(), Some("false" | "no" | "0"))
                    || dateless,
            },
            text: bodies
                .iter()
                .filter_map(|name| Some((*name, columns.says(&row, &[name])?)))
                .filter(|(_, cell)| cell.len() <= LARGEST_TEXT)
                // A rich text that is none is broken; another column has it plain.
                .filter(|(name, cell)| *name != "richcontent" || cell.starts_with('{'))
                .map(|(_, cell)| body(cell))
                .find(|(text, _)| !text.is_empty())
                .map(|(text, lost)| {
                    dropped.merge(&lost);
                    text
                })
                .unwrap_or_default(),
            dropped,
        }
    });
    let entries: Vec<Entry> = entries.collect();
    let complaints = if entries.len() < MOST { Vec::new() } else { vec![TOO_MUCH.to_owned()] };
    Some(Reading { entries, complaints, ..Reading::default() })
}

/// The Markdown of a cell, which is HTML, a rich text in JSON, or Markdown itself; and what is lost.
fn body(cell: &str) -> (String, Dropped) {
    let mut dropped = Dropped::default();
    if cell.starts_with('{') && cell.contains("\"nodes\"") {
        let Ok(doc) = serde_json::from_str::<Value>(cell) else { return (String::new(), dropped) };
        let mut page = String::new();
        nodes(&doc, &mut page);
        return (html::fragment_with(&page, &mut dropped), dropped);
    }
    if cell.contains("</") || cell.contains("<p>") || cell.contains("<br") {
        let page = html::page(cell);
        return (page.text, page.dropped);
    }
    let text = markdown::tidied(&cell.replace("\r\n", "\n"), &mut dropped);
    (text, dropped)
}

/// The rich text of Wix as HTML.
fn nodes(parent: &Value, out: &mut String) {
    for node in parent.get("nodes").and_then(Value::as_array).into_iter().flatten() {
        let level = || {
            let level = node.get("headingData")?.get("level")?.as_u64()?;
            Some(format!("h{}", level.clamp(1, 6)))
        };
        let tag = match says(node, &["type"]).unwrap_or_default() {
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
        let (open, close) = match (says(sort, &["type"]).unwrap_or_default(), link) {
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
    fn a_newsletter_with_its_pages() {
        let table = "\u{feff}id,web_title,status,content_html,created_at\n1,\"Up, up\",confirmed,\"<p>One\n\"\"so\"\".</p>\",2023-01-18 21:25:27\n2,B,draft,<p>Two.</p>,\n";
        let entries = read(table.trim_start_matches('\u{feff}')).unwrap().entries;
        assert_eq!(
            (entries[0].facts.title.as_deref(), entries[0].text.as_str()),
            (Some("Up, up"), "One \"so\".")
        );
        assert_eq!(entries[0].facts.date.unwrap().to_string(), "2023-01-18");
        assert!(entries[1].facts.unfinished && !entries[0].facts.unfinished);
    }

    #[test]
    fn rich_text_and_what_stands_in_for_it() {
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
    fn people_are_not_read() {
        let reading = read("email,name,note\njo@example.org,Jo,secret\n").unwrap();
        assert!(reading.entries.is_empty() && reading.complaints.len() == 1);
        assert!(read("a,b\n1,2\n").is_none());
        assert!(read("").is_none());
    }
}
