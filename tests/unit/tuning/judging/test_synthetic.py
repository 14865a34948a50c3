"""Rows that ask the same in other words."""

import re

import pytest

from logicnet.errors import ModelError
from logicnet.llm import Completion
from logicnet.tuning.judging.synthetic import rephrased, reworded

ROW = {
    "prompt": [
        {"role": "system", "content": "The big rule."},
        {"role": "user", "content": "Penny has $20. She buys 4 pairs of socks. How many dollars are left?"},
    ],
    "completion": [{"role": "assistant", "content": "Socks cost 4*2=8 dollars. She has 12 left, in total."}],
}
CHAT = {"messages": [*ROW["prompt"], *ROW["completion"]]}
DPO = {"prompt": ROW["prompt"], "chosen": ROW["completion"], "rejected": ROW["completion"]}
TEXT = {"text": "Many kids need money, because the car is small."}


def texts(row: dict) -> list[str]:
    return [one["content"] for value in row.values() if isinstance(value, list) for one in value] or [
        row["text"]
    ]


@pytest.mark.parametrize("row", [ROW, CHAT, DPO, TEXT])
def test_question_and_answer_are_reworded_and_numbers_stay(row):
    found = reworded([row], 0)
    made = found.rows[0]
    assert found.changed == 1.0
    assert made.keys() == row.keys()
    for before, after in zip(texts(row), texts(made), strict=True):
        assert re.findall(r"\d+", before) == re.findall(r"\d+", after)
    if row is not TEXT:
        assert texts(made)[0] == texts(row)[0]  # a system's
        assert texts(made)[1] != texts(row)[1]
    if row is DPO:
        assert made["rejected"] == row["rejected"]


def test_rewording_is_the_same_for_a_seed():
    rows = [ROW, CHAT, TEXT]
    assert reworded(rows, 3) == reworded(rows, 3)
    assert reworded([ROW] * 30, 3).rows[:9] != reworded([ROW] * 30, 4).rows[:9]


def test_answers_that_rules_cannot_reword_are_counted():
    code = ROW | {"completion": [{"role": "assistant", "content": "print(20 - 4 * 2)"}]}
    assert reworded([code, code, code, ROW], 0).changed == 0.25


class Scripted:
    """Replies with what `said` makes of a text."""

    def __init__(self, said) -> None:
        self.said, self.asked = said, []

    async def complete(self, messages, *, deadline, **how):
        self.asked.append(messages[-1].content)
        return Completion(self.said(messages[-1].content), "stop")


async def test_a_model_rewords_every_text_but_a_systems():
    models = Scripted(lambda text: f"In other words: {text}")
    found = await rephrased([ROW, TEXT], models)
    assert (found.changed, found.raw) == (1.0, 0)
    assert sorted(models.asked) == sorted([*texts(ROW)[1:], TEXT["text"]])
    assert texts(found.rows[0])[2] == f"In other words: {texts(ROW)[2]}"


async def test_a_rewording_without_the_numbers_is_asked_for_again_and_then_left():
    models = Scripted(lambda text: "A few socks.")
    found = await rephrased([ROW, TEXT], models)
    assert found.raw == 2
    assert found.rows[0] == ROW
    assert texts(found.rows[1]) == ["A few socks."]
    assert len(models.asked) == 5
    assert found.changed == 0.5


async def test_a_model_that_says_nothing_is_an_error():
    with pytest.raises(ModelError, match="nothing was reworded"):
        await rephrased([ROW], Scripted(lambda text: ""))
