-- How many notifications each source of alerts has had in each hour, so that nobody floods those who are notified.
CREATE TABLE notification_budget (
    source           text        NOT NULL,
    hour             timestamptz NOT NULL,
    used             integer     NOT NULL,
    first_refused_at timestamptz,
    summarised_at    timestamptz,
    PRIMARY KEY (source, hour)
) WITH (fillfactor = 70);
CREATE INDEX notification_budget_unsummarised ON notification_budget (first_refused_at)
WHERE first_refused_at IS NOT NULL AND summarised_at IS NULL;
