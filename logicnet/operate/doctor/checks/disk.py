"""Is there room for the ledger, the logs and the models, and may the miner write there?"""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from logicnet.errors import LedgerError, SettingsError
from logicnet.ledger import LedgerReader, ledger_path
from logicnet.operate.doctor.context import Context, Finding, error, ok, warning
from logicnet.operate.doctor.pm2 import vllm_here
from logicnet.operate.serving.catalogue import load
from logicnet.operate.serving.memory import weights_bytes

MB, GB = 10**6, 10**9
_LEAST = GB // 5  # less than a day of ledger at full volume; at 0 SQLite cannot write
_ENOUGH = 2 * GB  # logs, and a week of ledger at full volume
_DAY_S = 86_400.0
_AHEAD_DAYS = 30  # for which a ledger with --ledger.keep_days 0 is projected

_WHY = "On a full disk quotas are forgotten at the next restart, and no model can be downloaded."


def check(context: Context) -> Iterator[Finding]:
    ledger = ledger_path(context.settings).parent
    free = {}  # bytes by folder, one folder for each device
    found: list[Finding] = []
    devices: set[int] = set()
    for folder, what in ((ledger, "the ledger"), (context.folder, "logs")):
        existing = _existing(folder)
        if not os.access(existing, os.W_OK | os.X_OK):
            found.append(
                error(
                    f"{what.capitalize()} cannot be written to {folder}: no permission for {existing}.",
                    "The miner does not start without its ledger, pm2 not without its logs.",
                    f"Give {existing} to the user that runs the miner, or choose another folder "
                    "(--ledger.path, SN35_LOGS).",
                )
            )
        elif (device := existing.stat().st_dev) not in devices:
            devices.add(device)
            free[existing] = context.system.free_bytes(existing)
            found += _room(existing, what, free[existing])
    found = found or list(_growth(context, free[_existing(ledger)], time.time()))
    found += _model(context)
    yield from found or [ok(f"{min(free.values()) / GB:.0f} GB of disk are free.")]


def _room(folder: Path, what: str, free: int) -> Iterator[Finding]:
    if free < _ENOUGH:
        finding = error if free < _LEAST else warning
        yield finding(
            f"{free / GB:.1f} GB are free for {what} ({folder}).",
            _WHY,
            "Remove old logs (.run/logs, ~/.pm2/logs; `npx pm2 install pm2-logrotate` limits them) and "
            "unused models (~/.cache/huggingface).",
        )


def _model(context: Context) -> Iterator[Finding]:
    """Whether the model that pm2's vLLM downloads has room in the cache of Hugging Face."""
    served = vllm_here(context)
    if served is None or Path(served.model).expanduser().is_dir():
        return
    environ = served.environment
    home = Path(environ.get("HF_HOME") or context.system.home / ".cache" / "huggingface").expanduser()
    cache = Path(environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    snapshots = (cache / f"models--{served.model.replace('/', '--')}").glob("snapshots/*")
    if any(_is_whole(snapshot) for snapshot in snapshots):
        return
    folder = _existing(cache)
    free = context.system.free_bytes(folder)
    needed = _download_bytes(served.model)
    if free >= needed + _ENOUGH:
        return
    size = f"takes {needed / GB:.0f} GB" if needed else "is of unknown size"
    yield error(
        f"{served.model} {size} and is not downloaded; {free / GB:.1f} GB are free in {folder}.",
        "vLLM ends in the middle of the download, again and again.",
        "Free space there, or name a folder on a larger disk in .env: HF_HOME=/data/huggingface",
    )


def _is_whole(snapshot: Path) -> bool:
    """Whether the folder has all files of the weights: the names of several say how many there are."""
    names = [file.name for file in snapshot.glob("*.safetensors")]
    parts = [part for name in names if (part := _PART.fullmatch(name))]
    return bool(names) and all(sum(part[1] == one[1] for part in parts) == int(one[2]) for one in parts)


_PART = re.compile(r"(.*)-\d+-of-(\d+)\.safetensors")


def _download_bytes(checkpoint: str) -> int:
    """The size of a model's weights by the name of a checkpoint of it; 0 if no catalogue knows it."""
    catalogue = load()
    for model in catalogue.models:
        if model.awq is not None and model.awq.lower() == checkpoint.lower():
            return weights_bytes(model, "awq")
    try:
        model = catalogue.find(checkpoint)
    except SettingsError:
        return 0
    return weights_bytes(model, model.stored)


def _growth(context: Context, free: int, now_s: float) -> Iterator[Finding]:
    """Whether the ledger will fit, if the coming days are like the last one."""
    try:
        with LedgerReader.open(ledger_path(context.settings)) as ledger:
            size, kept, today = ledger.size(), ledger.count(), ledger.count(now_s - _DAY_S)
    except LedgerError:  # a finding of `demand`
        return
    daily = size * today / max(kept, 1)
    days = context.settings.ledger.keep_days
    more = daily * days - size if days else daily * _AHEAD_DAYS
    if free - more >= _LEAST:
        return
    fits = int((size + free - _ENOUGH) / daily)
    keeps = f"{days} days, which takes {more / GB:.1f} GB more" if days else "all of it"
    yield warning(
        f"The ledger grows by {daily / MB:.0f} MB a day and keeps {keeps}; {free / GB:.1f} GB are free.",
        _WHY,
        f"Keep less of it (--ledger.keep_days {fits}), or free disk space."
        if fits
        else "Put it on another disk (--ledger.path).",
    )


def _existing(folder: Path) -> Path:
    """The folder, or its nearest existing parent."""
    folder = folder.absolute()
    return next((path for path in (folder, *folder.parents) if path.is_dir()), folder)
