//! Recognises the words that mail programs write in replies and forwards, in the languages of the
//! table.
//!
//! The readers of replies and attributions decide what the words mean, and never by a word alone.

mod table;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use table::{LANGUAGES, Language, OTHER_LABELS, PLACEHOLDER_SUBJECTS};

/// The label of a header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Label {
    From,
    Date,
    To,
    Subject,
    /// Copies, attachments, priority: not enough for a header block.
    Other,
}

fn all<'a>(pick: impl Fn(&'a Language) -> &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    LANGUAGES.iter().flat_map(move |language| pick(language).iter().copied())
}

static LABELS: LazyLock<HashMap<&str, Label>> = LazyLock::new(|| {
    let mut labels: HashMap<&str, Label> = HashMap::new();
    labels.extend(OTHER_LABELS.iter().map(|name| (*name, Label::Other)));
    labels.extend(all(|language| language.subject).map(|name| (name, Label::Subject)));
    labels.extend(all(|language| language.to).map(|name| (name, Label::To)));
    labels.extend(all(|language| language.date).map(|name| (name, Label::Date)));
    labels.extend(all(|language| language.from).map(|name| (name, Label::From)));
    labels
});

static REPLY_PREFIXES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| all(|l| l.reply_prefixes).collect());

/// The label for a name in lower case, without its colon.
pub(super) fn label(name: &str) -> Option<Label> {
    LABELS.get(name).copied()
}

/// Returns true if a subject in lower case begins like that of a reply or a forward: "re:", "aw:", "sv:
/// ", `re[2]:`.
pub(super) fn is_reply_subject(subject: &str) -> bool {
    let Some((head, _)) = subject.split_once([':', '：']) else { return false };
    let head = head.trim_end_matches(|c: char| {
        c.is_ascii_digit() || matches!(c, '[' | ']' | '(' | ')' | '^' | ' ')
    });
    REPLY_PREFIXES.contains(head.trim())
}

/// Returns true if a subject in lower case is a program's placeholder for an empty one.
pub(super) fn is_placeholder_subject(subject: &str) -> bool {
    PLACEHOLDER_SUBJECTS.contains(&subject)
}

/// Returns true if a line in lower case contains the verb of an attribution as a separate word.
pub(super) fn has_verb(line: &str) -> bool {
    all(|language| language.verbs).any(|verb| has_phrase(line, verb))
}

/// Returns true if a line in lower case ends with the verb of an attribution.
pub(super) fn ends_with_verb(line: &str) -> bool {
    all(|language| language.verbs).any(|verb| {
        line.strip_suffix(verb).is_some_and(|before| !ends_in_letter(before) || !verb.is_ascii())
    })
}

/// The opening word of an attribution, if a line in lower case begins with one.
pub(super) fn opening_word(line: &str) -> Option<&'static str> {
    let is_lead = |lead: &&&str| {
        line.strip_prefix(**lead)
            .is_some_and(|rest| rest.starts_with(char::is_whitespace) || !lead.is_ascii())
    };
    LANGUAGES.iter().flat_map(|l| l.openings).filter(is_lead).max_by_key(|lead| lead.len()).copied()
}

/// Returns true if a line in lower case, without dashes around it, announces the original message.
pub(super) fn announces_original(line: &str) -> bool {
    all(|language| language.original).any(|name| name == line)
}

/// Returns true if a line in lower case, without dashes around it, announces a forwarded message.
pub(super) fn announces_forward(line: &str) -> bool {
    all(|language| language.forwarded).any(|name| {
        line == name
            || (name.ends_with(" by") || name.ends_with(" von") || name.ends_with(" door"))
                && line.starts_with(name)
    })
}

/// Returns true if a line in lower case is the signature of a phone or a mail program.
pub(super) fn is_device_signature(line: &str) -> bool {
    all(|language| language.signatures).any(|mark| {
        match mark.starts_with(['\'', '’']) || !mark.is_ascii() {
            true => line.starts_with(mark) || line.ends_with(mark),
            false => line
                .strip_prefix(mark)
                .is_some_and(|rest| rest.is_empty() || !rest.starts_with(char::is_alphanumeric)),
        }
    })
}

/// Returns true if `line` contains `phrase`, not inside a longer word.
fn has_phrase(line: &str, phrase: &str) -> bool {
    // Scripts without spaces join words.
    let joined = phrase.chars().all(is_unspaced);
    line.match_indices(phrase).any(|(at, _)| {
        let after = &line[at + phrase.len()..];
        joined || (!ends_in_letter(&line[..at]) && !after.starts_with(char::is_alphabetic))
    })
}

fn ends_in_letter(text: &str) -> bool {
    text.chars().next_back().is_some_and(|c| c.is_alphabetic() && !is_unspaced(c))
}

/// Returns true for letters of scripts that are written without spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | ' ')
}
