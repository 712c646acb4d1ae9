//! Scores how much a text looks like bytes decoded with the wrong encoding.
//!
//! Knows no language, only how letters and marks combine in all of them: no capital follows a small
//! letter, no closing quote precedes a letter, no symbol is in the middle of a word.

/// The evidence against a decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct MojibakeScore {
    /// The sum of the evidence.
    pub(super) weight: usize,
    /// Letters outside ASCII.
    pub(super) letters: usize,
}

impl MojibakeScore {
    /// The weight of a combination that nobody writes.
    pub(super) const IMPOSSIBLE: usize = 2;
    /// The weight of a combination that is rare.
    const RARE: usize = 1;

    /// Scores `text`.
    pub(super) fn of(text: &str) -> MojibakeScore {
        let mut score = MojibakeScore::default();
        let mut before = None;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            if !c.is_ascii() {
                let after = rest.peek().copied();
                score.letters += usize::from(c.is_alphabetic());
                score.weight += match c.is_alphabetic() {
                    true => of_letter(before, c, after),
                    false => of_mark(before, c, after),
                };
            }
            before = Some(c);
        }
        score
    }
}

fn of_letter(before: Option<char>, c: char, after: Option<char>) -> usize {
    let neighbours = || [before, after].into_iter().flatten().filter(|c| c.is_alphabetic());
    let after_small = before.is_some_and(char::is_lowercase) && c.is_uppercase();
    // An accented letter has plain letters around it; letters of other alphabets do not.
    let is_foreign = match is_latin(c) {
        true => neighbours().next().is_some() && !neighbours().any(|c| c.is_ascii()),
        false => neighbours().any(is_latin),
    };
    match (after_small || is_foreign, neighbours().next().is_none() && c.is_uppercase()) {
        (true, _) => MojibakeScore::IMPOSSIBLE,
        (false, true) => MojibakeScore::RARE,
        (false, false) => 0,
    }
}

fn of_mark(before: Option<char>, c: char, after: Option<char>) -> usize {
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    let is_small = |c: Option<char>| c.is_some_and(char::is_lowercase);
    let (follows, precedes) = (is_letter(before), is_letter(after));
    match c {
        '\u{fffd}' => MojibakeScore::IMPOSSIBLE,
        c if c.is_control() => MojibakeScore::IMPOSSIBLE,
        c if c.is_whitespace() => 0,
        // Accents and joiners of other scripts, and marks that occur inside words.
        '’' | '·' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{300}'..='\u{36f}' => 0,
        c if !is_sign(c) => 0,
        '–' | '—' | '…' if is_small(before) && is_small(after) => MojibakeScore::RARE,
        '–' | '—' | '…' => 0,
        // Opening quotes, which close in some languages.
        '“' | '‘' | '„' | '‚' | '«' | '‹' | '»' | '›' | '¡' | '¿' if follows && precedes => {
            MojibakeScore::IMPOSSIBLE
        }
        '“' | '‘' | '„' | '‚' | '«' | '‹' | '»' | '›' | '¡' | '¿' => 0,
        '”' if precedes => MojibakeScore::IMPOSSIBLE,
        '”' => 0,
        '©' | '®' | '™' | '°' | '¹' | '²' | '³' | '†' | '‡' if !(follows && precedes) => {
            0
        }
        _ if follows || precedes => MojibakeScore::IMPOSSIBLE,
        _ => 0,
    }
}

/// Returns true for symbols that Western encodings have.
fn is_sign(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{bf}' | '×' | '÷' | '\u{2b0}'..='\u{2ff}' | '\u{2000}'..='\u{2bff}' | '\u{e000}'..='\u{f8ff}')
}

fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic()
        || matches!(c, '\u{aa}' | '\u{b5}' | '\u{ba}' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{fb00}'..='\u{fb06}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_text_scores_zero() {
        for text in [
            "“Don’t,” she said — at the café… ‘Really?’",
            "Élan vital, à Paris, l’été, ÇA VA, « oui », 20 °C, m², ½ l",
            "¿Qué tal? ¡Mañana!",
            "„So“, sagte er. »Ja.« Straße",
            "Привет, как дела? – Хорошо.",
            "雨が降る。iPod",
            "col·legi, O’Éan",
        ] {
            let score = MojibakeScore::of(text);
            assert!(score.weight < MojibakeScore::IMPOSSIBLE, "{text}: {score:?}");
        }
    }

    #[test]
    fn text_in_the_wrong_encoding_scores_high() {
        for text in ["DonÕt", "cafŽ", "sch”n", "Ïðèâåò", "Br\u{81}cke", "by³em", "n╞o", "na飗e"]
        {
            let score = MojibakeScore::of(text);
            assert!(score.weight >= MojibakeScore::IMPOSSIBLE, "{text}: {score:?}");
        }
    }
}
