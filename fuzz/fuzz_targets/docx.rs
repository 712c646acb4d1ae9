//! Word documents: the parts in them, which are packed here.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [document, styles, footnotes, links] = ghost_fuzz::divided(data);
    ghost_fuzz::read_packed(
        "letter.docx",
        &[
            ("word/document.xml", document),
            ("word/styles.xml", styles),
            ("word/footnotes.xml", footnotes),
            ("word/_rels/document.xml.rels", links),
        ],
    );
});
