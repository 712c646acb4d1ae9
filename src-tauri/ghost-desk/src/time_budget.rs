//! The time budget of a run: measuring, training, preference training and the verdict.
//!
//! Times and speeds are arguments, so every result follows from them alone. The plan starts as an
//! estimate and is revised as steps are measured.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Maximum share of the time for a verdict; a longer one is postponed.
const MAX_VERDICT_SHARE: f64 = 0.6;
/// Share of the time reserved for the unexpected.
const RESERVE: f64 = 0.05;
/// A plan that is off by less than this share of the remaining steps is kept: a revision writes a
/// checkpoint.
const TOLERANCE: f64 = 0.1;

/// Speeds of this computer with a base, in tokens per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Speeds {
    /// Training.
    pub(crate) learning: f64,
    /// Reading a prompt.
    pub(crate) reading: f64,
    /// Writing, with an adapter.
    pub(crate) writing: f64,
}

/// Work other than training, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Workload {
    /// Tokens read.
    pub(crate) read: f64,
    /// Tokens written.
    pub(crate) written: f64,
}

impl Workload {
    /// Seconds it takes.
    pub(crate) fn seconds(&self, speeds: &Speeds) -> f64 {
        self.read / speeds.reading.max(1.0) + self.written / speeds.writing.max(0.1)
    }
}

/// The time of a run and its fixed expenses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimeBudget {
    /// Time limit in seconds; none if absent.
    pub(crate) given: Option<f64>,
    /// Estimated seconds of the verdict.
    pub(crate) verdict: f64,
    /// Seconds of the validation after the last step.
    pub(crate) last_validation: f64,
    /// Seconds of preference training per second of training.
    pub(crate) preference_share: f64,
}

impl TimeBudget {
    /// Whether the verdict fits into the time; otherwise it is postponed.
    pub(crate) fn has_verdict(&self) -> bool {
        self.given.is_none_or(|given| self.verdict <= given * MAX_VERDICT_SHARE)
    }

    /// Seconds left for training after `spent`; `None` without a limit.
    pub(crate) fn for_learning(&self, spent: f64) -> Option<f64> {
        let verdict = if self.has_verdict() { self.verdict } else { 0.0 };
        let left = self.given? * (1.0 - RESERVE) - spent - verdict;
        Some((left / (1.0 + self.preference_share)).max(0.0))
    }

    /// The number of steps to make, of `full`: each further step takes `a_step` seconds, and this
    /// training has `share` of the time left. At least one more step than `done`; `planned` is kept
    /// if it is about right.
    pub(crate) fn steps(&self, spent: f64, share: f64, steps: &Steps) -> usize {
        let Steps { done, planned, full, a_step } = *steps;
        let Some(left) = self.for_learning(spent) else { return full };
        let more = (left * share - self.last_validation).max(0.0) / a_step.max(1e-9);
        // Conversions saturate: an extreme speed allows all steps.
        let wanted = done.saturating_add(more as usize).clamp((done + 1).min(full), full);
        let off = wanted.abs_diff(planned) as f64;
        let left = planned.saturating_sub(done) as f64;
        if planned > done && planned <= full && off <= (TOLERANCE * left).max(0.5) {
            planned
        } else {
            wanted
        }
    }

    /// Seconds to the end of the run, with `learning` seconds of training left.
    pub(crate) fn seconds_left(&self, learning: f64) -> f64 {
        let verdict = if self.has_verdict() { self.verdict } else { 0.0 };
        learning * (1.0 + self.preference_share) + verdict
    }

    /// Whether a trial of `seconds` fits in addition to `learning` seconds of training.
    pub(crate) fn has_time_for(&self, seconds: f64, learning: f64, spent: f64) -> bool {
        self.for_learning(spent).is_none_or(|left| left >= seconds + learning)
    }

    /// Whether the time is up.
    pub(crate) fn is_over(&self, spent: f64) -> bool {
        self.given.is_some_and(|given| spent >= given)
    }
}

/// The position of a training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Steps {
    /// Steps done.
    pub(crate) done: usize,
    /// Steps planned so far; 0 if not planned yet.
    pub(crate) planned: usize,
    /// Steps of the whole recipe.
    pub(crate) full: usize,
    /// Seconds per step, including its share of validation.
    pub(crate) a_step: f64,
}

/// The duration of the last steps, including their share of validation.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// (steps done, seconds spent), oldest first.
    seen: VecDeque<(usize, f64)>,
    most: usize,
}

impl Pace {
    /// Averages over the steps between two validations, at least eight.
    pub(crate) fn new(look_every: usize) -> Pace {
        Pace { seen: VecDeque::new(), most: look_every.max(8) + 1 }
    }

