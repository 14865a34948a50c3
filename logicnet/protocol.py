"""LogicSynapse and Information: what travels on the wire, nothing else.

Field names and defaults are those of LogicNet 1.6, subnet 35. The classes read what a validator
sends; `reply_fields` writes what it expects back. Two fields exist on the wire that a miner has
no business with, `raw_logic_question` and `ground_truth_answer`: they are not read, not even into
memory of ours, and go back empty whatever came in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NewType

from pydantic import BaseModel, ConfigDict, StringConstraints

from logicnet.votelog import VoteLog

Hotkey = NewType("Hotkey", str)
"""An ss58 address (format 42) of a hotkey."""

Uid = NewType("Uid", int)
"""A neuron's place in the subnet's metagraph."""

SynapseName = Literal["LogicSynapse", "Information"]
Wire = Literal["classic", "btauth"]

LOGIC_TIMEOUT_S = 64.0
INFORMATION_TIMEOUT_S = 60.0


class _Synapse(BaseModel):
    # Validators differ in the extra fields they send, so unknown ones are ignored; known ones
    # must have their type ("1" is not 1), or the caller is told so.
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)


class LogicSynapse(_Synapse):
    """A challenge as it arrives. Only `logic_question` is needed."""

    logic_question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    category: str = ""
    task_uid: str | int = ""
    timeout: float | int | None = None

    def reply_fields(self, answer: Answer) -> dict[str, Any]:
        """The synapse's own fields as they go back to the validator."""
        return {
            "logic_question": self.logic_question,
            "logic_answer": answer.answer,
            "logic_reasoning": answer.reasoning,
            "raw_logic_question": "",
            "ground_truth_answer": None,
            "category": self.category,
            "task_uid": self.task_uid,
        }


class Information(_Synapse):
    """A validator's question how much we take. Answered with `epoch_volume` and `category`."""

    request_dict: dict[str, Any] = {}
    timeout: float | int | None = None

    def reply_fields(self, *, epoch_volume: int, category: str) -> dict[str, Any]:
        return {
            "request_dict": self.request_dict,
            "response_dict": {"epoch_volume": epoch_volume, "category": category},
        }


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a solver is given: the question, and no more of the wire than it needs."""

    question: str
    category: str = ""
    task_uid: str = ""
    stake: float = 0.0  # alpha, of the validator that asks: never from the body; 0 if nobody's


@dataclass(frozen=True, slots=True)
class Answer:
    """What a solver gives back: the steps, and a short answer (under 20 words).

    `vote_log` stays here: it says how the answer came about, for the ledger and the bench.
    """

    reasoning: str
    answer: str
    vote_log: VoteLog | None = None
