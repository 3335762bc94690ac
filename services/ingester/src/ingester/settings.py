"""The settings of the ingester."""

import os
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode
from typing_extensions import override

from clawback_common.config.production import needs_file, needs_https, needs_secret
from clawback_common.config.settings import ServiceSettings
from clawback_common.config.yaml_file import Loc, one_each, read_file, read_text
from clawback_contracts.article.v1 import ArticleSubmitted
from clawback_contracts.topics import topic_named

SIMULATOR = {(host, 8010) for host in ("127.0.0.1", "localhost", "[::1]", "simulator")}
"""The documented addresses of the provider's simulator, on loopback and between containers."""
SHARED_SUBMISSIONS = ArticleSubmitted.TOPIC
FeedKind = Literal["articles", "revoked"]
UNIT_S = {"s": 1.0, "m": 60.0, "h": 3_600.0}
EVERY_S = {("articles", "premium"): 900.0, ("articles", "free"): 86_400.0}


def _shared_topic() -> dict[str, tuple[str, ...]]:
    return {SHARED_SUBMISSIONS: ("upstream",)}


class FeedSettings(BaseModel):
    """One feed in the file ``FEEDS``."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    kind: FeedKind
    provider: str = "metabase"
    key: str = "default"
    """The name of the provider's key: feeds with the same name share its rate limit."""
    tier: Literal["premium", "free"] = "premium"
    every: str | None = Field(None, pattern=r"^[0-9]+(\.[0-9]+)?[smh]$")
    """The interval, such as ``15m``. None: premium 15 min, free 24 h, revocations hourly."""
    limit: int | None = Field(None, ge=1, le=10_000)
    unpaged: bool = False
    """This provider's list of revocations has no cursor and is always complete. Without a cursor nothing else shows
    that a list is complete, so it does not count as complete unless this is set."""

    @override
    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Excludes the options: an address among them may contain a secret."""
        yield from ((name, getattr(self, name)) for name in type(self).model_fields)

    @property
    def options(self) -> dict[str, Any]:
        """Returns the remaining fields of the entry, which its provider reads and checks."""
        return dict(self.model_extra or {})

    @property
    def interval_s(self) -> float:
        """Returns the seconds between two polls."""
        if self.every is not None:
            return float(self.every[:-1]) * UNIT_S[self.every[-1]]
        return EVERY_S.get((self.kind, self.tier), 3_600.0)


class _Feeds(BaseModel):
    model_config = ConfigDict(extra="forbid")

    feeds: tuple[FeedSettings, ...]


def _feeds_of(file: Path) -> tuple[FeedSettings, ...]:
    """Returns the feeds of a file; none if it is empty.

    Raises:
        FileError: The file is invalid; the text names every error with its line.
    """
    read: _Feeds | None = read_file(file, cast("type[_Feeds]", _Feeds | None), _check_feeds)
    return read.feeds if read is not None else ()


def _check_feeds(read: _Feeds | None) -> Iterator[tuple[Loc, str]]:
    feeds = read.feeds if read is not None else ()
    return one_each(((("feeds", n, "name"), feed.name) for n, feed in enumerate(feeds)), "feed")


class Settings(ServiceSettings):
    """The settings, read from the environment; see ``ServiceSettings``."""

    api_port: int = 8001
    probe_port: int = 8101
    """The port of the roles api and worker, unless ``HTTP_PORT`` is set."""
    metabase_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8010")
    metabase_api_key: SecretStr = SecretStr("development")
    metabase_pause_s: float = Field(20.0, ge=0)
    """The pause between two calls with one key; the provider refuses an earlier one."""
    metabase_pause_margin: float = Field(0.05, ge=0, le=1)
    """The share of the pause that is added to it, because clocks run at different speeds."""
    metabase_limit: int = Field(500, ge=1, le=500)
    metabase_slices: int = Field(1, ge=1, le=16)
    """Clients that share the feed of articles, each with its own cursor. Never change it while feeds are in use."""
    metabase_slice_base: Literal[0, 1] = 0
    """The number of the first slice. The provider does not document it, and refuses a wrong one with code 1010."""
    metabase_format: Literal["xml", "json"] = "xml"
    metabase_window_h: float = Field(72, gt=0)
    """How far back the provider's feed reaches."""
    feeds: Path | None = None
    """A YAML file; None: no feed is polled."""
    webhook_secrets: Path | None = None
    submission_topics: Annotated[dict[str, tuple[str, ...]], NoDecode] = Field(default_factory=_shared_topic)
    """The providers whose articles each topic of submissions may carry: a JSON object, or a YAML file. Outside
    development each upstream system has its own topic, because the topic identifies the sender of a record."""
    compliance_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8002")
    """The address of compliance, to read all orders if our position is before the start of their topic."""
    compliance_api_key_file: Path | None = None
    """A key for these reads; None if they need none."""
    compliance: Literal["mock", "required"] = "mock"
    revocation_feed_stale_after_h: float = Field(25, gt=0)
    """With ``COMPLIANCE=required``: if revocations are unread for longer, nothing is published."""
    store_subscribers: int = Field(3, ge=1, le=16)
    """Batches of submissions that are processed at the same time."""
    store_batch_max: int = Field(500, ge=1, le=500)
    """Submissions per transaction."""

    @cached_property
    def feed_list(self) -> tuple[FeedSettings, ...]:
        """Returns the feeds of the file."""
        return _feeds_of(self.feeds) if self.feeds else ()

    @property
    def window(self) -> timedelta:
        """Returns how far back the provider's feed reaches."""
        return timedelta(hours=self.metabase_window_h)

    @property
    def pause(self) -> timedelta:
        """Returns the time between the end of a call and the next one with the same key."""
        return timedelta(seconds=self.metabase_pause_s * (1 + self.metabase_pause_margin))

    @override
    def unsafe(self) -> Iterator[str]:
        yield from super().unsafe()
        if self.compliance != "required":
            yield "COMPLIANCE=required"
        if SHARED_SUBMISSIONS in self.topics_of_submissions:
            yield "a topic for each upstream system in SUBMISSION_TOPICS, such as article-submissions.acme.v1"
        yield from needs_https("METABASE_URL", self.metabase_url)
        if (self.metabase_url.host, self.metabase_url.port) in SIMULATOR:
            yield "METABASE_URL of the provider (not the simulator's)"
        yield from needs_secret("METABASE_API_KEY", self.metabase_api_key.get_secret_value())
        yield from needs_https("COMPLIANCE_URL", self.compliance_url)
        yield from needs_file("COMPLIANCE_API_KEY_FILE", self.compliance_api_key_file)

    @field_validator("feeds")
    @classmethod
    def _is_a_file_of_feeds(cls, file: Path | None) -> Path | None:
        if file is not None:
            _feeds_of(file)
        return file

    @field_validator("submission_topics", mode="before")
    @classmethod
    def _read_topics(cls, written: object) -> object:
        if not isinstance(written, str):
            return written
        if written.lstrip().startswith("{"):
            return read_text(written, "the JSON object", dict[str, tuple[str, ...]])  # JSON is also YAML
        return read_file(Path(written), dict[str, tuple[str, ...]])

    @field_validator("submission_topics", mode="after")
    @classmethod
    def _are_topics_of_submissions(cls, given: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, providers in given.items():
            topic = topic_named(name)
            if topic is None or ArticleSubmitted.TYPE not in topic.events:
                raise ValueError(f"{name} is not a topic of submissions, such as article-submissions.acme.v1")
            if not providers:
                raise ValueError(f"{name} needs providers: those whose articles it may carry")
        return given

    @property
    def topics_of_submissions(self) -> dict[str, tuple[str, ...]]:
        """Returns the topics to read, with their providers; outside development only explicitly configured ones."""
        if self.environment != "development" and "submission_topics" not in self.model_fields_set:
            return {}
        return self.submission_topics

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        """Refuses an empty key: an empty variable usually counts as unset, which here would be the simulator's key."""
        given = os.environ.get("METABASE_API_KEY", self.metabase_api_key.get_secret_value())
        if not given.strip():
            raise ValueError(
                "METABASE_API_KEY is empty: set the provider's key, or unset the variable to use the "
                "simulator's"
            )
        return self

    @model_validator(mode="after")
    def _required_compliance_has_a_feed(self) -> Self:
        if self.compliance == "required" and not any(feed.kind == "revoked" for feed in self.feed_list):
            raise ValueError("COMPLIANCE=required needs a feed of kind 'revoked' in FEEDS")
        return self
