-- name: insert_filter_keys
INSERT INTO filter_key (digest, language, source, licences)
SELECT k.digest, k.language, k.source, ARRAY(SELECT jsonb_array_elements_text(k.licences))
FROM unnest($1::bytea[], $2::text[], $3::text[], $4::jsonb[]) AS k (digest, language, source, licences)
ORDER BY k.digest
ON CONFLICT (digest) DO NOTHING

-- name: filter_keys
SELECT id, digest FROM filter_key WHERE digest = ANY ($1::bytea[])

-- name: insert
-- Creates the missing ones and returns them. An insert that conflicts uses up an id, so only a value that another
-- transaction creates at the same moment conflicts.
INSERT INTO value (dimension, text, label)
SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[]) AS v (dimension, text, label)
WHERE NOT EXISTS (SELECT FROM value AS x WHERE x.dimension = v.dimension AND x.text = v.text)
ORDER BY v.dimension, v.text
ON CONFLICT (dimension, text) DO NOTHING
RETURNING id, dimension, text

-- name: find
SELECT v.id, v.dimension, v.text
FROM value AS v JOIN unnest($1::smallint[], $2::text[]) AS w (dimension, text) USING (dimension, text)

-- name: delete_unreferenced
-- Deletes the text of values under which nothing is counted.
DELETE FROM value WHERE id = ANY ($1::bigint[]) AND refs = 0

-- name: texts
SELECT id, text, label FROM value WHERE id = ANY ($1::bigint[])
