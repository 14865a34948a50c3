import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from logicnet.deadline import Deadline
from logicnet.errors import ModelError
from logicnet.llm import Endpoint, Message, Models
from logicnet.protocol import Answer, Challenge
from logicnet.solver.answering import MOST_ANSWER, MOST_REASONING, Solution, answer_in_time, unsolved
from logicnet.votelog import SamplerVote, VoteLog
from tests.harness.manual_time import ManualTime
from tests.harness.own_time import after
from tests.harness.scripted_model import STEPS, Mode, ScriptedModel

pytestmark = pytest.mark.own_time

CHALLENGE = Challenge("How many clips?")

Solve = Callable[[Challenge, Deadline, Models], Awaitable[Any]]


@dataclass
class Solver:
    """A solver that is whatever a test makes it."""

    how: Solve

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        answer: Answer = await self.how(challenge, deadline, models)
        return answer


@pytest.fixture
async def server() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel() as server:
        yield server


async def ask(models: Models, deadline: Deadline) -> str:
    done = await models.complete([Message("user", "?")], deadline=deadline, max_tokens=100)
    return done.text


async def in_time(how: Solve, models: Models, seconds: float = 5.0) -> Solution:
    solution = await answer_in_time(Solver(how), CHALLENGE, after(seconds), models)
    assert solution.answer.answer and solution.answer.reasoning
    assert (solution.outcome == "solved") == (solution.error == "")
    assert "\n" not in solution.error
    return solution


async def test_the_solvers_answer_is_sent(models: Endpoint) -> None:
    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        assert challenge is CHALLENGE
        return Answer(await ask(models, deadline), " 72\n")

    assert await in_time(solve, models) == Solution(Answer(STEPS, "72"), "solved")


async def test_late_with_text_sends_the_text(server: ScriptedModel, models: Endpoint) -> None:
    server.mode = Mode.HANG_IN_TEXT

    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        return Answer(await ask(models, deadline), "never")

    solution = await in_time(solve, models, 0.3)
    assert (solution.outcome, solution.answer.reasoning) == ("late", "Half of")
    async with asyncio.timeout(5):
        await server.idle()
    assert server.hung_up == 1


async def test_an_answer_after_the_deadline_is_late_and_sent_all_the_same(models: Endpoint) -> None:
    time = ManualTime()

    async def solve(*_: object) -> Answer:
        time.now_s += 6.0  # the event loop was held
        return Answer("Steps.", "72")

    deadline = Deadline.after(5.0, clock=time.clock)
    solution = await answer_in_time(Solver(solve), CHALLENGE, deadline, models)
    assert solution == Solution(Answer("Steps.", "72"), "late", "the answer came 1.00 s after the deadline")


async def test_late_without_text_says_so(models: Endpoint) -> None:
    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        await asyncio.sleep(60)
        raise AssertionError

    solution = await in_time(solve, models, 0.1)
    assert solution == unsolved("late", solution.error)


async def test_late_because_of_the_models_says_what_was_wrong_with_them(
    server: ScriptedModel, models: Endpoint
) -> None:
    server.mode = Mode.ERROR_500

    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        while True:
            await ask(models, deadline)
            await asyncio.sleep(0.02)

    solution = await in_time(solve, models, 0.5)
    assert solution.outcome == "late" and "answered 500" in solution.error


async def test_a_solver_that_raises_loses_nothing_that_was_written(models: Endpoint) -> None:
    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        await ask(models, deadline)
        raise ValueError(f"a bug\nthat quotes {challenge.question}")

    solution = await in_time(solve, models)
    assert solution.answer == Answer(STEPS, "72")
    assert solution.outcome == "failed"
    assert "ValueError at test_answering.py:" in solution.error
    assert CHALLENGE.question not in solution.error


async def test_our_own_errors_speak_for_themselves(models: Endpoint) -> None:
    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        raise ModelError("the model server is away")

    assert (await in_time(solve, models)).error == "the model server is away"


async def test_failed_because_of_the_models_says_what_was_wrong_with_them(
    server: ScriptedModel, models: Endpoint
) -> None:
    server.mode = Mode.ERROR_500

    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        await ask(models, deadline)
        raise ModelError("no answer came")

    solution = await in_time(solve, models)
    assert solution.outcome == "failed"
    assert solution.error.startswith("no answer came (") and "answered 500" in solution.error


@pytest.mark.parametrize("error", [asyncio.CancelledError, SystemExit, TimeoutError, RecursionError])
async def test_whatever_is_raised_is_a_failure(models: Endpoint, error: type[BaseException]) -> None:
    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        await asyncio.sleep(0.01)
        raise error

    assert (await in_time(solve, models)).outcome == "failed"


async def test_sys_exit_does_not_end_the_miner(models: Endpoint) -> None:
    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        sys.exit(1)

    assert "sys.exit" not in (solution := await in_time(solve, models)).answer.reasoning
    assert solution.outcome == "failed"


