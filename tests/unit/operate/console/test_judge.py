from __future__ import annotations

import random
from pathlib import Path

import pytest
from pydantic import SecretStr

from logicnet.ledger import Search
from logicnet.llm import Endpoint
from logicnet.operate.console import challenges, panels
from logicnet.operate.console.judge import AnswerJudge, drawn, judged, next_to_judge
from logicnet.operate.console.snapshot import (
    FEWEST_JUDGED,
    FinishedChallenge,
    JudgedAs,
    Snapshot,
    correctness_ends,
)
from logicnet.operate.console.source import MinerSource
from tests.harness.said import listening
from tests.harness.scripted_model import Mode, ScriptedModel
from tests.unit.operate.console.scenes import NOW_S, scene
from tests.unit.operate.console.test_snapshot import RIGHT, WRONG, answer


def unknown(number: int) -> FinishedChallenge:
    return FinishedChallenge(
        f"c{number}", 0.0, "q", "a", "solved", 3.0, 64.0, in_time=True, between=(WRONG, RIGHT)
    )


def in_order(count: int) -> list[FinishedChallenge]:
    return sorted(map(unknown, range(count)), key=lambda one: drawn(one.challenge_id))


def test_the_sample_is_what_is_judged_without_a_gap() -> None:
    answers = in_order(6)
    verdicts: dict[str, JudgedAs] = {
        answers[0].challenge_id: "right",
        answers[1].challenge_id: "none",
        answers[2].challenge_id: "wrong",
        answers[4].challenge_id: "right",
    }
    assert [one.reward for one in judged(answers, verdicts)] == [RIGHT, None, WRONG, None, None, None]
    assert next_to_judge(answers, verdicts) == answers[3].challenge_id
    computed = [answer(RIGHT, "exact")] * 3
    assert judged(computed, verdicts) == tuple(computed)
    assert next_to_judge(computed, {}) is None


def reward(answers: list[FinishedChallenge], verdicts: dict[str, JudgedAs]):  # type: ignore[no-untyped-def]
    found = Snapshot(NOW_S, "/l", answers=judged(answers, verdicts)).reward
    assert found is not None
    return found


@pytest.mark.thorough
def test_the_estimate_is_unbiased_and_its_interval_holds_though_the_load_and_the_answers_change() -> None:
    """Two hours of answers of which the later are fewer and worse, judged thirty times an hour."""
    dice = random.Random(35)
    off, held, hours = [], 0, 150
    for hour in range(hours):
        times = sorted([dice.uniform(0, 90) for _ in range(240)] + [dice.uniform(90, 120) for _ in range(40)])
        stream = [
            (at, unknown(1000 * hour + number), dice.random() < (0.9 if at < 90 else 0.3))
            for number, at in enumerate(times)
        ]
        truth = {one.challenge_id: right for _, one, right in stream}
        verdicts: dict[str, JudgedAs] = {}
        for minute in range(0, 120, 2):
            seen = [one for at, one, _ in stream if minute - 60 < at <= minute]
            if (chosen := next_to_judge(seen, verdicts)) is not None:
                verdicts[chosen] = "right" if truth[chosen] else "wrong"
        last = [one for at, one, _ in stream if at > 60]
        true = sum(RIGHT if truth[one.challenge_id] else WRONG for one in last) / len(last)
        found = reward(last, verdicts)
        if found.mean is not None:
            off.append(found.mean - true)
        held += found.low <= true <= found.high
    mean = sum(off) / len(off)
    error = (sum((one - mean) ** 2 for one in off) / len(off)) ** 0.5 / len(off) ** 0.5
    assert len(off) > hours / 2 and error < 0.01
    assert abs(mean) < 3 * error
    assert held >= 0.92 * hours


def test_ten_of_ten_right_is_not_certain_and_all_judged_is() -> None:
    answers = in_order(100)
    ten: dict[str, JudgedAs] = {one.challenge_id: "right" for one in answers[:FEWEST_JUDGED]}
    found = reward(answers, ten)
    assert found.mean == pytest.approx(RIGHT)
    assert WRONG < found.low < RIGHT - 0.05 and found.high == pytest.approx(RIGHT)
    nine: dict[str, JudgedAs] = dict(list(ten.items())[:-1])
    few = reward(answers, nine)
    assert few.mean is None and few.low < found.low
    everything: dict[str, JudgedAs] = {one.challenge_id: "wrong" for one in answers}
    whole = reward(answers, everything)
    assert whole.low == whole.high == pytest.approx(WRONG)


def test_what_a_run_scored_is_no_part_of_the_sample() -> None:
    scored = [answer(RIGHT, "run")] * 50
    rest = in_order(50)
    wrong: dict[str, JudgedAs] = {one.challenge_id: "wrong" for one in rest[:20]}
    found = reward([*scored, *rest], wrong)
    assert found.mean == pytest.approx((50 * RIGHT + 50 * WRONG) / 100)
    assert (found.model, found.judged, found.computed) == (50, 20, 0)


