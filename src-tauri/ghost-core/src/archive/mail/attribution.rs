//! Finds attributions, the lines above a quote: "On Monday, 4 March 2024 at 09:00, Anna wrote:", in any
//! language, on one line or wrapped.
//!
//! Programs write them, so they have a fixed shape: a date and a time in figures, an address, a verb, a
//! colon at the end, a quote below. The words alone may be prose: "my sister wrote".

use super::languages;

/// Facts about a mail that are known before its text is read.
#[derive(Debug, Clone, Default)]
pub(super) struct MailContext {
    /// The headers or the subject say that it is a reply.
    pub(super) is_reply: bool,
    /// The writer's address, in lower case.
    pub(super) sender: Option<String>,
}

/// A line in the form in which attributions are compared.
#[derive(Debug, Clone, Default)]
pub(super) struct NormalizedLine {
    /// In lower case, without emphasis, escapes, direction marks and double spaces.
    pub(super) text: String,
}

impl NormalizedLine {
    pub(super) fn of(line: &str) -> NormalizedLine {
        let mut text = String::with_capacity(line.len());
        for c in line.chars().flat_map(char::to_lowercase) {
            match c {
                '*'
                | '\u{307}'
                | '\\'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}' => {}
                '：' => text.push(':'),
                c if c.is_whitespace() => {
                    if !text.is_empty() && !text.ends_with(' ') {
                        text.push(' ');
                    }
                }
                c => text.push(c),
            }
        }
        let text = text
            .trim_end()
            .trim_start_matches("| ")
            .trim_start_matches("- ")
            .trim_end_matches(" |");
        NormalizedLine { text: text.to_owned() }
    }
}

/// Characters of an attribution; longer ones are prose.
const MAX_CHARS: usize = 400;
/// Lines over which an attribution may be wrapped.
const MAX_LINES: usize = 5;

/// An attribution that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attribution {
    /// The number of its lines, ending with the last one.
    pub(super) lines: usize,
    /// The byte of its first line at which it begins; the writer's words come before.
    pub(super) from: usize,
}

/// The attribution that ends with the last of `lines`, which are directly above a quote, or above
/// unmarked words if not `quoted`.
pub(super) fn find(lines: &[&str], quoted: bool, is_reply: bool) -> Option<Attribution> {
    let bares: Vec<String> =
        lines.iter().rev().take(MAX_LINES).map(|line| NormalizedLine::of(line).text).collect();
    if !may_end(bares.first()?) {
        return None;
    }
    let mut joined = String::new();
    let mut found: Option<(usize, Shape)> = None;
    for (back, bare) in bares.iter().enumerate() {
        if bare.is_empty() || joined.len() + bare.len() > MAX_CHARS {
            break;
        }
        joined = if joined.is_empty() { bare.clone() } else { format!("{bare} {joined}") };
        let shape = Shape::of(&joined);
        if !shape.is_attribution(quoted, is_reply) {
            continue;
        }
        let begun = shape.lead && shape.figures && (shape.address || shape.verb);
        let complete = shape.is_complete() || begun;
        if complete || found.is_none() {
            found = Some((back, shape));
        }
        if complete {
            break;
        }
    }
    let (mut back, shape) = found?;
    // An attribution wrapped inside its date or address begins a line above.
    let begins = |bare: &String| {
        languages::opening_word(bare).is_some()
            && has_figure(bare)
            && !bare.ends_with(['.', '!', '?'])
    };
    let whole = languages::opening_word(&bares[back]).is_some() && shape.date;
    if !whole && bares.get(back + 1).is_some_and(begins) {
        back += 1;
    }
    let first = lines[lines.len() - 1 - back];
    let from = if languages::opening_word(&bares[back]).is_some() { 0 } else { beginning(first) };
    Some(Attribution { lines: back + 1, from })
}

/// The start of an attribution on its first line, after any words of the writer.
fn beginning(first: &str) -> usize {
    let begins = |rest: &str| {
        let near: String = rest.chars().take(24).collect();
        languages::opening_word(&NormalizedLine::of(&near).text).is_some() && has_figure(&near)
    };
    let starts = first.char_indices().filter(|&(at, _)| first[..at].ends_with([' ', '-']));
    let own = |before: &str| {
        before.contains(char::is_alphabetic) && !has_figure(before) && !before.contains(['@', '<'])
    };
    starts.map(|(at, _)| at).find(|&at| own(&first[..at]) && begins(&first[at..])).unwrap_or(0)
}

