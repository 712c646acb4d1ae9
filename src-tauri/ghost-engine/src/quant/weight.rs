//! A frozen matrix, kept in the block type it was stored in.
//!
//! Rows are outputs and columns inputs: a linear layer's output at row `r` is
//! the dot product of row `r` with its input. Bytes are shared with the file's
//! memory map, so a clone costs nothing. Knows nothing of what the matrix is for.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::{Mmap, MmapMut};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::quant::ggml::GgmlType;

/// Where a weight's bytes are stored.
#[derive(Clone)]
enum Storage {
    /// In the file, through the page cache; or on huge pages.
    Map(Arc<Mmap>),
    /// In ordinary memory.
    Memory(Arc<[u8]>),
}

/// A shared, immutable range of bytes.
#[derive(Clone)]
pub struct Bytes {
    storage: Storage,
    range: Range<usize>,
}

impl Bytes {
    /// Maps a file; nothing of it is read yet.
    ///
    /// # Errors
    /// `Io`, or `Malformed` where it is empty.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.len() == 0 {
            return Err(Error::malformed("it is empty"));
        }
        // Unsafe because another program could change the file under the map. Whatever it then
        // holds is read as numbers only, behind checked ranges; a base that shrinks while it is
        // in use ends the process, as any memory map of any program would.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        Ok(Self::of_map(map))
    }

    /// The whole of a map.
    pub fn of_map(map: Mmap) -> Self {
        let range = 0..map.len();
        let storage = Storage::Map(Arc::new(map));
        Self { storage, range }
    }

    /// A part of these bytes, or `None` where it reaches past the end.
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        let start = self.range.start.checked_add(range.start)?;
        let end = self.range.start.checked_add(range.end)?;
        (start <= end && end <= self.range.end)
            .then(|| Self { storage: self.storage.clone(), range: start..end })
    }
}

/// Copies weights one after another to huge pages, where the system grants them: they are read a third
/// faster than through the small pages of a file, and generation waits for them. Without memory for it
/// they stay where they are.
pub(crate) fn copy_to_huge_pages<'a>(weights: impl Iterator<Item = &'a mut Weight>) {
    const LINE: usize = 64;
    let mut weights: Vec<&mut Weight> = weights.collect();
    let size = weights.iter().map(|weight| weight.bytes.len().next_multiple_of(LINE)).sum();
    let Ok(mut map) = MmapMut::map_anon(size) else { return };
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    let (mut targets, mut rest) = (Vec::new(), &mut map[..]);
    for weight in &weights {
        let (target, after) = rest.split_at_mut(weight.bytes.len().next_multiple_of(LINE));
        targets.push((target, &**weight));
        rest = after;
    }
    targets.into_par_iter().for_each(|(target, weight)| {
        target[..weight.bytes.len()].copy_from_slice(&weight.bytes);
    });
    let Ok(map) = map.make_read_only() else { return };
    let (all, mut at) = (Bytes::of_map(map), 0);
    for weight in &mut weights {
        let end = at + weight.bytes.len();
        if let Some(part) = all.part(at..end) {
            weight.bytes = part;
        }
        at = end.next_multiple_of(LINE);
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        let storage = Storage::Memory(bytes.into());
        Self { storage, range }
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.storage {
            Storage::Map(map) => &map[self.range.clone()],
            Storage::Memory(bytes) => &bytes[self.range.clone()],
        }
    }
}

/// A frozen matrix of `rows` × `cols` values.
#[derive(Clone)]
pub struct Weight {
    /// Outputs.
    pub rows: usize,
    /// Inputs; a whole number of blocks.
    pub cols: usize,
    /// The block type of the values.
    pub block: GgmlType,
    bytes: Bytes,
}

impl Weight {
    /// A matrix over `bytes`, or `None` where they aren't exactly its size.
    pub fn new(rows: usize, cols: usize, block: GgmlType, bytes: Bytes) -> Option<Self> {
        let size = block.row_bytes(cols)?.checked_mul(rows)?;
        (size == bytes.len()).then_some(Self { rows, cols, block, bytes })
    }

