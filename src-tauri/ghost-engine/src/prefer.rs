//! After learning, of two ways to say a stretch: the writer's rather than the ghost's (VOICE 4.2).
//!
//! Each change of an edit is one choice, made after the same words: what the writer put in against
//! what they took out. The loss is DPOP's (Pal et al. 2024), over mean log-probabilities a token
//! and against the adapter it begins with,
//!
//! ```text
//! -ln s(beta (r+ - r- - penalty max(0, -r+)))     r = mean ln p - mean ln p of the beginning
//! ```
//!
//! beside the plain loss of the edits' own rows. Plain DPO makes both likelier to fall where the two
//! differ in little, which edits do; the penalty and the rows hold the writer's words up.
//!
//! It takes a few dozen steps and keeps nothing on disk: done again, it does the same.

use std::ops::ControlFlow;

use ghost_core::preference::{DpoConfig, PreferenceEval, PreferencePair};
use ghost_core::row::Row;

use crate::adapter::Adapter;
use crate::base::Base;
use crate::chance::Chance;
use crate::error::Result;
use crate::lesson;
use crate::lora::Lora;
use crate::model::{Cache, Keep, Learner, Model, Told};
use crate::optimizer::AdamW;
use crate::score;

/// Tokens of what was shipped before a change that are shown.
const BEFORE: usize = 256;
/// Tokens of a change that count.
const LONGEST: usize = 128;

/// A stretch after what came before it.
struct Said {
    tokens: Vec<u32>,
    /// The first token of the stretch.
    from: usize,
}

impl Said {
    fn after(base: &Base, prompt: &[u32], before: &str, stretch: &str) -> Option<Said> {
        let text = format!("{before}{stretch}");
        let all = base.tokenizer.encode_with_offsets(&text);
        // A token that is of both is of the stretch.
        let first = all.iter().position(|(_, bytes)| bytes.end > before.len())?;
        let shown = first.saturating_sub(BEFORE)..all.len().min(first + LONGEST);
        let from = prompt.len() + first - shown.start;
        let tokens = prompt.iter().copied().chain(all[shown].iter().map(|(id, _)| *id)).collect();
        (from > 0).then_some(Said { tokens, from })
    }

    /// Mean natural logarithm of its tokens' probability.
    fn likely(&self, base: &Base, lora: Option<&Lora>) -> f64 {
        let nll = Model::new(base, lora).surprise(&self.tokens, self.from, &mut Cache::new(base));
        -nll.iter().map(|nll| f64::from(*nll)).sum::<f64>() / nll.len().max(1) as f64
    }

    /// Adds the gradient of `slope` times its mean negative log-likelihood, over `over`.
    fn learn(
        &self,
        learner: &mut Learner,
        model: &Model<'_>,
        slope: f64,
        over: f64,
        gradients: &mut Lora,
    ) {
        let n = self.tokens.len() - self.from;
        let mut weights = vec![0.0; self.tokens.len()];
        weights[self.from..].fill((slope / n as f64) as f32);
        let told = Told {
            tokens: &self.tokens,
            weights: &weights,
            over,
            straight: true,
            dropout: None,
            keep: Keep::NONE,
        };
        learner.learn(model, told, gradients);
    }
}

/// Tokens that learning choices reads, roughly, each time it reads one: English prose has 4.3
/// bytes a token.
pub fn tokens(choices: &[PreferencePair]) -> usize {
    const BYTES_A_TOKEN: usize = 4;
    // Both ways, each once to be weighed and, in three passes instead of one, once to be learned.
    const TIMES: usize = 3;
    let of = |choice: &PreferencePair| {
        let before = (choice.prefix.len() / BYTES_A_TOKEN).min(BEFORE);
        let stretch = |text: &str| (text.len() / BYTES_A_TOKEN).min(LONGEST);
        let request = choice.seed.request().len() / BYTES_A_TOKEN;
        2 * (request + before) + stretch(&choice.chosen) + stretch(&choice.rejected)
    };
    choices.iter().map(of).sum::<usize>() * TIMES / 2
}

/// Both ways of a choice.
struct Pair {
    chosen: Said,
    rejected: Said,
}

impl Pair {
    fn all(base: &Base, choices: &[PreferencePair]) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for choice in choices {
            let prompt = lesson::prompt_for(base, &choice.seed)?;
            let said = |stretch: &str| Said::after(base, &prompt, &choice.prefix, stretch);
            if let (Some(chosen), Some(rejected)) = (said(&choice.chosen), said(&choice.rejected)) {
                pairs.push(Pair { chosen, rejected });
            }
        }
        Ok(pairs)
    }

    fn likely(&self, base: &Base, lora: Option<&Lora>) -> [f64; 2] {
        [self.chosen.likely(base, lora), self.rejected.likely(base, lora)]
    }
}

