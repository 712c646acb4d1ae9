//! News for the page: what happens while nobody asks, gathered so that progress wakes the page at
//! most twice a second.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use ghost_desk::event::Event;

/// Least time between two gatherings of mere progress.
pub(crate) const EVERY: Duration = Duration::from_millis(500);

/// Takes events from any thread, and passes them on in their order.
pub(crate) struct News(Sender<Event>);

impl News {
    /// Passes gatherings of events to `emit`, on a thread of its own that ends with the last copy.
    pub(crate) fn start(mut emit: impl FnMut(Vec<Event>) + Send + 'static) -> Self {
        let (sender, events) = channel();
        let passing = move || pass_on(&events, &mut emit);
        if let Err(error) = std::thread::Builder::new().name("news".into()).spawn(passing) {
            log::warn!("news: {error}");
        }
        News(sender)
    }

    /// Takes an event. A page that is gone needs no news.
    pub(crate) fn tell(&self, event: Event) {
        let _ = self.0.send(event);
    }
}

fn pass_on(events: &Receiver<Event>, emit: &mut dyn FnMut(Vec<Event>)) {
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
        emit(thinned(gathered));
        due = Instant::now() + EVERY;
    }
}

/// Whether an event only says how far something is; a later one of its kind says all it did, but
/// for a run's steps, which are points of a curve.
pub(crate) fn is_progress(event: &Event) -> bool {
    matches!(
        event,
        Event::RunStepped { .. }
            | Event::RunProgressed { .. }
            | Event::JudgeProgressed { .. }
            | Event::ImportProgressed { .. }
    )
}

/// The events without progress that a later event of the same kind has overtaken.
fn thinned(events: Vec<Event>) -> Vec<Event> {
    let same_kind = |a: &Event, b: &Event| match (a, b) {
        (Event::ImportProgressed { .. }, Event::ImportProgressed { .. }) => true,
        (Event::RunProgressed { run: a, .. }, Event::RunProgressed { run: b, .. }) => a == b,
        (Event::JudgeProgressed { adapter: a, .. }, Event::JudgeProgressed { adapter: b, .. }) => {
            a == b
        }
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
        Event::JudgeProgressed { adapter: 1, done, of: 900 }
    }

    fn changed() -> Event {
        Event::GhostChanged { ghost: "the bare base".into(), adapter: None }
    }

    /// What comes of events that were all told before the first was passed on.
    fn passed_on(told: impl IntoIterator<Item = Event>) -> Vec<Vec<Event>> {
        let (sender, events) = channel();
        told.into_iter().for_each(|event| sender.send(event).unwrap());
        drop(sender);
        let mut batches = Vec::new();
        pass_on(&events, &mut |batch| batches.push(batch));
        batches
    }

    #[test]
    fn much_progress_is_told_at_once_and_only_the_newest_of_it() {
        assert_eq!(passed_on((1..=900).map(judged)), [[judged(900)]]);
    }

    #[test]
    fn what_is_no_progress_waits_for_nothing_and_keeps_its_place() {
        let told = passed_on([judged(1), judged(2), changed(), judged(3), changed()]);
        assert_eq!(told, [[judged(2), changed()], [judged(3), changed()]]);
    }
}
