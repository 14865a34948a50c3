"""`logicnet score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from logicnet.cli._options import EmbeddingModel, ItsKey, ItsModel, JudgeUrl


def command(
    file: Annotated[Path, typer.Argument(help="Answers, one JSON object a line.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Where the scored lines go; stdout if not given.")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Score the good lines all the same.")] = False,
    judge_url: JudgeUrl = None,
    judge_model: ItsModel = None,
    judge_key: ItsKey = None,
    judge_timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one of its replies.")] = 60.0,
    judge_at_once: Annotated[int, typer.Option(min=1, help="Answers that it judges at a time.")] = 8,
    embedding_model: EmbeddingModel = None,
    truth: Annotated[bool, typer.Option("--truth", help="Say too what is truly right.")] = False,
) -> None:
    """Score answers as a validator would: each line comes back with correctness, similarity, reward."""
    from logicnet.scoring.file import ScoreOptions, run  # noqa: PLC0415

    key = SecretStr(judge_key) if judge_key and judge_url else None
    run(
        ScoreOptions(
            file=file,
            out=out,
            skip_bad=skip_bad,
            judge_url=judge_url,
            judge_model=judge_model,
            judge_key=key,
            judge_timeout_s=judge_timeout,
            judge_at_once=judge_at_once,
            embedding_model=embedding_model,
            with_truth=truth,
        )
    )
