"""The class `alerts` of retention: deletes old alerts with their notifications, never one that fires or waits."""

from functools import partial

from clawback_common.postgres import Database
from clawback_common.retention import AGE_MIN, AgedTableClass, Progress, SweepCounts
from clawback_contracts.sweep.v1 import Action, SweepRequested

_OVER = "status = 'resolved'"
_DONE_WITH = (
    "(sent_at IS NOT NULL OR given_up_at IS NOT NULL) AND NOT EXISTS (SELECT FROM notification AS n"
    " JOIN alert AS a USING (fingerprint) WHERE n.message_id = message.message_id AND a.status = 'firing')"
)
_UNTOLD = "NOT EXISTS (SELECT FROM notification AS n WHERE n.fingerprint = alert.fingerprint)"
"""Notifications are deleted before their alert: otherwise a new alert of that fingerprint would count as notified."""


class Alerts:
    """The class ``alerts``: messages, alerts, silences and groups, each by its own age."""

    name = "alerts"
    tables = ("message", "notification", "alert", "silence", "alert_group")
    action = Action.DELETE
    age_min = AGE_MIN

    def __init__(self, db: Database) -> None:
        """Uses the service's own database."""
        aged = partial(AgedTableClass, db=db, name=self.name)
        messages = aged(table="message", key="message_id", dated_by="due_at", only=_DONE_WITH)
        alerts = partial(aged, table="alert", key="fingerprint", dated_by="last_at")
        common = [
            aged(table="silence", key="silence_id", dated_by="ends_at"),
            aged(table="alert_group", key="group_key", dated_by="flush_at"),
        ]
        self._counted = [messages, alerts(only=_OVER), *common]
        self._removed = [messages, alerts(only=f"{_OVER} AND {_UNTOLD}"), *common]

    async def count(self, request: SweepRequested) -> SweepCounts:
        """Counts the rows that a sweep would delete."""
        counted = [await table.count(request) for table in self._counted]
        found, held = sum(one.found for one in counted), sum(one.held for one in counted)
        return SweepCounts(found, found - held, held)

    async def remove(self, request: SweepRequested, progress: Progress) -> SweepCounts:
        """Deletes page after page: first notifications, then their alerts."""
        for table in self._removed:
            await table.remove(request, progress)
        left = await self.count(request)
        return SweepCounts(progress.count("removed") + left.found, progress.count("removed"), left.found)
