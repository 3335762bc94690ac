"""The common application of every API, as a caller sees it."""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from uuid import UUID

import httpx
import orjson
import pytest
import yaml
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from clawback_common.errors import Conflict, Poison, Stop, Transient
from clawback_common.http.app import create_app
from clawback_common.http.auth import ApiKeys, Caller, reader, require
from clawback_common.http.docs import ASSETS
from clawback_common.http.middleware import BODY_BYTES_MAX
from clawback_common.http.paging import Cursor, Fields, Keyset, Limit, newest_first, page, project
from clawback_common.http.probes import Probes
from clawback_common.http.problem import Problem, invalid
from clawback_common.http.routing import Router
from clawback_common.telemetry.metrics import REGISTRY
from clawback_testing.clock import FakeClock

from .conftest import Logged, Spans

BY_ID = Keyset(id=0)
SECRET = "the text of somebody else"
PUBLIC_KEY = base64.b64encode(bytes(32)).decode()


@dataclass
class Settings:
    """Settings of an API."""

    enable_auth: bool = False
    api_keys_file: Path | None = None


class Item(BaseModel):
    """A small item."""

    model_config = ConfigDict(extra="forbid")

    id: UUID | None = None
    title: int


class Items(BaseModel):
    """A batch of items."""

    items: list[Item]


ERRORS: dict[str, Exception] = {
    "bug": ValueError(SECRET),
    "away": Transient("the database is away"),
    "busy": Transient("too fast", retry_after_s=2.1),
    "conflict": Conflict("changed meanwhile"),
    "poison": Poison("bad_date", "published_at"),
    "stop": Stop("a person must look"),
    "teapot": HTTPException(418, "short and stout"),
    "limited": Problem(429, "Too many requests.", retry_after_s=7),
    "gone": Problem(410, "It was taken back.", extra={"reason": "manual"}),
}


def _router() -> Router:
    router = Router()

    @router.get("/fail/{how}", response_model=None)
    async def fail(how: str) -> NoReturn:
        raise ERRORS[how]

    @router.post("/items")
    async def take(body: Items) -> int:
        return len(body.items)

    @router.get("/items")
    async def items(limit: Limit = 2, cursor: Cursor = None, fields: Fields = None) -> dict[str, Any]:
        (last,) = BY_ID.after(cursor)
        found = [{"id": number, "name": f"n{number}"} for number in range(last + 1, min(last + limit, 5) + 1)]
        following = BY_ID.cursor(found[-1]) if last + limit < 5 else None
        return page(project(found, fields, ("id", "name")), following)

    @router.post("/act")
    async def act(caller: Annotated[Caller, Depends(require("officer", "approver"))]) -> str:
        return caller.subject

    @router.get("/admin/read")
    async def inspect(caller: Annotated[Caller, Depends(reader("officer", "operator"))]) -> str:
        return caller.subject

    @router.get("/read")
    async def read(caller: Annotated[Caller, Depends(reader())]) -> str:
        return caller.subject

    return router


def _app(settings: Settings | None = None, **more: Any) -> FastAPI:
    return create_app(
        title="Test",
        version="1.2.3",
        settings=settings or Settings(),
        probes=Probes(),
        routers=[_router()],
        clock=FakeClock(),
        **more,
    )


def _client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with _client(_app()) as client:
        yield client


async def test_a_problem_has_every_member_that_callers_rely_on(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/fail/limited")
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert len(body.pop("trace_id")) == 32
    assert body == {
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too many requests.",
        "instance": "/api/v1/fail/limited",
        "errors": [],
        "error": {
            "code": 429,
            "message": "Too many requests.",
            "details": [],
            "retry_after": 7,
            "timestamp": "2026-03-01T12:00:00+00:00",
        },
    }
    assert response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("how", "status", "retry_after"),
    [
        ("away", 503, "5"),
        ("busy", 503, "3"),
        ("conflict", 409, None),
        ("poison", 422, None),
        ("stop", 500, None),
        ("teapot", 418, None),
        ("bug", 500, None),
    ],
)
async def test_an_error_becomes_its_status(
    how: str, status: int, retry_after: str | None, client: httpx.AsyncClient
) -> None:
    response = await client.get(f"/api/v1/fail/{how}")
    assert response.status_code == response.json()["status"] == response.json()["error"]["code"] == status
    assert response.headers.get("retry-after") == retry_after


