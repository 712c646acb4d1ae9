//! Decodes the text of a part. Charset labels are often wrong or missing.

use encoding_rs::{Encoding, UTF_8};

use crate::archive::decode;

/// Decodes `bytes` that are labelled with `label`.
pub(super) fn text(bytes: &[u8], label: Option<&str>) -> Option<String> {
    let label = label.map(|label| label.trim().trim_matches(['"', '\'', ' ']));
    let named = label.and_then(|label| Encoding::for_label_no_replacement(label.as_bytes()));
    // Programs label unknown encodings as ASCII or as one that accepts all bytes.
    let vague = label.is_none_or(|label| label.to_ascii_lowercase().contains("ascii"));
    let Some(encoding) = named.filter(|_| !vague) else { return decode::decode_text(bytes) };
    let utf8 = !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok();
    if encoding == UTF_8 || (encoding.is_single_byte() && utf8) {
        return decode::decode_text(bytes);
    }
    let (text, _, broken) = encoding.decode(bytes);
    if broken { decode::decode_text(bytes) } else { Some(text.replace("\r\n", "\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charset_label_counts_unless_the_bytes_contradict() {
        for (bytes, label, expected) in [
            ("It’s late.".as_bytes(), Some("utf-8"), "It’s late."),
            (b"It\x92s late.", Some("windows-1252"), "It’s late."),
            (b"It\x92s late, na\xefve.", Some("iso-8859-1"), "It’s late, naïve."),
            // A wrong or unknown label.
            ("naïve".as_bytes(), Some("iso-8859-1"), "naïve"),
            ("naïve".as_bytes(), Some("us-ascii"), "naïve"),
            ("naïve".as_bytes(), Some("x-unknown"), "naïve"),
            ("naïve".as_bytes(), Some("\"utf8\""), "naïve"),
            ("naïve".as_bytes(), None, "naïve"),
            (
                b"Le caf\xe9 \xe9tait ferm\xe9, \x93merci\x94",
                Some("utf-8"),
                "Le café était fermé, “merci”",
            ),
            (b"\xf0\xd2\xc9\xd7\xc5\xd4", Some("koi8-r"), "Привет"),
            (b"\x1b$B$3$s$K$A$O\x1b(B", Some("iso-2022-jp"), "こんにちは"),
            (b"\xc4\xe3\xba\xc3", Some("gb2312"), "你好"),
        ] {
            assert_eq!(text(bytes, label).as_deref(), Some(expected), "{label:?}");
        }
    }
}
