//! MDX: Markdown with JSX. The code is removed; the Markdown between its tags stays.

use super::edits::MAX_TAG_BYTES;
use super::templates::quoted_words;
use crate::archive::omissions::Omissions;

const IN_CODE: &str = "in the code of the page";

/// The text without imports, exports, comments and component tags.
pub(in crate::archive) fn without_jsx(text: &str, omissions: &mut Omissions) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // True in a list, where indents have a meaning.
    let mut listed = false;
    // No comment ends below, so the end is not searched again.
    let mut endless = false;
    while !rest.is_empty() {
        if out.is_empty() || out.ends_with('\n') {
            let line = rest.lines().next().unwrap_or_default();
            let bare = line.trim_start();
            if is_code(line) {
                let end = rest.find("\n\n").unwrap_or(rest.len());
                omissions.add_words(IN_CODE, quoted_words(&rest[..end]));
                rest = &rest[end..];
                continue;
            }
            if let Some(end) = fenced(rest) {
                out.push_str(&rest[..end]);
                rest = &rest[end..];
                continue;
            }
            let item = bare.starts_with(['-', '*', '+', '>'])
                || bare.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['.', ')']);
            listed = item || (listed && (line.is_empty() || line.len() > bare.len()));
            if !listed {
                // MDX has no indented code.
                rest = &rest[line.len() - bare.len()..];
            }
        }
        let Some(at) = rest.find(['`', '{', '<', '\n']) else {
            out.push_str(rest);
            break;
        };
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (kept, end) = match rest.as_bytes()[0] {
            b'`' => span(rest),
            b'{' => braces(rest, &mut endless, omissions),
            b'<' => tag(rest, omissions),
            _ => ("\n", 1),
        };
        out.push_str(kept);
        rest = &rest[end..];
    }
    out
}

/// Returns true for `import X from "x"` and `export const x = 1`, which begin a paragraph of code.
fn is_code(line: &str) -> bool {
    (line.starts_with("import ") && (line.contains(" from ") || line.contains(['"', '\''])))
        || (line.starts_with("export ") && line.contains(['=', '{', '(']))
}

/// The end of the code fence at the start of `text`.
fn fenced(text: &str) -> Option<usize> {
    let bare = text.trim_start_matches([' ', '\t']);
    let mark = ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark))?;
    let mut end = text.find('\n').map_or(text.len(), |at| at + 1);
    for line in text[end..].split_inclusive('\n') {
        end += line.len();
        if line.trim_start().starts_with(mark) {
            break;
        }
    }
    Some(end)
}

/// Inline code up to its end, or its first backticks if it has none.
fn span(text: &str) -> (&str, usize) {
    let sign = &text[..text.len() - text.trim_start_matches('`').len()];
    let window = &text[sign.len()..text.floor_char_boundary(sign.len() + MAX_TAG_BYTES)];
    let window = window.split("\n\n").next().unwrap_or_default();
    let end = window.find(sign).map_or(sign.len(), |at| at + 2 * sign.len());
    (&text[..end], end)
}

/// A comment, or white space written as code; other braces stay.
fn braces<'a>(text: &'a str, endless: &mut bool, omissions: &mut Omissions) -> (&'a str, usize) {
    if text.starts_with("{/*") && !*endless {
        match text.find("*/}") {
            Some(end) => {
                omissions.add("in hidden comments", &text[..end]);
                return ("", end + 3);
            }
            None => *endless = true,
        }
    }
    match ["{' '}", "{\" \"}"].into_iter().find(|blank| text.starts_with(blank)) {
        Some(blank) => (" ", blank.len()),
        None => ("{", 1),
    }
}

/// The tag of a component; HTML tags stay for the HTML reader.
fn tag<'a>(text: &'a str, omissions: &mut Omissions) -> (&'a str, usize) {
    let name = text[1..].trim_start_matches('/');
    if !name.starts_with(|c: char| c.is_uppercase() || c == '>') {
        return ("<", 1);
    }
    const MAX_TAG_CHARS: usize = 1000;
    let (mut depth, mut quoted) = (0usize, None);
    for (at, c) in text.char_indices().take(MAX_TAG_CHARS) {
        match (quoted, c) {
            (None, '<') if at > 0 && depth == 0 => break,
            (Some(mark), _) => quoted = Some(mark).filter(|&mark| mark != c),
            (None, '"' | '\'') if depth == 0 => quoted = Some(c),
            (None, '{') => depth += 1,
            (None, '}') => depth = depth.saturating_sub(1),
            (None, '>') if depth == 0 => {
                omissions.add_words(IN_CODE, quoted_words(&text[..at]));
                return ("", at + 1);
            }
            _ => {}
        }
    }
    ("<", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &str, lost: usize, expected: &str) {
        let mut omissions = Omissions::default();
        assert_eq!(without_jsx(text, &mut omissions).trim(), expected, "{text}");
        assert_eq!(omissions.words(), lost, "{text}");
    }

    #[test]
    fn jsx_is_removed_and_text_between_tags_stays() {
        reads("import X from './x'\nexport const a = 1\n\nUp.", 0, "Up.");
        reads("export const meta = {\n  about: \"A walk up\",\n}\n\nUp.", 3, "Up.");
        reads("<Box kind=\"info\">\n  *Mine*, in a box.\n</Box>", 0, "*Mine*, in a box.");
        reads("<Box>\n\n    Mine.\n\n</Box>", 0, "Mine.");
        reads("<Chart\n  data={[1, 2].map((x) => x > 1)}\n/>\n\nUp.", 0, "Up.");
        reads("<Note title=\"Mind the step\" />Up.", 3, "Up.");
        reads("<>Up{' '}and down.</>", 0, "Up and down.");
        reads("{/* not\n\nthis */}\nUp.", 2, "Up.");
        reads("Two is {1 + 1} and <b>bold</b>.", 0, "Two is {1 + 1} and <b>bold</b>.");
        reads("- one\n    - two", 0, "- one\n    - two");
    }

    #[test]
    fn code_in_a_text_stays() {
        for text in
            ["```\nimport X from 'x'\n<Box>\n{/* a */}\n```", "Say `<Box>` and `{/* a */}`."]
        {
            reads(text, 0, text);
        }
        for odd in ["<", "<A", "{/*", "`", "{", "<A b={", "import x from", "```"] {
            without_jsx(odd, &mut Omissions::default());
        }
    }
}
