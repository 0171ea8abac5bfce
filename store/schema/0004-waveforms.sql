-- Evenly sampled channels as packets. `samples` are deflated after their bytes were put in planes
-- (all first bytes, all second ones, ...), little-endian, float32 or, where `wide`, float64.
CREATE TABLE waveform (
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    rate_hz float8 NOT NULL,
    batch bigint NOT NULL,
    series int NOT NULL,
    length int NOT NULL,
    beyond int NOT NULL,
    flag smallint NOT NULL,
    checks smallint NOT NULL,
    worker smallint NOT NULL,
    wide bool NOT NULL,
    late bool NOT NULL,
    samples bytea NOT NULL,
    PRIMARY KEY (series, start_at)
);
ALTER TABLE waveform ALTER COLUMN samples SET STORAGE EXTERNAL;
CREATE INDEX waveform_end ON waveform (series, end_at);
CREATE INDEX waveform_batch ON waveform (batch, worker);
COMMENT ON COLUMN waveform.start_at IS 'raw device time of the first sample, never changed';
COMMENT ON COLUMN waveform.end_at IS 'time of the last sample, by the rate';
COMMENT ON COLUMN waveform.beyond IS 'samples outside the gross range of the quantity';

-- Packets that another content for the same key replaced, as `revision` of readings.
CREATE TABLE waveform_revision (
    LIKE waveform,
    until_at timestamptz NOT NULL,
    until_worker smallint NOT NULL,
    until_batch bigint NOT NULL
);
ALTER TABLE waveform_revision ALTER COLUMN samples SET STORAGE EXTERNAL;
CREATE INDEX waveform_revision_key ON waveform_revision (series, start_at);

ALTER TABLE worker ADD waveforms bigint NOT NULL DEFAULT 0;
ALTER TABLE batch ADD waveforms int NOT NULL DEFAULT 0;
COMMENT ON COLUMN batch.waveforms IS 'packets that it stored, new ones and revisions';

-- Messages that left the quarantine as rows: which, by whom, when, in which batch.
CREATE TABLE rerun (
    number bigint PRIMARY KEY,
    topic text NOT NULL,
    reason text NOT NULL,
    received_at timestamptz NOT NULL,
    digest bytea NOT NULL,
    person text NOT NULL,
    at timestamptz NOT NULL,
    worker smallint NOT NULL,
    batch bigint NOT NULL
);
COMMENT ON COLUMN rerun.number IS 'that the message had in quarantine';
COMMENT ON COLUMN rerun.reason IS 'why it was there';
