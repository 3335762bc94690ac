-- name: save
-- Replaces all classes.
WITH gone AS (DELETE FROM policy_in_force WHERE data_class <> ALL ($1::text[]))
INSERT INTO policy_in_force (data_class, terms, noted_at)
SELECT one.data_class, one.terms, $3
FROM unnest($1::text[], $2::text[]) AS one (data_class, terms)
ON CONFLICT (data_class) DO UPDATE SET terms = excluded.terms, noted_at = excluded.noted_at

-- name: in_force
SELECT data_class, terms FROM policy_in_force
