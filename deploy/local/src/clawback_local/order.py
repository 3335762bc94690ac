"""The order to a supervisor, passed on its command line."""

import dataclasses
import json
from collections.abc import Mapping

ANY_PART = "*"


@dataclasses.dataclass(frozen=True)
class Order:
    """What a supervisor runs.

    `env` has extra variables by part, `*` for every part. `documented_ports` prefers the documented ports;
    `lifeline` stops everything when stdin closes, so a stack cannot outlive the test that created it. `production` runs
    every process in production mode; `replicas` is the number of processes of each worker and API.
    """

    run: str
    parts: tuple[str, ...] | None = None
    env: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    documented_ports: bool = True
    lifeline: bool = False
    production: bool = False
    replicas: int = 1

    def to_json(self) -> str:
        """Converts it for a command line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Order":
        """Parses it from a command line."""
        known = json.loads(text)
        return cls(**{**known, "parts": None if known["parts"] is None else tuple(known["parts"])})
