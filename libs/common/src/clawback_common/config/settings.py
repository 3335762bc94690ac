"""Settings that every process reads from the environment. A service adds its own in a subclass."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from typing_extensions import override

from clawback_common.config.production import needs_file, needs_safe_postgres, needs_secret

Environment = Literal["development", "staging", "production"]


class BrokerSettings(BaseSettings):
    """What a client of the broker reads. Frozen; a field's name in capitals is its variable. Unit last in the name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    environment: Environment = "development"
    tls_cafile: Path | None = None
    """PEM file of certificate authorities that are trusted besides the system's, by every client in the process."""
    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: Path | None = None
    """The authorities trusted for the broker, in place of all others."""
    kafka_ssl_certfile: Path | None = None
    kafka_ssl_keyfile: Path | None = None
    """A client certificate and its key, PEM: how we authenticate with the protocol SSL."""
    topic_profile: Literal["production", "local", "residue"] = "local"

    def unsafe(self) -> Iterator[str]:
        """What this process needs outside development and does not have; a subclass adds its own."""
        protocol = self.kafka_security_protocol
        if "SSL" not in protocol:
            yield "KAFKA_SECURITY_PROTOCOL with TLS"
        if protocol.startswith("SASL") and not (self.kafka_sasl_username and self.kafka_sasl_password):
            yield "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
        elif self.kafka_sasl_password:
            yield from needs_secret("KAFKA_SASL_PASSWORD", self.kafka_sasl_password.get_secret_value())
        if protocol == "SSL" and self.kafka_ssl_certfile is None:
            yield "KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE, or SASL_SSL with a user"
        for name in ("tls_cafile", "kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile"):
            path: Path | None = getattr(self, name)
            if path is not None:
                yield from needs_file(name.upper(), path)

    @model_validator(mode="after")
    def _certificates_have_keys(self) -> Self:
        for certificate in (name for name in type(self).model_fields if name.endswith("_certfile")):
            key = certificate.replace("_certfile", "_keyfile")
            if (getattr(self, certificate) is None) != (getattr(self, key) is None):
                raise ValueError(f"{certificate.upper()} and {key.upper()} go together")
        return self

    @model_validator(mode="after")
    def _safe_outside_development(self) -> Self:
        if self.environment != "development":
            found = list(self.unsafe())
            if found:
                raise ValueError(f"ENVIRONMENT={self.environment} needs {', '.join(found)}")
        return self


class CommonSettings(BrokerSettings):
    """What every process of a service reads."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] | None = None
    """None: text on a terminal, else json."""

    kafka_session_timeout_ms: int = 6_000
    """30000 in production: below it a killed worker's partitions wait for nobody."""
    kafka_heartbeat_interval_ms: int = 500
    """3000 in production: with it, a second member of a group waits 3 s for its partitions."""
    kafka_compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "none"
    """Of what this process sends. Every Kafka client reads ``none`` and ``gzip``; kafkajs, for one, needs a package of
    its own for each of the others, so agree on them with all who read."""
    stall_after_records: int = Field(5, ge=2)
    """So many records in a row that fail alike, with none handled between: the lane waits and pages."""
    check_topics: bool = True
    """Compare the broker's topics with the contract before consuming."""

    database_url: SecretStr = SecretStr("")
    postgres_max_connections: int = Field(10, ge=6, le=100)
    """Of this process; consumers hold one each while they work, and a worker one for each lease that it holds."""

    enable_auth: bool = False
    """Reads need a key as well; acts always do."""
    api_keys_file: Path | None = None
    """API keys by their hashes, and the public keys of those who sign records."""
    signing_key_file: Path | None = None
    """The private key (Ed25519, PEM) with which a worker signs its records; needed beyond development."""
    http_host: str = "127.0.0.1"
    http_port: int = 0
    """0: any free port; the local stack and the manifests say which."""
    http_tls_certfile: Path | None = None
    http_tls_keyfile: Path | None = None
    """The certificate chain and key with which APIs and probes are served over https, PEM; read again when replaced."""
    http_tls_terminated: bool = False
    """TLS ends at a proxy that alone can reach this process; it serves plain HTTP, also outside development."""
    sweep_age_min_d: Annotated[dict[str, Annotated[float, Field(ge=0)]], NoDecode] = Field(
        default_factory=dict
    )
    """Days, by class of data: ``articles=30,alerts=7``. Younger records are never removed, whoever asks for it. A
    class that is not named has its own minimum, 30 days for most."""
    drain_timeout_s: float = Field(20, gt=0)
    """From SIGTERM to the end; what is in hand is finished."""

    otel_exporter_otlp_endpoint: str | None = None
    otel_service_name: str | None = None

    @field_validator("sweep_age_min_d", mode="before")
    @classmethod
    def _read_ages(cls, written: object) -> object:
        if not isinstance(written, str):
            return written
        return dict(one.strip().partition("=")[::2] for one in written.split(",") if one.strip())

    @override
    def unsafe(self) -> Iterator[str]:
        if not self.enable_auth:
            yield "ENABLE_AUTH=true"
        yield from needs_file("API_KEYS_FILE", self.api_keys_file)
        yield from needs_file("SIGNING_KEY_FILE", self.signing_key_file)
        yield from super().unsafe()
        if not self.check_topics:
            yield "CHECK_TOPICS=true"
        yield from needs_safe_postgres("DATABASE_URL", self.database_url.get_secret_value())
        if self.http_tls_certfile is None and not self.http_tls_terminated:
            yield "HTTP_TLS_CERTFILE and HTTP_TLS_KEYFILE, or HTTP_TLS_TERMINATED=true"
        for name in ("http_tls_certfile", "http_tls_keyfile"):
            path: Path | None = getattr(self, name)
            if path is not None:
                yield from needs_file(name.upper(), path)


class ServiceSettings(CommonSettings):
    """What the processes of a service read beside that; each service has ports of its own."""

    api_port: int
    probe_port: int
    """Of the roles api and worker, unless ``HTTP_PORT`` says otherwise."""
