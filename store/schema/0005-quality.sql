-- Quality rules as data, and what the tests found once a series' readings were all there.

CREATE TABLE rules (
    version text PRIMARY KEY,
    content json NOT NULL,
    valid_from timestamptz NOT NULL
);
COMMENT ON COLUMN rules.content IS 'as records.rules.Rules';

-- Consecutive readings of a series that a test did not find good: sparse, and only of times up to
-- the series' watermark. What a later pass found otherwise is closed, never removed.
CREATE TABLE quality_span (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    until_at timestamptz,
    series int NOT NULL REFERENCES series,
    test smallint NOT NULL,
    flag smallint NOT NULL,
    rules text NOT NULL
);
CREATE INDEX quality_span_open ON quality_span (series, to_at) WHERE until_at IS NULL;
CREATE INDEX quality_span_closed ON quality_span (series, to_at) WHERE until_at IS NOT NULL;
COMMENT ON COLUMN quality_span.from_at IS 'measured_at of its first reading, to_at of its last';
COMMENT ON COLUMN quality_span.until_at IS 'when another verdict took its place; null: it holds';
COMMENT ON COLUMN quality_span.test IS 'bit of records.levels.Check';

-- How far the verdicts of a series are final: a row an hour, the newest one moves on.
CREATE TABLE quality_watermark (
    series int NOT NULL REFERENCES series,
    known_at timestamptz NOT NULL,
    first_at timestamptz,
    through_at timestamptz,
    rules text NOT NULL,
    limits text NOT NULL,
    PRIMARY KEY (series, known_at)
);
COMMENT ON COLUMN quality_watermark.first_at IS 'final through here at known_at, null: nothing';
COMMENT ON COLUMN quality_watermark.through_at IS 'final through here now';
COMMENT ON COLUMN quality_watermark.limits IS 'digest of what the rules say for this series';
