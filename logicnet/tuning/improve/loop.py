"""The loop: rounds of practice, lessons, training, proof and swap, each resumable after a kill at any moment.

Nothing here decides what serves but the table of adapters, in which only a proven one can serve; a round
that is killed is found by its round.json and goes on from its step.
"""

import json
import time
from collections import Counter
from dataclasses import dataclass, field

from logicnet.evals.challenges import sets
from logicnet.evals.challenges.problem import seed_of
from logicnet.solver.race.exact import Exact
from logicnet.tuning.improve.believed import asked_kinds
from logicnet.tuning.improve.kinds import KindRecord, allotted, asked_shares, tallied
from logicnet.tuning.improve.options import ImproveOptions
from logicnet.tuning.improve.practised import PRACTICE, read_practice
from logicnet.tuning.improve.probe import Unlike
from logicnet.tuning.improve.report import write_report
from logicnet.tuning.improve.round_work import RoundContext, RoundWork, seed_in
from logicnet.tuning.improve.rounds import Round, Spent, stop_reason
from logicnet.tuning.improve.training import JobLost

_DRAWN = 6  # questions of each kind that are looked at before the mix is made


@dataclass(slots=True)
class ImproveLoop:
    """See the module. Use `run`."""

    options: ImproveOptions
    context: RoundContext
    _begun_s: float = field(default_factory=time.monotonic)
    _ended: int = 0

    async def run(self) -> str:
        """Rounds until there is a reason to stop, which is returned. Raises LogicnetError."""
        while True:
            found = self.context.rounds.all()
            open_round = found[-1] if found and not found[-1].step.over else None
            if open_round is None:
                ended = [one for one in found if one.step.over]
                if reason := stop_reason(ended, self.options.budget, self._spent()):
                    return reason
                open_round = await self._begin()
            else:
                self.context.say(f"Round {open_round.number} goes on: {open_round.step}.")
            await self._finish(open_round)
            self._ended += 1

    async def _finish(self, one: Round) -> None:
        options = ImproveOptions.parse(dict(one.plan) | self.options.model_dump(include=_MAY_CHANGE))
        work = RoundWork(options, self.context, one)
        while not work.round.step.over:
            self.context.on_step(work.round.step)
            try:
                await work.do()
            except (JobLost, Unlike) as error:
                await work.give_up(str(error))
        self.context.on_step(work.round.step)
        write_report(self.context.rounds, work.round)
        self.context.say(
            f"Round {work.round.number}: {work.round.step}"
            f"{f': {work.round.reason}' if work.round.reason else ''}. "
            f"{self.context.rounds.folder(work.round.number) / 'report.html'}"
        )

    async def _begin(self) -> Round:
        serving = self.context.store.serving()
        records = await self._records()
        counts = allotted(records, self.options.questions)
        one = self.context.rounds.begin(
            serving=serving.name if serving is not None else "",
            plan=json.loads(self.options.model_dump_json(exclude=_MAY_CHANGE)),
            counts=counts,
        )
        most = sorted(counts, key=lambda kind: -counts[kind])[:5]
        self.context.say(
            f"Round {one.number} practises {sum(counts.values())} questions of {len(counts)} kinds, most of "
            f"{', '.join(most)}."
        )
        return one

    async def _records(self) -> dict[str, KindRecord]:
        """The kinds of the recipe: asked how often, computed, and answered right so far."""
        recipe = self.options.recipe("train", seed_of(seed_in(self.options), "look"))
        mix = sets.kinds_of(recipe)
        drawn = sets.draw_by_kind(recipe, dict.fromkeys(mix, _DRAWN), self.options.folder)
        asked = asked_kinds(self.context.ledger) if self.context.ledger is not None else Counter[str]()
        texts = {kind: [one.asked for one in problems] for kind, problems in drawn.items()}
        share = asked_shares(mix, texts, asked)
        seen = tallied(
            (one.kind, one.right)
            for found in self.context.rounds.all()
            for one in read_practice(self.context.rounds.folder(found.number) / PRACTICE)
            if one.source == "model" and one.sampler != "chat"
        )
        computed: dict[str, float] = {}
        async with Exact() as exact:
            for kind, questions in texts.items():
                solved = [await exact.solve(one) is not None for one in questions]
                computed[kind] = sum(solved) / len(solved) if solved else 0.0
        return {
            kind: KindRecord(share[kind], computed[kind], *seen.get(kind, (0.0, 0.0)))
            for kind in mix
            if texts[kind]
        }

    def _spent(self) -> Spent:
        root = self.context.store.root
        used = sum(one.stat().st_size for one in root.rglob("*") if one.is_file()) if root.is_dir() else 0
        mine = self.context.rounds.all()
        taught = sum(
            text.tokens
            for one in (mine[-self._ended :] if self._ended else [])
            for text in read_practice(self.context.rounds.folder(one.number) / PRACTICE)
            if text.source == "teacher"
        )
        hours = (time.monotonic() - self._begun_s) / 3600
        return Spent(self._ended, hours, used / 1e9, taught)


_MAY_CHANGE = {name for name, one in ImproveOptions.model_fields.items() if one.exclude}
