"""Progress within a batch: which records are done, and where each partition can be resumed."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from clawback_common.kafka.envelope import Batch, Received

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""


class Record(Protocol):
    """A record that was read from a partition."""

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
    """The progress of one batch. A partition is resumed at its first record that is not done."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._open: dict[Place, set[int]] = {}
        for record in records:
            self._open.setdefault((record.topic, record.partition), set()).add(record.offset)
        self.ends = {place: max(numbers) + 1 for place, numbers in self._open.items()}
        self._count = sum(map(len, self._open.values()))

    def after(self, done: Iterable[Record]) -> dict[Place, int]:
        """Return the resume offsets of the partitions of these records, once these records are done too."""
        also: dict[Place, set[int]] = {}
        for record in done:
            also.setdefault((record.topic, record.partition), set()).add(record.offset)
        return {
            place: min(self._open.get(place, set()) - numbers, default=self.ends.get(place, max(numbers) + 1))
            for place, numbers in also.items()
        }

    def positioned(self, batch: Batch[Any]) -> Sequence[Received[Any]]:
        """Return the batch with the resume offset in each record; a complete batch needs none."""
        if len(batch) == self._count:
            return batch
        after = self.after(batch)
        return [one._replace(next_offset=after[one.topic, one.partition]) for one in batch]

    def first_open(self) -> tuple[Place, int] | None:
        """Return the first record of a partition that is not done."""
        return next(((place, min(left)) for place, left in self._open.items() if left), None)

    def close(self, done: Iterable[Record]) -> None:
        """Mark these records as done."""
        for record in done:
            self._open.get((record.topic, record.partition), set()).discard(record.offset)
