import io
import json

import pytest
from rich.console import Console

from logicnet.config import table
from logicnet.config.explain import console, in_force, print_config, print_config_json, print_flags
from tests.unit.config.conftest import Reads


def terminal(width: int = 100) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)


def text_of(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_help_lists_every_setting_with_type_default_and_description() -> None:
    out = Console(file=io.StringIO(), width=2000)
    print_flags(out)
    lines = {line.split()[0]: line for line in text_of(out).splitlines() if line.startswith("  --")}
    assert set(lines) == {setting.flag for setting in table().values()}
    for setting in table().values():
        line = lines[setting.flag]
        assert setting.description in line
        assert setting.switch or line.split()[1] == setting.takes.metavar
        if setting.default is not None and not setting.switch:
            shown = setting.shown(setting.default)
            assert f"[default: {shown}]" in line if shown else "[default" not in line
    assert "OPENAI_API_KEY if not given" in lines["--miner.llm_client.key"]


def test_help_groups_and_fits() -> None:
    out = terminal(80)
    print_flags(out)
    text = text_of(out)
    assert all(len(line) <= 80 for line in text.splitlines())
    for group in {setting.group for setting in table().values()}:
        assert f"\n{group}\n" in text


def test_in_force_says_value_and_source(reads: Reads) -> None:
    config = reads(
        *("--axon.port", "9000", "--offline"),
        environ={"OPENAI_API_KEY": "sk-secret-key"},
        env="LOGICNET_WALLET__NAME=w",
    )
    rows = in_force(config)
    assert list(rows) == list(table())
    assert rows["axon.port"] == {"value": 9000, "from": "flag --axon.port"}
    assert rows["miner.llm_client.key"] == {"value": "****", "from": "environment OPENAI_API_KEY"}
    assert rows["wallet.name"]["value"] == "w"
    assert str(rows["wallet.name"]["from"]).endswith(".env line 1 LOGICNET_WALLET__NAME")
    assert rows["miner.limit_interval"] == {"value": 600.0, "from": "default"}
    assert rows["hf_token"] == {"value": None, "from": "default"}


def test_in_force_says_what_follows_from_others(reads: Reads) -> None:
    rows = in_force(reads("--axon.port", "9000", "--offline", "--wallet.name", "w"))
    assert rows["axon.host"] == {"value": "127.0.0.1", "from": "default, from offline"}
    assert rows["axon.external_port"] == {"value": 9000, "from": "default, from axon.port"}
    assert str(rows["ledger.path"]["value"]).endswith("w-default.sqlite")
    given = in_force(reads("--axon.host", "::1", "--axon.external_port", "1", "--ledger.path", "/l"))
    assert [given[name]["value"] for name in ("axon.host", "axon.external_port", "ledger.path")] == [
        "::1",
        1,
        "/l",
    ]


def test_in_a_pipe_a_setting_is_a_line(reads: Reads, capsys: pytest.CaptureFixture[str]) -> None:
    print_config(console(), reads("--logging.json", "--miner.llm_client.key", "sk-secret-key"))
    out = capsys.readouterr().out
    assert len(out.splitlines()) == len(table())
    assert "logging.json = true  # flag --logging.json\n" in out
    assert "miner.llm_client.key = ****  # flag --miner.llm_client.key\n" in out
    assert "chain.file = -  # default\n" in out
    assert "secret" not in out and "\x1b" not in out


def test_as_json_it_can_be_read_back(reads: Reads, capsys: pytest.CaptureFixture[str]) -> None:
    config = reads("--miner.llm_client.key", "sk-secret-key")
    print_config_json(config)
    out = capsys.readouterr().out
    assert json.loads(out) == in_force(config)
    assert "secret" not in out


def test_on_a_terminal_it_is_a_table(reads: Reads) -> None:
    out = terminal()
    print_config(out, reads("--wallet.name", "[red]w", "--miner.llm_client.key", "sk-secret-key"))
    text = text_of(out)
    assert "[red]w" in text
    assert "****" in text and "secret" not in text
    assert all(setting.name in text for setting in table().values())
