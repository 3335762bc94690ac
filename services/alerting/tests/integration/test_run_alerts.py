"""The notifications about compliance runs, checked in the received mails and text messages."""

from importlib.resources import files

import pytest

from clawback_contracts.alert.v1 import AlertRaised, Severity, fingerprint
from services.alerting.tests.integration.conftest import World

pytestmark = pytest.mark.integration
OFFICER = "officer@clawback.example"


@pytest.fixture
def routes() -> str:
    """The packaged example of the routes file."""
    return files("alerting").joinpath("routes.example.yaml").read_text()


def mails_to(world: World, address: str) -> list[str]:
    return [str(mail["Subject"]) for mail in world.mail.mails if address in str(mail["To"])]


async def test_an_overdue_run_is_sent_by_mail_and_sms_within_five_minutes_of_hour_25(world: World) -> None:
    """No run is reported: neither the scheduler nor compliance's own monitoring is running."""
    await world.run(world.completed())
    await world.deliver()
    world.mail.mails.clear()
    await world.pass_time(hours=25)
    assert (world.mail.subjects, world.sms.texts) == ([], [])
    await world.pass_time(minutes=1)
    assert mails_to(world, OFFICER) == ["[CRITICAL] ComplianceRunOverdue (compliance)"]
    (text,) = world.sms.texts
    assert text.startswith(
        "[CRITICAL] ComplianceRunOverdue: The last compliance run completed at 2026-03-01 12:00 UTC"
    )
    assert world.sms.posts[0]["to"] == "+15550100"


async def test_without_any_run_overdue_counts_from_the_first_start(world: World) -> None:
    await world.pass_time(hours=25)
    assert world.mail.subjects == []
    await world.pass_time(minutes=5)
    assert mails_to(world, OFFICER) == ["[CRITICAL] ComplianceRunOverdue (compliance)"]
    assert "No compliance run has completed since" in world.sms.texts[0]


async def test_alerting_and_compliance_raise_the_same_alert(world: World) -> None:
    await world.pass_time(hours=25, minutes=1)
    labels: dict[str, str] = {}
    of_compliance = AlertRaised(
        fingerprint=fingerprint("compliance", "ComplianceRunOverdue", labels),
        name="ComplianceRunOverdue",
        service="compliance",
        severity=Severity.CRITICAL,
        summary="The same.",
        labels=labels,
        raised_at=world.clock.now(),
    )
    await world.fold(of_compliance)
    await world.pass_time(seconds=30)
    assert len(mails_to(world, OFFICER)) == 1
    assert len(world.sms.texts) == 1


async def test_an_overdue_run_is_repeated_hourly_and_resolved_by_the_next_completed_run(world: World) -> None:
    await world.pass_time(hours=25, minutes=1)
    for _ in range(12):
        await world.pass_time(minutes=10)
    assert len(world.sms.texts) == 3
    await world.run(world.completed())
    await world.pass_time(minutes=6)
    assert world.sms.texts[-1].startswith("[RESOLVED] ComplianceRunOverdue")
    before = len(world.sms.texts)
    await world.pass_time(hours=24)
    assert len(world.sms.texts) == before


async def test_a_failed_run_does_not_count_as_completed(world: World) -> None:
    await world.pass_time(hours=24)
    await world.run(world.failed())
    await world.pass_time(hours=1, minutes=1)
    assert "[CRITICAL] ComplianceRunOverdue (compliance)" in mails_to(world, OFFICER)


async def test_a_run_dated_in_the_future_hides_no_overdue_run(world: World) -> None:
    await world.run(world.completed(ended_at=world.clock.now().replace(year=2126)))
    await world.deliver()
    world.mail.mails.clear()
    await world.pass_time(hours=25, minutes=1)
    assert mails_to(world, OFFICER) == ["[CRITICAL] ComplianceRunOverdue (compliance)"]


async def test_each_run_that_finds_revoked_articles_is_notified(world: World) -> None:
    await world.run(world.completed(3, closed=2, open=1))
    await world.pass_time(hours=24)
    await world.run(world.completed(1))
    await world.pass_time(minutes=1)
    found = [subject for subject in mails_to(world, OFFICER) if "RevokedArticlesFound" in subject]
    assert found == ["[WARNING] RevokedArticlesFound (compliance)"] * 2
    texts = [text for text in world.sms.texts if "RevokedArticlesFound" in text]
    assert "found 3 revocation notices: 2 removals are verified, 1 are open" in texts[0]
    assert "found 1 revocation notices" in texts[1]


async def test_two_runs_in_one_batch_are_both_notified(world: World) -> None:
    await world.run(world.completed(3), world.completed(1))
    await world.pass_time(minutes=6)
    texts = [text for text in world.sms.texts if "RevokedArticlesFound" in text]
    assert len([text for text in texts if "found 3" in text or "found 1" in text]) == len(texts)
    bodies = "".join(world.mail.bodies)
    assert "found 3 revocation notices" in bodies
    assert "found 1 revocation notices" in bodies


async def test_a_failed_run_is_notified_with_its_reason_and_resolved_by_the_next(world: World) -> None:
    await world.run(world.failed("the feed metabase-revoked could not be read: status 503"))
    await world.deliver()
    assert mails_to(world, OFFICER) == ["[CRITICAL] ComplianceRunFailed (compliance)"]
    assert "status 503" in world.sms.texts[0]
    world.clock.advance(minutes=10)
    await world.run(world.completed())
    await world.pass_time(minutes=1)
    assert "[RESOLVED] ComplianceRunFailed (compliance)" in mails_to(world, OFFICER)


async def test_a_run_without_findings_has_its_summary(world: World) -> None:
    await world.run(world.completed())
    await world.deliver()
    assert mails_to(world, OFFICER) == ["[INFO] ComplianceDailySummary (compliance)"]
    assert "nothing revoked, 0 removals verified, 0 open, 0 overdue" in world.mail.bodies[0]
    assert world.sms.texts == []


async def test_a_run_received_twice_is_notified_once(world: World) -> None:
    run = world.completed(2)
    await world.run(run, ids=["one"])
    await world.run(run, ids=["one"])
    await world.pass_time(minutes=10)
    assert len([one for one in mails_to(world, OFFICER) if "Summary" in one]) == 1
    assert len([one for one in world.sms.texts if "RevokedArticlesFound" in one]) == 1


async def test_runs_before_the_first_start_are_not_notified(world: World) -> None:
    old = [world.completed(1, ended_at=world.clock.now().replace(year=2025))] * 3
    await world.run(*old)
    await world.pass_time(minutes=1)
    assert {subject for subject in world.mail.subjects if "Overdue" not in subject} == set()
    assert "The last compliance run completed at 2025-03-01" in world.sms.texts[0]
