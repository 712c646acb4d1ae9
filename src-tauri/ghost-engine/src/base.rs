//! A base: the frozen open model that an adapter is trained on. Its configuration, weights, tokenizer
//! and chat template are checked against each other when it is opened.
//!
//! It comes from a GGUF file ([`crate::load::gguf`]), or from a folder as Hugging Face's libraries write
//! them ([`crate::load::hf`]). Backends compute with it.

use std::collections::HashMap;
use std::path::Path;

use crate::chat::Chat;
use crate::config::{Family, LayerPlan, ModelConfig};
use crate::error::{Error, Result};
use crate::load::card::BaseCard;
use crate::load::gguf::Gguf;
use crate::load::hf::{self, Checkpoint};
use crate::load::tensors::Tensors;
use crate::load::{gguf_config, gguf_split};
use crate::memory;
use crate::quant::weight::{self, Bytes, Weight};
use crate::tokenizer::Tokenizer;

/// The weights of one layer. Norm weights are multipliers as stored in GGUF
/// (Gemma's offset of one is already in them).
#[derive(Clone, Debug)]
pub struct LayerWeights {
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
    /// Gemma's, on the output of attention before the residual; `hidden`.
    pub post_attn_norm: Option<Vec<f32>>,
    /// Before the feed-forward; `hidden`.
    pub ffn_norm: Vec<f32>,
    /// `ffn` × `hidden`.
    pub gate: Weight,
    /// `ffn` × `hidden`.
    pub up: Weight,
    /// `hidden` × `ffn`.
    pub down: Weight,
    /// Gemma's, on the output of the feed-forward before the residual; `hidden`.
    pub post_ffn_norm: Option<Vec<f32>>,
    /// False where positions don't rotate this layer's heads (some of SmolLM3's).
    pub rotary: bool,
    /// The attention window in positions, its own included; `None` is no window.
    pub window: Option<usize>,
}

/// A base, complete and checked: every weight has the size that its configuration says.
#[derive(Clone, Debug)]
pub struct Base {
    /// The numbers.
    pub config: ModelConfig,
    /// First to last.
    pub layers: Vec<LayerWeights>,
    /// `vocab` × `hidden`.
    pub embedding: Weight,
    /// `vocab` × `hidden`; `None` when the embedding serves (see [`Base::head`]).
    pub output: Option<Weight>,
    /// Before the output; `hidden`.
    pub final_norm: Vec<f32>,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// The chat template.
    pub chat: Chat,
    /// The facts for a person.
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
        let base = match hf::folder_of(path) {
            Some(folder) => Checkpoint::open(folder).and_then(Self::from_checkpoint),
            None => gguf_split::open(path).and_then(|file| Self::from_gguf(&file)),
        };
        base.map_err(|error| error.in_file(path))
    }

    /// Copies the weights to huge pages, from where a process that generates reads them faster. Only
    /// where a quarter of the free memory holds them, and on Linux, which maps files in small pages.
    pub fn copy_to_huge_pages(&mut self) {
        let plenty = memory::available().is_some_and(|free| free / 4 >= self.card.bytes);
        if !cfg!(target_os = "linux") || !plenty {
            return;
        }
        let layers = self.layers.iter_mut().flat_map(|layer| {
            let LayerWeights { q, k, v, o, gate, up, down, .. } = layer;
            [q, k, v, o, gate, up, down]
        });
        weight::copy_to_huge_pages(layers.chain([&mut self.embedding]).chain(self.output.as_mut()));
    }

    /// Reads the bytes of a GGUF file.
    ///
    /// # Errors
    /// As [`Base::open`].
    pub fn read(bytes: Bytes) -> Result<Self> {
        Self::from_gguf(&Gguf::read(bytes)?)
    }

    fn from_gguf(file: &Gguf) -> Result<Self> {
        gguf_config::check_is_model(file)?;
        let family = gguf_config::family(file)?;
        only_known_tensors(&file.tensors)?;
        let tokenizer = Tokenizer::from_gguf(file)?;
        let config = gguf_config::config(file, family)?;
        if tokenizer.vocab_size() != config.vocab {
            return Err(Error::malformed(format!(
                "it has {} tokens and weights for {}",
                tokenizer.vocab_size(),
                config.vocab
            )));
        }
        let plan = gguf_config::plan(file, &config)?;
        let chat = Chat::from_gguf(file, &tokenizer)?;
        let card = gguf_config::card(file, &config);
        let tied = !file.tensors.has("output.weight");
        Self::assemble(&file.tensors, config, &plan, tied, tokenizer, chat, card)
    }

    /// Reads the files of a checkpoint, by their names.
    ///
    /// # Errors
    /// As [`Base::open`].
    pub fn read_files(files: &HashMap<String, Bytes>) -> Result<Self> {
        Checkpoint::read(files).and_then(Self::from_checkpoint)
    }

    fn from_checkpoint(files: Checkpoint) -> Result<Self> {
        let (hf, tensors) = (&files.config, &files.tensors);
        only_known_tensors(tensors)?;
        let config = hf.config()?;
        let plan = hf.plan(&config)?;
        let tokenizer = files.tokenizer(config.vocab)?;
        let chat = files.chat(&tokenizer)?;
        let card = files.card(&config);
        let tied = hf.tied().unwrap_or(!tensors.has("output.weight"));
        Self::assemble(tensors, config, &plan, tied, tokenizer, chat, card)
    }

    fn assemble(
        tensors: &Tensors,
        config: ModelConfig,
        plan: &LayerPlan,
        tied: bool,
        tokenizer: Tokenizer,
        chat: Chat,
        card: BaseCard,
    ) -> Result<Self> {
        config.check()?;
        let layers =
            (0..config.layers).map(|n| layer(tensors, &config, plan, n)).collect::<Result<_>>()?;
        let matrix = |name| tensors.matrix(name, config.vocab, config.hidden);
        let mut final_norm = tensors.vector("output_norm.weight", config.hidden)?;
        final_norm.iter_mut().for_each(|value| *value += plan.norm_offset);
        Ok(Self {
            layers,
            embedding: matrix("token_embd.weight")?,
            output: if tied { None } else { Some(matrix("output.weight")?) },
            final_norm,
            chat,
            card,
            tokenizer,
            config,
        })
    }

    /// The residual stream before the first layer, `tokens × hidden`. A token beyond the vocabulary is
    /// its last.
    pub fn embed(&self, tokens: &[u32]) -> Vec<f32> {
        let (embedding, width) = (&self.embedding, self.config.hidden);
        let mut x = vec![0.0; tokens.len() * width];
        for (row, token) in x.chunks_exact_mut(width).zip(tokens) {
            let token = (*token as usize).min(embedding.rows - 1);
            embedding.dequantize_rows(token..token + 1, row);
            row.iter_mut().for_each(|v| *v *= self.config.embedding_scale);
        }
        x
    }

    /// The matrix that turns hidden states into logits; `vocab` × `hidden`.
    pub fn head(&self) -> &Weight {
        self.output.as_ref().unwrap_or(&self.embedding)
    }
}

