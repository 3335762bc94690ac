"""The processing of a provider's texts is as documented for partners."""

import json
import re
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from clawback_contracts.article.v1 import ArticleSubmitted
from ingester.entrypoints.http.bodies import validate_item
from ingester.gateways.providers.metabase.wire import parse_articles

DOCUMENT = Path(__file__).parents[5] / "docs" / "partners.md"
ROW = re.compile(
    r'^\| (?P<fields>[^|]+) \| (?P<what>[^|]+) \| `(?P<sent>".*")` \| `(?P<published>".*"|null)` \|$',
    re.MULTILINE,
)
ROWS = [
    (match["what"], match["fields"], json.loads(match["sent"]), json.loads(match["published"]))
    for match in ROW.finditer(DOCUMENT.read_text(encoding="utf-8").partition("## Texts")[2])
]
FIELDS = ("title", "body", "authors", "extra")
XML = "in XML"


def read(sent: str, received_at: datetime, *, as_xml: bool) -> ArticleSubmitted:
    """Parses an article with this text as its title, body, author and in an unknown field."""
    if as_xml:
        texts = f"<title>{sent}</title><content>{sent}</content><author><name>{sent}</name></author><odd>{sent}</odd>"
        fields = f"<sequenceId>1</sequenceId><id>2</id>{texts}"
        body = (
            f"<response><status>SUCCESS</status><articles><article>{fields}</article></articles></response>"
        )
        [found] = parse_articles(body.encode(), "application/xml", received_at=received_at).articles
        return found
    article = {
        "sequenceId": "1",
        "id": "2",
        "title": sent,
        "content": sent,
        "author": {"name": sent},
        "odd": sent,
    }
    page = orjson.dumps({"status": "SUCCESS", "articles": [article]})
    [found] = parse_articles(page, "application/json", received_at=received_at).articles
    return found


def one_line(text: str) -> str:
    """Returns the text as in a title or an author's name."""
    return " ".join(text.split())


def test_the_table_is_read() -> None:
    assert len(ROWS) == 9
    assert all(sent != published for _, _, sent, published in ROWS)


@pytest.mark.parametrize(
    ("fields", "sent", "published"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_text_is_published_as_documented(
    fields: str, sent: str, published: str | None, received_at: datetime
) -> None:
    found = read(sent, received_at, as_xml=XML in fields)
    texts = {
        "title": found.title,
        "authors": "".join(found.authors),
        "body": found.body,
        "extra": found.extra["odd"],
    }
    named = [name for name in FIELDS if f"`{name}`" in fields]
    for name in named or FIELDS:
        lines = named or name not in {"title", "authors"} or published is None
        assert texts[name] == (published if lines else one_line(str(published)))
    for name in set(FIELDS) - set(named) if named else ():
        assert texts[name] != published


def test_an_empty_title_is_kept_and_an_empty_body_is_absent(received_at: datetime) -> None:
    found = read(" \ufeff", received_at, as_xml=False)
    assert (found.title, found.body, found.authors) == ("", None, ())


def test_submitted_texts_are_accepted_unchanged() -> None:
    sent = " \ufeffA\r\n\u0093title\u0094\u00a0"
    article = {
        "article_id": "up:1",
        "published_at": "2026-02-28T12:00:00Z",
        "title": sent,
        "source": {"key": "s"},
    }
    errors, found = validate_item(orjson.dumps(article | {"body": sent}), ["up"])
    assert (errors, found and (found.title, found.body)) == ([], (sent, sent))
