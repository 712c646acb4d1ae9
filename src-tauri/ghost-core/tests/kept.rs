//! Nothing of a file is lost without a warning: its words are the words of its pieces and titles plus
//! the words that warnings count, within one percent, for every reader.
//!
//! The documents are generated (`kept/documents.rs`): each contains every construct of its format that can
//! hold words, and each word occurs once, so a lost word shows which construct lost it.

// The documents contain their own line ends.
#![allow(clippy::unwrap_used, clippy::write_with_newline)]

#[path = "kept/documents.rs"]
mod documents;

use std::collections::BTreeMap;

use documents::{Doc, GENERATORS};
use ghost_core::archive::{self, ImportResult, SidecarIndex};
use ghost_core::words;

/// Reads the files of an export like an import.
fn read(files: &[(String, Vec<u8>)]) -> ImportResult {
    let mut sidecars = SidecarIndex::default();
    for (name, bytes) in files.iter().filter(|(name, _)| SidecarIndex::is_sidecar(name)) {
        sidecars.add(name, bytes);
    }
    let mut all = ImportResult::default();
    for (name, bytes) in files {
        let result = archive::read_with(name, bytes, &sidecars);
        all.pieces.extend(result.pieces);
        all.warnings.extend(result.warnings);
    }
    all
}

/// Problems with the words of `files` that were kept or counted, as sentences.
fn check(doc: &Doc, files: &[(String, Vec<u8>)]) -> Vec<String> {
    let result = read(files);
    // A title may repeat words of its text: an untitled text is named by its first words.
    let mut kept: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, word) in result.pieces.iter().flat_map(|piece| words::words(&piece.text)) {
        *kept.entry(word).or_default() += 1;
    }
    for (_, word) in result.pieces.iter().flat_map(|piece| words::words(&piece.title)) {
        kept.entry(word).or_insert(1);
    }
    let counted: usize = result.warnings.iter().map(|warning| warning.words).sum();
    let mut wrong = Vec::new();
    let (mut lost, mut twice) = (BTreeMap::new(), BTreeMap::new());
    for (word, construct) in doc.words() {
        match kept.get(word.as_str()).copied().unwrap_or(0) {
            0 => *lost.entry(construct).or_insert(0) += 1,
            1 => {}
            _ => *twice.entry(construct).or_insert(0) += 1,
        }
    }
    let all = doc.words().count();
    let missing: usize = lost.values().sum();
    if missing.abs_diff(counted) * 100 > all {
        wrong.push(format!(
            "of {all} words {missing} are in no piece and {counted} are counted: {lost:?}\n    {}",
            result.warnings.iter().map(|c| c.reason.as_str()).collect::<Vec<_>>().join("\n    ")
        ));
    }
    if !twice.is_empty() {
        wrong.push(format!("words kept twice: {twice:?}"));
    }
    let own: usize = result.pieces.iter().map(|piece| piece.words).sum();
    if own * 2 < doc.own() {
        wrong.push(format!("{own} words are the writer's own instead of {}", doc.own()));
    }
    wrong
}

#[test]
fn every_word_of_a_file_is_kept_or_counted() {
    let mut wrong = Vec::new();
    for (name, generate) in GENERATORS {
        for seed in 0..4 {
            let mut doc = Doc::new(seed);
            let files = generate(&mut doc);
            wrong.extend(check(&doc, &files).into_iter().map(|w| format!("{name} ({seed}): {w}")));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
