"""`python -m clawback_simulator`: serves until stopped, and prints its address."""

import argparse
import asyncio
import os
import socket
import sys

import uvicorn

from clawback_simulator.actions import Recipe
from clawback_simulator.app import create_app
from clawback_simulator.settings import Settings
from clawback_simulator.simulator import Simulator


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line; the default of the seed is SIMULATOR_SEED."""
    parser = argparse.ArgumentParser(
        prog="clawback_simulator",
        description="A simulator of the Metabase API v10 that injects faults on request.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8010, help="0 picks a free one (default %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=os.environ.get("SIMULATOR_SEED", "1"), help="seed of all generated data"
    )
    parser.add_argument(
        "--pause-s", type=float, default=0.0, help="minimum seconds between two calls of a key (default 0)"
    )
    parser.add_argument(
        "--publish", type=int, default=0, metavar="N", help="articles to publish at the start"
    )
    parser.add_argument("--certfile", help="serve https with this certificate")
    parser.add_argument("--keyfile", help="key of the certificate")
    parser.add_argument("--log-level", default="warning", help="log level of uvicorn (default %(default)s)")
    return parser.parse_args(arguments)


def listening(host: str, port: int) -> socket.socket:
    """Returns a bound socket; exits with 2 and a message if the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        sys.stderr.write(f"cannot listen on {host}:{port}: {error.strerror}\n")
        sys.exit(2)
    return listener


async def serve(chosen: argparse.Namespace) -> None:
    """Serves on the chosen address until SIGINT or SIGTERM."""
    simulator = Simulator(chosen.seed, Settings(pause_s=chosen.pause_s))
    simulator.world.publish(chosen.publish, Recipe())
    listener = listening(chosen.host, chosen.port)
    config = uvicorn.Config(
        create_app(simulator),
        log_level=chosen.log_level,
        access_log=chosen.log_level in {"debug", "info"},
        date_header=False,  # the header has the simulated clock's time
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,  # longer than any pause of a test, so that no connection is closed during a request
        lifespan="off",
        ssl_certfile=chosen.certfile,
        ssl_keyfile=chosen.keyfile,
    )
    listener.listen(128)
    scheme = "https" if chosen.certfile else "http"
    sys.stdout.write(f"listening on {scheme}://{chosen.host}:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    await uvicorn.Server(config).serve([listener])


def main() -> None:
    """The entry point."""
    asyncio.run(serve(options()))


if __name__ == "__main__":
    main()
