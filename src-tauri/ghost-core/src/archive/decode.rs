//! Bytes to text: byte order mark, then strict UTF-8, then what the text declares, then a guess.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The text in `bytes` with `\n` line ends and without control characters; `None` where it is no
/// text in any encoding.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let raw = raw(bytes);
    let (mut odd, mut all) = (0usize, 0usize);
    for char in raw.chars() {
        all += 1;
        odd += usize::from(is_odd(char));
    }
    if odd > 2 + all / 50 {
        return None;
    }
    if !raw.contains(|char| char == '\r' || is_odd(char)) {
        return Some(raw);
    }
    let lines = raw.replace("\r\n", "\n").replace('\r', "\n");
    Some(lines.chars().filter(|&char| char == '\u{fffd}' || !is_odd(char)).collect())
}

/// As [`text`], for a file that may be large: what is good UTF-8 already is not copied, and keeps
/// its line ends and control characters.
pub(super) fn whole(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let bare = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bare) {
        Ok(found) if wide(bytes).is_none() && widest(bytes).is_none() && !has_c1(bytes) => {
            Some(Cow::Borrowed(found))
        }
        _ => text(bytes).map(Cow::Owned),
    }
}

/// Whether good UTF-8 has one of the characters that [`without_c1`] takes out.
fn has_c1(utf8: &[u8]) -> bool {
    utf8.windows(2).any(|two| two[0] == 0xc2 && (0x80..=0x9f).contains(&two[1]))
}

/// The characters that Windows has where the standard has control characters, which is what whoever
/// mistook the one for the other meant.
fn without_c1(text: &str) -> String {
    let is_c1 = |c: char| ('\u{80}'..='\u{9f}').contains(&c);
    if !text.contains(is_c1) {
        return text.to_owned();
    }
    let meant = |c: char| match is_c1(c) {
        true => WINDOWS_1252.decode_without_bom_handling(&[c as u8]).0.chars().next().unwrap_or(c),
        false => c,
    };
    text.chars().map(meant).collect()
}

/// No writer types these: control characters, and the mark of bytes that could not be decoded.
fn is_odd(char: char) -> bool {
    let white = matches!(char, '\t' | '\n' | '\r' | '\u{c}');
    char == '\u{fffd}' || (char.is_control() && !white)
}

fn raw(bytes: &[u8]) -> String {
    if let Some(text) = widest(bytes) {
        return text;
    }
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[length..]).0.into_owned();
    }
    if let Some(encoding) = wide(bytes) {
        return encoding.decode_without_bom_handling(bytes).0.into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => return without_c1(text),
        Err(_) if nearly_utf8(bytes) => return String::from_utf8_lossy(bytes).into_owned(),
        Err(_) => {}
    }
    if let Some(encoding) = declared(bytes) {
        let (text, _, broken) = encoding.decode(bytes);
        if !broken {
            return text.into_owned();
        }
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny).decode_without_bom_handling(bytes).0.into_owned()
}

/// UTF-32, which no decoder knows any more: three of four bytes are zero, or nearly.
fn widest(bytes: &[u8]) -> Option<String> {
    let little = bytes.starts_with(b"\xff\xfe\0\0")
        || matches!(bytes, [1..=255, 0, 0, 0, 1..=255, 0, 0, 0, ..]);
    let big = bytes.starts_with(b"\0\0\xfe\xff")
        || matches!(bytes, [0, 0, 0, 1..=255, 0, 0, 0, 1..=255, ..]);
    let number = match (little, big) {
        (true, _) => u32::from_le_bytes,
        (_, true) => u32::from_be_bytes,
        _ => return None,
    };
    let chars = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&four| char::from_u32(number(four)).unwrap_or('\u{fffd}'));
    Some(chars.filter(|&char| char != '\u{feff}').collect())
}

/// UTF-16 without its mark: in Western text every other byte is zero.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(1024)];
    let zeros =
        |first: usize| head.iter().skip(first).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd, enough) = (zeros(0), zeros(1), head.len() / 5);
    if head.len() < 4 || even.max(odd) < enough.max(2) || even.min(odd) * 4 > even.max(odd) {
        return None;
    }
    Some(if odd > even { UTF_16LE } else { UTF_16BE })
}

/// One damaged byte among many good characters does not make a text Latin-1.
fn nearly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|char| !char.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > 4 * bad
}

/// `charset=` or `encoding=` near the beginning, as pages and XML say it.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    ["charset=", "encoding="].iter().find_map(|key| {
        let label = head[head.find(key)? + key.len()..].trim_start_matches(['"', '\'', ' ']);
        let end = label.find(['"', '\'', ' ', ';', '>', '?']).unwrap_or(label.len());
        Encoding::for_label_no_replacement(&label.as_bytes()[..end])
            .filter(|found| found.is_ascii_compatible())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn line_ends_and_marks_of_every_system() {
        assert_eq!(text(b"\xef\xbb\xbfone\r\ntwo\rthree\n").unwrap(), "one\ntwo\nthree\n");
        assert_eq!(text(b"\xff\xfeh\0i\0").unwrap(), "hi");
        assert_eq!(text(b"\xfe\xff\0h\0i").unwrap(), "hi");
        assert_eq!(text(b"\xff\xfe\0\0h\0\0\0i\0\0\0").unwrap(), "hi");
        assert_eq!(text(b"\0\0\0h\0\0\0i").unwrap(), "hi");
        assert_eq!(text(b"w\0i\0t\0h\0o\0u\0t\0").unwrap(), "without");
    }

    #[test]
    fn old_bytes_without_a_declaration() {
        assert_eq!(
            text(b"Le caf\xe9 \xe9tait ferm\xe9, \x93merci\x94").unwrap(),
            "Le café était fermé, “merci”"
        );
    }

    #[test]
    fn old_bytes_that_say_what_they_are() {
        let page = b"<meta charset=\"koi8-r\">\xf0\xd2\xc9\xd7\xc5\xd4";
        assert_eq!(text(page).unwrap(), "<meta charset=\"koi8-r\">Привет");
    }

    #[test]
    fn what_windows_has_in_place_of_control_characters() {
        let text_of = |bytes: &[u8]| (text(bytes).unwrap(), whole(bytes).unwrap().into_owned());
        let said = "don’t".to_owned();
        assert_eq!(text_of(b"don\xc2\x92t"), (said.clone(), said));
    }

    #[test]
    fn one_broken_byte_in_good_utf8() {
        let mut bytes = "naïve café, déjà vu, façade, über".as_bytes().to_vec();
        bytes.push(0xff);
        assert_eq!(text(&bytes).unwrap(), "naïve café, déjà vu, façade, über\u{fffd}");
    }

    #[test]
    fn garbage_is_no_text() {
        let garbage: Vec<u8> =
            (0..4000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
        assert_eq!(text(&garbage), None);
        assert_eq!(text(&[0; 64]), None);
    }
}
