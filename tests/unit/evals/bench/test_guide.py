"""docs/bench.md is held to its word: its peer takes part, its flags are there."""

from __future__ import annotations

import re
from pathlib import Path

from typer.main import get_command

from logicnet.cli.commands import app
from logicnet.evals.bench.asking import ask
from logicnet.evals.bench.contestants import load_contestants
from logicnet.evals.challenges.problem import Problem
from logicnet.llm import Endpoint
from tests.harness.scripted_model import STEPS, ScriptedModel

ROOT = Path(__file__).parents[4]
GUIDE = (ROOT / "docs" / "bench.md").read_text()


async def test_the_peer_of_the_guide_answers(tmp_path):
    file = tmp_path / "shout.py"
    file.write_text(re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)[1])
    async with ScriptedModel() as server:
        endpoint = Endpoint(server.base_url)
        one = await ask(load_contestants([str(file)])[0], Problem("48 and 24?", "72"), endpoint, 20.0)
        await endpoint.close()
    assert (one.name, one.solution.outcome) == ("shout", "solved")
    assert (one.solution.answer.reasoning, one.solution.answer.answer) == (STEPS, "72.")


def test_every_flag_of_the_guide_exists():
    bench = get_command(app).commands["bench"]
    known = {name for option in bench.params for name in (*option.opts, *option.secondary_opts)}
    assert set(re.findall(r"`(--[a-z-]+)", GUIDE)) <= known


def test_every_peer_of_the_guide_is_there():
    named = set(re.findall(r"^\| `(\w+\.py)", GUIDE, re.MULTILINE))  # the table of peers
    assert named == {path.name for path in (ROOT / "examples" / "solvers").glob("*.py")}
