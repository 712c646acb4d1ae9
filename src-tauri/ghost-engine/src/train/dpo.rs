//! Direct preference optimisation (DPO): after training, the adapter learns to prefer what the writer
//! wrote to what the model wrote.
//!
//! Each change of an edit is one pair after the same words: chosen is what the writer put in, rejected
//! is what they took out. The loss is DPOP's (Pal et al. 2024), over mean log-probabilities a token and
//! relative to the adapter it starts from,
//!
//! ```text
//! -ln s(beta (r+ - r- - penalty max(0, -r+)))     r = mean ln p - mean ln p of the beginning
//! ```
//!
//! plus the ordinary loss of the edits' own rows. Plain DPO lowers both probabilities where the two differ
//! in little, as edits do; the penalty and the rows keep the writer's words likely.
//!
//! It takes a few dozen steps and saves nothing on disk: a repetition gives the same adapter.

use std::ops::ControlFlow;

use ghost_core::preference::{DpoConfig, PreferenceEval, PreferencePair};
use ghost_core::row::Row;
use ghost_core::run::BYTES_PER_TOKEN;

use crate::adapter::Adapter;
use crate::backend::{ActivationCheckpointing, LossInput, NegativeWeights};
use crate::base::Base;
use crate::error::Result;
use crate::eval;
use crate::lora::Lora;
use crate::model::{Model, SavedActivations};
use crate::optimizer::AdamW;
use crate::prompt;
use crate::train::dataset;
use ghost_core::rng::Rng;

/// Tokens of the shipped text before a change that are shown.
const MAX_BEFORE: usize = 256;
/// Tokens of a change that count.
const MAX_COMPLETION: usize = 128;

/// A completion after what came before it.
struct Completion {
    tokens: Vec<u32>,
    /// The first token of the completion.
    from: usize,
}

impl Completion {
    fn after(base: &Base, prompt: &[u32], before: &str, text: &str) -> Option<Completion> {
        let text = format!("{before}{text}");
        let all = base.tokenizer.encode_with_offsets(&text);
        // A token across the border belongs to the completion.
        let first = all.iter().position(|(_, bytes)| bytes.end > before.len())?;
        let shown = first.saturating_sub(MAX_BEFORE)..all.len().min(first + MAX_COMPLETION);
        let from = prompt.len() + first - shown.start;
        let tokens = prompt.iter().copied().chain(all[shown].iter().map(|(id, _)| *id)).collect();
        (from > 0).then_some(Completion { tokens, from })
    }

    /// Mean natural logarithm of its tokens' probability.
    fn log_prob(&self, model: &Model, lora: &Lora) -> f64 {
        let nll = model.token_nll(Some(lora), &self.tokens, self.from);
        -nll.iter().map(|nll| f64::from(*nll)).sum::<f64>() / nll.len().max(1) as f64
    }

    /// Adds the gradient of `factor` times its mean negative log-likelihood, divided by `normalizer`.
    fn accumulate(
        &self,
        model: &Model,
        lora: &Lora,
        factor: f64,
        normalizer: f64,
        saved: &mut SavedActivations,
        gradients: &mut Lora,
    ) {
        let n = self.tokens.len() - self.from;
        let mut weights = vec![0.0; self.tokens.len()];
        weights[self.from..].fill((factor / n as f64) as f32);
        let input = LossInput {
            tokens: &self.tokens,
            weights: &weights,
            normalizer,
            negative: NegativeWeights::Linear,
            dropout: None,
            checkpointing: ActivationCheckpointing::EVERY_LAYER,
        };
        model.accumulate_gradients(lora, &input, saved, gradients);
    }
}

/// Tokens that training on preferences reads, roughly.
pub fn tokens(choices: &[PreferencePair]) -> usize {
    // Both completions, each once to be evaluated and, in three passes instead of one, once to be
    // trained on.
    const PASSES: usize = 3;
    let of = |choice: &PreferencePair| {
        let before = (choice.prefix.len() / BYTES_PER_TOKEN).min(MAX_BEFORE);
        let completion = |text: &str| (text.len() / BYTES_PER_TOKEN).min(MAX_COMPLETION);
        let request = choice.seed.request().len() / BYTES_PER_TOKEN;
        2 * (request + before) + completion(&choice.chosen) + completion(&choice.rejected)
    };
    choices.iter().map(of).sum::<usize>() * PASSES / 2
}

/// Both completions of a pair.
struct TokenizedPair {
    chosen: Completion,
    rejected: Completion,
}

