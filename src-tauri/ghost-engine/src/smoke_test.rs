//! Smoke test of a base when it is chosen: renders one request and computes a few tokens.
//!
//! A file may be complete and well formed and still be useless: a chat template that refuses every
//! request, weights that are NaN. This test finds it in seconds, before a run of a whole night does.

use std::path::Path;

use ghost_core::seed::Seed;

use crate::base::Base;
use crate::chat::Message;
use crate::error::{Error, Result};
use crate::model::Model;

/// Tokens of an answer that are computed.
const TOKENS: usize = 4;

/// Tries the base that was opened from `path`.
///
/// # Errors
/// `NotABase`, with what is wrong and what to do.
pub fn run(model: &Model, path: &Path) -> Result<()> {
    prompt(model).and_then(|prompt| answer(model, &prompt)).map_err(|error| match error {
        Error::Template(reason) => Error::NotABase {
            path: path.to_owned(),
            reason: format!("its chat template {reason}; get the same base from another publisher"),
        },
        other => other.in_file(path),
    })
}

/// The tokens of a request, if they are all of it.
fn prompt(base: &Base) -> Result<Vec<u32>> {
    let seed = Seed { topic: "the first snow, and who clears it".to_owned(), ..Seed::default() };
    let request = seed.request();
    let bytes = |tokens: &[u32]| -> Vec<u8> {
        tokens.iter().flat_map(|token| base.tokenizer.bytes_of(*token)).copied().collect()
    };
    if !contains(&bytes(&base.tokenizer.encode(&request)), request.as_bytes()) {
        return Err(Error::malformed(
            "its tokenizer loses letters; get the same base from another publisher",
        ));
    }
    let message = Message { role: "user".to_owned(), content: request.clone() };
    let tokens = base.chat.tokens(&base.tokenizer, &[message], true)?;
    match contains(&bytes(&tokens), request.as_bytes()) {
        true => Ok(tokens),
        false => Err(Error::Template("leaves out what is asked for".to_owned())),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Computes the first tokens of an answer.
fn answer(model: &Model, prompt: &[u32]) -> Result<()> {
    let mut cache = model.new_kv_cache();
    let mut next = prompt.to_vec();
    for _ in 0..TOKENS {
        let logits = model.forward(None, &next, &mut cache);
        if logits.iter().any(|logit| !logit.is_finite()) {
            return Err(Error::malformed(
                "its weights are not all numbers (NaN or infinite), so it cannot answer; \
                 get the file again, or another quantisation of it",
            ));
        }
        let best = (0u32..).zip(&logits).max_by(|a, b| a.1.total_cmp(b.1));
        let (Some((best, most)), Some(first)) = (best, logits.first()) else {
            return Err(Error::malformed("it answers with nothing"));
        };
        if logits.iter().all(|logit| logit == first) && *most == 0.0 {
            return Err(Error::malformed(
                "its weights are all zero: an unfinished download, most often; get the file again",
            ));
        }
        next = vec![best];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::quant::ggml::GgmlType;
    use crate::tiny::{self, Changes, Tiny, folder};

    /// The sentence a base is refused with; none where it is accepted.
    fn refused(bytes: Vec<u8>) -> Option<String> {
        let base = Base::read(bytes.into()).map_err(|error| error.in_file(Path::new("a.gguf")));
        let tried = base.and_then(|base| run(&tiny::on_cpu(base), Path::new("a.gguf")));
        tried.err().map(|error| error.to_string())
    }

    fn with_template(template: &'static str) -> Option<String> {
        let keys = vec![("tokenizer.chat_template", Some(template))];
        refused(Tiny::default().bytes_with(&Changes { keys, weights: None }))
    }

    #[test]
    fn bases_that_work_are_accepted() {
        for family in ["llama", "qwen2", "qwen3", "gemma3"] {
            for block in [GgmlType::F32, GgmlType::Q8_0, GgmlType::Q4_1] {
                let tiny = Tiny { family, block, ..Tiny::default() };
                assert_eq!(refused(tiny.bytes()), None, "{family} {block:?}");
            }
        }
        assert_eq!(with_template("{% for m in messages %}[{{ m.content }}]{% endfor %}"), None);
    }

    #[test]
    fn a_template_that_refuses_every_request_is_quoted() {
        let sentence = with_template("{{ raise_exception('Roles must alternate') }}").unwrap();
        assert!(sentence.contains("\u{201c}Roles must alternate\u{201d}"), "{sentence}");
        assert!(sentence.ends_with("get the same base from another publisher."), "{sentence}");
    }

    #[test]
    fn a_template_that_leaves_out_the_request_is_refused() {
        for template in ["Say something.", "{{ messages[0].role }}"] {
            let sentence = with_template(template).unwrap();
            assert!(sentence.contains("leaves out what is asked for"), "{template}: {sentence}");
        }
    }

    /// A change to the values of a tensor, given its name.
    type Spoil = fn(&str, &mut [f32]);

    #[test]
    fn weights_that_are_not_finite_are_refused_in_every_block_type() {
        let spoilt: [(&str, Spoil); 5] = [
            ("NaN in the head", |name, values| {
                if name == "token_embd.weight" {
                    values[700] = f32::NAN;
                }
            }),
            ("NaN in attention", |name, values| {
                if name == "blk.1.attn_v.weight" {
                    values.fill(f32::NAN);
                }
            }),
            ("infinite in the head", |name, values| {
                if name == "token_embd.weight" {
                    values[640..704].fill(f32::INFINITY);
                }
            }),
            ("infinite in the feed-forward", |name, values| {
                if name == "blk.0.ffn_down.weight" {
                    values.fill(f32::INFINITY);
                }
            }),
            ("all zero", |name, values| {
                if name == "token_embd.weight" {
                    values.fill(0.0);
                }
            }),
        ];
        for (what, weights) in spoilt {
            for block in [GgmlType::F32, GgmlType::Q8_0, GgmlType::Q4_1] {
                // What makes blocks of a NaN here leaves it out.
                if what.starts_with("NaN") && block != GgmlType::F32 {
                    continue;
                }
                let tiny = Tiny { block, ..Tiny::default() };
                let changes = Changes { keys: Vec::new(), weights: Some(weights) };
                let sentence = refused(tiny.bytes_with(&changes));
                let is_named =
                    sentence.as_ref().is_some_and(|sentence| sentence.contains("weights"));
                assert!(is_named, "{what}, {block:?}: {sentence:?}");
            }
        }
    }

    #[test]
    fn a_file_of_another_kind_is_named() {
        let with = |key, text| {
            refused(
                Tiny::default()
                    .bytes_with(&Changes { keys: vec![(key, Some(text))], weights: None }),
            )
        };
        let mut big_endian = Tiny::default().bytes();
        big_endian[4..8].copy_from_slice(&3u32.to_be_bytes());
        for (sentence, what) in [
            (with("general.type", "adapter"), "it is an adapter (LoRA)"),
            (with("adapter.type", "lora"), "it is an adapter (LoRA)"),
            (with("general.type", "mmproj"), "image part"),
            (with("general.architecture", "clip"), "image part"),
            (with("tokenizer.ggml.pre", "klingon"), "klingon"),
            (refused(big_endian), "big-endian"),
            (
                refused(
                    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n".to_vec(),
                ),
                "git lfs pull",
            ),
            (refused(b"<!DOCTYPE html><html>Not found</html>".to_vec()), "web page"),
            (refused(b"tjgg\x01\0\0\0\0\0\0\0".to_vec()), "older than GGUF"),
        ] {
            let sentence = sentence.unwrap();
            assert!(sentence.contains(what), "{what}: {sentence}");
        }
    }

    #[test]
    fn a_folder_of_another_kind_is_named() {
        let sentence = |change: fn(&mut folder::Files)| {
            let place = tempfile::tempdir().unwrap();
            let mut files = Tiny::default().files();
            change(&mut files);
            folder::write(&files, place.path()).unwrap();
            Base::open(place.path()).unwrap_err().to_string()
        };
        let adapter = sentence(|files| {
            files.clear();
            files.insert("adapter_config.json".into(), b"{}".to_vec());
            files.insert("adapter_model.safetensors".into(), b"{}".to_vec());
        });
        assert!(adapter.contains("it is an adapter (LoRA)"), "{adapter}");
        let pointer = sentence(|files| {
            let text = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
            files.insert("model.safetensors".into(), text.to_vec());
        });
        assert!(
            pointer.contains("model.safetensors") && pointer.contains("git lfs pull"),
            "{pointer}"
        );
    }

    #[test]
    fn a_file_without_a_pre_tokenizer_gives_a_warning() {
        let keys = vec![("tokenizer.ggml.pre", None)];
        let bytes = Tiny::default().bytes_with(&Changes { keys, weights: None });
        let warnings = Base::read(bytes.into()).unwrap().card.warnings;
        assert!(warnings[0].contains("tokenizer.ggml.pre"), "{warnings:?}");
        assert!(Tiny::default().base().card.warnings.is_empty());
    }
}
