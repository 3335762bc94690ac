"""The settings of alerting."""

import warnings
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator, model_validator
from typing_extensions import override

from clawback_common.config.production import needs_file, needs_https
from clawback_common.config.settings import ServiceSettings
from clawback_common.config.values import Pairs

SERVICE_NAMES = ("ingester", "compliance", "analytics", "alerting", "retention")
_SMTP = ("smtp", "smtps", "smtp+starttls")


def _documented() -> dict[str, AnyHttpUrl]:
    """Returns the default addresses of the five services."""
    found = {}
    for number, name in enumerate(SERVICE_NAMES, 1):
        found[name] = AnyHttpUrl(f"http://127.0.0.1:800{number}")
        found[f"{name}-worker"] = AnyHttpUrl(f"http://127.0.0.1:810{number}")
    return found


class Settings(ServiceSettings):
    """Read from the environment; see ``ServiceSettings``."""

    api_port: int = 8004
    probe_port: int = 8104
    """The port of the roles api and worker, unless ``HTTP_PORT`` is set."""
    alert_routes: Path = Path(str(files("alerting").joinpath("routes.example.yaml")))
    """A YAML file: who is notified of what, when, and who has consented. The packaged one is for development."""
    smtp_url: SecretStr = SecretStr("smtp://127.0.0.1:1025?from=alerts@clawback.example")
    """``smtp://``, ``smtp+starttls://`` or ``smtps://``, with user and password where needed, and ``from``."""
    sms_url: SecretStr = SecretStr("http://127.0.0.1:1026/messages")
    """An HTTP gateway that accepts ``{"to", "text", "id"}`` as JSON, or an address of apprise with ``{to}`` in it."""
    send_timeout_s: float = Field(15, gt=0, le=30)
    """The timeout of one attempt by one channel; below the lease of a message."""
    notifications_per_source_h_max: int = Field(60, ge=1, le=10_000)
    """Maximum number of notifications per source and hour. Critical alerts of our own services are not limited."""
    runbooks_url: str = "docs/runbooks"
    """The folder or address of the runbooks, for the text of a notification."""
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6380/0")
    """As for every service; its health is checked here."""
    services: Pairs[str, AnyHttpUrl] = Field(default_factory=_documented)
    """The addresses that health checks: ``name=address`` of each API, ``name-worker=address`` of each worker.

    Separated by commas, or as JSON.
    """
    services_api_key_file: Path | None = None
    """An API key for reading from the other services, where they need one."""
    health_timeout_s: float = Field(2, gt=0, le=30)
    """The timeout of each health check; checks run in parallel."""

    @field_validator("services", mode="after")
    @classmethod
    def _known_services(cls, given: dict[str, AnyHttpUrl]) -> dict[str, AnyHttpUrl]:
        unknown = [name for name in given if name.removesuffix("-worker") not in SERVICE_NAMES]
        if unknown:
            raise ValueError(
                f"{', '.join(unknown)}: unknown; the services are {', '.join(SERVICE_NAMES)}, and NAME-worker"
            )
        return given

    @model_validator(mode="after")
    def _channels_can_be_used(self) -> Self:
        smtp = urlsplit(self.smtp_url.get_secret_value())
        if smtp.scheme not in _SMTP or not smtp.hostname:
            raise ValueError(f"SMTP_URL needs one of the schemes {', '.join(_SMTP)}, and a host")
        sms = urlsplit(self.sms_url.get_secret_value())
        if sms.scheme not in {"http", "https"} and "{to}" not in self.sms_url.get_secret_value():
            raise ValueError("SMS_URL is neither http, https, nor an address with {to} in it")
        return self

    @override
    def unsafe(self) -> Iterator[str]:
        yield from super().unsafe()
        for name in ("alert_routes", "smtp_url", "sms_url"):
            if name not in self.model_fields_set:
                yield f"{name.upper()} to be set"
        if urlsplit(self.smtp_url.get_secret_value()).scheme == "smtp":
            yield "SMTP_URL with TLS"
        if not encrypts(self.sms_url.get_secret_value()):
            yield "SMS_URL with TLS"
        for name, address in self.services.items():
            yield from needs_https(f"SERVICES ({name})", address)
        yield from needs_file("SERVICES_API_KEY_FILE", self.services_api_key_file)


def encrypts(url: str) -> bool:
    """Whether a message to this address is sent with TLS: https, or a service of apprise that uses it.

    Apprise's generic services have two schemes, such as ``json`` and ``jsons``; only the second uses TLS.
    """
    scheme = urlsplit(url).scheme
    if scheme in {"http", "https"}:
        return scheme == "https"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import apprise  # noqa: PLC0415 - takes half a second; not needed in development

        plugin = apprise.Apprise.instantiate(url.replace("{to}", "15550100"))
    if plugin is None:
        return False
    plain = getattr(plugin, "protocol", None) or ()
    return scheme not in ({plain} if isinstance(plain, str) else set(plain))
