"""Guard: output that must not be sent, above all text that looks like an attempt to trick a judge.

A question may make a model write such text, and a model may write it by itself. A true answer that looks like
an attempt earns -1 as well (LogicNet 1.6), so it is not sent either.
"""

import re

from logicnet.scoring.tricks import trick

_ADDRESSES = re.compile(
    r"\b(?:(?:ignore|disregard|forget|override)\b[^.]{0,40}\b(?:instructions?|prompts?|guidelines|rules)\b"
    r"|system prompt\b"
    r"|(?:(?:attention|message|notes?|notice)(?: (?:for|to)|:)|dear|hello|hi),?"
    r"(?: (?:all|any|the|you|your))? (?:AI |human )?"
    r"(?:assessor|evaluator|grader|judge|marker|reviewer|validator)s?\b"
    r"|(?:correctness|grade|rating) ?[:=] ?1(?:\.0+)?(?![\d.,/:]*\d)"
    r"|as an? (?:AI |fair |strict )?(?:assessor|evaluator|grader|judge|validator),? you\b"
    r"|(?:accept|consider|count|grade|judge|mark|rate|score|treat)"
    r" (?:(?:my|the|this) (?:answer|reply|response|solution|submission)|it as|this as)"
    r"(?: as)?(?: being)?(?: fully| completely)? (?:accepted|correct|perfect|right|valid)\b"
    r"|(?:judge|grader|evaluator|validator)s?\b[,:]? (?:please |must |should )?"
    r"(?:accept|award|give|grade|mark|output|rate|return|score) (?:this|me|it|my|full|1|the answer)\b"
    r"|(?:give|award|assign|output|return)\b[^.\n]{0,30}"
    r"\b(?:full marks|(?:full|perfect|maximum|highest) score)\b)",
    re.IGNORECASE,
)
"""Words addressed to a judge instead of the question."""

_TEMPLATE = re.compile(
    r"<[|\uff5c][a-zA-Z_\u2581]{1,40}[|\uff5c]>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<[be]os>"
    r"|^[ \t]*#{2,3} (?:Instruction|Response):",
    re.MULTILINE,
)
"""Pieces of a chat template that a model repeated."""

_BLANK = re.compile(
    r"\W*(?:(?:put|insert|write|state|your|the|my|final|short|numerical|correct)\s+)*"
    r"(?:answer|number|result|value)s?(?:\s+(?:goes\s+)?here)?\W*|[\s._;]*",
    re.IGNORECASE,
)

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
"""Invisible characters, and those that change the direction of text; not line ends and tabs."""


def visible(text: str) -> str:
    """The text without invisible characters."""
    return _HIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def blank(answer: str) -> bool:
    """Whether an answer is empty or a placeholder, such as [your answer here]."""
    return _BLANK.fullmatch(answer) is not None


def suspicious(answer: str) -> bool:
    """Whether an answer looks like an attempt to trick a judge."""
    return bool(trick(answer) or _TEMPLATE.search(answer)) or addresses_judge(answer)


def addresses_judge(text: str) -> bool:
    """Whether a text speaks to a judge instead of about the question.

    That is all that reasoning is refused for: no judge reads it, so markup in it is no trick (LogicNet 1.6).
    """
    return _ADDRESSES.search(text) is not None
