-- What was known of quality at each earlier moment: verdicts go by the turn that made them.

CREATE TABLE quality_turn (
    number bigint PRIMARY KEY,
    judged_at timestamptz NOT NULL,
    committed_at timestamptz NOT NULL,
    positions json
);
COMMENT ON COLUMN quality_turn.judged_at IS 'clock that watermarks go by: a scenario''s in a replay';
COMMENT ON COLUMN quality_turn.committed_at IS 'the machine''s clock, as of a batch';
COMMENT ON COLUMN quality_turn.positions IS
    'last batch of each worker that it had seen; null (from before turns were kept): as committed';

-- Turns of former days are known by what they changed; how far the last one came is kept.
INSERT INTO quality_turn (number, judged_at, committed_at)
SELECT row_number() OVER (ORDER BY last, at), at, at FROM (
    SELECT at, bool_or(last) AS last FROM (
        SELECT known_at AS at, false AS last FROM quality_span
        UNION SELECT until_at, false FROM quality_span WHERE until_at IS NOT NULL
        UNION SELECT known_at, false FROM quality_watermark
        UNION SELECT through_at, true FROM progress WHERE name = 'quality') moment
    GROUP BY at) turn;
UPDATE quality_turn SET positions = (SELECT positions FROM progress WHERE name = 'quality')
WHERE number = (SELECT max(number) FROM quality_turn);

ALTER TABLE quality_span ADD turn bigint, ADD until_turn bigint;
UPDATE quality_span s SET turn = (SELECT number FROM quality_turn WHERE judged_at = s.known_at),
    until_turn = (SELECT number FROM quality_turn WHERE judged_at = s.until_at);
DROP INDEX quality_span_open, quality_span_closed;
ALTER TABLE quality_span DROP known_at, DROP until_at, ALTER turn SET NOT NULL;
CREATE INDEX quality_span_open ON quality_span (series, to_at) WHERE until_turn IS NULL;
CREATE INDEX quality_span_closed ON quality_span (series, to_at) WHERE until_turn IS NOT NULL;
COMMENT ON COLUMN quality_span.turn IS 'that found it';
COMMENT ON COLUMN quality_span.until_turn IS 'that put another verdict in its place; null: it holds';

-- A row holds from its turn on, until the series' next one.
ALTER TABLE quality_watermark ADD turn bigint, ADD behind_us bigint;
UPDATE quality_watermark w
SET turn = (SELECT number FROM quality_turn WHERE judged_at = w.known_at);
ALTER TABLE quality_watermark DROP CONSTRAINT quality_watermark_pkey,
    ADD PRIMARY KEY (series, turn);
-- The newest row of a series was moved on: what it says now, the last turn knew.
INSERT INTO quality_watermark (series, known_at, first_at, through_at, rules, limits, turn)
SELECT DISTINCT ON (series) series, known_at, through_at, through_at, rules, limits,
    (SELECT max(number) FROM quality_turn)
FROM quality_watermark ORDER BY series, known_at DESC
ON CONFLICT (series, turn) DO UPDATE SET first_at = excluded.first_at;
ALTER TABLE quality_watermark DROP known_at, DROP through_at;
ALTER TABLE quality_watermark RENAME first_at TO through_at;
COMMENT ON COLUMN quality_watermark.through_at IS 'final through here; null: see behind_us';
COMMENT ON COLUMN quality_watermark.behind_us IS
    'final through so long before each turn''s judged_at; null with through_at: nothing is final';
