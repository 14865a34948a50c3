"""`logicnet tune mine`: load, search, train, compare, threshold, upload, commit.

The same command goes on where it was stopped: downloads, trials, the training, the upload and the commitment
are each found again, and what is done is not done twice.
"""

import asyncio
import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from logicnet.chain import CommitmentChain
from logicnet.config import Config
from logicnet.errors import SettingsError, TuningError
from logicnet.settings import Settings, TuningSettings
from logicnet.tuning import hub
from logicnet.tuning.compete import starting
from logicnet.tuning.compete.commands import list_competitions, submitter, upload
from logicnet.tuning.compete.competitions import Submission, Submitted, competition
from logicnet.tuning.compete.finetuning import FinetuningCompetition
from logicnet.tuning.compete.head_to_head import Samples, against
from logicnet.tuning.compete.mine_options import MineOptions
from logicnet.tuning.compete.options import UploadOptions
from logicnet.tuning.compete.publish import reachable
from logicnet.tuning.compete.starting import Rivals, StartingModel
from logicnet.tuning.folders import here
from logicnet.tuning.foreground import worked
from logicnet.tuning.isolation import TRAINER
from logicnet.tuning.jobs import JobState
from logicnet.tuning.search.foreground import conduct
from logicnet.tuning.search.space import load_space
from logicnet.tuning.train.evalfile import Losses
from logicnet.tuning.workshop import Workshop

MERGE_S = 3600.0
"""For a model of 7B parameters from a slow disk."""

_SOME_HASH = f"{'A' * 43}="

say = partial(print, flush=True)


def mine(options: MineOptions, config: Config, chain: CommitmentChain | None = None) -> int:
    """Run the miner; `chain`: in place of that of the settings. Returns the exit status.

    0: uploaded and committed, or trained with --offline. 1: not good enough, or the training failed.
    Raises LogicnetError.
    """
    if options.list_competitions:
        list_competitions()
        return 0
    return _Mining.of(options, config, chain).run()


