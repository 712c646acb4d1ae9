//! Plain text: paragraphs by blank lines, hard-wrapped lines joined.

use super::wrap::Wrap;

/// The text with each hard-wrapped paragraph on one line.
pub(super) fn joined(text: &str) -> String {
    let text = text.replace('\u{c}', "\n\n");
    let lines: Vec<&str> = text.split('\n').map(str::trim_end).collect();
    let pairs: Vec<(usize, usize)> = lines
        .windows(2)
        .filter(|pair| flows(pair[0], pair[1]))
        .map(|pair| (pair[0].chars().count(), first_word(pair[1])))
        .collect();
    let wrap = Wrap::of(&pairs);
    let mut out = String::with_capacity(text.len());
    for (at, line) in lines.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| lines[before]);
        match before {
            Some(before) if flows(before, line) && wrap.joins(before.chars().count()) => {
                out.push(' ');
                out.push_str(line.trim_start());
            }
            Some(_) => {
                out.push('\n');
                out.push_str(line);
            }
            None => out.push_str(line),
        }
    }
    out
}

/// A short first line by itself, without the end of a sentence: a title. The rest follows.
pub(super) fn title(text: &str) -> Option<(String, &str)> {
    let (first, rest) = text.trim_start_matches('\n').split_once("\n\n")?;
    let plain = first.trim();
    let titled = !plain.is_empty()
        && !plain.contains('\n')
        && plain.chars().count() <= 70
        && !plain.ends_with(['.', ',', ';', ':', '!', '?', '-', '”', '"'])
        && !plain.starts_with(['-', '*', '#', '>', '|', '['])
        && plain.chars().any(char::is_alphabetic)
        && !rest.trim().is_empty();
    titled.then(|| (plain.to_owned(), rest))
}

/// Both are lines of prose, one after the other.
fn flows(before: &str, line: &str) -> bool {
    let item = line.split_once(' ').is_some_and(|(head, _)| {
        matches!(head, "-" | "*" | "+" | "•")
            || (head.ends_with(['.', ')'])
                && head.len() < 5
                && head[..head.len() - 1].bytes().all(|b| b.is_ascii_digit()))
    });
    let apart = |line: &str| {
        line.trim().is_empty()
            || line.starts_with(['>', '#', '|', '\t'])
            || line.starts_with("    ")
    };
    !item && !apart(before) && !apart(line)
}

fn first_word(line: &str) -> usize {
    line.split_whitespace().next().map_or(0, |word| word.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_broken_at_a_column_are_joined() {
        let wrapped = "It was a long winter, and the post came twice a week at the\n\
            most, if the road was open and the man who drove the van was\n\
            sober enough to drive it up the hill as far as our own gate.\n\nWe waited for it.";
        assert_eq!(joined(wrapped).lines().filter(|line| !line.is_empty()).count(), 2);
        assert!(joined(wrapped).contains("at the most"));
    }

    #[test]
    fn lines_broken_by_the_writer_are_not() {
        for text in [
            "A short line\nand another\nand a third one here",
            "- one\n- two\n- three",
            "> said\n> he",
        ] {
            assert_eq!(joined(text), text);
        }
    }

    #[test]
    fn a_first_line_by_itself_is_a_title() {
        assert_eq!(
            title("A winter walk\n\nIt was cold.").map(|found| found.0).as_deref(),
            Some("A winter walk")
        );
        assert_eq!(title("Dear Anna,\n\nIt was cold."), None);
        assert_eq!(title("It was cold."), None);
    }
}
