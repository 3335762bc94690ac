"""What operators do to analytics by HTTP."""

from analytics.entrypoints.http.callers import Operator
from analytics.entrypoints.http.schemas import CacheCleared
from analytics.use_cases import Service
from clawback_common.http.routing import Router


def commands(service: Service) -> list[Router]:
    """All that is done."""
    router = Router(tags=["cache"])

    @router.post("/admin/cache/clear", summary="Forget every kept answer")
    async def clear(_: Operator) -> CacheCleared:
        return CacheCleared(removed=await service.cache.clear())

    return [router]