@dataclass(frozen=True)
class _Mining:
    """One run. `threshold` is None with --offline, and there is no chain then."""

    options: MineOptions
    config: Config
    settings: Settings
    competition: FinetuningCompetition
    chain: CommitmentChain | None
    threshold: float | None

    @classmethod
    def of(cls, options: MineOptions, config: Config, chain: CommitmentChain | None) -> "_Mining":
        """Everything that can be known before anything is fetched. Raises SettingsError, TuningError."""
        chosen = competition(options.competition_id)
        if not isinstance(chosen, FinetuningCompetition):
            raise SettingsError(
                f"--competition_id {chosen.id}: it is not judged by loss: train with `logicnet tune run`, "
                "compare with `logicnet tune rehearse`, submit with `logicnet tune upload`"
            )
        settings = _with_wandb(config.settings, options)
        _ = options.start, options.commit
        options.check_rows()
        load_space(options.space)
        if settings.offline:
            asks = [name for name in ("load_best", "load_uid", "comparison_uid") if options.has(name)]
            if asks:
                raise SettingsError(f"--{asks[0]} asks the chain, and --offline forbids it: leave one out")
            return cls(options, config, settings, chosen, None, None)
        repo, threshold = options.upload_to()
        chosen.write(Submission(repo, "0" * 40, _SOME_HASH))  # a name that is too long is said now
        found = submitter(UploadOptions.parse(_submission(options)), config, chain)
        reachable(repo, found.token)
        chain = chain or cast(CommitmentChain, found.committer.chain)
        return cls(options, config, settings, chosen, chain, threshold)

    def run(self) -> int:
        rivals = self._rivals()
        shop = Workshop.of(self.settings)
        start = self._start(rivals, shop)
        rival = self._rival(rivals, shop)
        say(f"Starting from {start.name}, in {start.folder}")
        network = self.settings.tuning.network
        spec = self.options.spec(start.folder, start.name, network=network)
        space = load_space(self.options.space)
        data = _fingerprint(here(spec.dataset), self.options.load_model_dir)
        found, status = conduct(
            spec.model_copy(update={"network": False}),
            _without_wandb(self.settings),
            space,
            trials=self.options.trials,
            rows=self.options.trial_rows,
            study=shop.folders.root / "searches" / f"mine-{_name(spec.digest, space.shown(), data)}.sqlite",
        )
        if status:
            return status
        spec = found.spec(spec)
        job, status = worked(spec, shop, task_id=f"mine-{_name(spec.digest, data)}")
        if job.state is not JobState.COMPLETED:
            return status
        folder = shop.folders.job(job.id)
        model = self._merged(shop, start.folder, folder / "adapter", job.id)
        samples = Samples.of(
            folder / "validation.jsonl",
            spec.task,
            folder / "comparison",
            max_length=self.competition.tokens,
            device=self.options.device,
        )
        before, ours = samples.both(shop, start.folder, model)
        say(f"The trained model is in {model}")
        say(
            f"Average loss on {ours.rows} held-out samples: {ours.loss:.4f}, "
            f"of {start.name} {before.loss:.4f}"
        )
        if rival is not None:
            name = f"{rival.name} of the miner {self.options.comparison_uid}"
            for line in against(self.competition, partial(samples.losses, shop, rival.folder), ours, name):
                say(line)
        return self._finish(model, start, before, ours)

    def _finish(self, model: Path, start: StartingModel, before: Losses, ours: Losses) -> int:
        if self.threshold is None:
            say("Offline: nothing is uploaded.")
            return 0
        if ours == before:
            say(f"Not uploaded: no weight differs from {start.name}: search higher rates, --space lora")
            return 1
        if not ours.loss <= self.threshold:  # NaN is no good loss
            say(
                f"Not uploaded: {ours.loss:.4f} is above --avg_loss_upload_threshold {self.threshold:g}. To "
                f"upload it nonetheless: logicnet tune upload --load_model_dir {model} --hf_repo_id "
                f"{self.options.hf_repo_id} --competition_id {self.competition.id}"
            )
            return 1
        given = _submission(self.options) | {"load_model_dir": model, "base": str(start.folder)}
        return upload(UploadOptions.parse(given), self.config, self.chain)

    def _rivals(self) -> Rivals | None:
        """Read only if a flag needs them. Raises ChainError."""
        options, chain = self.options, self.chain
        if chain is None or not any(options.has(one) for one in ("load_best", "load_uid", "comparison_uid")):
            return None

        async def read() -> Rivals:
            return await Rivals.read(chain, await chain.metagraph(), self.competition)

        return asyncio.run(read())

    def _start(self, rivals: Rivals | None, shop: Workshop) -> StartingModel:
        options = self.options
        if options.load_model_dir is not None:
            return starting.of_folder(options.load_model_dir)
        if options.load_repo is not None:
            return starting.of_repo(
                self.competition, options.load_repo, options.commit, _downloads(shop), shop.token
            )
        assert rivals is not None  # the other two ask the chain
        found = rivals.best() if options.load_uid is None else rivals.of_uid(options.load_uid)
        say(f"The miner {found.uid} submitted {found.submission.repo} at {found.submission.revision}")
        return self._fetched(found, shop)

    def _rival(self, rivals: Rivals | None, shop: Workshop) -> StartingModel | None:
        """Fetched before the training, which may take days: a uid without a model is said at once."""
        if rivals is None or self.options.comparison_uid is None:
            return None
        return self._fetched(rivals.of_uid(self.options.comparison_uid), shop)

    def _fetched(self, found: Submitted, shop: Workshop) -> StartingModel:
        return starting.fetched(self.competition, found, _downloads(shop), shop.token)

    def _merged(self, shop: Workshop, base: Path, adapter: Path, job_id: str) -> Path:
        """The whole model, as competitions want it. Raises TuningError."""
        root = self.options.model_dir or shop.folders.root / "models"
        model = root.expanduser().absolute() / f"{self.competition.id}-{job_id[:12]}"
        if model.exists():  # it is made by renaming, so it is whole
            return model
        words = [str(shop.isolation.python), "-m", TRAINER, "merge", *map(str, (base, adapter, model))]
        try:
            done = subprocess.run(  # noqa: S603 (our own command line)
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=hub.environment(None) | {"HF_HUB_OFFLINE": "1"},
                timeout=MERGE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TuningError(f"the adapter {adapter} was not merged within {MERGE_S / 60:.0f} min") from None
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise TuningError(f"the adapter {adapter} cannot be merged: {lines[-1][:300]}")
        return model


def _fingerprint(*paths: Path | None) -> str:
    """Another text if a file was changed: what is trained must not be of yesterday."""
    files = [
        file
        for path in paths
        if path is not None
        for file in ([path] if path.is_file() else sorted(path.rglob("*")))
        if file.is_file()
    ]
    return "".join(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}\n" for file in files)


def _name(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _downloads(shop: Workshop) -> Path:
    return shop.folders.root / "downloads"


def _submission(options: MineOptions) -> dict[str, Any]:
    return {"hf_repo_id": options.hf_repo_id, "competition_id": options.competition_id}


def _with_wandb(settings: Settings, options: MineOptions) -> Settings:
    """With the flags' project; the trainer may reach it unless the miner is offline. Raises SettingsError."""
    given = {"wandb_project": options.wandb_project, "wandb_entity": options.wandb_entity}
    if None in given.values():
        lacking = [name for name, value in given.items() if value is None]
        if len(lacking) == 1:
            raise SettingsError(f"--{lacking[0]} is missing: a project and its entity are given together")
        return settings
    return _tuned(settings, {**given, "network": not settings.offline})


def _without_wandb(settings: Settings) -> Settings:
    """Trials are not logged there."""
    return _tuned(settings, {"wandb_project": None, "wandb_entity": None})


def _tuned(settings: Settings, given: Mapping[str, Any]) -> Settings:
    tuning: TuningSettings = settings.tuning.model_copy(update=given)
    return settings.model_copy(update={"tuning": tuning})
