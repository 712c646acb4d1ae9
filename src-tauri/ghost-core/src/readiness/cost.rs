//! The cost of an adapter in four places, from a price table that anyone may edit.
//!
//! The prices are examples; the hours and tokens are the writer's own. Nothing is looked up online.

use serde::{Deserialize, Serialize};

/// The bundled table.
const BUNDLED: &str = include_str!("../../../../assets/prices.toml");
/// Hours in a month.
const HOURS_PER_MONTH: f64 = 730.0;

/// A price table in one currency, as of one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// The day the prices were looked up.
    pub as_of: String,
    /// The currency: "USD".
    pub currency: String,
    /// Training runs per month.
    #[serde(rename = "runs_a_month")]
    pub runs_per_month: f64,
    #[serde(rename = "here")]
    local: Local,
    hosted: Hosted,
    serverless: Serverless,
    dedicated: Dedicated,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Local {
    watts: f64,
    #[serde(rename = "a_kilowatt_hour")]
    per_kilowatt_hour: f64,
}

/// Prices per million tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Hosted {
    #[serde(rename = "learning")]
    training: f64,
    #[serde(rename = "reading")]
    input: f64,
    #[serde(rename = "writing")]
    output: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Serverless {
    #[serde(rename = "card_hour")]
    gpu_hour: f64,
    #[serde(rename = "tokens_a_second")]
    tokens_per_second: f64,
    #[serde(rename = "reading")]
    input: f64,
    #[serde(rename = "writing")]
    output: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Dedicated {
    #[serde(rename = "card_hour")]
    gpu_hour: f64,
}

/// An invalid price table, in a sentence for whoever edited it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PricesError {
    /// It is not TOML, or a figure is missing.
    #[error("The price table cannot be read: {0}")]
    Unreadable(String),
    /// A negative or missing price.
    #[error("The price table contains a price that is negative or not a number.")]
    InvalidPrice,
}

impl Prices {
    /// The bundled table: dated examples.
    pub fn bundled() -> Prices {
        Prices::read(BUNDLED).expect("the bundled table is tested")
    }

    /// Reads a table (TOML).
    ///
    /// # Errors
    /// If the text is not a price table or contains an invalid price.
    pub fn read(text: &str) -> Result<Prices, PricesError> {
        let prices: Prices = toml::from_str(text)
            .map_err(|e| PricesError::Unreadable(e.message().trim().to_owned()))?;
        let amounts = [
            prices.runs_per_month,
            prices.local.watts,
            prices.local.per_kilowatt_hour,
            prices.hosted.training,
            prices.hosted.input,
            prices.hosted.output,
            prices.serverless.gpu_hour,
            prices.serverless.input,
            prices.serverless.output,
            prices.dedicated.gpu_hour,
        ];
        let sound = amounts.iter().all(|amount| (0.0..1e6).contains(amount))
            && (1.0..1e9).contains(&prices.serverless.tokens_per_second);
        if sound { Ok(prices) } else { Err(PricesError::InvalidPrice) }
    }

    /// The cost of the energy for `seconds` of work on this computer.
    pub fn local_cost(&self, seconds: f64) -> f64 {
        seconds / 3_600.0 * self.local.watts / 1_000.0 * self.local.per_kilowatt_hour
    }
}

/// A writer's use in a month, and the size of one training run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Hours of the last run on this computer; `None` before the first.
    pub hours: Option<f64>,
    /// Tokens read in one run.
    #[serde(rename = "learned_tokens")]
    pub training_tokens: f64,
    /// Drafts in the last thirty days.
    pub drafts: f64,
    /// Prompt tokens of one draft, examples included.
    #[serde(rename = "read_tokens")]
    pub prompt_tokens: f64,
    /// Tokens generated for one draft.
    #[serde(rename = "written_tokens")]
    pub generated_tokens: f64,
    /// Seconds this computer takes for one draft; `None` before the first.
    pub seconds: Option<f64>,
}

/// A place to train and write in, and its cost per month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostEstimate {
    /// "here", "hosted", "serverless" or "dedicated".
    pub place: String,
    /// Cost of one run, if known.
    #[serde(rename = "one_run")]
    pub per_run: Option<f64>,
    /// Cost per month, if known.
    #[serde(rename = "a_month")]
    pub per_month: Option<f64>,
    /// Hours of this computer per month, for the local place.
    pub hours: Option<f64>,
    /// Its energy in kilowatt hours.
    pub energy: Option<f64>,
    /// The estimate in a sentence for the writer.
    pub sentence: String,
}

