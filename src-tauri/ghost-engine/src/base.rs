//! The frozen open model a ghost stands on: its shape, weights, tokenizer and
//! chat template, all checked against each other before anyone computes.
//!
//! Knows nothing of how a forward pass is done, nor of adapters.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use crate::block::BlockType;
use crate::chat::Chat;
use crate::error::{Error, Result};
use crate::gguf::Gguf;
use crate::tokenizer::Tokenizer;
use crate::weight::{Bytes, Weight};

/// No base is larger in any direction; a file that says so is damaged.
const MOST: usize = 1 << 20;

/// Which architecture a base follows. What differs between them is spelled out
/// in [`Shape`] and [`Layer`]; the family itself is for people to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Family {
    Llama,
    SmolLm3,
    Qwen2,
    Qwen3,
    Gemma3,
}

impl Family {
    /// The family of a GGUF file's `general.architecture`.
    fn named(architecture: &str) -> Option<Self> {
        Some(match architecture {
            "llama" => Self::Llama,
            "smollm3" => Self::SmolLm3,
            "qwen2" => Self::Qwen2,
            "qwen3" => Self::Qwen3,
            "gemma3" => Self::Gemma3,
            _ => return None,
        })
    }
}

/// Which two values of a head turn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// 2i and 2i + 1 (GGUF's llama files, whose q and k rows are permuted for it).
    Interleaved,
    /// i and i + dims/2.
    Halves,
}

/// How positions turn queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// The base of the wavelengths.
    pub theta: f32,
    /// Which values turn together.
    pub pairs: Pairs,
    /// How many values of a head turn; even, at most `head_dim`.
    pub dims: usize,
    /// What each frequency is divided by, one a pair: Llama 3's long-context
    /// factors, or a linear scale.
    pub factors: Option<Vec<f32>>,
}

impl Rope {
    /// Radians a position turns each pair by; `dims / 2` of them.
    pub fn frequencies(&self) -> Vec<f32> {
        let theta = f64::from(self.theta);
        (0..self.dims / 2)
            .map(|i| {
                let factor = self.factors.as_ref().map_or(1.0, |f| f64::from(f[i]));
                (theta.powf(-2.0 * i as f64 / self.dims as f64) / factor) as f32
            })
            .collect()
    }
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
    /// Opens a GGUF file and checks that everything in it fits together. The weights stay in the
    /// file: they are mapped, not read.
    ///
    /// # Errors
    /// `NotABase`, `Truncated`, `Unsupported`, `Template` or `Io`, each a sentence for the writer.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.len() == 0 {
            return Err(Error::malformed("it is empty").in_file(path));
        }
        // Unsafe because another program could change the file under the map. Whatever it then
        // holds is read as numbers only, behind checked ranges; a base that shrinks while it is
        // in use ends the process, as any memory map of any program would.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        Self::read(Bytes::of_file(map)).map_err(|error| error.in_file(path))
    }

    /// The same from bytes.
    ///
    /// # Errors
    /// As [`Base::open`].
    pub fn read(bytes: Bytes) -> Result<Self> {
        let file = Gguf::read(bytes)?;
        let architecture = file
            .text("general.architecture")
            .ok_or_else(|| Error::malformed("it says nothing of its architecture"))?;
        let family = Family::named(architecture)
            .ok_or_else(|| Error::unsupported(format!("the architecture `{architecture}`")))?;
        only_known_tensors(&file)?;
        let tokenizer = Tokenizer::from_gguf(&file)?;
        let shape = shape(&file, family)?;
        if tokenizer.vocab_size() != shape.vocab {
            return Err(Error::malformed(format!(
                "it has {} tokens and weights for {}",
                tokenizer.vocab_size(),
                shape.vocab
            )));
        }
        let layers = (0..shape.layers).map(|n| layer(&file, &shape, n)).collect::<Result<_>>()?;
        let tied = !file.has("output.weight");
        Ok(Self {
            layers,
            embedding: file.matrix("token_embd.weight", shape.vocab, shape.hidden)?,
            output: match tied {
                true => None,
                false => Some(file.matrix("output.weight", shape.vocab, shape.hidden)?),
            },
            final_norm: file.vector("output_norm.weight", shape.hidden)?,
            chat: Chat::from_gguf(&file, &tokenizer)?,
            card: card(&file, &shape),
            tokenizer,
            shape,
        })
    }

    /// The matrix that turns hidden states into logits; `vocab` × `hidden`.
    pub fn head(&self) -> &Weight {
        self.output.as_ref().unwrap_or(&self.embedding)
    }
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
fn only_known_tensors(file: &Gguf) -> Result<()> {
    let known = |name: &str| {
        let part = name.strip_prefix("blk.").and_then(|rest| Some(rest.split_once('.')?.1));
        part.map_or(WHOLES.contains(&name), |part| PARTS.contains(&part))
    };
    match file.tensors().find(|name| !known(name)) {
        Some(name) => Err(Error::unsupported(format!("the tensor `{name}`"))),
        None => Ok(()),
    }
}

