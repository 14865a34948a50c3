"""Reward functions of a GRPO job: foreign source, run only inside the trainer's process."""

import inspect
import json
import math
from collections.abc import Callable
from types import FunctionType
from typing import Any

from logicnet.tuning.train.jobfile import Reward
from logicnet.tuning.train.running import Ended


def reward_function(reward: Reward) -> Callable[..., list[float]]:
    """What TRL calls: it passes the source's function plain texts, and the row's `extra` as `extra_data`.

    The source's function is the last one whose first parameter is `completions`. Raises Ended.
    """
    made: dict[str, Any] = {}
    try:
        exec(compile(reward.source, "<reward>", "exec"), made)  # noqa: S102  (isolated: see the module)
    except Exception as error:
        raise Ended(
            "failed", f"a reward function cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    found = [
        value
        for value in made.values()
        if isinstance(value, FunctionType)
        and next(iter(inspect.signature(value).parameters), "") == "completions"
    ]
    if not found:
        raise Ended("failed", "a reward function is to begin `def name(completions, ...)`")
    function = found[-1]
    name = function.__name__
    parameters = inspect.signature(function).parameters.values()
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters)
    taken = {one.name for one in parameters}

    def called(prompts: list[Any], completions: list[Any], extra: list[str], **_: Any) -> list[float]:
        texts = [one if isinstance(one, str) else one[-1]["content"] for one in completions]
        data = {"prompts": prompts, "extra_data": [json.loads(one) for one in extra]}
        given = {key: value for key, value in data.items() if takes_all or key in taken}
        try:
            rewards = [float(one) for one in function(texts, **given)]
        except Exception as error:
            raise Ended("failed", f"reward function {name}: {type(error).__name__}: {error}") from error
        if len(rewards) != len(texts):
            raise Ended(
                "failed", f"reward function {name} gave {len(rewards)} rewards for {len(texts)} texts"
            )
        bad = next((one for one in rewards if not math.isfinite(one)), None)
        if bad is not None:
            raise Ended("non_finite", f"reward function {name} gave {bad}")
        return rewards

    called.__name__ = name
    return called
