"""The settings of compliance."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    AnyHttpUrl,
    Field,
    IPvAnyNetwork,
    model_validator,
)
from typing_extensions import override

from clawback_common.config.production import needs_file, needs_https
from clawback_common.config.settings import ServiceSettings
from clawback_common.config.values import Listed, Pairs
from clawback_common.http.guarded_client import AddressRules
from clawback_common.retention.archive import ArchiveStore, checked_url
from clawback_contracts.holder.v1 import FORGETS_AFTER_H_MAX
from clawback_contracts.revocation.v1 import Reason


class Settings(ServiceSettings):
    """The settings, read from the environment; see ``ServiceSettings``."""

    api_port: int = 8002
    probe_port: int = 8102
    """The port of the roles api and worker, unless ``HTTP_PORT`` is set."""
    takedown_deadline_h: float = Field(24, gt=0, le=24 * 365)
    """Hours from the start of the clock to the removal of every copy; set it to the term of the licence contract."""
    takedown_deadlines_h: Pairs[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], Annotated[float, Field(gt=0, le=24 * 365)]
    ] = Field(default_factory=dict)
    """Deadlines of the reasons that differ: ``court_order=6,erasure_request=12``, or a JSON object. A reason named here
    may be used in a notice over HTTP, in addition to the known reasons."""
    compliance: Literal["mock", "required"] = "mock"
    """mock: results are labelled as not being evidence."""
    revocation_feeds: str = ""
    """The ingester's feeds that a run polls, separated by commas; empty: all its feeds of the kind 'revoked'."""
    ingester_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8001")
    ingester_api_key_file: Path | None = None
    """A key with the role poller, to poll feeds."""
    stores: Pairs[str, AnyHttpUrl] = Field(
        default_factory=lambda: {
            "ingester": AnyHttpUrl("http://127.0.0.1:8001/api/v1/ingester/holdings"),
            "analytics": AnyHttpUrl("http://127.0.0.1:8003/api/v1/analytics/holdings"),
        }
    )
    """The addresses at which our own stores answer questions about holdings: ``name=address,…``, or a JSON object."""
    holder_networks: Listed[IPvAnyNetwork] = ()
    """Outside development, a holder's address must be public or in one of these networks."""
    stores_api_key_file: Path | None = None
    """A key that our own stores accept for questions about holdings; it is sent only to the addresses in ``STORES``."""
    kafka_content_retention_h: float = Field(8, gt=0, le=FORGETS_AFTER_H_MAX)
    """Content is deleted from the brokers after 7 hours: 6 h retention, segments of 30 min, deletion. One hour is
    margin."""
    expiry_holders: Pairs[str, Annotated[float, Field(gt=0, le=FORGETS_AFTER_H_MAX)]] = Field(
        default_factory=dict
    )
    """Other copies that are deleted by age, such as backups: ``name=hours,…``, or a JSON object."""
    poll_timeout_s: float = Field(900, gt=0)
    """The timeout of one poll, which may read a backlog at the provider's rate limit."""
    bulk_approval_threshold: int = Field(500, ge=1, le=10_000)
    """Articles that one subject may revoke, or reinstate, alone within the window, over all its requests together."""
    bulk_approval_window_h: float = Field(24, gt=0, le=24 * 31)
    request_expiry_h: float = Field(168, gt=0, le=24 * 90)
    """How long a request waits for a second person. After that its articles stay withheld, and an alert is raised."""
    mass_revocation_share: float = Field(0.1, gt=0, le=1)
    """Share of the articles held: if one feed revokes more within the window, an alert is raised at once."""

    archive_url: Annotated[str, AfterValidator(checked_url)] | None = None
    """``file:///folder``, ``s3://bucket/prefix`` or ``gs://bucket/prefix``, where records are archived before they are
    deleted. None: they are never deleted."""
    aws_endpoint_url: AnyHttpUrl | None = Field(
        None, validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    )
    """The S3 server that is not Amazon's; the library of the archive reads the same variables."""

    @property
    def address_rules(self) -> AddressRules:
        """Returns the rules for addresses of holders."""
        return AddressRules(self.environment != "development", self.holder_networks)

    @property
    def archive_store(self) -> ArchiveStore | None:
        """Returns the store for archives."""
        tls_only = self.environment != "development"
        return ArchiveStore(self.archive_url, tls_only=tls_only) if self.archive_url else None

    @property
    def mock(self) -> bool:
        """Returns whether results are labelled as not being evidence."""
        return self.compliance == "mock"

    @property
    def feed_names(self) -> tuple[str, ...]:
        """Returns the configured revocation feeds; empty: the ingester lists them."""
        return tuple(name.strip() for name in self.revocation_feeds.split(",") if name.strip())

    @property
    def known_reasons(self) -> tuple[str, ...]:
        """Returns the reasons that a notice over HTTP may have."""
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
        if self.aws_endpoint_url and (self.archive_url or "").startswith("s3:"):
            yield from needs_https("AWS_ENDPOINT_URL", self.aws_endpoint_url)

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
