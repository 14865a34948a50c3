"""Admission: checks a caller against the metagraph and its quota.

In the axon's order: `known` (one dict look-up, before any cryptography), then, once the signature is
verified, `permit` and `take`. Without a metagraph all callers are refused.
"""

from collections.abc import Callable, Mapping

from logicnet.chain import Metagraph, Neuron
from logicnet.errors import Reason, Refusal
from logicnet.events import EpochCount
from logicnet.protocol import Hotkey
from logicnet.volume.quota import VolumeBook


class Admission:
    """`network` returns the last good metagraph or None; `min_stake` (alpha) replaces a permit.

    `over_quota` answers challenges beyond a quota while there is room: the reference validator asks them,
    and scores a refusal 0. Times are unix seconds.
    """

    def __init__(
        self,
        network: Callable[[], Metagraph | None],
        book: VolumeBook,
        min_stake: float,
        *,
        over_quota: bool = False,
    ) -> None:
        self._network = network
        self._book = book
        self._min_stake = min_stake
        self._over_quota = over_quota
        self._quotas: Mapping[Hotkey, int] = {}
        self._quotas_of: Metagraph | None = None

    def known(self, hotkey: Hotkey) -> Neuron:
        """The neuron of `hotkey`; Refusal NO_METAGRAPH or NOT_REGISTERED."""
        neuron = self._metagraph().by_hotkey.get(hotkey)
        if neuron is None:
            raise Refusal(Reason.NOT_REGISTERED, "This hotkey is not registered on the subnet.")
        return neuron

    def permit(self, neuron: Neuron) -> None:
        """Refusal NOT_PERMITTED unless `neuron` has a validator permit or enough stake."""
        if not neuron.may_ask(self._min_stake):
            message = f"Challenges need a validator permit, or a stake of at least {self._min_stake:,.15g}."
            raise Refusal(Reason.NOT_PERMITTED, message)

    def inform(self, neuron: Neuron, now_s: float) -> EpochCount | None:
        """Open the epoch of a caller that asked for Information; None if it is not permitted."""
        if not neuron.may_ask(self._min_stake):
            return None
        return self._book.open(neuron.hotkey, self._quota(neuron), now_s)

    def take(self, neuron: Neuron, now_s: float, *, room: bool = False) -> EpochCount:
        """Count one challenge; Refusal OVER_QUOTA, or NOT_PERMITTED (checked here again).

        `room`: whether one beyond the quota takes no slot that another validator may soon need.
        """
        self.permit(neuron)
        over = room and self._over_quota
        return self._book.take(neuron.hotkey, self._quota(neuron), now_s, over=over)

    def refuse(self, neuron: Neuron, now_s: float) -> EpochCount | None:
        """Count a refusal of a verified caller; None if it is not permitted."""
        if not neuron.may_ask(self._min_stake):
            return None
        return self._book.refuse(neuron.hotkey, self._quota(neuron), now_s)

    def _metagraph(self) -> Metagraph:
        metagraph = self._network()
        if metagraph is None:
            message = "This miner has no metagraph yet and admits no caller; ask again later."
            raise Refusal(Reason.NO_METAGRAPH, message)
        return metagraph

    def _quota(self, neuron: Neuron) -> int:
        """Challenges per interval, computed once per metagraph."""
        metagraph = self._metagraph()
        if metagraph is not self._quotas_of:
            self._quotas = self._book.quotas({one.hotkey: one.stake for one in metagraph.neurons})
            self._quotas_of = metagraph
        # A hotkey that left the subnet since `known` has no quota.
        return self._quotas.get(neuron.hotkey, 0)
