"""Pool: several servers as one `Models`. Health, load and speed decide who is asked.

A call goes to the server that is well and would be done soonest: the fewest calls in flight for its
speed and weight. Paid servers are asked only where no other is well, or this call has waited for one
in vain. One task per server has a token generated beside the calls: soon and with growing pauses
while it is out of use, seldom while it is idle, so that its coming and going is known before a
challenge pays for it. The same task notices when a server with calls says nothing to any of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Unpack

from loguru import logger

from logicnet._util.backoff import Backoff
from logicnet.deadline import Clock, Deadline
from logicnet.llm._call import Call
from logicnet.llm._member import Member
from logicnet.llm._types import Completion, How, Message
from logicnet.llm.spec import Spec
from logicnet.llm.spending import Spending

_PROBE_AGAIN_S = 0.5  # doubles with each failure
_MOST_BETWEEN_S = 15.0
_MOST_BETWEEN_PAID_S = 120.0
_LOOK_S = 0.25  # between two looks at whether it still says something
_IDLE_S = 15.0  # a server that nobody asked for so long is asked for a token
_SAY_AGAIN_S = 10.0  # one that comes and goes is not worth more lines

_RIVALS_SHARE = 0.1
_LEAST_RIVALS = 2
"""Calls that may be asked for twice while both servers are well. More would double the load just when
everything is slow; of those at a server that is out, all are."""


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """One server as it stands."""

    name: str
    well: bool
    why: str  # it is not
    calls: int
    tokens_per_s: float | None
    paid: bool
    spent: float  # today, in the unit of its limit
    out_s: float = 0.0  # for how long it has not been well


class Pool:
    """`Models` on several servers. `start` begins to watch them, whoever made it calls `close`.

    Raises SettingsError if an address is none.
    """

    def __init__(
        self, specs: Sequence[Spec], spending: Spending | None = None, clock: Clock = time.monotonic
    ) -> None:
        self.clock = clock
        self._spending = spending or Spending(None)
        names = _names(specs)
        self._members = [
            Member(spec, name, self._spending, clock, self._turned)
            for spec, name in zip(specs, names, strict=True)
        ]
        self._calls: set[Call] = set()
        self._rivals = 0
        self._alarms = {member: asyncio.Event() for member in self._members}
        self._said: dict[Member, tuple[bool, float]] = {}  # open, and when that was said
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to watch, and tell the operator which of them answer."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._watch(member)) for member in self._members]
            self._tasks.append(asyncio.create_task(self._spending.keep()))

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        deadline: Deadline,
        on_text: Callable[[str], None] | None = None,
        **how: Unpack[How],
    ) -> Completion:
        """See `Models.complete`. Fails only if every server has, in this call or before it."""
        self.start()
        call = Call(self, messages, deadline, on_text, how)
        self._calls.add(call)
        try:
            return await call.run()
        finally:
            self._calls.discard(call)

    def standing(self) -> list[EndpointStatus]:
        """The servers, in the order they were given."""
        return [
            EndpointStatus(
                m.name,
                not m.health.open,
                m.health.why,
                m.calls,
                m.pace.tokens_per_s,
                m.paid,
                m.spent,
                self.clock() - m.health.opened_s if m.health.open else 0.0,
            )
            for m in self._members
        ]

    def costs(self) -> bool:
        """Whether each call costs money now: no server is well but paid ones."""
        well = [member for member in self._members if not member.health.open]
        return bool(well) and all(member.paid for member in well)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for member in self._members:
            await member.close()
        self._spending.close()

    def choose(self, call: Call, *, rival: bool) -> Member | None:
        """Whom to ask next for `call`; None if there is nobody now. A paid one's price is set aside."""
        if rival and self._rivals >= max(_LEAST_RIVALS, _RIVALS_SHARE * len(self._calls)):
            return None
        others = [m for m in self._members if m not in call.asked and m not in call.failed]
        found = self._another(call, others, rival)
        again = [m for m in call.left_behind if not m.health.open and not m.full and not m.paid]
        return found or min(again, key=self._cost, default=None)

    def _another(self, call: Call, others: Sequence[Member], rival: bool) -> Member | None:
        """One of `others`."""
        well = [m for m in others if not m.health.open and not m.full]
        if free := [m for m in well if not m.paid]:
            return min(free, key=self._cost)
        if self._may_pay(call):
            for member in sorted(well, key=self._cost):
                if member.affords(call.messages, call.how["max_tokens"]):
                    return member
        if any(not m.health.open for m in others if not m.paid):
            return None  # a place will become free
        # None is well. One that refuses says so at once; the probes may simply not have been there yet.
        out = [m for m in others if m.health.open and not m.full and not m.paid]
        return min(out, key=lambda m: (m.calls, m.health.opened_s), default=None) if not rival else None

    def hopeless(self, call: Call) -> bool:
        """Whether nobody is left that a place could become free at."""
        return not any(
            not m.health.open and m.full and not m.paid and m not in call.failed for m in self._members
        )

    def began(self, call: Call, member: Member, rival: bool) -> None:
        member.began()
        self._rivals += rival

    def ended(self, call: Call, member: Member, rival: bool) -> None:
        member.calls -= 1
        self._rivals -= rival
        if member.spec.most_calls is not None:
            for waiting in self._calls:
                if not waiting.is_asked:
                    waiting.wake()

    def _may_pay(self, call: Call) -> bool:
        """Whether money is the last resort: no other is well, or half of the time is gone without a word."""
        others = [m for m in self._members if not m.paid and m not in call.failed]
        return all(m.health.open for m in others) or call.late

    def _cost(self, member: Member) -> float:
        """Seconds per token that one more call would see, by and large."""
        known = [one.pace.tokens_per_s for one in self._members if one.pace.tokens_per_s]
        speed = member.pace.tokens_per_s or (sum(known) / len(known) if known else 1.0)
        return (member.calls + 1) / (speed * member.spec.weight)

    def _turned(self, member: Member) -> None:
        """A server went out of use, or came back."""
        if member.health.open:
            self._alarms[member].set()
        self._say(member)
        for call in self._calls:
            call.wake()

    async def _watch(self, member: Member) -> None:
        await member.ready()
        probe = await member.probe()
        if probe is not None and not probe.error:
            logger.info("A model: {}.", probe)
        pauses = Backoff(_PROBE_AGAIN_S, _MOST_BETWEEN_PAID_S if member.paid else _MOST_BETWEEN_S)
        while True:
            alarm = self._alarms[member]
            alarm.clear()  # first, or one that went and came meanwhile would be waited for without a pause
            if member.health.open:
                await asyncio.sleep(pauses.next_s())
                await member.probe()
            else:
                pauses.reset()
                try:
                    async with asyncio.timeout(_LOOK_S):
                        await alarm.wait()
                except TimeoutError:
                    member.look()
                    idle = not member.calls and self.clock() - member.last_word_s >= _IDLE_S
                    if idle and not member.paid:
                        await member.probe()
            self._say(member)

    def _say(self, member: Member) -> None:
        """Tell the operator that a server went or came, once."""
        out, now_s = member.health.open, self.clock()
        was_out, at_s = self._said.get(member, (False, float("-inf")))
        if out == was_out or now_s - at_s < _SAY_AGAIN_S:
            return
        self._said[member] = (out, now_s)
        left = sum(not one.health.open for one in self._members)
        if out:
            end = f"{left} of {len(self._members)} are left" if left else "none is left"
            logger.warning("T{}; {}.", member.health.why[1:], end)
        else:
            logger.info("The model server at {} answers (again).", member.place)


def _names(specs: Sequence[Spec]) -> list[str]:
    """The addresses; with the model or a number where one is there twice."""
    names: list[str] = []
    for spec in specs:
        name = spec.url if spec.model is None else f"{spec.url} {spec.model}"
        same = sum(other == name or other.startswith(f"{name} #") for other in names)
        names.append(f"{name} #{same + 1}" if same else name)
    return names