async def test_a_model_judges_each_answer_that_nobody_else_can_with_one_call(tmp_path: Path) -> None:
    """Of the scene's five answers two were computed."""
    with scene(tmp_path / "l.sqlite") as made, MinerSource(made.path, now_s=lambda: NOW_S) as source:
        async with ScriptedModel() as server:
            endpoint = Endpoint(server.base_url)
            judge = AnswerJudge(source, endpoint)
            server.text = lambda body: (
                "VERDICT: RIGHT? No.\nVERDICT: WRONG"
                if "Question 3" in str(body)
                else "It fits. VERDICT: RIGHT"
                if "Question 4" in str(body)
                else "I cannot tell."
            )
            for _ in range(5):
                await judge.step()
            await endpoint.close()
            assert len(server.chats) == 3
            assert all("Answer:" in str(body) for body in server.chats)
    assert source.verdicts == {"c0": "none", "c3": "wrong", "c4": "right"}
    known = {one.challenge_id: one.known_by for one in source.snapshot().answers}
    assert {name: known[name] for name in ("c0", "c1", "c2", "c3", "c4")} == {
        "c0": "",
        "c1": "exact",
        "c2": "exact",
        "c3": "judge",
        "c4": "judge",
    }


async def test_a_judge_that_fails_is_said_once_and_asked_again(tmp_path: Path) -> None:
    with scene(tmp_path / "l.sqlite") as made, MinerSource(made.path, now_s=lambda: NOW_S) as source:
        async with ScriptedModel(mode=Mode.ERROR_500, text="VERDICT: RIGHT") as server:
            endpoint = Endpoint(server.base_url, told=lambda *_: None)
            judge = AnswerJudge(source, endpoint)
            with listening() as lines:
                for _ in range(2):
                    await judge.step()
                assert source.verdicts == {}
                await judge.step()
                assert list(source.verdicts.values()) == ["none"]  # this one holds up no other
                server.mode = Mode.NORMAL
                await judge.step()
            await endpoint.close()
    assert sorted(source.verdicts.values()) == ["none", "right"]
    first, second = lines
    assert first.startswith("WARNING --console.judge gives no verdict, and is asked again: ")
    assert second == "INFO --console.judge gives verdicts again."


async def test_only_the_newest_verdicts_are_kept_and_they_outlast_the_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logicnet.operate.console.judge._MOST_VERDICTS", 2)
    now_s = NOW_S
    with scene(tmp_path / "l.sqlite") as made, MinerSource(made.path, now_s=lambda: now_s) as source:
        source.verdicts |= {"oldest": "right", "old": "right", "c4": "right"}
        async with ScriptedModel(text="VERDICT: RIGHT") as server:
            endpoint = Endpoint(server.base_url)
            await AnswerJudge(source, endpoint).step()
            assert list(source.verdicts)[:2] == ["old", "c4"]
            now_s += 4000.0
            await AnswerJudge(source, endpoint).step()
            await endpoint.close()
            assert "c4" in source.verdicts and len(server.chats) == 1


def test_a_verdict_is_on_the_page_of_its_answer_in_the_search_and_in_the_curve(tmp_path: Path) -> None:
    """Of six answers one was late, c1 was computed right and c2 wrong; the model gave three."""
    with scene(tmp_path / "l.sqlite") as made, MinerSource(made.path, now_s=lambda: NOW_S) as source:
        before = source.snapshot()
        assert correctness_ends(before.buckets) == pytest.approx((0.2, 0.8))
        assert "correctness at least" not in panels.trend_words(
            before.buckets, correctness=before.correctness
        )
        source.verdicts |= {"c0": "wrong", "c3": "wrong", "c4": "wrong", "c1": "wrong"}
        after = source.snapshot()
        assert correctness_ends(after.buckets) == pytest.approx((0.2, 0.2))
        assert after.correctness is not None and after.correctness.mean == pytest.approx(0.2)
        found = source.challenge("c3")
        assert found is not None and found[1] is not None
        listed = {row["challenge_id"]: one for row, one in source.search(Search(0.0), 10)[0]}
        for one in (found[1], listed["c3"]):
            assert one is not None and (one.by, one.correctness, one.reward) == ("judge", 0.0, one.between[0])
        assert listed["c1"] is not None and listed["c1"].by == "exact"
        assert "by --console.judge" in challenges.about(*found, source.epoch_volume, NOW_S)


async def test_a_wrong_key_is_said_by_the_judge_s_own_setting(tmp_path: Path) -> None:
    with scene(tmp_path / "l.sqlite") as made, MinerSource(made.path, now_s=lambda: NOW_S) as source:
        async with ScriptedModel() as server:
            server.key = "the-right-key"
            endpoint = Endpoint(server.base_url, "some-model", SecretStr("a-wrong-key"), told=lambda *_: None)
            with listening() as lines:
                await AnswerJudge(source, endpoint).step()
            await endpoint.close()
    (line,) = lines
    assert line.endswith("refuses the key (401); set --console.judge_key")
