//! Output: answers on standard output, progress and failures on standard error.
//!
//! A reader that stops reading is not an error.

use std::path::Path;
use std::sync::Mutex;

use ghost_desk::commands::{self, COMMANDS};
use ghost_desk::event::Event;
use ghost_desk::failure::{Code, Failure, Result};
use ghost_desk::{Desk, Host};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::progress::Progress;
use super::streams::{err, object, out};

/// A desk, and how its answers are printed.
pub(crate) struct Output {
    /// The desk.
    pub(crate) desk: Desk,
    json: bool,
    progress: Mutex<Progress>,
}

impl Output {
    /// Opens the desk in `home`.
    pub(crate) fn open(home: &Path, host: Host, json: bool) -> Result<Self> {
        Ok(Output { desk: Desk::open(home, host)?, json, progress: Progress::new(json).into() })
    }

    /// Calls a command and prints its answer: as JSON, or as formatted by `plain`.
    pub(crate) fn call_and_print<A: DeserializeOwned + Serialize>(
        &self,
        name: &str,
        request: impl Serialize,
        plain: fn(&A) -> String,
    ) -> Result<i32> {
        let answer = self.call(name, request)?;
        self.print(&answer, plain);
        Ok(0)
    }

    /// Calls a command and prints its events.
    pub(crate) fn call<A: DeserializeOwned>(
        &self,
        name: &str,
        request: impl Serialize,
    ) -> Result<A> {
        let request = serde_json::to_value(request).map_err(bug)?;
        let answer = commands::call(&self.desk, name, request, &mut |event| self.on_event(&event));
        self.clear();
        serde_json::from_value(answer?).map_err(bug)
    }

    /// Prints one answer.
    pub(crate) fn print<A: Serialize>(&self, answer: &A, plain: fn(&A) -> String) {
        self.clear();
        if self.json { object(answer) } else { out(&plain(answer)) }
    }

    /// Prints an event.
    pub(crate) fn on_event(&self, event: &Event) {
        if let Ok(mut progress) = self.progress.lock() {
            progress.on_event(event);
        }
    }

    /// Clears the progress line.
    fn clear(&self) {
        if let Ok(mut progress) = self.progress.lock() {
            progress.clear();
        }
    }

    /// Lists every command of the desk.
    pub(crate) fn list(&self) -> Result<i32> {
        let list: Vec<_> =
            COMMANDS.iter().map(|(n, s)| json!({"name": n, "is": s.trim()})).collect();
        self.print(&json!({ "commands": list }), |list| {
            let one = |c: &Value| {
                let text = |key| c[key].as_str().unwrap_or_default().to_owned();
                format!("{:<18}{}\n", text("name"), text("is"))
            };
            list["commands"].as_array().into_iter().flatten().map(one).collect()
        });
        Ok(0)
    }
}

/// Prints a failure. Returns its exit status.
pub(crate) fn failure(failure: &Failure, json: bool) -> i32 {
    if json {
        object(&json!({ "error": failure }));
    } else {
        err(&format!("{}\n", failure.message));
    }
    1
}

fn bug(e: serde_json::Error) -> Failure {
    Failure::new(Code::Bug, format!("Could not read an answer: {e}."))
}
