//! Decodes bytes to text: by the byte order mark, then UTF-8, then the encoding that the text declares,
//! then the likely encoding that yields the fewest impossible words.
//!
//! One bad byte does not change the encoding of a whole file: it is decoded by itself.

mod dos_code_pages;
mod mojibake;

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::normalize;
use dos_code_pages::{CP437, CP850, CodePage};
use mojibake::MojibakeScore;

/// The text in `bytes` as it is stored ([`normalize::text`]); `None` if it is not text in any encoding.
pub fn decode_text(bytes: &[u8]) -> Option<String> {
    readable(bytes).map(normalize::owned)
}

/// Like [`decode_text`], for a file that may be large: valid UTF-8 is not copied and keeps its line
/// ends and characters.
pub(super) fn decode_large(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let bare = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bare) {
        Ok(found)
            if detect_utf16(bytes).is_none() && decode_utf32(bytes).is_none() && !has_c1(bytes) =>
        {
            Some(Cow::Borrowed(found))
        }
        _ => {
            let mut raw = readable(bytes)?;
            raw.retain(|char| char == '\u{fffd}' || !is_odd(char));
            Some(Cow::Owned(raw))
        }
    }
}

/// The decoded bytes, if they are text.
fn readable(bytes: &[u8]) -> Option<String> {
    let raw = decode_any(bytes);
    let (mut odd, mut all) = (0usize, 0usize);
    for char in raw.chars() {
        all += 1;
        odd += usize::from(is_odd(char));
    }
    (odd <= 2 + all / 50).then_some(raw)
}

/// Returns true if valid UTF-8 contains a character that [`without_c1`] replaces.
fn has_c1(utf8: &[u8]) -> bool {
    utf8.windows(2).any(|two| two[0] == 0xc2 && (0x80..=0x9f).contains(&two[1]))
}

/// Replaces C1 control characters by the Windows-1252 characters that were meant. A text whose only C1
/// character is U+0085, the line end of mainframes, keeps it.
fn without_c1(text: &str) -> Cow<'_, str> {
    let is_c1 = |c: char| ('\u{80}'..='\u{9f}').contains(&c);
    if !text.contains(|c| is_c1(c) && c != NEXT_LINE) {
        return Cow::Borrowed(text);
    }
    let meant = |c: char| match is_c1(c) {
        true => WINDOWS_1252.decode_without_bom_handling(&[c as u8]).0.chars().next().unwrap_or(c),
        false => c,
    };
    Cow::Owned(text.chars().map(meant).collect())
}

const NEXT_LINE: char = '\u{85}';

/// Returns true for characters that no writer types: control characters and U+FFFD.
fn is_odd(char: char) -> bool {
    let white = matches!(char, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | NEXT_LINE);
    char == '\u{fffd}' || (char.is_control() && !white)
}

fn decode_any(bytes: &[u8]) -> String {
    if let Some(text) = decode_utf32(bytes) {
        return text;
    }
    match Encoding::for_bom(bytes) {
        Some((encoding, length)) if encoding == UTF_8 => return utf8(&bytes[length..]),
        Some((encoding, length)) => {
            return encoding.decode_without_bom_handling(&bytes[length..]).0.into_owned();
        }
        None => {}
    }
    if let Some(encoding) = detect_utf16(bytes) {
        return encoding.decode_without_bom_handling(bytes).0.into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => return without_c1(text).into_owned(),
        Err(_) if is_mostly_utf8(bytes) => return utf8(bytes),
        Err(_) => {}
    }
    if let Some(encoding) = declared_encoding(bytes) {
        let (text, _, broken) = encoding.decode(bytes);
        if !broken {
            return text.into_owned();
        }
    }
    decode_guessed(bytes)
}

/// Returns true if most non-ASCII bytes are valid UTF-8: other encodings hardly ever form valid
/// sequences.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|char| !char.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > 0 && good >= bad - usize::from(cut_off(bytes) > 0)
}

/// The number of bytes at the end that begin an incomplete character.
fn cut_off(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    let is_begun = std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
    if is_begun { last.len() } else { 0 }
}

/// Decodes UTF-8, invalid bytes as Windows-1252. An incomplete character at the end of the file is left
/// out.
fn utf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes[..bytes.len() - cut_off(bytes)].utf8_chunks() {
        text.push_str(&without_c1(chunk.valid()));
        let read = WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0;
        text.extend(read.chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }));
    }
    text
}

