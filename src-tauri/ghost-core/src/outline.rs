//! The outline of a text: its sections, their headings and lengths.
//!
//! As text an outline has one line per section: the heading as it is, then `(150 words)`. Adapters
//! learn to plan in this form, and plans are parsed from it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::chunk::chunks;
use crate::seed::Seed;
use crate::words::{count, words};

/// Target words of a section where long text without headings is divided between paragraphs.
const SECTION: usize = 300;
/// Words above which a section is divided.
const MAX_SECTION: usize = 400;
/// Minimum words of a planned section.
const MIN_WORDS: u32 = 20;
/// Maximum sections of a plan.
const MAX_SECTIONS: usize = 24;
/// Maximum length of a planned heading in bytes.
const MAX_HEADING: usize = 120;

/// One section.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Section {
    /// The heading line with its marks (`## Rain`); empty if it has none. Marks alone (`##`) stand for
    /// a heading that is still to be written.
    pub heading: String,
    /// The number of its words without the heading.
    pub words: u32,
}

/// The sections of a text, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outline {
    /// At least one, unless the text is empty.
    pub sections: Vec<Section>,
}

impl Outline {
    /// The outline of a text and the byte range of each section, including headings and blank lines;
    /// together the ranges are the whole text. Sections of more than 400 words are divided between
    /// paragraphs into parts of about 300 words.
    pub fn of(text: &str) -> (Outline, Vec<Range<usize>>) {
        let (mut sections, mut ranges) = (Vec::new(), Vec::new());
        for (heading, range) in headed(text) {
            let body = &text[range.start + heading.len()..range.end];
            let n = count(body);
            let parts = if n > MAX_SECTION {
                // Slightly more than an even share, so that no small rest remains.
                chunks(body, body.len() / (n / SECTION).max(2) * 11 / 10)
            } else {
                std::iter::once(0..body.len()).collect()
            };
            for (n, part) in parts.into_iter().enumerate() {
                let at = range.start + heading.len();
                let from = if n == 0 { range.start } else { at + part.start };
                let heading = if n == 0 { heading.trim_end().to_owned() } else { String::new() };
                let words = count(&body[part.clone()]) as u32;
                match ranges.last_mut() {
                    // A heading at the end without text belongs to the section before it.
                    Some(Range { end, .. }) if words == 0 => *end = at + part.end,
                    _ => {
                        sections.push(Section { heading, words });
                        ranges.push(from..at + part.end);
                    }
                }
            }
        }
        (Outline { sections }, ranges)
    }

    /// The outline as text, one line per section.
    pub fn to_text(&self) -> String {
        let lines: Vec<String> = self.sections.iter().map(Section::to_text).collect();
        lines.join("\n")
    }

    /// Parses a generated plan; `None` if a line is invalid, there are too many sections or a heading
    /// occurs twice.
    pub fn parse(text: &str) -> Option<Outline> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let sections: Vec<Section> = lines.map(Section::parse).collect::<Option<_>>()?;
        let mut headings: Vec<&str> =
            sections.iter().map(|one| one.heading.as_str()).filter(|one| !one.is_empty()).collect();
        headings.sort_unstable();
        let are_unique = headings.windows(2).all(|two| two[0] != two[1]);
        ((1..=MAX_SECTIONS).contains(&sections.len()) && are_unique).then_some(Outline { sections })
    }

    /// The outline scaled to `words` words in total. Sections that become too short are merged into the
    /// one before.
    pub fn fitted(&self, words: u32) -> Outline {
        let mut sections = self.sections.clone();
        loop {
            let all: u64 = sections.iter().map(|one| u64::from(one.words)).sum();
            let share = |one: u32| (u64::from(one) * u64::from(words) / all.max(1)) as u32;
            let small = (1..sections.len()).find(|&n| share(sections[n].words) < MIN_WORDS);
            let Some(small) = small else {
                let mut left = words;
                for one in sections.iter_mut().skip(1) {
                    one.words = share(one.words);
                    left = left.saturating_sub(one.words);
                }
                sections.iter_mut().take(1).for_each(|first| first.words = left);
                return Outline { sections };
            };
            let gone = sections.remove(small);
            let before = &mut sections[small - 1].words;
            *before = before.saturating_add(gone.words);
        }
    }

    /// A default plan for `words` words: sections of equal length without headings.
    pub fn plain(words: u32) -> Outline {
        let n = (words as usize / SECTION).clamp(1, MAX_SECTIONS);
        Outline { sections: vec![Section { heading: String::new(), words: 1 }; n] }.fitted(words)
    }

    /// The outline with every heading reduced to its marks, as a plan for another text.
    pub fn without_headings(&self) -> Outline {
        let marks = |heading: &str| "#".repeat(level(heading));
        let bare = |one: &Section| Section { heading: marks(&one.heading), words: one.words };
        Outline { sections: self.sections.iter().map(bare).collect() }
    }

    /// The total number of words.
    pub fn words(&self) -> u32 {
        self.sections.iter().map(|one| one.words).fold(0, u32::saturating_add)
    }
}

