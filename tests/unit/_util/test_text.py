import json

import pytest

from logicnet._util.text import json_line, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc  d", "a b c d"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("\u202eright to left", "right to left"),
        ("", ""),
    ],
)
def test_text_of_strangers_is_one_line_without_control_characters(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert one_line("abcdef", 6) == "abcdef"
    assert one_line("abcdefg", 6) == "abcde…"
    assert one_line("x" * 1_000_000, 10) == "xxxxxxxxx…"


def test_json_for_a_terminal_holds_nothing_that_it_obeys_and_reads_back_exactly() -> None:
    row = {"é": "\u009b31m \u202ered\u2028 \x1b[2J ünï 😀", "n": 1.5}
    line = json_line(row)
    assert line.isprintable()
    assert json.loads(line) == row
    assert "ünï 😀" in line
