"""The files of one local stack, all below one run folder."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
"""The clone. The package is always installed in editable form, so it is found from this file."""

CACHE = ROOT / ".cache"
"""Downloads that are shared by all run folders; `make reset` keeps them."""

DEFAULT_RUN = ROOT / ".run"


@dataclass(frozen=True)
class Places:
    """The files of one stack."""

    run: Path

    @property
    def logs(self) -> Path:
        """One file per process, appended to over restarts."""
        return self.run / "logs"

    @property
    def pids(self) -> Path:
        """The started processes, so that the next supervisor can stop what a killed one left running."""
        return self.run / "pids"

    @property
    def keys(self) -> Path:
        """Secrets of this stack: random, kept over restarts, readable by their owner only."""
        return self.run / "keys"

    @property
    def tls(self) -> Path:
        """Certificates and their keys, of a stack in production mode."""
        return self.run / "tls"

    @property
    def mail(self) -> Path:
        """Mails received by the mail sink, one .eml each."""
        return self.run / "mail"

    @property
    def sms(self) -> Path:
        """Messages received by the SMS sink, one .json each."""
        return self.run / "sms"

    @property
    def archive(self) -> Path:
        """What owners archive before they delete it."""
        return self.run / "archive"

    @property
    def kafka(self) -> Path:
        """The broker's data and configuration."""
        return self.run / "kafka"

    @property
    def postgres(self) -> Path:
        """The database server's data."""
        return self.run / "postgres"

    @property
    def env(self) -> Path:
        """The actual addresses, one NAME=value per line."""
        return self.run / "env"

    @property
    def feeds(self) -> Path:
        """The feeds that the ingester polls."""
        return self.run / "feeds.yaml"

    @property
    def provider(self) -> Path:
        """The provider of this folder's articles."""
        return self.run / "provider"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor of this run folder."""
        return self.run / "lock"

    @property
    def supervisor_log(self) -> Path:
        """The log of the supervisor."""
        return self.logs / "supervisor.log"

    def log(self, part: str) -> Path:
        """The log of one part."""
        return self.logs / f"{part}.log"

    def make(self) -> None:
        """Creates the folders; only their owner can enter, because the logs and keys of a stack are private."""
        self.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.logs, self.pids, self.keys, self.mail, self.sms, self.archive, self.kafka):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
