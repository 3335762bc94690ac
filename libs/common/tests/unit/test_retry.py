"""Retries, a limited number of times."""

import pytest

from clawback_common.errors import Poison, Transient
from clawback_common.retry import Retry, retrying


class Flaky:
    """Fails with these errors in turn, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.slept: list[float] = []

    async def __call__(self) -> str:
        """Make one attempt."""
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def sleep(self, seconds: float) -> None:
        """Record the delay without waiting."""
        self.slept.append(seconds)


POLICY = Retry(attempts=3, first_delay_ms=1000, factor=2, jitter=0)


async def test_a_temporary_failure_is_retried_with_growing_delays() -> None:
    flaky = Flaky(Transient("a"), Transient("b"))
    assert await retrying(POLICY, flaky, sleep=flaky.sleep) == "done"
    assert flaky.slept == [1.0, 2.0]


async def test_the_last_error_is_raised_after_the_last_attempt() -> None:
    flaky = Flaky(Transient("a"), Transient("b"), Transient("c"))
    with pytest.raises(Transient, match="c"):
        await retrying(POLICY, flaky, sleep=flaky.sleep)
    assert flaky.calls == 3
    assert flaky.slept == [1.0, 2.0]


async def test_a_permanent_failure_is_not_retried() -> None:
    flaky = Flaky(Poison("bad"))
    with pytest.raises(Poison):
        await retrying(POLICY, flaky, sleep=flaky.sleep)
    assert flaky.calls == 1


async def test_a_peer_may_request_a_longer_wait() -> None:
    flaky = Flaky(Transient("a", retry_after_s=30))
    await retrying(POLICY, flaky, sleep=flaky.sleep)
    assert flaky.slept == [30]


async def test_a_wait_beyond_the_maximum_is_raised_to_the_caller() -> None:
    flaky = Flaky(Transient("a", retry_after_s=61))
    with pytest.raises(Transient):
        await retrying(POLICY, flaky, sleep=flaky.sleep)
    assert flaky.slept == []


async def test_each_repeated_attempt_is_reported() -> None:
    flaky, reported = Flaky(Transient("a"), Transient("b")), list[Exception]()
    await retrying(POLICY, flaky, sleep=flaky.sleep, on_retry=reported.append)
    assert [str(error) for error in reported] == ["a", "b"]


async def test_the_caller_selects_the_errors_to_retry() -> None:
    flaky = Flaky(ConnectionResetError())
    assert await retrying(POLICY, flaky, on=(OSError,), sleep=flaky.sleep) == "done"


def test_a_delay_is_capped_and_jitter_only_adds() -> None:
    policy = Retry(attempts=100, first_delay_ms=100, factor=10, delay_ms_max=5000, jitter=0.5)
    assert policy.delay_s(1) == pytest.approx(0.1)
    assert policy.delay_s(10_000) == pytest.approx(5)
    assert policy.delay_s(2, chance=1) == pytest.approx(1.5)


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"factor": 0.5}, {"jitter": -1}, {"first_delay_ms": -1}])
def test_an_invalid_policy_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="retry"):
        Retry(**wrong)  # type: ignore[arg-type]
