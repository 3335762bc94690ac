"""The topics as files: writers, readers, keys, and retention times of each.

The wheel contains the files; a checkout reads ``contracts/topics``. This module imports no event model.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

PROFILES = ("production", "local", "residue")
"""The same topics with other times and replication; ``residue`` deletes within seconds, so that it can be observed."""

OUTSIDE = frozenset({"upstream", "downstream"})
"""Writers that are not our services: many parties, who sign with their own keys."""

ProfileName = Literal["production", "local", "residue"]

_OF_WRITER = re.compile(r"([a-z][a-z0-9-]*)\.([a-z][a-z0-9-]{0,31})\.(v[1-9][0-9]*)")
_MILLIS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"([1-9][0-9]{0,5}) (s|min|h|d)")


def _milliseconds(written: object) -> object:
    """Read ``30 min`` as 1,800,000; reject anything else with an explanation."""
    found = _DURATION.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise ValueError("write a duration as a number, a space and s, min, h or d, such as '30 min'")
    return int(found[1]) * _MILLIS[found[2]]


Duration = Annotated[int, BeforeValidator(_milliseconds)]


class _Written(BaseModel):
    """Data from a file written by hand; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Profile(_Written):
    """How one environment keeps a topic. Times are in milliseconds, as in Kafka."""

    partitions: int = Field(ge=1)
    replicas: int = Field(ge=1)
    min_insync_replicas: int = Field(ge=1)
    retention: Duration
    segment: Duration
    """A record may stay this much longer than the retention time, because Kafka deletes whole segments."""
    file_delete_delay: Duration
    """Its bytes stay this much longer on the disk."""
    max_message_bytes: int = Field(ge=65_536)
    """The limit of one batch, compressed."""


class Topic(_Written):
    """One topic: its writers and readers and, per profile, how it is kept."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)?\.v[1-9][0-9]*$")
    description: str = Field(min_length=20)
    owner: str
    writers: tuple[str, ...] = Field(min_length=1)
    readers: tuple[str, ...] = Field(min_length=1)
    key: str
    """The event's field that is the Kafka key: events with the same key are in one partition, in order."""
    content: bool
    """Whether values contain content, which must be deleted from the brokers within hours."""
    events: tuple[str, ...] = Field(min_length=1)
    """The CloudEvents types that the topic may contain."""
    profiles: dict[ProfileName, Profile]
    per_writer: bool = False
    """In production each writer has its own topic, with its name between the topic's name and the version. Nobody else
    may write it, so the topic identifies the sender of a record."""

    def of_writer(self, writer: str) -> "Topic":
        """Return the topic of a single writer."""
        name, _, version = self.name.rpartition(".")
        return self.model_copy(
            update={"name": f"{name}.{writer}.{version}", "writers": (writer,), "per_writer": False}
        )

    @property
    def signers(self) -> frozenset[str]:
        """The services that sign its records, if only our services write the topic and it has no content."""
        own = not self.content and not OUTSIDE.intersection(self.writers)
        return frozenset(self.writers) if own else frozenset()

    def partitions(self, profile: ProfileName) -> int:
        """Return the number of partitions at creation."""
        return self.profiles[profile].partitions

    def replicas(self, profile: ProfileName) -> int:
        """Return the replication factor."""
        return self.profiles[profile].replicas

    def config(self, profile: ProfileName) -> dict[str, str]:
        """Return the settings with Kafka's keys, as an admin client uses them."""
        kept = self.profiles[profile]
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(kept.retention),
            "retention.bytes": "-1",
            "segment.ms": str(kept.segment),
            "file.delete.delay.ms": str(kept.file_delete_delay),
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(kept.max_message_bytes),
            "min.insync.replicas": str(kept.min_insync_replicas),
            "unclean.leader.election.enable": "false",
        }


def load_topics() -> dict[str, Topic]:
    """Return every topic by name. A file that breaks the rules raises ``ValueError`` with its name."""
    return dict(_loaded())


def topic_named(name: str) -> Topic | None:
    """Return a topic, also a single-writer one; None when no file defines it."""
    if name in load_topics():
        return load_topics()[name]
    found = _OF_WRITER.fullmatch(name)
    shared = load_topics().get(f"{found[1]}.{found[3]}") if found else None
    return shared.of_writer(found[2]) if found and shared and shared.per_writer else None


@cache
def _loaded() -> dict[str, Topic]:
    return read_topics(folder())


def folder() -> Traversable:
    """Return the folder of the files: in the installed package, else in the checkout of this module."""
    packaged = files("clawback_contracts") / "_topics"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "topics"


def read_topics(source: Traversable) -> dict[str, Topic]:
    """Read every ``*.yaml`` of a folder, by name of topic; a folder without files is an error."""
    topics = {topic.name: topic for topic in _read(source.iterdir())}
    if not topics:
        raise ValueError(f"no topic file in {source}")
    return topics


def _read(entries: Iterable[Traversable]) -> Iterable[Topic]:
    for file in sorted((entry for entry in entries if entry.name.endswith(".yaml")), key=lambda it: it.name):
        try:
            topic = Topic.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
        except (ValueError, yaml.YAMLError) as error:
            raise ValueError(f"{file.name}: {error}") from error
        if file.name != f"{topic.name}.yaml" or set(topic.profiles) != set(PROFILES):
            raise ValueError(
                f"{file.name}: the file must be named like its topic, and have the profiles {PROFILES}"
            )
        yield topic
