//! Tests of whole files, from bytes to pieces.
#![allow(clippy::unwrap_used)]

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::super::piece::Kind;
use super::*;
use crate::{normalize, words};

const POST: &[u8] = b"---\ntitle: A walk\n---\n\nI went up the hill.";

fn one(name: &str, bytes: &[u8]) -> Piece {
    let (mut pieces, warnings) = read(name, bytes);
    assert_eq!((pieces.len(), warnings.len()), (1, 0), "{name}: {warnings:?}");
    pieces.remove(0)
}

fn warnings(name: &str, bytes: &[u8]) -> Vec<String> {
    let (_, warnings) = read(name, bytes);
    warnings.into_iter().map(|warning| format!("{}: {}", warning.path, warning.reason)).collect()
}

fn zipped(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn docx(text: &str) -> Vec<u8> {
    let document = format!(
        "<w:document xmlns:w=\"w\"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
    );
    let core = "<cp:coreProperties xmlns:dc=\"d\"><dc:title>A walk</dc:title>\
        <dcterms:created>2024-03-05T10:00:00Z</dcterms:created></cp:coreProperties>";
    let members: [(&str, &[u8]); 2] =
        [("word/document.xml", document.as_bytes()), ("docProps/core.xml", core.as_bytes())];
    zipped(&members, CompressionMethod::Deflated)
}

/// The pieces of a file, after checking what holds for every piece and warning.
fn checked(name: &str, bytes: &[u8]) -> Vec<Piece> {
    let (pieces, warnings) = read(name, bytes);
    for piece in &pieces {
        let mut last = 0;
        for span in &piece.non_prose_spans {
            assert!(last <= span.from && span.from < span.to, "{name}: {span:?} after {last}");
            assert!(piece.text.get(span.from..span.to).is_some(), "{name}: {span:?}");
            last = span.to;
        }
        assert_eq!(normalize::owned(piece.text.clone()), piece.text, "{name}");
        assert!(!piece.title.contains('\n'), "{name}: {:?}", piece.title);
        assert!(piece.words <= words::count(&piece.text), "{name}: {} words", piece.words);
    }
    for warning in &warnings {
        assert!(warning.path.starts_with(name) && warning.reason.ends_with('.'), "{warning:?}");
    }
    pieces
}

#[test]
fn a_piece_is_stored_in_one_form() {
    let piece = one(
        "a.html",
        "<h1>Cafe\u{301}</h1><p>Unter&shy;nehmen seit fu\u{308}nf\u{200b}zig Jahren.&#7;</p>"
            .as_bytes(),
    );
    assert_eq!(piece.title, "Café");
    assert_eq!(piece.text, "Unternehmen seit fünfzig Jahren.");
    assert_eq!(piece.words, 4);
}

#[test]
fn all_line_separators_end_lines() {
    let piece = one("a.txt", "One\u{85}two.\u{2029}Three\u{2028}four.".as_bytes());
    assert_eq!(piece.text, "One\ntwo.\n\nThree\nfour.");
}

#[test]
fn a_post_with_all_metadata() {
    let text = "---\r\ntitle: \"A walk\"\r\ndate: 2024-3-5\r\ndraft: true\r\n---\r\n\r\nI went *up* \u{2014} `cd ..`.\r\n";
    let piece = one("site/content/posts/a-walk/index.md", text.as_bytes());
    assert_eq!(piece.title, "A walk");
    assert_eq!(piece.date.unwrap().to_string(), "2024-03-05");
    assert_eq!((piece.kind, piece.unfinished), (Kind::Post, true));
    assert_eq!(piece.text, "I went *up* \u{2014} `cd ..`.");
    assert_eq!((piece.words, piece.non_prose_spans.len()), (3, 1));
}

#[test]
fn explicit_kind_beats_the_path_and_a_theme_does_not() {
    let kind = |name: &str, metadata: &str| {
        one(name, format!("---\n{metadata}\n---\nText.").as_bytes()).kind.to_string()
    };
    assert_eq!(kind("a/posts/b.md", "kind: essay"), "essay");
    assert_eq!(kind("a/b.md", "kind: log"), "log");
    assert_eq!(kind("a/_journal/b.md", "layout: post"), "log");
    assert_eq!(kind("a/b.md", "type: daily"), "log");
    assert_eq!(kind("a/b.md", "layout: default"), "post");
    assert_eq!(kind("a/notes/b.md", "type: page"), "note");
}

#[test]
fn a_heading_becomes_the_title() {
    let piece = one("a/b.md", b"# A walk\n\nI went.");
    assert_eq!((piece.title.as_str(), piece.text.as_str()), ("A walk", "I went."));
    assert_eq!(one("a/b.html", b"<h1>A walk</h1><hr><p>I went.</p><hr>").text, "I went.");
    assert_eq!(one("a/b.html", b"I\n\n* went\n* up").text, "I\n\n* went\n* up");
    let piece = one("a/b.md", b"---\ntitle: A Walk\n---\n# A walk\n\nI went.");
    assert_eq!(piece.text, "I went.");
    assert_eq!(one("a/2020-01-02-up-the-hill.md", b"I went.").title, "Up the hill");
}

#[test]
fn html_with_front_matter_and_code() {
    let post = b"---\ntitle: A walk\nlayout: post\n---\n<p>I ran\nit:</p>\n{% highlight c %}\nif (a < b) {{ x }}\n{% endhighlight %}\n<p>{{ site.url }}Done.</p>";
    let piece = one("a/_posts/2010-06-10-walk.html", post);
    assert_eq!(piece.text, "I ran it:\n\n```c\nif (a < b) {{ x }}\n```\n\nDone.");
    assert_eq!(piece.date.unwrap().to_string(), "2010-06-10");
}

#[test]
fn content_decides_the_format_before_the_name() {
    assert_eq!(one("a/b.txt", b"<!doctype html><title>A walk</title><p>Text.").title, "A walk");
    assert_eq!(one("a/b.txt", POST).title, "A walk");
    assert_eq!(one("a/b.md", b"\xef\xbb\xbf---\ntitle: A walk\n---\nText.").title, "A walk");
    assert_eq!(one("a/b.docx.bak.zip", &docx("Text.")).text, "Text.");
}

#[test]
fn a_word_document() {
    let piece = one("a/b.docx", &docx("I went up the hill."));
    assert_eq!((piece.title.as_str(), piece.text.as_str()), ("A walk", "I went up the hill."));
    assert_eq!(piece.date.unwrap().to_string(), "2024-03-05");
}

#[test]
fn plain_text_in_a_legacy_encoding() {
    let piece = one("a/b.txt", b"A caf\xe9 in winter\r\n\r\nIt was closed, na\xefvely.\r\n");
    assert_eq!(
        (piece.title.as_str(), piece.text.as_str()),
        ("A café in winter", "It was closed, naïvely.")
    );
}

#[test]
fn files_that_are_not_writing_cause_no_warning() {
    for name in [
        "a/b.png",
        "a/style.css",
        "a/.DS_Store",
        "a/README.md",
        "a/_layouts/x.html",
        "a/posts/_index.md",
        "a/data.json",
    ] {
        assert_eq!(read(name, POST), (Vec::new(), Vec::new()), "{name}");
    }
}

#[test]
fn unreadable_writing_causes_a_warning() {
    let check = |name: &str, bytes: &[u8], part: &str| {
        let warnings = warnings(name, bytes);
        assert!(warnings.len() == 1 && warnings[0].contains(part), "{name}: {warnings:?}");
    };
    check("a/b.md", b"", "empty");
    check("a/b.txt", &[0, 159, 146, 150, 1, 2, 3, 0, 255, 0, 7, 8], "does not look like text");
    check("a/b.md", b"---\ntitle: A walk\n---\n\n", "no text");
    check("a/b.md", b"![picture](a.png)", "1 word in descriptions of pictures");
    check("a/b.zip", b"not a zip", "broken");
    check("a/b.docx", b"not a docx", "broken");
    check("a/b.docx", &zipped(&[("x.xml", b"x")], CompressionMethod::Stored), "no readable text");
    check("a/b.zip", &zipped(&[("x.png", b"x")], CompressionMethod::Stored), "nothing in this zip");
    check("a/b.rtf", b"not rich", "not rich text");
    let list = warnings("a/b.md", b"---\n- a list\n---\nText.");
    assert!(list[0].contains("Line 2") && list[1].contains("Left out 2 words"), "{list:?}");
}

#[test]
fn a_zip_of_a_site() {
    let zip = zipped(
        &[
            ("site/_posts/2020-01-02-a.md", POST),
            ("site/logs/b.md", POST),
            ("site/logo.png", b"x"),
            ("__MACOSX/site/._a.md", b"x"),
        ],
        CompressionMethod::Deflated,
    );
    let (pieces, warnings) = read("export.zip", &zip);
    assert!(warnings.is_empty());
    let seen: Vec<_> =
        pieces.iter().map(|piece| (piece.source.as_str(), piece.kind.to_string())).collect();
    assert_eq!(
        seen,
        [
            ("export.zip/site/_posts/2020-01-02-a.md", "post".to_owned()),
            ("export.zip/site/logs/b.md", "log".to_owned()),
        ]
    );
}

#[test]
fn a_zip_in_a_zip_is_read_but_no_deeper() {
    let mut zip = zipped(&[("a.md", POST)], CompressionMethod::Stored);
    for depth in 1..=4 {
        let (pieces, warnings) = read("export.zip", &zip);
        assert_eq!(
            (pieces.len(), warnings.len()),
            if depth <= 2 { (1, 0) } else { (0, 1) },
            "{depth}"
        );
        zip = zipped(&[("inner.zip", &zip)], CompressionMethod::Stored);
    }
}

#[test]
fn names_that_lead_outside_a_zip_are_refused() {
    for name in ["../evil.md", "a/../../evil.md", "/etc/evil.md", "..\\evil.md", "C:\\evil.md"] {
        let zip =
            zipped(&[("good.md", POST), ("zzzzzzzzzzzzzzzzz.md", POST)], CompressionMethod::Stored);
        // The zip writer refuses such names, so the name is patched afterwards, in both places.
        let short = &"zzzzzzzzzzzzzzzzz.md"[..name.len().min(20)];
        let mut zip = zip;
        if short.len() < 20 {
            zip = zipped(&[("good.md", POST), (short, POST)], CompressionMethod::Stored);
        }
        while let Some(at) = zip.windows(short.len()).position(|window| window == short.as_bytes())
        {
            zip[at..at + short.len()].copy_from_slice(name.as_bytes());
        }
        let (pieces, warnings) = read("e.zip", &zip);
        assert_eq!((pieces.len(), warnings.len()), (1, 1), "{name}");
        assert!(warnings[0].reason.contains("outside"), "{name}");
    }
}

#[test]
fn a_page_that_is_too_long_causes_a_warning() {
    let page = |n| read("a.html", format!("<h1>Ash</h1>{}", "<u>a ".repeat(n)).as_bytes());
    assert!(page(1_000).1.is_empty());
    let (pieces, warnings) = page(800_000);
    assert_eq!((pieces.len(), warnings.len()), (1, 1), "{warnings:?}");
    assert!(warnings[0].reason.contains("only its beginning"));
}

#[test]
fn a_zip_with_false_sizes_is_refused() {
    let long = vec![b'a'; 8 << 20];
    let bomb = zipped(&[("a.md", &long)], CompressionMethod::Deflated);
    assert!(warnings("e.zip", &bomb)[0].contains("unpacks to far more"));
    let mut liar = bomb.clone();
    let size = (8u32 << 20).to_le_bytes();
    while let Some(at) = liar.windows(4).position(|window| window == size) {
        liar[at..at + 4].copy_from_slice(&100u32.to_le_bytes());
    }
    let (pieces, warnings) = read("e.zip", &liar);
    assert_eq!((pieces.len(), warnings.len()), (0, 1));
}

#[test]
fn an_encrypted_member_causes_a_warning() {
    let mut zip = zipped(&[("a.md", POST)], CompressionMethod::Stored);
    let central = zip.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    zip[6] |= 1;
    zip[central + 8] |= 1;
    assert!(warnings("e.zip", &zip)[0].contains("password"));
}

#[test]
fn a_substack_export_uses_its_post_list() {
    let list = b"post_id,post_date,is_published,type,title\n1234.up,2019-07-26T20:48:19Z,TRUE,newsletter,Up the hill\n";
    let zip = zipped(
        &[
            ("posts.csv", list),
            (
                "posts/1234.up.html",
                b"<p>I went.</p><p class=\"button-wrapper\"><a>Subscribe</a></p>",
            ),
            ("email_list.a.csv", b"email,name\njo@example.org,Jo\n"),
        ],
        CompressionMethod::Deflated,
    );
    let (pieces, _) = read("export.zip", &zip);
    assert_eq!(pieces.len(), 1);
    assert_eq!((pieces[0].title.as_str(), pieces[0].text.as_str()), ("Up the hill", "I went."));
    assert_eq!(pieces[0].date.unwrap().to_string(), "2019-07-26");
}

#[test]
fn a_notion_export_is_a_zip_in_a_zip() {
    let id = "0123456789abcdef0123456789abcdef";
    let page = b"# A walk\n\nCreated: March 5, 2024\n\nI went.";
    let inner = zipped(
        &[
            (&format!("Notes {id}/A walk {id}.md"), page),
            (&format!("Notes {id}.csv"), b"Name,Text\nA walk,x\n"),
        ],
        CompressionMethod::Deflated,
    );
    let zip = zipped(&[("Export-1-Part-1.zip", &inner)], CompressionMethod::Stored);
    let (pieces, warnings) = read("export.zip", &zip);
    assert_eq!((pieces.len(), warnings.len()), (1, 0));
    assert_eq!(
        (pieces[0].title.as_str(), pieces[0].kind.to_string()),
        ("A walk", "note".to_owned())
    );
    assert_eq!(pieces[0].text, "I went.");
}

#[test]
fn scrivener_snapshots_become_revisions() {
    let binder = b"<?xml version=\"1.0\"?><ScrivenerProject><Binder><BinderItem UUID=\"A-1\" Type=\"Text\"><Title>Up</Title></BinderItem></Binder></ScrivenerProject>";
    let zip = zipped(
        &[
            ("n.scriv/n.scrivx", binder),
            ("n.scriv/Files/Data/A-1/content.rtf", b"{\\rtf1 I went up.}"),
            ("n.scriv/Files/Data/A-1/notes.rtf", b"{\\rtf1 A note.}"),
            ("n.scriv/Snapshots/A-1.snapshots/2024-01-16-10-00.rtf", b"{\\rtf1 I go up.}"),
            ("n.scriv/Snapshots/A-1.snapshots/2024-01-15-10-00.rtf", b"{\\rtf1 I go.}"),
        ],
        CompressionMethod::Deflated,
    );
    let result = read_with("n.zip", &zip, &SidecarIndex::default());
    assert_eq!((result.pieces.len(), result.warnings.len()), (1, 0));
    let seen: Vec<_> = result
        .revisions
        .iter()
        .map(|pair| (pair.title.as_str(), pair.before.as_str(), pair.after.as_str()))
        .collect();
    assert_eq!(seen, [("Up", "I go.", "I go up."), ("Up", "I go up.", "I went up.")]);
    assert_eq!(result.revisions[0].date.unwrap().to_string(), "2024-01-15");
}

#[test]
fn bear_notes_and_a_trashed_one() {
    let info = |trashed: u8| {
        format!(
            "{{\"net.shinyfrog.bear\":{{\"trashed\":{trashed},\"creationDate\":\"2024-03-05T10:00:00Z\"}}}}"
        )
    };
    let zip = zipped(
        &[
            ("b/On hills.textbundle/text.md", b"I went."),
            ("b/On hills.textbundle/info.json", info(0).as_bytes()),
            ("b/Old.textbundle/text.md", b"I went."),
            ("b/Old.textbundle/info.json", info(1).as_bytes()),
        ],
        CompressionMethod::Deflated,
    );
    let (pieces, warnings) = read("notes.bear2bk", &zip);
    assert_eq!((pieces.len(), warnings.len()), (1, 1));
    assert_eq!(
        (pieces[0].title.as_str(), pieces[0].date.unwrap().to_string()),
        ("On hills", "2024-03-05".to_owned())
    );
}

#[test]
fn json_is_recognised_whatever_the_extension() {
    let notes = br#"{"items": [{"content_type": "Note", "content": {"title": "Harbour", "text": "It rained."}}]}"#;
    let piece = one("backup.txt", notes);
    assert_eq!((piece.title.as_str(), piece.text.as_str()), ("Harbour", "It rained."));
    for json in [r#"{"a": [1, 2]}"#, r#"[{"a": "some words here"}]"#] {
        let (pieces, warnings) = read("a.txt", json.as_bytes());
        assert_eq!((pieces.len(), warnings.len()), (0, 1), "{json}");
    }
    for prose in ["[Verse 1]\nIt rained.", "{ a thought } and more", "[\"So\", he said]"] {
        assert_eq!(read("a.txt", prose.as_bytes()).0.len(), 1, "{prose}");
    }
}

#[test]
fn movable_type_posts_are_read_from_a_text_file() {
    let export = b"AUTHOR: Jo\nTITLE: Up\nDATE: 09/23/2010 04:01:17 AM\n-----\nBODY:\n<p>I went.</p>\n-----\nCOMMENT:\nAUTHOR: A stranger\nNot so.\n-----\n--------\n";
    let (pieces, warnings) = read("export.txt", export);
    assert_eq!((pieces.len(), pieces[0].title.as_str()), (1, "Up"));
    assert_eq!((pieces[0].words, warnings[0].words), (2, 2));
}

#[test]
fn an_untitled_text_is_named_by_its_date_or_first_words() {
    let called = |key: &str, date: Option<&str>| {
        let date = date.map_or(String::new(), |date| format!(", \"creationDate\": \"{date}\""));
        let json = format!(
            "{{\"entries\": [{{\"uuid\": \"{key}\", \"text\": \"It rained all day.\"{date}}}, {{\"creationDate\": \"\"}}]}}"
        );
        read("a.json", json.as_bytes()).0.remove(0).title
    };
    assert_eq!(called("20200731T090000Z", None), "It rained all day.");
    assert_eq!(called("20200731T090000Z", Some("2020-07-31T09:00:00Z")), "2020-07-31");
    assert_eq!(called("on-hills", None), "On hills");
}

#[test]
fn texts_of_one_file_have_distinct_sources() {
    let json = br#"{"entries":[{"uuid":"00AA","creationDate":"2024-03-05T10:00:00Z","text":"Up."},{"uuid":"00AA","creationDate":"2024-03-06T10:00:00Z","text":"Down."},{"text":""}]}"#;
    let (pieces, warnings) = read("journal.json", json);
    let seen: Vec<_> =
        pieces.iter().map(|piece| (piece.source.as_str(), piece.title.as_str())).collect();
    assert_eq!(
        seen,
        [("journal.json/00AA", "2024-03-05"), ("journal.json/00AA (2)", "2024-03-06")]
    );
    assert_eq!(warnings.len(), 1);
}

#[test]
fn malicious_files_are_refused_with_a_warning() {
    let check = |name: &str, bytes: &[u8], part: &str| {
        let (pieces, warnings) = read(name, bytes);
        assert!(
            pieces.is_empty() && warnings.iter().any(|c| c.reason.contains(part)),
            "{name}: {warnings:?}"
        );
    };
    let bomb = b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"xx\"><!ENTITY c \"&b;&b;\">]><rss><channel><item><title>&c;</title></item></channel></rss>";
    check("a.xml", bomb, "entities");
    check("a.xml", b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><rss><item><description>&b;</description></item></rss>", "entities");
    let long = vec![b'a'; 65 << 20];
    for name in ["a.txt", "a.md", "a.html", "a.rtf", "a.json", "a.csv", "a.xml", "a.mbox", "a.org"]
    {
        assert_eq!(read(name, &long).1.len(), 1, "{name}");
    }
    for name in [
        "a.txt", "a.md", "a.html", "a.json", "a.csv", "a.xml", "a.mbox", "a.org", "a.rtf", "a.enex",
    ] {
        let binary = vec![0; 1 << 20];
        let brackets = "[".repeat(200_000).into_bytes();
        let items = format!("<?xml version=\"1.0\"?><rss>{}", "<item>".repeat(50_000)).into_bytes();
        for bytes in [binary, brackets, items] {
            let words: usize = checked(name, &bytes).iter().map(|piece| piece.words).sum();
            assert_eq!(words, 0, "{name}");
        }
    }
}

#[test]
fn a_text_of_symbols_is_not_prose() {
    for sign in ["<", "[", "*a", "`"] {
        let text = sign.repeat(3 << 20) + " and a word";
        let (pieces, warnings) = read("a.md", text.as_bytes());
        assert_eq!(pieces.len() + warnings.len(), 1, "{sign}");
        assert!(pieces.iter().all(|piece| piece.words == 0), "{sign}");
    }
}

#[test]
fn a_feed_with_too_many_entries_is_truncated() {
    let feed = format!("<rss>{}</rss>", "<item><a/></item>".repeat(300_000));
    let (pieces, warnings) = read("a.xml", feed.as_bytes());
    assert!(pieces.is_empty());
    assert!(warnings.iter().any(|c| c.reason.contains("Too many texts")));
}

#[test]
fn a_link_in_a_zip_is_not_followed() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("a.md", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    assert!(warnings("e.zip", &zip)[0].contains("link"));
}

#[test]
fn a_zip_with_too_many_files_is_truncated() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for n in 0..50_010 {
        zip.start_file(
            n.to_string(),
            SimpleFileOptions::default().compression_method(CompressionMethod::Stored),
        )
        .unwrap();
    }
    let zip = zip.finish().unwrap().into_inner();
    assert!(warnings("e.zip", &zip)[0].contains("Too many files"));
}

#[test]
fn ten_nested_zips_are_refused() {
    let mut zip = zipped(&[("a.md", POST)], CompressionMethod::Stored);
    for _ in 0..10 {
        zip = zipped(&[("a.zip", &zip)], CompressionMethod::Stored);
    }
    let (pieces, warnings) = read("e.zip", &zip);
    assert_eq!((pieces.len(), warnings.len()), (0, 1), "{warnings:?}");
    assert!(warnings[0].reason.contains("zip inside a zip"));
}

#[test]
fn growing_entities_are_refused_in_every_xml_format() {
    let mut bomb = "<!ENTITY a0 \"ha\">".to_owned();
    for n in 1..30 {
        bomb += &format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10));
    }
    let named = ["a.xml", "a.rss", "a.atom", "a.enex"];
    for (name, root) in named.iter().zip(["rss", "rss", "feed", "en-export"]) {
        let xml = format!("<?xml version=\"1.0\"?><!DOCTYPE a [{bomb}]><{root}>&a29;</{root}>");
        let (pieces, warnings) = read(name, xml.as_bytes());
        assert_eq!((pieces.len(), warnings.len()), (0, 1), "{name}");
        assert!(warnings[0].reason.contains("entities"), "{name}: {warnings:?}");
    }
    let xml = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE a [{bomb}]><w:document><w:p>&a29;</w:p></w:document>"
    );
    let word = zipped(&[("word/document.xml", xml.as_bytes())], CompressionMethod::Deflated);
    assert!(read("a.docx", &word).0.iter().all(|piece| piece.text.len() < 1000));
}

