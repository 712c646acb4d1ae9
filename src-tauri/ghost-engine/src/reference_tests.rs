//! The model held to other people's implementations: candle's autograd, and the logits that
//! Hugging Face transformers computed.

pub(crate) mod candle;
pub(crate) mod hf;
