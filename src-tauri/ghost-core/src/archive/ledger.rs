//! What some files of a folder say of the others: Substack's `posts.csv` has the titles and days
//! of the pages beside it.
//!
//! Knows which files are such lists, and no more of a folder than their bytes and names.

use std::collections::{BTreeMap, HashMap};

use super::dropped::Dropped;
use super::front::Facts;
use super::{date, decode, html, json, place, rtf, table, xml};

/// What is known of files before they are read, by their names.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    leaves: HashMap<String, Leaf>,
    /// Bytes of earlier states that are held.
    earlier: usize,
}

const IN_TRASH: &str = "Skipped: it is in the trash.";
const IS_RESEARCH: &str = "Skipped: it is in the research folder of its project.";

/// Bytes of all earlier states together.
const LARGEST_EARLIER: usize = 64 << 20;

/// What is known of one file.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaf {
    pub(super) facts: Facts,
    /// Why it is not imported, in a sentence: it is in the trash, it is research.
    pub(super) skipped: Option<&'static str>,
    /// Earlier states of the text, by their names, which are moments: the oldest first.
    pub(super) earlier: BTreeMap<String, String>,
    /// Words about the text that are in no piece, such as a subtitle.
    pub(super) dropped: Dropped,
}

impl Ledger {
    /// Whether a file of this name may say something of others.
    pub fn wants(name: &str) -> bool {
        matches!(place::file(name), "posts.csv" | "emails.csv")
            || place::ending(name) == "scrivx"
            || snapshot(name).is_some()
            || name.ends_with(".textbundle/info.json")
    }

    /// Takes in what a file says of others; whatever cannot be read says nothing.
    pub fn take(&mut self, name: &str, bytes: &[u8]) {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let Some((path, moment)) = snapshot(name) {
            let room = LARGEST_EARLIER.saturating_sub(self.earlier);
            if rtf::looks_rich(bytes) && bytes.len() <= room {
                self.earlier += bytes.len();
                let text = rtf::read(bytes).text;
                self.leaves.entry(path).or_default().earlier.insert(moment.to_owned(), text);
            }
            return;
        }
        let Some(text) = decode::whole(bytes) else { return };
        match place::ending(name).as_str() {
            "scrivx" => self.take_binder(folder, &text),
            "json" => self.take_note(folder, &text),
            _ => self.take_table(folder, &text),
        }
    }

    /// The lists that Substack and Buttondown put beside the texts.
    fn take_table(&mut self, folder: &str, text: &str) {
        let Some((columns, rows)) = table::rows(text) else { return };
        let says = |row: &_, names: &[&str]| columns.says(row, names).map(str::to_owned);
        for row in rows {
            let names = match (says(&row, &["postid"]), says(&row, &["slug"])) {
                (Some(id), _) => vec![format!("posts/{id}.html"), format!("{id}.html")],
                (None, Some(slug)) => vec![format!("emails/{slug}.md")],
                _ => continue,
            };
            let published = says(&row, &["ispublished"]).map(|flag| flag.to_lowercase());
            let kind = match says(&row, &["type"]).as_deref() {
                Some("page") => "page",
                Some("thread" | "note") => "note",
                _ => "post",
            };
            let facts = Facts {
                title: says(&row, &["title", "subject"])
                    .map(|title| html::decoded(&title).into_owned()),
                date: says(&row, &["postdate", "publishdate"]).and_then(|day| date::spelled(&day)),
                kind: Some(kind.to_owned()),
                unfinished: published.as_deref() == Some("false")
                    || says(&row, &["status"]).as_deref() == Some("draft"),
                ..Facts::default()
            };
            let mut dropped = Dropped::default();
            for subtitle in says(&row, &["subtitle"]).iter().chain(&says(&row, &["description"])) {
                dropped.add("in a summary", &html::decoded(subtitle));
            }
            for name in names {
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                let leaf = self.leaves.entry(path).or_default();
                (leaf.facts, leaf.dropped) = (facts.clone(), dropped.clone());
            }
        }
    }

