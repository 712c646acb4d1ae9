//! The versions of one file from a repository, as revisions by the writer.
//!
//! Does not access a repository: the caller passes the versions, oldest first.

use jiff::{SignedDuration, Timestamp};

use super::import::read;
use super::path;
use super::piece::{Piece, Revision};

/// One version of a file.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// The time of the commit.
    pub at: Timestamp,
    /// The author of the commit.
    pub by: &'a str,
    /// The content of the file.
    pub bytes: &'a [u8],
}

/// Changes soon after publication count as one revision, however many commits they took.
const POLISH: SignedDuration = SignedDuration::from_hours(72);

/// The revisions between the versions of the file `name`, oldest first: from each draft to the next,
/// from the last draft to the published text, from there to three days later, and then each later
/// change. Changes of metadata or line ends do not count.
pub fn revisions(name: &str, versions: &[Version]) -> Vec<Revision> {
    let states: Vec<(Timestamp, &str, Piece)> = versions
        .iter()
        .filter_map(|version| Some((version.at, version.by, only(name, version.bytes)?)))
        .collect();
    let out = states.iter().find(|(_, _, piece)| !piece.unfinished).map(|(at, ..)| *at);
    let polished =
        |at: Timestamp| out.is_some_and(|out| at > out && at.duration_since(out) <= POLISH);
    let mut revisions: Vec<Revision> = Vec::new();
    let mut polish: Option<usize> = None;
    for two in states.windows(2) {
        let [(since, _, before), (at, by, after)] = two else { continue };
        if same(&before.text, &after.text) {
            continue;
        }
        // A second author's changes are a separate revision.
        let same_hand = |revision: &&mut Revision| revision.author.as_deref() == Some(*by);
        let begun = polish.filter(|_| polished(*at)).and_then(|index| revisions.get_mut(index));
        if let Some(revision) = begun.filter(same_hand) {
            revision.after = after.text.clone();
            continue;
        }
        polish = polished(*at).then_some(revisions.len());
        revisions.push(Revision {
            source: format!("{name}@{since}"),
            title: after.title.clone(),
            author: Some((*by).to_owned()),
            date: Some(jiff::tz::TimeZone::UTC.to_datetime(*since).date()),
            before: before.text.clone(),
            after: after.text.clone(),
        });
    }
    // A change that was undone is not a revision.
    revisions.retain(|revision| !same(&revision.before, &revision.after));
    revisions
}

/// Returns true if a file of this name may hold one text whose versions can be compared.
pub fn has_versions(name: &str) -> bool {
    const TEXTS: [&str; 12] = [
        "md", "markdown", "mdown", "mkd", "mkdn", "mdx", "html", "htm", "org", "dj", "djot", "txt",
    ];
    TEXTS.contains(&path::extension(name).as_str()) && !path::is_app_file(name)
}

/// The piece of a file that holds exactly one.
fn only(name: &str, bytes: &[u8]) -> Option<Piece> {
    let (mut pieces, _) = read(name, bytes);
    (pieces.len() == 1).then(|| pieces.remove(0))
}

/// Returns true if two texts have the same words, regardless of line breaks.
fn same(one: &str, two: &str) -> bool {
    one.split_whitespace().eq(two.split_whitespace())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn changes(versions: &[(i64, &str)]) -> Vec<String> {
        let versions: Vec<Version> = versions
            .iter()
            .map(|(hour, text)| Version {
                at: Timestamp::from_second(hour * 3600).unwrap(),
                by: "Jo",
                bytes: text.as_bytes(),
            })
            .collect();
        revisions("a/_posts/2020-01-02-up.md", &versions)
            .into_iter()
            .map(|revision| format!("{} > {}", revision.before, revision.after))
            .collect()
    }

    #[test]
    fn drafts_polishing_and_later_revisions() {
        let draft = "---\ndraft: true\n---\n";
        let versions = [
            (0, format!("{draft}one")),
            (1, format!("{draft}two")),
            (9, "three".to_owned()),
            (10, "four".to_owned()),
            (20, "---\ntags: a\n---\nfour".to_owned()),
            (30, "five".to_owned()),
            (400, "six".to_owned()),
            (401, "seven".to_owned()),
        ];
        let versions: Vec<(i64, &str)> =
            versions.iter().map(|(at, text)| (*at, text.as_str())).collect();
        assert_eq!(
            changes(&versions),
            ["one > two", "two > three", "three > five", "five > six", "six > seven"]
        );
    }

    #[test]
    fn unchanged_text_is_not_a_revision() {
        assert!(changes(&[(0, "one two"), (1, "one\ntwo")]).is_empty());
        assert!(changes(&[(0, "one"), (1, "two"), (2, "one")]).is_empty());
        assert!(changes(&[(0, "one"), (1, "")]).is_empty());
        assert!(changes(&[]).is_empty());
    }
}
