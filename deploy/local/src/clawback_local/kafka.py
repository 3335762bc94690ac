"""One Kafka broker: Java and Maven of the machine, the jars, the configuration and the command line.

Uses the standard library only, because `make setup` calls `missing_tools` before anything is installed.
"""

import asyncio
import base64
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clawback_local.config import (
    CACHE,
    DATABASES,
    LOOPBACK,
    ROOT,
    Config,
    MissingTool,
    StackError,
    claimed,
    is_free,
    write_private,
)
from clawback_local.processes import Command

POM = ROOT / "deploy/local/pom.xml"
LOG4J = ROOT / "deploy/local/log4j2.xml"
PROPERTIES = ROOT / "deploy/local/server.properties"
TLS_PROPERTIES = ROOT / "deploy/local/server-tls.properties"
JAVA_LEAST = 17
JAVA_PACKAGE = "Debian and Ubuntu have it in the package openjdk-17-jre-headless"
TRAINING_PORTS = {"kafka": 29092, "kafka_controller": 29093}
DEADLINE_S = 60.0
"""For the programs that run once: formatting, and the start that creates the class archive."""
CONSUMERS = ("search",)
"""Downstream systems: a user of the broker, and a certificate for their holdings."""
USERS = ("broker", *DATABASES, "topics", "operator", "upstream", *CONSUMERS)
"""In production mode. The first is the broker itself."""
SUPER_USERS = ("ANONYMOUS", "broker", "topics", "operator")
"""Users with all rights; all others need explicit ones. The anonymous one is the controller, on loopback only."""
SCRAM_ITERATIONS = 4_096


@dataclass(frozen=True)
class Security:
    """TLS of a broker, and the passwords of its users."""

    keystore: Path
    truststore: Path
    passwords: Mapping[str, str]


async def command(config: Config) -> Command:
    """Downloads the jars if needed, writes the configuration, and returns the command line."""
    libs = await asyncio.to_thread(jars)
    tls, security = config.paths.tls, None
    if config.production:
        passwords = {name: config.values[f"kafka_{name}_password"] for name in USERS}
        security = Security(tls / "kafka.store.pem", config.paths.cafile, passwords)
    ports = {"port": config.ports["kafka"], "controller": config.ports["kafka_controller"]}
    properties = configure(config.paths.kafka, **ports, security=security)
    if security is not None:
        await asyncio.to_thread(format_with_users, libs, properties, security.passwords)
    return Command(argv(libs, properties))


async def wipe(config: Config) -> None:
    """Deletes every topic, record and offset."""
    await asyncio.to_thread(shutil.rmtree, config.paths.kafka / "data", ignore_errors=True)


def java() -> Path:
    """Returns the java of `JAVA_HOME` if set, otherwise of the PATH; at least version 17."""
    home = os.environ.get("JAVA_HOME")
    found = f"{home}/bin/java" if home else shutil.which("java")
    if found is None or not os.access(found, os.X_OK):
        where = f"JAVA_HOME={home} has no bin/java" if home else "there is no java on the PATH"
        raise MissingTool(f"Kafka needs Java {JAVA_LEAST} or newer, but {where}. {JAVA_PACKAGE}.")
    match = re.search(r'version "(?:1\.)?(\d+)', _java_says(found))
    version = int(match[1]) if match else 0
    if version < JAVA_LEAST:
        raise MissingTool(
            f"Kafka needs Java {JAVA_LEAST} or newer, but {found} is version {version}. {JAVA_PACKAGE}; or set JAVA_HOME."
        )
    return Path(found)


@functools.cache
def _java_says(path: str) -> str:
    answer = subprocess.run([path, "-version"], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - the user's own java
    return answer.stderr + answer.stdout


def maven() -> Path:
    """Returns the mvn of the PATH."""
    found = shutil.which("mvn")
    if found is None:
        raise MissingTool(
            "Kafka's jars are downloaded with Maven, but there is no mvn on the PATH. "
            "Debian and Ubuntu have it in the package maven. (With KAFKA_BOOTSTRAP_SERVERS set, "
            "the stack uses that Kafka and needs neither.)"
        )
    return Path(found)


def missing_tools() -> str:
    """Returns what is missing, before anything is downloaded."""
    missing = ""
    if not os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        for check in (java, *(() if folder().is_dir() else (maven,))):
            try:
                check()
            except MissingTool as error:
                missing += f"{error}\n"
    return missing.strip()


def folder() -> Path:
    """Returns the folder of the jars. Its name contains the pom's hash, so other versions have other folders."""
    return CACHE / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def jars() -> Path:
    """Returns the folder of the jars, which Maven downloads if it is missing.

    The download is moved into place when it is complete, so an interrupted one is never used.
    """
    libs = folder()
    if not libs.is_dir():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="kafka-") as scratch:
            _download(Path(scratch))
            try:
                (Path(scratch) / "libs").rename(libs)
            except OSError:
                if not libs.is_dir():  # another process was faster
                    raise
    return libs


