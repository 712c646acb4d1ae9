//! How the minutes of a run are shared out: measuring, learning, preferring, and the verdict.
//!
//! Times and speeds are passed in, so every answer here follows from its arguments alone. The plan
//! begins as an estimate and is revised as steps are measured.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// A verdict that would take more than this share of the minutes is put off.
const MAX_VERDICT_SHARE: f64 = 0.6;
/// Share of the minutes that is kept for what cannot be foreseen.
const RESERVE: f64 = 0.05;
/// A plan that is off by less than this share of the steps left is left as it is: revising it
/// writes a checkpoint.
const TOLERANCE: f64 = 0.1;

/// How fast this computer is with this base, in tokens a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Speeds {
    /// Learned from.
    pub(crate) learning: f64,
    /// Read.
    pub(crate) reading: f64,
    /// Written, with an adapter.
    pub(crate) writing: f64,
}

/// Work besides learning, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Load {
    /// Tokens that are read.
    pub(crate) read: f64,
    /// Tokens that are written.
    pub(crate) written: f64,
}

impl Load {
    /// Seconds it takes.
    pub(crate) fn seconds(&self, speeds: &Speeds) -> f64 {
        self.read / speeds.reading.max(1.0) + self.written / speeds.writing.max(0.1)
    }
}

/// The time of a run, and what it must suffice for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimeBudget {
    /// Seconds given; as long as it takes where there are none.
    pub(crate) given: Option<f64>,
    /// Seconds the verdict takes, as far as is known.
    pub(crate) verdict: f64,
    /// Seconds the look at the dev rows after the last step takes.
    pub(crate) last_look: f64,
    /// Seconds after learning for each second of learning: preferring what the writer preferred.
    pub(crate) preferring: f64,
}

impl TimeBudget {
    /// Whether the verdict is reached within the time; otherwise it is put off.
    pub(crate) fn has_verdict(&self) -> bool {
        self.given.is_none_or(|given| self.verdict <= given * MAX_VERDICT_SHARE)
    }

    /// Seconds left for learning, once so many are spent; as many as it takes where `None`.
    pub(crate) fn for_learning(&self, spent: f64) -> Option<f64> {
        let verdict = if self.has_verdict() { self.verdict } else { 0.0 };
        let left = self.given? * (1.0 - RESERVE) - spent - verdict;
        Some((left / (1.0 + self.preferring)).max(0.0))
    }

    /// How many of `full` steps there is time for: `done` of them are done, each step more takes
    /// `a_step` seconds, and this training has `share` of the time left for learning. One more step
    /// than is done is always made, and `planned` stays where it is about right.
    pub(crate) fn steps(&self, spent: f64, share: f64, steps: &Steps) -> usize {
        let Steps { done, planned, full, a_step } = *steps;
        let Some(left) = self.for_learning(spent) else { return full };
        let more = (left * share - self.last_look).max(0.0) / a_step.max(1e-9);
        // Conversions saturate: a speed beyond all measure allows everything.
        let wanted = done.saturating_add(more as usize).clamp((done + 1).min(full), full);
        let off = wanted.abs_diff(planned) as f64;
        let left = planned.saturating_sub(done) as f64;
        if planned > done && planned <= full && off <= (TOLERANCE * left).max(0.5) {
            planned
        } else {
            wanted
        }
    }

    /// Seconds to the end of the run: so many of learning are left.
    pub(crate) fn seconds_left(&self, learning: f64) -> f64 {
        let verdict = if self.has_verdict() { self.verdict } else { 0.0 };
        learning * (1.0 + self.preferring) + verdict
    }

    /// Whether there is time for a trial of `seconds`, beside `learning` seconds for all there is to
    /// learn.
    pub(crate) fn has_time_for(&self, seconds: f64, learning: f64, spent: f64) -> bool {
        self.for_learning(spent).is_none_or(|left| left >= seconds + learning)
    }

    /// Whether the time is over.
    pub(crate) fn is_over(&self, spent: f64) -> bool {
        self.given.is_some_and(|given| spent >= given)
    }
}

/// Where a training stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Steps {
    /// Steps done.
    pub(crate) done: usize,
    /// Steps in all, as planned so far; none planned yet where 0.
    pub(crate) planned: usize,
    /// Steps the recipe has at most.
    pub(crate) full: usize,
    /// Seconds a step takes, with its share of the looks at the dev rows.
    pub(crate) a_step: f64,
}

/// How long the last steps took, each with its share of the looks at the dev rows.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// Steps done, and seconds spent by then; the newest last.
    seen: VecDeque<(usize, f64)>,
    most: usize,
}

impl Pace {
    /// Of the last steps, as many as from one look at the dev rows to the next, and eight at least.
    pub(crate) fn new(look_every: usize) -> Pace {
        Pace { seen: VecDeque::new(), most: look_every.max(8) + 1 }
    }

    /// Begins with so many steps done when so many seconds are spent.
    pub(crate) fn begin(&mut self, done: usize, spent: f64) {
        self.seen.clear();
        self.seen.push_back((done, spent));
    }

