//! What a voice costs in four places, from a table of prices that anyone may edit.
//!
//! The prices are examples; only the hours and tokens are the writer's own. Knows no offer and asks
//! nobody.

use serde::{Deserialize, Serialize};

/// The table that is shipped.
const SHIPPED: &str = include_str!("../../../../assets/prices.toml");
/// A month of a card that is never given back, in hours.
const MONTH: f64 = 730.0;

/// A table of prices: one currency, one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// The day they were looked up.
    pub as_of: String,
    /// What they are in: "USD".
    pub currency: String,
    /// How often a voice is learned anew in a month.
    pub runs_a_month: f64,
    here: Here,
    hosted: Hosted,
    serverless: Serverless,
    dedicated: Dedicated,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Here {
    watts: f64,
    a_kilowatt_hour: f64,
}

/// A million tokens each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Hosted {
    learning: f64,
    reading: f64,
    writing: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Serverless {
    card_hour: f64,
    tokens_a_second: f64,
    reading: f64,
    writing: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Dedicated {
    card_hour: f64,
}

/// A table that is none, in a sentence for whoever edited it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PricesTrouble {
    /// It is no TOML, or a figure is missing.
    #[error("The table of prices cannot be read: {0}")]
    Unreadable(String),
    /// A price below nought, or none at all.
    #[error("A price in the table is no amount.")]
    NoAmount,
}

impl Prices {
    /// The table that is shipped: examples, dated.
    pub fn shipped() -> Prices {
        Prices::read(SHIPPED).expect("the shipped table is tested")
    }

    /// Reads a table (TOML).
    ///
    /// # Errors
    /// Where it is no such table, or holds an amount that is none.
    pub fn read(text: &str) -> Result<Prices, PricesTrouble> {
        let prices: Prices = toml::from_str(text)
            .map_err(|e| PricesTrouble::Unreadable(e.message().trim().to_owned()))?;
        let amounts = [
            prices.runs_a_month,
            prices.here.watts,
            prices.here.a_kilowatt_hour,
            prices.hosted.learning,
            prices.hosted.reading,
            prices.hosted.writing,
            prices.serverless.card_hour,
            prices.serverless.reading,
            prices.serverless.writing,
            prices.dedicated.card_hour,
        ];
        let sound = amounts.iter().all(|amount| (0.0..1e6).contains(amount))
            && (1.0..1e9).contains(&prices.serverless.tokens_a_second);
        if sound { Ok(prices) } else { Err(PricesTrouble::NoAmount) }
    }

    /// What so many seconds of this computer at work cost.
    pub fn of_seconds_here(&self, seconds: f64) -> f64 {
        seconds / 3_600.0 * self.here.watts / 1_000.0 * self.here.a_kilowatt_hour
    }
}

/// What a writer does in a month, and what one learning takes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Work {
    /// Hours of the last learning on this computer; none where nothing was learned yet.
    pub hours: Option<f64>,
    /// Tokens one learning reads.
    pub learned_tokens: f64,
    /// Drafts in the last thirty days.
    pub drafts: f64,
    /// Tokens read for one draft, the examples of the prompt among them.
    pub read_tokens: f64,
    /// Tokens written for one draft.
    pub written_tokens: f64,
    /// Seconds this computer writes at one draft; none where it wrote none yet.
    pub seconds: Option<f64>,
}

/// One rung: a place to learn and write in, and what a month of it costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// "here", "hosted", "serverless" or "dedicated".
    pub place: String,
    /// One learning; none where it is not known.
    pub one_run: Option<f64>,
    /// All of a month; none where it is not known.
    pub a_month: Option<f64>,
    /// Hours of this computer in a month, for the first rung.
    pub hours: Option<f64>,
    /// And the energy, in kilowatt hours.
    pub energy: Option<f64>,
    /// For the writer.
    pub sentence: String,
}

