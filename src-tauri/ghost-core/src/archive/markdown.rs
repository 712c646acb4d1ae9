//! Markdown of sites and apps: removes boilerplate and keeps the writer's marks.
//!
//! Works by cutting stretches out of the text and never rewrites it, so the rest is the writer's own,
//! byte for byte. Code is never changed, and the words of every cut are counted.

mod boilerplate;
mod containers;
mod edits;
mod mdx;
mod tags;
mod templates;

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, LinkType, Parser, Tag, TagEnd};

use super::omissions::Omissions;
use super::piece::{Span, SpanKind};

pub(super) use boilerplate::unwrapped;
pub(super) use edits::{has_more_symbols, is_mostly_symbols};
use edits::{line_before, options};
pub(super) use mdx::without_jsx;
pub(super) use templates::{preformatted, quoted_words};

/// Removes the boilerplate of a Markdown text; the words removed are counted in `omissions`.
pub(super) fn clean(text: &str, omissions: &mut Omissions) -> String {
    if is_mostly_symbols(text) {
        return text.to_owned();
    }
    let text = containers::opened(text);
    let text = templates::fenced(&text);
    let text = templates::without_templates(&text, omissions);
    let text = tags::without_html(&text, omissions);
    boilerplate::squeeze_blank_lines(&boilerplate::without_boilerplate(&text, omissions))
}

/// The heading that titles the text: its first block, or its only heading of level 1. With its range.
pub(super) fn heading(text: &str) -> Option<(String, Range<usize>)> {
    let mut found: Option<(HeadingLevel, String, Range<usize>)> = None;
    let mut first_block = true;
    let (mut depth, mut gathering) = (0, false);
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) if depth == 0 => {
                match &found {
                    Some((known, ..)) if *known == level => return None,
                    Some(_) => {}
                    None if first_block || level == HeadingLevel::H1 => {
                        found = Some((level, String::new(), range));
                        gathering = true;
                    }
                    None => {}
                }
                first_block = false;
                depth += 1;
            }
            Event::Start(_) => {
                first_block = false;
                depth += 1;
            }
            Event::End(TagEnd::Heading(_)) => {
                gathering = false;
                depth -= 1;
            }
            Event::End(_) => depth -= 1,
            Event::Text(text) | Event::Code(text) if gathering => {
                if let Some((_, title, _)) = &mut found {
                    title.push_str(&text);
                }
            }
            Event::SoftBreak | Event::HardBreak if gathering => {
                if let Some((_, title, _)) = &mut found {
                    title.push(' ');
                }
            }
            _ => {}
        }
    }
    found
        .map(|(_, title, range)| (title.trim().to_owned(), range))
        .filter(|(title, _)| !title.is_empty())
}

/// The words of a line without marks and addresses.
pub(super) fn strip_marks(line: &str) -> String {
    let line = &line[..line.floor_char_boundary(2000)];
    let said = Parser::new_ext(line.trim(), options()).filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(text.into_string()),
        Event::SoftBreak | Event::HardBreak => Some(" ".to_owned()),
        _ => None,
    });
    said.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Finds the spans that are not the writer's prose: code, quotes, addresses.
