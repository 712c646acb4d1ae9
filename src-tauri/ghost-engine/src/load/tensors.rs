//! Named tensors over a file's bytes, whatever format the file has.
//!
//! Every tensor here has been checked: it has exactly as many bytes as its
//! shape and block type ask for. Names are GGUF's; a reader of another format renames. Knows
//! nothing of what a tensor is for.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::quant::ggml::GgmlType;
use crate::quant::weight::{Bytes, Weight};

/// A tensor's dimensions, block type and bytes.
#[derive(Clone)]
struct Tensor {
    /// Rows first, as everyone but GGUF counts.
    dims: Vec<usize>,
    block: GgmlType,
    bytes: Bytes,
}

impl Tensor {
    fn len(&self) -> usize {
        self.dims.iter().product()
    }
}

/// A base's tensors by their names.
#[derive(Clone, Default)]
pub struct Tensors(HashMap<String, Tensor>);

impl Tensors {
    /// Adds a tensor whose `dims` (rows first) its bytes fill exactly.
    ///
    /// # Errors
    /// `Malformed` where its bytes are of another size or its name is taken.
    pub fn add(
        &mut self,
        name: String,
        dims: Vec<usize>,
        block: GgmlType,
        bytes: Bytes,
    ) -> Result<()> {
        let (cols, rows) = dims.split_last().ok_or_else(|| wrong_size(&name))?;
        let rows = rows.iter().try_fold(1usize, |all, dim| all.checked_mul(*dim));
        let size = rows.and_then(|rows| block.row_bytes(*cols)?.checked_mul(rows));
        if size != Some(bytes.len()) || bytes.is_empty() {
            return Err(wrong_size(&name));
        }
        match self.0.insert(name.clone(), Tensor { dims, block, bytes }) {
            None => Ok(()),
            Some(_) => Err(Error::malformed(format!("the tensor {name} is there twice"))),
        }
    }

    /// Adds the tensors of another part of the same model.
    ///
    /// # Errors
    /// `Malformed` where a name is taken.
    pub fn join(&mut self, other: Tensors) -> Result<()> {
        for (name, tensor) in other.0 {
            if self.0.contains_key(&name) {
                return Err(Error::malformed(format!("the tensor {name} is there twice")));
            }
            self.0.insert(name, tensor);
        }
        Ok(())
    }

    /// All names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// True where the tensor exists.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Number of values in all tensors.
    pub fn parameters(&self) -> u64 {
        self.0.values().map(|tensor| tensor.len() as u64).sum()
    }

    /// The block type most values are stored in.
    pub fn main_block(&self) -> Option<GgmlType> {
        let mut values: Vec<(GgmlType, usize)> = Vec::new();
        for tensor in self.0.values() {
            match values.iter_mut().find(|(block, _)| *block == tensor.block) {
                Some((_, sum)) => *sum += tensor.len(),
                None => values.push((tensor.block, tensor.len())),
            }
        }
        values.into_iter().max_by_key(|(_, n)| *n).map(|(block, _)| block)
    }

    /// The rows of a matrix: how many there are of it.
    pub fn rows(&self, name: &str) -> Option<usize> {
        match &*self.0.get(name)?.dims {
            [rows, _] => Some(*rows),
            _ => None,
        }
    }

    /// The matrix `name`, whose size the caller knows.
    ///
    /// # Errors
    /// `Malformed` where it is missing or of another size.
    pub fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<Weight> {
        let tensor = self.find(name, &[rows, cols])?;
        Weight::new(rows, cols, tensor.block, tensor.bytes.clone()).ok_or_else(|| wrong_size(name))
    }

    /// The vector `name` as plain numbers.
    ///
    /// # Errors
    /// `Malformed` where it is missing, of another size, or not finite.
    pub fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>> {
        let tensor = self.find(name, &[len])?;
        let mut values = vec![0.0; len];
        tensor.block.dequantize(&tensor.bytes, &mut values);
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(values),
            false => Err(Error::malformed(format!("the tensor {name} holds no numbers"))),
        }
    }

    fn find(&self, name: &str, dims: &[usize]) -> Result<&Tensor> {
        let tensor = self
            .0
            .get(name)
            .ok_or_else(|| Error::malformed(format!("the tensor {name} is missing")))?;
        match tensor.dims == dims {
            true => Ok(tensor),
            false => Err(Error::malformed(format!(
                "the tensor {name} is {:?} and should be {dims:?}",
                tensor.dims
            ))),
        }
    }
}

fn wrong_size(name: &str) -> Error {
    Error::malformed(format!("the tensor {name} has the wrong size"))
}
