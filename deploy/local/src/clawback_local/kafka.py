"""One Kafka broker: Java and Maven of the machine, the jars, the configuration and the command line.

Uses the standard library only, because `make setup` calls `missing_tools` before anything is installed.
"""

import asyncio
import base64
import functools
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from clawback_local.config import CACHE, DATABASES, LOOPBACK, ROOT, Config, StackError, write_private
from clawback_local.processes import Command, run

DEPLOY = ROOT / "deploy/local"
JAVA_LEAST = 17
JAVA_PACKAGE = "Debian and Ubuntu have it in the package openjdk-17-jre-headless; or set JAVA_HOME"
CONSUMERS = ("search",)  # downstream systems: a user of the broker, and a certificate for their holdings
USERS = ("broker", *DATABASES, "topics", "operator", "upstream", *CONSUMERS)  # in production mode
SUPER_USERS = ("ANONYMOUS", "broker", "topics", "operator")  # the first is the controller, on loopback only
MAVEN = ("-B", "-q", "-Dstyle.color=never", "-DincludeScope=runtime", "dependency:copy-dependencies")
JVM = ("-Djava.awt.headless=true", "-Dfile.encoding=UTF-8", "-Xlog:disable", "-Xlog:all=error:stderr")
SCRAM_ITERATIONS = 4_096
FORMAT_DEADLINE_S = 60.0


async def command(config: Config) -> Command:
    """Downloads the jars if needed, writes the configuration, and returns the command line."""
    libs = await asyncio.to_thread(jars)
    users = {name: config.values[f"kafka_{name}_password"] for name in USERS} if config.production else {}
    port, controller = config.ports["kafka"], config.ports["kafka_controller"]
    properties = configure(config.paths.kafka, port=port, controller=controller, users=users)
    if users:
        await asyncio.to_thread(format_with_users, libs, properties, users)
    return argv(libs, properties), "self"


def java() -> str:
    """Returns the java of `JAVA_HOME` if set, otherwise of the PATH; at least version 17."""
    home = os.environ.get("JAVA_HOME")
    found = f"{home}/bin/java" if home else shutil.which("java")
    problem = f"JAVA_HOME={home} has no bin/java" if home else "there is no java on the PATH"
    if found is not None and os.access(found, os.X_OK):
        match = re.search(r'version "(?:1\.)?(\d+)', _version_text(found))
        if match and int(match[1]) >= JAVA_LEAST:
            return found
        problem = f"{found} is version {match[1] if match else 'unknown'}"
    raise StackError(f"Kafka needs Java {JAVA_LEAST} or newer, but {problem}. {JAVA_PACKAGE}.")


@functools.cache
def _version_text(java: str) -> str:
    return run(java, "-version", timeout=60)[1]


def maven() -> str:
    """Returns the mvn of the PATH."""
    found = shutil.which("mvn")
    if found is None:
        raise StackError(
            "Kafka's jars are downloaded with Maven, but there is no mvn on the PATH. "
            "Debian and Ubuntu have it in the package maven. (With KAFKA_BOOTSTRAP_SERVERS set, "
            "the stack uses that Kafka and needs neither.)"
        )
    return found


def missing_tools() -> str:
    """Returns what is missing, before anything is downloaded."""
    needed = {"setpriv", "unshare"}
    missing = [
        f"the stack needs {one} of the package util-linux" for one in sorted(needed) if not shutil.which(one)
    ]
    if not os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        for check in (java, *(() if folder().is_dir() else (maven,))):
            try:
                check()
            except StackError as error:
                missing.append(str(error))
    return "\n".join(missing)


def folder() -> Path:
    """Returns the folder of the jars. Its name contains the pom's hash, so other versions have other folders."""
    return CACHE / f"kafka-{hashlib.sha256((DEPLOY / 'pom.xml').read_bytes()).hexdigest()[:12]}"


