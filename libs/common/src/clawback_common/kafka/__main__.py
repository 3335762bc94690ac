"""``python -m clawback_common.kafka provision``: creates the topics of the contract that are missing.

The arguments are topics of single writers, such as ``article-submissions.acme.v1``. ``--grant PARTY=USER`` grants a
user of the broker the ACLs of a service, or of an ``upstream`` or ``downstream`` system.
"""

import asyncio
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence

from clawback_common.config.settings import BrokerSettings
from clawback_common.config.tls import trust
from clawback_common.errors import Stop, Transient
from clawback_common.kafka.grants import grant
from clawback_common.kafka.topics import provision
from clawback_common.service.process import load_or_exit
from clawback_contracts.rights import Right, rights
from clawback_contracts.topics import OUTSIDE


def main(arguments: list[str]) -> int:
    """Run the command. Exit codes: 0 done, 1 the broker does not respond, 2 wrong usage or refused by the broker."""
    wanted = _parser().parse_args(arguments)
    try:
        settings = load_or_exit(BrokerSettings)
        trust(settings.tls_cafile)
        made = asyncio.run(_provision(settings, wanted.topics, wanted.grant))
    except Transient as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Stop as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"topics created: {', '.join(made) or 'none, all of them exist'}\n")
    for user, given in wanted.grant:
        sys.stdout.write(f"{user} has {len(given)} rights\n")
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m clawback_common.kafka", description=__doc__)
    command = parser.add_subparsers(required=True).add_parser("provision")
    command.add_argument("topics", nargs="*", metavar="TOPIC")
    command.add_argument("--grant", action="append", default=[], type=_granted, metavar="PARTY=USER")
    return parser


def _granted(word: str) -> tuple[str, list[Right]]:
    party, _, user = word.partition("=")
    try:
        return user or party, rights(party, user or party if party in OUTSIDE else None)
    except KeyError:
        raise ArgumentTypeError(f"{party!r} is neither a service nor upstream or downstream") from None


async def _provision(
    settings: BrokerSettings, topics: Sequence[str], grants: Sequence[tuple[str, list[Right]]]
) -> list[str]:
    made = await provision(settings, topics)
    for user, given in grants:
        await grant(settings, user, given)
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