fn shape(file: &Gguf, family: Family) -> Result<Shape> {
    let architecture = file.text("general.architecture").unwrap_or_default();
    let key = |key: &str| format!("{architecture}.{key}");
    let need = |name: &str| {
        file.count(&key(name))
            .filter(|n| (1..=MOST).contains(n))
            .ok_or_else(|| Error::malformed(format!("its {name} is missing or impossible")))
    };
    let count_or = |name: &str, otherwise: usize| match file.get(&key(name)) {
        None => Ok(otherwise),
        Some(_) => need(name),
    };
    let number_or = |name: &str, otherwise: f32| match file.get(&key(name)) {
        None => Ok(otherwise),
        Some(_) => file
            .number(&key(name))
            .filter(|n| *n > 0.0)
            .ok_or_else(|| Error::malformed(format!("its {name} is impossible"))),
    };
    let (layers, hidden, heads) =
        (need("block_count")?, need("embedding_length")?, need("attention.head_count")?);
    let kv_heads = count_or("attention.head_count_kv", heads)?;
    let head_dim = count_or("attention.key_length", hidden / heads)?;
    let dims = count_or("rope.dimension_count", head_dim)?;
    if heads % kv_heads != 0
        || head_dim == 0
        || count_or("attention.value_length", head_dim)? != head_dim
        || dims % 2 != 0
        || dims > head_dim
    {
        return Err(Error::malformed("its heads do not divide its width"));
    }
    let gemma = family == Family::Gemma3;
    if gemma && layers == 62 {
        // The one of its family that scales attention by the residual's width.
        return Err(Error::unsupported("the attention of Gemma 3 27B"));
    }
    let rope = Rope {
        theta: number_or("rope.freq_base", if gemma { 1_000_000.0 } else { 10_000.0 })?,
        pairs: match family {
            Family::Llama | Family::SmolLm3 => Pairs::Interleaved,
            Family::Qwen2 | Family::Qwen3 | Family::Gemma3 => Pairs::Halves,
        },
        dims,
        factors: factors(file, &key, dims, number_or("rope.scaling.factor", 1.0)?)?,
    };
    let window_rope = gemma.then_some(Rope {
        theta: number_or("rope.freq_base_swa", 10_000.0)?,
        factors: None,
        ..rope.clone()
    });
    let vocab = file.rows("token_embd.weight").filter(|n| (1..=MOST).contains(n));
    Ok(Shape {
        family,
        layers,
        hidden,
        heads,
        kv_heads,
        head_dim,
        ffn: need("feed_forward_length")?,
        vocab: vocab.ok_or_else(|| Error::malformed("it has no embeddings"))?,
        context: need("context_length")?,
        norm_eps: number_or("attention.layer_norm_rms_epsilon", 1e-5)?,
        gate: if gemma { Gate::Gelu } else { Gate::Silu },
        embedding_scale: if gemma { (hidden as f32).sqrt() } else { 1.0 },
        rope,
        window_rope,
    })
}

/// What the rotary frequencies are divided by: the file's own list (Llama 3), or one number.
fn factors(
    file: &Gguf,
    key: &impl Fn(&str) -> String,
    dims: usize,
    factor: f32,
) -> Result<Option<Vec<f32>>> {
    if file.has("rope_freqs.weight") {
        let own = file.vector("rope_freqs.weight", dims / 2)?;
        return match own.iter().all(|factor| *factor > 0.0) {
            true => Ok(Some(own)),
            false => Err(Error::malformed("its rotary factors are impossible")),
        };
    }
    match file.text(&key("rope.scaling.type")) {
        None | Some("none") => Ok(None),
        Some("linear") => Ok(Some(vec![factor; dims / 2])),
        Some(other) => Err(Error::unsupported(format!("positions scaled by `{other}`"))),
    }
}