pub fn non_prose_spans(text: &str) -> Vec<Span> {
    if is_mostly_symbols(text) {
        return vec![Span { from: 0, to: text.len(), kind: SpanKind::Code }];
    }
    let parser = Parser::new_ext(text, options()).into_offset_iter();
    let mut spans: Vec<Span> = Vec::new();
    let mut add = |range: Range<usize>, kind| {
        let trimmed = text[range.clone()].trim_end();
        let to = range.start + trimmed.len();
        if to > range.start {
            spans.push(Span { from: range.start, to, kind });
        }
    };
    for (_, link) in parser.reference_definitions().iter() {
        add(link.span.clone(), SpanKind::Link);
    }
    // Only link definitions are between blocks; the parser does not report duplicates.
    let (mut open, mut blocks, mut between) = (0usize, 0, Vec::new());
    // The end of each open link's text so far.
    let mut links: Vec<usize> = Vec::new();
    let mut held = 0usize;
    for (event, range) in parser {
        let (starts, ends) = (matches!(event, Event::Start(_)), matches!(event, Event::End(_)));
        if open == 0 && !ends {
            between.push(blocks..range.start.max(blocks));
        }
        open = open + usize::from(starts) - usize::from(ends);
        blocks = blocks.max(range.end);
        match event {
            Event::Start(Tag::BlockQuote(_)) => add(range, SpanKind::Quote),
            Event::Start(Tag::CodeBlock(kind)) => {
                held += 1;
                let indented = matches!(kind, CodeBlockKind::Indented);
                let lead = if indented {
                    0
                } else {
                    text[range.clone()].len() - text[range.clone()].trim_start().len()
                };
                add(range.start + lead..range.end, SpanKind::Code);
            }
            Event::End(TagEnd::CodeBlock) => held -= 1,
            Event::Code(_) => {
                links.iter_mut().for_each(|end| *end = range.end);
                add(range, SpanKind::Code);
            }
            Event::Start(Tag::Link { link_type: LinkType::Autolink | LinkType::Email, .. }) => {
                add(range.clone(), SpanKind::Link);
                links.push(range.end);
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => links.push(range.start),
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if let Some(end) = links.pop()
                    && let Some(at) =
                        text[end..range.end].find("](").or_else(|| text[end..range.end].find("]["))
                {
                    add(end + at + 2..range.end - 1, SpanKind::Link);
                }
                links.iter_mut().for_each(|end| *end = range.end);
            }
            Event::Text(_) if held == 0 => {
                links.iter_mut().for_each(|end| *end = range.end);
                addresses(text, range, &mut add);
            }
            _ => {}
        }
    }
    between.push(blocks..text.len());
    for gap in between.into_iter().filter(|gap| text[gap.clone()].trim_start().starts_with('[')) {
        let white = text[gap.clone()].len() - text[gap.clone()].trim_start().len();
        add(gap.start + white..gap.end, SpanKind::Link);
    }
    spans.sort_by_key(|span| (span.from, std::cmp::Reverse(span.to)));
    let mut last = 0;
    spans.retain(|span| {
        let keep = span.from >= last;
        last = if keep { span.to } else { last };
        keep
    });
    spans
}

/// Finds bare addresses in the text.
fn addresses(text: &str, range: Range<usize>, add: &mut impl FnMut(Range<usize>, SpanKind)) {
    let mut at = range.start;
    while let Some(next) = text[at..range.end].find("://") {
        let colon = at + next;
        let scheme =
            text[range.start..colon].bytes().rev().take_while(u8::is_ascii_alphabetic).count();
        let rest = &text[colon..];
        let end = colon
            + rest
                .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | ')' | ']'))
                .unwrap_or(rest.len());
        let end = colon
            + text[colon..end]
                .trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_', '\'', '’', '”'])
                .len();
        if scheme > 0 {
            add(colon - scheme..end.max(colon + 3), SpanKind::Link);
        }
        at = end.max(colon + 3);
        if at >= range.end {
            return;
        }
    }
}

/// Removes the backslashes that escape characters, and maps the spans to the new text. A backslash that
/// prevents a heading stays.
pub fn unescape(text: &str, non_prose_spans: &[Span]) -> (String, Vec<Span>) {
    if !text.contains('\\') {
        return (text.to_owned(), non_prose_spans.to_vec());
    }
    let mut out = String::with_capacity(text.len());
    let mut spans = Vec::with_capacity(non_prose_spans.len());
    let mut at = 0;
    for span in non_prose_spans {
        unescape_range(text, at..span.from, &mut out);
        let from = out.len();
        match span.kind {
            SpanKind::Quote => unescape_range(text, span.from..span.to, &mut out),
            SpanKind::Code | SpanKind::Link => out.push_str(&text[span.from..span.to]),
        }
        spans.push(Span { from, to: out.len(), kind: span.kind });
        at = span.to;
    }
    unescape_range(text, at..text.len(), &mut out);
    (out, spans)
}

