//! A checkpoint's folder: one of its files wholly the fuzzer's, or with some bytes otherwise. The
//! first byte says which and how, the second of which family.
#![no_main]

use ghost_engine::Base;
use ghost_fuzz::tiny;

const FILES: [&str; 7] = [
    "model.safetensors",
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
    "chat_template.jinja",
    "model.safetensors.index.json",
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [first, family, rest @ ..] = data else { return };
    let mut files = tiny::folder(*family);
    let name = FILES[usize::from(first % 16) % FILES.len()];
    let old = files.remove(name).unwrap_or_default();
    let new = if *first < 128 { rest.to_vec() } else { tiny::patched(old, rest) };
    files.insert(name.to_owned(), new);
    let files = files.into_iter().map(|(name, bytes)| (name, bytes.into())).collect();
    match Base::read_files(&files) {
        Ok(base) => tiny::check(&base),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
