//! Warnings of an import: files that could not be read, and, separately, how many words were
//! skipped in the others. Equal notes on many files are merged into one.

use std::collections::HashMap;

use ghost_core::archive::ImportWarning;

use crate::wire::{NoteView, WarningView};

/// Maximum number of files that a note names.
const MAX_NAMED: usize = 3;

/// Whether a warning is a note: the file was read, but some of its words were skipped.
pub(crate) fn is_note(complaint: &ImportWarning) -> bool {
    complaint.words > 0
}

/// Splits warnings into unreadable files and merged notes, most words first.
pub(crate) fn views(all: &[ImportWarning]) -> (Vec<WarningView>, Vec<NoteView>) {
    let failures = all.iter().filter(|one| !is_note(one));
    let failures = failures
        .map(|one| WarningView { path: one.path.clone(), reason: one.reason.clone() })
        .collect();
    let mut notes: Vec<(Pattern, NoteView)> = Vec::new();
    let mut places = HashMap::<String, usize>::new();
    for one in all.iter().filter(|one| is_note(one)) {
        let pattern = Pattern::of(&one.reason);
        let place = *places.entry(pattern.key()).or_insert_with(|| {
            let note = NoteView { sentence: String::new(), words: 0, files: 0, paths: Vec::new() };
            let numbers = vec![0; pattern.numbers.len()];
            notes.push((Pattern { numbers, ..pattern.clone() }, note));
            notes.len() - 1
        });
        let (sum, note) = &mut notes[place];
        sum.numbers.iter_mut().zip(&pattern.numbers).for_each(|(sum, n)| *sum += n);
        note.words += one.words as u64;
        note.files += 1;
        if note.paths.len() < MAX_NAMED {
            note.paths.push(one.path.clone());
        }
    }
    let mut notes: Vec<NoteView> = notes
        .into_iter()
        .map(|(sum, note)| NoteView { sentence: sum.sentence(), ..note })
        .collect();
    notes.sort_by_key(|note| std::cmp::Reverse(note.words));
    (failures, notes)
}

/// A sentence and the numbers in it.
#[derive(Clone)]
struct Pattern {
    /// The text before each number, and after the last.
    parts: Vec<String>,
    numbers: Vec<u64>,
}

impl Pattern {
    fn of(sentence: &str) -> Pattern {
        let (mut parts, mut numbers) = (vec![String::new()], Vec::new());
        let mut rest = sentence;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let digits = rest[start..].find(|c: char| !c.is_ascii_digit());
            let end = digits.map_or(rest.len(), |n| start + n);
            if let Some(last) = parts.last_mut() {
                last.push_str(&rest[..start]);
            }
            numbers.push(rest[start..end].parse().unwrap_or(0));
            parts.push(String::new());
            rest = &rest[end..];
        }
        if let Some(last) = parts.last_mut() {
            last.push_str(rest);
        }
        // "1 word" and "2 words" are the same pattern.
        for part in &mut parts[1..] {
            if let Some(after) = part.strip_prefix(" word")
                && !after.starts_with('s')
            {
                *part = format!(" words{after}");
            }
        }
        Pattern { parts, numbers }
    }

    fn key(&self) -> String {
        self.parts.join("#")
    }

    fn sentence(&self) -> String {
        let mut sentence = self.parts[0].clone();
        for (number, part) in self.numbers.iter().zip(&self.parts[1..]) {
            let part = match part.strip_prefix(" words") {
                Some(after) if *number == 1 => format!(" word{after}"),
                _ => part.clone(),
            };
            sentence.push_str(&format!("{number}{part}"));
        }
        sentence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(path: &str, reason: &str, words: usize) -> ImportWarning {
        ImportWarning { path: path.into(), reason: reason.into(), words }
    }

    #[test]
    fn equal_notes_on_many_files_are_merged() {
        let mut all: Vec<ImportWarning> = (1..=3_000)
            .map(|n| complaint(&format!("{n}.html"), "Left out 2 words of navigation.", 2))
            .collect();
        all.push(complaint("one.html", "Left out 1 word of navigation.", 1));
        all.push(complaint(
            "a.eml",
            "Left out 52 words: 40 in quoted replies, 12 in a signature.",
            52,
        ));
        all.push(complaint("b.eml", "Left out 3 words: 2 in quoted replies, 1 in a signature.", 3));
        all.push(complaint("broken.docx", "It is broken or cut short.", 0));
        let (failures, notes) = views(&all);
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].path, "broken.docx");
        let said: Vec<_> = notes.iter().map(|n| (&*n.sentence, n.words, n.files)).collect();
        let mail = "Left out 55 words: 42 in quoted replies, 13 in a signature.";
        let pages = "Left out 6001 words of navigation.";
        assert_eq!(said, [(pages, 6001, 3001), (mail, 55, 2)]);
        assert_eq!(notes[0].paths, ["1.html", "2.html", "3.html"]);
    }

    #[test]
    fn a_single_note_is_unchanged() {
        for sentence in
            ["Left out 1 word of navigation.", "All signs. Left out: 12 words.", "None."]
        {
            let (_, notes) = views(&[complaint("a", sentence, 1)]);
            assert_eq!(notes[0].sentence, sentence);
        }
    }
}
