"""The control paths: scripts, their errors, and the README's examples."""

import re
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from clawback_simulator.actions import SCRIPT, Corruption, FaultMode
from clawback_simulator.client import Refused, SimulatorClient
from clawback_simulator.settings import Settings
from clawback_simulator.simulator import Simulator

README = (Path(__file__).parents[1] / "README.md").read_text()
EXAMPLES = [orjson.loads(found) for found in re.findall(r'`(\{"action": .*?\})`(?=[;,: |]|$)', README)]


async def test_every_example_of_the_readme_works_in_the_order_of_the_readme(control: SimulatorClient) -> None:
    kinds = {example["action"] for example in EXAMPLES}
    assert kinds == set(SCRIPT.json_schema()["items"]["discriminator"]["mapping"])
    for example, done in zip(EXAMPLES, await control.script(*EXAMPLES), strict=True):
        assert done["action"] == example["action"]


@pytest.mark.parametrize("name", [*get_args(Corruption), *get_args(FaultMode), *Settings.model_fields])
def test_the_readme_names_every_mode_and_setting(name: str) -> None:
    assert re.search(rf"`{name}`", README)


async def test_a_single_action_needs_no_list(reader: Any) -> None:
    answer = await reader.http.post("/control", json={"action": "publish", "count": 2})
    assert len(answer.json()["done"][0]["ids"]) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"action": "explode"}',
        b'{"action": "publish", "cuont": 3}',
        b'[{"action": "publish", "count": 3}, {"action": "fail", "mode": "odd"}]',
    ],
)
async def test_an_invalid_script_runs_nothing(control: SimulatorClient, reader: Any, body: bytes) -> None:
    answer = await reader.http.post("/control", content=body)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert (await control.truth()).articles == []


async def test_a_script_stops_at_an_impossible_action(control: SimulatorClient, reader: Any) -> None:
    script = [
        {"action": "publish", "count": 1},
        {"action": "revoke", "count": 2},
        {"action": "publish", "count": 1},
    ]
    answer = await reader.http.post("/control", json=script)
    assert answer.status_code == 409
    assert [done["action"] for done in answer.json()["done"]] == ["publish"]
    with pytest.raises(Refused, match="2 live articles requested, there are 1"):
        await control.revoke(count=2)


async def test_a_reset_restores_the_initial_state_and_rules(
    control: SimulatorClient, simulator: Simulator
) -> None:
    await control.publish(3)
    await control.revoke(count=1)
    await control.set(pause_s=9)
    await control.prerender()
    await control.fail("articles", "error")
    await control.reset(seed=11)
    assert not simulator.pages
    truth = await control.truth()
    assert (truth.seed, truth.articles, truth.revocations, truth.pending_failures) == (11, [], [], [])
    assert truth.settings["pause_s"] == 0
