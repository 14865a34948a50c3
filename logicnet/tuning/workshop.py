"""What a job needs around it: its model and rows before it is trained, its weights checked afterwards."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loguru import logger

from logicnet._util.processes import Child
from logicnet.errors import SettingsError, TuningError
from logicnet.settings import Settings, TuningSettings
from logicnet.tuning import hub
from logicnet.tuning.data.prepare import prepare, write_rows
from logicnet.tuning.data.rows import columns_of
from logicnet.tuning.engine import Engine, Local
from logicnet.tuning.estimate import TrainingDevice, TrainingPace, fitted, learn_from, memory_of
from logicnet.tuning.evaluation import evaluate
from logicnet.tuning.facts import ModelFacts, facts_of
from logicnet.tuning.families import FAMILIES, family_of_spec
from logicnet.tuning.folders import Folders, here
from logicnet.tuning.isolation import TRAINER, Isolation
from logicnet.tuning.jobs import Job, MemoryTaken, OwnFault
from logicnet.tuning.presets import TrainingPlan, plan_of
from logicnet.tuning.progress import write_prepared
from logicnet.tuning.spec import ChatType, GrpoType, ImageType, TrainSpec
from logicnet.tuning.store import JobStore
from logicnet.tuning.train.evalfile import Evaluation, EvaluationRequest
from logicnet.tuning.train.jobfile import JobFile, Reward, Stopping, TrainResult, hash_of
from logicnet.tuning.verdict import duplicates, verdict
from logicnet.tuning.wire import EvaluateRequest
from logicnet.tuning.worker import Worker

FETCH_S = 3600.0
"""A dataset of the hub is fetched within an hour, or the job fails."""

EVALUATE_S = 4 * 3600.0


@dataclass(frozen=True)
class Workshop:
    """Made of the settings; see the module."""

    settings: TuningSettings
    folders: Folders
    token: str | None  # of Hugging Face
    isolation: Isolation

    @classmethod
    def of(cls, settings: Settings) -> "Workshop":
        """Raises SettingsError, TuningError if nothing can be trained here."""
        tuning = settings.tuning
        if tuning.wandb_entity is not None and tuning.wandb_project is None:
            raise SettingsError("--tuning.wandb_entity is given and --tuning.wandb_project is not: give both")
        for family in sorted(tuning.families - {*FAMILIES}):
            logger.warning("ACCEPTED_MODEL_FAMILIES: {} is not one of {}.", family, ", ".join(FAMILIES))
        key = settings.wandb_api_key
        hidden = (settings.wallet.path.expanduser(),)
        return cls(
            tuning,
            Folders.of(tuning),
            None if settings.hf_token is None else settings.hf_token.get_secret_value(),
            Isolation.of(tuning, hidden=hidden, wandb_key=None if key is None else key.get_secret_value()),
        )

    def worker(self, store: JobStore) -> Worker:
        """Raises SettingsError if the engine cannot be used."""
        return Worker(store, self._engine(), self.folders.jobs, prepare=self.prepare, judge=self.judge)

    def _engine(self) -> Engine:
        if self.settings.engine == "local":
            return Local(self.isolation)
        if self.settings.ray_address is None:
            raise SettingsError(
                "--tuning.engine ray needs --tuning.ray_address, such as http://10.0.0.1:8265"
            )
        from logicnet.tuning.ray_engine import RayEngine  # noqa: PLC0415 (only where it is used)

        return RayEngine(self.settings.ray_address, self.isolation)

    async def prepare(self, job: Job, folder: Path) -> None:
        """Fetch model and rows, check them, write rows and `job.json`. Raises TuningError: one line."""
        await asyncio.to_thread(self._prepare, job, folder)

    async def judge(self, job: Job, folder: Path, result: TrainResult) -> dict[str, Any]:
        """What is kept of a result, once the saved weights are found to be those that were measured."""
        return await asyncio.to_thread(self._judge, folder, result)

    def _prepare(self, job: Job, folder: Path) -> None:
        spec = job.spec
        _left_s(job, "its turn came")
        base = hub.model_folder(spec.model, self.token, local=not spec.foreign)
        facts = facts_of(str(base))
        kind = spec.dataset_type
        made = plan_of(
            family_of_spec(spec, facts.config),
            facts.parameters,
            preset=spec.preset,
            kind=kind.kind if isinstance(kind, ImageType) else None,
            overrides=spec.overrides,
        )
        if self.settings.engine == "local":  # a cluster's nodes are of unknown size
            made = self._fitted(made, spec, facts)
        source = self.source(spec, folder)
        limited = (
            spec
            if spec.rows is not None or made.rows is None
            else spec.model_copy(update={"rows": made.rows})
        )
        rows = prepare(limited, source, folder, test=Path(spec.test) if spec.test else None)
        warnings = (*made.warnings, *rows.warnings)
        write_prepared(folder, rows, warnings, time.time())
        logger.info(
            "job {}: {} rows to train on, {} held out, dropped {}",
            job.id,
            rows.rows,
            rows.validation,
            rows.dropped,
        )
        stopping = made.stopping
        if (left_s := _left_s(job, "its model and rows were fetched")) is not None:
            stopping = Stopping(**vars(stopping) | {"seconds": left_s})
        JobFile(
            id=job.id,
            task=spec.task,
            base=str(base),
            base_name=spec.model_name or spec.model,
            adapter_from=spec.adapter_from,
            lora=made.lora,
            optimisation=made.optimisation,
            stopping=stopping,
            image=made.image,
            rewards=tuple(Reward(one.reward_func, one.reward_weight) for one in kind.reward_functions)
            if isinstance(kind, GrpoType)
            else (),
            chat_template=kind.chat_template if isinstance(kind, ChatType) else None,
            seed=spec.seed,
            device=spec.device,
            report_to=self._report_to(),
            wandb_project=self.settings.wandb_project,
            wandb_entity=self.settings.wandb_entity,
            gpus=min(self.settings.gpus, 1) if spec.task == "image" else self.settings.gpus,
            dropped=rows.dropped,
            columns=columns_of(kind),
            sample=made.sample,
        ).write(folder)
        for warning in warnings:
            logger.warning("job {}: {}", job.id, warning)

    def _fitted(self, plan: TrainingPlan, spec: TrainSpec, facts: ModelFacts) -> TrainingPlan:
        """With a batch that fits what is free now. Raises MemoryTaken if other jobs must end first."""
        device = TrainingDevice.here(self.folders.root)
        plan = fitted(plan, spec.task, facts, device)
        need = memory_of(plan, spec.task, facts)
        free = device.free_bytes
        if free < need <= TrainingDevice.here(self.folders.root, emptied=True).free_bytes:
            raise MemoryTaken(
                f"it takes about {need / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free: it waits until "
                "other jobs have ended"
            )
        return plan

    def _report_to(self) -> tuple[str, ...]:
        names = ["wandb"] if self.settings.wandb_project is not None else []
        return tuple(names + ([self.settings.report_to] if self.settings.report_to != "none" else []))

    def source(self, spec: TrainSpec, folder: Path) -> Path:
        """The file or folder of a spec's rows. Raises TuningError. Blocks."""
        if spec.file_format == "s3":
            return hub.fetch(spec.dataset, folder / "fetched", private=not spec.foreign)
        local = None if spec.foreign else here(spec.dataset)
        if local is not None:
            return local
        if spec.file_format != "hf":
            raise TuningError(f"the dataset {spec.dataset} does not exist: correct its path")
        out = folder / "dataset.jsonl"
        if not out.exists():
            self._fetch(spec, out)
        return out

    def _fetch(self, spec: TrainSpec, out: Path) -> None:
        """Fetch a dataset of the hub, by the library `datasets`, which the training environment has."""
        words = [str(self.isolation.python), "-m", TRAINER, "fetch-dataset", spec.dataset, str(out)]
        words += ["--rows", str(spec.rows)] if spec.rows is not None else []
        if spec.foreign:
            most = min(hub.MOST_FILE_BYTES, shutil.disk_usage(out.parent).free // 2)
            if spec.rows is None:
                hub.refuse_dataset(spec.dataset, self.token, most)
            words += ["--most-bytes", str(most)]
        try:
            done = subprocess.run(  # noqa: S603 (our own command line)
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=hub.environment(self.token),
                timeout=FETCH_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise OwnFault(
                f"the dataset {spec.dataset} was not fetched within {FETCH_S / 3600:.0f} h"
            ) from None
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            raise TuningError(lines[-1][:500] if lines else f"the dataset {spec.dataset} cannot be fetched")

    def evaluate(self, request: EvaluateRequest, folder: Path, *, local: bool = True) -> dict[str, Any]:
        """Loss, perplexity and verdict, as `POST /evaluate/` replies. Raises TuningError. Blocks.

        `folder` is made for this and gone afterwards. `local`: the request may name files of this machine.
        """
        spec = request.spec().model_copy(update={"foreign": not local})
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return told(self._evaluated(request, spec, folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _evaluated(self, request: EvaluateRequest, spec: TrainSpec, folder: Path) -> Evaluation:
        names = {request.original_model, request.model, *request.others}
        for one in {
            request.original_model,
            request.model,
        }:  # loaded one after the other; others are only read
            self._refuse_memory(one, local=not spec.foreign)
        folders = {
            one: hub.model_folder(one, self.token, local=not spec.foreign, most_bytes=hub.MOST_MODEL_BYTES)
            for one in names
        }
        rows = folder / "rows.jsonl"
        write_rows(spec.dataset_type, self.source(spec, folder), rows, spec.rows)
        asked = EvaluationRequest(
            model=str(folders[request.model]),
            original=str(folders[request.original_model]),
            original_name=request.original_model,
            rows=str(rows),
            task=spec.task,
            chat_template=spec.dataset_type.chat_template
            if isinstance(spec.dataset_type, ChatType)
            else None,
            others={one: str(folders[one]) for one in request.others},
        )
        return self.measure(asked, folder, local=not spec.foreign)

    def _refuse_memory(self, name: str, *, local: bool) -> None:
        """Raises TooLarge if this machine cannot hold the model; MemoryTaken if our trainers must end first.

        A model of which nothing is known, such as an adapter, is let through.
        """
        try:
            parameters = facts_of(name, self.token, revision=None if local else "main").parameters
        except TuningError:
            return  # the fetch that follows says what is wrong
        device = TrainingDevice.here(self.folders.root, emptied=True)
        need = parameters * (4 if device.kind == "cpu" else 2)  # a CPU computes in 32 bits
        if need > device.free_bytes:
            raise hub.TooLarge(
                f"model {name}: it takes {need / 1e9:.1f} GB of memory, this machine has "
                f"{device.free_bytes / 1e9:.1f} GB: take a smaller model, or a machine with more memory"
            )
        free = TrainingDevice.here(self.folders.root).free_bytes
        if need > free:
            raise MemoryTaken(
                f"model {name}: it takes {need / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free: try "
                "again when jobs that train now have ended"
            )

    def measure(self, asked: EvaluationRequest, folder: Path, *, local: bool = False) -> Evaluation:
        """The answer to a request whose rows lie in `folder`, in isolation. Raises TuningError. Blocks.

        `local`: an adapter may name a folder of this machine as its base.
        """
        read = {Path(one) for one in (asked.original, asked.model, *asked.others.values())}
        if (base := hub.base_at_hand(Path(asked.model), local=local)) is not None:
            asked = replace(asked, adapter_base=str(base))
            read.add(base)

        def start(words: Sequence[str], log: Path) -> Child:
            argv = self.isolation.evaluation(folder, words, read)
            return Child.start("the evaluation", argv, log=log, env=self.isolation.environment(), cwd=folder)

        try:
            return evaluate(asked, folder, start, limit_s=EVALUATE_S)
        finally:
            self.isolation.evaluation_ended(folder)

    def _judge(self, folder: Path, result: TrainResult) -> dict[str, Any]:
        adapter = folder / result.adapter
        found = hash_of(adapter) if adapter.is_dir() else ""
        if found != result.hashes["adapter"]:
            raise OwnFault(f"the weights in {adapter} are not those that were measured: run the job again")
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # nothing resumes a job that is done
        if self.settings.engine == "local":
            self._learn(folder, result)
        return vars(result) | {"model_hash": found}

    def _learn(self, folder: Path, result: TrainResult) -> None:
        """Remember how fast this machine was; estimates of later jobs are made of it."""
        try:
            device = TrainingDevice.here(self.folders.root)
            learn_from(folder, result, device, TrainingPace.read(self.folders.pace))
        except (OSError, LookupError, ValueError, TuningError) as error:
            logger.warning("the pace of {} is not learned: {}", folder.name, error)


def _left_s(job: Job, what: str) -> float | None:
    """Seconds to train, None for no limit. Raises OwnFault if the job's hours were over before `what`."""
    left_s = job.left_s(time.time())
    if left_s is not None and left_s <= 0:
        raise OwnFault(
            f"its {job.spec.hours:.3g} hours were over before {what}: give it more hours_to_complete, or "
            "send it again when fewer jobs wait"
        )
    return left_s


def told(found: Evaluation) -> dict[str, Any]:
    """An evaluation, as `POST /evaluate/` replies."""
    judged = verdict(found)
    losses = found.model
    return {
        "is_finetune": judged.is_finetune,
        "eval_results": None
        if losses is None
        else {
            "eval_loss": losses.loss,
            "perplexity": losses.perplexity,
            "tokens": losses.tokens,
            "rows": losses.rows,
            "dtype": losses.dtype,
            "mean_of_batches": losses.mean_of_batches,
            "original_loss": None if found.original is None else found.original.loss,
        },
        "verdict": judged.word,
        "reasons": [judged.reason, *judged.warnings],
        "duplicates": [one.name for one in duplicates(found)],
    }
