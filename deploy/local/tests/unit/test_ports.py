"""Ports: the documented ones, or others if those are in use."""

import socket

from clawback_local.config import LOOPBACK, PORT_STEP, claimed, is_free


def a_server() -> socket.socket:
    server = socket.socket()
    server.bind((LOOPBACK, 0))
    server.listen()
    return server


def test_a_free_port_is_taken_as_documented() -> None:
    with a_server() as server:
        wanted = server.getsockname()[1] % 10_000 + 10_000
    while not is_free(wanted):
        wanted += 1
    with claimed({"api": wanted}) as chosen:
        assert chosen == {"api": wanted}


def test_a_taken_port_is_moved_by_a_round_step() -> None:
    with socket.socket() as server:
        wanted = next(port for port in range(12_000, 13_000) if is_free(port) and is_free(port + PORT_STEP))
        server.bind((LOOPBACK, wanted))
        server.listen()
        with claimed({"api": wanted}) as chosen:
            assert chosen["api"] % PORT_STEP == wanted % PORT_STEP
            assert chosen["api"] > wanted


def test_two_stacks_that_start_concurrently_choose_different_ports() -> None:
    wanted = {"api": 14_321}
    with claimed(wanted) as first, claimed(wanted) as second:
        assert first != second


def test_a_stack_of_a_test_avoids_the_documented_ports() -> None:
    with claimed({"kafka": 9092, "api": 8001}, prefer_documented=False) as chosen:
        assert min(chosen.values()) >= 20_000
        assert len(set(chosen.values())) == 2
