//! The window and the command line.

/// x
pub fn main() -> i32 { 0 }
