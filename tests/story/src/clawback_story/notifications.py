"""The notifications that were sent: mails and text messages in the sinks."""

import email
import email.policy
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson

from clawback_story.evidence import Sent
from clawback_story.operation_checkers import MAIL, SMS, SUMMARY
from clawback_story.world import World

LISTED_MAX = 24
NOTIFIED_S = 30.0


def read(run_dir: Path) -> list[Sent]:
    """Returns all of them, by time of arrival."""
    mails = [_mail(path) for path in sorted(run_dir.glob("mail/*.eml"))]
    return sorted([*mails, *(_sms(path) for path in run_dir.glob("sms/*.json"))], key=lambda one: one.at)


def _at(path: Path) -> datetime:
    """The sinks name their files by the time of arrival."""
    return datetime.fromtimestamp(int(path.name.partition("-")[0]) / 1e9, UTC)


def _mail(path: Path) -> Sent:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    return Sent(
        _at(path),
        MAIL,
        str(message["X-Envelope-To"]),
        str(message["Subject"]),
        str(message["X-Notification-Id"]),
    )


def _sms(path: Path) -> Sent:
    body = orjson.loads(path.read_bytes())["body"]
    subject = str(body["text"]).partition(":")[0]
    return Sent(_at(path), SMS, str(body["to"]), subject, str(body["id"]))


def lines(sent: Sequence[Sent]) -> Iterable[str]:
    """Returns time, channel, recipient and subject of each; repeated ones once, with their number."""
    counts = Counter((one.by, one.to, one.subject) for one in sent)
    first = {(one.by, one.to, one.subject): one.at for one in reversed(sent)}
    shown = sorted(counts, key=lambda one: first[one])
    for by, to, subject in shown[:LISTED_MAX]:
        often = f"  ({counts[by, to, subject]} times)" if counts[by, to, subject] > 1 else ""
        yield f"  {first[by, to, subject]:%H:%M:%S}  {by:<4}  {to:<28}{subject}{often}"
    if len(shown) > LISTED_MAX:
        yield f"  … and {len(shown) - LISTED_MAX} more"


async def until_all_sent(world: World) -> None:
    """Waits until no due message waits for a channel."""
    waiting = """
        SELECT count(*) FROM message
        WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= now()
    """

    async def nothing_waits() -> bool:
        reported = await world.value(
            "alerting", "SELECT coalesce(sum(occurrence), 0) FROM alert WHERE name = $1", SUMMARY
        )
        ran = await world.value("compliance", "SELECT count(*) FROM run WHERE state = 'completed'")
        return bool(reported >= ran and not await world.value("alerting", waiting))

    await world.until("all notifications are sent", nothing_waits, within_s=NOTIFIED_S)
