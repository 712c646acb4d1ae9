//! Rich text (RTF), as word processors of all ages and Scrivener write it.
//!
//! Every stretch of bytes is decoded with the character set of its font. Tracked deletions, hidden
//! text, comments and page headers are counted, not kept.

mod charset;
mod reader;
mod state;

use jiff::civil::Date;

use super::contents::DocumentContents;
use crate::archive::metadata::Metadata;
use crate::archive::text::non_empty;
use reader::RtfReader;

/// Returns true if a file begins like RTF.
pub(in crate::archive) fn is_rtf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{\\rtf")
}

/// The text and metadata of a document.
pub(in crate::archive) fn read(bytes: &[u8]) -> DocumentContents {
    let mut reader = RtfReader::new(bytes, false);
    reader.read();
    let [year, month, day] = reader.day;
    let metadata = Metadata {
        title: non_empty(&reader.title),
        date: Date::new(year, month as i8, day as i8).ok().filter(|_| year > 0),
        ..Metadata::default()
    };
    let before = reader.changes.map(|changes| {
        let mut earlier = RtfReader::new(bytes, true);
        earlier.read();
        (earlier.builder, changes)
    });
    DocumentContents::of(metadata, reader.builder, before)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(body: &str, expected: &str) {
        let rtf = format!("{{\\rtf1\\ansi\\ansicpg1252{{\\fonttbl{{\\f0 Times;}}}}{body}}}");
        assert_eq!(read(rtf.as_bytes()).text, expected, "{body}");
    }

    #[test]
    fn text_in_every_rtf_spelling() {
        check(
            "\\pard Caf\\'e9 \\u8212? so\\emdash up\\par\nTwo \\{x\\}.\\par",
            "Café — so—up\n\nTwo {x}.",
        );
        check("\\u-10179?\\u-8704? a\\uc0\\u233 b", "😀 aéb");
        check("one\\line two", "one\ntwo");
        check("\\u233\\'e9\\'e8", "éè");
    }

    #[test]
    fn emphasis_headings_and_lists() {
        check("I {\\b went {\\i up}}, \\i so\\i0  it\\par", "I **went *up***, *so* it");
        check("\\pard\\outlinelevel1 Up\\par\\pard Text.", "## Up\n\nText.");
        check(
            "{\\listtext\\'b7\\tab}one\\par{\\listtext\\'b7\\tab}two\\par Text.",
            "- one\n- two\n\nText.",
        );
    }

    #[test]
    fn destinations_without_text_are_skipped() {
        check("{\\header Page 1}{\\*\\generator x;}{\\pict 00ff}Text.", "Text.");
        check(
            "{\\field{\\*\\fldinst HYPERLINK \"http://a.b\"}{\\fldrslt there}}",
            "[there](http://a.b)",
        );
        check("<$Scr_Ps::0>Text.<!$Scr_Ps::0>", "Text.");
        check("one {\\deleted two }three", "one three");
    }

    #[test]
    fn metadata_of_a_document() {
        let DocumentContents { metadata, text, .. } = read(
            b"{\\rtf1{\\info{\\title A walk}{\\author Jo}{\\creatim\\yr2024\\mo3\\dy5\\hr1}}Up.}",
        );
        assert_eq!((metadata.title.as_deref(), text.as_str()), (Some("A walk"), "Up."));
        assert_eq!(metadata.date.unwrap().to_string(), "2024-03-05");
    }

    #[test]
    fn a_damaged_document_keeps_the_text_before_the_damage() {
        let whole = b"{\\rtf1\\ansi{\\info{\\title A}}\\u233?\\'e9{\\b x}\\par\\bin99 y}";
        let letters = |bytes: &[u8]| read(bytes).text.replace(|c: char| !c.is_alphanumeric(), "");
        assert_eq!(letters(whole), "ééx");
        for at in 0..whole.len() {
            let text = letters(&whole[..at]);
            // A cut inside `\'e9` leaves its first digit.
            let text = text.strip_suffix('e').unwrap_or(&text);
            assert!("ééx".starts_with(text), "{at}: {text}");
        }
        assert_eq!(letters("{".repeat(5000).as_bytes()), "");
        assert_eq!(letters(b"\\u-99999999999999999999 \\'zz \\bin2147483647 "), "z");
    }

    fn of(rtf: &str) -> DocumentContents {
        read(rtf.as_bytes())
    }

    #[test]
    fn bytes_are_decoded_by_the_font() {
        let fonts = [0, 204, 238, 161, 134, 128, 77, 2].iter().enumerate();
        let fonts: String =
            fonts.map(|(n, set)| format!("{{\\f{n}\\fnil\\fcharset{set} Font{n};}}")).collect();
        let text = "\\f0 Plain \\f1\\'cf\\'f0\\'e8\\f0 , \\f2\\'c8esk\\'e1\\f0 , \\f3\\'d9\\f0 , \\f4\\'d6\\'d0\\'b9\\'fa\\f0 , \\f5\\'93\\'fa\\'96\\'7b\\f0 , \\f6 caf\\'8e\\plain  caf\\'e9";
        let rtf = format!("{{\\rtf1\\ansi\\ansicpg1252\\deff0{{\\fonttbl{fonts}}}{text}}}");
        assert_eq!(of(&rtf).text, "Plain При, Česká, Ω, 中国, 日本, café café");
    }

    #[test]
    fn code_pages_of_the_document_and_of_a_font() {
        for (head, text, expected) in [
            ("\\ansi\\ansicpg-535", "Caf\\'c3\\'a9", "Café"),
            ("\\ansi\\ansicpg65001", "na\\'c3\\'afve", "naïve"),
            (
                "\\ansi\\ansicpg1252{\\fonttbl{\\f0\\fcharset0\\cpg65001 A;}}\\f0",
                "Caf\\'c3\\'a9",
                "Café",
            ),
            ("\\mac\\ansicpg10001", "\\'82\\'a8\\'93\\'c7\\'82\\'dd", "お読み"),
            ("\\mac{\\fonttbl\\f0\\fnil\\fcharset78 Hira;}\\f0", "\\'82\\'a8", "お"),
            ("\\mac", "\\'d2so\\'d3", "“so”"),
            ("\\ansi\\ansicpg1251{\\fonttbl{\\f0\\fcharset0 A;}}\\f0", "\\'cf\\'f0\\'e8", "При"),
            (
                "\\ansi\\ansicpg1251{\\fonttbl{\\f0\\fcharset0 A;}{\\f1\\fcharset204 A;}}\\f0",
                "caf\\'e9",
                "café",
            ),
        ] {
            assert_eq!(of(&format!("{{\\rtf1{head} {text}}}")).text, expected, "{head}");
        }
    }

    #[test]
    fn symbol_fonts_give_symbols() {
        let head = "{\\rtf1\\ansi{\\fonttbl{\\f0 A;}{\\f1\\fcharset2 Symbol;}{\\f2\\fcharset2 Wingdings;}}\\f0 ";
        let rtf = format!("{head}20{{\\f1\\'b0}}C {{\\f2\\u-3872 ?}} {{\\f1 a}}}}");
        assert_eq!(of(&rtf).text, "20°C → α");
    }

    #[test]
    fn skipped_text_is_counted() {
        let rtf = "{\\rtf1{\\header Page head\\par}{\\info{\\title T}{\\author Nobody}}One {\\v hidden words}two\
            {\\*\\annotation a word from Per} {\\deleted gone}{\\revised new}{\\footnote\\pard A note.}\\par Three.\\par}";
        let contents = of(rtf);
        assert_eq!(contents.text, "One two new\n\nThree.\n\nA note.");
        assert_eq!(
            contents.omissions.sentence().as_deref(),
            Some(
                "Left out 9 words: 4 in comments, 2 in page headers and footers, 2 of hidden text, 1 deleted or moved with tracked changes."
            )
        );
        assert_eq!(contents.before.unwrap().text, "One two gone\n\nThree.\n\nA note.");
    }

    #[test]
    fn text_stored_in_two_forms_is_read_once() {
        check("{\\upr{Caf?}{\\*\\ud{Caf\\u233 ?}}} open", "Café open");
        check(
            "{\\shp{\\*\\shpinst{\\sp{\\sn x}{\\sv 1}}{\\shptxt Box.\\par}}{\\shprslt Box.}}After.",
            "Box.\n\nAfter.",
        );
        check("{\\*\\shppict{\\pict 00}}{\\nonshppict{\\pict 01}}Text.", "Text.");
    }

    #[test]
    fn tables_lists_and_styles() {
        check(
            "\\trowd\\intbl a\\cell b\\cell\\row\\intbl c\\cell\\cell\\row\\pard After.\\par",
            "| a | b |\n| --- | --- |\n| c |  |\n\nAfter.",
        );
        check("{\\listtext 1.\\tab}one\\par{\\listtext 2.\\tab}two\\par", "1. one\n2. two");
        check(
            "\\pard\\ls1\\ilvl0{\\listtext\\'b7}a\\par\\ilvl1{\\listtext\\'b7}b\\par",
            "- a\n  - b",
        );
        check(
            "{\\stylesheet{\\s0 Normal;}{\\s1\\outlinelevel0 heading 1;}{\\s2 Block Text;}{\\s3\\sbasedon0 toc 1;}}\\pard\\s1 Up\\par\\pard\\s2 Theirs.\\par\\pard\\s3 Up 1\\par\\pard\\s0 On.\\par",
            "# Up\n\n> Theirs.\n\nOn.",
        );
    }

    #[test]
    fn control_characters_and_surplus_braces() {
        check("a\0b\u{1}c\\par", "abc");
        check("one\\par}two\\par", "one\n\ntwo");
    }
}