/// The part of a text that is requested.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestScope {
    /// The whole text.
    #[default]
    Whole,
    /// Its outline.
    Outline,
    /// One section of it.
    Section {
        /// The outline of the whole text.
        outline: Outline,
        /// The position of the section, from 0.
        at: usize,
    },
}

impl RequestScope {
    /// True if it is the whole text.
    pub fn is_whole(&self) -> bool {
        *self == RequestScope::Whole
    }

    /// The text that the base sees as the writer's message, both in training and in drafting. As with
    /// [`Seed::request`], a change of wording makes existing adapters worse.
    pub fn request(&self, seed: &Seed) -> String {
        let whole = seed.request();
        match self {
            RequestScope::Whole => whole,
            RequestScope::Outline => whole + "\nOutline it.",
            RequestScope::Section { outline, at } => {
                let part = outline.sections.get(*at).map(Section::to_text).unwrap_or_default();
                let (n, of) = (at + 1, outline.sections.len());
                format!("{whole}\nOutline:\n{}\nWrite part {n} of {of}: {part}", outline.to_text())
            }
        }
    }
}

impl Section {
    /// Its line in an outline.
    pub fn to_text(&self) -> String {
        let space = if self.heading.is_empty() { "" } else { " " };
        format!("{}{space}({} words)", self.heading, self.words)
    }

    fn parse(line: &str) -> Option<Section> {
        let (heading, rest) = line.rsplit_once('(')?;
        let words = rest.strip_suffix(" words)")?.parse().ok().filter(|words| *words > 0)?;
        let heading = heading.trim_end();
        let is_heading = heading.is_empty() || (level(heading) > 0 && heading.len() <= MAX_HEADING);
        is_heading.then(|| Section { heading: heading.to_owned(), words })
    }
}

/// The first words of each section and paragraph as byte ranges, in order, without overlaps. A heading
/// is not an opening; the text below it is.
pub fn openings(text: &str) -> Vec<Range<usize>> {
    /// Words that open a section; about 16 tokens.
    const OF_SECTION: usize = 12;
    /// Words that open a paragraph; about 8 tokens.
    const OF_PARAGRAPH: usize = 6;
    let (mut found, mut after_heading, mut after_blank) = (Vec::new(), true, true);
    for (line, is_heading) in lines(text) {
        let blank = text[line.clone()].trim().is_empty();
        if !blank && !is_heading && after_blank {
            let most = if after_heading { OF_SECTION } else { OF_PARAGRAPH };
            // The first words may be spread over several lines of the paragraph.
            let rest = &text[line.start..paragraph_end(text, line.start)];
            let last = words(rest).take(most).last();
            let end = last.map_or(line.start, |(at, word)| line.start + at + word.len());
            if end > line.start {
                found.push(line.start..end);
            }
        }
        after_heading = is_heading || (after_heading && blank);
        after_blank = blank || is_heading;
    }
    found
}

/// The end of the paragraph that begins at `from`: a blank line or a heading.
fn paragraph_end(text: &str, from: usize) -> usize {
    let mut end = from;
    for line in text[from..].split_inclusive('\n') {
        if line.trim().is_empty() || (end > from && level(line) > 0) {
            break;
        }
        end += line.len();
    }
    end
}

/// Lines with their line breaks, and whether each is a heading. Lines in fenced code are not.
fn lines(text: &str) -> impl Iterator<Item = (Range<usize>, bool)> {
    let (mut at, mut fenced) = (0, false);
    text.split_inclusive('\n').map(move |line| {
        let is_fence = ["```", "~~~"].iter().any(|fence| line.trim_start().starts_with(fence));
        fenced ^= is_fence;
        let from = at;
        at += line.len();
        (from..at, !fenced && !is_fence && level(line) > 0)
    })
}

/// The heading level of a line; 0 if it is not a heading.
fn level(line: &str) -> usize {
    let marks = line.len() - line.trim_start_matches('#').len();
    let after = line[marks..].chars().next();
    if (1..=6).contains(&marks) && after.is_none_or(char::is_whitespace) { marks } else { 0 }
}

