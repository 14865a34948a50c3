"""The question as one formula: what the model is asked for, and the formula in what it writes."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, field_validator

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
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u00d7\u2715\u00b7\u22c5\u2219\u2217", "*"),
        **dict.fromkeys("\u00f7\u2215", "/"),
        **dict.fromkeys("\u2212\u2013", "-"),
        **{"\u221a": " sqrt ", "\u00b2": "^2", "\u00b3": "^3", "\u00a0": " ", "$": "", "\u20ac": ""},
    }
)
_TIMES = re.compile(r"(?<=\d)\s*x\s*(?=\d)")
_PERCENT_OF = re.compile(r"%\s*of\b")
_PERCENT = re.compile(
    r"(?P<before>(?:[*/]|(?<![\d.])1\s*[-+])\s*)?(?P<number>(?<!\d)\d++(?:\.\d++)?)\s*%(?!\s*[\w(.])(?P<after>\s*[*/])?"
)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")


def _in_signs(formula: str) -> str:
    """The formula in the signs of the schema, to which structured output alone holds a model."""
    formula = _TIMES.sub(" * ", formula.translate(_SIGNS).lower())
    formula = _PERCENT.sub(_hundredths, _PERCENT_OF.sub("% *", formula))
    if "(" not in formula:  # where comb(1,200) could stand
        formula = _THOUSANDS.sub(lambda number: number[0].replace(",", ""), formula)
    return " ".join(formula.split())


def _hundredths(found: re.Match[str]) -> str:
    """20% as (20/100), if it is a factor or added to 1: what 80 - 15% means is open."""
    before, after = found["before"] or "", found["after"] or ""
    return f"{before}({found['number']}/100){after}" if before or after else found[0]


class Written(BaseModel):
    """What the model writes."""

    model_config = ConfigDict(extra="ignore")

    formula: Annotated[str, StringConstraints(max_length=MOST_CHARS, pattern=r"^[-0-9a-z+*/^().,=! ]+$")]

    @field_validator("formula", mode="before")
    @classmethod
    def _in_its_signs(cls, value: Any) -> Any:
        return _in_signs(value) if isinstance(value, str) and len(value) <= MOST_CHARS else value


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
