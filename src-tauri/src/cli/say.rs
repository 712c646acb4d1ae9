//! How the command line speaks: answers to standard output, progress and failures beside it.
//!
//! Whoever reads may stop reading; that is no error.

use std::io::{self, Write};
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

/// A desk, and how its answers are told.
pub(crate) struct Teller {
    /// The desk.
    pub(crate) desk: Desk,
    json: bool,
    progress: Mutex<Progress>,
}

impl Teller {
    /// Opens the desk in `home`.
    pub(crate) fn open(home: &Path, host: Host, json: bool) -> Result<Self> {
        Ok(Teller { desk: Desk::open(home, host)?, json, progress: Progress::new(json).into() })
    }

    /// Calls a command and tells its answer: as JSON, or as `plain` puts it.
    pub(crate) fn answer<A: DeserializeOwned + Serialize>(
        &self,
        name: &str,
        request: impl Serialize,
        plain: fn(&A) -> String,
    ) -> Result<i32> {
        let answer = self.ask(name, request)?;
        self.tell(&answer, plain);
        Ok(0)
    }

    /// Calls a command, telling what happens meanwhile.
    pub(crate) fn ask<A: DeserializeOwned>(
        &self,
        name: &str,
        request: impl Serialize,
    ) -> Result<A> {
        let request = serde_json::to_value(request).map_err(bug)?;
        let answer = commands::call(&self.desk, name, request, &mut |event| self.hear(&event));
        self.still();
        serde_json::from_value(answer?).map_err(bug)
    }

    /// Tells one answer.
    pub(crate) fn tell<A: Serialize>(&self, answer: &A, plain: fn(&A) -> String) {
        self.still();
        if self.json { object(answer) } else { out(&plain(answer)) }
    }

    /// Tells what happened.
    pub(crate) fn hear(&self, event: &Event) {
        if let Ok(mut progress) = self.progress.lock() {
            progress.hear(event);
        }
    }

    /// Clears the line on which progress is told.
    fn still(&self) {
        if let Ok(mut progress) = self.progress.lock() {
            progress.still();
        }
    }

    /// Names every command of the door.
    pub(crate) fn list(&self) -> Result<i32> {
        let list: Vec<_> =
            COMMANDS.iter().map(|(n, s)| json!({"name": n, "is": s.trim()})).collect();
        self.tell(&json!({ "commands": list }), |list| {
            let one = |c: &Value| {
                let text = |key| c[key].as_str().unwrap_or_default().to_owned();
                format!("{:<18}{}\n", text("name"), text("is"))
            };
            list["commands"].as_array().into_iter().flatten().map(one).collect()
        });
        Ok(0)
    }
}

/// Tells why something was not done. Answers with the exit status for that.
pub(crate) fn failure(failure: &Failure, json: bool) -> i32 {
    if json {
        object(&json!({ "error": failure }));
    } else {
        err(&format!("{}\n", failure.message));
    }
    1
}

/// One JSON object on a line of its own.
pub(crate) fn object(value: &impl Serialize) {
    if let Ok(line) = serde_json::to_string(value) {
        out(&(line + "\n"));
    }
}

/// To standard output.
pub(crate) fn out(text: &str) {
    let mut out = io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        // Nobody reads any more (`| head`): there is nothing left to do here.
        std::process::exit(0);
    }
}

/// To standard error; when nobody reads that, it is lost.
pub(crate) fn err(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

fn bug(e: serde_json::Error) -> Failure {
    Failure::new(Code::Bug, format!("An answer could not be read: {e}."))
}
