//! Graphs of Roam Research: an array of pages, each a tree of points.

use std::collections::HashSet;

use serde_json::Value;

use crate::archive::date;
use crate::archive::entry::{Entry, ExportContents};
use crate::archive::json::{date_at, id_at, text_at};
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;
use crate::archive::outline::{self, Point};
use crate::archive::text::non_empty;

/// Returns false: the beginning of a broken graph looks like any other JSON.
pub(super) fn sniff(_head: &str) -> bool {
    false
}

/// Reads a graph; `None` if it is something else.
pub(super) fn read(value: &Value) -> Option<ExportContents> {
    let pages = value.as_array()?;
    let is_page = |page: &Value| {
        text_at(page, &["title"]).is_some()
            && (page.get("children").is_some() || page.get("edit-time").is_some())
    };
    if !pages.iter().any(is_page) {
        return None;
    }
    let mut names = HashSet::new();
    pages.iter().for_each(|page| uids(page, &mut names));
    let entries = pages.iter().filter(|page| is_page(page)).filter_map(|page| {
        let mut omissions = Omissions::default();
        // Pages that only name a tag are empty and cause no warning.
        page.get("children")?.as_array().filter(|points| !points.is_empty())?;
        let title = text_at(page, &["title"])?;
        let daily = is_day(title).then(|| date::parse(title)).flatten();
        Some(Entry {
            key: id_at(page, &["title"]),
            metadata: Metadata {
                title: non_empty(title),
                date: daily.or_else(|| date_at(page, &["create-time", "edit-time"])),
                kind: Some(if daily.is_some() { "log" } else { "note" }.to_owned()),
                ..Metadata::default()
            },
            text: outline::markdown(&points(page, &names), &mut omissions),
            omissions,
        })
    });
    Some(ExportContents { entries: entries.collect(), ..ExportContents::default() })
}

/// Returns true for a title like "March 2nd, 2021".
pub(super) fn is_day(title: &str) -> bool {
    let words: Vec<&str> = title.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    words.len() == 3 && words[2].len() == 4 && date::parse(title).is_some()
}

/// Collects the ids of all points.
fn uids<'a>(parent: &'a Value, names: &mut HashSet<&'a str>) {
    names.extend(text_at(parent, &["uid"]));
    let children = parent.get("children").and_then(Value::as_array).into_iter().flatten();
    children.for_each(|child| uids(child, names));
}

fn points(parent: &Value, names: &HashSet<&str>) -> Vec<Point> {
    let children = parent.get("children").and_then(Value::as_array).into_iter().flatten();
    children
        .map(|child| {
            let text = unnamed(text_at(child, &["string"]).unwrap_or_default(), names);
            let heading = child.get("heading").and_then(Value::as_u64).unwrap_or(0).min(6) as usize;
            let head =
                if heading > 0 { format!("{} ", "#".repeat(heading)) } else { String::new() };
            // In Roam, two underscores mean italics.
            let text = format!("{head}{}", text.replace("__", "*"));
            Point { text, below: points(child, names) }
        })
        .collect()
}

/// Removes references to points, including those with short ids.
fn unnamed(text: &str, names: &HashSet<&str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("((") {
        let window = &rest[at + 2..rest.floor_char_boundary(at + 66)];
        let name = window.split("))").next().unwrap_or_default();
        let (short, alone) = (!outline::is_reference(name), !rest[..at].ends_with("]("));
        let closed = window[name.len()..].starts_with("))");
        let gone = short && alone && closed && names.contains(name);
        out.push_str(&rest[..if gone { at } else { at + 2 }]);
        rest = &rest[if gone { at + name.len() + 4 } else { at + 2 }..];
        rest = rest.strip_prefix(' ').filter(|_| gone && out.ends_with(' ')).unwrap_or(rest);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn daily_pages_and_other_pages() {
        let graph = json!([
            {"title": "March 2nd, 2021", "children": [{"string": "Went __up__ [[the hill]].", "children": [{"string": "cold"}]}]},
            {"title": "On hills", "edit-time": 1_614_700_000_000_i64, "children": [{"string": "Why", "heading": 2}, {"string": "Because."}]},
            {"title": "a tag", "edit-time": 1},
        ]);
        let entries = read(&graph).unwrap().entries;
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].text, "Went *up* the hill.\n\n- cold");
        assert_eq!(entries[0].metadata.kind.as_deref(), Some("log"));
        assert_eq!(entries[0].metadata.date.unwrap().to_string(), "2021-03-02");
        assert_eq!(
            (entries[1].text.as_str(), entries[1].metadata.kind.as_deref()),
            ("## Why\n\nBecause.", Some("note"))
        );
        assert!(read(&json!([{"title": "x"}, 3])).is_none());
    }

    #[test]
    fn references_with_short_ids_are_removed() {
        let graph = json!([{"title": "Ferries", "children": [
            {"string": "It was late.", "uid": "q1"},
            {"string": "as ((q1)) says ((so))", "uid": "q2"},
            {"string": "[alias](((q1))) and [page]([[Some Page]])", "uid": "q3"},
            {"string": "{{[[query]]: {and: [[rain]]}}}", "uid": "q4"},
            {"string": "", "uid": "q5", "children": [{"string": "below an empty one"}]},
        ]}]);
        let entries = read(&graph).unwrap().entries;
        let text = "It was late.\n\nas says ((so))\n\nalias and page\n\n- below an empty one";
        assert_eq!(entries[0].text, text);
    }
}
