//! Where a text's sections and paragraphs begin: the words that are hardest to find.

use std::ops::Range;

use crate::words::words;

/// Words that open a section, and a paragraph; near 16 tokens, and near 8.
const OF_SECTION: usize = 12;
const OF_PARAGRAPH: usize = 6;

/// Stretches of a text that open a section or a paragraph, in order, not overlapping: its first
/// words, to the end of the last of them. A heading opens nothing; what it heads does.
pub(crate) fn openings(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut after_heading, mut after_blank) = (Vec::new(), true, true);
    for (line, is_heading) in lines(text) {
        let blank = text[line.clone()].trim().is_empty();
        if !blank && !is_heading && after_blank {
            let most = if after_heading { OF_SECTION } else { OF_PARAGRAPH };
            let paragraph = &text[line.start..paragraph_end(text, line.start)];
            if let Some((at, word)) = words(paragraph).take(most).last() {
                found.push(line.start..line.start + at + word.len());
            }
        }
        after_heading = is_heading || (after_heading && blank);
        after_blank = blank || is_heading;
    }
    found
}

/// Where the paragraph that begins at `from` ends: at a blank line or a heading.
fn paragraph_end(text: &str, from: usize) -> usize {
    let mut end = from;
    for line in text[from..].split_inclusive('\n') {
        if line.trim().is_empty() || (end > from && is_headline(line)) {
            break;
        }
        end += line.len();
    }
    end
}

/// Lines with their ends, and whether each is a heading. What stands in a fence of code is none.
fn lines(text: &str) -> impl Iterator<Item = (Range<usize>, bool)> {
    let (mut at, mut fenced) = (0, false);
    text.split_inclusive('\n').map(move |line| {
        let is_fence = ["```", "~~~"].iter().any(|fence| line.trim_start().starts_with(fence));
        fenced ^= is_fence;
        let from = at;
        at += line.len();
        (from..at, !fenced && !is_fence && is_headline(line))
    })
}

/// Whether a line begins as a heading does: with one to six marks, and no word right after them.
fn is_headline(line: &str) -> bool {
    let marks = line.len() - line.trim_start_matches('#').len();
    (1..=6).contains(&marks) && line[marks..].chars().next().is_none_or(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn the_first_words_of_sections_and_paragraphs_open_them() {
        let text = "## One\n\nIt rained on the hill and in the town, all day, and all of the night.\n\n\
                    Then the sun came out over it.\nAnd then not.";
        let said: Vec<&str> = openings(text).into_iter().map(|range| &text[range]).collect();
        let section = "It rained on the hill and in the town, all day, and";
        assert_eq!(said, [section, "Then the sun came out over"]);
        assert!(openings("\n\n## Only a heading\n").is_empty());
    }

    #[test]
    fn a_mark_in_code_heads_nothing() {
        let text = "One two three four five six seven.\n\n```\n# eight\n```\n\nNine ten eleven twelve \
                    thirteen fourteen fifteen.";
        let last = openings(text).pop().map(|range| &text[range]);
        assert_eq!(last, Some("Nine ten eleven twelve thirteen fourteen"));
    }

    #[test]
    fn openings_of_any_text_lie_in_it_one_after_another() {
        let mut chance = Chance::new(3);
        let stock = ["rain ", "# A\n", "\n", "\n\n", "```\n", "## \n", "é", "#b ", "☔️\r\n"];
        for _ in 0..1_000 {
            let text: String =
                (0..chance.below(60)).map(|_| stock[chance.below(9) as usize]).collect();
            let open = openings(&text);
            assert!(open.windows(2).all(|two| two[0].end <= two[1].start));
            assert!(open.iter().all(|range| text.get(range.clone()).is_some()));
        }
    }
}
