"""Compliance's settings."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AnyHttpUrl, Field, IPvAnyNetwork, field_validator, model_validator
from pydantic_settings import NoDecode
from typing_extensions import override

from clawback_common.config.production import needs_file, needs_https
from clawback_common.config.settings import ServiceSettings
from clawback_common.errors import Stop
from clawback_common.http.guarded_client import AddressRules
from clawback_common.retention.archive import ArchiveFolder
from clawback_contracts.holder.v1 import FORGETS_AFTER_H_MAX
from clawback_contracts.revocation.v1 import Reason


class Settings(ServiceSettings):
    """Read from the environment; see ``ServiceSettings``."""

    api_port: int = 8002
    probe_port: int = 8102
    """Of the roles api and worker, unless ``HTTP_PORT`` says otherwise."""
    takedown_deadline_h: float = Field(24, gt=0, le=24 * 365)
    """From the start of the clock to the end of every copy; the licence contract says how long."""
    takedown_deadlines_h: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")],
            Annotated[float, Field(gt=0, le=24 * 365)],
        ],
        NoDecode,
    ] = Field(default_factory=dict)
    """The same by reason, where it is another: ``court_order=6,erasure_request=12``, or a JSON object. A reason that is
    named here may be given in a notice over HTTP, beside the known ones."""
    compliance: Literal["mock", "required"] = "mock"
    """mock: what is said here is no evidence, and says so."""
    revocation_feeds: str = ""
    """Names of the ingester's feeds that a run polls, with commas; empty: all that it has of the kind 'revoked'."""
    ingester_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8001")
    ingester_api_key_file: Path | None = None
    """A key with the role operator, for the poll of a feed."""
    stores: Annotated[dict[str, AnyHttpUrl], NoDecode] = Field(
        default_factory=lambda: {
            "ingester": AnyHttpUrl("http://127.0.0.1:8001/api/v1/ingester/holdings"),
            "analytics": AnyHttpUrl("http://127.0.0.1:8003/api/v1/analytics/holdings"),
        }
    )
    """Where our own stores answer whether ids are held, by holder: ``name=address`` with commas, or a JSON object."""
    holder_networks: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = ()
    """Beyond development, holders answer for their holdings at public addresses or in these networks alone."""
    stores_api_key_file: Path | None = None
    """A key that our own stores accept for that question; it is sent to the addresses of ``STORES`` and to no other."""
    kafka_forgets_after_h: float = Field(8, gt=0, le=FORGETS_AFTER_H_MAX)
    """Content is off the brokers after 7 hours: 6 h, segments of 30 min, deletion; and an hour of margin."""
    expiry_holders: Annotated[dict[str, Annotated[float, Field(gt=0, le=FORGETS_AFTER_H_MAX)]], NoDecode] = (
        Field(default_factory=dict)
    )
    """Other copies that disappear by age, such as backups: ``name=hours`` with commas, or a JSON object."""
    poll_timeout_s: float = Field(900, gt=0)
    """One pass over a feed may drain a backlog at the provider's pace."""
    bulk_approval_threshold: int = Field(500, ge=1, le=10_000)
    """Articles that one subject may have revoked, or reinstate, alone in the window, over all entries together."""
    bulk_approval_window_h: float = Field(24, gt=0, le=24 * 31)
    request_expiry_h: float = Field(168, gt=0, le=24 * 90)
    """How long a request waits for a second person. What it withheld stays withheld after that, and is alerted."""
    mass_revocation_share: float = Field(0.1, gt=0, le=1)
    """Of the articles that are held: more revoked by one feed within the window are alerted at once."""

    archive_url: str | None = None
    """``file:///`` and a folder, where records go before they are removed for their age. None: they stay."""

    @property
    def address_rules(self) -> AddressRules:
        """Where questions to holders may lead."""
        return AddressRules(self.environment != "development", self.holder_networks)

    @field_validator("holder_networks", mode="before")
    @classmethod
    def _read_networks(cls, written: object) -> object:
        if not isinstance(written, str):
            return written
        return [one.strip() for one in written.split(",") if one.strip()]

    @property
    def archive_folder(self) -> ArchiveFolder | None:
        """Where records are archived."""
        return ArchiveFolder.at(self.archive_url) if self.archive_url else None

    @field_validator("archive_url")
    @classmethod
    def _archive_is_a_folder(cls, url: str | None) -> str | None:
        try:
            if url is not None:
                ArchiveFolder.at(url)
        except Stop as error:
            raise ValueError(str(error)) from None
        return url

    @property
    def mock(self) -> bool:
        """Nothing that is said here is evidence."""
        return self.compliance == "mock"

    @property
    def feed_names(self) -> tuple[str, ...]:
        """The revocation feeds by name; empty: ask the ingester."""
        return tuple(name.strip() for name in self.revocation_feeds.split(",") if name.strip())

    @field_validator("stores", "expiry_holders", "takedown_deadlines_h", mode="before")
    @classmethod
    def _read_pairs(cls, written: object) -> object:
        if not isinstance(written, str):
            return written
        if not written.lstrip().startswith("{"):
            return dict(one.strip().partition("=")[::2] for one in written.split(",") if one.strip())
        try:
            return json.loads(written)
        except json.JSONDecodeError:
            raise ValueError("neither name=value with commas nor a JSON object") from None

    @property
    def known_reasons(self) -> tuple[str, ...]:
        """What a notice over HTTP may give as its reason."""
        return tuple(dict.fromkeys([*(one.value for one in Reason), *self.takedown_deadlines_h]))

    @override
    def unsafe(self) -> Iterator[str]:
        yield from super().unsafe()
        if self.mock:
            yield "COMPLIANCE=required"
        yield from needs_https("INGESTER_URL", self.ingester_url)
        for name, address in self.stores.items():
            yield from needs_https(f"STORES ({name})", address)
        yield from needs_file("INGESTER_API_KEY_FILE", self.ingester_api_key_file)
        yield from needs_file("STORES_API_KEY_FILE", self.stores_api_key_file)

    @model_validator(mode="after")
    def _required_compliance_is_configured(self) -> Self:
        if not self.mock:
            missing = [
                name
                for name, absent in (
                    ("REVOCATION_FEEDS", not self.feed_names),
                    ("TAKEDOWN_DEADLINE_H", "takedown_deadline_h" not in self.model_fields_set),
                )
                if absent
            ]
            if missing:
                raise ValueError(f"COMPLIANCE=required needs {' and '.join(missing)} to be set")
        return self
