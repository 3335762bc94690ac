"""The topics as files: who writes and reads each, keyed by what, kept for how long.

The files travel in the wheel; a checkout reads ``contracts/topics``. No event model is imported here.
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
"""Same topics, other times and replicas; ``residue`` forgets within seconds, so that it can be watched."""

OUTSIDE = frozenset({"upstream", "downstream"})
"""Writers that are not our services: many parties, who sign with keys of their own."""

ProfileName = Literal["production", "local", "residue"]

_OF_WRITER = re.compile(r"([a-z][a-z0-9-]*)\.([a-z][a-z0-9-]{0,31})\.(v[1-9][0-9]*)")
_MILLIS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"([1-9][0-9]{0,5}) (s|min|h|d)")


def _milliseconds(written: object) -> object:
    """Reads ``30 min`` as 1,800,000; anything else is refused in words."""
    found = _DURATION.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise ValueError("write a duration as a number, a space and s, min, h or d, such as '30 min'")
    return int(found[1]) * _MILLIS[found[2]]


Duration = Annotated[int, BeforeValidator(_milliseconds)]


class _Written(BaseModel):
    """What a person wrote in a file: a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Profile(_Written):
    """How one environment keeps a topic. Times in milliseconds, as Kafka takes them."""

    partitions: int = Field(ge=1)
    replicas: int = Field(ge=1)
    min_insync_replicas: int = Field(ge=1)
    retention: Duration
    segment: Duration
    """A record may stay this much longer than the retention: Kafka forgets whole segments."""
    file_delete_delay: Duration
    """And its bytes this much longer on the disk."""
    max_message_bytes: int = Field(ge=65_536)
    """Of one batch as it travels, compressed."""


class Topic(_Written):
    """One topic: its place in the flow and, a profile, how it is kept."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)?\.v[1-9][0-9]*$")
    description: str = Field(min_length=20)
    owner: str
    writers: tuple[str, ...] = Field(min_length=1)
    readers: tuple[str, ...] = Field(min_length=1)
    key: str
    """The event's field that is the Kafka key: one key, one partition, one order."""
    content: bool
    """Whether values carry content; it must then be off the brokers within hours."""
    events: tuple[str, ...] = Field(min_length=1)
    """The CloudEvents types that may stand on it."""
    profiles: dict[ProfileName, Profile]
    per_writer: bool = False
    """In production each writer has a topic of its own: its name between this one's and the version, and nobody else
    may write it. So the topic says whom a record is from."""

    def of_writer(self, writer: str) -> "Topic":
        """The topic of one writer alone."""
        name, _, version = self.name.rpartition(".")
        return self.model_copy(
            update={"name": f"{name}.{writer}.{version}", "writers": (writer,), "per_writer": False}
        )

    @property
    def signers(self) -> frozenset[str]:
        """Whose signature each record carries, where our own services alone write and no content is carried."""
        own = not self.content and not OUTSIDE.intersection(self.writers)
        return frozenset(self.writers) if own else frozenset()

    def partitions(self, profile: ProfileName) -> int:
        """How many partitions it is made with."""
        return self.profiles[profile].partitions

    def replicas(self, profile: ProfileName) -> int:
        """Its replication factor."""
        return self.profiles[profile].replicas

    def config(self, profile: ProfileName) -> dict[str, str]:
        """Its settings under Kafka's own keys, as an admin client takes and describes them."""
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
    """Every topic by name. A file that breaks the rules raises ``ValueError`` and names itself."""
    return dict(_loaded())


def topic_named(name: str) -> Topic | None:
    """A topic, also one of a single writer; None when no file speaks of it."""
    if name in load_topics():
        return load_topics()[name]
    found = _OF_WRITER.fullmatch(name)
    shared = load_topics().get(f"{found[1]}.{found[3]}") if found else None
    return shared.of_writer(found[2]) if found and shared and shared.per_writer else None


@cache
def _loaded() -> dict[str, Topic]:
    return read_topics(folder())


def folder() -> Traversable:
    """Where the files are: in the installed package, else in the checkout that this module is part of."""
    packaged = files("clawback_contracts") / "_topics"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "topics"


def read_topics(source: Traversable) -> dict[str, Topic]:
    """Reads every ``*.yaml`` of a folder, by name of topic; no file at all is an error."""
    topics = {topic.name: topic for topic in _read(source.iterdir())}
    if not topics:
        raise ValueError(f"no topic in {source}")
    return topics


def _read(entries: Iterable[Traversable]) -> Iterable[Topic]:
    for file in sorted((entry for entry in entries if entry.name.endswith(".yaml")), key=lambda it: it.name):
        try:
            topic = Topic.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
        except (ValueError, yaml.YAMLError) as error:
            raise ValueError(f"{file.name}: {error}") from error
        if file.name != f"{topic.name}.yaml" or set(topic.profiles) != set(PROFILES):
            raise ValueError(f"{file.name}: must be named as its topic, and have the profiles {PROFILES}")
        yield topic
