-- What Sparkplug nodes and devices said last of themselves: an alias means what its birth said.
CREATE TABLE birth (
    topic text PRIMARY KEY,
    received_at timestamptz NOT NULL,
    payload bytea NOT NULL
);
