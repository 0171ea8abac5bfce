-- Where a device has said that it is: a row for each change, so that a flag of the past can be judged.
CREATE TABLE device_position (
    received_at timestamptz NOT NULL,
    device int NOT NULL REFERENCES device,
    lat float8 NOT NULL,
    lon float8 NOT NULL,
    PRIMARY KEY (device, received_at)
);
COMMENT ON COLUMN device_position.received_at IS 'arrival of the status that said so; degrees WGS 84';
