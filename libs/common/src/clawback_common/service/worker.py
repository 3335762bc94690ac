"""The worker process of every service: probes first, then start-up checks, then relays, subscribers and loops.

It waits for an unavailable database or broker instead of exiting. On SIGTERM it stops in an order in which nothing is
lost: stop consuming, finish the current batches, send what was committed, exit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from clawback_common.alerts import messages
from clawback_common.alerts.condition import consumer_gap
from clawback_common.config.settings import CommonSettings
from clawback_common.config.tls import ServerCertificate
from clawback_common.errors import ClawbackError, Stop, Transient
from clawback_common.http.probe_app import probe_app
from clawback_common.http.probes import Probes
from clawback_common.kafka import offsets
from clawback_common.kafka.authentication import Authentication
from clawback_common.kafka.bus import Bus
from clawback_common.kafka.gaps import require_no_gap
from clawback_common.kafka.producer import Producer
from clawback_common.kafka.stalls import LaneAlerts, OutboxAlerts
from clawback_common.kafka.subscription import BusContext, Subscription, group_of
from clawback_common.kafka.topics import require_topics
from clawback_common.messaging import incidents, quarantine
from clawback_common.messaging.outbox import bulk, priority
from clawback_common.messaging.outbox.delays import OutboxDelays
from clawback_common.messaging.outbox.lost_log import log_of
from clawback_common.messaging.outbox.relay import Lane, Relay, Render
from clawback_common.postgres.migrate import Migration, require_migrated
from clawback_common.retention import purging
from clawback_common.retention.purging import Aged
from clawback_common.service.leases import Leadership
from clawback_common.service.loops import Loop
from clawback_common.service.objects import ServiceObjects
from clawback_common.service.priority import Priority
from clawback_common.service.process import ShutdownEvent, loop_forever, serve, tune_gc
from clawback_common.telemetry import describe
from clawback_contracts.alert.v1 import AlertRaised
from clawback_contracts.envelope import event_id
from clawback_contracts.signatures import Signer
from clawback_contracts.topics import load_topics

TIDY_EVERY_S = 10.0
DELAYS_EVERY_S = 30.0
LOST_LOGS_EVERY_S = 30.0

_log = structlog.stdlib.get_logger(__name__)

SetAside = Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a service's worker does besides the common parts."""

    subscriptions: Sequence[Subscription]
    loops: Sequence[Loop] = ()
    prepare: Callable[[], Awaitable[None]] | None = None
    """Called once, when all checks have passed."""
    close: Callable[[], Awaitable[None]] | None = None
    """Called once, when consuming has ended."""
    bulk_outbox: bulk.BulkOutbox | None = None
    """Its second outbox, whose rows are references; None: it has none."""
    publish: Render | None = None
    """Renders these references when they are sent."""
    may_publish: Callable[[], Awaitable[bool]] | None = None
    """Called until it returns True; the bulk lane waits for it."""
    on_set_aside: SetAside | None = None
    """Called with the lane and the row that cannot be sent."""
    alerts: LaneAlerts | None = None
    """Raises the alerts of lanes; None: through the outbox."""
    purges: Sequence[Aged] = (purging.QUARANTINE,)
    """Rows of the service's own tables that expire by age alone."""
    background: Callable[[], Coroutine[Any, Any, None]] | None = None
    """Runs from the start, whether or not the broker is available."""
    resent: Sequence[str] = ()
    """Topics, besides the topic of alerts, to which the priority lane sends lost records again."""


