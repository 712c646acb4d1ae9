//! Mailboxes: separates the messages of a file, and undoes what the mailbox format changed in them.

use crate::archive::date;

/// Returns true for a line like `From jo@example.org Sat Jan 3 01:05:34 1996`.
pub(super) fn is_from_line(line: &[u8]) -> bool {
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    if !line.starts_with(b"From ") || line.len() >= 400 {
        return false;
    }
    let words = || line.split(|&b| b == b' ').filter(|word| !word.is_empty());
    let digits = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
    words().any(|word| MONTHS.contains(&word))
        && words().any(|word| word.len() == 4 && digits(word))
        && words().any(|word| word.contains(&b':') && word[0].is_ascii_digit())
}

/// Strips the byte count before an Apple Mail message (`.emlx`) and the property list after it.
pub(super) fn strip_emlx_frame(bytes: &[u8]) -> &[u8] {
    let Some(end) = bytes.iter().take(24).position(|&byte| byte == b'\n') else { return bytes };
    let count = bytes[..end].trim_ascii();
    let count = std::str::from_utf8(count).ok().and_then(|count| count.parse::<usize>().ok());
    let (Some(count), rest) = (count, &bytes[end + 1..]) else { return bytes };
    if let Some(mail) = rest.get(..count) {
        return mail;
    }
    // The file is cut short, or was changed after counting.
    let list = rest.windows(5).rposition(|five| five == b"<?xml");
    list.map_or(rest, |list| &rest[..list])
}

/// The bytes of a mail's headers and of its parts' headers.
pub(super) fn header_bytes(mail: &[u8]) -> usize {
    let (mut bytes, mut inside) = (0, true);
    for line in mail.split_inclusive(|&b| b == b'\n') {
        inside |= line.starts_with(b"--");
        bytes += if inside { line.len() } else { 0 };
        inside &= !line.trim_ascii().is_empty();
    }
    bytes
}

/// The mails of a mailbox, each with the `From ` line before it; or the single mail.
pub(super) fn split_mailbox(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut starts = Vec::new();
    let mut at = 0;
    let mut blank = true;
    while at < bytes.len() {
        let end = bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |n| at + n + 1);
        let line = bytes[at..end].trim_ascii_end();
        if blank && is_from_line(line) {
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

/// The date in `From jo@example.org Sat Jan 3 01:05:34 1996`.
pub(super) fn date_of_from_line(line: &[u8]) -> Option<jiff::civil::Date> {
    let line = std::str::from_utf8(line).ok()?;
    let words: Vec<&str> = line.split_whitespace().skip(2).collect();
    let year = words.iter().rev().find(|word| word.len() == 4)?;
    date::parse(&format!("{} {} {year}", words.get(1)?, words.get(2)?))
}

/// Restores `From ` from the mailbox form `>From `, and removes a first line that is not a header.
pub(super) fn unquote_from_lines(mail: &[u8]) -> Vec<u8> {
    let mail = mail.strip_prefix(b"\xef\xbb\xbf").unwrap_or(mail);
    let blank = mail.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let mut mail = match mail[blank..].contains(&b':') && begins_with_header(&mail[blank..]) {
        true => &mail[blank..],
        false => mail,
    };
    let first = mail.split(|&b| b == b'\n').next().unwrap_or_default();
    if first.starts_with(b"From ") || first.starts_with(b">From ") {
        let rest = mail.get(first.len() + 1..).unwrap_or_default();
        if begins_with_header(rest) {
            mail = rest;
        }
    }
    let mut out = Vec::with_capacity(mail.len());
    // A mail without headers is all text.
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

/// Returns true if a mail begins with a header.
fn begins_with_header(mail: &[u8]) -> bool {
    let line = mail.split(|&b| b == b'\n').next().unwrap_or_default();
    let name = line.split(|&b| b == b':').next().unwrap_or_default();
    !name.is_empty()
        && name.len() < line.len()
        && name.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-')
}
