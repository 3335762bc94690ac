"""`python -m clawback_local up | down | status | run | keys | logs | reset | stop | start | kill | wipe | fetch`."""

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path

from clawback_local import control, kafka, stack
from clawback_local import keys as api_keys
from clawback_local.control import Event
from clawback_local.errors import StackError
from clawback_local.given import differing
from clawback_local.order import Order
from clawback_local.places import DEFAULT_RUN, Places
from clawback_local.status import table


def main(argv: list[str] | None = None) -> int:
    """Runs one command. Returns 0 on success, 1 on failure with a message."""
    options = _parser().parse_args(argv)
    places = Places(options.run_dir.absolute())
    try:
        COMMANDS[options.command](places, options)
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def up(places: Places, options: argparse.Namespace) -> None:
    """Starts what is not running, and waits until everything is ready."""
    began = time.monotonic()
    parts = tuple(options.only.split(",")) if options.only else None
    if control.runs(places):
        _refuse_other_settings(places)
        control.ask(places, {"op": "ensure", "parts": parts}, timeout_s=10)
    else:
        stack.start_supervisor(Order(run=str(places.run), parts=parts, production=options.production))
    try:
        request: Event = {"op": "wait", "parts": parts or ()}
        control.ask(places, request, timeout_s=stack.READY_DEADLINE_S, on_event=_tell)
    except (StackError, KeyboardInterrupt):
        stack.end_background(places)
        raise
    print(f"all ready after {time.monotonic() - began:.1f} s")
    print(f"addresses: {places.env}, logs: {places.logs}, one API key per role: {places.keys}")


def _refuse_other_settings(places: Places) -> None:
    running = control.ask(places, {"op": "given"}, timeout_s=10)
    others = differing(os.environ, running["values"], running["users"])
    if others:
        raise StackError(
            f"the stack in {places.run} runs with other settings: {', '.join(others)}. "
            "Run 'make down' first, or restore the settings"
        )


def run(places: Places, options: argparse.Namespace) -> None:
    """Runs a job of a service with the settings of its worker, for example `run retention sweep --dry-run`."""
    if not options.words:
        raise StackError("give a service and its command, for example: retention sweep --dry-run")
    service, *command = options.words
    part = f"{service}-worker"
    environment = control.ask(places, {"op": "environment", "part": part}, timeout_s=10)
    os.execve(sys.executable, [sys.executable, "-m", service, *command], environment)  # noqa: S606 - this process becomes the job


def keys(places: Places, options: argparse.Namespace) -> None:
    """Creates an API key for a partner: `keys --subject acme --role upstream --provider acme`."""
    providers = [one for one in options.provider.split(",") if one]
    key, entry = api_keys.partner_key(places, options.subject, options.role, providers)
    print(f"key (for its owner only): {key}")
    print(
        f"the stack in {places.run} accepts it; elsewhere add this to API_KEYS_FILE, which is reloaded automatically:"
    )
    print(entry, end="")


def down(places: Places, _: argparse.Namespace) -> None:
    """Stops everything."""
    print("stopped" if stack.end_background(places) else f"no stack is running in {places.run}")


def status(places: Places, _: argparse.Namespace) -> None:
    """Prints the status table."""
    print(table(places, control.ask(places, {"op": "status"}, timeout_s=10)))


def logs(places: Places, options: argparse.Namespace) -> None:
    """Prints the end of each log, or one complete log."""
    chosen = [places.log(options.part)] if options.part else sorted(places.logs.glob("*.log"))
    for path in chosen:
        if not path.exists():
            raise StackError(f"there is no {path}")
        lines = path.read_text(errors="replace").splitlines()
        print(f"==> {path}")
        print("\n".join(lines if options.part else lines[-10:]))


def reset(places: Places, _: argparse.Namespace) -> None:
    """Stops everything and deletes the run folder."""
    stack.end_background(places)
    stack.delete(places)
    print(f"deleted {places.run}")


def fetch(_: Places, __: argparse.Namespace) -> None:
    """Downloads what is downloaded once."""
    if not kafka.folder().is_dir():
        print("Kafka's jars: 55 MB by Maven, about a minute", flush=True)
    libs = kafka.jars()
    if not kafka.class_archive(libs).exists():
        print("Kafka's classes: an archive of them, for faster starts", flush=True)
        kafka.make_class_archive(libs)
    print(f"Kafka's jars are in {libs}")


def operate(places: Places, options: argparse.Namespace) -> None:
    """Stops, starts, kills or wipes one part."""
    request = {"op": options.command, "part": options.part}
    control.ask(places, request, timeout_s=stack.OPERATION_DEADLINE_S, on_event=_tell)


COMMANDS = {
    "up": up,
    "down": down,
    "status": status,
    "run": run,
    "keys": keys,
    "logs": logs,
    "reset": reset,
    "fetch": fetch,
}
COMMANDS |= dict.fromkeys(("stop", "start", "kill", "wipe"), operate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="clawback_local", description=__doc__)
    run_dir = Path(os.environ.get("CLAWBACK_RUN_DIR") or DEFAULT_RUN)
    parser.add_argument(
        "--run-dir", type=Path, default=run_dir, help="run folder (default: CLAWBACK_RUN_DIR, or .run)"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, does in COMMANDS.items():
        command = commands.add_parser(name, help=does.__doc__)
        if name == "up":
            command.add_argument("--only", help="names of parts, separated by commas")
            command.add_argument(
                "--production",
                action="store_true",
                help="with TLS and keys everywhere",
            )
        if name == "logs":
            command.add_argument("part", nargs="?")
        if name == "keys":
            command.add_argument("--subject", required=True, help="owner of the key; for a holder its name")
            command.add_argument("--role", required=True, help="role of the key")
            command.add_argument(
                "--provider", default="", help="providers of its articles, separated by commas"
            )
        if name == "run":
            command.add_argument("words", nargs=argparse.REMAINDER, metavar="SERVICE COMMAND", type=str)
        if does is operate:
            command.add_argument("part")
    return parser


def _tell(event: Event) -> None:
    if event["state"] != "waiting":
        print(
            f"{event['after_s']:6.1f} s  {event['part']:<20} {event['state']} {event['detail']}", flush=True
        )


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        raise SystemExit(main())
