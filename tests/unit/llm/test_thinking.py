import pytest

from logicnet.llm.thinking import shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no marks", "no marks"),
        ("<think>hm</think>72", "72"),
        ("hm</think>72", "72"),  # templates that open the thinking in the prompt
        ("<think>only this so far", "only this so far"),
        ("<think>done, but nothing after</think>  ", "done, but nothing after"),
        ("<think>a</think>b<think>c</think>d", "d"),
        ("", ""),
    ],
)
def test_shown(text: str, expected: str) -> None:
    assert shown(text) == expected
