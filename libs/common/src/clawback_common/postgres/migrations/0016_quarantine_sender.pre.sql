-- Who signed a record that could not be used: its sender may ask what became of it.
ALTER TABLE quarantine ADD COLUMN sender text;
