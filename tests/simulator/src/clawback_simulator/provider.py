"""The provider's endpoints.

Each call is counted, and then fails by injection, is rejected by the rules, or is answered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import Response

from clawback_simulator import faults, query, wire
from clawback_simulator.catalogue import Wire
from clawback_simulator.clock import iso
from clawback_simulator.codes import Refusal, status_of
from clawback_simulator.ledger import Consumer, Positions
from clawback_simulator.query import Params, Slice
from clawback_simulator.search import search
from clawback_simulator.simulator import Simulator, pack

GZIP_WORTH_BYTES = 512


@dataclass(slots=True)
class Answer:
    """A successful answer before it is sent, and what the ledger records about it."""

    body: bytes
    served: Positions
    next_cursor: str | None
    caught_up: bool
    packed: bool = False


Endpoint = Callable[[Simulator, Params, str, bool], Answer]
"""An endpoint: simulator, parameters, format, whether gzip is accepted."""


async def respond(simulator: Simulator, name: str, endpoint: Endpoint, request: Request) -> Response:
    """Handles one call, from its count to its answer."""
    calls = simulator.ledger.endpoint(name)
    calls.total += 1
    key, now = request.query_params.get("key", ""), simulator.clock.timestamp()
    calls.hasty += now < simulator.ledger.rest_until.get(key, now)
    calls.at.append((now, _cursor(request.query_params) or ""))
    fail = simulator.faults.take(name)
    if fail is not None:
        calls.injected[fail.mode] += 1
        simulator.ledger.rest_until[key] = max(
            simulator.ledger.rest_until.get(key, now), now + faults.rest_s(fail)
        )
    form = request.query_params.get("format", "xml").lower()
    form = form if form in faults.MEDIA else "xml"
    match fail.mode if fail else None:
        case None:
            answer = _answer(simulator, name, endpoint, request, form)
        case "hang":
            waited = await faults.hang(request, fail.hang_s if fail else 0.0)
            answer = _answer(simulator, name, endpoint, request, form) if waited else Response()
        case "truncated":
            answer = faults.truncated(_answer(simulator, name, endpoint, request, form, sound=False))
        case "wrong_content_type":
            answer = faults.mislabelled(_answer(simulator, name, endpoint, request, form, sound=False))
        case "gzip_bomb":
            answer = await faults.bomb(fail, form) if fail else Response()
        case "reset":
            answer = await faults.break_connection(request)
        case _:
            answer = faults.failing(fail, form, simulator.settings) if fail else Response()
    answer.headers["date"] = format_datetime(simulator.clock.now(), usegmt=True)
    return answer


def _answer(
    simulator: Simulator, name: str, endpoint: Endpoint, request: Request, form: str, *, sound: bool = True
) -> Response:
    """Returns the answer by the rules. If `sound` is False, it will be spoilt, so nothing counts as delivered."""
    params = request.query_params
    calls = simulator.ledger.endpoint(name)
    gzipped = "gzip" in request.headers.get("accept-encoding", "")
    try:
        key = query.authenticate(params, simulator.settings)
        form = query.form(params)
        answer = _paced(simulator, name, endpoint, params, form, key, gzipped=gzipped, sound=sound)
    except Refusal as refusal:
        calls.failures[str(refusal.code)] += 1
        calls.paused += refusal.code == 1004
        body = wire.failure(refusal.code, refusal.message, form, simulator.settings.failure_field)
        return Response(
            body, status_of(refusal.code, simulator.settings.failure_status), media_type=faults.MEDIA[form]
        )
    calls.ok += sound
    headers = {}
    if answer.packed or (gzipped and len(answer.body) > GZIP_WORTH_BYTES):
        headers["content-encoding"] = "gzip"
        answer.body = answer.body if answer.packed else pack(answer.body)
    return Response(answer.body, headers=headers, media_type=faults.MEDIA[form])


def _paced(
    simulator: Simulator,
    name: str,
    endpoint: Endpoint,
    params: Params,
    form: str,
    key: str,
    *,
    gzipped: bool,
    sound: bool,
) -> Answer:
    """Returns the endpoint's answer, unless the key has to wait; records the reader in the ledger."""
    ledger, settings = simulator.ledger, simulator.settings
    part = (
        f"{params['slice_number']}/{params['number_of_slices']}"
        if "slice_number" in params and "number_of_slices" in params
        else ""
    )
    pace = (
        key,
        "" if settings.pause_scope == "key" else name,
        part if settings.pause_scope == "slice" else "",
    )
    now = simulator.clock.timestamp()
    if now - ledger.last_call_at.get(pace, float("-inf")) < settings.pause_s:
        raise Refusal(1004)
    answer = endpoint(simulator, params, form, gzipped)
    ledger.last_call_at[pace] = now
    consumer = ledger.consumer((key, name, part))
    consumer.calls += 1
    consumer.last_cursor = _cursor(params)
    if sound:
        _note(consumer, answer)
    return answer


