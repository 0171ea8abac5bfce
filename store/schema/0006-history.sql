-- The registry as it was: a version is added with each change and never altered.

CREATE TABLE registry_version (
    version bigint PRIMARY KEY,
    committed_at timestamptz NOT NULL,
    content json NOT NULL
);
COMMENT ON COLUMN registry_version.committed_at IS
    'since when; -infinity: what was there before versions were kept';
