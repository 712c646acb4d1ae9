//! Rich text (RTF), as word processors of all ages and Scrivener write it.
//!
//! The words, the emphasis and the headings are taken; pictures, fonts, notes to the editor and
//! text that was struck out by a tracked change are not.

use encoding_rs::{Encoding, WINDOWS_1252};
use jiff::civil::Date;
use quick_xml::escape::escape;

use super::entry::said;
use super::front::Facts;
use super::html;

/// Groups in groups.
const DEEPEST: usize = 512;

pub(super) fn looks_rich(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{\\rtf")
}

/// What holds until the group ends.
#[derive(Debug, Clone, Default)]
struct State {
    bold: bool,
    italic: bool,
    /// Its text goes nowhere.
    skipped: bool,
    /// It is the title of the document.
    title: bool,
    /// How many signs stand in for a character that is given by number.
    stand_ins: usize,
    /// The part that is the day the document was made.
    made: bool,
}

struct Rich<'a> {
    bytes: &'a [u8],
    at: usize,
    encoding: &'static Encoding,
    state: State,
    outer: Vec<State>,
    /// Groups too deep to be kept.
    lost: usize,
    html: String,
    paragraph: String,
    heading: usize,
    listed: bool,
    /// Bytes of an old encoding that are not decoded yet.
    raw: Vec<u8>,
    /// The first half of a character given by two numbers.
    half: Option<u16>,
    to_skip: usize,
    title: String,
    day: [i16; 3],
}

/// The facts of a document and its text as Markdown.
pub(super) fn read(bytes: &[u8]) -> (Facts, String) {
    let mut rich = Rich {
        bytes,
        at: 0,
        encoding: WINDOWS_1252,
        state: State { stand_ins: 1, ..State::default() },
        outer: Vec::new(),
        lost: 0,
        html: String::new(),
        paragraph: String::new(),
        heading: 0,
        listed: false,
        raw: Vec::new(),
        half: None,
        to_skip: 0,
        title: String::new(),
        day: [0; 3],
    };
    rich.read();
    let [year, month, day] = rich.day;
    let facts = Facts {
        title: said(&rich.title),
        date: Date::new(year, month as i8, day as i8).ok().filter(|_| year > 0),
        ..Facts::default()
    };
    (facts, html::fragment(&rich.html))
}

