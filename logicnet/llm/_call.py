"""Call: one completion from a pool of servers, hedged and resumed.

A failed attempt is followed by an attempt at another server. An attempt that is silent for longer than is
usual for its server gets a rival: the first of them that streams a token wins, and the others are cancelled.
The next server continues the text so far. Only thinking, and text that must match a regex (a few words),
start again. A router is retried itself, because another of its engines may take the call.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from logicnet._util.tasks import retrieved
from logicnet.deadline import Deadline
from logicnet.llm._member import Member
from logicnet.llm._types import Completion, How, Message
from logicnet.llm.thinking import inside, shown

if TYPE_CHECKING:
    from logicnet.llm.pool import Pool

_LOOK_AGAIN_S = 0.25  # while there is no other server to ask
_OUT_S = 0.5  # of silence, at a server whose circuit is open
_SHARE = 3.0  # an attempt may be silent for a third of the time left, so that its rival has two thirds
_TRIES = 3  # at a server that failed this call and answered another one since
_TRIES_OF_ROUTER = 4
_AT_ROUTER = 2  # concurrent attempts of a call; also where a connection hangs


@dataclass(eq=False, slots=True)
class _MemberCall:
    member: Member
    base: str  # the text that it continues
    tokens: int  # of `base`
    load: int
    begun_s: float
    last_s: float  # its last token, or its start
    spoke: bool = False
    lost: bool = False
    task: asyncio.Task[Completion] = field(init=False)


class Call:
    """One completion. Call `run` once."""

    def __init__(self, pool: Pool, messages: Sequence[Message], deadline: Deadline, how: How) -> None:
        self.failed: dict[Member, float] = {}  # servers that failed this call, and when
        self.deadline = deadline
        self.messages = messages
        self.how = how
        self._pool = pool
        self._on_text = how.get("on_text")
        self.attempts: list[_MemberCall] = []
        self._leader: _MemberCall | None = None
        self._base = ""  # the text that the leader continues
        self._pieces: list[str] = []  # the leader's
        self._tokens = 0
        self._error = ""
        self._losses: Counter[Member] = Counter()
        self._woken = asyncio.Event()
        self._begun_s = pool.clock()

    @property
    def asked(self) -> set[Member]:
        """Servers with as many attempts at once as they may have."""
        at_it = Counter(attempt.member for attempt in self.attempts)
        return {member for member, count in at_it.items() if count >= _most(member, _AT_ROUTER)}

    @property
    def left_behind(self) -> set[Member]:
        """Servers that are silent in this call and answer others: the connection may hang for ever."""
        at_it = Counter(attempt.member for attempt in self.attempts)
        return {
            one.member
            for one in self.attempts
            if at_it[one.member] < _AT_ROUTER
            and one.member.last_word_s > one.last_s
            and self._waited_out(one)
        }

    @property
    def late(self) -> bool:
        """Whether half of its time passed without a token."""
        silent = self._leader is None and not self._base
        return silent and self._pool.clock() - self._begun_s >= self.deadline.remaining_s()

    def wake(self) -> None:
        """Look again, because something changed."""
        self._woken.set()

    async def run(self) -> Completion:
        """As `Models.complete`."""
        try:
            while True:
                self._woken.clear()
                done = self._ended()
                if done is None and (
                    not self.attempts
                    or all(self._silent_s(one) >= self._patience_s(one) for one in self.attempts)
                ):
                    done = self._ask_another()
                if done is not None:
                    return replace(done, seconds=self._pool.clock() - self._begun_s)
                try:
                    async with asyncio.timeout(self._look_again_s()):
                        await self._woken.wait()
                except TimeoutError:
                    pass
        finally:
            for attempt in self.attempts:
                self._drop(attempt)

    def _ended(self) -> Completion | None:
        """The completion, if an attempt has ended well. Raises what `on_text` raised."""
        for attempt in [one for one in self.attempts if one.task.done()]:
            self.attempts.remove(attempt)
            done = attempt.task.result()
            if done.finish != "failed":
                if attempt is not self._leader and not done.text:
                    return replace(done, text=self._best(), tokens=self._written())
                return replace(done, text=attempt.base + done.text, tokens=attempt.tokens + done.tokens)
            self._losses[attempt.member] += 1
            if self._losses[attempt.member] >= _most(attempt.member, _TRIES_OF_ROUTER):
                self.failed[attempt.member] = self._pool.clock()
            self._error = done.error
            if attempt is self._leader:
                if base := self._so_far():
                    self._base, self._tokens = base, self._tokens + len(self._pieces)
                    self._pieces = []
                self._leader = None
        return None

    def _ask_another(self) -> Completion | None:
        """Start one more attempt if a server is free; a failed completion if there is no hope."""
        if self.deadline.passed():
            return None if self.attempts else Completion(self._best(), "deadline", self._written())
        text = self._so_far()
        said = self._written() if text else 0
        left = self.how["max_tokens"] - said
        if left <= 0:
            return None if self.attempts else Completion(text, "length", said)
        for failed, failed_s in list(self.failed.items()):  # a few retries, if it answered another call since
            if failed.last_word_s > failed_s and self._losses[failed] < _TRIES:
                del self.failed[failed]
        rival = any(not one.member.health.open for one in self.attempts)
        member = self._pool.choose(self, rival=rival)
        if member is not None and member.health.open and not all(map(self._waited_out, self.attempts)):
            return None  # both are out of use: a second request would not help
        if member is None:
            if self.attempts or not self._pool.hopeless(self):
                return None
            error = self._error or "no model can be asked"
            return Completion(self._best(), "failed", self._written(), error=error)
        now_s = self._pool.clock()
        attempt = _MemberCall(member, text, said, member.calls + 1, now_s, now_s)
        how: How = {**self.how, "max_tokens": left, "on_text": lambda piece: self._take(attempt, piece)}
        attempt.task = asyncio.create_task(
            member.complete(_continued(self.messages, text), deadline=self.deadline, **how)
        )
        self._pool.began(self, member, rival)
        attempt.task.add_done_callback(lambda _: self._pool.ended(self, member, rival))
        attempt.task.add_done_callback(retrieved)
        attempt.task.add_done_callback(lambda _: self.wake())
        self.attempts.append(attempt)
        return None

    def _take(self, attempt: _MemberCall, piece: str) -> None:
        """Take a piece of text from an attempt."""
        if attempt.lost:
            return
        now_s = self._pool.clock()
        if not attempt.spoke:
            attempt.spoke = True
            attempt.member.pace.began(now_s - attempt.begun_s, attempt.load)
        attempt.last_s = now_s
        attempt.member.spoke()
        if attempt is not self._leader:
            self._leader, self._base, self._tokens = attempt, attempt.base, attempt.tokens
            self._pieces = []
        self._pieces.append(piece)
        for other in [one for one in self.attempts if one is not attempt]:
            self._lose(other, now_s)
        if self._on_text is not None:
            self._on_text(piece)

    def _lose(self, attempt: _MemberCall, now_s: float) -> None:
        """Drop an attempt because another streamed first."""
        member, waited_s = attempt.member, now_s - attempt.begun_s
        if not attempt.spoke and not member.health.open:
            mute_s = now_s - member.last_word_s
            if mute_s < waited_s / 2:
                # A slow server: its first token takes at least that long.
                member.pace.began(waited_s, attempt.load)
            elif mute_s >= waited_s and self._waited_out(attempt):
                member.mute(waited_s)  # silent in all calls: not a pace to learn
        self.attempts.remove(attempt)
        self._drop(attempt)

    def _drop(self, attempt: _MemberCall) -> None:
        attempt.lost = True
        attempt.task.cancel()

    def _waited_out(self, attempt: _MemberCall) -> bool:
        """Whether it is silent for longer than is usual for its server."""
        return self._silent_s(attempt) >= attempt.member.patience_s(attempt.load)

    def _silent_s(self, attempt: _MemberCall) -> float:
        return self._pool.clock() - attempt.last_s

    def _patience_s(self, attempt: _MemberCall) -> float:
        if attempt.member.health.open:
            return _OUT_S
        left_s = self.deadline.remaining_s() + self._silent_s(attempt)
        return min(attempt.member.patience_s(attempt.load), left_s / _SHARE)

    def _look_again_s(self) -> float:
        until_s = [self._patience_s(one) - self._silent_s(one) for one in self.attempts]
        soonest_s = min((one for one in until_s if one > 0), default=_LOOK_AGAIN_S)
        return max(0.01, min(soonest_s, self.deadline.remaining_s() + 0.01))

    def _so_far(self) -> str:
        """The text that the next attempt continues."""
        if self.how.get("regex") is not None or self.how.get("schema") is not None:
            return ""
        raw = "".join(self._pieces)
        return self._base if inside(raw) else self._base + shown(raw)

    def _written(self) -> int:
        """Approximate tokens of the text so far."""
        return self._tokens + len(self._pieces)

    def _best(self) -> str:
        """The text so far; the thinking if there is nothing else."""
        return self._so_far() or shown("".join(self._pieces))


def _most(member: Member, of_router: int) -> int:
    return of_router if member.spec.router else 1


def _continued(messages: Sequence[Message], text: str) -> Sequence[Message]:
    """The messages, with `text` as the beginning of the assistant's answer."""
    if not text:
        return messages
    if messages[-1].role == "assistant":
        return [*messages[:-1], Message("assistant", messages[-1].content + text)]
    return [*messages, Message("assistant", text)]
