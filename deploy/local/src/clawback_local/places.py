"""Where everything of one local stack lies: all of it below one run directory."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
"""The clone. The package is always installed in editable form, so the file's place tells it."""

CACHE = ROOT / ".cache"
"""What is downloaded once and shared by all run directories; it outlives `make reset`."""

DEFAULT_RUN = ROOT / ".run"


@dataclass(frozen=True)
class Places:
    """The files of one stack, named after what they hold."""

    run: Path

    @property
    def logs(self) -> Path:
        """One file a process, appended to over restarts."""
        return self.run / "logs"

    @property
    def pids(self) -> Path:
        """Who was started, so that the next supervisor can end what a killed one left behind."""
        return self.run / "pids"

    @property
    def keys(self) -> Path:
        """Secrets of this stack, random, kept over restarts; readable by their owner only."""
        return self.run / "keys"

    @property
    def tls(self) -> Path:
        """Certificates and their keys, of a stack in production mode."""
        return self.run / "tls"

    @property
    def mail(self) -> Path:
        """What the mail sink received, one .eml a message."""
        return self.run / "mail"

    @property
    def sms(self) -> Path:
        """What the SMS sink received, one .json a message."""
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
        """The addresses that are true, one NAME=value a line."""
        return self.run / "env"

    @property
    def feeds(self) -> Path:
        """The feeds that the ingester polls."""
        return self.run / "feeds.yaml"

    @property
    def provider(self) -> Path:
        """Whose articles this folder holds."""
        return self.run / "provider"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this run directory."""
        return self.run / "lock"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor itself has to say."""
        return self.logs / "supervisor.log"

    def log(self, part: str) -> Path:
        """The log of one part."""
        return self.logs / f"{part}.log"

    def make(self) -> None:
        """Create the folders; only their owner can enter, for the logs and keys of a stack are private."""
        self.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.logs, self.pids, self.keys, self.mail, self.sms, self.archive, self.kafka):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
