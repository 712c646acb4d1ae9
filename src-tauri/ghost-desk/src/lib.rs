//! The app without its window: state, disk, background work, and the table of commands.
//!
//! [`Desk::open`] opens a data folder. [`commands::call`] is the single entry point for a window, a
//! command line or a test. Background changes are sent to listeners ([`event::Event`]).
//! [`run_worker`] is the body of a training run's own process.
//!
//! Windows, menus and arguments belong to the host of the desk.

mod adapters;
mod archive;
mod authors;
mod backups;
mod bases;
pub mod bench;
pub mod commands;
mod compose;
mod desk;
mod doctor;
mod drafts;
mod evaluate;
pub mod event;
mod evidence;
pub mod failure;
mod folder;
mod hex;
mod history;
mod import;
mod import_notes;
mod piece_seeds;
mod prices;
mod priority;
pub mod private;
mod profile;
mod prompt;
mod readiness;
mod remote_model;
mod run_progress;
mod runs;
mod seed_form;
mod ship;
mod store;
mod stored_text;
mod sync;
mod time_budget;
mod train_worker;
mod training_rows;
mod verdict_view;
mod watch;
pub mod wire;
mod workspace;

pub use desk::{Desk, Host};
pub use folder::home;
pub use train_worker::run_worker;
pub use workspace::Clock;
