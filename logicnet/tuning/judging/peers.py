"""Miners over HTTP, in G.O.D.'s words: an offer, the start of a training, what was submitted."""

import ipaddress
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from logicnet._util.text import one_line
from logicnet.errors import TuningError
from logicnet.tuning import hub
from logicnet.tuning.judging.task import JudgedMiner, JudgingTask, MinerOffer

_TIMEOUT_S = 30.0
_MOST_REPLY_S = 60.0  # of a whole reply: a miner that sends a byte now and then would hold up all others
_MOST_REPLY_BYTES = 8 << 20
_MOST_MODEL_BYTES = 80_000_000_000  # of 35B parameters in bfloat16 with room
_MOST_POINTS = 10_000
_MOST_NUMBER = 1e12

_KINDS = {"sft": "InstructTextTask", "pretrain": "PretrainTask", "chat": "ChatTask", "dpo": "DpoTask"}


class MinerSilent(TuningError):
    """A miner did not answer, or not as it should."""


@dataclass(frozen=True)
class FoundModel:
    """What a miner submitted; `folder` holds its files."""

    source: str
    folder: Path
    curve: tuple[tuple[float, float], ...]


def offer(miner: JudgedMiner, task: JudgingTask, *, dataset: str, file_format: str) -> MinerOffer:
    """Offer a task, and start its training if the miner accepts. Raises MinerSilent."""
    asked = {
        "task_id": task.id,
        "task_type": _KINDS[task.task],
        "model": task.model,
        "hours_to_complete": task.hours,
        "ds_size": task.train_rows,
    }
    reply = _asked(miner, "POST", "/task_offer/", asked)
    message = one_line(str(reply.get("message", "")), 200)
    if reply.get("accepted") is not True:
        return MinerOffer(accepted=False, message=message or "no reason given")
    kind = task.dataset_type
    start = {
        "task_id": task.id,
        "model": task.model,
        "hours_to_complete": task.hours,
        "expected_repo_name": f"{task.id}-{miner.name}",
        "dataset": dataset,
        "dataset_type": kind if isinstance(kind, str) else kind.model_dump(mode="json"),
        "file_format": file_format,
    }
    reply = _asked(miner, "POST", "/start_training/", start)
    return MinerOffer(accepted=True, message=one_line(str(reply.get("message", "")), 200))


def submission(miner: JudgedMiner, task: JudgingTask, token: str | None) -> FoundModel | None:
    """What a miner submitted; None if it has not finished. Raises MinerSilent, TuningError.

    Of a miner on this machine the folder is taken if there is no repository.
    """
    reply = _asked(miner, "GET", f"/get_latest_model_submission/{task.id}", None, none_yet=(202, 404))
    if reply.get("state") or not reply:
        return None
    try:
        status = _asked(miner, "GET", f"/status/{task.id}", None)
    except MinerSilent:
        status = {}  # only our own service has it
    curve = _curve(status)
    adapter = status.get("adapter")
    if is_local(miner) and isinstance(adapter, str) and Path(adapter).is_dir():
        return FoundModel(adapter, Path(adapter), curve)
    repo = reply.get("repo")
    if not isinstance(repo, str) or not repo:
        raise MinerSilent(f"miner {miner.name} names no repository for task {task.id}")
    return FoundModel(repo, hub.model_folder(repo, token, local=False, most_bytes=_MOST_MODEL_BYTES), curve)


def is_local(miner: JudgedMiner) -> bool:
    host = urlsplit(miner.url or "").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _curve(status: dict[str, Any]) -> tuple[tuple[float, float], ...]:
    """A miner's own held-out losses, as (step, loss): nothing but numbers is believed."""
    metrics = status.get("metrics")
    told = metrics.get("held_out") if isinstance(metrics, dict) else None
    if not isinstance(told, list) or len(told) > _MOST_POINTS:
        return ()
    return tuple((float(one[0]), float(one[1])) for one in told if _is_point(one))


def _is_point(one: Any) -> bool:
    numbers = isinstance(one, list) and len(one) == 2 and all(type(number) in (int, float) for number in one)
    return numbers and all(abs(number) < _MOST_NUMBER for number in one)


def _asked(
    miner: JudgedMiner, method: str, path: str, body: Any, none_yet: tuple[int, ...] = ()
) -> dict[str, Any]:
    """The JSON object that a miner replies; empty for a status of `none_yet`."""
    assert miner.url is not None
    headers = {} if miner.token is None else {"Authorization": f"Bearer {miner.token.get_secret_value()}"}
    try:
        with httpx2.stream(
            method, miner.url.rstrip("/") + path, json=body, headers=headers, timeout=_TIMEOUT_S
        ) as response:
            content, until_s = b"", time.monotonic() + _MOST_REPLY_S
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > _MOST_REPLY_BYTES:
                    raise MinerSilent(f"miner {miner.name}: {path} replies more than 8 MiB")
                if time.monotonic() > until_s:
                    raise MinerSilent(f"miner {miner.name}: {path} replies for over {_MOST_REPLY_S:g} s")
        if response.status_code in none_yet:
            return {}
        found = httpx2.Response(response.status_code, content=content).json()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, RecursionError) as error:
        raise MinerSilent(
            f"miner {miner.name} at {miner.url}{path}: {type(error).__name__}; start its service "
            "or correct its url"
        ) from None
    if response.status_code != 200 or not isinstance(found, dict):
        why = one_line(str(found.get("detail", "")) if isinstance(found, dict) else "no JSON object", 200)
        raise MinerSilent(f"miner {miner.name} refuses {path} with {response.status_code}: {why}")
    return found
