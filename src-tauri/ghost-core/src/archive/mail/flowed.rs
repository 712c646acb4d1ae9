//! Text of `format=flowed` (RFC 3676): lines that end in a space continue in the next one.

/// The text with each paragraph on one line. With `delsp`, the space at the end of a line is not part
/// of the text.
pub(super) fn unwrapped(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The quote depth of the open paragraph.
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let depth = line.bytes().take_while(|&byte| byte == b'>').count();
        let body = &line[depth..];
        let body = body.strip_prefix(' ').unwrap_or(body);
        let flows = body.ends_with(' ') && body != "-- ";
        match open {
            Some(above) if above == depth && body != "-- " => {}
            _ => {
                if !out.is_empty() {
                    out.push('\n');
                }
                out.extend(std::iter::repeat_n('>', depth));
                out.push_str(if depth > 0 { " " } else { "" });
            }
        }
        out.push_str(if flows && delsp { &body[..body.len() - 1] } else { body });
        open = flows.then_some(depth);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_end_in_a_space_continue() {
        for (text, delsp, expected) in [
            ("One \ntwo.\n\nThree.", false, "One two.\n\nThree."),
            ("雨下了 \n一夜。\n", true, "雨下了一夜。"),
            ("雨下了 \n一夜。\n", false, "雨下了 一夜。"),
            ("> One \n> two.\nThree.", false, "> One two.\nThree."),
            ("> One \n>> two.", false, "> One \n>> two."),
            ("One \n> two", false, "One \n> two"),
            (" >stuffed \n From here", false, ">stuffed From here"),
            ("Up. \n-- \nJo", false, "Up. \n-- \nJo"),
        ] {
            assert_eq!(unwrapped(text, delsp), expected, "{text:?}");
        }
    }
}
