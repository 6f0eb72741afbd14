-- Times are microseconds since the epoch (UTC), money is in millionths, durations in microseconds.

CREATE TABLE decisions (
    seq               INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id        TEXT NOT NULL UNIQUE,
    time_us           INTEGER NOT NULL,
    key_id            TEXT,
    dialect_in        TEXT NOT NULL,
    dialect_out       TEXT,
    requested_model   TEXT,
    route             TEXT,
    model             TEXT,
    pool              TEXT,
    instance          TEXT,
    status            INTEGER NOT NULL,
    fault             TEXT,
    stream            INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    cached_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost_micro        INTEGER NOT NULL,
    ttft_us           INTEGER,
    total_us          INTEGER NOT NULL,
    overhead_us       INTEGER NOT NULL,
    session_id        TEXT,
    trace_id          TEXT
);
CREATE INDEX decisions_time ON decisions (time_us);

-- The large texts stand apart, so that aggregates scan small rows.
CREATE TABLE decision_details (
    seq      INTEGER PRIMARY KEY,
    phases   TEXT,
    signals  TEXT,
    decision TEXT
);

CREATE TABLE keys (
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL,
    digest          TEXT NOT NULL UNIQUE,
    hint            TEXT NOT NULL,
    previous_digest TEXT UNIQUE,
    previous_until  INTEGER,
    tenant          TEXT,
    roles           TEXT NOT NULL,
    groups          TEXT NOT NULL,
    scopes          TEXT NOT NULL,
    models          TEXT NOT NULL,
    created_us      INTEGER NOT NULL,
    expires_us      INTEGER,
    revoked_us      INTEGER
) WITHOUT ROWID;

CREATE TABLE budget_spans (
    kind     TEXT NOT NULL CHECK (kind IN ('key', 'tenant', 'global')),
    subject  TEXT NOT NULL,
    meter    TEXT NOT NULL,
    window   TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    end_us   INTEGER NOT NULL,
    settled  INTEGER NOT NULL,
    overrun  INTEGER NOT NULL,
    PRIMARY KEY (kind, subject, meter, window, start_us)
) WITHOUT ROWID;
CREATE INDEX budget_spans_end ON budget_spans (end_us);

CREATE TABLE responses (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    owner       TEXT NOT NULL,
    created_us  INTEGER NOT NULL,
    expires_us  INTEGER NOT NULL,
    previous_id TEXT,
    size        INTEGER NOT NULL,
    metadata    TEXT NOT NULL,
    input       TEXT NOT NULL,
    output      TEXT NOT NULL
);
CREATE INDEX responses_expiry ON responses (expires_us);

-- Kept beside the rows so that the bounds cost no scan; fsck compares them.
CREATE TABLE response_totals (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL
);
INSERT INTO response_totals VALUES (1, 0, 0);

CREATE TABLE sessions (
    id       TEXT PRIMARY KEY,
    model    TEXT NOT NULL,
    pool     TEXT,
    instance TEXT,
    turns    INTEGER NOT NULL,
    time_us  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_time ON sessions (time_us);

CREATE TABLE feedback (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id      TEXT NOT NULL,
    time_us         INTEGER NOT NULL,
    key_id          TEXT,
    score           REAL,
    label           TEXT,
    preferred_model TEXT,
    comment         TEXT
);
CREATE INDEX feedback_request ON feedback (request_id);
CREATE INDEX feedback_time ON feedback (time_us);
