//! What a writer put in the place of something else, after the same words: of two ways to go on,
//! the one they chose (VOICE 4.2).

use serde::{Deserialize, Serialize};

use crate::edit::{Edit, Segment};
use crate::measure::edit_distance;
use crate::row::{LEAST_CHANGED, MOST_CHANGED};
use crate::seed::Seed;
use crate::words::words;

/// Choices of one edit, the longest ones: a long edit must not outweigh all others.
const MOST: usize = 8;
/// Words on both sides below which a change says too little.
const LEAST_WORDS: usize = 2;

/// One choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// What was asked for.
    pub seed: Seed,
    /// The shipped text up to here.
    pub before: String,
    /// What the writer put in.
    pub put_in: String,
    /// What stood in the draft instead.
    pub taken_out: String,
}

impl Choice {
    /// The choices of an edit, in the order of the text; none where it teaches nothing or is
    /// another text, as with what was cut ([`crate::row::Row::of_cuts`]). What was only put in, or
    /// only taken out, is no choice, and another number or name is a fact and no manner.
    pub fn of(seed: &Seed, draft: &str, shipped: &str) -> Vec<Choice> {
        if !(LEAST_CHANGED..=MOST_CHANGED).contains(&edit_distance(draft, shipped)) {
            return Vec::new();
        }
        let edit = Edit::presentable(draft, shipped);
        let (mut at, mut found) = (0, Vec::new());
        for segment in edit.segments() {
            let (_, added) = segment.sides();
            if let Segment::Changed { cut, added } = segment
                && is_manner(cut, added)
            {
                found.push((at, cut, added));
            }
            at += added.len();
        }
        let mut longest: Vec<usize> = (0..found.len()).collect();
        longest.sort_by_key(|&n| std::cmp::Reverse(found[n].1.len().min(found[n].2.len())));
        longest.truncate(MOST);
        longest.sort_unstable();
        let choice = |n: usize| {
            let (at, cut, added) = found[n];
            Choice {
                seed: seed.clone(),
                before: shipped[..at].to_owned(),
                put_in: added.clone(),
                taken_out: cut.clone(),
            }
        };
        longest.into_iter().map(choice).collect()
    }
}

/// Whether two stretches differ in more than facts: in words that begin small and have no digit.
fn is_manner(cut: &str, added: &str) -> bool {
    let plain = |text: &str| -> Vec<String> {
        let all = words(text).map(|(_, word)| word);
        let small = |word: &&str| {
            word.starts_with(char::is_lowercase) && !word.contains(|c: char| c.is_ascii_digit())
        };
        all.filter(small).map(str::to_owned).collect()
    };
    let (cut, added) = (plain(cut), plain(added));
    cut.len().min(added.len()) >= LEAST_WORDS && cut != added
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn chosen(edit: &str, want: &[[&str; 3]]) {
        let edit: Edit = edit.parse().expect("an edit");
        let found = Choice::of(&Seed::default(), &edit.draft(), &edit.shipped());
        let found: Vec<[&str; 3]> = found
            .iter()
            .map(|one| [one.before.trim(), one.put_in.trim(), one.taken_out.trim()])
            .collect();
        assert_eq!(found, want);
    }

    const END: &str = " and then it was evening and we went home along the shore, as we do.";

    #[test]
    fn a_change_is_a_choice_after_what_was_shipped() {
        let edit = format!("It [really poured down/rained a bit] all day{END}");
        chosen(&edit, &[["It", "rained a bit", "really poured down"]]);
    }

    #[test]
    fn what_was_only_put_in_or_taken_out_is_none() {
        chosen(&format!("It rained [/a good deal ]all day [and all night /]long{END}"), &[]);
    }

    #[test]
    fn facts_are_no_manner() {
        chosen(&format!("It was [12 or 13/17 or 18] degrees in [Old York/New Hull]{END}"), &[]);
    }

    #[test]
    fn another_text_is_no_edit() {
        let found =
            Choice::of(&Seed::default(), "One thing that was said.", "Quite another matter.");
        assert!(found.is_empty());
        assert!(Choice::of(&Seed::default(), "The same.", "The same.").is_empty());
    }

    #[test]
    fn of_many_choices_the_longest_are_kept() {
        let some = |n: usize| {
            format!(
                "[it was here {}/he had gone off {}] and so on and on. ",
                "so ".repeat(n),
                "on ".repeat(n)
            )
        };
        let edit: Edit = (0..12).map(some).collect::<String>().parse().expect("an edit");
        let found = Choice::of(&Seed::default(), &edit.draft(), &edit.shipped());
        assert_eq!(found.len(), MOST);
        assert!(found.windows(2).all(|two| two[0].before.len() < two[1].before.len()));
    }
}