impl Rich<'_> {
    fn read(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'{' if self.outer.len() >= DEEPEST => self.lost += 1,
                b'{' => {
                    self.settle();
                    self.outer.push(self.state.clone());
                    // `{\*\name …}` is for those who know the name.
                    if self.bytes[self.at..].starts_with(b"\\*") {
                        self.at += 2;
                        self.state.skipped = true;
                    }
                }
                b'}' if self.lost > 0 => self.lost -= 1,
                b'}' => {
                    self.settle();
                    self.to_skip = 0;
                    match self.outer.pop() {
                        Some(outer) => self.state = outer,
                        None => break,
                    }
                }
                b'\\' => self.control(),
                b'\r' | b'\n' => {}
                byte => self.byte(byte),
            }
        }
        self.settle();
        self.end_paragraph();
        if self.listed {
            self.html.push_str("</ul>");
        }
    }

    fn control(&mut self) {
        let Some(&first) = self.bytes.get(self.at) else { return };
        if !first.is_ascii_alphabetic() {
            self.at += 1;
            return match first {
                b'\'' => {
                    let hex = self.bytes.get(self.at..self.at + 2).unwrap_or_default();
                    let value = std::str::from_utf8(hex)
                        .ok()
                        .and_then(|hex| u8::from_str_radix(hex, 16).ok());
                    if let Some(value) = value {
                        self.at += 2;
                        self.byte(value);
                    }
                }
                b'~' => self.say(" "),
                b'_' => self.say("\u{2011}"),
                b'\\' | b'{' | b'}' => self.byte(first),
                b'\n' | b'\r' => self.end_paragraph(),
                _ => {}
            };
        }
        let from = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_alphabetic) {
            self.at += 1;
        }
        let bytes = self.bytes;
        let word = std::str::from_utf8(&bytes[from..self.at]).unwrap_or_default();
        let from = self.at;
        if bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        while bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        let number: Option<i32> =
            std::str::from_utf8(&bytes[from..self.at]).ok().and_then(|text| text.parse().ok());
        if bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        self.word(word, number);
    }

    fn word(&mut self, word: &str, number: Option<i32>) {
        let on = number != Some(0);
        match word {
            "par" | "sect" | "page" | "row" => self.end_paragraph(),
            "line" => self.say("\n"),
            "tab" | "cell" | "enspace" | "emspace" => self.say(" "),
            "emdash" => self.say("—"),
            "endash" => self.say("–"),
            "lquote" => self.say("‘"),
            "rquote" => self.say("’"),
            "ldblquote" => self.say("“"),
            "rdblquote" => self.say("”"),
            "bullet" => self.say("•"),
            "b" => {
                self.settle();
                self.state.bold = on;
            }
            "i" => {
                self.settle();
                self.state.italic = on;
            }
            "plain" => {
                self.settle();
                (self.state.bold, self.state.italic) = (false, false);
            }
            "deleted" => self.state.skipped = on,
            "pard" => self.heading = 0,
            "outlinelevel" => {
                self.heading = number.map_or(0, |level| level.clamp(0, 5) as usize + 1)
            }
            "uc" => self.state.stand_ins = number.unwrap_or(1).clamp(0, 16) as usize,
            "u" => self.number(number.unwrap_or(0)),
            "ansicpg" => {
                let label = format!("windows-{}", number.unwrap_or(1252));
                self.encoding = Encoding::for_label(label.as_bytes()).unwrap_or(match number {
                    Some(932) => encoding_rs::SHIFT_JIS,
                    Some(936) => encoding_rs::GBK,
                    Some(949) => encoding_rs::EUC_KR,
                    Some(950) => encoding_rs::BIG5,
                    Some(10000) => encoding_rs::MACINTOSH,
                    _ => WINDOWS_1252,
                });
            }
            "mac" => self.encoding = encoding_rs::MACINTOSH,
            "listtext" | "pntext" => {
                self.state.skipped = true;
                if !self.listed {
                    self.html.push_str("<ul>");
                    self.listed = true;
                }
                self.paragraph.push_str("<li>");
            }
            "info" => self.state.skipped = true,
            "title" if self.state.skipped => self.state.title = true,
            "creatim" => self.state.made = true,
            "yr" | "mo" | "dy" if self.state.made => {
                let part = ["yr", "mo", "dy"].iter().position(|part| *part == word).unwrap_or(0);
                self.day[part] = number.and_then(|number| i16::try_from(number).ok()).unwrap_or(0);
            }
            "fonttbl" | "colortbl" | "stylesheet" | "pict" | "object" | "header" | "footer"
            | "headerl" | "headerr" | "footerl" | "footerr" | "headerf" | "footerf"
            | "annotation" | "fldinst" | "themedata" | "datastore" | "listtable"
            | "listoverridetable" | "revtbl" | "rsidtbl" | "generator" | "xmlnstbl"
            | "latentstyles" | "bkmkstart" | "bkmkend" | "filetbl" => {
                self.state.skipped = true;
            }
            "footnote" => self.state.skipped = true,
            "bin" => {
                self.at = self
                    .at
                    .saturating_add(number.unwrap_or(0).max(0) as usize)
                    .min(self.bytes.len())
            }
            _ => {}
        }
    }

    /// A character by its number, and the signs after it that stand in for it.
    fn number(&mut self, number: i32) {
        self.settle();
        let unit = number as u16;
        let half = self.half.take();
        let units: Vec<u16> = half.into_iter().chain([unit]).collect();
        match (0xd800..0xdc00).contains(&unit) {
            true => self.half = Some(unit),
            false => self.say(&String::from_utf16_lossy(&units)),
        }
        self.to_skip = self.state.stand_ins;
    }

    fn byte(&mut self, byte: u8) {
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else if !self.state.skipped || self.state.title {
            self.raw.push(byte);
        }
    }

    /// Decodes the bytes that were gathered.
    fn settle(&mut self) {
        if !self.raw.is_empty() {
            let raw = std::mem::take(&mut self.raw);
            let text = self.encoding.decode_without_bom_handling(&raw).0.into_owned();
            self.put(&text);
        }
    }

    fn say(&mut self, text: &str) {
        self.settle();
        self.put(text);
    }

    fn put(&mut self, text: &str) {
        if self.state.title {
            self.title.push_str(text);
        }
        if self.state.skipped {
            return;
        }
        let signs = [(self.state.bold, "b"), (self.state.italic, "i")];
        let signs = || signs.iter().filter(|(on, _)| *on);
        signs().for_each(|(_, sign)| self.paragraph.push_str(&format!("<{sign}>")));
        self.paragraph.push_str(&escape(without_marks(text)).replace('\n', "<br>"));
        signs().rev().for_each(|(_, sign)| self.paragraph.push_str(&format!("</{sign}>")));
    }

    fn end_paragraph(&mut self) {
        self.settle();
        if self.state.skipped {
            return;
        }
        let paragraph = std::mem::take(&mut self.paragraph);
        // Runs that share their emphasis are one stretch of it.
        let paragraph =
            paragraph.replace("</i></b><b><i>", "").replace("</b><b>", "").replace("</i><i>", "");
        if paragraph.starts_with("<li>") {
            self.html.push_str(&paragraph);
            return;
        }
        if self.listed && !paragraph.trim().is_empty() {
            self.html.push_str("</ul>");
            self.listed = false;
        }
        let tag = match self.heading {
            0 => "p".to_owned(),
            level => format!("h{level}"),
        };
        self.html.push_str(&format!("<{tag}>{paragraph}</{tag}>"));
    }
}

