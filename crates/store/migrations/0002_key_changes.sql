-- Counts every change of a key, whoever makes it: a running gateway sees what another process did.

CREATE TABLE key_changes (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL
);
INSERT INTO key_changes VALUES (1, 0);

CREATE TRIGGER key_made AFTER INSERT ON keys BEGIN UPDATE key_changes SET count = count + 1; END;
CREATE TRIGGER key_changed AFTER UPDATE ON keys BEGIN UPDATE key_changes SET count = count + 1; END;
CREATE TRIGGER key_gone AFTER DELETE ON keys BEGIN UPDATE key_changes SET count = count + 1; END;
