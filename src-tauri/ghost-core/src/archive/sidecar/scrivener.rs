//! Scrivener projects: the binder with the titles and dates of the texts, and their snapshots.

use crate::archive::date;
use crate::archive::metadata::Metadata;
use crate::archive::xml::{self, Node};

/// A folder of the binder that does not hold the manuscript.
#[derive(Debug, Clone, Copy)]
pub(super) enum Location {
    Trash,
    Research,
}

/// An item of the binder.
pub(super) struct BinderItem {
    /// The paths at which its text may be.
    pub(super) paths: Vec<String>,
    pub(super) metadata: Metadata,
    /// `None` for the manuscript.
    pub(super) location: Option<Location>,
}

/// The items of a binder in `folder`; none if the binder is broken.
pub(super) fn items(folder: &str, xml: &str) -> Vec<BinderItem> {
    let mut binders = Vec::new();
    if xml::read_records(xml, &["binder"], |node| binders.push(node)).is_err() {
        return Vec::new();
    }
    let top = binders.iter().flat_map(|binder| binder.children_named("binderitem"));
    let mut open: Vec<(&Node, Option<Location>)> = top.map(|item| (item, None)).collect();
    let mut items = Vec::new();
    while let Some((item, outer)) = open.pop() {
        let location = outer.or(match item.attribute("type").unwrap_or_default() {
            "TrashFolder" => Some(Location::Trash),
            "ResearchFolder" => Some(Location::Research),
            _ => None,
        });
        let metadata = Metadata {
            title: item.child_text("title").map(str::to_owned),
            date: item.attribute("created").and_then(date::parse),
            kind: Some("post".to_owned()),
            ..Metadata::default()
        };
        let id = item.attribute("uuid").or_else(|| item.attribute("id")).unwrap_or_default();
        // Any other id could name a file outside this folder.
        if !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            let paths = vec![
                format!("{folder}/Files/Data/{id}/content.rtf"),
                format!("{folder}/Files/Docs/{id}.rtf"),
            ];
            items.push(BinderItem { paths, metadata, location });
        }
        let children = item.children_named("children");
        let below = children.flat_map(|children| children.children_named("binderitem"));
        open.extend(below.map(|child| (child, location)));
    }
    items
}

/// The path of the text that a snapshot is an earlier state of, and the time of the snapshot.
pub(super) fn snapshot(name: &str) -> Option<(String, &str)> {
    let (folder, file) = name.rsplit_once('/')?;
    let (project, folder) = folder.rsplit_once("/Snapshots/")?;
    let id = folder.strip_suffix(".snapshots")?;
    let time = file.strip_suffix(".rtf")?;
    Some((format!("{project}/Files/Data/{id}/content.rtf"), time))
}
