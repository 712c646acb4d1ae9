//! A GGUF file: metadata and tensors over a memory map, every count checked against the bytes
//! that remain before anything is allocated.
//!
//! Format: github.com/ggml-org/ggml, docs/gguf.md; versions 2 and 3, little-endian. Knows nothing
//! of what the keys and tensors mean.

use std::collections::HashMap;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::load::tensors::Tensors;
use crate::load::wrong_file::mistaken_for_weights;
use crate::quant::ggml::GgmlType;
use crate::quant::weight::Bytes;

/// No real file has as many keys or tensors; a file that claims more is damaged.
const MAX_ENTRIES: u64 = 1 << 16;
/// No real file has as many values in its lists; Gemma's has a million.
const MAX_VALUES: usize = 1 << 23;
/// No real name is longer.
const MAX_NAME: u64 = 1 << 10;

/// A value of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any unsigned integer, or a flag.
    Unsigned(u64),
    /// Any signed integer.
    Signed(i64),
    /// Either float.
    Float(f64),
    /// Text; bytes that are no UTF-8 are replaced.
    Text(String),
    /// Values of one type.
    List(Vec<Value>),
}

/// An opened file.
#[derive(Clone)]
pub struct Gguf {
    /// The weights.
    pub tensors: Tensors,
    pub(super) metadata: HashMap<String, Value>,
    pub(super) size: usize,
}

/// The part before the weights.
struct Head {
    metadata: HashMap<String, Value>,
    /// Name, dimensions (columns first, as the file has them), type and offset.
    entries: Vec<(String, Vec<usize>, GgmlType, u64)>,
    /// Where the weights begin.
    data: usize,
    alignment: usize,
}

impl Gguf {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// `Malformed`, `Truncated` or `Unsupported`, each in a sentence.
    pub fn read(bytes: Bytes) -> Result<Self> {
        let Head { metadata, entries, data, alignment } = Head::read(&bytes)?;
        let mut tensors = Tensors::default();
        for (name, mut dims, block, offset) in entries {
            let place = locate(&name, &dims, block, offset, data, alignment, bytes.len())?;
            let part = bytes.part(place).ok_or_else(|| Error::malformed("it ends early"))?;
            dims.reverse();
            tensors.add(name, dims, block, part)?;
        }
        Ok(Self { tensors, metadata, size: bytes.len() })
    }

    /// A value by its key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// A text by its key.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A count by its key; a float or a negative number is none.
    pub fn count(&self, key: &str) -> Option<usize> {
        match self.get(key) {
            Some(Value::Unsigned(n)) => usize::try_from(*n).ok(),
            Some(Value::Signed(n)) => usize::try_from(*n).ok(),
            _ => None,
        }
    }

