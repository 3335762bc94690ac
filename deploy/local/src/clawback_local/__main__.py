"""`python -m clawback_local up | down | status | run | keys | logs | reset | stop | start | kill | wipe | fetch`."""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from clawback_local import kafka, keys, stack
from clawback_local.config import DEFAULT_RUN, Paths, StackError
from clawback_local.parts import changed_settings
from clawback_local.stack import Event, SupervisorSpec, ask

LAG_TIMEOUT_S = 8.0


def main(argv: list[str] | None = None) -> int:
    """Runs one command. Returns 0 on success, 1 on failure with a message."""
    options = _parser().parse_args(argv)
    try:
        options.function(Paths(options.run_dir), options)
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def up(paths: Paths, options: argparse.Namespace) -> None:
    """Starts what is not running, and waits until everything is ready."""
    began = time.monotonic()
    parts = options.only.split(",") if options.only else None
    if stack.is_running(paths):
        others = changed_settings(os.environ, json.loads(paths.settings.read_text()), paths.read_env())
        if others:
            raise StackError(
                f"the stack in {paths.run} runs with other settings: {', '.join(others)}. "
                "Run 'make down' first, or restore the settings"
            )
        ask(paths, "ensure", parts=parts, timeout_s=10)
    else:
        stack.start_supervisor(SupervisorSpec(str(paths.run), parts, production=options.production))
    try:
        ask(paths, "wait", parts=parts, timeout_s=stack.READY_DEADLINE_S, on_event=_report)
    except (StackError, KeyboardInterrupt):
        stack.end_background(paths)
        raise
    print(f"all ready after {time.monotonic() - began:.1f} s")
    print(f"addresses: {paths.env}, logs: {paths.logs}, one API key per role: {paths.keys}")


def down(paths: Paths, _: argparse.Namespace) -> None:
    """Stops everything."""
    print("stopped" if stack.end_background(paths) else f"no stack is running in {paths.run}")


def status(paths: Paths, _: argparse.Namespace) -> None:
    """Prints the status table; an unknown lag is a question mark, never zero."""
    rows = ask(paths, "status", timeout_s=10)
    groups = {row["group"] for row in rows if row["group"]}
    lags = asyncio.run(_lags(paths, groups)) if groups else {}
    table: list[tuple[object, ...]] = [("PROCESS", "PID", "ADDRESS", "READY", "LAG", "RESTARTS", "")]
    for row in rows:
        ready = "yes" if row["state"] == "ready" else row["state"]
        lag = lags.get(row["group"], "?") if row["group"] else "-"
        process = (row["part"], row["pid"] or "-", row["address"] or "-")
        table.append((*process, ready, lag, row["restarts"], row["detail"].partition("\n")[0]))
    widths = [max(len(str(cell)) for cell in column) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


async def _lags(paths: Paths, services: set[str]) -> dict[str, int]:
    """Returns the number of uncommitted messages of each service's groups, such as `ingester.orders`, if known."""
    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415 - half a second that other commands do not need
    from aiokafka.admin import AIOKafkaAdminClient  # noqa: PLC0415 - likewise
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - likewise

    lags: dict[str, int] = {}
    connection = paths.kafka_arguments(paths.read_env()["KAFKA_BOOTSTRAP_SERVERS"])
    admin, consumer = AIOKafkaAdminClient(**connection), AIOKafkaConsumer(**connection)
    with contextlib.suppress(KafkaError, OSError, KeyError, TimeoutError):
        async with asyncio.timeout(LAG_TIMEOUT_S):
            await admin.start()
            await consumer.start()
            for group, *_ in await admin.list_consumer_groups():
                service = group.partition(".")[0]
                if service in services:
                    committed = await admin.list_consumer_group_offsets(group)
                    ends = await consumer.end_offsets(list(committed))
                    behind = sum(max(0, ends[one] - committed[one].offset) for one in committed)
                    lags[service] = lags.get(service, 0) + behind
    await admin.close()
    await consumer.stop()
    return lags


def run(paths: Paths, options: argparse.Namespace) -> None:
    """Runs a job of a service with the settings of its worker, for example `run retention sweep --dry-run`."""
    if not options.words:
        raise StackError("give a service and its command, for example: retention sweep --dry-run")
    environment = ask(paths, "environment", part=f"{options.words[0]}-worker", timeout_s=10)
    os.execve(sys.executable, [sys.executable, "-m", *options.words], environment)  # noqa: S606 - this process becomes the job


def create_key(paths: Paths, options: argparse.Namespace) -> None:
    """Creates an API key for a partner: `keys --subject acme --role upstream --provider acme`."""
    providers = [one for one in options.provider.split(",") if one]
    key, entry = keys.partner_key(paths, options.subject, options.role, providers)
    print(f"key (for its owner only): {key}")
    print(f"the stack in {paths.run} accepts it; elsewhere add this to API_KEYS_FILE, which is reloaded:")
    print(entry, end="")


def logs(paths: Paths, options: argparse.Namespace) -> None:
    """Prints the end of each log, or one complete log."""
    for path in [paths.log(options.part)] if options.part else sorted(paths.logs.glob("*.log")):
        if not path.exists():
            raise StackError(f"there is no {path}")
        lines = path.read_text(errors="replace").splitlines()
        print("\n".join([f"==> {path}", *(lines if options.part else lines[-10:])]))


def reset(paths: Paths, _: argparse.Namespace) -> None:
    """Stops everything and deletes the run folder."""
    stack.end_background(paths)
    stack.delete(paths)
    print(f"deleted {paths.run}")


def fetch(_: Paths, __: argparse.Namespace) -> None:
    """Downloads what is downloaded once."""
    if not kafka.folder().is_dir():
        print("Kafka's jars: 55 MB by Maven, about a minute", flush=True)
    print(f"Kafka's jars are in {kafka.jars()}")


def operate(paths: Paths, options: argparse.Namespace) -> None:
    """Stops, starts, kills or wipes one part."""
    ask(paths, options.command, part=options.part, timeout_s=stack.OPERATION_DEADLINE_S, on_event=_report)


def _report(event: Event) -> None:
    if event["state"] != "waiting":
        at = f"{event['after_s']:6.1f} s"
        print(f"{at}  {event['part']:<20} {event['state']} {event['detail']}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="clawback_local", description=__doc__)
    run_dir = Path(os.environ.get("CLAWBACK_RUN_DIR") or DEFAULT_RUN)
    parser.add_argument("--run-dir", type=Path, default=run_dir, help="default: CLAWBACK_RUN_DIR, or .run")
    subparsers = parser.add_subparsers(dest="command", required=True)

    def command(name: str, function: Callable[[Paths, argparse.Namespace], None]) -> argparse.ArgumentParser:
        subparser = subparsers.add_parser(name, help=function.__doc__)
        subparser.set_defaults(function=function)
        return subparser

    for function in (down, status, reset, fetch):
        command(function.__name__, function)
    starting = command("up", up)
    starting.add_argument("--only", help="names of parts, separated by commas")
    starting.add_argument("--production", action="store_true", help="with TLS and keys everywhere")
    command("run", run).add_argument("words", nargs=argparse.REMAINDER, metavar="SERVICE COMMAND")
    command("logs", logs).add_argument("part", nargs="?")
    key = command("keys", create_key)
    key.add_argument("--subject", required=True, help="owner of the key; for a holder its name")
    key.add_argument("--role", required=True, help="role of the key")
    key.add_argument("--provider", default="", help="providers of its articles, separated by commas")
    for name in ("stop", "start", "kill", "wipe"):
        command(name, operate).add_argument("part")
    return parser


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        raise SystemExit(main())
