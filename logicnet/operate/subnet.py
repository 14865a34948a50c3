"""`logicnet subnet`: is a subnet alive, who asks, what does a rank earn? Needs no wallet and no miner."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from logicnet.chain import ReadOnlyKey, SubnetSnapshot, SubtensorChain
from logicnet.chain.loop_thread import Loop
from logicnet.chain.subtensor import OpenSubstrate
from logicnet.operate.doctor.checks.subnet import alive
from logicnet.operate.doctor.context import Finding
from logicnet.settings import Settings

RANKS = (1, 2, 5, 10, 25, 50, 100, 150, 200, 250)


@dataclass(frozen=True, slots=True)
class RankEarns:
    """What the neuron of this rank by incentive gets a day. `tao` is None without a price of alpha."""

    rank: int
    incentive: float
    alpha: float
    tao: float | None


@dataclass(frozen=True, slots=True)
class SubnetFacts:
    """What a newcomer should know before paying for a place."""

    netuid: int
    name: str
    neurons: int
    places: int
    registration_tao: float | None
    price: float | None  # TAO for one alpha
    paid: int  # neurons that earn by incentive
    immunity_days: float
    validators: Finding
    ranks: tuple[RankEarns, ...]


def facts(snapshot: SubnetSnapshot, netuid: int) -> SubnetFacts:
    """Miners earn by incentive, so the emission of a rank is that of the neuron that has it."""
    earning = sorted(
        (one for one in snapshot.neurons if one.neuron.incentive > 0),
        key=lambda one: one.neuron.incentive,
        reverse=True,
    )
    wanted = sorted({rank for rank in (*RANKS, len(earning)) if 0 < rank <= len(earning)})
    ranks = [(rank, earning[rank - 1]) for rank in wanted]
    price = snapshot.price
    return SubnetFacts(
        netuid=netuid,
        name=snapshot.name,
        neurons=len(snapshot.neurons),
        places=snapshot.max_uids,
        registration_tao=snapshot.burn,
        price=price,
        paid=len(earning),
        immunity_days=snapshot.immunity_period * snapshot.block_s / 86_400,
        validators=alive(snapshot, netuid),
        ranks=tuple(
            RankEarns(rank, one.neuron.incentive, alpha, alpha * price if price else None)
            for rank, one in ranks
            for alpha in [one.emission * snapshot.epochs_a_day]
        ),
    )


def run(
    settings: Settings, out: Console, *, as_json: bool = False, open_substrate: OpenSubstrate | None = None
) -> int:
    """Print the facts; 0 if the subnet is alive, 3 if it is not. Raises ChainError."""
    with asyncio.Runner(loop_factory=Loop) as runner:  # does not wait for a hanging DNS lookup
        found = runner.run(_read(settings, open_substrate))
    if as_json:
        print(json.dumps(as_dict(found), indent=2))
    else:
        for part in shown(found):
            out.print(part)
    return 3 if found.validators.severity.name == "ERROR" else 0


async def _read(settings: Settings, open_substrate: OpenSubstrate | None) -> SubnetFacts:
    chain = SubtensorChain(
        network=settings.subtensor.network,
        netuid=settings.netuid,
        signer=ReadOnlyKey(),
        timeout_s=settings.chain.timeout_s,
        open_substrate=open_substrate,
    )
    try:
        return facts(await chain.snapshot(), settings.netuid)
    finally:
        await chain.close()


def as_dict(found: SubnetFacts) -> Mapping[str, Any]:
    ranks = [
        {"rank": one.rank, "incentive": one.incentive, "alpha_a_day": one.alpha, "tao_a_day": one.tao}
        for one in found.ranks
    ]
    names = ("netuid", "name", "neurons", "places", "registration_tao", "price", "paid", "immunity_days")
    validators = {"severity": str(found.validators.severity), "what": found.validators.what}
    return {**{name: getattr(found, name) for name in names}, "validators": validators, "ranks": ranks}


def shown(found: SubnetFacts) -> Iterator[Text | Table]:
    price = f"one alpha is {found.price:.5f} TAO" if found.price else "the price of its alpha is unknown"
    cost = found.registration_tao
    place = "A place" if cost is None else f"A place costs {cost:.5f} TAO"
    yield Text(
        f"Subnet {found.netuid} {found.name}: {found.neurons} of {found.places} places taken; {price}."
    )
    yield Text(
        f"{place} and is safe for {found.immunity_days:.1f} days; after that the place that earns least is "
        f"given to the next newcomer{', once all places are taken' if found.neurons < found.places else ''}."
    )
    yield Text(" ".join(filter(None, (found.validators.what, found.validators.why))))
    if not found.ranks:
        yield Text("No miner earns anything here.")
        return
    table = Table("rank", "incentive", "alpha a day", "TAO a day", title_justify="left")
    table.title = (
        f"What a rank earns ({found.paid} miners earn; by the last epoch, the next may be unlike it)"
    )
    for column in table.columns:
        column.justify = "right"
    for one in found.ranks:
        tao = "?" if one.tao is None else f"{one.tao:.5f}"
        table.add_row(str(one.rank), f"{one.incentive:.5f}", f"{one.alpha:,.2f}", tao)
    yield table
