//! The window and the command line: two front ends of the desk, and the only crate that uses Tauri.
//!
//! [`ghost_desk::commands`] answers every request; this crate only asks and shows. Decisions about
//! writing or training belong in the desk.

mod cli;
mod door;
mod log;
mod news;
mod window;

pub use window::app;

/// Runs the program. Returns an exit status: 0 success, 1 failure (with a message), 2 usage error.
pub fn main() -> i32 {
    let asked = cli::Args::read();
    match asked.command {
        Some(command) => cli::run(command, asked.home, asked.json),
        None => window::open(asked.home),
    }
}
