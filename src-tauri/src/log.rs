//! The log file: ids, lengths and durations, never the writer's text.
//!
//! Only our own crates write to it, because only they are known to keep to that. A panic is logged
//! by its location, without its message, which may quote a text.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use ::log::{LevelFilter, Log, Metadata, Record};
use ghost_desk::private;

/// Maximum bytes of a log file before it is rotated.
const MAX_BYTES: u64 = 1 << 20;

struct LogFile(Mutex<File>);

impl Log for LogFile {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.target().starts_with("ghost")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.line(&format!("{} {} {}", record.level(), record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}

impl LogFile {
    fn line(&self, line: &str) {
        let now = jiff::Timestamp::now();
        if let Ok(mut file) = self.0.lock() {
            // A failing log must not stop anything.
            let _ = writeln!(file, "{now:.3} {line}");
        }
    }
}

/// Starts logging to `<home>/logs`. Without a writable file there is no log.
pub(crate) fn start(home: &Path) {
    quiet_panics();
    let folder = home.join("logs");
    let path = folder.join("ghost.log");
    let _ = private::make_folder(&folder);
    if fs::metadata(&path).is_ok_and(|facts| facts.len() > MAX_BYTES) {
        let _ = fs::rename(&path, folder.join("ghost.old.log"));
    }
    if let Ok(file) = private::options().create(true).append(true).open(&path)
        && ::log::set_boxed_logger(Box::new(LogFile(Mutex::new(file)))).is_ok()
    {
        ::log::set_max_level(LevelFilter::Info);
    }
}

/// Logs where a panic happened, not its message.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |at| format!(" at {at}"));
        ::log::error!(target: "ghost", "panic{place}");
        let _ = writeln!(std::io::stderr(), "The Ghost encountered an internal error{place}.");
    }));
}
