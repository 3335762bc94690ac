"""A process from start to exit: telemetry, graceful shutdown on signals, readable errors, exit codes.

Exit codes: 0 done, 1 failed and worth a retry, 2 wrong usage or configuration, or a person must act first, 3 done, but
a person must act (returned by jobs).
"""

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog
from pydantic import ValidationError
from pydantic_settings import SettingsError

from clawback_common.config.tls import trust
from clawback_common.errors import ClawbackError, Stop
from clawback_common.service.event_loop import Loop
from clawback_common.telemetry.describe import describe
from clawback_common.telemetry.logs import LogFormat, configure_logging
from clawback_common.telemetry.metrics import counter, gauge
from clawback_common.telemetry.tracing import configure_tracing, shutdown_tracing

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from uvicorn import Server

    from clawback_common.config.tls import ServerCertificate
    from clawback_common.http.probes import Probes

T = TypeVar("T")

IDLE_S = 75
"""Keep-alive timeout, longer than that of clients and load balancers. If the server closed an idle connection first,
a request sent at that moment would be lost."""
M_TRIM_THRESHOLD, M_ARENA_MAX = -1, -8
"""The numbers of these ``mallopt`` options in glibc."""
TRIM_BYTES = 131_072
"""glibc's own start value. It raises it to twice the largest freed block, so that a worker would keep 14 MB more."""
CONNECTIONS_MAX = 1_000
"""Per process, including idle connections; a request on a further one is answered 503."""


class ExitCode(IntEnum):
    """Exit codes of a process."""

    OK = 0
    RETRY = 1
    """Failed and worth a retry."""
    CONFIG = 2
    """Wrong usage or configuration, or a person must act first."""
    ATTENTION = 3
    """Done, but a person must act; returned by jobs."""


_LOOP_FAILURES = counter("loop_failures_total", "Failed rounds of a periodic task", ("loop",))
_LOOP_SUCCESS = gauge("loop_last_success_seconds", "Unix time of the last successful round", ("loop",))
_log = structlog.stdlib.get_logger(__name__)


class TelemetrySettings(Protocol):
    """The settings of logging, TLS and tracing, which a process needs first."""

    @property
    def log_level(self) -> str:
        """From debug to error."""

    @property
    def log_format(self) -> LogFormat | None:
        """As in `configure_logging`."""

    @property
    def tls_cafile(self) -> Path | None:
        """Certificate authorities that its clients trust in addition to the system's."""

    @property
    def otel_service_name(self) -> str | None:
        """The name in traces, if it differs from the service's."""

    @property
    def otel_exporter_otlp_endpoint(self) -> str | None:
        """A collector's base address, or None."""


