-- The public keys with which a holder signs its receipts, by the id that a signature names.
ALTER TABLE holder ADD COLUMN signing_keys jsonb NOT NULL DEFAULT '{}';
