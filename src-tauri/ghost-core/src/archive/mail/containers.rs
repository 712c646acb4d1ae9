//! The elements of an HTML mail that hold what its writer did not write, by the marks that the big mail
//! programs put on them.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::super::tags::{self, Tag};

/// A mail without the elements that hold others' words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Divided {
    /// What is left.
    pub(super) html: String,
    /// What was taken out, each with what it is.
    pub(super) taken: Vec<(Holds, String)>,
    /// There are marks of a reply in it.
    pub(super) is_reply: bool,
}

/// What an element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// A mail that is answered, or passed on.
    Quoted,
    Forwarded,
    Signature,
    /// The line above a quote.
    Attribution,
}

/// What a mark says of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// The element holds this.
    Element(Holds),
    /// From the beginning of the element on, the mail is this.
    Rest(Holds),
    /// Gmail's quote.
    Gmail,
}

/// Marks of programs: a class, an id or a name, and what it says.
const MARKS: &[(&str, Mark)] = &[
    // Gmail
    ("gmail_quote", Mark::Gmail),
    ("gmail_quote_container", Mark::Gmail),
    ("gmail_attr", Mark::Element(Holds::Attribution)),
    ("gmail_signature", Mark::Element(Holds::Signature)),
    ("gmail_signature_prefix", Mark::Element(Holds::Signature)),
    // Outlook: desktop, web, telephone
    ("divRplyFwdMsg", Mark::Rest(Holds::Quoted)),
    ("appendonsend", Mark::Rest(Holds::Quoted)),
    ("stopSpelling", Mark::Rest(Holds::Quoted)),
    ("OLK_SRC_BODY_SECTION", Mark::Element(Holds::Quoted)),
    ("mail-editor-reference-message-container", Mark::Element(Holds::Quoted)),
    ("ms-outlook-mobile-reference-message", Mark::Element(Holds::Quoted)),
    ("ms-outlook-mobile-body-separator-line", Mark::Element(Holds::Attribution)),
    ("ms-outlook-mobile-signature", Mark::Element(Holds::Signature)),
    ("Signature", Mark::Element(Holds::Signature)),
    // Yahoo
    ("yahoo_quoted", Mark::Element(Holds::Quoted)),
    ("yahoo-signature", Mark::Element(Holds::Signature)),
    // Apple
    ("AppleMailSignature", Mark::Element(Holds::Signature)),
    ("lineBreakAtBeginningOfSignature", Mark::Element(Holds::Signature)),
    // Thunderbird
    ("moz-cite-prefix", Mark::Element(Holds::Attribution)),
    ("moz-forward-container", Mark::Element(Holds::Forwarded)),
    ("moz-signature", Mark::Element(Holds::Signature)),
    ("moz-txt-sig", Mark::Element(Holds::Signature)),
    // Others
    ("protonmail_quote", Mark::Element(Holds::Quoted)),
    ("protonmail_signature_block", Mark::Element(Holds::Signature)),
    ("tutanota_quote", Mark::Element(Holds::Quoted)),
    ("zwchr", Mark::Rest(Holds::Quoted)),
    ("zmail_extra", Mark::Element(Holds::Quoted)),
    ("isReplyContent", Mark::Element(Holds::Quoted)),
    ("ntes-mailmaster-quote", Mark::Element(Holds::Quoted)),
    ("reply-intro", Mark::Element(Holds::Attribution)),
    ("airmail_on", Mark::Element(Holds::Attribution)),
    ("messageReplySection", Mark::Element(Holds::Quoted)),
    ("messageSignatureSection", Mark::Element(Holds::Signature)),
    ("composer_signature", Mark::Element(Holds::Signature)),
    ("history-quote-wrapper", Mark::Element(Holds::Quoted)),
    ("lark-mail-quote", Mark::Element(Holds::Quoted)),
    ("front-blockquote", Mark::Element(Holds::Quoted)),
    ("missive_quote", Mark::Element(Holds::Quoted)),
    ("hs_reply", Mark::Element(Holds::Quoted)),
    ("sh-signature", Mark::Element(Holds::Signature)),
    ("spark-signature", Mark::Element(Holds::Signature)),
];

/// Takes others' words out of an HTML mail.
pub(super) fn divide(html: &str) -> Divided {
    let tags = tags::tags(html);
    let closes = tags::closes(&tags);
    let end = tags
        .iter()
        .rfind(|tag| tag.closes && tag.name == "body")
        .map_or(html.len(), |tag| tag.from);
    let last_word = last_word(html, &tags, end);
    let quotes: Vec<usize> =
        tags.iter().filter(|tag| tag.opens("blockquote")).map(|tag| tag.from).collect();
    let mut divided = Divided::default();
    let mut at = 0;
    for (index, tag) in tags.iter().enumerate() {
        if tag.closes || tag.from < at {
            continue;
        }
        let close = closes[index].map_or(end, |close| tags[close].to).max(tag.to);
        let quote = tag.opens("blockquote");
        let said = mark(tag);
        let found = match said {
            // The element that Gmail quotes in holds the line above the quote, too, and perhaps answers
            // below it; what it passes on stands there without a quote.
            Some(Mark::Gmail) => {
                let next = quotes.partition_point(|&from| from < tag.from);
                let held = quotes.get(next).is_some_and(|&from| from < close);
                (!held).then_some((close, Holds::Forwarded))
            }
            Some(Mark::Element(holds)) => Some((close, holds)),
            Some(Mark::Rest(holds)) => (tag.from < last_word).then_some((end.max(tag.to), holds)),
            None => None,
        };
        divided.is_reply |= matches!(said, Some(Mark::Gmail))
            || (quote && tag.value("type").is_some_and(|kind| kind.eq_ignore_ascii_case("cite")))
            || found.is_some_and(|(_, holds)| holds != Holds::Signature);
        let Some((to, holds)) = found else { continue };
        divided.html.push_str(&html[at..tag.from]);
        divided.taken.push((holds, html[tag.from..to].to_owned()));
        at = to;
    }
    divided.html.push_str(&html[at..]);
    divided
}

