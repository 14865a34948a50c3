"""What a caller sends and gets: OpenAI's chat completions, as far as a solver has a use for them."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from logicnet.errors import Reason, Refusal
from logicnet.protocol import Answer
from logicnet.solver.answering import Solution

LONGEST_DEADLINE_S = 600.0
"""A longer deadline is in the wrong unit."""

Seconds = Annotated[float, Field(gt=0, le=LONGEST_DEADLINE_S, allow_inf_nan=False)]

_BEGINS = ("Question:", "Q:")
_ENDS = ("Answer:", "A:", "A: Let's think step by step.")
"""Lines of the prompts of lm-evaluation-harness: gsm8k, gsm8k_cot, gsm8k_cot_zeroshot."""

_NUMBER = re.compile(
    r"(?:[A-Za-z ]{0,40}= ?)?(-?)[$€£]?([0-9][0-9,]*(?:\.[0-9]+)?)(?: ?%|°| [A-Za-z][A-Za-z /]*)?"
)
"""A number alone, with its unit or the unknown it stands for."""


class _RequestModel(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class TextPart(_RequestModel):
    """A piece of a message. Pictures and sounds are refused: no solver reads them."""

    type: Literal["text"]
    text: str


class ChatMessage(_RequestModel):
    role: str
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class ChatRequest(_RequestModel):
    """Fields that only change how a model samples (`temperature`, `max_tokens`, `stop`) are ignored."""

    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = None
    n: Literal[1] | None = None
    tools: list[Any] | None = Field(None, max_length=0)
    functions: list[Any] | None = Field(None, max_length=0)
    deadline_s: Seconds | None = None
    votes: bool | None = None  # whether the reply has them

    def question(self) -> str:
        """The last user message; of a harness' prompt, the question in it. Refusal BAD_BODY without one.

        System messages and earlier turns are left out, as are the examples of a prompt.
        """
        text = next((one.text for one in reversed(self.messages) if one.role == "user"), "").strip()
        if not text:
            raise Refusal(Reason.BAD_BODY, "Field messages of the body: no user message with text.")
        return _in_prompt(text.splitlines()) or text


def _in_prompt(lines: Sequence[str]) -> str:
    """The last question of a prompt that ends in "Answer:"; empty if it is no such prompt."""
    if lines[-1].strip() not in _ENDS:
        return ""
    for at in reversed(range(len(lines) - 1)):
        line = lines[at].lstrip()
        for begins in _BEGINS:
            if line.startswith(begins):
                return "\n".join([line.removeprefix(begins), *lines[at + 1 : -1]]).strip()
    return ""


def content(answer: Answer) -> str:
    """The reasoning, then the answer twice: as a sentence, and as GSM8K writes it, `#### 72`.

    After `####` stands the number alone where the answer is one, since harnesses read no unit there.
    """
    said = answer.answer.strip().rstrip(".")
    return f"{answer.reasoning}\n\nThe answer is {said}.\n#### {_bare(said)}"


def _bare(said: str) -> str:
    found = _NUMBER.fullmatch(said)
    return f"{found[1]}{found[2].rstrip(',')}" if found else said


def details(solution: Solution, seconds: float, *, votes: bool) -> dict[str, Any]:
    """The field `logicnet` of a reply."""
    log = solution.answer.vote_log
    told: dict[str, Any] = {
        "answer": solution.answer.answer,
        "outcome": solution.outcome,
        "error": solution.error,
        "seconds": round(seconds, 3),
    }
    return told | ({"votes": log.fields() if log is not None else None} if votes else {})


def finish_reason(solution: Solution) -> str:
    """`length` where the deadline cut the solving off."""
    return "length" if solution.outcome in ("late", "waited") else "stop"
