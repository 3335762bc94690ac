"""Write requests on feeds, by people and by compliance."""

from clawback_common.http.problem import Problem, existing
from clawback_common.http.routing import Router
from ingester.entrypoints.http.callers import Operator, Poller
from ingester.entrypoints.http.schemas import PollAnswer
from ingester.gateways.providers.port import Feed
from ingester.storage import feeds
from ingester.use_cases.poll_runs import poll_recorded
from ingester.use_cases.service import Service


def commands(service: Service) -> list[Router]:
    """Returns the routes of all write requests."""
    router = Router(tags=["feeds"])

    @router.post(
        "/feeds/{name}/poll",
        summary="Poll a feed to its end, or join a running poll; responds when it is done",
    )
    async def poll(_: Poller, name: str) -> PollAnswer:
        feed = _feed(service, name)
        result = await poll_recorded(feed, service, "request")
        if result.error:
            raise Problem(502, f"The provider failed: {result.error}", extra={"poll_id": str(result.poll_id)})
        return PollAnswer(poll_id=result.poll_id, noticed=result.noticed, caught_up=result.caught_up)

    @router.post("/feeds/{name}/resume", status_code=204, summary="Resume polling of a stopped feed")
    async def resume(_: Operator, name: str) -> None:
        _feed(service, name)
        if not await feeds.resume(service.db, name, service.clock.now()):
            raise Problem(409, "This feed is not stopped.")

    return [router]


def _feed(service: Service, name: str) -> Feed:
    return existing(service.feeds.get(name), "There is no such feed. GET /api/v1/feeds lists them.")
