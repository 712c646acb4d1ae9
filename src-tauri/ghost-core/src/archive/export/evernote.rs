//! Evernote exports (ENEX): notes, each an embedded document.

use std::collections::HashSet;

use crate::archive::entry::{Entry, ExportContents};
use crate::archive::html_tags::{self, Tag};
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;
use crate::archive::text::non_empty;
use crate::archive::xml::{Node, read_records};
use crate::archive::{date, html};

/// Titles that Evernote gives to untitled notes, in lower case.
const UNTITLED: [&str; 12] = [
    "untitled",
    "untitled note",
    "unbenannte notiz",
    "note sans titre",
    "sans titre",
    "nota sin título",
    "nota senza titolo",
    "nota sem título",
    "naamloze notitie",
    "无标题笔记",
    "無題",
    "без названия",
];

/// Returns true if an XML file has the root of Evernote exports.
pub(super) fn sniff(head: &str) -> bool {
    head.contains("<en-export")
}

/// Reads an export.
pub(super) fn read(xml: &str) -> ExportContents {
    let mut contents = ExportContents::default();
    let mut locked = 0;
    let ended = read_records(xml, &["note"], |note| {
        let about = note.child("note-attributes");
        let clipped = about
            .and_then(|about| about.child_text("source"))
            .is_some_and(|source| source.starts_with("web.clip"));
        let mut omissions = Omissions::default();
        let (text, passages) = words(&note, &mut omissions);
        let title = note.child_text("title").and_then(non_empty);
        if clipped {
            contents.omissions.add("in clipped web pages", &text);
            contents.omissions.merge(&omissions);
            contents.omissions.add("in clipped web pages", &title.unwrap_or_default());
            return;
        }
        locked += passages;
        let stamp = note.child_text("created").or_else(|| note.child_text("updated"));
        contents.entries.push(Entry {
            key: note.child_text("created").unwrap_or_default().to_owned(),
            metadata: Metadata {
                title: title.filter(|title| !UNTITLED.contains(&title.to_lowercase().as_str())),
                author: about.and_then(|about| about.child_text("author")).and_then(non_empty),
                date: stamp.and_then(|stamp| date::parse(stamp.get(..8)?)),
                kind: Some("note".to_owned()),
                ..Metadata::default()
            },
            text,
            omissions,
        });
    });
    if locked > 0 {
        let (passages, them) =
            if locked == 1 { ("passage is", "it") } else { ("passages are", "them") };
        contents.warnings.push(format!(
            "{locked} {passages} encrypted. To import {them}, decrypt {them} in Evernote and export the notes again."
        ));
    }
    contents.warnings.extend(ended.err());
    contents
}

