"""Tables on terminals of every width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from logicnet.operate.serving.catalogue import load
from logicnet.operate.serving.gpus import gpus_of_size
from logicnet.operate.serving.plan import ServingPlan, plan
from logicnet.operate.serving.tables import footprint_gib, models_table, plans_table

OURS = load()


def lines(table: Table, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(table)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_what_is_shown_is_shown_whole(width):
    fits = [
        one
        for one in (plan(model, gpus_of_size(80, 1)) for model in OURS.models)
        if isinstance(one, ServingPlan)
    ]
    for table in (models_table(OURS, width), plans_table(fits, OURS, width)):
        shown = lines(table, width)
        assert all(len(line) <= width for line in shown)
        assert not any("…" in line for line in shown)
        assert any("DeepSeek-R1-Distill-Qwen-32B" in line for line in shown)
        assert ("more columns on a wider terminal" in shown[-1]) == (width < 200)


def test_the_widest_has_every_column():
    heading = " ".join(lines(models_table(OURS, 200), 200)[2:4])
    for word in ("GB", "documents", "parameters", "KiB a", "context", "license", "specialisation", "notes"):
        assert word in heading


@pytest.mark.parametrize(
    "model", [one for one in OURS.models if one.documented_vram_gb], ids=lambda m: m.name
)
def test_the_documents_ask_for_what_we_count_or_for_more(model):
    # falcon-40b's 75 GB hold its 8 bits or its bare weights (76.9 GiB), not the cache as well.
    assert footprint_gib(model) <= model.documented_vram_gb * 1.13
