"""An invented subnet: riddles in verses, asked at /RiddleSynapse, where speed is a third of the reward.

`pip install examples/wires/riddles`, then `logicnet mine --miner.wire riddles`.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from logicnet.protocol import Answer, AskedFields


class RiddleSynapse(BaseModel):
    """A riddle. A solver gets its verses as one question."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)

    verses: list[str] = Field(min_length=1, max_length=50)
    hint: str = ""
    riddle_id: int = 0
    timeout: float | int | None = None

    def asked(self) -> AskedFields:
        hint = f"\n\nHint: {self.hint}" if self.hint else ""
        return AskedFields("\n".join(self.verses) + hint, "Riddle", str(self.riddle_id))

    def reply_fields(self, answer: Answer) -> dict[str, Any]:
        return {
            "verses": self.verses,
            "hint": self.hint,
            "riddle_id": self.riddle_id,
            "solution": answer.answer,
            "why": answer.reasoning.splitlines(),
        }


class Capacity(BaseModel):
    """AskedFields at /Capacity: how many riddles an hour this miner takes, were its interval an hour."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)

    timeout: float | int | None = None

    def reply_fields(self, *, epoch_volume: int, category: str) -> dict[str, Any]:
        return {"riddles": epoch_volume, "topics": [category]}


class Riddles:
    """The wire."""

    challenge: type[Any] = RiddleSynapse
    information: type[Any] | None = Capacity
    timeout_s = 20.0

    def reward(self, correctness: float, similarity: float, process_time_s: float, timeout_s: float) -> float:
        """Nothing for a wrong answer; two thirds for a right one, and a third for the time that is left."""
        left = max(0.0, 1.0 - process_time_s / timeout_s)
        return (2.0 + left) / 3.0 if correctness > 0 else 0.0
