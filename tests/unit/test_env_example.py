""".env.example holds nothing that the miner would refuse."""

import re
from pathlib import Path

import pytest

from logicnet.config import read

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_as_it_is():
    settings = read([], {}, EXAMPLE).settings
    assert settings.wallet.name == "my_coldkey"
    assert settings.miner.epoch_volume == 512
    assert not settings.offline


@pytest.mark.parametrize("prefix", ["# LOGICNET_", "# "])
def test_with_the_comments_taken_off(tmp_path, prefix):
    lines = re.sub(
        rf"^{prefix}(?=[A-Z_]+=)", prefix.removeprefix("# "), EXAMPLE.read_text(), flags=re.MULTILINE
    )
    file = tmp_path / ".env"
    file.write_text(lines)
    settings = read([], {}, file).settings
    assert settings.offline
    assert settings.chain.file == Path(".run/demo/network.json")
    assert settings.wallet.hotkey == "miner"
    assert settings.axon.external_ip is not None
