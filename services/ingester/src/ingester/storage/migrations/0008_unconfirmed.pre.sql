-- An order on it does not follow the last one that was applied, and compliance was not asked yet.
ALTER TABLE article ADD COLUMN unconfirmed boolean NOT NULL DEFAULT false;
