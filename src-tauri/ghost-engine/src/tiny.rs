//! A base of two small layers with random weights, as a true GGUF file: every test that needs a
//! base runs the true code on it, in milliseconds.
//!
//! Its words mean nothing. It is a llama with byte-level tokens, a few merges, and ChatML. The same
//! base also comes as a checkpoint in a folder (`folder`).

pub mod folder;

use std::path::Path;
use std::sync::Arc;

use half::f16;

use crate::backend::cpu::CpuBackend;
use crate::base::Base;
use crate::device::Device;
use crate::model::Model;
use crate::quant::ggml::GgmlType;
use crate::quant::weight::Bytes;
use ghost_core::rng::Rng;

const HIDDEN: usize = 64;
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

/// A tiny base on the CPU.
pub fn model(random_seed: u64) -> Model {
    on_cpu(base(random_seed))
}

/// A base on the CPU.
pub fn on_cpu(base: Base) -> Model {
    Model::new(base, Arc::new(Device::cpu(CpuBackend::default())))
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
    Tiny { random_seed, ..Tiny::default() }.bytes()
}

/// The kind of tiny base to write.
#[derive(Clone, Copy, Debug)]
pub struct Tiny {
    /// In GGUF's words; "gemma3" brings a SentencePiece vocabulary with it.
    pub family: &'static str,
    /// The block type of its matrices: F32, Q8_0 or Q4_1.
    pub block: GgmlType,
    /// The seed of its weights.
    pub random_seed: u64,
    /// The number of layers: more of them make it slow, for a test that interrupts it.
    pub layers: usize,
}

impl Default for Tiny {
    fn default() -> Self {
        Self { family: "llama", block: GgmlType::F32, random_seed: 1, layers: 2 }
    }
}

impl Tiny {
    /// This base in memory.
    ///
    /// # Panics
    /// Where the family or the block type is none of those named.
    pub fn base(self) -> Base {
        Base::read(Bytes::from(self.bytes())).expect("a tiny base is a base")
    }

    /// The bytes of its file.
    ///
    /// # Panics
    /// Where the block type is none of those named.
    pub fn bytes(self) -> Vec<u8> {
        self.bytes_with(&Changes::default())
    }

    /// The bytes of its file with something changed.
    ///
    /// # Panics
    /// Where the block type is none of those named.
    pub fn bytes_with(self, changes: &Changes) -> Vec<u8> {
        self.file(changes).finish()
    }

    /// The bytes of its file in `n` parts.
    ///
    /// # Panics
    /// Where the block type is none of those named.
    pub fn parts(self, n: usize) -> Vec<Vec<u8>> {
        self.file(&Changes::default()).finish_in_parts(n)
    }

    fn file(self, changes: &Changes) -> Writer {
        let mut file =
            Writer { block: Some(self.block), changes: changes.clone(), ..Writer::default() };
        let tokens = match self.family {
            "gemma3" => pieces(&mut file),
            _ => byte_pairs(&mut file, 0),
        };
        self.numbers(&mut file);
        self.weights(&mut file, tokens);
        file
    }

    fn numbers(self, file: &mut Writer) {
        file.text("general.architecture", self.family);
        file.text("general.name", "Tiny");
        file.text("general.license", "apache-2.0");
        for (key, n) in [
            ("block_count", self.layers as u32),
            ("context_length", CONTEXT),
            ("embedding_length", HIDDEN as u32),
            ("feed_forward_length", FFN as u32),
            ("attention.head_count", HEADS as u32),
            ("attention.head_count_kv", KV_HEADS as u32),
            ("attention.key_length", (HIDDEN / HEADS) as u32),
            ("attention.value_length", (HIDDEN / HEADS) as u32),
            ("rope.dimension_count", (HIDDEN / HEADS) as u32),
        ] {
            file.u32(&format!("{}.{key}", self.family), n);
        }
        if self.family == "gemma3" {
            file.u32("gemma3.attention.sliding_window", 9);
        }
        file.f32(&format!("{}.rope.freq_base", self.family), 10_000.0);
        file.f32(&format!("{}.attention.layer_norm_rms_epsilon", self.family), 1e-5);
    }

