//! Cuts the elements with somebody else's words out of HTML mail, by the marks of the big mail
//! programs.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::archive::html_tags::{self, Tag};

/// A mail without the elements that hold others' words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SplitMail {
    /// The rest of the mail.
    pub(super) html: String,
    /// The elements that were removed, with their kinds.
    pub(super) taken: Vec<(QuoteKind, String)>,
    /// The mail has marks of a reply.
    pub(super) is_reply: bool,
}

/// The kind of text in an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuoteKind {
    /// The message that is answered.
    Quoted,
    Forwarded,
    Signature,
    /// The line above a quote.
    Attribution,
}

/// The meaning of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// The element holds this.
    Element(QuoteKind),
    /// Everything from the element on is this.
    Rest(QuoteKind),
    /// Gmail's quote.
    Gmail,
}

/// Marks of mail programs (a class, an id or a name) and their meanings.
const MARKS: &[(&str, Mark)] = &[
    // Gmail
    ("gmail_quote", Mark::Gmail),
    ("gmail_quote_container", Mark::Gmail),
    ("gmail_attr", Mark::Element(QuoteKind::Attribution)),
    ("gmail_signature", Mark::Element(QuoteKind::Signature)),
    ("gmail_signature_prefix", Mark::Element(QuoteKind::Signature)),
    // Outlook: desktop, web, phone
    ("divRplyFwdMsg", Mark::Rest(QuoteKind::Quoted)),
    ("appendonsend", Mark::Rest(QuoteKind::Quoted)),
    ("stopSpelling", Mark::Rest(QuoteKind::Quoted)),
    ("OLK_SRC_BODY_SECTION", Mark::Element(QuoteKind::Quoted)),
    ("mail-editor-reference-message-container", Mark::Element(QuoteKind::Quoted)),
    ("ms-outlook-mobile-reference-message", Mark::Element(QuoteKind::Quoted)),
    ("ms-outlook-mobile-body-separator-line", Mark::Element(QuoteKind::Attribution)),
    ("ms-outlook-mobile-signature", Mark::Element(QuoteKind::Signature)),
    ("Signature", Mark::Element(QuoteKind::Signature)),
    // Yahoo
    ("yahoo_quoted", Mark::Element(QuoteKind::Quoted)),
    ("yahoo-signature", Mark::Element(QuoteKind::Signature)),
    // Apple
    ("AppleMailSignature", Mark::Element(QuoteKind::Signature)),
    ("lineBreakAtBeginningOfSignature", Mark::Element(QuoteKind::Signature)),
    // Thunderbird
    ("moz-cite-prefix", Mark::Element(QuoteKind::Attribution)),
    ("moz-forward-container", Mark::Element(QuoteKind::Forwarded)),
    ("moz-signature", Mark::Element(QuoteKind::Signature)),
    ("moz-txt-sig", Mark::Element(QuoteKind::Signature)),
    // Others
    ("protonmail_quote", Mark::Element(QuoteKind::Quoted)),
    ("protonmail_signature_block", Mark::Element(QuoteKind::Signature)),
    ("tutanota_quote", Mark::Element(QuoteKind::Quoted)),
    ("zwchr", Mark::Rest(QuoteKind::Quoted)),
    ("zmail_extra", Mark::Element(QuoteKind::Quoted)),
    ("isReplyContent", Mark::Element(QuoteKind::Quoted)),
    ("ntes-mailmaster-quote", Mark::Element(QuoteKind::Quoted)),
    ("reply-intro", Mark::Element(QuoteKind::Attribution)),
    ("airmail_on", Mark::Element(QuoteKind::Attribution)),
    ("messageReplySection", Mark::Element(QuoteKind::Quoted)),
    ("messageSignatureSection", Mark::Element(QuoteKind::Signature)),
    ("composer_signature", Mark::Element(QuoteKind::Signature)),
    ("history-quote-wrapper", Mark::Element(QuoteKind::Quoted)),
    ("lark-mail-quote", Mark::Element(QuoteKind::Quoted)),
    ("front-blockquote", Mark::Element(QuoteKind::Quoted)),
    ("missive_quote", Mark::Element(QuoteKind::Quoted)),
    ("hs_reply", Mark::Element(QuoteKind::Quoted)),
    ("sh-signature", Mark::Element(QuoteKind::Signature)),
    ("spark-signature", Mark::Element(QuoteKind::Signature)),
];

