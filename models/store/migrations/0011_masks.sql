-- Parts of a camera's picture that are painted black before anybody gets it: a list of polygons in 0..1.

ALTER TABLE camera ADD COLUMN masks jsonb NOT NULL DEFAULT '[]';
