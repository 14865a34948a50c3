"""Lists: several values in one answer, in order or not; unknowns with their values; intervals."""

import re
from dataclasses import replace
from fractions import Fraction

from logicnet.answers._form import NormalForm, formula_form, made
from logicnet.answers._numbers import number_form, numbers_in, shown
from logicnet.answers.question import QuestionSpec
from logicnet.maths.numbers import computed

MOST_PARTS = 100
_MOST_NESTED = 4
_MOST_SIDES = 8  # of an equation, such as 1 + 2 = 6 / 2 = 3
_MOST_WORDS = 4  # of a part; sentences have "and" in them too

_OPEN, _CLOSE = "([{", ")]}"
_NUMBERS = re.compile(r"[+-]?\d+(?:\.\d+)?(?:\s+[+-]?\d+(?:\.\d+)?)+")
_NAMED = re.compile(r"\s*+([A-Za-z](?:_?\w{0,2}))\s*+=\s*+(.+)", re.DOTALL)
_NAMES_FIRST = re.compile(r"\(?\s*+([a-zA-Z](?:\s*+,\s*+[a-zA-Z])++)\s*+\)?\s*+=\s*+(\(.+\))")
BELONGS = re.compile(r"^\s*+[a-z]\s++in\s++(?=\{)", re.IGNORECASE)
_SET_OF = re.compile(r"\{\s*+[a-z](?:\s++in\s++\S{1,9})?\s*+[|:]\s*+([^{}|]{3,60})\}", re.IGNORECASE)
_WORDED = re.compile(
    r"(?:all )?([a-z]) (?:is |are |must be |that are )?(less|greater|more) than( or equal to)? ",
    re.IGNORECASE,
)
_EXCEPT = re.compile(
    r"(?:all (?:real )?numbers? (?:x )?(?:except|other than|but)(?: for)?|x\s*+!=)\s*+(?:x\s*+=\s*+)?"
    r"([^\s,<>=]{1,40})",
    re.IGNORECASE,
)
_IS = re.compile(
    r"\s*+([^=:\s][^=:]{0,39}?)\s*+(?:\bis\b|=|:|->)\s*+(?:an? |the )?([^=:\s][^=:]{0,59}?)\s*+",
    re.IGNORECASE,
)
_MOST_IS = 120  # characters of "Ann is a knave"
_ROLES = re.compile(r"(?:(?<!\s)\s++)?(?:,\s*+(?:and\s++)?|;|\band\b)\s*+")
_INTERVAL = re.compile(
    r"(?:[a-z]\s++in\s++)?([(\[])\s*+([^,;()\[\]\s][^,;()\[\]]{0,59})\s*+[,;]\s*+"
    r"([^,;()\[\]\s][^,;()\[\]]{0,59})\s*+([)\]])",
    re.IGNORECASE,
)
_INEQUALITY = re.compile(
    r"([^<>=]{1,60}?)\s*+(<=?|>=?)\s*+([^<>=\s][^<>=]{0,59})(?:\s*+(<=?|>=?)\s*+([^<>=\s][^<>=]{0,59}))?"
)
_INFINITE = re.compile(r"([+-]?)\s*(?:oo|infinity|inf)", re.IGNORECASE)
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def split(read: str) -> tuple[list[str], str]:
    """The parts of a list and the bracket that opens it; one part if the text is no list."""
    bracket = ""
    read = read.strip()
    if read[:1] in _OPEN and read and _closing(read) == len(read) - 1:
        bracket, read = read[0], read[1:-1]
    parts = _outside(read, spaced=re.search(r", |;|\band\b|\bor\b", read) is not None)
    return [part for part in parts if part], bracket


def _closing(read: str) -> int:
    """Where the bracket closes that the text begins with; -1 if it does not."""
    depth = 0
    for place, character in enumerate(read):
        if character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
            if depth == 0:
                return place
    return -1


def _outside(read: str, *, spaced: bool) -> list[str]:
    """Split at commas and semicolons outside of brackets, and at a last "and".

    `spaced`: at commas that a space follows, so that 1,000, 2,000 are two.
    """
    parts: list[str] = []
    depth = start = 0
    for place, character in enumerate(read):
        if character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
        elif depth == 0 and (character == ";" or (character == "," and _splits(read, place, spaced))):
            parts.append(read[start:place])
            start = place + 1
    parts.append(read[start:])
    if depth == 0:
        parts = [piece for part in parts for piece in re.split(r"(?:^|\s)(?:and|or|&)\s", part)]
    return [part.strip() for part in parts]


def _splits(read: str, place: int, spaced: bool) -> bool:
    return not spaced or not re.match(r",\d{3}(?!\d)", read[place : place + 5])


