//! Measures how often the guardrails block what they should and what they should not, on a writer's real
//! pieces:
//!
//! ```text
//! cargo run --release -p ghost-core --example guardrails -- FOLDER
//! ```
//!
//! Every sixth piece is held out. Unchanged, none should be blocked; with its content words replaced by
//! others of the archive, all should be.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use ghost_core::archive;
use ghost_core::guardrails::{Guardrail, GuardrailInput, Guardrails};
use ghost_core::rng::Rng;
use ghost_core::seed::Seed;
use ghost_core::voice::is_function_word;
use ghost_core::words::{Class, count, tokens, words};

#[allow(clippy::print_stdout)]
fn main() {
    let folder = env::args().nth(1).expect("a folder");
    let pieces = pieces(Path::new(&folder));
    let held = |n: usize| n % 6 == 3;
    let part = |side: bool| -> Vec<&str> {
        let chosen = pieces.iter().enumerate().filter(|(n, _)| held(*n) == side);
        chosen.map(|(_, text)| text.as_str()).collect()
    };
    let (archive, held) = (part(false), part(true));
    let started = Instant::now();
    let guardrails = Guardrails::of(&archive);
    println!("{} pieces read in {:.2} s", archive.len(), started.elapsed().as_secs_f64());
    let content: Vec<&str> = archive
        .iter()
        .flat_map(|text| words(text).map(|(_, word)| word))
        .filter(|word| !is_function_word(&word.to_lowercase()))
        .collect();
    let mut rng = Rng::new(1);
    let seed = Seed::default();
    for length in [200, 400, 800] {
        let texts: Vec<String> = held
            .iter()
            .filter_map(|text| {
                let (at, word) = words(text).nth(length - 1)?;
                Some(text[..at + word.len()].to_owned())
            })
            .collect();
        let mut swap = |text: &String| -> String {
            tokens(text)
                .map(|token| {
                    let stays =
                        token.class != Class::Word || is_function_word(&token.text.to_lowercase());
                    if stays { token.text } else { content[rng.below(content.len())] }
                })
                .collect()
        };
        let swapped: Vec<String> = texts.iter().map(&mut swap).collect();
        for (what, texts) in [("unchanged", &texts), ("swapped", &swapped)] {
            let mut blocked: BTreeMap<Guardrail, usize> = BTreeMap::new();
            let mut passed = 0;
            let started = Instant::now();
            for text in texts {
                let found =
                    guardrails.check(&GuardrailInput { text, seed: &seed, perplexity: None });
                let stops: Vec<_> = found.iter().filter(|one| one.blocked).collect();
                passed += usize::from(stops.is_empty());
                stops.iter().for_each(|one| *blocked.entry(one.guard).or_default() += 1);
            }
            let each = started.elapsed().as_secs_f64() * 1e3 / texts.len().max(1) as f64;
            println!(
                "{length} words, {what}: {passed} of {} pass; {blocked:?}; {each:.1} ms each",
                texts.len()
            );
        }
    }
    println!("{} words held out", held.iter().map(|text| count(text)).sum::<usize>());
}

/// The texts of a folder, as the app reads them.
fn pieces(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            let inside = fs::read_dir(path).into_iter().flatten().flatten();
            pending.extend(inside.map(|entry| entry.path()));
        } else if let Ok(bytes) = fs::read(&path) {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy();
            found.extend(archive::read(&name, &bytes).0);
        }
    }
    found.sort_by(|a, b| (a.date, &a.source).cmp(&(b.date, &b.source)));
    found.into_iter().map(|piece| piece.text).filter(|text| count(text) >= 100).collect()
}
