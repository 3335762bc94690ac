"""The downstream consumer: the example of the contracts, unchanged, in its own process."""

import asyncio
import os
import signal
import socket
import sqlite3
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import IO, Any

from clawback_contracts.signatures import Signer
from clawback_local import Stack
from clawback_local.config import ROOT
from clawback_local.processes import tied
from clawback_testing.keys import public, write_signing_key

SCRIPT = ROOT / "contracts" / "examples" / "consumer.py"
END_S = 10.0


@dataclass(frozen=True, slots=True)
class Copy:
    """The consumer's copy of one article."""

    version: int
    content: str


class Downstream:
    """One consumer with its store."""

    def __init__(self, stack: Stack, name: str = "search") -> None:
        folder = stack.run_dir
        self._stack = stack
        self.name = name
        self.group = f"{name}-reader"
        self.store = folder / f"{name}.sqlite"
        self.log = folder / "logs" / f"downstream-{name}.log"
        self.key = folder / f"{name}.pem"
        self.port = _free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._out: IO[bytes] | None = None

    @property
    def signing_keys(self) -> dict[str, str]:
        """The public key for its signed answers; created on first use."""
        return public(Signer.of(self.key) if self.key.exists() else write_signing_key(self.key))

    @property
    def holdings_url(self) -> str:
        """The URL at which it reports its holdings."""
        scheme = "https" if self._stack.production else "http"
        return f"{scheme}://127.0.0.1:{self.port}/holdings"

    async def start(self) -> None:
        """Starts it; it determines its position itself."""
        self._out = self.log.open("ab")
        self._process = await asyncio.create_subprocess_exec(
            *tied(sys.executable, str(SCRIPT)),
            env=os.environ
            | {
                "HOLDER": self.name,
                "DATABASE": str(self.store),
                "GROUP": self.group,
                **({"SIGNING_KEY_FILE": str(self.key)} if self.key.exists() else {}),
                "HOLDINGS_PORT": str(self.port),
                "KAFKA_BOOTSTRAP_SERVERS": self._stack.env["KAFKA_BOOTSTRAP_SERVERS"],
                **(self._credentials() if self._stack.production else {}),
            },
            stdout=self._out,
            stderr=self._out,
            start_new_session=True,
        )

    @property
    def runs(self) -> bool:
        """Whether its process is running."""
        return self._process is not None and self._process.returncode is None

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stops it."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            try:
                await asyncio.wait_for(self._process.wait(), END_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._out is not None:
            self._out.close()

    def count(self) -> int:
        """Returns the number of known articles, held or removed; 0 before it has started.

        Cheap enough for a progress counter.
        """
        return sum(row[0] for row in self._query("SELECT count(*) FROM article"))

    def ids(self) -> frozenset[str]:
        """Returns the ids of the articles that it holds."""
        return frozenset(
            row[0] for row in self._query("SELECT article_id FROM article WHERE content IS NOT NULL")
        )

    def _credentials(self) -> dict[str, str]:
        """Returns its settings for the broker, and for the certificate of its holdings."""
        paths = self._stack.paths
        return {
            "KAFKA_SASL_USERNAME": self.name,
            "KAFKA_SASL_PASSWORD": paths.secret(f"kafka-{self.name}"),
            "KAFKA_SSL_CAFILE": str(paths.cafile),
            "HOLDINGS_CERTFILE": str(paths.tls / f"{self.name}.crt"),
            "HOLDINGS_KEYFILE": str(paths.tls / f"{self.name}.key"),
        }

    def copies(self) -> dict[str, Copy]:
        """Returns all copies that it holds."""
        rows = self._query("SELECT article_id, version, content FROM article WHERE content IS NOT NULL")
        return {row[0]: Copy(row[1], row[2]) for row in rows}

    def copy(self, article_id: str) -> Copy | None:
        """Returns its copy of one article."""
        question = "SELECT version, content FROM article WHERE content IS NOT NULL AND article_id = ?"
        return next((Copy(*row) for row in self._query(question, article_id)), None)

    def _query(self, question: str, *values: str) -> list[Any]:
        """Returns rows; none before the consumer has created its table."""
        if not self.store.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=30)) as store:
            try:
                return store.execute(question, values).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
