//! What a run is doing and how long it will take: told every few seconds by its own process, and
//! kept in its folder, so that a window or a command that comes later shows it at once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use ghost_core::id::RunId;
use ghost_engine::memory;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::wire::{RunProgress, RunStage};
use crate::{folder, lock, store};

/// How often it is told, whether anything happened or not.
const EVERY: Duration = Duration::from_secs(3);
/// In the folder of a run.
const FILE: &str = "progress.json";

/// What is kept of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// Seconds the run has been at work, in all its processes.
    spent: f64,
    progress: RunProgress,
}

/// What a run was last doing, as its folder says.
pub(crate) fn kept_in(room: &Path) -> Option<RunProgress> {
    let text = std::fs::read_to_string(room.join(FILE)).ok()?;
    Some(store::from_json::<Kept>(&text).ok()?.progress)
}

/// Tells what a run does, from its own process.
pub(crate) struct Reporter {
    shared: Arc<Shared>,
    ticker: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    run: RunId,
    file: PathBuf,
    tell: Box<dyn Fn(&Event) + Send + Sync>,
    began: Instant,
    spent_before: f64,
    now: Mutex<Now>,
    wake: Condvar,
}

struct Now {
    progress: RunProgress,
    /// When it was last brought up to date: since then, time has passed and nothing else.
    at: Instant,
    ended: bool,
}

impl Reporter {
    /// Begins to tell what a run does, each time through `tell`.
    pub(crate) fn start(
        run: RunId,
        room: &Path,
        tell: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Reporter {
        let file = room.join(FILE);
        let kept = std::fs::read_to_string(&file).ok();
        let kept = kept.and_then(|text| store::from_json::<Kept>(&text).ok());
        let progress = RunProgress {
            stage: RunStage::Measuring,
            done: 0,
            of: 0,
            seconds_left: None,
            tokens_per_second: None,
            peak_bytes: memory::peak(),
        };
        let now = Now { progress, at: Instant::now(), ended: false };
        let shared = Arc::new(Shared {
            run,
            file,
            tell: Box::new(tell),
            began: Instant::now(),
            spent_before: kept.map_or(0.0, |kept| kept.spent),
            now: now.into(),
            wake: Condvar::new(),
        });
        let ticking = shared.clone();
        let ticker = std::thread::Builder::new().name("progress".into());
        let ticker = ticker.spawn(move || ticking.tick());
        if let Err(error) = &ticker {
            log::warn!("progress: {error}");
        }
        Reporter { shared, ticker: ticker.ok() }
    }

    /// Seconds the run has been at work, in all its processes.
    pub(crate) fn spent(&self) -> f64 {
        self.shared.spent()
    }

    /// Says what the run does now.
    pub(crate) fn set(&self, change: impl FnOnce(&mut RunProgress)) {
        let mut now = lock(&self.shared.now);
        let stage = now.progress.stage;
        change(&mut now.progress);
        now.at = Instant::now();
        // Another stage is told at once; the rest when its time comes.
        if now.progress.stage != stage {
            drop(now);
            self.shared.tell_now();
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        lock(&self.shared.now).ended = true;
        self.shared.wake.notify_all();
        if let Some(ticker) = self.ticker.take() {
            let _ = ticker.join();
        }
        // The time that was spent counts when the run goes on.
        self.shared.keep();
    }
}

impl Shared {
    fn spent(&self) -> f64 {
        self.spent_before + self.began.elapsed().as_secs_f64()
    }

    /// The progress as it is at this moment.
    fn progress(&self) -> RunProgress {
        let now = lock(&self.now);
        let passed = now.at.elapsed().as_secs_f64();
        let seconds_left = now.progress.seconds_left.map(|left| (left - passed).max(0.0));
        RunProgress { seconds_left, peak_bytes: memory::peak(), ..now.progress.clone() }
    }

    fn keep(&self) {
        let kept = Kept { spent: self.spent(), progress: self.progress() };
        // It helps whoever looks, and is no reason to end a run.
        if let Ok(text) = store::to_json(&kept) {
            let _ = folder::write_quickly(&self.file, text.as_bytes());
        }
    }

    fn tell_now(&self) {
        self.keep();
        (self.tell)(&Event::RunProgressed { run: self.run.0, progress: self.progress() });
    }

    fn tick(&self) {
        loop {
            self.tell_now();
            let now = lock(&self.now);
            let waited = self.wake.wait_timeout_while(now, EVERY, |now| !now.ended);
            match waited {
                Ok((now, _)) if !now.ended => {}
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_run_tells_what_it_does_and_time_spent_counts_when_it_goes_on() {
        let room = tempfile::tempdir().unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let spent = {
            let told = told.clone();
            let reporter = Reporter::start(RunId(3), room.path(), move |event| {
                lock(&told).push(event.clone());
            });
            reporter.set(|progress| {
                progress.stage = RunStage::Learning;
                progress.seconds_left = Some(90.0);
            });
            reporter.spent()
        };
        let learning = |event: &Event| {
            let stage = RunStage::Learning;
            matches!(event, Event::RunProgressed { run: 3, progress } if progress.stage == stage)
        };
        assert!(lock(&told).iter().any(learning));
        let kept = kept_in(room.path()).unwrap();
        assert!(kept.seconds_left.is_some_and(|left| left > 80.0 && left <= 90.0), "{kept:?}");
        let again = Reporter::start(RunId(3), room.path(), |_| {});
        assert!(again.spent() >= spent);
    }
}
