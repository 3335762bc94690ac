"""The services' migrations, run within the supervisor.

Does what `python -m <service> migrate` does, without five processes that each load a complete service, which takes a
third of the start-up time.
"""

from typing import Literal
from urllib.parse import quote

from clawback_local.errors import StackError
from clawback_local.parts import Work
from clawback_local.site import Site

PHASES: tuple[Literal["pre", "post"], ...] = ("pre", "post")
CONNECTIONS_MAX = 2


def of(service: str) -> Work:
    """Returns the function that migrates a service's database."""

    async def migrate(site: Site) -> None:
        from clawback_common.errors import ClawbackError  # noqa: PLC0415
        from clawback_common.postgres import Database  # noqa: PLC0415 - most stacks of tests have no service
        from clawback_common.postgres import migrate as migrations  # noqa: PLC0415 - most stacks of tests have no service

        url = site.facts[f"{service}_database"]
        if site.production:
            url += f"&sslrootcert={quote(site.facts['tls'] + '/ca.crt')}"
        try:
            async with Database.connect(
                url, connections_max=CONNECTIONS_MAX, name=f"{service}-migrate"
            ) as db:
                await migrations.migrate(db, migrations.of_service(service), PHASES)
        except ClawbackError as error:
            raise StackError(f"the migrations of {service}: {error}") from error

    return migrate
