"""The demo: a real miner with a real vLLM, asked and scored by the arena, and reported on."""

from logicnet.operate.demo.run import run
from logicnet.operate.demo.stage import Stage

__all__ = ["Stage", "run"]
