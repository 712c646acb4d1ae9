//! Imitated writers: four ways to make a shipped text out of a draft.

use std::path::Path;

use ghost_core::archive::{self, Piece};
use ghost_core::edit::{Edit, Segment};
use ghost_core::rng::Rng;
use ghost_core::{measure, words};

use crate::Outcome;

/// How the imitated writer works.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Manner {
    /// The model drafts the whole text; the writer makes a share of the changes towards their own.
    Whole,
    /// Sentence by sentence: the model continues the writer's text, and every second of its sentences
    /// is replaced by the writer's.
    Turns,
    /// The model drafts the whole text, and the writer always changes the same few things.
    Habits,
    /// Nothing is drafted: a published text, and its later revision.
    Revisions,
}

impl Manner {
    pub(crate) fn named(name: &str) -> Option<Manner> {
        Some(match name {
            "whole" => Manner::Whole,
            "turns" => Manner::Turns,
            "habits" => Manner::Habits,
            "revisions" => Manner::Revisions,
            _ => return None,
        })
    }
}

/// The text of a writer who makes a share of the changes from a draft to their own text.
pub(crate) fn toward(draft: &str, own: &str, diligence: f64, rng: &mut Rng) -> String {
    let edit = Edit::presentable(draft, own);
    let taken = edit.segments().iter().map(|segment| match segment {
        Segment::Same(same) => same.clone(),
        Segment::Changed { cut, added } => {
            if rng.next_f64() < diligence {
                added.clone()
            } else {
                cut.clone()
            }
        }
    });
    taken.collect()
}

/// Phrases this writer replaces.
const INSTEAD: [(&str, &str); 28] = [
    ("t's ", "t is "),
    ("hat's ", "hat is "),
    ("here's ", "here is "),
    ("et's ", "et us "),
    ("I'm ", "I am "),
    ("'re ", " are "),
    ("'ve ", " have "),
    ("'ll ", " will "),
    ("'d ", " would "),
    ("can't ", "cannot "),
    ("won't ", "will not "),
    ("n't ", " not "),
    ("However, ", "But "),
    ("Additionally, ", "And "),
    ("Therefore, ", "So "),
    ("in order to ", "to "),
    ("as well as ", "and "),
    ("such as ", "like "),
    ("a lot of ", "much "),
    ("a variety of ", "many "),
    ("be able to ", "can "),
    (" also ", " "),
    (" very ", " "),
    (" really ", " "),
    (" just ", " "),
    (" actually ", " "),
    (" simply ", " "),
    (" all about ", " about "),
];

/// Where a long sentence is split, and how the next one starts.
const BREAKS: [(&str, &str); 5] = [
    (", and ", ". And "),
    (", but ", ". But "),
    (", so ", ". So "),
    (", which ", ". That "),
    (" because ", ". That's because "),
];
/// Number of words after which a sentence is long.
const BREATH: usize = 5;

/// Openings of sentences this writer removes.
const NEVER: [&str; 4] = ["In conclusion", "Overall,", "In summary", "As an AI"];

/// The edit of a writer with strong habits: no contractions, no padding, no closing flourish, no long
/// sentences.
pub(crate) fn habits(draft: &str) -> String {
    let mut shipped = String::with_capacity(draft.len());
    let starts: Vec<usize> = words::sentences(draft).map(|(at, _)| at).collect();
    shipped += &draft[..starts.first().copied().unwrap_or(draft.len())];
    for (n, &from) in starts.iter().enumerate() {
        let to = starts.get(n + 1).copied().unwrap_or(draft.len());
        if NEVER.iter().any(|start| draft[from..].starts_with(start)) {
            continue;
        }
        shipped += &broken(&draft[from..to]);
    }
    for (theirs, own) in INSTEAD {
        shipped = shipped.replace(theirs, own);
    }
    shipped
}

/// A sentence, split where it gets long.
fn broken(sentence: &str) -> String {
    let mut all = String::with_capacity(sentence.len());
    let mut left = sentence;
    while let Some((at, (from, to))) = BREAKS
        .iter()
        .filter_map(|one| {
            let mut found = left.match_indices(one.0).map(|(at, _)| at);
            found.find(|at| words::count(&left[..*at]) >= BREATH).map(|at| (at, *one))
        })
        .min_by_key(|(at, _)| *at)
    {
        all += &left[..at];
        all += to;
        left = &left[at + from.len()..];
    }
    all + left
}

/// A published text and its revision.
pub(crate) struct Revision {
    pub(crate) before: String,
    /// The revised text.
    pub(crate) after: Piece,
}

/// The revisions of a folder of `NNN.before.md` and `NNN.after.md`, by number, as excerpts of about
/// `bytes` bytes around each change.
pub(crate) fn revisions(folder: &Path, bytes: usize) -> Outcome<Vec<Revision>> {
    let mut names: Vec<String> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".before.md")?.to_owned()))
        .collect();
    names.sort();
    let read = |name: String| -> Outcome<Option<Piece>> {
        let bytes = std::fs::read(folder.join(&name))?;
        Ok(archive::read(&name, &bytes).0.into_iter().next())
    };
    let mut all = Vec::new();
    for name in names {
        let before = read(format!("{name}.before.md"))?;
        let after = read(format!("{name}.after.md"))?;
        if let (Some(before), Some(after)) = (before, after) {
            all.extend(stretches(&before.text, &after.text, bytes).into_iter().map(
                |[before, text]| {
                    let words = words::count(&text);
                    Revision { before, after: Piece { text, words, ..after.clone() } }
                },
            ));
        }
    }
    Ok(all)
}

/// The text around each change, in both versions.
fn stretches(before: &str, after: &str, bytes: usize) -> Vec<[String; 2]> {
    let (mut all, mut here) = (Vec::new(), [String::new(), String::new()]);
    for segment in Edit::presentable(before, after).segments() {
        match segment {
            Segment::Changed { cut, added } => {
                here[0] += cut;
                here[1] += added;
            }
            Segment::Same(same) => {
                for paragraph in same.split_inclusive("\n\n") {
                    here.iter_mut().for_each(|side| side.push_str(paragraph));
                    // Up to half of it precedes the change.
                    let enough = if here[0] == here[1] { bytes / 2 } else { bytes };
                    if here[1].len() >= enough {
                        all.push(std::mem::take(&mut here));
                    }
                }
            }
        }
    }
    all.push(here);
    all.retain(|[before, after]| {
        before.len().max(after.len()) < 3 * bytes && measure::edit_distance(before, after) > 0.0
    });
    all
}
