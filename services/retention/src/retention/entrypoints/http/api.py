"""The HTTP API of retention."""

from typing import Any

from clawback_common.alerts import alert_state
from clawback_common.http.probes import Probes
from clawback_common.service.definition import Api
from retention.entrypoints.http.commands import commands
from retention.entrypoints.http.queries import queries
from retention.storage import holds, sweeps
from retention.use_cases.service import Service

HOLDS_BYTES_MAX = 4_000_000
"""10,000 ids of maximum length as JSON. Holds that are too large for a request are rejected with a message."""


def api(service: Service, _: Probes) -> Api:
    """Returns the API: holds, sweeps, policies."""

    async def details() -> dict[str, Any]:
        return {
            "worker_seen_at": await alert_state.seen(service.db, "worker"),
            "last_swept_at": await sweeps.last_done(service.db, service.policies),
            "open_sweeps": await sweeps.open_count(service.db),
            "holds_in_force": await holds.counts(service.db),
        }

    return Api(
        routers=[*queries(service), *commands(service)],
        details=details,
        body_bytes_max={"/api/v1/retention/holds": HOLDS_BYTES_MAX},
    )