    /// A matrix of plain numbers, row after row.
    ///
    /// # Panics
    /// If there aren't `rows` × `cols` of them.
    pub fn from_f32(rows: usize, cols: usize, values: Vec<f32>) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::new(rows, cols, GgmlType::F32, bytes.into()).expect("rows × cols values")
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.rows * self.cols
    }

    /// True where there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All its bytes, row after row.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of one row.
    pub fn row_len(&self) -> usize {
        self.cols / self.block.values_per_block() * self.block.bytes_per_block()
    }

    /// The bytes of one row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_bytes(&self, row: usize) -> &[u8] {
        self.rows_bytes(row..row + 1)
    }

    /// The bytes of some rows, one after another.
    ///
    /// # Panics
    /// If one of them doesn't exist.
    pub(crate) fn rows_bytes(&self, rows: Range<usize>) -> &[u8] {
        let len = self.row_len();
        &self.bytes[rows.start * len..rows.end * len]
    }

    /// The bytes of some columns of a row: whole blocks, or what is left of the row.
    ///
    /// # Panics
    /// If there is no such row.
    pub(crate) fn part_bytes(&self, row: usize, cols: Range<usize>) -> &[u8] {
        let at = |col: usize| {
            col.min(self.cols) / self.block.values_per_block() * self.block.bytes_per_block()
        };
        &self.row_bytes(row)[at(cols.start)..at(cols.end)]
    }

    /// The bytes of a part of each row; fewer where the row ends within it.
    pub(crate) fn part_len(&self, cols: &Range<usize>) -> usize {
        let end = cols.end.min(self.cols);
        (end - cols.start.min(end)) / self.block.values_per_block() * self.block.bytes_per_block()
    }

    /// Bytes from a column of a row on, [`Self::row_len`] from one row's to the next.
    ///
    /// # Panics
    /// If there is no such row.
    pub(crate) fn column_bytes(&self, row: usize, cols: &Range<usize>) -> &[u8] {
        let before = cols.start / self.block.values_per_block() * self.block.bytes_per_block();
        &self.bytes[row * self.row_len() + before..]
    }

    /// Writes some rows as plain numbers to `out`, row after row.
    ///
    /// # Panics
    /// If a row doesn't exist, or `out` doesn't hold exactly their values.
    #[inline(always)] // as `GgmlType::dequantize`
    pub fn dequantize_rows(&self, rows: Range<usize>, out: &mut [f32]) {
        self.block.dequantize(self.rows_bytes(rows), out);
    }
}

impl std::fmt::Debug for Weight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{} {:?}", self.rows, self.cols, self.block)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rows_are_dequantised() {
        let weight = Weight::from_f32(3, 2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let mut rows = [0.0; 4];
        weight.dequantize_rows(1..3, &mut rows);
        assert_eq!(rows, [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(weight.row_bytes(0), [1f32.to_le_bytes(), 2f32.to_le_bytes()].concat());
    }

    #[test]
    fn bytes_of_the_wrong_size_are_refused() {
        let bytes = || Bytes::from(vec![0; 23]);
        assert!(Weight::new(3, 2, GgmlType::F32, bytes()).is_none());
        assert!(Weight::new(usize::MAX, 32, GgmlType::Q8_0, bytes()).is_none());
        assert!(Weight::new(1, 33, GgmlType::Q8_0, bytes()).is_none());
    }

    #[test]
    fn a_part_stays_within_its_bytes() {
        let bytes = Bytes::from(vec![1, 2, 3, 4]).part(1..3).unwrap();
        assert_eq!(&*bytes, [2, 3]);
        assert!(bytes.part(1..3).is_none());
        assert!(bytes.part(1..usize::MAX).is_none());
    }
}
