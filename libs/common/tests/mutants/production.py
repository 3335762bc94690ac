"""Known mistakes about keys, certificates and what production must not start with."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
SETTINGS = "tests/production/test_settings.py"
TLS = "libs/common/tests/unit/test_tls.py"

MUTANTS = (
    Mutant(
        "production with the provider's default key",
        (Change(f"{COMMON}/config/production.py", 'frozenset({"", "development"})', 'frozenset({""})'),),
        at(SETTINGS, "test_what_is_unsafe_is_refused_and_named"),
    ),
    Mutant(
        "production with PostgreSQL that nobody verifies",
        (Change(f"{COMMON}/config/production.py", '!= "verify-full"', 'in {"", "disable"}'),),
        at(SETTINGS, "test_what_is_unsafe_is_refused_and_named"),
    ),
    Mutant(
        "production with the operator's key in the clear",
        (Change(f"{COMMON}/config/production.py", '.scheme != "https"', '.scheme not in {"http", "https"}'),),
        at(SETTINGS, "test_what_is_unsafe_is_refused_and_named"),
    ),
    Mutant(
        "SASL over TLS without credentials accepted",
        (
            Change(
                f"{COMMON}/config/settings.py",
                'if protocol.startswith("SASL") and not (',
                'if protocol == "SASL_PLAINTEXT" and not (',
            ),
        ),
        at(SETTINGS, "test_what_is_unsafe_is_refused_and_named"),
    ),
    Mutant(
        "only the first reason named",
        (
            Change(
                f"{COMMON}/config/settings.py",
                "found = list(self.unsafe())",
                "found = list(self.unsafe())[:1]",
            ),
        ),
        at(SETTINGS, "test_every_reason_is_named_at_once"),
    ),
    Mutant(
        "a certificate that is never shown",
        (
            Change(
                f"{COMMON}/service/process.py",
                "ssl_context_factory=(lambda *_: tls.context) if tls else None",
                "ssl_context_factory=None",
            ),
        ),
        at(TLS, "test_with_a_certificate_https_is_served_and_http_is_not"),
    ),
    Mutant(
        "a connection whose end is waited for half a minute",
        (Change(f"{COMMON}/service/event_loop.py", "CLIENT_SHUTDOWN_S = 0.25", "CLIENT_SHUTDOWN_S = 30.0"),),
        at(TLS, "test_a_peer_that_never_ends_tls_delays_no_shutdown"),
    ),
)
