"""An answer without its markup: LaTeX, Markdown, brackets, commas between thousands."""

import re

LINE = 2_000
"""Characters of what may be an answer."""

_BOXED = re.compile(r"\\boxed\s*\{")
_BRACES = re.compile(r"[{}]")
_MOST_BOXED = 8  # that may be left open
FENCE = re.compile(r"```[\w+-]*")
_HEAD = re.compile(r"\A(?:(?:#{1,6}|>)\s+|>+(?=[^\s=]))+")
_BOLD = re.compile(
    r"(?<![\w)*])(\*\*|__)(?=\S)((?:(?!\1(?=\S)(?<![\w)*]\1)).){1,200}?)(?<=\S)\1(?![\w(*])"
)  # not the powers in x**2 + y**2
_MATHS = re.compile(r"(?<!\\)\\[()\[\]]|\\[,;!]|\\?\$")
_WORDS_IN_MATHS = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"(\d?)\\[dt]?frac\s*\{(\w+)\}\s*\{(\w+)\}")
_THOUSANDS = re.compile(r"[^\d,()\[\]{}]*\d{1,3}(?:,\d{3})+(?![\d,])[^\d,()\[\]{}]*(?:\.\d+[^\d,()\[\]{}]*)?")


def plain_answer(answer: str, *, keep_point: bool = False) -> str:
    """The same answer on one line without markup, closing full stop, or commas between thousands."""
    answer = answer[:LINE]
    answer = last_boxed(answer) or answer
    answer = _MATHS.sub("", FENCE.sub("", answer))
    answer = _FRACTION.sub(_fraction, _WORDS_IN_MATHS.sub(r"\1", answer)).replace(r"\%", "%")
    answer = _BOLD.sub(r"\2", " ".join(answer.split())).strip(" `\"'")
    answer = _HEAD.sub("", answer) or answer
    if keep_point:
        return answer
    answer = answer.removesuffix("**").removeprefix("**").rstrip(" .").removesuffix("**").strip()
    if _THOUSANDS.fullmatch(answer):
        answer = answer.replace(",", "")
    return answer


def _fraction(found: re.Match[str]) -> str:
    before, top, bottom = found.groups()
    if not bottom.isdigit() and len(bottom) > 1:
        bottom = f"({bottom})"  # 1/(2x) is not 1/2x
    return f"{before} {top}/{bottom}" if before else f"{top}/{bottom}"  # 1 1/2 is not 11/2


def last_boxed(text: str) -> str:
    """What stands in the last \\boxed{...} that is closed, with the braces inside it."""
    for opening in reversed(list(_BOXED.finditer(text))[-_MOST_BOXED:]):
        depth = 1
        for brace in _BRACES.finditer(text, opening.end(), opening.end() + LINE):
            depth += 1 if brace[0] == "{" else -1
            if not depth:
                return text[opening.end() : brace.start()]
    return ""
