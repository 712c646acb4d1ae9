//! GuardrailInput folders: new and changed posts are imported automatically.
//!
//! Changes are collected until the folder has been quiet for a moment, because editors save a file in
//! several steps; then the folder is imported as usual.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::archive::Archive;
use crate::event::Event;
use crate::failure::{Code, Failure, Result};
use crate::store::settings;
use crate::sync::lock;
use crate::wire::{ArchiveView, Import, WatchFolder};

/// How long a folder must be quiet before it is imported.
const QUIET: Duration = Duration::from_millis(400);

/// An active watch; dropping it ends the watch and its thread.
pub(crate) struct Watcher {
    _system: RecommendedWatcher,
}

/// The watched folders owner.
pub(crate) struct WatchedFolders {
    archive: Arc<Archive>,
    watcher: Mutex<Option<Watcher>>,
}

impl WatchedFolders {
    /// The watched folders of an archive; nothing is watched before [`WatchedFolders::start`].
    pub(crate) fn new(archive: Arc<Archive>) -> Self {
        WatchedFolders { archive, watcher: Mutex::default() }
    }

    /// Watches a folder, or stops watching it.
    pub(crate) fn watch(&self, ask: WatchFolder) -> Result<ArchiveView> {
        let path = match std::fs::canonicalize(&ask.path) {
            Ok(path) if path.is_dir() || !ask.on => path.display().to_string(),
            Err(_) if !ask.on => ask.path.clone(),
            _ => {
                return Err(Failure::new(
                    Code::NotFound,
                    format!("No folder exists at {}.", ask.path),
                ));
            }
        };
        settings::watch(self.archive.workspace.store().db(), &path, ask.on)?;
        if ask.on {
            self.archive.import(Import { paths: vec![path], dry_run: false }, &mut |event| {
                self.archive.workspace.notify(&event);
            })?;
        }
        self.start();
        self.archive.view()
    }

    /// Watches the folders the writer chose. A missing folder is skipped until the next start; its
    /// pieces stay in the archive.
    pub(crate) fn start(&self) {
        let folders = settings::watched(self.archive.workspace.store().db()).unwrap_or_default();
        let watcher = if folders.is_empty() { None } else { start(&self.archive, &folders) };
        *lock(&self.watcher) = watcher;
    }
}

fn start(archive: &Arc<Archive>, folders: &[String]) -> Option<Watcher> {
    let (changed, changes) = channel();
    let mut system = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // The receiving thread may have ended already.
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
    // Weak: the watch must not keep the archive open.
    let weak = Arc::downgrade(archive);
    let folders = folders.to_vec();
    std::thread::Builder::new()
        .name("watch".into())
        .spawn(move || {
            // First, what changed while no watch was active.
            loop {
                let Some(archive) = weak.upgrade() else { return };
                let ask = Import { paths: folders.clone(), dry_run: false };
                // Reported before the rebuild: in a large archive, rebuilding the rows takes longer
                // than reading the changes.
                let told = archive.import_files(ask, &mut |_| {}).and_then(|report| {
                    if report.added + report.changed > 0 {
                        archive.workspace.notify(&Event::ArchiveChanged { report });
                    }
                    archive.rebuild_stale_rows()
                });
                if let Err(failure) = told {
                    log::warn!("watch: {:?}", failure.code);
                }
                drop(archive);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn changes_are_collected_until_the_folder_is_quiet() {
        let (changed, changes) = channel();
        let editor = std::thread::spawn(move || {
            for _ in 0..3 {
                changed.send(()).unwrap();
                std::thread::sleep(QUIET / 4);
            }
            std::thread::sleep(QUIET * 3);
        });
        assert!(quiet_after_change(&changes), "one import for several saves");
        editor.join().unwrap();
        assert!(!quiet_after_change(&changes), "the watch has ended");
    }
}
