//! A base's numbers as a GGUF file states them.

use crate::config::{
    Activation, Family, LayerPlan, MAX_DIM, ModelConfig, gemma3_windows, smollm3_rotary_layers,
};
use crate::error::{Error, Result};
use crate::load::card::BaseCard;
use crate::load::gguf::Gguf;
use crate::load::wrong_file::IS_AN_ADAPTER;
use crate::quant::ggml::GgmlType;
use crate::rope::{AttentionTemperature, Rope, RopeLayout, RopeScaling, yarn_scale};

/// Checks that a file is a language model, and all of it.
pub(crate) fn check_is_model(file: &Gguf) -> Result<()> {
    let kind = match file.text("general.type") {
        _ if file.text("adapter.type").is_some() => "adapter",
        _ if file.text("general.architecture") == Some("clip") => "mmproj",
        kind => kind.unwrap_or("model"),
    };
    let reason = match kind {
        "adapter" => IS_AN_ADAPTER,
        "mmproj" => {
            "it is the image part of a model (mmproj); choose the file of the language model that comes with it"
        }
        "imatrix" => {
            "it holds statistics for quantising a model (imatrix); choose the model itself"
        }
        "vocab" => "it holds a vocabulary and no weights; choose the file of the model itself",
        _ => match file.missing_parts() {
            0 => return Ok(()),
            n => return Err(Error::malformed(format!("it needs {n} other parts of its model"))),
        },
    };
    Err(Error::malformed(reason))
}

/// The family of a file's `general.architecture`.
pub(crate) fn family(file: &Gguf) -> Result<Family> {
    let architecture = file
        .text("general.architecture")
        .ok_or_else(|| Error::malformed("its architecture is missing"))?;
    Ok(match architecture {
        "llama" => Family::Llama,
        "mistral3" => Family::Mistral,
        "smollm3" => Family::SmolLm3,
        "qwen2" => Family::Qwen2,
        "qwen3" => Family::Qwen3,
        "gemma3" => Family::Gemma3,
        other => return Err(Error::unsupported(format!("the architecture `{other}`"))),
    })
}

/// The file's keys, under its architecture's name.
struct Keys<'a>(&'a Gguf);

impl Keys<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.0.text("general.architecture").unwrap_or_default())
    }

    fn has(&self, name: &str) -> bool {
        self.0.get(&self.key(name)).is_some()
    }

    fn need(&self, name: &str) -> Result<usize> {
        self.0
            .count(&self.key(name))
            .filter(|n| (1..=MAX_DIM).contains(n))
            .ok_or_else(|| Error::malformed(format!("its {name} is missing or impossible")))
    }

    fn count_or(&self, name: &str, otherwise: usize) -> Result<usize> {
        if self.has(name) { self.need(name) } else { Ok(otherwise) }
    }

    fn number_or(&self, name: &str, otherwise: f32) -> Result<f32> {
        if !self.has(name) {
            return Ok(otherwise);
        }
        self.0
            .number(&self.key(name))
            .filter(|n| *n > 0.0)
            .ok_or_else(|| Error::malformed(format!("its {name} is impossible")))
    }
}

/// The numbers of a file.
pub(crate) fn config(file: &Gguf, family: Family) -> Result<ModelConfig> {
    let keys = Keys(file);
    let (layers, hidden) = (keys.need("block_count")?, keys.need("embedding_length")?);
    let heads = keys.need("attention.head_count")?;
    let head_dim = keys.count_or("attention.key_length", hidden / heads)?;
    let dims = keys.count_or("rope.dimension_count", head_dim)?;
    if keys.count_or("attention.value_length", head_dim)? != head_dim {
        return Err(Error::malformed("its heads do not divide its width"));
    }
    let gemma = family == Family::Gemma3;
    let theta = keys.number_or("rope.freq_base", if gemma { 1_000_000.0 } else { 10_000.0 })?;
    let layout = match family {
        Family::Llama | Family::Mistral | Family::SmolLm3 => RopeLayout::GptJ,
        Family::Qwen2 | Family::Qwen3 | Family::Gemma3 => RopeLayout::NeoX,
    };
    let plain = Rope::plain(theta, layout, dims);
    let window_rope = match gemma {
        true => {
            Some(Rope { theta: keys.number_or("rope.freq_base_swa", 10_000.0)?, ..plain.clone() })
        }
        false => None,
    };
    let vocab = file.tensors.rows("token_embd.weight").filter(|n| (1..=MAX_DIM).contains(n));
    Ok(ModelConfig {
        family,
        layers,
        hidden,
        heads,
        kv_heads: keys.count_or("attention.head_count_kv", heads)?,
        head_dim,
        ffn: keys.need("feed_forward_length")?,
        vocab: vocab.ok_or_else(|| Error::malformed("it has no embeddings"))?,
        context: keys.need("context_length")?,
        norm_eps: keys.number_or("attention.layer_norm_rms_epsilon", 1e-5)?,
        activation: if gemma { Activation::Gelu } else { Activation::Silu },
        embedding_scale: if gemma { (hidden as f32).sqrt() } else { 1.0 },
        rope: with_temperature(with_scaling(plain, file, &keys, family)?, &keys)?,
        window_rope,
    })
}

