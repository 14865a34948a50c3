"""Rows of every dataset type as rows of the contract."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from logicnet.tuning.data.checking import BadDataset, BadRow
from logicnet.tuning.data.rows import converter_of, missing
from logicnet.tuning.spec import DatasetType


def converted(kind: Any, row: dict[str, Any]) -> dict[str, Any]:
    return converter_of(TypeAdapter(DatasetType).validate_python(kind)).convert(row).row


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


SYSTEM = {"role": "system", "content": "be kind"}
CUSTOM = {"field_instruction": "i", "field_output": "o"}
REWARDS = {"reward_functions": [{"reward_func": "def f(completions): return [0.0]"}]}


@pytest.mark.parametrize(
    ("kind", "row", "expected"),
    [
        ("alpaca", {"instruction": "A", "input": "B", "output": "C"}, ([user("A\nB")], said("C"))),
        ("alpaca", {"instruction": "A", "input": "", "output": "C"}, ([user("A")], said("C"))),
        ("alpaca", {"instruction": "A", "input": None, "output": "C"}, ([user("A")], said("C"))),
        ("instruct", {"instruction": "A", "output": "C", "other": 1}, ([user("A")], said("C"))),
        ("instruct", {"instruction": "A", "input": "B", "output": "C"}, ([user("A\nB")], said("C"))),
        (CUSTOM, {"i": "A", "o": " C\n"}, ([user("A")], said(" C\n"))),
        (CUSTOM | {"system_prompt": "be kind"}, {"i": "A", "o": "C"}, ([SYSTEM, user("A")], said("C"))),
        (
            CUSTOM | {"field_system": "s", "system_prompt": "be kind"},
            {"i": "A", "o": "C", "s": ""},
            ([SYSTEM, user("A")], said("C")),
        ),
        (
            CUSTOM | {"field_system": "s", "system_prompt": "other", "system_format": "be {system}"},
            {"i": "A", "o": "C", "s": "kind"},
            ([SYSTEM, user("A")], said("C")),
        ),
        (CUSTOM | {"field_input": "x"}, {"i": "A", "x": "B", "o": "C"}, ([user("A B")], said("C"))),
        (
            CUSTOM
            | {
                "field_input": "x",
                "format": "{{{input}}}: {instruction}!",
                "no_input_format": "{instruction}?",
            },
            {"i": "{A}", "x": "{input}", "o": "C"},
            ([user("{{input}}: {A}!")], said("C")),
        ),
    ],
)
def test_instructions(kind, row, expected):
    assert converted(kind, row) == {"prompt": expected[0], "completion": expected[1]}


def test_plain_text():
    assert converted("pretrain", {"text": "a\nb", "x": 1}) == {"text": "a\nb"}
    assert converted({"field": "body"}, {"body": "b"}) == {"text": "b"}


def test_preferences():
    row = {"prompt": "A", "chosen": "C", "rejected": "R", "s": "be kind"}
    expected = {"prompt": [user("A")], "chosen": said("C"), "rejected": said("R")}
    assert converted({"field_chosen": "chosen"}, row) == expected
    with_system = converted({"field_chosen": "chosen", "field_system": "s"}, row)
    assert with_system == expected | {"prompt": [SYSTEM, user("A")]}
    formatted = {"field_chosen": "chosen", "field_system": "s", "prompt_format": "{system}: {prompt}"}
    assert converted(formatted, row) == expected | {"prompt": [user("be kind: A")]}


def test_prompts_for_rewards():
    assert converted(REWARDS, {"prompt": "A"}) == {"prompt": [user("A")], "extra": None}
    row = {"prompt": "A", "truth": {"value": [3]}}
    assert converted(REWARDS | {"extra_column": "truth"}, row) == {
        "prompt": [user("A")],
        "extra": {"value": [3]},
    }


def test_conversations():
    turns = [
        ("system", "be kind"),
        ("human", "A"),
        ("gpt", "B"),
        ("user", "C"),
        ("assistant", "D"),
        ("user", "E"),
    ]
    row = {"conversations": [{"from": role, "value": text} for role, text in turns]}
    assert converted({"chat_column": "conversations"}, row) == {
        "messages": [SYSTEM, user("A"), *said("B"), user("C"), *said("D")]
    }


def test_conversations_with_names_of_their_own():
    kind = {
        "chat_column": "m",
        "chat_role_field": "who",
        "chat_content_field": "what",
        "chat_user_reference": "Kunde",
        "chat_assistant_reference": "Bot",
    }
    row = {"m": [{"who": "Kunde", "what": "A"}, {"who": "Bot", "what": "B"}]}
    assert converted(kind, row) == {"messages": [user("A"), *said("B")]}


CHAT = {"chat_column": "c"}


@pytest.mark.parametrize(
    ("kind", "row", "says"),
    [
        ("alpaca", {"instruction": "A", "input": "", "output": " \n"}, "column 'output' is empty"),
        ("alpaca", {"instruction": "A", "output": None}, "column 'output' is empty"),
        ("alpaca", {"instruction": "A", "text": "x"}, "no column 'output', only 'instruction', 'text'"),
        ("alpaca", {"instruction": "A", "output": 42}, "column 'output' takes text, has the number 42"),
        (
            "alpaca",
            {"instruction": True, "output": "x"},
            "column 'instruction' takes text, has true or false",
        ),
        (
            "alpaca",
            {"instruction": "A", "input": ["B"], "output": "x"},
            "column 'input' takes text, has a list",
        ),
        (
            "instruct",
            {"instruction": "\ud800", "output": "x"},
            "column 'instruction' has half a surrogate pair",
        ),
        ("pretrain", {"text": "  "}, "column 'text' is empty"),
        ({"field_chosen": "chosen"}, {"prompt": "A", "chosen": "C", "rejected": "C"}, "are equal"),
        ({"field_chosen": "chosen"}, {"prompt": "A", "chosen": [1], "rejected": "C"}, "'chosen' takes text"),
        (REWARDS | {"extra_column": "x"}, {"prompt": "A", "x": "\ud800"}, "'x' cannot be written as JSON"),
        (REWARDS | {"extra_column": "x"}, {"prompt": "A", "x": 1 << 70}, "'x' cannot be written as JSON"),
        (CHAT, {"c": "hello"}, "column 'c' takes a list of messages, has a text"),
        (CHAT, {"c": []}, "column 'c' takes a list of messages"),
        (CHAT, {"c": ["hello"]}, "column 'c', message 1: takes an object, has a text"),
        (CHAT, {"c": [{"from": "user"}]}, "column 'c', message 1: no column 'value', only 'from'"),
        (
            CHAT,
            {"c": [{"from": "robot", "value": "x"}]},
            "message 1: role 'robot' is unknown: use human, gpt",
        ),
        (CHAT, {"c": [{"from": "user", "value": "x"}]}, "column 'c' has no message of the assistant"),
        (
            CHAT,
            {"c": [{"from": "user", "value": "x"}, {"from": "gpt", "value": ""}]},
            "message 2: .*is empty",
        ),
    ],
)
def test_what_is_wrong_in_a_row_is_named_with_its_column(kind, row, says):
    with pytest.raises(BadRow, match=says):
        converted(kind, row)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"format": "{instruction.__class__}"},
            r"format .* takes \{instruction\}, \{input\}, \{system\}, has",
        ),
        ({"format": "{instruction[0]}"}, "takes"),
        ({"format": "{instruction:>999999999}"}, "takes"),
        ({"format": "{instruction!r}"}, "takes"),
        ({"format": "{0}"}, "takes"),
        ({"format": "{}"}, "takes"),
        ({"format": "{instruction"}, "write {{ for a brace"),
        ({"format": "nothing"}, "names no column"),
        ({"no_input_format": "{input}"}, r"no_input_format .* takes"),
        ({"system_format": "{output}"}, r"system_format .* takes \{system\}"),
    ],
)
def test_a_format_fills_names_and_nothing_else(change, says):
    with pytest.raises(BadDataset, match=says):
        converted(CUSTOM | {"field_input": "x"} | change, {"i": "A", "x": "B", "o": "C"})


def test_missing_columns_are_named_beside_those_that_are_there():
    assert missing(("a", "b"), {"a": "", "b": None}) == ""
    assert missing(("a", "b"), {"b": "1", "c": "2"}) == "no column 'a', only 'b', 'c'"
    assert missing(("a", "b"), {}) == "no column 'a', only none (nor 'b')"
