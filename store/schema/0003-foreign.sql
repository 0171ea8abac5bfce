-- Topics of foreign devices: what ingest reads beside the devices' own, and how.
CREATE TABLE foreign_feed (
    name text PRIMARY KEY,
    topic text NOT NULL,
    format text NOT NULL,
    described json NOT NULL
);
COMMENT ON COLUMN foreign_feed.topic IS 'MQTT filter; a level {device} names the device';
COMMENT ON COLUMN foreign_feed.described IS 'the whole feed: records.foreign.Feed';
