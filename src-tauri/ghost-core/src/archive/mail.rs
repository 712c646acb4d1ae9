//! Mail: newsletters and letters by the writer, one per file or many in a mailbox; and pages that a
//! browser saved as mail (MHTML).
//!
//! Addresses are not kept. Quoted replies, forwarded messages and signatures are counted, not kept.

mod attribution;
mod charset;
mod flowed;
mod languages;
mod mailbox;
mod message;
mod quote_elements;
mod reply;

use mailparse::{MailAddr, MailHeaderMap as _, ParsedMail, addrparse_header};

use super::entry::{Entry, ExportContents};
use super::metadata::Metadata;
use super::omissions::Omissions;
use super::text::non_empty;
use super::{date, html};
use attribution::MailContext;
use mailbox::{
    date_of_from_line, header_bytes, is_from_line, split_mailbox, strip_emlx_frame,
    unquote_from_lines,
};

/// Mails that are read of one mailbox.
const MAX_MAILS: usize = 100_000;
/// Bytes of one mail without pictures.
const MAX_BYTES: usize = 32 << 20;
/// Bytes of the headers of a mail and its parts, which take many times their size in memory.
const MAX_HEAD_BYTES: usize = 1 << 20;

/// Returns true if a file begins like mail.
pub(super) fn looks_like_mail(head: &str) -> bool {
    let first = head.lines().next().unwrap_or_default();
    if is_from_line(first.as_bytes()) {
        return true;
    }
    let counted =
        !first.trim().is_empty() && first.trim().bytes().all(|byte| byte.is_ascii_digit());
    let begun = counted || first.starts_with("From ") || first.starts_with(">From ");
    has_headers(if begun { head.split_once('\n').map_or("", |(_, rest)| rest) } else { head })
}

/// Returns true if a text begins with mail headers.
fn has_headers(head: &str) -> bool {
    const HEADERS: [&str; 12] = [
        "from",
        "to",
        "subject",
        "date",
        "received",
        "return-path",
        "mime-version",
        "message-id",
        "delivered-to",
        "content-type",
        "x-priority",
        "dkim-signature",
    ];
    let mut known = 0;
    for line in head.lines().take_while(|line| !line.is_empty()) {
        match line.split_once(':') {
            _ if line.starts_with([' ', '\t']) => {}
            Some((name, _)) if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {
                known += usize::from(HEADERS.contains(&name.to_ascii_lowercase().as_str()));
            }
            _ => return false,
        }
    }
    known >= 2
}

/// Reads a mail or a mailbox.
pub(super) fn read(bytes: &[u8]) -> ExportContents {
    let mut contents = ExportContents::default();
    let (mut large, mut broken, mut unwanted) = (0, 0, 0);
    let mails = split_mailbox(strip_emlx_frame(bytes));
    let more = mails.len().saturating_sub(MAX_MAILS);
    for (from, mail) in mails.into_iter().take(MAX_MAILS) {
        if mail.len() > MAX_BYTES || header_bytes(mail) > MAX_HEAD_BYTES {
            large += 1;
            continue;
        }
        let unquoted = unquote_from_lines(mail);
        match mailparse::parse_mail(&unquoted) {
            Ok(parsed) if is_unwanted(&parsed) => {
                unwanted += 1;
                let entry = entry(&parsed);
                contents.omissions.add("in mails in Trash or Spam", &entry.text);
                contents.omissions.merge(&entry.omissions);
            }
            Ok(parsed) => {
                let mut entry = page(&parsed).unwrap_or_else(|| entry(&parsed));
                entry.metadata.date = entry.metadata.date.or_else(|| date_of_from_line(from));
                contents.entries.push(entry);
            }
            Err(_) => broken += 1,
        }
    }
    for (count, reason) in [
        (large, "too large to be a text"),
        (broken, "broken"),
        (unwanted, "in Trash or Spam"),
        (more, "beyond the first 100,000 of a mailbox"),
    ] {
        if count > 0 {
            let mails = if count == 1 { "mail" } else { "mails" };
            contents.warnings.push(format!("Skipped {count} {mails}: {reason}."));
        }
    }
    contents
}

