//! Code pages of DOS, which the web's encoding standard does not include.

/// A code page: the characters of the bytes from 128 on.
pub(super) struct CodePage(&'static str);

/// Western Europe.
pub(super) static CP850: CodePage = CodePage(
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒ\
     áíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
     └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀\
     ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}",
);

/// The original IBM PC.
pub(super) static CP437: CodePage = CodePage(
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
     áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
     └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}",
);

impl CodePage {
    /// Decodes bytes.
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
    fn a_code_page_maps_every_high_byte() {
        for page in [&CP850, &CP437] {
            assert_eq!(page.0.chars().count(), 128);
        }
    }

    #[test]
    fn western_european_letters_are_decoded() {
        assert_eq!(CP850.decode(b"\x9aber die Br\x81cke, n\xc6o"), "Über die Brücke, não");
        assert_eq!(CP437.decode(b"\x9aber die Br\x81cke, \xe3r\xfd"), "Über die Brücke, πr²");
    }
}
