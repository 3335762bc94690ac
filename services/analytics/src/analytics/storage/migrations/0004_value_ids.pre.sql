-- Numbers are taken also by what turns out to be known: four bytes are used up in days.
ALTER TABLE value ALTER COLUMN id TYPE bigint;
ALTER TABLE cell ALTER COLUMN id TYPE bigint;
ALTER TABLE facet ALTER COLUMN cell_id TYPE bigint, ALTER COLUMN source_id TYPE bigint,
    ALTER COLUMN topic_ids TYPE bigint[];
ALTER TABLE rollup ALTER COLUMN cell_id TYPE bigint, ALTER COLUMN value_id TYPE bigint;
ALTER SEQUENCE value_id_seq AS bigint;
ALTER SEQUENCE cell_id_seq AS bigint;
