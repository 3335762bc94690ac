"""An invalid entry of FEEDS stops the process with a text that names only the feed and the option."""

from pathlib import Path
from typing import Any

import pytest

from clawback_common.config.settings import Environment
from clawback_common.errors import Stop
from clawback_contracts.article.v1 import Licence, Source
from ingester.gateways.providers.rss.options import Options
from ingester.settings import FeedSettings, Settings

URL = "https://feeds.example/news.xml?token=s3cret"


def options(environment: Environment = "development", **changes: Any) -> Options:
    entry = {"name": "agency-a", "kind": "articles", "provider": "rss", "url": URL, "licence": "A", **changes}
    listed = FeedSettings.model_validate({name: value for name, value in entry.items() if value is not ...})
    return Options.of(listed, Settings.model_construct(environment=environment))


def test_an_address_and_a_licence_are_enough() -> None:
    found = options()
    assert (str(found.address), found.licence, found.source_key, found.language) == (URL, "A", None, None)
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": ...}, "feed agency-a, url: Field required"),
        ({"licence": ...}, "feed agency-a, licence: Field required"),
        ({"licence": ""}, "feed agency-a, licence: String should have at least 1 character"),
        ({"url": 7}, "feed agency-a, url: Input should be a valid string"),
        ({"url": "ftp://s3cret/"}, "feed agency-a, url: must have the scheme http or https, and a host"),
        ({"url": "file:///s3cret"}, "feed agency-a, url: must have the scheme http or https, and a host"),
        ({"url": "//s3cret"}, "feed agency-a, url: must have the scheme http or https, and a host"),
        ({"url": "https://"}, "feed agency-a, url: must have the scheme http or https, and a host"),
        (
            {"url": "https://s3cret:port/"},
            "feed agency-a, url: must have the scheme http or https, and a host",
        ),
        ({"language": "s3cret language"}, "feed agency-a, language: String should match pattern"),
        ({"licence_name": "s3cret", "a": 1}, "feed agency-a: rss does not support a, licence_name"),
        (
            {"url": "https://s3cret@feeds.example/", "authorization_file": "f"},
            "feed agency-a, authorization_file: the url already has a user",
        ),
        ({"kind": "revoked"}, "feed agency-a, kind: rss supports only articles"),
    ],
)
def test_an_invalid_option_is_named_without_its_value(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Stop) as stopped:
        options(**changes)
    assert str(stopped.value).startswith(words)
    assert "s3cret" not in str(stopped.value)


def test_outside_development_the_address_must_be_https() -> None:
    assert options(url="http://feeds.example/").address.scheme == "http"
    assert options("production").address.scheme == "https"
    with pytest.raises(Stop, match="feed agency-a, url: ENVIRONMENT=production needs https"):
        options("production", url="http://feeds.example/")


def test_the_authorization_header_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "authorization"
    found = options(authorization_file=str(file))
    with pytest.raises(Stop, match=r"feed agency-a, authorization_file: .* cannot be read"):
        found.authorization("agency-a")
    for wrong in ("", "\n", "Bearer a\nX: b"):
        file.write_text(wrong)
        with pytest.raises(Stop, match="must be one line of printable characters"):
            found.authorization("agency-a")
    file.write_text("Bearer a\n")
    authorization = found.authorization("agency-a")
    assert authorization is not None
    assert authorization.get_secret_value() == "Bearer a"
    assert found.origin(authorization) != found.origin(None)
    assert options().authorization("agency-a") is None


def test_the_source_options_match_the_contract() -> None:
    found = options(source_key="k" * 500, source_name="n", licence="l" * 500)
    assert Source(key=found.source_key or "", name=found.source_name).name == "n"
    assert Licence(name=found.licence).name == found.licence
