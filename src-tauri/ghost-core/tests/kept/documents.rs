//! Generates documents of every format, with words in every construct that can hold some.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A file to import: its name and bytes.
type Files = Vec<(String, Vec<u8>)>;

/// Generates the files of a document or export, and records their words.
type Generator = fn(&mut Doc) -> Files;

/// The words of a document, each of which occurs once, with their constructs.
pub(crate) struct Doc {
    seed: usize,
    words: Vec<(String, &'static str)>,
    own: usize,
}

impl Doc {
    /// A document without words; `seed` varies lengths and order.
    pub(crate) fn new(seed: usize) -> Doc {
        Doc { seed, words: Vec::new(), own: 0 }
    }

    /// Each word and its construct.
    pub(crate) fn words(&self) -> impl Iterator<Item = (&String, &'static str)> {
        self.words.iter().map(|(word, construct)| (word, *construct))
    }

    /// The number of words that are clearly the writer's own prose.
    pub(crate) fn own(&self) -> usize {
        self.own
    }

    /// `n` new words, separated by blanks.
    fn some(&mut self, construct: &'static str, n: usize) -> String {
        const SYLLABLES: [&str; 24] = [
            "ba", "ne", "lo", "mi", "ru", "ta", "ve", "so", "di", "pu", "ka", "re", "mo", "li",
            "su", "da", "fe", "no", "ri", "tu", "la", "be", "go", "vi",
        ];
        let mut text = String::new();
        for _ in 0..n {
            let mut number = self.words.len() + 7 * self.seed;
            let mut word = String::new();
            for _ in 0..3 {
                word.push_str(SYLLABLES[number % SYLLABLES.len()]);
                number /= SYLLABLES.len();
            }
            word.push_str("ns");
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&word);
            self.words.push((word, construct));
        }
        text
    }

    /// A sentence of the writer's own.
    fn sentence(&mut self, construct: &'static str) -> String {
        let n = 9 + (self.words.len() + self.seed) % 7;
        self.own += n;
        self.some(construct, n) + "."
    }

    /// A paragraph of the writer's own, on one line.
    fn paragraph(&mut self, construct: &'static str) -> String {
        (0..4).map(|_| self.sentence(construct)).collect::<Vec<_>>().join(" ")
    }

    /// Paragraphs of the writer's own, each between `before` and `after`.
    fn body(&mut self, before: &str, after: &str) -> String {
        (0..5).map(|_| format!("{before}{}{after}", self.paragraph("a paragraph"))).collect()
    }
}

/// A generator for every format.
pub(crate) const GENERATORS: &[(&str, Generator)] = &[
    ("Markdown", markdown),
    ("Markdown of Jekyll", jekyll),
    ("Markdown of Hugo", hugo),
    ("MDX", mdx),
    ("Pandoc's Markdown", pandoc),
    ("MultiMarkdown", multimarkdown),
    ("Obsidian", obsidian),
    ("Logseq", logseq),
    ("Roam", roam),
    ("Org", org),
    ("Djot", djot),
    ("plain text", plain),
    ("a saved page", page),
    ("a page without marks", bare_page),
    ("a page that is one form", form),
    ("a fragment", fragment),
    ("MHTML", mhtml),
    ("EPUB", epub),
    ("Word", docx),
    ("OpenDocument", odt),
    ("RTF", rtf),
    ("mail", mail),
    ("mail in HTML", html_mail),
    ("a mailbox", mailbox),
    ("Evernote", enex),
    ("WordPress", wordpress),
    ("classic WordPress", classic),
    ("Blogger", blogger),
    ("Ghost", ghost),
    ("Substack", substack),
    ("Medium", medium),
    ("Tumblr", tumblr),
    ("RSS", rss),
    ("Atom", atom),
    ("JSON Feed", json_feed),
    ("Day One", dayone),
    ("Google Keep", keep),
    ("Bear", bear),
    ("Notion", notion),
    ("a table", table),
    ("Movable Type", movable_type),
    ("Standard Notes", standard_notes),
];

fn one(name: &str, text: String) -> Files {
    vec![(name.to_owned(), text.into_bytes())]
}

