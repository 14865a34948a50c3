"""How the network is seen: who is in it, with what stake, and our own place."""

from logicnet.chain._types import (
    REPLACED_NEAR,
    REPLACED_SOON,
    AxonAddress,
    AxonRefused,
    Chain,
    Metagraph,
    Neuron,
    RankedNeuron,
    Standing,
    SubnetSnapshot,
    Why,
)
from logicnet.chain.build import metagraph_refresher
from logicnet.chain.commitments import (
    ChainCommitment,
    CommitmentChain,
    CommitmentQuota,
    CommitmentRefused,
)
from logicnet.chain.keys import ReadOnlyKey, Signer, load_hotkey
from logicnet.chain.offline import OfflineChain
from logicnet.chain.publisher import AxonPublisher
from logicnet.chain.refresher import MetagraphRefresher
from logicnet.chain.subtensor import SubtensorChain

__all__ = [
    "REPLACED_NEAR",
    "REPLACED_SOON",
    "AxonAddress",
    "AxonPublisher",
    "AxonRefused",
    "Chain",
    "ChainCommitment",
    "CommitmentChain",
    "CommitmentQuota",
    "CommitmentRefused",
    "Metagraph",
    "MetagraphRefresher",
    "Neuron",
    "OfflineChain",
    "RankedNeuron",
    "ReadOnlyKey",
    "Signer",
    "Standing",
    "SubnetSnapshot",
    "SubtensorChain",
    "Why",
    "load_hotkey",
    "metagraph_refresher",
]
