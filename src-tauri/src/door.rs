//! The page's side of the door: one command, one stream of news.

use std::time::Instant;

use ghost_desk::event::Event;
use ghost_desk::failure::{Code, Failure};
use ghost_desk::{Desk, commands};
use serde_json::Value;
use tauri::State;
use tauri::ipc::Channel;

use crate::news::{self, is_progress};

/// The one event the page listens to: a list of what happened while nobody asked.
pub(crate) const NEWS: &str = "desk";

/// Passes a command on to the desk, away from the thread that paints the window. What happens
/// meanwhile goes through `channel`; its last message may arrive after the answer.
#[tauri::command]
pub(crate) async fn call(
    desk: State<'_, Desk>,
    name: String,
    request: Value,
    channel: Channel<Event>,
) -> Result<Value, Failure> {
    let desk = desk.inner().clone();
    let mut progress_due = Instant::now();
    let mut hear = move |event| {
        // The page shows the newest progress; more than it can show would only keep it at work.
        if is_progress(&event) {
            let now = Instant::now();
            if now < progress_due {
                return;
            }
            progress_due = now + news::EVERY;
        }
        let _ = channel.send(event);
    };
    tauri::async_runtime::spawn_blocking(move || commands::call(&desk, &name, request, &mut hear))
        .await
        .unwrap_or_else(|_| {
            Err(Failure::new(
                Code::Bug,
                "Something went wrong inside; your words are safe, and the log says where.",
            ))
        })
}