fn packed(members: Vec<(String, String)>) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in members {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn zip(name: &str, members: Vec<(&str, String)>) -> Files {
    let members = members.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    vec![(name.to_owned(), packed(members))]
}

/// The constructs of all Markdown dialects.
fn common(doc: &mut Doc) -> String {
    let mut out = String::new();
    let _ = write!(out, "{}\n\n", doc.paragraph("a paragraph"));
    let _ = write!(out, "## {}\n\n", doc.some("a heading", 4));
    let _ =
        write!(out, "{}\n{}\n\n", doc.sentence("a wrapped line"), doc.sentence("a wrapped line"));
    let _ = write!(out, "{}\n---\n\n", doc.some("a setext heading", 4));
    let _ = write!(
        out,
        "- {}\n- {}\n  - {}\n\n",
        doc.some("a list", 5),
        doc.some("a list", 5),
        doc.some("a list", 5)
    );
    let _ = write!(
        out,
        "1. {}\n2. {}\n\n",
        doc.some("a numbered list", 5),
        doc.some("a numbered list", 5)
    );
    let _ = write!(out, "- [ ] {}\n- [x] {}\n\n", doc.some("a task", 5), doc.some("a task", 5));
    let _ = write!(out, "> {}\n> {}\n\n", doc.some("a quote", 8), doc.some("a quote", 8));
    let _ = write!(out, "```text\n{}\n```\n\n", doc.some("a code block", 8));
    let _ = write!(
        out,
        "{} *{}* **{}** `{}` [{}](https://example.org/a) ~~{}~~ <b>{}</b>.\n\n",
        doc.sentence("a paragraph"),
        doc.some("emphasis", 3),
        doc.some("strong emphasis", 3),
        doc.some("a code span", 2),
        doc.some("a link", 3),
        doc.some("struck text", 2),
        doc.some("a tag in a line", 2),
    );
    let _ = write!(out, "![{}](a.jpg)\n\n", doc.some("the words of a picture", 4));
    let _ = write!(
        out,
        "| {} | {} |\n|---|---|\n| {} | {} |\n\n",
        doc.some("a table", 2),
        doc.some("a table", 2),
        doc.some("a table", 3),
        doc.some("a table", 3)
    );
    let _ = write!(
        out,
        "{}[^1]\n\n[^1]: {}\n\n",
        doc.sentence("a paragraph"),
        doc.sentence("a footnote")
    );
    let _ = write!(out, "<div class=\"wide\">\n\n{}\n\n</div>\n\n", doc.sentence("a div"));
    let _ = write!(out, "<!-- {} -->\n\n", doc.some("a comment", 6));
    let _ = write!(
        out,
        "<details><summary>{}</summary>\n\n{}\n\n</details>\n\n",
        doc.some("a summary", 4),
        doc.sentence("details")
    );
    let _ = write!(out, "{}\n\n", doc.paragraph("the last paragraph"));
    out
}

fn front(doc: &mut Doc) -> String {
    format!("---\ntitle: \"{}\"\ndate: 2024-03-05\ntags: [a, b]\n---\n\n", doc.some("a title", 4))
}

fn markdown(doc: &mut Doc) -> Files {
    let text = format!("# {}\n\n{}", doc.some("a title", 4), common(doc));
    one("notes/hedges.md", text)
}

fn jekyll(doc: &mut Doc) -> Files {
    let mut text = front(doc) + &common(doc);
    let _ = write!(
        text,
        "{{% highlight ruby %}}\n{}\n{{% endhighlight %}}\n\n",
        doc.some("highlighted code", 6)
    );
    let _ = write!(
        text,
        "{{% comment %}}\n{}\n{{% endcomment %}}\n\n",
        doc.some("a comment of Liquid", 6)
    );
    let _ = write!(
        text,
        "{{% raw %}}{}{{% endraw %}} {}\n\n",
        doc.some("raw text", 3),
        doc.sentence("a paragraph")
    );
    let _ = write!(text, "{{% if site.wide %}}{}{{% endif %}}\n\n", doc.sentence("a condition"));
    let _ =
        write!(text, "{}\n{{: .note}}\n\n<!--more-->\n\n", doc.sentence("a paragraph of kramdown"));
    let _ = write!(text, "{}\n", doc.paragraph("the last paragraph"));
    one("site/_posts/2024-03-05-hedges.md", text)
}

fn hugo(doc: &mut Doc) -> Files {
    let mut text =
        format!("+++\ntitle = \"{}\"\ndate = 2024-03-05\n+++\n\n", doc.some("a title", 4));
    text += &common(doc);
    let _ = write!(
        text,
        "{{{{< notice tip >}}}}\n{}\n{{{{< /notice >}}}}\n\n",
        doc.sentence("a shortcode")
    );
    let _ =
        write!(text, "{{{{% aside %}}}}\n{}\n{{{{% /aside %}}}}\n\n", doc.sentence("a shortcode"));
    let _ = write!(
        text,
        "{{{{< figure src=\"a.jpg\" caption=\"{}\" >}}}}\n\n",
        doc.some("a caption in a shortcode", 6)
    );
    let _ = write!(text, "{{{{/* {} */}}}}\n\n", doc.some("a comment of Hugo", 5));
    text += &doc.paragraph("the last paragraph");
    one("site/content/posts/hedges/index.md", text)
}

fn mdx(doc: &mut Doc) -> Files {
    let mut text = front(doc);
    text += "import Box from './Box'\nexport const wide = true\n\n";
    text += &common(doc).replace("<!-- ", "{/* ").replace(" -->", " */}");
    let _ = write!(text, "<Box kind=\"note\">\n{}\n</Box>\n\n", doc.sentence("a child of JSX"));
    let _ = write!(text, "<Box>{}</Box>\n\n", doc.sentence("a child of JSX on its line"));
    text += &doc.paragraph("the last paragraph");
    one("site/posts/hedges.mdx", text)
}

fn pandoc(doc: &mut Doc) -> Files {
    let mut text = format!("% {}\n% {}\n% March 5, 2024\n\n", doc.some("a title", 4), "A. Writer");
    text += &common(doc);
    let _ = write!(text, "::: {{.note}}\n{}\n:::\n\n", doc.sentence("a fenced div"));
    let _ = write!(text, "::: warning\n{}\n:::\n\n", doc.sentence("a fenced div"));
    let _ =
        write!(text, "| {}\n| {}\n\n", doc.some("a line block", 5), doc.some("a line block", 5));
    let _ =
        write!(text, "{}^[{}]\n\n", doc.sentence("a paragraph"), doc.sentence("an inline note"));
    one("hedges.md", text)
}

fn multimarkdown(doc: &mut Doc) -> Files {
    let text = format!(
        "Title: {}\nDate: 2024-03-05\nKeywords: hedges\n\n{}",
        doc.some("a title", 4),
        common(doc)
    );
    one("hedges.md", text)
}

fn obsidian(doc: &mut Doc) -> Files {
    let mut text = front(doc) + &common(doc);
    let _ = write!(
        text,
        "%% {} %%\n\n%%\n{}\n%%\n\n",
        doc.some("a comment of Obsidian", 5),
        doc.some("a comment of Obsidian", 5)
    );
    let _ = write!(
        text,
        "> [!note] {}\n> {}\n\n",
        doc.some("the title of a callout", 3),
        doc.sentence("a callout")
    );
    let _ = write!(
        text,
        "{} [[a page|{}]] [[{}]] ==%s== ^block1\n\n",
        doc.sentence("a paragraph"),
        doc.some("an alias", 2),
        doc.some("a wiki link", 2)
    );
    text = text.replace("%s", &doc.some("marked text", 2));
    let _ = write!(text, "{}\n", doc.paragraph("the last paragraph"));
    vec![
        ("vault/.obsidian/app.json".to_owned(), b"{}".to_vec()),
        ("vault/Notes/hedges.md".to_owned(), text.into_bytes()),
    ]
}

fn logseq(doc: &mut Doc) -> Files {
    let mut text = String::new();
    let _ = write!(
        text,
        "- {}\n\t- {}\n\t\t- {}\n",
        doc.paragraph("a block"),
        doc.sentence("a block below"),
        doc.sentence("a block below")
    );
    let _ = write!(
        text,
        "- TODO {}\n- {}\n  id:: 64f1b0c2-1111-4222-8333-444455556666\n",
        doc.sentence("a task"),
        doc.sentence("a block")
    );
    let _ = write!(text, "- #+BEGIN_QUOTE\n  {}\n  #+END_QUOTE\n", doc.some("a quote", 9));
    let _ = write!(text, "- ```text\n  {}\n  ```\n", doc.some("a code block", 6));
    let _ = write!(text, "- {{{{query (todo todo)}}}}\n- > {}\n", doc.some("a quote", 8));
    text += "- ";
    text += &doc.paragraph("the last block");
    one("graph/journals/2024_03_05.md", text)
}

fn roam(doc: &mut Doc) -> Files {
    let graph = serde_json::json!([{
        "title": doc.some("a title", 3), "edit-time": 1_709_600_000_000_i64,
        "children": [
            {"string": doc.paragraph("a block"), "children": [{"string": doc.sentence("a block below")}, {"string": ""}]},
            {"string": "", "children": [{"string": doc.sentence("a block below an empty one")}]},
            {"string": format!("{{{{[[TODO]]}}}} {}", doc.sentence("a task"))},
            {"string": format!("{} ^^{}^^ [{}](((abcdefghi)))", doc.sentence("a block"), doc.some("marked text", 2), doc.some("an alias", 2))},
            {"string": format!("```text\n{}```", doc.some("a code block", 6))},
            {"string": format!("> {}", doc.some("a quote", 7))},
            {"string": doc.paragraph("the last block")},
        ]
    }]);
    one("roam.json", graph.to_string())
}

fn org(doc: &mut Doc) -> Files {
    let mut text = format!(
        "#+TITLE: {}\n#+DATE: <2024-03-05 Tue>\n#+FILETAGS: :a:b:\n\n",
        doc.some("a title", 4)
    );
    text += &doc.body("", "\n\n");
    let _ = write!(
        text,
        "* TODO [#A] {} :tag:\n:PROPERTIES:\n:ID: 1\n:END:\n{}\n\n",
        doc.some("a heading", 4),
        doc.sentence("a section")
    );
    let _ = write!(
        text,
        "# {}\n#+begin_comment\n{}\n#+end_comment\n\n",
        doc.some("a comment", 5),
        doc.some("a comment block", 6)
    );
    let _ = write!(text, "#+begin_quote\n{}\n#+end_quote\n\n", doc.some("a quote", 8));
    let _ = write!(text, "#+begin_src c\n{}\n#+end_src\n\n", doc.some("source", 6));
    let _ = write!(
        text,
        "#+begin_verse\n{}\n{}\n#+end_verse\n\n",
        doc.some("verse", 5),
        doc.some("verse", 5)
    );
    let _ = write!(text, ": {}\n\n", doc.some("a fixed line", 5));
    let _ = write!(text, "#+begin_center\n{}\n#+end_center\n\n", doc.sentence("centred text"));
    let _ = write!(
        text,
        "- {}\n- {} :: {}\n\n",
        doc.some("a list", 4),
        doc.some("a term", 2),
        doc.some("a definition", 4)
    );
    let _ = write!(
        text,
        "| {} | {} |\n|---+---|\n| {} | {} |\n\n",
        doc.some("a table", 2),
        doc.some("a table", 2),
        doc.some("a table", 2),
        doc.some("a table", 2)
    );
    let _ = write!(
        text,
        "{}[fn:1] /{}/ [[https://example.org][{}]]\n\n[fn:1] {}\n\n",
        doc.sentence("a paragraph"),
        doc.some("emphasis", 2),
        doc.some("a link", 2),
        doc.sentence("a footnote")
    );
    let _ = write!(
        text,
        "* COMMENT {}\n{}\n\n* {}\n{}\n",
        doc.some("a commented heading", 3),
        doc.some("a commented section", 9),
        doc.some("a heading", 3),
        doc.paragraph("the last paragraph")
    );
    one("hedges.org", text)
}

fn djot(doc: &mut Doc) -> Files {
    let mut text = format!("# {}\n\n{}", doc.some("a title", 4), doc.body("", "\n\n"));
    let _ = write!(
        text,
        "> {}\n\n``` text\n{}\n```\n\n",
        doc.some("a quote", 8),
        doc.some("a code block", 6)
    );
    let _ = write!(
        text,
        "::: note\n{}\n:::\n\n{{% {} %}}\n\n",
        doc.sentence("a div"),
        doc.some("a comment", 4)
    );
    let _ = write!(
        text,
        "{} _{}_ *{}* [{}](https://example.org)\n",
        doc.paragraph("the last paragraph"),
        doc.some("emphasis", 2),
        doc.some("strong emphasis", 2),
        doc.some("a link", 2)
    );
    one("2024-03-05-hedges.dj", text)
}

fn plain(doc: &mut Doc) -> Files {
    let mut text = format!("{}\n\n", doc.some("a title", 4));
    for _ in 0..3 {
        let _ = write!(
            text,
            "    {}\n{}\n\n",
            doc.sentence("an indented first line"),
            doc.sentence("a wrapped line")
        );
    }
    for _ in 0..3 {
        let _ = write!(text, "        {}\n", doc.some("an indented line", 9));
    }
    let _ = write!(
        text,
        "\n\t{}\n\n* * *\n\n> {}\n\n",
        doc.paragraph("a paragraph after a tab"),
        doc.some("a quote", 8)
    );
    let _ = write!(
        text,
        "{}\n{}\n{}\n\n{}\n",
        doc.some("verse", 4),
        doc.some("verse", 4),
        doc.some("verse", 4),
        doc.body("", "\n\n")
    );
    one("hedges.txt", text)
}

/// HTML blocks that hold words.
fn blocks(doc: &mut Doc) -> String {
    let mut out = doc.body("<p>", "</p>\n");
    let _ =
        write!(out, "<h2>{}</h2><div>{}</div>", doc.some("a heading", 4), doc.paragraph("a div"));
    let _ = write!(
        out,
        "<div><div>{}</div><div><span>{}</span></div></div>",
        doc.sentence("a nested div"),
        doc.sentence("a nested div")
    );
    let _ = write!(
        out,
        "<ul><li>{}</li><li><p>{}</p></li></ul>",
        doc.some("a list", 5),
        doc.some("a list", 5)
    );
    let _ = write!(
        out,
        "<dl><dt>{}</dt><dd>{}</dd></dl>",
        doc.some("a term", 2),
        doc.some("a definition", 5)
    );
    let _ = write!(out, "<blockquote><p>{}</p></blockquote>", doc.some("a quote", 8));
    let _ = write!(out, "<pre><code>{}</code></pre>", doc.some("a code block", 6));
    let _ = write!(
        out,
        "<table><caption>{}</caption><tr><th>{}</th><td>{}</td></tr></table>",
        doc.some("a table's caption", 3),
        doc.some("a table", 2),
        doc.some("a table", 3)
    );
    let _ = write!(
        out,
        "<figure><img src=\"a.jpg\" alt=\"{}\"><figcaption>{}</figcaption></figure>",
        doc.some("the words of a picture", 3),
        doc.some("a caption", 4)
    );
    let _ = write!(
        out,
        "<p>{} <em>{}</em> <code>{}</code> <a href=\"https://example.org\">{}</a> <math><mi>{}</mi></math></p>",
        doc.sentence("a paragraph"),
        doc.some("emphasis", 2),
        doc.some("a code span", 2),
        doc.some("a link", 2),
        doc.some("mathematics", 1)
    );
    let _ = write!(
        out,
        "<menu><li>{}</li></menu><details><summary>{}</summary><p>{}</p></details>",
        doc.some("a menu", 4),
        doc.some("a summary", 3),
        doc.sentence("details")
    );
    let _ = write!(
        out,
        "<p hidden>{}</p><p style=\"display:none\">{}</p>",
        doc.some("hidden text", 5),
        doc.some("hidden text", 5)
    );
    let _ = write!(
        out,
        "<p>{}<sup><a href=\"#fn1\">1</a></sup></p><section class=\"footnotes\"><ol><li id=\"fn1\">{}</li></ol></section>",
        doc.sentence("a paragraph"),
        doc.sentence("a footnote")
    );
    let _ = write!(out, "<p>{}</p>", doc.paragraph("the last paragraph"));
    out
}

fn page(doc: &mut Doc) -> Files {
    let title = doc.some("a title", 4);
    let text = format!(
        "<!doctype html><html><head><title>{title}</title><style>p {{ color: red }}</style><script>var a = 1;</script></head><body>\
        <header><nav><ul><li><a href=\"/\">{}</a></li><li><a href=\"/b\">{}</a></li></ul></nav></header>\
        <main><article><header><h1>{title}</h1><p class=\"lede\">{}</p></header>{}<aside>{}</aside></article></main>\
        <section class=\"comments\"><h3>{}</h3><p>{}</p></section>\
        <aside class=\"sidebar\"><ul><li><a href=\"/c\">{}</a></li></ul></aside><footer><p>{}</p></footer></body></html>",
        doc.some("navigation", 3),
        doc.some("navigation", 3),
        doc.sentence("a lede"),
        blocks(doc),
        doc.sentence("a note in the margin"),
        doc.some("the head of comments", 2),
        doc.some("a comment by a reader", 12),
        doc.some("a sidebar", 4),
        doc.some("a footer", 6),
    );
    one("saved/hedges.html", text)
}

fn bare_page(doc: &mut Doc) -> Files {
    let text = format!(
        "<html><head><title>{}</title></head><body><div id=\"menu\"><a href=\"/\">{}</a> <a href=\"/b\">{}</a></div><div class=\"a\">{}</div><div class=\"b\">{}</div></body></html>",
        doc.some("a title", 3),
        doc.some("navigation", 2),
        doc.some("navigation", 2),
        doc.body("<p>", "</p>"),
        doc.body("", "<br><br>"),
    );
    one("saved/hedges.htm", text)
}

fn form(doc: &mut Doc) -> Files {
    let text = format!(
        "<html><body><form action=\"/\"><h1>{}</h1>{}<input value=\"a\"><button>{}</button></form></body></html>",
        doc.some("a title", 3),
        blocks(doc),
        doc.some("a button", 2)
    );
    one("saved/form.html", text)
}

fn fragment(doc: &mut Doc) -> Files {
    let text = blocks(doc);
    one("posts/hedges.html", text)
}

fn mhtml(doc: &mut Doc) -> Files {
    let (_, page) = page(doc).remove(0);
    let mut text = b"From: <Saved by Blink>\r\nSnapshot-Content-Location: https://example.org/a\r\nSubject: a\r\nDate: Tue, 5 Mar 2024 08:00:00 -0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; type=\"text/html\"; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Location: https://example.org/a\r\n\r\n".to_vec();
    text.extend(page);
    text.extend(b"\r\n--b--\r\n");
    vec![("hedges.mhtml".to_owned(), text)]
}

fn epub(doc: &mut Doc) -> Files {
    let chapter = |doc: &mut Doc, n: usize| {
        let body = if n == 1 {
            format!("<p>{}</p>", doc.some("a short chapter", 12))
        } else {
            blocks(doc)
        };
        format!(
            "<html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>x</title></head><body><h1>{}</h1>{body}</body></html>",
            doc.some("the title of a chapter", 3)
        )
    };
    let chapters: Vec<String> = (0..3).map(|n| chapter(doc, n)).collect();
    let nav = format!(
        "<html xmlns=\"http://www.w3.org/1999/xhtml\" xmlns:epub=\"http://www.idpf.org/2007/ops\"><body><nav epub:type=\"toc\"><h2>{}</h2></nav></body></html>",
        doc.some("a table of contents", 2)
    );
    let items: String = (0..3)
        .map(|n| {
            format!(
                "<item id=\"c{n}\" href=\"c%20{n}.xhtml\" media-type=\"application/xhtml+xml\"/>"
            )
        })
        .collect();
    let spine: String = (0..3).map(|n| format!("<itemref idref=\"c{n}\"/>")).collect();
    let package = format!(
        "<package xmlns=\"http://www.idpf.org/2007/opf\"><metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>A book</dc:title></metadata><manifest>{items}<item id=\"nav\" href=\"nav.xhtml\" properties=\"nav\" media-type=\"application/xhtml+xml\"/></manifest><spine><itemref idref=\"nav\"/>{spine}</spine></package>"
    );
    let mut members = vec![
        ("mimetype", "application/epub+zip".to_owned()),
        ("META-INF/container.xml", "<container><rootfiles><rootfile full-path=\"OEBPS/content.opf\"/></rootfiles></container>".to_owned()),
        ("OEBPS/content.opf", package),
        ("OEBPS/nav.xhtml", nav),
    ];
    for (name, chapter) in
        ["OEBPS/c 0.xhtml", "OEBPS/c 1.xhtml", "OEBPS/c 2.xhtml"].into_iter().zip(chapters)
    {
        members.push((name, chapter));
    }
    zip("book.epub", members)
}

fn docx(doc: &mut Doc) -> Files {
    let run = |text: &str| format!("<w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r>");
    let paragraph = |style: &str, inner: &str| {
        let style = if style.is_empty() {
            String::new()
        } else {
            format!("<w:pPr><w:pStyle w:val=\"{style}\"/></w:pPr>")
        };
        format!("<w:p>{style}{inner}</w:p>")
    };
    let mut body = paragraph("Title", &run(&doc.some("a title", 4)));
    for _ in 0..5 {
        body += &paragraph("", &run(&doc.paragraph("a paragraph")));
    }
    body += &paragraph("Heading1", &run(&doc.some("a heading", 3)));
    body += &paragraph("Header", &run(&doc.sentence("a paragraph in the style Header")));
    body += &paragraph("Footer", &run(&doc.sentence("a paragraph in the style Footer")));
    body += &paragraph("Quote", &run(&doc.some("a quote", 7)));
    body += &paragraph(
        "",
        &format!(
            "<w:ins w:id=\"1\" w:author=\"A\" w:date=\"2024-03-05T00:00:00Z\">{}</w:ins>{}",
            run(&doc.sentence("an insertion")),
            run(&doc.sentence("a paragraph"))
        ),
    );
    body += &paragraph(
        "",
        &format!(
            "<w:r><w:rPr><w:vanish/></w:rPr><w:t>{}</w:t></w:r>{}",
            doc.some("hidden text", 5),
            run(&doc.sentence("a paragraph"))
        ),
    );
    body += &paragraph(
        "",
        &format!(
            "<w:hyperlink r:id=\"r9\">{}</w:hyperlink><w:fldSimple w:instr=\"PAGE\">{}</w:fldSimple><w:smartTag>{}</w:smartTag>",
            run(&doc.some("a link", 3)),
            run(&doc.some("a field", 2)),
            run(&doc.some("a smart tag", 2))
        ),
    );
    body += &format!(
        "<w:sdt><w:sdtContent>{}</w:sdtContent></w:sdt>",
        paragraph("", &run(&doc.sentence("a content control")))
    );
    body += &format!(
        "<w:tbl><w:tr><w:tc>{}</w:tc><w:tc>{}</w:tc></w:tr></w:tbl>",
        paragraph("", &run(&doc.some("a table", 3))),
        paragraph("", &run(&doc.some("a table", 3)))
    );
    let shape = doc.sentence("a text box");
    let shape = paragraph("", &run(&shape));
    body += &paragraph(
        "",
        &format!(
            "<w:r><mc:AlternateContent><mc:Choice Requires=\"wps\"><w:drawing><wps:txbx><w:txbxContent>{shape}</w:txbxContent></wps:txbx></w:drawing></mc:Choice><mc:Fallback><w:pict><v:textbox><w:txbxContent>{shape}</w:txbxContent></v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
        ),
    );
    body += &paragraph(
        "",
        &format!(
            "{}<w:r><w:footnoteReference w:id=\"2\"/></w:r>",
            run(&doc.sentence("a paragraph"))
        ),
    );
    body += "<w:altChunk r:id=\"r5\"/>";
    body += &paragraph("", &run(&doc.paragraph("the last paragraph")));
    let spaces = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\" xmlns:wps=\"http://schemas.microsoft.com/office/word/2010/wordprocessingShape\" xmlns:v=\"urn:schemas-microsoft-com:vml\"";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    zip(
        "letter.docx",
        vec![
            (
                "_rels/.rels",
                format!(
                    "<Relationships><Relationship Id=\"r1\" Type=\"{office}/officeDocument\" Target=\"word/document2.xml\"/></Relationships>"
                ),
            ),
            (
                "word/document2.xml",
                format!("<w:document {spaces}><w:body>{body}</w:body></w:document>"),
            ),
            (
                "word/_rels/document2.xml.rels",
                format!(
                    "<Relationships><Relationship Id=\"r5\" Type=\"{office}/aFChunk\" Target=\"chunk.html\"/><Relationship Id=\"r9\" Type=\"{office}/hyperlink\" Target=\"https://example.org\" TargetMode=\"External\"/><Relationship Id=\"r2\" Type=\"{office}/footnotes\" Target=\"footnotes.xml\"/><Relationship Id=\"r3\" Type=\"{office}/comments\" Target=\"comments.xml\"/><Relationship Id=\"r4\" Type=\"{office}/header\" Target=\"header1.xml\"/></Relationships>"
                ),
            ),
            (
                "word/footnotes.xml",
                format!(
                    "<w:footnotes {spaces}><w:footnote w:id=\"2\">{}</w:footnote></w:footnotes>",
                    paragraph("", &run(&doc.sentence("a footnote")))
                ),
            ),
            (
                "word/comments.xml",
                format!(
                    "<w:comments {spaces}><w:comment w:id=\"1\" w:author=\"B\">{}</w:comment></w:comments>",
                    paragraph("", &run(&doc.some("a comment by a reader", 8)))
                ),
            ),
            (
                "word/header1.xml",
                format!(
                    "<w:hdr {spaces}>{}</w:hdr>",
                    paragraph("", &run(&doc.some("the head of a page", 4)))
                ),
            ),
            (
                "word/chunk.html",
                format!("<html><body><p>{}</p></body></html>", doc.sentence("an embedded chunk")),
            ),
        ],
    )
}

fn odt(doc: &mut Doc) -> Files {
    let mut body = format!("<text:h text:outline-level=\"1\">{}</text:h>", doc.some("a title", 4));
    for _ in 0..5 {
        let _ = write!(body, "<text:p>{}</text:p>", doc.paragraph("a paragraph"));
    }
    let _ = write!(
        body,
        "<text:p>{}<text:s text:c=\"2\"/>{}<text:line-break/>{}</text:p>",
        doc.sentence("a paragraph"),
        doc.sentence("text after blanks"),
        doc.sentence("text after a line break")
    );
    let _ = write!(
        body,
        "<text:list><text:list-item><text:p>{}</text:p></text:list-item></text:list>",
        doc.some("a list", 5)
    );
    let _ = write!(
        body,
        "<table:table><table:table-row><table:table-cell><text:p>{}</text:p></table:table-cell><table:table-cell><text:p>{}</text:p></table:table-cell></table:table-row></table:table>",
        doc.some("a table", 3),
        doc.some("a table", 3)
    );
    let _ = write!(
        body,
        "<text:p>{}<text:note text:note-class=\"footnote\"><text:note-citation>1</text:note-citation><text:note-body><text:p>{}</text:p></text:note-body></text:note><text:a xlink:href=\"https://example.org\">{}</text:a><text:span>{}</text:span></text:p>",
        doc.sentence("a paragraph"),
        doc.sentence("a footnote"),
        doc.some("a link", 2),
        doc.some("a span", 2)
    );
    let _ = write!(
        body,
        "<text:p>{}<office:annotation><dc:creator>B</dc:creator><text:p>{}</text:p></office:annotation></text:p>",
        doc.sentence("a paragraph"),
        doc.some("a comment by a reader", 7)
    );
    let _ = write!(
        body,
        "<text:p><draw:frame><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame></text:p><text:section><text:p>{}</text:p></text:section>",
        doc.sentence("a text box"),
        doc.sentence("a section")
    );
    let _ = write!(body, "<text:p>{}</text:p>", doc.paragraph("the last paragraph"));
    let names = ["office", "text", "table", "draw"]
        .map(|name| {
            format!(
                "xmlns:{name}=\"urn:oasis:names:tc:opendocument:xmlns:{}:1.0\"",
                if name == "draw" { "drawing" } else { name }
            )
        })
        .join(" ");
    let content = format!(
        "<?xml version=\"1.0\"?><office:document-content {names} xmlns:xlink=\"http://www.w3.org/1999/xlink\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><office:body><office:text>{body}</office:text></office:body></office:document-content>"
    );
    zip(
        "letter.odt",
        vec![
            ("mimetype", "application/vnd.oasis.opendocument.text".to_owned()),
            ("content.xml", content),
            ("META-INF/manifest.xml", "<manifest:manifest/>".to_owned()),
        ],
    )
}

fn rtf(doc: &mut Doc) -> Files {
    let mut text = "{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Serif;}}{\\info{\\title ".to_owned();
    let _ = write!(text, "{}}}}}", doc.some("a title", 3));
    for _ in 0..5 {
        let _ = write!(text, "\\pard {}\\par\n", doc.paragraph("a paragraph"));
    }
    let _ = write!(
        text,
        "\\pard {{\\b {}}} {{\\v {}}} {}{{\\footnote\\pard {}}}\\par\n",
        doc.some("strong emphasis", 2),
        doc.some("hidden text", 4),
        doc.sentence("a paragraph"),
        doc.sentence("a footnote")
    );
    let _ = write!(
        text,
        "{{\\header {}\\par}}{{\\deleted {}}}{{\\revised {}}}\\par\n",
        doc.some("the head of a page", 3),
        doc.some("deleted text", 4),
        doc.sentence("an insertion")
    );
    let _ = write!(
        text,
        "{{\\field{{\\*\\fldinst HYPERLINK \"https://example.org\"}}{{\\fldrslt {}}}}}{{\\*\\annotation {}}}\\par\n",
        doc.some("a link", 3),
        doc.some("a comment by a reader", 6)
    );
    let _ = write!(
        text,
        "\\trowd\\cellx100\\cellx200 {}\\cell {}\\cell\\row\\pard {}\\par}}",
        doc.some("a table", 3),
        doc.some("a table", 3),
        doc.paragraph("the last paragraph")
    );
    one("letter.rtf", text)
}

const HEAD: &str = "From: A Writer <a@example.org>\r\nTo: B <b@example.org>\r\nDate: Tue, 5 Mar 2024 08:00:00 +0000\r\nMIME-Version: 1.0\r\n";

/// The text of a mail: new text, a signature, and the quoted message.
fn letter(doc: &mut Doc) -> String {
    format!(
        "{}-- \r\n{}\r\n\r\nOn Mon, 4 Mar 2024 at 09:00, B <b@example.org> wrote:\r\n> {}\r\n> {}\r\n>> {}\r\n",
        doc.body("", "\r\n\r\n"),
        doc.some("a signature", 4),
        doc.some("a quoted reply", 30),
        doc.some("a quoted reply", 30),
        doc.some("a quoted reply", 30)
    )
}

fn mail(doc: &mut Doc) -> Files {
    let text = format!(
        "{HEAD}Subject: {}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}",
        doc.some("a title", 3),
        letter(doc)
    );
    one("letter.eml", text)
}

fn html_mail(doc: &mut Doc) -> Files {
    let text = format!(
        "{HEAD}Subject: {}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>{}<div class=\"gmail_quote\"><div class=\"gmail_attr\">{}</div><blockquote class=\"gmail_quote\">{}</blockquote></div></body></html>",
        doc.some("a title", 3),
        doc.body("<div>", "</div><div><br></div>"),
        doc.some("the line above a quoted reply", 6),
        doc.some("a quoted reply", 40)
    );
    one("letter.eml", text)
}

fn mailbox(doc: &mut Doc) -> Files {
    let mut text = String::new();
    for _ in 0..3 {
        let _ = write!(
            text,
            "From a@example.org Tue Mar  5 08:00:00 2024\n{HEAD}Subject: {}\r\nMessage-ID: <1@example.org>\r\n\r\n{}\n\n",
            doc.some("a title", 3),
            letter(doc)
        );
    }
    one("letters.mbox", text)
}

fn enex(doc: &mut Doc) -> Files {
    let note = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE en-note SYSTEM \"http://xml.evernote.com/pub/enml2.dtd\"><en-note>{}<div><en-todo checked=\"true\"/>{}</div><div style=\"-en-codeblock:true\"><div>{}</div></div><en-crypt>QUJDREVG</en-crypt><div>{}</div></en-note>",
        blocks(doc),
        doc.some("a task", 4),
        doc.some("a code block", 6),
        doc.paragraph("the last paragraph")
    );
    let text = format!(
        "<?xml version=\"1.0\"?><en-export><note><title>{}</title><content><![CDATA[{note}]]></content><created>20240305T080000Z</created></note></en-export>",
        doc.some("a title", 3)
    );
    one("notes.enex", text)
}

