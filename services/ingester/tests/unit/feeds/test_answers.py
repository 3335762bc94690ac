"""Responses as a whole: an invalid one is an error with its reason, without its content."""

from datetime import datetime

import orjson
import pytest

from ingester.gateways.providers.answers import Unreadable, UnreadableAnswer
from ingester.gateways.providers.metabase.codes import CODES, Action, ProviderFailure, failure
from ingester.gateways.providers.metabase.values import RateLimit
from ingester.gateways.providers.metabase.wire import parse_articles, parse_rate_limits

XML, JSON = "application/xml; charset=utf-8", "application/json"
GOOD = b"<response><status>SUCCESS</status><articles/></response>"
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    b"<response><status>SUCCESS</status><articles><article><title>&b;</title></article></articles></response>"
)


@pytest.mark.parametrize(
    ("body", "media", "reason"),
    [
        (b"", XML, Unreadable.EMPTY),
        (b" \r\n", None, Unreadable.EMPTY),
        (b"<!DOCTYPE html><html><body>Sorry</body></html>", XML, Unreadable.HTML),
        (b"<html><body>Sorry</body></html>", XML, Unreadable.HTML),
        (b"<p>Sorry</p>", "text/html", Unreadable.HTML),
        (GOOD, "text/html; charset=utf-8", Unreadable.HTML),
        (GOOD, "image/png", Unreadable.CONTENT_TYPE),
        (GOOD, "application/json", Unreadable.CONTENT_TYPE),
        (b'{"status":"SUCCESS","articles":[]}', "text/xml", Unreadable.CONTENT_TYPE),
        (b"Sorry", None, Unreadable.MALFORMED),
        (GOOD[:-4], XML, Unreadable.MALFORMED),
        (b'{"status":"SUCCESS","articles":[', JSON, Unreadable.MALFORMED),
        (b'{"status":"SUCCESS","articles":' + b"[" * 100_000, JSON, Unreadable.MALFORMED),
        (b"<response>" + b"<a>" * 100_000, XML, Unreadable.MALFORMED),
        (BOMB, XML, Unreadable.DOCTYPE),
        (b"<!-- <a> --><?x y?>" + BOMB[21:], XML, Unreadable.DOCTYPE),
        (BOMB.decode().encode("utf-16"), XML, Unreadable.DOCTYPE),
        (b'<?xml version="1.0" encoding="EBCDIC-CP-US"?>' + GOOD, XML, Unreadable.ENCODING),
        (b"<answer><status>SUCCESS</status><articles/></answer>", XML, Unreadable.NOT_AN_ANSWER),
        (b'"SUCCESS"', JSON, Unreadable.CONTENT_TYPE),
        (b"<response><articles/></response>", XML, Unreadable.NO_STATUS),
        (b'{"status":"SUCCESS","items":[]}', JSON, Unreadable.NO_LIST),
        (b'{"status":"SUCCESS","articles":"none"}', JSON, Unreadable.NOT_A_LIST),
    ],
)
def test_an_unusable_response_is_an_error_with_its_reason(
    body: bytes, media: str | None, reason: Unreadable, received_at: datetime
) -> None:
    with pytest.raises(UnreadableAnswer) as caught:
        parse_articles(body, media, received_at=received_at)
    assert caught.value.reason == reason
    assert "Sorry" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (GOOD, None),
        (GOOD, "text/xml"),
        (GOOD, "application/atom+xml"),
        (b"\xef\xbb\xbf" + GOOD, XML),
        (b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- hello -->' + GOOD, XML),
        (GOOD.replace(b"<response>", b'<response xmlns="urn:x" xmlns:y="urn:y" y:z="1">'), XML),
        (GOOD.decode().encode("utf-16"), XML),
        (b'{"status":"SUCCESS","articles":[]}', "application/json; charset=UTF-8"),
        (b'{"status":"success","articles":[]}', JSON),
        (b'{"status":"SUCCESS"}', JSON),
        (b"<response><status>SUCCESS</status><messageCode/></response>", XML),
    ],
)
def test_a_page_without_articles_is_caught_up_and_never_moves_the_cursor(
    body: bytes, media: str | None, received_at: datetime
) -> None:
    page = parse_articles(body, media, received_at=received_at)
    assert (page.articles, page.bad, page.last_sequence, page.count) == ((), (), None, 0)


