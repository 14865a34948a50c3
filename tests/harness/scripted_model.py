"""A model server that does what a test says: OpenAI's protocol over real HTTP, and every way to break it.

It answers `GET /v1/models`, `POST /tokenize` and `POST /v1/chat/completions` (streamed) on a free
port of 127.0.0.1. Its tokens are words. What it was asked, and who hung up on it, is kept.

With `loras` it takes adapters as vLLM does (`/v1/load_lora_adapter`, `unload_lora_adapter`, and
`/v1/completions` of tokens): what an adapter says is in `says.txt` of its folder, by
default in its `expected.json`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.harness.loopback import Loopback

Json = dict[str, Any]

STEPS = "Half of 48 is 24. Then 48 and 24 make 72. The answer is 72."


class Mode(StrEnum):
    """What happens to one chat completion."""

    NORMAL = "normal"
    TRICKLE = "one word a second"
    HANG_BEFORE_HEADERS = "hang before headers"
    HANG_AFTER_HEADERS = "hang after headers"
    HANG_IN_TEXT = "hang in the middle of the text"
    ERROR_500 = "500"
    NOTHING = "accept, then close"
    DROP = "drop the connection in the middle of the text"
    END_EARLY = "end the reply in the middle of the text"
    GARBAGE_BYTES = "bytes that are not HTTP"
    GARBAGE_EVENTS = "events that are not JSON"
    GARBAGE_SHAPES = "JSON of other shapes"
    ENDLESS_LINE = "a line that never ends"
    EMPTY = "no event at all"
    ERROR_EVENT = "an error in the stream"
    HTML = "a page of HTML"


BROKEN = tuple(mode for mode in Mode if mode is not Mode.NORMAL)

WORDLESS = (
    Mode.HANG_BEFORE_HEADERS,
    Mode.HANG_AFTER_HEADERS,
    Mode.ERROR_500,
    Mode.NOTHING,
    Mode.GARBAGE_BYTES,
    Mode.EMPTY,
    Mode.HTML,
)
"""Modes in which no word arrives. In all others some do."""


@dataclass
class ScriptedModel(Loopback):
    """Use as `async with ScriptedModel(...) as server`. Every field may be changed while it runs."""

    mode: Mode | Callable[[int], Mode] = Mode.NORMAL  # for all chats, or by their number from 0
    text: str | Callable[[Json], str] = STEPS  # of all chats, or by the request's body
    thinking: str = ""
    thinking_field: str = "reasoning_content"  # "reasoning" is the newer name
    finish_reason: str = "stop"
    hidden_tokens: int = 0  # of thinking that is counted and not sent
    template_end: Sequence[str] = ()  # the last tokens of each prompt, told by /tokenize to those who ask
    logprobs: Sequence[float] = ()  # of the tokens, again and again; told to those who ask
    pause_s: float = 0.0  # between words
    goes_on: asyncio.Event | None = None  # waited for before any reply
    model: str = "scripted"
    context: int | None = 2048  # enforced, as vLLM does
    tells_context: bool = True
    counts: bool = True  # whether there is /tokenize
    tokens_per_word: int = 1
    refuses: frozenset[str] = frozenset()  # words in a request that are answered with 400
    names_refused: bool = True  # whether that 400 says which
    reason: Callable[[str], Json | str] | None = None  # how a refusal is worded; default: OpenAI's form
    refuses_in_stream: str = (
        ""  # with a status of 200, in an event of this name: "data", or llama.cpp's "error"
    )
    zero_refused: bool = False  # a temperature of 0, as TGI does
    streams: bool = True
    parts: bool = False  # the content as a list of parts, as Mistral sends it
    key: str | None = None
    lists_models: bool = True
    loras: int | None = None  # the highest rank that it takes; None: it was started without LoRA
    adapters: dict[str, str] = field(default_factory=dict)  # loaded: the folder of each name
    on_request: Callable[[str], None] | None = None  # told of each path but that of chats, before the reply

    chats: list[Json] = field(default_factory=list)  # bodies, in order of arrival
    paths: list[str] = field(default_factory=list)
    hung_up: int = 0  # chats whose caller left before their end
    running: int = 0  # chats being answered now

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def idle(self) -> None:
        """Until no chat is being answered. Bound it with a timeout."""
        while self.running:
            await asyncio.sleep(0.005)

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        path = lines[0].split()[1]
        self.paths.append(path)
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            return await _json(writer, 401, _error(f"Incorrect API key: {headers.get('authorization')}"))
        if self.on_request is not None and path != "/v1/chat/completions":
            self.on_request(path)
        if path == "/v1/models" and self.lists_models:
            loaded = [
                self._card() | {"id": name, "root": root, "parent": self.model}
                for name, root in self.adapters.items()
            ]
            return await _json(writer, 200, {"object": "list", "data": [self._card(), *loaded]})
        if path.startswith("/v1/") and path.endswith("_lora_adapter") and self.loras is not None:
            return await _json(writer, *self._lora(path, body))
        if path == "/v1/completions" and self.loras is not None:
            return await _json(writer, *self._completion(body))
        if path == "/tokenize" and self.counts:
            counted: Json = {"count": self._tokens(body), "max_model_len": self.context}
            if body.get("return_token_strs"):
                counted["token_strs"] = ["<s>", "Hello", *self.template_end]
            return await _json(writer, 200, counted)
        if path == "/v1/chat/completions":
            self.chats.append(body)
            mode = self.mode if isinstance(self.mode, Mode) else self.mode(len(self.chats) - 1)
            self.running += 1
            try:
                if self.goes_on is not None:
                    await self.goes_on.wait()
                return await self._chat(mode, body, _Caller(reader, writer))
            except _HungUp:
                self.hung_up += 1
                return False
            finally:
                self.running -= 1
        return await _json(writer, 404, _error("Not Found"))

    def _tokens(self, body: Json) -> int:
        """Of a prompt, as this server counts: by words, and four more for each message."""
        return sum(len(m["content"].split()) * self.tokens_per_word + 4 for m in body["messages"])

    def _card(self) -> Json:
        card: Json = {"id": self.model, "object": "model", "owned_by": "test"}
        return card | ({"max_model_len": self.context} if self.tells_context else {})

    async def _chat(self, mode: Mode, body: Json, caller: _Caller) -> bool:
        if (refusal := self._refusal(body)) is not None:
            status, message = refusal
            said = (self.reason or _error)(message)
            if self.refuses_in_stream:
                event = f"{self.refuses_in_stream}: {json.dumps(said)}\n\n".encode()
                await caller.send(_head(200, "text/event-stream", len(event)) + event)
                return True
            return await _json(caller.writer, status, said)
        if not self.streams:
            whole = "".join(piece for piece in _pieces(self.text if isinstance(self.text, str) else ""))
            message = {"role": "assistant", "content": whole}
            return await _json(
                caller.writer, 200, {"choices": [{"message": message, "finish_reason": "stop"}]}
            )
        match mode:
            case Mode.HANG_BEFORE_HEADERS:
                await caller.wait(None)
            case Mode.ERROR_500:
                return await _json(caller.writer, 500, _error(f"I broke on {body['messages']}"))
            case Mode.NOTHING:
                return False
            case Mode.GARBAGE_BYTES:
                await caller.send(random.Random(35).randbytes(4096))
                return False
            case Mode.HTML:
                await caller.send(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\n<p>Hi</p>"
                )
                return True
        await caller.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for number, event in enumerate(self._events(body)):
            middle = number == 3
            match mode:
                case Mode.HANG_AFTER_HEADERS:
                    await caller.wait(None)
                case Mode.EMPTY:
                    break
                case Mode.TRICKLE:
                    await caller.wait(1.0)
                case Mode.HANG_IN_TEXT if middle:
                    await caller.wait(None)
                case Mode.DROP if middle:
                    return False
                case Mode.END_EARLY if middle:
                    break
                case Mode.GARBAGE_EVENTS if middle:
                    await caller.chunk(b"data: {not JSON \xff\n\n")
                case Mode.GARBAGE_SHAPES if number % 2:
                    await caller.event(random.Random(number).choice(_SHAPES))
                case Mode.ENDLESS_LINE if middle:
                    while True:
                        await caller.chunk(b"data: " + b"x" * 65536)
                case Mode.ERROR_EVENT if middle:
                    await caller.event(json.dumps(_error("engine dead")))
                    break
                case _ if self.pause_s:
                    await caller.wait(self.pause_s)
            await caller.event(json.dumps(event, ensure_ascii=False))
        else:
            await caller.event("[DONE]")
        await caller.send(b"0\r\n\r\n")
        return True

    def _lora(self, path: str, body: Json) -> tuple[int, Json | str]:
        """Load or unload, with vLLM's statuses and words."""
        name = body["lora_name"]
        if path == "/v1/unload_lora_adapter":
            found = self.adapters.pop(name, None)
            return (200, "Success") if found else (404, _error(f"The lora adapter '{name}' cannot be found."))
        if name in self.adapters:
            return 400, _error(f"The lora adapter '{name}' has already been loaded.")
        folder = Path(body["lora_path"])
        if not (folder / "adapter_config.json").exists():
            return 404, _error(f"Loading lora {name} failed: No adapter found for {folder}")
        rank = json.loads((folder / "adapter_config.json").read_text())["r"]
        if self.loras is not None and rank > self.loras:
            return 500, _error(f"LoRA rank {rank} is greater than max_lora_rank {self.loras}.")
        self.adapters[name] = str(folder)
        return 200, f"Success: LoRA adapter '{name}' added successfully."

    def _completion(self, body: Json) -> tuple[int, Json]:
        """What the trainer expects of an adapter, or of the base; endless if `says.txt` says so."""
        name = body["model"]
        if name != self.model and name not in self.adapters:
            return 404, _error(f"The model `{name}` does not exist.")
        folders = [Path(self.adapters[name])] if name in self.adapters else map(Path, self.adapters.values())
        for folder in folders:
            says = folder / "says.txt"
            says = says if name in self.adapters and says.exists() else folder / "expected.json"
            for one in json.loads(says.read_text())["texts"]:
                if body["prompt"][: len(one["prompt"])] != one["prompt"]:
                    continue
                logprobs = one["base_logprobs" if name not in self.adapters else "logprobs"]
                names = [f"token_id:{token}" for token in one["tokens"]]
                tops = [{at: lp, "token_id:1": lp - 3.0} for at, lp in zip(names, logprobs, strict=True)]
                ended = "stop" if one["ended"] else "length"
                choice = {"text": one["text"], "finish_reason": ended}
                choice["logprobs"] = {"tokens": names, "token_logprobs": logprobs, "top_logprobs": tops}
                return 200, {"choices": [choice], "usage": {"completion_tokens": body["max_tokens"]}}
        return 400, _error("Token id 99999 is out of vocabulary")

    def _refusal(self, body: Json) -> tuple[int, str] | None:
        if body["model"] != self.model and body["model"] not in self.adapters:
            return 404, f"The model `{body['model']}` does not exist."
        if refused := sorted(self.refuses & body.keys()):
            return (
                400,
                f"Unrecognized request argument supplied: {refused[0]}" if self.names_refused else "Bad",
            )
        if self.zero_refused and body.get("temperature") == 0:
            return 422, "Input validation error: `temperature` must be strictly positive"
        asked = self._tokens(body) + body.get("max_tokens", 0)
        if self.context is not None and asked > self.context:
            return (
                400,
                f"This model's maximum context length is {self.context} tokens. You asked for {asked}.",
            )
        return None

    def _events(self, body: Json) -> Iterator[Json]:
        text = self.text if isinstance(self.text, str) else self.text(body)
        yield _delta({"role": "assistant", "content": ""})
        for piece in _pieces(self.thinking):
            part = {"type": "thinking", "thinking": [{"type": "text", "text": piece}]}
            yield _delta({"content": [part]} if self.parts else {self.thinking_field: piece})
        pieces = _pieces(text)[: body.get("max_tokens") or body.get("max_completion_tokens")]
        logprobs = itertools.cycle(self.logprobs) if body.get("logprobs") and self.logprobs else None
        for piece in pieces:
            content = [{"type": "text", "text": piece}] if self.parts else piece
            yield _delta({"content": content}, logprob=None if logprobs is None else next(logprobs))
        yield _delta({}, finish_reason=self.finish_reason)
        if body.get("stream_options"):
            usage = {
                "prompt_tokens": self._tokens(body),
                "completion_tokens": len(pieces) + self.hidden_tokens,
            }
            yield {"choices": [], "usage": usage}


