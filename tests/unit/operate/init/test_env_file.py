from __future__ import annotations

import io

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from logicnet.errors import SettingsError
from logicnet.operate.init import writing as env_file


@given(st.text())
def test_a_value_is_read_as_it_was_written_or_refused(value: str) -> None:
    try:
        line = env_file.line("NAME", value)
    except SettingsError as refused:
        assert value not in str(refused) or not value.strip()
    else:
        assert line.replace("\n", "").isprintable()
        assert dotenv_values(stream=io.StringIO(line + "\n"), interpolate=False) == {"NAME": value}


@pytest.mark.parametrize("value", ["a\rb", "a\\b", "\"'", "\x00"])
def test_what_two_readers_would_take_differently_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="NAME cannot be written"):
        env_file.line("NAME", value)


def test_empty_groups_are_left_out() -> None:
    text = env_file.text({"one": {"A": "1", "B": "x y"}, "two": {}})
    assert "two" not in text
    assert text.endswith('# --- one\nA=1\nB="x y"\n')
