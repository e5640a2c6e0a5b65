-- engine: plain
-- Counts of events by minute and by hour. They are added up from the feed, which tells of each stored event once;
-- the views add what is in the feed and not yet counted, so that readers see every committed event.

CREATE TABLE event_1m_counted (
    bucket   timestamptz NOT NULL,
    district text NOT NULL,                            -- the first two words of the area
    kind     text NOT NULL,
    n        bigint NOT NULL,
    PRIMARY KEY (bucket, district, kind)
);

CREATE TABLE event_1h_counted (
    bucket      timestamptz NOT NULL,
    area        text NOT NULL,
    source_kind text NOT NULL,
    source_id   text NOT NULL,
    kind        text NOT NULL,
    n           bigint NOT NULL,
    PRIMARY KEY (source_id, bucket, kind, source_kind, area)
);
CREATE INDEX event_1h_counted_bucket ON event_1h_counted (bucket);

INSERT INTO feed_mark (name, tx, seq) VALUES ('rolled', '0', 0);

CREATE VIEW event_uncounted AS
SELECT (f.body->>'time')::timestamptz AS time, f.area, f.body->>'kind' AS kind,
       f.body->>'source_kind' AS source_kind, f.body->>'source_id' AS source_id, f.tx, f.seq
FROM feed_mark m JOIN feed f ON (f.tx, f.seq) > (m.tx, m.seq)
WHERE m.name = 'rolled' AND f.kind = 'event';

CREATE VIEW event_1m AS
SELECT bucket, district, kind, n FROM event_1m_counted
UNION ALL
SELECT time_bucket('1 minute', time), substring(area FROM '^[^.]+(?:[.][^.]+)?'), kind, count(*)
FROM event_uncounted GROUP BY 1, 2, 3;

CREATE VIEW event_1h AS
SELECT bucket, area, source_kind, source_id, kind, n FROM event_1h_counted
UNION ALL
SELECT time_bucket('1 hour', time), area, source_kind, source_id, kind, count(*)
FROM event_uncounted GROUP BY 1, 2, 3, 4, 5;
