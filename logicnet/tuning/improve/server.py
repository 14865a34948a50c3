"""A model server that takes adapters while it runs: vLLM with --enable-lora. Every method blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from logicnet._util.text import one_line
from logicnet.errors import TuningError

_TIMEOUT = httpx2.Timeout(60.0, connect=5.0)
"""For a text or a load; a vLLM under load needed 0.43 s for a load on two cores, a text waits its turn."""


class ServerFailed(TuningError):
    """A model server does not answer, or cannot do it: no fault of the adapter."""


@dataclass(frozen=True, slots=True)
class WrittenText:
    """A text of a server; at each of its tokens the likeliest ones, with their log-probabilities."""

    text: str
    ended: bool
    tokens: tuple[int, ...]
    tops: tuple[Mapping[int, float], ...]

    def logprobs(self, expected: Sequence[int]) -> list[float]:
        """Of the expected tokens, up to and with the first at which this text says another.

        A token that is not among the likeliest gets the value of the last of them.
        """
        found = []
        for token, wanted, top in zip(self.tokens, expected, self.tops, strict=False):
            found.append(top.get(wanted, min(top.values())))
            if token != wanted:
                break
        return found


class LoraServer:
    """`base_url` with its /v1. Raises ServerFailed: one line that names the server."""

    def __init__(self, base_url: str, key: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.place = urlsplit(base_url).netloc
        self._root = self.base_url.removesuffix("/v1")
        self._headers = {"authorization": f"Bearer {key}"} if key else {}

    def models(self) -> Mapping[str, str | None]:
        """What it serves; the path that a name stands for, where it says so."""
        cards = self._sent("GET", "/v1/models", None).get("data") or ()
        return {card["id"]: card.get("root") for card in cards if isinstance(card, dict) and "id" in card}

    def load(self, name: str, folder: Path) -> None:
        """Nothing happens if it is there already: a name stands for one content."""
        if name in self.models():
            return
        self._sent("POST", "/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(folder)})

    def unload(self, name: str) -> None:
        """Nothing happens if it is not there."""
        if name in self.models():
            self._sent("POST", "/v1/unload_lora_adapter", {"lora_name": name})

    def written(self, name: str, prompt: Sequence[int], most: int) -> WrittenText:
        """The likeliest text behind a prompt, up to `most` tokens.

        Not `prompt_logprobs`: with an adapter they end the engine of vLLM 0.32 on a CPU.
        """
        asked = {"model": name, "prompt": [*prompt], "max_tokens": most, "temperature": 0.0}
        choice = self._choice({**asked, "logprobs": 5, "return_tokens_as_token_ids": True})
        try:
            told = choice["logprobs"]
            tokens = tuple(_token(one) for one in told["tokens"])
            tops = tuple({_token(one): float(at) for one, at in top.items()} for top in told["top_logprobs"])
        except (TypeError, KeyError, ValueError, AttributeError):
            raise ServerFailed(f"{self.place} tells no log-probabilities, as vLLM does") from None
        return WrittenText(str(choice.get("text", "")), choice.get("finish_reason") == "stop", tokens, tops)

    def tokens(self, name: str, prompt: Sequence[int], count: int) -> int:
        """Write `count` tokens, whatever they say; the number that came."""
        asked = {"model": name, "prompt": [*prompt], "max_tokens": count, "ignore_eos": True}
        usage = self._sent("POST", "/v1/completions", asked).get("usage") or {}
        return int(usage.get("completion_tokens", 0))

    def _choice(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        choices = self._sent("POST", "/v1/completions", asked).get("choices") or ()
        return choices[0] if choices and isinstance(choices[0], dict) else {}

    def _sent(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        try:
            with httpx2.Client(headers=self._headers, timeout=_TIMEOUT, trust_env=False) as http:
                reply = http.request(method, self._root + path, json=body)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ServerFailed(
                f"the model server at {self.place} does not answer ({type(error).__name__}): "
                "`logicnet doctor`"
            ) from None
        if reply.status_code == 404 and "lora_adapter" in path and _error(reply) in ("", "Not Found"):
            raise ServerFailed(
                f"the model server at {self.place} takes no adapters (404): restart it with "
                "`logicnet vllm --enable-lora`, on the loopback"
            )
        if reply.status_code >= 400:
            raise ServerFailed(
                f"the model server at {self.place} refused {path.rpartition('/')[2]} "
                f"({reply.status_code}): {_error(reply) or 'no reason given'}"
            )
        try:
            found = reply.json()
        except ValueError:
            return {}  # the loads reply in plain text
        return found if isinstance(found, dict) else {}


def _token(name: str) -> int:
    return int(name.removeprefix("token_id:"))


def _error(reply: httpx2.Response) -> str:
    """What vLLM says of an error; empty where it is FastAPI's own, of a path that is not there."""
    try:
        said = reply.json()
        said = said.get("error", said)
        return one_line(str(said["message"]), 200)
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""
