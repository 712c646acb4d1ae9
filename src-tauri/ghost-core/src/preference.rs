//! Preference pairs: the words a writer put into a draft and the words they replaced.
//!
//! A stage after training learns from them to prefer the writer's version (DPO with a supervised
//! term and a penalty for making the writer's version less likely: DPOP, Pal et al. 2024).

use serde::{Deserialize, Serialize};

use crate::edit::{Edit, Segment};
use crate::measure::edit_distance;
use crate::row::{MAX_CHANGED, MIN_CHANGED};
use crate::run::Recipe;
use crate::seed::Seed;
use crate::words::words;

/// Pairs taken from one edit, the longest ones, so that a long edit does not outweigh all others.
const MAX_PAIRS: usize = 8;
/// Words a change must have on both sides to say enough.
const MIN_WORDS: usize = 2;

/// Two continuations of the same text, of which the writer chose one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreferencePair {
    /// The request.
    pub seed: Seed,
    /// The shipped text up to the change.
    #[serde(rename = "before", alias = "prefix")]
    pub prefix: String,
    /// The writer's words.
    #[serde(rename = "put_in", alias = "chosen")]
    pub chosen: String,
    /// The draft's words in the same place.
    #[serde(rename = "taken_out", alias = "rejected")]
    pub rejected: String,
}

impl PreferencePair {
    /// The pairs of an edit, in the order of the text. Empty if the edit changes too little, or so
    /// much that it is another text, as for [`crate::row::Row::of_cuts`].
    ///
    /// A pure insertion or deletion is not a pair. Nor is a change of numbers or names: that is a
    /// fact, not style.
    pub fn of(seed: &Seed, draft: &str, shipped: &str) -> Vec<PreferencePair> {
        if !(MIN_CHANGED..=MAX_CHANGED).contains(&edit_distance(draft, shipped)) {
            return Vec::new();
        }
        let edit = Edit::presentable(draft, shipped);
        let (mut at, mut found) = (0, Vec::new());
        for segment in edit.segments() {
            let (_, added) = segment.sides();
            if let Segment::Changed { cut, added } = segment
                && is_style(cut, added)
            {
                found.push((at, cut, added));
            }
            at += added.len();
        }
        let mut longest: Vec<usize> = (0..found.len()).collect();
        longest.sort_by_key(|&n| std::cmp::Reverse(found[n].1.len().min(found[n].2.len())));
        longest.truncate(MAX_PAIRS);
        longest.sort_unstable();
        let pair = |n: usize| {
            let (at, cut, added) = found[n];
            PreferencePair {
                seed: seed.clone(),
                prefix: shipped[..at].to_owned(),
                chosen: added.clone(),
                rejected: cut.clone(),
            }
        };
        longest.into_iter().map(pair).collect()
    }
}

/// Edits needed before the preference stage runs; fewer say too little.
pub const MIN_EDITS: usize = 30;

/// Hyperparameters of the preference stage.
#[derive(Debug, Clone, PartialEq)]
pub struct DpoConfig {
    /// Learning rate of AdamW, constant.
    pub learning_rate: f32,
    /// Inverse temperature: multiplies the difference of mean log-probabilities per token.
    pub beta: f32,
    /// Weight of the penalty if the chosen text becomes less likely than it was (lambda in DPOP).
    pub dpop_lambda: f32,
    /// Weight of the supervised loss on the edits' own rows.
    pub sft_weight: f32,
    /// Gradient norm above which gradients are scaled down.
    pub clip: f32,
    /// Pairs in one step.
    pub batch_size: usize,
    /// Longest training example, in tokens.
    pub context: usize,
    /// Seed of the order of the pairs.
    pub random_seed: u64,
}

impl DpoConfig {
    /// The configuration after a run by this recipe: a twentieth of its learning rate, one pass.
    pub fn after(recipe: &Recipe) -> DpoConfig {
        DpoConfig {
            learning_rate: recipe.learning_rate / 20.0,
            beta: 2.0,
            dpop_lambda: 5.0,
            sft_weight: 1.0,
            clip: recipe.clip,
            batch_size: 8,
            context: recipe.context,
            random_seed: recipe.random_seed,
        }
    }
}

/// The results of an adapter on preference pairs and pieces that it has not trained on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PreferenceEval {
    /// Pairs evaluated.
    pub pairs: usize,
    /// Share of pairs in which the chosen text is the likelier.
    pub accuracy: f64,
    /// Mean natural log-probability per token of the chosen texts.
    pub chosen_log_prob: f64,
    /// Bits per byte on the pieces.
    pub bits_per_byte: f64,
}

