"""What each competition asks, and who wins."""

import json
import math
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from logicnet.errors import SettingsError, TuningError
from logicnet.tuning.compete import competitions as module
from logicnet.tuning.compete.candidates import of_folder
from logicnet.tuning.compete.competitions import (
    Candidate,
    RuleState,
    Submission,
    competition,
    competitions,
)
from tests.harness.model_folder import TEMPLATE, model_folder
from tests.unit.tuning.compete.conftest import HOTKEY

COMMIT = "ab" * 20


def candidate(folder: Path, **more: Any) -> Candidate:
    made = of_folder(model_folder(folder, **more), hashes=more.get("parameters", 0) < 10**6)
    return replace(
        made,
        base=replace(made, weights={"model.safetensors": "untrained"}),
        revision=COMMIT,
        public=True,
        rivals={},
    )


def states(found: Candidate, name: str = "m1", repo: str = "maker/model") -> dict[str, RuleState]:
    return {one.name: one.state for one in competition(name).rules(found, repo, HOTKEY)}


def broken(found: Candidate, name: str = "m1", repo: str = "maker/model") -> set[str]:
    return {rule for rule, state in states(found, name, repo).items() if state is not RuleState.MET}


def test_the_documents_competitions_are_data() -> None:
    found = competitions()
    assert {"m1", "g1", "reason-mining"} <= set(found)
    assert [found[name].floor_s for name in ("m1", "g1")] == [1200, 1200]
    assert [found[name].once for name in ("m1", "g1", "reason-mining")] == [False, False, True]


def test_a_model_that_meets_every_rule(tmp_path: Path) -> None:
    assert broken(candidate(tmp_path / "m")) == set()
    gemma = candidate(tmp_path / "g", architecture="GemmaForCausalLM")
    assert broken(gemma, "g1") == set()
    assert broken(candidate(tmp_path / "r"), "reason-mining", f"maker/model-{HOTKEY}") == set()


@pytest.mark.parametrize(
    ("name", "given", "rule"),
    [
        ("m1", {"parameters": 7 * 2**30}, "parameters size"),
        ("g1", {"parameters": 3 * 2**30, "architecture": "GemmaForCausalLM"}, "parameters"),
        ("m1", {"architecture": "GemmaForCausalLM"}, "architecture"),
        ("m1", {"architecture": "Qwen3ForCausalLM"}, "architecture"),
        ("g1", {}, "architecture"),
        ("m1", {"max_position_embeddings": 1024}, "sequence"),
        ("m1", {"auto_map": {"AutoModel": "modeling.M"}}, "code"),
    ],
)
def test_a_constraint_that_is_broken(tmp_path: Path, name: str, given: dict[str, Any], rule: str) -> None:
    assert broken(candidate(tmp_path / "m", **given), name) == set(rule.split())


def test_size_is_of_the_whole_repository(tmp_path: Path) -> None:
    found = candidate(tmp_path / "m")
    assert broken(replace(found, files={**found.files, "extra.safetensors": 15 * 10**9})) == {"size"}
    assert broken(replace(found, files={**found.files, "pytorch_model.bin": 10})) == {"pickles"}
    assert broken(replace(found, files={**found.files, "modeling_x.py": 10})) == {"code"}


def test_a_chat_template_of_its_own_is_refused(tmp_path: Path) -> None:
    base = candidate(tmp_path / "base")
    other = replace(candidate(tmp_path / "m", template="{{ messages[0]['content'] }}"), base=base)
    assert broken(other) == {"chat template"}
    ended = replace(candidate(tmp_path / "e", template=TEMPLATE + "{{ eos_token }}"), base=base)
    assert broken(ended) == set()
    bare = replace(candidate(tmp_path / "b", template=None), base=base)
    assert broken(bare) == {"chat template"}


def test_what_is_not_known_is_neither_met_nor_broken(tmp_path: Path) -> None:
    found = replace(of_folder(model_folder(tmp_path / "m")))
    unknown = {rule for rule, state in states(found).items() if state is RuleState.UNKNOWN}
    assert unknown == {"chat template", "public", "commit"}
    assert all(
        one.mend for one in competition("m1").rules(found, "maker/model", HOTKEY) if one.name in unknown
    )


@pytest.mark.parametrize("repo", ["maker", "a/b/c", "a" * 20 + "/" + "b" * 19, ""])
def test_a_name_that_does_not_fit_on_the_chain(tmp_path: Path, repo: str) -> None:
    assert broken(candidate(tmp_path / "m"), repo=repo) == {"name"}


@pytest.mark.parametrize(
    ("repo", "met"),
    [
        (f"maker/{HOTKEY}", True),
        (f"maker/model-{HOTKEY.lower()}", True),
        (f"maker/{HOTKEY}-v2", False),
        ("maker/model", False),
        (HOTKEY, False),
    ],
)
def test_reason_mining_wants_the_hotkey_at_the_names_end(tmp_path: Path, repo: str, met: bool) -> None:
    assert ("name" not in broken(candidate(tmp_path / "m"), "reason-mining", repo)) is met


def test_reason_mining_wants_new_weights_of_its_base(tmp_path: Path) -> None:
    repo = f"maker/{HOTKEY}"
    found = candidate(tmp_path / "m")
    (digest,) = found.weights.values()
    copied = replace(found, rivals={digest: "rival/model"})
    assert broken(copied, "reason-mining", repo) == {"weights"}
    assert broken(replace(found, rivals=None), "reason-mining", repo) == {"weights"}
    assert broken(replace(found, base=found), "reason-mining", repo) == {"weights"}  # nothing was trained
    wide = replace(candidate(tmp_path / "w", hidden_size=32), base=found.base)
    assert broken(wide, "reason-mining", repo) == {"base"}


