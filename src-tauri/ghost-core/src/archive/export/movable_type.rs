//! Text exports of Movable Type and TypePad: posts with a header and parts, each with its comments.
//!
//! Five dashes end a part, eight a post. Comments and pings are other people's words.

use super::wordpress;
use crate::archive::date;
use crate::archive::entry::{Entry, ExportContents};
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;
use crate::archive::text::non_empty;
use crate::archive::{html, markdown};

const END_OF_PART: &str = "-----";
const END_OF_POST: &str = "--------";

/// Returns true if a text begins like an export.
pub(super) fn sniff(head: &str) -> bool {
    const KEYS: [&str; 7] =
        ["AUTHOR", "TITLE", "STATUS", "DATE", "BASENAME", "UNIQUE URL", "ALLOW COMMENTS"];
    let mut keys = 0;
    for line in head.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        match line.split_once(':') {
            Some((key, _)) if KEYS.contains(&key) => keys += 1,
            Some((key, _)) if key.len() < 40 && key == key.to_uppercase() => {}
            _ => return line == END_OF_PART && keys >= 2,
        }
    }
    false
}

/// Reads an export.
pub(super) fn read(text: &str) -> Option<ExportContents> {
    let mut contents = ExportContents::default();
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end).chain([END_OF_POST]) {
        if line == END_OF_POST {
            contents.entries.extend(entry(&std::mem::take(&mut lines)));
        } else {
            lines.push(line);
        }
    }
    Some(contents)
}

fn entry(lines: &[&str]) -> Option<Entry> {
    let mut parts = lines.split(|line| *line == END_OF_PART);
    let header = parts.next()?;
    let field = |wanted: &str| {
        let pairs = header.iter().filter_map(|line| line.split_once(':'));
        pairs.filter(|(key, _)| *key == wanted).find_map(|(_, value)| non_empty(value))
    };
    let breaks = field("CONVERT BREAKS");
    let mut omissions = Omissions::default();
    let mut texts: Vec<String> = Vec::new();
    for part in parts {
        // Blank lines come before the name of a part.
        let mut part = part.iter().skip_while(|line| line.is_empty());
        let Some(name) = part.next() else { continue };
        let body = part.copied().collect::<Vec<_>>().join("\n");
        match name.trim_end_matches(':') {
            "BODY" | "EXTENDED BODY" => {
                texts.push(part_to_markdown(&body, breaks.as_deref(), &mut omissions))
            }
            "EXCERPT" => omissions.add("in a summary", &html::plain_text(&body)),
            "COMMENT" | "PING" => {
                omissions.add("in comments by others", &html::plain_text(&without_header(&body)))
            }
            // Keywords and fields of other programs are metadata.
            _ => {}
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    let title = field("TITLE").map(|title| html::decode_entities(&title).into_owned());
    if texts.is_empty() && title.is_none() {
        return None;
    }
    Some(Entry {
        key: field("BASENAME").unwrap_or_default(),
        metadata: Metadata {
            title,
            author: field("AUTHOR"),
            date: field("DATE")
                .and_then(|day| date::month_first(&day).or_else(|| date::parse(&day))),
            kind: Some("post".to_owned()),
            unfinished: field("STATUS")
                .is_some_and(|status| !status.eq_ignore_ascii_case("publish")),
            ..Metadata::default()
        },
        text: texts.join("\n\n"),
        omissions,
    })
}

/// Converts a part: HTML, HTML without paragraph tags, or Markdown.
fn part_to_markdown(body: &str, breaks: Option<&str>, omissions: &mut Omissions) -> String {
    match breaks {
        Some("markdown" | "markdown_with_smartypants") => markdown::clean(body, omissions),
        Some("0" | "none" | "richtext") => html::fragment_with(body, omissions),
        _ => html::fragment_with(&wordpress::paragraphs(body), omissions),
    }
}

/// A comment without its author, address and date.
fn without_header(comment: &str) -> String {
    const KEYS: [&str; 9] =
        ["AUTHOR", "EMAIL", "IP", "URL", "DATE", "TITLE", "BLOG NAME", "ID", "PARENT"];
    let is_header = |line: &&str| line.split_once(':').is_some_and(|(key, _)| KEYS.contains(&key));
    comment.lines().skip_while(is_header).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const EXPORT: &str = "AUTHOR: Jo Hill\nTITLE: Up &amp; down\nBASENAME: up\nSTATUS: Publish\nALLOW COMMENTS: 1\nCONVERT BREAKS: __default__\n\nDATE: 09/23/2010 04:01:17 AM\n-----\nBODY:\nI went <em>up</em>.\n\nIt was cold.\n-----\nEXTENDED BODY:\n<p>Then down.</p>\n-----\nEXCERPT:\nUp, and down.\n-----\nKEYWORDS:\n\n-----\nCOMMENT:\nAUTHOR: A Stranger\nEMAIL: a@example.org\nIP: 192.0.2.1\nURL: http://example.org\nDATE: 09/24/2010 01:53:47 AM\nI disagree.\n-----\n\n--------\nAUTHOR: Jo Hill\nTITLE: Later\nSTATUS: Draft\nDATE: 10/01/2010 01:53:47 PM\n-----\nBODY:\nNot yet.\n-----\n--------\n";

    #[test]
    fn posts_have_metadata_but_no_comments() {
        assert!(sniff(EXPORT));
        let contents = read(EXPORT).unwrap();
        let [first, second] = contents.entries.as_slice() else { panic!("two entries") };
        assert_eq!(first.metadata.title.as_deref(), Some("Up & down"));
        assert_eq!(first.metadata.author.as_deref(), Some("Jo Hill"));
        assert_eq!(first.metadata.date.unwrap().to_string(), "2010-09-23");
        assert_eq!(first.text, "I went *up*.\n\nIt was cold.\n\nThen down.");
        assert_eq!(
            first.omissions.sentence().unwrap(),
            "Left out 5 words: 3 in a summary, 2 in comments by others."
        );
        assert_eq!(second.metadata.date.unwrap().to_string(), "2010-10-01");
        assert!(second.metadata.unfinished && !first.metadata.unfinished);
    }

    #[test]
    fn a_letter_with_headers_is_not_an_export() {
        for text in [
            "TITLE: x\n\nText.",
            "AUTHOR: x\nTITLE: y\n\nText.",
            "",
            "-----\n",
            "Dear Anna:\n-----",
        ] {
            assert!(!sniff(text), "{text}");
        }
    }
}
