"""Actions: load, save and publish models from a program, with the names that miners of 2024 know.

Each of `load_remote_model`, `load_repo_model` and `push` may be awaited; outside a running event loop it is
called without `await` and returns its result.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from loguru import logger

from logicnet.chain import CommitmentChain
from logicnet.errors import ChainError, TuningError
from logicnet.protocol import Hotkey
from logicnet.settings import Settings
from logicnet.tuning.compete.commitment import Commitments, Committed, Committer, submissions_in
from logicnet.tuning.compete.competitions import Competition, Submission, competition
from logicnet.tuning.compete.download import download
from logicnet.tuning.compete.journal import Journal
from logicnet.tuning.compete.publish import token_of
from logicnet.tuning.compete.submit import Submitter
from logicnet.tuning.folders import Folders

T = TypeVar("T")

DEFAULT_COMPETITION = "m1"
CHAIN_TRIES = 30
"""Of `push`: half an hour at the default pause. A chain that is away longer is for the operator to see."""


class LoadedModel(NamedTuple):
    """What transformers loaded."""

    model: Any
    tokenizer: Any


@dataclass(frozen=True)
class Actions:
    """See the module. Made by `create`."""

    repo: str
    hotkey: Hotkey
    chain: Commitments
    token: str = field(repr=False)
    folder: Path  # of models that are being published, and of the journal
    network: str
    netuid: int
    default: Competition
    bind_hotkey: bool = False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @classmethod
    def create(cls, config: Any, wallet: Any, subtensor: Commitments | None = None) -> "Actions":
        """`config`: has `hf_repo_id`, and may have `competition_id`, `netuid`, `network`, `bind_hotkey` and
        `settings`.

        `wallet`: has `hotkey`, as `bittensor.Wallet`. `subtensor`: where commitments are; the chain by
        default. The Hugging Face token is read from the settings, and named at once if it is missing.
        Raises SettingsError, TuningError.
        """
        settings: Settings = getattr(config, "settings", None) or _settings()
        repo = str(getattr(config, "hf_repo_id", ""))
        if repo.count("/") != 1:
            raise TuningError(f"hf_repo_id {repo!r} is not NAMESPACE/NAME: set it")
        found = competition(str(getattr(config, "competition_id", None) or DEFAULT_COMPETITION))
        netuid = getattr(config, "netuid", None)
        netuid = found.netuid if netuid is None else int(netuid)
        network = str(getattr(config, "network", None) or settings.subtensor.network)
        chain = subtensor or CommitmentChain(
            network=network, netuid=netuid, signer=wallet.hotkey, timeout_s=settings.chain.timeout_s
        )
        return cls(
            repo=repo,
            hotkey=Hotkey(wallet.hotkey.ss58_address),
            chain=chain,
            token=token_of(settings),
            folder=Folders.of(settings.tuning).root,
            network=network,
            netuid=netuid,
            default=found,
            bind_hotkey=bool(getattr(config, "bind_hotkey", False)),
        )

    def save(self, model: Any, tokenizer: Any, model_dir: str | Path | None = None) -> None:
        """Write model and tokenizer to a folder: `save(model, tokenizer, folder)` or `save(model, folder)`.

        Without a tokenizer, that of the folder is copied from which the model was loaded.
        """
        if model_dir is None:
            model, tokenizer, model_dir = *_pair(model, None), tokenizer
        _save(model, tokenizer, Path(model_dir))

    def load_local_model(self, model_dir: str | Path, model_parameters: Any = None) -> LoadedModel:
        """The model in a folder. `model_parameters` is not needed; older programs give it."""
        from logicnet.tuning.train.loading import load  # noqa: PLC0415 (transformers)

        return LoadedModel(*load(Path(model_dir)))

    def load_remote_model(self, uid: int, metagraph: Any, download_dir: str | Path) -> Any:
        """The model that the miner `uid` committed, downloaded and loaded.

        `metagraph`: has `hotkeys`. Raises TuningError, ChainError.
        """
        return _either(self._load_remote(Hotkey(metagraph.hotkeys[uid]), uid, Path(download_dir)))

    def load_repo_model(
        self, repo_id: str, commit: str, download_dir: str | Path, model_parameters: Any = None
    ) -> Any:
        """The model of a repository at a commit, downloaded and loaded. Raises TuningError."""
        submission = Submission(repo_id, commit)
        return _either(self._load(self._competition(model_parameters), submission, Path(download_dir)))

    def push(
        self, model: Any, tokenizer: Any = None, parameters: Any = None, retry_delay_secs: float = 60
    ) -> Any:
        """Publish a model and commit it, once the chain allows that; returns what was committed.

        `parameters`: a competition, its id, or an object with `competition_id`. A chain that is away is
        asked again every `retry_delay_secs`, at most CHAIN_TRIES times. The model stays in the folder
        `uploads` until it is committed. Raises ChainError, and TuningError, also where a hotkey commits once.
        """
        pair = _pair(model, tokenizer)
        return _either(self._push(pair, self._competition(parameters), retry_delay_secs))

    async def _push(self, pair: LoadedModel, chosen: Competition, retry_s: float) -> Committed:
        if chosen.once:
            raise TuningError(
                f"a hotkey commits once for ever in {chosen.id}, so push() does not: save the model, then "
                f"logicnet tune upload, and logicnet tune commit --competition_id {chosen.id}"
            )
        folder = self.folder / "uploads" / self.repo.replace("/", "--")
        await asyncio.to_thread(_save_afresh, pair, folder)
        submitter = Submitter(self._committer(chosen), self.token, bind_hotkey=self.bind_hotkey)
        submission = await submitter.upload(folder, self.repo)
        for left in range(CHAIN_TRIES - 1, -1, -1):
            try:
                done = await submitter.commit(submission)
                break
            except ChainError as error:
                if not left:
                    raise
                logger.warning("{} Again in {:.0f} s.", error, retry_s)
                await self.sleep(retry_s)
        await asyncio.to_thread(shutil.rmtree, folder)
        return done

    async def _load_remote(self, hotkey: Hotkey, uid: int, folder: Path) -> LoadedModel:
        held = await self.chain.commitment(hotkey)
        found = submissions_in([held] if held is not None else [], self.default)
        if not found:
            raise TuningError(f"the miner {uid} has no model in the competition {self.default.id}")
        return await self._load(self.default, found[0].submission, folder, hotkey)

    async def _load(
        self, chosen: Competition, submission: Submission, folder: Path, hotkey: str = ""
    ) -> LoadedModel:
        await asyncio.to_thread(download, chosen, submission, hotkey, folder, self.token)
        return await asyncio.to_thread(self.load_local_model, folder)

    def _competition(self, given: Any) -> Competition:
        if given is None:
            return self.default
        if callable(getattr(given, "rules", None)):
            chosen: Competition = given
            return chosen
        return competition(str(getattr(given, "competition_id", given)))

    def _committer(self, chosen: Competition) -> Committer:
        journal = Journal(self.folder / "commits.sqlite", self.network, self.netuid, self.hotkey)
        return Committer(chosen, self.chain, journal, self.hotkey, sleep=self.sleep)


def _settings() -> Settings:
    from logicnet.config import read  # noqa: PLC0415

    return read(()).settings


def _pair(model: Any, tokenizer: Any) -> LoadedModel:
    """Of a model, or of what `load_remote_model` returned."""
    if isinstance(model, tuple) and tokenizer is None:
        return LoadedModel(*model)
    return LoadedModel(model, tokenizer)


def _save_afresh(pair: LoadedModel, folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    _save(*pair, folder)


def _save(model: Any, tokenizer: Any, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(str(folder))
    if tokenizer is not None:
        tokenizer.save_pretrained(str(folder))
        return
    loaded_from = Path(str(getattr(model, "name_or_path", "")))
    kept = {one.name for one in folder.iterdir()}
    for one in loaded_from.iterdir() if loaded_from.is_dir() else ():
        about = one.name.startswith(("tokenizer", "special_tokens", "chat_template", "vocab", "merges"))
        if about and one.is_file() and one.name not in kept:
            shutil.copy2(one, folder / one.name)


def _either(work: Coroutine[Any, Any, T]) -> Any:
    """The coroutine where an event loop runs, for `await`; else its result."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    return work
