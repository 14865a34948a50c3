"""How the network is seen: who is in it, with what stake, and our own place."""

from logicnet.chain._types import AxonAddress, AxonRefused, Chain, Metagraph, Neuron, Why
from logicnet.chain.build import network_keeper
from logicnet.chain.keeper import NetworkKeeper
from logicnet.chain.keys import Signer, load_hotkey
from logicnet.chain.offline import OfflineChain
from logicnet.chain.publisher import AxonPublisher
from logicnet.chain.subtensor import SubtensorChain
from logicnet.chain.survey import RankedNeuron, Survey

__all__ = [
    "AxonAddress",
    "AxonPublisher",
    "AxonRefused",
    "Chain",
    "Metagraph",
    "NetworkKeeper",
    "Neuron",
    "OfflineChain",
    "RankedNeuron",
    "Signer",
    "SubtensorChain",
    "Survey",
    "Why",
    "load_hotkey",
    "network_keeper",
]
