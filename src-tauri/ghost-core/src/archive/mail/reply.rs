//! Separates the writer's words of a mail from the message it answers or forwards, the lines that
//! programs add, and the signature.
//!
//! The text is read line by line, as plain text or Markdown: quotes have `>`. Others' words without a
//! mark begin with a header block ("From:", "Sent:") or an attribution, and have no end.

mod lines;
mod quotes;
mod signature;

use super::attribution::MailContext;
use crate::archive::markdown;
use crate::archive::omissions::Omissions;
use crate::archive::piece::SpanKind;
use crate::words;
use lines::{LineKind, MailLines, is_rule};

const QUOTED: &str = "in quoted replies";
const FORWARDED: &str = "in a forwarded message";
const SIGNATURE: &str = "in a signature";
const FOOTER: &str = "in the footer of a mailing list";

/// The writer's words, paragraphs unchanged, and the quotes that they answer. The rest is counted.
pub(super) fn own_text(text: &str, context: &MailContext, omissions: &mut Omissions) -> String {
    let mut reading = MailLines::of(text, context);
    reading.mark_quotes();
    reading.mark_signatures();
    reading.drop_trailing_quotes();
    reading.render(omissions)
}

/// Counts the words of `text`, which is not kept, without addresses.
pub(super) fn count(omissions: &mut Omissions, what: &'static str, text: &str) {
    let links =
        markdown::non_prose_spans(text).into_iter().filter(|span| span.kind == SpanKind::Link);
    let links: usize = links.map(|span| words::count(&text[span.from..span.to])).sum();
    omissions.add_words(what, words::count(text).saturating_sub(links));
}

/// Counts the words of somebody else's mail, without the lines that programs add.
pub(super) fn count_other(omissions: &mut Omissions, what: &'static str, text: &str) {
    let mut reading = MailLines::of(text, &MailContext { is_reply: true, sender: None });
    reading.mark_quotes();
    let kept =
        reading.lines.iter().zip(&reading.kinds).filter(|(_, part)| **part != LineKind::Machine);
    let kept: Vec<&str> = kept.map(|(line, _)| line.text).collect();
    count(omissions, what, &kept.join("\n"));
}

