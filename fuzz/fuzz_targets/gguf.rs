//! A base's file: wholly the fuzzer's, or a tiny base's with some bytes otherwise. The first byte
//! says which.
#![no_main]

use ghost_engine::Base;
use ghost_fuzz::tiny;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let file = match first % 8 {
        0 => rest.to_vec(),
        family => tiny::patched(tiny::file(family), rest),
    };
    match Base::read(file.into()) {
        Ok(base) => tiny::check(&base),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