/// An encoding that legacy bytes may have.
#[derive(Clone, Copy)]
enum Candidate {
    Web(&'static Encoding),
    Dos(&'static CodePage),
}

impl Candidate {
    fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Candidate::Web(encoding) => encoding.decode_without_bom_handling(bytes).0,
            Candidate::Dos(page) => Cow::Owned(page.decode(bytes)),
        }
    }
}

/// Decodes bytes of unknown encoding: Windows-1252, unless another encoding yields better words.
fn decode_guessed(bytes: &[u8]) -> String {
    /// Letters that are needed to tell languages of one alphabet apart.
    const MIN_LETTERS: usize = 12;
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let detected = detector.guess(None, Utf8Detection::Deny);
    let sample = sample(bytes);
    let western = MojibakeScore::of(&WINDOWS_1252.decode_without_bom_handling(sample).0);
    let (mut best, mut least) = (Candidate::Web(WINDOWS_1252), western.weight);
    let others = [
        Candidate::Web(detected),
        Candidate::Web(MACINTOSH),
        Candidate::Dos(&CP850),
        Candidate::Dos(&CP437),
    ];
    for other in others {
        let score = MojibakeScore::of(&other.decode(sample));
        let is_likelier =
            score.weight + MojibakeScore::IMPOSSIBLE <= western.weight && score.weight < least;
        let is_detected = matches!(other, Candidate::Web(encoding) if encoding == detected);
        if is_likelier
            || is_detected && western.letters >= MIN_LETTERS && score.weight <= western.weight
        {
            (best, least) = (other, score.weight);
        }
    }
    best.decode(bytes).into_owned()
}

/// The part of the bytes by which the encoding is chosen, up to the end of a word.
fn sample(bytes: &[u8]) -> &[u8] {
    const MAX_OLD_BYTES: usize = 4_000;
    let mut old = bytes.iter().enumerate().filter(|(_, byte)| !byte.is_ascii());
    let Some((last, _)) = old.nth(MAX_OLD_BYTES) else { return bytes };
    let end = bytes[last..].iter().position(u8::is_ascii_whitespace);
    &bytes[..end.map_or(bytes.len(), |end| last + end)]
}

/// Decodes UTF-32, which no library supports: at least two of every four bytes are zero.
fn decode_utf32(bytes: &[u8]) -> Option<String> {
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

/// Detects UTF-16 without a byte order mark: in Western text every other byte is zero.
fn detect_utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(1024)];
    let zeros =
        |first: usize| head.iter().skip(first).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd, enough) = (zeros(0), zeros(1), head.len() / 5);
    if head.len() < 4 || even.max(odd) < enough.max(2) || even.min(odd) * 4 > even.max(odd) {
        return None;
    }
    Some(if odd > even { UTF_16LE } else { UTF_16BE })
}

