"""The loop of a validator against scripted miners: who is asked what, when, and what is kept of it."""

import asyncio
from collections import Counter
from collections.abc import Mapping

import pytest

from logicnet._util.processes import free_port
from logicnet.evals.arena.arena import Arena
from logicnet.evals.arena.client import MinerReply
from logicnet.evals.arena.information import InformationReply
from logicnet.evals.arena.scorer import ReplyScorer
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.challenges.sets import ChallengeSet, write
from logicnet.evals.runs.folder import RunFolder
from logicnet.evals.runs.run import INTERRUPTED, BadRun, Row
from logicnet.scoring.scorer import Score
from tests.harness.manual_time import ManualTime
from tests.harness.scripted_miner import Mode, ScriptedMiner
from tests.unit.evals.conftest import MINERS, VALIDATOR, plan_for, questions, scripted


class Log:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.told: list[Mapping[str, InformationReply]] = []
        self.began: list[tuple[int, int]] = []
        self.ended: list[int] = []
        self.waited: list[float] = []
        self.rows: list[Row] = []

    def round_began(self, number: int, told: Mapping[str, InformationReply], questions: int) -> None:
        self.told.append(told)
        self.began.append((number, questions))

    def row(self, row: Row) -> None:
        self.rows.append(row)

    def round_ended(self, number: int) -> None:
        self.ended.append(number)

    def waiting(self, seconds: float) -> None:
        self.waited.append(seconds)


async def fight(run: RunFolder, log: Log | None = None, **clock: object) -> Log:
    log = log or Log()
    async with ReplyScorer(run.plan) as scorer:
        await Arena(run, VALIDATOR, scorer, log, **clock).run()  # type: ignore[arg-type]
    return log


def asked(miner: ScriptedMiner) -> set[str]:
    """The questions of a miner, of which none came twice."""
    assert len(set(miner.questions)) == len(miner.questions)
    return set(miner.questions)


async def until(condition: object, within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.001)


def doubled(question: str) -> str:
    number = int(question.removeprefix("What is ").split("+")[0])
    return str(2 * number)


async def test_every_miner_is_asked_everything_once_and_scored(begin):
    async with scripted(0, answer=doubled) as right, scripted(1, answer="1000") as wrong:
        run = begin(plan_for(right, wrong), questions(5))
        log = await fight(run)
    assert asked(right) == asked(wrong) == {problem.question for problem in questions(5)}
    assert [miner.informed for miner in (right, wrong)] == [1, 1]
    rows = list(run.rows())
    assert Counter(row.target for row in rows) == {"m0": 5, "m1": 5}
    assert {row.correctness for row in rows if row.target == "m0"} == {1.0}
    assert {row.correctness for row in rows if row.target == "m1"} == {0.0}
    assert all(row.process_time is not None and row.status == 200 and not row.error for row in rows)
    assert log.rows == rows
    assert log.ended == [1]


async def test_miners_are_sent_nothing_of_the_truth(begin):
    problem = Problem("What is 1+1?", "2", "test", "doubling", rephrased="Tell me, friend, what is 1+1?")
    async with scripted() as miner:
        run = begin(plan_for(miner), [problem])
        await fight(run)
    (body,) = miner.challenges
    assert body["logic_question"] == "Tell me, friend, what is 1+1?"
    assert (body["raw_logic_question"], body["ground_truth_answer"]) == ("", None)
    assert body["category"] == "Logic"
    assert body["task_uid"] == run.plan.task_uid(problem.id) != problem.id
    (row,) = run.rows()
    assert (row.question, row.raw_question) == (problem.rephrased, problem.question)


async def test_both_wires_take_turns(begin):
    async with scripted() as miner:
        run = begin(plan_for(miner, wire="both"), questions(6))
        await fight(run)
    assert Counter(miner.wires) == {"classic": 3, "btauth": 3}
    assert Counter(row.wire for row in run.rows()) == Counter(miner.wires)


@pytest.mark.parametrize(
    "script",
    [
        {"information": Mode.REFUSE},
        {"information": Mode.GARBAGE},
        {"epoch_volume": None},
        {"epoch_volume": "512"},
        {"category": "Art"},
    ],
    ids=str,
)
async def test_a_miner_without_information_is_asked_nothing(begin, script):
    async with scripted(0, **script) as silent, scripted(1) as good:
        run = begin(plan_for(silent, good), questions(3))
        log = await fight(run)
    assert silent.questions == []
    assert len(asked(good)) == 3
    assert log.told[0]["m0"].why
    assert {row.target for row in run.rows()} == {"m1"}


async def test_a_miner_that_is_down_is_asked_nothing_and_the_run_may_be_repeated(begin):
    miner = scripted(0, port=free_port())
    run = begin(plan_for(miner), questions(3))
    log = await fight(run)
    assert "no Information: cannot connect" in log.told[0]["m0"].why
    assert list(run.rows()) == [] and run.rounds == {}
    async with miner:
        await fight(run)
    assert len(asked(miner)) == 3


