//! What some files of a folder say of the others: Substack's `posts.csv` has the titles and days
//! of the pages beside it.
//!
//! Knows which files are such lists, and no more of a folder than their bytes and names.

use std::collections::HashMap;

use super::front::Facts;
use super::{date, decode, html, place, table};

/// What is known of files before they are read, by their names.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    leaves: HashMap<String, Leaf>,
}

/// What is known of one file.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaf {
    pub(super) facts: Facts,
    /// Not the writer's writing: research, rubbish.
    pub(super) passed_over: bool,
}

impl Ledger {
    /// Whether a file of this name may say something of others.
    pub fn wants(name: &str) -> bool {
        matches!(place::file(name), "posts.csv" | "emails.csv")
    }

    /// Takes in what a file says of others; whatever cannot be read says nothing.
    pub fn take(&mut self, name: &str, bytes: &[u8]) {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let Some(text) = decode::whole(bytes) else { return };
        self.take_table(folder, &text);
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
                unfinished: published.as_deref() == Some("false"),
                ..Facts::default()
            };
            for name in names {
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                self.leaves.insert(path, Leaf { facts: facts.clone(), passed_over: false });
            }
        }
    }

    pub(super) fn says(&self, name: &str) -> Option<&Leaf> {
        self.leaves.get(name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
