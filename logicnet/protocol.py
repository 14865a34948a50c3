"""LogicSynapse and Information: the messages on the wire.

Field names and defaults are those of LogicNet 1.6, subnet 35. The classes parse requests; `reply_fields`
writes replies. A miner must not see `raw_logic_question` and `ground_truth_answer`: they are never parsed,
and are empty in replies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NewType

from pydantic import BaseModel, ConfigDict, StringConstraints

from logicnet.votelog import VoteLog

Hotkey = NewType("Hotkey", str)
"""An ss58 address (format 42) of a hotkey."""

Uid = NewType("Uid", int)
"""A neuron's index in the subnet's metagraph."""

SynapseName = Literal["LogicSynapse", "Information"]
Wire = Literal["classic", "btauth"]

LOGIC_TIMEOUT_S = 64.0
INFORMATION_TIMEOUT_S = 60.0


class _Synapse(BaseModel):
    # Validators send different extra fields, which are ignored; known ones must have their type.
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)


class LogicSynapse(_Synapse):
    """A challenge. Only `logic_question` is required."""

    logic_question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    category: str = ""
    task_uid: str | int = ""
    timeout: float | int | None = None

    def asked(self) -> AskedFields:
        """What a solver is given."""
        return AskedFields(self.logic_question, self.category, str(self.task_uid))

    def reply_fields(self, answer: Answer) -> dict[str, Any]:
        """The synapse's fields in the reply."""
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
    """A validator's request for our volume. The reply has `epoch_volume` and `category`."""

    request_dict: dict[str, Any] = {}
    timeout: float | int | None = None

    def reply_fields(self, *, epoch_volume: int, category: str) -> dict[str, Any]:
        return {
            "request_dict": self.request_dict,
            "response_dict": {"epoch_volume": epoch_volume, "category": category},
        }


class AskedFields(NamedTuple):
    """What a challenge asks, whatever its subnet calls the fields."""

    question: str
    category: str = ""
    task_uid: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A solver's input: the question, without the wire."""

    question: str
    category: str = ""
    task_uid: str = ""
    stake: float = 0.0  # alpha, of the validator, from the metagraph; 0 if no validator asked
    caller: str = field(default="", compare=False)  # who asks, so that callers share what is scarce


@dataclass(frozen=True, slots=True)
class Answer:
    """A solver's output: the steps, and a short answer (under 20 words).

    `vote_log` is for the ledger and the bench; it is not sent.
    """

    reasoning: str
    answer: str
    vote_log: VoteLog | None = None
