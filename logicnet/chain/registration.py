"""Registration: our uid, rank and incentive on the subnet, logged when they change."""

import time

from loguru import logger

from logicnet.chain._types import Metagraph
from logicnet.events import Placed
from logicnet.protocol import Hotkey


def placed(graph: Metagraph, hotkey: Hotkey) -> Placed:
    """The `Placed` event for `hotkey` in `graph`, as of now."""
    me, at_s = graph.by_hotkey.get(hotkey), time.time()
    if me is None:
        return Placed(at_s, graph.block, len(graph.neurons))
    rank = graph.rank(hotkey)
    return Placed(at_s, graph.block, len(graph.neurons), me.uid, rank, me.incentive, me.stake)


class RegistrationMonitor:
    """`observe` each metagraph: logs changes of registration, rank and incentive of `hotkey`."""

    def __init__(self, hotkey: Hotkey, *, netuid: int, register_with: str) -> None:
        """`register_with` is the shell command that registers this hotkey."""
        self._hotkey = hotkey
        self._netuid = netuid
        self._register_with = register_with
        self._registered: bool | None = None
        self._place: tuple[int | None, float] | None = None

    def observe(self, graph: Metagraph) -> None:
        me = graph.by_hotkey.get(self._hotkey)
        was, self._registered = self._registered, me is not None
        if me is None:
            self._place = None
            if was is None:
                logger.warning(
                    "Hotkey {} is not registered on subnet {}, so validators do not ask it. Register: `{}`.",
                    *(self._hotkey, self._netuid, self._register_with),
                )
            elif was:
                logger.warning(
                    "Hotkey {} was deregistered from subnet {}: a new registration replaced it. "
                    "The miner keeps running; register again: `{}`.",
                    *(self._hotkey, self._netuid, self._register_with),
                )
            return
        if not was:
            logger.info("Registered on subnet {} as uid {}.", self._netuid, me.uid)
        place = (graph.rank(self._hotkey), me.incentive)
        if place != self._place:
            self._place = place
            rank, incentive = place
            logger.info("Rank {} of {}, incentive {:.5f}.", rank, len(graph.neurons), incentive)