const WXR: &str = "xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" xmlns:excerpt=\"http://wordpress.org/export/1.2/excerpt/\" xmlns:wp=\"http://wordpress.org/export/1.2/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"";

fn wordpress(doc: &mut Doc) -> Files {
    let body = format!(
        "<!-- wp:paragraph --><p>{}</p><!-- /wp:paragraph -->{}<!-- wp:verse --><pre class=\"wp-block-verse\">{}\n{}</pre><!-- /wp:verse --><!-- wp:code --><pre class=\"wp-block-code\"><code>{}</code></pre><!-- /wp:code --><!-- wp:button --><div class=\"wp-block-button\"><a>{}</a></div><!-- /wp:button -->[caption id=\"a\"]<img src=\"a.jpg\"> {}[/caption]",
        doc.paragraph("a paragraph"),
        blocks(doc),
        doc.some("verse", 5),
        doc.some("verse", 5),
        doc.some("a code block", 5),
        doc.some("a button", 2),
        doc.some("a caption", 4),
    );
    let item = |doc: &mut Doc, body: &str, status: &str| {
        format!(
            "<item><title>{}</title><dc:creator>a</dc:creator><content:encoded><![CDATA[{body}]]></content:encoded><excerpt:encoded><![CDATA[{}]]></excerpt:encoded><wp:post_id>1</wp:post_id><wp:post_date>2024-03-05 08:00:00</wp:post_date><wp:status>{status}</wp:status><wp:post_type>post</wp:post_type><wp:comment><wp:comment_author>B</wp:comment_author><wp:comment_content><![CDATA[{}]]></wp:comment_content></wp:comment></item>",
            doc.some("a title", 3),
            doc.some("an excerpt", 8),
            doc.some("a comment by a reader", 10)
        )
    };
    let thrown = doc.some("a post in the trash", 30);
    let text = format!(
        "<?xml version=\"1.0\"?><rss {WXR}><channel><title>a blog</title>{}{}</channel></rss>",
        item(doc, &body, "publish"),
        item(doc, &thrown, "trash")
    );
    one("blog.xml", text)
}

