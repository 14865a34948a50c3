"""Does each model server generate, does it serve the named model, and is it fast enough?

`/health` of a vLLM with a hung engine replies 200, so each server is asked to write a few words.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from logicnet.config import endpoints
from logicnet.deadline import TIMEOUT_CAP_S, Deadline
from logicnet.errors import ModelError, SettingsError
from logicnet.llm import Endpoint, Message, Spec
from logicnet.llm.ray import replicas
from logicnet.operate.doctor.context import Context, Finding, error, not_checked, ok, warning

_TOKENS = 64
_FEW = 8  # tokens; too few to measure a speed

ANSWER_TOKENS = 700
"""Tokens of an answer with its reasoning: what the race expects of a model without a profile (0.35 of 2,048).
Models that think before they write need more."""

_SMALL_CONTEXT = 2048  # tokens; question, reasoning and conclusion take 1,000 to 3,000

_QUESTION = "Write the numbers from one to one hundred as words, with commas between them, and nothing else."
_RAY = "docs/scale.md has the commands that start a cluster and its replicas."
_NO_MODEL = "Every challenge gets an answer without a model, which earns next to nothing."


async def check(context: Context) -> Sequence[Finding]:
    try:
        specs = endpoints(context.settings.miner.llm_client)
    except SettingsError:
        return [not_checked("Not checked: the list of model servers is invalid.", "See `settings`.")]
    try:
        clusters = [await replicas(spec) for spec in specs if spec.ray]
    except ModelError as away:
        return [error(f"N{str(away).partition(' (')[0][1:]}.", _NO_MODEL, _RAY)]
    asked = [spec for spec in specs if not spec.ray] + [one for found in clusters for one in found.values()]
    if not asked:
        return [error("The Ray cluster runs no job with logicnet.port in its metadata.", _NO_MODEL, _RAY)]
    found = await asyncio.gather(*(_one(spec, context.system.timeouts.model_s) for spec in asked))
    return [finding for findings in found for finding in findings]


async def _one(spec: Spec, within_s: float) -> list[Finding]:
    timing = GenerationTiming()
    endpoint = Endpoint(spec.url, spec.model, spec.key, told=lambda *_: None)
    try:
        await endpoint.ready()  # imports, which take a second, are not the server's time
        began_s = time.monotonic()
        done = await endpoint.complete(
            [Message("user", _QUESTION)],
            deadline=Deadline.after(within_s),
            on_text=timing.take,
            max_tokens=_TOKENS,
            temperature=0.0,
        )
        if done.error:
            return [await _broken(spec, done.error)]
        if done.finish == "deadline" and not timing.pieces:
            what = f"The model server at {endpoint.place} wrote nothing within {within_s:g} s."
            mend = "It hangs or is overloaded: see npx pm2 logs sn35-vllm, then npx pm2 restart sn35-vllm."
            return [error(what, _NO_MODEL, mend)]
        probe = await endpoint.probe(timeout_s=within_s)
    finally:
        await endpoint.close()
    context = probe.served.context if probe.served else None
    name = f"{done.model or 'The model'} at {endpoint.place}"
    found = [_speed(name, timing, began_s, done.tokens)]
    if context is not None and context < _SMALL_CONTEXT:
        found.append(
            warning(
                f"{name} has only {context} tokens of context.",
                "Long questions are cut, and reasoning ends in the middle.",
                f"Start vLLM with --max-model-len {2 * _SMALL_CONTEXT} or more.",
            )
        )
    return found


class GenerationTiming:
    """When text arrived: the first piece gives the waiting time, the others the speed."""

    def __init__(self) -> None:
        self.pieces = 0
        self.first_s = self.last_s = 0.0

    def take(self, _: str) -> None:
        self.last_s = time.monotonic()
        self.first_s = self.first_s if self.pieces else self.last_s
        self.pieces += 1


def _speed(name: str, timing: GenerationTiming, began_s: float, tokens: int) -> Finding:
    written = max(tokens, timing.pieces)  # a stream that was cut off reports no number of tokens
    if written < _FEW:
        what = f"{name} replies; its speed was not checked: it wrote {written} tokens."
        return not_checked(what, "Try `logicnet bench`, which times whole answers.")
    took_s = max(timing.last_s - timing.first_s, 1e-3)
    return speed_finding(name, (written - 1) / took_s, timing.first_s - began_s)


def speed_finding(name: str, tokens_per_s: float, waited_s: float) -> Finding:
    """Of a server with this speed, whose first token came after `waited_s`."""
    answer_s = waited_s + ANSWER_TOKENS / tokens_per_s
    speed = f"{tokens_per_s:,.0f} tokens/s" if tokens_per_s < 1000 else "1,000 tokens/s or more"
    what = (
        f"{name} writes {speed}, the first after {waited_s:.1f} s: an answer of {ANSWER_TOKENS} tokens takes "
        f"{answer_s:.0f} s"
    )
    mend = (
        "Serve a smaller or quantised model, or use a faster GPU. Calls in flight slow the server: "
        "check again without load."
    )
    if answer_s > TIMEOUT_CAP_S:
        why = "In most answers the reasoning is cut off before its conclusion."
        return error(f"{what}, and a validator waits {TIMEOUT_CAP_S:g} s.", why, mend)
    if answer_s > TIMEOUT_CAP_S / 2:
        why = "Several challenges at once are slower: those then end without a conclusion."
        return warning(f"{what}, more than half of the {TIMEOUT_CAP_S:g} s allowed.", why, mend)
    return ok(f"{what}.")


async def _broken(spec: Spec, failure: str) -> Finding:
    what = failure[0].upper() + failure[1:].rstrip(".") + "."
    names = await _served(spec)
    if spec.model is not None and names and spec.model not in names:
        what = f"{spec.model} is not served at {urlsplit(spec.url).netloc}, which has {', '.join(names[:5])}."
        mend = f"Set LOGICNET_MINER__LLM_CLIENT__MODEL to {names[0]}, or remove it to take the first."
    elif await _served(replace(spec, url=(longer := f"{spec.url.rstrip('/')}/v1"))):
        what = f"The base URL {spec.url} has no /v1, and the server replies at {longer}."
        mend = f"--miner.llm_client.base_url {longer}"
    elif "cannot be reached" in failure:
        mend = "npx pm2 logs sn35-vllm shows why it does not run; a large model takes minutes to load."
    elif "key" in failure:
        mend = "Give the server's key: LOGICNET_MINER__LLM_CLIENT__KEY in .env."
    else:
        mend = "See the server's log (npx pm2 logs sn35-vllm)."
    return error(what, _NO_MODEL, mend)


async def _served(spec: Spec) -> list[str]:
    """The models that the server lists; none if it does not reply."""
    import httpx2  # noqa: PLC0415 (needed after a failure only)

    headers = {"authorization": f"Bearer {spec.key.get_secret_value()}"} if spec.key else {}
    try:
        async with httpx2.AsyncClient(timeout=3.0) as http:
            reply = (await http.get(f"{spec.url.rstrip('/')}/models", headers=headers)).json()
        return [str(card["id"]) for card in reply["data"]]
    except (httpx2.HTTPError, ValueError, TypeError, KeyError):
        return []
