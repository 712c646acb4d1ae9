//! WordPress exports (WXR), and those of Squarespace, which use the same format.
//!
//! Most items are pictures, menus and settings; comments are other people's words. Posts and pages are
//! read; the words of everything else are counted.

use std::collections::HashMap;

use crate::archive::entry::{Entry, ExportContents};
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;
use crate::archive::xml::{Node, read_records};
use crate::archive::{date, html, markdown};

/// Post types that are writing, with their kind.
const WRITING: [(&str, &str); 10] = [
    ("post", "post"),
    ("page", "page"),
    ("article", "post"),
    ("note", "note"),
    ("aside", "note"),
    ("essay", "essay"),
    ("story", "story"),
    ("review", "review"),
    ("newsletter", "newsletter"),
    ("blog", "post"),
];

/// Returns true if an XML file declares the namespace of WordPress exports.
pub(super) fn sniff(head: &str) -> bool {
    head.contains("xmlns:wp=") || head.contains("<wp:")
}

/// Reads an export.
pub(super) fn read(xml: &str) -> ExportContents {
    let mut contents = ExportContents::default();
    let mut names: HashMap<String, String> = HashMap::new();
    let ended = read_records(xml, &["wp:author", "item"], |node| match node.name.as_str() {
        "wp:author" => {
            if let (Some(login), Some(name)) =
                (node.child_text("wp:author_login"), node.child_text("wp:author_display_name"))
            {
                names.insert(login.to_owned(), name.to_owned());
            }
        }
        _ => {
            let found = entry(&node, &names, &mut contents.omissions);
            contents.entries.extend(found);
        }
    });
    contents.warnings.extend(ended.err());
    contents
}

fn entry(item: &Node, names: &HashMap<String, String>, lost: &mut Omissions) -> Option<Entry> {
    let sort = item.child_text("wp:post_type").unwrap_or("post");
    let status = item.child_text("wp:status").unwrap_or("publish");
    let mut omissions = Omissions::default();
    let plain = |node: &Node| html::plain_text(&node.text);
    for comment in item.children_named("wp:comment") {
        comment
            .child("wp:comment_content")
            .iter()
            .for_each(|node| omissions.add("in comments", &plain(node)));
    }
    item.child("excerpt:encoded")
        .iter()
        .for_each(|node| omissions.add("in a summary", &plain(node)));
    let kind = WRITING.iter().find(|(known, _)| *known == sort).map(|(_, kind)| *kind);
    let what = match (status, kind) {
        ("trash", _) => "in the trash",
        ("spam", _) => "in spam",
        (_, None) if sort == "attachment" => "in descriptions of pictures",
        ("inherit", _) => "in earlier versions",
        (_, None) => "in items that are not posts",
        _ => "",
    };
    let Some(kind) = kind.filter(|_| what.is_empty()) else {
        // Themes store settings among the posts.
        let prose = item.child("content:encoded").filter(|node| !node.text.trim().starts_with('{'));
        prose.iter().for_each(|node| lost.add(what, &plain(node)));
        if status == "trash" {
            lost.add(what, item.child_text("title").unwrap_or_default());
        }
        lost.merge(&omissions);
        return None;
    };
    // The blog's local time first; drafts have none.
    let days = ["wp:post_date", "pubdate", "wp:post_date_gmt", "wp:post_modified"];
    let author = item.child_text("dc:creator");
    let slug = item.child_text("wp:post_name").map(|slug| slug.trim_end_matches(".html"));
    Some(Entry {
        key: slug.or_else(|| item.child_text("wp:post_id")).map(readable).unwrap_or_default(),
        metadata: Metadata {
            title: item
                .child_text("title")
                .and_then(|title| crate::archive::text::non_empty(&html::decode_entities(title))),
            author: author.map(|login| names.get(login).map_or(login, String::as_str).to_owned()),
            date: days.iter().find_map(|key| date::parse(item.child_text(key)?)),
            kind: Some(kind.to_owned()),
            hints: Vec::new(),
            unfinished: matches!(status, "draft" | "pending" | "auto-draft" | "future"),
        },
        text: body_to_markdown(&item.child("content:encoded")?.text, &mut omissions),
        omissions,
    })
}

/// Decodes the percent codes of a slug, without an incomplete one at the end.
fn readable(slug: &str) -> String {
    let mut bytes = Vec::with_capacity(slug.len());
    let mut rest = slug;
    while let Some(at) = rest.find('%') {
        bytes.extend(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        match rest.get(1..3).and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[3..];
            }
            None => {
                bytes.push(b'%');
                rest = &rest[1..];
            }
        }
    }
    bytes.extend(rest.as_bytes());
    String::from_utf8_lossy(&bytes).trim_matches([char::REPLACEMENT_CHARACTER, '%']).to_owned()
}