#[test]
fn a_zip_reads_the_same_from_memory_and_disk() {
    let zip = zipped(&[("a/b.md", POST), ("a/c.jpg", b"x")], CompressionMethod::Deflated);
    let at_once = read_with("e.zip", &zip, &SidecarIndex::default());
    assert_eq!(read_zip("e.zip", Cursor::new(&zip), &SidecarIndex::default()), at_once);
    assert!(is_zip(&zip[..4]) && at_once.pieces.len() == 1);
}

#[test]
fn prefixes_and_damaged_files_keep_every_invariant() {
    let page = "<!doctype html><html><head><title>A</title></head><body><article><h1>Ä</h1><p>x &amp; <b>y</b><pre>z</pre>\
        <ul><li>a<table><tr><td>b</table></article></html>";
    let post = "---\ntitle: Ä\n---\n{{<x>}}é{{</x>}} {% highlight c %}\na\n{% endhighlight %}\n> `q`\n\n[a](b) ![c](d)\n\n\
        <div>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n</div>\n\n[^1]: é\n{:.x}\n&mdash;<br>ü[^1]\n";
    let zip =
        zipped(&[("a.md", post.as_bytes()), ("b.docx", &docx("x"))], CompressionMethod::Deflated);
    let word = docx("I went up.");
    let wxr = "<rss xmlns:wp=\"w\"><channel><item><title>Ä</title><content:encoded><![CDATA[[caption a=\"b\"]x[/caption] é\n\ny]]></content:encoded>\
        <wp:post_type>post</wp:post_type></item></channel></rss>";
    let ghost = "{\"posts\":[{\"title\":\"Ä\",\"lexical\":\"{\\\"root\\\":{\\\"children\\\":[{\\\"type\\\":\\\"text\\\",\\\"text\\\":\\\"é\\\"}]}}\"}]}";
    let mail = "From a@b Sat Jan  3 01:05:34 1996\nSubject: =?utf-8?q?=C3=84?=\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nÄ\n> q\n--b--\n";
    let table = "title;content;date\nÄ;\"a\n\"\"b\"\"\";2024-03-05\n";
    let org = "#+TITLE: Ä\n* DONE a :b:\n:PROPERTIES:\n:END:\n/é/ [[a][b]]\n#+begin_src c\nx\n#+end_src\n";
    let outline = "- [[Ä]] {{x}} ((abcdefghij)) ^^é^^\n\t- TODO b\n\t  c:: d\n%%x%% > [!a] b\n";
    let rich = "{\\rtf1\\ansi{\\info{\\title A}}\\u233?\\'e9{\\b x}{\\listtext a}y\\par}";
    let files: [(&str, &[u8]); 11] = [
        ("a.xml", wxr.as_bytes()),
        ("a.json", ghost.as_bytes()),
        ("a.mbox", mail.as_bytes()),
        ("a.csv", table.as_bytes()),
        ("a.org", org.as_bytes()),
        ("g/journals/a.md", outline.as_bytes()),
        ("a.rtf", rich.as_bytes()),
        ("a/b.html", page.as_bytes()),
        ("a/b.md", post.as_bytes()),
        ("a.zip", &zip),
        ("a.docx", &word),
    ];
    for (name, bytes) in files {
        assert!(!checked(name, bytes).is_empty(), "{name}");
        for at in 0..bytes.len() {
            checked(name, &bytes[..at]);
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 1 << (at % 8);
            checked(name, &damaged);
            let doubled = [&bytes[..at], bytes].concat();
            checked(name, &doubled);
        }
    }
}

