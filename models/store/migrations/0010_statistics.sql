-- What cameras saw, in numbers: counts of places, never of persons. Who counts tells the same again after a lost
-- answer, so every row has the one who counted (run) in its key; the truth is the sum over all runs.

-- series: detection_count
CREATE TABLE detection_count (
    time          timestamptz NOT NULL,                -- a whole minute
    camera_id     text NOT NULL,
    rule_id       integer NOT NULL,
    rule_version  integer NOT NULL,
    label         text NOT NULL,
    run           uuid NOT NULL,
    entered       integer NOT NULL,
    left_count    integer NOT NULL,
    crossed_right integer NOT NULL,
    crossed_left  integer NOT NULL,
    present_most  integer NOT NULL,                    -- at once
    present_s     double precision NOT NULL,           -- object-seconds
    PRIMARY KEY (camera_id, time, rule_id, rule_version, label, run)
) {series};

-- series: detection_heat
CREATE TABLE detection_heat (
    time      timestamptz NOT NULL,                    -- a whole hour
    camera_id text NOT NULL,
    run       uuid NOT NULL,
    grid      real[] NOT NULL CHECK (cardinality(grid) = 576),  -- object-seconds; 18 rows of 32 cells
    PRIMARY KEY (camera_id, time, run)
) {series};

-- hours that were written to since they were last added up; the view adds these up when it is read
CREATE TABLE detection_count_dirty (
    bucket    timestamptz NOT NULL,
    camera_id text NOT NULL,
    times     integer NOT NULL DEFAULT 1,              -- counted up so that a writer waits for whoever adds up
    PRIMARY KEY (camera_id, bucket)
);

CREATE TABLE detection_count_1h_counted (
    bucket        timestamptz NOT NULL,
    camera_id     text NOT NULL,
    rule_id       integer NOT NULL,
    rule_version  integer NOT NULL,
    label         text NOT NULL,
    entered       bigint NOT NULL,
    left_count    bigint NOT NULL,
    crossed_right bigint NOT NULL,
    crossed_left  bigint NOT NULL,
    present_most  integer NOT NULL,
    present_s     double precision NOT NULL,
    PRIMARY KEY (camera_id, bucket, rule_id, rule_version, label)
);
CREATE INDEX detection_count_1h_counted_bucket ON detection_count_1h_counted (bucket);

CREATE VIEW detection_count_1h_raw AS
SELECT d.bucket, c.camera_id, c.rule_id, c.rule_version, c.label, sum(c.entered) AS entered,
       sum(c.left_count) AS left_count, sum(c.crossed_right) AS crossed_right, sum(c.crossed_left) AS crossed_left,
       max(c.present_most) AS present_most, sum(c.present_s) AS present_s
FROM detection_count_dirty d JOIN detection_count c
    ON c.camera_id = d.camera_id AND c.time >= d.bucket AND c.time < d.bucket + interval '1 hour'
GROUP BY 1, 2, 3, 4, 5;

CREATE VIEW detection_count_1h AS
SELECT bucket, camera_id, rule_id, rule_version, label, entered, left_count, crossed_right, crossed_left,
       present_most, present_s
FROM detection_count_1h_counted k WHERE NOT EXISTS (
    SELECT FROM detection_count_dirty d WHERE d.camera_id = k.camera_id AND d.bucket = k.bucket)
UNION ALL
SELECT * FROM detection_count_1h_raw;
