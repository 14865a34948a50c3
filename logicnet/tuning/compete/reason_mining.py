"""Reason mining: a model must beat the champion in every environment; a hotkey commits once for ever.

Source: AffineFoundation/affine-cortex, docs/MINER.md and docs/FAQ.md.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from logicnet.errors import TuningError
from logicnet.tuning.compete import rules
from logicnet.tuning.compete.competitions import Candidate, MatchResult, Rule, Scores, Submission
from logicnet.tuning.compete.data import data
from logicnet.tuning.compete.matches import environment_result, paired
from logicnet.tuning.compete.model_id import COMMIT


@dataclass(frozen=True)
class ReasonMining:
    """`margin`: what the challenger's mean score must have more, in each environment."""

    title: str
    netuid: int
    base: str | None  # the model that every submission is tuned from
    reveal_blocks: int | None
    margin: float
    fewest_samples: int  # an environment
    id: str = "reason-mining"
    once: bool = True
    floor_s: float = 0.0

    def rules(self, candidate: Candidate, repo: str, hotkey: str) -> Sequence[Rule]:
        return (
            rules.name_ends_in(repo, hotkey),
            rules.base(candidate, str(self.base)),
            rules.template(candidate),
            rules.template_code(candidate),
            rules.pickles(candidate),
            rules.code(candidate),
            rules.new_weights(candidate),
            rules.public(candidate),
            rules.revision(candidate),
        )

    def write(self, submission: Submission) -> str:
        if not COMMIT.fullmatch(submission.revision):
            raise TuningError(
                f"the commit {submission.revision[:80]!r} cannot be committed: it takes the commit's 40 hex "
                "digits, not a branch or a tag"
            )
        return json.dumps({"model": submission.repo, "revision": submission.revision})

    def read(self, text: str) -> Submission:
        try:
            held = json.loads(text)
            model, revision = held["model"], held["revision"]
        except (ValueError, TypeError, KeyError, RecursionError):
            model = revision = None
        if not isinstance(model, str) or not isinstance(revision, str) or model.count("/") != 1:
            raise TuningError(f'the commitment {text[:80]!r} is not {{"model": ..., "revision": ...}}')
        if not COMMIT.fullmatch(revision):
            raise TuningError(f"the commitment names {revision[:80]!r}, which is no commit")
        return Submission(model, revision)

    def compare(self, champion: Scores, challenger: Scores) -> MatchResult:
        """By score, higher is better: the challenger wins if its mean is higher by the margin everywhere.

        An environment with fewer than `fewest_samples` is not won.
        """
        if not champion or set(champion) != set(challenger):
            raise TuningError(
                "champion and challenger must have played in the same environments: "
                f"{sorted(champion)} and {sorted(challenger)}"
            )
        found = []
        for name in sorted(champion):
            old, new = paired(champion, challenger, name)
            mean = math.fsum(new[one] - old[one] for one in old) / len(old)
            won = mean >= self.margin and len(old) >= self.fewest_samples
            wins = sum(new[one] > old[one] for one in old) / len(old)
            found.append(environment_result(name, old, new, needed=self.margin, win_rate=wins, won=won))
        lost = [one.name for one in found if not one.won]
        why = (
            f"it is not ahead by {self.margin:g} on {self.fewest_samples} samples or more in "
            f"{', '.join(lost)}; it must be in every environment"
            if lost
            else f"it is ahead by {self.margin:g} in every environment"
        )
        return MatchResult(not lost, tuple(found), why)


def reason_mining() -> list[ReasonMining]:
    """The entry point."""
    return [ReasonMining(**data("reason-mining"))]
