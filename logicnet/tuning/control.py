"""What the service, and the commands, ask of the queue: submit, offer, status, cancel, evaluate."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from loguru import logger

from logicnet.errors import TuningError
from logicnet.settings import TuningSettings
from logicnet.tuning import hub
from logicnet.tuning.data.checking import BadDataset
from logicnet.tuning.data.prepare import Head, read_head
from logicnet.tuning.data.rows import converter_of
from logicnet.tuning.estimate import Need, TrainingDevice, TrainingPace, fitted, need_of
from logicnet.tuning.evaluation import TookTooLong
from logicnet.tuning.facts import ModelFacts, facts_of
from logicnet.tuning.families import family_of, family_of_spec, refuse_other_kind
from logicnet.tuning.folders import here
from logicnet.tuning.hub import ModelNotFound, TooLarge
from logicnet.tuning.jobs import Job, JobState, MemoryTaken
from logicnet.tuning.policy import (
    JobLimits,
    NotTaken,
    Offer,
    QueueFacts,
    RefusedOffer,
    TakenOffer,
    accept,
    priority,
    record_of,
)
from logicnet.tuning.presets import plan_of
from logicnet.tuning.progress import Progress
from logicnet.tuning.spec import ChatType, GrpoType, ImageType, TrainSpec
from logicnet.tuning.store import JobStore, StoreError, TaskConflict
from logicnet.tuning.tables import facts
from logicnet.tuning.train.chat_templates import template_of
from logicnet.tuning.wire import EvaluateRequest, MinerTaskOffer, MinerTaskResponse, TrainingRepo
from logicnet.tuning.workshop import Workshop

_GUESSED = Head(rows=2000, row_bytes=600.0)
"""Of a dataset of the hub before it is fetched: most that are trained on in hours are of this order."""

_EVALUATIONS_KEPT = 100
_MOST_HELD = 100  # jobs at once; held ones come first

_ENDINGS = {
    "csv": (".csv", ".tsv"),
    "json": (".json", ".jsonl", ".ndjson"),
    "jsonl": (".jsonl", ".ndjson", ".json"),
}
"""Of local files, by their format."""

_TASKS = {
    "InstructTextTask": "sft",
    "ChatTask": "chat",
    "PretrainTask": "pretrain",
    "DpoTask": "dpo",
    "GrpoTask": "grpo",
    "ImageTask": "image",
}

_STATUS = {NotTaken.QUEUE_FULL: 429, NotTaken.DISK: 503, NotTaken.MEMORY: 503}


_FAULTS: tuple[tuple[type[TuningError], int, str], ...] = (
    (TaskConflict, 409, "conflict"),
    (ModelNotFound, 404, "model_not_found"),
    (TooLarge, 413, "too_large"),
    (TookTooLong, 504, "evaluation_time"),
    (StoreError, 503, "queue_unusable"),
    (MemoryTaken, 503, "memory"),
    (BadDataset, 400, "dataset"),
)
"""HTTP status and reason of errors that are no Declined."""


class Declined(TuningError):
    """A request is refused: a word for the counter, and its HTTP status."""

    def __init__(self, reason: str, message: str, status: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status


class ControlRoom:
    """Safe to share between threads. Its methods block."""

    def __init__(
        self,
        store: JobStore,
        shop: Workshop,
        settings: TuningSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self._shop = shop
        self._settings = settings
        self._clock = clock
        self._refusals: Counter[str] = Counter()
        self._counting = Lock()
        self._lock = Lock()  # of what follows, and of taking a job while there is room
        self._evaluating = ThreadPoolExecutor(1, "evaluation")  # each fills the machine
        self._evaluations: dict[str, Future[dict[str, Any]]] = {}

    @property
    def refusals(self) -> dict[str, int]:
        """How many requests were refused since the start, by reason."""
        with self._counting:
            return dict(self._refusals)

    def refused(self, reason: str) -> None:
        """Count a refusal."""
        with self._counting:
            self._refusals[reason] += 1

    def submit(
        self,
        spec: TrainSpec,
        task_id: str | None,
        *,
        local: bool,
        own: bool = False,
        rank: float | None = None,
    ) -> Job:
        """Queue a job, or find the same one again. `local`: the caller may name files of this machine.

        `own`: the operator's, in the foreground; what the service accepts of others does not bind it.
        `rank`, from 0 to 1, is its place among jobs of the same class (`policy.priority`), if `local`.
        Raises Declined, TaskConflict, TuningError.
        """
        known = self.store.get(task_id) if task_id is not None else None
        if known is not None:
            if known.spec.digest != spec.digest:
                raise TaskConflict(f"task {task_id!r} is known with another content: take another task_id")
            return known
        if not local:
            self._refuse_paths(spec)
            spec = spec.model_copy(update={"foreign": True})
        self._check_at_once(spec)
        head = self._head(spec)
        model = facts_of(spec.model, self._shop.token)
        family = family_of_spec(spec, model.config)
        device = self._device()
        need = self._need(spec, spec.task, model, family, head, device=device)
        job_id = uuid.uuid4().hex
        with self._lock:
            verdict = self._verdict(Offer(spec.task, family, spec.hours, need), device)
            if isinstance(verdict, RefusedOffer):
                if not own:
                    raise Declined(verdict.reason, verdict.message, _STATUS.get(verdict.reason, 403))
                if verdict.reason in (NotTaken.MEMORY, NotTaken.DISK):
                    logger.warning("{}", verdict.message)
                verdict = TakenOffer(1.0)
            return self.store.add(
                Job(
                    id=job_id,
                    task_id=task_id or job_id,
                    spec=spec,
                    family=family,
                    hours=need.hours,
                    priority=priority(
                        self._record(family, spec.task),
                        verdict.slack,
                        0.5 if rank is None or not local else rank,
                    ),
                    created_s=self._clock(),
                )
            )

    def consider(self, offer: MinerTaskOffer, *, local: bool) -> MinerTaskResponse:
        """Whether a task would be accepted now; nothing is queued."""
        task = _TASKS[offer.task_type]
        if not local:
            self._refuse_names(offer.model)
        try:
            if offer.model_params_count:
                model = ModelFacts.of(offer.model, {}, float(offer.model_params_count))
            else:
                model = facts_of(offer.model, self._shop.token)
            refuse_other_kind(offer.model, model.config, pictures=task == "image")
        except TuningError as error:
            self.refused(answer_to(error)[1])
            return MinerTaskResponse(message=str(error), accepted=False)
        family = family_of(offer.model, model.config)
        head = Head(offer.ds_size or _GUESSED.rows, _GUESSED.row_bytes)
        device = self._device()
        need = self._need(None, task, model, family, head, device=device)
        verdict = self._verdict(Offer(task, family, offer.hours_to_complete, need), device)
        if isinstance(verdict, RefusedOffer):
            self.refused(verdict.reason)
            return MinerTaskResponse(message=verdict.message, accepted=False)
        return MinerTaskResponse(message="Yes.", accepted=True)

    def job(self, job_id: str) -> Job | None:
        """By its id, or its task's."""
        return self.store.get(job_id)

    def status(self, job_id: str) -> dict[str, Any] | None:
        """What is known of a job; None if it is not."""
        if (evaluation := self._evaluations.get(job_id)) is not None:
            return _told(job_id, evaluation)
        job = self.store.get(job_id)
        if job is None:
            return None
        return facts(job, self._shop.folders) | {"position": self.store.position(job)}

    def evaluate(self, request: EvaluateRequest, *, local: bool, wait: bool) -> dict[str, Any]:
        """The evaluation, or if not `wait` the id by which `status` tells it. Raises TuningError."""
        if not local:  # first: what follows looks whether a dataset is a folder
            self._refuse_paths(request.spec(), request.original_model, *request.others)
        _check_type(request.spec())
        evaluation_id = uuid.uuid4().hex
        folder = self._shop.folders.root / "evaluations" / evaluation_id
        with self._lock:
            for done in [one for one, its in self._evaluations.items() if its.done()][:-_EVALUATIONS_KEPT]:
                del self._evaluations[done]
            if sum(not one.done() for one in self._evaluations.values()) >= self._settings.queue_size:
                raise Declined("queue_full", "As many evaluations wait as MAX_QUEUE_SIZE allows.", 429)
            future = self._evaluating.submit(self._shop.evaluate, request, folder, local=local)
            self._evaluations[evaluation_id] = future
        return future.result() if wait else {"job_id": evaluation_id}

    def close(self) -> None:
        """Evaluations that wait are not begun any more."""
        self._evaluating.shutdown(wait=False, cancel_futures=True)

    def cancel(self, job_id: str) -> bool:
        """Ask for a job's end; False if it is over or unknown."""
        job = self.store.get(job_id)
        return job is not None and self.store.cancel(job.id, self._clock())

    def submission(self, job: Job) -> dict[str, Any]:
        """Of a completed job, as validators ask for it. There is no repository: jobs upload nothing."""
        result = job.result or {}
        return {
            "repo": None,
            "model_hash": result.get("model_hash"),
            "detail": "The model is not in a repository: this service uploads none, its operator may.",
        }

    def training_repo(self, task_type: Literal["text", "image"]) -> TrainingRepo | None:
        text = self._settings.text_repo if task_type == "text" else self._settings.image_repo
        return None if text is None else TrainingRepo.parse(text)

    def totals(self) -> dict[str, int]:
        """Numbers of jobs by state."""
        return {state.value: n for state, n in self.store.counts().items()}

    def running(self) -> Iterator[tuple[Job, Progress]]:
        """The jobs that a worker holds, with their progress."""
        for job in self.store.jobs(over=False, most=100):
            if job.state is not JobState.QUEUED:
                progress = Progress(self._shop.folders.job(job.id))
                progress.read()
                yield job, progress

    def _refuse_paths(self, spec: TrainSpec, *more: str) -> None:
        if spec.file_format in ("csv", "json", "jsonl"):
            self._refuse_names("/")
        paths = (spec.model, spec.dataset, spec.test or "", spec.adapter_from or "")
        self._refuse_names(*paths, *more)

    def _refuse_names(self, *names: str) -> None:
        if any(one.strip().startswith(("/", "~", ".")) or here(one) for one in names if one):
            raise Declined(
                "path", "Only names of the hub and http(s) addresses are taken from other machines.", 403
            )

    def _check_at_once(self, spec: TrainSpec) -> None:
        """What can be known before anything is fetched. Raises Declined, TuningError."""
        _check_type(spec)
        if isinstance(spec.dataset_type, GrpoType) and not self._settings.allow_reward_code:
            raise Declined(
                "reward_code", "Reward functions are foreign code: --tuning.allow_reward_code runs them.", 403
            )
        if spec.test and here(spec.test) is None:
            raise TuningError(f"the test file {spec.test} does not exist: correct its path")
        if spec.adapter_from and not (Path(spec.adapter_from).expanduser() / "adapter_config.json").is_file():
            raise TuningError(f"{spec.adapter_from} is no adapter: it has no adapter_config.json")
        if spec.file_format == "s3" and not spec.dataset.startswith(("http://", "https://")):
            raise TuningError(f"the dataset {spec.dataset} is no http(s) address: take another file_format")
        endings = _ENDINGS.get(spec.file_format)
        path = here(spec.dataset)
        picture = isinstance(spec.dataset_type, ImageType)
        if (
            endings
            and path is not None
            and path.is_file()
            and not picture
            and path.suffix.lower() not in endings
        ):
            raise TuningError(
                f"{spec.dataset} does not end in {' or '.join(endings)}: correct file_format or its name"
            )

    def _head(self, spec: TrainSpec) -> Head:
        """Rows and their size, by the beginning of a local file; faults there are told at once."""
        if spec.file_format == "s3":
            return Head(spec.rows or _GUESSED.rows, _GUESSED.row_bytes)
        path = here(spec.dataset)
        if path is None:
            if spec.file_format != "hf":
                raise TuningError(f"the dataset {spec.dataset} does not exist: correct its path")
            whole = spec.foreign and spec.rows is None
            hub.refuse_dataset(spec.dataset, self._shop.token, hub.MOST_FILE_BYTES if whole else None)
            return Head(spec.rows or _GUESSED.rows, _GUESSED.row_bytes)
        return read_head(spec.dataset_type, path)

    def _device(self) -> TrainingDevice:
        """What a job finds here when it is its turn: those that hold memory now have ended by then."""
        return TrainingDevice.here(self._shop.folders.root, emptied=True)

    def _need(
        self,
        spec: TrainSpec | None,
        task: Any,
        model: ModelFacts,
        family: str,
        head: Head,
        *,
        device: TrainingDevice,
    ) -> Need:
        kind = spec.dataset_type.kind if spec and isinstance(spec.dataset_type, ImageType) else None
        plan = plan_of(
            family,
            model.parameters,
            preset=spec.preset if spec else None,
            kind=kind,
            overrides=spec.overrides if spec else None,
        )
        local = self._settings.engine == "local"
        if local:
            plan = fitted(plan, task, model, device)
        pace = TrainingPace.read(self._shop.folders.pace)
        need = need_of(plan, task, model, rows=head.rows, row_bytes=head.row_bytes, device=device, pace=pace)
        # A cluster's nodes are of unknown size and speed; the disk is the one that they share with us.
        return need if local else replace(need, hours=0.0, memory_bytes=0, measured=False)

    def _verdict(self, offer: Offer, device: TrainingDevice) -> TakenOffer | RefusedOffer:
        settings = self._settings
        limits = JobLimits(
            settings.families, settings.max_text_hours, settings.max_image_hours, settings.queue_size
        )
        return accept(offer, limits, self._queue_facts(offer, device))

    def _queue_facts(self, offer: Offer, device: TrainingDevice) -> QueueFacts:
        waiting = self.store.waiting(offer.family, offer.task)
        held = [
            job for job in self.store.jobs(over=False, most=_MOST_HELD) if job.state is not JobState.QUEUED
        ]
        ahead = waiting.hours + sum(self._left_h(job) for job in held)
        return QueueFacts(
            now_s=self._clock(),
            queued=waiting.jobs,
            ahead_hours=ahead / self._settings.concurrent_jobs,
            free_memory_bytes=device.free_bytes,
            free_disk_bytes=device.disk_bytes,
            record=self._record(offer.family, offer.task),
            same_pending=waiting.same,
        )

    def _left_h(self, job: Job) -> float:
        """Hours until a held job is done, by its own pace where it has one."""
        progress = Progress(self._shop.folders.job(job.id))
        progress.read()
        return job.hours if progress.eta_s is None else progress.eta_s / 3600

    def _record(self, family: str, task: str) -> Any:
        return record_of(self.store.ended(family, task), self._clock())


