//! Operations on the CPU, each with its backward pass, as plain functions over `f32` slices: row
//! after row, one row a token. Frozen weights come as they are stored.
//!
//! Where the processor multiplies eight-bit numbers fast (see `simd`), products with quantised
//! weights use them (`gemm_int8`, and `gemv_int8` for a single row). Other products are made in
//! `f32` by the `gemm` crate. Loops over rows are compiled for each width of vector, and `pulp`
//! picks one at run time.
//!
//! The same call gives the same bits every time: no sum depends on how work is divided between
//! threads. A backward pass *adds* to the gradient of an input, unless its comment says that it
//! writes it, so that residual paths need no buffers of their own.
//!
//! There are no bfloat16 products. They are fast on some processors and slower than `f32` on others
//! that have them; eight bits are faster than either wherever there are instructions for them.

pub(crate) mod activation;
pub(crate) mod attention;
mod context;
pub(crate) mod gemm;
mod gemm_int8;
mod gemv;
mod gemv_int8;
pub(crate) mod linear;
pub(crate) mod lora;
pub(crate) mod loss;
mod multiversion;
pub(crate) mod norm;
pub(crate) mod packed_lora;
pub(crate) mod rope;
mod simd;
mod softmax;
#[cfg(test)]
mod test_support;
mod vector;

pub use context::Cpu;