    fn weights(self, file: &mut Writer, tokens: usize) {
        let mut rng = Rng::new(self.random_seed);
        let (head, kv) = (HIDDEN / HEADS, KV_HEADS * (HIDDEN / HEADS));
        file.matrix("token_embd.weight", tokens, HIDDEN, &mut rng);
        file.ones("output_norm.weight", HIDDEN);
        for layer in 0..self.layers {
            let name = |part: &str| format!("blk.{layer}.{part}");
            file.ones(&name("attn_norm.weight"), HIDDEN);
            file.matrix(&name("attn_q.weight"), HIDDEN, HIDDEN, &mut rng);
            file.matrix(&name("attn_k.weight"), kv, HIDDEN, &mut rng);
            file.matrix(&name("attn_v.weight"), kv, HIDDEN, &mut rng);
            file.matrix(&name("attn_output.weight"), HIDDEN, HIDDEN, &mut rng);
            file.ones(&name("ffn_norm.weight"), HIDDEN);
            file.matrix(&name("ffn_gate.weight"), FFN, HIDDEN, &mut rng);
            file.matrix(&name("ffn_up.weight"), FFN, HIDDEN, &mut rng);
            file.matrix(&name("ffn_down.weight"), HIDDEN, FFN, &mut rng);
            let more: &[(&str, usize)] = match self.family {
                "qwen2" => &[("attn_q.bias", HIDDEN), ("attn_k.bias", kv), ("attn_v.bias", kv)],
                "qwen3" => &[("attn_q_norm.weight", head), ("attn_k_norm.weight", head)],
                "gemma3" => &[
                    ("attn_q_norm.weight", head),
                    ("attn_k_norm.weight", head),
                    ("post_attention_norm.weight", HIDDEN),
                    ("post_ffw_norm.weight", HIDDEN),
                ],
                _ => &[],
            };
            more.iter().for_each(|(part, len)| file.ones(&name(part), *len));
        }
    }
}

/// A byte-level vocabulary with ChatML's specials, filled up to `least` tokens; how many it has.
pub(crate) fn byte_pairs(file: &mut Writer, least: usize) -> usize {
    let mut tokens = vocabulary();
    tokens.extend((tokens.len()..least).map(|n| format!("[PAD{n}]")));
    let kinds: Vec<i32> =
        tokens.iter().map(|token| if SPECIALS.contains(&token.as_str()) { 3 } else { 1 }).collect();
    file.text("tokenizer.ggml.model", "gpt2");
    file.text("tokenizer.ggml.pre", "smollm");
    file.u32("tokenizer.ggml.bos_token_id", 1);
    file.u32("tokenizer.ggml.eos_token_id", 2);
    file.texts("tokenizer.ggml.tokens", &tokens);
    file.texts("tokenizer.ggml.merges", &MERGES.map(String::from));
    file.i32s("tokenizer.ggml.token_type", &kinds);
    tokens.len()
}

/// A SentencePiece vocabulary with Gemma's specials; how many tokens it has.
fn pieces(file: &mut Writer) -> usize {
    let tokens = listed_pieces();
    let scores: Vec<f32> = (0..tokens.len()).map(|n| -(n as f32)).collect();
    let (tokens, kinds): (Vec<String>, Vec<i32>) = tokens.into_iter().unzip();
    file.text("tokenizer.ggml.model", "llama");
    file.u32("tokenizer.ggml.bos_token_id", 0);
    file.u32("tokenizer.ggml.eos_token_id", 2);
    file.texts("tokenizer.ggml.tokens", &tokens);
    file.f32s("tokenizer.ggml.scores", &scores);
    file.i32s("tokenizer.ggml.token_type", &kinds);
    tokens.len()
}

