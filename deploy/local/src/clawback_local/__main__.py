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
    """Do one command; 0 done, 1 failed and said why."""
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
    """Start what is not started, and wait for all of it."""
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
    print(f"addresses: {places.env}, logs: {places.logs}, one API key a role: {places.keys}")


def _refuse_other_settings(places: Places) -> None:
    running = control.ask(places, {"op": "given"}, timeout_s=10)
    others = differing(os.environ, running["values"], running["users"])
    if others:
        raise StackError(
            f"the stack in {places.run} runs with other settings than these: {', '.join(others)}. "
            "'make down' first, or set them as they were"
        )


def run(places: Places, options: argparse.Namespace) -> None:
    """Run a job of a service, such as `run retention sweep --dry-run`, with exactly its worker's settings."""
    if not options.words:
        raise StackError("name a service and its command, such as: retention sweep --dry-run")
    service, *command = options.words
    part = f"{service}-worker"
    environment = control.ask(places, {"op": "environment", "part": part}, timeout_s=10)
    os.execve(sys.executable, [sys.executable, "-m", service, *command], environment)  # noqa: S606 - it is the job


def keys(places: Places, options: argparse.Namespace) -> None:
    """Make an API key for a partner: `keys --subject acme --role upstream --provider acme`."""
    providers = [one for one in options.provider.split(",") if one]
    key, entry = api_keys.partner_key(places, options.subject, options.role, providers)
    print(f"key, which its owner alone gets: {key}")
    print(
        f"the stack in {places.run} takes it; elsewhere add to API_KEYS_FILE, which is read again by itself:"
    )
    print(entry, end="")


def down(places: Places, _: argparse.Namespace) -> None:
    """End everything."""
    print("stopped" if stack.end_background(places) else f"no stack runs in {places.run}")


def status(places: Places, _: argparse.Namespace) -> None:
    """Print the table."""
    print(table(places, control.ask(places, {"op": "status"}, timeout_s=10)))


def logs(places: Places, options: argparse.Namespace) -> None:
    """Print the end of each log, or all of one."""
    chosen = [places.log(options.part)] if options.part else sorted(places.logs.glob("*.log"))
    for path in chosen:
        if not path.exists():
            raise StackError(f"there is no {path}")
        lines = path.read_text(errors="replace").splitlines()
        print(f"==> {path}")
        print("\n".join(lines if options.part else lines[-10:]))


def reset(places: Places, _: argparse.Namespace) -> None:
    """End everything and delete the run folder."""
    stack.end_background(places)
    stack.delete(places)
    print(f"deleted {places.run}")


def fetch(_: Places, __: argparse.Namespace) -> None:
    """Fetch what is downloaded once."""
    if not kafka.folder().is_dir():
        print("Kafka's jars: 55 MB by Maven, a minute or so", flush=True)
    libs = kafka.jars()
    if not kafka.class_archive(libs).exists():
        print("Kafka's classes: an image of them, for fast starts", flush=True)
        kafka.make_class_archive(libs)
    print(f"Kafka's jars are in {libs}")


def operate(places: Places, options: argparse.Namespace) -> None:
    """Stop, start, kill or wipe one part."""
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
        "--run-dir", type=Path, default=run_dir, help="or CLAWBACK_RUN_DIR; .run without either"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, does in COMMANDS.items():
        command = commands.add_parser(name, help=does.__doc__)
        if name == "up":
            command.add_argument("--only", help="parts by name, with a comma between")
            command.add_argument("--production", action="store_true", help="with TLS and keys everywhere")
        if name == "logs":
            command.add_argument("part", nargs="?")
        if name == "keys":
            command.add_argument("--subject", required=True, help="whom it is for; a holder's name")
            command.add_argument("--role", required=True, help="what it may do")
            command.add_argument("--provider", default="", help="whose articles, with a comma between")
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
