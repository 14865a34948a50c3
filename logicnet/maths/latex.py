"""LaTeX and the signs of typography, in the notation of a calculator: the only reader of LaTeX.

The result is for reading, not for sending: `\\frac{1}{2}` becomes (1/2), `½` 1/2, `90^\\circ` 90 degrees. An
unknown macro keeps its backslash. Each pass is linear in the text, and the number of passes is bounded.
"""

import re

MOST_CHARS = 1_000  # of an answer whose structure is read; a longer one is words or code
_PASSES = 12  # braces within braces; deeper ones stay as they are

_SIGNS = str.maketrans(
    {
        "−": "-", "–": "-", "—": "-", "‐": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*", "÷": "/",  # noqa: RUF001
        "⁄": "/", "∕": "/", "√": " sqrt", "π": " pi ", "∞": " oo ", "≤": "<=", "≥": ">=", "≠": "!=",  # noqa: RUF001
        "≈": "=", "≡": "=", "∈": " in ", "ℝ": "R",  # noqa: RUF001
        "∪": " U ", "→": "->", "⇒": "->", "°": " degrees", "º": " degrees", "’": "'", "‘": "'",  # noqa: RUF001
        "“": '"', "”": '"', "±": "+-", "\u00a0": " ", "\u2009": "", "\u202f": "",
    }
)  # fmt: skip
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_POWER = re.compile("[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_VULGAR = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5",
    "⅘": "4/5", "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8",
}  # fmt: skip
_HIGHER_ROOT = re.compile(r"([∛∜])\s*(\d+(?:\.\d+)?|\([^()]*\))")
_VULGAR_SIGN = re.compile(f"(\\d?)([{''.join(_VULGAR)}])")

