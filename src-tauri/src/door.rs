//! The page's bridge to the desk: one command and one stream of events.

use std::time::Instant;

use ghost_desk::event::Event;
use ghost_desk::failure::{Code, Failure};
use ghost_desk::{Desk, commands};
use serde_json::Value;
use tauri::State;
use tauri::ipc::Channel;

use crate::news::{self, is_progress};

/// The event the page listens to: a list of what happened in the background.
pub(crate) const NEWS: &str = "desk";

/// Passes a command to the desk, off the thread that paints the window. Events go through
/// `channel`; the last one may arrive after the answer.
#[tauri::command]
pub(crate) async fn call(
    desk: State<'_, Desk>,
    name: String,
    request: Value,
    channel: Channel<Event>,
) -> Result<Value, Failure> {
    let desk = desk.inner().clone();
    let mut progress_due = Instant::now();
    let mut on_event = move |event| {
        // The page only shows the newest progress; more events would only keep it busy.
        if is_progress(&event) {
            let now = Instant::now();
            if now < progress_due {
                return;
            }
            progress_due = now + news::INTERVAL;
        }
        let _ = channel.send(event);
    };
    tauri::async_runtime::spawn_blocking(move || {
        commands::call(&desk, &name, request, &mut on_event)
    })
    .await
    .unwrap_or_else(|_| {
        Err(Failure::new(
            Code::Bug,
            "Something went wrong in the program. Your text is safe; the log has the details.",
        ))
    })
}