def _cursor(params: Params) -> str | None:
    return params.get("sequence_id", params.get("sequenceId"))


def _note(consumer: Consumer, answer: Answer) -> None:
    consumer.caught_up = answer.caught_up
    if answer.next_cursor is not None:
        consumer.next_cursor = answer.next_cursor
    if answer.served:
        consumer.served.append(answer.served)


def articles(simulator: Simulator, params: Params, form: str, gzipped: bool) -> Answer:  # noqa: FBT001  see Endpoint
    """`/articles`: the entries after the cursor, at most `limit`."""
    query.refuse_unknown(params, query.ARTICLES)
    settings, world = simulator.settings, simulator.world
    limit = query.limit(params, settings.max_limit, settings.max_limit, settings)
    cursor, part = query.cursor(params, settings), query.slices(params, settings)
    positions = _newest(simulator, part) if cursor is None else _from(simulator, cursor, part, limit)
    if query.flag(params, "compact"):
        body, packed = simulator.articles(positions, form, compact=True), False
    else:
        body, packed = simulator.page(positions, form, gzipped=gzipped)
    last = str(world.feed[positions[-1]].sequence_id) if positions else None
    return Answer(body, positions, last, len(positions) < limit, packed)


def _wanted(simulator: Simulator, part: Slice | None) -> Callable[[int], bool] | None:
    """Returns which positions a reader gets; None for all of them."""
    withheld = simulator.settings.revoked_on_feed == "withheld"
    if part is None and not withheld:
        return None
    feed = simulator.world.feed

    def wanted(position: int) -> bool:
        article = feed[position].article
        return not (withheld and position < article.withheld_before) and (
            part is None or article.id % part.of == part.number
        )

    return wanted


def _newest(simulator: Simulator, part: Slice | None) -> Positions:
    wanted = _wanted(simulator, part)
    held = range(simulator.world.oldest_held(simulator.settings.window_days), len(simulator.world.feed))
    return next(([position] for position in reversed(held) if wanted is None or wanted(position)), [])


def _from(simulator: Simulator, cursor: int, part: Slice | None, limit: int) -> Positions:
    world, settings = simulator.world, simulator.settings
    oldest = world.oldest_held(settings.window_days)
    first = world.after(cursor)
    if cursor and first < oldest and settings.old_cursor == "refuse":
        raise Refusal(1008, "older than the window")
    first = max(first, oldest)
    wanted = _wanted(simulator, part)
    if wanted is None:
        return range(first, min(first + limit, len(world.feed)))
    chosen: list[int] = []
    for position in range(first, len(world.feed)):
        if wanted(position):
            chosen.append(position)
            if len(chosen) == limit:
                break
    return chosen


