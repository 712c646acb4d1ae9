-- Who wrote a piece; what each file gave, so that an unchanged one need not be read again; and
-- two states of one text as an archive remembers them, whose difference is an edit too.

ALTER TABLE pieces ADD COLUMN author TEXT;

CREATE TABLE files (
  path  TEXT PRIMARY KEY,
  -- Size, time and reader: what is the same need not be read again.
  stamp TEXT NOT NULL,
  tally TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pairs (
  id          INTEGER PRIMARY KEY,
  hash        TEXT NOT NULL UNIQUE,
  source      TEXT NOT NULL,
  title       TEXT NOT NULL,
  author      TEXT,
  date        TEXT,
  before      TEXT NOT NULL,
  after       TEXT NOT NULL,
  imported_at TEXT NOT NULL
) STRICT;

-- An edit is of a draft or of a pair. Foreign keys are off while the store is brought up.
CREATE TABLE edits_of_both (
  id            INTEGER PRIMARY KEY,
  draft         INTEGER UNIQUE REFERENCES drafts(id),
  pair          INTEGER UNIQUE REFERENCES pairs(id),
  notation      TEXT NOT NULL,
  kept_ratio    REAL NOT NULL,
  edit_distance REAL NOT NULL,
  CHECK ((draft IS NULL) <> (pair IS NULL))
) STRICT;
INSERT INTO edits_of_both (id, draft, notation, kept_ratio, edit_distance)
  SELECT id, draft, notation, kept_ratio, edit_distance FROM edits;
DROP TABLE edits;
ALTER TABLE edits_of_both RENAME TO edits;
