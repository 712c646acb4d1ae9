//! Converts HTML to Markdown: pages, fragments, and HTML inside Markdown.
//!
//! There is no DOM tree, on purpose: a page is read as a sequence of blocks in one pass, so neither
//! depth nor size nor bad nesting can make it slow.

mod article;
mod boilerplate;
mod convert;
mod document;
mod elements;
mod inline_marks;
mod page;
mod tokens;
mod writer;

use super::omissions::Omissions;
use article::Article;
use boilerplate::{Scope, boilerplate};
use convert::markdown;
use document::Document;
pub(super) use inline_marks::longest_run;
use page::line;
pub(super) use page::{page, whole_page};
pub(super) use tokens::decode_entities;
use tokens::{Token, tokens};

/// Converts a stretch of HTML, all of which is kept.
pub(super) fn fragment(html: &str) -> String {
    fragment_with(html, &mut Omissions::default())
}

/// Like [`fragment`]; counts the words that are not in the Markdown.
pub(super) fn fragment_with(html: &str, omissions: &mut Omissions) -> String {
    let document = Document::new(html);
    let all = 0..document.tokens.len();
    markdown(&document, &Article { parts: vec![all], scope: Scope::Article }, None, omissions)
}

/// The words of a short stretch of HTML on one line, without markup: a title.
pub(super) fn plain_text(html: &str) -> String {
    let document = Document::new(html);
    line(&document.text(0, document.tokens.len()))
}

/// The element of boilerplate or quotation that `html` opens and does not close.
pub(super) fn left_open(html: &str) -> Option<String> {
    let document = Document::new(html);
    let mut open = document.tags().filter(|(at, _)| document.end(*at).is_none());
    let found = open.find(|(at, tag)| {
        tag.name == "blockquote" || boilerplate(&document, *at, Scope::Article).is_some()
    });
    found.map(|(_, tag)| tag.name.clone().into_owned())
}

/// Returns true if `html` closes an element called `name`.
pub(super) fn closes_one(html: &str, name: &str) -> bool {
    tokens(html).any(|token| matches!(token, Token::Close(closed) if closed == name))
}

#[cfg(test)]
mod tests {
    use super::page::Page;
    use super::*;

    #[test]
    fn the_article_of_an_unmarked_page_is_found() {
        let words = "So it went on, up the hill and down again. ".repeat(5);
        let html = format!(
            "<html><head><title>T</title></head><body><div><p>Welcome to the site.</p><a href=x>Home</a></div>\
             <div><div><p>{words}</p><p>{words}</p><p>{words}</p></div><div><p>Buy now.</p></div></div></body></html>"
        );
        let text = page(&html).text;
        assert!(text.starts_with("So it went") && text.ends_with("again."), "{text}");
    }

    #[test]
    fn a_journal_entry() {
        let found = page(
            "<html><body><div class=\"pageHeader\">Sunday, 17 December 2023</div><div class=\"title\">Up</div>\
            <div class=\"bodyText\"><p><span>I went.</p></span></div></body></html>",
        );
        assert_eq!(
            (found.title.as_deref(), found.kind, found.text.as_str()),
            (Some("Up"), Some("log"), "I went.")
        );
        assert_eq!(found.date.map(|date| date.to_string()).as_deref(), Some("2023-12-17"));
    }

    #[test]
    fn a_reblog_is_a_quote() {
        let found = page(
            "<html><body><p><a class=\"tumblr_blog\" href=\"x\">them</a>:</p><blockquote><p>Theirs.</p></blockquote><p>Mine.</p>\
            <div id=\"footer\"><span id=\"timestamp\"> June 13th, 2019 8:43am </span><span class=\"tag\">hill</span></div></body></html>",
        );
        assert_eq!(found.text, "> Theirs.\n\nMine.");
        assert_eq!(found.date.map(|date| date.to_string()).as_deref(), Some("2019-06-13"));
    }

    #[test]
    fn an_answer_on_medium_is_not_a_post() {
        let html = |title: &str| {
            format!(
                "<html><body><article class=\"h-entry\"><h1 class=\"p-name\">I think so</h1><section class=\"e-content\">{title}<p>I think so, too.</p></section>\
            <footer><a class=\"p-author h-card\" href=\"x\">Jo</a><a class=\"p-canonical\" href=\"x\">y</a></footer></article></body></html>"
            )
        };
        let answer = page(&html(""));
        assert_eq!((answer.kind, answer.author.as_deref()), (Some("comment"), Some("Jo")));
        assert_eq!(page(&html("<h3 class=\"graf--title\">I think so</h3>")).kind, None);
    }