fn classic(doc: &mut Doc) -> Files {
    let body = format!(
        "{}\n\n<strong>{}</strong> {}\n\n<blockquote>{}</blockquote>\n\n[gallery ids=\"1\"]\n\n[code]{}[/code]\n\n{}",
        doc.paragraph("a paragraph"),
        doc.some("strong emphasis", 2),
        doc.paragraph("a paragraph"),
        doc.some("a quote", 8),
        doc.some("a code block", 6),
        doc.body("", "\n\n")
    );
    let text = format!(
        "<?xml version=\"1.0\"?><rss {WXR}><channel><item><title>{}</title><content:encoded><![CDATA[{body}]]></content:encoded><wp:post_type>post</wp:post_type></item></channel></rss>",
        doc.some("a title", 3)
    );
    one("old-blog.xml", text)
}

fn escaped(html: &str) -> String {
    html.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn blogger(doc: &mut Doc) -> Files {
    let kind = |kind: &str| {
        format!(
            "<category scheme=\"http://schemas.google.com/g/2005#kind\" term=\"http://schemas.google.com/blogger/2008/kind#{kind}\"/>"
        )
    };
    let post = escaped(&blocks(doc));
    let text = format!(
        "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\"><generator>Blogger</generator><title>a blog</title>\
        <entry><id>tag:blogger.com,1999:blog-1.post-1</id>{}<title>{}</title><published>2024-03-05T08:00:00Z</published><content type=\"html\">{post}</content><author><name>A</name></author></entry>\
        <entry><id>tag:blogger.com,1999:blog-1.post-2</id>{}<title>x</title><published>2024-03-06T08:00:00Z</published><content type=\"html\">{}</content><author><name>B</name></author></entry></feed>",
        kind("post"),
        doc.some("a title", 3),
        kind("comment"),
        doc.some("a comment by a reader", 20)
    );
    one("blog.atom", text)
}

fn ghost(doc: &mut Doc) -> Files {
    let lexical = serde_json::json!({"root": {"type": "root", "children": [
        {"type": "paragraph", "children": [{"type": "text", "text": doc.paragraph("a paragraph")}, {"type": "link", "url": "https://example.org", "children": [{"type": "text", "text": doc.some("a link", 2)}]}]},
        {"type": "heading", "tag": "h2", "children": [{"type": "text", "text": doc.some("a heading", 3)}]},
        {"type": "list", "listType": "bullet", "children": [{"type": "listitem", "children": [{"type": "text", "text": doc.some("a list", 4)}]}]},
        {"type": "callout", "calloutText": doc.sentence("a callout")},
        {"type": "toggle", "heading": doc.some("the head of a toggle", 3), "content": format!("<p>{}</p>", doc.sentence("a toggle"))},
        {"type": "html", "html": format!("<p>{}</p>", doc.sentence("a card of HTML"))},
        {"type": "markdown", "markdown": doc.sentence("a card of Markdown")},
        {"type": "codeblock", "code": doc.some("a code block", 5)},
        {"type": "image", "src": "a.jpg", "caption": doc.some("a caption", 4)},
        {"type": "button", "buttonText": doc.some("a button", 2)},
        {"type": "paragraph", "children": [{"type": "text", "text": doc.paragraph("the last paragraph")}]},
    ]}});
    let export = serde_json::json!({"db": [{"meta": {}, "data": {"posts": [
        {"id": "1", "title": doc.some("a title", 3), "slug": "hedges", "html": blocks(doc), "status": "published", "published_at": "2024-03-05T08:00:00.000Z"},
        {"id": "2", "title": doc.some("a title", 3), "slug": "fences", "lexical": lexical.to_string(), "status": "draft"},
    ]}}]});
    one("ghost.json", export.to_string())
}

fn substack(doc: &mut Doc) -> Files {
    let list = format!(
        "post_id,post_date,is_published,type,title,subtitle\n1.hedges,2024-03-05T08:00:00.000Z,true,newsletter,{},{}\n",
        doc.some("a title", 3),
        doc.some("a subtitle", 5)
    );
    let post = format!(
        "{}<p class=\"button-wrapper\"><a class=\"button\">{}</a></p><div class=\"subscription-widget-wrap\"><p>{}</p></div>",
        blocks(doc),
        doc.some("a button", 2),
        doc.some("a call to subscribe", 6)
    );
    zip("substack.zip", vec![("posts.csv", list), ("posts/1.hedges.html", post)])
}

fn medium(doc: &mut Doc) -> Files {
    let title = doc.some("a title", 3);
    let post = format!(
        "<!DOCTYPE html><html><head><title>{title}</title></head><body><article class=\"h-entry\"><header><h1 class=\"p-name\">{title}</h1></header><section data-field=\"subtitle\" class=\"p-summary\">{}</section><section data-field=\"body\" class=\"e-content\">{}</section><footer><p>{}</p></footer></article></body></html>",
        doc.some("a subtitle", 5),
        blocks(doc),
        doc.some("a footer", 5)
    );
    zip("medium.zip", vec![("posts/2024-03-05_hedges-0123456789ab.html", post)])
}

fn tumblr(doc: &mut Doc) -> Files {
    let post = format!(
        "<!DOCTYPE HTML><html><body><h1>{}</h1>{}<div id=\"footer\"><span id=\"timestamp\"> March 5th, 2024 8:00am </span><span class=\"tag\">a</span></div></body></html>",
        doc.some("a title", 3),
        blocks(doc)
    );
    zip(
        "tumblr.zip",
        vec![
            ("posts/html/1.html", post),
            (
                "posts/posts_index.html",
                "<html><body><a href=\"html/1.html\">1</a></body></html>".to_owned(),
            ),
        ],
    )
}

fn rss(doc: &mut Doc) -> Files {
    let text = format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>a blog</title><description>a blog</description><item><title>{}</title><pubDate>Tue, 05 Mar 2024 08:00:00 GMT</pubDate><description><![CDATA[{}]]></description></item></channel></rss>",
        doc.some("a title", 3),
        blocks(doc)
    );
    one("feed.rss", text)
}

