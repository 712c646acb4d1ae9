//! A watched folder: new and changed posts come into the archive by themselves.
//!
//! Changes are gathered until the folder has been quiet for a moment, since an editor writes a
//! file in several steps; then the folder is imported as by hand.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::event::Event;
use crate::failure::{Code, Failure, Result};
use crate::store::settings;
use crate::wire::{ArchiveView, Import, WatchFolder};
use crate::{Desk, lock};

/// How long a folder must be quiet before it is read.
const QUIET: Duration = Duration::from_millis(400);

/// Keeps the watch; dropping it ends the watch and its thread.
pub(crate) struct Watcher {
    _system: RecommendedWatcher,
}

impl Desk {
    pub(crate) fn watch(&self, ask: WatchFolder) -> Result<ArchiveView> {
        let path = match std::fs::canonicalize(&ask.path) {
            Ok(path) if path.is_dir() || !ask.on => path.display().to_string(),
            Err(_) if !ask.on => ask.path.clone(),
            _ => {
                return Err(Failure::new(
                    Code::NotFound,
                    format!("There is no folder {}.", ask.path),
                ));
            }
        };
        settings::watch(self.store().on(), &path, ask.on)?;
        if ask.on {
            self.import(Import { paths: vec![path], dry_run: false }, &mut |event| {
                self.tell(&event);
            })?;
        }
        self.watch_folders();
        self.archive()
    }

    /// Watches the folders the writer named. A folder that is gone is passed over until the next
    /// start; the archive keeps what it had.
    pub(crate) fn watch_folders(&self) {
        let folders = settings::watched(self.store().on()).unwrap_or_default();
        let watcher = if folders.is_empty() { None } else { start(self, &folders) };
        *lock(&self.0.watcher) = watcher;
    }
}

fn start(desk: &Desk, folders: &[String]) -> Option<Watcher> {
    let (changed, changes) = channel();
    let mut system = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // The thread that listens may have ended; then nobody needs to know.
            let _ = changed.send(());
        }
    })
    .map_err(|error| log::warn!("watch: {error}"))
    .ok()?;
    for folder in folders {
        if let Err(error) = system.watch(Path::new(folder), RecursiveMode::Recursive) {
            log::warn!("watch: {error}");
        }
    }
    // A weak hold: the watch must not keep the desk open.
    let inner = std::sync::Arc::downgrade(&desk.0);
    let folders = folders.to_vec();
    std::thread::Builder::new()
        .name("watch".into())
        .spawn(move || {
            // First what came while nobody watched.
            loop {
                let Some(inner) = inner.upgrade() else { return };
                let desk = Desk(inner);
                let ask = Import { paths: folders.clone(), dry_run: false };
                // Told at once; of a large archive, laying out the rows takes longer than reading
                // what is new in it.
                let told = desk.bring_in(ask, &mut |_| {}).and_then(|report| {
                    if report.added + report.changed > 0 {
                        desk.tell(&Event::ArchiveChanged { report });
                    }
                    desk.lay_out_stale_rows()
                });
                if let Err(failure) = told {
                    log::warn!("watch: {:?}", failure.code);
                }
                drop(desk);
                if !quiet_after_change(&changes) {
                    return;
                }
            }
        })
        .map_err(|error| log::warn!("watch: {error}"))
        .ok()?;
    Some(Watcher { _system: system })
}

/// Waits for a change and then for quiet; `false` when the watch has ended.
fn quiet_after_change(changes: &Receiver<()>) -> bool {
    if changes.recv().is_err() {
        return false;
    }
    loop {
        match changes.recv_timeout(QUIET) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}
