import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from logicnet.deadline import Deadline
from logicnet.errors import ModelError, SettingsError
from logicnet.llm import Models
from logicnet.protocol import Answer, Challenge
from logicnet.solver import _registry as module
from logicnet.solver import on_shift
from logicnet.solver.constant import ConstantSolver
from tests.harness.said import listening


class Worker:
    """A solver that has something to put up and to take down."""

    def __init__(self, begins: Exception | None = None, ends: Exception | None = None) -> None:
        self.begins, self.ends = begins, ends
        self.did: list[str] = []

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        return Answer("Nobody asks it here.", "none")

    async def __aenter__(self) -> "Worker":
        self.did.append("began")
        if self.begins is not None:
            raise self.begins
        return self

    async def __aexit__(self, *_: object) -> None:
        self.did.append("ended")
        if self.ends is not None:
            raise self.ends


@contextmanager
def raised_in_the_block() -> Iterator[None]:
    with pytest.raises(KeyError):
        yield


async def test_a_solver_is_entered_before_and_left_after() -> None:
    solver = Worker()
    async with on_shift(solver, "worker"):
        solver.did.append("solved")
    assert solver.did == ["began", "solved", "ended"]


async def test_a_plain_solver_needs_nothing() -> None:
    async with on_shift(ConstantSolver(), "constant"):
        pass


async def test_it_is_left_also_when_the_miner_breaks() -> None:
    solver = Worker()
    with raised_in_the_block():
        async with on_shift(solver, "worker"):
            raise KeyError
    assert solver.did == ["began", "ended"]


async def test_a_solver_that_cannot_begin_is_said_in_one_line() -> None:
    solver = Worker(begins=OSError("no\nsuch thing"))
    with pytest.raises(SettingsError, match=r"^the solver worker failed to start: OSError: no such thing$"):
        async with on_shift(solver, "worker"):
            raise AssertionError
    assert solver.did == ["began"]


async def test_our_own_errors_speak_for_themselves() -> None:
    with pytest.raises(ModelError, match=r"^away$"):
        async with on_shift(Worker(begins=ModelError("away")), "worker"):
            raise AssertionError


async def test_a_solver_that_cannot_end_keeps_nobody_from_ending() -> None:
    with listening() as said:
        async with on_shift(Worker(ends=RuntimeError()), "worker"):
            pass
    assert said == ["WARNING The solver worker failed to end: RuntimeError."]


async def test_a_solver_that_does_not_end_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Worker):
        async def __aexit__(self, *_: object) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(module, "LEAVE_S", 0.0)
    with listening() as said:
        async with on_shift(Slow(), "slow"):
            pass
    assert said == ["WARNING The solver slow failed to end: TimeoutError."]
