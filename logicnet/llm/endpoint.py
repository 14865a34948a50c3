"""Endpoint: one OpenAI-compatible server, vLLM first, as `Models`.

Extensions of vLLM (a regex for the text, an assistant's message to be continued) are used until a server
refuses them. The context length is what the server reports.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Unpack

from loguru import logger
from pydantic import SecretStr

from logicnet.deadline import Deadline
from logicnet.errors import ModelAway, ModelError, SettingsError
from logicnet.llm import _chat
from logicnet.llm._client import Client, ModelRefused
from logicnet.llm._types import Completion, How, Message
from logicnet.llm.fit import estimated_tokens, fitted
from logicnet.llm.thinking import ThinkingHabit, inside, split

_MOST_TRIES = 8
"""Requests for one call, each without a refused part: five optional fields, a name, some length."""

_ASIDE_S = 5.0
"""Time for a side request (list of models, token count), at most a quarter of the time left. An estimate
replaces a missing reply."""

_HELLO = (Message("user", "Hello"),)
_TEMPLATE_WEIGHT = 3.0  # texts: a template that forbids to think is believed at once
_TEMPLATE_END = 12  # tokens of a prompt in which a template opens the thinking, line ends included

PROBE_S = 30.0  # a judge, reference or bench that is silent for so long would fail every question
_SILENCE_S = 10.0  # without a token, before the operator is told
_SAY_AGAIN_S = 10.0  # a server that comes and goes is not logged for every challenge


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model as the server lists it. `context` in tokens, None if unknown."""

    model: str
    context: int | None


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of a health check. `str()` is a line for the log."""

    place: str  # host:port
    served: ServedModel | None
    seconds: float
    error: str = ""  # empty if the server generates

    def __str__(self) -> str:
        if self.error or self.served is None:
            return self.error
        context = f"{self.served.context} tokens of context" if self.served.context else "context unknown"
        return f"{self.served.model} at {self.place} answers in {self.seconds:.2f} s, {context}"


class Endpoint:
    """`Models` on one server. Connects at the first call; the owner calls `close`.

    `model`, default: the first that the server lists. `key` may be missing: local servers accept any.
    `told` gets the result of each call; without it, failures are logged. Raises SettingsError if `base_url`
    is not an address.
    """

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        key: SecretStr | None = None,
        *,
        told: Callable[[Completion, ModelError | None], None] | None = None,
    ) -> None:
        self._client = Client(base_url, key)
        self._told = told or self._say
        self.place = self._client.place  # host:port
        self._server = f"the model server at {self.place}"
        self._model = model
        self._served: ServedModel | None = None
        self._ask_anew = True  # for the list of models; the last one holds until then
        self._takes_any = False  # a model of another name, if it is the only one
        self._refused: set[str] = set()  # optional fields that this server does not accept
        self._accepted: set[str] = set()
        self._counts = True
        self._habit = ThinkingHabit()
        self._failing = False
        self._said_at_s = float("-inf")

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        """See `Models.complete`. One attempt: a failure comes back at once (`Retrying` asks again).

        `text` leaves out the thinking; `on_text` gets it between `<think>` marks.
        """
        started_s = deadline.clock()
        asked = _chat.CompletionRequest(_chat.encodable(messages), **how)
        written = _chat.StreamState(asked.on_text, _chat.CHARS_PER_TOKEN * asked.max_tokens)
        failure: ModelError | None = None
        try:
            async with asyncio.timeout(deadline.remaining_s()) as limit:
                await self._ask(asked, written, deadline)
        except ModelError as broken:
            written.finish, failure = "failed", broken
        except TimeoutError:
            if not limit.expired():  # raised by the solver's `on_text`
                raise
        finish = written.finish or "deadline"
        free = asked.regex is None and asked.schema is None
        if messages[-1].role == "user" and free:  # a continued text has no thinking of its own
            self._habit.observe(written.marked(), written.tokens, complete=finish == "stop")
        done = Completion(
            text=written.text(),
            finish=finish,
            tokens=written.tokens,
            seconds=deadline.clock() - started_s,
            error=str(failure or ""),
            confidence=written.confidence(),
            model=self._served.model if self._served is not None else "",
            prompt_tokens=written.prompt_tokens,
            thinks=self._habit.thinks,
            unbegun=isinstance(failure, ModelAway | ModelRefused) and not written.tokens,
        )
        self._told(done, failure)
        return done

    @property
    def served(self) -> ServedModel | None:
        """The model that answered last; None before the first call."""
        return self._served

    async def probe(self, timeout_s: float = 10.0) -> Probe:
        """Generate one token: `/health` answers even if the engine of a vLLM is stuck."""
        done = await self.complete(_HELLO, deadline=Deadline.after(timeout_s), max_tokens=1)
        if done.finish in ("stop", "length") and self._habit.thinks is None and self._served is not None:
            aside_s = min(_ASIDE_S, timeout_s)
            said = await self._tokenized(_HELLO, self._served.model, aside_s, return_token_strs=True)
            tokens = said.get("token_strs")
            end = "".join(map(str, tokens[-_TEMPLATE_END:])) if isinstance(tokens, list) else ""
            if inside(end):
                self._habit.count(True)  # the chat template opens a block of thinking by itself
            elif split(end)[1] is not None:
                self._habit.count(False, _TEMPLATE_WEIGHT)  # and here it closes the block: told not to think
        late = f"{self._server} generated nothing within {timeout_s:g} s"
        error = late if done.finish == "deadline" else done.error
        return Probe(self.place, self._served, done.seconds, error)

    async def ready(self) -> None:
        """Import the client now. Otherwise the first call does it, within its own time."""
        await self._client.ready()

    async def close(self) -> None:
        await self._client.close()

    async def _ask(
        self, asked: _chat.CompletionRequest, written: _chat.StreamState, deadline: Deadline
    ) -> None:
        """Ask until the server accepts the request, each time without the parts that it refused."""
        without: set[str] = set()
        context: int | None = None  # as learnt from a refusal
        doubt = 1.0
        for tries_left in reversed(range(_MOST_TRIES)):
            served = await self._known(deadline)
            limit = context or served.context
            fit = asked if limit is None else await self._fitted(asked, served.model, limit, doubt, deadline)
            body = fit.body(served.model, self._refused | without)
            try:
                await self._stream(body, written)
            except ModelAway:
                self._ask_anew = True  # the server may return with another model
                raise
            except ModelRefused as refusal:
                if not tries_left:
                    raise
                if refusal.status == 404 and not (self._model and self._takes_any):
                    self._ask_anew = self._takes_any = True
                elif refusal.status in (400, 413, 422, 500) and _chat.is_about_length(refusal.said):
                    self._ask_anew = True
                    doubt *= 1.5
                    size = limit or estimated_tokens(fit.messages) + fit.max_tokens
                    context = _chat.context_in(refusal.said) or size // 2
                elif refusal.status in (400, 422) and (words := _chat.dispensable(body, refusal.said)):
                    without |= words
                else:
                    raise
            else:
                self._accepted |= _chat.OPTIONAL & body.keys()
                self._refused |= without - self._accepted  # but not because of one solver's broken regex
                return

    async def _stream(self, body: dict[str, Any], written: _chat.StreamState) -> None:
        async with aclosing(self._client.stream(body)) as events:
            async for event in events:
                written.take(event)
                if written.left <= 0:
                    written.finish = written.finish or "length"
                    break
        if not written.begun:
            raise ModelError(f"{self._server} sent an empty reply")
        if written.finish is None:
            raise ModelError(f"{self._server} ended its reply in the middle")
        if written.finish == "failed":
            if written.error and not written.tokens:  # a refusal, though its status is 200
                error, written.error, written.finish = written.error, None, None
                code = _chat.as_dict(error).get("code")
                raise self._client.refused(code if isinstance(code, int) else 500, {"error": error})
            raise ModelError(f"{self._server} gave up generating")

    async def _known(self, deadline: Deadline) -> ServedModel:
        """Model and context: asked once, and again after the server was away or refused them."""
        problem = "does not say what it serves; set --miner.llm_client.model"
        refused: ModelRefused | None = None
        if self._ask_anew:
            await self._client.ready()  # may take seconds; they are not the server's
            try:
                async with asyncio.timeout(_aside_s(deadline)):
                    contexts = _chat.contexts(await self._client.json("/models"))
            except ModelRefused as refusal:
                contexts, refused = {}, refusal
            except TimeoutError:
                contexts, problem = {}, "does not answer"
            name = self._model or next(iter(contexts), None)
            if self._takes_any and len(contexts) == 1 and name not in contexts:
                name = next(iter(contexts))
                logger.warning(
                    "{} does not know {!r}, and serves only {!r}: that is asked. Correct "
                    "--miner.llm_client.model.",
                    f"T{self._server[1:]}",
                    self._model,
                    name,
                )
            if name is not None:
                if self._served is not None and self._served.model != name:
                    self._habit = ThinkingHabit()
                self._served = ServedModel(name, contexts.get(name))
                self._ask_anew, self._counts = False, True
        if self._served is None:
            if refused is not None and refused.status in (401, 403):
                raise refused
            raise ModelError(f"{self._server} {problem}")
        return self._served

    async def _fitted(
        self, asked: _chat.CompletionRequest, model: str, context: int, doubt: float, deadline: Deadline
    ) -> _chat.CompletionRequest:
        async def count(messages: Sequence[Message]) -> int | None:
            found = (await self._tokenized(messages, model, _aside_s(deadline))).get("count")
            return found if isinstance(found, int) else None

        messages, room = await fitted(asked.messages, asked.max_tokens, context, count, doubt=doubt)
        return replace(asked, messages=messages, max_tokens=room)

    async def _tokenized(
        self, messages: Sequence[Message], model: str, within_s: float, **more: Any
    ) -> dict[str, Any]:
        """What vLLM's /tokenize says of a prompt; empty where that is missing."""
        if not self._counts:
            return {}
        body = {"model": model, **_chat.prompt(messages, self._refused), **more}
        try:
            async with asyncio.timeout(within_s):
                return _chat.as_dict(await self._client.json("/tokenize", body))
        except ModelRefused as refusal:
            self._counts = refusal.status not in (404, 405, 501)
        except (ModelError, TimeoutError):
            pass
        return {}

    def _say(self, done: Completion, _: ModelError | None) -> None:
        """Log when the server starts to fail and when it answers again, not each failure."""
        silent = done.finish == "deadline" and not done.text
        if silent and done.seconds < _SILENCE_S:
            return
        problem = done.error or (f"{self._server} wrote nothing for {done.seconds:.0f} s" if silent else "")
        now_s = time.monotonic()
        if self._failing == bool(problem) or now_s - self._said_at_s < _SAY_AGAIN_S:
            return
        self._failing, self._said_at_s = bool(problem), now_s
        if problem:
            logger.warning(
                "The models fail: {}. Until they answer, replies hold what was written so far. Check the "
                "server: `logicnet doctor`.",
                problem,
            )
        else:
            logger.info("T{} answers again.", self._server[1:])


def _aside_s(deadline: Deadline) -> float:
    return min(_ASIDE_S, deadline.remaining_s() / 4)


@contextmanager
def unheard() -> Iterator[None]:
    """Silence the endpoint's warnings: only the operator of a miner needs them. Do not nest."""
    logger.disable("logicnet.llm")
    try:
        yield
    finally:
        logger.enable("logicnet.llm")


@asynccontextmanager
async def reach(
    role: str, url: str, model: str | None = None, key: SecretStr | None = None, *, flag: str
) -> AsyncIterator[Endpoint]:
    """An endpoint that has just answered, for a `with`. `flag`: the flag that gave `url`.

    Raises SettingsError if `url` is not an address, and ModelError if the model there does not answer.
    """
    try:
        endpoint = Endpoint(url, model, key)
    except SettingsError as error:
        raise SettingsError(str(error).replace("--miner.llm_client.base_url", flag, 1)) from None
    try:
        probe = await endpoint.probe(PROBE_S)
        if probe.error:
            raise ModelError(f"the {role} does not answer: {probe.error}")
        yield endpoint
    finally:
        await endpoint.close()
