//! Parses dates in the spellings that writers and their tools use.
//!
//! Knows spellings, not calendars or zones: the time and its zone are ignored, the civil date is kept.

use jiff::civil::Date;

/// The date in the value of a front matter key or of a page's `<time>`.
pub(super) fn parse(value: &str) -> Option<Date> {
    let value = value.trim();
    parse_prefix(value)
        .map(|(date, _)| date)
        .or_else(|| parse_words(value))
        .or_else(|| from_epoch(value))
}

/// The date at the start of a file name ("2011-04-01-x", "2021_02_20", "20240305 walk", "2024-03") and
/// the rest of the name.
pub(super) fn parse_prefix(stem: &str) -> Option<(Date, &str)> {
    let runs = digit_runs(stem);
    let &(from, to) = runs.first()?;
    if from != 0 {
        return None;
    }
    if to == 8 && !stem[to..].starts_with(char::is_alphabetic) {
        let date = day(&stem[..4], &stem[4..6], &stem[6..8])?;
        return Some((date, rest(stem, to)));
    }
    if to != 4 {
        return None;
    }
    let month = runs.get(1).filter(|run| joined(stem, to, run.0) && run.1 - run.0 <= 2)?;
    let day_run = runs.get(2).filter(|run| joined(stem, month.1, run.0) && run.1 - run.0 <= 2);
    if let Some(&(from, to)) = day_run
        && let Some(date) = day(&stem[..4], &stem[month.0..month.1], &stem[from..to])
    {
        return Some((date, rest(stem, to)));
    }
    let month_alone = stem[month.1..].is_empty() && month.1 - month.0 == 2;
    month_alone
        .then(|| day(&stem[..4], &stem[month.0..month.1], "1").map(|date| (date, "")))
        .flatten()
}

/// The date in a path: `2023/04/05`, or the first of the month for `2023/04`.
pub(super) fn from_folders(folders: &[&str]) -> Option<Date> {
    let number = |name: &str, digits: usize| {
        name.len() <= digits && name.bytes().all(|b| b.is_ascii_digit())
    };
    (0..folders.len().saturating_sub(1)).find_map(|at| {
        let (year, month) = (folders[at], folders[at + 1]);
        if year.len() != 4 || !number(year, 4) || !number(month, 2) {
            return None;
        }
        let day_folder = folders.get(at + 2).filter(|name| number(name, 2));
        day_folder.and_then(|name| day(year, month, name)).or_else(|| day(year, month, "1"))
    })
}

/// The first year that is plausible: the clocks of some programs start at year 1 or 1601.
const FIRST_YEAR: i16 = 1602;

fn day(year: &str, month: &str, day: &str) -> Option<Date> {
    let year: i16 = year.parse().ok()?;
    (year >= FIRST_YEAR)
        .then(|| Date::new(year, month.parse().ok()?, day.parse().ok()?).ok())
        .flatten()
}

/// Parses "6 August 2014", "Aug 6th, 2014", "Wed, 06 Aug 2014 10:11:12 GMT".
fn parse_words(value: &str) -> Option<Date> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (mut the_year, mut the_month, mut the_day) = (None, None, None);
    for run in value.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()).take(5) {
        let lower = run.to_lowercase();
        let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        if let Some(at) = MONTHS.iter().position(|name| lower.starts_with(name)) {
            the_month.get_or_insert((at + 1).to_string());
        } else if digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()) {
            the_year.get_or_insert(digits.to_owned());
        } else if !digits.is_empty() && digits.len() <= 2 {
            the_day.get_or_insert(digits.to_owned());
        }
    }
    day(&the_year?, &the_month?, &the_day?)
}

/// Parses "09/23/2010 04:01:17 AM", as Movable Type writes it, with the month first.
pub(super) fn month_first(value: &str) -> Option<Date> {
    let mut parts = value.split_whitespace().next()?.split('/');
    let (month, date, year) = (parts.next()?, parts.next()?, parts.next()?);
    day(year, month, date)
}

/// Parses seconds or milliseconds since 1970.
fn from_epoch(value: &str) -> Option<Date> {
    if value.len() < 9 || value.len() > 13 {
        return None;
    }
    let number: i64 = value.parse().ok()?;
    let seconds = if value.len() > 10 { number / 1000 } else { number };
    let stamp = jiff::Timestamp::from_second(seconds).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(stamp).date())
}

/// The first few runs of ASCII digits, as byte ranges.
fn digit_runs(text: &str) -> Vec<(usize, usize)> {
    let bytes = &text.as_bytes()[..text.len().min(16)];
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        match runs.last_mut() {
            Some(run) if run.1 == at => run.1 = at + 1,
            _ => runs.push((at, at + 1)),
        }
    }
    runs
}

fn joined(text: &str, from: usize, to: usize) -> bool {
    to == from + 1 && matches!(text.as_bytes()[from], b'-' | b'_' | b'.' | b'/' | b' ')
}

fn rest(stem: &str, from: usize) -> &str {
    stem[from..].trim_start_matches(['-', '_', '.', ' '])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(value: &str, expected: &str) {
        assert_eq!(
            parse(value).map(|date| date.to_string()).unwrap_or_default(),
            expected,
            "{value}"
        );
    }

    #[test]
    fn dates_in_many_spellings_are_parsed() {
        check("2014-08-06", "2014-08-06");
        check("2014-8-6", "2014-08-06");
        check("2014/08/06 10:11:12 +0100", "2014-08-06");
        check("2014-08-06T23:59:00-07:00", "2014-08-06");
        check("20140806", "2014-08-06");
        check("2014-08", "2014-08-01");
        check("August 6, 2014", "2014-08-06");
        check("6 August 2014", "2014-08-06");
        check("Aug 6th, 2014", "2014-08-06");
        check("Wed, 06 Aug 2014 10:11:12 GMT", "2014-08-06");
        check("1407283200", "2014-08-06");
        check("1407283200000", "2014-08-06");
    }

    #[test]
    fn text_that_is_not_a_date_is_rejected() {
        check("", "");
        check("soon", "");
        check("2014-13-06", "");
        check("{{ now }}", "");
        check("7 habits", "");
        check("é-2014", "");
        check("0000-00-00 00:00:00", "");
        check("0001-01-01T00:00:00", "");
        check("Mon, 30 Nov -0001 00:00:00 +0000", "");
        check("1601-01-01", "");
    }

    #[test]
    fn a_date_at_the_start_of_a_file_name_is_split_off() {
        let cut = |stem| parse_prefix(stem).map(|(date, rest)| (date.to_string(), rest.to_owned()));
        let day = |date: &str, rest: &str| Some((date.to_owned(), rest.to_owned()));
        assert_eq!(cut("2011-04-01-x"), day("2011-04-01", "x"));
        assert_eq!(cut("2021-9-1-alt-date"), day("2021-09-01", "alt-date"));
        assert_eq!(cut("2021_02_20"), day("2021-02-20", ""));
        assert_eq!(cut("20240305 walk"), day("2024-03-05", "walk"));
        assert_eq!(cut("2024-03"), day("2024-03-01", ""));
        assert_eq!(cut("2024-in-review"), None);
        assert_eq!(cut("7-habits"), None);
    }
}
