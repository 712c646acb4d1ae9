//! Text to words and sentences: the one division into people-sized units.
