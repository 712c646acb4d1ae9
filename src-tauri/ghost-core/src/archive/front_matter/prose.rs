//! Counts the prose in front matter: summaries and other sentences.

use super::keys::is_named;
use crate::archive::omissions::Omissions;

/// Counts the sentences in a block, line by line.
pub(super) fn prose(block: &str) -> Omissions {
    let mut omissions = Omissions::default();
    let mut open: Option<(String, String)> = None;
    for line in block.lines() {
        let pair = line.split_once([':', '=']).filter(|(key, _)| is_named(key));
        match (pair, &mut open) {
            (Some((key, value)), open) => {
                open.take().iter().for_each(|(key, value)| add_prose(&mut omissions, key, value));
                *open = Some((key.trim().to_lowercase(), value.to_owned()));
            }
            (None, Some((_, value))) => {
                value.push('\n');
                value.push_str(line);
            }
            (None, None) => omissions.add("in the front matter", line),
        }
    }
    open.iter().for_each(|(key, value)| add_prose(&mut omissions, key, value));
    omissions
}

/// Counts the value of a key if it is a sentence.
pub(super) fn add_prose(omissions: &mut Omissions, key: &str, value: &str) {
    const FACTS: [&str; 14] = [
        "title",
        "author",
        "authors",
        "date",
        "tags",
        "tag",
        "category",
        "categories",
        "keywords",
        "aliases",
        "slug",
        "url",
        "permalink",
        "image",
    ];
    const SUMMARIES: [&str; 9] = [
        "description",
        "summary",
        "excerpt",
        "subtitle",
        "abstract",
        "lead",
        "intro",
        "teaser",
        "dek",
    ];
    /// Shorter values are names or facts.
    const SENTENCE: usize = 4;
    if FACTS.contains(&key) {
        return;
    }
    let addressed = |word: &&str| word.contains("://") || word.contains('/');
    let value: Vec<&str> = value.split_whitespace().filter(|word| !addressed(word)).collect();
    let value = value.join(" ");
    match SUMMARIES.contains(&key) {
        true => omissions.add("in a summary", &value),
        false if crate::words::count(&value) >= SENTENCE => {
            omissions.add("in the front matter", &value);
        }
        false => {}
    }
}
