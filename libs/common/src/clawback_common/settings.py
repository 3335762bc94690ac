"""Settings that every process reads from the environment. A service adds its own in a subclass."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Environment = Literal["development", "staging", "production"]


class CommonSettings(BaseSettings):
    """Frozen; a field's name in capitals is its variable. Unit last in the name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    environment: Environment = "development"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] | None = None
    """None: text on a terminal, else json."""

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: Path | None = None
    kafka_session_timeout_ms: int = 6_000
    """30000 in production: below it a killed worker's partitions wait for nobody."""
    kafka_heartbeat_interval_ms: int = 500
    """3000 in production: with it, a second member of a group waits 3 s for its partitions."""
    topic_profile: Literal["production", "local", "residue"] = "local"
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
    drain_timeout_s: float = Field(20, gt=0)
    """From SIGTERM to the end; what is in hand is finished."""

    otel_exporter_otlp_endpoint: str | None = None
    otel_service_name: str | None = None

    @model_validator(mode="after")
    def _no_default_secret_beyond_development(self) -> Self:
        if self.environment != "development":
            missing = [
                name
                for name, absent in (
                    ("ENABLE_AUTH=true", not self.enable_auth),
                    ("API_KEYS_FILE", self.api_keys_file is None),
                    ("KAFKA_SECURITY_PROTOCOL with TLS", "SSL" not in self.kafka_security_protocol),
                )
                if absent
            ]
            if missing:
                raise ValueError(f"ENVIRONMENT={self.environment} needs {', '.join(missing)}")
        return self