async def test_no_more_is_asked_than_the_quota(begin):
    stakes = {VALIDATOR.ss58_address: 20_000.0, "rich": 60_000.0}
    async with scripted(0, epoch_volume=20) as small, scripted(1, epoch_volume=400) as large:
        run = begin(plan_for(small, large, stakes=stakes), questions(100))
        log = await fight(run)
    assert (log.told[0]["m0"].quota, log.told[0]["m1"].quota) == (5, 80)
    assert (len(asked(small)), len(asked(large))) == (5, 80)
    assert asked(small) <= asked(large)  # the same ones, so that the two can be compared


async def test_batches_and_lanes_bound_what_is_under_way(begin):
    """Nine miners in batches of four, two lanes: at most eight questions at once, one per miner and lane."""
    async with asyncio.timeout(60):
        miners = [await scripted(number, pause_s=0.002).__aenter__() for number in range(9)]
        try:
            run = begin(plan_for(*miners, batch=4, concurrency=2), questions(6))
            await fight(run)
        finally:
            for miner in miners:
                await miner.__aexit__(None, None, None)
    assert [len(asked(miner)) for miner in miners] == [6] * 9
    assert max(miner.most_running for miner in miners) <= 2


async def test_lanes_begin_one_after_the_other(begin):
    clock = ManualTime()
    async with scripted(goes_on=asyncio.Event()) as miner:
        run = begin(plan_for(miner, concurrency=3, stagger_s=4.0), questions(9))
        fighting = asyncio.create_task(fight(run, now=clock.clock, sleep=clock.sleep))
        for lane in (1, 2, 3):
            await until(lambda lane=lane: miner.running == lane and len(clock.slept_s) == lane)
            await clock.advance(3.9)
            assert miner.running == lane
            await clock.advance(0.1)
        assert miner.goes_on is not None
        miner.goes_on.set()
        await fighting
    assert clock.slept_s == [4.0] * 3
    assert len(asked(miner)) == 9


async def test_a_question_that_is_slow_holds_up_no_other_lane(begin):
    async with scripted(mode=lambda number: Mode.HANG if number == 0 else Mode.NORMAL) as miner:
        run = begin(plan_for(miner, concurrency=2), questions(20))
        log = Log()
        fighting = asyncio.create_task(fight(run, log))
        await until(lambda: len(log.rows) == 19)
        fighting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fighting
    assert [row.error for row in run.rows()] == [""] * 19 + [INTERRUPTED]


async def test_rounds_share_the_questions_and_wait_for_each_other(begin):
    clock = ManualTime()
    log = Log()
    async with scripted() as miner:
        run = begin(plan_for(miner, rounds=3), questions(7))
        fighting = asyncio.create_task(fight(run, log, now=clock.clock, sleep=clock.sleep))
        for number, share in ((1, 3), (2, 2), (3, 2)):
            await until(lambda number=number: log.ended == list(range(1, number + 1)))
            assert log.began[-1] == (number, share)
            if number < 3:
                await until(lambda number=number: len(log.waited) == number)
                await clock.advance(599.9)
                assert miner.informed == number
                await clock.advance(0.1)
        await fighting
    assert len(asked(miner)) == 7
    assert log.waited == [600.0, 600.0]
    assert [row.round for row in run.rows()] == [1] * 3 + [2] * 2 + [3] * 2


async def test_a_round_may_ask_less(begin):
    async with scripted() as miner:
        run = begin(plan_for(miner, rounds=2, per_round=2, loop_s=0.0), questions(7))
        log = await fight(run)
    assert log.began == [(1, 2), (2, 2)]
    assert len(asked(miner)) == 4


async def test_when_all_is_asked_no_round_follows(begin):
    async with scripted() as miner:
        run = begin(plan_for(miner, rounds=5, per_round=2, loop_s=0.0), questions(3))
        log = await fight(run)
    assert log.began == [(1, 2), (2, 1)]
    assert miner.informed == 2


async def test_what_does_not_fit_into_a_loop_goes_out_in_the_next_as_part_of_the_round(begin):
    clock = ManualTime()
    log = Log()

    def late(question: str) -> str:
        clock.now_s += 400  # two questions of a lane fill a loop of 600 s
        return "4"

    async with scripted(answer=late) as miner:
        run = begin(plan_for(miner, concurrency=1), questions(5))
        await asyncio.wait_for(fight(run, log, now=clock.clock, sleep=clock.sleep), 60)
    assert len(asked(miner)) == 5
    assert log.began == [(1, 5), (1, 3), (1, 1)]
    assert log.ended == [1]
    assert {row.round for row in run.rows()} == {1}


async def test_half_is_asked_and_not_scored(begin):
    async with scripted() as miner:
        run = begin(plan_for(miner, score="half"), questions(40))
        await fight(run)
    rows = list(run.rows())
    assert len(asked(miner)) == 40
    assert 5 < sum(row.scored for row in rows) < 35
    for row in rows:
        assert row.answer == "4"
        assert (row.reward_low is None) == (row.correctness is None) == (not row.scored)


