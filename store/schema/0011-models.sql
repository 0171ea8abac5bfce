-- Trained models: what each was made from, how it was judged, and who let it warn.

CREATE TABLE model (
    number int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    version int NOT NULL,
    state text NOT NULL DEFAULT 'shadow' CHECK (state IN ('shadow', 'live', 'retired')),
    detector text NOT NULL,
    params json NOT NULL,
    series text[] NOT NULL,
    from_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL,
    as_of timestamptz NOT NULL,
    readings bigint NOT NULL,
    recipe text NOT NULL,
    artefact bytea NOT NULL,
    UNIQUE (name, version)
);
CREATE UNIQUE INDEX model_live ON model (name) WHERE state = 'live';
ALTER TABLE model ALTER COLUMN artefact SET STORAGE EXTERNAL;
COMMENT ON COLUMN model.name IS 'the place it fills: one of a name is live at most';
COMMENT ON COLUMN model.as_of IS 'trained on readings measured from from_at until until_at, as they were stored then';
COMMENT ON COLUMN model.artefact IS 'see models/artefacts.py';

-- Who did what with a model: appended, never edited.
CREATE TABLE model_step (
    number int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    model int NOT NULL REFERENCES model,
    at timestamptz NOT NULL,
    step text NOT NULL CHECK (step IN ('trained', 'proposed', 'promoted', 'retired', 'restored')),
    person text NOT NULL CHECK (person <> ''),
    note text NOT NULL
);
CREATE INDEX model_step_model ON model_step (model, number);

-- Results of one backtest have the same `run`: the same readings, events and budget.
CREATE TABLE backtest (
    number int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    run uuid NOT NULL,
    model int NOT NULL REFERENCES model,
    at timestamptz NOT NULL,
    person text NOT NULL,
    result json NOT NULL
);
CREATE INDEX backtest_model ON backtest (model, number);

-- Training and evaluation at work: a row a run, moved on by its own process.
CREATE TABLE model_job (
    number int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    task text NOT NULL,
    model text NOT NULL,
    person text NOT NULL,
    began_at timestamptz NOT NULL,
    beat_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    share float8 NOT NULL,
    detail text NOT NULL
);

-- What a model was seen to do on live readings: a row a UTC day.
CREATE TABLE model_watch (
    model int NOT NULL REFERENCES model,
    day date NOT NULL,
    rows bigint NOT NULL,
    scored bigint NOT NULL,
    warned bigint NOT NULL,
    scores bigint[] NOT NULL,
    PRIMARY KEY (model, day)
);
COMMENT ON COLUMN model_watch.scores IS 'how many scores lay in each tenth of those of its training';
