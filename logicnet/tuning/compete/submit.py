"""From a folder to a place on the chain: rules, upload, rules again as strangers see it, commitment."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loguru import logger

from logicnet.errors import TuningError
from logicnet.tuning.compete import candidates
from logicnet.tuning.compete.commitment import Commitments, Committed, Committer, submitted
from logicnet.tuning.compete.competitions import Candidate, Competition, Rule, RuleState, Submission
from logicnet.tuning.compete.model_id import bound_hash
from logicnet.tuning.compete.publish import publish, reachable
from logicnet.tuning.folders import here
from logicnet.tuning.hub import ModelNotFound

_RIVALS_AT_ONCE = 8


@dataclass(frozen=True)
class Submitter:
    """Submits models of one hotkey to one competition.

    `base`: the model that they were tuned from, a folder or a name on the hub; None: the competition's.

    `bind_hotkey`: commit a hash that only this hotkey can commit, where a hash is committed.
    """

    committer: Committer
    token: str = field(repr=False)
    base: str | None = None
    bind_hotkey: bool = False

    @property
    def competition(self) -> Competition:
        return self.committer.competition

    async def check_folder(self, folder: Path, repo: str) -> Sequence[Rule]:
        """Every rule, before anything is uploaded. Raises TuningError."""
        candidate = await asyncio.to_thread(candidates.of_folder, folder, hashes=self.competition.once)
        return await self._rules(candidate, repo)

    async def check_repo(self, repo: str, revision: str) -> Sequence[Rule]:
        """Every rule, as strangers see the repository. Raises TuningError."""
        candidate = await asyncio.to_thread(candidates.of_repo, repo, revision, self.token)
        return await self._rules(candidate, repo)

    async def upload(self, folder: Path, repo: str) -> Submission:
        """Publish the model if it breaks no rule. Raises TuningError; the folder stays as it is."""
        stop_if_broken(await self.check_folder(folder, repo), "uploaded")
        done = await asyncio.to_thread(publish, folder, repo, self.token)
        logger.info(
            "{} holds the model at commit {} ({:.2f} GB).", repo, done.revision, done.repo_bytes / 1e9
        )
        return self.submission(repo, done.revision, done.hash)

    async def commit(self, submission: Submission) -> Committed:
        """Commit what strangers can download, if it meets every rule. Waits until the chain allows it.

        Raises TuningError, ChainError.
        """
        found = await self.check_repo(submission.repo, submission.revision)
        stop_if_broken(found, "committed", unknown=self.competition.once)
        return await self.committer.commit(submission)

    async def submit(self, folder: Path, repo: str) -> Committed:
        """Upload and commit. Raises TuningError, ChainError."""
        await asyncio.to_thread(reachable, repo, self.token)
        return await self.commit(await self.upload(folder, repo))

    def submission(self, repo: str, revision: str, hash_: str) -> Submission:
        found = Submission(repo, revision, hash_)
        return replace(found, hash=bound_hash(hash_, self.committer.hotkey)) if self.bind_hotkey else found

    async def _rules(self, candidate: Candidate, repo: str) -> Sequence[Rule]:
        base = await asyncio.to_thread(self._base)
        rivals = await rival_weights(self.committer.chain, self.competition, repo)
        whole = replace(candidate, base=base, rivals=rivals)
        return self.competition.rules(whole, repo, self.committer.hotkey)

    def _base(self) -> Candidate | None:
        if self.base is None:
            try:
                usual = self.competition.base
                return None if usual is None else candidates.of_repo(usual, "main", self.token)
            except TuningError as error:
                logger.warning("The base model is not known: {}", error)
                return None
        folder = here(self.base)
        if folder is not None:
            return candidates.of_folder(folder, hashes=self.competition.once)
        return candidates.of_repo(self.base, "main", self.token)


def stop_if_broken(rules: Sequence[Rule], what: str, *, unknown: bool = False) -> None:
    """Raises TuningError that names each rule that is broken, or not known if `unknown`."""
    states = {RuleState.BROKEN, RuleState.UNKNOWN} if unknown else {RuleState.BROKEN}
    broken = [one for one in rules if one.state in states]
    if broken:
        words = "; ".join(
            f"{one.name}: {one.found}, wanted: {one.wanted}" + (f" ({one.mend})" if one.mend else "")
            for one in broken
        )
        raise TuningError(f"the model is not {what}: {words}")


async def rival_weights(chain: Commitments, competition: Competition, but: str) -> dict[str, str] | None:
    """The sha256 of the weight files that others committed, with their repository.

    None if they are not known: the hub did not answer for one of them, or nobody asks. Only a competition in
    which a copy ends a hotkey reads them. Raises ChainError.
    """
    if not competition.once:
        return None
    from huggingface_hub import HfApi  # noqa: PLC0415 (half a second)

    api, found, busy = HfApi(token=False), {}, asyncio.Semaphore(_RIVALS_AT_ONCE)

    async def read(repo: str, revision: str) -> None:
        async with busy:
            try:
                info: Any = await asyncio.to_thread(candidates.repo_info, api, repo, revision)
            except ModelNotFound:
                return  # it was deleted: nobody can be compared with it
        found.update({one.lfs.sha256: repo for one in info.siblings or () if one.lfs is not None})

    others = [one.submission for one in await submitted(chain, competition) if one.submission.repo != but]
    try:
        await asyncio.gather(*(read(one.repo, one.revision) for one in others))
    except TuningError as error:
        logger.warning("What others committed is not known: {}", error)
        return None
    return found
