-- The first store. Tables bear the names of the things; columns are never repurposed.
-- Times are RFC 3339 text, days are YYYY-MM-DD, flags are 0 or 1, lists are JSON.

CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE watched (
  path TEXT PRIMARY KEY
) STRICT;

CREATE TABLE complaints (
  path   TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;

CREATE TABLE pieces (
  id          INTEGER PRIMARY KEY,
  hash        TEXT NOT NULL UNIQUE,
  source      TEXT NOT NULL,
  kind        TEXT NOT NULL,
  title       TEXT NOT NULL,
  date        TEXT,
  unfinished  INTEGER NOT NULL,
  text        TEXT NOT NULL,
  apart       TEXT NOT NULL,
  words       INTEGER NOT NULL,
  side        TEXT NOT NULL,
  imported_at TEXT NOT NULL,
  -- The newer version of the same piece; only pieces without one count.
  replaced_by INTEGER REFERENCES pieces(id)
) STRICT;
CREATE INDEX pieces_source ON pieces(source);

CREATE TABLE bases (
  id          INTEGER PRIMARY KEY,
  -- Known by what it is, not by where it lies: a file may be moved.
  fingerprint TEXT NOT NULL UNIQUE,
  path        TEXT NOT NULL,
  card        TEXT NOT NULL,
  added_at    TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
  id         INTEGER PRIMARY KEY,
  state      TEXT NOT NULL,
  recipe     TEXT NOT NULL,
  minutes    REAL,
  base       INTEGER NOT NULL REFERENCES bases(id),
  n_rows     INTEGER NOT NULL,
  notes      TEXT NOT NULL,
  started_at TEXT NOT NULL,
  ended_at   TEXT
) STRICT;

CREATE TABLE steps (
  run  INTEGER NOT NULL REFERENCES runs(id),
  n    INTEGER NOT NULL,
  step TEXT NOT NULL,
  PRIMARY KEY (run, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE adapters (
  id      INTEGER PRIMARY KEY,
  run     INTEGER UNIQUE REFERENCES runs(id),
  base    INTEGER NOT NULL REFERENCES bases(id),
  recipe  TEXT NOT NULL,
  n_rows  INTEGER NOT NULL,
  retired INTEGER NOT NULL DEFAULT 0,
  made_at TEXT NOT NULL
) STRICT;

CREATE TABLE verdicts (
  id         INTEGER PRIMARY KEY,
  adapter    INTEGER NOT NULL REFERENCES adapters(id),
  verdict    TEXT NOT NULL,
  reached_at TEXT NOT NULL
) STRICT;

-- Who wrote, since when: the newest is who writes now. A null adapter is the bare base.
CREATE TABLE ghosts (
  id      INTEGER PRIMARY KEY,
  adapter INTEGER REFERENCES adapters(id),
  since   TEXT NOT NULL
) STRICT;

CREATE TABLE seeds (
  id   INTEGER PRIMARY KEY,
  seed TEXT NOT NULL
) STRICT;

CREATE TABLE drafts (
  id          INTEGER PRIMARY KEY,
  seed        INTEGER NOT NULL REFERENCES seeds(id),
  text        TEXT NOT NULL,
  tokens      INTEGER NOT NULL,
  seconds     REAL NOT NULL,
  base        INTEGER NOT NULL REFERENCES bases(id),
  adapter     INTEGER REFERENCES adapters(id),
  random_seed TEXT NOT NULL,
  -- Null while it is being written; after that the draft never changes.
  ended       TEXT,
  written_at  TEXT NOT NULL
) STRICT;

-- The writer's text so far, one for each draft that was touched.
CREATE TABLE workings (
  draft    INTEGER PRIMARY KEY REFERENCES drafts(id),
  text     TEXT NOT NULL,
  saved_at TEXT NOT NULL
) STRICT;

CREATE TABLE shipped (
  draft      INTEGER PRIMARY KEY REFERENCES drafts(id),
  text       TEXT NOT NULL,
  shipped_at TEXT NOT NULL
) STRICT;

CREATE TABLE edits (
  id            INTEGER PRIMARY KEY,
  draft         INTEGER NOT NULL UNIQUE REFERENCES drafts(id),
  notation      TEXT NOT NULL,
  kept_ratio    REAL NOT NULL,
  edit_distance REAL NOT NULL
) STRICT;

CREATE TABLE rows (
  id      INTEGER PRIMARY KEY,
  piece   INTEGER UNIQUE REFERENCES pieces(id),
  edit    INTEGER UNIQUE REFERENCES edits(id),
  seed    TEXT NOT NULL,
  text    TEXT NOT NULL,
  weights TEXT NOT NULL,
  side    TEXT NOT NULL,
  -- A row whose piece was replaced is kept, and no longer learned from.
  current INTEGER NOT NULL DEFAULT 1,
  CHECK ((piece IS NULL) <> (edit IS NULL))
) STRICT;

-- Held-out bits already measured: what was scored, by what, under which prompt, as one hash.
CREATE TABLE scores (
  what TEXT PRIMARY KEY,
  bits REAL NOT NULL
) STRICT, WITHOUT ROWID;
