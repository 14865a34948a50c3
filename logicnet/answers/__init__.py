"""Answers: what a question asks for, the answer in a text, and its normal form for votes.

`normal_form(text, question)` is pure text work, bounded, and never raises; nothing in it is evaluated as
code. The question matters: it says how many decimals count, whether 50 means 50 %, which options there are.
"""

from logicnet.answers._form import NormalForm
from logicnet.answers.extract import extract
from logicnet.answers.kinds import question_kind
from logicnet.answers.normal import normal_form
from logicnet.answers.question import AnswerFormat, QuestionSpec, question_spec

__all__ = [
    "AnswerFormat",
    "NormalForm",
    "QuestionSpec",
    "extract",
    "normal_form",
    "question_kind",
    "question_spec",
]
