"""Pool: several servers as one `Models`. Health, load and speed decide which server is asked.

The replicas of a Ray cluster join while they run there, and leave when they do not.

A call goes to the healthy server with the fewest calls in flight for its speed and weight. Paid servers are
asked only if no other is healthy, or if this call waited for one in vain. One task per server probes it:
with growing pauses while it is out of use, seldom while it is idle, so that an outage is known before a
challenge meets it. The same task notices when a server is silent in all of its calls.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from loguru import logger

from logicnet._util.backoff import Backoff
from logicnet.deadline import Clock, Deadline
from logicnet.errors import ModelError
from logicnet.llm._call import Call
from logicnet.llm._member import Member
from logicnet.llm._types import Completion, How, Message, Models, Spec
from logicnet.llm.endpoint import Endpoint
from logicnet.llm.ray import replicas
from logicnet.llm.spending import Spending

_FIRST_PAUSE_S = 0.4
_LONGEST_PAUSE_S = 2.0
_PROBE_AGAIN_S = 0.5  # doubles with each failure
_MOST_BETWEEN_S = 15.0
_MOST_BETWEEN_PAID_S = 120.0
_LOOK_S = 0.25  # between two checks for silence
_IDLE_S = 15.0  # without a call, before a server is probed
_FOLLOW_S = 3.0  # between two looks at a Ray cluster
_SAY_AGAIN_S = 10.0  # a server that comes and goes is not logged more often

_RIVALS_SHARE = 0.1
_LEAST_RIVALS = 2
"""Calls that may have two attempts while both servers are healthy. More would double the load just when
everything is slow. Calls at a server that is out of use may all have two."""


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """The state of one server."""

    name: str
    well: bool
    why: str  # it is out of use
    calls: int
    tokens_per_s: float | None
    paid: bool
    spent: float  # today, in the unit of its limit
    out_s: float = 0.0  # for how long it has been out of use


class Pool:
    """`Models` on several servers. `start` begins to watch them; the owner calls `close`.

    Raises SettingsError if an address is not valid.
    """

    def __init__(
        self, specs: Sequence[Spec], spending: Spending | None = None, clock: Clock = time.monotonic
    ) -> None:
        self.clock = clock
        self._spending = spending or Spending(None)
        self._clusters = [spec for spec in specs if spec.ray]
        listed = [spec for spec in specs if not spec.ray]
        self._members: list[Member] = []
        self._left: set[Member] = set()  # of a cluster, with calls that have not noticed yet
        self._calls: set[Call] = set()
        self._rivals = 0
        self._alarms: dict[Member, asyncio.Event] = {}
        self._said: dict[Member, tuple[bool, float]] = {}  # the state that was logged last, and when
        self._tasks: list[asyncio.Task[None]] = []
        self._watching: dict[Member, asyncio.Task[None]] = {}
        for spec, name in zip(listed, _names(listed), strict=True):
            self._add(spec, name)

    def start(self) -> None:
        """Watch the servers, and log which of them answer."""
        if not self._tasks:
            self._watching = {one: asyncio.create_task(self._watch(one)) for one in self._members}
            self._tasks = [asyncio.create_task(self._follow(cluster)) for cluster in self._clusters]
            self._tasks.append(asyncio.create_task(self._spending.keep()))

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        """See `Models.complete`. Fails only if every server failed, in this call or before it."""
        self.start()
        call = Call(self, messages, deadline, how)
        self._calls.add(call)
        try:
            return await call.run()
        finally:
            self._calls.discard(call)

    def status(self) -> list[EndpointStatus]:
        """The servers in the order of the settings."""
        return [
            EndpointStatus(
                m.name,
                not m.health.open,
                m.health.why,
                m.calls,
                m.pace.tokens_per_s,
                m.paid,
                self._spending.spent(m.name),
                self.clock() - m.health.opened_s if m.health.open else 0.0,
            )
            for m in self._members
        ]

    def costs(self) -> bool:
        """Whether each call costs money now: only paid servers are healthy."""
        well = [member for member in self._members if not member.health.open]
        return bool(well) and all(member.paid for member in well)

    async def close(self) -> None:
        tasks = [*self._tasks, *self._watching.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for member in (*self._members, *self._left):
            await member.endpoint.close()
        self._spending.close()

    def choose(self, call: Call, *, rival: bool) -> Member | None:
        """The next server for `call`; None if no server takes it now. Reserves the price of a paid call."""
        if rival and self._rivals >= max(_LEAST_RIVALS, _RIVALS_SHARE * len(self._calls)):
            return None
        others = [m for m in self._members if m not in call.asked and m not in call.failed]
        found = self._another(call, others, rival)
        again = [m for m in call.left_behind if not m.health.open and not m.full and not m.paid]
        return found or min(again, key=self._cost, default=None)

    def _another(self, call: Call, others: Sequence[Member], rival: bool) -> Member | None:
        """The best of `others`."""
        well = [m for m in others if not m.health.open and not m.full]
        if free := [m for m in well if not m.paid]:
            return min(free, key=self._cost)
        unpaid = [m for m in self._members if not m.paid and m not in call.failed]
        if call.late or all(m.health.open for m in unpaid):  # only a paid server is left
            for member in sorted(well, key=self._cost):
                if member.affords(call.messages, call.how["max_tokens"]):
                    return member
        if any(not m.health.open for m in others if not m.paid):
            return None  # a healthy server will become free
        # All are out of use, perhaps no longer: a refusal comes at once, and the next probe may be late.
        out = [m for m in others if m.health.open and not m.full and not m.paid]
        return min(out, key=lambda m: (m.calls, m.health.opened_s), default=None) if not rival else None

    def hopeless(self, call: Call) -> bool:
        """Whether no healthy server can become free for this call."""
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
                if not waiting.attempts:
                    waiting.wake()

    def _cost(self, member: Member) -> float:
        """Approximate seconds per token of one more call."""
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

    def _add(self, spec: Spec, name: str) -> Member:
        member = Member(spec, name, self._spending, self.clock, self._turned)
        self._members.append(member)
        self._alarms[member] = asyncio.Event()
        return member

    async def _follow(self, cluster: Spec) -> None:
        """Let the replicas of a Ray cluster join and leave as it lists them; as they are if it does not."""
        here: dict[str, Member] = {}
        said = ""
        while True:
            try:
                found = await replicas(cluster)
            except ModelError as error:
                if str(error) != said:
                    said = str(error)
                    logger.warning("N{}. {} of its replicas are known.", said[1:], len(here))
            else:
                said = ""
                for url in here.keys() - found.keys():
                    self._leave(here.pop(url))
                listed = {member.spec.url for member in self._members}
                await asyncio.gather(*(self._join(found[url], here) for url in found.keys() - listed))
            for member in [one for one in self._left if not one.calls]:
                self._left.discard(member)
                await member.endpoint.close()
            await asyncio.sleep(_FOLLOW_S)

    async def _join(self, spec: Spec, here: dict[str, Member]) -> None:
        """Once it answers: a vLLM loads its model for a minute and more."""
        knock = Endpoint(spec.url, spec.model, spec.key, told=lambda *_: None)
        try:
            if (await knock.probe()).error:
                return
        finally:
            await knock.close()
        here[spec.url] = member = self._add(spec, spec.url)
        self._watching[member] = asyncio.create_task(self._watch(member))
        logger.info("A replica joins: {} are here.", len(self._members))
        for call in self._calls:
            call.wake()

    def _leave(self, member: Member) -> None:
        self._members.remove(member)
        self._watching.pop(member).cancel()
        self._left.add(member)
        logger.info("The replica at {} leaves; {} are here.", member.endpoint.place, len(self._members))
        self._said[member] = (True, self.clock())  # is said already
        member.out(f"the model server at {member.endpoint.place} has left its cluster")

    async def _watch(self, member: Member) -> None:
        await member.endpoint.ready()
        probe = await member.probe()
        if probe is not None and not probe.error:
            logger.info("A model: {}.", probe)
        pauses = Backoff(_PROBE_AGAIN_S, _MOST_BETWEEN_PAID_S if member.paid else _MOST_BETWEEN_S)
        while True:
            alarm = self._alarms[member]
            alarm.clear()  # first: an outage that ended meanwhile must not skip the pause
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
        """Log once that a server went out of use or came back."""
        out, now_s = member.health.open, self.clock()
        was_out, at_s = self._said.get(member, (False, float("-inf")))
        if out == was_out or now_s - at_s < _SAY_AGAIN_S:
            return
        self._said[member] = (out, now_s)
        left = sum(not one.health.open for one in self._members)
        if out:
            end = f"{left} of {len(self._members)} are left" if left else "no other is left"
            logger.warning("T{}; {}.", member.health.why[1:], end)
        else:
            logger.info("The model server at {} answers (again).", member.endpoint.place)


def _names(specs: Sequence[Spec]) -> list[str]:
    """Unique names: the address, with the model or a number where it occurs twice."""
    names: list[str] = []
    for spec in specs:
        name = spec.url if spec.model is None else f"{spec.url} {spec.model}"
        same = sum(other == name or other.startswith(f"{name} #") for other in names)
        names.append(f"{name} #{same + 1}" if same else name)
    return names


class Retrying:
    """`Models` that repeat a failed call until its deadline, unless some text had arrived.

    A second costs 0.0004 of reward, a right answer instead of none earns 0.4 (the validator's arithmetic,
    LogicNet 1.6). Waiting a whole minute pays if the server comes back in one of twenty cases, and a vLLM
    that pm2 restarts is back within two minutes.
    """

    def __init__(self, models: Models) -> None:
        self._models = models

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        pauses = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        failed: Completion | None = None
        while True:
            done = await self._models.complete(messages, deadline=deadline, **how)
            if done.text.strip():
                return done
            if done.finish != "failed":
                return failed or done  # an earlier failure explains more than "time is up"
            failed, pause_s = done, pauses.next_s()
            if deadline.remaining_s() <= pause_s:
                return failed
            await asyncio.sleep(pause_s)
