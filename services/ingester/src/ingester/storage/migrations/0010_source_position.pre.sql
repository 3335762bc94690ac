-- Two deliveries of one article may have arrived in one millisecond: then their positions in the log decide.
ALTER TABLE article ADD COLUMN source_position bigint NOT NULL DEFAULT 0;
