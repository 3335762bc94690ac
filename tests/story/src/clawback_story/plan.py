"""The size of the scenario. The demo runs it in full size, the end-to-end tests in a small one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many articles of each kind there are, and how many of them are revoked."""

    articles: int
    """On the provider's feed before any revocation."""
    pushed: int
    """By the partner's webhooks."""
    submitted: int
    """By the upstream system, on its topic and over HTTP."""
    revoked: int
    """By the provider; includes the next three."""
    never_delivered: int
    afterwards: int
    """Delivered only after their revocation."""
    again: int
    """Redelivered after their revocation."""

    @property
    def ordinary(self) -> int:
        """Revoked after they were delivered."""
        return self.revoked - self.never_delivered - self.afterwards

    @property
    def offered(self) -> int:
        """Articles that must be held before the first revocation."""
        return self.articles + self.pushed + self.submitted


DEMO = Sizes(
    articles=20_000, pushed=200, submitted=200, revoked=600, never_delivered=20, afterwards=20, again=20
)
SMALL = Sizes(articles=1_500, pushed=40, submitted=40, revoked=90, never_delivered=8, afterwards=8, again=8)
