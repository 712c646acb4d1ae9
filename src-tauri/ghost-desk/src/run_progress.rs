//! Progress of a run: reported every few seconds by its process and saved in its folder, so that a
//! window or command that starts later shows it at once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use ghost_core::id::RunId;
use ghost_engine::memory;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::sync::lock;
use crate::wire::{RunProgress, RunStage};
use crate::{folder, store};

/// Interval between reports.
const INTERVAL: Duration = Duration::from_secs(3);
/// File name in the folder of a run.
const FILE: &str = "progress.json";

/// The saved form.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SavedProgress {
    /// Seconds of work, over all processes of the run.
    spent: f64,
    progress: RunProgress,
}

/// The last saved progress of a run.
pub(crate) fn read_saved(folder: &Path) -> Option<RunProgress> {
    let text = std::fs::read_to_string(folder.join(FILE)).ok()?;
    Some(store::from_json::<SavedProgress>(&text).ok()?.progress)
}

/// Reports the progress of a run, from its own process.
pub(crate) struct Reporter {
    shared: Arc<Shared>,
    ticker: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    run: RunId,
    file: PathBuf,
    on_event: Box<dyn Fn(&Event) + Send + Sync>,
    began: Instant,
    spent_before: f64,
    now: Mutex<Now>,
    wake: Condvar,
}

struct Now {
    progress: RunProgress,
    /// When it was last updated; since then only time has passed.
    at: Instant,
    ended: bool,
}

impl Reporter {
    /// Starts reporting the progress of a run through `tell`.
    pub(crate) fn start(
        run: RunId,
        folder: &Path,
        on_event: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Reporter {
        let file = folder.join(FILE);
        let kept = std::fs::read_to_string(&file).ok();
        let kept = kept.and_then(|text| store::from_json::<SavedProgress>(&text).ok());
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
            on_event: Box::new(on_event),
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

    /// Seconds of work, over all processes of the run.
    pub(crate) fn spent(&self) -> f64 {
        self.shared.spent()
    }

    /// Updates the progress.
    pub(crate) fn set(&self, change: impl FnOnce(&mut RunProgress)) {
        let mut now = lock(&self.shared.now);
        let stage = now.progress.stage;
        change(&mut now.progress);
        now.at = Instant::now();
        // A new stage is reported at once, anything else at the next interval.
        if now.progress.stage != stage {
            drop(now);
            self.shared.report();
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
        // The time spent counts when the run resumes.
        self.shared.keep();
    }
}

impl Shared {
    fn spent(&self) -> f64 {
        self.spent_before + self.began.elapsed().as_secs_f64()
    }

    /// The progress at this moment.
    fn progress(&self) -> RunProgress {
        let now = lock(&self.now);
        let passed = now.at.elapsed().as_secs_f64();
        let seconds_left = now.progress.seconds_left.map(|left| (left - passed).max(0.0));
        RunProgress { seconds_left, peak_bytes: memory::peak(), ..now.progress.clone() }
    }

    fn keep(&self) {
        let kept = SavedProgress { spent: self.spent(), progress: self.progress() };
        // The saved file is only a convenience; a failure must not end the run.
        if let Ok(text) = store::to_json(&kept) {
            let _ = folder::write_quickly(&self.file, text.as_bytes());
        }
    }

    fn report(&self) {
        self.keep();
        (self.on_event)(&Event::RunProgressed { run: self.run.0, progress: self.progress() });
    }

    fn tick(&self) {
        loop {
            self.report();
            let now = lock(&self.now);
            let waited = self.wake.wait_timeout_while(now, INTERVAL, |now| !now.ended);
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
    fn progress_is_reported_and_time_accumulates_over_processes() {
        let folder = tempfile::tempdir().unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let spent = {
            let told = told.clone();
            let reporter = Reporter::start(RunId(3), folder.path(), move |event| {
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
        let kept = read_saved(folder.path()).unwrap();
        assert!(kept.seconds_left.is_some_and(|left| left > 80.0 && left <= 90.0), "{kept:?}");
        let again = Reporter::start(RunId(3), folder.path(), |_| {});
        assert!(again.spent() >= spent);
    }
}