impl TokenizedPair {
    fn all(base: &Base, choices: &[PreferencePair]) -> Result<Vec<TokenizedPair>> {
        let mut pairs = Vec::new();
        for choice in choices {
            let prompt = prompt::for_seed(base, &choice.seed)?;
            let completion = |text: &str| Completion::after(base, &prompt, &choice.prefix, text);
            let both = (completion(&choice.chosen), completion(&choice.rejected));
            if let (Some(chosen), Some(rejected)) = both {
                pairs.push(TokenizedPair { chosen, rejected });
            }
        }
        Ok(pairs)
    }

    /// Mean log-probabilities of both, chosen first.
    fn log_probs(&self, model: &Model, lora: &Lora) -> [f64; 2] {
        [self.chosen.log_prob(model, lora), self.rejected.log_prob(model, lora)]
    }
}

/// Evaluates an adapter on preferences and whole pieces that it was not trained on.
///
/// # Errors
/// Where the base's template refuses a seed.
pub fn evaluate_preferences(
    model: &Model,
    adapter: &Adapter,
    choices: &[PreferencePair],
    validation: &[Row],
) -> Result<PreferenceEval> {
    let lora = &adapter.lora;
    let (mut right, mut of_chosen, mut n) = (0, 0.0, 0);
    for pair in TokenizedPair::all(model, choices)? {
        let [chosen, rejected] = pair.log_probs(model, lora);
        right += usize::from(chosen > rejected);
        of_chosen += chosen;
        n += 1;
    }
    let (mut nll, mut bytes) = (0.0, 0);
    for row in validation.iter().filter(|row| !row.text.is_empty()) {
        let prompt = prompt::for_seed(model, &row.seed)?;
        nll += eval::nll(model, Some(lora), &prompt, &row.text);
        bytes += row.text.len();
    }
    Ok(PreferenceEval {
        pairs: n,
        accuracy: right as f64 / n.max(1) as f64,
        chosen_log_prob: of_chosen / n.max(1) as f64,
        bits_per_byte: nll / std::f64::consts::LN_2 / bytes.max(1) as f64,
    })
}