fn with_scaling(rope: Rope, file: &Gguf, keys: &Keys, family: Family) -> Result<Rope> {
    if file.tensors.has("rope_freqs.weight") {
        let own = file.tensors.vector("rope_freqs.weight", rope.dims / 2)?;
        return match own.iter().all(|factor| *factor > 0.0) {
            true => Ok(Rope { factors: Some(own), ..rope }),
            false => Err(Error::malformed("its rotary factors are impossible")),
        };
    }
    let factor = f64::from(keys.number_or("rope.scaling.factor", 1.0)?);
    match file.text(&keys.key("rope.scaling.type")) {
        None | Some("none") => Ok(rope),
        Some("linear") => rope.scaled(RopeScaling::Linear { factor }),
        Some("yarn") => rope.scaled(RopeScaling::Yarn {
            factor,
            original: keys.need("rope.scaling.original_context_length")? as f64,
            fast: f64::from(keys.number_or("rope.scaling.yarn_beta_fast", 32.0)?),
            slow: f64::from(keys.number_or("rope.scaling.yarn_beta_slow", 1.0)?),
            truncate: true,
            scale: f64::from(keys.number_or("rope.scaling.attn_factor", 1.0)?)
                // Mistral's two weights are equal and cancel each other out.
                * yarn_scale(factor, if family == Family::Mistral { 0.0 } else { 1.0 }),
        }),
        Some(other) => Err(Error::unsupported(format!("positions scaled by `{other}`"))),
    }
}

fn with_temperature(rope: Rope, keys: &Keys) -> Result<Rope> {
    const BETA: &str = "attention.temperature_scale";
    if !keys.has(BETA) {
        return Ok(rope);
    }
    let interval = keys.need("rope.scaling.original_context_length")?;
    Ok(Rope {
        temperature: Some(AttentionTemperature { beta: keys.number_or(BETA, 0.0)?, interval }),
        ..rope
    })
}

/// The differences between layers.
pub(crate) fn plan(file: &Gguf, config: &ModelConfig) -> Result<LayerPlan> {
    let gemma = config.family == Family::Gemma3;
    let window = match gemma {
        true => Some(Keys(file).need("attention.sliding_window")?),
        false => None,
    };
    Ok(LayerPlan {
        rotary: smollm3_rotary_layers(config),
        windows: gemma3_windows(config.layers, window),
        norm_offset: 0.0,
        // The one of its family that scales attention by the residual's width.
        attention_width: (gemma && config.layers == 62).then_some(config.hidden / config.heads),
    })
}

/// The facts for a person.
pub(crate) fn card(file: &Gguf, config: &ModelConfig) -> BaseCard {
    let own = |key: &str| file.text(key).map(str::trim).filter(|text| !text.is_empty());
    BaseCard {
        name: own("general.name").unwrap_or("a base without a name").to_owned(),
        family: own("general.architecture").unwrap_or_default().to_owned(),
        quantisation: format!("{:?}", file.tensors.main_block().unwrap_or(GgmlType::F32)),
        parameters: file.tensors.parameters(),
        bytes: file.size() as u64,
        context: config.context,
        licence: own("general.license").map(str::to_owned),
        warnings: warnings(file),
    }
}

/// Sentences on what may be wrong with it.
fn warnings(file: &Gguf) -> Vec<String> {
    let is_byte_level = file.text("tokenizer.ggml.model") == Some("gpt2");
    let says_how = file.text("tokenizer.ggml.pre").is_some_and(|pre| pre != "default");
    let mut warnings = Vec::new();
    if is_byte_level && !says_how {
        warnings.push(
            "The file does not say how it divides text into tokens (tokenizer.ggml.pre), as files \
             made before May 2024 do not. It may write worse than it can; a newer GGUF file of the \
             same base is safer."
                .to_owned(),
        );
    }
    warnings
}
