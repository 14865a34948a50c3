"""Axon: the ASGI application that takes signed challenges and sends answers or refusals.

`Axon.__call__` turns every error into a reply. Checks run in one order: cheap ones first, cryptography
second, those that change state last.
"""

import asyncio
import itertools
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from loguru import logger

from logicnet._util.tasks import retrieved
from logicnet.axon import btauth, classic, wire
from logicnet.axon.admission import Admission
from logicnet.axon.concurrency import ConcurrencyLimiter
from logicnet.axon.http import (
    CLOSE,
    MOST_BYTES,
    Body,
    CallerGone,
    HttpReply,
    Receive,
    Scope,
    Send,
    refusal_reply,
    too_large,
)
from logicnet.axon.nonces import NonceStore, is_timestamp, outlives_restart
from logicnet.axon.wire import Claim, WireFormat
from logicnet.chain import Neuron
from logicnet.deadline import TIMEOUT_CAP_S, Clock, Deadline, ReplyMargin
from logicnet.errors import Reason, Refusal
from logicnet.events import Admitted, Announced, Answered, HungUp, Refused, Sink
from logicnet.protocol import Challenge, Hotkey
from logicnet.scoring.wires import LOGICNET, SubnetWire
from logicnet.solver.answering import Solution, timely, unsolved

Solve = Callable[[Challenge, Deadline], Awaitable[Solution]]
"""Answers a challenge before its deadline, even when models fail."""

PROVEN = "logicnet.proven"
"""In a request's `state`: to be called with the hotkey of a caller that is verified and permitted. The server
keeps such connections."""

_EAGER_TURNS = 3
"""Turns of the event loop in which a solver without I/O finishes, before a disconnect is watched for."""

_OVERTIME_S = 0.1
"""Out of the margin: how long `solve` may run past its deadline."""


class _Request:
    """One request, and what is verified about it so far."""

    __slots__ = ("at_s", "body", "claim", "neuron", "on_sent", "scope", "started_s", "wire")

    wire: WireFormat
    claim: Claim

    def __init__(self, scope: Scope, receive: Receive, started_s: float, at_s: float) -> None:
        self.scope = scope
        self.body = Body(receive)
        self.started_s = started_s  # monotonic
        self.at_s = at_s  # unix
        self.neuron: Neuron | None = None  # set once its signature is verified
        self.on_sent: Callable[[], None] | None = None


_Answer = Callable[[_Request, Neuron], Awaitable[HttpReply]]


