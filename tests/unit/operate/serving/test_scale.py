"""The table of docs/scale.md against `logicnet plan`, and against the arithmetic that it names."""

from __future__ import annotations

import json
from bisect import bisect_right
from pathlib import Path

import pytest

from logicnet.cli import main
from logicnet.scoring.reward import FULL_VOLUME
from logicnet.volume.advice import peak
from tests.harness.quiet import logging_put_back

DOCUMENT = Path(__file__).parents[4] / "docs" / "scale.md"
CARDS = {"an L4": "L4", "an RTX 4090": "RTX 4090", "an L40S": "L40S", "an H100": "H100"}
HOSTS = {
    "one host of eight L40S": ("L40S", 8),
    "one host of eight H100": ("H100", 8),
    "ten hosts of eight L40S": ("L40S", 80),
    "ten hosts of eight H100": ("H100", 80),
}


def planned(capsys: pytest.CaptureFixture[str], card: str) -> dict[str, float]:
    with logging_put_back():
        assert main(["plan", "--card", card, "--model", "qwen2.5-7b-instruct", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def row(name: str) -> list[str]:
    """The cells behind the first of the row of that name."""
    lines = DOCUMENT.read_text().splitlines()
    assert "| | at once | seconds at that load | safe in 600 s | hotkeys of 512 |" in lines
    line = next(line for line in lines if line.startswith(f"| {name} |"))
    return [cell.strip().replace(",", "") for cell in line.strip("|").split("|")[1:]]


def safe(at_once: int, seconds: float) -> int:
    """As `safe_volume`, for hotkeys enough to use all of it."""
    volumes = range(200_000)
    return bisect_right(volumes, at_once, key=lambda volume: peak(volume, seconds)) - 1


@pytest.mark.parametrize("name", CARDS)
def test_the_document_has_what_plan_prints_of_a_card(capsys, name):
    found = planned(capsys, CARDS[name])
    at_once, seconds, volume, _ = row(name)
    main(["plan", "--card", CARDS[name], "--model", "qwen2.5-7b-instruct"])
    assert f" {found['seconds_at_once']:.1f} s a challenge; about " in capsys.readouterr().out
    assert int(at_once) == found["at_once"]
    assert float(seconds) == pytest.approx(found["seconds_at_once"], abs=0.5)
    assert min(int(volume), FULL_VOLUME) == found["volume"]
    assert int(volume) == pytest.approx(safe(found["at_once"], found["seconds_at_once"]), rel=0.002)


@pytest.mark.parametrize("name", HOSTS)
def test_the_document_has_the_arithmetic_of_hosts(capsys, name):
    card, gpus = HOSTS[name]
    found = planned(capsys, card)
    at_once, seconds, volume, hotkeys = row(name)
    assert int(at_once) == found["at_once"] * gpus
    assert float(seconds) == pytest.approx(found["seconds_at_once"], abs=0.5)
    assert int(volume) == pytest.approx(safe(found["at_once"] * gpus, found["seconds_at_once"]), rel=0.002)
    assert int(hotkeys) == int(volume) // FULL_VOLUME
