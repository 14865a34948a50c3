"""`logicnet arena`: composes a validator from what was asked, runs it, and shows what came of it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from pydantic import SecretStr, ValidationError
from rich.console import Console

from logicnet.errors import SettingsError
from logicnet.evals.arena.arena import Arena
from logicnet.evals.arena.live_table import Board, curve
from logicnet.evals.arena.plan import ArenaPlan, Target, read_targets
from logicnet.evals.arena.scorer import Examiner, Keys
from logicnet.evals.arena.signing import Signer
from logicnet.evals.challenges.checking import checker_modules, checker_of
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.challenges.sets import load
from logicnet.evals.runs.folder import CHALLENGES, RunFolder, read_plan, refuse_taken
from logicnet.evals.runs.interrupt import until_stopped
from logicnet.evals.runs.plan import ModelServer, models_of, plan_from, refuse_changes
from logicnet.llm.reach import unheard
from logicnet.scoring import truth
from logicnet.settings import WalletSettings

FULL_STAKE = 1_000_000.0
"""Of a validator that no file of the network knows: alone, so any stake gives it the whole volume."""

_PIPE_WIDTH = 10_000  # a pipe has no edge


@dataclass(frozen=True)
class ArenaOptions:
    """What the command was given. None is what was not; a resumed run then has what it had."""

    out: Path | None = None
    resume: bool = False
    targets: Sequence[str] = ()
    hotkeys: Sequence[str] = ()
    labels: Sequence[str] = ()
    challenges: str | None = None
    skip_bad: bool = False
    wallet: Mapping[str, Any] = field(default_factory=dict)  # by the names of `Wallet`
    validator_uri: str | None = None  # holds a secret
    chain_file: Path | None = None
    judge_url: str | None = None
    judge_model: str | None = None
    reference_url: str | None = None
    reference_model: str | None = None
    judge_key: SecretStr | None = None
    reference_key: SecretStr | None = None
    plan: Mapping[str, Any] = field(default_factory=dict)  # the rest, by the names of `Plan`


@dataclass(frozen=True)
class _ReadyArena:
    """All that is known before a model or a miner is asked anything. `open` writes to the run's folder."""

    plan: ArenaPlan
    signer: Signer
    problems: Sequence[Problem]
    open: Callable[[], RunFolder[ArenaPlan]]


def run(options: ArenaOptions) -> int:
    """Fight it out; the exit status is 0 if every question was asked, 1 if not, 130 after Ctrl-C.

    Raises LogicnetError if it cannot begin or go on.
    """
    ready = _resumed(options) if options.resume else _begun(options)
    console = Console()
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    keys = Keys(options.judge_key, options.reference_key)
    with unheard():
        stopped, folder, board = uvloop.run(_fight(ready, keys, console))
    if console.is_terminal:
        console.print(board.tables())
    for line in (*board.last_words(), curve()):
        board.say(line)
    if stopped:
        board.say(f"Stopped. To go on: logicnet arena --out {folder.path} --resume")
        return 130
    return _outcome(folder, board)


async def _fight(
    ready: _ReadyArena, keys: Keys, console: Console
) -> tuple[bool, RunFolder[ArenaPlan], Board]:
    """Whether it was stopped before its end, and what came of it."""
    modules = checker_modules(ready.problems)
    async with Examiner(ready.plan, keys, checker_of=checker_of, checker_modules=modules) as examiner:
        with ready.open() as folder, Board(folder, console) as board:
            board.say(f"Asking as {folder.plan.validator}; the run is in {folder.path}")
            arena = Arena(folder, folder.problems, ready.signer, examiner, board)

            def stop() -> None:
                arena.stop()
                board.stopping()

            return await until_stopped(arena.fight(), stop), folder, board


def _outcome(folder: RunFolder[ArenaPlan], board: Board) -> int:
    asked, planned = len(folder.asked), len(folder.problems) * len(folder.plan.targets)
    rounds = f"{len(folder.rounds)} of {folder.plan.rounds} rounds"
    board.say(f"Asked {asked} of {planned} questions in {rounds}; the run is in {folder.path}")
    return 0 if asked else 1


