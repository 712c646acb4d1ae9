//! The app without its window: state, disk, background work, and the table of commands.
//!
//! [`Desk::open`] opens a data folder; [`commands::call`] is the one door through which a window,
//! a command line or a test asks for anything. What happens by itself is told to whoever listens
//! ([`event::Event`]). [`work`] is the body of a run's own process.
//!
//! Absent on purpose: windows, menus, arguments. Whoever hosts the desk brings those.

mod archive;
mod authors;
mod backups;
mod base;
pub mod bench;
pub mod commands;
mod compose;
mod doctor;
mod elsewhere;
pub mod event;
mod evidence;
pub mod failure;
mod fit;
mod folder;
mod ghosts;
mod history;
mod import;
mod judge;
mod learn;
mod notes;
mod priority;
pub mod private;
mod profile;
mod run_progress;
mod seeds;
mod ship;
mod store;
mod time_budget;
mod view;
mod watch;
pub mod wire;
mod work;
mod write;

use ghost_engine::device::Device;
use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use folder::home;
pub use work::work;

use crate::event::Event;
use crate::failure::{Code, Failure, Result};
use crate::folder::Folder;
use crate::store::Store;

/// Who opened the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A window, of which a folder bears only one.
    Window,
    /// A command, which may work beside a window.
    CommandLine,
}

/// Tells the time. Passed in, so that a test can hold it still.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// The app without its window. Clones share one desk.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    folder: Folder,
    store: Mutex<Store>,
    clock: Clock,
    /// The base and adapter that were loaded last, to be used again.
    loaded: Mutex<Option<base::Loaded>>,
    /// The device that computes, opened on first use.
    device: OnceLock<Arc<Device>>,
    /// Held while a draft is written: one ghost, one draft at a time.
    writing: Mutex<()>,
    stop_writing: AtomicBool,
    stop_judging: AtomicBool,
    /// Held while an import is at work.
    importing: Mutex<()>,
    stop_import: AtomicBool,
    listeners: Mutex<Vec<Listener>>,
    watcher: Mutex<Option<watch::Watcher>>,
    runtime: tokio::runtime::Runtime,
    /// Keeps a second window off this folder.
    _window: Option<File>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Desk").field(&self.0.folder.root()).finish()
    }
}

impl Desk {
    /// The device that computes. It is opened on first use, which takes a moment on a GPU.
    pub(crate) fn device(&self) -> Arc<Device> {
        self.0.device.get_or_init(|| Arc::new(Device::from_env())).clone()
    }

    /// Opens a data folder, made new where it is missing.
    ///
    /// # Errors
    /// `folder_in_use` where another window has it, `store_too_new`, `disk_full`, `io`.
    pub fn open(home: &Path, host: Host) -> Result<Self> {
        Desk::open_at(home, host, Arc::new(jiff::Timestamp::now))
    }

    /// The same, with a clock of the caller's.
    ///
    /// # Errors
    /// As [`Desk::open`].
    pub fn open_at(home: &Path, host: Host, clock: Clock) -> Result<Self> {
        let folder = Folder::open(home)?;
        let window = match host {
            Host::CommandLine => None,
            Host::Window => Some(folder::try_lock(&folder.window_lock())?.ok_or_else(|| {
                Failure::new(
                    Code::FolderInUse,
                    "The Ghost is open already on this folder; its window is somewhere on your \
                     screen.",
                )
            })?),
        };
        let store = Store::open(&folder.store())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("desk")
            .enable_all()
            .build()
            .map_err(|e| Failure::new(Code::Bug, format!("No background thread: {e}")))?;
        let desk = Desk(Arc::new(Inner {
            folder,
            store: Mutex::new(store),
            clock,
            loaded: Mutex::default(),
            device: OnceLock::new(),
            writing: Mutex::default(),
            stop_writing: AtomicBool::default(),
            stop_judging: AtomicBool::default(),
            importing: Mutex::default(),
            stop_import: AtomicBool::default(),
            listeners: Mutex::default(),
            watcher: Mutex::default(),
            runtime,
            _window: window,
        }));
        desk.find_starter()?;
        desk.tidy()?;
        if host == Host::Window {
            desk.settle_runs()?;
            desk.copy_in_background();
            desk.watch_folders();
            desk.follow_in_background()?;
        }
        Ok(desk)
    }

    /// Tells `listener` everything that happens from now on, from whichever thread it happens on.
    pub fn listen(&self, listener: impl Fn(Event) + Send + Sync + 'static) {
        lock(&self.0.listeners).push(Arc::new(listener));
    }

    pub(crate) fn tell(&self, event: &Event) {
        // Told outside the lock, so that a listener may call the desk.
        let listeners = lock(&self.0.listeners).clone();
        for listener in listeners {
            listener(event.clone());
        }
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.0.folder
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.0.store)
    }

    /// RFC 3339.
    pub(crate) fn now(&self) -> String {
        (self.0.clock)().to_string()
    }

    /// A number for who gives none. Drawn from the clock: it need not be hard to guess, only new.
    pub(crate) fn chance(&self) -> u64 {
        // Kept below 2^53, so that a page's numbers hold it exactly.
        (self.0.clock)().as_nanosecond() as u64 % (1 << 53)
    }

    /// Closes what a process that died left open.
    pub(crate) fn tidy(&self) -> Result<()> {
        if !folder::is_locked(&self.folder().writing_lock()) {
            let ended = view::end_name(wire::DraftEnd::Interrupted);
            store::drafts::close_interrupted(self.store().on(), &ended)?;
        }
        Ok(())
    }
}

/// A lock whose holder panicked is taken all the same: what it guards is replaced whole or kept by
/// the store, never left half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
