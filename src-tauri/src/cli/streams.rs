//! Standard output and standard error.
//!
//! A reader that stops reading is not an error.

use std::io::{self, Write as _};

use serde::Serialize;

/// Prints a JSON object on a line of its own.
pub(crate) fn object(value: &impl Serialize) {
    if let Ok(line) = serde_json::to_string(value) {
        out(&(line + "\n"));
    }
}

/// Prints to standard output.
pub(crate) fn out(text: &str) {
    let mut out = io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        // The reader has gone (`| head`): there is nothing left to do.
        std::process::exit(0);
    }
}

/// Prints to standard error; errors are ignored.
pub(crate) fn err(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}
