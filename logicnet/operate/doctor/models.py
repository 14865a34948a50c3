"""Models: does each model server generate, is the model the one that is named, is it fast enough?

`/health` of a vLLM whose engine is stuck is fine, so each is asked to write a few words.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from logicnet.config import endpoints
from logicnet.deadline import TIMEOUT_CAP_S, Deadline
from logicnet.errors import SettingsError
from logicnet.llm import Endpoint, Message, Spec
from logicnet.operate.doctor.finding import Finding, error, ok, unmade, warning
from logicnet.operate.doctor.site import Site

_TOKENS = 64
_FEW = 8  # tokens; too few to time

ANSWER_TOKENS = 700
"""Of one answer to a logic question with its reasoning: what the race expects of a model that it has not
seen yet (0.35 of 2,048). Models that think before they write take more."""

_SMALL_CONTEXT = 2048  # tokens; question, reasoning and conclusion take 1,000 to 3,000

_QUESTION = "Write the numbers from one to one hundred as words, with commas between them, and nothing else."


async def look(site: Site) -> Sequence[Finding]:
    try:
        listed = endpoints(site.settings.miner.llm_client)
    except SettingsError:
        return [
            unmade("Not checked: the list of model servers is wrong.", "See what is said of the settings.")
        ]
    found = await asyncio.gather(*(_one(spec, site.outside.patience.model_s) for spec in listed))
    return [finding for findings in found for finding in findings]


async def _one(spec: Spec, within_s: float) -> list[Finding]:
    served = GenerationTiming()
    endpoint = Endpoint(spec.url, spec.model, spec.key, told=lambda *_: None)
    try:
        begun_s = time.monotonic()
        done = await endpoint.complete(
            [Message("user", _QUESTION)],
            deadline=Deadline.after(within_s),
            on_text=served.take,
            max_tokens=_TOKENS,
            temperature=0.0,
        )
        if done.error:
            return [await _broken(spec, done.error)]
        if done.finish == "deadline" and not served.pieces:
            return [
                error(
                    f"The model server at {endpoint.place} wrote nothing within {within_s:g} s.",
                    "Every challenge gets what answer there is without a model; that earns next to nothing.",
                    "It is stuck or overloaded: see its log (npx pm2 logs sn35-vllm), then npx pm2 restart "
                    "sn35-vllm.",
                )
            ]
        probe = await endpoint.probe(timeout_s=within_s)
    finally:
        await endpoint.close()
    context = probe.served.context if probe.served else None
    name = f"{done.model or 'The model'} at {endpoint.place}"
    found = [_speed(name, served, begun_s, done.tokens)]
    if context is not None and context < _SMALL_CONTEXT:
        found.append(
            warning(
                f"{name} has only {context} tokens of context.",
                "Longer questions are cut, and reasoning ends in the middle.",
                f"Start vLLM with --max-model-len {2 * _SMALL_CONTEXT} or more.",
            )
        )
    return found


class GenerationTiming:
    """When text came: the first piece tells how long reading took, the rest how fast it writes."""

    def __init__(self) -> None:
        self.pieces = 0
        self.first_s = self.last_s = 0.0

    def take(self, _: str) -> None:
        self.last_s = time.monotonic()
        self.first_s = self.first_s if self.pieces else self.last_s
        self.pieces += 1


def _speed(name: str, served: GenerationTiming, begun_s: float, tokens: int) -> Finding:
    written = max(tokens, served.pieces)  # a server that was cut short has not said how many
    took_s = served.last_s - served.first_s
    if written < _FEW:
        return unmade(
            f"{name} answers; its speed was not checked: it wrote {written} tokens.",
            "Try `logicnet bench`: it times whole answers.",
        )
    waited_s = served.first_s - begun_s
    return judged(name, (written - 1) / max(took_s, 1e-3), waited_s)


def judged(name: str, tokens_per_s: float, waited_s: float) -> Finding:
    """Of a server that writes so fast after it was waited for so long."""
    answer_s = waited_s + ANSWER_TOKENS / tokens_per_s
    speed = f"{tokens_per_s:,.0f} tokens/s" if tokens_per_s < 1000 else "1,000 tokens/s or more"
    said = (
        f"{name} writes {speed}, the first after {waited_s:.1f} s: an answer of {ANSWER_TOKENS} tokens takes "
        f"{answer_s:.0f} s"
    )
    mend = (
        "Serve a smaller or quantised model, or on a faster GPU; what is in flight already slows it, so ask "
        "again in a quiet moment."
    )
    if answer_s > TIMEOUT_CAP_S:
        return error(
            f"{said}, and a validator waits {TIMEOUT_CAP_S:g} s.",
            "Reasoning is cut off before its conclusion in most answers.",
            mend,
        )
    if answer_s > TIMEOUT_CAP_S / 2:
        return warning(
            f"{said}, more than half of the {TIMEOUT_CAP_S:g} s there are.",
            "With several challenges at once each is slower: those then end without a conclusion.",
            mend,
        )
    return ok(f"{said}.")


async def _broken(spec: Spec, said: str) -> Finding:
    line = said[0].upper() + said[1:].rstrip(".") + "."
    why = "Every challenge gets what answer there is without a model; that earns next to nothing."
    names = await _names(spec)
    if spec.model is not None and names and spec.model not in names:
        return error(
            f"{spec.model} is not served at {urlsplit(spec.url).netloc}, which has {', '.join(names[:5])}.",
            why,
            f"Set LOGICNET_MINER__LLM_CLIENT__MODEL to {names[0]}, or leave it out to take the first.",
        )
    if "cannot be reached" in said:
        mend = "npx pm2 logs sn35-vllm says why it does not run; a large model takes minutes to load."
    elif "key" in said:
        mend = "Give the key that the server wants: LOGICNET_MINER__LLM_CLIENT__KEY in .env."
    else:
        mend = "See the server's own log (npx pm2 logs sn35-vllm)."
    return error(line, why, mend)


async def _names(spec: Spec) -> list[str]:
    """What the server says it serves; nothing if it does not say."""
    import httpx2  # noqa: PLC0415 (the model client's own; needed only when something is wrong)

    headers = {"authorization": f"Bearer {spec.key.get_secret_value()}"} if spec.key else {}
    try:
        async with httpx2.AsyncClient(timeout=3.0) as http:
            reply = (await http.get(f"{spec.url.rstrip('/')}/models", headers=headers)).json()
        return [str(card["id"]) for card in reply["data"]]
    except (httpx2.HTTPError, ValueError, TypeError, KeyError):
        return []
