"""Answers that can be counted: what an answer says, whatever it is dressed in.

`form(text, question)` is pure text work, bounded, and never raises; nothing in it is evaluated as code.
The question matters: it says how many decimals count, whether 50 means 50 %, which options there are.
"""

from logicnet.answers._form import Form, Kind
from logicnet.answers._kinds import question_kind
from logicnet.answers._reading import form

__all__ = ["Form", "Kind", "form", "question_kind"]