fn atom(doc: &mut Doc) -> Files {
    let text = format!(
        "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\"><title>a blog</title><entry><title>{}</title><id>1</id><published>2024-03-05T08:00:00Z</published><content type=\"xhtml\"><div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div></content></entry></feed>",
        doc.some("a title", 3),
        doc.body("<p>", "</p>")
    );
    one("feed.atom", text)
}

fn json_feed(doc: &mut Doc) -> Files {
    let feed = serde_json::json!({"version": "https://jsonfeed.org/version/1.1", "title": "a blog", "items": [{"id": "1", "title": doc.some("a title", 3), "date_published": "2024-03-05T08:00:00Z", "content_html": blocks(doc)}, {"id": "2", "content_text": doc.body("", "\n\n")}]});
    one("feed.json", feed.to_string())
}

fn dayone(doc: &mut Doc) -> Files {
    let journal = serde_json::json!({"metadata": {"version": "1.0"}, "entries": [{"uuid": "1", "creationDate": "2024-03-05T08:00:00Z", "timeZone": "Europe/Berlin", "text": format!("# {}\n\n{}", doc.some("a title", 3), common(doc))}, {"uuid": "2", "creationDate": "2024-03-06T08:00:00Z", "text": doc.body("", "\n\n")}]});
    zip("dayone.zip", vec![("Journal.json", journal.to_string())])
}

