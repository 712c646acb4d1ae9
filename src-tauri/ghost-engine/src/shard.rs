//! One safetensors file: a header that names tensors, then their bytes.
//!
//! Format: github.com/huggingface/safetensors, README. Every length and place is checked against
//! the bytes that are there before anything is done with it; tensors follow each other without
//! gaps or overlaps, as the format asks. Knows nothing of what the tensors are for.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::block::BlockType;
use crate::error::{Error, Result};
use crate::weight::Bytes;

/// The format's own limit.
const MOST_HEADER: usize = 100_000_000;
/// Bytes before the header: how long it is.
const LENGTH: usize = 8;

/// A tensor of a file.
pub(crate) struct Stored {
    pub(crate) name: String,
    /// Rows first.
    pub(crate) dims: Vec<usize>,
    pub(crate) bytes: Bytes,
    dtype: String,
}

impl Stored {
    /// How its values are stored.
    ///
    /// # Errors
    /// `Unsupported` for what no base or adapter of ours is stored in.
    pub(crate) fn block(&self) -> Result<BlockType> {
        match &*self.dtype {
            "F32" => Ok(BlockType::F32),
            "F16" => Ok(BlockType::F16),
            "BF16" => Ok(BlockType::BF16),
            other => {
                let what = format!("weights stored as {}", other.escape_default());
                Err(Error::unsupported(what))
            }
        }
    }
}

/// The tensors of a file, in the order of their bytes.
///
/// # Errors
/// `Malformed` or `Truncated`, each in a sentence.
pub(crate) fn read(bytes: &Bytes) -> Result<Vec<Stored>> {
    let short = |what: &str, wanted: u64| Error::Truncated {
        what: what.to_owned(),
        wanted,
        have: bytes.len() as u64,
    };
    let (length, rest) = bytes
        .split_first_chunk::<LENGTH>()
        .ok_or_else(|| short("the length of the header", LENGTH as u64))?;
    let length = u64::from_le_bytes(*length);
    let length = usize::try_from(length)
        .ok()
        .filter(|n| *n <= MOST_HEADER)
        .ok_or_else(|| Error::malformed(format!("the length of its header is {length}")))?;
    let header = rest.get(..length).ok_or_else(|| short("the header", length as u64))?;
    let Header(mut infos) = serde_json::from_slice(header)
        .map_err(|error| Error::malformed(format!("its header is damaged ({error})")))?;
    infos.sort_by_key(|(_, info)| info.data_offsets);
    let data = LENGTH + length;
    let mut end = 0;
    let mut stored = Vec::with_capacity(infos.len());
    for (name, info) in infos {
        let (from, to) = info.data_offsets;
        if from != end || to < from {
            return Err(Error::malformed(format!(
                "the tensor {name} begins at {from} where the one before it ends at {end}"
            )));
        }
        end = to;
        let part = place(data, from, to).and_then(|place| bytes.part(place));
        let bytes = part.ok_or_else(|| Error::Truncated {
            what: format!("the tensor {name}"),
            wanted: to - from,
            have: (bytes.len() - data) as u64 - from.min((bytes.len() - data) as u64),
        })?;
        let dims =
            info.shape.into_iter().map(usize::try_from).collect::<std::result::Result<_, _>>();
        let dims = dims.map_err(|_| Error::malformed(format!("the tensor {name} is too large")))?;
        stored.push(Stored { name, dims, bytes, dtype: info.dtype });
    }
    match end == (bytes.len() - data) as u64 {
        true => Ok(stored),
        false => Err(Error::malformed("it holds more bytes than its tensors")),
    }
}

fn place(data: usize, from: u64, to: u64) -> Option<Range<usize>> {
    let at = |offset| data.checked_add(usize::try_from(offset).ok()?);
    Some(at(from)?..at(to)?)
}

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// Names with their tensors; what the file says of itself besides is passed over.
struct Header(Vec<(String, Info)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names with their tensors")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Header, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    match &*name {
                        "__metadata__" => {
                            map.next_value::<IgnoredAny>()?;
                        }
                        _ => entries.push((name, map.next_value()?)),
                    }
                }
                Ok(Header(entries))
            }
        }
        from.deserialize_map(Entries)
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
    fn refused(bytes: Vec<u8>) -> String {
        read(&Bytes::from(bytes)).err().unwrap().to_string()
    }

    const TWO: &str = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[3],
        "data_offsets":[16,22]},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;

    #[test]
    fn tensors_come_in_the_order_of_their_bytes() {
        let stored = read(&Bytes::from(file(TWO, 22))).unwrap();
        assert_eq!(stored[0].name, "a");
        assert_eq!(stored[0].dims, [2, 2]);
        assert_eq!(stored[1].block().unwrap(), BlockType::BF16);
        assert_eq!(stored[1].bytes.len(), 6);
    }

    #[test]
    fn a_file_that_ends_anywhere_early_is_refused() {
        let whole = file(TWO, 22);
        for end in 0..whole.len() {
            assert!(read(&Bytes::from(whole[..end].to_vec())).is_err(), "{end} bytes");
        }
        let sentence = refused(file(TWO, 19));
        assert_eq!(sentence, "The file ends early: the tensor b needs 6 bytes and 3 are left.");
        assert!(refused(file(TWO, 23)).contains("more bytes"));
    }

    #[test]
    fn places_that_lie() {
        let of = |offsets: &str| {
            let header = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                "b":{"dtype":"F32","shape":[1],"data_offsets":OFFSETS}}"#;
            refused(file(&header.replace("OFFSETS", offsets), 8))
        };
        for offsets in ["[0,4]", "[2,6]", "[5,8]", "[4,0]", "[4,12]", "[4,18446744073709551615]"] {
            assert!(!of(offsets).is_empty());
        }
        for offsets in ["[4]", "[4,8,9]", "[-4,8]", "[4,1e99]", "\"4\"", "null"] {
            assert!(of(offsets).contains("header is damaged"), "{offsets}");
        }
    }

    #[test]
    fn a_header_that_lies_of_its_length() {
        for length in [u64::MAX, MOST_HEADER as u64 + 1, 1 << 20] {
            let mut bytes = file(TWO, 22);
            bytes[..8].copy_from_slice(&length.to_le_bytes());
            refused(bytes);
        }
    }

    #[test]
    fn weights_of_a_kind_nobody_reads() {
        let header = r#"{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#;
        let stored = read(&Bytes::from(file(header, 1))).unwrap();
        let sentence = stored[0].block().unwrap_err().to_string();
        assert!(sentence.contains("weights stored as F8_E4M3"), "{sentence}");
    }
}