class ShutdownEvent(asyncio.Event):
    """Set once, when shutdown is requested: take no more work, finish the current work."""

    async def sleep(self, seconds: float) -> bool:
        """Wait for this long, or until shutdown; return True at shutdown."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), seconds)
        return self.is_set()


Main = Callable[[ShutdownEvent], Awaitable[int | None]]


def load_or_exit(load: Callable[[], T]) -> T:
    """Return what `load` returns (usually the settings); print its errors to stderr and exit.

    Raises:
        SystemExit: 2, on a `Stop` or settings that do not validate.
    """
    try:
        return load()
    except Stop as error:
        _print_error(str(error))
    except SettingsError as error:
        _print_error(f'{error}: the value must be JSON, such as ["one", "two"]')
    except ValidationError as error:
        for detail in error.errors(include_input=False, include_context=False, include_url=False):
            name = "_".join(str(part) for part in detail["loc"]).upper()
            words = detail["msg"].removeprefix("Value error, ")
            _print_error(f"{name}: {words}" if name else words)
    raise SystemExit(ExitCode.CONFIG)


def run(main: Main, *, service: str, settings: TelemetrySettings) -> int:
    """Run `main` on uvloop until it returns; return its result, or 0, as the exit code.

    The first SIGTERM or SIGINT sets the `ShutdownEvent` that `main` gets; the second ends the process at once. A
    `Stop` is printed to stderr (2); any other error is logged (1).
    """
    _tune_malloc()
    configure_logging(service, settings.log_level, settings.log_format)
    configure_tracing(settings.otel_service_name or service, settings.otel_exporter_otlp_endpoint)
    try:
        trust(settings.tls_cafile)
        with asyncio.Runner(loop_factory=Loop) as runner:
            return runner.run(_until_done(main)) or 0
    except Exception as error:  # noqa: BLE001 - the process ends here and must log the reason without values
        return _ended_by(error)
    finally:
        shutdown_tracing()


def _tune_malloc() -> None:
    """Use a single malloc arena, and return what is free at its end.

    Python runs one thread at a time, so one arena is enough. One arena per thread would leave much memory half empty.
    """
    with contextlib.suppress(AttributeError, OSError):  # another libc does not have these options
        libc = ctypes.CDLL(None)
        libc.mallopt(M_ARENA_MAX, 1)
        libc.mallopt(M_TRIM_THRESHOLD, TRIM_BYTES)


def tune_gc() -> None:
    """Exclude the loaded modules from garbage collection, and raise the thresholds for large batches.

    Otherwise Python scans all of them again after each few hundred values of a batch, which takes a third of the time
    to read one.
    """
    gc.freeze()
    gc.set_threshold(30_000, 10, 10)


async def loop_forever(
    name: str,
    every_s: float,
    work: Callable[[], Awaitable[object]],
    stopping: ShutdownEvent,
    *,
    backoff_s_max: float = 60,
) -> None:
    """Run `work` at this interval until shutdown; a failed round is counted, and the next one is delayed.

    Raises:
        Stop: raised by `work`; any other error is logged and the work is tried again.
    """
    failures = 0
    while not stopping.is_set():
        try:
            await work()
        except Stop:
            raise
        except Exception as error:  # noqa: BLE001 - the outermost loop of a task logs the error and continues
            failures += 1
            _LOOP_FAILURES.labels(loop=name).inc()
            _log.error("periodic task failed", loop=name, failures=failures, exc_info=error)
        else:
            failures = 0
            _LOOP_SUCCESS.labels(loop=name).set_to_current_time()
        backoff_s = min(every_s * 2 ** min(failures, 16), backoff_s_max)
        await stopping.sleep(max(every_s, backoff_s) if failures else every_s)


async def serve(
    app: "Starlette",
    host: str,
    port: int,
    stopping: ShutdownEvent,
    *,
    tls: "ServerCertificate | None" = None,
    probes: "Probes | None" = None,
    drain_s: float = 0.0,
    grace_s: int = 10,
) -> None:
    """Serve HTTP until shutdown, then finish the open requests.

    Args:
        app: its lifespan is entered here, so that a `Stop` in it reaches `run`.
        host: the interface to listen on.
        port: 0 selects a free one.
        stopping: ends serving.
        tls: serve HTTPS with this certificate.
        probes: marked as draining, so that readiness fails first.
        drain_s: seconds between failing readiness and closing, for load balancers to react.
        grace_s: seconds for open requests to finish.

    Raises:
        Stop: the port is in use.
    """
    listener, server = _listen(host, port), _server(app, tls, grace_s)
    async with app.router.lifespan_context(app):
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="http server")
        waiting = asyncio.create_task(stopping.wait(), name="http server's end")
        renewing = asyncio.create_task(tls.renew(stopping), name="http server's certificate") if tls else None
        try:
            _log.info("listening", address=f"{host}:{listener.getsockname()[1]}")
            await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if probes is not None:
                probes.draining = True
            if not serving.done():
                await asyncio.sleep(drain_s)
        finally:
            waiting.cancel()
            if renewing is not None:
                renewing.cancel()
            server.should_exit = True
            await serving


def _server(app: "Starlette", tls: "ServerCertificate | None", grace_s: int) -> "Server":
    from uvicorn import Config, Server  # noqa: PLC0415 - a job without a server does not need it

    from clawback_common.http.protocol import DeadlineProtocol  # noqa: PLC0415 - likewise

    config = Config(
        app,
        http=DeadlineProtocol,
        limit_concurrency=CONNECTIONS_MAX,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # it believes everybody on loopback; `client_address` knows whom to believe
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=grace_s,
        ssl_context_factory=(lambda *_: tls.context) if tls else None,
    )
    server = Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment,method-assign] # our handlers stay
    return server


def _ended_by(error: Exception) -> int:
    """Log the reason and return the exit code; in a group of errors, a `Stop` takes precedence."""
    stop = _stop_in(error)
    if stop is not None:
        _log.error("stopped: a person must act", reason=str(stop))
        _print_error(str(stop))
        return ExitCode.CONFIG
    if isinstance(error, ClawbackError):
        _log.error("failed", exc_info=error)
    else:
        _log.critical("failed unexpectedly", exc_info=error)
    return ExitCode.RETRY


def _stop_in(error: BaseException) -> Stop | None:
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_stop_in, error.exceptions)), None)
    return error if isinstance(error, Stop) else None


async def _until_done(main: Main) -> int | None:
    loop = asyncio.get_running_loop()
    stopping = ShutdownEvent()
    loop.set_exception_handler(_report)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, number, stopping)
    return await main(stopping)


def _on_signal(number: signal.Signals, stopping: ShutdownEvent) -> None:
    if stopping.is_set():
        os._exit(128 + number)
    _log.info("shutdown requested", signal=number.name)
    stopping.set()


def _report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that nobody awaited, without the error's message, which asyncio's own log line contains."""
    _log.error(
        "unhandled error in the event loop", what=context.get("message"), exc_info=context.get("exception")
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Stop(f"cannot listen on {host}:{port}: {describe(error)}") from error
    return listener


def _print_error(words: str) -> None:
    sys.stderr.write(f"{words}\n")
