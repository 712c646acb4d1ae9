//! Exports and feeds in XML: WordPress, Squarespace, Blogger, Atom, RSS, Evernote. The first byte
//! says what the file is called, the rest is the file.
#![no_main]

const NAMES: [&str; 6] =
    ["export.xml", "feed.atom", "feed.rss", "notes.enex", "feeds.opml", "n.scriv/n.scrivx"];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    ghost_fuzz::read(NAMES[usize::from(*first) % NAMES.len()], rest);
});
