//! The log file: ids, lengths and durations, never the writer's words.
//!
//! Only our own crates may write to it, because only of them do we know that they keep to that. A
//! panic leaves the place where it happened and no message: a message may quote a text.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use ::log::{LevelFilter, Log, Metadata, Record};
use ghost_desk::private;

/// When a log is this long, it becomes the old one.
const LONGEST: u64 = 1 << 20;

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
            // A log that cannot be written must stop nobody from writing.
            let _ = writeln!(file, "{now:.3} {line}");
        }
    }
}

/// Keeps a log in `<home>/logs` from now on. Without a file to write to there is no log.
pub(crate) fn keep(home: &Path) {
    quiet_panics();
    let folder = home.join("logs");
    let path = folder.join("ghost.log");
    let _ = private::make_folder(&folder);
    if fs::metadata(&path).is_ok_and(|facts| facts.len() > LONGEST) {
        let _ = fs::rename(&path, folder.join("ghost.old.log"));
    }
    if let Ok(file) = private::options().create(true).append(true).open(&path)
        && ::log::set_boxed_logger(Box::new(LogFile(Mutex::new(file)))).is_ok()
    {
        ::log::set_max_level(LevelFilter::Info);
    }
}

/// A panic says where, not what.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |at| format!(" at {at}"));
        ::log::error!(target: "ghost", "panic{place}");
        let _ = writeln!(std::io::stderr(), "The Ghost made a mistake{place}.");
    }));
}