async def test_a_problem_may_have_extra_members(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/fail/gone")).json()["reason"] == "manual"


async def test_an_unexpected_error_is_answered_and_logged_without_its_message(
    client: httpx.AsyncClient, logged: Logged, spans: Spans
) -> None:
    response = await client.get("/api/v1/fail/bug")
    assert response.status_code == 500
    lines = logged()
    failed = next(line for line in lines if line["event"] == "a request failed unexpectedly")
    assert failed["trace_id"] == response.json()["trace_id"]
    assert failed["error"] == "ValueError"
    assert spans()[-1].status.description == "ValueError"
    assert SECRET not in response.text + str(lines)


async def test_an_unknown_path_and_a_wrong_method_are_problems(client: httpx.AsyncClient) -> None:
    nothing, wrong = await client.get("/api/v1/nope"), await client.delete("/api/v1/items")
    assert (nothing.status_code, nothing.json()["title"]) == (404, "Not Found")
    assert (wrong.status_code, wrong.json()["title"]) == (405, "Method Not Allowed")
    assert wrong.headers["allow"]


async def test_each_invalid_field_is_named_without_its_value(client: httpx.AsyncClient) -> None:
    body = {"items": [{"title": 1}, {"title": SECRET, "id": SECRET, SECRET: 1}, {}]}
    response = await client.post("/api/v1/items", json=body)
    assert response.status_code == 422
    assert [(error["path"], error["code"]) for error in response.json()["errors"]] == [
        ("items[1].id", "uuid_parsing"),
        ("items[1].title", "int_parsing"),
        ("items[1].*", "extra_forbidden"),
        ("items[2].title", "missing"),
    ]
    assert response.json()["errors"] == response.json()["error"]["details"]
    assert SECRET not in response.text


class Cat(BaseModel):
    """One variant of a union."""

    kind: Literal["cat"]


class Dog(BaseModel):
    """The other variant."""

    kind: Literal["dog"]
    name: str

    @field_validator("name")
    @classmethod
    def _short(cls, name: str) -> str:
        if len(name) > 5:
            raise ValueError(f"{name} is too long")
        return name


@pytest.mark.parametrize("body", [{"kind": SECRET}, {"kind": "dog", "name": SECRET}])
def test_messages_that_repeat_the_input_are_not_returned(body: dict[str, str]) -> None:
    pets: TypeAdapter[Cat | Dog] = TypeAdapter(Annotated[Cat | Dog, Field(discriminator="kind")])
    with pytest.raises(ValidationError) as caught:
        pets.validate_python(body)
    assert SECRET in str(caught.value)
    assert SECRET not in str(invalid(caught.value.errors(), skip=0).errors)


@pytest.mark.parametrize(
    ("body", "status"), [(b"{nope", 422), (b'{"a": "\xff"}', 400), (b"[" * 50_000, 400), (b"", 422)]
)
async def test_a_body_that_is_not_json_is_a_problem(
    body: bytes, status: int, client: httpx.AsyncClient
) -> None:
    response = await client.post("/api/v1/items", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert "nope" not in response.text


async def _chunks(count: int, sent: list[int]) -> AsyncIterator[bytes]:
    for number in range(count):
        sent.append(number)
        yield b" " * 1000


@pytest.mark.parametrize(
    ("declared", "read_max"), [({"Content-Length": "100000"}, 0), ({"Transfer-Encoding": "chunked"}, 4)]
)
async def test_a_body_over_its_limit_is_refused_without_reading_on(
    declared: dict[str, str], read_max: int
) -> None:
    sent: list[int] = []
    headers = {"Content-Type": "application/json"} | declared
    async with _client(_app(body_bytes_max={"/api/v1": 50_000, "/api/v1/items": 2500})) as client:
        response = await client.post("/api/v1/items", content=_chunks(100, sent), headers=headers)
    assert response.status_code == 413
    assert response.json()["detail"] == "The body is larger than 2500 bytes."
    assert response.headers["connection"] == "close"
    assert len(sent) <= read_max


async def test_a_body_of_64_kilobytes_passes_where_no_other_limit_is_set(client: httpx.AsyncClient) -> None:
    body = b'{"items": []' + b" " * (BODY_BYTES_MAX - 13) + b"}"
    headers = {"Content-Type": "application/json"}
    assert (await client.post("/api/v1/items", content=body, headers=headers)).status_code == 200
    assert (await client.post("/api/v1/items", content=body + b" ", headers=headers)).status_code == 413


async def test_a_request_id_is_accepted_returned_and_logged(
    client: httpx.AsyncClient, logged: Logged
) -> None:
    response = await client.get("/api/v1/items", headers={"X-Request-ID": "order-66"})
    assert response.headers["x-request-id"] == "order-66"
    (line,) = [line for line in logged() if line["event"] == "request"]
    assert line["request_id"] == "order-66"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/items", 200)


@pytest.mark.parametrize("invalid_id", ["", "a b", "x" * 129, "\u00fc", "a\tb"])
async def test_an_invalid_request_id_is_replaced(invalid_id: str, client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/items", headers=[(b"X-Request-ID", invalid_id.encode())])
    assert str(UUID(response.headers["x-request-id"])) == response.headers["x-request-id"]


async def test_an_incoming_trace_is_continued(client: httpx.AsyncClient, spans: Spans) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    await client.get("/api/v1/items", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    span = spans()[-1]
    assert span.name == "GET /api/v1/items"
    assert span.context.trace_id == int(trace, 16)


async def test_a_request_is_measured_by_its_template(client: httpx.AsyncClient) -> None:
    def count(route: str, status: str) -> float:
        labels = {"method": "GET", "route": route, "status": status}
        return REGISTRY.get_sample_value("http_server_request_duration_seconds_count", labels) or 0

    before = count("/api/v1/fail/{how}", "410"), count("unmatched", "404")
    await client.get("/api/v1/fail/gone")
    await client.get("/api/v1/some/thing")
    await client.get("/api/v1/other/thing")
    assert count("/api/v1/fail/{how}", "410") == before[0] + 1
    assert count("unmatched", "404") == before[1] + 2


async def test_probes_are_neither_traced_nor_logged_at_info(
    client: httpx.AsyncClient, logged: Logged, spans: Spans
) -> None:
    assert (await client.get("/livez")).status_code == 200
    assert spans() == ()
    assert [line["level"] for line in logged() if line["event"] == "request"] == ["debug"]


async def test_pages_follow_one_another_to_the_end(client: httpx.AsyncClient) -> None:
    ids, cursor = list[int](), None
    while True:
        body = (await client.get("/api/v1/items", params={"cursor": cursor} if cursor else {})).json()
        ids += [item["id"] for item in body["items"]]
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert ids == [1, 2, 3, 4, 5]


def cursor_of(*position: object) -> str:
    """A cursor with this position, as a caller might forge one."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "position",
    [
        ("yesterday", "00000000-0000-0000-0000-000000000000", ""),
        ("2026-03-01T00:00:00", "00000000-0000-0000-0000-000000000000", ""),
        ("2026-03-01T00:00:00Z", "one", ""),
        ("2026-03-01T00:00:00Z", "00000000-0000-0000-0000-000000000000", "\0"),
        ("0001-01-01T00:00:00+14:00", "00000000-0000-0000-0000-000000000000", ""),
    ],
)
def test_a_cursor_has_a_value_of_its_type_for_each_column(position: tuple[object, ...]) -> None:
    listing = Keyset(at=datetime.min.replace(tzinfo=UTC), id=UUID(int=0), name="")
    with pytest.raises(Problem):
        listing.after(cursor_of(*position))


def test_a_page_has_a_cursor_only_when_the_list_continues() -> None:
    listing = newest_first("at", "id")
    rows = [{"at": datetime(2026, 3, day, tzinfo=UTC), "id": UUID(int=day)} for day in (3, 2, 1)]
    complete, cut = listing.page(rows, 3, dict), listing.page(rows, 2, dict)
    assert (complete.items, complete.next_cursor) == (rows, None)
    assert cut.items == rows[:2]
    assert listing.after(cut.next_cursor) == (rows[1]["at"], rows[1]["id"])


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense!",
        "e30",
        cursor_of("x"),
        cursor_of(1, 2),
        cursor_of(None),
        cursor_of({"id": 1}),
        cursor_of(-1),
        cursor_of(2**63),
        "\u00fc",
        "a",
    ],
)
async def test_an_invalid_cursor_is_a_problem(cursor: str, client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/items", params={"cursor": cursor})
    assert response.status_code == 422
    assert response.json()["errors"][0]["path"] == "cursor"


@pytest.mark.parametrize("limit", ["0", "501", "x"])
async def test_a_limit_out_of_bounds_is_a_problem(limit: str, client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/items", params={"limit": limit})
    assert response.status_code == 422
    assert response.json()["errors"][0]["path"] == "limit"


async def test_fields_are_projected_and_an_unknown_one_is_a_problem(client: httpx.AsyncClient) -> None:
    some = await client.get("/api/v1/items", params={"fields": "id, ", "limit": 1})
    assert some.json()["items"] == [{"id": 1}]
    unknown = await client.get("/api/v1/items", params={"fields": "id,secret"})
    assert unknown.status_code == 422


KeysFile = Callable[..., Path]


@pytest.fixture
def keys_file(tmp_path: Path) -> KeysFile:
    """Write a file with one key for each subject, and return its path."""

    def write(**roles: str) -> Path:
        path = tmp_path / "keys.yaml"
        fresh = tmp_path / "keys.new"
        fresh.write_text(
            "".join(
                f"- {{subject: {subject}, roles: [{role}], sha256: {_sha256(subject)}}}\n"
                for subject, role in roles.items()
            )
        )
        fresh.replace(path)
        return path

    return write


def _sha256(subject: str) -> str:
    return hashlib.sha256(f"key of {subject}".encode()).hexdigest()


def _bearer(subject: str) -> dict[str, str]:
    return {"Authorization": f"Bearer key of {subject}"}


async def test_a_command_needs_a_key_with_the_role_also_in_development(keys_file: KeysFile) -> None:
    settings = Settings(api_keys_file=keys_file(ann="officer", bob="holder"))
    async with _client(_app(settings)) as client:
        assert (await client.post("/api/v1/act", headers=_bearer("ann"))).json() == "ann"
        assert (await client.post("/api/v1/act", headers={"X-API-Key": "key of ann"})).json() == "ann"
        refused = [
            await client.post("/api/v1/act", headers=headers)
            for headers in ({}, _bearer("eve"), _bearer("bob"))
        ]
    assert [response.status_code for response in refused] == [401, 401, 403]
    assert refused[0].headers["www-authenticate"] == 'Bearer realm="api"'
    assert refused[1].headers["www-authenticate"] == 'Bearer realm="api", error="invalid_token"'
    assert refused[2].json()["detail"] == "This needs the role officer or approver."


@pytest.mark.parametrize(("enable_auth", "without_key"), [(False, 200), (True, 401)])
async def test_a_read_needs_a_key_where_authentication_is_enabled(
    keys_file: KeysFile, *, enable_auth: bool, without_key: int
) -> None:
    async with _client(_app(Settings(enable_auth, keys_file(ann="any")))) as client:
        assert (await client.get("/api/v1/read")).status_code == without_key
        assert (await client.get("/api/v1/read", headers=_bearer("ann"))).json() == "ann"
        assert (await client.get("/api/v1/read", headers=_bearer("eve"))).status_code == 401


@pytest.mark.parametrize(("enable_auth", "with_another_role"), [(False, 200), (True, 403)])
async def test_reads_for_some_roles_need_the_role_where_authentication_is_enabled(
    keys_file: KeysFile, *, enable_auth: bool, with_another_role: int
) -> None:
    path = "/api/v1/admin/read"
    async with _client(_app(Settings(enable_auth, keys_file(ann="officer", bob="reader")))) as client:
        assert (await client.get(path, headers=_bearer("ann"))).json() == "ann"
        assert (await client.get(path, headers=_bearer("bob"))).status_code == with_another_role
        assert (await client.get(path)).status_code == (401 if enable_auth else 200)


async def test_without_a_file_no_key_is_valid() -> None:
    async with _client(_app()) as client:
        assert (await client.post("/api/v1/act", headers=_bearer("ann"))).status_code == 401


async def test_a_changed_file_of_keys_is_reloaded(keys_file: KeysFile) -> None:
    async with _client(_app(Settings(api_keys_file=keys_file(ann="officer")))) as client:
        keys_file(bob="officer")
        assert (await client.post("/api/v1/act", headers=_bearer("bob"))).status_code == 200
        assert (await client.post("/api/v1/act", headers=_bearer("ann"))).status_code == 401


async def test_a_file_of_keys_that_becomes_invalid_locks_nobody_out_and_is_reported(
    keys_file: KeysFile, logged: Logged
) -> None:
    path = keys_file(ann="officer")
    async with _client(_app(Settings(api_keys_file=path))) as client:
        for wrong in ("- {subject: eve", "{}", "- {subject: eve, roles: [officer], sha256: short}"):
            path.write_text(wrong)
            assert (await client.post("/api/v1/act", headers=_bearer("ann"))).status_code == 200
        path.unlink()
        assert (await client.post("/api/v1/act", headers=_bearer("ann"))).status_code == 200
    assert sum(line["event"].startswith("API keys cannot be reloaded") for line in logged()) == 4


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"roles": ["licensor"]}, "keys.yaml:1: .0.: the role licensor needs providers"),
        ({"roles": ["officer", "upstream"], "providers": []}, "the role upstream needs providers"),
        ({"providers": ["Not/One"]}, "keys.yaml:2: .*providers.*pattern"),
        ({"providers": "metabase"}, "providers: a list is required"),
        ({"signing_keys": ["k"]}, "signing_keys: a mapping is required"),
        ({"signing_keys": {"a:b": PUBLIC_KEY}}, "signing_keys.a:b.*pattern"),
        ({"signing_keys": {"k": "c2hvcnQ="}}, "a signing key must be 32 bytes in base64"),
        ({"signing_keys": {"k": 7}}, "a signing key must be 32 bytes in base64"),
        ({"sha256": None}, "an entry needs sha256 in lower-case hex, or signing_keys"),
        ({"provider": ["metabase"]}, "unknown key 'provider'"),
    ],
)
def test_an_invalid_entry_of_the_file_of_keys_is_reported(
    entry: dict[str, Any], error: str, tmp_path: Path
) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(yaml.safe_dump([{"subject": "eve", "roles": [], "sha256": "a" * 64, **entry}]))
    with pytest.raises(Stop, match=error):
        ApiKeys(path)


def test_a_key_acts_for_its_providers_and_an_officers_key_for_all(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    rows: list[dict[str, Any]] = [
        {"subject": "lex", "roles": ["licensor"], "sha256": _sha256("lex"), "providers": ["metabase"]},
        {"subject": "ann", "roles": ["officer"], "sha256": _sha256("ann")},
        {"subject": "eve", "roles": ["holder"], "sha256": _sha256("eve")},
    ]
    path.write_text(yaml.safe_dump(rows))
    keys = ApiKeys(path)
    allowed = {
        subject: [one for one in ("metabase", "partner") if caller.acts_for(one)]
        for subject in ("lex", "ann", "eve")
        if (caller := keys.caller(f"key of {subject}"))
    }
    assert allowed == {"lex": ["metabase"], "ann": ["metabase", "partner"], "eve": []}


def test_subjects_are_listed_once_each(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    rows: list[dict[str, Any]] = [
        {"subject": "ann", "roles": ["officer"], "sha256": _sha256("ann")},
        {"subject": "ann", "roles": ["reader"], "sha256": _sha256("ann too")},
        {"subject": "ingester", "roles": [], "signing_keys": {"ingester-1": PUBLIC_KEY}},
    ]
    path.write_text(yaml.safe_dump(rows))
    assert ApiKeys(path).subjects() == frozenset({"ann"})
    assert ApiKeys.none().subjects() is None


def test_a_signing_key_is_found_by_its_id_and_is_no_api_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    entry = {"subject": "ingester", "roles": [], "signing_keys": {"ingester-1": PUBLIC_KEY}}
    path.write_text(yaml.safe_dump([entry]))
    keys = ApiKeys(path)
    assert keys.signer("ingester-1") == (Caller("ingester", frozenset()), bytes(32))
    assert keys.signer("ingester-2") is None
    assert keys.caller("") is None
    path.write_text(yaml.safe_dump([entry, {**entry, "subject": "other"}]))
    with pytest.raises(Stop, match="duplicate signing key ingester-1"):
        ApiKeys(path)


@pytest.mark.parametrize("wrong", ["{}", "- {subject: eve}", "- [", "\x00"])
def test_a_file_of_keys_that_is_invalid_from_the_start_is_reported(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(wrong)
    with pytest.raises(Stop, match=r"API_KEYS_FILE .*keys.yaml cannot be used"):
        _app(Settings(api_keys_file=path))


async def test_the_caller_is_on_the_log_line_of_that_request_only(
    keys_file: KeysFile, logged: Logged
) -> None:
    async with _client(_app(Settings(api_keys_file=keys_file(ann="officer")))) as client:
        await client.post("/api/v1/act", headers=_bearer("ann"))
        await client.get("/api/v1/read")
    assert [line.get("subject") for line in logged() if line["event"] == "request"] == ["ann", None]


async def test_the_documentation_has_our_paths_and_our_problem(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs")).status_code == 200
    schema = (await client.get("/openapi.json")).json()
    assert schema["info"] == {"title": "Test", "version": "1.2.3"}
    responses = schema["paths"]["/api/v1/items"]["post"]["responses"]
    assert "422" not in responses
    reference = responses["4XX"]["content"]["application/problem+json"]["schema"]["$ref"]
    assert reference == "#/components/schemas/Problem"
    assert set(schema["components"]["schemas"]) >= {"Problem", "Items"}
    assert {"bearer", "header"} <= set(schema["components"]["securitySchemes"])


async def test_the_documentation_page_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert {f"/docs/{name}" for name in ASSETS} == set(loaded)
    for path in loaded:
        response = await client.get(path)
        assert (response.status_code, len(response.content) > 500) == (200, True), path
    assert "://" not in page
    assert (await client.get("/docs/index.html")).status_code == 404


@pytest.mark.parametrize("query", ["limt=3", "limit=3&Cursor=x", "limit=3&x=1&x=2"])
async def test_an_unknown_query_parameter_is_refused_and_named(client: httpx.AsyncClient, query: str) -> None:
    response = await client.get(f"/api/v1/items?{query}")
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["code"] == "unknown_parameter"
    assert error["path"] in query
    assert error["message"] == "Known parameters: cursor, fields, limit."


async def test_a_key_is_needed_before_parameter_names_are_returned(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/v1/act?x=1")).status_code == 401
    assert (await client.get("/api/v1/read?x=1")).json()["errors"][0][
        "message"
    ] == "This path has no query parameters."


def test_an_endpoint_or_dependency_that_would_run_in_a_thread_is_refused() -> None:
    def plain() -> str:
        return "x"

    async def endpoint(_: Annotated[str, Depends(plain)]) -> str:
        return "x"

    for wrong in (plain, endpoint):
        with pytest.raises(TypeError, match=r"/x: .*plain.* must be async"):
            Router().add_api_route("/x", wrong)


async def test_the_documentation_lists_the_roles(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert paths["/api/v1/act"]["post"]["x-roles"] == ["approver", "officer"]
    assert "x-roles" not in paths["/api/v1/read"]["get"]


async def test_concurrent_requests_keep_their_own_ids(client: httpx.AsyncClient, logged: Logged) -> None:
    names = [f"r-{number}" for number in range(20)]
    responses = await asyncio.gather(
        *(client.get("/api/v1/items", headers={"X-Request-ID": name}) for name in names)
    )
    assert [response.headers["x-request-id"] for response in responses] == names
    assert {line["request_id"] for line in logged() if line["event"] == "request"} == set(names)
