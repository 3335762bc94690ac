-- When the last pass over a feed ended, by the clock of the database, so that the next one is due once for all processes.
ALTER TABLE feed
    ADD COLUMN last_pass_at  timestamptz,
    ADD COLUMN failed_passes integer NOT NULL DEFAULT 0;
