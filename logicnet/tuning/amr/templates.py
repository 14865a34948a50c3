"""Prompts and targets of a sentence, by templates.toml."""

import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from logicnet._util.parsing import parse, read, validate
from logicnet.errors import SettingsError
from logicnet.tuning.amr.corpus import AmrSentence

FILE = Path(__file__).with_name("templates.toml")
DEFAULT = "v2_natural"


@dataclass(frozen=True)
class TwoOutputs:
    """What an answer says; None where its mark is not there."""

    bare: str | None
    graph: str | None


class AmrTemplate(BaseModel):
    """A row of the file; `name` is its key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    prompt: str
    task1: str = Field(min_length=1)
    task2: str = Field(min_length=1)
    concepts: str | None = None

    @field_validator("prompt")
    @classmethod
    def _asks(cls, prompt: str) -> str:
        if prompt.count("{sentence}") != 1:
            raise ValueError("needs {sentence} once")
        return prompt.strip()

    def ask(self, sentence: str) -> str:
        return self.prompt.replace("{sentence}", sentence)

    def target(self, sentence: AmrSentence) -> str:
        """The answer that is trained."""
        graph = sentence.graph
        parts = [] if self.concepts is None else [(self.concepts, ", ".join(graph.concepts))]
        parts += [(self.task1, graph.bare), (self.task2, graph.text)]
        return "\n\n".join(f"{mark}\n{text}" for mark, text in parts)

    def outputs(self, answer: str) -> TwoOutputs:
        """The two outputs of a model's answer, each after the last of its marks."""
        before, found, graph = answer.rpartition(self.task2)
        if not found:
            before, graph = answer, ""
        bare = before.rpartition(self.task1)[2].strip() if self.task1 in before else None
        return TwoOutputs(bare, graph.strip() if found else None)


@cache
def templates() -> dict[str, AmrTemplate]:
    """Raises SettingsError."""
    found = parse(read(FILE, str(FILE)), str(FILE))
    return {
        name: validate(AmrTemplate, {"name": name, **row}, f"{FILE.name}: {name}")
        for name, row in found.items()
    }


def template_of(name: str) -> AmrTemplate:
    """Raises SettingsError with the nearest name."""
    known = templates()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise SettingsError(f"--template {name!r:.60} is unknown; {hint}")
    return known[name]
