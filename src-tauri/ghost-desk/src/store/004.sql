-- What a piece would have been asked for with, where more is known of it than its own words say:
-- chosen by a base, or put right by the writer. Pieces without one get theirs from their words.
CREATE TABLE piece_seeds (
  piece   INTEGER PRIMARY KEY REFERENCES pieces(id),
  seed    TEXT NOT NULL,
  -- 'extracted', 'base' or 'writer'
  origin  TEXT NOT NULL,
  -- Bits a byte of the piece that knowing the seed saves the untouched base.
  saves   REAL,
  made_at TEXT NOT NULL
) STRICT;