def _signer(options: ArenaOptions) -> Signer:
    if options.validator_uri is not None:
        from bittensor.sp_core import Keypair  # noqa: PLC0415 (a third of a second)

        try:
            signer: Signer = Keypair.create_from_uri(options.validator_uri)
        except Exception:  # whatever it raises, it may quote a secret
            raise SettingsError("--validator-uri takes a development key such as //Alice") from None
        return signer
    from logicnet.chain import load_hotkey  # noqa: PLC0415

    try:
        wallet = WalletSettings.model_validate(options.wallet)
    except ValidationError as error:
        raise SettingsError(
            f"--wallet.{error.errors()[0]['loc'][0]} takes the name of a key, not a path"
        ) from None
    try:
        return load_hotkey(wallet)
    except SettingsError as error:
        if options.wallet:
            raise
        raise SettingsError(
            f"say who asks: --wallet.name and --wallet.hotkey of a validator, or --validator-uri ({error})"
        ) from None


def _begun(options: ArenaOptions) -> _ReadyArena:
    """A new run. What was asked for is looked at before anything is written, the key before the questions."""
    targets = read_targets(options.targets, options.hotkeys, options.labels)
    if options.challenges is None:
        raise SettingsError("--challenges is missing: a recipe or a JSONL file of questions")
    signer = _signer(options)
    plan = _new_plan(options, targets, signer)
    out = options.out or Path(".run") / f"arena-{time.strftime('%Y%m%dT%H%M%S')}"
    refuse_taken(out)
    challenges = load(Path(plan.challenges), skip_bad=options.skip_bad)
    if challenges.skipped:
        print(challenges.skipped_in_words, file=sys.stderr)
    return _ReadyArena(plan, signer, challenges.problems, partial(RunFolder.begin, out, plan, challenges))


def _resumed(options: ArenaOptions) -> _ReadyArena:
    if options.out is None:
        raise SettingsError("--resume needs the --out of the run to go on with")
    before = read_plan(options.out, ArenaPlan)
    signer = _signer(options)
    plan = _resumed_plan(options, before, signer)
    problems = load(options.out / CHALLENGES).problems
    return _ReadyArena(plan, signer, problems, partial(RunFolder.resume, options.out, plan))


def _new_plan(options: ArenaOptions, targets: Sequence[Target], signer: Signer) -> ArenaPlan:
    return plan_from(
        ArenaPlan,
        {
            "targets": targets,
            "validator": signer.ss58_address,
            "stakes": _stakes(options.chain_file, signer),
            "challenges": options.challenges,
            "truth": truth.at_hand(),
            **_models(options),
            **options.plan,
        },
        _FLAGS,
    )


def _resumed_plan(options: ArenaOptions, before: ArenaPlan, signer: Signer) -> ArenaPlan:
    """The plan of before. Only what does not change what was asked may be given anew."""
    if signer.ss58_address != before.validator:
        raise SettingsError(f"the run was begun by {before.validator}; go on with the same key")
    given: dict[str, Any] = dict(options.plan)
    if options.targets or options.hotkeys or options.labels:
        given["targets"] = read_targets(options.targets, options.hotkeys, options.labels)
    if options.challenges is not None:
        given["challenges"] = options.challenges
    fixed = {name: value for name, value in given.items() if name != "rounds"}
    refuse_changes(before, fixed, _FLAGS, "--rounds and the models that score")
    return plan_from(ArenaPlan, before.model_dump() | _models(options) | given, _FLAGS)


def _models(options: ArenaOptions) -> dict[str, ModelServer]:
    found = {
        "judge": models_of("judge", options.judge_url, options.judge_model),
        "reference": models_of("reference", options.reference_url, options.reference_model),
    }
    return {role: models for role, models in found.items() if models is not None}


_FLAGS = {"targets": "--target", "loop_s": "--loop-seconds"}  # where it is not the name


def _stakes(file: Path | None, signer: Signer) -> dict[str, float]:
    """Of all neurons, as miners see them; of this validator alone if no file says more."""
    if file is None:
        return {signer.ss58_address: FULL_STAKE}
    from logicnet.chain import OfflineChain  # noqa: PLC0415

    chain = OfflineChain(file)
    chain.load()
    neurons = asyncio.run(chain.metagraph()).neurons
    stakes = {str(neuron.hotkey): neuron.stake for neuron in neurons}
    if signer.ss58_address not in stakes:
        raise SettingsError(f"--chain.file {file}: the validator {signer.ss58_address} is not in it")
    return stakes
