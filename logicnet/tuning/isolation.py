"""Where a trainer runs: in docker where its daemon answers, else in a confined process (train/confine.py).

Either way: no network unless it was asked for, limits, an environment by allow-list, no wallet. A confined
process keeps its user, so of files it is kept only from the hidden ones; docker shows it nothing but the
code, the base model and the job's folder.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import psutil
from loguru import logger

import logicnet
from logicnet.errors import TuningError
from logicnet.settings import TuningSettings
from logicnet.tuning.jobs import Job
from logicnet.tuning.train import confine
from logicnet.tuning.train.confine import Confinement
from logicnet.tuning.train.jobfile import JobFile

PACKAGE = Path(logicnet.__file__).parent
CHECKOUT = PACKAGE.parent
TRAINER = "logicnet.tuning.train"  # what `python -m` runs, with the job's folder

LEAST_MEMORY_BYTES = 8 << 30  # of address space: importing torch alone takes some 4 GiB of it
MOST_FILE_BYTES = 64 << 30  # a shard of a checkpoint has 5 GB
MOST_PROCESSES = 4096  # threads count; data loaders of eight GPUs on 200 cores stay below

HIDDEN = ("~/.bittensor", "~/.ssh", "~/.aws", "~/.netrc", "~/.config", "~/.cache/huggingface/token")

Kind = Literal["docker", "process"]

_SETTINGS: Mapping[str, str] = {
    "USER": "trainer",  # torch asks for a name, and the user may have none inside
    "LOGNAME": "trainer",
    "LANG": "C.UTF-8",
    "PYTHONUNBUFFERED": "1",
    "PYTHONSAFEPATH": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "WANDB_MODE": "offline"}


@dataclass(frozen=True)
class Isolation:
    """How trainers are confined. `argv` and `environment` are all that an engine needs to start one."""

    kind: Kind
    python: Path  # with TRL and PEFT; docker has its own
    image: str = "logicnet-trainer"
    network: bool = False  # of jobs that ask for it; no others have it
    allow_reward_code: bool = False
    kept: bool = False  # containers stay when they end: the engine asks why they did, and removes them
    contained: bool = False  # we are in a container that was made for one task: it is isolation enough
    hidden: tuple[Path, ...] = ()  # beside HIDDEN: the wallet, .env
    wandb_key: str | None = None
    program: tuple[str, ...] | None = None  # in place of `python -m logicnet.tuning.train`

    @classmethod
    def of(
        cls, settings: TuningSettings, *, hidden: tuple[Path, ...] = (), wandb_key: str | None = None
    ) -> "Isolation":
        """Raises TuningError if there is no docker where it was asked for, or no trainer's Python."""
        kind: Kind = "process"
        if settings.isolation == "docker" or (settings.isolation == "auto" and settings.engine == "local"):
            kind = "docker" if docker_answers() and has_image(settings.image) else "process"
        if settings.isolation == "docker" and kind == "process":
            raise TuningError(
                f"docker does not answer, or has no image {settings.image}: start its daemon and build the "
                "image, or set --tuning.isolation process"
            )
        return cls(
            kind=kind,
            python=trainer_python(settings),
            image=settings.image,
            kept=settings.engine == "local",
            network=settings.network,
            allow_reward_code=settings.allow_reward_code,
            hidden=hidden,
            wandb_key=wandb_key,
        )

    def argv(self, job: Job, folder: Path, file: JobFile) -> list[str]:
        """The command that becomes the trainer of `folder`, and its files. Raises TuningError, OSError."""
        if file.rewards and not self.allow_reward_code:
            raise TuningError(
                "the job brings reward functions, foreign code: allow them with --tuning.allow_reward_code"
            )
        read = {Path(file.base)} | ({Path(file.adapter_from)} if file.adapter_from else set())
        wandb = self.wandb_key is not None and "wandb" in file.report_to
        return self._confined(
            container(job),
            self._program("python" if self.kind == "docker" else str(self.python), folder, file),
            folder,
            read,
            self._settings(job, file),
            network=self.network and job.spec.network,
            strict=bool(file.rewards) and not self.contained,
            passed=("CUDA_VISIBLE_DEVICES", *(("WANDB_API_KEY",) if wandb else ())),
        )

    def evaluation(self, folder: Path, words: Sequence[str], read: Iterable[Path]) -> list[str]:
        """The command that runs `python WORDS` as a trainer, on the folders `read` of strangers' models."""
        python = "python" if self.kind == "docker" else str(self.python)
        once = replace(self, kept=False)  # nobody asks why it ended
        return once._confined(
            _evaluation(folder), [python, *words], folder, set(read), {**_SETTINGS, **_OFFLINE}
        )

    def evaluation_ended(self, folder: Path) -> None:
        """Remove its container, if one outlived it."""
        if self.kind == "docker":
            remove(_evaluation(folder))

    def _confined(
        self,
        name: str,
        program: list[str],
        folder: Path,
        read: set[Path],
        variables: Mapping[str, str],
        *,
        network: bool = False,
        strict: bool = False,
        passed: tuple[str, ...] = (),
    ) -> list[str]:
        """`strict`: not without namespaces; `passed`: variables of ours that a container gets."""
        (folder / "home").mkdir(mode=0o700, exist_ok=True)
        if self.kind == "docker":
            return self._docker(name, program, folder, read, variables, network=network, passed=passed)
        code = folder / "code"
        code.mkdir(exist_ok=True)
        link = code / "logicnet"
        link.unlink(missing_ok=True)
        link.symlink_to(PACKAGE)
        if not (network or strict or self.contained):
            _warn_of_network(self.python)
        memory = psutil.virtual_memory().total + psutil.swap_memory().total
        hidden = (*map(Path, HIDDEN), *self.hidden, CHECKOUT / ".env")
        launch = Confinement(
            argv=tuple(program),
            environment={
                **variables,
                "HOME": str(folder / "home"),
                "PYTHONPATH": str(code),  # only this package, not those of our own environment
            },
            network=network,
            memory_bytes=max(memory, LEAST_MEMORY_BYTES),
            mapped_bytes=sum(one.stat().st_size for path in read for one in path.rglob("*.safetensors")),
            file_bytes=MOST_FILE_BYTES,
            processes=MOST_PROCESSES,
            hidden=tuple(str(path.expanduser()) for path in hidden),
            strict=strict,
        )
        launch.write(folder / "launch.json")
        script = code / "logicnet" / Path(confine.__file__).relative_to(PACKAGE)
        return [str(self.python), "-I", str(script), str(folder / "launch.json")]

    def environment(self, file: JobFile | None = None) -> dict[str, str]:
        """That of the command: what a trainer may see of ours, and the key of the service it reports to."""
        given = dict(os.environ) if self.kind == "docker" else confine.allowed(os.environ)
        given.pop("WANDB_API_KEY", None)
        if self.wandb_key is not None and file is not None and "wandb" in file.report_to:
            given["WANDB_API_KEY"] = self.wandb_key
        return given

    def _program(self, python: str, folder: Path, file: JobFile) -> list[str]:
        if self.program is not None:
            return [*self.program, str(folder)]
        if file.gpus > 1:
            launcher = ["-m", "accelerate.commands.launch", "--multi_gpu"]
            words = ["--num_processes", str(file.gpus), "--num_machines", "1", "--mixed_precision", "no"]
            return [python, *launcher, *words, "--dynamo_backend", "no", "-m", TRAINER, str(folder)]
        return [python, "-m", TRAINER, str(folder)]

    def _settings(self, job: Job, file: JobFile) -> dict[str, str]:
        given = dict(_SETTINGS)
        if file.threads is not None:
            given["OMP_NUM_THREADS"] = str(file.threads)
        return given if self.network and job.spec.network else given | _OFFLINE

    def _docker(
        self,
        name: str,
        program: list[str],
        folder: Path,
        read: set[Path],
        variables: Mapping[str, str],
        *,
        network: bool,
        passed: tuple[str, ...],
    ) -> list[str]:
        # What the hub's client fetched are links to files beside the snapshots.
        read = read | {path.parents[1] / "blobs" for path in read if path.parent.name == "snapshots"}
        mounts = [f"type=bind,source={PACKAGE},target=/code/logicnet,readonly"]
        mounts += [f"type=bind,source={path},target={path},readonly" for path in sorted(read)]
        mounts += [f"type=bind,source={folder},target={folder}"]
        variables = {**variables, "HOME": str(folder / "home"), "PYTHONPATH": "/code"}
        words = ["docker", "run", *(() if self.kept else ("--rm",)), "--init", "--name", name]
        words += ["--network", "bridge" if network else "none"]
        words += [
            "--memory",
            str(psutil.virtual_memory().total * 9 // 10),
            "--cpus",
            str(os.cpu_count() or 1),
        ]
        words += ["--pids-limit", str(MOST_PROCESSES), "--ulimit", f"fsize={MOST_FILE_BYTES}"]
        words += ["--shm-size", "2g", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        words += ["--user", f"{os.getuid()}:{os.getgid()}", "--workdir", str(folder)]
        words += ["--gpus", "all"] if confine.has_cuda() else []
        for mount in mounts:
            words += ["--mount", mount]
        for variable, value in variables.items():
            words += ["--env", f"{variable}={value}"]
        for variable in passed:
            words += ["--env", variable]  # its value, if any, from our environment: a command line is public
        return [*words, self.image, *program]


def container(job: Job) -> str:
    """The name of its container."""
    return f"logicnet-{job.id}"


def _evaluation(folder: Path) -> str:
    return f"logicnet-evaluation-{folder.name}"


def remove(name: str) -> None:
    """Remove a container, running or not, if there is one."""
    _succeeds("docker", "rm", "--force", name)


def ran_out_of_memory(name: str) -> bool | None:
    """Whether a container that ended was killed for want of memory; None if docker does not say."""
    found = _ran("docker", "inspect", "--format", "{{.State.OOMKilled}}", name)
    if found is None or found.returncode != 0:
        return None
    return {b"true": True, b"false": False}.get(found.stdout.strip())


def trainer_python(settings: TuningSettings) -> Path:
    """The interpreter that has TRL and PEFT. Raises TuningError if it is not there."""
    python = settings.python or CHECKOUT / ".venv-tune" / "bin" / "python"
    if not python.exists():
        raise TuningError(
            f"there is no {python}, which trains: make it with `scripts/setup tune`, or name another with "
            "--tuning.python"
        )
    return python.absolute()  # not resolved: an environment's Python is a link


@cache
def docker_answers() -> bool:
    """Whether `docker info` does; asked once."""
    return _succeeds("docker", "info")


def has_image(name: str) -> bool:
    return _succeeds("docker", "image", "inspect", name)


@cache
def _warn_of_network(python: Path) -> None:
    """Say once that trainers could reach the network here."""
    if not _succeeds(str(python), "-I", confine.__file__, "--can"):
        logger.warning(
            "this kernel gives trainers no namespaces of their own: they could reach the network and the "
            "wallet. Run docker, or allow unprivileged user namespaces (sysctl "
            "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)"
        )


def _succeeds(*argv: str) -> bool:
    found = _ran(*argv)
    return found is not None and found.returncode == 0


def _ran(*argv: str) -> "subprocess.CompletedProcess[bytes] | None":
    try:
        return subprocess.run(  # noqa: S603 (our own command lines)
            argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=20.0
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