/// Converts a post's body to Markdown.
fn body_to_markdown(body: &str, omissions: &mut Omissions) -> String {
    let body = without_shortcodes(&verse_to_paragraphs(&body.replace("\r\n", "\n")), omissions);
    // The block editor writes paragraph tags; older posts separate paragraphs by blank lines.
    let blocks = body.contains("<!-- wp:");
    let body = if blocks { body } else { paragraphs(&body) };
    indented(&html::fragment_with(&body, omissions))
}

/// Indents lines of verse by their no-break spaces, but not enough to become code.
fn indented(text: &str) -> String {
    if !text.contains('\u{a0}') {
        return text.to_owned();
    }
    let mut blank = true;
    let lines = text.lines().map(|line| {
        let bare = line.trim_start_matches('\u{a0}');
        let indent = (line.len() - bare.len()) / '\u{a0}'.len_utf8();
        let indent = if blank { indent.min(3) } else { indent };
        blank = line.is_empty();
        format!("{}{bare}", " ".repeat(indent))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Converts verse and preformatted blocks to paragraphs with line breaks: they are not code.
fn verse_to_paragraphs(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find("<pre") {
        let tag = rest[at..].find('>').map_or(rest.len(), |end| at + end + 1);
        let class = ["wp-block-verse", "wp-block-preformatted"];
        let end = rest[tag..]
            .find("</pre>")
            .filter(|_| class.iter().any(|name| rest[at..tag].contains(name)));
        let Some(end) = end else {
            out.push_str(&rest[..tag]);
            rest = &rest[tag..];
            continue;
        };
        out.push_str(&rest[..at]);
        let stanzas = rest[tag..tag + end].split("\n\n").map(|stanza| {
            let lines = stanza.lines().map(|line| {
                let bare = line.trim_start_matches([' ', '\t']);
                format!("{}{bare}", "&nbsp;".repeat((line.len() - bare.len()).min(20)))
            });
            format!("<p>{}</p>", lines.collect::<Vec<_>>().join("<br>"))
        });
        out.extend(stanzas);
        rest = &rest[tag + end + "</pre>".len()..];
    }
    out + rest
}

/// Converts blank lines to paragraphs and line ends to breaks, as WordPress does.
pub(super) fn paragraphs(body: &str) -> String {
    const BLOCKS: [&str; 22] = [
        "p",
        "div",
        "ul",
        "ol",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "table",
        "tr",
        "td",
        "th",
        "tbody",
        "thead",
        "pre",
        "hr",
        "figure",
        "section",
    ];
    let tag = |text: &str| {
        let name: String = text
            .trim_start_matches(['<', '/'])
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        BLOCKS.contains(&name.to_ascii_lowercase().as_str())
    };
    let opens = |line: &str| line.starts_with('<') && tag(line);
    let closes = |line: &str| {
        line.ends_with('>') && line.rfind('<').is_some_and(|at| tag(&line[at..]))
            || line.ends_with("<br />")
            || line.ends_with("<br>")
    };
    let mut out = String::with_capacity(body.len() + 64);
    let mut in_pre = false;
    let mut before: Option<&str> = None;
    for line in body.split('\n') {
        let (trimmed, held) = (line.trim(), in_pre);
        if line.contains("<pre") {
            in_pre = true;
        }
        if line.rfind("</pre").is_some_and(|end| line.rfind("<pre").is_none_or(|open| open < end)) {
            in_pre = false;
        }
        match before {
            Some(_) if held => out.push('\n'),
            Some("") => out.push_str("\n<p>"),
            Some(above) if !trimmed.is_empty() && !closes(above) && !opens(trimmed) => {
                out.push_str("<br>\n")
            }
            Some(_) => out.push('\n'),
            None => {}
        }
        out.push_str(line);
        before = Some(trimmed);
    }
    out
}

/// Removes `[caption]`, `[gallery]` and other shortcodes; code becomes a `pre`.
fn without_shortcodes(body: &str, omissions: &mut Omissions) -> String {
    const DROPPED: [&str; 14] = [
        "caption",
        "gallery",
        "embed",
        "audio",
        "video",
        "playlist",
        "youtube",
        "vimeo",
        "wpvideo",
        "contact-form",
        "contact-form-7",
        "googlemaps",
        "polldaddy",
        "instagram",
    ];
    const CODE: [&str; 6] = ["code", "sourcecode", "source", "php", "cc", "syntax"];
    // Code shortcodes of other plugins name the language.
    let is_code = |name: &str, inside: &str| {
        CODE.contains(&name) || inside.contains(" lang=") || inside.contains(" language=")
    };
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    // Limits the searches, which would take quadratic time in a long text.
    let mut searches = 2000;
    while let Some(at) = rest.find('[') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some((name, inside, end)) = shortcode(rest) else {
            out.push('[');
            rest = &rest[1..];
            continue;
        };
        let after = &rest[end..];
        let close = format!("[/{name}]");
        let closed = if inside.ends_with('/') || searches == 0 {
            None
        } else {
            searches -= 1;
            after[..after.floor_char_boundary(64 << 10)].find(&close)
        };
        match closed {
            Some(to) if DROPPED.contains(&name) => {
                omissions.add("in captions and embeds", &html::plain_text(&after[..to]));
                omissions.add_words("in captions and embeds", markdown::quoted_words(inside));
                rest = &after[to + close.len()..];
            }
            Some(to) if is_code(name, inside) => {
                let code = html::decode_entities(&after[..to]).into_owned();
                let code = quick_xml::escape::escape(code.trim_matches('\n'));
                out.push_str(&format!("\n<pre>{code}</pre>\n"));
                rest = &after[to + close.len()..];
            }
            Some(to) => {
                // The shortcode is removed and its content stays.
                out.push_str(&without_shortcodes_once(&after[..to]));
                rest = &after[to + close.len()..];
            }
            None if DROPPED.contains(&name) || inside.contains('=') => {
                omissions.add_words("in captions and embeds", markdown::quoted_words(inside));
                rest = after;
            }
            None => {
                out.push_str(&rest[..end]);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The content of a shortcode without the shortcodes inside it.
fn without_shortcodes_once(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('[') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let bare = rest.strip_prefix("[/").is_some_and(|rest| rest.contains(']'));
        let end = match shortcode(rest) {
            Some((_, inside, end)) if inside.contains('=') || bare => end,
            _ => 1,
        };
        if end == 1 {
            out.push('[');
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// The shortcode at the start of `text`: its name, the text in the brackets, its length.
fn shortcode(text: &str) -> Option<(&str, &str, usize)> {
    let window = &text[..text.floor_char_boundary(2000)];
    let end = window.find(']')?;
    let inside = &text[1..end];
    let bare = inside.trim_start_matches('/');
    let cut = bare.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(bare.len());
    let name = &bare[..cut];
    let plain = name.len() > 1
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        && name.starts_with(|c: char| c.is_ascii_lowercase());
    let link = text[end + 1..].starts_with('(');
    (plain && !link).then_some((name, inside, end + 1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn export(items: &str) -> ExportContents {
        read(&format!(
            "<?xml version=\"1.0\"?><rss xmlns:wp=\"http://wordpress.org/export/1.2/\"><channel>\
             <title>A blog</title><wp:author><wp:author_login>jo</wp:author_login>\
             <wp:author_email>jo@example.org</wp:author_email>\
             <wp:author_display_name><![CDATA[Jo Hill]]></wp:author_display_name></wp:author>\
             {items}</channel></rss>"
        ))
    }

    fn item(sort: &str, status: &str, body: &str) -> String {
        format!(
            "<item><title>On hills &amp;amp; rain</title><dc:creator>jo</dc:creator>\
             <content:encoded><![CDATA[{body}]]></content:encoded>\
             <wp:post_name>hills</wp:post_name><wp:post_date>2013-11-02 23:02:32</wp:post_date>\
             <wp:post_type>{sort}</wp:post_type><wp:status>{status}</wp:status>\
             <wp:comment><wp:comment_content>Theirs.</wp:comment_content></wp:comment></item>"
        )
    }

    fn check(body: &str, expected: &str) {
        assert_eq!(export(&item("post", "publish", body)).entries[0].text, expected, "{body}");
    }

    #[test]
    fn a_post_has_metadata_but_no_comments() {
        let contents = export(&item("post", "draft", "One.\n\nTwo."));
        let [entry] = contents.entries.as_slice() else { panic!("one entry") };
        assert_eq!(entry.metadata.title.as_deref(), Some("On hills & rain"));
        assert_eq!(entry.metadata.author.as_deref(), Some("Jo Hill"));
        assert_eq!(entry.metadata.date.unwrap().to_string(), "2013-11-02");
        assert!(entry.metadata.unfinished && contents.warnings.is_empty());
        assert_eq!((entry.key.as_str(), entry.text.as_str()), ("hills", "One.\n\nTwo."));
    }

    #[test]
    fn pictures_menus_and_trash_are_not_writing() {
        for (sort, status) in [
            ("attachment", "inherit"),
            ("nav_menu_item", "publish"),
            ("post", "trash"),
            ("feedback", "publish"),
        ] {
            assert!(export(&item(sort, status, "x")).entries.is_empty(), "{sort}");
        }
        assert_eq!(
            export(&item("page", "private", "x")).entries[0].metadata.kind.as_deref(),
            Some("page")
        );
    }

    #[test]
    fn posts_of_the_classic_and_the_block_editor() {
        check(
            "One.\nStill one.\n\n<blockquote>Theirs.\n\nToo.</blockquote>\nTwo.",
            "One.\nStill one.\n\n> Theirs.\n>\n> Too.\n\nTwo.",
        );
        check("<pre>a\n\nb</pre>\n\nText.", "```\na\n\nb\n```\n\nText.");
        check(
            "<!-- wp:paragraph {\"a\":1} -->\n<p>One\ntwo.</p>\n<!-- /wp:paragraph -->",
            "One two.",
        );
    }

    #[test]
    fn shortcodes_are_removed_and_brackets_stay() {
        check("[caption id=\"a\"]<img src=\"x\"/> A hill[/caption]\n\nText.", "Text.");
        check("[gallery ids=\"1,2\"]Text.", "Text.");
        check("[sourcecode language=\"c\"]\na &lt; b\n[/sourcecode]", "```\na < b\n```");
        check("[column width=\"2\"][inner a=\"b\"]Text.[/inner][/column]", "Text.");
        check("He said [sic] so.", "He said [sic] so.");
        check("A [link](http://a.b) here.", "A [link](http://a.b) here.");
    }

    #[test]
    fn verse_keeps_its_lines_and_code_stays_code() {
        let verse = "<!-- wp:verse -->\n<pre class=\"wp-block-verse\">The kettle cold,\n   the <em>harbour</em> old</pre>\n<!-- /wp:verse -->";
        check(verse, "The kettle cold,\n   the *harbour* old");
        let two = "<!-- wp:preformatted --><pre class=\"wp-block-preformatted\">One<br>two</pre><!-- /wp:preformatted -->";
        check(two, "One\ntwo");
        check(
            "[cc lang=\"c\"]\nif (a<b && c) { }\n[/cc]\n\nText.",
            "```\nif (a<b && c) { }\n```\n\nText.",
        );
        check("[snip language=\"c\"]a<b[/snip]", "```\na<b\n```");
    }

    #[test]
    fn items_that_are_not_posts_are_counted() {
        let trashed = item("post", "trash", "One two three.");
        let caption = item("attachment", "inherit", "A hill.");
        let settings = item("wp_global_styles", "publish", "{\"version\": 2}");
        let excerpt =
            item("post", "publish", "[caption caption=\"A hill\"]<img/> at dusk[/caption]Text.")
                .replace(
                    "<wp:comment>",
                    "<excerpt:encoded>In short.</excerpt:encoded><wp:comment>",
                );
        let contents = export(&(trashed + &caption + &settings + &excerpt));
        assert_eq!(
            contents.omissions.sentence().unwrap(),
            "Left out 12 words: 7 in the trash, 3 in comments, 2 in descriptions of pictures."
        );
        assert_eq!(
            contents.entries[0].omissions.sentence().unwrap(),
            "Left out 7 words: 4 in captions and embeds, 2 in a summary, 1 in comments."
        );
    }

    #[test]
    fn invalid_dates_and_percent_encoded_slugs() {
        let odd = item("post", "draft", "One.")
            .replace("2013-11-02 23:02:32", "0000-00-00 00:00:00")
            .replace(
                "<title>On hills &amp;amp; rain</title>",
                "<title></title><pubDate>Mon, 30 Nov -0001 00:00:00 +0000</pubDate>",
            )
            .replace("hills", "%e2%98%ba%c3%bcber-berg%c3");
        let contents = export(&odd);
        assert_eq!(contents.entries[0].metadata.date, None);
        assert_eq!(contents.entries[0].key, "☺über-berg");
        assert_eq!(readable("100%-sure%"), "100%-sure");
    }

    #[test]
    fn split_cdata_and_truncated_files() {
        check("x ]]]]><![CDATA[> y", "x ]]> y");
        let whole = item("post", "publish", "One.");
        let contents = read(&format!("<rss xmlns:wp=\"x\">{whole}{}", &whole[..whole.len() - 30]));
        assert_eq!((contents.entries.len(), contents.warnings.len()), (1, 1));
    }
}