/// Returns true if Gmail's labels say Trash or Spam.
fn is_unwanted(mail: &ParsedMail) -> bool {
    let labels = mail.headers.get_first_value("X-Gmail-Labels").unwrap_or_default().to_lowercase();
    labels.contains("spam") || labels.contains("trash")
}

/// Reads a page that a browser saved as mail; the headers give the page's title and the day it was
/// saved.
fn page(mail: &ParsedMail) -> Option<Entry> {
    let from = mail.headers.get_first_value("From").unwrap_or_default();
    let saved = mail.headers.get_first_value("Snapshot-Content-Location").is_some()
        || from.to_lowercase().starts_with("<saved by");
    let html = saved.then(|| message::markup(mail, 0)).flatten()?;
    let page = html::page(&html);
    Some(Entry {
        key: mail.headers.get_first_value("Snapshot-Content-Location").unwrap_or_default(),
        metadata: Metadata {
            title: page.title,
            author: page.author,
            date: page.date,
            kind: page.kind.map(str::to_owned).or_else(|| Some("post".to_owned())),
            ..Metadata::default()
        },
        text: page.text,
        omissions: page.omissions,
    })
}

fn entry(mail: &ParsedMail) -> Entry {
    let header =
        |name: &str| mail.headers.get_first_value(name).and_then(|value| non_empty(&value));
    let subject = header("Subject")
        .filter(|subject| !languages::is_placeholder_subject(&subject.to_lowercase()));
    let answer = subject
        .as_deref()
        .is_some_and(|subject| languages::is_reply_subject(&subject.to_lowercase()));
    let is_reply = answer || header("In-Reply-To").is_some() || header("References").is_some();
    let sender = mail.headers.get_first_header("From").and_then(|from| addrparse_header(from).ok());
    let sender = sender.and_then(|list| match list.first() {
        Some(MailAddr::Single(one)) => Some(one.clone()),
        _ => None,
    });
    let address = sender.as_ref().map(|one| one.addr.to_lowercase());
    let author = sender.map(|one| one.display_name.unwrap_or(one.addr));
    // The last Received header gives the date of a mail that has none.
    let received = || header("Received").and_then(|stop| date::parse(stop.rsplit_once(';')?.1));
    let mut omissions = Omissions::default();
    let text = message::text(mail, &MailContext { is_reply, sender: address }, &mut omissions);
    Entry {
        key: header("Message-ID")
            .map(|id| id.trim_matches(['<', '>']).to_owned())
            .unwrap_or_default(),
        metadata: Metadata {
            title: subject,
            author,
            date: header("Date").and_then(|day| date::parse(&day)).or_else(received),
            kind: Some(if is_reply { "letter" } else { "newsletter" }.to_owned()),
            ..Metadata::default()
        },
        text,
        omissions,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LETTER: &str = "From: Jo Hill <jo@example.org>\r\nTo: list@example.org\r\nSubject: =?utf-8?q?Up_the_h=C3=BCll?=\r\nDate: Tue, 5 Mar 2024 10:00:00 +0100\r\nMessage-ID: <1@a>\r\n";

    #[test]
    fn a_newsletter_in_two_forms() {
        let mail = format!(
            "{LETTER}MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nUp.\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<h2>Up</h2><p>So =C3=A9.</p>\r\n--b--\r\n"
        );
        let entry = read(mail.as_bytes()).entries.remove(0);
        assert_eq!((entry.key.as_str(), entry.text.as_str()), ("1@a", "## Up\n\nSo é."));
        assert_eq!(entry.metadata.title.as_deref(), Some("Up the hüll"));
        assert_eq!(entry.metadata.author.as_deref(), Some("Jo Hill"));
        assert_eq!(entry.metadata.date.unwrap().to_string(), "2024-03-05");
        assert!(looks_like_mail(&mail.replace("\r\n", "\n")));
        assert!(!looks_like_mail("Dear Anna: hello\nSubject: x\n"));
    }

    #[test]
    fn a_mailbox_is_split_and_unquoted() {
        let from = "From jo@example.org Sat Jan  3 01:05:34 1996\n";
        let mailbox = format!(
            "{from}Subject: A\n\nOne.\n>From here.\n\n{from}Subject: B\n\nTwo.\nFrom me to you.\n\n{from}Just a text.\n"
        );
        let texts: Vec<String> =
            read(mailbox.as_bytes()).entries.into_iter().map(|e| e.text).collect();
        assert_eq!(
            read(mailbox.as_bytes()).entries[0].metadata.date.unwrap().to_string(),
            "1996-01-03"
        );
        assert_eq!(texts, ["One.\nFrom here.", "Two.\nFrom me to you.", "Just a text."]);
    }

    #[test]
    fn a_reply_keeps_only_the_writers_words() {
        let mail = format!(
            "{LETTER}\r\nYes, so it is.\r\n\r\nOn 4 March 2024 Anna wrote:\r\n> Is it so?\r\n\r\nUp.\r\n-- \r\nJo\r\n+1 555\r\n"
        );
        assert_eq!(read(mail.as_bytes()).entries[0].text, "Yes, so it is.\n\n> Is it so?\n\nUp.");
    }

    fn one(mail: &str) -> (Entry, Option<String>) {
        let mut contents = read(mail.as_bytes());
        assert_eq!(contents.entries.len(), 1, "{:?}", contents.warnings);
        let entry = contents.entries.remove(0);
        let omitted = entry.omissions.sentence();
        (entry, omitted)
    }

    fn text_of(headers: &str, body: &str) -> (String, Option<String>) {
        let (entry, omitted) =
            one(&format!("From: Maren <maren@example.org>\r\n{headers}\r\n\r\n{body}"));
        (entry.text, omitted)
    }

    const HTML: &str = "Content-Type: text/html; charset=utf-8";

    #[test]
    fn an_html_reply_is_kept_without_the_quoted_mail() {
        const THEIRS: &str = "<p>Does it run?</p>";
        let header = "<b>From:</b> Oda Brink &lt;oda@example.org&gt;<br><b>Sent:</b> Monday, March 4, 2024 9:05 AM<br><b>To:</b> Maren<br><b>Subject:</b> the ferry";
        for (program, html) in [
            (
                "Gmail",
                format!(
                    "<div dir=ltr>No.</div><br><div class=\"gmail_quote\"><div dir=ltr class=\"gmail_attr\">On Mon, Mar 4, 2024 at 9:05 AM Oda &lt;<a href=\"mailto:oda@example.org\">oda@example.org</a>&gt; wrote:<br></div><blockquote class=\"gmail_quote\" style=\"margin:0\">{THEIRS}</blockquote></div>"
                ),
            ),
            (
                "Outlook",
                format!(
                    "<div class=WordSection1><p class=MsoNormal>No.</p><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal>{header}</p></div>{THEIRS}</div>"
                ),
            ),
            (
                "Outlook on the web",
                format!(
                    "<div>No.</div><div id=\"appendonsend\"></div><hr style=\"display:inline-block;width:98%\"><div id=\"divRplyFwdMsg\" dir=ltr><font>{header}</font></div>{THEIRS}"
                ),
            ),
            (
                "Apple",
                format!(
                    "No.<br><div><br><blockquote type=\"cite\"><div>On 4 Mar 2024, at 09:05, Oda &lt;oda@example.org&gt; wrote:</div><br>{THEIRS}</blockquote></div>"
                ),
            ),
            (
                "Yahoo",
                format!(
                    "<div>No.</div><div id=\"yahoo_quoted_1\" class=\"yahoo_quoted\"><div>On Monday, March 4, 2024, Oda wrote:</div>{THEIRS}</div>"
                ),
            ),
            (
                "Thunderbird",
                format!(
                    "<p>No.</p><div class=\"moz-cite-prefix\">Am 04.03.24 um 09:05 schrieb Oda Brink:<br></div><blockquote type=\"cite\" cite=\"mid:1\">{THEIRS}</blockquote>"
                ),
            ),
            (
                "Proton",
                format!(
                    "<div>No.</div><div class=\"protonmail_quote\">On Monday, Oda wrote:<blockquote class=\"protonmail_quote\" type=\"cite\">{THEIRS}</blockquote></div>"
                ),
            ),
            (
                "Zimbra",
                format!(
                    "<div>No.<br></div><hr id=\"zwchr\" data-marker=\"__DIVIDER__\"><div>{header}</div>{THEIRS}"
                ),
            ),
            (
                "QQ",
                format!(
                    "<div>No.</div><div>------------------&nbsp;原始邮件&nbsp;------------------</div><div><b>发件人:</b>&nbsp;\"Oda\" &lt;oda@example.org&gt;;</div><div><b>发送时间:</b>&nbsp;2024年3月4日(星期一) 上午9:05</div><div><b>收件人:</b>&nbsp;\"Maren\";</div><div><b>主题:</b>&nbsp;ferry</div>{THEIRS}"
                ),
            ),
            (
                "163",
                format!(
                    "<div>No.</div><div id=\"isReplyContent\"><p>At 2024-03-04 09:05:12, \"Oda\" &lt;oda@example.org&gt; wrote:</p><blockquote>{THEIRS}</blockquote></div>"
                ),
            ),
            (
                "mail.ru",
                format!(
                    "<p>No.</p><br>Понедельник, 4 марта 2024, 9:05 +03:00 от Oda &lt;oda@example.org&gt;:<br><blockquote>{THEIRS}</blockquote>"
                ),
            ),
        ] {
            let (text, omitted) = text_of(&format!("Subject: Re: the ferry\r\n{HTML}"), &html);
            assert_eq!(text, "No.", "{program}");
            assert!(omitted.unwrap().starts_with("Left out "), "{program}");
        }
    }

    #[test]
    fn answers_between_html_quotes_are_kept() {
        let html = "<blockquote type=\"cite\"><p>Does it run?</p></blockquote><p>No.</p><blockquote type=\"cite\"><p>And the fare?</p></blockquote><p>Two crowns.</p><blockquote type=\"cite\"><p>Oda</p></blockquote>";
        let (text, omitted) = text_of(HTML, html);
        assert_eq!(text, "> Does it run?\n\nNo.\n\n> And the fare?\n\nTwo crowns.");
        assert_eq!(omitted.as_deref(), Some("Left out 1 word in quoted replies."));
    }

    #[test]
    fn replies_are_read_as_plain_text_and_newsletters_as_html() {
        let both = |subject: &str, plain: &str| {
            let headers =
                format!("Subject: {subject}\r\nContent-Type: multipart/alternative; boundary=b");
            let parts = format!(
                "--b\r\nContent-Type: text/plain\r\n\r\n{plain}\r\n--b\r\nContent-Type: text/html\r\n\r\n<h2>Up</h2><p>So <i>cold</i>.</p>\r\n--b--\r\n"
            );
            text_of(&headers, &parts).0
        };
        assert_eq!(both("Up", "Up\r\n\r\nSo cold."), "## Up\n\nSo *cold*.");
        assert_eq!(both("Re: Up", "Up\r\n\r\nSo cold."), "Up\n\nSo cold.");
        assert_eq!(both("Re: Up", "Open this in a browser."), "Open this in a browser.");
        assert_eq!(both("Re: Up", "Up"), "## Up\n\nSo *cold*.");
    }

    #[test]
    fn every_part_with_words_is_kept_or_counted() {
        let headers = "Subject: Up\r\nContent-Type: multipart/mixed; boundary=b";
        let parts = "--b\r\nContent-Type: text/plain\r\n\r\nOne.\r\n--b\r\nContent-Type: image/png\r\nContent-Disposition: inline\r\n\r\nAAAA\r\n--b\r\nContent-Type: text/plain\r\n\r\nTwo.\r\n--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nThree is here.\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: oda@example.org\r\nSubject: x\r\n\r\nFour words are here.\r\n--b--\r\n";
        let (text, omitted) = text_of(headers, parts);
        assert_eq!(text, "One.\n\nTwo.");
        assert_eq!(
            omitted.as_deref(),
            Some("Left out 7 words: 4 in a forwarded message, 3 in attachments.")
        );
    }

    #[test]
    fn an_emlx_file_is_read_without_its_byte_count_and_property_list() {
        let mail = "From: Maren <maren@example.org>\nSubject: The sill\nDate: Tue, 5 Mar 2024 10:00:00 +0100\n\nThe kettle is cold.\n";
        let list = "<?xml version=\"1.0\"?><plist><dict><key>flags</key><integer>1</integer></dict></plist>\n";
        for count in
            [format!("{}\n", mail.len()), format!("{:<10}\n", mail.len()), "99999\n".to_owned()]
        {
            let file = format!("{count}{mail}{list}");
            let (entry, _) = one(&file);
            assert_eq!(
                (entry.metadata.title.as_deref(), entry.text.as_str()),
                (Some("The sill"), "The kettle is cold."),
                "{count}"
            );
            assert!(looks_like_mail(&file));
        }
    }

    #[test]
    fn a_from_line_without_a_date_is_not_text() {
        let rest = "Return-Path: <x@example.org>\nFrom: Maren <maren@example.org>\nSubject: From the sill\nDate: Tue, 22 Jan 2019 11:48:21 +0100\n\nThe kettle stood on the sill.\n";
        for first in
            ["From maren@example.org\n", ">From maren@example.org Tue Jan 22\n", "\n\n", "\u{feff}"]
        {
            let (entry, _) = one(&format!("{first}{rest}"));
            assert_eq!(entry.metadata.title.as_deref(), Some("From the sill"), "{first:?}");
            assert_eq!(entry.text, "The kettle stood on the sill.", "{first:?}");
        }
    }

    #[test]
    fn prose_that_begins_with_from_does_not_split_a_mailbox() {
        let from = "From jo@example.org Sat Jan  3 01:05:34 1996\n";
        let mailbox =
            format!("{from}Subject: A\n\nOne.\n\nFrom 10:00 to 12:45 in 1996 we walked.\n");
        assert_eq!(one(&mailbox).0.text, "One.\n\nFrom 10:00 to 12:45 in 1996 we walked.");
    }

    #[test]
    fn flowed_lines_are_joined() {
        let flowed = "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes";
        assert_eq!(
            text_of(flowed, "雨下了一整夜，水壶 \r\n在窗台上。\r\n\r\nTwo.").0,
            "雨下了一整夜，水壶在窗台上。\n\nTwo."
        );
    }

    #[test]
    fn a_mail_without_a_date_or_subject_uses_other_headers() {
        let (entry, _) = one(
            "From: Maren <maren@example.org>\nSubject: (kein Betreff)\nReceived: from a by b; Tue, 5 Mar 2024 10:00:00 +0100\n\nUp.",
        );
        assert_eq!(entry.metadata.date.unwrap().to_string(), "2024-03-05");
        assert_eq!(entry.metadata.title, None);
    }

    #[test]
    fn undeclared_charsets_and_encoded_headers_are_decoded() {
        let head = "From: Maren <maren@example.org>\nSubject: =?windows-1252?Q?It=92s_late_=96_?= =?utf-8?B?8J+SoQ==?=\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\n";
        let body = b"It\x92s late \x96 and the na\xefve kettle is cold, \x93really\x94.\n";
        let entry = read(&[head.as_bytes(), body].concat()).entries.remove(0);
        assert_eq!(entry.metadata.title.as_deref(), Some("It’s late – 💡"));
        assert_eq!(entry.text, "It’s late – and the naïve kettle is cold, “really”.");
    }

    #[test]
    fn mails_in_the_trash_are_counted() {
        let contents =
            read(b"From: a@example.org\nX-Gmail-Labels: Spam,Unread\n\nBuy two of these.");
        assert!(contents.entries.is_empty());
        assert_eq!(contents.warnings, ["Skipped 1 mail: in Trash or Spam."]);
        assert_eq!(contents.omissions.words(), 4);
    }
}