fn has_figure(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
}

/// Returns true if a line can be the last one of an attribution.
fn may_end(last: &str) -> bool {
    let bare = last.trim_end_matches(['-', ' ']);
    last.ends_with([':', '>', ')']) || languages::ends_with_verb(bare)
}

/// The features of an attribution that a text has.
#[derive(Debug)]
struct Shape {
    /// It ends with a colon, or is between dashes.
    ends: bool,
    dashed: bool,
    address: bool,
    date: bool,
    time: bool,
    verb: bool,
    verb_last: bool,
    lead: bool,
    figures: bool,
}

impl Shape {
    fn of(joined: &str) -> Shape {
        let bare = joined.trim_matches(['-', ' ']);
        let dashed = joined.starts_with("--") && joined.ends_with("--");
        Shape {
            ends: joined.ends_with(':') || dashed,
            dashed,
            address: has_address(bare),
            date: has_date(bare),
            time: has_time(bare),
            verb: languages::has_verb(bare),
            verb_last: languages::ends_with_verb(bare),
            lead: languages::opening_word(bare).is_some(),
            figures: has_figure(bare),
        }
    }

    /// Returns true if all features are present.
    fn is_complete(&self) -> bool {
        self.dashed || ((self.date || self.time) && (self.address || self.verb))
    }

    fn is_attribution(&self, quoted: bool, is_reply: bool) -> bool {
        let dated = self.date || self.time;
        if self.dashed {
            return self.verb;
        }
        match (quoted, self.ends) {
            (true, true) => {
                (dated && (self.address || self.verb))
                    || (is_reply && (self.address || self.verb || (self.date && self.time)))
            }
            (true, false) => self.address && dated && is_reply,
            (false, true) => {
                (self.address && dated && (self.verb || is_reply))
                    || (is_reply && self.verb && (self.address || (self.time && self.figures)))
            }
            // Without a colon, all features are required.
            (false, false) => self.lead && self.address && self.date && self.time && self.verb_last,
        }
    }
}

/// Returns true for text with an address like `jo@example.org`.
pub(super) fn has_address(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let before = text[..at]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'));
        // An address may be wrapped after its @.
        let after = text[at + 1..].trim_start();
        before
            && after.starts_with(|c: char| c.is_alphanumeric())
            && after.split([' ', '>', ')']).next().is_some_and(|host| host.contains('.'))
    })
}

/// Returns true for text with a date in figures: a year, or numbers with dots, slashes or dashes
/// between them.
pub(super) fn has_date(text: &str) -> bool {
    let year = |run: &str| run.len() == 4 && (run.starts_with("19") || run.starts_with("20"));
    let runs: Vec<(usize, &str)> = digit_runs(text).collect();
    let other = |&(_, run): &(usize, &str)| run.len() <= 2;
    let parts = runs.windows(2).any(|two| {
        let between = &text[two[0].0 + two[0].1.len()..two[1].0];
        matches!(between, "." | "/" | "-" | ". " | "年" | "월 " | "년 " | "月")
            && two[0].1.len() <= 4
            && two[1].1.len() <= 4
    });
    parts || (runs.iter().any(|(_, run)| year(run)) && runs.iter().any(other))
}

/// Returns true for text with a time: "10:22", "9.05 Uhr", "22h03", "下午3:59".
pub(super) fn has_time(text: &str) -> bool {
    let runs: Vec<(usize, &str)> = digit_runs(text).collect();
    runs.windows(2).any(|two| {
        let between = &text[two[0].0 + two[0].1.len()..two[1].0];
        two[0].1.len() <= 2
            && two[1].1.len() == 2
            && matches!(between, ":" | "." | "h" | " : " | "시 " | "時" | "时" | ": ")
    })
}