def list_form(  # noqa: PLR0911
    read: str, text: str, question: QuestionSpec, depth: int = 0
) -> NormalForm | None:
    """The form of an answer that is a list, tuple, set, vector or matrix; a list of one is what it holds."""
    if _NUMBERS.fullmatch(read):
        parts, bracket = read.split(), ""
    else:
        parts, bracket = split(read)
    if depth > _MOST_NESTED or len(parts) > MOST_PARTS or not (len(parts) > 1 or bracket):
        return None
    if not bracket and any(len(re.findall(r"[^\W\d_]{2,}", part)) > _MOST_WORDS for part in parts):
        return None
    if not parts:
        return made("list", "", text)
    forms = [_part(part, question, depth) for part in parts]
    known = [form for form in forms if form is not None]
    if len(known) < len(parts):
        return None
    keys = [form.key for form in known]
    if len(keys) == 1:
        return known[0]
    keys = [key.removeprefix("number:").removeprefix("list:") for key in keys]
    pair = len(question.unknowns) > 1 and len(forms) == len(question.unknowns)  # x and y, in this order
    if (bracket == "{" or (question.unordered and not pair)) and depth == 0:
        keys = sorted(set(keys) if question.once else keys)
        if len(keys) == 1:
            return replace(known[0], text=text, kind="list", value=None)  # a double root
    return made("list", "[" + ", ".join(keys) + "]", text)


def _part(part: str, question: QuestionSpec, depth: int) -> NormalForm | None:
    found = list_form(part, part, question, depth + 1) if part[:1] in "[({" else None
    found = found or number_form(part, part, question) or formula_form(part, part, question)
    if found is None and len(part) <= 60:
        numbers = numbers_in(part)
        if len(numbers) == 1:
            return number_form(numbers[0], part, question)
        said = " ".join(part.casefold().split()).strip(" .'\"")
        if said and len(said.split()) <= 3 and not re.search(r"[()\[\]{}:=]|\bis\b|->", said):
            return made("words", said, part)
        return None
    return found


def factors_form(read: str, text: str, question: QuestionSpec) -> NormalForm | None:
    """Prime factors: 2 * 2 * 3, 2^2 * 3, or 2, 2, 3."""
    read = re.sub(r"\bwith multiplicity\b|\band\b", ",", read)
    parts = [
        part.strip(" .")
        for part in re.split(
            r"(?<![*,;x&\s])[*,;x&\s]++(?=\d)|(?:(?<!\s)\s++)?\*\s*+", read.split("=")[-1].strip(" []{}().")
        )
        if part.strip(" .")
    ]
    found: list[int] = []
    for part in parts[:MOST_PARTS]:
        power = re.fullmatch(r"(\d{1,30})(?:\s*(?:\^|\*\*)\s*\(?(\d{1,2})\)?)?", part)
        if power is None:
            return None
        found += [int(power[1])] * int(power[2] or 1)
    if len(found) <= 1:
        return None
    return made("list", "[" + ", ".join(map(str, sorted(found))) + "]", text)


def unknowns_form(read: str, text: str, question: QuestionSpec) -> NormalForm | None:  # noqa: PLR0911, PLR0912
    """x = 3 is 3; x = 1, y = 2 is what (1, 2) is; x = 2 or x = 3 is the set of both."""
    if first := _NAMES_FIRST.fullmatch(read.strip()):
        names = [name.strip() for name in first[1].split(",")]
        values, _ = split(first[2])
        if len(names) != len(values):
            return None
        pairs = list(zip(names, values, strict=True))
    else:
        parts, _ = split(read)
        named = [_NAMED.fullmatch(part) for part in parts]
        if not parts or len(parts) > MOST_PARTS or not all(named[:1]):
            return None
        pairs, name = [], ""
        for part, match in zip(parts, named, strict=True):
            if match:
                name = match[1]
            elif "=" in part:
                return None
            pairs.append((name, match[2] if match else part))
    if len({name.lower() for name, _ in pairs}) == len({name for name, _ in pairs}):
        pairs = [(name.lower(), value) for name, value in pairs]
    forms = [(name, _part(value.strip(), question, 1)) for name, value in pairs]
    keys = [(name, form.key.removeprefix("number:")) for name, form in forms if form is not None]
    if len(keys) < len(pairs):
        return None
    if len({re.sub(r"_?\d$", "", name) for name, _ in keys}) == 1 and keys[0][0] not in question.text:
        keys = [(name[0], key) for name, key in keys]  # x_1 = 2, x_2 = 3
    names = list(dict.fromkeys(name for name, _ in keys))
    if len(names) == 1:
        values = sorted({key for _, key in keys})
        if len(values) == 1:
            return forms[0][1]
        return made("list", "[" + ", ".join(values) + "]", text)
    if len(names) != len(keys):
        return None
    if (
        set(names) in ({"x", "y"}, {"x", "y", "z"}, {"a", "b"})
        or set(names) == set(question.unknowns)
        or first
    ):
        return made("list", "[" + ", ".join(key for _, key in sorted(keys)) + "]", text)
    return made("unknowns", ", ".join(f"{name}={key}" for name, key in sorted(keys)), text)


