"""What a spreadsheet would compute is text to it, and numbers stay numbers."""

import pytest

from logicnet._util.csv import cell


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1 2", "-x", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-1-1", "-", "\uff1d1+1", "\uff20SUM(A1)"],
)
def test_what_would_be_computed_is_text(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-5", "+5", "-5,3", "-5.3", "-.5", "-1e5", "a=1", "", 7, 0.5, None])
def test_all_else_stays_as_it_is(value):
    assert cell(value) == value


def test_a_dict_is_json():
    assert cell({"a": "\u00e9"}) == '{"a": "\u00e9"}'
