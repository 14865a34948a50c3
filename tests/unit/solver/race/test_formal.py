"""The formalising sampler: any wording and language that the model reads; the formula is computed exactly."""

import json
from collections.abc import AsyncIterator, Callable

import pytest

from logicnet.llm import Endpoint
from logicnet.solver.race.exact import Exact
from logicnet.solver.race.formal import MOST_CHARS, Written, formal_prompt, formula_in
from logicnet.solver.race.samplers import Samplers
from logicnet.solver.sandbox.sandbox import Sandbox
from tests.harness.scripted_model import Mode, ScriptedModel
from tests.unit.solver.race import course

pytestmark = pytest.mark.own_time

Run = Callable[..., Samplers]


@pytest.fixture
async def run(models: Endpoint) -> AsyncIterator[Run]:
    async with Exact() as exact:
        yield lambda **words: course.samplers(models, Sandbox(), exact, **words)


QUESTIONS = (
    ("Natalia sold 48 clips in April and half as many in May. How many in all?", "48 + 48/2", "72"),
    (
        "Natalia hat im April 48 Klammern verkauft, im Mai halb so viele. Wie viele zusammen?",
        "48+48/2",
        "72",
    ),
    ("Natalia a vendu 48 pinces en avril et la moitié en mai. Combien en tout ?", "48 + 48 / 2", "72"),
    ("Наталья продала 48 заколок в апреле и вдвое меньше в мае. Сколько всего?", "48 + 48/2", "72"),
    ("娜塔莉亚四月卖了48个夹子,五月卖了一半。一共卖了多少个?", "48 + 48/2", "72"),
    ("ナタリアは四月に48個、五月にその半分を売りました。全部で何個ですか。", "48 + 48/2", "72"),
    ("باعت ناتاليا 48 مشبكا في أبريل ونصف ذلك في مايو. كم باعت؟", "48 + 48/2", "72"),
    (
        "Arr, me hearties! Thrice I buried a dozen doubloons, and five be stolen. What be left?",
        "3*12-5",
        "31",
    ),
    ("Twice a number and five make seventeen; which number?", "2*x + 5 = 17", "6"),
    ("Ben is twice Lia's age, and they are 27 together. How old is Lia?", "x + 2*x = 27", "9"),
    ("What share of 3 pizzas does each of 7 friends get, as a fraction?", "3/7", "3/7"),
)

NO_FORMULAS = (
    *("", "72", "{}", '{"formula": 72}', '{"formula": ""}', '{"formula": "no formula"}', '{"formula": null}'),
    *('{"formula": "72"}', '{"formula": "9^9^9^9"}', '{"formula": "1/0"}', "[" * 3_000, '{"formula": "1'),
    json.dumps({"formula": "1+" * MOST_CHARS + "1"}),
    json.dumps({"formula": "__import__('os').system('touch escaped')"}),
)


@pytest.mark.thorough
async def test_any_wording_and_language(server: ScriptedModel, run: Run) -> None:
    for question, formula, answer in QUESTIONS:
        server.text = json.dumps({"formula": formula})
        end = await run(question=question).formal()
        assert end.form is not None, question
        assert (end.sampler, end.form.text) == ("formal", answer)
        assert end.trace.endswith(f"So the answer is {answer}.")
        body = server.chats[-1]
        assert body["response_format"]["type"] == "json_schema"
        assert body["response_format"]["json_schema"]["schema"]["required"] == ["formula"]
        assert question in body["messages"][-1]["content"]


@pytest.mark.thorough
async def test_what_is_no_formula_has_no_vote(server: ScriptedModel, run: Run) -> None:
    for text in NO_FORMULAS:
        server.text = text
        end = await run().formal()
        assert (end.form, end.trace) == (None, ""), text


@pytest.mark.parametrize("mode", [Mode.DROP, Mode.HANG_IN_TEXT, Mode.HANG_BEFORE_HEADERS])
async def test_a_server_that_breaks_off_has_no_vote(server: ScriptedModel, run: Run, mode: Mode) -> None:
    server.mode = mode
    server.text = '{"formula": "48 + 48/2"}' * 9
    assert (await run(seconds=0.5).formal()).form is None


async def test_a_server_without_structured_output_is_asked_without(server: ScriptedModel, run: Run) -> None:
    server.refuses = frozenset({"response_format"})
    server.text = 'Here it is:\n```json\n{"formula": "48 + 48/2"}\n```'
    end = await run().formal()
    assert end.form is not None
    assert end.form.text == "72"
    assert "response_format" not in server.chats[-1]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("48 \u00d7 2", "48 * 2"),
        ("48 x 2", "48 * 2"),
        ("3\u00b74", "3*4"),
        ("48 \u00f7 2", "48 / 2"),
        ("48 \u2212 2", "48 - 2"),
        ("\u221a16 + 5\u00b2", "sqrt 16 + 5^2"),
        ("$1,200 + 300", "1200 + 300"),
        ("20% * 50", "(20/100) * 50"),
        ("50 * 12.5 % + 1", "50 * (12.5/100) + 1"),
        ("20% of 50", "(20/100) * 50"),
        ("80 * (1 - 15%)", "80 * (1 - (15/100))"),
        ("50/20%", "50/(20/100)"),
        ("X + 2 = 5", "x + 2 = 5"),
        ("2x \u00d7 3 = X", "2x * 3 = x"),
        ("x + x/2 = 36", "x + x/2 = 36"),
        ("comb(5,200)", "comb(5,200)"),
    ],
)
def test_signs_that_people_write_are_read(written: str, read: str) -> None:
    assert formula_in(json.dumps({"formula": written}, ensure_ascii=False)) == read


@pytest.mark.parametrize("open_to_two_readings", ["7 % 3", "80 - 15%", "5%", "21 + 5%"])
def test_a_percentage_that_is_no_factor_is_not_guessed(open_to_two_readings: str) -> None:
    assert formula_in(json.dumps({"formula": open_to_two_readings})) == ""


def test_structured_output_allows_the_plain_signs_alone() -> None:
    formula = Written.model_json_schema()["properties"]["formula"]
    assert (formula["pattern"], formula["maxLength"]) == (r"^[-0-9a-z+*/^().,=! ]+$", MOST_CHARS)


def test_the_last_formula_counts() -> None:
    assert formula_in('{"formula": "1+1"} No: {"formula": "1 + 2", "why": "x"} {"other": 1}') == "1 + 2"
    assert formula_in("{" * 50_000) == ""


def test_examples_come_before_the_question_as_earlier_turns() -> None:
    messages = formal_prompt("How many?", 2)
    assert [one.role for one in messages] == ["user", "assistant"] * 2 + ["user"]
    assert all(formula_in(one.content) for one in messages if one.role == "assistant")
    assert len(formal_prompt("How many?", 0)) == 1