def article(title: bytes) -> bytes:
    fields = b"<sequenceId>1</sequenceId><id>2</id><title>" + title + b"</title>"
    return (
        b"<response><status>SUCCESS</status><articles><article>"
        + fields
        + b"</article></articles></response>"
    )


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (b"a &#0; b", "a b"),
        (b"a\x0bb", "ab"),
        (b"caf\xe9", "caf\ufffd"),
        (b"one&nbsp;two &eacute; &lt;", "one two \u00e9 <"),
        (b"this & that &unheard;", "this & that &unheard;"),
        (b"<![CDATA[a & b &nbsp;]]> & c", "a & b &nbsp; & c"),
        (b"a &#xD800;&#99999999;b", "a b"),
        (b"a <!-- no --><b>bold</b> word", "a bold word"),
    ],
)
def test_invalid_bytes_in_one_article_do_not_fail_the_page(
    title: bytes, expected: str, received_at: datetime
) -> None:
    page = parse_articles(article(title), XML, received_at=received_at)
    assert [found.title for found in page.articles] == [expected]


@pytest.mark.parametrize("title", [b'"a\\ud800b"', b'"a\\u0000b"', b'"a\nb"', b'"a\xffb"', b'"a\x01b"'])
def test_invalid_bytes_in_one_json_string_do_not_fail_the_page(title: bytes, received_at: datetime) -> None:
    body = b'{"status":"SUCCESS","articles":[{"sequenceId":"1","id":"2","x":NaN,"title":' + title + b"}]}"
    [found] = parse_articles(body, JSON, received_at=received_at).articles
    assert found.title.replace(" ", "").replace("\ufffd", "") == "ab"


def test_a_latin_page_is_read_by_its_declared_encoding(received_at: datetime) -> None:
    body = b'<?xml version="1.0" encoding="ISO-8859-1"?>' + article(b"caf\xe9")
    assert parse_articles(body, XML, received_at=received_at).articles[0].title == "caf\u00e9"


def test_an_external_entity_is_never_fetched(received_at: datetime) -> None:
    body = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + article(b"&x;")
    with pytest.raises(UnreadableAnswer):
        parse_articles(body, XML, received_at=received_at)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("media", [XML, JSON])
def test_each_code_of_a_failure_has_an_action(code: int, media: str, received_at: datetime) -> None:
    fields = {
        "status": "FAILURE",
        "messageCode": str(code),
        "message": "the key abc123 is bad",
        "articles": [],
    }
    body = orjson.dumps(fields)
    if media == XML:
        inner = f"<status>FAILURE</status><messageCode>{code}</messageCode><message>the key abc123 is bad</message>"
        body = f"<response>{inner}<articles/></response>".encode()
    with pytest.raises(ProviderFailure) as caught:
        parse_articles(body, media, received_at=received_at)
    assert (caught.value.code, caught.value.action) == (code, CODES[code][0])
    assert "abc123" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "status", "action"),
    [
        (None, None, Action.TRANSIENT),
        (9123, None, Action.TRANSIENT),
        (9123, 400, Action.TRANSIENT),
        (9123, 403, Action.TRANSIENT),
        (1999, 400, Action.OUR_BUG),
        (1999, None, Action.OUR_BUG),
        (1004, 500, Action.WAIT),
        (1000, 200, Action.STOP_AND_PAGE),
        (None, 401, Action.STOP_AND_PAGE),
        (None, 403, Action.STOP_AND_PAGE),
        (None, 404, Action.OUR_BUG),
        (None, 408, Action.TRANSIENT),
        (None, 429, Action.WAIT),
        (None, 503, Action.TRANSIENT),
    ],
)
def test_the_code_decides_and_the_status_is_the_fallback(
    code: int | None, status: int | None, action: Action
) -> None:
    assert failure(code, status).action is action


def test_the_quotas_of_a_key_are_read_in_both_formats() -> None:
    expected = (RateLimit("MINUTE", 3, 1), RateLimit("DAY", None, None))
    json = b'{"status":"SUCCESS","rateLimits":[{"unit":"MINUTE","limit":"3","counter":1},{"unit":"DAY"},{}]}'
    xml = (
        b"<response><status>SUCCESS</status><rateLimits><rateLimit><unit>MINUTE</unit><limit>3</limit><counter>1</counter>"
        b"</rateLimit><rateLimit><unit>DAY</unit></rateLimit><rateLimit/></rateLimits></response>"
    )
    assert parse_rate_limits(json, JSON) == parse_rate_limits(xml, XML) == expected
