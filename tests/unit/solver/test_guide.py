"""docs/solvers.md, followed to the letter."""

import re
from pathlib import Path

import pytest

from logicnet.llm import Endpoint
from logicnet.protocol import Answer, Challenge
from logicnet.solver import load_solver, solver_names
from logicnet.solver.answering import answer_in_time
from tests.harness.own_time import after
from tests.harness.scripted_model import Mode, ScriptedModel
from tests.unit.solver.installed import install

GUIDE = Path(__file__).parents[3] / "docs" / "solvers.md"
FILE = re.compile(r"^```\w+\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.thorough
@pytest.mark.own_time
async def test_the_guides_solver_can_be_installed_and_solves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = dict(FILE.findall(GUIDE.read_text()))
    assert sorted(files) == ["my_solver.py", "pyproject.toml"]
    install(files, tmp_path, monkeypatch)
    assert "vote" in solver_names()
    solver = load_solver("vote")

    votes = ["The answer is 71.", "Steps. The answer is 72.", "The answer is 72.", "Hm.", "The answer is 73."]
    async with ScriptedModel(text=lambda body: votes.pop()) as server:
        endpoint = Endpoint(server.base_url)
        solution = await answer_in_time(solver, Challenge("How many?"), after(10), endpoint)
        assert solution.outcome == "solved"
        assert solution.answer.answer == "72"
        assert solution.answer in (
            Answer("Steps. The answer is 72.", "72"),
            Answer("The answer is 72.", "72"),
        )

        server.mode = Mode.ERROR_500  # what the guide says about silence
        solution = await answer_in_time(solver, Challenge("How many?"), after(3), endpoint)
        assert solution.outcome == "failed"
        assert solution.answer.answer == "I do not know"
        await endpoint.close()


def test_the_guide_is_one_screen() -> None:
    assert len(GUIDE.read_text().splitlines()) <= 50
