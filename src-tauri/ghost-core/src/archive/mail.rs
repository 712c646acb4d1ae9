//! Mail: newsletters sent by the writer, one to a file or many in a mailbox; and pages that a
//! browser saved as mail (MHTML).
//!
//! Addresses are not kept, and neither is what an answer quotes or how a mail is signed.

use mailparse::{DispositionType, MailAddr, MailHeaderMap as _, ParsedMail, addrparse_header};

use super::entry::{Entry, Reading, said};
use super::front::Facts;
use super::{date, decode, html, plain};

/// Mails of one mailbox.
const MOST: usize = 100_000;
/// Parts in parts of one mail.
const DEEPEST: usize = 8;
/// Bytes of one mail; the rest is pictures.
const LARGEST: usize = 32 << 20;
/// Bytes of what a mail and its parts say of themselves; each line and each part is kept at many
/// times its size.
const LARGEST_HEAD: usize = 1 << 20;

/// Whether a file begins as mail does.
pub(super) fn looks_mailed(head: &str) -> bool {
    if from_line(head.lines().next().unwrap_or_default().as_bytes()) {
        return true;
    }
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

/// `From jo@example.org Sat Jan  3 01:05:34 1996`
fn from_line(line: &[u8]) -> bool {
    line.starts_with(b"From ") && line.len() < 400 && {
        let digits = line.iter().filter(|b| b.is_ascii_digit()).count();
        digits >= 4 && line.contains(&b':') && line.split(|&b| b == b' ').count() >= 5
    }
}

/// Reads a mail or a mailbox.
pub(super) fn read(bytes: &[u8]) -> Reading {
    let mut reading = Reading::default();
    let (mut large, mut broken, mut theirs) = (0, 0, 0);
    for (from, mail) in mails(bytes).into_iter().take(MOST) {
        if mail.len() > LARGEST || head(mail) > LARGEST_HEAD {
            large += 1;
            continue;
        }
        let unquoted = unquoted(mail);
        match mailparse::parse_mail(&unquoted) {
            Ok(parsed) if is_answer_or_rubbish(&parsed) => theirs += 1,
            Ok(parsed) => {
                let mut entry = page(&parsed).unwrap_or_else(|| entry(&parsed));
                entry.facts.date = entry.facts.date.or_else(|| sent(from));
                reading.entries.push(entry);
            }
            Err(_) => broken += 1,
        }
    }
    for (count, why) in [
        (large, "too large to be a text"),
        (broken, "broken"),
        (theirs, "in the bin or among the unwanted"),
    ] {
        if count > 0 {
            reading
                .complaints
                .push(format!("Mails that were left alone because they are {why}: {count}."));
        }
    }
    reading
}

/// The bytes of a mail's headers, and of whatever follows a line that may begin a part, up to the next
/// blank line.
fn head(mail: &[u8]) -> usize {
    let (mut bytes, mut inside) = (0, true);
    for line in mail.split_inclusive(|&b| b == b'\n') {
        inside |= line.starts_with(b"--");
        bytes += if inside { line.len() } else { 0 };
        inside &= !line.trim_ascii().is_empty();
    }
    bytes
}

/// The mails of a mailbox, each with the line before it, or the one there is.
fn mails(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut starts = Vec::new();
    let mut at = 0;
    let mut blank = true;
    while at < bytes.len() {
        let end = bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |n| at + n + 1);
        let line = bytes[at..end].trim_ascii_end();
        if blank && from_line(line) {
            starts.push((at, end));
        }
        blank = line.is_empty();
        at = end;
    }
    if starts.first().is_none_or(|&(start, _)| start != 0) {
        return vec![(&[], bytes)];
    }
    let ends = starts.iter().skip(1).map(|&(start, _)| start).chain([bytes.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&(start, body), end)| (&bytes[start..body], &bytes[body..end]))
        .collect()
}

/// The day in `From jo@example.org Sat Jan  3 01:05:34 1996`.
fn sent(line: &[u8]) -> Option<jiff::civil::Date> {
    let line = std::str::from_utf8(line).ok()?;
    let words: Vec<&str> = line.split_whitespace().skip(2).collect();
    let year = words.iter().rev().find(|word| word.len() == 4)?;
    date::spelled(&format!("{} {} {year}", words.get(1)?, words.get(2)?))
}

