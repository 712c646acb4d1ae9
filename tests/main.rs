//! Integration tests in one binary, so that the product links once. Start with `pipeline.rs`.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod door;
mod faults;
mod house;
mod import;
mod pipeline;
mod support;
mod window;
