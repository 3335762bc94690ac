"""The status of a notice, for its sender."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import Path

from clawback_common.http.auth import Caller
from clawback_common.http.problem import field_error
from clawback_common.http.routing import Router
from clawback_common.messaging import quarantine
from compliance.domain.notice import BY_TOPIC
from compliance.domain.notice_state import NoticeState, RecordedNotice, state_of_all
from compliance.entrypoints.http.callers import Asking
from compliance.entrypoints.http.schemas import NoticeItem, NoticeStatus
from compliance.storage import notices
from compliance.use_cases.service import Service

NoticeId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        description="A notice's id, the `request_id` of an HTTP response, or the `ce_id` of a record on Kafka",
    ),
]
REFUSED = "A second person refused its request."


def notice_status(service: Service) -> Router:
    """Returns the route for the status of a notice."""
    router = Router(tags=["notices"])

    @router.get(
        "/notices/{notice_id}",
        summary="The status of a notice: unknown, accepted, stored, published, or refused with the reason",
    )
    async def what_became(caller: Asking, notice_id: NoticeId) -> NoticeStatus:
        found = await notices.status(service.db, notice_id)
        theirs = [one for one in found if _sent_by(caller, one, service)]
        if theirs:
            return _known(notice_id, theirs)
        for refusal in await quarantine.refusals(service.db, notice_id):
            unsigned = refusal.sender is None and not service.settings.enable_auth
            if _helps(caller) or unsigned or refusal.sender == caller.subject:
                errors = [field_error("", refusal.reason, refusal.detail)]
                return NoticeStatus(notice_id=notice_id, state=NoticeState.REFUSED, errors=errors)
        return NoticeStatus(notice_id=notice_id, state=NoticeState.UNKNOWN)

    return router


def _known(notice_id: str, found: Sequence[RecordedNotice]) -> NoticeStatus:
    return NoticeStatus(
        notice_id=notice_id,
        state=state_of_all(found),
        truncated=len(found) > notices.STATUS_MAX,
        items=[
            NoticeItem.model_validate({**asdict(one), "state": one.state, "errors": _errors(one)})
            for one in found[: notices.STATUS_MAX]
        ],
    )


def _errors(one: RecordedNotice) -> list[dict[str, str]]:
    return [field_error("", "request_refused", REFUSED)] if one.request_refused else []


def _helps(caller: Caller) -> bool:
    """Returns whether the caller may see notices of every sender."""
    return not caller.roles.isdisjoint({"officer", "operator"})


def _sent_by(caller: Caller, one: RecordedNotice, service: Service) -> bool:
    """Returns whether the caller sent the notice. Without signatures the record's own claim of its sender is used."""
    subject = caller.subject
    names = {f"http:{subject}", f"{BY_TOPIC}{subject}"}
    if not service.settings.enable_auth:
        names.add(subject)
    return _helps(caller) or one.noticed_by in names
