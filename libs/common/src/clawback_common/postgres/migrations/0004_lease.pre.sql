-- Who may do what only one process may do at a time. A new holder has a higher token; the end is a time of this
-- database's clock. Few rows, often updated.
CREATE TABLE lease (
    name   text        PRIMARY KEY,
    token  bigint      NOT NULL,
    holder uuid,
    until  timestamptz NOT NULL
) WITH (fillfactor = 50);
