-- When the record arrived: its own time on the broker or of the request, which no later attempt changes.
ALTER TABLE quarantine ADD COLUMN arrived_at timestamptz;
