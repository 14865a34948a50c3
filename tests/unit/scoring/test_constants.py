"""Every constant of a LogicNet 1.6 validator, against the place where the code has it."""

import importlib
from typing import Any

import pytest

from logicnet.settings import MinerSettings

TABLE: list[tuple[str, str, Any]] = [
    ("weight of similarity", "reward:SIMILARITY_WEIGHT", 0.3),
    ("weight of correctness", "reward:CORRECTNESS_WEIGHT", 0.7),
    ("weight of time, taken off", "reward:TIME_WEIGHT", 0.05),
    ("divisor of the weighted sum", "reward:SPREAD", 2),
    ("added to it", "reward:SHIFT", 0.5),
    ("reward of silence", "reward:SILENCE", 0),
    ("reward kept without volume", "reward:VOLUME_FLOOR", 0.9),
    ("reward in proportion to volume", "reward:VOLUME_SHARE", 0.1),
    ("volume that earns all of it", "reward:FULL_VOLUME", 512),
    ("timeout of a question, s", "logicnet.protocol:LOGIC_TIMEOUT_S", 64),
    ("timeout of Information, s", "logicnet.protocol:INFORMATION_TIMEOUT_S", 60),
    ("cap of a miner's time, s", "logicnet.deadline:TIMEOUT_CAP_S", 64),
    ("correctness of equal text", "correctness:EQUAL_SCORE", 1.0),
    ("taken out before comparing", "correctness:REMOVED", ("$", "\\[", "\\]", "%", "m^2", "m^3")),
    ("what a number is", "correctness:_NUMBER.pattern", r"\d+\.\d+|\d+"),
    ("added to the truth's magnitude", "correctness:EPSILON", 1e-8),
    ("what keeps expressions from being compared", "correctness:POWERS", ("**", "^")),
    ("the empty answer", "tricks:EMPTY", ";"),
    ("correctness of the empty answer", "tricks:EMPTY_SCORE", 0.0),
    ("correctness of a trick", "tricks:TRICK_SCORE", -1.0),
    ("words that make an answer long", "judge:LONG_ANSWER_WORDS", 20),
    ("tokens to boil it down", "judge:EXTRACTION_MAX_TOKENS", 25),
    ("the word for no answer in it", "judge:NOT_FOUND", "not_found"),
    ("correctness of no answer in it", "judge:NOT_FOUND_SCORE", 0.0),
    ("correctness of an opinion that is no number", "judge:UNPARSABLE_SCORE", 0.5),
    ("the same, with a 1 in it", "judge:UNPARSABLE_WITH_ONE_SCORE", 1.0),
    ("correctness when the judge fails", "judge:FAILED_SCORE", 0.5),
    ("embedding model", "similarity:HUB_NAME", "sentence-transformers/all-MiniLM-L6-v2"),
    ("tokens that it reads", "similarity:TOKENS_READ", 256),
    ("similarity when it fails", "similarity:FAILED_SIMILARITY", 0.5),
    ("tokens of the reference", "similarity:REFERENCE_MAX_TOKENS", 300),
    ("temperature of the reference", "similarity:REFERENCE_TEMPERATURE", 0.7),
    ("temperature of a rephrasing", "incentive:REPHRASE_TEMPERATURE", 0.7),
    ("tokens of a rephrasing", "incentive:REPHRASE_MAX_TOKENS", 1024),
    ("a loop, s", "incentive:LOOP_S", 600),
    ("miners in a batch", "incentive:BATCH_MINERS", 8),
    ("threads", "incentive:LANES", 8),
    ("between their starts, s", "incentive:LANE_STAGGER_S", 4),
    ("share of queries that are scored", "incentive:SCORED_SHARE", 0.5),
    ("least questions per validator and loop", "logicnet.volume.quota:LEAST_PER_EPOCH", 2),
    ("most questions per validator and loop", "logicnet.volume.quota:MOST_PER_EPOCH", 80),
    ("curve, rank^3", "incentive:CUBIC", -1.038e-7),
    ("curve, rank^2", "incentive:SQUARE", 6.214e-5),
    ("curve, rank", "incentive:LINEAR", -0.0129),
    ("curve, constant", "incentive:CONSTANT", -0.0118),
    ("mean that is not paid for", "incentive:LEAST_MEAN", 0.3),
    ("last rank that is paid", "incentive:LAST_PAID_RANK", 160),
    ("rank whose pay the others get", "incentive:UNPAID_RANK", 250),
    ("loops in a weight", "incentive:WEIGHT_LOOPS", 5),
]


@pytest.mark.parametrize(("what", "where", "value"), TABLE, ids=[row[0] for row in TABLE])
def test_constant(what: str, where: str, value: Any) -> None:
    module, _, path = where.partition(":")
    found = importlib.import_module(
        module if module.startswith("logicnet.") else f"logicnet.scoring.{module}"
    )
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value, what


def test_constants_that_are_settings() -> None:
    assert (MinerSettings().min_stake, MinerSettings().limit_interval, MinerSettings().epoch_volume) == (
        10_000,
        600,
        512,
    )
