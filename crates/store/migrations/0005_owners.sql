-- What each owner of responses has stored, kept by triggers, so that a full store gives up rows of whoever has most.

CREATE TABLE response_owners (
    owner TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO response_owners SELECT owner, count(*), sum(size) FROM responses GROUP BY owner;

CREATE INDEX responses_owner ON responses (owner, seq);

CREATE TRIGGER responses_added AFTER INSERT ON responses BEGIN
    INSERT INTO response_owners VALUES (new.owner, 1, new.size)
        ON CONFLICT (owner) DO UPDATE SET count = count + 1, bytes = bytes + new.size;
END;

CREATE TRIGGER responses_gone AFTER DELETE ON responses BEGIN
    UPDATE response_owners SET count = count - 1, bytes = bytes - old.size WHERE owner = old.owner;
    DELETE FROM response_owners WHERE owner = old.owner AND count <= 0;
END;
