//! Numbers about a text: words kept, distance, lengths, copied runs.
