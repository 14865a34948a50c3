"""SMATCH by two programs, broken graphs, and the documented command with the real trainer."""

import json
import random
import re

import pytest
import smatch as first_smatch

import train_mtup
from logicnet.cli import main
from logicnet.tuning.amr import grammar
from logicnet.tuning.amr.graphs import BadGraph, read_bare, read_graph
from logicnet.tuning.amr.score import Smatch, smatch
from tests.harness.tiny_models import TUNE_PYTHON

HAND = [
    ("(ă / ăn :agent (t / tôi))", "(ă / ăn :agent (n / nó))"),
    ("(m / muốn :agent (t / tôi) :topic (ă / ăn :agent t))", "(m / muốn :agent (t / tôi) :topic (ă / ăn))"),
    ("(n / người :agent-of (h / hát :polarity -))", "(h / hát :agent (n / người))"),
    ('(t / thành_phố :name (n / name :op1 "Huế"))', '(t / thành_phố :name (n / name :op1 "Đà" :op2 "Nẵng"))'),
    ("(a / and :op1 (x / mèo) :op2 (y / chó))", "(a / and :op1 (x / chó) :op2 (y / mèo))"),
    (
        "(a / and :op1 (x / mèo) :op2 (y / mèo :mod (đ / đen)))",
        "(a / and :op1 (x / mèo :mod (đ / đen)) :op2 (y / mèo))",
    ),
    ("(b / bi_kịch :domain (c / chỗ :topic (đ / đó)))", "(c / chỗ :domain-of (b / bi_kịch))"),
    ("(x / mua :quant 3 :theme (c / cá))", "(x / mua :quant 4 :theme (c / cá :quant 3))"),
]
"""Predictions with their gold graphs."""


def varied(count: int) -> list[tuple[str, str]]:
    """Graphs of the grammar against others: of other sentences, or with concepts changed and branches cut."""
    luck = random.Random(5)
    made = []
    graphs = [graph for _, graph in grammar.sentences(count * 2, seed=9)]
    for one, other in zip(graphs[::2], graphs[1::2], strict=True):
        changed = (
            re.sub(r" :place \([^()]*\)", "", one) if luck.random() < 0.5 else one.replace("/ ", "/ x", 1)
        )
        made.append((changed, luck.choice((one, other))))
    return made


PAIRS = HAND + varied(20 - len(HAND))


@pytest.mark.parametrize("pair", PAIRS)
def test_smatchpp_and_smatch_agree(pair):
    predicted, gold = pair
    ours = smatch(read_graph(predicted), read_graph(gold))
    best = [first_smatch.get_amr_match(predicted, gold) for _ in range(3)]  # it climbs from random mappings
    first_smatch.match_triple_dict.clear()
    theirs = max(best)
    assert (ours.matched, ours.predicted, ours.gold) == theirs
    assert ours.f1 == pytest.approx(first_smatch.compute_f(*theirs)[2])
    assert 0 < ours.f1 < 1 or predicted == gold


def test_there_are_twenty_pairs_that_differ():
    assert len(set(PAIRS)) == 20
    assert sum(one == other for one, other in PAIRS) <= 2


@pytest.mark.parametrize(
    "broken", ["(ă / ăn :agent (t / tôi)", "(ă / ăn :agent (t / tôi)))", "(ă / ăn :agent t / tôi)"]
)
def test_a_broken_graph_scores_0_though_smatchpp_alone_would_not_say_so(broken):
    from smatchpp import Smatchpp  # noqa: PLC0415

    gold = "(ă / ăn :agent (t / tôi))"
    assert Smatchpp().score_pair(broken, gold)["main"]["F1"] > 50
    with pytest.raises(BadGraph):
        read_graph(broken)
    assert smatch(None, read_graph(gold)) == Smatch(0.0, 0, 4)
    assert smatch(None, read_graph(gold)).f1 == 0.0


def test_without_variables_coreference_is_all_that_is_lost():
    graph = read_graph("(m / muốn :agent (t / tôi) :topic (ă / ăn :agent t))")
    bare = read_bare(graph.bare)
    assert smatch(bare, bare).f1 == 1.0
    assert 0.5 < smatch(bare, graph).f1 < 1.0


def test_the_documented_command_trains_both_outputs_and_says_what_they_are_worth(tmp_path, base, capsys):
    """Faults of the guide's own program: it trained the prompt too, passed `evaluation_strategy`, which
    transformers 5 does not know, scored broken graphs, and told hopes as results."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(grammar.blocks(60, seed=1))
    words = ["--use-case", "quick_test", "--show-sample", "--model", base, "--train-files", corpus]
    words += [
        "--batch-size",
        "4",
        "--grad-accum",
        "1",
        "--lr",
        "2e-4",
        "--eval-steps",
        "8",
        "--log-steps",
        "1",
    ]
    words += ["--max-length", "1024", "--template", "v4_compact", "--score-rows", "3", "--val-split", "0.2"]
    words += ["--tuning.folder", tmp_path / "tuning", "--tuning.python", TUNE_PYTHON]
    status = main(["tune", "amr", *map(str, words), "--tuning.isolation", "process"])
    told = capsys.readouterr().out
    assert status == 0, told
    assert train_mtup.main is main
    assert "60 sentences with a graph" in told
    assert re.search(r"Prompt:\nAMR: .*\n\nTarget:\nT1:\n\(.*\)\n\nT2:\n\(\w+ / .*\)\n", told)
    assert "the guide's claim" in told and "target 70 to 80 %" in told and "10 min" in told
    (folder,) = (tmp_path / "tuning" / "jobs").iterdir()
    (row, *_) = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    assert row["prompt"][0]["content"].startswith("AMR: ")
    assert row["completion"][0]["content"].startswith("T1:\n(")
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert len([one for one in events if one["kind"] == "eval"]) >= 2
    assert [one for one in events if one["kind"] == "sample"]
    job = json.loads((folder / "job.json").read_text())
    assert job["lora"]["dropout"] == 0.05 and job["optimisation"]["weight_decay"] == 0.02
    scored = [json.loads(line) for line in (folder / "amr.jsonl").read_text().splitlines()]
    assert len(scored) == 3 <= len((folder / "validation.jsonl").read_text().splitlines())
    found = json.loads((folder / "amr.json").read_text())
    # A model of 0.1 M random weights writes no graphs, and is told so.
    broken = [one for one in scored if one["fault"]]
    assert found["broken"] == len(broken)
    assert all(one["f1"] == 0 for one in broken)
    if found["full"]["matched"] == 0:
        assert "0.0 % (not acceptable)" in told and "--template v5_cot" in told
    lines = (folder / "validation.jsonl").read_text().splitlines()
    held = {json.loads(line)["prompt"][0]["content"] for line in lines}
    assert {f"AMR: {one['sentence']}" for one in scored} <= held
