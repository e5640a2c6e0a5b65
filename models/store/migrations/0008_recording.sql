-- When a camera is recorded, and how soon its footage may go when the disk is nearly full.

ALTER TABLE camera ADD COLUMN record_mode text NOT NULL DEFAULT 'continuous'
    CHECK (record_mode IN ('continuous','motion','event'));
ALTER TABLE camera ADD COLUMN record_pre_s integer NOT NULL DEFAULT 5 CHECK (record_pre_s BETWEEN 0 AND 60);
ALTER TABLE camera ADD COLUMN record_post_s integer NOT NULL DEFAULT 10 CHECK (record_post_s BETWEEN 0 AND 60);
ALTER TABLE camera ADD COLUMN min_retention_days integer NOT NULL DEFAULT 1
    CHECK (min_retention_days BETWEEN 0 AND 3650);

-- serves retention: which incidents a recording belongs to
CREATE INDEX incident_cameras ON incident USING gin (cameras);
-- serves core: the newest canaries, without a look at the rest of an hour's feed
CREATE INDEX feed_canary ON feed (ref, tx, seq) WHERE kind = 'canary';
