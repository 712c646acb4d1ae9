//! The text export of Movable Type and TypePad: posts with a header and parts, each with its comments.
//!
//! A line of five dashes ends a part, one of eight a post. Comments and pings are other people's words.

use super::date;
use super::dropped::Dropped;
use super::entry::{Entry, Reading, said};
use super::front::Facts;
use super::{html, markdown, wxr};

const END_OF_PART: &str = "-----";
const END_OF_POST: &str = "--------";

/// Whether a text begins as an export does.
pub(super) fn looks_exported(head: &str) -> bool {
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
pub(super) fn read(text: &str) -> Option<Reading> {
    let mut reading = Reading::default();
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end).chain([END_OF_POST]) {
        if line == END_OF_POST {
            reading.entries.extend(entry(&std::mem::take(&mut lines)));
        } else {
            lines.push(line);
        }
    }
    Some(reading)
}

fn entry(lines: &[&str]) -> Option<Entry> {
    let mut parts = lines.split(|line| *line == END_OF_PART);
    let header = parts.next()?;
    let says = |wanted: &str| {
        let pairs = header.iter().filter_map(|line| line.split_once(':'));
        pairs.filter(|(key, _)| *key == wanted).find_map(|(_, value)| said(value))
    };
    let breaks = says("CONVERT BREAKS");
    let mut dropped = Dropped::default();
    let mut texts: Vec<String> = Vec::new();
    for part in parts {
        // What comes before the name of a part is blank.
        let mut part = part.iter().skip_while(|line| line.is_empty());
        let Some(name) = part.next() else { continue };
        let body = part.copied().collect::<Vec<_>>().join("\n");
        match name.trim_end_matches(':') {
            "BODY" | "EXTENDED BODY" => {
                texts.push(converted(&body, breaks.as_deref(), &mut dropped))
            }
            "EXCERPT" => dropped.add("in a summary", &html::plain(&body)),
            "COMMENT" | "PING" => {
                dropped.add("in comments by others", &html::plain(&without_header(&body)))
            }
            // Keywords and what other programs add are facts.
            _ => {}
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    let title = says("TITLE").map(|title| html::decoded(&title).into_owned());
    if texts.is_empty() && title.is_none() {
        return None;
    }
    Some(Entry {
        key: says("BASENAME").unwrap_or_default(),
        facts: Facts {
            title,
            author: says("AUTHOR"),
            date: says("DATE")
                .and_then(|day| date::month_first(&day).or_else(|| date::spelled(&day))),
            kind: Some("post".to_owned()),
            unfinished: says("STATUS")
                .is_some_and(|status| !status.eq_ignore_ascii_case("publish")),
            ..Facts::default()
        },
        text: texts.join("\n\n"),
        dropped,
    })
}

/// The Markdown of a part, which is HTML, HTML without its paragraphs, or Markdown.
fn converted(body: &str, breaks: Option<&str>, dropped: &mut Dropped) -> String {
    match breaks {
        Some("markdown" | "markdown_with_smartypants") => markdown::tidied(body, dropped),
        Some("0" | "none" | "richtext") => html::fragment_with(body, dropped),
        _ => html::fragment_with(&wxr::paragraphs(body), dropped),
    }
}

/// A comment without who wrote it, from where and when.
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
    fn posts_with_their_facts_and_without_their_comments() {
        assert!(looks_exported(EXPORT));
        let reading = read(EXPORT).unwrap();
        let [first, second] = reading.entries.as_slice() else { panic!("two entries") };
        assert_eq!(first.facts.title.as_deref(), Some("Up & down"));
        assert_eq!(first.facts.author.as_deref(), Some("Jo Hill"));
        assert_eq!(first.facts.date.unwrap().to_string(), "2010-09-23");
        assert_eq!(first.text, "I went *up*.\n\nIt was cold.\n\nThen down.");
        assert_eq!(
            first.dropped.sentence().unwrap(),
            "Left out 5 words: 3 in a summary, 2 in comments by others."
        );
        assert_eq!(second.facts.date.unwrap().to_string(), "2010-10-01");
        assert!(second.facts.unfinished && !first.facts.unfinished);
    }

    #[test]
    fn a_letter_with_a_header_is_no_export() {
        for text in [
            "TITLE: x\n\nText.",
            "AUTHOR: x\nTITLE: y\n\nText.",
            "",
            "-----\n",
            "Dear Anna:\n-----",
        ] {
            assert!(!looks_exported(text), "{text}");
        }
    }
}
