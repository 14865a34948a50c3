"""The steps of one round, each of which may be begun again after a kill."""

import asyncio
import json
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from logicnet._util.files import write_whole
from logicnet.errors import TuningError
from logicnet.evals.challenges import sets
from logicnet.evals.challenges.problem import Problem, seed_of
from logicnet.llm import Endpoint
from logicnet.llm.endpoint import reach, unheard
from logicnet.scoring.options import ModelServer
from logicnet.solver.race.profiles import Profile, load_profiles, profile_for
from logicnet.solver.race.trust import Trust
from logicnet.tuning.improve.adapters import EXPECTED, PROFILE, Adapter, AdapterState, AdapterStore, Form
from logicnet.tuning.improve.believed import believed_in
from logicnet.tuning.improve.hosts import CandidateHost
from logicnet.tuning.improve.lessons import LEAST_NEW, Lessons, lessons
from logicnet.tuning.improve.options import ImproveOptions
from logicnet.tuning.improve.practice import (
    Practice,
    PracticeModel,
    PracticeQuestion,
    open_checks,
    without_examples,
)
from logicnet.tuning.improve.practised import PRACTICE, PracticeFile, Practised, read_practice
from logicnet.tuning.improve.proof import MOST_SLOWER, judge
from logicnet.tuning.improve.proving import ProofRun, ProofSide, measure, paces
from logicnet.tuning.improve.rounds import Round, Rounds, Step
from logicnet.tuning.improve.training import RoundTrainer, write_profile
from logicnet.tuning.spec import CustomType, TrainSpec
from logicnet.tuning.train.jobfile import hash_of

LESSONS, TEST, ADAPTER, MERGED = "lessons.jsonl", "test.jsonl", "adapter", "merged"

_SAID_EVERY = 50  # texts

Swap = Callable[[Adapter], None]
"""Serve what was proven. Blocks; raises TuningError, and then what served goes on."""


@dataclass(frozen=True, slots=True)
class RoundContext:
    """What the loop is given. `served`: the model server, by the name of the base."""

    served: ModelServer
    rounds: Rounds
    store: AdapterStore
    trainer: RoundTrainer
    hosts: Mapping[Form, CandidateHost]
    swap: Swap
    ledger: Path | None = None
    profiles: Path | None = None  # the operator's
    most_slower: float = MOST_SLOWER
    keeps_merged: bool = False  # whether the server of a merged candidate goes on when the rounds are over
    say: Callable[[str], None] = print
    on_step: Callable[[Step], None] = lambda _: None  # called before each step


def seed_in(options: ImproveOptions) -> int:
    """From which the seeds of all rounds are made."""
    return options.recipe("train", 0).seed if options.seed is None else options.seed


