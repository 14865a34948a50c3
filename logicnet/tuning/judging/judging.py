"""`logicnet tune judge TASK`: make a task, offer it, collect what is submitted, judge it, report.

Each step is kept in the task's folder (`task.py`), so the same command goes on where it was ended.
"""

import hashlib
import math
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from loguru import logger

from logicnet.errors import SettingsError, TuningError
from logicnet.evals.report.page import require as require_page
from logicnet.settings import Settings
from logicnet.tuning import hub
from logicnet.tuning.judging import peers
from logicnet.tuning.judging.making import SYNTHETIC, make_task
from logicnet.tuning.judging.options import JudgeOptions
from logicnet.tuning.judging.parts import TEST, TRAIN
from logicnet.tuning.judging.report import print_result, write_page
from logicnet.tuning.judging.rules import (
    DEFAULT_RULES,
    JudgedSubmission,
    JudgingResult,
    JudgingRules,
    RowLosses,
    area_under,
    common_rows,
    judge,
)
from logicnet.tuning.judging.task import (
    JudgedMiner,
    JudgingTask,
    MinerOffer,
    ReceivedModel,
    TaskFolder,
    read_miners,
)
from logicnet.tuning.progress import Progress
from logicnet.tuning.spec import ChatType
from logicnet.tuning.train.evalfile import Evaluation, EvaluationRequest
from logicnet.tuning.train.jobfile import write_json
from logicnet.tuning.verdict import WeightsVerdict, duplicates, verdict
from logicnet.tuning.workshop import Workshop

