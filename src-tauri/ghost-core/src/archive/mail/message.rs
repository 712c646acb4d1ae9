//! The text of one mail: which of its parts is read, and what of it is the writer's.

use mailparse::{DispositionType, ParsedMail};

use super::attribution::MailContext;
use super::quote_elements::{self, QuoteKind};
use super::{charset, flowed, reply};
use crate::archive::omissions::Omissions;
use crate::archive::{html, plain_text};

/// Parts in parts of one mail.
const MAX_DEPTH: usize = 8;

const ATTACHED: &str = "in attachments";
const FORWARDED: &str = "in a forwarded message";

/// The words of a mail's writer, as Markdown.
pub(super) fn text(mail: &ParsedMail, context: &MailContext, omissions: &mut Omissions) -> String {
    let mut texts = Vec::new();
    gather(mail, context, 0, &mut texts, omissions);
    texts.retain(|text| !text.trim().is_empty());
    texts.join("\n\n")
}

/// The first part of a mail that is marked up, as it stands.
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

/// Reads a part and those in it, in order.
fn gather(
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
        "multipart/alternative" => texts.extend(alternative(part, context, depth, omissions)),
        _ if sort.starts_with("multipart/") => {
            part.subparts
                .iter()
                .for_each(|part| gather(part, context, depth + 1, texts, omissions));
        }
        "message/rfc822" => count(part, FORWARDED, depth, omissions),
        "text/plain" => texts.extend(body(part).map(|text| typed(part, &text, context, omissions))),
        _ if is_html(part) => texts.extend(body(part).map(|text| paged(&text, context, omissions))),
        _ => {}
    }
}

/// The best of several forms of one text. What answers another mail is read as it was typed, if that says
/// as much; of what was written for many the page alone says what is a heading and what a list.
fn alternative(
    mail: &ParsedMail,
    context: &MailContext,
    depth: usize,
    omissions: &mut Omissions,
) -> Option<String> {
    let find = |is: &dyn Fn(&ParsedMail) -> bool| {
        // A page may stand beside its pictures.
        mail.subparts.iter().rev().find(|part| is(part) || part.subparts.iter().any(is))
    };
    let (typed, page) = (find(&is_plain), find(&is_html));
    let said = |part: &ParsedMail| {
        let mut omissions = Omissions::default();
        count(part, ATTACHED, depth, &mut omissions);
        omissions.words()
    };
    let best = match (typed, page) {
        (Some(typed), Some(page)) => {
            let (typed_words, page_words) = (said(typed), said(page));
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
    gather(best, context, depth + 1, &mut texts, omissions);
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

/// The writer's words of a part in plain text.
fn typed(
    part: &ParsedMail,
    text: &str,
    context: &MailContext,
    omissions: &mut Omissions,
) -> String {
    let says = |key: &str, value: &str| {
        part.ctype.params.get(key).is_some_and(|said| said.eq_ignore_ascii_case(value))
    };
    if says("format", "flowed") {
        return reply::own(&flowed::unwrapped(text, says("delsp", "yes")), context, omissions);
    }
    // A signature and a quote are broken otherwise than the text, and would hide how that is.
    plain_text::join_wrapped_lines(&reply::own(text, context, omissions))
}

/// The writer's words of a part in HTML.
fn paged(text: &str, context: &MailContext, omissions: &mut Omissions) -> String {
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
    // In a letter every word is the writer's; only of a page that was made for many is a part furniture.
    let text = match context.is_reply {
        true => html::fragment_with(&split_mail.html, omissions),
        false => {
            let page = html::page(&split_mail.html);
            omissions.merge(&page.omissions);
            page.text
        }
    };
    reply::own(&text, context, omissions)
}
