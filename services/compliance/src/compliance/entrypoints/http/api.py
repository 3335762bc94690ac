"""The API of compliance."""

from typing import Any

from clawback_common.alerts import alert_state
from clawback_common.http.probes import Probes
from clawback_common.service.definition import Api
from compliance.entrypoints.http.commands import commands
from compliance.entrypoints.http.notice_status import notice_status
from compliance.entrypoints.http.open_obligations import open_obligations
from compliance.entrypoints.http.queries import history, queries
from compliance.entrypoints.http.takedown_pages import takedown_pages
from compliance.storage import runs
from compliance.use_cases.service import Service

NOTICES_BYTES_MAX = 4_000_000
"""Enough for 10,000 of the longest ids as JSON."""
RECEIPTS_BYTES_MAX = 1_000_000
"""Enough for 500 receipts, each for several kinds of copies."""


def api(service: Service, probes: Probes) -> Api:
    """Returns the routes; the API is ready once our own topic of orders is read."""
    if service.own_orders is not None:
        probes.add("own orders", service.own_orders.check)

    async def details() -> dict[str, Any]:
        return {
            "mock": service.settings.mock,
            "worker_seen_at": await alert_state.seen(service.db, "worker"),
            "last_completed_run_at": await runs.last_completed(service.db),
        }

    return Api(
        routers=[
            *queries(service),
            open_obligations(service),
            takedown_pages(service),
            history(service),
            *commands(service),
            notice_status(service),
        ],
        details=details,
        body_bytes_max={
            "/api/v1/compliance/notices": NOTICES_BYTES_MAX,
            "/api/v1/compliance/receipts": RECEIPTS_BYTES_MAX,
        },
        rate_limits={
            "POST /api/v1/compliance/notices": "lenient",
            "POST /api/v1/compliance/receipts": "webhook",
            "GET /api/v1/compliance/revocations": "internal",  # read by services that missed orders
        },
    )