fn layer(file: &Gguf, shape: &Shape, n: usize) -> Result<Layer> {
    let name = |part: &str| format!("blk.{n}.{part}");
    let matrix = |part: &str, rows, cols| file.matrix(&name(part), rows, cols);
    let vector = |part: &str, len| file.vector(&name(part), len);
    let maybe = |part: &str, len| match file.has(&name(part)) {
        true => vector(part, len).map(Some),
        false => Ok(None),
    };
    // What makes a family must be there; a bias may be there in any.
    let must = |needed: bool, part: &str, len| match needed {
        true => vector(part, len).map(Some),
        false => maybe(part, len),
    };
    let (wide, narrow) = (shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim);
    let family = shape.family;
    let (qwen2, gemma) = (family == Family::Qwen2, family == Family::Gemma3);
    let head_norms = gemma || family == Family::Qwen3;
    Ok(Layer {
        attn_norm: vector("attn_norm.weight", shape.hidden)?,
        q: matrix("attn_q.weight", wide, shape.hidden)?,
        k: matrix("attn_k.weight", narrow, shape.hidden)?,
        v: matrix("attn_v.weight", narrow, shape.hidden)?,
        o: matrix("attn_output.weight", shape.hidden, wide)?,
        q_bias: must(qwen2, "attn_q.bias", wide)?,
        k_bias: must(qwen2, "attn_k.bias", narrow)?,
        v_bias: must(qwen2, "attn_v.bias", narrow)?,
        q_norm: must(head_norms, "attn_q_norm.weight", shape.head_dim)?,
        k_norm: must(head_norms, "attn_k_norm.weight", shape.head_dim)?,
        post_attn_norm: must(gemma, "post_attention_norm.weight", shape.hidden)?,
        ffn_norm: vector("ffn_norm.weight", shape.hidden)?,
        gate: matrix("ffn_gate.weight", shape.ffn, shape.hidden)?,
        up: matrix("ffn_up.weight", shape.ffn, shape.hidden)?,
        down: matrix("ffn_down.weight", shape.hidden, shape.ffn)?,
        post_ffn_norm: must(gemma, "post_ffw_norm.weight", shape.hidden)?,
        rotary: turned(family, n),
        // Gemma lets every sixth layer see everything.
        window: match gemma && !(n + 1).is_multiple_of(6) {
            true => Some(window(file)?),
            false => None,
        },
    })
}

/// SmolLM3 leaves every fourth layer without positions.
fn turned(family: Family, n: usize) -> bool {
    family != Family::SmolLm3 || !(n + 1).is_multiple_of(4)
}

fn window(file: &Gguf) -> Result<usize> {
    file.count("gemma3.attention.sliding_window")
        .filter(|n| (1..=MOST).contains(n))
        .ok_or_else(|| Error::malformed("its sliding_window is missing or impossible"))
}

fn card(file: &Gguf, shape: &Shape) -> BaseCard {
    let own = |key: &str| file.text(key).map(str::trim).filter(|text| !text.is_empty());
    BaseCard {
        name: own("general.name").unwrap_or("a base without a name").to_owned(),
        family: own("general.architecture").unwrap_or_default().to_owned(),
        quantisation: format!("{:?}", file.main_block().unwrap_or(BlockType::F32)),
        parameters: file.parameters(),
        bytes: file.size() as u64,
        context: shape.context,
        licence: own("general.license").map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
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
        let turned: Vec<bool> = (0..8).map(|n| turned(Family::SmolLm3, n)).collect();
        assert_eq!(turned, [true, true, true, false, true, true, true, false]);
        assert!((0..8).all(|n| super::turned(Family::Llama, n)));
        assert_eq!(of("smollm3").shape.family, Family::SmolLm3);
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

    #[test]
    fn a_rope_is_turned_slower_by_its_factors() {
        let mut rope = of("llama").shape.rope;
        let plain = rope.frequencies();
        rope.factors = Some(vec![4.0; plain.len()]);
        assert_eq!(plain[0], 1.0);
        assert_eq!(rope.frequencies()[3], plain[3] / 4.0);
    }
}
