"""Channels that reject, hang, disconnect and recover: no message is lost, sent twice, or delayed by another channel."""

import asyncio
import logging
import time
from dataclasses import replace
from typing import Any

import pytest

from alerting.domain.routing import Receiver, RoutingConfig
from alerting.gateways.channels import is_known_address, senders
from alerting.storage import messages
from alerting.use_cases.sending import send_one
from clawback_contracts.alert.v1 import Severity
from services.alerting.tests.integration.conftest import World

pytestmark = pytest.mark.integration


async def test_an_alert_is_not_lost_while_its_channel_is_down(world: World) -> None:
    await world.mail.stop()
    await world.fold(world.raised())
    for minutes in (0, 1, 5, 15, 60, 60):
        await world.pass_time(minutes=minutes)
    assert world.mail.mails == []
    await world.mail.start()
    await world.pass_time(minutes=60)
    subjects = [subject for subject in world.mail.subjects if "FeedStopped" in subject]
    assert subjects == ["[CRITICAL] FeedStopped (ingester)"]


async def test_a_channel_that_is_down_does_not_delay_the_others(world: World) -> None:
    world.mail.behaviour = "hangs"
    await world.fold(world.raised())
    hanging = asyncio.create_task(send_one("mail", world.sends["mail"], world.service))
    started = time.monotonic()
    await send_one("sms", world.sends["sms"], world.service)
    assert len(world.sms.texts) == 1
    assert time.monotonic() - started < 1.4
    await hanging
    assert (await world.message("mail"))["sent_at"] is None


async def test_a_message_is_retried_after_1_5_and_15_minutes_and_then_hourly(world: World) -> None:
    world.sms.status = 500
    await world.fold(world.raised())
    minutes = []
    for minute in range(145):
        before = world.sms.attempts
        await send_one("sms", world.sends["sms"], world.service)
        if world.sms.attempts > before:
            minutes.append(minute)
        world.clock.advance(minutes=1)
    assert minutes[:3] == [0, 1, 6]
    rows = await world.db.fetch("SELECT attempts FROM message WHERE channel = 'sms' ORDER BY due_at")
    assert rows[0]["attempts"] == 6, "after 0, 1, 6, 21, 81 and 141 minutes"


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [("refuses", "refused"), ("closes", "refused"), ("hangs", "no answer within 1.5 s")],
)
async def test_a_failed_mail_is_kept_with_a_reason_without_addresses(
    world: World, behaviour: Any, error: str
) -> None:
    world.mail.behaviour = behaviour
    await world.fold(world.raised())
    await world.deliver()
    row = await world.message("mail")
    assert (row["sent_at"], row["attempts"]) == (None, 1)
    assert row["error"] in {error, "refused"}
    world.mail.behaviour = "accepts"
    await world.pass_time(minutes=1)
    assert len(world.mail.mails) == 1


@pytest.mark.parametrize(
    ("status", "behaviour", "error"),
    [
        (500, "accepts", "status 500"),
        (429, "accepts", "status 429"),
        (200, "closes", "no connection"),
        (200, "hangs", "no connection"),
    ],
)
async def test_a_failed_text_message_is_kept_with_its_status(
    world: World, status: int, behaviour: Any, error: str
) -> None:
    world.sms.status, world.sms.behaviour = status, behaviour
    await world.fold(world.raised())
    await world.deliver()
    row = await world.message("sms")
    assert (row["sent_at"], row["error"]) == (None, error)
    world.sms.status, world.sms.behaviour = 200, "accepts"
    await world.pass_time(minutes=1)
    assert len(world.sms.texts) == 1


async def test_a_failing_channel_is_reported_by_the_others_and_resolved_by_the_first_success(
    world: World,
) -> None:
    await world.mail.stop()
    await world.fold(world.raised("FirstOne"), world.raised("SecondOne"))
    await world.pass_time(seconds=1)
    assert not [text for text in world.sms.texts if "ChannelDown" in text]
    await world.fold(world.raised("ThirdOne"))
    await world.pass_time(seconds=1)
    (down,) = [text for text in world.sms.texts if "ChannelDown" in text]
    assert down.startswith("[CRITICAL] ChannelDown: The channel mail has failed 3 times in a row")
    await world.mail.start()
    await world.pass_time(minutes=6)
    names = " ".join(world.mail.subjects)
    assert all(name in names for name in ("FirstOne", "SecondOne", "ThirdOne"))
    await world.pass_time(minutes=6)
    assert any(text.startswith("[RESOLVED] ChannelDown") for text in world.sms.texts)
    row = await world.db.fetchrow("SELECT failures, failing_since FROM channel WHERE name = 'mail'")
    assert row is not None
    assert (row["failures"], row["failing_since"]) == (0, None)


