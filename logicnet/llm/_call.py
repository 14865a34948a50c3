"""Call: one text, written by whichever server of a pool speaks first, and gone on with elsewhere if it stops.

An attempt that fails is followed by one elsewhere. One that is silent for longer than its server
usually is gets a rival: the first of them to say a word has the text, the others are cancelled. What
had been written is not asked for again: the next server is given it as the beginning of its own
answer. Only thinking, and text that must match a regex (a few words), are begun anew. A router is
asked again itself: another of its engines may take the call.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from logicnet.deadline import Clock, Deadline
from logicnet.llm._member import Member, swallowed
from logicnet.llm._types import Completion, How, Message
from logicnet.llm.thinking import inside, shown

_LOOK_AGAIN_S = 0.25  # while there is nobody else to ask
_OUT_S = 0.5  # of silence, at a server that is out of use
_SHARE = 3.0
"""A third of the time left is waited at most, so that a rival has two: a late answer is none."""

_TRIES = 3  # at a server that failed this call and has answered another since
_TRIES_OF_ROUTER = 4
_AT_ROUTER = 2  # attempts of one call at once; at any server whose connection seems to hang


class Choice(Protocol):
    """What a call needs of its pool."""

    clock: Clock

    def choose(self, call: Call, *, rival: bool) -> Member | None: ...
    def hopeless(self, call: Call) -> bool: ...
    def began(self, call: Call, member: Member, rival: bool) -> None: ...
    def ended(self, call: Call, member: Member, rival: bool) -> None: ...


@dataclass(eq=False, slots=True)
class _Attempt:
    member: Member
    base: str  # what it goes on from
    tokens: int  # of that
    load: int
    begun_s: float
    last_s: float  # its last word, or its begin
    rival: bool  # of an attempt at a server that is well
    spoke: bool = False
    lost: bool = False
    task: asyncio.Task[Completion] = field(init=False)


class Call:
    """See above. `run` once."""

    def __init__(
        self,
        pool: Choice,
        messages: Sequence[Message],
        deadline: Deadline,
        on_text: Callable[[str], None] | None,
        how: How,
    ) -> None:
        self.failed: dict[Member, float] = {}  # by whom this call was not answered, and when
        self.deadline = deadline
        self.messages = messages
        self.how = how
        self._pool = pool
        self._on_text = on_text
        self._attempts: list[_Attempt] = []
        self._leader: _Attempt | None = None
        self._base = ""  # what the leader goes on from
        self._pieces: list[str] = []  # the leader's
        self._tokens = 0
        self._error = ""
        self._losses: Counter[Member] = Counter()
        self._woken = asyncio.Event()
        self._begun_s = pool.clock()

    @property
    def asked(self) -> set[Member]:
        """Who is at it, and may not be asked once more."""
        at_it = Counter(attempt.member for attempt in self._attempts)
        return {member for member, count in at_it.items() if count >= _most(member, _AT_ROUTER)}

    @property
    def left_behind(self) -> set[Member]:
        """Who is silent to this call and speaks to others since: its connection may hang for ever."""
        at_it = Counter(attempt.member for attempt in self._attempts)
        return {
            one.member
            for one in self._attempts
            if at_it[one.member] < _AT_ROUTER
            and one.member.last_word_s > one.last_s
            and self._silent_s(one) >= one.member.patience_s(one.load)
        }

    @property
    def is_asked(self) -> bool:
        """Whether anybody is at it."""
        return bool(self._attempts)

    @property
    def late(self) -> bool:
        """Whether half of its time is gone without a word."""
        silent = self._leader is None and not self._base
        return silent and self._pool.clock() - self._begun_s >= self.deadline.remaining_s()

    def wake(self) -> None:
        """Something has changed: look again."""
        self._woken.set()

    async def run(self) -> Completion:
        """As `Models.complete`."""
        try:
            while True:
                self._woken.clear()
                done = self._ended()
                if done is None and (not self._attempts or all(map(self._overdue, self._attempts))):
                    done = self._ask_another()
                if done is not None:
                    return replace(done, seconds=self._pool.clock() - self._begun_s)
                try:
                    async with asyncio.timeout(self._look_again_s()):
                        await self._woken.wait()
                except TimeoutError:
                    pass
        finally:
            for attempt in self._attempts:
                self._drop(attempt)

    def _ended(self) -> Completion | None:
        """The text, if an attempt has come to its end. Raises what `on_text` raised."""
        for attempt in [one for one in self._attempts if one.task.done()]:
            self._attempts.remove(attempt)
            done = attempt.task.result()
            if done.finish != "failed":
                return self._whole(attempt, done)
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
        """Begin one more attempt if there is somebody to ask, or the end if there is no hope."""
        if self.deadline.passed():
            return None if self._attempts else Completion(self._best(), "deadline", self._written())
        text = self._so_far()
        said = self._written() if text else 0
        left = self.how["max_tokens"] - said
        if left <= 0:
            return None if self._attempts else Completion(text, "length", said)
        self._forgive()
        rival = any(not one.member.health.open for one in self._attempts)
        member = self._pool.choose(self, rival=rival)
        if member is not None and member.health.open and not all(map(self._waited_out, self._attempts)):
            return None  # from one that is out to another: that is no reason to ask for everything twice
        if member is None:
            return self._given_up() if not self._attempts and self._pool.hopeless(self) else None
        now_s = self._pool.clock()
        attempt = _Attempt(member, text, said, member.calls + 1, now_s, now_s, rival)
        how: How = {**self.how, "max_tokens": left}
        attempt.task = asyncio.create_task(
            member.complete(
                _continued(self.messages, text),
                deadline=self.deadline,
                on_text=lambda piece: self._take(attempt, piece),
                **how,
            )
        )
        self._pool.began(self, member, rival)
        attempt.task.add_done_callback(lambda _: self._pool.ended(self, member, rival))
        attempt.task.add_done_callback(swallowed)
        attempt.task.add_done_callback(lambda _: self.wake())
        self._attempts.append(attempt)
        return None

    def _forgive(self) -> None:
        """One that failed this call may be asked again once it has spoken to another, a few times."""
        for member, failed_s in list(self.failed.items()):
            if member.last_word_s > failed_s and self._losses[member] < _TRIES:
                del self.failed[member]

    def _take(self, attempt: _Attempt, piece: str) -> None:
        """A word of an attempt's."""
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
        for other in [one for one in self._attempts if one is not attempt]:
            self._lose(other, now_s)
        if self._on_text is not None:
            self._on_text(piece)

    def _lose(self, attempt: _Attempt, now_s: float) -> None:
        """Another spoke first."""
        member, waited_s = attempt.member, now_s - attempt.begun_s
        if not attempt.spoke and not member.health.open:
            mute_s = now_s - member.last_word_s
            if mute_s < waited_s / 2:
                member.pace.began(waited_s, attempt.load)  # slow: at least that long
            elif mute_s >= waited_s and self._waited_out(attempt):
                member.mute(waited_s)  # to everybody; as a lesson in patience it would be a wrong one
        self._attempts.remove(attempt)
        self._drop(attempt)

    def _drop(self, attempt: _Attempt) -> None:
        attempt.lost = True
        attempt.task.cancel()

    def _overdue(self, attempt: _Attempt) -> bool:
        """Whether to ask somebody else too."""
        return self._silent_s(attempt) >= self._patience_s(attempt)

    def _waited_out(self, attempt: _Attempt) -> bool:
        """Whether it is silent for longer than its server usually is."""
        return self._silent_s(attempt) >= attempt.member.patience_s(attempt.load)

    def _silent_s(self, attempt: _Attempt) -> float:
        return self._pool.clock() - attempt.last_s

    def _patience_s(self, attempt: _Attempt) -> float:
        if attempt.member.health.open:
            return _OUT_S
        left_s = self.deadline.remaining_s() + self._silent_s(attempt)
        return min(attempt.member.patience_s(attempt.load), left_s / _SHARE)

    def _look_again_s(self) -> float:
        until_s = [self._patience_s(one) - self._silent_s(one) for one in self._attempts]
        soonest_s = min((one for one in until_s if one > 0), default=_LOOK_AGAIN_S)
        return max(0.01, min(soonest_s, self.deadline.remaining_s() + 0.01))

    def _so_far(self) -> str:
        """The text that the next one goes on from."""
        if self.how.get("regex") is not None:
            return ""
        raw = "".join(self._pieces)
        return self._base if inside(raw) else self._base + shown(raw)

    def _written(self) -> int:
        """Tokens of the text so far, about."""
        return self._tokens + len(self._pieces)

    def _best(self) -> str:
        """All there is; thinking, if there is nothing else."""
        return self._so_far() or shown("".join(self._pieces))

    def _whole(self, attempt: _Attempt, done: Completion) -> Completion:
        if attempt is not self._leader and not done.text:
            return replace(done, text=self._best(), tokens=self._written())
        return replace(done, text=attempt.base + done.text, tokens=attempt.tokens + done.tokens)

    def _given_up(self) -> Completion:
        error = self._error or "no model can be asked"
        return Completion(self._best(), "failed", self._written(), error=error)


def _most(member: Member, of_router: int) -> int:
    return of_router if member.spec.router else 1


def _continued(messages: Sequence[Message], text: str) -> Sequence[Message]:
    """The messages, with `text` as what the assistant has said so far."""
    if not text:
        return messages
    if messages[-1].role == "assistant":
        return [*messages[:-1], Message("assistant", messages[-1].content + text)]
    return [*messages, Message("assistant", text)]
