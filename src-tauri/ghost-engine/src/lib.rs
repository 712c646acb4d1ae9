//! The only crate that knows tensors: it opens a base, generates a draft, evaluates a text and trains an
//! adapter. It knows nothing of archives, databases or windows, only tokens and numbers.
//!
//! A [`Base`] on a [`device::Device`] is a [`model::Model`]; [`generate`], [`eval`] and [`train`] work
//! with it. A [`backend::Backend`] computes the transformer: on the CPU with the operations of [`cpu`],
//! or on a GPU through candle.
//!
//! **Why a reader and a tokenizer of our own, when candle and `tokenizers` have
//! them?** candle's reader allocates what a file's counts ask for, and builds
//! SmolLM's tokenizer wrongly. Ours checks every count against the bytes that
//! remain, divides any text in linear time, says exactly which bytes each token
//! stands for, and reads SentencePiece with the same loop. `tokenizers` is the
//! oracle in tests.

pub mod adapter;
pub mod backend;
pub mod base;
pub mod bench;
pub mod chat;
pub mod config;
pub mod cpu;
pub mod device;
pub mod error;
pub mod eval;
pub mod generate;
pub mod load;
pub mod lora;
pub mod memory;
pub mod model;
pub mod optimizer;
pub mod private;
pub mod prompt;
pub mod quant;
#[cfg(test)]
mod reference_tests;
pub mod rope;
pub mod smoke_test;
#[cfg(any(test, feature = "tiny"))]
pub mod tiny;
pub mod tokenizer;
pub mod train;

pub use base::Base;
pub use error::{Error, Result};
