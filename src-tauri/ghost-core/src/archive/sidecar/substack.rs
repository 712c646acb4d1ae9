//! The lists of posts that Substack (`posts.csv`) and Buttondown (`emails.csv`) export with the texts. Substack
//! puts the text of each post into `posts/ID.html`.

use crate::archive::csv_rows;
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;
use crate::archive::{date, html};

/// A row of a list of posts.
pub(super) struct Post {
    /// The paths at which its text may be.
    pub(super) paths: Vec<String>,
    pub(super) metadata: Metadata,
    /// Its subtitle and description.
    pub(super) omissions: Omissions,
}

/// The posts of a list in `folder`.
pub(super) fn posts(folder: &str, csv: &str) -> Vec<Post> {
    let Some((columns, rows)) = csv_rows::rows(csv) else { return Vec::new() };
    let cell = |row: &_, names: &[&str]| columns.cell(row, names).map(str::to_owned);
    let posts = rows.filter_map(|row| {
        let names = match (cell(&row, &["postid"]), cell(&row, &["slug"])) {
            (Some(id), _) => vec![format!("posts/{id}.html"), format!("{id}.html")],
            (None, Some(slug)) => vec![format!("emails/{slug}.md")],
            _ => return None,
        };
        let published = cell(&row, &["ispublished"]).map(|flag| flag.to_lowercase());
        let kind = match cell(&row, &["type"]).as_deref() {
            Some("page") => "page",
            Some("thread" | "note") => "note",
            _ => "post",
        };
        let title = cell(&row, &["title", "subject"]);
        let metadata = Metadata {
            title: title.map(|title| html::decode_entities(&title).into_owned()),
            date: cell(&row, &["postdate", "publishdate"]).and_then(|day| date::parse(&day)),
            kind: Some(kind.to_owned()),
            unfinished: published.as_deref() == Some("false")
                || cell(&row, &["status"]).as_deref() == Some("draft"),
            ..Metadata::default()
        };
        let mut omissions = Omissions::default();
        for subtitle in cell(&row, &["subtitle"]).iter().chain(&cell(&row, &["description"])) {
            omissions.add("in a summary", &html::decode_entities(subtitle));
        }
        let path = |name| if folder.is_empty() { name } else { format!("{folder}/{name}") };
        Some(Post { paths: names.into_iter().map(path).collect(), metadata, omissions })
    });
    posts.collect()
}
