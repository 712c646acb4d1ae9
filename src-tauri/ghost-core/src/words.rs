//! Text to words and sentences.
//!
//! A word is a run of letters and digits; an apostrophe or a hyphen inside one belongs to it
//! ("don't", "well-known"), and so does a full stop or comma between digits ("3.5", "1,000"). Thai, Lao,
//! Khmer, Burmese, Chinese and Japanese have no spaces between words; there a dictionary divides them.
//! Markdown marks and list numbers are not words. A grapheme is never split.
//!
//! Apart from those dictionaries only common English abbreviations are known; everything else follows
//! from the characters.

mod class;
mod sentences;
mod tokens;
mod unspaced;

pub use self::class::Class;
pub use self::sentences::{may_end, sentences};
pub use self::tokens::{GrowingCount, Token, Tokens, count, tokens, words};
pub(crate) use self::tokens::{hash, straight};
pub(crate) use self::unspaced::is_east_asian;
