"""Hostile text: strings on which a regular expression backtracks, derived from the expression itself.

For each part that repeats, the strings pump what it repeats, after what leads to it, and end in what makes
the whole fail. The strings of `FRAGMENTS` are for functions, whose expressions are many.
"""

import random
import re
import re._constants as sre
import re._parser as sre_parser
from collections.abc import Iterator
from typing import Any

FRAGMENTS = (
    *(
        "i",
        "1",
        "12",
        " ",
        "\n",
        "\t",
        "\u00a0",
        "a ",
        "a. ",
        "1 ",
        "1, ",
        "1,1,1,",
        "1,000,",
        "1.",
        "1 000 ",
    ),
    *(
        "(",
        ")",
        "[",
        "{",
        "}",
        "(((",
        "()",
        "\\(",
        "\\)",
        "$",
        "$$",
        "\\frac{",
        "\\boxed{",
        "\\sqrt",
        "^{",
        "_{",
    ),
    *("a) b) c) ", "A) B) C) ", "(A) ", "A. ", "= = = ", "=", "a=", "a = 1, ", "x^2+", "+", "-", "- ", "+-"),
    *(
        "answer: ",
        "answer is ",
        "the answer is not ",
        "final answer\n",
        "#### 1\n",
        "<answer>",
        "</",
        "<",
        ">",
    ),
    *(
        "**",
        "*",
        "* ",
        "**a",
        "__",
        "`",
        "```",
        "```\n",
        "#",
        "# ",
        ">>> ",
        '"',
        "'",
        "|",
        ":",
        ";",
        "!",
        "?",
        "%",
    ),
    *(
        "and ",
        "one ",
        "one and ",
        "two hundred ",
        "is ",
        "not ",
        "if ",
        "3 h ",
        "12:",
        "what is ",
        "solve for ",
    ),
    *(
        "how many ",
        "percent ",
        "in ",
        "or ",
        "between 1 and ",
        "who is ",
        "some people say the answer ",
        "a, ",
    ),
    *(
        "é",
        "中",
        "答",
        "½",
        "\u0660",
        "\U0001f600",
        "é ",
        "1 á",
        "0",
        "9",
        "e",
        "1e",
        "1/",
        "1:",
        "-1",
    ),
    *(
        "print(",
        "x = ",
        "x=1\n",
        "def f(\n",
        "if 1:",
        "\\begin{matrix}",
        "&",
        "\\\\",
        "\\",
        "<think>",
        "</think>",
    ),
    *(
        "<|im_end|>",
        "[INST]",
        "ignore ",
        "give ",
        "true false ",
        "binary ",
        "Ann is a knave, ",
        "U ",
        "\r",
        "\x00",
    ),
)

PLAIN = (
    "i",
    "1",
    " ",
    "\n",
    "\u00a0",
    "a ",
    "1,",
    "(",
    "$",
    "\\",
    "*",
    "-",
    ".",
    "=",
    "é",
    "\u0660",
    "<",
    "and ",
    "|",
)
"""A few of them, for every pattern."""


def strings(pattern: re.Pattern[str], size: int) -> Iterator[str]:
    """Strings of about `size` characters on which `pattern` may need many steps."""
    chance = random.Random(pattern.pattern)
    tree = sre_parser.parse(pattern.pattern, pattern.flags)
    pumps = list(dict.fromkeys(_pumps(list(tree), "", chance)))
    for before, pump in pumps:
        for end in ("\x00", "\n\x00"):
            yield before + pump * (size // len(pump)) + end
        if before:
            yield (before + pump * 5) * (size // len(before + pump * 5)) + "\x00"
    bare = list(dict.fromkeys(pump for _, pump in pumps))
    for _ in range(min(len(bare), 6)):
        mixed = "".join(chance.choice(bare) for _ in range(3))
        yield mixed * (size // len(mixed)) + "\x00"


def _pumps(items: list[Any], before: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """What leads to each repeated part, and what it repeats."""
    for place, (kind, value) in enumerate(items):
        for deeper in _inside(kind, value):
            yield from _pumps(deeper, before, chance)
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT) and value[1] > 4:
            for _ in range(2):
                if pump := _sample(list(value[2]), chance):
                    yield before, pump
                    yield before + _sample(items[:place], chance), pump
        if (
            kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
            and not value[0]
            and chance.random() < 0.5
        ):
            continue
        before += _sample([(kind, value)], chance)


def _inside(kind: Any, value: Any) -> list[list[Any]]:
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        return [list(value[2])]
    if kind is sre.SUBPATTERN:
        return [list(value[3])]
    if kind is sre.ATOMIC_GROUP:
        return [list(value)]
    if kind is sre.BRANCH:
        return [list(branch) for branch in value[1]]
    if kind in (sre.ASSERT, sre.ASSERT_NOT):
        return [list(value[1])]
    return []


_OF_CATEGORY = {
    sre.CATEGORY_DIGIT: "17", sre.CATEGORY_NOT_DIGIT: "a ", sre.CATEGORY_SPACE: " \n\u00a0",
    sre.CATEGORY_NOT_SPACE: "a1.", sre.CATEGORY_WORD: "a1_", sre.CATEGORY_NOT_WORD: " .-",
}  # fmt: skip


def _sample(items: list[Any], chance: random.Random) -> str:
    return "".join(_sample_one(kind, value, chance) for kind, value in items)


def _sample_one(kind: Any, value: Any, chance: random.Random) -> str:
    if kind is sre.LITERAL:
        return chr(value)
    if kind is sre.NOT_LITERAL:
        return next(one for one in "a 1\n" if ord(one) != value)
    if kind is sre.ANY:
        return chance.choice("a 1.(")
    if kind is sre.IN:
        return _member(value, chance)
    if kind is sre.BRANCH:
        return _sample(list(chance.choice(value[1])), chance)
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        least = min(value[0], 50)
        times = chance.choice((least, max(least, min(1, value[1]))))
        return "".join(_sample(list(value[2]), chance) for _ in range(times))
    if kind is sre.ASSERT and value[0] < 0:
        return _sample(list(value[1]), chance)
    if kind in (sre.SUBPATTERN, sre.ATOMIC_GROUP):
        return "".join(_sample(inner, chance) for inner in _inside(kind, value))
    return ""


def _member(members: list[Any], chance: random.Random) -> str:
    """A character of a class."""
    if members[0][0] is sre.NEGATE:
        inside = re.compile("[" + "".join(_written(one) for one in members[1:]) + "]")
        choices = [one for one in " a1.,(=-\n\u00e9\x00~" if not inside.match(one)]
        return chance.choice(choices) if choices else "\u4e2d"
    kind, value = chance.choice(members)
    if kind is sre.LITERAL:
        return chr(value)
    if kind is sre.RANGE:
        return chr(chance.randint(value[0], min(value[1], value[0] + 25)))
    return chance.choice(_OF_CATEGORY.get(value, "a"))


_WRITTEN = {
    sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_NOT_DIGIT: r"\D", sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S", sre.CATEGORY_WORD: r"\w", sre.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip


def _written(member: Any) -> str:
    kind, value = member
    if kind is sre.LITERAL:
        return re.escape(chr(value))
    if kind is sre.RANGE:
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    return _WRITTEN[value]
