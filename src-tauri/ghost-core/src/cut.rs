//! A text in consecutive parts, cut where it may best be cut.

use std::ops::Range;

use crate::words::{sentences, tokens};

/// Cuts a text into consecutive parts of at most `most_bytes`, nothing left out: between paragraphs
/// where it can (a heading goes with what it heads), then between sentences, words, and at last
/// characters. Only a single character longer than `most_bytes` makes a longer part.
pub fn parts(text: &str, most_bytes: usize) -> Vec<Range<usize>> {
    packed(paragraphs(text), most_bytes, &|paragraph| {
        let starts = sentences(&text[paragraph.clone()]).map(|(at, _)| paragraph.start + at);
        let sentences = between(starts, &paragraph);
        packed(sentences, most_bytes, &|sentence| {
            let starts = tokens(&text[sentence.clone()]).map(|token| sentence.start + token.at);
            let words = between(starts, &sentence);
            packed(words, most_bytes, &|word| {
                let starts = text[word.clone()].char_indices().map(|(at, _)| word.start + at);
                let characters = between(starts, &word);
                packed(characters, most_bytes, &|character| vec![character])
            })
        })
    })
}

/// Puts as many units as fit into each part; one that fits into none is `divided` first.
fn packed(
    units: Vec<Range<usize>>,
    most_bytes: usize,
    divided: &dyn Fn(Range<usize>) -> Vec<Range<usize>>,
) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    for unit in units {
        match parts.last_mut() {
            Some(last) if unit.end - last.start <= most_bytes => last.end = unit.end,
            _ if unit.len() <= most_bytes => parts.push(unit),
            _ => parts.extend(divided(unit)),
        }
    }
    parts
}

/// The stretches of `whole` that begin at `starts`, the first of them at its beginning.
fn between(starts: impl Iterator<Item = usize>, whole: &Range<usize>) -> Vec<Range<usize>> {
    let mut from = whole.start;
    starts
        .chain([whole.end])
        .map(|end| std::mem::replace(&mut from, end)..end)
        .filter(|range| !range.is_empty())
        .collect()
}

/// Paragraphs with the blank lines after them; a heading goes with what it heads.
fn paragraphs(text: &str) -> Vec<Range<usize>> {
    let mut starts = Vec::new();
    let (mut at, mut after_blank, mut headed) = (0, false, false);
    for line in text.split_inclusive('\n') {
        let blank = line.trim().is_empty();
        if !blank {
            if after_blank && !headed {
                starts.push(at);
            }
            headed = line.starts_with('#');
        }
        after_blank = blank;
        at += line.len();
    }
    between(starts.into_iter(), &(0..text.len()))
}

/// The end of a text, of at most so many bytes: from the first paragraph in reach, else the first
/// sentence, word or character.
pub fn tail(text: &str, most_bytes: usize) -> &str {
    if text.len() <= most_bytes {
        return text;
    }
    let reach = text.len() - most_bytes;
    let last = |edge: &str| {
        // Looked for from just before the reach: an edge may end right where it begins.
        let from = text.floor_char_boundary(reach.saturating_sub(edge.len()));
        let end = text[from..].find(edge).map(|at| from + at + edge.len());
        end.filter(|at| *at >= reach && !text[*at..].trim().is_empty())
    };
    let at = ["\n\n", "\n", ". ", " "].iter().find_map(|edge| last(edge));
    &text[at.unwrap_or_else(|| text.ceil_char_boundary(reach))..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn cut(text: &str, most_bytes: usize) -> Vec<&str> {
        parts(text, most_bytes).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn parts_are_cut_between_paragraphs() {
        assert_eq!(cut("One.\n\nTwo.\n\nThree.", 12), ["One.\n\nTwo.\n\n", "Three."]);
        assert_eq!(cut("One.\n\nTwo.", 100), ["One.\n\nTwo."]);
        assert!(cut("", 10).is_empty());
    }

    #[test]
    fn a_heading_goes_with_what_it_heads() {
        assert_eq!(cut("One.\n\n# Two\n\nThree.", 14), ["One.\n\n", "# Two\n\nThree."]);
    }

    #[test]
    fn giant_paragraphs_are_cut_between_sentences_and_giant_sentences_between_words() {
        assert_eq!(
            cut("It rained. It poured. It snowed.", 22),
            ["It rained. It poured. ", "It snowed."]
        );
        assert_eq!(cut("rain rain rain", 6), ["rain ", "rain ", "rain"]);
        assert_eq!(cut("éé", 1), ["é", "é"]);
        assert_eq!(cut("ab", 0), ["a", "b"]);
    }

    #[test]
    fn the_end_of_a_text_begins_where_something_does() {
        let text = "It rained. It poured.\n\nThe sun came out. All was well.";
        assert_eq!(tail(text, 100), text);
        assert_eq!(tail(text, 40), "The sun came out. All was well.");
        assert_eq!(tail(text, 31), "The sun came out. All was well.");
        assert_eq!(tail(text, 30), "All was well.");
        assert_eq!(tail(text, 8), "well.");
        assert_eq!(tail("☔☔", 4), "☔");
        assert_eq!(tail("rain", 3), "ain");
        assert_eq!(tail("rain\n\n", 3), "n\n\n");
    }

    #[test]
    fn nothing_is_left_out_of_the_parts() {
        let mut chance = Chance::new(2);
        let stock = ["rain ", "It is. ", "\n", "\n\n", "# Head\n", "☔️", "é", "1. ", "\r\n", "> "];
        for _ in 0..1_000 {
            let text: String =
                (0..chance.below(60)).map(|_| stock[chance.below(10) as usize]).collect();
            let most = chance.below(40) as usize;
            assert_eq!(cut(&text, most).concat(), text);
            assert!(cut(&text, most).iter().all(|part| part.len() <= most.max(4)));
        }
    }
}
