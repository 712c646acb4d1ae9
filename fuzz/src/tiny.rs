//! Tiny bases, right but for what a fuzzer wrote into them: from nothing it would hardly get past
//! the first lines of a file.

use std::sync::LazyLock;

use ghost_engine::tiny::Tiny;
use ghost_engine::tiny::folder::Files;
use ghost_engine::{Base, eval, tiny};

/// The families whose files differ.
const FAMILIES: [&str; 4] = ["llama", "qwen2", "qwen3", "gemma3"];

/// The file of a tiny base, of one family or another.
pub fn file(family: u8) -> Vec<u8> {
    let family = FAMILIES[usize::from(family) % FAMILIES.len()];
    Tiny { family, ..Tiny::default() }.bytes()
}

/// The files of a tiny base's checkpoint, of one family or another.
pub fn folder(family: u8) -> Files {
    static FOLDERS: LazyLock<Vec<Files>> =
        LazyLock::new(|| FAMILIES.map(|family| Tiny { family, ..Tiny::default() }.files()).into());
    FOLDERS[usize::from(family) % FAMILIES.len()].clone()
}

/// A file with some bytes of it otherwise: two bytes say where, the third says what.
pub fn patched(mut file: Vec<u8>, patches: &[u8]) -> Vec<u8> {
    for patch in patches.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([patch[0], patch[1]]));
        if let Some(byte) = file.get_mut(place) {
            *byte = patch[2];
        }
    }
    file
}

/// The file of a tiny base that wants to be spoken to in this template.
pub fn with_template(template: &str) -> Vec<u8> {
    /// Where the first key of a GGUF file begins, and where the number of keys is.
    const KEYS: usize = 24;
    const COUNT: usize = 16;
    const KEY: &[u8] = b"tokenizer.chat_template";
    const TEXT: u32 = 8;
    let mut file = file(0);
    file[COUNT] += 1;
    let bare = 8 + KEY.len() + 4 + 8 + template.len();
    // The weights begin at a multiple of 32.
    let padding = bare.next_multiple_of(32) - bare;
    let mut entry = Vec::new();
    entry.extend((KEY.len() as u64).to_le_bytes());
    entry.extend(KEY);
    entry.extend(TEXT.to_le_bytes());
    entry.extend(((template.len() + padding) as u64).to_le_bytes());
    entry.extend(template.as_bytes());
    entry.extend(std::iter::repeat_n(b' ', padding));
    file.splice(KEYS..KEYS, entry);
    file
}

/// Whatever a base was read from: what it says of a text is a number.
///
/// # Panics
/// Where its tokens are not those of its weights.
pub fn check(base: &Base) {
    let prompt: Vec<u32> = base.tokenizer.encode("Rain on").into_iter().take(4).collect();
    assert!(prompt.iter().all(|id| (*id as usize) < base.tokenizer.vocab_size()));
    let model = tiny::on_cpu(base.clone());
    let _ = eval::bits_per_byte(&model, None, &prompt, " a roof");
}