def roles_form(read: str, text: str) -> NormalForm | None:
    """Ann is a knave, and Bob is a knight: who is what, in any order."""
    parts = [part for part in _ROLES.split(read.strip(" .")) if part]
    if not 2 <= len(parts) <= 12 or any(len(part) > _MOST_IS for part in parts):
        return None
    matches = [_IS.fullmatch(part) for part in parts]
    roles = {match[1].casefold(): match[2].casefold() for match in matches if match}
    if len(roles) < len(parts) or any(len(name.split()) > 3 for name in roles):
        return None
    return made("unknowns", ", ".join(f"{name}={role}" for name, role in sorted(roles.items())), text)


def interval_form(read: str, text: str, question: QuestionSpec) -> NormalForm | None:
    """(2, oo), x > 2 and 2 < x are one; [1, 2) is not (1, 2)."""
    read = _SET_OF.sub(r"\1", read.strip())
    if question.interval and (worded := _WORDED.match(read)):
        sign = ("<" if worded[2].lower() == "less" else ">") + "=" * bool(worded[3])
        read = f"{worded[1]} {sign} {read[worded.end() :]}"
    if excepted := _EXCEPT.fullmatch(read):
        end = _end(excepted[1], question)
        return made("interval", f"(-oo, {end}) U ({end}, oo)", text) if end else None
    pieces = re.split(r"(?<!\s)\s++(?:U|or)\s++", read.strip())
    found = [_one_interval(piece.strip(), question) for piece in pieces[:20]]
    if not all(found):
        return None
    return made("interval", " U ".join(sorted(piece for piece in found if piece)), text)


def _one_interval(read: str, question: QuestionSpec) -> str | None:  # noqa: PLR0911
    if interval := _INTERVAL.fullmatch(read):
        opening, low, high, closing = interval.groups()
        infinite = any(_INFINITE.fullmatch(end.strip()) for end in (low, high))
        if not (infinite or question.interval or (opening == "[") != (closing == "]")):
            return None
        return _ends(low, high, opening == "[", closing == "]", question)
    if inequality := _INEQUALITY.fullmatch(read):
        left, sign, middle, other, right = inequality.groups()
        if other:
            if sign[0] != other[0] or not middle.strip().isalpha():
                return None
            if sign[0] == ">":
                left, sign, other, right = right, _TURNED[other], _TURNED[sign], left
            return _ends(left, right, "=" in sign, "=" in other, question)
        if middle.strip().isalpha() and not left.strip().isalpha():
            left, sign, middle = middle, _TURNED[sign], left
        if not re.fullmatch(r"[A-Za-z]", left.strip()):
            return None
        if sign[0] == ">":
            return _ends(middle, "oo", "=" in sign, False, question)
        return _ends("-oo", middle, False, "=" in sign, question)
    return None


def _ends(low: str, high: str, low_in: bool, high_in: bool, question: QuestionSpec) -> str | None:
    ends = [_end(low, question), _end(high, question)]
    if not all(ends):
        return None
    return f"{'[' if low_in else '('}{ends[0]}, {ends[1]}{']' if high_in else ')'}"


def _end(end: str, question: QuestionSpec) -> str:
    if infinite := _INFINITE.fullmatch(end.strip()):
        return f"{infinite[1].replace('+', '')}oo"
    form = number_form(end.strip(), end, question)
    return form.key.removeprefix("number:") if form else ""


def expression_form(read: str, text: str) -> NormalForm | None:
    """An expression that was asked for: what it gives and the numbers it uses, as any that fits is right."""
    sides = read.split("=", _MOST_SIDES)
    for side in (read, *sides[:_MOST_SIDES]):
        found = computed(side.replace("x", "*") if not re.search(r"[a-wyz]", side) else side)
        if (
            found is not None
            and not found.unknowns
            and found.operations
            and isinstance(found.value, Fraction)
        ):
            used = " ".join(shown(number) for number in sorted(found.numbers))
            sent = side if len(sides) > 1 else text
            return made("formula", f"{shown(found.value)} from {used}", sent.strip(), found.value)
    return None