/// Trains an adapter on preferences, and on the rows of the edits they come from. `None` where
/// `on_progress`, given the steps done of how many, asks to stop.
///
/// # Errors
/// Where the base's template refuses a seed.
pub fn train_preferences(
    model: &Model,
    start: &Adapter,
    choices: &[PreferencePair],
    rows: &[Row],
    config: &DpoConfig,
    on_progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Option<Adapter>> {
    let pairs = TokenizedPair::all(model, choices)?;
    let mut examples = Vec::new();
    for row in rows {
        let context = config.context.min(model.config.context);
        examples.extend(dataset::examples(model, row, context)?);
    }
    let steps = pairs.len().div_ceil(config.batch_size.max(1));
    let reference: Vec<[f64; 2]> =
        pairs.iter().map(|pair| pair.log_probs(model, &start.lora)).collect();
    let order = |of: u64, n: usize| {
        let mut order: Vec<usize> = (0..n).collect();
        Rng::stream(config.random_seed, &[0xD9, of]).shuffle(&mut order);
        order
    };
    let (of_pairs, of_rows) = (order(0, pairs.len()), order(1, examples.len()));

    let mut lora = start.lora.clone();
    let (mut adam, mut gradients) = (AdamW::new(&lora), lora.zeros_like());
    let mut saved = SavedActivations::default();
    for step in 0..steps {
        gradients.tensors_mut().for_each(|tensor| tensor.fill(0.0));
        let batch =
            &of_pairs[step * config.batch_size..of_pairs.len().min((step + 1) * config.batch_size)];
        let normalizer = batch.len() as f64;
        for &n in batch {
            let now = pairs[n].log_probs(model, &lora);
            let gains = [now[0] - reference[n][0], now[1] - reference[n][1]];
            let [chosen, rejected] = loss_gradients(config, gains);
            let TokenizedPair { chosen: won, rejected: lost } = &pairs[n];
            won.accumulate(model, &lora, chosen, normalizer, &mut saved, &mut gradients);
            lost.accumulate(model, &lora, rejected, normalizer, &mut saved, &mut gradients);
        }
        let rows = &of_rows[examples.len() * step / steps..examples.len() * (step + 1) / steps];
        let counts = |n: &usize| examples[*n].weights.iter().map(|w| f64::from(w.max(0.0)));
        let normalizer: f64 =
            rows.iter().flat_map(counts).sum::<f64>() / f64::from(config.sft_weight);
        for &n in rows {
            let input = LossInput {
                tokens: &examples[n].tokens,
                weights: &examples[n].weights,
                normalizer,
                negative: NegativeWeights::Unlikelihood,
                dropout: None,
                checkpointing: ActivationCheckpointing::EVERY_LAYER,
            };
            model.accumulate_gradients(&lora, &input, &mut saved, &mut gradients);
        }
        adam.step(&mut lora, &gradients, config.learning_rate, config.clip);
        if on_progress(step + 1, steps).is_break() {
            return Ok(None);
        }
    }
    Ok(Some(Adapter { lora, card: start.card.clone() }))
}

/// The gradient of the loss in the negative log-likelihood of the chosen and of the rejected
/// completion, given how much their log-likelihoods gained over the reference.
fn loss_gradients(config: &DpoConfig, [chosen, rejected]: [f64; 2]) -> [f64; 2] {
    let (beta, penalty) = (f64::from(config.beta), f64::from(config.dpop_lambda));
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

    fn start(base: &Base) -> Adapter {
        let mut lora = Lora::fresh(base, 4, 8.0, 0.0, 1);
        let mut rng = Rng::new(3);
        lora.tensors_mut().flatten().for_each(|value| *value += 0.02 * (rng.next_f32() - 0.5));
        let card = Card::new(base, &Recipe::quick(1, 1, 1), String::new(), Vec::new());
        Adapter { lora, card }
    }

    fn config() -> DpoConfig {
        DpoConfig {
            learning_rate: 2e-3,
            batch_size: 2,
            ..DpoConfig::after(&Recipe::quick(1, 1, 1))
        }
    }

    fn trained(model: &Model) -> Option<Adapter> {
        let mut go_on = |_, _| ControlFlow::Continue(());
        train_preferences(model, &start(model), &choices(), &rows(), &config(), &mut go_on).unwrap()
    }

    #[test]
    fn the_gradients_are_those_of_the_loss() {
        let config = config();
        let loss = |[put_in, taken_out]: [f64; 2]| {
            let (beta, penalty) = (f64::from(config.beta), f64::from(config.dpop_lambda));
            let z = beta * (put_in - taken_out - penalty * (-put_in).max(0.0));
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
            let [put_in, taken_out] = loss_gradients(&config, gains);
            assert!((put_in - by_hand(0)).abs() < 1e-6 && (taken_out - by_hand(1)).abs() < 1e-6);
        }
    }

    #[test]
    fn a_negative_factor_reverses_the_gradient() {
        let model = tiny::model(1);
        let lora = start(&model).lora;
        let pairs = TokenizedPair::all(&model, &choices()).unwrap();
        let along = |slope: f64| {
            let mut gradients = lora.zeros_like();
            let saved = &mut SavedActivations::default();
            pairs[0].chosen.accumulate(&model, &lora, slope, 1.0, saved, &mut gradients);
            gradients
        };
        let (up, down) = (along(0.7), along(-0.7));
        assert!(up.tensors().flatten().any(|up| *up != 0.0));
        let mut both = up.tensors().flatten().zip(down.tensors().flatten());
        assert!(both.all(|(up, down)| (up + down).abs() <= 1e-6 * up.abs().max(1e-3)));
    }

    #[test]
    fn the_chosen_completion_becomes_likelier_than_the_rejected() {
        let model = tiny::model(1);
        let (before, after) = (start(&model), trained(&model).unwrap());
        let margin = |adapter: &Adapter| {
            let pairs = TokenizedPair::all(&model, &choices()).unwrap();
            let each = pairs.iter().map(|pair| pair.log_probs(&model, &adapter.lora));
            let [put_in, taken_out] =
                each.fold([0.0; 2], |sum, now| [sum[0] + now[0], sum[1] + now[1]]);
            (put_in, put_in - taken_out)
        };
        let (was, is) = (margin(&before), margin(&after));
        assert!(is.1 > was.1, "{was:?} {is:?}");
        assert!(is.0 > was.0, "and does not fall itself: {was:?} {is:?}");
        let weighed =
            |adapter: &Adapter| evaluate_preferences(&model, adapter, &choices(), &rows()).unwrap();
        assert!(weighed(&after).chosen_log_prob > weighed(&before).chosen_log_prob);
        assert_eq!(weighed(&after).pairs, 8);
    }

    #[test]
    fn training_is_repeatable_and_a_stop_gives_no_adapter() {
        let model = tiny::model(1);
        assert_eq!(trained(&model), trained(&model));
        let mut stop = |_, _| ControlFlow::Break(());
        let stopped =
            train_preferences(&model, &start(&model), &choices(), &rows(), &config(), &mut stop);
        assert_eq!(stopped.unwrap(), None);
    }

    #[test]
    fn no_pairs_change_nothing() {
        let model = tiny::model(1);
        let mut go_on = |_, _| ControlFlow::Continue(());
        let same = train_preferences(&model, &start(&model), &[], &[], &config(), &mut go_on);
        let same = same.unwrap().unwrap();
        assert_eq!(same.lora, start(&model).lora);
    }
}
