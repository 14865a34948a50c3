"""Which settings would `logicnet mine` refuse, and which cost income?"""

from __future__ import annotations

from collections.abc import Iterator

from logicnet.config import check as check_config
from logicnet.errors import SettingsError
from logicnet.operate.doctor.context import Context
from logicnet.operate.doctor.finding import Finding, error, note, ok
from logicnet.scoring.reward import FULL_VOLUME


def check(context: Context) -> Iterator[Finding]:
    found = list(_findings(context))
    yield from found or [ok("The settings are valid.")]


def _findings(context: Context) -> Iterator[Finding]:
    settings = context.settings
    try:
        check_config(context.config)
    except SettingsError as complaint:
        for line in str(complaint).splitlines():
            yield error(line, "The miner does not start.", "Correct the setting, then start the miner again.")
    if settings.offline:
        yield note(
            "The miner works without a chain (--offline).",
            "Without a chain nothing is earned; this is for trials.",
            "Remove LOGICNET_OFFLINE and LOGICNET_CHAIN__FILE from .env to mine.",
        )
    if settings.miner.epoch_volume < FULL_VOLUME:
        yield note(
            f"--miner.epoch_volume promises {settings.miner.epoch_volume} challenges per interval; "
            f"{FULL_VOLUME} earn the full volume factor.",
            "A smaller promise earns a smaller share of each reward; a broken promise earns less still.",
            "`logicnet volume advise` measures how far --miner.epoch_volume can be raised.",
        )
