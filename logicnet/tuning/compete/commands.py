"""`logicnet tune competitions`, `commit` and `upload`, in a terminal."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from logicnet._util.text import one_line
from logicnet.chain import CommitmentChain, load_hotkey
from logicnet.config import Config, table
from logicnet.errors import TuningError
from logicnet.protocol import Hotkey
from logicnet.tuning.compete import candidates
from logicnet.tuning.compete.commitment import Commitments, Committed, Committer, NotYet
from logicnet.tuning.compete.competitions import Rule, RuleState, Submission, competition, competitions
from logicnet.tuning.compete.journal import Journal
from logicnet.tuning.compete.model_id import COMMIT
from logicnet.tuning.compete.options import CommitOptions, SubmitOptions, UploadOptions
from logicnet.tuning.compete.publish import reachable, same_model, token_of
from logicnet.tuning.compete.submit import Submitter, stop_if_broken
from logicnet.tuning.folders import Folders

_STYLES = {RuleState.MET: "green", RuleState.BROKEN: "red", RuleState.UNKNOWN: "yellow"}


def list_competitions() -> None:
    """Print every competition that is installed."""
    shown = Table("competition", "subnet", "commits", "what it asks", box=None, header_style="bold")
    for one in competitions().values():
        often = "once per hotkey" if one.once else f"every {one.floor_s / 60:.0f} min"
        shown.add_row(one.id, str(one.netuid), often, one.title)
    Console().print(shown)


def submitter(options: SubmitOptions, config: Config, chain: Commitments | None = None) -> Submitter:
    """Of the flags and settings. The subnet is --netuid, else the competition's.

    Raises SettingsError: the token, the hotkey and the competition are looked for at once.
    """
    settings = config.settings
    chosen = competition(options.competition_id)
    token = token_of(settings)
    signer = load_hotkey(settings.wallet)
    netuid = settings.netuid if table()["netuid"] in config.given else chosen.netuid
    network, hotkey = settings.subtensor.network, Hotkey(signer.ss58_address)
    chain = chain or CommitmentChain(
        network=network, netuid=netuid, signer=signer, timeout_s=settings.chain.timeout_s
    )
    journal = Journal(Folders.of(settings.tuning).root / "commits.sqlite", network, netuid, hotkey)
    committer = Committer(chosen, chain, journal, hotkey)
    return Submitter(committer, token, options.base, options.bind_hotkey)


def upload(options: UploadOptions, config: Config, chain: Commitments | None = None) -> int:
    """Publish and commit; where a hotkey commits once for ever, only publish unless `really`.

    Returns the exit status. Raises LogicnetError.
    """
    folder, repo = options.folder, options.repo
    found = submitter(options, config, chain)
    reachable(repo, found.token)
    return asyncio.run(_upload(found, folder, repo, really=options.really))


async def _upload(found: Submitter, folder: Path, repo: str, *, really: bool) -> int:
    submission = await found.upload(folder, repo)
    if found.competition.once and not really:
        return await _dry_run(found, submission, "logicnet tune commit ... --really")
    return _say(await found.commit(submission))


def commit(options: CommitOptions, config: Config, chain: Commitments | None = None) -> int:
    """Show every rule and what the chain says; send it if `really`. Returns the exit status.

    Raises LogicnetError.
    """
    found = submitter(options, config, chain)
    return asyncio.run(_commit(options, found))


async def _commit(options: CommitOptions, found: Submitter) -> int:
    repo = options.repo
    revision = options.revision
    if revision is None:
        revision = await asyncio.to_thread(candidates.newest, repo)
    if not COMMIT.fullmatch(revision):
        raise TuningError(
            f"--revision {revision[:80]!r} is not a commit: it takes 40 hex digits, as a branch may move"
        )
    folder = options.load_model_dir
    hash_ = "" if folder is None else await asyncio.to_thread(same_model, folder, repo, revision)
    submission = found.submission(repo, revision, hash_) if hash_ else Submission(repo, revision)
    if not options.really:
        return await _dry_run(found, submission, "the same with --really")
    return _say(await found.commit(submission))


async def _dry_run(found: Submitter, submission: Submission, then: str) -> int:
    """Every rule; 0 if all are met."""
    rules = [
        *await found.check_repo(submission.repo, submission.revision),
        *await _chain_rules(found, submission),
    ]
    print_rules(rules)
    stop_if_broken(rules, "committed", unknown=found.competition.once)
    print(f"Nothing was sent. To commit it: {then}")
    return 0


async def _chain_rules(found: Submitter, submission: Submission) -> Sequence[Rule]:
    """What the chain says of committing it now, as rules."""
    try:
        text = found.competition.write(submission)
        state = await found.committer.check(text)
    except TuningError as error:
        return [Rule("commitment", RuleState.BROKEN, str(error), "one that may be sent")]
    often = "once per hotkey" if found.competition.once else "when the chain allows it"
    if isinstance(state, NotYet):
        at = datetime.fromtimestamp(state.until_s).strftime("%H:%M:%S")
        return [Rule("commitment", RuleState.MET, f"at {at}: {state.why}", often)]
    words = f"is on the chain since block {state.block}" if state is not None else f"now: {text}"
    return [Rule("commitment", RuleState.MET, words, often)]


def print_rules(rules: Sequence[Rule]) -> None:
    """A line each, with what mends it if it is not met."""
    console = Console()
    for one in rules:
        line = Text.assemble((f"{one.state:<10}", _STYLES[one.state]), f"{one.name:<17}{one_line(one.found)}")
        line.append(f"  (wanted: {one.wanted})", "dim")
        line.append(f"  {one.mend}" if one.mend else "", "bold")
        console.print(line, soft_wrap=True, highlight=False)


def _say(done: Committed) -> int:
    sealed = ", sealed; the chain opens it" if done.sealed else ""
    print(f"Committed at block {done.block}{sealed}: {done.text}")
    return 0
