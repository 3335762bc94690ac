"""Settings of the user's environment: reported if a running stack cannot apply them, instead of ignored."""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from clawback_local.errors import StackError
from clawback_local.places import Places

READ_AT_START = (
    "KAFKA_BOOTSTRAP_SERVERS",
    "POSTGRES_URL",
    "REDIS_URL",
    "SMTP_URL",
    "SMS_URL",
    "TOPIC_PROFILE",
    "ARCHIVE_URL",
    "ALERT_ROUTES",
    "POLICIES",
    "FEEDS",
    "METABASE_URL",
    "METABASE_API_KEY",
    "METABASE_PAUSE_S",
    "METABASE_LIMIT",
    "METABASE_FORMAT",
    "METABASE_PAUSE_MARGIN",
    "METABASE_SLICES",
    "METABASE_SLICE_BASE",
    "METABASE_WINDOW_H",
    "KAFKA_HEAP_OPTS",
)
"""Variables that a stack reads only when it starts."""
OWN_SIMULATOR = "the simulator"


def differing(wanted: Mapping[str, str], running: Mapping[str, str], users: Collection[str]) -> list[str]:
    """Returns the variables of `READ_AT_START` that differ from those of the running stack.

    Includes those that the user (`users`) had set when it started and has unset since.
    """
    return [
        name
        for name in READ_AT_START
        if (wanted[name] != running.get(name) if name in wanted else name in users)
    ]


def refuse_another_provider(places: Places, environment: Mapping[str, str]) -> None:
    """Records the provider of a run folder at its first start, and rejects another one later.

    Raises:
        StackError: the folder belongs to another provider, or the provider's key is empty.
    """
    if environment.get("METABASE_API_KEY") == "":
        raise StackError(
            "METABASE_API_KEY is empty: set the provider's key, or unset it to use the simulator"
        )
    provider = _provider(environment)
    known = places.provider.read_text().strip() if places.provider.exists() else provider
    if known != provider:
        raise StackError(
            f"{places.run} has articles and cursors of {known}, not of {provider}: "
            "'make reset' deletes them, or --run-dir selects another folder"
        )
    places.provider.write_text(f"{provider}\n")


def _provider(environment: Mapping[str, str]) -> str:
    """Returns the address without credentials."""
    url = environment.get("METABASE_URL")
    return f"{urlsplit(url).scheme}://{urlsplit(url).netloc.rpartition('@')[2]}" if url else OWN_SIMULATOR
