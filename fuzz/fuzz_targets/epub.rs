//! Books: the package and two chapters, which are packed here.
#![no_main]

/// Without it there is no book.
const CONTAINER: &[u8] =
    b"<container><rootfiles><rootfile full-path=\"a/book.opf\"/></rootfiles></container>";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [package, one, two] = ghost_fuzz::divided(data);
    ghost_fuzz::read_packed(
        "book.epub",
        &[
            ("META-INF/container.xml", CONTAINER),
            ("a/book.opf", package),
            ("a/one.xhtml", one),
            ("a/two.xhtml", two),
        ],
    );
});
