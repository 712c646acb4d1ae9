//! Opens the containers of Markdown dialects: admonitions, fenced divs, definitions, line blocks.
//!
//! CommonMark would read most of their content as indented code. The marks are removed; the words,
//! including titles, stay as paragraphs.

use crate::archive::text::dedent;

/// Nested containers.
const MAX_DEPTH: usize = 12;

/// The text without the marks of its containers.
pub(super) fn opened(text: &str) -> String {
    const MARKS: [&str; 6] = ["!!!", "???", "=== ", ":::", "\n:", "| "];
    if !MARKS.iter().any(|mark| text.contains(mark)) {
        return text.to_owned();
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut out = Vec::with_capacity(lines.len());
    open(&lines, 0, &mut out);
    out.join("\n")
}

fn open(lines: &[&str], depth: usize, out: &mut Vec<String>) {
    let mut fence: Option<&str> = None;
    // The open divs; true for a quotation.
    let mut divs: Vec<bool> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        let quote = if divs.contains(&true) { "> " } else { "" };
        let begun = !out.is_empty();
        let mut put = |line: &str| out.push(format!("{quote}{line}"));
        let bare = line.trim_start();
        if let Some(open) = fence {
            let closes =
                bare.starts_with(open) && bare.trim_end().trim_matches(['`', '~']).is_empty();
            fence = fence.filter(|_| !closes);
            put(line);
            continue;
        }
        if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark)) {
            fence = Some(&bare[..bare.len() - bare.trim_start_matches(&mark[..1]).len()]);
            put(line);
            continue;
        }
        let indent = line.len() - bare.len();
        let body = indented(&lines[at..], indent + if bare.starts_with(':') { 2 } else { 4 });
        if let Some(title) = admonition(bare).filter(|_| body > 0 && depth < MAX_DEPTH) {
            ["", title, ""].into_iter().for_each(&mut put);
            open(&dedent(&lines[at..at + body]), depth + 1, out);
            out.push(String::new());
            at += body;
        } else if let Some(div) = div(bare) {
            match div {
                None => {
                    divs.pop();
                    out.push(String::new());
                }
                Some((name, title)) => {
                    ["", title, ""].into_iter().for_each(&mut put);
                    divs.push(matches!(name, "quote" | "blockquote" | "epigraph"));
                }
            }
        } else if let Some(content) = definition(bare).filter(|_| indent < 4 && depth < MAX_DEPTH)
            && begun
        {
            let mut inner = vec![content];
            inner.extend(dedent(&lines[at..at + body]));
            out.push(String::new());
            open(&inner, depth + 1, out);
            at += body;
        } else if let Some(verse) = verse(&lines[at - 1..]) {
            for line in &lines[at - 1..at - 1 + verse] {
                let line = line.trim_start().trim_start_matches('|');
                put(line.strip_prefix(' ').unwrap_or(line).trim_end());
            }
            at += verse - 1;
        } else {
            put(line);
        }
    }
}

/// The number of lines that are indented by at least `least` or blank, up to the last one with text.
fn indented(lines: &[&str], least: usize) -> usize {
    let mut count = 0;
    for (at, line) in lines.iter().enumerate() {
        let indent: usize = line
            .chars()
            .take_while(|c| c.is_whitespace())
            .map(|c| if c == '\t' { 4 } else { 1 })
            .sum();
        match line.trim().is_empty() {
            true => {}
            false if indent >= least => count = at + 1,
            false => break,
        }
    }
    count
}

/// The title of `!!! note "Title"`, `??? tip` or `=== "Tab"`; the indented lines below belong to it.
fn admonition(line: &str) -> Option<&str> {
    let mark = ["!!!", "???+", "???", "==="].into_iter().find(|mark| line.starts_with(mark))?;
    let rest = line[mark.len()..].strip_prefix([' ', '+'])?.trim();
    let title = rest.split_once('"').map_or("", |(_, rest)| rest.trim_end_matches('"'));
    let named = rest.starts_with(|c: char| c.is_ascii_lowercase());
    (named && mark != "===" || rest.starts_with('"')).then_some(title)
}

