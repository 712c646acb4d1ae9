//! Training, validation and test set: which piece and which edit belongs to which.
//!
//! Runs train on the training set, watch the validation set to know when to stop, and are judged on
//! the test set, which nothing looks at before the verdict. The split goes by date and keeps near
//! duplicates and the parts of a series together, so that nothing leaks from one set to another.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::archive::{Kind, Piece};
use crate::id::{EditId, PieceId};
use crate::near_duplicates::{NearDuplicates, connected_components};
use crate::rng::Rng;
use crate::words::hash;

/// The set a row belongs to. A row never changes its set within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The training set.
    Train,
    /// The validation set, looked at during training to know when to stop.
    #[serde(rename = "dev", alias = "validation")]
    Validation,
    /// The test set, not looked at before the verdict.
    #[serde(rename = "holdout", alias = "test")]
    Test,
}

impl Split {
    /// The set of an edit: every eighth goes to the validation set, the others to the training set.
    /// The id decides, so an edit never changes its set.
    pub fn of_edit(id: EditId) -> Split {
        if id.0.rem_euclid(8) == 0 { Split::Validation } else { Split::Train }
    }
}

/// Dated pieces below which undated ones are split as well.
const MIN_DATED: usize = 20;

/// Assigns each piece to a set: the most recent 15 % to the test set (at least 8, at most 40), the
/// next 10 % to the validation set (at least 4, at most 40), the rest to the training set.
///
/// - In a small archive the test set has at most two fifths of the pieces and the validation set at
///   most one fifth: below 20 pieces both shrink, and one or two pieces all go to the training set.
/// - Unfinished pieces go to the training set, and so do undated ones, because nothing shows that
///   they are recent. If fewer than 20 pieces are dated, undated pieces count as the oldest, in a
///   random order, so that a folder of texts without dates can be tested on too.
/// - Posts, logs and each other kind are represented in proportion, so that daily logs do not crowd
///   out the posts.
/// - Near duplicates ([`NearDuplicates`]) stay together, as do the parts of a series. They go where
///   the oldest of them goes.
pub fn assign(pieces: &[(PieceId, &Piece)]) -> BTreeMap<PieceId, Split> {
    assign_with(pieces, &NearDuplicates::of(pieces.iter().map(|(_, piece)| piece.text.as_str())))
}

/// [`assign`] for pieces whose texts are not in memory: `near` has seen them, in this order.
pub fn assign_with(
    pieces: &[(PieceId, &Piece)],
    near: &NearDuplicates,
) -> BTreeMap<PieceId, Split> {
    let mut splits: BTreeMap<_, _> = pieces.iter().map(|(id, _)| (*id, Split::Train)).collect();
    // A piece without a word of the writer's own cannot be tested on.
    let dated = |piece: &Piece| piece.date.is_some() && !piece.unfinished && piece.words > 0;
    let with_undated = pieces.iter().filter(|(_, piece)| dated(piece)).count() < MIN_DATED;
    let eligible =
        |piece: &Piece| dated(piece) || with_undated && !piece.unfinished && piece.words > 0;
    let kinds: Vec<&Kind> =
        pieces.iter().filter(|(_, p)| eligible(p)).map(|(_, p)| &p.kind).collect();
    let (test, validation) = sizes(kinds.len());
    let mut places = BTreeMap::from([
        (Split::Test, by_kind(&kinds, test)),
        (Split::Validation, by_kind(&kinds, validation)),
    ]);
    for group in groups(pieces, near) {
        let group: Vec<_> = group.into_iter().map(|n| pieces[n]).collect();
        if !group.iter().all(|(_, piece)| eligible(piece)) {
            continue;
        }
        let mut kinds: BTreeMap<&Kind, usize> = BTreeMap::new();
        group.iter().for_each(|(_, piece)| *kinds.entry(&piece.kind).or_default() += 1);
        for split in [Split::Test, Split::Validation] {
            let Some(left) = places.get_mut(&split) else { continue };
            let fits = |(kind, n): (&&Kind, &usize)| left.get(*kind).is_some_and(|left| left >= n);
            if !kinds.iter().all(fits) {
                continue;
            }
            for (kind, n) in kinds {
                left.entry(kind).and_modify(|left| *left -= n);
            }
            splits.extend(group.iter().map(|(id, _)| (*id, split)));
            break;
        }
    }
    splits
}

/// The size of the test set and of the validation set for `n` pieces.
fn sizes(n: usize) -> (usize, usize) {
    let test = (n * 15).div_ceil(100).clamp(8, 40).min(n * 2 / 5);
    let validation = n.div_ceil(10).clamp(4, 40).min(n / 5);
    (test, validation)
}

