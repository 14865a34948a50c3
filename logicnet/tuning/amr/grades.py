"""What a result is called, the guide's claims beside it, and what to change."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from logicnet._util.parsing import parse, read, validate
from logicnet.tuning.advice import Hint
from logicnet.tuning.amr.score import Smatch

FILE = Path(__file__).with_name("claims.toml")

_SIZE = re.compile(r"(?<!\d)(\d{1,6}(?:\.\d{1,6})?)b\b", re.IGNORECASE)


class Claims(BaseModel):
    """claims.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grades: tuple[tuple[float, str], ...]
    validation_loss_below: float
    target_f1: tuple[float, float]
    f1: dict[str, tuple[float, float]]
    time: dict[str, dict[str, str]]
    aliases: dict[str, str]


@cache
def claims() -> Claims:
    """Raises SettingsError."""
    return validate(Claims, parse(read(FILE, str(FILE)), str(FILE)), FILE.name)


@dataclass(frozen=True)
class AmrResult:
    """Of held-out sentences. `bare` is task 1's score, `full` task 2's; `broken` answers have no graph."""

    model: str
    use_case: str | None
    sentences: int
    bare: Smatch
    full: Smatch
    broken: int
    validation_loss: float
    seconds: float  # of training


def grade(f1: float) -> str:
    """Of an F1 from 0 to 1, in the guide's words."""
    return next((word for above, word in claims().grades if 100 * f1 > above), "not acceptable")


def beside_claims(result: AmrResult) -> list[tuple[str, str, str]]:
    """What, measured, claimed by the guide; the first row is the head."""
    said, size = claims(), _size(result.model)
    claimed = said.f1.get(size)
    low, high = said.target_f1
    times = said.time.get(result.use_case or "", {})
    return [
        ("", "measured", "the guide's claim"),
        (
            "SMATCH F1, graphs (task 2)",
            f"{100 * result.full.f1:.1f} % ({grade(result.full.f1)})",
            f"{claimed[0]:g} to {claimed[1]:g} %" if claimed else f"target {low:g} to {high:g} %",
        ),
        ("SMATCH F1, without variables (task 1)", f"{100 * result.bare.f1:.1f} %", "above task 2"),
        ("answers without a graph", f"{result.broken} of {result.sentences}", ""),
        ("held-out loss", f"{result.validation_loss:.3f}", f"below {said.validation_loss_below:g}"),
        ("training", f"{result.seconds / 60:.1f} min", times.get(size) or times.get("", "")),
    ]


def advise_amr(result: AmrResult) -> Iterator[Hint]:
    """What stands out, with the flag that the guide names."""
    f1 = 100 * result.full.f1
    lowest = claims().grades[-1][0]
    if f1 <= lowest:
        words = (
            f"SMATCH F1 {f1:.1f} % is not above {lowest:g} %: more epochs, another template, a larger model."
        )
        yield Hint("warning", words, "--epochs 15 --template v5_cot --model qwen2.5-7b")
    if result.bare.f1 < result.full.f1:
        words = "The task without variables scores lower than the one with them: expected is the opposite."
        yield Hint("warning", words, "--show-sample")
    if result.validation_loss >= claims().validation_loss_below:
        words = f"Held-out loss {result.validation_loss:.3f} is not below {claims().validation_loss_below:g}."
        yield Hint("warning", words, "--epochs 15")
    if result.broken:
        words = (
            f"{result.broken} of {result.sentences} answers hold no graph that penman reads; each scores 0."
        )
        yield Hint("info", words, "--max-length 2048")


def _size(model: str) -> str:
    found = _SIZE.search(model)
    return found[1].removesuffix(".0") if found else ""
