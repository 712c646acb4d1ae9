//! The app without its window: state, disk, background work, and the table of commands.

pub mod commands;
pub mod event;
pub mod failure;
pub mod wire;
