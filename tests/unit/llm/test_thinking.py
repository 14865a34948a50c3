import pytest

from logicnet.llm.thinking import ThinkingHabit, inside, shown

HARMONY = (
    "<|channel|>analysis<|message|>hm, 70<|end|>"
    "<|start|>assistant<|channel|>commentary<|message|>to a tool<|call|>"
    "<|start|>assistant<|channel|>final<|message|>72"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no marks", "no marks"),
        ("<think>hm</think>72", "72"),
        ("hm</think>72", "72"),  # templates that open the thinking in the prompt
        ("<think>only this so far", "only this so far"),
        ("<think>done, but nothing after</think>  ", "done, but nothing after"),
        ("<think>a</think>b<think>c</think>d", "d"),
        ("<thought>hm</thought>72", "72"),
        ("[THINK]hm[/THINK]72", "72"),
        ("<|begin_of_thought|>hm<|end_of_thought|>72", "72"),
        ("<|channel>thought\nhm\n<channel|>72", "72"),
        ("The answer is 72. <think>or 70?</think>", "The answer is 72. "),
        ("The answer is 72. <think>or 70?", "The answer is 72. "),
        (HARMONY, "72"),
        (f"<|start|>assistant{HARMONY}<|return|><|start|>user<|message|>and now?", "72"),
        ("hm, 70<|end|><|start|>assistant<|channel|>final<|message|>72<|return|>", "72"),
        (HARMONY.removesuffix("72"), "hm, 70\n\nto a tool"),
        ("<|channel|>analysis<|message|>hm, 70<|end|><|start|>assistant<|channel|>", "hm, 70"),
        ("<|channel|>analysis", ""),
        ("<|channel|> is a token", "<|channel|> is a token"),
        ("", ""),
    ],
)
def test_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>hm", True),
        ("<think>hm</think>", False),
        ("hm</think>", False),
        ("<|channel|>analysis<|message|>hm", True),
        (HARMONY, False),
        ("", False),
    ],
)
def test_inside(text: str, expected: bool) -> None:
    assert inside(text) is expected


PLAIN = "The answer is 72, because 24 and 48 make 72."


def learned(*texts: str, complete: bool = True) -> bool | None:
    habit = ThinkingHabit()
    for text in texts:
        habit.observe(text, len(text) // 4, complete=complete)
    return habit.thinks


def test_one_text_with_thoughts_tells_and_three_without() -> None:
    assert learned() is None
    assert learned("<think>hm</think>72") is True
    assert learned("hm</think>72") is True
    assert learned("<think>hm", complete=False) is True
    assert learned(HARMONY) is True
    assert learned(HARMONY[:35], complete=False) is True
    assert learned("<|channel>thought\nhm\n<channel|>72") is True
    assert learned(PLAIN, PLAIN) is None
    assert learned(PLAIN, PLAIN, PLAIN) is False


def test_empty_thoughts_and_cut_off_texts_tell_nothing() -> None:
    assert learned(*["<think>\n\n</think>72"] * 3) is False  # a hybrid model that was told not to think
    assert learned(*[PLAIN] * 9, complete=False) is None  # its template may have opened the block


def test_a_question_that_makes_a_model_write_marks_changes_nothing() -> None:
    assert learned(*[PLAIN] * 20, *["<think>as you wish</think>72"] * 4, PLAIN) is False


def test_a_server_that_got_another_model_is_learned_anew() -> None:
    assert learned(*["<think>hm</think>72"] * 50, *[PLAIN] * 10) is False
    assert learned(*[PLAIN] * 50, *["<think>hm</think>72"] * 10) is True


def test_tokens_that_no_text_accounts_for_are_hidden_thoughts() -> None:
    habit = ThinkingHabit()
    habit.observe("72", 900, complete=True)
    assert habit.thinks is True
    habit = ThinkingHabit()
    for text in ("1 + 1 = 2; " * 40, "一百二十" * 40, "\U0001f600" * 40):
        habit.observe(text, len(text.encode()) // 2, complete=True)
    assert habit.thinks is False
