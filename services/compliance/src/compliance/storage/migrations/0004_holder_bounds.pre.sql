-- Every order reckons with this number: out of bounds, it would stop all takedowns.
UPDATE holder SET forgets_after_h = 87600 WHERE forgets_after_h > 87600;
ALTER TABLE holder ADD CONSTRAINT holder_forgets_after_h_max CHECK (forgets_after_h <= 87600);