fn keep(doc: &mut Doc) -> Files {
    let note = serde_json::json!({"title": doc.some("a title", 3), "userEditedTimestampUsec": 1_709_600_000_000_000_i64, "isTrashed": false, "textContent": doc.body("", "\n\n")});
    let list = serde_json::json!({"title": doc.some("a title", 3), "userEditedTimestampUsec": 1_709_600_000_000_000_i64, "isTrashed": false, "listContent": [{"text": doc.some("a list", 5), "isChecked": true}, {"text": doc.some("a list", 5), "isChecked": false}], "annotations": [{"description": "x", "source": "WEBLINK", "title": "x", "url": "https://example.org"}]});
    let trashed = serde_json::json!({"title": "x", "isTrashed": true, "textContent": doc.some("a note in the trash", 12)});
    zip(
        "takeout.zip",
        vec![
            ("Takeout/Keep/a.json", note.to_string()),
            ("Takeout/Keep/b.json", list.to_string()),
            ("Takeout/Keep/c.json", trashed.to_string()),
        ],
    )
}

fn bear(doc: &mut Doc) -> Files {
    let text = format!("# {}\n#tag\n\n{}", doc.some("a title", 3), common(doc));
    zip("notes.bear2bk", vec![("notes/a.textbundle/text.md", text), ("notes/a.textbundle/info.json", "{\"net.shinyfrog.bear\":{\"creationDate\":\"2024-03-05T08:00:00Z\",\"trashed\":0}}".to_owned())])
}

