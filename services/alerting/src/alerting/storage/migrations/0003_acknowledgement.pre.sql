-- Why somebody who looks at an alert wants no more reminders of it.
ALTER TABLE alert ADD COLUMN acknowledged_note text;