impl PreferenceEval {
    /// True if the preference stage is worth keeping: accuracy rises, the chosen texts become at most
    /// 0.5 % less likely, and the pieces cost at most 0.3 % more bits.
    pub fn is_better_than(&self, before: &PreferenceEval) -> bool {
        self.pairs > 0
            && self.accuracy > before.accuracy
            && self.chosen_log_prob >= before.chosen_log_prob * 1.005
            && self.bits_per_byte <= before.bits_per_byte * 1.003
    }
}

/// True if two stretches differ in more than facts: in lower-case words without digits.
fn is_style(cut: &str, added: &str) -> bool {
    let plain = |text: &str| -> Vec<String> {
        let all = words(text).map(|(_, word)| word);
        let small = |word: &&str| {
            word.starts_with(char::is_lowercase) && !word.contains(|c: char| c.is_ascii_digit())
        };
        all.filter(small).map(str::to_owned).collect()
    };
    let (cut, added) = (plain(cut), plain(added));
    cut.len().min(added.len()) >= MIN_WORDS && cut != added
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn pairs(edit: &str, want: &[[&str; 3]]) {
        let edit: Edit = edit.parse().expect("an edit");
        let found = PreferencePair::of(&Seed::default(), &edit.draft(), &edit.shipped());
        let found: Vec<[&str; 3]> = found
            .iter()
            .map(|one| [one.prefix.trim(), one.chosen.trim(), one.rejected.trim()])
            .collect();
        assert_eq!(found, want);
    }

    #[test]
    fn a_preference_stage_is_kept_only_if_nothing_gets_worse() {
        let before =
            PreferenceEval { pairs: 20, accuracy: 0.6, chosen_log_prob: -3.0, bits_per_byte: 1.0 };
        let better = PreferenceEval { accuracy: 0.7, ..before };
        assert!(better.is_better_than(&before));
        for worse in [
            before,
            PreferenceEval { accuracy: 0.5, ..before },
            PreferenceEval { chosen_log_prob: -3.1, ..better },
            PreferenceEval { bits_per_byte: 1.01, ..better },
            PreferenceEval { pairs: 0, ..better },
            PreferenceEval { bits_per_byte: f64::NAN, ..better },
        ] {
            assert!(!worse.is_better_than(&before), "{worse:?}");
        }
        let slightly = PreferenceEval { chosen_log_prob: -3.01, bits_per_byte: 1.002, ..better };
        assert!(slightly.is_better_than(&before));
    }

    const END: &str = " and then it was evening and we went home along the shore, as we do.";

    #[test]
    fn a_changed_phrase_becomes_a_pair() {
        let edit = format!("It [really poured down/rained a bit] all day{END}");
        pairs(&edit, &[["It", "rained a bit", "really poured down"]]);
    }

    #[test]
    fn pure_insertions_and_deletions_are_not_pairs() {
        pairs(&format!("It rained [/a good deal ]all day [and all night /]long{END}"), &[]);
    }

    #[test]
    fn changed_facts_are_not_pairs() {
        pairs(&format!("It was [12 or 13/17 or 18] degrees in [Old York/New Hull]{END}"), &[]);
    }

    #[test]
    fn a_rewritten_text_has_no_pairs() {
        let found = PreferencePair::of(
            &Seed::default(),
            "One thing that was said.",
            "Quite another matter.",
        );
        assert!(found.is_empty());
        assert!(PreferencePair::of(&Seed::default(), "The same.", "The same.").is_empty());
    }

    #[test]
    fn the_longest_pairs_of_an_edit_are_kept_in_order() {
        let some = |n: usize| {
            format!(
                "[it was here {}/he had gone off {}] and so on and on. ",
                "so ".repeat(n),
                "on ".repeat(n)
            )
        };
        let edit: Edit = (0..12).map(some).collect::<String>().parse().expect("an edit");
        let found = PreferencePair::of(&Seed::default(), &edit.draft(), &edit.shipped());
        assert_eq!(found.len(), MAX_PAIRS);
        assert!(found.windows(2).all(|two| two[0].prefix.len() < two[1].prefix.len()));
    }

    #[test]
    fn pairs_are_stored_under_their_first_names() {
        let old = r#"{"seed":{"topic":"x"},"before":"It ","put_in":"rained","taken_out":"poured"}"#;
        let pair: PreferencePair = serde_json::from_str(old).expect("a stored pair");
        assert_eq!((pair.chosen.as_str(), pair.rejected.as_str()), ("rained", "poured"));
        assert!(serde_json::to_string(&pair).is_ok_and(|json| json.contains("\"put_in\"")));
    }
}
