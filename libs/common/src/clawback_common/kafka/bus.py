"""All subscriptions of a worker on one broker: started, monitored and drained together."""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from clawback_common.errors import Stop, Transient
from clawback_common.kafka.connection import framework_connection
from clawback_common.kafka.subscriber import Subscriber
from clawback_common.kafka.subscription import BusContext, Subscription
from clawback_common.service.process import ShutdownEvent

_log = structlog.stdlib.get_logger(__name__)


class Bus:
    """All subscriptions of a worker."""

    def __init__(self, context: BusContext, subscriptions: Sequence[Subscription]) -> None:
        self._context = context
        self._broker = KafkaBroker(
            **framework_connection(context.settings),
            client_id=context.service,
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            graceful_timeout=context.settings.drain_timeout_s,
            logger=None,
        )
        self.subscribers = [
            Subscriber(self._broker, subscription, context, number)
            for subscription in subscriptions
            for number in range(subscription.parallel)
        ]
        refuse_commit_first(self._broker)

    async def start(self, stop: ShutdownEvent) -> None:
        """Start consuming; wait for an unavailable broker until ``stop``."""
        for subscriber in self.subscribers:
            subscriber.stopping = stop
        delay_s = 0.5
        while not stop.is_set():
            try:
                await self._start_concurrently()
            except (KafkaError, OSError, Transient) as error:
                _log.warning("waiting for the broker", error=error)
                await self.stop()
                await stop.sleep(delay_s)
                delay_s = min(delay_s * 2, 5.0)
            else:
                return

    async def _start_concurrently(self) -> None:
        """Start all subscribers concurrently.

        Members that join a group one after the other cause a rebalance each, of half a second.
        """
        await self._broker.connect()
        starts = [one.inner.start() for one in self.subscribers]
        for outcome in await asyncio.gather(*starts, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        self._broker.running = True

    async def listen(self, stop: ShutdownEvent) -> None:
        """Wait until shutdown.

        Raises:
            Stop: Kafka deleted records that were never processed.
        """
        refused = asyncio.ensure_future(self._context.refused.get())
        asked = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((refused, asked), return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                raise refused.result()
        finally:
            refused.cancel()
            asked.cancel()

    async def stop(self) -> None:
        """Stop polling, finish the current batches, commit them and leave the groups."""
        await asyncio.gather(*(subscriber.drain() for subscriber in self.subscribers))
        await self._broker.stop()
        for subscriber in self.subscribers:
            # Otherwise the next consumer would return records before its start position is known.
            subscriber.on_revoked()

    @property
    def caught_up(self) -> bool:
        """Whether every lane with its own offsets has processed what was on its topic at the start."""
        return all(one.caught_up for one in self.subscribers)

    async def ready(self) -> None:
        """Check the readiness of all subscriptions.

        Raises:
            Transient: a subscription is not consuming; contains its name.
        """
        for subscriber in self.subscribers:
            reason = subscriber.ready()
            if reason:
                raise Transient(reason)


def refuse_commit_first(broker: KafkaBroker) -> None:
    """Refuse a broker with a subscriber that would commit before the records are processed.

    Raises:
        Stop: contains the topics of the subscriber.
    """
    for subscriber in broker.subscribers:
        if getattr(subscriber, "ack_policy", None) is not AckPolicy.NACK_ON_ERROR:
            names = ", ".join(getattr(subscriber, "topic_names", ["?"]))
            raise Stop(
                f"the subscriber of {names} would commit before processing, or after an error: "
                "subscribe through clawback_common.kafka"
            )