def test_a_commit_is_forty_digits_and_not_a_branch(tmp_path: Path) -> None:
    found = replace(candidate(tmp_path / "m"), revision="main")
    for name in ("m1", "reason-mining"):
        assert "commit" in broken(found, name)
        with pytest.raises(TuningError, match="40 hex digits, not a branch or a tag"):
            competition(name).write(Submission("maker/model", "main", "A" * 43 + "="))


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "null",
        '{"model": "maker/model"}',
        '{"model": 1, "revision": 2}',
        '{"model": "maker/model", "revision": "main"}',
        json.dumps({"model": "model", "revision": COMMIT}),
        "[" * 10_000,
    ],
)
def test_reason_mining_reads_its_own_text_only(text: str) -> None:
    with pytest.raises(TuningError, match="commitment"):
        competition("reason-mining").read(text)


def test_each_reads_what_it_wrote() -> None:
    for one in competitions().values():
        given = Submission("maker/model", COMMIT, "" if one.once else "A" * 43 + "=")
        assert one.read(one.write(given)) == given


# Who wins.


def losses(*values: float) -> dict[str, dict[str, float]]:
    return {"loss": {str(number): value for number, value in enumerate(values)}}


@pytest.mark.parametrize(
    ("old", "new", "won", "rate"),
    [
        ([1.0] * 20, [0.98] * 20, True, 1.0),
        ([1.0] * 20, [0.995] * 20, False, 0.0),  # lower, but not by 1 %
        ([1.0] * 20, [1.0] * 20, False, 0.0),  # a copy
        ([1.0] * 20, [0.5] * 10 + [2.0] * 10, False, 0.5),  # half is not more than half
        ([1.0] * 20, [0.98] * 11 + [9.0] * 9, True, 0.55),
        ([1.0] * 20, [math.nan] * 20, None, 0.0),
        ([1.0] * 20, [0.5] * 19 + [math.nan], True, 0.95),
        ([math.inf] * 2 + [1.0] * 18, [0.5] * 20, True, 1.0),
    ],
)
def test_an_older_model_must_be_beaten_by_one_percent(
    old: list[float], new: list[float], won: bool | None, rate: float
) -> None:
    if won is None:
        with pytest.raises(TuningError, match="no sample has a finite score"):
            competition("m1").compare(losses(*old), losses(*new))
        return
    found = competition("m1").compare(losses(*old), losses(*new))
    assert (found.won, found.environments[0].win_rate) == (won, pytest.approx(rate))


def test_the_interval_is_paired() -> None:
    old = [1.0 + number for number in range(40)]
    found = competition("m1").compare(losses(*old), losses(*[one - 0.5 - one / 1e4 for one in old]))
    difference = found.environments[0].difference
    assert difference.low is not None
    assert difference.high is not None
    assert (difference.low > -0.51, difference.high < -0.49) == (True, True)


def scores(**means: float) -> dict[str, dict[str, float]]:
    return {name: {str(one): mean for one in range(60)} for name, mean in means.items()}


@pytest.mark.parametrize(
    ("new", "won"),
    [
        ({"a": 0.53, "b": 0.53}, True),
        ({"a": 0.99, "b": 0.51}, False),  # not by the margin in b
        ({"a": 0.99, "b": 0.40}, False),
        ({"a": 0.50, "b": 0.50}, False),
    ],
)
def test_the_champion_must_be_beaten_by_the_margin_in_every_environment(
    new: dict[str, float], won: bool
) -> None:
    found = competition("reason-mining").compare(scores(a=0.5, b=0.5), scores(**new))
    assert found.won is won
    assert ("every environment" in found.why) is True


def test_an_environment_with_few_samples_is_not_won() -> None:
    few = {"a": {str(one): 0.0 for one in range(49)}}
    assert not competition("reason-mining").compare(few, {"a": dict.fromkeys(few["a"], 1.0)}).won


@pytest.mark.parametrize("name", ["m1", "reason-mining"])
def test_samples_that_differ_are_not_compared(name: str) -> None:
    with pytest.raises(TuningError, match="same samples"):
        competition(name).compare(losses(1, 2), {"loss": {"0": 1.0, "7": 1.0}})
    with pytest.raises(TuningError):
        competition(name).compare(losses(1, 2), {"other": {"0": 1.0, "1": 1.0}})
    with pytest.raises(TuningError):
        competition(name).compare({}, {})


# Plug-ins.


def test_a_competition_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"'reason_mining': there is no such .* mean 'reason-mining'"):
        competition("reason_mining")


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, module.GROUP)


def test_a_package_brings_competitions_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = entry("finetuning", "logicnet.tuning.compete.finetuning:finetuning")
    theirs = entry("theirs", f"{__name__}:their_competitions")
    monkeypatch.setattr(module, "entry_points", lambda group: [ours, theirs])
    assert set(competitions()) == {"m1", "g1", "x1"}
    again = entry("again", f"{__name__}:other_m1")
    monkeypatch.setattr(module, "entry_points", lambda group: [ours, again])
    with pytest.raises(SettingsError, match="two competitions are named 'm1'"):
        competitions()
    gone = entry("gone", "nowhere:nothing")
    monkeypatch.setattr(module, "entry_points", lambda group: [gone])
    with pytest.raises(SettingsError, match="nowhere:nothing cannot be loaded: ModuleNotFoundError"):
        competitions()


def their_competitions() -> list[Any]:
    from logicnet.tuning.compete.finetuning import finetuning  # noqa: PLC0415

    return [replace(finetuning()[0], id="x1")]


def other_m1() -> list[Any]:
    from logicnet.tuning.compete.finetuning import finetuning  # noqa: PLC0415

    return [replace(finetuning()[0], margin=0.5)]
