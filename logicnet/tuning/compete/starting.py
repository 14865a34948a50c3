"""The model that a competition miner starts from: a rival's, of the hub, or of a folder."""

from dataclasses import dataclass
from pathlib import Path

from logicnet.chain import Metagraph
from logicnet.errors import TuningError
from logicnet.protocol import Hotkey
from logicnet.tuning import hub
from logicnet.tuning.compete.candidates import repo_info
from logicnet.tuning.compete.commitment import Commitments, best, submitted
from logicnet.tuning.compete.competitions import Competition, Submission, Submitted
from logicnet.tuning.compete.download import download


@dataclass(frozen=True)
class StartingModel:
    """A model in a folder. `name`: of the hub where it is one, else the folder."""

    folder: Path
    name: str


@dataclass(frozen=True)
class Rivals:
    """What others submitted to a competition, as of one look at the chain."""

    competition: Competition
    submitted: tuple[Submitted, ...]
    metagraph: Metagraph

    @classmethod
    async def read(cls, chain: Commitments, metagraph: Metagraph, competition: Competition) -> "Rivals":
        """Raises ChainError."""
        return cls(competition, tuple(await submitted(chain, competition)), metagraph)

    def best(self) -> Submitted:
        """Of the miner with the highest incentive. Raises TuningError without any."""
        return best(self.submitted, {one.hotkey: one.incentive for one in self.metagraph.neurons})

    def of_uid(self, uid: int) -> Submitted:
        """Raises TuningError for a uid without a model."""
        hotkey = next((one.hotkey for one in self.metagraph.neurons if one.uid == uid), None)
        if hotkey is None:
            raise TuningError(f"there is no miner {uid} on the subnet: correct the uid, or --netuid")
        found = next((one for one in self.submitted if one.hotkey == hotkey), None)
        if found is None:
            raise TuningError(f"the miner {uid} has no model in the competition {self.competition.id}")
        return found


def fetched(competition: Competition, found: Submitted, root: Path, token: str | None) -> StartingModel:
    """A rival's model, checked by the competition's rules, below `root`. Blocks. Raises TuningError."""
    return _fetched(competition, found.submission, found.hotkey, root, token)


def of_repo(
    competition: Competition, repo: str, commit: str | None, root: Path, token: str | None
) -> StartingModel:
    """A model of the hub at a commit, or at its newest. Blocks. Raises TuningError."""
    if commit is None:
        commit = newest(repo, token)
    return _fetched(competition, Submission(repo, commit), Hotkey(""), root, token)


def newest(repo: str, token: str | None) -> str:
    """The hash of a repository's newest commit. Blocks. Raises TuningError."""
    from huggingface_hub import HfApi  # noqa: PLC0415 (half a second)

    sha = repo_info(HfApi(token=token or False), repo, "main").sha
    if not isinstance(sha, str):
        raise TuningError(f"the repository {repo} has no commit: upload a model to it")
    return sha


def of_folder(folder: Path) -> StartingModel:
    """Raises TuningError if there is no model in it."""
    found = folder.expanduser().absolute()
    if not (found / "config.json").is_file():
        raise TuningError(f"--load_model_dir {folder}: there is no model: it has no config.json")
    return StartingModel(hub.model_folder(str(found), None), found.name)


def _fetched(
    competition: Competition, submission: Submission, hotkey: Hotkey, root: Path, token: str | None
) -> StartingModel:
    folder = root / f"{submission.repo.replace('/', '--')}@{submission.revision[:12]}"
    return StartingModel(download(competition, submission, hotkey, folder, token), submission.repo)
