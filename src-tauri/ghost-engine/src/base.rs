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
        match file.text("general.architecture") {
            Some("llama") => {}
            Some(other) => return Err(Error::unsupported(format!("the architecture `{other}`"))),
            None => return Err(Error::malformed("it says nothing of its architecture")),
        }
        let tokenizer = Tokenizer::from_gguf(&file)?;
        let shape = shape(&file)?;
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

fn shape(file: &Gguf) -> Result<Shape> {
    let key = |key: &str| format!("llama.{key}");
    let need = |name: &str| {
        file.count(&key(name))
            .filter(|n| (1..=MOST).contains(n))
            .ok_or_else(|| Error::malformed(format!("its {name} is missing or impossible")))
    };
    let hidden = need("embedding_length")?;
    let heads = need("attention.head_count")?;
    let kv_heads = match file.get(&key("attention.head_count_kv")) {
        None => heads,
        Some(_) => need("attention.head_count_kv")?,
    };
    let head_dim = match file.get(&key("attention.key_length")) {
        None => hidden / heads,
        Some(_) => need("attention.key_length")?,
    };
    let dims = match file.get(&key("rope.dimension_count")) {
        None => head_dim,
        Some(_) => need("rope.dimension_count")?,
    };
    if heads % kv_heads != 0 || head_dim == 0 || dims % 2 != 0 || dims > head_dim {
        return Err(Error::malformed("its heads do not divide its width"));
    }
    let theta = file.number(&key("rope.freq_base")).unwrap_or(10_000.0);
    let norm_eps = file.number(&key("attention.layer_norm_rms_epsilon")).unwrap_or(1e-5);
    if theta <= 0.0 || norm_eps < 0.0 {
        return Err(Error::malformed("its rotary base or norm is impossible"));
    }
    let factors = match file.has("rope_freqs.weight") {
        true => Some(file.vector("rope_freqs.weight", dims / 2)?),
        false => None,
    };
    let vocab = file.rows("token_embd.weight").filter(|n| (1..=MOST).contains(n));
    Ok(Shape {
        family: Family::Llama,
        layers: need("block_count")?,
        hidden,
        heads,
        kv_heads,
        head_dim,
        ffn: need("feed_forward_length")?,
        vocab: vocab.ok_or_else(|| Error::malformed("it has no embeddings"))?,
        context: need("context_length")?,
        norm_eps,
        gate: Gate::Silu,
        embedding_scale: 1.0,
        rope: Rope { theta, pairs: Pairs::Interleaved, dims, factors },
        window_rope: None,
    })
}

fn layer(file: &Gguf, shape: &Shape, n: usize) -> Result<Layer> {
    let name = |part: &str| format!("blk.{n}.{part}.weight");
    let matrix = |part: &str, rows, cols| file.matrix(&name(part), rows, cols);
    let (wide, narrow) = (shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim);
    Ok(Layer {
        attn_norm: file.vector(&name("attn_norm"), shape.hidden)?,
        q: matrix("attn_q", wide, shape.hidden)?,
        k: matrix("attn_k", narrow, shape.hidden)?,
        v: matrix("attn_v", narrow, shape.hidden)?,
        o: matrix("attn_output", shape.hidden, wide)?,
        q_bias: None,
        k_bias: None,
        v_bias: None,
        q_norm: None,
        k_norm: None,
        post_attn_norm: None,
        ffn_norm: file.vector(&name("ffn_norm"), shape.hidden)?,
        gate: matrix("ffn_gate", shape.ffn, shape.hidden)?,
        up: matrix("ffn_up", shape.ffn, shape.hidden)?,
        down: matrix("ffn_down", shape.hidden, shape.ffn)?,
        post_ffn_norm: None,
        rotary: true,
        window: None,
    })
}

fn card(file: &Gguf, shape: &Shape) -> BaseCard {
    let own = |key: &str| file.text(key).map(str::trim).filter(|text| !text.is_empty());
    BaseCard {
        name: own("general.name").unwrap_or("a base without a name").to_owned(),
        family: own("general.architecture").unwrap_or("llama").to_owned(),
        quantisation: format!("{:?}", file.main_block().unwrap_or(BlockType::F32)),
        parameters: file.parameters(),
        bytes: file.size() as u64,
        context: shape.context,
        licence: own("general.license").map(str::to_owned),
    }
}
