//! Removes the boilerplate around Markdown: pictures on their own lines, footnote anchors, tables of
//! contents, hard wraps.

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::edits::{Replacements, line_after, line_before, options};
use crate::archive::hard_wrap::HardWrap;
use crate::archive::omissions::Omissions;

/// Removes pictures on their own lines, footnote anchors and hard wraps.
pub(super) fn without_boilerplate(text: &str, omissions: &mut Omissions) -> String {
    let mut replacements = Replacements::default();
    let mut breaks = Vec::new();
    let mut links: Vec<(usize, bool)> = Vec::new();
    let mut tables = 0;
    let mut breaking: Option<usize> = None;
    let mut contents = TocFinder::default();
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        if let Some(at) = breaking.take() {
            breaks.push(at..range.start.max(at + 1));
        }
        if let Some(range) = contents.on_event(&event, &range) {
            let words = count_words(text, range.clone());
            replacements.cut(range, "in a table of contents", words);
        }
        match event {
            Event::Start(Tag::Link { .. }) => links.push((range.start, false)),
            Event::Start(Tag::Image { .. }) => {
                if let Some(link) = links.last_mut() {
                    link.1 = true;
                }
            }
            Event::End(TagEnd::Image) if links.is_empty() => {
                cut_picture(text, &range, &mut replacements)
            }
            Event::End(TagEnd::Link) => {
                let pictured = links.pop().is_some_and(|(_, cut_picture)| cut_picture);
                if pictured && text[range.clone()].starts_with("[![") {
                    cut_picture(text, &range, &mut replacements);
                }
            }
            Event::Start(Tag::Table(_)) => tables += 1,
            Event::FootnoteReference(_) => replacements.replace(range, ""),
            Event::Start(Tag::FootnoteDefinition(_)) => definition(text, &range, &mut replacements),
            Event::SoftBreak if tables == 0 => breaking = Some(range.start),
            Event::End(TagEnd::Table) => tables -= 1,
            _ => {}
        }
    }
    join(text, breaks, &mut replacements);
    replacements.apply(text, omissions)
}

/// The number of words in a stretch of Markdown, without addresses.
fn count_words(text: &str, range: Range<usize>) -> usize {
    let words = Parser::new_ext(&text[range], options()).map(|event| match event {
        Event::Text(text) | Event::Code(text) => crate::words::count(&text),
        _ => 0,
    });
    words.sum()
}

/// Finds a table of contents: a list of links into the same page, with its heading.
#[derive(Debug, Default)]
struct TocFinder {
    /// The start of the heading that announces it, until other text follows.
    heading: Option<usize>,
    in_heading: Option<(usize, String)>,
    lists: usize,
    from: usize,
    in_link: bool,
    links: usize,
    other: bool,
}

impl TocFinder {
    /// The range of a table of contents, at the event that ends it.
    fn on_event(&mut self, event: &Event, range: &Range<usize>) -> Option<Range<usize>> {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                self.in_heading = Some((range.start, String::new()));
                self.heading = None;
            }
            Event::End(TagEnd::Heading(_)) => {
                let (from, title) = self.in_heading.take()?;
                let heading_text = title.trim().to_lowercase();
                self.heading =
                    ["table of contents", "contents", "toc", "in this post", "on this page"]
                        .contains(&heading_text.as_str())
                        .then_some(from);
            }
            Event::Text(text) if self.in_heading.is_some() => {
                if let Some((_, title)) = &mut self.in_heading {
                    title.push_str(text);
                }
            }
            Event::Start(Tag::List(_)) => {
                if self.lists == 0 {
                    (self.from, self.links, self.other) = (range.start, 0, false);
                }
                self.lists += 1;
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                self.in_link = true;
                self.links += 1;
                self.other |= !dest_url.starts_with('#');
            }
            Event::End(TagEnd::Link) => self.in_link = false,
            Event::End(TagEnd::List(_)) => {
                self.lists = self.lists.saturating_sub(1);
                if self.lists == 0 {
                    let heading = self.heading.take();
                    let found = !self.other && self.links >= 2;
                    return found.then(|| heading.unwrap_or(self.from)..range.end);
                }
            }
            Event::Text(text) | Event::Code(text) if !self.in_link && !text.trim().is_empty() => {
                self.other = true;
                self.heading = self.heading.filter(|_| self.lists > 0);
            }
            _ => {}
        }
        None
    }
}

