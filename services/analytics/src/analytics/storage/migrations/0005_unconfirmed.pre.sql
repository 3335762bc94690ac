-- An order on it does not follow the last one that was applied, and compliance was not asked yet.
ALTER TABLE facet ADD COLUMN unconfirmed boolean NOT NULL DEFAULT false;