class Worker:
    """One worker process of a service."""

    def __init__(
        self,
        name: str,
        service: ServiceObjects[Any],
        spec: WorkerSpec,
        migrations: Sequence[Migration],
        port: int,
    ) -> None:
        self.name = name
        self._settings = service.settings
        self._db = service.db
        self._clock = service.clock
        self._outbox = service.outbox
        self.spec = spec
        self._migrations = migrations
        self._port = port
        self.probes = Probes()
        self._authentication = Authentication.of(service.settings)
        self._priority = Priority()
        self._signer = signer_of(service.settings)

    async def run(self, stopping: ShutdownEvent) -> None:
        """Run until shutdown.

        Raises:
            Stop: the worker must not run in the current state; contains the reason.
        """
        self.probes.add("database", self._database_answers)
        self.probes.add("subscriptions", _not_started)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                serve(
                    probe_app(self.probes),
                    self._settings.http_host,
                    self._port,
                    stopping,
                    tls=ServerCertificate.of(self._settings),
                    probes=self.probes,
                )
            )
            tasks.create_task(self.probes.watch(stopping))
            if self.spec.background is not None:
                tasks.create_task(self.spec.background())
            await self._wait_for_checks(stopping)
            if not stopping.is_set():
                await self._work(stopping, tasks)

    async def _database_answers(self) -> None:
        await self._db.fetchval("SELECT 1")

    async def _wait_for_checks(self, stopping: ShutdownEvent) -> None:
        """Wait for unavailable dependencies; raise ``Stop`` for errors that need a person."""
        topics = {one.topic: group_of(self.name, one) for one in self.spec.subscriptions}
        while not stopping.is_set():
            try:
                await require_migrated(self._db, self._migrations)
                if self._settings.check_topics:
                    await require_topics(self._settings, topics)
                if self.spec.prepare is not None:  # it also runs backfills
                    await self.spec.prepare()
                await self._require_no_gap(topics)
            except Transient as error:
                _log.warning("waiting to start", error=error)
                await stopping.sleep(1.0)
            else:
                return

    async def _require_no_gap(self, topics: Mapping[str, str]) -> None:
        own = {one.topic for one in self.spec.subscriptions if one.own_offsets}
        stored = await offsets.stored(self._db, self.name)
        try:
            await require_no_gap(
                self._settings,
                self.name,
                topics,
                {place: offset for place, offset in stored.items() if place[0] in own},
            )
        except Stop as gap:
            await self._report_gap(gap)
            raise

    async def _report_gap(self, gap: Stop) -> None:
        """Open an incident and raise an alert, which is sent before the process ends."""
        now, condition = self._clock.now(), consumer_gap(self.name, str(gap))
        number = int(now.timestamp() * 1000)
        async with self._db.transaction() as tx:
            incident = (event_id("gap", self.name, gap), None, str(gap)[:1000])
            await incidents.open_all(tx, "consumer_gap", [incident], now)
            await self._outbox.put(tx, [messages.raised(self.name, condition, number, now)])
        async with AsyncExitStack() as ending:
            ended = ShutdownEvent()
            ended.set()
            await self._priority_relay(ending).run(ended)

    async def _work(self, stopping: ShutdownEvent, tasks: asyncio.TaskGroup) -> None:
        async with AsyncExitStack() as ending:
            draining = ShutdownEvent()
            bus = Bus(self._context(), self.spec.subscriptions)
            relays = [self._priority_relay(ending)]
            sending = [tasks.create_task(relays[0].run(draining))]
            if self.spec.publish is not None:
                relays.append(self._bulk_relay(self.spec.publish, ending))
                sending.append(tasks.create_task(self._publish(bus, relays[1], draining)))
            self.probes.add("subscriptions", bus.ready)
            leadership = Leadership(self._db)
            leading = tasks.create_task(leadership.run(draining))
            looping = {
                loop: tasks.create_task(
                    loop_forever(loop.name, loop.every_s, _work_of(loop, leadership), stopping)
                )
                for loop in self._loops(relays)
            }
            tune_gc()
            try:
                await bus.start(stopping)
                await bus.listen(stopping)
            finally:
                for loop, task in looping.items():
                    if loop.interrupt:
                        task.cancel()
                await bus.stop()
                draining.set()
                await self._drain(relays, [*sending, leading])
                if self.spec.close is not None:
                    await self.spec.close()

    def _context(self) -> BusContext:
        return BusContext(
            self.name,
            self._settings,
            self._db,
            self._outbox,
            self._clock,
            self.spec.alerts or OutboxAlerts(self.name, self._outbox, self._clock),
            self._authentication,
            self._priority,
        )

    def _loops(self, relays: Sequence[Relay]) -> list[Loop]:
        """Return the loops of the service, and those of every worker."""
        return [
            *self.spec.loops,
            Loop("outboxes", TIDY_EVERY_S, lambda: _measure(relays)),
            Loop("outbox delays", DELAYS_EVERY_S, lambda: self._watch(relays), alone=True),
            Loop("lost logs", LOST_LOGS_EVERY_S, self._send_lost_again, alone=True),
            Loop("tidy", TIDY_EVERY_S, self._tidy, alone=True),
        ]

    async def _drain(self, relays: Sequence[Relay], tasks: Sequence[asyncio.Task[None]]) -> None:
        """Wait until committed messages are sent; cancel hanging relays, whose rows the next process sends."""
        for relay in relays:
            relay.wake()
        _, hanging = await asyncio.wait(tasks, timeout=self._settings.drain_timeout_s)
        for task in hanging:
            task.cancel()

    def _priority_relay(self, ending: AsyncExitStack) -> Relay:
        producer = Producer(self._settings, self.name, linger_ms=0, signer=self._signer)
        return self._relay(priority.LANE, producer, self._outbox, ending)

    def _bulk_relay(self, publish: Render, ending: AsyncExitStack) -> Relay:
        producer = Producer(self._settings, self.name)
        return self._relay(bulk.lane(publish), producer, self.spec.bulk_outbox, ending)

    def _relay(
        self,
        lane: Lane,
        producer: Producer,
        outbox: priority.PriorityOutbox | bulk.BulkOutbox | None,
        ending: AsyncExitStack,
    ) -> Relay:
        ending.push_async_callback(producer.close)
        relay = Relay(lane, self._db, producer, self._clock, self.spec.on_set_aside, self._priority)
        if outbox is not None:
            outbox.wake = relay.wake
        return relay

    async def _publish(self, bus: Bus, relay: Relay, draining: ShutdownEvent) -> None:
        """Send the bulk lane only when all orders from before the start have been applied."""
        while not await self._may_publish(bus):
            if await draining.sleep(0.1):
                return
        await relay.run(draining)

    async def _may_publish(self, bus: Bus) -> bool:
        try:
            return bus.caught_up and (self.spec.may_publish is None or await self.spec.may_publish())
        except Transient as error:
            _log.warning("waiting to publish", error=error)
            return False

    async def _watch(self, relays: Sequence[Relay]) -> None:
        delays = OutboxDelays(self.name, self._db, self._clock, self._outbox)
        for relay in relays:
            await delays.watch(relay)

    async def _send_lost_again(self) -> None:
        for topic in (AlertRaised.TOPIC, *self.spec.resent):
            profile = load_topics()[topic].profiles[self._settings.topic_profile]
            log, kept = await log_of(self._settings, topic), timedelta(milliseconds=profile.retention)
            if await priority.send_lost_again(self._db, log, self._clock.now(), kept):
                self._outbox.wake()

    async def _tidy(self) -> None:
        """Delete expired rows, first the bytes in quarantine, which are content. A failing step stops no other."""
        now = self._clock.now()
        try:
            await quarantine.tidy(self._db, now)
        except ClawbackError as error:
            _log.warning("expired bytes in quarantine were not deleted", error=error)
        await purging.purge(self._db, [*purging.COMMON, *self.spec.purges], now)


def _work_of(loop: Loop, leadership: Leadership) -> Callable[[], Awaitable[object]]:
    return partial(leadership.led, loop.work) if loop.alone else loop.work


async def _measure(relays: Sequence[Relay]) -> None:
    for relay in relays:
        await relay.measure()


async def _not_started() -> None:
    raise Transient("not started yet")


def signer_of(settings: CommonSettings) -> Signer | None:
    """Return the signer of this worker's records.

    Raises:
        Stop: the key is required and missing, or cannot be read.
    """
    if settings.signing_key_file is None:
        if settings.environment != "development":
            raise Stop(f"ENVIRONMENT={settings.environment} needs SIGNING_KEY_FILE")
        return None
    try:
        return Signer.of(settings.signing_key_file)
    except (OSError, ValueError) as error:
        raise Stop(f"SIGNING_KEY_FILE cannot be used: {describe(error)}") from None