/// Its tokens, each with GGUF's number for what it is.
fn listed_pieces() -> Vec<(String, i32)> {
    let mut tokens: Vec<(String, i32)> =
        ["<bos>", "<start_of_turn>", "<end_of_turn>"].map(|name| (name.into(), 3)).into();
    tokens.extend((0..=255u8).map(|byte| (format!("<0x{byte:02X}>"), 6)));
    tokens.push(("\n\n".into(), 4));
    let merged = MERGES.map(|merge| merge.replace(' ', "").replace('Ġ', "\u{2581}"));
    tokens.extend(merged.map(|token| (token, 1)));
    // As SentencePiece has them: single characters come last and score lowest.
    let letters = ('!'..='~').chain(['\n', '\u{2581}', 'é']);
    tokens.extend(letters.map(|letter| (letter.to_string(), 1)));
    tokens
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

/// Changes to the file of a tiny base, for tests of damaged files.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Keys with the text they have instead, or that are missing.
    pub keys: Vec<(&'static str, Option<&'static str>)>,
    /// Called with each tensor's name and values before they are written.
    pub weights: Option<fn(&str, &mut [f32])>,
}

/// Weights for [`Changes`] that write white space and nothing else.
pub fn only_white_space(name: &str, values: &mut [f32]) {
    if name.ends_with("attn_output.weight") || name.ends_with("ffn_down.weight") {
        values.fill(0.0);
    }
    if name == "token_embd.weight" {
        // The token of a byte comes after the specials.
        let is_blank =
            |token: usize| b" \t\n".iter().any(|b| *b as usize + SPECIALS.len() == token);
        for (token, row) in values.chunks_mut(HIDDEN).enumerate() {
            row.fill(if is_blank(token) { 50.0 } else { 0.0 });
        }
    }
}

/// Puts a GGUF file together.
#[derive(Default)]
pub(crate) struct Writer {
    /// Each with its type and value as bytes.
    keys: Vec<(String, Vec<u8>)>,
    /// Each with its entry in the header, except for the offset, and its bytes.
    tensors: Vec<(Vec<u8>, Vec<u8>)>,
    /// The block type of matrices; F32 by default.
    block: Option<GgmlType>,
    changes: Changes,
}

impl Writer {
    fn key(&mut self, key: &str, kind: u32) -> &mut Vec<u8> {
        let at = self.keys.len();
        self.keys.push((key.to_owned(), kind.to_le_bytes().to_vec()));
        &mut self.keys[at].1
    }

    pub(crate) fn u32(&mut self, key: &str, value: u32) {
        self.key(key, 4).extend(value.to_le_bytes());
    }

    pub(crate) fn f32(&mut self, key: &str, value: f32) {
        self.key(key, 6).extend(value.to_le_bytes());
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        put_text(self.key(key, 8), value);
    }

    fn list(&mut self, key: &str, kind: u32, n: usize) -> &mut Vec<u8> {
        let bytes = self.key(key, 9);
        bytes.extend(kind.to_le_bytes());
        bytes.extend((n as u64).to_le_bytes());
        bytes
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        let bytes = self.list(key, 8, values.len());
        values.iter().for_each(|value| put_text(bytes, value));
    }

    fn i32s(&mut self, key: &str, values: &[i32]) {
        let bytes = self.list(key, 5, values.len());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn f32s(&mut self, key: &str, values: &[f32]) {
        let bytes = self.list(key, 6, values.len());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn matrix(&mut self, name: &str, rows: usize, cols: usize, rng: &mut Rng) {
        // Of a size that keeps what flows through it near one.
        let scale = (3.0 / cols as f32).sqrt();
        let values = (0..rows * cols).map(|_| (rng.next_f32() * 2.0 - 1.0) * scale);
        let values: Vec<f32> = values.collect();
        self.tensor(name, &[cols, rows], self.block.unwrap_or(GgmlType::F32), &values);
    }

    fn ones(&mut self, name: &str, len: usize) {
        self.tensor(name, &[len], GgmlType::F32, &vec![1.0; len]);
    }

    pub(crate) fn tensor(&mut self, name: &str, dims: &[usize], block: GgmlType, values: &[f32]) {
        let mut values = values.to_vec();
        if let Some(change) = self.changes.weights {
            change(name, &mut values);
        }
        let mut entry = Vec::new();
        put_text(&mut entry, name);
        entry.extend((dims.len() as u32).to_le_bytes());
        dims.iter().for_each(|dim| entry.extend((*dim as u64).to_le_bytes()));
        entry.extend(block.ggml_id().to_le_bytes());
        self.tensors.push((entry, pack(block, &values)));
    }

    /// The whole file.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        for (key, text) in std::mem::take(&mut self.changes.keys) {
            self.keys.retain(|(other, _)| other != key);
            if let Some(text) = text {
                self.text(key, text);
            }
        }
        assembled(&self.keys, &self.tensors)
    }