/// Cuts a picture that is alone on its line.
fn cut_picture(text: &str, range: &Range<usize>, replacements: &mut Replacements) {
    let (before, after) = (line_before(text, range.start), line_after(text, range.end));
    let lonely = |side: &str| {
        side.trim_matches(|c: char| c.is_whitespace() || matches!(c, '>' | '*' | '-')).is_empty()
            || side.trim_start().starts_with("![")
    };
    if lonely(before) && lonely(after) {
        let words = count_words(text, range.clone());
        replacements.cut(range.clone(), "in descriptions of pictures", words);
    }
}

/// Removes `[^1]:` from a footnote and leaves its text as paragraphs.
fn definition(text: &str, range: &Range<usize>, replacements: &mut Replacements) {
    let body = &text[range.clone()];
    let Some(mark) = body.find("]:") else { return };
    let space = body[mark + 2..].bytes().take_while(|&byte| byte == b' ').count();
    replacements.replace(range.start..range.start + mark + 2 + space, "");
    let mut at = range.start;
    for line in body.split_inclusive('\n') {
        let indent = line.bytes().take_while(|&byte| byte == b' ').count().min(4);
        if at > range.start && indent > 0 {
            replacements.replace(at..at + indent, "");
        }
        at += line.len();
    }
}

/// Joins hard-wrapped lines, and changes nothing else.
pub(in crate::archive) fn unwrapped(text: &str) -> String {
    let mut replacements = Replacements::default();
    let (mut breaks, mut breaking, mut tables) = (Vec::new(), None, 0);
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        if let Some(at) = breaking.take() {
            breaks.push(at..range.start.max(at + 1));
        }
        match event {
            Event::Start(Tag::Table(_)) => tables += 1,
            Event::End(TagEnd::Table) => tables -= 1,
            Event::SoftBreak if tables == 0 => breaking = Some(range.start),
            _ => {}
        }
    }
    join(text, breaks, &mut replacements);
    replacements.apply(text, &mut Omissions::default())
}

/// Joins wrapped lines where a whole paragraph is wrapped.
fn join(text: &str, breaks: Vec<Range<usize>>, replacements: &mut Replacements) {
    let line = |at: usize| text[..at].rsplit('\n').next().map_or(0, |line| line.chars().count());
    let word =
        |at: usize| text[at..].split_whitespace().next().map_or(0, |word| word.chars().count());
    let pairs: Vec<(usize, usize)> =
        breaks.iter().map(|gap| (line(gap.start), word(gap.end))).collect();
    let wrap = HardWrap::of(&pairs);
    let mut from = 0;
    while from < breaks.len() {
        // The breaks of one paragraph are one line apart.
        let next = |at: &usize| text[breaks[*at].end..breaks[*at + 1].start].contains('\n');
        let to = (from..breaks.len() - 1).find(next).map_or(breaks.len(), |at| at + 1);
        if wrap.broke(&pairs[from..to]) {
            for at in (from..to).filter(|&at| wrap.joins(pairs[at].0)) {
                replacements.replace(breaks[at].clone(), " ");
            }
        }
        from = to;
    }
}

/// Removes white space at line ends and repeated blank lines, except in fenced code.
pub(super) fn squeeze_blank_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    let mut blank = true;
    for line in text.lines() {
        let trimmed = line.trim_start_matches([' ', '>', '\t']);
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => {
                fence =
                    Some(&trimmed[..trimmed.len() - trimmed.trim_start_matches(&mark[..1]).len()])
            }
            (Some(open), Some(_))
                if trimmed.starts_with(open)
                    && trimmed.trim_end().trim_start_matches(&open[..1]).is_empty() =>
            {
                fence = None
            }
            (Some(_), _) => {
                out.push_str(line);
                out.push('\n');
                blank = false;
                continue;
            }
            _ => {}
        }
        // The arrow at the end of a footnote links back to its anchor.
        let line = line.trim_end().trim_end_matches(['↩', '\u{fe0e}']).trim_end();
        let bare_mark = matches!(line.trim(), "-" | "*");
        let again = line.is_empty() && blank;
        if !again && !bare_mark {
            out.push_str(line);
            out.push('\n');
        }
        blank = line.is_empty();
    }
    out.trim_end().to_owned()
}
