"""`make tune-demo`: train the demo's model on 200 generated questions, and measure it before and after.

Both measurements ask vLLM for a program, as the race's sampler does, and run it in the sandbox.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from logicnet._util.processes import free_port
from logicnet._util.stopping import interruptible
from logicnet.deadline import Deadline
from logicnet.errors import LogicnetError
from logicnet.evals.report import page
from logicnet.evals.report.charts import Chart
from logicnet.evals.report.estimate import Estimate, mean_of
from logicnet.llm import Endpoint
from logicnet.operate.demo.run import PIPE_WIDTH, START_S, step
from logicnet.operate.demo.stage import Stage
from logicnet.solver.race.profiles import Profile, load_profiles, profile_for
from logicnet.solver.race.samplers import program_prompt
from logicnet.solver.sandbox.sandbox import Sandbox
from logicnet.tuning import hub
from logicnet.tuning.demo_questions import DemoQuestion, demo_questions
from logicnet.tuning.folders import Folders
from logicnet.tuning.isolation import TRAINER
from logicnet.tuning.progress import Progress

TRAINED = 200
HELD_OUT = 96
SHOTS = 5
_AT_ONCE = 8
_ANSWER_S = 300.0  # for one program; the machine may be busy with other things
_FLAGS = ("--epochs", "2", "--max-length", "160", "--val-split", "0.1")


@dataclass(frozen=True)
class TuneStage:
    """Interpreters that have vLLM and TRL, the model's folder, and a folder for all that the demo writes."""

    vllm_python: Path
    python: Path
    model: Path
    folder: Path

    def check(self) -> Stage:
        """Raise LogicnetError if something is not there."""
        if not self.python.exists():
            raise LogicnetError(f"the trainer is not at {self.python}: `make tune-demo` sets it up")
        stage = Stage(self.vllm_python, self.model, self.folder)
        stage.check()
        return stage


def run(stage: TuneStage, console: Console | None = None) -> int:
    """The exit status: 0 if the trained model is right more often, 130 after Ctrl-C. Raises LogicnetError."""
    console = console or Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    page.require()
    base = stage.check()
    try:
        with interruptible():
            return _run(stage, base, console)
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return 130


def _run(stage: TuneStage, base: Stage, console: Console) -> int:
    started_s = time.monotonic()
    stage.folder.mkdir(parents=True, exist_ok=True)
    lessons, held_out = demo_questions(TRAINED, HELD_OUT)
    profile = profile_for("smollm2", load_profiles())
    plain = replace_examples(profile, 0)
    found: dict[str, list[bool]] = {}
    with _served(base, console, "the model as it is") as url:
        found["before"] = asyncio.run(_right(url, plain, held_out))
        shown = replace_examples(profile, SHOTS)
        found[f"before, with {SHOTS} worked examples"] = asyncio.run(_right(url, shown, held_out))
    adapter, progress = _train(stage, lessons, plain, console)
    merged = stage.folder / "merged"
    with step(console, "Merging the adapter into the model"):
        _merge(stage, adapter, merged)
    with _served(replace(base, model=merged), console, "the trained model") as url:
        found["after"] = asyncio.run(_right(url, plain, held_out))
    _report(stage, console, found, progress)
    console.print(f"Took {time.monotonic() - started_s:.0f} s.", highlight=False)
    return 0 if sum(found["after"]) > sum(found["before"]) else 1


def replace_examples(profile: Profile, count: int) -> Profile:
    """The profile with so many worked examples before a program."""
    return profile.model_copy(update={"program": profile.program.model_copy(update={"examples": count})})


@contextmanager
def _served(stage: Stage, console: Console, what: str) -> Iterator[str]:
    """A vLLM; its base URL."""
    port = free_port()
    with stage.start_vllm(port) as vllm:
        with step(console, f"Starting vLLM with {what}") as tick:
            vllm.wait_for(f"http://127.0.0.1:{port}/v1/models", within_s=START_S, tick=tick)
        yield f"http://127.0.0.1:{port}/v1"


async def _right(url: str, profile: Profile, questions: Sequence[DemoQuestion]) -> list[bool]:
    """Whether the program that the model writes for each question prints its answer."""
    free, endpoint = asyncio.Semaphore(_AT_ONCE), Endpoint(url, None, None)
    async with aclosing(Sandbox(patience_s=_ANSWER_S)) as sandbox:

        async def right(one: DemoQuestion) -> bool:
            async with free:
                done = await endpoint.complete(
                    program_prompt(one.text, profile),
                    deadline=Deadline.after(_ANSWER_S),
                    max_tokens=profile.program.max_tokens,
                    temperature=0.0,
                )
            ran = await sandbox.run(done.text)
            return _number(ran.value) == Fraction(one.answer)

        try:
            return list(await asyncio.gather(*map(right, questions)))
        finally:
            await endpoint.close()


def _number(text: str) -> Fraction | None:
    try:
        return Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        return None


