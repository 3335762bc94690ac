-- An id counts for the one who sent it: whoever sends the id of another's next event must not swallow that event.
-- The empty source: nobody whom we know has signed it.
ALTER TABLE inbox ADD COLUMN source text NOT NULL DEFAULT '';
ALTER TABLE inbox DROP CONSTRAINT inbox_pkey, ADD PRIMARY KEY (consumer, source, event_id);
