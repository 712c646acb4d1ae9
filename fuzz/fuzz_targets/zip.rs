//! Zips, byte for byte.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ghost_fuzz::read("export.zip", data));
