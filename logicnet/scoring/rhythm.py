"""How a validator asks: the numbers around the scoring. Source: LogicNet 1.6.

Quotas are in `logicnet.volume.quota`, the timeouts of the two questions in `logicnet.protocol`.
"""

from __future__ import annotations

LOOP_S = 600.0
"""One loop: `Information` first, then the questions, then ranks and weights."""

BATCH_MINERS = 8  # asked the same question at once
LANES = 8  # batches under way at once
LANE_STAGGER_S = 4.0  # between the starts of two lanes
SCORED_SHARE = 0.5  # of the queries, roughly; the others are asked and not scored

REPHRASE_TEMPERATURE = 0.7  # a pool task is retold as some persona would ask it
REPHRASE_MAX_TOKENS = 1024
