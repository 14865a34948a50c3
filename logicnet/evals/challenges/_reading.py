"""What a short answer says, whatever it is dressed in: LaTeX, bold, units, half a sentence.

Nothing of it is evaluated: `logicnet.maths` reads expressions by their grammar, within bounds.
"""

from __future__ import annotations

import re
from fractions import Fraction

from logicnet.maths.numbers import value_of

Number = Fraction | float

_SIGNS = str.maketrans({"−": "-", "–": "-", "×": "*", "·": "*", "÷": "/", "⁄": "/", "\u00a0": " "})  # noqa: RUF001
_BOLD = re.compile(r"(?<![\w)])\*\*(?=\S)(.+?)(?<=\S)\*\*(?![\w(])")
_WRAPPED = re.compile(r"\\(?:boxed|text|mathrm|mathbf|textbf|displaystyle)\s*\{([^{}]*)\}")
_SPACING = re.compile(r"\\(?:left|right|displaystyle|[,;!:\s])|\\[()\[\]]|[$`]")
_SYMBOLS = {
    r"\cdot": "*",
    r"\times": "*",
    r"\div": "/",
    r"\pi": " pi ",
    r"\%": "%",
    r"\lt": "<",
    r"\gt": ">",
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    r"^{\circ}": "°",
    r"^\circ": "°",
}
_SAYS = re.compile(r"[=≈:→]|\\approx|\b(?:is|are|was|equals|be)\b", re.IGNORECASE)

_BRACED = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_FRACTION = re.compile(r"\\frac\s*" + _BRACED + r"\s*" + _BRACED)
_SHORT_FRACTION = re.compile(r"\\frac\s*(\d)\s*(\d)")
_ROOT = re.compile(r"\\sqrt\s*" + _BRACED)
_SHORT_ROOT = re.compile(r"\\sqrt\s*(\d)")
_SCIENTIFIC = re.compile(r"(\d(?:\.\d+)?)\s*\*\s*10\s*(?:\^|\*\*)\s*\{?\(?([+-]?\d{1,3})\)?\}?")
_PRODUCT = re.compile(r"(?<=[\d)])\s*(?=sqrt|pi|\()|(?<=\))\s*(?=\d)")
_MIXED = re.compile(r"(-?)(\d+)\s+(\d+)\s*/\s*(\d+)")
_NEGATIVE = re.compile(r"-\s*\((\d+/\d+)\)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_UNIT = re.compile(r"(?:\s*[%°]|(?<=[\d)])\s*(?!pi\b)[A-Za-z][A-Za-z .]*(?:\^\{?[23]\}?|[²³])?)+$")
_CALCULATOR = re.compile(r"(?:sqrt|pi|\d[eE](?=[+-]?\d)|[\d+\-*/().\s])+")
_ENCLOSED = re.compile(r"[(\[{]([^()\[\]]*)[)\]}]")
_TOKEN = re.compile(
    r"(?<![\w.)])[+-]?\s?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:\s*/\s*\d+)?(?!\w*\d)|(?<![\w.)])[+-]?\.\d+"
)


def undressed(text: str) -> str:
    """The text without what only makes it look well."""
    text = text.translate(_SIGNS)
    text = _BOLD.sub(r"\1", text)
    for _ in range(3):  # one within the other
        text = _WRAPPED.sub(r"\1", text)
    for symbol, plain in _SYMBOLS.items():
        text = text.replace(symbol, plain)
    text = _SPACING.sub(" ", text)
    return " ".join(text.split()).strip(" .,;!?\"'")


def readings(text: str) -> list[str]:
    """What may be meant by an answer: what stands after the last `=`, `:` or `is`, after the first, all."""
    whole = undressed(text)
    last = _SAYS.split(whole)[-1]
    first = _SAYS.split(whole, maxsplit=1)[-1]
    said = (one.strip(" .,:;=!?\"'") for one in (last, first, whole))
    return list(dict.fromkeys(one for one in said if one))


def number(text: str) -> Number | None:
    """The number that a text is, units aside: 3/4, 1,080, \\frac{3}{4}, 2\\sqrt{3}, 1.5e-7. None if none."""
    text = _arithmetic(undressed(text))
    text = _THOUSANDS.sub("", _UNIT.sub("", text)).strip()
    if mixed := _MIXED.fullmatch(text):
        sign, whole, top, bottom = mixed.groups()
        text = f"{sign}({whole}+{top}/{bottom})"
    if not _CALCULATOR.fullmatch(text):
        return None
    value = value_of(_PRODUCT.sub("*", text))
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
    plain = _NEGATIVE.sub(r"-\1", _arithmetic(undressed(text)))
    found = _TOKEN.findall(plain.replace("(", " ( ").replace(")", " ) "))
    values = (number(token.replace(" ", "")) for token in found)
    return [value for value in values if value is not None]


def items(text: str) -> list[Number]:
    """The numbers of a list or set, each of which may be an expression; all numbers if it is none."""
    inner = undressed(text).replace("\\{", "{").replace("\\}", "}")
    if enclosed := _ENCLOSED.fullmatch(inner):
        inner = enclosed[1]
    parts = [part for part in re.split(r",|;|\band\b|\bor\b|&|\\\\", inner) if part.strip()]
    values = [number(_SAYS.split(part)[-1]) for part in parts]
    known = [value for value in values if value is not None]
    return known if known and len(known) == len(parts) else numbers(text)


def _arithmetic(text: str) -> str:
    """LaTeX's fractions and roots in the notation of a calculator."""
    text = _SHORT_FRACTION.sub(r"(\1/\2)", _SHORT_ROOT.sub(r"sqrt(\1)", text))
    for _ in range(4):  # one within the other
        text = _FRACTION.sub(r"((\1)/(\2))", _ROOT.sub(r"sqrt(\1)", text))
    text = re.sub(r"\(\(([+-]?\d+)\)/\((\d+)\)\)", r"(\1/\2)", text)
    return _SCIENTIFIC.sub(r"\1e\2", text.replace("√", "sqrt"))
