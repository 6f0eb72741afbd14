-- Small facts that the gateway holds in memory and must not forget with the process: risks of conversations, rates of models.

CREATE TABLE notes (
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    time_us INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX notes_age ON notes (kind, time_us);
