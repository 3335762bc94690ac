"""One Kafka broker: its jars from Maven, its configuration, its command line."""

import base64
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clawback_local import tools
from clawback_local.errors import StackError
from clawback_local.places import CACHE, ROOT
from clawback_local.ports import LOOPBACK, claimed, is_free

POM = ROOT / "deploy/local/pom.xml"
LOG4J = ROOT / "deploy/local/log4j2.xml"

TRAINING_PORTS = {"kafka": 29092, "kafka_controller": 29093}
TRAINING_DEADLINE_S = 60.0

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners={protocol}://{host}:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={protocol}://{host}:{port}
inter.broker.listener.name={protocol}
listener.security.protocol.map={protocol}:{protocol},CONTROLLER:PLAINTEXT
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


SASL_SSL_PROPERTIES = """\
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule \
required username="{broker}" password="{password}";
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
ssl.client.auth=none
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users={super_users}
"""
NOBODY = "ANONYMOUS"
"""Kafka's name for its own controller, which listens without TLS on the loopback address only."""
SCRAM_ITERATIONS = 4_096
FORMAT_DEADLINE_S = 60.0


@dataclass(frozen=True)
class Security:
    """TLS and users of a broker; the first user is the broker itself."""

    keystore: Path
    truststore: Path
    users: Mapping[str, str]
    """Passwords by name."""
    administrators: tuple[str, ...]
    """Users with all rights, like the broker; all others need explicit rights."""


def folder() -> Path:
    """The folder of the jars. Its name contains the pom's hash, so other versions have other folders."""
    return CACHE / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def jars() -> Path:
    """Returns the folder of the jars, which Maven downloads if it is missing.

    The download is moved into place when it is complete, so an interrupted one is never used.
    """
    libs = folder()
    if not libs.is_dir():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="kafka-") as scratch:
            _copy_dependencies(Path(scratch) / "libs")
            _move_into_place(Path(scratch) / "libs", libs)
    return libs


def configure(
    home: Path, *, port: int, controller: int, security: Security | None = None, host: str = LOOPBACK
) -> Path:
    """Writes the broker's configuration and, for a new broker, what marks its folder as formatted.

    With `security`, a new broker must be formatted before it starts: see `format_with_users`. The quorum is static,
    because a dynamic one stores its port, which may change between two starts.
    """
    data = home / "data"
    data.mkdir(parents=True, exist_ok=True)
    properties = home / "server.properties"
    protocol = "SASL_SSL" if security else "PLAINTEXT"
    text = SERVER_PROPERTIES.format(host=host, port=port, controller=controller, data=data, protocol=protocol)
    if security is not None:
        broker, password = next(iter(security.users.items()))
        text += SASL_SSL_PROPERTIES.format(
            broker=broker,
            password=password,
            keystore=security.keystore,
            truststore=security.truststore,
            super_users=";".join(f"User:{name}" for name in (NOBODY, broker, *security.administrators)),
        )
    properties.unlink(missing_ok=True)
    properties.touch(mode=0o600)
    properties.write_text(text)
    if security is not None:
        return properties
    meta = data / "meta.properties"
    if not meta.exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        meta.write_text(f"version=1\ncluster.id={cluster}\nnode.id=1\n")
    return properties


def format_with_users(libs: Path, properties: Path, users: Mapping[str, str]) -> None:
    """Formats a new broker's folder with its users, whose passwords are passed as salted hashes.

    Does nothing if it is formatted.

    Raises:
        StackError: Kafka rejected it.
    """
    if (properties.parent / "data/meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    words = ["format", "--cluster-id", cluster, "--config", str(properties)]
    for name, password in users.items():
        words += ["--add-scram", _scram(name, password)]
    answer = subprocess.run(  # noqa: S603 - our own arguments
        _argv(libs, *_shared(libs), main=("kafka.tools.StorageTool", *words)),
        capture_output=True,
        text=True,
        check=False,
        timeout=FORMAT_DEADLINE_S,
    )
    if answer.returncode != 0:
        raise StackError(f"Kafka's folder could not be formatted:\n  {answer.stderr.strip()[-500:]}")


def _scram(name: str, password: str) -> str:
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, SCRAM_ITERATIONS)
    fields = {
        "name": name,
        "iterations": str(SCRAM_ITERATIONS),
        "salt": f'"{base64.b64encode(salt).decode()}"',
        "saltedpassword": f'"{base64.b64encode(salted).decode()}"',
    }
    return f"SCRAM-SHA-512=[{','.join(f'{key}={value}' for key, value in fields.items())}]"