class Axon:
    """See the module. One instance serves all callers, on one event loop.

    `sink` gets all events; `restored` are the nonces from before a restart; `flush` makes what `sink` got
    survive a kill, and is false if it cannot (it runs in a thread). Raises LogicnetError if the installed
    bittensor does not verify signatures.
    """

    def __init__(
        self,
        *,
        hotkey: Hotkey,
        admission: Admission,
        limiter: ConcurrencyLimiter,
        solve: Solve,
        sink: Sink,
        solver: str,
        epoch_volume: int,
        category: str,
        margin: ReplyMargin | None = None,
        allow_unbound: bool = False,
        allow_counters: bool = False,
        subnet: SubnetWire = LOGICNET,
        flush: Callable[[], bool] | None = None,
        restored: Mapping[str, int] | None = None,
        clock: Clock = time.monotonic,
        clock_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._admission = admission
        self._limiter = limiter
        self._solve = solve
        self._sink = sink
        self._solver = solver
        self._epoch_volume = epoch_volume
        self._category = category
        self._margin = margin or ReplyMargin()
        self._clock = clock
        self._clock_ns = clock_ns
        nonces = partial(
            NonceStore, sink=sink, restored=restored, clock_ns=clock_ns, monotonic_ns=monotonic_ns
        )
        self._flush = flush
        self._classic = classic.ClassicWire(
            hotkey, nonces("classic"), allow_counters=allow_counters, subnet=subnet
        )
        self._btauth = btauth.BtauthWire(
            hotkey, nonces("btauth"), allow_unbound=allow_unbound, subnet=subnet, clock_ns=clock_ns
        )
        self._challenge = subnet.challenge.__name__
        self._routes: dict[str, _Answer] = {f"/{self._challenge}": self._logic}
        if subnet.information is not None:
            self._inform = subnet.information.__name__
            self._routes[f"/{self._inform}"] = self._information
        self._stopping: set[asyncio.Task[Solution]] = set()
        self._challenge_ids = map(f"{clock_ns():x}-{{}}".format, itertools.count(1))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _decline(scope, receive, send)
            return
        request = _Request(scope, receive, self._clock(), self._clock_ns() / 1e9)
        try:
            reply = await self._reply(request)
        except CallerGone:
            return
        except Exception as error:
            logger.error("A bug made the axon refuse a request: {}", _where(error))
            reply = await self._refuse_broken(request)
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.body})
        if request.on_sent is not None:
            request.on_sent()

    def turn_away(self, refusal: Refusal, neuron: Neuron | None = None, *, close: bool = True) -> HttpReply:
        """Record a refusal and return its reply. `neuron` only if its signature was verified."""
        now_s = self._clock_ns() / 1e9
        validator = epoch = None
        if neuron is not None:
            validator, epoch = neuron.hotkey, self._admission.refuse(neuron, now_s)
        self._sink(Refused(now_s, refusal.reason, refusal.message, validator, epoch))
        return refusal_reply(refusal, *([CLOSE] if close else []))

    async def _reply(self, request: _Request) -> HttpReply:
        try:
            answer = self._route(request.scope)
            neuron = request.neuron = await self._verified(request)
            return await answer(request, neuron)
        except Refusal as refusal:
            complete = await self._finish(request)
            # Unverified callers do not keep a connection.
            return self.turn_away(refusal, request.neuron, close=request.neuron is None or not complete)

    async def _refuse_broken(self, request: _Request) -> HttpReply:
        """Refuse without calling what may have caused the bug."""
        refusal = Refusal(Reason.BROKEN, "Internal error of this miner.")
        await self._finish(request)
        with suppress(Exception):
            validator = request.neuron.hotkey if request.neuron is not None else None
            self._sink(Refused(request.at_s, refusal.reason, refusal.message, validator))
        return refusal_reply(refusal, CLOSE)

    async def _finish(self, request: _Request) -> bool:
        """Let the caller finish sending, so that it reads the reply; True if the body is complete."""
        # A caller that expects 100-continue has not sent the body.
        return b"expect" not in dict(request.scope["headers"]) and await request.body.drain()

    def _route(self, scope: Scope) -> _Answer:
        answer = self._routes.get(scope["path"])
        if answer is None:
            known = ", ".join(path[1:] for path in self._routes)
            raise Refusal(Reason.UNKNOWN_SYNAPSE, f"Synapse not found. Available synapses: {known}.")
        if scope["method"] != "POST":
            raise Refusal(Reason.BAD_METHOD, "Synapses are sent with POST.")
        return answer

    async def _verified(self, request: _Request) -> Neuron:
        """The neuron whose hotkey signed the request."""
        headers = wire.collect(request.scope["headers"])
        if b"content-length" in headers and wire.number(headers, b"content-length") > MOST_BYTES:
            raise too_large()
        format_ = request.wire = self._wire(headers)
        claim = request.claim = format_.claim(headers)
        neuron = self._admission.known(claim.hotkey)
        format_.check(claim)
        body = await request.body.read() if format_.signs_body else b""
        format_.verify(claim, _target(request.scope), body)
        if outlives_restart(claim.nonce, self._clock_ns()):
            await self._recorded()
        return neuron

    async def _recorded(self) -> None:
        """Wait until the nonce that was used is on disk."""
        if self._flush is not None and not await asyncio.to_thread(self._flush):
            raise wire.not_verified("This nonce cannot be recorded now; ask again later.")

    def _wire(self, headers: wire.Headers) -> WireFormat:
        if btauth.SIGNATURE in headers:
            return self._btauth
        if classic.SIGNATURE in headers:
            return self._classic
        raise wire.not_verified(
            "The request is not signed: it has neither X-Bittensor-Signature (bittensor 11) nor "
            "bt_header_dendrite_signature (bittensor 7.2 to 10)."
        )

    async def _information(self, request: _Request, neuron: Neuron) -> HttpReply:
        """Sent to every registered caller. For a permitted one this opens its epoch."""
        synapse = request.wire.information(request.claim, await request.body.read())
        epoch = self._admission.inform(neuron, request.at_s)
        if epoch is not None:
            _prove(request, neuron.hotkey)
            self._sink(Announced(request.at_s, epoch))
        fields = synapse.reply_fields(epoch_volume=self._epoch_volume, category=self._category)
        return request.wire.success(request.claim, self._inform, fields, self._clock() - request.started_s)

    async def _logic(self, request: _Request, neuron: Neuron) -> HttpReply:
        """Admit a challenge; after `take` it always gets an answer."""
        self._admission.permit(neuron)
        _prove(request, neuron.hotkey)
        synapse, timeout_s = request.wire.challenge(request.claim, await request.body.read())
        self._limiter.check(neuron.stake)
        epoch = self._admission.take(neuron, request.at_s, room=self._limiter.has_room)

        deadline = self._deadline(request, timeout_s)
        challenge = Challenge(
            *synapse.asked(),
            stake=neuron.stake,
            caller=neuron.hotkey,
        )
        challenge_id = next(self._challenge_ids)
        self._sink(
            Admitted(
                at_s=request.at_s,
                challenge_id=challenge_id,
                validator=neuron.hotkey,
                wire=request.wire.name,
                task_uid=challenge.task_uid,
                category=challenge.category,
                question=challenge.question,
                allowed_s=deadline.total_s(),
                epoch=epoch,
                stake=neuron.stake,
            )
        )
        solution = await self._solved(request, challenge, deadline, neuron.stake)
        if solution is None:
            self._sink(HungUp(self._clock_ns() / 1e9, challenge_id, neuron.hotkey, deadline.elapsed_s()))
            raise CallerGone
        request.on_sent = partial(self._answered, challenge_id, neuron.hotkey, solution, deadline)
        fields = synapse.reply_fields(solution.answer)
        return request.wire.success(request.claim, self._challenge, fields, deadline.elapsed_s())

    def _deadline(self, request: _Request, timeout_s: float) -> Deadline:
        nonce = request.claim.nonce
        age_s = request.at_s - nonce / 1e9 if is_timestamp(nonce) else 0.0
        allowed_s = wire.usable_s(timeout_s, age_s) - self._margin.seconds(min(timeout_s, TIMEOUT_CAP_S))
        return Deadline(request.started_s, request.started_s + allowed_s, self._clock)

    def _answered(self, challenge_id: str, validator: Hotkey, solution: Solution, deadline: Deadline) -> None:
        solution, seconds = timely(solution, deadline), deadline.elapsed_s()
        self._margin.observe(seconds - deadline.total_s())
        self._sink(
            Answered(
                at_s=self._clock_ns() / 1e9,
                challenge_id=challenge_id,
                validator=validator,
                solver=self._solver,
                outcome=solution.outcome,
                seconds=seconds,
                reasoning=solution.answer.reasoning,
                answer=solution.answer.answer,
                error=solution.error,
                vote_log=solution.answer.vote_log,
            )
        )

    async def _solved(
        self, request: _Request, challenge: Challenge, deadline: Deadline, stake: float
    ) -> Solution | None:
        """The solution, or None if the caller hung up first. A slow `solve` cannot delay it."""
        solving = asyncio.create_task(self._in_slot(challenge, deadline, stake))
        hanging_up: asyncio.Task[None] | None = None
        try:
            for _ in range(_EAGER_TURNS):
                await asyncio.sleep(0)
                if solving.done():
                    return _result(solving)
            hanging_up = asyncio.create_task(request.body.hung_up())
            await asyncio.wait(
                (solving, hanging_up),
                timeout=deadline.remaining_s() + _OVERTIME_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if hanging_up.done():
                return None
            if solving.done():
                return _result(solving)
            return unsolved("late", "the solver did not stop at its deadline")
        finally:
            if hanging_up is not None:
                hanging_up.cancel()
            if not solving.done():
                solving.cancel()
                self._stopping.add(solving)  # the loop itself keeps no strong reference
                solving.add_done_callback(self._stopping.discard)
                solving.add_done_callback(retrieved)

    async def _in_slot(self, challenge: Challenge, deadline: Deadline, stake: float) -> Solution:
        if not await self._limiter.acquire(stake, deadline):
            return unsolved("waited", "no slot became free in time")
        try:
            return await self._solve(challenge, deadline)
        finally:
            self._limiter.release()


def _result(solving: asyncio.Task[Solution]) -> Solution:
    if solving.cancelled():
        return unsolved("failed", "the solver was cancelled")
    error = solving.exception()
    if error is None:
        return solving.result()
    logger.error("The solver failed; the challenge gets an empty answer: {}", _where(error))
    return unsolved("failed", type(error).__name__)


def _prove(request: _Request, hotkey: Hotkey) -> None:
    """Tell the server that the caller is permitted. To be registered is not enough: every rival is."""
    prove = request.scope.get("state", {}).get(PROVEN)
    if prove is not None:
        prove(hotkey)


def _target(scope: Scope) -> str:
    """The request target as sent, which btauth signs."""
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return (raw_path + b"?" + query if query else raw_path).decode("ascii", "replace")


def _where(error: BaseException) -> str:
    """An error's type and stack, without its message, which may quote the caller."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(
        [type(error).__name__, *(f"{f.name} ({Path(f.filename).name}:{f.lineno})" for f in reversed(frames))]
    )


async def _decline(scope: Scope, receive: Receive, send: Send) -> None:
    """Acknowledge a server's lifespan; close a WebSocket."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
    while scope["type"] == "lifespan":
        stage = (await receive())["type"]
        await send({"type": f"{stage}.complete"})
        if stage == "lifespan.shutdown":
            return
