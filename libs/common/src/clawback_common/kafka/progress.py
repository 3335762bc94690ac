"""Which records of a batch are dealt with, and where each partition may therefore be resumed."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from clawback_common.kafka.envelope import Batch, Received

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""


class Record(Protocol):
    """Anything that was read from a partition."""

    @property
    def topic(self) -> str:
        """The topic."""
        ...

    @property
    def partition(self) -> int:
        """The partition."""
        ...

    @property
    def offset(self) -> int:
        """The offset."""
        ...


class Progress:
    """Of one batch. A partition is resumed at its first record that is not dealt with."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._open: dict[Place, set[int]] = {}
        for record in records:
            self._open.setdefault((record.topic, record.partition), set()).add(record.offset)
        self.ends = {place: max(numbers) + 1 for place, numbers in self._open.items()}
        self._count = sum(map(len, self._open.values()))

    def after(self, done: Iterable[Record]) -> dict[Place, int]:
        """Where the partitions of these records may be resumed once these are dealt with as well."""
        also: dict[Place, set[int]] = {}
        for record in done:
            also.setdefault((record.topic, record.partition), set()).add(record.offset)
        return {
            place: min(self._open.get(place, set()) - numbers, default=self.ends.get(place, max(numbers) + 1))
            for place, numbers in also.items()
        }

    def positioned(self, batch: Batch[Any]) -> Sequence[Received[Any]]:
        """The batch, each record with where its partition may be resumed; a whole batch ends where it says itself."""
        if len(batch) == self._count:
            return batch
        after = self.after(batch)
        return [one._replace(next_offset=after[one.topic, one.partition]) for one in batch]

    def first_open(self) -> tuple[Place, int] | None:
        """The first record of a partition that is not dealt with."""
        return next(((place, min(left)) for place, left in self._open.items() if left), None)

    def close(self, done: Iterable[Record]) -> None:
        """These are dealt with."""
        for record in done:
            self._open.get((record.topic, record.partition), set()).discard(record.offset)
