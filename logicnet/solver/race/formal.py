"""The question as one formula: what the model is asked for, and the formula in what it writes."""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from logicnet.llm import Message

MOST_CHARS = 200  # of a formula

_ASK = (
    "Write this question as one formula: an expression whose value is the answer, or an equation in x where "
    "x is the answer. Use numbers, + - * / ^ ( ) and sqrt, and no other words; 20% is 20/100. "
    'Reply with JSON: {"formula": "..."}'
)
_EXAMPLES = (
    ("Tom has 3 boxes of 12 pens and gives 5 pens away. How many pens has he left?", "3 * 12 - 5"),
    ("A number and its half make 36. What is the number?", "x + x/2 = 36"),
    ("A coat of 80 euros becomes 15% cheaper. What does it cost then?", "80 - 80 * 15/100"),
    (
        "Ana runs 6 km in the first week and 2 km more in each later week. How far in all in 3 weeks?",
        "6 + 8 + 10",
    ),
    ("Ben is twice as old as Lia. Together they are 27. How old is Lia?", "x + 2 * x = 27"),
)
_OBJECT = re.compile(r"\{[^{}]{0,1000}\}")


class Written(BaseModel):
    """What the model writes."""

    model_config = ConfigDict(extra="ignore")

    formula: Annotated[str, StringConstraints(max_length=MOST_CHARS, pattern=r"^[-0-9a-z+*/^().,=! ]+$")]


def formal_prompt(question: str, examples: int) -> list[Message]:
    """The question, after so many worked examples as earlier turns."""
    turns = [
        (
            Message("user", f"{asked}\n\n{_ASK}"),
            Message("assistant", Written(formula=formula).model_dump_json()),
        )
        for asked, formula in _EXAMPLES[:examples]
    ]
    return [message for turn in turns for message in turn] + [Message("user", f"{question}\n\n{_ASK}")]


def formula_in(text: str) -> str:
    """The formula that a model wrote; empty without one. Servers without structured output add prose."""
    for found in reversed(_OBJECT.findall(text[-4_000:])):
        try:
            return Written.model_validate_json(found).formula.strip()
        except ValidationError:
            continue
    return ""