/// Divides `places` among the kinds of these pieces in proportion (largest remainder).
fn by_kind<'a>(kinds: &[&'a Kind], places: usize) -> BTreeMap<&'a Kind, usize> {
    let n = kinds.len();
    let mut counts: BTreeMap<&Kind, usize> = BTreeMap::new();
    for kind in kinds {
        *counts.entry(kind).or_default() += 1;
    }
    let exact = |count: usize| (places * count / n.max(1), places * count % n.max(1));
    let mut left = places - counts.values().map(|&count| exact(count).0).sum::<usize>();
    let mut largest: Vec<_> = counts.iter().map(|(kind, &count)| (exact(count).1, *kind)).collect();
    largest.sort_by(|a, b| b.cmp(a));
    let mut shared: BTreeMap<_, _> =
        counts.iter().map(|(k, &count)| (*k, exact(count).0)).collect();
    for (_, kind) in largest {
        if left == 0 {
            break;
        }
        left -= 1;
        shared.entry(kind).and_modify(|places| *places += 1);
    }
    shared
}

/// Groups of pieces that must stay together, as positions in `pieces`. The group whose oldest piece
/// is most recent comes first, undated groups last in a random order.
pub(crate) fn groups(pieces: &[(PieceId, &Piece)], near: &NearDuplicates) -> Vec<Vec<usize>> {
    let mut groups =
        connected_components(pieces.len(), near.pairs().into_iter().chain(series(pieces)));
    let age = |group: &Vec<usize>| -> Option<(Date, PieceId)> {
        group.iter().filter_map(|&n| Some((pieces[n].1.date?, pieces[n].0))).min()
    };
    // Seeded by source and title: a changed piece gets a new id and must keep its place.
    let order = |group: &Vec<usize>| {
        let seed = |piece: &Piece| hash(&piece.source) ^ hash(&piece.title).rotate_left(1);
        group.first().map(|&n| Rng::new(seed(pieces[n].1)).next_u64())
    };
    groups.sort_by_cached_key(|group| std::cmp::Reverse((age(group), order(group))));
    groups
}

/// Pairs of pieces whose titles make them parts of one series.
fn series(pieces: &[(PieceId, &Piece)]) -> Vec<(usize, usize)> {
    let names: Vec<_> = pieces.iter().map(|(_, piece)| series_name(&piece.title)).collect();
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (n, (name, _)) in names.iter().enumerate().filter(|(_, (_, is_part))| *is_part) {
        first.entry(name).or_insert(n);
    }
    let pair = |(n, (name, _)): (usize, &(String, bool))| Some((*first.get(name.as_str())?, n));
    names.iter().enumerate().filter_map(pair).filter(|(a, b)| a != b).collect()
}