/// The names of a layer's tensors after `blk.N.`.
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
/// Tensors outside the layers.
const WHOLES: [&str; 4] =
    ["token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"];

/// Refuses unknown tensors: each is a feature that is not computed here, as experts or another bias, and
/// without it the base would write gibberish.
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

fn layer(
    tensors: &Tensors,
    config: &ModelConfig,
    plan: &LayerPlan,
    n: usize,
) -> Result<LayerWeights> {
    let name = |part: &str| format!("blk.{n}.{part}");
    let matrix = |part: &str, rows, cols| tensors.matrix(&name(part), rows, cols);
    // Tensors that make a family are required; any family may have biases.
    let vector = |needed: bool, part: &str, len| match needed || tensors.has(&name(part)) {
        true => tensors.vector(&name(part), len).map(Some),
        false => Ok(None),
    };
    let norm = |needed: bool, part: &str, len| {
        let mut norm = vector(needed, part, len)?;
        norm.iter_mut().flatten().for_each(|value| *value += plan.norm_offset);
        Ok(norm)
    };
    let (wide, narrow) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let family = config.family;
    let (qwen2, gemma) = (family == Family::Qwen2, family == Family::Gemma3);
    let head_norms = gemma || family == Family::Qwen3;
    let mut q_norm = norm(head_norms, "attn_q_norm.weight", config.head_dim)?;
    if let (Some(norm), Some(width)) = (&mut q_norm, plan.attention_width) {
        // Attention divides by the root of a head's width; another divisor is corrected here.
        let scale = (config.head_dim as f32 / width as f32).sqrt();
        norm.iter_mut().for_each(|value| *value *= scale);
    }
    Ok(LayerWeights {
        attn_norm: norm(true, "attn_norm.weight", config.hidden)?.unwrap_or_default(),
        q: matrix("attn_q.weight", wide, config.hidden)?,
        k: matrix("attn_k.weight", narrow, config.hidden)?,
        v: matrix("attn_v.weight", narrow, config.hidden)?,
        o: matrix("attn_output.weight", config.hidden, wide)?,
        q_bias: vector(qwen2, "attn_q.bias", wide)?,
        k_bias: vector(qwen2, "attn_k.bias", narrow)?,
        v_bias: vector(qwen2, "attn_v.bias", narrow)?,
        q_norm,
        k_norm: norm(head_norms, "attn_k_norm.weight", config.head_dim)?,
        post_attn_norm: norm(gemma, "post_attention_norm.weight", config.hidden)?,
        ffn_norm: norm(true, "ffn_norm.weight", config.hidden)?.unwrap_or_default(),
        gate: matrix("ffn_gate.weight", config.ffn, config.hidden)?,
        up: matrix("ffn_up.weight", config.ffn, config.hidden)?,
        down: matrix("ffn_down.weight", config.hidden, config.ffn)?,
        post_ffn_norm: norm(gemma, "post_ffw_norm.weight", config.hidden)?,
        rotary: plan.rotary.get(n).copied().unwrap_or(true),
        window: plan.windows.get(n).copied().flatten(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::{Activation, smollm3_rotary_layers};
    use crate::quant::ggml::GgmlType;
    use crate::rope::RopeLayout;
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
    fn a_llama_opens() {
        let base = of("llama");
        assert_eq!(base.config.rope.layout, RopeLayout::GptJ);
        assert!(base.output.is_none() && base.layers[0].q_bias.is_none());
        assert_eq!(base.card.licence.as_deref(), Some("apache-2.0"));
    }

    #[test]
    fn a_qwen2_has_biases() {
        let base = of("qwen2");
        assert_eq!(base.config.rope.layout, RopeLayout::NeoX);
        assert_eq!(base.layers[1].k_bias.as_ref().unwrap().len(), 32);
    }

    #[test]
    fn a_qwen3_has_head_norms() {
        assert_eq!(of("qwen3").layers[1].q_norm.as_ref().unwrap().len(), 16);
    }

    #[test]
    fn every_fourth_layer_of_a_smollm3_has_no_positions() {
        let of = |family| ModelConfig { layers: 8, ..of(family).config };
        let rotary = smollm3_rotary_layers(&of("smollm3"));
        assert_eq!(rotary, [true, true, true, false, true, true, true, false]);
        assert_eq!(smollm3_rotary_layers(&of("llama")), [true; 8]);
    }

    #[test]
    fn a_gemma_has_windows_and_norms_after() {
        let base = of("gemma3");
        assert_eq!(base.config.embedding_scale, 8.0);
        assert_eq!(base.config.activation, Activation::Gelu);
        assert_eq!(base.layers[0].window, Some(9));
        assert!(base.layers[0].post_ffn_norm.is_some());
        assert!(base.config.window_rope.is_some());
    }

    #[test]
    fn quantised_matrices_are_close() {
        let unpacked = |block| {
            let base = Tiny { block, ..Tiny::default() }.base();
            assert_eq!(base.layers[1].down.block, block);
            let mut values = vec![0.0; base.layers[1].down.len()];
            base.layers[1].down.dequantize_rows(0..64, &mut values);
            values
        };
        let plain = unpacked(GgmlType::F32);
        for (block, most) in [(GgmlType::Q8_0, 0.001), (GgmlType::Q4_1, 0.011)] {
            let off = plain.iter().zip(unpacked(block)).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) < most, "{block:?}");
        }
    }

    #[test]
    fn weights_on_huge_pages_are_the_same() {
        for family in ["llama", "gemma3"] {
            let base = Tiny { family, block: GgmlType::Q4_1, ..Tiny::default() }.base();
            let mut near = base.clone();
            weight::copy_to_huge_pages(near.layers.iter_mut().map(|layer| &mut layer.down));
            near.copy_to_huge_pages();
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
    fn a_file_opens_unless_it_is_empty_or_missing() {
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
    fn an_unknown_architecture_is_refused() {
        let sentence = refused(
            "architecture\x08\0\0\0\x05\0\0\0\0\0\0\0llama",
            "architecture\x08\0\0\0\x05\0\0\0\0\0\0\0mamba",
        );
        assert!(sentence.contains("`mamba`"), "{sentence}");
    }

    #[test]
    fn an_unknown_tensor_is_refused() {
        let sentence = refused("blk.1.ffn_up.weight", "blk.1.ffn_up.expert");
        assert!(sentence.contains("blk.1.ffn_up.expert"), "{sentence}");
    }

    #[test]
    fn an_unknown_tokenizer_is_refused() {
        let sentence = refused("smollm", "klingn");
        assert!(sentence.contains("`klingn`"), "{sentence}");
    }

    #[test]
    fn a_missing_number_is_refused() {
        let sentence = refused("block_count", "block_cound");
        assert!(sentence.contains("block_count"), "{sentence}");
    }
}
