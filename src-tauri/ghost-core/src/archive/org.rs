//! Converts Emacs Org text: headings, lists, quotes, code and links as Markdown.

use std::collections::HashSet;

use super::date;
use super::markdown;
use super::metadata::Metadata;
use super::omissions::Omissions;
use super::text::{dedent, non_empty};

/// The metadata at the start of a text, and the text as Markdown; words that Org does not show are
/// counted.
pub(super) fn read(text: &str, omissions: &mut Omissions) -> (Metadata, String) {
    let lines: Vec<&str> = text.lines().collect();
    let mut reader = Reader {
        lines: &lines,
        at: 0,
        depth: 0,
        endless: HashSet::new(),
        out: String::new(),
        omissions,
    };
    let metadata = reader.read();
    let text = squeezed(reader.out.trim_matches('\n'));
    (metadata, markdown::unwrapped(&text))
}

/// A text being converted.
struct Reader<'a> {
    lines: &'a [&'a str],
    at: usize,
    /// Nested blocks.
    depth: usize,
    /// Ends that no line below has, so they are not searched again.
    endless: HashSet<String>,
    out: String,
    omissions: &'a mut Omissions,
}

const HIDDEN: &str = "in hidden comments";
/// Nested blocks that are read as blocks.
const MAX_DEPTH: usize = 8;

impl<'a> Reader<'a> {
    fn read(&mut self) -> Metadata {
        let mut metadata = Metadata::default();
        // In a list, indents have a meaning.
        let mut listed = false;
        while let Some(&line) = self.lines.get(self.at) {
            self.at += 1;
            let bare = line.trim();
            let stars = stars(line);
            if stars > 0 {
                listed = false;
                self.heading(line, stars);
            } else if let Some((key, value)) = keyword(bare) {
                self.keyword(&key, value, &mut metadata);
            } else if let Some(drawer) = drawer(bare) {
                self.drawer(drawer);
            } else if bare == ":" || bare.starts_with(": ") {
                self.at -= 1;
                self.fixed();
            } else if bare.starts_with("# ") || bare == "#" {
                self.omissions.add(HIDDEN, bare);
            } else if !is_stamp(bare) {
                let item = is_item(bare);
                listed = item || (listed && (bare.is_empty() || line.starts_with([' ', '\t'])));
                let line = if listed { line } else { bare };
                let (label, content) = footnote(line);
                if label {
                    self.out.push('\n');
                }
                let content =
                    if item { content.replacen(" :: ", ": ", 1) } else { content.to_owned() };
                self.put(&prose(&content));
            }
        }
        metadata
    }

    fn put(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// Takes the lines up to `end`, with nested blocks of the same type; `None` if it is missing.
    fn take_until(&mut self, begin: &str, end: &str) -> Option<&'a [&'a str]> {
        if self.endless.contains(end) {
            return None;
        }
        let rest = &self.lines[self.at..];
        let begins = |line: &str| {
            line.get(..begin.len()).is_some_and(|head| head.eq_ignore_ascii_case(begin))
                && !line[begin.len()..].starts_with(char::is_alphanumeric)
        };
        let mut depth = 0;
        for (at, line) in rest.iter().map(|line| line.trim()).enumerate() {
            if line.eq_ignore_ascii_case(end) && depth == 0 {
                self.at += at + 1;
                return Some(&rest[..at]);
            }
            depth += usize::from(!begin.is_empty() && begins(line));
            depth -= usize::from(line.eq_ignore_ascii_case(end));
        }
        self.endless.insert(end.to_owned());
        None
    }

    /// Writes a heading, or skips a section that is commented out.
    fn heading(&mut self, line: &str, stars: usize) {
        let title = title(&line[stars..]);
        if title == "COMMENT" || title.starts_with("COMMENT ") {
            const SECTION: &str = "in a section that is commented out";
            self.omissions.add(SECTION, title.trim_start_matches("COMMENT"));
            while let Some(line) = self.lines.get(self.at).filter(|line| {
                let below = self::stars(line);
                below == 0 || below > stars
            }) {
                self.omissions.add(SECTION, line);
                self.at += 1;
            }
            return;
        }
        let marks = "#".repeat(stars.min(6));
        self.put(&format!("\n{marks} {}\n", inline(title)));
    }

