"""The five services, APIs and workers, on servers of their own, with authentication on: one stack for all of it."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from clawback_local import Stack
from clawback_story.world import AUTHENTICATED_ENV, OWN_SERVERS

SERVICES = ("ingester", "compliance", "analytics", "alerting", "retention")
KEY = "fuzz"
ROLES = ("officer", "approver", "operator", "upstream", "licensor", "holder", "alertmanager", "reader")


@pytest.fixture(scope="session")
def scale() -> int:
    """How many times the usual number of examples is tried (`FUZZ_SCALE`)."""
    return int(os.environ.get("FUZZ_SCALE", "1"))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Servers are its own: a log that others have emptied has gaps."""
    parts = ("topics", *(f"{name}-{role}" for name in SERVICES for role in ("worker", "api")))
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_SERVERS:
            patch.delenv(name, raising=False)
        with Stack(parts=parts, env=AUTHENTICATED_ENV) as running:
            _add_key(running.paths.keys / "api_keys.yaml")
            yield running


def _add_key(file: Path) -> None:
    """A key that may do everything; processes read the file again when it changes."""
    entry = {
        "subject": "fuzz",
        "roles": [*ROLES],
        "sha256": hashlib.sha256(KEY.encode()).hexdigest(),
        "providers": ["upstream", "metabase", "partner"],
    }
    whole = file.with_suffix(".new")
    whole.write_text(yaml.safe_dump([*yaml.safe_load(file.read_text()), entry]))
    whole.rename(file)
