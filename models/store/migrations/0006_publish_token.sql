-- A camera that pushes shows a token bound to it alone; only its sha256 is kept, so that a copy opens nothing.
ALTER TABLE camera
    ADD COLUMN publish_hash bytea CHECK (octet_length(publish_hash) = 32),
    ADD COLUMN publish_since timestamptz,    -- when that token was made
    DROP CONSTRAINT camera_port_check,
    ADD CONSTRAINT camera_port_check
        CHECK (port BETWEEN 1 AND 65535 OR (port = 0 AND scheme = 'whip'));
