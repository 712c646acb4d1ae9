//! What a writer put in the place of something else, after the same words: of two ways to go on,
//! the one they chose (VOICE 4.2).

use serde::{Deserialize, Serialize};

use crate::edit::{Edit, Segment};
use crate::measure::edit_distance;
use crate::row::{LEAST_CHANGED, MOST_CHANGED};
use crate::run::Recipe;
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

/// Edits from which on what the writer preferred is learned after all else (VOICE 3.1): fewer say
/// too little.
pub const LEAST_EDITS: usize = 30;

/// The numbers of the stage after learning, in which of two ways to go on the writer's is preferred
/// (VOICE 4.2).
#[derive(Debug, Clone, PartialEq)]
pub struct Choosing {
    /// Learning rate of AdamW, the same throughout.
    pub learning_rate: f32,
    /// How soon a choice counts as made: a mean log-probability a token is multiplied by it.
    pub beta: f32,
    /// How much harder a writer's words are held where they became less likely.
    pub penalty: f32,
    /// How much the edits' own rows count beside the choices.
    pub anchor: f32,
    /// Gradient norm above which gradients are scaled down.
    pub clip: f32,
    /// Choices of a step.
    pub batch: usize,
    /// Longest lesson, in tokens.
    pub context: usize,
    /// What the order is drawn from.
    pub random_seed: u64,
}

impl Choosing {
    /// After a run by this recipe: a twentieth of its rate, once through.
    pub fn after(recipe: &Recipe) -> Choosing {
        Choosing {
            learning_rate: recipe.learning_rate / 20.0,
            beta: 2.0,
            penalty: 5.0,
            anchor: 1.0,
            clip: recipe.clip,
            batch: 8,
            context: recipe.context,
            random_seed: recipe.random_seed,
        }
    }
}

/// How an adapter stands to choices of the writer and pieces of theirs that it has not learned from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighed {
    /// Choices looked at.
    pub choices: usize,
    /// Share of them in which the writer's is found the likelier.
    pub right: f64,
    /// Mean natural logarithm of the probability of a token that the writer put in.
    pub put_in: f64,
    /// Bits a byte of the pieces.
    pub bits: f64,
}

impl Weighed {
    /// Whether what was learned of preference is worth keeping: more choices are made as the writer
    /// made them, their words hardly less likely (0.5 %), their pieces hardly dearer (0.3 %).
    pub fn is_better_than(&self, before: &Weighed) -> bool {
        self.choices > 0
            && self.right > before.right
            && self.put_in >= before.put_in * 1.005
            && self.bits <= before.bits * 1.003
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

    #[test]
    fn a_preference_is_kept_only_if_nothing_is_lost_by_it() {
        let before = Weighed { choices: 20, right: 0.6, put_in: -3.0, bits: 1.0 };
        let better = Weighed { right: 0.7, ..before };
        assert!(better.is_better_than(&before));
        for worse in [
            before,
            Weighed { right: 0.5, ..before },
            Weighed { put_in: -3.1, ..better },
            Weighed { bits: 1.01, ..better },
            Weighed { choices: 0, ..better },
            Weighed { bits: f64::NAN, ..better },
        ] {
            assert!(!worse.is_better_than(&before), "{worse:?}");
        }
        let hardly = Weighed { put_in: -3.01, bits: 1.002, ..better };
        assert!(hardly.is_better_than(&before));
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
