"""The readings of a short answer: its conclusion, number, items. Nothing is evaluated here."""

import re
from fractions import Fraction

from logicnet._util.text import without_thousands
from logicnet.maths import latex
from logicnet.maths.numbers import value_of

Number = Fraction | float

_BOLD = re.compile(r"(?<![\w)])\*\*(?=\S)(.+?)(?<=\S)\*\*(?![\w(])")
_SAYS = re.compile(r"[=≈:→]|->|\b(?:is|are|was|equals|be)\b", re.IGNORECASE)
_SCIENTIFIC = re.compile(r"(\d(?:\.\d+)?)\s*\*\s*10\s*(?:\^|\*\*)\s*\(?([+-]?\d{1,3})\)?")
_MIXED = re.compile(r"(-?)(?<!\d)(\d++)\s++(\d++)\s*+/\s*+(\d++)")
_NEGATIVE = re.compile(r"-\s*\((\d+/\d+)\)")
_UNIT = re.compile(
    r"(?:(?:(?<!\s)\s++)?%|(?<=[\d)])\s*+(?!pi\b|sqrt\b)[A-Za-z][A-Za-z .]*+(?:\^\(?[23]\)?)?)+$"
)
_CALCULATOR = re.compile(r"(?:sqrt|pi|\d[eE](?=[+-]?\d)|[\d+\-*/^().\s])+")
_PRODUCT = re.compile(r"(?<=[\d)])\s*(?=sqrt|pi|\()|(?<=\))\s*(?=\d)")
_ENCLOSED = re.compile(r"\{([^{}]*)\}|[(\[]([^()\[\]]*)[)\]]")
_TOKEN = re.compile(
    r"(?<![\w.)])[+-]?\s?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:\s*/\s*\d+)?(?!\w*\d)|(?<![\w.)])[+-]?\.\d+"
)


def undressed(text: str) -> str:
    """The text in plain characters, without LaTeX, bold and the punctuation around it."""
    return latex.undressed(_BOLD.sub(r"\1", text)).strip(" .,;!?\"'")


def readings(text: str) -> list[str]:
    """The possible conclusions: after the last `=`, `:` or `is`, after the first, and the whole."""
    whole = undressed(text)
    parts = (_SAYS.split(whole)[-1], _SAYS.split(whole, maxsplit=1)[-1], whole)
    said = (one.strip(" .,:;=!?\"'") for one in parts)
    return list(dict.fromkeys(one for one in said if one))


def number(text: str) -> Number | None:
    """The value of a number with or without a unit: 3/4, 1,080, \\frac{3}{4}, 2\\sqrt{3}, 1.5e-7."""
    text = _SCIENTIFIC.sub(r"\1e\2", undressed(text))
    text = without_thousands(_UNIT.sub("", text)).strip()
    text = _MIXED.sub(r"\1(\2+\3/\4)", text)
    value = value_of(_PRODUCT.sub("*", text.replace("^", "**"))) if _CALCULATOR.fullmatch(text) else None
    return None if isinstance(value, complex) else value


def said_number(text: str) -> Number | None:
    """The number that an answer gives: its conclusion, or else its only number."""
    for reading in readings(text):
        if (value := number(reading)) is not None:
            return value
    tokens = numbers(text)
    return tokens[0] if len(tokens) == 1 else None


def numbers(text: str) -> list[Number]:
    """All numbers of a text in their order; a/b is one."""
    plain = _NEGATIVE.sub(r"-\1", _SCIENTIFIC.sub(r"\1e\2", undressed(text)))
    found = _TOKEN.findall(plain.replace("(", " ( ").replace(")", " ) "))
    values = (number(token.replace(" ", "")) for token in found)
    return [value for value in values if value is not None]


def items(text: str) -> list[Number]:
    """The numbers of a list or set, each of which may be an expression; else all numbers."""
    inner = undressed(text).replace("\\{", "{").replace("\\}", "}")
    if enclosed := _ENCLOSED.fullmatch(inner):
        inner = enclosed[enclosed.lastindex or 0]
    parts = [part for part in re.split(r",|;|\band\b|\bor\b|&", inner) if part.strip()]
    values = [number(_SAYS.split(part)[-1]) for part in parts]
    known = [value for value in values if value is not None]
    return known if known and len(known) == len(parts) else numbers(text)
