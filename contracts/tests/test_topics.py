"""The topic files: complete, consistent with the events, and refused with a reason when invalid."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from clawback_contracts import topics
from clawback_contracts.registry import EVENTS
from clawback_contracts.topics import PROFILES, Topic, load_topics, read_topics, topic_named

HOURS = 3_600_000


@pytest.fixture
def written() -> dict[str, object]:
    """A topic file as values, to be changed by a test."""
    text = (topics.folder() / "articles.v1.yaml").read_text(encoding="utf-8")
    loaded: dict[str, object] = yaml.safe_load(text)
    return loaded


def test_every_topic_of_the_architecture_has_a_file() -> None:
    assert set(load_topics()) == {
        "article-submissions.v1",
        "articles.v1",
        "revocation-notices.v1",
        "revocations.v1",
        "removal-receipts.v1",
        "compliance-runs.v1",
        "alerts.v1",
        "sweeps.v1",
        "sweep-results.v1",
        "ingester.dlq.v1",
        "compliance.dlq.v1",
        "analytics.dlq.v1",
        "alerting.dlq.v1",
        "retention.dlq.v1",
    }


def test_every_event_is_listed_by_its_own_topics_only() -> None:
    for kind, event in EVENTS.items():
        naming = {topic.name for topic in load_topics().values() if kind in topic.events}
        meant = {
            topic.name
            for topic in load_topics().values()
            if topic.name == event.TOPIC.format(group=topic.owner)
        }
        assert naming == meant != set(), kind


def test_every_topic_has_known_events_with_the_key_that_they_declare() -> None:
    for topic in load_topics().values():
        for kind in topic.events:
            assert topic.key == EVENTS[kind].KEY, topic.name
            assert topic.key in EVENTS[kind].model_fields


def test_a_single_writer_topic_is_configured_like_the_shared_one() -> None:
    shared, own = load_topics()["article-submissions.v1"], topic_named("article-submissions.acme-2.v1")
    assert own is not None
    assert (own.writers, own.readers, own.events) == (("acme-2",), ("ingester",), shared.events)
    assert own.config("production") == shared.config("production")
    assert topic_named("article-submissions.v1") == shared


STRANGERS = """\
article-submissions.acme.v2 articles.acme.v1 article-submissions.Acme.v1 article-submissions..v1
article-submissions.a.b.v1 nothing.v1"""


@pytest.mark.parametrize("name", STRANGERS.split())
def test_a_topic_without_a_file_is_none(name: str) -> None:
    assert topic_named(name) is None


def test_only_compliance_writes_orders() -> None:
    assert load_topics()["revocations.v1"].writers == ("compliance",)


@pytest.mark.parametrize("profile", ["production", "local"])
def test_content_is_off_the_brokers_within_about_seven_hours(profile: topics.ProfileName) -> None:
    carrying = [topic for topic in load_topics().values() if topic.content]
    assert {topic.name for topic in carrying} == {"article-submissions.v1", "articles.v1"}
    for topic in carrying:
        kept = topic.profiles[profile]
        assert kept.retention == 6 * HOURS
        assert kept.retention + kept.segment + kept.file_delete_delay < 7 * HOURS


def test_the_residue_profile_deletes_content_within_half_a_minute() -> None:
    check_interval = 5_000
    for topic in load_topics().values():
        kept = topic.profiles["residue"]
        if topic.content:
            assert kept.retention + kept.segment + kept.file_delete_delay + check_interval < 30_000


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_deletes_by_the_brokers_clock_and_never_by_size(profile: topics.ProfileName) -> None:
    for topic in load_topics().values():
        config = topic.config(profile)
        assert config["cleanup.policy"] == "delete"
        assert config["message.timestamp.type"] == "LogAppendTime"
        assert config["retention.bytes"] == "-1"
        assert topic.partitions(profile) >= 3
        assert int(config["min.insync.replicas"]) <= topic.replicas(profile)


def test_production_survives_the_loss_of_a_broker() -> None:
    for topic in load_topics().values():
        assert (topic.replicas("production"), topic.config("production")["min.insync.replicas"]) == (3, "2")


def test_ids_are_kept_for_thirty_days_and_runs_for_ninety() -> None:
    kept = {name: int(topic.config("production")["retention.ms"]) for name, topic in load_topics().items()}
    assert kept["compliance-runs.v1"] == 90 * 24 * HOURS
    assert kept["revocations.v1"] == kept["removal-receipts.v1"] == kept["ingester.dlq.v1"] == 30 * 24 * HOURS


def test_the_loaded_topics_cannot_be_changed_by_their_callers() -> None:
    load_topics().clear()
    assert load_topics()


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("name", "other.v1", "the file must be named like its topic"),
        ("name", "Articles", "String should match pattern"),
        ("writers", [], "at least 1 item"),
        ("retention", "6 hours", "Extra inputs"),
        ("profiles", {}, "the file must be named like its topic, and have the profiles"),
    ],
)
def test_a_wrong_file_is_refused_and_named(
    tmp_path: Path, written: dict[str, object], field: str, value: object, problem: str
) -> None:
    (tmp_path / "articles.v1.yaml").write_text(yaml.safe_dump({**written, field: value}))
    with pytest.raises(ValueError, match=rf"(?s)^articles\.v1\.yaml: .*{problem}"):
        read_topics(tmp_path)


@pytest.mark.parametrize("duration", ["6h", "0 h", "-6 h", "6 hours", 21_600_000, None, "6 h "])
def test_a_duration_is_a_number_and_a_unit(written: dict[str, object], duration: object) -> None:
    profiles = yaml.safe_load(yaml.safe_dump(written["profiles"]))
    profiles["local"]["retention"] = duration
    with pytest.raises(ValueError, match="write a duration as a number, a space and s, min, h or d"):
        Topic.model_validate({**written, "profiles": profiles})


def test_a_folder_without_topics_is_an_error_and_not_an_empty_result(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no topic file in"):
        read_topics(tmp_path)


def test_a_file_that_is_not_yaml_is_refused_and_named(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(ValueError, match=r"^broken\.yaml: "):
        read_topics(tmp_path)


def test_the_installed_package_reads_the_topics_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "_topics").mkdir()
    monkeypatch.setattr(topics, "files", lambda _package: tmp_path)
    assert topics.folder() == tmp_path / "_topics"


def test_loading_topics_imports_no_event_model() -> None:
    program = (
        "import sys, clawback_contracts.topics as t; t.load_topics();"
        "sys.exit(any(name.endswith('.v1') for name in sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=False)  # noqa: S603  # our own words
    assert ended.returncode == 0
