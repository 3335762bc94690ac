"""Periodic monitoring: overdue runs and obligations, waiting requests, and unregistered consumer groups."""

from datetime import datetime, timedelta
from math import inf

from aiokafka.errors import for_code
from aiokafka.structs import TopicPartition

from clawback_common.alerts import alert_state
from clawback_common.alerts.condition import Condition
from clawback_common.errors import Transient
from clawback_common.kafka.topics import admin
from clawback_common.messaging import incidents
from clawback_common.postgres import Transaction
from compliance.domain import condition
from compliance.gateways import metrics
from compliance.storage import holders, obligations, requests, runs
from compliance.use_cases.service import Service

ARTICLES = "articles.v1"
RUN, LATENESS, READERS, INCIDENTS = "run", "lateness", "readers", "incidents"
REQUESTS = "requests"


async def watch_time(service: Service) -> list[Condition]:
    """Raises conditions that depend on time: overdue runs, and obligations past due or at risk. Returns them."""
    now = service.clock.now()
    await obligations.expire(service.db, now)
    late = await run_conditions(service, now)
    await service.alert_publisher.on_conditions(RUN, late)
    owing = await lateness_conditions(service, now)
    await service.alert_publisher.on_conditions(LATENESS, owing)
    waiting = await service.alert_publisher.on_found(INCIDENTS, _unread_records)
    held = await service.alert_publisher.on_found(condition.STILL_HELD, obligations.still_held)
    undecided = await watch_requests(service)
    await service.alert_publisher.resolve_stale()
    return [*late, *owing, *waiting, *held, *undecided]


async def watch_requests(service: Service) -> list[Condition]:
    """Raises conditions for requests that wait for a second person or have expired."""
    now = service.clock.now()
    row = await requests.waiting(service.db, now)
    found = list(condition.approval_conditions(**row, now=now)) if row else []
    await service.alert_publisher.on_conditions(REQUESTS, found)
    return found


async def measure(service: Service) -> None:
    """Updates the metrics, in every worker; conditions are monitored by one worker only."""
    now = service.clock.now()
    await run_conditions(service, now)
    await lateness_conditions(service, now)
    await measure_open(service, now)
    await measure_requests(service, now)


async def measure_open(service: Service, now: datetime) -> None:
    """Updates the metrics of each holder's open obligations: number, age, and time left."""
    oldest: dict[str, datetime] = {}
    next_due: dict[str, datetime] = {}
    rows = await obligations.open_by_holder(service.db)
    for one in (metrics.OPEN, metrics.OLDEST_OPEN, metrics.NEXT_DUE):
        one.clear()
    for row in rows:
        holder = row["holder"]
        if row["kind"] is not None:
            metrics.OPEN.labels(holder, row["kind"], row["state"]).set(row["obligations"])
        if row["oldest_at"]:
            oldest[holder] = min(oldest.get(holder, now), row["oldest_at"])
        if row["next_due_at"]:
            next_due[holder] = min(next_due.get(holder, row["next_due_at"]), row["next_due_at"])
    for holder in {row["holder"] for row in rows}:
        age = now - oldest[holder] if holder in oldest else timedelta(0)
        metrics.OLDEST_OPEN.labels(holder).set(age.total_seconds())
        left = (next_due[holder] - now).total_seconds() if holder in next_due else inf
        metrics.NEXT_DUE.labels(holder).set(left)


async def measure_requests(service: Service, now: datetime) -> None:
    """Updates the metrics of requests that wait for a second person or have expired."""
    row = await requests.waiting(service.db, now)
    for state in ("waiting", "expired"):
        metrics.WAITING.labels(state).set(row[state] if row else 0)


async def _unread_records(tx: Transaction) -> list[Condition]:
    count = await incidents.open_count(tx)
    return [condition.unreadable(count)] if count else []


async def run_conditions(service: Service, now: datetime) -> list[Condition]:
    """Returns a condition if the last completed run is too old."""
    last = await runs.last_completed(service.db)
    metrics.LAST_RUN.set(last.timestamp() if last else 0)
    since = await alert_state.begun(service.db) or now
    found = condition.run_condition(last, since, now)
    return [found] if found else []


async def lateness_conditions(service: Service, now: datetime) -> list[Condition]:
    """Returns conditions for holders that are late or at risk."""
    names, late = await holders.active(service.db), await obligations.lateness(service.db, now)
    metrics.OVERDUE.clear()
    metrics.AT_RISK.clear()
    found: list[Condition] = []
    for name in names:
        metrics.OVERDUE.labels(name).set(0)
        metrics.AT_RISK.labels(name).set(0)
    for one in late:
        metrics.OVERDUE.labels(one.holder).set(one.overdue)
        metrics.AT_RISK.labels(one.holder).set(one.at_risk)
        found += condition.lateness_conditions(one)
    return found


async def watch_readers(service: Service) -> None:
    """Raises a condition for each consumer group on the content topic that no registered holder has."""
    known = await holders.groups(service.db)
    strangers = [group for group in sorted(await reading_groups(service)) if group not in known]
    found = [condition.unregistered_consumer(group) for group in strangers]
    await service.alert_publisher.on_conditions(READERS, found)


async def reading_groups(service: Service) -> set[str]:
    """Returns the consumer groups with a committed offset on the content topic.

    Raises:
        Transient: The broker does not respond.
    """
    async with admin(service.settings) as client:
        (topic,) = await client.describe_topics([ARTICLES])
        if topic["error_code"]:
            raise Transient(f"{ARTICLES} cannot be described: {for_code(topic['error_code']).__name__}")
        places = [TopicPartition(ARTICLES, partition["partition"]) for partition in topic["partitions"]]
        found = set()
        for group, _ in await client.list_consumer_groups():
            offsets = await client.list_consumer_group_offsets(group, partitions=places)
            if any(place.offset >= 0 for place in offsets.values()):
                found.add(group)
    return found


async def beat(service: Service) -> None:
    """Records the worker's heartbeat; runs in other processes check it."""
    await alert_state.beat(service.db, "worker", service.clock.now())
