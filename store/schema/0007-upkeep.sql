-- Store care: roll-ups, packed days, and how far care has come.

-- What is kept of the readings of a series in a span of time; the mean is total / count.
CREATE TABLE rollup (
    start_at timestamptz NOT NULL,
    total float8 NOT NULL,
    low float8 NOT NULL,
    high float8 NOT NULL,
    step_s int NOT NULL CHECK (step_s IN (60, 3600, 86400)),
    series int NOT NULL,
    count int NOT NULL,
    stored int NOT NULL,
    fine bool NOT NULL,
    PRIMARY KEY (step_s, series, start_at)
);
COMMENT ON COLUMN rollup.count IS 'readings in total, low and high: those whose live flag is not fail';
COMMENT ON COLUMN rollup.stored IS 'all readings, failed ones too';
COMMENT ON COLUMN rollup.low IS 'NaN where count is 0, as is high';
COMMENT ON COLUMN rollup.fine IS 'of an hour: made from its minutes, which are all there';

-- A day of a series in compact form. Its rows are then not in table reading.
CREATE TABLE packed (
    series int NOT NULL,
    day int NOT NULL,
    count int NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    first_batch bigint NOT NULL,
    last_batch bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (series, day)
);
ALTER TABLE packed ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX packed_day ON packed (day);
COMMENT ON COLUMN packed.day IS 'since 1970-01-01 UTC';
COMMENT ON COLUMN packed.body IS 'see store/segments.py';

-- Days since 1970-01-01 UTC; neither ever goes back.
CREATE TABLE care (
    single bool PRIMARY KEY DEFAULT true CHECK (single),
    packed_before int NOT NULL DEFAULT -1000000,
    dropped_before int NOT NULL DEFAULT -1000000
);
INSERT INTO care DEFAULT VALUES;
COMMENT ON COLUMN care.packed_before IS 'readings of older days may be packed: writers compare first';
COMMENT ON COLUMN care.dropped_before IS 'retention dropped older days';
