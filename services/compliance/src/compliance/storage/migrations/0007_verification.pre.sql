-- Articles that a store calls gone although they must be held there, since when. At most a few of each store.
CREATE TABLE control_missing (
    store         text        NOT NULL,
    article_id    text        NOT NULL,
    missing_since timestamptz NOT NULL,
    PRIMARY KEY (store, article_id)
);

-- A holder that still held what it reported removed is sent the order again from then on, and not before.
ALTER TABLE obligation ADD COLUMN resend_at timestamptz;

-- Credentials do not belong into an address, which everybody who reads holders sees.
UPDATE holder SET holdings_url = regexp_replace(holdings_url, '^([a-z]+://)[^/?#]*@', '\1')
WHERE holdings_url ~ '^[a-z]+://[^/?#]*@';
UPDATE holder_change
SET now = jsonb_set(now, '{holdings_url}', to_jsonb(regexp_replace(now ->> 'holdings_url', '^([a-z]+://)[^/?#]*@', '\1')))
WHERE now ->> 'holdings_url' ~ '^[a-z]+://[^/?#]*@';