    fn keyword(&mut self, key: &str, value: &str, metadata: &mut Metadata) {
        match key {
            "title" => metadata.title = non_empty(&inline(value)),
            "author" => metadata.author = non_empty(value),
            "date" => metadata.date = date::parse(value.trim_matches(['<', '>', '[', ']', ' '])),
            "hugo_draft" => metadata.unfinished = value == "true",
            "subtitle" | "description" => self.omissions.add("in a summary", value),
            "caption" => self.omissions.add("in captions", value),
            "begin" => {
                let made = self.take_until("", "#+end:").unwrap_or_default();
                self.omissions.add("in a generated block", &made.join("\n"));
            }
            _ => {
                if let Some(sort) = key.strip_prefix("begin_")
                    && let Some(body) =
                        self.take_until(&format!("#+begin_{sort}"), &format!("#+end_{sort}"))
                {
                    self.block(sort, value, body);
                }
            }
        }
    }

    fn block(&mut self, sort: &str, argument: &str, body: &[&str]) {
        match sort {
            "quote" => {
                for line in self.inside(body).lines() {
                    self.put(format!("> {line}").trim_end());
                }
                // The text after the quote is not in it.
                self.put("");
            }
            "src" | "example" => {
                let language = if sort == "src" { argument.split(' ').next() } else { None };
                self.code(language.unwrap_or_default(), body);
            }
            "comment" => self.omissions.add(HIDDEN, &body.join("\n")),
            "export" | "html" | "latex" => {
                self.omissions.add("in a block for export", &body.join("\n"))
            }
            "verse" => {
                let verse: Vec<&str> = dedent(body);
                self.out.push('\n');
                let mut first = true;
                for line in verse {
                    // Only the first line of a stanza could be read as code.
                    let indent = line.len() - line.trim_start().len();
                    let indent = if first { indent.min(3) } else { indent };
                    self.put(&format!("{}{}", " ".repeat(indent), inline(line.trim())));
                    first = line.trim().is_empty();
                }
                self.out.push('\n');
            }
            _ => {
                let text = self.inside(body);
                self.put(&text);
            }
        }
    }

    /// The Markdown of a block's content.
    fn inside(&mut self, body: &[&str]) -> String {
        if self.depth >= MAX_DEPTH {
            return body.join("\n");
        }
        let lines = dedent(body);
        let mut reader = Reader {
            lines: &lines,
            at: 0,
            depth: self.depth + 1,
            endless: HashSet::new(),
            out: String::new(),
            omissions: self.omissions,
        };
        reader.read();
        squeezed(reader.out.trim_matches('\n'))
    }

    /// Writes lines that begin with a colon as code.
    fn fixed(&mut self) {
        let rest = &self.lines[self.at..];
        let is_fixed = |line: &&&str| line.trim() == ":" || line.trim().starts_with(": ");
        let body: Vec<&str> = rest
            .iter()
            .take_while(is_fixed)
            .map(|line| line.trim_start()[1..].trim_start_matches(' '))
            .collect();
        self.at += body.len();
        self.code("", &body);
    }

    fn code(&mut self, language: &str, body: &[&str]) {
        let body = body.join("\n");
        let fence = "`".repeat(super::html::longest_run(&body).max(2) + 1);
        self.put(&format!("{fence}{language}\n{body}\n{fence}"));
    }

    /// Reads a drawer: Org's own hold metadata, others text.
    fn drawer(&mut self, name: &str) {
        let Some(body) = self.take_until("", ":end:") else { return };
        match name {
            "PROPERTIES" => {}
            "LOGBOOK" => {
                let notes = body.iter().map(|line| line.trim());
                for note in
                    notes.filter(|line| !line.starts_with("CLOCK:") && !line.starts_with("- "))
                {
                    self.omissions.add("in a logbook", note);
                }
            }
            _ => {
                let text = self.inside(body);
                self.put(&text);
            }
        }
    }
}