fn notion(doc: &mut Doc) -> Files {
    let text = format!(
        "# {}\n\nCreated: March 5, 2024 8:00 AM\n\n{}",
        doc.some("a title", 3),
        common(doc)
    );
    zip(
        "export.zip",
        vec![(
            "Notes 0123456789abcdef0123456789abcdef/Hedges 0123456789abcdef0123456789abcdee.md",
            text,
        )],
    )
}

fn table(doc: &mut Doc) -> Files {
    let cell = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
    let text = format!(
        "title,subtitle,content,date\n{},{},{},2024-03-05\n",
        cell(doc.some("a title", 3)),
        cell(doc.some("a subtitle", 4)),
        cell(blocks(doc))
    );
    one("posts.csv", text)
}

fn movable_type(doc: &mut Doc) -> Files {
    let mut text = String::new();
    for _ in 0..2 {
        let _ = write!(
            text,
            "AUTHOR: A\nTITLE: {}\nSTATUS: Publish\nDATE: 03/05/2024 08:00:00 AM\n-----\nBODY:\n{}\n-----\nEXTENDED BODY:\n{}\n-----\nEXCERPT:\n{}\n-----\nKEYWORDS:\n\n-----\nCOMMENT:\nAUTHOR: B\nEMAIL: b@example.org\nDATE: 03/06/2024 08:00:00 AM\n{}\n-----\n--------\n",
            doc.some("a title", 3),
            doc.body("<p>", "</p>\n"),
            doc.paragraph("an extended body"),
            doc.some("an excerpt", 7),
            doc.some("a comment by a reader", 9)
        );
    }
    one("export.txt", text)
}

fn standard_notes(doc: &mut Doc) -> Files {
    let backup = serde_json::json!({"version": "004", "items": [{"content_type": "Note", "uuid": "1", "created_at": "2024-03-05T08:00:00.000Z", "content": {"title": doc.some("a title", 3), "text": doc.body("", "\n\n")}}, {"content_type": "Tag", "uuid": "2", "content": {"title": "x"}}]});
    one("Standard Notes Backup.txt", backup.to_string())
}
