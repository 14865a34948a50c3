"""`logicnet bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from logicnet.cli._options import (
    EmbeddingModel,
    ItsKey,
    ItsModel,
    JudgeUrl,
    ReferenceUrl,
    Resume,
    RunFolder,
    SkipBad,
)
from logicnet.errors import SettingsError


def command(
    *,
    solvers: Annotated[
        str | None, typer.Option(help="Names or files, with commas between; race,direct.")
    ] = None,
    challenges: Annotated[
        Path | None, typer.Option(help="Recipe or file of questions; all of mathgenerator if not given.")
    ] = None,
    skip_bad: SkipBad = False,
    endpoint: Annotated[
        str | None, typer.Option(help="OpenAI-compatible base URL; http://127.0.0.1:8000/v1.")
    ] = None,
    model: ItsModel = None,
    count: Annotated[int | None, typer.Option("--n", min=1, help="Questions; the recipe's count.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the questions; the recipe's own.")] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Questions that a solver has at once; 4.")
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(min=1.0, max=3600.0, help="Seconds for an answer; 64.")
    ] = None,
    key: ItsKey = None,
    judge_url: JudgeUrl = None,
    judge_model: ItsModel = None,
    judge_key: ItsKey = None,
    reference_url: ReferenceUrl = None,
    reference_model: ItsModel = None,
    reference_key: ItsKey = None,
    similarity: Annotated[
        bool | None,
        typer.Option(
            "--similarity/--no-similarity",
            help="Compare reasoning; --endpoint writes the reference if no other does.",
        ),
    ] = None,
    embedding_model: EmbeddingModel = None,
    out: RunFolder = None,
    resume: Resume = False,
) -> int:
    """Put solvers side by side on the same questions, and say how much of the difference is noise."""
    from logicnet.evals.bench.run import BenchOptions, ServerOption, run  # noqa: PLC0415

    plan = {"concurrency": concurrency, "deadline_s": deadline, "embedding_model": embedding_model}
    names = None if solvers is None else [name.strip() for name in solvers.split(",") if name.strip()]
    if names == []:
        raise SettingsError("--solvers is empty: name at least one; `logicnet solvers` lists them")
    return run(
        BenchOptions(
            out=out,
            resume=resume,
            solvers=names or (),
            challenges=challenges,
            skip_bad=skip_bad,
            count=count,
            seed=seed,
            endpoint=ServerOption(endpoint, model, key),
            judge=ServerOption(judge_url, judge_model, judge_key),
            reference=ServerOption(reference_url, reference_model, reference_key),
            similarity=similarity,
            plan={name: value for name, value in plan.items() if value is not None},
        )
    )