impl MailLines<'_> {
    /// Drops rules that no words of the writer follow, and in a reply the quotes that none follow.
    fn drop_trailing_quotes(&mut self) {
        let own = |at: &usize| self.kinds[*at] == LineKind::Own && !self.lines[*at].is_blank();
        let mut last = (0..self.lines.len()).rev().find(own);
        while let Some(at) =
            last.filter(|&at| is_rule(self.lines[at].text, 3) && at + 1 < self.lines.len())
        {
            if self.kinds[at + 1..].iter().all(|part| *part == LineKind::Own) {
                break;
            }
            self.kinds[at] = LineKind::Machine;
            last = (0..at)
                .rev()
                .find(|at| self.kinds[*at] == LineKind::Own && !self.lines[*at].is_blank());
        }
        if self.is_reply {
            let from = last.map_or(0, |at| at + 1);
            self.kinds[from..]
                .iter_mut()
                .filter(|part| **part == LineKind::Quote)
                .for_each(|part| *part = LineKind::Other(QUOTED));
        }
    }

    /// The text that is kept; the rest is counted.
    fn render(&self, omissions: &mut Omissions) -> String {
        let mut out = String::new();
        let mut others: Vec<(&'static str, String)> = Vec::new();
        let (mut before, mut removed) = (None, false);
        for (at, (line, part)) in self.lines.iter().zip(&self.kinds).enumerate() {
            let shared = self
                .cuts
                .iter()
                .find(|cut| cut.0 == at)
                .map(|cut| line.text[..cut.1].trim_end_matches(['-', ' ']));
            let part = if shared.is_some() { LineKind::Own } else { *part };
            match part {
                LineKind::Machine => removed = true,
                LineKind::Other(what) => {
                    removed = true;
                    match others.last_mut().filter(|other| other.0 == what) {
                        Some((_, text)) => text.extend(["\n", line.text]),
                        None => others.push((what, line.text.to_owned())),
                    }
                }
                LineKind::Own if removed && line.is_blank() && out.ends_with("\n\n") => {}
                LineKind::Own | LineKind::Quote => {
                    // A line directly after a quote would belong to it.
                    let needs_gap =
                        before.is_some_and(|before| before != part) && !out.ends_with("\n\n");
                    if needs_gap && !line.is_blank() {
                        out.push('\n');
                    }
                    if part == LineKind::Quote {
                        out.push_str("> ".repeat(line.depth).trim_end());
                        out.push_str(if line.is_blank() { "" } else { " " });
                    }
                    let text = shared.unwrap_or(line.text);
                    // Not a quote, whatever it begins with.
                    if part == LineKind::Own && text.trim_start().starts_with('>') {
                        out.push('\\');
                        out.push_str(text.trim_start());
                    } else {
                        out.push_str(text);
                    }
                    out.push('\n');
                    if !line.is_blank() || part == LineKind::Quote {
                        (before, removed) = (Some(part), false);
                    }
                }
            }
        }
        for (what, text) in &others {
            count(omissions, what, text);
        }
        out.trim_matches('\n').trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEIRS: &str = "Does the ferry run on Sundays, and do you know the fare?";

    fn read(text: &str, is_reply: bool) -> (String, Option<String>) {
        let mut omissions = Omissions::default();
        let own = own_text(text, &MailContext { is_reply, sender: None }, &mut omissions);
        (own, omissions.sentence())
    }

    fn kept(text: &str) -> String {
        read(text, true).0
    }

    /// One header block for each language: from, date, to, subject.
    const BLOCKS: &[[&str; 4]] = &[
        ["From", "Sent", "To", "Subject"],
        ["Von", "Gesendet", "An", "Betreff"],
        ["De", "Envoyé", "À", "Objet"],
        ["De", "Enviado el", "Para", "Asunto"],
        ["Da", "Inviato", "A", "Oggetto"],
        ["De", "Enviada em", "Para", "Assunto"],
        ["Van", "Verzonden", "Aan", "Onderwerp"],
        ["Fra", "Sendt", "Til", "Emne"],
        ["Från", "Skickat", "Till", "Ämne"],
        ["Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"],
        ["Od", "Wysłano", "Do", "Temat"],
        ["Od", "Odesláno", "Komu", "Předmět"],
        ["Od", "Odoslané", "Komu", "Predmet"],
        ["Feladó", "Elküldve", "Címzett", "Tárgy"],
        ["De la", "Trimis", "Către", "Subiect"],
        ["Από", "Στάλθηκε", "Προς", "Θέμα"],
        ["От", "Отправлено", "Кому", "Тема"],
        ["Від", "Надіслано", "Кому", "Тема"],
        ["Gönderen", "Gönderildi", "Kime", "Konu"],
        ["מאת", "נשלח", "אל", "נושא"],
        ["من", "تاريخ الإرسال", "إلى", "الموضوع"],
        ["Từ", "Đã gửi", "Đến", "Chủ đề"],
        ["发件人", "发送时间", "收件人", "主题"],
        ["寄件者", "寄件日期", "收件者", "主旨"],
        ["差出人", "送信日時", "宛先", "件名"],
        ["보낸 사람", "보낸 날짜", "받는 사람", "제목"],
        ["От", "Изпратено", "До", "Относно"],
        ["Dari", "Dikirim", "Kepada", "Subjek"],
    ];

    fn block([from, date, to, subject]: &[&str; 4]) -> String {
        format!(
            "{from}: Oda Brink <oda@example.org>\n{date}: 4. 3. 2024 10:02\n{to}: Maren Holt <maren@example.org>\n{subject}: the ferry"
        )
    }

    #[test]
    fn a_header_block_ends_a_reply_in_every_language() {
        for labels in BLOCKS {
            let block = block(labels);
            for (above, block) in [
                ("", block.clone()),
                ("________________________________\n", block.clone()),
                ("-----Some Words-----\n", block.clone()),
                (
                    "---\n\n",
                    block
                        .lines()
                        .map(|line| format!("**{}\n", line.replacen(':', ":**", 1)))
                        .collect(),
                ),
                ("", block.replace(": ", " : ")),
                ("", block.replace(": ", "：")),
                ("", block.replace('\n', "\n\n")),
            ] {
                let mail = format!("At noon, then.\n\n{above}{block}\n\n{THEIRS}\n");
                assert_eq!(
                    read(&mail, false),
                    (
                        "At noon, then.".to_owned(),
                        Some("Left out 12 words in quoted replies.".to_owned())
                    ),
                    "{mail}"
                );
            }
        }
    }

    #[test]
    fn an_original_message_rule_ends_a_reply() {
        for name in [
            "Original Message",
            "Ursprüngliche Nachricht",
            "Message d'origine",
            "Mensaje original",
            "Messaggio originale",
            "Mensagem original",
            "Oorspronkelijk bericht",
            "Oprindelig meddelelse",
            "Opprinnelig melding",
            "Ursprungligt meddelande",
            "Alkuperäinen viesti",
            "Oryginalna wiadomość",
            "Původní zpráva",
            "Pôvodná správa",
            "Eredeti üzenet",
            "Mesaj original",
            "Αρχικό μήνυμα",
            "Исходное сообщение",
            "Початкове повідомлення",
            "Orijinal İleti",
            "הודעה מקורית",
            "الرسالة الأصلية",
            "Tin nhắn gốc",
            "原始邮件",
            "元のメッセージ",
            "원본 메시지",
        ] {
            for rule in [
                format!("-----{name}-----"),
                format!("------------------ {name} ------------------"),
                format!("_____ {name} _____"),
                format!("-------- {} --------", name.to_uppercase()),
            ] {
                let mail = format!("At noon, then.\n\n{rule}\n\n{THEIRS}\n");
                assert_eq!(kept(&mail), "At noon, then.", "{rule}");
            }
        }
        assert_eq!(
            kept("At noon.\n\n----- The ferry -----\n\nIt runs."),
            "At noon.\n\n----- The ferry -----\n\nIt runs."
        );
    }

    #[test]
    fn forwarded_text_is_not_the_writers() {
        for name in [
            "Forwarded message",
            "Weitergeleitete Nachricht",
            "Message transféré",
            "Mensaje reenviado",
            "Messaggio inoltrato",
            "Mensagem encaminhada",
            "Doorgestuurd bericht",
            "Videresendt besked",
            "Videresendt melding",
            "Vidarebefordrat meddelande",
            "Välitetty viesti",
            "Przekazana wiadomość",
            "Přeposlaná zpráva",
            "Preposlaná správa",
            "Továbbított üzenet",
            "Mesaj redirecționat",
            "Προωθημένο μήνυμα",
            "Пересылаемое сообщение",
            "Переслане повідомлення",
            "Yönlendirilmiş mesaj",
            "הודעה שהועברה",
            "رسالة معاد توجيهها",
            "Tin nhắn được chuyển tiếp",
            "转发的邮件",
            "転送メッセージ",
            "전달된 메시지",
        ] {
            let mail = format!(
                "See below.\n\n---------- {name} ---------\nFrom: Oda <oda@example.org>\nDate: Mon, Jul 24, 2023 at 3:59 PM\nSubject: the ferry\nTo: Maren <maren@example.org>\n\n{THEIRS}\n"
            );
            let omitted = Some("Left out 12 words in a forwarded message.".to_owned());
            assert_eq!(read(&mail, false), ("See below.".to_owned(), omitted), "{name}");
        }
        let apple = format!(
            "See below.\n\nBegin forwarded message:\n\n> From: Oda <oda@example.org>\n> Subject: the ferry\n>\n> {THEIRS}\n\nMaren\n"
        );
        assert_eq!(kept(&apple), "See below.\n\nMaren");
    }

    #[test]
    fn answers_between_quotes_keep_the_quotes() {
        let mail = "On Mon, 4 Mar 2024 at 09:05, Oda <oda@example.org> wrote:\n> Does it run?\n\nNo.\n\n> And the fare?\nTwo crowns.\n\n> Oda\n";
        assert_eq!(kept(mail), "> Does it run?\n\nNo.\n\n> And the fare?\n\nTwo crowns.");
        assert_eq!(read(mail, true).1.as_deref(), Some("Left out 1 word in quoted replies."));
    }

    #[test]
    fn a_quote_in_a_mail_that_is_not_a_reply_stays() {
        let mail = "My aunt said it best:\n\n> The sea gives nothing back.\n";
        assert_eq!(read(mail, false), (mail.trim_end().to_owned(), None));
    }

    #[test]
    fn a_letter_with_senders_and_dates_in_prose_is_kept() {
        for mail in [
            "Bring:\n\nTo: the hill\nFrom: the sea\n\nThat is all.",
            "Invitation:\n\nDate: Wednesday 3 October 2011\nTime: 7:00\nPlace: 13 Fox Street\n\nBring a coat.",
            "On Monday my sister wrote:\n\nThe hens are well.\n\nSo they are.",
            "Date: a fruit.\nSubject: a person.\n\nWords change.",
            "# Part one\n\n----\n\nIt rained.\n\n====\n\nIt stopped.",
            "Sent from my desk, which is easier than my telephone.",
            "We wrote:\n-- a list\n-- of two\n\nAnd went.",
        ] {
            assert_eq!(read(mail, true), (mail.to_owned(), None), "{mail}");
        }
    }

    #[test]
    fn a_signature_is_left_out_and_the_text_around_it_stays() {
        for (mail, own, omitted) in [
            ("Up.\n\n-- \nJo Hill\n+1 555 0100", "Up.", "Left out 5 words in a signature."),
            ("Up.\n--\nJo Hill", "Up.", "Left out 2 words in a signature."),
            (
                "Up.\n\n-- \nJo\n\nOn Mon, 4 Mar 2024 at 09:05, Oda <oda@example.org> wrote:\n> No.",
                "Up.",
                "Left out 2 words: 1 in a signature, 1 in quoted replies.",
            ),
            (
                "Up.\n\n_______________\nhills mailing list\nhttps://lists.example.org/mailman/listinfo/hills",
                "Up.",
                "Left out 3 words in the footer of a mailing list.",
            ),
            ("Up.\n\n—————\nJo Hill\njo@example.org", "Up.", "Left out 5 words in a signature."),
        ] {
            let (kept, sentence) = read(mail, false);
            assert_eq!((kept.as_str(), sentence.as_deref()), (own, Some(omitted)), "{mail}");
        }
    }

    #[test]
    fn a_phone_signature_is_not_prose() {
        for line in [
            "Sent from my iPhone",
            "Sent from Mail for Windows",
            "Get Outlook for iOS<https://aka.ms/o0ukef>",
            "Get [Outlook for Android](https://aka.ms/ghei36)",
            "Von meinem iPhone gesendet",
            "Gesendet von Outlook für iOS",
            "Envoyé de mon iPhone",
            "Enviado desde mi iPhone",
            "Inviato da iPhone",
            "Enviado do meu iPhone",
            "Verstuurd vanaf mijn iPhone",
            "Sendt fra min iPhone",
            "Skickat från min iPhone",
            "Lähetetty iPhonesta",
            "Wysłane z iPhone'a",
            "Odesláno z iPhonu",
            "Odoslané z iPhonu",
            "Elküldve az iPhone készülékemről",
            "Trimis de pe iPhone-ul meu",
            "Στάλθηκε από το iPhone μου",
            "Отправлено с iPhone",
            "Надіслано з iPhone",
            "iPhone'umdan gönderildi",
            "נשלח מה-iPhone שלי",
            "أرسلت من الـ iPhone",
            "Đã gửi từ iPhone của tôi",
            "发自我的iPhone",
            "從我的 iPhone 傳送",
            "iPhoneから送信",
            "나의 iPhone에서 보냄",
        ] {
            assert_eq!(kept(&format!("At noon, then.\n\n{line}\n")), "At noon, then.", "{line}");
        }
    }

    #[test]
    fn a_wrapped_quote_is_still_a_quote() {
        let long = "> Post an answer by writing to this address, or look at (https://example.org/a";
        let mail = format!(
            "No.\n\nOn Mon, 4 Mar 2024 at 09:05, Oda <oda@example.org> wrote:\n{long}\nb=3dd518)\n> Oda\n"
        );
        assert_eq!(kept(&mail), "No.");
        assert_eq!(kept(">>> here <<<\nOn we go."), "\\>>> here <<<\nOn we go.");
    }

    #[test]
    fn headers_copied_into_the_text_are_not_prose() {
        let context = MailContext { is_reply: true, sender: Some("maren@example.org".to_owned()) };
        let mail = "From: Maren Holt <maren@example.org>\nSent: 4 March 2024 10:02\nSubject: the ferry\n\nAt noon, then.";
        assert_eq!(own_text(mail, &context, &mut Omissions::default()), "At noon, then.");
    }
}
