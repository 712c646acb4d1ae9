-- What a piece is whatever road it came by (Piece::gist): the same post, exported and as it was
-- written, is one piece. Pieces from before have none, until their file is read again.
ALTER TABLE pieces ADD COLUMN gist INTEGER;
CREATE INDEX pieces_gist ON pieces(gist);
