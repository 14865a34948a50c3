"""What the tests of training share: a base model, and the job that most of them vary."""

from pathlib import Path

import pytest

from logicnet.tuning.train.jobfile import JobFile, Optimisation, Stopping
from tests.harness.tiny_models import tiny_llama


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Llama's folder."""
    return tiny_llama(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def sft(base: Path) -> JobFile:
    """A job of 18 steps with three evaluations after the first."""
    return JobFile(
        id="0" * 32,
        task="sft",
        base=str(base),
        base_name="tiny/llama",
        optimisation=Optimisation(lr=1e-2, batch=8, max_length=64),
        stopping=Stopping(evaluations=3),
        threads=1,
    )
