"""`logicnet arena`, from the words of a user to what is printed and kept."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from logicnet._util.processes import free_port
from logicnet.cli import main
from logicnet.evals.arena.live_table import LiveTable
from logicnet.evals.challenges.sets import ChallengeSet, write
from logicnet.evals.runs.run import INTERRUPTED, read_rows
from tests.harness.scripted_miner import Mode, ScriptedMiner
from tests.unit.evals.conftest import MINERS, VALIDATOR, questions, scripted

ALICE = ("--validator-uri", "//Validator")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    write(ChallengeSet(questions(6)), tmp_path / "set.jsonl")
    return tmp_path


@pytest.fixture
def serve() -> Iterator[Callable[[ScriptedMiner], ScriptedMiner]]:
    """Has a miner serve from a thread of its own, until the test is over."""
    with start_blocking_portal() as portal:
        managers = []

        def begin(miner: ScriptedMiner) -> ScriptedMiner:
            managers.append(portal.wrap_async_context_manager(miner))
            managers[-1].__enter__()
            return miner

        yield begin
        for manager in managers:
            manager.__exit__(None, None, None)


def against(*miners: ScriptedMiner) -> list[str]:
    words = ["arena", *ALICE, "--challenges", "set.jsonl", "--out", "run", "--stagger", "0", "--no-truth"]
    for miner in miners:
        words += ["--target", miner.address, "--hotkey", miner.key.ss58_address]
    return words


def test_a_run_from_end_to_end(serve, capsys, home):
    good, bad = serve(scripted(0, answer="2")), serve(scripted(1, answer="1000"))
    assert main([*against(good, bad), "--label", "good", "--label", "bad", "--wire", "both"]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    assert "Round 1 of 1: good takes 512, 80 of them from this validator." in out
    assert "Asked 12 of 12 questions in 1 of 1 rounds; the run is in run" in out
    assert "rank 1 earns 0.975" in out
    rows = list(read_rows(home / "run" / "rows.jsonl"))
    assert len(rows) == 12
    assert {row.target for row in rows} == {"good", "bad"}
    plan = json.loads((home / "run" / "run.json").read_text())
    assert plan["validator"] == VALIDATOR.ss58_address
    assert plan["label"] == ["good", "bad"]


def test_a_recipe_will_do(serve, home):
    (home / "easy.toml").write_text(
        'name = "easy"\ncount = 3\n[[sources]]\nuse = "mathgenerator"\nkinds = ["addition"]\n'
    )
    miner = serve(scripted())
    assert main([*against(miner), "--challenges", "easy.toml"]) == 0
    assert len(miner.questions) == 3


def test_ctrl_c_keeps_what_was_scored_and_it_goes_on(serve, capsys, home):
    def answer(question: str) -> str:
        if len(miner.questions) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return "2"

    miner = serve(scripted(answer=answer))
    assert main([*against(miner), "--concurrency", "1"]) == 130
    out = capsys.readouterr().out
    assert "To continue: logicnet arena --out run --resume" in out
    rows = list(read_rows(home / "run" / "rows.jsonl"))
    assert len(rows) == 3 and all(row.scored for row in rows)
    assert main(["arena", *ALICE, "--out", "run", "--resume"]) == 0
    assert len(miner.questions) == len(set(miner.questions)) == 6
    assert "Asked 6 of 6 questions" in capsys.readouterr().out


def test_a_second_ctrl_c_waits_for_nothing(serve, home, monkeypatch):
    first_heard = threading.Event()
    stopping = LiveTable.stopping

    def heard(board: LiveTable) -> None:
        stopping(board)
        first_heard.set()

    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        if first_heard.wait(60):
            os.kill(os.getpid(), signal.SIGINT)

    def answer(question: str) -> str:
        threading.Thread(target=twice).start()
        return "2"

    monkeypatch.setattr(LiveTable, "stopping", heard)

    miner = serve(scripted(answer=answer, mode=Mode.HANG))
    assert main([*against(miner), "--lanes", "1", "--timeout", "600"]) == 130
    rows = list(read_rows(home / "run" / "rows.jsonl"))
    assert [(row.error, row.scored) for row in rows] == [(INTERRUPTED, False)]


def test_a_miner_that_is_away_is_a_line_and_status_1(capsys):
    miner = scripted(port=free_port())
    assert main(against(miner)) == 1
    out = capsys.readouterr().out
    assert f"{miner.address} no Information: cannot connect: Connection refused." in out
    assert "Asked 0 of 6 questions" in out


def test_the_network_gives_the_quota(serve, capsys, home):
    neurons = [
        {"uid": 0, "hotkey": VALIDATOR.ss58_address, "stake": 20_000.0},
        {"uid": 1, "hotkey": MINERS[0].ss58_address, "stake": 60_000.0},
    ]
    (home / "net.json").write_text(json.dumps({"neurons": neurons}))
    miner = serve(scripted(1, epoch_volume=16))
    assert main([*against(miner), "--chain.file", "net.json"]) == 0
    assert "takes 16, 4 of them" in capsys.readouterr().out
    assert len(miner.questions) == 4


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 2, words
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1, error
    return error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--target is missing"),
        (["--target", "h:1"], "each --target has a --hotkey"),
        (["--target", "h", "--hotkey", MINERS[0].ss58_address], "takes HOST:PORT"),
        (["--target", "h:1", "--hotkey", "5x"], "not an ss58 address"),
        (["--resume"], "--resume needs the --out"),
        (["--out", "nowhere", "--resume"], "there is no run in nowhere"),
        (["--rounds", "0"], "--rounds"),
        (["--wire", "pigeon"], "--wire"),
        (["--no-such-thing"], "--no-such-thing"),
    ],
)
def test_wrong_words_are_one_line(words, said, capsys):
    assert said in refused(["arena", *words], capsys)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*ALICE], "--challenges is missing"),
        (["--challenges", "set.jsonl"], "say who asks: --wallet.name"),
        (["--challenges", "set.jsonl", "--wallet.name", "w"], "--wallet.path: there is no folder"),
        (["--challenges", "set.jsonl", "--wallet.name", "../w"], "--wallet.name takes the name of a key"),
        (["--challenges", "set.jsonl", "--validator-uri", "alice"], "--validator-uri takes"),
        (["--challenges", "set.jsonl", *ALICE, "--judge-model", "m"], "give its --judge-url"),
        (["--challenges", "set.jsonl", *ALICE, "--timeout", "nan"], "--timeout"),
        (["--challenges", "set.jsonl", *ALICE, "--chain.file", "no.json"], "--chain.file no.json: cannot be"),
        (["--challenges", "no.toml", *ALICE], "--challenges: cannot read no.toml: No such file"),
    ],
)
def test_wrong_words_about_the_run_are_one_line_and_leave_nothing(words, said, capsys, home):
    target = ["--target", "127.0.0.1:1", "--hotkey", MINERS[0].ss58_address]
    assert said in refused(["arena", *target, "--out", "run", *words], capsys)
    assert not (home / "run" / "run.json").exists()


def test_a_judge_that_is_away_leaves_nothing(capsys, home):
    target = ["--target", "127.0.0.1:1", "--hotkey", MINERS[0].ss58_address, *ALICE]
    words = ["arena", *target, "--challenges", "set.jsonl", "--out", "run"]
    assert main([*words, "--judge-url", f"http://127.0.0.1:{free_port()}/v1"]) == 1
    out, error = capsys.readouterr()
    assert out == "" and error.startswith("the judge does not answer") and error.count("\n") == 1
    assert "--judge-url takes" in refused([*words, "--judge-url", "nonsense"], capsys)
    assert not (home / "run").exists()


def test_a_validator_that_the_network_does_not_know_is_told(capsys, home):
    (home / "net.json").write_text('{"neurons": []}')
    words = ["--target", "127.0.0.1:1", "--hotkey", MINERS[0].ss58_address, *ALICE]
    words += ["--challenges", "set.jsonl", "--chain.file", "net.json"]
    assert "is not in it" in refused(["arena", *words], capsys)


def test_a_resumed_run_is_the_same_run(serve, capsys):
    miner = serve(scripted())
    assert main(against(miner)) == 0
    capsys.readouterr()
    again = ["arena", "--out", "run", "--resume"]
    assert "continue it with the same key" in refused([*again, "--validator-uri", "//Bob"], capsys)
    assert "--wire differs" in refused([*again, *ALICE, "--wire", "btauth"], capsys)
    assert "--loop-seconds differs" in refused([*again, *ALICE, "--loop-seconds", "5"], capsys)
    other = ["--target", "127.0.0.1:1", "--hotkey", MINERS[0].ss58_address]
    assert "--target differs" in refused([*again, *ALICE, *other], capsys)
    assert "--resume, or name another" in refused(against(miner), capsys)
    assert main([*again, *ALICE, "--wire", "classic"]) == 0  # the same is no difference


def test_keys_are_in_no_file(serve, home, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    miner = serve(scripted())
    assert main(against(miner)) == 0
    assert all(b"very-secret" not in file.read_bytes() for file in (home / "run").iterdir())