/// The ladder, the writer's own computer first.
pub fn ladder(prices: &Prices, work: &Work) -> Vec<Rung> {
    let millions = |tokens: f64| tokens / 1e6;
    let runs = prices.runs_a_month;
    let (read, written) = (work.read_tokens * work.drafts, work.written_tokens * work.drafts);
    let written_with =
        |reading: f64, writing: f64| millions(read) * reading + millions(written) * writing;

    let hosted = millions(work.learned_tokens) * prices.hosted.learning;
    let hosted_month = hosted * runs + written_with(prices.hosted.reading, prices.hosted.writing);
    let seconds = work.learned_tokens / prices.serverless.tokens_a_second;
    let serverless = seconds / 3_600.0 * prices.serverless.card_hour;
    let serverless_month =
        serverless * runs + written_with(prices.serverless.reading, prices.serverless.writing);
    let away = |place: &str, one_run: f64, a_month: f64, sentence: String| Rung {
        place: place.to_owned(),
        one_run: Some(one_run),
        a_month: Some(a_month),
        hours: None,
        energy: None,
        sentence,
    };
    let money = |amount: f64| format!("{amount:.2} {}", prices.currency);
    vec![
        here(prices, work),
        away(
            "hosted",
            hosted,
            hosted_month,
            format!(
                "Trained and served by a maker of models: {} a learning, {} a month. Your archive \
                 leaves this computer.",
                money(hosted),
                money(hosted_month)
            ),
        ),
        away(
            "serverless",
            serverless,
            serverless_month,
            format!(
                "An adapter on shared cards, by the second and the token: {} a learning, {} a \
                 month. Your archive leaves this computer.",
                money(serverless),
                money(serverless_month)
            ),
        ),
        away(
            "dedicated",
            0.0,
            prices.dedicated.card_hour * MONTH,
            format!(
                "A rented card of your own, day and night: {} a month, whatever you write.",
                money(prices.dedicated.card_hour * MONTH)
            ),
        ),
    ]
}

fn here(prices: &Prices, work: &Work) -> Rung {
    let Some(hours) = work.hours else {
        return Rung {
            place: "here".to_owned(),
            one_run: None,
            a_month: None,
            hours: None,
            energy: None,
            sentence: "This computer: not measured yet; learn once and its hours stand here. \
                       Nothing leaves it."
                .to_owned(),
        };
    };
    let writing = work.seconds.unwrap_or(0.0) * work.drafts / 3_600.0;
    let month = hours * prices.runs_a_month + writing;
    let energy = |hours: f64| hours * prices.here.watts / 1_000.0;
    let cost = |hours: f64| energy(hours) * prices.here.a_kilowatt_hour;
    Rung {
        place: "here".to_owned(),
        one_run: Some(cost(hours)),
        a_month: Some(cost(month)),
        hours: Some(month),
        energy: Some(energy(month)),
        sentence: format!(
            "This computer: the last learning took {}; a month is {month:.1} hours and {:.2} kWh \
             at {:.0} W, {:.2} {}. Nothing leaves it.",
            span(hours),
            energy(month),
            prices.here.watts,
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

    fn work() -> Work {
        Work {
            hours: Some(0.5),
            learned_tokens: 120_000.0,
            drafts: 10.0,
            read_tokens: 1_500.0,
            written_tokens: 800.0,
            seconds: Some(36.0),
        }
    }

    #[test]
    fn the_shipped_table_can_be_read_and_says_its_day() {
        let prices = Prices::shipped();
        assert_eq!((prices.currency.as_str(), prices.as_of.len()), ("USD", 10));
    }

    #[test]
    fn a_month_here_is_hours_and_energy() {
        let rungs = ladder(&Prices::shipped(), &work());
        let here = &rungs[0];
        assert_eq!(here.place, "here");
        assert!((here.hours.unwrap() - 4.1).abs() < 1e-9);
        assert!((here.energy.unwrap() - 0.2665).abs() < 1e-9);
        assert!((here.a_month.unwrap() - 0.07995).abs() < 1e-9);
        assert!(here.sentence.contains("took 30 minutes"), "{}", here.sentence);
    }

    #[test]
    fn the_rungs_away_are_reckoned_from_tokens() {
        let rungs = ladder(&Prices::shipped(), &work());
        assert!((rungs[1].one_run.unwrap() - 0.36).abs() < 1e-9);
        assert!((rungs[1].a_month.unwrap() - (2.88 + 0.0045 + 0.0096)).abs() < 1e-9);
        assert!((rungs[2].one_run.unwrap() - 30.0 / 3_600.0 * 2.5).abs() < 1e-9);
        assert!((rungs[3].a_month.unwrap() - 1_095.0).abs() < 1e-9);
    }

    #[test]
    fn before_the_first_learning_its_hours_are_not_known() {
        let rungs = ladder(&Prices::shipped(), &Work { hours: None, ..work() });
        assert_eq!((rungs[0].a_month, rungs.len()), (None, 4));
    }

    #[test]
    fn a_table_that_is_none_says_why() {
        for text in ["", "as_of = 3", "prices"] {
            assert!(matches!(Prices::read(text), Err(PricesTrouble::Unreadable(_))), "{text}");
        }
        for wrong in ["watts = -1", "watts = nan", "watts = inf"] {
            let text = SHIPPED.replace("watts = 65", wrong);
            assert_eq!(Prices::read(&text), Err(PricesTrouble::NoAmount), "{wrong}");
        }
        let none = SHIPPED.replace("tokens_a_second = 4000", "tokens_a_second = 0");
        assert_eq!(Prices::read(&none), Err(PricesTrouble::NoAmount));
    }
}
