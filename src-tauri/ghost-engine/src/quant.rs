//! Numbers as files store them: ggml's block types, their eight-bit form for integer products, and
//! the frozen matrix over them.

pub mod ggml;
pub(crate) mod int8;
pub mod weight;