#[test]
fn documents_are_recognised_by_content() {
    const TEXT: &str = "application/vnd.oasis.opendocument.text";
    let stored = CompressionMethod::Stored;
    let content = "<office:document-content><office:body><office:text><text:p>It rained.</text:p></office:text></office:body></office:document-content>";
    let types = "<Types><Override ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>";
    let main = "<Relationships><Relationship Id=\"r\" Type=\"http://x/officeDocument\" Target=\"/w/main.xml\"/></Relationships>";
    let body =
        "<w:document><w:body><w:p><w:r><w:t>It rained.</w:t></w:r></w:p></w:body></w:document>";
    let odt: &[(&str, &[u8])] =
        &[("mimetype", TEXT.as_bytes()), ("content.xml", content.as_bytes())];
    let word: &[(&str, &[u8])] = &[
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", main.as_bytes()),
        ("w/main.xml", body.as_bytes()),
    ];
    for (name, members) in [
        ("a.odt", odt),
        ("a.ott", odt),
        ("a.docx", odt),
        ("a.zip", odt),
        ("a.docx", word),
        ("a.docm", word),
        ("a.dotx", word),
        ("a.odt", word),
        ("a", word),
    ] {
        let (pieces, warnings) = read(name, &zipped(members, stored));
        assert_eq!(pieces.len(), 1, "{name}: {warnings:?}");
        assert_eq!(pieces[0].text, "It rained.", "{name}");
    }
    let flat = content.replace("document-content", "document");
    assert_eq!(one("a.fodt", flat.as_bytes()).text, "It rained.");
    let manifest = b"<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>";
    let locked = [odt, &[("META-INF/manifest.xml", manifest)]].concat();
    for (name, bytes, part) in [
        ("a.odt", zipped(&locked, stored), "without a password"),
        ("a.zip", zipped(&[("Index/Document.iwa", b"x")], stored), "Pages"),
    ] {
        let (_, warnings) = read(name, &bytes);
        assert!(warnings[0].reason.contains(part), "{name}: {warnings:?}");
    }
}

#[test]
fn text_in_the_trash_is_counted() {
    let mut sidecars = SidecarIndex::default();
    let binder = "<ScrivenerProject><Binder><BinderItem UUID=\"T\" Type=\"TrashFolder\"><Children><BinderItem UUID=\"B\" Type=\"Text\"/></Children></BinderItem></Binder></ScrivenerProject>";
    sidecars.add("n.scriv/n.scrivx", binder.as_bytes());
    let result = read_with("n.scriv/Files/Data/B/content.rtf", b"{\\rtf1 Two words.}", &sidecars);
    assert_eq!((result.pieces.len(), result.warnings[0].words), (0, 2));
    assert_eq!(result.warnings[0].reason, "Skipped: in the Trash. Left out: 2 words.");
}
