"""The five APIs as processes on real servers, with a key that may do everything."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from clawback_local import Stack

SERVICES = ("ingester", "compliance", "analytics", "alerting", "retention")
KEY = "fuzz"
ROLES = ("officer", "approver", "operator", "upstream", "licensor", "holder")


@pytest.fixture(scope="session")
def scale() -> int:
    """How many times the usual number of examples is tried (`FUZZ_SCALE`)."""
    return int(os.environ.get("FUZZ_SCALE", "1"))


@pytest.fixture(scope="session")
def apis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The five APIs. Nothing works behind them, so that what they answer is theirs."""
    keys: Path = tmp_path_factory.mktemp("keys") / "api_keys.yaml"
    entry = {
        "subject": "fuzz",
        "roles": [*ROLES],
        "sha256": hashlib.sha256(KEY.encode()).hexdigest(),
        "providers": ["upstream", "metabase", "partner"],
    }
    keys.write_text(yaml.safe_dump([entry]))
    parts = ("topics", *(f"{name}-api" for name in SERVICES))
    with Stack(parts=parts, env={"*": {"API_KEYS_FILE": str(keys)}}) as stack:
        yield stack
