//! Readers of model files: GGUF, and a checkpoint folder as Hugging Face's libraries write it. Each
//! gives a configuration, named tensors and what a tokenizer and a chat template are made from.

pub mod card;
pub mod gguf;
pub(crate) mod gguf_config;
pub mod gguf_split;
pub mod hf;
pub(crate) mod hf_config;
pub(crate) mod safetensors;
pub mod tensors;
mod wrong_file;
