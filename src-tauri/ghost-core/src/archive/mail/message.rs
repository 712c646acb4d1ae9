//! The text of one mail: which parts are read, and which words are the writer's.

use mailparse::{DispositionType, ParsedMail};

use super::attribution::MailContext;
use super::quote_elements::{self, QuoteKind};
use super::{charset, flowed, reply};
use crate::archive::omissions::Omissions;
use crate::archive::{html, plain_text};

/// Nested parts of one mail.
const MAX_DEPTH: usize = 8;

const ATTACHED: &str = "in attachments";
const FORWARDED: &str = "in a forwarded message";

/// The writer's words of a mail, as Markdown.
pub(super) fn text(mail: &ParsedMail, context: &MailContext, omissions: &mut Omissions) -> String {
    let mut texts = Vec::new();
    collect_text(mail, context, 0, &mut texts, omissions);
    texts.retain(|text| !text.trim().is_empty());
    texts.join("\n\n")
}

/// The first HTML part of a mail, unchanged.
pub(super) fn markup(mail: &ParsedMail, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    if is_html(mail) {
        return body(mail);
    }
    mail.subparts.iter().find_map(|part| markup(part, depth + 1))
}

fn is_html(part: &ParsedMail) -> bool {
    matches!(part.ctype.mimetype.as_str(), "text/html" | "application/xhtml+xml")
}

fn is_plain(part: &ParsedMail) -> bool {
    part.ctype.mimetype == "text/plain"
}

/// The text of a part.
fn body(part: &ParsedMail) -> Option<String> {
    let label = part.ctype.params.get("charset").map(String::as_str);
    charset::text(&part.get_body_raw().ok()?, label).map(|text| text.replace("\r\n", "\n"))
}

/// Reads a part and its subparts, in order.
fn collect_text(
    part: &ParsedMail,
    context: &MailContext,
    depth: usize,
    texts: &mut Vec<String>,
    omissions: &mut Omissions,
) {
    if depth > MAX_DEPTH {
        return;
    }
    let sort = part.ctype.mimetype.as_str();
    if part.get_content_disposition().disposition == DispositionType::Attachment {
        return count(part, ATTACHED, depth, omissions);
    }
    match sort {
        "multipart/alternative" => texts.extend(best_alternative(part, context, depth, omissions)),
        _ if sort.starts_with("multipart/") => {
            part.subparts
                .iter()
                .for_each(|part| collect_text(part, context, depth + 1, texts, omissions));
        }
        "message/rfc822" => count(part, FORWARDED, depth, omissions),
        "text/plain" => {
            texts.extend(body(part).map(|text| plain_part_text(part, &text, context, omissions)))
        }
        _ if is_html(part) => {
            texts.extend(body(part).map(|text| html_part_text(&text, context, omissions)))
        }
        _ => {}
    }
}

/// Picks the best of several forms of one text. A reply is read as plain text if that is complete; of a
/// newsletter, only the HTML has headings and lists.
fn best_alternative(
    mail: &ParsedMail,
    context: &MailContext,
    depth: usize,
    omissions: &mut Omissions,
) -> Option<String> {
    let find = |is: &dyn Fn(&ParsedMail) -> bool| {
        // The HTML may be next to its pictures in a multipart.
        mail.subparts.iter().rev().find(|part| is(part) || part.subparts.iter().any(is))
    };
    let (typed, page) = (find(&is_plain), find(&is_html));
    let count_words = |part: &ParsedMail| {
        let mut omissions = Omissions::default();
        count(part, ATTACHED, depth, &mut omissions);
        omissions.words()
    };
    let best = match (typed, page) {
        (Some(typed), Some(page)) => {
            let (typed_words, page_words) = (count_words(typed), count_words(page));
            let enough = |some: usize, all: usize| some > 0 && some * 10 >= all * 9;
            let typed_first = match context.is_reply {
                true => enough(typed_words, page_words),
                false => !enough(page_words, typed_words),
            };
            if typed_first { typed } else { page }
        }
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => mail.subparts.last()?,
    };
    let mut texts = Vec::new();
    collect_text(best, context, depth + 1, &mut texts, omissions);
    Some(texts.join("\n\n"))
}

/// Counts all words of a part that is not kept.
fn count(part: &ParsedMail, what: &'static str, depth: usize, omissions: &mut Omissions) {
    if depth > MAX_DEPTH {
        return;
    }
    let sort = part.ctype.mimetype.as_str();
    match sort {
        "message/rfc822" => {
            let raw = part.get_body_raw().unwrap_or_default();
            if let Ok(inner) = mailparse::parse_mail(&raw) {
                count(&inner, what, depth + 1, omissions);
            }
        }
        "multipart/alternative" => {
            part.subparts
                .last()
                .into_iter()
                .for_each(|part| count(part, what, depth + 1, omissions));
        }
        _ if sort.starts_with("multipart/") => {
            part.subparts.iter().for_each(|part| count(part, what, depth + 1, omissions));
        }
        _ if is_html(part) => {
            let text = body(part).map(|text| html::fragment(&text)).unwrap_or_default();
            reply::count(omissions, what, &text);
        }
        "text/plain" | "text/markdown" => {
            reply::count(omissions, what, &body(part).unwrap_or_default());
        }
        _ => {}
    }
}

/// The writer's words of a plain text part.
fn plain_part_text(
    part: &ParsedMail,
    text: &str,
    context: &MailContext,
    omissions: &mut Omissions,
) -> String {
    let has_param = |key: &str, value: &str| {
        part.ctype.params.get(key).is_some_and(|given| given.eq_ignore_ascii_case(value))
    };
    if has_param("format", "flowed") {
        return reply::own_text(
            &flowed::unwrapped(text, has_param("delsp", "yes")),
            context,
            omissions,
        );
    }
    // Signatures and quotes are wrapped differently and would hide how the text is wrapped, so they go
    // first.
    plain_text::join_wrapped_lines(&reply::own_text(text, context, omissions))
}

/// The writer's words of an HTML part.
fn html_part_text(text: &str, context: &MailContext, omissions: &mut Omissions) -> String {
    let split_mail = quote_elements::split(text);
    let context = &MailContext {
        is_reply: context.is_reply || split_mail.is_reply,
        sender: context.sender.clone(),
    };
    for (holds, taken) in &split_mail.taken {
        let text = html::fragment(taken);
        let what = match holds {
            QuoteKind::Quoted | QuoteKind::Attribution => "in quoted replies",
            QuoteKind::Forwarded => FORWARDED,
            QuoteKind::Signature => "in a signature",
        };
        reply::count_other(omissions, what, &text);
    }
    // All words of a letter are its writer's; only a newsletter has boilerplate.
    let text = match context.is_reply {
        true => html::fragment_with(&split_mail.html, omissions),
        false => {
            let page = html::page(&split_mail.html);
            omissions.merge(&page.omissions);
            page.text
        }
    };
    reply::own_text(&text, context, omissions)
}