def _train(
    stage: TuneStage, lessons: Sequence[DemoQuestion], profile: Profile, console: Console
) -> tuple[Path, Progress]:
    """Train by the command that an operator would use; the adapter and how it went."""
    rows = stage.folder / "lessons.jsonl"
    asked = [
        {"instruction": program_prompt(one.text, profile)[-1].content, "output": one.program}
        for one in lessons
    ]
    rows.write_text("".join(json.dumps(one) + "\n" for one in asked))
    folders = Folders((stage.folder / "tuning").absolute())
    shutil.rmtree(folders.root, ignore_errors=True)
    words = [
        "tune",
        "run",
        "--model",
        str(stage.model.absolute()),
        "--dataset",
        str(rows.absolute()),
        *_FLAGS,
    ]
    words += ["--tuning.folder", str(folders.root), "--tuning.python", str(stage.python.absolute())]
    console.print(f"$ logicnet {' '.join(words)}", highlight=False, markup=False, soft_wrap=True)
    status = subprocess.run([sys.executable, "-m", "logicnet", *words], check=False).returncode  # noqa: S603
    jobs = folders.store().jobs(over=True, most=1) if folders.queue.exists() else []
    if status != 0 or not jobs:
        raise LogicnetError(f"the training ended with status {status}: what it said is above")
    folder = folders.job(jobs[0].id)
    progress = Progress(folder)
    progress.read()
    return folder / "adapter", progress


def _merge(stage: TuneStage, adapter: Path, merged: Path) -> None:
    shutil.rmtree(merged, ignore_errors=True)
    words = [str(stage.python), "-m", TRAINER, "merge", str(stage.model), str(adapter), str(merged)]
    done = subprocess.run(  # noqa: S603
        words, env=hub.environment(None), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise LogicnetError(
            f"the adapter cannot be merged: {(done.stderr.strip().splitlines() or ['?'])[-1]}"
        )


def _report(stage: TuneStage, console: Console, found: dict[str, list[bool]], progress: Progress) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "right", "of", "accuracy", "95 % interval"):
        table.add_column(name)
    for name, right in found.items():
        table.add_row(name, str(sum(right)), str(len(right)), *_accuracy(right))
    console.print(table)
    losses = [one.loss for one in progress.evaluations]
    console.print(
        f"Held-out loss {losses[0]:.3f} -> {min(losses):.3f}. The questions are of the kinds that were "
        "trained, with other numbers: the model learned to write such calculations down, nothing more.",
        highlight=False,
    )
    out = stage.folder / "report.html"
    out.write_text(
        page.small_page("A model before and after training", _rows(found), _charts(found, progress))
    )
    console.print(f"The picture: {out}", highlight=False)


def _accuracy(right: Sequence[bool]) -> tuple[str, str]:
    estimate = mean_of([float(one) for one in right]) or Estimate(0.0, None, None, 0)
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.2f}", f"({estimate.without_interval})"
    return f"{estimate.mean:.2f}", f"{estimate.low:.2f} to {estimate.high:.2f}"


def _rows(found: dict[str, list[bool]]) -> list[tuple[str, ...]]:
    head = ("", "right", "of", "accuracy", "95 % interval")
    return [head, *((name, str(sum(one)), str(len(one)), *_accuracy(one)) for name, one in found.items())]


def _charts(found: dict[str, list[bool]], progress: Progress) -> list[Chart]:
    axis: dict[str, Any] = {
        "axisLabel": {"color": "var(--dim)"},
        "splitLine": {"lineStyle": {"color": "var(--line)"}},
    }

    def line(name: str, data: list[list[float]], colour: str) -> dict[str, Any]:
        drawn = {"lineStyle": {"color": colour}, "itemStyle": {"color": colour}}
        return {"name": name, "type": "line", "data": data, "symbolSize": 4, **drawn}

    losses = {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 36, "bottom": 4, "containLabel": True},
        "legend": {"textStyle": {"color": "var(--dim)"}, "top": 0},
        "xAxis": {"type": "value", "name": "step", **axis},
        "yAxis": {"type": "value", "name": "loss", "min": 0, **axis},
        "series": [
            line("training loss", [[at, loss] for at, loss in progress.curve], "var(--s0)"),
            line("held-out loss", [[one.step, one.loss] for one in progress.evaluations], "var(--s1)"),
        ],
    }
    bars = {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 8, "bottom": 4, "containLabel": True},
        "xAxis": {"type": "value", "min": 0, "max": 1, **axis},
        "yAxis": {"type": "category", "data": list(found), "inverse": True, **axis},
        "series": [
            {
                "type": "bar",
                "data": [round(sum(one) / len(one), 4) for one in found.values()],
                "itemStyle": {"color": "var(--s0)"},
                "barMaxWidth": 26,
            }
        ],
    }
    return [
        Chart("losses", "Loss while training", "Held-out rows are never trained on.", losses),
        Chart(
            "accuracy",
            "Programs that print the right answer",
            "Held-out questions, asked by vLLM.",
            bars,
            160,
        ),
    ]
