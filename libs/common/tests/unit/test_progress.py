"""The resume offset of a partition: never after an unprocessed record."""

from clawback_common.kafka.envelope import Received
from clawback_common.kafka.progress import Progress


def record(offset: int, partition: int = 0) -> Received[None]:
    return Received(None, "id", None, "t", partition, offset)


def test_a_partition_resumes_at_its_first_unprocessed_record() -> None:
    records = [record(n) for n in (3, 4, 5, 9)] + [record(7, 1)]
    progress = Progress(records)
    assert progress.first_open() == (("t", 0), 3)
    assert progress.after(records) == {("t", 0): 10, ("t", 1): 8}
    assert progress.positioned(records) is records, "each partition is after its last record"
    assert progress.after([record(4), record(9)]) == {("t", 0): 3}
    progress.close([record(4), record(9)])
    assert progress.after([record(3)]) == {("t", 0): 5}
    progress.close([record(3)])
    assert progress.after([record(5)]) == {("t", 0): 10}
    assert [one.next_offset for one in progress.positioned([record(5), record(7, 1)])] == [10, 8]
    progress.close([record(5)])
    assert progress.first_open() == (("t", 1), 7)
    progress.close([record(7, 1)])
    assert progress.first_open() is None


def test_a_record_outside_the_batch_resumes_after_itself() -> None:
    assert Progress([]).after([record(7)]) == {("t", 0): 8}
