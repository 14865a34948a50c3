"""The demo: a real miner with a real vLLM, three validators, ten questions over both wires, one table."""

from logicnet.demo.run import run
from logicnet.demo.stage import Stage

__all__ = ["Stage", "run"]
