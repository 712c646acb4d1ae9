//! Characters of symbol fonts: Symbol, Wingdings.

/// Adobe's Symbol encoding from 0x20 on; a space where it has no character.
const SYMBOL: &str = concat!(
    " !∀#∃%&∋()∗+,−./0123456789:;<=>?",
    "≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_",
    "‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼ ",
    "                                ",
    "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵",
    "ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓",
    "◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ 〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭ ",
);

/// The symbols of Wingdings that occur in texts.
const WINGDINGS: [(u8, &str); 12] = [
    (0x21, "✏✂✁"),
    (0x28, "☎✆✉"),
    (0x4a, "☺😐☹"),
    (0x51, "✈☼"),
    (0x58, "✠✡☪☯"),
    (0x6c, "●❍■□"),
    (0x71, "❑❒⬧⧫◆❖"),
    (0x80, "⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿"),
    (0x9e, "·•"),
    (0xa7, "▪◻"),
    (0xdf, "←→↑↓↖↗↙↘"),
    (0xfb, "✘✔☒☑"),
];

/// A font whose bytes are symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) enum SymbolFont {
    Symbol,
    Wingdings,
    /// A symbol font that is not supported.
    Other,
}

impl SymbolFont {
    /// The symbol font of this name, if it is one.
    pub(in crate::archive) fn named(name: &str) -> Option<SymbolFont> {
        let name = name.trim().to_ascii_lowercase();
        match name.as_str() {
            "symbol" | "symbol mt" | "standard symbols l" | "standard symbols ps" => {
                Some(SymbolFont::Symbol)
            }
            "wingdings" => Some(SymbolFont::Wingdings),
            "wingdings 2" | "wingdings 3" | "webdings" | "zapfdingbats" | "marlett" => {
                Some(SymbolFont::Other)
            }
            _ => None,
        }
    }

    /// The character for a code: a byte, or a byte in Word's private range.
    pub(in crate::archive) fn character(self, code: u32) -> Option<char> {
        let byte = u8::try_from(if is_private(code) { code - 0xf000 } else { code }).ok()?;
        match self {
            SymbolFont::Symbol => SYMBOL.chars().nth(usize::from(byte.checked_sub(0x20)?)),
            SymbolFont::Wingdings if byte == b' ' => Some(' '),
            SymbolFont::Wingdings => WINGDINGS.iter().find_map(|&(first, signs)| {
                signs.chars().nth(usize::from(byte.checked_sub(first)?))
            }),
            SymbolFont::Other => None,
        }
    }
}

/// Returns true if a code is in the private range that Word uses for symbol fonts.
pub(in crate::archive) fn is_private(code: u32) -> bool {
    (0xf000..=0xf0ff).contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_map_to_characters() {
        let sign = |font: &str, code| SymbolFont::named(font).and_then(|font| font.character(code));
        assert_eq!(SYMBOL.chars().count(), 224);
        for (font, code, char) in [
            ("Symbol", 0xf0b0, '°'),
            ("Symbol", 0xb7, '•'),
            ("symbol", 0x61, 'α'),
            ("Symbol", 0xf0ae, '→'),
            ("Wingdings", 0xf0e0, '→'),
            ("Wingdings", 0xf04a, '☺'),
            ("Wingdings", 0xfc, '✔'),
        ] {
            assert_eq!(sign(font, code), Some(char), "{font} {code:x}");
        }
        assert_eq!((sign("Webdings", 0x61), sign("Wingdings", 0x10)), (None, None));
        assert_eq!(SymbolFont::named("Times"), None);
    }
}
