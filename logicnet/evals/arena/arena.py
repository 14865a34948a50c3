"""The validator's loop: Information, then batches by staggered workers; the rest waits for the next."""

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from logicnet.chain.keys import Signer
from logicnet.evals.arena.client import MinerReply, ValidatorClient
from logicnet.evals.arena.information import InformationReply, ask_information, in_words
from logicnet.evals.arena.plan import ArenaPlan, Target
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.runs.folder import Begun, Intent, RunFolder
from logicnet.evals.runs.run import INTERRUPTED, LONGEST_TEXT, Row, stored
from logicnet.evals.runs.score import row_of, scored_row
from logicnet.scoring.incentive import SCORED_SHARE
from logicnet.scoring.scorer import Score


class ScoresReplies(Protocol):
    """Implemented by `ReplyScorer`."""

    async def mark(self, problem: Problem, reply: MinerReply, epoch_volume: int) -> Score: ...


class Watcher(Protocol):
    """Observes a run. Its methods return at once: they are called between questions."""

    def round_began(self, number: int, information: Mapping[str, InformationReply], questions: int) -> None:
        """Also for each further loop of a round. `questions`: of this loop, over all targets."""
        ...

    def row(self, row: Row) -> None: ...

    def round_ended(self, number: int) -> None: ...

    def waiting(self, seconds: float) -> None:
        """Until the next loop may begin."""
        ...


@dataclass(frozen=True, slots=True)
class _ArenaBatch:
    """One question for up to `batch` miners at once."""

    place: int  # of the question in the whole set: decides its wire
    problem: Problem
    targets: Sequence[Target]


