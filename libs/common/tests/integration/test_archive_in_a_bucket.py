"""Archives in a bucket, on a server that speaks S3 and misbehaves."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clawback_common.errors import Poison, Transient
from clawback_common.retention import archive, objects
from clawback_common.retention.archive import MANIFEST, ArchiveStore, Record
from clawback_contracts.sweep.v1 import Archive
from clawback_testing.s3 import KEY_ID, S3, SECRET, Trouble
from clawback_testing.waiting import until

pytestmark = pytest.mark.integration

AT = datetime(2026, 3, 1, tzinfo=UTC)
NAME = "records/one/00001"
RECORDS = [Record("notice" if n % 2 else "order", {"n": n}) for n in range(7)]
PART = f"a prefix/{NAME}/part-00001.jsonl.gz"
BOUND_S = 10.0
"""Above what two attempts of a test take, with an idle second for a busy machine."""


@pytest.fixture
def store(s3: S3, monkeypatch: pytest.MonkeyPatch) -> ArchiveStore:
    """Archives below a prefix, with at most three records per file."""
    assert s3.objects == {}
    monkeypatch.setattr(archive, "RECORDS_MAX", 3)
    return ArchiveStore("s3://archive/a%20prefix")


async def write(store: ArchiveStore) -> Archive:
    return await asyncio.to_thread(store.write, NAME, RECORDS, AT)


async def test_records_are_written_with_one_request_a_file_and_the_manifest_last_and_read_back(
    s3: S3, store: ArchiveStore
) -> None:
    written = await write(store)
    names = [*(f"part-0000{n}.jsonl.gz" for n in (1, 2, 3)), MANIFEST]
    keys = [f"a prefix/{NAME}/{name}" for name in names]
    assert s3.requests == [
        *(f"PUT {key}" for key in keys),
        f"GET {keys[-1]}",
        *(f"GET {key}" for key in keys[:-1]),
    ]
    assert await asyncio.to_thread(lambda: list(store.read(written.path))) == RECORDS
    assert await asyncio.to_thread(store.manifests) == [written.path] == [f"{NAME}/{MANIFEST}"]


async def test_a_bucket_that_was_copied_to_a_folder_is_verified_there(
    s3: S3, store: ArchiveStore, tmp_path: Path
) -> None:
    written = await write(store)
    for key, body in s3.objects.items():
        copied = tmp_path / key
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes(body)
    folder = ArchiveStore((tmp_path / "a prefix").as_uri())
    assert folder.manifests() == [written.path]
    assert list(folder.read(written.path)) == RECORDS


async def test_an_object_that_was_changed_is_named(s3: S3, store: ArchiveStore) -> None:
    written = await write(store)
    s3.objects[PART] = s3.objects[PART][:-1] + b"?"
    with pytest.raises(Poison, match=r"archive_damaged: part-00001\.jsonl\.gz"):
        await asyncio.to_thread(store.verify, written.path)
    del s3.objects[PART]
    with pytest.raises(Poison, match=r"archive_damaged: .*part-00001\.jsonl\.gz is missing"):
        await asyncio.to_thread(store.verify, written.path)


async def test_a_store_that_keeps_another_byte_than_was_written_is_found(s3: S3, store: ArchiveStore) -> None:
    s3.trouble["PUT"] = "one byte differs"
    with pytest.raises(Poison, match="archive_damaged"):
        await write(store)


@pytest.mark.parametrize(
    ("method", "trouble", "cause"),
    [
        ("PUT", "away", r"written \(503 Service Unavailable\)"),
        ("PUT", "denied", r"written \(403 Forbidden\)"),
        ("PUT", "in another region", r"written \(incorrectly configured region\)"),
        ("PUT", "hangs", r"written \(Timeout\)"),
        ("GET", "away", r"read \(503 Service Unavailable\)"),
        ("GET", "denied", r"read \(403 Forbidden\)"),
        ("GET", "hangs", r"read \(Timeout\)"),
        ("GET", "drips", "read"),
        ("GET", "ends early", "read"),
    ],
)
async def test_a_store_that_is_away_refuses_or_is_slow_is_tried_again_later_and_soon_given_up(
    s3: S3, store: ArchiveStore, method: str, trouble: Trouble, cause: str
) -> None:
    s3.trouble[method] = trouble
    began = time.monotonic()
    with pytest.raises(Transient, match=f"the archive cannot be {cause}") as failed:
        await write(store)
    assert time.monotonic() - began < BOUND_S
    for secret in (KEY_ID, SECRET, "http", "127.0.0.1"):
        assert secret not in str(failed.value)


async def test_a_moment_of_slowness_is_overcome_within_the_request(s3: S3, store: ArchiveStore) -> None:
    s3.trouble["PUT"] = "away"
    writing = asyncio.create_task(write(store))
    await until(lambda: bool(s3.requests), what="the first request")
    s3.trouble.clear()
    assert (await writing).records == len(RECORDS)


async def test_nobody_listens(store: ArchiveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(Transient, match=r"cannot be written \(Connect"):
        await write(store)


async def test_a_bucket_at_google_is_written_and_read_back(s3: S3) -> None:
    store = ArchiveStore("gs://archive/x")
    written = await write(store)
    assert set(s3.objects) == {f"x/{NAME}/part-00001.jsonl.gz", f"x/{written.path}"}
    assert await asyncio.to_thread(store.manifests) == [written.path]


async def test_wrong_credentials_are_refused(store: ArchiveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    with pytest.raises(Transient, match="403 Forbidden"):
        await write(store)


async def test_without_tls_nothing_is_sent_where_tls_is_required(s3: S3) -> None:
    with pytest.raises(Transient, match=r"cannot be written \(BadScheme\)"):
        await write(ArchiveStore("s3://archive/x", tls_only=True))
    assert s3.requests == []


def test_a_hung_store_holds_a_sweep_for_less_than_two_minutes_an_object() -> None:
    client, retries = objects.CLIENT, objects.RETRIES
    longest = retries["retry_timeout"] + client["timeout"]  # type: ignore[operator]
    assert longest <= timedelta(seconds=90)
    assert client["connect_timeout"] <= client["timeout"]  # type: ignore[operator]
