"""Texts with LaTeX for people: as HTML with MathML, which browsers draw, or on one line.

The LaTeX is a stranger's. Of what the library makes of it only elements without links, styles and scripts are
kept; a formula that it cannot read, or that defines macros (they can grow without bound), stays as text.
"""

import re
from html import escape, unescape
from xml.etree.ElementTree import Element, tostring

from logicnet.maths.latex import MOST_CHARS, undressed

_OPENERS = re.compile(
    r"\$\$?|\\\[|\\\(|\\begin\{(?:(?:align|gather|equation)(?:ed|\*)?|[bpvV]?matrix|cases)\}"
)
_CLOSERS = {"$$": "$$", "$": "$", "\\[": "\\]", "\\(": "\\)"}
_WORDS_IN_A_ROW = re.compile(r"(?<![\\A-Za-z{])(?:[A-Za-z]{2,} +[A-Za-z]{3,}|[A-Za-z]{3,} +[A-Za-z]{2,})")
_MACRO = re.compile(
    r"\\(?:[dt]?frac|sqrt|boxed|text|math[a-z]{1,4}|times|cdot|div|pi|[lg]eq?|neq?|infty|pm|binom|over|left"
    r"|overline|operatorname|circ|angle|[lc]?dots|equiv|quad)(?![A-Za-z])"
)
_DEFINES = re.compile(r"\\(?:re)?newcommand|\\(?:[gex]?def|let|providecommand)(?![A-Za-z])")
_ALIGNED = re.compile(r"\\(begin|end)\{(?:align|aligned|gather|gathered|equation)\*?\}")

_ATTRIBUTES = frozenset(
    {"accent", "columnalign", "columnspacing", "display", "displaystyle", "fence", "form", "linethickness"}
    | {"mathvariant", "maxsize", "minsize", "movablelimits", "rowspacing", "scriptlevel", "stretchy", "width"}
)


MOST_DRAWN = 40_000
"""Characters of formulas that are drawn of one text; each becomes up to 50. The rest stays as text."""

_EACH = 10  # a short formula takes as long as one of so many characters more


def as_html(text: str) -> str:
    """`text` as HTML: its formulas as MathML, every other word escaped, line breaks as they are."""
    found, left = [], MOST_DRAWN
    for words, is_formula, block in _pieces(text):
        if is_formula:
            left -= len(words) + _EACH
        found.append((is_formula and left >= 0 and _drawn(words, block)) or escape(words))
    return "".join(found)


def as_line(text: str) -> str:
    """`text` with its formulas in a calculator's notation, not escaped."""
    return "".join(
        undressed(_ALIGNED.sub(" ", words).replace("&=", "=")) if is_formula else words
        for words, is_formula, _ in _pieces(text)
    )


def _pieces(text: str) -> list[tuple[str, bool, bool]]:
    """The text in parts: their words, whether they are a formula, and whether it has a line of its own."""
    found: list[tuple[str, bool, bool]] = []
    start = end = 0
    for opener in _OPENERS.finditer(text):
        if opener.start() < end:
            continue
        inside = _formula(text, opener)
        if inside is None:
            continue
        found += _prose(text[start : opener.start()])
        words, end = inside
        found.append((words, True, opener[0] not in ("$", "\\(")))
        start = end
    return found + _prose(text[start:])


def _formula(text: str, opener: re.Match[str]) -> tuple[str, int] | None:
    """What stands between an opener and its end, and where that is; None if it is no formula."""
    sign, start = opener[0], opener.end()
    closer = _CLOSERS.get(sign) or sign.replace("begin", "end")
    end = text.find(closer, start, start + MOST_CHARS)
    if end < 0:
        return None
    words, after = text[start:end], end + len(closer)
    if closer.startswith("\\end"):
        return text[opener.start() : after], after
    if not words.strip():
        return None
    # Of dollars alone some are prices: "$5 and $7", "$5 a day or 9 $".
    if sign == "$" and (
        words != words.strip()
        or text[after : after + 1].isdigit()
        or text[opener.start() - 1 : opener.start()] == "\\"
        or ("\\" not in words and _WORDS_IN_A_ROW.search(words))
    ):
        return None
    return words.strip(), after


def _prose(text: str) -> list[tuple[str, bool, bool]]:
    """Words, and lines of LaTeX that nothing encloses."""
    if not _MACRO.search(text):
        return [(text, False, False)] if text else []
    found = []
    for line in text.splitlines(keepends=True):
        words = line.strip()
        if not _MACRO.search(words) or len(words) > MOST_CHARS:
            found.append((line, False, False))
        elif _WORDS_IN_A_ROW.search(words):
            found.append((line.replace(words, undressed(words)), False, False))
        else:
            before, after = line.split(words, 1)
            found += [(before, False, False), (words, True, False), (after, False, False)]
    return found


def _drawn(formula: str, block: bool) -> str:
    """MathML; empty if it cannot be drawn."""
    from latex2mathml.converter import Converter  # noqa: PLC0415 (only pages need it: an extra)

    if _DEFINES.search(formula):
        return ""
    formula = _ALIGNED.sub(r"\\\1{align*}", formula)
    try:
        drawn = Converter(display="block" if block else "inline").convert_to_element(formula)
    except Exception:  # a stranger's formula; the library raises kinds of its own
        return ""
    return _safe(drawn)


def _safe(drawn: Element) -> str:
    for one in drawn.iter():
        one.attrib = {name: value for name, value in one.attrib.items() if name in _ATTRIBUTES}
        # The library writes its signs as entities, so what it leaves of a text may not be taken as HTML.
        one.text = unescape(one.text) if one.text else None
        one.tail = None
    return tostring(drawn, encoding="unicode", short_empty_elements=False)
