"""Settings that every process reads from the environment. A service adds its own in a subclass."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, IPvAnyNetwork, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from typing_extensions import override

from clawback_common.config.production import needs_file, needs_safe_postgres, needs_safe_redis, needs_secret
from clawback_common.config.values import Listed, Pairs
from clawback_common.http.rate_limits.limit import WrittenLimit

Environment = Literal["development", "staging", "production"]
MethodAndPrefix = Annotated[str, Field(pattern=r"^(GET|POST|PUT|PATCH|DELETE) /[A-Za-z0-9/._-]*$")]


class BrokerSettings(BaseSettings):
    """Settings of a Kafka client. Frozen. The environment variable is the field's name in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    environment: Environment = "development"
    tls_cafile: Path | None = None
    """PEM file of certificate authorities that every client of the process trusts, in addition to the system's."""
    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: Path | None = None
    """Certificate authorities trusted for the broker, instead of all others."""
    kafka_ssl_certfile: Path | None = None
    kafka_ssl_keyfile: Path | None = None
    """Client certificate and key, PEM: the authentication with the protocol SSL."""
    topic_profile: Literal["production", "local", "residue"] = "local"

    def unsafe(self) -> Iterator[str]:
        """Yield what this process needs outside development and does not have; a subclass adds its own."""
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
    """Settings of every process of a service."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] | None = None
    """None: text on a terminal, JSON otherwise."""

    kafka_session_timeout_ms: int = 6_000
    """30000 in production. A shorter timeout reassigns a killed worker's partitions sooner."""
    kafka_heartbeat_interval_ms: int = 500
    """3000 in production. With it, a second member of a group waits 3 s for its partitions."""
    kafka_compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "none"
    """Compression of the records that this process sends. Every Kafka client reads ``none`` and ``gzip``. Some, such as
    kafkajs, need an extra package for each of the others: agree on the codec with all consumers."""
    stall_after_records: int = Field(5, ge=2)
    """A lane stalls and raises an alert after this many consecutive records that fail in the same way."""
    check_topics: bool = True
    """Compare the broker's topics with the contract before consuming."""

    database_url: SecretStr = SecretStr("")
    postgres_max_connections: int = Field(10, ge=6, le=100)
    """Per process. Each consumer uses one connection while it works, and a worker one for each lease that it holds."""

    enable_auth: bool = False
    """Requires an API key for reads too; commands always require one."""
    api_keys_file: Path | None = None
    """Hashes of API keys, and public keys of the parties that sign records."""
    signing_key_file: Path | None = None
    """The private key (Ed25519, PEM) with which a worker signs its records; required outside development."""
    http_host: str = "127.0.0.1"
    http_port: int = 0
    """0: any free port. The local stack and the manifests set it."""
    http_tls_certfile: Path | None = None
    http_tls_keyfile: Path | None = None
    """Certificate chain and key, PEM, for HTTPS of APIs and probes; reloaded when the files are replaced."""
    http_tls_terminated: bool = False
    """TLS ends at a proxy, which alone can reach this process. It serves plain HTTP, also outside development."""
    redis_url: SecretStr | None = None
    """``redis://host:port/database``: the rate limits of all replicas. None: each process limits alone."""
    trusted_proxies: Listed[IPvAnyNetwork] = ()
    """Networks of the proxies whose ``X-Forwarded-For`` is believed."""
    rate_limit_global_rps: float = Field(16.67, gt=0, le=1e6)
    """Ordinary reads of all clients together, per second: 1,000 per minute."""
    rate_limit_per_ip_rps: float = Field(1.67, gt=0, le=1e6)
    """Ordinary requests of one client, per second: 100 per minute. A client is a key's subject, else an address."""
    rate_limit_burst: int = Field(10, ge=1, le=1_000_000)
    """Requests that every limit allows at once, at least; a higher one allows a tenth of its requests per minute."""
    rate_limit_paths: Pairs[MethodAndPrefix, WrittenLimit] = Field(default_factory=dict)
    """Limits by method and path prefix, such as ``POST /api/v1/submissions=webhook``: a preset, or requests per
    minute. Each has buckets of its own."""
    rate_limit_subjects: Pairs[str, WrittenLimit] = Field(default_factory=dict)
    """Limits by subject of an API key, such as ``acme=lenient,bench=60000``. The ordinary reads of these subjects do
    not count in the limit of all clients."""
    sweep_age_min_d: Pairs[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Days by data class, such as ``articles=30,alerts=7``. Younger records are never deleted, whoever requests it. A
    class that is not listed has its own minimum, 30 days for most."""
    drain_timeout_s: float = Field(20, gt=0)
    """Time from SIGTERM to exit, in which the process finishes its current work."""

    otel_exporter_otlp_endpoint: str | None = None
    otel_service_name: str | None = None

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
        yield from needs_safe_redis("REDIS_URL", self.redis_url.get_secret_value() if self.redis_url else "")
        if self.http_tls_certfile is None and not self.http_tls_terminated:
            yield "HTTP_TLS_CERTFILE and HTTP_TLS_KEYFILE, or HTTP_TLS_TERMINATED=true"
        for name in ("http_tls_certfile", "http_tls_keyfile"):
            path: Path | None = getattr(self, name)
            if path is not None:
                yield from needs_file(name.upper(), path)


class ServiceSettings(CommonSettings):
    """Settings of the processes of one service, with the default ports of the service."""

    api_port: int
    probe_port: int
    """Default ports of the roles api and worker; ``HTTP_PORT`` overrides them."""
