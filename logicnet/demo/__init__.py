"""The demo: a real miner with a real vLLM, asked and scored by the arena, and reported on."""

from logicnet.demo.run import run
from logicnet.demo.stage import Stage

__all__ = ["Stage", "run"]
