//! The word-level difference between a draft and what was shipped, and its notation.
