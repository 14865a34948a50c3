import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.answers import question_kind
from logicnet.answers.kinds import KINDS


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("What is $48+40$?", "closed-expression"),
        (
            "Hey there! I'm so curious today. Could you tell me what 12 * (3 + 4) comes to? 😊",
            "closed-expression",
        ),
        (r"What is $\frac{1}{6}\div\frac{9}{2}$?", "closed-expression"),
        (r"What is $\sqrt{64}$?", "closed-expression"),
        ("State the final answer to the following arithmetic problem: 36 - 72 + 95 =", "closed-expression"),
        ("What is the GCD of $8$ and $13$?", "arithmetic-words"),
        ("What is the area of a circle with radius $80$? Round to two decimal places.", "arithmetic-words"),
        ("Convert $2C5C$ from base $16$ to base $10$.", "arithmetic-words"),
        ("Solve for $x$: $6x + 10 = 10$", "algebra"),
        ("Expand $(6x+8)(9x+10)$.", "algebra"),
        (
            "A cake has 48 pieces. If Liam can eat 4 pieces a day while Elijah can eat 2 times as much, how "
            "many days will the cake last?",
            "story",
        ),
        ("Is $183$ composite?", "yes-no"),
        ("How many legs has a cow?\nA) 2\nB) 4\nC) 8", "choice"),
        (
            "Knights always tell the truth, knaves always lie. Ann says that Bob is a knave. Who is what?",
            "logic",
        ),
        ("Spell this word backward (example: sun -> nus): stap", "text"),
        ("Write a Python function that returns the sum of a list.", "code"),
        ("Write a program that prints the output of f(3).", "code"),
        ("Please write a function f. What does it return? Say it in a comment.", "code"),
        ("Complete the following code so that it prints 5.", "code"),
        ("In Java, write a method that tells what the result of adding two lists is.", "code"),
        ("In Python, write a function that tells what is the result of a draw.", "code"),
        ("Using a loop, implement a Python function f(n). What is the value of f(7) used for?", "code"),
        ("Given a list, write a function that sums it. What will the function return for []?", "code"),
        ("def f(a):\n    pass\nComplete the function. What is returned for no match is None.", "code"),
        ("Why is the sky blue?", "other"),
        ("", "other"),
    ],
)
def test_kinds(question: str, kind: str) -> None:
    assert question_kind(question) == kind


@given(st.text(max_size=300))
def test_any_question_has_a_kind(question: str) -> None:
    assert question_kind(question) in KINDS


@pytest.mark.parametrize(
    "question",
    [
        "What is the output of the following code?\n\ndef f(n):\n    return n * 2\n\nprint(f(4))",
        "What does the following function return for n = 5?\ndef f(n):\n    return n * 2",
        "Consider this Python code: def f(x): return x+1. What is the value of f(3)?",
        "Here is code, written in Python: def f(x): return x+1. What will f(3) print?",
        "Write the output of the following program: def f(x): return x+1\nprint(f(3))",
        "Provide the output of the following program: print(3)",
        "Predict what the following code in Python prints: print(3)",
        "What is the output of the complete program below?\ndef f(): return 1\nprint(f())",
        "I write a function def f(x): return x+1. What is the value of f(3)?",
    ],
)
def test_what_code_prints_is_a_value(question: str) -> None:
    assert question_kind(question) != "code"
