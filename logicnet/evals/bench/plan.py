"""What a bench is asked to do: `run.json` of its folder."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from logicnet.evals.runs.plan import ModelServer
from logicnet.protocol import LOGIC_TIMEOUT_S


class BenchPlan(BaseModel):
    """See the module. Keys are not kept."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    format: Literal[1] = 1
    kind: Literal["bench"] = "bench"
    solvers: tuple[str, ...]  # what tables call them
    named: tuple[str, ...] = ()  # as they were given: names and files
    challenges: str  # as it was given: a recipe or a file
    questions: Annotated[int, Field(ge=1)]
    seed: int | None = None  # None: the recipe's own
    concurrency: Annotated[int, Field(ge=1)]  # questions that one solver is given at once
    deadline_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = LOGIC_TIMEOUT_S
    endpoint: ModelServer
    judge: ModelServer | None = None
    reference: ModelServer | None = None  # None: reasoning is compared with nothing
    embedding_model: str | None = None