async def test_stopping_asks_nothing_more_and_keeps_what_is_under_way(begin):
    async with scripted(goes_on=asyncio.Event()) as miner:
        run = begin(plan_for(miner, concurrency=2), questions(9))
        log = Log()
        async with ReplyScorer(run.plan) as scorer:
            arena = Arena(run, VALIDATOR, scorer, log)
            fighting = asyncio.create_task(arena.run())
            await until(lambda: miner.running == 2)
            arena.stop()
            assert miner.goes_on is not None
            miner.goes_on.set()
            await fighting
        assert len(miner.questions) == 2
        assert [row.scored for row in run.rows()] == [True, True]
        await fight(run)  # and goes on
    assert len(asked(miner)) == 9


async def test_giving_up_says_so_of_what_was_under_way_and_never_asks_it_again(begin):
    async with scripted(goes_on=asyncio.Event()) as miner:
        run = begin(plan_for(miner, concurrency=2), questions(5))
        fighting = asyncio.create_task(fight(run))
        await until(lambda: miner.running == 2)
        fighting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fighting
        interrupted = [row for row in run.rows() if row.error == INTERRUPTED]
        assert len(interrupted) == 2
        assert not any(row.scored for row in interrupted)
        assert miner.goes_on is not None
        miner.goes_on.set()
        await fight(run)
    assert len(asked(miner)) == 5
    assert len(list(run.rows())) == 5


async def test_a_killed_run_goes_on_where_it_was(begin, tmp_path):
    """As after a kill -9: nothing was closed, and what was under way has no row."""
    async with scripted(0) as one, scripted(1, goes_on=asyncio.Event()) as other:
        plan = plan_for(one, other, concurrency=3)
        run = begin(plan, questions(9))
        fighting = asyncio.create_task(fight(run))
        await until(lambda: other.running == 3 and len(list(run.rows())) == 3)
        copy = tmp_path / "copy"
        copy.mkdir()
        for file in run.path.iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        fighting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fighting
        assert other.goes_on is not None
        other.goes_on.set()
        with RunFolder.resume(copy, plan) as again:
            await fight(again)
        rows = list(again.rows())
    assert asked(one) == asked(other) == {problem.question for problem in questions(9)}
    assert Counter(row.key for row in rows).most_common(1)[0][1] == 1
    assert len(rows) == 18
    assert sum(row.error == INTERRUPTED for row in rows) == 3


async def test_more_rounds_can_be_added(begin):
    async with scripted() as miner:
        plan = plan_for(miner, per_round=2, loop_s=0.0)
        with begin(plan, questions(6)) as run:
            await fight(run)
        with RunFolder.resume(run.path, plan.model_copy(update={"rounds": 2})) as again:
            await fight(again)
    assert len(asked(miner)) == 4


async def test_questions_that_were_changed_are_refused(begin):
    async with scripted() as miner:
        with begin(plan_for(miner), questions(3)) as run:
            await fight(run)
    write(ChallengeSet(questions(2)), run.path / "challenges.jsonl")
    with pytest.raises(BadRun, match="was changed"):
        RunFolder.resume(run.path, run.plan)


class NoMarks:
    async def mark(self, problem: Problem, reply: MinerReply, epoch_volume: int) -> Score:
        raise BadRun("the disk is full")


async def test_what_cannot_go_on_ends_at_once_with_one_error(begin):
    async with scripted(0) as one, scripted(1, mode=Mode.HANG) as other:
        run = begin(plan_for(one, other), questions(9))
        with pytest.raises(BadRun, match="the disk is full"):
            await Arena(run, VALIDATOR, NoMarks(), Log()).run()
    assert run.in_flight() == []


BAD = [mode for mode in Mode if mode not in (Mode.NORMAL, Mode.HANG, Mode.TRICKLE)]


@pytest.mark.thorough
@pytest.mark.own_time
async def test_whatever_a_miner_sends_there_is_a_row_that_says_what_happened(begin):
    async with scripted(mode=lambda number: (Mode.HANG, Mode.TRICKLE, *BAD)[number]) as miner:
        run = begin(plan_for(miner, concurrency=1, timeout_s=2.0, truth=True), questions(len(BAD) + 2))
        async with asyncio.timeout(600):  # its worker may take minutes to import what it needs
            await fight(run)
    rows = dict(zip((Mode.HANG, Mode.TRICKLE, *BAD), run.rows(), strict=True))
    scored_as_answers = {Mode.SHAPES, Mode.OTHER_QUESTION, Mode.OTHER_TASK, Mode.LONG, Mode.SURROGATE}
    for mode, row in rows.items():
        assert row.scored
        if mode in scored_as_answers:
            assert row.answer is not None and row.reward_high
        else:
            assert (row.answer, row.reward) == (None, 0.0)
            assert row.error
    assert rows[Mode.HANG].error == rows[Mode.TRICKLE].error == "no reply within 2 s"
    assert rows[Mode.REFUSE].error == "429 Your quota is used up."
    assert "another logic_question" in rows[Mode.OTHER_QUESTION].error
    assert "another task_uid" in rows[Mode.OTHER_TASK].error
    assert "1048576 characters" in rows[Mode.LONG].note


def test_there_are_enough_keys():
    assert len({miner.ss58_address for miner in MINERS}) == 9