_MACROS = {
    r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\cfrac": r"\frac", r"\cdot": "*", r"\times": "*",
    r"\div": "/", r"\pi": " pi ", r"\infty": " oo ", r"\%": "%", r"\leq": "<=", r"\geq": ">=",
    r"\le": "<=", r"\ge": ">=", r"\lt": "<", r"\gt": ">", r"\neq": "!=", r"\approx": "=", r"\equiv": "=",
    r"\mid": "|", r"\pm": "+-",
    r"\cup": " U ", r"\in": " in ", r"\to": "->", r"\rightarrow": "->", r"\emptyset": "none",
    r"\varnothing": "none", r"\circ": " degrees", r"\degree": " degrees", r"\ldots": "...",
    r"\left": "", r"\right": "", r"\displaystyle": "", r"\quad": " ", r"\qquad": " ", r"\lbrace": "{",
    r"\rbrace": "}", r"\tbinom": r"\binom", r"\dbinom": r"\binom", r"\ast": "*", r"\dots": "...",
    r"\bmod": " mod ", r"\pmod": " mod ", r"\mod": " mod ", r"\log": " log", r"\gcd": " gcd", r"\lcm": " lcm",
    r"\sin": " sin ",
    r"\cos": " cos ", r"\tan": " tan ", r"\ln": " ln ", r"\exp": " exp ",
}  # fmt: skip
_MACRO = re.compile(r"\\(?:[A-Za-z]+|%)")
_SPACING = re.compile(r"\\[,;:! $]|(?<=\d)\{,\}(?=\d)|[$`~]|\\[()]|\\\[|\\\](?!\])")
_BRACED_SIGN = re.compile(r"(?<=\d)\{([:.])\}(?=\d)")
_OVER = re.compile(r"\{([^{}\\]*)\\over\b([^{}\\]*)\}")
_CASES = re.compile(
    r"\\begin\s*\{(?:cases|aligned)\}((?:(?!\\begin\b).)*?)\\end\s*\{(?:cases|aligned)\}", re.DOTALL
)
_FRACTION = re.compile(r"(?:(\d)\s*)?\\frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_SHORT_FRACTION = re.compile(r"(?:(\d)\s*)?\\frac\s*(\d)\s*(\d)(?!\d)")
_CHOICE = re.compile(r"\\binom\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_ROOT = re.compile(r"\\sqrt\s*+(?:\[\s*+(\d{1,2})\s*+\])?\s*+\{([^{}]*)\}")
_SHORT_ROOT = re.compile(r"\\sqrt\s*(\d)")
_WORDS = re.compile(
    r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|mathbb|operatorname|boxed|mbox|bf)\s*\{([^{}]*)\}"
)
_RAISED_BRACES = re.compile(r"\^\s*\{([^{}]*)\}")
_LOWERED = re.compile(r"_\s*\{([^{}]*)\}")
_MATRIX = re.compile(
    r"\\begin\s*\{(?:[a-zA-Z]*matrix\}|array\}\s*\{[lcr|\s]*\})((?:(?!\\begin).)*?)\\end\s*\{(?:[a-zA-Z]*matrix|array)\}",
    re.DOTALL,
)


def undressed(text: str) -> str:
    """The text without what only makes it look well; LaTeX as a calculator would have it."""
    text = _POWER.sub(lambda power: "^" + _signed(power[0].translate(_RAISED)), text.translate(_SIGNS))
    text = _HIGHER_ROOT.sub(lambda root: f" root({root[2].strip('()')}, {'∛∜'.index(root[1]) + 3})", text)
    text = _VULGAR_SIGN.sub(
        lambda sign: f"{sign[1]} {_VULGAR[sign[2]]} " if sign[1] else _VULGAR[sign[2]], text
    )
    if "\\" in text or "^" in text or "{" in text or "$" in text or "_" in text:
        text = _without_latex(text)
    return " ".join(text.replace("`", " ").replace("**(", "^(").split())


def _signed(power: str) -> str:
    return f"({power})" if power[0] in "+-" else power


def _without_latex(text: str) -> str:
    text = _CASES.sub(
        lambda cases: re.sub(r"(?:(?<!\s)\s++)?\\\\\s*+", ", ", cases[1].replace("&", "")), text
    )
    text = _OVER.sub(r"\\frac{\1}{\2}", _MATRIX.sub(_rows, text))
    text = _MACRO.sub(lambda macro: _MACROS.get(macro[0], macro[0]), text)
    text = _SPACING.sub("", _BRACED_SIGN.sub(r"\1", text))
    for _ in range(_PASSES):
        before = text
        text = _WORDS.sub(r" \1 ", text)
        text = _RAISED_BRACES.sub(_raised, text)
        text = _LOWERED.sub(r"_\1", text)
        text = _ROOT.sub(
            lambda root: f" root({root[2]}, {root[1]})" if root[1] else f" sqrt({root[2]})", text
        )
        text = _FRACTION.sub(_fraction, _CHOICE.sub(r" comb(\1, \2)", text))
        if text == before:
            break
    text = _SHORT_FRACTION.sub(_fraction, _SHORT_ROOT.sub(r" sqrt(\1)", text))
    return text.replace(r"\{", "{").replace(r"\}", "}").replace("^ degrees", " degrees").replace("\\\\", ";")


def _raised(power: re.Match[str]) -> str:
    inner = power[1].strip()
    return " degrees" if inner == "degrees" else f"^({inner})"


def _fraction(found: re.Match[str]) -> str:
    before, top, bottom = found.groups(default="")
    if before and top.strip().isdecimal() and bottom.strip().isdecimal():
        return f"{before} {top.strip()}/{bottom.strip()}"  # a mixed number
    if top.strip().isdecimal() and bottom.strip().isdecimal():
        return f"({top.strip()}/{bottom.strip()})"
    return f"{before}(({top})/({bottom}))"


def _rows(matrix: re.Match[str]) -> str:
    rows = [row for row in re.split(r"\\\\", matrix[1]) if row.strip()]
    return "[" + ", ".join("[" + row.strip().replace("&", ",") + "]" for row in rows) + "]"