def answer_to(error: TuningError) -> tuple[int, str]:
    """HTTP status and reason."""
    if isinstance(error, Declined):
        return error.status, error.reason
    return next(
        ((status, reason) for kind, status, reason in _FAULTS if isinstance(error, kind)), (400, "request")
    )


def _check_type(spec: TrainSpec) -> None:
    """Raises TuningError for a dataset_type with which no row can be read."""
    kind = spec.dataset_type
    if isinstance(kind, ImageType):
        if spec.file_format == "hf" and here(spec.dataset) is None:
            raise TuningError(
                f"pictures are read from a folder or a zip, not from the hub's {spec.dataset}: give the "
                "address of a zip, and file_format s3"
            )
        return
    converter_of(kind)
    if isinstance(kind, ChatType) and kind.chat_template is not None:
        try:
            template_of(kind.chat_template)
        except ValueError as error:
            raise TuningError(str(error)) from None


def _told(evaluation_id: str, future: Future[dict[str, Any]]) -> dict[str, Any]:
    if not future.done():
        return {"job_id": evaluation_id, "status": "Running" if future.running() else "Queued"}
    if future.cancelled():
        return {"job_id": evaluation_id, "status": "Failed", "error_message": "the service was stopped"}
    if (error := future.exception()) is not None:
        return {"job_id": evaluation_id, "status": "Failed", "error_message": str(error)}
    return {"job_id": evaluation_id, "status": "Completed", **future.result()}
