"""Prepares every named query against the migrated schema, which finds a misspelt column without running it."""

from importlib.resources import files

import asyncpg

from clawback_common.postgres import Database, Queries


async def prepare_all(db: Database, package: str) -> list[str]:
    """Prepare each query of each ``.sql`` file of a package and return the errors, one line per query."""
    wrong = []
    nouns = sorted(
        entry.name.removesuffix(".sql") for entry in files(package).iterdir() if entry.name.endswith(".sql")
    )
    async with db.session() as connection:
        for noun in nouns:
            for name, sql in Queries.load(package, noun).items():
                try:
                    await connection.prepare(sql)
                except asyncpg.PostgresError as error:
                    wrong.append(f"{noun}.{name}: {error}")
    return wrong
