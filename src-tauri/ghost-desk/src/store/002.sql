-- What verdicts listen to, the best prompts, and where in the archive a word stands.

-- Drafts written to be judged by: the base, who wrote, under which prompt, as one hash.
CREATE TABLE heard (
  what TEXT PRIMARY KEY,
  text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Prompts that were searched for. The same search has the same name.
CREATE TABLE programs (
  id       INTEGER PRIMARY KEY,
  what     TEXT NOT NULL UNIQUE,
  base     INTEGER NOT NULL REFERENCES bases(id),
  compiled TEXT NOT NULL,
  found_at TEXT NOT NULL
) STRICT;

-- Whether the base wrote a draft after the best prompt, and the search that found it, if any.
ALTER TABLE drafts ADD COLUMN prompted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE drafts ADD COLUMN program INTEGER REFERENCES programs(id);

-- Rows the writer does not want learned from.
ALTER TABLE rows ADD COLUMN excluded INTEGER NOT NULL DEFAULT 0;

CREATE VIRTUAL TABLE pieces_words USING fts5(
  title, text, content = 'pieces', content_rowid = 'id', tokenize = 'porter unicode61'
);
INSERT INTO pieces_words(pieces_words) VALUES ('rebuild');
CREATE TRIGGER pieces_words_added AFTER INSERT ON pieces BEGIN
  INSERT INTO pieces_words(rowid, title, text) VALUES (new.id, new.title, new.text);
END;
CREATE TRIGGER pieces_words_gone AFTER DELETE ON pieces BEGIN
  INSERT INTO pieces_words(pieces_words, rowid, title, text)
  VALUES ('delete', old.id, old.title, old.text);
END;
CREATE TRIGGER pieces_words_changed AFTER UPDATE OF title, text ON pieces BEGIN
  INSERT INTO pieces_words(pieces_words, rowid, title, text)
  VALUES ('delete', old.id, old.title, old.text);
  INSERT INTO pieces_words(rowid, title, text) VALUES (new.id, new.title, new.text);
END;
