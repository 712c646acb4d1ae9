//! The edit between a draft and the shipped text, word by word, and its notation:
//!
//! ```text
//! one [two/twi] three     [cut/]     [/added]     a \[bracket], an [either\/or/choice]
//! ```
//!
//! One line of it holds both texts and the changes between them, so edits are tested and printed in it.
//!
//! Like in CodeMirror there are two diffs: one to **measure** ([`Edit::between`]), which keeps as many
//! words as possible, and one to **show** ([`Edit::presentable`]), which keeps what a reader would say
//! was kept. Neither has a time limit: a figure that decides must not depend on how fast the computer
//! is.

mod diff;
mod notation;
mod segments;

pub use self::notation::ParseEditError;
pub use self::segments::{DraftMismatch, Edit, Segment};
