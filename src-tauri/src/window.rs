//! The window: opened once per data folder, and never anywhere but at its own page.

use std::io::Write as _;
use std::path::PathBuf;

use ghost_desk::failure::Failure;
use ghost_desk::{Desk, Host, home};
use tauri::plugin::{Builder, TauriPlugin};
use tauri::{Runtime, Url};

use crate::log;

/// Opens the window and stays until it is closed. Answers with an exit status.
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
        return Err("There is no display here to open a window on; `the-ghost tour` shows the \
                    whole line in the terminal, and `the-ghost --help` what else there is."
            .into());
    }
    let say = |failure: Failure| failure.message;
    let folder = home(folder).map_err(say)?;
    log::keep(&folder);
    let desk = Desk::open(&folder, Host::Window).map_err(say)?;
    crate::app(tauri::Builder::default(), desk)
        .run(tauri::generate_context!())
        .map_err(|e| format!("The window could not be opened: {e}."))
}

/// GTK ends the process when it finds no display; we would rather say so.
fn has_display() -> bool {
    let named = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || named("DISPLAY") || named("WAYLAND_DISPLAY")
}

/// Keeps the window at its own page: a link in a draft or a dropped page must not take it away.
pub(crate) fn stays_home<R: Runtime>() -> TauriPlugin<R> {
    Builder::new("stays-home").on_navigation(|_, to| is_home(to)).build()
}

fn is_home(to: &Url) -> bool {
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
    fn the_window_stays_at_its_own_page() {
        let home = |url: &str| is_home(&url.parse().unwrap());
        assert!(home("tauri://localhost/index.html"));
        assert!(home("http://tauri.localhost/"));
        assert!(!home("https://example.com/"));
        assert!(!home("http://localhost:1420/"));
        assert!(!home("file:///etc/hostname"));
        assert!(!home("data:text/html,hello"));
        assert!(!home("tauri://elsewhere/"));
    }
}
