"""The volume that a miner commits to before a round, and this validator's quota of it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from logicnet.evals.arena.client import MinerReply, ValidatorClient
from logicnet.evals.arena.plan import MIN_STAKE, ArenaPlan, Target
from logicnet.protocol import Hotkey
from logicnet.volume.quota import quotas

_MOST_VOLUME = 10**9  # more is not a plausible number of questions


@dataclass(frozen=True, slots=True)
class InformationReply:
    """One miner's Information for one round. `why` it takes no questions; empty if it does."""

    epoch_volume: int = 0
    quota: int = 0  # questions that this validator may ask it per interval
    why: str = ""


async def ask_information(
    plan: ArenaPlan, clients: Mapping[str, ValidatorClient], targets: Sequence[Target]
) -> dict[str, InformationReply]:
    """The Information of each target, by name. A miner without it is asked nothing."""
    wire = plan.wire_of(0)
    replies = await asyncio.gather(
        *(
            clients[target.name].information(wire=wire, timeout_s=plan.information_timeout_s)
            for target in targets
        )
    )
    return {target.name: _read(plan, reply) for target, reply in zip(targets, replies, strict=True)}


def _read(plan: ArenaPlan, reply: MinerReply) -> InformationReply:
    volume = read_volume(reply, plan.category)
    if isinstance(volume, str):
        return InformationReply(why=volume)
    return InformationReply(volume, quota_of(plan.validator, plan.stakes, volume))


def read_volume(reply: MinerReply, category: str) -> int | str:
    """The committed volume, or what is wrong with the reply."""
    if not reply.success:
        return f"no Information: {in_words(reply)}"
    told = reply.fields.get("response_dict")
    volume = told.get("epoch_volume") if isinstance(told, dict) else None
    if not isinstance(told, dict) or type(volume) is not int or not 0 < volume <= _MOST_VOLUME:
        return "its Information names no epoch_volume"
    if told.get("category") != category:
        return f"its Information names another category than {category}"
    return volume


def quota_of(validator: str, stakes: Mapping[str, float], epoch_volume: int) -> int:
    """Questions that `validator` may ask per interval: as the miner computes it."""
    by_hotkey = {Hotkey(ss58): stake for ss58, stake in stakes.items()}
    shares = quotas(by_hotkey, epoch_volume=epoch_volume, min_stake=MIN_STAKE)
    return shares.get(Hotkey(validator), 0)


def in_words(reply: MinerReply) -> str:
    """Why a reply is no success, on one line."""
    said = "".join(c if c.isprintable() else " " for c in reply.message)
    if reply.status in (0, 200):
        return said or "the reply is no success: it does not say axon status 200"
    return f"{reply.status} {said}".rstrip()
