"""Member: one endpoint of a pool, with its health, load, pace and cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Unpack

from logicnet.deadline import Clock, Deadline
from logicnet.errors import ModelError
from logicnet.llm._types import Completion, How, Message, Spec
from logicnet.llm.endpoint import Endpoint, Probe
from logicnet.llm.fit import estimated_tokens
from logicnet.llm.health import MOST_S, Health, TokenRate
from logicnet.llm.spending import Spending

_PROBE_S = 10.0
_PROBE_TOKENS = 64  # of one probe, prompt and answer, estimated high


class Member:
    """An `Endpoint` with statistics. `turned` is called when it goes out of use or comes back."""

    def __init__(
        self, spec: Spec, name: str, spending: Spending, clock: Clock, turned: Callable[[Member], None]
    ) -> None:
        self.spec = spec
        self.name = name  # unique in its pool
        self.health = Health()
        self.pace = TokenRate()
        self.calls = 0  # in flight
        self._busy_since_s = 0.0  # since when it always had a call
        self._mute = False  # out of use for silence alone
        self.last_word_s = float("-inf")
        self._spending = spending
        self._clock = clock
        self._turned = turned
        self.endpoint = Endpoint(spec.url, spec.model, spec.key, told=self._hear)

    @property
    def paid(self) -> bool:
        return self.spec.limit is not None

    @property
    def full(self) -> bool:
        return self.spec.most_calls is not None and self.calls >= self.spec.most_calls

    def patience_s(self, load: int) -> float:
        """How long a call that starts under this load may be silent before another server is asked."""
        return self.pace.patience_s(load, self.spec.timeout_s or MOST_S)

    def affords(self, messages: Sequence[Message], most_tokens: int) -> bool:
        """Reserve what a call may cost; False if the daily limit does not allow it."""
        limit = self.spec.limit
        if limit is None:
            return True
        return self._spending.charge(self.name, limit, limit.cost(estimated_tokens(messages), most_tokens))

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        """See `Models.complete`. Call `affords` before it."""
        at_s = self._spending.clock()
        done = await self.endpoint.complete(messages, deadline=deadline, **how)
        said = done.finish in ("stop", "length") and done.prompt_tokens > 0
        if (limit := self.spec.limit) is not None and (said or done.unbegun):
            # A call that was cut off or dropped, or whose usage is unknown, keeps its full charge.
            charged = limit.cost(estimated_tokens(messages), how["max_tokens"])
            self._spending.correct(self.name, charged, limit.cost(done.prompt_tokens, done.tokens), at_s)
        return done

    async def probe(self) -> Probe | None:
        """Generate one token to update the health. None if the daily limit does not allow it."""
        limit = self.spec.limit
        if limit is not None and not self._spending.charge(self.name, limit, limit.cost(_PROBE_TOKENS, 1)):
            return None
        load, begun_s = self.calls + 1, self._clock()
        probe = await self.endpoint.probe(max(_PROBE_S, self.patience_s(load)))
        if probe.error:
            self.out(probe.error)
        else:
            self.last_word_s = self._clock()
            self.pace.began(probe.seconds, load)
            self._well(begun_s)
        return probe

    def out(self, why: str) -> None:
        """Take it out of use."""
        self._mute = False
        if self.health.trip(why, self._clock()):
            self._turned(self)

    def began(self) -> None:
        """Count one more call."""
        if not self.calls:
            self._busy_since_s = self._clock()
        self.calls += 1

    def look(self) -> None:
        """Take it out of use if no call had a token for longer than is usual under its load."""
        silent_s = self._clock() - max(self.last_word_s, self._busy_since_s)
        if self.calls and not self.health.open and silent_s >= self.patience_s(self.calls):
            self.mute(silent_s)

    def mute(self, seconds: float) -> None:
        """Take it out of use until it streams a token."""
        self.out(f"the model server at {self.endpoint.place} wrote nothing for {seconds:.0f} s")
        self._mute = True

    def spoke(self) -> None:
        """A call received a token."""
        self.last_word_s = self._clock()
        if self._mute:
            self._well(self.last_word_s)  # it was only slow

    def _well(self, begun_s: float) -> None:
        if self.health.answered(begun_s):
            self._mute = False
            self._turned(self)

    def _hear(self, done: Completion, error: ModelError | None) -> None:
        now_s = self._clock()
        if error is not None:
            if self.health.failed(error, now_s):
                self._turned(self)
        elif done.finish != "deadline":
            self._well(now_s - done.seconds)
        if done.tokens > 1 and done.finish != "failed":
            self.pace.wrote(done.tokens, done.seconds)