/// The words of a heading, without its state, priority and tags.
fn title(line: &str) -> &str {
    const STATES: [&str; 7] = ["TODO", "DONE", "NEXT", "WAITING", "LATER", "NOW", "DOING"];
    let mut title = line.trim();
    for state in STATES {
        title = title.strip_prefix(state).filter(|rest| rest.starts_with(' ')).unwrap_or(title);
    }
    title = title.trim_start();
    if title.starts_with("[#") && title.get(3..4) == Some("]") {
        title = title[4..].trim_start();
    }
    // Tags at the end: ":walk:hill:".
    let tagged = title
        .rsplit_once(' ')
        .filter(|(_, tags)| tags.len() > 2 && tags.starts_with(':') && tags.ends_with(':'));
    tagged.map_or(title, |(title, _)| title).trim()
}

/// The number of stars at the start of a heading; 0 for other lines.
fn stars(line: &str) -> usize {
    let stars = line.bytes().take_while(|&b| b == b'*').count();
    if line[stars..].starts_with(' ') { stars } else { 0 }
}

/// The name of the drawer that a line opens.
fn drawer(line: &str) -> Option<&str> {
    let name = line.strip_prefix(':')?.strip_suffix(':')?;
    let named = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    (!name.is_empty() && name.chars().all(named) && name != "END").then_some(name)
}

fn is_item(line: &str) -> bool {
    let (head, _) = line.split_once(' ').unwrap_or((line, ""));
    matches!(head, "-" | "+")
        || head.strip_suffix(['.', ')']).is_some_and(|number| {
            !number.is_empty() && number.len() < 4 && number.bytes().all(|b| b.is_ascii_digit())
        })
}

/// Removes the label of a footnote at the start of a line; true if there is one.
fn footnote(line: &str) -> (bool, &str) {
    let label = line.strip_prefix("[fn:").and_then(|rest| rest.split_once(']'));
    match label.filter(|(label, _)| !label.is_empty() && !label.contains([':', ' '])) {
        Some((_, content)) if !content.trim().is_empty() => (true, content.trim_start()),
        _ => (false, line),
    }
}

/// Removes repeated blank lines, except in code.
fn squeezed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut fence, mut blank) = (false, false);
    for line in text.lines() {
        fence ^= line.starts_with("```");
        if fence || !(line.trim().is_empty() && blank) {
            out.push_str(line);
            out.push('\n');
        }
        blank = line.trim().is_empty();
    }
    out.trim_end().to_owned()
}

/// Returns true for an outline of points, as in Logseq's journals, as opposed to chapters with text.
pub(super) fn is_outline(text: &str) -> bool {
    let lines = || text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let point = |line: &str| line.trim_start_matches('*').starts_with(' ') && line.starts_with('*');
    // A property; not a fixed-width line or a block, which hold text.
    let fact =
        |line: &str| line.starts_with(':') && line[1..].contains(':') && !line.starts_with(": ");
    let drawer = |line: &str| {
        fact(line)
            || is_stamp(line)
            || keyword(line).is_some_and(|(key, _)| !key.starts_with("begin"))
    };
    lines().any(point) && lines().all(|line| point(line) || drawer(line.trim()))
}

/// The points of an outline, one line each, with a dash and the indent of their depth.
pub(super) fn outline(text: &str) -> (Metadata, String) {
    let mut metadata = Metadata::default();
    let mut out = String::with_capacity(text.len());
    for line in text.lines().map(str::trim_end) {
        if let Some((key, value)) = keyword(line)
            && key == "title"
        {
            metadata.title = non_empty(value);
        }
        let stars = line.bytes().take_while(|&b| b == b'*').count();
        if stars > 0 {
            let indent = "\t".repeat(stars - 1);
            out.push_str(&format!("{indent}- {}\n", inline(title(&line[stars..]))));
        }
    }
    (metadata, out)
}

/// Parses `#+KEY: value` and `#+begin_src c`.
fn keyword(line: &str) -> Option<(String, &str)> {
    let rest = line.strip_prefix("#+")?;
    let end = rest.find([':', ' ']).unwrap_or(rest.len());
    Some((rest[..end].to_lowercase(), rest[end..].trim_start_matches(':').trim()))
}

fn is_stamp(line: &str) -> bool {
    ["SCHEDULED:", "DEADLINE:", "CLOSED:", "CLOCK:"].iter().any(|mark| line.starts_with(mark))
}

