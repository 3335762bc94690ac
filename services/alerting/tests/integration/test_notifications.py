"""Events become one alert per condition, and each recipient is notified of each state of it once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from alerting.domain.alert import Raised
from alerting.domain.routing import RoutingConfig
from alerting.gateways.notification import Outgoing
from alerting.storage import alerts, messages, silences
from alerting.storage.retention import Alerts
from alerting.use_cases import beginning, folding, operators, sending
from clawback_common.errors import Conflict
from clawback_common.http.api_keys import Caller
from clawback_common.retention import Progress
from clawback_contracts.alert.v1 import Severity
from clawback_contracts.sweep.v1 import Action, Hold, SweepRequested
from services.alerting.tests.integration.conftest import World

pytestmark = pytest.mark.integration
SWEEP_ID = UUID(int=7)


async def test_a_repeated_alert_is_one_alert_with_a_count_and_one_mail(world: World) -> None:
    for _ in range(3):
        await world.fold(world.raised())
        world.clock.advance(seconds=20)
        await world.deliver()
    alert = await world.alert()
    assert (alert.count, alert.occurrence) == (3, 1)
    assert sorted(world.mail.to) == ["ann@clawback.example"]
    assert len(world.sms.texts) == 1


async def test_the_same_event_again_counts_once(world: World) -> None:
    event = world.raised()
    await world.fold(event, event, ids=["a", "a"])
    await world.fold(event, ids=["a"])
    assert (await world.alert()).count == 1


async def test_an_alert_is_not_suppressed_by_a_record_with_the_same_event_id(world: World) -> None:
    (forged,) = world.received([world.raised("Other", Severity.INFO)], ["the next id"])
    (page,) = world.received([world.raised()], ["the next id"])
    for one in (forged, forged._replace(sender=Caller("retention", frozenset()))):
        await folding.on_alerts([one], world.service)
    await folding.on_alerts([page._replace(sender=Caller("compliance", frozenset()))], world.service)
    assert (await world.alert()).status == "firing"


async def test_a_service_cannot_change_the_alert_of_another(world: World) -> None:
    await world.fold(world.raised())
    await world.fold(world.resolved(service="retention"))
    await world.fold(world.raised(service="retention", severity=Severity.INFO, summary="Not urgent."))
    alert = await world.alert()
    assert (alert.status, alert.service, alert.severity.value) == ("firing", "ingester", "critical")
    await world.fold(world.resolved())
    assert (await world.alert()).status == "resolved"


async def test_the_mail_contains_the_details_and_our_sender(world: World) -> None:
    await world.fold(world.raised(labels={"feed": "metabase-articles"}))
    await world.deliver()
    (mail,), (body,) = world.mail.mails, world.mail.bodies
    assert (mail["From"], mail["To"]) == ("alerts@clawback.example", "ann@clawback.example")
    assert mail["Auto-Submitted"] == "auto-generated"
    for part in (
        "FeedStopped of something: fix it.",
        "feed=metabase-articles",
        "critical",
        "docs/runbooks/FeedStopped.md",
    ):
        assert part in body
    assert mail.get_content_type() == "text/plain"
    reference = mail["X-Notification-Id"]
    assert f"Reference: {reference}" in body
    (post,) = world.sms.posts
    assert set(post) == {"to", "text", "id"}
    assert world.sms.keys == [post["id"]]


async def test_no_summary_injects_a_header_or_a_recipient(world: World) -> None:
    forged = "x\r\nBcc: eve@clawback.example\r\nX-Evil: 1\r\n\r\n.\r\nMAIL FROM:<eve@clawback.example>\r\n"
    await world.fold(
        world.raised(summary=forged, service=f"s{forged}", labels={f"l{forged}": forged}),
        world.raised("Other", summary=forged, severity=Severity.WARNING),
    )
    await world.pass_time(seconds=31)
    assert set(world.mail.to) == {"ann@clawback.example", "bob@clawback.example"}
    for mail in world.mail.mails:
        assert mail["Bcc"] is None
        assert mail["X-Evil"] is None
        assert not [
            line for line in mail.get_content().splitlines() if line.startswith(("Bcc", "X-Evil", "MAIL"))
        ]
    assert len(world.mail.mails) == 3


async def test_a_resolution_is_sent_to_the_notified_recipients(world: World) -> None:
    await world.fold(world.raised())
    await world.deliver()
    world.clock.advance(minutes=6)
    await world.fold(world.resolved())
    await world.deliver()
    assert [text.split(":")[0] for text in world.sms.texts] == [
        "[CRITICAL] FeedStopped",
        "[RESOLVED] FeedStopped",
    ]
    assert "Until:   2026-03-01 12:06:00 UTC" in world.mail.bodies[-1]


async def test_an_alert_that_is_no_longer_listed_is_resolved(world: World) -> None:
    unlisted = world.raised(listed=True)
    listed, once = world.raised("FeedFailing", listed=True), world.raised("ConsumerGap")
    other = world.raised("TakedownOverdue", service="compliance", listed=True)
    await world.fold(unlisted, listed, once, other)
    await world.deliver()
    world.clock.advance(hours=24)
    await world.fold(world.raised("FeedFallingBehind", listed=True))
    world.clock.advance(hours=1)
    await world.fold(world.listing(listed))
    assert await _firing(world) == [
        "ConsumerGap",
        "FeedFailing",
        "FeedFallingBehind",
        "FeedStopped",
        "TakedownOverdue",
    ]
    world.clock.advance(seconds=1)
    await world.fold(world.listing(listed))
    assert await _firing(world) == ["ConsumerGap", "FeedFailing", "FeedFallingBehind", "TakedownOverdue"]
    await world.deliver()
    assert any("[RESOLVED] FeedStopped" in subject for subject in world.mail.subjects)


async def _firing(world: World) -> list[str]:
    rows = await world.db.fetch("SELECT name FROM alert WHERE status = 'firing' ORDER BY name")
    return [row["name"] for row in rows]


async def test_an_alert_raised_again_after_its_end_is_notified_again(world: World) -> None:
    for _ in range(2):
        await world.fold(world.raised())
        await world.pass_time(minutes=6)
        await world.fold(world.resolved())
        await world.pass_time(minutes=6)
    assert [text.split("]")[0] for text in world.sms.texts] == ["[CRITICAL", "[RESOLVED"] * 2
    assert (await world.alert()).occurrence == 2


async def test_an_alert_that_began_and_ended_during_downtime_is_notified_once_as_resolved(
    world: World,
) -> None:
    raised = world.raised()
    world.clock.advance(minutes=3)
    await world.fold(raised, world.resolved())
    await world.deliver()
    assert world.mail.subjects == ["[RESOLVED] FeedStopped (ingester)"]


async def test_alerts_of_a_group_are_sent_in_one_mail_after_group_wait(world: World) -> None:
    await world.fold(world.raised("FirstOne", Severity.WARNING))
    await world.pass_time(seconds=20)
    await world.fold(world.raised("SecondOne", Severity.WARNING))
    await world.pass_time(seconds=9)
    assert world.mail.mails == []
    await world.pass_time(seconds=1)
    assert world.mail.subjects == ["[WARNING] FirstOne (ingester) and 1 more"] * 2
    assert sorted(world.mail.to) == ["ann@clawback.example", "bob@clawback.example"]
    await world.fold(world.raised("ThirdOne", Severity.WARNING))
    await world.pass_time(minutes=4)
    assert len(world.mail.mails) == 2, "the group waits for its interval"
    await world.pass_time(minutes=1)
    assert world.mail.subjects[2:] == ["[WARNING] ThirdOne (ingester)"] * 2


async def test_a_recipient_of_two_routes_gets_one_mail(world: World) -> None:
    await world.fold(world.raised("Twice"))
    await world.pass_time(minutes=10)
    assert world.mail.to == ["ann@clawback.example"]


async def test_a_firing_alert_is_repeated_until_acknowledged(world: World) -> None:
    await world.fold(world.raised())
    await world.deliver()
    await world.pass_time(minutes=59)
    assert len(world.sms.texts) == 1
    await world.pass_time(minutes=1)
    assert len(world.sms.texts) == 2
    assert "critical, reminder 1" in world.mail.bodies[-1]
    fingerprint = (await world.alert()).fingerprint
    acknowledged = await operators.acknowledge(fingerprint, "ann", world.service)
    assert acknowledged is not None
    assert acknowledged.acknowledged_by == "ann"
    await operators.acknowledge(fingerprint, "bob", world.service)
    assert (await world.alert()).acknowledged_by == "ann"
    await world.pass_time(hours=5)
    assert len(world.sms.texts) == 2


async def test_a_manual_resolution_names_the_person_and_the_next_alert_is_a_new_occurrence(
    world: World,
) -> None:
    await world.fold(world.raised())
    await world.deliver()
    world.clock.advance(minutes=6)
    fingerprint = (await world.alert()).fingerprint
    await operators.resolve_by_hand(fingerprint, "ann", world.service)
    await world.deliver()
    assert "UTC, by ann" in world.mail.bodies[-1]
    with pytest.raises(Conflict):
        await operators.resolve_by_hand(fingerprint, "ann", world.service)
    with pytest.raises(Conflict):
        await operators.acknowledge(fingerprint, "ann", world.service)
    assert await operators.acknowledge("0" * 16, "ann", world.service) is None
    world.clock.advance(minutes=6)
    await world.fold(world.raised())
    await world.deliver()
    assert (await world.alert()).occurrence == 2
    assert len(world.sms.texts) == 3


async def test_an_alert_still_firing_at_the_end_of_its_silence_is_notified(world: World) -> None:
    now = world.clock.now()
    span = (now, now + timedelta(hours=1))
    await operators.silence(['name="FeedStopped"'], span, "ann", "a change", world.service)
    await world.fold(world.raised(), world.raised("Other"))
    await world.pass_time(minutes=59)
    assert [text.split(":")[0] for text in world.sms.texts] == ["[CRITICAL] Other"]
    await world.pass_time(minutes=2)
    assert "[CRITICAL] FeedStopped" in {text.split(":")[0] for text in world.sms.texts}


async def test_a_silence_can_be_ended_before_its_time(world: World) -> None:
    now = world.clock.now()
    created = await operators.silence(
        ['name=~".*"'], (now, now + timedelta(hours=1)), "ann", "a change", world.service
    )
    await world.fold(world.raised())
    await world.pass_time(minutes=1)
    assert world.sms.texts == []
    ended = await operators.end_silence(created["silence_id"], "bob", world.service)
    assert ended is not None
    assert ended["ended_by"] == "bob"
    assert await operators.end_silence(created["silence_id"], "bob", world.service) is None
    await world.pass_time(seconds=10)
    assert len(world.sms.texts) == 1


@pytest.mark.parametrize(
    ("matchers", "mails"),
    [
        (['name=~".*"'], 2),
        (['severity="critical"'], 2),
        (['name="FeedStopped"'], 2),
        (['severity="info"'], 0),
        (['severity!="critical"', 'name=~".*"'], 0),
    ],
)
async def test_a_new_silence_that_may_mute_critical_alerts_is_notified_despite_the_silence(
    world: World, matchers: list[str], mails: int
) -> None:
    now = world.clock.now()
    await operators.silence(matchers, (now, now + timedelta(hours=1)), "ann", "a change", world.service)
    await world.pass_time(minutes=1)
    assert world.mail.subjects == ["[WARNING] SilenceCreated (alerting)"] * mails


async def test_the_number_of_silences_is_limited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "SILENCES_MAX", 2)
    now = world.clock.now()
    span = (now, now + timedelta(hours=1))
    for _ in range(2):
        await operators.silence(['severity="info"'], span, "ann", "a change", world.service)
    with pytest.raises(Conflict, match="2 silences already"):
        await operators.silence(['severity="info"'], span, "ann", "a change", world.service)


def flood(world: World, count: int) -> list[Raised]:
    """Events as pushed by Alertmanager: critical, each of another alert."""
    now = world.clock.now()
    return [
        Raised(f"Flood{n}", "alertmanager", Severity.CRITICAL, "Critical again.", now, {"n": str(n)})
        for n in range(count)
    ]


async def test_a_flood_is_limited_and_summarised_once_and_delays_none_of_our_alerts(world: World) -> None:
    settings = world.service.settings.model_copy(update={"notifications_per_source_h_max": 10})
    service = replace(world.service, settings=settings)
    await folding.fold_from_http(flood(world, 100), service)
    await world.fold(world.raised())
    ranks = await world.db.fetch("SELECT recipient, rank FROM message ORDER BY rank, due_at")
    first = await messages.claim(world.db, "sms", world.clock.now())
    assert first is not None
    (line,) = await messages.lines(world.db, first.message_id)
    assert line.name == "FeedStopped"
    assert len(ranks) == 10 + 2
    for _ in range(6):
        world.clock.advance(seconds=20)
        await folding.evaluate_firing(service)
        for channel, send in world.sends.items():
            while await sending.send_one(channel, send, service):
                pass
    assert world.mail.subjects.count("[WARNING] NotificationBudgetSpent (alerting)") == 2
    count = await world.db.fetchval(
        "SELECT count(*) FROM notification JOIN alert USING (fingerprint) WHERE service = 'alertmanager'"
    )
    assert count == 10
    summary = next(body for body in world.mail.bodies if "NotificationBudgetSpent" in body)
    assert "nobody was notified of 95 of its alerts" in " ".join(summary.split())


async def test_a_firing_alert_over_budget_is_notified_in_the_next_hour(world: World) -> None:
    settings = world.service.settings.model_copy(update={"notifications_per_source_h_max": 10})
    service = replace(world.service, settings=settings)
    await folding.fold_from_http(flood(world, 8), service)
    count = "SELECT count(DISTINCT fingerprint) FROM notification JOIN alert USING (fingerprint) WHERE service = $1"
    assert await world.db.fetchval(count, "alertmanager") == 5
    world.clock.advance(hours=1)
    await folding.evaluate_firing(service)
    assert await world.db.fetchval(count, "alertmanager") == 8


async def test_a_silence_that_cannot_be_parsed_mutes_nothing(world: World) -> None:
    now = world.clock.now()
    span = (now, now + timedelta(hours=1))
    await silences.insert(world.db, SWEEP_ID, ['name=~"(?=F).*"'], span, "ann", now, "an older comment")
    await operators.silence(['name="Other"'], span, "ann", "a change", world.service)
    await world.fold(world.raised(), world.raised("Other"))
    await world.deliver()
    assert [text.split(":")[0] for text in world.sms.texts] == ["[CRITICAL] FeedStopped"]


async def test_a_test_alert_reaches_every_recipient_despite_silences(world: World) -> None:
    now = world.clock.now()
    await operators.silence(
        ['name=~".*"'], (now, now + timedelta(hours=1)), "ann", "a silence of everything", world.service
    )
    await operators.send_test_alert("ann", world.service)
    await operators.send_test_alert("ann", world.service)
    await world.deliver()
    assert sorted(world.mail.to) == ["ann@clawback.example"] * 2 + ["bob@clawback.example"] * 2
    assert len(world.sms.texts) == 2


async def test_two_workers_notify_once(world: World) -> None:
    await world.fold(*(world.raised(f"Some{n}") for n in range(12)))
    await asyncio.gather(*(world.deliver() for _ in range(4)))
    assert len(world.mail.mails) == len(world.sms.texts) == 12
    assert len(set(world.mail.subjects)) == 12


async def test_a_suspended_sender_cannot_release_the_claim_of_another(world: World) -> None:
    await world.fold(world.raised())

    async def suspended(_: Outgoing) -> str:
        """Its lease expires while it sends; another sender has claimed the message and not sent it yet."""
        await world.end_leases()
        assert await messages.claim(world.db, "sms", world.clock.now()) is not None
        return "no answer"

    assert await sending.send_one("sms", suspended, world.service)
    world.clock.advance(seconds=10)
    assert await messages.claim(world.db, "sms", world.clock.now()) is None
    message = await world.message("sms")
    assert (message["attempts"], message["given_up_at"]) == (2, None)
    assert message["leased_until"] is not None


async def test_a_sender_whose_clock_is_ahead_cannot_claim_the_message_of_another(world: World) -> None:
    await world.fold(world.raised())
    assert await messages.claim(world.db, "sms", world.clock.now()) is not None
    world.clock.advance(minutes=2)
    assert await messages.claim(world.db, "sms", world.clock.now()) is None


async def test_the_same_event_folded_concurrently_is_queued_once(world: World) -> None:
    await asyncio.gather(*(world.fold(world.raised(), world.raised("Other")) for _ in range(6)))
    await world.deliver()
    assert len(world.mail.mails) == 2
    assert (await world.alert()).count == 6


async def test_an_alert_that_arrives_while_its_group_is_sent_gets_its_own_message(world: World) -> None:
    await world.fold(world.raised("FirstOne", Severity.WARNING))
    world.clock.advance(seconds=30)
    claimed = await messages.claim(world.db, "mail", world.clock.now())
    assert claimed is not None
    world.clock.advance(seconds=-1)  # another worker's clock, a second behind
    await world.fold(world.raised("SecondOne", Severity.WARNING))
    world.clock.advance(minutes=2)
    await world.end_leases()
    await world.deliver()
    assert "SecondOne" in "".join(world.mail.bodies)
    assert len([subject for subject in world.mail.subjects if "FirstOne" in subject]) == 2


async def test_a_recipient_who_withdrew_consent_after_queueing_is_not_notified(world: World) -> None:
    await world.fold(world.raised())
    routing = world.service.routing
    ann = replace(routing.recipients["ann"], withdrawn_at=world.clock.now().date())
    world.service = replace(
        world.service,
        routing=RoutingConfig(routing.root, routing.receivers, {**routing.recipients, "ann": ann}, {}),
    )
    await world.deliver()
    assert (world.mail.mails, world.sms.posts) == ([], [])
    assert (await world.message("sms"))["error"] == "the recipient may no longer be notified there"
    await beginning.begin(world.service)
    rows = await world.db.fetch("SELECT recipient, channel, withdrawn_at FROM consent ORDER BY id")
    assert len(rows) == 5
    await beginning.begin(world.service)
    assert await world.db.fetchval("SELECT count(*) FROM consent") == 5


async def test_a_sweep_keeps_notifications_of_firing_alerts_and_deletes_old_resolved_ones(
    world: World,
) -> None:
    await world.fold(world.raised("StillFiring"), world.raised("IsResolved"), world.raised("AlsoFiring"))
    await world.deliver()
    world.clock.advance(minutes=6)
    await world.fold(world.resolved("IsResolved"))
    await world.deliver()
    world.clock.advance(days=10)
    await world.fold(world.raised("IsNew"))
    await world.fold(world.resolved("IsNew"))
    await world.deliver()
    request = SweepRequested(
        sweep_id=SWEEP_ID,
        data_class="alerts",
        action=Action.DELETE,
        owners=("alerting",),
        before=world.clock.now() - timedelta(days=5),
        requested_at=world.clock.now(),
        requested_by="test",
    )
    owned = Alerts(world.db)
    counted = await owned.count(request)
    counts = await owned.remove(request, Progress())
    assert counted.found >= counts.removed > 0
    names = {
        one.name
        for one in await alerts.page(
            world.db,
            (world.clock.now() + timedelta(days=1), ""),
            status=None,
            severity=None,
            name=None,
            limit=10,
        )
    }
    assert names == {"StillFiring", "AlsoFiring", "IsNew"}
    again = await owned.remove(request, Progress())
    assert again.removed == 0
    await world.pass_time(hours=2)
    assert not [text for text in world.sms.texts if "[CRITICAL] IsResolved" in text][1:]
    assert await messages.of_alert(world.db, (await world.alert("StillFiring")).fingerprint)
    await world.fold(world.raised("IsResolved"))
    await world.deliver()
    assert len([text for text in world.sms.texts if "[CRITICAL] IsResolved" in text]) == 2, (
        "after the sweep it is a new alert"
    )


async def test_a_legal_hold_keeps_the_alerts_in_its_span(world: World) -> None:
    await world.fold(world.raised())
    await world.fold(world.resolved())
    await world.deliver()
    world.clock.advance(days=400)
    common = {
        "sweep_id": SWEEP_ID,
        "data_class": "alerts",
        "action": Action.DELETE,
        "owners": ("alerting",),
        "before": world.clock.now(),
        "requested_at": world.clock.now(),
        "requested_by": "test",
    }
    held = SweepRequested.model_validate({**common, "holds": (Hold(hold_id=SWEEP_ID),)})
    counts = await Alerts(world.db).remove(held, Progress())
    assert counts.removed == 0
    assert counts.held > 0
    await world.alert()
    assert (await Alerts(world.db).remove(SweepRequested.model_validate(common), Progress())).removed > 0
