-- Orders that do not follow the last one that was applied, until their issuer has been asked: one row an article, the
-- greatest number. A row goes with the answer.
CREATE TABLE unconfirmed_order (
    article_id    text        PRIMARY KEY,
    order_no      bigint      NOT NULL,
    revocation_id uuid        NOT NULL,
    traceparent   text,
    seen_at       timestamptz NOT NULL,
    next_ask_at   timestamptz NOT NULL
);
CREATE INDEX unconfirmed_order_due ON unconfirmed_order (next_ask_at);
