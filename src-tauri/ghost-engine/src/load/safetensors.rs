//! One safetensors file: a header that names tensors, then their bytes.
//!
//! The `safetensors` crate reads the header and checks every length and offset against the bytes that
//! are there; tensors follow one another without gaps or overlaps, as the format asks. It borrows the
//! whole file, so tensors are made here, as parts of the memory map.

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors};

use crate::error::{Error, Result};
use crate::quant::ggml::GgmlType;
use crate::quant::weight::Bytes;

/// Bytes before the header: its length.
const LENGTH: usize = 8;

/// A tensor of a file.
pub(crate) struct Stored {
    pub(crate) name: String,
    /// Rows first.
    pub(crate) dims: Vec<usize>,
    pub(crate) bytes: Bytes,
    dtype: Dtype,
}

impl Stored {
    /// The block type of its values.
    ///
    /// # Errors
    /// `Unsupported` for a type that no base or adapter of ours is stored in.
    pub(crate) fn block(&self) -> Result<GgmlType> {
        match self.dtype {
            Dtype::F32 => Ok(GgmlType::F32),
            Dtype::F16 => Ok(GgmlType::F16),
            Dtype::BF16 => Ok(GgmlType::BF16),
            other => Err(Error::unsupported(format!("weights stored as {other:?}"))),
        }
    }
}

/// The tensors of a file, in the order of their bytes.
///
/// # Errors
/// `Malformed` or `Truncated`, each in a sentence.
pub(crate) fn read(bytes: &Bytes) -> Result<Vec<Stored>> {
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| refused(e, bytes))?;
    let data = LENGTH + header;
    let mut stored = Vec::new();
    for name in metadata.offset_keys() {
        let info = metadata.info(&name).ok_or_else(|| damaged(&name))?;
        let (from, to) = info.data_offsets;
        let range = data.checked_add(from).zip(data.checked_add(to));
        let part = range.and_then(|(from, to)| bytes.part(from..to));
        let part = part.ok_or_else(|| damaged(&name))?;
        stored.push(Stored { dims: info.shape.clone(), bytes: part, dtype: info.dtype, name });
    }
    Ok(stored)
}

fn damaged(name: &str) -> Error {
    Error::malformed(format!("the tensor {} lies outside the file", name.escape_default()))
}

/// The crate's error in a sentence.
fn refused(error: SafeTensorError, bytes: &[u8]) -> Error {
    use SafeTensorError as E;
    match error {
        E::HeaderTooSmall | E::InvalidHeaderLength => Error::Truncated {
            what: "the header".to_owned(),
            wanted: bytes.first_chunk().map_or(LENGTH as u64, |n| u64::from_le_bytes(*n)),
            have: bytes.len().saturating_sub(LENGTH) as u64,
        },
        E::InvalidHeaderDeserialization(error) => {
            Error::malformed(format!("its header is damaged ({error})"))
        }
        E::InvalidOffset(name) => Error::malformed(format!(
            "the tensor {} does not begin where the one before it ends",
            name.escape_default()
        )),
        E::MetadataIncompleteBuffer => Error::malformed(
            "its tensors need more or fewer bytes than it has: an unfinished download, most often",
        ),
        other => Error::malformed(format!("its header is damaged ({other})")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A file of this header and as many bytes of weights.
    fn file(header: &str, data: usize) -> Vec<u8> {
        let length = (header.len() as u64).to_le_bytes();
        [&length[..], header.as_bytes(), &vec![0; data]].concat()
    }

    #[track_caller]
    fn sentence(bytes: Vec<u8>) -> String {
        read(&Bytes::from(bytes)).err().unwrap().to_string()
    }

    const TWO: &str = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[3],
        "data_offsets":[16,22]},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;

    #[test]
    fn tensors_are_in_the_order_of_their_bytes() {
        let stored = read(&Bytes::from(file(TWO, 22))).unwrap();
        assert_eq!(stored[0].name, "a");
        assert_eq!(stored[0].dims, [2, 2]);
        assert_eq!(stored[1].block().unwrap(), GgmlType::BF16);
        assert_eq!(stored[1].bytes.len(), 6);
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let whole = file(TWO, 22);
        for end in 0..whole.len() {
            assert!(read(&Bytes::from(whole[..end].to_vec())).is_err(), "{end} bytes");
        }
        for len in [19, 23] {
            let sentence = sentence(file(TWO, len));
            assert!(sentence.contains("more or fewer bytes than it has"), "{sentence}");
        }
        let sentence = sentence(file(TWO, 22)[..40].to_vec());
        assert!(sentence.starts_with("The file ends early: the header needs"), "{sentence}");
    }

    #[test]
    fn gaps_overlaps_and_impossible_offsets_are_refused() {
        let of = |offsets: &str| {
            let header = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                "b":{"dtype":"F32","shape":[1],"data_offsets":OFFSETS}}"#;
            sentence(file(&header.replace("OFFSETS", offsets), 8))
        };
        for offsets in ["[0,4]", "[2,6]", "[5,8]", "[4,0]", "[4,12]", "[4,18446744073709551615]"] {
            let sentence = of(offsets);
            assert!(!sentence.contains("header is damaged (invalid JSON"), "{offsets}: {sentence}");
        }
        for offsets in ["[4]", "[4,8,9]", "[-4,8]", "[4,1e99]", "\"4\"", "null"] {
            assert!(of(offsets).contains("header is damaged"), "{offsets}");
        }
    }

    #[test]
    fn an_impossible_header_length_is_refused() {
        for length in [u64::MAX, 100_000_001, 1 << 20] {
            let mut bytes = file(TWO, 22);
            bytes[..8].copy_from_slice(&length.to_le_bytes());
            sentence(bytes);
        }
    }

    #[test]
    fn an_unsupported_type_is_refused() {
        let header = r#"{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#;
        let stored = read(&Bytes::from(file(header, 1))).unwrap();
        let sentence = stored[0].block().unwrap_err().to_string();
        assert!(sentence.contains("weights stored as F8_E4M3"), "{sentence}");
    }
}