/// Where the last text between tags is that has a letter.
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

/// What the class, the id and the name of a tag say. An Outlook that quotes another puts `x_` before
/// each, and Yahoo a number.
fn mark(tag: &Tag) -> Option<Mark> {
    if tag.value("data-signatureblock") == Some("true") {
        return Some(Mark::Element(Holds::Signature));
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
    fn the_big_programs_mark_what_they_quote() {
        for (program, html, left, taken) in [
            (
                "Gmail, passing on",
                "<div>Up.</div><div class=\"gmail_quote\">- Forwarded -<br>Theirs.</div>",
                "<div>Up.</div>",
                Some(Holds::Forwarded),
            ),
            (
                "Gmail, the line above",
                "Up.<div class=\"gmail_attr\" dir=ltr>On, she</div>",
                "Up.",
                Some(Holds::Attribution),
            ),
            (
                "Gmail, signature",
                "Up.<div class='gmail_signature'>Jo<div>Hill</div></div>",
                "Up.",
                Some(Holds::Signature),
            ),
            (
                "Outlook on the web",
                "<body>Up.<hr><div id=\"divRplyFwdMsg\">From</div><div>Theirs.</div></body>",
                "<body>Up.<hr></body>",
                Some(Holds::Quoted),
            ),
            (
                "Outlook in Outlook",
                "Up.<div id=\"x_divRplyFwdMsg\">From</div><div>Theirs.</div>",
                "Up.",
                Some(Holds::Quoted),
            ),
            (
                "Outlook, new",
                "Up.<div id=\"mail-editor-reference-message-container\"><div>Theirs.</div></div>!",
                "Up.!",
                Some(Holds::Quoted),
            ),
            (
                "Outlook, telephone",
                "Up.<div id=\"ms-outlook-mobile-signature\">Get</div>",
                "Up.",
                Some(Holds::Signature),
            ),
            (
                "Outlook for Mac",
                "Up.<span id=\"OLK_SRC_BODY_SECTION\">Theirs.</span>",
                "Up.",
                Some(Holds::Quoted),
            ),
            ("Hotmail", "Up.<hr id=stopSpelling>Theirs.", "Up.", Some(Holds::Quoted)),
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
                Some(Holds::Quoted),
            ),
            (
                "Yahoo, new",
                "Up.<div id=\"ydp1a2b3c4dyahoo_quoted\" class=\"ydp1a2b3c4dyahoo_quoted\">Theirs.</div>",
                "Up.",
                Some(Holds::Quoted),
            ),
            (
                "Apple, signature",
                "Up.<div id=\"AppleMailSignature\">Jo</div>",
                "Up.",
                Some(Holds::Signature),
            ),
            (
                "Thunderbird",
                "Up.<div class=\"moz-cite-prefix\">On, she</div>",
                "Up.",
                Some(Holds::Attribution),
            ),
            (
                "Thunderbird, passing on",
                "Up.<div class=\"moz-forward-container\">Theirs.</div>",
                "Up.",
                Some(Holds::Forwarded),
            ),
            (
                "Proton",
                "Up.<div class=\"protonmail_quote\">Theirs.</div>",
                "Up.",
                Some(Holds::Quoted),
            ),
            ("Zimbra", "Up.<hr id=\"zwchr\" data-marker=x>Theirs.", "Up.", Some(Holds::Quoted)),
            ("163", "Up.<div id=\"isReplyContent\">Theirs.</div>", "Up.", Some(Holds::Quoted)),
            (
                "Windows Mail, signature",
                "Up.<div data-signatureblock=\"true\">Jo</div>",
                "Up.",
                Some(Holds::Signature),
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
            let divided = divide(html);
            let holds = divided.taken.first().map(|taken| taken.0);
            assert_eq!((divided.html.as_str(), holds), (left, taken), "{program}");
        }
    }

    #[test]
    fn a_quote_of_gmail_keeps_what_was_answered_in_it() {
        let html = "<div class=gmail_quote><div class=gmail_attr>On, she</div><blockquote class=gmail_quote>Q</blockquote><div>Mine.</div></div>";
        let divided = divide(html);
        assert!(
            divided
                .html
                .ends_with("<blockquote class=gmail_quote>Q</blockquote><div>Mine.</div></div>")
        );
        assert!(divided.is_reply && divide("<blockquote type=\"cite\">Q</blockquote>").is_reply);
    }

    #[test]
    fn broken_markup_is_divided_in_bounded_time() {
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
            divide(&bit.repeat(50_000));
        }
    }
}