/// A title without its number in a series ("part 2", "pt. II", "2/3", "2 of 3"), and whether it has
/// one. A bare number does not count: numbered logs are not a series.
fn series_name(title: &str) -> (String, bool) {
    let title = title.to_lowercase();
    let words: Vec<&str> = title
        .split(|c: char| !(c.is_alphanumeric() || c == '/'))
        .filter(|word| !word.is_empty())
        .collect();
    let number = |word: &str| {
        let spelt = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
        !word.is_empty()
            && (spelt.contains(&word)
                || word.len() <= 3 && word.chars().all(|c| c.is_ascii_digit())
                || word.len() <= 5 && word.chars().all(|c| matches!(c, 'i' | 'v' | 'x')))
    };
    let share = |word: &str| word.split_once('/').is_some_and(|(n, of)| number(n) && number(of));
    let name = match words.as_slice() {
        [name @ .., "part" | "pt", n, "of", of] if number(n) && number(of) => name,
        [name @ .., n, "of", of] if number(n) && number(of) => name,
        [name @ .., "part" | "pt", n] if number(n) => name,
        [name @ .., part] if share(part) => name,
        name => return (name.join(" "), false),
    };
    (name.join(" "), !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(n: usize, text: String) -> Piece {
        let day = Date::constant(2020, 1, 1).saturating_add(jiff::Span::new().days(n as i64));
        Piece {
            source: format!("{n}.md"),
            kind: Kind::Post,
            title: format!("Piece {n}"),
            author: None,
            date: Some(day),
            unfinished: false,
            words: crate::words::count(&text),
            non_prose_spans: Vec::new(),
            text,
        }
    }

    /// `n` pieces, a day apart, that have nothing in common.
    fn archive(n: usize) -> Vec<Piece> {
        (0..n).map(|n| piece(n, (0..40).map(|w| format!("w{n}x{w} ")).collect())).collect()
    }

    fn splits(pieces: &[Piece]) -> Vec<Split> {
        let named: Vec<_> =
            pieces.iter().enumerate().map(|(n, p)| (PieceId(n as i64), p)).collect();
        assign(&named).into_values().collect()
    }

    fn counted(pieces: &[Piece]) -> (usize, usize, usize) {
        let splits = splits(pieces);
        let n = |split| splits.iter().filter(|&&s| s == split).count();
        (n(Split::Train), n(Split::Validation), n(Split::Test))
    }

    #[test]
    fn a_hundred_pieces_are_split_by_date() {
        let splits = splits(&archive(100));
        let want = |n| match n {
            0..75 => Split::Train,
            75..85 => Split::Validation,
            _ => Split::Test,
        };
        assert!(splits.iter().enumerate().all(|(n, split)| *split == want(n)));
    }

    #[test]
    fn small_archives_have_smaller_test_sets_and_always_a_training_set() {
        let want = [(0, 0, 0), (1, 0, 0), (2, 0, 0), (2, 0, 1), (3, 0, 1), (2, 1, 2)];
        for (n, want) in want.into_iter().enumerate() {
            assert_eq!(counted(&archive(n)), want);
        }
        assert_eq!(counted(&archive(12)), (6, 2, 4));
        assert_eq!(counted(&archive(20)), (8, 4, 8));
        assert_eq!(counted(&archive(400)), (320, 40, 40));
    }

    #[test]
    fn undated_and_unfinished_pieces_are_trained_on() {
        let mut pieces = archive(40);
        pieces[39].date = None;
        pieces[38].unfinished = true;
        let splits = splits(&pieces);
        assert_eq!((splits[38], splits[39], splits[37]), (Split::Train, Split::Train, Split::Test));
    }

    #[test]
    fn undated_pieces_are_split_at_random_if_few_are_dated() {
        let mut pieces = archive(60);
        pieces[..50].iter_mut().for_each(|piece| piece.date = None);
        pieces[0].unfinished = true;
        let splits = splits(&pieces);
        assert_eq!((counted(&pieces), splits[0]), ((45, 6, 9), Split::Train));
        assert!(
            splits[51..].iter().all(|split| *split == Split::Test),
            "dated pieces are the recent ones"
        );
        let validation = splits[..50].iter().filter(|split| **split == Split::Validation).count();
        let last = splits[44..50].iter().filter(|split| **split == Split::Validation).count();
        assert!(validation >= 5 && last < 5, "the order of undated pieces is random");
    }

    #[test]
    fn logs_do_not_crowd_out_posts_in_the_test_set() {
        let mut pieces = archive(80);
        pieces[40..].iter_mut().for_each(|piece| piece.kind = Kind::Log);
        let splits = splits(&pieces);
        let posts = splits[..40].iter().filter(|split| **split == Split::Test).count();
        assert_eq!((posts, counted(&pieces).2), (6, 12));
    }

    #[test]
    fn a_near_duplicate_of_a_training_piece_is_not_tested_on() {
        let mut pieces = archive(60);
        let old = pieces[3].text.clone();
        pieces[59].text.push_str(&old);
        let splits = splits(&pieces);
        assert_eq!((splits[3], splits[59]), (Split::Train, Split::Train));
        assert_eq!(counted(&pieces).2, 9);
    }

    #[test]
    fn two_near_duplicates_can_be_in_the_test_set_together() {
        let mut pieces = archive(60);
        pieces[59].text = pieces[58].text.clone();
        assert_eq!(splits(&pieces)[58..], [Split::Test, Split::Test]);
    }

    #[test]
    fn the_parts_of_a_series_stay_together() {
        let mut pieces = archive(60);
        pieces[2].title = "Rain".to_owned();
        pieces[30].title = "Rain, Part Two".to_owned();
        pieces[59].title = "Rain (part III)".to_owned();
        assert_eq!(splits(&pieces)[59], Split::Train);
    }

    #[test]
    fn titles_of_a_series_are_recognised() {
        let name = |title: &str| series_name(title);
        for title in
            ["Rain, part 2", "Rain pt. II", "Rain (2/3)", "Rain: 2 of 3", "Rain Part 1 of 2"]
        {
            assert_eq!(name(title), ("rain".to_owned(), true), "{title}");
        }
        for title in ["Week 12", "Rain", "The best part", "Part 2", "and/or", "2/3", "One of us"] {
            assert!(!name(title).1, "{title}");
        }
    }

    #[test]
    fn a_thousand_pieces_are_split() {
        let mut rng = Rng::new(1);
        let pieces: Vec<_> = (0..1_000)
            .map(|n| piece(n, (0..600).map(|_| format!("w{} ", rng.below(3_000))).collect()))
            .collect();
        assert_eq!(counted(&pieces), (920, 40, 40));
    }

    #[test]
    fn one_edit_in_eight_is_for_validation() {
        let validation =
            (0..80).filter(|&id| Split::of_edit(EditId(id)) == Split::Validation).count();
        assert_eq!((validation, Split::of_edit(EditId(-8))), (10, Split::Validation));
    }
}