/// How an adapter stands to choices and to whole pieces it has not learned from.
///
/// # Errors
/// Where the base's template refuses a seed.
pub fn weigh(
    base: &Base,
    adapter: &Adapter,
    choices: &[PreferencePair],
    watched: &[Row],
) -> Result<PreferenceEval> {
    let lora = Some(&adapter.lora);
    let (mut right, mut chosen, mut n) = (0, 0.0, 0);
    for pair in Pair::all(base, choices)? {
        let [kept, cut] = pair.likely(base, lora);
        right += usize::from(kept > cut);
        chosen += kept;
        n += 1;
    }
    let (mut nats, mut bytes) = (0.0, 0);
    for row in watched.iter().filter(|row| !row.text.is_empty()) {
        nats += score::nats(base, lora, &lesson::prompt_for(base, &row.seed)?, &row.text);
        bytes += row.text.len();
    }
    Ok(PreferenceEval {
        pairs: n,
        accuracy: right as f64 / n.max(1) as f64,
        chosen_log_prob: chosen / n.max(1) as f64,
        bits_per_byte: nats / std::f64::consts::LN_2 / bytes.max(1) as f64,
    })
}

/// Learns choices, and the rows of the edits they are of, beginning with an adapter; `None` where
/// `hear`, told the steps done of how many, asks to stop.
///
/// # Errors
/// Where the base's template refuses a seed.
pub fn prefer(
    base: &Base,
    beginning: &Adapter,
    choices: &[PreferencePair],
    rows: &[Row],
    how: &DpoConfig,
    hear: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Option<Adapter>> {
    let pairs = Pair::all(base, choices)?;
    let mut lessons = Vec::new();
    for row in rows {
        lessons.extend(lesson::lessons(base, row, how.context.min(base.shape.context))?);
    }
    let steps = pairs.len().div_ceil(how.batch_size.max(1));
    let first: Vec<[f64; 2]> =
        pairs.iter().map(|pair| pair.likely(base, Some(&beginning.lora))).collect();
    let order = |of: u64, n: usize| {
        let mut order: Vec<usize> = (0..n).collect();
        Chance::of(how.random_seed, &[0xD9, of]).shuffle(&mut order);
        order
    };
    let (of_pairs, of_rows) = (order(0, pairs.len()), order(1, lessons.len()));

    let mut lora = beginning.lora.clone();
    let (mut adam, mut gradients) = (AdamW::new(&lora), lora.zeros_like());
    let mut learner = Learner::default();
    for step in 0..steps {
        gradients.tensors_mut().for_each(|tensor| tensor.fill(0.0));
        let model = Model::new(base, Some(&lora));
        let batch =
            &of_pairs[step * how.batch_size..of_pairs.len().min((step + 1) * how.batch_size)];
        let over = batch.len() as f64;
        for &n in batch {
            let now = pairs[n].likely(base, Some(&lora));
            let [chosen, rejected] = slopes(how, [now[0] - first[n][0], now[1] - first[n][1]]);
            pairs[n].chosen.learn(&mut learner, &model, chosen, over, &mut gradients);
            pairs[n].rejected.learn(&mut learner, &model, rejected, over, &mut gradients);
        }
        let rows = &of_rows[lessons.len() * step / steps..lessons.len() * (step + 1) / steps];
        let counts = |n: &usize| lessons[*n].weights.iter().map(|w| f64::from(w.max(0.0)));
        let over: f64 = rows.iter().flat_map(counts).sum::<f64>() / f64::from(how.sft_weight);
        for &n in rows {
            let told = Told {
                tokens: &lessons[n].tokens,
                weights: &lessons[n].weights,
                over,
                straight: false,
                dropout: None,
                keep: Keep::NONE,
            };
            learner.learn(&model, told, &mut gradients);
        }
        adam.step(&mut lora, &gradients, how.learning_rate, how.clip);
        if hear(step + 1, steps).is_break() {
            return Ok(None);
        }
    }
    Ok(Some(Adapter { lora, card: beginning.card.clone() }))
}

/// The slope of the loss in the negative log-likelihood of what was put in, and of what was taken
/// out, where their gains over the beginning are these.
fn slopes(how: &DpoConfig, [chosen, rejected]: [f64; 2]) -> [f64; 2] {
    let (beta, penalty) = (f64::from(how.beta), f64::from(how.dpop_lambda));
    let z = beta * (chosen - rejected - penalty * (-chosen).max(0.0));
    let slope = beta / (1.0 + z.exp());
    [slope * if chosen < 0.0 { 1.0 + penalty } else { 1.0 }, -slope]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::adapter::Card;
    use crate::tiny;
    use ghost_core::id::EditId;
    use ghost_core::run::Recipe;
    use ghost_core::seed::Seed;
    use ghost_core::split::Split;

    fn choices() -> Vec<PreferencePair> {
        let of = |n: usize| PreferencePair {
            seed: Seed { topic: format!("rain {n}"), ..Seed::default() },
            prefix: "It rained on ".to_owned(),
            chosen: format!("the hill {n}."),
            rejected: format!("a vibrant tapestry {n}!"),
        };
        (0..8).map(of).collect()
    }

    fn rows() -> Vec<Row> {
        let of = |choice: PreferencePair| {
            let draft = format!("{}{}", choice.prefix, choice.rejected);
            let shipped = format!("{}{}", choice.prefix, choice.chosen);
            Row::of_edit(EditId(1), choice.seed, &draft, &shipped, &[], Split::Train)
        };
        choices().into_iter().map(of).collect()
    }

    fn beginning(base: &Base) -> Adapter {
        let mut lora = Lora::fresh(base, 4, 8.0, 0.0, 1);
        let mut chance = ghost_core::rng::Rng::new(3);
        lora.tensors_mut()
            .flatten()
            .for_each(|value| *value += 0.02 * (chance.next_f64() as f32 - 0.5));
        let card = Card::new(base, &Recipe::quick(1, 1, 1), String::new(), Vec::new());
        Adapter { lora, card }
    }

    fn how() -> DpoConfig {
        DpoConfig {
            learning_rate: 2e-3,
            batch_size: 2,
            ..DpoConfig::after(&Recipe::quick(1, 1, 1))
        }
    }

    fn learned(base: &Base) -> Option<Adapter> {
        let mut go_on = |_, _| ControlFlow::Continue(());
        prefer(base, &beginning(base), &choices(), &rows(), &how(), &mut go_on).unwrap()
    }

    #[test]
    fn the_slopes_are_those_of_the_loss() {
        let how = how();
        let loss = |[chosen, rejected]: [f64; 2]| {
            let (beta, penalty) = (f64::from(how.beta), f64::from(how.dpop_lambda));
            let z = beta * (chosen - rejected - penalty * (-chosen).max(0.0));
            (-z).exp().ln_1p()
        };
        for gains in [[0.3, 0.1], [-0.2, 0.1], [0.05, -0.4], [-0.1, -0.3]] {
            let by_hand = |at: usize| {
                let mut moved = [gains, gains];
                moved[0][at] += 1e-6;
                moved[1][at] -= 1e-6;
                // A gain is a log-likelihood, so what falls with it rises with the negative one.
                -(loss(moved[0]) - loss(moved[1])) / 2e-6
            };
            let [chosen, rejected] = slopes(&how, gains);
            assert!((chosen - by_hand(0)).abs() < 1e-6 && (rejected - by_hand(1)).abs() < 1e-6);
        }
    }

    #[test]
    fn a_slope_below_zero_goes_the_other_way() {
        let (base, lora) = (tiny::base(1), beginning(&tiny::base(1)).lora);
        let pairs = Pair::all(&base, &choices()).unwrap();
        let along = |slope: f64| {
            let mut gradients = lora.zeros_like();
            let model = Model::new(&base, Some(&lora));
            pairs[0].chosen.learn(&mut Learner::default(), &model, slope, 1.0, &mut gradients);
            gradients
        };
        let (up, down) = (along(0.7), along(-0.7));
        assert!(up.tensors().flatten().any(|up| *up != 0.0));
        let mut both = up.tensors().flatten().zip(down.tensors().flatten());
        assert!(both.all(|(up, down)| (up + down).abs() <= 1e-6 * up.abs().max(1e-3)));
    }

    #[test]
    fn what_the_writer_put_in_becomes_likelier_than_what_they_took_out() {
        let base = tiny::base(1);
        let (before, after) = (beginning(&base), learned(&base).unwrap());
        let margin = |adapter: &Adapter| {
            let pairs = Pair::all(&base, &choices()).unwrap();
            let each = pairs.iter().map(|pair| pair.likely(&base, Some(&adapter.lora)));
            let [chosen, rejected] =
                each.fold([0.0; 2], |sum, now| [sum[0] + now[0], sum[1] + now[1]]);
            (chosen, chosen - rejected)
        };
        let (was, is) = (margin(&before), margin(&after));
        assert!(is.1 > was.1, "{was:?} {is:?}");
        assert!(is.0 > was.0, "and does not fall itself: {was:?} {is:?}");
        let weighed = |adapter: &Adapter| weigh(&base, adapter, &choices(), &rows()).unwrap();
        assert!(weighed(&after).chosen_log_prob > weighed(&before).chosen_log_prob);
        assert_eq!(weighed(&after).pairs, 8);
    }

    #[test]
    fn the_same_choices_are_learned_the_same_and_a_stop_leaves_nothing() {
        let base = tiny::base(1);
        assert_eq!(learned(&base), learned(&base));
        let mut stop = |_, _| ControlFlow::Break(());
        let stopped = prefer(&base, &beginning(&base), &choices(), &rows(), &how(), &mut stop);
        assert_eq!(stopped.unwrap(), None);
    }

    #[test]
    fn nothing_to_choose_between_changes_nothing() {
        let base = tiny::base(1);
        let mut go_on = |_, _| ControlFlow::Continue(());
        let same = prefer(&base, &beginning(&base), &[], &[], &how(), &mut go_on).unwrap().unwrap();
        assert_eq!(same.lora, beginning(&base).lora);
    }
}