POLL_S = 15.0
"""Between two looks at what was submitted: trainings take minutes at least."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"  # of a task, as miners take it

ORIGINAL = "\0original"  # beside the names of miners


def run(path: Path, options: JudgeOptions, settings: Settings) -> int:
    """Go on with a task, or make it. Returns the exit status: 0 if it is judged, 1 while it waits.

    Raises LogicnetError.
    """
    folder = TaskFolder(path)
    if not re.fullmatch(_NAME, path.absolute().name):
        raise SettingsError(f"TASK: {path.absolute().name!r} takes letters, digits and . _ - only: rename it")
    if folder.exists and options.makes:
        raise SettingsError(f"{path} is a task already: {options.makes[0]} counts for a new one only")
    if not folder.exists:
        options.check_new()
    file = options.miners or (folder.miners if folder.miners.exists() else None)
    miners = () if file is None else read_miners(file)
    require_page()
    shop = Workshop.of(settings)
    path.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path / ".lock", timeout=0):
            return _go_on(folder, miners, options, shop)
    except Timeout:
        raise TuningError(f"{path} is worked on by another `logicnet tune judge`: wait for it") from None


def _go_on(folder: TaskFolder, miners: Sequence[JudgedMiner], options: JudgeOptions, shop: Workshop) -> int:
    if not folder.exists:
        made = make_task(folder, options, miners, shop.source, time.time())
        print(
            f"{folder.path}: {made.train_rows} rows for the miners, {made.test_rows} kept, {made.synthetic}."
        )
        print(f"Miners: {', '.join(made.group)}.")
    judged = TaskJudge(folder, shop, {one.name: one for one in miners})
    for warning in judged.task.warnings:
        logger.warning("{}", warning)
    judged.offer(options.train_at)
    while not judged.collect(close=options.close):
        if not options.wait:
            print(judged.waiting())
            return 1
        time.sleep(POLL_S)
    found = judged.judge()
    print_result(judged.task, found)
    print(f"\nThe page: {folder.report}")
    return 0


class Measures(Protocol):
    """What a task needs of a `Workshop`."""

    @property
    def token(self) -> str | None: ...

    def measure(self, asked: EvaluationRequest, folder: Path) -> Evaluation: ...


@dataclass
class TaskJudge:
    """One task. `miners` may lack some of its group: what they submit is put into the folder."""

    folder: TaskFolder
    shop: Measures
    miners: Mapping[str, JudgedMiner]
    clock: Callable[[], float] = time.time
    rules: JudgingRules = DEFAULT_RULES

    def __post_init__(self) -> None:
        self.task: JudgingTask = self.folder.task()

    def offer(self, train_at: str | None) -> None:
        """Offer the task to the miners that have a service and were not asked yet."""
        offers = self.folder.offers()
        for name in self.task.group:
            miner = self.miners.get(name)
            if miner is None or miner.url is None or name in offers or self.clock() > self.task.deadline_s:
                continue
            if train_at is None and not peers.is_local(miner):
                raise SettingsError(
                    f"miner {name} is on another machine: put {self.folder.path / TRAIN} where it can be "
                    "fetched, and say where with --train-at"
                )
            try:
                dataset, file_format = self._train_at(train_at)
                offers[name] = peers.offer(miner, self.task, dataset=dataset, file_format=file_format)
            except peers.MinerSilent as error:  # asked again at the next call
                logger.warning("{}", error)
                continue
            answer = offers[name]
            logger.info("miner {} {}: {}", name, "accepts" if answer.accepted else "refuses", answer.message)
            self.folder.write_offers(offers)

    def _train_at(self, train_at: str | None) -> tuple[str, str]:
        if train_at is None:
            return str((self.folder.path / TRAIN).absolute()), "jsonl"
        return train_at, "s3" if train_at.startswith(("http://", "https://")) else "hf"

    def collect(self, *, close: bool) -> bool:
        """Look once for what was submitted; True if nothing more is waited for."""
        received = self.folder.received()
        refused = {name for name, one in self.folder.offers().items() if not one.accepted}
        for name in self.task.group:
            place = self.folder.submissions / name
            by_hand = place.exists() and not place.is_symlink()  # and may have been changed since
            if (by_hand or name not in received) and (found := self._received(name)) is not None:
                received[name] = found
                self.folder.write_received(received)
        missing = set(self.task.group) - received.keys() - refused
        return not missing or close or self.clock() > self.task.deadline_s

    def _received(self, name: str) -> ReceivedModel | None:
        place = self.folder.submissions / name
        miner = self.miners.get(name)
        if place.exists():
            return ReceivedModel(submitted_s=_written_s(place), source=str(place), curve=_curve_of(place))
        if miner is None or miner.url is None:
            return None
        try:
            found = peers.submission(miner, self.task, self.shop.token)
        except TuningError as error:
            logger.warning("{}", error)
            return None
        if found is None:
            return None
        seen_s = self.clock()
        place.unlink(missing_ok=True)  # a link to what is gone
        place.symlink_to(found.folder.absolute(), target_is_directory=True)
        return ReceivedModel(submitted_s=seen_s, source=found.source, curve=found.curve)

    def waiting(self) -> str:
        """What is waited for."""
        missing = [name for name in self.task.group if name not in self.folder.received()]
        left_min = max(0.0, self.task.deadline_s - self.clock()) / 60
        return (
            f"Waiting for {', '.join(missing)}; {left_min:.0f} min are left. A folder "
            f"{self.folder.submissions}/NAME is a submission. Run this again, with --wait, or with --close."
        )

    def judge(self) -> JudgingResult:
        """Measure what is not measured yet, decide, write both. Raises TuningError."""
        received = self.folder.received()
        in_time = sorted(
            (name for name, one in received.items() if one.submitted_s <= self.task.deadline_s),
            key=lambda name: (received[name].submitted_s, name),
        )
        evaluations: dict[str, Evaluation] = {}
        failed: list[TuningError] = []
        for name in in_time:
            readable = [one for one, its in evaluations.items() if its.error is None]
            try:
                evaluations[name] = self._evaluation(name, readable)
            except TuningError as error:  # whatever a stranger's files made of it; measured again next time
                logger.warning("{}", error)
                failed.append(error)
                evaluations[name] = Evaluation(error=str(error))
        if failed and len(failed) == len(evaluations):
            raise failed[0]  # then the fault is hardly theirs
        found = decided(self.task, self.folder.offers(), received, evaluations, self.rules)
        write_json(self.folder.judgement, asdict(found))
        write_page(self.folder.report, self.task, found, received)
        return found

    def _evaluation(self, name: str, earlier: list[str]) -> Evaluation:
        places = {one: self.folder.submissions / one for one in (name, *earlier)}
        key = hashlib.sha256(
            repr([(one, _files(place)) for one, place in places.items()]).encode()
        ).hexdigest()
        kept = self.folder.evaluations / f"{name}.{key[:16]}.json"
        if kept.exists():
            return Evaluation.read(kept)
        work = self.folder.evaluations / f"{self.task.id}-{name}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        rows = work.absolute() / "rows.jsonl"
        parts = [(self.folder.path / part).read_bytes() for part in (TEST, SYNTHETIC)]
        rows.write_bytes(b"".join(parts))
        kind = self.task.dataset_type
        folders = {one: str(place.resolve()) for one, place in places.items()}
        logger.info("measuring {}", name)
        found = self.shop.measure(
            EvaluationRequest(
                model=folders.pop(name),
                original=str(hub.model_folder(self.task.model, self.shop.token)),
                original_name=self.task.model,
                rows=str(rows),
                task=self.task.task,
                chat_template=kind.chat_template if isinstance(kind, ChatType) else None,
                others=folders,
                by_row=True,
            ),
            work.absolute(),
        )
        found.write(kept)
        shutil.rmtree(work, ignore_errors=True)
        return found


def decided(
    task: JudgingTask,
    offers: Mapping[str, MinerOffer],
    received: Mapping[str, ReceivedModel],
    evaluations: Mapping[str, Evaluation],
    rules: JudgingRules,
) -> JudgingResult:
    """What the measurements say. `evaluations` of those that were submitted in time."""
    verdicts = {name: _verdict(one) for name, one in evaluations.items()}
    rows = {
        name: one.model.by_row
        for name, one in evaluations.items()
        if one.model is not None and verdicts[name].is_finetune
    }
    original = next((one.original.by_row for one in evaluations.values() if one.original is not None), None)
    losses: Mapping[str, RowLosses] = {}
    if rows and original is not None:
        losses = common_rows({ORIGINAL: original, **rows}, task.test_rows)
    submissions = []
    for name in task.group:
        its, evaluation = received.get(name), evaluations.get(name)
        copied = duplicates(evaluation) if evaluation is not None else ()
        submissions.append(
            JudgedSubmission(
                miner=name,
                submitted_s=None if its is None else its.submitted_s,
                verdict=verdicts.get(name),
                copy_of=copied[0].name if copied else None,
                losses=losses.get(name),
                area=None if its is None else area_under(its.curve),
                refused=offers[name].message if name in offers and not offers[name].accepted else "",
            )
        )
    return judge(submissions, losses.get(ORIGINAL), deadline_s=task.deadline_s, twins=task.twins, rules=rules)


def _verdict(found: Evaluation) -> WeightsVerdict:
    """As `verdict`; a loss that is no number on any row is no model's (it would spoil the row for all)."""
    if found.model is not None:
        broken = sum(row is not None and not math.isfinite(row[0]) for row in found.model.by_row)
        if broken:
            return WeightsVerdict("not_loadable", f"its loss is not a number on {broken} rows")
    return verdict(found)


def _files(place: Path) -> list[tuple[str, int, int]]:
    """Names, bytes and times: what tells whether a submission was changed."""
    found = []
    for one in sorted(place.rglob("*") if place.is_dir() else [place]):
        if one.is_file():
            facts = one.stat()
            found.append((str(one.relative_to(place)), facts.st_size, facts.st_mtime_ns))
    return found


def _written_s(place: Path) -> float:
    return max((mtime_ns / 1e9 for _, _, mtime_ns in _files(place)), default=place.stat().st_mtime)


def _curve_of(place: Path) -> tuple[tuple[float, float], ...]:
    """Of the trainer's events, where the submission has them."""
    progress = Progress(place)
    progress.read()
    return tuple((float(one.step), one.loss) for one in progress.evaluations)
