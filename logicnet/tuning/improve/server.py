"""A model server that takes adapters while it runs: vLLM with --enable-lora. Every method blocks."""

from collections.abc import Mapping, Sequence
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

    def logprobs(self, name: str, prompt: Sequence[int], text: Sequence[int]) -> list[float]:
        """Of each token of `text` behind `prompt`, both as tokens."""
        asked = {"model": name, "prompt": [*prompt, *text], "max_tokens": 1, "prompt_logprobs": 0}
        found = self._choice({**asked, "temperature": 0.0}).get("prompt_logprobs")
        try:
            return [
                float(at[str(token)]["logprob"])
                for at, token in zip(found[len(prompt) :], text, strict=True)  # type: ignore[index]
            ]
        except (TypeError, KeyError, ValueError):
            raise ServerFailed(f"{self.place} tells no log-probabilities of a prompt, as vLLM does") from None

    def written(self, name: str, prompt: Sequence[int], most: int) -> tuple[str, bool]:
        """The likeliest text behind a prompt, up to `most` tokens; and whether it came to its end."""
        asked = {"model": name, "prompt": [*prompt], "max_tokens": most, "temperature": 0.0}
        choice = self._choice(asked)
        return str(choice.get("text", "")), choice.get("finish_reason") == "stop"

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


def _error(reply: httpx2.Response) -> str:
    """What vLLM says of an error; empty where it is FastAPI's own, of a path that is not there."""
    try:
        said = reply.json()
        said = said.get("error", said)
        return one_line(str(said["message"]), 200)
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""