/// Removes others' words from an HTML mail.
pub(super) fn split(html: &str) -> SplitMail {
    let tags = html_tags::tags(html);
    let closes = html_tags::closes(&tags);
    let end = tags
        .iter()
        .rfind(|tag| tag.closes && tag.name == "body")
        .map_or(html.len(), |tag| tag.from);
    let last_word = last_word(html, &tags, end);
    let quotes: Vec<usize> =
        tags.iter().filter(|tag| tag.opens("blockquote")).map(|tag| tag.from).collect();
    let mut split_mail = SplitMail::default();
    let mut at = 0;
    for (index, tag) in tags.iter().enumerate() {
        if tag.closes || tag.from < at {
            continue;
        }
        let close = closes[index].map_or(end, |close| tags[close].to).max(tag.to);
        let quote = tag.opens("blockquote");
        let meaning = mark(tag);
        let found = match meaning {
            // Gmail's quote element also holds the attribution and perhaps answers below the quote; a
            // forwarded message is in it without a quote.
            Some(Mark::Gmail) => {
                let next = quotes.partition_point(|&from| from < tag.from);
                let held = quotes.get(next).is_some_and(|&from| from < close);
                (!held).then_some((close, QuoteKind::Forwarded))
            }
            Some(Mark::Element(holds)) => Some((close, holds)),
            Some(Mark::Rest(holds)) => (tag.from < last_word).then_some((end.max(tag.to), holds)),
            None => None,
        };
        split_mail.is_reply |= matches!(meaning, Some(Mark::Gmail))
            || (quote && tag.value("type").is_some_and(|kind| kind.eq_ignore_ascii_case("cite")))
            || found.is_some_and(|(_, holds)| holds != QuoteKind::Signature);
        let Some((to, holds)) = found else { continue };
        split_mail.html.push_str(&html[at..tag.from]);
        split_mail.taken.push((holds, html[tag.from..to].to_owned()));
        at = to;
    }
    split_mail.html.push_str(&html[at..]);
    split_mail
}

/// The start of the last text between tags that has a letter.
fn last_word(html: &str, tags: &[Tag], end: usize) -> usize {
    let mut to = end;
    for tag in tags.iter().rev().filter(|tag| tag.to <= end) {
        if html[tag.to..to.max(tag.to)].contains(char::is_alphanumeric) {
            return tag.to;
        }
        to = tag.from;
    }
    0
}

/// The meaning of a tag's class, id or name. Outlook prefixes the marks of quoted mail with `x_`, Yahoo
/// with a number.
fn mark(tag: &Tag) -> Option<Mark> {
    if tag.value("data-signatureblock") == Some("true") {
        return Some(Mark::Element(QuoteKind::Signature));
    }
    let values = ["class", "id", "name"].into_iter().filter_map(|key| tag.value(key));
    let found = values.flat_map(str::split_whitespace).find_map(|word| {
        let word = word.strip_prefix("x_").unwrap_or(word);
        // "ydp1a2b3c4dyahoo_quoted"
        let word = if word.starts_with("ydp") { word.get(11..).unwrap_or(word) } else { word };
        MARKS_BY_NAME.get(word).copied()
    });
    found.filter(|mark| !(*mark == Mark::Gmail && tag.name == "blockquote"))
}

