//! Events for the page, batched so that progress wakes the page at most twice a second.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use ghost_desk::event::Event;

/// Minimum time between two batches of progress.
pub(crate) const INTERVAL: Duration = Duration::from_millis(500);

/// Accepts events from any thread, and passes them on in order.
pub(crate) struct News(Sender<Event>);

impl News {
    /// Passes batches of events to `emit`, on a thread that ends with the last sender.
    pub(crate) fn start(mut emit: impl FnMut(Vec<Event>) + Send + 'static) -> Self {
        let (sender, events) = channel();
        let passing = move || pass_batches(&events, &mut emit);
        if let Err(error) = std::thread::Builder::new().name("news".into()).spawn(passing) {
            log::warn!("news: {error}");
        }
        News(sender)
    }

    /// Accepts an event; dropped if the page is gone.
    pub(crate) fn send(&self, event: Event) {
        let _ = self.0.send(event);
    }
}

fn pass_batches(events: &Receiver<Event>, emit: &mut dyn FnMut(Vec<Event>)) {
    let mut due = Instant::now();
    while let Ok(first) = events.recv() {
        let mut gathered = vec![first];
        while gathered.last().is_some_and(is_progress) {
            let left = due.saturating_duration_since(Instant::now());
            match events.recv_timeout(left) {
                Ok(event) => gathered.push(event),
                Err(_) => break,
            }
        }
        emit(without_stale_progress(gathered));
        due = Instant::now() + INTERVAL;
    }
}

/// Whether an event only reports progress, so that a later one of its kind replaces it; the steps of a
/// run are points of a curve and are never replaced.
pub(crate) fn is_progress(event: &Event) -> bool {
    matches!(
        event,
        Event::RunStepped { .. }
            | Event::RunProgressed { .. }
            | Event::EvaluationProgressed { .. }
            | Event::ImportProgressed { .. }
    )
}

/// The events without progress that a later event of the same kind replaces.
fn without_stale_progress(events: Vec<Event>) -> Vec<Event> {
    let same_kind = |a: &Event, b: &Event| match (a, b) {
        (Event::ImportProgressed { .. }, Event::ImportProgressed { .. }) => true,
        (Event::RunProgressed { run: a, .. }, Event::RunProgressed { run: b, .. }) => a == b,
        (
            Event::EvaluationProgressed { adapter: a, .. },
            Event::EvaluationProgressed { adapter: b, .. },
        ) => a == b,
        _ => false,
    };
    let mut kept: Vec<Event> = Vec::new();
    for event in events.into_iter().rev() {
        if !kept.iter().any(|later| same_kind(&event, later)) {
            kept.push(event);
        }
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn judged(done: u32) -> Event {
        Event::EvaluationProgressed { adapter: 1, done, of: 900 }
    }

    fn changed() -> Event {
        Event::GhostChanged { ghost: "SmolLM2 (no adapter)".into(), adapter: None }
    }

    /// The batches of events that were all sent before the first was passed on.
    fn passed_on(told: impl IntoIterator<Item = Event>) -> Vec<Vec<Event>> {
        let (sender, events) = channel();
        told.into_iter().for_each(|event| sender.send(event).unwrap());
        drop(sender);
        let mut batches = Vec::new();
        pass_batches(&events, &mut |batch| batches.push(batch));
        batches
    }

    #[test]
    fn progress_is_batched_and_only_the_newest_is_kept() {
        assert_eq!(passed_on((1..=900).map(judged)), [[judged(900)]]);
    }

    #[test]
    fn other_events_are_passed_on_at_once_and_in_order() {
        let told = passed_on([judged(1), judged(2), changed(), judged(3), changed()]);
        assert_eq!(told, [[judged(2), changed()], [judged(3), changed()]]);
    }
}
