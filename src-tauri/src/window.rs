//! The window: one per data folder, and it never leaves its own page.

use std::io::Write as _;
use std::path::PathBuf;

use ghost_desk::failure::Failure;
use ghost_desk::{Desk, Host, home};
use tauri::plugin::{Builder, TauriPlugin};
use tauri::{Emitter as _, Runtime, Url};

use crate::news::News;
use crate::{door, log};

/// Opens the window and returns when it is closed. Returns an exit status.
pub(crate) fn open(folder: Option<PathBuf>) -> i32 {
    match try_open(folder) {
        Ok(()) => 0,
        Err(sentence) => {
            let _ = writeln!(std::io::stderr(), "{sentence}");
            1
        }
    }
}

fn try_open(folder: Option<PathBuf>) -> Result<(), String> {
    if !has_display() {
        return Err("No display found. `the-ghost tour` runs every step in the terminal; \
                    `the-ghost --help` lists all commands."
            .into());
    }
    let message = |failure: Failure| failure.message;
    let folder = home(folder).map_err(message)?;
    log::start(&folder);
    let desk = Desk::open(&folder, Host::Window).map_err(message)?;
    app(tauri::Builder::default(), desk)
        .run(tauri::generate_context!())
        .map_err(|e| format!("Could not open the window: {e}."))
}

/// Whether there is a display: GTK would exit without a useful message.
fn has_display() -> bool {
    let named = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || named("DISPLAY") || named("WAYLAND_DISPLAY")
}

/// The whole app on the caller's runtime: the real one, or a test's.
pub fn app<R: Runtime>(builder: tauri::Builder<R>, desk: Desk) -> tauri::Builder<R> {
    builder
        .plugin(tauri_plugin_dialog::init())
        .plugin(stay_on_page())
        .invoke_handler(tauri::generate_handler![door::call])
        .manage(desk.clone())
        .setup(move |app| {
            let page = app.handle().clone();
            let news = News::start(move |events| {
                let _ = page.emit(door::NEWS, events);
            });
            desk.listen(move |event| news.send(event));
            Ok(())
        })
}

/// Keeps the window on its own page, whatever link is clicked or file dropped.
pub(crate) fn stay_on_page<R: Runtime>() -> TauriPlugin<R> {
    Builder::new("stay-on-page").on_navigation(|_, to| is_own_page(to)).build()
}

fn is_own_page(to: &Url) -> bool {
    let host = to.host_str().unwrap_or_default();
    match to.scheme() {
        "tauri" => host == "localhost",
        "http" | "https" if host == "tauri.localhost" => true,
        "http" => tauri::is_dev() && host == "127.0.0.1" && to.port() == Some(1420),
        "about" => to.path() == "blank",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_window_stays_on_its_own_page() {
        let home = |url: &str| is_own_page(&url.parse().unwrap());
        assert!(home("tauri://localhost/index.html"));
        assert!(home("http://tauri.localhost/"));
        assert!(!home("https://example.com/"));
        assert!(!home("http://localhost:1420/"));
        assert!(!home("file:///etc/hostname"));
        assert!(!home("data:text/html,hello"));
        assert!(!home("tauri://example/"));
    }
}
