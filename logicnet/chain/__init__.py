"""How the network is seen: who is in it, with what stake, and our own place."""

from logicnet.chain._types import AxonAddress, Chain, Metagraph, Neuron

__all__ = ["AxonAddress", "Chain", "Metagraph", "Neuron"]
