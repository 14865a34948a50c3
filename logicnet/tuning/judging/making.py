"""A new task: its parts, its synthetic rows, its group of miners."""

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logicnet.llm.endpoint import reach, unheard
from logicnet.scoring.options import ModelServer
from logicnet.tuning.data.checking import BadDataset, Faults
from logicnet.tuning.data.prepare import read_rows
from logicnet.tuning.data.split import key_of
from logicnet.tuning.judging.groups import group_of, records_of
from logicnet.tuning.judging.options import JudgeOptions
from logicnet.tuning.judging.parts import FEWEST_TEST, MOST_TEST, TEST, part, read_lines, write_lines
from logicnet.tuning.judging.synthetic import LEAST_CHANGED, SyntheticRows, rephrased, reworded
from logicnet.tuning.judging.task import JudgedMiner, JudgingTask, TaskFolder, results_of
from logicnet.tuning.spec import DatasetType, TrainSpec

SYNTHETIC = "synthetic.jsonl"


@dataclass(frozen=True)
class _Made:
    how: str
    twins: bool
    warnings: tuple[str, ...] = ()


def make_task(
    folder: TaskFolder,
    options: JudgeOptions,
    miners: Sequence[JudgedMiner],
    source: Callable[[TrainSpec, Path], Path],
    now_s: float,
) -> JudgingTask:
    """Write a new task. `source` finds a dataset's file, which may be fetched into the folder that it gets.

    Raises LogicnetError: one line.
    """
    spec = options.spec()
    folder.path.mkdir(parents=True, exist_ok=True)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory(dir=folder.path) as fetched:
        parts = part(
            spec.dataset_type,
            source(spec, Path(fetched)),
            folder.path,
            share=options.test_share,
            secret=seed.to_bytes(4),
            most=spec.rows,
        )
    made = _synthetic(spec.dataset_type, folder.path, parts.keys, options, seed)
    siblings = sorted(folder.path.absolute().parent.glob("*/judgement.json"))
    records = records_of(map(results_of, siblings))
    task = JudgingTask(
        id=folder.path.absolute().name,
        model=spec.model,
        dataset_type=spec.dataset_type,
        group=group_of([one.name for one in miners], records, options.group_size, seed),
        created_s=now_s,
        deadline_s=now_s + options.hours * 3600,
        hours=options.hours,
        seed=seed,
        train_rows=parts.train,
        test_rows=parts.test,
        dropped=dict(parts.dropped),
        synthetic=made.how,
        twins=made.twins,
        warnings=made.warnings,
    )
    folder.submissions.mkdir(exist_ok=True)
    if options.miners is not None:
        folder.keep_miners(options.miners)
    folder.write_task(task)
    return task


def _synthetic(
    kind: DatasetType, folder: Path, known: frozenset[int], options: JudgeOptions, seed: int
) -> _Made:
    by = options.rewording
    if options.synthetic is not None:
        rows = _made_anew(kind, options.synthetic, known)
        write_lines(folder / SYNTHETIC, rows)
        return _Made(f"{len(rows)} rows made anew", twins=False)
    test = read_lines(folder / TEST)
    if by is None:
        found, how = reworded(test, seed), "reworded by rules"
    else:
        found, how = asyncio.run(_rephrased(test, by)), f"reworded by {by.model or 'a model'}"
    write_lines(folder / SYNTHETIC, found.rows)
    warnings = []
    if found.changed < LEAST_CHANGED:
        warnings.append(
            f"only {found.changed:.0%} of the answers could be reworded: who trained on the test may stay "
            "unnoticed; give rows made anew (--synthetic) or a model that rewords (--endpoint)"
        )
    return _Made(how, twins=True, warnings=tuple(warnings))


def _made_anew(kind: DatasetType, file: Path, known: frozenset[int]) -> list[dict[str, Any]]:
    """Rows whose prompts the dataset does not have. Raises BadDataset."""
    faults = Faults(str(file))
    rows: dict[int, dict[str, Any]] = {}
    for _, example in read_rows(kind, file, faults):
        key = key_of(example.prompt)
        if key not in known:
            rows.setdefault(key, example.row)
        if len(rows) == MOST_TEST:
            break
    faults.refuse()
    if len(rows) < FEWEST_TEST:
        raise BadDataset(
            f"{file} has {len(rows)} rows that the dataset does not have: at least {FEWEST_TEST} are needed; "
            "make more"
        )
    return list(rows.values())


async def _rephrased(rows: Sequence[dict[str, Any]], by: ModelServer) -> SyntheticRows:
    with unheard():
        async with reach("model that rewords", *by, flag="--endpoint") as models:
            return await rephrased(rows, models)
