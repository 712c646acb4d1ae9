//! The code pages of DOS, which no web standard and so no decoder of the web knows.

/// A code page: what the bytes from 128 on mean.
pub(super) struct CodePage(&'static str);

/// Of Western Europe.
pub(super) static CP850: CodePage = CodePage(
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒ\
     áíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
     └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀\
     ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}",
);

/// Of the first PC.
pub(super) static CP437: CodePage = CodePage(
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
     áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
     └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}",
);

impl CodePage {
    /// The text in these bytes.
    pub(super) fn decode(&self, bytes: &[u8]) -> String {
        let high: Vec<char> = self.0.chars().collect();
        let meant = |&byte: &u8| match byte.checked_sub(128) {
            Some(at) => high[usize::from(at)],
            None => char::from(byte),
        };
        bytes.iter().map(meant).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_page_means_something_by_every_byte() {
        for page in [&CP850, &CP437] {
            assert_eq!(page.0.chars().count(), 128);
        }
    }

    #[test]
    fn letters_of_western_europe() {
        assert_eq!(CP850.decode(b"\x9aber die Br\x81cke, n\xc6o"), "Über die Brücke, não");
        assert_eq!(CP437.decode(b"\x9aber die Br\x81cke, \xe3r\xfd"), "Über die Brücke, πr²");
    }
}
