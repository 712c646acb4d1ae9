//! The frozen open model a ghost stands on: its shape, weights, tokenizer and
//! chat template, all checked against each other before anyone computes.
//!
//! It comes from a GGUF file (`gguf`), or from a folder as Hugging Face's libraries write them
//! (`config`, and [`crate::pretrained`] for the files). Knows nothing of how a forward pass is
//! done, nor of adapters.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::chat::Chat;
use crate::error::{Error, Result};
use crate::gguf::Gguf;
use crate::pretrained::{self, Pretrained};
use crate::tensors::Tensors;
use crate::tokenizer::Tokenizer;
use crate::weight::{self, Bytes, Weight};
use crate::{device, memory};

pub(crate) mod config;
mod gguf;
mod rope;

pub use rope::{Growth, Pairs, Rope};

/// No base is larger in any direction; a file that says so is damaged.
const MOST: usize = 1 << 20;

/// Why an adapter is refused as a base.
pub(crate) const IS_AN_ADAPTER: &str = "it is an adapter (LoRA), which works only on the base it was \
     trained on; choose that base";

/// Which architecture a base follows. What differs between them is spelled out
/// in [`Shape`] and [`Layer`]; the family itself is for people to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Family {
    Llama,
    Mistral,
    SmolLm3,
    Qwen2,
    Qwen3,
    Gemma3,
}

/// What opens the gate of the feed-forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// x × sigmoid(x).
    Silu,
    /// Gemma's gelu, in its tanh form.
    Gelu,
}

/// The numbers of a base.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Whose architecture it follows.
    pub family: Family,
    /// Transformer blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Width of the feed-forward.
    pub ffn: usize,
    /// Tokens it knows.
    pub vocab: usize,
    /// Positions it was made for.
    pub context: usize,
    /// Keeps the root-mean-square norm from dividing by zero.
    pub norm_eps: f32,
    /// What opens the gate of the feed-forward.
    pub gate: Gate,
    /// What an embedding is multiplied by: 1, or √hidden for Gemma.
    pub embedding_scale: f32,
    /// How positions turn queries and keys.
    pub rope: Rope,
    /// The same for layers with a window, where they differ (Gemma).
    pub window_rope: Option<Rope>,
}

/// One transformer block. Norm weights are multipliers as stored in GGUF
/// (Gemma's offset of one is already in them).
#[derive(Clone, Debug)]
pub struct Layer {
    /// Before attention; `hidden`.
    pub attn_norm: Vec<f32>,
    /// `heads × head_dim` × `hidden`.
    pub q: Weight,
    /// `kv_heads × head_dim` × `hidden`.
    pub k: Weight,
    /// `kv_heads × head_dim` × `hidden`.
    pub v: Weight,
    /// `hidden` × `heads × head_dim`.
    pub o: Weight,
    /// Qwen2's; `heads × head_dim`.
    pub q_bias: Option<Vec<f32>>,
    /// Qwen2's; `kv_heads × head_dim`.
    pub k_bias: Option<Vec<f32>>,
    /// Qwen2's; `kv_heads × head_dim`.
    pub v_bias: Option<Vec<f32>>,
    /// Qwen3's and Gemma's, on each head before rope; `head_dim`.
    pub q_norm: Option<Vec<f32>>,
    /// Qwen3's and Gemma's, on each head before rope; `head_dim`.
    pub k_norm: Option<Vec<f32>>,
    /// Gemma's, on attention's answer before the residual; `hidden`.
    pub post_attn_norm: Option<Vec<f32>>,
    /// Before the feed-forward; `hidden`.
    pub ffn_norm: Vec<f32>,
    /// `ffn` × `hidden`.
    pub gate: Weight,
    /// `ffn` × `hidden`.
    pub up: Weight,
    /// `hidden` × `ffn`.
    pub down: Weight,
    /// Gemma's, on the feed-forward's answer before the residual; `hidden`.
    pub post_ffn_norm: Option<Vec<f32>>,
    /// Whether positions turn this layer's heads (SmolLM3 leaves some unturned).
    pub rotary: bool,
    /// How many positions back attention sees, itself included; all when `None`.
    pub window: Option<usize>,
}