def revoked_articles(simulator: Simulator, params: Params, form: str, gzipped: bool) -> Answer:  # noqa: FBT001, ARG001
    """`/revokedArticles`: the log after the cursor, in the configured shape."""
    settings, world = simulator.settings, simulator.world
    cursor = query.revoked_cursor(params, settings)
    limit = query.limit(params, settings.max_revoked_limit, settings.max_revoked_limit, settings)
    opaque = settings.revoked_cursor_style == "opaque"
    first = world.revocations_after(cursor, opaque=opaque)
    if first is None:
        raise Refusal(1008)
    positions = range(first, min(first + limit, len(world.revocations)))
    entries: list[Wire] = []
    following = cursor
    for position in positions:
        entry = world.revocations[position]
        following = entry.cursor if opaque else str(entry.sequence)
        fields = {"id": entry.article_id}
        if settings.revoked_next != "top":
            fields["sequenceId"] = following
        if entry.provider_at is not None:
            fields["revokedDate"] = iso(entry.provider_at)
        entries.append(fields)
    top = {} if settings.revoked_next == "element" else {"sequenceId": following}
    body = _revoked_body(top, entries, settings.revoked_shape, form)
    return Answer(body, positions, following, len(positions) < limit)


def _revoked_body(top: Wire, entries: list[Wire], shape: str, form: str) -> bytes:
    ids = [entry["id"] for entry in entries]
    one: Wire | list[Wire] = entries[0] if len(entries) == 1 else entries
    shaped: dict[str, Wire] = {
        "missing": {},
        "renamed": {"items": entries},
        "text": {"revokedArticles": ", ".join(ids)},
        "ids": {"revokedArticles": ids},
        "bare": {"ids": ids},
        "one_as_object": {"revokedArticles": one},
        "wrapped": {"revokedArticles": {"article": one} if entries else []},
    }
    fields: Wire = {**top, **shaped.get(shape, {shape: entries})}
    if form == "json":
        return wire.answer_json(fields)
    return wire.answer_xml(
        "".join(wire.element(name, value, wire.EMPTY[0]) for name, value in fields.items())
    )


def search_articles(simulator: Simulator, params: Params, form: str, gzipped: bool) -> Answer:  # noqa: FBT001, ARG001
    """`/searchArticles`: the articles that match a query."""
    query.refuse_unknown(params, query.SEARCH)
    settings = simulator.settings
    limit = query.limit(params, settings.max_search_limit, settings.max_search_limit, settings)
    simulator.ledger.searched(params["key"], simulator.clock.timestamp())
    found = search(simulator, params, query.cursor(params, settings), limit)
    more: Wire = {"totalResults": str(found.total)}
    body = (
        wire.articles_xml(found.articles, more)
        if form == "xml"
        else wire.answer_json({**more, "articles": found.articles})
    )
    last = str(simulator.world.feed[found.positions[-1]].sequence_id) if found.positions else None
    return Answer(body, found.positions, last, len(found.positions) < limit)


def rate_limits(simulator: Simulator, params: Params, form: str, gzipped: bool) -> Answer:  # noqa: FBT001, ARG001
    """`/rateLimits`: quotas of a key; the minute's counter restarts with the clock's minute."""
    query.refuse_unknown(params, query.COMMON)
    calls = simulator.ledger.searches(params["key"], simulator.clock.timestamp())
    quotas = [
        {"unit": unit, "limit": str(limit), "counter": str(calls[unit])}
        for unit, limit in (("MINUTE", 3), ("HOUR", 180), ("DAY", 4320))
    ]
    if simulator.settings.page_limit_stated:
        quotas.append({"unit": "PAGE", "limit": str(simulator.settings.max_limit), "counter": "0"})
    fields: Wire = {"rateLimits": quotas}
    body = (
        wire.answer_json(fields)
        if form == "json"
        else wire.answer_xml(wire.element("rateLimits", quotas, wire.EMPTY[0]))
    )
    return Answer(body, [], None, caught_up=True)


ENDPOINTS: dict[str, Endpoint] = {
    "articles": articles,
    "searchArticles": search_articles,
    "revokedArticles": revoked_articles,
    "rateLimits": rate_limits,
}
"""Under `/api/v10/`."""
