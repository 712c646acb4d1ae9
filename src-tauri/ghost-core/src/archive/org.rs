//! Org, the outliner's text: its headings, lists, quotes, code and links as Markdown.

use super::date;
use super::entry::said;
use super::front::Facts;

/// The facts at the head of a text, and the text as Markdown.
pub(super) fn read(text: &str) -> (Facts, String) {
    let mut facts = Facts::default();
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let bare = line.trim();
        if let Some((key, value)) = keyword(bare) {
            match key.as_str() {
                "title" => facts.title = said(value),
                "author" => facts.author = said(value),
                "date" => facts.date = date::spelled(value.trim_matches(['<', '>', '[', ']', ' '])),
                "hugo_draft" => facts.unfinished = value == "true",
                _ => {
                    if let Some(sort) = key.strip_prefix("begin_") {
                        block(sort, value, &mut lines, &mut out);
                    }
                }
            }
        } else if bare == ":PROPERTIES:" || bare == ":LOGBOOK:" {
            // A drawer that is never closed takes nothing with it.
            let closed = lines.clone().take(200).position(|line| line.trim() == ":END:");
            if let Some(at) = closed {
                lines.nth(at);
            }
        } else if !(is_stamp(bare) || bare.starts_with("# ") || bare == "#") {
            out.push_str(&prose(line));
            out.push('\n');
        }
    }
    (facts, squeezed(out.trim()))
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
    let drawer = |line: &str| line.starts_with(':') || is_stamp(line) || line.starts_with("#+");
    lines().any(point) && lines().all(|line| point(line) || drawer(line.trim()))
}

/// The points of an outline, each on a line of its own that begins with a dash, by depth.
pub(super) fn outline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines().map(str::trim_end) {
        let stars = line.bytes().take_while(|&b| b == b'*').count();
        if stars > 0 {
            let indent = "\t".repeat(stars - 1);
            out.push_str(&format!("{indent}- {}\n", inline(line[stars..].trim())));
        }
    }
    out
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

fn block(sort: &str, argument: &str, lines: &mut std::str::Lines, out: &mut String) {
    let end = format!("#+end_{sort}");
    let body: Vec<&str> =
        lines.by_ref().take_while(|line| !line.trim().eq_ignore_ascii_case(&end)).collect();
    match sort {
        "quote" => {
            for line in body {
                out.push_str(&format!("> {}\n", prose(line.trim())));
            }
        }
        "src" | "example" => {
            let language =
                if sort == "src" { argument.split(' ').next().unwrap_or_default() } else { "" };
            out.push_str(&format!("```{language}\n{}\n```\n", body.join("\n")));
        }
        "comment" | "export" => {}
        _ => body.iter().for_each(|line| out.push_str(&format!("{}\n", prose(line)))),
    }
}

fn prose(line: &str) -> String {
    let stars = line.bytes().take_while(|&b| b == b'*').count();
    if stars > 0 && line[stars..].starts_with(' ') {
        let mut title = line[stars..].trim();
        for state in ["TODO ", "DONE ", "NEXT ", "WAITING ", "LATER ", "NOW ", "DOING "] {
            title = title.strip_prefix(state).unwrap_or(title);
        }
        // Tags at the end: ":walk:hill:".
        let tagged = title
            .rsplit_once(' ')
            .filter(|(_, tags)| tags.len() > 2 && tags.starts_with(':') && tags.ends_with(':'));
        let title = tagged.map_or(title, |(title, _)| title).trim();
        return format!("\n{} {}\n", "#".repeat(stars.min(6)), inline(title));
    }
    if line.trim_start().starts_with('|') {
        return line.replace("-+-", "-|-");
    }
    inline(line)
}

/// Links and the signs of emphasis.
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

    fn says(org: &str, expected: &str) {
        assert_eq!(read(org).1, expected, "{org}");
    }

    #[test]
    fn facts_and_furniture_leave_the_text() {
        let (facts, text) = read(
            "#+TITLE: A walk\n#+DATE: <2024-03-05 Tue>\n#+OPTIONS: toc:nil\n\n* DONE Up :hill:\nSCHEDULED: <2024-03-05>\n:PROPERTIES:\n:ID: 1\n:END:\n# a remark\nCold.\n",
        );
        assert_eq!((facts.title.as_deref(), text.as_str()), (Some("A walk"), "# Up\n\nCold."));
        assert_eq!(facts.date.unwrap().to_string(), "2024-03-05");
    }

    #[test]
    fn signs_and_links() {
        says("I /went/ *up* =cd ..= and/or 1/2", "I *went* **up** `cd ..` and/or 1/2");
        says(
            "[[https://a.b][there]] [[https://a.b]] [[file:x.png]]",
            "[there](https://a.b) <https://a.b>",
        );
        says("see https://a.b/c/d", "see https://a.b/c/d");
    }

    #[test]
    fn blocks() {
        says(
            "#+begin_src c\n* a /b/\n#+end_src\n#+BEGIN_QUOTE\nTheirs.\n#+END_QUOTE",
            "```c\n* a /b/\n```\n> Theirs.",
        );
    }
}