/// Cost estimates for all places, the writer's own computer first.
pub fn estimates(prices: &Prices, usage: &Usage) -> Vec<CostEstimate> {
    let millions = |tokens: f64| tokens / 1e6;
    let runs = prices.runs_per_month;
    let (input, output) =
        (usage.prompt_tokens * usage.drafts, usage.generated_tokens * usage.drafts);
    let drafting = |input_price: f64, output_price: f64| {
        millions(input) * input_price + millions(output) * output_price
    };

    let hosted = millions(usage.training_tokens) * prices.hosted.training;
    let hosted_month = hosted * runs + drafting(prices.hosted.input, prices.hosted.output);
    let seconds = usage.training_tokens / prices.serverless.tokens_per_second;
    let serverless = seconds / 3_600.0 * prices.serverless.gpu_hour;
    let serverless_month =
        serverless * runs + drafting(prices.serverless.input, prices.serverless.output);
    let remote = |place: &str, per_run: f64, per_month: f64, sentence: String| CostEstimate {
        place: place.to_owned(),
        per_run: Some(per_run),
        per_month: Some(per_month),
        hours: None,
        energy: None,
        sentence,
    };
    let money = |amount: f64| format!("{amount:.2} {}", prices.currency);
    vec![
        local(prices, usage),
        remote(
            "hosted",
            hosted,
            hosted_month,
            format!(
                "Trained and served by a model provider: {} per run, {} per month. Your archive leaves \
                 this computer.",
                money(hosted),
                money(hosted_month)
            ),
        ),
        remote(
            "serverless",
            serverless,
            serverless_month,
            format!(
                "An adapter on shared GPUs, billed by the second and the token: {} per run, {} per \
                 month. Your archive leaves this computer.",
                money(serverless),
                money(serverless_month)
            ),
        ),
        remote(
            "dedicated",
            0.0,
            prices.dedicated.gpu_hour * HOURS_PER_MONTH,
            format!(
                "A rented GPU, day and night: {} per month, however much you write.",
                money(prices.dedicated.gpu_hour * HOURS_PER_MONTH)
            ),
        ),
    ]
}

fn local(prices: &Prices, usage: &Usage) -> CostEstimate {
    let Some(hours) = usage.hours else {
        return CostEstimate {
            place: "here".to_owned(),
            per_run: None,
            per_month: None,
            hours: None,
            energy: None,
            sentence: "This computer: not measured yet. The hours are known after the first \
                       training run. Nothing leaves it."
                .to_owned(),
        };
    };
    let writing = usage.seconds.unwrap_or(0.0) * usage.drafts / 3_600.0;
    let month = hours * prices.runs_per_month + writing;
    let energy = |hours: f64| hours * prices.local.watts / 1_000.0;
    let cost = |hours: f64| energy(hours) * prices.local.per_kilowatt_hour;
    CostEstimate {
        place: "here".to_owned(),
        per_run: Some(cost(hours)),
        per_month: Some(cost(month)),
        hours: Some(month),
        energy: Some(energy(month)),
        sentence: format!(
            "This computer: the last run took {}; a month takes {month:.1} hours and {:.2} kWh at \
             {:.0} W, {:.2} {}. Nothing leaves it.",
            span(hours),
            energy(month),
            prices.local.watts,
            cost(month),
            prices.currency
        ),
    }
}

/// "13 minutes", "1.5 hours".
fn span(hours: f64) -> String {
    if hours < 1.0 { format!("{:.0} minutes", hours * 60.0) } else { format!("{hours:.1} hours") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn usage() -> Usage {
        Usage {
            hours: Some(0.5),
            training_tokens: 120_000.0,
            drafts: 10.0,
            prompt_tokens: 1_500.0,
            generated_tokens: 800.0,
            seconds: Some(36.0),
        }
    }

    #[test]
    fn the_bundled_table_can_be_read_and_has_a_date() {
        let prices = Prices::bundled();
        assert_eq!((prices.currency.as_str(), prices.as_of.len()), ("USD", 10));
    }

    #[test]
    fn a_local_month_has_hours_and_energy() {
        let places = estimates(&Prices::bundled(), &usage());
        let local = &places[0];
        assert_eq!(local.place, "here");
        assert!((local.hours.unwrap() - 4.1).abs() < 1e-9);
        assert!((local.energy.unwrap() - 0.2665).abs() < 1e-9);
        assert!((local.per_month.unwrap() - 0.07995).abs() < 1e-9);
        assert!(local.sentence.contains("took 30 minutes"), "{}", local.sentence);
    }

    #[test]
    fn remote_costs_are_computed_from_tokens() {
        let places = estimates(&Prices::bundled(), &usage());
        assert!((places[1].per_run.unwrap() - 0.36).abs() < 1e-9);
        assert!((places[1].per_month.unwrap() - (2.88 + 0.0045 + 0.0096)).abs() < 1e-9);
        assert!((places[2].per_run.unwrap() - 30.0 / 3_600.0 * 2.5).abs() < 1e-9);
        assert!((places[3].per_month.unwrap() - 1_095.0).abs() < 1e-9);
    }

    #[test]
    fn before_the_first_run_local_costs_are_unknown() {
        let places = estimates(&Prices::bundled(), &Usage { hours: None, ..usage() });
        assert_eq!((places[0].per_month, places.len()), (None, 4));
    }

    #[test]
    fn an_invalid_table_is_rejected_with_a_reason() {
        for text in ["", "as_of = 3", "prices"] {
            assert!(matches!(Prices::read(text), Err(PricesError::Unreadable(_))), "{text}");
        }
        for wrong in ["watts = -1", "watts = nan", "watts = inf"] {
            let text = BUNDLED.replace("watts = 65", wrong);
            assert_eq!(Prices::read(&text), Err(PricesError::InvalidPrice), "{wrong}");
        }
        let none = BUNDLED.replace("tokens_a_second = 4000", "tokens_a_second = 0");
        assert_eq!(Prices::read(&none), Err(PricesError::InvalidPrice));
    }
}
