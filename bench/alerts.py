"""``alert.first_mail_s``: the time from a critical alert on Kafka to its mail in the sink.

The real worker with the packaged routes; the sink is the local stack's, whose files show when each mail arrived.
"""

import asyncio
import re
import statistics
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

from aiokafka import AIOKafkaProducer

from alerting.service import SERVICE as ALERTING
from bench import results, stage
from bench.results import Result
from bench.stage import BenchError, Stage
from bench.watch import contestant
from clawback_contracts import cloudevents
from clawback_contracts.alert.v1 import AlertRaised, Severity, fingerprint
from clawback_contracts.envelope import event_id
from clawback_contracts.run.v1 import Run
from clawback_contracts.sweep.v1 import SweepRequested
from clawback_local.processes import answers, until

TEMPLATE = "bench_template_alerting"
SERVICE = "ingester"
EVERY_S = 0.2
"""The interval between alerts: five a second is a bad day."""
READY_S_MAX = 60.0
MAIL_S_MAX = 60.0
_SAMPLE = re.compile(r"sample (\d{6})")


async def run(on: Stage, samples: int) -> list[Result]:
    """Measures this many alerts, each of a separate condition."""
    await stage.make_template(on, TEMPLATE, ALERTING.all_migrations())
    for topic in (AlertRaised.TOPIC, Run.TOPIC, SweepRequested.TOPIC):
        await stage.place_group(on.kafka, "alerting", topic, at_end=True)
    folder = on.logs / "bench-mails"
    mail_port, port = stage.free_port(), stage.free_port()
    async with stage.database(on, TEMPLATE) as url:
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": on.kafka,
            "DATABASE_URL": url,
            "HTTP_PORT": str(port),
            "SMTP_URL": f"smtp://127.0.0.1:{mail_port}?from=alerts@clawback.example",
        }
        sink = ("-m", "clawback_local.servers", "mail", "--port", str(mail_port), "--folder", str(folder))
        with ExitStack() as running:
            running.enter_context(contestant("mail", *sink, env={}, logs=on.logs))
            running.enter_context(contestant("alerting", "-m", "alerting", "worker", env=env, logs=on.logs))
            if not await until(lambda: answers(port), deadline_s=READY_S_MAX):
                raise BenchError(f"the worker is not ready; see {on.logs}")
            took = await _sample(on.kafka, folder, samples)
    p50, p99 = (statistics.quantiles(took, n=100, method="inclusive")[n - 1] for n in (50, 99))
    print(f"  first mail {p50:.3f} s, p99 {p99:.3f} s", flush=True)
    return [results.at_most("alert.first_mail_s", p99, "s", 5.0)]


async def _sample(kafka: str, folder: Path, samples: int) -> list[float]:
    """Returns the seconds from each alert to its mail."""
    raised: dict[int, float] = {}
    async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True) as producer:
        for number in range(samples):
            await producer.send_and_wait(**_alert(number))
            raised[number] = time.time()
            await asyncio.sleep(EVERY_S)
    mailed: dict[int, float] = {}
    give_up = time.monotonic() + MAIL_S_MAX
    while mailed.keys() != raised.keys():
        if time.monotonic() > give_up:
            raise BenchError(f"{len(raised) - len(mailed)} of {samples} alerts were not mailed; see {folder}")
        await asyncio.sleep(0.2)
        mailed = await asyncio.to_thread(_mails, folder)
    return [mailed[number] - raised[number] for number in raised]


def _mails(folder: Path) -> dict[int, float]:
    """Returns when the first mail about each alert arrived."""
    found: dict[int, float] = {}
    for path in sorted(folder.glob("*.eml")):
        body = message_from_bytes(path.read_bytes(), policy=policy.default).get_body(("plain", "html"))
        for number in _SAMPLE.findall(body.get_content() if body else ""):
            found.setdefault(int(number), int(path.stem.partition("-")[0]) / 1e9)
    return found


def _alert(number: int) -> cloudevents.Message:
    now = datetime.now(UTC)
    labels = {"sample": f"{number:06d}"}
    name = "BenchmarkSample"
    event = AlertRaised(
        fingerprint=fingerprint(SERVICE, name, labels),
        name=name,
        service=SERVICE,
        severity=Severity.CRITICAL,
        summary=f"This is sample {number:06d} of a benchmark; there is nothing to do.",
        labels=labels,
        raised_at=now,
    )
    return cloudevents.write(event, event_id("bench-alert", number, now), "/bench", now)