/// What a person wants to know of a base before using it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaseCard {
    /// As the file names itself.
    pub name: String,
    /// The architecture, in the file's own word.
    pub family: String,
    /// How most weights are stored, in words.
    pub quantisation: String,
    /// Numbers in all weights.
    pub parameters: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Positions it was made for.
    pub context: usize,
    /// As the file states it.
    pub licence: Option<String>,
    /// Sentences on what may be wrong with it, although it can be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A base, whole and checked: every weight has the size its shape says.
#[derive(Clone, Debug)]
pub struct Base {
    /// The numbers.
    pub shape: Shape,
    /// First to last.
    pub layers: Vec<Layer>,
    /// `vocab` × `hidden`.
    pub embedding: Weight,
    /// `vocab` × `hidden`; `None` when the embedding serves (see [`Base::head`]).
    pub output: Option<Weight>,
    /// Before the output; `hidden`.
    pub final_norm: Vec<f32>,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// How the base wants to be spoken to.
    pub chat: Chat,
    /// What a person wants to know of it.
    pub card: BaseCard,
}

impl Base {
    /// Opens a GGUF file, or the folder of a safetensors checkpoint (or a file in it), and checks
    /// that everything in it fits together. The weights stay where they are: they are mapped, not
    /// read.
    ///
    /// # Errors
    /// `NotABase`, `Truncated`, `Unsupported`, `Template` or `Io`, each a sentence for the writer.
    pub fn open(path: &Path) -> Result<Self> {
        let base = match pretrained::folder_of(path) {
            Some(folder) => Pretrained::open(folder).and_then(Self::of_pretrained),
            None => Gguf::open(path).and_then(|file| Self::of_gguf(&file)),
        };
        base.map_err(|error| error.in_file(path))
    }

    /// Brings the weights into memory of our own, for a process that will write, where they are
    /// read faster; only where a quarter of what is free holds them, and on Linux, whose files lie
    /// on small pages. Elsewhere, and where a card computes, nothing happens.
    pub fn bring_near(&mut self) {
        let plenty = memory::available().is_some_and(|free| free / 4 >= self.card.bytes);
        if !cfg!(target_os = "linux") || !plenty || device::is_card() {
            return;
        }
        let layers = self.layers.iter_mut().flat_map(|layer| {
            let Layer { q, k, v, o, gate, up, down, .. } = layer;
            [q, k, v, o, gate, up, down]
        });
        weight::bring_near(layers.chain([&mut self.embedding]).chain(self.output.as_mut()));
    }

    /// The same from the bytes of a GGUF file.
    ///
    /// # Errors
    /// As [`Base::open`].
    pub fn read(bytes: Bytes) -> Result<Self> {
        Self::of_gguf(&Gguf::read(bytes)?)
    }

    fn of_gguf(file: &Gguf) -> Result<Self> {
        gguf::check_is_model(file)?;
        let family = gguf::family(file)?;
        only_known_tensors(&file.tensors)?;
        let tokenizer = Tokenizer::from_gguf(file)?;
        let shape = gguf::shape(file, family)?;
        if tokenizer.vocab_size() != shape.vocab {
            return Err(Error::malformed(format!(
                "it has {} tokens and weights for {}",
                tokenizer.vocab_size(),
                shape.vocab
            )));
        }
        let plan = gguf::plan(file, &shape)?;
        let chat = Chat::from_gguf(file, &tokenizer)?;
        let card = gguf::card(file, &shape);
        let tied = !file.tensors.has("output.weight");
        Self::assembled(&file.tensors, shape, &plan, tied, tokenizer, chat, card)
    }

    /// The same from the files of a checkpoint, by their names.
    ///
    /// # Errors
    /// As [`Base::open`].
    pub fn read_files(files: &HashMap<String, Bytes>) -> Result<Self> {
        Pretrained::read(files).and_then(Self::of_pretrained)
    }

