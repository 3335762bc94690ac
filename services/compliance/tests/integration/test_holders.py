"""What a holder declares never stops a takedown."""

import asyncpg
import pytest
from pydantic import ValidationError

from clawback_contracts.holder.v1 import HolderKind, HolderRegistration
from services.compliance.tests.integration.conftest import World

pytestmark = pytest.mark.integration
A = "metabase:1"


@pytest.mark.parametrize("hours", [87_601, 1e300, float("inf"), float("nan")])
async def test_hours_beyond_ten_years_are_refused_by_contract_and_table(world: World, hours: float) -> None:
    with pytest.raises(ValidationError):
        HolderRegistration(
            name="backup",
            kind=HolderKind.EXPIRY,
            purpose="p",
            copy_kinds=("dump",),
            forgets_after_h=hours,
        )
    with pytest.raises(asyncpg.CheckViolationError):
        await world.db.execute("UPDATE holder SET forgets_after_h = $1 WHERE name = 'kafka'", hours)


async def test_a_number_of_ours_that_is_out_of_bounds_sets_no_notice_aside(world: World) -> None:
    await world.db.execute("ALTER TABLE holder DROP CONSTRAINT holder_forgets_after_h_max")
    await world.db.execute("UPDATE holder SET forgets_after_h = 1e300 WHERE name = 'kafka'")
    (order,) = await world.revoke(A)
    assert order.article_id == A
    assert (await world.states(A))[1, "kafka"] == "open"