def _download(scratch: Path) -> None:
    command = [str(maven()), "--batch-mode", "--quiet", "-Dstyle.color=never", "--file", str(POM)]
    command += [
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={scratch / 'libs'}",
    ]
    command.append(f"-Dmaven.repo.local={scratch / 'maven'}")  # not every user has a home folder
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if answer.returncode != 0:
        lines = [
            line.removeprefix("[ERROR]").strip() for line in (answer.stdout + answer.stderr).splitlines()
        ]
        tail = "\n  ".join([line for line in lines if line][:4])
        raise StackError(f"Maven could not download Kafka's jars (is there a network?):\n  {tail}")


def configure(
    home: Path, *, port: int, controller: int, security: Security | None = None, host: str = LOOPBACK
) -> Path:
    """Writes the broker's configuration and, for a new broker, what marks its folder as formatted.

    With `security`, a new broker must be formatted before it starts: see `format_with_users`. The quorum is static,
    because a dynamic one stores its port, which may change between two starts.
    """
    data, properties = home / "data", home / "server.properties"
    data.mkdir(parents=True, exist_ok=True)
    protocol = "SASL_SSL" if security else "PLAINTEXT"
    text = PROPERTIES.read_text().format(
        host=host, port=port, controller=controller, data=data, protocol=protocol
    )
    if security is not None:
        text += TLS_PROPERTIES.read_text().format(
            broker=USERS[0],
            password=security.passwords[USERS[0]],
            keystore=security.keystore,
            truststore=security.truststore,
            super_users=";".join(f"User:{name}" for name in SUPER_USERS),
        )
    elif not (data / "meta.properties").exists():
        (data / "meta.properties").write_text(f"version=1\ncluster.id={_cluster_id()}\nnode.id=1\n")
    write_private(properties, text)
    return properties


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def format_with_users(libs: Path, properties: Path, passwords: Mapping[str, str]) -> None:
    """Formats the folder of a new broker, with its users.

    Passwords are passed as salted hashes, because other users of the machine can read command lines.

    Raises:
        StackError: Kafka rejected it.
    """
    if (properties.parent / "data/meta.properties").exists():
        return
    words = ["format", "--cluster-id", _cluster_id(), "--config", str(properties)]
    for name, password in passwords.items():
        words += ["--add-scram", _scram(name, password)]
    answer = subprocess.run(  # noqa: S603 - our own arguments
        _java_argv(libs, "kafka.tools.StorageTool", *words),
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    if answer.returncode != 0:
        raise StackError(f"Kafka's folder could not be formatted:\n  {answer.stderr.strip()[-500:]}")


def _scram(name: str, password: str) -> str:
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, SCRAM_ITERATIONS)
    hashed = f'salt="{base64.b64encode(salt).decode()}",saltedpassword="{base64.b64encode(salted).decode()}"'
    return f"SCRAM-SHA-512=[name={name},iterations={SCRAM_ITERATIONS},{hashed}]"


def argv(libs: Path, properties: Path) -> tuple[str, ...]:
    """Returns the broker's command line; `KAFKA_HEAP_OPTS` overrides the size of its heap."""
    return _java_argv(libs, "kafka.Kafka", str(properties))


def _java_argv(libs: Path, *main: str, archive_at_exit: Path | None = None) -> tuple[str, ...]:
    heap = os.environ.get("KAFKA_HEAP_OPTS", "-Xms256m -Xmx1g").split()
    classes = class_archive(libs)
    shared = (f"-XX:SharedArchiveFile={classes}", "-Xlog:disable", "-Xlog:all=error:stderr")
    # Without the JVM's second compiler, a broker that runs for minutes needs half the CPU.
    options = ("-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true", f"-Dlog4j2.configurationFile={LOG4J}")
    if archive_at_exit is not None:
        options += (f"-XX:ArchiveClassesAtExit={archive_at_exit}",)
    elif classes.exists():
        options += shared
    classpath = ":".join(str(jar) for jar in sorted(libs.glob("*.jar")))
    return (str(java()), *heap, *options, "-Dfile.encoding=UTF-8", "-cp", classpath, *main)


def class_archive(libs: Path) -> Path:
    """Returns the JVM's class archive of the broker: with it, a start takes 4.4 s of CPU instead of 7.4.

    It works with one JVM; another one ignores it until the next `fetch`.
    """
    jvm = f"{java().resolve()} {_java_says(str(java()))}"
    return libs.with_name(f"{libs.name}-{hashlib.sha256(jvm.encode()).hexdigest()[:12]}.jsa")


def make_class_archive(libs: Path) -> None:
    """Starts a broker once to create its class archive, which is optional."""
    with (
        tempfile.TemporaryDirectory(dir=CACHE, prefix="classes-") as scratch,
        claimed(TRAINING_PORTS) as ports,
    ):
        made = Path(scratch) / "classes.jsa"
        properties = configure(Path(scratch), port=ports["kafka"], controller=ports["kafka_controller"])
        command = _java_argv(libs, "kafka.Kafka", str(properties), archive_at_exit=made)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as broker:  # noqa: S603 - our own arguments
            end = time.monotonic() + DEADLINE_S
            while is_free(ports["kafka"]) and broker.poll() is None and time.monotonic() < end:
                time.sleep(0.1)
            broker.terminate()
        if made.exists():
            made.rename(class_archive(libs))