/// The text of a note with its tasks, and the number of encrypted passages.
fn words(note: &Node, omissions: &mut Omissions) -> (String, usize) {
    let content = note.child("content");
    let whole = content.map(|content| match content.children.is_empty() {
        true => content.text.clone(),
        // A part that ends the embedded document too early turns the rest into elements.
        false => content.inner.replace("<![CDATA[", "").replace("]]>", ""),
    });
    let (markup, locked) = plain_html(&whole.unwrap_or_default());
    let mut text = html::fragment_with(&markup, omissions);
    for task in note.children_named("task").filter_map(|task| task.child_text("title")) {
        if !text.is_empty() {
            text.push_str(if text.ends_with('\n') { "" } else { "\n" });
        }
        text.push_str(&format!("- {}", task.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    (text, locked)
}

/// A note's markup as HTML, without encrypted passages, with code blocks as `pre`, and without items
/// that only hold a list. Also the number of encrypted passages.
fn plain_html(markup: &str) -> (String, usize) {
    let tags = html_tags::tags(markup);
    let closes = html_tags::closes(&tags);
    let mut out = String::with_capacity(markup.len());
    let (mut at, mut locked) = (0, 0);
    // End tags to leave out, and end tags of lists that belong to the item before them.
    let (mut hollow, mut taken_in) = (HashSet::new(), HashSet::new());
    for (index, tag) in tags.iter().enumerate() {
        if tag.from < at {
            continue;
        }
        if tag.closes {
            out.push_str(&markup[at..if hollow.contains(&index) { tag.from } else { tag.to }]);
            out.push_str(if taken_in.contains(&index) { "</li>" } else { "" });
            at = tag.to;
            continue;
        }
        let Some(close) = closes[index] else { continue };
        if tag.opens("en-crypt") {
            out.push_str(&markup[at..tag.from]);
            at = tags[close].to;
            locked += 1;
        } else if is_code(tag) {
            out.push_str(&markup[at..tag.from]);
            out.push_str("<pre>");
            at = tag.to;
            for inner in &tags[index + 1..close] {
                out.push_str(&markup[at..inner.from]);
                let ends_line = (inner.closes && inner.name == "div") || inner.opens("br");
                if ends_line && !out.ends_with('\n') {
                    out.push('\n');
                }
                at = inner.to;
            }
            out.push_str(&markup[at..tags[close].from]);
            out.push_str("</pre>");
            at = tags[close].to;
        } else if tag.opens("li")
            && let Some(next) = tags.get(index + 1)
            && (next.opens("ul") || next.opens("ol"))
            && markup[tag.to..next.from].trim().is_empty()
        {
            out.push_str(&markup[at..tag.from]);
            at = tag.to;
            hollow.insert(close);
        } else if tag.opens("ul") || tag.opens("ol") {
            // A list directly after an item belongs to that item.
            out.push_str(&markup[at..tag.from]);
            at = tag.from;
            if let Some(item) = out.trim_end().strip_suffix("</li>") {
                out.truncate(item.len());
                taken_in.insert(close);
            }
        }
    }
    out.push_str(&markup[at..]);
    (out, locked)
}

fn is_code(tag: &Tag) -> bool {
    tag.opens("div") && tag.value("style").is_some_and(|style| style.contains("-en-codeblock"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn notes_are_kept_and_web_clips_are_not() {
        let note = |source: &str| {
            format!(
                "<note><title>Hills</title><content><![CDATA[<?xml version=\"1.0\"?><!DOCTYPE en-note SYSTEM \"x.dtd\">\
             <en-note><div>Up.</div><div><br/></div><div>So <b>cold</b>.</div><en-media hash=\"a\"/></en-note>]]></content>\
             <created>20241009T162617Z</created><note-attributes><source>{source}</source></note-attributes>\
             <resource><data encoding=\"base64\">AAAA</data></resource></note>"
            )
        };
        let xml = format!(
            "<?xml version=\"1.0\"?><en-export>{}{}</en-export>",
            note("desktop.mac"),
            note("web.clip7")
        );
        let contents = read(&xml);
        let [entry] = contents.entries.as_slice() else { panic!("one note") };
        assert_eq!(
            (entry.metadata.title.as_deref(), entry.text.as_str()),
            (Some("Hills"), "Up.\n\nSo **cold**.")
        );
        assert_eq!(entry.metadata.date.unwrap().to_string(), "2024-10-09");
    }

    fn notes(notes: &str) -> ExportContents {
        read(&format!("<?xml version=\"1.0\"?><en-export>{notes}</en-export>"))
    }

    fn text(content: &str) -> String {
        let note = format!(
            "<note><title>A</title><content><![CDATA[<en-note>{content}</en-note>]]></content><created>20240305T080000Z</created></note>"
        );
        notes(&note).entries.remove(0).text
    }

    #[test]
    fn every_construct_with_words_is_read() {
        for (content, expected) in [
            ("<div>One.</div><div><br/></div><div>Two.</div>", "One.\n\nTwo."),
            ("<div><en-todo checked=\"true\"/>oil the crane</div>", "oil the crane"),
            (
                "<ul style=\"--en-todo:true;\"><li style=\"--en-checked:true;\"><div>oil</div></li><li><div>rope</div></li></ul>",
                "- oil\n- rope",
            ),
            ("<ul><li>One<ul><li>Two</li></ul></li><li>Three</li></ul>", "- One\n  - Two\n- Three"),
            (
                "<ul><li>One</li><li style=\"list-style: none\"><ul><li><div>Two</div></li></ul></li></ul>",
                "- One\n  - Two",
            ),
            (
                "<div style=\"padding: 8px; -en-codeblock:true;\"><div>let a = 1 &lt; 2;</div><div><span>go(a)</span></div></div><div>After.</div>",
                "```\nlet a = 1 < 2;\ngo(a)\n```\n\nAfter.",
            ),
            (
                "<div>One <span style=\"--en-highlight:yellow\">marked</span> word.</div>",
                "One marked word.",
            ),
        ] {
            assert_eq!(text(content), expected, "{content}");
        }
    }

    #[test]
    fn encrypted_passages_cause_a_warning() {
        let note = "<note><title>A</title><content><![CDATA[<en-note><div>Plain.</div><en-crypt hint=\"dog\" cipher=\"AES\">UkM0cXVhcnJ5</en-crypt><div>Again.</div></en-note>]]></content></note>";
        let contents = notes(note);
        assert_eq!(contents.entries[0].text, "Plain.\n\nAgain.");
        assert_eq!(contents.warnings.len(), 1);
        assert!(
            contents.warnings[0].starts_with("1 passage is encrypted."),
            "{:?}",
            contents.warnings
        );
    }

    #[test]
    fn text_after_a_cdata_that_ends_early_is_kept() {
        for content in [
            "<![CDATA[<en-note><div>One <![CDATA[two]]> three.</div><div>Four.</div></en-note>]]>",
            "<![CDATA[<en-note><div>One two]]]]><![CDATA[> three.</div><div>Four.</div></en-note>]]>",
            "<en-note><div>One two three.</div><div>Four.</div></en-note>",
        ] {
            let contents =
                notes(&format!("<note><title>A</title><content>{content}</content></note>"));
            let words: Vec<String> = crate::words::words(&contents.entries[0].text)
                .map(|(_, word)| word.to_lowercase())
                .collect();
            assert_eq!(words, ["one", "two", "three", "four"], "{content}");
        }
    }

    #[test]
    fn an_untitled_note_is_named_by_its_first_words() {
        let xml = |title: &str, words: &str| {
            format!(
                "<note><title>{title}</title><content><![CDATA[<en-note><div>{words}</div></en-note>]]></content><created>20200731T090000Z</created></note>"
            )
        };
        let contents =
            notes(&(xml("untitled", "The crane wants oil.") + &xml("Untitled Note", "Rope.")));
        let names: Vec<String> = contents
            .entries
            .iter()
            .map(|entry| {
                crate::archive::entry::fallback_title(
                    entry,
                    &crate::archive::entry::source_key(entry),
                )
            })
            .collect();
        assert_eq!(names, ["The crane wants oil.", "Rope."]);
    }

    #[test]
    fn tasks_are_kept_and_web_clips_are_counted() {
        let note = "<note><title>A</title><content><![CDATA[<en-note><div>One.</div></en-note>]]></content><task><title>Oil the crane</title><taskStatus>open</taskStatus></task></note>";
        assert_eq!(notes(note).entries[0].text, "One.\n- Oil the crane");
        let clipped = "<note><title>A page</title><content><![CDATA[<en-note>Four words of theirs.</en-note>]]></content><note-attributes><source>web.clip7</source></note-attributes></note>";
        assert_eq!(
            notes(clipped).omissions.sentence().as_deref(),
            Some("Left out 6 words in clipped web pages.")
        );
    }
}
