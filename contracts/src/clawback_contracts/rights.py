"""The ACLs of each party at the broker, derived from the writers and readers in the topic files.

Consumer groups of a party start with its name. ``python -m clawback_common.kafka provision --grant`` grants these ACLs
to a user.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from clawback_contracts.topics import OUTSIDE, Topic, load_topics

Resource = Literal["topic", "group"]
Pattern = Literal["literal", "prefixed"]
Operation = Literal["read", "write", "describe", "describe_configs"]

ALL = "*"


class Right(NamedTuple):
    """One ACL without its user: Kafka's ``allow``, from any host."""

    resource: Resource
    name: str
    pattern: Pattern
    operation: Operation


DESCRIBED = {
    "compliance": (
        Right("group", ALL, "literal", "describe"),
        Right("topic", "articles.v1", "literal", "describe"),
    ),
    "alerting": (Right("group", ALL, "literal", "describe"), Right("topic", ALL, "literal", "describe")),
}
"""Compliance reads the consumer groups of the content topic, alerting the lag of every group."""


def rights(party: str, name: str | None = None) -> list[Right]:
    """Return the ACLs that a party needs, and no more.

    Args:
        party: a service of ours, ``upstream`` or ``downstream``.
        name: the writer name in an upstream system's own topics, or the prefix of a downstream system's groups; by
            default the party's own name.

    Raises:
        KeyError: no topic has such a party.
    """
    topics = load_topics().values()
    if not any(party in (*topic.writers, *topic.readers) for topic in topics):
        raise KeyError(party)
    own = name or party
    return list(dict.fromkeys(_rights(party, own)))


def _rights(party: str, own: str) -> Iterator[Right]:
    reads = False
    for topic in load_topics().values():
        if party in topic.writers:
            written = topic.of_writer(own) if topic.per_writer and party in OUTSIDE else topic
            yield Right("topic", written.name, "literal", "write")
        if party in topic.readers:
            reads = True
            yield from _reading(topic)
    if reads:
        yield Right("group", own, "prefixed", "read")
    yield from DESCRIBED.get(party, ())


def _reading(topic: Topic) -> Iterator[Right]:
    """Return the rights of a reader. Workers compare topics with the contract, so they also describe configurations."""
    yield Right("topic", topic.name, "literal", "read")
    yield Right("topic", topic.name, "literal", "describe_configs")
    if topic.per_writer:
        prefix = topic.name.rpartition(".")[0] + "."
        yield Right("topic", prefix, "prefixed", "read")
        yield Right("topic", prefix, "prefixed", "describe_configs")
