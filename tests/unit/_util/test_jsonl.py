"""One object a line, and nothing that could not be written again."""

import pytest

from logicnet._util.jsonl import BadLine, json_object


def test_an_object_is_its_fields():
    assert json_object(b'{"a": [1, null]}\n') == {"a": [1, None]}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"\xff", "not UTF-8"),
        (b'{"a": "\\ud800"}', "not UTF-8"),
        (b'{"a": NaN}', "not JSON"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not a JSON object"),
    ],
)
def test_all_else_is_named(line, what):
    with pytest.raises(BadLine, match=f"^{what}$"):
        json_object(line)
