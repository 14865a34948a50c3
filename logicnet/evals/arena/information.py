"""The volume that a miner commits to before a round, and this validator's quota of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from logicnet.evals.arena.client import MinerReply, ValidatorClient
from logicnet.evals.arena.plan import MIN_STAKE, ArenaPlan
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
    plan: ArenaPlan, clients: Mapping[str, ValidatorClient]
) -> dict[str, InformationReply]:
    """The Information of each target, by name. A miner without it is asked nothing."""
    wire, timeout_s = plan.wire_of(0), plan.information_timeout_s
    replies = await asyncio.gather(
        *(client.information(wire=wire, timeout_s=timeout_s) for client in clients.values())
    )
    return {name: read_information(plan, reply) for name, reply in zip(clients, replies, strict=True)}


def read_information(plan: ArenaPlan, reply: MinerReply) -> InformationReply:
    """The committed volume and our quota of it, or what is wrong with the reply."""
    if not reply.success:
        return InformationReply(why=f"no Information: {in_words(reply)}")
    told = reply.fields.get("response_dict")
    volume = told.get("epoch_volume") if isinstance(told, dict) else None
    if not isinstance(told, dict) or type(volume) is not int or not 0 < volume <= _MOST_VOLUME:
        return InformationReply(why="its Information names no epoch_volume")
    if told.get("category") != plan.category:
        return InformationReply(why=f"its Information names another category than {plan.category}")
    return InformationReply(volume, quota_of(plan.validator, plan.stakes, volume))


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
