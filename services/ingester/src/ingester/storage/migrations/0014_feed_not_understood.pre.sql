-- What could not be read in a feed's articles: how many of them, by hour and field, and under '*' those with any such field.
CREATE TABLE feed_not_understood (
    hour     timestamptz NOT NULL,
    feed     text        NOT NULL,
    field    text        NOT NULL,
    articles integer     NOT NULL,
    PRIMARY KEY (hour, feed, field)
);