/// The encoding named by `charset=` or `encoding=` near the beginning, as in HTML and XML.
fn declared_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
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
    fn line_ends_and_byte_order_marks_of_every_system() {
        assert_eq!(decode_text(b"\xef\xbb\xbfone\r\ntwo\rthree\n").unwrap(), "one\ntwo\nthree\n");
        assert_eq!(decode_text(b"\xff\xfeh\0i\0").unwrap(), "hi");
        assert_eq!(decode_text(b"\xfe\xff\0h\0i").unwrap(), "hi");
        assert_eq!(decode_text(b"\xff\xfe\0\0h\0\0\0i\0\0\0").unwrap(), "hi");
        assert_eq!(decode_text(b"\0\0\0h\0\0\0i").unwrap(), "hi");
        assert_eq!(decode_text(b"w\0i\0t\0h\0o\0u\0t\0").unwrap(), "without");
    }

    #[test]
    fn legacy_encodings_without_a_declaration() {
        assert_eq!(
            decode_text(b"Le caf\xe9 \xe9tait ferm\xe9, \x93merci\x94").unwrap(),
            "Le café était fermé, “merci”"
        );
    }

    #[test]
    fn legacy_encodings_with_a_declaration() {
        let page = b"<meta charset=\"koi8-r\">\xf0\xd2\xc9\xd7\xc5\xd4";
        assert_eq!(decode_text(page).unwrap(), "<meta charset=\"koi8-r\">Привет");
    }

    #[test]
    fn c1_control_characters_become_windows_characters() {
        let text_of =
            |bytes: &[u8]| (decode_text(bytes).unwrap(), decode_large(bytes).unwrap().into_owned());
        let said = "don’t".to_owned();
        assert_eq!(text_of(b"don\xc2\x92t"), (said.clone(), said));
    }

    #[test]
    fn a_bad_byte_does_not_change_the_encoding() {
        let bytes = ["Café — “oui”, it".as_bytes(), b"\x92s \x9d here".as_slice()].concat();
        assert_eq!(decode_text(&bytes).unwrap(), "Café — “oui”, it’s \u{fffd} here");
        let marked = [b"\xef\xbb\xbf".as_slice(), b"It\x92s"].concat();
        assert_eq!(decode_text(&marked).unwrap(), "It’s");
        assert_eq!(decode_large(&marked).unwrap(), "It’s");
    }

    #[test]
    fn an_incomplete_last_character_is_left_out() {
        assert_eq!(decode_text(b"caf\xc3\xa9 \xe2\x80").unwrap(), "café ");
        assert_eq!(decode_text(b"Un caf\xe9").unwrap(), "Un café");
    }

    #[test]
    fn chinese_with_sequences_that_look_like_utf8() {
        let old = encoding_rs::GBK.encode("昨天晚上我们在河边的小屋里听雨，没有人说话。").0;
        assert_eq!(decode_text(&old).unwrap(), "昨天晚上我们在河边的小屋里听雨，没有人说话。");
    }

    #[test]
    fn two_encodings_in_one_file() {
        let joined = ["Un café, déjà".as_bytes(), b"\n\nUn caf\xe9.".as_slice()].concat();
        assert_eq!(decode_text(&joined).unwrap(), "Un café, déjà\n\nUn café.");
    }

    #[test]
    fn undeclared_bytes_are_guessed() {
        let cases: [(&[u8], &str); 14] = [
            (b"It\x92s a na\xefve kettle, \x93really\x94.", "It’s a naïve kettle, “really”."),
            (b"na\xefve", "naïve"),
            (b"north\x96south, and so on\x85 then", "north–south, and so on… then"),
            (b"Stra\xdfe, M\xfcnchen, \x84gut\x93", "Straße, München, „gut“"),
            (b"\x93Really\x94 \x97 that cost \x80 5", "“Really” — that cost € 5"),
            (
                b"He didn\xd5t say \xd2no\xd3 \xd1 the caf\x8e was shut",
                "He didn’t say “no” — the café was shut",
            ),
            (b"f\x9fr die K\x9anige, \xe3so\xd2", "für die Könige, „so“"),
            (b"\x81ber die K\x94nige, sp\x84t und s\x81\xe1", "über die Könige, spät und süß"),
            (b"n\xc6o, ma\x87\xc6", "não, maçã"),
            (b"\xc9\xcd\xbb caf\x82", "╔═╗ café"),
            (b"\xcf\xf0\xe8\xe2\xe5\xf2, \xea\xe0\xea \xe4\xe5\xeb\xe0?", "Привет, как дела?"),
            (
                b"\x8f\xe0\xa8\xa2\xa5\xe2, \xaa\xa0\xaa \xa4\xa5\xab\xa0 \xe3 \xa2\xa0\xe1?",
                "Привет, как дела у вас?",
            ),
            (
                b"Zosta\xb3o tylko \x9cwiat\xb3o na \xb3\xf3dce, a ona \x9cpiewa\xb3a",
                "Zostało tylko światło na łódce, a ona śpiewała",
            ),
            (b"\x89J\x82\xaa\x8d~\x82\xe9\x81B\x8a\xa6\x82\xa2\x81B", "雨が降る。寒い。"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decode_text(bytes).unwrap(), expected);
        }
    }

    #[test]
    fn mainframe_and_unicode_line_ends() {
        let lines = "one\u{85}two\u{2028}three\u{2029}four";
        assert_eq!(decode_text(lines.as_bytes()).unwrap(), "one\ntwo\nthree\n\nfour");
        // Next to other C1 characters it is the Windows-1252 character.
        assert_eq!(decode_text("don\u{92}t\u{85}".as_bytes()).unwrap(), "don’t…");
    }

    #[test]
    fn binary_data_is_not_text() {
        let garbage: Vec<u8> =
            (0..4000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
        assert_eq!(decode_text(&garbage), None);
        assert_eq!(decode_text(&[0; 64]), None);
    }
}