/// The heading line of each section with its line break, and the section's byte range. A heading
/// without text belongs to the next section.
fn headed(text: &str) -> Vec<(&str, Range<usize>)> {
    let mut starts: Vec<(usize, &str)> = Vec::new();
    let mut has_text = true;
    for (line, is_heading) in lines(text) {
        if starts.is_empty() || (is_heading && has_text) {
            let heading = if is_heading { &text[line.clone()] } else { "" };
            starts.push((line.start, heading));
            has_text = !is_heading && count(&text[line]) > 0;
        } else {
            has_text |= !is_heading && count(&text[line]) > 0;
        }
    }
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
    starts.iter().zip(ends).map(|((at, heading), end)| (*heading, *at..end)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rng::Rng;

    const POST: &str = "It rained all day here.\n\n## Why\n\nClouds came over the hill.\n\nThey \
                        stayed.\n\n```\n# no heading\n```\n\n## What now\n\nBuy a boat.\n";

    #[test]
    fn a_text_is_divided_into_its_sections() {
        let (outline, ranges) = Outline::of(POST);
        let text = "(5 words)\n## Why (9 words)\n## What now (3 words)";
        assert_eq!(outline.to_text(), text);
        assert_eq!(ranges.iter().map(|range| &POST[range.clone()]).collect::<String>(), POST);
        assert!(POST[ranges[2].clone()].starts_with("## What now\n"));
        assert_eq!(Outline::parse(text).unwrap(), outline);
        assert_eq!(outline.words(), 17);
    }

    #[test]
    fn a_long_text_without_headings_is_divided_between_paragraphs() {
        let text = vec!["It rained on the hill and in the town."; 100].join("\n\n");
        let (outline, ranges) = Outline::of(&text);
        assert_eq!(outline.sections.len(), 3);
        assert!(outline.sections.iter().all(|one| one.heading.is_empty() && one.words >= 200));
        assert!(ranges[1..].iter().all(|range| text[..range.start].ends_with("\n\n")));
    }

    #[test]
    fn headings_without_text_belong_to_the_next_section() {
        let (outline, _) = Outline::of("# Rain\n\n## Why\n\nClouds.\n\n## End\n");
        assert_eq!(outline.to_text(), "# Rain (2 words)");
        assert_eq!(Outline::of(""), (Outline::default(), Vec::new()));
    }

    #[test]
    fn invalid_plans_are_rejected() {
        for text in [
            "",
            "Sure! Here is an outline:",
            "## Rain (many words)",
            "## Rain (0 words)",
            "Rain (20 words)",
            "## Rain (20 words)\n## Rain (30 words)",
            &"(20 words)\n".repeat(25),
            &format!("## {} (20 words)", "rain ".repeat(40)),
        ] {
            assert_eq!(Outline::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_plan_is_scaled_to_the_requested_words() {
        let plan = Outline::parse("(50 words)\n## Why (100 words)\n## End (2 words)").unwrap();
        let fitted = plan.fitted(600);
        assert_eq!(fitted.to_text(), "(198 words)\n## Why (402 words)");
        assert_eq!(fitted.words(), 600);
        let plain = Outline::plain(900);
        assert_eq!((plain.sections.len(), plain.words()), (3, 900));
        assert_eq!(Outline::plain(5).words(), 5);
        assert_eq!(plan.without_headings().to_text(), "(50 words)\n## (100 words)\n## (2 words)");
    }

    #[test]
    fn openings_are_the_first_words_of_sections_and_paragraphs() {
        let text = "## One\n\nIt rained on the hill and in the town, all day, and all of the night.\n\n\
                    Then the sun came out over it.\nAnd then not.";
        let found: Vec<&str> = openings(text).into_iter().map(|range| &text[range]).collect();
        let section = "It rained on the hill and in the town, all day, and";
        assert_eq!(found, [section, "Then the sun came out over"]);
        assert!(openings("\n\n## Only a heading\n").is_empty());
    }

    #[test]
    fn sections_of_any_text_are_the_text_and_openings_are_within_it() {
        let mut rng = Rng::new(3);
        let stock = ["rain ", "# A\n", "\n", "\n\n", "```\n", "## \n", "é", "#b ", "☔️\r\n"];
        for _ in 0..1_000 {
            let text: String = (0..rng.below(60)).map(|_| stock[rng.below(9)]).collect();
            let (outline, ranges) = Outline::of(&text);
            assert_eq!(ranges.iter().map(|range| &text[range.clone()]).collect::<String>(), text);
            assert_eq!(outline.sections.len(), ranges.len());
            let open = openings(&text);
            assert!(open.windows(2).all(|two| two[0].end <= two[1].start));
            assert!(open.iter().all(|range| text.get(range.clone()).is_some()));
            let words = outline.words() + 30;
            assert!(ranges.is_empty() || outline.fitted(words).words() == words);
        }
    }
}
