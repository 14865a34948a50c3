"""A task from its dataset to its page, with scripted measurements; and what is refused."""

import json
import math
import os
from pathlib import Path

import pytest

from logicnet.cli import main
from logicnet.errors import SettingsError, TuningError
from logicnet.tuning.data.checking import BadDataset
from logicnet.tuning.judging.judging import TaskJudge
from logicnet.tuning.judging.making import make_task
from logicnet.tuning.judging.options import JudgeOptions
from logicnet.tuning.judging.task import TaskFolder, read_miners
from tests.harness.scripted_shop import ScriptedShop

NOW_S = 1_000_000.0
LOSSES = {"original": (3.0, 3.0), "a": (1.0, 1.0), "b": (2.5, 2.5), "c": (0.2, 1.1), "d": (1.0, 1.0)}


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows(begin: int, end: int) -> list[dict[str, str]]:
    return [
        {"instruction": f"How many are the {n} big cars?", "output": f"They are {n} big cars"}
        for n in range(begin, end)
    ]


class Place:
    """A folder with a dataset, a model and miners; `make` makes its task."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        (folder / "model").mkdir()
        (folder / "model" / "model.safetensors").touch()
        write(folder / "rows.jsonl", rows(0, 400))
        write(folder / "anew.jsonl", rows(350, 500))
        (folder / "miners.toml").write_text("".join(f'[[miners]]\nname = "{name}"\n' for name in "abcd"))
        self.folder = TaskFolder(folder / "tasks" / "one")

    def options(self, **other: object) -> JudgeOptions:
        given = {
            "model": str(self.root / "model"),
            "dataset": str(self.root / "rows.jsonl"),
            "miners": self.root / "miners.toml",
            "seed": 3,
        }
        return JudgeOptions(**given | other)

    def make(self, **other: object) -> ScriptedShop:
        options = self.options(**other)
        made = make_task(
            self.folder, options, read_miners(options.miners), lambda spec, _: Path(spec.dataset), NOW_S
        )
        return ScriptedShop(LOSSES, made.test_rows)

    def submit(self, name: str, at_s: float = NOW_S + 60) -> Path:
        place = self.folder.submissions / name
        place.mkdir()
        weights = place / "adapter_model.safetensors"
        weights.write_text(name)
        os.utime(weights, (at_s, at_s))
        return place

    def judge(self, shop: ScriptedShop, now_s: float = NOW_S + 120) -> TaskJudge:
        return TaskJudge(self.folder, shop, {}, clock=lambda: now_s)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def fates(found) -> dict[str, str]:
    return {one.miner: one.fate.value for one in found.results}


@pytest.mark.parametrize("anew", [False, True])
def test_four_miners_are_ranked_and_named(place, anew):
    shop = place.make(**{"synthetic": place.root / "anew.jsonl"} if anew else {})
    shop.copies = {"d": "a"}
    for number, name in enumerate("abcd"):
        place.submit(name, NOW_S + number)
    judge = place.judge(shop)
    assert judge.collect(close=False)
    found = judge.judge()
    assert fates(found) == {"a": "ranked", "b": "ranked", "c": "suspected", "d": "copy"}
    assert [one.miner for one in found.results] == ["a", "b", "c", "d"]
    assert found.winner == "a"
    page = place.folder.report.read_text()
    assert "Winner: a: the lowest score" in page
    assert "a copy of a" in page
    kept = json.loads(place.folder.judgement.read_text())
    assert [one["miner"] for one in kept["results"]] == ["a", "b", "c", "d"]


def test_nothing_is_measured_twice_unless_it_changed(place):
    shop = place.make()
    for number, name in enumerate("abcd"):
        place.submit(name, NOW_S + number)
    judge = place.judge(shop)
    assert judge.collect(close=False)
    first = judge.judge()
    assert shop.asked == list("abcd")
    assert place.judge(shop).judge() == first
    assert shop.asked == list("abcd")
    (place.folder.submissions / "c" / "adapter_model.safetensors").write_text("other weights")
    place.judge(shop).judge()
    assert shop.asked == [*"abcd", *"cd"]  # d is compared with c


def test_a_task_waits_for_its_miners_until_its_deadline(place):
    shop = place.make(hours=2.0)
    place.submit("a")
    judge = place.judge(shop)
    assert not judge.collect(close=False)
    assert "Waiting for b, c, d; 118 min are left" in judge.waiting()
    assert place.judge(shop, NOW_S + 7201).collect(close=False)
    assert place.judge(shop).collect(close=True)


def test_who_is_late_or_missing_has_no_score(place):
    shop = place.make()
    place.submit("a")
    place.submit("b", NOW_S + 3601)
    judge = place.judge(shop, NOW_S + 4000)
    assert judge.collect(close=False)
    found = judge.judge()
    assert fates(found) == {
        "a": "ranked",
        "b": "too late",
        "c": "nothing submitted",
        "d": "nothing submitted",
    }
    assert shop.asked == ["a"]


def test_a_submission_that_is_changed_after_it_was_received_is_late(place):
    shop = place.make()
    place.submit("a")
    assert not place.judge(shop).collect(close=False)
    weights = place.folder.submissions / "a" / "adapter_model.safetensors"
    os.utime(weights, (NOW_S + 5000, NOW_S + 5000))
    judge = place.judge(shop, NOW_S + 6000)
    assert judge.collect(close=False)
    assert fates(judge.judge())["a"] == "too late"


def test_what_cannot_be_read_is_named_and_spoils_nothing(place):
    shop = place.make()
    shop.broken = {"b": "only a pickle"}
    shop.losses = LOSSES | {"c": (math.nan, math.nan), "d": (1.2, 1.2)}
    for number, name in enumerate("abcd"):
        place.submit(name, NOW_S + number)
    judge = place.judge(shop)
    judge.collect(close=False)
    found = {one.miner: (one.fate.value, one.reason) for one in judge.judge().results}
    assert found["b"] == ("not readable", "only a pickle")
    assert found["c"][0] == "not readable"
    assert "not a number" in found["c"][1]
    assert (found["a"][0], found["d"][0]) == ("ranked", "ranked")


def test_nobody_submits_and_there_is_a_page_all_the_same(place):
    shop = place.make()
    judge = place.judge(shop, NOW_S + 4000)
    assert judge.collect(close=False)
    found = judge.judge()
    assert (found.winner, found.why) == (None, "nobody has a score")
    assert place.folder.report.exists()


def test_records_of_earlier_tasks_choose_the_next_group(place):
    shop = place.make()
    for number, name in enumerate("abcd"):
        place.submit(name, NOW_S + number)
    judge = place.judge(shop)
    judge.collect(close=False)
    judge.judge()
    place.folder = TaskFolder(place.root / "tasks" / "two")
    (place.root / "miners.toml").write_text(
        "".join(f'[[miners]]\nname = "{name}"\n' for name in ("a", "b", "c", "d", "new"))
    )
    place.make(group_size=2)
    assert "new" in place.folder.task().group


def test_answers_that_cannot_be_reworded_are_warned_of(place):
    write(place.root / "rows.jsonl", [{"instruction": f"{n}?", "output": f"{n}"} for n in range(400)])
    place.make()
    assert "only 0% of the answers could be reworded" in place.folder.task().warnings[0]


@pytest.mark.parametrize(
    ("dataset", "anew", "error"),
    [
        ([], None, "0 different prompts"),
        (rows(0, 100), None, "100 different prompts"),
        (rows(0, 400), rows(0, 400), "0 rows that the dataset does not have"),
        (rows(0, 400), [], "0 rows that the dataset does not have"),
    ],
)
def test_a_dataset_that_is_too_small_leaves_no_task(place, dataset, anew, error):
    write(place.root / "rows.jsonl", dataset)
    other = {} if anew is None else {"synthetic": write(place.root / "anew.jsonl", anew)}
    with pytest.raises(BadDataset, match=error):
        place.make(**other)
    assert not place.folder.exists


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "miners: is missing"),
        ('[[miners]]\nname = "../up"', "miner 1"),
        ('[[miners]]\nname = "a"\nurl = "ftp://x"', "url"),
        ('[[miners]]\nnames = "a"', "did you mean name?"),
        ('[[miners]]\nname = "a"\n[[miners]]\nname = "a"', "a is there twice"),
    ],
)
def test_a_file_of_miners_is_checked(tmp_path, text, error):
    path = tmp_path / "miners.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as found:
        read_miners(path)
    assert error in str(found.value)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "TASK, one folder, is missing"),
        (["{task}"], "--model is missing"),
        (["{task} of mine"], "takes letters, digits"),
        (["{task}", "--model", "m"], "--dataset is missing"),
        (["{task}", "--model", "m", "--dataset", "r.jsonl"], "--miners is missing"),
        (["{task}", "--model", "m", "--dataset", "r.jsonl", "--miners", "/no"], "/no: cannot be read"),
        (["{made}", "--dataset", "r.jsonl"], "--dataset counts for a new one only"),
        (["{made}", "--hours", "3"], "--hours counts for a new one only"),
        (["{task}", "--hours", "0"], "--hours"),
        (["{task}", "--no-such-flag", "1"], "no-such-flag"),
        (
            ["{task}", "--model", "m", "--dataset", "r.jsonl", "--dataset-type", '{"field_prompt": "a", '
             '"reward_functions": [{"reward_func": "x"}]}'],
            "submissions of grpo are not judged",
        ),
    ],
)  # fmt: skip
def test_a_wrong_call_is_refused_in_one_line(place, capsys, words, error):
    place.make()
    names = {"{task}": str(place.root / "new"), "{made}": str(place.folder.path)}
    said_words = [one.replace("{task}", names["{task}"]).replace("{made}", names["{made}"]) for one in words]
    assert main(["tune", "judge", *said_words]) == 2
    said = capsys.readouterr().err.strip()
    assert error in said
    assert len(said.splitlines()) == 1


def test_tokens_of_miners_are_kept_for_the_operator_only(place):
    place.make()
    assert place.folder.miners.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in read_miners(place.folder.miners)] == list("abcd")


def test_one_miner_that_breaks_the_evaluation_spoils_it_for_nobody_else(place):
    shop = place.make()
    shop.failing = {"b"}
    for number, name in enumerate("abcd"):
        place.submit(name, NOW_S + number)
    judge = place.judge(shop)
    judge.collect(close=False)
    found = {one.miner: (one.fate.value, one.reason) for one in judge.judge().results}
    assert found["b"] == ("not readable", "the evaluation of b failed")
    assert found["a"][0] == "ranked"
    shop.failing = set("abcd")
    shop.asked.clear()
    place.folder = TaskFolder(place.root / "tasks" / "two")
    place.make()
    place.submit("a")
    judge = place.judge(shop)
    judge.collect(close=True)
    with pytest.raises(TuningError, match="the evaluation of a failed"):
        judge.judge()


def test_an_offer_to_another_machine_needs_an_address(place):
    shop = place.make()
    (place.root / "miners.toml").write_text('[[miners]]\nname = "a"\nurl = "http://10.1.2.3:7999"')
    miners = {one.name: one for one in read_miners(place.root / "miners.toml")}
    judge = TaskJudge(place.folder, shop, miners, clock=lambda: NOW_S)
    with pytest.raises(SettingsError, match="--train-at"):
        judge.offer(None)


def test_an_evaluation_that_fails_for_the_model_itself_ends_in_an_error(place):
    shop = place.make()
    (place.root / "model" / "model.safetensors").unlink()
    place.submit("a")
    judge = place.judge(shop)
    judge.collect(close=True)
    with pytest.raises(TuningError, match="no weights"):
        judge.judge()
