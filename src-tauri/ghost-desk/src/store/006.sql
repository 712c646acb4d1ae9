-- How many words a file lost that was read all the same; 0 where it could not be read.
ALTER TABLE complaints ADD COLUMN words INTEGER NOT NULL DEFAULT 0;