/// `>From ` at the beginning of a line, as mailboxes write `From `.
fn unquoted(mail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len());
    // A mail without a single header is its text.
    let first = mail.split(|&b| b == b'\n').next().unwrap_or_default();
    if !first.contains(&b':') && !first.trim_ascii().is_empty() {
        out.push(b'\n');
    }
    for line in mail.split_inclusive(|&b| b == b'\n') {
        let signs = line.iter().take_while(|&&b| b == b'>').count();
        let quoted = signs > 0 && line[signs..].starts_with(b"From ");
        out.extend_from_slice(if quoted { &line[1..] } else { line });
    }
    out
}

fn is_answer_or_rubbish(mail: &ParsedMail) -> bool {
    let labels = mail.headers.get_first_value("X-Gmail-Labels").unwrap_or_default().to_lowercase();
    labels.contains("spam") || labels.contains("trash")
}

/// A page that a browser saved as mail: what it says is what the page says; its subject is the page's
/// name and its day the day it was saved.
fn page(mail: &ParsedMail) -> Option<Entry> {
    let from = mail.headers.get_first_value("From").unwrap_or_default();
    let saved = mail.headers.get_first_value("Snapshot-Content-Location").is_some()
        || from.to_lowercase().starts_with("<saved by");
    let html = saved.then(|| markup(mail, 0)).flatten()?;
    let page = html::page(&html);
    Some(Entry {
        key: mail.headers.get_first_value("Snapshot-Content-Location").unwrap_or_default(),
        facts: Facts {
            title: page.title,
            author: page.author,
            date: page.date,
            kind: page.kind.map(str::to_owned).or_else(|| Some("post".to_owned())),
            ..Facts::default()
        },
        text: page.text,
        ..Entry::default()
    })
}

/// The first part of a mail that is marked up, as it stands.
fn markup(mail: &ParsedMail, depth: usize) -> Option<String> {
    if depth > DEEPEST {
        return None;
    }
    if matches!(mail.ctype.mimetype.as_str(), "text/html" | "application/xhtml+xml") {
        return body(mail);
    }
    mail.subparts.iter().find_map(|part| markup(part, depth + 1))
}

/// The text of a part. One that does not say how it is encoded says so inside, or not at all.
fn body(part: &ParsedMail) -> Option<String> {
    let text = match part.ctype.params.contains_key("charset") {
        true => part.get_body().ok()?,
        false => decode::text(&part.get_body_raw().ok()?)?,
    };
    Some(text.replace("\r\n", "\n"))
}

fn entry(mail: &ParsedMail) -> Entry {
    let header = |name: &str| mail.headers.get_first_value(name).and_then(|value| said(&value));
    let subject = header("Subject").filter(|subject| subject != "(no subject)");
    let answer = subject.as_deref().is_some_and(|subject| {
        let head: String = subject.chars().take(4).flat_map(char::to_lowercase).collect();
        head.starts_with("re:")
            || head.starts_with("fwd:")
            || head.starts_with("fw:")
            || head.starts_with("aw:")
    });
    let sender = mail.headers.get_first_header("From").and_then(|from| addrparse_header(from).ok());
    let author = sender.and_then(|list| match list.first() {
        Some(MailAddr::Single(one)) => one.display_name.clone().or_else(|| Some(one.addr.clone())),
        _ => None,
    });
    Entry {
        key: header("Message-ID")
            .map(|id| id.trim_matches(['<', '>']).to_owned())
            .unwrap_or_default(),
        facts: Facts {
            title: subject,
            author,
            date: header("Date").and_then(|day| date::spelled(&day)),
            kind: Some(if answer { "letter" } else { "newsletter" }.to_owned()),
            ..Facts::default()
        },
        text: words(mail, 0).unwrap_or_default(),
        ..Entry::default()
    }
}

