"""One Kafka broker: its jars from Maven, its configuration, its command line."""

import base64
import hashlib
import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

from clawback_local import tools
from clawback_local.errors import StackError
from clawback_local.places import CACHE, ROOT

POM = ROOT / "deploy/local/pom.xml"
LOG4J = ROOT / "deploy/local/log4j2.xml"

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
group.min.session.timeout.ms=1000
log.retention.check.interval.ms=5000
log.initial.task.delay.ms=1000
"""


def folder() -> Path:
    """The place of the jars, named by the pom's hash: other versions are other folders."""
    return CACHE / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def jars() -> Path:
    """The folder of the jars, fetched by Maven when it is not there.

    Moved into place when complete: a broken download is never taken for one.
    """
    libs = folder()
    if not libs.is_dir():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="kafka-") as scratch:
            _copy_dependencies(Path(scratch) / "libs")
            _move_into_place(Path(scratch) / "libs", libs)
    return libs


def configure(home: Path, *, port: int, controller: int) -> Path:
    """Write the broker's configuration and, for a new one, what makes its folder a formatted one.

    A static quorum of one: a dynamic one remembers its port, and ours may move between two starts.
    """
    data = home / "data"
    data.mkdir(parents=True, exist_ok=True)
    properties = home / "server.properties"
    properties.write_text(SERVER_PROPERTIES.format(port=port, controller=controller, data=data))
    meta = data / "meta.properties"
    if not meta.exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        meta.write_text(f"version=1\ncluster.id={cluster}\nnode.id=1\n")
    return properties


def argv(libs: Path, properties: Path) -> tuple[str, ...]:
    """The broker's command line; `KAFKA_HEAP_OPTS` replaces the size of its heap."""
    heap = os.environ.get("KAFKA_HEAP_OPTS", "-Xms256m -Xmx1g").split()
    options = ("-Djava.awt.headless=true", "-Dfile.encoding=UTF-8")
    log = f"-Dlog4j2.configurationFile={LOG4J}"
    return (str(tools.java()), *heap, *options, log, "-cp", f"{libs}/*", "kafka.Kafka", str(properties))


def _copy_dependencies(libs: Path) -> None:
    command = [
        str(tools.maven()),
        "--batch-mode",
        "--quiet",
        "--file",
        str(POM),
        "dependency:copy-dependencies",
    ]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
    answer = subprocess.run(  # noqa: S603 - arguments are ours
        command, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        lines = (answer.stdout + answer.stderr).strip().splitlines()
        tail = "\n  ".join(lines[:12])
        raise StackError(f"Maven could not fetch Kafka's jars (is there a network?):\n  {tail}")


def _move_into_place(made: Path, wanted: Path) -> None:
    try:
        made.rename(wanted)
    except OSError:
        if not wanted.is_dir():
            raise
        shutil.rmtree(made, ignore_errors=True)
