//! Text to tokens and back: every byte of any text comes back, in order.
#![no_main]

use std::sync::LazyLock;

use ghost_engine::Base;
use ghost_engine::tiny::Tiny;

static BASES: LazyLock<Vec<Base>> = LazyLock::new(|| {
    ["llama", "gemma3"]
        .into_iter()
        .map(|family| Tiny { family, ..Tiny::default() }.base())
        .collect()
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    for base in BASES.iter() {
        let mut at = 0;
        for (id, range) in base.tokenizer.encode_with_offsets(text) {
            assert!((id as usize) < base.tokenizer.vocab_size());
            assert!(range.start <= range.end && range.start == at, "a gap before {range:?}");
            at = range.end;
        }
        assert_eq!(at, text.len());
    }
});