    fn of_pretrained(files: Pretrained) -> Result<Self> {
        let (config, tensors) = (&files.config, &files.tensors);
        only_known_tensors(tensors)?;
        let shape = config.shape()?;
        let plan = config.plan(&shape)?;
        let tokenizer = files.tokenizer(shape.vocab)?;
        let chat = files.chat(&tokenizer)?;
        let card = files.card(&shape);
        let tied = config.tied().unwrap_or(!tensors.has("output.weight"));
        Self::assembled(tensors, shape, &plan, tied, tokenizer, chat, card)
    }

    fn assembled(
        tensors: &Tensors,
        shape: Shape,
        plan: &Plan,
        tied: bool,
        tokenizer: Tokenizer,
        chat: Chat,
        card: BaseCard,
    ) -> Result<Self> {
        shape.check()?;
        let layers =
            (0..shape.layers).map(|n| layer(tensors, &shape, plan, n)).collect::<Result<_>>()?;
        let matrix = |name| tensors.matrix(name, shape.vocab, shape.hidden);
        let mut final_norm = tensors.vector("output_norm.weight", shape.hidden)?;
        final_norm.iter_mut().for_each(|value| *value += plan.norm_offset);
        Ok(Self {
            layers,
            embedding: matrix("token_embd.weight")?,
            output: if tied { None } else { Some(matrix("output.weight")?) },
            final_norm,
            chat,
            card,
            tokenizer,
            shape,
        })
    }

    /// The matrix that turns hidden states into logits; `vocab` × `hidden`.
    pub fn head(&self) -> &Weight {
        self.output.as_ref().unwrap_or(&self.embedding)
    }
}

impl Shape {
    fn check(&self) -> Result<()> {
        let (heads, dims) = (self.heads, self.rope.dims);
        // A query that grows does so by what turns it.
        let grown = self.rope.growth.is_some() || self.rope.scale != 1.0;
        if !heads.is_multiple_of(self.kv_heads)
            || !(1..=MOST).contains(&self.head_dim)
            || dims % 2 != 0
            || dims > self.head_dim
            || (grown && dims < self.head_dim)
        {
            return Err(Error::malformed("its heads do not divide its width"));
        }
        Ok(())
    }
}

/// What differs from layer to layer, and from one way of writing weights to the other.
pub(crate) struct Plan {
    /// Whether positions turn a layer's heads.
    rotary: Vec<bool>,
    /// How many positions back a layer sees.
    windows: Vec<Option<usize>>,
    /// What is to be added to the weight of every norm.
    norm_offset: f32,
    /// Attention is scaled by the root of this, where not by that of a head's width.
    attention_width: Option<usize>,
}

/// SmolLM3 leaves every fourth layer without positions.
fn every_fourth_unturned(shape: &Shape) -> Vec<bool> {
    let turned = |n: usize| shape.family != Family::SmolLm3 || !n.is_multiple_of(4);
    (1..=shape.layers).map(turned).collect()
}

/// Gemma lets every sixth layer see everything.
fn five_of_six(layers: usize, window: Option<usize>) -> Vec<Option<usize>> {
    (1..=layers).map(|n| window.filter(|_| !n.is_multiple_of(6))).collect()
}

/// What follows `blk.N.` in the name of a tensor that [`layer`] reads.
const PARTS: [&str; 16] = [
    "attn_norm.weight",
    "attn_q.weight",
    "attn_k.weight",
    "attn_v.weight",
    "attn_output.weight",
    "attn_q.bias",
    "attn_k.bias",
    "attn_v.bias",
    "attn_q_norm.weight",
    "attn_k_norm.weight",
    "post_attention_norm.weight",
    "ffn_norm.weight",
    "ffn_gate.weight",
    "ffn_up.weight",
    "ffn_down.weight",
    "post_ffw_norm.weight",
];
/// Tensors outside the blocks.
const WHOLES: [&str; 4] =
    ["token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"];

