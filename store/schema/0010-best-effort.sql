-- Devices of which some message came without a number that a receipt could name.
CREATE TABLE unnumbered (
    device int PRIMARY KEY REFERENCES device,
    last_at timestamptz NOT NULL,
    numbered_at timestamptz
);
COMMENT ON COLUMN unnumbered.last_at IS 'hour of arrival of the newest message without a number';
COMMENT ON COLUMN unnumbered.numbered_at IS 'hour of arrival of the newest with one, since the first without';
