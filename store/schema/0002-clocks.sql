-- What is known of a device's clock, by boot: the last state in each hour in which it changed. The
-- newest row is where ingest goes on after a restart; the older ones are the clock's history.
CREATE TABLE device_clock (
    device int NOT NULL REFERENCES device,
    boot bigint NOT NULL,
    hour_at timestamptz NOT NULL,
    begun_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    known bool NOT NULL,
    offset_us bigint NOT NULL,
    offset_at timestamptz NOT NULL,
    spread_us bigint NOT NULL,
    claim_us bigint NOT NULL,
    claim_at timestamptz NOT NULL,
    trial int8[] NOT NULL,
    PRIMARY KEY (device, boot, hour_at)
);
COMMENT ON COLUMN device_clock.boot IS '-1 for a device that says none';
COMMENT ON COLUMN device_clock.offset_us IS 'receipt less device time at offset_at; positive: the clock is slow';
COMMENT ON COLUMN device_clock.known IS 'false: not yet observed for long enough, taken as right';
COMMENT ON COLUMN device_clock.trial IS 'another offset under trial: at, lag, low, high, near, others; empty for none';