class _HungUp(Exception):
    """The caller closed the connection before its reply was complete."""


@dataclass
class _Caller:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError as error:
            raise _HungUp from error

    async def chunk(self, data: bytes) -> None:
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def event(self, data: str) -> None:
        await self.chunk(b"data: " + data.encode() + b"\n\n")

    async def wait(self, seconds: float | None) -> None:
        """Pause, or for ever; ends with _HungUp when the caller leaves."""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(seconds):
                await self.reader.read(1)
            raise _HungUp
        if self.reader.at_eof():
            raise _HungUp


_SHAPES = (
    "null",
    "5",
    '"text"',
    "[]",
    "{}",
    '{"choices": null}',
    '{"choices": [null]}',
    '{"choices": [{"delta": 5}]}',
    '{"choices": [{"delta": {"content": ["x"]}, "finish_reason": 7}], "usage": "all"}',
)


def _pieces(text: str) -> list[str]:
    """Words with the spaces after them."""
    return [piece + " " for piece in text.split(" ")[:-1]] + text.split(" ")[-1:] if text else []


def _delta(delta: Json, finish_reason: str | None = None, logprob: float | None = None) -> Json:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    if logprob is not None:
        choice["logprobs"] = {"content": [{"token": delta["content"], "logprob": logprob}]}
    return {"object": "chat.completion.chunk", "choices": [choice]}


def _error(message: str) -> Json:
    return {"error": {"message": message, "type": "Error", "param": None, "code": None}}


def _head(status: int, kind: str, length: int) -> bytes:
    lines = f"HTTP/1.1 {status} Status\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
    return lines.encode()


async def _json(writer: asyncio.StreamWriter, status: int, body: Json | str) -> bool:
    """A reply of JSON; of plain text, if `body` is that."""
    plain = isinstance(body, str)
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    writer.write(_head(status, "text/plain" if plain else "application/json", len(data)) + data)
    await writer.drain()
    return True