async def test_a_solver_that_swallows_its_cancellation_is_left_behind(models: Endpoint) -> None:
    cancelled = asyncio.Event()
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: unheard.append(context))

    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
        assert await ask(models, after(60)) == ""  # no model is asked on its behalf any more
        raise ValueError("nobody waits for this")

    others = asyncio.all_tasks()  # the test's own, and those of the server's open connections
    assert (await in_time(solve, models, 0.1)).outcome == "late"
    await asyncio.wait_for(cancelled.wait(), 5)
    while asyncio.all_tasks() - others:
        await asyncio.sleep(0.005)
    gc.collect()
    assert unheard == []


async def test_a_deadline_that_has_passed_is_answered_without_a_wait(models: Endpoint) -> None:
    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        await asyncio.sleep(60)
        raise AssertionError

    deadline = after(0.0)
    solution = await answer_in_time(Solver(solve), CHALLENGE, deadline, models)
    assert solution.outcome == "late"
    assert deadline.elapsed_s() < 0.1


async def test_a_caller_who_hangs_up_cancels_the_solver_and_the_generation(
    server: ScriptedModel, models: Endpoint
) -> None:
    server.mode = Mode.HANG_IN_TEXT
    ended: list[str] = []

    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        try:
            return Answer(await ask(models, deadline), "72")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    call = asyncio.create_task(in_time(solve, models, 60.0))
    async with asyncio.timeout(5):
        while not server.running:
            await asyncio.sleep(0.005)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await server.idle()
    assert ended == ["cancelled"]
    assert server.hung_up == 1


async def test_calls_that_a_solver_left_running_end_with_it(server: ScriptedModel, models: Endpoint) -> None:
    server.mode = lambda n: Mode.HANG_IN_TEXT if n else Mode.NORMAL
    left: list[asyncio.Task[str]] = []

    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        text = await ask(models, deadline)
        left.append(asyncio.create_task(ask(models, deadline)))
        while not server.running:
            await asyncio.sleep(0.005)
        return Answer(text, "72")

    assert (await in_time(solve, models, 30.0)).outcome == "solved"
    async with asyncio.timeout(5):
        await server.idle()
    assert server.hung_up == 1
    await asyncio.wait(left)
    assert left[0].cancelled()


@pytest.mark.parametrize(
    "returned",
    [
        None,
        "72",
        ("steps", "72"),
        Answer(None, "72"),  # type: ignore[arg-type]
        Answer("steps", 72),  # type: ignore[arg-type]
        Answer("", ""),
        Answer("  ", "\n"),
    ],
)
async def test_what_is_no_answer_is_repaired_from_what_was_written(models: Endpoint, returned: Any) -> None:
    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Any:
        await ask(models, deadline)
        return returned

    solution = await in_time(solve, models)
    assert solution.answer == Answer(STEPS, "72")
    assert solution.outcome == "failed"


async def test_half_an_answer_is_kept_and_completed(models: Endpoint) -> None:
    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        await ask(models, deadline)
        return Answer("", "71")

    assert (await in_time(solve, models)).answer == Answer(STEPS, "71")


async def test_a_reply_is_bounded_and_can_be_encoded(models: Endpoint) -> None:
    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        return Answer("r\ud800" * 10**6, "é" * 10**6)

    answer = (await in_time(solve, models)).answer
    assert len(answer.reasoning) == MOST_REASONING and len(answer.answer) == MOST_ANSWER
    assert answer.reasoning.encode().startswith(b"r?")


async def test_a_solver_that_is_no_coroutine_function(models: Endpoint) -> None:
    class Plain:
        def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
            return Answer("steps", "72")

    solution = await answer_in_time(Plain(), CHALLENGE, after(5), models)  # type: ignore[arg-type]
    assert solution.outcome == "failed"


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.3])
async def test_no_timer_is_set_past_the_deadline(
    models: Endpoint, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers_s: list[float] = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later

    def noting(delay: float, *rest: Any, **more: Any) -> asyncio.TimerHandle:
        timers_s.append(loop.time() + delay)
        return call_later(delay, *rest, **more)

    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(loop, "call_later", noting)
    deadline = after(seconds)
    await answer_in_time(Solver(solve), CHALLENGE, deadline, models)
    assert len(timers_s) == 1
    assert timers_s[0] < deadline.end_s


async def test_how_it_came_about_is_kept_as_far_as_it_can_be_stored(models: Endpoint) -> None:
    vote_log = VoteLog("sum", (SamplerVote("reason", "72", "seventy-two", -0.1, 2.0, 30),), "72")

    async def solve(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        return Answer("Steps.", "72", vote_log)

    async def babble(challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        return Answer("Steps.", "72", "a trail")  # type: ignore[arg-type]

    assert (await in_time(solve, models)).answer.vote_log == vote_log
    assert await in_time(babble, models) == Solution(Answer("Steps.", "72"), "solved")