@dataclass(slots=True)
class RoundWork:
    """One round, step by step."""

    options: ImproveOptions
    context: RoundContext
    round: Round

    async def do(self) -> None:
        """The step that the round is at, and write down where it is then."""
        steps: dict[Step, Callable[[], Awaitable[None]]] = {
            Step.PRACTISING: self._practise,
            Step.LEARNING: self._learn,
            Step.TRAINING: self._train,
            Step.ADDING: self._add,
            Step.PROVING: self._prove,
            Step.SWAPPING: self._swap,
        }
        await steps[self.round.step]()

    async def give_up(self, reason: str) -> None:
        """A candidate that was not proven is refused; what serves goes on serving."""
        if self.round.adapter and (adapter := self._adapter()).state is AdapterState.CANDIDATE:
            await self._refuse(adapter, reason, Step.GIVEN_UP, reason=reason)
        else:
            self._move(Step.GIVEN_UP, reason=reason)

    def _host(self, form: Form) -> CandidateHost:
        """Raises TuningError where this command was not given what the round began with."""
        try:
            return self.context.hosts[form]
        except KeyError:
            flag = "--vllm-python, a Python that has vLLM" if form == "merged" else "another --form"
            raise TuningError(
                f"round {self.round.number} proves its candidate as {form}: go on with {flag}"
            ) from None

    async def _refuse(self, refused: Adapter, why: str, step: Step, /, **facts: object) -> None:
        """The round goes to `step` first: after a kill in between, a candidate is left that nobody serves."""
        await self._host(refused.form).release(refused)
        self._move(step, **facts)
        self.context.store.refuse(refused.name, why)

    @property
    def _folder(self) -> Path:
        return self.context.rounds.folder(self.round.number)

    def _move(self, step: Step, **facts: object) -> None:
        self.round = self.context.rounds.move(self.round, step, **facts)

    def _adapter(self) -> Adapter:
        return self.context.store.get(self.round.adapter)

    def _serving(self) -> Adapter | None:
        return self.context.store.get(self.round.serving) if self.round.serving else None

    def _served(self) -> ModelServer:
        """Base or adapter, as it served when the round began."""
        serving = self._serving()
        if serving is None:
            return self.context.served
        if serving.form == "merged" and serving.servers:
            return ModelServer(serving.servers[0], serving.name, self.context.served.key)
        return self.context.served._replace(model=serving.name)

    def _profiles(self) -> Path | None:
        """By which what serves is asked."""
        serving = self._serving()
        return self.context.profiles if serving is None else serving.profile

    def _profile(self, served: Endpoint) -> Profile:
        name = served.served.model if served.served is not None else self.context.served.model
        return profile_for(name, load_profiles(self._profiles()))

    async def _practise(self) -> None:
        asked = self._asked()
        async with AsyncExitStack() as stack:
            with unheard():
                models = await stack.enter_async_context(
                    reach("model", *self._served(), flag="--miner.llm_client.base_url")
                )
            checks = await open_checks(stack, [one.problem for one in asked])
            book = stack.enter_context(PracticeFile(self._folder / PRACTICE))
            profile = self._profile(models)
            practice = Practice(
                book, checks, self.options.temperature, profile.calls, self.options.teacher_tokens
            )
            await practice.run(
                asked, PracticeModel(models, profile, "model"), self.options.samples, self._said
            )
            unsolved = _unsolved(book.found, asked)
            if unsolved:
                self.context.say(f"No sample was right in: {', '.join(unsolved)}.")
            await practice.without_model(asked)
            if self.options.teacher is not None:
                teacher = await stack.enter_async_context(
                    reach("teacher", *self.options.teacher, flag="--teacher-url")
                )
                await practice.teach(asked, PracticeModel(teacher, without_examples(profile), "teacher"))
                unsolved = _unsolved(book.found, asked, ("model", "worked", "exact", "teacher"))
            if unsolved := _unsolved(book.found, asked, ("model", "worked", "exact", "teacher")):
                self.context.say(f"Nothing right is known, from anywhere, in: {', '.join(unsolved)}.")
            write_profile(without_examples(profile), self._folder)
        self._move(Step.LEARNING)

    def _asked(self) -> list[PracticeQuestion]:
        seed = seed_of(seed_in(self.options), "practice", self.round.number)
        drawn = sets.draw_by_kind(self.options.recipe("train", seed), self.round.counts, self.options.folder)
        return [PracticeQuestion(kind, one) for kind, problems in drawn.items() for one in problems]

    def _said(self, done: int, whole: int) -> None:
        if done % _SAID_EVERY == 0 or done == whole:
            self.context.say(f"    {done} of {whole} texts")

    async def _learn(self) -> None:
        test = self._test()
        profile = load_profiles(self._folder / PROFILE)[0]
        found = self._lessons(profile, [one.asked for one in test])
        before = {
            (row["instruction"], row["output"])
            for number in range(1, self.round.number)
            for row in _rows(self.context.rounds.folder(number) / LESSONS)
        }
        new = sum((one.prompt, one.text) not in before for one in found.rows if one.sampler != "chat")
        path = self._folder / LESSONS
        _write(path, (one.row() | {"kind": one.kind, "source": one.source} for one in found.rows))
        of = Counter(one.source for one in found.rows if one.sampler != "chat")
        self.context.say(
            f"{sum(of.values())} lessons, {new} of them new: {_told(of)}. Right texts left out: "
            f"{_told(found.dropped) or 'none'}."
        )
        facts = {"lessons": len(found.rows), "new_lessons": new}
        if new < LEAST_NEW:
            reason = (
                f"{new} new lessons, and a round needs {LEAST_NEW}: practise more questions or other kinds"
            )
            self._move(Step.TOO_FEW, reason=reason, **facts)
        else:
            self._move(Step.TRAINING, **facts)

    def _test(self) -> Sequence[Problem]:
        """The questions of the proof: of the test split, by a seed that no round had before."""
        seed = seed_of(seed_in(self.options), "proof", self.round.number)
        recipe = self.options.recipe("test", seed, self.options.proof_questions)
        found = sets.make(recipe, self.options.folder)
        sets.write(found, self._folder / TEST)
        return found.problems

    def _lessons(self, profile: Profile, held_out: Sequence[str]) -> Lessons:
        """Of all rounds so far, the newest texts first; and of the ledger what is believed."""
        texts: list[Practised] = []
        for number in range(self.round.number, 0, -1):
            texts += read_practice(self.context.rounds.folder(number) / PRACTICE)
        if self.context.ledger is not None:
            texts += believed_in(self.context.ledger, Trust((), profile.trust_priors()))
        return lessons(texts, profile, held_out=held_out, most=self.options.most_lessons)

    async def _train(self) -> None:
        spec = TrainSpec(
            dataset=str((self._folder / LESSONS).absolute()),
            model=self.options.base,
            dataset_type=CustomType(field_instruction="instruction", field_output="output"),
            file_format="jsonl",
            overrides=self.options.overrides(),
            validation=_held_out(self.round.lessons),
        )
        trained = await self.context.trainer.train(self.round.id, spec)
        before, after = trained.losses
        self.context.say(f"Held-out loss {before:.3f} -> {after:.3f}.")
        if not after < before:
            reason = f"the loss on held-out lessons did not fall: {before:.3f} -> {after:.3f}"
            self._move(Step.UNPROVEN, reason=reason, losses=trained.losses)
            return
        beside = [self._folder / PROFILE, *([trained.expected] if trained.expected is not None else [])]
        _copied(trained.adapter, self._folder / ADAPTER, beside)
        form: Form = (
            "merged" if self.options.form == "merged" or "adapter" not in self.context.hosts else "adapter"
        )
        self._move(Step.ADDING, losses=trained.losses, form=form)

    async def _add(self) -> None:
        made = self._folder / ADAPTER
        if self.round.form == "merged":
            made = self._folder / MERGED
            shutil.rmtree(made, ignore_errors=True)
            await self.context.trainer.merge(self.options.base, self._folder / ADAPTER, made)
            for name in (EXPECTED, PROFILE):
                if (self._folder / ADAPTER / name).exists():
                    shutil.copyfile(self._folder / ADAPTER / name, made / name)
        added = (hash_of(made), self.round.form)  # already, where it was killed right after
        known = next((one for one in self.context.store.all() if (one.digest, one.form) == added), None)
        base = self.context.served.model or self.options.base
        found = known or self.context.store.add(made, base, time.time(), self.round.form)
        if self.round.form == "merged":
            shutil.rmtree(made, ignore_errors=True)  # the table has its own copy
        self._move(Step.PROVING, adapter=found.name)

    async def _prove(self) -> None:
        adapter = self._adapter()
        if adapter.proof is not None:  # it was killed right after that was written
            self._move(Step.SWAPPING, proof=adapter.proof)
            return
        host = self._host(self.round.form)
        candidate = await host.serve(adapter)
        pace = await paces(self._served(), candidate, self.options.concurrency * 4)
        self.context.say(f"{pace[0]:.0f} tokens/s of what serves, {pace[1]:.0f} of {adapter.name}.")
        slow = pace[1] * self.context.most_slower < pace[0]
        if (
            slow
            and self.round.form == "adapter"
            and self.options.form == "auto"
            and "merged" in self.context.hosts
        ):
            reason = (
                f"as an adapter it generates {pace[1]:.0f} tokens/s, the base {pace[0]:.0f}: merged instead"
            )
            self.context.say(f"{adapter.name}: {reason}.")
            await self._refuse(adapter, reason, Step.ADDING, form="merged", adapter="")
            return
        run = ProofRun(
            self._folder / f"proof-{self.round.form}",
            self._folder / TEST,
            self.options.concurrency,
            self.options.deadline_s,
            self.options.similarity,
        )
        base = ProofSide(self._served(), self._profiles())
        rows = await measure(base, ProofSide(candidate, adapter.profile), run)
        names = (self.round.serving or base.server.model or "base", adapter.name)
        proof = judge(
            rows,
            look=self.round.look,
            names=names,
            tokens_per_s=pace,
            most_slower=self.context.most_slower,
        )
        if proof.passed:
            self.context.store.prove(adapter.name, proof.fields())
            self._move(Step.SWAPPING, proof=proof.fields())
            return
        reason = "; ".join(proof.reasons)
        await self._refuse(adapter, reason, Step.UNPROVEN, proof=proof.fields(), reason=reason)

    async def _swap(self) -> None:
        adapter = self._adapter()
        if not self.options.swap:
            self._move(Step.PROVEN, reason=f"`logicnet tune swap {adapter.name}` serves it")
            return
        if adapter.form == "merged" and not self.context.keeps_merged:
            reason = (
                f"serve it with `logicnet vllm --model {adapter.folder} --served-model-name {adapter.name}`, "
                f"then `logicnet tune swap {adapter.name} --server URL`"
            )
            self._move(Step.PROVEN, reason=reason)
            return
        if adapter.state is not AdapterState.SERVING:  # else it was killed right after the swap
            now = self.context.store.serving()
            if (now.name if now is not None else "") != self.round.serving:
                reason = (
                    f"it was proven against {self.round.serving or adapter.base}, and now "
                    f"{now.name if now is not None else 'the base'} serves: `logicnet tune swap "
                    f"{adapter.name}` serves it all the same"
                )
                await self._host(self.round.form).release(adapter)
                self._move(Step.PROVEN, reason=reason)
                return
            await self._host(self.round.form).serve(adapter)
            try:
                await asyncio.to_thread(self.context.swap, adapter)
            except TuningError as error:
                self._move(Step.GIVEN_UP, reason=str(error))
                return
        self._move(Step.SERVED)


def _held_out(lessons: int) -> float:
    """Share of the lessons that are held out: about 20 of few, 5 % of many."""
    return min(0.3, max(0.05, 20 / max(1, lessons)))


def _unsolved(
    found: Iterable[Practised], asked: Sequence[PracticeQuestion], sources: Sequence[str] = ("model",)
) -> list[str]:
    """Kinds of which no text is right."""
    right = {one.kind for one in found if one.right and one.source in sources}
    return sorted({one.kind for one in asked} - right)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if count)


def _copied(made: Path, to: Path, beside: Sequence[Path]) -> None:
    """The trainer's folder with the files `beside` in it, whole or not at all. Raises TuningError."""
    part = to.with_name(f".{to.name}.part")
    try:
        for old in (part, to):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(made, part)
        for file in beside:
            shutil.copyfile(file, part / file.name)
        part.replace(to)
    except OSError as error:
        raise TuningError(f"cannot copy {made} to {to}: {error.strerror or error}; make room") from None


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def _write(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    try:
        write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
    except OSError as error:
        raise TuningError(f"cannot write {path}: {error.strerror or error}; make room") from None
