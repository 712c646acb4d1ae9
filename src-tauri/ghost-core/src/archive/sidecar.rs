//! Sidecars: files of a folder that describe the other ones. Substack's `posts.csv` has the titles and dates
//! of the pages in `posts/`, a Scrivener binder those of its texts.
//!
//! Knows names and bytes only; never opens a file.

mod bear;
mod scrivener;
mod substack;

use std::collections::{BTreeMap, HashMap};

use super::document::rtf;
use super::metadata::Metadata;
use super::omissions::Omissions;
use super::{decode, path};

/// The statements of sidecars about files that are not read yet, by path.
#[derive(Debug, Clone, Default)]
pub struct SidecarIndex {
    entries: HashMap<String, SidecarEntry>,
    /// Bytes of all earlier states.
    earlier_bytes: usize,
}

/// Bytes of all earlier states together.
const MAX_EARLIER_BYTES: usize = 64 << 20;

const IN_TRASH: &str = "Skipped: in the Trash.";
const IN_RESEARCH: &str = "Skipped: in the Research folder of its project.";

/// The statements of sidecars about one file.
#[derive(Debug, Clone, Default)]
pub(super) struct SidecarEntry {
    pub(super) metadata: Metadata,
    /// The reason why the file is not imported, as a sentence.
    pub(super) skipped: Option<&'static str>,
    /// Earlier states of the text by their time, the oldest first.
    pub(super) earlier: BTreeMap<String, String>,
    /// Words about the text that are in no piece, such as a subtitle.
    pub(super) omissions: Omissions,
}

impl SidecarIndex {
    /// Returns true if a file of this name may be a sidecar.
    pub fn is_sidecar(name: &str) -> bool {
        matches!(path::file_name(name), "posts.csv" | "emails.csv")
            || path::extension(name) == "scrivx"
            || scrivener::snapshot(name).is_some()
            || name.ends_with(".textbundle/info.json")
    }

    /// Adds what a sidecar says; one that cannot be read adds nothing.
    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let Some((path, time)) = scrivener::snapshot(name) {
            let left = MAX_EARLIER_BYTES.saturating_sub(self.earlier_bytes);
            if rtf::is_rtf(bytes) && bytes.len() <= left {
                self.earlier_bytes += bytes.len();
                let text = rtf::read(bytes).text;
                self.entries.entry(path).or_default().earlier.insert(time.to_owned(), text);
            }
            return;
        }
        let Some(text) = decode::decode_large(bytes) else { return };
        match path::extension(name).as_str() {
            "scrivx" => self.add_binder(folder, &text),
            "json" => self.add_bear_note(folder, &text),
            _ => self.add_posts(folder, &text),
        }
    }

    /// Adds the list that Substack or Buttondown exports with the texts.
    fn add_posts(&mut self, folder: &str, csv: &str) {
        for post in substack::posts(folder, csv) {
            for path in post.paths {
                let entry = self.entries.entry(path).or_default();
                entry.metadata = post.metadata.clone();
                entry.omissions = post.omissions.clone();
            }
        }
    }

    fn add_binder(&mut self, folder: &str, xml: &str) {
        for item in scrivener::items(folder, xml) {
            let skipped = item.location.map(|location| match location {
                scrivener::Location::Trash => IN_TRASH,
                scrivener::Location::Research => IN_RESEARCH,
            });
            for path in item.paths {
                let entry = self.entries.entry(path).or_default();
                (entry.metadata, entry.skipped) = (item.metadata.clone(), skipped);
            }
        }
    }

    fn add_bear_note(&mut self, folder: &str, json: &str) {
        let Some(note) = bear::note(json) else { return };
        for file in ["text.md", "text.markdown", "text.txt"] {
            let entry = self.entries.entry(format!("{folder}/{file}")).or_default();
            entry.metadata.date = note.date;
            entry.metadata.kind = Some("note".to_owned());
            entry.skipped = note.is_trashed.then_some(IN_TRASH);
        }
    }

    /// The entry for the file of this name.
    pub(super) fn entry(&self, name: &str) -> Option<&SidecarEntry> {
        self.entries.get(name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_binder_and_its_snapshots() {
        let mut sidecars = SidecarIndex::default();
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
        sidecars.add("n.scriv/n.scrivx", binder.as_bytes());
        sidecars.add("n.scriv/Snapshots/A-1.snapshots/2024-01-16.rtf", b"{\\rtf1 Earlier.}");
        let entry = sidecars.entry("n.scriv/Files/Data/A-1/content.rtf").unwrap();
        assert_eq!((entry.metadata.title.as_deref(), entry.skipped), (Some("On A-1"), None));
        assert_eq!(entry.earlier["2024-01-16"], "Earlier.");
        let thrown = sidecars.entry("n.scriv/Files/Data/B/content.rtf").unwrap();
        assert_eq!(thrown.skipped, Some(IN_TRASH));
        assert_eq!(sidecars.entries.len(), 8);
    }

    #[test]
    fn a_post_list_gives_titles_and_dates() {
        let mut sidecars = SidecarIndex::default();
        let list = "post_id,post_date,is_published,type,title\n1234.up,2019-07-26T20:48:19Z,FALSE,newsletter,Up&#x2019;s\n";
        sidecars.add("a.zip/posts.csv", list.as_bytes());
        let entry = sidecars.entry("a.zip/posts/1234.up.html").unwrap();
        assert_eq!(entry.metadata.title.as_deref(), Some("Up’s"));
        assert_eq!(entry.metadata.date.unwrap().to_string(), "2019-07-26");
        assert!(entry.metadata.unfinished && sidecars.entry("a.zip/posts/1.html").is_none());
        assert!(
            SidecarIndex::is_sidecar("a.zip/posts.csv")
                && !SidecarIndex::is_sidecar("a/email_list.csv")
        );
    }
}