def argv(libs: Path, properties: Path) -> tuple[str, ...]:
    """Returns the broker's command line; `KAFKA_HEAP_OPTS` overrides the size of its heap."""
    return _argv(libs, *_shared(libs), main=("kafka.Kafka", str(properties)))


def _shared(libs: Path) -> tuple[str, ...]:
    classes = class_archive(libs)
    if not classes.exists():
        return ()
    return (f"-XX:SharedArchiveFile={classes}", "-Xlog:disable", "-Xlog:all=error:stderr")


def class_archive(libs: Path) -> Path:
    """Returns the JVM's class archive of the broker: with it, a start takes 4.4 s of CPU instead of 7.4.

    It works with one JVM; another one ignores it until the next `fetch`.
    """
    jvm = f"{tools.java().resolve()} {tools.java_says(str(tools.java()))}"
    return libs.with_name(f"{libs.name}-{hashlib.sha256(jvm.encode()).hexdigest()[:12]}.jsa")


def make_class_archive(libs: Path) -> None:
    """Starts a broker once to create its class archive, which is optional."""
    wanted = class_archive(libs)
    with (
        tempfile.TemporaryDirectory(dir=CACHE, prefix="classes-") as scratch,
        claimed(TRAINING_PORTS) as ports,
    ):
        made = Path(scratch) / "classes.jsa"
        properties = configure(Path(scratch), port=ports["kafka"], controller=ports["kafka_controller"])
        command = _argv(libs, f"-XX:ArchiveClassesAtExit={made}", main=("kafka.Kafka", str(properties)))
        with subprocess.Popen(  # noqa: S603 - our own arguments
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as broker:
            end = time.monotonic() + TRAINING_DEADLINE_S
            while is_free(ports["kafka"]) and broker.poll() is None and time.monotonic() < end:
                time.sleep(0.1)
            broker.terminate()
        if made.exists():
            made.rename(wanted)


def _argv(libs: Path, *options: str, main: tuple[str, ...]) -> tuple[str, ...]:
    heap = os.environ.get("KAFKA_HEAP_OPTS", "-Xms256m -Xmx1g").split()
    # Without the JVM's second compiler, a broker that runs for minutes needs half the CPU.
    fixed = (
        "-XX:TieredStopAtLevel=1",
        "-Djava.awt.headless=true",
        "-Dfile.encoding=UTF-8",
        f"-Dlog4j2.configurationFile={LOG4J}",
    )
    classpath = ":".join(str(jar) for jar in sorted(libs.glob("*.jar")))
    return (str(tools.java()), *heap, *options, *fixed, "-cp", classpath, *main)


def _copy_dependencies(libs: Path) -> None:
    command = [str(tools.maven()), "--batch-mode", "--quiet", "-Dstyle.color=never", *_repository()]
    command += ["--file", str(POM), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
    answer = subprocess.run(  # noqa: S603 - our own arguments
        command, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        lines = [
            line.removeprefix("[ERROR]").strip() for line in (answer.stdout + answer.stderr).splitlines()
        ]
        tail = "\n  ".join([line for line in lines if line][:4])
        raise StackError(f"Maven could not download Kafka's jars (is there a network?):\n  {tail}")


def _repository() -> list[str]:
    """Maven stores its downloads in the user's home folder; without a home, they are stored among our downloads."""
    try:
        home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        home = Path("/nonexistent")
    usable = os.access(home / ".m2" if (home / ".m2").exists() else home, os.W_OK)
    return [] if usable else [f"-Dmaven.repo.local={CACHE / 'maven'}"]


def _move_into_place(made: Path, wanted: Path) -> None:
    try:
        made.rename(wanted)
    except OSError:
        if not wanted.is_dir():
            raise
        shutil.rmtree(made, ignore_errors=True)
