//! The notation of an edit: writing and parsing.

use std::fmt;
use std::str::FromStr;

use super::segments::{Edit, Segment};

/// A line that is not a valid edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This is not an edit: {why} at byte {at}.")]
pub struct ParseEditError {
    /// Byte offset in the line.
    pub at: usize,
    /// The problem.
    pub why: &'static str,
}

/// Writes the notation; `{:#}` keeps it on one line, with line breaks as `\n` and `\r`.
impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in self.segments() {
            match segment {
                Segment::Same(text) => escaped(f, text, &['[', '\\'])?,
                Segment::Changed { cut, added } => {
                    f.write_str("[")?;
                    escaped(f, cut, &['[', ']', '/', '\\'])?;
                    f.write_str("/")?;
                    escaped(f, added, &['[', ']', '/', '\\'])?;
                    f.write_str("]")?;
                }
            }
        }
        Ok(())
    }
}

fn escaped(f: &mut fmt::Formatter<'_>, text: &str, marks: &[char]) -> fmt::Result {
    for c in text.chars() {
        match c {
            '\n' if f.alternate() => f.write_str("\\n")?,
            '\r' if f.alternate() => f.write_str("\\r")?,
            c if marks.contains(&c) => write!(f, "\\{c}")?,
            c => fmt::Write::write_char(f, c)?,
        }
    }
    Ok(())
}

impl FromStr for Edit {
    type Err = ParseEditError;

    fn from_str(line: &str) -> Result<Edit, ParseEditError> {
        let mut edit = Edit::default();
        let mut rest = Notation { line, at: 0 };
        loop {
            let (text, end) = rest.until(&['['])?;
            edit.push_same(&text);
            if end.is_none() {
                return Ok(edit);
            }
            let cut = rest.part('/', "missing “/” in a change")?;
            let added = rest.part(']', "missing “]” in a change")?;
            edit.push_change(&cut, &added);
        }
    }
}

/// A parser of one line.
struct Notation<'a> {
    line: &'a str,
    at: usize,
}

impl Notation<'_> {
    /// Reads one side of a change, up to and including `end`.
    fn part(&mut self, end: char, why: &'static str) -> Result<String, ParseEditError> {
        let (text, found) = self.until(&['[', '/', ']'])?;
        if found == Some(end) {
            return Ok(text);
        }
        let at = self.at - found.map_or(0, char::len_utf8);
        Err(ParseEditError { at, why })
    }

    /// Reads the text up to one of `ends`, unescaped, and returns the character that ended it.
    fn until(&mut self, ends: &[char]) -> Result<(String, Option<char>), ParseEditError> {
        let mut text = String::new();
        let mut chars = self.line[self.at..].chars();
        while let Some(c) = chars.next() {
            let start = self.at;
            self.at += c.len_utf8();
            if ends.contains(&c) {
                return Ok((text, Some(c)));
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let c = chars.next();
            text.push(match c {
                Some('n') => '\n',
                Some('r') => '\r',
                Some(c @ ('[' | ']' | '/' | '\\')) => c,
                _ => {
                    let why = "unnecessary “\\” escape";
                    return Err(ParseEditError { at: start, why });
                }
            });
            self.at += c.map_or(0, char::len_utf8);
        }
        Ok((text, None))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_invalid_line_is_rejected_with_its_position() {
        let message = |line: &str| line.parse::<Edit>().unwrap_err().to_string();
        assert_eq!(message("a [b"), "This is not an edit: missing “/” in a change at byte 4.");
        assert_eq!(message("a [b/c/d]"), "This is not an edit: missing “]” in a change at byte 6.");
        assert_eq!(message(r"rain\x"), "This is not an edit: unnecessary “\\” escape at byte 4.");
    }
}