def jars() -> Path:
    """Returns the folder of the jars, which Maven downloads if it is missing. An interrupted download is never used."""
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
    folders = (f"-DoutputDirectory={scratch / 'libs'}", f"-Dmaven.repo.local={scratch / 'maven'}")
    code, text = run(maven(), *MAVEN, *folders, cwd=DEPLOY)
    if code != 0:
        lines = [line.removeprefix("[ERROR]").strip() for line in text.splitlines()]
        tail = "\n  ".join([line for line in lines if line][:4])
        raise StackError(f"Maven could not download Kafka's jars (is there a network?):\n  {tail}")


def configure(
    home: Path, *, port: int, controller: int, users: Mapping[str, str] | None = None, host: str = LOOPBACK
) -> Path:
    """Writes the broker's configuration and, for a new broker, what marks its folder as formatted.

    With `users` (passwords by name), it has TLS with the certificate of the stack, and must be formatted before it
    starts: see `format_with_users`. The quorum is static, because a dynamic one stores its port, which may change
    between two starts.
    """
    data, properties = home / "data", home / "server.properties"
    data.mkdir(parents=True, exist_ok=True)
    text = (DEPLOY / "server.properties").read_text()
    values = {"host": host, "port": port, "controller": controller, "home": home, "run": home.parent}
    values["protocol"] = "SASL_SSL" if users else "PLAINTEXT"
    if users:
        text += (DEPLOY / "server-tls.properties").read_text()
        values["super_users"] = ";".join(f"User:{name}" for name in SUPER_USERS)
        values["password"] = users["broker"]
    elif not (data / "meta.properties").exists():
        (data / "meta.properties").write_text(f"version=1\ncluster.id={_cluster_id()}\nnode.id=1\n")
    write_private(properties, text.format_map(values))
    return properties


def _cluster_id() -> str:
    return "C" + secrets.token_urlsafe(16)[1:]  # an id that begins with a dash would be an option


def format_with_users(libs: Path, properties: Path, users: Mapping[str, str]) -> None:
    """Formats the folder of a new broker with its users, as salted hashes: others can read command lines."""
    if (properties.parent / "data/meta.properties").exists():
        return
    words = ["kafka.tools.StorageTool", "format", "--cluster-id", _cluster_id(), "--config", str(properties)]
    words += [word for name, password in users.items() for word in ("--add-scram", _scram(name, password))]
    code, text = run(*_java_argv(libs, "-Xshare:auto", *words), timeout=FORMAT_DEADLINE_S)
    if code != 0:
        raise StackError(f"Kafka's folder could not be formatted:\n  {text.strip()[-500:]}")


def _scram(name: str, password: str) -> str:
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, SCRAM_ITERATIONS)
    hashed = f'salt="{base64.b64encode(salt).decode()}",saltedpassword="{base64.b64encode(salted).decode()}"'
    return f"SCRAM-SHA-512=[name={name},iterations={SCRAM_ITERATIONS},{hashed}]"


def argv(libs: Path, properties: Path) -> tuple[str, ...]:
    """Returns the broker's command line; `KAFKA_HEAP_OPTS` overrides the size of its heap.

    The first broker that ends in good order archives its classes for this JVM: with them, a start takes 4.4 s of CPU
    instead of 7.4.
    """
    jvm = f"{Path(java()).resolve()} {_version_text(java())}"
    classes = libs.with_name(f"{libs.name}-{hashlib.sha256(jvm.encode()).hexdigest()[:12]}.jsa")
    archive = f"-XX:{'SharedArchiveFile' if classes.exists() else 'ArchiveClassesAtExit'}={classes}"
    return _java_argv(libs, archive, "kafka.Kafka", str(properties))


def _java_argv(libs: Path, archive: str, *main: str) -> tuple[str, ...]:
    heap = os.environ.get("KAFKA_HEAP_OPTS", "-Xms256m -Xmx1g").split()
    # Without the second compiler, a broker that runs for minutes needs half the CPU.
    fast = "-XX:TieredStopAtLevel=1"
    logs = f"-Dlog4j2.configurationFile={DEPLOY / 'log4j2.xml'}"
    classpath = ":".join(str(jar) for jar in sorted(libs.glob("*.jar")))
    return (java(), *heap, archive, fast, logs, *JVM, "-cp", classpath, *main)
