"""`logicnet score FILE`: composes a scorer, scores the file, says what it came to."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import Progress

from logicnet.errors import SettingsError
from logicnet.llm.endpoint import reach, unheard
from logicnet.scoring import similarity
from logicnet.scoring.judge import Judge
from logicnet.scoring.options import ScoreOptions
from logicnet.scoring.rows import FileSummary, Rows, read_rows, score_rows
from logicnet.scoring.scorer import Scorer
from logicnet.scoring.truth import TruthTeller


def run(options: ScoreOptions) -> None:
    """Score a file. Raises LogicnetError in one line for whatever keeps it from being scored."""
    if options.out is not None and options.out.resolve() == options.file.resolve():
        raise SettingsError("--out is the file that is being scored; give another one")
    rows = read_rows(options.file)
    if not options.skip_bad:
        rows.lines.refuse_broken("mend them, or take the others with --skip-bad")
    if rows.need_embeddings:
        similarity.require()
    with unheard():
        summary = asyncio.run(_score(options, rows))
    if rows.lines.broken:
        print(f"passed over {rows.lines.broken_in_words()}", file=sys.stderr)
    print(summary.in_words(), file=sys.stderr)


async def _score(options: ScoreOptions, rows: Rows) -> FileSummary:
    async with _scorer(options, rows) as scorer:
        with ExitStack() as open_files:
            out = open_files.enter_context(_opened(options.out)) if options.out else sys.stdout
            progress = open_files.enter_context(
                Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
            )
            task = progress.add_task("scoring", total=len(rows.good))

            def write(line: str) -> None:
                out.write(line)
                progress.advance(task)

            return await score_rows(rows.good, scorer, write)


@asynccontextmanager
async def _scorer(options: ScoreOptions, rows: Rows) -> AsyncIterator[Scorer]:
    async with AsyncExitStack() as stack:
        judge = embedder = truth = None
        if (server := options.judge) is not None:
            endpoint = await reach("judge", server.url, server.model, server.key, flag="--judge-url")
            stack.push_async_callback(endpoint.close)
            judge = Judge(endpoint, timeout_s=options.judge_timeout_s, at_once=options.judge_at_once)
        if rows.need_embeddings:
            embedder = similarity.Embedder(similarity.MiniLM(options.embedding_model))
            stack.callback(embedder.close)
        if options.truth:
            truth = await stack.enter_async_context(TruthTeller())
        yield Scorer(judge, embedder, truth)


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror or error}") from None