static MARKS_BY_NAME: LazyLock<HashMap<&str, Mark>> =
    LazyLock::new(|| MARKS.iter().copied().collect());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_of_big_mail_programs_are_removed() {
        for (program, html, left, taken) in [
            (
                "Gmail, passing on",
                "<div>Up.</div><div class=\"gmail_quote\">- Forwarded -<br>Theirs.</div>",
                "<div>Up.</div>",
                Some(QuoteKind::Forwarded),
            ),
            (
                "Gmail, the line above",
                "Up.<div class=\"gmail_attr\" dir=ltr>On, she</div>",
                "Up.",
                Some(QuoteKind::Attribution),
            ),
            (
                "Gmail, signature",
                "Up.<div class='gmail_signature'>Jo<div>Hill</div></div>",
                "Up.",
                Some(QuoteKind::Signature),
            ),
            (
                "Outlook on the web",
                "<body>Up.<hr><div id=\"divRplyFwdMsg\">From</div><div>Theirs.</div></body>",
                "<body>Up.<hr></body>",
                Some(QuoteKind::Quoted),
            ),
            (
                "Outlook in Outlook",
                "Up.<div id=\"x_divRplyFwdMsg\">From</div><div>Theirs.</div>",
                "Up.",
                Some(QuoteKind::Quoted),
            ),
            (
                "Outlook, new",
                "Up.<div id=\"mail-editor-reference-message-container\"><div>Theirs.</div></div>!",
                "Up.!",
                Some(QuoteKind::Quoted),
            ),
            (
                "Outlook, telephone",
                "Up.<div id=\"ms-outlook-mobile-signature\">Get</div>",
                "Up.",
                Some(QuoteKind::Signature),
            ),
            (
                "Outlook for Mac",
                "Up.<span id=\"OLK_SRC_BODY_SECTION\">Theirs.</span>",
                "Up.",
                Some(QuoteKind::Quoted),
            ),
            ("Hotmail", "Up.<hr id=stopSpelling>Theirs.", "Up.", Some(QuoteKind::Quoted)),
            (
                "nothing below the mark",
                "Up.<div id=\"appendonsend\"></div><br>",
                "Up.<div id=\"appendonsend\"></div><br>",
                None,
            ),
            (
                "Yahoo",
                "Up.<div class=\"yahoo_quoted\" id=y>Theirs.</div>",
                "Up.",
                Some(QuoteKind::Quoted),
            ),
            (
                "Yahoo, new",
                "Up.<div id=\"ydp1a2b3c4dyahoo_quoted\" class=\"ydp1a2b3c4dyahoo_quoted\">Theirs.</div>",
                "Up.",
                Some(QuoteKind::Quoted),
            ),
            (
                "Apple, signature",
                "Up.<div id=\"AppleMailSignature\">Jo</div>",
                "Up.",
                Some(QuoteKind::Signature),
            ),
            (
                "Thunderbird",
                "Up.<div class=\"moz-cite-prefix\">On, she</div>",
                "Up.",
                Some(QuoteKind::Attribution),
            ),
            (
                "Thunderbird, passing on",
                "Up.<div class=\"moz-forward-container\">Theirs.</div>",
                "Up.",
                Some(QuoteKind::Forwarded),
            ),
            (
                "Proton",
                "Up.<div class=\"protonmail_quote\">Theirs.</div>",
                "Up.",
                Some(QuoteKind::Quoted),
            ),
            ("Zimbra", "Up.<hr id=\"zwchr\" data-marker=x>Theirs.", "Up.", Some(QuoteKind::Quoted)),
            ("163", "Up.<div id=\"isReplyContent\">Theirs.</div>", "Up.", Some(QuoteKind::Quoted)),
            (
                "Windows Mail, signature",
                "Up.<div data-signatureblock=\"true\">Jo</div>",
                "Up.",
                Some(QuoteKind::Signature),
            ),
            (
                "a class that only sounds so",
                "Up.<div class=\"my_gmail_quotes\">Mine.</div>",
                "Up.<div class=\"my_gmail_quotes\">Mine.</div>",
                None,
            ),
            (
                "a comment",
                "Up.<!-- <div class=\"yahoo_quoted\"> --><p>Mine.</p>",
                "Up.<!-- <div class=\"yahoo_quoted\"> --><p>Mine.</p>",
                None,
            ),
        ] {
            let split_mail = split(html);
            let holds = split_mail.taken.first().map(|taken| taken.0);
            assert_eq!((split_mail.html.as_str(), holds), (left, taken), "{program}");
        }
    }

    #[test]
    fn answers_inside_a_gmail_quote_are_kept() {
        let html = "<div class=gmail_quote><div class=gmail_attr>On, she</div><blockquote class=gmail_quote>Q</blockquote><div>Mine.</div></div>";
        let split_mail = split(html);
        assert!(
            split_mail
                .html
                .ends_with("<blockquote class=gmail_quote>Q</blockquote><div>Mine.</div></div>")
        );
        assert!(split_mail.is_reply && split("<blockquote type=\"cite\">Q</blockquote>").is_reply);
    }

    #[test]
    fn broken_markup_is_split_in_bounded_time() {
        for bit in [
            "<div id=\"appendonsend\">",
            "<div class=gmail_quote>",
            "<script>",
            "<a b='",
            "</",
            "<blockquote>",
            "<!--",
            "<div class=\"yahoo_quoted\">",
        ] {
            let html = bit.repeat(50_000);
            let split_mail = split(&html);
            let taken: usize = split_mail.taken.iter().map(|(_, html)| html.len()).sum();
            assert_eq!(split_mail.html.len() + taken, html.len(), "{bit}");
        }
    }
}
