"""The search for words of articles finds them wherever they may be."""

import gzip
from pathlib import Path

import pytest

from clawback_story import scanning

TOKEN = "cnry-0123456789ab"


@pytest.mark.parametrize(
    "place", ["logs/api.log", "mail/1-0.eml", "sms/1-0.json", "archive/compliance/1/records-1.jsonl.gz"]
)
def test_a_word_of_an_article_is_found_in_every_sink_and_archive(tmp_path: Path, place: str) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    raw = f"something {TOKEN} else".encode()
    file.write_bytes(gzip.compress(raw) if place.endswith(".gz") else raw)
    assert scanning.files(tmp_path) == {place: frozenset({TOKEN})}


def test_a_file_without_tokens_was_searched_too(tmp_path: Path) -> None:
    (tmp_path / "sms").mkdir()
    (tmp_path / "sms" / "1-0.json").write_text("{}")
    assert scanning.files(tmp_path) == {"sms/1-0.json": frozenset()}
