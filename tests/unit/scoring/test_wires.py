"""A subnet of its own, in one file: examples/wires/riddles. Nothing of the package knows it."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from bittensor import http_auth

from logicnet import miner
from logicnet.errors import SettingsError
from logicnet.evals.arena.signing import classic_headers
from logicnet.evals.bench import contestants, run
from logicnet.evals.bench.plan import BenchPlan
from logicnet.llm import Endpoint
from logicnet.protocol import Answer, Challenge
from logicnet.scoring.reward import LOGICNET_PRICES, Range, reward_of
from logicnet.scoring.scorer import ScoredInput, Scorer
from logicnet.scoring.wires import LOGICNET, load_wire, wire_prices
from logicnet.settings import MinerSettings, Settings
from logicnet.solver import Setup
from logicnet.solver.answering import Solution
from logicnet.solver.constant import ConstantSolver
from logicnet.solver.reader import reading_workers
from tests.harness.axon import MINER, VALIDATOR, Got, Room
from tests.unit.solver.installed import install

RIDDLES = Path(__file__).parents[3] / "examples" / "wires" / "riddles"
VERSES = ["I have cities, but no houses.", "What am I?"]
SOLUTION = Solution(Answer("Cities are drawn.\nSo it is a map.", "a map"), "solved")


async def solve(*_: object) -> Solution:
    return SOLUTION


@pytest.fixture
def riddles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {file.name: file.read_text() for file in RIDDLES.iterdir() if file.is_file()}
    install(files, tmp_path / "site", monkeypatch)


@pytest.fixture
def room(riddles: None) -> Room:
    return Room(solve=solve, subnet=load_wire("riddles"))


async def ask(room: Room, wire: str, synapse: str, fields: dict[str, Any]) -> Got:
    room.clock.now_ns += 1
    body = json.dumps(fields).encode()
    miner, nonce_ns = MINER.ss58_address, room.clock.now_ns
    if wire == "classic":
        headers = classic_headers(VALIDATOR, synapse=synapse, miner_ss58=miner, nonce_ns=nonce_ns)
    else:
        headers = http_auth.sign(
            VALIDATOR, method="POST", path=f"/{synapse}", body=body, receiver_ss58=miner, nonce_ns=nonce_ns
        )
    return await room.send(headers, body, path=f"/{synapse}")


@pytest.mark.parametrize("wire", ["classic", "btauth"])
async def test_another_subnet_asks_at_its_own_path_with_its_own_fields(room: Room, wire: str) -> None:
    got = await ask(room, wire, "RiddleSynapse", {"verses": VERSES, "riddle_id": 7, "hint": "On paper."})
    assert got.status == 200
    assert got.json["solution"] == "a map"
    assert got.json["why"] == ["Cities are drawn.", "So it is a map."]
    assert got.json["verses"] == VERSES
    assert not {"logic_answer", "logic_question"} & got.json.keys()
    assert got.json.get("name", "RiddleSynapse") == "RiddleSynapse"
    ((challenge, deadline),) = room.solved
    expected = Challenge("\n".join(VERSES) + "\n\nHint: On paper.", "Riddle", "7", stake=50_000.0)
    assert challenge == expected
    # classic_headers name 64 s; a btauth request names none, and the wire's own timeout counts
    assert (deadline.total_s() < 20.0) is (wire == "btauth")


@pytest.mark.parametrize("wire", ["classic", "btauth"])
async def test_it_asks_for_capacity_in_its_own_words(room: Room, wire: str) -> None:
    got = await ask(room, wire, "Capacity", {})
    assert got.status == 200
    assert (got.json["riddles"], got.json["topics"]) == (512, ["Logic"])


@pytest.mark.parametrize("wire", ["classic", "btauth"])
@pytest.mark.parametrize("fields", [{}, {"verses": []}, {"verses": [1]}, {"verses": "one"}])
async def test_its_own_rules_refuse_a_body(room: Room, wire: str, fields: dict[str, Any]) -> None:
    got = await ask(room, wire, "RiddleSynapse", fields)
    assert got.status == 422
    assert "verses" in got.message
    assert room.solved == []


@pytest.mark.parametrize("synapse", ["LogicSynapse", "Information", "riddlesynapse"])
async def test_the_paths_of_other_subnets_are_unknown(room: Room, synapse: str) -> None:
    got = await ask(room, "classic", synapse, {"verses": VERSES})
    assert got.status == 404
    assert "RiddleSynapse, Capacity" in got.message


async def test_its_signature_must_be_right_too(room: Room) -> None:
    headers = classic_headers(
        VALIDATOR, synapse="RiddleSynapse", miner_ss58=MINER.ss58_address, nonce_ns=room.clock.now_ns
    )
    headers["bt_header_dendrite_signature"] = "0x" + "00" * 64
    got = await room.send(headers, json.dumps({"verses": VERSES}).encode(), path="/RiddleSynapse")
    assert got.status == 401


async def test_it_scores_in_its_own_way(riddles: None) -> None:
    right = ScoredInput("5", "5", process_time_s=5.0, timeout_s=20.0, reasoning="x", reference="x")
    other = ScoredInput("a map", "the sea", process_time_s=5.0, timeout_s=20.0)
    ours, theirs = Scorer(), Scorer(reward=load_wire("riddles").reward)
    silent = ScoredInput("5", None)
    undecided = Range(0.0, 2.75 / 3)  # only a judge could tell
    assert [one.reward.high for one in await theirs.score([right, silent])] == [2.75 / 3, 0.0]
    assert [one.reward for one in await theirs.score([other])] == [undecided]
    assert (await ours.score([right]))[0].reward.high == reward_of(1.0, 1.0, 5.0, 20.0)


def test_its_reward_is_the_price_of_a_second(riddles: None) -> None:
    """A right riddle earns two thirds and a third of the time that is left of 20 s; similarity nothing."""
    prices = wire_prices(load_wire("riddles"))
    assert (prices.right, prices.similarity) == (pytest.approx(2.5 / 3), 0.0)
    assert prices.second == pytest.approx(1 / 3 / 20.0)
    logicnets = wire_prices(LOGICNET)
    assert logicnets.right == pytest.approx(LOGICNET_PRICES.right)
    assert logicnets.second == pytest.approx(LOGICNET_PRICES.second)


async def test_the_miners_and_the_benchs_solver_know_its_prices(
    riddles: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Setup] = []

    def load(name: str, setup: Setup, *, flag: str) -> ConstantSolver:
        built.append(setup)
        return ConstantSolver()

    monkeypatch.setattr(miner, "load_solver", load)
    monkeypatch.setattr(contestants, "load_solver", load)
    settings = Settings(miner=MinerSettings(wire="riddles"))
    async with AsyncExitStack() as stack:
        models, workers = Endpoint("http://127.0.0.1:1/v1"), reading_workers()
        words = {"models": models, "ledger": tmp_path / "none", "workers": workers}
        await miner._started_solver(stack, settings, "race", "--miner.solver", **words)  # type: ignore[arg-type]
    run._begun(BenchPlan(out=tmp_path / "bench", wire="riddles", solvers="race", questions=1))
    assert [setup.prices for setup in built] == [wire_prices(load_wire("riddles"))] * 2


def test_the_first_wire_is_logicnets() -> None:
    wire = load_wire("logicnet")
    assert (wire.challenge, wire.information) == (LOGICNET.challenge, LOGICNET.information)
    assert wire.challenge.__name__ == "LogicSynapse"
    assert wire.reward(1.0, 0.5, 10.0, 64.0) == reward_of(1.0, 0.5, 10.0, 64.0)


def test_a_wire_that_is_not_installed_is_said_in_one_line() -> None:
    with pytest.raises(SettingsError, match=r"--miner\.wire 'logicnte'.*did you mean 'logicnet'"):
        load_wire("logicnte")


OURS = "from logicnet.scoring.wires import LogicNet\n"
BROKEN = {
    "raise ImportError('no riddles')": "ImportError: no riddles",
    "class Wire: challenge = int": "needs a pydantic model as its `challenge`",
    f"{OURS}class Wire(LogicNet): challenge = LogicNet.information": "without `asked`",
    f"{OURS}class Wire(LogicNet): timeout_s = 0": "needs seconds above 0",
    f"{OURS}class Wire(LogicNet): reward = None": "has no `reward`",
    f"{OURS}class Wire(LogicNet):\n def reward(self, *_): return 1 / 0": "has a `reward` that fails: ZeroDiv",
    "import sys\nsys.exit(3)": "SystemExit: 3",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_wire_that_is_broken_is_said_in_one_line(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"broken_wire_{list(BROKEN).index(text)}"
    project = (
        '[project]\nname = "broken"\nversion = "1.0"\n'
        f'[project.entry-points."logicnet.wires"]\nb = "{name}:Wire"\n'
    )
    install({"pyproject.toml": project, f"{name}.py": text}, tmp_path / "site", monkeypatch)
    with pytest.raises(SettingsError) as error:
        load_wire("b")
    assert BROKEN[text] in str(error.value)
    assert "\n" not in str(error.value)


def test_another_package_may_not_take_our_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = (
        '[project]\nname = "taker"\nversion = "1.0"\n'
        '[project.entry-points."logicnet.wires"]\nlogicnet = "taken_wire:Wire"\n'
    )
    install({"pyproject.toml": project, "taken_wire.py": "class Wire: ..."}, tmp_path / "site", monkeypatch)
    with pytest.raises(SettingsError, match="two wires are named 'logicnet'"):
        load_wire("logicnet")
