"""What a miner does with what it trained: the threshold, and another miner's model."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from logicnet.chain import Metagraph, Neuron
from logicnet.config import read
from logicnet.errors import TuningError
from logicnet.protocol import Hotkey, Uid
from logicnet.tuning.compete import mine as mining
from logicnet.tuning.compete.competitions import Submission, Submitted, competition
from logicnet.tuning.compete.head_to_head import against, compared, said
from logicnet.tuning.compete.mine_options import MineOptions
from logicnet.tuning.compete.starting import Rivals, StartingModel
from logicnet.tuning.train.evalfile import Losses

START = StartingModel(Path("/models/start"), "maker/start")


def losses(*rows: float | None, tokens: int = 10) -> Losses:
    """Of rows with these average losses; None: a row that was too long."""
    by_row = tuple(None if one is None else (one * tokens, tokens) for one in rows)
    known = [one for one in rows if one is not None]
    mean = sum(known) / len(known)
    return Losses(mean, 1.0, tokens * len(known), len(known), "float32", mean, by_row)


@pytest.mark.parametrize(
    ("loss", "threshold", "uploaded"),
    [(1.0, 1.5, True), (1.5, 1.5, True), (1.51, 1.5, False), (math.nan, 1.5, False), (1.0, None, False)],
)
def test_only_a_loss_that_is_not_above_the_threshold_is_uploaded(
    monkeypatch, capsys, loss, threshold, uploaded
):
    sent: list[Any] = []
    monkeypatch.setattr(mining, "upload", lambda *given: sent.append(given) or 0)
    options = MineOptions.parse({"hf_repo_id": "me/model"})
    config = read([], {})
    run = mining._Mining(options, config, config.settings, competition("m1"), None, threshold)
    found = replace(losses(1.0), loss=loss)
    assert run._finish(Path("/models/new"), START, losses(9.0), found) == (
        1 if threshold is not None and not uploaded else 0
    )
    assert len(sent) == uploaded
    if uploaded:
        assert (sent[0][0].folder, sent[0][0].repo, sent[0][0].base) == (
            Path("/models/new"),
            "me/model",
            "/models/start",
        )
    elif threshold is not None:
        assert "logicnet tune upload --load_model_dir /models/new" in capsys.readouterr().out


def test_a_model_that_training_did_not_change_is_not_uploaded(capsys):
    config = read([], {})
    run = mining._Mining(MineOptions(), config, config.settings, competition("m1"), None, 9.0)
    assert run._finish(Path("/models/new"), START, losses(1.0, 2.0), losses(1.0, 2.0)) == 1
    assert "no weight differs from maker/start" in capsys.readouterr().out


@pytest.mark.parametrize(("flags", "network"), [((), True), (("--offline",), False)])
def test_a_training_is_logged_where_both_flags_say_and_reaches_it_unless_offline(flags, network):
    options = MineOptions.parse({"wandb_project": "lessons", "wandb_entity": "me"})
    settings = mining._with_wandb(read(flags, {}).settings, options)
    tuning = settings.tuning
    assert (tuning.wandb_project, tuning.wandb_entity, tuning.network) == ("lessons", "me", network)
    assert mining._without_wandb(settings).tuning.wandb_project is None
    assert mining._with_wandb(read([], {}).settings, MineOptions()).tuning.network is False


def test_a_newer_model_wins_the_samples_that_it_leads_by_one_percent():
    old = losses(*[1.0] * 20)
    new = losses(*[0.98] * 12, *[0.995] * 8)  # less than 1 % below is not enough
    result = compared(competition("m1"), old, new)
    assert result.won
    (one,) = result.environments
    assert one.win_rate == 0.6
    assert one.difference.mean == pytest.approx(-0.014)
    assert one.difference.low < one.difference.mean < one.difference.high < 0
    lines = said(result, "maker/rival")
    assert "win rate: 60.0%" in lines
    assert any("95 % interval -0.0" in line for line in lines)
    assert lines[-1].startswith("against maker/rival it wins")
    assert not compared(competition("m1"), old, losses(*[0.98] * 10, *[0.995] * 10)).won


def test_only_samples_that_both_could_read_are_compared():
    result = compared(competition("m1"), losses(1.0, None, 2.0), losses(0.5, 0.1, None))
    (one,) = result.environments
    assert (one.difference.count, one.champion, one.challenger) == (1, 1.0, 0.5)
    with pytest.raises(TuningError):
        compared(competition("m1"), losses(1.0, None), losses(None, 1.0))


def test_a_rival_that_cannot_be_measured_stops_nobody():
    def broken() -> Losses:
        raise TuningError("its weights are damaged")

    one = competition("m1")
    assert against(one, broken, losses(1.0), "it") == ["not compared with it: its weights are damaged"]
    assert "win rate: 100.0%" in against(one, lambda: losses(1.0, 2.0), losses(0.5, 1.0), "it")
    (line,) = against(one, lambda: losses(math.nan, math.nan), losses(0.5, 1.0), "it")
    assert line.startswith("not compared with it: loss: no sample has a finite score")


def rivals(*incentives: float) -> Rivals:
    """A model of every miner but the last."""
    neurons = tuple(
        Neuron(Uid(uid), Hotkey(f"5{uid}"), incentive=incentive) for uid, incentive in enumerate(incentives)
    )
    held = tuple(
        Submitted(Submission(f"maker/m{one.uid}", "0" * 40), one.hotkey, one.uid, 100 + one.uid)
        for one in neurons[:-1]
    )
    return Rivals(competition("m1"), held, Metagraph(neurons))


def test_the_best_model_is_that_of_the_highest_incentive():
    found = rivals(0.1, 0.7, 0.2, 0.9)  # the last has no model
    assert found.best().submission.repo == "maker/m1"
    assert found.of_uid(0).submission.repo == "maker/m0"


@pytest.mark.parametrize(("uid", "words"), [(3, "the miner 3 has no model"), (9, "there is no miner 9")])
def test_a_uid_without_a_model_is_one_line(uid, words):
    with pytest.raises(TuningError, match=words):
        rivals(0.1, 0.7, 0.2, 0.9).of_uid(uid)
    with pytest.raises(TuningError, match="no registered miner has a model"):
        rivals(0.5).best()