async def test_waiting_messages_are_sent_after_the_first_success_with_their_current_state(
    world: World,
) -> None:
    world.sms.status = 503
    await world.fold(world.raised("FirstOne"), world.raised("SecondOne"))
    await world.deliver()
    await world.pass_time(minutes=1)
    await world.pass_time(minutes=5)
    await world.fold(world.resolved("FirstOne"))
    world.sms.status = 200
    world.clock.advance(minutes=1)
    await world.fold(world.raised("ThirdOne"))
    await world.deliver()
    first = [text for text in world.sms.texts if "FirstOne" in text]
    assert first
    assert all(text.startswith("[RESOLVED]") for text in first)
    assert any(text.startswith("[CRITICAL] SecondOne") for text in world.sms.texts)


async def test_a_message_of_a_dead_sender_is_sent_by_another_after_its_lease(world: World) -> None:
    await world.fold(world.raised())
    claimed = await messages.claim(world.db, "sms", world.clock.now())
    assert claimed is not None
    await world.deliver()
    assert world.sms.texts == []
    await world.end_leases()
    await world.deliver()
    assert len(world.sms.texts) == 1
    assert world.sms.keys == [str(claimed.message_id)], "a duplicate can be recognised"


async def test_a_sender_that_dies_before_marking_sends_again_with_the_same_reference(world: World) -> None:
    await world.fold(world.raised())
    world.mail.confirmed = asyncio.Event()
    sending = asyncio.create_task(send_one("mail", world.sends["mail"], world.service))
    while not world.mail.mails:  # noqa: ASYNC110 - until the sink has stored it
        await asyncio.sleep(0.01)
    sending.cancel()
    world.mail.confirmed.set()
    world.mail.confirmed = None
    await world.end_leases()
    await world.deliver()
    references = {str(mail["X-Notification-Id"]) for mail in world.mail.mails}
    assert len(world.mail.mails) == 2
    assert len(references) == 1


async def test_undeliverable_messages_are_given_up_by_severity_and_recorded(world: World) -> None:
    await world.mail.stop()
    await world.fold(world.raised("MildOne", Severity.INFO))
    for hours in (1, 24):
        world.clock.advance(hours=hours)
        await world.deliver()
    rows = await world.db.fetch("SELECT given_up_at FROM message WHERE severity = 'info'")
    assert rows
    assert all(row["given_up_at"] for row in rows)


async def test_no_log_contains_a_recipient_or_a_summary(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world.mail.behaviour, world.sms.status = "refuses", 500
    await world.fold(world.raised(summary="canary of a summary"))
    await world.deliver()
    assert not logging.getLogger("apprise").propagate, "apprise's message, with addresses, is not passed on"
    ours = [record for record in caplog.records if record.name.split(".")[0] not in {"apprise", "mail"}]
    logged = "\n".join(record.getMessage() for record in ours)
    assert "ann@" not in logged
    assert "15550100" not in logged
    assert "canary" not in logged


async def test_messages_of_a_channel_removed_from_the_routes_file_are_given_up(world: World) -> None:
    world.sms.status = 500
    await world.fold(world.raised("FirstOne"), world.raised("SecondOne"), world.raised("ThirdOne"))
    await world.pass_time(seconds=1)
    await world.deliver()
    assert "ChannelDown" in "".join(world.mail.subjects)
    await messages.give_up_removed(world.db, ["mail"], world.clock.now())
    errors = {row["error"] for row in await world.db.fetch("SELECT error FROM message WHERE channel = 'sms'")}
    assert errors == {"the channel is not in the routes file any more"}


async def test_a_direct_channel_uses_its_own_address(world: World) -> None:
    routing = world.service.routing
    direct_channels = {"room": f"json://127.0.0.1:{world.sms.port}/room"}
    assert is_known_address(direct_channels["room"]), (
        "as the routes file is checked; the first check loads all plugins of apprise"
    )
    receivers = {**routing.receivers, "both": Receiver("both", (), ["room"])}
    service = replace(
        world.service, routing=RoutingConfig(routing.root, receivers, routing.recipients, direct_channels)
    )
    world.service, world.sends = service, senders(service.settings, service.routing)
    await world.fold(world.raised("MildOne", Severity.WARNING))
    await world.pass_time(seconds=31)
    (post,) = world.sms.posts
    assert post["title"] == "[WARNING] MildOne (ingester)"
    assert "What:    MildOne of something: fix it." in post["message"]