fn digit_runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let from = at + text[at..].find(|c: char| c.is_ascii_digit())?;
        let length = text[from..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - from);
        at = from + length;
        Some((from, &text[from..at]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One attribution for each language.
    const LINES: &[&str] = &[
        "On Mon, Mar 4, 2024 at 9:05 AM Anna Lind <anna@example.org> wrote:",
        "On 04/03/2024 09:05, Anna Lind wrote:",
        "On 4 Mar 2024, at 09:05, Anna Lind <anna@example.org> wrote:",
        "In a message dated 3/4/2024 9:05:12 AM Pacific Standard Time, anna@example.org writes:",
        "At 09:05 AM 3/4/2024, Anna Lind wrote:",
        "---- On Mon, 04 Mar 2024 09:05:12 +0100 Anna Lind wrote ----",
        "Am Mo., 4. März 2024 um 09:05 Uhr schrieb Anna Lind <anna@example.org>:",
        "Am 04.03.2024 um 09:05 schrieb Anna Lind:",
        "Le lun. 4 mars 2024 à 09:05, Anna Lind <anna@example.org> a écrit :",
        "Le 04/03/2024 à 09:05, Anna Lind a écrit :",
        "El lun, 4 mar 2024 a las 9:05, Anna Lind (<anna@example.org>) escribió:",
        "Il giorno lun 4 mar 2024 alle ore 09:05 Anna Lind <anna@example.org> ha scritto:",
        "Il 04/03/2024 09:05, Anna Lind ha scritto:",
        "Em seg., 4 de mar. de 2024 às 09:05, Anna Lind <anna@example.org> escreveu:",
        "Op ma 4 mrt 2024 om 09:05 schreef Anna Lind <anna@example.org>:",
        "Op 4 mrt. 2024 om 09:05 heeft Anna Lind <anna@example.org> het volgende geschreven:",
        "Den man. 4. mar. 2024 kl. 09.05 skrev Anna Lind <anna@example.org>:",
        "man. 4. mars 2024 kl. 09:05 skrev Anna Lind <anna@example.org>:",
        "Den mån 4 mars 2024 kl 09:05 skrev Anna Lind <anna@example.org>:",
        "4 mars 2024 kl. 09:05 skrev Anna Lind <anna@example.org>:",
        "Anna Lind <anna@example.org> kirjoitti 4.3.2024 kello 9.05:",
        "ma 4. maalisk. 2024 klo 9.05 Anna Lind (anna@example.org) kirjoitti:",
        "pon., 4 mar 2024 o 09:05 Anna Lind <anna@example.org> napisał(a):",
        "W dniu 04.03.2024 o 09:05, Anna Lind pisze:",
        "po 4. 3. 2024 v 9:05 odesílatel Anna Lind <anna@example.org> napsal:",
        "Dne 04. 03. 24 v 9:05 Anna Lind napsal(a):",
        "po 4. 3. 2024 o 9:05 Anna Lind <anna@example.org> napísal(a):",
        "Anna Lind <anna@example.org> ezt írta (időpont: 2024. márc. 4., H, 9:05):",
        "2024. 03. 04. 9:05 keltezéssel, Anna Lind írta:",
        "Pe lun., 4 mar. 2024 la 09:05, Anna Lind <anna@example.org> a scris:",
        "Στις Δευ 4 Μαρ 2024 στις 9:05 π.μ., ο χρήστης Anna Lind <anna@example.org> έγραψε:",
        "пн, 4 мар. 2024 г. в 09:05, Анна Линд <anna@example.org>:",
        "04.03.2024 09:05, Анна Линд пишет:",
        "4 марта 2024 г., в 9:05, Анна Линд <anna@example.org> написал(а):",
        "пн, 4 бер. 2024 р. о 09:05 Анна Лінд <anna@example.org> пише:",
        "Anna Lind <anna@example.org>, 4 Mar 2024 Pzt, 09:05 tarihinde şunu yazdı:",
        "\u{202b}בתאריך יום ב׳, 4 במרץ 2024 ב-9:05 מאת \u{202a}Anna Lind\u{202c}\u{200f} <\u{202a}anna@example.org\u{202c}\u{200f}>:\u{202c}",
        "في الاثنين، 4 مارس 2024 في 9:05 ص تمت كتابة ما يلي بواسطة Anna Lind <anna@example.org>:",
        "Vào Th 2, 4 thg 3, 2024 vào lúc 09:05 Anna Lind <anna@example.org> đã viết:",
        "Anna Lind <anna@example.org> 于2024年3月4日周一 09:05写道：",
        "在 2024-03-04 09:05:12，\"Anna Lind\" <anna@example.org> 写道：",
        "Anna Lind <anna@example.org> 於 2024年3月4日 週一 上午9:05寫道：",
        "2024年3月4日(月) 9:05 Anna Lind <anna@example.org>:",
        "2024/03/04 9:05、Anna Lind <anna@example.org>のメール:",
        "2024년 3월 4일 (월) 오전 9:05, Anna Lind <anna@example.org>님이 작성:",
        "Dilluns, 4 de març de 2024 a les 9:05, Anna Lind <anna@example.org> va escriure:",
        "Dana 4. ožu 2024. u 09:05, Anna Lind <anna@example.org> napisao je:",
        "На пн, 4.03.2024 г. в 9:05 Anna Lind <anna@example.org> написа:",
        "Pada Sen, 4 Mar 2024 pukul 09.05 Anna Lind <anna@example.org> menulis:",
        // A language that is not in the table: figures and address are enough.
        "ორშ, 4 მარ. 2024, 09:05-ზე Anna Lind <anna@example.org>-მა დაწერა:",
    ];

    fn found(text: &str, quoted: bool, is_reply: bool) -> Option<(usize, usize)> {
        let lines: Vec<&str> = text.lines().collect();
        find(&lines, quoted, is_reply).map(|found| (found.lines, found.from))
    }

    #[test]
    fn attributions_are_recognised_in_every_language() {
        for line in LINES {
            assert_eq!(found(line, true, false), Some((1, 0)), "above a quote: {line}");
            assert_eq!(
                found(line, false, true),
                Some((1, 0)),
                "above words without a mark: {line}"
            );
        }
    }

    #[test]
    fn attributions_are_recognised_when_wrapped_anywhere() {
        for line in LINES.iter().filter(|line| !line.starts_with('-')) {
            let spaces = line.match_indices(' ').map(|(at, _)| at);
            for at in spaces.filter(|&at| at > 4 && at + 1 < line.len()) {
                let wrapped = format!("{}\n{}", &line[..at], &line[at + 1..]);
                let lines = found(&wrapped, true, true).map(|found| found.0);
                // A line break inside a date or name may hide an attribution, but never extends it.
                assert!(matches!(lines, Some(1 | 2)), "{wrapped}");
            }
        }
    }

    #[test]
    fn an_attribution_never_includes_the_line_above() {
        for line in LINES.iter().filter(|line| !line.starts_with('-')) {
            let text = format!("Thank you, I will come in May.\n{line}");
            assert_eq!(found(&text, true, true), Some((1, 0)), "{text}");
        }
    }

    #[test]
    fn wrapped_attributions_are_joined() {
        for (text, lines) in [
            (
                "On Mon, Mar 4, 2024 at 9:05 AM Anna Lind of the Harbour Office\n<anna@example.org>\nwrote:",
                3,
            ),
            ("On Mar 4, 2024,\nat 9:05 AM,\nAnna Lind <anna@example.org> wrote:", 3),
            ("Am Mo., 4. März 2024 um 09:05 Uhr schrieb Anna Lind <\nanna@example.org>:", 2),
            ("Den man. 4. mar. 2024 kl. 09.05 skrev Anna Lind <anna@example.org\n>:", 2),
        ] {
            assert_eq!(found(text, true, true), Some((lines, 0)), "{text}");
            assert_eq!(found(&format!("Yes.\n{text}"), true, true), Some((lines, 0)), "{text}");
        }
    }

    #[test]
    fn the_writers_words_before_an_attribution_stay() {
        let text = "Yes, do. On Mon, Mar 4, 2024 at 9:05 AM, anna@example.org wrote:";
        assert_eq!(found(text, true, true), Some((1, "Yes, do. ".len())));
    }

    #[test]
    fn prose_that_ends_in_a_colon_is_kept() {
        for line in [
            "On Monday my sister wrote:",
            "On 5 May 1945 my grandfather wrote:",
            "On the way home I wrote:",
            "In 1998 he wrote, in a letter of 12 pages, the following:",
            "Three things I learned by 10:30 that day:",
            "Write to anna@example.org for any of these:",
            "Am 5. Mai schrieb meine Schwester:",
            "En 2019 ma tante a écrit :",
            "The bus leaves at 9.05 and 10.05:",
        ] {
            assert_eq!(found(line, false, false), None, "{line}");
            assert_eq!(found(line, false, true), None, "in a reply: {line}");
        }
        // Above the writer's own quote, in a mail that is not a reply.
        assert_eq!(found("On Monday my sister wrote:", true, false), None);
        assert_eq!(found("Three things I learned by 10:30 that day:", true, false), None);
    }
}
