"""Rising load against a solver of a known speed, on a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from logicnet.deadline import Deadline
from logicnet.errors import ModelError
from logicnet.llm import Completion, Message, Models
from logicnet.protocol import Answer, Challenge
from logicnet.volume.advice import Level
from logicnet.volume.load_test import LoadTest, NothingToMeasure, next_load
from tests.harness.manual_time import ManualTime

WITHIN_S = 50.0


class Batch:
    """A solver that needs `seconds(n)` while n challenges are under way. `cut(n)`: its model is cut off."""

    def __init__(
        self, time: ManualTime, seconds: Callable[[int], float], cut: Callable[[int], bool] = lambda n: False
    ) -> None:
        self.asked: list[str] = []
        self.most = 0
        self._time = time
        self._seconds = seconds
        self._cut = cut
        self._under_way = 0

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        self.asked.append(challenge.question)
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        try:
            await asyncio.sleep(0)  # all that begin together are counted
            takes_s = self._seconds(self._under_way)
            await models.complete([], deadline=deadline, max_tokens=int(self._cut(self._under_way)))
            await self._time.sleep(min(takes_s, deadline.total_s()))
        finally:
            self._under_way -= 1
        if takes_s > deadline.total_s():
            raise ModelError("the model wrote nothing in time")
        return Answer("steps", "7")


class Words:
    """Models: one token is a text that the clock has cut off."""

    async def complete(self, messages: Sequence[Message], *, max_tokens: int, **how: object) -> Completion:
        return Completion("some words", finish="deadline" if max_tokens else "stop", tokens=2)


def measuring(time: ManualTime, solver: Batch, most: int = 64) -> tuple[LoadTest, list[Level]]:
    heard: list[Level] = []
    questions = [f"What is {n}+{n}?" for n in range(500)]
    one = LoadTest(solver, Words(), questions, heard.append, most=most, within_s=WITHIN_S, clock=time.clock)
    return one, heard


async def run(time: ManualTime, one: LoadTest) -> None:
    running = asyncio.create_task(one.run())
    while not running.done():
        await time.advance(1.0)
    await running


def shown(levels: Sequence[Level]) -> list[tuple[int, bool]]:
    return [(level.at_once, level.sustained) for level in levels]


async def test_load_rises_until_it_is_not_kept():
    time = ManualTime()
    solver = Batch(time, lambda n: 5.0 * n)
    one, heard = measuring(time, solver)
    await run(time, one)
    assert shown(one.levels) == [(1, True), (2, True), (4, True), (8, True), (16, False)]
    assert heard == one.levels
    assert solver.most == 16
    assert [level.answers for level in one.levels[:4]] == [6, 6, 12, 24]
    assert one.levels[3].mean_s == pytest.approx(40.0, abs=5)
    assert len(set(solver.asked)) == len(solver.asked)


async def test_between_a_load_that_is_kept_and_one_that_is_not_lies_the_answer():
    time = ManualTime()
    one, _ = measuring(time, Batch(time, lambda n: 12.0 if n <= 27 else 60.0))
    await run(time, one)
    assert shown(one.levels)[4:] == [(16, True), (32, False), (24, True)]


async def test_a_machine_that_keeps_all_is_asked_no_more_than_the_miner_takes():
    time = ManualTime()
    solver = Batch(time, lambda n: 2.0)
    one, _ = measuring(time, solver, most=12)
    await run(time, one)
    assert shown(one.levels) == [(1, True), (2, True), (4, True), (8, True), (12, True)]
    assert solver.most == 12


async def test_a_machine_that_keeps_nothing():
    time = ManualTime()
    one, _ = measuring(time, Batch(time, lambda n: 99.0))
    await run(time, one)
    assert shown(one.levels) == [(1, False)]
    assert (one.levels[0].late, one.levels[0].answers) == (1, 1)


async def test_answers_that_the_clock_cuts_off_under_load_break_it_too():
    time = ManualTime()
    one, _ = measuring(time, Batch(time, lambda n: 10.0, cut=lambda n: n > 5))
    await run(time, one)
    assert shown(one.levels) == [(1, True), (2, True), (4, True), (8, False), (6, False), (5, True)]
    assert one.levels[3].late == 0


async def test_a_solver_that_is_always_cut_off_is_not_broken_by_load():
    time = ManualTime()
    one, _ = measuring(time, Batch(time, lambda n: 10.0, cut=lambda n: True), most=8)
    await run(time, one)
    assert shown(one.levels) == [(1, True), (2, True), (4, True), (8, True)]


async def test_what_was_measured_stays_when_it_is_stopped():
    time = ManualTime()
    solver = Batch(time, lambda n: 10.0)
    one, heard = measuring(time, solver)
    running = asyncio.create_task(one.run())
    while len(heard) < 2:
        await time.advance(1.0)
    await time.advance(15.0)  # in the middle of the third
    one.stop()
    await running
    assert shown(one.levels) == [(1, True), (2, True)]


async def test_a_load_that_had_broken_counts_though_it_was_stopped():
    time = ManualTime()
    slow_s = iter([99.0, 20.0, 99.0, 99.0])
    one, _ = measuring(time, Batch(time, lambda n: next(slow_s) if n > 1 else 1.0))
    running = asyncio.create_task(one.run())
    for _ in range(6 + int(WITHIN_S) + 5):
        await time.advance(1.0)  # one was late, and another is still under way
    assert shown(one.levels) == [(1, True)]
    one.stop()
    await running
    assert shown(one.levels) == [(1, True), (2, False)]


class Broken:
    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        raise ModelError("the model server at 127.0.0.1:9 cannot be reached")


async def test_answers_that_fail_at_once_are_nothing_to_measure():
    one = LoadTest(Broken(), Words(), ["What is 1+1?"], lambda level: None, most=8)
    with pytest.raises(NothingToMeasure, match="cannot be reached"):
        await one.run()
    assert one.levels == []


@pytest.mark.parametrize(
    ("kept", "broken", "following"),
    [
        ([], [], 1),
        ([1], [], 2),
        ([1, 2, 4, 8], [], 16),
        ([1, 2, 4, 8, 16, 32, 64], [], None),  # the most
        ([], [1], None),
        ([1, 2, 4], [8], 6),
        ([1, 2, 4, 6], [8], 7),
        ([1, 2, 4, 8], [16], None),  # bursts come in eights
        ([1, 2, 4, 8, 16], [32], 24),
        ([1, 2, 4, 8, 16], [32, 24], None),
        ([1, 2, 4, 8, 16, 32], [64], 48),
    ],
)
def test_what_is_tried_next(kept, broken, following):
    levels = [Level(n, (1.0,) * 6, 0, 0, 0, 1.0) for n in kept]
    levels += [Level(n, (60.0,) * 6, 6, 0, 0, 1.0) for n in broken]
    assert next_load(levels, 64) == following
