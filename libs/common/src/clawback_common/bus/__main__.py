"""``python -m clawback_common.bus provision [TOPIC…]``: makes the topics of the contract that are missing.

Named are the topics of single writers, such as ``article-submissions.acme.v1``.
"""

import asyncio
import sys

from clawback_common.bus.topics import provision
from clawback_common.errors import Stop, Transient
from clawback_common.process import in_words
from clawback_common.settings import BrokerSettings
from clawback_common.tls import trust


def main(arguments: list[str]) -> int:
    """Exit codes: 0 done, 1 the broker does not answer, 2 usage or a refusal."""
    if arguments[:1] != ["provision"]:
        sys.stderr.write("usage: python -m clawback_common.bus provision [TOPIC...]\n")
        return 2
    try:
        settings = in_words(BrokerSettings)
        trust(settings.tls_cafile)
        made = asyncio.run(provision(settings, arguments[1:]))
    except Transient as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Stop as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"topics made: {', '.join(made) or 'none, all are there'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
