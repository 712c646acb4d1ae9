//! How a text is built: its sections, what heads each, and how long each is.
//!
//! An outline is written as the text is, with every section's words replaced by their number, so
//! that a base has seen its like: a line a section, the heading as it stands, then `(150 words)`.
//! The same lines are what a ghost learns to plan with, and what its plans are read from.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::cut::parts;
use crate::seed::Seed;
use crate::words::{count, words};

/// Words of a section in a text without headings: it is cut between paragraphs, near this length.
const SECTION: usize = 300;
/// Longest section, in words, that is not cut so.
const MOST_SECTION: usize = 400;
/// Fewest words of a planned section, and most sections of a plan: beyond these a plan is none.
const LEAST: u32 = 20;
const MOST: usize = 24;
/// Longest heading of a plan, in bytes.
const LONGEST: usize = 120;

/// One section.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Section {
    /// The line that heads it, marks included (`## Rain`); empty where nothing does. Marks alone
    /// (`##`) are for a heading still to be found.
    pub heading: String,
    /// Its words, the heading's left out.
    pub words: u32,
}

/// A text's sections, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outline {
    /// At least one, where there is a text.
    pub sections: Vec<Section>,
}

impl Outline {
    /// The outline of a text, and the bytes of each section, heading and blank lines included:
    /// together they are the whole text. Sections of more than 400 words, and a long text
    /// without headings, are cut between paragraphs, near 300.
    pub fn of(text: &str) -> (Outline, Vec<Range<usize>>) {
        let (mut sections, mut ranges) = (Vec::new(), Vec::new());
        for (heading, range) in headed(text) {
            let body = &text[range.start + heading.len()..range.end];
            let n = count(body);
            let parts = if n > MOST_SECTION {
                // A little over an even share, so that no crumb is left at the end.
                parts(body, body.len() / (n / SECTION).max(2) * 11 / 10)
            } else {
                std::iter::once(0..body.len()).collect()
            };
            for (n, part) in parts.into_iter().enumerate() {
                let at = range.start + heading.len();
                let from = if n == 0 { range.start } else { at + part.start };
                let heading = if n == 0 { heading.trim_end().to_owned() } else { String::new() };
                let words = count(&body[part.clone()]) as u32;
                match ranges.last_mut() {
                    // A heading that heads nothing, at the end, belongs to what stands before it.
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

    /// As it is shown to a base, a line a section.
    pub fn in_words(&self) -> String {
        let lines: Vec<String> = self.sections.iter().map(Section::in_words).collect();
        lines.join("\n")
    }

    /// Reads what a base planned. Nothing where that is no plan: a line that is none, too many
    /// sections, a heading said twice.
    pub fn parse(said: &str) -> Option<Outline> {
        let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
        let sections: Vec<Section> = lines.map(Section::parse).collect::<Option<_>>()?;
        let mut headings: Vec<&str> =
            sections.iter().map(|one| one.heading.as_str()).filter(|one| !one.is_empty()).collect();
        headings.sort_unstable();
        let said_once = headings.windows(2).all(|two| two[0] != two[1]);
        ((1..=MOST).contains(&sections.len()) && said_once).then_some(Outline { sections })
    }

    /// The same sections with so many words in all, each with its share of them. Sections for
    /// which too little is left go to the one before.
    pub fn fitted(&self, words: u32) -> Outline {
        let mut sections = self.sections.clone();
        loop {
            let all: u64 = sections.iter().map(|one| u64::from(one.words)).sum();
            let share = |one: u32| (u64::from(one) * u64::from(words) / all.max(1)) as u32;
            let small = (1..sections.len()).find(|&n| share(sections[n].words) < LEAST);
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

    /// The plan of a text of so many words where nothing better is known: sections of equal length
    /// without headings.
    pub fn plain(words: u32) -> Outline {
        let n = (words as usize / SECTION).clamp(1, MOST);
        Outline { sections: vec![Section { heading: String::new(), words: 1 }; n] }.fitted(words)
    }

    /// The same plan for another text: of each heading its marks alone are left.
    pub fn without_headings(&self) -> Outline {
        let marks = |heading: &str| "#".repeat(level(heading));
        let bare = |one: &Section| Section { heading: marks(&one.heading), words: one.words };
        Outline { sections: self.sections.iter().map(bare).collect() }
    }

    /// Words in all.
    pub fn words(&self) -> u32 {
        self.sections.iter().map(|one| one.words).fold(0, u32::saturating_add)
    }
}

/// What of a text is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// All of it.
    #[default]
    Whole,
    /// Its outline.
    Outline,
    /// One section of it.
    Section {
        /// How the whole is built.
        outline: Outline,
        /// Which, from 0.
        at: usize,
    },
}

impl Ask {
    /// Whether it is all of it.
    pub fn is_whole(&self) -> bool {
        *self == Ask::Whole
    }

    /// The one text the base sees as the writer's message, when learning and when writing alike.
    /// As with [`Seed::request`], a change to its wording makes adapters learned with it worse.
    pub fn request(&self, seed: &Seed) -> String {
        let whole = seed.request();
        match self {
            Ask::Whole => whole,
            Ask::Outline => whole + "\nOutline it.",
            Ask::Section { outline, at } => {
                let part = outline.sections.get(*at).map(Section::in_words).unwrap_or_default();
                let (n, of) = (at + 1, outline.sections.len());
                format!("{whole}\nOutline:\n{}\nWrite part {n} of {of}: {part}", outline.in_words())
            }
        }
    }
}

impl Section {
    /// The line of an outline.
    pub fn in_words(&self) -> String {
        let space = if self.heading.is_empty() { "" } else { " " };
        format!("{}{space}({} words)", self.heading, self.words)
    }

    fn parse(line: &str) -> Option<Section> {
        let (heading, rest) = line.rsplit_once('(')?;
        let words = rest.strip_suffix(" words)")?.parse().ok().filter(|words| *words > 0)?;
        let heading = heading.trim_end();
        let is_heading = heading.is_empty() || (level(heading) > 0 && heading.len() <= LONGEST);
        is_heading.then(|| Section { heading: heading.to_owned(), words })
    }
}

/// Stretches of a text that open a section or a paragraph, in order, not overlapping: its first
/// words, to the end of the last of them. A heading opens nothing; what it heads does.
pub fn openings(text: &str) -> Vec<Range<usize>> {
    /// Near 16 tokens, and near 8.
    const OF_SECTION: usize = 12;
    const OF_PARAGRAPH: usize = 6;
    let (mut found, mut after_heading, mut after_blank) = (Vec::new(), true, true);
    for (line, is_heading) in lines(text) {
        let said = &text[line.clone()];
        let blank = said.trim().is_empty();
        if !blank && !is_heading && after_blank {
            let most = if after_heading { OF_SECTION } else { OF_PARAGRAPH };
            // A paragraph may be many lines; its first words are in the first of them or two.
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

/// Where the paragraph that begins at `from` ends: at a blank line or a heading.
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

/// Lines with their ends, and whether each is a heading. What stands in a fence of code is none.
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

/// How many marks a line begins with as a heading does; 0 where it is none.
fn level(line: &str) -> usize {
    let marks = line.len() - line.trim_start_matches('#').len();
    let after = line[marks..].chars().next();
    if (1..=6).contains(&marks) && after.is_none_or(char::is_whitespace) { marks } else { 0 }
}

/// What heads each section, its line end included, and the section's bytes. A heading without a
/// word below it is the beginning of the next.
fn headed(text: &str) -> Vec<(&str, Range<usize>)> {
    let mut starts: Vec<(usize, &str)> = Vec::new();
    let mut said = true;
    for (line, is_heading) in lines(text) {
        if starts.is_empty() || (is_heading && said) {
            let heading = if is_heading { &text[line.clone()] } else { "" };
            starts.push((line.start, heading));
            said = !is_heading && count(&text[line]) > 0;
        } else {
            said |= !is_heading && count(&text[line]) > 0;
        }
    }
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
    starts.iter().zip(ends).map(|((at, heading), end)| (*heading, *at..end)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chance::Chance;

    const POST: &str = "It rained all day here.\n\n## Why\n\nClouds came over the hill.\n\nThey \
                        stayed.\n\n```\n# no heading\n```\n\n## What now\n\nBuy a boat.\n";

    #[test]
    fn a_text_is_its_sections() {
        let (outline, ranges) = Outline::of(POST);
        let said = "(5 words)\n## Why (9 words)\n## What now (3 words)";
        assert_eq!(outline.in_words(), said);
        assert_eq!(ranges.iter().map(|range| &POST[range.clone()]).collect::<String>(), POST);
        assert!(POST[ranges[2].clone()].starts_with("## What now\n"));
        assert_eq!(Outline::parse(said).unwrap(), outline);
        assert_eq!(outline.words(), 17);
    }

    #[test]
    fn a_long_text_without_headings_is_cut_between_paragraphs() {
        let text = vec!["It rained on the hill and in the town."; 100].join("\n\n");
        let (outline, ranges) = Outline::of(&text);
        assert_eq!(outline.sections.len(), 3);
        assert!(outline.sections.iter().all(|one| one.heading.is_empty() && one.words >= 200));
        assert!(ranges[1..].iter().all(|range| text[..range.start].ends_with("\n\n")));
    }

    #[test]
    fn headings_that_head_nothing_go_with_the_next() {
        let (outline, _) = Outline::of("# Rain\n\n## Why\n\nClouds.\n\n## End\n");
        assert_eq!(outline.in_words(), "# Rain (2 words)");
        assert_eq!(Outline::of(""), (Outline::default(), Vec::new()));
    }

    #[test]
    fn what_is_no_plan_is_not_read_as_one() {
        for said in [
            "",
            "Sure! Here is an outline:",
            "## Rain (many words)",
            "## Rain (0 words)",
            "Rain (20 words)",
            "## Rain (20 words)\n## Rain (30 words)",
            &"(20 words)\n".repeat(25),
            &format!("## {} (20 words)", "rain ".repeat(40)),
        ] {
            assert_eq!(Outline::parse(said), None, "{said}");
        }
    }

    #[test]
    fn a_plan_is_fitted_to_the_words_asked_for() {
        let plan = Outline::parse("(50 words)\n## Why (100 words)\n## End (2 words)").unwrap();
        let fitted = plan.fitted(600);
        assert_eq!(fitted.in_words(), "(198 words)\n## Why (402 words)");
        assert_eq!(fitted.words(), 600);
        let plain = Outline::plain(900);
        assert_eq!((plain.sections.len(), plain.words()), (3, 900));
        assert_eq!(Outline::plain(5).words(), 5);
        assert_eq!(plan.without_headings().in_words(), "(50 words)\n## (100 words)\n## (2 words)");
    }

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
    fn any_text_is_its_sections_and_its_openings_lie_in_it() {
        let mut chance = Chance::new(3);
        let stock = ["rain ", "# A\n", "\n", "\n\n", "```\n", "## \n", "é", "#b ", "☔️\r\n"];
        for _ in 0..1_000 {
            let text: String =
                (0..chance.below(60)).map(|_| stock[chance.below(9) as usize]).collect();
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
