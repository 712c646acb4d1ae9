//! The only crate that knows tensors: it opens a base, writes a draft, scores a
//! text and trains an adapter. It knows nothing of archives, seeds, databases
//! or windows; tokens and numbers are its whole world.
//!
//! **Why a reader and a tokenizer of our own, when candle and `tokenizers` have
//! them?** candle's reader allocates what a file's counts ask for, and builds
//! SmolLM's tokenizer wrongly. Ours checks every count against the bytes that
//! remain, divides any text in linear time, says exactly which bytes each token
//! stands for, and reads SentencePiece with the same loop. `tokenizers` is the
//! oracle in tests.

pub mod adapter;
pub mod base;
pub mod bench;
pub mod block;
pub mod chance;
pub mod chat;
mod checkpoint;
mod coded;
pub mod cpu;
pub mod device;
pub mod error;
pub mod gguf;
pub mod gpu;
pub mod kernel;
mod length;
pub mod lesson;
pub mod lora;
pub mod memory;
pub mod model;
pub mod optimizer;
#[cfg(test)]
mod oracle;
pub mod prefer;
pub mod pretrained;
pub mod private;
pub mod prompt;
pub mod said;
pub mod sample;
pub mod score;
mod shard;
pub mod tensors;
#[cfg(any(test, feature = "tiny"))]
pub mod tiny;
pub mod tokenizer;
pub mod train;
#[cfg(test)]
mod transformers;
pub mod trial;
pub mod weight;
mod wordless;
pub mod write;

pub use base::Base;
pub use error::{Error, Result};