    /// Starts with `done` steps after `spent` seconds.
    pub(crate) fn begin(&mut self, done: usize, spent: f64) {
        self.seen.clear();
        self.seen.push_back((done, spent));
    }

    /// Records that `done` steps are done.
    pub(crate) fn note(&mut self, done: usize, spent: f64) {
        self.seen.push_back((done, spent));
        if self.seen.len() > self.most {
            self.seen.pop_front();
        }
    }

    /// Seconds per step, once at least one step was recorded.
    pub(crate) fn a_step(&self) -> Option<f64> {
        let (first, last) = (self.seen.front()?, self.seen.back()?);
        (last.0 > first.0).then(|| (last.1 - first.1) / (last.0 - first.0) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_follows_the_last_steps() {
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
        TimeBudget {
            given: Some(60.0 * minutes),
            verdict: 60.0,
            last_validation: 0.0,
            preference_share: 0.0,
        }
    }

    fn at(done: usize, planned: usize, a_step: f64) -> Steps {
        Steps { done, planned, full: 1000, a_step }
    }

    #[test]
    fn the_verdict_is_part_of_the_budget() {
        // Ten minutes: half a minute is reserved, one is for the verdict.
        assert_eq!(minutes(10.0).for_learning(0.0), Some(510.0));
        assert_eq!(minutes(10.0).for_learning(100.0), Some(410.0));
        assert_eq!(minutes(10.0).steps(0.0, 1.0, &at(0, 0, 5.0)), 102);
    }

    #[test]
    fn a_verdict_that_takes_most_of_the_time_is_postponed() {
        let budget = |minutes_given| minutes(minutes_given);
        assert!(budget(2.0).has_verdict());
        assert!(!budget(1.5).has_verdict());
        assert_eq!(budget(1.0).for_learning(0.0), Some(57.0));
    }

    #[test]
    fn the_plan_follows_the_measured_speed() {
        let budget = minutes(10.0);
        let planned = budget.steps(0.0, 1.0, &at(0, 0, 5.0));
        assert_eq!(budget.steps(50.0, 1.0, &at(10, planned, 5.0)), planned, "as estimated");
        assert_eq!(budget.steps(100.0, 1.0, &at(10, planned, 10.0)), 51, "half as fast");
        assert_eq!(budget.steps(25.0, 1.0, &at(10, planned, 2.5)), 204, "twice as fast");
        assert_eq!(budget.steps(52.0, 1.0, &at(10, planned, 5.2)), planned, "about as estimated");
    }

    #[test]
    fn at_least_one_and_at_most_all_steps_are_made() {
        let budget = minutes(1.0);
        assert_eq!(budget.steps(900.0, 1.0, &at(0, 0, 5.0)), 1);
        assert_eq!(budget.steps(900.0, 1.0, &at(7, 100, 5.0)), 8);
        assert_eq!(budget.steps(0.0, 1.0, &at(0, 0, 1e-12)), 1000);
        assert_eq!(budget.steps(0.0, 1.0, &Steps { full: 7, ..at(7, 7, 5.0) }), 7);
    }

    #[test]
    fn without_a_time_limit_all_steps_are_made() {
        let budget = TimeBudget { given: None, ..minutes(1.0) };
        assert_eq!(budget.steps(1e9, 1.0, &at(3, 10, 5.0)), 1000);
        assert!(budget.has_verdict() && !budget.is_over(1e9) && budget.has_time_for(1e9, 1e9, 0.0));
    }

    #[test]
    fn preference_training_and_folds_get_their_share() {
        let budget = TimeBudget { preference_share: 0.1, ..minutes(10.0) };
        let left = budget.for_learning(0.0).unwrap_or_default();
        assert!((left - 510.0 / 1.1).abs() < 1e-9);
        assert!((budget.seconds_left(left) - 570.0).abs() < 1e-9);
        assert_eq!(budget.steps(0.0, 0.2, &at(0, 0, 5.0)), 18, "a fifth of it");
    }

    #[test]
    fn a_trial_needs_time_in_addition_to_the_whole_training() {
        let budget = minutes(10.0);
        assert!(budget.has_time_for(100.0, 400.0, 0.0));
        assert!(!budget.has_time_for(100.0, 400.0, 20.0));
    }

    #[test]
    fn a_workload_takes_reading_and_writing_time() {
        let speeds = Speeds { learning: 100.0, reading: 1000.0, writing: 20.0 };
        let load = Workload { read: 30_000.0, written: 600.0 };
        assert_eq!(load.seconds(&speeds), 60.0);
    }
}
