"""The write endpoints for operators."""

from analytics.entrypoints.http.callers import Operator
from analytics.entrypoints.http.schemas import CacheCleared
from analytics.use_cases.service import Service
from clawback_common.http.routing import Router


def commands(service: Service) -> list[Router]:
    """Returns the routers of all writes."""
    router = Router(tags=["cache"])

    @router.post("/admin/cache/clear", summary="Delete all cached answers")
    async def clear(_: Operator) -> CacheCleared:
        return CacheCleared(removed=await service.cache.clear())

    return [router]
