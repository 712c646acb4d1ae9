//! Files that are often chosen by mistake, with what to do instead.

/// The reason an adapter is refused as a base.
pub(crate) const IS_AN_ADAPTER: &str = "it is an adapter (LoRA), which works only on the base it was \
     trained on; choose that base";

/// A file that is often mistaken for weights, and what to do instead, where its first bytes
/// tell.
pub(crate) fn mistaken_for_weights(bytes: &[u8]) -> Option<&'static str> {
    let begins = |with: &[u8]| {
        let start = bytes.trim_ascii_start();
        start.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    if begins(b"version https://git-lfs") {
        Some(
            "it is only a pointer to the weights (Git LFS); run `git lfs pull` in its folder, or \
             download the file itself",
        )
    } else if begins(b"<!doctype html") || begins(b"<html") {
        Some("it is a web page; download the file itself, not the page about it")
    } else if [b"tjgg", b"lmgg", b"fmgg", b"algg"].iter().any(|magic| bytes.starts_with(*magic)) {
        Some("its format is older than GGUF; get a newer file of the same base")
    } else if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        Some("it is a zip archive or a PyTorch file; get the same base as GGUF or safetensors")
    } else {
        None
    }
}
