"""Checks of a miner's set-up: what is wrong, what it costs, and what mends it. The checks only read."""
