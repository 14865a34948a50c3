"""The documents' finetuning competition: a model on Hugging Face, judged by its loss on fresh samples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from logicnet.errors import TuningError
from logicnet.tuning.compete import rules
from logicnet.tuning.compete.competitions import Candidate, MatchResult, Rule, Scores, Submission
from logicnet.tuning.compete.data import data
from logicnet.tuning.compete.matches import environment_result, paired
from logicnet.tuning.compete.model_id import ModelId

_NAME_CHARACTERS = 38  # see ModelId
_LOSS = "loss"


@dataclass(frozen=True)
class FinetuningCompetition:
    """One line of the competition's schedule."""

    id: str
    title: str
    netuid: int
    floor_s: float
    architectures: tuple[str, ...]
    parameters_below: float
    repo_bytes_below: float
    tokens: int  # of the samples that a validator asks with
    margin: float  # by which the loss of an older model must be beaten: 0.01 is 1 %
    share: float  # of the rewards
    once: bool = False
    reveal_blocks: int | None = None
    base: str | None = None

    @classmethod
    def of(cls, name: str, fields: dict[str, Any]) -> "FinetuningCompetition":
        return cls(id=name, **{**fields, "architectures": tuple(fields["architectures"])})

    def rules(self, candidate: Candidate, repo: str, hotkey: str) -> Sequence[Rule]:
        return (
            rules.parameters(candidate, self.parameters_below),
            rules.repo_bytes(candidate, self.repo_bytes_below),
            rules.architecture(candidate, self.architectures),
            rules.positions(candidate, self.tokens),
            rules.template(candidate),
            rules.template_code(candidate),
            rules.pickles(candidate),
            rules.code(candidate),
            rules.name_fits(repo, _NAME_CHARACTERS),
            rules.public(candidate),
            rules.revision(candidate),
        )

    def write(self, submission: Submission) -> str:
        namespace, _, name = submission.repo.partition("/")
        return ModelId(namespace, name, submission.revision, submission.hash, self.id).text()

    def read(self, text: str) -> Submission:
        found = ModelId.parse(text)
        if found.competition_id != self.id:
            raise TuningError(f"the commitment is for {found.competition_id}, not for {self.id}")
        return Submission(f"{found.namespace}/{found.name}", found.commit, found.hash)

    def compare(self, champion: Scores, challenger: Scores) -> MatchResult:
        """By loss: the challenger, the newer one, wins a sample if it is lower by the margin.

        It wins if it wins more than half of the samples. Scores are losses in one environment, "loss"; a
        loss that is not finite loses its sample.
        """
        if set(champion) != {_LOSS} or set(challenger) != {_LOSS}:
            raise TuningError(f"{self.id} is judged in one environment, {_LOSS!r}: got {sorted(challenger)}")
        old, new = paired(champion, challenger, _LOSS)
        wins = {one: new[one] < (1 - self.margin) * old[one] for one in old}
        share = sum(wins.values()) / len(wins)
        won = share > 0.5
        finite = {one for one in old if math.isfinite(old[one]) and math.isfinite(new[one])}
        result = environment_result(
            _LOSS,
            {one: old[one] for one in finite},
            {one: new[one] for one in finite},
            needed=-self.margin * _mean([old[one] for one in finite]),
            win_rate=share,
            won=won,
        )
        why = f"it wins {share:.1%} of {len(old)} samples by {self.margin:.0%}; more than 50 % win"
        return MatchResult(won, (result,), why)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def finetuning() -> list[FinetuningCompetition]:
    """The entry point: m1 and g1."""
    held = data("finetuning")
    shared = {name: value for name, value in held.items() if not isinstance(value, dict)}
    return [
        FinetuningCompetition.of(name, {**shared, **fields})
        for name, fields in held.items()
        if isinstance(fields, dict)
    ]
