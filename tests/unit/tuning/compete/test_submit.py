"""A model's way from a folder to the chain, and to another miner's folder."""

from pathlib import Path

import pytest

from logicnet.errors import TuningError
from logicnet.tuning.compete.commitment import submitted
from logicnet.tuning.compete.download import download
from logicnet.tuning.compete.submit import Submitter
from tests.harness.hub import LoopbackHub
from tests.harness.mini_substrate import MiniChain
from tests.harness.model_folder import files_of, model_folder
from tests.unit.tuning.compete.conftest import HOTKEY, RIVAL, Clock, chain_of, committer


@pytest.mark.thorough
@pytest.mark.parametrize("bound", [False, True])
async def test_a_model_is_uploaded_committed_and_downloaded_by_another_miner(
    hub: LoopbackHub, mini: MiniChain, clock: Clock, tmp_path: Path, bound: bool
) -> None:
    folder = model_folder(tmp_path / "model")
    submitter = Submitter(committer(mini, clock, tmp_path), hub.token, base=str(folder), bind_hotkey=bound)
    done = await submitter.submit(folder, "maker/model")

    chain = chain_of(mini, RIVAL)
    (found,) = await submitted(chain, submitter.competition)
    assert found.hotkey == HOTKEY
    assert submitter.competition.write(found.submission) == done.text
    assert found.submission.revision == hub.head(("models", "maker/model"))
    got = download(submitter.competition, found.submission, found.hotkey, tmp_path / "got")
    assert files_of(got) == files_of(folder)
    if bound:
        with pytest.raises(TuningError, match="is not what was committed"):
            download(submitter.competition, found.submission, RIVAL.ss58_address, tmp_path / "copied")
