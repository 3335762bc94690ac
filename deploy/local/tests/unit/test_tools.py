"""The messages if the machine lacks something."""

from pathlib import Path

import pytest

from clawback_local import StackError, kafka


def a_java(folder: Path, version: str) -> Path:
    java = folder / "bin/java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-01' >&2\n")
    java.chmod(0o755)
    return java


def test_java_home_is_preferred_to_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = a_java(tmp_path, "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert kafka.java() == str(java)


@pytest.mark.parametrize("version", ["1.8.0_292", "11.0.2"])
def test_an_old_java_is_rejected_with_the_package_of_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    a_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(StackError, match="openjdk-17-jre-headless"):
        kafka.java()


def test_a_java_home_without_java_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(StackError, match=str(tmp_path)):
        kafka.java()


def test_missing_java_and_maven_are_reported_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(kafka, "CACHE", tmp_path)
    problem = kafka.missing_tools()
    assert "openjdk-17-jre-headless" in problem
    assert "package maven" in problem
    assert "needs setpriv of the package util-linux" in problem


def test_an_external_kafka_needs_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9092")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "Kafka" not in kafka.missing_tools()


def test_nothing_is_missing_on_this_machine() -> None:
    assert kafka.missing_tools() == ""


def test_the_first_broker_archives_the_classes_and_later_ones_use_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_java(tmp_path, "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    libs = tmp_path / "libs"
    (option,) = [word for word in kafka.argv(libs, tmp_path / "p") if "ArchiveClassesAtExit" in word]
    Path(option.partition("=")[2]).touch()
    later = kafka.argv(libs, tmp_path / "p")
    assert option.replace("ArchiveClassesAtExit", "SharedArchiveFile") in later
    assert option not in later
