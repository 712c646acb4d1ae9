//! A tiny base as a checkpoint in a folder: the same weights and tokens under Hugging Face's names.

use std::collections::HashMap;
use std::path::Path;

use half::{bf16, f16};
use serde_json::{Value, json};

use super::{MERGES, SPECIALS, Tiny, listed_pieces, vocabulary};
use crate::base::Base;
use crate::quant::ggml::GgmlType;
use crate::quant::weight::Weight;
use crate::rope::RopeLayout;

/// Files by their names.
pub type Files = HashMap<String, Vec<u8>>;

/// Writes files to a folder, which is made.
///
/// # Errors
/// The system's own.
pub fn write(files: &Files, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    files.iter().try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes))
}

impl Tiny {
    /// The files of its checkpoint; weights are F32, F16 or BF16, whatever `block` says is one of
    /// them, and else F32.
    ///
    /// # Panics
    /// Where the family is none of those named.
    pub fn files(self) -> Files {
        let base = Self { block: GgmlType::F32, ..self }.base();
        let block = match self.block {
            GgmlType::F16 | GgmlType::BF16 => self.block,
            _ => GgmlType::F32,
        };
        let stored = stored(&base, self.family == "gemma3", block);
        let vocab = base.config.vocab;
        let pieces = self.family == "gemma3";
        [
            ("config.json", self.config(&base).to_string().into_bytes()),
            ("model.safetensors", safetensors(&stored)),
            ("tokenizer.json", tokenizer(pieces, vocab).to_string().into_bytes()),
        ]
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .collect()
    }

    fn config(self, base: &Base) -> Value {
        let config = &base.config;
        json!({
            "model_type": if self.family == "gemma3" { "gemma3_text" } else { self.family },
            "num_hidden_layers": config.layers,
            "hidden_size": config.hidden,
            "num_attention_heads": config.heads,
            "num_key_value_heads": config.kv_heads,
            "head_dim": config.head_dim,
            "query_pre_attn_scalar": config.head_dim,
            "intermediate_size": config.ffn,
            "vocab_size": config.vocab,
            "max_position_embeddings": config.context,
            "rms_norm_eps": config.norm_eps,
            "rope_theta": config.rope.theta,
            "sliding_window": base.layers[0].window,
            "tie_word_embeddings": true,
            "eos_token_id": 2,
        })
    }
}

/// A tensor to be stored: its name, its shape, and how it is stored.
pub(crate) type Stored = (String, Vec<usize>, GgmlType, Vec<f32>);

/// The weights under Hugging Face's names, in Hugging Face's order of rows.
fn stored(base: &Base, gemma: bool, block: GgmlType) -> Vec<Stored> {
    let config = &base.config;
    let mut stored: Vec<Stored> = Vec::new();
    let matrix = |name: String, weight: &Weight, heads: Option<usize>| {
        let mut values = vec![0.0; weight.len()];
        weight.dequantize_rows(0..weight.rows, &mut values);
        if let (Some(heads), RopeLayout::GptJ) = (heads, config.rope.layout) {
            values = split_halves(&values, heads, weight.cols);
        }
        (name, vec![weight.rows, weight.cols], block, values)
    };
    let vector = |name: String, values: &[f32], offset: f32| {
        let values: Vec<f32> = values.iter().map(|value| value - offset).collect();
        (name, vec![values.len()], GgmlType::F32, values)
    };
    let offset = if gemma { 1.0 } else { 0.0 };
    stored.push(matrix("model.embed_tokens.weight".into(), &base.embedding, None));
    stored.push(vector("model.norm.weight".into(), &base.final_norm, offset));
    for (n, layer) in base.layers.iter().enumerate() {
        let name = |part: &str| format!("model.layers.{n}.{part}");
        for (part, weight, heads) in [
            ("self_attn.q_proj.weight", &layer.q, Some(config.heads)),
            ("self_attn.k_proj.weight", &layer.k, Some(config.kv_heads)),
            ("self_attn.v_proj.weight", &layer.v, None),
            ("self_attn.o_proj.weight", &layer.o, None),
            ("mlp.gate_proj.weight", &layer.gate, None),
            ("mlp.up_proj.weight", &layer.up, None),
            ("mlp.down_proj.weight", &layer.down, None),
        ] {
            stored.push(matrix(name(part), weight, heads));
        }
        let (before, after) = match gemma {
            true => ("pre_feedforward_layernorm.weight", "post_attention_layernorm.weight"),
            false => ("post_attention_layernorm.weight", "none"),
        };
        for (part, values, offset) in [
            ("input_layernorm.weight", Some(&layer.attn_norm), offset),
            (before, Some(&layer.ffn_norm), offset),
            (after, layer.post_attn_norm.as_ref(), offset),
            ("post_feedforward_layernorm.weight", layer.post_ffn_norm.as_ref(), offset),
            ("self_attn.q_norm.weight", layer.q_norm.as_ref(), offset),
            ("self_attn.k_norm.weight", layer.k_norm.as_ref(), offset),
            ("self_attn.q_proj.bias", layer.q_bias.as_ref(), 0.0),
            ("self_attn.k_proj.bias", layer.k_bias.as_ref(), 0.0),
            ("self_attn.v_proj.bias", layer.v_bias.as_ref(), 0.0),
        ] {
            stored.extend(values.map(|values| vector(name(part), values, offset)));
        }
    }
    stored
}

