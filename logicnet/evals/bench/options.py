"""What `logicnet bench` was asked, and the plan that comes of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from logicnet.errors import SettingsError
from logicnet.evals.bench.plan import BenchPlan
from logicnet.evals.bench.questions import DEFAULT
from logicnet.evals.runs.plan import ModelServer, models_of, plan_from, refuse_changes

ENDPOINT = "http://127.0.0.1:8000/v1"
"""Where vLLM listens unless told otherwise."""

SOLVERS = ("race", "direct")
CONCURRENCY = 4

_FLAGS = {"named": "--solvers", "questions": "--n", "deadline_s": "--deadline"}  # where it is not the name
_FREE = "the models that score"


@dataclass(frozen=True)
class ServerOption:
    """A server of models, as far as it was given. Its key is in no file of a run."""

    url: str | None = None
    model: str | None = None  # its first one
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class BenchOptions:
    """What the command was given. None is what was not; a resumed run then has what it had."""

    out: Path | None = None  # a new one
    resume: bool = False
    solvers: Sequence[str] = ()  # as they were named, files among them
    challenges: Path | None = None
    skip_bad: bool = False
    count: int | None = None
    seed: int | None = None
    endpoint: ServerOption = ServerOption()
    judge: ServerOption = ServerOption()
    reference: ServerOption = ServerOption()
    similarity: bool | None = None  # False: reasoning is compared with nothing
    plan: Mapping[str, Any] = field(default_factory=dict)  # the rest, by the names of `BenchPlan`

    def folder(self) -> Path:
        """Raises SettingsError."""
        if self.out is None and self.resume:
            raise SettingsError("--resume needs the --out of the run to go on with")
        return self.out or Path(".run") / f"bench-{time.strftime('%Y%m%dT%H%M%S')}"


def new_plan(options: BenchOptions, names: Sequence[str], questions: int) -> BenchPlan:
    """`names` are what tables call the solvers. Raises SettingsError."""
    endpoint = ModelServer(url=options.endpoint.url or ENDPOINT, model=options.endpoint.model)
    return plan_from(
        BenchPlan,
        {
            "solvers": tuple(names),
            "named": tuple(options.solvers or SOLVERS),
            "challenges": str(options.challenges or DEFAULT.name),
            "questions": questions,
            "seed": options.seed,
            "concurrency": CONCURRENCY,
            "endpoint": endpoint,
            "judge": _models("judge", options.judge),
            "reference": _reference(options, endpoint),
            **options.plan,
        },
        _FLAGS,
    )


def resumed_plan(options: BenchOptions, before: BenchPlan) -> BenchPlan:
    """The plan of before. Raises SettingsError if it would ask something else."""
    asked = options.endpoint
    given: dict[str, Any] = {
        "named": tuple(options.solvers) or None,
        "challenges": str(options.challenges) if options.challenges else None,
        "questions": options.count,
        "seed": options.seed,
        "endpoint": ModelServer(
            url=asked.url or before.endpoint.url, model=asked.model or before.endpoint.model
        ),
        **options.plan,
    }
    fixed = {name: value for name, value in given.items() if value is not None}
    refuse_changes(before, fixed, _FLAGS, _FREE)
    if options.similarity not in (None, before.reference is not None):
        raise SettingsError(
            f"--similarity differs from that of the run; leave it out (only {_FREE} may change)"
        )
    anew = {"judge": _models("judge", options.judge), "reference": _models("reference", options.reference)}
    return before.model_copy(update={role: models for role, models in anew.items() if models is not None})


def key_for(role: str, options: BenchOptions, plan: BenchPlan) -> str | None:
    """The key that goes to a server. The endpoint's own serves where it writes references too."""
    if role == "reference" and options.reference.url is None and plan.reference == plan.endpoint:
        return options.endpoint.key
    source: ServerOption = getattr(options, role)
    return source.key


def _reference(options: BenchOptions, endpoint: ModelServer) -> ModelServer | None:
    """The endpoint's own model writes the references if no other does."""
    if options.similarity is False:
        return None
    return _models("reference", options.reference) or endpoint


def _models(role: str, source: ServerOption) -> ModelServer | None:
    return models_of(role, source.url, source.model)