    fn reads(html: &str, expected: &str) {
        assert_eq!(page(html).text, expected, "{html}");
    }

    #[test]
    fn paragraphs_on_one_line_each() {
        reads("<p>\nOne\ntwo.\n</p>\n<p>Three.</p>", "One two.\n\nThree.");
        reads("One<br>two<br />three", "One\ntwo\nthree");
    }

    #[test]
    fn the_writers_emphasis_and_links() {
        reads("a <b>bold </b>word, <i>so</i>", "a **bold** word, *so*");
        reads(
            "<a href=\"http://a.b/(c)\">see <em>this</em></a>.",
            "[see *this*](http://a.b/%28c%29).",
        );
        reads("use <code>a`b</code> &amp; <tt>x &lt; y</tt>", "use ``a`b`` & `x < y`");
        reads("<i><p>one</p><p>two</p></i>", "*one*\n\n*two*");
        reads("<b></b>nothing<a href='x'></a>", "nothing");
    }

    #[test]
    fn quotes_lists_and_code() {
        reads("<blockquote><p>a</p><p>b</p></blockquote><p>c</p>", "> a\n>\n> b\n\nc");
        reads("<ul><li>a<li>b<ol start=3><li>c</ol></ul>d", "- a\n- b\n  3. c\n\nd");
        reads("<pre class=\"language-c\">\nint a;\n\n  b;\n</pre>", "```c\nint a;\n\n  b;\n```");
        reads("<ul><li><p>a</p><p>b</p></li></ul>", "- a\n\n  b");
        reads(
            "<table><tr><td>a</td><td></td><td>c|d</td></tr></table>",
            "| a |  | c\\|d |\n| --- | --- | --- |",
        );
        reads("<table><tr><td>laid out</td></tr></table>", "laid out");
        reads("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "| a | b |\n| --- | --- |\n| 1 | 2 |");
    }

    #[test]
    fn boilerplate_is_removed() {
        reads(
            "<nav><a href=/>Home</a></nav><p>Text.</p><footer>(c)</footer><script>x < y</script>",
            "Text.",
        );
        reads("<p>Text<sup><a href=\"#fn1\">1</a></sup>.</p><!-- more -->", "Text.");
        reads("<figure><img src=a><figcaption>c</figcaption></figure><p>Text.</p>", "Text.");
        reads("<aside>never closed<p>Text.</p>", "never closed\n\nText.");
    }

    #[test]
    fn a_whole_page() {
        let page = page(
            "<html><head><title>A &ndash; site</title></head><body><header><h1>A <i>walk</i></h1></header>\
            <time datetime=\"2024-03-05T10:00\">x</time><article><p>Text.</p></article><p>Related</p></body></html>",
        );
        assert_eq!(page.title.as_deref(), Some("A walk"));
        assert_eq!(page.date.map(|date| date.to_string()).as_deref(), Some("2024-03-05"));
        assert_eq!(page.text, "Text.");
    }

    #[test]
    fn text_that_looks_like_markdown() {
        reads(
            "<p>1. not a list</p><p># nor a heading</p><p>2 * 3 * 4</p>",
            "1\\. not a list\n\n\\# nor a heading\n\n2 * 3 * 4",
        );
        reads("a &lt;b&gt; &hellip; &#8212; &#151; &nope; &", "a \\<b> … — — &nope; &");
    }

    #[test]
    fn broken_markup_keeps_its_words() {
        for html in [
            "<",
            "<p",
            "<p a=\"",
            "</",
            "<!--",
            "<!",
            "&",
            "&#",
            "&#x110000;",
            "<b><i>x</b></i>",
            "<é>",
            "<p é=1 ü>a",
            "a<é",
            "é<",
        ] {
            assert!(page(html).text.len() <= 2 * html.len(), "{html}");
        }
        reads("a < b <!-- open", "a < b open");
    }

    #[test]
    fn deep_nesting_is_read_in_linear_time() {
        for bit in [
            "<div>",
            "<b>",
            "<blockquote>a",
            "<ul><li>a",
            "<!--",
            "<script>",
            "<a href=\"",
            "<table><tr><td>a",
            "<a b='",
        ] {
            let words = page(&bit.repeat(20_000)).text.matches('a').count();
            let written = if bit.ends_with('a') { 20_000 } else { 0 };
            assert_eq!(words, written, "{bit}");
        }
    }

    const RAIN: &str = "It rained until four, and then the gutter gave way over the back door. ";

    /// `n` paragraphs by the writer.
    fn paragraphs(n: usize) -> String {
        (0..n).map(|n| format!("<p>Paragraph {n}. {}</p>", RAIN.repeat(2))).collect()
    }

    /// A page with this body.
    fn of(body: &str) -> Page {
        page(&format!(
            "<!DOCTYPE html><html><head><title>The gutter</title></head><body>{body}</body></html>"
        ))
    }

    fn check(page: &Page) -> String {
        page.omissions.sentence().unwrap_or_default()
    }

    #[test]
    fn two_sections_side_by_side_are_one_article() {
        let page = of(&format!(
            "<nav><a href=/>Home</a></nav><div id=post><h1>The gutter</h1><div><section>{}</section></div><div><section>{}</section></div></div><footer>The end of the site</footer>",
            paragraphs(2),
            paragraphs(7)
        ));
        assert_eq!(page.text.matches("Paragraph").count(), 9, "{}", page.text);
        assert_eq!(check(&page), "Left out 6 words: 5 in footers, 1 of navigation.");
    }

    #[test]
    fn adjacent_articles_are_kept_and_cards_are_not() {
        let article = |n: usize| format!("<article>{}</article>", paragraphs(n));
        let page = of(&format!("<main>{}{}</main>", article(3), article(4)));
        assert_eq!(page.text.matches("Paragraph").count(), 7);
        let card = "<article><a href=/b><h3>Another one</h3><p>About the roof.</p></a></article>";
        let page = of(&format!("{}{card}{card}", article(4)));
        assert_eq!(page.text.matches("Paragraph").count(), 4);
        assert!(!page.text.contains("roof"), "{}", page.text);
    }

    #[test]
    fn the_title_has_no_markup_and_is_not_the_sites_name() {
        let article = format!("<article><h2>The gutter</h2>{}</article>", paragraphs(2));
        for (header, title) in [
            ("<header><h1><a href='/'>My paper</a></h1></header>", "The gutter"),
            ("<header><h1>The <em>back</em> door</h1></header>", "The back door"),
            ("<p class=title>Gutters</p>", "Gutters"),
        ] {
            assert_eq!(of(&format!("{header}{article}")).title.as_deref(), Some(title), "{header}");
        }
        let page = of(&format!(
            "<article><h1><a href=/a>Roofs <code>*</code></a></h1>{}</article>",
            paragraphs(2)
        ));
        assert_eq!(page.title.as_deref(), Some("Roofs *"));
    }

    #[test]
    fn hidden_text_is_left_out_and_counted() {
        for hidden in [
            "<p style=\"display: none\">one two three</p>",
            "<p hidden>one two three</p>",
            "<span aria-hidden=true>one two three</span>",
            "<div style='color: red; visibility:hidden'><p>one two three</p></div>",
            "<template><p>one two three</p></template>",
            "<noscript><p>one two three</p></noscript>",
            "<span class=sr-only>one two three</span>",
            "<p hidden>one two three<p>",
        ] {
            let page = of(&format!(
                "<article><p>Seen.</p>{}{hidden}<p>Last.</p></article>",
                paragraphs(1)
            ));
            assert!(
                page.text.ends_with("Last.") && !page.text.contains("two"),
                "{hidden}: {}",
                page.text
            );
            assert_eq!(check(&page), "Left out 3 words in hidden text.", "{hidden}");
        }
        // A page that is hidden until a script shows it.
        assert_eq!(of("<div style='visibility:hidden'><p>All of it.</p></div>").text, "All of it.");
    }

    #[test]
    fn words_of_formulas_menus_and_internal_links_are_kept() {
        reads(
            "<p>It held <math><mn>3</mn><mi>kg</mi></math> of water.</p>",
            "It held 3kg of water.",
        );
        reads("<p>See <a href='#fnord'>the note below</a>.</p>", "See the note below.");
        reads("<menu><li>Tea</li><li>Bread</li></menu>", "- Tea\n- Bread");
        reads(
            "<p>So<sup><a href='#fn1'>1</a></sup> it is<a href='#ftnt2'>[b]</a>.</p>",
            "So it is.",
        );
        reads("<ruby>語<rt>ご</rt></ruby>を", "語を");
        reads("<math><mi>x</mi><annotation>x \\in y</annotation></math>", "x");
    }

    #[test]
    fn a_lede_in_a_header_and_a_note_in_an_aside_are_kept() {
        let page = of(&format!(
            "<article><header><h1>The gutter</h1><p class=lede>How it began.</p></header>{}<aside>I have since mended it.</aside>\
             <aside><a href=/b>Another one</a></aside></article>",
            paragraphs(2)
        ));
        assert!(
            page.text.contains("How it began.") && page.text.contains("since mended"),
            "{}",
            page.text
        );
        assert_eq!(check(&page), "Left out 2 words in sidebars.");
        // Before the body, which a theme marks.
        let page = of(&format!(
            "<article><p class=subtitle>How it began.</p><div class=entry-content>{}</div></article>",
            paragraphs(2)
        ));
        assert!(page.text.starts_with("How it began."), "{}", page.text);
    }

    #[test]
    fn a_page_inside_a_form_is_read_without_controls() {
        let page = of(&format!(
            "<form><div>{}</div><select><option>one</option></select><button>Send it</button><textarea>two</textarea></form>",
            paragraphs(3)
        ));
        assert_eq!(page.text.matches("Paragraph").count(), 3);
        assert_eq!(check(&page), "Left out 4 words: 2 in buttons, 2 in forms.");
        let page =
            of(&format!("<article>{}<form><p>Write to me.</p></form></article>", paragraphs(3)));
        assert_eq!(check(&page), "Left out 3 words in forms.");
    }

    #[test]
    fn emphasis_never_splits_a_word() {
        for (html, expected) in [
            ("An <em>emphas</em><em>is</em> twice", "An *emphasis* twice"),
            ("An <em>emphas</em>is once", "An *emphasis* once"),
            ("a <b>W</b>ord", "a Word"),
            ("un<em>frigging</em>believable", "unfriggingbelievable"),
            ("<b>two wor</b>ds", "**two words**"),
            ("<b>two w</b>ords", "**two** words"),
            ("the <a href='/b'>boat</a>s", "the [boats](/b)"),
            ("<b>one</b><b> two</b>", "**one** **two**"),
            ("<b>one</b>, <b>two</b>", "**one**, **two**"),
            ("<b><i>one</i></b><b>s</b>", "***ones***"),
            ("<i>one <b>two</i> three</b>", "*one **two*** three"),
            ("well-<em>known</em> and don<em>'t</em>", "*well-known* and don't"),
            ("<code>get</code>s", "`get`s"),
            ("<code>a<b>b</b></code>", "`ab`"),
            ("<a href='/b'><b>#</b></a> one", "one"),
        ] {
            reads(html, expected);
        }
    }

    #[test]
    fn soft_hyphens_and_zero_width_spaces_do_not_split_words() {
        reads(
            "Unter&shy;nehmen, frei\u{ad}lich f\u{200b}ünf&#x200b;Jahre\u{b}\u{2028}so",
            "Unternehmen, freilich fünfJahre so",
        );
    }

    #[test]
    fn verse_keeps_its_lines_and_code_stays_code() {
        reads(
            "<pre class=wp-block-verse>One line,\n  <em>another</em>\n\na stanza</pre>",
            "One line,\n*another*\n\na stanza",
        );
        reads(
            "<pre>The rain came down\nupon the old tin roof\nand did not stop</pre>",
            "The rain came down\nupon the old tin roof\nand did not stop",
        );
        reads(
            "<pre><code>The rain came down here</code></pre>",
            "```\nThe rain came down here\n```",
        );
        reads("<pre>let rain = roof;\nlet b = 2;</pre>", "```\nlet rain = roof;\nlet b = 2;\n```");
    }

    #[test]
    fn a_google_document_has_a_title_and_no_comments() {
        let page = of(
            "<p class=\"c2 title\"><span>The sill</span></p><p>It is cold.<sup><a href=\"#cmnt1\" id=\"cmnt_ref1\">[a]</a></sup></p>\
             <div><p><a href=\"#cmnt_ref1\" id=\"cmnt1\">[a]</a><span>Is it really?</span></p></div>",
        );
        assert_eq!((page.title.as_deref(), page.text.as_str()), (Some("The sill"), "It is cold."));
        assert_eq!(check(&page), "Left out 5 words: 4 in comments by others, 1 in marks of notes.");
    }

    #[test]
    fn a_list_of_links_is_not_a_text() {
        let page =
            of("<ul><li><a href=html/1.html>One</a></li><li><a href=html/2.html>Two</a></li></ul>");
        assert_eq!(
            (page.text.as_str(), check(&page).as_str()),
            ("", "Left out 2 words of navigation.")
        );
    }

    #[test]
    fn boilerplate_of_an_unmarked_page_is_counted() {
        let page = of(&format!(
            "<div id=menu><a href=/>Home</a> <a href=/b>About</a></div><div class=wrap><div class=text>{}</div>\
             <div class=social-links>Follow me there</div><div class=related-posts><a href=/c>One more</a></div></div>\
             <div class='site-comments'><p>Nice gutter you have.</p></div><!-- the end of it all -->",
            paragraphs(4)
        ));
        assert_eq!(page.text.matches("Paragraph").count(), 4);
        assert!(
            page.text.starts_with("Paragraph") && page.text.ends_with("door."),
            "{}",
            page.text
        );
        assert_eq!(
            check(&page),
            "Left out 11 words: 4 in comments by others, 3 in sharing links, 2 in lists of related texts, 2 of navigation."
        );
    }

    #[test]
    fn every_word_of_a_page_is_kept_or_counted() {
        // Each construct has words of its own, so a missing one can be named.
        const CONSTRUCTS: [&str; 34] = [
            "<p>@</p>",
            "<div>@</div>",
            "<div><div>@</div></div>",
            "<section><p>@</p></section>",
            "<ul><li>@</li></ul>",
            "<ol><li><p>@</p></li></ol>",
            "<dl><dt>@</dt><dd>@</dd></dl>",
            "<blockquote>@</blockquote>",
            "<table><tr><td>@</td><td>@</td></tr></table>",
            "<pre>@</pre>",
            "<figure><img alt='@'><figcaption>@</figcaption></figure>",
            "<aside>@</aside>",
            "<header><p>@</p></header>",
            "<footer>@</footer>",
            "<nav>@</nav>",
            "<form>@<button>@</button></form>",
            "<details><summary>@</summary>@</details>",
            "<p hidden>@</p>",
            "<template>@</template>",
            "<noscript>@</noscript>",
            "<p>@<sup><a href='#fn1'>1</a></sup></p>",
            "<menu><li>@</li></menu>",
            "<h2>@</h2>",
            "<p><em>@</em> <b>@</b> <code>@</code> <a href='/a'>@</a></p>",
            "<center>@</center>",
            "<fieldset><legend>@</legend>@</fieldset>",
            "<dialog>@</dialog>",
            "<textarea>@</textarea>",
            "<address>@</address>",
            "<svg><text>@</text></svg>",
            "<object>@</object>",
            "<custom-part>@</custom-part>",
            "<a href='/a'>Subscribe</a>",
            "<!-- @ -->",
        ];
        let mut number = 0;
        let mut some = |pattern: &str, words: &mut usize| {
            pattern.split('@').enumerate().fold(String::new(), |out, (n, part)| match n {
                0 => part.to_owned(),
                _ => {
                    number += 1;
                    *words += 9;
                    format!("{out}so the word {number}w is in a text here{part}")
                }
            })
        };
        for seed in 0..40 {
            let mut words = 0;
            let mut body = String::new();
            for at in 0..CONSTRUCTS.len() {
                let pattern = CONSTRUCTS[(at * (2 * seed + 1) + seed) % CONSTRUCTS.len()];
                body.push_str(&some(pattern, &mut words));
                words += usize::from(pattern.contains("Subscribe"))
                    + usize::from(pattern.contains("#fn1"));
            }
            // Comments in the code of a site are nobody's words.
            let (outer, mut all) = (body.replace("<!--", "<p>").replace("-->", "</p>"), words);
            let html = match seed % 4 {
                0 => format!("<html><body>{body}</body></html>"),
                1 => {
                    all *= 2;
                    format!("<html><body><div>{outer}</div><article>{body}</article></body></html>")
                }
                2 => format!(
                    "<html><body><main><div class=entry-content>{body}</div></main></body></html>"
                ),
                _ => body.clone(),
            };
            let words = all;
            let page = page(&html);
            let title = page.title.as_deref().map_or(0, crate::words::count);
            let found = crate::words::count(&page.text) + page.omissions.words() + title;
            // Link addresses are not words of the page.
            let found = found - page.text.matches("](/a)").count();
            assert!(
                found.abs_diff(words) * 100 <= words,
                "{seed}: {found} of {words}\n{html}\n{}\n{}",
                page.text,
                check(&page)
            );
        }
    }
}