fn unescape_range(text: &str, range: Range<usize>, out: &mut String) {
    let mut at = range.start;
    while let Some(next) = text[at..range.end].find('\\').map(|next| at + next) {
        out.push_str(&text[at..next]);
        let sign = text[next + 1..range.end].chars().next().filter(char::is_ascii_punctuation);
        let heading = sign == Some('#') && line_before(text, next).trim().is_empty();
        if sign.is_none() || heading {
            out.push('\\');
        }
        out.extend(sign);
        at = next + 1 + usize::from(sign.is_some());
    }
    out.push_str(&text[at..range.end]);
}

/// The number of the writer's own words in `text`.
pub(super) fn own_words(text: &str, non_prose_spans: &[Span]) -> usize {
    let mut own = String::with_capacity(text.len());
    let mut at = 0;
    for span in non_prose_spans {
        own.push_str(&text[at..span.from]);
        own.push(' ');
        at = span.to;
    }
    own.push_str(&text[at..]);
    crate::words::count(&own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidies(text: &str, expected: &str) {
        assert_eq!(clean(text, &mut Omissions::default()), expected, "{text}");
    }

    /// Shows spans that are not prose in brackets, with the first letter of their kind.
    fn marks(text: &str, expected: &str) {
        let mut shown = text.to_owned();
        for span in non_prose_spans(text).iter().rev() {
            shown.insert(span.to, '»');
            shown.insert_str(
                span.from,
                match span.kind {
                    SpanKind::Code => "«c:",
                    SpanKind::Quote => "«q:",
                    SpanKind::Link => "«l:",
                },
            );
        }
        assert_eq!(shown, expected);
    }

    #[test]
    fn shortcodes_are_removed_and_their_prose_stays() {
        tidies("{{<notice type=\"info\">}}\n\nMy words.\n\n{{</notice>}}", "My words.");
        tidies("One {{< img src=\"a.png\" >}} two.", "One  two.");
        tidies(
            "One.\n\n{{<gallery caption=\"c\">}}\n{{<img src=\"a\">}}\ncaption\n{{</gallery>}}\n\nTwo.",
            "One.\n\nTwo.",
        );
        tidies("{{% callout %}}Mine.{{% /callout %}}", "Mine.");
        tidies("{{< quote >}}\nTheirs.\n{{< /quote >}}\n\nMine.", "> Theirs.\n\nMine.");
        tidies("{{< figure src=\"a\" >}}\n\nStays.", "Stays.");
        tidies("An open {{ brace.", "An open {{ brace.");
        tidies("| a | **{{<delta from=1>}}** |", "| a |  |");
        tidies("**Bold**{{<x>}}**bold**", "**Bold****bold**");
        for odd in ["{%}", "{{%}}", "{{<}}", "{{<>}}", "{%%}", "{{}}", "{:}", "{% {% x %}"] {
            clean(odd, &mut Omissions::default());
        }
    }

    #[test]
    fn liquid_is_removed_and_its_code_stays() {
        tidies(
            "{% highlight c %}\nint a; // {{ x }}\n{% endhighlight %}\n\nText {{ site.url }}.",
            "```c\nint a; // {{ x }}\n```\n\nText .",
        );
        tidies("{% include a.html %}\n{% raw %}Text{% endraw %}", "Text");
        tidies("{% comment %}hidden{% endcomment %}Text", "Text");
        tidies(
            "Say `{{ x }}`.\n\n    {% code %}\n\n```\n{{ y }}\n```",
            "Say `{{ x }}`.\n\n    {% code %}\n\n```\n{{ y }}\n```",
        );
    }

    #[test]
    fn raw_template_blocks_hide_nothing() {
        let text = "{% raw %}{% highlight %}{% endraw %}\n\nMine.\n\n{% highlight c %}\nint a;\n{% endhighlight %}\n\nToo.";
        tidies(text, "Mine.\n\n```c\nint a;\n```\n\nToo.");
        tidies("{% raw %}Never closed.\n\nMine.", "Never closed.\n\nMine.");
        tidies("{% highlight c %}\nMine.", "Mine.");
        tidies("{% codeblock lang:c %}\nint a;\n{% endcodeblock %}", "```c\nint a;\n```");
        tidies("A span [marked]{.small #x} and `code`{.c}.", "A span [marked] and `code`.");
        tidies(
            "A [link](a){target=\"_blank\" rel=x} (so){ it } `f`{=ms}",
            "A [link](a) (so){ it } `f`",
        );
    }

    /// Checks that every word is kept or counted, and the sentence about those left out.
    fn loses(text: &str, named: &str) {
        let mut omissions = Omissions::default();
        let found = clean(text, &mut omissions);
        let words = crate::words::count;
        assert_eq!(omissions.sentence().unwrap_or_default(), named, "{text}");
        assert!(words(&found) + omissions.words() <= words(text), "{text}");
    }

    #[test]
    fn words_that_are_cut_are_counted() {
        loses("{% comment %}not this{% endcomment %}Up.", "Left out 2 words in hidden comments.");
        loses(
            "Up.\n\n<!-- not this -->\n\nDown.<!-- nor that -->",
            "Left out 4 words in hidden comments.",
        );
        loses("Up.\n\n<!--more-->\n\nDown.", "");
        loses("{{/* not this */}}Up.", "Left out 2 words in hidden comments.");
        loses(
            "{{< figure src=\"a b\" caption=\"A hill\" >}}\n\nUp.",
            "Left out 4 words in template tags.",
        );
        loses(
            "{{< gallery >}}Hills here{{< /gallery >}}\n\nUp.",
            "Left out 2 words in template tags.",
        );
        loses("{% raw %}{{ a b }}{% endraw %} Up.", "Left out 2 words in template tags.");
        loses("![A hill](a.png)\n\nUp.", "Left out 2 words in descriptions of pictures.");
        loses("<nav>\n\n[Go home](/)\n\n</nav>\n\nUp.", "Left out 2 words of navigation.");
        loses("<script>var a = 1;</script>\n\nUp.", "");
        loses("- [One](#a)\n- [Two](#b)\n\nUp.", "Left out 2 words in a table of contents.");
        loses("{{< x y=1 >}} {: .note} {{ site.url }} {% include a.html %} Up.", "");
    }

    #[test]
    fn html_in_a_quote_stays_in_it() {
        tidies("> <div>\n> Theirs.\n> </div>\n\nMine.", "> Theirs.\n\nMine.");
    }

    #[test]
    fn kramdown_and_tables_of_contents() {
        tidies(
            "A paragraph.\n{:.lead}\n\n![](a.png){: .right}\n\n* TOC\n{:toc}\n\n## Head {#id}\n\n[TOC]",
            "A paragraph.\n\n* TOC\n\n## Head",
        );
    }

    #[test]
    fn a_list_of_links_into_the_page_is_a_table_of_contents() {
        tidies(
            "Mine.\n\n## Contents\n\n- [One](#one)\n  - [Two](#two)\n\n## One\n\nText.",
            "Mine.\n\n## One\n\nText.",
        );
        tidies("- [One](#one) is mine\n- [Two](#two)", "- [One](#one) is mine\n- [Two](#two)");
    }

    #[test]
    fn html_in_markdown_keeps_its_text() {
        tidies(
            "Press <kbd>Ctrl</kbd> <span class=\"x\">now</span>.<!-- no -->",
            "Press `Ctrl` now.",
        );
        tidies("<div class=\"a\">\n\n**Mine**\n\n</div>", "**Mine**");
        tidies("One.\n\n<!--more-->\n\nTwo.", "One.\n\nTwo.");
        tidies("<pre>\na < b\n</pre>", "```\na < b\n```");
        tidies("<blockquote>\n\nTheirs.\n\n</blockquote>\n\nMine.", "> Theirs.\n\nMine.");
        tidies("<nav>\n\n[Home](/)\n\n</nav>\n\nMine.", "Mine.");
        tidies("`<b>` stays", "`<b>` stays");
        tidies("a &mdash; b&nbsp;c &lt;d> `&mdash;`", "a — b c \\<d> `&mdash;`");
    }

    #[test]
    fn pictures_and_footnotes() {
        tidies(
            "One.\n\n![alt](a.png)\n\n[![alt](a.png)](b)\n\nTwo ![x](y) three.",
            "One.\n\nTwo ![x](y) three.",
        );
        tidies("Mine.[^1]\n\n[^1]: A note.", "Mine.\n\nA note.");
        tidies("1. A note.↩\n2. Another. ↩", "1. A note.\n2. Another.");
    }

    #[test]
    fn hard_wrapped_lines_are_joined_and_others_are_not() {
        let wrapped = "The winter was long and the post came twice a week at the\nmost, if the road was open and the man who drove the van was\nsober enough to drive it as far as our gate.\n\n> And said the man with the\n> hat.";
        assert!(clean(wrapped, &mut Omissions::default()).contains("at the most, if"));
        tidies("One line\nand another.", "One line\nand another.");
    }

    #[test]
    fn spans_that_are_not_prose() {
        marks(
            "Say `x` and [this](http://a.b) or <http://c.d>.",
            "Say «c:`x`» and [this](«l:http://a.b») or «l:<http://c.d>».",
        );
        marks("See http://a.b/c, then.", "See «l:http://a.b/c», then.");
        marks(
            "Mine.\n\n> Theirs.\n>\n> ```\n> code\n> ```\n\nMine.",
            "Mine.\n\n«q:> Theirs.\n>\n> ```\n> code\n> ```»\n\nMine.",
        );
        marks("[a][b] c\n\n[b]: http://x.y", "[a][«l:b»] c\n\n«l:[b]: http://x.y»");
        marks(
            "[b]: x\n\n[b]: y\n\nText [b].\n\n[b]: z",
            "«l:[b]: x\n\n[b]: y»\n\nText [b].\n\n«l:[b]: z»",
        );
        marks("[![alt](a.png)](b)", "[![alt](«l:a.png»)](«l:b»)");
        marks("```\nlet é;\n```\n\nétude", "«c:```\nlet é;\n```»\n\nétude");
    }

    #[test]
    fn escapes_are_removed_except_in_code() {
        let check = |text: &str, expected: &str| {
            let spans = non_prose_spans(text);
            let (found, moved) = unescape(text, &spans);
            assert_eq!(found, expected);
            let said = |text: &str, spans: &[Span]| -> Vec<String> {
                spans.iter().map(|span| text[span.from..span.to].replace('\\', "")).collect()
            };
            assert_eq!(said(&found, &moved), said(text, &spans));
        };
        check("1\\. It \\*was\\* `a\\*b` \\\\ so.", "1. It *was* `a\\*b` \\ so.");
        check("> \\[x\\] [a\\_b](c\\_d) end\\", "> [x] [a_b](c_d) end\\");
        check("\\# No heading, \\#tag", "\\# No heading, #tag");
    }

    #[test]
    fn only_own_words_are_counted() {
        let text = "Two words `code here`.\n\n> Not mine.";
        assert_eq!(own_words(text, &non_prose_spans(text)), 2);
    }

    #[test]
    fn a_heading_over_two_lines_is_one_title() {
        let text = "A long heading that goes\nover two lines\n=====\n\nText.";
        let (title, range) = heading(text).unwrap_or_default();
        assert_eq!(title, "A long heading that goes over two lines");
        assert_eq!(text[range.end..].trim(), "Text.");
    }

    #[test]
    fn the_heading_that_titles_a_text() {
        let title = |text| heading(text).map(|(title, _)| title).unwrap_or_default();
        assert_eq!(title("# A *walk*\n\nText."), "A walk");
        assert_eq!(title("A walk\n======\n\nText."), "A walk");
        assert_eq!(title("Text.\n\n# A walk"), "A walk");
        assert_eq!(title("## Morning\n\nText.\n\n## Evening"), "");
        assert_eq!(title("Text.\n\n## Evening"), "");
    }
}
