//! Org, the outliner's text: its headings, lists, quotes, code and links as Markdown.

use std::collections::HashSet;

use super::date;
use super::markdown;
use super::metadata::Metadata;
use super::omissions::Omissions;
use super::text::non_empty;

/// The facts at the head of a text, and the text as Markdown; the words of what Org itself does not show
/// are counted.
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

/// A text on its way to Markdown.
struct Reader<'a> {
    lines: &'a [&'a str],
    at: usize,
    /// Blocks in blocks.
    depth: usize,
    /// What is ended by no line below, so that no end is looked for again.
    endless: HashSet<String>,
    out: String,
    omissions: &'a mut Omissions,
}

const HIDDEN: &str = "in hidden comments";
/// Blocks in blocks that are read as such.
const MAX_DEPTH: usize = 8;

impl<'a> Reader<'a> {
    fn read(&mut self) -> Metadata {
        let mut metadata = Metadata::default();
        // In a list, an indent says what belongs to what.
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
                let (label, said) = footnote(line);
                if label {
                    self.out.push('\n');
                }
                let said = if item { said.replacen(" :: ", ": ", 1) } else { said.to_owned() };
                self.put(&prose(&said));
            }
        }
        metadata
    }

    fn put(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// The lines up to `end`, which is passed, others of its kind in them; nothing where there is no such
    /// line.
    fn until(&mut self, begin: &str, end: &str) -> Option<&'a [&'a str]> {
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

    /// A heading, or a whole section that its writer has commented out.
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
                let made = self.until("", "#+end:").unwrap_or_default();
                self.omissions.add("in a block that is generated", &made.join("\n"));
            }
            _ => {
                if let Some(sort) = key.strip_prefix("begin_")
                    && let Some(body) =
                        self.until(&format!("#+begin_{sort}"), &format!("#+end_{sort}"))
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
                // What follows is not in it.
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
                    // Only the first line of a stanza can be taken for code.
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

    /// The Markdown of what stands in a block.
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

    /// Lines that begin with a colon and are shown as they stand.
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

    /// A drawer: Org's own are facts, others hold text.
    fn drawer(&mut self, name: &str) {
        let Some(body) = self.until("", ":end:") else { return };
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

/// How many stars a heading begins with; 0 of any other line.
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

/// Whether a line begins with the label of a footnote, and what follows it.
fn footnote(line: &str) -> (bool, &str) {
    let label = line.strip_prefix("[fn:").and_then(|rest| rest.split_once(']'));
    match label.filter(|(label, _)| !label.is_empty() && !label.contains([':', ' '])) {
        Some((_, said)) if !said.trim().is_empty() => (true, said.trim_start()),
        _ => (false, line),
    }
}

/// The lines without the indent that all of them have.
fn dedent<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let white = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let said = lines.iter().filter(|line| !line.trim().is_empty());
    let least = said.map(|line| white(line)).min().unwrap_or(0);
    lines.iter().map(|line| line.get(least.min(white(line))..).unwrap_or_default()).collect()
}

/// No two blank lines together, but in code.
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

/// Whether a text is an outline of points, as Logseq writes its journals, rather than chapters with
/// text below them.
pub(super) fn is_outline(text: &str) -> bool {
    let lines = || text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let point = |line: &str| line.trim_start_matches('*').starts_with(' ') && line.starts_with('*');
    // A fact; neither a line that is shown as it stands nor a block, which hold text.
    let fact =
        |line: &str| line.starts_with(':') && line[1..].contains(':') && !line.starts_with(": ");
    let drawer = |line: &str| {
        fact(line)
            || is_stamp(line)
            || keyword(line).is_some_and(|(key, _)| !key.starts_with("begin"))
    };
    lines().any(point) && lines().all(|line| point(line) || drawer(line.trim()))
}

/// The points of an outline, each on a line of its own that begins with a dash, by depth.
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

/// `#+KEY: value` and `#+begin_src c`.
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

/// Links, footnotes and the signs of emphasis.
fn inline(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let spaced =
            out.is_empty() || out.ends_with(|c: char| c.is_whitespace() || "({'\"*_-—".contains(c));
        if let Some((link, said, end)) = link(rest) {
            match (said, link.contains("://") || link.starts_with("mailto:")) {
                (Some(said), true) => out.push_str(&format!("[{said}]({link})")),
                (Some(said), false) => out.push_str(said),
                (None, true) => out.push_str(&format!("<{link}>")),
                (None, false) if link.starts_with("file:") => {}
                (None, false) => out.push_str(link),
            }
            rest = &rest[end..];
        } else if let Some((said, end)) = note(rest) {
            // What is said in the note stays where it stands.
            if !said.is_empty() {
                let gap = if out.ends_with(' ') { "" } else { " " };
                out.push_str(&format!("{gap}({})", inline(said)));
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

/// `[fn:1]`, which says nothing, or `[fn:1: a note]`.
fn note(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("[fn:")?;
    let window = &inner[..inner.floor_char_boundary(2000)];
    // Other brackets may stand in it.
    let mut depth = 1;
    let end = window.char_indices().find_map(|(at, c)| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        (depth == 0).then_some(at)
    })?;
    let said = window[..end].split_once(':').map_or("", |(_, said)| said.trim());
    Some((said, "[fn:".len() + end + 1))
}

/// `[[address][words]]`, `[[address]]`.
fn link(text: &str) -> Option<(&str, Option<&str>, usize)> {
    let inner = text.strip_prefix("[[")?;
    let window = &inner[..inner.floor_char_boundary(2000)];
    let end = window.find("]]")?;
    let (address, said) = match window[..end].split_once("][") {
        Some((address, said)) => (address, Some(said)),
        None => (&window[..end], None),
    };
    Some((address, said, end + 4))
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

    fn says(org: &str, expected: &str) {
        assert_eq!(read(org, &mut Omissions::default()).1, expected, "{org}");
    }

    #[test]
    fn facts_and_furniture_leave_the_text() {
        let (metadata, text) = read(
            "#+TITLE: A walk\n#+DATE: <2024-03-05 Tue>\n#+OPTIONS: toc:nil\n\n* DONE Up :hill:\nSCHEDULED: <2024-03-05>\n:PROPERTIES:\n:ID: 1\n:END:\n# a remark\nCold.\n",
            &mut Omissions::default(),
        );
        assert_eq!((metadata.title.as_deref(), text.as_str()), (Some("A walk"), "# Up\n\nCold."));
        assert_eq!(metadata.date.unwrap().to_string(), "2024-03-05");
    }

    #[test]
    fn signs_and_links() {
        says("I /went/ *up* =cd ..= and/or 1/2", "I *went* **up** `cd ..` and/or 1/2");
        says(
            "[[https://a.b][there]] [[https://a.b]] [[file:x.png]]",
            "[there](https://a.b) <https://a.b>",
        );
        says("see https://a.b/c/d", "see https://a.b/c/d");
        says("Up.[fn:1] Down.[fn:: or /so/] End\\\\", "Up. Down. (or *so*) End");
        says("[fn:1] The note.\n\n* TODO [#A] Up", "The note.\n\n# Up");
        says("* TODOS and more", "# TODOS and more");
    }

    #[test]
    fn blocks() {
        says(
            "#+begin_src c\n* a /b/\n#+end_src\n#+BEGIN_QUOTE\nTheirs.\n#+END_QUOTE",
            "```c\n* a /b/\n```\n> Theirs.",
        );
        says("One.\n: fixed\n:\n: two\nTwo.", "One.\n```\nfixed\n\ntwo\n```\nTwo.");
        says(
            "#+begin_verse\n  The kettle,\n     the /harbour/\n#+end_verse",
            "The kettle,\n   the *harbour*",
        );
        says("#+begin_center\n  Mine.\n#+end_center\n:NOTES:\nToo.\n:END:", "Mine.\nToo.");
    }

    #[test]
    fn an_indent_is_no_code_and_a_list_keeps_its_own() {
        says("* Up\n\n      Mine, far in.\n", "# Up\n\nMine, far in.");
        says("- one\n  - two\n    more\n\n    Mine.", "- one\n  - two\n    more\n\n    Mine.");
        says("- walk :: a way", "- walk: a way");
    }

    #[test]
    fn blocks_in_blocks_end_where_they_end() {
        says(
            "#+begin_quote\n  Theirs.\n\n  #+begin_quote\n    Too.\n  #+end_quote\n  #+begin_example\n  x\n  #+end_example\n#+end_quote\nMine.",
            "> Theirs.\n>\n> > Too.\n>\n> ```\n> x\n> ```\n\nMine.",
        );
    }

    #[test]
    fn an_outline_is_of_points_alone() {
        assert!(is_outline("* One\n:PROPERTIES:\n:ID: 1\n:END:\n** Two :tag:\n"));
        assert_eq!(outline("* One\n** TODO [#A] Two :tag:\n").1, "- One\n\t- Two\n");
        for text in
            ["* One\n: fixed\n", "* One\n#+begin_quote\n* x\n#+end_quote\n", "* One\nText.\n", ""]
        {
            assert!(!is_outline(text), "{text}");
        }
    }

    #[test]
    fn what_is_never_closed_swallows_nothing() {
        says("#+begin_quote\nMine.", "Mine.");
        says(":NOTES:\nMine.", "Mine.");
        says("#+BEGIN: clock\nMine.", "Mine.");
    }

    #[test]
    fn what_org_does_not_show_is_counted() {
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