class Arena:
    """Asks the run's problems until all rounds are done or `stop` is called. `now` is unix seconds."""

    def __init__(
        self,
        folder: RunFolder[ArenaPlan],
        signer: Signer,
        scorer: ScoresReplies,
        watcher: Watcher,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._plan = folder.plan
        self._folder = folder
        self._problems = {problem.id: (place, problem) for place, problem in enumerate(folder.problems)}
        self._signer = signer
        self._scorer = scorer
        self._watcher = watcher
        self._now = now
        self._sleep = sleep
        self._stopping = asyncio.Event()
        self._clients: dict[str, ValidatorClient] = {}
        self._information: Mapping[str, InformationReply] = {}
        self._idle_since_s = -math.inf  # when no miner gave Information

    def stop(self) -> None:
        """Ask nothing more; questions in flight are finished."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    async def run(self) -> None:
        """Run the remaining rounds. At its end, however it comes, every asked question has its row."""
        async with AsyncExitStack() as stack:
            for target in self._plan.targets:
                client = ValidatorClient(self._signer, miner_ss58=target.hotkey, base_url=target.base_url)
                self._clients[target.name] = await stack.enter_async_context(client)
            self._give_up_in_flight()
            try:
                await self._rounds()
            finally:
                self._give_up_in_flight()
                self._folder.sync()

    async def _rounds(self) -> None:
        last = max(self._folder.rounds, default=0)
        if last and any(self._due(self._folder.rounds[last], target) for target in self._plan.targets):
            await self._round(last)
        for number in range(last + 1, self._plan.rounds + 1):
            if self._unplanned():
                await self._until_next_loop()
            if self.stopping or not self._unplanned():
                return
            await self._round(number)

    async def _round(self, number: int) -> None:
        while not self.stopping:
            await self._loop(number)
            begun = self._folder.rounds.get(number)
            if begun is None or not self._due_now(begun):
                break
            await self._until_next_loop()  # what did not fit into this one
        self._folder.sync()
        self._watcher.round_ended(number)

    async def _loop(self, number: int) -> None:
        """One loop of a round; it asks nothing if no miner gives Information."""
        information = self._information = await ask_information(self._plan, self._clients)
        quotas = {name: one.quota for name, one in information.items()}
        if any(quotas.values()):
            begun = self._begun(number, quotas)
            self._folder.begin_round(number, begun, {name: asdict(one) for name, one in information.items()})
            batches = deque(self._batches(begun, quotas))
            self._watcher.round_began(number, information, sum(len(batch.targets) for batch in batches))
            await self._ask_all(number, batches, begun.at_s + self._plan.loop_s)
        else:
            self._idle_since_s = self._now()
            self._watcher.round_began(number, information, 0)

    def _begun(self, number: int, quotas: Mapping[str, int]) -> Begun:
        """The open loop, or a new one: its time counts from the miners' replies."""
        begun = self._folder.rounds.get(number)
        if begun is None:
            return Begun(self._now(), self._next_ids(number, max(quotas.values())), quotas)
        over = self._now() >= begun.at_s + self._plan.loop_s
        return replace(begun, at_s=self._now()) if over else begun

    async def _until_next_loop(self) -> None:
        """Miners count questions over the same interval, from our Information."""
        last_s = max(self._idle_since_s, *(begun.at_s for begun in self._folder.rounds.values()), -math.inf)
        left_s = min(last_s + self._plan.loop_s - self._now(), self._plan.loop_s)
        if left_s > 0 and not self.stopping:
            self._watcher.waiting(left_s)
            await self._pause(left_s)

    def _unplanned(self) -> list[str]:
        """Challenges without a round, in order."""
        planned = {problem_id for begun in self._folder.rounds.values() for problem_id in begun.ids}
        return [problem_id for problem_id in self._problems if problem_id not in planned]

    def _next_ids(self, number: int, quota: int) -> tuple[str, ...]:
        """The challenges of a new round: the next ones, spread evenly over the rounds by default."""
        left = self._unplanned()
        share = self._plan.per_round or math.ceil(len(left) / (self._plan.rounds - number + 1))
        return tuple(left[: min(share, quota)])

    def _due_now(self, begun: Begun) -> bool:
        """Whether a miner that gives Information has challenges of this round left."""
        up = (target for target in self._plan.targets if self._information[target.name].quota)
        return any(self._due(begun, target) for target in up)

    def _due(self, begun: Begun, target: Target) -> list[str]:
        """Challenges of a round that a target was not asked yet."""
        ids = begun.ids[: begun.asks.get(target.name, 0)]
        return [problem_id for problem_id in ids if (target.name, problem_id) not in self._folder.asked]

    def _batches(self, begun: Begun, quotas: Mapping[str, int]) -> Iterator[_ArenaBatch]:
        due: dict[str, list[Target]] = {problem_id: [] for problem_id in begun.ids}
        for target in self._plan.targets:
            asked = sum(
                intent.target == target.name and intent.at_s >= begun.at_s
                for intent in self._folder.asked.values()
            )
            for problem_id in self._due(begun, target)[: max(0, quotas[target.name] - asked)]:
                due[problem_id].append(target)
        size = self._plan.batch
        for problem_id, targets in due.items():
            place, problem = self._problems[problem_id]
            for start in range(0, len(targets), size):
                yield _ArenaBatch(place, problem, targets[start : start + size])

    async def _ask_all(self, number: int, batches: deque[_ArenaBatch], ends_at_s: float) -> None:
        """Workers start one after the other; each asks batch after batch, until none or no time is left."""
        workers: list[asyncio.Task[None]] = []
        try:
            while batches and len(workers) < self._plan.concurrency and not self.stopping:
                workers.append(asyncio.create_task(self._worker(number, batches, ends_at_s)))
                await self._pause(self._plan.stagger_s, *workers)
                if any(worker.done() for worker in workers):
                    break
            await asyncio.gather(*workers)
        finally:
            await _end(workers)

    async def _worker(self, number: int, batches: deque[_ArenaBatch], ends_at_s: float) -> None:
        while batches and not self.stopping:
            batch = batches.popleft()
            asking = [asyncio.create_task(self._ask(number, batch, target)) for target in batch.targets]
            try:
                await asyncio.gather(*asking)
            finally:
                await _end(asking)
            if self._now() >= ends_at_s:  # at the end: even the shortest loop asks something
                return

    async def _ask(self, number: int, batch: _ArenaBatch, target: Target) -> None:
        """One question to one target, and its row."""
        plan, problem = self._plan, batch.problem
        wire = plan.wire_of(batch.place)
        intent = Intent(number, target.name, problem.id, wire, self._now())
        self._folder.intend(intent)
        task_uid = plan.task_uid(problem.id)
        reply = await self._clients[target.name].challenge(
            problem.asked, wire=wire, timeout_s=plan.timeout_s, category=plan.category, task_uid=task_uid
        )
        row = answered_row(asked_row(plan, target, problem, intent), reply, task_uid)
        if is_scored(plan, target, problem):
            volume = self._information[target.name].epoch_volume
            row = volume_row(row, await self._scorer.mark(problem, reply, volume), volume)
        self._keep(row)

    def _give_up_in_flight(self) -> None:
        targets = {target.name: target for target in self._plan.targets}
        for intent in self._folder.in_flight():
            _, problem = self._problems[intent.id]
            row = asked_row(self._plan, targets[intent.target], problem, intent)
            self._keep(replace(row, error=INTERRUPTED))

    def _keep(self, row: Row) -> None:
        self._folder.add(row)
        self._watcher.row(row)

    async def _pause(self, seconds: float, *until: asyncio.Task[None]) -> None:
        """Sleep until `stop` is called or one of `until` ends."""
        waits = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._stopping.wait())]
        try:
            await asyncio.wait([*waits, *until], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel what is left of `tasks`, and wait for it."""
    left = [task for task in tasks if not task.done()]
    for task in left:
        task.cancel()
    if left:
        await asyncio.gather(*left, return_exceptions=True)


def is_scored(plan: ArenaPlan, target: Target, problem: Problem) -> bool:
    """Whether it is in the scored half: a coin per question and target, the same in each run."""
    if plan.score == "all":
        return True
    # Not for secrets. A text as seed is hashed with SHA-512, so the coin falls alike everywhere.
    return random.Random(f"{plan.seed} {target.hotkey} {problem.id}").random() < SCORED_SHARE  # noqa: S311


def asked_row(plan: ArenaPlan, target: Target, problem: Problem, intent: Intent) -> Row:
    """What is known before there is a reply."""
    return row_of(
        problem,
        target=target.name,
        hotkey=target.hotkey,
        solver=target.label,
        round=intent.round,
        wire=intent.wire,
        asked_at=intent.at_s,
        timeout=plan.timeout_s,
    )


def answered_row(row: Row, reply: MinerReply, task_uid: str) -> Row:
    """`row` with the reply."""
    if not reply.success:
        return replace(row, status=reply.status, process_time=reply.seconds, error=in_words(reply))
    answer, reasoning = reply.answer, reply.reasoning
    notes = [
        f"{what} of {len(text)} characters, kept are {LONGEST_TEXT}"
        for what, text in (("answer", answer), ("reasoning", reasoning))
        if len(text) > LONGEST_TEXT
    ]
    return replace(
        row,
        status=reply.status,
        process_time=reply.seconds,
        answer=stored(answer),
        reasoning=stored(reasoning),
        error=_mismatch(reply, row.question, task_uid),
        note="; ".join(notes),
    )


def volume_row(row: Row, score: Score, epoch_volume: int) -> Row:
    """`row` with its scores, and the volume that they depend on."""
    undecided = row.answer is not None and score.similarity is None
    note = "similarity undecided: nobody wrote a reference" if undecided else ""
    return replace(scored_row(row, score, note), epoch_volume=epoch_volume)


def _mismatch(reply: MinerReply, question: str, task_uid: str) -> str:
    """A Dendrite and a validator ignore what is echoed: the reply is scored, and the row notes it."""
    for name, sent in (("logic_question", question), ("task_uid", task_uid)):
        echoed = reply.fields.get(name)
        if echoed is not None and str(echoed).strip() != sent.strip():
            return f"the reply is to another question: it echoes another {name}"
    return ""