/// A line that opens a div, with its name and title, or closes one.
fn div(line: &str) -> Option<Option<(&str, &str)>> {
    let rest = line.trim_end().strip_prefix(":::")?.trim_start_matches(':').trim();
    if rest.is_empty() {
        return Some(None);
    }
    let rest = rest.trim_end_matches(':').trim_end();
    if let Some(inner) = rest.strip_prefix('{') {
        let (names, title) = inner.split_once('}').unwrap_or((inner, ""));
        let name = names.split_whitespace().find_map(|name| name.strip_prefix('.'));
        return Some(Some((name.unwrap_or_default(), title.trim())));
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.')));
    let (name, title) = rest.split_at(end.unwrap_or(rest.len()));
    let title = title.split('{').next().unwrap_or_default().trim();
    (!name.is_empty()).then(|| Some((name, title.trim_matches(['[', ']']))))
}

/// The text of `: A definition of the term above.`
fn definition(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(':')?;
    let content = rest.trim_start();
    (content.len() < rest.len() && !content.is_empty()).then_some(content)
}

/// The number of lines of a line block, each of which begins with a bar and has no other: verse, not a
/// table.
fn verse(lines: &[&str]) -> Option<usize> {
    let barred = |line: &&&str| {
        line.strip_prefix('|')
            .is_some_and(|rest| (rest.is_empty() || rest.starts_with(' ')) && !rest.contains('|'))
    };
    let count = lines.iter().take_while(barred).count();
    let ruled = lines.get(count).is_some_and(|line| line.starts_with('|'));
    (count > 1 && !ruled).then_some(count)
}

#[cfg(test)]
mod tests {
    use crate::archive::markdown::{clean, non_prose_spans};
    use crate::archive::omissions::Omissions;
    use crate::words;

    /// Checks the result, which has as many words as the source, all of them the writer's.
    fn reads(text: &str, lost: usize, expected: &str) {
        let mut omissions = Omissions::default();
        let found = clean(text, &mut omissions);
        assert_eq!(found.trim(), expected, "{text}");
        assert_eq!(omissions.words(), 0, "{text}");
        assert_eq!(words::count(&found) + lost, words::count(text), "{text}");
        assert!(non_prose_spans(&found).is_empty(), "{found}");
    }

    #[test]
    fn indented_text_of_an_admonition_is_prose() {
        reads(
            "One.\n\n!!! note\n    Mine.\n\n    Too.\n\nTwo.",
            1,
            "One.\n\nMine.\n\nToo.\n\nTwo.",
        );
        reads("!!! note \"Mind this\"\n    Mine.", 1, "Mind this\n\nMine.");
        reads("??? tip\n    Mine.\n\n???+ tip \"So\"\n\tMine.", 2, "Mine.\n\nSo\n\nMine.");
        reads("=== \"Tab\"\n    One.\n=== \"Other\"\n    Two.", 0, "Tab\n\nOne.\n\nOther\n\nTwo.");
        reads("!!! note\n    !!! tip\n        Mine.\n    Too.", 2, "Mine.\n\nToo.");
        reads("!!! what a day.\n\nIt rained.", 0, "!!! what a day.\n\nIt rained.");
    }

    #[test]
    fn fenced_divs_keep_their_words() {
        reads("::: {.note}\nMine.\n:::\n\nTwo.", 1, "Mine.\n\nTwo.");
        reads(":::tip[Mind this]\nMine.\n:::", 1, "Mind this\n\nMine.");
        reads("::: warning Mind this\nMine.\n:::", 1, "Mind this\n\nMine.");
        reads(":::: a\n::: b\nMine.\n:::\nTwo.\n::::", 2, "Mine.\n\nTwo.");
    }

    #[test]
    fn a_quotation_div_is_a_quote() {
        let text = clean("::: quote\nTheirs.\n:::\nMine.", &mut Omissions::default());
        assert_eq!(text, "> Theirs.\n\nMine.");
    }

    #[test]
    fn definitions_and_line_blocks() {
        reads(
            "Term\n:   Its definition.\n\n    More of it.",
            0,
            "Term\n\nIts definition.\n\nMore of it.",
        );
        reads("| The kettle cold,\n|   the harbour old", 0, "The kettle cold,\n  the harbour old");
        let table = "| a | b |\n| --- | --- |\n| c | d |";
        reads(table, 0, table);
    }

    #[test]
    fn marks_in_code_are_kept() {
        let code = "```\n!!! note\n    x\n::: y\n: z\n```";
        assert_eq!(clean(code, &mut Omissions::default()), code);
    }
}