    /// A binder of Scrivener: the titles and days of the texts, and which are research or rubbish.
    fn take_binder(&mut self, folder: &str, xml: &str) {
        let mut tops = Vec::new();
        let ended = xml::records(xml, &["binder"], |node| tops.push(node));
        if ended.is_err() {
            return;
        }
        let mut open: Vec<(&xml::Node, Option<&'static str>)> =
            tops.iter().flat_map(|top| top.all("binderitem")).map(|item| (item, None)).collect();
        while let Some((item, skipped)) = open.pop() {
            let skipped = skipped.or(match item.attribute("type").unwrap_or_default() {
                "TrashFolder" => Some(IN_TRASH),
                "ResearchFolder" => Some(IS_RESEARCH),
                _ => None,
            });
            let facts = Facts {
                title: item.says("title").map(str::to_owned),
                date: item.attribute("created").and_then(date::spelled),
                kind: Some("post".to_owned()),
                ..Facts::default()
            };
            let id = item.attribute("uuid").or_else(|| item.attribute("id")).unwrap_or_default();
            // What is no plain name is no file of this folder.
            if !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                for path in [
                    format!("{folder}/Files/Data/{id}/content.rtf"),
                    format!("{folder}/Files/Docs/{id}.rtf"),
                ] {
                    let leaf = self.leaves.entry(path).or_default();
                    (leaf.facts, leaf.skipped) = (facts.clone(), skipped);
                }
            }
            let below = item.all("children").flat_map(|children| children.all("binderitem"));
            open.extend(below.map(|child| (child, skipped)));
        }
    }

    /// What Bear says of a note: its day, and whether it lies in the bin.
    fn take_note(&mut self, folder: &str, text: &str) {
        let Ok(info) = serde_json::from_str::<serde_json::Value>(text) else { return };
        let Some(bear) = info.get("net.shinyfrog.bear") else { return };
        for file in ["text.md", "text.markdown", "text.txt"] {
            let leaf = self.leaves.entry(format!("{folder}/{file}")).or_default();
            leaf.facts.date = json::day(bear, &["creationDate", "modificationDate"]);
            leaf.facts.kind = Some("note".to_owned());
            leaf.skipped = json::yes(bear, "trashed").then_some(IN_TRASH);
        }
    }

    pub(super) fn says(&self, name: &str) -> Option<&Leaf> {
        self.leaves.get(name)
    }
}

/// The text that a snapshot of Scrivener is an earlier state of, and the snapshot's own name.
pub(super) fn snapshot(name: &str) -> Option<(String, &str)> {
    let (folder, file) = name.rsplit_once('/')?;
    let (project, folder) = folder.rsplit_once("/Snapshots/")?;
    let id = folder.strip_suffix(".snapshots")?;
    let moment = file.strip_suffix(".rtf")?;
    Some((format!("{project}/Files/Data/{id}/content.rtf"), moment))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_binder_and_its_snapshots() {
        let mut ledger = Ledger::default();
        let item = |id: &str, sort: &str, more: &str| {
            format!(
                "<BinderItem UUID=\"{id}\" Type=\"{sort}\" Created=\"2024-01-15 10:00:00 +0800\"><Title>On {id}</Title>{more}</BinderItem>"
            )
        };
        let below = |inner: &str| format!("<Children>{inner}</Children>");
        let binder = format!(
            "<ScrivenerProject><Binder>{}{}{}</Binder></ScrivenerProject>",
            item("D", "DraftFolder", &below(&item("A-1", "Text", ""))),
            item("T", "TrashFolder", &below(&item("B", "Text", ""))),
            item("../X", "Text", "")
        );
        ledger.take("n.scriv/n.scrivx", binder.as_bytes());
        ledger.take("n.scriv/Snapshots/A-1.snapshots/2024-01-16.rtf", b"{\\rtf1 Earlier.}");
        let leaf = ledger.says("n.scriv/Files/Data/A-1/content.rtf").unwrap();
        assert_eq!((leaf.facts.title.as_deref(), leaf.skipped), (Some("On A-1"), None));
        assert_eq!(leaf.earlier["2024-01-16"], "Earlier.");
        let thrown = ledger.says("n.scriv/Files/Data/B/content.rtf").unwrap();
        assert_eq!(thrown.skipped, Some(IN_TRASH));
        assert_eq!(ledger.leaves.len(), 8);
    }

    #[test]
    fn titles_and_days_of_the_pages_beside_a_list() {
        let mut ledger = Ledger::default();
        let list = "post_id,post_date,is_published,type,title\n1234.up,2019-07-26T20:48:19Z,FALSE,newsletter,Up&#x2019;s\n";
        ledger.take("a.zip/posts.csv", list.as_bytes());
        let leaf = ledger.says("a.zip/posts/1234.up.html").unwrap();
        assert_eq!(leaf.facts.title.as_deref(), Some("Up’s"));
        assert_eq!(leaf.facts.date.unwrap().to_string(), "2019-07-26");
        assert!(leaf.facts.unfinished && ledger.says("a.zip/posts/1.html").is_none());
        assert!(Ledger::wants("a.zip/posts.csv") && !Ledger::wants("a/email_list.csv"));
    }
}
