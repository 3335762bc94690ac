-- The policies of the worker that started last: a sweep from a process with other ones is refused.
CREATE TABLE policy_in_force (
    data_class text        PRIMARY KEY,
    terms      text        NOT NULL,
    noted_at   timestamptz NOT NULL
);
COMMENT ON COLUMN policy_in_force.terms IS 'Age, action and owners, in words.';