/// A tensor that nobody reads is a feature that nobody computes: experts, a bias somewhere new.
/// Such a base would write gibberish, so it is refused.
fn only_known_tensors(tensors: &Tensors) -> Result<()> {
    let known = |name: &str| {
        let part = name.strip_prefix("blk.").and_then(|rest| Some(rest.split_once('.')?.1));
        part.map_or(WHOLES.contains(&name), |part| PARTS.contains(&part))
    };
    match tensors.names().find(|name| !known(name)) {
        Some(name) => Err(Error::unsupported(format!("the tensor `{name}`"))),
        None => Ok(()),
    }
}

fn layer(tensors: &Tensors, shape: &Shape, plan: &Plan, n: usize) -> Result<Layer> {
    let name = |part: &str| format!("blk.{n}.{part}");
    let matrix = |part: &str, rows, cols| tensors.matrix(&name(part), rows, cols);
    // What makes a family must be there; a bias may be there in any.
    let vector = |needed: bool, part: &str, len| match needed || tensors.has(&name(part)) {
        true => tensors.vector(&name(part), len).map(Some),
        false => Ok(None),
    };
    let norm = |needed: bool, part: &str, len| {
        let mut norm = vector(needed, part, len)?;
        norm.iter_mut().flatten().for_each(|value| *value += plan.norm_offset);
        Ok(norm)
    };
    let (wide, narrow) = (shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim);
    let family = shape.family;
    let (qwen2, gemma) = (family == Family::Qwen2, family == Family::Gemma3);
    let head_norms = gemma || family == Family::Qwen3;
    let mut q_norm = norm(head_norms, "attn_q_norm.weight", shape.head_dim)?;
    if let (Some(norm), Some(width)) = (&mut q_norm, plan.attention_width) {
        // Attention divides by the root of a head's width; what it should not divide by goes here.
        let scale = (shape.head_dim as f32 / width as f32).sqrt();
        norm.iter_mut().for_each(|value| *value *= scale);
    }
    Ok(Layer {
        attn_norm: norm(true, "attn_norm.weight", shape.hidden)?.unwrap_or_default(),
        q: matrix("attn_q.weight", wide, shape.hidden)?,
        k: matrix("attn_k.weight", narrow, shape.hidden)?,
        v: matrix("attn_v.weight", narrow, shape.hidden)?,
        o: matrix("attn_output.weight", shape.hidden, wide)?,
        q_bias: vector(qwen2, "attn_q.bias", wide)?,
        k_bias: vector(qwen2, "attn_k.bias", narrow)?,
        v_bias: vector(qwen2, "attn_v.bias", narrow)?,
        q_norm,
        k_norm: norm(head_norms, "attn_k_norm.weight", shape.head_dim)?,
        post_attn_norm: norm(gemma, "post_attention_norm.weight", shape.hidden)?,
        ffn_norm: norm(true, "ffn_norm.weight", shape.hidden)?.unwrap_or_default(),
        gate: matrix("ffn_gate.weight", shape.ffn, shape.hidden)?,
        up: matrix("ffn_up.weight", shape.ffn, shape.hidden)?,
        down: matrix("ffn_down.weight", shape.hidden, shape.ffn)?,
        post_ffn_norm: norm(gemma, "post_ffw_norm.weight", shape.hidden)?,
        rotary: plan.rotary.get(n).copied().unwrap_or(true),
        window: plan.windows.get(n).copied().flatten(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::block::BlockType;
    use crate::tiny::{self, Tiny};

    fn of(family: &'static str) -> Base {
        Tiny { family, ..Tiny::default() }.base()
    }

    /// The sentence a tiny base is refused with once one text in its file is another of the same length.
    #[track_caller]
    fn refused(from: &str, to: &str) -> String {
        let mut bytes = tiny::bytes(1);
        let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        Base::read(bytes.into()).unwrap_err().to_string()
    }

    #[test]
    fn a_llama() {
        let base = of("llama");
        assert_eq!(base.shape.rope.pairs, Pairs::Interleaved);
        assert!(base.output.is_none() && base.layers[0].q_bias.is_none());
        assert_eq!(base.card.licence.as_deref(), Some("apache-2.0"));
    }

    #[test]
    fn a_qwen2_has_biases() {
        let base = of("qwen2");
        assert_eq!(base.shape.rope.pairs, Pairs::Halves);
        assert_eq!(base.layers[1].k_bias.as_ref().unwrap().len(), 32);
    }

    #[test]
    fn a_qwen3_norms_its_heads() {
        assert_eq!(of("qwen3").layers[1].q_norm.as_ref().unwrap().len(), 16);
    }

    #[test]
    fn a_smollm3_leaves_every_fourth_layer_unturned() {
        let of = |family| Shape { layers: 8, ..of(family).shape };
        let turned = every_fourth_unturned(&of("smollm3"));
        assert_eq!(turned, [true, true, true, false, true, true, true, false]);
        assert_eq!(every_fourth_unturned(&of("llama")), [true; 8]);
    }

    #[test]
    fn a_gemma_has_windows_and_norms_after() {
        let base = of("gemma3");
        assert_eq!(base.shape.embedding_scale, 8.0);
        assert_eq!(base.shape.gate, Gate::Gelu);
        assert_eq!(base.layers[0].window, Some(9));
        assert!(base.layers[0].post_ffn_norm.is_some());
        assert!(base.shape.window_rope.is_some());
    }

    #[test]
    fn matrices_in_blocks_are_nearly_the_same() {
        let unpacked = |block| {
            let base = Tiny { block, ..Tiny::default() }.base();
            assert_eq!(base.layers[1].down.block, block);
            let mut values = vec![0.0; base.layers[1].down.len()];
            base.layers[1].down.unpack_rows(0..64, &mut values);
            values
        };
        let plain = unpacked(BlockType::F32);
        for (block, most) in [(BlockType::Q8_0, 0.001), (BlockType::Q4_1, 0.011)] {
            let off = plain.iter().zip(unpacked(block)).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) < most, "{block:?}");
        }
    }

    #[test]
    fn weights_brought_near_are_the_same() {
        for family in ["llama", "gemma3"] {
            let base = Tiny { family, block: BlockType::Q4_1, ..Tiny::default() }.base();
            let mut near = base.clone();
            weight::bring_near(near.layers.iter_mut().map(|layer| &mut layer.down));
            near.bring_near();
            for (near, far) in near.layers.iter().zip(&base.layers) {
                for (near, far) in [(&near.q, &far.q), (&near.down, &far.down)] {
                    assert!((0..far.rows).all(|row| near.row_bytes(row) == far.row_bytes(row)));
                }
            }
            let row = |base: &Base| base.embedding.row_bytes(9).to_vec();
            assert_eq!(row(&near), row(&base));
        }
    }

    #[test]
    fn from_a_file_and_not_from_an_empty_or_missing_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.gguf");
        tiny::write_gguf(&path, 1).unwrap();
        assert_eq!(Base::open(&path).unwrap().card.parameters, tiny::base(1).card.parameters);
        std::fs::write(&path, "").unwrap();
        assert!(matches!(Base::open(&path), Err(Error::NotABase { .. })));
        assert!(matches!(Base::open(&folder.path().join("none")), Err(Error::Io { .. })));
        assert!(Base::open(folder.path()).is_err());
    }

    #[test]
    fn another_architecture() {
        let sentence = refused(
            "architecture\x08\0\0\0\x05\0\0\0\0\0\0\0llama",
            "architecture\x08\0\0\0\x05\0\0\0\0\0\0\0mamba",
        );
        assert!(sentence.contains("`mamba`"), "{sentence}");
    }

    #[test]
    fn a_tensor_that_nobody_reads() {
        let sentence = refused("blk.1.ffn_up.weight", "blk.1.ffn_up.expert");
        assert!(sentence.contains("blk.1.ffn_up.expert"), "{sentence}");
    }

    #[test]
    fn a_tokenizer_of_another_kind() {
        let sentence = refused("smollm", "klingn");
        assert!(sentence.contains("`klingn`"), "{sentence}");
    }

    #[test]
    fn a_number_that_is_missing() {
        let sentence = refused("block_count", "block_cound");
        assert!(sentence.contains("block_count"), "{sentence}");
    }
}
