"""The file of feeds and the key are checked at start-up."""

from pathlib import Path

import pytest

from clawback_common.service.cli import main
from clawback_common.service.process import load_or_exit
from ingester.service import SERVICE
from ingester.settings import FeedSettings, Settings


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        load_or_exit(Settings)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "feeds.yaml"
    monkeypatch.setenv("FEEDS", str(path))
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("feeds: [", "not YAML"),
        ("[secret]", "a mapping is required"),
        ("feed: []", "unknown key 'feed'"),
        ("feeds: secret", "feeds: a list is required"),
        (
            "feeds:\n  - {name: one, kind: secret}",
            ":2: feeds[0].kind: Input should be 'articles' or 'revoked'",
        ),
        (
            "feeds:\n  - {name: one, kind: revoked}\n  - {name: one, kind: articles}",
            ":3: duplicate feed one",
        ),
    ],
)
def test_a_bad_file_of_feeds_is_named_when_a_process_starts(
    file: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    file.write_text(text)
    output = refused(capsys)
    assert f"FEEDS: {file}" in output
    assert words in output


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{name: one, kind: revoked, secret: 1}", "feed one: metabase does not support secret"),
        ("{name: one, kind: articles, provider: nobody}", "feed one: the provider nobody is not supported"),
        ("{name: one, kind: articles, provider: rss}", "feed one, url: Field required"),
        ("{name: one, kind: articles, provider: port}", "feed one: the provider port is not supported"),
    ],
)
def test_an_entry_that_its_provider_cannot_use_ends_every_role_with_2(
    file: Path, capsys: pytest.CaptureFixture[str], entry: str, words: str
) -> None:
    file.write_text(f"feeds:\n  - {entry}\n")
    assert main(SERVICE, ["migrate"]) == 2
    assert words in capsys.readouterr().err


def test_a_missing_file_of_feeds_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"FEEDS: {file} cannot be read: No such file" in refused(capsys)


def test_a_good_file_of_feeds_is_read(file: Path) -> None:
    file.write_text("feeds:\n  - {name: one, kind: revoked}\n")
    assert [feed.name for feed in Settings().feed_list] == ["one"]
    file.write_text("")
    assert Settings().feed_list == ()


@pytest.mark.parametrize(
    ("feed", "minutes"),
    [
        ({"kind": "articles", "tier": "premium"}, 15),
        ({"kind": "articles", "tier": "free"}, 24 * 60),
        ({"kind": "articles"}, 15),
        ({"kind": "revoked", "tier": "premium"}, 60),
        ({"kind": "revoked", "tier": "free"}, 60),
        ({"kind": "articles", "tier": "free", "every": "90s"}, 1.5),
    ],
)
def test_a_feed_is_polled_at_the_interval_of_its_tier(feed: dict[str, str], minutes: float) -> None:
    assert FeedSettings.model_validate({"name": "one", **feed}).interval_s == minutes * 60


@pytest.mark.parametrize("key", ["", "  "])
def test_an_empty_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    monkeypatch.setenv("METABASE_API_KEY", key)
    assert "METABASE_API_KEY is empty: set the provider's key" in refused(capsys)


def test_no_text_of_a_feed_has_its_options() -> None:
    listed = FeedSettings.model_validate({"name": "one", "kind": "articles", "url": "https://secret"})
    assert listed.options == {"url": "https://secret"}
    assert "secret" not in f"{listed} {listed!r}"
