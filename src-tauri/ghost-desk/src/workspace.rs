//! The workspace: the data folder, the store, the clock and the listeners that all owners share.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use ghost_engine::device::Device;

use crate::event::Event;
use crate::failure::Result;
use crate::folder::Folder;
use crate::store::Store;
use crate::sync::lock;

/// The clock. Passed in, so that a test can stop it.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// What all owners share.
pub(crate) struct Workspace {
    folder: Folder,
    store: Mutex<Store>,
    clock: Clock,
    listeners: Mutex<Vec<Listener>>,
    /// The device that computes, opened on first use.
    device: OnceLock<Arc<Device>>,
}

impl Workspace {
    /// Opens the store of a data folder.
    ///
    /// # Errors
    /// `store_too_new`, `disk_full`, `io`.
    pub(crate) fn open(folder: Folder, clock: Clock) -> Result<Self> {
        let store = Mutex::new(Store::open(&folder.store())?);
        Ok(Workspace { folder, store, clock, listeners: Mutex::default(), device: OnceLock::new() })
    }

    /// Sends all further events to `listener`, from the thread they occur on.
    pub(crate) fn listen(&self, listener: impl Fn(Event) + Send + Sync + 'static) {
        lock(&self.listeners).push(Arc::new(listener));
    }

    /// Sends an event to all listeners.
    pub(crate) fn notify(&self, event: &Event) {
        // Sent outside the lock, so that a listener may call the desk.
        let listeners = lock(&self.listeners).clone();
        for listener in listeners {
            listener(event.clone());
        }
    }

    /// The device that computes. It is opened on first use, which takes a moment on a GPU.
    pub(crate) fn device(&self) -> Arc<Device> {
        self.device.get_or_init(|| Arc::new(Device::from_env())).clone()
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Path of the data folder.
    pub(crate) fn root(&self) -> &Path {
        self.folder.root()
    }

    /// The store, locked until the guard is dropped.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// The current time in RFC 3339.
    pub(crate) fn now(&self) -> String {
        (self.clock)().to_string()
    }

    /// The current time in seconds since 1970.
    pub(crate) fn seconds(&self) -> i64 {
        (self.clock)().as_second()
    }

    /// A default random seed, from the clock: it must be new, not hard to guess.
    pub(crate) fn random_seed(&self) -> u64 {
        // Below 2^53, so that JavaScript represents it exactly.
        (self.clock)().as_nanosecond() as u64 % (1 << 53)
    }
}

/// A workspace in a temporary folder, at a fixed time.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) fn temporary() -> (tempfile::TempDir, Arc<Workspace>) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(&dir.path().join("home")).unwrap();
    let time: jiff::Timestamp = "2026-01-30T10:00:00Z".parse().unwrap();
    let workspace = Workspace::open(folder, Arc::new(move || time)).unwrap();
    (dir, Arc::new(workspace))
}
