"""Connection settings of every Kafka client."""

import ssl
from typing import Any

from aiokafka.helpers import create_ssl_context
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from clawback_common.config.settings import BrokerSettings
from clawback_common.errors import Stop
from clawback_common.telemetry.describe import describe

_SASL = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}

METADATA_MAX_AGE_MS = 10_000
"""A group that joined before its topics existed (on a broker that came back empty) receives nothing for this long."""


def connection(settings: BrokerSettings) -> dict[str, Any]:
    """Return the arguments that aiokafka's producer, consumer and admin client share."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers.split(","),
        "security_protocol": settings.kafka_security_protocol,
        "metadata_max_age_ms": METADATA_MAX_AGE_MS,
    }
    if "SSL" in settings.kafka_security_protocol:
        arguments["ssl_context"] = _tls(settings)
    if settings.kafka_security_protocol.startswith("SASL"):
        password = settings.kafka_sasl_password
        arguments |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return arguments


def framework_connection(settings: BrokerSettings) -> dict[str, Any]:
    """Return the same settings as arguments of FastStream."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers.split(","),
        "metadata_max_age_ms": METADATA_MAX_AGE_MS,
    }
    protocol = settings.kafka_security_protocol
    context = _tls(settings) if "SSL" in protocol else None
    if protocol.startswith("SASL"):
        password = settings.kafka_sasl_password
        arguments["security"] = _SASL[settings.kafka_sasl_mechanism](
            username=settings.kafka_sasl_username or "",
            password=password.get_secret_value() if password else "",
            ssl_context=context,
            use_ssl=context is not None,
        )
    elif context:
        arguments["security"] = BaseSecurity(ssl_context=context, use_ssl=True)
    return arguments


def _tls(settings: BrokerSettings) -> ssl.SSLContext:
    try:
        context: ssl.SSLContext = create_ssl_context(
            cafile=settings.kafka_ssl_cafile,
            certfile=settings.kafka_ssl_certfile,
            keyfile=settings.kafka_ssl_keyfile,
        )
    except (OSError, ssl.SSLError) as error:
        raise Stop(f"KAFKA_SSL_CAFILE, KAFKA_SSL_CERTFILE or KAFKA_SSL_KEYFILE: {describe(error)}") from None
    return context
