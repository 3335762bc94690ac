-- A run counts what its own polls brought; what was open in all at its end stands beside it.
ALTER TABLE run ADD COLUMN open_in_all integer;
