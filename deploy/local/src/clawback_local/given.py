"""What the user's environment says to a stack: named when it cannot be honoured, instead of silently ignored."""

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
"""Variables that a stack reads when it starts, and not again."""
OWN_SIMULATOR = "the simulator"


def differing(wanted: Mapping[str, str], running: Mapping[str, str], users: Collection[str]) -> list[str]:
    """The variables of `READ_AT_START` that the user sets to something else than the running stack was given.

    Also those that were the user's (`users`) when it started, and are unset now.
    """
    return [
        name
        for name in READ_AT_START
        if (wanted[name] != running.get(name) if name in wanted else name in users)
    ]


def refuse_another_provider(places: Places, environment: Mapping[str, str]) -> None:
    """Articles, cursors and orders of a run folder belong to one provider; remembers which at the first start.

    Raises:
        StackError: the folder is another provider's, or the provider's key is empty.
    """
    if environment.get("METABASE_API_KEY") == "":
        raise StackError(
            "METABASE_API_KEY is empty: give the provider's key, or unset it for the simulator's"
        )
    provider = _provider(environment)
    known = places.provider.read_text().strip() if places.provider.exists() else provider
    if known != provider:
        raise StackError(
            f"{places.run} holds articles and cursors of {known}, not of {provider}: "
            "'make reset' deletes them, or --run-dir names another folder"
        )
    places.provider.write_text(f"{provider}\n")


def _provider(environment: Mapping[str, str]) -> str:
    """Without credentials, which an address may carry."""
    url = environment.get("METABASE_URL")
    return f"{urlsplit(url).scheme}://{urlsplit(url).netloc.rpartition('@')[2]}" if url else OWN_SIMULATOR