/// Scrivener's marks of styles and links: `<$Scr_Ps::0>`, `<!$Scr_Ps::0>`.
fn without_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let mark = rest[at..].starts_with("<$Scr_") || rest[at..].starts_with("<!$Scr_");
        match mark.then(|| rest[at..].find('>')).flatten() {
            Some(end) => {
                out.push_str(&rest[..at]);
                rest = &rest[at + end + 1..];
            }
            None => {
                out.push_str(&rest[..=at]);
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn says(body: &str, expected: &str) {
        let rtf = format!("{{\\rtf1\\ansi\\ansicpg1252{{\\fonttbl{{\\f0 Times;}}}}{body}}}");
        assert_eq!(read(rtf.as_bytes()).1, expected, "{body}");
    }

    #[test]
    fn words_in_every_spelling() {
        says(
            "\\pard Caf\\'e9 \\u8212? so\\emdash up\\par\nTwo \\{x\\}.\\par",
            "Café — so—up\n\nTwo {x}.",
        );
        says("\\u-10179?\\u-8704? a\\uc0\\u233 b", "😀 aéb");
        says("one\\line two", "one\ntwo");
        says("\\u233\\'e9\\'e8", "éè");
    }

    #[test]
    fn emphasis_headings_and_lists() {
        says("I {\\b went {\\i up}}, \\i so\\i0  it\\par", "I **went *up***, *so* it");
        says("\\pard\\outlinelevel1 Up\\par\\pard Text.", "## Up\n\nText.");
        says(
            "{\\listtext\\'b7\\tab}one\\par{\\listtext\\'b7\\tab}two\\par Text.",
            "- one\n- two\n\nText.",
        );
    }

    #[test]
    fn furniture_is_passed_over() {
        says("{\\header Page 1}{\\*\\generator x;}{\\pict 00ff}Text.{\\footnote Aside.}", "Text.");
        says("{\\field{\\*\\fldinst HYPERLINK \"http://a.b\"}{\\fldrslt there}}", "there");
        says("<$Scr_Ps::0>Text.<!$Scr_Ps::0>", "Text.");
        says("one {\\deleted two }three", "one three");
    }

    #[test]
    fn what_the_document_says_of_itself() {
        let (facts, text) = read(
            b"{\\rtf1{\\info{\\title A walk}{\\author Jo}{\\creatim\\yr2024\\mo3\\dy5\\hr1}}Up.}",
        );
        assert_eq!((facts.title.as_deref(), text.as_str()), (Some("A walk"), "Up."));
        assert_eq!(facts.date.unwrap().to_string(), "2024-03-05");
    }

    #[test]
    fn damage_is_survived() {
        let whole = b"{\\rtf1\\ansi{\\info{\\title A}}\\u233?\\'e9{\\b x}\\par\\bin99 y}";
        for at in 0..whole.len() {
            read(&whole[..at]);
        }
        read("{".repeat(5000).as_bytes());
        read("\\u-99999999999999999999 \\'zz \\bin2147483647 ".as_bytes());
    }
}
