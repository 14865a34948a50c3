"""logicnet: a reasoning miner for Bittensor. Start reading at docs/structure.md."""

__version__ = "0.2.0"
