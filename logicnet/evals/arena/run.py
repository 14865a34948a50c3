"""`logicnet arena`: composes a validator from what was asked, runs it, and shows the results."""

import asyncio
from pathlib import Path

import uvloop
from pydantic import ValidationError
from rich.console import Console

from logicnet._util.flags import require_file
from logicnet.chain.keys import Signer
from logicnet.errors import SettingsError
from logicnet.evals.arena.arena import Arena
from logicnet.evals.arena.live_table import LiveTable, curve
from logicnet.evals.arena.plan import ArenaPlan, check_targets
from logicnet.evals.arena.scorer import ReplyScorer
from logicnet.evals.challenges.sets import ChallengeSet, load
from logicnet.evals.report import terminal
from logicnet.evals.runs.folder import CHALLENGES, RunFolder, read_plan, refuse_taken
from logicnet.evals.runs.interrupt import until_stopped
from logicnet.llm.endpoint import unheard
from logicnet.scoring import truth
from logicnet.settings import WalletSettings

FULL_STAKE = 1_000_000.0
"""Of a validator that no file of the network knows: alone, so any stake gives it the whole volume."""


def run(given: ArenaPlan) -> int:
    """The exit status: 0 if a question was asked, 1 if none, 130 after Ctrl-C. Raises LogicnetError."""
    plan, signer, challenges = _resumed(given) if given.resume else _begun(given)
    console = terminal.console()
    with unheard():
        stopped, folder, table = uvloop.run(_run(plan, signer, challenges, console))
    if console.is_terminal:
        console.print(table.tables())
    for line in (*table.last_words(), curve()):
        table.say(line)
    if stopped:
        table.say(f"Stopped. To continue: logicnet arena --out {folder.path} --resume")
        return 130
    asked, planned = len(folder.asked), len(folder.problems) * len(plan.target)
    rounds = f"{len(folder.rounds)} of {plan.rounds} rounds"
    table.say(f"Asked {asked} of {planned} questions in {rounds}; the run is in {folder.path}")
    return 0 if asked else 1


async def _run(
    plan: ArenaPlan, signer: Signer, challenges: ChallengeSet, console: Console
) -> tuple[bool, RunFolder[ArenaPlan], LiveTable]:
    """Whether it was stopped before its end, and the results."""
    async with ReplyScorer(plan, challenges.problems) as scorer:
        with RunFolder.of(plan, challenges) as folder, LiveTable(folder, console) as table:
            table.say(f"Asking as {plan.validator}; the run is in {folder.path}")
            arena = Arena(folder, signer, scorer, table)

            def stop() -> None:
                arena.stop()
                table.stopping()

            return await until_stopped(arena.run(), stop), folder, table


def _begun(given: ArenaPlan) -> tuple[ArenaPlan, Signer, ChallengeSet]:
    """A new run. Everything is checked before anything is written, the key before the questions."""
    check_targets(given)
    if not given.challenges:
        raise SettingsError("--challenges is missing: a recipe or a JSONL file of questions")
    signer = _signer(given)
    plan = given.model_copy(
        update={
            "out": given.folder("arena"),
            "validator": signer.ss58_address,
            "stakes": _stakes(given.chain_file, signer),
            "truth": truth.at_hand() if given.truth is None else given.truth,
        }
    )
    refuse_taken(plan.path)
    questions = Path(plan.challenges)
    require_file("--challenges", questions)
    challenges = load(questions, skip_bad=plan.skip_bad)
    challenges.report_skipped()
    return plan, signer, challenges


def _resumed(given: ArenaPlan) -> tuple[ArenaPlan, Signer, ChallengeSet]:
    before = read_plan(given.path, ArenaPlan)
    signer = _signer(given)
    if signer.ss58_address != before.validator:
        raise SettingsError(f"the run was begun by {before.validator}; continue it with the same key")
    return given.resumed(before), signer, load(given.path / CHALLENGES)


def _signer(plan: ArenaPlan) -> Signer:
    if plan.validator_uri is not None:
        from bittensor.sp_core import Keypair  # noqa: PLC0415 (a third of a second)

        try:
            signer: Signer = Keypair.create_from_uri(plan.validator_uri)
        except Exception:  # whatever it raises, it may quote a secret
            raise SettingsError("--validator-uri takes a development key such as //Alice") from None
        return signer
    from logicnet.chain import load_hotkey  # noqa: PLC0415

    wallet = {"path": plan.wallet_path, "name": plan.wallet_name, "hotkey": plan.wallet_hotkey}
    wallet = {name: value for name, value in wallet.items() if value is not None}
    try:
        return load_hotkey(WalletSettings.model_validate(wallet))
    except ValidationError as error:
        raise SettingsError(
            f"--wallet.{error.errors()[0]['loc'][0]} takes the name of a key, not a path"
        ) from None
    except SettingsError as error:
        if wallet:
            raise
        raise SettingsError(
            f"say who asks: --wallet.name and --wallet.hotkey of a validator, or --validator-uri ({error})"
        ) from None


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
