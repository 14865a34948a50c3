import pytest

from logicnet.protocol import Answer
from logicnet.serve.messages import ChatMessage, ChatRequest, content


def question_in(text: str) -> str:
    return ChatRequest(messages=[ChatMessage(role="user", content=text)]).question()


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ("72", "72"),
        ("72.", "72"),
        ("-3.5", "-3.5"),
        ("$1,080", "1,080"),
        ("-$5", "-5"),
        ("50%", "50"),
        ("18 dollars", "18"),
        ("x = 5", "5"),
        ("3/4", "3/4"),
        ("10:30", "10:30"),
        ("x^2 + 1", "x^2 + 1"),
        ("Tuesday", "Tuesday"),
        ("x = 1, y = 2", "x = 1, y = 2"),
        ("(B)", "(B)"),
    ],
)
def test_the_last_line_is_as_gsm8k_writes_it(said: str, last: str) -> None:
    text = content(Answer("Some steps.", said))
    assert text.startswith("Some steps.\n\nThe answer is ")
    assert text.splitlines()[-1] == f"#### {last}"


@pytest.mark.parametrize("end", ["\nAnswer:", "\n\n  A:", "\nA: Let's think step by step."])
@pytest.mark.parametrize("examples", ["", "Question: 1 + 1?\nAnswer: It is 2.\n#### 2\n\n"])
@pytest.mark.parametrize("begins", ["Question:", "Q:"])
def test_a_harness_prompt_is_its_last_question(examples: str, begins: str, end: str) -> None:
    assert (
        question_in(f"{examples}{begins} Ann has 3.\nHow many has Bob?{end}")
        == "Ann has 3.\nHow many has Bob?"
    )


@pytest.mark.parametrize(
    "text",
    [
        "What is Q: in this text?",
        "Answer:",
        "Question:\nAnswer:",
        "Question: 5?\nAnswer: 6",
        "Give an\nAnswer:",
    ],
)
def test_other_text_is_asked_as_it_is(text: str) -> None:
    assert question_in(text) == text


def test_the_question_is_the_last_user_message_and_its_texts() -> None:
    parts = [{"type": "text", "text": "One"}, {"type": "text", "text": "two?"}]
    given = [
        {"role": "user", "content": "Earlier?"},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": "So:"},
    ]
    assert ChatRequest.model_validate({"messages": given}).question() == "One\ntwo?"


def test_a_prompt_of_many_beginnings_is_read_in_one_go() -> None:
    lines = "Q:\n" * 80_000
    assert question_in(f"{lines}5?") == f"{lines}5?".strip()
    assert question_in(f"{lines}5?\nA:") == "5?"
