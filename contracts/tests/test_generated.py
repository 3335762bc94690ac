"""The generated files: they match the models, schemas stay compatible, and AsyncAPI is valid for other tools."""

import json
import math
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clawback_contracts import cloudevents
from clawback_contracts.alert.v1 import AlertRaised
from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.envelope import Event
from clawback_contracts.registry import ANSWER, BODIES, EVENTS, QUESTION
from clawback_contracts.revocation.v1 import ArticleRemoved
from clawback_contracts.signatures import Signer
from clawback_contracts.topics import load_topics
from contracts.generator import schemas
from contracts.generator.__main__ import main
from contracts.generator.compatibility import incompatibility
from contracts.generator.files import CONTRACTS, write

TOOLS = CONTRACTS / "tools" / "asyncapi"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with all generated files."""
    write(tmp_path)
    return tmp_path


def schema(event: type[Event]) -> str:
    return schemas.schema(schemas.short_name(event), event)


def changed(event: type[Event], change: Change) -> str:
    found = json.loads(schema(event))
    change(found)
    return json.dumps(found)


def a_new_part(schema: dict[str, Any]) -> None:
    schema["$defs"]["New"] = {"type": "object", "properties": {"a": {"type": "string", "pattern": "x"}}}
    schema["properties"]["new"] = {"anyOf": [{"$ref": "#/$defs/New"}, {"type": "null"}]}


def a_new_part_that_must_be_there(schema: dict[str, Any]) -> None:
    a_new_part(schema)
    schema["required"].append("new")


KEPT: dict[str, tuple[type[Event], Change]] = {
    "nothing changed": (ArticlePublished, lambda _: None),
    "an optional field came": (ArticlePublished, lambda it: it["properties"].update(new={"type": "string"})),
    "an optional field came further in": (
        ArticlePublished,
        lambda it: it["$defs"]["Source"]["properties"].update(new={"type": "string"}),
    ),
    "an optional part came": (ArticlePublished, a_new_part),
    "the words of a description changed": (ArticlePublished, lambda it: it.update(description="other")),
}
BROKEN: dict[str, tuple[type[Event], Change]] = {
    "an optional field went": (ArticlePublished, lambda it: it["properties"].pop("body")),
    "a required field went": (
        ArticlePublished,
        lambda it: (it["properties"].pop("version"), it["required"].remove("version")),
    ),
    "a field further in went": (ArticlePublished, lambda it: it["$defs"]["Source"]["properties"].pop("name")),
    "a field was made required": (ArticlePublished, lambda it: it["required"].append("body")),
    "a field was made optional": (ArticlePublished, lambda it: it["required"].remove("version")),
    "a required field came": (
        ArticlePublished,
        lambda it: (it["properties"].update(new={"type": "string"}), it["required"].append("new")),
    ),
    "a required part came": (ArticlePublished, a_new_part_that_must_be_there),
    "a type changed": (ArticlePublished, lambda it: it["properties"].update(title={"type": "integer"})),
    "a type was narrowed": (ArticlePublished, lambda it: it["properties"].update(body={"type": "string"})),
    "a type was widened": (
        ArticlePublished,
        lambda it: it["properties"].update(title={"type": ["string", "null"]}),
    ),
    "a bound was narrowed": (ArticlePublished, lambda it: it["properties"]["title"].update(maxLength=10)),
    "a pattern changed": (ArticlePublished, lambda it: it["properties"]["article_id"].update(pattern="^x")),
    "a format changed": (ArticlePublished, lambda it: it["properties"]["published_at"].update(format="date")),
    "an enum's value went": (AlertRaised, lambda it: it["$defs"]["Severity"]["enum"].pop()),
    "an enum's value came": (AlertRaised, lambda it: it["$defs"]["Severity"]["enum"].append("new")),
    "an enum's value further in went": (ArticleRemoved, lambda it: it["$defs"]["Outcome"]["enum"].pop()),
}


@pytest.mark.parametrize(("event", "change"), KEPT.values(), ids=KEPT)
def test_a_schema_is_compatible_when(event: type[Event], change: Change) -> None:
    assert incompatibility(schema(event), changed(event, change)) is None


@pytest.mark.parametrize(("event", "change"), BROKEN.values(), ids=BROKEN)
def test_a_schema_is_incompatible_when(event: type[Event], change: Change) -> None:
    assert "needs a new major version" in (incompatibility(schema(event), changed(event, change)) or "")


def test_the_committed_files_match_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_the_models_are_compatible_with_every_committed_schema() -> None:
    assert schemas.incompatible(CONTRACTS) == []


def test_a_missing_a_stale_and_an_edited_file_are_each_named(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "schemas" / "alert.raised.v1.json").unlink()
    (checkout / "schemas" / "gone.v1.json").write_text("{}")
    (checkout / "asyncapi.yaml").write_text("asyncapi: 3.0.0\n")
    assert main(["--check"], checkout) == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors == [
        "schemas/gone.v1.json: nothing generates this file",
        "schemas/alert.raised.v1.json: differs from the source; run `make contracts`",
        "asyncapi.yaml: differs from the source; run `make contracts`",
    ]


def test_an_incompatible_schema_is_not_overwritten(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = checkout / "schemas" / "article.published.v1.json"
    promised = changed(ArticlePublished, lambda it: it["properties"].update(dear={"type": "string"}))
    file.write_text(promised)
    assert main([], checkout) == 1
    assert "article.published.v1.json: older messages could no longer" in capsys.readouterr().err
    assert file.read_text() == promised
    assert main(["--before-release"], checkout) == 0
    assert file.read_text() == schema(ArticlePublished)


def test_generating_again_writes_what_check_accepts(tmp_path: Path) -> None:
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0


def _bounds(part: Any) -> Iterator[tuple[float, float]]:
    """Yield the minimum and maximum of every integer in a schema."""
    if isinstance(part, dict):
        if part.get("type") == "integer":
            yield part.get("minimum", -math.inf), part.get("maximum", math.inf)
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _bounds(inner)


@pytest.mark.parametrize("file", sorted((CONTRACTS / "schemas").iterdir()), ids=lambda file: file.name)
def test_every_integer_is_exact_in_javascript(file: Path) -> None:
    beyond = [found for found in _bounds(json.loads(file.read_text())) if max(map(abs, found)) > 2**53 - 1]
    assert beyond == []


def the_document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text())
    return loaded


def test_asyncapi_fits_its_official_schema() -> None:
    official = json.loads((TOOLS / "asyncapi-3.0.0.schema.json").read_text())
    validator = jsonschema.Draft7Validator(official)
    assert [error.message for error in validator.iter_errors(the_document())] == []
    spoilt = the_document()
    spoilt["channels"]["articles.v1"]["adress"] = "articles.v1"
    assert list(validator.iter_errors(spoilt))


def test_asyncapi_describes_writers_readers_and_retention_of_every_topic() -> None:
    document = the_document()
    of_one_writer = document["channels"].pop("article-submissions.writer.v1")
    assert of_one_writer["address"] == "article-submissions.{writer}.v1"
    assert set(of_one_writer["parameters"]) == {"writer"}
    assert set(document["channels"]) - {"holdings"} == set(load_topics())
    for name, topic in load_topics().items():
        channel = document["channels"][name]
        assert set(channel["messages"]) == {schemas.short_name(EVENTS[kind]) for kind in topic.events}
        kafka = channel["bindings"]["kafka"]
        assert kafka["partitions"] == topic.partitions("production")
        kept = topic.config("production")
        for key, value in kafka["topicConfiguration"].items():
            assert kept[key] == (value[0] if isinstance(value, list) else str(value))
        for action, parties in (("send", topic.writers), ("receive", topic.readers)):
            for who in parties:
                assert document["operations"][f"{who}.{action}.{name}"]["action"] == action


def test_asyncapi_describes_the_headers_that_a_record_has() -> None:
    described = the_document()["components"]["schemas"]["headers"]
    signer = Signer(Ed25519PrivateKey.generate())
    written = cloudevents.headers(uuid4(), "search", "a.v1", "key", b"{}", datetime.now(UTC), "00-1", signer)
    assert set(described["properties"]) == {name for name, _ in written}
    required = cloudevents.headers(uuid4(), "search", "a.v1", "key", b"{}", datetime.now(UTC))
    assert set(described["required"]) == {name for name, _ in required}


def test_asyncapi_points_to_a_schema_for_every_event() -> None:
    messages = the_document()["components"]["messages"]
    assert {message["name"] for message in messages.values()} == {*EVENTS, *BODIES}
    for message in messages.values():
        assert (CONTRACTS / message["payload"]["$ref"]).is_file()


def test_asyncapi_describes_the_holdings_query_and_its_answer() -> None:
    document = the_document()
    operation = document["operations"]["holder.receive.holdings"]
    assert [message["$ref"].rpartition("/")[2] for message in operation["messages"]] == [QUESTION]
    assert [message["$ref"].rpartition("/")[2] for message in operation["reply"]["messages"]] == [ANSWER]
    assert operation["bindings"]["http"]["method"] == "POST"
    assert document["channels"]["holdings"]["servers"] == [{"$ref": "#/servers/holder"}]
    assert all(channel["servers"] for channel in document["channels"].values())


@pytest.mark.timeout(180)
def test_asyncapis_own_parser_accepts_the_document() -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("no Node here: AsyncAPI's own parser did not look at the document")
    workshop = CONTRACTS.parent / ".run" / "cache" / "asyncapi"
    workshop.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "check.mjs"):
        shutil.copy(TOOLS / name, workshop)
    if not (workshop / "node_modules" / "@asyncapi" / "parser").is_dir():
        install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        if subprocess.run(install, cwd=workshop, check=False, capture_output=True).returncode != 0:  # noqa: S603  # our own words
            pytest.skip("npm could not install AsyncAPI's own parser: it did not look at the document")
    looked = subprocess.run(  # noqa: S603  # our own words
        [node, "check.mjs", CONTRACTS / "asyncapi.yaml"],
        cwd=workshop,
        check=False,
        capture_output=True,
        text=True,
    )
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert "error" not in looked.stdout
    assert "warning" not in looked.stdout
