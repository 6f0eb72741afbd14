-- Answers that the gateway's cache keeps; what stands here was in its memory when it stopped.

CREATE TABLE answers (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    key        TEXT NOT NULL UNIQUE,
    expires_us INTEGER NOT NULL,
    about      TEXT NOT NULL,
    body       BLOB NOT NULL,
    vector     BLOB NOT NULL
);
CREATE INDEX answers_expiry ON answers (expires_us);

-- Kept beside the rows so that the bounds cost no scan; fsck compares them.
CREATE TABLE answer_totals (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL
);
INSERT INTO answer_totals VALUES (1, 0, 0);

CREATE TRIGGER answer_kept AFTER INSERT ON answers BEGIN
    UPDATE answer_totals SET count = count + 1,
        bytes = bytes + length(NEW.about) + length(NEW.body) + length(NEW.vector);
END;
CREATE TRIGGER answer_gone AFTER DELETE ON answers BEGIN
    UPDATE answer_totals SET count = count - 1,
        bytes = bytes - length(OLD.about) - length(OLD.body) - length(OLD.vector);
END;
