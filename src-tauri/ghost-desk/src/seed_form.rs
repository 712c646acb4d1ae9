//! The seed form: conversion to and from a validated seed.

use ghost_core::archive::Kind;
use ghost_core::seed::Seed;

use crate::failure::{Code, Failure, Result};
use crate::wire::SeedForm;

/// The seed of a filled-in form, validated.
pub(crate) fn seed_of(form: &SeedForm) -> Result<Seed> {
    let seed = Seed {
        topic: form.topic.trim().to_owned(),
        angle: form.angle.as_deref().map(str::trim).filter(|a| !a.is_empty()).map(str::to_owned),
        words: form.words,
        kind: form.kind.clone().map(Kind::from).unwrap_or_default(),
        points: form
            .points
            .iter()
            .map(|point| point.trim().to_owned())
            .filter(|point| !point.is_empty())
            .collect(),
    };
    seed.checked().map_err(|trouble| Failure::new(Code::BadInput, trouble.to_string()))
}

/// The form of a seed.
pub(crate) fn form_of(seed: &Seed) -> SeedForm {
    SeedForm {
        topic: seed.topic.clone(),
        angle: seed.angle.clone(),
        words: seed.words,
        kind: Some(seed.kind.to_string()),
        points: seed.points.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_form_is_trimmed_and_comes_back_as_it_is_stored() {
        let form = SeedForm {
            topic: "  rain ".into(),
            angle: Some("  ".into()),
            words: Some(120),
            kind: Some("log".into()),
            points: vec![" the lid".into(), String::new()],
        };
        let seed = seed_of(&form).unwrap();
        assert_eq!((seed.topic.as_str(), seed.angle.as_deref()), ("rain", None));
        let again = form_of(&seed);
        assert_eq!((again.points, again.kind), (vec!["the lid".into()], Some("log".into())));
        let empty = SeedForm { topic: " ".into(), ..SeedForm::default() };
        assert_eq!(seed_of(&empty).unwrap_err().code, Code::BadInput);
    }
}
