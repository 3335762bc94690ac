"""What each party may do at the broker: the topic files' writers and readers, as Kafka's access control lists.

Groups of a party begin with its name. ``python -m clawback_common.kafka provision --grant`` gives a user these rights.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from clawback_contracts.topics import OUTSIDE, Topic, load_topics

Resource = Literal["topic", "group"]
Pattern = Literal["literal", "prefixed"]
Operation = Literal["read", "write", "describe", "describe_configs"]

ALL = "*"


class Right(NamedTuple):
    """One entry of an access control list, without the user who has it. Kafka's ``allow``, from any host."""

    resource: Resource
    name: str
    pattern: Pattern
    operation: Operation


LOOKS_AT = {
    "compliance": (
        Right("group", ALL, "literal", "describe"),
        Right("topic", "articles.v1", "literal", "describe"),
    ),
    "alerting": (Right("group", ALL, "literal", "describe"), Right("topic", ALL, "literal", "describe")),
}
"""Compliance looks who reads the content topic, alerting at the lag of every group."""


def rights(party: str, name: str | None = None) -> list[Right]:
    """What a party needs, and no more.

    Args:
        party: a service of ours, ``upstream`` or ``downstream``.
        name: whose topic of its own an upstream system writes, and how groups of a downstream system begin;
            the party's own name when nothing is given.

    Raises:
        KeyError: no topic names such a party.
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
    yield from LOOKS_AT.get(party, ())


def _reading(topic: Topic) -> Iterator[Right]:
    """A worker compares what it reads with the contract, so it describes the configuration too."""
    yield Right("topic", topic.name, "literal", "read")
    yield Right("topic", topic.name, "literal", "describe_configs")
    if topic.per_writer:
        prefix = topic.name.rpartition(".")[0] + "."
        yield Right("topic", prefix, "prefixed", "read")
        yield Right("topic", prefix, "prefixed", "describe_configs")
