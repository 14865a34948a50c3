"""Two files or none; what was there is kept; what is written is what a miner starts with."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from logicnet.cli import main
from logicnet.config import read
from logicnet.config.started import as_started, others_started
from logicnet.operate.demo.stage import hotkey

ROOT = Path(__file__).parents[4]
URL = "http://127.0.0.1:9/v1"
Said = pytest.CaptureFixture[str]


def init(wallets: Path, *words: str) -> int:
    return main(["init", "--wallet.path", str(wallets), "--miner.llm_client.base_url", URL, "--yes", *words])


def test_both_files_for_this_machine(wallets: Path, tmp_path: Path, capsys: Said) -> None:
    assert init(wallets, "--axon.port", "9000", "--ledger.path", "here.sqlite") == 0
    config = read([], {}, tmp_path / ".env")
    settings = config.settings
    assert (settings.wallet.name, settings.wallet.hotkey, settings.axon.port) == ("demo", "miner", 9000)
    assert settings.ledger.path == tmp_path / "here.sqlite"  # from wherever pm2 starts it
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert "SN35_VLLM=false" in (tmp_path / ".env").read_text()
    script = (tmp_path / "ecosystem.config.js").read_text()
    assert script == (ROOT / "ecosystem.config.js").read_text()
    out = capsys.readouterr().out
    assert "Wrote .env." in out and "logicnet doctor" in out
    assert list(tmp_path.glob(".env?*")) == []


def test_what_is_promised_is_said_and_what_measures_it(
    wallets: Path, a_24_gb_card: None, capsys: Said
) -> None:
    assert init(wallets) == 0
    said = capsys.readouterr().out
    assert "The miner promises 512 challenges per interval. `logicnet volume advise` measures" in said
    words = ["--wallet.path", str(wallets), "--yes", "--force", "--model", "Qwen2.5-7B-Instruct"]
    assert main(["init", *words]) == 0
    volume = read([], {}, Path(".env")).settings.miner.epoch_volume
    said = capsys.readouterr().out
    assert f"The miner promises {volume} challenges per interval, the estimate of the plan." in said


def test_what_volume_advise_asks_is_installed_first(
    wallets: Path, a_24_gb_card: None, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--wallet.path", str(wallets), "--yes", "--force", "--model", "Qwen2.5-7B-Instruct"]
    step = f"{sys.executable} -m pip install 'logicnet[challenges]'"
    assert main(["init", *words]) == 0
    assert step not in capsys.readouterr().out
    monkeypatch.setattr("logicnet.operate.init.writing.QUESTIONS_OF", ("mathgenerator", "no_such_package"))
    assert main(["init", *words]) == 0
    said = capsys.readouterr().out
    assert 0 < said.index(step) < said.index("    logicnet volume advise")


def test_several_hotkeys_are_one_start_file_and_share_the_volume_of_the_model(
    tmp_path: Path, a_24_gb_card: None, capsys: Said
) -> None:
    folder = tmp_path / "wallets"
    for name in "abc":
        hotkey(folder, name)
    words = ["--wallet.path", str(folder), "--wallet.name", "demo", "--yes", "--model", "Qwen2.5-7B-Instruct"]
    assert main(["init", *words]) == 2  # which of the three?
    assert main(["init", *words, "--wallet.hotkey", "a"]) == 0
    alone = read([], {}, Path(".env")).settings.miner.epoch_volume
    assert main(["init", *words, "--force", "--hotkeys", "a,b,c", "--axon.port", "9000"]) == 0
    said = capsys.readouterr().out
    each = read([], {}, Path(".env")).settings.miner.epoch_volume
    assert each == alone // 3
    assert "3 miners, which share the model: a, b, c." in said
    assert f"Each miner promises {each} challenges" in said
    first, others = as_started([], {}, Path(".env")), others_started([], {}, Path(".env"))
    assert [(one.settings.wallet.hotkey, one.settings.axon.port) for one in (first, *others)] == [
        *(("a", 9000), ("b", 9001), ("c", 9002)),
    ]
    assert main(["init", *words, "--force"]) == 0  # as before
    assert dotenv_values(".env")["SN35_HOTKEYS"] == "a,b,c"
    assert main(["init", *words, "--force", "--wallet.hotkey", "b"]) == 0
    assert "SN35_HOTKEYS" not in dotenv_values(".env")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--hotkeys", "miner,miner"], "names miner twice"),
        (["--hotkeys", "miner,minor"], "did you mean 'miner'?"),
        (["--hotkeys", "miner,other", "--wallet.hotkey", "other"], "leave out --wallet.hotkey"),
        (["--hotkeys", "miner,other", "--axon.port", "65535"], "65536"),
    ],
)
def test_hotkeys_that_cannot_all_mine_are_one_line(
    wallets: Path, tmp_path: Path, capsys: Said, words: list[str], says: str
) -> None:
    assert init(wallets, *words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_unless_asked_and_then_it_is_kept(
    wallets: Path, tmp_path: Path, capsys: Said
) -> None:
    (tmp_path / ".env").write_text("HF_TOKEN=hf_old_token\n")
    (tmp_path / "ecosystem.config.js").write_text("// mine\n")
    assert init(wallets) == 2
    assert ".env exists. --force" in capsys.readouterr().err
    assert (tmp_path / ".env").read_text() == "HF_TOKEN=hf_old_token\n"
    assert init(wallets, "--force") == 0
    kept = {path.name.rpartition(".")[0]: path for path in (tmp_path / ".run/backups").iterdir()}
    assert kept[".env"].read_text() == "HF_TOKEN=hf_old_token\n"
    assert stat.S_IMODE(kept[".env"].stat().st_mode) == 0o600
    assert kept["ecosystem.config.js"].read_text() == "// mine\n"
    assert "HF_TOKEN=hf_old_token" in (tmp_path / ".env").read_text()
    assert "hf_old_token" not in capsys.readouterr().out
    assert init(wallets, "--force") == 0  # again: the same, and no second copy
    assert len(list((tmp_path / ".run/backups").iterdir())) == 2


def test_someone_elses_ecosystem_is_left_alone(wallets: Path, tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "ecosystem.config.js").write_text("// mine\n")
    assert init(wallets) == 2
    assert "exists, and is not ours" in capsys.readouterr().err
    assert not (tmp_path / ".env").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--wallet.hotkey", "minor"], "did you mean 'miner'?"),
        (["--miner.solver", "genius"], "takes"),
        (["--miner.category", "a\\b"], "cannot be written to .env"),
        (["--chain.file", "nowhere.json"], "add --offline"),
        (["--miner.llm_client.base_url", "https://api.example.com/v1"], "needs a key"),
    ],
)
def test_what_no_miner_would_start_with_is_not_written(
    wallets: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if words[0] == "--miner.llm_client.base_url":
        assert main(["init", "--wallet.path", str(wallets), "--yes", *words]) == 2
    else:
        assert init(wallets, *words) == 2
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_slip_in_the_old_file_is_named_as_there(wallets: Path, tmp_path: Path, capsys: Said) -> None:
    before = "# mine\n\nLOGICNET_AXON__PROT=1\n"
    (tmp_path / ".env").write_text(before)
    assert init(wallets, "--force", "--miner.solver", "genius") == 2
    said = capsys.readouterr().err
    assert "LOGICNET_AXON__PROT (.env line 3)" in said
    assert "did you mean LOGICNET_AXON__PORT?" in said
    assert (tmp_path / ".env").read_text() == before


def test_a_line_that_is_none_is_not_dropped_silently(wallets: Path, tmp_path: Path, capsys: Said) -> None:
    (tmp_path / ".env").write_text("HF_TOKEN=hf_abc\nsecret words\n")
    assert init(wallets, "--force") == 2
    assert "'secret words' is not of the form NAME=value" in capsys.readouterr().err


def test_a_value_of_several_lines_is_kept(wallets: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NOTE=\"one\ntwo 'three'\"\n")
    assert init(wallets, "--force") == 0
    assert dotenv_values(tmp_path / ".env")["NOTE"] == "one\ntwo 'three'"


def test_a_folder_that_cannot_be_had(wallets: Path, tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "file").touch()
    assert init(wallets, "--folder", "file") == 1
    assert "cannot be written to" in capsys.readouterr().err
