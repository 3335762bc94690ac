"""The required programs of the machine, and the messages if they are missing."""

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from clawback_local.errors import MissingTool

JAVA_LEAST = 17


def java() -> Path:
    """Returns the java of `JAVA_HOME` if set, otherwise of the PATH; at least version 17."""
    home = os.environ.get("JAVA_HOME")
    found = f"{home}/bin/java" if home else shutil.which("java")
    if found is None or not os.access(found, os.X_OK):
        where = f"JAVA_HOME={home} has no bin/java" if home else "there is no java on the PATH"
        raise MissingTool(
            f"Kafka needs Java {JAVA_LEAST} or newer, but {where}. "
            "Debian and Ubuntu have it in the package openjdk-17-jre-headless."
        )
    version = _java_version(found)
    if version < JAVA_LEAST:
        raise MissingTool(
            f"Kafka needs Java {JAVA_LEAST} or newer, but {found} is version {version}. "
            "Debian and Ubuntu have it in the package openjdk-17-jre-headless; or set JAVA_HOME."
        )
    return Path(found)


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


def main() -> int:
    """`python -m clawback_local.tools`: say what is missing before anything is downloaded. Needs no package."""
    from clawback_local import kafka  # noqa: PLC0415 - kafka imports this module

    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return 0
    missing = []
    for check in (java, *(() if kafka.folder().is_dir() else (maven,))):
        try:
            check()
        except MissingTool as error:
            missing.append(str(error))
    sys.stderr.write("".join(f"{text}\n" for text in missing))
    return 1 if missing else 0


@functools.cache
def java_says(java_path: str) -> str:
    """What `java -version` prints."""
    answer = subprocess.run(  # noqa: S603 - the path is the user's own java
        [java_path, "-version"], capture_output=True, text=True, check=False, timeout=60
    )
    return answer.stderr + answer.stdout


def _java_version(java_path: str) -> int:
    match = re.search(r'version "(\d+)(?:\.(\d+))?', java_says(java_path))
    if match is None:
        return 0
    major, minor = int(match[1]), int(match[2] or 0)
    return minor if major == 1 else major


if __name__ == "__main__":
    raise SystemExit(main())
