"""Champion against challenger in several environments, on scripted model servers."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logicnet.errors import ModelError, SettingsError
from logicnet.evals.challenges.recipe import Generated
from logicnet.evals.report.estimate import Estimate
from logicnet.evals.runs.run import Row, read_rows
from logicnet.tuning.compete.competitions import EnvironmentResult
from logicnet.tuning.compete.rehearsal import (
    CHALLENGER,
    CHAMPION,
    RehearseOptions,
    generated,
    is_proven,
    scores_of,
)
from logicnet.tuning.compete.rehearse import run
from tests.harness.scripted_model import ScriptedModel

ASKED = re.compile(r"What is (\d+) plus (\d+)\?")

pytestmark = pytest.mark.usefixtures("patient_truth")


def questions(path: Path, first: int, count: int) -> Path:
    rows = ({"question": f"What is {n} plus 2?", "answer": f"{n + 2}"} for n in range(first, first + count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def adds(right: Callable[[int], bool]) -> Callable[[dict[str, Any]], str]:
    """A model that adds rightly where `right` says so."""

    def text(body: dict[str, Any]) -> str:
        found = ASKED.findall(" ".join(message["content"] for message in body["messages"]))
        if not found:
            return "Hello."
        a, b = map(int, found[-1])
        return f"The answer is {a + b if right(a) else a + b + 1}."

    return text


def options(out: Path, champion: str, challenger: str, *environments: Path, **other: Any) -> RehearseOptions:
    given = {
        "champion": champion,
        "challenger": challenger,
        "environments": [str(one) for one in environments],
        "questions": 60,
        "concurrency": 20,
        "out": out,
    }
    return RehearseOptions.parse(given | other)


async def played(
    out: Path, champion: Callable[[int], bool], challenger: Callable[[int], bool], *files: Path
) -> int:
    async with ScriptedModel(text=adds(champion)) as old, ScriptedModel(text=adds(challenger)) as new:
        return await asyncio.to_thread(run, options(out, old.base_url, new.base_url, *files))


@pytest.mark.thorough
async def test_a_challenger_that_is_better_everywhere_wins(tmp_path, capfd):
    files = [
        questions(tmp_path / f"{name}.jsonl", first, 60) for name, first in (("small", 10), ("large", 700))
    ]
    status = await played(tmp_path / "out", lambda n: n % 2 == 0, lambda n: n % 6 != 1, *files)
    assert status == 0
    result = json.loads((tmp_path / "out" / "rehearsal.json").read_text())
    assert (result["proven"], result["won"], result["competition"]) == (True, True, "reason-mining")
    assert [one["name"] for one in result["environments"]] == sorted(map(str, files))
    assert all(one["difference"]["low"] > one["needed"] for one in result["environments"])
    rows = list(read_rows(tmp_path / "out" / "small" / "rows.jsonl"))
    asked = {
        target: [row.question for row in rows if row.target == target] for target in (CHAMPION, CHALLENGER)
    }
    assert sorted(asked[CHAMPION]) == sorted(asked[CHALLENGER])
    assert len(rows) == 120
    assert "a commitment is worth its risk" in capfd.readouterr().out


@pytest.mark.thorough
async def test_one_environment_lost_loses_all(tmp_path, capfd):
    files = [
        questions(tmp_path / f"{name}.jsonl", first, 60) for name, first in (("small", 10), ("large", 700))
    ]
    status = await played(tmp_path / "out", lambda n: n % 3 > 0, lambda n: n < 100, *files)
    assert status == 1
    result = json.loads((tmp_path / "out" / "rehearsal.json").read_text())
    assert {Path(one["name"]).stem: one["won"] for one in result["environments"]} == {
        "small": True,
        "large": False,
    }
    assert "do not commit" in capfd.readouterr().out


@pytest.mark.thorough
async def test_a_rehearsal_that_was_begun_asks_only_what_is_left(tmp_path):
    file = questions(tmp_path / "small.jsonl", 10, 60)
    out = tmp_path / "out"
    assert await played(out, lambda _: False, lambda _: True, file) == 0
    rows = out / "small" / "rows.jsonl"
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)))
    async with ScriptedModel(text=adds(lambda _: False)) as server:
        again = options(out, server.base_url, server.base_url, file, resume=True)
        assert await asyncio.to_thread(run, again) == 0
        assert len(server.chats) == 2  # whether it answers
        with pytest.raises(SettingsError, match=r"there is a run in .* already"):
            await asyncio.to_thread(run, options(out, server.base_url, server.base_url, file))


async def test_a_rehearsal_of_another_model_is_not_continued(tmp_path):
    """Answers of the old challenger would prove the new one."""
    file, out = questions(tmp_path / "small.jsonl", 10, 60), tmp_path / "out"
    out.mkdir()
    async with ScriptedModel(text=adds(lambda _: True)) as server:
        again = options(out, server.base_url, server.base_url, file, resume=True)
        (out / "models.json").write_text(json.dumps({CHAMPION: server.model, CHALLENGER: "older"}))
        with pytest.raises(SettingsError, match=r"--challenger serves .* was begun with older: leave"):
            await asyncio.to_thread(run, again)
        assert len(server.chats) == 2  # whether it answers


async def test_what_cannot_be_played_is_one_line(tmp_path):
    file = questions(tmp_path / "few.jsonl", 1, 60)
    (tmp_path / "other").mkdir()
    twin = questions(tmp_path / "other" / "few.jsonl", 1, 60)
    there = "http://127.0.0.1:9/v1"
    for asked, error, said in (
        (options(tmp_path / "a", there, there, file), ModelError, "the champion does not answer"),
        (options(tmp_path / "b", there, there, file, twin), SettingsError, "two have the same name"),
        (options(tmp_path / "c", there, there, tmp_path / "none"), SettingsError, "no generator and no file"),
        (options(tmp_path / "d", there, there, file, competition="x"), SettingsError, "no such competition"),
        (options(tmp_path / "e", there, None, file), SettingsError, "--challenger is missing"),
        (RehearseOptions.parse({"resume": True}), SettingsError, "--resume needs the --out"),
    ):
        with pytest.raises(error, match=said) as found:
            await asyncio.to_thread(run, asked)
        assert "\n" not in str(found.value)


def test_a_generator_gives_questions_of_the_split_that_nobody_trains_on():
    recipe = generated("mathgenerator", 40, 7)
    assert recipe is not None
    assert (recipe.split, recipe.count, recipe.seed) == ("test", 40, 7)
    assert recipe.sources == [Generated(use="mathgenerator")]
    assert generated("questions.jsonl", 40, 7) is None


def row(target: str, number: int, **said: Any) -> Row:
    return Row(target=target, id=str(number), question="2+2?", ground_truth="4", scored=True, **said)


def test_silence_is_wrong_and_what_nobody_can_say_is_left_out_for_both():
    rows = [
        *(row(CHAMPION, number, answer="4", true=True) for number in range(3)),
        row(CHALLENGER, 0, answer=None),
        row(CHALLENGER, 1, answer="four or so", true=None, correctness=None),
        row(CHALLENGER, 2, answer="4", true=None, correctness=0.9),
    ]
    assert scores_of({"env": rows}) == ({"env": {"0": 1, "2": 1}}, {"env": {"0": 0, "2": 1}})
    with pytest.raises(SettingsError, match="env: no question"):
        scores_of({"env": rows[:3]})


@pytest.mark.parametrize(
    ("estimate", "enough"),
    [
        (Estimate(0.2, 0.05, 0.3, 60), True),
        (Estimate(0.2, 0.01, 0.3, 60), False),  # chance may explain all but a part below the margin
        (Estimate(1.0, None, None, 60), True),  # every question
        (Estimate(1.0, None, None, 5), False),  # too few
        (Estimate(0.0, None, None, 60), False),
    ],
)
def test_a_lead_counts_if_its_interval_lies_above_the_margin(estimate, enough):
    found = EnvironmentResult("e", 0.1, 0.3, estimate, needed=0.02, win_rate=0.5, won=True)
    assert is_proven(found) is enough
