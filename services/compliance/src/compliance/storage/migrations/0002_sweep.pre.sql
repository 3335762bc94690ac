-- Records that are archived and go by age: found without reading the whole table, and by who refers to them.
CREATE INDEX revocation_lifts ON revocation (lifts) WHERE lifts IS NOT NULL;
CREATE INDEX revocation_closed ON revocation (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX poll_notice_notice ON poll_notice (notice_id);
CREATE INDEX receipt_age ON receipt (received_at);
