//! One binary, so that the whole product links once. To see it move, read `pipeline.rs`.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod door;
mod faults;
mod house;
mod import;
mod pipeline;
mod support;
mod window;