fn prose(line: &str) -> String {
    if line.trim_start().starts_with('|') {
        return line.replace("-+-", "-|-");
    }
    inline(line.strip_suffix("\\\\").unwrap_or(line))
}

/// Converts links, footnotes and emphasis.
fn inline(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let spaced =
            out.is_empty() || out.ends_with(|c: char| c.is_whitespace() || "({'\"*_-—".contains(c));
        if let Some((link, content, end)) = link(rest) {
            match (content, link.contains("://") || link.starts_with("mailto:")) {
                (Some(content), true) => out.push_str(&format!("[{content}]({link})")),
                (Some(content), false) => out.push_str(content),
                (None, true) => out.push_str(&format!("<{link}>")),
                (None, false) if link.starts_with("file:") => {}
                (None, false) => out.push_str(link),
            }
            rest = &rest[end..];
        } else if let Some((content, end)) = note(rest) {
            // An inline note stays at its place.
            if !content.is_empty() {
                let gap = if out.ends_with(' ') { "" } else { " " };
                out.push_str(&format!("{gap}({})", inline(content)));
            }
            rest = &rest[end..];
        } else if let Some((sign, inner, end)) = spaced.then(|| emphasis(rest)).flatten() {
            out.push_str(&format!("{sign}{inner}{sign}"));
            rest = &rest[end..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Parses `[fn:1]`, which has no text, or `[fn:1: a note]`.
fn note(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("[fn:")?;
    let window = &inner[..inner.floor_char_boundary(2000)];
    // The text may contain brackets.
    let mut depth = 1;
    let end = window.char_indices().find_map(|(at, c)| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        (depth == 0).then_some(at)
    })?;
    let content = window[..end].split_once(':').map_or("", |(_, content)| content.trim());
    Some((content, "[fn:".len() + end + 1))
}

/// Parses `[[address][words]]` and `[[address]]`.
fn link(text: &str) -> Option<(&str, Option<&str>, usize)> {
    let inner = text.strip_prefix("[[")?;
    let window = &inner[..inner.floor_char_boundary(2000)];
    let end = window.find("]]")?;
    let (address, content) = match window[..end].split_once("][") {
        Some((address, content)) => (address, Some(content)),
        None => (&window[..end], None),
    };
    Some((address, content, end + 4))
}

fn emphasis(text: &str) -> Option<(&'static str, &str, usize)> {
    let sign = text.as_bytes().first()?;
    let instead = match sign {
        b'*' => "**",
        b'/' => "*",
        b'=' | b'~' => "`",
        b'+' => "~~",
        _ => return None,
    };
    let window = &text[1..1 + text[1..].floor_char_boundary(400)];
    let first = window.chars().next().filter(|c| !c.is_whitespace())?;
    let at = window[first.len_utf8()..].char_indices().find(|&(at, c)| {
        let at = at + first.len_utf8();
        c as u32 == u32::from(*sign)
            && !window[..at].ends_with(char::is_whitespace)
            && window[at + 1..]
                .chars()
                .next()
                .is_none_or(|next| !next.is_alphanumeric() && next != '/')
    })?;
    let end = at.0 + first.len_utf8();
    Some((instead, &window[..end], end + 2))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::words;

    fn check(org: &str, expected: &str) {
        assert_eq!(read(org, &mut Omissions::default()).1, expected, "{org}");
    }

    #[test]
    fn metadata_and_boilerplate_are_removed() {
        let (metadata, text) = read(
            "#+TITLE: A walk\n#+DATE: <2024-03-05 Tue>\n#+OPTIONS: toc:nil\n\n* DONE Up :hill:\nSCHEDULED: <2024-03-05>\n:PROPERTIES:\n:ID: 1\n:END:\n# a remark\nCold.\n",
            &mut Omissions::default(),
        );
        assert_eq!((metadata.title.as_deref(), text.as_str()), (Some("A walk"), "# Up\n\nCold."));
        assert_eq!(metadata.date.unwrap().to_string(), "2024-03-05");
    }

    #[test]
    fn emphasis_and_links() {
        check("I /went/ *up* =cd ..= and/or 1/2", "I *went* **up** `cd ..` and/or 1/2");
        check(
            "[[https://a.b][there]] [[https://a.b]] [[file:x.png]]",
            "[there](https://a.b) <https://a.b>",
        );
        check("see https://a.b/c/d", "see https://a.b/c/d");
        check("Up.[fn:1] Down.[fn:: or /so/] End\\\\", "Up. Down. (or *so*) End");
        check("[fn:1] The note.\n\n* TODO [#A] Up", "The note.\n\n# Up");
        check("* TODOS and more", "# TODOS and more");
    }

    #[test]
    fn blocks() {
        check(
            "#+begin_src c\n* a /b/\n#+end_src\n#+BEGIN_QUOTE\nTheirs.\n#+END_QUOTE",
            "```c\n* a /b/\n```\n> Theirs.",
        );
        check("One.\n: fixed\n:\n: two\nTwo.", "One.\n```\nfixed\n\ntwo\n```\nTwo.");
        check(
            "#+begin_verse\n  The kettle,\n     the /harbour/\n#+end_verse",
            "The kettle,\n   the *harbour*",
        );
        check("#+begin_center\n  Mine.\n#+end_center\n:NOTES:\nToo.\n:END:", "Mine.\nToo.");
    }

    #[test]
    fn an_indent_is_not_code_and_lists_keep_theirs() {
        check("* Up\n\n      Mine, far in.\n", "# Up\n\nMine, far in.");
        check("- one\n  - two\n    more\n\n    Mine.", "- one\n  - two\n    more\n\n    Mine.");
        check("- walk :: a way", "- walk: a way");
    }

    #[test]
    fn nested_blocks_end_at_their_own_end() {
        check(
            "#+begin_quote\n  Theirs.\n\n  #+begin_quote\n    Too.\n  #+end_quote\n  #+begin_example\n  x\n  #+end_example\n#+end_quote\nMine.",
            "> Theirs.\n>\n> > Too.\n>\n> ```\n> x\n> ```\n\nMine.",
        );
    }

    #[test]
    fn an_outline_has_only_points() {
        assert!(is_outline("* One\n:PROPERTIES:\n:ID: 1\n:END:\n** Two :tag:\n"));
        assert_eq!(outline("* One\n** TODO [#A] Two :tag:\n").1, "- One\n\t- Two\n");
        for text in
            ["* One\n: fixed\n", "* One\n#+begin_quote\n* x\n#+end_quote\n", "* One\nText.\n", ""]
        {
            assert!(!is_outline(text), "{text}");
        }
    }

    #[test]
    fn unclosed_blocks_hide_nothing() {
        check("#+begin_quote\nMine.", "Mine.");
        check(":NOTES:\nMine.", "Mine.");
        check("#+BEGIN: clock\nMine.", "Mine.");
    }

    #[test]
    fn text_that_org_hides_is_counted() {
        let org = "#+DESCRIPTION: Up and down.\n# not this\n#+begin_comment\nnor that\n#+end_comment\n\
            * COMMENT Hidden\nnot shown\n** nor below\n* Up\nMine.\n#+begin_export html\n<b>x</b>\n#+end_export\n\
            :LOGBOOK:\n- Note taken\n  that it rained\nCLOCK: [2024-03-05]\n:END:\n";
        let mut omissions = Omissions::default();
        let text = read(org, &mut omissions).1;
        assert_eq!(text, "# Up\n\nMine.");
        assert_eq!(
            omissions.sentence().unwrap(),
            "Left out 18 words: 5 in a section that is commented out, 4 in hidden comments, 3 in a block for export, 3 in a logbook, 3 in a summary."
        );
        assert_eq!(words::count(&text), 2);
    }

    #[test]
    fn wrapped_lines_are_joined_and_verse_is_not() {
        let wrapped = "It was a long winter, and the post came twice a week at the\n\
            most, if the road was open and the man who drove the van was\n\
            sober enough to drive it up the hill as far as our own gate.";
        let verse = "#+begin_verse\nThe kettle was as cold as iron,\nand nobody told.\n#+end_verse";
        let text = read(&format!("{wrapped}\n\n{verse}\n\n{wrapped}"), &mut Omissions::default()).1;
        assert!(text.contains("at the most, if") && text.contains("iron,\nand"), "{text}");
    }
}
