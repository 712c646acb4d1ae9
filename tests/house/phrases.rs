//! Plain modern English: phrases that no text of the repository may contain.

use std::path::Path;

use super::{none, texts};

const LIST: &str = include_str!("phrases.txt");

/// Files that may say a phrase: names that older versions wrote or took, and writers' own texts.
const MAY_SAY: &[(&str, &str)] = &[
    ("CHANGELOG.md", "elsewhere"),
    ("src-tauri/ghost-core/src/verdict/evidence.rs", "elsewhere"),
    ("src-tauri/ghost-desk/src/remote_model.rs", "elsewhere"),
    ("src-tauri/src/cli.rs", "elsewhere"),
];

/// Texts of writers, the list itself, and the notebook.
const SKIPPED: &[&str] = &["assets/", "tests/fixtures/", "tests/house/", "docs/LOG.md"];

#[test]
fn every_text_is_plain_modern_english() {
    let phrases: Vec<(&str, &str)> = LIST
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(phrase, better)| (phrase.trim(), better.trim()))
        .collect();
    let mut broken = Vec::new();
    for ending in ["rs", "svelte", "ts", "html", "md", "toml", "sh", "py", "json"] {
        for (file, text) in texts(ending) {
            if SKIPPED.iter().any(|folder| file.starts_with(folder.trim_end_matches('/'))) {
                continue;
            }
            for (at, line) in text.lines().enumerate() {
                let lower = line.to_lowercase();
                for (phrase, better) in &phrases {
                    if says(&lower, phrase) && !MAY_SAY.contains(&(shown(&file).as_str(), *phrase))
                    {
                        let at = at + 1;
                        broken.push(format!("{}:{at}: \"{phrase}\" (say: {better})", shown(&file)));
                    }
                }
            }
        }
    }
    none(broken, "every text is plain modern English");
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}

/// Whether a line has a phrase between borders of words.
fn says(line: &str, phrase: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(phrase).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + phrase.len()..]);
        !before.ends_with(part_of_word) && !after.starts_with(part_of_word)
    })
}

#[test]
fn a_phrase_is_found_between_borders_of_words() {
    assert!(says("it goes on.", "goes on"));
    assert!(!says("he undergoes one", "goes on"));
    assert!(!says("the newest", "anew"));
}
