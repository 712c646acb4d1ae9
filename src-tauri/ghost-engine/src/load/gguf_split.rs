//! A model in several GGUF files, as llama.cpp splits a large one: `NAME-00001-of-00003.gguf` and so
//! on, side by side. The first part has the metadata; each has some of the tensors.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::load::gguf::Gguf;
use crate::quant::weight::Bytes;

/// No real model comes in more parts.
const MAX_PARTS: usize = 1 << 10;
/// The key of the number of parts.
const COUNT: &str = "split.count";
/// The key of the number of this part, counted from 0.
const NUMBER: &str = "split.no";

/// The files of the model that `path` is a part of, first to last: by its name, and whether they
/// are there or not. One file, where the name is none of a part.
pub fn parts(path: &Path) -> Vec<PathBuf> {
    named_parts(path).unwrap_or_else(|| vec![path.to_owned()])
}

/// The name of the model in a file's name: without its ending, and without the number of its part.
pub fn model_name(path: &Path) -> Option<&str> {
    let stem = path.file_stem()?.to_str()?;
    Some(split_name(stem).map_or(stem, |(name, _)| name))
}

fn named_parts(path: &Path) -> Option<Vec<PathBuf>> {
    let (name, of) = split_name(path.file_stem()?.to_str()?)?;
    let ending = path.extension()?.to_str()?;
    let part = |n| path.with_file_name(format!("{name}-{n:05}-of-{of:05}.{ending}"));
    Some((1..=of).map(part).collect())
}

/// `NAME-00001-of-00003` as its name and how many parts there are.
fn split_name(stem: &str) -> Option<(&str, usize)> {
    let (rest, of) = stem.rsplit_once("-of-")?;
    let (name, number) = rest.rsplit_once('-')?;
    let count = |digits: &str| {
        (digits.len() == 5).then(|| digits.parse::<usize>().ok()).flatten().filter(|n| *n > 0)
    };
    let (number, of) = (count(number)?, count(of)?);
    (number <= of && of <= MAX_PARTS).then_some((name, of))
}

/// Opens a file, with all other parts of its model where it is one of several.
///
/// # Errors
/// As [`Gguf::read`]; `Malformed` where a part is missing or belongs to another model.
pub fn open(path: &Path) -> Result<Gguf> {
    let file = Gguf::read(Bytes::open(path)?)?;
    let Some(of) = file.count(COUNT).filter(|of| *of > 1) else { return Ok(file) };
    let parts = named_parts(path).filter(|parts| parts.len() == of).ok_or_else(|| {
        Error::malformed(format!(
            "it is one of {of} parts of a model, and its name no longer says which; name the parts \
             as they were when you got them (NAME-00001-of-{of:05}.gguf)"
        ))
    })?;
    let mut whole: Option<Gguf> = None;
    for (n, place) in parts.iter().enumerate() {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        if !place.exists() {
            return Err(Error::malformed(format!(
                "{name} is missing; put all {of} parts of the model in one folder"
            )));
        }
        let part = Gguf::read(Bytes::open(place)?)?;
        if part.count(COUNT) != Some(of) || part.count(NUMBER) != Some(n) {
            return Err(Error::malformed(format!("{name} is not part {} of {of}", n + 1)));
        }
        match &mut whole {
            None => whole = Some(part),
            Some(whole) => {
                whole.size += part.size;
                whole.tensors.join(part.tensors)?;
            }
        }
    }
    let mut whole = whole.ok_or_else(|| Error::malformed("it has no parts"))?;
    whole.metadata.remove(COUNT);
    Ok(whole)
}

impl Gguf {
    /// The number of other files that complete the model.
    pub(crate) fn missing_parts(&self) -> usize {
        self.count(COUNT).map_or(0, |of| of.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;
    use crate::adapter::fingerprint;
    use crate::base::Base;
    use crate::tiny::Tiny;

    /// A tiny base in three parts; `rename` gives each its name, or leaves it out.
    fn opened(
        pick: usize,
        rename: impl Fn(usize) -> Option<String>,
    ) -> std::result::Result<Base, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut named = Vec::new();
        for (n, part) in Tiny::default().parts(3).into_iter().enumerate() {
            let name = rename(n + 1);
            if let Some(name) = &name {
                fs::write(folder.path().join(name), part).unwrap();
            }
            named.push(name);
        }
        let path = folder.path().join(named[pick].clone().unwrap());
        Base::open(&path).map_err(|error| error.to_string())
    }

    fn right(n: usize) -> Option<String> {
        Some(format!("tiny-{n:05}-of-00003.gguf"))
    }

    #[test]
    fn a_base_in_parts_is_the_base_in_one_file_whichever_part_is_chosen() {
        let whole = Tiny::default().base();
        for pick in 0..3 {
            let base = opened(pick, right).unwrap();
            assert_eq!(fingerprint(&base), fingerprint(&whole));
            assert_eq!(base.card.parameters, whole.card.parameters);
        }
    }

    #[test]
    fn a_part_that_is_missing_or_misnamed_is_named() {
        let sentence = opened(0, |n| right(n).filter(|_| n != 2)).unwrap_err();
        assert!(sentence.contains("tiny-00002-of-00003.gguf is missing"), "{sentence}");
        let sentence = opened(0, |n| Some(format!("tiny {n}.gguf"))).unwrap_err();
        assert!(sentence.contains("one of 3 parts"), "{sentence}");
        let sentence = opened(0, |n| right([0, 1, 3, 2][n])).unwrap_err();
        assert!(sentence.contains("tiny-00002-of-00003.gguf is not part 2"), "{sentence}");
        let alone = Base::read(Tiny::default().parts(3).remove(0).into()).unwrap_err().to_string();
        assert!(alone.contains("2 other parts"), "{alone}");
    }

    #[test]
    fn a_models_name_omits_the_number_of_its_part() {
        let name = |file: &'static str| model_name(Path::new(file)).unwrap();
        assert_eq!(name("a/Qwen3-00002-of-00003.gguf"), "Qwen3");
        assert_eq!(name("a/Qwen3-4B.Q4_1.gguf"), "Qwen3-4B.Q4_1");
        assert_eq!(name("one-of-three.gguf"), "one-of-three");
        assert_eq!(parts(Path::new("one-of-three.gguf")).len(), 1);
    }
}
