//! A base of two small layers with random weights, as a true GGUF file: every test that needs a
//! base runs the true code on it, in milliseconds.
//!
//! Its words mean nothing. It is a llama with byte-level tokens, a few merges, and ChatML.

use std::path::Path;

use crate::base::Base;
use crate::chance::Chance;
use crate::weight::Bytes;

const HIDDEN: usize = 64;
const LAYERS: usize = 2;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const FFN: usize = 128;
const CONTEXT: u32 = 512;
const ALIGNMENT: usize = 32;
const SPECIALS: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
/// Common English pairs, in an order in which each can be made of what was before.
const MERGES: [&str; 24] = [
    "t h", "th e", "i n", "a n", "e r", "o n", "r e", "Ġ a", "Ġ t", "Ġt he", "h e", "an d",
    "Ġ and", "e n", "i s", "o u", "Ġ w", "in g", "o r", "a t", "Ġ i", "Ġi s", "Ġ o", "Ġ s",
];

/// A tiny base in memory.
///
/// # Panics
/// Never: what it reads it wrote itself.
pub fn base(random_seed: u64) -> Base {
    Base::read(Bytes::from(bytes(random_seed))).expect("a tiny base is a base")
}

/// Writes a tiny base to a file.
///
/// # Errors
/// The system's own.
pub fn write_gguf(path: &Path, random_seed: u64) -> std::io::Result<()> {
    std::fs::write(path, bytes(random_seed))
}

/// The bytes of a tiny base's file.
pub fn bytes(random_seed: u64) -> Vec<u8> {
    let mut file = Writer::default();
    let tokens = vocabulary();
    file.text("general.architecture", "llama");
    file.text("general.name", "Tiny");
    file.text("general.license", "apache-2.0");
    for (key, n) in [
        ("llama.block_count", LAYERS as u32),
        ("llama.context_length", CONTEXT),
        ("llama.embedding_length", HIDDEN as u32),
        ("llama.feed_forward_length", FFN as u32),
        ("llama.attention.head_count", HEADS as u32),
        ("llama.attention.head_count_kv", KV_HEADS as u32),
        ("llama.rope.dimension_count", (HIDDEN / HEADS) as u32),
        ("tokenizer.ggml.bos_token_id", 1),
        ("tokenizer.ggml.eos_token_id", 2),
    ] {
        file.u32(key, n);
    }
    file.f32("llama.rope.freq_base", 10_000.0);
    file.f32("llama.attention.layer_norm_rms_epsilon", 1e-5);
    file.text("tokenizer.ggml.model", "gpt2");
    file.text("tokenizer.ggml.pre", "smollm");
    let kinds: Vec<i32> =
        tokens.iter().map(|token| if SPECIALS.contains(&token.as_str()) { 3 } else { 1 }).collect();
    file.texts("tokenizer.ggml.tokens", &tokens);
    file.texts("tokenizer.ggml.merges", &MERGES.map(String::from));
    file.i32s("tokenizer.ggml.token_type", &kinds);

    let mut chance = Chance::new(random_seed);
    let kv = KV_HEADS * (HIDDEN / HEADS);
    file.matrix("token_embd.weight", tokens.len(), HIDDEN, &mut chance);
    file.ones("output_norm.weight", HIDDEN);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        file.ones(&name("attn_norm"), HIDDEN);
        file.matrix(&name("attn_q"), HIDDEN, HIDDEN, &mut chance);
        file.matrix(&name("attn_k"), kv, HIDDEN, &mut chance);
        file.matrix(&name("attn_v"), kv, HIDDEN, &mut chance);
        file.matrix(&name("attn_output"), HIDDEN, HIDDEN, &mut chance);
        file.ones(&name("ffn_norm"), HIDDEN);
        file.matrix(&name("ffn_gate"), FFN, HIDDEN, &mut chance);
        file.matrix(&name("ffn_up"), FFN, HIDDEN, &mut chance);
        file.matrix(&name("ffn_down"), HIDDEN, FFN, &mut chance);
    }
    file.finish()
}

/// Specials, then the byte alphabet, then what the merges make.
fn vocabulary() -> Vec<String> {
    let mut alphabet: Vec<(u8, char)> =
        crate::tokenizer::byte_alphabet().into_iter().map(|(c, byte)| (byte, c)).collect();
    alphabet.sort_unstable();
    let merged = MERGES.iter().map(|merge| merge.replace(' ', ""));
    SPECIALS
        .iter()
        .map(|special| (*special).to_owned())
        .chain(alphabet.into_iter().map(|(_, c)| c.to_string()))
        .chain(merged)
        .collect()
}

/// Puts a GGUF file together.
#[derive(Default)]
struct Writer {
    n_keys: u64,
    keys: Vec<u8>,
    n_tensors: u64,
    entries: Vec<u8>,
    data: Vec<u8>,
}

impl Writer {
    fn key(&mut self, key: &str, kind: u32) {
        self.n_keys += 1;
        put_text(&mut self.keys, key);
        self.keys.extend(kind.to_le_bytes());
    }

    fn u32(&mut self, key: &str, value: u32) {
        self.key(key, 4);
        self.keys.extend(value.to_le_bytes());
    }

    fn f32(&mut self, key: &str, value: f32) {
        self.key(key, 6);
        self.keys.extend(value.to_le_bytes());
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key, 8);
        put_text(&mut self.keys, value);
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        self.key(key, 9);
        self.keys.extend(8u32.to_le_bytes());
        self.keys.extend((values.len() as u64).to_le_bytes());
        values.iter().for_each(|value| put_text(&mut self.keys, value));
    }

    fn i32s(&mut self, key: &str, values: &[i32]) {
        self.key(key, 9);
        self.keys.extend(5u32.to_le_bytes());
        self.keys.extend((values.len() as u64).to_le_bytes());
        self.keys.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn matrix(&mut self, name: &str, rows: usize, cols: usize, chance: &mut Chance) {
        // Of a size that keeps what flows through it near one.
        let scale = (3.0 / cols as f32).sqrt();
        let values = (0..rows * cols).map(|_| (chance.uniform() * 2.0 - 1.0) * scale);
        let values: Vec<f32> = values.collect();
        self.tensor(name, &[cols, rows], &values);
    }

    fn ones(&mut self, name: &str, len: usize) {
        self.tensor(name, &[len], &vec![1.0; len]);
    }

    fn tensor(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        self.n_tensors += 1;
        put_text(&mut self.entries, name);
        self.entries.extend((dims.len() as u32).to_le_bytes());
        dims.iter().for_each(|dim| self.entries.extend((*dim as u64).to_le_bytes()));
        self.entries.extend(0u32.to_le_bytes());
        self.entries.extend((self.data.len() as u64).to_le_bytes());
        self.data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.data.resize(self.data.len().next_multiple_of(ALIGNMENT), 0);
    }

    fn finish(self) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3u32.to_le_bytes());
        file.extend(self.n_tensors.to_le_bytes());
        file.extend(self.n_keys.to_le_bytes());
        file.extend(self.keys);
        file.extend(self.entries);
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        file.extend(self.data);
        file
    }
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    to.extend((text.len() as u64).to_le_bytes());
    to.extend(text.as_bytes());
}
