//! Files that hold one text: Markdown, HTML, Org, Djot, plain text.

use super::pieces::MOSTLY_SYMBOLS;
use super::{Importer, NOT_TEXT};
use crate::archive::sniff::Format;
use crate::archive::{decode, front_matter, html, markdown, note_apps, org, plain_text};
use crate::words;

impl Importer<'_> {
    pub(super) fn import_text(
        &mut self,
        name: &str,
        inner_path: &str,
        bytes: &[u8],
        format: Format,
    ) {
        let Some(text) = decode::decode_text(bytes) else {
            return self.warn(name, NOT_TEXT);
        };
        let front = match format {
            Format::PlainText => front_matter::split_plain(&text),
            _ => front_matter::split(&text),
        };
        if let Some(warning) = front.warning {
            self.warn(name, warning);
        }
        // An HTML file without tags is Markdown with the wrong extension.
        let tagged = || ["</", "/>", "<p>"].iter().any(|tag| front.body.contains(tag));
        let is_page = format == Format::Html && tagged();
        if !is_page && markdown::is_mostly_symbols(front.body) {
            return self.warn_about(name, MOSTLY_SYMBOLS, words::count(front.body));
        }
        let mut metadata = front.metadata;
        let mut omissions = front.omissions;
        let mut heading = None;
        let text = match format {
            Format::Html if is_page => {
                let page = html::page(&markdown::preformatted(front.body, &mut omissions));
                if page.is_cut {
                    self.warn(name, "The page is too long; only its beginning was kept.");
                }
                metadata.date = metadata.date.or(page.date);
                metadata.author = metadata.author.or(page.author);
                metadata.kind = metadata.kind.or(page.kind.map(str::to_owned));
                heading = page.title;
                omissions.merge(&page.omissions);
                page.text
            }
            Format::PlainText => {
                let (title, body) = match plain_text::title(front.body) {
                    Some((title, body)) => (Some(title), body),
                    None => (None, front.body),
                };
                heading = title;
                plain_text::join_wrapped_lines(body)
            }
            Format::Org if org::is_outline(front.body) => {
                let (found, points) = org::outline(front.body);
                metadata = metadata.or(found);
                note_apps::outline_to_markdown(&points, &mut omissions)
            }
            Format::Org => {
                let (found, text) = org::read(front.body, &mut omissions);
                metadata = metadata.or(found);
                text
            }
            Format::Djot if is_slow_djot(front.body) => {
                return self.warn_about(name, MOSTLY_SYMBOLS, words::count(front.body));
            }
            Format::Djot => {
                for comment in front.body.split("{%").skip(1) {
                    let comment = comment.split("%}").next().unwrap_or_default();
                    omissions.add("in hidden comments", comment);
                }
                html::fragment(&jotdown::html::render_to_string(jotdown::Parser::new(front.body)))
            }
            _ => {
                let common = note_apps::read(inner_path, front.body, &mut metadata, &mut omissions);
                markdown::clean(&common, &mut omissions)
            }
        };
        self.keep(name, inner_path, metadata, heading, text, omissions);
    }
}

/// Returns true for a text that the Djot parser would read in quadratic time.
fn is_slow_djot(text: &str) -> bool {
    const MAX_SYMBOLS: usize = 10_000;
    text.split("\n\n").any(|paragraph| markdown::has_more_symbols(paragraph, MAX_SYMBOLS))
}
