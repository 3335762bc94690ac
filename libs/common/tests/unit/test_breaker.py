"""The circuit breaker."""

import asyncio
from itertools import count

import pytest

from clawback_common.breaker import CLOSED, HALF_OPEN, OPEN, Breaker, BreakerOpen
from clawback_common.errors import Poison, Transient
from clawback_common.telemetry.metrics import REGISTRY
from clawback_testing.clock import FakeClock

_numbers = count()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker(f"peer-{next(_numbers)}", clock, failures=3, open_s=60)


def _fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(Transient, match="away"), breaker.calling():
            raise Transient("away")


def _succeed(breaker: Breaker) -> None:
    with breaker.calling():
        pass


def test_it_opens_after_a_number_of_consecutive_failures(breaker: Breaker) -> None:
    _fail(breaker, 2)
    _succeed(breaker)
    _fail(breaker, 2)
    assert breaker.state == CLOSED
    _fail(breaker)
    assert breaker.state == OPEN


def test_while_open_no_call_is_made_and_the_wait_is_returned(breaker: Breaker, clock: FakeClock) -> None:
    _fail(breaker, 3)
    clock.advance(seconds=20)
    with pytest.raises(BreakerOpen) as caught, breaker.calling():
        pytest.fail("called")
    assert caught.value.retry_after_s == 40
    assert breaker.wait_s() == 40


def test_a_probe_that_succeeds_closes_it(breaker: Breaker, clock: FakeClock) -> None:
    _fail(breaker, 3)
    clock.advance(seconds=60)
    _succeed(breaker)
    assert breaker.state == CLOSED
    _fail(breaker, 2)
    assert breaker.state == CLOSED


def test_a_probe_that_fails_opens_it_again_at_once(breaker: Breaker, clock: FakeClock) -> None:
    _fail(breaker, 3)
    clock.advance(seconds=60)
    _fail(breaker)
    assert breaker.state == OPEN
    assert breaker.wait_s() == 60


def test_one_probe_runs_at_a_time(breaker: Breaker, clock: FakeClock) -> None:
    _fail(breaker, 3)
    clock.advance(seconds=60)
    with breaker.calling():
        assert breaker.state == HALF_OPEN
        with pytest.raises(BreakerOpen), breaker.calling():
            pytest.fail("called")
        assert breaker.state == HALF_OPEN
    assert breaker.state == CLOSED


def test_a_cancelled_probe_allows_the_next_one(breaker: Breaker, clock: FakeClock) -> None:
    _fail(breaker, 3)
    clock.advance(seconds=60)
    with pytest.raises(asyncio.CancelledError), breaker.calling():
        raise asyncio.CancelledError
    assert breaker.state == OPEN
    _succeed(breaker)
    assert breaker.state == CLOSED


def test_an_unusable_answer_counts_as_success(breaker: Breaker) -> None:
    _fail(breaker, 2)
    with pytest.raises(Poison), breaker.calling():
        raise Poison("unreadable")
    _fail(breaker, 2)
    assert breaker.state == CLOSED


def test_its_state_is_a_metric(clock: FakeClock) -> None:
    breaker = Breaker("measured", clock, failures=1)
    _fail(breaker)
    assert REGISTRY.get_sample_value("circuit_breaker_state", {"breaker": "measured"}) == OPEN


def test_an_old_call_that_ends_meanwhile_does_not_end_the_probe(breaker: Breaker, clock: FakeClock) -> None:
    old = breaker.calling()
    old.__enter__()
    _fail(breaker, 3)
    clock.advance(seconds=60)
    with breaker.calling():
        error = Transient("away")
        assert not old.__exit__(Transient, error, None)
        assert breaker.state == HALF_OPEN
    assert breaker.state == CLOSED