/// Rows of adjacent rotary pairs, rearranged so that a pair is half a head apart.
fn split_halves(values: &[f32], heads: usize, cols: usize) -> Vec<f32> {
    let rows = values.len() / cols;
    let dim = rows / heads;
    let from = |row: usize| {
        let (head, within) = (row / dim * dim, row % dim);
        head + 2 * (within % (dim / 2)) + within / (dim / 2)
    };
    (0..rows).flat_map(|row| &values[from(row) * cols..][..cols]).copied().collect()
}

/// The reverse of [`split_halves`], as converters to GGUF do for a llama.
#[cfg(test)]
pub(crate) fn interleave_halves(values: &[f32], heads: usize, cols: usize) -> Vec<f32> {
    let rows = values.len() / cols;
    let dim = rows / heads;
    let from = |row: usize| {
        let (head, within) = (row / dim * dim, row % dim);
        head + within / 2 + within % 2 * (dim / 2)
    };
    (0..rows).flat_map(|row| &values[from(row) * cols..][..cols]).copied().collect()
}

/// A safetensors file of these.
///
/// # Panics
/// Where a tensor is stored in blocks.
pub(crate) fn safetensors(stored: &[Stored]) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, dims, block, values) in stored {
        let from = data.len();
        match block {
            GgmlType::F32 => data.extend(values.iter().flat_map(|v| v.to_le_bytes())),
            GgmlType::F16 => {
                data.extend(values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()));
            }
            GgmlType::BF16 => {
                data.extend(values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()));
            }
            other => unreachable!("no safetensors file is written in {other:?}"),
        }
        let place = [from, data.len()];
        let info = json!({"dtype": format!("{block:?}"), "shape": dims, "data_offsets": place});
        header.insert(name.clone(), info);
    }
    let header = Value::Object(header).to_string().into_bytes();
    [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
}

/// A `tokenizer.json` of the tiny vocabulary, put together as SmolLM2's is, or as Gemma's.
pub(crate) fn tokenizer(pieces: bool, vocab: usize) -> Value {
    let listed: Vec<(String, i32)> = match pieces {
        true => listed_pieces(),
        false => vocabulary()
            .into_iter()
            .map(|text| (SPECIALS.contains(&&*text), text))
            .map(|(special, text)| (text, if special { 3 } else { 1 }))
            .collect(),
    };
    assert!(listed.len() <= vocab, "{vocab} weights for {} tokens", listed.len());
    let added: Vec<Value> = listed
        .iter()
        .enumerate()
        .filter(|(_, (_, kind))| matches!(kind, 3 | 4))
        .map(|(id, (text, kind))| {
            json!({"id": id, "content": text, "special": *kind == 3, "normalized": false,
                "single_word": false, "lstrip": false, "rstrip": false})
        })
        .collect();
    let words: HashMap<&String, usize> = listed.iter().map(|(text, _)| text).zip(0..).collect();
    let merges: Vec<[String; 2]> = MERGES
        .iter()
        .filter_map(|merge| merge.split_once(' '))
        .map(|(left, right)| match pieces {
            true => [left, right].map(|part| part.replace('Ġ', "\u{2581}")),
            false => [left, right].map(String::from),
        })
        .collect();
    let (normalizer, pre_tokenizer) = match pieces {
        true => (
            json!({"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "\u{2581}"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"},
            ]}),
            Value::Null,
        ),
        false => (
            Value::Null,
            json!({"type": "Sequence", "pretokenizers": [
                {"type": "Digits", "individual_digits": true},
                {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                    "use_regex": true},
            ]}),
        ),
    };
    json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "model": {"type": "BPE", "byte_fallback": pieces, "vocab": words, "merges": merges},
    })
}