/// The text of a mail: its HTML, which alone says what is a heading and a quote; else the plain
/// one.
fn words(mail: &ParsedMail, depth: usize) -> Option<String> {
    if depth > DEEPEST || mail.get_content_disposition().disposition == DispositionType::Attachment
    {
        return None;
    }
    let sort = mail.ctype.mimetype.as_str();
    if sort.starts_with("multipart/") {
        let best = |wanted: &str| {
            mail.subparts
                .iter()
                .filter(|part| {
                    sort != "multipart/alternative" || part.ctype.mimetype.starts_with(wanted)
                })
                .find_map(|part| words(part, depth + 1))
        };
        return match sort {
            "multipart/alternative" => {
                best("multipart/").or_else(|| best("text/html")).or_else(|| best("text/plain"))
            }
            _ => best(""),
        };
    }
    let body = body(mail)?;
    let text = match sort {
        "text/html" | "application/xhtml+xml" => html::page(&body).text,
        "text/plain" => {
            let flowed = mail.ctype.params.get("format").is_some_and(|format| format == "flowed");
            // A signature is broken otherwise than the text, and would hide how that is.
            let body = unsigned(&body);
            own(&if flowed { unflowed(body) } else { plain::joined(body) })
        }
        _ => return None,
    };
    Some(text).filter(|text| !text.trim().is_empty())
}

/// Lines that end in a space go on in the next one.
fn unflowed(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    for line in body.lines() {
        out.push_str(line);
        if !line.ends_with(' ') || line == "-- " {
            out.push('\n');
        }
    }
    out
}

/// A mail without its signature.
fn unsigned(body: &str) -> &str {
    ["\n-- \n", "\n--\n"].iter().find_map(|mark| body.split_once(mark)).map_or(body, |(own, _)| own)
}

/// A mail without its signature and without the line that says who wrote what is quoted.
fn own(body: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in body.lines() {
        if line == "-- " || line == "--" {
            break;
        }
        if line.starts_with('>') {
            let said = lines.iter().rposition(|line| !line.trim().is_empty());
            if let Some(at) = said.filter(|&at| {
                lines[at].trim_end().ends_with(':') && lines[at].contains(char::is_numeric)
            }) {
                lines.truncate(at);
            }
            if lines.last().is_some_and(|line| !line.is_empty() && !line.starts_with('>')) {
                lines.push("");
            }
        }
        lines.push(line);
    }
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LETTER: &str = "From: Jo Hill <jo@example.org>\r\nTo: list@example.org\r\nSubject: =?utf-8?q?Up_the_h=C3=BCll?=\r\nDate: Tue, 5 Mar 2024 10:00:00 +0100\r\nMessage-ID: <1@a>\r\n";

    #[test]
    fn a_newsletter_with_two_bodies() {
        let mail = format!(
            "{LETTER}MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nUp.\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<h2>Up</h2><p>So =C3=A9.</p>\r\n--b--\r\n"
        );
        let entry = read(mail.as_bytes()).entries.remove(0);
        assert_eq!((entry.key.as_str(), entry.text.as_str()), ("1@a", "## Up\n\nSo é."));
        assert_eq!(entry.facts.title.as_deref(), Some("Up the hüll"));
        assert_eq!(entry.facts.author.as_deref(), Some("Jo Hill"));
        assert_eq!(entry.facts.date.unwrap().to_string(), "2024-03-05");
        assert!(looks_mailed(&mail.replace("\r\n", "\n")));
        assert!(!looks_mailed("Dear Anna: hello\nSubject: x\n"));
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
            read(mailbox.as_bytes()).entries[0].facts.date.unwrap().to_string(),
            "1996-01-03"
        );
        assert_eq!(texts, ["One.\nFrom here.", "Two.\nFrom me to you.", "Just a text."]);
    }

    #[test]
    fn an_answer_is_the_writers_words_alone() {
        let mail = format!(
            "{LETTER}\r\nYes, so it is.\r\n\r\nOn 4 March 2024 Anna wrote:\r\n> Is it so?\r\n\r\nUp.\r\n-- \r\nJo\r\n+1 555\r\n"
        );
        assert_eq!(read(mail.as_bytes()).entries[0].text, "Yes, so it is.\n\n> Is it so?\n\nUp.");
    }
}
