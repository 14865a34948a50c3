"""Who may ask, and how much: the metagraph says the one, the volume book the other.

Checks in the order the axon makes them: known (before any cryptography, one dict look-up), permit,
then, when the signature is verified, take. Whatever is not known to be allowed is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from logicnet.chain import Metagraph, Neuron
from logicnet.errors import Reason, Refusal
from logicnet.events import EpochCount
from logicnet.protocol import Hotkey
from logicnet.volume.quota import VolumeBook


class Admission:
    """Decides on one caller at a time. Times are unix seconds.

    `network` returns the last good metagraph, or None as long as there was none; `min_stake` (alpha)
    admits a validator without a permit.
    """

    def __init__(self, network: Callable[[], Metagraph | None], book: VolumeBook, min_stake: float) -> None:
        self._network = network
        self._book = book
        self._min_stake = min_stake
        self._quotas: Mapping[Hotkey, int] = {}
        self._quotas_of: Metagraph | None = None

    def known(self, hotkey: Hotkey) -> Neuron:
        """The registered neuron of `hotkey`, or Refusal NO_METAGRAPH or NOT_REGISTERED."""
        neuron = self._metagraph().by_hotkey.get(hotkey)
        if neuron is None:
            raise Refusal(Reason.NOT_REGISTERED, "This hotkey is not registered on the subnet.")
        return neuron

    def permit(self, neuron: Neuron) -> None:
        """Refusal NOT_PERMITTED unless `neuron` has a validator permit or enough stake."""
        if not neuron.may_ask(self._min_stake):
            raise Refusal(
                Reason.NOT_PERMITTED,
                f"Challenges need a validator permit, or a stake of at least {self._min_stake:,.15g}.",
            )

    def inform(self, neuron: Neuron, now_s: float) -> EpochCount | None:
        """Information was answered: the caller's epoch, now open; None if it may ask no challenges."""
        if not neuron.may_ask(self._min_stake):
            return None
        return self._book.open(neuron.hotkey, self._quota(neuron), now_s)

    def take(self, neuron: Neuron, now_s: float) -> EpochCount:
        """Count one challenge, or Refusal OVER_QUOTA (or NOT_PERMITTED: this door has the lock too)."""
        self.permit(neuron)
        return self._book.take(neuron.hotkey, self._quota(neuron), now_s)

    def refuse(self, neuron: Neuron, now_s: float) -> EpochCount | None:
        """Count a refusal of a caller whose signature was verified; None if it may ask no challenges."""
        if not neuron.may_ask(self._min_stake):
            return None
        return self._book.refuse(neuron.hotkey, self._quota(neuron), now_s)

    def _metagraph(self) -> Metagraph:
        metagraph = self._network()
        if metagraph is None:
            raise Refusal(
                Reason.NO_METAGRAPH,
                "This miner has not seen the network yet and admits nobody; ask again later.",
            )
        return metagraph

    def _quota(self, neuron: Neuron) -> int:
        """Challenges per interval; worked out once per metagraph, since this is the request path."""
        metagraph = self._metagraph()
        if metagraph is not self._quotas_of:
            self._quotas = self._book.quotas({one.hotkey: one.stake for one in metagraph.neurons})
            self._quotas_of = metagraph
        # A hotkey that left the subnet since `known` has no quota, whatever it had before.
        return self._quotas.get(neuron.hotkey, 0)
