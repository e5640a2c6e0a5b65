-- engine: timescale
-- The same rollups as continuous aggregates; what is not materialised yet is counted when it is read.
-- Rows may come as late as a spool can hold them (7 days), so nothing younger than 8 days is compressed.

CREATE MATERIALIZED VIEW event_1m WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 minute', time) AS bucket, substring(area FROM '^[^.]+(?:[.][^.]+)?') AS district, kind,
       count(*) AS n
FROM event GROUP BY 1, 2, 3 WITH NO DATA;

CREATE MATERIALIZED VIEW event_1h WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 hour', time) AS bucket, area, source_kind, source_id, kind, count(*) AS n
FROM event GROUP BY 1, 2, 3, 4, 5 WITH NO DATA;

SELECT add_continuous_aggregate_policy('event_1m', start_offset => interval '8 days',
    end_offset => interval '2 minutes', schedule_interval => interval '1 minute');
SELECT add_continuous_aggregate_policy('event_1h', start_offset => interval '8 days',
    end_offset => interval '1 hour', schedule_interval => interval '10 minutes');

ALTER TABLE event SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'source_id',
    timescaledb.orderby = 'time DESC, id DESC');
CALL add_columnstore_policy('event', after => interval '8 days');