    /// A finite number by its key.
    pub fn number(&self, key: &str) -> Option<f32> {
        let number = match self.get(key)? {
            Value::Float(n) => *n as f32,
            Value::Unsigned(n) => *n as f32,
            Value::Signed(n) => *n as f32,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// A list of texts by its key.
    pub fn texts(&self, key: &str) -> Option<Vec<&str>> {
        let Some(Value::List(list)) = self.get(key) else { return None };
        list.iter()
            .map(|value| match value {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// A list of whole numbers by its key.
    pub fn counts(&self, key: &str) -> Option<Vec<u64>> {
        let Some(Value::List(list)) = self.get(key) else { return None };
        list.iter()
            .map(|value| match value {
                Value::Unsigned(n) => Some(*n),
                Value::Signed(n) => u64::try_from(*n).ok(),
                _ => None,
            })
            .collect()
    }

    /// A list of numbers by its key.
    pub fn numbers(&self, key: &str) -> Option<Vec<f32>> {
        let Some(Value::List(list)) = self.get(key) else { return None };
        list.iter()
            .map(|value| match value {
                Value::Float(n) if n.is_finite() => Some(*n as f32),
                _ => None,
            })
            .collect()
    }

    /// Size of the file, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader { bytes, at: 0, values_left: MAX_VALUES };
        if reader.take(4, "the file's first word")? != b"GGUF" {
            return Err(Error::malformed(
                mistaken_for_weights(bytes).unwrap_or("it is not a GGUF file"),
            ));
        }
        let version = reader.u32("the version")?;
        if (1..=3).contains(&version.swap_bytes()) {
            return Err(Error::malformed(
                "it is a big-endian file, for computers of another kind; get the ordinary \
                 (little-endian) file of the same base",
            ));
        }
        if !(2..=3).contains(&version) {
            return Err(Error::unsupported(format!("version {version} of the GGUF format")));
        }
        let n_tensors = reader.count(MAX_ENTRIES, "the number of tensors")?;
        let n_keys = reader.count(MAX_ENTRIES, "the number of keys")?;
        let mut metadata = HashMap::new();
        for _ in 0..n_keys {
            let key = reader.name("a key")?;
            let kind = reader.u32("a key's type")?;
            let value = reader.value(kind, &key, true)?;
            if metadata.insert(key.clone(), value).is_some() {
                return Err(Error::malformed(format!("the key {key} is there twice")));
            }
        }
        let alignment = match metadata.get("general.alignment") {
            None => 32,
            Some(Value::Unsigned(n)) if n.is_power_of_two() && *n <= 1 << 16 => *n as usize,
            Some(_) => return Err(Error::malformed("its alignment is not a power of two")),
        };
        let mut entries = Vec::new();
        for _ in 0..n_tensors {
            entries.push(reader.tensor()?);
        }
        let data = reader.at.next_multiple_of(alignment);
        Ok(Self { metadata, entries, data, alignment })
    }
}

/// Checks the offset and size of a tensor; its range in the file.
fn locate(
    name: &str,
    dims: &[usize],
    block: GgmlType,
    offset: u64,
    data: usize,
    alignment: usize,
    size: usize,
) -> Result<Range<usize>> {
    let wrong = |why: &str| Error::malformed(format!("the tensor {name} {why}"));
    let offset = usize::try_from(offset).map_err(|_| wrong("lies nowhere"))?;
    if offset % alignment != 0 {
        return Err(wrong("is not aligned"));
    }
    let rows = dims[1..].iter().try_fold(1usize, |n, dim| n.checked_mul(*dim));
    let len = rows
        .and_then(|rows| block.row_bytes(dims[0])?.checked_mul(rows))
        .ok_or_else(|| wrong("has an impossible size"))?;
    let from = data.checked_add(offset).ok_or_else(|| wrong("lies nowhere"))?;
    let end = from.checked_add(len).ok_or_else(|| wrong("has an impossible size"))?;
    if end > size {
        let have = size.saturating_sub(from) as u64;
        return Err(Error::Truncated {
            what: format!("the tensor {name}"),
            wanted: len as u64,
            have,
        });
    }
    Ok(from..end)
}

/// Reads onward through bytes, never past their end.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// A value takes more memory than bytes of the file, so their number is limited.
    values_left: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize, what: &str) -> Result<&'a [u8]> {
        let left = &self.bytes[self.at..];
        if n > left.len() {
            return Err(Error::Truncated {
                what: what.to_owned(),
                wanted: n as u64,
                have: left.len() as u64,
            });
        }
        self.at += n;
        Ok(&left[..n])
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N, what)?);
        Ok(bytes)
    }

    fn u32(&mut self, what: &str) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    fn u64(&mut self, what: &str) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// A count that is at most `most`.
    fn count(&mut self, most: u64, what: &str) -> Result<usize> {
        let n = self.u64(what)?;
        match usize::try_from(n) {
            Ok(count) if n <= most => Ok(count),
            _ => Err(Error::malformed(format!("{what} is {n}"))),
        }
    }

    fn name(&mut self, what: &str) -> Result<String> {
        let n = self.count(MAX_NAME, &format!("the length of {what}"))?;
        let bytes = self.take(n, what)?;
        String::from_utf8(bytes.to_vec())
            .map_err(|_| Error::malformed(format!("{what} is not valid UTF-8")))
    }

    fn value(&mut self, kind: u32, key: &str, lists: bool) -> Result<Value> {
        Ok(match kind {
            0 | 7 => Value::Unsigned(u64::from(self.array::<1>(key)?[0])),
            1 => Value::Signed(i64::from(i8::from_le_bytes(self.array(key)?))),
            2 => Value::Unsigned(u64::from(u16::from_le_bytes(self.array(key)?))),
            3 => Value::Signed(i64::from(i16::from_le_bytes(self.array(key)?))),
            4 => Value::Unsigned(u64::from(u32::from_le_bytes(self.array(key)?))),
            5 => Value::Signed(i64::from(i32::from_le_bytes(self.array(key)?))),
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array(key)?))),
            8 => {
                let n = self.count(u64::MAX, key)?;
                Value::Text(String::from_utf8_lossy(self.take(n, key)?).into_owned())
            }
            9 if lists => {
                let kind = self.u32(key)?;
                let n = self.count(u64::MAX, key)?;
                // Every value takes at least a byte, so a longer list is refused before
                // memory is allocated for it.
                if n > self.bytes.len() - self.at || n > self.values_left {
                    return Err(Error::malformed(format!("the list {key} is impossibly long")));
                }
                self.values_left -= n;
                let mut list = Vec::new();
                for _ in 0..n {
                    list.push(self.value(kind, key, false)?);
                }
                Value::List(list)
            }
            10 => Value::Unsigned(self.u64(key)?),
            11 => Value::Signed(i64::from_le_bytes(self.array(key)?)),
            12 => Value::Float(f64::from_le_bytes(self.array(key)?)),
            other => {
                return Err(Error::malformed(format!(
                    "the key {key} has the unknown type {other}"
                )));
            }
        })
    }

    fn tensor(&mut self) -> Result<(String, Vec<usize>, GgmlType, u64)> {
        let name = self.name("a tensor's name")?;
        let n_dims = self.u32(&name)?;
        if !(1..=4).contains(&n_dims) {
            return Err(Error::malformed(format!("the tensor {name} has {n_dims} dimensions")));
        }
        let mut dims = Vec::new();
        for _ in 0..n_dims {
            dims.push(self.count(u64::from(u32::MAX), &name)?);
        }
        if dims.contains(&0) {
            return Err(Error::malformed(format!("the tensor {name} is empty")));
        }
        let id = self.u32(&name)?;
        let block = GgmlType::from_ggml_id(id).ok_or_else(|| {
            Error::unsupported(format!("the block type {id} of the tensor {name}"))
        })?;
        let offset = self.u64(&name)?;
        Ok((name, dims, block, offset))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::Base;
    use crate::tiny::{self, Tiny};
    use ghost_core::rng::Rng;

    const ALIGNMENT: usize = 32;

    fn open(bytes: Vec<u8>) -> Result<Base> {
        Base::read(Bytes::from(bytes))
    }

    #[test]
    fn a_tiny_base_opens() {
        let base = open(tiny::bytes(1)).unwrap();
        assert_eq!(base.card.name, "Tiny");
        assert_eq!(base.card.quantisation, "F32");
        assert_eq!(base.config.layers, base.layers.len());
    }

    /// Where the weights begin.
    fn header(bytes: &[u8]) -> usize {
        Head::read(bytes).unwrap().data
    }

    #[test]
    fn a_file_that_ends_early_is_refused() {
        let whole = tiny::bytes(1);
        let data = header(&whole);
        for end in (0..data).chain((data..whole.len() - ALIGNMENT).step_by(9973)) {
            assert!(
                Gguf::read(whole[..end].to_vec().into()).is_err(),
                "{end} bytes of {}",
                whole.len()
            );
        }
    }

    #[test]
    fn a_file_with_a_byte_changed_opens_or_is_refused() {
        for family in ["llama", "gemma3"] {
            let whole = Tiny { family, block: GgmlType::Q4_1, ..Tiny::default() }.bytes();
            let (data, mut rng) = (header(&whole), Rng::new(7));
            for n in 0..2000 {
                let mut bytes = whole.clone();
                // Mostly in the header, where bytes mean something.
                let at = rng.below(if n % 10 == 0 { whole.len() } else { data });
                bytes[at] = rng.next_u64() as u8;
                let _ = open(bytes);
            }
        }
    }

    #[test]
    fn an_impossible_count_allocates_nothing() {
        for (at, what) in [(8, "tensors"), (16, "keys"), (24, "a key's length")] {
            let mut bytes = tiny::bytes(1);
            bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
            assert!(open(bytes).is_err(), "{what}");
        }
    }

    #[test]
    fn a_file_that_is_not_a_base_is_refused_with_a_sentence() {
        let error = open(b"%PDF-1.7 and so on".to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "The file is damaged: it is not a GGUF file.");
    }

    /// A header of no tensors and one key of a kind, then `value`.
    fn one_key(kind: u32, value: &[u8]) -> Result<Gguf> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(0u64.to_le_bytes());
        bytes.extend(1u64.to_le_bytes());
        bytes.extend(1u64.to_le_bytes());
        bytes.push(b'k');
        bytes.extend(kind.to_le_bytes());
        bytes.extend(value);
        Gguf::read(bytes.into())
    }

    #[test]
    fn values_of_every_kind_are_read() {
        assert_eq!(one_key(4, &7u32.to_le_bytes()).unwrap().count("k"), Some(7));
        assert_eq!(one_key(5, &(-7i32).to_le_bytes()).unwrap().count("k"), None);
        assert_eq!(one_key(6, &0.5f32.to_le_bytes()).unwrap().number("k"), Some(0.5));
        assert_eq!(one_key(6, &f32::NAN.to_le_bytes()).unwrap().number("k"), None);
        assert_eq!(one_key(8, b"\x02\0\0\0\0\0\0\0hi").unwrap().text("k"), Some("hi"));
        assert!(one_key(13, &[0; 8]).is_err());
    }

    #[test]
    fn nested_and_impossibly_long_lists_are_refused() {
        let list =
            |kind: u32, n: u64| [&kind.to_le_bytes()[..], &n.to_le_bytes(), &[1; 16]].concat();
        assert_eq!(one_key(9, &list(0, 16)).unwrap().counts("k"), Some(vec![1; 16]));
        assert!(one_key(9, &list(9, 1)).is_err());
        assert!(one_key(9, &list(0, 17)).is_err());
        assert!(one_key(9, &list(0, u64::MAX)).is_err());
    }

    #[test]
    fn too_many_values_are_refused() {
        let n = MAX_VALUES as u64 + 1;
        let list = [&0u32.to_le_bytes()[..], &n.to_le_bytes(), &vec![1; MAX_VALUES + 1]].concat();
        assert!(one_key(9, &list).is_err());
    }

    #[test]
    fn tensors_outside_the_file_are_refused() {
        let locate = |dims: &[usize], offset| {
            locate("t", dims, GgmlType::Q4_1, offset, 64, ALIGNMENT, 1024).is_ok()
        };
        assert!(locate(&[64, 2], 32));
        assert!(!locate(&[64, 2], 31), "not aligned");
        assert!(!locate(&[64, 2], 1024), "past the end");
        assert!(!locate(&[64, 2], u64::MAX - 31), "past all ends");
        assert!(!locate(&[48, 2], 0), "half a block");
        assert!(!locate(&[1 << 40, 1 << 40], 0), "too large to count");
    }
}
