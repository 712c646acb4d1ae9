//! Mail: a letter, a box of letters, a saved page in the form of one. The first byte says which.
#![no_main]

const NAMES: [&str; 3] = ["letter.eml", "letters.mbox", "page.mhtml"];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    ghost_fuzz::read(NAMES[usize::from(*first) % NAMES.len()], rest);
});
