"""What stands out in the events of a training."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from logicnet.tuning.advice import advise
from logicnet.tuning.progress import Progress


def trained(
    losses: Sequence[float],
    evals: Sequence[float] = (),
    *,
    lr: float = 2e-4,
    machine: dict[str, float | None] | None = None,
    total: int = 100,
    ended: str = "",
) -> Progress:
    """The progress of a trainer that wrote such events."""
    events: list[dict[str, Any]] = [
        {"kind": "started", "steps": total, "resumed_from": None, "device": "cpu"}
    ]
    events += [
        {"kind": "step", "step": n, "loss": loss, "lr": lr} | (machine or {})
        for n, loss in enumerate(losses, 1)
    ]
    events += [{"kind": "eval", "step": n, "loss": loss, "best": False} for n, loss in enumerate(evals)]
    events += [{"kind": "ended", "reason": ended, "message": ""}] if ended else []
    return written(events)


def written(events: Sequence[dict[str, Any]]) -> Progress:
    with TemporaryDirectory() as folder:
        lines = "".join(json.dumps({"at": 1000.0 + n, **one}) + "\n" for n, one in enumerate(events))
        (Path(folder) / "events.jsonl").write_text(lines)
        progress = Progress(Path(folder))
        progress.read()
        return progress


def words(progress: Progress) -> str:
    return " ".join(one.words for one in advise(progress))


def test_a_training_that_goes_well_gets_no_advice():
    assert advise(trained([2.0 - 0.01 * n for n in range(60)], [2.0, 1.8, 1.6, 1.5])) == []


def test_a_jump_of_the_loss_is_seen_and_its_size_told():
    found = advise(trained([1.0, 1.02, 0.99] * 8 + [4.0]))
    assert ["4" in one.words and one.flag == "--lr 1e-4" for one in found] == [True]


def test_rising_held_out_loss_means_by_heart_or_a_high_learning_rate():
    rising = [1.0, 1.1, 1.2, 1.3]
    assert "by heart" in words(trained([2.0] * 10 + [0.5] * 10, rising))
    assert "weight decay" in words(trained([1.0] * 10 + [1.4] * 10, rising))
    assert "held-out" not in words(trained([1.0] * 20, [1.0, 1.1, 1.05, 1.1])).lower()


def test_a_loss_that_does_not_move_names_a_learning_rate_that_is_too_small():
    (one,) = advise(trained([1.5] * 60, lr=1e-8, total=100))
    assert one.flag == "--lr 2e-4" and "1e-08" in one.words
    assert advise(trained([1.5] * 60, total=100))[0].flag == ""


def test_endings_are_explained():
    for reason, word in {
        "non_finite": "halve",
        "out_of_memory": "batch",
        "patience": "best",
        "time": "Time",
    }.items():
        assert word in words(trained([], ended=reason))
    assert words(trained([], ended="done")) == ""


def test_machine_and_time():
    slow = trained([1.0] * 11, total=7211, machine={"gpu": 0.4, "memory": 0.97})  # a second a step
    found = advise(slow, hours=1.0)
    assert [one.level for one in found] == ["warning", "warning", "info"]
    assert "2 h of 1 h" in found[0].words
    assert "97% of the memory" in found[1].words
    assert "40% of the time" in found[2].words
    well = trained([1.0] * 11, total=7211, machine={"gpu": 0.9, "memory": 0.5})
    assert advise(well, hours=3.0) == []
    unknown = trained([1.0] * 11, total=7211, machine={"gpu": None, "memory": None})
    assert advise(unknown, hours=3.0) == []
    assert advise(trained([1.0] * 4, machine={"gpu": 0.1})) == []  # too few reports


def test_warnings_of_the_trainer_are_passed_on():
    assert words(written([{"kind": "warning", "message": "3 rows were cut"}])) == "3 rows were cut"
