"""AxonPublisher: publishes the axon's address when the chain shows another, within the chain's rate limit."""

import random
import time
from collections.abc import Awaitable, Callable

from loguru import logger

from logicnet._util.backoff import Backoff, Chance
from logicnet.chain._types import AxonAddress, AxonRefused, Chain, Metagraph, Why
from logicnet.deadline import Clock
from logicnet.errors import ChainError
from logicnet.protocol import Hotkey

FindAddress = Callable[[], Awaitable[AxonAddress]]

SERVE_EVERY_S = 600.0
"""The chain's serving rate limit: 50 blocks of 12 s. Failed attempts count too: one without an answer may
still be in the chain's pool."""

_MOST_S = 3600.0  # the longest backoff
_FIND_AGAIN_S = 60.0  # the first pause after the external address was not found


class AxonPublisher:
    """Call `consider(graph)` with each metagraph; it sends at most one ServeAxon per SERVE_EVERY_S."""

    def __init__(
        self,
        chain: Chain,
        hotkey: Hotkey,
        find_address: FindAddress,
        *,
        clock: Clock = time.monotonic,
        chance: Chance = random.random,
    ) -> None:
        self._chain = chain
        self._hotkey = hotkey
        self._find_address = find_address
        self._clock = clock
        self._serving = Backoff(SERVE_EVERY_S, _MOST_S, chance=chance)
        self._finding = Backoff(_FIND_AGAIN_S, _MOST_S, chance=chance)
        self._serve_after_s = self._find_after_s = float("-inf")
        self._logged: tuple[object, ...] = ()

    async def consider(self, graph: Metagraph) -> None:
        """Publish if `graph` shows another address. Failures are logged once, not raised."""
        me = graph.by_hotkey.get(self._hotkey)
        if me is None:
            return
        wanted = await self._find(me.axon)
        if wanted is None:
            return
        if me.axon == wanted:
            self._serving.reset()
            self._log_once("INFO", f"The chain shows our axon at {wanted}.", ("there", wanted))
        elif self._clock() >= self._serve_after_s:
            await self._serve(wanted, me.axon)

    async def _find(self, shown: AxonAddress | None) -> AxonAddress | None:
        if self._clock() < self._find_after_s:
            return None
        try:
            found = await self._find_address()
        except ChainError as error:
            self._find_after_s = self._clock() + self._finding.next_s()
            self._log_once("WARNING", f"{error} {_now_shown(shown)}", ("not found", shown))
            return None
        self._finding.reset()
        return found

    async def _serve(self, wanted: AxonAddress, shown: AxonAddress | None) -> None:
        self._serve_after_s = self._clock() + max(SERVE_EVERY_S, self._serving.next_s())
        try:
            await self._chain.serve_axon(wanted)
        except AxonRefused as refused:
            self._refused(refused, wanted, shown)
        except ChainError as error:
            self._log_once(
                "WARNING",
                f"Our axon's address may not have been published: {error} {_now_shown(shown)}",
                ("unknown", wanted),
            )
        else:
            self._serving.reset()
            self._log_once("INFO", f"Published our axon at {wanted}.", ("there", wanted))

    def _refused(self, refused: AxonRefused, wanted: AxonAddress, shown: AxonAddress | None) -> None:
        message = f"The chain refused our axon's address {wanted}: {refused}"
        match refused.why:
            case Why.TOO_SOON:
                self._serving.reset()
                logger.debug("The chain takes an axon's address once per 50 blocks; trying again later.")
                return
            case Why.NOT_REGISTERED:  # RegistrationMonitor warns
                logger.debug("The chain refused our axon's address: not registered.")
                return
            case Why.BAD_ADDRESS:
                message = (
                    f"The chain refused {wanted} as our axon's address: set the public one "
                    f"with --axon.external_ip and --axon.external_port. {_now_shown(shown)}"
                )
        self._log_once("WARNING", message, (refused.why, wanted))

    def _log_once(self, level: str, message: str, condition: tuple[object, ...]) -> None:
        if condition != self._logged:
            self._logged = condition
            logger.log(level, "{}", message)


def _now_shown(shown: AxonAddress | None) -> str:
    if shown is None:
        return "Until then validators cannot find this miner."
    return f"Until then validators look for it at {shown}."
