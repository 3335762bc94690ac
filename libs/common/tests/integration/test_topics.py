"""The broker's topics must match the contract before anything is consumed."""

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Stop, Transient
from clawback_common.kafka import __main__ as command
from clawback_common.kafka.topics import provision, require_topics
from clawback_contracts.topics import load_topics
from clawback_testing.broker import Broker

pytestmark = pytest.mark.integration

TOPIC = "compliance-runs.v1"


@pytest.fixture
def settings(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> CommonSettings:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    return CommonSettings()


async def test_the_created_topics_are_those_of_the_contract(settings: CommonSettings, topics: Broker) -> None:
    assert await provision(settings) == []
    await require_topics(settings, load_topics())
    assert topics.bootstrap == settings.kafka_bootstrap_servers


async def test_a_missing_topic_is_waited_for_and_created_again(
    settings: CommonSettings, topics: Broker
) -> None:
    async with topics.admin() as admin:
        await admin.delete_topics([TOPIC])
    with pytest.raises(Transient, match=rf"missing topics: {TOPIC}\..*provision"):
        await require_topics(settings, load_topics())
    assert await provision(settings) == [TOPIC]
    await require_topics(settings, load_topics())


async def test_a_topic_with_another_retention_is_refused(settings: CommonSettings, topics: Broker) -> None:
    right = load_topics()[TOPIC].config(settings.topic_profile)
    async with topics.admin() as admin:
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, TOPIC, right | {"retention.ms": "1000"})]
        )
        try:
            with pytest.raises(Stop, match=rf"{TOPIC} has retention.ms=1000, not {right['retention.ms']}"):
                await require_topics(settings, [TOPIC])
        finally:
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC, right)])
    await require_topics(settings, [TOPIC])


async def test_too_few_partitions_are_refused(settings: CommonSettings, topics: Broker) -> None:
    stricter = settings.model_copy(update={"topic_profile": "production"})
    with pytest.raises(Stop, match=r"articles.v1 has 6 partitions, not 12"):
        await require_topics(stricter, ["articles.v1"])
    assert topics is not None


async def test_an_unavailable_broker_is_not_a_difference(
    settings: CommonSettings, unused_tcp_port: int
) -> None:
    unavailable = settings.model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{unused_tcp_port}"})
    with pytest.raises(Transient, match="the broker does not respond"):
        await require_topics(unavailable, [TOPIC])


def test_the_command_prints_what_it_created(
    settings: CommonSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert settings is not None
    assert command.main(["provision"]) == 0
    assert capsys.readouterr().out == "topics created: none, all of them exist\n"


def test_the_command_prints_the_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    for arguments, words in (
        ([], "usage"),
        (["provision", "--grant", "nobody=user"], "'nobody' is neither a service"),
    ):
        with pytest.raises(SystemExit) as ended:
            command.main(arguments)
        assert ended.value.code == 2
        assert words in capsys.readouterr().err
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{unused_tcp_port}")
    assert command.main(["provision"]) == 1
    assert "the broker does not respond" in capsys.readouterr().err
