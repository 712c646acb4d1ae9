//! The window and the command line: two hosts of one door, and the only Rust that knows Tauri.
//!
//! Whatever is asked, [`ghost_desk::commands`] answers it; here is only how it is asked and shown.
//! An `if` about writing or learning does not belong here.

mod cli;
mod door;
mod log;
mod news;
mod window;

use tauri::{Builder, Emitter as _, Runtime};

use ghost_desk::Desk;

/// Does what the command line asks. Answers with an exit status: 0 done, 1 not done (and said
/// why), 2 misused.
pub fn main() -> i32 {
    let asked = cli::Asked::read();
    match asked.command {
        Some(ask) => cli::run(ask, asked.home, asked.json),
        None => window::open(asked.home),
    }
}

/// The whole app on whichever runtime the caller brings: the real one, or a test's.
pub fn app<R: Runtime>(builder: Builder<R>, desk: Desk) -> Builder<R> {
    builder
        .plugin(tauri_plugin_dialog::init())
        .plugin(window::stays_home())
        .invoke_handler(tauri::generate_handler![door::call])
        .manage(desk.clone())
        .setup(move |app| {
            let page = app.handle().clone();
            let news = news::News::start(move |events| {
                let _ = page.emit(door::NEWS, events);
            });
            desk.listen(move |event| news.tell(event));
            Ok(())
        })
}