    /// The file in `n` parts, as llama.cpp splits one: the first has the keys.
    pub(crate) fn finish_in_parts(mut self, n: usize) -> Vec<Vec<u8>> {
        let keys = std::mem::take(&mut self.keys);
        let size = self.tensors.len().div_ceil(n);
        let parts = self.tensors.chunks(size).enumerate();
        let part = |(at, tensors): (usize, &[_])| {
            let mut part = Writer {
                keys: if at == 0 { keys.clone() } else { Vec::new() },
                ..Writer::default()
            };
            part.key("split.no", 2).extend((at as u16).to_le_bytes());
            part.key("split.count", 2).extend((n as u16).to_le_bytes());
            assembled(&part.keys, tensors)
        };
        parts.map(part).collect()
    }
}

/// A file of these keys and tensors.
fn assembled(keys: &[(String, Vec<u8>)], tensors: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut file = b"GGUF".to_vec();
    file.extend(3u32.to_le_bytes());
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((keys.len() as u64).to_le_bytes());
    for (key, value) in keys {
        put_text(&mut file, key);
        file.extend(value);
    }
    let mut data = Vec::new();
    for (entry, bytes) in tensors {
        file.extend(entry);
        file.extend((data.len() as u64).to_le_bytes());
        data.extend(bytes);
        data.resize(data.len().next_multiple_of(ALIGNMENT), 0);
    }
    file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
    file.extend(data);
    file
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    to.extend((text.len() as u64).to_le_bytes());
    to.extend(text.as_bytes());
}

/// Values as blocks of a type.
///
/// # Panics
/// Where the type is none of F32, Q8_0 and Q4_1.
pub(crate) fn pack(block: GgmlType, values: &[f32]) -> Vec<u8> {
    match block {
        GgmlType::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        GgmlType::Q8_0 => values.chunks(32).flat_map(q8_0).collect(),
        GgmlType::Q4_1 => values.chunks(32).flat_map(q4_1).collect(),
        other => unreachable!("a tiny base isn't written in {other:?}"),
    }
}

fn q8_0(values: &[f32]) -> Vec<u8> {
    let most = values.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    let scale = f16::from_f32(most / 127.0);
    let step = scale.to_f32().max(f32::MIN_POSITIVE);
    let mut block = scale.to_le_bytes().to_vec();
    block.extend(values.iter().map(|v| (v / step).round().clamp(-127.0, 127.0) as i8 as u8));
    block
}

fn q4_1(values: &[f32]) -> Vec<u8> {
    let (least, most) =
        values.iter().fold((f32::MAX, f32::MIN), |(least, most), v| (least.min(*v), most.max(*v)));
    let (scale, least) = (f16::from_f32((most - least) / 15.0), f16::from_f32(least));
    let step = scale.to_f32().max(f32::MIN_POSITIVE);
    let nibble = |v: f32| ((v - least.to_f32()) / step).round().clamp(0.0, 15.0) as u8;
    let mut block = [scale.to_le_bytes(), least.to_le_bytes()].concat();
    let (low, high) = values.split_at(values.len() / 2);
    block.extend(low.iter().zip(high).map(|(l, h)| nibble(*l) | nibble(*h) << 4));
    block
}
