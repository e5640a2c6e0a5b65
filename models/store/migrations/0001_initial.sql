-- The whole first schema. Times are timestamptz in UTC; units stand in names (_s, _px); every row
-- that people may see carries its area. A `-- series: NAME` line makes that table a series of daily
-- parts: a hypertable on TimescaleDB, a range-partitioned table on plain PostgreSQL ({series} below).

-- ── places and people ───────────────────────────────────────────────────────────────────────────
CREATE TABLE area (
    path       text PRIMARY KEY,                       -- city.district.street.community.cell
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE app_user (
    username      text PRIMARY KEY CHECK (username ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    display_name  text NOT NULL,
    password_hash text NOT NULL,                       -- Argon2id, PHC string
    role          text NOT NULL CHECK (role IN ('operator','dispatcher','engineer','analyst','admin')),
    areas         text[] NOT NULL CHECK (cardinality(areas) > 0),
    language      text NOT NULL DEFAULT 'en' CHECK (language IN ('en','zh-CN')),
    disabled      boolean NOT NULL DEFAULT false,
    row_version   integer NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- wrong passwords since the last right one, kept alike for names that exist and names that do not
CREATE TABLE sign_in_try (
    name         text PRIMARY KEY,
    failed_count integer NOT NULL,
    failed_at    timestamptz NOT NULL
);

-- a signed-in browser, a script's token, or a paired patrol phone
CREATE TABLE login (
    id_hash      bytea PRIMARY KEY,                    -- sha256 of the secret the client holds
    kind         text NOT NULL CHECK (kind IN ('browser','token','patrol')),
    username     text REFERENCES app_user,
    patrol_id    text,
    label        text NOT NULL DEFAULT '',
    scopes       text[] NOT NULL DEFAULT '{}',         -- empty: all that the role may
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    CHECK ((kind = 'patrol') = (patrol_id IS NOT NULL)),
    CHECK ((kind = 'patrol') <> (username IS NOT NULL))
);
CREATE INDEX login_user ON login (username);

-- one-time secrets: first set-up, pairing of a patrol's phone
CREATE TABLE one_time_token (
    token_hash bytea PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('setup','patrol_pairing')),
    subject    text NOT NULL DEFAULT '',               -- the patrol it pairs
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

CREATE TABLE idempotency (
    key        text NOT NULL,
    username   text NOT NULL,
    route      text NOT NULL,
    status     integer NOT NULL,
    body       jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (username, route, key)
);

-- ── cameras ─────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE camera (
    id             text PRIMARY KEY,
    name           text NOT NULL,
    area           text NOT NULL,
    place          text NOT NULL DEFAULT '',
    scheme         text NOT NULL CHECK (scheme IN ('rtsp','rtsps','http','https')),
    host           text NOT NULL,
    port           integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
    path           text NOT NULL CHECK (path LIKE '/%'),
    transport      text NOT NULL DEFAULT 'tcp' CHECK (transport IN ('tcp','udp')),
    username       text NOT NULL DEFAULT '',
    password_enc   bytea,                              -- AES-256-GCM, bound to this row; never read by the API
    sub_path       text CHECK (sub_path LIKE '/%'),    -- the smaller stream, analysed instead of the main one
    lat            double precision CHECK (lat BETWEEN -90 AND 90),
    lon            double precision CHECK (lon BETWEEN -180 AND 180),
    enabled        boolean NOT NULL DEFAULT true,
    record         boolean NOT NULL DEFAULT true,
    retention_days integer NOT NULL DEFAULT 30 CHECK (retention_days BETWEEN 1 AND 3650),
    row_version    integer NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL DEFAULT now(),
    retired_at     timestamptz
);
CREATE INDEX camera_area ON camera (area text_pattern_ops);

CREATE TABLE camera_state (
    camera_id         text PRIMARY KEY REFERENCES camera,
    worker_id         text NOT NULL,
    state             text NOT NULL,
    reason            text NOT NULL DEFAULT '',
    since             timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    last_frame_at     timestamptz,
    fps               real,
    bitrate_kbps      real,
    width_px          integer,
    height_px         integer,
    codec             text,
    frames_total      bigint NOT NULL DEFAULT 0,
    frames_lost_total bigint NOT NULL DEFAULT 0,
    recording         boolean NOT NULL DEFAULT false
);

-- a change of a rule adds a version; an event names the version that fired
CREATE SEQUENCE rule_id_seq;
CREATE TABLE rule (
    id         integer NOT NULL,
    version    integer NOT NULL,
    camera_id  text NOT NULL REFERENCES camera,
    name       text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('intrusion','line_crossing')),
    body       jsonb NOT NULL,                         -- points, labels, direction, confirm_frames, cool_down_s, min_score, params
    enabled    boolean NOT NULL DEFAULT true,
    current    boolean NOT NULL DEFAULT true,          -- false once a newer version or a removal replaced it
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT '',
    PRIMARY KEY (id, version)
);
CREATE INDEX rule_current ON rule (camera_id) WHERE current;

CREATE TABLE segment (
    camera_id  text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz NOT NULL CHECK (ended_at >= started_at),
    path       text NOT NULL,
    size_bytes bigint NOT NULL,
    codec      text NOT NULL,
    begins     boolean NOT NULL DEFAULT true,          -- no file of its camera ended just before it: a stretch starts here
    PRIMARY KEY (camera_id, started_at)
);
CREATE INDEX segment_age ON segment (ended_at);
CREATE INDEX segment_begins ON segment (camera_id, started_at) WHERE begins;

-- every silence has a row and every row a cause
CREATE TABLE gap (
    source_kind text NOT NULL CHECK (source_kind IN ('camera','unit','system')),
    source_id   text NOT NULL,
    area        text NOT NULL,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    cause       text NOT NULL,
    detail      text NOT NULL DEFAULT '',
    PRIMARY KEY (source_kind, source_id, started_at)
);
CREATE UNIQUE INDEX gap_open ON gap (source_kind, source_id) WHERE ended_at IS NULL;

-- ── alarm units ─────────────────────────────────────────────────────────────────────────────────
CREATE TABLE unit (
    id              text PRIMARY KEY CHECK (id ~ '^[A-Z0-9-]{1,32}$'),
    name            text NOT NULL,
    area            text NOT NULL,
    place           text NOT NULL DEFAULT '',
    lat             double precision CHECK (lat BETWEEN -90 AND 90),
    lon             double precision CHECK (lon BETWEEN -180 AND 180),
    heartbeat_s     integer NOT NULL DEFAULT 60 CHECK (heartbeat_s BETWEEN 1 AND 86400),
    silence_limit_s integer NOT NULL DEFAULT 150 CHECK (silence_limit_s >= heartbeat_s),
    broker_hash     text NOT NULL,                     -- the broker's own password hash of the unit's secret
    enabled         boolean NOT NULL DEFAULT true,
    row_version     integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    retired_at      timestamptz
);
CREATE INDEX unit_area ON unit (area text_pattern_ops);

CREATE TABLE unit_camera (
    unit_id   text NOT NULL REFERENCES unit,
    camera_id text NOT NULL REFERENCES camera,
    PRIMARY KEY (unit_id, camera_id)
);
CREATE INDEX unit_camera_camera ON unit_camera (camera_id);

CREATE TABLE unit_state (
    unit_id         text PRIMARY KEY REFERENCES unit,
    conn            text NOT NULL DEFAULT 'unknown',
    arm             text NOT NULL DEFAULT 'unknown',
    boot_id         text NOT NULL DEFAULT '',
    connect_count   bigint NOT NULL DEFAULT 0,         -- the unit's own counter; an older will must lose
    last_seq        bigint NOT NULL DEFAULT 0,
    last_heard_at   timestamptz,
    silent_since    timestamptz,
    battery_percent real,
    mains           boolean,
    rssi_dbm        real,
    skew_s          real,
    points_open     integer[] NOT NULL DEFAULT '{}',
    info            jsonb NOT NULL DEFAULT '{}'
);

-- a plain table on every engine: its key is what makes a resent message count once
CREATE TABLE alarm_message (
    unit_id        text NOT NULL,
    boot_id        text NOT NULL,
    seq            bigint NOT NULL CHECK (seq BETWEEN 1 AND 9007199254740992),
    kind           text NOT NULL,
    code           text NOT NULL,
    partition      integer,
    point          integer,
    state          text,
    device_time    timestamptz,
    received_at    timestamptz NOT NULL,
    corrected_time timestamptz NOT NULL,
    skewed         boolean NOT NULL DEFAULT false,
    queued         boolean NOT NULL DEFAULT false,     -- the unit says it kept this back while it had no link
    payload        jsonb NOT NULL,
    event_id       uuid,
    PRIMARY KEY (unit_id, boot_id, seq)
);
CREATE INDEX alarm_message_unit ON alarm_message (unit_id, received_at DESC);

CREATE TABLE quarantine (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    topic       text NOT NULL,
    payload     bytea NOT NULL,                        -- cut at the size limit
    reason      text NOT NULL,
    unit_id     text
);
CREATE INDEX quarantine_time ON quarantine (received_at DESC);

-- ── events ──────────────────────────────────────────────────────────────────────────────────────
-- series: event
CREATE TABLE event (
    time         timestamptz NOT NULL,                 -- corrected time of the fact
    id           uuid NOT NULL,                        -- made from the fact itself: storing it twice stores it once
    received_at  timestamptz NOT NULL,
    device_time  timestamptz,
    area         text NOT NULL,
    kind         text NOT NULL,
    source_kind  text NOT NULL,
    source_id    text NOT NULL,
    priority     smallint NOT NULL CHECK (priority BETWEEN 1 AND 4),
    label        text NOT NULL DEFAULT '',
    score        real,
    track_id     bigint,
    rule_id      integer,
    rule_version integer,
    x0 integer, y0 integer, x1 integer, y1 integer,    -- box in pixels of the analysed picture
    snapshot     text,                                 -- path below the media folder
    attrs        jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (time, id)
) {series};
CREATE INDEX event_id ON event (id);
CREATE INDEX event_source ON event (source_id, time DESC);
CREATE INDEX event_kind ON event (kind, time DESC, id DESC);
CREATE INDEX event_area ON event (area COLLATE "C", time DESC, id DESC);  -- by bytes: what lies inside is a range

-- series: heartbeat
CREATE TABLE heartbeat (
    time      timestamptz NOT NULL,
    source_id text NOT NULL,                           -- a unit or a camera
    body      jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (source_id, time)
) {series};

-- events that may wake somebody and have not been through triage yet; core empties it
CREATE TABLE triage_queue (
    event_id   uuid PRIMARY KEY,
    event_time timestamptz NOT NULL,
    queued_at  timestamptz NOT NULL DEFAULT now()
);

-- ── incidents ───────────────────────────────────────────────────────────────────────────────────
CREATE TABLE incident (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    area          text NOT NULL,
    place         text NOT NULL DEFAULT '',
    kind          text NOT NULL,                       -- kind of its most urgent event
    priority      smallint NOT NULL CHECK (priority BETWEEN 1 AND 4),
    state         text NOT NULL DEFAULT 'new' CHECK (state IN ('new','claimed','closed')),
    source_kind   text NOT NULL,
    source_id     text NOT NULL,
    opened_at     timestamptz NOT NULL,
    last_event_at timestamptz NOT NULL,
    event_count   integer NOT NULL DEFAULT 0,
    owner         text REFERENCES app_user,
    claimed_at    timestamptz,
    closed_at     timestamptz,
    disposition   text CHECK (disposition IN ('genuine','false','nuisance','test','no_response')),
    active        boolean NOT NULL DEFAULT true,       -- the condition stands; false once it returned to normal
    lat           double precision,
    lon           double precision,
    cameras       text[] NOT NULL DEFAULT '{}',        -- cameras that may show it
    standing      text[] NOT NULL DEFAULT '{}',        -- conditions not yet restored: kind/source/point; ~ before momentary ones
    row_version   integer NOT NULL DEFAULT 1,
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK (state <> 'claimed' OR owner IS NOT NULL)
);
CREATE INDEX incident_open ON incident (area text_pattern_ops, priority, opened_at) WHERE state <> 'closed';
CREATE INDEX incident_source_open ON incident (source_id) WHERE state <> 'closed';
CREATE INDEX incident_recent ON incident (id DESC);

CREATE TABLE incident_event (
    event_id    uuid PRIMARY KEY,                      -- an event belongs to one incident
    event_time  timestamptz NOT NULL,
    incident_id bigint NOT NULL REFERENCES incident,
    reason      text NOT NULL                          -- why it was put here
);
CREATE INDEX incident_event_incident ON incident_event (incident_id, event_time);

CREATE TABLE incident_entry (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES incident,
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    actor       text NOT NULL,                         -- a username, patrol:<id>, or alertwall
    text        text NOT NULL DEFAULT '',
    event_id    uuid,
    detail      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX incident_entry_incident ON incident_entry (incident_id, id);

-- ── patrols ─────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE patrol (
    id          text PRIMARY KEY,
    name        text NOT NULL,
    area        text NOT NULL,
    state       text NOT NULL DEFAULT 'available'
                CHECK (state IN ('available','dispatched','en_route','on_scene','off_duty')),
    lat         double precision,
    lon         double precision,
    seen_at     timestamptz,                           -- its phone was last connected then
    row_version integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    retired_at  timestamptz
);

CREATE TABLE assignment (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id    bigint NOT NULL REFERENCES incident,
    patrol_id      text NOT NULL REFERENCES patrol,
    state          text NOT NULL DEFAULT 'queued',
    note           text NOT NULL DEFAULT '',
    assigned_by    text NOT NULL,
    queued_at      timestamptz NOT NULL,
    answer_by      timestamptz NOT NULL,               -- without an answer by then it has timed out
    delivered_at   timestamptz,
    answered_at    timestamptz,                        -- accepted, declined or timed out
    on_scene_at    timestamptz,
    ended_at       timestamptz,
    decline_reason text NOT NULL DEFAULT ''
);
CREATE INDEX assignment_incident ON assignment (incident_id);
CREATE UNIQUE INDEX assignment_open ON assignment (patrol_id)
    WHERE state IN ('queued','delivered','accepted','on_scene');

-- ── the trail and the feed ──────────────────────────────────────────────────────────────────────
CREATE TABLE audit (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL,
    actor     text NOT NULL,
    action    text NOT NULL,                           -- incident.claim, camera.create, login, ...
    object    text NOT NULL DEFAULT '',                -- incident:42, camera:gate
    area      text NOT NULL DEFAULT '',
    detail    jsonb NOT NULL DEFAULT '{}',
    prev_hash bytea NOT NULL,
    hash      bytea NOT NULL                           -- sha256 over prev_hash and the row
);

-- the outbox: read below pg_snapshot_xmin in (tx, seq) order, so that a slow transaction is not skipped
CREATE TABLE feed (
    tx   xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq  bigint GENERATED ALWAYS AS IDENTITY,
    at   timestamptz NOT NULL DEFAULT now(),
    area text NOT NULL,
    kind text NOT NULL,                                -- incident, event, camera, unit, patrol, assignment, status
    ref  text NOT NULL,
    body json NOT NULL,                                -- passed on as it is: never searched, so not jsonb
    PRIMARY KEY (tx, seq)
);

-- how far something went: 'pruned', older rows are gone; 'rolled', rows up to here are counted in the rollups
CREATE TABLE feed_mark (
    name text PRIMARY KEY,
    tx   xid8 NOT NULL,
    seq  bigint NOT NULL
);

-- ── alertwall's own parts ───────────────────────────────────────────────────────────────────────
CREATE TABLE part (
    id           text PRIMARY KEY,                     -- core, worker-1, api-1, broker, ...
    kind         text NOT NULL,
    url          text NOT NULL DEFAULT '',             -- a worker's own small port
    pid          integer,
    started_at   timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    state        text NOT NULL DEFAULT 'up',           -- up, degraded
    detail       jsonb NOT NULL DEFAULT '{}'
);
