-- The first schema. Moments are timestamptz, always written from the program's clock; numbers that
-- are only known inside one database (series, device) never leave it.

CREATE TABLE registry (
    single bool PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL
);
INSERT INTO registry (version) VALUES (0);

CREATE TABLE lab (
    id text PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE area (
    id text PRIMARY KEY,
    lab text NOT NULL REFERENCES lab,
    names json NOT NULL,
    polygon json NOT NULL
);
COMMENT ON COLUMN area.polygon IS 'corners as [latitude, longitude], degrees WGS 84, not closed';

CREATE TABLE hazard (
    id text PRIMARY KEY
);
INSERT INTO hazard VALUES
    ('river-flood'), ('flash-flood'), ('lake-outburst'), ('landslide'), ('earthquake'), ('tsunami'),
    ('storm-surge'), ('high-waves'), ('plant-fault'), ('sensor-health'), ('unwatched');

CREATE TABLE station (
    id text PRIMARY KEY,
    lab text NOT NULL REFERENCES lab,
    area text REFERENCES area,
    lat float8 NOT NULL CHECK (lat BETWEEN -90 AND 90),
    lon float8 NOT NULL CHECK (lon BETWEEN -180 AND 180),
    name text NOT NULL,
    names json NOT NULL,
    elevation_m float8,
    river_km float8,
    downstream_of text REFERENCES station DEFERRABLE INITIALLY DEFERRED,
    travel_s float8
);
COMMENT ON COLUMN station.area IS 'where its alerts apply; null: the whole lab';
COMMENT ON COLUMN station.travel_s IS 'of water, from downstream_of to here';

CREATE TABLE device (
    number int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id text NOT NULL UNIQUE,
    station text NOT NULL REFERENCES station,
    simulated bool NOT NULL,
    revoked_at timestamptz,
    state text,
    boot bigint,
    firmware text,
    battery_v float8,
    lat float8,
    lon float8,
    status_at timestamptz
);
COMMENT ON COLUMN device.status_at IS 'arrival of the status that state .. lon come from';

CREATE TABLE series (
    number int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id text NOT NULL UNIQUE,
    station text NOT NULL REFERENCES station,
    point text NOT NULL,
    quantity text NOT NULL,
    unit text NOT NULL,
    interval_s float8,
    late_after_s float8 NOT NULL,
    yellow float8,
    orange float8,
    red float8
);

-- Which device feeds a series, since when: a sensor can be replaced and the series goes on.
CREATE TABLE deployment (
    series int NOT NULL REFERENCES series,
    device int NOT NULL REFERENCES device,
    point text NOT NULL,
    quantity text NOT NULL,
    from_at timestamptz NOT NULL,
    until_at timestamptz,
    PRIMARY KEY (series, from_at)
);
CREATE UNIQUE INDEX deployment_one_device_a_series ON deployment (series) WHERE until_at IS NULL;
CREATE UNIQUE INDEX deployment_one_series_a_feed ON deployment (device, point, quantity)
    WHERE until_at IS NULL;

CREATE TABLE detector_choice (
    place int PRIMARY KEY,
    name text NOT NULL,
    series text[] NOT NULL,
    stations text[] NOT NULL,
    params json NOT NULL
);

-- A number line and running totals for each ingest worker: its row is locked for as long as a
-- batch is being committed, so a worker's batch numbers become visible in their order.
CREATE TABLE worker (
    number smallint PRIMARY KEY,
    last_batch bigint NOT NULL,
    stored bigint NOT NULL,
    repeated bigint NOT NULL,
    revised bigint NOT NULL,
    quarantined bigint NOT NULL,
    received_at timestamptz
);
COMMENT ON COLUMN worker.received_at IS 'newest arrival of a batch that had readings';

CREATE TABLE batch (
    worker smallint NOT NULL REFERENCES worker,
    number bigint NOT NULL,
    received_at timestamptz NOT NULL,
    committed_at timestamptz NOT NULL,
    decoder text NOT NULL,
    rules text NOT NULL,
    stored int NOT NULL,
    repeated int NOT NULL,
    revised int NOT NULL,
    quarantined int NOT NULL,
    first_measured_at timestamptz,
    last_measured_at timestamptz,
    PRIMARY KEY (worker, number)
);
CREATE INDEX batch_received_at ON batch (received_at);
COMMENT ON COLUMN batch.first_measured_at IS 'of its readings, so that a follower opens few partitions';

-- The widest columns come first: padding would cost a tenth of the space.
CREATE TABLE reading (
    measured_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    value float8 NOT NULL,
    batch bigint NOT NULL,
    series int NOT NULL,
    flag smallint NOT NULL,
    checks smallint NOT NULL,
    worker smallint NOT NULL,
    late bool NOT NULL,
    PRIMARY KEY (series, measured_at)
) /* layout of readings */;
CREATE INDEX reading_batch ON reading (batch, worker);
COMMENT ON COLUMN reading.measured_at IS 'raw device time, never changed';
COMMENT ON COLUMN reading.value IS 'in the unit of the series';
COMMENT ON COLUMN reading.flag IS 'live QARTOD flag: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing';

-- Rows that a different value for the same key replaced; each was the truth in its span of receipt.
CREATE TABLE revision (
    measured_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    value float8 NOT NULL,
    batch bigint NOT NULL,
    series int NOT NULL,
    flag smallint NOT NULL,
    checks smallint NOT NULL,
    worker smallint NOT NULL,
    late bool NOT NULL,
    until_at timestamptz NOT NULL,
    until_worker smallint NOT NULL,
    until_batch bigint NOT NULL
);
CREATE INDEX revision_key ON revision (series, measured_at);
CREATE INDEX revision_batch ON revision (batch, worker);
COMMENT ON COLUMN revision.until_at IS 'receipt of the value that replaced this one';

-- Sequence numbers that are stored or quarantined, and those that the device has lost: a receipt
-- covers both. Only the first make a message a repeat: one that comes after all is gone no more.
CREATE TABLE settled (
    device int NOT NULL REFERENCES device,
    boot bigint NOT NULL,
    sequences int8multirange NOT NULL,
    gone int8multirange NOT NULL DEFAULT '{}',
    PRIMARY KEY (device, boot)
);

CREATE TABLE quarantine (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    device int REFERENCES device,
    topic text NOT NULL,
    payload bytea NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    received_at timestamptz NOT NULL,
    worker smallint NOT NULL,
    batch bigint NOT NULL,
    digest bytea NOT NULL,
    UNIQUE (digest, received_at)
);
CREATE INDEX quarantine_received_at ON quarantine (received_at);
CREATE INDEX quarantine_reason ON quarantine (device, reason);
COMMENT ON COLUMN quarantine.digest IS 'SHA-256 of topic and payload: a commit sent twice keeps one';

CREATE TABLE warning (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    source text NOT NULL,
    detector text NOT NULL,
    version text NOT NULL,
    hazard text NOT NULL REFERENCES hazard,
    area text NOT NULL,
    level smallint NOT NULL,
    stations text[] NOT NULL,
    simulated bool NOT NULL,
    decided_at timestamptz NOT NULL,
    onset_at timestamptz,
    score float8,
    p_value float8,
    reason json NOT NULL,
    evidence json NOT NULL
);

CREATE TABLE alert_change (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    alert text NOT NULL,
    at timestamptz NOT NULL,
    change text NOT NULL,
    hazard text NOT NULL REFERENCES hazard,
    area text NOT NULL,
    level smallint NOT NULL,
    stations text[] NOT NULL,
    reason json NOT NULL,
    detector text NOT NULL,
    status text NOT NULL CHECK (status IN ('Actual', 'Exercise', 'Test')),
    blind bool NOT NULL,
    onset_at timestamptz,
    person text NOT NULL,
    note text NOT NULL
);
CREATE INDEX alert_change_alert ON alert_change (alert, number);

-- Where each incident stands now: derived from alert_change in the same transaction.
CREATE TABLE incident (
    alert text PRIMARY KEY,
    opened_at timestamptz NOT NULL,
    last_change bigint NOT NULL REFERENCES alert_change,
    level smallint NOT NULL,
    acknowledged_by text,
    acknowledged_at timestamptz
);

CREATE TABLE action (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    alert text NOT NULL,
    kind text NOT NULL,
    person text NOT NULL,
    at timestamptz NOT NULL,
    note text NOT NULL
);

CREATE TABLE outbox (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    channel text NOT NULL,
    topic text NOT NULL,
    payload bytea NOT NULL,
    retain bool NOT NULL,
    alert text NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    retry_at timestamptz,
    done bool NOT NULL DEFAULT false
);
CREATE INDEX outbox_pending ON outbox (number) WHERE NOT done;
CREATE INDEX outbox_alert ON outbox (alert);

-- One row an attempt, appended.
CREATE TABLE delivery (
    message bigint NOT NULL REFERENCES outbox,
    attempt int NOT NULL,
    delivered_at timestamptz,
    receipt text,
    error text,
    PRIMARY KEY (message, attempt)
);

CREATE TABLE stage (
    name text PRIMARY KEY,
    pid int NOT NULL,
    state text NOT NULL,
    detail text NOT NULL,
    beat_at timestamptz NOT NULL
);

CREATE TABLE progress (
    name text PRIMARY KEY,
    through_at timestamptz NOT NULL,
    positions json NOT NULL,
    snapshot bytea NOT NULL
);
ALTER TABLE progress ALTER COLUMN snapshot SET STORAGE EXTERNAL;

CREATE TABLE clock (
    single bool PRIMARY KEY DEFAULT true CHECK (single),
    scenario_at timestamptz
);
INSERT INTO clock DEFAULT VALUES;
