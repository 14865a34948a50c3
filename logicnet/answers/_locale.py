"""Locale: numbers as other languages write them, in one notation.

`1.250,5`, `1 250,5` and full-width digits become 1250.5. The numbers of the question show whether a comma is
a decimal one, then those of the answer; where these do not, the language decides.
"""

# ruff: noqa: RUF001  (signs and words of other languages are meant)

import re

from logicnet.answers._units import is_measure

_MOST_CHARS = 4_000  # of a text whose habits are read

# Full-width signs and digits, and the marks of Chinese and Japanese sentences
_WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {
    0x3000: " ", 0x3001: ", ", 0x3002: ". ", 0xFF0C: ", ", 0xFF1A: ": ", 0xFF1B: "; ", 0x2236: ":",
}  # fmt: skip
_WIDE_IN_NUMBER = re.compile("(?<=[0-9０-９])([，．：])(?=[0-9０-９])")

_GAPS = "\u00a0\u2007\u2009\u202f"
_NOT_INSIDE = r"(?<![\w.,/^(\[{])(?<![,(\[]-)"
_COMMA_DECIMAL = re.compile(
    _NOT_INSIDE + r"(?:\d{1,3}(?:\.\d{3})+|\d+),(?:\d{1,2}|\d{4,})(?![\d)\]}]|[.,]\d|,? (?:and|or)\b)"
)
_POINT_DECIMAL = re.compile(
    _NOT_INSIDE + r"(?:\d{1,3}(?:,\d{3})+|\d+)\.(?:\d{1,2}|\d{4,})(?![\d)\]}]|[.,]\d)"
)
_POINT_GROUPS = re.compile(_NOT_INSIDE + r"\d{1,3}(?:\.\d{3}){2,}(?![.\d])")
_COMMA_GROUPS = re.compile(_NOT_INSIDE + r"\d{1,3}(?:,\d{3}){2,}(?![,\d])")
_COMMA_LETTER = re.compile("[äöüßéèêàçñáíóúãõôîûăâđêơưạ-ỹąćęłńśźżğışőűåøæа-яё]")
_WORD = re.compile(r"[^\W\d_]+")
_COMMA_WORDS = frozenset(
    _WORD.findall(
        "der die das ist und wie viele ein eine antwort nicht hat beträgt el los las una cuántos cuantos es"
        " le les respuesta est une et combien réponse il sono della risposta quanti het een antwoord"
        " hoeveel uma resposta quantos jawaban adalah berapa"
        " kostet wiegt dauert cuesta pesa coûte costa cevap kaç là có bao nhiêu số của"
    )
)
_ENGLISH_WORDS = frozenset(_WORD.findall("the of is and to in a how what many are if an it for with at each"))


def writes_comma(text: str) -> bool:
    """Whether a text is in a language that writes a decimal comma."""
    words = _WORD.findall(text[:_MOST_CHARS].lower())
    comma = sum(word in _COMMA_WORDS or _COMMA_LETTER.search(word) is not None for word in words)
    return comma > sum(word in _ENGLISH_WORDS for word in words)


def decimal_comma(text: str) -> bool | None:
    """Whether the numbers of a text have a decimal comma; None if they do not show it."""
    text = text[:_MOST_CHARS]
    points = len(_POINT_DECIMAL.findall(text)) + len(_COMMA_GROUPS.findall(text))
    commas = len(_POINT_GROUPS.findall(text)) + len(_COMMA_DECIMAL.findall(text))
    return commas > points if commas != points else None


_SPACED = re.compile(rf"(?<![\w.,/])\d{{1,3}}(?:[ {_GAPS}]\d{{3}})+(?![\d/])")
_GAPPED = re.compile(rf"(?<=\d)[{_GAPS}'’](?=\d{{3}}(?!\d))")
_LATEX_COMMA = re.compile(r"(?<=\d)\{,\}(?=(?:\d{1,2}|\d{4,})(?!\d|\{,\}))")
_POINTS_THEN_COMMA = re.compile(_NOT_INSIDE + r"\d{1,3}(?:\.\d{3})+(?:,\d+)?(?![\d.]\d)(?!\d)")
_ONE_COMMA = re.compile(_NOT_INSIDE + r"(\d{1,15}),(\d{1,15})(?![\d)\]}]|[.,]\d)(?=\s?([^\W\d_]*|[%€$£]))")
_THREE_DECIMALS = re.compile(r"(?<![\d.,])\d{1,3}\.\d{3}(?![\d.,]\d)(?!\d)")


def one_notation(
    text: str, *, asked: str = "", shown: bool | None, language: bool, one_number: bool | None
) -> str:
    """The text with its numbers in digits and a decimal point.

    `shown` is what the numbers of the question show of a decimal comma and `language` what its words say.
    `one_number`: whether the answer is one number (True), several (False) or unknown (None).
    """
    text = plain_signs(text, asked)
    if not any(map(str.isdecimal, text)):
        return text
    text = _GAPPED.sub("", _LATEX_COMMA.sub(",", text))
    if one_number or (one_number is None and language):
        text = _SPACED.sub(lambda number: number[0].replace(" ", ""), text)
    if shown is None and one_number is not False and " " in text.strip():
        shown = decimal_comma(text)
    comma = (language or writes_comma(text)) if shown is None else shown
    if comma:
        text = _POINTS_THEN_COMMA.sub(lambda number: number[0].replace(".", "").replace(",", "."), text)
    else:
        text = _POINT_GROUPS.sub(lambda number: number[0].replace(".", ""), text)

    def decimal(number: re.Match[str]) -> str:
        measured = is_measure(number[3]) or number[3] in ("%", "€")
        if len(number[2]) == 3 and len(number[1]) <= 3 and number[1] != "0":
            meant = comma and (shown or measured)
        else:
            meant = comma or measured or one_number is True
        return f"{number[1]}.{number[2]}" if meant else number[0]

    return _ONE_COMMA.sub(decimal, text)


def unmistakable(text: str) -> str:
    """The text with a zero after each number of three decimals, which 1.250 would not be taken for."""
    return _THREE_DECIMALS.sub(r"\g<0>0", text)


_MULTIPLES = re.compile(r"([$€£]\d[\d.,]{0,20}) ?(?:(M)\b(?!\$)|k\b(?! ?[-+*/^\\$)]))")  # not $2k$, $2k+1$
_DOLLARS = re.compile(r"\b(?:US|AU|CA|NZ|HK|[ACRS])(?=\\?\$\s?\d)")


def plain_signs(text: str, asked: str = "") -> str:
    """The text with the signs and digits of Chinese and Japanese typography as ASCII has them; $1M, US$1.

    $1k is a thousand unless k is a letter of the question, `asked`.
    """
    if not re.search(r"\bk\b", asked, re.IGNORECASE):
        text = _MULTIPLES.sub(lambda found: f"{found[1]} {'million' if found[2] else 'thousand'}", text)
    text = _DOLLARS.sub("", text)
    if text.isascii():
        return text
    return _WIDE_IN_NUMBER.sub(lambda mark: chr(ord(mark[1]) - 0xFEE0), text).translate(_WIDE)
