//! Divides a text into consecutive chunks at natural boundaries.

use std::ops::Range;

use crate::words::{sentences, tokens};

/// Divides a text into consecutive chunks of at most `max_bytes` that together are the whole text:
/// between paragraphs if possible (a heading stays with its text), else between sentences, words or
/// characters. A chunk is longer only if a single character is.
pub fn chunks(text: &str, max_bytes: usize) -> Vec<Range<usize>> {
    packed(paragraphs(text), max_bytes, &|paragraph| {
        let starts = sentences(&text[paragraph.clone()]).map(|(at, _)| paragraph.start + at);
        let sentences = between(starts, &paragraph);
        packed(sentences, max_bytes, &|sentence| {
            let starts = tokens(&text[sentence.clone()]).map(|token| sentence.start + token.at);
            let words = between(starts, &sentence);
            packed(words, max_bytes, &|word| {
                let starts = text[word.clone()].char_indices().map(|(at, _)| word.start + at);
                let characters = between(starts, &word);
                packed(characters, max_bytes, &|character| vec![character])
            })
        })
    })
}

/// Packs as many units as fit into each chunk. A unit that is too long is `divided` first.
fn packed(
    units: Vec<Range<usize>>,
    max_bytes: usize,
    divided: &dyn Fn(Range<usize>) -> Vec<Range<usize>>,
) -> Vec<Range<usize>> {
    let mut chunks: Vec<Range<usize>> = Vec::new();
    for unit in units {
        match chunks.last_mut() {
            Some(last) if unit.end - last.start <= max_bytes => last.end = unit.end,
            _ if unit.len() <= max_bytes => chunks.push(unit),
            _ => chunks.extend(divided(unit)),
        }
    }
    chunks
}

/// The ranges of `whole` that begin at `starts`, and the one before the first of them.
fn between(starts: impl Iterator<Item = usize>, whole: &Range<usize>) -> Vec<Range<usize>> {
    let mut from = whole.start;
    starts
        .chain([whole.end])
        .map(|end| std::mem::replace(&mut from, end)..end)
        .filter(|range| !range.is_empty())
        .collect()
}

/// Paragraphs with the blank lines after them; a heading belongs to the paragraph below it.
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

/// The end of a text, at most `max_bytes` long: from the first paragraph that fits, else the first
/// line, sentence, word or character.
pub fn tail(text: &str, max_bytes: usize) -> &str {
    if text.len() <= max_bytes {
        return text;
    }
    let reach = text.len() - max_bytes;
    let last = |edge: &str| {
        // Starts a little earlier: a boundary may end exactly at `reach`.
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
    use crate::rng::Rng;

    fn divided(text: &str, max_bytes: usize) -> Vec<&str> {
        chunks(text, max_bytes).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn a_text_is_divided_between_paragraphs() {
        assert_eq!(divided("One.\n\nTwo.\n\nThree.", 12), ["One.\n\nTwo.\n\n", "Three."]);
        assert_eq!(divided("One.\n\nTwo.", 100), ["One.\n\nTwo."]);
        assert!(divided("", 10).is_empty());
    }

    #[test]
    fn a_heading_stays_with_its_text() {
        assert_eq!(divided("One.\n\n# Two\n\nThree.", 14), ["One.\n\n", "# Two\n\nThree."]);
    }

    #[test]
    fn long_paragraphs_are_divided_between_sentences_and_long_sentences_between_words() {
        assert_eq!(
            divided("It rained. It poured. It snowed.", 22),
            ["It rained. It poured. ", "It snowed."]
        );
        assert_eq!(divided("rain rain rain", 6), ["rain ", "rain ", "rain"]);
        assert_eq!(divided("éé", 1), ["é", "é"]);
        assert_eq!(divided("ab", 0), ["a", "b"]);
    }

    #[test]
    fn the_end_of_a_text_begins_at_a_boundary() {
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
    fn chunks_together_are_the_text() {
        let mut rng = Rng::new(2);
        let stock = ["rain ", "It is. ", "\n", "\n\n", "# Head\n", "☔️", "é", "1. ", "\r\n", "> "];
        for _ in 0..1_000 {
            let text: String = (0..rng.below(60)).map(|_| stock[rng.below(10)]).collect();
            let max = rng.below(40);
            assert_eq!(divided(&text, max).concat(), text);
            assert!(divided(&text, max).iter().all(|chunk| chunk.len() <= max.max(4)));
        }
    }
}
