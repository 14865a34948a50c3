from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.deadline import Deadline
from logicnet.events import Admitted, Event, Shadowed
from logicnet.llm import Endpoint, Models
from logicnet.protocol import Answer, Challenge
from logicnet.solver.shadow import MOST_WAITING, Shadow, drawn
from logicnet.votelog import SamplerVote, VoteLog
from tests.harness.manual_time import ManualTime, settle
from tests.unit.ledger.facts import admitted, answered, epoch, hung_up

TRAIL = VoteLog("story", (SamplerVote("reason", "72"),), "72")


class Second:
    """The solver that is tried: it answers once it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.begun: list[Challenge] = []
        self.allowed_s: list[float] = []
        self.cancelled = 0

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        self.begun.append(challenge)
        self.allowed_s.append(deadline.total_s())
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Answer("Steps.", "72", TRAIL)


class Stage:
    """A shadow that is told of real challenges, and what it told."""

    def __init__(self, *, share: float = 1.0, quiet_s: float = 0.0) -> None:
        self.second = Second()
        self.time = ManualTime()
        self.told: list[Event] = []
        self.costs = False
        self.models = Endpoint("http://127.0.0.1:1/v1")
        self.shadow = Shadow(
            self.second,
            self.models,
            self.told.append,
            name="second",
            share=share,
            costs=lambda: self.costs,
            quiet_s=quiet_s,
            clock=self.time.clock,
            unix_s=lambda: 800.0,
        )

    async def admit(self, *ids: str) -> None:
        for one in ids:
            self.shadow(admitted(one, epoch(1), question=f"What is {one}?"))
        await settle()

    async def answer(self, *ids: str) -> None:
        for one in ids:
            self.shadow(answered(one))
        await self.turn()

    async def turn(self) -> None:
        await asyncio.sleep(0.001)  # a timer of no length is due
        await settle()

    @property
    def asked(self) -> list[str]:
        return [challenge.question for challenge in self.second.begun]

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(one.challenge_id, one.outcome) for one in self.told if isinstance(one, Shadowed)]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    stage.shadow.close()
    await settle()


async def test_it_answers_what_was_answered_and_tells_only_its_sink(stage: Stage) -> None:
    await stage.admit("a")
    assert stage.asked == []
    await stage.answer("a")
    stage.time.now_s += 3.0
    stage.second.may.set()
    await settle()
    assert stage.second.begun == [Challenge("What is a?", "Logic", "7")]
    assert stage.second.allowed_s == [60.0]
    assert stage.told == [
        Shadowed(800.0, "a", "second", "solved", 3.0, 60.0, "Steps.", "72", vote_log=TRAIL),
    ]


async def test_no_money_is_spent_on_it(stage: Stage) -> None:
    stage.costs = True
    await stage.admit("a")
    await stage.answer("a")
    stage.costs = False
    await stage.turn()
    assert stage.asked == []
    await stage.admit("b")
    await stage.answer("b")
    assert stage.asked == ["What is b?"]


async def test_the_stake_is_the_real_one() -> None:
    stage = Stage()
    event = admitted("a", epoch(1))
    stage.shadow(Admitted(**{**{name: getattr(event, name) for name in event.__slots__}, "stake": 7.0}))
    await stage.answer("a")
    assert [challenge.stake for challenge in stage.second.begun] == [7.0]
    stage.shadow.close()


async def test_it_waits_until_nothing_real_is_in_flight(stage: Stage) -> None:
    await stage.admit("a", "b", "c")
    await stage.answer("a")
    await stage.answer("b")
    assert stage.asked == []
    stage.shadow(hung_up("c"))
    await stage.turn()
    assert stage.asked == ["What is a?"]


async def test_it_waits_for_a_while_of_quiet() -> None:
    stage = Stage(quiet_s=3600.0)
    await stage.admit("a")
    await stage.answer("a")
    assert stage.shadow._quiet is not None and stage.asked == []
    timer = stage.shadow._quiet
    await stage.admit("b")
    assert timer.cancelled() and stage.shadow._quiet is None
    stage.shadow.close()


async def test_one_at_a_time(stage: Stage) -> None:
    await stage.admit("a", "b")
    await stage.answer("a", "b")
    assert stage.asked == ["What is a?"]
    stage.second.may.set()
    await stage.turn()
    assert stage.asked == ["What is a?", "What is b?"]
    assert stage.outcomes == [("a", "solved"), ("b", "solved")]


async def test_a_real_challenge_ends_it_at_once(stage: Stage) -> None:
    await stage.admit("a")
    await stage.answer("a")
    stage.time.now_s += 2.0
    await stage.admit("b")
    assert stage.second.cancelled == 1
    (told,) = stage.told
    assert isinstance(told, Shadowed)
    assert (told.outcome, told.seconds, told.answer) == ("displaced", 2.0, "")
    await stage.answer("b")
    assert stage.asked == ["What is a?", "What is b?"]  # a displaced one is not tried again


async def test_what_was_not_drawn_is_left_alone() -> None:
    stage = Stage(share=0.0)
    await stage.admit("a")
    await stage.answer("a")
    assert stage.asked == []


async def test_a_solver_that_fails_is_a_line_in_the_ledger_and_no_more(stage: Stage) -> None:
    async def fail(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        raise ValueError

    stage.second.solve = fail  # type: ignore[method-assign]
    await stage.admit("a")
    await stage.answer("a")
    assert stage.outcomes == [("a", "failed")]


async def test_a_sink_that_fails_breaks_nothing_real(stage: Stage) -> None:
    def fail(event: Event) -> None:
        raise OSError

    stage.shadow._sink = fail
    stage.second.may.set()
    await stage.admit("a", "b")
    await stage.answer("a", "b")
    await stage.turn()
    assert stage.asked == ["What is a?", "What is b?"]


async def test_closing_ends_it_at_once_and_for_good(stage: Stage) -> None:
    await stage.admit("a", "b")
    await stage.answer("a", "b")
    stage.shadow.close()
    await settle()
    assert stage.second.cancelled == 1
    await stage.admit("c")
    await stage.answer("c")
    assert (stage.asked, stage.told) == (["What is a?"], [])


async def test_a_challenge_that_was_lost_on_its_way_out_does_not_stop_it_for_good(stage: Stage) -> None:
    await stage.admit("lost", "a")
    stage.time.now_s += 1000.0
    await stage.answer("a")
    assert stage.asked == ["What is a?"]


async def test_a_miner_that_is_never_idle_keeps_a_few_of_the_latest(stage: Stage) -> None:
    await stage.admit("busy", *(str(number) for number in range(100)))
    await stage.answer(*(str(number) for number in range(100)))
    await stage.answer("unknown")
    assert len(stage.shadow._waiting) == MOST_WAITING
    await stage.answer("busy")
    assert stage.asked == [f"What is {101 - MOST_WAITING}?"]


@given(st.text(), st.floats(0, 1))
def test_the_draw_is_always_the_same_and_grows_with_the_share(challenge: str, share: float) -> None:
    assert drawn(challenge, share) == drawn(challenge, share)
    assert not drawn(challenge, 0.0) and drawn(challenge, 1.0)
    assert drawn(challenge, share) <= drawn(challenge, min(1.0, share * 1.5))


def test_the_share_is_about_what_was_asked_for() -> None:
    count = sum(drawn(f"18799e3-{number}", 0.05) for number in range(20_000))
    assert 900 <= count <= 1100