    /// Notes that so many steps are done.
    pub(crate) fn note(&mut self, done: usize, spent: f64) {
        self.seen.push_back((done, spent));
        if self.seen.len() > self.most {
            self.seen.pop_front();
        }
    }

    /// Seconds a step takes, once one was seen.
    pub(crate) fn a_step(&self) -> Option<f64> {
        let (first, last) = (self.seen.front()?, self.seen.back()?);
        (last.0 > first.0).then(|| (last.1 - first.1) / (last.0 - first.0) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_last_steps() {
        let mut pace = Pace::new(3);
        assert_eq!(pace.a_step(), None);
        pace.begin(10, 100.0);
        assert_eq!(pace.a_step(), None);
        (1..=4).for_each(|n| pace.note(10 + n, 100.0 + 2.0 * n as f64));
        assert_eq!(pace.a_step(), Some(2.0));
        (1..=8).for_each(|n| pace.note(14 + n, 108.0 + 5.0 * n as f64));
        assert_eq!(pace.a_step(), Some(5.0));
    }

    fn minutes(minutes: f64) -> TimeBudget {
        TimeBudget { given: Some(60.0 * minutes), verdict: 60.0, last_look: 0.0, preferring: 0.0 }
    }

    fn at(done: usize, planned: usize, a_step: f64) -> Steps {
        Steps { done, planned, full: 1000, a_step }
    }

    #[test]
    fn the_verdict_is_counted_in() {
        // Ten minutes, of which half a minute is kept back and one is the verdict's.
        assert_eq!(minutes(10.0).for_learning(0.0), Some(510.0));
        assert_eq!(minutes(10.0).for_learning(100.0), Some(410.0));
        assert_eq!(minutes(10.0).steps(0.0, 1.0, &at(0, 0, 5.0)), 102);
    }

    #[test]
    fn a_verdict_that_is_most_of_the_time_is_put_off() {
        let budget = |minutes_given| minutes(minutes_given);
        assert!(budget(2.0).has_verdict());
        assert!(!budget(1.5).has_verdict());
        assert_eq!(budget(1.0).for_learning(0.0), Some(57.0));
    }

    #[test]
    fn the_plan_follows_the_speed() {
        let budget = minutes(10.0);
        let planned = budget.steps(0.0, 1.0, &at(0, 0, 5.0));
        assert_eq!(budget.steps(50.0, 1.0, &at(10, planned, 5.0)), planned, "as foreseen");
        assert_eq!(budget.steps(100.0, 1.0, &at(10, planned, 10.0)), 51, "half as fast");
        assert_eq!(budget.steps(25.0, 1.0, &at(10, planned, 2.5)), 204, "twice as fast");
        assert_eq!(budget.steps(52.0, 1.0, &at(10, planned, 5.2)), planned, "about as foreseen");
    }

    #[test]
    fn a_step_is_made_however_little_time_there_is_and_no_more_than_all() {
        let budget = minutes(1.0);
        assert_eq!(budget.steps(900.0, 1.0, &at(0, 0, 5.0)), 1);
        assert_eq!(budget.steps(900.0, 1.0, &at(7, 100, 5.0)), 8);
        assert_eq!(budget.steps(0.0, 1.0, &at(0, 0, 1e-12)), 1000);
        assert_eq!(budget.steps(0.0, 1.0, &Steps { full: 7, ..at(7, 7, 5.0) }), 7);
    }

    #[test]
    fn without_minutes_everything_is_done() {
        let budget = TimeBudget { given: None, ..minutes(1.0) };
        assert_eq!(budget.steps(1e9, 1.0, &at(3, 10, 5.0)), 1000);
        assert!(budget.has_verdict() && !budget.is_over(1e9) && budget.has_time_for(1e9, 1e9, 0.0));
    }

    #[test]
    fn what_is_preferred_and_held_out_in_turn_has_its_share() {
        let budget = TimeBudget { preferring: 0.1, ..minutes(10.0) };
        let left = budget.for_learning(0.0).unwrap_or_default();
        assert!((left - 510.0 / 1.1).abs() < 1e-9);
        assert!((budget.seconds_left(left) - 570.0).abs() < 1e-9);
        assert_eq!(budget.steps(0.0, 0.2, &at(0, 0, 5.0)), 18, "a fifth of it");
    }

    #[test]
    fn a_trial_is_made_where_all_can_be_learned_beside_it() {
        let budget = minutes(10.0);
        assert!(budget.has_time_for(100.0, 400.0, 0.0));
        assert!(!budget.has_time_for(100.0, 400.0, 20.0));
    }

    #[test]
    fn reading_and_writing_take_their_time() {
        let speeds = Speeds { learning: 100.0, reading: 1000.0, writing: 20.0 };
        let load = Load { read: 30_000.0, written: 600.0 };
        assert_eq!(load.seconds(&speeds), 60.0);
    }
}
